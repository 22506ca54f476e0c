//! Workloads: traffic classes that call a pool.

use crate::model::{Arrivals, ClientPolicy, Distribution, FaultEpisode, Faults, Latency};
use crate::units::{Probability, SimSpan, Tokens};

/// One traffic class: arrivals × tokens × latency × client, calling one pool or a fallback list.
#[derive(Debug, Clone, PartialEq)]
pub struct Workload {
    /// Its name in the scenario.
    pub name: String,
    /// The pool it calls, as an index into [`Scenario::pools`](super::Scenario::pools).
    pub pool: usize,
    /// Where it turns when the pool refuses.
    pub fallback: Option<Fallback>,
    /// When requests arrive.
    pub arrivals: Arrivals,
    /// The tokens of a request.
    pub tokens: TokenDemand,
    /// The output limit; `None` is unset: the model's maximum.
    pub max_tokens: Option<Tokens>,
    /// How long responses take; `None` is the pool's.
    pub latency: Option<Latency>,
    /// What goes wrong besides quotas.
    pub faults: Faults,
    /// When other faults than these are in force.
    pub fault_episodes: Vec<FaultEpisode>,
    /// Whether responses stream (`ConverseStream`): the client has its answer, as far as retries are concerned, with
    /// the first token.
    pub stream: bool,
    /// How long a refusal takes to come back.
    pub throttle_latency: SimSpan,
    /// What the caller does about a failed attempt.
    pub client: ClientPolicy,
    /// How many separate clients, each a process with one client object; request i belongs to client `i mod clients`,
    /// the turns of session i to client `i mod clients`.
    pub clients: u32,
    /// A cap on requests in progress per client.
    pub concurrency: Option<Concurrency>,
    /// A client-side token-aware limiter at this share of the quota of its own pool, shared with the other paced
    /// workloads of that pool; asked once for each request.
    pub pace: Option<Probability>,
    /// From arrival; then the request has failed.
    pub deadline: Option<SimSpan>,
    /// From the start of an attempt; then the client gives that attempt up.
    pub read_timeout: Option<SimSpan>,
    /// Lower goes first where requests of several workloads wait for one thing: the pace of a pool.
    pub priority: u32,
}

/// The distributions of a workload's tokens. A trace supplies input and output itself.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenDemand {
    /// Uncached input.
    pub input: Distribution,
    /// Input read from the cache.
    pub cache_read: Distribution,
    /// Input written to the cache.
    pub cache_write: Distribution,
    /// The natural length of the answer.
    pub output: Distribution,
    /// Spearman's ρ of input and output under a Gaussian copula.
    pub correlation: f64,
}

/// A client-side cap on requests in progress; the slot is held through backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concurrency {
    /// Most requests in progress.
    pub limit: u32,
    /// Most requests waiting, first in first out; `None` is unbounded.
    pub queue: Option<u32>,
}

/// Other pools to try, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fallback {
    /// Indices into [`Scenario::pools`](super::Scenario::pools).
    pub pools: Vec<usize>,
    /// What sends a request to the next pool.
    pub after: FallbackAfter,
}

/// When a request goes to the next pool of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FallbackAfter {
    /// After its client has given up on a pool.
    Failure,
    /// After the first throttle.
    Throttle,
}
