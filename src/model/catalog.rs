//! The catalogue's nouns: what is known of each model, and how sure it is.

use crate::model::Prices;
use crate::units::{BurndownRate, Tokens};

/// How a pool reaches its model: three separate sets of quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProfileKind {
    /// The bare model id, in one Region.
    OnDemand,
    /// A geographic cross-Region inference profile (`us.`, `eu.`, `apac.`, `jp.`, `au.` …).
    Geo,
    /// The global cross-Region inference profile (`global.`).
    Global,
}

/// What the catalogue knows of one model. Unknown figures are `None`, never zero.
#[derive(Debug, Clone, PartialEq)]
pub struct Card {
    /// The base model id, without any profile prefix.
    pub id: String,
    /// The name that people use, as quota names spell it.
    pub name: String,
    /// Whether it can still be called.
    pub status: Status,
    /// Profile prefixes it is offered under (`us`, `eu`, `global` …).
    pub profiles: Vec<String>,
    /// Whether it can be called by its bare id in a Region.
    pub in_region: bool,
    /// The context window.
    pub context_window: Option<Tokens>,
    /// The maximum output: what an unset `max_tokens` reserves.
    pub max_output: Option<Tokens>,
    /// Burndown rates with the dates from which they hold, oldest first.
    pub burndown: Vec<DatedBurndown>,
    /// Default quotas by profile kind.
    pub quotas: Vec<DefaultQuotas>,
    /// Prices by profile kind.
    pub prices: Vec<(ProfileKind, Prices)>,
    /// Latency defaults; always an assumption.
    pub latency: Option<LatencyDefault>,
    /// Where the figures come from and when they were read.
    pub sources: Vec<Source>,
    /// What is unsure about this card, one sentence each.
    pub notes: Vec<String>,
}

/// A burndown rate and the day it took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedBurndown {
    /// `YYYY-MM-DD`, or empty for "from the beginning".
    pub since: String,
    /// The rate.
    pub rate: BurndownRate,
    /// Read literally off AWS's page; otherwise inferred and flagged.
    pub verified: bool,
}

/// AWS's default quotas for one way to reach a model.
#[derive(Debug, Clone, PartialEq)]
pub struct DefaultQuotas {
    /// Which way.
    pub kind: ProfileKind,
    /// Tokens per minute.
    pub tokens_per_minute: Figure,
    /// Requests per minute.
    pub requests_per_minute: Figure,
    /// On `bedrock-mantle`: input tokens per minute.
    pub mantle_input_tokens_per_minute: Figure,
    /// On `bedrock-mantle`: output tokens per minute.
    pub mantle_output_tokens_per_minute: Figure,
}

/// A quota figure: known, known to be absent, or unknown.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Figure {
    /// AWS publishes this limit, with its Service Quotas code where known.
    Limit {
        /// The limit.
        value: u64,
        /// `L-…`.
        code: Option<String>,
    },
    /// AWS says that there is no such quota.
    NoQuota,
    /// Nothing reliable was found.
    #[default]
    Unknown,
}

/// Default latency: medians with a lognormal spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyDefault {
    /// Median time to first token [s].
    pub ttft_s: f64,
    /// Median output speed [tokens/s].
    pub output_tokens_per_second: f64,
}

/// Whether a model can still be called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// Offered.
    Active,
    /// Closed to new use; quota increases are refused. The day it ends, where known.
    Legacy {
        /// `YYYY-MM-DD`.
        end_of_life: Option<String>,
    },
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A page or document.
    pub title: String,
    /// When it was read, `YYYY-MM-DD` or `YYYY-MM`.
    pub read: String,
}
