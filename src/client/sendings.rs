//! When a client with a limiter sends, as long as there is always somebody who waits for a send token, and all responses
//! are known that come meanwhile.
//!
//! The rate follows the responses alone, so that it is known beforehand how it changes. What is left is one sum after the
//! other: the tokens at each response, and when there is one again after each that was taken.
//!
//! *Why*: that is a chain in which each operation waits for the one before, and nobody can predict whether a token or a
//! response comes next. So nothing is in the chain that need not be there: no division but one, no conversion, and no
//! bound that is not reached. What is not as usual is left to [`CubicLimiter`] itself. And as the rate hardly changes between
//! two tokens, what comes next is guessed as soon as one is taken, and seen when the sums are there.

use super::cubic::{CubicLimiter, MIN_CAPACITY, NO_TIME, SEND_COST, SURELY_SHORT};
use super::rules::Permit;
use super::{Call, Client, ClientState, nanoseconds, seconds};
use crate::units::{SimSpan, SimTime};

/// From here on an f64 has no fraction: adding it rounds to the nearest integer, and leaves that in the low bits.
const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
/// Instants before this one have room beside it.
const ROOM: SimTime = SimTime(NO_FRACTION as u64 / 2);

/// A limiter that hears of responses before anything is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Listener(CubicLimiter);

/// What a response changes.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Change {
    when: SimTime,
    /// The same \[s\].
    at: f64,
    /// The rate from then on [1/s], and how long a token takes at it \[ns\].
    rate: f64,
    per_token: f64,
}

/// The attempts that a client sends, one after the other.
#[derive(Debug)]
pub(crate) struct Sendings<'r> {
    /// What the responses change; the last is none, but the end.
    changes: &'r [Change],
    /// How many have come.
    come: usize,
    /// The last response or attempt.
    last: SimTime,
    /// As in the limiter, and how long a token takes \[ns\].
    tokens: f64,
    refilled_at: f64,
    rate: f64,
    per_token: f64,
    /// When the next token comes, unless the rate changes.
    guess: SimTime,
    /// Whether it has come to the end.
    is_through: bool,
}

/// What comes next.
enum Next {
    /// This token, which has been taken.
    Token(SimTime),
    Response,
    /// It is to be seen one by one.
    Unclear,
}

impl ClientState {
    /// Its limiter, to hear beforehand of all responses that will come.
    #[inline(always)]
    pub(crate) fn listener(&self) -> Listener {
        Listener(self.limiter)
    }
}

impl Listener {
    /// The next response comes then, and is a success; what it changes.
    #[inline(always)]
    pub(crate) fn hear(&mut self, when: SimTime) -> Change {
        let at = seconds(when);
        let rate = self.0.next_rate(at, false);
        Change { when, at, rate, per_token: 1e9 / rate }
    }
}

impl Change {
    /// The end: there is no more response before.
    #[inline(always)]
    pub(crate) fn end(when: SimTime) -> Change {
        Change { when, ..Change::default() }
    }
}

impl Client {
    /// What has been foreseen has come true, up to the last attempt that was asked for or to the end. Somebody has listened
    /// to all of the responses.
    #[inline(always)]
    pub(crate) fn have_sent(&self, state: &mut ClientState, sent: &Sendings<'_>, listener: Listener) {
        debug_assert!(self.rules.permit == Permit::PerRequest && self.has_limiter(), "as boto3 has it");
        state.quota.give_back(sent.come as u64 * u64::from(Call::default().gives_back()));
        if sent.come + 1 == sent.changes.len() {
            state.limiter = listener.0;
        } else {
            for change in &sent.changes[..sent.come] {
                let _ = state.limiter.next_rate(change.at, false);
            }
        }
        state.limiter.set(sent.rate, sent.tokens, sent.refilled_at);
    }
}

impl<'r> Sendings<'r> {
    /// The attempts that are sent after `last`, the last response or attempt, while these changes happen.
    #[inline(always)]
    pub(crate) fn new(state: &ClientState, last: SimTime, changes: &'r [Change]) -> Sendings<'r> {
        let CubicLimiter { tokens, refilled_at, rate, .. } = state.limiter;
        let per_token = 1e9 / rate;
        let guess = last.saturating_add(SimSpan((((SEND_COST - tokens) * per_token) as i64).max(0).cast_unsigned()));
        Sendings { changes, come: 0, last, tokens, refilled_at, rate, per_token, guess, is_through: false }
    }
}

impl Sendings<'_> {
    /// When the next attempt is sent; none if none is before the end, or it is to be seen one by one.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<SimTime> {
        loop {
            let Change { when: next, at, rate, per_token } = self.changes[self.come];
            let after = nanoseconds((next - self.last).0) * 1e-9;
            let is_response = next <= self.guess && self.tokens + (after + NO_TIME) * self.rate < SURELY_SHORT;
            match if is_response { Next::Response } else { self.token(next) } {
                Next::Token(token) => return Some(token),
                Next::Unclear => return None,
                Next::Response => {}
            }
            // A token comes after the responses of its instant.
            if self.come + 1 == self.changes.len() {
                self.is_through = true;
                return None;
            }
            let tokens = self.tokens + (at - self.refilled_at) * self.rate;
            if tokens > MIN_CAPACITY {
                return None;
            }
            (self.tokens, self.refilled_at, self.last) = (tokens, at, next);
            (self.rate, self.per_token) = (rate, per_token);
            self.come += 1;
        }
    }

    /// Takes the next token, if it comes before the response at `next`.
    #[inline(always)]
    fn token(&mut self, next: SimTime) -> Next {
        /// A wait is clear if it is not that close to whole nanoseconds: rounding comes to far less.
        const CLEAR: f64 = 0.499;
        let last = NO_FRACTION + nanoseconds(self.last.0);
        // A half more rounds up.
        let wait = (SEND_COST + 0.5e-9 * self.rate - self.tokens) * self.per_token;
        let raised = wait + last;
        let whole = raised - last;
        if (wait - whole).abs() >= CLEAR || whole < 2.0 || next >= ROOM {
            return Next::Unclear;
        }
        if raised >= NO_FRACTION + nanoseconds(next.0) {
            return Next::Response;
        }
        let token = raised.to_bits() - NO_FRACTION.to_bits();
        let now = (raised - NO_FRACTION) / 1e9;
        let tokens = self.tokens + (now - self.refilled_at) * self.rate;
        let left = tokens - SEND_COST;
        // Nothing flows over, and there is one, but no second.
        if left < 0.0 || tokens > self.rate || left + NO_TIME * self.rate >= SURELY_SHORT {
            return Next::Unclear;
        }
        (self.tokens, self.refilled_at, self.last) = (left, now, SimTime(token));
        self.guess = SimTime(token + (self.per_token as i64).cast_unsigned());
        Next::Token(SimTime(token))
    }

    /// How many responses have come.
    #[inline(always)]
    pub(crate) fn responses(&self) -> usize {
        self.come
    }

    /// The last response or attempt.
    #[inline(always)]
    pub(crate) fn last(&self) -> SimTime {
        self.last
    }

    /// Whether there is no more attempt before the end.
    #[inline(always)]
    pub(crate) fn is_through(&self) -> bool {
        self.is_through
    }
}
