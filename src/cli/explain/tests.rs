//! Both verbs about models, from arguments to the page.

use super::super::models;
use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
enum Verb {
    Explain(ExplainArgs),
    Models(models::ModelsArgs),
}

fn page(line: &str) -> anyhow::Result<String> {
    let verb = Verb::try_parse_from(std::iter::once("quotasim").chain(line.split_whitespace()))?;
    let mut out = Vec::new();
    match verb {
        Verb::Explain(args) => run(&args, &mut out)?,
        Verb::Models(args) => models::run(&args, &mut out)?,
    };
    Ok(String::from_utf8(out)?)
}

#[test]
fn the_classifier_fits_one_screen() {
    let page = page(
        "explain --model us.anthropic.claude-haiku-4-5-20251001-v1:0 --input 42 --output 5 --max-tokens 8_192 \
         --tokens-per-minute 200K",
    )
    .expect("a page");
    assert_eq!(
        page,
        "\
Claude Haiku 4.5 through us.anthropic.claude-haiku-4-5-20251001-v1:0 (geo)

  reservation = 42 input + 0 cache write + 8,192 max_tokens = 8,234
  charge = 42 input + 0 cache write + 5 output × 5 = 67
  refund = 8,234 reserved − 67 charged = 8,167
  fits at once = ⌊200,000 / 8,234⌋ = 24
  sustained = 200,000 / 67 = 2,985.1 per minute
  billed = 42 input + 0 cache read + 0 cache write + 5 output = 47 tokens
  cost = (42 × $1.1 + 5 × $5.5) / 1M = $0.0000737

  max_tokens                   reserves  fits at once     as much
  100                               142         1,408
  8,192 (asked)                   8,234            24    58 times
  64,000 (unset)                 64,042             3   451 times

  if AWS counts otherwise      reserves  fits at once
  reserve_cache_reads: true       8,234            24
  reserve_burndown: true         41,002             4
  reservation_floor: 4096         8,234            24

- max_tokens 8,192 reserves 58 times what 100 does, for the same charge of 67
  tokens
- left unset, max_tokens is the model's maximum, 64,000, and reserves 64,042:
  7.8 times this request
- responses take 0.74 s (assumption) and hold their reservations meanwhile:
  above 0.49 s a full bucket alone bears 1,989.7 per minute, and the sustained
  rate only as it refills; `quotasim run` tells
"
    );
}

#[test]
fn every_format_tells_the_same_and_text_fits_its_columns() {
    let line = "explain --model anthropic.claude-opus-4-1-20250805-v1:0 --input 190K --cache-read 5000 --output 900";
    let text = page(line).expect("text");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(text.contains("cannot be called by its bare id") && text.contains("legacy model"), "{text}");
    assert!(page(&format!("{line} --format markdown")).expect("Markdown").contains("| max_tokens | reserves |"));
    let json: serde_json::Value =
        serde_json::from_str(&page(&format!("{line} --format json")).expect("JSON")).expect("a document");
    assert_eq!(json["reservation"], 222_000);
    assert_eq!(json["unset"], true);
}

#[test]
fn errors_name_the_way_out() {
    for (line, part) in [
        ("explain --model us.anthropic.claude-haiku-4-5 --input 1 --output 1", "claude-haiku-4-5-20251001-v1:0`?"),
        ("explain --model us.anthropic.claude-haiku-4-5-20251001-v1:0 --input 1 --output 1 --max-tokens 65K", "64000"),
        ("explain --model xai.grok-4.6 --input 1 --output 1", "--max-tokens"),
        ("explain --model x --input many --output 1", "no whole quantity"),
        ("explain --model amazon.nova-lite-v1:0 --input 1 --output 1 --catalog missing.yaml", "missing.yaml"),
        ("models gpt-9000", "quotasim models"),
    ] {
        let error = page(line).expect_err(line);
        assert!(format!("{error:#}").contains(part), "{line}: {error:#}");
    }
}

#[test]
fn the_catalogue_fits_a_hundred_columns() {
    let table = page("models").expect("a table");
    for line in table.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
    assert!(table.contains("\nlegacy and retired\n"));
    let sheet = page("models us.amazon.nova-lite-v1:0").expect("a sheet");
    assert!(sheet.contains("quota geo us    8M (L-7C42E72A) tokens"), "{sheet}");
    assert!(sheet.lines().all(|line| line.chars().count() <= 80), "{sheet}");
    let json: serde_json::Value =
        serde_json::from_str(&page("models --format json").expect("JSON")).expect("a document");
    let models = json["models"].as_array().expect("a list");
    assert!(models.len() > 60 && models.iter().all(|model| model["source"].is_string() && model["date"].is_string()));
}
