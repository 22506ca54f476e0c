//! Laws of comparisons and sweeps, on small scenarios.

use crate::support::scenario;
use quotasim::analysis::VariantResult;
use quotasim::analysis::curve::Axis;
use quotasim::engine::{AttemptRow, Engine, Observer};
use quotasim::model::Scenario;
use quotasim::planner::assume::Assumption;
use quotasim::planner::{self, Grid, Line, Silent, Variant, at_load};
use quotasim::units::Tokens;
use std::collections::BTreeMap;

const CLASSIFIER: &str = "
version: 1
pools:
  small:
    model: mine
    burndown_rate: 5
    max_output_tokens: 8_192
    tokens_per_minute: 200k
    requests_per_minute: none
    latency: { ttft: { lognormal: { median: 700ms, p95: 1500ms } }, output_tokens_per_second: 100 }
workloads:
  triage:
    pool: small
    arrivals: { poisson: { rate: 2/s } }
    input_tokens: { lognormal: { median: 420, p95: 1200 } }
    output_tokens: { lognormal: { median: 40, p95: 160 } }
    client: { custom: { max_attempts: 3, delay: 2s } }
slo: [attempt_throttle_rate < 1%]
horizon: 6m
warmup: 1m
replications: 5
seed: 7
";

fn with(max_tokens: Option<u64>) -> Variant {
    let mut scenario = scenario(CLASSIFIER);
    scenario.workloads[0].max_tokens = max_tokens.map(Tokens);
    Variant { name: max_tokens.map_or("unset".to_owned(), |value| value.to_string()), scenario }
}

/// The first attempt of every request: when it came, as far as its client did not hold it back.
#[derive(Default)]
struct Arrived(BTreeMap<u64, u64>);

impl Observer for Arrived {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, row: &AttemptRow) {
        if row.attempt == 1 {
            self.0.insert(row.request, row.at.0);
        }
    }
}

fn arrivals(scenario: &Scenario) -> BTreeMap<u64, u64> {
    let mut arrived = Arrived::default();
    Engine::new(scenario).run(scenario.seed, 0, &mut arrived).expect("nobody stops it");
    arrived.0
}

#[test]
fn variants_meet_the_same_requests() {
    let (unset, small) = (arrivals(&with(None).scenario), arrivals(&with(Some(256)).scenario));
    assert!(unset.len() > 500);
    assert_eq!(unset, small);
    let compared = planner::compare(&[with(None), with(Some(256))], Some(0), &Silent).expect("nobody stops it");
    let requests: Vec<u64> = compared.comparison.variants.iter().map(|each| each.total.counts.requests).collect();
    assert_eq!(requests[0], requests[1]);
}

#[test]
fn the_paired_interval_is_narrower_than_two_of_their_own() {
    let compared = planner::compare(&[with(Some(160)), with(Some(256))], Some(0), &Silent).expect("nobody stops it");
    let [one, other] = compared.comparison.variants.as_slice() else { panic!("two variants") };
    let width = |ends: Option<[f64; 2]>| ends.map(|[low, high]| high - low).expect("five replications");
    let goodput = |each: &quotasim::analysis::VariantResult| width(each.total.goodput_requests_per_minute.ci95);
    let unpaired = goodput(one).hypot(goodput(other));
    let paired = width(other.difference.goodput_requests_per_minute.ci95);
    assert!(paired * 2.0 < unpaired, "{paired} is not well below {unpaired}");
    let difference = other.difference.goodput_requests_per_minute.mean.expect("measured");
    let [from, to] = [one, other].map(|each| each.total.goodput_requests_per_minute.mean.expect("measured"));
    assert!((difference - (to - from)).abs() < 1e-9);
    let itself = one.difference;
    assert_eq!(itself.attempt_throttle_rate.mean, Some(0.0));
    assert_eq!(itself.latency_ms.p99.mean, Some(0.0));
}

#[test]
fn the_recommendation_does_not_depend_on_the_order_or_the_threads() {
    let values = [None, Some(64), Some(512)];
    let run = |values: &[Option<u64>], threads: usize| {
        let variants: Vec<Variant> = values.iter().map(|&value| with(value)).collect();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
        pool.install(|| planner::compare(&variants, Some(0), &Silent)).expect("nobody stops it").comparison
    };
    let one = run(&values, 1);
    assert_eq!(one.recommendation.variant.as_deref(), Some("512"), "{}", one.recommendation.reason);
    assert_eq!(one.recommendation.holds_under.len(), 7);
    assert_eq!(one, run(&values, 3));
    let turned = run(&[Some(512), None, Some(64)], 2);
    assert_eq!(turned.recommendation, one.recommendation);
}

#[test]
fn a_larger_reservation_fits_fewer_times() {
    let compared = planner::compare(&[with(Some(64)), with(Some(512)), with(None)], Some(0), &Silent);
    let comparison = compared.expect("nobody stops it").comparison;
    let fits: Vec<u64> = comparison.variants.iter().map(|each| each.fits_at_once.expect("a quota")).collect();
    assert!(fits[0] > fits[1] && fits[1] > fits[2] && fits[2] >= 20, "{fits:?}");
    let reserved = |at: usize| comparison.variants[at].reservation_per_request.mean.expect("admitted");
    assert!((reserved(1) - reserved(0) - 448.0).abs() < 1e-6, "nothing throttled: the same requests, 448 more each");
}

#[test]
fn what_would_meet_the_objectives_is_said_where_nothing_does() {
    let mut unset = with(None);
    unset.scenario = at_load(&unset.scenario, 4.0);
    let comparison = planner::compare(&[unset], Some(0), &Silent).expect("nobody stops it").comparison;
    let recommendation = comparison.recommendation;
    assert_eq!(recommendation.variant, None);
    assert!(recommendation.holds_under.is_empty());
    assert!(recommendation.remedies.iter().any(|remedy| remedy.contains("times the quota")), "{recommendation:?}");
    assert!(recommendation.remedies.iter().any(|remedy| remedy.contains("a load of at most")), "{recommendation:?}");
}

/// The storm that boto3's old default does not survive, with an objective that asks for next to nothing.
fn storm(client: &str) -> Variant {
    let text = include_str!("../../scenarios/retry-storm.yaml")
        .replace("client: boto3@2.0", &format!("client: {client}"))
        .replace("request_failure_rate < 1%", "request_failure_rate < 99%")
        .replace("at: 10m", "at: 4m")
        .replace("horizon: 30m\nwarmup: 2m", "horizon: 14m\nwarmup: 1m\nreplications: 3");
    Variant { name: client.to_owned(), scenario: scenario(&text) }
}

#[test]
fn what_does_not_come_back_after_a_spike_is_not_recommended() {
    let variants = [storm("boto3@2.0"), storm("boto3@2.1")];
    let found = planner::compare(&variants, None, &Silent).expect("nobody stops it").comparison;
    // Both cut more than one answer in a hundred short, which is no matter between them.
    assert!(found.variants.iter().all(|each| each.total.truncation_rate.mean > Some(0.01)));
    assert_eq!(found.objectives, ["request_failure_rate < 99%", "no_recovery_rate <= 50% (default)"]);
    let stays_down = |of: &VariantResult| of.recovery.expect("a spike").replications.no_recovery_rate();
    assert_eq!(found.variants.iter().map(stays_down).collect::<Vec<_>>(), [1.0, 0.0]);
    assert_eq!(found.recommendation.variant.as_deref(), Some("boto3@2.1"));

    // Alone it is told what it needs to come back, and under which assumptions it does.
    let alone = planner::compare(&variants[..1], None, &Silent).expect("nobody stops it").comparison.recommendation;
    assert!(alone.reason.contains("`no_recovery_rate <= 50% (default)` comes out at 100%"), "{}", alone.reason);
    assert!(alone.remedies.iter().any(|remedy| remedy.contains("requests per minute")), "{:?}", alone.remedies);
    assert!(alone.tried.iter().any(|tried| tried.holds && tried.assumption == "token_bucket"), "{:?}", alone.tried);
}

#[test]
fn pools_with_the_in_flight_limiter_have_no_vote() {
    let text = CLASSIFIER.replace("requests_per_minute: none", "requests_per_minute: none\n    limiter: in_flight");
    let variant = Variant { name: "unset".to_owned(), scenario: scenario(&text) };
    let comparison = planner::compare(&[variant], Some(0), &Silent).expect("nobody stops it").comparison;
    assert_eq!(comparison.recommendation.variant, None);
    assert!(comparison.recommendation.reason.contains("in_flight"), "{}", comparison.recommendation.reason);
    let scenario = scenario(&text);
    assert_eq!(Assumption::SlidingWindow.applied_to(&scenario).pools, scenario.pools);
}

fn grid(loads: &[f64], values: &[Option<u64>]) -> Grid {
    let line = |&value: &Option<u64>| {
        let scenario = with(value).scenario;
        let points = loads.iter().map(|&load| (load.into(), at_load(&scenario, load))).collect();
        Line { value: Some(value.map_or_else(|| "unset".into(), Into::into)), points }
    };
    let lines: Vec<Line> = values.iter().map(line).collect();
    let axes = vec![
        Axis { path: "load".to_owned(), values: loads.iter().map(|&load| load.into()).collect() },
        Axis {
            path: "workloads.triage.max_tokens".to_owned(),
            values: lines.iter().filter_map(|line| line.value.clone()).collect(),
        },
    ];
    Grid { axes, lines }
}

#[test]
fn the_knee_lies_between_what_meets_and_what_does_not_and_beyond_the_grid_if_need_be() {
    let sweep = planner::sweep(&grid(&[0.5, 1.0, 1.5], &[Some(64), None]), &Silent).expect("nobody stops it");
    assert_eq!(sweep.knees.len(), 2);
    let knee = |at: usize| sweep.knees[at].load.expect("found");
    // 120 requests/min of about 515 + 5 × 57 tokens: the quota of 200k carries about twice that.
    assert!((1.5..3.0).contains(&knee(0)), "{}", knee(0));
    // Unset, every answer is written and charged to its end.
    assert!(knee(1) < knee(0), "{} and {}", knee(1), knee(0));
    for point in &sweep.points {
        let load = point.at["load"].as_f64().expect("a number");
        let line = usize::from(point.at["workloads.triage.max_tokens"] == "unset");
        assert!(point.meets == (load <= knee(line)) || (load / knee(line) - 1.0).abs() < 0.05, "{load} on {line}");
    }
}

#[test]
fn quiet_points_take_few_replications() {
    let mut grid = grid(&[0.1, 3.0], &[Some(64)]);
    for (_, scenario) in grid.lines.iter_mut().flat_map(|line| &mut line.points) {
        scenario.replications = 12;
    }
    let sweep = planner::sweep(&grid, &Silent).expect("nobody stops it");
    assert_eq!(sweep.points[0].total.counts.throttled, 0);
    assert_eq!(sweep.points[0].replications, 4);
}

/// A second workload on the same pool, and a third on one of its own that throttles whatever the others do.
fn three_workloads() -> Scenario {
    let apart = "  full:\n    model: mine\n    burndown_rate: 1\n    max_output_tokens: 100\n    tokens_per_minute: 1k\n    \
                 requests_per_minute: none\n    latency: { duration: 1s }\nworkloads:\n  other:\n    pool: small\n    \
                 arrivals: { poisson: { rate: 1/s } }\n    input_tokens: 1_000\n    output_tokens: 10\n    max_tokens: \
                 100\n    client: none\n  apart:\n    pool: full\n    arrivals: { poisson: { rate: 1/s } }\n    \
                 input_tokens: 100\n    output_tokens: 10\n    client: none\n";
    let slo = "slo:\n  - { workload: triage, require: attempt_throttle_rate < 1% }\n  - { workload: apart, require: \
               attempt_throttle_rate < 1% }";
    scenario(&CLASSIFIER.replace("workloads:\n", apart).replace("slo: [attempt_throttle_rate < 1%]", slo))
}

#[test]
fn among_several_workloads_the_one_in_question_is_what_the_figures_are_of() {
    let triage = 2;
    assert_eq!(three_workloads().workloads[triage].name, "triage");
    let variant = |limit: u64| {
        let mut scenario = three_workloads();
        scenario.workloads[triage].max_tokens = Some(Tokens(limit));
        Variant { name: limit.to_string(), scenario }
    };
    let compared = planner::compare(&[variant(1_000), variant(500)], Some(triage), &Silent).expect("nobody stops it");
    let comparison = compared.comparison;
    let [large, small] = comparison.variants.as_slice() else { panic!("two variants") };
    let reserved = |each: &quotasim::analysis::VariantResult| each.reservation_per_request.mean.expect("admitted");
    assert!((reserved(large) - reserved(small) - 500.0).abs() < 1.0, "{} {}", reserved(large), reserved(small));
    assert_eq!(small.fits_at_once, Some((200_000.0 / reserved(small)) as u64));
    let own = small.workload_difference.as_ref().expect("there are others");
    assert!((own.reservation_per_request.mean.expect("admitted") + 500.0).abs() < 1.0, "{own:?}");
    assert!(small.difference.reservation_per_request.mean.expect("admitted") > -400.0, "all together differ by less");
    // What the pool of its own does is not for the values to decide, and is said.
    assert_eq!(comparison.objectives, ["triage: attempt_throttle_rate < 1%", "triage: truncation_rate < 1% (default)"]);
    assert!(comparison.recommendation.variant.is_some(), "{}", comparison.recommendation.reason);
    let said = comparison.warnings.iter().any(|warning| warning.contains("`apart: attempt_throttle_rate < 1%`"));
    assert!(said, "{:?}", comparison.warnings);
}

#[test]
fn named_variants_of_several_workloads_have_no_reservation_to_divide_by() {
    let variants = ["as it is", "again"].map(|name| Variant { name: name.to_owned(), scenario: three_workloads() });
    let comparison = planner::compare(&variants, None, &Silent).expect("nobody stops it").comparison;
    assert!(comparison.variants.iter().all(|each| each.fits_at_once.is_none() && each.workload_difference.is_none()));
    // Nothing of the scenario's is left out, as the variants may change anything; they cut equally many answers short.
    assert_eq!(comparison.objectives.len(), 2);
}

#[test]
fn only_the_quota_that_refuses_is_raised_and_no_further_than_needed() {
    let text = CLASSIFIER.replace("requests_per_minute: none", "requests_per_minute: 60");
    let mut scenario = scenario(&text);
    scenario.workloads[0].max_tokens = Some(Tokens(512));
    let variant = Variant { name: "512".to_owned(), scenario: scenario.clone() };
    let recommendation =
        planner::compare(&[variant], Some(0), &Silent).expect("nobody stops it").comparison.recommendation;
    assert_eq!(recommendation.variant, None);
    let quota = recommendation.remedies.iter().find(|remedy| remedy.contains("times the quota")).expect("one");
    assert!(quota.contains("requests per minute") && !quota.contains("tokens per minute"), "{quota}");
    let factor: f64 = quota.split(' ').next().and_then(|word| word.parse().ok()).expect("a factor first");
    // 120 requests per minute are offered, and the bucket's burst bears a part of six minutes of them.
    assert!((1.6..2.4).contains(&factor), "{quota}");
}

#[test]
fn a_limit_that_cuts_answers_short_is_raised_before_anything_else() {
    let recommend = |load: f64| {
        let mut variant = with(Some(32));
        variant.scenario = at_load(&variant.scenario, load);
        planner::compare(&[variant], Some(0), &Silent).expect("nobody stops it").comparison.recommendation
    };
    let overloaded = recommend(2.5);
    assert!(overloaded.remedies.iter().any(|remedy| remedy.contains("times the quota")), "{}", overloaded.reason);
    let light = recommend(0.5);
    assert_eq!(light.remedies, ["max_tokens 384"], "{}", light.reason);
    let heavy = recommend(6.0);
    assert!(heavy.remedies.iter().all(|remedy| remedy.starts_with("max_tokens 384 and ")), "{}", heavy.reason);
    assert!(heavy.remedies.iter().any(|remedy| remedy.contains("times the quota")), "{}", heavy.reason);
}

#[test]
fn an_assumption_that_flips_the_recommendation_says_what_to_take_then() {
    // A bucket of a second of quota holds 3,333 tokens: no answer of 4,096 fits, a smaller limit does.
    let variants = [with(Some(256)), with(Some(4_096))].map(|mut variant| {
        variant.scenario = at_load(&variant.scenario, 0.05);
        variant
    });
    let only_large = &variants[1..];
    let recommendation =
        planner::compare(only_large, Some(0), &Silent).expect("nobody stops it").comparison.recommendation;
    let tried = recommendation.tried.iter().find(|each| each.assumption == "burst_seconds_1").expect("it was tried");
    assert!(!tried.holds && tried.attempt_throttle_rate.mean > Some(0.9), "{tried:?}");
    assert_eq!(tried.instead, None);
    assert!(recommendation.reason.contains("`burst_seconds_1`"), "{}", recommendation.reason);
    assert_eq!(recommendation.holds_under.len(), recommendation.tried.len());
}

#[test]
fn a_sweep_says_what_assumptions_do_below_its_knees_and_that_a_burst_hides_overload() {
    let sweep = planner::sweep(&grid(&[1.0, 2.6], &[Some(64)]), &Silent).expect("nobody stops it");
    let knee = &sweep.knees[0];
    assert_eq!(knee.tried.len(), 7);
    let holds = |key: &str| knee.tried.iter().find(|each| each.assumption == key).expect("tried").holds;
    assert!(holds("reserve_cache_reads") && !holds("burst_seconds_1"), "{:?}", knee.tried);
    // Six minutes at 2.6 times the load are shorter than the burst lasts.
    assert_eq!(sweep.points[1].still_spending, ["small"]);
    assert!(sweep.warnings.iter().any(|warning| warning.contains("still spending its burst")), "{:?}", sweep.warnings);
}
