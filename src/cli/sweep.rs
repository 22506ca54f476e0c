//! `quotasim sweep`: load → simulate every point → find the knees → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::progress::Bar;
use super::source::{Collected, Source};
use super::vary::{self, Vary};
use super::{Answer, clients, estimate, output, threads};
use crate::analysis::{Axis, Sweep};
use crate::model::{Arrivals, Scenario};
use crate::planner::{self, Grid, Line};
use crate::report::{self, Saved};
use crate::spec::Problems;
use crate::units::format;
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Options of `sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim sweep scenarios/chat.yaml --vary load=0.25..3:12
  quotasim sweep scenarios/chat.yaml --vary load=0.25..3:12 \\
    --vary workloads.chat.max_tokens=256,1024,unset -o out
  quotasim sweep scenarios/chat.yaml --vary pools.sonnet.tokens_per_minute=200k..2M:10
  quotasim sweep scenarios/retry-storm.yaml --vary load=0.6..1.4:5 \\
    --vary spike.load=1..5:5 --clients boto3@2.0,boto3@2.1

A range is from..to:count, evenly spaced; from..to:count:log spaces it in ratio.

Exit codes: 0 done, 2 the input is wrong.")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,

    #[command(flatten)]
    run: RunArgs,

    /// A field of the scenario and its values, like `load=0.25..3:12`; once or twice
    #[arg(long, value_name = "FIELD=VALUES", value_parser = vary::vary, required = true)]
    vary: Vec<Vary>,

    /// Sweep once for each of these clients: `sdk[-mode][@version]`, `none`, or `scenario` for the one that it has
    #[arg(long, value_name = "CLIENT,CLIENT,…", value_delimiter = ',')]
    clients: Vec<String>,

    /// Run a very large sweep without asking
    #[arg(long)]
    yes: bool,
}

/// Above this many points a sweep is asked about.
const MANY: u128 = 5_000;

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let mut axes = axes(&args.vary)?;
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => return Ok(refuse(&problems)),
    };
    for axis in &mut axes {
        settle(axis, &source);
    }
    // Each value alone first: a field that does not exist is one problem, not one per point.
    if let Err(problems) = checked(&source, &axes) {
        return Ok(refuse(&problems));
    }
    let own = clients::Client { name: String::new(), changes: Vec::new() };
    let several = match args.clients.as_slice() {
        [] => vec![own],
        names => clients::named(names, &loaded.scenario, None)?,
    };
    if !args.yes {
        ask(&loaded.scenario, &axes, several.len(), &args.run)?;
    }
    let grids: Result<Vec<Grid>, Problems> =
        several.iter().map(|client| grid(&source, &loaded.scenario, &axes, &client.changes)).collect();
    let grids = match grids {
        Ok(grids) => grids,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if !args.run.quiet {
        loaded.warnings.iter().for_each(output::warn);
    }
    output::prepare(&args.run)?;
    let mut sweeps = simulate(&grids, &loaded.scenario, &args.run)?;
    for (sweep, client) in sweeps.iter_mut().zip(&several) {
        sweep.client = Some(client.name.clone()).filter(|name| !name.is_empty());
    }
    let text = printed(&sweeps, args.run.format);
    for (sweep, client) in sweeps.into_iter().zip(several) {
        // One directory for each client, if there are several.
        let beside =
            |directory: &PathBuf| sweep.client.as_ref().map_or_else(|| directory.clone(), |it| directory.join(it));
        let run = RunArgs { output: args.run.output.as_ref().map(beside), ..args.run.clone() };
        output::save(&run, || {
            let mut origin = source.origin(&command(args), loaded.question.clone());
            origin.changes.extend(client.changes.iter().map(|(path, value)| format!("{path}={value}")));
            Saved::Sweep { sweep, setting: report::Setting::of(&loaded.scenario), origin }
        })?;
    }
    output::print(&text)?;
    Ok(Answer::Yes)
}

/// The sweeps one after the other; as JSON a document, or a map of documents by client.
fn printed(sweeps: &[Sweep], format: Format) -> String {
    match format {
        Format::Text => report::sweep::text(sweeps, &report::text::Style::COLOURED),
        Format::Markdown => sweeps.iter().map(report::sweep::markdown).collect::<Vec<_>>().join("\n"),
        Format::Csv => one_table(sweeps.iter().map(report::sweep::csv)),
        Format::Json => match sweeps {
            [only] if only.client.is_none() => report::json::document(only),
            several => {
                let by_client = several.iter().map(|sweep| {
                    let name = sweep.client.clone().unwrap_or_default();
                    (name, serde_json::to_value(sweep).expect("a sweep has string keys"))
                });
                let clients: serde_json::Map<String, serde_json::Value> = by_client.collect();
                report::json::document(&serde_json::json!({ "clients": clients }))
            }
        },
    }
}

/// Tables of the same columns as one.
fn one_table(mut tables: impl Iterator<Item = String>) -> String {
    let mut whole = tables.next().unwrap_or_default();
    for table in tables {
        whole.extend(table.split_once('\n').map(|(_, rows)| rows));
    }
    whole
}

/// Sweeps over one grid after the other.
fn simulate(grids: &[Grid], scenario: &Scenario, run: &RunArgs) -> anyhow::Result<Vec<Sweep>> {
    let points: u32 = grids[0].lines.iter().map(|line| line.points.len() as u32).sum();
    let each = f64::from(planner::least_replications(scenario));
    let searches = grids[0].lines.len() as f64 * estimate::search_replications(scenario);
    estimate::announce(scenario, (f64::from(points) * each + searches) * grids.len() as f64, run);
    let all = Bar::new(points * grids.len() as u32, run.quiet);
    let pool = threads(run)?;
    let one = |(before, grid): (u32, &Grid)| {
        let last = before + 1 == grids.len() as u32;
        let progress = clients::Offset { all: &all, before: points * before, last };
        pool.install(|| planner::sweep(grid, &progress))
    };
    let sweeps: Option<Vec<Sweep>> = (0..).zip(grids).map(one).collect();
    all.finish();
    sweeps.context("interrupted before the sweep was done; there is nothing to report")
}

fn refuse(problems: &Problems) -> Answer {
    output::say(&problems.to_string());
    Answer::Wrong
}

/// The axes in the order of drawing: the load runs along a line wherever it was written.
fn axes(written: &[Vary]) -> anyhow::Result<Vec<Vary>> {
    let mut axes = written.to_vec();
    match axes.as_slice() {
        [one, other] if one.path == other.path => {
            bail!("`--vary {}` is given twice\n\nhint: put all its values into one", one.path)
        }
        [_] | [_, _] => {}
        more => bail!(
            "{} fields vary, and a sweep has one or two\n\nhint: fix the others with `--set`, or run several sweeps",
            more.len()
        ),
    }
    if axes.len() == 2 && axes[1].path == "load" {
        axes.swap(0, 1);
    }
    Ok(axes)
}

/// Takes whole numbers for a field that refuses fractions.
fn settle(axis: &mut Vary, source: &Source) {
    let Some(whole) = axis.whole.take() else { return };
    let fraction = axis.values.iter().find(|value| value.contains('.')).cloned();
    let refused = |value: &String| source.read(&[(axis.path.clone(), value.clone())], "--vary").is_err();
    if fraction.is_some_and(|fraction| refused(&fraction)) && !refused(&whole[0]) {
        axis.values = whole;
    }
}

fn checked(source: &Source, axes: &[Vary]) -> Result<(), Problems> {
    let mut problems = Collected::default();
    for axis in axes {
        // Ends and middle speak for a long range; a list is read whole.
        let step = axis.values.len().div_ceil(64).max(1);
        for value in axis.values.iter().step_by(step).chain(axis.values.last()) {
            problems.take(source.read(&[(axis.path.clone(), value.clone())], "--vary"));
        }
    }
    problems.problems().map_or(Ok(()), Err)
}

/// Refuses a sweep that would take very long, unless it is meant.
fn ask(scenario: &Scenario, axes: &[Vary], clients: usize, run: &RunArgs) -> anyhow::Result<()> {
    let points: u128 = axes.iter().map(|axis| axis.values.len() as u128).product::<u128>() * clients as u128;
    if points <= MANY {
        return Ok(());
    }
    let each = estimate::replication_seconds(scenario);
    let replications = f64::from(planner::least_replications(scenario));
    let seconds = points as f64 * replications * each / estimate::threads(run) as f64;
    bail!(
        "a sweep of {} points would take about {} here\n\nhint: a grid of 12 × 5 shows a curve as well, and the knee is \
         searched for, not read off the grid; add `--yes` to run it all the same",
        format::count(u64::try_from(points).unwrap_or(u64::MAX)),
        estimate::words(seconds)
    )
}

fn grid(source: &Source, scenario: &Scenario, axes: &[Vary], client: &[(String, String)]) -> Result<Grid, Problems> {
    let mut problems = Collected::default();
    let first = &axes[0];
    let second: Vec<Option<&String>> = match axes.get(1) {
        Some(axis) => axis.values.iter().map(Some).collect(),
        None => vec![None],
    };
    let mut lines = Vec::new();
    for beside in second {
        let mut points = Vec::new();
        for value in &first.values {
            let mut changes = client.to_vec();
            changes.push((first.path.clone(), value.clone()));
            changes.extend(beside.map(|beside| (axes[1].path.clone(), beside.clone())));
            if let Some(mut loaded) = problems.take(source.read(&changes, "--vary")) {
                share_traces(&mut loaded.scenario, scenario);
                points.push((vary::value(value), loaded.scenario));
            }
        }
        lines.push(Line { value: beside.map(|beside| vary::value(beside)), points });
    }
    let axis = |axis: &Vary| Axis {
        path: axis.path.clone(),
        values: axis.values.iter().map(|value| vary::value(value)).collect(),
    };
    problems.problems().map_or(Ok(Grid { axes: axes.iter().map(axis).collect(), lines }), Err)
}

/// Keeps one copy of what a trace holds, whatever the number of points.
fn share_traces(scenario: &mut Scenario, known: &Scenario) {
    for (workload, known) in scenario.workloads.iter_mut().zip(&known.workloads) {
        if let (Arrivals::Trace(trace), Arrivals::Trace(known)) = (&mut workload.arrivals, &known.arrivals)
            && trace.rows == known.rows
        {
            trace.rows = known.rows.clone();
        }
    }
}

fn command(args: &Args) -> Command {
    let mut command = Command::new("sweep", &args.scenario);
    for Vary { written, .. } in &args.vary {
        command.option("--vary", written);
    }
    if !args.clients.is_empty() {
        command.option("--clients", &args.clients.join(","));
    }
    command
}
