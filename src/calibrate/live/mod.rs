//! A live calibration without the wire: what is sent, what it may cost, what answers and errors mean.
//!
//! Calls to a model are paid, so everything that can be known before is known before: the number of calls, their tokens
//! and a ceiling in dollars that no bill exceeds.

mod ceiling;
mod errors;
mod policy;
mod prompts;
mod record;

pub use ceiling::{Ceiling, ceiling, cost};
pub use errors::{Failure, explain};
pub use policy::policy;
pub use prompts::{Prompt, Role, prompts};
pub use record::Recorded;
