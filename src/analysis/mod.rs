//! Pure folds from tallies to answers; all `f64` statistics live here. Never runs a simulation.

pub mod comparison;
pub mod curve;
pub mod estimate;
pub mod explain;
pub mod fold;
pub mod objectives;
pub mod outputs;
pub mod paired;
pub mod recommendation;
pub mod slo;
pub mod summary;
pub mod timeline;
pub mod warnings;

pub use comparison::{Comparison, Difference, PercentileDifference, Recommendation, VariantResult};
pub use curve::{Axis, Knee, Point, Sweep};
pub use fold::Replications;
pub use summary::{
    ByMinute, Counts, Estimate, Gauge, LedgerTotals, Metrics, Percentiles, PoolMetrics, SloOutcome, Summary,
    ThrottlesByLimit, Wait,
};
pub use timeline::{OutputHistogram, PoolTimeline, TimelinePoint};
