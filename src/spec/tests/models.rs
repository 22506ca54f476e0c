//! Pools completed from the catalogue, and what is assumed and warned of.

use super::*;
use crate::model::*;
use crate::units::*;

/// A catalogue of made-up models over the embedded one, which is data that changes.
fn catalog() -> Catalog {
    Catalog::parse(
        r"
version: 1
account_tokens_per_day: { limit: 700M }
models:
  - id: test.one-v1:0
    name: Model One
    status: active
    profiles: [us, global]
    in_region: false
    context_window: 200K
    max_output: 64_000
    burndown: [{ rate: 1, verified: true }, { since: 2026-06-01, rate: 5, verified: false }]
    quotas:
      - { profile: geo, tokens_per_minute: { limit: 5M }, requests_per_minute: none }
    prices: { geo: { input: 1.1, output: 5.5 } }
    latency: { ttft: 0.7, output_tokens_per_second: 130 }
    sources: []
",
    )
    .unwrap_or_else(|error| panic!("{error}"))
}

/// The scenario of one pool in the words of a person: what stands in the file, and the problems, warnings and
/// assumptions that come of it.
fn said(model: &str, pool: &str, rest: &str) -> String {
    let text = format!(
        "version: 1\npools: {{ p: {{ model: {model}{pool} }} }}\nworkloads: {{ w: {{ pool: p, arrivals: {{ poisson: {{ rate: 5/s }} }}, input_tokens: 100, output_tokens: 5, max_tokens: 50, client: boto3 }} }}\n{rest}"
    );
    match super::super::read(&text, "scenario.yaml", &[], &Fixture::default(), &catalog()) {
        Ok(loaded) => {
            let warnings = loaded.warnings.iter().map(|warning| format!("\n{warning}"));
            std::iter::once(loaded.scenario.assumptions.join("\n") + "\n").chain(warnings).collect::<Vec<_>>().concat()
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
fn what_the_file_leaves_out_is_the_catalogues() {
    insta::assert_snapshot!(
        "catalogue",
        [
            said("us.test.one-v1:0", "", ""),
            said("us.test.one-v1:0", "", "start: 2026-05-31 00:00 UTC\naccounts: { main: {} }\n"),
            said(
                "us.test.one-v1:0",
                ", max_output_tokens: 32k, latency: { ttft: 1s }, burndown_rate: 5, tokens_per_minute: 1M",
                ""
            ),
            said("eu.test.one-v1:0", "", ""),
            said("test.one-v1:0", ", tokens_per_minute: 1M", ""),
            said("us.test.two-v1:0", "", ""),
            said("arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2", "", ""),
        ]
        .join("----\n")
    );
}

#[test]
fn a_default_latency_is_told_of_where_a_workload_has_it() {
    const DEFAULT: &str = "takes a median of 1 s to the first token and then writes 65 tokens/s, both lognormal";
    let told = |pools: &str, workload: &str| {
        let text = format!(
            "version: 1\npools: {{ {pools} }}\nworkloads: {{ w: {{ arrivals: {{ poisson: {{ rate: 5/s }} }}, input_tokens: 100, output_tokens: 5, {workload} }} }}\n"
        );
        let loaded = read(&text).unwrap_or_else(|problems| panic!("{problems}"));
        let of_latency = loaded
            .scenario
            .assumptions
            .into_iter()
            .filter_map(|sentence| sentence.strip_suffix("; calibrate from logs for better.").map(str::to_owned));
        of_latency.collect::<Vec<_>>().join(" | ")
    };
    let pool = |model: &str, more: &str| {
        format!(
            "{model}: {{ model: {model}, burndown_rate: 5, max_output_tokens: 64k, tokens_per_minute: 1M, requests_per_minute: none{more} }}"
        )
    };
    let (one, other) = (pool("one", ""), pool("other", ""));
    let both = format!("{one}, {other}");
    assert_eq!(told(&one, "pool: one"), format!("one {DEFAULT}"));
    assert_eq!(told(&both, "pool: one"), format!("one {DEFAULT}"));
    assert_eq!(told(&both, "pool: one, fallback: [other]"), format!("one {DEFAULT} | other {DEFAULT}"));
    // Its own latency holds wherever it calls, completed from its own pool.
    assert_eq!(told(&one, "pool: one, latency: { duration: 2s }"), "");
    assert_eq!(told(&one, "pool: one, latency: { ttft: 1s, output_tokens_per_second: 70 }"), "");
    let speed = "one writes a median of 65 tokens/s, lognormal";
    assert_eq!(told(&both, "pool: one, fallback: [other], latency: { ttft: 1s }"), speed);
    assert_eq!(told(&pool("one", ", latency: { ttft: 2s }"), "pool: one"), speed);
    let first = "one takes a median of 1 s to the first token, lognormal";
    assert_eq!(told(&pool("one", ", latency: { output_tokens_per_second: 70 }"), "pool: one"), first);
}

#[test]
fn figures_of_the_catalogue_reach_the_pool() {
    let text = |rest: &str| {
        format!(
            "version: 1\npools: {{ p: {{ model: us.test.one-v1:0 }} }}\nworkloads: {{ w: {{ pool: p, arrivals: {{ poisson: {{ rate: 5/s }} }}, input_tokens: 100, output_tokens: 5 }} }}\n{rest}"
        )
    };
    let pool = |rest: &str| {
        let read = super::super::read(&text(rest), "s.yaml", &[], &Fixture::default(), &catalog());
        read.unwrap_or_else(|problems| panic!("{problems}")).scenario.pools.remove(0)
    };
    let now = pool("");
    assert_eq!(
        (now.burndown, now.max_output, now.context_window),
        (BurndownRate(5), Tokens(64_000), Some(Tokens(200_000)))
    );
    assert_eq!(
        now.quotas,
        PoolQuotas::Runtime { requests: None, tokens: Some(Quota::constant(5_000_000)), tokens_per_day: None }
    );
    assert_eq!((now.prices.input, now.prices.output, now.prices.cache_read), (Some(1.1), Some(5.5), None));
    assert_eq!(pool("start: 2026-05-31 00:00 UTC\n").burndown, BurndownRate(1));
    assert_eq!(pool("start: 2026-06-01 00:00 UTC\n").burndown, BurndownRate(5));
}
