//! The quota law of one request: what is reserved when it starts and what is charged when it ends.
//!
//! *Source*: AWS, "How tokens are counted in Amazon Bedrock", user guide page `quotas-token-burndown`, autumn 2026.

use crate::units::{BurndownRate, SimSpan, Tokens};

/// The tokens of one request: what it sends, what it allows, what the model would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    /// Prompt tokens that are neither read from nor written to the prompt cache.
    pub input: Tokens,
    /// Prompt tokens read from the cache; free of the per-minute quota at settlement.
    pub cache_read: Tokens,
    /// Prompt tokens written to the cache.
    pub cache_write: Tokens,
    /// The output limit; where the caller left it unset, the model's maximum output.
    pub max_tokens: Tokens,
    /// The length that the model would produce uncapped, thinking tokens included.
    pub natural_output: Tokens,
}

impl Demand {
    /// The tokens that the model produces: `min(natural output, max_tokens)`.
    #[inline(always)]
    pub fn output(&self) -> Tokens {
        self.natural_output.min(self.max_tokens)
    }

    /// Whether `max_tokens` cuts the answer short.
    #[inline]
    pub fn truncated(&self) -> bool {
        self.natural_output > self.max_tokens
    }

    /// Quota tokens charged when the response ends.
    ///
    /// *Formula*: `input + cache_write + output × burndown`.
    ///
    /// ```
    /// use quotasim::model::Demand;
    /// use quotasim::units::{BurndownRate, Tokens};
    /// let classifier = Demand {
    ///     input: Tokens(42), cache_read: Tokens(0), cache_write: Tokens(0),
    ///     max_tokens: Tokens(8_192), natural_output: Tokens(5),
    /// };
    /// assert_eq!(classifier.charge(BurndownRate(5)), Tokens(67));
    /// ```
    #[inline(always)]
    pub fn charge(&self, burndown: BurndownRate) -> Tokens {
        self.input + self.cache_write + self.output() * burndown
    }

    /// Tokens that appear on the bill: every input, cached or not, and the output, once each.
    ///
    /// *Assumption*: the account's daily quota settles to these; AWS says "estimated billed tokens".
    #[inline]
    pub fn billed(&self) -> Tokens {
        self.input + self.cache_read + self.cache_write + self.output()
    }
}

/// How a reservation is computed and adjusted: AWS's text by default, each conflicting report a switch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservationRules {
    /// Count cache reads in the reservation (AWS's agent toolkit says so, the user guide does not).
    pub reserve_cache_reads: bool,
    /// Multiply the `max_tokens` part by the burndown rate.
    pub reserve_burndown: bool,
    /// The least that the `max_tokens` part of a reservation counts (a user report says 4,096).
    pub reservation_floor: Tokens,
    /// Whether a refused attempt takes one from the requests quota all the same.
    pub rejections_consume_requests: bool,
    /// How often a reservation is adjusted while tokens are generated; `None`: only at the end.
    pub adjust_every: Option<SimSpan>,
}

impl Default for ReservationRules {
    fn default() -> Self {
        ReservationRules {
            reserve_cache_reads: false,
            reserve_burndown: false,
            reservation_floor: Tokens(0),
            rejections_consume_requests: false,
            adjust_every: None,
        }
    }
}

impl ReservationRules {
    /// Quota tokens deducted when an attempt is admitted: what is [held](Self::held) before the first token.
    ///
    /// ```
    /// use quotasim::model::{Demand, ReservationRules};
    /// use quotasim::units::{BurndownRate, Tokens};
    /// let tuned = Demand {
    ///     input: Tokens(3_000), cache_read: Tokens(4_000), cache_write: Tokens(1_000),
    ///     max_tokens: Tokens(1_250), natural_output: Tokens(1_000),
    /// };
    /// let rules = ReservationRules::default();
    /// assert_eq!(rules.reservation(&tuned, BurndownRate(5)), Tokens(5_250));
    /// assert_eq!(tuned.charge(BurndownRate(5)), Tokens(9_000));
    /// ```
    #[inline(always)]
    pub fn reservation(&self, demand: &Demand, burndown: BurndownRate) -> Tokens {
        self.held(demand, burndown, Tokens(0))
    }

    /// Quota tokens held once `generated` output tokens have been produced.
    ///
    /// *Formula*: `input + cache_write + generated × burndown + (max(max_tokens, floor) − generated) × (burndown if
    /// reserve_burndown else 1) + (cache_read if reserve_cache_reads)`.
    #[inline(always)]
    pub fn held(&self, demand: &Demand, burndown: BurndownRate, generated: Tokens) -> Tokens {
        let ahead = demand.max_tokens.max(self.reservation_floor).saturating_sub(generated);
        let weight = if self.reserve_burndown { burndown } else { BurndownRate(1) };
        let cached = if self.reserve_cache_reads { demand.cache_read } else { Tokens(0) };
        demand.input + demand.cache_write + generated * burndown + ahead * weight + cached
    }
}
