//! Broken inputs: each is refused with its reason, in under a second, and nothing that can be typed makes a reader
//! panic. The fuzzers' corpora are replayed, and mutated by flips of bytes and splices of lines.

use proptest::prelude::*;
use quotasim::spec::catalog::Catalog;
use quotasim::spec::{self, NoFiles};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

#[path = "../fuzz/harness.rs"]
mod harness;

/// The files of a target's corpus, in order of their names.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(target);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a directory entry").path()).collect();
    files.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).expect("a file of the corpus");
        (path, bytes)
    };
    files.into_iter().map(read).collect()
}

/// Runs something and says how long it took.
fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    #[expect(clippy::disallowed_methods, reason = "the promise is about the reader's wall clock")]
    let begun = std::time::Instant::now();
    let result = work();
    (result, begun.elapsed())
}

#[test]
fn every_file_of_the_corpora_is_read_without_a_panic_and_soon() {
    for (target, run) in [
        ("scenario", harness::scenario as fn(&[u8])),
        ("trace", harness::trace as fn(&[u8])),
        ("catalog", harness::catalog as fn(&[u8])),
    ] {
        let files = corpus(target);
        assert!(files.len() >= 5, "the corpus of `{target}` has {} files", files.len());
        for (path, bytes) in files {
            let ((), taken) = timed(|| run(&bytes));
            assert!(taken < Duration::from_secs(10), "{} took {taken:?}", path.display());
        }
    }
}

/// Lines that scenarios are made of: those of the corpus and of the shipped scenarios.
fn lines() -> Vec<String> {
    let shipped = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios"));
    let shipped = shipped.into_iter().flatten().filter_map(|entry| fs::read(entry.ok()?.path()).ok());
    let texts = corpus("scenario").into_iter().map(|(_, bytes)| bytes).chain(shipped);
    let texts = texts.filter_map(|bytes| String::from_utf8(bytes).ok());
    texts.flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
}

/// A change of a text: at a place, of a kind, with a value.
type Edit = (usize, u8, u32);

fn mutate(bytes: &mut Vec<u8>, edits: &[Edit], lines: &[String]) {
    for &(place, kind, value) in edits {
        let at = if bytes.is_empty() { 0 } else { place % bytes.len() };
        let length = value as usize % 40;
        let until = (at + length).min(bytes.len());
        match kind {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << (value % 8),
            1 => drop(bytes.drain(at..until)),
            2 => bytes.insert(at, value as u8),
            3 => {
                let copy = bytes[at..until].to_vec();
                bytes.splice(at..at, copy);
            }
            4 => {
                let tokens: &[&[u8]] = &[
                    b"{", b"}", b"[", b"]", b": ", b"-", b"&a ", b"*a", b"!x ", b"%", b"\"", b"1e400", b"-1", b".nan",
                    b"\t", b"\n  ",
                ];
                bytes.splice(at..at, tokens[value as usize % tokens.len()].iter().copied());
            }
            _ => {
                let line = &lines[value as usize % lines.len()];
                let start = bytes[..at].iter().rposition(|&byte| byte == b'\n').map_or(0, |place| place + 1);
                bytes.splice(start..start, line.bytes().chain([b'\n']));
            }
        }
    }
}

fn edits() -> impl Strategy<Value = Vec<Edit>> {
    prop::collection::vec((any::<usize>(), 0u8..7, any::<u32>()), 1..12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_scenario_makes_the_reader_panic_or_dawdle(pick in any::<usize>(), edits in edits()) {
        thread_local! {
            static SEEDS: (Vec<(PathBuf, Vec<u8>)>, Vec<String>) = (corpus("scenario"), lines());
        }
        SEEDS.with(|(files, lines)| {
            let mut bytes = files[pick % files.len()].1.clone();
            mutate(&mut bytes, &edits, lines);
            let ((), taken) = timed(|| harness::scenario(&bytes));
            assert!(taken < Duration::from_secs(10), "{taken:?}");
        });
    }

    #[test]
    fn no_mutation_of_a_trace_makes_the_reader_panic_or_dawdle(pick in any::<usize>(), edits in edits()) {
        thread_local! {
            static SEEDS: (Vec<(PathBuf, Vec<u8>)>, Vec<String>) =
                (corpus("trace"), ["0,1,2", "t,i,o", "9,,", "\"", "1e3,4,5,6,7"].map(str::to_owned).to_vec());
        }
        SEEDS.with(|(files, lines)| {
            let mut bytes = files[pick % files.len()].1.clone();
            mutate(&mut bytes, &edits, lines);
            harness::trace(&bytes);
        });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn no_mutation_of_a_catalogue_makes_the_reader_panic(pick in any::<usize>(), edits in edits()) {
        thread_local! {
            static SEEDS: (Vec<(PathBuf, Vec<u8>)>, Vec<String>) = {
                let files = corpus("catalog");
                let text: Vec<u8> = files.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
                (files, String::from_utf8_lossy(&text).lines().map(str::to_owned).collect())
            };
        }
        SEEDS.with(|(files, lines)| {
            let mut bytes = files[pick % files.len()].1.clone();
            mutate(&mut bytes, &edits, lines);
            harness::catalog(&bytes);
        });
    }
}

const POOL: &str =
    "model: mine, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none";

/// A scenario around the fields of a workload.
fn workload(fields: &str) -> String {
    format!("version: 1\npools:\n  p: {{ {POOL} }}\nworkloads:\n  w: {{ pool: p, {fields} }}\n")
}

const GOOD: &str = "arrivals: { poisson: { rate: 5/s } }, input_tokens: 420, output_tokens: 5";

/// Nine levels of lists, each of ten copies of the one below: 10⁹ nodes if it were believed.
fn alias_bomb() -> String {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..10 {
        let below = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format_args!("a{level}: &a{level} [{below}]\n").to_string());
    }
    text
}

/// Runs `check` and `run` of the program on a file, and asserts that both refuse it in time.
fn refused(name: &str, bytes: &[u8], says: &str) {
    let directory = tempfile::tempdir().expect("a directory for a file");
    let path = directory.path().join("broken.yaml");
    fs::write(&path, bytes).expect("a broken file");
    fs::write(directory.path().join("bad-row.csv"), "t,i,o\n0,1,2\n1,many,2\n").expect("a trace");
    for verb in ["check", "run"] {
        let once = || {
            let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_quotasim"));
            timed(|| command.arg(verb).arg(&path).output().expect("the program starts"))
        };
        let (output, mut taken) = once();
        // A busy machine may delay one run, not each of five.
        for _ in 0..4 {
            if taken >= Duration::from_secs(1) {
                taken = once().1;
            }
        }
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{name}, {verb}: {said}");
        assert!(!said.contains("panicked"), "{name}, {verb}: {said}");
        assert!(said.contains(says), "{name}, {verb} does not say `{says}`: {said}");
        assert!(taken < Duration::from_secs(1), "{name}, {verb} took {taken:?}");
    }
}

/// Every broken input of the issue on diagnostics, through the program, with its time measured.
macro_rules! refused {
    ($($name:ident: $bytes:expr, $says:literal;)*) => {
        $( #[test] fn $name() {
            refused(stringify!($name), AsRef::<[u8]>::as_ref(&$bytes), $says);
        } )*
    };
}

mod refuses {
    use super::*;

    refused! {
        an_unknown_key: workload(&format!("{GOOD}, max_tokns: 5")), "did you mean `max_tokens`?";
        a_wrong_type: workload("arrivals: [poisson], input_tokens: 420, output_tokens: { rate: 5 }"), "output_tokens";
        a_negative_rate: workload("arrivals: { poisson: { rate: -5/s } }, input_tokens: 420, output_tokens: 5"), "-5/s";
        a_rate_that_is_no_number: workload("arrivals: { poisson: { rate: .nan/s } }, input_tokens: .nan, output_tokens: 5"), ".nan";
        a_p95_below_the_median: workload("arrivals: { poisson: { rate: 5/s } }, input_tokens: { lognormal: { median: 420, p95: 100 } }, output_tokens: 5"), "p95";
        a_missing_pool: workload(GOOD).replace("pool: p,", "pool: q,"), "there is no pool `q`";
        a_duplicate_key: workload(&format!("{GOOD}, output_tokens: 6")), "duplicate key `output_tokens`";
        two_choices_where_one_is_allowed: workload("arrivals: { poisson: { rate: 5/s }, constant: { rate: 5/s } }, input_tokens: 420, output_tokens: 5"), "poisson";
        a_tab_as_indentation: "version: 1\npools:\n\tp: { model: x }\n", "tab";
        an_empty_file: "", "empty";
        a_binary_file: b"\x7fELF\x02\x01\x01\0\0\0\xff\xfe\x80binary".to_vec(), "UTF-8";
        a_file_with_zero_bytes: vec![0u8; 4_096], "control character";
        an_alias_bomb: alias_bomb(), "more than 250000 values";
        an_alias_bomb_in_a_scenario: format!("{}x:\n  {}", workload(GOOD), alias_bomb().replace('\n', "\n  ")), "more than 250000 values";
        ten_megabytes_of_opening_brackets: "[".repeat(10_000_000), "deep";
        ten_megabytes_of_closed_brackets: format!("{}{}", "[".repeat(5_000_000), "]".repeat(5_000_000)), "deep";
        ten_megabytes_of_opening_braces: "{a: ".repeat(2_500_000), "deep";
        ten_megabytes_of_dashes: "- ".repeat(5_000_000), "deep";
        ten_megabytes_of_one_list: format!("version: [{}]", "1,".repeat(5_000_000)), "more than 250000 values";
        ten_megabytes_of_one_word: "a".repeat(10_000_000), "scenario";
        ten_megabytes_of_quotes: "\"".repeat(10_000_000), "broken.yaml";
        ten_megabytes_of_keys: (0..700_000).map(|key| format!("key{key}: 1")).collect::<Vec<_>>().join("\n"), "more than 250000 values";
        twenty_megabytes: "# comment\n".repeat(2_000_000), "bytes";
        an_overflowing_rate: workload("arrivals: { poisson: { rate: 99999999999999999999999/s } }, input_tokens: 420, output_tokens: 5"), "rate";
        an_overflowing_quota: workload(GOOD).replace("1M", "99999999999999999G"), "tokens_per_minute";
        an_overflowing_duration: workload(&format!("{GOOD}, deadline: 99999999999d")), "deadline";
        an_overflowing_horizon: format!("{}horizon: 1e300h\n", workload(GOOD)), "horizon";
        an_overflowing_number_of_tokens: workload("arrivals: { poisson: { rate: 5/s } }, input_tokens: 1e300, output_tokens: 99999999999G"), "output_tokens";
        an_overflowing_distribution: workload("arrivals: { poisson: { rate: 5/s } }, input_tokens: { exponential: { mean: 1e300 } }, output_tokens: { uniform: { min: 1, max: 1e12 } }"), "output_tokens";
        an_overflowing_seed: format!("{}seed: 99999999999999999999999999\n", workload(GOOD)), "seed";
        an_overflowing_number_of_replications: format!("{}replications: 5G\n", workload(GOOD)), "replications";
        an_overflowing_burndown: workload(GOOD).replace("burndown_rate: 5", "burndown_rate: 5_000_000_000"), "burndown_rate";
        a_missing_trace: workload("arrivals: { trace: { file: nowhere.csv, time: t, input_tokens: i, output_tokens: o } }"), "nowhere.csv";
        a_trace_with_a_bad_row: workload("arrivals: { trace: { file: bad-row.csv, time: t, time_unit: s, input_tokens: i, output_tokens: o } }"), "row 2";
        a_cycle_of_fallbacks: workload(&format!("{GOOD}, fallback: {{ pools: [p] }}")), "cycle";
    }
}

/// What a file says wrong is reported at once, however much of it there is.
#[test]
fn four_mistakes_are_four_problems() {
    let text = "version: 1\npols: {}\npools:\n  p: { model: mine, burndown_rate: 5, max_output_tokens: 64k, tokens_per_minute: 1M, \
                requests_per_minute: none, limitr: sliding_window }\nworkloads:\n  w: { pool: p, arivals: 3, arrivals: { poisson: { rate: -5/s } }, \
                input_tokens: 420, output_tokens: 5 }\n";
    let problems = spec::read(text, "four.yaml", &[], &NoFiles, Catalog::embedded()).unwrap_err();
    assert_eq!(problems.problems.len(), 4, "{problems}");
    assert!(problems.problems.iter().all(|problem| problem.line > 0 && problem.column > 0));
}
