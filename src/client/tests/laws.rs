//! What every client promises, whatever happens to it.

use super::*;
use crate::model::Distribution;
use crate::model::client::{CustomPolicy, Delay, Jitter};
use proptest::prelude::*;

/// The longest wait a policy can come to by itself: legacy boto3 has no cap, so ten attempts decide.
const LONGEST: SimSpan = SimSpan(512_000_000_000);

proptest! {
    #[test]
    fn quotas_and_delays_keep_their_bounds(
        steps in prop::collection::vec((0..19usize, any::<bool>(), any::<u64>(), 0..3_000_000_000u64), 1..200),
    ) {
        for (name, client) in every_client() {
            let mut now = SimTime(5);
            let mut state = client.state(now);
            let mut call = client.begin(&mut state);
            for &(failure, succeeds, bits, gap) in &steps {
                now += SimSpan(gap);
                let mut asks = 0;
                while let Send::NotBefore(later) = client.before_send(&mut state, &call, now) {
                    prop_assert!(later > now && client.has_limiter(), "{name}");
                    asks += 1;
                    prop_assert!(asks < 4, "{name} asks again and again");
                    now = later;
                }
                let ended = if succeeds {
                    client.after_success(&mut state, &call, now);
                    true
                } else {
                    match client.after_failure(&mut state, &mut call, Failure::ALL[failure], now, None, bits) {
                        Decision::Retry { delay } => {
                            prop_assert!(delay <= LONGEST, "{name}: {delay:?}");
                            prop_assert!(call.failed_attempts() < 10, "{name} goes on for ever");
                            now += delay;
                            false
                        }
                        Decision::GiveUp => true,
                    }
                };
                prop_assert!(state.quota() <= 500, "{name}");
                if ended {
                    call = client.begin(&mut state);
                }
            }
        }
    }

    /// Successes of requests whose last retries cost the same, told all at once.
    #[test]
    fn many_successes_are_as_many_of_one(failures in 0..40usize, successes in 0..200u64, cost in 0..9u32) {
        for (name, client) in every_client().into_iter().filter(|(_, client)| !client.has_limiter()) {
            // There, one success empties the slot of the last retry.
            if client.shares_process() && cost > 0 {
                continue;
            }
            let mut state = client.state(SimTime::ZERO);
            for _ in 0..failures {
                let mut call = client.begin(&mut state);
                let _ = client.after_failure(&mut state, &mut call, Failure::Throttled, SimTime::ZERO, None, 0);
            }
            let mut one_by_one = state.clone();
            for _ in 0..successes {
                client.after_success(&mut one_by_one, &Call::retried(cost), SimTime::ZERO);
            }
            if client.books_success() {
                client.after_successes(&mut state, successes, cost);
            }
            prop_assert_eq!(state.quota(), one_by_one.quota(), "{}", name);
        }
    }

    #[test]
    fn jitter_stays_between_zero_and_the_cap(
        i in 0..2_000u32, u in 0.0..1.0f64, base in 0.0..10.0f64, factor in 1.0..4.0f64, extra in 0.0..50.0f64,
    ) {
        for jitter in [Jitter::None, Jitter::Full, Jitter::Equal, Jitter::Decorrelated] {
            let cap = base + extra;
            let client = Client::new(&ClientPolicy::Custom(CustomPolicy {
                max_attempts: None,
                delay: Delay::Backoff { base, factor, cap, jitter },
                budget: None,
            }));
            let mut state = client.state(SimTime::ZERO);
            let mut call = Call { failed: i, ..client.begin(&mut state) };
            for _ in 0..3 {
                let decision =
                    client.after_failure(&mut state, &mut call, Failure::Throttled, SimTime::ZERO, None, bits_of(u));
                let Decision::Retry { delay } = decision else { panic!("unlimited attempts") };
                prop_assert!(delay <= SimSpan::from_secs_f64(cap), "{jitter:?} {delay:?}");
            }
        }
    }
}

#[test]
fn failures_are_their_own_index() {
    for (i, failure) in Failure::ALL.into_iter().enumerate() {
        assert_eq!(failure as usize, i);
    }
}

#[test]
fn per_request_state_is_small() {
    assert_eq!(size_of::<Call>(), 16);
    assert_eq!(size_of::<Decision>(), 16);
    assert!(size_of::<ClientState>() <= 144, "{}", size_of::<ClientState>());
}

#[test]
fn no_retries_means_none() {
    let client = Client::new(&ClientPolicy::None);
    let mut state = client.state(SimTime::ZERO);
    for failure in Failure::ALL {
        let mut call = client.begin(&mut state);
        let decision = client.after_failure(&mut state, &mut call, failure, SimTime::ZERO, None, 0);
        assert_eq!(decision, Decision::GiveUp);
    }
}

#[test]
fn a_custom_delay_may_be_any_distribution() {
    let client = Client::new(&ClientPolicy::Custom(CustomPolicy {
        max_attempts: Some(3),
        delay: Delay::Distribution(Distribution::Constant(0.25)),
        budget: None,
    }));
    let mut state = client.state(SimTime::ZERO);
    let mut call = client.begin(&mut state);
    let mut again = |failure| client.after_failure(&mut state, &mut call, failure, SimTime::ZERO, None, 7);
    assert_eq!(again(Failure::Throttled), Decision::Retry { delay: SimSpan(250_000_000) });
    assert_eq!(again(Failure::Disconnected), Decision::Retry { delay: SimSpan(250_000_000) });
    assert_eq!(again(Failure::Unavailable), Decision::GiveUp);
}

/// `min(cap, base + u·(3·previous − base))`, the first previous being the base.
#[test]
fn decorrelated_jitter_grows_from_its_last_wait() {
    let client = Client::new(&ClientPolicy::Custom(CustomPolicy {
        max_attempts: None,
        delay: Delay::Backoff { base: 1.0, factor: 2.0, cap: 5.0, jitter: Jitter::Decorrelated },
        budget: None,
    }));
    let mut state = client.state(SimTime::ZERO);
    let mut call = client.begin(&mut state);
    let mut wait =
        || match client.after_failure(&mut state, &mut call, Failure::Throttled, SimTime::ZERO, None, 1 << 63) {
            Decision::Retry { delay } => delay.as_secs_f64(),
            Decision::GiveUp => panic!("unlimited attempts"),
        };
    assert_eq!([wait(), wait(), wait(), wait()], [2.0, 3.5, 5.0, 5.0]);
}
