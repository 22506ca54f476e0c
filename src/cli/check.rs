//! `quotasim check`: every problem of scenario files at once.

use super::{Answer, load, output};
use crate::spec::Problem;
use std::path::PathBuf;

/// Options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim check scenarios/*.yaml
  quotasim check scenario.yaml --format json

Exit codes: 0 no problems, 2 problems.")]
pub(super) struct Args {
    /// Scenario files
    #[arg(required = true)]
    files: Vec<PathBuf>,

    /// How to print the problems
    #[arg(long, value_enum, default_value = "text")]
    format: CheckFormat,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,
}

/// How `check` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum CheckFormat {
    /// With the lines they stand on
    Text,
    /// `{problems: [{file, line, column, message, hint}]}`
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = load::catalog(args.catalog.as_deref())?;
    let mut problems: Vec<Problem> = Vec::new();
    for file in &args.files {
        match load::scenario_file(file, &[], &catalog)? {
            Ok(loaded) => {
                if args.format == CheckFormat::Text {
                    loaded.warnings.iter().for_each(|warning| output::say(&warning.to_string()));
                    output::print(&format!("{}: no problems", file.display()))?;
                }
            }
            Err(found) => {
                if args.format == CheckFormat::Text {
                    output::say(&found.to_string());
                }
                problems.extend(found.problems);
            }
        }
    }
    if args.format == CheckFormat::Json {
        output::print(&serde_json::to_string_pretty(&serde_json::json!({ "problems": problems }))?)?;
    }
    Ok(if problems.is_empty() { Answer::Yes } else { Answer::Wrong })
}
