//! The events of a slice in order, found without a branch, which nobody could predict.
//!
//! The place of an event is the number of those before it. So each is compared with all others, as many at once as a
//! register holds.
//!
//! *Measured* against Batcher's network of 63 comparisons, whose sixteen numbers no set of ordinary registers holds:
//! a slice of ten events is in order in half the time.

use super::agenda::{Cell, Entry};
use crate::wide::Loop;

/// The most that are put in order at once.
pub(super) const BATCH: usize = 16;

/// Puts the entries of a cell in order.
pub(super) struct Ranking<'a, L> {
    /// Its keys are below 2⁶³.
    pub(super) cell: &'a Cell<L>,
    /// How many there are.
    pub(super) len: usize,
    /// Entries whose keys differ in this many low bits only are tied.
    pub(super) loose_bits: u32,
    /// They go here, if none are tied; beyond their number anything.
    pub(super) sorted: &'a mut [Entry<L>; BATCH],
    pub(super) tied: &'a mut bool,
}

impl<L: Copy + Default> Loop for Ranking<'_, L> {
    #[inline(always)]
    fn run(self) {
        let Ranking { cell, len, loose_bits, sorted, tied } = self;
        let (mut keys, mut moments) = ([i64::MAX; BATCH], [i64::MAX; BATCH]);
        for (place, &key) in cell.keys.iter().enumerate() {
            keys[place] = if place < len { key as i64 } else { i64::MAX };
            moments[place] = keys[place] >> loose_bits;
        }
        let (mut ranks, mut same) = ([0_i64; BATCH], [0_i64; BATCH]);
        for nth in 0..len {
            // Leaving the loop early keeps it in the order written: all places at once, not all entries.
            let Some(&key) = cell.keys.get(nth) else { return };
            let key = key as i64;
            for place in 0..BATCH {
                ranks[place] += i64::from(key < keys[place]);
                same[place] += i64::from(key >> loose_bits == moments[place]);
            }
        }
        for (entry, &rank) in cell.entries(len).zip(&ranks) {
            sorted[rank as usize % BATCH] = entry;
        }
        *tied = same.iter().fold(0, |most, &count| count.max(most)) > 1;
    }
}
