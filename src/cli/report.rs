//! `quotasim report`: a saved result → text, files.

use super::args::Format;
use super::{Answer, output};
use crate::report::{self, Saved};
use anyhow::Context;
use std::path::PathBuf;

/// Options of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim report out/compare.json
  quotasim report out/sweep.json -o again
  quotasim report out/compare.json --format markdown | gh pr comment --body-file -

Exit codes: 0 done, 2 the file is no saved result.")]
pub(super) struct Args {
    /// A result saved with `-o` by `run`, `compare`, `sweep` or `size`: summary.json, compare.json, sweep.json, size.json
    result: PathBuf,

    /// How to print the result
    #[arg(long, value_enum, default_value = "text")]
    format: Format,

    /// Draw all charts and the report again into this directory
    #[arg(short = 'o', long, value_name = "DIR")]
    output: Option<PathBuf>,

    /// No notes on stderr
    #[arg(long)]
    quiet: bool,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let name = args.result.display();
    let text = std::fs::read_to_string(&args.result)
        .map_err(|error| anyhow::anyhow!("cannot read `{name}`: {}", output::reason(&error)))?;
    let saved = Saved::read(&text).with_context(|| format!("`{name}` is no result to draw"))?;
    let style = report::text::Style::COLOURED;
    let text = match (args.format, &saved) {
        (Format::Text, Saved::Run { summary, .. }) => report::text::summary(summary, &style),
        (Format::Text, Saved::Compare { comparison, .. }) => report::compare::text(comparison, &style),
        (Format::Text, Saved::Sweep { sweep, .. }) => report::sweep::text(std::slice::from_ref(sweep), &style),
        (Format::Text, Saved::Size { sizing, .. }) => report::size::text(sizing, &style),
        (Format::Text, Saved::Solve { solved, .. }) => report::solve::text(solved, &style),
        (Format::Json, _) => saved.json(),
        (Format::Csv, Saved::Run { summary, .. }) => report::csv::summary(summary),
        (Format::Csv, Saved::Compare { comparison, .. }) => report::compare::csv(comparison),
        (Format::Csv, Saved::Sweep { sweep, .. }) => report::sweep::csv(sweep),
        (Format::Csv, Saved::Size { sizing, .. }) => report::size::csv(sizing),
        (Format::Csv, Saved::Solve { solved, .. }) => report::solve::csv(solved),
        (Format::Markdown, Saved::Size { sizing, .. }) => report::size::markdown(sizing),
        (Format::Markdown, Saved::Solve { solved, .. }) => report::solve::markdown(solved),
        (Format::Markdown, Saved::Run { summary, .. }) => report::markdown::summary(summary),
        (Format::Markdown, Saved::Compare { comparison, .. }) => report::compare::markdown(comparison),
        (Format::Markdown, Saved::Sweep { sweep, .. }) => report::sweep::markdown(sweep),
    };
    if let Some(directory) = &args.output {
        output::draw(directory, &saved, args.quiet)?;
    }
    output::print(&text)?;
    Ok(Answer::Yes)
}
