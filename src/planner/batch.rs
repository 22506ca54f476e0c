//! Runs many scenarios at once: every replication of every scenario is a piece of work of its own.

use super::Progress;
use super::replicate::Watcher;
use crate::analysis::{Replications, Summary};
use crate::engine::Engine;
use crate::model::Scenario;
use rayon::prelude::*;
use std::sync::Mutex;

/// Some replications of a scenario.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Which replications, by index. The same index meets the same random numbers in every scenario.
    pub replications: std::ops::Range<u32>,
}

impl<'a> Job<'a> {
    /// All replications of a scenario.
    pub fn whole(scenario: &'a Scenario) -> Job<'a> {
        Job { scenario, replications: 0..scenario.replications }
    }

    /// The first replications of a scenario.
    pub fn first(scenario: &'a Scenario, most: u32) -> Job<'a> {
        Job { scenario, replications: 0..scenario.replications.min(most) }
    }
}

/// Runs all jobs, in parallel over jobs × replications; the results come in the order of the jobs.
///
/// `progress` hears of each replication by its place among all. `None` if it was stopped: half a comparison compares
/// nothing.
pub fn batch(jobs: &[Job<'_>], progress: &dyn Progress) -> Option<Vec<Replications>> {
    batch_onto(jobs, jobs.iter().map(|_| Replications::default()).collect(), progress)
}

/// As [`batch`], on top of replications that were run before.
pub fn batch_onto(jobs: &[Job<'_>], before: Vec<Replications>, progress: &dyn Progress) -> Option<Vec<Replications>> {
    let engines: Vec<Engine<'_>> = jobs.iter().map(|job| Engine::new(job.scenario)).collect();
    let done: Vec<Mutex<Replications>> = before.into_iter().map(Mutex::new).collect();
    let pieces: Vec<(usize, u32)> = jobs
        .iter()
        .enumerate()
        .flat_map(|(place, job)| job.replications.clone().map(move |replication| (place, replication)))
        .collect();
    let complete = pieces.par_iter().enumerate().all(|(number, &(place, replication))| {
        let scenario = jobs[place].scenario;
        let mut watcher = Watcher { progress, replication: number as u32, horizon: scenario.horizon };
        let tally = engines[place].run(scenario.seed, replication, &mut watcher);
        tally.map(|tally| done[place].lock().expect(NO_PANIC).add(replication, tally)).is_some()
    });
    complete.then(|| done.into_iter().map(|each| each.into_inner().expect(NO_PANIC)).collect())
}

const NO_PANIC: &str = "no replication panics while it adds";

/// The summaries of scenarios, at most so many replications of each.
pub fn summaries(scenarios: &[Scenario], most: u32, progress: &dyn Progress) -> Option<Vec<Summary>> {
    let jobs: Vec<Job<'_>> = scenarios.iter().map(|scenario| Job::first(scenario, most)).collect();
    let done = batch(&jobs, progress)?;
    Some(done.iter().zip(scenarios).map(|(each, scenario)| each.summary(scenario, scenario.seed)).collect())
}

/// Passes on only the wish to stop: for work whose amount nobody knows beforehand.
#[derive(Clone, Copy)]
pub(super) struct OnlyStop<'a>(pub(super) &'a dyn Progress);

impl Progress for OnlyStop<'_> {
    fn reached(&self, _replication: u32, _share: f64) {}

    fn stopped(&self) -> bool {
        self.0.stopped()
    }
}
