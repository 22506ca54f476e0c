//! What variants are judged by: the scenario's own objectives, and defaults where it says nothing.
//!
//! A cap on answers can always buy fewer throttles with truncated answers and the other way round, so a recommendation
//! needs a bound on both. Where the scenario bounds only one, the other is [`DEFAULT_BOUND`].

use crate::model::{Comparison, Limiter, Pool, Requirement, Scenario, Scope};

/// The share of attempts throttled, and of answers truncated, that is accepted where the scenario does not say.
pub const DEFAULT_BOUND: f64 = 0.01;

/// What to judge variants of a scenario by.
///
/// `workload` is the one whose `max_tokens` differs; a default on truncation speaks of it alone. An objective that is
/// measured on nothing but pools with the `in_flight` limiter is left out, as that limiter is for theory and has no
/// vote.
pub fn of(scenario: &Scenario, workload: Option<usize>) -> Vec<Requirement> {
    let says = |metrics: &[&str]| scenario.slo.iter().any(|each| metrics.contains(&each.metric.as_str()));
    let mut objectives = scenario.slo.clone();
    if !says(&["attempt_throttle_rate", "request_throttle_rate", "request_failure_rate"]) {
        objectives.push(default(Scope::Total, "attempt_throttle_rate", ""));
    }
    if !says(&["truncation_rate"]) {
        let several = scenario.workloads.len() > 1;
        let (scope, prefix) = match workload.filter(|_| several) {
            Some(index) => (Scope::Workload(index), format!("{}: ", scenario.workloads[index].name)),
            None => (Scope::Total, String::new()),
        };
        objectives.push(default(scope, "truncation_rate", &prefix));
    }
    objectives.retain(|each| votes(&each.scope, scenario));
    objectives
}

/// What decides where the knee of a throttling curve is: the scenario's own objectives, or the default on throttles.
pub fn of_sweep(scenario: &Scenario) -> Vec<Requirement> {
    let mut objectives = scenario.slo.clone();
    if objectives.is_empty() {
        objectives.push(default(Scope::Total, "attempt_throttle_rate", ""));
    }
    objectives.retain(|each| votes(&each.scope, scenario));
    objectives
}

fn default(scope: Scope, metric: &str, prefix: &str) -> Requirement {
    Requirement {
        text: format!("{prefix}{metric} < 1% (default)"),
        scope,
        metric: metric.to_owned(),
        comparison: Comparison::Less,
        bound: DEFAULT_BOUND,
    }
}

fn votes(scope: &Scope, scenario: &Scenario) -> bool {
    let for_theory = |pool: &Pool| pool.quotas.reserved_from().is_some_and(|quota| quota.limiter == Limiter::InFlight);
    match scope {
        Scope::Total => !scenario.pools.iter().all(for_theory),
        Scope::Workload(index) => !for_theory(&scenario.pools[scenario.workloads[*index].pool]),
        Scope::Pool(index) => !for_theory(&scenario.pools[*index]),
    }
}
