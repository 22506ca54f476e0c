//! Conversations: how many turns, how long between them, how much is new in each.

use crate::calibrate::fit::{Fit, Grain, Value, fit};
use crate::calibrate::sketch::Turn;
use crate::units::SimSpan;
use serde::Serialize;

/// Sessions as the simulator plays them: openings at random, turns one after the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionFit {
    /// Sessions that the laws rest on.
    pub sessions: u64,
    /// Turns per session.
    pub turns: Fit,
    /// Seconds from the end of an answer to the next turn.
    pub think_time: Fit,
    /// What a turn adds to the prompt: what neither the cache nor an earlier turn has.
    pub new_tokens: Fit,
    /// What a first turn reads from the cache, the mean: instructions that all sessions share.
    pub shared_prefix: u64,
    /// Seconds from the first turn of a session to the end of its last answer, the mean.
    pub mean_duration_s: f64,
    /// Sessions that began anew because their prompt shrank to less than half: a context that was compacted or cleared.
    pub compacted: u64,
}

/// A prompt that shrinks below this share of the one before begins a new conversation.
const COMPACTED: f64 = 0.5;
/// Shorter pauses between turns are the application's own loop; a pause cannot be negative.
const GRAIN: Grain = Grain { step: 1e-3, least: 0.0 };

/// Fits sessions; `None` where hardly any session has a second turn.
pub fn sessions<'a>(groups: impl Iterator<Item = &'a [Turn]>) -> Option<SessionFit> {
    let mut conversations: Vec<Vec<Turn>> = Vec::new();
    let mut compacted = 0;
    for group in groups {
        let mut turns = group.to_vec();
        turns.sort_unstable();
        let pieces = turns.chunk_by(|a, b| b.prompt as f64 >= COMPACTED * a.prompt as f64);
        let before = conversations.len();
        conversations.extend(pieces.map(<[Turn]>::to_vec));
        compacted += (conversations.len() - before).saturating_sub(1) as u64;
    }
    let turns: usize = conversations.iter().map(Vec::len).sum();
    if conversations.len() < 2 || (turns as f64) < 1.5 * conversations.len() as f64 {
        return None;
    }
    let exact = |values: Vec<f64>| values.into_iter().map(Value::exact).collect::<Vec<_>>();
    let lengths = exact(conversations.iter().map(|turns| turns.len() as f64).collect());
    let pauses = exact(conversations.iter().flat_map(|turns| turns.windows(2).map(pause)).collect());
    let added = exact(conversations.iter().flat_map(|turns| added(turns)).collect());
    let durations = conversations.iter().map(|turns| {
        let (first, last) = (turns[0], turns[turns.len() - 1]);
        last.at.seconds_since(first.at) + last.latency.unwrap_or(SimSpan::ZERO).as_secs_f64()
    });
    Some(SessionFit {
        sessions: conversations.len() as u64,
        turns: fit(&lengths, Grain::ANSWER),
        think_time: fit(&pauses, GRAIN),
        new_tokens: fit(&added, Grain::TOKENS),
        shared_prefix: conversations.iter().map(|turns| u64::from(turns[0].cached)).sum::<u64>()
            / conversations.len() as u64,
        mean_duration_s: durations.sum::<f64>() / conversations.len() as f64,
        compacted,
    })
}

/// Seconds from the end of one answer to the next turn, in whole milliseconds.
fn pause(pair: &[Turn]) -> f64 {
    let end = pair[0].latency.unwrap_or(SimSpan::ZERO).as_secs_f64();
    let pause = (pair[1].at.seconds_since(pair[0].at) - end).max(0.0);
    libm::round(pause * 1e3) / 1e3
}

/// What each turn adds: of the first what the cache does not have, and of a later one what the turn before has neither
/// sent nor received.
fn added(turns: &[Turn]) -> impl Iterator<Item = f64> {
    let first = turns.first().map(|turn| turn.prompt.saturating_sub(u64::from(turn.cached)) as f64);
    let later =
        turns.windows(2).map(|pair| pair[1].prompt.saturating_sub(pair[0].prompt + u64::from(pair[0].output)) as f64);
    first.into_iter().chain(later)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::observation::Instant;
    use crate::model::Distribution;
    use crate::random::{Key, Purpose, Sampler, quantile};

    #[test]
    fn turns_pauses_and_new_text_are_found() {
        let key = |purpose| Key::new(5, 0, 0, purpose);
        let think = Sampler::new(&Distribution::LogNormal { mu: 3.0, sigma: 0.8 });
        let mut groups: Vec<Vec<Turn>> = Vec::new();
        for session in 0..800_u64 {
            let turns = 2 + key(Purpose::Turns).bits(session) % 20;
            let (mut at, mut prompt) = (0.0, 1_000);
            let mut group = Vec::new();
            for turn in 0..turns {
                let address = session * 100 + turn;
                let output = 50 + (key(Purpose::Output).bits(address) % 100) as u32;
                group.push(Turn {
                    at: Instant((at * 1e9) as i64),
                    latency: Some(SimSpan::SECOND),
                    prompt,
                    cached: 0,
                    output,
                });
                at += 1.0 + think.sample(key(Purpose::Think).bits(address));
                prompt += u64::from(output) + 10;
            }
            groups.push(group);
        }
        let found = sessions(groups.iter().map(Vec::as_slice)).unwrap();
        assert_eq!((found.sessions, found.compacted), (800, 0));
        assert!((quantile(&found.turns.law, 0.5) - 11.0).abs() <= 1.0, "{:?}", found.turns.law);
        assert!(
            (quantile(&found.think_time.law, 0.5) / 3.0_f64.exp() - 1.0).abs() < 0.05,
            "{:?}",
            found.think_time.law
        );
        assert!(found.think_time.ks < 0.02);
        assert_eq!(quantile(&found.new_tokens.law, 0.5), 10.0);
    }

    #[test]
    fn a_shrunken_prompt_begins_anew() {
        let turn = |at, prompt| Turn { at: Instant(at), latency: None, prompt, cached: 0, output: 10 };
        let one = [turn(0, 1_000), turn(1, 2_000), turn(2, 3_000), turn(3, 900), turn(4, 1_500)];
        let two = [turn(0, 10), turn(9, 50)];
        let found = sessions([&one[..], &two[..]].into_iter()).unwrap();
        assert_eq!((found.sessions, found.compacted), (3, 1));
    }

    #[test]
    fn single_calls_are_no_conversations() {
        let turn = Turn { at: Instant(0), latency: None, prompt: 10, cached: 0, output: 10 };
        let groups = vec![vec![turn]; 50];
        assert_eq!(sessions(groups.iter().map(Vec::as_slice)), None);
    }
}
