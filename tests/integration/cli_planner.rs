//! `compare`, `sweep` and `report` from the command line: answers, exit codes, and what is said of bad input.

use assert_cmd::Command;
use std::path::Path;

const CHAT: &str = "reports/chat-max-tokens/scenario.yaml";
/// Runs too short for a percentile of the latency, so the objective on it goes.
const QUICK: [&str; 8] =
    ["--set", "horizon=4m", "--set", "warmup=1m", "--set", "slo=[attempt_throttle_rate < 1%]", "--replications", "2"];

pub(crate) fn quotasim(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::cargo_bin("quotasim")
        .expect("the binary is built")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(arguments)
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("no signal"), text(output.stdout), text(output.stderr))
}

#[test]
fn bad_input_is_told_with_a_way_out_and_exit_2() {
    let vary = |axes: &'static [&'static str]| {
        let mut all = vec!["sweep", CHAT];
        for axis in axes {
            all.extend(["--vary", axis]);
        }
        all
    };
    let table: [(Vec<&str>, &[&str]); 17] = [
        (vec!["compare", CHAT, "--max-tokens", "512,1000000"], &["--max-tokens", "1,000,000", "64,000"]),
        (vec!["compare", CHAT, "--max-tokens", "0,many"], &["`max_tokens` is 0", "many"]),
        (vec!["compare", CHAT, "--workload", "chatt"], &["no workload `chatt`", "it has `chat`"]),
        (vec!["compare", CHAT, "--variants", "no-such-file.yaml"], &["cannot read variants"]),
        (vec!["compare", "no-such-scenario.yaml"], &["the scenario cannot be read"]),
        (vary(&["workloads.chat.max_tokenz=1,2"]), &["--vary workloads.chat.max_tokenz", "did you mean `max_tokens`?"]),
        (vary(&["workloads.chta.max_tokens=1,2"]), &["did you mean `chat`?"]),
        (vec!["compare", CHAT, "-o", "Cargo.toml", "--max-tokens", "512"], &["cannot make directory `Cargo.toml`"]),
        (vary(&["load=3..1:5"]), &["is empty"]),
        (vary(&["load=1..3:0"]), &["is empty"]),
        (vary(&["load="]), &["no values are given"]),
        (vary(&["load=0..3:4"]), &["`load` is 0"]),
        (vary(&["load=0.5,1", "load=2"]), &["given twice"]),
        (vary(&["load=1", "seed=1,2", "episode=true"]), &["one or two"]),
        (
            vary(&["load=0.25..3:1000", "workloads.chat.max_tokens=1001..2000:1000"]),
            &["a sweep of 1,000,000 points would take about", "--yes"],
        ),
        (
            [vary(&["load=0.25..3:2000"]), vec!["--clients", "boto3,rust,none"]].concat(),
            &["a sweep of 6,000 points would take about", "--yes"],
        ),
        (vec!["report", "no-such-result.json"], &["cannot read `no-such-result.json`: no such file"]),
    ];
    for (arguments, expected) in table {
        let (code, stdout, stderr) = quotasim(&arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}\n{stderr}");
        for part in expected {
            assert!(stderr.contains(part), "{arguments:?} does not say `{part}`:\n{stderr}");
        }
    }
}

#[test]
fn compare_answers_in_json_with_the_keys_of_the_contract() {
    let arguments = [&["compare", CHAT, "--max-tokens", "4096,unset", "--format", "json"], &QUICK[..]].concat();
    let (code, stdout, stderr) = quotasim(&arguments);
    assert_eq!(code, 0, "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    for key in ["schema_version", "quotasim_version", "scenario", "seed", "replications", "horizon_s", "warmup_s"] {
        assert!(!document[key].is_null(), "{key}");
    }
    let variants = document["variants"].as_array().expect("a list");
    assert_eq!(variants[0]["name"], "4096");
    assert_eq!(variants[0]["max_tokens"], 4_096);
    assert!(variants[1]["max_tokens"].is_null());
    assert!(variants[1]["total"]["attempt_throttle_rate"]["mean"].is_number());
    assert!(variants[1]["workloads"]["chat"]["latency_ms"]["p50"].is_number());
    assert!(variants[1]["difference"]["attempt_throttle_rate"]["ci95"].is_array());
    let recommendation = &document["recommendation"];
    assert_eq!(recommendation["variant"], "4096");
    assert!(recommendation["reason"].as_str().is_some_and(|reason| reason.contains("Take max_tokens 4,096")));
    let holds = recommendation["holds_under"].as_object().expect("a map");
    assert_eq!(holds.len(), 7);
    assert!(holds.values().all(serde_json::Value::is_boolean));
    let tried = recommendation["tried"].as_array().expect("a list");
    assert_eq!(tried.len(), 7);
    for each in tried {
        assert_eq!(holds[each["assumption"].as_str().expect("a key")], each["holds"]);
        assert!(each["attempt_throttle_rate"]["mean"].is_number(), "{each}");
    }
}

#[test]
fn nothing_that_meets_is_exit_1() {
    let arguments = [&["compare", CHAT, "--max-tokens", "unset", "--set", "load=4", "--quiet"], &QUICK[..]].concat();
    let (code, stdout, _) = quotasim(&arguments);
    assert_eq!(code, 1);
    assert!(stdout.contains("times the quota"), "{stdout}");
}

#[test]
fn what_is_too_short_to_measure_is_said() {
    let mut arguments = vec!["compare", CHAT, "--max-tokens", "4096", "--replications", "2", "--quiet"];
    arguments.extend(["--set", "horizon=4m", "--set", "warmup=1m"]);
    let (code, stdout, _) = quotasim(&arguments);
    assert_eq!(code, 1);
    // Lines are broken anywhere.
    let said = stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("`latency_ms.p99 < 60s` has too few answers to be measured on"), "{said}");
    assert!(said.contains("lengthen `horizon` or raise `--replications`"), "{said}");
}

#[test]
fn named_variants_are_compared_with_the_first() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("variants.yaml");
    std::fs::write(&file, "as it is: {}\ntwice: { pools: { sonnet: { tokens_per_minute: 800_000 } } }\n")
        .expect("written");
    let file = file.display().to_string();
    let arguments = [&["compare", CHAT, "--variants", &file, "--format", "json"], &QUICK[..]].concat();
    let (code, stdout, stderr) = quotasim(&arguments);
    assert!(code < 2, "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(document["variants"][1]["name"], "twice");
    let difference = document["variants"][1]["difference"]["attempt_throttle_rate"]["mean"].as_f64();
    assert!(difference.is_some_and(|difference| difference < 0.0), "{difference:?}");

    for (text, expected) in [
        ("typo: { pools: { sonet: {} } }\n", "did you mean `sonnet`?"),
        ("other luck: { seed: 3 }\n", "variant `other luck` changes `seed`, which all variants share"),
        ("longer: { horizon: 3h }\n", "variant `longer` changes `horizon`"),
        ("easier: { slo: [] }\n", "variant `easier` changes `slo`"),
        ("[]\n", "there are no variants"),
    ] {
        std::fs::write(directory.path().join("variants.yaml"), text).expect("written");
        let (code, _, stderr) = quotasim(&["compare", CHAT, "--variants", &file]);
        assert_eq!(code, 2, "{text}");
        assert!(stderr.contains(expected), "{text}: {stderr}");
    }
}

#[test]
fn equal_values_and_a_trace_with_limits_of_its_own_are_noted() {
    let (_, _, stderr) = quotasim(&[&["compare", CHAT, "--max-tokens", "4k,4000,4_000"], &QUICK[..]].concat());
    assert!(stderr.contains("of the 3 values given some are equal, and each is run once: 1"), "{stderr}");

    let directory = tempfile::tempdir().expect("a directory");
    let rows = "t,in,out,max\n0,100,10,50\n1,100,10,500\n";
    std::fs::write(directory.path().join("rows.csv"), rows).expect("written");
    let text = "{ version: 1, pools: { p: { model: us.amazon.nova-lite-v1:0 } }, workloads: { w: { pool: p, arrivals: { \
                trace: { file: rows.csv, time: t, time_unit: s, input_tokens: in, output_tokens: out, max_tokens: max } } } } }";
    let scenario = directory.path().join("traced.yaml");
    std::fs::write(&scenario, text).expect("written");
    let (_, _, stderr) = quotasim(&["compare", &scenario.display().to_string(), "--max-tokens", "100,200"]);
    assert!(stderr.contains("has a `max_tokens` of its own in its rows"), "{stderr}");
}

#[test]
fn what_takes_very_long_is_announced_before_it_starts() {
    // An interrupted run is the only one a test can wait for.
    let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["run", CHAT, "--set", "horizon=30d", "--set", "workloads.chat.arrivals.gamma.rate=1_000_000/s"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("the command starts");
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stderr.take().expect("piped")), &mut line)
        .expect("it says something");
    child.kill().expect("it runs still");
    child.wait().expect("it ended");
    assert!(line.contains("warning: this simulates about 25.9T requests and will take about "), "{line}");
}

#[test]
fn sweep_answers_in_json_and_csv() {
    let sweep = ["sweep", CHAT, "--vary", "workloads.chat.max_tokens=1024,unset", "--vary", "load=0.5,1"];
    let (code, stdout, stderr) = quotasim(&[&sweep[..], &["--format", "json"], &QUICK[..]].concat());
    assert_eq!(code, 0, "{stderr}");
    let document: serde_json::Value = serde_json::from_str(&stdout).expect("JSON");
    assert_eq!(document["axes"][0]["path"], "load");
    assert_eq!(document["points"][0]["at"]["load"], 0.5);
    assert_eq!(document["points"][0]["at"]["workloads.chat.max_tokens"], 1_024);
    assert!(document["points"][0]["total"]["attempt_throttle_rate"]["mean"].is_number());
    assert_eq!(document["knees"].as_array().map(Vec::len), Some(2));
    assert!(document["knees"][0]["load"].as_f64().is_some_and(|load| load > 1.0));
    let (_, csv, _) = quotasim(&[&sweep[..], &["--format", "csv"], &QUICK[..]].concat());
    assert!(csv.starts_with("load,workloads.chat.max_tokens,replications,meets,attempt_throttle_rate,"), "{csv}");
}

fn files(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry").path());
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            (name, std::fs::read(&path).expect("readable"))
        })
        .collect();
    files.sort();
    files
}

#[test]
fn report_draws_a_saved_result_again_to_the_byte() {
    let directory = tempfile::tempdir().expect("a directory");
    for (verb, more, saved) in [
        ("run", &[][..], "summary.json"),
        ("compare", &["--max-tokens", "unset,2048"][..], "compare.json"),
        ("sweep", &["--vary", "load=0.5,1"][..], "sweep.json"),
    ] {
        let (first, again) = (directory.path().join(verb), directory.path().join(format!("{verb}-again")));
        let (first_name, again_name) = (first.display().to_string(), again.display().to_string());
        let (code, stdout, stderr) = quotasim(&[&[verb, CHAT, "-o", &first_name], more, &QUICK[..]].concat());
        assert!(code < 2, "{stderr}");
        let result = first.join(saved).display().to_string();
        let (code, repeated, stderr) = quotasim(&["report", &result, "-o", &again_name]);
        assert_eq!(code, 0, "{stderr}");
        assert_eq!(repeated, stdout);
        assert!(files(&first) == files(&again), "{verb} is drawn otherwise from its file");
        let (_, markdown, _) = quotasim(&["report", &result, "--format", "markdown"]);
        assert!(markdown.starts_with("**") && markdown.contains("--:|"), "{markdown}");
    }
    let (code, _, stderr) = quotasim(&["report", CHAT]);
    assert_eq!(code, 2);
    assert!(stderr.contains("is no result to draw"), "{stderr}");
}
