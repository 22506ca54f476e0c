//! The tables of a sweep as text cells, shared by the terminal, Markdown and HTML.

use super::{label_of, line_name, worded};
use crate::analysis::{Estimate, Knee, Point, Sweep, Tried};
use crate::report::number::{DASH, digits, duration_ms, or_dash, percent, percent_range, short};
use crate::report::recovery;
use crate::report::table::Table;
use serde_json::Value;

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

/// The point at these values of the first and the second axis, of those that were asked for.
pub fn point_at<'a>(sweep: &'a Sweep, first: &Value, second: &Value) -> Option<&'a Point> {
    let [one, other] = sweep.axes.as_slice() else { return None };
    let here = |point: &&Point| point.at.get(&one.path) == Some(first) && point.at.get(&other.path) == Some(second);
    sweep.points.iter().filter(|point| !point.added).find(here)
}

/// A word for each point over two axes: a row per value of the first, a column per line, and a star where the objectives
/// are met. `None` with one axis.
pub fn over_both(sweep: &Sweep, word: impl Fn(&Point) -> String) -> Option<Table<String>> {
    let [down, across] = sweep.axes.as_slice() else { return None };
    let cell = |row: &Value, column: &Value| match point_at(sweep, row, column) {
        Some(point) if point.meets => format!("{} *", word(point)),
        Some(point) => word(point),
        None => DASH.to_owned(),
    };
    let row = |row: &Value| {
        std::iter::once(label_of(row)).chain(across.values.iter().map(|column| cell(row, column))).collect()
    };
    Some(Table {
        header: std::iter::once(axis_name(sweep, 0)).chain(across.values.iter().map(label_of)).collect(),
        rows: down.values.iter().map(row).collect(),
        words: Vec::new(),
    })
}

/// The shares of attempts throttled [over both axes](over_both).
pub fn matrix(sweep: &Sweep) -> Option<Table<String>> {
    over_both(sweep, |point| or_dash(point.total.attempt_throttle_rate.mean, percent))
}

/// What [`matrix`] shows.
pub fn matrix_legend(sweep: &Sweep) -> String {
    over_both_legend(sweep, "share of attempts throttled")
}

/// What [`over_both`] shows, if `what` is in its cells.
pub fn over_both_legend(sweep: &Sweep, what: &str) -> String {
    let columns = sweep.axes.get(1).map_or_else(String::new, |axis| format!(", a column for each {}", axis.path));
    format!("{what}{columns} · *: meets the objectives")
}

/// What an axis is called in a sentence: the last words of its path, as many as tell it apart from the others and from
/// the scenario's `load`.
pub fn axis_name(sweep: &Sweep, index: usize) -> String {
    let Some(axis) = sweep.axes.get(index) else { return String::new() };
    let path = axis.path.as_str();
    let ends = |path: &str, name: &str| path == name || path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
    let unique = |name: &&str| {
        let others = sweep.axes.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, other)| other.path.as_str());
        path == *name || others.chain(["load"]).all(|other| !ends(other, name))
    };
    let starts = path.rmatch_indices('.').map(|(dot, _)| dot + 1).chain([0]);
    starts.map(|start| &path[start..]).find(unique).unwrap_or(path).to_owned()
}

/// The knees below which assumptions were tried.
pub fn tried_knees(sweep: &Sweep) -> Vec<&Knee> {
    sweep.knees.iter().filter(|knee| knee.load.is_some() && !knee.tried.is_empty()).collect()
}

/// The assumptions that were tried below any of some knees, by key.
pub fn assumption_keys<'a>(knees: &[&'a Knee]) -> Vec<&'a str> {
    let mut keys: Vec<&str> = Vec::new();
    for tried in knees.iter().flat_map(|knee| &knee.tried) {
        if !keys.contains(&tried.assumption.as_str()) {
            keys.push(&tried.assumption);
        }
    }
    keys
}

/// What came of an assumption below a knee.
pub fn tried_under<'a>(knee: &'a Knee, assumption: &str) -> Option<&'a Tried> {
    knee.tried.iter().find(|tried| tried.assumption == assumption)
}

/// What each assumption would change just below the knee of each line. `None` where no knee is known.
pub fn assumptions(sweep: &Sweep) -> Option<Table<String>> {
    let knees = tried_knees(sweep);
    let keys = assumption_keys(&knees);
    let title = |knee: &&Knee| {
        let name = line_name(sweep, &knee.at);
        let load = format!("load {}", digits(knee.load.unwrap_or(0.0) * Knee::TRIED_AT, 3));
        if name.is_empty() { load } else { format!("{name}, {load}") }
    };
    let cell = |knee: &Knee, key: &str| {
        let tried = tried_under(knee, key)?;
        let share = or_dash(tried.attempt_throttle_rate.mean, percent);
        Some(if tried.holds { format!("{share} *") } else { share })
    };
    let row = |key: &&str| {
        let cells = knees.iter().map(|knee| cell(knee, key).unwrap_or_else(|| DASH.to_owned()));
        std::iter::once((*key).to_owned()).chain(cells).collect()
    };
    (!keys.is_empty()).then(|| Table {
        header: std::iter::once("assumption".to_owned()).chain(knees.iter().map(title)).collect(),
        rows: keys.iter().map(row).collect(),
        words: vec![0],
    })
}
