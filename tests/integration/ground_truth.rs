//! Queueing theory with closed forms, and replays of a real trace, against the simulator.
//!
//! Every case of `tests/vectors/ground_truth.json` becomes a scenario file in the scenario language, is run over at
//! least a million requests, and compared. *Tolerance*: `max(4·k·√(p(1−p)/n), 10⁻⁴)` for probabilities, with k for the
//! autocorrelation of the kind of system, as the vectors suggest; replays are exact.

use crate::support;
use quotasim::analysis::{Metrics, Summary};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Requests per case, over its replications.
const REQUESTS: f64 = 1.2e6;
const REPLICATIONS: f64 = 4.0;

/// What became of a case.
enum Verdict {
    /// Each quantity: name, expected, simulated, tolerance.
    Compared(Vec<(String, f64, f64, f64)>),
    /// The trace is absent.
    Skipped(&'static str),
    /// The scenario language cannot say it.
    Inexpressible(&'static str),
}

#[test]
#[expect(clippy::print_stdout, reason = "the table of all cases is for people")]
fn the_simulator_meets_theory_in_all_cases_that_the_scenario_language_can_express() {
    let text = include_str!("../vectors/ground_truth.json");
    let document: Value = serde_json::from_str(text).expect("the vectors are JSON");
    let cases = document["cases"].as_array().expect("a list of cases");
    assert_eq!(cases.len(), 67);
    let (mut passed, mut failed, mut skipped, mut inexpressible) = (0, Vec::new(), 0, 0);
    let mut table = String::new();
    for case in cases {
        let id = case["id"].as_str().expect("an id");
        match compare(case) {
            Verdict::Compared(quantities) => {
                let mut good = true;
                for (name, expected, simulated, tolerance) in quantities {
                    let close = (simulated - expected).abs() <= tolerance;
                    good &= close;
                    let word = if close { "pass" } else { "FAIL" };
                    let _ = writeln!(
                        table,
                        "{id:42} {name:22} expected {expected:<14.7} simulated {simulated:<14.7} ±{tolerance:<10.2e} {word}"
                    );
                }
                if good { passed += 1 } else { failed.push(id.to_owned()) }
            }
            Verdict::Skipped(why) => {
                skipped += 1;
                let _ = writeln!(table, "{id:42} skipped: {why}");
            }
            Verdict::Inexpressible(why) => {
                inexpressible += 1;
                let _ = writeln!(table, "{id:42} not expressible: {why}");
            }
        }
    }
    println!("{table}");
    println!("{passed} pass, {} fail, {skipped} skipped, {inexpressible} not expressible", failed.len());
    assert!(failed.is_empty(), "{failed:?}\n{table}");
    assert!(passed + skipped >= 63, "only {passed} of 67 cases pass");
}

fn compare(case: &Value) -> Verdict {
    let kind = case["kind"].as_str().expect("a kind");
    match kind {
        "a_erlang_b" => loss(case, &slots(&case["params"], "quota_tokens"), 3.0),
        "a_kaufman_roberts" => classes(case, "in_flight", "reservation_tokens", 4.0),
        "b_token_bucket" => token_bucket(case),
        "b_token_bucket_debt" => debt_bucket(case),
        "b_tick_bucket" => Verdict::Inexpressible("a bucket refills continuously, never in ticks"),
        "c_fixed_window" => request_window(case, "fixed_window", 1.0),
        "c_fixed_window_nonhomogeneous" => sinusoidal_window(case),
        "c_fixed_window_multiclass" => classes(case, "fixed_window", "cost_tokens", 1.5),
        "d_sliding_window_log" => request_window(case, "sliding_window", 1.5),
        "d_sliding_window_log_counting_rejects" => {
            request_window(case, "sliding_window\n    assumptions: { rejections_consume: requests }", 3.0)
        }
        "d_sliding_window_tokens" => classes(case, "sliding_window", "cost_tokens", 1.5),
        "e_retrial_unlimited" if number(&case["params"], "persist") < 1.0 => {
            Verdict::Inexpressible("a client gives up after a number of attempts, not by a coin")
        }
        "e_retrial_unlimited" | "e_retry_limited" => retrial(case),
        "e_retry_slow_limit" => slow_retrial(case),
        "f_engset" => closed_loop(case),
        "f_closed_queue" => client_queue(case),
        "g_deterministic" => deterministic(case),
        "j_bursty_loss" | "j_on_off_loss" => bursty(case),
        "k_reserve_settle_bucket" => reserve_settle_bucket(case),
        "l_reserve_settle_window" => reserve_settle_window(case),
        "m_retry_budget_brooker" | "m_retry_quota_aws_sdk" => retry_budget(case),
        "h_trace_replay" => trace_replay(case),
        other => panic!("a kind of case that this test does not know: {other}"),
    }
}

/// A scenario around its pools and workloads, with horizon for `REQUESTS` at `rate` per second and a warm-up.
fn document(pools: &str, workloads: &str, rate: f64, warmup_s: f64) -> String {
    let horizon = warmup_s + REQUESTS / REPLICATIONS / rate;
    // Each case has its own seed, so that their errors are independent.
    let text = pools.bytes().chain(workloads.bytes());
    let seed = text.fold(7_u32, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    format!(
        "version: 1\nname: theory\nseed: {seed}\nhorizon: {horizon:.0}s\nwarmup: {warmup_s:.0}s\nreplications: {REPLICATIONS}\n\
         pools:\n{pools}workloads:\n{workloads}"
    )
}

/// A pool with burndown 5 and these quotas.
fn pool(quotas: &str) -> String {
    format!("  p:\n    model: theory\n    burndown_rate: 5\n    max_output_tokens: 1_000_000\n    {quotas}\n")
}

struct Traffic<'a> {
    name: &'a str,
    arrivals: String,
    /// Input, `max_tokens`, output.
    tokens: (f64, f64, f64),
    duration: String,
    client: &'a str,
}

impl Traffic<'_> {
    fn yaml(&self) -> String {
        let Traffic { name, arrivals, tokens: (input, max, output), duration, client } = self;
        format!(
            "  {name}:\n    pool: p\n    arrivals: {{ {arrivals} }}\n    input_tokens: {input}\n    \
             output_tokens: {output}\n    max_tokens: {max}\n    latency: {{ duration: {duration} }}\n    client: {client}\n"
        )
    }
}

fn exponential(seconds: f64) -> String {
    format!("{{ exponential: {{ mean: {seconds}s }} }}")
}

fn number(value: &Value, key: &str) -> f64 {
    value[key].as_f64().unwrap_or_else(|| panic!("{key} in {value}"))
}

fn mean(estimate: quotasim::analysis::Estimate) -> f64 {
    estimate.mean.expect("something was measured")
}

fn tolerance(p: f64, n: u64, k: f64) -> f64 {
    (4.0 * (p * (1.0 - p) / n as f64).sqrt() * k).max(1e-4)
}

/// The loss of one traffic class against the expected one.
fn rate(name: &str, expected: f64, simulated: f64, n: u64, k: f64) -> (String, f64, f64, f64) {
    (name.to_owned(), expected, simulated, tolerance(expected, n, k))
}

fn loss_of(metrics: &Metrics) -> f64 {
    mean(metrics.request_failure_rate)
}

fn losses(summary: &Summary, expected: f64, k: f64) -> Verdict {
    let n = summary.total.counts.requests;
    Verdict::Compared(vec![rate("loss", expected, loss_of(&summary.total), n, k)])
}

/// Slots held for the service time: a quota under the in-flight limiter.
fn slots(params: &Value, quota: &str) -> String {
    let quota = number(params, quota);
    let pools =
        pool(&format!("tokens_per_minute: {{ limit: {quota}, limiter: in_flight }}\n    requests_per_minute: none"));
    let arrivals = number(params, "arrival_rate_per_s");
    let traffic = Traffic {
        name: "w",
        arrivals: format!("poisson: {{ rate: {arrivals}/s }}"),
        tokens: (number(params, "input_tokens"), number(params, "max_tokens"), 1.0),
        duration: exponential(number(params, "mean_service_s")),
        client: "none",
    };
    document(&pools, &traffic.yaml(), arrivals, 20.0 * number(params, "mean_service_s"))
}

fn loss(case: &Value, scenario: &str, k: f64) -> Verdict {
    let summary = support::run(scenario);
    let expected = &case["expected"];
    let n = summary.total.counts.requests;
    let in_flight = summary.total.in_flight.mean.expect("attempts were in flight");
    let reserved = summary.pools["p"].pool.as_ref().and_then(|pool| pool.reservation_mean.mean);
    let (load, tokens) = (number(expected, "mean_in_flight"), number(expected, "mean_reserved_tokens"));
    Verdict::Compared(vec![
        rate("loss", number(expected, "loss"), loss_of(&summary.total), n, k),
        ("mean_in_flight".to_owned(), load, in_flight, load * 0.01),
        ("mean_reserved_tokens".to_owned(), tokens, reserved.unwrap_or(f64::NAN), tokens * 0.01),
    ])
}

/// Several request sizes on one quota; what is reserved is what is charged.
fn classes(case: &Value, limiter: &str, size: &str, k: f64) -> Verdict {
    let params = &case["params"];
    let quota = number(params, "quota_tokens");
    let pools =
        pool(&format!("tokens_per_minute: {{ limit: {quota}, limiter: {limiter} }}\n    requests_per_minute: none"));
    let list = params["classes"].as_array().expect("classes");
    let mut workloads = String::new();
    for class in list {
        let tokens = number(class, size);
        let service = class["mean_service_s"].as_f64().unwrap_or(1.0);
        let traffic = Traffic {
            name: class["name"].as_str().expect("a name"),
            arrivals: format!("poisson: {{ rate: {}/s }}", number(class, "arrival_rate_per_s")),
            tokens: (tokens / 2.0, tokens / 2.0, tokens / 10.0),
            duration: exponential(service),
            client: "none",
        };
        workloads += &traffic.yaml();
    }
    let total: f64 = list.iter().map(|class| number(class, "arrival_rate_per_s")).sum();
    let summary = support::run(&document(&pools, &workloads, total, 600.0));
    let compared = list.iter().map(|class| {
        let name = class["name"].as_str().expect("a name");
        let metrics = &summary.workloads[name];
        let expected = number(&case["expected"]["loss_by_class"], name);
        rate(name, expected, loss_of(metrics), metrics.counts.requests, k)
    });
    Verdict::Compared(compared.collect())
}

fn token_bucket(case: &Value) -> Verdict {
    let (params, tokens) = (&case["params"], &case["example_tokens"]);
    let burst = number(params, "bucket_tokens") / number(params, "refill_tpm") * 60.0;
    let pools = pool(&format!(
        "tokens_per_minute: {{ limit: {}, limiter: {{ token_bucket: {{ burst_seconds: {burst} }} }} }}\n    \
         requests_per_minute: none",
        number(params, "refill_tpm")
    ));
    let rpm = number(params, "arrival_rpm");
    let traffic = Traffic {
        name: "w",
        arrivals: format!("poisson: {{ rate: {rpm}/min }}"),
        tokens: (number(tokens, "input"), number(tokens, "max_tokens"), number(tokens, "output")),
        duration: exponential(1.0),
        client: "none",
    };
    let summary = support::run(&document(&pools, &traffic.yaml(), rpm / 60.0, 60_000.0));
    losses(&summary, number(&case["expected"], "loss"), 1.5 * autocorrelation(number(params, "rho")))
}

/// A critically loaded bucket forgets slowly.
fn autocorrelation(rho: f64) -> f64 {
    if (rho - 1.0).abs() < 0.06 { 4.0 } else { 1.0 }
}

/// Admit while the level is not negative, then take any cost: a small reservation and an overdraft at once.
///
/// The cost is `output × burndown` with a rate of 1,000, settled after no time; the capacity is larger by the
/// reservation, so `level ≥ reservation` is `level − reservation ≥ 0`.
fn debt_bucket(case: &Value) -> Verdict {
    const RESERVATION: f64 = 30_000.0;
    let params = &case["params"];
    let quota = number(params, "refill_tpm") * 1_000.0;
    let capacity = number(params, "bucket_tokens") * 1_000.0 + RESERVATION;
    let burst = capacity / quota * 60.0;
    let pools = format!(
        "  p:\n    model: theory\n    burndown_rate: 1000\n    max_output_tokens: 1_000_000\n    \
         tokens_per_minute: {{ limit: {quota}, limiter: {{ token_bucket: {{ burst_seconds: {burst} }} }} }}\n    \
         requests_per_minute: none\n"
    );
    let rpm = number(params, "arrival_rpm");
    let workload = format!(
        "  w:\n    pool: p\n    arrivals: {{ poisson: {{ rate: {rpm}/min }} }}\n    input_tokens: 0\n    \
         output_tokens: {{ exponential: {{ mean: {} }} }}\n    max_tokens: {RESERVATION}\n    \
         latency: {{ duration: 0s }}\n    client: none\n",
        number(params, "mean_cost_tokens")
    );
    let summary = support::run(&document(&pools, &workload, rpm / 60.0, 6_000.0));
    losses(&summary, number(&case["expected"], "loss"), 3.0)
}

/// Requests per window; a window other than a minute is a minute in other units of time.
fn request_window(case: &Value, limiter: &str, k: f64) -> Verdict {
    let params = &case["params"];
    let per_minute = number(params, "mean_per_window");
    let pools = format!(
        "  p:\n    model: theory\n    burndown_rate: 5\n    max_output_tokens: 1000\n    tokens_per_minute: none\n    \
         requests_per_minute: {}\n    limiter: {limiter}\n",
        number(params, "limit")
    );
    let traffic = Traffic {
        name: "w",
        arrivals: format!("poisson: {{ rate: {per_minute}/min }}"),
        tokens: (1.0, 1.0, 1.0),
        duration: exponential(1.0),
        client: "none",
    };
    let summary = support::run(&document(&pools, &traffic.yaml(), per_minute / 60.0, 600.0));
    losses(&summary, number(&case["expected"], "loss"), k)
}

fn sinusoidal_window(case: &Value) -> Verdict {
    let params = &case["params"];
    let scenario = format!(
        "version: 1\nname: theory\nhorizon: 9d\nwarmup: 0s\nreplications: 2\npools:\n  p:\n    model: theory\n    \
         burndown_rate: 5\n    max_output_tokens: 1000\n    tokens_per_minute: none\n    requests_per_minute: {}\n    \
         limiter: fixed_window\nworkloads:\n{}",
        number(params, "limit"),
        Traffic {
            name: "w",
            arrivals: format!(
                "sinusoidal: {{ rate: {}/s, amplitude: {}%, period: {}s }}",
                number(params, "base_rate_per_s"),
                number(params, "amplitude") * 100.0,
                number(params, "period_s")
            ),
            tokens: (1.0, 1.0, 1.0),
            duration: exponential(1.0),
            client: "none",
        }
        .yaml()
    );
    losses(&support::run(&scenario), number(&case["expected"], "loss"), 1.0)
}

fn retrial_scenario(params: &Value, slots: f64, attempts: &str, delay_s: f64, requests: f64) -> String {
    let (rate, service) = (number(params, "lam"), 1.0 / number(params, "mu"));
    let pools = pool(&format!(
        "tokens_per_minute: {{ limit: {}, limiter: in_flight }}\n    requests_per_minute: none",
        slots * 1000.0
    ));
    let client = format!("{{ custom: {{ max_attempts: {attempts}, delay: {} }} }}", exponential(delay_s));
    let traffic = Traffic {
        name: "w",
        arrivals: format!("poisson: {{ rate: {rate}/s }}"),
        tokens: (500.0, 500.0, 1.0),
        duration: exponential(service),
        client: &client,
    };
    document(&pools, &traffic.yaml(), rate * REQUESTS / requests, (100.0 * service).max(20.0 * delay_s))
}

fn retrial(case: &Value) -> Verdict {
    let (params, expected) = (&case["params"], &case["expected"]);
    let attempts = params["max_retries"].as_f64().map_or("unlimited".to_owned(), |n| (n + 1.0).to_string());
    let scenario = retrial_scenario(params, number(params, "c"), &attempts, 1.0 / number(params, "gamma"), REQUESTS);
    let total = support::run(&scenario).total;
    let n = total.counts.requests;
    let attempts = number(expected, "attempts_per_request");
    Verdict::Compared(vec![
        rate("first_attempt_block", number(expected, "first_attempt_block"), mean(total.request_throttle_rate), n, 4.0),
        rate("attempt_block", number(expected, "attempt_block"), mean(total.attempt_throttle_rate), n, 4.0),
        rate("final_loss", number(expected, "final_loss"), loss_of(&total), n, 4.0),
        ("attempts_per_request".to_owned(), attempts, mean(total.attempts_per_request), attempts * 0.02),
    ])
}

/// With retries 1,000 service times later the theory's limit is reached; its own tolerance is 1 %.
fn slow_retrial(case: &Value) -> Verdict {
    let (params, expected) = (&case["params"], &case["expected"]);
    let scaled = serde_json::json!({ "lam": number(params, "offered_erlangs"), "mu": 1.0 });
    let attempts = (number(params, "max_retries") + 1.0).to_string();
    let total = support::run(&retrial_scenario(&scaled, number(params, "c"), &attempts, 1_000.0, 8e6)).total;
    let relative = |name: &str, simulated: f64| {
        (name.to_owned(), number(expected, name), simulated, number(expected, name) * 0.01)
    };
    Verdict::Compared(vec![
        relative("attempt_block", mean(total.attempt_throttle_rate)),
        relative("final_loss", loss_of(&total)),
        relative("attempts_per_request", mean(total.attempts_per_request)),
    ])
}

fn closed_traffic(params: &Value) -> Traffic<'static> {
    Traffic {
        name: "w",
        arrivals: format!(
            "closed_loop: {{ workers: {}, think_time: {} }}",
            number(params, "clients"),
            exponential(number(params, "mean_think_s"))
        ),
        tokens: (500.0, 500.0, 1.0),
        duration: exponential(number(params, "mean_service_s")),
        client: "none",
    }
}

fn closed_loop(case: &Value) -> Verdict {
    let params = &case["params"];
    let pools = pool(&format!(
        "tokens_per_minute: {{ limit: {}, limiter: in_flight }}\n    requests_per_minute: none",
        number(params, "slots") * 1000.0
    ));
    let rate = number(params, "clients") / (number(params, "mean_think_s") + number(params, "mean_service_s"));
    let summary = support::run(&document(&pools, &closed_traffic(params).yaml(), rate, 1_000.0));
    losses(&summary, number(&case["expected"], "loss"), 3.0)
}

fn client_queue(case: &Value) -> Verdict {
    let (params, expected) = (&case["params"], &case["expected"]);
    let pools = pool("tokens_per_minute: none\n    requests_per_minute: none");
    let workload =
        closed_traffic(params).yaml() + &format!("    concurrency: {{ limit: {} }}\n", number(params, "concurrency"));
    let total = support::run(&document(&pools, &workload, number(expected, "throughput_per_s"), 10_000.0)).total;
    let seconds = |ms: Option<f64>| ms.expect("requests waited") / 1000.0;
    let within = |name: &str, simulated: f64| {
        (name.to_owned(), number(expected, name), simulated, number(expected, name) * 0.005)
    };
    Verdict::Compared(vec![
        within("throughput_per_s", mean(total.goodput_requests_per_minute) / 60.0),
        within("mean_wait_s", seconds(total.wait_ms.all.mean)),
        within("mean_response_s", seconds(total.latency_ms.mean)),
    ])
}

fn deterministic(case: &Value) -> Verdict {
    let (params, tokens, expected) = (&case["params"], &case["example_tokens"], &case["expected"]);
    let requests = number(params, "n");
    let (arrivals, horizon) = match params["arrivals"].as_str().expect("arrivals") {
        "100 at t=0" => ("burst: { at: 0s, count: 100 }", 60),
        "one at t=0,1,...,599 s" => ("constant: { rate: 1/s }", 600),
        "one every 0.1 s for 60 s" => ("constant: { rate: 10/s }", 60),
        other => panic!("arrivals {other}"),
    };
    let pools = pool(&format!("tokens_per_minute: {}\n    requests_per_minute: none", number(params, "quota_tokens")));
    let traffic = Traffic {
        name: "w",
        arrivals: arrivals.to_owned(),
        tokens: (number(tokens, "input"), number(tokens, "max_tokens"), number(tokens, "output")),
        duration: format!("{}s", number(params, "service_s")),
        client: "none",
    };
    let scenario = format!(
        "version: 1\nname: theory\nhorizon: {horizon}s\nwarmup: 0s\nreplications: 1\npools:\n{pools}workloads:\n{}",
        traffic.yaml()
    );
    let rejected = rejected_requests(&scenario);
    let first = rejected.first().map_or(-1.0, |&index| index as f64);
    Verdict::Compared(vec![
        ("rejected".to_owned(), number(expected, "rejected"), rejected.len() as f64, 0.0),
        ("admitted".to_owned(), number(expected, "admitted"), requests - rejected.len() as f64, 0.0),
        ("first_rejected_index".to_owned(), expected["first_rejected_index"].as_f64().unwrap_or(-1.0), first, 0.0),
    ])
}

/// The numbers of the requests that were throttled, in order.
fn rejected_requests(scenario: &str) -> Vec<u64> {
    let mut rejected = Vec::new();
    support::run_attempts(scenario, |_, row| {
        if row.limit.is_some() {
            rejected.push(row.request);
        }
    });
    rejected.sort_unstable();
    rejected
}

fn bursty(case: &Value) -> Verdict {
    let params = &case["params"];
    let arrivals = match params["interarrival"].as_str() {
        Some("gamma") => {
            format!(
                "gamma: {{ rate: {}/s, cv: {} }}",
                1.0 / number(params, "mean_interarrival_s"),
                number(params, "cv")
            )
        }
        Some(_) => format!("constant: {{ rate: {}/s }}", 1.0 / number(params, "mean_interarrival_s")),
        None => format!(
            "on_off: {{ on_rate: {}/s, off_rate: {}/s, mean_on: {:.9}s, mean_off: {:.9}s }}",
            number(params, "rate_on"),
            number(params, "rate_off"),
            1.0 / number(params, "q_on_off"),
            1.0 / number(params, "q_off_on")
        ),
    };
    let service = number(params, "mean_service_s");
    let rate = params["mean_rate"].as_f64().unwrap_or_else(|| 1.0 / number(params, "mean_interarrival_s"));
    let pools = pool(&format!(
        "tokens_per_minute: {{ limit: {}, limiter: in_flight }}\n    requests_per_minute: none",
        number(params, "slots") * 1000.0
    ));
    let traffic =
        Traffic { name: "w", arrivals, tokens: (500.0, 500.0, 1.0), duration: exponential(service), client: "none" };
    let summary = support::run(&document(&pools, &traffic.yaml(), rate, 1_000.0));
    losses(&summary, number(&case["expected"], "loss"), 4.0)
}

fn reserve_settle(case: &Value, quotas: &str) -> Summary {
    let (params, tokens) = (&case["params"], &case["example_tokens"]);
    let rate = number(params, "arrival_rate_per_s");
    let traffic = Traffic {
        name: "w",
        arrivals: format!("poisson: {{ rate: {rate}/s }}"),
        tokens: (number(tokens, "input"), number(tokens, "max_tokens"), number(tokens, "output")),
        duration: exponential(number(params, "mean_service_s")),
        client: "none",
    };
    support::run(&document(&pool(quotas), &traffic.yaml(), rate, 3_000.0))
}

/// Compared with the vectors' Monte Carlo run of a continuous refill, whose own interval joins the tolerance.
fn reserve_settle_bucket(case: &Value) -> Verdict {
    let params = &case["params"];
    let quota = number(params, "equivalent_tpm");
    let burst = number(params, "bucket_units") * number(params, "unit_tokens") / quota * 60.0;
    let summary = reserve_settle(
        case,
        &format!(
            "tokens_per_minute: {{ limit: {quota}, limiter: {{ token_bucket: {{ burst_seconds: {burst:.9} }} }} }}\n    \
             requests_per_minute: none"
        ),
    );
    let expected = number(&case["monte_carlo_same_params_other_semantics"], "continuous_refill_exponential_service");
    losses(&summary, expected, 4.0)
}

fn reserve_settle_window(case: &Value) -> Verdict {
    let params = &case["params"];
    let quota = number(params, "quota_units") * number(params, "unit_tokens");
    let summary = reserve_settle(
        case,
        &format!("tokens_per_minute: {{ limit: {quota}, limiter: fixed_window }}\n    requests_per_minute: none"),
    );
    losses(&summary, number(&case["expected"], "loss"), 2.0)
}

/// One client, calls one after another, attempts that fail by a coin.
fn retry_budget(case: &Value) -> Verdict {
    let (params, expected) = (&case["params"], &case["expected"]);
    let client = match params["max_attempts"].as_f64() {
        Some(attempts) => {
            format!("{{ boto3: {{ mode: standard, retries: \"2.1\", max_attempts: {attempts} }} }}")
        }
        None => format!(
            "{{ custom: {{ max_attempts: unlimited, delay: 1ms, budget: {{ capacity: {}, deposit: {}, retry_cost: {} }} }} }}",
            number(params, "capacity"),
            number(params, "deposit"),
            number(params, "retry_cost")
        ),
    };
    let traffic = Traffic {
        name: "w",
        arrivals: "closed_loop: { workers: 1, think_time: 900ms }".to_owned(),
        tokens: (500.0, 500.0, 1.0),
        duration: "100ms".to_owned(),
        client: &client,
    };
    let workload = traffic.yaml() + &format!("    faults: {{ overloaded: {} }}\n", number(params, "p"));
    let pools = pool("tokens_per_minute: none\n    requests_per_minute: none");
    let total = support::run(&document(&pools, &workload, 1.0 / 1.5, 20_000.0)).total;
    let attempts = number(expected, "attempts_per_request");
    Verdict::Compared(vec![
        ("attempts_per_request".to_owned(), attempts, mean(total.attempts_per_request), attempts * 0.005),
        rate("final_loss", number(expected, "final_loss"), loss_of(&total), total.counts.requests, 2.0),
    ])
}

fn trace_replay(case: &Value) -> Verdict {
    let Some(path) = support::trace(case["trace"].as_str().expect("a trace")) else {
        return Verdict::Skipped("the trace is absent");
    };
    let file = path.display().to_string();
    let expected = &case["expected"];
    let limiter = match case["limiter"].as_str().expect("a limiter") {
        "bucket_settle" | "bucket_nosettle" => "token_bucket",
        "window" => "fixed_window",
        "sliding" => "sliding_window",
        "slots" => "in_flight",
        other => panic!("limiter {other}"),
    };
    // What is never given back is settled after the last arrival.
    let latency = if case["limiter"] == "bucket_nosettle" {
        "{ duration: 10h }"
    } else {
        "{ ttft: 1s, output_tokens_per_second: 50 }"
    };
    let scenario = format!(
        "version: 1\nname: replay\nreplications: 1\npools:\n  p:\n    model: theory\n    burndown_rate: {}\n    \
         max_output_tokens: 100_000\n    tokens_per_minute: {}\n    requests_per_minute: none\n    limiter: {limiter}\n\
         workloads:\n  w:\n    pool: p\n    arrivals: {{ trace: {{ file: {file:?}, time: TIMESTAMP, input_tokens: \
         ContextTokens, output_tokens: GeneratedTokens }} }}\n    max_tokens: {}\n    latency: {latency}\n    client: none\n",
        number(case, "burndown"),
        number(case, "quota_tokens"),
        number(case, "max_tokens"),
    );
    let rejected = rejected_requests(&scenario);
    let joined = rejected.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
    let digest = Sha256::digest(joined.as_bytes());
    let hash = digest.iter().take(8).fold(String::new(), |hash, byte| hash + &format!("{byte:02x}"));
    let same = expected["rejected_index_sha256_16"].as_str() == Some(hash.as_str());
    let charged = support::run(&scenario).total.ledger.settled as f64;
    let mut compared = vec![
        ("rejected".to_owned(), number(expected, "rejected"), rejected.len() as f64, 0.0),
        ("same rows rejected".to_owned(), 1.0, f64::from(u8::from(same)), 0.0),
    ];
    compared.push(("settled tokens".to_owned(), number(expected, "admitted_quota_tokens"), charged, 0.0));
    Verdict::Compared(compared)
}
