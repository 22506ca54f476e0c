//! The charts of a sweep.

use super::{Across, Cell, Heat, Lines, Look, Mark, Plot, Rule, Series, Up, Word, css, estimates, hexadecimal};
use crate::analysis::recovery::{Afterwards, State};
use crate::analysis::{Estimate, Knee, Point, Sweep};
use crate::report::chart::full_quota;
use crate::report::chart::theme::{state_colour, variant};
use crate::report::number::{digits, percent};
use crate::report::recovery;
use crate::report::sweep::{axis_name, label_of, line_name, lines, point_at, worded};
use serde_json::Value;

/// The charts of a sweep.
pub(in crate::report::html) fn of_sweep(sweep: &Sweep) -> Vec<Plot> {
    let lines = [
        along(sweep, "throttled", "Attempts throttled", "percent", |point| point.total.attempt_throttle_rate),
        along(sweep, "goodput", "Complete answers in time, per minute", "number", |point| {
            point.total.goodput_requests_per_minute
        }),
        latency_along(sweep),
    ];
    let shown = lines.into_iter().filter(Lines::shows_something).map(Plot::Lines);
    // Where something disturbs, what becomes of it afterwards is the answer.
    states(sweep).map(Plot::Heat).into_iter().chain(shown).chain(heat(sweep).map(Plot::Heat)).collect()
}

/// The latency along a sweep: its 99th percentile, or the highest that every point has answers enough for.
fn latency_along(sweep: &Sweep) -> Lines {
    type Of = fn(&Point) -> Estimate;
    fn plain(mean: Option<f64>) -> Estimate {
        Estimate { mean, ..Estimate::default() }
    }
    const PERCENTILES: [(&str, Of); 4] = [
        ("Latency, 99th percentile", |point| plain(point.total.latency_ms.p99)),
        ("Latency, 95th percentile", |point| plain(point.total.latency_ms.p95)),
        ("Latency, 90th percentile", |point| plain(point.total.latency_ms.p90)),
        ("Latency, median", |point| plain(point.total.latency_ms.p50)),
    ];
    let known = |of: Of| sweep.points.iter().filter(|point| of(point).mean.is_some()).count();
    let most = PERCENTILES.iter().map(|&(_, of)| known(of)).max().unwrap_or(0);
    let &(title, of) = PERCENTILES.iter().find(|&&(_, of)| known(of) == most).unwrap_or(&PERCENTILES[0]);
    along(sweep, "latency", title, "duration", of)
}

fn along(sweep: &Sweep, id: &str, title: &str, format: &'static str, of: fn(&Point) -> Estimate) -> Lines {
    let axis = &sweep.axes[0];
    let place = |point: &Point| point.at.get(&axis.path).cloned().unwrap_or(Value::Null);
    let numeric = axis.values.iter().all(Value::is_number);
    let mut values: Vec<f64> = if numeric {
        sweep.points.iter().filter_map(|point| place(point).as_f64()).collect()
    } else {
        (0..axis.values.len()).map(|index| index as f64).collect()
    };
    values.sort_by(f64::total_cmp);
    values.dedup();
    let position = |point: &Point| {
        if numeric {
            place(point).as_f64()
        } else {
            axis.values.iter().position(|value| *value == place(point)).map(|index| index as f64)
        }
    };
    let lines = lines(sweep);
    let series = lines.iter().enumerate().map(|(index, line)| {
        let name = match line_name(sweep, &line[0].at) {
            name if name.is_empty() => title.to_lowercase(),
            name => name,
        };
        let at =
            |x: &f64| line.iter().find(|point| position(point) == Some(*x)).map(|point| of(point)).unwrap_or_default();
        let line = estimates(name, variant(index), &values.iter().map(at).collect::<Vec<_>>());
        Series { look: if axis.is_ordered() { line.look } else { Look::Dots }, ..line }
    });
    let throttled = id == "throttled";
    let bound = sweep.throttle_bound.filter(|_| throttled);
    let quota =
        full_quota(sweep).map(|load| Rule { value: load, label: "all of the quota charged".to_owned(), across: true });
    let knees = sweep.knees.iter().enumerate().filter(|_| throttled).filter_map(|(index, knee)| {
        let load = knee.load.filter(|load| values.first() <= Some(load) && Some(load) <= values.last())?;
        // Knees that fall together are labelled once.
        let same = |other: &Knee| other.load.is_some_and(|other| (other / load - 1.0).abs() < 0.01);
        let labelled = sweep.knees[..index].iter().any(same);
        Some(Mark {
            x: load,
            y: bound.unwrap_or(0.0),
            colour: css(variant(index)),
            ink: hexadecimal(variant(index).ink),
            label: if labelled { String::new() } else { digits(load, 3) },
            ring: true,
        })
    });
    Lines {
        id: id.to_owned(),
        title: title.to_owned(),
        note: if throttled && !sweep.knees.is_empty() {
            "Bands are 95% intervals; rings mark the highest load that meets the objectives.".to_owned()
        } else {
            String::new()
        },
        series: series.collect(),
        rules: bound.map(|bound| Rule::up(bound, format!("SLO {}", percent(bound)))).into_iter().chain(quota).collect(),
        marks: knees.collect(),
        x: Across {
            label: worded(&axis.path),
            format: "number",
            log: numeric
                && values.first() > Some(&0.0)
                && values.last() > values.first().map(|least| least * 30.0).as_ref(),
            categories: (!numeric).then(|| axis.values.iter().map(label_of).collect()),
            values,
            floor: false,
        },
        y: Up { format, log: format == "duration", ..Up::default() },
    }
}

/// What becomes of each point over two axes after the disturbance, if there is one.
fn states(sweep: &Sweep) -> Option<Heat> {
    sweep.points.iter().find(|point| point.recovery.is_some())?;
    let word = |after: Afterwards| Word {
        text: recovery::cell(after),
        colour: css(state_colour(after.state)),
        dark: after.state == State::Degraded,
    };
    let chart = over_both(sweep, "states", "After the disturbance", |point| Cell {
        value: None,
        meets: point.is_some_and(|point| point.meets),
        word: point.and_then(|point| point.recovery).map(word),
    });
    chart.map(|chart| Heat { note: format!("{} {LEGEND_OF_STATES}", chart.note), ..chart })
}

/// What the words of [`states`] mean.
const LEGEND_OF_STATES: &str = "Stable: as well as without the disturbance. Degraded: no worse than without it, which is \
     not well. 3/4: in 3 of 4 replications, else in all.";

fn heat(sweep: &Sweep) -> Option<Heat> {
    over_both(sweep, "heat", "Attempts throttled", |point| Cell {
        value: point.and_then(|point| point.total.attempt_throttle_rate.mean),
        meets: point.is_some_and(|point| point.meets),
        word: None,
    })
}

/// A cell for each point over two axes.
fn over_both(sweep: &Sweep, id: &str, what: &str, cell: impl Fn(Option<&Point>) -> Cell) -> Option<Heat> {
    let [across, up] = sweep.axes.as_slice() else { return None };
    let cell = |column: &Value, row: &Value| cell(point_at(sweep, column, row));
    Some(Heat {
        id: id.to_owned(),
        kind: "heat",
        title: format!("{what}, by {} and {}", worded(&across.path), up.path),
        note: "Within the heavy line the objectives are met.".to_owned(),
        x: axis_name(sweep, 0),
        y: axis_name(sweep, 1),
        columns: across.values.iter().map(label_of).collect(),
        rows: up.values.iter().map(label_of).collect(),
        cells: up.values.iter().map(|row| across.values.iter().map(|column| cell(column, row)).collect()).collect(),
    })
}
