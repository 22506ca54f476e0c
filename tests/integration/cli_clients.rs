//! `--clients` of `compare` and `sweep`, and what `run` says after a spike, from the command line.

use super::cli_planner::quotasim;
use serde_json::Value;

/// A storm in miniature: two replications, a few minutes, calls that are retried quickly.
const STORM: [&str; 12] = [
    "--replications",
    "2",
    "--set",
    "horizon=12m",
    "--set",
    "spike.at=4m",
    "--set",
    "warmup=1m",
    "--set",
    "slo=[request_failure_rate < 5%]",
    "--quiet",
    "--threads=1",
];

/// What it prints; where no client meets the objectives, the exit code is 1.
fn answer(arguments: &[&str]) -> String {
    let (code, stdout, stderr) = quotasim(arguments);
    assert!(code < 2, "{arguments:?}: {stderr}");
    stdout
}

fn document(arguments: &[&str]) -> Value {
    serde_json::from_str(&answer(arguments)).expect("JSON")
}

#[test]
fn compare_gives_each_client_the_same_requests_and_says_what_changes() {
    let names = "boto3@2.0,boto3@2.1,boto3-adaptive,javascript@2.1,anthropic,none,scenario";
    let arguments = ["compare", "scenarios/retry-storm.yaml", "--clients", names, "--format", "json"];
    let found = document(&[&arguments, &STORM[..]].concat());
    let variants = found["variants"].as_array().expect("a list");
    let told: Vec<&str> = variants.iter().filter_map(|variant| variant["name"].as_str()).collect();
    assert_eq!(told.join(","), names);
    for variant in variants {
        assert_eq!(variant["total"]["counts"]["requests"], variants[0]["total"]["counts"]["requests"]);
        assert!(variant["recovery"]["state"].is_string(), "{variant}");
        assert!(variant["difference"]["attempts_per_request"]["ci95"].is_array());
    }
    // The scenario's own client is the first.
    assert_eq!(variants[6]["total"], variants[0]["total"]);
    assert_eq!(variants[5]["total"]["attempts_per_request"]["mean"], 1.0);
    assert_eq!(
        (&variants[0]["recovery"]["state"], &variants[1]["recovery"]["state"]),
        (&"does_not_recover".into(), &"stable".into())
    );
    let reason = found["recommendation"]["reason"].as_str().expect("a sentence");
    let upgrade = "The new defaults of boto3 (`boto3@2.1` instead of `boto3@2.0`): fewer requests fail (";
    assert!(reason.starts_with(upgrade), "{reason}");
}

#[test]
fn a_client_may_go_to_one_workload_alone() {
    let run = |rest: &[&str]| {
        let arguments = ["compare", "scenarios/noisy-neighbour.yaml", "--clients", "scenario,none", "--format", "json"];
        document(&[&arguments, rest, &["--replications", "2", "--set", "horizon=10m", "--quiet"]].concat())
    };
    let tries = |found: &Value, workload: &str| {
        found["variants"][1]["workloads"][workload]["attempts_per_request"]["mean"].as_f64()
    };
    let (all, one) = (run(&[]), run(&["--workload", "reports"]));
    let names: Vec<&String> = all["variants"][1]["workloads"].as_object().expect("a map").keys().collect();
    for name in names {
        assert_eq!(tries(&all, name), Some(1.0), "{name}");
        let kept = tries(&one, name) == Some(1.0);
        assert_eq!(kept, name == "reports", "{name}: {:?}", tries(&one, name));
    }
}

#[test]
fn every_unknown_client_is_told_with_a_way_out() {
    let storm = "scenarios/retry-storm.yaml";
    let table: [(&[&str], &[&str]); 6] = [
        (
            &["compare", storm, "--clients", "boto3@2.9,boto,javascript-legacy,anthropic@2.1"],
            &[
                "`2.9` is no version of retry behaviour",
                "write `boto3@2.0` or `boto3@2.1`",
                "`boto` is no client",
                "did you mean `boto3`?",
                "`legacy` is no retry mode of that SDK",
                "Anthropic's SDK has neither modes nor versions",
            ],
        ),
        (&["compare", storm, "--clients", "boto3,boto3"], &["names `boto3` twice"]),
        (
            &["compare", storm, "--clients", "boto3,none", "--workload", "caht"],
            &["no workload `caht`", "it has `chat`"],
        ),
        (&["compare", storm, "--clients", "none", "--max-tokens", "1"], &["--clients", "cannot be used with"]),
        (&["sweep", storm, "--vary", "load=1", "--clients", "bot"], &["`bot` is no client"]),
        (&["run", storm, "--set", "workloads.chat.client=boto3@3"], &["`3` is no version of retry behaviour"]),
    ];
    for (arguments, expected) in table {
        let (code, stdout, stderr) = quotasim(arguments);
        assert_eq!((code, stdout.as_str()), (2, ""), "{arguments:?}\n{stderr}");
        for part in expected {
            assert!(stderr.contains(part), "{arguments:?} does not say `{part}`:\n{stderr}");
        }
    }
}

#[test]
fn sweep_draws_a_map_of_states_for_each_client() {
    let directory = tempfile::tempdir().expect("a directory");
    let place = directory.path().to_str().expect("UTF-8");
    let arguments = [
        &["sweep", "scenarios/retry-storm.yaml", "--vary", "load=0.6,1", "--vary", "spike.load=1,3"][..],
        &["--clients", "boto3@2.0,boto3@2.1"],
        &STORM[..],
    ]
    .concat();
    let with = |rest: &[&str]| answer(&[&arguments, rest].concat());

    let text = with(&["-o", place]);
    assert!(text.starts_with("With boto3@2.0: it does not come back by itself at 1 of 4 points."), "{text}");
    assert!(text.contains("With boto3@2.1: the disturbance does no lasting harm at any of 4 points."), "{text}");
    // The states alone, not the shares as well, and what both rest on once.
    assert!(text.contains("load         1         3\n 0.6  stable *  stable *\n   1  stable *      down\n"), "{text}");
    assert!(!text.contains("share of attempts throttled"), "{text}");
    assert_eq!(text.matches("\nassumptions\n").count(), 1, "{text}");
    assert!(text.contains("spike.load 1"), "{text}");
    for client in ["boto3@2.0", "boto3@2.1"] {
        for file in ["sweep.json", "sweep.csv", "report.html", "recovery-map.svg", "recovery-map.png"] {
            assert!(directory.path().join(client).join(file).is_file(), "{client}/{file}");
        }
        let page = std::fs::read_to_string(directory.path().join(client).join("report.html")).expect("it was written");
        assert!(page.contains(&format!("workloads.chat.client={client}")), "{client}: what was run is not said");
    }

    let found: Value = serde_json::from_str(&with(&["--format", "json"])).expect("JSON");
    let states = |client: &str| {
        let points = found["clients"][client]["points"].as_array().expect("a list");
        let grid = points.iter().filter(|point| point["added"] != true);
        grid.map(|point| point["recovery"]["state"].as_str().expect("a state").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states("boto3@2.0"), ["stable", "stable", "stable", "does_not_recover"]);
    assert_eq!(states("boto3@2.1"), ["stable"; 4]);

    let csv = with(&["--format", "csv"]);
    let header: Vec<&str> = csv.lines().next().expect("a header").split(',').collect();
    assert!(header.contains(&"client") && header.contains(&"recovery.state"), "{header:?}");
    assert!(csv.lines().skip(1).all(|line| line.contains("boto3@2.")), "{csv}");
}

#[test]
fn a_run_says_whether_it_comes_back() {
    let run = |client: &str| {
        let client = format!("workloads.chat.client={client}");
        let arguments = [&["run", "scenarios/retry-storm.yaml", "--set", &client][..], &STORM[..]].concat();
        quotasim(&arguments).1.replace('\n', " ")
    };
    let down = "It does not come back by itself after the spike from 4 min to 4.5 min (2 of 2 replications)";
    let storm = run("boto3@2.0");
    assert!(storm.contains(down), "{storm}");
    let calm = run("boto3@2.1");
    assert!(calm.contains("After the spike from 4 min to 4.5 min it comes back by itself"), "{calm}");
}
