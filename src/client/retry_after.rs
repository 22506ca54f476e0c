//! The server's hint how long to wait, and what each SDK makes of it.
//!
//! Whether Bedrock sends either header is not known; the SDKs understand them.

use crate::units::SimSpan;

/// A hint in a failed response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryAfter {
    /// `x-amz-retry-after`, in milliseconds on the wire.
    XAmz(SimSpan),
    /// The standard `Retry-After`, in seconds on the wire.
    Standard(SimSpan),
}

/// How far above its own backoff an SDK lets the server push it. *Source*: AWS retry behavior 2.1, 2026-11-10.
const MOST_ADDED: SimSpan = SimSpan(5_000_000_000);

/// What a client does with a hint; t is its own backoff, h the hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryAfterRule {
    /// t, whatever the server says.
    Ignore,
    /// `max(t, min(h, t + 5 s))`, from `x-amz-retry-after` only.
    ClampXAmz,
    /// `max(t, min(h, t + 5 s))`, from either header.
    ClampEither,
    /// `min(h, cap)` in place of t, from `x-amz-retry-after` only; it may be shorter than t.
    ReplaceXAmz {
        /// The longest hint that is obeyed in full.
        cap: SimSpan,
    },
    /// `max(t, h)`, from `Retry-After` only.
    AtLeastStandard,
    /// h in place of t if it is positive, however long, from `Retry-After` only.
    ReplaceStandard,
}

impl RetryAfterRule {
    /// The wait after the hint has been heard.
    pub(super) fn apply(self, backoff: SimSpan, hint: Option<RetryAfter>) -> SimSpan {
        let Some(hint) = hint else { return backoff };
        match (self, hint) {
            (RetryAfterRule::ClampXAmz, RetryAfter::XAmz(hint))
            | (RetryAfterRule::ClampEither, RetryAfter::XAmz(hint) | RetryAfter::Standard(hint)) => {
                hint.clamp(backoff, backoff + MOST_ADDED)
            }
            (RetryAfterRule::ReplaceXAmz { cap }, RetryAfter::XAmz(hint)) => hint.min(cap),
            (RetryAfterRule::AtLeastStandard, RetryAfter::Standard(hint)) => hint.max(backoff),
            (RetryAfterRule::ReplaceStandard, RetryAfter::Standard(hint)) if hint > SimSpan::ZERO => hint,
            _ => backoff,
        }
    }
}
