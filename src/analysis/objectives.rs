//! What variants are judged by: the scenario's own objectives, and defaults where it says nothing.
//!
//! A cap on answers can always buy fewer throttles with truncated answers and the other way round, so a recommendation
//! needs a bound on both. Where the scenario bounds only one, the other is [`DEFAULT_BOUND`]. A scenario with a spike or an
//! outage asks whether it comes back, so what does not recover in more than half of the replications is no answer to it.

use crate::analysis::slo;
use crate::model::{Comparison, Limiter, Pool, Requirement, Scenario, Scope};

/// The share of attempts throttled, and of answers truncated, that is accepted where the scenario does not say.
pub const DEFAULT_BOUND: f64 = 0.01;

/// The metrics that bound what a quota refuses.
pub const REFUSALS: [&str; 3] = ["attempt_throttle_rate", "request_throttle_rate", "request_failure_rate"];

/// The share of replications that may fail to recover where the scenario does not say: more make it the state of all.
const DEFAULT_NO_RECOVERY: f64 = 0.5;

/// What variants of a scenario are judged by, and which of its objectives have no say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Objectives {
    /// What counts.
    pub judged: Vec<Requirement>,
    /// The objectives on workloads and pools that share no quota with the one in question, as written: nothing that
    /// is compared can change how they come out.
    pub apart: Vec<String>,
}

/// What to judge variants of a scenario by.
///
/// `workload` is the one whose `max_tokens` differs; a default on truncation speaks of it alone, and one on throttles
/// where there are pools that it has no part in. `limits_differ` says whether variants differ in how long an answer may
/// get: else they cut equally many short, and only the scenario itself can ask that these be few. An objective that is
/// measured on nothing but pools with the `in_flight` limiter is left out, as that limiter is for theory and has no vote.
pub fn of(scenario: &Scenario, workload: Option<usize>, limits_differ: bool) -> Objectives {
    let reached = workload.map_or_else(|| (0..scenario.pools.len()).collect(), |index| reach(scenario, index));
    let (mut judged, apart): (Vec<_>, Vec<_>) =
        scenario.slo.iter().cloned().partition(|each| touches(&each.scope, scenario, &reached));
    let of_workload = workload.filter(|_| scenario.workloads.len() > 1).map_or(Scope::Total, Scope::Workload);
    if !judged.iter().any(|each| REFUSALS.contains(&each.metric.as_str())) {
        let everywhere = reached.len() == scenario.pools.len();
        let scope = if everywhere { Scope::Total } else { of_workload.clone() };
        judged.push(default_on(scope, "attempt_throttle_rate"));
    }
    let bounds_answers = |each: &Requirement| {
        let elsewhere = matches!(each.scope, Scope::Workload(index) if workload.is_some_and(|own| own != index));
        each.metric == "truncation_rate" && !elsewhere
    };
    if limits_differ && !judged.iter().any(bounds_answers) {
        judged.push(default_on(of_workload, "truncation_rate"));
    }
    judged.extend(to_come_back(scenario));
    judged.retain(|each| votes(&each.scope, scenario));
    Objectives { judged, apart: apart.iter().map(|each| slo::text_of(each, scenario)).collect() }
}

/// The pools that a workload can make a difference to: those that it calls, and on from any of them over the other
/// workloads that call several and the accounts that hold several.
fn reach(scenario: &Scenario, workload: usize) -> Vec<usize> {
    let called = |index: usize| -> Vec<usize> {
        let workload = &scenario.workloads[index];
        let fallback = workload.fallback.iter().flat_map(|fallback| fallback.pools.iter().copied());
        std::iter::once(workload.pool).chain(fallback).collect()
    };
    let of_account = |account: usize| -> Vec<usize> {
        (0..scenario.pools.len()).filter(|&pool| scenario.pools[pool].account == Some(account)).collect()
    };
    let groups: Vec<Vec<usize>> = (0..scenario.workloads.len())
        .map(called)
        .chain(
            (0..scenario.accounts.len()).filter(|&at| scenario.accounts[at].tokens_per_day.is_some()).map(of_account),
        )
        .collect();
    let mut reached = called(workload);
    loop {
        let more: Vec<usize> = groups
            .iter()
            .filter(|group| group.iter().any(|pool| reached.contains(pool)))
            .flatten()
            .copied()
            .filter(|pool| !reached.contains(pool))
            .collect();
        if more.is_empty() {
            return reached;
        }
        reached.extend(more);
    }
}

fn touches(scope: &Scope, scenario: &Scenario, pools: &[usize]) -> bool {
    match scope {
        Scope::Total => true,
        Scope::Workload(index) => pools.contains(&scenario.workloads[*index].pool),
        Scope::Pool(index) => pools.contains(index),
    }
}

/// What decides where the knee of a throttling curve is: the scenario's own objectives, or the default on throttles; and
/// that it comes back where something disturbs it.
pub fn of_sweep(scenario: &Scenario) -> Vec<Requirement> {
    let mut objectives = scenario.slo.clone();
    if objectives.is_empty() {
        objectives.push(default_on(Scope::Total, "attempt_throttle_rate"));
    }
    objectives.extend(to_come_back(scenario));
    objectives.retain(|each| votes(&each.scope, scenario));
    objectives
}

/// The default bound on a metric: less than [`DEFAULT_BOUND`].
pub fn default_on(scope: Scope, metric: &str) -> Requirement {
    Requirement {
        text: format!("{metric} < 1% (default)"),
        scope,
        metric: metric.to_owned(),
        comparison: Comparison::Less,
        bound: DEFAULT_BOUND,
    }
}

/// That it comes back after a disturbance, unless the scenario has none or says itself how surely it must.
fn to_come_back(scenario: &Scenario) -> Option<Requirement> {
    let said = scenario.slo.iter().any(|each| each.metric == Requirement::NO_RECOVERY_RATE);
    (scenario.disturbance().is_some() && !said).then(|| Requirement {
        text: format!("{} <= 50% (default)", Requirement::NO_RECOVERY_RATE),
        scope: Scope::Total,
        metric: Requirement::NO_RECOVERY_RATE.to_owned(),
        comparison: Comparison::AtMost,
        bound: DEFAULT_NO_RECOVERY,
    })
}

fn votes(scope: &Scope, scenario: &Scenario) -> bool {
    let for_theory = |pool: &Pool| pool.quotas.reserved_from().is_some_and(|quota| quota.limiter == Limiter::InFlight);
    match scope {
        Scope::Total => !scenario.pools.iter().all(for_theory),
        Scope::Workload(index) => !for_theory(&scenario.pools[scenario.workloads[*index].pool]),
        Scope::Pool(index) => !for_theory(&scenario.pools[*index]),
    }
}
