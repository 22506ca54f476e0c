//! One replication over time, in equal intervals: what the charts of the quota draw.

use crate::model::Scenario;
use crate::tally::{Probe, Tally};
use serde::{Deserialize, Serialize};

/// A pool through the intervals of one replication.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolTimeline {
    /// The pool's name.
    pub pool: String,
    /// One point per interval.
    pub points: Vec<TimelinePoint>,
}

/// A pool in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct TimelinePoint {
    /// Start of the interval, in s.
    pub from_s: f64,
    /// End of the interval, in s.
    pub to_s: f64,
    /// The tokens quota in force at the start [tokens/min]; null without one.
    pub quota: Option<u64>,
    /// Attempts admitted.
    pub admitted: u64,
    /// Attempts throttled.
    pub throttled: u64,
    /// Tokens charged at settlement in the interval.
    pub charged: u64,
    /// Quota tokens held by open reservations at the end.
    pub reserved_open: u64,
    /// What the tokens limiter would still admit at the end (a bucket's level, a window's rest); null without a quota.
    pub available: Option<i64>,
    /// The most that `available` can be.
    pub capacity: Option<u64>,
    /// Attempts in progress at the end.
    pub in_flight: u64,
}

/// A histogram of output lengths of one workload, for the chart with `max_tokens` drawn in.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OutputHistogram {
    /// The workload's name.
    pub workload: String,
    /// The output limit in force (the model's maximum where unset).
    pub max_tokens: u64,
    /// Whether the workload left it unset.
    pub max_tokens_unset: bool,
    /// Bins of natural output length: `(from, to, count)`, from inclusive, to exclusive.
    pub bins: Vec<(u64, u64, u64)>,
}

/// Every pool of a scenario through one replication.
pub fn of_pools(scenario: &Scenario, tally: &Tally) -> Vec<PoolTimeline> {
    scenario.pools.iter().zip(&tally.pools).map(|(pool, tally)| of_pool(&pool.name, &tally.timeline)).collect()
}

/// The intervals between a pool's probes.
pub fn of_pool(name: &str, probes: &[Probe]) -> PoolTimeline {
    let mut before = Probe::default();
    let points = probes
        .iter()
        .map(|&probe| {
            let start = std::mem::replace(&mut before, probe);
            TimelinePoint {
                from_s: start.at as f64 / 1e9,
                to_s: probe.at as f64 / 1e9,
                quota: probe.quota,
                admitted: probe.admitted - start.admitted,
                throttled: probe.throttled - start.throttled,
                charged: probe.charged - start.charged,
                reserved_open: probe.reserved_open,
                available: probe.available,
                capacity: probe.capacity,
                in_flight: probe.in_flight,
            }
        })
        .collect();
    PoolTimeline { pool: name.to_owned(), points }
}
