//! `quotasim check`: every problem of scenario files at once.

use super::{Answer, catalog, load, output};
use crate::spec::Problem;
use std::path::PathBuf;

/// Options of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim check scenarios/*.yaml
  quotasim check scenario.yaml --format json

Exit codes: 0 no scenario has a problem, 2 at least one has.")]
pub(super) struct Args {
    /// The scenario files
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
    /// For a person, with the lines they stand on
    Text,
    /// One document: `{problems: [{file, line, column, message, hint}]}`
    Json,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = catalog::load(args.catalog.as_deref())?;
    let mut problems: Vec<Problem> = Vec::new();
    for file in &args.files {
        match load::scenario_file(file, &[], &catalog) {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(output::warn);
                if args.format == CheckFormat::Text {
                    let warnings = match loaded.warnings.len() {
                        0 => String::new(),
                        1 => ", 1 warning".to_owned(),
                        count => format!(", {count} warnings"),
                    };
                    output::print(&format!("{}: no problems{warnings}", file.display()))?;
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
