//! The endpoint's own paths, its output, its time and its recording.

use super::endpoint::{Endpoint, HAIKU, PATIENCE, converse_body, request};
use serde_json::{Value, json};
use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

/// A pool that admits three calls of 1,000 at once; each lasts a second.
const SMALL: &str = "
version: 1
pools:
  p: { model: us.anthropic.claude-haiku-4-5-20251001-v1:0, tokens_per_minute: 3k, requests_per_minute: none,
       latency: { ttft: 200ms, output_tokens_per_second: 100 } }
workloads:
  w: { pool: p, arrivals: { poisson: { rate: 5/s } }, input_tokens: 10, output_tokens: 80, max_tokens: 100 }
";

#[test]
fn the_first_line_is_an_object_and_the_next_can_be_exported() {
    let mut endpoint = Endpoint::of_model(&["--tokens-per-minute", "200k", "--quiet"]);
    let greeting = endpoint.greeting.clone();
    let port = greeting["port"].as_u64().expect("a port");
    assert!(port > 0);
    assert_eq!(greeting["address"], format!("127.0.0.1:{port}"));
    assert_eq!(greeting["url"], format!("http://127.0.0.1:{port}"));
    assert_eq!(endpoint.line(), format!("AWS_ENDPOINT_URL_BEDROCK_RUNTIME=http://127.0.0.1:{port}"));
    let others: Vec<String> = (0..4).map(|_| endpoint.line()).collect();
    assert_eq!(
        others,
        [
            "AWS_ACCESS_KEY_ID=quotasim",
            "AWS_SECRET_ACCESS_KEY=quotasim",
            "AWS_REGION=us-east-1",
            "AWS_DEFAULT_REGION=us-east-1"
        ]
    );
    let (code, said) = endpoint.terminate();
    assert_eq!((code, said.as_str()), (Some(0), ""));
}

#[test]
fn without_a_scenario_the_options_say_what_is_served() {
    let mut endpoint =
        Endpoint::of_model(&["--tokens-per-minute", "7k", "--requests-per-minute", "none", "--output-tokens", "12"]);
    let state = endpoint.state();
    let pool = &state["pools"][HAIKU];
    assert_eq!((&pool["tokens_per_minute"]["limit"], &pool["requests_per_minute"]), (&7_000.into(), &Value::Null));
    assert_eq!(endpoint.converse(&[], 100).json()["usage"]["outputTokens"], 12);
    let (code, said) = endpoint.terminate();
    assert_eq!(code, Some(0));
    assert!(
        said.contains("\n  7k tokens/min, no requests quota, burndown rate 5,") && said.contains("\nassumptions\n"),
        "{said}"
    );
    assert!(said.ends_with("served 1 attempt, 0 throttled\n"), "{said}");
    assert!(said.lines().all(|line| line.chars().count() <= 80), "{said}");
}

#[test]
fn time_can_be_stepped_by_hand() {
    let endpoint = Endpoint::of(SMALL, &["--step", "--record", "calls.jsonl"]);
    std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| endpoint.converse(&[], 990))).collect();
        endpoint.wait_for(|state| state["pools"]["p"]["in_flight"] == 3);
        assert_eq!(endpoint.converse(&[], 990).status, 429, "the bucket is empty and time stands still");
        endpoint.advance("999ms");
        assert_eq!(endpoint.state()["pools"]["p"]["in_flight"], 3);
        endpoint.advance("1ms");
        assert!(calls.into_iter().all(|call| call.join().expect("no panic").status == 200));
    });
    let state = endpoint.state();
    // 3 · (1,000 − 410) came back, and 50 of the minute's 3,000 by time.
    assert_eq!(state["pools"]["p"]["tokens_per_minute"]["available"], 1_820);
    assert_eq!((&state["time"], &state["speed"]), (&"2026-01-05T00:00:01.000Z".into(), &Value::Null));
    endpoint.advance("1h");
    assert_eq!(endpoint.state()["pools"]["p"]["tokens_per_minute"]["available"], 3_000);
    let log = endpoint.file_of(4, "calls.jsonl");
    let rows: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).expect("one object a line")).collect();
    let outcomes: Vec<&str> = rows.iter().map(|row| row["outcome"].as_str().expect("a word")).collect();
    assert_eq!(outcomes, ["throttled", "succeeded", "succeeded", "succeeded"], "in the order in which they end");
    assert_eq!(
        rows[0],
        json!({
            "time": "2026-01-05T00:00:00.000Z", "pool": "p", "workload": "w", "model": HAIKU, "operation": "Converse",
            "request": 3, "attempt": 1, "outcome": "throttled", "limit": "tokens_per_minute", "status": 429,
            "error": "ThrottlingException", "input_tokens": 10, "output_tokens": 0, "cache_read_tokens": 0,
            "cache_write_tokens": 0, "max_tokens": 990, "reservation": 1_000, "charge": 0, "ttft_ms": null,
            "latency_ms": 0.0, "stop_reason": null
        })
    );
    assert_eq!(
        (&rows[1]["charge"], &rows[1]["ttft_ms"], &rows[1]["latency_ms"]),
        (&410.into(), &200.0.into(), &1_000.0.into())
    );
    assert_eq!(endpoint.send("POST", "/_quotasim/clock", &[], "{\"advance\": \"soon\"}").status, 400);
}

#[test]
fn time_can_be_compressed() {
    let scenario = SMALL.replace("200ms", "40s");
    let endpoint = Endpoint::of(&scenario, &["--speed", "200x", "--quiet"]);
    assert_eq!(endpoint.send("POST", "/_quotasim/clock", &[], "{\"advance\": \"1s\"}").status, 409);
    let body = endpoint.converse(&[], 990).json();
    assert_eq!(body["metrics"]["latencyMs"], 40_800, "in the endpoint's time, though it took a fifth of a second");
    let state = endpoint.state();
    assert_eq!(state["speed"], 200.0);
    assert!(state["elapsed_s"].as_f64().expect("a time") >= 40.8, "{state}");
}

#[test]
fn reset_quotas_and_faults_change_while_it_runs() {
    let endpoint = Endpoint::of(SMALL, &["--step"]);
    let put = |path: &str, body: &str| endpoint.send("PUT", path, &[], body);
    let state = put("/_quotasim/quotas", "{\"tokens_per_minute\": \"1.5k\"}").json();
    assert_eq!(
        state["pools"]["p"]["tokens_per_minute"],
        json!({ "limit": 1_500, "capacity": 1_500, "available": 1_500 })
    );
    assert_eq!(endpoint.converse(&[], 5_000).status, 429);
    for (body, reason) in [
        ("{\"tokens_per_minute\": -1}", "`tokens_per_minute` is -1"),
        ("{\"pool\": \"q\", \"tokens_per_minute\": 1}", "there is no pool `q`; there are `p`"),
        ("{\"requests_per_minute\": 5}", "no quota `requests_per_minute`"),
        ("{\"tokens_per_minute\": \"lots\"}", "write a whole number, or a text like \"300k\""),
        ("{}", "name a quota to change: `tokens_per_minute`"),
        ("{\"pool\": \"p\"}", "name a quota to change"),
        ("[]", "JSON object"),
        ("", "no JSON"),
    ] {
        let reply = put("/_quotasim/quotas", body);
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.json()["message"].as_str().expect("a reason").contains(reason), "{reply:?}");
    }
    let huge = "x".repeat(1_000_001);
    assert!(put("/_quotasim/quotas", &huge).error().2.contains("less than or equal to 1000000"));
    let verb = endpoint.send("POST", "/_quotasim/quotas", &[], "{}");
    assert_eq!((verb.status, verb.error().2.contains("PUT /_quotasim/quotas")), (404, true), "{verb:?}");
    assert_eq!(put("/_quotasim/faults", "{\"unavailable\": \"100%\"}").json()["faults"], json!({ "unavailable": 1.0 }));
    assert_eq!(endpoint.converse(&[], 100).status, 503);
    assert!(
        put("/_quotasim/faults", "{\"earthquake\": 1}").json()["message"]
            .as_str()
            .expect("a reason")
            .contains("model_not_ready")
    );
    assert_eq!(put("/_quotasim/faults", "{}").json()["faults"], json!({}));
    endpoint.advance("5s");
    let state = endpoint.send("POST", "/_quotasim/reset", &[], "").json();
    assert_eq!((&state["elapsed_s"], &state["pools"]["p"]["attempts"]), (&0.0.into(), &0.into()));
    assert_eq!(state["pools"]["p"]["tokens_per_minute"]["limit"], 3_000, "as the scenario says");
    let foreign = endpoint.send("POST", "/_quotasim/reset", &[("origin", "http://example.com")], "");
    assert_eq!(foreign.status, 403, "a page of another site");
    assert_eq!(endpoint.send("POST", "/_quotasim/reset", &[("origin", "http://localhost")], "").status, 200);
}

#[test]
fn metrics_and_page_are_there() {
    let endpoint = Endpoint::of(SMALL, &["--step"]);
    assert_eq!(endpoint.converse(&[], 5_000).status, 429);
    let reply = endpoint.send("GET", "/metrics", &[], "");
    assert_eq!(reply.header("content-type"), Some("text/plain; version=0.0.4"));
    let text = String::from_utf8(reply.body).expect("text");
    for line in [
        "quotasim_attempts_total{workload=\"w\",pool=\"p\",outcome=\"throttled\"} 1",
        "quotasim_throttles_total{workload=\"w\",pool=\"p\",limit=\"unsatisfiable\"} 1",
        "quotasim_available_tokens{pool=\"p\"} 3000",
        "# TYPE quotasim_in_flight gauge",
    ] {
        assert!(text.lines().any(|known| known == line), "`{line}` is missing in\n{text}");
    }
    for (path, kind) in [
        ("/_quotasim/", "text/html; charset=utf-8"),
        ("/_quotasim/live.js", "text/javascript; charset=utf-8"),
        ("/_quotasim/live.css", "text/css; charset=utf-8"),
    ] {
        let reply = endpoint.send("GET", path, &[], "");
        assert_eq!((reply.status, reply.header("content-type")), (200, Some(kind)), "{path}");
    }
    assert_eq!(endpoint.send("GET", "/", &[], "").header("location"), Some("/_quotasim/"));
    let policy = endpoint.send("GET", "/_quotasim/", &[], "");
    assert!(policy.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
}

#[test]
fn a_stop_lets_what_is_under_way_end_and_records_it() {
    let mut endpoint = Endpoint::of(SMALL, &["--record", "calls.jsonl"]);
    let mut stream = endpoint.connect();
    let path = format!("/model/{HAIKU}/converse");
    stream.write_all(request("POST", &path, &[], &converse_body(990)).as_bytes()).expect("it reads");
    endpoint.wait_for(|state| state["pools"]["p"]["in_flight"] == 1);
    // Opened in advance, as browsers do: it holds up no stop.
    let idle = endpoint.connect();
    let began = now();
    let (code, _) = endpoint.terminate();
    assert_eq!(code, Some(0));
    assert!(began.elapsed() < Duration::from_secs(8), "the answer took a second; the grace time is ten");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("end_turn"), "{answer}");
    assert!(std::net::TcpStream::connect(&endpoint.address).is_err(), "it does not listen any more");
    let rows = endpoint.file("calls.jsonl");
    assert_eq!(rows.lines().count(), 1, "{rows}");
    assert!(rows.contains("\"outcome\":\"succeeded\""), "{rows}");
    drop(idle);
}

#[expect(clippy::disallowed_methods, reason = "another process has its own time")]
pub(super) fn now() -> Instant {
    Instant::now()
}

#[test]
fn what_cannot_be_served_is_said() {
    let run = |options: &[&str]| {
        let output = assert_cmd::Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .arg("serve")
            .args(options)
            .timeout(PATIENCE)
            .output()
            .expect("it ends");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let taken = Endpoint::of_model(&["--quiet"]);
    let port = taken.greeting["port"].to_string();
    for (options, reason) in [
        (&["--model", HAIKU, "--port", &port][..], "hint: `--port 0` takes a free port"),
        (&["missing.yaml"], "the scenario cannot be read"),
        (&["--model", "nobody.knows"], "nobody.knows"),
        (&["--model", HAIKU, "--tokens-per-minute", "lots"], "--tokens-per-minute"),
        (&["--model", HAIKU, "--output-tokens", "{ lognormal: 3 }"], "--output-tokens"),
        (&["--model", HAIKU, "--credential", "x=nobody"], "there are `default`"),
        (&["--model", HAIKU, "--fault", "earthquake=1%"], "model_not_ready"),
        (&["--model", HAIKU, "--fault", "internal=60%", "--fault", "unavailable=60%"], "above 1"),
        (&["--model", HAIKU, "--speed", "0x"], "between 0.01x and 10000x"),
        (&["--model", HAIKU, "--record", "no/such/directory.jsonl"], "cannot write `no/such/directory.jsonl`"),
        (&["--model", HAIKU, "--fault", "internal=1%", "--fault", "internal=2%"], "`internal` is given twice"),
        (&["--model", HAIKU, "--speed", "-3"], "a number cannot be negative"),
        (
            &["--model", HAIKU, "--port", "0", "--host", "192.0.2.1"],
            "hint: `--host` must be an address of this machine",
        ),
        (&["--model", HAIKU, "scenario.yaml"], "cannot be used with"),
        (&["scenario.yaml", "--tokens-per-minute", "200k"], "cannot be used with"),
        (&["scenario.yaml", "--output-tokens", "5"], "cannot be used with"),
        (&[], "quotasim serve [OPTIONS] --model <ID>"),
    ] {
        let (code, said) = run(options);
        assert_eq!(code, Some(2), "{options:?}: {said}");
        assert!(said.contains(reason), "{options:?}: `{reason}` is missing in\n{said}");
        assert!(!said.contains("panicked") && !said.contains("os error"), "{said}");
    }
}
