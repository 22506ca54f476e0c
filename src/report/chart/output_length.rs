//! Output lengths: how long the answers would be, and where `max_tokens` cuts them.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, value};
use super::scale::Scale;
use super::theme::{AXIS, BLACK, BLUE, LABEL_SIZE, MUTED, TEXT, VERMILLION};
use crate::analysis::{OutputHistogram, Summary};
use crate::report::number::{count, percent};
use crate::report::setting::Setting;
use crate::report::table::provenance;

/// The narrowest bar, in pixels; narrower bins are put together.
const NARROWEST: f64 = 7.0;
/// How much of the panel's height the highest bar takes; the rest is the curve's.
const HIGHEST: f64 = 0.7;
/// The shares whose lengths are marked on the curve.
const MARKS: [f64; 3] = [0.5, 0.9, 0.99];

/// What the vertical axis measures.
const MEASURE: &str = "Share of answers no longer than this";

/// The distribution of the natural output length of one workload: bars for the shape, a curve for the share of answers
/// that are no longer, a line at `max_tokens`.
///
/// *Formula*: a bin `[from, to)` of whole tokens is drawn from `from − ½` to `to − ½`, so that a length stands in the
/// middle of its bar; a bar's area, not its height, is its share. The curve at a bar's right end is exact.
pub fn output_length(summary: &Summary, setting: &Setting, histogram: &OutputHistogram) -> Chart {
    let caption = Caption {
        title: finding(summary, histogram),
        subtitle: subtitle(setting, histogram),
        footer: provenance(summary).join(" · "),
    };
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 52.0,
            top: area.top + 48.0,
            right: area.right - 24.0,
            bottom: area.bottom - 50.0,
        };
        let bins: Vec<_> = histogram.bins.iter().copied().filter(|&(_, _, count)| count > 0).collect();
        let (Some(first), Some(last)) = (bins.first(), bins.last()) else {
            return plot.note(canvas, "No answer was counted.");
        };
        let scale = length_scale(first.0, last.1, histogram.max_tokens, plot);
        let shares = Scale::linear([0.0, 1.0], [plot.bottom, plot.top]);
        plot.title(canvas, plot.left, MEASURE);
        let ticks = scale.ticks(10);
        plot.columns(canvas, &scale, &ticks);
        plot.rows(canvas, &shares, &shares.percent_ticks(5));
        plot.column_labels(canvas, &scale, &ticks, "output tokens that the model would produce");

        draw_bars(canvas, plot, &scale, &bins, histogram.max_tokens);
        let mut occupied = Occupied::default();
        let limit = draw_limit(canvas, plot, &scale, histogram, &mut occupied);
        if let Some(rate) = truncation(summary, histogram) {
            let text = format!("{} cut short", percent(rate));
            let look = value(VERMILLION.ink).strong();
            let x = limit + 12.0;
            let places: Vec<_> = [0.45, 0.37, 0.53, 0.61]
                .map(|share| ([x, shares.at(share)], Align::Left))
                .into_iter()
                .chain([([limit - 12.0, shares.at(0.45)], Align::Right)])
                .collect();
            occupied.place(canvas, &text, look, &places, bounds(plot));
        }
        draw_curve(canvas, plot, [&scale, &shares], &bins, limit, &mut occupied);
    })
}

/// From the shortest answer to the longest or to `max_tokens`; logarithmic where that is a long way.
fn length_scale(shortest: u64, longest: u64, max_tokens: u64, plot: Panel) -> Scale {
    let (low, high) = (shortest.min(max_tokens).max(1) as f64, longest.max(max_tokens + 1) as f64);
    let pixels = [plot.left, plot.right];
    if high / low > 12.0 {
        // Room for the last mark's label where answers end the axis.
        let beyond = if longest > max_tokens { 1.7 } else { 1.25 };
        Scale::log([(low - 0.5).min(low / 1.4), high * beyond], pixels)
    } else {
        Scale::linear([(low - 0.5 - (high - low) * 0.1).max(0.0), high + (high - low) * 0.1], pixels)
    }
}

/// One bar: its ends, in tokens, and how many answers it holds.
struct Bar {
    from: f64,
    to: f64,
    count: f64,
    cut: bool,
}

fn draw_bars(canvas: &Canvas<'_>, plot: Panel, scale: &Scale, bins: &[(u64, u64, u64)], max_tokens: u64) {
    let bars = bars(scale, bins, max_tokens);
    let density = |bar: &Bar| bar.count / (scale.at(bar.to) - scale.at(bar.from)).max(0.1);
    let densest = bars.iter().map(density).fold(0.0, f64::max);
    for bar in &bars {
        let height = density(bar) / densest * HIGHEST * (plot.bottom - plot.top);
        let colour = if bar.cut { VERMILLION } else { BLUE };
        let (left, right) = (scale.at(bar.from), scale.at(bar.to));
        let gap = if right - left > 4.0 { 0.5 } else { 0.0 };
        canvas.rectangle([left + gap, plot.bottom - height], [right - gap, plot.bottom], colour.fill, 0.4);
    }
}

/// Bins put together until they are wide enough to see, never across `max_tokens`; a bin across it is divided.
fn bars(scale: &Scale, bins: &[(u64, u64, u64)], max_tokens: u64) -> Vec<Bar> {
    let limit = max_tokens as f64 + 0.5;
    let mut bars: Vec<Bar> = Vec::new();
    let mut push = |from: f64, to: f64, count: f64| {
        let cut = from >= limit;
        match bars.last_mut() {
            Some(bar) if bar.cut == cut && bar.to == from && scale.at(bar.to) - scale.at(bar.from) < NARROWEST => {
                bar.to = to;
                bar.count += count;
            }
            _ => bars.push(Bar { from, to, count, cut }),
        }
    };
    for &(from, to, count) in bins {
        let (from, to, count) = (from as f64 - 0.5, to as f64 - 0.5, count as f64);
        if from < limit && limit < to {
            let below = (limit - from) / (to - from);
            push(from, limit, count * below);
            push(limit, to, count * (1.0 - below));
        } else {
            push(from, to, count);
        }
    }
    bars
}

/// The line at `max_tokens` with its label above the plot; returns where it stands, in pixels.
fn draw_limit(
    canvas: &Canvas<'_>,
    plot: Panel,
    scale: &Scale,
    histogram: &OutputHistogram,
    occupied: &mut Occupied,
) -> f64 {
    let x = scale.at(histogram.max_tokens as f64 + 0.5);
    canvas.line(&[[x, plot.top - 5.0], [x, plot.bottom]], Pen::new(BLACK.fill, 2.5));
    occupied.mark([x - 4.0, plot.top], [x + 4.0, plot.bottom]);
    let text = if histogram.max_tokens_unset {
        format!("max_tokens unset: the model's maximum, {}", count(histogram.max_tokens))
    } else {
        format!("max_tokens = {}", count(histogram.max_tokens))
    };
    let look = Type::plain(BLACK.ink).strong();
    let width = look.width(&text);
    let title = plot.left + Type::plain(TEXT).size(LABEL_SIZE).strong().width(MEASURE) + 24.0;
    let left = (x - width / 2.0).min(plot.right + 20.0 - width);
    if left > title {
        canvas.text(&text, [left, plot.top - 10.0], look);
    } else {
        // The panel's title is in the way: inside the plot, beside the line.
        occupied.place(canvas, &text, look, &[([x + 10.0, plot.top + 18.0], Align::Left)], bounds(plot));
    }
    x
}

fn draw_curve(
    canvas: &Canvas<'_>,
    plot: Panel,
    [scale, shares]: [&Scale; 2],
    bins: &[(u64, u64, u64)],
    limit: f64,
    occupied: &mut Occupied,
) {
    let all: u64 = bins.iter().map(|&(_, _, count)| count).sum();
    let start = scale.clamped(bins[0].0 as f64 - 0.5);
    let mut line = vec![[plot.left, shares.at(0.0)], [start, shares.at(0.0)]];
    let mut below = 0;
    // The length that `share` of the answers do not exceed, and the point where the curve says so.
    let mut marks: Vec<(f64, u64, [f64; 2])> = Vec::new();
    for &(from, to, count) in bins {
        line.push([scale.clamped(from as f64 - 0.5), shares.at(below as f64 / all as f64)]);
        below += count;
        let point = [scale.clamped(to as f64 - 0.5), shares.at(below as f64 / all as f64)];
        line.push(point);
        let reached = MARKS.into_iter().filter(|&share| below as f64 >= share * all as f64);
        marks.extend(reached.skip(marks.len()).map(|share| (share, to - 1, point)).collect::<Vec<_>>());
    }
    line.push([plot.right, shares.at(1.0)]);
    canvas.line(&line, Pen::new(BLUE.ink, 2.5));
    occupied.mark_line(&line, 3.0);
    // One bin may reach several shares at once; the largest says it all.
    marks.dedup_by(|next, kept| {
        let same = next.1 == kept.1;
        if same {
            *kept = *next;
        }
        same
    });
    for (share, length, point) in marks {
        canvas.dot(point, 5.0, BLUE.ink);
        let share = if length + 1 == bins[bins.len() - 1].1 { "all".to_owned() } else { percent(share) };
        let text = format!("{share} need at most {}", count(length));
        let [x, y] = point;
        let places = [
            ([x + 12.0, y + 14.0], Align::Left),
            ([x - 12.0, y - 12.0], Align::Right),
            ([x + 12.0, y + 32.0], Align::Left),
            ([x - 12.0, y - 28.0], Align::Right),
            ([x - 12.0, y + 14.0], Align::Right),
        ];
        occupied.place(canvas, &text, value(BLUE.ink), &places, bounds(plot));
    }
    draw_unused(canvas, plot, line[line.len() - 2][0], limit);
}

/// Where labels may stand.
fn bounds(plot: Panel) -> [f64; 4] {
    [plot.left, plot.top - 4.0, plot.right + 20.0, plot.bottom]
}

/// An arrow from the longest answer to `max_tokens`: what every attempt reserves and no answer uses.
fn draw_unused(canvas: &Canvas<'_>, plot: Panel, longest: f64, limit: f64) {
    let text = "reserved by every attempt, used by none";
    let look = Type::plain(MUTED);
    if limit - longest < look.width(text) + 40.0 {
        return;
    }
    let y = plot.bottom - 0.22 * (plot.bottom - plot.top);
    let (from, to) = (longest + 8.0, limit - 8.0);
    canvas.line(&[[from, y], [to, y]], Pen::new(AXIS, 1.5));
    for (tip, inward) in [(from, 1.0), (to, -1.0)] {
        canvas.polygon(&[[tip, y], [tip + 9.0 * inward, y - 4.5], [tip + 9.0 * inward, y + 4.5]], AXIS, 1.0);
    }
    canvas.text(text, [f64::midpoint(from, to), y - 10.0], look.align(Align::Centre));
}

/// The finding in words.
fn finding(summary: &Summary, histogram: &OutputHistogram) -> String {
    let name = &histogram.workload;
    let Some(&(_, to, _)) = histogram.bins.iter().rev().find(|&&(_, _, count)| count > 0) else {
        return format!("{name}: no answer was counted");
    };
    let longest = count(to.saturating_sub(1));
    let limit = count(histogram.max_tokens);
    match (truncation(summary, histogram), histogram.max_tokens_unset) {
        (Some(rate), _) => format!("max_tokens of {limit} cuts {} of {name} answers short", percent(rate)),
        (None, true) => {
            format!("Unset max_tokens reserves {limit} per attempt; no {name} answer needs more than {longest}")
        }
        (None, false) => {
            format!("max_tokens of {limit} cuts no {name} answer short: the longest needs at most {longest}")
        }
    }
}

/// The share of answers cut short, if any was.
fn truncation(summary: &Summary, histogram: &OutputHistogram) -> Option<f64> {
    let metrics = summary.workloads.get(&histogram.workload)?;
    metrics.truncation_rate.mean.filter(|&rate| rate > 0.0)
}

fn subtitle(setting: &Setting, histogram: &OutputHistogram) -> String {
    let name = &histogram.workload;
    let mut parts = vec![];
    if let Some(workload) = setting.workload(name) {
        parts.extend([workload.model.clone(), format!("pool {}", workload.pool)]);
    }
    let answers: u64 = histogram.bins.iter().map(|&(_, _, count)| count).sum();
    parts.push(format!("workload {name}"));
    parts.push(format!("natural length of {} answers, thinking included", count(answers)));
    parts.push("a bar's area is its share".to_owned());
    parts.join(" · ")
}
