//! Files, terminals, progress, exit codes, threads; one file per verb that reads load → do → print.
//!
//! Exit codes: 0 done; 1 the answer is "no" (an SLO missed); 2 the input or the world is wrong. stdout is data, stderr
//! is talk.

mod args;
mod calibrate;
mod catalog;
mod check;
mod clients;
mod command;
mod compare;
mod completions;
mod estimate;
mod explain;
mod files;
mod growth;
mod init;
mod load;
mod man;
mod models;
mod output;
mod progress;
mod report;
mod requests;
mod run;
mod schema;
#[cfg(feature = "serve")]
mod serve;
mod size;
mod source;
mod sweep;
mod vary;

use anyhow::Context as _;
use clap::{CommandFactory, Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// What a verb answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// Done, or yes.
    Yes,
    /// The planning answer is "no".
    No,
    /// The input is wrong, and the user has been told.
    Wrong,
}

impl From<Answer> for ExitCode {
    fn from(answer: Answer) -> ExitCode {
        ExitCode::from(match answer {
            Answer::Yes => 0,
            Answer::No => 1,
            Answer::Wrong => 2,
        })
    }
}

/// Simulates the token quotas of Amazon Bedrock before you meet them.
#[derive(Debug, Parser)]
#[command(name = "quotasim", version, help_expected = true, max_term_width = 80, after_help = EXAMPLES)]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "\
Examples:
  quotasim run scenarios/classifier-unset.yaml
  quotasim run scenarios/chat.yaml -o out --set load=1.3
  quotasim compare scenarios/chat.yaml --max-tokens 256,1024,unset
  quotasim sweep scenarios/chat.yaml --vary load=0.25..3:12
  quotasim size scenarios/chat.yaml --margin 30%
  quotasim serve scenarios/chat.yaml --port 0
  quotasim calibrate usage requests.csv -o mine
  quotasim check scenarios/*.yaml
  quotasim init --list
  quotasim explain --model us.anthropic.claude-haiku-4-5-20251001-v1:0 \\
    --input 42 --output 5

Exit codes: 0 done, 1 the answer is \"no\", 2 the input or the world is wrong.";

#[derive(Debug, Subcommand)]
enum Verb {
    /// Simulate one scenario: who is throttled, by which limit, and how long answers take
    Run(run::Args),
    /// Compare values of `max_tokens`, or named variants, on the same random requests, and recommend one
    Compare(compare::Args),
    /// Trace throttling over one or two fields of a scenario, and find the highest load that meets the SLO
    Sweep(sweep::Args),
    /// Find the smallest quotas that meet the SLO, and make the case for a quota increase
    Size(size::Args),
    /// Serve a local Bedrock runtime that throttles by the same law
    #[cfg(feature = "serve")]
    Serve(serve::Args),
    /// Make a scenario from logs, usage files or live calls, and test the law against them
    Calibrate(calibrate::Args),
    /// Draw a saved result again: text, Markdown, charts, HTML
    Report(report::Args),
    /// Report every problem of scenario files, with line and column
    Check(check::Args),
    /// Work out one request's reservation and charge, step by step
    Explain(explain::ExplainArgs),
    /// Write a commented scenario to start from
    Init(init::Args),
    /// List the models that quotasim knows, with quotas, prices and sources
    Models(models::ModelsArgs),
    /// Print the JSON Schema of scenario files
    Schema(schema::Args),
    /// Print a script that completes the command line in your shell
    Completions(completions::Args),
    /// Print a manual page
    Man(man::Args),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let answer = match cli.verb {
        Verb::Run(args) => run::run(&args),
        Verb::Compare(args) => compare::run(&args),
        Verb::Sweep(args) => sweep::run(&args),
        Verb::Size(args) => size::run(&args),
        #[cfg(feature = "serve")]
        Verb::Serve(args) => serve::run(&args),
        Verb::Calibrate(args) => calibrate::run(&args),
        Verb::Report(args) => report::run(&args),
        Verb::Check(args) => check::run(&args),
        Verb::Explain(args) => explain::run(&args, &mut anstream::stdout()),
        Verb::Init(args) => init::run(&args),
        Verb::Models(args) => models::run(&args, &mut anstream::stdout()),
        Verb::Schema(args) => schema::run(&args),
        Verb::Completions(args) => completions::run(&args),
        Verb::Man(args) => man::run(&args),
    };
    match answer {
        Ok(answer) => answer.into(),
        Err(error) if output::is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "error: {error:#}");
            Answer::Wrong.into()
        }
    }
}

/// The threads that a simulating verb asks for.
fn threads(run: &args::RunArgs) -> anyhow::Result<rayon::ThreadPool> {
    let threads = run.threads.unwrap_or(0) as usize;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")
}

/// The command as clap sees it, for documents and tests.
pub fn command() -> clap::Command {
    Cli::command()
}
