//! Service-level objectives: a metric, a bound, and where it is measured.

/// One requirement of a scenario.
#[derive(Debug, Clone, PartialEq)]
pub struct Requirement {
    /// As the user wrote it: `attempt_throttle_rate < 1%`.
    pub text: String,
    /// Where it is measured.
    pub scope: Scope,
    /// The metric as a path in the results: `latency_ms.p99`.
    pub metric: String,
    /// How value and bound compare when the requirement is met.
    pub comparison: Comparison,
    /// The bound, in the metric's own unit.
    pub bound: f64,
}

impl Requirement {
    /// The metric of the share of replications that do not recover after a disturbance. It speaks of the whole scenario.
    pub const NO_RECOVERY_RATE: &str = "no_recovery_rate";
}

/// The part of the results that a requirement speaks of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// All workloads together.
    Total,
    /// One workload, by index.
    Workload(usize),
    /// One pool, by index.
    Pool(usize),
}

/// A comparison operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

impl Comparison {
    /// Whether `value` stands in this relation to `bound`.
    pub fn holds(self, value: f64, bound: f64) -> bool {
        match self {
            Comparison::Less => value < bound,
            Comparison::AtMost => value <= bound,
            Comparison::Greater => value > bound,
            Comparison::AtLeast => value >= bound,
        }
    }
}
