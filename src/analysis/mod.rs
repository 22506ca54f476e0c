//! Pure folds from tallies to answers; all `f64` statistics live here. Never runs a simulation.

pub mod batch_means;
pub mod comparison;
pub mod confidence;
pub mod curve;
pub mod estimate;
pub mod explain;
pub mod fold;
pub mod growth;
mod in_order;
pub mod increase;
pub mod long_run;
pub mod objectives;
pub mod outputs;
pub mod paired;
pub mod precision;
pub mod recommendation;
pub mod recovery;
pub mod sizing;
pub mod slo;
pub mod solved;
pub mod student;
pub mod summary;
pub mod timeline;
pub mod traffic;
pub mod upgrade;
pub mod warnings;

pub use crate::tally::FailureCause;
pub use comparison::{Comparison, Difference, PercentileDifference, Recommendation, Tried, VariantResult};
pub use curve::{Axis, Knee, Point, Sweep};
pub use fold::Replications;
pub use recovery::{Afterwards, Recovery};
pub use sizing::Sizing;
pub use solved::Solved;
pub use summary::{
    ByMinute, Counts, Estimate, FailuresByCause, Gauge, LedgerTotals, Metrics, Named, Percentiles, PoolMetrics,
    SloOutcome, Summary, ThrottlesByLimit, Wait, Wasted,
};
pub use timeline::{OutputHistogram, PoolTimeline, TimelinePoint};
