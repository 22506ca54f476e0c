//! What fills the quota over time, before and after: the first variant above the recommended one, on one scale.

use super::Chart;
use super::canvas::Canvas;
use super::frame::{Caption, Panel};
use super::label::{SideLabel, beside};
use super::quota::{charged_per_minute, draw_limit, merge};
use super::scale::Scale;
use super::theme::{BLACK, BLUE, Colour, ORANGE, SHADE, VERMILLION};
use crate::analysis::{Comparison, PoolTimeline, TimelinePoint, VariantResult};
use crate::report::compare::{footer, in_sentence, quoted, spoken};
use crate::report::number::{percent, short};
use crate::report::setting::Setting;

/// Space for labels right of the plot, in pixels.
const SIDE: f64 = 200.0;

/// Charged and reserved tokens of one pool through replication 1 under two variants, with the times of throttles.
pub fn before_after(
    comparison: &Comparison,
    setting: &Setting,
    [before, after]: [(&VariantResult, &PoolTimeline); 2],
) -> Chart {
    let caption =
        Caption { title: finding(before, after), subtitle: subtitle(setting, before.1), footer: footer(comparison) };
    Chart::new(caption, |canvas, area| {
        const GAP: f64 = 46.0;
        let plot = Panel {
            left: area.left + 52.0,
            top: area.top + 30.0,
            right: area.right - SIDE,
            bottom: area.bottom - 50.0,
        };
        let half = (plot.bottom - plot.top - GAP) / 2.0;
        let panels = [Panel { bottom: plot.top + half, ..plot }, Panel { top: plot.bottom - half, ..plot }];
        let merged = [before, after].map(|(_, timeline)| merge(&timeline.points));
        if merged.iter().any(Vec::is_empty) {
            return plot.note(canvas, "No interval was recorded.");
        }
        let highest = merged.iter().map(|points| highest(points)).fold(1.0, f64::max);
        let end = merged[0][merged[0].len() - 1].to_s;
        let time = Scale::linear([merged[0][0].from_s, end], [plot.left, plot.right]);
        let mantle = setting.pool(&before.1.pool).is_some_and(|pool| pool.mantle);
        for (panel, (points, (each, timeline))) in panels.into_iter().zip(merged.iter().zip([before, after])) {
            canvas.rectangle([panel.left, panel.top], [time.clamped(comparison.warmup_s), panel.bottom], SHADE, 1.0);
            panel.columns(canvas, &time, &time.time_ticks(8));
            let title = format!("{}: quota tokens charged in the last minute, and reserved now on top", spoken(each));
            panel.title(canvas, panel.left, &title);
            let of_pool = each.pools.get(&timeline.pool);
            let throttled = of_pool.and_then(|metrics| metrics.attempt_throttle_rate.mean);
            draw(canvas, panel, &time, points, highest, throttled, mantle);
        }
        plot.column_labels(canvas, &time, &time.time_ticks(8), "simulated time");
    })
}

fn highest(points: &[TimelinePoint]) -> f64 {
    let stacked =
        charged_per_minute(points).into_iter().zip(points).map(|(tokens, at)| tokens + at.reserved_open as f64);
    let quotas = points.iter().filter_map(|point| point.quota).map(|quota| quota as f64);
    stacked.chain(quotas).fold(0.0, f64::max)
}

fn draw(
    canvas: &Canvas<'_>,
    panel: Panel,
    time: &Scale,
    points: &[TimelinePoint],
    highest: f64,
    throttled: Option<f64>,
    mantle: bool,
) {
    let scale = Scale::linear([0.0, highest * 1.08], [panel.bottom, panel.top]);
    panel.rows(canvas, &scale, &scale.ticks(4));
    let charged = charged_per_minute(points);
    let stacked: Vec<f64> = charged.iter().zip(points).map(|(sum, point)| sum + point.reserved_open as f64).collect();
    let outline = |heights: &[f64]| -> Vec<[f64; 2]> {
        let ends = points.iter().zip(heights).map(|(point, &height)| [time.at(point.to_s), scale.at(height)]);
        [[time.at(points[0].from_s), scale.at(heights[0])]].into_iter().chain(ends).collect()
    };
    let (lower, upper) = (outline(&charged), outline(&stacked));
    let zero: Vec<[f64; 2]> = lower.iter().map(|&[x, _]| [x, panel.bottom]).collect();
    band(canvas, &lower, &zero, BLUE, 0.9);
    band(canvas, &upper, &lower, ORANGE, 0.75);
    let quota = points.last().and_then(|point| point.quota);
    draw_limit(canvas, time, &scale, points);
    // A tick above the plot for every interval in which something was refused.
    for point in points.iter().filter(|point| point.throttled > 0) {
        let (left, right) = (time.at(point.from_s), time.at(point.to_s));
        canvas.rectangle([left, panel.top], [right, panel.top + 6.0], VERMILLION.fill, 1.0);
    }
    let last = |heights: &[f64]| {
        let tail = &heights[heights.len() - heights.len().div_ceil(8)..];
        tail.iter().sum::<f64>() / tail.len() as f64
    };
    let (low, high) = (last(&charged), last(&stacked));
    let label = |y: f64, name: &str, detail: Option<String>, colour: Colour| SideLabel {
        y,
        name: name.to_owned(),
        detail: detail.into_iter().collect(),
        ink: colour.ink,
    };
    let throttled = throttled.map(|share| format!("{} of attempts", percent(share)));
    let mut labels = vec![
        label(panel.top, "throttled", throttled, VERMILLION),
        label(scale.at(low / 2.0), "charged", None, BLUE),
        label(scale.at(f64::midpoint(low, high)), "reserved", None, ORANGE),
    ];
    // Of a mantle pool's two quotas it is the input's that is reserved from.
    let of = if mantle { "input quota" } else { "quota" };
    labels.extend(
        quota.map(|quota| label(scale.at(quota as f64), &format!("{of} {}/min", short(quota as f64)), None, BLACK)),
    );
    beside(canvas, panel.right + 12.0, SIDE - 12.0, [panel.top - 14.0, panel.bottom + 10.0], labels);
}

fn band(canvas: &Canvas<'_>, upper: &[[f64; 2]], lower: &[[f64; 2]], colour: Colour, opacity: f64) {
    let outline: Vec<_> = upper.iter().chain(lower.iter().rev()).copied().collect();
    canvas.polygon(&outline, colour.fill, opacity);
}

fn finding(before: (&VariantResult, &PoolTimeline), after: (&VariantResult, &PoolTimeline)) -> String {
    let used = |(each, timeline): (&VariantResult, &PoolTimeline)| {
        each.pools.get(&timeline.pool).and_then(|metrics| metrics.pool.as_ref()?.reservation_mean.mean)
    };
    match (used(before), used(after)) {
        (Some(from), Some(to)) => format!(
            "Reservations hold {} tokens with {}, {} with {}",
            short(from),
            in_sentence(before.0),
            short(to),
            quoted(after.0)
        ),
        _ => format!("What fills {}: {} above, {} below", before.1.pool, spoken(before.0), spoken(after.0)),
    }
}

fn subtitle(setting: &Setting, timeline: &PoolTimeline) -> String {
    let pool = setting.pool(&timeline.pool);
    let mut parts = vec![pool.map_or_else(String::new, |pool| pool.model.clone()), format!("pool {}", timeline.pool)];
    parts.extend(pool.and_then(|pool| pool.limiter.as_ref().map(|limiter| format!("{limiter} (assumption)"))));
    parts.push("replication 1, the same requests above and below".to_owned());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
