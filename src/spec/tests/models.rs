//! Pools completed from the catalogue, and what is assumed and warned of.

use super::*;
use crate::model::catalog::*;
use crate::model::*;
use crate::units::*;

fn card(id: &str) -> Card {
    Card {
        id: id.to_owned(),
        name: "Model One".to_owned(),
        status: Status::Active,
        profiles: vec!["us".to_owned()],
        in_region: true,
        context_window: Some(Tokens(200_000)),
        max_output: Some(Tokens(64_000)),
        burndown: vec![
            DatedBurndown { since: String::new(), rate: BurndownRate(1), verified: true },
            DatedBurndown { since: "2026-06-01".to_owned(), rate: BurndownRate(5), verified: false },
        ],
        quotas: vec![],
        prices: vec![],
        latency: Some(LatencyDefault { ttft_s: 0.7, output_tokens_per_second: 130.0 }),
        sources: vec![],
        notes: vec![],
    }
}

/// The scenario of one pool in the words of a person: what stands in the file, and the problems, warnings and
/// assumptions that come of it.
fn said(model: &str, pool: &str, rest: &str) -> String {
    let text = format!(
        "version: 1\npools: {{ p: {{ model: {model}{pool} }} }}\nworkloads: {{ w: {{ pool: p, arrivals: {{ poisson: {{ rate: 5/s }} }}, input_tokens: 100, output_tokens: 5, max_tokens: 50, client: boto3 }} }}\n{rest}"
    );
    match super::super::read(&text, "scenario.yaml", &[], &Fixture::default(), Catalog::embedded()) {
        Ok(loaded) => {
            let mut said = loaded.scenario.assumptions.join("\n") + "\n";
            for warning in loaded.warnings {
                said += &format!("\n{warning}");
            }
            said
        }
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn assumptions_are_sentences() {
    let known = ", burndown_rate: 5, max_output_tokens: 64k, tokens_per_minute: 1M";
    insta::assert_snapshot!(
        "assumptions",
        [
            said("mine", &format!("{known}, requests_per_minute: none"), ""),
            said(
                "mine",
                &format!(
                    "{known}, requests_per_minute: {{ limit: 100, limiter: fixed_window }}, limiter: sliding_window, latency: {{ duration: 1s }}, \
                     assumptions: {{ reserve_cache_reads: true, reserve_burndown: true, reservation_floor: 4096, rejections_consume: requests, adjustment: {{ every: 1s }} }}"
                ),
                "accounts: { main: { tokens_per_day: 1G } }\n"
            ),
            said("mine", ", endpoint: mantle, max_output_tokens: 64k, input_tokens_per_minute: 1M, output_tokens_per_minute: 1M", ""),
        ]
        .join("----\n")
    );
}

#[test]
fn the_burndown_rate_is_that_of_the_day() {
    // Exercised on the card itself: the embedded catalogue is data that changes.
    let rates = card("one").burndown;
    let on = |date: &str| rates.iter().rfind(|rate| rate.since.as_str() <= date).map(|rate| rate.rate);
    assert_eq!((on("2026-05-31"), on("2026-06-01")), (Some(BurndownRate(1)), Some(BurndownRate(5))));
}
