//! The send-rate limiter of the adaptive modes: a token bucket whose rate follows CUBIC, the congestion control of TCP.
//!
//! It measures the rate of *responses* in half-second buckets, lowers the send rate when one is a throttle and lets it
//! grow along a cubic curve otherwise. It counts requests and knows nothing of tokens. The numbers are the same in all
//! four AWS SDKs and in both versions; only the starting state differs.
//!
//! Times are real seconds, as in the SDKs.
//!
//! *Source*: botocore 1.44.5 `retries/{adaptive,throttling,bucket}.py`, replayed in the tests; S. Ha, I. Rhee and
//! L. Xu, "CUBIC: a new TCP-friendly high-speed TCP variant" (2008).

/// What a throttle leaves of the rate.
const BETA: f64 = 0.7;
/// Steepness of the cubic [1/s³].
const SCALE: f64 = 0.4;
/// Weight of the newest half second in the measured rate.
const SMOOTHING: f64 = 0.8;
/// Measuring buckets per second.
const BUCKETS_PER_SECOND: f64 = 2.0;
/// The rate never exceeds the measured rate by more than this factor.
const MOST_AHEAD: f64 = 2.0;
/// The send rate never falls below this [1/s].
const MIN_RATE: f64 = 0.5;
/// The bucket never holds fewer than this many tokens.
pub(super) const MIN_CAPACITY: f64 = 1.0;
/// Tokens that an attempt takes.
pub(super) const SEND_COST: f64 = 1.0;
/// A shortfall that half a nanosecond would fill is granted, as the Rust SDK does: else rounding can ask for ever.
pub(super) const NO_TIME: f64 = 0.5e-9;

/// Fewer tokens are surely not enough: less by far more than rounding can amount to.
pub(super) const SURELY_SHORT: f64 = SEND_COST - 1e-9;

/// How an SDK's limiter starts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Start {
    /// Tokens per second until the first response. Zero stands for a bucket that starts to fill with that response.
    pub(super) rate: f64,
    /// Measured rate before anything was measured [1/s].
    pub(super) measured: f64,
    /// Measuring and the cubic start at time zero of the Unix epoch, not when the client was made: practically never.
    pub(super) at_epoch: bool,
    /// Rates are rounded to eight decimals.
    pub(super) eight_decimals: bool,
}

/// boto3's.
pub(super) const BOTO3: Start = Start { rate: 1.0, measured: 0.0, at_epoch: false, eight_decimals: false };
/// JavaScript's.
pub(super) const JAVASCRIPT: Start = Start { rate: 0.0, measured: 0.0, at_epoch: false, eight_decimals: true };
/// Rust's.
pub(super) const RUST: Start = Start { rate: 0.0, measured: MIN_RATE, at_epoch: false, eight_decimals: false };
/// Java's. *Assumption*: read, not run.
pub(super) const JAVA: Start = Start { rate: 0.0, measured: 0.0, at_epoch: true, eight_decimals: false };

/// The limiter of one client.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct CubicLimiter {
    /// Whether a throttle has been seen; before, attempts take no tokens.
    enabled: bool,
    eight_decimals: bool,
    /// Responses since the measuring bucket began.
    count: u32,
    /// Measured rate of responses [1/s].
    measured: f64,
    /// When the last measuring bucket began \[s\], and when the next will \[buckets\].
    bucket: f64,
    next_bucket: f64,
    /// Rate at the last throttle [1/s].
    w_max: f64,
    /// Time from the last throttle to the cubic's plateau \[s\].
    k: f64,
    /// The last throttle \[s\].
    throttled_at: f64,
    /// Send rate [1/s].
    pub(super) rate: f64,
    /// Most tokens the bucket holds.
    capacity: f64,
    pub(super) tokens: f64,
    pub(super) refilled_at: f64,
}

impl CubicLimiter {
    /// The limiter of a client made at `now` \[s\].
    pub(super) fn new(start: Start, now: f64) -> CubicLimiter {
        let (bucket, throttled_at) =
            if start.at_epoch { (f64::NEG_INFINITY, f64::NEG_INFINITY) } else { (libm::floor(now), now) };
        CubicLimiter {
            enabled: false,
            eight_decimals: start.eight_decimals,
            count: 0,
            measured: start.measured,
            bucket,
            next_bucket: bucket * BUCKETS_PER_SECOND + 1.0,
            w_max: 0.0,
            k: 0.0,
            throttled_at,
            rate: start.rate,
            capacity: MIN_CAPACITY,
            tokens: 0.0,
            refilled_at: now,
        }
    }

    /// Whether attempts take tokens.
    #[inline(always)]
    pub(super) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Books a response, successful or not, and sets the new rate.
    ///
    /// # Formula
    ///
    /// After a throttle, with r the measured rate, or the send rate if that is lower and already in force:
    /// `w_max = r`, `k = ∛(w_max·(1 − β)/c)`, `rate = β·r`. Otherwise `rate = c·(t − t_throttle − k)³ + w_max`.
    /// Then `rate ≤ 2 × measured`, and the bucket has been refilled at the old rate up to now.
    #[inline(always)]
    pub(super) fn update(&mut self, now: f64, throttle: bool) {
        let rate = self.next_rate(now, throttle);
        self.refill(now);
        self.set(rate, self.tokens, now);
    }

    /// The rate is new, and so many tokens are there.
    #[inline(always)]
    pub(super) fn set(&mut self, rate: f64, tokens: f64, refilled_at: f64) {
        self.rate = rate;
        self.capacity = greater(rate, MIN_CAPACITY);
        self.tokens = lesser(tokens, self.capacity);
        self.refilled_at = refilled_at;
    }

    /// Measures a response; the rate from then on.
    #[inline(always)]
    pub(super) fn next_rate(&mut self, now: f64, throttle: bool) -> f64 {
        self.measure(now);
        let rate = if throttle {
            let rate = if self.enabled { lesser(self.measured, self.rate) } else { self.measured };
            self.enabled = true;
            self.w_max = rate;
            self.k = self.precise(libm::cbrt(rate * (1.0 - BETA) / SCALE));
            self.throttled_at = now;
            self.precise(rate * BETA)
        } else {
            self.growth(now)
        };
        self.bounded(rate)
    }

    /// The rate to which the cubic has grown.
    #[inline(always)]
    pub(super) fn growth(&self, now: f64) -> f64 {
        let dt = now - self.throttled_at - self.k;
        self.precise(SCALE * dt * dt * dt + self.w_max)
    }

    /// The rate, as far as the measured one allows.
    #[inline(always)]
    pub(super) fn bounded(&self, rate: f64) -> f64 {
        greater(lesser(rate, MOST_AHEAD * self.measured), MIN_RATE)
    }

    /// Takes `cost` tokens, or says how long until they are there \[s\].
    pub(super) fn take(&mut self, now: f64, cost: f64) -> Result<(), f64> {
        if !self.enabled {
            return Ok(());
        }
        self.refill(now);
        if let Some(wait) = self.wait(cost) {
            return Err(wait);
        }
        self.tokens = greater(self.tokens - cost, 0.0);
        Ok(())
    }

    /// How long until `cost` tokens are there \[s\], if they are not: since the bucket was refilled last.
    #[inline(always)]
    pub(super) fn wait(&self, cost: f64) -> Option<f64> {
        // No need to divide where there is enough.
        if !self.enabled || self.tokens >= cost {
            return None;
        }
        let wait = (cost - self.tokens) / self.rate;
        (wait >= NO_TIME).then_some(wait)
    }

    /// Whether there is surely no token for an attempt so long \[s\] after the bucket was refilled last. No need to divide,
    /// and where it is a close thing, [`wait`](Self::wait) decides.
    #[inline(always)]
    pub(super) fn is_short(&self, after: f64) -> bool {
        self.enabled && self.tokens + (after + NO_TIME) * self.rate < SURELY_SHORT
    }

    /// Counts a response. One that opens a new half-second bucket still counts towards the old.
    #[inline(always)]
    pub(super) fn measure(&mut self, now: f64) {
        self.count += 1;
        // Buckets begin at multiples of their length, so that this says whether it is another; most often it is not.
        if now * BUCKETS_PER_SECOND >= self.next_bucket {
            self.begin_bucket(now);
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_bucket(&mut self, now: f64) {
        let bucket = libm::floor(now * BUCKETS_PER_SECOND) / BUCKETS_PER_SECOND;
        let rate = f64::from(self.count) / (bucket - self.bucket);
        self.measured = self.precise(SMOOTHING * rate + (1.0 - SMOOTHING) * self.measured);
        self.count = 0;
        self.bucket = bucket;
        self.next_bucket = bucket * BUCKETS_PER_SECOND + 1.0;
    }

    #[inline(always)]
    fn refill(&mut self, now: f64) {
        self.tokens = lesser(self.capacity, self.tokens + (now - self.refilled_at) * self.rate);
        self.refilled_at = now;
    }

    fn precise(&self, x: f64) -> f64 {
        if self.eight_decimals { libm::floor(x * 1e8 + 0.5) / 1e8 } else { x }
    }
}

/// The lesser of two that are numbers: `f64::min` looks first whether they are, which takes longer than all else.
#[inline(always)]
fn lesser(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// The greater, likewise.
#[inline(always)]
fn greater(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

#[cfg(test)]
mod tests;
