//! AWS SDK for Rust.
//!
//! | version | backoff | quota |
//! |---|---|---|
//! | 2.0 | `u·min(2^i, 20)` s | 5; 5xx, timeouts and broken connections 10 |
//! | 2.1 | throttles `u·min(2^i, 20)` s, the rest `u·min(0.05·2^i, 20)` s | 5, the rest 14 |
//!
//! Three attempts. A 429 without a known code is not retried; a model that is not ready is no throttle. Of the hints
//! only `x-amz-retry-after` counts: 2.0 lets it replace the backoff up to 20 s, 2.1 clamps it. There is no legacy mode:
//! it is taken for standard.
//!
//! Quota and limiter belong to the *process*, one pair per Region. The client keeps one slot for the permit of a retry:
//! a newer retry's permit pushes the older out, whose cost is lost, and the next success, of whichever request, takes
//! what the slot holds. So concurrent retries lose refunds. *Simplification*: one client object per process, hence one
//! slot per quota.
//!
//! Adaptive 2.0 takes a send token before the first attempt only. A retry asks for 5, or 10 after a throttle, while its
//! backoff is decided; if they are not there, the time until they are, at most 20 s, takes the place of the backoff.
//! Adaptive 2.1 takes one before every attempt.
//!
//! *Source*: aws-smithy-runtime 1.16.2 `client/retries/{strategy/standard,token_bucket,client_rate_limiter}.rs` and
//! `orchestrator.rs`, aws-sdk-bedrockruntime 1.153.0, run.

use super::backoff::{Backoff, Spread};
use super::cubic;
use super::failure::Failure;
use super::retry_after::RetryAfterRule;
use super::retry_quota;
use super::rules::{LimiterRule, Permit, Rules, SendTokens, Treatment, Waiters};
use crate::model::client::{Jitter, RetryMode, RetryVersion, SdkPolicy};
use crate::units::SimSpan;

/// The longest backoff \[s\].
pub(super) const MAX_BACKOFF: f64 = 20.0;

/// Send tokens of a retry in adaptive 2.0, by what came before it.
const DECISION_TOKENS: SendTokens = SendTokens::FirstThenAtDecision { throttled: 10.0, other: 5.0 };

/// `u·min(base·2^i, 20)`.
const fn backoff(base: f64) -> Backoff {
    Backoff::doubling(base, MAX_BACKOFF, Spread::Jitter(Jitter::Full))
}

pub(super) fn rules(policy: SdkPolicy) -> Rules {
    let (treat, retry_after, tokens): (fn(Failure) -> Treatment, _, _) = match policy.version {
        RetryVersion::V2_0 => {
            let cap = SimSpan((MAX_BACKOFF * 1e9) as u64);
            (treat_in_2_0, RetryAfterRule::ReplaceXAmz { cap }, DECISION_TOKENS)
        }
        RetryVersion::V2_1 => (treat_in_2_1, RetryAfterRule::ClampXAmz, SendTokens::EveryAttempt),
    };
    Rules {
        max_attempts: policy.max_attempts,
        treatments: Rules::table(treat),
        quota: retry_quota::CAPACITY,
        permit: Permit::OneSlot,
        retry_after,
        limiter: (policy.mode == RetryMode::Adaptive).then_some(LimiterRule {
            start: cubic::RUST,
            tokens,
            waiters: Waiters::Sleep,
            step: SimSpan(1),
        }),
        ..Rules::never()
    }
}

fn treat_in_2_0(failure: Failure) -> Treatment {
    match failure {
        _ if failure.has_throttling_code() => Treatment::throttling(backoff(1.0), 5),
        Failure::ModelNotReady => Treatment::transient(backoff(1.0), 5),
        _ if may_pass(failure) => Treatment::transient(backoff(1.0), 10),
        _ => Treatment::FINAL,
    }
}

fn treat_in_2_1(failure: Failure) -> Treatment {
    match failure {
        _ if failure.has_throttling_code() => Treatment::throttling(backoff(1.0), 5),
        Failure::ModelNotReady => Treatment::transient(backoff(0.05), 14),
        _ if may_pass(failure) => Treatment::transient(backoff(0.05), 14),
        _ => Treatment::FINAL,
    }
}

fn may_pass(failure: Failure) -> bool {
    failure.has_transient_status() || failure.is_connection_error()
}
