//! How often a request was refused, and what has become of it, in one number.

use crate::client::MOST_ATTEMPTS;

/// How often a request of a block was refused, by a quota or as the service was unavailable, and what has become of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State(u32);

const _: () = assert!(MOST_ATTEMPTS <= u32::BITS - State::UNAVAILABLE_AT, "there is a bit for each attempt");

impl State {
    const THROTTLES: u32 = (1 << 8) - 1;
    const ADMITTED_AT: u32 = 8;
    const GIVEN_UP_AT: u32 = 9;
    const LEFT_AT: u32 = 10;
    /// The attempts that meet an unavailable service, the first in the lowest of sixteen bits: no ladder has more.
    const UNAVAILABLE_AT: u32 = 16;
    /// It has a record of its own, which is where it is counted.
    pub(super) const LEFT: State = State(1 << State::LEFT_AT);

    /// How often it was refused.
    #[inline(always)]
    pub(super) fn throttles(self) -> u32 {
        self.0 & State::THROTTLES
    }

    /// One if it has been admitted.
    #[inline(always)]
    pub(super) fn admitted(self) -> u32 {
        (self.0 >> State::ADMITTED_AT) & 1
    }

    /// One if it has been given up.
    #[inline(always)]
    pub(super) fn given_up(self) -> u32 {
        (self.0 >> State::GIVEN_UP_AT) & 1
    }

    /// One if it has a record of its own.
    #[inline(always)]
    pub(super) fn left(self) -> u32 {
        (self.0 >> State::LEFT_AT) & 1
    }

    /// How many of its waits an attempt has followed: none the one after its last refusal, if it has not been admitted since.
    #[inline(always)]
    pub(super) fn waits(self) -> u32 {
        self.throttles().saturating_sub(self.admitted() ^ 1)
    }

    /// How many attempts it has made, if it has arrived.
    #[inline(always)]
    pub(super) fn attempts(self) -> u32 {
        self.waits() + (self.left() ^ 1)
    }

    /// Ones if it has attempts left, of so many, should the next be refused.
    #[inline(always)]
    pub(super) fn has_left(self, most: u32) -> u64 {
        ((i64::from(self.throttles()) + 1 - i64::from(most)) >> 63) as u64
    }

    /// Whether any of its attempts meets an unavailable service.
    #[inline(always)]
    pub(super) fn may_meet_unavailable(self) -> bool {
        self.0 >= 1 << State::UNAVAILABLE_AT
    }

    /// Ones if its next attempt does.
    #[inline(always)]
    pub(super) fn meets_unavailable(self) -> u64 {
        let attempts = self.0 >> State::UNAVAILABLE_AT;
        u64::from(attempts.wrapping_shr(self.throttles()) & 1).wrapping_neg()
    }

    /// These attempts, the first in the lowest bit, meet an unavailable service.
    pub(super) fn will_meet_unavailable(&mut self, attempts: u16) {
        self.0 |= u32::from(attempts) << State::UNAVAILABLE_AT;
    }

    /// Its next attempt is refused, if the lowest of these bits says so; one if it is decided then, and zero if it waits.
    #[inline(always)]
    pub(super) fn attempted(&mut self, refused: u64, decided: u64) {
        /// By how much it changes of a request that waits, and of one that is admitted or given up.
        const CHANGES: [u32; 4] = [1, 1, 1 << State::ADMITTED_AT, (1 << State::GIVEN_UP_AT) + 1];
        self.0 += CHANGES[(2 * decided + (refused & 1)) as usize];
    }
}
