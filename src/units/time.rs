//! Simulated time in whole nanoseconds since the start of the scenario.

use serde::Serialize;
use std::ops::{Add, AddAssign, Sub};

/// An instant: nanoseconds since the scenario's start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SimTime(pub u64);

/// A length of time, in ns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SimSpan(pub u64);

impl SimTime {
    /// The start of the scenario.
    pub const ZERO: SimTime = SimTime(0);
    /// The last instant that the event calendar can hold: 2⁶⁰ − 1 ns, about 36.5 years.
    pub const MAX: SimTime = SimTime((1 << 60) - 1);

    /// Seconds since the start.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: SimTime) -> SimSpan {
        SimSpan(self.0.saturating_sub(earlier.0))
    }

    /// `self + span`, never past [`SimTime::MAX`].
    #[must_use]
    pub fn saturating_add(self, span: SimSpan) -> SimTime {
        SimTime(self.0.saturating_add(span.0).min(SimTime::MAX.0))
    }
}

impl SimSpan {
    /// No time.
    pub const ZERO: SimSpan = SimSpan(0);
    /// One millisecond.
    pub const MILLISECOND: SimSpan = SimSpan(1_000_000);
    /// One second.
    pub const SECOND: SimSpan = SimSpan(1_000_000_000);
    /// One minute, the period of Bedrock's per-minute quotas.
    pub const MINUTE: SimSpan = SimSpan(60_000_000_000);
    /// One hour.
    pub const HOUR: SimSpan = SimSpan(3_600_000_000_000);
    /// One day, the period of Bedrock's per-day quotas.
    pub const DAY: SimSpan = SimSpan(86_400_000_000_000);

    /// The span in seconds.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// The span in minutes.
    pub fn as_minutes_f64(self) -> f64 {
        self.0 as f64 / 60e9
    }

    /// The nearest whole nanosecond to `seconds`; negative and NaN become zero, the rest saturates at
    /// [`SimTime::MAX`].
    #[must_use]
    pub fn from_secs_f64(seconds: f64) -> SimSpan {
        // `as` saturates and maps NaN to zero; adding a half rounds to nearest, as no span here is negative.
        SimSpan(((seconds * 1e9 + 0.5) as u64).min(SimTime::MAX.0))
    }
}

impl Add<SimSpan> for SimTime {
    type Output = SimTime;
    fn add(self, span: SimSpan) -> SimTime {
        SimTime(self.0 + span.0)
    }
}
impl AddAssign<SimSpan> for SimTime {
    fn add_assign(&mut self, span: SimSpan) {
        self.0 += span.0;
    }
}
impl Sub for SimTime {
    type Output = SimSpan;
    fn sub(self, earlier: SimTime) -> SimSpan {
        SimSpan(self.0 - earlier.0)
    }
}
impl Add for SimSpan {
    type Output = SimSpan;
    fn add(self, other: SimSpan) -> SimSpan {
        SimSpan(self.0 + other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_round_to_the_nearest_nanosecond() {
        assert_eq!(SimSpan::from_secs_f64(1.5e-9), SimSpan(2));
        assert_eq!(SimSpan::from_secs_f64(0.1), SimSpan(100_000_000));
        assert_eq!(SimSpan::from_secs_f64(-1.0), SimSpan::ZERO);
        assert_eq!(SimSpan::from_secs_f64(f64::NAN), SimSpan::ZERO);
        assert_eq!(SimSpan::from_secs_f64(f64::INFINITY).0, SimTime::MAX.0);
    }
}
