//! `quotasim calibrate backtest`: read → replay under every reading of the law → compare → print.

use super::inputs::{self, Input};
use super::options::pool;
use super::progress::Bar;
use super::{logs, usage};
use crate::calibrate::backtest::{
    Backtest, Collector, Defaults, Explained, History, Quotas, Setting, Witness, compare, explain, readings, replay,
};
use crate::calibrate::models::{self, Found};
use crate::calibrate::observation::Observation;
use crate::calibrate::read::{Feed, Options, invocation_log, metrics};
use crate::calibrate::window;
use crate::cli::output::reason;
use crate::cli::{Answer, catalog, output};
use crate::report;
use crate::report::text::Style;
use crate::spec::catalog::{Catalog, Resolved};
use crate::units::{BurndownRate, SimSpan, format, parse};
use anyhow::bail;
use clap::ValueEnum;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::PathBuf;

/// Options of `calibrate backtest`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim calibrate backtest recording.jsonl --tokens-per-minute 200k
  quotasim calibrate backtest logs/ --model us.anthropic.claude-sonnet-4-6 \\
    --tokens-per-minute 2M --seen throttles.csv
  quotasim calibrate backtest logs/ --seen cloudtrail.json -o out

The records are those of `calibrate logs` or `calibrate usage`. Refusals may be
in them; else `--seen` takes them from CloudWatch (InvocationThrottles by
minute, CSV or JSON; EstimatedTPMQuotaUsage checks the burndown rate) or from
CloudTrail.

Exit codes: 0 done, 2 the input or the world is wrong.")]
pub(super) struct Args {
    /// Files or directories of records, of `logs` or of `usage`
    #[arg(required = true)]
    paths: Vec<PathBuf>,

    /// The model whose quota is tested, as the records call it, where they have several; what it is on Bedrock with
    /// NAME=ID
    #[arg(long, value_name = "[NAME=]ID")]
    model: Option<String>,

    /// Your quota at the time, as Service Quotas showed it (default: AWS's)
    #[arg(long, value_name = "TOKENS", value_parser = limit)]
    tokens_per_minute: Option<Limit>,

    /// Your quota of requests, or `none` (default: AWS's)
    #[arg(long, value_name = "REQUESTS", value_parser = limit)]
    requests_per_minute: Option<Limit>,

    /// What CloudWatch or CloudTrail saw; may be repeated
    #[arg(long, value_name = "FILE")]
    seen: Vec<PathBuf>,

    /// The `max_tokens` of records that do not tell it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    max_tokens: Option<u32>,

    /// Timestamps are those of the end of an answer, not of its start
    #[arg(long)]
    timestamps_at_end: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Write backtest.json, backtest.csv and a chart into this directory
    #[arg(short = 'o', long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Threads to use (default: one per core); results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,

    /// Print no progress or notes on stderr
    #[arg(long)]
    quiet: bool,
}

/// How a backtest is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One screen for a person
    Text,
    /// The whole result as one document
    Json,
}

/// A history that is longer than this has a wrong time in it.
const YEARS: SimSpan = SimSpan(2 * 365 * SimSpan::DAY.0);

/// A limit, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Limit(Option<u64>);

fn limit(text: &str) -> Result<Limit, String> {
    if text == "none" {
        return Ok(Limit(None));
    }
    match parse::quantity(text) {
        Ok(0) => Err("a quota is positive, or `none`".to_owned()),
        Ok(limit) => Ok(Limit(Some(limit))),
        Err(refusal) => Err(refusal.to_string()),
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = catalog::load(args.catalog.as_deref())?.into_owned();
    if let Some(directory) = &args.output {
        output::write_all(directory, &[])?;
    }
    let options =
        Options { max_tokens: args.max_tokens, timestamps_at_end: args.timestamps_at_end, ..options(args, &catalog) };
    let mut collected = collect(args, &options)?;
    let name = chosen(&collected, args.model.as_deref())?;
    let collector = collected.remove(&name).expect("it was just found");
    if let Some([first, last]) = collector.span()
        && last.0 - first.0 > YEARS.0 as i64
    {
        bail!(
            "the records are more than two years apart, from {} to {}\n\nhint: is the time of one of them wrong? A replay takes every second \
             between",
            window::written(first.minute()),
            window::written(last.minute())
        );
    }
    let setting = setting(args, &name, &catalog)?;
    let witness = witness(args, &name)?;
    let defaults = Defaults { max_output: setting.max_output, max_tokens: args.max_tokens.map(u64::from) };
    let history = collector.history(defaults, &witness);
    let result = pool(args.threads)?.install(|| tested(&history, &setting));
    output::print(&match args.format {
        Format::Text => report::backtest::text(&result, &Style::COLOURED),
        Format::Json => report::json::document(&result),
    })?;
    if let Some(directory) = &args.output {
        output::write_all(directory, &report::backtest::files(&result))?;
        if !args.quiet {
            output::say(&format!("wrote a chart and data to {}", directory.display()));
        }
    }
    Ok(Answer::Yes)
}

/// Every reading that can make a difference, replayed and compared.
fn tested(history: &History, setting: &Setting) -> Backtest {
    let tried = readings(history, setting);
    let explained: Vec<Explained> =
        tried.par_iter().map(|reading| explain(history, &replay(history, &setting.quotas, reading))).collect();
    compare(history, setting, &tried, &explained)
}

/// The model's name in the records and on Bedrock, as the option gives them.
fn named(model: Option<&str>) -> (&str, Option<&str>) {
    match model.map(|model| model.rsplit_once('=').unwrap_or((model, model))) {
        Some((name, id)) => (name, Some(id)),
        None => ("", None),
    }
}

fn options(args: &Args, catalog: &Catalog) -> Options {
    let burndown = named(args.model.as_deref()).1.and_then(|id| Some(catalog.resolve(id).ok()?.burndown()?.rate.0));
    Options { burndown, ..Options::default() }
}

/// Attempts by what the records call their model.
fn collect(args: &Args, options: &Options) -> anyhow::Result<BTreeMap<String, Collector>> {
    let wanted = |name: &str| logs::is_log(name);
    let files = inputs::files(&args.paths, wanted, logs::KINDS)?;
    let mut collected: BTreeMap<String, Collector> = BTreeMap::new();
    let mut add = |observation: &Observation<'_>| match collected.get_mut(observation.source.model.as_ref()) {
        Some(collector) => collector.add(observation),
        None => collected.entry(observation.source.model.to_string()).or_default().add(observation),
    };
    if are_logs(&files[0])? {
        let bar = Bar::new(files.iter().map(|input| input.bytes).sum(), args.quiet, "reading");
        let mut broken = 0;
        for (index, input) in files.iter().enumerate() {
            let name = input.path.display().to_string();
            let mut sink = |_, observation: &Observation<'_>| add(observation);
            let mut feed = Feed::new(index as u32, &name, &mut sink);
            match inputs::open(input, &bar) {
                Ok(reader) => invocation_log(reader, options, &mut feed),
                Err(_) => feed.broke_off(),
            }
            if bar.stopped() {
                bail!("interrupted while reading; nothing was tested");
            }
            broken += feed.finish().broken();
        }
        bar.finish();
        warn_of_broken(broken, args.quiet);
    } else {
        let reading = usage::read(&files, options, args.quiet, &mut |_, observation| add(observation))?;
        warn_of_broken(reading.broken(), args.quiet);
    }
    Ok(collected)
}

fn warn_of_broken(broken: u64, quiet: bool) {
    if broken > 0 && !quiet {
        output::say(&format!(
            "warning: {} broken records were left out; `quotasim calibrate logs` or `usage` says where they are",
            format::count(broken)
        ));
    }
}

/// Whether a file is an invocation log: its beginning says so.
fn are_logs(input: &Input) -> anyhow::Result<bool> {
    const BEGINNING: u64 = 1 << 16;
    let bar = Bar::new(0, true, "reading");
    let mut beginning = Vec::new();
    let read = inputs::open(input, &bar).and_then(|reader| reader.take(BEGINNING).read_to_end(&mut beginning));
    // What cannot be read in full says so when it is read.
    if let Err(error) = read
        && beginning.is_empty()
    {
        bail!("cannot read `{}`: {}", input.path.display(), reason(&error));
    }
    let has = |words: &[u8]| beginning.windows(words.len()).any(|window| window == words);
    Ok(has(b"ModelInvocationLog") || has(b"inputTokenCount"))
}

/// The model among those of the records.
fn chosen(collected: &BTreeMap<String, Collector>, model: Option<&str>) -> anyhow::Result<String> {
    let (name, _) = named(model);
    let names: Vec<String> =
        collected.keys().map(|name| if name.is_empty() { "(none)".to_owned() } else { name.clone() }).collect();
    match collected.len() {
        0 => bail!("there is no attempt in the records\n\nhint: `quotasim calibrate usage` says what it reads in them"),
        // One model is the model, whatever its name.
        1 => Ok(collected.keys().next().expect("there is one").clone()),
        _ if collected.contains_key(name) && !name.is_empty() => Ok(name.to_owned()),
        _ if name.is_empty() => bail!(
            "the records are of {} models, and each has quotas of its own\n\nhint: choose with `--model`: `{}`",
            collected.len(),
            names.join("`, `")
        ),
        _ => bail!("the records have no model `{name}`\n\nhint: they have `{}`", names.join("`, `")),
    }
}

/// The pool: quotas as given, the rest from the catalogue.
fn setting(args: &Args, name: &str, catalog: &Catalog) -> anyhow::Result<Setting> {
    let given = named(args.model.as_deref()).1.map(|id| (name.to_owned(), id.to_owned()));
    let model = models::model(name, &given.into_iter().collect::<Vec<_>>(), catalog);
    let resolved = catalog.resolve(&model.id).ok();
    let defaults = resolved.as_ref().and_then(Resolved::quotas);
    if model.found != Found::Named && !args.quiet {
        let said = if name.is_empty() { "a model without a name".to_owned() } else { format!("`{name}`") };
        output::say(&format!("note: {said} was taken for `{}`; `--model NAME=ID` says otherwise", model.id));
    }
    let tokens = if let Some(Limit(limit)) = args.tokens_per_minute {
        limit
    } else {
        let default = defaults.and_then(|quotas| quotas.tokens_per_minute.value());
        let Some(default) = default else {
            bail!("the quota of `{}` is not known\n\nhint: give yours with `--tokens-per-minute`", model.id)
        };
        if !args.quiet {
            output::say(&format!(
                "note: {} tokens per minute, AWS's default, are tested; `--tokens-per-minute` sets yours",
                format::quantity(default)
            ));
        }
        Some(default)
    };
    let requests = match args.requests_per_minute {
        Some(Limit(limit)) => limit,
        None => defaults.and_then(|quotas| quotas.requests_per_minute.value()),
    };
    if tokens.is_none() && requests.is_none() {
        bail!("there is no quota to test");
    }
    let burndown = resolved.as_ref().and_then(Resolved::burndown).map_or(BurndownRate(1), |dated| dated.rate);
    Ok(Setting {
        quotas: Quotas { tokens_per_minute: tokens, requests_per_minute: requests, burndown },
        max_output: model.max_output.unwrap_or(4_096),
        prices: resolved.map(|found| found.prices()).unwrap_or_default(),
        model: model.id,
    })
}

/// What CloudWatch and CloudTrail saw.
fn witness(args: &Args, name: &str) -> anyhow::Result<Witness> {
    let bar = Bar::new(0, true, "reading");
    let mut all = Witness::default();
    for path in &args.seen {
        let text = inputs::text(path, &bar)?;
        let seen = metrics(&text, name).map_err(|why| anyhow::anyhow!("`{}`: {why}", path.display()))?;
        all.refusals_by_minute.extend(seen.refusals_by_minute);
        all.estimated_usage.extend(seen.estimated_usage);
        all.refusals.extend(seen.refusals);
    }
    Ok(all)
}
