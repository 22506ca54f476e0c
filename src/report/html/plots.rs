//! What the charts of the page show, as data for its script.

mod comparison;
mod run;
pub(super) mod sizing;
mod sweep;

pub(super) use comparison::of_comparison;
pub(super) use run::of_run;
pub(super) use sweep::of_sweep;

use crate::analysis::{Estimate, Percentiles};
use crate::report::chart::theme::Colour;
use crate::report::number::duration_ms;
use crate::report::setting::LatencyObjective;
use plotters::style::RGBColor;
use serde::Serialize;

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
