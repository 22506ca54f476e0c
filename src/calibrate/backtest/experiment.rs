//! Cheap experiments that tell apart what history does not.
//!
//! Each is a short series of calls whose refusals differ under the readings that are left. The trick that makes most of
//! them cheap is AWS's own rule: a reservation counts `max_tokens`, the bill does not. Calls that ask for much and are
//! answered in a word fill a quota for next to nothing. Only what depends on tokens really charged costs as much.

use super::hypothesis::Hypothesis;
use super::replay::Quotas;
use crate::admission::{Limiter as _, Meter};
use crate::model::{Demand, Prices, Quota};
use crate::units::{SimSpan, SimTime, Tokens};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A series of calls, and what each reading says of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Experiment {
    /// What to do, in a sentence.
    pub instruction: String,
    /// Calls that it takes.
    pub calls: usize,
    /// What it costs, where the model's prices are known \[USD\].
    pub cost_usd: Option<f64>,
    /// Calls refused under each reading that is left, in their order.
    pub refused: Vec<usize>,
}

/// A call of an experiment.
#[derive(Debug, Clone, Copy)]
struct Call {
    at: SimTime,
    demand: Demand,
}

/// Calls at most: more are no cheap experiment.
const MOST_CALLS: u64 = 2_000;
/// Prompt tokens of a call that asks for one word.
const SHORT_PROMPT: u64 = 20;
/// Such an answer, and how long it takes.
const WORD: u64 = 4;
const LASTS: SimSpan = SimSpan(1_500_000_000);

/// The cheapest experiments that together tell as many readings apart as can be.
pub fn experiments(left: &[Hypothesis], quotas: &Quotas, max_output: u64, prices: Prices) -> Vec<Experiment> {
    let Some(quota) = quotas.tokens_per_minute else { return Vec::new() };
    let mut all: Vec<Experiment> = candidates(quota, max_output)
        .into_iter()
        .map(|(instruction, calls)| Experiment {
            instruction,
            calls: calls.len(),
            cost_usd: calls.iter().map(|call| cost(&call.demand, prices)).sum(),
            refused: left.iter().map(|hypothesis| refused(&calls, quota, quotas, hypothesis)).collect(),
        })
        .collect();
    all.sort_by(|a, b| a.cost_usd.unwrap_or(f64::MAX).total_cmp(&b.cost_usd.unwrap_or(f64::MAX)));
    // Readings in one group cannot be told apart so far.
    let mut groups = vec![0_usize; left.len()];
    let mut chosen = Vec::new();
    for experiment in all {
        let finer = refined(&groups, &experiment);
        if finer != groups {
            groups = finer;
            chosen.push(experiment);
        }
    }
    chosen
}

/// The groups, divided where an experiment tells their members apart.
fn refined(groups: &[usize], experiment: &Experiment) -> Vec<usize> {
    // A difference of a call or two may be timing.
    let clear = (experiment.calls / 10).max(2);
    let mut keys: Vec<(usize, usize)> = Vec::new();
    groups
        .iter()
        .zip(&experiment.refused)
        .map(|(&group, &refused)| {
            let same = |&(of, seen): &(usize, usize)| of == group && seen.abs_diff(refused) < clear;
            keys.iter().position(same).unwrap_or_else(|| {
                keys.push((group, refused));
                keys.len() - 1
            })
        })
        .collect()
}

/// Every experiment with its calls.
fn candidates(quota: u64, max_output: u64) -> Vec<(String, Vec<Call>)> {
    let mut all = Vec::new();
    let call = |at: SimTime, input: u64, cache_read: u64, max_tokens: u64| Call {
        at,
        demand: Demand {
            input: Tokens(input),
            cache_read: Tokens(cache_read),
            cache_write: Tokens(0),
            max_tokens: Tokens(max_tokens),
            natural_output: Tokens(WORD.min(max_tokens)),
        },
    };
    // Within a second, evenly: no client sends everything in one instant.
    let within =
        |second: u64, index: u64, of: u64| SimTime(second * SimSpan::SECOND.0 + index * SimSpan::SECOND.0 / of.max(1));
    let enough = |size: u64| (16 * quota / 10).div_ceil(size.max(1));

    let limit = (quota / 40).clamp(64, max_output.max(64));
    let count = enough(limit + SHORT_PROMPT);
    all.push((
        format!("send {count} calls within a second, each with max_tokens {limit} and a question that takes one word"),
        (0..count).map(|i| call(within(0, i, count), SHORT_PROMPT, 0, limit)).collect::<Vec<_>>(),
    ));
    let count = (13 * quota / 10).div_ceil(4_096 + SHORT_PROMPT);
    all.push((
        format!("send {count} calls within a second, each with max_tokens 16 and a question that takes one word"),
        (0..count).map(|i| call(within(0, i, count), SHORT_PROMPT, 0, 16)).collect(),
    ));
    let prefix = 10_000;
    let count = enough(prefix);
    all.push((
        format!(
            "put {prefix} tokens into the prompt cache, then send {count} calls within a second that read them, each with \
             max_tokens 16"
        ),
        (0..count).map(|i| call(within(0, i, count), SHORT_PROMPT, prefix, 16)).collect(),
    ));
    let prompt = (quota / 20).clamp(200, 50_000);
    let count = enough(prompt);
    all.push((
        format!("send {count} calls within a second, each with a prompt of {prompt} tokens and max_tokens 16"),
        (0..count).map(|i| call(within(0, i, count), prompt, 0, 16)).collect(),
    ));
    let (first, then) = ((95 * quota / 100) / prompt, (quota / 2) / prompt);
    let spend = (0..first).map(|i| call(within(50, i, first), prompt, 0, 16));
    let again = (0..then).map(|i| call(within(65, i, then), prompt, 0, 16));
    all.push((
        format!(
            "send {first} calls within second 50 of a minute, each with a prompt of {prompt} tokens and max_tokens 16; \
             send {then} more within second 5 of the next minute"
        ),
        spend.chain(again).collect(),
    ));
    all.retain(|(_, calls)| calls.len() as u64 <= MOST_CALLS && !calls.is_empty());
    all
}

/// What a call costs [USD].
fn cost(demand: &Demand, prices: Prices) -> Option<f64> {
    let per_million = |price: Option<f64>, tokens: Tokens| match (price, tokens.0) {
        (_, 0) => Some(0.0),
        (price, tokens) => Some(price? * tokens as f64 / 1e6),
    };
    Some(
        per_million(prices.input, demand.input)?
            + per_million(prices.cache_read, demand.cache_read)?
            + per_million(prices.output, demand.output())?,
    )
}

/// Calls that a reading refuses, on quotas that nobody else uses.
fn refused(calls: &[Call], quota: u64, quotas: &Quotas, hypothesis: &Hypothesis) -> usize {
    let mut meter = Meter::new(&Quota { limits: vec![(SimTime::ZERO, quota)], limiter: hypothesis.limiter });
    let mut open = BinaryHeap::new();
    let mut entries = Vec::new();
    let mut refused = 0;
    for call in calls {
        while let Some(&Reverse((ends, number))) = open.peek()
            && ends <= call.at
        {
            open.pop();
            let (entry, refund) = entries[number];
            meter.give_back(ends, entry, refund);
        }
        let reservation = hypothesis.rules.reservation(&call.demand, quotas.burndown).0;
        if !meter.fits(call.at, reservation) {
            refused += 1;
            continue;
        }
        let entry = meter.take(call.at, reservation);
        let refund = reservation as i64 - call.demand.charge(quotas.burndown).0 as i64;
        open.push(Reverse((call.at.saturating_add(LASTS), entries.len())));
        entries.push((entry, refund));
    }
    refused
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Limiter, ReservationRules};
    use crate::units::{BurndownRate, Probability};

    fn bucket(seconds: u64) -> Hypothesis {
        let burst = SimSpan(seconds * SimSpan::SECOND.0);
        Hypothesis {
            limiter: Limiter::TokenBucket { burst, initial_level: Probability(1.0) },
            ..Hypothesis::published()
        }
    }

    fn of(left: &[Hypothesis]) -> Vec<Experiment> {
        let quotas = Quotas { tokens_per_minute: Some(200_000), requests_per_minute: None, burndown: BurndownRate(5) };
        let prices = Prices { input: Some(1.1), output: Some(5.5), cache_read: Some(0.11), cache_write: Some(1.375) };
        experiments(left, &quotas, 64_000, prices)
    }

    #[test]
    fn bursts_are_told_apart_for_cents() {
        let found = of(&[bucket(60), bucket(10)]);
        let [one] = found.as_slice() else { panic!("{found:?}") };
        assert!(one.cost_usd.unwrap() < 0.01 && one.calls < 100, "{one:?}");
        // A full minute of quota in a second leaves what exceeds it, ten seconds of it leave five sixths.
        assert!(one.refused[0].abs_diff(24) <= 2 && one.refused[1].abs_diff(57) <= 2, "{one:?}");
    }

    #[test]
    fn windows_take_tokens_that_are_charged() {
        let window = Hypothesis { limiter: Limiter::FixedWindow { phase: SimSpan::ZERO }, ..Hypothesis::published() };
        let sliding = Hypothesis { limiter: Limiter::SlidingWindow, ..Hypothesis::published() };
        let found = of(&[bucket(60), window, sliding]);
        let last = found.last().unwrap();
        assert!(last.instruction.contains("next minute"), "{found:?}");
        let [bucket, window, sliding] = last.refused[..] else { panic!("{last:?}") };
        assert!(window == 0 && bucket > 2 && sliding > bucket, "{last:?}");
    }

    #[test]
    fn reservation_rules_are_told_apart() {
        let rules = ReservationRules::default();
        let floor = Hypothesis {
            rules: ReservationRules { reservation_floor: Tokens(4_096), ..rules },
            ..Hypothesis::published()
        };
        let reads =
            Hypothesis { rules: ReservationRules { reserve_cache_reads: true, ..rules }, ..Hypothesis::published() };
        for other in [floor, reads] {
            let found = of(&[Hypothesis::published(), other]);
            assert!(found.iter().any(|one| one.refused[0] + 5 < one.refused[1]), "{found:?}");
        }
    }

    #[test]
    fn one_reading_needs_no_experiment() {
        assert!(of(&[bucket(60)]).is_empty());
    }
}
