//! What clients meet and do, end to end: faults in episodes and of pools, each SDK's answer to each error, streams,
//! wasted work, reasons of failure, spikes and whether a system comes back from them.

use crate::support;
use quotasim::analysis::recovery::State;
use quotasim::analysis::{Recovery, Summary};
use quotasim::engine::{AttemptRow, Outcome};
use std::collections::BTreeMap;

const SECOND: u64 = 1_000_000_000;

/// A pool of a million tokens per minute with burndown 5, and a request that reserves and is charged 150.
const POOL: &str =
    "model: m, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none";
const REQUEST: &str = "input_tokens: 100, output_tokens: 10, max_tokens: 50, latency: { duration: 1s }";

/// One replication of two minutes with a workload `w` on a pool `p`, and a second pool `q`.
fn run(top: &str, pool: &str, workload: &str) -> (Summary, Vec<AttemptRow>) {
    let text = format!(
        "version: 1\nname: clients\nhorizon: 2m\nwarmup: 0s\nreplications: 1\n{top}\npools:\n  p: {{ {POOL}, {pool} }}\n  \
         q: {{ {POOL} }}\nworkloads:\n  w: {{ pool: p, {workload} }}\n"
    );
    let mut rows = Vec::new();
    let summary = support::run_attempts(&text, |_, row| rows.push(*row));
    (summary, rows)
}

const EVERY_SECOND: &str = "arrivals: { constant: { rate: 1/s } }";

/// The requests with an attempt of this outcome.
fn requests(rows: &[AttemptRow], outcome: Outcome) -> Vec<u64> {
    let mut requests: Vec<u64> = rows.iter().filter(|row| row.outcome == outcome).map(|row| row.request).collect();
    requests.dedup();
    requests
}

// Faults.

#[test]
fn an_episode_lasts_as_long_as_it_says_and_comes_again() {
    let episodes = "faults: { episodes: [{ at: 10s, for: 5s, every: 60s, unavailable: 100% }, \
                    { at: 30s, for: 2s, model_not_ready: 100% }] }";
    let (summary, rows) = run("", "prices: {}", &format!("{EVERY_SECOND}, {REQUEST}, {episodes}"));
    let unavailable: Vec<u64> = (10..15).chain(70..75).collect();
    assert_eq!(requests(&rows, Outcome::Unavailable), unavailable);
    assert_eq!(requests(&rows, Outcome::ModelNotReady), [30, 31]);
    assert_eq!((summary.total.counts.failed, summary.total.counts.throttled), (12, 0));
    assert_eq!(summary.total.attempt_fault_rate.mean, Some(0.1));
    let failures = summary.total.failures_by_cause;
    assert_eq!((failures.unavailable.mean, failures.model_capacity.mean), (Some(5.0), Some(1.0)));
}

#[test]
fn faults_of_a_pool_are_left_behind_with_it() {
    let outage = "faults: { episodes: [{ at: 10s, for: 5s, unavailable: 100% }] }";
    let (summary, rows) = run("", outage, &format!("{EVERY_SECOND}, {REQUEST}, fallback: [q]"));
    assert_eq!(requests(&rows, Outcome::Unavailable), [10, 11, 12, 13, 14]);
    assert_eq!((summary.total.counts.failed, summary.pools["q"].counts.succeeded), (0, 5));
    // Those of a workload go with it wherever it calls.
    let (summary, rows) = run("", "prices: {}", &format!("{EVERY_SECOND}, {REQUEST}, fallback: [q], {outage}"));
    assert_eq!(requests(&rows, Outcome::Unavailable).len(), 5);
    assert_eq!((summary.total.counts.failed, summary.total.counts.attempts), (5, 125));
}

#[test]
fn rates_and_episodes_share_one_draw_so_that_an_episode_only_adds() {
    let of = |faults: &str| {
        let (_, rows) = run("", "prices: {}", &format!("{EVERY_SECOND}, {REQUEST}, faults: {{ {faults} }}"));
        requests(&rows, Outcome::Unavailable)
    };
    let (usual, episode) =
        (of("unavailable: 20%"), of("unavailable: 20%, episodes: [{ at: 0s, for: 2m, unavailable: 40% }]"));
    assert!(usual.len() > 10 && episode.len() > usual.len());
    assert!(usual.iter().all(|request| episode.contains(request)));
}

/// Attempts of a request that meets nothing but this fault, by client: facts of the client matrices, end to end.
#[test]
fn each_sdk_takes_each_fault_as_it_does() {
    let clients =
        ["boto3@2.1", "boto3-standard@2.0", "boto3-legacy", "javascript@2.1", "rust@2.1", "java", "anthropic", "none"];
    let table = [
        ("unavailable", [3, 3, 5, 3, 3, 4, 3, 1]),
        ("overloaded", [3, 3, 5, 3, 3, 4, 3, 1]),
        ("model_not_ready", [3, 3, 5, 3, 3, 4, 3, 1]),
        ("disconnect", [3, 3, 5, 3, 3, 4, 3, 1]),
        ("timeout", [3, 3, 5, 3, 3, 4, 3, 1]),
        // 408: nobody but Anthropic's SDK tries again.
        ("model_timeout", [1, 1, 1, 1, 1, 1, 3, 1]),
    ];
    for (fault, expected) in table {
        let attempts = clients.map(|client| {
            let workload = format!(
                "arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, faults: {{ {fault}: 100% }}, client: {client}, \
                 read_timeout: 5s"
            );
            run("", "prices: {}", &workload).1.len()
        });
        assert_eq!(attempts, expected, "{fault} by {clients:?}");
    }
}

/// A model that is not ready is a throttle to JavaScript and Java, which wait a second at first; to boto3 and Rust it is
/// not, and 2.1 waits 50 ms.
#[test]
fn the_wait_follows_from_the_class_of_the_error() {
    let longest_first_wait = |client: &str, fault: &str| {
        let workload = format!("{EVERY_SECOND}, {REQUEST}, faults: {{ {fault}: 100% }}, client: {client}");
        let (_, rows) = run("", "prices: {}", &workload);
        let mut first: BTreeMap<u64, u64> = BTreeMap::new();
        let mut waits = Vec::new();
        for row in &rows {
            match row.attempt {
                1 => drop(first.insert(row.request, row.at.0)),
                2 => waits.push(row.at.0 - first[&row.request]),
                _ => {}
            }
        }
        assert!(waits.len() > 10, "{client}: {} waits, before the retry quota is spent", waits.len());
        waits.into_iter().max().unwrap_or_default() as f64 / 1e9
    };
    for (client, fault, most) in [
        ("boto3@2.1", "model_not_ready", 0.05),
        ("boto3@2.1", "overloaded", 1.0),
        ("boto3-standard@2.0", "model_not_ready", 1.0),
        ("javascript@2.1", "model_not_ready", 1.0),
        ("javascript@2.1", "unavailable", 0.05),
        ("javascript@2.0", "unavailable", 0.1),
        ("rust@2.1", "model_not_ready", 0.05),
        ("java", "unavailable", 0.1),
        ("anthropic", "unavailable", 0.5),
    ] {
        let longest = longest_first_wait(client, fault);
        assert!(longest <= most && longest > most * 0.8, "{client} after {fault}: {longest} s");
    }
}

/// 503s cost 14 of the 500 tokens of a retry quota that nothing refills: 35 retries.
#[test]
fn the_retry_quota_runs_out_in_an_outage() {
    let workload = format!("{EVERY_SECOND}, {REQUEST}, faults: {{ unavailable: 100% }}, client: boto3@2.1");
    let (summary, rows) = run("", "prices: {}", &workload);
    assert_eq!(rows.len(), 120 + 35);
    assert_eq!(summary.total.counts.failed, 120);
    // Of two clients, each has its own.
    let (_, rows) = run("", "prices: {}", &format!("{workload}, clients: 2"));
    assert_eq!(rows.len(), 120 + 70);
}

#[test]
fn an_attempt_without_a_response_holds_its_quota_and_is_wasted() {
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, faults: {{ timeout: 100% }}, client: boto3@2.1, read_timeout: 5s"
    );
    let (summary, rows) = run("", "prices: { input: 10, output: 100 }", &workload);
    assert!(rows.iter().all(|row| row.outcome == Outcome::TimedOut));
    // Each waits five seconds before it is given up, and then at most 50, 100 ms.
    assert!(rows.windows(2).all(|two| (5 * SECOND..5 * SECOND + SECOND / 10).contains(&(two[1].at.0 - two[0].at.0))));
    let wasted = summary.total.wasted;
    assert_eq!((wasted.attempts_per_minute.mean, wasted.tokens_per_minute.mean), (Some(1.5), Some(225.0)));
    assert_eq!(wasted.share.mean, Some(1.0));
    // Three attempts of 100 tokens at $10 and 10 at $100 per million, in two minutes.
    let dollars = wasted.cost_usd_per_hour.mean.expect("prices are known");
    assert!((dollars - 3.0 * 0.002 * 30.0).abs() < 1e-9, "{dollars}");
    assert_eq!(summary.total.failures_by_cause.timed_out.mean, Some(0.5));
}

// Streams.

/// Two seconds, the first token after one.
const STREAM: &str = "input_tokens: 100, output_tokens: 10, max_tokens: 50, \
                      latency: { ttft: 1s, output_tokens_per_second: 10 }, stream: true";

#[test]
fn an_error_in_a_started_stream_is_not_retried_and_one_before_it_is() {
    let workload = format!("{EVERY_SECOND}, {STREAM}, faults: {{ disconnect: 40% }}, client: boto3@2.1");
    let (summary, rows) = run("", "prices: {}", &workload);
    let attempts = |request: u64| rows.iter().filter(move |row| row.request == request);
    let broken = requests(&rows, Outcome::StreamBroken);
    let early = requests(&rows, Outcome::Disconnected);
    assert!(broken.len() > 10 && early.len() > 10, "{} and {}", broken.len(), early.len());
    for &request in &broken {
        let last = attempts(request).map(|row| row.attempt).max();
        let row = attempts(request).find(|row| row.outcome == Outcome::StreamBroken).expect("it broke");
        assert_eq!(Some(row.attempt), last, "request {request} was tried again");
    }
    for &request in &early {
        assert!(attempts(request).count() > 1 || broken.contains(&request), "request {request} was not tried again");
    }
    assert!(summary.total.counts.failed >= broken.len() as u64);
    // Not streamed, every one of them is tried again.
    let (_, rows) = run("", "prices: {}", &workload.replace("stream: true", "stream: false"));
    assert!(requests(&rows, Outcome::StreamBroken).is_empty());
    assert!(requests(&rows, Outcome::Disconnected).len() > broken.len() + early.len() / 2);
}

#[test]
fn a_read_timeout_watches_over_a_stream_until_its_first_token() {
    let long = "input_tokens: 100, output_tokens: 1000, max_tokens: 1000, \
                latency: { ttft: 1s, output_tokens_per_second: 10 }, client: boto3";
    let burst = "arrivals: { burst: { at: 0s, count: 1 } }";
    let (summary, rows) = run("", "prices: {}", &format!("{burst}, {long}"));
    assert_eq!((rows.len(), summary.total.counts.succeeded), (3, 0), "100 s are too long for 60");
    let (summary, rows) = run("", "prices: {}", &format!("{burst}, {long}, stream: true"));
    assert_eq!((rows.len(), summary.total.counts.succeeded), (1, 1));
    assert_eq!((summary.total.latency_ms.mean, summary.total.ttft_ms.mean), (Some(101_000.0), Some(1_000.0)));
    let (_, rows) = run("", "prices: {}", &format!("{burst}, {long}, stream: true, read_timeout: 500ms"));
    assert_eq!(rows.len(), 3, "the first token comes after a second");
}

/// A hundred throttled requests spend the retry quota; what five first tokens bring back is enough for one more retry,
/// and comes only with the end of the answer where it does not stream.
#[test]
fn a_success_is_booked_with_the_first_token() {
    // Five requests of 200,000 fill a bucket that refills a thirtieth of one while the others try again.
    let pool = "tokens_per_minute: 1M";
    let third_attempts = |stream: &str| {
        let workload = format!(
            "arrivals: {{ burst: {{ at: 0s, count: 105 }} }}, input_tokens: 199_000, output_tokens: 1_000, max_tokens: 1_000, \
             latency: {{ ttft: 1ms, output_tokens_per_second: 100 }}, client: {{ boto3: {{ max_attempts: 3 }} }}, {stream}"
        );
        let text = format!(
            "version: 1\nname: booked\nhorizon: 2m\nwarmup: 0s\nreplications: 1\npools:\n  p: {{ model: m, burndown_rate: 1, \
             max_output_tokens: 64_000, {pool}, requests_per_minute: none }}\nworkloads:\n  w: {{ pool: p, {workload} }}\n"
        );
        let mut rows = Vec::new();
        support::run_attempts(&text, |_, row| rows.push(*row));
        assert_eq!(rows.iter().filter(|row| row.outcome == Outcome::Succeeded).count(), 5);
        rows.iter().filter(|row| row.attempt == 3).count()
    };
    assert_eq!(third_attempts("stream: true"), 1);
    assert_eq!(third_attempts("stream: false"), 0);
}

#[test]
fn a_stream_on_mantle_books_breaks_and_is_cut_like_any_other() {
    let text = |faults: &str| {
        format!(
            "version: 1\nname: mantle\nhorizon: 2m\nwarmup: 0s\nreplications: 1\npools:\n  p: {{ model: m, endpoint: mantle, \
             max_output_tokens: 64_000, input_tokens_per_minute: 1M, output_tokens_per_minute: 1M }}\nworkloads:\n  \
             w: {{ pool: p, {EVERY_SECOND}, {STREAM}, client: boto3-adaptive, faults: {{ {faults} }} }}\n"
        )
    };
    let summary = support::run(&text("disconnect: 0%"));
    assert_eq!((summary.total.counts.succeeded, summary.total.counts.attempts), (120, 120));
    let mut rows = Vec::new();
    let summary = support::run_attempts(&text("disconnect: 40%"), |_, row| rows.push(*row));
    let broken = requests(&rows, Outcome::StreamBroken).len() as u64;
    assert!(broken > 10 && summary.total.counts.failed >= broken, "{broken}");
    let counts = summary.total.counts;
    assert_eq!(counts.requests, counts.succeeded + counts.failed);
}

// Why requests fail.

#[test]
fn failures_are_counted_by_cause() {
    let full = "concurrency: { limit: 1, queue: 2 }, deadline: 5s";
    // Three seconds each, one at a time: of five at once one is served, one is late, one waits too long, two are shed.
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 5 }} }}, {}, {full}",
        REQUEST.replace("duration: 1s", "duration: 3s")
    );
    let (summary, _) = run("", "prices: {}", &workload);
    let failures = summary.total.failures_by_cause;
    assert_eq!((failures.shed.mean, failures.deadline_exceeded.mean), (Some(1.0), Some(1.0)));
    assert_eq!(failures.throttled.mean, Some(0.0));
    assert_eq!(summary.total.counts.failed, 4);
    // What the deadline cut off was charged all the same.
    assert_eq!(summary.total.wasted.attempts_per_minute.mean, Some(0.5));
}

// Spikes.

/// A requests quota of ten per second that a crowd of retries keeps at zero, half used by the usual traffic.
///
/// Refused attempts count against it. Once every request takes twenty attempts there are 100 per second, and the quota has
/// one to give only after a gap of a tenth of a second: the crowd lives on by itself.
fn storm(client: &str, spike: &str) -> Recovery {
    let text = format!(
        "version: 1\nname: storm\nhorizon: 20m\nwarmup: 2m\nreplications: 4\n{spike}\npools:\n  p: {{ model: m, burndown_rate: 5, \
         max_output_tokens: 64_000, tokens_per_minute: none, requests_per_minute: 600, assumptions: {{ rejections_consume: \
         requests }} }}\nworkloads:\n  w: {{ pool: p, arrivals: {{ poisson: {{ rate: 300/min }} }}, {REQUEST}, client: {client} }}\n"
    );
    support::run(&text).recovery.expect("there is a spike")
}

const SPIKE: &str = "spike: { at: 5m, for: 30s, load: 8 }";

#[test]
fn a_spike_that_retries_keep_alive_and_one_that_passes() {
    let stubborn = storm("{ custom: { max_attempts: 20, delay: { exponential: { mean: 1s } } } }", SPIKE);
    assert_eq!(stubborn.state, State::DoesNotRecover, "{:?}", stubborn.trouble_rate);
    assert_eq!(stubborn.replications.does_not_recover, 4);
    assert_eq!(stubborn.time_to_recover_s.mean, None);
    assert!(stubborn.trouble_rate.end.mean > Some(0.9), "{:?}", stubborn.trouble_rate);
    assert!(stubborn.trouble_rate.end_undisturbed.mean < Some(0.01), "{:?}", stubborn.trouble_rate);
    assert!(stubborn.attempts_per_request.end.mean > Some(15.0), "{:?}", stubborn.attempts_per_request);
    let resigned = storm("none", SPIKE);
    assert_eq!((resigned.state, resigned.replications.stable), (State::Stable, 4), "{:?}", resigned.trouble_rate);
    let time = resigned.time_to_recover_s.mean.expect("all recover");
    assert!((0.0..120.0).contains(&time), "{time}");
    assert!((resigned.from_s - 300.0).abs() < 1e-9 && (resigned.to_s - 330.0).abs() < 1e-9);
}

#[test]
fn an_outage_is_a_disturbance_and_a_spike_of_one_is_none() {
    let calm = storm(
        "{ custom: { max_attempts: 20, delay: { exponential: { mean: 1s } } } }",
        "spike: { at: 5m, for: 30s, load: 1 }",
    );
    assert_eq!(calm.state, State::Stable);
    assert_eq!(calm.time_to_recover_s.max, Some(0.0));
    let outage = "faults: { episodes: [{ at: 30s, for: 20s, unavailable: 100% }] }";
    let (summary, _) = run("", outage, &format!("{EVERY_SECOND}, {REQUEST}"));
    let recovery = summary.recovery.expect("an outage");
    assert_eq!((recovery.state, recovery.trouble_rate.during.mean), (State::Stable, Some(1.0)));
    // Episodes that come again and again leave nothing to come back to, and nothing is judged after the horizon.
    let again = outage.replace("for: 20s", "for: 20s, every: 40s");
    let late = outage.replace("at: 30s", "at: 110s");
    for faults in [again, late] {
        assert!(run("", &faults, &format!("{EVERY_SECOND}, {REQUEST}")).0.recovery.is_none(), "{faults}");
    }
}

#[test]
fn the_requests_before_a_spike_are_those_without_it() {
    let arrivals = |spike: &str| {
        let (_, rows) = run(spike, "prices: {}", &format!("arrivals: {{ poisson: {{ rate: 5/s }} }}, {REQUEST}"));
        rows.iter().map(|row| row.at.0).collect::<Vec<_>>()
    };
    let (calm, surged) = (arrivals(""), arrivals("spike: { at: 60s, for: 20s, load: 3 }"));
    let before = calm.partition_point(|&at| at < 60 * SECOND);
    assert_eq!(calm[..before], surged[..before]);
    let within = |times: &[u64]| times.iter().filter(|&&at| (60 * SECOND..80 * SECOND).contains(&at)).count();
    assert!((200..400).contains(&within(&surged)), "{} for 300", within(&surged));
    assert!((60..140).contains(&within(&calm)));
}
