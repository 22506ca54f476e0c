//! Laws that every scenario obeys, whatever is in it: conservation, counts that add up, determinism, Little's law, and
//! monotonicity where it is a theorem.
//!
//! The scenarios are random texts in the scenario language: one to three pools, one to four workloads, any limiter,
//! arrivals, distributions, clients, switches, adjustment and account day.

use crate::support;
use proptest::prelude::*;
use proptest::sample::select;
use quotasim::analysis::{Metrics, Summary};
use quotasim::engine::{AttemptRow, Outcome};
use quotasim::planner::{self, Silent};
use quotasim::report;
use quotasim::spec::catalog::Catalog;
use quotasim::spec::{self, Files, NoFiles};
use quotasim::units::SimTime;
use serde_json::Value;
use std::fmt::Write as _;
use std::io;

/// A random scenario as text.
#[derive(Debug, Clone)]
struct Sketch {
    head: String,
    pools: Vec<String>,
    workloads: Vec<Traffic>,
}

#[derive(Debug, Clone)]
struct Traffic {
    pool: usize,
    arrivals: String,
    tokens: String,
    latency: String,
    client: String,
    rest: String,
    fallback: Option<(usize, &'static str)>,
}

impl Sketch {
    fn yaml(&self) -> String {
        let mut text = format!("version: 1\nname: law\n{}pools:\n", self.head);
        for (index, pool) in self.pools.iter().enumerate() {
            let _ = write!(text, "  p{index}:\n    model: mine\n    max_output_tokens: 20_000\n{pool}");
        }
        text += "workloads:\n";
        for (index, traffic) in self.workloads.iter().enumerate() {
            let Traffic { pool, arrivals, tokens, latency, client, rest, fallback } = traffic;
            let pool = pool % self.pools.len();
            let _ = write!(
                text,
                "  w{index}:\n    pool: p{pool}\n    arrivals: {arrivals}\n{tokens}    latency: {latency}\n    \
                 client: {client}\n{rest}"
            );
            if let Some((step, after)) = fallback
                && self.pools.len() > 1
            {
                let other = (pool + 1 + step % (self.pools.len() - 1)) % self.pools.len();
                let _ = writeln!(text, "    fallback: {{ pools: [p{other}], after: {after} }}");
            }
        }
        text
    }

    fn never_gives_up_unsent(&self) -> bool {
        let sheds = |rest: &str| rest.contains("concurrency") || rest.contains("deadline");
        !self.workloads.iter().any(|traffic| sheds(&traffic.rest))
    }
}

fn one_of(choices: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(choices).prop_map(str::to_owned)
}

fn limiter() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("token_bucket".to_owned()),
        (1u32..120, 0u32..=100).prop_map(|(burst, level)| format!(
            "{{ token_bucket: {{ burst_seconds: {burst}, initial_level: {level}% }} }}"
        )),
        Just("fixed_window".to_owned()),
        (0u32..60).prop_map(|phase| format!("{{ fixed_window: {{ phase: {phase}s }} }}")),
        Just("sliding_window".to_owned()),
        Just("in_flight".to_owned()),
    ]
}

fn switches() -> impl Strategy<Value = String> {
    let adjustment =
        prop_oneof![3 => Just("at_end".to_owned()), 1 => (200u32..5_000).prop_map(|ms| format!("{{ every: {ms}ms }}"))];
    (any::<(bool, bool, bool)>(), one_of(&["0", "4_096"]), adjustment).prop_map(|(flags, floor, adjustment)| {
        format!(
            "    assumptions: {{ reserve_cache_reads: {}, reserve_burndown: {}, rejections_consume: {}, \
             reservation_floor: {floor}, adjustment: {adjustment} }}\n",
            flags.0,
            flags.1,
            if flags.2 { "requests" } else { "none" },
        )
    })
}

fn pool() -> impl Strategy<Value = String> {
    let tokens = prop_oneof![
        4 => (3_000u32..300_000).prop_map(|limit| limit.to_string()),
        1 => Just("none".to_owned()),
        1 => (3_000u32..300_000, 3_000u32..300_000)
            .prop_map(|(a, b)| format!("{{ at: [[0s, {a}], [70s, {b}]] }}")),
    ];
    let requests = prop_oneof![Just("none".to_owned()), (10u32..400).prop_map(|limit| limit.to_string())];
    let runtime = (tokens, requests, prop::option::of(20_000u32..900_000), select(vec![1, 5, 10, 15]), switches()).prop_map(
        |(tokens, requests, day, burndown, switches)| {
            let day = day.map_or(String::new(), |day| format!("    tokens_per_day: {day}\n"));
            format!(
                "    tokens_per_minute: {tokens}\n    requests_per_minute: {requests}\n{day}    burndown_rate: {burndown}\n{switches}"
            )
        },
    );
    let mantle = (3_000u32..300_000, 1_000u32..50_000).prop_map(|(input, output)| {
        format!("    endpoint: mantle\n    input_tokens_per_minute: {input}\n    output_tokens_per_minute: {output}\n")
    });
    (prop_oneof![5 => runtime, 1 => mantle], prop::option::of(limiter())).prop_map(|(quotas, limiter)| match limiter {
        // What streams is not reserved, so it cannot be in flight.
        Some(limiter) if !quotas.contains("mantle") || limiter != "in_flight" => {
            format!("{quotas}    limiter: {limiter}\n")
        }
        _ => quotas,
    })
}

fn arrivals() -> impl Strategy<Value = String> {
    prop_oneof![
        (1u32..200).prop_map(|rate| format!("{{ constant: {{ rate: {rate}/min }} }}")),
        (1u32..200).prop_map(|rate| format!("{{ poisson: {{ rate: {rate}/min }} }}")),
        (0u32..100, 1u32..100).prop_map(|(at, count)| format!("{{ burst: {{ at: {at}s, count: {count} }} }}")),
        (1u32..200, select(vec!["0.5", "2", "4"]))
            .prop_map(|(rate, cv)| format!("{{ gamma: {{ rate: {rate}/min, cv: {cv} }} }}")),
        (1u32..200, select(vec!["0.5", "2"]))
            .prop_map(|(rate, cv)| format!("{{ weibull: {{ rate: {rate}/min, cv: {cv} }} }}")),
        (1u32..300, 1u32..20).prop_map(|(on, stay)| format!(
            "{{ on_off: {{ on_rate: {on}/min, off_rate: 3/min, mean_on: {stay}s, mean_off: 10s }} }}"
        )),
        (1u32..100).prop_map(|rate| format!(
            "{{ sinusoidal: {{ rate: {rate}/min, amplitude: 80%, period: 50s, phase: 7s }} }}"
        )),
        (1u32..100).prop_map(|rate| format!(
            "{{ piecewise: {{ points: [[0s, {rate}/min], [40s, 200/min], [90s, 0/min]] }} }}"
        )),
        (1u32..40).prop_map(|count| format!("{{ cron: {{ schedule: '* * * * *', count: {count}, over: 20s }} }}")),
        (1u32..15, select(vec!["500ms", "{ exponential: { mean: 3s } }"]))
            .prop_map(|(workers, think)| format!("{{ closed_loop: {{ workers: {workers}, think_time: {think} }} }}")),
        (1u32..40).prop_map(|rate| format!(
            "{{ sessions: {{ rate: {rate}/min, turns: {{ uniform: {{ min: 1, max: 4 }} }}, think_time: 4s }} }}"
        )),
    ]
}

fn tokens() -> impl Strategy<Value = String> {
    let count = one_of(&[
        "100",
        "{ uniform: { min: 1, max: 900 } }",
        "{ exponential: { mean: 300 } }",
        "{ normal: { mean: 300, sd: 200 } }",
        "{ lognormal: { median: 420, p95: 1200 } }",
        "{ gamma: { mean: 250, cv: 2 } }",
        "{ weibull: { mean: 250, cv: 1.5 } }",
        "{ pareto: { min: 50, alpha: 1.5, max: 5000 } }",
        "{ zipf: { n: 500, exponent: 1.2 } }",
        "{ mixture: [{ weight: 0.3, of: 20 }, { weight: 0.7, of: { uniform: { min: 0, max: 400 } } }] }",
        "{ quantiles: { 0%: 1, 50%: 13, 100%: 900 } }",
        "{ histogram: [{ from: 0, to: 10, count: 3 }, { from: 10, to: 500, count: 7 }] }",
    ]);
    let count = count.boxed();
    let cached = prop::option::of(one_of(&["1_000", "{ uniform: { min: 0, max: 3_000 } }"]).boxed());
    let max_tokens = one_of(&["unset", "1", "60", "500", "4k"]);
    (count.clone(), count, (cached.clone(), cached), max_tokens, select(vec!["0", "0.5", "-0.7"])).prop_map(
        |(input, output, (read, write), max_tokens, correlation)| {
            let mut text = format!(
                "    input_tokens: {input}\n    output_tokens: {output}\n    max_tokens: {max_tokens}\n    correlation: {correlation}\n"
            );
            for (name, cached) in [("read", read), ("write", write)] {
                if let Some(cached) = cached {
                    let _ = writeln!(text, "    cache_{name}_tokens: {cached}");
                }
            }
            text
        },
    )
}

fn traffic() -> impl Strategy<Value = Traffic> {
    let latency = one_of(&[
        "{ duration: 2s }",
        "{ duration: { exponential: { mean: 3s } } }",
        "{ ttft: 400ms, output_tokens_per_second: 60 }",
        "{ ttft: { lognormal: { median: 500ms, p95: 2s } }, ttft_per_1k_input: 20ms, output_tokens_per_second: { gamma: { mean: 80, cv: 0.3 } } }",
        "{ duration: { pareto: { min: 1s, alpha: 1.1, max: 200s } } }",
        "{ duration: 0s }",
    ]);
    let client = one_of(&[
        "none",
        "boto3",
        "{ boto3: { mode: legacy } }",
        "{ boto3: { mode: standard, retries: \"2.0\", max_attempts: 5 } }",
        "{ boto3: { mode: adaptive } }",
        "javascript",
        "rust",
        "java",
        "anthropic",
        "{ custom: { max_attempts: 4, delay: { exponential: { mean: 2s } } } }",
        "{ custom: { max_attempts: 6, backoff: { base: 500ms, jitter: decorrelated }, budget: { capacity: 5, deposit: 0.1 } } }",
        "{ custom: { max_attempts: 3, delay: 0 } }",
    ]);
    let extra = prop::collection::vec(
        one_of(&[
            "    clients: 3\n",
            "    concurrency: { limit: 3, queue: 5 }\n",
            "    deadline: 10s\n",
            "    read_timeout: 3s\n",
            "    throttle_latency: 40ms\n",
            "    faults: { unavailable: 3%, overloaded: 2%, slow: { probability: 5%, factor: 4 }, disconnect: 4% }\n",
        ]),
        0..3,
    );
    let rest = extra.prop_map(|mut extra| {
        extra.sort();
        extra.dedup();
        extra.concat()
    });
    let fallback = prop::option::weighted(0.2, (any::<usize>(), select(vec!["failure", "throttle"])));
    (any::<usize>(), arrivals(), tokens(), latency, client, rest, fallback).prop_map(
        |(pool, arrivals, tokens, latency, client, rest, fallback)| Traffic {
            pool,
            arrivals,
            tokens,
            latency,
            client,
            rest,
            fallback,
        },
    )
}

fn sketch() -> impl Strategy<Value = Sketch> {
    let time = select(vec![(60, 0), (90, 20), (150, 30), (180, 60), (200, 0)]);
    let account = prop::option::of((50_000u32..900_000, select(vec!["00:00 UTC", "23:58:30 UTC"])));
    let head = (time, 1u32..4, any::<u32>(), account, select(vec!["1", "0.5", "2"])).prop_map(
        |((horizon, warmup), replications, seed, account, load)| {
            let mut head = format!(
                "horizon: {horizon}s\nwarmup: {warmup}s\nreplications: {replications}\nseed: {seed}\nload: {load}\n"
            );
            if let Some((limit, start)) = account {
                let _ = write!(
                    head,
                    "start: {start}\naccounts: {{ main: {{ tokens_per_day: {{ limit: {limit}, used_at_start: 7 }} }} }}\n"
                );
            }
            head
        },
    );
    (head, prop::collection::vec(pool(), 1..4), prop::collection::vec(traffic(), 1..5))
        .prop_map(|(head, pools, workloads)| Sketch { head, pools, workloads })
}

fn json(summary: &Summary) -> String {
    report::json::summary(summary)
}

/// The JSON summary of a scenario run on so many threads.
fn json_on(threads: usize, text: &str) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads start");
    pool.install(|| json(&support::run(text)))
}

fn parts(summary: &Summary) -> Vec<(String, &Metrics)> {
    let total = std::iter::once(("total".to_owned(), &summary.total));
    let pools = summary.pools.iter().map(|(name, metrics)| (format!("pools.{name}"), metrics));
    let workloads = summary.workloads.iter().map(|(name, metrics)| (format!("workloads.{name}"), metrics));
    total.chain(pools).chain(workloads).collect()
}

/// The entries of a part of the document, all of them whole numbers.
fn numbers(part: impl serde::Serialize) -> Vec<(String, u64)> {
    let Value::Object(map) = serde_json::to_value(part).expect("plain numbers") else { panic!("a map") };
    map.into_iter().map(|(key, value)| (key, value.as_u64().expect("a whole number"))).collect()
}

fn is_finished(summary: &Summary) -> bool {
    !summary.warnings.iter().any(|warning| warning.contains("had not ended"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    /// *Laws*: `reserved + overdraft = settled + refunded + open` for everything, each pool and each workload; the
    /// total is the sum over pools and over workloads; requests = succeeded + failed once all have ended; each request
    /// that was sent has an attempt; throttles are the sum over limits; shares lie in [0, 1].
    #[test]
    fn books_balance_and_counts_add_up_in_every_scenario(sketch in sketch()) {
        let summary = support::run(&sketch.yaml());
        for (name, metrics) in parts(&summary) {
            let (ledger, counts) = (metrics.ledger, metrics.counts);
            prop_assert_eq!(
                ledger.reserved + ledger.overdraft,
                ledger.settled + ledger.refunded + ledger.open,
                "{} does not balance: {:?}", name, ledger
            );
            if is_finished(&summary) {
                prop_assert_eq!(counts.requests, counts.succeeded + counts.failed, "{}: {:?}", name, counts);
            }
            if sketch.never_gives_up_unsent() {
                prop_assert!(counts.attempts >= counts.requests, "{}: {:?}", name, counts);
            }
            prop_assert!(counts.truncated <= counts.succeeded && counts.throttled <= counts.attempts);
            let by_limit = serde_json::to_value(metrics.throttles_by_limit).expect("plain");
            let per_minute: f64 = by_limit
                .as_object()
                .expect("a map")
                .values()
                .map(|estimate| estimate["mean"].as_f64().expect("measured"))
                .sum();
            let minutes = (summary.horizon_s - summary.warmup_s) / 60.0 * f64::from(summary.replications);
            let throttled = counts.throttled as f64;
            prop_assert!((per_minute * minutes - throttled).abs() <= 1e-9 * throttled.max(1.0), "{}", name);
            for rate in [
                metrics.attempt_throttle_rate,
                metrics.request_throttle_rate,
                metrics.request_failure_rate,
                metrics.truncation_rate,
                metrics.quota_truncation_rate,
            ] {
                let ends = rate.ci95.into_iter().flatten().chain(rate.mean);
                prop_assert!(ends.into_iter().all(|share| (0.0..=1.0).contains(&share)), "{}: {:?}", name, rate);
                if let (Some(mean), Some([low, high])) = (rate.mean, rate.ci95) {
                    prop_assert!(low <= mean && mean <= high, "{}: {:?}", name, rate);
                }
            }
        }
        for parts in [&summary.pools, &summary.workloads] {
            let counts = |metrics: &Metrics| [numbers(metrics.counts), numbers(metrics.ledger)].concat();
            let mut sums = vec![0; counts(&summary.total).len()];
            for metrics in parts.values() {
                for (sum, (_, value)) in sums.iter_mut().zip(counts(metrics)) {
                    *sum += value;
                }
            }
            let total: Vec<u64> = counts(&summary.total).into_iter().map(|(_, value)| value).collect();
            prop_assert_eq!(sums, total, "totals are sums");
        }
    }

    /// *Law*: the result is a function of version, scenario and seed: the same bytes on one thread, on four, and again.
    #[test]
    fn the_same_bytes_come_out_on_one_thread_and_on_four_and_again(sketch in sketch()) {
        let text = sketch.yaml();
        let once = json_on(1, &text);
        prop_assert_eq!(&once, &json_on(4, &text));
        prop_assert_eq!(&once, &json_on(1, &text));
    }

    /// *Law*: watching every attempt changes nothing, and its rows are the attempts that the summary counts.
    #[test]
    fn watching_the_attempts_changes_nothing(sketch in sketch()) {
        let text = sketch.yaml();
        let warmup = support::scenario(&text).warmup;
        let mut rows = Vec::new();
        let watched = support::run_attempts(&text, |replication, row| rows.push((replication, *row)));
        prop_assert_eq!(json(&watched), json(&support::run(&text)));
        let whole = rows.len() as u64;
        prop_assert!(whole >= watched.total.counts.attempts, "{} rows", whole);
        if warmup == SimTime::ZERO {
            prop_assert_eq!(whole, watched.total.counts.attempts);
            let throttled = rows.iter().filter(|(_, row)| matches!(row.outcome, Outcome::Throttled | Outcome::Overloaded));
            prop_assert_eq!(throttled.count() as u64, watched.total.counts.throttled);
            let charged: u64 = rows.iter().map(|(_, row)| row.charge).sum();
            prop_assert!(charged >= watched.total.ledger.settled);
        }
        // How an answer under an output quota ends is known only when it does; all else is known when it is sent.
        if !text.contains("mantle") {
            prop_assert!(rows.is_sorted_by(|a, b| (a.0, a.1.at) <= (b.0, b.1.at)), "rows come in order of time");
        }
    }

    /// *Law*: another seed meets other requests, wherever something is random.
    #[test]
    fn another_seed_changes_something(sketch in sketch(), seed in any::<u32>()) {
        let mut sketch = sketch;
        sketch.workloads[0].arrivals = "{ poisson: { rate: 100/min } }".to_owned();
        let text = sketch.yaml();
        let with_seed = |seed: u32| {
            let mut scenario = support::scenario(&text);
            scenario.seed = seed.into();
            let mut arrivals = Vec::new();
            planner::replicate_in_order(&scenario, &Silent, |_, row| {
                if row.workload == 0 && row.attempt == 1 { arrivals.push(row.at) }
            });
            arrivals
        };
        prop_assert_ne!(with_seed(seed), with_seed(seed.wrapping_add(1)));
    }

    /// *Law*: a load of 1 is the traffic as written.
    #[test]
    fn a_load_of_one_is_no_load(sketch in sketch()) {
        let text = sketch.yaml();
        let bare: String = text.lines().filter(|line| !line.starts_with("load:")).flat_map(|line| [line, "\n"]).collect();
        let one = format!("{bare}load: 1\n");
        prop_assert_eq!(support::scenario(&one), support::scenario(&bare));
        prop_assert_eq!(json(&support::run(&one)), json(&support::run(&bare)));
    }

    /// *Law*: assignments to different places commute, of two to the same place the last wins, and an assignment is
    /// the same as the value in the file.
    #[test]
    fn the_order_of_assignments_matters_only_where_they_meet(sketch in sketch(), swap in any::<bool>()) {
        let text = sketch.yaml();
        let read = |overrides: &[(&str, &str)]| {
            let overrides: Vec<_> = overrides.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
            spec::read(&text, "law.yaml", &overrides, &NoFiles, Catalog::embedded()).expect("good overrides").scenario
        };
        let mut sets = [("workloads.w0.output_tokens", "{ constant: 7 }"), ("seed", "99"), ("pools.p0.max_output_tokens", "30k")];
        if swap { sets.reverse() }
        let there = read(&sets);
        sets.rotate_left(1);
        prop_assert_eq!(&there, &read(&sets));
        prop_assert_eq!(there.seed, 99);
        prop_assert_eq!(read(&[("seed", "5"), ("horizon", "3m30s"), ("seed", "6")]), read(&[("horizon", "3m30s"), ("seed", "6")]));
        let edited: String = text
            .lines()
            .map(|line| if line.starts_with("seed:") { "seed: 99".to_owned() } else { line.to_owned() })
            .flat_map(|line| [line, "\n".to_owned()])
            .collect();
        prop_assert_eq!(read(&[("seed", "99")]), support::scenario(&edited));
    }

    /// *Law*: variants meet the same requests: with `max_tokens` 128 and unset, each request arrives at the same
    /// instant, with the same prompt, and would naturally answer in the same length.
    #[test]
    fn variants_meet_the_same_requests(sketch in sketch()) {
        let mut sketch = sketch;
        // Open traffic, whose arrivals do not wait for answers, and quotas that admit everything.
        for traffic in &mut sketch.workloads {
            if traffic.arrivals.contains("closed_loop") || traffic.arrivals.contains("sessions") {
                traffic.arrivals = "{ poisson: { rate: 80/min } }".to_owned();
            }
            traffic.client = "none".to_owned();
            traffic.rest.clear();
            traffic.fallback = None;
            let lines = traffic.tokens.lines().filter(|line| !line.contains("max_tokens"));
            traffic.tokens = lines.flat_map(|line| [line, "\n"]).collect();
        }
        let quotas = "    tokens_per_minute: none\n    requests_per_minute: none\n    burndown_rate: 5\n";
        sketch.pools.iter_mut().for_each(|pool| *pool = quotas.to_owned());
        let head = sketch.head.lines().filter(|line| !line.starts_with("accounts"));
        sketch.head = head.flat_map(|line| [line, "\n"]).collect();
        let requests = |max_tokens: &str, limit: u64| {
            let mut sketch = sketch.clone();
            for traffic in &mut sketch.workloads {
                traffic.tokens.push_str(&["    max_tokens: ", max_tokens, "\n"].concat());
            }
            let mut requests = Vec::new();
            support::run_attempts(&sketch.yaml(), |replication, row| {
                assert_eq!(row.attempt, 1, "nothing is refused");
                let prompt = row.reservation - limit;
                let output = (row.charge - prompt) / 5;
                requests.push((replication, row.at, row.workload, row.request, prompt, output));
            });
            requests.sort_unstable();
            requests
        };
        let (capped, unset) = (requests("128", 128), requests("unset", 20_000));
        prop_assert!(!capped.is_empty() || capped == unset);
        let cut: Vec<_> = unset.iter().map(|&(a, b, c, d, e, output)| (a, b, c, d, e, output.min(128))).collect();
        prop_assert_eq!(capped, cut);
    }
}

/// Files in memory: one name, one text.
struct Single(String);

impl Files for Single {
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.clone().into_bytes())
    }
}

fn traced(csv: String, options: &str) -> quotasim::model::Scenario {
    let text = format!(
        "version: 1\nname: shift\nreplications: 2\npools:\n  p: {{ model: mine, burndown_rate: 5, max_output_tokens: 9k, \
         tokens_per_minute: 100k, requests_per_minute: none }}\nworkloads:\n  w: {{ pool: p, max_tokens: 2k, client: boto3, \
         arrivals: {{ trace: {{ file: t.csv, time: t, input_tokens: i, output_tokens: o{options} }} }} }}\n"
    );
    match spec::read(&text, "shift.yaml", &[], &Single(csv), Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// *Law*: time zero of a trace is its first row, so adding a constant to every timestamp changes nothing, and
    /// neither does the order of rows at different instants.
    #[test]
    fn shifting_the_timestamps_of_a_trace_changes_nothing(
        rows in prop::collection::vec((0u64..200_000, 0u32..3_000, 0u32..3_000), 1..60),
        shift in 0u64..2_000_000_000_000,
        options in select(vec!["", ", scale: 2.5", ", speed: 2", ", speed: 0.3"]),
    ) {
        let csv = |shift: u64, rows: &[(u64, u32, u32)]| {
            let lines = rows.iter().map(|(at, input, output)| format!("{},{input},{output}\n", at + shift));
            format!("t,i,o\n{}", lines.collect::<String>())
        };
        let options = format!(", time_unit: ms{options}");
        let (here, there) = (traced(csv(0, &rows), &options), traced(csv(shift, &rows), &options));
        prop_assert_eq!(&here, &there);
        let mut sorted = rows.clone();
        sorted.sort_by_key(|row| row.0);
        prop_assert_eq!(&here, &traced(csv(shift, &sorted), &options));
        let run = |scenario| json(&planner::replicate(scenario, &Silent).expect("nobody stops it").summary);
        prop_assert_eq!(run(&here), run(&there));
    }

    /// *Theorem*: with equal requests, equal service times and no retries, a bigger quota never throttles more, at
    /// every prefix of the arrivals: by induction, where both have admitted as many, the bigger one holds no more.
    ///
    /// For windows and in-flight reservations whatever is refunded; for a bucket where nothing is (a full bucket
    /// cannot take a refund, and then the bigger quota may hold less), so there the charge is the reservation.
    #[test]
    fn a_bigger_quota_never_throttles_equal_requests_more(
        kind in select(vec!["token_bucket", "{ token_bucket: { burst_seconds: 7 } }", "fixed_window", "sliding_window", "in_flight"]),
        (small, more) in (1_000u32..40_000, 1u32..40_000),
        arrivals in prop::collection::vec(arrivals(), 1..3),
        service in 0u32..20_000,
        seed in any::<u32>(),
    ) {
        let refunds = !kind.contains("token_bucket");
        let admitted = |quota: u32| {
            let mut text = format!(
                "version: 1\nname: law\nseed: {seed}\nhorizon: 240s\nwarmup: 0s\nreplications: 1\npools:\n  p:\n    model: mine\n    \
                 burndown_rate: 5\n    max_output_tokens: 9_000\n    tokens_per_minute: {quota}\n    requests_per_minute: none\n    \
                 limiter: {kind}\nworkloads:\n"
            );
            for (index, arrivals) in arrivals.iter().enumerate() {
                let open = !arrivals.contains("closed_loop") && !arrivals.contains("sessions");
                let arrivals = if open { arrivals } else { "{ poisson: { rate: 90/min } }" };
                let max_tokens = if refunds { 900 } else { 500 };
                let _ = write!(
                    text,
                    "  w{index}:\n    pool: p\n    arrivals: {arrivals}\n    input_tokens: 100\n    output_tokens: 100\n    \
                     max_tokens: {max_tokens}\n    latency: {{ duration: {service}ms }}\n    client: none\n"
                );
            }
            let mut admitted = vec![0u32];
            support::run_attempts(&text, |_, row| {
                let one = u32::from(row.outcome != Outcome::Throttled);
                admitted.push(admitted.last().expect("never empty") + one);
            });
            admitted
        };
        let (less, more) = (admitted(small), admitted(small + more));
        prop_assert_eq!(less.len(), more.len(), "the arrivals are the same");
        for (prefix, (less, more)) in less.iter().zip(&more).enumerate() {
            prop_assert!(less <= more, "after {} arrivals the small quota has admitted {}, the big one {}", prefix, less, more);
        }
    }

    /// *Law* (Little 1961): the mean number in flight is the rate of admissions times the mean service time.
    ///
    /// *Tolerance*: service times have a coefficient of variation cv, so over n admissions their mean is within
    /// 5·cv/√n of the true one; what straddles the ends of measured time adds 5·√L·service/time.
    #[test]
    fn in_flight_is_the_admitted_rate_times_the_mean_service(
        kind in select(vec!["token_bucket", "fixed_window", "sliding_window", "in_flight"]),
        (rate, mean) in (1u32..20, 200u32..4_000),
        (law, cv) in select(vec![("constant: MEAN", 0.0f64), ("exponential: { mean: MEAN }", 1.0), ("gamma: { mean: MEAN, cv: 2 }", 2.0)]),
        quota in 2_000u32..400_000,
        seed in any::<u32>(),
    ) {
        let law = law.replace("MEAN", &format!("{mean}ms"));
        let text = format!(
            "version: 1\nname: little\nseed: {seed}\nhorizon: 35m\nwarmup: 5m\nreplications: 2\npools:\n  p:\n    model: mine\n    \
             burndown_rate: 5\n    max_output_tokens: 9_000\n    tokens_per_minute: {quota}\n    requests_per_minute: none\n    \
             limiter: {kind}\nworkloads:\n  w:\n    pool: p\n    arrivals: {{ poisson: {{ rate: {rate}/s }} }}\n    \
             input_tokens: 100\n    output_tokens: 100\n    max_tokens: 500\n    latency: {{ duration: {{ {law} }} }}\n    client: none\n"
        );
        let total = support::run(&text).total;
        let seconds = 30.0 * 60.0 * 2.0;
        let admitted = total.counts.succeeded as f64;
        let service = f64::from(mean) * 1e-3;
        let expected = admitted / seconds * service;
        let measured = total.in_flight.mean.expect("it was measured");
        let tolerance = 5.0 * expected * cv / admitted.max(1.0).sqrt()
            + 5.0 * (expected.max(1.0)).sqrt() * service * (1.0 + cv * cv) / 1_800.0;
        prop_assert!((measured - expected).abs() <= tolerance, "{} in flight, {} ± {}", measured, expected, tolerance);
        let pool = total.latency_ms.mean.expect("answers");
        prop_assert!((pool * 1e-3 - service).abs() <= 5.0 * cv * service / admitted.sqrt() + 1e-9, "mean latency {}", pool);
    }
}

/// The one attempt of a scenario with one request.
fn attempt(
    tokens: (u64, u64, u64, u64),
    max_tokens: Option<u64>,
    rate: u64,
    quota: &str,
    assumptions: &str,
) -> (AttemptRow, Summary) {
    let (input, read, write, output) = tokens;
    let max = max_tokens.map_or("unset".to_owned(), |max| max.to_string());
    let text = format!(
        "version: 1\nname: example\nhorizon: 1m\nwarmup: 0s\nreplications: 1\naccounts: {{ main: {{ tokens_per_day: 1G }} }}\npools:\n  p:\n    model: mine\n    burndown_rate: {rate}\n    \
         max_output_tokens: 64_000\n    tokens_per_minute: {quota}\n    requests_per_minute: none\n    assumptions: {{ {assumptions} }}\n\
         workloads:\n  w:\n    pool: p\n    arrivals: {{ burst: {{ count: 1 }} }}\n    input_tokens: {input}\n    cache_read_tokens: {read}\n    \
         cache_write_tokens: {write}\n    output_tokens: {output}\n    max_tokens: {max}\n    latency: {{ duration: 1s }}\n"
    );
    let mut rows = Vec::new();
    let summary = support::run_attempts(&text, |_, row| rows.push(*row));
    let [row] = rows.as_slice() else { panic!("one attempt, not {rows:?}\n{text}") };
    (*row, summary)
}

/// *Source*: SPEC §2's table, from AWS, "How tokens are counted in Amazon Bedrock", autumn 2026.
#[test]
fn the_quota_law_holds_for_every_row_of_its_table() {
    for ((input, read, write, output), max_tokens, rate, reservation, charge) in [
        ((3_000, 4_000, 1_000, 1_000), 32_000, 5, 36_000, 9_000),
        ((3_000, 4_000, 1_000, 1_000), 1_250, 5, 5_250, 9_000),
        ((42, 0, 0, 5), 8_192, 5, 8_234, 67),
        ((42, 0, 0, 5), 100, 5, 142, 67),
    ] {
        let (row, summary) = attempt((input, read, write, output), Some(max_tokens), rate, "1M", "");
        assert_eq!((row.reservation, row.charge), (reservation, charge));
        let ledger = summary.total.ledger;
        assert_eq!((ledger.reserved, ledger.settled), (reservation, charge));
        assert_eq!(ledger.refunded, reservation.saturating_sub(charge));
        assert_eq!(ledger.overdraft, charge.saturating_sub(reservation));
        assert_eq!(summary.pools["p"].pool.as_ref().expect("a pool").reservation_peak, reservation);
    }
}

/// The switches on the same request: cache reads, burndown and floor in the reservation; the charge never changes.
#[test]
fn each_reservation_switch_changes_the_reservation_and_never_the_charge() {
    for (assumptions, reservation) in [
        ("", 5_250),
        ("reserve_cache_reads: true", 9_250),
        ("reserve_burndown: true", 4_000 + 5 * 1_250),
        ("reservation_floor: 4_096", 4_000 + 4_096),
        ("reserve_cache_reads: true, reserve_burndown: true, reservation_floor: 4_096", 8_000 + 5 * 4_096),
    ] {
        for adjustment in ["at_end", "{ every: 100ms }"] {
            let assumptions =
                format!("{assumptions}{}adjustment: {adjustment}", if assumptions.is_empty() { "" } else { ", " });
            let (row, summary) = attempt((3_000, 4_000, 1_000, 1_000), Some(1_250), 5, "1M", &assumptions);
            assert_eq!((row.reservation, row.charge), (reservation, 9_000), "{assumptions}");
            assert_eq!(summary.total.ledger.settled, 9_000);
            assert_eq!(summary.total.ledger.open, 0);
        }
    }
}

/// AWS's worked examples, `tests/vectors/aws_examples.json`, each with its source, through scenario files.
#[test]
fn aws_worked_examples_come_out_to_the_token() {
    let document: Value =
        serde_json::from_str(include_str!("../vectors/aws_examples.json")).expect("the vectors are JSON");
    let vectors = document["vectors"].as_array().expect("a list");
    assert_eq!(vectors.len(), 16);
    for vector in vectors {
        let id = vector["id"].as_str().expect("an id");
        let number = |key: &str| vector[key].as_u64();
        let tokens = |key: &str| number(key).unwrap_or(0);
        // What an example leaves open cannot matter to what it states.
        let output = number("output").unwrap_or(100);
        let demand = (tokens("input"), tokens("cacheRead"), tokens("cacheWrite"), output);
        let quota = number("quota_tpm").map_or("none".to_owned(), |quota| quota.to_string());
        let (row, summary) = attempt(demand, number("maxTokens"), tokens("burndown"), &quota, "");
        for (what, expected) in vector["expected"].as_object().expect("a map") {
            let expected = expected.as_u64().expect("a whole number");
            let found = match what.as_str() {
                "initial_deduction" => row.reservation,
                "final_usage" => row.charge,
                "remaining_this_minute" => tokens("quota_tpm") - summary.total.ledger.settled,
                "billed_tokens" => demand.0 + demand.1 + demand.2 + demand.3,
                "max_concurrent" => concurrent(row.reservation, &quota),
                "ratio_to_tk1" => row.reservation / 1_500,
                other => panic!("{id}: nothing here knows `{other}`"),
            };
            assert_eq!(found, expected, "{id}: {what}");
        }
    }
}

/// How many requests of this reservation a quota admits at one instant.
fn concurrent(reservation: u64, quota: &str) -> u64 {
    let text = format!(
        "version: 1\nname: example\nhorizon: 1m\nwarmup: 0s\nreplications: 1\npools:\n  p: {{ model: mine, burndown_rate: 5, \
         max_output_tokens: 64_000, tokens_per_minute: {quota}, requests_per_minute: none }}\nworkloads:\n  w: {{ pool: p, \
         arrivals: {{ burst: {{ count: 3_000 }} }}, input_tokens: 500, output_tokens: 1, max_tokens: {}, \
         latency: {{ duration: 10s }} }}\n",
        reservation - 500
    );
    let mut admitted = 0;
    support::run_attempts(&text, |_, row| admitted += u64::from(row.outcome != Outcome::Throttled));
    admitted
}
