//! AWS SDK for Java v2. *Assumption*: read in its sources and pull requests, never run; there are no vectors.
//!
//! | mode | attempts | throttles | the rest | quota |
//! |---|---|---|---|---|
//! | legacy | 4 | half jitter from 0.5 s | full jitter from 0.1 s | throttles 0, the rest 5 |
//! | standard 2.0 | 3 | full jitter from 1 s | full jitter from 0.1 s | 5 |
//! | standard 2.1 | 3 | full jitter from 1 s | full jitter from 0.05 s | 5, the rest 14 |
//! | adaptive | as standard | as standard | as standard | as standard, and a send token before every attempt |
//!
//! Waits double up to 20 s and are whole milliseconds. Every 429 is a throttle, a model that is not ready included. In
//! legacy mode throttles never drain the quota. `Retry-After` is a lower bound without a cap in legacy and 2.0; 2.1 heeds
//! only `x-amz-retry-after`. Legacy is the same in both versions. Quota and limiter belong to one strategy object.
//!
//! Adaptive follows `ADAPTIVE_V2` after pull request 7197 (August 2026): a FIFO queue, waits rounded up to milliseconds,
//! every response an update. Its measuring starts at the epoch, so that the first measured rate is practically zero.
//!
//! *Source*: aws-sdk-java-v2 `core/retries`, `BaseRetryStrategy`, `DefaultRetryStrategy`, `RateLimiterTokenBucket`;
//! pull requests 6925, 7149, 7166, 7197.

use super::backoff::{Backoff, Spread};
use super::cubic;
use super::failure::Failure;
use super::retry_after::RetryAfterRule;
use super::retry_quota;
use super::rules::{LimiterRule, Permit, Rules, SendTokens, Treatment, Waiters};
use crate::model::client::{RetryMode, RetryVersion, SdkPolicy};
use crate::units::SimSpan;

const MAX_BACKOFF: f64 = 20.0;

pub(super) fn rules(policy: SdkPolicy) -> Rules {
    let (treat, retry_after): (fn(Failure) -> Treatment, _) = match (policy.mode, policy.version) {
        (RetryMode::Legacy, _) => (treat_in_legacy, RetryAfterRule::AtLeastStandard),
        (_, RetryVersion::V2_0) => (treat_in_2_0, RetryAfterRule::AtLeastStandard),
        (_, RetryVersion::V2_1) => (treat_in_2_1, RetryAfterRule::ClampXAmz),
    };
    Rules {
        max_attempts: policy.max_attempts,
        treatments: Rules::table(treat),
        quota: retry_quota::CAPACITY,
        permit: Permit::PerRequest,
        retry_after,
        limiter: (policy.mode == RetryMode::Adaptive).then_some(LimiterRule {
            start: cubic::JAVA,
            tokens: SendTokens::EveryAttempt,
            waiters: Waiters::Queue,
            step: SimSpan::MILLISECOND,
        }),
        ..Rules::never()
    }
}

fn treat_in_legacy(failure: Failure) -> Treatment {
    let throttling = Backoff::doubling(0.5, MAX_BACKOFF, Spread::HalfMillis);
    treat(failure, Treatment::throttling(throttling, 0), Treatment::transient(full_jitter(0.1), 5))
}

fn treat_in_2_0(failure: Failure) -> Treatment {
    treat(failure, Treatment::throttling(full_jitter(1.0), 5), Treatment::transient(full_jitter(0.1), 5))
}

fn treat_in_2_1(failure: Failure) -> Treatment {
    treat(failure, Treatment::throttling(full_jitter(1.0), 5), Treatment::transient(full_jitter(0.05), 14))
}

fn treat(failure: Failure, throttling: Treatment, transient: Treatment) -> Treatment {
    if failure.status() == Some(429) || failure.has_throttling_code() {
        throttling
    } else if failure.has_transient_status() || failure.is_connection_error() {
        transient
    } else {
        Treatment::FINAL
    }
}

const fn full_jitter(base: f64) -> Backoff {
    Backoff::doubling(base, MAX_BACKOFF, Spread::FullMillis)
}
