//! Sizing against theory where theory has an answer, and its laws on small scenarios.

use crate::cli_planner::quotasim;
use crate::support::scenario;
use quotasim::analysis::Sizing;
use quotasim::analysis::sizing::{Limits, round_up};
use quotasim::model::service_quota::{AppliedQuota, AppliedQuotas};
use quotasim::model::{PoolQuotas, Scenario};
use quotasim::planner::size::{Ask, GrowthPoint, size};
use quotasim::planner::solve::{Solve, solve};
use quotasim::planner::{self, Silent};
use quotasim::spec::catalog::Catalog;

fn ask(scenario: &Scenario) -> Ask {
    let catalog = Catalog::embedded();
    Ask {
        confidence: 0.95,
        margin: 0.0,
        growth: Vec::new(),
        identities: scenario.pools.iter().map(|pool| catalog.identity(&pool.model, pool.quotas.endpoint())).collect(),
        account_code: catalog.account_tokens_per_day.code().map(str::to_owned),
        applied: None,
        region: None,
        use_case: None,
        brief: true,
    }
}

/// Needs and requests of a scenario.
fn sized(text: &str) -> Sizing {
    let scenario = scenario(text);
    size_of(&scenario, &ask(&scenario))
}

fn size_of(scenario: &Scenario, ask: &Ask) -> Sizing {
    size(scenario, ask, &Silent).expect("nobody stops it")
}

/// The whole answer.
fn in_full(text: &str) -> Sizing {
    let scenario = scenario(text);
    size_of(&scenario, &Ask { brief: false, ..ask(&scenario) })
}

fn tokens(sizing: &Sizing, pool: &str) -> u64 {
    sizing.pools[pool].needs.tokens_per_minute.expect("it needs some")
}

/// A pool and a workload of equal requests that reserve what they are charged: `cost` tokens.
fn equal_requests(quotas: &str, arrivals: &str, cost: u64, duration: &str, slo: &str, horizon: &str) -> String {
    format!(
        "version: 1
pools:
  p: {{ model: mine, burndown_rate: 1, max_output_tokens: 100_000, {quotas} }}
workloads:
  w:
    pool: p
    arrivals: {{ {arrivals} }}
    input_tokens: {}
    output_tokens: 100
    max_tokens: 100
    latency: {{ duration: {duration} }}
    client: none
slo: [{slo}]
horizon: {horizon}
replications: 4
",
        cost - 100
    )
}

/// Erlang's loss of `slots` at `offered` erlangs.
fn erlang_b(slots: u32, offered: f64) -> f64 {
    (1..=slots).fold(1.0, |loss, n| offered * loss / (f64::from(n) + offered * loss))
}

#[test]
fn slots_are_those_of_erlang() {
    const COST: u64 = 10_000;
    for (slots, offered) in [(10, 8.0), (18, 20.0), (30, 22.0)] {
        let bound = f64::midpoint(erlang_b(slots, offered), erlang_b(slots - 1, offered));
        let sizing = sized(&equal_requests(
            "tokens_per_minute: { limit: 50k, limiter: in_flight }, requests_per_minute: none",
            &format!("poisson: {{ rate: {}/s }}", offered / 5.0),
            COST,
            "{ exponential: { mean: 5s } }",
            &format!("attempt_throttle_rate < {}%", bound * 100.0),
            "9h",
        ));
        let found = tokens(&sizing, "p");
        let expected = u64::from(slots) * COST;
        assert!(found.abs_diff(expected) < COST, "{found} for {slots} slots of {COST} at {offered} erlangs");
        // For theory: nothing is asked for, and no limiter is put in its place.
        assert_eq!(sizing.pools["p"].request, Limits::default());
        let tried: Vec<&str> = sizing.pools["p"].by_assumption.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(tried, ["reserve_cache_reads", "reserve_burndown", "reservation_floor_4096"]);
    }
}

/// The loss of M/D/1/K: at most `places` in the system, `load` erlangs.
///
/// *Source*: Gross et al., "Fundamentals of Queueing Theory", §5.1: the states that departures leave behind follow
/// `π_{j+1}·a_0 = π_j − π_0·a_j − Σ_{i=1}^{j} π_i·a_{j−i+1}` with Poisson `a`, and the loss is `1 − 1/(π_0 + ρ)`.
fn loss_m_d_1_k(places: usize, load: f64) -> f64 {
    let mut poisson = vec![(-load).exp()];
    for n in 1..=places {
        poisson.push(poisson[n - 1] * load / n as f64);
    }
    let mut states = vec![1.0];
    for j in 0..places - 1 {
        let others: f64 = (1..=j).map(|i| states[i] * poisson[j - i + 1]).sum();
        states.push((states[j] - states[0] * poisson[j] - others) / poisson[0]);
    }
    let empty = states[0] / states.iter().sum::<f64>();
    1.0 - 1.0 / (empty + load)
}

#[test]
fn buckets_are_those_of_m_d_1_k() {
    // A bucket of 60 s holds Q tokens: Q ÷ cost places, each served in cost × 60 s ÷ Q.
    const COST: u64 = 10_000;
    for (places, per_minute) in [(10, 9.0), (25, 24.0)] {
        // Between the losses with one place less and with this many: only this many places meet it, and only just.
        let loss = |places: usize| loss_m_d_1_k(places, per_minute / places as f64);
        let bound = f64::midpoint(loss(places), loss(places - 1));
        let sizing = sized(&equal_requests(
            "tokens_per_minute: 50k, requests_per_minute: none",
            &format!("poisson: {{ rate: {per_minute}/min }}"),
            COST,
            "1s",
            &format!("attempt_throttle_rate < {}%", bound * 100.0),
            "120h",
        ));
        let found = tokens(&sizing, "p");
        let expected = places as u64 * COST;
        assert!(found.abs_diff(expected) < COST, "{found} for {places} places of {COST}, at most {bound} lost");
    }
}

/// The share of a Poisson count with this mean that lies beyond `limit`.
fn loss_of_window(limit: u32, mean: f64) -> f64 {
    let (mut probability, mut beyond) = ((-mean).exp(), 0.0);
    for n in 1..400_u32 {
        probability *= mean / f64::from(n);
        beyond += probability * f64::from(n.saturating_sub(limit));
    }
    beyond / mean
}

#[test]
fn windows_hold_what_a_poisson_count_leaves_out() {
    const COST: u64 = 2_000;
    for (limit, mean) in [(34, 30.0), (66, 60.0)] {
        let bound = f64::midpoint(loss_of_window(limit, mean), loss_of_window(limit - 1, mean));
        let slo = format!("request_failure_rate < {}%", bound * 100.0);
        let arrivals = format!("poisson: {{ rate: {mean}/min }}");
        let quotas = "tokens_per_minute: 50k, requests_per_minute: none, limiter: fixed_window";
        let by_tokens = sized(&equal_requests(quotas, &arrivals, COST, "1s", &slo, "60h"));
        let found = tokens(&by_tokens, "p");
        assert!(found.abs_diff(u64::from(limit) * COST) < COST, "{found} for {limit} requests of {COST}");
        let quotas = "tokens_per_minute: none, requests_per_minute: 50, limiter: fixed_window";
        let by_requests = sized(&equal_requests(quotas, &arrivals, COST, "1s", &slo, "60h"));
        assert_eq!(by_requests.pools["p"].needs.requests_per_minute, Some(u64::from(limit)));
        assert_eq!(by_requests.binding.as_deref(), Some("requests_per_minute"));
    }
}

/// The share of `count` equal requests, one each `gap_s`, that a full bucket of a minute refuses: by hand, exactly.
fn refused_by_bucket(limit: u64, cost: u64, gap_s: u64, count: u64) -> f64 {
    // In sixtieths of a token: a second brings `limit` of them.
    let full = limit * 60;
    let (mut level, mut refused) = (full, 0);
    for request in 0..count {
        if request > 0 {
            level = full.min(level + limit * gap_s);
        }
        if level >= cost * 60 { level -= cost * 60 } else { refused += 1 }
    }
    refused as f64 / count as f64
}

#[test]
fn regular_requests_need_what_arithmetic_says() {
    const COST: u64 = 7_000;
    let text = |episode: bool| {
        equal_requests(
            "tokens_per_minute: 50k, requests_per_minute: none",
            "constant: { rate: 1/s }",
            COST,
            "0s",
            "attempt_throttle_rate < 2%",
            "20m",
        ) + &format!("warmup: 0s\nepisode: {episode}\n")
    };
    // As an episode, the burst is real: the smallest limit that refuses less than 2 % of 1,200 requests.
    let least = (1..COST * 60).find(|&limit| refused_by_bucket(limit, COST, 1, 1_200) < 0.02).expect("there is one");
    let found = tokens(&sized(&text(true)), "p");
    assert!(found >= least && found - least < COST / 2, "{found}, where arithmetic says {least}");
    // In the long run, 98 % of what is offered, however long the burst lasts.
    let found = tokens(&sized(&text(false)), "p");
    let least = COST * 60 * 98 / 100;
    assert!(found > least && found - least < COST / 2, "{found}, where arithmetic says {least}");
    assert!(refused_by_bucket(least, COST, 1, 1_200) < 0.01, "a full bucket hides it");
}

const CHAT: &str = "
version: 1
pools:
  haiku:
    model: us.anthropic.claude-haiku-4-5-20251001-v1:0
    tokens_per_minute: 100k
workloads:
  chat:
    pool: haiku
    arrivals: { poisson: { rate: 2/s } }
    input_tokens: { lognormal: { median: 400, p95: 1200 } }
    output_tokens: { lognormal: { median: 60, p95: 200 } }
    max_tokens: 1_000
    client: boto3
slo: [attempt_throttle_rate < 1%]
horizon: 20m
replications: 5
";

fn standings(scenario: &Scenario) -> f64 {
    let summary = planner::summaries(std::slice::from_ref(scenario), scenario.replications, &Silent).expect("it ran");
    summary[0].total.attempt_throttle_rate.mean.expect("measured")
}

#[test]
fn the_limits_together_meet_the_objectives_and_each_is_needed() {
    let sizing = sized(CHAT);
    assert!(sizing.meets_slo && !sizing.meets_today);
    let needs = sizing.pools["haiku"].needs;
    let with = |share: [f64; 2]| {
        let mut changed = scenario(CHAT);
        let PoolQuotas::Runtime { requests, tokens, .. } = &mut changed.pools[0].quotas else { unreachable!() };
        let set = |quota: &mut Option<quotasim::model::Quota>, limit: Option<u64>, share: f64| {
            let quota = quota.as_mut().expect("it has both");
            quota.limits[0].1 = (limit.expect("sized") as f64 * share) as u64;
        };
        set(tokens, needs.tokens_per_minute, share[0]);
        set(requests, needs.requests_per_minute, share[1]);
        standings(&changed)
    };
    assert!(with([1.0, 1.0]) < 0.01);
    assert!(with([0.93, 1.0]) > 0.01, "{}", with([0.93, 1.0]));
    // Requests may not take more than tokens leave.
    assert!(with([1.0, 0.9]) > 0.01, "{}", with([1.0, 0.9]));
    let offered = 120.0;
    assert!(
        needs.requests_per_minute.expect("sized") as f64 > offered * 0.98,
        "a full bucket is not mistaken for enough"
    );
}

#[test]
fn the_request_is_the_largest_need_of_what_decides_and_the_margin_goes_on_top() {
    let sizing = sized(CHAT);
    let size = &sizing.pools["haiku"];
    let deciding: Vec<(&str, u64)> = size
        .by_assumption
        .iter()
        .filter(|(_, under)| under.decides)
        .map(|(key, under)| (key.as_str(), under.needs.tokens_per_minute.expect("sized")))
        .collect();
    assert_eq!(
        deciding.iter().map(|(key, _)| *key).collect::<Vec<_>>(),
        ["token_bucket", "burst_seconds_10", "fixed_window"]
    );
    let most = deciding.iter().map(|&(_, need)| need).max().expect("three of them");
    assert_eq!(size.request.tokens_per_minute, Some(round_up(most)));
    assert_eq!(size.request.requests_per_minute, None, "today's 10,000 are enough");
    assert_eq!(size.by_assumption.len(), 8);
    let of = |key: &str| {
        let under = size.by_assumption.iter().find(|(name, _)| name == key);
        under.and_then(|(_, under)| under.needs.tokens_per_minute).expect("sized")
    };
    // The shorter the burst, the more it takes; a window that moves is stricter than one that stands.
    assert!(of("burst_seconds_1") > of("burst_seconds_10") && of("burst_seconds_10") >= of("token_bucket"));
    assert!(of("sliding_window") >= of("fixed_window"));
    assert!(of("reservation_floor_4096") > of("token_bucket"));
    assert_eq!(of("reserve_cache_reads"), size.needs.tokens_per_minute.expect("sized"), "nothing is cached");

    let scenario = scenario(CHAT);
    let generous = Ask { margin: 0.3, ..ask(&scenario) };
    let generous = size_of(&scenario, &generous);
    let wanted = (most as f64 * 1.3).ceil() as u64;
    assert_eq!(generous.pools["haiku"].request.tokens_per_minute, Some(round_up(wanted)));
}

#[test]
fn more_confidence_and_a_stricter_objective_need_no_less() {
    let scenario = scenario(CHAT);
    let need = |confidence: f64| tokens(&size_of(&scenario, &Ask { confidence, ..ask(&scenario) }), "haiku");
    assert!(need(0.5) <= need(0.95) && need(0.95) <= need(0.999), "{} {} {}", need(0.5), need(0.95), need(0.999));
    let strict = tokens(&sized(&CHAT.replace("< 1%", "< 0.1%")), "haiku");
    assert!(strict >= need(0.95));
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        let scenario = scenario(CHAT);
        let growth = vec![GrowthPoint { month: None, factor: 2.0 }];
        let ask = Ask { growth, brief: false, ..ask(&scenario) };
        serde_json::to_string(&pool.install(|| size_of(&scenario, &ask))).expect("a document")
    };
    assert_eq!(run(1), run(4));
}

#[test]
fn without_an_objective_the_default_is_said_and_counts() {
    let sizing = sized(&CHAT.replace("slo: [attempt_throttle_rate < 1%]\n", ""));
    assert_eq!(sizing.objectives, ["attempt_throttle_rate < 1% (default)"]);
    assert_eq!(tokens(&sizing, "haiku"), tokens(&sized(CHAT), "haiku"));
}

#[test]
fn what_no_quota_meets_is_explained() {
    let table = [
        ("truncation_rate < 1%", "max_tokens: 1_000", "max_tokens: 50", "raise `max_tokens` of `chat` to about"),
        ("latency_ms.p99 < 1s", "client: boto3", "client: boto3", "which is what the model takes"),
        (
            "latency_ms.p99 < 30s",
            "client: boto3",
            "concurrency: { limit: 1 }\n    client: boto3",
            "raise `concurrency.limit`",
        ),
        ("request_failure_rate < 1%", "client: boto3", "deadline: 1s\n    client: boto3", "`deadline`"),
        (
            "attempt_throttle_rate < 1%",
            "client: boto3",
            "faults: { overloaded: 5% }\n    client: boto3",
            "as the model is overloaded at times",
        ),
        ("goodput_requests_per_minute > 500", "client: boto3", "client: boto3", "no quota moves that"),
    ];
    for (slo, from, to, expected) in table {
        let text = CHAT.replace("attempt_throttle_rate < 1%", slo).replace(from, to);
        let sizing = sized(&text);
        assert!(!sizing.meets_slo, "{slo}");
        assert!(sizing.reasons[0].contains(expected), "{slo}: {:?}", sizing.reasons);
        assert_eq!((sizing.binding.clone(), sizing.pools["haiku"].needs), (None, Limits::default()));
        assert_eq!(sizing.pools["haiku"].today.tokens_per_minute, Some(100_000));
    }
    // A burst of a billionth of a second holds no large request, however large the quota.
    let limiter = "limiter: { token_bucket: { burst_seconds: 0.000000001 } }";
    let tiny = CHAT.replace("tokens_per_minute: 100k", &format!("tokens_per_minute: 100k\n    {limiter}"));
    let sizing = sized(&tiny.replace("{ lognormal: { median: 400, p95: 1200 } }", "100_000"));
    assert!(!sizing.meets_slo);
    assert!(sizing.reasons[0].contains("one request alone reserves more"), "{:?}", sizing.reasons);
}

#[test]
fn pools_are_sized_apart_and_workloads_by_their_own_objectives() {
    let two = CHAT
        .replace(
            "workloads:",
            "  sonnet: { model: us.anthropic.claude-sonnet-4-6, tokens_per_minute: 100k }\nworkloads:",
        )
        .replace("slo: [attempt_throttle_rate < 1%]", "")
        + "\
slo:
  - { workload: chat, require: attempt_throttle_rate < 1% }
  - { workload: report, require: request_failure_rate < 5% }
"
        .trim_start();
    let two = two.replace(
        "horizon: 20m",
        "  report:
    pool: sonnet
    arrivals: { poisson: { rate: 10/min } }
    input_tokens: 4_000
    output_tokens: 1_000
    max_tokens: 2_000
    client: none
horizon: 20m",
    );
    let sizing = sized(&two);
    assert!(sizing.meets_slo, "{:?}", sizing.reasons);
    // The pool of the chat needs what it needs alone: its requests are the same.
    assert_eq!(tokens(&sizing, "haiku"), tokens(&sized(CHAT), "haiku"));
    let report = tokens(&sizing, "sonnet");
    assert!(
        (85_000..140_000).contains(&report),
        "{report}: ten requests of 9,000 tokens a minute, of which 1 in 20 may fail"
    );
    assert_eq!(sizing.increases.len(), 2);
}

#[test]
fn pools_with_a_fallback_between_them_keep_their_proportions() {
    let text = CHAT
        .replace(
            "workloads:",
            "  spare: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 50k }\nworkloads:",
        )
        .replace("client: boto3", "client: none\n    fallback: { pools: [spare], after: failure }")
        .replace("attempt_throttle_rate < 1%", "request_failure_rate < 1%");
    let sizing = sized(&text);
    assert!(sizing.meets_slo, "{:?}", sizing.reasons);
    let (first, second) = (tokens(&sizing, "haiku"), tokens(&sizing, "spare"));
    assert!(first.abs_diff(second * 2) <= 2, "{first} and {second}");
    assert_eq!(sizing.binding_pool.as_deref(), Some("haiku + spare"));
}

#[test]
fn chat_goes_first_where_batch_may_wait() {
    let text = CHAT
        .replace("slo: [attempt_throttle_rate < 1%]", "")
        .replace("client: boto3", "client: boto3\n    pace: 92%")
        .replace(
            "horizon: 20m",
            "  batch:
    pool: haiku
    arrivals: { burst: { at: 3m, count: 400 } }
    input_tokens: 2_000
    output_tokens: 200
    max_tokens: 400
    pace: 92%
    priority: 1
    client: { custom: { max_attempts: unlimited, backoff: { base: 1s, cap: 60s, jitter: full } } }
slo:
  - { workload: chat, require: attempt_throttle_rate < 0.1% }
  - { workload: chat, require: wait_ms.p99 < 2s }
episode: true
horizon: 20m",
        );
    let first = in_full(&text);
    let equal = sized(&text.replace("priority: 1", "priority: 0"));
    assert!(first.meets_slo && equal.meets_slo, "{:?} {:?}", first.reasons, equal.reasons);
    assert!(tokens(&first, "haiku") < tokens(&equal, "haiku"), "the batch waits: {}", tokens(&first, "haiku"));
    let elsewhere = first.alternatives.iter().find(|each| each.name == "batch_elsewhere").expect("there is a batch");
    assert!(elsewhere.note.contains("at night it takes"), "{}", elsewhere.note);
}

#[test]
fn a_day_is_searched_where_it_is_simulated_and_extrapolated_elsewhere() {
    let day = CHAT
        .replace("pools:", "accounts: { main: { tokens_per_day: 1M } }\npools:")
        .replace("rate: 2/s", "rate: 2/min");
    let short = sized(&day);
    let main = &short.accounts["main"];
    assert!(main.extrapolated);
    // Two requests a minute of about 630 billed tokens, all day.
    assert!((1_500_000..2_200_000).contains(&main.tokens_per_day.expect("estimated")), "{main:?}");
    assert!(short.warnings.iter().any(|warning| warning.contains("shorter than a day")));
    let whole =
        sized(&day.replace("horizon: 20m", "horizon: 24h\nwarmup: 0s").replace("replications: 5", "replications: 3"));
    let main = &whole.accounts["main"];
    assert!(!main.extrapolated);
    assert!((1_500_000..2_200_000).contains(&main.tokens_per_day.expect("searched")), "{main:?}");
    assert!(main.request.is_some());
    assert!(
        whole.increases.iter().any(|case| case.of == "main" && case.quotas[0].code.as_deref() == Some("L-E3F10727"))
    );
}

#[test]
fn mantle_pools_need_input_and_output() {
    let text = CHAT.replace(
        "    model: us.anthropic.claude-haiku-4-5-20251001-v1:0\n    tokens_per_minute: 100k",
        "    model: anthropic.claude-opus-4-7\n    endpoint: mantle\n    input_tokens_per_minute: 1M\n    output_tokens_per_minute: 100k",
    );
    let sizing = sized(&text);
    assert!(sizing.objectives.contains(&"quota_truncation_rate < 1% (default)".to_owned()), "{:?}", sizing.objectives);
    let needs = sizing.pools["haiku"].needs;
    assert_eq!((needs.tokens_per_minute, needs.requests_per_minute), (None, None));
    // 120 requests a minute of 500 tokens in and 80 out.
    assert!((55_000..90_000).contains(&needs.input_tokens_per_minute.expect("sized")), "{needs:?}");
    assert!((9_000..16_000).contains(&needs.output_tokens_per_minute.expect("sized")), "{needs:?}");
}

#[test]
fn the_account_s_own_values_count_where_they_are_known() {
    let scenario = scenario(CHAT);
    let quota = |name: &str, code: &str, value: u64| AppliedQuota {
        name: name.to_owned(),
        code: code.to_owned(),
        value,
        adjustable: true,
        region: Some("us-east-1".to_owned()),
    };
    let list = AppliedQuotas(vec![
        quota("Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5", "L-58BE175A", 4_000),
        quota("Cross-region model inference requests per minute for Anthropic Claude Haiku 4.5", "L-CCA5DF70", 2_000),
    ]);
    let sizing = size_of(&scenario, &Ask { applied: Some(list), ..ask(&scenario) });
    let today = sizing.pools["haiku"].today;
    assert_eq!((today.tokens_per_minute, today.requests_per_minute), (Some(4_000), Some(2_000)));
    assert_eq!(sizing.applied.len(), 2);
    assert!(sizing.applied[0].request.is_some() && sizing.applied[1].request.is_none());
    let case = &sizing.increases[0];
    assert_eq!(case.region.as_deref(), Some("us-east-1"), "the list says which");
    assert_eq!(case.quotas[0].current, 4_000);
    let command = &case.quotas[0].command;
    let expected = format!(
        "aws service-quotas request-service-quota-increase --service-code bedrock --quota-code L-58BE175A --desired-value \
         {} --region us-east-1",
        case.quotas[0].desired
    );
    assert_eq!(*command, expected);
    // What the case says of the traffic: 120 requests a minute of 500 tokens in and 80 out.
    let close = |value: Option<f64>, expected: f64| value.is_some_and(|value| (value / expected - 1.0).abs() < 0.15);
    assert!(close(case.requests_per_minute.p50, 120.0) && close(case.average_output_tokens, 80.0), "{case:?}");
    assert!(close(case.average_input_tokens, 500.0) && close(case.tokens_per_minute.p50, 120.0 * 900.0), "{case:?}");
    assert_eq!(case.share_above_25k_input, Some(0.0));
    let empty = size_of(&scenario, &Ask { applied: Some(AppliedQuotas::default()), ..ask(&scenario) });
    assert!(
        empty.warnings.iter().any(|warning| warning.contains("is not in the list of quotas")),
        "{:?}",
        empty.warnings
    );
    let daily = self::scenario(&CHAT.replace("pools:", "accounts: { main: { tokens_per_day: 1M } }\npools:"));
    let empty = size_of(&daily, &Ask { applied: Some(AppliedQuotas::default()), ..ask(&daily) });
    let of_the_day = "account `main`: `Cross-Model Max Tokens Per Day` (L-E3F10727) is not in the list";
    assert!(empty.warnings.iter().any(|warning| warning.contains(of_the_day)), "{:?}", empty.warnings);
}

#[test]
fn long_prompts_are_counted_whole_and_by_request() {
    // Nine of ten prompts of 20,000 tokens, one of 30,000; half of each is read from the cache.
    let half = "{ mixture: [{ weight: 0.9, of: 10_000 }, { weight: 0.1, of: 15_000 }] }";
    let text = CHAT
        .replace("{ lognormal: { median: 400, p95: 1200 } }", "12_600\n    cache_read_tokens: 12_000")
        .replace("rate: 2/s", "rate: 1/s");
    let share = |text: &str| sized(text).increases[0].share_above_25k_input;
    assert_eq!(share(&text), Some(0.0), "24,600 tokens");
    assert_eq!(share(&text.replace("12_000", "12_500")), Some(1.0), "25,100 tokens");
    let some = share(&text.replace("12_600", half).replace("12_000", "12_500")).expect("counted");
    assert!((some - 0.1).abs() < 0.02, "{some}");
}

#[test]
fn growth_needs_more_and_ends_on_a_day() {
    let scenario = scenario(&CHAT.replace("100k", "200k"));
    let point = |month: &str, factor: f64| GrowthPoint { month: Some(month.to_owned()), factor };
    let growth = vec![point("2027-01", 1.0), point("2027-04", 1.6), point("2027-07", 3.0)];
    let growth = size_of(&scenario, &Ask { growth, ..ask(&scenario) }).growth.expect("it was asked for");
    let needs: Vec<u64> =
        growth.steps.iter().map(|step| step.pools["haiku"].tokens_per_minute.expect("sized")).collect();
    assert!(needs.windows(2).all(|pair| pair[0] < pair[1]), "{needs:?}");
    assert_eq!(growth.steps.iter().map(|step| step.enough_today).collect::<Vec<_>>(), [true, true, false]);
    let carries = growth.carries.expect("bounded");
    assert!((1.6..2.4).contains(&carries), "{carries}");
    let until = growth.enough_until.expect("within the table");
    assert!(("2027-04-01".."2027-07-01").contains(&until.as_str()), "{until}");
}

#[test]
fn nothing_is_carried_where_one_pool_carries_nothing_and_each_case_speaks_of_its_own() {
    // The second pool holds no request at all.
    let text = CHAT
        .replace("workloads:", "  tiny: { model: us.anthropic.claude-sonnet-4-6, tokens_per_minute: 1k }\nworkloads:")
        .replace("pools:", "accounts: { main: { tokens_per_day: 1M } }\npools:")
        .replace(
            "slo:",
            "  report:
    pool: tiny
    arrivals: { poisson: { rate: 10/min } }
    input_tokens: 4_000
    output_tokens: 1_000
    max_tokens: 2_000
    client: none
slo:",
        )
        .replace("[attempt_throttle_rate < 1%]", "[request_failure_rate < 5%]");
    let scenario = scenario(&text);
    let growth = vec![GrowthPoint { month: None, factor: 2.0 }];
    let sizing = size_of(&scenario, &Ask { growth, ..ask(&scenario) });
    let growth = sizing.growth.as_ref().expect("it was asked for");
    assert_eq!(growth.carries, None, "{}", growth.note);
    assert!(growth.note.contains("do not carry"), "{}", growth.note);
    assert!(
        sizing.warnings.iter().any(|warning| warning.contains("nothing of the daily ones")),
        "{:?}",
        sizing.warnings
    );
    for case in sizing.increases.iter().filter(|case| case.of != "main") {
        let tokens = growth.steps[0].pools[&case.of].tokens_per_minute.expect("sized");
        let words = quotasim::units::format::quantity(tokens);
        assert_eq!(case.growth, format!("2 times this traffic: {words} tokens per minute."));
    }
    let of_account = sizing.increases.iter().find(|case| case.of == "main").expect("a day takes more");
    assert_eq!(of_account.growth, "2 times this traffic.");
}

#[test]
fn alternatives_come_by_what_they_save() {
    let sizing = in_full(CHAT);
    let saves: Vec<i64> = sizing.alternatives.iter().map(|each| each.saves.unwrap_or(i64::MIN)).collect();
    assert!(saves.is_sorted_by(|a, b| a >= b), "{saves:?}");
    let named = |name: &str| sizing.alternatives.iter().find(|each| each.name == name).expect(name);
    let decided = sizing.decided.as_ref().expect("sized").need as i64;
    // Half of the input is half of a charge of 500 + 5 × 80; caching 80 % of it saves two fifths and more.
    let cached = named("prompt_caching").saves.expect("simulated");
    assert!((decided / 3..decided * 3 / 5).contains(&cached), "{cached} of {decided}");
    let burned = named("lower_burndown").saves.expect("simulated");
    assert!((decided / 5..decided / 2).contains(&burned), "{burned} of {decided}");
    let halved = named("second_account");
    // Two small pools need more than one; the simulated half is exact to a hundredth or two.
    assert!(halved.need.expect("simulated") as i64 * 2 > decided * 97 / 100, "{halved:?} of {decided}");
    assert_eq!(named("other_profile").need, halved.need);
    assert!(named("lower_max_tokens").words.contains("instead of 1,000"));
    assert!(named("pacing").note.contains("wait less than 5 s"));
    let first = &sizing.sensitivity[0];
    assert_eq!(first.input, "traffic");
    let ratio = first.more.expect("met") as f64 / decided as f64;
    assert!((1.1..1.3).contains(&ratio), "{ratio}");
}

#[test]
fn inverse_questions_invert_sizing() {
    let sizing = sized(CHAT);
    let need = tokens(&sizing, "haiku");
    let mut enough = scenario(CHAT);
    let PoolQuotas::Runtime { tokens: Some(quota), .. } = &mut enough.pools[0].quotas else { unreachable!() };
    quota.limits[0].1 = need;
    let load = solve(&enough, Solve::Load, 0.95, &Silent).expect("nobody stops it");
    assert!(load.meets_slo);
    assert!(load.answer.is_some_and(|load| (0.99..1.03).contains(&load)), "{:?}", load.answer);
    assert_eq!(load.binding.as_deref(), Some("tokens_per_minute"));

    let cap = solve(&enough, Solve::MaxTokens(0), 0.95, &Silent).expect("nobody stops it");
    // Its own cap of 1,000 fits. A bucket of a minute hardly feels a larger one, but for some.
    assert!(cap.answer.is_some_and(|cap| (990.0..10_000.0).contains(&cap)), "{:?}", cap.answer);
    let mut short = enough.clone();
    short.slo.push(quotasim::analysis::objectives::default_on(quotasim::model::Scope::Total, "truncation_rate"));
    let PoolQuotas::Runtime { tokens: Some(quota), .. } = &mut short.pools[0].quotas else { unreachable!() };
    quota.limits[0].1 = need / 2;
    let none = solve(&short, Solve::MaxTokens(0), 0.95, &Silent).expect("nobody stops it");
    assert!(!none.meets_slo && !none.reasons.is_empty(), "{}", none.words);
}

#[test]
fn workers_are_those_of_engset() {
    // Engset: n workers that think 20 s on average and hold one of c slots for 5 s.
    let loss = |workers: u32, slots: u32| {
        let offered: f64 = 5.0 / 20.0;
        let state =
            |others: u32, k: u32| (0..k).fold(1.0, |p, i| p * f64::from(others - i) / f64::from(i + 1) * offered);
        let others = workers - 1;
        state(others, slots) / (0..=slots.min(others)).map(|k| state(others, k)).sum::<f64>()
    };
    let bound = f64::midpoint(loss(20, 8), loss(21, 8));
    let text = equal_requests(
        "tokens_per_minute: { limit: 80k, limiter: in_flight }, requests_per_minute: none",
        "closed_loop: { workers: 6, think_time: { exponential: { mean: 20s } } }",
        10_000,
        "{ exponential: { mean: 5s } }",
        &format!("attempt_throttle_rate < {}%", bound * 100.0),
        "60h",
    );
    let solved = solve(&scenario(&text), Solve::Workers(0), 0.95, &Silent).expect("nobody stops it");
    assert_eq!(solved.answer, Some(20.0), "{}", solved.words);
}

#[test]
fn a_batch_drains_as_fast_as_its_slots_allow() {
    let text = equal_requests(
        "tokens_per_minute: 10M, requests_per_minute: none",
        "burst: { at: 1m, count: 95 }",
        1_000,
        "2s",
        "attempt_throttle_rate < 1%",
        "10m",
    )
    .replace("client: none", "client: none\n    concurrency: { limit: 10, queue: unlimited }");
    let solved = solve(&scenario(&text), Solve::Drain(0, None), 0.95, &Silent).expect("nobody stops it");
    assert_eq!(solved.answer, Some(20.0), "ten rounds of two seconds: {}", solved.words);
    let more = solve(&scenario(&text), Solve::Drain(0, Some(191)), 0.95, &Silent).expect("nobody stops it");
    assert_eq!(more.answer, Some(40.0), "{}", more.words);
    let refused = solve(&scenario(&text.replace("10M", "20k")), Solve::Drain(0, None), 0.95, &Silent).expect("it ran");
    assert!(!refused.meets_slo && refused.reasons[0].contains("never answered"), "{:?}", refused.reasons);
}

#[test]
fn wrong_input_is_told_with_a_way_out_and_exit_2() {
    let directory = tempfile::tempdir().expect("a directory");
    let no_quota = directory.path().join("none.yaml");
    let text = CHAT.replace("tokens_per_minute: 100k", "tokens_per_minute: none\n    requests_per_minute: none");
    std::fs::write(&no_quota, text).expect("written");
    let no_quota = no_quota.display().to_string();
    let chat = "scenarios/chat.yaml";
    let table: [(&[&str], &str); 14] = [
        (&[&no_quota], "there is nothing to size"),
        (&[chat, "--confidence", "100%"], "it must lie between 50% and 99.99%"),
        (&[chat, "--margin", "1001%"], "it must lie between 0% and 1000%"),
        (&[chat, "--region", "mars"], "it is no Region"),
        (&[chat, "--growth", "much"], "is no growth, and no file of that name"),
        (&[chat, "--quotas", chat], "the list of quotas is no JSON"),
        (&[chat, "--quotas", "no-such-file.json"], "cannot read quotas"),
        (&[chat, "--solve", "workers"], "no workload of the scenario is a closed loop"),
        (&[chat, "--solve", "drain"], "`--count N` lets N requests of the workload come at once"),
        (&[chat, "--solve", "max_tokens", "--workload", "chatt"], "no workload `chatt`"),
        // What a question has no use for is not passed over.
        (&[chat, "--solve", "load", "--count", "5"], "`--count` is of `--solve drain` only"),
        (&[chat, "--solve", "load", "--workload", "chat"], "about all workloads together"),
        (&[chat, "--solve", "load", "--margin", "10%"], "cannot be used with"),
        (&[chat, "--solve", "load", "--region", "us-east-1"], "cannot be used with"),
    ];
    for (arguments, expected) in table {
        let (code, stdout, stderr) = quotasim(&[&["size"], arguments].concat());
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}\n{stderr}");
        assert!(stderr.contains(expected), "{arguments:?} does not say `{expected}`:\n{stderr}");
    }
}
