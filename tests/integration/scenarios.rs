//! The shipped scenarios: each is read, obeys the committed schema, runs, and says what its head promises.
//!
//! `UPDATE_SCHEMA=1` rewrites `scenarios/schema.json`, `INSTA_UPDATE=always` the pinned summaries.

use assert_cmd::Command;
use quotasim::analysis::Summary;
use quotasim::analysis::recovery::State;
use quotasim::model::{QuotaName, Scenario};
use quotasim::planner::{self, Silent};
use quotasim::report;
use quotasim::report::text::Style;
use quotasim::spec::catalog::Catalog;
use quotasim::spec::{self, Files, Loaded};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

const SCHEMA_LINE: &str = "# yaml-language-server: $schema=./schema.json";

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")
}

/// Files that scenarios name, from where the scenarios are.
struct Shipped;

impl Files for Shipped {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        fs::read(directory().join(path))
    }
}

/// Every shipped scenario, by name.
fn shipped() -> Vec<(String, String)> {
    let entries = fs::read_dir(directory()).expect("the scenarios are there");
    let names = entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("an ASCII name"));
    let mut names: Vec<String> = names.filter(|name| name.strip_suffix(".yaml").is_some()).collect();
    names.sort();
    assert_eq!(names.len(), 20, "{names:?}");
    names.into_iter().map(|name| (name.clone(), text(&name))).collect()
}

fn text(file: &str) -> String {
    fs::read_to_string(directory().join(file)).expect("a shipped file")
}

fn load(file: &str, overrides: &[(&str, &str)]) -> Loaded {
    let overrides: Vec<(String, String)> = overrides.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
    match spec::read(&text(file), file, &overrides, &Shipped, Catalog::embedded()) {
        Ok(loaded) => loaded,
        Err(problems) => panic!("{problems}"),
    }
}

fn run(file: &str, overrides: &[(&str, &str)]) -> Summary {
    planner::replicate(&load(file, overrides).scenario, &Silent).expect("nobody stops it").summary
}

/// Changes that make a scenario a matter of a second in a test.
fn short(file: &str) -> Vec<(&'static str, &'static str)> {
    let mut changes = vec![("replications", "2")];
    match file {
        "agentic-coding.yaml" => changes.extend([("horizon", "1h"), ("warmup", "30m")]),
        "batch-and-chat.yaml" => changes.extend([("horizon", "30m"), ("workloads.batch.arrivals.cron.count", "5000")]),
        "code-completion.yaml" => changes.push(("horizon", "30m")),
        "daily-quota.yaml" | "launch-day.yaml" => changes.push(("load", "0.2")),
        "runtime-vs-mantle.yaml" | "burndown-5x-10x-15x.yaml" | "retry-storm.yaml" => changes.push(("horizon", "15m")),
        "noisy-neighbour.yaml" | "sdk-upgrade.yaml" | "two-regions.yaml" => changes.push(("horizon", "35m")),
        "webhook-fanout.yaml" | "sub-agents.yaml" => changes.push(("horizon", "2h")),
        _ => {}
    }
    changes
}

#[test]
fn each_names_the_schema_then_its_question_then_its_sources() {
    for (file, text) in shipped() {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some(SCHEMA_LINE), "{file}");
        assert_eq!(lines.next(), Some("#"), "{file}");
        let head: Vec<&str> = lines.take_while(|line| line.starts_with('#')).collect();
        assert!(head[0].starts_with("# Question: "), "{file}: {}", head[0]);
        for part in ["# Answer: ", "# Sources"] {
            assert!(head.iter().any(|line| line.starts_with(part)), "{file} has no `{part}`");
        }
        assert!(text.lines().all(|line| line.chars().count() <= 120), "{file} has a line too long");
        assert!(!load(&file, &[]).scenario.slo.is_empty(), "{file} has no objective");
    }
}

#[test]
fn none_has_a_problem_and_the_warnings_are_known() {
    let mut said = String::new();
    for (file, _) in shipped() {
        let loaded = load(&file, &[]);
        let _ = writeln!(said, "== {file}");
        loaded.warnings.iter().for_each(|warning| said.push_str(&warning.to_string()));
    }
    insta::assert_snapshot!("warnings", said);
}

#[test]
fn the_committed_schema_is_current() {
    let path = directory().join("schema.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&spec::schema()).expect("JSON"));
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        fs::write(&path, &current).expect("the schema can be written");
    }
    let committed = fs::read_to_string(&path).expect("the schema is there");
    assert!(committed == current, "scenarios/schema.json is old: run this test with UPDATE_SCHEMA=1");
}

#[test]
fn the_schema_accepts_every_scenario_and_refuses_broken_ones() {
    let schema: Value = serde_json::from_str(&text("schema.json")).expect("JSON");
    let validator = jsonschema::validator_for(&schema).expect("a schema");
    let read = |text: &str| -> Value { serde_yaml::from_str(text).expect("YAML") };
    for (file, text) in shipped() {
        let document = read(&text);
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{file}: {errors:#?}");
    }
    let good = text("classifier-100.yaml");
    for (from, to) in [
        ("version: 1", "versoin: 1"),
        ("rate: 10/s", "rate: 10"),
        ("gamma:", "gama:"),
        ("max_tokens: 100", "max_tokens: many"),
        ("    input_tokens: 42\n", "    input_tokens: [42]\n"),
        ("    pool: haiku\n", ""),
        ("tokens_per_minute: 200k", "tokens_per_minute: -1"),
    ] {
        let broken = good.replace(from, to);
        assert_ne!(broken, good, "{from}");
        assert!(!validator.is_valid(&read(&broken)), "the schema accepts `{to}`");
    }
}

#[test]
fn each_runs_and_keeps_its_books_on_any_number_of_threads() {
    for (file, _) in shipped() {
        let scenario = load(&file, &short(&file)).scenario;
        let [one, four] = [1, 4].map(|threads| json_on(threads, &scenario));
        assert!(one == four, "{file}: the result depends on the number of threads");
        let document: Value = serde_json::from_str(&one).expect("JSON");
        for key in [
            "schema_version",
            "quotasim_version",
            "scenario",
            "seed",
            "replications",
            "horizon_s",
            "warmup_s",
            "assumptions",
            "warnings",
            "slo",
            "total",
            "pools",
            "workloads",
        ] {
            assert!(document.get(key).is_some(), "{file}: no `{key}`");
        }
        assert_eq!(document["scenario"], file.trim_end_matches(".yaml"));
        assert_eq!(document["slo"].as_array().map(Vec::len), Some(scenario.slo.len()), "{file}");
        books(&file, "total", &document["total"]);
        for part in ["pools", "workloads"] {
            for (name, metrics) in document[part].as_object().expect("a map of names") {
                books(&file, name, metrics);
                let pool_only = metrics.get("reservation_waste").is_some();
                assert_eq!(pool_only, part == "pools", "{file}: {name}");
            }
        }
    }
}

fn json_on(threads: usize, scenario: &Scenario) -> String {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
    let run = pool.install(|| planner::replicate(scenario, &Silent)).expect("nobody stops it");
    report::json::summary(&run.summary)
}

/// What holds of every ledger and every count.
fn books(file: &str, name: &str, metrics: &Value) {
    let number = |path: &str| {
        let value = metrics.pointer(path).and_then(Value::as_u64);
        value.unwrap_or_else(|| panic!("{file}: {name} has no whole number at {path}"))
    };
    for key in [
        "offered_requests_per_minute",
        "offered_tokens_per_minute",
        "attempts_per_request",
        "attempt_throttle_rate",
        "request_throttle_rate",
        "request_failure_rate",
        "truncation_rate",
        "quota_truncation_rate",
        "goodput_requests_per_minute",
        "goodput_output_tokens_per_minute",
        "latency_ms",
        "ttft_ms",
        "wait_ms",
        "throttles_by_limit",
        "in_flight",
        "cost_usd_per_hour",
    ] {
        assert!(metrics.get(key).is_some(), "{file}: {name} has no `{key}`");
    }
    let [requests, attempts] = ["/counts/requests", "/counts/attempts"].map(number);
    assert!(requests > 0, "{file}: {name} had no requests");
    assert!(attempts >= requests || name == "total", "{file}: {name}: {attempts} attempts of {requests} requests");
    assert_eq!(requests, number("/counts/succeeded") + number("/counts/failed"), "{file}: {name}");
    let [reserved, settled, refunded, overdraft, open] =
        ["reserved", "settled", "refunded", "overdraft", "open"].map(|part| number(&format!("/ledger/{part}")));
    assert_eq!(reserved + overdraft, settled + refunded + open, "{file}: the ledger of {name}");
}

/// The four scenarios of the first issue, as a person reads them.
#[test]
fn the_first_four_say_this() {
    for file in ["classifier-unset.yaml", "classifier-100.yaml", "chat.yaml", "trace-replay.yaml"] {
        let mut changes = vec![("replications", "3")];
        if file == "chat.yaml" {
            changes.push(("horizon", "12m"));
        }
        let summary = run(file, &changes);
        insta::assert_snapshot!(file.trim_end_matches(".yaml"), report::text::summary(&summary, &Style::PLAIN));
    }
}

/// The trace is what its formula says.
#[test]
fn the_trace_can_be_remade() {
    let mut instants: Vec<u64> = (0..30).flat_map(|minute| (0..8).map(move |i| minute * 60_000 + i * 7_500)).collect();
    instants.extend((0..6).flat_map(|burst| (0..60).map(move |i| (burst * 5 + 3) * 60_000 + 20_000 + i * 250)));
    instants.sort_unstable();
    let mut made = "time,input,output\n".to_owned();
    for (k, ms) in (0_u64..).zip(instants) {
        let (minute, ms) = (ms / 60_000, ms % 60_000);
        let (input, output) = (600 + 7_919 * k % 2_801, 20 + 104_729 * k % 181);
        let _ = writeln!(made, "2026-03-02T09:{minute:02}:{:02}.{:03}Z,{input},{output}", ms / 1_000, ms % 1_000);
    }
    assert_eq!(text("data/bursts.csv"), made);
}

/// 200,000 ÷ 64,042 = 3.1: three calls at once, a fourth from what is refilled while they are held. All traffic together
/// would charge 10 × 60 × 67 ÷ 200,000 = 20 %.
#[test]
fn an_unset_limit_starves_a_classifier_that_a_set_one_feeds() {
    let unset = run("classifier-unset.yaml", &[("replications", "4")]);
    let pool = unset.pools["haiku"].pool.as_ref().expect("a pool");
    let at_once = pool.reservation_peak as f64 / 64_042.0;
    assert!((3.0..=4.0).contains(&at_once), "{at_once}");
    assert!(unset.total.attempt_throttle_rate.mean.unwrap() > 0.5);
    assert!((unset.total.offered_tokens_per_minute.mean.unwrap() - 40_200.0).abs() < 1_000.0);
    let set = run("classifier-100.yaml", &[("replications", "4")]);
    assert_eq!(set.total.counts.throttled, 0);
    assert_eq!(set.total.counts.requests, unset.total.counts.requests);
}

#[test]
fn the_daily_quota_runs_out_at_about_three_in_the_afternoon() {
    let scenario = load("daily-quota.yaml", &[("replications", "1")]).scenario;
    let mut first = None;
    let summary = planner::replicate_in_order(&scenario, &Silent, |_, row| {
        if row.limit == Some(QuotaName::AccountTokensPerDay) {
            first.get_or_insert(row.at.as_secs_f64() / 3_600.0);
        }
    });
    let hour = first.expect("the quota runs out");
    assert!((14.75..15.25).contains(&hour), "at {hour:.2} h");
    assert!(summary.is_some());
}

#[test]
fn a_report_that_never_fits_leaves_the_notes_alone() {
    let summary = run("never-fits.yaml", &[]);
    let (report, note) = (&summary.workloads["report"], &summary.workloads["note"]);
    assert_eq!(report.counts.succeeded, 0);
    assert_eq!(report.counts.throttled, report.counts.attempts);
    assert_eq!(report.throttles_by_limit.tokens_per_minute.mean, Some(0.0));
    assert!(note.request_failure_rate.mean.unwrap() < 0.01);
    assert_eq!(summary.slo.iter().map(|outcome| outcome.met).collect::<Vec<_>>(), [true, false]);
}

/// Charge per request: 1,155 + 211 × rate. Nine per second of it is 60, 88 and 117 % of 2M per minute.
#[test]
fn the_same_app_burns_out_as_the_rate_grows() {
    let summary = run("burndown-5x-10x-15x.yaml", &[("replications", "2")]);
    let rates = ["5x", "10x", "15x"].map(|name| summary.workloads[name].attempt_throttle_rate.mean.unwrap());
    assert!(rates[0] < 0.001 && rates[1] < 0.01 && rates[2] > 0.1, "{rates:?}");
}

#[test]
fn requests_bind_the_assistant_before_tokens_do() {
    let summary = run("rag.yaml", &[("replications", "2")]);
    let by = &summary.pools["nova"].throttles_by_limit;
    assert!(by.requests_per_minute.mean.unwrap() > 10.0, "{by:?}");
    assert_eq!(by.tokens_per_minute.mean, Some(0.0));
}

/// The old default keeps a storm alive by itself, the new one runs out of retries, and nobody else needs to be told.
#[test]
fn the_storm_passes_with_the_new_default_and_not_with_the_old() {
    let state = |client: &str| {
        let changes = [("replications", "3"), ("horizon", "20m"), ("workloads.chat.client", client)];
        run("retry-storm.yaml", &changes).recovery.expect("it has a spike")
    };
    let (before, after) = (state("boto3@2.0"), state("boto3@2.1"));
    assert_eq!((before.state, before.replications.does_not_recover), (State::DoesNotRecover, 3));
    assert!(before.attempts_per_request.end.mean > Some(4.0), "{:?}", before.attempts_per_request);
    assert_eq!((after.state, after.replications.stable), (State::Stable, 3));
    assert!(after.time_to_recover_s.max < Some(60.0), "{:?}", after.time_to_recover_s);
}

#[test]
fn ten_attempts_do_the_jobs_of_a_webhook_and_three_do_not() {
    let failed = |attempts: &str| {
        let changes = [("replications", "2"), ("workloads.review.client.boto3.max_attempts", attempts)];
        run("webhook-fanout.yaml", &changes).total.request_failure_rate.mean.expect("there are jobs")
    };
    let (three, ten) = (failed("3"), failed("10"));
    assert!((0.25..0.35).contains(&three) && ten < 0.01, "{three} and {ten}");
}

#[test]
fn sub_agents_fit_with_a_cache_and_not_without() {
    let run = |ttl: &str| {
        let changes = [("replications", "2"), ("workloads.agent.arrivals.sessions.cache_ttl", ttl)];
        run("sub-agents.yaml", &changes)
    };
    let (without, with) = (run("0s"), run("5m"));
    assert!(without.total.attempt_throttle_rate.mean > Some(0.15), "{:?}", without.total.attempt_throttle_rate);
    assert_eq!(with.total.counts.throttled, 0);
    let used = with.pools["sonnet"].pool.as_ref().and_then(|pool| pool.quota_utilization.mean);
    assert!(used < Some(0.15), "{used:?}");
}

#[test]
fn a_gateway_keeps_the_neighbour_from_the_chat() {
    let rates = |changes: &[(&str, &str)]| {
        let all: Vec<_> = [("replications", "2")].into_iter().chain(changes.iter().copied()).collect();
        let summary = run("noisy-neighbour.yaml", &all);
        (summary.workloads["support"].attempt_throttle_rate.mean, summary.workloads["reports"].wait_ms.limiter.mean)
    };
    let (alone, _) = rates(&[]);
    assert!(alone > Some(0.01), "{alone:?}");
    let paced =
        [("workloads.support.pace", "92%"), ("workloads.reports.pace", "92%"), ("workloads.reports.priority", "1")];
    let (gated, waits) = rates(&paced);
    assert_eq!(gated, Some(0.0));
    assert!(waits > Some(10_000.0), "{waits:?}");
}

#[test]
fn a_second_region_carries_the_outage_of_the_first() {
    let failed = |after: &str| {
        let changes = [("replications", "2"), ("workloads.assistant.fallback.after", after)];
        let summary = run("two-regions.yaml", &changes);
        (summary.total.counts.failed, summary.pools["frankfurt"].counts.succeeded)
    };
    let (none, abroad) = failed("failure");
    assert!(none == 0 && abroad > 1_000, "{none} failed, {abroad} went abroad");
    let (failed, abroad) = failed("throttle");
    assert!(failed > 1_000 && abroad == 0, "a 503 is no throttle");
}

#[test]
fn init_writes_what_check_accepts() {
    let directory = tempfile::tempdir().expect("a directory");
    let quotasim = || {
        let mut command = Command::cargo_bin("quotasim").expect("the binary");
        command.current_dir(&directory);
        command
    };
    quotasim()
        .arg("init")
        .assert()
        .success()
        .stdout("")
        .stderr("wrote starter.yaml; next: quotasim run starter.yaml\n");
    quotasim().args(["init", "trace-replay", "-o", "replay.yaml"]).assert().success();
    quotasim().args(["check", "starter.yaml", "replay.yaml"]).assert().success();
    let refused = quotasim().arg("init").assert().code(2);
    let said = String::from_utf8_lossy(&refused.get_output().stderr).into_owned();
    assert_eq!(said, "error: `starter.yaml` exists\n\nhint: `-o FILE` writes elsewhere, `--force` overwrites it\n");
    quotasim().args(["init", "--force"]).assert().success();
    let printed = quotasim().args(["init", "chat", "-o", "-"]).assert().success();
    assert!(String::from_utf8_lossy(&printed.get_output().stdout).contains("workloads:"));
    quotasim().args(["init", "caht"]).assert().code(2);
}
