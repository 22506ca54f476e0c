//! Traces and data columns.

use super::*;
use crate::model::*;
use crate::units::*;

const TRACE: &str = "arrivals: { trace: { file: t.csv, time: when, input_tokens: in, output_tokens: out } }";

fn with_file(fields: &str, csv: &str) -> Result<Loaded, Problems> {
    super::super::read(&workload(fields), "scenario.yaml", &[], &Fixture::with("t.csv", csv), &Catalog::default())
}

fn trace(fields: &str, csv: &str) -> Trace {
    match with_file(fields, csv).unwrap_or_else(|problems| panic!("{problems}")).scenario.workloads.remove(0).arrivals {
        Arrivals::Trace(trace) => trace,
        other => panic!("{other:?}"),
    }
}

fn row(at: u64, input: u32, output: u32) -> TraceRow {
    TraceRow { at: SimTime(at), input, output, cache_read: 0, max_tokens: 0 }
}

#[test]
fn times_are_exact_from_the_first_row() {
    let rows = [row(0, 1, 2), row(52_000_000, 3, 4), row(52_000_100, 5, 6)];
    let civil =
        "when,in,out\n2023-11-16 18:17:03.98,1,2\n2023-11-16 18:17:04.032,3,4\n2023-11-16 18:17:04.0320001,5,6\n";
    assert_eq!(*trace(TRACE, civil).rows, rows);
    let rfc = "in,when,out,x\n1,2023-11-16T18:17:03.98Z,2,\n3,2023-11-16T19:17:04.032+01:00,4,\n5,2023-11-16T18:17:04.0320001Z,6,\n";
    assert_eq!(*trace(TRACE, rfc).rows, rows);
    let numbers = "when,in,out\n1700158623.98,1,2\n1700158624.032,3,4\n1700158624.0320001,5,6\n";
    let in_seconds = TRACE.replace("time: when", "time: when, time_unit: s");
    assert_eq!(*trace(&in_seconds, numbers).rows, rows);
}

#[test]
fn rows_are_sorted_stably() {
    let csv = "when,in,out\n2,1,1\n1,2,1\n2,3,1\n1,4,1\n";
    let sorted = trace(&TRACE.replace("time: when", "time: when, time_unit: ms"), csv);
    assert_eq!(sorted.rows.iter().map(|row| row.input).collect::<Vec<_>>(), [2, 4, 1, 3]);
}

#[test]
fn optional_columns_and_pace() {
    let fields = "arrivals: { trace: { file: t.csv, time: t, time_unit: 1s, input_tokens: in, output_tokens: out, \
                  cache_read_tokens: cached, max_tokens: max, speed: 2.5, scale: 1.5, loop: true } }";
    let read = trace(fields, "t,in,out,cached,max\n0,1,2,3,4\n10,5,6,7,\n");
    assert_eq!(
        *read.rows,
        [
            TraceRow { at: SimTime(0), input: 1, output: 2, cache_read: 3, max_tokens: 4 },
            TraceRow { at: SimTime(4_000_000_000), input: 5, output: 6, cache_read: 7, max_tokens: 0 },
        ]
    );
    assert_eq!((read.scale, read.repeat, read.has_max_tokens), (1.5, true, true));
}

#[test]
fn a_trace_sets_the_horizon_and_needs_no_warm_up() {
    let scenario = with_file(&TRACE.replace("time: when", "time: when, time_unit: s"), "when,in,out\n5,1,2\n95,1,2\n")
        .unwrap()
        .scenario;
    assert_eq!((scenario.horizon, scenario.warmup), (SimTime(90_000_000_001), SimTime::ZERO));
}

#[test]
fn bad_rows_are_named() {
    let said = |fields: &str, csv: &str| match with_file(fields, csv) {
        Ok(_) => "accepted\n".to_owned(),
        Err(problems) => problems.to_string(),
    };
    let rows = "when,in,out\n2023-11-16 18:17:03,1,2\nyesterday,1,2\n2023-11-16 18:17:03,1.5,2\n2023-11-16 18:17:03,-1,2\n\
                2023-11-16 18:17:03,1\n2023-11-16 18:17:03,5000000000,2\n,1,2\n12,1,2\n";
    let both = format!("{TRACE}, input_tokens: 5");
    let missing = TRACE.replace("t.csv", "missing.csv");
    let column = TRACE.replace("time: when", "time: wen");
    insta::assert_snapshot!(
        "bad_rows",
        [
            said(TRACE, rows),
            said(TRACE, ""),
            said(TRACE, "when,in,out\n"),
            said(TRACE, "when,in,out\n\u{0},\u{1},2\n"),
            said(&both, "when,in,out\n2023-11-16 18:17:03,1,2\n"),
            said(&missing, ""),
            said(&column, "when,in,out\n2023-11-16 18:17:03,1,2\n"),
        ]
        .join("----\n")
    );
    // Bytes that are no text at all.
    let files = Fixture(BTreeMap::from([("t.csv".to_owned(), b"when,in,out\n\xff\xfe,1,2\n".to_vec())]));
    let problems = super::super::read(&workload(TRACE), "s.yaml", &[], &files, &Catalog::default()).unwrap_err();
    assert_eq!(problems.problems[0].message, "row 1: it is not UTF-8 text");
}

#[test]
fn columns_are_distributions() {
    let fields = |column: &str| {
        format!(
            "arrivals: {{ constant: {{ rate: 1/s }} }}, input_tokens: {{ column: {{ file: t.csv, column: n }} }}, output_tokens: 5, latency: {{ duration: {{ column: {{ {column} }} }} }}"
        )
    };
    let csv = "n,d,ms\n30,800ms,100\n10,2s,50\n20,1s,200\n";
    let loaded = with_file(&fields("file: t.csv, column: d"), csv).unwrap_or_else(|p| panic!("{p}"));
    let workload = &loaded.scenario.workloads[0];
    assert_eq!(workload.tokens.input, Distribution::Column([10.0, 20.0, 30.0].into()));
    assert_eq!(workload.latency, Some(Latency::Duration(Distribution::Column([0.8, 1.0, 2.0].into()))));
    let loaded = with_file(&fields("file: t.csv, column: ms, unit: 1ms"), csv).unwrap_or_else(|p| panic!("{p}"));
    assert_eq!(
        loaded.scenario.workloads[0].latency,
        Some(Latency::Duration(Distribution::Column([0.05, 0.1, 0.2].into())))
    );
    let problems = with_file(&fields("file: t.csv, column: ms"), csv).unwrap_err().problems;
    assert_eq!(
        problems[0].message,
        "row 1: the value is `100`: a duration needs a unit; add `unit: 1s` or `unit: 1ms`"
    );
}
