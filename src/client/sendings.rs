//! When a client with a limiter sends, as long as there is always somebody who waits for a send token, and all responses
//! are known that come meanwhile.
//!
//! How far each response lets the rate grow is known beforehand, and what has been measured by then bounds it as they come.
//! What is left is one sum after the other: the tokens at each response, and when there is one again after each that was
//! taken.
//!
//! *Why*: that is a chain in which each operation waits for the one before, and nobody can predict whether a token or a
//! response comes next. So nothing is in the chain that need not be there: no division but the one of a token's instant, no
//! conversion, and no bound that is not reached. What is not as usual is left to [`CubicLimiter`] itself. And as the rate
//! hardly changes between two tokens, what comes next is guessed as soon as one is taken, and seen when the sums are there.

use super::cubic::{CubicLimiter, MIN_CAPACITY, NO_TIME, SEND_COST, SURELY_SHORT};
use super::rules::Permit;
use super::{Call, Client, ClientState, seconds};
use crate::units::SimTime;

/// From here on an f64 has no fraction: adding it rounds to the nearest integer, and leaves that in the low bits.
const NO_FRACTION: f64 = 4_503_599_627_370_496.0;

/// A response that will come, a success.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Response {
    /// When it comes: raised \[ns\], and \[s\].
    when: f64,
    at: f64,
    /// The rate that it allows, whatever has been measured by then [1/s].
    growth: f64,
}

/// The pace of tokens.
#[derive(Debug, Clone, Copy)]
struct Pace {
    /// The rate [1/s], and how long a token takes \[ns\].
    rate: f64,
    per_token: f64,
    /// With so many tokens half a nanosecond from now there is one for an attempt.
    enough: f64,
    /// Fewer tokens are surely not enough half a nanosecond later, however instants are rounded.
    short: f64,
    /// If no more tokens are left when one has been taken, there is no second, and nothing has flowed over.
    most_left: f64,
}

/// The attempts that a client sends, one after the other.
#[derive(Debug)]
pub(crate) struct Sendings<'r> {
    /// The responses that will come; the last is none, but the end.
    responses: &'r [Response],
    /// How many have come.
    come: usize,
    /// Hears of them as they come, but not of what is sent.
    limiter: &'r mut CubicLimiter,
    /// The last response or attempt, raised \[ns\].
    last: f64,
    /// As in the limiter.
    tokens: f64,
    refilled_at: f64,
    pace: Pace,
    /// When the next token comes, unless the rate changes, raised \[ns\].
    guess: f64,
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
    /// A response comes then, if there is no throttle before.
    #[inline(always)]
    pub(crate) fn response(&self, when: SimTime) -> Response {
        let at = seconds(when);
        Response { when: raise(when), at, growth: self.limiter.growth(at) }
    }
}

impl Client {
    /// So many responses have come of which the limiter has [heard](Sendings).
    #[inline(always)]
    pub(crate) fn have_come(&self, state: &mut ClientState, responses: usize) {
        debug_assert!(self.rules.permit == Permit::PerRequest && self.has_limiter(), "as boto3 has it");
        state.quota.give_back(responses as u64 * u64::from(Call::default().gives_back()));
    }
}

impl Response {
    /// The end: there is no more response before.
    #[inline(always)]
    pub(crate) fn end(when: SimTime) -> Response {
        Response { when: raise(when), at: seconds(when), growth: 0.0 }
    }
}

impl Pace {
    #[inline(always)]
    fn new(rate: f64) -> Pace {
        let no_time = NO_TIME * rate;
        let short = SURELY_SHORT - 4.0 * no_time;
        let flows_over = rate - SEND_COST;
        let most_left = if flows_over < short { flows_over } else { short };
        Pace { rate, per_token: 1e9 / rate, enough: SEND_COST + no_time, short, most_left }
    }
}

/// An instant before [`Sendings::ROOM`] as a number whose low bits it is; a later one as anything.
#[inline(always)]
fn raise(when: SimTime) -> f64 {
    f64::from_bits(NO_FRACTION.to_bits() | when.0)
}

/// The instant that is in the low bits.
#[inline(always)]
fn lower(raised: f64) -> SimTime {
    SimTime(raised.to_bits() - NO_FRACTION.to_bits())
}

impl<'r> Sendings<'r> {
    /// Instants before this one have room beside what raises them.
    pub(crate) const ROOM: SimTime = SimTime(NO_FRACTION as u64 / 2);

    /// The attempts that are sent after `last`, the last response or attempt, while these responses come; the last of them is
    /// the end, and before [`ROOM`](Self::ROOM).
    #[inline(always)]
    pub(crate) fn new(state: &'r mut ClientState, last: SimTime, responses: &'r [Response]) -> Sendings<'r> {
        let limiter = &mut state.limiter;
        let CubicLimiter { tokens, refilled_at, rate, .. } = *limiter;
        let (last, pace) = (raise(last), Pace::new(rate));
        let guess = last + (SEND_COST - tokens) * pace.per_token;
        Sendings { responses, come: 0, limiter, last, tokens, refilled_at, pace, guess, is_through: false }
    }
}

impl Sendings<'_> {
    /// When the next attempt is sent; none if none is before the end, or it is to be seen one by one.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> Option<SimTime> {
        loop {
            let next = self.responses[self.come];
            let tokens = self.tokens + (next.at - self.refilled_at) * self.pace.rate;
            let is_response = next.when <= self.guess && tokens < self.pace.short;
            match if is_response { Next::Response } else { self.token(next.when) } {
                Next::Token(token) => return Some(token),
                Next::Unclear => return None,
                Next::Response => {}
            }
            // A token comes after the responses of its instant.
            if self.come + 1 == self.responses.len() {
                self.is_through = true;
                return None;
            }
            if tokens > MIN_CAPACITY {
                return None;
            }
            self.limiter.measure(next.at);
            self.pace = Pace::new(self.limiter.bounded(next.growth));
            (self.tokens, self.refilled_at, self.last) = (tokens, next.at, next.when);
            self.come += 1;
        }
    }

    /// Takes the next token, if it comes before the next response, whose instant is raised.
    #[inline(always)]
    fn token(&mut self, next: f64) -> Next {
        /// A wait is clear if it is not that close to whole nanoseconds: rounding comes to far less.
        const CLEAR: f64 = 0.499;
        // A half more rounds up.
        let wait = (self.pace.enough - self.tokens) * self.pace.per_token;
        let raised = wait + self.last;
        let whole = raised - self.last;
        if (wait - whole).abs() >= CLEAR || whole < 2.0 {
            return Next::Unclear;
        }
        if raised >= next {
            return Next::Response;
        }
        let at = (raised - NO_FRACTION) / 1e9;
        let left = self.tokens + (at - self.refilled_at) * self.pace.rate - SEND_COST;
        if left < 0.0 || left > self.pace.most_left {
            return Next::Unclear;
        }
        (self.tokens, self.refilled_at, self.last) = (left, at, raised);
        self.guess = raised + self.pace.per_token;
        Next::Token(lower(raised))
    }

    /// When the next attempt is sent; nothing has happened yet.
    #[inline(never)]
    pub(crate) fn peek(&self) -> Option<SimTime> {
        let mut limiter = *self.limiter;
        Sendings { limiter: &mut limiter, ..*self }.next()
    }

    /// What has been foreseen has come true, up to the last attempt that was asked for or to the end.
    #[inline(always)]
    pub(crate) fn come_true(self) {
        self.limiter.set(self.pace.rate, self.tokens, self.refilled_at);
    }

    /// How many responses have come.
    #[inline(always)]
    pub(crate) fn responses(&self) -> usize {
        self.come
    }

    /// The last response or attempt.
    #[inline(always)]
    pub(crate) fn last(&self) -> SimTime {
        lower(self.last)
    }

    /// Whether there is no more attempt before the end.
    #[inline(always)]
    pub(crate) fn is_through(&self) -> bool {
        self.is_through
    }
}
