//! `quotasim calibrate`: a scenario from what an account really did, and the law tested against it.

mod backtest;
mod converse;
mod iam_policy;
mod inputs;
mod logs;
mod options;
mod progress;
mod usage;
#[cfg(feature = "aws")]
mod wire;

use super::Answer;
use clap::Subcommand;

/// Options of `calibrate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim calibrate logs s3-copy/AWSLogs -o mine
  quotasim calibrate usage requests.csv --model us.anthropic.claude-sonnet-4-6
  quotasim calibrate backtest s3-copy/AWSLogs --tokens-per-minute 2M
  quotasim calibrate converse --prompts prompts.jsonl \\
    --model us.amazon.nova-lite-v1:0

`quotasim calibrate VERB --help` has the options of each.")]
pub(super) struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// From Bedrock's model-invocation logs: copies of S3 trees, CloudWatch exports
    Logs(logs::Args),
    /// From tables or JSON lines of usage: application logs, spans, traces, Claude Code sessions, recordings
    Usage(usage::Args),
    /// From live calls of your own prompts; paid, so it shows the ceiling and stops without `--yes`
    Converse(converse::Args),
    /// Test the quota law against history: which limiter explains the throttles that were seen
    Backtest(backtest::Args),
    /// Print the least-privilege IAM policy that `converse` needs
    IamPolicy(iam_policy::Args),
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    match &args.verb {
        Verb::Logs(args) => logs::run(args),
        Verb::Usage(args) => usage::run(args),
        Verb::Converse(args) => converse::run(args),
        Verb::Backtest(args) => backtest::run(args),
        Verb::IamPolicy(args) => iam_policy::run(args),
    }
}
