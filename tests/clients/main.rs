//! The decisive comparison: one scenario, real SDKs against `quotasim serve` at the speed of the clock, and the
//! simulator. Throttle rate, attempts per request and goodput must agree within three standard errors.
//!
//! ```text
//! cargo test --test clients                 compares, prints the table, fails unless all agree
//! cargo test --test clients -- --write      writes it to reports/sdks/report.md, too
//! ```
//!
//! Needs what `tests/clients/run` installs. Each run replays the arrivals and tokens of one replication.

mod measured;
mod modes;
mod rust_client;
mod simulated;
mod statistics;

use measured::{Measured, Tools};
use modes::{Mode, WAVES};
use statistics::{METRICS, Run, Sample, z};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// Runs of each mode.
const RUNS: u32 = 6;
/// Replications of each mode in the simulator.
const REPLICATIONS: u32 = 400;
/// The most standard errors that two means may lie apart.
const MOST: f64 = 3.0;
/// A client that sends a hundredth of its calls later than this [s] did not follow its plan.
const LATE: f64 = 0.25;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("rust_client", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        rust_client::main(rest);
        return;
    }
    let began = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let tools = Tools {
        quotasim: PathBuf::from(env!("CARGO_BIN_EXE_quotasim")),
        python: root.join("target/clients/venv/bin/python"),
        node: PathBuf::from("node"),
        clients: root.join("tests/clients"),
        scenario: root.join("reports/sdks/scenario.yaml"),
    };
    let text = std::fs::read_to_string(&tools.scenario).expect("the scenario of the comparison");
    let directory = tempfile::tempdir().expect("a directory");
    let plans = simulated::plans(&text, RUNS, directory.path());
    let (mut table, mut worst) = (String::new(), 0.0_f64);
    for modes in WAVES {
        let measured = followed(&tools, &text, &modes, &plans);
        for mode in modes {
            let served: Vec<Run> = measured.iter().filter(|one| one.mode == mode).map(|one| one.run).collect();
            let simulated = simulated::runs(&text, mode, REPLICATIONS);
            let (row, z) = row(mode, &served, &simulated);
            println!("{row}");
            table += &format!("{row}\n");
            worst = worst.max(z);
        }
    }
    println!("largest |z| {worst:.2}, {:.0} s", began.elapsed().as_secs_f64());
    if arguments.iter().any(|argument| argument == "--write") {
        std::fs::write(root.join("reports/sdks/report.md"), report(&table, worst)).expect("writable");
    }
    assert!(worst < MOST, "an SDK and its model differ by {worst:.2} standard errors");
}

/// A wave of runs whose clients followed their plans; a busy machine gets a second chance.
fn followed(tools: &Tools, text: &str, modes: &[Mode], plans: &[PathBuf]) -> Vec<Measured> {
    let scenario = simulated::scenario(text, &[]);
    let max_tokens = scenario.workloads[0].max_tokens.expect("it has a limit").0;
    let mut late = Vec::new();
    for _ in 0..2 {
        let measured = measured::wave(tools, modes, plans, max_tokens, scenario.measured().as_minutes_f64());
        let latest = measured.iter().map(|one| one.late_p99).fold(0.0, f64::max);
        println!("{}: at most a hundredth of the calls is later than {:.0} ms", modes[0].mode, 1e3 * latest);
        if latest < LATE {
            return measured;
        }
        late.push(latest);
    }
    panic!("the machine is too busy to compare anything: clients were {late:.2?} s late");
}

/// The row of a mode, and its largest |z|.
fn row(mode: Mode, served: &[Run], simulated: &[Run]) -> (String, f64) {
    let mut row = format!("| {} | {} |", mode.title, mode.mode);
    let mut worst = 0.0_f64;
    for metric in &METRICS {
        let (real, model) = (Sample::of(served, metric), Sample::of(simulated, metric));
        let z = z(&real, &model);
        let d: Vec<f64> = served.iter().zip(simulated).map(|(a, b)| (metric.of)(a) - (metric.of)(b)).collect();
        let m = d.iter().sum::<f64>() / d.len() as f64;
        let v = d.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / (d.len() as f64 - 1.0);
        eprintln!(
            "{} {} {}: paired {:.4} +- {:.4}",
            mode.title,
            mode.mode,
            metric.name,
            m,
            (v / d.len() as f64).sqrt()
        );
        worst = worst.max(z.abs());
        let show = metric.show;
        row += &format!(
            " {} ± {} | {} ± {} | {z:+.1} |",
            show(real.mean),
            show(real.sd()),
            show(model.mean),
            show(model.sd())
        );
    }
    (row, worst)
}

fn report(table: &str, worst: f64) -> String {
    let head: String = METRICS.iter().map(|metric| format!(" {}: served | simulated | z |", metric.name)).collect();
    let rule = "---|".repeat(2 + 3 * METRICS.len());
    format!(
        "# Real SDKs at `quotasim serve`, and in the simulator

One scenario, [scenario.yaml](scenario.yaml): {RUNS} runs of each SDK and retry mode against `quotasim serve` at the
speed of the clock, and {REPLICATIONS} replications in the simulator. Mean ± standard deviation over runs; z is the
difference of the means in standard errors, from the spread of both sides. The largest |z| is {worst:.1}; the tests
demand less than {MOST:.0}.

| SDK | mode |{head}
|{rule}
{table}
Each run replays the arrivals and tokens of one replication of the scenario. The SDKs retry, wait and limit themselves
as they are shipped; nothing of theirs is configured but the mode. Made by `tests/clients/run --write`.
"
    )
}
