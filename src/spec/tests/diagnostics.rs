//! What the reader says of wrong scenarios, pinned as text.

use super::*;

/// All that is said of a text, as a person sees it.
fn said(text: &str) -> String {
    match read(text) {
        Ok(loaded) => {
            let warnings: Vec<String> = loaded.warnings.iter().map(ToString::to_string).collect();
            format!("accepted\n\n{}", warnings.join("\n"))
        }
        Err(problems) => problems.to_string(),
    }
}

/// Checks what is said of each text against its snapshot.
macro_rules! pinned {
    ($($name:ident: $text:expr;)*) => {
        $( #[test] fn $name() {
            insta::assert_snapshot!(stringify!($name), said($text.as_ref()));
        } )*
    };
}

pinned! {
    rates_that_change_after_the_default_horizon: r#"
version: 1
pools: { p: { model: mine, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 200k,
  requests_per_minute: none, latency: { duration: 1s } } }
workloads:
  by-day: { pool: p, arrivals: { sinusoidal: { rate: 5/s, amplitude: 80%, period: 24h } }, input_tokens: 1, output_tokens: 1 }
  by-minute: { pool: p, arrivals: { sinusoidal: { rate: 5/s, amplitude: 80%, period: 5m } }, input_tokens: 1, output_tokens: 1 }
  launch: { pool: p, arrivals: { piecewise: { points: [[0s, 5/s], [90m, 40/s]] } }, input_tokens: 1, output_tokens: 1 }
  at-night: { pool: p, arrivals: { cron: { schedule: "0 2 * * *", count: 9 } }, input_tokens: 1, output_tokens: 1 }
  on-workdays: { pool: p, arrivals: { cron: { schedule: "*/10 * * * 1-5", count: 9 } }, input_tokens: 1, output_tokens: 1 }
  all-the-time: { pool: p, arrivals: { cron: { schedule: "*/10 * * * *", count: 9 } }, input_tokens: 1, output_tokens: 1 }
"#;
    rates_that_change_within_a_written_horizon: r"
version: 1
horizon: 1h
pools: { p: { model: mine, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 200k,
  requests_per_minute: none, latency: { duration: 1s } } }
workloads:
  by-day: { pool: p, arrivals: { sinusoidal: { rate: 5/s, amplitude: 80%, period: 24h } }, input_tokens: 1, output_tokens: 1 }
";
    three_wrong_keys_and_a_negative_rate: r"
version: 1
pools:
  haiku:
    modle: us.anthropic.claude-haiku-4-5-20251001-v1:0
    model: mine
    burndown_rate: 5
    max_output_tokens: 64_000
    tokens_per_minute: 200k
    requests_per_minute: none
workloads:
  triage:
    pool: haiku
    arivals: { poisson: { rate: 5/s } }
    arrivals: { poisson: { rate: -5/s } }
    input_tokens: 420
    output_tokens: 5
slow: []
";
    empty: "";
    only_comments: "# nothing yet\n";
    a_list: "- 1\n- 2\n";
    nothing_required: "version: 1\n";
    not_a_number: workload("arrivals: { poisson: { rate: .nan } }, input_tokens: .nan, output_tokens: inf");
    wrong_types: workload("arrivals: [poisson], input_tokens: { mean: 5 }, output_tokens: [1], max_tokens: many, clients: 1.5");
    p95_below_median: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: { lognormal: { median: 420, p95: 100 } }, output_tokens: 5");
    two_choices: workload("arrivals: { poisson: { rate: 5/s }, gamma: { rate: 5/s, cv: 2 } }, input_tokens: 1, output_tokens: 5");
    unknown_choice: workload("arrivals: { poison: { rate: 5/s } }, input_tokens: { lognoral: { mean: 1 } }, output_tokens: 5");
    missing_unit: workload("arrivals: { poisson: { rate: 5 } }, input_tokens: 1, output_tokens: 5, deadline: 30, latency: { ttft: { lognormal: { median: 800, p95: 2s } }, output_tokens_per_second: 60 }");
    missing_pool: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, fallback: { pools: [q] }").replace("pool: p", "pool: hiaku");
    fallback_cycle: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, fallback: { pools: [p, p], after: throttle }");
    duplicate_key: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, input_tokens: 2, output_tokens: 5");
    tab_indent: "version: 1\npools:\n\thaiku: { model: x }\n";
    binary: "\u{7f}ELF\u{2}\u{1}\u{1}\u{0}";
    unclosed: "version: 1\npools: { haiku: { model: x }\n";
    overflow: workload("arrivals: { constant: { rate: 99999999999999999999/s } }, input_tokens: 1, output_tokens: 5, deadline: 99999d").replace("1M", "99999999999999G");
    max_tokens_out_of_range: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, max_tokens: 0")
        .replace("output_tokens: 5, max_tokens: 0 }", "output_tokens: 5, max_tokens: 0 }\n  v: { pool: p, arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, max_tokens: 70k }");
    above_the_context_window: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 180k, output_tokens: 5, max_tokens: 32k");
    unsatisfiable: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 500, output_tokens: 5").replace("1M", "50k");
    horizon_before_warmup: format!("{}horizon: 1m\n", workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5"));
    unknown_model: "version: 1\npools: { p: { model: gpt-9 } }\nworkloads: { w: { pool: p, arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5 } }\n";
    retries_without_end: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, client: { custom: { max_attempts: unlimited, delay: 0 } }");
    endless_loop: workload("arrivals: { closed_loop: { workers: 5, think_time: 0 } }, input_tokens: 1, output_tokens: 5");
    wrong_requirements: format!("{}slo:\n  - latency_ms < 5s\n  - attempt_throtle_rate < 1%\n  - quota_utilization < 90%\n  - {{ workload: x, require: latency_ms.p99 < 5 parsecs }}\n  - no metric\n", workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5"));
    in_flight_requests: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5").replace("requests_per_minute: none", "requests_per_minute: { limit: 10, limiter: in_flight }");
    modes_that_do_not_exist: workload("arrivals: { constant: { rate: 1/s } }, input_tokens: 1, output_tokens: 5, client: { rust: { mode: legacy, retries: \"3.0\", max_attempts: 0 } }");
    a_line_too_long_to_show: workload(&format!("arrivals: {{ constant: {{ rate: 1/s }} }}, input_tokens: {{ mixture: [{}] }}, output_tokens: 5, max_token: 5", vec!["{ weight: 1, of: 5 }"; 20].join(", ")));
}

#[test]
fn problems_serialise_as_the_check_command_prints_them() {
    let problems = read("version: 1\npool: {}\n").unwrap_err();
    let json = serde_json::to_value(&problems).unwrap();
    assert_eq!(
        json["problems"][2],
        serde_json::json!({
            "file": "scenario.yaml",
            "line": 2,
            "column": 1,
            "message": "unknown field `pool` in the scenario",
            "hint": "did you mean `pools`?",
        })
    );
}

#[test]
fn overrides_are_named_in_their_problems() {
    let text = workload("arrivals: { poisson: { rate: 5/s } }, input_tokens: 1, output_tokens: 5, client: boto3");
    let said = |overrides: &[(&str, &str)]| {
        let overrides: Vec<(String, String)> = overrides.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        match super::super::read(&text, "scenario.yaml", &overrides, &Fixture::default(), &Catalog::default()) {
            Ok(_) => "accepted".to_owned(),
            Err(problems) => problems.to_string(),
        }
    };
    insta::assert_snapshot!(
        "overrides",
        [
            said(&[("pools.q.tokens_per_minute", "300k")]),
            said(&[("pools.p.tokens_per_minut", "300k")]),
            said(&[("workloads.w.arrivals.gamma.rate", "5/s")]),
            said(&[("load", "-1"), ("horizon", "10"), ("", "1"), ("seed", "[1"), ("seed.x", "1"), ("slo.3", "x")]),
        ]
        .join("----\n")
    );
}
