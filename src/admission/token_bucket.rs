//! Token bucket: the default, and what the clearest published test on Bedrock fits.

use super::batch::{AllAdmitted, Batch};
use super::least_inflow::least_inflow;
use super::limiter::{Entry, Limiter};
use crate::units::{Probability, SimSpan, SimTime};

/// One token in the bucket's unit, token·ns per minute: a refill of `Q` tokens per minute over whole nanoseconds is
/// then a whole number, and the level exact.
const TOKEN: i128 = SimSpan::MINUTE.0 as i128;

/// A bucket refilled continuously at `Q/60` per second up to `C = Q × burst / 60 s`.
///
/// Admits when `level ≥ cost`. A refund stops at `C`; an overdraft may take the level below zero.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    /// Level at `as_of`, in [`TOKEN`]s.
    level: i128,
    capacity: i128,
    /// The capacity in whole tokens.
    whole_capacity: u64,
    as_of: SimTime,
    limit: u64,
    burst: SimSpan,
}

impl TokenBucket {
    /// A bucket for `limit` tokens per minute with this share of its capacity in it.
    pub fn new(limit: u64, burst: SimSpan, initial_level: Probability) -> TokenBucket {
        let capacity = i128::from(limit) * i128::from(burst.0);
        // A share in whole billionths keeps the level a whole number.
        let share = (initial_level.0 * 1e9 + 0.5) as i128;
        TokenBucket {
            level: capacity * share / 1_000_000_000,
            capacity,
            whole_capacity: (capacity / TOKEN) as u64,
            as_of: SimTime::ZERO,
            limit,
            burst,
        }
    }

    /// The level now, in [`TOKEN`]s.
    #[inline(always)]
    fn refill(&mut self, now: SimTime) {
        let elapsed = now.0 - self.as_of.0;
        // limit × elapsed is below 2¹²⁸ for every limit and time: both are 64-bit.
        self.level = self.capacity.min(self.level + (u128::from(self.limit) * u128::from(elapsed)) as i128);
        self.as_of = now;
    }
}

impl Limiter for TokenBucket {
    #[inline(always)]
    fn fits(&mut self, now: SimTime, cost: u64) -> bool {
        self.refill(now);
        self.level >= i128::from(cost) * TOKEN
    }

    #[inline(always)]
    fn take(&mut self, now: SimTime, cost: u64) -> Entry {
        debug_assert_eq!(self.as_of, now, "asked whether it fits at the same instant");
        self.level -= i128::from(cost) * TOKEN;
        Entry::default()
    }

    #[inline(always)]
    fn give_back(&mut self, now: SimTime, _taken: SimTime, _entry: Entry, refund: i64) {
        self.refill(now);
        self.level = self.capacity.min(self.level + i128::from(refund) * TOKEN);
    }

    #[inline(always)]
    fn begin_batch(&mut self, from: SimTime, _until: SimTime, reserved: u64) -> bool {
        self.refill(from);
        self.level >= i128::from(reserved) * TOKEN
    }

    /// A bucket that does not run dry still has a top, and what flows over there depends on the order of events.
    ///
    /// *Formula*: with `N(s)` for what flows in net from `s` until the end, the level there is the smallest of
    /// `level + N(start)`, `C`, and `C + N(s)` over all `s`: the bucket starts with its level, and is never above `C`.
    /// Only those `s` count right after which something happens, for between them `N` decreases. (The reflection map
    /// of queueing theory.)
    #[inline(always)]
    fn admit_all(&mut self, batch: &Batch<'_>, _entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted> {
        debug_assert_eq!(self.as_of, batch.from, "made ready");
        let taken = batch.reserved as i64 + batch.overdrawn;
        let inflow = i128::from(self.limit) * i128::from(batch.until.0 - batch.from.0);
        let moved = i128::from(taken + batch.returned) * TOKEN;
        let level = self.level - i128::from(taken) * TOKEN;
        if level < 0 || inflow + moved > i128::from(i64::MAX / 4) {
            return None;
        }
        let end = level + i128::from(batch.returned) * TOKEN + inflow;
        self.level = if self.level + i128::from(batch.returned) * TOKEN + inflow <= self.capacity {
            // Nothing can flow over, in whichever order.
            end
        } else {
            end.min(self.capacity + i128::from(least_inflow(batch, TOKEN as i64, self.limit as i64)?))
        };
        self.as_of = batch.until;
        Some(AllAdmitted { first: Entry::default() })
    }

    fn penalise(&mut self, now: SimTime) {
        self.refill(now);
        self.level = (self.level - TOKEN).max(self.level.min(0));
    }

    fn capacity(&self) -> u64 {
        self.whole_capacity
    }

    fn available(&mut self, now: SimTime) -> i64 {
        self.refill(now);
        self.level.div_euclid(TOKEN) as i64
    }

    fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime> {
        self.refill(now);
        let cost = i128::from(cost) * TOKEN;
        if cost > self.capacity || (self.limit == 0 && cost > self.level) {
            return None;
        }
        let missing = (cost - self.level).max(0) as u128;
        let wait = missing.div_ceil(u128::from(self.limit.max(1)));
        Some(now.saturating_add(SimSpan(wait.try_into().unwrap_or(u64::MAX))))
    }

    /// The level stays as it is, cut to the new capacity (*assumption*: AWS does not say what happens to it).
    fn set_limit(&mut self, now: SimTime, limit: u64) {
        self.refill(now);
        self.limit = limit;
        self.capacity = i128::from(limit) * i128::from(self.burst.0);
        self.whole_capacity = (self.capacity / TOKEN) as u64;
        self.level = self.level.min(self.capacity);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minute_bucket(limit: u64) -> TokenBucket {
        TokenBucket::new(limit, SimSpan::MINUTE, Probability(1.0))
    }

    #[test]
    fn a_full_minute_is_there_at_the_start_and_comes_back_in_a_minute() {
        let mut bucket = minute_bucket(100_000);
        assert!(bucket.fits(SimTime::ZERO, 100_000));
        let _ = bucket.take(SimTime::ZERO, 100_000);
        assert!(!bucket.fits(SimTime(599_999), 1), "one token takes 600,000 ns to refill");
        assert!(bucket.fits(SimTime(600_000), 1));
        assert!(!bucket.fits(SimTime(SimSpan::MINUTE.0 - 1), 100_000));
        assert!(bucket.fits(SimTime(SimSpan::MINUTE.0), 100_000));
    }

    #[test]
    fn an_overdraft_goes_below_zero_and_a_refund_stops_at_the_top() {
        let mut bucket = minute_bucket(60_000);
        assert!(bucket.fits(SimTime::ZERO, 60_000));
        let entry = bucket.take(SimTime::ZERO, 60_000);
        bucket.give_back(SimTime::ZERO, SimTime::ZERO, entry, -1_000);
        assert_eq!(bucket.available(SimTime::ZERO), -1_000);
        bucket.give_back(SimTime::ZERO, SimTime::ZERO, entry, 900_000);
        assert_eq!(bucket.available(SimTime::ZERO), 60_000);
    }

    #[test]
    fn capacity_is_exact_for_any_burst() {
        let bucket = TokenBucket::new(60_000, SimSpan(4_500_000_000), Probability(0.5));
        assert_eq!(bucket.capacity(), 4_500);
        assert_eq!(bucket.level, 2_250 * TOKEN);
    }

    #[test]
    fn a_penalty_stops_at_zero() {
        let mut bucket = TokenBucket::new(6, SimSpan::MINUTE, Probability(0.25));
        bucket.penalise(SimTime::ZERO);
        assert_eq!(bucket.level, TOKEN / 2);
        bucket.penalise(SimTime::ZERO);
        assert_eq!(bucket.level, 0);
    }
}
