//! `quotasim compare`: load → simulate every variant → recommend → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::progress::Bar;
use super::source::{Collected, Source};
use super::{Answer, clients, estimate, output, threads};
use crate::model::{Arrivals, Scenario};
use crate::planner::{self, Compared, Variant};
use crate::report::{self, Origin, Saved};
use crate::spec::{self, Problem, Problems};
use anyhow::{Context, bail};
use std::path::PathBuf;

/// Options of `compare`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim compare scenarios/chat.yaml
  quotasim compare scenarios/chat.yaml --max-tokens 256,512,1024,4096,unset -o out
  quotasim compare scenarios/batch-and-chat.yaml --workload chat
  quotasim compare scenarios/sdk-upgrade.yaml --clients boto3@2.0,boto3@2.1,none
  quotasim compare scenarios/chat.yaml --variants what-if.yaml --format markdown

A file of variants is a map from names to what they change:
  as it is: {}
  twice the quota: { pools: { sonnet: { tokens_per_minute: 12M } } }
  smaller answers: { workloads: { chat: { max_tokens: 768 } } }

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

    /// The workload whose `max_tokens` varies, where there are several; with `--clients` the one that gets them,
    /// instead of all
    #[arg(long, value_name = "NAME", conflicts_with = "variants")]
    workload: Option<String>,

    /// Compare clients instead: `sdk[-mode][@version]`, `none`, or `scenario` for the one that it has. The mode and the
    /// version that are left out are the SDK's defaults
    #[arg(long, value_name = "CLIENT,CLIENT,…", value_delimiter = ',', conflicts_with_all = ["variants", "max_tokens"])]
    clients: Vec<String>,

    /// Compare the named changes of this file instead of values of `max_tokens`
    #[arg(long, value_name = "FILE")]
    variants: Option<PathBuf>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let file = args.variants.as_ref().map(|path| variants_file(path)).transpose()?;
    let (subject, read) = if let Some((text, origin)) = &file {
        (None, overlays(&source, &loaded.scenario, text, origin))
    } else if !args.clients.is_empty() {
        let workload = clients::workload(&loaded.scenario, args.workload.as_deref())?;
        (None, clients::variants(&source, &clients::named(&args.clients, &loaded.scenario, workload)?))
    } else {
        let workload = subject(&loaded.scenario, args.workload.as_deref())?;
        (Some(workload), values(&source, &loaded.scenario, workload, &args.max_tokens))
    };
    let Read { variants, warnings } = match read {
        Ok(read) => read,
        Err(problems) => return Ok(refuse(&problems)),
    };
    if !args.run.quiet {
        let known = |warning: &&Problem| !loaded.warnings.iter().any(|other| other.message == warning.message);
        loaded.warnings.iter().chain(warnings.iter().filter(known)).for_each(output::warn);
        for note in notes(&loaded.scenario, subject, args, variants.len()) {
            output::say(&note);
        }
    }
    output::prepare(&args.run)?;
    let mut compared = simulate(&variants, subject, &args.run)?;
    if !args.clients.is_empty() {
        clients::explain(&mut compared.comparison);
    }
    let comparison = &compared.comparison;
    let text = match args.run.format {
        Format::Text => report::compare::text(comparison, &report::text::Style::COLOURED),
        Format::Json => report::json::document(comparison),
        Format::Csv => report::compare::csv(comparison),
        Format::Markdown => report::compare::markdown(comparison),
    };
    let answer = if comparison.recommendation.variant.is_some() { Answer::Yes } else { Answer::No };
    output::save(&args.run, || {
        let origin = source.origin(&command(args), loaded.question);
        saved(compared, &variants, Origin { variants: file.map(|(text, _)| text), ..origin })
    })?;
    output::print(&text)?;
    Ok(answer)
}

/// What was read, and what should be known about it.
pub(super) struct Read {
    pub(super) variants: Vec<Variant>,
    pub(super) warnings: Vec<Problem>,
}

fn refuse(problems: &Problems) -> Answer {
    output::say(&problems.to_string());
    Answer::Wrong
}

/// The workload whose `max_tokens` varies.
fn subject(scenario: &Scenario, name: Option<&str>) -> anyhow::Result<usize> {
    let names: Vec<&str> = scenario.workloads.iter().map(|workload| workload.name.as_str()).collect();
    match clients::workload(scenario, name)? {
        Some(index) => Ok(index),
        None if names.len() == 1 => Ok(0),
        None => bail!(
            "the scenario has {} workloads, and `max_tokens` can vary in one\n\nhint: say which with `--workload`: `{}`",
            names.len(),
            names.join("`, `")
        ),
    }
}

/// One variant per value of `max_tokens`.
fn values(source: &Source, scenario: &Scenario, workload: usize, written: &[String]) -> Result<Read, Problems> {
    let path = format!("workloads.{}.max_tokens", scenario.workloads[workload].name);
    let values = if written.is_empty() { default_values(scenario, workload) } else { written.to_vec() };
    let mut problems = Collected::default();
    let mut read = Read { variants: Vec::new(), warnings: Vec::new() };
    for value in &values {
        let Some(loaded) = problems.take(source.read(&[(path.clone(), value.trim().to_owned())], "--max-tokens"))
        else {
            continue;
        };
        let name =
            loaded.scenario.workloads[workload].max_tokens.map_or_else(|| "unset".to_owned(), |n| n.0.to_string());
        if !read.variants.iter().any(|known| known.name == name) {
            read.variants.push(Variant { name, scenario: loaded.scenario });
            read.warnings.extend(loaded.warnings);
        }
    }
    problems.problems().map_or(Ok(read), Err)
}

/// The scenario's own value, then a ladder from the lengths of the workload's answers.
fn default_values(scenario: &Scenario, workload: usize) -> Vec<String> {
    let own = scenario.workloads[workload].max_tokens.map(|tokens| tokens.0);
    let ladder = planner::ladder(scenario, workload).into_iter().filter(|&value| value != own);
    let word = |value: Option<u64>| value.map_or_else(|| "unset".to_owned(), |value| value.to_string());
    std::iter::once(own).chain(ladder).map(word).collect()
}

/// What the user may not expect of the values, and is no mistake.
fn notes(scenario: &Scenario, subject: Option<usize>, args: &Args, variants: usize) -> Vec<String> {
    let mut notes = Vec::new();
    let given = args.max_tokens.len();
    if given > variants {
        notes.push(format!("note: of the {given} values given some are equal, and each is run once: {variants}"));
    }
    let workload = subject.map(|index| &scenario.workloads[index]);
    if let Some(workload) = workload
        && matches!(&workload.arrivals, Arrivals::Trace(trace) if trace.has_max_tokens)
    {
        notes.push(format!(
            "warning: the trace of `{}` has a `max_tokens` of its own in its rows, which `--max-tokens` does not \
             replace; leave `max_tokens` out of `trace:` to compare values",
            workload.name
        ));
    }
    notes
}

/// The text of a file of variants, and its name.
fn variants_file(path: &std::path::Path) -> anyhow::Result<(String, String)> {
    let origin = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("cannot read variants `{origin}`: {}", output::reason(&error)))?;
    Ok((text, origin))
}

/// One variant per entry of a file; a single one is compared with the scenario as it is.
fn overlays(source: &Source, scenario: &Scenario, text: &str, origin: &str) -> Result<Read, Problems> {
    let overlays = spec::variants(text, origin)?;
    let mut problems = Collected::default();
    let mut read = Read { variants: Vec::new(), warnings: Vec::new() };
    if overlays.len() == 1 {
        read.variants.push(Variant { name: "as it is".to_owned(), scenario: scenario.clone() });
    }
    for overlay in &overlays {
        let Some(loaded) = problems.take(source.read_variant(overlay)) else { continue };
        if let Some(field) = unpaired(scenario, &loaded.scenario) {
            let message = format!("variant `{}` changes `{field}`, which all variants share", overlay.name);
            let hint =
                format!("variants are compared request by request: set `{field}` in the scenario, or with `--set`");
            problems.add(Problem::of_file(origin, message, Some(hint)));
            continue;
        }
        read.variants.push(Variant { name: overlay.name.clone(), scenario: loaded.scenario });
        read.warnings.extend(loaded.warnings);
    }
    problems.problems().map_or(Ok(read), Err)
}

/// What two scenarios must have in common to be compared request by request, and these have not.
fn unpaired(one: &Scenario, other: &Scenario) -> Option<&'static str> {
    let differs = [
        ("seed", one.seed != other.seed),
        ("replications", one.replications != other.replications),
        ("horizon", one.horizon != other.horizon),
        ("warmup", one.warmup != other.warmup),
        ("start", one.start != other.start),
        ("slo", one.slo != other.slo),
    ];
    differs.into_iter().find_map(|(field, differs)| differs.then_some(field))
}

fn simulate(variants: &[Variant], subject: Option<usize>, run: &RunArgs) -> anyhow::Result<Compared> {
    let replications: u32 = variants.iter().map(|variant| variant.scenario.replications).sum();
    let first = &variants[0].scenario;
    estimate::announce(first, f64::from(replications) + estimate::search_replications(first), run);
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
    if !args.clients.is_empty() {
        command.option("--clients", &args.clients.join(","));
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
