//! The arrivals of one workload: which process, at which rate, how bursty.

use super::arrivals::{self, Kind, Profile, SessionFit, Shape, Stretch, choose, dispersion, sessions};
use super::observation::Instant;
use super::sketch::{STRETCH, Turn, WorkloadSketch};
use super::window::Window;
use crate::model::Arrivals;
use crate::model::arrivals::Sessions;
use crate::spec::draft;
use crate::units::SimSpan;
use serde::Serialize;
use std::collections::BTreeMap;

/// The arrivals of a workload with their fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArrivalFit {
    /// The process, as the scenario language writes it.
    #[serde(serialize_with = "as_written")]
    pub process: Arrivals,
    /// Requests per minute over the time that the scenario stands for.
    pub requests_per_minute: f64,
    /// Why this process.
    pub reason: String,
    /// The index of dispersion of counts by window: 1 where arrivals are independent.
    pub dispersion: Vec<Dispersion>,
    /// The processes that were tried.
    pub candidates: Vec<Tried>,
    /// How the rate changes over day and week; `None` for conversations with relative times.
    pub profile: Option<Profile>,
    /// Conversations, where the records name them.
    pub sessions: Option<SessionFit>,
    /// Whether times are relative to each conversation's start, so that their rate is unknown.
    pub relative: bool,
    /// Requests per minute over time, for charts: minutes from the first, the rate of a stretch that begins there, and
    /// the scenario's rate for that time.
    #[serde(skip)]
    pub timeline: Vec<[f64; 3]>,
}

/// Unevenness over one window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Dispersion {
    /// The window, in s.
    pub window_s: u64,
    /// As observed.
    pub observed: f64,
    /// As the process has it.
    pub fitted: f64,
}

/// A process that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Tried {
    /// Its kind.
    pub kind: Kind,
    /// The process at the mean rate of what was watched.
    #[serde(serialize_with = "as_written")]
    pub process: Arrivals,
    /// Root mean square difference of the logarithms of its dispersion from the observed.
    pub error: f64,
}

fn as_written<S: serde::Serializer>(process: &Arrivals, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&draft::written_arrivals(process))
}

/// A session is the rule from this share of the attempts on.
const MOSTLY: f64 = 0.9;
/// How long a cached prefix lives, AWS's default.
///
/// *Source*: AWS user guide, `prompt-caching`, read autumn 2026.
const CACHE_TTL: SimSpan = SimSpan(300_000_000_000);

/// Conversations whose times are relative to their own starts, over all models that they call.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relative {
    /// How many there are.
    conversations: f64,
    /// From the first turn to the end of the last, the mean, in s.
    mean_duration: f64,
}

/// The conversations of all workloads, if nearly all of one workload's begin at the same instant, zero: then times are
/// relative to each. A conversation may call several models, of which only the first begins at zero.
pub fn relative<'a>(workloads: impl Iterator<Item = &'a WorkloadSketch> + Clone) -> Option<Relative> {
    workloads.clone().find(|workload| is_relative(workload))?;
    let mut ends: BTreeMap<u64, f64> = BTreeMap::new();
    for (hash, turns) in workloads.flat_map(|workload| workload.sessions.hashed()) {
        let end = |turn: &Turn| turn.at.seconds_since(Instant(0)) + turn.latency.unwrap_or_default().as_secs_f64();
        let last = turns.iter().map(end).fold(0.0, f64::max);
        let known = ends.entry(hash).or_default();
        *known = known.max(last);
    }
    let conversations = ends.len() as f64;
    Some(Relative { conversations, mean_duration: ends.values().sum::<f64>() / conversations })
}

/// Fits the arrivals of a workload to a window. `only` restricts the process to one kind.
pub fn traffic(
    workload: &WorkloadSketch,
    window: Window,
    only: Option<Kind>,
    relative: Option<Relative>,
) -> Option<ArrivalFit> {
    let [first, last] = workload.totals.span?;
    let fitted = sessions_of(workload);
    let profile = if relative.is_some() { None } else { Profile::new(&workload.minutes) };
    let mean = profile.as_ref().map_or(0.0, |profile| profile.mean);
    let per_minute = rate(workload, window, mean);
    if let Some(fitted) = fitted
        && only.is_none()
    {
        return Some(conversations(workload, fitted, profile, (per_minute, mean, relative)));
    }
    let seen = stretches(workload, [first, last]);
    let observed = dispersion(&seen);
    let (candidates, chosen) = choose(&seen);
    let chosen = only.and_then(|kind| candidates.iter().position(|c| c.shape.kind() == kind)).unwrap_or(chosen);
    let shape = candidates[chosen].shape;
    let hourly = match window {
        Window::Day => profile.as_ref().and_then(Profile::day),
        Window::Week => profile.as_ref().and_then(Profile::week),
        Window::Whole | Window::Hour { .. } => None,
    };
    let (process, fitted, reason) = match hourly {
        // The process is Poisson whatever the bursts; the curve shows what that loses.
        Some(process) => (process, &candidates[0], "the mean rate of each hour"),
        None => (shape.at(per_minute / 60.0), &candidates[chosen], reason(shape)),
    };
    let timeline = timeline(workload, window, profile.as_ref(), per_minute);
    Some(ArrivalFit {
        process,
        requests_per_minute: per_minute,
        reason: reason.to_owned(),
        dispersion: observed
            .iter()
            .zip(&fitted.dispersion)
            .map(|(&(window_s, observed), &(_, fitted))| Dispersion { window_s, observed, fitted })
            .collect(),
        candidates: candidates
            .iter()
            .map(|tried| Tried { kind: tried.shape.kind(), process: tried.shape.at(mean / 60.0), error: tried.error })
            .collect(),
        profile,
        sessions: None,
        relative: false,
        timeline,
    })
}

fn reason(shape: Shape) -> &'static str {
    match shape {
        Shape::Poisson => "arrivals are about independent",
        Shape::Gamma(_) | Shape::Weibull(_) => "its counts over 1 s to 2 min spread as those observed",
        Shape::OnOff { .. } => "bursts and pauses spread its counts over 1 s to 2 min as those observed",
    }
}

/// Requests per minute in the window.
fn rate(workload: &WorkloadSketch, window: Window, mean: f64) -> f64 {
    match window {
        Window::Hour { first_minute } => {
            let [first, last] = [workload.minutes.first_key_value(), workload.minutes.last_key_value()]
                .map(|entry| entry.map_or(0, |e| *e.0));
            let (from, to) = (first_minute.max(first), (first_minute + 60).min(last + 1));
            if to <= from {
                return 0.0;
            }
            let requests: u64 = workload.minutes.range(from..to).map(|(_, minute)| u64::from(minute.requests)).sum();
            requests as f64 / (to - from) as f64
        }
        Window::Whole | Window::Day | Window::Week => mean,
    }
}

/// The sampled stretches, each as long as it lies within what was watched.
fn stretches(workload: &WorkloadSketch, [first, last]: [Instant; 2]) -> Vec<Stretch> {
    let length = STRETCH.0 as i64;
    let end = last.0 + 1;
    let cut = |times: &[Instant]| {
        let number = times[0].0.div_euclid(length);
        let (from, to) = ((number * length).max(first.0), ((number + 1) * length).min(end));
        let mut times: Vec<SimSpan> = times.iter().map(|time| SimSpan((time.0 - from) as u64)).collect();
        times.sort_unstable();
        Stretch { times, length: SimSpan((to - from) as u64) }
    };
    workload.arrivals.groups().map(cut).collect()
}

fn sessions_of(workload: &WorkloadSketch) -> Option<SessionFit> {
    let mostly = workload.totals.in_sessions as f64 >= MOSTLY * workload.totals.attempts as f64;
    if mostly { sessions(workload.sessions.groups()) } else { None }
}

/// Whether nearly every session begins at the same instant, zero.
fn is_relative(workload: &WorkloadSketch) -> bool {
    let starts: Vec<Instant> =
        workload.sessions.groups().filter_map(|turns| turns.iter().map(|turn| turn.at).min()).collect();
    let zero = starts.iter().filter(|start| **start == Instant(0)).count();
    starts.len() > 1 && zero as f64 >= MOSTLY * starts.len() as f64
}

fn conversations(
    workload: &WorkloadSketch,
    fitted: SessionFit,
    profile: Option<Profile>,
    (per_minute, mean, relative): (f64, f64, Option<Relative>),
) -> ArrivalFit {
    // A session that began anew with a smaller prompt is several of the simulator's.
    let pieces = fitted.sessions as f64 / workload.sessions.groups().len().max(1) as f64;
    let watched = workload.totals.span.map_or(60.0, |[first, last]| last.seconds_since(first)).max(60.0);
    let (per_second, reason) = if let Some(Relative { conversations, mean_duration }) = relative {
        (
            fitted.sessions as f64 / conversations / mean_duration.max(1.0),
            "times are relative to each conversation, so one is kept open on average (`load` multiplies)",
        )
    } else {
        let busier = if mean > 0.0 { per_minute / mean } else { 1.0 };
        (workload.sessions.seen_groups() * pieces / watched * busier, "the records name conversations")
    };
    let timeline = match relative {
        Some(_) => Vec::new(),
        None => timeline(workload, Window::Whole, profile.as_ref(), per_minute),
    };
    let requests = workload.totals.requests as f64 / (workload.sessions.seen_groups() * pieces).max(1.0);
    let process = Arrivals::Sessions(Sessions {
        rate: arrivals::rate(per_second),
        turns: fitted.turns.law.clone(),
        think_time: fitted.think_time.law.clone(),
        cache_ttl: CACHE_TTL,
        continue_on_failure: true,
    });
    ArrivalFit {
        process,
        requests_per_minute: per_second * 60.0 * requests,
        reason: reason.to_owned(),
        dispersion: Vec::new(),
        candidates: Vec::new(),
        profile,
        sessions: Some(fitted),
        relative: relative.is_some(),
        timeline,
    }
}

/// Requests per minute in at most some hundreds of steps of equal length.
fn timeline(workload: &WorkloadSketch, window: Window, profile: Option<&Profile>, mean: f64) -> Vec<[f64; 3]> {
    const STEPS: i64 = 360;
    let (Some((&first, _)), Some((&last, _))) = (workload.minutes.first_key_value(), workload.minutes.last_key_value())
    else {
        return Vec::new();
    };
    let width = ((last - first) / STEPS + 1).max(1);
    let step = |from: i64| {
        let to = (from + width).min(last + 1);
        let requests: u64 = workload.minutes.range(from..to).map(|(_, minute)| u64::from(minute.requests)).sum();
        let scenario = match (window, profile) {
            (Window::Day, Some(profile)) => profile.of_day(from),
            (Window::Week, Some(profile)) => profile.of_week(from),
            _ => mean,
        };
        [(from - first) as f64, requests as f64 / (to - from) as f64, scenario]
    };
    (first..=last).step_by(width as usize).map(step).collect()
}
