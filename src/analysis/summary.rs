//! The result of a scenario: the document that `--format json` prints, as types.
//!
//! Field order is key order. Units: rates are shares in [0, 1], `_per_minute` counts are per minute of measured time
//! (horizon − warm-up), `_ms` are milliseconds.

use crate::analysis::Recovery;
use crate::tally::FailureCause;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

/// Things by name, in the order of the scenario file.
pub type Named<T> = IndexMap<String, T>;

/// A mean with its 95 % confidence interval; `None` where there is nothing to estimate from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The estimate.
    pub mean: Option<f64>,
    /// Lower and upper end of the interval.
    pub ci95: Option<[f64; 2]>,
    /// Fewer than five replications saw the event at all: the interval is rough.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub few_events: bool,
}

/// The distribution of a duration: mean with interval, percentiles pooled over replications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Percentiles {
    /// The mean, in ms.
    pub mean: Option<f64>,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
    /// Percentiles, in ms, null with fewer than 10/(1−p) observations.
    pub p50: Option<f64>,
    /// 90th.
    pub p90: Option<f64>,
    /// 95th.
    pub p95: Option<f64>,
    /// 99th.
    pub p99: Option<f64>,
    /// 99.9th.
    pub p999: Option<f64>,
}

/// Time from arrival to the start of the last attempt, and what it was spent on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    /// The whole wait.
    #[serde(flatten)]
    pub all: Percentiles,
    /// In the client's backoff.
    pub backoff: Percentiles,
    /// In the client's own rate limiter.
    pub limiter: Percentiles,
    /// In the queue for a concurrency slot.
    pub queue: Percentiles,
}

/// The distribution of a per-minute total over the minutes of measured time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct ByMinute {
    /// The mean minute.
    pub mean: Option<f64>,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
    /// The median minute.
    pub p50: Option<f64>,
    /// The 90th percentile.
    pub p90: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// A level over time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Gauge {
    /// Time average.
    pub mean: Option<f64>,
    /// Its interval.
    pub ci95: Option<[f64; 2]>,
    /// The highest over all replications.
    pub max: Option<f64>,
}

/// Counts of counted requests and their attempts, summed over replications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that arrived in measured time.
    pub requests: u64,
    /// Their attempts.
    pub attempts: u64,
    /// Attempts refused with a 429.
    pub throttled: u64,
    /// Requests that ended in an answer.
    pub succeeded: u64,
    /// Requests that ended without one.
    pub failed: u64,
    /// Answers cut short by `max_tokens`.
    pub truncated: u64,
}

/// Quota tokens from the start of the run, warm-up included; `reserved + overdraft = settled + refunded + open`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerTotals {
    /// Deducted at admission.
    pub reserved: u64,
    /// Charged at settlement.
    pub settled: u64,
    /// Given back.
    pub refunded: u64,
    /// Taken beyond a reservation.
    pub overdraft: u64,
    /// Still held when the run ended.
    pub open: u64,
}

/// Throttled attempts per minute, by the limit that refused them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the limit of its name, see `model::QuotaName`")]
pub struct ThrottlesByLimit {
    pub requests_per_minute: Estimate,
    pub tokens_per_minute: Estimate,
    pub tokens_per_day: Estimate,
    pub account_tokens_per_day: Estimate,
    pub input_tokens_per_minute: Estimate,
    pub unsatisfiable: Estimate,
    pub model_capacity: Estimate,
}

/// Requests that ended without an answer per minute, by why.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the cause of its name, see `tally::FailureCause`")]
pub struct FailuresByCause {
    pub throttled: Estimate,
    pub model_capacity: Estimate,
    pub unavailable: Estimate,
    pub timed_out: Estimate,
    pub disconnected: Estimate,
    pub deadline_exceeded: Estimate,
    pub shed: Estimate,
}

impl FailuresByCause {
    /// The mean rates, by cause.
    pub fn rates(&self) -> [(FailureCause, f64); FailureCause::ALL.len()] {
        FailureCause::ALL.map(|cause| {
            let estimate = match cause {
                FailureCause::Throttled => self.throttled,
                FailureCause::ModelCapacity => self.model_capacity,
                FailureCause::Unavailable => self.unavailable,
                FailureCause::TimedOut => self.timed_out,
                FailureCause::Disconnected => self.disconnected,
                FailureCause::DeadlineExceeded => self.deadline_exceeded,
                FailureCause::Shed => self.shed,
            };
            (cause, estimate.mean.unwrap_or(0.0))
        })
    }
}

/// Admitted attempts that nobody heard the end of: their client had given up, or their stream broke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Wasted {
    /// How many per minute.
    pub attempts_per_minute: Estimate,
    /// Quota tokens charged for them, per minute.
    pub tokens_per_minute: Estimate,
    /// Their share of all quota tokens charged.
    pub share: Estimate,
    /// What they are billed; null if a price is unknown.
    pub cost_usd_per_hour: Estimate,
}

/// The metrics of a workload, a pool, or everything.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Counted requests and attempts.
    pub counts: Counts,
    /// Quota tokens.
    pub ledger: LedgerTotals,
    /// Counted requests per minute.
    pub offered_requests_per_minute: Estimate,
    /// What they would be charged if all were served, per minute.
    pub offered_tokens_per_minute: Estimate,
    /// Attempts per request.
    pub attempts_per_request: Estimate,
    /// Share of attempts throttled.
    pub attempt_throttle_rate: Estimate,
    /// Share of requests with a throttled attempt.
    pub request_throttle_rate: Estimate,
    /// Share of requests that failed.
    pub request_failure_rate: Estimate,
    /// Share of answers cut short by `max_tokens`.
    pub truncation_rate: Estimate,
    /// Share of answers cut short by an exhausted output quota.
    pub quota_truncation_rate: Estimate,
    /// Complete answers in time, per minute.
    pub goodput_requests_per_minute: Estimate,
    /// Their output tokens, per minute.
    pub goodput_output_tokens_per_minute: Estimate,
    /// Arrival to end, of successes.
    pub latency_ms: Percentiles,
    /// Arrival to first token, of successes.
    pub ttft_ms: Percentiles,
    /// Arrival to the start of the last attempt.
    pub wait_ms: Wait,
    /// Throttles per minute by limit.
    pub throttles_by_limit: ThrottlesByLimit,
    /// Share of attempts that met a fault of the service: before admission, or in place of an answer.
    #[serde(default)]
    pub attempt_fault_rate: Estimate,
    /// Failed requests per minute by cause.
    #[serde(default)]
    pub failures_by_cause: FailuresByCause,
    /// Work that was done for nobody.
    #[serde(default)]
    pub wasted: Wasted,
    /// Attempts in progress.
    pub in_flight: Gauge,
    /// What is billed; null if a price is unknown.
    pub cost_usd_per_hour: Estimate,
    /// What only pools have.
    #[serde(flatten, default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolMetrics>,
}

/// The metrics that only a pool has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolMetrics {
    /// Tokens charged in measured time ÷ what the quota allows in it; null without a quota.
    pub quota_utilization: Estimate,
    /// Open reservations, time average, in tokens.
    pub reservation_mean: Estimate,
    /// Open reservations, highest, in tokens.
    pub reservation_peak: u64,
    /// Tokens charged by minute.
    pub tokens_per_minute: ByMinute,
    /// Attempts admitted by minute.
    pub requests_per_minute: ByMinute,
    /// `1 − Σcharge/ΣR`, at least 0.
    pub reservation_waste: Estimate,
    /// What the tokens quota allows per minute of measured time, on average; `None` without one.
    #[serde(skip)]
    pub quota_per_minute: Option<f64>,
}

/// A service-level objective and how it came out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SloOutcome {
    /// As written.
    pub text: String,
    /// The measured mean or percentile; null when it could not be measured.
    pub value: Option<f64>,
    /// What it is compared with, in the same unit.
    pub bound: f64,
    /// Judged on the mean; an unmeasured value does not meet it.
    pub met: bool,
    /// The interval straddles the bound, or there was nothing to measure.
    pub uncertain: bool,
}

impl SloOutcome {
    /// What it bounds was never seen: uncertain only because a run bounds what it did not see by its length, whatever
    /// else it found.
    pub fn never_seen(&self) -> bool {
        self.met && self.value == Some(0.0)
    }

    /// What it speaks of, if not everything, and its metric, as its text has them: `chat: latency_ms.p99 < 5s`.
    pub fn subject(&self) -> (Option<&str>, &str) {
        let (name, rest) =
            self.text.rsplit_once(": ").map_or((None, self.text.as_str()), |(name, rest)| (Some(name), rest));
        (name, rest.split_whitespace().next().unwrap_or_default())
    }

    /// The interval of what was measured includes the bound: a longer run may find otherwise.
    pub fn in_doubt(&self) -> bool {
        self.uncertain && self.value.is_some() && !self.never_seen()
    }
}

/// Everything that a run of one scenario found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// Version of quotasim.
    pub quotasim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many replications.
    pub replications: u32,
    /// Into how many batches of measured time the one run was cut, where intervals come from these and not from
    /// replications.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub batches: Option<u32>,
    /// The horizon, in s.
    pub horizon_s: f64,
    /// The precision for which the horizon was chosen, where the scenario gives none: `5%,0.1%`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon_chosen_for: Option<String>,
    /// The warm-up, in s.
    pub warmup_s: f64,
    /// All workloads together.
    pub total: Metrics,
    /// By pool.
    pub pools: Named<Metrics>,
    /// By workload.
    pub workloads: Named<Metrics>,
    /// What became of it after a spike or an outage, if there is one to come back from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Recovery>,
    /// Service-level objectives.
    pub slo: Vec<SloOutcome>,
    /// What the results rest on and AWS does not publish.
    pub assumptions: Vec<String>,
    /// What the reader should know before trusting them; each ends in advice.
    pub warnings: Vec<String>,
}

impl Summary {
    /// The version of this document's shape.
    pub const SCHEMA_VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_says_what_it_speaks_of() {
        let subject = |text: &str| {
            let outcome = SloOutcome { text: text.to_owned(), value: None, bound: 1.0, met: false, uncertain: true };
            let (name, metric) = outcome.subject();
            (name.map(str::to_owned), metric.to_owned())
        };
        assert_eq!(subject("truncation_rate < 1% (default)"), (None, "truncation_rate".to_owned()));
        let named = (Some("on-mantle".to_owned()), "quota_truncation_rate".to_owned());
        assert_eq!(subject("on-mantle: quota_truncation_rate < 1%"), named);
    }
}
