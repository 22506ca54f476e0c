//! The waits of a client that remembers nothing of a request but how often it has failed.
//!
//! Most custom policies are of this kind, and so are SDKs whose retries draw on a quota that all requests share, if that
//! gives back what the last retry cost: whether a throttle is followed by a wait depends on the quota, how long it is does
//! not.

use super::backoff::{Backoff, Spread};
use super::budget::BudgetRule;
use super::failure::Failure;
use super::rules::Permit;
use super::{Client, uniform};
use crate::model::client::Jitter;
use crate::units::SimSpan;
use crate::wide::{Loop, widest};

/// No ladder has more attempts.
pub const MOST_ATTEMPTS: u32 = 16;
/// A request that may wait longer than this in all \[s\] is better kept apart from those that arrived with it.
const LONGEST: f64 = 30.0;
/// No request waits for as long in all.
pub const LONGEST_WAIT: SimSpan = SimSpan(31 * SimSpan::SECOND.0);

/// What a client does about throttles, if that depends on nothing but how many a request has met, and on what is left of
/// the quota that all its retries draw on.
#[derive(Debug, Clone)]
pub struct Ladder {
    attempts: u32,
    wait: Wait,
    longest: SimSpan,
    cost: u32,
    also_unavailable: bool,
}

#[derive(Debug, Clone)]
enum Wait {
    /// By the number of throttles, less one: an offset and a slope over chance \[s\].
    Straight(Box<[(f64, f64); MOST_ATTEMPTS as usize]>),
    /// Any other.
    Backoff(Backoff),
}

impl Wait {
    /// Always the same \[s\].
    fn straight(delay: f64) -> Wait {
        Wait::Straight(Box::new([(delay, 0.0); MOST_ATTEMPTS as usize]))
    }

    fn of(backoff: Backoff) -> Wait {
        if !matches!(backoff.spread, Spread::Jitter(Jitter::None | Jitter::Full | Jitter::Equal)) {
            return Wait::Backoff(backoff);
        }
        let mut rungs = [(0.0, 0.0); MOST_ATTEMPTS as usize];
        for (rung, (offset, slope)) in (0..).zip(&mut rungs) {
            *offset = backoff.delay(rung, 0.0, 0.0);
            // Whole or half of the longest: there is nothing to round.
            *slope = backoff.delay(rung, 0.0, 1.0) - *offset;
        }
        Wait::Straight(Box::new(rungs))
    }

    /// \[s\]
    #[inline(always)]
    fn before(&self, rung: u32, u: f64) -> f64 {
        match self {
            Wait::Straight(rungs) => {
                let (offset, slope) = rungs[rung as usize % rungs.len()];
                offset + u * slope
            }
            Wait::Backoff(backoff) => backoff.delay(rung, 0.0, u),
        }
    }
}

impl Client {
    /// What it does about throttles, if it remembers nothing of a request beside how many it has met, and none takes long to
    /// end.
    pub fn ladder(&self) -> Option<Ladder> {
        let rules = &self.rules;
        let forgets =
            rules.limiter.is_none() && rules.permit != Permit::OneSlot && rules.budget == BudgetRule::UNLIMITED;
        let retry = rules.treatments[Failure::Throttled as usize].retry;
        let attempts = if retry.is_some() { rules.max_attempts.max(1) } else { 1 };
        let cost = retry.map_or(0, |retry| retry.cost);
        if !forgets || attempts > MOST_ATTEMPTS || (rules.permit == Permit::None && cost > 0) {
            return None;
        }
        let wait = match (&self.delay, retry) {
            (Some(delay), _) => Wait::straight(delay.constant()?),
            (None, Some(retry)) => Wait::of(retry.backoff),
            (None, None) => Wait::straight(0.0),
        };
        let also_unavailable = rules.treatments[Failure::Unavailable as usize].retry == retry;
        let mut ladder = Ladder { attempts, wait, longest: SimSpan(0), cost, also_unavailable };
        let longest = ladder.longest_wait().filter(|&longest| longest <= LONGEST)?;
        // Each wait may have been rounded up.
        ladder.longest = SimSpan::from_secs_f64(longest) + SimSpan(u64::from(attempts));
        Some(ladder)
    }
}

impl Ladder {
    /// How many attempts a request has.
    #[inline(always)]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What a retry takes from the quota of all requests of the client; zero if there is none.
    #[inline(always)]
    pub fn cost(&self) -> u32 {
        self.cost
    }

    /// Whether the client does the same about attempts for which the service was unavailable.
    #[inline]
    pub fn is_also_for_unavailable(&self) -> bool {
        self.also_unavailable
    }

    /// No request waits for longer in all.
    pub fn longest(&self) -> SimSpan {
        self.longest
    }

    /// How long to wait after the throttle of this number, from 1; `bits` are uniform, and their upper half is this
    /// wait's own.
    #[inline(always)]
    pub fn wait(&self, throttles: u32, bits: u64) -> SimSpan {
        SimSpan::from_secs_f64(self.wait.before(throttles.wrapping_sub(1), uniform(bits)))
    }

    /// As [`wait`](Ladder::wait) \[ns\], for many requests with their bits.
    pub fn fill(&self, throttles: u32, bits: impl Iterator<Item = u64>, out: &mut [u64]) {
        match &self.wait {
            Wait::Straight(rungs) => {
                let (offset, slope) = rungs[(throttles - 1) as usize];
                widest(Straight { offset, slope, bits, out });
            }
            Wait::Backoff(_) => {
                for (wait, bits) in out.iter_mut().zip(bits) {
                    *wait = self.wait(throttles, bits).0;
                }
            }
        }
    }

    /// The longest that a request can wait in all \[s\], if each wait depends on nothing but its number.
    fn longest_wait(&self) -> Option<f64> {
        if let Wait::Backoff(Backoff { spread: Spread::Jitter(Jitter::Decorrelated), .. }) = self.wait {
            return None;
        }
        // Some jitters shorten the wait as their number grows.
        let longest = |rung| self.wait.before(rung, 0.0).max(self.wait.before(rung, 1.0));
        Some((0..self.attempts - 1).map(longest).sum())
    }
}

/// Waits of one rung, which are short enough for an f64 to have room for half a nanosecond.
struct Straight<'a, B> {
    offset: f64,
    slope: f64,
    bits: B,
    out: &'a mut [u64],
}

impl<B: Iterator<Item = u64>> Loop for Straight<'_, B> {
    #[inline(always)]
    fn run(self) {
        // From 2⁵² on an f64 has no fraction, and what is added to it is in the low bits.
        const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
        let Straight { offset, slope, bits, out } = self;
        for (wait, bits) in out.iter_mut().zip(bits) {
            let nearest = (offset + uniform(bits) * slope) * 1e9 + 0.5;
            let shifted = nearest + NO_FRACTION;
            let went_up = shifted - NO_FRACTION > nearest;
            *wait = (shifted.to_bits() & (NO_FRACTION as u64 - 1)) - u64::from(went_up);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Decision;
    use crate::model::client::{ClientPolicy, CustomPolicy, Delay, Sdk, SdkPolicy};
    use crate::units::SimTime;

    fn custom(max_attempts: u32, base: f64, jitter: Jitter) -> Client {
        let delay = Delay::Backoff { base, factor: 3.0, cap: 4.0, jitter };
        Client::new(&ClientPolicy::Custom(CustomPolicy { max_attempts: Some(max_attempts), delay, budget: None }))
    }

    #[test]
    fn a_ladder_is_what_its_client_does_about_throttles() {
        let sdk = |sdk| Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(sdk)));
        let mut clients = vec![Client::new(&ClientPolicy::None), sdk(Sdk::Anthropic)];
        clients.extend([sdk(Sdk::Boto3), sdk(Sdk::JavaScript)]);
        clients.extend([Jitter::None, Jitter::Full, Jitter::Equal].map(|jitter| custom(5, 0.3, jitter)));
        for client in clients {
            let ladder = client.ladder().expect("it remembers nothing");
            for seed in 1..20_u64 {
                let mut state = client.state(SimTime::ZERO);
                let mut call = client.begin(&mut state);
                for throttles in 1.. {
                    let bits = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(throttles);
                    let throttled = Failure::Throttled;
                    let decision = client.after_failure(&mut state, &mut call, throttled, SimTime::ZERO, None, bits);
                    if throttles >= ladder.attempts() {
                        assert_eq!(decision, Decision::GiveUp);
                        break;
                    }
                    assert_eq!(decision, Decision::Retry { delay: ladder.wait(throttles, bits) });
                }
            }
            let bits = || (1..1000_u64).map(|seed| seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            for throttles in 1..ladder.attempts() {
                let mut waits = [0; 999];
                ladder.fill(throttles, bits(), &mut waits);
                let each: Vec<u64> = bits().map(|bits| ladder.wait(throttles, bits).0).collect();
                assert_eq!(waits[..], each);
            }
        }
    }

    #[test]
    fn who_remembers_or_waits_for_long_has_none() {
        let sdk = |sdk| Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(sdk)));
        for client in [sdk(Sdk::Rust), custom(5, 0.3, Jitter::Decorrelated)] {
            assert!(client.ladder().is_none(), "{client:?}");
        }
        assert!(custom(9, 10.0, Jitter::Full).ladder().is_none(), "eight waits of up to four seconds");
        assert!(custom(8, 10.0, Jitter::Full).ladder().is_some(), "seven");
    }
}
