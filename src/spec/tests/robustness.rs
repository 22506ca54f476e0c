//! No input takes long or panics.

use super::*;
use proptest::prelude::*;
use std::fmt::Write as _;

/// A scenario that uses most of the language, to be damaged.
pub(super) fn rich() -> String {
    let mut text = String::from(
        "version: 1\nname: rich\nhorizon: 10m\nload: 1.5\nstart: 2026-09-21 15:00 UTC\nepisode: true\n\
         accounts: { main: { tokens_per_day: { limit: 700M, used_at_start: 0 } } }\npools:\n",
    );
    for (i, (limiter, _)) in language::limiters().into_iter().enumerate() {
        let _ =
            writeln!(text, "  p{i}: {{ {POOL}, limiter: {limiter}, assumptions: {{ adjustment: {{ every: 1s }} }} }}");
    }
    text.push_str("workloads:\n");
    for (i, (arrivals, _)) in language::arrivals().into_iter().enumerate() {
        let _ = writeln!(text, "  a{i}: {{ pool: p0, arrivals: {arrivals}, input_tokens: 10, output_tokens: 5 }}");
    }
    for (i, (tokens, _)) in language::distributions().into_iter().enumerate() {
        let _ = writeln!(
            text,
            "  d{i}: {{ pool: p1, arrivals: {{ poisson: {{ rate: 1/s }} }}, input_tokens: {tokens}, output_tokens: 5, faults: {{ slow: {{ probability: 1%, factor: 5 }} }} }}"
        );
    }
    for (i, (client, ..)) in language::clients().into_iter().enumerate() {
        let _ = writeln!(
            text,
            "  c{i}: {{ pool: p2, fallback: [p3], arrivals: {{ poisson: {{ rate: 1/s }} }}, input_tokens: 1, output_tokens: 5, client: {client}, pace: 90%, concurrency: {{ limit: 3, queue: 5 }} }}"
        );
    }
    text.push_str("slo:\n  - attempt_throttle_rate < 1%\n  - { workload: a0, require: latency_ms.p99 < 5s }\n");
    text
}

#[test]
fn the_rich_scenario_is_one() {
    let loaded = read(&rich()).unwrap_or_else(|problems| panic!("{problems}"));
    assert!(loaded.scenario.workloads.len() > 40);
}

proptest! {
    #[test]
    fn no_text_panics(text: String) {
        let _ = read(&text);
    }

    #[test]
    fn no_bytes_panic(bytes: Vec<u8>) {
        let _ = super::super::read_bytes(&bytes, "s.yaml", &[], &Fixture::default(), &Catalog::default());
    }

    #[test]
    fn nothing_like_yaml_panics(text in "([ \t\n]|version|pools|workloads|[a-z]{1,3}|[-:,{}\\[\\]&*!|>'\"#%@?]|[0-9.]{1,4}){0,60}") {
        let _ = read(&text);
    }

    #[test]
    fn no_damaged_scenario_panics(
        cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..40, "[ -~\n]{0,12}"), 1..4)
    ) {
        let mut text = rich();
        for (index, length, patch) in cuts {
            let from = index.index(text.len());
            let to = (from + length).min(text.len());
            text.replace_range(from..to, &patch);
        }
        if let Err(problems) = read(&text) {
            prop_assert!(!problems.problems.is_empty());
            let _ = problems.to_string();
        }
    }

    #[test]
    fn no_override_panics(path in "[a-z0-9.]{0,24}|workloads\\.a0\\.[a-z.]{0,12}", value in "[ -~]{0,16}") {
        let _ = super::super::read(&rich(), "s.yaml", &[(path, value)], &Fixture::default(), &Catalog::default());
    }

    #[test]
    fn no_trace_panics(csv in "(t,i,o\n)?([0-9]{1,3},[0-9]{1,12},[0-9.-]{1,4}\n|[ -~]{0,10}\n){0,6}") {
        let text = workload("arrivals: { trace: { file: t.csv, time: t, time_unit: s, input_tokens: i, output_tokens: o } }");
        let _ = super::super::read(&text, "s.yaml", &[], &Fixture::with("t.csv", &csv), &Catalog::default());
    }
}

/// Many lines that differ.
fn numbered(name: &str, lines: usize) -> String {
    (0..lines).fold(String::new(), |mut text, i| {
        let _ = writeln!(text, "{name}{i}: 1");
        text
    })
}

#[test]
fn hostile_files_are_refused_at_once() {
    let large = 15 << 20;
    let texts = [
        "[".repeat(large),
        "{a: ".repeat(large / 4),
        "a\n".repeat(large / 2),
        "a: 1\n".repeat(large / 5),
        numbered("k", large / 12),
        format!("version: 1\npools:\n{}", numbered("  p", 200_000)),
        "- ".repeat(large / 2),
        format!("a: \"{}", "\\u0041".repeat(large / 6)),
        format!("version: {}", "9".repeat(large)),
        "# comment\n".repeat(large / 10),
        "x".repeat(17 << 20),
    ];
    for text in &texts {
        // A bound on work, not on time: each of these used to be able to take minutes.
        assert!(read(text).is_err(), "{}", &text[..20]);
    }
}
