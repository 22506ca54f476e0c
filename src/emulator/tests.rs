//! The endpoint without its network, instant by instant.

use super::error::BedrockError;
use super::fault::{Fault, FaultMix};
use super::operation::Operation;
use super::prompt::{Checkpoint, Prompt};
use super::service::{Answer, Call, Overrides, Service, Setup, Verdict};
use crate::engine::{AttemptDraws, AttemptRow, Engine, Observer, Outcome};
use crate::model::{QuotaName, Scenario};
use crate::spec::catalog::Catalog;
use crate::spec::{self, NoFiles};
use crate::units::{Probability, SimSpan, SimTime};

fn scenario(text: &str) -> Scenario {
    match spec::read(text, "test.yaml", &[], &NoFiles, Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

fn service(scenario: &Scenario) -> Service {
    let setup = Setup { epoch: jiff::Timestamp::UNIX_EPOCH, recording: true, sample_every: SimSpan::SECOND };
    Service::new(scenario.clone(), FaultMix::default(), setup)
}

/// A pool whose calls take a second, with what a test adds to it.
fn pool(fields: &str) -> Scenario {
    scenario(&format!(
        "
version: 1
pools:
  p: {{ model: us.anthropic.claude-haiku-4-5-20251001-v1:0, requests_per_minute: none, latency: {{ ttft: 0.2s,
        output_tokens_per_second: 100 }}, {fields} }}
workloads:
  w: {{ pool: p, arrivals: {{ poisson: {{ rate: 5/s }} }}, input_tokens: 1, output_tokens: 80, max_tokens: 100 }}
"
    ))
}

fn at(milliseconds: u64) -> SimTime {
    SimTime(milliseconds * SimSpan::MILLISECOND.0)
}

/// A prompt of 100 tokens that may be answered with 900.
fn call(prompt: &Prompt) -> Call<'_> {
    Call {
        pool: 0,
        workload: 0,
        operation: Operation::Converse,
        model: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        prompt,
        overrides: Overrides::default(),
        invocation: None,
    }
}

fn prompt() -> Prompt {
    Prompt { tokens: 100, checkpoints: Vec::new(), max_tokens: Some(900) }
}

fn ask(service: &mut Service, now: SimTime, call: &Call<'_>) -> Result<Answer, BedrockError> {
    service.advance(now);
    match service.attempt(now, call) {
        Verdict::Admitted(answer) => Ok(answer),
        Verdict::Refused { error, .. } => Err(error),
    }
}

/// What a simulation saw of its attempts.
#[derive(Debug, Default)]
struct Rows(Vec<AttemptRow>);

impl Observer for Rows {
    const ATTEMPTS: bool = true;

    fn attempt(&mut self, row: &AttemptRow) {
        self.0.push(*row);
    }
}

/// Plays the attempts of a simulation to the endpoint: it must decide about each as the simulator did.
fn replay(text: &str) -> [usize; 3] {
    let scenario = scenario(text);
    let mut rows = Rows::default();
    Engine::new(&scenario).run(scenario.seed, 0, &mut rows).expect("nobody stops it");
    let draws: Vec<AttemptDraws> = (0..scenario.workloads.len())
        .map(|workload| AttemptDraws::new(&scenario, workload, scenario.workloads[workload].pool))
        .collect();
    let mut service = service(&scenario);
    let mut seen = [0, 0, 0];
    let mut expected = Vec::new();
    for row in &rows.0 {
        let workload = &scenario.workloads[row.workload];
        let tokens = draws[row.workload].tokens(row.request);
        let prompt = Prompt { max_tokens: workload.max_tokens.map(|most| most.0), ..Prompt::default() };
        let overrides = Overrides {
            input: Some(tokens.input.0),
            cache_read: Some(tokens.cache_read.0),
            cache_write: Some(tokens.cache_write.0),
            ..Overrides::default()
        };
        let name = row.request.to_string();
        let call = Call {
            pool: workload.pool,
            workload: row.workload,
            overrides,
            invocation: Some(&name),
            ..self::call(&prompt)
        };
        let verdict = ask(&mut service, row.at, &call);
        let refused = matches!(row.outcome, Outcome::Throttled | Outcome::Overloaded | Outcome::Unavailable);
        assert_eq!(verdict.is_err(), refused, "{row:?} {verdict:?}\n{text}");
        seen[if row.outcome == Outcome::Throttled { 1 } else { usize::from(refused) * 2 }] += 1;
        expected.push((
            workload.name.clone(),
            row.request,
            row.attempt,
            row.outcome.key(),
            row.limit.map(QuotaName::key),
            row.reservation,
            row.charge,
        ));
    }
    service.advance(SimTime::MAX);
    assert!(service.flights.is_empty());
    let mut recorded: Vec<_> = service
        .rows
        .iter()
        .map(|row| {
            let reservation =
                if row.outcome == "unavailable" || row.outcome == "overloaded" { 0 } else { row.reservation };
            let workload = row.workload.clone();
            (workload, row.request, row.attempt, row.outcome, row.limit, reservation, row.charge)
        })
        .collect();
    expected.sort();
    recorded.sort();
    assert!(recorded == expected, "{text}");
    for (place, state) in service.pools.iter().enumerate() {
        assert_eq!((state.in_flight, state.reserved), (0, 0), "pool {place}");
    }
    for flow in service.flows.values() {
        let ledger = flow.counts.ledger;
        assert_eq!(ledger.reserved + ledger.overdraft, ledger.settled + ledger.refunded);
    }
    seen
}

/// A workload that a third of the quota does not suffice for, under these fields of the pool and of the workload.
fn crowded(pool: &str, workload: &str) -> String {
    format!(
        "
version: 1
horizon: 6m
warmup: 0s
start: 23:58 UTC
accounts: {{ main: {{ tokens_per_day: {{ limit: 900k, used_at_start: 500k }} }} }}
pools:
  p: {{ model: us.anthropic.claude-haiku-4-5-20251001-v1:0, {pool} }}
workloads:
  w: {{ pool: p, arrivals: {{ poisson: {{ rate: 10/s }} }}, input_tokens: {{ lognormal: {{ median: 200, p95: 900 }} }},
        output_tokens: {{ lognormal: {{ median: 60, p95: 300 }} }}, correlation: 0.4, max_tokens: 256,
        client: {{ boto3: {{ mode: standard, retries: \"2.1\", max_attempts: 3 }} }}{workload} }}
"
    )
}

#[test]
fn every_attempt_of_a_simulation_meets_the_same_decision() {
    let bucket = "tokens_per_minute: 150k, requests_per_minute: none";
    for (pool, workload) in [
        (bucket, ""),
        ("tokens_per_minute: 150k, requests_per_minute: 300, limiter: { token_bucket: { burst_seconds: 5 } }", ""),
        ("tokens_per_minute: 150k, requests_per_minute: 300, limiter: { fixed_window: { phase: 7s } }", ""),
        ("tokens_per_minute: 150k, requests_per_minute: 300, limiter: sliding_window", ""),
        ("tokens_per_minute: 6k, requests_per_minute: none, limiter: in_flight", ""),
        ("tokens_per_minute: { at: [[0s, 60k], [2m, 250k], [4m, 90k]] }, requests_per_minute: none", ""),
        (
            "tokens_per_minute: 150k, requests_per_minute: 400, assumptions: { adjustment: { every: 100ms },
             rejections_consume: requests, reserve_burndown: true, reservation_floor: 300 }",
            "",
        ),
        (bucket, ", faults: { unavailable: 2%, overloaded: 2%, slow: { probability: 5%, factor: 3 }, disconnect: 3% }"),
        (
            bucket,
            ", latency: { duration: { uniform: { min: 0.1s, max: 2s } } }, cache_read_tokens: 300, cache_write_tokens: 50",
        ),
        ("tokens_per_minute: 150k, requests_per_minute: none, tokens_per_day: 300k", ""),
    ] {
        let [served, throttled, _] = replay(&crowded(pool, workload));
        assert!(served > 500 && throttled > 100, "{served} served, {throttled} throttled: {pool}");
    }
}

#[test]
fn a_full_bucket_admits_what_fits_and_refills() {
    let scenario = pool("tokens_per_minute: 3k");
    let mut service = service(&scenario);
    let prompt = prompt();
    let call = call(&prompt);
    for _ in 0..3 {
        assert!(ask(&mut service, at(0), &call).is_ok(), "three reservations of 1,000");
    }
    let error = ask(&mut service, at(0), &call).expect_err("the bucket is empty");
    assert_eq!((error.status, error.name), (429, "ThrottlingException"));
    assert_eq!(error.message, "Too many tokens, please wait before trying again.");
    // Each is charged 100 + 5 · 80 = 500 after 0.2 s + 80/100 s: at 1 s, 3 · 500 come back, and 50 by time.
    assert_eq!(service.state(at(999), None)["pools"]["p"]["reserved"], 3_000);
    service.advance(at(1_000));
    let state = service.state(at(1_000), None);
    assert_eq!(state["pools"]["p"]["reserved"], 0);
    assert_eq!(state["pools"]["p"]["tokens_per_minute"]["available"], 1_550);
    assert_eq!(state["pools"]["p"]["throttles_by_limit"]["tokens_per_minute"], 1);
    assert!(ask(&mut service, at(1_000), &call).is_ok());
}

#[test]
fn late_bookkeeping_changes_nothing() {
    let scenario = pool("tokens_per_minute: 3k");
    let (mut punctual, mut late) = (service(&scenario), service(&scenario));
    let prompt = prompt();
    for now in [0_u64, 10, 400, 900, 1_000, 1_100, 2_000, 2_001, 2_500, 4_000] {
        for step in (now.saturating_sub(500)..now).step_by(7) {
            punctual.advance(at(step.max(1)));
        }
        let call = call(&prompt);
        let decisions = [&mut punctual, &mut late].map(|service| ask(service, at(now), &call).is_ok());
        assert_eq!(decisions[0], decisions[1], "{now} ms");
    }
    assert_eq!(punctual.rows.len(), late.rows.len());
}

#[test]
fn what_never_fits_is_throttled_by_the_quota_that_it_exceeds() {
    let prompt = prompt();
    for (fields, message) in [
        ("tokens_per_minute: 999", "Too many tokens, please wait before trying again."),
        ("tokens_per_minute: 3k, tokens_per_day: 999", "Too many tokens per day, please wait before trying again."),
    ] {
        let mut service = service(&pool(fields));
        assert_eq!(ask(&mut service, at(0), &call(&prompt)).expect_err("never").message, message);
        assert_eq!(service.state(at(0), None)["pools"]["p"]["throttles_by_limit"]["unsatisfiable"], 1);
    }
}

#[test]
fn a_request_keeps_its_tokens_over_its_attempts_and_is_counted_once() {
    let scenario = scenario(&crowded("tokens_per_minute: 150k, requests_per_minute: none", ""));
    let mut service = service(&scenario);
    let prompt = Prompt { max_tokens: Some(64_000), ..prompt() };
    let outputs: Vec<u64> = ["a", "b", "a", "a", "c"]
        .into_iter()
        .enumerate()
        .map(|(n, name)| {
            // Long after the last, so that each is admitted.
            let now = at(60_000 * n as u64);
            let call = Call { invocation: Some(name), ..call(&prompt) };
            ask(&mut service, now, &call).expect("admitted").demand.output().0
        })
        .collect();
    assert_eq!((outputs[2], outputs[3]), (outputs[0], outputs[0]));
    assert!(outputs[1] != outputs[0] && outputs[4] != outputs[0], "{outputs:?}");
    let state = service.state(at(300_000), None);
    assert_eq!((&state["workloads"]["w"]["requests"], &state["workloads"]["w"]["attempts"]), (&3.into(), &5.into()));
}

#[test]
fn headers_lay_down_tokens_and_the_limit_cuts() {
    let mut service = service(&pool("tokens_per_minute: 1M"));
    let prompt = prompt();
    let overrides = Overrides { input: Some(7), cache_read: Some(3), output: Some(5_000), ..Overrides::default() };
    let answer = ask(&mut service, at(0), &Call { overrides, ..call(&prompt) }).expect("admitted");
    assert_eq!((answer.demand.input.0, answer.demand.cache_read.0, answer.demand.output().0), (7, 3, 900));
    assert_eq!(answer.stop_reason(), "max_tokens");
    service.advance(answer.ends_at());
    let row = &service.rows[0];
    assert_eq!((row.outcome, row.stop_reason, row.status), ("truncated", Some("max_tokens"), Some(200)));
    assert_eq!((row.reservation, row.charge, row.latency_ms, row.ttft_ms), (907, 4_507, 9_200.0, Some(200.0)));
    assert_eq!(row.time, "1970-01-01T00:00:00.000Z");
}

#[test]
fn limits_of_the_model_are_checked_before_any_quota() {
    let service = service(&pool("tokens_per_minute: 1M"));
    let says = |prompt: Prompt, overrides: Overrides| {
        service.validate(&Call { overrides, ..call(&prompt) }).expect_err("invalid").message
    };
    assert_eq!(
        says(Prompt { max_tokens: Some(64_001), ..prompt() }, Overrides::default()),
        "The maximum tokens you requested exceeds the model limit of 64000. Try again with a maximum tokens value that \
         is lower than 64000."
    );
    assert_eq!(
        says(Prompt { tokens: 136_001, max_tokens: Some(64_000), ..prompt() }, Overrides::default()),
        "input length and `max_tokens` exceed context limit: 136001 + 64000 > 200000, decrease input length or \
         `max_tokens` and try again"
    );
    let long = Overrides { input: Some(200_001), ..Overrides::default() };
    assert_eq!(says(prompt(), long), "prompt is too long: 200001 tokens > 200000 maximum");
    assert!(service.validate(&call(&Prompt { max_tokens: Some(64_000), ..prompt() })).is_ok());
}

#[test]
fn faults_come_by_header_or_by_chance_and_consume_nothing() {
    let mut service = service(&pool("tokens_per_minute: 1k"));
    let prompt = prompt();
    for fault in Fault::ALL {
        let overrides = Overrides { fault: Some(fault), ..Overrides::default() };
        let call = Call { overrides, ..call(&prompt) };
        match ask(&mut service, at(0), &call) {
            Err(error) => assert!(error.status >= 400 && fault != Fault::Disconnect, "{fault:?}"),
            Ok(answer) => assert_eq!((fault, answer.breaks.expect("a break").0), (Fault::Disconnect, at(500))),
        }
    }
    assert_eq!(service.pools[0].reserved, 1_000, "the disconnect alone was admitted");
    service.faults = FaultMix::new(vec![(Fault::ModelNotReady, Probability(0.25))]).expect("a share");
    let refused = (0..4_000).filter(
        |_| matches!(ask(&mut service, at(0), &call(&prompt)), Err(error) if error.name == "ModelNotReadyException"),
    );
    let refused = refused.count();
    // Four standard errors of a binomial.
    assert!((890..=1_110).contains(&refused), "{refused} of 4,000");
}

#[test]
fn a_caller_that_hangs_up_leaves_its_reservation() {
    let mut service = service(&pool("tokens_per_minute: 3k"));
    let prompt = prompt();
    let answer = ask(&mut service, at(0), &call(&prompt)).expect("admitted");
    service.advance(at(500));
    service.abandon(answer.number);
    assert_eq!(service.pools[0].reserved, 1_000);
    service.advance(at(1_000));
    assert_eq!((service.pools[0].reserved, service.rows[0].outcome, service.rows[0].charge), (0, "abandoned", 500));
}

#[test]
fn cached_prefixes_are_written_then_read_and_not_by_refused_attempts() {
    let mut service = service(&pool("tokens_per_minute: 6k"));
    let checkpoints = vec![Checkpoint { tokens: 2_000, fingerprint: 1, ttl: SimSpan(300 * SimSpan::SECOND.0) }];
    let prompt = Prompt { tokens: 2_100, checkpoints, max_tokens: Some(900) };
    let too_much = Prompt { max_tokens: Some(9_000), ..prompt.clone() };
    assert!(ask(&mut service, at(0), &call(&too_much)).is_err());
    let cached = |answer: Answer| (answer.demand.input.0, answer.demand.cache_read.0, answer.demand.cache_write.0);
    let first = ask(&mut service, at(0), &call(&prompt)).expect("3,000 of 6,000");
    assert_eq!(cached(first), (100, 0, 2_000));
    let second = ask(&mut service, at(1), &call(&prompt)).expect("1,000 more: a read is free");
    assert_eq!(cached(second), (100, 2_000, 0));
}

#[test]
fn quotas_change_and_reset_starts_anew() {
    let mut service = service(&pool("tokens_per_minute: 3k"));
    let prompt = prompt();
    let set =
        |service: &mut Service, now, name: &str, limit| service.set_quotas(now, Some("p"), &[(name.to_owned(), limit)]);
    set(&mut service, at(0), "tokens_per_minute", 1_500).expect("a quota");
    let level = |service: &mut Service, now| service.state(now, None)["pools"]["p"]["tokens_per_minute"].clone();
    assert_eq!(
        level(&mut service, at(0)),
        serde_json::json!({ "limit": 1_500, "capacity": 1_500, "available": 1_500 })
    );
    assert!(ask(&mut service, at(0), &call(&prompt)).is_ok());
    assert!(ask(&mut service, at(0), &call(&prompt)).is_err());
    for (name, reason) in [("requests_per_minute", "has no quota"), ("tokens", "there is no quota `tokens`")] {
        assert!(set(&mut service, at(0), name, 5).expect_err("no such quota").contains(reason));
    }
    assert!(service.set_quotas(at(0), Some("q"), &[]).expect_err("no such pool").contains("there are `p`"));
    service.advance(at(700));
    service.reset(at(700));
    assert_eq!(service.rows.len(), 2, "the open response is recorded");
    assert_eq!(
        level(&mut service, at(700)),
        serde_json::json!({ "limit": 3_000, "capacity": 3_000, "available": 3_000 })
    );
    let state = service.state(at(700), None);
    assert_eq!((&state["elapsed_s"], &state["pools"]["p"]["attempts"]), (&0.0.into(), &0.into()));
    assert!(ask(&mut service, at(1_000), &call(&prompt)).is_ok(), "the end of the forgotten response is no event");
    service.advance(at(5_000));
    assert_eq!(service.pools[0].reserved, 0);
}

#[test]
fn the_history_keeps_the_last_minutes_whatever_the_step() {
    let mut service = service(&pool("tokens_per_minute: 3k"));
    let prompt = prompt();
    ask(&mut service, at(500), &call(&prompt)).expect("admitted").demand.output();
    service.advance(at(2_000));
    let rows = service.history(None)["pools"]["p"].clone();
    assert_eq!(rows[1], serde_json::json!([1.0, 2_025, 3_000, 1_000, 1, 1, 0]), "at 1 s: 2,000 and half a second");
    assert_eq!(service.history(Some(at(1_000)))["pools"]["p"].as_array().map(Vec::len), Some(1));
    service.advance(at(100 * 3_600_000));
    assert_eq!(service.history(None)["pools"]["p"].as_array().map(Vec::len), Some(600));
}
