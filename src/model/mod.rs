//! The nouns of a scenario, valid by construction.
//!
//! What a user wrote may be wrong and lives in `spec`; what is here cannot be. Behind this door nothing returns an
//! error for bad input: [`Scenario`] is all that the engine needs to run.
//!
//! Words (SPEC §1): a *request* is what the application wants, an *attempt* one call on the wire, a *reservation* the
//! quota tokens deducted when an attempt is admitted, a *settlement* the final charge, a *pool* one set of quotas.

pub mod arrivals;
pub mod catalog;
pub mod client;
pub mod demand;
pub mod distribution;
pub mod disturbance;
pub mod latency;
pub mod pool;
pub mod quota;
pub mod scenario;
pub mod service_quota;
pub mod slo;
mod stationary;
pub mod workload;

pub use arrivals::{Arrivals, Trace, TraceRow};
pub use client::ClientPolicy;
pub use demand::{Demand, ReservationRules};
pub use distribution::Distribution;
pub use disturbance::{FaultEpisode, Spike};
pub use latency::{Faults, Latency};
pub use pool::{Account, Endpoint, Pool, PoolQuotas, Prices, QuotaLaw};
pub use quota::{DayQuota, Limiter, Quota, QuotaName};
pub use scenario::Scenario;
pub use slo::{Comparison, Requirement, Scope};
pub use workload::{Concurrency, Fallback, FallbackAfter, TokenDemand, Workload};
