//! `quotasim size`: load → search → print.

use super::args::{Format, RunArgs, ScenarioArgs};
use super::command::Command;
use super::growth::growth;
use super::output::reason;
use super::progress::Bar;
use super::source::Source;
use super::{Answer, estimate, output, threads};
use crate::analysis::Sizing;
use crate::analysis::solved::Solved;
use crate::model::Scenario;
use crate::model::service_quota::AppliedQuotas;
use crate::planner::Progress;
use crate::planner::size::{self, Ask};
use crate::planner::solve::{self, Solve};
use crate::report::{self, Saved};
use crate::spec::{Problems, service_quotas};
use crate::units::parse;
use anyhow::{Context, bail};
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Options of `size`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim size scenarios/chat.yaml
  quotasim size scenarios/chat.yaml --margin 30% --region us-east-1 -o out
  quotasim size scenarios/chat.yaml --growth 2026-12=1x,2027-06=2x
  quotasim size scenarios/chat.yaml --quotas quotas.json
  quotasim size scenarios/chat.yaml --solve load
  quotasim size scenarios/batch-and-chat.yaml --solve drain --workload batch

Exit codes: 0 done, 1 no quota meets the objectives, 2 the input is wrong.")]
pub(super) struct Args {
    #[command(flatten)]
    scenario: ScenarioArgs,

    #[command(flatten)]
    run: RunArgs,

    /// With which one-sided confidence the objectives are to be met
    #[arg(long, value_name = "SHARE", default_value = "95%", value_parser = confidence)]
    confidence: f64,

    /// Add this to what is needed before it is rounded up, like `30%`
    #[arg(long, value_name = "SHARE", default_value = "0%", value_parser = margin, conflicts_with = "solve")]
    margin: f64,

    /// Size for a growing traffic, too: `2x`, `2026-12=1x,2027-06=2x`, or a file with a month and a factor per row
    #[arg(long, value_name = "TABLE", conflicts_with = "solve")]
    growth: Option<String>,

    /// Only say what is needed and what to ask for: move no inputs, try no alternatives
    #[arg(long, conflicts_with = "solve")]
    brief: bool,

    /// Answer another question instead: how much of this do today's quotas carry?
    #[arg(long, value_enum, value_name = "WHAT")]
    solve: Option<What>,

    /// The workload that `--solve` is about, where there are several
    #[arg(long, value_name = "NAME", requires = "solve")]
    workload: Option<String>,

    /// With `--solve drain`: let so many requests come at once
    #[arg(long, value_name = "N", requires = "solve", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    count: Option<u64>,

    /// Take today's quotas from the account: the JSON of
    /// `aws service-quotas list-service-quotas --service-code bedrock --output json`
    #[arg(long, value_name = "FILE", conflicts_with = "solve")]
    quotas: Option<PathBuf>,

    /// The Region that calls are made from, for the quota-increase case
    #[arg(long, value_name = "REGION", value_parser = region, conflicts_with = "solve")]
    region: Option<String>,

    /// What it is for, for the quota-increase case (default: the scenario's question)
    #[arg(long, value_name = "TEXT", conflicts_with = "solve")]
    use_case: Option<String>,
}

/// The inverse questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// How much traffic today's quotas carry
    Load,
    /// The largest `max_tokens` that they allow
    #[value(name = "max_tokens", alias = "max-tokens")]
    MaxTokens,
    /// How many workers of a closed loop they carry
    Workers,
    /// How long a batch takes
    Drain,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let growth = args.growth.as_deref().map(growth).transpose()?.unwrap_or_default();
    let (source, loaded) = match Source::open(&args.scenario)? {
        Ok(opened) => opened,
        Err(problems) => return Ok(refuse(&problems)),
    };
    let applied = match args.quotas.as_deref().map(|path| quotas(path, args.run.quiet)).transpose()? {
        Some(Err(problems)) => return Ok(refuse(&problems)),
        Some(Ok(list)) => Some(list),
        None => None,
    };
    if !args.run.quiet {
        loaded.warnings.iter().for_each(output::warn);
    }
    output::prepare(&args.run)?;
    let origin = source.origin(&command(args), loaded.question.clone());
    let setting = report::Setting::of(&loaded.scenario);
    let (saved, answer) = if let Some(what) = args.solve {
        let solved = solved(&loaded.scenario, what, args)?;
        let answer = if solved.meets_slo { Answer::Yes } else { Answer::No };
        (Saved::Solve { solved, setting, origin }, answer)
    } else {
        if !size::can_size(&loaded.scenario) {
            bail!(
                "there is nothing to size: no pool that is called has a quota\n\nhint: give a pool its quota of \
                     today, `tokens_per_minute: 1M`, and not `none`"
            );
        }
        let ask = Ask {
            confidence: args.confidence,
            margin: args.margin,
            growth,
            identities: source.identities(&loaded.scenario),
            account_code: source.account_code(),
            applied,
            region: args.region.clone(),
            use_case: args.use_case.clone().or(loaded.question),
            brief: args.brief,
        };
        let sizing = sized(&loaded.scenario, &ask, &args.run)?;
        let answer = if sizing.meets_slo { Answer::Yes } else { Answer::No };
        (Saved::Size { sizing, setting, origin }, answer)
    };
    output::print(&formatted(&saved, args.run.format))?;
    output::save(&args.run, || saved)?;
    Ok(answer)
}

fn refuse(problems: &Problems) -> Answer {
    output::say(&problems.to_string());
    Answer::Wrong
}

fn formatted(saved: &Saved, format: Format) -> String {
    let style = report::text::Style::COLOURED;
    match (format, saved) {
        (Format::Text, Saved::Size { sizing, .. }) => report::size::text(sizing, &style),
        (Format::Json, Saved::Size { sizing, .. }) => report::json::document(sizing),
        (Format::Csv, Saved::Size { sizing, .. }) => report::size::csv(sizing),
        (Format::Markdown, Saved::Size { sizing, .. }) => report::size::markdown(sizing),
        (Format::Text, Saved::Solve { solved, .. }) => report::solve::text(solved, &style),
        (Format::Json, Saved::Solve { solved, .. }) => report::json::document(solved),
        (Format::Csv, Saved::Solve { solved, .. }) => report::solve::csv(solved),
        (Format::Markdown, Saved::Solve { solved, .. }) => report::solve::markdown(solved),
        _ => unreachable!("`size` makes no other results"),
    }
}

/// About as many runs of the scenario as a whole answer costs, and a brief one: `cargo bench --bench size` measures it.
const RUNS: f64 = 120.0;
const BRIEF_RUNS: f64 = 50.0;

fn sized(scenario: &Scenario, ask: &Ask, run: &RunArgs) -> anyhow::Result<Sizing> {
    let runs = if ask.brief { BRIEF_RUNS } else { RUNS };
    estimate::announce(scenario, runs * f64::from(scenario.replications), run);
    let progress = Bar::new(size::STAGES, run.quiet);
    let sizing = threads(run)?.install(|| size::size(scenario, ask, &progress));
    progress.finish();
    sizing.context("interrupted before the search was done; there is nothing to report")
}

fn solved(scenario: &Scenario, what: What, args: &Args) -> anyhow::Result<Solved> {
    if what != What::Drain && args.count.is_some() {
        bail!("`--count` is of `--solve drain` only: it says how many requests come at once\n\nhint: leave it out");
    }
    if what == What::Load && args.workload.is_some() {
        bail!("`--solve load` is about all workloads together\n\nhint: leave `--workload` out");
    }
    let question = match what {
        What::Load => Solve::Load,
        What::MaxTokens => Solve::MaxTokens(subject(scenario, args, "workload", |_, _| true, "")?),
        What::Workers => {
            let hint = "give a workload `arrivals: { closed_loop: { … } }`";
            Solve::Workers(subject(scenario, args, "closed loop", solve::is_closed_loop, hint)?)
        }
        What::Drain => {
            let hint = "`--count N` lets N requests of the workload come at once";
            let any = args.count.is_some();
            let is_batch = |scenario: &Scenario, index: usize| any || solve::is_batch(scenario, index);
            Solve::Drain(subject(scenario, args, "batch", is_batch, hint)?, args.count)
        }
    };
    let progress = Bar::new(1, args.run.quiet);
    // How far a search is, nobody knows.
    progress.stage("searching");
    let solved = threads(&args.run)?.install(|| solve::solve(scenario, question, args.confidence, &progress));
    progress.finish();
    solved.context("interrupted before the search was done; there is nothing to report")
}

/// The workload that a question is about: the named one, or the only one that fits.
fn subject(
    scenario: &Scenario,
    args: &Args,
    kind: &str,
    fits: impl Fn(&Scenario, usize) -> bool,
    hint: &str,
) -> anyhow::Result<usize> {
    let names: Vec<&str> = scenario.workloads.iter().map(|workload| workload.name.as_str()).collect();
    let listed = |which: &[usize]| which.iter().map(|&at| names[at]).collect::<Vec<_>>().join("`, `");
    let fitting: Vec<usize> = (0..names.len()).filter(|&index| fits(scenario, index)).collect();
    if let Some(name) = &args.workload {
        let Some(index) = names.iter().position(|known| known == name) else {
            bail!("the scenario has no workload `{name}`\n\nhint: it has `{}`", names.join("`, `"));
        };
        if !fitting.contains(&index) {
            bail!("workload `{name}` is no {kind}\n\nhint: {hint}");
        }
        return Ok(index);
    }
    match fitting.as_slice() {
        [only] => Ok(*only),
        [] => bail!("no workload of the scenario is a {kind}\n\nhint: {hint}"),
        several => bail!(
            "the scenario has {} workloads that the question may be about\n\nhint: say which with `--workload`: `{}`",
            several.len(),
            listed(several)
        ),
    }
}

/// The account's quotas. The inner error is what is wrong with the file.
fn quotas(path: &Path, quiet: bool) -> anyhow::Result<Result<AppliedQuotas, Problems>> {
    let name = path.display().to_string();
    let text = std::fs::read_to_string(path)
        .map_err(|error| anyhow::anyhow!("cannot read quotas `{name}`: {}", reason(&error)))?;
    let read = service_quotas::read(&text, &name);
    if read.is_ok() && !quiet && service_quotas::is_cut_off(&text) {
        output::say(&format!(
            "warning: `{name}` has a `NextToken`: it is one page of several, and quotas may be missing\n\nhint: leave \
             `--max-items` and `--page-size` out when you make it"
        ));
    }
    Ok(read)
}

fn command(args: &Args) -> Command {
    let mut command = Command::new("size", &args.scenario);
    if args.confidence != 0.95 {
        command.option("--confidence", &percents(args.confidence));
    }
    if args.margin > 0.0 {
        command.option("--margin", &percents(args.margin));
    }
    if args.brief {
        command.flag("--brief");
    }
    let what = args.solve.and_then(|what| Some(what.to_possible_value()?.get_name().to_owned()));
    let count = args.count.map(|count| count.to_string());
    let quotas = args.quotas.as_ref().map(|path| path.display().to_string());
    for (name, value) in [
        ("--growth", &args.growth),
        ("--solve", &what),
        ("--workload", &args.workload),
        ("--count", &count),
        ("--quotas", &quotas),
        ("--region", &args.region),
        ("--use-case", &args.use_case),
    ] {
        if let Some(value) = value {
            command.option(name, value);
        }
    }
    command
}

/// A share as an option takes it: `29%`, not `28.999999999999996%`.
fn percents(share: f64) -> String {
    format!("{}%", libm::round(share * 1e8) / 1e6)
}

fn confidence(text: &str) -> Result<f64, String> {
    let share = parse::share(text).map_err(|refusal| refusal.to_string())?.0;
    if (0.5..=0.9999).contains(&share) { Ok(share) } else { Err("it must lie between 50% and 99.99%".to_owned()) }
}

fn margin(text: &str) -> Result<f64, String> {
    let ratio = parse::ratio(text).map_err(|refusal| refusal.to_string())?;
    if (0.0..=10.0).contains(&ratio) { Ok(ratio) } else { Err("it must lie between 0% and 1000%".to_owned()) }
}

fn region(text: &str) -> Result<String, String> {
    let fits = text.split('-').count() >= 3
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
        && text.ends_with(|c: char| c.is_ascii_digit());
    if fits { Ok(text.to_owned()) } else { Err("it is no Region, like `us-east-1`".to_owned()) }
}
