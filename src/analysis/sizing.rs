//! The smallest quotas that meet the objectives, and what to ask AWS for: what `size` prints.
//!
//! Field order is key order. A *need* is the smallest limit with which the scenario, as it is written, meets its
//! objectives with the asked confidence. A *request* is the number to ask for: the largest need under the assumptions
//! that decide, with the margin, rounded up to two significant digits.

use crate::analysis::confidence::Standing;
use crate::analysis::increase::Increase;
use crate::analysis::{Estimate, Named, in_order};
use serde::{Deserialize, Serialize};

/// What sizing found.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sizing {
    /// Version of this document's shape.
    pub schema_version: u32,
    /// Version of quotasim.
    pub quotasim_version: String,
    /// The scenario's name.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many replications decide.
    pub replications: u32,
    /// The horizon \[s\].
    pub horizon_s: f64,
    /// The warm-up \[s\].
    pub warmup_s: f64,
    /// With which confidence the objectives are met (one-sided).
    pub confidence: f64,
    /// What is added to a need before it is rounded, as a share.
    pub margin: f64,
    /// What decides, as written or by default.
    pub objectives: Vec<String>,
    /// Whether any quotas meet them all.
    pub meets_slo: bool,
    /// Whether today's quotas do.
    pub meets_today: bool,
    /// Why no quota meets them, where none does.
    pub reasons: Vec<String>,
    /// The limit that is nearest to its end, or furthest beyond it: the one with the largest need for what there is
    /// today; null where none meets.
    pub binding: Option<String>,
    /// The pool, or the account, that the limit belongs to.
    pub binding_pool: Option<String>,
    /// Its need.
    pub binding_need: Option<u64>,
    /// What there is of it today.
    pub binding_today: Option<u64>,
    /// The objective that is missed first below the need of that limit.
    pub binding_objective: Option<String>,
    /// By pool.
    pub pools: Named<PoolSize>,
    /// By account with a daily quota.
    pub accounts: Named<AccountSize>,
    /// The objectives with every quota at its need.
    pub at_need: Vec<Standing>,
    /// The objectives with today's quotas.
    pub at_today: Vec<Standing>,
    /// Around the need of the binding limit.
    pub curve: Option<Curve>,
    /// The largest need of the binding limit under what decides, and the assumption: what the request rounds up.
    pub decided: Option<Decided>,
    /// How far that moves with each input, by size of the effect.
    pub sensitivity: Vec<Sensitivity>,
    /// What would do instead of so large a quota, by size of the effect.
    pub alternatives: Vec<Alternative>,
    /// The needs of a growing traffic.
    pub growth: Option<Growth>,
    /// Today's quotas as the account's own list has them.
    pub applied: Vec<Applied>,
    /// The cases for quota increases, one per pool and account that needs one.
    pub increases: Vec<Increase>,
    /// What AWS does not publish and the numbers hang on.
    pub unpublished: Vec<String>,
    /// What the results rest on and AWS does not publish.
    pub assumptions: Vec<String>,
    /// What the reader should know before trusting them; each ends in advice.
    pub warnings: Vec<String>,
}

/// Limits by the name of their quota; null without such a quota or where none meets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Tokens per minute.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens per day of one model.
    pub tokens_per_day: Option<u64>,
    /// On mantle: input tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input_tokens_per_minute: Option<u64>,
    /// On mantle: output tokens per minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens_per_minute: Option<u64>,
}

/// The quotas of a pool that may be sized, by the key of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LimitName {
    /// Tokens per minute.
    TokensPerMinute,
    /// Requests per minute.
    RequestsPerMinute,
    /// Tokens per day of one model.
    TokensPerDay,
    /// On mantle: input tokens per minute.
    InputTokensPerMinute,
    /// On mantle: output tokens per minute.
    OutputTokensPerMinute,
}

impl LimitName {
    /// All of them, in the order of the keys.
    pub const ALL: [LimitName; 5] = [
        LimitName::TokensPerMinute,
        LimitName::RequestsPerMinute,
        LimitName::TokensPerDay,
        LimitName::InputTokensPerMinute,
        LimitName::OutputTokensPerMinute,
    ];

    /// The key in results.
    pub fn key(self) -> &'static str {
        match self {
            LimitName::TokensPerMinute => "tokens_per_minute",
            LimitName::RequestsPerMinute => "requests_per_minute",
            LimitName::TokensPerDay => "tokens_per_day",
            LimitName::InputTokensPerMinute => "input_tokens_per_minute",
            LimitName::OutputTokensPerMinute => "output_tokens_per_minute",
        }
    }

    /// In words: `tokens per minute`.
    pub fn words(self) -> String {
        self.key().replace('_', " ")
    }
}

impl Limits {
    /// The limit of a quota.
    pub fn get(&self, name: LimitName) -> Option<u64> {
        match name {
            LimitName::TokensPerMinute => self.tokens_per_minute,
            LimitName::RequestsPerMinute => self.requests_per_minute,
            LimitName::TokensPerDay => self.tokens_per_day,
            LimitName::InputTokensPerMinute => self.input_tokens_per_minute,
            LimitName::OutputTokensPerMinute => self.output_tokens_per_minute,
        }
    }

    /// Sets the limit of a quota.
    pub fn set(&mut self, name: LimitName, limit: Option<u64>) {
        *match name {
            LimitName::TokensPerMinute => &mut self.tokens_per_minute,
            LimitName::RequestsPerMinute => &mut self.requests_per_minute,
            LimitName::TokensPerDay => &mut self.tokens_per_day,
            LimitName::InputTokensPerMinute => &mut self.input_tokens_per_minute,
            LimitName::OutputTokensPerMinute => &mut self.output_tokens_per_minute,
        } = limit;
    }

    /// The limits that there are, with their names.
    pub fn present(&self) -> impl Iterator<Item = (LimitName, u64)> + '_ {
        LimitName::ALL.into_iter().filter_map(|name| Some((name, self.get(name)?)))
    }
}

/// A pool: what it needs, what it has, what to ask for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PoolSize {
    /// What it needs under the scenario's own assumptions.
    #[serde(flatten)]
    pub needs: Limits,
    /// Of its limits, the one with the largest need for what there is today.
    pub binding: Option<String>,
    /// What it has today; with quotas that change, at the start.
    pub today: Limits,
    /// What to ask for where today's is not enough; null where it is, or the quota is for theory.
    pub request: Limits,
    /// What it needs under each answer to what AWS does not publish.
    #[serde(with = "in_order")]
    pub by_assumption: Vec<(String, Under)>,
}

/// The needs of a pool under an assumption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Under {
    /// The needs; null where no quota meets the objectives.
    #[serde(flatten)]
    pub needs: Limits,
    /// Whether it has a say in the request.
    pub decides: bool,
}

/// The daily quota of an account over all its models.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AccountSize {
    /// What it needs.
    pub tokens_per_day: Option<u64>,
    /// Whether the simulated time is shorter than a day, and the need is what the day takes if all of it is like this.
    pub extrapolated: bool,
    /// What it has today.
    pub today: Option<u64>,
    /// What to ask for where that is not enough.
    pub request: Option<u64>,
}

/// A metric over the values of what was searched: the binding limit, or the load, the cap, the workers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// What varies: `tokens_per_minute`.
    pub limit: String,
    /// The pools, the account or the workload that it belongs to; empty for what belongs to all.
    pub of: String,
    /// The metric.
    pub metric: String,
    /// The bound on it among the objectives, if there is one.
    pub bound: Option<f64>,
    /// Its value in the scenario.
    pub today: f64,
    /// The value that was found: the smallest limit, or the largest load that meets the objectives.
    pub answer: Option<f64>,
    /// The number to ask for, where there is one.
    pub request: Option<f64>,
    /// The points, by value.
    pub points: Vec<CurvePoint>,
}

/// The metric at one value.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// The value.
    pub at: f64,
    /// The metric, in the long run unless the scenario is an episode.
    pub value: Estimate,
    /// Whether all objectives are met with the asked confidence.
    pub meets: bool,
}

/// The largest need of the binding limit under the assumptions that decide.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The need.
    pub need: u64,
    /// The assumption; null where it is the scenario as it is written.
    pub under: Option<String>,
    /// Whether with less most of what is refused is larger than the limit ever holds.
    pub too_large: bool,
}

/// How the largest need of the binding limit moves with one input.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The input.
    pub input: String,
    /// The need with a fifth less of it; null where no quota meets.
    pub less: Option<u64>,
    /// The need with a fifth more of it.
    pub more: Option<u64>,
}

impl Sensitivity {
    /// How far apart the two needs are, from `need` where one is missing.
    pub fn swing(&self, need: u64) -> u64 {
        let ends = [self.less.unwrap_or(need), self.more.unwrap_or(need), need];
        ends.iter().max().unwrap_or(&0) - ends.iter().min().unwrap_or(&0)
    }
}

/// A change of the application that needs a smaller quota.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Alternative {
    /// A word for it, as a key: `lower_max_tokens`.
    pub name: String,
    /// What it is.
    pub words: String,
    /// The need with it; null where no quota meets the objectives then.
    pub need: Option<u64>,
    /// What it saves; less than nothing if it needs more.
    pub saves: Option<i64>,
    /// Whether today's limit is enough with it.
    pub enough_today: bool,
    /// What it costs or rests on.
    pub note: String,
}

/// The needs of a growing traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// The needs, in the order of the table.
    pub steps: Vec<GrowthStep>,
    /// The largest multiple of the scenario's traffic that today's quotas carry, under the assumptions that decide;
    /// null where it lies beyond what was tried, or there is none.
    pub carries: Option<f64>,
    /// The day on which the traffic outgrows them, `YYYY-MM-DD`, where the table has months.
    pub enough_until: Option<String>,
    /// The same in words.
    pub note: String,
}

/// The needs at one multiple of the scenario's traffic.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct GrowthStep {
    /// The month, `YYYY-MM`, where the table has months.
    pub month: Option<String>,
    /// The multiple of the scenario's traffic.
    pub factor: f64,
    /// By pool: what to ask for by then.
    pub pools: Named<Limits>,
    /// Whether today's quotas are still enough.
    pub enough_today: bool,
}

/// A quota as the account's own list has it, beside what the scenario needs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Applied {
    /// The pool or account.
    pub of: String,
    /// The limit: `tokens_per_minute`.
    pub limit: String,
    /// Its name in Service Quotas.
    pub name: String,
    /// Its code.
    pub code: String,
    /// The applied value.
    pub value: u64,
    /// What is to be asked for, if the value is too small.
    pub request: Option<u64>,
    /// Whether Service Quotas takes a request for it.
    pub adjustable: bool,
}

/// A need with a margin on top, a share, rounded up to a whole number.
///
/// The margin counts in millionths, so that 10 % on top of 100 are 110 and not a hair more, which would round up to 120.
///
/// ```
/// use quotasim::analysis::sizing::with_margin;
/// assert_eq!([with_margin(100, 0.1), with_margin(1_001, 0.3), with_margin(7, 0.0)], [110, 1_302, 7]);
/// ```
pub fn with_margin(need: u64, margin: f64) -> u64 {
    const UNIT: u128 = 1_000_000;
    let times = UNIT + libm::round(margin * UNIT as f64) as u128;
    u64::try_from((u128::from(need) * times).div_ceil(UNIT)).unwrap_or(u64::MAX)
}

/// `value` rounded up to two significant digits (*assumption*: what a person would ask for).
///
/// ```
/// use quotasim::analysis::sizing::round_up;
/// assert_eq!([5_712_345, 5_800_000, 99, 101, 996].map(round_up), [5_800_000, 5_800_000, 99, 110, 1_000]);
/// ```
pub fn round_up(value: u64) -> u64 {
    let digits = value.checked_ilog10().unwrap_or(0);
    let unit = 10_u64.pow(digits.saturating_sub(1));
    value.div_ceil(unit).saturating_mul(unit)
}
