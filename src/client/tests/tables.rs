//! Backoffs, hints and quota scripts: exact.

use super::*;
use std::collections::BTreeMap;

const BOTOCORE: &str = include_str!("../../../tests/vectors/sdk-retries/botocore_standard_vectors.json");
const BOTOCORE_2_0: &str = include_str!("../../../tests/vectors/sdk-retries/botocore_pre2026_standard_vectors.json");
const JAVASCRIPT: &str = include_str!("../../../tests/vectors/sdk-retries/smithy_js_standard_vectors.json");
const ANTHROPIC: &str = include_str!("../../../tests/vectors/sdk-retries/anthropic_bedrock_2.11.0.json");

const SCRIPTS: [(&str, Sdk, RetryVersion, usize); 3] = [
    (BOTOCORE, Sdk::Boto3, RetryVersion::V2_1, 116),
    (BOTOCORE_2_0, Sdk::Boto3, RetryVersion::V2_0, 121),
    (JAVASCRIPT, Sdk::JavaScript, RetryVersion::V2_1, 115),
];

fn failure_of(kind: &Value) -> Failure {
    match kind.as_str().expect("a kind").to_lowercase().as_str() {
        "throttling" => Failure::Throttled,
        "transient" => Failure::Unavailable,
        "timeout" => Failure::Timeout,
        other => panic!("unknown kind {other}"),
    }
}

/// The wait after the given attempt, all before it having failed alike.
fn delay(client: &Client, failure: Failure, attempt: u64, hint: Option<RetryAfter>, u: f64) -> SimSpan {
    let mut state = client.state(SimTime::ZERO);
    let mut call = client.begin(&mut state);
    for _ in 1..attempt {
        client.after_failure(&mut state, &mut call, failure, SimTime::ZERO, None, 0);
    }
    match client.after_failure(&mut state, &mut call, failure, SimTime::ZERO, hint, bits_of(u)) {
        Decision::Retry { delay } => delay,
        Decision::GiveUp => panic!("gave up at attempt {attempt}"),
    }
}

fn expected(row: &Value) -> SimSpan {
    match row["delay_ms"].as_f64() {
        Some(ms) => SimSpan::from_secs_f64(ms / 1e3),
        None => seconds_of(&row["delay_s"]),
    }
}

#[test]
fn backoff_tables() {
    for (file, kind, version, _) in SCRIPTS {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let client = sdk(kind, RetryMode::Standard, version, 20);
        assert_eq!(rows(&file, "backoff").len(), 140);
        for row in rows(&file, "backoff") {
            let (attempt, u) = (row["attempt"].as_u64().expect("a count"), row["u"].as_f64().expect("a number"));
            assert_eq!(delay(&client, failure_of(&row["kind"]), attempt, None, u), expected(row), "{row}");
        }
    }
}

#[test]
fn legacy_backoff_has_no_cap() {
    for (file, version) in [(BOTOCORE, RetryVersion::V2_1), (BOTOCORE_2_0, RetryVersion::V2_0)] {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let client = sdk(Sdk::Boto3, RetryMode::Legacy, version, 20);
        for row in rows(&file, "legacy_mode_backoff") {
            let (attempt, u) = (row["attempt"].as_u64().expect("a count"), row["u"].as_f64().expect("a number"));
            assert_eq!(delay(&client, Failure::Throttled, attempt, None, u), expected(row), "{row}");
        }
        assert_eq!(delay(&client, Failure::Throttled, 10, None, 0.5), SimSpan(256_000_000_000));
    }
}

/// The header as botocore reads it: anything but a whole number of milliseconds is no hint.
fn x_amz(text: &str) -> Option<RetryAfter> {
    let ms: u64 = text.parse().ok()?;
    Some(RetryAfter::XAmz(SimSpan(ms * 1_000_000)))
}

#[test]
fn hints_are_clamped() {
    for (file, kind, version, _) in SCRIPTS {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let client = sdk(kind, RetryMode::Standard, version, 20);
        for row in rows(&file, "retry_after") {
            let hint = match row["x-amz-retry-after"].as_str() {
                Some(text) => x_amz(text),
                None => x_amz(&row["hint_ms"].to_string()),
            };
            let (attempt, u) = (row["attempt"].as_u64().expect("a count"), row["u"].as_f64().expect("a number"));
            assert_eq!(delay(&client, failure_of(&row["kind"]), attempt, hint, u), expected(row), "{row}");
        }
    }
}

#[test]
fn quota_scripts() {
    for (file, kind, version, steps) in SCRIPTS {
        let file: Value = serde_json::from_str(file).expect("JSON");
        let client = sdk(kind, RetryMode::Standard, version, 20);
        let mut state = client.state(SimTime::ZERO);
        let mut calls: BTreeMap<&str, Call> = BTreeMap::new();
        assert_eq!(rows(&file, "quota").len(), steps);
        for row in rows(&file, "quota") {
            let call = calls.entry(row["request"].as_str().expect("a name")).or_default();
            match row["op"].as_str().expect("an operation") {
                "acquire" => {
                    let failure = failure_of(&row["kind"]);
                    let decision = client.after_failure(&mut state, call, failure, SimTime::ZERO, None, 0);
                    assert_eq!(row["granted"].as_bool(), Some(decision != Decision::GiveUp), "{row}");
                }
                "success" => client.after_success(&mut state, call, SimTime::ZERO),
                "final_failure" => {}
                other => panic!("unknown operation {other}"),
            }
            assert_eq!(row["capacity_after"].as_u64(), Some(u64::from(state.quota())), "{row}");
        }
    }
}

#[test]
fn anthropic_waits() {
    let file: Value = serde_json::from_str(ANTHROPIC).expect("JSON");
    let client = sdk(Sdk::Anthropic, RetryMode::Standard, RetryVersion::V2_1, 9);
    for row in rows(&file, "backoff") {
        let u = row["u"].as_f64().expect("a number");
        for (attempt, expected) in (1..).zip(rows(row, "sleeps_s")) {
            assert_eq!(delay(&client, Failure::Throttled, attempt, None, u), seconds_of(expected), "{row}");
        }
    }
}

/// *Assumption*: as all of Java: read, not run.
#[test]
fn java_waits_whole_milliseconds() {
    let legacy = sdk(Sdk::Java, RetryMode::Legacy, RetryVersion::V2_0, 20);
    // Half jitter: 250 + ⌊u·251⌋ ms of the first half second.
    assert_eq!(delay(&legacy, Failure::Throttled, 1, None, 0.0), SimSpan(250_000_000));
    assert_eq!(delay(&legacy, Failure::Throttled, 1, None, 0.5), SimSpan(375_000_000));
    assert_eq!(delay(&legacy, Failure::Throttled, 1, None, 0.9999), SimSpan(500_000_000));
    assert_eq!(delay(&legacy, Failure::Throttled, 12, None, 0.0), SimSpan(10_000_000_000));
    assert_eq!(delay(&legacy, Failure::Unavailable, 1, None, 0.255), SimSpan(25_000_000));
    let standard = sdk(Sdk::Java, RetryMode::Standard, RetryVersion::V2_1, 20);
    assert_eq!(delay(&standard, Failure::Unavailable, 2, None, 0.5), SimSpan(50_000_000));
    assert_eq!(delay(&standard, Failure::ModelNotReady, 2, None, 0.5), SimSpan::SECOND);
    let long = Some(RetryAfter::Standard(SimSpan::MINUTE));
    assert_eq!(delay(&legacy, Failure::Throttled, 1, long, 0.5), SimSpan::MINUTE);
    assert_eq!(delay(&standard, Failure::Throttled, 1, long, 0.5), SimSpan(500_000_000));
}

#[test]
fn javascript_2_0_caps_after_the_jitter() {
    let client = sdk(Sdk::JavaScript, RetryMode::Standard, RetryVersion::V2_0, 20);
    assert_eq!(delay(&client, Failure::Throttled, 1, None, 0.5), SimSpan(250_000_000));
    assert_eq!(delay(&client, Failure::Unavailable, 2, None, 0.5), SimSpan(100_000_000));
    // 0.5·2^9 = 256 s, halved by the jitter and only then capped.
    assert_eq!(delay(&client, Failure::Throttled, 10, None, 0.5), SimSpan(20_000_000_000));
}
