//! The same scenario in the simulator.

use crate::statistics::Run;
use crate::subjects::Subject;
use quotasim::engine::{AttemptRow, Engine, Observer, Unwatched};
use quotasim::model::Scenario;
use quotasim::spec::{self, NoFiles, catalog::Catalog};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Reads the scenario with changes.
pub(crate) fn scenario(text: &str, changes: &[(&str, String)]) -> Scenario {
    let changes: Vec<_> = changes.iter().map(|(path, value)| ((*path).to_owned(), value.clone())).collect();
    match spec::read(text, "scenario.yaml", &changes, &NoFiles, Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}"),
    }
}

/// What the first replications of the scenario give with a client.
pub(crate) fn runs(text: &str, subject: Subject, replications: u32) -> Vec<Run> {
    let scenario = scenario(text, &[("workloads.app.client", subject.client())]);
    let engine = Engine::new(&scenario);
    let minutes = scenario.measured().as_minutes_f64();
    let run = |replication| {
        let tally = engine.run(scenario.seed, replication, &mut Unwatched).expect("nobody stops it");
        let [flow] = &tally.flows[..] else { panic!("one workload on one pool") };
        Run {
            throttle_rate: flow.throttles.iter().sum::<u64>() as f64 / flow.attempts as f64,
            attempts_per_request: flow.attempts as f64 / flow.requests as f64,
            goodput: flow.good as f64 / minutes,
        }
    };
    (0..replications).map(run).collect()
}

/// Arrivals and tokens of a replication.
#[derive(Debug, Default)]
struct Plan(Vec<AttemptRow>);

impl Observer for Plan {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, row: &AttemptRow) {
        self.0.push(*row);
    }
}

/// Writes when the requests of the first replications arrive and what they ask, a file each.
///
/// Without a quota every request is admitted as it arrives, and its tokens follow from what it reserves and is charged.
pub(crate) fn plans(text: &str, replications: u32, directory: &Path) -> Vec<PathBuf> {
    let free = [("workloads.app.client", "none".to_owned()), ("pools.haiku.tokens_per_minute", "none".to_owned())];
    let scenario = scenario(text, &free);
    let max_tokens = scenario.workloads[0].max_tokens.expect("it has a limit").0;
    let burndown = u64::from(scenario.pools[0].burndown.0);
    let engine = Engine::new(&scenario);
    let plan = |replication: u32| {
        let mut plan = Plan::default();
        engine.run(scenario.seed, replication, &mut plan).expect("nobody stops it");
        let mut csv = "time_s,input,output\n".to_owned();
        for row in &plan.0 {
            let input = row.reservation - max_tokens;
            let output = (row.charge - input) / burndown;
            writeln!(csv, "{:.6},{input},{output}", row.at.as_secs_f64()).expect("a string grows");
        }
        let path = directory.join(format!("plan-{replication}.csv"));
        std::fs::write(&path, csv).expect("writable");
        path
    };
    (0..replications).map(plan).collect()
}
