//! What is on the calendar of a lane: what happens when, to whom, and the load that it brings.

use super::alarms::NO_REQUEST;
use super::load::Load;
use crate::units::SimTime;

/// What happens, by class, and to whom, by slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct What(pub(super) u32);

impl What {
    /// The two highest bits are the class.
    const CLASS_AT: u32 = 30;
    /// The largest slot.
    pub(super) const MOST_SLOT: u32 = (1 << What::CLASS_AT) - 1;
    const TIMEOUT: u32 = 1 << What::CLASS_AT;
    const RELEASE: u32 = 2 << What::CLASS_AT;
    const RETRY: u32 = 3 << What::CLASS_AT;

    /// An attempt in this slot ends.
    #[inline(always)]
    pub(super) fn end(slot: u32) -> What {
        What(slot)
    }

    /// The client gives up an attempt of the request in this slot, or the request.
    pub(super) fn timeout(slot: u32) -> What {
        What(slot | What::TIMEOUT)
    }

    /// The request in this slot is let go by its client.
    pub(super) fn release(slot: u32) -> What {
        What(slot | What::RELEASE)
    }

    /// The request in this slot makes its next attempt.
    #[inline(always)]
    pub(super) fn retry(slot: u32) -> What {
        What(slot | What::RETRY)
    }

    #[inline(always)]
    pub(super) fn is_end(self) -> bool {
        self.0 <= What::MOST_SLOT
    }

    #[inline(always)]
    pub(super) fn is_retry(self) -> bool {
        self.0 >= What::RETRY
    }

    /// Whether it is neither an end nor the retry of a request in a block.
    #[inline(always)]
    pub(super) fn is_of_record(self) -> bool {
        const FIRST: u32 = What::MOST_SLOT + 1;
        self.0.wrapping_sub(FIRST) < (What::RETRY | NO_REQUEST) - FIRST
    }

    /// The other, if so; without a branch.
    #[inline(always)]
    pub(super) fn or(self, other: What, so: bool) -> What {
        self.masked(other, u64::from(so).wrapping_neg())
    }

    /// The other, if a mask of ones says so.
    #[inline(always)]
    pub(super) fn masked(self, other: What, so: u64) -> What {
        What(self.0 ^ ((self.0 ^ other.0) & so as u32))
    }

    pub(super) fn is_timeout(self) -> bool {
        self.0 & !What::MOST_SLOT == What::TIMEOUT
    }

    #[inline(always)]
    pub(super) fn slot(self) -> u32 {
        self.0 & What::MOST_SLOT
    }
}

/// What is due when: how long after the beginning of its slice \[ns\], in the upper half of a number, and what it is, in
/// the lower; and its load.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Entry {
    pub(super) key: u64,
    pub(super) load: Load,
}

impl Entry {
    #[inline(always)]
    pub(super) fn what(&self) -> What {
        What(self.key as u32)
    }

    /// How long after the beginning of its slice it is due \[ns\].
    #[inline(always)]
    pub(super) fn offset(&self) -> u64 {
        self.key >> 32
    }

    /// The instant within the slice and the class.
    #[inline(always)]
    pub(super) fn moment(&self) -> u64 {
        self.key >> What::CLASS_AT
    }
}

/// A place among events: between two instants, or between two classes at one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    /// Before all that is due at `at`.
    #[inline(always)]
    pub(super) fn before(at: SimTime) -> Moment {
        Moment(at.0 << 2)
    }

    /// Before the retries that are due at `at`, and after all else.
    #[inline(always)]
    pub(super) fn before_retries(at: SimTime) -> Moment {
        Moment((at.0 << 2) | u64::from(What::RETRY >> What::CLASS_AT))
    }

    /// Whether an event of a slice that begins at `base` comes before it.
    #[inline(always)]
    pub(super) fn is_after(self, base: u64, entry: Entry) -> bool {
        (base << 2) + entry.moment() < self.0
    }

    /// The first instant of which nothing comes before it.
    #[inline(always)]
    pub(super) fn until(self) -> SimTime {
        SimTime((self.0 + 3) >> 2)
    }
}
