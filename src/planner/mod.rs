//! Asks questions of the engine: replications, comparisons of variants, sweeps; sizing stands on the same ground.
//!
//! Everything runs in parallel on the current rayon pool; results do not depend on how many threads there are.

pub mod assume;
mod batch;
mod batches;
mod boundary;
mod caching;
mod compare;
mod drain;
mod ladder;
mod lengthen;
mod precise;
mod remedies;
mod replicate;
mod search;
pub mod size;
pub mod solve;
mod sweep;
mod tried;

pub use batch::{Job, batch, batch_onto, summaries};
pub use compare::{Compared, compare};
pub use drain::{Finish, drain};
pub use ladder::ladder;
pub use precise::replicate_to;
pub use replicate::{Progress, Run, Silent, replicate, replicate_in_order};
pub use search::{Effort, at_load, highest_load, meets};
pub use sweep::{Grid, Line, least_replications, sweep};

use crate::model::Scenario;

/// One alternative of a comparison: a scenario under a name. Variants of one comparison have the same seed, so they
/// meet the same requests.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Its name.
    pub name: String,
    /// The scenario with the variant's changes in it.
    pub scenario: Scenario,
}
