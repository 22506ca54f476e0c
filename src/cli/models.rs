//! `quotasim models`: the catalogue.

use super::Answer;
use super::catalog::{Format, load};
use crate::model::catalog::Card;
use crate::report::models as report;
use clap::Args;
use std::io::Write;
use std::path::PathBuf;

/// Shows the model catalogue: burndown rates, default quotas, prices, each with its source and date
#[derive(Debug, Clone, Args)]
#[command(after_help = "Examples:
  quotasim models
  quotasim models haiku
  quotasim models us.anthropic.claude-haiku-4-5-20251001-v1:0
  quotasim models --format json")]
pub(super) struct ModelsArgs {
    /// Show only models whose id or name contains this, or that this id means; one alone is shown in full
    #[arg(value_name = "MODEL")]
    pub(super) model: Option<String>,

    /// How to print the answer
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,

    /// Models, quotas and prices that replace or extend the built-in catalogue
    #[arg(long, value_name = "FILE")]
    pub(super) catalog: Option<PathBuf>,
}

/// Writes the catalogue, or the part that was asked for, to `out`.
pub(super) fn run(args: &ModelsArgs, out: &mut dyn Write) -> anyhow::Result<Answer> {
    let catalog = load(args.catalog.as_deref())?;
    let cards = match &args.model {
        None => catalog.cards.clone(),
        Some(wanted) => {
            let cards = matching(&catalog.cards, wanted);
            if cards.is_empty() { vec![super::catalog::resolve(&catalog, wanted)?.card.clone()] } else { cards }
        }
    };
    let page = match (args.format, cards.as_slice()) {
        (Format::Text, [card]) if args.model.is_some() => report::sheet(card),
        (Format::Text, cards) => report::text(cards),
        (Format::Json, cards) => report::json(cards),
        (Format::Markdown, cards) => report::markdown(cards),
    };
    out.write_all(page.as_bytes())?;
    Ok(Answer::Yes)
}

/// The cards whose id or name contains a text, whatever its case; an id stands for itself alone.
fn matching(cards: &[Card], wanted: &str) -> Vec<Card> {
    if let Some(card) = cards.iter().find(|card| card.id == wanted) {
        return vec![card.clone()];
    }
    let wanted = wanted.to_lowercase();
    let contains = |text: &str| text.to_lowercase().contains(&wanted);
    cards.iter().filter(|card| contains(&card.id) || contains(&card.name)).cloned().collect()
}
