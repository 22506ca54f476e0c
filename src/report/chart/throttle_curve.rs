//! The throttling curve: the share of attempts throttled along a field, usually the load, a line per value of another.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, SideLabel, beside, value};
use super::scale::{Scale, Tick};
use super::theme::{BLACK, Colour, MUTED, variant};
use crate::analysis::{Knee, Point, Sweep};
use crate::report::number::{digits, percent, short};
use crate::report::setting::Setting;
use crate::report::sweep::{axis_name, footer, label_of, lines, worded};
use crate::units::format;
use serde_json::Value;

/// Space for labels right of the plot, in pixels.
const SIDE: f64 = 190.0;
/// More lines than this are labelled with their names only.
const DETAILED: usize = 8;
/// Above this ratio of its ends an axis is logarithmic.
const WIDE: f64 = 30.0;

/// Throttled attempts along the first axis with their intervals, a line per value of the second, with the objective,
/// the knees, and the load at which the whole quota is charged.
pub fn throttle_curve(sweep: &Sweep, setting: &Setting) -> Chart {
    let caption = Caption { title: finding(sweep), subtitle: subtitle(sweep, setting), footer: footer(sweep) };
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 60.0,
            top: area.top + 34.0,
            right: area.right - SIDE,
            bottom: area.bottom - 56.0,
        };
        let lines = lines(sweep);
        let axis = Across::of(sweep, [plot.left, plot.right]);
        let highest = sweep
            .points
            .iter()
            .filter_map(|point| {
                Some(point.total.attempt_throttle_rate.ci95?[1].max(point.total.attempt_throttle_rate.mean?))
            })
            .chain(sweep.throttle_bound.map(|bound| bound * 2.0))
            .fold(0.02, f64::max);
        let up = Scale::linear([0.0, (highest * 1.06).min(1.0)], [plot.bottom, plot.top]);
        plot.title(canvas, plot.left, "Attempts throttled");
        plot.rows(canvas, &up, &up.percent_ticks(6));
        plot.columns(canvas, &axis.scale, &axis.ticks);
        plot.column_labels(canvas, &axis.scale, &axis.ticks, &worded(&sweep.axes[0].path));
        let mut occupied = Occupied::default();
        draw_full_quota(canvas, plot, &axis, sweep, &mut occupied);
        let drawn: Vec<Vec<[f64; 2]>> =
            lines.iter().enumerate().map(|(index, line)| draw_line(canvas, &axis, &up, line, variant(index))).collect();
        for line in &drawn {
            occupied.mark_line(line, 4.0);
        }
        if let Some(bound) = sweep.throttle_bound {
            let y = up.at(bound);
            canvas.dashed(&[[plot.left, y], [plot.right, y]], 8.0, 5.0, Pen::new(BLACK.fill, 1.5));
            occupied.mark([plot.left, y - 2.0], [plot.right, y + 2.0]);
        }
        draw_knees(canvas, plot, &axis, &up, sweep, &mut occupied);
        if let Some(bound) = sweep.throttle_bound {
            let y = up.at(bound);
            let places: Vec<_> = [0.005, 0.25, 0.5, 0.75]
                .into_iter()
                .flat_map(|share| {
                    let x = plot.left + share * (plot.right - plot.left);
                    [-13.0, -24.0].map(|dy| ([x, y + dy], Align::Left))
                })
                .collect();
            let bounds = [plot.left, plot.top, plot.right, plot.bottom + 4.0];
            occupied.place(canvas, &format!("SLO {}", percent(bound)), Type::plain(BLACK.ink), &places, bounds);
        }
        let labels = lines.iter().zip(&drawn).enumerate().filter_map(|(index, (line, drawn))| {
            let name = sweep.axes.get(1).map_or_else(
                || "all attempts".to_owned(),
                |axis| line[0].at.get(&axis.path).map_or_else(String::new, label_of),
            );
            let knee = sweep.knees.get(index).filter(|_| lines.len() <= DETAILED).map(knee_words);
            Some(SideLabel { y: drawn.last()?[1], name, detail: knee.into_iter().collect(), ink: variant(index).ink })
        });
        let labels = labels.collect();
        if sweep.axes.len() > 1 {
            let look = Type::plain(MUTED);
            let name = axis_name(sweep, 1);
            canvas.text(&look.shorten(&name, SIDE - 14.0), [plot.right + 14.0, plot.top - 20.0], look);
        }
        beside(canvas, plot.right + 14.0, SIDE - 14.0, [plot.top - 2.0, plot.bottom + 10.0], labels);
    })
}

/// The horizontal axis: numbers in their places, or words one beside the other.
struct Across {
    path: String,
    scale: Scale,
    ticks: Vec<Tick>,
    words: Vec<Value>,
    /// Whether its values come one after the other: numbers, with at most a word for the last.
    ordered: bool,
}

impl Across {
    fn of(sweep: &Sweep, pixels: [f64; 2]) -> Across {
        let axis = &sweep.axes[0];
        let numbers: Option<Vec<f64>> = axis.values.iter().map(Value::as_f64).collect();
        if let Some(numbers) = numbers.filter(|numbers| numbers.len() > 1) {
            let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
            let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let log = least > 0.0 && most / least > WIDE;
            let scale = if log { Scale::log([least, most], pixels) } else { Scale::linear([least, most], pixels) };
            let ticks = scale.ticks(8);
            return Across { path: axis.path.clone(), scale, ticks, words: Vec::new(), ordered: true };
        }
        let count = axis.values.len() as f64;
        let scale = Scale::linear([-0.5, count - 0.5], pixels);
        let room = (pixels[1] - pixels[0]) / count - 12.0;
        let label = |value: &Value| Type::plain(MUTED).shorten(&label_of(value), room);
        let tick = |(index, value): (usize, &Value)| Tick { value: index as f64, label: label(value) };
        let ticks = axis.values.iter().enumerate().map(tick).collect();
        Across { path: axis.path.clone(), scale, ticks, words: axis.values.clone(), ordered: axis.is_ordered() }
    }

    fn of_point(&self, point: &Point) -> Option<f64> {
        let value = point.at.get(&self.path)?;
        if self.words.is_empty() {
            return Some(self.scale.at(value.as_f64()?));
        }
        self.words.iter().position(|word| word == value).map(|index| self.scale.at(index as f64))
    }
}

/// Draws a line with its interval and returns its points in pixels.
fn draw_line(canvas: &Canvas<'_>, axis: &Across, up: &Scale, line: &[&Point], colour: Colour) -> Vec<[f64; 2]> {
    let measured: Vec<(f64, f64, Option<[f64; 2]>)> = line
        .iter()
        .filter_map(|point| {
            let rate = point.total.attempt_throttle_rate;
            // The rule of three for what was never seen would draw a band over nothing.
            let interval = rate.ci95.filter(|_| rate.mean != Some(0.0));
            Some((axis.of_point(point)?, rate.mean?, interval))
        })
        .collect();
    let upper = measured.iter().map(|&(x, mean, ci)| [x, up.clamped(ci.map_or(mean, |[_, high]| high))]);
    let lower = measured.iter().map(|&(x, mean, ci)| [x, up.clamped(ci.map_or(mean, |[low, _]| low))]);
    let outline: Vec<[f64; 2]> = upper.chain(lower.collect::<Vec<_>>().into_iter().rev()).collect();
    let points: Vec<[f64; 2]> = measured.iter().map(|&(x, mean, _)| [x, up.clamped(mean)]).collect();
    if axis.ordered {
        canvas.polygon(&outline, colour.fill, 0.22);
        canvas.line(&points, Pen::new(colour.fill, 2.5));
    } else {
        // Between words there is nothing to draw a line through.
        for (&[x, _], &(_, _, interval)) in points.iter().zip(&measured) {
            let ends = interval.map(|ends| ends.map(|end| [x, up.clamped(end)]));
            canvas.line(&ends.unwrap_or_default(), Pen { opacity: 0.6, ..Pen::new(colour.fill, 3.0) });
        }
    }
    for &point in &points {
        canvas.dot(point, 3.5, colour.fill);
    }
    points
}

fn draw_knees(canvas: &Canvas<'_>, plot: Panel, axis: &Across, up: &Scale, sweep: &Sweep, occupied: &mut Occupied) {
    let [from, to] = axis.scale.range();
    for (index, knee) in sweep.knees.iter().enumerate() {
        let Some(load) = knee.load.filter(|load| (from..=to).contains(load)) else { continue };
        let colour = variant(index);
        let (x, y) = (axis.scale.at(load), up.at(sweep.throttle_bound.unwrap_or(0.0)));
        canvas.ring([x, y], 6.5, Pen::new(colour.fill, 3.0));
        occupied.mark([x - 8.0, y - 8.0], [x + 8.0, y + 8.0]);
        // Knees that fall together are labelled once; the labels beside the lines say each.
        let same = |other: &Knee| other.load.is_some_and(|other| (axis.scale.at(other) - x).abs() < 3.0);
        if sweep.knees[..index].iter().any(same) {
            continue;
        }
        let look = value(colour.ink).strong();
        let bounds = [plot.left + 2.0, plot.top, plot.right, plot.bottom - 2.0];
        let places: Vec<_> = [-18.0, -36.0, -54.0, -72.0]
            .into_iter()
            .flat_map(|dy| [([x, y + dy], Align::Centre), ([x - 10.0, y + dy], Align::Right)])
            .collect();
        occupied.place(canvas, &digits(load, 3), look, &places, bounds);
    }
}

/// Where the offered tokens are all that the quota allows: to the right no setting can serve everything.
fn draw_full_quota(canvas: &Canvas<'_>, plot: Panel, axis: &Across, sweep: &Sweep, occupied: &mut Occupied) {
    let Some(load) = full_quota(sweep).filter(|load| (axis.scale.range()[0]..=axis.scale.range()[1]).contains(load))
    else {
        return;
    };
    let x = axis.scale.at(load);
    canvas.dashed(&[[x, plot.bottom], [x, plot.top]], 3.0, 4.0, Pen::new(BLACK.fill, 1.5));
    occupied.mark([x - 2.0, plot.top], [x + 2.0, plot.bottom]);
    let places = [([x - 6.0, plot.top + 9.0], Align::Right), ([x + 6.0, plot.top + 9.0], Align::Left)];
    let bounds = [plot.left, plot.top - 6.0, plot.right, plot.bottom];
    occupied.place(canvas, "quota: all of it charged", Type::plain(BLACK.ink), &places, bounds);
}

/// The load at which the busiest pool's quota is all charged, where lines agree on it within a tenth.
pub(in crate::report) fn full_quota(sweep: &Sweep) -> Option<f64> {
    if sweep.axes[0].path != "load" {
        return None;
    }
    let loads: Vec<f64> = sweep
        .points
        .iter()
        .filter_map(|point| Some(point.at.get("load")?.as_f64()? / point.offered_utilization?))
        .filter(|load| load.is_finite() && *load > 0.0)
        .collect();
    let least = loads.iter().copied().reduce(f64::min)?;
    let most = loads.iter().copied().reduce(f64::max)?;
    // Cutting answers short saves quota, so lines may differ; the mean of those that agree is said.
    (most / least < 1.35).then(|| loads.iter().sum::<f64>() / loads.len() as f64)
}

fn knee_words(knee: &Knee) -> String {
    match (knee.load, &knee.note) {
        (Some(load), _) => format!("meets SLO to {}", digits(load, 3)),
        (None, Some(note)) => note.clone(),
        (None, None) => String::new(),
    }
}

fn finding(sweep: &Sweep) -> String {
    let best = sweep.knees.iter().enumerate().filter_map(|(index, knee)| Some((index, knee.load?)));
    let Some((_, most)) = best.clone().max_by(|a, b| a.1.total_cmp(&b.1)) else {
        let path = worded(&sweep.axes[0].path);
        return match sweep.axes.get(1) {
            Some(second) => format!("Throttled attempts by {path} and {}", worded(&second.path)),
            None => format!("Throttled attempts by {path}"),
        };
    };
    let least = best.clone().map(|(_, load)| load).fold(f64::INFINITY, f64::min);
    match sweep.axes.get(1) {
        Some(second) if sweep.knees.len() > 1 => {
            let value = |load: f64| {
                let near = |knee: &&Knee| knee.load.is_some_and(|other| (other / load - 1.0).abs() < 0.01);
                let values = sweep.knees.iter().filter(near).filter_map(|knee| knee.at.get(&second.path).map(label_of));
                values.collect::<Vec<_>>()
            };
            let (name, best) = (axis_name(sweep, 1), value(most));
            let verb = if best.len() == 1 { "sustains" } else { "sustain" };
            let best = format!("{name} {} {verb} {} times the load", format::list(&best), digits(most, 3));
            if most / least < 1.01 {
                best
            } else {
                format!("{best}, {name} {} only {}", format::list(&value(least)), digits(least, 3))
            }
        }
        _ => format!("The objectives are met up to {} times the load", digits(most, 3)),
    }
}

fn subtitle(sweep: &Sweep, setting: &Setting) -> String {
    let mut parts = vec![setting.models().join(", ")];
    parts.extend(setting.limiters());
    if let Some(one) = sweep.points.iter().find(|point| point.at.get("load").and_then(Value::as_f64) == Some(1.0)) {
        let requests = one.total.offered_requests_per_minute.mean.map_or_else(String::new, short);
        parts.push(format!("load 1 is {requests} requests/min"));
    }
    parts.push("bands: 95% intervals".to_owned());
    let [from, to] = Across::of(sweep, [0.0, 1.0]).scale.range();
    if sweep.knees.iter().filter_map(|knee| knee.load).any(|load| (from..=to).contains(&load)) {
        parts.push("rings: highest load that meets the SLO".to_owned());
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
