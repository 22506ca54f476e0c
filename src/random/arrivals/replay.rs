//! A recorded trace, repeated and multiplied.

use crate::model::Trace;
use crate::model::arrivals::TraceRow;
use crate::model::scenario::Load;
use crate::random::address::{GAMMA, Key, happens};
use crate::units::{Probability, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::sync::Arc;

/// The rows of a trace in order of time, `scale · load` copies of each.
///
/// A scale of 2.5 is two copies and a third one that keeps each row with probability one half. Copy 0 keeps the
/// recorded times; copy `c` comes later by the fractional part of `c·0.618…` (the golden ratio) of the mean gap: such
/// shifts are spread evenly however many there are, so a higher load adds copies and moves none. Rows at one instant
/// come in the order of the copies.
///
/// Repeated, the trace has the period *last row + mean gap*, the mean gap being *last row / (rows − 1)*. A trace that
/// takes no time is not repeated.
#[derive(Debug, Clone)]
pub(super) struct Replay {
    recording: Recording,
    cursors: BinaryHeap<Reverse<Cursor>>,
}

#[derive(Debug, Clone)]
struct Recording {
    rows: Arc<[TraceRow]>,
    key: Key,
    /// The share of rows that the thinned copy keeps.
    kept: Probability,
    /// Zero where the trace is not repeated.
    period: u64,
    horizon: u64,
}

/// The next row of a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Cursor {
    time: u64,
    /// The copy, which orders rows at one instant.
    copy: u32,
    thinned: bool,
    /// When this round of the copy began.
    round_start: u64,
    row: u32,
    /// Rows passed in all rounds, the address of the next row's thinning.
    place: u64,
}

/// How far a number of copies may be from a whole one and count as it: 30 copies of a tenth are three.
const ROUNDING: f64 = 1e-9;

impl Replay {
    pub(super) fn new(trace: &Trace, load: Load, key: Key, horizon: SimTime) -> Replay {
        let rows = Arc::clone(&trace.rows);
        let last = rows.last().map_or(0, |row| row.at.0);
        let mean_gap = last / (rows.len() as u64).saturating_sub(1).max(1);
        let period = if trace.repeat { last + mean_gap } else { 0 };

        let copies = trace.scale * load.numerator as f64 / load.denominator as f64;
        let nearest = libm::round(copies);
        let copies = if (copies - nearest).abs() < ROUNDING * nearest.max(1.0) { nearest } else { copies };
        let whole = libm::floor(copies) as u32;
        let kept = Probability(copies - f64::from(whole));

        let recording = Recording { rows, key, kept, period, horizon: horizon.0 };
        let mut cursors = BinaryHeap::new();
        for copy in 0..whole + u32::from(kept.0 > 0.0) {
            let golden_part = u64::from(copy).wrapping_mul(GAMMA);
            let shift = ((u128::from(golden_part) * u128::from(mean_gap)) >> 64) as u64;
            let mut cursor = Cursor { time: 0, copy, thinned: copy == whole, round_start: shift, row: 0, place: 0 };
            if recording.seek(&mut cursor) {
                cursors.push(Reverse(cursor));
            }
        }
        Replay { recording, cursors }
    }

    /// The next arrival and its row.
    pub(super) fn next(&mut self) -> Option<(u64, u32)> {
        let mut first = self.cursors.peek_mut()?;
        let Reverse(cursor) = &mut *first;
        let (time, row) = (cursor.time, cursor.row);
        cursor.row += 1;
        cursor.place += 1;
        if !self.recording.seek(cursor) {
            PeekMut::pop(first);
        }
        Some((time, row))
    }
}

impl Recording {
    /// Moves a copy on to a row that it keeps, if it is not at one; false when there is none before the horizon.
    fn seek(&self, cursor: &mut Cursor) -> bool {
        loop {
            if cursor.row as usize == self.rows.len() {
                if self.period == 0 {
                    return false;
                }
                cursor.row = 0;
                cursor.round_start = cursor.round_start.saturating_add(self.period);
            }
            let Some(row) = self.rows.get(cursor.row as usize) else { return false };
            cursor.time = cursor.round_start.saturating_add(row.at.0);
            if cursor.time >= self.horizon {
                return false;
            }
            if !cursor.thinned || happens(self.kept, self.key.attempt_bits(cursor.place, cursor.copy)) {
                return true;
            }
            cursor.row += 1;
            cursor.place += 1;
        }
    }
}
