//! What would make a variant meet the objectives that it misses: more quota, less load, input from the cache.
//!
//! Each remedy is tried by simulation before it is named. Where the variant cuts too many answers short, no other
//! remedy helps without a larger output limit, so they are looked for beside one.

use super::Progress;
use super::batch::{OnlyStop, summaries};
use super::caching::cached;
use super::ladder::enough_for;
use super::search::{Effort, highest_load, meets};
use crate::analysis::recommendation::{Change, Remedy};
use crate::analysis::{Estimate, Summary, slo, warnings};
use crate::model::{PoolQuotas, Requirement, Scenario, Scope};
use crate::units::{SimTime, Tokens, format};

/// The most that quotas are multiplied by.
const MOST_QUOTA: f64 = 8.0;
/// Quotas whose ends are this close, as a ratio, are close enough.
const QUOTA_PRECISION: f64 = 1.05;
/// Shares of input read from the cache are tried in steps of 1 in this many.
const CACHE_STEPS: u32 = 20;

/// A variant that misses objectives, and what judges it.
pub(super) struct Patient<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) summary: &'a Summary,
    /// The workload whose `max_tokens` is in question.
    pub(super) workload: Option<usize>,
    pub(super) objectives: &'a [Requirement],
    pub(super) effort: Effort,
    pub(super) progress: &'a dyn Progress,
}

/// Everything that would make it meet them. `None` if it was stopped.
pub(super) fn remedies(patient: &Patient<'_>) -> Option<Vec<Remedy>> {
    let Some(limit) = raised_limit(patient) else { return changes(patient, None) };
    let mut scenario = patient.scenario.clone();
    scenario.workloads[patient.workload.expect("a limit is raised of a workload")].max_tokens = Some(Tokens(limit));
    let summary = patient.run(&scenario)?;
    if meets(patient.objectives, &scenario, &summary) {
        return Some(vec![Remedy { change: Change::Nothing, with_max_tokens: Some(limit) }]);
    }
    changes(&Patient { scenario: &scenario, summary: &summary, ..*patient }, Some(limit))
}

/// A larger output limit that keeps truncation within its bound, where that is missed.
fn raised_limit(patient: &Patient<'_>) -> Option<u64> {
    let (workload, scenario) = (patient.workload?, patient.scenario);
    let outcomes = slo::judge_long_run(patient.objectives, scenario, patient.summary);
    let (objective, _) = patient.objectives.iter().zip(&outcomes).find(|(objective, outcome)| {
        let elsewhere = matches!(objective.scope, Scope::Workload(index) if index != workload);
        objective.metric == "truncation_rate" && !outcome.met && !elsewhere
    })?;
    // Half of what is accepted, so that chance does not decide.
    let limit = enough_for(scenario, workload, objective.bound / 2.0)?;
    let now = scenario.workloads[workload].max_tokens?.0;
    (limit > now).then_some(limit)
}

fn changes(patient: &Patient<'_>, with_max_tokens: Option<u64>) -> Option<Vec<Remedy>> {
    let Patient { scenario, objectives, effort, progress, .. } = *patient;
    let mut found = more_quota(patient)?;
    let load = highest_load(scenario, objectives, &[(scenario.load.as_f64(), false)], effort, progress)?.load();
    found.extend(load.map(Change::Load));
    found.extend(more_caching(patient)?);
    Some(found.into_iter().map(|change| Remedy { change, with_max_tokens }).collect())
}

impl Patient<'_> {
    fn run(&self, scenario: &Scenario) -> Option<Summary> {
        summaries(std::slice::from_ref(scenario), self.effort.replications, &OnlyStop(self.progress))?.pop()
    }
}

/// A quota that can be raised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lever {
    Requests(usize),
    Tokens(usize),
    PoolDay(usize),
    Input(usize),
    Output(usize),
    AccountDay(usize),
}

/// The smallest factor, up to eight, on the quotas that refuse with which the objectives are met; on those that refuse
/// once these are raised as well, where that takes it. Empty if that is not enough; `None` if it was stopped.
fn more_quota(patient: &Patient<'_>) -> Option<Vec<Change>> {
    let mut levers = refusing(patient.scenario, patient.summary);
    while !levers.is_empty() {
        let most = raised(patient.scenario, &levers, MOST_QUOTA);
        let summary = patient.run(&most)?;
        if meets(patient.objectives, &most, &summary) {
            let factor = smallest_factor(patient, &levers)?;
            let levers = needed(patient, levers, factor)?;
            let words = words(raised(patient.scenario, &levers, factor), &levers);
            return Some(vec![Change::Quota { factor, words }]);
        }
        let known = levers.len();
        levers
            .extend(refusing(&most, &summary).into_iter().filter(|lever| !levers.contains(lever)).collect::<Vec<_>>());
        if levers.len() == known {
            break;
        }
    }
    Some(Vec::new())
}

/// Those of the quotas that are not enough as they are.
fn needed(patient: &Patient<'_>, mut levers: Vec<Lever>, factor: f64) -> Option<Vec<Lever>> {
    let mut index = 0;
    while index < levers.len() && levers.len() > 1 {
        let mut fewer = levers.clone();
        fewer.remove(index);
        let scenario = raised(patient.scenario, &fewer, factor);
        let summary = patient.run(&scenario)?;
        if meets(patient.objectives, &scenario, &summary) {
            levers = fewer;
        } else {
            index += 1;
        }
    }
    Some(levers)
}

fn smallest_factor(patient: &Patient<'_>, levers: &[Lever]) -> Option<f64> {
    let (mut low, mut high) = (1.0, MOST_QUOTA);
    while high / low > QUOTA_PRECISION {
        // Upwards to two decimals, so that the factor that is said is one that was tried.
        let middle = libm::ceil(libm::sqrt(low * high) * 100.0) / 100.0;
        let scenario = raised(patient.scenario, levers, middle);
        let summary = patient.run(&scenario)?;
        *(if meets(patient.objectives, &scenario, &summary) { &mut high } else { &mut low }) = middle;
    }
    Some(high)
}

/// The quotas that refuse attempts, or will once their burst is spent, or end answers.
fn refusing(scenario: &Scenario, summary: &Summary) -> Vec<Lever> {
    let mut levers = Vec::new();
    for (index, pool) in scenario.pools.iter().enumerate() {
        let metrics = &summary.pools[&pool.name];
        let by = &metrics.throttles_by_limit;
        let happens = |rate: Estimate| rate.mean.unwrap_or(0.0) > 0.0;
        let overloaded = !scenario.episode && warnings::long_run_throttle_bound(metrics).is_some();
        let mantle = matches!(pool.quotas, PoolQuotas::Mantle { .. });
        let tokens = [by.tokens_per_minute, by.input_tokens_per_minute, by.unsatisfiable].map(happens).contains(&true);
        let candidates = [
            (happens(by.requests_per_minute), Some(Lever::Requests(index))),
            (tokens || overloaded, Some(if mantle { Lever::Input(index) } else { Lever::Tokens(index) })),
            (happens(by.tokens_per_day), Some(Lever::PoolDay(index))),
            (happens(by.account_tokens_per_day), pool.account.map(Lever::AccountDay)),
            (happens(metrics.quota_truncation_rate), mantle.then_some(Lever::Output(index))),
        ];
        for (refuses, lever) in candidates {
            // Pools of one account share a lever.
            levers.extend(lever.filter(|lever| refuses && !levers.contains(lever)));
        }
    }
    levers
}

/// The scenario with these quotas multiplied.
fn raised(scenario: &Scenario, levers: &[Lever], factor: f64) -> Scenario {
    let mut changed = scenario.clone();
    for &lever in levers {
        for (_, limit) in limits(&mut changed, lever) {
            *limit = libm::ceil(*limit as f64 * factor) as u64;
        }
    }
    changed
}

/// The limit of a quota from each instant on; none where there is no such quota.
fn limits(scenario: &mut Scenario, lever: Lever) -> &mut [(SimTime, u64)] {
    let (pools, accounts) = (&mut scenario.pools, &mut scenario.accounts);
    let found = match lever {
        Lever::AccountDay(index) => accounts[index].tokens_per_day.as_mut().map(|quota| &mut quota.limits),
        Lever::Requests(index)
        | Lever::Tokens(index)
        | Lever::PoolDay(index)
        | Lever::Input(index)
        | Lever::Output(index) => match (&mut pools[index].quotas, lever) {
            (PoolQuotas::Runtime { requests: quota, .. }, Lever::Requests(_))
            | (PoolQuotas::Runtime { tokens: quota, .. }, Lever::Tokens(_))
            | (PoolQuotas::Mantle { input: quota, .. }, Lever::Input(_))
            | (PoolQuotas::Mantle { output: quota, .. }, Lever::Output(_)) => {
                quota.as_mut().map(|quota| &mut quota.limits)
            }
            (PoolQuotas::Runtime { tokens_per_day, .. }, Lever::PoolDay(_)) => {
                tokens_per_day.as_mut().map(|quota| &mut quota.limits)
            }
            _ => None,
        },
    };
    found.map_or(&mut [], |limits| limits)
}

/// `pool haiku: 340k tokens and 2k requests per minute`, at the start.
fn words(mut scenario: Scenario, levers: &[Lever]) -> String {
    let mut named: Vec<(String, Vec<String>)> = Vec::new();
    for &lever in levers {
        let Some(&(_, limit)) = limits(&mut scenario, lever).first() else { continue };
        let (owner, unit) = match lever {
            Lever::Requests(index) => (of_pool(&scenario, index), "requests per minute"),
            Lever::Tokens(index) => (of_pool(&scenario, index), "tokens per minute"),
            Lever::PoolDay(index) => (of_pool(&scenario, index), "tokens per day"),
            Lever::Input(index) => (of_pool(&scenario, index), "input tokens per minute"),
            Lever::Output(index) => (of_pool(&scenario, index), "output tokens per minute"),
            Lever::AccountDay(index) => (format!("account `{}`", scenario.accounts[index].name), "tokens per day"),
        };
        let amount = format!("{} {unit}", format::approximate(limit as f64));
        match named.iter_mut().find(|(known, _)| *known == owner) {
            Some((_, amounts)) => amounts.push(amount),
            None => named.push((owner, vec![amount])),
        }
    }
    let words = named.into_iter().map(|(owner, amounts)| format!("{owner}: {}", amounts.join(" and ")));
    words.collect::<Vec<_>>().join("; ")
}

fn of_pool(scenario: &Scenario, index: usize) -> String {
    format!("pool `{}`", scenario.pools[index].name)
}

/// The smallest share of the input, up to 95 %, with which the objectives are met if it is read from the cache. Empty
/// if that is not enough; `None` if it was stopped.
fn more_caching(patient: &Patient<'_>) -> Option<Vec<Change>> {
    let meets_at = |step: u32| -> Option<bool> {
        let share = f64::from(step) / f64::from(CACHE_STEPS);
        let Some(scenario) = cached(patient.scenario, share) else { return Some(false) };
        let summary = patient.run(&scenario)?;
        Some(meets(patient.objectives, &scenario, &summary))
    };
    let (mut low, mut high) = (0, CACHE_STEPS - 1);
    if !meets_at(high)? {
        return Some(Vec::new());
    }
    while high - low > 1 {
        let middle = u32::midpoint(low, high);
        *(if meets_at(middle)? { &mut high } else { &mut low }) = middle;
    }
    Some(vec![Change::Cached(f64::from(high) / f64::from(CACHE_STEPS))])
}
