//! Pure folds from tallies to answers; all `f64` statistics live here. Never runs a simulation.

pub mod explain;
pub mod summary;
pub mod timeline;

pub use summary::{
    ByMinute, Counts, Estimate, Gauge, LedgerTotals, Metrics, Percentiles, PoolMetrics, SloOutcome, Summary,
    ThrottlesByLimit, Wait,
};
pub use timeline::{OutputHistogram, PoolTimeline, TimelinePoint};
