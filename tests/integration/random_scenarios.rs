//! Scenarios that nobody thought of: the fast lane of the engine and its general loop come to the same.
//!
//! `fast_lane` goes through what is known to be difficult; here limiters, clients, laws, features and sizes are drawn
//! together, with everything at whole seconds in a third of them, so that ties are common.

use crate::fast_lane::Watching;
use crate::support::scenario;
use proptest::prelude::*;
use proptest::sample::select;
use quotasim::engine::{Engine, Unwatched};
use quotasim::units::SimTime;

const LIMITERS: [&str; 8] = [
    "token_bucket",
    "{ token_bucket: { burst_seconds: 1 } }",
    "{ token_bucket: { burst_seconds: 7, initial_level: 0 } }",
    "fixed_window",
    "{ fixed_window: { phase: 23s } }",
    "sliding_window",
    "in_flight",
    "{ token_bucket: { initial_level: 0.1 } }",
];
const CLIENTS: [&str; 17] = [
    "none",
    "anthropic",
    "boto3",
    "boto3@2.0",
    "boto3-adaptive",
    "rust",
    "rust-adaptive",
    "java",
    "java-adaptive",
    "javascript",
    "javascript-adaptive",
    "{ boto3: { mode: legacy } }",
    "{ java: { mode: legacy } }",
    "{ custom: { max_attempts: 2, delay: 1ms } }",
    "{ custom: { max_attempts: 6, delay: 1s } }",
    "{ custom: { max_attempts: 4, backoff: { base: 200ms, factor: 3, cap: 20s, jitter: decorrelated } } }",
    "{ custom: { max_attempts: unlimited, delay: 500ms, budget: { capacity: 10, deposit: 0.1 } } }",
];
/// Arrivals and latencies with the unit of their scale left open, scattered and at whole seconds.
const ARRIVALS: [&str; 5] = [
    "{ poisson: { rate: RATE/s } }",
    "{ gamma: { rate: RATE/s, cv: 3 } }",
    "{ on_off: { on_rate: RATE/s, off_rate: 1/s, mean_on: 20s, mean_off: 30s } }",
    "{ constant: { rate: RATE/s } }",
    "{ burst: { at: 20s, count: 900 } }",
];
const LATENCIES: [&str; 6] = [
    "{ ttft: { lognormal: { median: 600ms, p95: 900ms } }, output_tokens_per_second: 60 }",
    "{ duration: { exponential: { mean: 4s } } }",
    "{ duration: 3s }",
    "{ duration: 0s }",
    "{ duration: { lognormal: { median: 500ms, p95: 90s } } }",
    "{ duration: { pareto: { min: 1s, alpha: 0.4 } } }",
];
const OUTPUTS: [&str; 4] = [
    "{ lognormal: { median: 120, p95: 800 } }",
    "40",
    "{ uniform: { min: 1, max: 900 } }",
    "{ exponential: { mean: 5 } }",
];
/// What clients and services may do beside retrying and answering.
const FEATURES: [&str; 17] = [
    "",
    "",
    "clients: 7",
    "pace: 90%",
    "pace: 40%, priority: 2",
    "deadline: 3s",
    "deadline: 20s",
    "read_timeout: 2s",
    "read_timeout: 15s",
    "stream: true",
    "concurrency: { limit: 15, queue: 20 }",
    "concurrency: { limit: 400 }",
    "faults: { unavailable: 2%, disconnect: 1% }",
    "faults: { slow: { probability: 20%, factor: 4 }, model_timeout: 1% }",
    "faults: { overloaded: 3%, episodes: [{ at: 20s, for: 10s, unavailable: 70% }] }",
    "max_tokens: 30",
    "max_tokens: 900",
];
/// Quotas beside the limit of tokens per minute.
const QUOTAS: [&str; 7] = [
    "burndown_rate: 5, tokens_per_minute: LIMIT, requests_per_minute: none",
    "burndown_rate: 15, tokens_per_minute: LIMIT, requests_per_minute: none",
    "burndown_rate: 5, tokens_per_minute: LIMIT, requests_per_minute: 700",
    "burndown_rate: 5, tokens_per_minute: LIMIT, requests_per_minute: { limit: 900, limiter: sliding_window }",
    "burndown_rate: 5, tokens_per_minute: LIMIT, requests_per_minute: 700, \
     assumptions: { rejections_consume: requests }",
    "burndown_rate: 5, tokens_per_minute: LIMIT, requests_per_minute: none, tokens_per_day: 2M",
    // Its input may cost nothing.
    "endpoint: mantle, input_tokens_per_minute: LIMIT, output_tokens_per_minute: none",
];

/// Up to three features that do not name the same field.
fn features() -> impl Strategy<Value = String> {
    prop::collection::vec(select(&FEATURES), 0..4).prop_map(|chosen| {
        let mut fields: Vec<&str> = Vec::new();
        for feature in chosen {
            let field = |feature: &str| feature.split(':').next().unwrap_or_default().to_owned();
            if !feature.is_empty() && fields.iter().all(|other| field(other) != field(feature)) {
                fields.push(feature);
            }
        }
        [&[""], &fields[..]].concat().join(", ")
    })
}

/// A scenario of about a minute whose load is between a tenth of its quota and three times that.
fn scenarios() -> impl Strategy<Value = String> {
    let input = (prop_oneof![1 => 1u32..20, 2 => 1u32..3000], any::<bool>());
    let traffic = (select(&ARRIVALS), 1u32..80, select(&LATENCIES), select(&OUTPUTS), input);
    let pool = (select(&LIMITERS), select(&QUOTAS), 0.1f64..3.0, any::<bool>());
    let times = (select(&["23:59 UTC", "00:00 UTC"]), select(&["0s", "10s", "59s"]), 0u64..1000);
    (traffic, pool, select(&CLIENTS), features(), times).prop_map(|(traffic, pool, client, features, times)| {
        let (arrivals, rate, latency, output, (input, constant)) = traffic;
        let (limiter, quotas, load, changes) = pool;
        let (start, warmup, seed) = times;
        let limit = (f64::from(rate) * 60.0 * (f64::from(input) + 600.0) / load) as u64 + 1;
        let limit = if changes {
            format!("{{ at: [[0s, {limit}], [25s, {}], [45s, {}]] }}", limit / 3 + 1, limit * 2)
        } else {
            limit.to_string()
        };
        let quotas = quotas.replace("LIMIT", &limit);
        let input = if constant { input.to_string() } else { format!("{{ uniform: {{ min: 0, max: {input} }} }}") };
        let arrivals = arrivals.replace("RATE", &rate.to_string());
        format!(
            "version: 1\nhorizon: 1m\nwarmup: {warmup}\nreplications: 1\nseed: {seed}\nstart: {start}\n\
             pools:\n  p: {{ model: m, max_output_tokens: 900, limiter: {limiter}, {quotas} }}\n\
             workloads:\n  w: {{ pool: p, client: {client}, arrivals: {arrivals}, input_tokens: {input}, \
             output_tokens: {output}, latency: {latency}{features} }}\n"
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_lane_and_the_general_loop_agree(text in scenarios()) {
        let scenario = scenario(&text);
        let engine = Engine::new(&scenario);
        let fast = engine.run(5, 0, &mut Unwatched).expect("nobody stops it");
        let general = engine.run(5, 0, &mut Watching(0)).expect("nobody stops it");
        // Not `assert_eq`: the histograms would fill the screen.
        let flow = &general.flows[0];
        prop_assert!(fast == general, "{:?}\n{:?}\n{text}", fast.flows[0].ledger, flow.ledger);
        prop_assert!(flow.succeeded + flow.failed == flow.requests);
        // When what a stream holds is counted differs between batches, not in all.
        if engine.scenario().disturbance().is_none() && !text.contains("stream: true") {
            let warmup = engine.scenario().warmup.0;
            let cuts = [1, 2].map(|part| SimTime(warmup + part * (engine.scenario().horizon.0 - warmup) / 3));
            let fast = engine.run_in_batches(5, 1, &cuts, &mut Unwatched).expect("nobody stops it");
            let general = engine.run_in_batches(5, 1, &cuts, &mut Watching(0)).expect("nobody stops it");
            prop_assert!(fast == general, "in batches\n{text}");
        }
    }
}
