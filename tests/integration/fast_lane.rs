//! The fast lane of the engine does what the general loop does, byte by byte.

use crate::support::scenario;
use quotasim::engine::{AttemptRow, Engine, Observer, Unwatched};
use quotasim::model::QuotaName;
use quotasim::tally::{FailureCause, Tally};

/// Who wants to see every attempt gets the general loop.
pub(crate) struct Watching(pub(crate) u64);

impl Observer for Watching {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, _: &AttemptRow) {
        self.0 += 1;
    }
}

const LIMITERS: [&str; 7] = [
    "token_bucket",
    "{ token_bucket: { burst_seconds: 1 } }",
    "{ token_bucket: { burst_seconds: 10, initial_level: 0.5 } }",
    "fixed_window",
    "{ fixed_window: { phase: 17s } }",
    "sliding_window",
    "in_flight",
];
const CLIENTS: [&str; 8] = [
    "none",
    "anthropic",
    "boto3",
    "boto3@2.0",
    "rust",
    // Waits of up to 25 s: many blocks of requests are in progress at once.
    "{ custom: { max_attempts: 8, backoff: { base: 500ms, factor: 2, cap: 5s, jitter: equal } } }",
    "{ custom: { max_attempts: 3, backoff: { base: 1s, factor: 2, cap: 20s, jitter: full } } }",
    // Retries at the very instants of other events.
    "{ custom: { max_attempts: 4, delay: 2s } }",
];
/// Arrivals and latencies: scattered; at whole seconds, where everything happens at once; and a crowd.
const TRAFFIC: [&str; 3] = [
    "arrivals: { poisson: { rate: 20/s } }, input_tokens: { lognormal: { median: 400, p95: 1600 } }, \
     output_tokens: { lognormal: { median: 150, p95: 800 } }, \
     latency: { ttft: { lognormal: { median: 600ms, p95: 900ms } }, output_tokens_per_second: 60 }",
    "arrivals: { constant: { rate: 20/s } }, input_tokens: 900, output_tokens: 100, latency: { duration: 5s }",
    "arrivals: { burst: { at: 75s, count: 3000 } }, input_tokens: 500, output_tokens: { uniform: { min: 1, max: 900 } }, \
     latency: { duration: { uniform: { min: 1s, max: 9s } } }",
];

/// Some requests every now and then find no room; `extra` is a line more of the pool.
fn text(limiter: &str, client: &str, traffic: &str, extra: &str) -> String {
    format!(
        "version: 1\nhorizon: 4m\nwarmup: 70s\nreplications: 1\nseed: 5\n\
         pools:\n  p: {{ model: m, burndown_rate: 5, max_output_tokens: 900, tokens_per_minute: 1.2M, \
         limiter: {limiter}, {extra} }}\n\
         workloads:\n  w: {{ pool: p, client: {client}, clients: 3, {traffic} }}\n"
    )
}

fn compare(text: &str) -> u64 {
    both_ways(text).flows[0].throttled()
}

/// Runs it once as fast as the engine can and once in the general loop, which must come to the same.
fn both_ways(text: &str) -> Tally {
    let scenario = scenario(text);
    let engine = Engine::new(&scenario);
    let mut watching = Watching(0);
    let fast = engine.run(5, 0, &mut Unwatched).expect("nobody stops it");
    let general = engine.run(5, 0, &mut watching).expect("nobody stops it");
    // A cap or a pace leaves little of a crowd.
    assert!(watching.0 > 50, "{} attempts\n{text}", watching.0);
    // Not `assert_eq`: the histograms would fill the screen.
    assert!(fast == general, "{:?}\n{:?}\n{text}", fast.flows[0].ledger, general.flows[0].ledger);
    general
}

#[test]
fn every_limiter_client_and_traffic() {
    for traffic in TRAFFIC {
        for client in CLIENTS {
            let throttles: Vec<u64> = LIMITERS
                .iter()
                .map(|limiter| compare(&text(limiter, client, traffic, "requests_per_minute: none")))
                .collect();
            assert!(throttles.iter().any(|&throttled| throttled > 100), "{client}, {traffic}: {throttles:?}");
        }
    }
}

#[test]
fn several_quotas_of_one_pool() {
    for traffic in TRAFFIC {
        for extra in [
            "requests_per_minute: 900",
            "requests_per_minute: 900, tokens_per_day: 5M",
            "requests_per_minute: 900, assumptions: { rejections_consume: requests }",
        ] {
            let throttled = compare(&text("token_bucket", "boto3", traffic, extra));
            assert!(throttled > 100, "{extra}, {traffic}: {throttled}");
        }
    }
}

#[test]
fn a_request_that_never_fits_and_answers_beyond_all_patience() {
    let never = TRAFFIC[0].replace("median: 400, p95: 1600", "median: 400, p95: 900_000");
    assert!(compare(&text("token_bucket", "boto3", &never, "requests_per_minute: none")) > 100);
    let endless = TRAFFIC[1].replace("duration: 5s", "duration: { pareto: { min: 1s, alpha: 0.2 } }");
    compare(&text("in_flight", "boto3", &endless, "requests_per_minute: none"));
}

#[test]
fn requests_too_large_or_too_long_for_a_number_of_eight_bytes() {
    let large = TRAFFIC[0].replace("median: 400, p95: 1600", "median: 20_000_000, p95: 90_000_000");
    let long = TRAFFIC[2].replace("max: 9s", "max: 900s");
    for client in ["none", "anthropic", CLIENTS[5], CLIENTS[7]] {
        let throttles = LIMITERS.map(|limiter| {
            let text = |traffic: &str| text(limiter, client, traffic, "requests_per_minute: none");
            compare(&text(&long));
            compare(&text(&large).replace("1.2M", "20_000M"))
        });
        assert!(throttles.iter().any(|&throttled| throttled > 100), "{client}: {throttles:?}");
    }
}

#[test]
fn crowds_whose_answers_cost_more_than_they_reserve() {
    let crowds = "arrivals: { on_off: { on_rate: 60/s, off_rate: 1/s, mean_on: 20s, mean_off: 40s } }, \
                  input_tokens: { uniform: { min: 1, max: 3000 } }, output_tokens: { uniform: { min: 1, max: 2000 } }, \
                  latency: { duration: { exponential: { mean: 5s } } }";
    for client in ["none", "boto3", CLIENTS[5]] {
        for limiter in LIMITERS {
            assert!(compare(&text(limiter, client, crowds, "requests_per_minute: 700")) > 100);
        }
    }
}

#[test]
fn answers_that_may_take_forever() {
    let long = "arrivals: { poisson: { rate: 300/s } }, input_tokens: 100, output_tokens: 30, max_tokens: 60, \
                latency: { duration: { lognormal: { median: 500ms, p95: 90s } } }";
    for client in ["none", "rust", CLIENTS[5]] {
        let [bucket, _] = ["token_bucket", "in_flight"]
            .map(|limiter| compare(&text(limiter, client, long, "requests_per_minute: none")));
        assert!(bucket > 100, "{client}");
    }
}

#[test]
fn answers_at_once_retries_at_once_and_a_run_of_a_millisecond() {
    let at_once = TRAFFIC[2].replace("{ uniform: { min: 1s, max: 9s } }", "0s");
    let now = TRAFFIC[2].replace("at: 75s", "at: 0s");
    for client in ["none", "boto3", "{ custom: { max_attempts: 4, delay: 0s } }"] {
        for limiter in LIMITERS {
            compare(&text(limiter, client, &at_once, "requests_per_minute: none"));
            let short = text(limiter, client, &now, "requests_per_minute: none");
            compare(&short.replace("horizon: 4m\nwarmup: 70s", "horizon: 1ms\nwarmup: 0s"));
        }
    }
}

/// What clients may do beside retrying and services beside answering, as more of a workload, and how requests fail of it.
const FEATURES: [(&str, &[FailureCause]); 13] = [
    ("deadline: 4500ms", &[FailureCause::DeadlineExceeded]),
    // At the very instants of answers and retries.
    ("deadline: 5s", &[]),
    ("read_timeout: 3s", &[FailureCause::TimedOut]),
    ("read_timeout: 4s, deadline: 9s", &[FailureCause::DeadlineExceeded]),
    ("faults: { unavailable: 20%, overloaded: 10%, model_not_ready: 10% }", &[FailureCause::Unavailable]),
    ("faults: { disconnect: 10%, model_timeout: 10%, timeout: 5% }, read_timeout: 20s", &[FailureCause::Disconnected]),
    (
        "faults: { slow: { probability: 30%, factor: 3 }, episodes: [{ at: 80s, for: 20s, unavailable: 100% }] }, \
         read_timeout: 14s",
        &[FailureCause::Unavailable],
    ),
    (
        "deadline: 30s, faults: { episodes: [{ at: 1s, for: 5s, every: 20s, overloaded: 60%, disconnect: 30% }] }",
        &[FailureCause::ModelCapacity],
    ),
    ("stream: true", &[]),
    ("stream: true, read_timeout: 900ms, deadline: 15s, faults: { disconnect: 10%, model_timeout: 5% }", &[]),
    ("concurrency: { limit: 9, queue: 40 }", &[FailureCause::Shed]),
    ("concurrency: { limit: 30 }, deadline: 6s", &[FailureCause::DeadlineExceeded]),
    (
        "concurrency: { limit: 20, queue: 100 }, deadline: 10s, stream: true, faults: { unavailable: 5%, disconnect: 5% }",
        &[FailureCause::Shed],
    ),
];

#[test]
fn deadlines_timeouts_faults_streams_and_caps() {
    for (feature, causes) in FEATURES {
        let mut failures = [0; FailureCause::ALL.len()];
        for traffic in TRAFFIC {
            for client in CLIENTS {
                for (limiter, extra) in
                    [("token_bucket", "requests_per_minute: none"), ("fixed_window", "requests_per_minute: 900")]
                {
                    let tally = both_ways(&text(limiter, client, &format!("{traffic}, {feature}"), extra));
                    failures.iter_mut().zip(tally.flows[0].failures).for_each(|(sum, failed)| *sum += failed);
                }
            }
        }
        for &cause in causes {
            assert!(failures[cause as usize] > 100, "{feature}: {failures:?}");
        }
    }
}

/// Caps that are far away at times and bind at others, of clients whose requests stay in their blocks.
#[test]
fn caps_that_bind_at_times() {
    let clients = [("boto3", 1), ("anthropic", 1), (CLIENTS[5], 3), (CLIENTS[6], 3), (CLIENTS[6], 40), (CLIENTS[7], 3)];
    for limit in [8, 45, 70, 150, 400] {
        let mut shed = 0;
        for more in
            ["read_timeout: 60s", "deadline: 40s, faults: { unavailable: 5%, disconnect: 5%, model_timeout: 1% }"]
        {
            for traffic in TRAFFIC {
                let traffic = format!("{traffic}, concurrency: {{ limit: {limit}, queue: 60 }}, {more}");
                for (client, clients) in clients {
                    for limiter in ["token_bucket", "sliding_window"] {
                        let text = text(limiter, client, &traffic, "requests_per_minute: none");
                        let tally = both_ways(&text.replace("clients: 3", &format!("clients: {clients}")));
                        shed += tally.flows[0].failures[FailureCause::Shed as usize];
                    }
                }
            }
        }
        assert!(shed > 100, "{limit} slots: {shed}");
    }
}

/// A stream gives back to its client's retry quota with its first token, and not once more when it ends.
#[test]
fn streams_under_caps_give_back_once() {
    for client in ["boto3", "javascript", "{ java: { mode: legacy } }"] {
        for (limit, ttft) in [
            (60, "{ lognormal: { median: 20s, p95: 70s } }"),
            (81, "{ lognormal: { median: 20s, p95: 70s } }"),
            (110, "30s"),
            (1000, "1s"),
        ] {
            for seed in 0..8 {
                let throttled = compare(&format!(
                    "version: 1\nhorizon: 400s\nwarmup: 0s\nreplications: 1\nseed: {seed}\npools:\n  p: {{ model: m, \
                     burndown_rate: 5, max_output_tokens: 900, tokens_per_minute: 190k, requests_per_minute: none }}\n\
                     workloads:\n  w: {{ pool: p, client: {client}, arrivals: {{ gamma: {{ rate: 3/s, cv: 3 }} }}, \
                     input_tokens: 1016, output_tokens: {{ lognormal: {{ median: 120, p95: 800 }} }}, latency: {{ ttft: {ttft}, \
                     output_tokens_per_second: 30 }}, concurrency: {{ limit: {limit}, queue: 30 }}, stream: true }}\n"
                ));
                assert!(throttled > 50, "{limit} slots, seed {seed}: {throttled}");
            }
        }
    }
}

/// Clients whose limiter may hold an attempt back, each in its own way; the bare one has only the workload's pace.
const HELD_BACK: [&str; 5] = ["boto3", "boto3-adaptive", "javascript-adaptive", "java-adaptive", "rust-adaptive"];

#[test]
fn paces_and_limiters() {
    for (feature, causes) in [
        ("pace: 90%", &[][..]),
        ("pace: 70%, deadline: 12s", &[FailureCause::DeadlineExceeded]),
        ("deadline: 7s, faults: { unavailable: 10%, disconnect: 5% }", &[FailureCause::DeadlineExceeded]),
        ("pace: 80%, stream: true, read_timeout: 800ms", &[]),
        ("pace: 80%, concurrency: { limit: 30, queue: 50 }, deadline: 20s", &[FailureCause::Shed]),
    ] {
        let mut failures = [0; FailureCause::ALL.len()];
        for traffic in TRAFFIC {
            for client in HELD_BACK {
                let text = text("token_bucket", client, &format!("{traffic}, {feature}"), "requests_per_minute: none");
                let changes = text.replace("1.2M", "{ at: [[0s, 1.2M], [95s, 500k], [130s, 3M]] }");
                for text in [text, changes] {
                    let tally = both_ways(&text);
                    failures.iter_mut().zip(tally.flows[0].failures).for_each(|(sum, failed)| *sum += failed);
                }
            }
        }
        for &cause in causes {
            assert!(failures[cause as usize] > 100, "{feature}: {failures:?}");
        }
    }
}

#[test]
fn faults_of_the_pool_and_budgets_of_the_client() {
    let faults =
        "requests_per_minute: none, faults: { unavailable: 5%, timeout: 2%, slow: { probability: 9%, factor: 2 } }";
    let budget = "{ custom: { max_attempts: unlimited, delay: 500ms, budget: { capacity: 10, deposit: 0.1 } } }";
    for traffic in TRAFFIC {
        let timed = format!("{traffic}, read_timeout: 15s, deadline: 40s");
        for client in CLIENTS.into_iter().chain([budget]) {
            both_ways(&text("token_bucket", client, &timed, faults));
        }
    }
}

/// What a request gives back after midnight is of the day before.
#[test]
fn a_day_ends_while_requests_are_in_flight() {
    for client in ["none", "boto3", "rust", CLIENTS[6]] {
        for limiter in ["token_bucket", "sliding_window"] {
            let day = text(limiter, client, TRAFFIC[0], "requests_per_minute: none, tokens_per_day: 1.8M");
            let tally = both_ways(&day.replace("version: 1\n", "version: 1\nstart: 23:58 UTC\n"));
            assert!(tally.flows[0].throttles[QuotaName::TokensPerDay as usize] > 100, "{client}, {limiter}");
        }
    }
}

/// A request is repeated in the slice in which it was refused, before anything has been admitted.
#[test]
fn nothing_is_admitted_at_first() {
    let empty = "{ token_bucket: { initial_level: 0 } }";
    let traffic = TRAFFIC[0].replace("20/s", "100/s");
    let client = "{ custom: { max_attempts: 2, delay: 1ms } }";
    let text = text(empty, client, &traffic, "requests_per_minute: none");
    assert!(compare(&text.replace("tokens_per_minute: 1.2M", "tokens_per_minute: 2k")) > 100);
}

/// The queue of a pace is longer than the run, and maybe nobody in it is counted.
#[test]
fn a_queue_outlasts_the_horizon() {
    for (warmup, deadline) in [("0s", ""), ("70s", ""), ("239s", ""), ("70s", ", deadline: 100s")] {
        let crowd = TRAFFIC[2].replace("at: 75s", "at: 50s");
        let text = text("in_flight", "boto3", &format!("{crowd}, pace: 40%{deadline}"), "requests_per_minute: none");
        both_ways(&text.replace("warmup: 70s", &format!("warmup: {warmup}")));
    }
}

/// Whoever waits for boto3's limiter does so without a record, unless there is more to know of it.
#[test]
fn a_crowd_waits_for_send_tokens() {
    let changes = "{ at: [[0s, 1.2M], [95s, 500k], [130s, 3M]] }";
    let mut throttled = 0;
    for (warmup, tokens, more) in [
        ("0s", "1.2M", ""),
        ("70s", changes, ""),
        ("239s", "600k", ""),
        ("70s", "1.2M", ", read_timeout: 4s"),
        ("70s", "900k", ", cache_read_tokens: { uniform: { min: 0, max: 2 } }"),
    ] {
        for traffic in TRAFFIC {
            for limiter in LIMITERS {
                let text = text(limiter, "boto3-adaptive", &format!("{traffic}{more}"), "requests_per_minute: none")
                    .replace("clients: 3, ", "")
                    .replace("20/s", "40/s")
                    .replace("warmup: 70s", &format!("warmup: {warmup}"))
                    .replace("1.2M", tokens);
                throttled += compare(&text);
            }
        }
    }
    assert!(throttled > 1000, "{throttled}");
}

/// Waiters may have come too far apart for eight bytes to say which they are; those of a trace are not drawn.
#[test]
fn a_crowd_that_came_far_apart_or_from_a_trace() {
    let apart = TRAFFIC[0].replace("20/s", "48/min");
    let trace = "arrivals: { trace: { file: scenarios/data/bursts.csv, time: time, input_tokens: input, \
                 output_tokens: output, loop: true, scale: 4 } }, \
                 latency: { ttft: { lognormal: { median: 600ms, p95: 900ms } }, output_tokens_per_second: 60 }";
    for (traffic, tokens) in [(apart.as_str(), "20k"), (trace, "100k")] {
        let mut waited = 0;
        for limiter in LIMITERS {
            let text = text(limiter, "boto3-adaptive", traffic, "requests_per_minute: none")
                .replace("clients: 3, ", "")
                .replace("horizon: 4m", "horizon: 50m")
                .replace("1.2M", tokens);
            waited += both_ways(&text).flows[0].wait_limiter.histogram.total();
        }
        assert!(waited > 2_000, "{waited}, {traffic}");
    }
}

/// Requests leave a gateway in stretches, are given up in its queue or cut off by their deadline, while the mean of answers
/// moves often, rarely or never.
#[test]
fn departures_from_a_gateway() {
    let mut ended = [0; 2];
    for traffic in TRAFFIC {
        for feature in
            ["pace: 90%", "pace: 75%, deadline: 20s", "pace: 75%, deadline: 20s, read_timeout: 6s", "pace: 10%"]
        {
            for client in ["none", "boto3", CLIENTS[6]] {
                for limiter in LIMITERS {
                    let traffic = traffic.replace("20/s", "30/s");
                    let text = text(limiter, client, &format!("{traffic}, {feature}"), "requests_per_minute: none");
                    let changes = text.replace("1.2M", "{ at: [[0s, 1.6M], [95s, 1.2M], [130s, 3M]] }");
                    for text in [text.replace("1.2M", "1.6M"), changes] {
                        let flow = &both_ways(&text).flows[0];
                        let late = flow.failures[FailureCause::DeadlineExceeded as usize];
                        let cut_off = flow.wasted.attempts.min(late);
                        ended[0] += late - cut_off;
                        ended[1] += cut_off;
                    }
                }
            }
        }
    }
    assert!(ended.iter().all(|&count| count > 10_000), "{ended:?}");
}

/// Where hardly anything is refused, most slices of time are lived through at once.
#[test]
fn quiet_pools() {
    let requests = ["none", "3000", "{ limit: 3000, limiter: fixed_window }"];
    let tokens = ["2.4M", "{ at: [[0s, 1.3M], [100s, 4M], [150s, 1.5M]] }"];
    let budget = "{ custom: { max_attempts: 3, delay: 500ms, budget: { capacity: 10, deposit: 0.1 } } }";
    for traffic in &TRAFFIC[..2] {
        for limiter in LIMITERS {
            for (requests, tokens) in requests.into_iter().flat_map(|a| tokens.map(|b| (a, b))) {
                let extra = format!("requests_per_minute: {requests}");
                for (client, more) in [
                    ("boto3", "stream: false"),
                    ("boto3", "concurrency: { limit: 100, queue: 9 }"),
                    ("rust", "stream: true"),
                    (budget, "stream: false"),
                ] {
                    let text = text(limiter, client, &format!("{traffic}, {more}"), &extra);
                    both_ways(&text.replace("tokens_per_minute: 1.2M", &format!("tokens_per_minute: {tokens}")));
                }
            }
        }
    }
}

#[test]
fn a_disturbance_is_watched_in_the_lane() {
    let outage = "faults: { unavailable: 1%, episodes: [{ at: 100s, for: 20s, unavailable: 80%, timeout: 10% }] }";
    for traffic in TRAFFIC {
        let text = text("token_bucket", "boto3", &format!("{traffic}, {outage}"), "requests_per_minute: none");
        let tally = both_ways(&text);
        let health = tally.health.expect("a disturbance is watched");
        assert!(health.moments.iter().any(|moment| moment.troubled > 0 && moment.attempts > moment.requests));
        assert!(tally.undisturbed.is_some());
    }
}

/// Two workloads have no lane, and most requests go the general loop's own short way.
#[test]
fn plain_requests_of_the_general_loop() {
    for (feature, _) in FEATURES {
        for traffic in TRAFFIC {
            for client in CLIENTS {
                let one = text("token_bucket", client, &format!("{traffic}, {feature}"), "requests_per_minute: none");
                let other = format!("{}, read_timeout: 6s", TRAFFIC[0]);
                both_ways(&format!("{one}  x: {{ pool: p, client: boto3, {other} }}\n"));
            }
        }
    }
}

/// What the retries of all requests draw on is one quota, whether they stay in their blocks or have records of their own.
#[test]
fn one_client_whose_retries_share_a_quota() {
    let features = [
        "read_timeout: 60s",
        "read_timeout: 4s, deadline: 9s",
        "faults: { unavailable: 10%, disconnect: 5% }",
        "faults: { slow: { probability: 30%, factor: 3 }, episodes: [{ at: 80s, for: 20s, unavailable: 100% }] }",
    ];
    let clients = ["boto3", "boto3@2.0", "javascript", "javascript@2.0", "{ java: { mode: legacy } }", "anthropic"];
    for client in clients {
        let mut throttled = 0;
        for (traffic, feature) in
            TRAFFIC.iter().flat_map(|traffic| features.iter().map(move |feature| (traffic, feature)))
        {
            for limiter in LIMITERS {
                for extra in ["requests_per_minute: none", "requests_per_minute: 1100"] {
                    let text = text(limiter, client, &format!("{traffic}, {feature}"), extra);
                    throttled += compare(&text.replace("clients: 3", "clients: 1"));
                }
            }
        }
        assert!(throttled > 10_000, "{client}: {throttled}");
    }
}

/// Clients that make the same of an unavailable service as of a throttle: their requests stay in their blocks, unless they may
/// meet something else.
#[test]
fn an_unavailable_service_is_taken_for_a_throttle() {
    let features = [
        "faults: { unavailable: 2% }",
        "faults: { unavailable: 40% }",
        "faults: { unavailable: 5%, overloaded: 3%, disconnect: 3% }",
        "faults: { unavailable: 1%, episodes: [{ at: 30s, for: 110s, unavailable: 60% }] }",
    ];
    let pools = [
        "requests_per_minute: none",
        "requests_per_minute: none, faults: { unavailable: 4% }",
        "requests_per_minute: 1100",
        "requests_per_minute: 900, assumptions: { rejections_consume: requests }",
    ];
    let most = "{ custom: { max_attempts: 16, delay: 200ms } }";
    let mut failures = 0;
    for (feature, client) in
        features.iter().flat_map(|feature| [most].into_iter().chain(CLIENTS).map(move |client| (feature, client)))
    {
        for traffic in TRAFFIC {
            for pool in pools {
                for limiter in ["token_bucket", "fixed_window", "sliding_window", "in_flight"] {
                    let text = text(limiter, client, &format!("{traffic}, {feature}"), pool);
                    let tally = both_ways(&text.replace("clients: 3", "clients: 1"));
                    assert!(tally.flows[0].faulted > 0, "{text}");
                    failures += tally.flows[0].failures[FailureCause::Unavailable as usize];
                }
            }
        }
    }
    assert!(failures > 10_000, "{failures}");
}

/// A fault may make an answer take longer than eight bytes can say, of a request that could have stayed in its block.
#[test]
fn an_answer_that_a_fault_makes_too_long_for_a_number_of_eight_bytes() {
    let slow = TRAFFIC[0].replace("output_tokens_per_second: 60", "output_tokens_per_second: 12");
    let slow = format!("{slow}, faults: {{ slow: {{ probability: 2%, factor: 40 }} }}");
    for client in ["none", "anthropic", CLIENTS[6], "{ boto3: { mode: legacy } }"] {
        let throttles = LIMITERS.map(|limiter| {
            let text = text(limiter, client, &slow, "requests_per_minute: none");
            compare(&text.replace("horizon: 4m", "horizon: 40m"))
        });
        assert!(throttles.iter().any(|&throttled| throttled > 1000), "{client}: {throttles:?}");
    }
}

/// Until the calendar has found its width, most attempts begin and end in one slice, and are repeated there.
#[test]
fn what_is_much_shorter_than_a_slice() {
    let short = "arrivals: { poisson: { rate: 1900/s } }, input_tokens: 500, output_tokens: 10, \
                 latency: { duration: { uniform: { min: 1ms, max: 12ms } } }";
    for client in [
        "{ custom: { max_attempts: 6, delay: 1ms } }",
        "{ custom: { max_attempts: 9, delay: { uniform: { min: 0s, max: 3ms } } } }",
    ] {
        for limiter in LIMITERS {
            for limit in ["20k", "200k", "2M", "20M"] {
                let text = text(limiter, client, short, "requests_per_minute: none").replace("1.2M", limit);
                compare(&text.replace("horizon: 4m\nwarmup: 70s", "horizon: 3s\nwarmup: 0s"));
            }
        }
    }
}
