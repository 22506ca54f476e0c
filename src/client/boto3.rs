//! boto3 and botocore (Python).
//!
//! | mode | attempts | backoff | quota |
//! |---|---|---|---|
//! | legacy | 5 | `u·2^i` s, no cap | none |
//! | standard 2.0 | 3 | `u·min(2^i, 20)` s | 5, timeouts 10 |
//! | standard 2.1 | 3 | throttles `u·min(2^i, 20)` s, the rest `u·min(0.05·2^i, 20)` s | 5, the rest 14 |
//! | adaptive | as standard | as standard, and a send token before every attempt | as standard |
//!
//! `Retry-After` is ignored in every mode. Version 2.1 heeds `x-amz-retry-after`; legacy is the same in both versions.
//! Quota and limiter belong to one client object and its threads.
//!
//! *Source*: botocore 1.44.5 and 1.43.127, `retryhandler.py`, `retries/{standard,adaptive,quota}.py`, run.

use super::backoff::{Backoff, Spread};
use super::cubic;
use super::failure::Failure;
use super::retry_after::RetryAfterRule;
use super::retry_quota;
use super::rules::{LimiterRule, Permit, Rules, SendTokens, Treatment, Waiters};
use crate::model::client::{Jitter, RetryMode, RetryVersion, SdkPolicy};
use crate::units::SimSpan;

const MAX_BACKOFF: f64 = 20.0;

/// `u·min(base·2^i, cap)`.
const fn backoff(base: f64, cap: f64) -> Backoff {
    Backoff::doubling(base, cap, Spread::Jitter(Jitter::Full))
}

pub(super) fn rules(policy: SdkPolicy) -> Rules {
    if policy.mode == RetryMode::Legacy {
        return Rules {
            max_attempts: policy.max_attempts,
            treatments: Rules::table(treat_in_legacy),
            ..Rules::never()
        };
    }
    let (treat, retry_after): (fn(Failure) -> Treatment, _) = match policy.version {
        RetryVersion::V2_0 => (treat_in_2_0, RetryAfterRule::Ignore),
        RetryVersion::V2_1 => (treat_in_2_1, RetryAfterRule::ClampXAmz),
    };
    Rules {
        max_attempts: policy.max_attempts,
        treatments: Rules::table(treat),
        quota: retry_quota::CAPACITY,
        permit: Permit::PerRequest,
        retry_after,
        limiter: (policy.mode == RetryMode::Adaptive).then_some(LimiterRule {
            start: cubic::BOTO3,
            tokens: SendTokens::EveryAttempt,
            waiters: Waiters::WokenByUpdates,
            step: SimSpan(1),
        }),
        ..Rules::never()
    }
}

/// Every 429, throttling codes, 5xx, broken connections, all alike and without a cap.
fn treat_in_legacy(failure: Failure) -> Treatment {
    if failure.status() == Some(429) || failure.has_throttling_code() || may_pass(failure) {
        Treatment::transient(backoff(1.0, f64::INFINITY), 0)
    } else {
        Treatment::FINAL
    }
}

/// One second for everything; only timeouts cost more. A 429 without a known code is not retried.
fn treat_in_2_0(failure: Failure) -> Treatment {
    let backoff = backoff(1.0, MAX_BACKOFF);
    match failure {
        _ if failure.has_throttling_code() => Treatment::throttling(backoff, 5),
        Failure::Timeout => Treatment::transient(backoff, 10),
        Failure::ModelNotReady => Treatment::transient(backoff, 5),
        _ if may_pass(failure) => Treatment::transient(backoff, 5),
        _ => Treatment::FINAL,
    }
}

/// Throttles wait a second, the rest 50 ms. A model that is not ready is no throttle: the service model says so.
fn treat_in_2_1(failure: Failure) -> Treatment {
    match failure {
        _ if failure.has_throttling_code() => Treatment::throttling(backoff(1.0, MAX_BACKOFF), 5),
        Failure::TooManyRequests => Treatment::throttling(backoff(1.0, MAX_BACKOFF), 5),
        Failure::ModelNotReady => Treatment::transient(backoff(0.05, MAX_BACKOFF), 14),
        _ if may_pass(failure) => Treatment::transient(backoff(0.05, MAX_BACKOFF), 14),
        _ => Treatment::FINAL,
    }
}

fn may_pass(failure: Failure) -> bool {
    failure.has_transient_status() || failure.is_connection_error()
}
