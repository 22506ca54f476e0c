//! The catalogue's nouns: what is known of each model, and how sure it is.
//!
//! A figure that nobody published is `None` or [`Figure::Unknown`], never zero and never a guess; a quota that AWS
//! says does not exist is [`Figure::NoQuota`]. AWS changes these monthly, so every card carries its sources and their
//! dates, and the applied values of an account (Service Quotas, not the defaults here) should replace the defaults.

use crate::model::Prices;
use crate::units::{BurndownRate, Tokens};

/// Every prefix of a system-defined inference profile, with the pool it selects.
///
/// *Source*: AWS user guide, `inference-profiles-support` and `cross-region-inference`, autumn 2026.
pub const PROFILE_PREFIXES: [(&str, ProfileKind); 13] = [
    ("us", ProfileKind::Geo),
    ("us-gov", ProfileKind::Geo),
    ("eu", ProfileKind::Geo),
    ("apac", ProfileKind::Geo),
    ("ca", ProfileKind::Geo),
    ("sa", ProfileKind::Geo),
    ("au", ProfileKind::Geo),
    ("jp", ProfileKind::Geo),
    ("kr", ProfileKind::Geo),
    ("in", ProfileKind::Geo),
    ("il", ProfileKind::Geo),
    ("mx", ProfileKind::Geo),
    ("global", ProfileKind::Global),
];

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

impl ProfileKind {
    /// Every kind, in the order of the catalogue.
    pub const ALL: [ProfileKind; 3] = [ProfileKind::OnDemand, ProfileKind::Geo, ProfileKind::Global];

    /// The key in files and results.
    pub fn key(self) -> &'static str {
        match self {
            ProfileKind::OnDemand => "on_demand",
            ProfileKind::Geo => "geo",
            ProfileKind::Global => "global",
        }
    }

    /// The kind that a profile prefix selects; `None` for a word that is no such prefix.
    ///
    /// ```
    /// use quotasim::model::catalog::ProfileKind;
    /// assert_eq!(ProfileKind::of_prefix("apac"), Some(ProfileKind::Geo));
    /// assert_eq!(ProfileKind::of_prefix("anthropic"), None);
    /// ```
    pub fn of_prefix(prefix: &str) -> Option<ProfileKind> {
        PROFILE_PREFIXES.iter().find(|(known, _)| *known == prefix).map(|&(_, kind)| kind)
    }
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
    /// Whether `bedrock-runtime` serves it; otherwise only `bedrock-mantle` does.
    pub runtime: bool,
    /// The context window.
    pub context_window: Option<Tokens>,
    /// The maximum output: what an unset `max_tokens` reserves.
    pub max_output: Option<Tokens>,
    /// Burndown rates with the dates from which they hold, oldest first; empty while AWS publishes none.
    pub burndown: Vec<DatedBurndown>,
    /// Default quotas by profile kind.
    pub quotas: Vec<DefaultQuotas>,
    /// Per-model tokens per day in one Region (doubled for cross-Region calls), in force until 2026-09-21, when one
    /// quota over all models of an account replaced them.
    pub historical_tokens_per_day: Figure,
    /// Prices by profile kind.
    pub prices: Vec<(ProfileKind, Prices)>,
    /// Latency defaults; always an assumption.
    pub latency: Option<LatencyDefault>,
    /// Where the figures come from and when they were read.
    pub sources: Vec<Source>,
    /// What is unsure about this card, one sentence each.
    pub notes: Vec<String>,
}

impl Card {
    /// A card that knows nothing but an id.
    pub fn unknown(id: &str) -> Card {
        Card {
            id: id.to_owned(),
            name: id.to_owned(),
            status: Status::Active,
            profiles: Vec::new(),
            in_region: true,
            runtime: true,
            context_window: None,
            max_output: None,
            burndown: Vec::new(),
            quotas: Vec::new(),
            historical_tokens_per_day: Figure::Unknown,
            prices: Vec::new(),
            latency: None,
            sources: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The burndown rate in force on a day, `YYYY-MM-DD`.
    ///
    /// Dates are compared as text, which orders ISO dates of any precision: a rate since `2026-07` holds on
    /// `2026-07-01`.
    pub fn burndown_on(&self, day: &str) -> Option<&DatedBurndown> {
        self.burndown.iter().rev().find(|dated| dated.since.as_str() <= day)
    }

    /// The newest burndown rate.
    pub fn burndown_now(&self) -> Option<&DatedBurndown> {
        self.burndown.last()
    }

    /// The default quotas behind a profile prefix (empty for the bare id): the row made for that prefix, else the row
    /// for all others of its kind.
    pub fn quotas_for(&self, kind: ProfileKind, prefix: &str) -> Option<&DefaultQuotas> {
        let mut rows = self.quotas.iter().filter(|row| row.kind == kind);
        rows.clone().find(|row| row.only.iter().any(|p| p == prefix)).or_else(|| rows.find(|row| row.only.is_empty()))
    }

    /// What tokens cost through one kind of profile; all unknown where the catalogue has no price.
    pub fn prices_for(&self, kind: ProfileKind) -> Prices {
        self.prices.iter().find(|(known, _)| *known == kind).map_or_else(Prices::default, |&(_, prices)| prices)
    }

    /// The inference-profile ids of this model.
    pub fn profile_ids(&self) -> Vec<String> {
        self.profiles.iter().map(|prefix| format!("{prefix}.{}", self.id)).collect()
    }

    /// Whether Bedrock refuses the bare id ("on-demand throughput isn't supported") and wants an inference profile.
    pub fn needs_profile(&self) -> bool {
        self.runtime && !self.in_region && !self.profiles.is_empty()
    }
}

/// A burndown rate and the day it took effect.
#[derive(Debug, Clone, PartialEq)]
pub struct DatedBurndown {
    /// `YYYY-MM-DD` or `YYYY-MM`, or empty for "as long as the model has been offered".
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
    /// The profile prefixes that this row is about; empty for all that no other row of the kind names.
    pub only: Vec<String>,
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

impl Figure {
    /// The limit, where there is one and it is known.
    pub fn value(&self) -> Option<u64> {
        match self {
            Figure::Limit { value, .. } => Some(*value),
            Figure::NoQuota | Figure::Unknown => None,
        }
    }

    /// The Service Quotas code, where known.
    pub fn code(&self) -> Option<&str> {
        match self {
            Figure::Limit { code, .. } => code.as_deref(),
            Figure::NoQuota | Figure::Unknown => None,
        }
    }
}

/// Default latency: medians with a lognormal spread.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LatencyDefault {
    /// Median time to first token, in s.
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
    /// Its end of life has passed: calls fail.
    Retired {
        /// `YYYY-MM-DD`.
        since: String,
    },
}

/// Where a figure comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A page or document.
    pub title: String,
    /// When it was read, `YYYY-MM-DD` or `YYYY-MM`; empty where a catalogue file gives no date.
    pub read: String,
}
