//! Budgets and quotas against the exact Markov chains of `tests/vectors/ground_truth.json`, kind m.

use super::*;
use crate::model::client::{CustomPolicy, Delay, Jitter, RetryBudget};
use crate::random::{Key, Purpose};

const GROUND_TRUTH: &str = include_str!("../../../tests/vectors/ground_truth.json");

const CALLS: u64 = 2_000_000;
/// Calls before the counting starts: the level forgets that it started full.
const WARM_UP: u64 = 100_000;

/// Attempts per request and share of requests lost, one call after another, attempts failing independently.
fn simulate(client: &Client, failure_probability: f64) -> (f64, f64) {
    let key = Key::new(1, 0, 0, Purpose::Fault);
    let mut state = client.state(SimTime::ZERO);
    let (mut attempts, mut lost) = (0u64, 0u64);
    for request in 0..WARM_UP + CALLS {
        if request == WARM_UP {
            (attempts, lost) = (0, 0);
        }
        let mut call = client.begin(&mut state);
        loop {
            attempts += 1;
            if uniform(key.attempt_bits(request, call.failed_attempts())) >= failure_probability {
                client.after_success(&mut state, &call, SimTime::ZERO);
                break;
            }
            let failure = Failure::Throttled;
            if client.after_failure(&mut state, &mut call, failure, SimTime::ZERO, None, 0) == Decision::GiveUp {
                lost += 1;
                break;
            }
        }
    }
    (attempts as f64 / CALLS as f64, lost as f64 / CALLS as f64)
}

fn clients(case: &Value) -> Vec<Client> {
    let params = &case["params"];
    let number = |key: &str| params[key].as_f64().expect("a number");
    match case["kind"].as_str() {
        Some("m_retry_budget_brooker") => vec![Client::new(&ClientPolicy::Custom(CustomPolicy {
            max_attempts: None,
            delay: Delay::Backoff { base: 0.1, factor: 2.0, cap: 1.0, jitter: Jitter::Full },
            budget: Some(RetryBudget {
                capacity: number("capacity"),
                deposit: number("deposit"),
                retry_cost: number("retry_cost"),
            }),
        }))],
        Some("m_retry_quota_aws_sdk") => {
            let attempts = number("max_attempts") as u32;
            [Sdk::Boto3, Sdk::JavaScript, Sdk::Java]
                .map(|kind| sdk(kind, RetryMode::Standard, RetryVersion::V2_1, attempts))
                .to_vec()
        }
        _ => vec![],
    }
}

#[test]
fn levels_settle_where_the_markov_chain_does() {
    let file: Value = serde_json::from_str(GROUND_TRUTH).expect("JSON");
    let mut cases = 0;
    for case in rows(&file, "cases") {
        for client in clients(case) {
            let (attempts, loss) = simulate(&client, case["params"]["p"].as_f64().expect("a probability"));
            let expected = |key: &str| case["expected"][key].as_f64().expect("a number");
            let (expected_attempts, p) = (expected("attempts_per_request"), expected("final_loss"));
            let tolerance = |variance: f64| (4.0 * (variance / CALLS as f64).sqrt()).max(1e-4);
            assert!((loss - p).abs() <= tolerance(p * (1.0 - p)), "{}: loss {loss}, not {p}", case["id"]);
            // Attempts beyond the first are at least as spread as a coin of their mean.
            let extra = expected_attempts - 1.0;
            assert!(
                (attempts - expected_attempts).abs() <= tolerance(extra * (1.0 + extra)),
                "{}: {attempts} attempts, not {expected_attempts}",
                case["id"]
            );
            cases += 1;
        }
    }
    assert_eq!(cases, 3 + 3 * 3);
}
