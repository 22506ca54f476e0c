//! `quotasim calibrate usage`: read → fit → print.

use super::inputs::{self, Input};
use super::options::{Shape, Sources};
use super::progress::Bar;
use crate::calibrate::observation::Observation;
use crate::calibrate::read::{Feed, Field, Options, Seen, usage};
use crate::calibrate::reading::Reading;
use crate::calibrate::sketch::{Place, Sketch};
use crate::cli::Answer;
use crate::cli::output::reason;
use crate::units::SimSpan;
use anyhow::bail;
use clap::ValueEnum;
use std::path::PathBuf;

/// Options of `calibrate usage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim calibrate usage requests.csv --model us.anthropic.claude-sonnet-4-6
  quotasim calibrate usage app.jsonl --column input=tokens.prompt \\
    --column output=tokens.answer --by metadata:tenant
  quotasim calibrate usage AzureLLMInferenceTrace_code.csv -o code
  quotasim calibrate usage ~/.claude/projects -o agent
  quotasim calibrate usage attempts.csv --max-tokens 100 \\
    --model us.anthropic.claude-haiku-4-5-20251001-v1:0

Read are CSV with a header and JSON lines with a time, an input and an output:
logs of `response.usage`, OpenTelemetry GenAI spans (OTLP JSON), the Azure and
Mooncake traces, Claude Code's session files, recordings of `quotasim serve` and
of `calibrate converse`, and `quotasim run --requests`. Columns are guessed by
their names, and the answer shows which were.

Exit codes: 0 done, 2 the input or the world is wrong.")]
pub(super) struct Args {
    /// Files, or directories that are searched for .jsonl
    #[arg(required = true)]
    paths: Vec<PathBuf>,

    /// The column of a field, like `input=prompt_tokens`; may be repeated. Fields: time, end, input, output,
    /// cache-read, cache-write, max-tokens, ttft, latency, model, region, account, caller, operation, session, outcome,
    /// limit, stop-reason, request, attempt
    #[arg(long, value_name = "FIELD=COLUMN", value_parser = column)]
    column: Vec<(Field, String)>,

    /// What one unit of a plain number of time is
    #[arg(long, value_enum, value_name = "UNIT")]
    time_unit: Option<Unit>,

    /// Whether the input column counts what the cache served (default: by its name)
    #[arg(long, value_enum, value_name = "YES|NO")]
    input_includes_cache: Option<YesNo>,

    #[command(flatten)]
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Unit {
    S,
    Ms,
    Us,
    Ns,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum YesNo {
    Yes,
    No,
}

fn column(text: &str) -> Result<(Field, String), String> {
    let (name, column) = text.split_once('=').ok_or("expected FIELD=COLUMN, like `input=prompt_tokens`")?;
    let field = Field::of_name(name).ok_or_else(|| format!("`{name}` is none of {}", Field::all_names().join(", ")))?;
    Ok((field, column.to_owned()))
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = args.shape.catalog()?;
    args.shape.prepare(&catalog)?;
    let wanted = |name: &str| [".jsonl", ".jsonl.gz"].iter().any(|end| name.ends_with(end));
    let files = inputs::files(&args.paths, wanted, KINDS)?;
    let mut options = args.shape.reading(&catalog);
    options.columns.clone_from(&args.column);
    options.time_unit = args.time_unit.map(|unit| match unit {
        Unit::S => SimSpan::SECOND,
        Unit::Ms => SimSpan::MILLISECOND,
        Unit::Us => SimSpan(1_000),
        Unit::Ns => SimSpan(1),
    });
    options.input_includes_cache = args.input_includes_cache.map(|answer| answer == YesNo::Yes);
    let mut sketch = Sketch::default();
    let reading = read(&files, &options, args.shape.quiet, &mut |place, one| sketch.add(place, one))?;
    args.shape.finish(sketch, reading, &catalog, &Sources::of(&args.paths), COLUMNS)
}

/// Where a directory has no file of usage.
const KINDS: &str = "directories are searched for .jsonl: name other files one by one; `quotasim calibrate logs` reads the \
                     trees of Bedrock's model-invocation logs";
/// Where files have no row of usage.
const COLUMNS: &str = "`--column FIELD=NAME` and `--time-unit` say what was guessed wrongly; `quotasim calibrate logs` reads \
                       Bedrock's model-invocation logs";

/// Reads files one after the other, as one may repeat what another has.
pub(super) fn read(
    files: &[Input],
    options: &Options,
    quiet: bool,
    sink: &mut dyn FnMut(Place, &Observation<'_>),
) -> anyhow::Result<Reading> {
    let bar = Bar::new(files.iter().map(|input| input.bytes).sum(), quiet, "reading");
    let (mut seen, mut reading) = (Seen::default(), Reading::default());
    for (index, input) in files.iter().enumerate() {
        let name = input.path.display().to_string();
        let mut feed = Feed::new(index as u32, &name, sink);
        let reader =
            inputs::open(input, &bar).map_err(|error| anyhow::anyhow!("cannot read `{name}`: {}", reason(&error)))?;
        let read = usage(reader, options, &mut seen, &mut feed);
        if bar.stopped() {
            bail!("interrupted while reading; nothing was calibrated");
        }
        match read {
            // Of many files of a tree, an empty one is nothing to stop for.
            Err(_) if files.len() > 1 && input.bytes == 0 => {}
            read => read.map_err(|why| anyhow::anyhow!("`{name}`: {why}"))?,
        }
        reading.merge(feed.finish());
    }
    bar.finish();
    Ok(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_named_by_field() {
        assert_eq!(column("input=a.b=c"), Ok((Field::Input, "a.b=c".to_owned())));
        assert!(column("inputs=a").unwrap_err().contains("cache-read"));
        assert!(column("input").is_err());
    }
}
