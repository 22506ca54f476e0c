//! The engine beside the yardstick: requests per CPU second of both, in one run, as ratios.
//!
//! `cargo bench --bench ratio`. Builds `benches/yardstick` as it is, then runs both in turn, round after round, and
//! takes the median round of each, and the fastest.

#![expect(clippy::print_stdout, reason = "a benchmark prints its table")]

mod support;

use quotasim::engine::{Engine, Unwatched};
use quotasim::model::Scenario;
use rustix::time::{ClockId, clock_gettime};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use support::{LIMITERS, LOADS, SIZES};

const ROUNDS: usize = 5;
const REQUESTS: f64 = 2e6;

/// What clients may do beside retrying, as changes of a scenario.
const FEATURES: [(&str, &[(&str, &str)]); 7] = [
    ("boto3", &[("workloads.w.client", "boto3")]),
    ("boto3-adaptive", &[("workloads.w.client", "boto3-adaptive")]),
    ("stream", &[("workloads.w.client", "boto3"), ("workloads.w.stream", "true")]),
    (
        "faults",
        &[(
            "workloads.w.faults",
            "{ unavailable: 0.5%, disconnect: 0.1%, episodes: [{ at: 1m, for: 1m, slow: { probability: 10%, factor: 2 } }] }",
        )],
    ),
    ("deadline", &[("workloads.w.deadline", "60s")]),
    ("concurrency", &[("workloads.w.clients", "64"), ("workloads.w.concurrency", "{ limit: 200, queue: 1000 }")]),
    ("pace", &[("workloads.w.pace", "92%"), ("workloads.w.deadline", "60s")]),
];

fn main() {
    // `cargo test --benches` runs benchmarks with this flag to see that they start.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let yardstick = build_yardstick();
    println!("requests/s per core: median of {ROUNDS} rounds, and the ratio of the fastest rounds\n");
    heading("limiter");
    for load in LOADS {
        for size in SIZES {
            let scenarios = LIMITERS.map(|limiter| (limiter, support::scenario(load, size, limiter, &[], REQUESTS)));
            compare(&yardstick, load, size, &scenarios);
        }
    }
    println!();
    heading("client");
    for load in ["sat", "over"] {
        let with = |changes| support::scenario(load, SIZES[0], LIMITERS[0], changes, REQUESTS);
        compare(&yardstick, load, SIZES[0], &FEATURES.map(|(feature, changes)| (feature, with(changes))));
    }
    scaling();
}

fn heading(what: &str) {
    println!("{:<16}{:>11}{what:>15}{:>11}{:>8}{:>11}", "scenario", "yardstick", "quotasim", "ratio", "fastest");
}

/// Runs scenarios and the yardstick in turn: what disturbs the machine for a while disturbs all.
fn compare(yardstick: &Path, load: &str, size: u32, scenarios: &[(&str, Scenario)]) {
    let engines: Vec<_> = scenarios.iter().map(|(_, scenario)| Engine::new(scenario)).collect();
    let (mut theirs, mut ours) = (Vec::new(), vec![Vec::new(); engines.len()]);
    for _ in 0..ROUNDS {
        theirs.push(run_yardstick(yardstick, load, size));
        for (rates, engine) in ours.iter_mut().zip(&engines) {
            rates.push(run_engine(engine));
        }
    }
    for ((name, _), rates) in scenarios.iter().zip(ours) {
        let scenario = format!("{load} {size}");
        let (their_rate, rate) = (median(&theirs), median(&rates));
        let (ratio, of_fastest) = (rate / their_rate, fastest(&rates) / fastest(&theirs));
        let (their_rate, rate) = (their_rate / 1e6, rate / 1e6);
        println!("{scenario:<16}{their_rate:>9.2} M{name:>15}{rate:>9.2} M{ratio:>7.2}×{of_fastest:>10.2}×");
    }
}

/// How fast a core is while all others do the same, beside how fast it is alone.
fn scaling() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let scenario = support::scenario("sat", SIZES[1], LIMITERS[0], &[], REQUESTS);
    let engine = Engine::new(&scenario);
    let alone = median(&(0..ROUNDS).map(|_| run_engine(&engine)).collect::<Vec<_>>());
    let together = (0..ROUNDS).map(|_| {
        let rates: f64 = std::thread::scope(|scope| {
            let runs: Vec<_> = (0..cores)
                .map(|core| {
                    scope.spawn({
                        let engine = &engine;
                        // Its own time: what disturbs one core for a moment is not to count for all.
                        move || {
                            let start = now();
                            requests(engine, core as u32) / start.elapsed().as_secs_f64()
                        }
                    })
                })
                .collect();
            runs.into_iter().map(|run| run.join().expect("nothing panics")).sum()
        });
        rates / cores as f64
    });
    let together = median(&together.collect::<Vec<_>>());
    println!("\n{cores} cores at once: {:.2} of the rate of one alone, each", together / alone);
}

#[expect(clippy::disallowed_methods, reason = "time is what a benchmark measures")]
fn now() -> Instant {
    Instant::now()
}

fn requests(engine: &Engine<'_>, replication: u32) -> f64 {
    let tally = engine.run(1, replication, &mut Unwatched).expect("nobody stops it");
    // What a disturbance did is measured against the same traffic left in peace, which is simulated as well.
    let runs = if tally.undisturbed.is_some() { 2.0 } else { 1.0 };
    runs * tally.flows[0].requests as f64
}

fn median(rates: &[f64]) -> f64 {
    let mut rates = rates.to_vec();
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

/// The one least disturbed: what else a machine does can only take time.
fn fastest(rates: &[f64]) -> f64 {
    rates.iter().copied().fold(0.0, f64::max)
}

fn cpu_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}

fn run_engine(engine: &Engine<'_>) -> f64 {
    let start = cpu_seconds();
    requests(engine, 0) / (cpu_seconds() - start)
}

fn build_yardstick() -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/yardstick");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/yardstick");
    let built = Command::new(env!("CARGO"))
        .args(["build", "--release", "--quiet", "--manifest-path"])
        .arg(home.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status()
        .expect("cargo runs");
    assert!(built.success(), "the yardstick does not build");
    target.join("release/yardstick")
}

fn run_yardstick(program: &Path, load: &str, size: u32) -> f64 {
    let output = Command::new(program)
        .args([load, &size.to_string(), &format!("{REQUESTS}"), "1", "window"])
        .output()
        .expect("the yardstick runs");
    let text = String::from_utf8(output.stdout).expect("it prints text");
    let result: serde_json::Value = serde_json::from_str(&text).expect("it prints one JSON line");
    result["req_s"].as_f64().expect("a rate")
}
