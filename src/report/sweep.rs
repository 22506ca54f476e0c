//! A sweep for people and programs: text, Markdown, CSV, JSON.

use super::markdown;
use super::number::{count, digits, duration_ms, or_dash, percent, percent_range, short};
use super::table::{Table, provenance_of};
use super::text::{FAINT, STRONG, Style, align, pack, wrap};
use super::{csv, text};
use crate::analysis::{Estimate, Knee, Point, Sweep};
use serde_json::Value;
use std::fmt::Write as _;

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(sweep: &Sweep) -> String {
    provenance(sweep).join(" · ")
}

fn provenance(sweep: &Sweep) -> [String; 4] {
    let [name, seed, version, times] = provenance_of(
        &sweep.scenario,
        sweep.seed,
        &sweep.quotasim_version,
        sweep.replications,
        [sweep.horizon_s, sweep.warmup_s],
    );
    [name, seed, version, format!("up to {times}")]
}

/// A value of an axis as it is read: `0.75`, `1,024`, `unset`.
pub fn label_of(value: &Value) -> String {
    match (value, value.as_u64()) {
        (_, Some(whole)) => count(whole),
        (Value::Number(number), None) => number.as_f64().map_or_else(|| number.to_string(), |real| digits(real, 3)),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// The name of an axis as it is read.
pub fn worded(path: &str) -> String {
    match path {
        "load" => "offered load (times the scenario's traffic)".to_owned(),
        path => path.to_owned(),
    }
}

/// The points line by line: runs that share the value of the second axis.
pub fn lines(sweep: &Sweep) -> Vec<Vec<&Point>> {
    let beside = |point: &Point| sweep.axes.get(1).and_then(|axis| point.at.get(&axis.path).cloned());
    let mut lines: Vec<Vec<&Point>> = Vec::new();
    for point in &sweep.points {
        match lines.last_mut() {
            Some(line) if beside(line[0]) == beside(point) => line.push(point),
            _ => lines.push(vec![point]),
        }
    }
    lines
}

/// The answer: where the knees are.
pub fn headline(sweep: &Sweep) -> String {
    let knee = |knee: &Knee| match (knee.load, &knee.note) {
        (Some(load), _) => format!("up to a load of {}", digits(load, 3)),
        (None, Some(note)) => format!("{note} (load)"),
        (None, None) => "at no load".to_owned(),
    };
    let objectives = sweep.objectives.join(", ");
    match (sweep.knees.as_slice(), sweep.axes.get(1)) {
        ([], _) => {
            let met = sweep.points.iter().filter(|point| point.meets).count();
            format!("{met} of {} points meet {objectives}.", sweep.points.len())
        }
        ([one], None) => format!("The scenario meets {objectives} {}.", knee(one)),
        (knees, second) => {
            let name = second.map_or("", |axis| axis.path.rsplit('.').next().unwrap_or_default());
            let each: Vec<String> = knees
                .iter()
                .map(|each| {
                    let value = second.and_then(|axis| each.at.get(&axis.path)).map_or_else(String::new, label_of);
                    format!("{name} {value} {}", knee(each))
                })
                .collect();
            format!("Meets {objectives}: {}.", each.join("; "))
        }
    }
}

/// One row per point.
pub fn points(sweep: &Sweep) -> Table {
    let row = |point: &Point| {
        let total = &point.total;
        let at = |index: usize| {
            sweep.axes.get(index).and_then(|axis| point.at.get(&axis.path)).map_or_else(String::new, label_of)
        };
        let interval = |of: Estimate| of.ci95.map_or_else(String::new, percent_range);
        vec![
            at(1),
            at(0),
            or_dash(total.attempt_throttle_rate.mean, percent),
            interval(total.attempt_throttle_rate),
            or_dash(total.request_failure_rate.mean, percent),
            or_dash(total.truncation_rate.mean, percent),
            or_dash(total.latency_ms.p99, duration_ms),
            or_dash(total.goodput_requests_per_minute.mean, short),
            if point.meets { "yes" } else { "no" }.to_owned(),
        ]
    };
    let mut table = Table {
        header: vec!["line", "at", "throttled", "95% CI", "failed", "cut", "p99", "good/min", "meets"],
        rows: sweep.points.iter().map(row).collect(),
        words: vec![0],
    };
    if sweep.axes.len() < 2 {
        table.header.remove(0);
        table.rows.iter_mut().for_each(|row| drop(row.remove(0)));
        table.words.clear();
    }
    table
}

/// What the columns `line` and `at` hold.
pub fn legend(sweep: &Sweep) -> String {
    let at = format!("at: {}", worded(&sweep.axes[0].path));
    match sweep.axes.get(1) {
        Some(second) => format!("line: {} · {at}", second.path),
        None => at,
    }
}

/// The sweep as text, ending in a newline.
pub fn text(sweep: &Sweep, style: &Style) -> String {
    let mut lines: Vec<String> = wrap(&headline(sweep), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    lines.push(String::new());
    lines.extend(align(&points(sweep), *style));
    lines.extend(wrap(&legend(sweep), "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.extend(text::foundations(&sweep.assumptions, &sweep.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(sweep), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// The sweep for a pull request.
pub fn markdown(sweep: &Sweep) -> String {
    let mut text = format!("**{}**\n\n", markdown::escape(&headline(sweep)));
    text += &markdown::rows(&points(sweep));
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&legend(sweep)));
    text += &markdown::foundations(&sweep.assumptions, &sweep.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(sweep)));
    text
}

/// One row per point: the axes, then each metric with its interval.
pub fn csv(sweep: &Sweep) -> String {
    type Of = fn(&Point) -> Estimate;
    const METRICS: [(&str, Of); 10] = [
        ("attempt_throttle_rate", |point| point.total.attempt_throttle_rate),
        ("request_throttle_rate", |point| point.total.request_throttle_rate),
        ("request_failure_rate", |point| point.total.request_failure_rate),
        ("truncation_rate", |point| point.total.truncation_rate),
        ("attempts_per_request", |point| point.total.attempts_per_request),
        ("offered_requests_per_minute", |point| point.total.offered_requests_per_minute),
        ("offered_tokens_per_minute", |point| point.total.offered_tokens_per_minute),
        ("goodput_requests_per_minute", |point| point.total.goodput_requests_per_minute),
        ("goodput_output_tokens_per_minute", |point| point.total.goodput_output_tokens_per_minute),
        ("cost_usd_per_hour", |point| point.total.cost_usd_per_hour),
    ];
    let mut header: Vec<String> = sweep.axes.iter().map(|axis| axis.path.clone()).collect();
    header.extend(["replications".to_owned(), "meets".to_owned()]);
    for (name, _) in METRICS {
        header.extend([name.to_owned(), format!("{name}.ci_low"), format!("{name}.ci_high")]);
    }
    header.extend(["latency_ms.p50", "latency_ms.p99", "wait_ms.p50", "wait_ms.p99"].map(str::to_owned));
    let mut table = csv::Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for point in &sweep.points {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut row: Vec<String> =
            sweep.axes.iter().map(|axis| point.at.get(&axis.path).map_or_else(String::new, plain)).collect();
        row.extend([point.replications.to_string(), point.meets.to_string()]);
        for (_, of) in METRICS {
            let estimate = of(point);
            row.extend([
                number(estimate.mean),
                number(estimate.ci95.map(|[low, _]| low)),
                number(estimate.ci95.map(|[_, high]| high)),
            ]);
        }
        let total = &point.total;
        let ends = [total.latency_ms.p50, total.latency_ms.p99, total.wait_ms.all.p50, total.wait_ms.all.p99];
        row.extend(ends.map(number));
        table.row(&row);
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_sweep_as_text_and_markdown() {
        let result = fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]);
        insta::assert_snapshot!(format!("{}\n{}", text(&result, &Style::PLAIN), markdown(&result)));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let result = fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]);
        for line in text(&result, &Style::PLAIN).lines() {
            assert!(line.chars().count() <= text::WIDTH, "{line}");
        }
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        let csv = csv(&fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]));
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{csv}");
    }
}
