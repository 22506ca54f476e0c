//! One attempt as some record of it tells, whatever the record's form.

use crate::model::QuotaName;
use crate::units::SimSpan;
use std::borrow::Cow;

/// An instant: nanoseconds since 1970-01-01 UTC, or since the start of the record where it has only relative times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(pub i64);

impl Instant {
    /// The minute that it falls into, counted from 1970.
    pub fn minute(self) -> i64 {
        self.0.div_euclid(SimSpan::MINUTE.0 as i64)
    }

    /// Seconds from `earlier` to `self`.
    pub fn seconds_since(self, earlier: Instant) -> f64 {
        (self.0 - earlier.0) as f64 / 1e9
    }
}

/// One attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation<'a> {
    /// When it was sent.
    pub at: Instant,
    /// Whose it is.
    pub source: Source<'a>,
    /// What became of it.
    pub outcome: Outcome,
    /// Its tokens, as far as they are recorded.
    pub tokens: Usage,
    /// The output limit that it asked for.
    pub max_tokens: MaxTokens,
    /// From its start to the first token.
    pub ttft: Option<SimSpan>,
    /// From its start to the end of the answer.
    pub latency: Option<SimSpan>,
    /// The conversation that it belongs to.
    pub session: Option<u64>,
    /// Whether it is known to repeat an earlier attempt of the same request.
    pub retry: bool,
}

/// Where an attempt went and who sent it. Empty words are unknown.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source<'a> {
    /// Model, inference profile, or ARN, as recorded.
    pub model: Cow<'a, str>,
    /// The Region that was called.
    pub region: Cow<'a, str>,
    /// The account that called.
    pub account: Cow<'a, str>,
    /// The caller, by whatever key the user chose.
    pub caller: Cow<'a, str>,
}

impl Source<'_> {
    /// The same, independent of the record.
    pub fn into_owned(self) -> Source<'static> {
        let own = |word: Cow<'_, str>| Cow::Owned(word.into_owned());
        Source {
            model: own(self.model),
            region: own(self.region),
            account: own(self.account),
            caller: own(self.caller),
        }
    }
}

/// What became of an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It was answered; `cut`: the answer ended at `max_tokens`.
    Answered {
        /// Whether the answer is shorter than its natural length.
        cut: bool,
    },
    /// It was refused with a 429, by this limit if the record tells.
    Throttled(Option<QuotaName>),
    /// Anything else: the model was overloaded, the call was wrong, the connection broke.
    Failed,
}

/// The tokens of one attempt; for a refused one only the prompt's may be known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Prompt tokens neither read from nor written to the cache.
    pub input: Option<u32>,
    /// Prompt tokens read from the cache.
    pub cache_read: u32,
    /// Prompt tokens written to the cache.
    pub cache_write: u32,
    /// Tokens of the answer.
    pub output: Option<u32>,
}

impl Usage {
    /// Prompt tokens of all kinds.
    pub fn prompt(&self) -> u64 {
        u64::from(self.input.unwrap_or(0)) + u64::from(self.cache_read) + u64::from(self.cache_write)
    }
}

/// The output limit of an attempt.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum MaxTokens {
    /// The record does not tell.
    #[default]
    Unknown,
    /// The caller left it out: the model's maximum.
    Unset,
    /// The caller's value.
    Set(u32),
}
