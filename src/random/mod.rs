//! Randomness by address: seed → independent draws for (workload, purpose, replication, request, attempt).
//!
//! A draw depends on its address alone, never on the order in which events happen, so two variants of a scenario meet
//! the same requests and any number of threads gives the same bytes.

mod address;
mod sampler;

pub use address::{Key, Purpose};
pub use sampler::Sampler;
