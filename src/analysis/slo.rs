//! Judges service-level objectives.

use crate::analysis::long_run::{self, Strictness};
use crate::analysis::{Metrics, SloOutcome, Summary};
use crate::model::{Comparison, Requirement, Scenario, Scope};
use serde_json::Value;

/// How each requirement of the scenario came out.
pub fn judge(scenario: &Scenario, summary: &Summary) -> Vec<SloOutcome> {
    scenario
        .slo
        .iter()
        .map(|requirement| {
            let (value, interval) = value_of(requirement, scenario, summary);
            verdict(requirement, scenario, value, interval)
        })
        .collect()
}

/// As the user wrote it, after the name of what it speaks of.
pub fn text_of(requirement: &Requirement, scenario: &Scenario) -> String {
    let name = match requirement.scope {
        Scope::Total => return requirement.text.clone(),
        Scope::Workload(index) => &scenario.workloads[index].name,
        Scope::Pool(index) => &scenario.pools[index].name,
    };
    format!("{name}: {}", requirement.text)
}

/// What a requirement speaks of, with its interval if it has one.
pub(super) fn value_of(
    requirement: &Requirement,
    scenario: &Scenario,
    summary: &Summary,
) -> (Option<f64>, Option<[f64; 2]>) {
    if requirement.metric == Requirement::NO_RECOVERY_RATE {
        // Where nothing disturbs there is nothing to come back from.
        return (
            Some(summary.recovery.as_ref().map_or(0.0, |recovery| recovery.replications.no_recovery_rate())),
            None,
        );
    }
    measured(metrics_of(requirement, scenario, summary), &requirement.metric)
}

/// The metrics of what a requirement speaks of.
pub fn metrics_of<'a>(requirement: &Requirement, scenario: &Scenario, summary: &'a Summary) -> &'a Metrics {
    metrics_at(&requirement.scope, scenario, summary)
}

/// The metrics of everything, of a workload or of a pool.
pub(super) fn metrics_at<'a>(scope: &Scope, scenario: &Scenario, summary: &'a Summary) -> &'a Metrics {
    match *scope {
        Scope::Total => &summary.total,
        Scope::Workload(index) => &summary.workloads[&scenario.workloads[index].name],
        Scope::Pool(index) => &summary.pools[&scenario.pools[index].name],
    }
}

/// How requirements come out in the long run: a share of throttles is no lower than what a quota must refuse once its
/// burst is spent. A scenario that is an `episode` is judged as it ran.
pub fn judge_long_run(requirements: &[Requirement], scenario: &Scenario, summary: &Summary) -> Vec<SloOutcome> {
    requirements
        .iter()
        .map(|requirement| {
            let (value, interval) = in_long_run(requirement, Strictness::Tokens, scenario, summary);
            verdict(requirement, scenario, value, interval)
        })
        .collect()
}

/// What a requirement speaks of, with its interval: no lower than what the [long run](long_run::bound) refuses.
pub fn in_long_run(
    requirement: &Requirement,
    strictness: Strictness,
    scenario: &Scenario,
    summary: &Summary,
) -> (Option<f64>, Option<[f64; 2]>) {
    let measured = value_of(requirement, scenario, summary);
    let bound = long_run::bound(requirement, strictness, scenario, summary).and_then(|bound| bound.mean);
    match (bound, measured) {
        (Some(bound), (Some(value), interval)) if bound > value => {
            (Some(bound), interval.map(|[low, high]| [low.max(bound), high.max(bound)]))
        }
        (_, measured) => measured,
    }
}

/// How much of a share's allowance is used up: value ÷ bound of a rate that must stay below it. `None` for anything
/// else, which is met or not.
pub fn strain(requirement: &Requirement, outcome: &SloOutcome) -> Option<f64> {
    let below = matches!(requirement.comparison, Comparison::Less | Comparison::AtMost);
    if !below || !requirement.metric.ends_with("_rate") || requirement.bound <= 0.0 {
        return None;
    }
    Some(outcome.value? / requirement.bound)
}

/// Judged on the mean; uncertain when the interval straddles the bound or there was nothing to measure.
fn verdict(
    requirement: &Requirement,
    scenario: &Scenario,
    value: Option<f64>,
    interval: Option<[f64; 2]>,
) -> SloOutcome {
    let holds = |value: f64| requirement.comparison.holds(value, requirement.bound);
    SloOutcome {
        text: text_of(requirement, scenario),
        value,
        bound: requirement.bound,
        met: value.is_some_and(holds),
        uncertain: match (value, interval) {
            (None, _) => true,
            (Some(_), Some([low, high])) => holds(low) != holds(high),
            (Some(_), None) => false,
        },
    }
}

/// The value and the interval at a path of the results: an estimate's mean, or a plain number.
pub fn measured(metrics: &Metrics, path: &str) -> (Option<f64>, Option<[f64; 2]>) {
    let document = serde_json::to_value(metrics).expect("metrics hold nothing that JSON cannot");
    // `latency_ms.mean` is the mean of the estimate that `latency_ms` holds, interval and all.
    let path = path.strip_suffix(".mean").unwrap_or(path);
    let found = path.split('.').try_fold(&document, |value, key| value.get(key));
    match found {
        Some(Value::Object(estimate)) => {
            let interval = estimate.get("ci95").and_then(|ends| Some([ends.get(0)?.as_f64()?, ends.get(1)?.as_f64()?]));
            (estimate.get("mean").and_then(Value::as_f64), interval)
        }
        Some(value) => (value.as_f64(), None),
        None => (None, None),
    }
}
