//! A scenario: everything that one simulation needs.

use crate::model::{Account, Pool, Requirement, Workload};
use crate::units::{SimSpan, SimTime};

/// Pools, workloads and the time that they are watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// When the scenario begins, for UTC days and cron.
    pub start: Start,
    /// Requests arrive before this instant; it includes the warm-up.
    pub horizon: SimTime,
    /// Requests that arrive from this instant on are counted.
    pub warmup: SimTime,
    /// Independent repetitions.
    pub replications: u32,
    /// The seed of all randomness.
    pub seed: u64,
    /// Multiplies open arrival rates, trace scale and workers (exactly: the numerator and denominator of a fraction).
    pub load: Load,
    /// The scenario is a bounded episode: a full bucket at its start is real, not a bias.
    pub episode: bool,
    /// Accounts with a daily quota.
    pub accounts: Vec<Account>,
    /// Pools, in file order.
    pub pools: Vec<Pool>,
    /// Workloads, in file order.
    pub workloads: Vec<Workload>,
    /// Service-level objectives.
    pub slo: Vec<Requirement>,
    /// What the results rest on and AWS does not publish, one sentence each.
    pub assumptions: Vec<String>,
}

/// A multiple of the scenario's traffic as an exact fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Numerator.
    pub numerator: u64,
    /// Denominator, not zero.
    pub denominator: u64,
}

impl Load {
    /// The traffic as written.
    pub const ONE: Load = Load { numerator: 1, denominator: 1 };

    /// As a real number.
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }
}

/// The instant that simulated time zero stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Start {
    /// Days since 1970-01-01; without a date in the scenario, a Monday (2026-01-05).
    pub day: i64,
    /// Time of day, UTC.
    pub time_of_day: SimSpan,
}

impl Default for Start {
    fn default() -> Self {
        // 2026-01-05, a Monday: 20,458 days after 1970-01-01.
        Start { day: 20_458, time_of_day: SimSpan::ZERO }
    }
}

impl Scenario {
    /// The time over which results are counted.
    pub fn measured(&self) -> SimSpan {
        self.horizon - self.warmup
    }
}
