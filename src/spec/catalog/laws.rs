//! What must hold of the catalogue, whoever edits it.

use super::build::well_formed;
use super::{Catalog, CatalogError};
use crate::model::catalog::{Card, Figure, ProfileKind};
use std::collections::BTreeMap;

fn cards() -> &'static [Card] {
    &Catalog::embedded().cards
}

/// Every figure of a card with a word for where it stands.
fn figures(card: &Card) -> Vec<(String, &Figure)> {
    let mut all = vec![(format!("{} per day", card.id), &card.historical_tokens_per_day)];
    for row in &card.quotas {
        let kind = row.kind.key();
        all.push((format!("{} {kind} tokens", card.id), &row.tokens_per_minute));
        all.push((format!("{} {kind} requests", card.id), &row.requests_per_minute));
        all.push((format!("{} mantle input", card.id), &row.mantle_input_tokens_per_minute));
        all.push((format!("{} mantle output", card.id), &row.mantle_output_tokens_per_minute));
    }
    all
}

#[test]
fn every_card_says_where_it_comes_from_and_when_that_was_read() {
    assert!(cards().len() >= 60, "the catalogue lost models");
    for card in cards() {
        assert!(!card.sources.is_empty(), "{}", card.id);
        for source in &card.sources {
            assert!(!source.title.is_empty() && source.read.len() >= 7, "{}: {source:?}", card.id);
        }
    }
}

#[test]
fn burndown_rates_are_those_that_aws_publishes() {
    for card in cards() {
        for dated in &card.burndown {
            assert!([1, 5, 10, 15].contains(&dated.rate.0), "{}", card.id);
            assert_eq!(
                dated.rate.0 == 1,
                !card.id.starts_with("anthropic.") && !card.id.contains("gpt-5.6"),
                "{}",
                card.id
            );
        }
    }
    let unknown: Vec<&str> =
        cards().iter().filter(|card| card.runtime && card.burndown.is_empty()).map(|card| card.id.as_str()).collect();
    assert_eq!(
        unknown,
        ["anthropic.claude-haiku-5-5", "anthropic.claude-sonnet-5-5", "anthropic.claude-fable-5", "openai.gpt-6-astra"]
    );
    let unverified = cards().iter().filter(|card| card.burndown.iter().any(|dated| !dated.verified));
    assert!(unverified.clone().all(|card| card.id.starts_with("anthropic.claude-3-")));
    assert_eq!(unverified.count(), 6);
}

#[test]
fn quota_codes_are_well_formed_and_belong_to_one_quota_each() {
    let mut owner: BTreeMap<&str, String> = BTreeMap::new();
    for card in cards() {
        for (place, figure) in figures(card) {
            assert_ne!(figure.value(), Some(0), "{place}");
            if let Some(code) = figure.code() {
                assert!(well_formed(code), "{place}: {code}");
                assert_eq!(owner.entry(code).or_insert_with(|| place.clone()), &place, "{code}");
            }
        }
    }
    assert!(owner.len() >= 79, "the catalogue lost quota codes: {}", owner.len());
}

#[test]
fn geo_prices_are_ten_percent_above_global_prices() {
    for card in cards() {
        let (geo, global) = (card.prices_for(ProfileKind::Geo), card.prices_for(ProfileKind::Global));
        let pairs = [
            (geo.input, global.input),
            (geo.output, global.output),
            (geo.cache_read, global.cache_read),
            (geo.cache_write, global.cache_write),
        ];
        // Sonnet 4 is older than the surcharge.
        let factor = if card.name == "Claude Sonnet 4" { 1.0 } else { 1.1 };
        for (geo, global) in pairs {
            if let (Some(geo), Some(global)) = (geo, global) {
                assert!((geo - factor * global).abs() < 1e-9, "{}: {geo} against {global}", card.id);
            }
        }
        for (_, prices) in &card.prices {
            assert!(
                prices.input.is_some_and(|usd| usd > 0.0) && prices.output.is_some_and(|usd| usd > 0.0),
                "{}",
                card.id
            );
        }
    }
}

#[test]
fn every_id_resolves_to_itself_under_all_its_profiles() {
    let catalog = Catalog::embedded();
    for card in &catalog.cards {
        let bare = catalog.resolve(&card.id).expect("a bare id");
        assert_eq!((bare.card.id.as_str(), bare.kind), (card.id.as_str(), ProfileKind::OnDemand));
        for (id, prefix) in card.profile_ids().iter().zip(&card.profiles) {
            let found = catalog.resolve(id).expect("a profile id");
            assert_eq!((found.card.id.as_str(), found.prefix), (card.id.as_str(), prefix.as_str()));
            assert_eq!(Some(found.kind), ProfileKind::of_prefix(prefix));
            assert!(found.offered());
        }
        assert!(card.in_region || !card.profiles.is_empty() || !card.runtime, "{} cannot be called", card.id);
        assert!(!card.needs_profile() || bare.needs_profile());
    }
}

#[test]
fn a_users_file_replaces_what_it_names_and_keeps_the_rest() {
    let text = "
version: 1
sources: { mine: { title: Service Quotas of account main, read: 2026-11-20 } }
models:
  - id: anthropic.claude-haiku-4-5-20251001-v1:0
    burndown: [{ rate: 5, verified: true }, { since: 2026-12-01, rate: 10, verified: false }]
    quotas: [{ profile: geo, tokens_per_minute: { limit: 15M } }]
    prices: { geo: { input: 1 } }
  - id: example.new-model-v1:0
    profiles: [us]
    max_output: 4_096
    sources: [mine]
";
    let catalog = Catalog::parse(text).expect("a valid file");
    let haiku = catalog.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0").expect("kept");
    let quotas = haiku.quotas().expect("kept");
    assert_eq!(quotas.tokens_per_minute.value(), Some(15_000_000));
    assert_eq!(quotas.requests_per_minute.value(), Some(10_000));
    assert_eq!((haiku.prices().input, haiku.prices().output), (Some(1.0), Some(5.5)));
    assert_eq!(haiku.burndown_on("2026-11-30").map(|b| b.rate.0), Some(5));
    assert_eq!(haiku.burndown_on("2026-12-01").map(|b| b.rate.0), Some(10));
    assert_eq!(haiku.card.sources.last().map(|s| s.title.as_str()), Some("catalogue file given by the user"));
    let new = catalog.resolve("us.example.new-model-v1:0").expect("added");
    assert_eq!((new.card.sources.len(), new.burndown()), (1, None));
    assert_eq!(catalog.cards.len(), Catalog::embedded().cards.len() + 1);
}

#[test]
fn a_wrong_file_gets_every_problem_with_its_line() {
    let text = "
version: 2
models:
  - id: us.example.model
    max_output: 0
    quotas: [{ profile: geo, tokens_per_minute: { limit: 0, code: L-12 } }]
    burndown: [{ rate: 0 }]
  - id: example.other
    profiles: [usa]
    prices: { geo: { input: -1 } }
    sources: [nowhere]
";
    let CatalogError { problems } = Catalog::parse(text).expect_err("nine problems");
    assert_eq!(problems.len(), 9, "{problems:#?}");
    assert_eq!(problems.iter().map(|p| p.line).collect::<Vec<_>>(), [0, 4, 4, 4, 4, 4, 8, 8, 8]);
}

#[test]
fn broken_files_are_errors_and_never_panics() {
    for text in [
        "",
        "models",
        "version: 1",
        "version: 1\nmodels: 7",
        "version: 1\nmodels: [{ id: a.b, colour: red }]",
        "version: 1\nmodels: [{ id: a.b, max_output: -4 }]",
        "version: 1\nmodels: [{ id: a.b, max_output: 1.5 }]",
        "version: 1\nmodels: [{ id: a.b, quotas: [{ profile: geo, tokens_per_minute: 5 }] }]",
        "version: 1\nmodels: [{ id: a.b, status: gone }]",
        "version: 1\nmodels: [{ id: a.b, status: { legacy: x, retired: y } }]",
        "version: 1\nmodels: [{ id: a.b, latency: { ttft: .nan, output_tokens_per_second: 0 } }]",
        "version: 1\nmodels: [{ id: a.b }, { id: a.b }]",
        "\tversion: 1",
        "\u{0}\u{1}\u{2}",
    ] {
        let error = Catalog::parse(text).expect_err(text);
        assert!(!error.to_string().is_empty());
    }
}
