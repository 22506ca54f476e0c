//! `quotasim run`: load → simulate → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::progress::Bar;
use super::requests::RequestsFile;
use super::source::Source;
use super::{Answer, estimate, output, threads};
use crate::analysis::precision::Precision;
use crate::model::Scenario;
use crate::planner::{self, Run};
use crate::report::{self, Saved};
use anyhow::Context;
use std::path::PathBuf;

/// Options of `run`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim run scenarios/classifier-unset.yaml
  quotasim run scenarios/chat.yaml --format json --replications 20
  quotasim run scenarios/chat.yaml -o out --set workloads.chat.max_tokens=1024
  quotasim run scenarios/chat.yaml --precision 2%
  quotasim run scenarios/trace-replay.yaml --requests attempts.csv

Exit codes: 0 done, 1 an SLO of the scenario is missed, 2 the input or the
world is wrong.")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,

    #[command(flatten)]
    run: RunArgs,

    /// Write one row per attempt to this file; replications then run one after the other
    #[arg(long, value_name = "FILE.csv")]
    requests: Option<PathBuf>,

    /// Simulate until half the 95 % interval of each figure that decides is within this share of it, or, of a rate,
    /// within the second one [default of that: 0.1%]
    ///
    /// A scenario without a horizon whose law is the same at all times gets a longer one if much is missing; its one run
    /// with `--replications 1`, whatever the horizon, is cut into batches that count like replications. Everything else
    /// gets more replications.
    #[arg(long, value_name = "SHARE[,SHARE]", conflicts_with = "requests")]
    precision: Option<Precision>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => {
            output::say(&problems.to_string());
            return Ok(Answer::Wrong);
        }
    };
    if !args.run.quiet {
        loaded.warnings.iter().for_each(output::warn);
    }
    output::prepare(&args.run)?;
    estimate::announce(&loaded.scenario, f64::from(loaded.scenario.replications), &args.run);
    let run = simulate(&loaded.scenario, args)?;
    if !args.run.quiet
        && let Some(chosen) = report::table::chosen_horizon(&run.summary)
    {
        output::say(&format!("note: {chosen}"));
    }
    let text = formatted(&run, args.run.format);
    let answer = match run.summary.slo.iter().all(|outcome| outcome.met) {
        _ if run.interrupted => Answer::Wrong,
        true => Answer::Yes,
        false => Answer::No,
    };
    output::save(&args.run, || {
        let mut command = Command::new("run", &args.scenario);
        if let Some(precision) = args.precision {
            command.option("--precision", &precision.to_string());
        }
        let origin = source.origin(&command, loaded.question);
        let Run { summary, timelines, outputs, .. } = run;
        Saved::Run { summary, setting: report::Setting::of(&loaded.scenario), timelines, outputs, origin }
    })?;
    output::print(&text)?;
    Ok(answer)
}

fn simulate(scenario: &Scenario, args: &Args) -> anyhow::Result<Run> {
    let pool = threads(&args.run)?;
    let progress = Bar::new(scenario.replications, args.run.quiet);
    let run = match &args.requests {
        None if let Some(precision) = args.precision => {
            pool.install(|| planner::replicate_to(scenario, precision, &progress))
        }
        None => pool.install(|| planner::replicate(scenario, &progress)),
        Some(path) => {
            let mut file = RequestsFile::create(path, scenario)?;
            let run = planner::replicate_in_order(scenario, &progress, |replication, row| file.write(replication, row));
            file.finish()?;
            run
        }
    };
    progress.finish();
    run.context("interrupted before the first replication was done; there is nothing to report")
}

fn formatted(run: &Run, format: Format) -> String {
    match format {
        Format::Text => report::text::summary(&run.summary, &report::text::Style::COLOURED),
        Format::Json => report::json::summary(&run.summary),
        Format::Csv => report::csv::summary(&run.summary),
        Format::Markdown => report::markdown::summary(&run.summary),
    }
}
