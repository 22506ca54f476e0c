//! The catalogue as a table, as the sheet of one model, as Markdown and as JSON.
//!
//! Unknown figures are `?` in text and `null` in JSON; a quota that AWS does not have is `none` in both.

use super::explain::wrap;
use crate::model::Prices;
use crate::model::catalog::{Card, DefaultQuotas, Figure, ProfileKind, Source, Status};
use serde_json::{Value, json};

/// The letters by which rows of the table cite sources.
const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

const HEAD: [&str; 7] = ["model", "rate", "max out", "in-Region", "geo", "global", "sources"];

/// A table of at most 100 columns; active models first, then those on their way out, then the sources.
pub fn text(cards: &[Card]) -> String {
    let sources = sources(cards);
    let rows: Vec<[String; 7]> = cards.iter().map(|card| row(card, &sources)).collect();
    let head = HEAD.map(str::to_owned);
    let widths: [usize; 7] = std::array::from_fn(|column| {
        rows.iter().chain([&head]).map(|row| row[column].chars().count()).max().unwrap_or(0)
    });
    let line = |row: &[String; 7]| {
        let mut line = format!("{:<w$}", row[0], w = widths[0]);
        for column in 1..6 {
            line.extend([format!("  {:>w$}", row[column], w = widths[column])]);
        }
        line.push_str("  ");
        line.push_str(&row[6]);
        line.push('\n');
        line
    };
    let mut page = line(&head);
    for active in [true, false] {
        let group = || cards.iter().zip(&rows).filter(|(card, _)| (card.status == Status::Active) == active);
        if !active && group().next().is_some() {
            page.push_str("\nlegacy and retired\n");
        }
        group().for_each(|(_, row)| page.push_str(&line(row)));
    }
    page.push_str(
        "\nrate: quota tokens per output token, ~ unverified; quotas: default tokens per minute,\n\
         a/b: in the profiles named first / elsewhere; ?: unknown. `quotasim models MODEL` shows all of one.\n\n",
    );
    for (i, source) in sources.iter().enumerate() {
        page.extend([format!("{}  {}\n", letter(i), cite(source))]);
    }
    page
}

/// Everything that the catalogue knows of one model, in 80 columns.
pub fn sheet(card: &Card) -> String {
    let mut page = format!("{}\n\n", card.name);
    let mut line = |key: &str, value: String| wrap(&mut page, &format!("  {key:<16}"), &" ".repeat(18), &value);
    line("id", card.id.clone());
    line("status", status(&card.status));
    line("profiles", if card.profiles.is_empty() { "none".to_owned() } else { card.profiles.join(", ") });
    line("in-Region", if card.in_region { "yes" } else { "no: call an inference profile" }.to_owned());
    if !card.runtime {
        line("endpoint", "bedrock-mantle alone".to_owned());
    }
    line("context", tokens(card.context_window.map(|t| t.0)));
    line("max output", tokens(card.max_output.map(|t| t.0)));
    for dated in &card.burndown {
        let since = if dated.since.is_empty() { String::new() } else { format!(" since {}", dated.since) };
        let sure = if dated.verified { "" } else { " (unverified)" };
        line("burndown", format!("{} per output token{since}{sure}", dated.rate.0));
    }
    if card.burndown.is_empty() {
        line("burndown", "unknown".to_owned());
    }
    for quotas in &card.quotas {
        let name = format!("{} {}", quotas.kind.key().replace('_', "-"), quotas.only.join(", "));
        line(
            format!("quota {name}").trim_end(),
            format!("{} tokens, {} requests", figure(&quotas.tokens_per_minute), figure(&quotas.requests_per_minute)),
        );
    }
    if let Some(quotas) = card.quotas.first().filter(|quotas| has_mantle(quotas)) {
        line(
            "quota mantle",
            format!(
                "{} input, {} output",
                figure(&quotas.mantle_input_tokens_per_minute),
                figure(&quotas.mantle_output_tokens_per_minute)
            ),
        );
    }
    if card.historical_tokens_per_day != Figure::Unknown {
        line("tokens per day", format!("{} until 2026-09-21", figure(&card.historical_tokens_per_day)));
    }
    for (kind, prices) in &card.prices {
        line(&format!("price {}", kind.key().replace('_', "-")), price(prices));
    }
    if let Some(latency) = card.latency {
        line(
            "latency",
            format!(
                "{} s to the first token, {} tokens/s (assumption)",
                latency.ttft_s, latency.output_tokens_per_second
            ),
        );
    }
    for source in &card.sources {
        line("source", cite(source));
    }
    for note in &card.notes {
        line("note", note.clone());
    }
    page
}

/// The table as Markdown.
pub fn markdown(cards: &[Card]) -> String {
    let sources = sources(cards);
    let mut page = format!("| {} | status |\n|{}\n", HEAD.join(" | "), " --- |".repeat(HEAD.len() + 1));
    for card in cards {
        page.extend([format!("| {} | {} |\n", row(card, &sources).join(" | "), status(&card.status))]);
    }
    page.push('\n');
    for (i, source) in sources.iter().enumerate() {
        page.extend([format!("- {}: {}\n", letter(i), cite(source))]);
    }
    page
}

/// `{ "models": […] }`, each with its sources and the newest date among them.
pub fn json(cards: &[Card]) -> String {
    let document = json!({ "models": cards.iter().map(card_json).collect::<Vec<Value>>() });
    let mut text = serde_json::to_string_pretty(&document).expect("JSON values serialize");
    text.push('\n');
    text
}

fn card_json(card: &Card) -> Value {
    let quotas: Vec<Value> = card
        .quotas
        .iter()
        .map(|row| {
            json!({
                "profile": row.kind.key(),
                "only": row.only,
                "tokens_per_minute": figure_json(&row.tokens_per_minute),
                "requests_per_minute": figure_json(&row.requests_per_minute),
            })
        })
        .collect();
    let mantle = card.quotas.first().filter(|row| has_mantle(row)).map(|row| {
        json!({
            "input_tokens_per_minute": figure_json(&row.mantle_input_tokens_per_minute),
            "output_tokens_per_minute": figure_json(&row.mantle_output_tokens_per_minute),
        })
    });
    let prices: serde_json::Map<String, Value> = card
        .prices
        .iter()
        .map(|(kind, p)| {
            let value =
                json!({ "input": p.input, "output": p.output, "cache_read": p.cache_read, "cache_write": p.cache_write });
            (kind.key().to_owned(), value)
        })
        .collect();
    let (state, date) = match &card.status {
        Status::Active => ("active", None),
        Status::Legacy { end_of_life } => ("legacy", end_of_life.as_deref()),
        Status::Retired { since } => ("retired", Some(since.as_str())),
    };
    json!({
        "id": card.id,
        "name": card.name,
        "status": state,
        "end_of_life": date,
        "profiles": card.profiles,
        "in_region": card.in_region,
        "bedrock_runtime": card.runtime,
        "context_window": card.context_window,
        "max_output": card.max_output,
        "burndown_rate": card.burndown_now().map(|dated| dated.rate),
        "burndown": card.burndown.iter().map(|dated| json!({
            "since": Some(&dated.since).filter(|since| !since.is_empty()),
            "rate": dated.rate,
            "verified": dated.verified,
        })).collect::<Vec<Value>>(),
        "quotas": quotas,
        "mantle": mantle,
        "historical_tokens_per_day": figure_json(&card.historical_tokens_per_day),
        "prices_usd_per_million": prices,
        "latency": card.latency.map(|latency| json!({
            "ttft_s": latency.ttft_s,
            "output_tokens_per_second": latency.output_tokens_per_second,
            "assumption": true,
        })),
        "source": card.sources.iter().map(|source| source.title.as_str()).collect::<Vec<_>>().join("; "),
        "date": newest(card),
        "sources": card.sources.iter().map(|source| json!({
            "title": source.title,
            "date": Some(&source.read).filter(|read| !read.is_empty()),
        })).collect::<Vec<Value>>(),
        "notes": card.notes,
    })
}

/// `{ "limit", "code" }`, `"none"`, or `null` where unknown.
fn figure_json(figure: &Figure) -> Value {
    match figure {
        Figure::Limit { value, code } => json!({ "limit": value, "code": code }),
        Figure::NoQuota => json!("none"),
        Figure::Unknown => Value::Null,
    }
}

fn newest(card: &Card) -> Option<&str> {
    card.sources.iter().map(|source| source.read.as_str()).filter(|read| !read.is_empty()).max()
}

fn row(card: &Card, sources: &[&Source]) -> [String; 7] {
    let rate = card.burndown_now().map_or_else(
        || if card.runtime { "?" } else { "–" }.to_owned(),
        |dated| format!("{}{}", if dated.verified { "" } else { "~" }, dated.rate.0),
    );
    let max_output = card.max_output.map_or_else(|| "?".to_owned(), |t| short(t.0));
    let cited = card.sources.iter().filter_map(|source| sources.iter().position(|known| *known == source));
    let mut letters: Vec<char> = cited.map(letter).collect();
    letters.sort_unstable();
    let [on_demand, geo, global] = ProfileKind::ALL.map(|kind| quota_cell(card, kind));
    [card.id.clone(), rate, max_output, on_demand, geo, global, letters.into_iter().collect()]
}

/// Tokens per minute through one kind of profile, `8M/400K` where that differs by prefix, `–` where it is not offered.
fn quota_cell(card: &Card, kind: ProfileKind) -> String {
    let offered = match kind {
        ProfileKind::OnDemand => card.in_region && card.runtime,
        _ => card.profiles.iter().any(|prefix| ProfileKind::of_prefix(prefix) == Some(kind)),
    };
    let rows: Vec<String> = card
        .quotas
        .iter()
        .filter(|row| row.kind == kind)
        .map(|row| match &row.tokens_per_minute {
            Figure::Limit { value, .. } => short(*value),
            Figure::NoQuota => "none".to_owned(),
            Figure::Unknown => "?".to_owned(),
        })
        .collect();
    match (offered, rows.is_empty()) {
        (false, _) => "–".to_owned(),
        (true, true) => "?".to_owned(),
        (true, false) => rows.join("/"),
    }
}

fn sources(cards: &[Card]) -> Vec<&Source> {
    let mut known: Vec<&Source> = Vec::new();
    for source in cards.iter().flat_map(|card| &card.sources) {
        if !known.contains(&source) {
            known.push(source);
        }
    }
    known
}

fn letter(index: usize) -> char {
    LETTERS.get(index).map_or('?', |&byte| char::from(byte))
}

fn cite(source: &Source) -> String {
    if source.read.is_empty() { source.title.clone() } else { format!("{} ({})", source.title, source.read) }
}

fn status(status: &Status) -> String {
    match status {
        Status::Active => "active".to_owned(),
        Status::Legacy { end_of_life: None } => "legacy".to_owned(),
        Status::Legacy { end_of_life: Some(day) } => format!("legacy, ends {day}"),
        Status::Retired { since } => format!("retired {since}"),
    }
}

fn tokens(value: Option<u64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), short)
}

fn figure(figure: &Figure) -> String {
    match figure {
        Figure::Limit { value, code: Some(code) } => format!("{} ({code})", short(*value)),
        Figure::Limit { value, code: None } => short(*value),
        Figure::NoQuota => "no limit on".to_owned(),
        Figure::Unknown => "unknown".to_owned(),
    }
}

fn price(prices: &Prices) -> String {
    let named = [
        ("input", prices.input),
        ("output", prices.output),
        ("cache read", prices.cache_read),
        ("cache write", prices.cache_write),
    ];
    let parts = named.map(|(name, usd)| usd.map_or_else(|| format!("{name} ?"), |usd| format!("{name} ${usd}")));
    parts.join(", ")
}

fn has_mantle(row: &DefaultQuotas) -> bool {
    row.mantle_input_tokens_per_minute != Figure::Unknown || row.mantle_output_tokens_per_minute != Figure::Unknown
}

/// `5M`, `1.44B`, `64K`, `8192`: exact, with at most two decimals before the letter.
fn short(value: u64) -> String {
    for (unit, letter) in [(1_000_000_000, 'B'), (1_000_000, 'M'), (1_000, 'K')] {
        if value >= unit && value.is_multiple_of(unit / 100) {
            let text = format!("{}.{:02}", value / unit, value % unit / (unit / 100));
            return format!("{}{letter}", text.trim_end_matches('0').trim_end_matches('.'));
        }
    }
    value.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_short_and_exact() {
        for (value, text) in [
            (5_000_000, "5M"),
            (1_440_000_000, "1.44B"),
            (64_000, "64K"),
            (8_192, "8192"),
            (1_050_000, "1.05M"),
            (0, "0"),
        ] {
            assert_eq!(short(value), text);
        }
    }

    #[test]
    fn the_unknown_is_marked_and_the_rest_cited() {
        let card = Card {
            quotas: vec![],
            sources: vec![Source { title: "a page".to_owned(), read: "2026-10".to_owned() }],
            ..Card::unknown("example.model")
        };
        let cards = [card];
        let table = text(&cards);
        assert!(table.lines().nth(1).is_some_and(|line| line.contains("example.model     ?        ?")), "{table}");
        assert!(table.ends_with("a  a page (2026-10)\n"), "{table}");
        let document: Value = serde_json::from_str(&json(&cards)).expect("JSON");
        let model = &document["models"][0];
        assert_eq!((&model["burndown_rate"], &model["max_output"]), (&Value::Null, &Value::Null));
        assert_eq!((&model["source"], &model["date"]), (&json!("a page"), &json!("2026-10")));
        assert!(sheet(&cards[0]).contains("burndown        unknown"));
        assert!(markdown(&cards).contains("- a: a page (2026-10)"));
    }
}
