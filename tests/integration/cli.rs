//! The command as its users meet it: exit codes, streams, formats, files.
//!
//! Help texts are pinned in `tests/cmd`, and each command in the README runs and answers what the README says;
//! `TRYCMD=overwrite cargo test --test integration cli` writes both anew.

use crate::support;
use assert_cmd::Command;
use serde_json::Value;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tempfile::TempDir;

const README: &str = include_str!("../../README.md");

/// A quota that a third of the traffic exceeds, and an objective that is therefore missed.
const BUSY: &str = "\
version: 1
name: busy
horizon: 4m
warmup: 1m
replications: 3
pools:
  haiku:
    model: us.anthropic.claude-haiku-4-5-20251001-v1:0
    tokens_per_minute: 100k
    requests_per_minute: none
workloads:
  triage:
    pool: haiku
    arrivals: { poisson: { rate: 5/s } }
    input_tokens: { lognormal: { median: 420, p95: 1200 } }
    output_tokens: 5
    max_tokens: 1000
    client: { boto3: { mode: standard, retries: \"2.1\", max_attempts: 3 } }
slo:
  - attempt_throttle_rate < 1%
";

/// Three wrong keys and a negative rate.
const BROKEN: &str = "\
version: 1
pools:
  haiku:
    model: us.anthropic.claude-haiku-4-5-20251001-v1:0
    tokens_per_minut: 100k
workloads:
  triage:
    pool: haiku
    arrivals: { poisson: { rate: -5/s } }
    input_tokens: 420
    output_tokens: 5
    maxtokens: 100
repliactions: 3
";

/// A directory with both scenarios, and the command run in it.
struct Desk(TempDir);

impl Desk {
    fn new() -> Desk {
        let desk = Desk(TempDir::new().expect("a temporary directory"));
        std::fs::write(desk.path("busy.yaml"), BUSY).expect("a scenario");
        std::fs::write(desk.path("broken.yaml"), BROKEN).expect("a scenario");
        desk
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Runs `quotasim` with these words.
    fn run(&self, line: &str) -> Said {
        self.run_with(line, &[])
    }

    fn run_with(&self, line: &str, environment: &[(&str, &str)]) -> Said {
        let output = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .args(line.split_whitespace())
            .envs(environment.iter().copied())
            .current_dir(&self.0)
            .output()
            .expect("the command starts");
        let text = |bytes| String::from_utf8(bytes).expect("output is UTF-8");
        Said { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}

/// What a command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}\n{self:?}"))
    }
}

/// `--set` that makes the objective hold.
const ROOMY: &str = "--set pools.haiku.tokens_per_minute=5M";

#[test]
fn the_exit_code_is_the_answer() {
    let desk = Desk::new();
    for (line, code) in [
        ("run busy.yaml", 1),
        (&*format!("run busy.yaml {ROOMY} --set replications=20"), 0),
        ("run broken.yaml", 2),
        ("run missing.yaml", 2),
        ("check busy.yaml", 0),
        ("check busy.yaml broken.yaml", 2),
        ("explain --model us.amazon.nova-lite-v1:0 --input 42 --output 5", 0),
        ("explain --model nobody.knows --input 42 --output 5", 2),
        ("models haiku", 0),
        ("models nobody.knows", 2),
        ("schema", 0),
        ("completions bash", 0),
        ("man", 0),
        ("man run", 0),
        ("man frobnicate", 2),
        ("frobnicate", 2),
        ("", 2),
        ("--help", 0),
        ("--version", 0),
    ] {
        let said = desk.run(line);
        assert_eq!(said.code, Some(code), "quotasim {line}\n{}\n{}", said.stdout, said.stderr);
    }
}

#[test]
fn data_goes_to_stdout_and_talk_to_stderr() {
    let desk = Desk::new();
    for line in ["run broken.yaml", "run missing.yaml", "run busy.yaml --set nonsense", "frobnicate", "models x.y"] {
        let said = desk.run(line);
        assert!(said.stdout.is_empty(), "{line}: {}", said.stdout);
        assert!(!said.stderr.is_empty(), "{line}");
    }
    for line in ["run busy.yaml", "explain --model us.amazon.nova-lite-v1:0 --input 42 --output 5", "models", "schema"]
    {
        let said = desk.run(line);
        assert!(said.stderr.is_empty(), "{line}: {}", said.stderr);
        assert!(!said.stdout.is_empty(), "{line}");
    }
    let said = desk.run("run busy.yaml -o out");
    assert!(said.stderr.contains("out"), "{said:?}");
    assert!(desk.run("run busy.yaml -o out --quiet").stderr.is_empty());
}

#[test]
fn messages_name_the_thing_and_the_way_out() {
    let desk = Desk::new();
    for (line, parts) in [
        ("run missing.yaml", ["`quotasim init`", "missing.yaml", "no such file"].as_slice()),
        ("run .", &["hint: ", "the scenario cannot be read"]),
        ("run busy.yaml --set nonsense", &["path=value", "nonsense"]),
        ("run busy.yaml --set pools.haikoo.tokens_per_minute=1M", &["did you mean `haiku`?"]),
        ("run busy.yaml --seed -1", &["--seed", "-1"]),
        ("run busy.yaml --replications 0", &["replications", "0", "between 1 and"]),
        ("run busy.yaml --threads 0", &["--threads", "1..=1024"]),
        ("run busy.yaml --catalog missing.yaml", &["cannot read catalogue `missing.yaml`: no such file"]),
        ("run busy.yaml --catalog busy.yaml", &["`busy.yaml` is no catalogue"]),
        ("run busy.yaml --requests no/such/directory.csv", &["cannot write `no/such/directory.csv`"]),
        ("run busy.yaml -o busy.yaml", &["cannot make directory `busy.yaml`"]),
        ("explain --model claude-haiku-4-5 --input 1 --output 1", &["hint: did you mean `"]),
        ("man frobnicate", &["there is no verb `frobnicate`", "hint: `quotasim --help`"]),
        ("rum busy.yaml", &["'rum'", "run"]),
    ] {
        let said = desk.run(line);
        assert_eq!(said.code, Some(2), "{line}");
        for part in parts {
            assert!(said.stderr.contains(part), "{line}: `{part}` is missing in\n{}", said.stderr);
        }
        assert!(!said.stderr.contains("os error"), "{line}: {}", said.stderr);
    }
}

#[test]
fn check_reports_every_problem_of_every_file() {
    let desk = Desk::new();
    let text = desk.run("check broken.yaml missing.yaml busy.yaml");
    assert_eq!(text.code, Some(2));
    assert_eq!(text.stdout, "busy.yaml: no problems\n");
    for part in ["did you mean `tokens_per_minute`?", "cannot be negative", "`max_tokens`?", "`replications`?"] {
        assert!(text.stderr.contains(part), "`{part}` is missing in\n{}", text.stderr);
    }
    let json = desk.run("check broken.yaml missing.yaml busy.yaml --format json").json();
    let problems = json["problems"].as_array().expect("a list");
    assert_eq!(problems.len(), 5, "{json:#}");
    for problem in problems {
        let keys: Vec<&str> = problem.as_object().expect("a map").keys().map(String::as_str).collect();
        assert_eq!(keys, ["file", "line", "column", "message", "hint"]);
    }
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&Value::from(5), &Value::from(5)));
    assert_eq!(desk.run("check busy.yaml --format json").json()["problems"], Value::Array(Vec::new()));
}

#[test]
fn warnings_are_talk_and_no_problem() {
    let desk = Desk::new();
    std::fs::write(desk.path("tight.yaml"), BUSY.replace("100k", "1k")).expect("a scenario");
    let checked = desk.run("check tight.yaml");
    assert_eq!((checked.code, &*checked.stdout), (Some(0), "tight.yaml: no problems, 1 warning\n"));
    assert!(checked.stderr.starts_with("warning: tight.yaml:"), "{}", checked.stderr);
    assert!(checked.stderr.contains("\nhint: "), "{}", checked.stderr);
    assert!(desk.run("run tight.yaml").stderr.starts_with("warning: "));
    assert!(desk.run("run tight.yaml --quiet").stderr.is_empty());
}

#[test]
fn set_and_seed_change_what_they_say() {
    let desk = Desk::new();
    let first = desk.run("run busy.yaml --format json").json();
    assert_eq!(first["seed"], 1);
    assert_eq!(first["replications"], 3);
    let other = desk.run("run busy.yaml --format json --seed 2 --replications 2").json();
    assert_eq!(other["seed"], 2);
    assert_eq!(other["replications"], 2);
    assert_ne!(first["total"]["counts"], other["total"]["counts"]);
    let roomy = desk.run(&format!("run busy.yaml --format json {ROOMY}")).json();
    assert_eq!(roomy["total"]["counts"]["throttled"], 0);
    assert_eq!(roomy["total"]["counts"]["requests"], first["total"]["counts"]["requests"], "the same requests");
}

#[test]
fn json_csv_and_markdown_say_the_same() {
    let desk = Desk::new();
    let json = desk.run("run busy.yaml --format json").json();
    let rate = json["total"]["attempt_throttle_rate"]["mean"].as_f64().expect("a rate");
    assert!(rate > 0.1, "{rate}");

    let csv = desk.run("run busy.yaml --format csv").stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.headers().expect("a header").iter().next(), Some("scope"));
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("each row has all columns");
    let row = rows.iter().find(|row| &row[0] == "total" && &row[2] == "attempt_throttle_rate").expect("the rate");
    assert_eq!(row[3].parse(), Ok(rate));

    let markdown = desk.run("run busy.yaml --format markdown").stdout;
    let tables: Vec<&str> = markdown.lines().filter(|line| line.starts_with('|')).collect();
    assert!(tables.iter().any(|line| line.contains("triage")), "{markdown}");
    for pair in tables.windows(2).filter(|pair| pair[1].starts_with("|:")) {
        assert_eq!(pair[0].matches(" | ").count() + 2, pair[1].matches('|').count(), "{markdown}");
    }
}

#[test]
fn output_writes_data_and_charts() {
    let desk = Desk::new();
    let said = desk.run("run busy.yaml --format json -o deep/out");
    let mut names: Vec<String> = std::fs::read_dir(desk.path("deep/out"))
        .expect("the directory was made")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "latency.png",
            "latency.svg",
            "output-length-triage.png",
            "output-length-triage.svg",
            "quota-haiku.png",
            "quota-haiku.svg",
            "report.html",
            "summary.json",
            "timeline.csv",
        ]
    );
    let mut summary: Value = serde_json::from_str(&desk.read("deep/out/summary.json")).expect("JSON");
    let drawing = summary.as_object_mut().and_then(|keys| keys.remove("drawing"));
    assert!(drawing.is_some(), "what it takes to draw it again is saved with it");
    assert!(summary == said.json(), "the saved result is the printed one");
    assert!(csv::Reader::from_reader(desk.read("deep/out/timeline.csv").as_bytes()).records().count() > 10);
}

#[test]
fn requests_has_one_row_per_attempt() {
    let desk = Desk::new();
    // Without a warm-up every attempt is counted.
    let total = desk.run("run busy.yaml --set warmup=0s --requests attempts.csv --format json").json()["total"].clone();
    let text = desk.read("attempts.csv");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header: Vec<String> = reader.headers().expect("a header").iter().map(str::to_owned).collect();
    assert_eq!(
        header,
        ["replication", "workload", "request", "attempt", "time_ns", "outcome", "limit", "reservation", "charge"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().collect::<Result<_, _>>().expect("each row has all columns");
    let count = |outcome: &str| rows.iter().filter(|row| &row[5] == outcome).count();
    assert_eq!(total["counts"]["attempts"], rows.len());
    assert_eq!(total["counts"]["throttled"], count("throttled"));
    assert_eq!(total["counts"]["succeeded"], count("succeeded") + count("truncated"));
    let charged: u64 = rows.iter().map(|row| row[8].parse::<u64>().expect("tokens")).sum();
    assert_eq!(total["ledger"]["settled"], charged);
    assert!(rows.iter().all(|row| (&row[5] == "throttled") == (&row[6] == "tokens_per_minute")));
}

#[test]
fn the_number_of_threads_changes_no_byte() {
    let desk = Desk::new();
    let one = desk.run("run busy.yaml --format json --threads 1 -o one --quiet");
    let four = desk.run("run busy.yaml --format json --threads 4 -o four --quiet");
    assert_eq!(one.stdout, four.stdout);
    for entry in std::fs::read_dir(desk.path("one")).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        let [one, four] = ["one", "four"].map(|run| std::fs::read(desk.path(run).join(&name)).expect("the same files"));
        assert_eq!(one, four, "{}", name.display());
    }
}

#[test]
fn a_precision_says_what_it_took_and_can_be_repeated() {
    let desk = Desk::new();
    std::fs::write(desk.path("open.yaml"), BUSY.replace("horizon: 4m\n", "")).expect("a scenario");
    let one = desk.run("run open.yaml --precision 2%,0.2% --replications 1 --format json");
    let (json, said) = (one.json(), &one.stderr);
    assert_eq!((json["replications"].as_u64(), json["batches"].as_u64()), (Some(1), Some(30)), "{said}");
    assert_eq!(json["horizon_chosen_for"], "2%,0.2%");
    assert!(json["total"]["attempt_throttle_rate"]["ci95"].is_array());
    let written =
        said.split("write `horizon: ").nth(1).and_then(|rest| rest.split('`').next()).expect("a way to keep it");
    let again = format!("run open.yaml --precision 2%,0.2% --replications 1 --set horizon={written} --format json");
    let again = desk.run(&again).json();
    assert_eq!(again["total"], json["total"]);
    assert!(again.get("horizon_chosen_for").is_none());
    let text = desk.run("run open.yaml --precision 2%,0.2% --replications 1 --quiet");
    assert!(
        text.stdout.contains("30 batches of ") && text.stdout.contains(&format!("`horizon: {written}`")),
        "{text:?}"
    );
    assert!(text.stderr.is_empty() && !text.stdout.contains("one replication"), "{text:?}");
    // What was saved is drawn again, batches and all.
    desk.run("run open.yaml --precision 2%,0.2% --replications 1 -o out");
    assert!(desk.read("out/report.html").contains("30 batches of "));
    assert!(desk.run("report out/summary.json -o again").stderr.contains("wrote"), "it can be read");
    // Without one, nothing is new.
    assert!(desk.run("run open.yaml --format json").json().get("batches").is_none());
    for threads in [1, 4] {
        let many = desk.run(&format!("run open.yaml --precision 2%,0.2% --threads {threads} --format json"));
        assert_eq!(
            many.stdout,
            desk.run("run open.yaml --precision 2%,0.2% --format json").stdout,
            "{threads} threads"
        );
    }
}

#[test]
fn a_reader_who_leaves_is_no_error() {
    let desk = Desk::new();
    for verb in ["schema", "models", "man"] {
        let mut child = std::process::Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .arg(verb)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command starts");
        let mut line = String::new();
        // The pipe is dropped after the first line, as by `| head -1`.
        BufReader::with_capacity(16, child.stdout.take().expect("a pipe")).read_line(&mut line).expect("a line");
        assert!(!line.is_empty());
        let output = child.wait_with_output().expect("the command ends");
        assert_eq!(output.status.code(), Some(0), "{verb}");
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{verb}");
    }
    drop(desk);
}

#[test]
fn colour_is_for_terminals_and_can_be_refused() {
    let desk = Desk::new();
    let plain = desk.run("run busy.yaml").stdout;
    assert!(!plain.contains('\u{1b}'), "not a terminal");
    let coloured = desk.run_with("run busy.yaml", &[("CLICOLOR_FORCE", "1")]).stdout;
    assert!(coloured.contains('\u{1b}'), "forced");
    assert_eq!(desk.run_with("run busy.yaml", &[("NO_COLOR", "1")]).stdout, plain);
}

#[test]
fn every_verb_and_option_is_explained_and_every_shell_completes() {
    let desk = Desk::new();
    let command = quotasim::cli::command();
    let verbs: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = desk.run(&format!("completions {shell}"));
        assert!(verbs.iter().all(|verb| script.stdout.contains(verb)), "{shell}");
    }
    for verb in verbs {
        let page = desk.run(&format!("man {verb}")).stdout;
        assert!(page.contains(&format!("quotasim\\-{verb}")), "{page}");
        assert!(help_of(verb).exists(), "the help of `{verb}` is not pinned: TRYCMD=overwrite writes it");
    }
}

/// Where the help of a verb is pinned.
fn help_of(verb: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/cmd/{verb}.trycmd"))
}

/// Whether this run writes what is pinned anew.
fn overwrites() -> bool {
    std::env::var_os("TRYCMD").is_some_and(|mode| mode == "overwrite")
}

#[test]
fn help_texts_are_pinned() {
    for verb in quotasim::cli::command().get_subcommands().map(clap::Command::get_name) {
        if overwrites() && !help_of(verb).exists() {
            let block = format!("```console\n$ quotasim {verb} --help\n\n```\n");
            std::fs::write(help_of(verb), block).expect("the help can be pinned");
        }
    }
    trycmd::TestCases::new().case("tests/cmd/*.trycmd");
}

#[test]
fn the_readme_tells_the_truth() {
    trycmd::TestCases::new().case("README.md");
}

#[test]
fn each_command_of_the_readme_is_one_that_runs() {
    let readme = README;
    let run: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix("$ quotasim ")).collect();
    for command in readme.lines().filter_map(|line| line.strip_prefix("cargo run --release -- ")) {
        assert!(
            run.contains(&command),
            "`cargo run --release -- {command}` has no `$ quotasim {command}` with its answer"
        );
    }
    assert!(run.iter().any(|command| command.starts_with("run scenarios/classifier-unset.yaml")));
}

#[test]
fn the_scenario_of_the_readme_is_one() {
    let blocks: Vec<&str> =
        README.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap_or_default()).collect();
    assert!(!blocks.is_empty());
    for block in blocks {
        assert!(!support::scenario(block).workloads.is_empty());
    }
}

#[test]
fn reports_are_what_their_scenarios_give() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fresh = TempDir::new().expect("a temporary directory");
    for report in std::fs::read_dir(root.join("reports")).expect("there are reports") {
        let report = report.expect("an entry").path();
        let name = report.file_name().expect("a name").to_string_lossy().into_owned();
        if !root.join(format!("scenarios/{name}.yaml")).exists() {
            continue; // Made again by `published.rs`, and comparisons and sweeps by `reports.rs`.
        }
        let directory = fresh.path().join(&name);
        let status = Command::new(assert_cmd::cargo::cargo_bin!("quotasim"))
            .args(["run", "--quiet", &format!("scenarios/{name}.yaml"), "-o"])
            .arg(&directory)
            .current_dir(root)
            .output()
            .expect("the command starts")
            .status;
        assert!(matches!(status.code(), Some(0 | 1)), "{name}: {status}");
        for file in std::fs::read_dir(&directory).expect("the run wrote files") {
            let file = file.expect("an entry");
            let (new, kept) = (file.path(), report.join(file.file_name()));
            let bytes = std::fs::read(&new).expect("a file that was just written");
            if overwrites() {
                std::fs::write(&kept, bytes).expect("the report can be written");
            } else {
                let same = std::fs::read(&kept).is_ok_and(|old| old == bytes);
                assert!(same, "{} has changed: TRYCMD=overwrite writes it anew", kept.display());
            }
        }
    }
}
