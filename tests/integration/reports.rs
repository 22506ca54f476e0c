//! The sample reports: each is made again and must come out to the byte.
//!
//! `UPDATE_REPORTS=1 cargo test --test integration reports` writes them anew.

use assert_cmd::Command;
use std::path::Path;

/// The command of a sample, and the files that are kept of what it writes.
const SAMPLES: [(&str, &[&str], &[&str]); 4] = [
    (
        "chat-max-tokens",
        &["compare", "reports/chat-max-tokens/scenario.yaml", "--max-tokens", "unset,512,1024,2048,4096,8192,16384"],
        &["trade-off.svg", "before-after-sonnet.svg"],
    ),
    (
        "classifier-load",
        &[
            "sweep",
            "reports/classifier-load/scenario.yaml",
            "--vary",
            "load=0.25..3:8",
            "--vary",
            "workloads.triage.max_tokens=16,1024,8192,unset",
        ],
        &["throttle-curve.svg", "heat-map.svg"],
    ),
    (
        "retry-storm-map",
        &[
            "sweep",
            "scenarios/retry-storm.yaml",
            "--vary",
            "load=0.7..1.2:6",
            "--vary",
            "spike.load=1,1.5,2,3,5",
            "--clients",
            "boto3@2.0,boto3@2.1",
            "--replications",
            "4",
            "--set",
            "horizon=20m",
            "--set",
            "spike.at=5m",
        ],
        &["boto3@2.0/recovery-map.svg", "boto3@2.1/recovery-map.svg"],
    ),
    (
        "quota-increase",
        &[
            "size",
            "reports/quota-increase/scenario.yaml",
            "--margin",
            "30%",
            "--region",
            "us-east-1",
            "--growth",
            "2027-01=0.5x,2027-04=1x,2027-07=1.6x,2027-12=2.2x",
        ],
        &["quota-curve.svg", "tornado.svg", "growth.svg", "quota-increase.md", "quota-increase.json"],
    ),
];

#[test]
fn samples_come_out_to_the_byte() {
    for (name, arguments, kept) in SAMPLES {
        let directory = tempfile::tempdir().expect("a directory");
        let run = |format: &str| {
            let output = Command::cargo_bin("quotasim")
                .expect("the binary is built")
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .args(arguments)
                .args(["--quiet", "--format", format, "-o"])
                .arg(directory.path())
                .output()
                .expect("it runs");
            assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            output.stdout
        };
        let mut files = vec![("report.txt".to_owned(), run("text")), ("report.md".to_owned(), run("markdown"))];
        for &file in kept {
            files.push((file.to_owned(), std::fs::read(directory.path().join(file)).expect("it was written")));
        }
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("reports").join(name);
        for (file, bytes) in files {
            let path = sample.join(&file);
            if std::env::var_os("UPDATE_REPORTS").is_some() {
                std::fs::create_dir_all(path.parent().expect("below the sample")).expect("writable");
                std::fs::write(&path, &bytes).expect("writable");
            }
            let kept = std::fs::read(&path).unwrap_or_default();
            assert!(
                kept == bytes,
                "{} is out of date: run with UPDATE_REPORTS=1 and look at the difference",
                path.display()
            );
        }
    }
}
