//! A scenario: everything that one simulation needs.

use crate::model::{Account, Pool, PoolQuotas, Requirement, Spike, Workload};
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
    /// Whether the horizon was written, and is not the default.
    pub horizon_given: bool,
    /// Requests that arrive from this instant on are counted.
    pub warmup: SimTime,
    /// Independent repetitions.
    pub replications: u32,
    /// The seed of all randomness.
    pub seed: u64,
    /// Multiplies open arrival rates, trace scale and workers (exactly: the numerator and denominator of a fraction).
    pub load: Load,
    /// A while with more traffic.
    pub spike: Option<Spike>,
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
    /// Of what a product is rounded to where its fraction cannot be written down.
    const PARTS: u64 = 1_000_000_000;

    /// As a real number.
    pub fn as_f64(self) -> f64 {
        self.numerator as f64 / self.denominator as f64
    }

    /// A multiple of this multiple, exact where the product of the fractions can be written down.
    #[must_use]
    pub fn times(self, other: Load) -> Load {
        let numerator = self.numerator.checked_mul(other.numerator);
        let denominator = self.denominator.checked_mul(other.denominator);
        if let (Some(numerator), Some(denominator)) = (numerator, denominator) {
            return Load { numerator, denominator };
        }
        let parts = libm::round(self.as_f64() * other.as_f64() * Load::PARTS as f64);
        Load { numerator: parts as u64, denominator: Load::PARTS }
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

    /// The instants at which a quota changes, in no order, each as often as a quota does.
    pub fn quota_changes(&self) -> Vec<SimTime> {
        let mut steps: Vec<&[(SimTime, u64)]> = Vec::new();
        for pool in &self.pools {
            match &pool.quotas {
                PoolQuotas::Runtime { requests, tokens, tokens_per_day } => {
                    steps.extend([requests, tokens].into_iter().flatten().map(|quota| quota.limits.as_slice()));
                    steps.extend(tokens_per_day.iter().map(|quota| quota.limits.as_slice()));
                }
                PoolQuotas::Mantle { input, output } => {
                    steps.extend([input, output].into_iter().flatten().map(|quota| quota.limits.as_slice()));
                }
            }
        }
        steps.extend(self.accounts.iter().filter_map(|a| a.tokens_per_day.as_ref()).map(|q| q.limits.as_slice()));
        steps.into_iter().flat_map(|steps| steps.iter().skip(1).map(|&(at, _)| at)).collect()
    }
}
