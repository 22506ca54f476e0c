//! AWS SDK for JavaScript v3.
//!
//! | version | backoff | quota |
//! |---|---|---|
//! | 2.0 | throttles `⌊min(20 s, u·0.5·2^i)⌋` ms, the rest from 0.1 s | 5, the rest 10 |
//! | 2.1 | throttles `⌊u·min(2^i, 20)⌋` ms, the rest from 0.05 s | 5, the rest 14 |
//!
//! Three attempts. Every 429 is a throttle, a model that is not ready included. 2.1 heeds both `Retry-After` and
//! `x-amz-retry-after`; 2.0 read a number in `Retry-After` as a date long past, so it is ignored here. Adaptive takes a
//! send token before every attempt. Quota and limiter belong to one client object. There is no legacy mode: it is taken
//! for standard.
//!
//! Before April 2026 quota and limiter forgot everything between requests; that is not modelled.
//!
//! *Source*: @smithy/core 3.41.0 with @aws-sdk/client-bedrock-runtime 3.1162.0, run.

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
    let (treat, retry_after): (fn(Failure) -> Treatment, _) = match policy.version {
        RetryVersion::V2_0 => (treat_in_2_0, RetryAfterRule::Ignore),
        RetryVersion::V2_1 => (treat_in_2_1, RetryAfterRule::ClampEither),
    };
    Rules {
        max_attempts: policy.max_attempts,
        treatments: Rules::table(treat),
        quota: retry_quota::CAPACITY,
        permit: Permit::PerRequest,
        retry_after,
        limiter: (policy.mode == RetryMode::Adaptive).then_some(LimiterRule {
            start: cubic::JAVASCRIPT,
            tokens: SendTokens::EveryAttempt,
            waiters: Waiters::Sleep,
            step: SimSpan(1),
        }),
        ..Rules::never()
    }
}

fn treat_in_2_0(failure: Failure) -> Treatment {
    let backoff = |base| Backoff::doubling(base, MAX_BACKOFF, Spread::FullMillisThenCap);
    treat(failure, Treatment::throttling(backoff(0.5), 5), Treatment::transient(backoff(0.1), 10))
}

fn treat_in_2_1(failure: Failure) -> Treatment {
    let backoff = |base| Backoff::doubling(base, MAX_BACKOFF, Spread::FullMillis);
    treat(failure, Treatment::throttling(backoff(1.0), 5), Treatment::transient(backoff(0.05), 14))
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
