//! Tests the law against history: which reading of it explains the refusals that were seen.
//!
//! A history is replayed under every reading ([`Hypothesis`]): limiter, burst, reservation rule. Each says which
//! attempts it would have refused ([`replay`]), and how likely what happened is then ([`explain`]). Readings that
//! explain it far worse than the best are ruled out; for those that are left there are [`experiments`].

mod experiment;
mod history;
mod hypothesis;
mod likelihood;
mod replay;
#[cfg(test)]
mod tests;

pub use experiment::{Experiment, experiments};
pub use history::{Collector, Defaults, Fate, History, Past, Witness};
pub use hypothesis::Hypothesis;
pub use likelihood::{Explained, explain};
pub use replay::{Prediction, Quotas, replay};

use super::window;
use crate::model::Prices;
use crate::units::{BurndownRate, SimSpan};
use serde::Serialize;

/// What a backtest found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// The version of this document.
    pub schema_version: u32,
    /// The program that made it.
    pub quotasim_version: String,
    /// The pool's model.
    pub model: String,
    /// Tokens per minute that the readings were tried with.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Quota tokens per output token.
    pub burndown_rate: u32,
    /// Attempts in the history.
    pub attempts: u64,
    /// Refusals that were seen, by whatever way.
    pub refused: u64,
    /// Whether refusals were only counted by minute.
    pub counts_only: bool,
    /// Every reading, the best first.
    pub readings: Vec<Reading>,
    /// Minutes with their refusals as seen and as predicted.
    pub minutes: Vec<Minute>,
    /// How well each burndown rate explains CloudWatch's estimate of usage, where that was given.
    pub burndown_check: Vec<BurndownCheck>,
    /// Experiments that tell the readings apart that are left.
    pub experiments: Vec<Experiment>,
    /// What was assumed and what should be known, a sentence each.
    pub notes: Vec<String>,
}

/// One reading of the law and how well it explains the history.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Reading {
    /// In words.
    pub name: String,
    /// As a pool of a scenario says it.
    pub scenario: String,
    /// Whether it is what AWS publishes with a bucket of a minute: the default of scenarios.
    pub default: bool,
    /// Log-likelihood below that of the best reading \[nats\].
    pub behind: f64,
    /// Standard error of that difference, from its variation over minutes.
    pub behind_error: f64,
    /// Whether it is ruled out.
    pub ruled_out: bool,
    /// Refusals that it predicts.
    pub predicted: f64,
    /// The share of the refusals seen that it predicts.
    pub hits: Option<f64>,
    /// The share of answered attempts that it would have refused.
    pub false_alarms: Option<f64>,
}

/// One minute.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Minute {
    /// Its beginning, UTC; the number of the minute where times are relative.
    pub at: String,
    /// Attempts answered.
    pub answered: u64,
    /// Refusals seen.
    pub refused: u64,
    /// Refusals that the best reading predicts.
    pub best: f64,
    /// Refusals that the default predicts.
    pub default: f64,
}

/// How well a burndown rate explains CloudWatch's estimate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BurndownCheck {
    /// The rate.
    pub burndown_rate: u32,
    /// Median over minutes of the relative difference between charges at this rate and the estimate.
    pub median_difference: f64,
}

/// What the account and the catalogue say of the pool.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The model.
    pub model: String,
    /// The quotas.
    pub quotas: Quotas,
    /// The model's maximum output.
    pub max_output: u64,
    /// Prices, for the cost of experiments.
    pub prices: Prices,
}

/// A reading is ruled out when the best explains the history this much better: 100 times as likely …
const HUNDRED_TIMES: f64 = 4.605_170_185_988_092;
/// … and the difference exceeds this many of its standard errors.
const ERRORS: f64 = 2.0;
/// Fewer minutes than this say little about how a difference varies.
const FEW_MINUTES: usize = 5;
/// Burndown rates that AWS uses.
const RATES: [u32; 4] = [1, 5, 10, 15];

/// The readings to try on a history: those that can make a difference in it.
pub fn readings(history: &History, setting: &Setting) -> Vec<Hypothesis> {
    let answered = || history.attempts.iter().filter(|past| !past.is_refused());
    Hypothesis::all(
        answered().any(|past| past.demand.cache_read.0 > 0),
        setting.quotas.burndown.0 > 1,
        answered().any(|past| past.demand.max_tokens.0 < 4_096),
    )
}

/// Compares what each reading predicts; `explained` are in the order of `tried`, of which the first is the default.
pub fn compare(history: &History, setting: &Setting, tried: &[Hypothesis], explained: &[Explained]) -> Backtest {
    let total = |one: &Explained| one.by_minute.iter().sum::<f64>();
    let best = (0..tried.len()).max_by(|&a, &b| total(&explained[a]).total_cmp(&total(&explained[b])).then(b.cmp(&a)));
    let best = best.expect("there is at least the default");
    let seen = history.observed_by_minute();
    let refused: u64 = seen.iter().sum();
    let mut ranked: Vec<(usize, Reading)> = tried
        .iter()
        .enumerate()
        .map(|(index, hypothesis)| (index, reading(hypothesis, &explained[index], &explained[best])))
        .collect();
    // The sort is stable: of equals, the plainer reading comes first.
    ranked.sort_by(|a, b| a.1.behind.total_cmp(&b.1.behind));
    let left: Vec<Hypothesis> =
        ranked.iter().filter(|(_, reading)| !reading.ruled_out).map(|&(index, _)| tried[index]).collect();
    let experiments = if refused == 0 {
        experiments(tried, &setting.quotas, setting.max_output, setting.prices)
    } else {
        experiments(&left, &setting.quotas, setting.max_output, setting.prices)
    };
    Backtest {
        schema_version: 1,
        quotasim_version: env!("CARGO_PKG_VERSION").to_owned(),
        model: setting.model.clone(),
        tokens_per_minute: setting.quotas.tokens_per_minute,
        requests_per_minute: setting.quotas.requests_per_minute,
        burndown_rate: setting.quotas.burndown.0,
        attempts: history.attempts.len() as u64,
        refused,
        counts_only: history.refusals_by_minute.is_some(),
        minutes: minutes(history, &seen, &explained[best], &explained[0]),
        burndown_check: burndown_check(history),
        experiments,
        notes: notes(history, refused),
        readings: ranked.into_iter().map(|(_, reading)| reading).collect(),
    }
}

fn reading(hypothesis: &Hypothesis, explained: &Explained, best: &Explained) -> Reading {
    let differences: Vec<f64> =
        best.by_minute.iter().zip(&explained.by_minute).map(|(best, this)| best - this).collect();
    let behind: f64 = differences.iter().sum::<f64>().max(0.0);
    let mean = behind / differences.len().max(1) as f64;
    let variance = differences.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>();
    let behind_error = libm::sqrt(variance);
    Reading {
        name: hypothesis.name(),
        scenario: hypothesis.written(),
        default: *hypothesis == Hypothesis::published(),
        behind,
        behind_error,
        ruled_out: behind > HUNDRED_TIMES && behind > ERRORS * behind_error,
        predicted: explained.predicted.iter().sum(),
        hits: explained.hits,
        false_alarms: explained.false_alarms,
    }
}

fn minutes(history: &History, seen: &[u64], best: &Explained, default: &Explained) -> Vec<Minute> {
    let mut answered = vec![0; seen.len()];
    for past in history.attempts.iter().filter(|past| !past.is_refused()) {
        answered[history::minute(past.at)] += 1;
    }
    let first = history.origin.minute();
    let relative = first < 365 * 24 * 60;
    (0..seen.len())
        .map(|minute| Minute {
            at: if relative { format!("minute {minute}") } else { window::written(first + minute as i64) },
            answered: answered[minute],
            refused: seen[minute],
            best: best.predicted[minute],
            default: default.predicted[minute],
        })
        .collect()
}

/// Charges by minute at each rate against CloudWatch's `EstimatedTPMQuotaUsage`.
///
/// An attempt counts where it ends: the metric is of what was settled.
fn burndown_check(history: &History) -> Vec<BurndownCheck> {
    let Some(estimated) = &history.estimated_usage else { return Vec::new() };
    let difference = |rate: u32| {
        let mut charged = vec![0.0; estimated.len()];
        for past in history.attempts.iter().filter(|past| !past.is_refused()) {
            let ends = history::minute(past.at.saturating_add(past.lasted));
            if let Some(sum) = charged.get_mut(ends) {
                *sum += past.demand.charge(BurndownRate(rate)).0 as f64;
            }
        }
        let mut differences: Vec<f64> = estimated
            .iter()
            .zip(&charged)
            .filter_map(|(estimated, charged)| {
                let estimated = estimated.filter(|&usage| usage > 0.0)?;
                Some((charged / estimated - 1.0).abs())
            })
            .collect();
        differences.sort_by(f64::total_cmp);
        differences.get(differences.len() / 2).copied()
    };
    let check = |rate: u32| Some(BurndownCheck { burndown_rate: rate, median_difference: difference(rate)? });
    let mut checks: Vec<BurndownCheck> = RATES.into_iter().filter_map(check).collect();
    checks.sort_by(|a, b| a.median_difference.total_cmp(&b.median_difference));
    checks
}

fn notes(history: &History, refused: u64) -> Vec<String> {
    let mut notes = history.assumptions.clone();
    if refused == 0 {
        notes.push(
            "Nothing was refused in this history: it rules out only readings that would have refused what was answered."
                .to_owned(),
        );
    }
    if refused > 0 && history.minutes() < FEW_MINUTES {
        notes.push(format!(
            "The history has fewer than {FEW_MINUTES} minutes: errors of differences, which are taken from minute to minute, \
             are hardly known, and a reading may be ruled out too soon."
        ));
    }
    if history.refusals_by_minute.is_some() {
        notes.push(
            "Refusals are counted by minute only: each reading's are scaled to the number seen, so what tells readings \
             apart is in which minutes they fall."
                .to_owned(),
        );
    }
    if history.attempts.iter().all(|past| past.at.0 % SimSpan::SECOND.0 == 0) {
        notes.push(
            "Times are known to a second only: bursts shorter than that cannot be told apart, and a few attempts near an \
             empty quota are predicted wrongly."
                .to_owned(),
        );
    }
    notes.push(
        "Calls that share the quota but are not in these records make every reading look worse: include all callers of \
         the account, Region and model."
            .to_owned(),
    );
    notes
}
