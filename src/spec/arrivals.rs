//! Arrival processes as written.

use super::build::Builder;
use super::context::At;
use super::cron;
use super::describe::{choice, record};
use super::distribution::DistributionSpec;
use super::scalar::{Fraction, Pair, Seconds};
use super::trace;
use crate::model::Arrivals;
use crate::model::arrivals::{Interpolation, Sessions};
use crate::units::{Probability, Rate, SimSpan, SimTime, format};

choice! {
    /// When requests arrive.
    enum ArrivalsSpec as "arrival process" {
        /// One request every 1/rate.
        constant: Constant(RateSpec),
        /// Many requests at one instant.
        burst: Burst(BurstSpec),
        /// A Poisson process.
        poisson: Poisson(RateSpec),
        /// A renewal process with gamma gaps.
        gamma: Gamma(RenewalSpec),
        /// A renewal process with Weibull gaps.
        weibull: Weibull(RenewalSpec),
        /// Two Poisson rates in turn, exponential stays.
        on_off: OnOff(OnOffSpec),
        /// A Poisson process whose rate swings like a sine.
        sinusoidal: Sinusoidal(SinusoidalSpec),
        /// A Poisson process whose rate is given by points.
        piecewise: Piecewise(PiecewiseSpec),
        /// Requests at the times of a cron schedule.
        cron: Cron(CronSpec),
        /// Workers that think, send one request, wait for its end and think again.
        closed_loop: ClosedLoop(ClosedLoopSpec),
        /// Conversations of several turns with prompt caching.
        sessions: Sessions(Box<SessionsSpec>),
        /// The rows of a recorded file.
        trace: Trace(Box<TraceSpec>),
    }
}

record! {
    /// A process with one rate.
    struct RateSpec as "rate of arrivals" {
        /// Requests per time.
        rate: Rate = required,
    }
}

record! {
    /// Many requests at one instant.
    struct BurstSpec as "burst" {
        /// When, from the start.
        at: SimSpan = "0s",
        /// How many.
        count: u64 = required,
    }
}

record! {
    /// A renewal process.
    struct RenewalSpec as "renewal process" {
        /// Mean requests per time.
        rate: Rate = required,
        /// Coefficient of variation of the gaps; 1 is a Poisson process.
        cv: f64 = required,
    }
}

record! {
    /// Two Poisson rates in turn.
    struct OnOffSpec as "on-off process" {
        /// Requests per time while on.
        on_rate: Rate = required,
        /// Requests per time while off.
        off_rate: Rate = "0/s",
        /// Mean stay in the on state.
        mean_on: SimSpan = required,
        /// Mean stay in the off state.
        mean_off: SimSpan = required,
    }
}

record! {
    /// Poisson at `rate · (1 + amplitude · sin(2π(t + phase)/period))`.
    struct SinusoidalSpec as "sinusoidal process" {
        /// Mean requests per time.
        rate: Rate = required,
        /// Relative swing, up to 100%.
        amplitude: Probability = required,
        /// Length of a cycle.
        period: SimSpan = required,
        /// Where in the cycle the scenario starts.
        phase: SimSpan = "0s",
    }
}

record! {
    /// Poisson at a rate given by points, constant after the last.
    struct PiecewiseSpec as "piecewise process" {
        /// `[time, rate]`, times increasing from 0s.
        points: Vec<At<Pair<SimSpan, Rate>>> = required,
        /// Straight lines between the points, or steps.
        interpolation: InterpolationSpec = "linear",
    }
}

choice! {
    /// How a rate runs between its points.
    enum InterpolationSpec as "interpolation" {
        /// Straight lines.
        linear: Linear,
        /// Constant from each point to the next.
        step: Step,
    }
}

record! {
    /// Requests at the times of a cron schedule, UTC.
    struct CronSpec as "cron process" {
        /// Five fields: minute, hour, day of month, month, day of week.
        schedule: String = required,
        /// Requests per firing.
        count: u64 = required,
        /// Over how much time a firing spreads evenly.
        over: SimSpan = "0s",
    }
}

record! {
    /// Workers that think, send one request, wait for its end and think again.
    struct ClosedLoopSpec as "closed loop" {
        /// How many workers.
        workers: u64 = required,
        /// How long a worker thinks.
        think_time: DistributionSpec<Seconds> = required,
    }
}

record! {
    /// Conversations of several turns; a turn's prefix is read from the prompt cache within its time to live.
    struct SessionsSpec as "sessions process" {
        /// New sessions per time.
        rate: Rate = required,
        /// Turns per session.
        turns: DistributionSpec<f64> = required,
        /// Time between the end of a turn and the start of the next.
        think_time: DistributionSpec<Seconds> = required,
        /// How long a cached prefix lives.
        cache_ttl: SimSpan = "5m",
        /// What a failed turn does to its session.
        on_failure: OnFailureSpec = "end",
    }
}

choice! {
    /// What a failed turn does to its session.
    enum OnFailureSpec as "reaction to a failed turn" {
        /// The session ends.
        end: End,
        /// The session goes on.
        continue: Continue,
    }
}

record! {
    /// The rows of a recorded CSV file with a header.
    struct TraceSpec as "trace" {
        /// The file, relative to the scenario.
        file: String = required,
        /// The column of arrival times: RFC 3339, `YYYY-MM-DD hh:mm:ss` in UTC, or numbers with `time_unit`.
        time: String = required,
        /// The column of uncached input tokens.
        input_tokens: String = required,
        /// The column of output tokens.
        output_tokens: String = required,
        /// The column of input tokens read from the cache.
        cache_read_tokens: String,
        /// The column of each request's own `max_tokens`; an empty cell is the workload's.
        max_tokens: String,
        /// What one unit of a plain number of time is: `s`, `ms`.
        time_unit: TimeUnitSpec,
        /// How many times faster than recorded.
        speed: Fraction = "1",
        /// How many copies of the traffic.
        scale: f64 = "1",
        /// Start again after the last row, until the horizon.
        r#loop: bool = "false",
    }
}

choice! {
    /// A unit of time.
    enum TimeUnitSpec as "unit of time", or Span(SimSpan) {
        /// Nanoseconds.
        ns: Nanoseconds,
        /// Microseconds.
        us: Microseconds,
        /// Milliseconds.
        ms: Milliseconds,
        /// Seconds.
        s: Seconds,
        /// Minutes.
        m: Minutes,
        /// Hours.
        h: Hours,
    }
}

impl TimeUnitSpec {
    pub(crate) fn span(&self) -> SimSpan {
        match self {
            Self::Nanoseconds => SimSpan(1),
            Self::Microseconds => SimSpan(1_000),
            Self::Milliseconds => SimSpan::MILLISECOND,
            Self::Seconds => SimSpan::SECOND,
            Self::Minutes => SimSpan::MINUTE,
            Self::Hours => SimSpan::HOUR,
            Self::Span(span) => span.value,
        }
    }
}

impl ArrivalsSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<Arrivals> {
        Some(match self {
            Self::Constant(s) => Arrivals::Constant { rate: rate(b, "rate", s.value.rate)? },
            Self::Poisson(s) => Arrivals::Poisson { rate: rate(b, "rate", s.value.rate)? },
            Self::Burst(s) => {
                let (at, count) = (s.value.at?, s.value.count?);
                Arrivals::Burst { at: SimTime(at.value.0), count: some(b, "count", count)? }
            }
            Self::Gamma(s) => {
                let (rate, cv) = s.value.build(b)?;
                Arrivals::Gamma { rate, cv }
            }
            Self::Weibull(s) => {
                let (rate, cv) = s.value.build(b)?;
                Arrivals::Weibull { rate, cv }
            }
            Self::OnOff(s) => {
                let on_rate = rate(b, "on_rate", s.value.on_rate);
                let stays = (span(b, "mean_on", s.value.mean_on), span(b, "mean_off", s.value.mean_off));
                Arrivals::OnOff {
                    on_rate: on_rate?,
                    off_rate: s.value.off_rate?.value,
                    mean_on: stays.0?,
                    mean_off: stays.1?,
                }
            }
            Self::Sinusoidal(s) => {
                let (rate, period) = (rate(b, "rate", s.value.rate), span(b, "period", s.value.period));
                Arrivals::Sinusoidal {
                    rate: rate?,
                    amplitude: s.value.amplitude?.value,
                    period: period?,
                    phase: s.value.phase?.value,
                }
            }
            Self::Piecewise(s) => s.value.build(b)?,
            Self::Cron(s) => {
                let text = s.value.schedule.as_ref()?;
                let schedule = match cron::parse(&text.value) {
                    Ok(schedule) => schedule,
                    Err(reason) => {
                        let message = format!("`schedule` is `{}`: {reason}", super::problem::shown(&text.value));
                        b.cx.problem_with(
                            text.at,
                            message,
                            "five fields: minute hour day month weekday, `0 9 * * 1-5`",
                        );
                        return None;
                    }
                };
                let count = s.value.count?;
                Arrivals::Cron { schedule, count: some(b, "count", count)?, over: s.value.over?.value }
            }
            Self::ClosedLoop(s) => {
                let workers = s.value.workers?;
                // Each worker has a state of its own.
                let workers = b
                    .require((1..=10_000_000).contains(&workers.value), workers.at, || {
                        format!("`workers` is {}: it must lie between 1 and 10,000,000", format::count(workers.value))
                    })
                    .map(|()| workers.value);
                let think_time = s.value.think_time.as_ref()?.value.build(b);
                Arrivals::ClosedLoop { workers: workers?, think_time: think_time? }
            }
            Self::Sessions(s) => {
                let rate = rate(b, "rate", s.value.rate);
                let turns = s.value.turns.as_ref()?.value.build(b);
                let think_time = s.value.think_time.as_ref()?.value.build(b);
                Arrivals::Sessions(Sessions {
                    rate: rate?,
                    turns: turns?,
                    think_time: think_time?,
                    cache_ttl: s.value.cache_ttl?.value,
                    continue_on_failure: matches!(s.value.on_failure.as_ref()?.value, OnFailureSpec::Continue),
                })
            }
            Self::Trace(s) => Arrivals::Trace(trace::rows(b, &s.value)?),
        })
    }
}

impl RenewalSpec {
    fn build(&self, b: &mut Builder<'_>) -> Option<(Rate, f64)> {
        let (rate, cv) = (rate(b, "rate", self.rate), self.cv?);
        b.cv(cv)?;
        Some((rate?, cv.value))
    }
}

impl PiecewiseSpec {
    fn build(&self, b: &mut Builder<'_>) -> Option<Arrivals> {
        let points = self.points.as_ref()?;
        let first = points.value.first().map(|point| point.value.0);
        b.require(first.is_some_and(|first| first.value == SimSpan::ZERO), first.map_or(points.at, |p| p.at), || {
            "`points` must begin at 0s".to_owned()
        })?;
        increasing(b, "points", points.value.iter().map(|point| point.value.0))?;
        b.require(points.value.iter().any(|point| point.value.1.value.events > 0), points.at, || {
            "`points` have no rate above zero".to_owned()
        })?;
        let interpolation = match self.interpolation.as_ref()?.value {
            InterpolationSpec::Linear => Interpolation::Linear,
            InterpolationSpec::Step => Interpolation::Step,
        };
        let points = points.value.iter().map(|p| (SimTime(p.value.0.value.0), p.value.1.value)).collect();
        Some(Arrivals::Piecewise { points, interpolation })
    }
}

/// Notes a problem at each time that does not follow the one before.
pub(crate) fn increasing(b: &mut Builder<'_>, name: &str, times: impl Iterator<Item = At<SimSpan>>) -> Option<()> {
    let mut fine = Some(());
    let mut last: Option<SimSpan> = None;
    for time in times {
        if last.is_some_and(|last| time.value <= last) {
            let message = format!(
                "`{name}` must go forward in time: {} follows {}",
                written(time.value),
                written(last.unwrap_or_default())
            );
            b.cx.problem(time.at, message);
            fine = None;
        }
        last = Some(time.value);
    }
    fine
}

fn written(span: SimSpan) -> String {
    format::duration(span).replace(' ', "")
}

fn rate(b: &mut Builder<'_>, name: &str, field: Option<At<Rate>>) -> Option<Rate> {
    let rate = field?;
    b.require(rate.value.events > 0, rate.at, || format!("`{name}` is 0: it must be positive"))?;
    b.require(rate.value.per_second() <= 1e9, rate.at, || {
        format!("`{name}` is {}: it is at most one request in a nanosecond, 1G/s", format::rate(rate.value))
    })?;
    Some(rate.value)
}

fn span(b: &mut Builder<'_>, name: &str, field: Option<At<SimSpan>>) -> Option<SimSpan> {
    let span = field?;
    b.require(span.value > SimSpan::ZERO, span.at, || format!("`{name}` is 0: it must be positive"))?;
    Some(span.value)
}

fn some(b: &mut Builder<'_>, name: &str, count: At<u64>) -> Option<u64> {
    // The bound keeps request numbers, and what is added up over them, far from overflow.
    b.require((1..=1_000_000_000_000).contains(&count.value), count.at, || {
        format!("`{name}` is {}: it must lie between 1 and 1,000,000,000,000", format::count(count.value))
    })?;
    Some(count.value)
}
