//! Runs one scenario with one seed: a single ordered event loop over requests, quotas and clients.
//!
//! *Promises*: deterministic (a function of scenario, seed and replication), total (no `Result`), and memory that
//! follows what is in progress, never what has passed through. An [`Observer`] decides what else is kept.
//!
//! *Path of a request*: its source draws it → its client may hold it back → an attempt asks the pool's gate →
//! admitted, it becomes a flight that holds quota until it settles; refused, its client decides between a wait and
//! giving up. Where its client has nothing to do for it, a request goes straight to the gate, and its record begins
//! with its first refusal.

mod answers;
mod attempt;
mod attempt_draws;
mod batches;
mod block_count;
mod calendar;
mod compiled;
mod crowd;
mod draws;
mod event;
mod fate;
mod faults;
mod first_attempt;
mod foresight;
mod gauge;
mod health;
mod held_back;
mod lane;
mod lifecycle;
mod line;
mod mantle;
mod marked;
mod marks;
mod observer;
mod repeats;
mod request;
mod server;
mod sessions;
mod simulation;
mod slab;
mod source;
mod streaming;

pub use attempt_draws::{AttemptDraws, DrawnTokens, ResponseTiming};
pub use compiled::Engine;
pub use observer::{AttemptRow, Observer, Outcome, Unwatched};
