//! The statistics are what they say: intervals cover, percentiles are those of the sorted values, averages over time
//! are integrals, and the warning about a burst fires when it should.

use crate::support;
use proptest::prelude::*;
use quotasim::analysis::{Estimate, Metrics, Summary};
use quotasim::engine::Outcome;
use quotasim::planner::{self, Silent};
use quotasim::tally::Histogram;

/// A scenario with one pool `p` and one workload `w`.
fn scenario(head: &str, quotas: &str, workload: &str) -> String {
    format!(
        "version: 1\nname: theory\n{head}\npools:\n  p:\n    model: mine\n    burndown_rate: 5\n    max_output_tokens: 9_000\n    \
         requests_per_minute: none\n    {quotas}\nworkloads:\n  w:\n    pool: p\n    {workload}\n"
    )
}

/// Erlang's loss formula by its recursion, `B(c) = a·B(c−1) / (c + a·B(c−1))`.
fn erlang_b(servers: u32, load: f64) -> f64 {
    (1..=servers).fold(1.0, |b, c| load * b / (f64::from(c) + load * b))
}

/// *Law*: a 95 % interval covers the truth in 95 % of runs. Over 200 seeds, 90 to 99 % is 3.2 standard errors below and
/// 2.6 above; the truths are Erlang's loss and Little's number in flight of an M/M/5/5 system.
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let (servers, load) = (5, 4.0);
    let loss = erlang_b(servers, load);
    let text = scenario(
        "horizon: 80s\nwarmup: 20s\nreplications: 10",
        "tokens_per_minute: { limit: 5_000, limiter: in_flight }",
        "arrivals: { poisson: { rate: 4/s } }\n    input_tokens: 500\n    output_tokens: 1\n    max_tokens: 500\n    \
         latency: { duration: { exponential: { mean: 1s } } }",
    );
    let mut scenario = support::scenario(&text);
    let covers =
        |estimate: Option<[f64; 2]>, truth: f64| estimate.is_some_and(|[low, high]| low <= truth && truth <= high);
    let (mut lost, mut busy) = (0, 0);
    for seed in 1..=200 {
        scenario.seed = seed;
        let total = planner::replicate(&scenario, &Silent).expect("nobody stops it").summary.total;
        lost += u32::from(covers(total.request_failure_rate.ci95, loss));
        busy += u32::from(covers(total.in_flight.ci95, load * (1.0 - loss)));
    }
    assert!((180..=198).contains(&lost), "{lost} of 200 intervals cover the loss");
    assert!((180..=198).contains(&busy), "{busy} of 200 intervals cover the number in flight");
}

/// *Rule of three*: never seen in m minutes of r replications, a rate is below 3/(m·r), or 1.
#[test]
fn an_event_never_seen_has_the_rule_of_three() {
    let upper = |head: &str| {
        let workload = "arrivals: { constant: { rate: 2/s } }\n    input_tokens: 1\n    output_tokens: 1";
        let total = support::run(&scenario(head, "tokens_per_minute: none", workload)).total;
        assert_eq!(total.attempt_throttle_rate.mean, Some(0.0));
        assert!(total.attempt_throttle_rate.few_events, "no replication saw it");
        total.attempt_throttle_rate.ci95.map(|[low, high]| {
            assert_eq!(low, 0.0);
            high
        })
    };
    assert_eq!(upper("horizon: 3m\nwarmup: 1m\nreplications: 4"), Some(3.0 / 8.0));
    assert_eq!(upper("horizon: 61s\nwarmup: 1m\nreplications: 2"), Some(1.0));
    assert_eq!(upper("horizon: 3m\nwarmup: 1m\nreplications: 1"), None, "one replication has no interval");
}

/// *Law*: `few_events` is set exactly when fewer than five replications saw the event.
#[test]
fn few_events_counts_the_replications_that_saw_one() {
    let mut seen = std::collections::BTreeSet::new();
    for rate in [20, 30, 34, 37, 40, 50, 80] {
        let text = scenario(
            "horizon: 4m\nwarmup: 0s\nreplications: 8",
            "tokens_per_minute: { limit: 5_000, limiter: fixed_window }",
            &format!(
                "arrivals: {{ poisson: {{ rate: {rate}/min }} }}\n    input_tokens: 50\n    output_tokens: 10\n    max_tokens: 50"
            ),
        );
        let mut throttled = [0u32; 8];
        let summary = support::run_attempts(&text, |replication, row| {
            throttled[replication as usize] += u32::from(row.outcome == Outcome::Throttled);
        });
        let with_events = throttled.iter().filter(|&&count| count > 0).count();
        assert_eq!(summary.total.attempt_throttle_rate.few_events, with_events < 5, "{rate}/min: {throttled:?}");
        assert_eq!(summary.total.counts.throttled, u64::from(throttled.iter().sum::<u32>()));
        seen.insert(with_events < 5);
    }
    assert_eq!(seen.len(), 2, "both cases were met");
}

#[test]
fn nothing_measured_is_null_and_not_zero() {
    let workload = "arrivals: { burst: { at: 10s, count: 5 } }\n    input_tokens: 1\n    output_tokens: 1\n    latency: { duration: 1s }";
    let summary =
        support::run(&scenario("horizon: 3m\nwarmup: 1m\nreplications: 3", "tokens_per_minute: none", workload));
    let total = &summary.total;
    assert_eq!((total.counts.requests, total.attempt_throttle_rate), (0, Estimate::default()));
    assert_eq!((total.latency_ms.mean, total.latency_ms.p50, total.attempts_per_request.mean), (None, None, None));
    assert_eq!(summary.pools["p"].pool.as_ref().expect("a pool").quota_utilization.mean, None, "no quota");
    assert_eq!(total.cost_usd_per_hour.mean, Some(0.0), "nothing was billed in measured time");
}

/// One percentile of a summary.
type Percentile = fn(&quotasim::analysis::Percentiles) -> Option<f64>;

/// *Rule*: a percentile p needs 10/(1 − p) observations, pooled over replications.
#[test]
fn percentiles_are_null_below_ten_observations_beyond_them() {
    let latency = |count: u64| {
        let workload = format!(
            "arrivals: {{ burst: {{ count: {count} }} }}\n    input_tokens: 1\n    output_tokens: 1\n    latency: {{ duration: 1s }}"
        );
        support::run(&scenario("horizon: 1m\nreplications: 2", "tokens_per_minute: none", &workload)).total.latency_ms
    };
    let rules: [(u64, Percentile); 5] =
        [(20, |p| p.p50), (100, |p| p.p90), (200, |p| p.p95), (1_000, |p| p.p99), (10_000, |p| p.p999)];
    for (least, percentile) in rules {
        assert_eq!(percentile(&latency(least / 2 - 1)), None, "{least}");
        assert_eq!(percentile(&latency(least / 2)), Some(1_000.0), "{least}");
    }
}

/// The value at nearest rank ⌈p·n⌉ of sorted values, with p in thousandths.
fn nearest_rank(sorted: &[u64], thousandths: usize) -> u64 {
    sorted[(sorted.len() * thousandths).div_ceil(1_000).max(1) - 1]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// *Law*: a percentile of the histogram is within 0.1 % of the nearest rank of the sorted values.
    #[test]
    fn a_histogram_percentile_is_that_of_the_sorted_values(
        values in prop::collection::vec(prop_oneof![0u64..2_000, 0u64..100_000_000, any::<u64>().prop_map(|v| v >> 4)], 1..400),
        zeros in 0usize..50,
        split in any::<usize>(),
    ) {
        let (mut first, mut second) = (Histogram::default(), Histogram::default());
        let split = split % values.len();
        values[..split].iter().for_each(|&value| first.record(value));
        values[split..].iter().for_each(|&value| second.record(value));
        first.merge(&second);
        let mut sorted = values.clone();
        sorted.resize(values.len() + zeros, 0);
        sorted.sort_unstable();
        for thousandths in [1, 10, 250, 500, 900, 950, 990, 999, 1_000] {
            let exact = nearest_rank(&sorted, thousandths);
            let found = first.quantile(thousandths as f64 / 1_000.0, zeros as u64).expect("values");
            prop_assert!(found.abs_diff(exact) as f64 <= exact as f64 * 1e-3, "p{}: {} is not {}", thousandths, found, exact);
        }
        prop_assert_eq!(first.max(), values.iter().max().copied());
    }
}

/// *Law*: the latency percentiles of a run are within 0.1 % of those of its sorted latencies, which here follow from
/// the charges: every answer takes half a second and 20 ms a token, and waits for nothing.
#[test]
fn latency_percentiles_are_those_of_the_recorded_latencies() {
    let text = scenario(
        "horizon: 20m\nwarmup: 0s\nreplications: 3",
        "tokens_per_minute: none",
        "arrivals: { poisson: { rate: 5/s } }\n    input_tokens: 100\n    output_tokens: { lognormal: { median: 200, p95: 1_500 } }\n    \
         latency: { ttft: 500ms, output_tokens_per_second: 50 }",
    );
    let mut latencies = Vec::new();
    let summary = support::run_attempts(&text, |_, row| latencies.push(500 + (row.charge - 100) / 5 * 20));
    latencies.sort_unstable();
    let found = summary.total.latency_ms;
    assert_eq!(latencies.len() as u64, summary.total.counts.succeeded);
    for (name, value, thousandths) in [
        ("p50", found.p50, 500),
        ("p90", found.p90, 900),
        ("p95", found.p95, 950),
        ("p99", found.p99, 990),
        ("p999", found.p999, 999),
    ] {
        let exact = nearest_rank(&latencies, thousandths) as f64;
        let value = value.expect("enough observations");
        assert!((value - exact).abs() <= exact * 1e-3, "{name}: {value} is not {exact}");
    }
    let mean = latencies.iter().sum::<u64>() as f64 / latencies.len() as f64;
    assert!((found.mean.expect("a mean") - mean).abs() < 1e-6 * mean);
    assert_eq!(summary.total.ttft_ms.p99, Some(500.0));
}

/// *Law*: the causes of waiting add up to the wait when refusals come back at once and no attempt is given up: each in
/// its mean over the same requests.
#[test]
fn the_causes_of_waiting_add_up_to_the_wait() {
    for client in [
        "{ custom: { max_attempts: 4, delay: { exponential: { mean: 3s } } } }",
        "{ boto3: { mode: adaptive, max_attempts: 4 } }",
        "{ boto3: { retries: \"2.0\", max_attempts: 5 } }\n    clients: 4\n    concurrency: { limit: 3, queue: 20 }",
        "{ custom: { max_attempts: 3, delay: 2s } }\n    clients: 2\n    concurrency: { limit: 4 }\n    deadline: 25s",
    ] {
        let text = scenario(
            "horizon: 5m\nwarmup: 1m\nreplications: 3",
            "tokens_per_minute: 20_000",
            &format!(
                "arrivals: {{ poisson: {{ rate: 1/s }} }}\n    input_tokens: 300\n    output_tokens: {{ exponential: {{ mean: 60 }} }}\n    \
                 max_tokens: 500\n    latency: {{ duration: {{ exponential: {{ mean: 4s }} }} }}\n    read_timeout: none\n    client: {client}"
            ),
        );
        let wait = support::run(&text).total.wait_ms;
        let mean = |of: quotasim::analysis::Percentiles| of.mean.unwrap_or(f64::NAN);
        let (whole, causes) = (mean(wait.all), [mean(wait.backoff), mean(wait.limiter), mean(wait.queue)]);
        assert!(whole > 0.0, "{client}: nothing waited");
        let sum: f64 = causes.iter().sum();
        assert!((sum - whole).abs() <= 1e-9 * whole, "{client}: {causes:?} ms add up to {sum}, not to {whole}");
    }
}

fn pool_of(summary: &Summary) -> &quotasim::analysis::PoolMetrics {
    summary.pools["p"].pool.as_ref().expect("a pool has metrics of its own")
}

/// Six requests a minute, each holding 1,000 tokens for 4 s, seen from 12 s to 52 s: of the attempt at 10 s the last
/// 2 s, three whole ones, of the one at 50 s the first 2 s, so 16,000 token·s over 40 s.
#[test]
fn the_mean_reservation_is_its_integral_over_measured_time() {
    let workload = "arrivals: { constant: { rate: 6/min } }\n    input_tokens: 100\n    output_tokens: 100\n    max_tokens: 900\n    \
                    latency: { duration: 4s }";
    let run = |assumptions: &str| {
        let quotas = format!("tokens_per_minute: 100k\n    assumptions: {{ {assumptions} }}");
        support::run(&scenario("horizon: 52s\nwarmup: 12s\nreplications: 2", &quotas, workload))
    };
    let at_end = run("");
    assert_eq!(pool_of(&at_end).reservation_mean.mean, Some(400.0));
    assert_eq!((pool_of(&at_end).reservation_peak, at_end.total.in_flight.max), (1_000, Some(1.0)));
    assert_eq!(at_end.total.in_flight.mean, Some(0.4));
    // Adjusted each second, 25 tokens at a time are generated, at 5 instead of 1: 1,000, 1,100, 1,200, 1,300.
    let stepwise = run("adjustment: { every: 1s }");
    let expected = (1_200.0 + 1_300.0 + 3.0 * 4_600.0 + 1_000.0 + 1_100.0) / 40.0;
    assert_eq!(pool_of(&stepwise).reservation_mean.mean, Some(expected));
    assert_eq!(stepwise.total.in_flight.mean, Some(0.4));
    assert_eq!(pool_of(&stepwise).reservation_peak, 1_300);
}

/// What arrived in the warm-up and outlives the run holds its reservation through all of measured time, whether it is
/// adjusted or not.
#[test]
fn attempts_that_outlive_the_run_count_up_to_the_horizon() {
    for (adjustment, held) in [
        ("at_end", 3_000.0),
        // 100 tokens over 600 s: one every 6 s, each holding 5 instead of 1; three requests.
        (
            "{ every: 1s }",
            3.0 * (30..60).map(|second| 1_000.0 + 4.0 * f64::from(second * 100 / 600)).sum::<f64>() / 30.0,
        ),
    ] {
        let quotas = format!("tokens_per_minute: 100k\n    assumptions: {{ adjustment: {adjustment} }}");
        let workload = "arrivals: { burst: { count: 3 } }\n    input_tokens: 100\n    output_tokens: 100\n    max_tokens: 900\n    \
                        latency: { duration: 10m }";
        let summary = support::run(&scenario("horizon: 60s\nwarmup: 30s\nreplications: 1", &quotas, workload));
        assert_eq!(summary.total.in_flight.mean, Some(3.0), "{adjustment}");
        assert_eq!(pool_of(&summary).reservation_mean.mean, Some(held), "{adjustment}");
        assert_eq!(summary.total.ledger.settled, 0, "{adjustment}");
    }
}

/// The warning that a pool is still spending its burst, if there is one.
fn burst_warning(head: &str, offered_per_minute: u32) -> (Option<String>, Metrics) {
    // Each request is charged what it reserves, 100 tokens, and the quota is 60,000 a minute.
    let rate = offered_per_minute / 100;
    let text = scenario(
        head,
        "tokens_per_minute: 60_000",
        &format!(
            "arrivals: {{ constant: {{ rate: {rate}/min }} }}\n    input_tokens: 50\n    output_tokens: 10\n    max_tokens: 50\n    \
             latency: {{ duration: 0s }}"
        ),
    );
    let summary = support::run(&text);
    let warning = summary.warnings.iter().find(|warning| warning.contains("still spending its burst")).cloned();
    (warning, summary.pools["p"].clone())
}

/// Offered 105 % of the quota, a full bucket of one minute lasts 20 minutes: none of it shows in 10, all of it in the
/// long run, where 1 − Q/offered = 1 − 60,000/63,000 = 4.8 % must be refused.
#[test]
fn steady_overload_hidden_by_a_full_bucket_is_warned_of_with_its_long_run_bound() {
    let (warning, pool) = burst_warning("horizon: 10m\nwarmup: 0s\nreplications: 2", 63_000);
    assert_eq!(pool.counts.throttled, 0, "the bucket hides it");
    let warning = warning.expect("a warning");
    assert!(warning.contains("at least 4.8% of its tokens are refused"), "{warning}");
    let bound = quotasim::analysis::warnings::long_run_throttle_bound(&pool).expect("overloaded");
    assert!((bound - (1.0 - 60.0 / 63.0)).abs() < 1e-3, "{bound}");
}

/// The bound is that of the quota and the offered charge, whatever part of a minute measured time ends in.
#[test]
fn the_long_run_bound_does_not_depend_on_how_measured_time_divides_into_minutes() {
    for horizon in ["600s", "570s", "610s", "659s"] {
        let (warning, pool) = burst_warning(&format!("horizon: {horizon}\nwarmup: 20s\nreplications: 2"), 63_000);
        assert!(warning.is_some());
        let bound = quotasim::analysis::warnings::long_run_throttle_bound(&pool).expect("overloaded");
        assert!((bound - (1.0 - 60.0 / 63.0)).abs() < 2e-3, "{horizon}: {bound}");
    }
}

#[test]
fn no_warning_of_a_burst_at_half_load_once_it_is_spent_or_in_an_episode() {
    assert_eq!(burst_warning("horizon: 10m\nwarmup: 0s\nreplications: 2", 30_000).0, None, "half load");
    assert_eq!(burst_warning("horizon: 10m\nwarmup: 0s\nreplications: 2", 60_000).0, None, "exactly the quota");
    assert_eq!(burst_warning("horizon: 10m\nwarmup: 0s\nreplications: 2\nepisode: true", 63_000).0, None, "an episode");
    let (warning, pool) = burst_warning("horizon: 40m\nwarmup: 25m\nreplications: 2", 63_000);
    assert_eq!(warning, None, "the burst was spent in the warm-up");
    let throttled = pool.attempt_throttle_rate.mean.expect("attempts");
    assert!((throttled - 3.0 / 63.0).abs() < 1e-3, "and the long-run bound is what happens: {throttled}");
}

/// Two requests a second of 150 quota tokens each: every minute has 120 and 18,000, whatever the percentile.
#[test]
fn minutes_of_a_constant_rate_are_all_the_same() {
    let workload = "arrivals: { constant: { rate: 2/s } }\n    input_tokens: 100\n    output_tokens: 10\n    max_tokens: 900\n    \
                    latency: { duration: 250ms }";
    for head in [
        "horizon: 10m\nwarmup: 2m\nreplications: 3",
        "horizon: 90s\nwarmup: 60s\nreplications: 1",
        "horizon: 7m\nwarmup: 90s",
    ] {
        let summary = support::run(&scenario(head, "tokens_per_minute: 1M", workload));
        let pool = pool_of(&summary);
        for (minutes, each) in [(&pool.requests_per_minute, 120.0), (&pool.tokens_per_minute, 18_000.0)] {
            let found = [minutes.mean, minutes.p50, minutes.p90, minutes.max];
            assert_eq!(found, [Some(each); 4], "{head}");
        }
        let utilization = pool.quota_utilization.mean.expect("a quota");
        assert!((utilization - 0.018).abs() < 1e-12, "{head}: {utilization}");
        assert_eq!(summary.total.offered_tokens_per_minute.mean, Some(18_000.0), "{head}");
    }
}

/// One minute in five has ten times the traffic: the median is the quiet minute, the 90th percentile the loud one.
#[test]
fn percentiles_of_minutes_are_nearest_ranks() {
    let workload = "arrivals: { piecewise: { interpolation: step, points: [[0s, 0/s], [4m, 60/s]] } }\n    input_tokens: 10\n    \
                    output_tokens: 1\n    latency: { duration: 0s }\n  quiet:\n    pool: p\n    arrivals: { constant: { rate: 1/s } }\n    \
                    input_tokens: 10\n    output_tokens: 1\n    latency: { duration: 0s }";
    let summary =
        support::run(&scenario("horizon: 5m\nwarmup: 0s\nreplications: 1", "tokens_per_minute: none", workload));
    let requests = pool_of(&summary).requests_per_minute;
    assert_eq!(requests.p50, Some(60.0));
    assert!(requests.p90.is_some_and(|p90| p90 > 3_000.0) && requests.p90 <= requests.max);
}
