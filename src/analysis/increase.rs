//! The case for a quota increase: what AWS asks for before it raises a quota.
//!
//! *Source*: AWS user guide, `quotas-increase` and `quotas-runtime`; the fields of AWS's support forms as users report
//! them (March 2025); AWS community, "Managing throughput and service quotas on Amazon Bedrock" (2025), for steady and
//! peak as the median and the 90th percentile.

use serde::{Deserialize, Serialize};

/// A case for one pool, or for the daily quota of an account.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Increase {
    /// The pool or account.
    pub of: String,
    /// What it is for, in the words of the scenario's author.
    pub use_case: Option<String>,
    /// The model's name, where the catalogue knows it.
    pub model: Option<String>,
    /// The model or inference-profile id.
    pub model_id: String,
    /// The Region that calls are made from, where it is known.
    pub region: Option<String>,
    /// Through what it is called: `us. inference profile (geographic cross-Region)`.
    pub profile: String,
    /// The endpoint: `bedrock-runtime`.
    pub endpoint: String,
    /// The quotas to raise.
    pub quotas: Vec<QuotaRequest>,
    /// Tokens charged per minute.
    pub tokens_per_minute: PerMinute,
    /// Requests admitted per minute.
    pub requests_per_minute: PerMinute,
    /// Input tokens of an average request, cached or not.
    pub average_input_tokens: Option<f64>,
    /// Of these, read from the prompt cache.
    pub average_cache_read_tokens: Option<f64>,
    /// Output tokens of an average answer.
    pub average_output_tokens: Option<f64>,
    /// The share of requests with more than 25,000 input tokens.
    pub share_above_25k_input: Option<f64>,
    /// Whether cross-Region inference is acceptable.
    pub cross_region: String,
    /// What is expected of the future.
    pub growth: String,
    /// How the quota will be watched.
    pub monitoring: String,
    /// What callers do about throttles.
    pub retries: String,
    /// What stands in the way, or is to be known.
    pub notes: Vec<String>,
}

/// One quota to raise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct QuotaRequest {
    /// The limit: `tokens_per_minute`.
    pub limit: String,
    /// Its name in Service Quotas.
    pub name: String,
    /// Its code, where the catalogue or the account's list has it.
    pub code: Option<String>,
    /// Today's value.
    pub current: u64,
    /// The value to ask for.
    pub desired: u64,
    /// The command that asks for it, or finds the code.
    pub command: String,
}

/// A total per minute: steady and peak.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct PerMinute {
    /// The median minute: steady state.
    pub p50: Option<f64>,
    /// The 90th percentile: peak.
    pub p90: Option<f64>,
    /// The largest minute.
    pub max: Option<f64>,
}
