//! A scenario under each other answer to what AWS does not publish.

use super::Progress;
use super::assume::Assumption;
use super::batch::{OnlyStop, summaries};
use super::search::{Effort, meets};
use crate::analysis::{Metrics, Summary, Tried};
use crate::model::{Requirement, Scenario};

/// How a scenario fares under each assumption: whether it meets objectives, with the metrics of one workload or of
/// all. `None` if it was stopped.
pub(super) fn try_assumptions(
    scenario: &Scenario,
    objectives: &[Requirement],
    workload: Option<usize>,
    effort: Effort,
    progress: &dyn Progress,
) -> Option<Vec<(Assumption, Tried)>> {
    let assumptions = Assumption::of(scenario);
    let changed: Vec<Scenario> = assumptions.iter().map(|each| each.applied_to(scenario)).collect();
    let summaries = summaries(&changed, effort.replications, &OnlyStop(progress))?;
    let outcomes = assumptions.into_iter().zip(changed.iter().zip(&summaries));
    let tried = outcomes.map(|(assumption, (scenario, summary))| {
        let metrics = of_workload(scenario, summary, workload);
        let tried = Tried {
            assumption: assumption.key(),
            holds: meets(objectives, scenario, summary),
            instead: None,
            attempt_throttle_rate: metrics.attempt_throttle_rate,
            request_failure_rate: metrics.request_failure_rate,
            truncation_rate: metrics.truncation_rate,
            quota_truncation_rate: metrics.quota_truncation_rate,
            latency_p99_ms: metrics.latency_ms.p99,
        };
        (assumption, tried)
    });
    Some(tried.collect())
}

/// The metrics of one workload, or of all.
pub(super) fn of_workload<'a>(scenario: &Scenario, summary: &'a Summary, workload: Option<usize>) -> &'a Metrics {
    workload.map_or(&summary.total, |index| &summary.workloads[&scenario.workloads[index].name])
}
