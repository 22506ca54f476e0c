//! What real SDKs do about failed attempts, without doing any input or output themselves.
//!
//! A [`Client`] is a workload's retry policy made ready to run; it never changes. A [`ClientState`] is what the requests
//! of one client object share: retry quota, send-rate limiter, budget. A [`Call`] is what one request remembers. The
//! caller owns the clock and the dice: it passes `now` and 64 uniform bits, and obeys the answers.
//!
//! ```text
//!   begin ─► before_send ─┬─ Now ──────────► (attempt) ─┬─ succeeded ─► after_success
//!                ▲        └─ NotBefore(t) ─► ask again   └─ failed ────► after_failure ─┬─ GiveUp
//!                └────────────────────────── after `delay` ◄────────────── Retry ──────┘
//! ```
//!
//! *Words.* An **attempt** is one call on the wire; `max_attempts` counts the first. The **retry quota** is the AWS
//! SDKs' bucket of 500 tokens that retries draw on; a **budget** is the same idea for a custom policy. The **send
//! token** belongs to the adaptive modes, whose limiter paces every attempt. A **throttle** is a failure that lowers
//! the limiter's rate.
//!
//! *Promises.* Nothing here allocates after [`Client::new`], reads a clock or draws a random number. The quota stays
//! within [0, 500], a delay within its policy's cap unless the server asks for more, and a policy with finitely many
//! attempts gives up after them.
//!
//! *Simplifications.* The caller books a success when the answer ends, of a stream with its first token, where every SDK
//! does; what goes wrong in a started stream is not asked about here, as no SDK retries it. One `ClientState` stands for
//! one process with one client object; in Rust the quota and the limiter belong to the process
//! ([`Client::shares_process`]), elsewhere to the object.
//!
//! *Source.* Packages of November 2026, run or read: botocore 1.44.5 and 1.43.127, @smithy/core 3.41.0,
//! aws-smithy-runtime 1.16.2, anthropic 2.11.0; aws-sdk-java-v2 was read only and is an *Assumption*. Their numbers are
//! under `tests/vectors/sdk-retries` and the tests replay them.

mod anthropic;
mod backoff;
mod boto3;
mod budget;
mod cubic;
mod custom;
mod failure;
mod java;
mod javascript;
mod ladder;
mod retry_after;
mod retry_quota;
mod rules;
mod rust;
mod sendings;
#[cfg(test)]
mod tests;

pub use failure::Failure;
pub use ladder::{LONGEST_WAIT, Ladder, MOST_ATTEMPTS};
pub use retry_after::RetryAfter;
pub use retry_quota::RetryQuota;
pub use rules::Waiters;
pub(crate) use sendings::{Response, Sendings};

use crate::model::client::{ClientPolicy, Sdk, SdkPolicy};
use crate::random::Sampler;
use crate::units::{SimSpan, SimTime};
use budget::{Budget, BudgetRule};
use cubic::CubicLimiter;
use rules::{Permit, Rules, SendTokens};

/// The retry policy of a workload, compiled; immutable and shared by all its clients.
///
/// ```
/// use quotasim::client::{Client, Decision, Failure, Send};
/// use quotasim::model::client::{ClientPolicy, Sdk, SdkPolicy};
/// use quotasim::units::{SimSpan, SimTime};
///
/// let client = Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(Sdk::Boto3)));
/// let mut state = client.state(SimTime::ZERO);
/// let mut call = client.begin(&mut state);
/// assert_eq!(client.before_send(&mut state, &call, SimTime::ZERO), Send::Now);
/// // A throttle, with the uniform number at one half: half of the first second.
/// let decision = client.after_failure(&mut state, &mut call, Failure::Throttled, SimTime::ZERO, None, 1 << 63);
/// assert_eq!(decision, Decision::Retry { delay: SimSpan(500_000_000) });
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    rules: Rules,
    /// The wait of a custom policy given as a distribution \[s\]; it takes the place of the backoff.
    delay: Option<Sampler>,
}

/// What the requests of one client share.
#[derive(Debug, Clone)]
pub struct ClientState {
    quota: RetryQuota,
    budget: Budget,
    /// The cost of the retry permit in a Rust client's only slot [quota tokens]; 0 when empty.
    permit: u32,
    limiter: CubicLimiter,
}

/// What one request remembers between its attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Call {
    /// Attempts that have failed.
    failed: u32,
    /// What the last retry took from the quota [quota tokens]; 0 before the first.
    cost: u32,
    /// The last backoff \[s\]; 0 before the first.
    previous: f64,
}

impl Call {
    /// How many of the request's attempts have failed so far.
    pub fn failed_attempts(self) -> u32 {
        self.failed
    }

    /// What its success gives back to the retry quota, if that is to be per request.
    pub(crate) fn gives_back(self) -> u32 {
        RetryQuota::released(self.cost)
    }

    /// A request whose last retry cost so much, zero if it needed none: all that its success has to know.
    pub(crate) fn retried(cost: u32) -> Call {
        Call { cost, ..Call::default() }
    }
}

/// Whether an attempt may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Send {
    /// At once.
    Now,
    /// Ask again then; always later than now.
    NotBefore(SimTime),
}

/// What happens after a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// The attempt is repeated.
    Retry {
        /// How long to wait first; the send token of an adaptive client is asked for afterwards.
        delay: SimSpan,
    },
    /// The request fails with this error.
    GiveUp,
}

impl Client {
    /// Compiles a policy.
    pub fn new(policy: &ClientPolicy) -> Client {
        match policy {
            ClientPolicy::None => Client { rules: Rules::never(), delay: None },
            ClientPolicy::Custom(policy) => {
                Client { rules: custom::rules(policy), delay: custom::sampled_delay(policy) }
            }
            ClientPolicy::Sdk(policy) => Client { rules: sdk_rules(*policy), delay: None },
        }
    }

    /// The state of a client object created at `now`.
    pub fn state(&self, now: SimTime) -> ClientState {
        ClientState {
            quota: RetryQuota::full(self.rules.quota),
            budget: self.rules.budget.full(),
            permit: 0,
            limiter: CubicLimiter::new(self.rules.limiter.map_or(cubic::BOTO3, |limiter| limiter.start), seconds(now)),
        }
    }

    /// A request starts; it comes before its first [`before_send`](Client::before_send).
    #[inline]
    pub fn begin(&self, state: &mut ClientState) -> Call {
        self.rules.budget.deposit(&mut state.budget);
        Call::default()
    }

    /// Whether attempts need send tokens at all; without them [`before_send`](Client::before_send) is always `Now`.
    #[inline]
    pub fn has_limiter(&self) -> bool {
        self.rules.limiter.is_some()
    }

    /// Whether a request that starts pays into a budget; else [`begin`](Client::begin) changes nothing.
    pub fn saves_up(&self) -> bool {
        self.rules.budget != BudgetRule::UNLIMITED
    }

    /// Whether successes change anything; else [`after_success`](Client::after_success) does nothing.
    #[inline]
    pub fn books_success(&self) -> bool {
        self.rules.permit != Permit::None || self.has_limiter()
    }

    /// How requests that wait for a send token share the wait.
    pub fn waiters(&self) -> Waiters {
        self.rules.limiter.map_or(Waiters::Sleep, |limiter| limiter.waiters)
    }

    /// Whether all clients of one process share the quota and the limiter (Rust), or each object has its own.
    pub fn shares_process(&self) -> bool {
        self.rules.permit == Permit::OneSlot
    }

    /// Takes the send token of an attempt, first or retry; a retry asks after its delay has passed.
    #[inline]
    pub fn before_send(&self, state: &mut ClientState, call: &Call, now: SimTime) -> Send {
        let Some(limiter) = &self.rules.limiter else { return Send::Now };
        if call.failed > 0 && limiter.tokens != SendTokens::EveryAttempt {
            return Send::Now;
        }
        match state.limiter.take(seconds(now), cubic::SEND_COST) {
            Ok(()) => Send::Now,
            Err(wait) => Send::NotBefore(now.saturating_add(limiter.whole_steps(wait))),
        }
    }

    /// When the limiter will have a send token for an attempt at its present rate; now, if it has one. A response or
    /// another attempt has just been booked.
    #[inline]
    pub(crate) fn next_send(&self, state: &ClientState, now: SimTime) -> SimTime {
        self.next_token(&state.limiter, now)
    }

    #[inline(always)]
    fn next_token(&self, limiter: &CubicLimiter, now: SimTime) -> SimTime {
        let wait = self.rules.limiter.as_ref().zip(limiter.wait(cubic::SEND_COST));
        wait.map_or(now, |(rule, wait)| now.saturating_add(rule.whole_steps(wait)))
    }

    /// An attempt failed: books it and decides what comes next.
    ///
    /// `retry_after` is the server's hint, if it sent one. `bits` are uniform, and their upper half is this
    /// wait's own.
    pub fn after_failure(
        &self,
        state: &mut ClientState,
        call: &mut Call,
        failure: Failure,
        now: SimTime,
        retry_after: Option<RetryAfter>,
        bits: u64,
    ) -> Decision {
        call.failed = call.failed.saturating_add(1);
        let treatment = &self.rules.treatments[failure as usize];
        if self.has_limiter() {
            state.limiter.update(seconds(now), treatment.throttle);
        }
        let Some(retry) = treatment.retry.filter(|_| call.failed < self.rules.max_attempts) else {
            return Decision::GiveUp;
        };
        // The Rust SDK's 2.0 limiter is asked before the quota, and what it grants is spent even if the quota refuses.
        let refusal = self.rules.limiter.and_then(|limiter| {
            let cost = limiter.tokens.of_retry(treatment.throttle)?;
            state.limiter.take(seconds(now), cost).err()
        });
        if !state.quota.acquire(retry.cost) || !self.rules.budget.acquire(&mut state.budget) {
            return Decision::GiveUp;
        }
        call.cost = retry.cost;
        if self.rules.permit == Permit::OneSlot {
            state.permit = retry.cost;
        }
        if let Some(wait) = refusal {
            return Decision::Retry { delay: SimSpan::from_secs_f64(wait.min(rust::MAX_BACKOFF)) };
        }
        let delay = match &self.delay {
            Some(delay) => delay.sample(bits),
            None => retry.backoff.delay(call.failed - 1, call.previous, uniform(bits)),
        };
        call.previous = delay;
        Decision::Retry { delay: self.rules.retry_after.apply(SimSpan::from_secs_f64(delay), retry_after) }
    }

    /// An attempt succeeded; for a stream, its response started.
    #[inline(always)]
    pub fn after_success(&self, state: &mut ClientState, call: &Call, now: SimTime) {
        match self.rules.permit {
            Permit::None => {}
            Permit::PerRequest => state.quota.release(call.cost),
            Permit::OneSlot => state.quota.release(std::mem::take(&mut state.permit)),
        }
        if self.has_limiter() {
            state.limiter.update(seconds(now), false);
        }
    }

    /// So many requests succeeded, of a client without a limiter; what the last retry of each cost.
    pub(crate) fn after_successes(&self, state: &mut ClientState, count: u64, cost: u32) {
        debug_assert!(!self.has_limiter(), "the rate follows every response");
        if count > 0 {
            self.after_success(state, &Call::retried(cost), SimTime::ZERO);
            state.quota.give_back((count - 1).saturating_mul(RetryQuota::released(cost).into()));
        }
    }

    /// The responses at these instants \[ns\], one after the other, were successes, and give back so much to the retry quota.
    pub(crate) fn after_successes_at(&self, state: &mut ClientState, times: &[u64], gives_back: u64) {
        debug_assert!(self.rules.permit == Permit::PerRequest && self.has_limiter(), "as boto3 has it");
        state.quota.give_back(gives_back);
        for &at in times {
            state.limiter.update(seconds(SimTime(at)), false);
        }
    }
}

impl ClientState {
    /// What is left of the retry quota [quota tokens]; 0 for clients without one.
    pub fn quota(&self) -> u32 {
        self.quota.level()
    }

    /// Whether attempts take send tokens: once a limiter has seen a throttle.
    #[inline(always)]
    pub(crate) fn takes_send_tokens(&self) -> bool {
        self.limiter.is_enabled()
    }

    /// Whether [`Client::next_send`], asked at `now`, is surely after `at`.
    #[inline(always)]
    pub(crate) fn sends_later(&self, now: SimTime, at: SimTime) -> bool {
        self.limiter.is_short(nanoseconds((at - now).0) * 1e-9)
    }

    /// Its retry quota.
    #[inline(always)]
    pub(crate) fn retry_quota(&mut self) -> &mut RetryQuota {
        &mut self.quota
    }
}

fn sdk_rules(policy: SdkPolicy) -> Rules {
    match policy.sdk {
        Sdk::Boto3 => boto3::rules(policy),
        Sdk::JavaScript => javascript::rules(policy),
        Sdk::Rust => rust::rules(policy),
        Sdk::Java => java::rules(policy),
        Sdk::Anthropic => anthropic::rules(policy),
    }
}

/// Seconds as the SDKs count them. Divided, not multiplied by 10⁻⁹: half seconds must come out exact.
#[inline]
fn seconds(now: SimTime) -> f64 {
    nanoseconds(now.0) / 1e9
}

/// Nanoseconds as a real number. They fit into a signed one, which is converted in one step.
#[inline(always)]
fn nanoseconds(span: u64) -> f64 {
    span.cast_signed() as f64
}

/// The uniform number on [0, 1) that 64 bits stand for.
#[inline(always)]
fn uniform(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
}
