//! How long a simulation will take on this machine, from a look at its beginning.

use super::args::RunArgs;
use super::output;
use crate::model::{Arrivals, Scenario};
use crate::planner::{self, Progress};
use crate::report::number;
use crate::units::{SimTime, format};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The longest look.
const LOOK: Duration = Duration::from_millis(500);
/// Work of fewer requests than this takes seconds, and is not worth a look.
const LITTLE: f64 = 2e7;
/// Requests that a look is at, at most.
const LOOK_REQUESTS: f64 = 5e5;
/// Work that takes longer than this is announced [s].
const LONG: f64 = 120.0;
/// Replications that a search for the highest load takes, at most, in multiples of one step's.
const SEARCH_STEPS: f64 = 25.0;
/// Replications of each step of a search, at most.
const STEP_REPLICATIONS: f64 = 10.0;

/// Says how long work will take before it starts, if that is long: so many replications of scenarios like this one.
pub(super) fn announce(scenario: &Scenario, replications: f64, run: &RunArgs) {
    let requests = requests(scenario) * replications;
    if run.quiet || requests < LITTLE {
        return;
    }
    let seconds = replication_seconds(scenario) * replications / threads(run) as f64;
    if seconds >= LONG {
        output::say(&format!(
            "warning: this simulates about {} requests and will take about {} here; a shorter `horizon`, a lower \
             `load` or fewer `--replications` make it quicker, and Ctrl-C ends it",
            number::short(requests),
            words(seconds)
        ));
    }
}

/// Replications that the questions about one variant or one line take beyond the comparison itself.
pub(super) fn search_replications(scenario: &Scenario) -> f64 {
    SEARCH_STEPS * f64::from(scenario.replications).min(STEP_REPLICATIONS)
}

/// How many threads will work.
pub(super) fn threads(run: &RunArgs) -> usize {
    run.threads.map_or_else(|| std::thread::available_parallelism().map_or(1, usize::from), |n| n as usize)
}

/// About how many requests arrive in a replication. Of closed loops and sessions only the order of magnitude.
fn requests(scenario: &Scenario) -> f64 {
    let seconds = scenario.horizon.as_secs_f64();
    let of = |arrivals: &Arrivals| match arrivals {
        Arrivals::Constant { rate }
        | Arrivals::Poisson { rate }
        | Arrivals::Gamma { rate, .. }
        | Arrivals::Weibull { rate, .. }
        | Arrivals::Sinusoidal { rate, .. } => rate.per_second() * seconds,
        Arrivals::Burst { count, .. } => *count as f64,
        Arrivals::OnOff { on_rate, off_rate, mean_on, mean_off } => {
            let (on, off) = (mean_on.as_secs_f64(), mean_off.as_secs_f64());
            (on_rate.per_second() * on + off_rate.per_second() * off) / (on + off) * seconds
        }
        Arrivals::Piecewise { points, .. } => {
            points.iter().map(|(_, rate)| rate.per_second()).fold(0.0, f64::max) * seconds
        }
        Arrivals::Cron { schedule, count, .. } => {
            let share = f64::from(schedule.minutes.count_ones()) / 60.0 * f64::from(schedule.hours.count_ones()) / 24.0;
            *count as f64 * (share * seconds / 60.0).max(1.0)
        }
        Arrivals::ClosedLoop { workers, .. } => *workers as f64 * seconds,
        Arrivals::Sessions(sessions) => sessions.rate.per_second() * seconds * 20.0,
        Arrivals::Trace(trace) => trace.rows.len() as f64 * trace.scale,
    };
    scenario.load.as_f64() * scenario.workloads.iter().map(|workload| of(&workload.arrivals)).sum::<f64>()
}

/// Seconds that one replication of a scenario takes, extrapolated from its beginning if it is a long one.
pub(super) fn replication_seconds(scenario: &Scenario) -> f64 {
    let share = (LOOK_REQUESTS / requests(scenario)).min(1.0);
    let horizon = SimTime(((scenario.horizon.0 as f64 * share) as u64).max(1));
    let start = Scenario { replications: 1, horizon, warmup: SimTime::ZERO, ..scenario.clone() };
    let look = Look { started: now(), reached: Mutex::new(0.0) };
    let done = planner::replicate(&start, &look).is_some();
    let seconds = look.started.elapsed().as_secs_f64();
    let reached = *look.reached.lock().expect("nothing panics while it looks");
    // What is disturbed is played twice, and the beginning alone may lie before the disturbance.
    let twice = if scenario.disturbance().is_some() && start.disturbance().is_none() { 2.0 } else { 1.0 };
    twice * seconds / share / if done || reached <= 0.0 { 1.0 } else { reached.min(1.0) }
}

/// `40 s`, `12 min`, `3 h`, `11 days`, `4 years`: an estimate has two digits at most.
pub(super) fn words(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 90.0 => (s, "s"),
        s if s < 5_400.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s if s < 6.3e7 => (s / 86_400.0, "days"),
        s => (s / 31_557_600.0, "years"),
    };
    let rounded = if value >= 10.0 { libm::round(value) } else { libm::ceil(value * 10.0) / 10.0 };
    format!("{} {unit}", format::approximate(rounded))
}

#[expect(clippy::disallowed_methods, reason = "the time it takes is the question, and no part of a result")]
fn now() -> Instant {
    Instant::now()
}

/// Stops a simulation when it was watched for long enough.
struct Look {
    started: Instant,
    reached: Mutex<f64>,
}

impl Progress for Look {
    fn reached(&self, _replication: u32, share: f64) {
        *self.reached.lock().expect("nothing panics while it looks") = share;
    }

    fn stopped(&self) -> bool {
        self.started.elapsed() > LOOK
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, NoFiles, catalog::Catalog};

    fn scenario(arrivals: &str) -> Scenario {
        let text = format!(
            "{{version: 1, horizon: 1h, load: 2, pools: {{p: {{model: m, burndown_rate: 1, max_output_tokens: 9, \
             tokens_per_minute: 1M, requests_per_minute: none, latency: {{duration: 1s}}}}}}, workloads: {{w: {{pool: \
             p, arrivals: {arrivals}, input_tokens: 1, output_tokens: 1}}}}}}"
        );
        spec::read(&text, "it.yaml", &[], &NoFiles, &Catalog::default()).expect(&text).scenario
    }

    #[test]
    fn requests_are_counted_before_they_are_simulated() {
        let table = [
            ("{ poisson: { rate: 5/s } }", 36_000.0),
            ("{ burst: { at: 0s, count: 70 } }", 140.0),
            ("{ on_off: { on_rate: 10/s, off_rate: 0/s, mean_on: 1m, mean_off: 3m } }", 18_000.0),
            ("{ cron: { schedule: '*/10 * * * *', count: 5 } }", 60.0),
        ];
        for (arrivals, expected) in table {
            let requests = requests(&scenario(arrivals));
            assert!((requests / expected - 1.0).abs() < 1e-9, "{arrivals}: {requests}");
        }
    }

    #[test]
    fn estimates_are_words() {
        let table = [(40.0, "40 s"), (700.0, "12 min"), (7_300.0, "2.1 h"), (1e6, "12 days"), (1e9, "32 years")];
        for (seconds, expected) in table {
            assert_eq!(words(seconds), expected);
        }
    }
}
