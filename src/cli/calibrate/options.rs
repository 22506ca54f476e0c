//! What `logs` and `usage` share: how records become a scenario, and where that goes.

use crate::calibrate::arrivals::Kind;
use crate::calibrate::calibration::{Calibration, Choices, Plan};
use crate::calibrate::read::{By, Options};
use crate::calibrate::reading::Reading;
use crate::calibrate::scenario::scenario;
use crate::calibrate::sketch::Sketch;
use crate::calibrate::window::Asked;
use crate::cli::{Answer, catalog, output};
use crate::report;
use crate::report::text::Style;
use crate::spec::catalog::Catalog;
use crate::spec::client_named;
use crate::units::parse;
use anyhow::{Context, bail};
use clap::ValueEnum;
use rayon::iter::{IntoParallelRefIterator, ParallelIterator};
use std::path::{Path, PathBuf};

/// How records become a scenario, and where that goes.
#[derive(Debug, clap::Args)]
pub(super) struct Shape {
    /// What makes a workload: identity, metadata:KEY, operation, max-tokens, none; several with commas
    #[arg(long, value_name = "KEY,…", default_value = "identity")]
    pub(super) by: By,

    /// The time that the scenario stands for
    #[arg(long, value_enum, default_value = "auto")]
    window: WindowArg,

    /// The kind of arrival process (default: the one that is as bursty as the records)
    #[arg(long, value_enum, value_name = "KIND")]
    arrivals: Option<KindArg>,

    /// The model on Bedrock: of records that name none, or of those that call it NAME; may be repeated
    #[arg(long, value_name = "[NAME=]ID", value_parser = mapping)]
    pub(super) model: Vec<(String, String)>,

    /// Your quota, as Service Quotas shows it (default: AWS's)
    #[arg(long, value_name = "TOKENS", value_parser = quota)]
    tokens_per_minute: Option<String>,

    /// Your quota of requests, or `none` (default: AWS's)
    #[arg(long, value_name = "REQUESTS", value_parser = quota)]
    requests_per_minute: Option<String>,

    /// The client of the scenario: boto3, javascript, rust, java or anthropic, `sdk[-mode][@version]`, or none
    #[arg(long, value_name = "SDK", default_value = "boto3", value_parser = client)]
    client: String,

    /// Workloads at most; smaller ones are put together
    #[arg(long, value_name = "N", default_value_t = 12, value_parser = clap::value_parser!(u32).range(1..=200))]
    workloads: u32,

    /// The `max_tokens` of records that do not tell it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000_000))]
    max_tokens: Option<u32>,

    /// Timestamps are those of the end of an answer, not of its start
    #[arg(long)]
    timestamps_at_end: bool,

    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Write scenario.yaml, calibration.json and a chart of each fit into this directory
    #[arg(short = 'o', long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// Threads to use (default: one per core); results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) threads: Option<u32>,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,

    /// Print no progress or notes on stderr
    #[arg(long)]
    pub(super) quiet: bool,
}

/// How a calibration is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One screen for a person
    Text,
    /// The whole result as one document
    Json,
    /// The scenario file alone
    Scenario,
}

/// The time that the scenario stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum WindowArg {
    /// What fits the records: a profile by the hour, or the busiest hour where traffic comes in bursts
    Auto,
    /// The mean of all that was watched
    Whole,
    /// The busiest clock hour, with its bursts
    Hour,
    /// A day at the mean rate of each hour
    Day,
    /// A week at the mean rate of each hour
    Week,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum KindArg {
    Poisson,
    Gamma,
    Weibull,
    OnOff,
}

fn mapping(text: &str) -> Result<(String, String), String> {
    // An ARN has no equals sign, and neither has an id.
    let (name, id) = text.rsplit_once('=').unwrap_or(("", text));
    if id.is_empty() { Err("expected a model id, or NAME=ID".to_owned()) } else { Ok((name.to_owned(), id.to_owned())) }
}

fn quota(text: &str) -> Result<String, String> {
    if text == "none" {
        return Ok(text.to_owned());
    }
    match parse::quantity(text) {
        Ok(0) => Err("a quota is positive, or `none`".to_owned()),
        Ok(_) => Ok(text.to_owned()),
        Err(refusal) => Err(refusal.to_string()),
    }
}

fn client(text: &str) -> Result<String, String> {
    client_named(text).map(|_| text.to_owned()).map_err(|[reason, hint]| format!("{reason}; {hint}"))
}

impl Shape {
    /// The catalogue.
    pub(super) fn catalog(&self) -> anyhow::Result<Catalog> {
        Ok(catalog::load(self.catalog.as_deref())?.into_owned())
    }

    /// What readers of records have to know.
    pub(super) fn reading(&self, catalog: &Catalog) -> Options {
        let id = self.model.iter().find(|(name, _)| name.is_empty()).map(|(_, id)| id.as_str());
        let burndown = id.and_then(|id| Some(catalog.resolve(id).ok()?.burndown()?.rate.0));
        Options {
            by: self.by.clone(),
            timestamps_at_end: self.timestamps_at_end,
            max_tokens: self.max_tokens,
            burndown,
            ..Options::default()
        }
    }

    fn choices(&self) -> Choices {
        Choices {
            window: match self.window {
                WindowArg::Auto => Asked::Auto,
                WindowArg::Whole => Asked::Whole,
                WindowArg::Hour => Asked::Hour,
                WindowArg::Day => Asked::Day,
                WindowArg::Week => Asked::Week,
            },
            arrivals: self.arrivals.map(|kind| match kind {
                KindArg::Poisson => Kind::Poisson,
                KindArg::Gamma => Kind::Gamma,
                KindArg::Weibull => Kind::Weibull,
                KindArg::OnOff => Kind::OnOff,
            }),
            models: self.model.clone(),
            workloads: self.workloads as usize,
            tokens_per_minute: self.tokens_per_minute.clone(),
            requests_per_minute: self.requests_per_minute.clone(),
            client: self.client.clone(),
        }
    }

    /// What cannot be written to, and a model that `run` would refuse, are known before the work, not after it.
    pub(super) fn prepare(&self, catalog: &Catalog) -> anyhow::Result<()> {
        for (_, id) in &self.model {
            catalog::resolve(catalog, id)?;
        }
        self.output.as_ref().map_or(Ok(()), |directory| output::write_all(directory, &[]))
    }

    /// Fits what was read, prints it and writes it down. `sources` are the files in words; where nothing was found in
    /// them, `hint` says what may help.
    pub(super) fn finish(
        &self,
        mut sketch: Sketch,
        reading: Reading,
        catalog: &Catalog,
        sources: &Sources,
        hint: &str,
    ) -> anyhow::Result<Answer> {
        if sketch.too_many_callers > 0 {
            bail!(
                "`--by` divides the records into more than 4,096 callers\n\nhint: choose a coarser key, like `identity`"
            );
        }
        let plan = Plan::new(&mut sketch, self.choices(), catalog);
        let choices = plan.choices().clone();
        let jobs = plan.jobs(&sketch);
        let done =
            pool(self.threads)?.install(|| jobs.par_iter().map(crate::calibrate::calibration::Job::run).collect());
        drop(jobs);
        let calibration = plan.finish(&sketch, (&sources.words, reading), done);
        if calibration.workloads.is_empty() {
            bail!("{}\n\nhint: {hint}", report::calibration::text(&calibration, &Style::PLAIN).trim_end());
        }
        let yaml = scenario(&calibration, &choices, &sources.name);
        self.print(&calibration, &yaml)?;
        Ok(Answer::Yes)
    }

    fn print(&self, calibration: &Calibration, yaml: &str) -> anyhow::Result<()> {
        output::print(&match self.format {
            Format::Text => report::calibration::text(calibration, &Style::COLOURED),
            Format::Json => report::json::document(calibration),
            Format::Scenario => yaml.to_owned(),
        })?;
        let Some(directory) = &self.output else {
            if self.format == Format::Text && !self.quiet {
                output::say("`-o DIR` writes the scenario and the charts; `--format scenario` prints the scenario");
            }
            return Ok(());
        };
        let mut files = vec![("scenario.yaml".to_owned(), yaml.as_bytes().to_vec())];
        files.extend(report::calibration::files(calibration));
        output::write_all(directory, &files)?;
        if !self.quiet {
            let next = directory.join("scenario.yaml");
            output::say(&format!(
                "wrote charts and data to {}; next: quotasim run {}",
                directory.display(),
                next.display()
            ));
        }
        Ok(())
    }
}

/// The files that were read, in words, and a name for what comes of them.
#[derive(Debug)]
pub(super) struct Sources {
    name: String,
    words: String,
}

impl Sources {
    /// Of the paths on the command line.
    pub(super) fn of(paths: &[PathBuf]) -> Sources {
        let first = paths.first().map_or(Path::new(""), PathBuf::as_path);
        let file = first.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let stem = crate::calibrate::models::slug(file.split('.').next().unwrap_or(""));
        let more = paths.len().saturating_sub(1);
        Sources {
            name: if stem.is_empty() { "calibrated".to_owned() } else { stem },
            words: if more == 0 { file } else { format!("{file} and {more} more") },
        }
    }
}

/// The threads that were asked for.
pub(super) fn pool(threads: Option<u32>) -> anyhow::Result<rayon::ThreadPool> {
    rayon::ThreadPoolBuilder::new().num_threads(threads.unwrap_or(0) as usize).build().context("cannot start threads")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_may_have_a_name_before_it() {
        assert_eq!(mapping("us.a.b-v1:0"), Ok((String::new(), "us.a.b-v1:0".to_owned())));
        assert_eq!(mapping("gpt-4=us.a.b"), Ok(("gpt-4".to_owned(), "us.a.b".to_owned())));
        assert!(mapping("gpt-4=").is_err());
    }

    #[test]
    fn quotas_and_clients_are_as_the_language_has_them() {
        assert_eq!(quota("2M").as_deref(), Ok("2M"));
        assert_eq!(quota("none").as_deref(), Ok("none"));
        assert!(quota("much").is_err() && quota("0").is_err());
        assert_eq!(client("boto3-adaptive@2.0").as_deref(), Ok("boto3-adaptive@2.0"));
        assert!(client("boto").unwrap_err().contains("did you mean `boto3`?"));
    }

    #[test]
    fn sources_name_the_scenario() {
        let sources = Sources::of(&[PathBuf::from("a/My Trace.csv.gz"), PathBuf::from("b")]);
        assert_eq!((sources.name.as_str(), sources.words.as_str()), ("my-trace", "My Trace.csv.gz and 1 more"));
        assert_eq!(Sources::of(&[PathBuf::from("..")]).name, "calibrated");
    }
}
