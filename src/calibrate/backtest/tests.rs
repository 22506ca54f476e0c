//! The true limiter is found in histories that the admission law itself has made.

use super::*;
use crate::admission::{Admission, Gate, Settlement};
use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
use crate::model::scenario::Start;
use crate::model::{Demand, Distribution, Faults, Latency, Limiter, Pool, PoolQuotas, Quota, ReservationRules};
use crate::random::{Key, Purpose, Sampler};
use crate::units::{Probability, SimTime, Tokens};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const QUOTA: u64 = 200_000;
/// 2026-03-02 09:00 UTC.
const START: i64 = 1_772_442_000_000_000_000;

fn setting() -> Setting {
    Setting {
        model: "us.anthropic.claude-haiku-4-5-20251001-v1:0".to_owned(),
        quotas: Quotas { tokens_per_minute: Some(QUOTA), requests_per_minute: None, burndown: BurndownRate(5) },
        max_output: 64_000,
        prices: Prices { input: Some(1.1), output: Some(5.5), cache_read: Some(0.11), cache_write: Some(1.375) },
    }
}

fn bucket(seconds: u64) -> Limiter {
    Limiter::TokenBucket { burst: SimSpan(seconds * SimSpan::SECOND.0), initial_level: Probability(1.0) }
}

fn pool(truth: Hypothesis) -> Pool {
    Pool {
        name: "haiku".to_owned(),
        model: setting().model,
        account: None,
        quotas: PoolQuotas::Runtime {
            requests: None,
            tokens: Some(Quota { limits: vec![(SimTime::ZERO, QUOTA)], limiter: truth.limiter }),
            tokens_per_day: None,
        },
        rules: truth.rules,
        burndown: BurndownRate(5),
        max_output: Tokens(64_000),
        context_window: None,
        prices: Prices::default(),
        latency: Latency::Duration(Distribution::Constant(1.0)),
        faults: Faults::default(),
        fault_episodes: Vec::new(),
    }
}

/// Half an hour of bursty traffic on a pool that enforces its quota by `truth`: somewhat more than fits.
fn past(truth: Hypothesis) -> Vec<Observation<'static>> {
    let pool = pool(truth);
    let mut gate = Gate::new(&pool, Start::default());
    let key = |purpose| Key::new(3, 0, 0, purpose);
    let law = |mu: f64, sigma: f64| Sampler::new(&Distribution::LogNormal { mu, sigma });
    let (gaps, inputs, outputs) =
        (Sampler::new(&Distribution::Gamma { shape: 0.15, scale: 3.6 }), law(6.8, 0.8), law(5.0, 0.8));
    let mut open = BinaryHeap::new();
    let mut reservations = Vec::new();
    let mut seen = Vec::new();
    let mut now = SimTime(7_300_000_000);
    for i in 0..3_500 {
        now = now.saturating_add(SimSpan::from_secs_f64(gaps.sample(key(Purpose::Arrival).bits(i))));
        let demand = Demand {
            input: Tokens(inputs.sample(key(Purpose::Input).bits(i)) as u64),
            cache_read: Tokens(3_000 * (i % 3)),
            cache_write: Tokens(0),
            max_tokens: Tokens(if i % 2 == 0 { 1_024 } else { 8_000 }),
            natural_output: Tokens(outputs.sample(key(Purpose::Output).bits(i)) as u64 + 1),
        };
        while let Some(&Reverse((ends, number))) = open.peek()
            && ends <= now
        {
            open.pop();
            let (reservation, settlement): (Option<_>, Settlement) =
                std::mem::replace(&mut reservations[number], (None, Settlement { charge: 0, billed: 0 }));
            gate.settle(ends, reservation.expect("settled once"), settlement, None);
        }
        let lasts = SimSpan::from_secs_f64(0.7 + demand.output().0 as f64 / 90.0);
        let cost = pool.rules.reservation(&demand, pool.burndown).0;
        let answered = match gate.admit(now, cost, None) {
            Admission::Admitted(reservation) => {
                let settlement = Settlement { charge: demand.charge(pool.burndown).0, billed: 0 };
                open.push(Reverse((now.saturating_add(lasts), reservations.len())));
                reservations.push((Some(reservation), settlement));
                true
            }
            Admission::Refused(_) => false,
        };
        seen.push(Observation {
            at: Instant(START + now.0 as i64),
            source: Source::default(),
            outcome: if answered { Outcome::Answered { cut: false } } else { Outcome::Throttled(None) },
            tokens: Usage {
                input: Some(demand.input.0 as u32),
                cache_read: demand.cache_read.0 as u32,
                cache_write: 0,
                output: answered.then_some(demand.output().0 as u32),
            },
            max_tokens: MaxTokens::Set(demand.max_tokens.0 as u32),
            ttft: None,
            latency: answered.then_some(lasts),
            session: None,
            retry: false,
        });
    }
    seen
}

fn history(seen: &[Observation<'_>], witness: &Witness) -> History {
    let mut collector = Collector::default();
    for observation in seen {
        collector.add(observation);
    }
    collector.history(Defaults { max_output: 64_000, max_tokens: None }, witness)
}

fn backtest(history: &History) -> Backtest {
    let (setting, tried) = (setting(), readings(history, &setting()));
    let explained: Vec<Explained> =
        tried.iter().map(|hypothesis| explain(history, &replay(history, &setting.quotas, hypothesis))).collect();
    compare(history, &setting, &tried, &explained)
}

fn truths() -> Vec<Hypothesis> {
    let plain = Hypothesis::published();
    let rules = plain.rules;
    vec![
        plain,
        Hypothesis { limiter: bucket(10), ..plain },
        Hypothesis { limiter: bucket(120), ..plain },
        Hypothesis { limiter: Limiter::FixedWindow { phase: SimSpan::ZERO }, ..plain },
        Hypothesis { limiter: Limiter::SlidingWindow, ..plain },
        Hypothesis { rules: ReservationRules { reserve_burndown: true, ..rules }, ..plain },
        Hypothesis { rules: ReservationRules { reservation_floor: Tokens(4_096), ..rules }, ..plain },
        Hypothesis { rules: ReservationRules { reserve_cache_reads: true, ..rules }, limiter: bucket(30) },
    ]
}

#[test]
fn the_true_reading_is_found_and_the_others_are_ruled_out() {
    for truth in truths() {
        let found = backtest(&history(&past(truth), &Witness::default()));
        assert!(found.refused > 100, "{}: {} refusals", truth.name(), found.refused);
        let best = &found.readings[0];
        assert_eq!(best.name, truth.name(), "{:#?}", &found.readings[..3]);
        assert_eq!((best.hits, best.false_alarms), (Some(1.0), Some(0.0)), "{}", truth.name());
        assert!(found.readings[1..].iter().all(|reading| reading.ruled_out), "{:#?}", &found.readings[..4]);
        assert!(found.experiments.is_empty());
    }
}

#[test]
fn whole_seconds_and_a_few_callers_unseen_do_not_mislead() {
    for truth in truths() {
        let mut seen = past(truth);
        for observation in &mut seen {
            observation.at.0 -= observation.at.0.rem_euclid(1_000_000_000);
        }
        // One answered call in fifty is not in the log.
        let kept: Vec<Observation<'_>> =
            seen.into_iter().enumerate().filter(|(i, _)| i % 50 != 7).map(|(_, o)| o).collect();
        let found = backtest(&history(&kept, &Witness::default()));
        let rank = found.readings.iter().position(|reading| reading.name == truth.name()).unwrap();
        assert!(rank == 0 || !found.readings[rank].ruled_out, "{}: {:#?}", truth.name(), &found.readings[..=rank]);
        let left = found.readings.iter().filter(|reading| !reading.ruled_out).count();
        assert!(left <= found.readings.len() / 3, "{left} of {} are left for {}", found.readings.len(), truth.name());
    }
}

#[test]
fn counts_by_minute_rule_out_some_readings() {
    for truth in truths().into_iter().take(5) {
        let seen = past(truth);
        let answered: Vec<Observation<'_>> =
            seen.iter().filter(|o| matches!(o.outcome, Outcome::Answered { .. })).cloned().collect();
        let mut witness = Witness::default();
        for refused in seen.iter().filter(|o| matches!(o.outcome, Outcome::Throttled(_))) {
            *witness.refusals_by_minute.entry(refused.at.minute()).or_default() += 1.0;
        }
        let found = backtest(&history(&answered, &witness));
        assert!(found.counts_only && found.refused > 100);
        let rank = found.readings.iter().position(|reading| reading.name == truth.name()).unwrap();
        assert!(!found.readings[rank].ruled_out, "{}: {:#?}", truth.name(), &found.readings[..=rank]);
        let left = found.readings.iter().filter(|reading| !reading.ruled_out).count();
        assert!(left <= 2 * found.readings.len() / 3, "{}: {left} of {} are left", truth.name(), found.readings.len());
    }
}

#[test]
fn cloudtrails_refusals_without_sizes_serve_too() {
    let truth = Hypothesis { limiter: bucket(10), ..Hypothesis::published() };
    let seen = past(truth);
    let answered: Vec<Observation<'_>> =
        seen.iter().filter(|o| matches!(o.outcome, Outcome::Answered { .. })).cloned().collect();
    let refusals = seen.iter().filter(|o| matches!(o.outcome, Outcome::Throttled(_))).map(|o| (o.at, None));
    let witness = Witness { refusals: refusals.collect(), ..Witness::default() };
    let found = backtest(&history(&answered, &witness));
    assert_eq!(found.readings[0].name, truth.name(), "{:#?}", &found.readings[..3]);
}

#[test]
fn the_burndown_rate_shows_in_cloudwatchs_estimate() {
    let seen = past(Hypothesis::published());
    let mut witness = Witness::default();
    for observation in seen.iter().filter(|o| matches!(o.outcome, Outcome::Answered { .. })) {
        let ends = Instant(observation.at.0 + observation.latency.unwrap().0 as i64);
        let tokens = observation.tokens;
        let charge = f64::from(tokens.input.unwrap()) + 5.0 * f64::from(tokens.output.unwrap());
        *witness.estimated_usage.entry(ends.minute()).or_default() += charge;
    }
    let found = backtest(&history(&seen, &witness));
    assert_eq!(found.burndown_check[0].burndown_rate, 5);
    assert!(found.burndown_check[0].median_difference < 1e-9 && found.burndown_check[1].median_difference > 0.2);
}

#[test]
fn a_quiet_history_says_so_and_offers_experiments() {
    let seen: Vec<Observation<'_>> = past(Hypothesis { limiter: bucket(120), ..Hypothesis::published() })
        .into_iter()
        .filter(|o| matches!(o.outcome, Outcome::Answered { .. }))
        .step_by(40)
        .collect();
    let found = backtest(&history(&seen, &Witness::default()));
    assert_eq!(found.refused, 0);
    assert!(found.notes.iter().any(|note| note.contains("Nothing was refused")), "{:?}", found.notes);
    assert!(!found.experiments.is_empty());
    assert_eq!(found.minutes[0].at, "2026-03-02 09:00 UTC");
}
