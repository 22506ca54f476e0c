//! What each form of the language means.

use super::*;
use crate::model::*;
use crate::units::*;

/// SPEC §4's example, with the two figures that a catalogue would supply.
pub(super) const EXAMPLE: &str = r#"
version: 1
name: support-triage
pools:
  haiku:
    model: us.anthropic.claude-haiku-4-5-20251001-v1:0
    tokens_per_minute: 200_000
    requests_per_minute: none
    burndown_rate: 5
    max_output_tokens: 64000
workloads:
  triage:
    pool: haiku
    arrivals: { poisson: { rate: 5/s } }
    input_tokens: { lognormal: { median: 420, p95: 1200 } }
    output_tokens: 5
    max_tokens: 100                   # or `unset`
    client: { boto3: { mode: standard, retries: "2.1", max_attempts: 3 } }
slo:
  - attempt_throttle_rate < 1%
  - { workload: triage, require: latency_ms.p99 < 5s }
"#;

#[test]
fn the_example_reads_as_it_says() {
    let Scenario {
        name,
        start,
        horizon,
        warmup,
        replications,
        seed,
        load,
        episode,
        accounts,
        pools,
        workloads,
        slo,
        ..
    } = read(EXAMPLE).unwrap_or_else(|problems| panic!("{problems}")).scenario;
    assert_eq!(name, "support-triage");
    assert_eq!(start, scenario::Start::default());
    assert_eq!((horizon.0, warmup.0), (1_800_000_000_000, 120_000_000_000));
    assert_eq!((replications, seed, load, episode), (10, 1, scenario::Load::ONE, false));
    assert!(accounts.is_empty());
    let [pool] = pools.as_slice() else { panic!("one pool") };
    assert_eq!(
        pool.quotas,
        PoolQuotas::Runtime { requests: None, tokens: Some(Quota::constant(200_000)), tokens_per_day: None }
    );
    assert_eq!((pool.burndown, pool.max_output), (BurndownRate(5), Tokens(64_000)));
    let [triage] = workloads.as_slice() else { panic!("one workload") };
    assert_eq!(triage.arrivals, Arrivals::Poisson { rate: Rate { events: 5, per: SimSpan::SECOND } });
    let Distribution::LogNormal { mu, sigma } = triage.tokens.input else { panic!("lognormal") };
    assert!((mu - 420f64.ln()).abs() < 1e-12 && (sigma - (1200f64 / 420.0).ln() / 1.644854).abs() < 1e-12);
    assert_eq!(triage.tokens.output, Distribution::Constant(5.0));
    assert_eq!(triage.max_tokens, Some(Tokens(100)));
    assert_eq!(triage.read_timeout, Some(SimSpan(60 * SimSpan::SECOND.0)));
    assert_eq!(slo[0].metric, "attempt_throttle_rate");
    assert_eq!((slo[0].bound, slo[0].comparison), (0.01, Comparison::Less));
    assert_eq!((slo[1].scope.clone(), slo[1].bound), (Scope::Workload(0), 5_000.0));
}

/// The scenario that a text means.
fn meaning(text: &str) -> Scenario {
    read(text).unwrap_or_else(|problems| panic!("{text}\n{problems}")).scenario
}

/// The one workload with these fields.
fn one(fields: &str) -> Workload {
    meaning(&workload(fields)).workloads.remove(0)
}

/// The workload with these fields, and arrivals and tokens besides.
fn served(fields: &str) -> Workload {
    one(&format!("arrivals: {{ constant: {{ rate: 1/s }} }}, input_tokens: 10, output_tokens: 5, {fields}"))
}

/// The pool with these fields besides its model's.
fn pool(fields: &str) -> Pool {
    let text = workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 10, output_tokens: 5, max_tokens: 10")
        .replace("tokens_per_minute: 1M, requests_per_minute: none", fields);
    meaning(&text).pools.remove(0)
}

fn seconds(n: u64) -> SimSpan {
    SimSpan(n * SimSpan::SECOND.0)
}

fn at(n: u64) -> SimTime {
    SimTime(n * SimSpan::SECOND.0)
}

fn per_second(events: u64) -> Rate {
    Rate { events, per: SimSpan::SECOND }
}

/// Every arrival process as written and as meant.
pub(super) fn arrivals() -> Vec<(&'static str, Arrivals)> {
    use crate::model::arrivals::{Interpolation, Sessions};
    let constant = Distribution::Constant;
    vec![
        ("{ constant: { rate: 0.4/s } }", Arrivals::Constant { rate: Rate { events: 4, per: seconds(10) } }),
        ("{ burst: { at: 1m, count: 5k } }", Arrivals::Burst { at: at(60), count: 5_000 }),
        ("{ burst: { count: 7 } }", Arrivals::Burst { at: at(0), count: 7 }),
        ("{ poisson: { rate: 300/min } }", Arrivals::Poisson { rate: Rate { events: 300, per: SimSpan::MINUTE } }),
        ("{ gamma: { rate: 5/s, cv: 2 } }", Arrivals::Gamma { rate: per_second(5), cv: 2.0 }),
        ("{ weibull: { rate: 5/s, cv: 0.5 } }", Arrivals::Weibull { rate: per_second(5), cv: 0.5 }),
        (
            "{ on_off: { on_rate: 16/s, off_rate: 1/s, mean_on: 1s, mean_off: 3s } }",
            Arrivals::OnOff {
                on_rate: per_second(16),
                off_rate: per_second(1),
                mean_on: seconds(1),
                mean_off: seconds(3),
            },
        ),
        (
            "{ sinusoidal: { rate: 2/s, amplitude: 80%, period: 1d, phase: 6h } }",
            Arrivals::Sinusoidal {
                rate: per_second(2),
                amplitude: Probability(0.8),
                period: SimSpan::DAY,
                phase: SimSpan(6 * SimSpan::HOUR.0),
            },
        ),
        (
            "{ piecewise: { points: [[0s, 5/s], [5m, 40/s]], interpolation: step } }",
            Arrivals::Piecewise {
                points: vec![(at(0), per_second(5)), (at(300), per_second(40))],
                interpolation: Interpolation::Step,
            },
        ),
        (
            "{ piecewise: { points: [[0s, 0/s], [5m, 40/s]] } }",
            Arrivals::Piecewise {
                points: vec![(at(0), per_second(0)), (at(300), per_second(40))],
                interpolation: Interpolation::Linear,
            },
        ),
        (
            "{ cron: { schedule: '0 2 * * *', count: 10k, over: 1h } }",
            Arrivals::Cron {
                schedule: super::super::cron::parse("0 2 * * *").unwrap(),
                count: 10_000,
                over: SimSpan::HOUR,
            },
        ),
        (
            "{ closed_loop: { workers: 20, think_time: { exponential: { mean: 10s } } } }",
            Arrivals::ClosedLoop { workers: 20, think_time: Distribution::Exponential { mean: 10.0 } },
        ),
        (
            "{ sessions: { rate: 6/min, turns: { uniform: { min: 2, max: 20 } }, think_time: 30s, on_failure: continue } }",
            Arrivals::Sessions(Sessions {
                rate: Rate { events: 6, per: SimSpan::MINUTE },
                turns: Distribution::Uniform { min: 2.0, max: 20.0 },
                think_time: constant(30.0),
                cache_ttl: seconds(300),
                continue_on_failure: true,
            }),
        ),
    ]
}

#[test]
fn arrival_processes() {
    for (text, expected) in arrivals() {
        let workload = one(&format!("arrivals: {text}, input_tokens: 10, output_tokens: 5"));
        assert_eq!(workload.arrivals, expected, "{text}");
    }
}

/// Every distribution of tokens as written and as meant.
pub(super) fn distributions() -> Vec<(&'static str, Distribution)> {
    use crate::model::distribution::Bin;
    let ln = f64::ln;
    vec![
        ("420", Distribution::Constant(420.0)),
        ("1.5k", Distribution::Constant(1_500.0)),
        ("{ constant: 4_096 }", Distribution::Constant(4_096.0)),
        ("{ uniform: { min: 1, max: 2k } }", Distribution::Uniform { min: 1.0, max: 2_000.0 }),
        ("{ exponential: { mean: 350.5 } }", Distribution::Exponential { mean: 350.5 }),
        ("{ normal: { mean: 100, sd: 20 } }", Distribution::Normal { mean: 100.0, sd: 20.0 }),
        ("{ normal: { mean: 100, sd: 0 } }", Distribution::Constant(100.0)),
        ("{ lognormal: { mu: 5.5, sigma: 1.2 } }", Distribution::LogNormal { mu: 5.5, sigma: 1.2 }),
        ("{ lognormal: { median: 100, p95: 100 } }", Distribution::Constant(libm::exp(libm::log(100.0)))),
        (
            "{ lognormal: { mean: 1000, cv: 1 } }",
            Distribution::LogNormal { mu: ln(1000.0) - ln(2.0) / 2.0, sigma: ln(2.0).sqrt() },
        ),
        ("{ gamma: { mean: 100, cv: 0.5 } }", Distribution::Gamma { shape: 4.0, scale: 25.0 }),
        ("{ gamma: { shape: 0.93, scale: 2201 } }", Distribution::Gamma { shape: 0.93, scale: 2201.0 }),
        ("{ weibull: { shape: 1.195, scale: 360.2 } }", Distribution::Weibull { shape: 1.195, scale: 360.2 }),
        ("{ pareto: { min: 10, alpha: 1.5 } }", Distribution::Pareto { min: 10.0, alpha: 1.5, max: None }),
        (
            "{ pareto: { min: 10, alpha: 1.5, max: 8k } }",
            Distribution::Pareto { min: 10.0, alpha: 1.5, max: Some(8_000.0) },
        ),
        ("{ zipf: { n: 1000, exponent: 1.1 } }", Distribution::Zipf { n: 1_000, exponent: 1.1 }),
        (
            "{ mixture: [{ weight: 0.3, of: 10 }, { weight: 7, of: { exponential: { mean: 5 } } }] }",
            Distribution::Mixture(vec![
                (0.3, Distribution::Constant(10.0)),
                (7.0, Distribution::Exponential { mean: 5.0 }),
            ]),
        ),
        (
            "{ quantiles: { 0%: 1, 50%: 13, 100%: 900 } }",
            Distribution::Quantiles(vec![(0.0, 1.0), (0.5, 13.0), (1.0, 900.0)]),
        ),
        (
            "{ histogram: [{ from: 0, to: 10, count: 3 }, { from: 10, to: 20, count: 0 }, { from: 20, to: 1k, count: 4 }] }",
            Distribution::Histogram(vec![
                Bin { from: 0.0, to: 10.0, count: 3.0 },
                Bin { from: 20.0, to: 1_000.0, count: 4.0 },
            ]),
        ),
    ]
}

#[test]
fn distributions_of_tokens() {
    for (text, expected) in distributions() {
        let workload =
            one(&format!("arrivals: {{ constant: {{ rate: 1/s }} }}, input_tokens: {text}, output_tokens: 5"));
        match (workload.tokens.input, expected) {
            (Distribution::LogNormal { mu, sigma }, Distribution::LogNormal { mu: m, sigma: s }) => {
                assert!((mu - m).abs() < 1e-12 && (sigma - s).abs() < 1e-12, "{text}");
            }
            (read, expected) => assert_eq!(read, expected, "{text}"),
        }
    }
}

#[test]
fn a_weibull_by_mean_and_cv_has_them() {
    for cv in [0.1, 0.5, 1.0, 2.0, 10.0] {
        let text = format!(
            "arrivals: {{ constant: {{ rate: 1/s }} }}, input_tokens: {{ weibull: {{ mean: 200, cv: {cv} }} }}, output_tokens: 5"
        );
        let Distribution::Weibull { shape, scale } = one(&text).tokens.input else { panic!("Weibull") };
        let moment = |n: f64| scale.powf(n) * libm::tgamma(1.0 + n / shape);
        let (mean, variance) = (moment(1.0), moment(2.0) - moment(1.0).powi(2));
        assert!((mean - 200.0).abs() < 1e-9 && (variance.sqrt() / mean - cv).abs() < 1e-9, "{cv}");
    }
}

#[test]
fn durations_in_distributions_become_seconds() {
    let workload = served(
        "latency: { ttft: { uniform: { min: 800ms, max: 2s } }, ttft_per_1k_input: 20ms, output_tokens_per_second: { normal: { mean: 60, sd: 5 } } }",
    );
    assert_eq!(
        workload.latency,
        Some(Latency::Streaming {
            ttft: Distribution::Uniform { min: 0.8, max: 2.0 },
            ttft_per_1k_input: Distribution::Constant(0.02),
            output_tokens_per_second: Distribution::Normal { mean: 60.0, sd: 5.0 },
        })
    );
    let whole = served("latency: { duration: { exponential: { mean: 5s } } }");
    assert_eq!(whole.latency, Some(Latency::Duration(Distribution::Exponential { mean: 5.0 })));
    // What a workload leaves out is its pool's.
    let Some(Latency::Streaming { ttft, output_tokens_per_second, .. }) = served("latency: { ttft: 1s }").latency
    else {
        panic!("streaming")
    };
    assert_eq!(ttft, Distribution::Constant(1.0));
    assert!(matches!(output_tokens_per_second, Distribution::LogNormal { .. }));
}

#[test]
fn workload_fields() {
    let plain = served("");
    assert_eq!(plain.max_tokens, None);
    assert_eq!(plain.client, ClientPolicy::None);
    assert_eq!((plain.clients, plain.priority, plain.throttle_latency), (1, 0, SimSpan::ZERO));
    assert_eq!((plain.concurrency, plain.pace, plain.deadline, plain.read_timeout), (None, None, None, None));
    assert_eq!((plain.fallback, plain.tokens.correlation), (None, 0.0));
    assert_eq!(plain.tokens.cache_read, Distribution::Constant(0.0));
    assert_eq!(served("max_tokens: unset").max_tokens, None);
    assert_eq!(served("max_tokens: 32k").max_tokens, Some(Tokens(32_000)));
    assert_eq!(
        served("cache_read_tokens: 4k, cache_write_tokens: 100").tokens.cache_write,
        Distribution::Constant(100.0)
    );
    assert_eq!(served("correlation: -0.3").tokens.correlation, -0.3);
    assert_eq!(served("clients: 8, priority: 2").clients, 8);
    assert_eq!(served("concurrency: 20").concurrency, Some(Concurrency { limit: 20, queue: None }));
    assert_eq!(
        served("concurrency: { limit: 20, queue: 1000 }").concurrency,
        Some(Concurrency { limit: 20, queue: Some(1_000) })
    );
    assert_eq!(served("concurrency: { limit: 20, queue: unlimited }").concurrency.unwrap().queue, None);
    assert_eq!(served("pace: 92%").pace, Some(Probability(0.92)));
    assert_eq!(served("deadline: 30s").deadline, Some(seconds(30)));
    assert_eq!(served("read_timeout: 90s").read_timeout, Some(seconds(90)));
    assert_eq!(served("throttle_latency: 15ms").throttle_latency, SimSpan(15_000_000));
    assert_eq!(
        served(
            "faults: { unavailable: 0.5%, overloaded: 0.1%, slow: { probability: 1%, factor: 5 }, disconnect: 0.1% }"
        )
        .faults,
        Faults {
            unavailable: Probability(0.005),
            overloaded: Probability(0.001),
            slow: Probability(0.01),
            slow_factor: 5.0,
            disconnect: Probability(0.001),
            ..Faults::NONE
        }
    );
    assert_eq!((plain.faults, plain.stream), (Faults::NONE, false));
    assert!(served("stream: true").stream);
}

#[test]
fn fallbacks() {
    let text = workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 10, output_tokens: 5, fallback: { pools: [q], after: throttle }")
        .replace("workloads:", &format!("  q: {{ {POOL} }}\nworkloads:"));
    let fallback = |text: &str| meaning(text).workloads.remove(0).fallback;
    assert_eq!(fallback(&text), Some(Fallback { pools: vec![1], after: FallbackAfter::Throttle }));
    let short = text.replace("{ pools: [q], after: throttle }", "[q]");
    assert_eq!(fallback(&short), Some(Fallback { pools: vec![1], after: FallbackAfter::Failure }));
}

/// Every client as written and as meant, with its read timeout in seconds.
pub(super) fn clients() -> Vec<(&'static str, ClientPolicy, Option<u64>)> {
    use crate::model::client::{
        CustomPolicy, Delay, Jitter, RetryBudget,
        RetryMode::{self, *},
        RetryVersion::{self, *},
        Sdk::{self, *},
        SdkPolicy,
    };
    let sdk = |sdk: Sdk, mode: RetryMode, version: RetryVersion, max_attempts: u32| {
        ClientPolicy::Sdk(SdkPolicy { sdk, mode, version, max_attempts })
    };
    let backoff = |base, factor, cap, jitter| Delay::Backoff { base, factor, cap, jitter };
    let custom = |max_attempts, delay, budget| ClientPolicy::Custom(CustomPolicy { max_attempts, delay, budget });
    let exponential = Delay::Distribution(Distribution::Exponential { mean: 5.0 });
    vec![
        ("none", ClientPolicy::None, None),
        ("boto3", sdk(Boto3, Standard, V2_1, 3), Some(60)),
        ("{ boto3: { mode: legacy } }", sdk(Boto3, Legacy, V2_1, 5), Some(60)),
        ("{ boto3: { mode: adaptive, retries: \"2.0\", max_attempts: 6 } }", sdk(Boto3, Adaptive, V2_0, 6), Some(60)),
        ("{ javascript: {} }", sdk(JavaScript, Standard, V2_1, 3), None),
        ("{ rust: { retries: 2.0 } }", sdk(Rust, Standard, V2_0, 3), None),
        ("java", sdk(Java, Legacy, V2_0, 4), Some(30)),
        ("{ java: { mode: standard, retries: \"2.1\" } }", sdk(Java, Standard, V2_1, 3), Some(30)),
        ("anthropic", sdk(Anthropic, Standard, V2_1, 3), Some(600)),
        ("{ anthropic: { max_attempts: 1 } }", sdk(Anthropic, Standard, V2_1, 1), Some(600)),
        (
            "{ custom: { max_attempts: unlimited, delay: { exponential: { mean: 5s } } } }",
            custom(None, exponential.clone(), None),
            None,
        ),
        (
            "{ custom: { max_attempts: 2, delay: { exponential: { mean: 5s } }, budget: { capacity: 5, deposit: 0.1 } } }",
            custom(Some(2), exponential, Some(RetryBudget { capacity: 5.0, deposit: 0.1, retry_cost: 1.0 })),
            None,
        ),
        (
            "{ custom: { max_attempts: 3, backoff: { base: 1s, factor: 3, cap: 10s, jitter: equal } } }",
            custom(Some(3), backoff(1.0, 3.0, 10.0, Jitter::Equal), None),
            None,
        ),
        (
            "{ custom: { max_attempts: 3, delay: { backoff: { base: 500ms, jitter: none } } } }",
            custom(Some(3), backoff(0.5, 2.0, 20.0, Jitter::None), None),
            None,
        ),
        (
            "{ custom: { max_attempts: 1 } }",
            custom(Some(1), Delay::Distribution(Distribution::Constant(0.0)), None),
            None,
        ),
    ]
}

#[test]
fn client_policies() {
    for (text, policy, timeout) in clients() {
        let workload = served(&format!("client: {text}"));
        assert_eq!(workload.client, policy, "{text}");
        assert_eq!(workload.read_timeout, timeout.map(seconds), "{text}");
    }
    assert_eq!(served("client: boto3, read_timeout: none").read_timeout, None);
}

/// Limiters as written and as meant.
pub(super) fn limiters() -> Vec<(&'static str, Limiter)> {
    vec![
        ("token_bucket", Limiter::DEFAULT),
        (
            "{ token_bucket: { burst_seconds: 4.5, initial_level: 0 } }",
            Limiter::TokenBucket { burst: SimSpan(4_500_000_000), initial_level: Probability(0.0) },
        ),
        ("fixed_window", Limiter::FixedWindow { phase: SimSpan::ZERO }),
        ("{ fixed_window: { phase: 15s } }", Limiter::FixedWindow { phase: seconds(15) }),
        ("sliding_window", Limiter::SlidingWindow),
        ("{ sliding_window: {} }", Limiter::SlidingWindow),
    ]
}

#[test]
fn quotas_and_limiters() {
    let quotas = |fields: &str| match pool(fields).quotas {
        PoolQuotas::Runtime { requests, tokens, .. } => (requests, tokens),
        PoolQuotas::Mantle { .. } => panic!("runtime"),
    };
    let of = |limit, limiter| Some(Quota { limits: vec![(SimTime::ZERO, limit)], limiter });
    for (text, limiter) in limiters() {
        let fields = format!("tokens_per_minute: 2M, requests_per_minute: 1k, limiter: {text}");
        assert_eq!(quotas(&fields), (of(1_000, limiter), of(2_000_000, limiter)), "{text}");
        let own = format!("tokens_per_minute: 2M, requests_per_minute: {{ limit: 10_000, limiter: {text} }}");
        assert_eq!(quotas(&own), (of(10_000, limiter), of(2_000_000, Limiter::DEFAULT)), "{text}");
    }
    let theory = quotas("tokens_per_minute: 100k, requests_per_minute: 10, limiter: in_flight");
    assert_eq!(theory, (of(10, Limiter::DEFAULT), of(100_000, Limiter::InFlight)));
    assert_eq!(quotas("tokens_per_minute: none, requests_per_minute: { limit: none }"), (None, None));
    let (_, tokens) = quotas("tokens_per_minute: { at: [[0s, 2M], [30m, 4M]] }, requests_per_minute: none");
    assert_eq!(tokens.unwrap().limits, vec![(at(0), 2_000_000), (at(1_800), 4_000_000)]);
}

#[test]
fn pool_fields() {
    let plain = pool("tokens_per_minute: 2M, requests_per_minute: none");
    assert_eq!(
        (plain.burndown, plain.max_output, plain.context_window),
        (BurndownRate(5), Tokens(64_000), Some(Tokens(200_000)))
    );
    assert_eq!((plain.rules, plain.prices, plain.account), (ReservationRules::default(), Prices::default(), None));
    let full = pool(
        "tokens_per_minute: 2M, requests_per_minute: none, tokens_per_day: { limit: 100M, used_at_start: 1M }, \
         assumptions: { reserve_cache_reads: true, reserve_burndown: true, reservation_floor: 4096, rejections_consume: requests, \
         adjustment: { every: 1s } }, prices: { input: 1.10, output: 5.50 }, latency: { duration: 2s }",
    );
    let PoolQuotas::Runtime { tokens_per_day, .. } = &full.quotas else { panic!("runtime") };
    assert_eq!(
        *tokens_per_day,
        Some(DayQuota { limits: vec![(at(0), 100_000_000)], used_at_start: Tokens(1_000_000) })
    );
    assert_eq!(
        full.rules,
        ReservationRules {
            reserve_cache_reads: true,
            reserve_burndown: true,
            reservation_floor: Tokens(4_096),
            rejections_consume_requests: true,
            adjust_every: Some(SimSpan::SECOND),
        }
    );
    assert_eq!(full.prices, Prices { input: Some(1.1), output: Some(5.5), cache_read: None, cache_write: None });
    assert_eq!(full.latency, Latency::Duration(Distribution::Constant(2.0)));
    let at_end = pool(
        "tokens_per_minute: 2M, requests_per_minute: none, assumptions: { adjustment: at_end, rejections_consume: none }",
    );
    assert_eq!(at_end.rules, ReservationRules::default());
}

#[test]
fn mantle_pools() {
    let text = workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 10, output_tokens: 5, max_tokens: 10").replace(
        "burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none",
        "max_output_tokens: 64_000, endpoint: mantle, input_tokens_per_minute: 2M, output_tokens_per_minute: { limit: 400k }, limiter: sliding_window",
    );
    let pool = meaning(&text).pools.remove(0);
    let of = |limit| Some(Quota { limits: vec![(SimTime::ZERO, limit)], limiter: Limiter::SlidingWindow });
    assert_eq!(pool.quotas, PoolQuotas::Mantle { input: of(2_000_000), output: of(400_000) });
}

#[test]
fn accounts_are_shared() {
    let text = |account: &str| {
        workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 10, output_tokens: 5")
            .replace("model: mine,", &format!("model: mine, {account}"))
            + "accounts: { main: { tokens_per_day: { limit: 700M, used_at_start: 5 } }, other: { tokens_per_day: none } }\n"
    };
    let scenario = meaning(&text("account: main,"));
    assert_eq!(scenario.pools[0].account, Some(0));
    let quota = DayQuota { limits: vec![(at(0), 700_000_000)], used_at_start: Tokens(5) };
    assert_eq!(scenario.accounts[0], Account { name: "main".to_owned(), tokens_per_day: Some(quota) });
    assert_eq!(scenario.accounts[1].tokens_per_day, None);
    // Of two accounts none is meant unless named; the only one is.
    assert_eq!(meaning(&text("")).pools[0].account, None);
    let only = text("").replace(", other: { tokens_per_day: none }", "");
    assert_eq!(meaning(&only).pools[0].account, Some(0));
}

#[test]
fn top_level_fields() {
    let base = workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 10, output_tokens: 5");
    let with = |fields: &str| read(&format!("{base}{fields}")).unwrap_or_else(|problems| panic!("{problems}"));
    let plain = with("").scenario;
    assert_eq!((plain.name.as_str(), plain.replications, plain.seed), ("scenario", 10, 1));
    let loaded = with(
        "question: When does it throttle?\nhorizon: 1h\nwarmup: 0s\nreplications: 3\nseed: 7\nload: 1.5\nepisode: true\n\
         start: 2026-09-21 15:00 UTC\nslo: [attempt_throttle_rate <= 0.01, { pool: p, require: quota_utilization < 120% }]\n",
    );
    assert_eq!(loaded.question.as_deref(), Some("When does it throttle?"));
    let scenario = loaded.scenario;
    assert_eq!((scenario.horizon, scenario.warmup), (at(3_600), at(0)));
    assert_eq!((scenario.replications, scenario.seed, scenario.episode), (3, 7, true));
    assert_eq!(scenario.load, scenario::Load { numerator: 3, denominator: 2 });
    assert_eq!(scenario.start, scenario::Start { day: 20_717, time_of_day: SimSpan(15 * SimSpan::HOUR.0) });
    let bounds: Vec<_> = scenario.slo.iter().map(|r| (r.scope.clone(), r.comparison, r.bound)).collect();
    assert_eq!(bounds, [(Scope::Total, Comparison::AtMost, 0.01), (Scope::Pool(0), Comparison::Less, 1.2)]);
    for (text, day, hours) in [
        ("15:00 UTC", 20_458, 15),
        ("15:00", 20_458, 15),
        ("2026-09-21", 20_717, 0),
        ("2026-09-21T06:00:00Z", 20_717, 6),
    ] {
        let start = with(&format!("start: {text}\n")).scenario.start;
        assert_eq!((start.day, start.time_of_day.0), (day, hours * SimSpan::HOUR.0), "{text}");
    }
}

#[test]
fn bursts_need_no_warm_up() {
    let burst = meaning(&workload("arrivals: { burst: { count: 100 } }, input_tokens: 10, output_tokens: 5"));
    assert_eq!((burst.horizon, burst.warmup), (at(1_800), at(0)));
}

#[test]
fn overrides_change_the_tree() {
    let text = workload(
        "arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 5, max_tokens: 10, client: boto3",
    );
    let overrides = [
        ("pools.p.tokens_per_minute", "300k"),
        ("pools.p.assumptions.reserve_burndown", "true"),
        ("workloads.w.max_tokens", "unset"),
        ("workloads.w.arrivals", "{ gamma: { rate: 9/s, cv: 2 } }"),
        ("workloads.w.client.boto3.max_attempts", "7"),
        ("load", "1.5"),
        ("horizon", "10m"),
    ]
    .map(|(path, value)| (path.to_owned(), value.to_owned()));
    let Loaded { scenario, .. } =
        super::super::read(&text, "s.yaml", &overrides, &Fixture::default(), &Catalog::default())
            .unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(scenario.pools[0].quotas.reserved_from(), Some(&Quota::constant(300_000)));
    assert!(scenario.pools[0].rules.reserve_burndown);
    let workload = &scenario.workloads[0];
    assert_eq!((workload.max_tokens, &workload.arrivals), (None, &Arrivals::Gamma { rate: per_second(9), cv: 2.0 }));
    assert!(matches!(workload.client, ClientPolicy::Sdk(client::SdkPolicy { max_attempts: 7, .. })));
    assert_eq!((scenario.load.numerator, scenario.load.denominator, scenario.horizon), (3, 2, at(600)));
}

#[test]
fn variants_are_laid_over_a_scenario() {
    let text = workload("arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 5, max_tokens: 10");
    let variants = super::super::variants(
        "tight: { workloads: { w: { max_tokens: 7, arrivals: { gamma: { rate: 5/s, cv: 3 } } } } }\nbase:\n\
         wrong: { workloads: { v: { max_tokens: 7 } }, polls: {} }\n",
        "variants.yaml",
    )
    .unwrap();
    let read = |i: usize| {
        super::super::read_variant(&text, "s.yaml", &variants[i], &[], &Fixture::default(), &Catalog::default())
    };
    let tight = read(0).unwrap().scenario;
    assert_eq!(tight.workloads[0].max_tokens, Some(Tokens(7)));
    assert_eq!(tight.workloads[0].arrivals, Arrivals::Gamma { rate: per_second(5), cv: 3.0 });
    assert_eq!(read(1).unwrap().scenario.workloads[0].max_tokens, Some(Tokens(10)));
    let problems = read(2).unwrap_err().problems;
    let found: Vec<_> = problems.iter().map(|p| (p.file.as_str(), p.line, p.column, p.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("variants.yaml", 3, 23, "the override names `v`, which the scenario does not have"),
            ("variants.yaml", 3, 47, "unknown field `polls` in the scenario"),
        ]
    );
}
