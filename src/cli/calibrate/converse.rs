//! `quotasim calibrate converse`: show the ceiling → ask → call → record → print.

use crate::calibrate::live::{Ceiling, Prompt, ceiling, cost, prompts};
use crate::calibrate::observation::Outcome;
use crate::cli::output::reason;
use crate::cli::{Answer, catalog, output};
use crate::model::Prices;
use crate::report::number::{count, dollars};
use crate::spec::catalog::Resolved;
use anyhow::bail;
use std::fmt::Write as _;
use std::path::PathBuf;

/// Options of `calibrate converse`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim calibrate converse --prompts prompts.jsonl \\
    --model us.anthropic.claude-haiku-4-5-20251001-v1:0
  quotasim calibrate converse --prompts prompts.jsonl \\
    --model us.amazon.nova-lite-v1:0 \\
    --stream --repeat 5 --max-spend 0.50 --yes --record live.jsonl
  quotasim calibrate usage live.jsonl -o mine

A prompt is a line of JSON: {\"prompt\": \"…\"}, or `system`, `messages` and
`inferenceConfig` as Converse takes them. Calls cost money: without `--yes`
nothing is sent. Prompts and answers are not recorded, their token counts and
times are.

Exit codes: 0 done, 1 nothing was sent or the spend was reached, 2 the input or
the world is wrong.")]
pub(super) struct Args {
    /// Your prompts, a line of JSON each
    #[arg(long, value_name = "FILE.jsonl")]
    prompts: PathBuf,

    /// The model or inference-profile id to call
    #[arg(long, value_name = "ID")]
    pub(super) model: String,

    /// Call ConverseStream, which shows the time to the first token
    #[arg(long)]
    pub(super) stream: bool,

    /// Output limit of prompts that have none
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) max_tokens: u32,

    /// How often to send each prompt
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    repeat: u32,

    /// Calls at most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    max_requests: u32,

    /// Dollars at most: no call is made that could exceed them
    #[arg(long, value_name = "USD", default_value_t = 1.0)]
    max_spend: f64,

    /// Calls in progress at most; more than one may be throttled, which is recorded
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(super) concurrency: u32,

    /// Send the calls
    #[arg(long)]
    yes: bool,

    /// Where to record: a line of JSON per call, for `calibrate usage`
    #[arg(long, value_name = "FILE", default_value = "converse.jsonl")]
    pub(super) record: PathBuf,

    /// The profile of the AWS configuration
    #[arg(long, value_name = "NAME")]
    pub(super) profile: Option<String>,

    /// The Region
    #[arg(long, value_name = "REGION")]
    pub(super) region: Option<String>,

    /// Another endpoint than AWS's, like that of `quotasim serve`
    #[arg(long, value_name = "URL")]
    pub(super) endpoint_url: Option<String>,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    catalog: Option<PathBuf>,

    /// Print no progress or notes on stderr
    #[arg(long)]
    pub(super) quiet: bool,
}

/// What is to be sent.
#[derive(Debug)]
#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "without the SDK nothing is sent"))]
pub(super) struct Order {
    /// The prompts, in the order of the calls.
    pub(super) prompts: Vec<Prompt>,
    /// What tokens cost.
    pub(super) prices: Prices,
    /// Quota tokens per output token, where known.
    pub(super) burndown: Option<u32>,
    /// Dollars at most.
    pub(super) max_spend: f64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// Calls by outcome: answered, refused, failed.
    pub(super) answered: u64,
    /// Refused with a 429.
    pub(super) throttled: u64,
    /// Failed otherwise.
    pub(super) failed: u64,
    /// Tokens: input, cache reads, cache writes, output.
    pub(super) tokens: [u64; 4],
    /// Calls that were not made, as they could have exceeded the spend.
    pub(super) held_back: u64,
    /// Different errors with what they mean, and how often.
    pub(super) errors: Vec<(String, u64)>,
}

#[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "without the SDK nothing is sent"))]
impl Sent {
    /// Counts an outcome.
    pub(super) fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Answered { .. } => self.answered += 1,
            Outcome::Throttled(_) => self.throttled += 1,
            Outcome::Failed => self.failed += 1,
        }
    }

    /// Notes an error's meaning, each once.
    pub(super) fn note(&mut self, meaning: String) {
        match self.errors.iter_mut().find(|(known, _)| *known == meaning) {
            Some((_, times)) => *times += 1,
            None => self.errors.push((meaning, 1)),
        }
    }
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    if !(args.max_spend >= 0.0 && args.max_spend.is_finite()) {
        bail!("`--max-spend` is {}, no amount of dollars", args.max_spend);
    }
    let text = std::fs::read_to_string(&args.prompts)
        .map_err(|error| anyhow::anyhow!("cannot read `{}`: {}", args.prompts.display(), reason(&error)))?;
    let given = prompts(&text).map_err(|why| anyhow::anyhow!("`{}`: {why}", args.prompts.display()))?;
    let catalog = catalog::load(args.catalog.as_deref())?;
    let known = catalog.resolve(&args.model).ok();
    let calls = given.len().saturating_mul(args.repeat as usize).min(args.max_requests as usize);
    let order = Order {
        prompts: given.iter().cycle().take(calls).cloned().collect(),
        prices: known.as_ref().map(Resolved::prices).unwrap_or_default(),
        burndown: known.as_ref().and_then(Resolved::burndown).map(|dated| dated.rate.0),
        max_spend: args.max_spend,
    };
    let most = ceiling(order.prompts.iter(), args.max_tokens, order.prices);
    output::print(&announced(args, &most))?;
    if !args.yes {
        output::say("nothing was sent; `--yes` sends the calls");
        return Ok(Answer::No);
    }
    if most.cost_usd.is_none() && args.endpoint_url.is_none() {
        bail!(
            "the price of `{}` is not in the catalogue, so `--max-spend` cannot be kept\n\nhint: give its price in a file \
             with `--catalog`",
            args.model
        );
    }
    let sent = send(args, &order)?;
    output::print(&summary(args, &order, &sent))?;
    Ok(if sent.held_back > 0 || sent.answered == 0 { Answer::No } else { Answer::Yes })
}

#[cfg(feature = "aws")]
fn send(args: &Args, order: &Order) -> anyhow::Result<Sent> {
    super::wire::send(args, order)
}

#[cfg(not(feature = "aws"))]
fn send(_: &Args, _: &Order) -> anyhow::Result<Sent> {
    bail!("this quotasim was built without the feature `aws` and makes no calls")
}

/// What would be sent and what it would cost at most.
fn announced(args: &Args, most: &Ceiling) -> String {
    let operation = if args.stream { "ConverseStream" } else { "Converse" };
    let at = args.endpoint_url.as_deref().unwrap_or("AWS");
    let mut text = format!("{} calls of {operation} to {} at {at}\n\n", count(most.calls), args.model);
    let _ = writeln!(text, "  input    at most {} tokens (a token is at least a byte)", count(most.input_tokens));
    let _ = writeln!(text, "  output   at most {} tokens (max_tokens)", count(most.output_tokens));
    let _ = match most.cost_usd {
        Some(cost) => {
            writeln!(text, "  cost     at most {}; `--max-spend` stops at {}", dollars(cost), dollars(args.max_spend))
        }
        None => writeln!(text, "  cost     unknown: the catalogue has no price of this model"),
    };
    let _ = writeln!(text, "  record   {}", args.record.display());
    text
}

/// What was sent.
fn summary(args: &Args, order: &Order, sent: &Sent) -> String {
    let [input, read, written, output] = sent.tokens;
    let mut text = format!(
        "\n{} answered, {} throttled, {} failed; {} input and {} output tokens",
        count(sent.answered),
        count(sent.throttled),
        count(sent.failed),
        count(input + read + written),
        count(output)
    );
    if let Some(spent) = cost(order.prices, sent.tokens) {
        let _ = write!(text, ", {} spent", dollars(spent));
    }
    text.push('\n');
    for (meaning, times) in &sent.errors {
        let often = if *times == 1 { "once".to_owned() } else { format!("{} times", count(*times)) };
        let _ = writeln!(text, "- {often}: {meaning}");
    }
    if sent.held_back > 0 {
        let _ =
            writeln!(text, "- {} calls were not made: they could have exceeded `--max-spend`", count(sent.held_back));
    }
    if sent.answered > 0 {
        let _ = writeln!(text, "next: quotasim calibrate usage {}", args.record.display());
    }
    text
}
