//! Many attempts and ends at once, where their order cannot matter.
//!
//! An event loop that shows a limiter one event after the other pays for their order: it sorts, and it branches on what
//! nobody can predict. Most of the time the order decides nothing: all attempts would be admitted in whichever order
//! they came. Then a limiter can tell from the sums what it holds afterwards.

use super::gate::Reservation;
use super::limiter::Entry;
use crate::units::SimTime;

/// The most attempts, and the most ends, of a batch.
pub const BATCH: usize = 16;

/// First attempts and ends within one span of time. An end comes before the attempts of its instant.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The span: nothing is earlier, everything is before its end.
    pub from: SimTime,
    /// The end of the span.
    pub until: SimTime,
    /// How many attempts there are.
    pub attempts: usize,
    /// When they are made \[ns\], in order; beyond their number anything.
    pub made: &'a [u64; BATCH],
    /// What they ask to reserve [quota tokens].
    pub costs: &'a [u64; BATCH],
    /// What they ask for together.
    pub reserved: u64,
    /// How many attempts end.
    pub ends: usize,
    /// When they end, in any order: in the upper 32 bits, from the beginning of the span on \[ns\].
    pub ended: &'a [u64; BATCH],
    /// What [comes back](super::Limiter::comes_back) as each ends [quota tokens].
    pub refunds: &'a [i64; BATCH],
    /// What comes back together.
    pub returned: i64,
    /// What is taken together by ends whose charge exceeds what they held.
    pub overdrawn: i64,
}

/// A limiter's word that it has admitted all attempts of a batch.
#[derive(Debug)]
pub struct AllAdmitted {
    /// Where it keeps the first; the others follow.
    pub(super) first: Entry,
}

impl AllAdmitted {
    /// The reservation of an attempt, by its place in the batch.
    #[inline(always)]
    pub fn reservation(&self, attempt: usize, made: SimTime, cost: u64) -> Reservation {
        Reservation { at: made, held: cost, entry: Entry(self.first.0 + attempt as u64) }
    }
}
