//! What `serve --record` writes, `calibrate` reads: an hour at the endpoint becomes a scenario, and shows its law.

use super::endpoint::{Endpoint, HAIKU, converse_body, request};
use assert_cmd::cargo::cargo_bin;
use serde_json::Value;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

/// Each answer takes half a second and is charged 10 + 30 · 5, each call reserves 110.
const SCENARIO: &str = "
version: 1
pools:
  p: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 6k, requests_per_minute: none,
       latency: { ttft: 200ms, output_tokens_per_second: 100 } }
workloads:
  w: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 30, max_tokens: 100 }
";
/// How many calls there are, in pairs at the beginning of each second.
const CALLS: usize = 240;

fn quotasim(directory: &Path, arguments: &[&str]) -> Value {
    let mut command = Command::new(cargo_bin!("quotasim"));
    let output = command.current_dir(directory).args(arguments).output().expect("it runs");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn calibrate_reads_what_was_recorded() {
    let mut endpoint = Endpoint::of(SCENARIO, &["--step", "--record", "calls.jsonl"]);
    let path = format!("/model/{HAIKU}/converse");
    let asked = request("POST", &path, &[], &converse_body(100));
    let mut open: Vec<TcpStream> = Vec::new();
    for second in 1..=CALLS / 2 {
        for _ in 0..2 {
            let mut stream = endpoint.connect();
            stream.write_all(asked.as_bytes()).expect("it reads");
            open.push(stream);
        }
        endpoint.wait_for(|state| state["pools"]["p"]["attempts"] == 2 * second);
        endpoint.advance("1s");
    }
    let throttled = endpoint.state()["pools"]["p"]["throttled"].as_u64().expect("a count");
    assert!((60..180).contains(&throttled), "the quota has run out: {throttled} of {CALLS}");
    assert_eq!(endpoint.terminate().0, Some(0));
    let directory = endpoint.directory();

    let calibration = quotasim(directory, &["calibrate", "usage", "calls.jsonl", "-o", "out", "--format", "json"]);
    let workload = &calibration["workloads"][0];
    let totals = &workload["totals"];
    assert_eq!((&workload["caller"], &totals["attempts"]), (&"w".into(), &CALLS.into()), "{workload:#}");
    assert_eq!(
        (&totals["throttled"], &totals["input"]),
        (&throttled.into(), &(10 * (CALLS as u64 - throttled)).into())
    );
    quotasim(directory, &["run", "out/scenario.yaml", "--format", "json", "--replications", "1", "--quiet"]);

    let backtest =
        quotasim(directory, &["calibrate", "backtest", "calls.jsonl", "--tokens-per-minute", "6k", "--format", "json"]);
    assert_eq!(backtest["refused"], throttled);
    let best = &backtest["readings"][0];
    assert_eq!((&best["name"], &best["default"]), (&"bucket of 60 s".into(), &true.into()), "{backtest:#}");
    assert_eq!((&best["hits"], &best["false_alarms"]), (&1.0.into(), &0.0.into()), "{best:#}");
}
