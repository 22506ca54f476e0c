//! The events of a slice in order, found without a branch, which nobody could predict.
//!
//! The place of an event is the number of those before it. So each is compared with all others, as many at once as a
//! register holds.
//!
//! *Measured* against Batcher's network of 63 comparisons, whose sixteen numbers no set of ordinary registers holds:
//! a slice of ten events is in order in half the time.

use super::agenda::Entry;
use crate::wide::Loop;

/// The most that are put in order at once.
pub(super) const BATCH: usize = 16;

/// Puts entries in order.
pub(super) struct Ranking<'a, L> {
    /// With keys below 2⁶³; at most one less than a batch.
    pub(super) entries: &'a [Entry<L>],
    /// How many; beyond that anything.
    pub(super) len: usize,
    /// Entries whose keys differ in this many low bits only are tied.
    pub(super) loose_bits: u32,
    /// They go here, if none are tied; beyond their number anything.
    pub(super) sorted: &'a mut [Entry<L>; BATCH],
    pub(super) tied: &'a mut bool,
}

impl<L: Copy> Loop for Ranking<'_, L> {
    #[inline(always)]
    fn run(self) {
        let Ranking { entries, len, loose_bits, sorted, tied } = self;
        let (mut keys, mut moments) = ([i64::MAX; BATCH], [i64::MAX; BATCH]);
        for (place, entry) in entries.iter().enumerate().take(BATCH - 1) {
            keys[place] = if place < len { entry.key as i64 } else { i64::MAX };
            moments[place] = keys[place] >> loose_bits;
        }
        let (mut ranks, mut same) = ([0_i64; BATCH], [0_i64; BATCH]);
        for nth in 0..len {
            // Leaving the loop early keeps it in the order written: all places at once, not all entries.
            let Some(entry) = entries.get(nth) else { return };
            let key = entry.key as i64;
            for place in 0..BATCH {
                ranks[place] += i64::from(key < keys[place]);
                same[place] += i64::from(key >> loose_bits == moments[place]);
            }
        }
        for (&entry, &rank) in entries.iter().zip(&ranks).take(len) {
            sorted[rank as usize % BATCH] = entry;
        }
        *tied = same.iter().fold(0, |most, &count| count.max(most)) > 1;
    }
}
