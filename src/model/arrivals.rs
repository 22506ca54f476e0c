//! Arrival processes: when requests come.

use crate::model::Distribution;
use crate::units::{Probability, Rate, SimSpan, SimTime};
use std::sync::Arc;

/// When the requests of a workload arrive.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrivals {
    /// The k-th request at `⌊k / rate⌋` ns, k from 0.
    Constant {
        /// Requests per time.
        rate: Rate,
    },
    /// `count` requests at one instant.
    Burst {
        /// When.
        at: SimTime,
        /// How many.
        count: u64,
    },
    /// A Poisson process.
    Poisson {
        /// Mean requests per time.
        rate: Rate,
    },
    /// A renewal process with gamma gaps, in equilibrium at the start.
    Gamma {
        /// Mean requests per time.
        rate: Rate,
        /// Coefficient of variation of the gaps.
        cv: f64,
    },
    /// A renewal process with Weibull gaps, in equilibrium at the start.
    Weibull {
        /// Mean requests per time.
        rate: Rate,
        /// Coefficient of variation of the gaps.
        cv: f64,
    },
    /// Poisson at `on_rate` and `off_rate` in turn, exponential stays, stationary at the start.
    OnOff {
        /// Requests per time while on.
        on_rate: Rate,
        /// Requests per time while off.
        off_rate: Rate,
        /// Mean stay in the on state.
        mean_on: SimSpan,
        /// Mean stay in the off state.
        mean_off: SimSpan,
    },
    /// Poisson at `rate · (1 + amplitude · sin(2π(t + phase) / period))`.
    Sinusoidal {
        /// Mean requests per time.
        rate: Rate,
        /// Relative swing, 0 to 1.
        amplitude: Probability,
        /// Length of a cycle.
        period: SimSpan,
        /// Where in the cycle the scenario starts.
        phase: SimSpan,
    },
    /// Poisson at a rate given by points, constant after the last.
    Piecewise {
        /// `(time, rate)`, times increasing from zero.
        points: Vec<(SimTime, Rate)>,
        /// Straight lines between the points, or steps.
        interpolation: Interpolation,
    },
    /// `count` requests at each time of a cron schedule, spread evenly `over` a span.
    Cron {
        /// The schedule.
        schedule: CronSchedule,
        /// Requests per firing.
        count: u64,
        /// Over how much time a firing spreads; zero is all at once.
        over: SimSpan,
    },
    /// Workers that think, send one request, wait for its end, and think again.
    ClosedLoop {
        /// How many.
        workers: u64,
        /// Think time, in s.
        think_time: Distribution,
    },
    /// Sessions of several turns; a turn's prefix is read from the prompt cache within its time to live.
    Sessions(Sessions),
    /// Rows of a file.
    Trace(Trace),
}

/// How a piecewise rate runs between its points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// Straight lines.
    Linear,
    /// Constant from each point to the next.
    Step,
}

/// Multi-turn conversations that open as a Poisson process.
#[derive(Debug, Clone, PartialEq)]
pub struct Sessions {
    /// New sessions per time.
    pub rate: Rate,
    /// Turns per session.
    pub turns: Distribution,
    /// Time between the end of a turn and the start of the next, in s.
    pub think_time: Distribution,
    /// How long a cached prefix lives after the start of the turn that last used it.
    pub cache_ttl: SimSpan,
    /// Whether a session goes on after a failed turn.
    pub continue_on_failure: bool,
}

/// A five-field cron schedule as sets of matching values (bit i = value i), in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CronSchedule {
    /// Minutes 0–59.
    pub minutes: u64,
    /// Hours 0–23.
    pub hours: u32,
    /// Days of the month 1–31.
    pub days: u32,
    /// Months 1–12.
    pub months: u16,
    /// Days of the week, 0 = Sunday.
    pub weekdays: u8,
    /// Both day fields are restricted: either may match, as in cron.
    pub either_day: bool,
}

/// A recorded sequence of requests, shared by all replications.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Rows in order of time, the first at zero.
    pub rows: Arc<[TraceRow]>,
    /// Whether rows carry their own `max_tokens` column.
    pub has_max_tokens: bool,
    /// Copies of each row, as a multiple of the trace: `2.5` is two shifted copies and one thinned by half.
    pub scale: f64,
    /// Start again after the last row, until the horizon.
    pub repeat: bool,
}

/// One recorded request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceRow {
    /// When, from the first row on, `speed` applied.
    pub at: SimTime,
    /// Uncached input tokens.
    pub input: u32,
    /// Output tokens.
    pub output: u32,
    /// Input tokens read from the cache.
    pub cache_read: u32,
    /// The row's own `max_tokens`, zero where unset.
    pub max_tokens: u32,
}
