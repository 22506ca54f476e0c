//! A live calibration against the endpoint: the AWS SDK calls it, what it says is recorded, and both its recording and
//! ours tell the law that it keeps.

use super::endpoint::{Endpoint, HAIKU};
use assert_cmd::Command;
use serde_json::Value;
use tempfile::TempDir;

/// A minute's quota of 3,000 tokens. An answer of 50 tokens takes 0.2 s and is charged some 260.
const SMALL: &str = "
version: 1
pools:
  p: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 3k, requests_per_minute: none,
       latency: { ttft: 100ms, output_tokens_per_second: 500 } }
workloads:
  app: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 50, max_tokens: 100 }
";

/// Runs a command beside 24 prompts; the SDK has made-up credentials and nothing else of this machine's configuration.
fn run(desk: &TempDir, line: &str) -> (Option<i32>, String) {
    let output = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
        .args(line.split_whitespace())
        .current_dir(desk)
        .env("AWS_ACCESS_KEY_ID", "app")
        .env("AWS_SECRET_ACCESS_KEY", "made-up")
        .env("AWS_CONFIG_FILE", "none")
        .env("AWS_SHARED_CREDENTIALS_FILE", "none")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("HTTP_PROXY")
        .env_remove("http_proxy")
        .env_remove("ALL_PROXY")
        .output()
        .expect("the command starts");
    let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
    (output.status.code(), text(output.stdout) + &text(output.stderr))
}

fn desk() -> TempDir {
    let desk = tempfile::tempdir().expect("a directory");
    let prompt = |i: usize| format!("{{\"prompt\": \"my secret question {i}\", \"max_tokens\": 400}}\n");
    std::fs::write(desk.path().join("prompts.jsonl"), (0..24).map(prompt).collect::<String>()).expect("writable");
    desk
}

fn json(desk: &TempDir, line: &str) -> Value {
    let (code, said) = run(desk, line);
    assert_eq!(code, Some(0), "{line}\n{said}");
    serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}\n{said}"))
}

/// From consent to a scenario and a verdict on the limiter, for Converse or its stream.
fn live(operation: &str, option: &str) {
    let endpoint = Endpoint::of(SMALL, &["--quiet", "--record", "calls.jsonl"]);
    let desk = desk();
    let call = format!("calibrate converse --prompts prompts.jsonl --model {HAIKU} --region us-east-1 {option}");
    let call = format!("{call} --concurrency 4 --endpoint-url {}", endpoint.url());

    let (code, said) = run(&desk, &call);
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains(&format!("24 calls of {operation}")) && said.contains("9,600 tokens"), "{said}");
    assert_eq!(endpoint.state()["workloads"]["app"]["attempts"], 0, "nothing is sent without consent");

    let (code, said) = run(&desk, &format!("{call} --yes"));
    assert_eq!(code, Some(0), "{said}");
    let state = endpoint.state();
    assert_eq!(state["workloads"]["app"]["attempts"], 24, "retries are off: {state:#}");
    let recorded = std::fs::read_to_string(desk.path().join("converse.jsonl")).expect("a recording");
    assert!(!recorded.contains("secret") && !recorded.contains("AKID"), "{recorded}");
    let rows: Vec<Value> = recorded.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (answered, refused): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| row["outcome"] == "succeeded");
    // 3,000 tokens and some 50 per second bear about a dozen answers of 260.
    assert!((8..=18).contains(&answered.len()) && refused.len() == 24 - answered.len(), "{recorded}");
    for row in &answered {
        assert_eq!((&row["operation"], &row["output_tokens"]), (&operation.into(), &50.into()));
        let (first, whole) = (row["ttft_ms"].as_f64(), row["latency_ms"].as_f64().expect("it was measured"));
        assert_eq!(first.is_some(), option == "--stream", "{row}");
        assert!(whole >= 190.0 && first.is_none_or(|first| (95.0..whole).contains(&first)), "{row}");
    }
    for row in &refused {
        assert_eq!((&row["outcome"], &row["limit"]), (&"throttled".into(), &"tokens_per_minute".into()), "{row}");
    }

    let result = json(&desk, "calibrate usage converse.jsonl --tokens-per-minute 3k --format json -o mine --quiet");
    let workload = &result["workloads"][0];
    assert_eq!(workload["totals"]["answered"], answered.len());
    assert_eq!(workload["totals"]["throttled"], refused.len());
    assert_eq!((&workload["max_tokens"]["scenario"], &result["pools"][0]["model"]), (&400.into(), &HAIKU.into()));
    let (code, said) = run(&desk, "run mine/scenario.yaml --set replications=2 --set horizon=5m --set warmup=0s");
    assert_eq!(code, Some(0), "{said}");

    let backtest = "--tokens-per-minute 3k --requests-per-minute none --format json --quiet";
    std::fs::write(desk.path().join("calls.jsonl"), endpoint.file("calls.jsonl")).expect("writable");
    for recording in ["calls.jsonl", "converse.jsonl"] {
        let result = json(&desk, &format!("calibrate backtest {recording} {backtest}"));
        assert_eq!(result["refused"], refused.len(), "{recording}");
        let readings = result["readings"].as_array().expect("readings");
        let default = readings.iter().find(|reading| reading["default"] == true).expect("the default");
        // By the client's own clock an attempt comes earlier than it was decided on, by as much as the machine is busy:
        // a verdict as sharp as that only the endpoint's clock bears.
        if recording == "calls.jsonl" {
            assert_eq!(default["ruled_out"], false, "it is the law of the endpoint\n{default:#}");
        }
        assert!(default["hits"].as_f64() >= Some(0.5), "{recording}\n{default:#}");
        let ruled_out = readings.iter().filter(|reading| reading["ruled_out"] == true).count();
        assert!(ruled_out >= 1, "{recording}: others are not\n{readings:#?}");
    }
}

#[test]
fn converse_calls_become_a_scenario_and_a_verdict() {
    live("Converse", "");
}

#[test]
fn streamed_calls_become_a_scenario_and_a_verdict() {
    live("ConverseStream", "--stream");
}
