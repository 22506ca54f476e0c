//! The quota over time: what is charged, what is reserved on top, what the quota allows, and when it refused.

use super::Chart;
use super::canvas::{Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{SideLabel, beside};
use super::scale::Scale;
use super::theme::{AXIS, BLACK, BLUE, Colour, FOOTER_SIZE, GREEN, MUTED, ORANGE, SHADE, VERMILLION};
use crate::analysis::{Metrics, PoolTimeline, Summary, TimelinePoint};
use crate::model::QuotaName;
use crate::report::headline::active_limits;
use crate::report::number::{count, duration_ms, percent, short};
use crate::report::setting::{BUCKET_LEVEL, PoolSetting, Setting};
use crate::report::table::provenance;

/// The most intervals that are drawn apart; more are merged, as they would be narrower than a line.
const MOST_POINTS: usize = 360;
/// Space for labels right of the plot, in pixels.
const SIDE: f64 = 200.0;

/// Charged and reserved tokens of one pool through replication 1, its throttles, and what its limiter has left.
///
/// *Formula*: the charged area at an instant is the tokens charged in the minute before it (with intervals above a
/// minute: in the interval, per minute); on top of it stand the open reservations of that instant.
pub fn quota(summary: &Summary, setting: &Setting, timeline: &PoolTimeline) -> Chart {
    let unknown = PoolSetting::default();
    let pool = setting.pool(&timeline.pool).unwrap_or(&unknown);
    let metrics = summary.pools.get(&timeline.pool);
    let caption = Caption {
        title: metrics.map_or_else(|| timeline.pool.clone(), |metrics| finding(&timeline.pool, metrics)),
        subtitle: subtitle(summary, pool, timeline),
        footer: provenance(summary).join(" · "),
    };
    let points = merge(&timeline.points);
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 52.0,
            top: area.top + 30.0,
            right: area.right - SIDE,
            bottom: area.bottom - 50.0,
        };
        let Some(last) = points.last() else {
            return plot.note(canvas, "No interval was recorded.");
        };
        let time = Scale::linear([points[0].from_s, last.to_s], [plot.left, plot.right]);
        let levels = points.iter().any(|point| point.available.is_some());
        let (tokens, throttles, level) = panels(plot, levels);

        let warmup = time.clamped(summary.warmup_s);
        for panel in [Some(tokens), Some(throttles), level].into_iter().flatten() {
            canvas.rectangle([panel.left, panel.top], [warmup, panel.bottom], SHADE, 1.0);
            panel.columns(canvas, &time, &time.time_ticks(8));
        }
        draw_tokens(canvas, tokens, &time, &points, metrics, pool);
        if warmup > plot.left + 8.0 {
            let label = Type::plain(MUTED).size(FOOTER_SIZE);
            let fits = label.width("warm-up") + 8.0 < warmup - plot.left;
            let (text, x) = if fits { ("warm-up", plot.left + 5.0) } else { ("← warm-up", warmup + 4.0) };
            canvas.text(text, [x, tokens.top + 14.0], label);
        }
        draw_throttles(canvas, throttles, &time, &points, timeline);
        if let Some(level) = level {
            draw_level(canvas, level, &time, &points, pool);
        }
        plot.column_labels(canvas, &time, &time.time_ticks(8), "simulated time");
    })
}

/// The finding in words, from the results over all replications.
fn finding(name: &str, metrics: &Metrics) -> String {
    let pool = metrics.pool.clone().unwrap_or_default();
    let used = pool.quota_utilization.mean;
    let throttled = metrics.attempt_throttle_rate.mean.unwrap_or(0.0);
    let most = active_limits(&metrics.throttles_by_limit).into_iter().max_by(|a, b| a.1.total_cmp(&b.1));
    match (most, used) {
        (None, Some(used)) => format!("{name} throttles nothing: {} of its quota is charged", percent(used)),
        (None, None) => format!("{name} throttles nothing"),
        (Some((QuotaName::TokensPerMinute | QuotaName::InputTokensPerMinute, _)), Some(used))
            if used < 0.6 && pool.reservation_waste.mean.is_some_and(|waste| waste > 0.5) =>
        {
            format!(
                "Reservations fill {name}: {} of attempts throttled, {} of the quota charged",
                percent(throttled),
                percent(used)
            )
        }
        (Some((QuotaName::Unsatisfiable, _)), _) => {
            format!("{name} throttles {} of attempts: most reserve more than it can ever hold", percent(throttled))
        }
        (Some((limit, _)), Some(used)) => format!(
            "{name} throttles {} of attempts by {}; {} of its quota is charged",
            percent(throttled),
            limit.key(),
            percent(used)
        ),
        (Some((limit, _)), None) => format!("{name} throttles {} of attempts by {}", percent(throttled), limit.key()),
    }
}

fn subtitle(summary: &Summary, pool: &PoolSetting, timeline: &PoolTimeline) -> String {
    let mut parts = vec![pool.model.clone(), format!("pool {}", timeline.pool)];
    parts.push(match &pool.limiter {
        Some(limiter) => format!("{limiter} (assumption)"),
        None => "no tokens quota".to_owned(),
    });
    if pool.burndown > 1 && !pool.mantle {
        parts.push(format!("burndown ×{}", pool.burndown));
    }
    parts.extend(pool.rules.iter().cloned());
    if summary.replications > 1 {
        parts.push(format!("drawn: replication 1 of {}", summary.replications));
    }
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}

/// The plot divided into tokens, throttles and, where there is a level to show, the level.
fn panels(plot: Panel, levels: bool) -> (Panel, Panel, Option<Panel>) {
    const GAP: f64 = 42.0;
    const SMALL: f64 = 66.0;
    let level = levels.then_some(Panel { top: plot.bottom - SMALL, ..plot });
    let bottom = level.map_or(plot.bottom, |level| level.top - GAP);
    let throttles = Panel { top: bottom - SMALL, bottom, ..plot };
    let tokens = Panel { bottom: throttles.top - GAP, ..plot };
    (tokens, throttles, level)
}

fn draw_tokens(
    canvas: &Canvas<'_>,
    panel: Panel,
    time: &Scale,
    points: &[TimelinePoint],
    metrics: Option<&Metrics>,
    pool: &PoolSetting,
) {
    let charged = charged_per_minute(points);
    let stacked: Vec<f64> =
        charged.iter().zip(points).map(|(tokens, point)| tokens + point.reserved_open as f64).collect();
    let limits = points.iter().filter_map(|point| point.quota).map(|quota| quota as f64);
    let highest = limits.chain(stacked.iter().copied()).fold(0.0, f64::max);
    let scale = Scale::linear([0.0, if highest > 0.0 { highest * 1.1 } else { 1.0 }], [panel.bottom, panel.top]);

    let input = if pool.mantle { "Input quota tokens" } else { "Quota tokens" };
    let span = points[0].to_s - points[0].from_s;
    let charges = if span > 60.0 {
        format!("charged per minute (means of {})", duration_ms(span * 1e3))
    } else {
        "charged in the last minute".to_owned()
    };
    panel.title(canvas, panel.left, &format!("{input}: {charges}, and reserved now on top"));
    panel.rows(canvas, &scale, &scale.ticks(5));
    let outline = |heights: &[f64]| -> Vec<[f64; 2]> {
        let ends = points.iter().zip(heights).map(|(point, &height)| [time.at(point.to_s), scale.at(height)]);
        [[time.at(points[0].from_s), scale.at(heights[0])]].into_iter().chain(ends).collect()
    };
    let (lower, upper) = (outline(&charged), outline(&stacked));
    let zero: Vec<[f64; 2]> = [time.at(points[0].from_s), lower[lower.len() - 1][0]].map(|x| [x, scale.at(0.0)]).into();
    band(canvas, &lower, &zero, BLUE, 0.9);
    band(canvas, &upper, &lower, ORANGE, 0.75);
    draw_limit(canvas, time, &scale, points);

    let middle = |heights: &[f64]| {
        let tail = &heights[heights.len() - heights.len().div_ceil(8)..];
        tail.iter().sum::<f64>() / tail.len() as f64
    };
    let (low, high) = (middle(&charged), middle(&stacked));
    let mean = |value: Option<f64>, unit: &str| {
        value.map_or_else(Vec::new, |value| vec![format!("{}{unit} on average", short(value))])
    };
    let of_pool = metrics.and_then(|metrics| metrics.pool.as_ref());
    let mut labels = vec![
        side(scale.at(low / 2.0), "charged", mean(of_pool.and_then(|pool| pool.tokens_per_minute.mean), "/min"), BLUE),
        side(
            scale.at(f64::midpoint(low, high)),
            "reserved",
            mean(of_pool.and_then(|pool| pool.reservation_mean.mean), ""),
            ORANGE,
        ),
    ];
    if let Some(quota) = points.last().and_then(|point| point.quota) {
        let detail = above(quota as f64, &charged, &stacked, pool);
        labels.push(side(scale.at(quota as f64), &format!("quota {}/min", short(quota as f64)), detail, BLACK));
    }
    beside(canvas, panel.right + 12.0, SIDE - 12.0, [panel.top - 10.0, panel.bottom + 10.0], labels);
}

/// Why a bucket's charges or reservations can stand above the quota of a minute, if they do.
fn above(quota: f64, charged: &[f64], stacked: &[f64], pool: &PoolSetting) -> Vec<String> {
    let exceeds = |heights: &[f64]| heights.iter().any(|&height| height > quota * 1.05);
    if pool.available != BUCKET_LEVEL {
        Vec::new()
    } else if exceeds(charged) {
        vec!["above: saved in the bucket".to_owned()]
    } else if exceeds(stacked) {
        vec!["above: refilled while held".to_owned()]
    } else {
        Vec::new()
    }
}

/// The quota in force, as a line that steps where it changes and is absent where there is none.
pub(super) fn draw_limit(canvas: &Canvas<'_>, time: &Scale, scale: &Scale, points: &[TimelinePoint]) {
    let pen = Pen::new(BLACK.fill, 2.5);
    let mut line: Vec<[f64; 2]> = Vec::new();
    for point in points {
        match point.quota {
            Some(quota) => {
                let y = scale.at(quota as f64);
                line.extend([[time.at(point.from_s), y], [time.at(point.to_s), y]]);
            }
            None if !line.is_empty() => canvas.line(&std::mem::take(&mut line), pen),
            None => {}
        }
    }
    if !line.is_empty() {
        canvas.line(&line, pen);
    }
}

fn draw_throttles(canvas: &Canvas<'_>, panel: Panel, time: &Scale, points: &[TimelinePoint], timeline: &PoolTimeline) {
    let span = points[0].to_s - points[0].from_s;
    panel.title(canvas, panel.left, &format!("Attempts throttled in each {}", duration_ms(span * 1e3)));
    let most = points.iter().map(|point| point.throttled).max().unwrap_or(0);
    if most == 0 {
        canvas.line(&[[panel.left, panel.bottom], [panel.right, panel.bottom]], Pen::new(AXIS, 1.0));
        return panel.note(canvas, "none");
    }
    let scale = Scale::linear([0.0, most as f64], [panel.bottom, panel.top]);
    let whole: Vec<_> = scale.ticks(2).into_iter().filter(|tick| tick.value.fract() == 0.0).collect();
    panel.rows(canvas, &scale, &whole);
    for point in points.iter().filter(|point| point.throttled > 0) {
        let (left, right) = (time.at(point.from_s), time.at(point.to_s));
        let gap = if right - left > 3.0 { 0.5 } else { 0.0 };
        // A single throttle among thousands still shows.
        let top = scale.at(point.throttled as f64).min(panel.bottom - 1.5);
        canvas.rectangle([left + gap, top], [right - gap, panel.bottom], VERMILLION.fill, 1.0);
    }
    let sum: u64 = timeline.points.iter().map(|point| point.throttled).sum();
    let label =
        side(f64::midpoint(panel.top, panel.bottom), "throttled", vec![format!("{} in all", count(sum))], VERMILLION);
    beside(canvas, panel.right + 12.0, SIDE - 12.0, [panel.top - 10.0, panel.bottom + 10.0], vec![label]);
}

fn draw_level(canvas: &Canvas<'_>, panel: Panel, time: &Scale, points: &[TimelinePoint], pool: &PoolSetting) {
    let name = if pool.available.is_empty() { "left" } else { &pool.available };
    let mut title = format!("{name}: what the tokens quota would still admit");
    if let Some(first) = title.get(..1).map(str::to_uppercase) {
        title.replace_range(..1, &first);
    }
    panel.title(canvas, panel.left, &title);
    let values = points.iter().filter_map(|point| point.available).map(|value| value as f64);
    let lowest = values.clone().fold(0.0, f64::min);
    let full: Vec<f64> = points.iter().filter_map(|point| point.capacity).map(|capacity| capacity as f64).collect();
    let highest = full.iter().copied().chain(values).fold(1.0, f64::max);
    let scale = Scale::linear([lowest, highest], [panel.bottom, panel.top]);
    panel.rows(canvas, &scale, &scale.ticks(2));
    let mut line: Vec<[f64; 2]> = Vec::new();
    for runs in points.chunk_by(|a, b| a.available.is_some() == b.available.is_some()) {
        line.clear();
        line.extend(runs.iter().filter_map(|point| Some([time.at(point.to_s), scale.at(point.available? as f64)])));
        if let [first, .., last] = line.as_slice() {
            band(canvas, &line, &[[first[0], scale.at(0.0)], [last[0], scale.at(0.0)]], GREEN, 0.18);
            canvas.line(&line, Pen::new(GREEN.fill, 2.0));
        }
    }
    if let Some(full) = full.last() {
        let y = line.last().map_or(panel.top, |end| end[1]);
        let label = side(y, name, vec![format!("{} when full", short(*full))], GREEN);
        beside(canvas, panel.right + 12.0, SIDE - 12.0, [panel.top - 10.0, panel.bottom + 10.0], vec![label]);
    }
}

/// The area between two lines.
fn band(canvas: &Canvas<'_>, upper: &[[f64; 2]], lower: &[[f64; 2]], colour: Colour, opacity: f64) {
    let outline: Vec<_> = upper.iter().chain(lower.iter().rev()).copied().collect();
    canvas.polygon(&outline, colour.fill, opacity);
}

fn side(y: f64, name: &str, detail: Vec<String>, colour: Colour) -> SideLabel {
    SideLabel { y, name: name.to_owned(), detail, ink: colour.ink }
}

/// Tokens charged in the minute before the end of each interval; intervals reached in part count in part.
pub(in crate::report) fn charged_per_minute(points: &[TimelinePoint]) -> Vec<f64> {
    let share = |point: &TimelinePoint, from: f64, to: f64| {
        let overlap = point.to_s.min(to) - point.from_s.max(from);
        overlap.max(0.0) / (point.to_s - point.from_s).max(f64::MIN_POSITIVE) * point.charged as f64
    };
    let in_window = |(index, point): (usize, &TimelinePoint)| {
        let window = (point.to_s - point.from_s).max(60.0);
        let from = point.to_s - window;
        let earlier = points[..=index].iter().rev().take_while(|earlier| earlier.to_s > from);
        earlier.map(|earlier| share(earlier, from, point.to_s)).sum::<f64>() * 60.0 / window
    };
    points.iter().enumerate().map(in_window).collect()
}

/// Neighbouring intervals put together until there are few enough to draw: counts add up, open reservations are
/// averaged, levels are those at the end.
pub(super) fn merge(points: &[TimelinePoint]) -> Vec<TimelinePoint> {
    let size = points.len().div_ceil(MOST_POINTS).max(1);
    let merged = points.chunks(size).map(|group| {
        let (first, last) = (group[0], group[group.len() - 1]);
        let sum = |of: fn(&TimelinePoint) -> u64| group.iter().map(of).sum::<u64>();
        TimelinePoint {
            from_s: first.from_s,
            quota: first.quota,
            admitted: sum(|point| point.admitted),
            throttled: sum(|point| point.throttled),
            charged: sum(|point| point.charged),
            reserved_open: sum(|point| point.reserved_open) / group.len() as u64,
            ..last
        }
    });
    merged.collect()
}
