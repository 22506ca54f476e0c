//! Latency percentiles: how long answers and their first tokens take, from the typical to the unlucky one.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, SideLabel, beside, value};
use super::scale::Scale;
use super::theme::{AXIS, BLACK, Colour, GRID, MUTED, SERIES, TEXT, VERMILLION};
use crate::analysis::{Percentiles, Summary};
use crate::report::number::{duration_ms, percent};
use crate::report::setting::{LatencyObjective, Setting};
use crate::report::table::{provenance, times};

/// The percentiles across the chart, and what each means.
const COLUMNS: [(&str, &str, &str); 5] = [
    ("p50", "p50", "1 of 2"),
    ("p90", "p90", "9 of 10"),
    ("p95", "p95", "19 of 20"),
    ("p99", "p99", "99 of 100"),
    ("p999", "p99.9", "999 of 1,000"),
];
/// Space for labels right of a panel, in pixels.
const SIDE: f64 = 170.0;
/// Above this many workloads whole answers and first tokens have a panel each.
const MOST_TOGETHER: usize = 2;
/// Above this many workloads only the slowest are drawn.
const MOST_WORKLOADS: usize = SERIES.len();

/// One line of the chart.
struct Series<'a> {
    workload: &'a str,
    first_token: bool,
    values: [Option<f64>; 5],
    colour: Colour,
}

/// Latency and time to first token of each workload at five percentiles, with the objectives drawn in.
pub fn latency(summary: &Summary, setting: &Setting) -> Chart {
    let series = series(summary);
    let hidden = summary.workloads.len() - drawn(summary).len();
    let caption = Caption {
        title: finding(summary),
        subtitle: subtitle(summary, setting, hidden),
        footer: provenance(summary).join(" · "),
    };
    Chart::new(caption, |canvas, area| {
        let objectives: Vec<_> = setting.objectives.iter().filter(|objective| column(objective).is_some()).collect();
        let bounds = objectives.iter().map(|objective| objective.bound_ms);
        let Some(range) = range(&series, bounds) else {
            return area.note(canvas, "Too few answers to tell a percentile.");
        };
        let plot = Panel { left: area.left + 60.0, top: area.top + 34.0, bottom: area.bottom - 72.0, ..area };
        let scale = Scale::log(range, [plot.bottom, plot.top]);
        if drawn(summary).len() <= MOST_TOGETHER {
            let plot = Panel { right: area.right - SIDE, ..plot };
            let all: Vec<&Series<'_>> = series.iter().collect();
            draw_panel(canvas, plot, &scale, "Time from arrival (logarithmic)", &all, &objectives, summary);
        } else {
            let width = (area.right - plot.left - 60.0) / 2.0;
            let panels = [
                (false, plot.left, "Time from arrival to the whole answer (logarithmic)"),
                (true, plot.left + width + 60.0, "… to its first token"),
            ];
            for (first_token, left, title) in panels {
                let plot = Panel { left, right: left + width - SIDE, ..plot };
                let of_panel: Vec<_> = series.iter().filter(|series| series.first_token == first_token).collect();
                let mut objectives = objectives.clone();
                objectives.retain(|objective| objective.first_token == first_token);
                draw_panel(canvas, plot, &scale, title, &of_panel, &objectives, summary);
            }
        }
    })
}

/// The range of the time axis, in milliseconds; `None` if nothing was measured.
fn range(series: &[Series<'_>], bounds: impl Iterator<Item = f64>) -> Option<[f64; 2]> {
    let measured = series.iter().flat_map(|series| series.values).flatten().filter(|&ms| ms > 0.0);
    let lowest = measured.clone().fold(f64::INFINITY, f64::min);
    let highest = measured.fold(0.0, f64::max);
    if highest == 0.0 {
        return None;
    }
    let (lowest, highest) = bounds
        .filter(|&ms| ms > 0.0)
        .fold((lowest, highest), |(lowest, highest), bound| (lowest.min(bound), highest.max(bound)));
    // Half a decade at least, so that a constant latency does not look like a cliff.
    let middle = libm::sqrt(lowest * highest);
    Some([(lowest / 1.3).min(middle / 1.8), (highest * 1.4).max(middle * 1.8)])
}

fn draw_panel(
    canvas: &Canvas<'_>,
    plot: Panel,
    scale: &Scale,
    title: &str,
    series: &[&Series<'_>],
    objectives: &[&LatencyObjective],
    summary: &Summary,
) {
    plot.title(canvas, plot.left, title);
    plot.rows(canvas, scale, &scale.duration_ticks(9));
    draw_columns(canvas, plot);
    let lines: Vec<Vec<[f64; 2]>> = series
        .iter()
        .map(|series| {
            let known = series.values.iter().enumerate();
            known.filter_map(|(column, value)| Some([x_of(plot, column), scale.clamped((*value)?)])).collect()
        })
        .collect();
    let mut occupied = Occupied::default();
    for line in &lines {
        occupied.mark_line(line, 3.0);
        for &[x, y] in line {
            occupied.mark([x - 7.0, y - 7.0], [x + 7.0, y + 7.0]);
        }
    }
    draw_objectives(canvas, plot, scale, objectives, summary, &mut occupied);
    draw_series(canvas, plot, series, &lines, &mut occupied);
}

/// The x of a column, in pixels.
fn x_of(plot: Panel, column: usize) -> f64 {
    let step = (plot.right - plot.left) / COLUMNS.len() as f64;
    plot.left + step * (column as f64 + 0.5)
}

fn draw_columns(canvas: &Canvas<'_>, plot: Panel) {
    canvas.line(&[[plot.left, plot.bottom], [plot.right, plot.bottom]], Pen::new(AXIS, 1.0));
    let step = (plot.right - plot.left) / COLUMNS.len() as f64;
    for (index, (_, name, meaning)) in COLUMNS.into_iter().enumerate() {
        let x = x_of(plot, index);
        canvas.line(&[[x, plot.top], [x, plot.bottom]], Pen::new(GRID, 1.0));
        canvas.text(name, [x, plot.bottom + 23.0], Type::plain(TEXT).strong().align(Align::Centre));
        let look = Type::plain(MUTED).align(Align::Centre);
        if step > 100.0 {
            canvas.text(meaning, [x, plot.bottom + 42.0], look);
        }
    }
    let middle = f64::midpoint(plot.left, plot.right);
    let (measure, y) = if step > 100.0 { ("answers that take no longer", 65.0) } else { ("percentile", 46.0) };
    canvas.text(measure, [middle, plot.bottom + y], Type::plain(MUTED).align(Align::Centre));
}

fn draw_objectives(
    canvas: &Canvas<'_>,
    plot: Panel,
    scale: &Scale,
    objectives: &[&LatencyObjective],
    summary: &Summary,
    occupied: &mut Occupied,
) {
    let half = (plot.right - plot.left) / COLUMNS.len() as f64 * 0.42;
    for objective in objectives {
        let Some(column) = column(objective) else { continue };
        let (x, y) = (x_of(plot, column), scale.clamped(objective.bound_ms));
        let colour = if misses(objective, summary) { VERMILLION } else { BLACK };
        canvas.dashed(&[[x - half, y], [x + half, y]], 8.0, 5.0, Pen::new(colour.fill, 2.5));
        occupied.mark([x - half, y - 2.0], [x + half, y + 2.0]);
        let what = if objective.first_token { "first token" } else { "answer" };
        let whose = objective.workload.as_ref().map_or_else(String::new, |name| format!("{name}: "));
        let text = format!("{whose}{what} within {}", duration_ms(objective.bound_ms));
        let look = Type::plain(colour.ink);
        // An objective must be readable: if its own line is crowded, it goes further up or down.
        let places: Vec<_> = [-13.0, 14.0, -30.0, 31.0, -47.0, 48.0]
            .into_iter()
            .flat_map(|dy| {
                let at = |x: f64, align| ([x, y + dy], align);
                [at(x - half, Align::Left), at(x + half, Align::Right), at(x, Align::Centre)]
            })
            .collect();
        if !occupied.place(canvas, &text, look, &places, bounds(plot)) {
            // Left of the lines there is room above the typical answer; a thin line leads there.
            let start = plot.left + 4.0;
            canvas.dashed(&[[start, y], [x - half, y]], 2.0, 4.0, Pen::new(colour.fill, 1.0));
            let places = [-13.0, 14.0, -30.0, 31.0].map(|dy| ([start, y + dy], Align::Left));
            if !occupied.place(canvas, &text, look, &places, bounds(plot)) {
                canvas.text(&text, [start, y - 8.0], look);
            }
        }
    }
}

fn draw_series(
    canvas: &Canvas<'_>,
    plot: Panel,
    all: &[&Series<'_>],
    lines: &[Vec<[f64; 2]>],
    occupied: &mut Occupied,
) {
    for (series, line) in all.iter().zip(lines) {
        if series.first_token {
            canvas.dashed(line, 7.0, 5.0, Pen::new(series.colour.fill, 2.0));
        } else {
            canvas.line(line, Pen::new(series.colour.fill, 3.0));
        }
        for &point in line {
            if series.first_token {
                canvas.ring(point, 5.0, Pen::new(series.colour.fill, 2.0));
            } else {
                canvas.dot(point, 6.0, series.colour.fill);
            }
        }
    }
    // Where lines are many, only the outermost have their values written, on the outside.
    let many = all.len() > 2 * MOST_TOGETHER;
    let height = |line: &Vec<[f64; 2]>| line.iter().map(|point| point[1]).sum::<f64>() / line.len().max(1) as f64;
    let top = lines.iter().map(height).fold(f64::INFINITY, f64::min);
    let bottom = lines.iter().map(height).fold(0.0, f64::max);
    for (series, line) in all.iter().zip(lines) {
        let lowest = height(line) == bottom;
        if many && !lowest && height(line) != top {
            continue;
        }
        let below = if many { lowest } else { series.first_token };
        for (ms, &point) in series.values.iter().flatten().zip(line) {
            occupied.place_around(canvas, &duration_ms(*ms), value(series.colour.ink), point, bounds(plot), below);
        }
    }
    let several = all.iter().any(|series| series.workload != all[0].workload);
    let both = all.iter().any(|series| series.first_token != all[0].first_token);
    let labels = all.iter().zip(lines).filter_map(|(series, line)| {
        let what = if series.first_token { "first token" } else { "whole answer" };
        let (name, detail) = match (several, both) {
            (true, true) => (series.workload, vec![what.to_owned()]),
            (true, false) => (series.workload, Vec::new()),
            (false, _) => (what, Vec::new()),
        };
        Some(SideLabel { y: line.last()?[1], name: name.to_owned(), detail, ink: series.colour.ink })
    });
    beside(canvas, plot.right + 4.0, SIDE - 4.0, [plot.top - 10.0, plot.bottom + 10.0], labels.collect());
}

fn bounds(plot: Panel) -> [f64; 4] {
    [plot.left + 2.0, plot.top - 4.0, plot.right, plot.bottom - 2.0]
}

/// The workloads that are drawn, by name: all, or the slowest.
fn drawn(summary: &Summary) -> Vec<&str> {
    let mut names: Vec<_> =
        summary.workloads.iter().map(|(name, metrics)| (metrics.latency_ms.p99, name.as_str())).collect();
    names.sort_by(|a, b| b.0.unwrap_or(-1.0).total_cmp(&a.0.unwrap_or(-1.0)));
    let mut names: Vec<&str> = names.into_iter().take(MOST_WORKLOADS).map(|(_, name)| name).collect();
    names.sort_unstable();
    names
}

fn series(summary: &Summary) -> Vec<Series<'_>> {
    let lines = drawn(summary).into_iter().zip(SERIES).flat_map(|(workload, colour)| {
        let metrics = &summary.workloads[workload];
        [(false, metrics.latency_ms), (true, metrics.ttft_ms)].map(|(first_token, of)| Series {
            workload,
            first_token,
            values: columns(&of),
            colour,
        })
    });
    lines.collect()
}

fn columns(of: &Percentiles) -> [Option<f64>; 5] {
    [of.p50, of.p90, of.p95, of.p99, of.p999].map(|value| value.filter(|value| value.is_finite()))
}

fn column(objective: &LatencyObjective) -> Option<usize> {
    COLUMNS.iter().position(|(key, ..)| *key == objective.percentile)
}

/// Whether what an objective bounds was measured above the bound.
fn misses(objective: &LatencyObjective, summary: &Summary) -> bool {
    let metrics = match &objective.workload {
        Some(name) => summary.workloads.get(name),
        None => Some(&summary.total),
    };
    let of = metrics.map(|metrics| if objective.first_token { metrics.ttft_ms } else { metrics.latency_ms });
    let measured = of.zip(column(objective)).and_then(|(of, column)| columns(&of)[column]);
    measured.is_some_and(|measured| measured > objective.bound_ms)
}

/// The finding in words: the slowest workload's p99 beside its median.
fn finding(summary: &Summary) -> String {
    let known = summary.workloads.iter().filter_map(|(name, metrics)| {
        Some((metrics.latency_ms.p99?, metrics.latency_ms.p50?, name, metrics.latency_ms))
    });
    let Some((p99, p50, name, _)) = known.max_by(|a, b| a.0.total_cmp(&b.0)) else {
        return "Too few answers to tell how long they take".to_owned();
    };
    let answers = if summary.workloads.len() > 1 { format!("{name} answers") } else { "answers".to_owned() };
    format!("Half of the {answers} arrive within {}, 99 in 100 within {}", duration_ms(p50), duration_ms(p99))
}

fn subtitle(summary: &Summary, setting: &Setting, hidden: usize) -> String {
    let models = setting.models();
    let mut parts = vec![if models.len() > 2 { format!("{} models", models.len()) } else { models.join(", ") }];
    parts.push(format!("successful requests of {}, retries and waiting included", times(summary.replications)));
    if let Some(failed) = summary.total.request_failure_rate.mean.filter(|&failed| failed > 0.0) {
        parts.push(format!("{} of requests failed and are not in it", percent(failed)));
    }
    if hidden > 0 {
        parts.push(format!("{hidden} faster workloads not drawn"));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
