//! Judges service-level objectives.

use crate::analysis::{Metrics, SloOutcome, Summary};
use crate::model::{Requirement, Scenario, Scope};
use serde_json::Value;

/// How each requirement of the scenario came out.
pub fn judge(scenario: &Scenario, summary: &Summary) -> Vec<SloOutcome> {
    scenario
        .slo
        .iter()
        .map(|requirement| {
            let text = text_of(requirement, scenario);
            outcome(requirement, text, metrics_of(requirement, scenario, summary))
        })
        .collect()
}

/// As the user wrote it, after the name of what it speaks of.
fn text_of(requirement: &Requirement, scenario: &Scenario) -> String {
    let name = match requirement.scope {
        Scope::Total => return requirement.text.clone(),
        Scope::Workload(index) => &scenario.workloads[index].name,
        Scope::Pool(index) => &scenario.pools[index].name,
    };
    format!("{name}: {}", requirement.text)
}

fn metrics_of<'a>(requirement: &Requirement, scenario: &Scenario, summary: &'a Summary) -> &'a Metrics {
    match requirement.scope {
        Scope::Total => &summary.total,
        Scope::Workload(index) => &summary.workloads[&scenario.workloads[index].name],
        Scope::Pool(index) => &summary.pools[&scenario.pools[index].name],
    }
}

/// Judged on the mean; uncertain when the interval straddles the bound or there was nothing to measure.
fn outcome(requirement: &Requirement, text: String, metrics: &Metrics) -> SloOutcome {
    let (value, interval) = measured(metrics, &requirement.metric);
    let holds = |value: f64| requirement.comparison.holds(value, requirement.bound);
    SloOutcome {
        text,
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
