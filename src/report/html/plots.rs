//! What the charts of the page show, as data for its script.

pub(super) mod sizing;

use crate::analysis::recovery::{Afterwards, Recovery, State, Trouble};
use crate::analysis::{Comparison, Estimate, Knee, Percentiles, Point, PoolTimeline, Summary, Sweep};
use crate::report::chart::theme::{BLACK, BLUE, Colour, GREEN, GREY, ORANGE, VERMILLION, state_colour, variant};
use crate::report::chart::{
    Price, SHARE_FLOOR, charged_per_minute, full_quota, latency_bounds, pareto_front, share_bounds, shares,
};
use crate::report::compare::{metrics_of, name_of, spoken};
use crate::report::number::{digits, duration_ms, percent};
use crate::report::recovery;
use crate::report::setting::{LatencyObjective, Setting};
use crate::report::sweep::{axis_name, label_of, line_name, lines, point_at, worded};
use plotters::style::RGBColor;
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

impl Lines {
    /// Whether anything was measured that it could show.
    fn shows_something(&self) -> bool {
        self.series.iter().any(|series| series.values.iter().any(Option::is_some))
    }
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
    /// Shares over four decades, zero on the floor.
    floor: bool,
}

/// The vertical axis.
#[derive(Debug, Default, Serialize)]
struct Up {
    format: &'static str,
    log: bool,
    /// Shares over four decades, zero on the floor.
    floor: bool,
    /// Where it ends, where two charts are to be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    most: Option<f64>,
}

/// One line.
#[derive(Debug, Default, Serialize)]
struct Series {
    name: String,
    colour: String,
    values: Vec<Option<f64>>,
    look: Look,
    /// Whether a hover leaves it out.
    silent: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    low: Option<Vec<Option<f64>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    high: Option<Vec<Option<f64>>>,
}

/// How a series is drawn.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
enum Look {
    /// A line.
    #[default]
    Line,
    /// A line through dots.
    Dotted,
    /// Dots alone.
    Dots,
    /// An area from zero up.
    Area,
    /// An area that stands on the series before.
    Stacked,
    /// Ticks along the upper edge, where it is not zero.
    Ticks,
}

/// A bound.
#[derive(Debug, Serialize)]
struct Rule {
    value: f64,
    label: String,
    /// Whether it bounds the horizontal axis.
    across: bool,
}

impl Rule {
    fn up(value: f64, label: String) -> Rule {
        Rule { value, label, across: false }
    }
}

/// A label at a point, with a ring around it where it is the one to look at.
#[derive(Debug, Serialize)]
struct Mark {
    x: f64,
    y: f64,
    colour: String,
    /// The label's colour, which needs more contrast.
    ink: String,
    label: String,
    ring: bool,
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
    /// The share that is its colour, where it has no word.
    value: Option<f64>,
    meets: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    word: Option<Word>,
}

/// A word with a colour of its own.
#[derive(Debug, Serialize)]
struct Word {
    text: String,
    colour: String,
    /// Whether the text is dark.
    dark: bool,
}

fn css(colour: Colour) -> String {
    hexadecimal(colour.fill)
}

fn hexadecimal(colour: RGBColor) -> String {
    format!("#{:02x}{:02x}{:02x}", colour.0, colour.1, colour.2)
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
        look: Look::Dotted,
        silent: false,
    }
}

/// The charts of a comparison.
pub(super) fn of_comparison(
    comparison: &Comparison,
    setting: &Setting,
    chosen: usize,
    before: &[PoolTimeline],
    after: &[PoolTimeline],
) -> Vec<Plot> {
    let lines = [trade_off(comparison), outcomes(comparison), latency(comparison, setting)];
    let mut plots: Vec<Plot> = lines.into_iter().filter(Lines::shows_something).map(Plot::Lines).collect();
    let names = |index: usize| comparison.variants.get(index).map(spoken).unwrap_or_default();
    for (index, after) in after.iter().enumerate() {
        let pair = [(before.get(index), names(0), "before"), (Some(after), names(chosen), "after")];
        let most = pair.iter().filter_map(|(timeline, ..)| timeline.map(highest)).fold(0.0, f64::max);
        plots.extend(pair.iter().filter_map(|(timeline, name, id)| {
            let chart = over_time((*timeline)?, name, id);
            Some(Plot::Lines(Lines { y: Up { most: Some(most), ..chart.y }, ..chart }))
        }));
    }
    plots
}

/// What is paid against throttling, a point per variant.
fn trade_off(comparison: &Comparison) -> Lines {
    let price = Price::of(comparison);
    // Points that stand at the same place of the axis are told together.
    let place = |share: f64| share.max(SHARE_FLOOR);
    let points: Vec<Option<[f64; 2]>> = comparison.variants.iter().map(|each| shares(comparison, each)).collect();
    let mut places: Vec<f64> = points.iter().flatten().map(|&[paid, _]| place(paid)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let at = |x: f64, y: f64| places.iter().map(|&place| (place == x).then_some(y)).collect::<Vec<_>>();
    let measured = || comparison.variants.iter().zip(&points).enumerate();
    let variants = measured().filter_map(|(index, (each, point))| {
        let [paid, throttled] = (*point)?;
        Some(Series {
            name: spoken(each),
            colour: css(variant(index)),
            values: at(place(paid), throttled),
            look: Look::Dots,
            ..Series::default()
        })
    });
    let front = pareto_front(&points);
    let line = Series {
        name: "Pareto front".to_owned(),
        silent: true,
        colour: css(GREY),
        values: places
            .iter()
            .map(|&x| front.iter().find(|[paid, _]| place(*paid) == x).map(|&[_, throttled]| throttled))
            .collect(),
        ..Series::default()
    };
    let marks = measured().filter_map(|(index, (each, point))| {
        let [paid, throttled] = (*point)?;
        let recommended = comparison.recommendation.variant.as_ref() == Some(&each.name);
        Some(Mark {
            x: place(paid),
            y: place(throttled),
            colour: css(if recommended { GREEN } else { variant(index) }),
            ink: hexadecimal(if recommended { GREEN } else { variant(index) }.ink),
            label: if recommended { format!("{} *", name_of(each)) } else { name_of(each) },
            ring: recommended,
        })
    });
    let [paid, throttled] = share_bounds(comparison, price);
    let rules = [
        throttled.map(|bound| Rule::up(bound, format!("SLO {}", percent(bound)))),
        paid.map(|bound| Rule { value: bound, label: format!("SLO {}", percent(bound)), across: true }),
    ];
    Lines {
        id: "trade-off".to_owned(),
        title: format!("Attempts throttled against {}", price.words()),
        note: "Logarithmic. The best lies at the lower left; the ring marks the recommendation.".to_owned(),
        series: std::iter::once(line).filter(|_| front.len() > 1).chain(variants).collect(),
        rules: rules.into_iter().flatten().collect(),
        marks: marks.collect(),
        x: Across {
            label: price.words().to_owned(),
            format: "percent",
            values: places,
            log: true,
            floor: true,
            ..Across::default()
        },
        y: Up { format: "percent", log: true, floor: true, ..Up::default() },
    }
}

fn outcomes(comparison: &Comparison) -> Lines {
    let metrics: Vec<_> = comparison.variants.iter().map(|each| metrics_of(comparison, each)).collect();
    let series = |name: &str, colour: Colour, of: fn(&crate::analysis::Metrics) -> Estimate| Series {
        look: Look::Dots,
        ..estimates(name.to_owned(), colour, &metrics.iter().map(|metrics| of(metrics)).collect::<Vec<_>>())
    };
    let [failed, _] = share_bounds(comparison, Price::Failed);
    let rules = match share_bounds(comparison, Price::Cut) {
        [Some(truncated), Some(throttled)] if truncated == throttled && failed.is_none() => {
            vec![Rule::up(throttled, format!("SLO: both below {}", percent(throttled)))]
        }
        [truncated, throttled] => [(throttled, "throttled"), (truncated, "cut short"), (failed, "failed")]
            .into_iter()
            .filter_map(|(bound, name)| Some(Rule::up(bound?, format!("{name} below {}", percent(bound?)))))
            .collect(),
    };
    Lines {
        id: "outcomes".to_owned(),
        title: "Throttled, cut short, failed".to_owned(),
        note: if comparison.workload.is_some() {
            "Logarithmic; 95% intervals. A smaller output limit reserves less and cuts more answers short.".to_owned()
        } else {
            "Logarithmic; 95% intervals.".to_owned()
        },
        x: Across {
            label: if comparison.workload.is_some() { "max_tokens" } else { "variant" }.to_owned(),
            format: "number",
            values: (0..comparison.variants.len()).map(|index| index as f64).collect(),
            categories: Some(comparison.variants.iter().map(name_of).collect()),
            ..Across::default()
        },
        y: Up { format: "percent", log: true, floor: true, ..Up::default() },
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
        look: Look::Dotted,
        ..Series::default()
    }
}

/// Lines over percentiles, without those that nothing was measured of, and the bounds on them.
fn latency_lines(mut series: Vec<Series>, bounds: &[&LatencyObjective]) -> Lines {
    const COLUMNS: [&str; 5] = ["p50", "p90", "p95", "p99", "p99.9"];
    let measured = |at: &usize| series.iter().any(|line| line.values[*at].is_some());
    let count = (0..COLUMNS.len()).rev().find(measured).map_or(1, |last| last + 1);
    for line in &mut series {
        line.values.truncate(count);
    }
    let rule = |bound: &&LatencyObjective| {
        Rule::up(
            bound.bound_ms,
            format!("SLO {} {}", bound.percentile.replace("p999", "p99.9"), duration_ms(bound.bound_ms)),
        )
    };
    Lines {
        id: "latency".to_owned(),
        title: "Latency: arrival to the whole answer".to_owned(),
        note: "Successful requests, retries and waiting included.".to_owned(),
        x: Across {
            label: "percentile".to_owned(),
            format: "number",
            values: (0..count).map(|at| at as f64).collect(),
            categories: Some(COLUMNS[..count].iter().map(|&name| name.to_owned()).collect()),
            ..Across::default()
        },
        y: Up {
            format: "duration",
            log: true,
            most: bounds.iter().map(|bound| bound.bound_ms).reduce(f64::max),
            ..Up::default()
        },
        series,
        rules: bounds.iter().map(rule).collect(),
        ..Lines::default()
    }
}

fn latency(comparison: &Comparison, setting: &Setting) -> Lines {
    let all = comparison.variants.iter().enumerate();
    let series =
        all.map(|(index, each)| percentiles(spoken(each), variant(index), metrics_of(comparison, each).latency_ms));
    latency_lines(series.collect(), &latency_bounds(comparison, setting))
}

/// What fills a pool over time: charged in the last minute, and reserved now on top, against the quota.
fn over_time(timeline: &PoolTimeline, name: &str, id: &str) -> Lines {
    let points = &timeline.points;
    let charged = charged_per_minute(points);
    let title = if name.is_empty() { String::new() } else { format!(" with {name}") };
    Lines {
        id: format!("{id}-{}", timeline.pool),
        title: format!("What fills {}{title}", timeline.pool),
        note: "Replication 1. Quota tokens charged in the last minute, and reserved now on top; ticks above: attempts \
               throttled."
            .to_owned(),
        x: minutes(timeline),
        y: Up { format: "number", ..Up::default() },
        series: vec![
            Series {
                look: Look::Area,
                ..through(timeline, "charged in the last minute", BLUE, &|at| Some(charged[at]))
            },
            Series {
                look: Look::Stacked,
                ..through(timeline, "reserved now", ORANGE, &|at| Some(points[at].reserved_open as f64))
            },
            through(timeline, "quota per minute", BLACK, &|at| points[at].quota.map(|quota| quota as f64)),
            Series {
                look: Look::Ticks,
                ..through(timeline, "attempts throttled", VERMILLION, &|at| Some(points[at].throttled as f64))
            },
        ],
        ..Lines::default()
    }
}

/// What the limiter of a pool has left over time; `None` without one.
fn left(timeline: &PoolTimeline) -> Option<Lines> {
    let points = &timeline.points;
    points.iter().find_map(|point| point.available)?;
    let available = |at: usize| points[at].available.map(|left| left.max(0) as f64);
    Some(Lines {
        id: format!("left-{}", timeline.pool),
        title: format!("What the limiter of {} has left", timeline.pool),
        note: "Replication 1. Attempts that would reserve more than this are throttled.".to_owned(),
        x: minutes(timeline),
        y: Up { format: "number", ..Up::default() },
        series: vec![
            Series { look: Look::Area, ..through(timeline, "left in the limiter", GREEN, &available) },
            through(timeline, "the most it holds", BLACK, &|at| points[at].capacity.map(|most| most as f64)),
        ],
        ..Lines::default()
    })
}

fn minutes(timeline: &PoolTimeline) -> Across {
    Across {
        label: "simulated time".to_owned(),
        format: "minutes",
        values: timeline.points.iter().map(|point| point.to_s / 60.0).collect(),
        ..Across::default()
    }
}

fn through(timeline: &PoolTimeline, name: &str, colour: Colour, of: &dyn Fn(usize) -> Option<f64>) -> Series {
    Series {
        name: name.to_owned(),
        colour: css(colour),
        values: (0..timeline.points.len()).map(of).collect(),
        ..Series::default()
    }
}

/// The highest that [`over_time`] draws.
fn highest(timeline: &PoolTimeline) -> f64 {
    let charged = charged_per_minute(&timeline.points);
    let stacked = charged.iter().zip(&timeline.points).map(|(charged, point)| charged + point.reserved_open as f64);
    let quotas = timeline.points.iter().filter_map(|point| point.quota).map(|quota| quota as f64);
    stacked.chain(quotas).fold(0.0, f64::max)
}

/// The charts of a run.
pub(super) fn of_run(summary: &Summary, setting: &Setting, timelines: &[PoolTimeline]) -> Vec<Plot> {
    let workloads = summary.workloads.iter().enumerate();
    let series = workloads.map(|(index, (name, of))| percentiles(name.clone(), variant(index), of.latency_ms));
    let bounds: Vec<_> = setting.objectives.iter().filter(|bound| !bound.first_token).collect();
    let latency = latency_lines(series.collect(), &bounds);
    let pools = timelines.iter().flat_map(|timeline| [Some(over_time(timeline, "", "pool")), left(timeline)]);
    let afterwards = summary.recovery.iter().map(trouble);
    afterwards.chain(pools.flatten()).chain([latency]).filter(Lines::shows_something).map(Plot::Lines).collect()
}

/// Requests in trouble over time, with the disturbance and without it.
fn trouble(recovery: &Recovery) -> Lines {
    let series = |name: &str, colour: Colour, of: fn(&Trouble) -> Option<f64>| Series {
        name: name.to_owned(),
        colour: css(colour),
        values: recovery.curve.iter().map(of).collect(),
        ..Series::default()
    };
    let [from, to] = [recovery.from_s, recovery.to_s].map(|seconds| duration_ms(seconds * 1e3));
    Lines {
        id: "trouble".to_owned(),
        title: "Requests in trouble, by time of arrival".to_owned(),
        note: format!("{}; disturbed from {from} to {to}; all replications.", recovery::LEGEND),
        x: Across {
            label: "simulated time".to_owned(),
            format: "minutes",
            values: recovery.curve.iter().map(|point| point.from_s / 60.0).collect(),
            ..Across::default()
        },
        y: Up { format: "percent", ..Up::default() },
        series: vec![
            series("disturbed", VERMILLION, |point| point.share),
            series("left in peace", BLUE, |point| point.undisturbed),
        ],
        ..Lines::default()
    }
}

/// The charts of a sweep.
pub(super) fn of_sweep(sweep: &Sweep) -> Vec<Plot> {
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
