//! `quotasim compare`: load → simulate every variant → recommend → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::progress::Bar;
use super::source::{Collected, Source};
use super::{Answer, output, threads};
use crate::model::Scenario;
use crate::planner::{self, Compared, Variant};
use crate::report::{self, Origin, Saved};
use crate::spec::{self, Problems};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};

/// Options of `compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim compare scenarios/chat.yaml
  quotasim compare scenarios/chat.yaml --max-tokens 256,512,1024,4096,unset -o out
  quotasim compare scenarios/mixed.yaml --workload chat
  quotasim compare scenarios/chat.yaml --variants what-if.yaml --format markdown

A file of variants is a map from names to what they change:
  as it is: {}
  twice the quota: { pools: { sonnet: { tokens_per_minute: 2M } } }

Exit codes: 0 a variant is recommended, 1 none meets the objectives, 2 the input is wrong.")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,

    #[command(flatten)]
    run: RunArgs,

    /// Values of `max_tokens` to compare, differences being from the first (default: a ladder from the lengths of
    /// the workload's answers, after the scenario's own value)
    #[arg(long, value_name = "VALUE,VALUE,…", value_delimiter = ',', conflicts_with = "variants")]
    max_tokens: Vec<String>,

    /// The workload whose `max_tokens` varies, where there are several
    #[arg(long, value_name = "NAME", conflicts_with = "variants")]
    workload: Option<String>,

    /// Compare the named changes of this file instead of values of `max_tokens`
    #[arg(long, value_name = "FILE")]
    variants: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let (subject, read) = if let Some(file) = &args.variants {
        (None, overlays(&source, &loaded.scenario, file)?)
    } else {
        let workload = subject(&loaded.scenario, args.workload.as_deref())?;
        (Some(workload), values(&source, &loaded.scenario, workload, &args.max_tokens))
    };
    let variants = match read {
        Ok(variants) => variants,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if !args.run.quiet {
        loaded.warnings.iter().for_each(|warning| output::say(&warning.to_string()));
    }
    let compared = simulate(&variants, subject, &args.run)?;
    let comparison = &compared.comparison;
    output::print(&match args.run.format {
        Format::Text => report::compare::text(comparison, &report::text::Style::COLOURED),
        Format::Json => report::json::document(comparison),
        Format::Csv => report::compare::csv(comparison),
        Format::Markdown => report::compare::markdown(comparison),
    })?;
    let answer = if comparison.recommendation.variant.is_some() { Answer::Yes } else { Answer::No };
    if let Some(directory) = &args.run.output {
        let origin = Origin {
            command: command(args).to_string(),
            question: loaded.question.clone(),
            scenario: source.text.clone(),
            changes: source.changes(),
        };
        output::write_all(directory, &report::files(&saved(compared, &variants, origin)))?;
        if !args.run.quiet {
            output::say(&format!("wrote report.html, charts and data to {}", directory.display()));
        }
    }
    Ok(answer)
}

fn refuse(problems: &Problems) -> Answer {
    output::say(&problems.to_string());
    Answer::Wrong
}

/// The workload whose `max_tokens` varies.
fn subject(scenario: &Scenario, name: Option<&str>) -> anyhow::Result<usize> {
    let names: Vec<&str> = scenario.workloads.iter().map(|workload| workload.name.as_str()).collect();
    match name {
        Some(name) => names
            .iter()
            .position(|known| *known == name)
            .with_context(|| format!("the scenario has no workload `{name}`\n\nhint: it has `{}`", names.join("`, `"))),
        None if names.len() == 1 => Ok(0),
        None => bail!(
            "the scenario has {} workloads, and `max_tokens` can vary in one\n\nhint: say which with `--workload`: `{}`",
            names.len(),
            names.join("`, `")
        ),
    }
}

/// One variant per value of `max_tokens`.
fn values(source: &Source, scenario: &Scenario, workload: usize, written: &[String]) -> Result<Vec<Variant>, Problems> {
    let path = format!("workloads.{}.max_tokens", scenario.workloads[workload].name);
    let values = if written.is_empty() { default_values(scenario, workload) } else { written.to_vec() };
    let mut problems = Collected::default();
    let mut variants: Vec<Variant> = Vec::new();
    for value in &values {
        let Some(loaded) = problems.take(source.read(&[(path.clone(), value.clone())], "--max-tokens")) else {
            continue;
        };
        let name =
            loaded.scenario.workloads[workload].max_tokens.map_or_else(|| "unset".to_owned(), |n| n.0.to_string());
        if !variants.iter().any(|known| known.name == name) {
            variants.push(Variant { name, scenario: loaded.scenario });
        }
    }
    problems.problems().map_or(Ok(variants), Err)
}

/// The scenario's own value, then a ladder from the lengths of the workload's answers.
fn default_values(scenario: &Scenario, workload: usize) -> Vec<String> {
    let own = scenario.workloads[workload].max_tokens.map(|tokens| tokens.0);
    let ladder = planner::ladder(scenario, workload).into_iter().filter(|&value| value != own);
    let word = |value: Option<u64>| value.map_or_else(|| "unset".to_owned(), |value| value.to_string());
    std::iter::once(own).chain(ladder).map(word).collect()
}

/// One variant per entry of a file; a single one is compared with the scenario as it is.
fn overlays(source: &Source, scenario: &Scenario, file: &Path) -> anyhow::Result<Result<Vec<Variant>, Problems>> {
    let origin = file.display().to_string();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read variants `{origin}`"))?;
    let overlays = match spec::variants(&text, &origin) {
        Ok(overlays) => overlays,
        Err(problems) => return Ok(Err(problems)),
    };
    let mut problems = Collected::default();
    let mut variants: Vec<Variant> = Vec::new();
    if overlays.len() == 1 {
        variants.push(Variant { name: "as it is".to_owned(), scenario: scenario.clone() });
    }
    for overlay in &overlays {
        if let Some(loaded) = problems.take(source.read_variant(overlay)) {
            variants.push(Variant { name: overlay.name.clone(), scenario: loaded.scenario });
        }
    }
    Ok(problems.problems().map_or(Ok(variants), Err))
}

fn simulate(variants: &[Variant], subject: Option<usize>, run: &RunArgs) -> anyhow::Result<Compared> {
    let replications = variants.iter().map(|variant| variant.scenario.replications).sum();
    let progress = Bar::new(replications, run.quiet);
    let compared = threads(run)?.install(|| planner::compare(variants, subject, &progress));
    progress.finish();
    compared.context("interrupted before the comparison was done; there is nothing to report")
}

fn command(args: &Args) -> Command {
    let mut command = Command::new("compare", &args.scenario);
    if !args.max_tokens.is_empty() {
        command.option("--max-tokens", &args.max_tokens.join(","));
    }
    if let Some(workload) = &args.workload {
        command.option("--workload", workload);
    }
    if let Some(file) = &args.variants {
        command.option("--variants", &file.display().to_string());
    }
    command
}

/// What `-o` saves: the comparison, and the first and the chosen variant over time.
fn saved(compared: Compared, variants: &[Variant], origin: Origin) -> Saved {
    let Compared { comparison, chosen, mut timelines, .. } = compared;
    let after = std::mem::take(&mut timelines[chosen]);
    let before = if chosen == 0 { Vec::new() } else { std::mem::take(&mut timelines[0]) };
    Saved::Compare { comparison, setting: report::Setting::of(&variants[0].scenario), chosen, before, after, origin }
}
