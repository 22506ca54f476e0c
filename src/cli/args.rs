//! Options that every simulating verb takes.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// How a result is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One screen for a person
    Text,
    /// The whole result as one document
    Json,
    /// One row per metric
    Csv,
    /// For a pull request
    Markdown,
}

/// Which scenario, and what to change in it.
#[derive(Debug, Args)]
pub(super) struct ScenarioArgs {
    /// The scenario file (YAML)
    pub(super) scenario: PathBuf,

    /// Change a field of the scenario, like `workloads.chat.max_tokens=1024`; may be repeated
    #[arg(long, value_name = "PATH=VALUE", value_parser = assignment)]
    pub(super) set: Vec<(String, String)>,

    /// Seed of all randomness (default: the scenario's)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) seed: Option<u64>,

    /// Independent repetitions (default: the scenario's)
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(super) replications: Option<u32>,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
}

impl ScenarioArgs {
    /// All changes as assignments, so that each is checked like the scenario itself.
    pub(super) fn overrides(&self) -> Vec<(String, String)> {
        let mut overrides = self.set.clone();
        overrides.extend(self.seed.map(|seed| ("seed".to_owned(), seed.to_string())));
        overrides.extend(self.replications.map(|count| ("replications".to_owned(), count.to_string())));
        overrides
    }
}

/// How to run and where to put the results.
#[derive(Debug, Clone, Args)]
pub(super) struct RunArgs {
    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    pub(super) format: Format,

    /// Write the result, its charts (SVG, PNG) and report.html into this directory
    #[arg(short = 'o', long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,

    /// Threads to use (default: one per core); results do not depend on it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(super) threads: Option<u32>,

    /// Print no progress, warnings or notes on stderr
    #[arg(long)]
    pub(super) quiet: bool,
}

/// Reads `path=value`.
pub(super) fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((path, value)) if !path.trim().is_empty() => Ok((path.trim().to_owned(), value.to_owned())),
        _ => Err("expected `path=value`, like `workloads.chat.max_tokens=1024`".to_owned()),
    }
}
