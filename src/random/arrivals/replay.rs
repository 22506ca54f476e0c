//! A recorded trace, repeated and multiplied.

use crate::model::arrivals::TraceRow;
use crate::model::scenario::Load;
use crate::model::{Spike, Trace};
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
/// In a spike of `m` there are `m − 1` times as many copies more, which hold its rows alone.
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
    /// The share of rows that the thinned copy of a spike keeps.
    kept_in_spike: Probability,
    /// Where the spike begins and ends.
    spike: [u64; 2],
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
    /// Whether it holds the rows of the spike alone.
    in_spike: bool,
    /// When this round of the copy began.
    round_start: u64,
    row: u32,
    /// Rows passed in all rounds, the address of the next row's thinning.
    place: u64,
}

/// How far a number of copies may be from a whole one and count as it: 30 copies of a tenth are three.
const ROUNDING: f64 = 1e-9;

/// A number of copies as whole ones and the share of rows that one more keeps.
fn whole_and_part(copies: f64) -> (u32, Probability) {
    let nearest = libm::round(copies);
    let copies = if (copies - nearest).abs() < ROUNDING * nearest.max(1.0) { nearest } else { copies };
    let whole = libm::floor(copies) as u32;
    (whole, Probability(copies - f64::from(whole)))
}

impl Replay {
    pub(super) fn new(trace: &Trace, load: Load, key: Key, horizon: SimTime, spike: Option<&Spike>) -> Replay {
        let rows = Arc::clone(&trace.rows);
        let last = rows.last().map_or(0, |row| row.at.0);
        let mean_gap = last / (rows.len() as u64).saturating_sub(1).max(1);
        let period = if trace.repeat { last + mean_gap } else { 0 };

        let copies = trace.scale * load.numerator as f64 / load.denominator as f64;
        let (whole, kept) = whole_and_part(copies);
        let (whole_in_spike, kept_in_spike) =
            spike.map_or((0, Probability(0.0)), |spike| whole_and_part(copies * (spike.load.as_f64() - 1.0)));
        let spike = spike.map_or([0; 2], |spike| [spike.at.0, spike.ends().0]);
        let recording = Recording { rows, key, kept, kept_in_spike, spike, period, horizon: horizon.0 };
        let mut cursors = BinaryHeap::new();
        let usual = whole + u32::from(kept.0 > 0.0);
        for copy in 0..usual + whole_in_spike + u32::from(kept_in_spike.0 > 0.0) {
            let golden_part = u64::from(copy).wrapping_mul(GAMMA);
            let shift = ((u128::from(golden_part) * u128::from(mean_gap)) >> 64) as u64;
            let in_spike = copy >= usual;
            let thinned = copy == if in_spike { usual + whole_in_spike } else { whole };
            let mut cursor = Cursor { time: 0, copy, thinned, in_spike, round_start: shift, row: 0, place: 0 };
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
            let (begin, end, kept) = match (cursor.in_spike, self.spike) {
                (true, [begin, end]) => (begin, end.min(self.horizon), self.kept_in_spike),
                (false, _) => (0, self.horizon, self.kept),
            };
            if cursor.time >= end {
                return false;
            }
            let bits = self.key.attempt_bits(cursor.place, cursor.copy);
            if cursor.time >= begin && (!cursor.thinned || happens(kept, bits)) {
                return true;
            }
            cursor.row += 1;
            cursor.place += 1;
        }
    }
}
