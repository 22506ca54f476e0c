//! Quotas and the limiters that enforce them over time.

use crate::units::{Probability, SimSpan, SimTime, Tokens};

/// How a per-minute quota is enforced over time. AWS does not say; each choice is an *assumption*.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limiter {
    /// Refilled continuously at `Q/60` per second up to `C = Q × burst / 60 s`.
    TokenBucket {
        /// How much time of quota the full bucket holds (60 s by default).
        burst: SimSpan,
        /// The share of `C` in the bucket at the start.
        initial_level: Probability,
    },
    /// A counter that starts anew at `phase + 60 s · k`.
    FixedWindow {
        /// Where the first boundary lies after the start.
        phase: SimSpan,
    },
    /// Each admitted attempt counts for 60 s from its admission.
    SlidingWindow,
    /// Open reservations only, no refill over time: for theory.
    InFlight,
}

impl Limiter {
    /// The default: a bucket of one minute, full at the start.
    pub const DEFAULT: Limiter = Limiter::TokenBucket { burst: SimSpan::MINUTE, initial_level: Probability(1.0) };
}

/// A per-minute quota: its limit over time and the limiter that enforces it.
#[derive(Debug, Clone, PartialEq)]
pub struct Quota {
    /// The limit [per minute] from each instant on; the first stands at [`SimTime::ZERO`], instants increase.
    pub limits: Vec<(SimTime, u64)>,
    /// How it is enforced.
    pub limiter: Limiter,
}

impl Quota {
    /// A quota that does not change, under the default limiter.
    pub fn constant(limit: u64) -> Quota {
        Quota { limits: vec![(SimTime::ZERO, limit)], limiter: Limiter::DEFAULT }
    }

    /// The limit in force at `now` [per minute].
    pub fn limit_at(&self, now: SimTime) -> u64 {
        step_at(&self.limits, now)
    }
}

/// The value of a step function whose first step stands at zero.
fn step_at(steps: &[(SimTime, u64)], now: SimTime) -> u64 {
    let later = steps.partition_point(|&(from, _)| from <= now);
    steps[later.saturating_sub(1)].1
}

/// A quota over UTC days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DayQuota {
    /// The limit [tokens per day] from each instant on; the first stands at [`SimTime::ZERO`].
    pub limits: Vec<(SimTime, u64)>,
    /// What the day of the start has used before the scenario begins.
    pub used_at_start: Tokens,
}

impl DayQuota {
    /// The limit in force at `now` [tokens per day].
    pub fn limit_at(&self, now: SimTime) -> u64 {
        step_at(&self.limits, now)
    }
}

/// Which limit refused an attempt. The order is the order in which an attempt asks them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum QuotaName {
    /// The pool's requests per minute.
    RequestsPerMinute,
    /// The pool's tokens per minute.
    TokensPerMinute,
    /// The pool's historical tokens per day.
    TokensPerDay,
    /// The account's tokens per day over all models.
    AccountTokensPerDay,
    /// The input tokens per minute of a mantle pool.
    InputTokensPerMinute,
    /// No state of the quota could ever admit it: the reservation exceeds the whole capacity.
    Unsatisfiable,
    /// Not a quota: the model was overloaded.
    ModelCapacity,
}

impl QuotaName {
    /// Every name, in the order of the results.
    pub const ALL: [QuotaName; 7] = [
        QuotaName::RequestsPerMinute,
        QuotaName::TokensPerMinute,
        QuotaName::TokensPerDay,
        QuotaName::AccountTokensPerDay,
        QuotaName::InputTokensPerMinute,
        QuotaName::Unsatisfiable,
        QuotaName::ModelCapacity,
    ];

    /// The key in results and files.
    pub fn key(self) -> &'static str {
        match self {
            QuotaName::RequestsPerMinute => "requests_per_minute",
            QuotaName::TokensPerMinute => "tokens_per_minute",
            QuotaName::TokensPerDay => "tokens_per_day",
            QuotaName::AccountTokensPerDay => "account_tokens_per_day",
            QuotaName::InputTokensPerMinute => "input_tokens_per_minute",
            QuotaName::Unsatisfiable => "unsatisfiable",
            QuotaName::ModelCapacity => "model_capacity",
        }
    }
}
