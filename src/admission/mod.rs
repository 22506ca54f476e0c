//! Decides whether an attempt is admitted, and settles it when it ends.
//!
//! Sans-IO: `now` is an argument, so the simulator and a server on the wall clock enforce the same law. An attempt is
//! admitted when every quota admits it, in the order pool requests, pool tokens, pool day, account day; all or
//! nothing. A refusal counts once, under the first quota that refuses, and consumes nothing unless the pool's rules
//! say so.

mod day;
mod fixed_window;
mod gate;
mod in_flight;
#[cfg(test)]
mod laws;
mod limiter;
mod one_quota;
mod room;
mod sliding_window;
mod stretch;
mod token_bucket;

pub use day::DayMeter;
pub use gate::{Admission, Gate, Refusal, Reservation, Settlement};
pub use limiter::{Entry, Limiter, Meter};
pub use one_quota::{Admit, OneQuota};
pub use room::Room;
pub use stretch::{End, Flows, MOST_ATTEMPTS, MOST_SLICES, MOST_WALKED, Stretch, Walked};
pub use token_bucket::TokenBucket;
