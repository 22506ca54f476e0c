//! Runs the replications of one scenario.

use crate::analysis::{OutputHistogram, PoolTimeline, Replications, Summary, outputs, timeline};
use crate::engine::{AttemptRow, Engine, Observer};
use crate::model::Scenario;
use crate::units::SimTime;
use rayon::prelude::*;
use std::ops::{ControlFlow, Range};
use std::sync::Mutex;

/// How many output lengths of each workload the chart of their distribution rests on.
const OUTPUT_SAMPLE: u64 = 20_000;

/// What a scenario's replications found.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// The results.
    pub summary: Summary,
    /// The first replication over time, by pool.
    pub timelines: Vec<PoolTimeline>,
    /// The lengths of answers, by workload.
    pub outputs: Vec<OutputHistogram>,
    /// Broken off before all replications were done.
    pub interrupted: bool,
}

/// Hears how far the replications are, from any thread.
pub trait Progress: Sync {
    /// A replication has come this far, from 0 to 1.
    fn reached(&self, replication: u32, share: f64);

    /// What the work is for, from here on, in a few words; its amount may not be known beforehand.
    fn stage(&self, _words: &str) {}

    /// Whether to stop: replications in progress are dropped, finished ones count.
    fn stopped(&self) -> bool {
        false
    }
}

/// Tells nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn reached(&self, _replication: u32, _share: f64) {}
}

/// Runs all replications of a scenario, in parallel.
///
/// `None` if it was stopped before the first replication was done.
pub fn replicate(scenario: &Scenario, progress: &dyn Progress) -> Option<Run> {
    let engine = Engine::new(scenario);
    let done = Mutex::new(Replications::default());
    replicate_range(&engine, 0..scenario.replications, progress, &done);
    conclude(&engine, &done.into_inner().expect("no replication panics while it adds"))
}

/// Runs some of the replications, in parallel.
pub(super) fn replicate_range(
    engine: &Engine<'_>,
    range: Range<u32>,
    progress: &dyn Progress,
    done: &Mutex<Replications>,
) {
    let scenario = engine.scenario();
    range.into_par_iter().for_each(|replication| {
        let mut watcher = Watcher { progress, replication, horizon: scenario.horizon };
        if let Some(tally) = engine.run(scenario.seed, replication, &mut watcher) {
            done.lock().expect("no replication panics while it adds").add(replication, tally);
        }
    });
}

/// Runs the replications one after the other and shows every attempt, with its replication, in order.
pub fn replicate_in_order(
    scenario: &Scenario,
    progress: &dyn Progress,
    mut attempt: impl FnMut(u32, &AttemptRow),
) -> Option<Run> {
    let engine = Engine::new(scenario);
    let mut done = Replications::default();
    for replication in 0..scenario.replications {
        let watcher = Watcher { progress, replication, horizon: scenario.horizon };
        let mut recorder = Recorder { watcher, attempt: |row: &AttemptRow| attempt(replication, row) };
        match engine.run(scenario.seed, replication, &mut recorder) {
            Some(tally) => done.add(replication, tally),
            None => break,
        }
    }
    conclude(&engine, &done)
}

pub(super) fn conclude(engine: &Engine<'_>, done: &Replications) -> Option<Run> {
    let scenario = engine.scenario();
    let first = done.first()?;
    let mut summary = done.summary(scenario, scenario.seed);
    let interrupted = (done.len() as u32) < scenario.replications;
    if interrupted {
        summary.warnings.push(format!(
            "interrupted after {} of {} replications: the results are of these; run it again to the end",
            done.len(),
            scenario.replications
        ));
    }
    Some(Run {
        summary,
        timelines: timeline::of_pools(scenario, first),
        outputs: scenario
            .workloads
            .iter()
            .enumerate()
            .map(|(index, workload)| {
                let lengths = engine.output_lengths(index, OUTPUT_SAMPLE);
                outputs::histogram(&workload.name, engine.max_tokens(index), workload.max_tokens.is_none(), &lengths)
            })
            .collect(),
        interrupted,
    })
}

/// Reports progress.
pub(super) struct Watcher<'a> {
    pub(super) progress: &'a dyn Progress,
    pub(super) replication: u32,
    pub(super) horizon: SimTime,
}

impl Observer for Watcher<'_> {
    fn reached(&mut self, now: SimTime) -> ControlFlow<()> {
        self.progress.reached(self.replication, now.as_secs_f64() / self.horizon.as_secs_f64());
        if self.progress.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }
}

/// Reports progress and every attempt.
struct Recorder<'a, F> {
    watcher: Watcher<'a>,
    attempt: F,
}

impl<F: FnMut(&AttemptRow)> Observer for Recorder<'_, F> {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, row: &AttemptRow) {
        (self.attempt)(row);
    }

    fn reached(&mut self, now: SimTime) -> ControlFlow<()> {
        self.watcher.reached(now)
    }
}
