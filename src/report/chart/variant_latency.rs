//! Latency percentiles by variant: how long answers take from arrival, retries and waiting included.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{SideLabel, beside};
use super::scale::Scale;
use super::theme::{AXIS, GRID, TEXT, VERMILLION, variant};
use crate::analysis::{Comparison, VariantResult};
use crate::report::compare::{footer, in_sentence, metrics_of, quoted, spoken, subtitle as subject};
use crate::report::number::{duration_ms, percent};
use crate::report::setting::{LatencyObjective, Setting};

/// The percentiles across the chart.
const COLUMNS: [(&str, &str); 5] = [("p50", "p50"), ("p90", "p90"), ("p95", "p95"), ("p99", "p99"), ("p999", "p99.9")];
/// Space for labels right of the plot, in pixels.
const SIDE: f64 = 210.0;

/// Percentiles of the latency of successful requests, a line per variant, with the objectives on latency.
pub fn variant_latency(comparison: &Comparison, setting: &Setting) -> Chart {
    let caption =
        Caption { title: finding(comparison), subtitle: subtitle(comparison, setting), footer: footer(comparison) };
    Chart::new(caption, |canvas, area| {
        let all: Vec<[Option<f64>; 5]> = comparison.variants.iter().map(|each| columns(comparison, each)).collect();
        let known = || all.iter().flatten().flatten().copied().filter(|ms| *ms > 0.0);
        let (Some(least), Some(most)) = (known().reduce(f64::min), known().reduce(f64::max)) else {
            return area.note(canvas, "Too few answers to tell a percentile.");
        };
        let bounds = latency_bounds(comparison, setting);
        let most = bounds.iter().map(|bound| bound.bound_ms).fold(most, f64::max);
        let plot = Panel {
            left: area.left + 60.0,
            top: area.top + 34.0,
            right: area.right - SIDE,
            bottom: area.bottom - 46.0,
        };
        let middle = libm::sqrt(least * most);
        let up =
            Scale::log([(least / 1.25).min(middle / 1.8), (most * 1.25).max(middle * 1.8)], [plot.bottom, plot.top]);
        plot.title(canvas, plot.left, "Time from arrival to the whole answer (logarithmic)");
        plot.rows(canvas, &up, &up.duration_ticks(8));
        // The rarest percentiles need many observations; without them their columns only make the others narrow.
        let count =
            (0..COLUMNS.len()).rev().find(|&at| all.iter().any(|each| each[at].is_some())).map_or(0, |at| at + 1);
        let x_of = |column: usize| plot.left + (plot.right - plot.left) * (column as f64 + 0.5) / count as f64;
        draw_columns(canvas, plot, count, &x_of);
        for bound in bounds {
            let Some(column) = COLUMNS[..count].iter().position(|(key, _)| *key == bound.percentile) else { continue };
            let (x, y) = (x_of(column), up.clamped(bound.bound_ms));
            canvas.dashed(&[[x - 60.0, y], [x + 60.0, y]], 8.0, 5.0, Pen::new(VERMILLION.fill, 2.5));
            let look = Type::plain(VERMILLION.ink).align(Align::Centre);
            canvas.text(&format!("SLO {}", duration_ms(bound.bound_ms)), [x, y - 8.0], look);
        }
        let mut labels = Vec::new();
        for (index, (each, values)) in comparison.variants.iter().zip(&all).enumerate() {
            let colour = variant(index);
            let line: Vec<[f64; 2]> = values
                .iter()
                .enumerate()
                .filter_map(|(column, value)| Some([x_of(column), up.clamped((*value)?)]))
                .collect();
            canvas.line(&line, Pen::new(colour.fill, 2.5));
            for &point in &line {
                canvas.dot(point, 4.5, colour.fill);
            }
            if let Some(end) = line.last() {
                let p99 = values[3].map(|ms| format!("p99 {}", duration_ms(ms)));
                labels.push(SideLabel {
                    y: end[1],
                    name: spoken(each),
                    detail: p99.into_iter().collect(),
                    ink: colour.ink,
                });
            }
        }
        beside(canvas, plot.right + 10.0, SIDE - 10.0, [plot.top - 10.0, plot.bottom + 10.0], labels);
    })
}

fn columns(comparison: &Comparison, each: &VariantResult) -> [Option<f64>; 5] {
    let of = metrics_of(comparison, each).latency_ms;
    [of.p50, of.p90, of.p95, of.p99, of.p999]
}

/// The bounds on whole answers that speak of what is drawn.
pub(in crate::report) fn latency_bounds<'a>(
    comparison: &Comparison,
    setting: &'a Setting,
) -> Vec<&'a LatencyObjective> {
    let speaks = |objective: &&LatencyObjective| {
        let of_drawn = objective.workload.is_none() || objective.workload == comparison.workload;
        !objective.first_token && of_drawn
    };
    setting.objectives.iter().filter(speaks).collect()
}

fn draw_columns(canvas: &Canvas<'_>, plot: Panel, count: usize, x_of: &dyn Fn(usize) -> f64) {
    canvas.line(&[[plot.left, plot.bottom], [plot.right, plot.bottom]], Pen::new(AXIS, 1.0));
    for (index, (_, name)) in COLUMNS.into_iter().enumerate().take(count) {
        let x = x_of(index);
        canvas.line(&[[x, plot.top], [x, plot.bottom]], Pen::new(GRID, 1.0));
        canvas.text(name, [x, plot.bottom + 23.0], Type::plain(TEXT).strong().align(Align::Centre));
    }
}

fn finding(comparison: &Comparison) -> String {
    let p99 = |each: &VariantResult| metrics_of(comparison, each).latency_ms.p99;
    let taken = comparison.variants.iter().find(|each| comparison.recommendation.variant.as_ref() == Some(&each.name));
    let first = comparison.variants.first();
    match (taken.and_then(|taken| Some((taken, p99(taken)?))), first.and_then(|first| Some((first, p99(first)?)))) {
        (Some((taken, ms)), Some((first, before))) if taken.name != first.name => format!(
            "99 in 100 answers arrive within {} with {}, {} with {}",
            duration_ms(ms),
            in_sentence(taken),
            duration_ms(before),
            quoted(first)
        ),
        (Some((taken, ms)), _) => {
            format!("99 in 100 answers arrive within {} with {}", duration_ms(ms), in_sentence(taken))
        }
        _ => "How long answers take, by variant".to_owned(),
    }
}

fn subtitle(comparison: &Comparison, setting: &Setting) -> String {
    let mut parts = subject(comparison, setting);
    parts.push("successful requests only, retries and waiting included".to_owned());
    let failed = comparison.variants.iter().filter_map(|each| {
        let failed = metrics_of(comparison, each).request_failure_rate.mean.filter(|failed| *failed > 0.0)?;
        Some((failed, spoken(each)))
    });
    if let Some((failed, name)) = failed.max_by(|a, b| a.0.total_cmp(&b.0)) {
        parts.push(format!("{name}: {} of requests failed and are not in it", percent(failed)));
    }
    parts.join(" · ")
}
