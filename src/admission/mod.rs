//! Decides whether an attempt is admitted, and settles it when it ends.
//!
//! Sans-IO: `now` is an argument, so the simulator and a server on the wall clock enforce the same law. An attempt is
//! admitted when every quota admits it, in the order pool requests, pool tokens, pool day, account day; all or
//! nothing. A refusal counts once, under the first quota that refuses, and consumes nothing unless the pool's rules
//! say so.

mod batch;
mod day;
mod fixed_window;
mod gate;
mod in_flight;
#[cfg(test)]
mod laws;
mod least_inflow;
mod limiter;
mod one_quota;
mod sliding_window;
mod token_bucket;

pub use batch::{AllAdmitted, BATCH, Batch};
pub use day::DayMeter;
pub use gate::{Admission, Gate, Refusal, Reservation, Settlement};
pub use limiter::{Entry, Limiter, Meter};
pub use one_quota::{Admit, OneQuota};
