//! `quotasim calibrate logs`: read in parallel → fit → print.

use super::inputs::{self, Input};
use super::options::{Shape, Sources, pool};
use super::progress::Bar;
use crate::calibrate::observation::Observation;
use crate::calibrate::read::{Feed, Options, invocation_log};
use crate::calibrate::reading::Reading;
use crate::calibrate::sketch::{Place, Sketch};
use crate::cli::Answer;
use anyhow::bail;
use rayon::iter::{IntoParallelIterator, ParallelIterator};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Options of `calibrate logs`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  aws s3 sync s3://my-logs/AWSLogs logs/
  quotasim calibrate logs logs/ -o mine
  quotasim calibrate logs logs/ --by metadata:tenant --tokens-per-minute 2M
  aws logs filter-log-events --log-group-name bedrock > events.json
  quotasim calibrate logs events.json --format scenario > mine.yaml

Read are model-invocation logs of Converse, ConverseStream, InvokeModel and its
stream: S3 trees (gzip or not), CloudWatch's exports, `filter-log-events`,
Insights results (JSON or CSV), subscription batches. Prompts and answers are
skipped over.

Exit codes: 0 done, 2 the input or the world is wrong.")]
pub(super) struct Args {
    /// Files, or directories that are searched for .json and .json.gz
    #[arg(required = true)]
    paths: Vec<PathBuf>,

    #[command(flatten)]
    shape: Shape,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    let catalog = args.shape.catalog()?;
    args.shape.prepare(&catalog)?;
    let files = inputs::files(&args.paths, is_log, KINDS)?;
    let (sketch, reading) = read(&files, &args.shape.reading(&catalog), args.shape.threads, args.shape.quiet)?;
    args.shape.finish(sketch, reading, &catalog, &Sources::of(&args.paths), OTHERS)
}

/// Where a directory has no log.
pub(super) const KINDS: &str =
    "directories are searched for .json, .jsonl, .log and .gz; `aws s3 sync` copies the tree of a bucket";
/// Where files have no record.
const OTHERS: &str = "these should be Bedrock's model-invocation logs; `quotasim calibrate usage` reads other records";

/// Whether a file of a tree is one of records: large bodies lie beside them, and a note of the permission check.
pub(super) fn is_log(name: &str) -> bool {
    let body = name.contains("_input.json") || name.contains("_output.json");
    let kind =
        [".json", ".json.gz", ".jsonl", ".jsonl.gz", ".log", ".log.gz", ".gz"].iter().any(|end| name.ends_with(end));
    kind && !body && name != "amazon-bedrock-logs-permission-check"
}

/// Reads files on several threads, each with a sketch of its own; sketches merge to the same whatever thread read what.
fn read(files: &[Input], options: &Options, threads: Option<u32>, quiet: bool) -> anyhow::Result<(Sketch, Reading)> {
    let bar = Bar::new(files.iter().map(|input| input.bytes).sum(), quiet, "reading");
    let next = AtomicUsize::new(0);
    let pool = pool(threads)?;
    let workers = pool.current_num_threads().min(files.len());
    let part = |_| {
        let (mut sketch, mut reading) = (Sketch::default(), Reading::default());
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(input) = files.get(index) else { return (sketch, reading) };
            let mut sink = |place: Place, observation: &Observation<'_>| sketch.add(place, observation);
            let name = input.path.display().to_string();
            let mut feed = Feed::new(index as u32, &name, &mut sink);
            match inputs::open(input, &bar) {
                Ok(reader) => invocation_log(reader, options, &mut feed),
                Err(_) => feed.broke_off(),
            }
            reading.merge(feed.finish());
        }
    };
    let parts: Vec<(Sketch, Reading)> = pool.install(|| (0..workers).into_par_iter().map(part).collect());
    bar.finish();
    if bar.stopped() {
        bail!("interrupted while reading; nothing was calibrated");
    }
    let (mut sketch, mut reading) = (Sketch::default(), Reading::default());
    for (of_part, report) in parts {
        sketch.merge(of_part);
        reading.merge(report);
    }
    Ok((sketch, reading))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_and_checks_are_no_records() {
        assert!(is_log("20261001T123456789Z_abc.json.gz") && is_log("events.jsonl") && is_log("000000.gz"));
        assert!(!is_log("r_input.json.gz") && !is_log("r_output.json.gz"));
        assert!(!is_log("amazon-bedrock-logs-permission-check") && !is_log("README.md"));
    }
}
