//! Token bucket: the default, and what the clearest published test on Bedrock fits.

use super::limiter::{Entry, Limiter};
use super::room::Room;
use super::stretch::{End, Stretch, Walked};
use crate::units::{Probability, SimSpan, SimTime, round_up};

/// One token in the bucket's unit, token·ns per minute: a refill of `Q` tokens per minute over whole nanoseconds is
/// then a whole number, and the level exact.
const TOKEN: i128 = SimSpan::MINUTE.0 as i128;

/// It is so many times two to the power of so many: a walk counts in these parts, of which a level has few enough for 64 bits.
const PARTS: i64 = (TOKEN >> FINER) as i64;
const FINER: u32 = TOKEN.trailing_zeros();

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
    /// How many attempts have been admitted.
    admitted: u64,
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
            admitted: 0,
        }
    }

    /// What flows in a minute.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// How long `cost` takes to flow in \[ns\]; `None` if it never does.
    pub fn time_for(&self, cost: u64) -> Option<u64> {
        match (cost, self.limit) {
            (0, _) => Some(0),
            (_, 0) => None,
            (cost, limit) => Some(inflow_time(u128::from(cost) * TOKEN as u128, limit)),
        }
    }

    /// Whether [`time_in_floating_point`](Self::time_in_floating_point) is right for costs up to this one.
    #[inline(always)]
    pub fn is_exact_in_floating_point(&self, most: u64) -> bool {
        // Up to there a dividend and a divisor are exact. A quotient of two such numbers that is not whole is further from
        // the nearest whole number than rounding can move it.
        const EXACT: u64 = 1 << 53;
        // And no quotient is too large for `round_up`.
        const LEAST: u64 = 4;
        most < EXACT / TOKEN as u64 && (LEAST..EXACT).contains(&self.limit)
    }

    /// How long `cost` takes to flow in \[ns\], for many costs at a time: registers that hold several numbers do not divide
    /// integers.
    #[inline(always)]
    pub fn time_in_floating_point(&self, cost: u64) -> u64 {
        round_up((cost * TOKEN as u64) as f64 / self.limit as f64)
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
    fn take(&mut self, _now: SimTime, cost: u64) -> Entry {
        self.level -= i128::from(cost) * TOKEN;
        let entry = Entry(self.admitted);
        self.admitted += 1;
        entry
    }

    #[inline(always)]
    fn give_back(&mut self, now: SimTime, _entry: Entry, refund: i64) {
        self.refill(now);
        self.level = self.capacity.min(self.level + i128::from(refund) * TOKEN);
    }

    #[inline(always)]
    fn make_ready(&mut self, from: SimTime) -> SimTime {
        self.refill(from);
        SimTime::MAX
    }

    #[inline(always)]
    fn has_room(&self, taken: u64) -> bool {
        self.level >= i128::from(taken) * TOKEN
    }

    /// A bucket that does not run dry still has a top, and what flows over there depends on the order of events.
    ///
    /// *Formula*: with `N(s)` for what flows in net from `s` until the end, the level there is the smallest of
    /// `level + N(start)`, `C`, and `C + N(s)` over all `s`: the bucket starts with its level, and is never above `C`.
    /// (The reflection map of queueing theory.) No `s` of a slice has an `N(s)` below that of the slice's end less all
    /// that the slice takes: so all but a few slices are passed over by their sums.
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        debug_assert_eq!(self.as_of, stretch.from, "made ready");
        let until = stretch.until();
        let flow = |flows: &super::stretch::Flows| {
            i128::from(flows.returned as i64 - flows.asked as i64 - flows.overdrawn as i64) * TOKEN
        };
        let inflow = i128::from(self.limit) * i128::from(until.0 - stretch.from.0);
        let net = inflow + i128::from(stretch.returned() as i64 - stretch.taken() as i64) * TOKEN;
        let per_slice = i128::from(self.limit) * i128::from(stretch.width);
        let mut least = (self.level + net - self.capacity).min(0);
        let mut after = 0;
        // First those `s` for which the sums say it: then fewer slices are looked at.
        for flows in stretch.slices.iter().rev() {
            after += per_slice + flow(flows);
            least = least.min(after);
        }
        let (mut after, mut ends) = (0, Vec::new());
        for (slice, flows) in stretch.slices.iter().enumerate().rev() {
            if after - i128::from(flows.asked + flows.overdrawn) * TOKEN < least {
                least = after + stretch.least_inflow(slice, TOKEN, self.limit, least - after, &mut ends);
            }
            after += per_slice + flow(flows);
        }
        self.level = self.capacity + least;
        self.as_of = until;
        self.admitted += stretch.made.len() as u64;
    }

    /// As long as nothing can flow over, nor out of 64 bits.
    #[inline(always)]
    fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, _first: Entry) -> bool {
        /// What has fewer parts leaves room for what is taken and given back.
        const MOST: i128 = 1 << (62 + FINER);
        debug_assert_eq!(self.as_of, from, "made ready");
        let inflow = i128::from(self.limit) * i128::from(until.0 - from.0);
        let highest = self.level + inflow + i128::from(returned) * TOKEN;
        self.level > -MOST && highest <= self.capacity.min(MOST) && inflow <= i128::from(u64::MAX >> 1)
    }

    #[inline(always)]
    fn room(&self) -> Room {
        let (there, rest) = ((self.level >> FINER) as i64, self.level as u64 % (1 << FINER));
        Room { there, parts: PARTS, rest, inflow: self.limit, finer: FINER }
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        self.refill(walked.until);
        self.level -= i128::from(walked.taken) * TOKEN;
        self.admitted += walked.admitted;
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
        let wait = inflow_time((cost - self.level).max(0) as u128, self.limit.max(1));
        Some(now.saturating_add(SimSpan(wait)))
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

/// How long so much takes to flow in, at `limit` a nanosecond \[ns\].
#[inline(always)]
fn inflow_time(missing: u128, limit: u64) -> u64 {
    // A division of 128 bits is a call; one of 64 bits is an instruction.
    match u64::try_from(missing) {
        Ok(missing) => missing.div_ceil(limit),
        Err(_) => missing.div_ceil(u128::from(limit)).try_into().unwrap_or(u64::MAX),
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
        bucket.give_back(SimTime::ZERO, entry, -1_000);
        assert_eq!(bucket.available(SimTime::ZERO), -1_000);
        bucket.give_back(SimTime::ZERO, entry, 900_000);
        assert_eq!(bucket.available(SimTime::ZERO), 60_000);
    }

    #[test]
    fn capacity_is_exact_for_any_burst() {
        let bucket = TokenBucket::new(60_000, SimSpan(4_500_000_000), Probability(0.5));
        assert_eq!(bucket.capacity(), 4_500);
        assert_eq!(bucket.level, 2_250 * TOKEN);
    }

    #[test]
    fn a_bucket_without_room_is_empty_again_when_what_was_taken_has_flowed_in() {
        for limit in [0, 1, 60_000, 756_000_000] {
            for cost in [0, 1, 4_096, 400_000_000, u64::MAX >> 20] {
                let mut bucket = TokenBucket::new(limit, SimSpan::ZERO, Probability(1.0));
                let _ = bucket.take(SimTime::ZERO, cost);
                let empty = bucket.time_for(cost).map(|time| SimTime::ZERO.saturating_add(SimSpan(time)));
                assert_eq!(empty, bucket.retry_at(SimTime::ZERO, 0), "{cost} at {limit}");
            }
        }
    }

    #[test]
    fn times_in_floating_point_are_exact() {
        const MOST: u64 = 150_118;
        for limit in [4, 5, 59_999, 60_000, 3_831_996, 7_000_003, (1 << 53) - 1] {
            let bucket = TokenBucket::new(limit, SimSpan::ZERO, Probability(1.0));
            assert!(bucket.is_exact_in_floating_point(MOST) && !bucket.is_exact_in_floating_point(MOST + 1));
            for cost in (0..=MOST).step_by(7).chain([MOST]) {
                assert_eq!(Some(bucket.time_in_floating_point(cost)), bucket.time_for(cost), "{cost} at {limit}");
            }
        }
        for limit in [0, 3, 1 << 53, u64::MAX] {
            let bucket = TokenBucket::new(limit, SimSpan::ZERO, Probability(1.0));
            assert!(!bucket.is_exact_in_floating_point(0));
        }
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
