//! `quotasim calibrate` as its users meet it: from files of records to a scenario that runs, and back.

use crate::support;
use assert_cmd::Command;
use flate2::Compression;
use flate2::write::GzEncoder;
use quotasim::model::Distribution;
use quotasim::random::{Key, Purpose, Sampler};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use tempfile::TempDir;

/// A directory, and the command run in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        Desk(TempDir::new().expect("a temporary directory"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn run(&self, line: &str) -> Said {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .args(line.split_whitespace())
            .current_dir(&self.0)
            .output()
            .expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Runs a command that must end with 0 and print one JSON document.
    fn json(&self, line: &str) -> Value {
        let said = self.run(line);
        assert_eq!(said.code, Some(0), "{line}\n{}", said.stderr);
        serde_json::from_str(&said.stdout).unwrap_or_else(|error| panic!("{error}\n{}", said.stdout))
    }
}

struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

const HAIKU: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// A line of an invocation log: a Converse call of `App-{caller}` with these tokens, and a secret in its bodies.
fn log_line(second: f64, caller: u64, input: u64, output: u64, max_tokens: u64) -> String {
    let cut = output > max_tokens;
    let (output, reason) = if cut { (max_tokens, "max_tokens") } else { (output, "end_turn") };
    let latency = 700 + output * 10;
    let nanoseconds = 1_772_442_000_000_000_000 + (second * 1e9) as i128;
    let at = jiff::Timestamp::from_nanosecond(nanoseconds).expect("a time");
    format!(
        r#"{{"schemaType":"ModelInvocationLog","schemaVersion":"1.0","timestamp":"{at}","accountId":"111122223333","identity":{{"arn":"arn:aws:sts::111122223333:assumed-role/App-{caller}/i"}},"region":"us-east-1","requestId":"r","operation":"Converse","modelId":"{HAIKU}","input":{{"inputContentType":"application/json","inputBodyJson":{{"messages":[{{"role":"user","content":[{{"text":"my secret"}}]}}],"inferenceConfig":{{"maxTokens":{max_tokens}}}}},"inputTokenCount":{input}}},"output":{{"outputContentType":"application/json","outputBodyJson":{{"output":{{"message":{{"content":[{{"text":"my secret"}}]}}}},"stopReason":"{reason}","metrics":{{"latencyMs":{latency}}},"usage":{{"inputTokens":{input},"outputTokens":{output},"totalTokens":{total}}}}},"outputTokenCount":{output}}}}}"#,
        total = input + output,
    )
}

/// Writes a tree as S3 has it: two callers over two hours, lognormal tokens, a file of ten minutes each, compressed.
fn log_tree(desk: &Desk) {
    let key = |purpose| Key::new(6, 0, 0, purpose);
    let law = |median: f64, sigma: f64| Sampler::new(&Distribution::LogNormal { mu: median.ln(), sigma });
    let (inputs, outputs) = (law(900.0, 0.7), law(150.0, 0.8));
    let root = desk.path("logs/AWSLogs/111122223333/BedrockModelInvocationLogs/us-east-1/2026/03/02");
    std::fs::create_dir_all(root.join("09/data")).expect("a tree");
    std::fs::write(root.join("09/data/r_input.json.gz"), "a body that is no record").expect("a body");
    std::fs::write(desk.path("logs/amazon-bedrock-logs-permission-check"), "").expect("a check");
    let mut second = 0.0;
    let mut number = 0;
    for part in 0..12 {
        let mut text = String::new();
        while second < f64::from(part + 1) * 600.0 {
            let caller = u64::from(number % 4 == 0);
            let input = inputs.sample(key(Purpose::Input).bits(number)).round() as u64;
            let output = outputs.sample(key(Purpose::Output).bits(number)).round().max(1.0) as u64;
            writeln!(text, "{}", log_line(second, caller, input, output, 400)).expect("memory");
            // Exponential gaps of 0.9 s.
            second -= 0.9 * (1.0 - (key(Purpose::Arrival).bits(number) >> 11) as f64 / 9_007_199_254_740_992.0).ln();
            number += 1;
        }
        if part == 3 {
            text.push_str("{\"schemaType\":\"ModelInvocationLog\",\"my secret\n");
        }
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).expect("memory");
        let bytes = packed.finish().expect("memory");
        std::fs::write(root.join(format!("09/{part:02}.json.gz")), bytes).expect("a file");
    }
}

#[test]
fn a_log_of_known_laws_gives_them_back() {
    let desk = Desk::new();
    log_tree(&desk);
    let result = desk.json("calibrate logs logs --format json -o out");
    let workloads = result["workloads"].as_array().expect("workloads");
    let names: Vec<&str> = workloads.iter().map(|workload| workload["name"].as_str().expect("a name")).collect();
    assert_eq!(names, ["app-0", "app-1"]);
    for workload in workloads {
        assert!(workload["input_tokens"]["ks"].as_f64() < Some(0.02), "{workload:#}");
        assert!(workload["output_tokens"]["ks"].as_f64() < Some(0.02), "{workload:#}");
        assert_eq!(workload["input_tokens"]["family"], "lognormal");
        // max_tokens of 400 cuts what is longer; the law is of the natural lengths all the same.
        let p99 =
            workload["output_tokens"]["quantiles"].as_array().expect("quantiles").iter().find(|q| q["share"] == 0.99);
        let fitted = p99.expect("p99")["fitted"].as_f64().expect("a number");
        assert!((fitted / (150.0 * (0.8_f64 * 2.326).exp()) - 1.0).abs() < 0.2, "{fitted}");
        assert_eq!(workload["max_tokens"]["scenario"], 400);
    }
    let rate = |index: usize| workloads[index]["arrivals"]["requests_per_minute"].as_f64().expect("a rate");
    assert!((rate(0) / 50.0 - 1.0).abs() < 0.06 && (rate(1) / 16.7 - 1.0).abs() < 0.1, "{} {}", rate(0), rate(1));
    assert_eq!(workloads[0]["arrivals"]["candidates"][0]["kind"], "poisson");
    assert_eq!(result["reading"]["unused"].as_object().expect("reasons").len(), 1);
    // What comes out runs, and nothing of a prompt or answer is in any of it.
    let check = desk.run("check out/scenario.yaml");
    assert_eq!(check.code, Some(0), "{}", check.stderr);
    let run = desk.json("run out/scenario.yaml --format json --set replications=2 --set horizon=10m");
    assert!(run["total"]["counts"]["succeeded"].as_u64() > Some(500));
    for entry in std::fs::read_dir(desk.path("out")).expect("a directory") {
        let path = entry.expect("an entry").path();
        let bytes = std::fs::read(&path).expect("a file");
        assert!(!String::from_utf8_lossy(&bytes).contains("secret"), "{}", path.display());
    }
    let charts = std::fs::read_dir(desk.path("out")).expect("a directory").count();
    assert!(charts > 10, "{charts} files");
}

#[test]
fn threads_and_the_order_of_files_change_no_byte() {
    let desk = Desk::new();
    log_tree(&desk);
    let one = desk.run("calibrate logs logs --threads 1 --format json");
    let four = desk.run("calibrate logs logs --threads 4 --format json");
    assert_eq!(one.code, Some(0), "{}", one.stderr);
    assert!(one.stdout == four.stdout, "threads changed the result");
}

#[test]
fn a_simulation_calibrates_to_itself() {
    let desk = Desk::new();
    let scenario = format!(
        "version: 1\nname: loop\nhorizon: 1h\nwarmup: 2m\nreplications: 3\npools:\n  haiku:\n    model: {HAIKU}\n    \
         tokens_per_minute: 200k\n    requests_per_minute: none\nworkloads:\n  triage:\n    pool: haiku\n    arrivals: {{ \
         gamma: {{ rate: 130/min, cv: 2 }} }}\n    input_tokens: {{ lognormal: {{ median: 600, p95: 2400 }} }}\n    \
         output_tokens: {{ lognormal: {{ median: 150, p95: 600 }} }}\n    max_tokens: 8000\n    client: none\n"
    );
    desk.write("loop.yaml", &scenario);
    let truth = desk.json("run loop.yaml --format json --requests attempts.csv");
    let truth = truth["total"]["attempt_throttle_rate"]["mean"].as_f64().expect("a rate");
    assert!(truth > 0.15, "there is something to find again: {truth}");
    let calibrate = format!(
        "calibrate usage attempts.csv --max-tokens 8000 --model {HAIKU} --tokens-per-minute 200k --requests-per-minute \
         none --client none -o out"
    );
    let said = desk.run(&calibrate);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("attempts.csv") || said.stdout.contains("another replication"), "{}", said.stdout);
    let again = desk.json("run out/scenario.yaml --format json --set replications=3");
    let again = again["total"]["attempt_throttle_rate"]["mean"].as_f64().expect("a rate");
    // One replication of an hour is what was seen; its own throttle rate varies by some points.
    assert!((again - truth).abs() < 0.05, "{again} where it was {truth}");
}

#[test]
fn an_azure_trace_is_fitted_in_seconds() {
    let Some(trace) = support::trace("AzureLLMInferenceTrace_code.csv") else { return };
    let desk = Desk::new();
    let result = desk.json(&format!("calibrate usage {} --format json -o out", trace.display()));
    let workload = &result["workloads"][0];
    assert_eq!(workload["totals"]["answered"], 8_819);
    assert!(workload["input_tokens"]["ks"].as_f64() < Some(0.03), "{}", workload["input_tokens"]["ks"]);
    assert!(workload["output_tokens"]["ks"].as_f64() < Some(0.02), "{}", workload["output_tokens"]["ks"]);
    assert!((workload["correlation"].as_f64().expect("one") + 0.02).abs() < 0.02);
    // Bursts with pauses of many seconds: a minute's counts spread some hundred times as much as independent ones.
    let dispersion = workload["arrivals"]["dispersion"].as_array().expect("a curve");
    let minute = dispersion.iter().find(|row| row["window_s"] == 60).expect("a minute");
    let (seen, fitted) = (minute["observed"].as_f64().expect("one"), minute["fitted"].as_f64().expect("one"));
    assert!(seen > 20.0 && (fitted / seen).ln().abs() < 1.0, "{seen} as {fitted}");
    assert_eq!(desk.run("check out/scenario.yaml").code, Some(0));
}

#[test]
fn claude_code_sessions_are_fitted_in_seconds() {
    let Some(trace) = support::trace("claude_code_weka_compact.csv.gz") else { return };
    let desk = Desk::new();
    let result = desk.json(&format!("calibrate usage {} --format json --workloads 1 -o out", trace.display()));
    // Models have quotas of their own, so their workloads stay apart: the busiest tells.
    let workloads = result["workloads"].as_array().expect("workloads");
    let workload = workloads.iter().max_by_key(|one| one["totals"]["attempts"].as_u64()).expect("one");
    for law in ["input_tokens", "output_tokens"] {
        assert!(workload[law]["ks"].as_f64() < Some(0.03), "{law}: {}", workload[law]["ks"]);
    }
    assert!(
        (workload["cached_share"].as_f64().expect("a share") - 0.9615).abs() < 0.01,
        "{}",
        workload["cached_share"]
    );
    let sessions = &workload["arrivals"]["sessions"];
    assert!(sessions["think_time"]["ks"].as_f64() < Some(0.05), "{}", sessions["think_time"]["ks"]);
    assert_eq!(workload["arrivals"]["relative"], true);
    assert!(workload["latency"]["ks"].as_f64() < Some(0.2), "{}", workload["latency"]["ks"]);
    assert_eq!(desk.run("check out/scenario.yaml").code, Some(0));
}

#[test]
fn the_true_limiter_is_named_from_a_recording() {
    let desk = Desk::new();
    desk.write("recording.jsonl", &bucket_of_ten_seconds());
    let line = "calibrate backtest recording.jsonl --tokens-per-minute 120k --requests-per-minute none -o out";
    let said = desk.run(line);
    assert_eq!(said.code, Some(0), "{}", said.stderr);
    assert!(said.stdout.contains("bucket of 10 s") && said.stdout.contains("burst_seconds: 10"), "{}", said.stdout);
    let result: Value =
        serde_json::from_slice(&std::fs::read(desk.path("out/backtest.json")).expect("a result")).expect("JSON");
    assert_eq!(result["readings"][0]["name"], "bucket of 10 s");
    assert_eq!(result["readings"][0]["hits"], 1.0);
    let default = result["readings"].as_array().expect("readings").iter().find(|one| one["default"] == true);
    assert_eq!(default.expect("the default")["ruled_out"], true);
    assert!(desk.path("out/backtest.png").exists() && desk.path("out/backtest.csv").exists());
}

#[test]
fn refusals_that_only_cloudwatch_counted_are_replayed_too() {
    let desk = Desk::new();
    let recording = bucket_of_ten_seconds();
    let (refused, answered): (Vec<&str>, Vec<&str>) = recording.lines().partition(|line| line.contains("throttled"));
    desk.write("answered.jsonl", &(answered.join("\n") + "\n"));
    let mut minutes = std::collections::BTreeMap::new();
    for line in &refused {
        let row: Value = serde_json::from_str(line).expect("JSON");
        *minutes.entry(row["time"].as_str().expect("a time")[..16].to_owned()).or_insert(0) += 1;
    }
    let mut table = "Timestamp,InvocationThrottles\n".to_owned();
    for (minute, count) in &minutes {
        writeln!(table, "{minute}:00Z,{count}").expect("memory");
    }
    desk.write("throttles.csv", &table);
    let line = "calibrate backtest answered.jsonl --tokens-per-minute 120k --requests-per-minute none --seen";
    let result = desk.json(&format!("{line} throttles.csv --format json --quiet"));
    assert_eq!((&result["counts_only"], &result["refused"]), (&true.into(), &refused.len().into()));
    let counted: u64 =
        result["minutes"].as_array().expect("minutes").iter().filter_map(|minute| minute["refused"].as_u64()).sum();
    assert_eq!(counted, refused.len() as u64);
    let said = desk.run(&format!("{line} missing.csv"));
    assert!(said.code == Some(2) && said.stderr.contains("missing.csv"), "{}", said.stderr);
}

/// Calls of 2,130 reserved tokens in bursts, on a bucket of 20,000 that refills at 2,000 a second; an answer of 100
/// tokens at burndown 5 takes a second. No level is ever exactly what a call reserves, which rounding would decide.
fn bucket_of_ten_seconds() -> String {
    let mut text = String::new();
    let (mut level, mut last) = (20_000.0_f64, 0.0);
    let mut open: Vec<f64> = Vec::new();
    for i in 0..1_200_u32 {
        let at = f64::from(i / 12) * 11.0 + f64::from(i % 12) * 0.05;
        while let Some(&ends) = open.first().filter(|&&ends| ends <= at) {
            level = (level + 2_000.0 * (ends - last)).min(20_000.0);
            // A refund of what was reserved and not charged.
            level = (level + 2_130.0 - (130.0 + 5.0 * 100.0)).min(20_000.0);
            last = ends;
            open.remove(0);
        }
        level = (level + 2_000.0 * (at - last)).min(20_000.0);
        last = at;
        let admitted = level >= 2_130.0;
        let time = jiff::Timestamp::from_nanosecond(1_772_442_000_000_000_000 + (at * 1e9) as i128).expect("a time");
        let (outcome, limit, output, latency) = if admitted {
            ("succeeded", "null", "100", "1000")
        } else {
            ("throttled", "\"tokens_per_minute\"", "0", "5")
        };
        writeln!(
            text,
            r#"{{"time":"{time}","model":"{HAIKU}","workload":"w","outcome":"{outcome}","limit":{limit},"input_tokens":130,"output_tokens":{output},"max_tokens":2000,"latency_ms":{latency}}}"#
        )
        .expect("memory");
        if admitted {
            level -= 2_130.0;
            open.push(at + 1.0);
        }
    }
    text
}

#[test]
fn what_is_wrong_with_a_file_is_said_with_a_way_out() {
    let desk = Desk::new();
    desk.write("odd.csv", "when,in,out\n1,2,3\n");
    desk.write("empty.jsonl", "");
    std::fs::create_dir(desk.path("none")).expect("a directory");
    desk.write("nothing.jsonl", "{\"a\":1}\n");
    desk.write("apart.csv", "time,input,output\n1970-01-02T00:00:00Z,1,2\n2026-01-02T00:00:00Z,1,2\n");
    desk.write("ancient.csv", "time,input,output\n1700-01-02T00:00:00Z,1,2\n");
    for (line, words) in [
        ("calibrate usage odd.csv", "--column time=NAME"),
        ("calibrate usage empty.jsonl", "empty"),
        ("calibrate usage nothing.jsonl", "no column was recognised"),
        ("calibrate usage missing.csv", "cannot read `missing.csv`"),
        ("calibrate logs .", "error: no answered request"),
        ("calibrate logs .", "`quotasim calibrate usage` reads other records"),
        ("calibrate usage none", "searched for .jsonl"),
        ("calibrate logs none", "searched for .json"),
        ("calibrate usage apart.csv --model nope", "`nope` is not in the catalogue"),
        ("calibrate usage apart.csv --max-tokens 0", "0 is not in 1..="),
        ("calibrate usage apart.csv --tokens-per-minute 0", "a quota is positive"),
        ("calibrate usage odd.csv --column inputs=in", "`inputs` is none of"),
        ("calibrate logs odd.csv --by team", "metadata:KEY"),
        ("calibrate usage ancient.csv", "its time is missing or unreadable"),
        ("calibrate usage apart.csv --client boto", "did you mean `boto3`"),
        ("calibrate backtest nothing.jsonl", "no column was recognised"),
        ("calibrate backtest apart.csv --tokens-per-minute 1M", "two years apart"),
    ] {
        let said = desk.run(line);
        assert_eq!(said.code, Some(2), "{line}\n{}\n{}", said.stdout, said.stderr);
        assert!(said.stderr.contains(words), "{line}: {}", said.stderr);
        assert!(said.stdout.is_empty(), "{line}: {}", said.stdout);
    }
}

#[test]
fn a_wrong_year_and_a_caller_without_answers_are_told_of_and_change_no_rate() {
    let desk = Desk::new();
    let mut log: String = (0..1_200).map(|call| log_line(f64::from(call) * 3.0, 1, 900, 150, 4_096) + "\n").collect();
    let refused = |line: String| line.replacen('{', "{\"errorCode\":\"ThrottlingException\",", 1);
    log += &(0..5).map(|call| refused(log_line(f64::from(call), 2, 900, 150, 4_096)) + "\n").collect::<String>();
    desk.write("right.json", &log);
    desk.write("wrong.json", &(log + &log_line(-27.0 * 365.25 * 86_400.0, 1, 900, 150, 4_096)));
    let [right, wrong] =
        ["right.json", "wrong.json"].map(|file| desk.json(&format!("calibrate logs {file} --format json")));
    let rate = |calibrated: &Value| calibrated["workloads"][0]["arrivals"]["requests_per_minute"].clone();
    assert_eq!(rate(&wrong), rate(&right));
    assert_eq!(wrong["workloads"][0]["totals"]["attempts"], 1_201);
    let notes = wrong["notes"].to_string();
    assert!(notes.contains("1 attempt is far from all others in time (1999-03-02"), "{notes}");
    assert!(notes.contains("leaves out 5 attempts of a caller that never got an answer"), "{notes}");
}

#[test]
fn no_limit_is_advised_that_cuts_more_than_the_one_in_use() {
    let desk = Desk::new();
    let law = Sampler::new(&Distribution::LogNormal { mu: 5.0, sigma: 0.9 });
    let length = |call: u64| law.sample(Key::new(8, 0, 0, Purpose::Output).bits(call)).round().max(1.0) as u64;
    let line = |call: u64| log_line(call as f64 * 2.0, 1, 900, length(call), 1_024) + "\n";
    desk.write("tight.json", &(0..4_000).map(line).collect::<String>());
    let said = desk.run("calibrate logs tight.json --quiet").stdout.replace('\n', " ");
    // ln 1,024 is 2.15 standard deviations above the median: 1.6 % are cut, and p99 lies beyond.
    assert!(said.contains("max_tokens of 1,024 for app-1 cuts 1."), "{said}");
    assert!(said.contains("of the answers; by the law, 1,"), "{said}");
    assert!(said.contains("(p99, by the law) cuts 1%"), "{said}");
}

#[test]
fn the_answer_fits_a_screen_of_80_columns() {
    let desk = Desk::new();
    log_tree(&desk);
    desk.write("recording.jsonl", &bucket_of_ten_seconds());
    for line in ["calibrate logs logs", "calibrate backtest recording.jsonl --tokens-per-minute 120k"] {
        let said = desk.run(line);
        assert_eq!(said.code, Some(0), "{}", said.stderr);
        let wide: Vec<&str> = said.stdout.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(wide.is_empty(), "{wide:#?}");
    }
}

#[test]
fn a_policy_allows_the_model_and_nothing_else() {
    let policy =
        Desk::new().json(&format!("calibrate iam-policy --model {HAIKU} --region us-east-1 --account 111122223333"));
    let text = policy.to_string();
    assert!(text.contains("arn:aws:bedrock:us-east-1:111122223333:inference-profile/us.anthropic"), "{text}");
    assert!(text.contains("bedrock:InvokeModelWithResponseStream") && !text.contains("\"bedrock:*\""), "{text}");
}
