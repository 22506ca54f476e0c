//! How long a simulation will take on this machine, from a look at its beginning.

use crate::model::Scenario;
use crate::planner::{self, Progress};
use crate::units::format;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The longest look.
const LOOK: Duration = Duration::from_millis(500);

/// Seconds that one replication of a scenario takes, extrapolated from its first half second if it takes longer.
pub(super) fn replication_seconds(scenario: &Scenario) -> f64 {
    let once = Scenario { replications: 1, ..scenario.clone() };
    let look = Look { started: now(), reached: Mutex::new(0.0) };
    let done = planner::replicate(&once, &look).is_some();
    let seconds = look.started.elapsed().as_secs_f64();
    let reached = *look.reached.lock().expect("nothing panics while it looks");
    if done || reached <= 0.0 { seconds } else { seconds / reached }
}

/// `40 s`, `12 min`, `3 h`, `11 days`: an estimate has two digits at most.
pub(super) fn words(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s < 90.0 => (s, "s"),
        s if s < 5_400.0 => (s / 60.0, "min"),
        s if s < 172_800.0 => (s / 3_600.0, "h"),
        s => (s / 86_400.0, "days"),
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
