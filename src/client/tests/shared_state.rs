//! What requests of one client do to one another.

use super::*;

fn fail(client: &Client, state: &mut ClientState, call: &mut Call, failure: Failure) -> Decision {
    client.after_failure(state, call, failure, SimTime::ZERO, None, 0)
}

/// A state whose quota has been drawn down to `level` by throttled requests.
fn drained(client: &Client, level: u32) -> ClientState {
    let mut state = client.state(SimTime::ZERO);
    while state.quota() > level {
        fail(client, &mut state, &mut Call::default(), Failure::Throttled);
    }
    assert_eq!(state.quota(), level);
    state
}

/// Two concurrent requests, each throttled once and then served, draw 10 and bring back 5 + 1; run with the real client.
#[test]
fn concurrent_retries_lose_refunds_in_rust() {
    let client = sdk(Sdk::Rust, RetryMode::Standard, RetryVersion::V2_1, 3);
    let mut state = drained(&client, 10);
    let (mut a, mut b) = (client.begin(&mut state), client.begin(&mut state));
    fail(&client, &mut state, &mut a, Failure::Throttled);
    fail(&client, &mut state, &mut b, Failure::Throttled);
    assert_eq!(state.quota(), 0);
    client.after_success(&mut state, &a, SimTime::ZERO);
    client.after_success(&mut state, &b, SimTime::ZERO);
    assert_eq!(state.quota(), 6);
    assert!(client.shares_process());
}

#[test]
fn each_request_gets_its_own_back_elsewhere() {
    for kind in [Sdk::Boto3, Sdk::JavaScript, Sdk::Java] {
        let client = sdk(kind, RetryMode::Standard, RetryVersion::V2_1, 3);
        let mut state = drained(&client, 10);
        let (mut a, mut b) = (client.begin(&mut state), client.begin(&mut state));
        fail(&client, &mut state, &mut a, Failure::Throttled);
        fail(&client, &mut state, &mut b, Failure::Throttled);
        client.after_success(&mut state, &a, SimTime::ZERO);
        client.after_success(&mut state, &b, SimTime::ZERO);
        assert_eq!(state.quota(), 10);
        assert!(!client.shares_process());
    }
}

/// A first-try success takes what a failed request of the same client left in the slot.
#[test]
fn any_success_empties_the_slot_in_rust() {
    let client = sdk(Sdk::Rust, RetryMode::Standard, RetryVersion::V2_0, 2);
    let mut state = client.state(SimTime::ZERO);
    let mut failed = client.begin(&mut state);
    fail(&client, &mut state, &mut failed, Failure::Unavailable);
    assert_eq!(fail(&client, &mut state, &mut failed, Failure::Unavailable), Decision::GiveUp);
    assert_eq!(state.quota(), 490);
    client.after_success(&mut state, &Call::default(), SimTime::ZERO);
    assert_eq!(state.quota(), 500);
}

/// The standard 2.1 unit test of aws-smithy-runtime: 30 → 16 → 2 → success → 16 → 2 → success → 16.
#[test]
fn a_success_returns_only_the_last_cost() {
    let client = sdk(Sdk::Rust, RetryMode::Standard, RetryVersion::V2_1, 3);
    let mut state = drained(&client, 30);
    let mut levels = Vec::new();
    for _ in 0..2 {
        let mut call = client.begin(&mut state);
        while fail(&client, &mut state, &mut call, Failure::Internal) != Decision::GiveUp {
            levels.push(state.quota());
        }
        client.after_success(&mut state, &call, SimTime::ZERO);
        levels.push(state.quota());
    }
    assert_eq!(levels, [16, 2, 16, 2, 16]);
}

/// *Assumption*, as all of Java.
#[test]
fn legacy_java_throttles_for_free() {
    let client = sdk(Sdk::Java, RetryMode::Legacy, RetryVersion::V2_0, 4);
    let mut state = client.state(SimTime::ZERO);
    let mut call = client.begin(&mut state);
    for _ in 0..3 {
        assert_ne!(fail(&client, &mut state, &mut call, Failure::ModelNotReady), Decision::GiveUp);
    }
    assert_eq!(fail(&client, &mut state, &mut call, Failure::ModelNotReady), Decision::GiveUp);
    assert_eq!(state.quota(), 500);
}

/// Adaptive Rust 2.0: the limiter's own wait takes the place of a retry's backoff, and the retry asks no more.
#[test]
fn a_refused_retry_waits_for_the_limiter_in_rust_2_0() {
    let client = sdk(Sdk::Rust, RetryMode::Adaptive, RetryVersion::V2_0, 3);
    let mut state = client.state(SimTime::ZERO);
    let mut call = client.begin(&mut state);
    // The limiter has measured nothing yet: half a token a second, so ten tokens would take 20 s.
    let decision = fail(&client, &mut state, &mut call, Failure::Throttled);
    assert_eq!(decision, Decision::Retry { delay: SimSpan(20_000_000_000) });
    assert_eq!(client.before_send(&mut state, &call, SimTime::ZERO), Send::Now);
    // A new request does ask: one token at half a token a second.
    let new = client.begin(&mut state);
    assert_eq!(client.before_send(&mut state, &new, SimTime::ZERO), Send::NotBefore(SimTime(2_000_000_000)));
    // After another error a retry needs five.
    let decision = fail(&client, &mut state, &mut call, Failure::Internal);
    assert_eq!(decision, Decision::Retry { delay: SimSpan(10_000_000_000) });
}

#[test]
fn a_model_that_is_not_ready_slows_only_javascript_and_java() {
    for (kind, slows) in [(Sdk::Boto3, false), (Sdk::JavaScript, true), (Sdk::Rust, false), (Sdk::Java, true)] {
        let client = sdk(kind, RetryMode::Adaptive, RetryVersion::V2_1, 3);
        let mut state = client.state(SimTime::ZERO);
        let mut call = client.begin(&mut state);
        fail(&client, &mut state, &mut call, Failure::ModelNotReady);
        assert_eq!(client.before_send(&mut state, &call, SimTime::ZERO) != Send::Now, slows, "{kind:?}");
    }
}

#[test]
fn defaults_of_november_2026() {
    let of = |kind| {
        let policy = SdkPolicy::default_for(kind);
        (policy.mode, policy.version, policy.max_attempts)
    };
    assert_eq!(of(Sdk::Boto3), (RetryMode::Standard, RetryVersion::V2_1, 3));
    assert_eq!(of(Sdk::JavaScript), (RetryMode::Standard, RetryVersion::V2_1, 3));
    assert_eq!(of(Sdk::Rust), (RetryMode::Standard, RetryVersion::V2_1, 3));
    assert_eq!(of(Sdk::Java), (RetryMode::Legacy, RetryVersion::V2_0, 4));
    assert_eq!(of(Sdk::Anthropic).2, 3);
    assert_eq!(Sdk::Boto3.default_attempts(Sdk::Boto3.default_mode(RetryVersion::V2_0)), 5);
}
