//! What an SDK's file says about it: one table of failures and a few choices.

use super::backoff::Backoff;
use super::budget::BudgetRule;
use super::cubic;
use super::failure::Failure;
use super::retry_after::RetryAfterRule;
use crate::units::SimSpan;

/// The behaviour of a client, complete.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Total attempts, the first included; `u32::MAX` is unlimited.
    pub(super) max_attempts: u32,
    /// What it makes of each failure, by discriminant.
    pub(super) treatments: [Treatment; Failure::ALL.len()],
    /// Capacity of the retry quota; 0 without one.
    pub(super) quota: u32,
    /// What a success gives back to the quota.
    pub(super) permit: Permit,
    /// A custom policy's budget.
    pub(super) budget: BudgetRule,
    /// What it makes of the server's hint.
    pub(super) retry_after: RetryAfterRule,
    /// The send-rate limiter of the adaptive modes.
    pub(super) limiter: Option<LimiterRule>,
}

/// What a client makes of one kind of failure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Treatment {
    /// How it is retried; `None` hands the error to the caller.
    pub(super) retry: Option<Retry>,
    /// Whether it lowers the limiter's rate; the limiter takes everything else for a success.
    pub(super) throttle: bool,
}

/// How a failure is retried.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Retry {
    /// The wait.
    pub(super) backoff: Backoff,
    /// The price [quota tokens].
    pub(super) cost: u32,
}

impl Treatment {
    /// The error goes to the caller.
    pub(super) const FINAL: Treatment = Treatment { retry: None, throttle: false };

    /// Retried as a throttle.
    pub(super) const fn throttling(backoff: Backoff, cost: u32) -> Treatment {
        Treatment { retry: Some(Retry { backoff, cost }), throttle: true }
    }

    /// Retried as anything else that may pass.
    pub(super) const fn transient(backoff: Backoff, cost: u32) -> Treatment {
        Treatment { retry: Some(Retry { backoff, cost }), throttle: false }
    }
}

/// Which retry's cost a success gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permit {
    /// There is no quota.
    None,
    /// The request's own last retry.
    PerRequest,
    /// Whatever retry of any request came last; the slot is empty afterwards (Rust).
    OneSlot,
}

/// The limiter of an adaptive mode.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LimiterRule {
    /// How it starts.
    pub(super) start: cubic::Start,
    /// Which attempts take tokens.
    pub(super) tokens: SendTokens,
    /// How those that wait share the wait.
    pub(super) waiters: Waiters,
    /// Waits are rounded up to whole steps of this.
    pub(super) step: SimSpan,
}

impl LimiterRule {
    /// A wait in seconds as whole steps, at least one.
    #[inline]
    pub(super) fn whole_steps(&self, wait: f64) -> SimSpan {
        let ns = wait * 1e9;
        if self.step.0 == 1 {
            return SimSpan(whole_at_least_one(ns));
        }
        SimSpan(whole_at_least_one(ns / self.step.0 as f64).saturating_mul(self.step.0))
    }
}

/// A positive number rounded up; in signed numbers, which are converted in one step.
#[inline(always)]
fn whole_at_least_one(exact: f64) -> u64 {
    let whole = exact as i64;
    whole.saturating_add(i64::from((whole as f64) < exact)).max(1).cast_unsigned()
}

/// Which attempts take send tokens, and how many.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum SendTokens {
    /// One each, first and retries alike.
    EveryAttempt,
    /// One for the first. A retry takes more while its backoff is decided, or waits for them instead of the backoff.
    FirstThenAtDecision {
        /// For a retry after a throttle.
        throttled: f64,
        /// For any other retry.
        other: f64,
    },
}

impl SendTokens {
    /// What a retry takes while its backoff is decided.
    pub(super) fn of_retry(self, throttle: bool) -> Option<f64> {
        match self {
            SendTokens::EveryAttempt => None,
            SendTokens::FirstThenAtDecision { throttled, .. } if throttle => Some(throttled),
            SendTokens::FirstThenAtDecision { other, .. } => Some(other),
        }
    }
}

/// How requests of one client that wait for send tokens share the wait.
///
/// All that were refused at one instant are told the same time, and the one that asks first then wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiters {
    /// Each sleeps until its time and asks again (JavaScript, Rust).
    Sleep,
    /// As `Sleep`, but every change of the rate wakes all of them to ask at once (boto3), so that all wait for the next
    /// token. They go in any order.
    WokenByUpdates,
    /// First come, first served (Java).
    Queue,
}

impl Rules {
    /// No retries at all; the other clients are described as differences from this.
    pub(super) fn never() -> Rules {
        Rules {
            max_attempts: 1,
            treatments: [Treatment::FINAL; Failure::ALL.len()],
            quota: 0,
            permit: Permit::None,
            budget: BudgetRule::UNLIMITED,
            retry_after: RetryAfterRule::Ignore,
            limiter: None,
        }
    }

    /// The table of a client, row by row.
    pub(super) fn table(treat: impl Fn(Failure) -> Treatment) -> [Treatment; Failure::ALL.len()] {
        Failure::ALL.map(treat)
    }
}
