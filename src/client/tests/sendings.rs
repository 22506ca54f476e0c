//! What is foreseen of a limiter is what it does.

use super::*;
use crate::random::{Key, Purpose};
use proptest::prelude::*;

/// What happens from `last` on: sends as soon as there is a token, and hears of these responses, until `until`, or until so
/// many were sent and heard; when it sends.
fn one_by_one(
    client: &Client,
    state: &mut ClientState,
    mut last: SimTime,
    responses: &[SimTime],
    until: SimTime,
    [sends, hears]: [usize; 2],
) -> Vec<SimTime> {
    let (mut sent, mut heard) = (Vec::new(), 0);
    while sent.len() < sends || heard < hears {
        let token = client.next_send(state, last);
        let response = responses.get(heard).copied().unwrap_or(until);
        // A response comes before a token of its instant.
        if response <= token {
            if heard == responses.len() {
                break;
            }
            client.after_success(state, &Call::default(), response);
            (last, heard) = (response, heard + 1);
        } else {
            last = token;
            if client.before_send(state, &Call::default(), token) == Send::Now {
                sent.push(token);
            }
        }
    }
    sent
}

/// A limiter that has seen a throttle, after some more responses, and without a token; and when the last came.
fn limiter(client: &Client, seed: u64) -> (ClientState, SimTime) {
    let key = Key::new(seed, 0, 0, Purpose::Think);
    let mut state = client.state(SimTime::ZERO);
    let (mut at, spread) = (0, 2_000_000_000 >> (seed % 8));
    for nth in 0..100 + seed % 50 {
        at += key.bits(nth) % spread;
        if nth == 60 {
            let mut call = client.begin(&mut state);
            let _ = client.after_failure(&mut state, &mut call, Failure::Throttled, SimTime(at), None, 0);
        } else {
            client.after_success(&mut state, &Call::default(), SimTime(at));
        }
    }
    while client.before_send(&mut state, &Call::default(), SimTime(at)) == Send::Now {}
    (state, SimTime(at))
}

proptest! {
    /// Sends at the same instants, and is the same limiter afterwards, to the last bit; also where responses come at the very
    /// instants of tokens.
    #[test]
    fn sendings_are_those_one_by_one(
        seed in any::<u64>(),
        gaps in prop::collection::vec((0..400_000_000_u64, prop::option::of(0..8_usize)), 0..20),
        rest in 0..3_000_000_000_u64,
    ) {
        let client = sdk(Sdk::Boto3, RetryMode::Adaptive, RetryVersion::V2_1, 3);
        let (state, last) = limiter(&client, seed);
        let (mut responses, mut at) = (Vec::new(), last);
        for (gap, on_token) in gaps {
            let ahead = one_by_one(&client, &mut state.clone(), last, &responses, SimTime::MAX, [responses.len() + 8, responses.len()]);
            at = match on_token.and_then(|nth| ahead.get(nth)) {
                Some(&token) if token >= at => token,
                _ => SimTime(at.0 + gap),
            };
            responses.push(at);
        }
        let until = SimTime(at.0 + rest);
        let mut known: Vec<_> = responses.iter().map(|&response| state.response(response)).collect();
        known.push(Response::end(until));
        let mut foreseen = state.clone();
        let mut sendings = Sendings::new(&mut foreseen, last, &known);
        let first = sendings.peek();
        let sent: Vec<_> = std::iter::from_fn(|| sendings.next()).collect();
        prop_assert_eq!(first, sent.first().copied());
        let (heard, said, is_through) = (sendings.responses(), sendings.last(), sendings.is_through());
        sendings.come_true();
        client.have_come(&mut foreseen, heard);
        let mut one = state;
        prop_assert_eq!(&one_by_one(&client, &mut one, last, &responses, until, [sent.len(), heard]), &sent);
        prop_assert_eq!(foreseen.limiter, one.limiter);
        prop_assert_eq!(foreseen.quota.level(), one.quota.level());
        if is_through {
            let all = one_by_one(&client, &mut one, said, &responses[responses.len()..], until, [usize::MAX, 0]);
            prop_assert_eq!(all, []);
        }
    }
}

/// Else nothing would be gained.
#[test]
fn most_is_foreseen() {
    let client = sdk(Sdk::Boto3, RetryMode::Adaptive, RetryVersion::V2_1, 3);
    let (mut through, mut sent) = (0, 0);
    for seed in 0..1_000 {
        let (mut state, last) = limiter(&client, seed);
        let times = (1..=10).map(|nth| SimTime(last.0 + nth * 37_123_457));
        let mut known: Vec<_> = times.map(|at| state.response(at)).collect();
        known.push(Response::end(SimTime(last.0 + 400_000_000)));
        let mut sendings = Sendings::new(&mut state, last, &known);
        sent += std::iter::from_fn(|| sendings.next()).count();
        through += u32::from(sendings.is_through());
    }
    assert!(through > 700 && sent > 1_000, "{through} of 1,000, {sent} sent");
}
