//! A sweep for people and programs: text, Markdown, CSV, JSON.

mod tables;

pub use tables::{assumptions, legend, matrix, matrix_legend, points, short_name};

use super::compare::capital;
use super::number::{count, digits};
use super::table::provenance_of;
use super::text::{FAINT, STRONG, Style, WIDTH, align, pack, wrap};
use super::{csv, text};
use super::{markdown, recovery};
use crate::analysis::{Estimate, Knee, Point, Sweep};
use crate::units::format;
use serde_json::{Map, Value};
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

/// What a line is called: `max_tokens 1,024`; nothing where there is one only.
pub fn line_name(sweep: &Sweep, at: &Map<String, Value>) -> String {
    let Some(axis) = sweep.axes.get(1) else { return String::new() };
    let value = at.get(&axis.path).map_or_else(String::new, label_of);
    format!("{} {value}", short_name(&axis.path))
}

/// The answer: whether it comes back, where something disturbs, and where the knees are.
pub fn headline(sweep: &Sweep) -> String {
    let knees = found(sweep);
    match (&sweep.client, recovery::finding(sweep)) {
        (Some(client), Some(finding)) => format!("With {client}: {finding}. {knees}"),
        (Some(client), None) => format!("With {client}: {knees}"),
        (None, Some(finding)) => format!("{}. {knees}", capital(&finding)),
        (None, None) => knees,
    }
}

fn found(sweep: &Sweep) -> String {
    let objectives = match sweep.objectives.as_slice() {
        [] => "the objectives".to_owned(),
        several => several.join(", "),
    };
    if sweep.knees.is_empty() {
        return format!("{} of {} points meet {objectives}{}.", met(sweep).len(), sweep.points.len(), where_met(sweep));
    }
    let Some(axis) = sweep.axes.get(1) else {
        return format!("The scenario meets {objectives} {}.", reach(&sweep.knees[0]));
    };
    // Lines that reach equally far are named together.
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for knee in &sweep.knees {
        let (far, value) = (reach(knee), knee.at.get(&axis.path).map_or_else(String::new, label_of));
        match groups.iter_mut().find(|(known, _)| *known == far) {
            Some((_, values)) => values.push(value),
            None => groups.push((far, vec![value])),
        }
    }
    let name = short_name(&axis.path);
    let each = groups.into_iter().map(|(far, values)| format!("{name} {} {far}", format::list(&values)));
    format!("Meets {objectives}: {}.", each.collect::<Vec<_>>().join("; "))
}

/// `up to a load of 2.07`, or what else is known of a knee.
fn reach(knee: &Knee) -> String {
    match (knee.load, &knee.note) {
        (Some(load), _) => format!("up to a load of {}", digits(load, 3)),
        (None, Some(note)) => format!("{note} (load)"),
        (None, None) => "at no load".to_owned(),
    }
}

fn met(sweep: &Sweep) -> Vec<&Point> {
    sweep.points.iter().filter(|point| point.meets).collect()
}

/// `, at tokens_per_minute 800k to 2M`: which of the values of a single axis do, if some do and others do not.
fn where_met(sweep: &Sweep) -> String {
    let [axis] = sweep.axes.as_slice() else { return String::new() };
    let met = met(sweep);
    if met.is_empty() || met.len() == sweep.points.len() {
        return String::new();
    }
    let label = |point: &Point| point.at.get(&axis.path).map_or_else(String::new, label_of);
    let runs = sweep.points.chunk_by(|one, other| one.meets == other.meets).filter(|run| run[0].meets);
    let words = runs.map(|run| match run {
        [one] => label(one),
        [first, .., last] => format!("{} to {}", label(first), label(last)),
        [] => String::new(),
    });
    format!(", at {} {}", short_name(&axis.path), format::list(&words.collect::<Vec<_>>()))
}

/// At which share of the knee which assumptions were tried, and what came of it, in a sentence. Empty without knees.
pub fn survival(sweep: &Sweep) -> String {
    let known: Vec<&Knee> = sweep.knees.iter().filter(|knee| !knee.tried.is_empty()).collect();
    let Some(first) = known.first() else { return String::new() };
    let all = first.tried.len();
    let mut groups: Vec<(Vec<String>, Vec<String>)> = Vec::new();
    for knee in known {
        let flips = knee.tried.iter().filter(|tried| !tried.holds).map(|tried| format!("`{}`", tried.assumption));
        let (flips, name) = (flips.collect::<Vec<_>>(), line_name(sweep, &knee.at));
        match groups.iter_mut().find(|(known, _)| *known == flips) {
            Some((_, names)) => names.push(name),
            None => groups.push((flips, vec![name])),
        }
    }
    let words = groups.into_iter().map(|(flips, names)| {
        let who = match names.as_slice() {
            [one] if one.is_empty() => "it".to_owned(),
            names => format::list(names),
        };
        let verb = if names.len() == 1 { "holds" } else { "hold" };
        match flips.len() {
            0 => format!("{who} {verb} under all {all} tried"),
            flipped => {
                format!("{who} {verb} under {} of {all} tried, not under {}", all - flipped, format::list(&flips))
            }
        }
    });
    format!("Other assumptions, at nine tenths of the highest load: {}.", words.collect::<Vec<_>>().join("; "))
}

/// The sweep as text, ending in a newline.
pub fn text(sweep: &Sweep, style: &Style) -> String {
    let mut lines: Vec<String> = wrap(&headline(sweep), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    let survival = survival(sweep);
    if !survival.is_empty() {
        lines.extend(wrap(&survival, "", ""));
    }
    lines.push(String::new());
    let fits =
        |rows: &[String]| rows.iter().all(|row| anstream::adapter::strip_str(row).to_string().chars().count() <= WIDTH);
    let (rows, legend) = match matrix(sweep).map(|matrix| align(&matrix, *style)).filter(|rows| fits(rows)) {
        Some(rows) => (rows, format!("{} · all metrics: --format csv", matrix_legend(sweep))),
        None => (align(&points(sweep), *style), legend(sweep)),
    };
    lines.extend(rows);
    lines.extend(wrap(&legend, "", "").iter().map(|line| style.paint(FAINT, line)));
    if let Some(map) = recovery::map(sweep) {
        lines.push(String::new());
        lines.extend(map.lines());
        lines.extend(wrap(map.legend(), "", "").iter().map(|line| style.paint(FAINT, line)));
    }
    lines.extend(text::foundations(&sweep.assumptions, &sweep.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(sweep), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// The sweep for a pull request.
pub fn markdown(sweep: &Sweep) -> String {
    let mut text = format!("**{}**\n\n", markdown::prose(&headline(sweep)));
    let survival = survival(sweep);
    if !survival.is_empty() {
        let _ = write!(text, "{}\n\n", markdown::prose(&survival));
    }
    let all = format!("{}\n<sub>{}</sub>\n", markdown::rows(&points(sweep)), markdown::escape(&legend(sweep)));
    match matrix(sweep) {
        Some(matrix) => {
            text += &markdown::rows(&matrix);
            let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&matrix_legend(sweep)));
            let _ = write!(text, "\n<details><summary>All points</summary>\n\n{all}\n</details>\n");
        }
        None => text += &all,
    }
    if let Some(map) = recovery::map(sweep) {
        let _ = write!(text, "\n{}\n<sub>{}</sub>\n", map.markdown(), markdown::escape(map.legend()));
    }
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
    let mut header: Vec<String> = sweep.client.iter().map(|_| "client".to_owned()).collect();
    header.extend(sweep.axes.iter().map(|axis| axis.path.clone()));
    header.extend(["replications".to_owned(), "meets".to_owned()]);
    for (name, _) in METRICS {
        header.extend([name.to_owned(), format!("{name}.ci_low"), format!("{name}.ci_high")]);
    }
    header.extend(["latency_ms.p50", "latency_ms.p99", "wait_ms.p50", "wait_ms.p99"].map(str::to_owned));
    header.extend(recovery::CSV_HEADER.map(str::to_owned));
    let mut table = csv::Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for point in &sweep.points {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut row: Vec<String> = sweep.client.iter().cloned().collect();
        row.extend(sweep.axes.iter().map(|axis| point.at.get(&axis.path).map_or_else(String::new, plain)));
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
        row.extend(recovery::csv_cells(point.recovery));
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
