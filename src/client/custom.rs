//! A policy described in the scenario.
//!
//! It retries whatever repeating may cure: every 408, 409, 429 and 5xx, a 400 that says `ThrottlingException`, timeouts
//! and broken connections. It has no retry quota, no limiter, and ignores the server's hints.

use super::backoff::{Backoff, Spread};
use super::budget::BudgetRule;
use super::failure::Failure;
use super::rules::{Rules, Treatment};
use crate::model::client::{CustomPolicy, Delay, Jitter};
use crate::random::Sampler;

pub(super) fn rules(policy: &CustomPolicy) -> Rules {
    let backoff = backoff(&policy.delay);
    Rules {
        max_attempts: policy.max_attempts.unwrap_or(u32::MAX),
        treatments: Rules::table(
            |failure| {
                if may_pass(failure) { Treatment::transient(backoff, 0) } else { Treatment::FINAL }
            },
        ),
        budget: policy.budget.as_ref().map_or(BudgetRule::UNLIMITED, BudgetRule::new),
        ..Rules::never()
    }
}

/// The wait of a policy whose delay is a distribution \[s\].
pub(super) fn sampled_delay(policy: &CustomPolicy) -> Option<Sampler> {
    match &policy.delay {
        Delay::Distribution(distribution) => Some(Sampler::new(distribution)),
        Delay::Backoff { .. } => None,
    }
}

fn may_pass(failure: Failure) -> bool {
    failure.is_connection_error()
        || failure.has_throttling_code()
        || matches!(failure.status(), Some(408 | 409 | 429 | 500..))
}

fn backoff(delay: &Delay) -> Backoff {
    match *delay {
        Delay::Backoff { base, factor, cap, jitter } => Backoff { base, factor, cap, spread: Spread::Jitter(jitter) },
        // Never asked: the distribution takes its place.
        Delay::Distribution(_) => Backoff::doubling(0.0, 0.0, Spread::Jitter(Jitter::None)),
    }
}
