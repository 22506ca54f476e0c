//! Real Bedrock clients that met one error again and again: attempts, waits and costs.

use super::*;

const BOTOCORE: &str = include_str!("../../../tests/vectors/sdk-retries/botocore_client_matrix_1.44.5.json");
const BOTOCORE_2_0: &str =
    include_str!("../../../tests/vectors/sdk-retries/botocore_client_matrix_1.43.127_noflag.json");
const JAVASCRIPT: &str = include_str!("../../../tests/vectors/sdk-retries/smithy_js_client_matrix.json");
const RUST: &str = include_str!("../../../tests/vectors/sdk-retries/smithy_rs_client_matrix.json");
const ANTHROPIC: &str = include_str!("../../../tests/vectors/sdk-retries/anthropic_bedrock_2.11.0.json");

const U_HALF: u64 = 1 << 63;
const U_ONE: u64 = u64::MAX;

/// What a client did about a request whose every attempt failed alike.
#[derive(Debug, Default, PartialEq)]
struct Story {
    attempts: u64,
    sleeps: Vec<SimSpan>,
    costs: Vec<u64>,
    /// Waits for the send token of each attempt after the first.
    token_waits: Vec<SimSpan>,
}

fn story(client: &Client, failure: Failure, start: SimTime, hint: Option<RetryAfter>, bits: u64) -> Story {
    let mut story = Story::default();
    let mut now = start;
    let mut state = client.state(now);
    let mut call = client.begin(&mut state);
    loop {
        let asked = now;
        while let Send::NotBefore(later) = client.before_send(&mut state, &call, now) {
            assert!(later > now);
            now = later;
        }
        if story.attempts > 0 {
            story.token_waits.push(now.since(asked));
        }
        story.attempts += 1;
        let quota = state.quota();
        match client.after_failure(&mut state, &mut call, failure, now, hint, bits) {
            Decision::GiveUp => return story,
            Decision::Retry { delay } => {
                story.sleeps.push(delay);
                story.costs.push(u64::from(quota - state.quota()));
                now += delay;
            }
        }
    }
}

/// The failures that a row stands for.
fn failures(row: &Value) -> Vec<Failure> {
    let code = row["code"].as_str();
    let failure = match (row["status"].as_u64(), row["status"].as_str(), code) {
        (Some(0), _, Some("connector timeout")) => Failure::Timeout,
        (Some(1), _, Some("connector io")) => Failure::Disconnected,
        (Some(429), _, Some("ThrottlingException")) => return vec![Failure::Throttled, Failure::Overloaded],
        (Some(429), _, Some("ModelNotReadyException")) => Failure::ModelNotReady,
        (Some(429), _, Some("" | "SomethingUnknown")) => Failure::TooManyRequests,
        (Some(400), _, Some("ThrottlingException")) => Failure::BadRequestThrottling,
        (Some(400), _, Some("ServiceQuotaExceededException")) => Failure::QuotaExceeded,
        (Some(400), _, Some("ValidationException")) => Failure::Invalid,
        // Elsewhere the status decides: every failure that has it.
        (Some(status), ..) => {
            return Failure::ALL.into_iter().filter(|failure| failure.status() == Some(status as u16)).collect();
        }
        (_, Some("ReadTimeoutError" | "ConnectTimeoutError" | "TimeoutError" | "timeout"), _) => Failure::Timeout,
        (_, Some("EndpointConnectionError" | "ConnectionClosedError" | "ECONNRESET" | "ENOTFOUND" | "conn"), _) => {
            Failure::Disconnected
        }
        _ => panic!("unknown failure {row}"),
    };
    vec![failure]
}

fn client_of(kind: Sdk, version: RetryVersion, mode: &Value) -> Client {
    let mode = match mode.as_str() {
        Some("(default)") => kind.default_mode(version),
        Some("legacy") => RetryMode::Legacy,
        Some("standard") => RetryMode::Standard,
        Some("adaptive") => RetryMode::Adaptive,
        _ => panic!("unknown mode {mode}"),
    };
    sdk(kind, mode, version, kind.default_attempts(mode))
}

/// The clock of the adaptive rows stood still between rows; it had begun the second half of a second in the first.
fn start_of(row: &Value) -> SimTime {
    let first = row["status"] == 429 && row["code"] == "ThrottlingException";
    SimTime(if first { 500_000_000 } else { 0 })
}

fn near(a: SimSpan, b: SimSpan, tolerance_ns: u64) -> bool {
    a.0.abs_diff(b.0) <= tolerance_ns
}

fn total(spans: &[SimSpan]) -> SimSpan {
    spans.iter().fold(SimSpan::ZERO, |sum, &span| sum + span)
}

#[test]
fn botocore() {
    for (file, version, count) in [(BOTOCORE, RetryVersion::V2_1, 76), (BOTOCORE_2_0, RetryVersion::V2_0, 76)] {
        let file: Value = serde_json::from_str(file).expect("JSON");
        assert_eq!(rows(&file, "matrix").len(), count);
        for row in rows(&file, "matrix") {
            let client = client_of(Sdk::Boto3, version, &row["mode"]);
            let (mut sleeps, mut token_waits) = (Vec::new(), Vec::new());
            for sleep in rows(row, "sleeps_s_u0.5") {
                if let Some(wait) = sleep["token_wait"].as_f64() {
                    // A token may be waited for in several steps; the fake clock stops short of some.
                    *token_waits.last_mut().expect("after a sleep") += wait;
                } else {
                    sleeps.push(seconds_of(sleep));
                    token_waits.push(0.0);
                }
            }
            for failure in failures(row) {
                let story = story(&client, failure, start_of(row), None, U_HALF);
                assert_eq!(row["attempts"].as_u64(), Some(story.attempts), "{row}");
                assert_eq!(story.sleeps, sleeps, "{row}");
                let costs: Vec<u64> = rows(row, "quota_costs").iter().filter_map(Value::as_u64).collect();
                let without_quota = story.costs.iter().all(|&cost| cost == 0);
                assert!(story.costs == costs || costs.is_empty() && without_quota, "{row}");
                for (&actual, &expected) in story.token_waits.iter().zip(&token_waits) {
                    assert!(near(actual, SimSpan::from_secs_f64(expected), 2), "{row}: {actual:?}");
                }
            }
        }
        hints(&file, |row| client_of(Sdk::Boto3, version, &row["mode"]));
    }
}

#[test]
fn javascript() {
    let file: Value = serde_json::from_str(JAVASCRIPT).expect("JSON");
    assert_eq!(rows(&file, "matrix").len(), 54);
    for row in rows(&file, "matrix") {
        let client = client_of(Sdk::JavaScript, RetryVersion::V2_1, &row["mode"]);
        let sleeps: Vec<SimSpan> = rows(row, "sleeps_ms_u05").iter().map(millis).collect();
        for failure in failures(row) {
            let story = story(&client, failure, start_of(row), None, U_HALF);
            assert_eq!(row["attempts"].as_u64(), Some(story.attempts), "{row}");
            assert_eq!(row["quota_spent"].as_u64(), Some(story.costs.iter().sum()), "{row}");
            if client.has_limiter() {
                // Backoffs and token waits are not told apart in the file, which keeps whole microseconds.
                let waited = total(&story.sleeps) + total(&story.token_waits);
                assert!(near(waited, total(&sleeps), 3_000), "{row}: {story:?}");
            } else {
                assert_eq!(story.sleeps, sleeps, "{row}");
            }
        }
    }
    hints(&file, |_| sdk(Sdk::JavaScript, RetryMode::Standard, RetryVersion::V2_1, 3));
}

#[test]
fn rust() {
    let file: Value = serde_json::from_str(RUST).expect("JSON");
    let client_of = |row: &Value| {
        let version = if row["spec"] == "2.0" { RetryVersion::V2_0 } else { RetryVersion::V2_1 };
        sdk(Sdk::Rust, RetryMode::Standard, version, 3)
    };
    assert_eq!(rows(&file, "matrix").len(), 34);
    for row in rows(&file, "matrix") {
        let sleeps: Vec<SimSpan> = rows(row, "sleeps_s_with_u=1").iter().map(seconds_of).collect();
        for failure in failures(row) {
            let story = story(&client_of(row), failure, SimTime::ZERO, None, U_ONE);
            assert_eq!(row["attempts"].as_u64(), Some(story.attempts), "{row}");
            assert_eq!(story.sleeps, sleeps, "{row}");
            assert!(story.costs.iter().all(|&cost| row["retry_cost"].as_u64() == Some(cost)), "{row}");
        }
    }
    for row in rows(&file, "retry_after") {
        let ms: u64 = row["header_ms"].as_str().expect("a header").parse().expect("milliseconds");
        let hint = Some(RetryAfter::XAmz(SimSpan(ms * 1_000_000)));
        for failure in failures(row) {
            let story = story(&client_of(row), failure, SimTime::ZERO, hint, U_ONE);
            assert_eq!(story.sleeps[0], seconds_of(&row["sleeps_s_with_u=1"][0]), "{row}");
        }
    }
}

#[test]
fn anthropic() {
    let file: Value = serde_json::from_str(ANTHROPIC).expect("JSON");
    let client = Client::new(&ClientPolicy::Sdk(SdkPolicy::default_for(Sdk::Anthropic)));
    assert_eq!(rows(&file, "matrix").len(), 14);
    for row in rows(&file, "matrix") {
        let sleeps: Vec<SimSpan> = rows(row, "sleeps_s_u0.5").iter().map(seconds_of).collect();
        for failure in failures(row) {
            let story = story(&client, failure, SimTime::ZERO, None, U_HALF);
            assert_eq!(row["attempts"].as_u64(), Some(story.attempts), "{row}");
            assert_eq!(story.sleeps, sleeps, "{row}");
        }
    }
    hints(&file, |_| client.clone());
}

fn millis(ms: &Value) -> SimSpan {
    SimSpan::from_secs_f64(ms.as_f64().expect("milliseconds") / 1e3)
}

/// The first wait of each row of a `retry_after` table.
fn hints(file: &Value, client_of: impl Fn(&Value) -> Client) {
    for row in rows(file, "retry_after") {
        let header = |name: &str| {
            let headers = row["header"].as_object().expect("headers");
            let (_, value) = headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
            value.as_str()?.parse::<u64>().ok()
        };
        if row["header"]["x-should-retry"].is_string() {
            continue; // Nothing here sends that header.
        }
        let hint = header("x-amz-retry-after")
            .map(|ms| RetryAfter::XAmz(SimSpan(ms * 1_000_000)))
            .or(header("retry-after").map(|s| RetryAfter::Standard(SimSpan(s * 1_000_000_000))))
            .or(header("retry-after-ms").map(|ms| RetryAfter::Standard(SimSpan(ms * 1_000_000))));
        let expected = match (&row["sleeps_s_u0.5"][0], &row["sleeps_ms_u05"][0]) {
            (Value::Null, ms) => millis(ms),
            (s, _) => seconds_of(s),
        };
        for failure in failures(row) {
            let story = story(&client_of(row), failure, SimTime::ZERO, hint, U_HALF);
            // JavaScript turns seconds into a date and back; the wall clock moved on meanwhile.
            assert!(near(story.sleeps[0], expected, 500_000), "{row}: {:?}", story.sleeps);
        }
    }
}
