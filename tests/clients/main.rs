//! The decisive comparison: one scenario, real SDKs against `quotasim serve` at the speed of the clock, and the
//! simulator. Throttle rate, attempts per request and goodput must agree within three standard errors, and closely.
//!
//! ```text
//! cargo test --test clients                 compares, prints the table, fails unless all agree, and unless the
//!                                           simulated column of reports/sdks/report.md is today's
//! cargo test --test clients -- --write      writes that page anew
//! ```
//!
//! Needs what `tests/clients/run` installs, and a Python with boto3 in `PYTHON`. Each run replays the arrivals and tokens
//! of one replication.

#![expect(clippy::print_stdout, reason = "a table for whoever runs it")]

mod measured;
mod rust_client;
mod simulated;
mod statistics;
mod subjects;

use measured::{Measured, Tools};
use statistics::{Contrast, METRICS, MOST, Metric, Run};
use std::path::{Path, PathBuf};
use subjects::{Subject, WAVES};
use tokio::time::Instant;

/// Runs of each mode.
const RUNS: u32 = 8;
/// Replications of each mode in the simulator.
const REPLICATIONS: u32 = 400;
/// How often a wave may be run: one in three hundred honest comparisons exceeds three standard errors, and a busy
/// machine sends calls late. What is wrong fails again.
const TRIES: u32 = 2;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(("rust_client", rest)) = arguments.split_first().map(|(first, rest)| (first.as_str(), rest)) {
        rust_client::main(rest);
        return;
    }
    let began = Instant::now();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    WAVES.as_flattened().iter().for_each(|subject| subject.assert_pinned(root));
    let tools = Tools {
        quotasim: PathBuf::from(env!("CARGO_BIN_EXE_quotasim")),
        python: std::env::var_os("PYTHON").expect("PYTHON names one with boto3, as tests/clients/run does").into(),
        node: PathBuf::from("node"),
        clients: root.join("tests/clients"),
        scenario: root.join("reports/sdks/scenario.yaml"),
    };
    let text = std::fs::read_to_string(&tools.scenario).expect("the scenario of the comparison");
    let directory = tempfile::tempdir().expect("a directory");
    let plans = simulated::plans(&text, RUNS, directory.path());
    let mut rows = Vec::new();
    for subjects in WAVES {
        rows.extend(compared(&tools, &text, &subjects, &plans));
    }
    let worst = rows.iter().map(|row| row.contrast.z.abs()).fold(0.0, f64::max);
    println!("largest |z| {worst:.2}, {:.0} s", began.elapsed().as_secs_f64());
    let page = root.join("reports/sdks/report.md");
    if arguments.iter().any(|argument| argument == "--write") {
        std::fs::write(page, report(&rows, worst)).expect("writable");
    } else {
        assert_current(&std::fs::read_to_string(page).expect("the page of the comparison"), &rows);
    }
}

/// A subject and a metric.
#[derive(Debug)]
struct Row {
    subject: Subject,
    metric: Metric,
    contrast: Contrast,
}

/// Compares the subjects of a wave, which must agree with their models.
fn compared(tools: &Tools, text: &str, subjects: &[Subject], plans: &[PathBuf]) -> Vec<Row> {
    let scenario = simulated::scenario(text, &[]);
    let max_tokens = scenario.workloads[0].max_tokens.expect("it has a limit").0;
    let simulated: Vec<_> = subjects.iter().map(|&subject| simulated::runs(text, subject, REPLICATIONS)).collect();
    let mut complaints = Vec::new();
    for _ in 0..TRIES {
        let measured = measured::wave(tools, subjects, plans, max_tokens, scenario.measured().as_minutes_f64());
        let rows: Vec<Row> =
            subjects.iter().zip(&simulated).flat_map(|(&subject, runs)| of_subject(subject, &measured, runs)).collect();
        for row in &rows {
            println!("{}", shown(row));
        }
        let late = measured.iter().map(|one| one.late_p99).fold(0.0, f64::max);
        println!("{}: at most a hundredth of the calls is later than {:.0} ms", subjects[0].mode, 1e3 * late);
        let apart: Vec<String> = rows.iter().filter(|row| row.contrast.differs(&row.metric)).map(shown).collect();
        if apart.is_empty() {
            return rows;
        }
        complaints.push(format!("{}\nwith calls up to {late:.2} s late", apart.join("\n")));
    }
    panic!("SDKs and their models are too far apart:\n{}", complaints.join("\n"));
}

fn of_subject(subject: Subject, measured: &[Measured], simulated: &[Run]) -> Vec<Row> {
    let served: Vec<Run> = measured.iter().filter(|one| one.subject == subject).map(|one| one.run).collect();
    METRICS.map(|metric| Row { subject, metric, contrast: Contrast::of(&served, simulated, &metric) }).into()
}

fn shown(row: &Row) -> String {
    let Row { subject, metric, contrast: Contrast { served, simulated, z, paired } } = row;
    let show = metric.show;
    format!(
        "| {} | {} | {} | {} ± {} | {} ± {} | {z:+.1} | {}{} ± {} |",
        subject.title,
        subject.mode,
        metric.name,
        show(served.mean),
        show(served.sd),
        show(simulated.mean),
        show(simulated.sd),
        if paired.mean < 0.0 { "−" } else { "+" },
        show(paired.mean.abs()),
        show(paired.sd / paired.count.sqrt()),
    )
}

/// The page must say of the simulator what the simulator says; what was served differs from run to run.
fn assert_current(page: &str, rows: &[Row]) {
    for row in rows {
        let cells = |line: &str| line.split(" | ").map(str::to_owned).collect::<Vec<_>>();
        let line = shown(row);
        let now = cells(&line);
        let known = page.lines().map(cells).find(|known| known.get(..3) == now.get(..3));
        let known = known.unwrap_or_else(|| panic!("the page lacks the row of {line}; `tests/clients/run --write`"));
        assert_eq!(known[4], now[4], "the page is stale: {line}; `tests/clients/run --write` writes it anew");
    }
}

fn report(rows: &[Row], worst: f64) -> String {
    let table: Vec<String> = rows.iter().map(shown).collect();
    format!(
        "# Real SDKs at `quotasim serve`, and in the simulator

One scenario, [scenario.yaml](scenario.yaml): {RUNS} runs of each SDK and retry mode against `quotasim serve` at the
speed of the clock, and {REPLICATIONS} replications in the simulator. The SDKs retry, wait and limit themselves as they
are shipped; nothing of theirs is configured but the mode. Run *i* replays the arrivals and tokens of replication *i*.

| SDK | mode | metric | served | simulated | z | on the same arrivals |
|---|---|---|---|---|---|---|
{}

*served*, *simulated*: mean ± standard deviation over runs. *z*: the difference of the two means in standard errors,
from the spread of both sides; the largest |z| is {worst:.1}, and the tests demand less than {MOST:.0}. *on the same
arrivals*: served − simulated over the {RUNS} pairs that met the same arrivals, ± its standard error; the tests demand
at most 3 percentage points throttled, 0.1 attempts and 15 answers per minute. Made by `tests/clients/run --write`.
",
        table.join("\n")
    )
}
