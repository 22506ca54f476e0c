//! Asks questions of the engine: replications now; comparisons, sweeps and sizing stand on the same ground.
//!
//! Replications run in parallel on the current rayon pool; results do not depend on how many threads there are.

mod replicate;

pub use replicate::{Progress, Run, Silent, replicate, replicate_in_order};
