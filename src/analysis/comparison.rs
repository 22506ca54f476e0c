//! Several variants of a scenario side by side, and what to make of them: what `compare` prints.
//!
//! Field order is key order. All variants met the same random requests, so differences are taken replication by
//! replication (common random numbers).

use crate::analysis::{Afterwards, Estimate, Metrics, Named, SloOutcome, in_order};
use serde::{Deserialize, Serialize};

/// What a comparison of variants found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// Version of quotasim.
    pub quotasim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many replications of each variant.
    pub replications: u32,
    /// The horizon \[s\].
    pub horizon_s: f64,
    /// The warm-up \[s\].
    pub warmup_s: f64,
    /// The workload whose `max_tokens` differs between variants; null where other things do.
    pub workload: Option<String>,
    /// What the variants are judged by, as written or by default.
    pub objectives: Vec<String>,
    /// The variants; differences are from the first.
    pub variants: Vec<VariantResult>,
    /// Which to take, and why.
    pub recommendation: Recommendation,
    /// What the results rest on and AWS does not publish.
    pub assumptions: Vec<String>,
    /// What the reader should know before trusting them; each ends in advice.
    pub warnings: Vec<String>,
}

impl Comparison {
    /// The recommended variant, or the one that comes closest.
    pub fn answer(&self) -> Option<&VariantResult> {
        let Recommendation { variant, closest, .. } = &self.recommendation;
        let name = variant.as_ref().or(closest.as_ref())?;
        self.variants.iter().find(|each| each.name == *name)
    }
}

/// One variant.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct VariantResult {
    /// Its name: the value of `max_tokens`, or that of the overlay.
    pub name: String,
    /// `max_tokens` of the workload in question; null where it is unset, or there are several workloads.
    pub max_tokens: Option<u64>,
    /// The output limit in force: `max_tokens`, or the model's maximum where it is unset.
    pub output_limit: Option<u64>,
    /// Whether it meets the objectives, in the long run unless the scenario is an episode.
    pub meets: bool,
    /// What one admitted attempt reserves on average [quota tokens]: of the workload in question, or of all.
    pub reservation_per_request: Estimate,
    /// How many average reservations the tokens quota of a minute holds at once: ⌊Q/R⌋; null without a quota, and
    /// where several workloads with reservations of their own are in question.
    pub fits_at_once: Option<u64>,
    /// What a thousand complete answers in time cost \[USD\]: of the workload in question, or of all; null if a price
    /// is unknown.
    pub cost_usd_per_1000_good: Estimate,
    /// All workloads together.
    pub total: Metrics,
    /// By workload.
    pub workloads: Named<Metrics>,
    /// By pool.
    pub pools: Named<Metrics>,
    /// This variant minus the first, of the total.
    pub difference: Difference,
    /// The same of the workload in question, where there are others beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload_difference: Option<Difference>,
    /// How the objectives came out.
    pub slo: Vec<SloOutcome>,
    /// Whether it comes back after a spike or an outage, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Afterwards>,
    /// The pools whose bucket was still being spent when the run ended.
    pub still_spending: Vec<String>,
}

/// Paired differences between two variants, each with its 95 % interval over replications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the metric of its name, see `Metrics` and `VariantResult`")]
pub struct Difference {
    pub reservation_per_request: Estimate,
    #[serde(default)]
    pub attempts_per_request: Estimate,
    pub attempt_throttle_rate: Estimate,
    pub request_throttle_rate: Estimate,
    pub request_failure_rate: Estimate,
    pub truncation_rate: Estimate,
    pub quota_truncation_rate: Estimate,
    pub goodput_requests_per_minute: Estimate,
    pub goodput_output_tokens_per_minute: Estimate,
    pub latency_ms: PercentileDifference,
    pub wait_ms: PercentileDifference,
    pub cost_usd_per_hour: Estimate,
    pub cost_usd_per_1000_good: Estimate,
}

/// Differences of percentiles \[ms\].
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the percentile of its name")]
pub struct PercentileDifference {
    pub p50: Estimate,
    pub p99: Estimate,
}

/// Which variant to take.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The name of the variant that best meets the objectives; null if none does.
    pub variant: Option<String>,
    /// The name of the one that comes closest to them, if none does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closest: Option<String>,
    /// Why, and what else there is to know.
    pub reason: String,
    /// Whether it meets the objectives under each assumption that AWS leaves open.
    #[serde(with = "in_order")]
    pub holds_under: Vec<(String, bool)>,
    /// The highest `load` at which it still meets them; null if that is beyond what was tried.
    pub sustains_load: Option<f64>,
    /// What each assumption would change about it, or about the variant that comes closest where none meets them.
    pub tried: Vec<Tried>,
    /// What would meet them, where no variant does.
    pub remedies: Vec<String>,
}

/// A variant under another answer to what AWS leaves open: of the workload in question, or of all.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Tried {
    /// The assumption, by its key in `holds_under`.
    pub assumption: String,
    /// Whether the variant meets the objectives under it.
    pub holds: bool,
    /// The variant that would be recommended instead of one that does not; null if none would.
    pub instead: Option<String>,
    /// Share of attempts throttled.
    pub attempt_throttle_rate: Estimate,
    /// Share of requests that failed.
    pub request_failure_rate: Estimate,
    /// Share of answers cut short by `max_tokens`.
    pub truncation_rate: Estimate,
    /// Share of answers cut short by an exhausted output quota.
    pub quota_truncation_rate: Estimate,
    /// 99th percentile of latency \[ms\].
    pub latency_p99_ms: Option<f64>,
}
