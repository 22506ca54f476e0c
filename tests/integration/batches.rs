//! One run cut into batches: nothing gets lost between them, and their intervals hold what they promise.

use crate::support::scenario;
use proptest::prelude::*;
use quotasim::analysis::precision::Precision;
use quotasim::analysis::{Replications, Summary};
use quotasim::engine::{AttemptRow, Engine, Observer, Unwatched};
use quotasim::model::Scenario;
use quotasim::planner::{self, Silent};
use quotasim::tally::Tally;
use quotasim::units::{SimSpan, SimTime};

/// Who wants to see every attempt gets the general loop without columns.
struct Watching;

impl Observer for Watching {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, _: &AttemptRow) {}
}

const POOL: &str = "model: m, burndown_rate: 5, max_output_tokens: 900, requests_per_minute: none";
const TOKENS: &str = "input_tokens: { lognormal: { median: 400, p95: 1600 } }, \
                      output_tokens: { lognormal: { median: 150, p95: 800 } }, \
                      latency: { ttft: 600ms, output_tokens_per_second: { lognormal: { median: 60, p95: 90 } } }";

/// Pools and workloads, in the lane or not, in which about every counter of a tally moves.
fn cases() -> Vec<String> {
    let one = |pool: &str, workload: &str| {
        format!("pools: {{ p: {{ {POOL}, {pool} }} }}\nworkloads: {{ w: {{ pool: p, {workload}, {TOKENS} }} }}\n")
    };
    let poisson = "arrivals: { poisson: { rate: 20/s } }";
    let mut cases: Vec<String> =
        ["token_bucket", "{ token_bucket: { burst_seconds: 1 } }", "fixed_window", "sliding_window"]
            .into_iter()
            .chain(["in_flight"])
            .map(|limiter| {
                one(&format!("tokens_per_minute: 1.2M, limiter: {limiter}"), &format!("{poisson}, client: boto3"))
            })
            .collect();
    let quota = "tokens_per_minute: 1.2M";
    for client in [
        "client: none",
        "client: anthropic",
        "client: { custom: { max_attempts: 4, delay: 7s } }",
        "client: { custom: { max_attempts: 5, delay: 9s } }, deadline: 30s",
        "client: boto3, stream: true, read_timeout: 3s, faults: { disconnect: 5%, unavailable: 5% }",
        "client: boto3-adaptive, pace: 90%, deadline: 40s",
        "client: boto3-adaptive",
        "client: boto3-adaptive, read_timeout: 4s",
        "client: boto3, clients: 3, concurrency: { limit: 20, queue: 100 }, deadline: 20s",
    ] {
        cases.push(one(quota, &format!("{poisson}, {client}")));
    }
    cases.push(one("tokens_per_minute: { at: [[0s, 2M], [100s, 500k]] }", &format!("{poisson}, client: boto3")));
    cases.push(one(quota, "arrivals: { closed_loop: { workers: 90, think_time: { exponential: { mean: 2s } } } }"));
    cases.push(one(quota, "arrivals: { sessions: { rate: 3/s, turns: 4, think_time: 5s } }, client: boto3"));
    cases.push(one(
        "tokens_per_minute: 2M, assumptions: { adjustment: { every: 1s } }",
        &format!("{poisson}, client: rust"),
    ));
    cases.push(format!(
        "pools: {{ p: {{ {POOL}, tokens_per_minute: 600k }}, q: {{ {POOL}, tokens_per_minute: 500k }} }}\nworkloads:\n  \
         a: {{ pool: p, {poisson}, {TOKENS}, client: boto3, fallback: {{ pools: [q], after: throttle }} }}\n  \
         b: {{ pool: q, {poisson}, {TOKENS} }}\n  c: {{ pool: q, arrivals: {{ constant: {{ rate: 3/s }} }}, {TOKENS} }}\n"
    ));
    cases.push(format!(
        "pools: {{ p: {{ model: m, endpoint: mantle, max_output_tokens: 900, input_tokens_per_minute: 900k, \
         output_tokens_per_minute: 150k }} }}\nworkloads: {{ w: {{ pool: p, {poisson}, {TOKENS}, client: boto3 }} }}\n"
    ));
    cases
        .into_iter()
        .map(|case| format!("version: 1\nhorizon: 5m30s\nwarmup: 70s\nreplications: 1\nseed: 5\n{case}"))
        .collect()
}

/// The tally of the run that these are the batches of.
fn joined(batches: Vec<Tally>) -> Tally {
    let mut batches = batches.into_iter();
    let mut whole = batches.next().expect("a run has a batch");
    whole.batch = None;
    for batch in batches {
        whole.flows.iter_mut().zip(&batch.flows).for_each(|(mine, flow)| mine.merge(flow));
        let peaks = whole.workloads_in_flight_max.iter_mut().zip(&batch.workloads_in_flight_max);
        peaks.for_each(|(mine, &peak)| *mine = peak.max(*mine));
        whole.in_flight_max = whole.in_flight_max.max(batch.in_flight_max);
        for (mine, pool) in whole.pools.iter_mut().zip(batch.pools) {
            mine.charged += pool.charged;
            mine.allowed += pool.allowed;
            mine.reservation_ns += pool.reservation_ns;
            mine.reservation_peak = mine.reservation_peak.max(pool.reservation_peak);
            mine.in_flight_max = mine.in_flight_max.max(pool.in_flight_max);
            mine.tokens_by_minute.merge(&pool.tokens_by_minute);
            mine.requests_by_minute.merge(&pool.requests_by_minute);
            assert!(pool.timeline.is_empty() && pool.level_drift.is_none(), "they are of the run as a whole");
        }
        whole.unfinished += batch.unfinished;
        whole.events += batch.events;
    }
    whole
}

fn nothing_is_lost<O: Observer>(text: &str, cuts: &[SimTime], observer: &mut O) {
    let scenario = scenario(text);
    let engine = Engine::new(&scenario);
    let whole = engine.run(5, 0, observer).expect("nobody stops it");
    let batches = engine.run_in_batches(5, 0, cuts, observer).expect("nobody stops it");
    assert_eq!(batches.len(), cuts.len() + 1);
    let measured: u64 = batches.iter().map(|batch| batch.batch.expect("it is one").0).sum();
    assert_eq!(measured, scenario.measured().0, "{text}");
    assert!(whole.flows[0].attempts > 1_000, "{text}");
    let mut flows = batches.iter().flat_map(|batch| &batch.flows);
    assert!(flows.all(|flow| flow.throttled() <= flow.attempts), "counted apart from its attempt: {text}");
    // Not `assert_eq`: the histograms would fill the screen.
    let joined = joined(batches);
    assert!(whole == joined, "{:?}\n{:?}\n{text}", whole.flows[0].ledger, joined.flows[0].ledger);
}

#[test]
fn the_batches_of_a_run_add_up_to_it() {
    let minutes = |nth: u64| SimTime(70 * SimSpan::SECOND.0 + nth * SimSpan::MINUTE.0);
    for text in cases() {
        nothing_is_lost(&text, &[minutes(1), minutes(2), minutes(3)], &mut Unwatched);
        nothing_is_lost(&text, &[minutes(1), minutes(2), minutes(3)], &mut Watching);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Wherever it is cut, and however often.
    #[test]
    fn a_run_may_be_cut_anywhere(case in 0..cases().len(), cuts in prop::collection::btree_set(1..260_000_000_000u64, 1..9)) {
        let cuts: Vec<SimTime> = cuts.into_iter().map(|ns| SimTime(70 * SimSpan::SECOND.0 + ns)).collect();
        nothing_is_lost(&cases()[case], &cuts, &mut Unwatched);
    }
}

/// The first replication of a seed, in batches of equal length.
fn in_batches(scenario: &Scenario, seed: u64, batches: u64) -> Replications {
    let length = scenario.measured().0 / batches;
    let cuts: Vec<SimTime> = (1..batches).map(|nth| scenario.warmup + SimSpan(nth * length)).collect();
    let run = Engine::new(scenario).run_in_batches(seed, 0, &cuts, &mut Unwatched).expect("nobody stops it");
    let mut done = Replications::default();
    (0..).zip(run).for_each(|(index, batch)| done.add(index, batch));
    done
}

/// Traffic that comes and goes: half of the time 2/s, else less.
fn on_off(off_rate: &str, stay: &str, horizon: &str, quota: &str) -> Scenario {
    scenario(&format!(
        "version: 1\nhorizon: {horizon}\nwarmup: 2m\nreplications: 1\npools: {{ p: {{ {POOL}, tokens_per_minute: {quota} }} \
         }}\nworkloads: {{ w: {{ pool: p, arrivals: {{ on_off: {{ on_rate: 2/s, off_rate: {off_rate}, mean_on: {stay}, mean_off: {stay} }} }}, \
         input_tokens: 1_000, output_tokens: 1, max_tokens: 1, latency: {{ duration: 2s }}, client: none }} }}\n"
    ))
}

/// In how many of 300 runs the interval from 30 batches holds the truth.
fn covered(scenario: &Scenario, truth: f64, of: fn(&Summary) -> Option<[f64; 2]>) -> usize {
    let holds = |seed: &u64| {
        let summary = in_batches(scenario, *seed, 30).summary(scenario, *seed);
        of(&summary).is_some_and(|[low, high]| low <= truth && truth <= high)
    };
    (1..=300).filter(holds).count()
}

/// What neighbours are alike in makes intervals a little too narrow: batches of 20 times the time after which the traffic
/// has forgotten itself (30 s) take 2 % from them. Three standard errors of 300 runs are 11.
#[test]
fn intervals_from_batches_hold_the_truth_as_often_as_they_say() {
    let scenario = on_off("0/s", "1m", "5h2m", "none");
    let rate = covered(&scenario, 60.0, |summary| summary.total.offered_requests_per_minute.ci95);
    assert!((274..=296).contains(&rate), "arrivals: {rate} of 300");
    // Little's law: as many are in flight as arrive in the time that an answer takes.
    let in_flight = covered(&scenario, 2.0, |summary| summary.total.in_flight.ci95);
    assert!((274..=296).contains(&in_flight), "in flight: {in_flight} of 300");
}

/// A bucket remembers, too. What is refused has no closed form here: the truth is a run of 20,000 hours, whose own error is
/// a tenth of that of the runs that are judged.
#[test]
fn intervals_of_what_is_refused_hold_what_a_very_long_run_refuses() {
    let long = on_off("0/s", "1m", "3000h", "70k");
    let long = in_batches(&long, 1_000, 30).summary(&long, 1_000).total.attempt_throttle_rate;
    let truth = long.mean.expect("something is refused");
    let scenario = on_off("0/s", "1m", "10h2m", "70k");
    let refused = covered(&scenario, truth, |summary| summary.total.attempt_throttle_rate.ci95);
    assert!((270..=298).contains(&refused), "{refused} of 300, of {truth}");
}

#[test]
fn batches_that_are_too_short_are_found_out() {
    let alike = |scenario: &Scenario| {
        let precision: Precision = "5%".parse().expect("a precision");
        let alike = |&seed: &u64| precision.judge(scenario, &in_batches(scenario, seed, 30)).alike.is_some();
        (1..=50).filter(alike).count()
    };
    // A minute each, of traffic that stays as it is for ten; and half an hour each.
    let (short, long) = (alike(&on_off("0.6/s", "10m", "32m", "70k")), alike(&on_off("0.6/s", "10m", "200h2m", "70k")));
    assert!(short > 40, "{short} of 50");
    // One figure in twenty is taken for correlated, and three are looked at.
    assert!(long < 16, "{long} of 50");
}

/// What depends on the clock, and what does not.
#[test]
fn a_law_is_the_same_at_all_times_or_not() {
    let of = |top: &str, quota: &str, arrivals: &str, workload: &str| {
        scenario(&format!(
            "version: 1\n{top}\npools: {{ p: {{ {POOL}, tokens_per_minute: {quota} }} }}\nworkloads: {{ w: {{ pool: p, arrivals: \
             {arrivals}, input_tokens: 9, output_tokens: 9, latency: {{ duration: 1s }}, {workload} }} }}\n"
        ))
        .is_stationary()
    };
    let poisson = "{ poisson: { rate: 1/s } }";
    for steady in [
        "{ constant: { rate: 1/s } }",
        poisson,
        "{ gamma: { rate: 1/s, cv: 2 } }",
        "{ weibull: { rate: 1/s, cv: 2 } }",
        "{ on_off: { on_rate: 1/s, mean_on: 1m, mean_off: 1h } }",
        "{ closed_loop: { workers: 3, think_time: 1s } }",
        "{ sessions: { rate: 1/s, turns: 3, think_time: 1s } }",
    ] {
        assert!(of("", "9k", steady, "faults: { unavailable: 1% }"), "{steady}");
    }
    for varying in [
        "{ burst: { at: 1m, count: 9 } }",
        "{ sinusoidal: { rate: 1/s, amplitude: 50%, period: 1m } }",
        "{ piecewise: { points: [[0s, 1/s], [5m, 2/s]] } }",
        "{ cron: { schedule: '* * * * *', count: 9 } }",
    ] {
        assert!(!of("", "9k", varying, ""), "{varying}");
    }
    assert!(!of("episode: true", "9k", poisson, ""));
    assert!(!of("spike: { at: 5m, for: 1m, load: 2 }", "9k", poisson, ""));
    assert!(!of("", "{ at: [[0s, 9k], [5m, 8k]] }", poisson, ""));
    assert!(!of("", "9k, tokens_per_day: 1M", poisson, ""));
    assert!(!of("accounts: { main: { tokens_per_day: 1M } }", "9k, account: main", poisson, ""));
    assert!(!of("", "9k", poisson, "faults: { episodes: [{ at: 5m, for: 1m, every: 9m, unavailable: 9% }] }"));
}

/// The scenario with or without a line.
fn steady(lines: &str) -> Scenario {
    scenario(&format!(
        "version: 1\n{lines}\npools: {{ p: {{ {POOL}, tokens_per_minute: 70k }} }}\nworkloads: {{ w: {{ pool: p, arrivals: \
         {{ poisson: {{ rate: 80/min }} }}, input_tokens: {{ exponential: {{ mean: 1000 }} }}, output_tokens: 1, max_tokens: \
         1, latency: {{ duration: 2s }}, client: none }} }}\n"
    ))
}

fn to(scenario: &Scenario, precision: &str) -> Summary {
    let precision = precision.parse().expect("a precision");
    planner::replicate_to(scenario, precision, &Silent).expect("nobody stops it").summary
}

#[test]
fn where_no_horizon_is_given_replications_get_longer_before_there_are_more() {
    let found = to(&steady(""), "1%,0.1%");
    assert!(found.replications < 30 && found.batches.is_none(), "{}", found.replications);
    assert!(found.horizon_s > 2.0 * 1_800.0, "{}", found.horizon_s);
    assert_eq!(found.horizon_chosen_for.as_deref(), Some("1%,0.1%"));
    assert_eq!(found.warnings, [""; 0]);
    // It is the same as with that horizon in the file.
    let again = steady(&format!("horizon: {}s\nreplications: {}", found.horizon_s, found.replications));
    let again = planner::replicate(&again, &Silent).expect("nobody stops it").summary;
    assert_eq!(Summary { horizon_chosen_for: None, ..found }, again);
}

#[test]
fn what_was_written_or_changes_with_time_gets_more_replications() {
    let given = to(&steady("horizon: 30m"), "3%,0.3%");
    assert!(given.replications > 10 && given.batches.is_none(), "{}", given.replications);
    assert_eq!((given.horizon_s, given.horizon_chosen_for), (1_800.0, None));
    let episode = to(&steady("episode: true\nreplications: 1"), "10%,2%");
    assert!(episode.replications >= 5 && episode.batches.is_none(), "{}", episode.replications);
}

#[test]
fn one_replication_is_cut_into_batches_as_long_as_they_have_to_be() {
    let found = to(&steady("replications: 1"), "3%,0.3%");
    assert_eq!((found.replications, found.batches), (1, Some(30)));
    assert!(found.total.attempt_throttle_rate.ci95.is_some());
    assert_eq!(found.warnings, [""; 0]);
    let batch = (found.horizon_s - found.warmup_s) / 60.0 / 30.0;
    assert!(batch > 1.0 && batch.fract() == 0.0, "{batch} minutes");
    // The same run with that horizon in the file is cut in the same way.
    let again = to(&steady(&format!("replications: 1\nhorizon: {}s", found.horizon_s)), "3%,0.3%");
    assert_eq!(Summary { horizon_chosen_for: None, ..found.clone() }, again);
    // Without a precision, counts are the same and there are no intervals.
    let plain = steady(&format!("replications: 1\nhorizon: {}s", found.horizon_s));
    let plain = planner::replicate(&plain, &Silent).expect("nobody stops it").summary;
    assert_eq!(plain.total.counts, found.total.counts);
    assert_eq!(plain.total.ledger, found.total.ledger);
    assert_eq!(plain.total.attempt_throttle_rate.ci95, None);
    assert_eq!(plain.total.latency_ms.p99, found.total.latency_ms.p99);
}

#[test]
fn a_written_horizon_stays_and_what_it_is_short_of_is_said() {
    let short = to(&steady("replications: 1\nhorizon: 32m"), "1%,0.1%");
    assert_eq!((short.batches, short.horizon_s), (Some(30), 1_920.0));
    assert!(short.warnings.iter().any(|warning| warning.contains("times wider than asked")), "{:?}", short.warnings);
    let alike = Scenario { replications: 1, ..on_off("0.6/s", "10m", "32m", "70k") };
    let alike = to(&alike, "20%,1%");
    assert!(alike.warnings.iter().any(|warning| warning.contains("too short")), "{:?}", alike.warnings);
    // Less than twenty minutes make no batches.
    let tiny = to(&steady("replications: 1\nhorizon: 10m"), "20%,5%");
    assert!(tiny.replications >= 5 && tiny.batches.is_none(), "{}", tiny.replications);
}
