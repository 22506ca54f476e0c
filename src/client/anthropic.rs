//! Anthropic's own SDK (Python and TypeScript), `AnthropicBedrock` included; botocore only signs for it.
//!
//! Three attempts (`max_retries` 2) on 408, 409, 429, every status from 500 up, timeouts and broken connections. The
//! wait is `min(0.5·2^i, 8)·(1 − u/4)` s. A positive `Retry-After` replaces it, however long. No quota, no limiter,
//! nothing shared between requests, no modes and no versions.
//!
//! *Source*: anthropic 2.11.0 `_base_client.py`, run; @anthropic-ai/sdk 1.11.0 `client.ts`.

use super::backoff::{Backoff, Spread};
use super::failure::Failure;
use super::retry_after::RetryAfterRule;
use super::rules::{Rules, Treatment};
use crate::model::client::SdkPolicy;

const BACKOFF: Backoff = Backoff::doubling(0.5, 8.0, Spread::QuarterOff);

pub(super) fn rules(policy: SdkPolicy) -> Rules {
    Rules {
        max_attempts: policy.max_attempts,
        treatments: Rules::table(treat),
        retry_after: RetryAfterRule::ReplaceStandard,
        ..Rules::never()
    }
}

fn treat(failure: Failure) -> Treatment {
    match failure.status() {
        None | Some(408 | 409 | 429 | 500..) => Treatment::transient(BACKOFF, 0),
        _ => Treatment::FINAL,
    }
}
