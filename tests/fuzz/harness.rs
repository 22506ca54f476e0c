//! What the fuzz targets do with their bytes; the tests replay the corpus through the same functions.
//!
//! A reader must refuse or accept any bytes without a panic and in bounded time. What it accepts is run for a moment:
//! the scenario is first made small, as a billion requests are no mistake, and then the books must balance.

use quotasim::analysis::Replications;
use quotasim::engine::{Engine, Unwatched};
use quotasim::model::client::SdkPolicy;
use quotasim::model::scenario::Load;
use quotasim::model::{Arrivals, ClientPolicy, Distribution, Endpoint, Latency, Scenario};
use quotasim::report;
use quotasim::report::text::Style;
use quotasim::spec::catalog::Catalog;
use quotasim::spec::{self, Files};
use quotasim::units::{Rate, SimSpan, SimTime};
use std::io;

/// Reads the bytes as a scenario, and runs what it accepts for a moment.
pub(crate) fn scenario(bytes: &[u8]) {
    let small = b"t,i,o,c,m\n0,10,5,1,9\n1,20,7,0,\n1.5,3,1,2,4\n";
    match spec::read_bytes(bytes, "fuzz.yaml", &[], &Single(small), Catalog::embedded()) {
        Ok(loaded) => run(loaded.scenario),
        Err(problems) => assert!(!problems.problems.is_empty() && !problems.to_string().is_empty()),
    }
}

/// Reads the bytes as the trace of a scenario, once with times as written and once as numbers.
pub(crate) fn trace(bytes: &[u8]) {
    for options in ["", ", time_unit: ms, loop: true, scale: 1.5", ", cache_read_tokens: c, max_tokens: m, speed: 2"] {
        let text = format!(
            "version: 1\npools:\n  p: {{ model: mine, burndown_rate: 5, max_output_tokens: 1k, tokens_per_minute: 9k, \
             requests_per_minute: 60 }}\nworkloads:\n  w: {{ pool: p, client: boto3, arrivals: {{ trace: {{ file: t.csv, time: t, \
             input_tokens: i, output_tokens: o{options} }} }} }}\n"
        );
        match spec::read(&text, "fuzz.yaml", &[], &Single(bytes), Catalog::embedded()) {
            Ok(loaded) => run(loaded.scenario),
            Err(problems) => assert!(!problems.to_string().is_empty()),
        }
    }
    let column = "version: 1\npools:\n  p: { model: mine, burndown_rate: 5, max_output_tokens: 1k, tokens_per_minute: 9k, \
                  requests_per_minute: 60 }\nworkloads:\n  w: { pool: p, arrivals: { constant: { rate: 1/s } }, input_tokens: { column: \
                  { file: t.csv, column: i } }, output_tokens: { column: { file: t.csv, column: o } } }\n";
    if let Ok(loaded) = spec::read(column, "fuzz.yaml", &[], &Single(bytes), Catalog::embedded()) {
        run(loaded.scenario);
    }
}

/// Reads the bytes as a catalogue; what is accepted serves a scenario.
pub(crate) fn catalog(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    match Catalog::parse(text) {
        Ok(catalog) => {
            for model in ["us.anthropic.claude-haiku-4-5-20251001-v1:0", "a", "us.a", "x.y-v1:0"] {
                let scenario = format!(
                    "version: 1\npools: {{ p: {{ model: '{model}' }} }}\nworkloads: {{ w: {{ pool: p, arrivals: {{ poisson: {{ rate: 1/s }} }}, \
                     input_tokens: 9, output_tokens: 9 }} }}\n"
                );
                if let Ok(loaded) = spec::read(&scenario, "fuzz.yaml", &[], &Single(b""), &catalog) {
                    run(loaded.scenario);
                }
            }
        }
        Err(refusal) => assert!(!format!("{refusal:?}").is_empty()),
    }
}

/// Every file has these bytes.
struct Single<'a>(&'a [u8]);

impl Files for Single<'_> {
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Ok(self.0.to_vec())
    }
}

/// Runs one replication of a scenario made small; its books must balance and every report must print.
fn run(mut scenario: Scenario) {
    shrink(&mut scenario);
    let engine = Engine::new(&scenario);
    let tally = engine.run(scenario.seed, 0, &mut Unwatched).expect("nobody breaks it off");
    let (mut requests, mut ended) = (0, 0);
    for flow in &tally.flows {
        let ledger = flow.ledger;
        assert_eq!(ledger.reserved + ledger.overdraft, ledger.settled + ledger.refunded + ledger.open());
        requests += flow.requests;
        ended += flow.succeeded + flow.failed;
        assert!(flow.throttled() <= flow.attempts && flow.truncated <= flow.succeeded);
    }
    assert_eq!(requests, ended);
    let mut replications = Replications::default();
    replications.add(0, tally);
    let summary = replications.summary(&scenario, scenario.seed);
    assert!(!report::json::summary(&summary).is_empty());
    assert!(!report::text::summary(&summary, &Style::PLAIN).is_empty());
    assert!(!report::csv::summary(&summary).is_empty());
    assert!(!report::markdown::summary(&summary).is_empty());
}

const HORIZON: SimTime = SimTime(2 * SimSpan::MINUTE.0);
const MOST_PER_SECOND: f64 = 10.0;
const MOST: u64 = 300;

fn shrink(scenario: &mut Scenario) {
    scenario.horizon = scenario.horizon.min(HORIZON);
    scenario.warmup = scenario.warmup.min(SimTime(scenario.horizon.0 / 2));
    if !(0.1..=3.0).contains(&scenario.load.as_f64()) {
        scenario.load = Load::ONE;
    }
    scenario.workloads.truncate(5);
    let mut steps = false;
    for pool in &mut scenario.pools {
        steps |= pool.rules.adjust_every.is_some() || pool.quotas.endpoint() == Endpoint::Mantle;
        pool.rules.adjust_every = pool.rules.adjust_every.map(|every| every.max(SimSpan(SimSpan::SECOND.0 / 4)));
    }
    let length = || Distribution::Constant(3.0);
    for workload in &mut scenario.workloads {
        workload.clients = workload.clients.min(20);
        if steps {
            // An event per step of a response of years is no mistake either.
            workload.latency = Some(Latency::Duration(length()));
        }
        match &mut workload.client {
            ClientPolicy::Sdk(SdkPolicy { max_attempts, .. }) => *max_attempts = (*max_attempts).min(5),
            ClientPolicy::Custom(policy) => policy.max_attempts = Some(policy.max_attempts.unwrap_or(5).min(5)),
            ClientPolicy::None => {}
        }
        calm(&mut workload.arrivals);
    }
    // A requirement may speak of a workload that was cut off.
    scenario.slo.clear();
}

fn calm(arrivals: &mut Arrivals) {
    match arrivals {
        Arrivals::Constant { rate }
        | Arrivals::Poisson { rate }
        | Arrivals::Gamma { rate, .. }
        | Arrivals::Weibull { rate, .. }
        | Arrivals::Sinusoidal { rate, .. } => slow(rate),
        Arrivals::OnOff { on_rate, off_rate, mean_on, mean_off } => {
            slow(on_rate);
            slow(off_rate);
            for stay in [mean_on, mean_off] {
                *stay = (*stay).max(SimSpan(SimSpan::SECOND.0 / 10));
            }
        }
        Arrivals::Piecewise { points, .. } => points.iter_mut().for_each(|(_, rate)| slow(rate)),
        Arrivals::Burst { count, .. } | Arrivals::Cron { count, .. } => *count = (*count).min(MOST),
        Arrivals::ClosedLoop { workers, think_time } => {
            *workers = (*workers).min(20);
            *think_time = Distribution::Constant(0.5);
        }
        Arrivals::Sessions(sessions) => {
            slow(&mut sessions.rate);
            sessions.think_time = Distribution::Constant(0.5);
            sessions.turns = Distribution::Constant(3.0);
        }
        Arrivals::Trace(trace) => {
            trace.scale = trace.scale.min(2.5);
            // A recording shorter than this would fill the horizon with its copies.
            trace.repeat &= trace.rows.last().is_some_and(|row| row.at.0 > SimSpan::SECOND.0);
        }
    }
}

fn slow(rate: &mut Rate) {
    if rate.per_second() > MOST_PER_SECOND {
        *rate = Rate { events: MOST_PER_SECOND as u64, per: SimSpan::SECOND };
    }
}
