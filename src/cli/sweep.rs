//! `quotasim sweep`: load → simulate every point → find the knees → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::progress::Bar;
use super::source::{Collected, Source};
use super::vary::{self, Vary};
use super::{Answer, estimate, output, threads};
use crate::analysis::Axis;
use crate::model::Scenario;
use crate::planner::{self, Grid, Line};
use crate::report::{self, Origin, Saved};
use crate::spec::Problems;
use crate::units::format;
use anyhow::{Context, bail};

/// Options of `sweep`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim sweep scenarios/chat.yaml --vary load=0.25..3:12
  quotasim sweep scenarios/chat.yaml --vary load=0.25..3:12 \\
    --vary workloads.chat.max_tokens=256,1024,unset -o out
  quotasim sweep scenarios/chat.yaml --vary pools.sonnet.tokens_per_minute=200k..2M:10

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

    /// Run a very large sweep without asking
    #[arg(long)]
    yes: bool,
}

/// Above this many points a sweep is asked about.
const MANY: u128 = 5_000;

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let axes = axes(&args.vary)?;
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => return Ok(refuse(&problems)),
    };
    // Each value alone first: a field that does not exist is one problem, not one per point.
    if let Err(problems) = checked(&source, &axes) {
        return Ok(refuse(&problems));
    }
    if !args.yes {
        ask(&loaded.scenario, &axes, &args.run)?;
    }
    let grid = match grid(&source, &axes) {
        Ok(grid) => grid,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if !args.run.quiet {
        loaded.warnings.iter().for_each(|warning| output::say(&warning.to_string()));
    }
    let points = grid.lines.iter().map(|line| line.points.len() as u32).sum();
    let progress = Bar::new(points, args.run.quiet);
    let swept = threads(&args.run)?.install(|| planner::sweep(&grid, &progress));
    progress.finish();
    let sweep = swept.context("interrupted before the sweep was done; there is nothing to report")?.sweep;
    output::print(&match args.run.format {
        Format::Text => report::sweep::text(&sweep, &report::text::Style::COLOURED),
        Format::Json => report::json::document(&sweep),
        Format::Csv => report::sweep::csv(&sweep),
        Format::Markdown => report::sweep::markdown(&sweep),
    })?;
    if let Some(directory) = &args.run.output {
        let origin = Origin {
            command: command(args).to_string(),
            question: loaded.question.clone(),
            scenario: source.text.clone(),
            changes: source.changes(),
        };
        let setting = report::Setting::of(&loaded.scenario);
        output::write_all(directory, &report::files(&Saved::Sweep { sweep, setting, origin }))?;
        if !args.run.quiet {
            output::say(&format!("wrote report.html, charts and data to {}", directory.display()));
        }
    }
    Ok(Answer::Yes)
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
fn ask(scenario: &Scenario, axes: &[Vary], run: &RunArgs) -> anyhow::Result<()> {
    let points: u128 = axes.iter().map(|axis| axis.values.len() as u128).product();
    if points <= MANY {
        return Ok(());
    }
    let threads =
        run.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize);
    let each = estimate::replication_seconds(scenario);
    let replications = f64::from(scenario.replications.div_ceil(3).max(3).min(scenario.replications));
    let seconds = points as f64 * replications * each / threads as f64;
    bail!(
        "a sweep of {} points would take about {} here\n\nhint: a grid of 12 × 5 shows a curve as well, and the knee is \
         searched for, not read off the grid; add `--yes` to run it all the same",
        format::count(u64::try_from(points).unwrap_or(u64::MAX)),
        estimate::words(seconds)
    )
}

fn grid(source: &Source, axes: &[Vary]) -> Result<Grid, Problems> {
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
            let mut changes = vec![(first.path.clone(), value.clone())];
            changes.extend(beside.map(|beside| (axes[1].path.clone(), beside.clone())));
            if let Some(loaded) = problems.take(source.read(&changes, "--vary")) {
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

fn command(args: &Args) -> Command {
    let mut command = Command::new("sweep", &args.scenario);
    for Vary { written, .. } in &args.vary {
        command.option("--vary", written);
    }
    command
}
