//! `quotasim calibrate iam-policy`: the least permission that live calls need.

use crate::calibrate::live::policy;
use crate::cli::{Answer, catalog, output};

/// Options of `calibrate iam-policy`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim calibrate iam-policy --model us.anthropic.claude-sonnet-4-6
  quotasim calibrate iam-policy --model amazon.nova-lite-v1:0 --region us-east-1

Exit codes: 0 done, 2 the model's id is not one.")]
pub(super) struct Args {
    /// The model or inference-profile id that will be called
    #[arg(long, value_name = "ID")]
    model: String,

    /// The Region that will be called (default: any)
    #[arg(long, value_name = "REGION")]
    region: Option<String>,

    /// The account that calls (default: any)
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    // An id that the catalogue does not know may still be one; what it knows is written in full.
    let known = catalog::load(None)?;
    let id = match known.resolve(&args.model) {
        Ok(found) if found.prefix.is_empty() => found.card.id.clone(),
        Ok(found) => format!("{}.{}", found.prefix, found.card.id),
        Err(_) => args.model.clone(),
    };
    output::print(&policy(&id, args.region.as_deref(), args.account.as_deref()))?;
    Ok(Answer::Yes)
}
