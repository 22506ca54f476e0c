//! The waits of a client that remembers nothing: how often a request has failed decides what comes next.
//!
//! Most custom policies are of this kind. Most SDKs are not: their retries draw on a quota that all requests share.

use super::backoff::{Backoff, Spread};
use super::budget::BudgetRule;
use super::failure::Failure;
use super::rules::Permit;
use super::{Client, uniform};
use crate::model::client::Jitter;
use crate::units::SimSpan;

/// More attempts than this are not climbed one by one.
const MOST_ATTEMPTS: u32 = 16;
/// A request that may wait longer than this in all \[s\] is better kept apart from those that arrived with it.
const LONGEST: f64 = 30.0;

/// What a client does about throttles, if that depends on nothing but how many a request has met.
#[derive(Debug, Clone)]
pub struct Ladder {
    attempts: u32,
    wait: Wait,
}

#[derive(Debug, Clone)]
enum Wait {
    /// Always the same \[s\].
    Constant(f64),
    Backoff(Backoff),
}

impl Client {
    /// What it does about throttles, if it remembers nothing beside how many a request has met, and no request takes
    /// long to end.
    pub fn ladder(&self) -> Option<Ladder> {
        let rules = &self.rules;
        let forgets = rules.limiter.is_none() && rules.permit == Permit::None && rules.budget == BudgetRule::UNLIMITED;
        let retry = rules.treatments[Failure::Throttled as usize].retry;
        let attempts = if retry.is_some() { rules.max_attempts.max(1) } else { 1 };
        if !forgets || attempts > MOST_ATTEMPTS || retry.is_some_and(|retry| retry.cost > 0) {
            return None;
        }
        let wait = match (&self.delay, retry) {
            (Some(delay), _) => Wait::Constant(delay.constant()?),
            (None, Some(retry)) => Wait::Backoff(retry.backoff),
            (None, None) => Wait::Constant(0.0),
        };
        let ladder = Ladder { attempts, wait };
        ladder.longest().is_some_and(|longest| longest <= LONGEST).then_some(ladder)
    }
}

impl Ladder {
    /// Whether a request that has met so many throttles is given up.
    #[inline(always)]
    pub fn ends_after(&self, throttles: u32) -> bool {
        throttles >= self.attempts
    }

    /// How long to wait after the throttle of this number, from 1; `bits` are uniform, the attempt's own.
    #[inline(always)]
    pub fn wait(&self, throttles: u32, bits: u64) -> SimSpan {
        let delay = match &self.wait {
            Wait::Constant(delay) => *delay,
            Wait::Backoff(backoff) => backoff.delay(throttles - 1, 0.0, uniform(bits)),
        };
        SimSpan::from_secs_f64(delay)
    }

    /// The longest that a request can wait in all \[s\], if each wait depends on nothing but its number.
    fn longest(&self) -> Option<f64> {
        let rungs = 0..self.attempts - 1;
        match &self.wait {
            Wait::Constant(delay) => Some(delay * rungs.len() as f64),
            Wait::Backoff(Backoff { spread: Spread::Jitter(Jitter::Decorrelated), .. }) => None,
            Wait::Backoff(backoff) => {
                // Some jitters shorten the wait as their number grows.
                let longest = |rung| backoff.delay(rung, 0.0, 0.0).max(backoff.delay(rung, 0.0, 1.0));
                Some(rungs.map(longest).sum())
            }
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
        let anthropic = Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(Sdk::Anthropic)));
        let mut clients = vec![Client::new(&ClientPolicy::None), anthropic];
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
                    if ladder.ends_after(throttles) {
                        assert_eq!(decision, Decision::GiveUp);
                        break;
                    }
                    assert_eq!(decision, Decision::Retry { delay: ladder.wait(throttles, bits) });
                }
            }
        }
    }

    #[test]
    fn who_remembers_or_waits_for_long_has_none() {
        let sdk = |sdk| Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(sdk)));
        for client in [sdk(Sdk::Boto3), sdk(Sdk::Rust), custom(5, 0.3, Jitter::Decorrelated)] {
            assert!(client.ladder().is_none(), "{client:?}");
        }
        assert!(custom(9, 10.0, Jitter::Full).ladder().is_none(), "eight waits of up to four seconds");
        assert!(custom(8, 10.0, Jitter::Full).ladder().is_some(), "seven");
    }
}
