//! The answer to an inverse question: what do today's quotas carry? What `size --solve` prints.
//!
//! Field order is key order.

use crate::analysis::Estimate;
use crate::analysis::confidence::Standing;
use crate::analysis::sizing::Curve;
use serde::{Deserialize, Serialize};

/// An answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Solved {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// Version of quotasim.
    pub quotasim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many replications decide.
    pub replications: u32,
    /// The horizon \[s\].
    pub horizon_s: f64,
    /// The warm-up \[s\].
    pub warmup_s: f64,
    /// With which confidence the objectives are met (one-sided).
    pub confidence: f64,
    /// What decides, as written or by default; nothing for `drain`.
    pub objectives: Vec<String>,
    /// The question: `load`, `max_tokens`, `workers`, `drain`.
    pub solve: String,
    /// The workload it is about, where it is about one.
    pub workload: Option<String>,
    /// The answer; null where there is none, or it lies beyond what was tried.
    pub answer: Option<f64>,
    /// Its unit.
    pub unit: String,
    /// The scenario's own value.
    pub today: Option<f64>,
    /// Whether there is an answer that meets the objectives.
    pub meets_slo: bool,
    /// The limit that refuses most just beyond the answer.
    pub binding: Option<String>,
    /// The pool it belongs to.
    pub binding_pool: Option<String>,
    /// The objective that is missed first beyond the answer.
    pub binding_objective: Option<String>,
    /// The answer in words.
    pub words: String,
    /// Why there is none, where there is none.
    pub reasons: Vec<String>,
    /// The objectives at the answer.
    pub at_answer: Vec<Standing>,
    /// Around the answer.
    pub curve: Option<Curve>,
    /// Of `drain`: how long the batch takes.
    pub drain: Option<Drain>,
    /// What the results rest on and AWS does not publish.
    pub assumptions: Vec<String>,
    /// What the reader should know before trusting them; each ends in advice.
    pub warnings: Vec<String>,
}

/// How long a batch takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Drain {
    /// Requests in the batch, in each replication.
    pub requests: u64,
    /// From its arrival to its last answer \[s\].
    pub seconds: Estimate,
    /// The slowest replication \[s\].
    pub slowest_s: Option<f64>,
    /// The share of the batch that was never answered.
    pub unanswered: f64,
}
