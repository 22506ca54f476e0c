//! Randomness by address: seed → independent draws for (workload, purpose, replication, request, attempt).
//!
//! A draw depends on its address alone, never on the order in which events happen, so two variants of a scenario meet
//! the same requests and any number of threads gives the same bytes. One draw takes one 64-bit number: each
//! distribution is sampled through its quantile function.
//!
//! Words: *bits* are 64 random bits, standing for the uniform number `(bits + ½) / 2⁶⁴`; a *key* is a stream of them,
//! one for each request; a *sampler* turns bits into values.

mod address;
mod arrivals;
mod copula;
mod discrete;
mod distribution_function;
mod gamma;
mod guide;
mod kernel;
#[cfg(test)]
mod kolmogorov;
mod law;
mod mixture;
mod quantile_table;
mod sampler;
mod special;
mod tokens;

pub use address::{Key, Purpose, Streams, happens};
pub use arrivals::OpenArrivals;
pub use copula::Copula;
pub use distribution_function::{quantile, shares};
pub use sampler::Sampler;
pub(crate) use special::{normal_cdf, normal_pdf};
pub use tokens::{fill_tokens, fill_tokens_at, fill_tokens_of, round_tokens};
