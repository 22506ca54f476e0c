//! `quotasim explain`: one request's arithmetic.

use super::Answer;
use super::catalog::{Format, load, resolve, tokens};
use crate::analysis::explain::{Request, explain};
use crate::report::explain as report;
use crate::units::Tokens;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Shows what one request reserves, is charged and costs, step by step
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  quotasim explain --model us.anthropic.claude-haiku-4-5-20251001-v1:0 \\
    --input 42 --output 5 --max-tokens 8192
  quotasim explain --model global.anthropic.claude-sonnet-4-6 --input 3000 \\
    --cache-read 4000 --cache-write 1000 --output 1000 --tokens-per-minute 2M")]
pub(super) struct ExplainArgs {
    /// Model id, inference-profile id, or the ARN of either
    #[arg(long, value_name = "ID")]
    pub(super) model: String,

    /// Input tokens that are neither read from nor written to the prompt cache
    #[arg(long, value_name = "TOKENS", value_parser = tokens)]
    pub(super) input: Tokens,

    /// Input tokens read from the prompt cache
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value = "0")]
    pub(super) cache_read: Tokens,

    /// Input tokens written to the prompt cache
    #[arg(long, value_name = "TOKENS", value_parser = tokens, default_value = "0")]
    pub(super) cache_write: Tokens,

    /// Output tokens that the model would produce uncapped, thinking included
    #[arg(long, value_name = "TOKENS", value_parser = tokens)]
    pub(super) output: Tokens,

    /// The request's `max_tokens`; left out, it is unset and the model's maximum output is reserved
    #[arg(long, value_name = "TOKENS", value_parser = tokens)]
    pub(super) max_tokens: Option<Tokens>,

    /// The pool's tokens per minute; left out, the catalogue's default quota
    #[arg(long, value_name = "TOKENS", value_parser = tokens)]
    pub(super) tokens_per_minute: Option<Tokens>,

    /// How to print the answer
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
}

/// Writes the arithmetic of the request to `out`.
pub(super) fn run(args: &ExplainArgs, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let catalog = load(args.catalog.as_deref())?;
    let model = resolve(&catalog, &args.model)?;
    let explanation = explain(&Request {
        id: args.model.trim(),
        card: model.card,
        kind: model.kind,
        prefix: model.prefix,
        input: args.input,
        cache_read: args.cache_read,
        cache_write: args.cache_write,
        output: args.output,
        max_tokens: args.max_tokens,
        tokens_per_minute: args.tokens_per_minute.map(|quota| quota.0),
    })?;
    let page = match args.format {
        Format::Text => report::text(&explanation),
        Format::Json => report::json(&explanation),
        Format::Markdown => report::markdown(&explanation),
    };
    out.write_all(page.as_bytes())?;
    Ok(Answer::Yes)
}

#[cfg(test)]
mod tests;
