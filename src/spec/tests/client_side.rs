//! What the client's side of the language means: faults and their episodes, spikes, clients by name.

use super::{read, workload};
use crate::model::client::{RetryMode, RetryVersion, Sdk, SdkPolicy};
use crate::model::scenario::Load;
use crate::model::{ClientPolicy, FaultEpisode, Faults, Requirement, Scenario};
use crate::units::{Probability, SimSpan, SimTime};

/// A scenario around a workload with open arrivals and these fields.
fn open(fields: &str) -> String {
    workload(&format!("arrivals: {{ poisson: {{ rate: 1/s }} }}, input_tokens: 10, output_tokens: 5, {fields}"))
}

fn meaning(text: &str) -> Scenario {
    read(text).unwrap_or_else(|problems| panic!("{problems}")).scenario
}

fn problems(text: &str) -> String {
    read(text).expect_err("something is wrong with it").to_string()
}

fn seconds(s: u64) -> SimSpan {
    SimSpan(s * SimSpan::SECOND.0)
}

#[test]
fn that_it_comes_back_can_be_asked_of_the_whole_scenario() {
    let asking = |requirement: &str| format!("{}slo: [{requirement}]\n", open("max_tokens: 5"));
    let asked = meaning(&asking("no_recovery_rate < 5%")).slo.remove(0);
    assert_eq!((asked.metric.as_str(), asked.bound), (Requirement::NO_RECOVERY_RATE, 0.05));
    let said = problems(&asking("{ workload: w, require: no_recovery_rate < 5% }"));
    assert!(said.contains("`no_recovery_rate` speaks of the whole scenario"), "{said}");
}

#[test]
fn faults_come_in_episodes_and_of_pools() {
    let episodes = "faults: { unavailable: 1%, episodes: [{ at: 10m, for: 2m, unavailable: 30%, timeout: 5% }, \
                    { at: 20m, for: 30s, every: 5m, slow: { probability: 50%, factor: 3 } }] }, read_timeout: 60s";
    let text = open(episodes);
    let workload = meaning(&text).workloads.remove(0);
    let usual = Faults { unavailable: Probability(0.01), ..Faults::NONE };
    assert_eq!(workload.faults, usual);
    let minutes = |n: u64| SimTime(n * SimSpan::MINUTE.0);
    let outage = Faults { unavailable: Probability(0.3), timeout: Probability(0.05), ..usual };
    let slow = Faults { slow: Probability(0.5), slow_factor: 3.0, ..usual };
    assert_eq!(
        workload.fault_episodes,
        [
            FaultEpisode { at: minutes(10), lasts: SimSpan(2 * SimSpan::MINUTE.0), every: None, faults: outage },
            FaultEpisode {
                at: minutes(20),
                lasts: seconds(30),
                every: Some(SimSpan(5 * SimSpan::MINUTE.0)),
                faults: slow
            },
        ]
    );
    let of_pool =
        text.replace("requests_per_minute: none", "requests_per_minute: none, faults: { model_not_ready: 2% }");
    assert_eq!(meaning(&of_pool).pools[0].faults.model_not_ready, Probability(0.02));
}

#[test]
fn a_spike_concerns_open_arrivals() {
    let spike = |fields: &str| format!("spike: {{ {fields} }}\n{}", open("priority: 0"));
    let read = meaning(&spike("at: 10m, for: 30s, load: 2.5")).spike.expect("a spike");
    assert_eq!((read.at, read.lasts), (SimTime(10 * SimSpan::MINUTE.0), seconds(30)));
    assert_eq!((read.load, read.workloads), (Load { numerator: 5, denominator: 2 }, vec![0]));
    let table = [
        ("at: 10m, for: 0s, load: 3", "`for` is 0"),
        ("at: 10m, for: 30s, load: 0.5", "below 1"),
        ("at: 10m, for: 30s, load: 3, workloads: [x]", "there is no workload `x`"),
        ("at: 10m, for: 30s", "missing field `load`"),
    ];
    for (fields, message) in table {
        let said = problems(&spike(fields));
        assert!(said.contains(message), "{fields}: {said}");
    }
    let closed =
        workload("arrivals: { closed_loop: { workers: 2, think_time: 1s } }, input_tokens: 10, output_tokens: 5");
    let said = problems(&format!("spike: {{ at: 10m, for: 30s, load: 3 }}\n{closed}"));
    assert!(said.contains("closed loops have none of their own"), "{said}");
}

#[test]
fn what_is_wrong_with_faults_is_said() {
    let table = [
        ("faults: { unavailable: 60%, model_not_ready: 50% }", "add up to 1.1"),
        ("faults: { disconnect: 60%, model_timeout: 50% }", "a response meets one of them"),
        ("faults: { timeout: 1% }", "would wait for ever"),
        ("faults: { episodes: [{ at: 1m, for: 1m }] }", "the episode names no fault"),
        ("faults: { episodes: [{ at: 1m, for: 2m, every: 1m, overloaded: 5% }] }", "the episode never ends"),
        ("faults: { episodes: [{ at: 1m, for: 0s, overloaded: 5% }] }", "`for` is 0"),
        ("faults: { episodes: [{ at: 1m, for: 5m, overloaded: 105% }] }", "`overloaded` is `105%`"),
    ];
    for (fields, message) in table {
        let text = open(fields);
        let said = problems(&text);
        assert!(said.contains(message), "{fields}: {said}");
    }
}

#[test]
fn clients_by_name() {
    let client = |name: &str| meaning(&open(&format!("client: {name}"))).workloads.remove(0);
    let before = SdkPolicy { sdk: Sdk::Boto3, mode: RetryMode::Legacy, version: RetryVersion::V2_0, max_attempts: 5 };
    assert_eq!(client("boto3@2.0").client, ClientPolicy::Sdk(before));
    assert_eq!(client("boto3@2.0").read_timeout, Some(seconds(60)));
    assert_eq!(client("{ boto3: { retries: \"2.0\" } }").client, ClientPolicy::Sdk(before));
    assert_eq!(client("java").read_timeout, Some(seconds(30)));
    let said = problems(&open("client: boto3@3"));
    assert!(said.contains("`3` is no version of retry behaviour") && said.contains("write `boto3@2.0`"), "{said}");
}
