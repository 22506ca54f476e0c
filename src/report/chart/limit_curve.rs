//! A share over the values of what was searched: throttled attempts by quota, with today's, the smallest that meets the
//! objectives, and the number to ask for.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, value};
use super::scale::{Scale, Tick};
use super::theme::{BLACK, BLUE, Colour, GREEN, SHADE, VERMILLION};
use crate::analysis::sizing::Curve;
use crate::report::number::{digits, percent, short};

/// Shares below this are drawn as if they were this, on the axis: a logarithm has no zero.
const FLOOR: f64 = 1e-4;
/// Above this ratio of its ends the axis is logarithmic.
const WIDE: f64 = 8.0;
/// Space right of the plot, in pixels.
const SIDE: f64 = 76.0;

/// The words around the chart are the caller's.
pub fn limit_curve(curve: &Curve, caption: Caption) -> Chart {
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 64.0,
            top: area.top + 68.0,
            right: area.right - SIDE,
            bottom: area.bottom - 52.0,
        };
        let places: Vec<f64> = curve.points.iter().map(|point| point.at).collect();
        let (Some(&least), Some(&most)) = (places.first(), places.last()) else {
            return plot.note(canvas, "Nothing was tried.");
        };
        let across = if least > 0.0 && most / least > WIDE {
            Scale::log([least, most], [plot.left, plot.right])
        } else {
            Scale::linear([least, most], [plot.left, plot.right])
        };
        // A little below the floor, so that what stands on it keeps clear of the axis.
        let up = Scale::log([FLOOR * 0.6, 1.0], [plot.bottom, plot.top]);
        if let Some(bound) = curve.bound {
            canvas.rectangle([plot.left, up.clamped(bound)], [plot.right, plot.bottom], SHADE, 1.0);
        }
        // The marks stand between the title and the plot.
        let title = format!("{} (logarithmic)", metric_words(&curve.metric));
        Panel { top: plot.top - 40.0, ..plot }.title(canvas, plot.left, &title);
        plot.rows(canvas, &up, &ticks());
        plot.columns(canvas, &across, &across.ticks(8));
        let measure = format!("{}, {} of {}", worded(&curve.limit), curve.limit, curve.of);
        let measure = if curve.of.is_empty() { worded(&curve.limit).to_owned() } else { measure };
        plot.column_labels(canvas, &across, &across.ticks(8), &measure);
        let mut occupied = Occupied::default();
        if let Some(bound) = curve.bound {
            let y = up.clamped(bound);
            canvas.dashed(&[[plot.left, y], [plot.right, y]], 8.0, 5.0, Pen::new(BLACK.fill, 1.5));
            canvas.text(&format!("SLO {}", percent(bound)), [plot.right + 8.0, y + 5.0], Type::plain(BLACK.ink));
        }
        let drawn = draw_points(canvas, &across, &up, curve);
        occupied.mark_line(&drawn, 6.0);
        for (x, name, colour) in marks(curve) {
            let x = across.clamped(x);
            canvas.dashed(&[[x, plot.bottom], [x, plot.top - 4.0]], 3.0, 4.0, Pen::new(colour.fill, 2.0));
            let look = value(colour.ink).strong();
            let rows = [-14.0, -32.0].map(|dy| plot.top + dy);
            let sides = [Align::Centre, Align::Left, Align::Right];
            let places: Vec<_> = rows.iter().flat_map(|&y| sides.map(|side| ([x, y], side))).collect();
            let bounds = [plot.left - 60.0, plot.top - 42.0, plot.right + SIDE, plot.top];
            occupied.place(canvas, &name, look, &places, bounds);
        }
    })
}

fn draw_points(canvas: &Canvas<'_>, across: &Scale, up: &Scale, curve: &Curve) -> Vec<[f64; 2]> {
    let height = |share: f64| up.clamped(share.max(FLOOR));
    let measured: Vec<_> = curve.points.iter().filter_map(|point| Some((point, point.value.mean?))).collect();
    let ends = |of: usize| -> Vec<[f64; 2]> {
        let end = |&(point, mean): &(&crate::analysis::sizing::CurvePoint, f64)| {
            // The rule of three for what was never seen would draw a band over nothing.
            let interval = point.value.ci95.filter(|_| mean > 0.0);
            [across.at(point.at), height(interval.map_or(mean, |ends| ends[of]))]
        };
        measured.iter().map(end).collect()
    };
    let outline: Vec<[f64; 2]> = ends(1).into_iter().chain(ends(0).into_iter().rev()).collect();
    canvas.polygon(&outline, BLUE.fill, 0.22);
    let line: Vec<[f64; 2]> = measured.iter().map(|&(point, mean)| [across.at(point.at), height(mean)]).collect();
    canvas.line(&line, Pen::new(BLUE.fill, 2.5));
    for (&at, (point, _)) in line.iter().zip(&measured) {
        canvas.dot(at, 4.5, if point.meets { GREEN.fill } else { VERMILLION.fill });
    }
    line
}

/// What is marked: a place, its label, its colour.
fn marks(curve: &Curve) -> Vec<(f64, String, Colour)> {
    let written = |x: f64| if curve.limit == "load" { digits(x, 3) } else { short(x) };
    let mut marks = vec![(curve.today, format!("today {}", written(curve.today)), BLACK)];
    if let Some(answer) = curve.answer {
        let name = if curve.limit.contains("per_") { "needs" } else { "meets up to" };
        marks.push((answer, format!("{name} {}", written(answer)), BLUE));
    }
    if let Some(request) = curve.request {
        marks.push((request, format!("ask for {}", written(request)), GREEN));
    }
    marks
}

fn ticks() -> Vec<Tick> {
    [(FLOOR, "0"), (1e-3, "0.1%"), (1e-2, "1%"), (1e-1, "10%"), (1.0, "100%")]
        .map(|(value, label)| Tick { value, label: label.to_owned() })
        .into()
}

/// A metric as people say it.
pub(in crate::report) fn metric_words(metric: &str) -> &'static str {
    match metric {
        "attempt_throttle_rate" => "Attempts throttled",
        "request_throttle_rate" => "Requests throttled",
        "request_failure_rate" => "Requests failed",
        "truncation_rate" => "Answers cut short",
        "quota_truncation_rate" => "Answers cut short by the quota",
        _ => "Share",
    }
}

/// What varies, as people say it.
fn worded(limit: &str) -> &'static str {
    match limit {
        "load" => "traffic, times the scenario's",
        "max_tokens" => "output limit",
        "workers" => "workers",
        _ => "quota",
    }
}
