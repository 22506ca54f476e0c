//! A scenario over the values of one or two of its fields: what `sweep` prints.
//!
//! Field order is key order. Every point met the same random requests as far as its fields allow.

use crate::analysis::{Afterwards, Metrics, Tried};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What a sweep found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// Version of quotasim.
    pub quotasim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The client that its workloads have instead of their own, where a sweep is made for each of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The seed.
    pub seed: u64,
    /// The most replications of a point.
    pub replications: u32,
    /// The horizon \[s\].
    pub horizon_s: f64,
    /// The warm-up \[s\].
    pub warmup_s: f64,
    /// The fields that vary, one or two; the first runs along a line, the second from line to line.
    pub axes: Vec<Axis>,
    /// What decides where a knee is.
    pub objectives: Vec<String>,
    /// The bound on the share of attempts throttled among the objectives, if there is one.
    pub throttle_bound: Option<f64>,
    /// The points, by line.
    pub points: Vec<Point>,
    /// For each line along `load`, the highest load that meets the objectives.
    pub knees: Vec<Knee>,
    /// What the results rest on and AWS does not publish.
    pub assumptions: Vec<String>,
    /// What the reader should know before trusting them; each ends in advice.
    pub warnings: Vec<String>,
}

/// A field that varies.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Axis {
    /// Its path in the scenario.
    pub path: String,
    /// Its values as asked for: numbers, or text as it stands in a scenario.
    pub values: Vec<Value>,
}

impl Axis {
    /// Whether its values come one after the other: numbers, with at most a word among them, like `unset`.
    pub fn is_ordered(&self) -> bool {
        self.values.iter().filter(|value| !value.is_number()).count() < 2
    }
}

/// The scenario with certain values of the fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// The values, by path.
    pub at: Map<String, Value>,
    /// How many replications it took.
    pub replications: u32,
    /// Whether it was not asked for and lies where the curve bends.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub added: bool,
    /// Whether it meets the objectives, in the long run unless the scenario is an episode.
    pub meets: bool,
    /// The pools whose bucket was still being spent when the run ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still_spending: Vec<String>,
    /// Tokens charged ÷ what the quota allows, of the busiest pool, if all were served; null without a quota.
    pub offered_utilization: Option<f64>,
    /// All workloads together.
    pub total: Metrics,
    /// Whether it comes back after a spike or an outage, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery: Option<Afterwards>,
}

/// The highest load that meets the objectives on one line.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Knee {
    /// The values of the other fields, by path.
    pub at: Map<String, Value>,
    /// The load; null if it lies beyond what was tried, or there is none.
    pub load: Option<f64>,
    /// What is known where there is no load to give: `at least 48`, `not even at 0.015`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// The objectives that are missed at the lowest load tried, where there is none that meets them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missed: Vec<String>,
    /// What each assumption that AWS leaves open would change at nine tenths of that load.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tried: Vec<Tried>,
}

impl Knee {
    /// The part of the load at which assumptions are tried: at the knee itself chance would decide.
    pub const TRIED_AT: f64 = 0.9;
}
