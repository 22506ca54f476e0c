//! Quotas and limiters as written.

use super::arrivals::increasing;
use super::build::{Builder, Built};
use super::context::At;
use super::decode::Record;
use super::describe::{choice, record};
use super::problem::Span;
use super::scalar::{BurstSeconds, Pair};
use crate::model::{DayQuota, Limiter, Quota};
use crate::units::{Probability, SimSpan, SimTime, Tokens, format};

record! {
    /// A quota per minute: a number, `none`, or a map.
    struct QuotaSpec as "quota", or limit {
        /// The limit per minute.
        limit: LimitSpec,
        /// A limit that changes while running: `[[0s, 2M], [30m, 4M]]`.
        at: Steps,
        /// How this quota is enforced, instead of the pool's limiter.
        limiter: LimiterSpec,
    }
}

record! {
    /// A quota of tokens per UTC day: a number, `none`, or a map.
    struct DayQuotaSpec as "daily quota", or limit {
        /// The limit per day.
        limit: LimitSpec,
        /// A limit that changes while running: `[[0s, 2M], [30m, 4M]]`.
        at: Steps,
        /// What the day of the start has used before the scenario begins.
        used_at_start: u64 = "0",
    }
}

choice! {
    /// A limit, or none.
    enum LimitSpec as "limit", or Limit(u64) {
        /// There is no such quota.
        none: None,
    }
}

choice! {
    /// How a per-minute quota is enforced over time. AWS does not say: each is an assumption.
    enum LimiterSpec as "limiter" {
        /// A bucket that refills continuously.
        token_bucket: TokenBucket(TokenBucketSpec),
        /// A counter that starts anew each minute.
        fixed_window: FixedWindow(FixedWindowSpec),
        /// Each admitted attempt counts for 60 s.
        sliding_window: SlidingWindow,
        /// Open reservations only, for theory; tokens quotas only.
        in_flight: InFlight,
    }
}

record! {
    /// A bucket that refills continuously.
    struct TokenBucketSpec as "token bucket" {
        /// How many seconds of quota the full bucket holds.
        burst_seconds: BurstSeconds = "60",
        /// The share of the bucket that is filled at the start.
        initial_level: Probability = "1.0",
    }
}

record! {
    /// A counter that starts anew each minute.
    struct FixedWindowSpec as "fixed window" {
        /// Where the first boundary lies after the start.
        phase: SimSpan = "0s",
    }
}

/// Limits from instants on.
type Steps = Vec<At<Pair<SimSpan, u64>>>;

/// The largest limit: a quadrillion tokens. It keeps bucket levels within their integers whatever the burst.
const MOST: u64 = 1_000_000_000_000_000;

/// Which limits a quota may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counts {
    /// Tokens: every limiter.
    Tokens,
    /// Requests, or tokens that stream: not `in_flight`.
    NotReserved,
}

impl QuotaSpec {
    /// The quota; `Some(None)` is no quota. `pool` is the limiter of the pool, where it has one.
    pub(crate) fn build(
        &self,
        b: &mut Builder<'_>,
        name: &str,
        at: Span,
        counts: Counts,
        pool: Option<Limiter>,
    ) -> Built<Option<Quota>> {
        let limits = limits(b, name, at, (self.limit.as_ref(), self.at.as_ref(), !self.broken().is_empty()));
        let limiter = match &self.limiter {
            None => pool.map_or(Limiter::DEFAULT, |limiter| limiter_of(limiter, counts)),
            Some(own) => {
                let limiter = own.value.build();
                if limiter == Limiter::InFlight && counts == Counts::NotReserved {
                    b.cx.problem_with(
                        own.at,
                        format!("`in_flight` does not fit `{name}`, from which nothing is reserved"),
                        "`in_flight` is for `tokens_per_minute`; leave the limiter out here",
                    );
                    return None;
                }
                limiter
            }
        };
        Some(limits?.map(|limits| Quota { limits, limiter }))
    }
}

/// A pool's limiter as it applies to one of its quotas: a requests quota stays a bucket under `in_flight`.
pub(crate) fn limiter_of(limiter: Limiter, counts: Counts) -> Limiter {
    match (limiter, counts) {
        (Limiter::InFlight, Counts::NotReserved) => Limiter::DEFAULT,
        _ => limiter,
    }
}

impl DayQuotaSpec {
    /// The quota; `Some(None)` is no quota.
    pub(crate) fn build(&self, b: &mut Builder<'_>, name: &str, at: Span) -> Built<Option<DayQuota>> {
        let limits = limits(b, name, at, (self.limit.as_ref(), self.at.as_ref(), !self.broken().is_empty()))?;
        let used = self.used_at_start?;
        let Some(limits) = limits else { return Some(None) };
        b.require(used.value <= MOST, used.at, || {
            format!("`used_at_start` is {}, above {}", format::count(used.value), format::count(MOST))
        })?;
        Some(Some(DayQuota { limits, used_at_start: Tokens(used.value) }))
    }
}

/// The limits over time; `Some(None)` is no quota.
fn limits(
    b: &mut Builder<'_>,
    name: &str,
    at: Span,
    (limit, steps, broken): (Option<&At<LimitSpec>>, Option<&At<Steps>>, bool),
) -> Built<Option<Vec<(SimTime, u64)>>> {
    let mut fits = |limit: At<u64>| {
        b.require((1..=MOST).contains(&limit.value), limit.at, || {
            format!("`{name}` is {}: it must lie between 1 and {}", format::count(limit.value), format::count(MOST))
        })
    };
    match (limit, steps) {
        (Some(At { value: LimitSpec::Limit(limit), .. }), None) => {
            fits(*limit)?;
            Some(Some(vec![(SimTime::ZERO, limit.value)]))
        }
        (Some(_), None) => Some(None),
        (None, Some(steps)) => {
            let fine: Vec<_> = steps.value.iter().map(|step| fits(step.value.1)).collect();
            let first = steps.value.first().map(|step| step.value.0);
            b.require(
                first.is_some_and(|first| first.value == SimSpan::ZERO),
                first.map_or(steps.at, |p| p.at),
                || format!("`at` of `{name}` must begin at 0s"),
            )?;
            increasing(b, "at", steps.value.iter().map(|step| step.value.0))?;
            fine.into_iter().collect::<Option<Vec<()>>>()?;
            Some(Some(steps.value.iter().map(|s| (SimTime(s.value.0.value.0), s.value.1.value)).collect()))
        }
        (Some(_), Some(steps)) => {
            b.cx.problem_with(steps.at, format!("`{name}` has both `limit` and `at`"), "keep one of them");
            None
        }
        (None, None) => {
            if !broken {
                b.cx.problem_with(at, format!("`{name}` has no limit"), "add `limit: 2M`, or write `none`");
            }
            None
        }
    }
}

impl LimiterSpec {
    pub(crate) fn build(&self) -> Limiter {
        match self {
            Self::TokenBucket(spec) => Limiter::TokenBucket {
                burst: spec.value.burst_seconds.map_or(SimSpan::MINUTE, |burst| burst.value.0),
                initial_level: spec.value.initial_level.map_or(Probability(1.0), |level| level.value),
            },
            Self::FixedWindow(spec) => {
                Limiter::FixedWindow { phase: spec.value.phase.map_or(SimSpan::ZERO, |p| p.value) }
            }
            Self::SlidingWindow => Limiter::SlidingWindow,
            Self::InFlight => Limiter::InFlight,
        }
    }
}
