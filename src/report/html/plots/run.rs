//! The charts of a run.

use super::{Across, Lines, Look, Plot, Series, Up, css, latency_lines, percentiles};
use crate::analysis::recovery::{Recovery, Trouble};
use crate::analysis::{PoolTimeline, Summary};
use crate::report::chart::charged_per_minute;
use crate::report::chart::theme::{BLACK, BLUE, Colour, GREEN, ORANGE, VERMILLION, variant};
use crate::report::number::duration_ms;
use crate::report::recovery;
use crate::report::setting::Setting;

/// What fills a pool over time: charged in the last minute, and reserved now on top, against the quota.
pub(super) fn over_time(timeline: &PoolTimeline, name: &str, id: &str) -> Lines {
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
pub(super) fn highest(timeline: &PoolTimeline) -> f64 {
    let charged = charged_per_minute(&timeline.points);
    let stacked = charged.iter().zip(&timeline.points).map(|(charged, point)| charged + point.reserved_open as f64);
    let quotas = timeline.points.iter().filter_map(|point| point.quota).map(|quota| quota as f64);
    stacked.chain(quotas).fold(0.0, f64::max)
}

/// The charts of a run.
pub(in crate::report::html) fn of_run(summary: &Summary, setting: &Setting, timelines: &[PoolTimeline]) -> Vec<Plot> {
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
