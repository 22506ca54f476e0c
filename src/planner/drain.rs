//! How long a batch takes: from its arrival until its last answer.

use super::Progress;
use super::batch::OnlyStop;
use super::replicate::Watcher;
use crate::engine::Engine;
use crate::model::Scenario;
use rayon::prelude::*;

/// What became of a batch in one replication.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Finish {
    /// From the arrival of the batch to its last answer \[s\]; `None` if none was answered.
    pub seconds: Option<f64>,
    /// How many requests were counted.
    pub requests: u64,
    /// How many were answered.
    pub succeeded: u64,
}

/// Runs a scenario and says when each replication's batch was done; the requests of `workload` come all at once.
/// `None` if it was stopped.
pub fn drain(scenario: &Scenario, workload: usize, most: u32, progress: &dyn Progress) -> Option<Vec<Finish>> {
    let engine = Engine::new(scenario);
    let quiet = OnlyStop(progress);
    (0..scenario.replications.min(most))
        .into_par_iter()
        .map(|replication| {
            let mut watcher = Watcher { progress: &quiet, replication, horizon: scenario.horizon };
            let tally = engine.run(scenario.seed, replication, &mut watcher)?;
            let mut finish = Finish::default();
            for flow in tally.flows.iter().filter(|flow| flow.workload == workload) {
                finish.requests += flow.requests;
                finish.succeeded += flow.succeeded;
                let last = flow.latency.histogram.max().map(|ns| ns as f64 * 1e-9);
                finish.seconds = finish.seconds.into_iter().chain(last).reduce(f64::max);
            }
            Some(finish)
        })
        .collect()
}
