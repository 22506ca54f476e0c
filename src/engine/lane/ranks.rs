//! The events of a slice in order, found without a branch, which nobody could predict.
//!
//! The place of an event is the number of those before it. So each is compared with all others, as many at once as a
//! register holds.
//!
//! *Measured* against Batcher's network of 63 comparisons, whose sixteen numbers no set of ordinary registers holds:
//! a slice of ten events is in order in half the time.

use super::cells::Cell;
use super::entry::Entry;
use crate::wide::Loop;

/// The most that are put in order at once.
pub(super) const BATCH: usize = 16;

/// Puts the entries of a cell in order.
pub(super) struct Ranking<'a> {
    pub(super) cell: &'a Cell,
    /// How many there are.
    pub(super) len: usize,
    /// They go here, if no two are at one instant; beyond their number anything.
    pub(super) sorted: &'a mut [Entry; BATCH],
    /// Whether two are.
    pub(super) tied: &'a mut bool,
}

impl Loop for Ranking<'_> {
    #[inline(always)]
    fn run(self) {
        let Ranking { cell, len, sorted, tied } = self;
        let (mut offsets, mut ranks) = ([i32::MAX; BATCH], [0; BATCH]);
        for (place, &key) in cell.keys.iter().enumerate() {
            offsets[place] = if place < len { (key >> 32) as i32 } else { i32::MAX };
        }
        for nth in 0..len {
            // Leaving the loop early keeps it in the order written: all places at once, not all entries.
            let Some(&offset) = offsets.get(nth) else { return };
            for place in 0..BATCH {
                ranks[place] += i32::from(offset < offsets[place]);
            }
        }
        let mut pairs = 0;
        for (entry, &rank) in cell.entries(len).zip(&ranks) {
            pairs += rank as usize;
            sorted[rank as usize % BATCH] = entry;
        }
        // Of two at one instant neither is behind the other.
        *tied = 2 * pairs < len * len.saturating_sub(1);
    }
}
