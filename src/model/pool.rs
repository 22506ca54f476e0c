//! Pools and accounts: who shares which quota.

use crate::model::{DayQuota, Demand, FaultEpisode, Faults, Latency, Quota, ReservationRules};
use crate::units::{BurndownRate, Tokens};

/// One set of per-minute quotas shared by all that calls it: account × Region × profile kind × endpoint × model.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool {
    /// Its name in the scenario.
    pub name: String,
    /// The model or inference-profile id as the scenario gives it.
    pub model: String,
    /// The account whose daily quota it draws on, as an index into [`Scenario::accounts`](super::Scenario::accounts).
    pub account: Option<usize>,
    /// Its quotas.
    pub quotas: PoolQuotas,
    /// How reservations are counted.
    pub rules: ReservationRules,
    /// Quota tokens per output token.
    pub burndown: BurndownRate,
    /// What an unset `max_tokens` means.
    pub max_output: Tokens,
    /// The context window, where known.
    pub context_window: Option<Tokens>,
    /// What tokens cost, where known.
    pub prices: Prices,
    /// How long responses take unless the workload says otherwise.
    pub latency: Latency,
    /// What goes wrong with every attempt on it, besides the faults of the workload.
    pub faults: Faults,
    /// When other faults than these are in force.
    pub fault_episodes: Vec<FaultEpisode>,
}

impl Pool {
    /// What it makes of the tokens of a request.
    #[inline]
    pub fn law(&self) -> QuotaLaw {
        QuotaLaw { endpoint: self.quotas.endpoint(), rules: self.rules, burndown: self.burndown }
    }

    /// As [`QuotaLaw::reservation`].
    #[inline]
    pub fn reservation(&self, demand: &Demand) -> Tokens {
        self.law().reservation(demand)
    }

    /// As [`QuotaLaw::held`].
    #[inline]
    pub fn held(&self, demand: &Demand, generated: Tokens) -> Tokens {
        self.law().held(demand, generated)
    }

    /// As [`QuotaLaw::charge`].
    #[inline]
    pub fn charge(&self, demand: &Demand) -> Tokens {
        self.law().charge(demand)
    }
}

/// The quota law of a pool: what it makes of the tokens of a request.
#[derive(Debug, Clone, Copy)]
pub struct QuotaLaw {
    endpoint: Endpoint,
    rules: ReservationRules,
    burndown: BurndownRate,
}

impl QuotaLaw {
    /// Quota tokens deducted when an attempt is admitted.
    #[inline(always)]
    pub fn reservation(&self, demand: &Demand) -> Tokens {
        self.held(demand, Tokens(0))
    }

    /// Quota tokens held once `generated` output tokens have been produced.
    ///
    /// *Formula*: [`ReservationRules::held`]; on mantle, what has been generated has left the input quota, as if its
    /// burndown rate were 0 and that of what may still come 1.
    #[inline(always)]
    pub fn held(&self, demand: &Demand, generated: Tokens) -> Tokens {
        match self.endpoint {
            Endpoint::Runtime => self.rules.held(demand, self.burndown, generated),
            Endpoint::Mantle => {
                let rules = ReservationRules { reserve_burndown: false, ..self.rules };
                rules.held(demand, BurndownRate(0), generated)
            }
        }
    }

    /// Quota tokens charged when the response ends.
    ///
    /// *Formula*: [`Demand::charge`]; on mantle `input + cache_write`, as the output has a quota of its own.
    #[inline(always)]
    pub fn charge(&self, demand: &Demand) -> Tokens {
        match self.endpoint {
            Endpoint::Runtime => demand.charge(self.burndown),
            Endpoint::Mantle => demand.input + demand.cache_write,
        }
    }
}

/// Which Bedrock endpoint a pool belongs to; the two have separate quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// `bedrock-runtime`: one tokens quota with burndown, requests quota.
    Runtime,
    /// `bedrock-mantle`: input and output tokens apart, no burndown, no requests quota.
    Mantle,
}

/// The quotas of a pool; `None` is no quota.
#[derive(Debug, Clone, PartialEq)]
pub enum PoolQuotas {
    /// On `bedrock-runtime`.
    Runtime {
        /// Requests per minute.
        requests: Option<Quota>,
        /// Tokens per minute.
        tokens: Option<Quota>,
        /// Historical per-model tokens per day.
        tokens_per_day: Option<DayQuota>,
    },
    /// On `bedrock-mantle`.
    Mantle {
        /// Input tokens per minute: `input + cache_write + max_tokens` at admission.
        input: Option<Quota>,
        /// Output tokens per minute, debited while they stream.
        output: Option<Quota>,
    },
}

impl PoolQuotas {
    /// The endpoint these quotas belong to.
    pub fn endpoint(&self) -> Endpoint {
        match self {
            PoolQuotas::Runtime { .. } => Endpoint::Runtime,
            PoolQuotas::Mantle { .. } => Endpoint::Mantle,
        }
    }

    /// The quota that reservations are taken from: tokens per minute, or a mantle pool's input tokens per minute.
    pub fn reserved_from(&self) -> Option<&Quota> {
        match self {
            PoolQuotas::Runtime { tokens, .. } => tokens.as_ref(),
            PoolQuotas::Mantle { input, .. } => input.as_ref(),
        }
    }

    /// The pool's own daily quota.
    pub fn tokens_per_day(&self) -> Option<&DayQuota> {
        match self {
            PoolQuotas::Runtime { tokens_per_day, .. } => tokens_per_day.as_ref(),
            PoolQuotas::Mantle { .. } => None,
        }
    }

    /// The quota that output is debited from while it streams; only mantle pools have one.
    pub fn output(&self) -> Option<&Quota> {
        match self {
            PoolQuotas::Runtime { .. } => None,
            PoolQuotas::Mantle { output, .. } => output.as_ref(),
        }
    }
}

/// Prices [USD per million tokens]; `None` where unknown, never zero.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Prices {
    /// Uncached input.
    pub input: Option<f64>,
    /// Output.
    pub output: Option<f64>,
    /// Input read from the cache.
    pub cache_read: Option<f64>,
    /// Input written to the cache.
    pub cache_write: Option<f64>,
}

/// One AWS account with its quota over all models.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Its name in the scenario.
    pub name: String,
    /// Tokens per UTC day over all models; `None` is no quota.
    pub tokens_per_day: Option<DayQuota>,
}
