//! What the charts of the page show, as data for its script.

use crate::analysis::{Comparison, Estimate, Percentiles, PoolTimeline, Summary, Sweep};
use crate::report::chart::charged_per_minute;
use crate::report::chart::theme::{BLACK, BLUE, Colour, GREEN, ORANGE, VERMILLION, variant};
use crate::report::compare::{metrics_of, spoken};
use crate::report::number::{digits, percent};
use crate::report::sweep::{label_of, lines, worded};
use serde::Serialize;
use serde_json::Value;

/// One chart.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Plot {
    /// Lines or points over an axis.
    Lines(Lines),
    /// Cells over two axes.
    Heat(Heat),
}

/// Lines or points over an axis.
#[derive(Debug, Default, Serialize)]
pub(super) struct Lines {
    id: String,
    title: String,
    note: String,
    x: Across,
    y: Up,
    series: Vec<Series>,
    rules: Vec<Rule>,
    marks: Vec<Mark>,
}

/// The horizontal axis: numbers, or the places of categories.
#[derive(Debug, Default, Serialize)]
struct Across {
    label: String,
    format: &'static str,
    values: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    categories: Option<Vec<String>>,
    log: bool,
}

/// The vertical axis.
#[derive(Debug, Default, Serialize)]
struct Up {
    format: &'static str,
    log: bool,
    /// Shares over four decades, zero on the floor.
    floor: bool,
}

/// One line.
#[derive(Debug, Default, Serialize)]
struct Series {
    name: String,
    colour: String,
    values: Vec<Option<f64>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<Vec<Option<f64>>>,
    points: bool,
    joined: bool,
    fill: bool,
}

/// A bound.
#[derive(Debug, Serialize)]
struct Rule {
    value: f64,
    label: String,
}

/// A ring with a label.
#[derive(Debug, Serialize)]
struct Mark {
    x: f64,
    y: f64,
    colour: String,
    label: String,
}

/// Cells over two axes, rows from below.
#[derive(Debug, Serialize)]
pub(super) struct Heat {
    id: String,
    kind: &'static str,
    title: String,
    note: String,
    x: String,
    y: String,
    columns: Vec<String>,
    rows: Vec<String>,
    cells: Vec<Vec<Cell>>,
}

/// One cell.
#[derive(Debug, Serialize)]
struct Cell {
    value: Option<f64>,
    meets: bool,
}

fn css(colour: Colour) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.fill.0, colour.fill.1, colour.fill.2)
}

/// A line of estimates with their intervals; what was never seen has none to draw.
fn estimates(name: String, colour: Colour, estimates: &[Estimate]) -> Series {
    let end = |index: usize| {
        let of = |estimate: &Estimate| estimate.ci95.filter(|_| estimate.mean != Some(0.0)).map(|ends| ends[index]);
        Some(estimates.iter().map(of).collect())
    };
    Series {
        name,
        colour: css(colour),
        values: estimates.iter().map(|estimate| estimate.mean).collect(),
        low: end(0),
        high: end(1),
        points: true,
        joined: true,
        ..Series::default()
    }
}

/// The charts of a comparison.
pub(super) fn of_comparison(
    comparison: &Comparison,
    chosen: usize,
    before: &[PoolTimeline],
    after: &[PoolTimeline],
) -> Vec<Plot> {
    let mut plots = vec![Plot::Lines(outcomes(comparison)), Plot::Lines(latency(comparison))];
    let names = |index: usize| comparison.variants.get(index).map(spoken).unwrap_or_default();
    plots.extend(before.iter().map(|timeline| Plot::Lines(over_time(timeline, &names(0), "before"))));
    plots.extend(after.iter().map(|timeline| Plot::Lines(over_time(timeline, &names(chosen), "after"))));
    plots
}

fn outcomes(comparison: &Comparison) -> Lines {
    let metrics: Vec<_> = comparison.variants.iter().map(|each| metrics_of(comparison, each)).collect();
    let series = |name: &str, colour: Colour, of: fn(&crate::analysis::Metrics) -> Estimate| Series {
        joined: false,
        ..estimates(name.to_owned(), colour, &metrics.iter().map(|metrics| of(metrics)).collect::<Vec<_>>())
    };
    let slo = comparison.variants.first().map_or(&[][..], |first| &first.slo);
    let rule = |metric: &str, name: &str| {
        let found = slo.iter().find(|outcome| outcome.text.contains(metric))?;
        Some(Rule { value: found.bound, label: format!("{name} below {}", percent(found.bound)) })
    };
    let mut rules: Vec<Rule> = [rule("attempt_throttle_rate", "throttled"), rule("truncation_rate", "cut short")]
        .into_iter()
        .flatten()
        .collect();
    if let [one, other] = rules.as_slice()
        && one.value == other.value
    {
        rules = vec![Rule { value: one.value, label: format!("SLO: both below {}", percent(one.value)) }];
    }
    Lines {
        id: "outcomes".to_owned(),
        title: "Throttled, cut short, failed".to_owned(),
        note: "Logarithmic; 95% intervals. A smaller output limit reserves less and cuts more answers short."
            .to_owned(),
        x: Across {
            label: if comparison.workload.is_some() { "max_tokens" } else { "variant" }.to_owned(),
            format: "number",
            values: (0..comparison.variants.len()).map(|index| index as f64).collect(),
            categories: Some(comparison.variants.iter().map(|each| each.name.clone()).collect()),
            log: false,
        },
        y: Up { format: "percent", log: true, floor: true },
        series: vec![
            series("attempts throttled", VERMILLION, |metrics| metrics.attempt_throttle_rate),
            series("answers cut short", BLUE, |metrics| metrics.truncation_rate),
            series("requests failed", BLACK, |metrics| metrics.request_failure_rate),
        ],
        rules,
        marks: Vec::new(),
    }
}

fn percentiles(name: String, colour: Colour, of: Percentiles) -> Series {
    Series {
        name,
        colour: css(colour),
        values: vec![of.p50, of.p90, of.p95, of.p99, of.p999],
        points: true,
        joined: true,
        ..Series::default()
    }
}

fn latency_lines(series: Vec<Series>) -> Lines {
    Lines {
        id: "latency".to_owned(),
        title: "Latency: arrival to the whole answer".to_owned(),
        note: "Successful requests, retries and waiting included.".to_owned(),
        x: Across {
            label: "percentile".to_owned(),
            format: "number",
            values: (0..5).map(f64::from).collect(),
            categories: Some(["p50", "p90", "p95", "p99", "p99.9"].map(str::to_owned).into()),
            log: false,
        },
        y: Up { format: "duration", log: true, floor: false },
        series,
        ..Lines::default()
    }
}

fn latency(comparison: &Comparison) -> Lines {
    let all = comparison.variants.iter().enumerate();
    let series =
        all.map(|(index, each)| percentiles(spoken(each), variant(index), metrics_of(comparison, each).latency_ms));
    latency_lines(series.collect())
}

fn over_time(timeline: &PoolTimeline, name: &str, id: &str) -> Lines {
    let points = &timeline.points;
    let line = |name: &str, colour: Colour, fill: bool, of: &dyn Fn(usize) -> Option<f64>| Series {
        name: name.to_owned(),
        colour: css(colour),
        values: (0..points.len()).map(of).collect(),
        joined: true,
        fill,
        ..Series::default()
    };
    let charged = charged_per_minute(points);
    let title = if name.is_empty() { String::new() } else { format!(" with {name}") };
    Lines {
        id: format!("{id}-{}", timeline.pool),
        title: format!("What fills {}{title}", timeline.pool),
        note: "Replication 1.".to_owned(),
        x: Across {
            label: "simulated time".to_owned(),
            format: "minutes",
            values: points.iter().map(|point| point.to_s / 60.0).collect(),
            ..Across::default()
        },
        y: Up { format: "number", ..Up::default() },
        series: vec![
            line("reserved, open", ORANGE, true, &|at| Some(points[at].reserved_open as f64)),
            line("charged in the last minute", BLUE, false, &|at| Some(charged[at])),
            line("quota per minute", BLACK, false, &|at| points[at].quota.map(|quota| quota as f64)),
            line("left in the limiter", GREEN, false, &|at| points[at].available.map(|left| left.max(0) as f64)),
            line("attempts throttled", VERMILLION, false, &|at| Some(points[at].throttled as f64)),
        ],
        ..Lines::default()
    }
}

/// The charts of a run.
pub(super) fn of_run(summary: &Summary, timelines: &[PoolTimeline]) -> Vec<Plot> {
    let workloads = summary.workloads.iter().enumerate();
    let series = workloads.map(|(index, (name, of))| percentiles(name.clone(), variant(index), of.latency_ms));
    let latency = Plot::Lines(latency_lines(series.collect()));
    let pools = timelines.iter().map(|timeline| Plot::Lines(over_time(timeline, "", "pool")));
    pools.chain([latency]).collect()
}

/// The charts of a sweep.
pub(super) fn of_sweep(sweep: &Sweep) -> Vec<Plot> {
    let mut plots = vec![
        Plot::Lines(along(sweep, "throttled", "Attempts throttled", "percent", |point| {
            point.total.attempt_throttle_rate
        })),
        Plot::Lines(along(sweep, "goodput", "Complete answers in time, per minute", "number", |point| {
            point.total.goodput_requests_per_minute
        })),
        Plot::Lines(along(sweep, "p99", "Latency, 99th percentile", "duration", |point| Estimate {
            mean: point.total.latency_ms.p99,
            ..Estimate::default()
        })),
    ];
    plots.extend(heat(sweep).map(Plot::Heat));
    plots
}

fn along(
    sweep: &Sweep,
    id: &str,
    title: &str,
    format: &'static str,
    of: fn(&crate::analysis::Point) -> Estimate,
) -> Lines {
    let axis = &sweep.axes[0];
    let place = |point: &crate::analysis::Point| point.at.get(&axis.path).cloned().unwrap_or(Value::Null);
    let numeric = axis.values.iter().all(Value::is_number);
    let mut values: Vec<f64> = if numeric {
        sweep.points.iter().filter_map(|point| place(point).as_f64()).collect()
    } else {
        (0..axis.values.len()).map(|index| index as f64).collect()
    };
    values.sort_by(f64::total_cmp);
    values.dedup();
    let position = |point: &crate::analysis::Point| {
        if numeric {
            place(point).as_f64()
        } else {
            axis.values.iter().position(|value| *value == place(point)).map(|index| index as f64)
        }
    };
    let lines = lines(sweep);
    let series = lines.iter().enumerate().map(|(index, line)| {
        let name = match sweep.axes.get(1) {
            Some(axis) => {
                let value = line[0].at.get(&axis.path).map_or_else(String::new, label_of);
                format!("{} {value}", axis.path.rsplit('.').next().unwrap_or_default())
            }
            None => title.to_lowercase(),
        };
        let at =
            |x: &f64| line.iter().find(|point| position(point) == Some(*x)).map(|point| of(point)).unwrap_or_default();
        estimates(name, variant(index), &values.iter().map(at).collect::<Vec<_>>())
    });
    let throttled = id == "throttled";
    let bound = sweep.throttle_bound.filter(|_| throttled);
    let knees = sweep.knees.iter().enumerate().filter(|_| throttled).filter_map(|(index, knee)| {
        let load = knee.load.filter(|load| values.first() <= Some(load) && Some(load) <= values.last())?;
        Some(Mark { x: load, y: bound.unwrap_or(0.0), colour: css(variant(index)), label: digits(load, 3) })
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
        rules: bound.map(|bound| Rule { value: bound, label: format!("SLO {}", percent(bound)) }).into_iter().collect(),
        marks: knees.collect(),
        x: Across {
            label: worded(&axis.path),
            format: "number",
            log: numeric
                && values.first() > Some(&0.0)
                && values.last() > values.first().map(|least| least * 30.0).as_ref(),
            categories: (!numeric).then(|| axis.values.iter().map(label_of).collect()),
            values,
        },
        y: Up { format, log: format == "duration", floor: false },
    }
}

fn heat(sweep: &Sweep) -> Option<Heat> {
    let [across, up] = sweep.axes.as_slice() else { return None };
    let cell = |column: &Value, row: &Value| {
        let at = |point: &&crate::analysis::Point| {
            !point.added && point.at.get(&across.path) == Some(column) && point.at.get(&up.path) == Some(row)
        };
        let point = sweep.points.iter().find(at);
        Cell {
            value: point.and_then(|point| point.total.attempt_throttle_rate.mean),
            meets: point.is_some_and(|point| point.meets),
        }
    };
    Some(Heat {
        id: "heat".to_owned(),
        kind: "heat",
        title: format!("Attempts throttled by {} and {}", worded(&across.path), up.path),
        note: "Framed: meets the objectives.".to_owned(),
        x: across.path.clone(),
        y: up.path.clone(),
        columns: across.values.iter().map(label_of).collect(),
        rows: up.values.iter().map(label_of).collect(),
        cells: up.values.iter().map(|row| across.values.iter().map(|column| cell(column, row)).collect()).collect(),
    })
}
