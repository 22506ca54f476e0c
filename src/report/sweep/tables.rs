//! The tables of a sweep as text cells, shared by the terminal, Markdown and HTML.

use super::{label_of, line_name, worded};
use crate::analysis::{Estimate, Knee, Point, Sweep};
use crate::report::number::{DASH, digits, duration_ms, or_dash, percent, percent_range, short};
use crate::report::recovery;
use crate::report::table::Table;

/// One row per point.
pub fn points(sweep: &Sweep) -> Table {
    let row = |point: &Point| {
        let total = &point.total;
        let at = |index: usize| {
            sweep.axes.get(index).and_then(|axis| point.at.get(&axis.path)).map_or_else(String::new, label_of)
        };
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
    recovery::add_column(&mut table, sweep);
    table
}

/// An interval of shares; the rule of three on what was never seen says how long the run was, and nothing else.
fn interval(of: Estimate) -> String {
    match of.mean {
        Some(0.0) => "none seen".to_owned(),
        _ => of.ci95.map_or_else(|| DASH.to_owned(), percent_range),
    }
}

/// What the columns `line` and `at` hold.
pub fn legend(sweep: &Sweep) -> String {
    let at = format!("at: {}", worded(&sweep.axes[0].path));
    match sweep.axes.get(1) {
        None if recovery::finding(sweep).is_some() => format!("{at} · afterwards: {}", recovery::WORDS_LEGEND),
        Some(second) => format!("line: {} · {at}", second.path),
        None => at,
    }
}

/// The shares of attempts throttled over two axes: a row per value of the first, a column per line. `None` with one
/// axis.
pub fn matrix(sweep: &Sweep) -> Option<Table<String>> {
    let [across, up] = sweep.axes.as_slice() else { return None };
    let cell = |column: &serde_json::Value, row: &serde_json::Value| {
        let at = |point: &&Point| point.at.get(&across.path) == Some(row) && point.at.get(&up.path) == Some(column);
        let point = sweep.points.iter().find(at)?;
        let share = or_dash(point.total.attempt_throttle_rate.mean, percent);
        Some(if point.meets { format!("{share} *") } else { share })
    };
    let row = |row: &serde_json::Value| {
        let cells = up.values.iter().map(|column| cell(column, row).unwrap_or_else(|| DASH.to_owned()));
        std::iter::once(label_of(row)).chain(cells).collect()
    };
    Some(Table {
        header: std::iter::once(short_name(&across.path)).chain(up.values.iter().map(label_of)).collect(),
        rows: across.values.iter().map(row).collect(),
        words: Vec::new(),
    })
}

/// What [`matrix`] shows.
pub fn matrix_legend(sweep: &Sweep) -> String {
    let columns = sweep.axes.get(1).map_or_else(String::new, |axis| format!(", a column for each {}", axis.path));
    format!("share of attempts throttled{columns} · *: meets the objectives")
}

/// The last word of a path.
pub fn short_name(path: &str) -> String {
    path.rsplit('.').next().unwrap_or_default().to_owned()
}

/// What each assumption would change just below the knee of each line. `None` where no knee is known.
pub fn assumptions(sweep: &Sweep) -> Option<Table<String>> {
    let known: Vec<(&Knee, f64)> =
        sweep.knees.iter().filter_map(|knee| Some((knee, knee.load? * Knee::TRIED_AT))).collect();
    let (first, _) = known.first()?;
    let title = |&(knee, load): &(&Knee, f64)| {
        let name = line_name(sweep, &knee.at);
        let load = format!("load {}", digits(load, 3));
        if name.is_empty() { load } else { format!("{name}, {load}") }
    };
    let row = |index: usize| {
        let cells = known.iter().map(|(knee, _)| {
            let tried = &knee.tried[index];
            let share = or_dash(tried.attempt_throttle_rate.mean, percent);
            if tried.holds { format!("{share} *") } else { share }
        });
        std::iter::once(first.tried[index].assumption.clone()).chain(cells).collect()
    };
    Some(Table {
        header: std::iter::once("assumption".to_owned()).chain(known.iter().map(title)).collect(),
        rows: (0..first.tried.len()).map(row).collect(),
        words: vec![0],
    })
}
