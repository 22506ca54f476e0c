//! What a pool went through: its attempts in order, and what was seen of refusals besides.

use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome};
use crate::model::{Demand, QuotaName};
use crate::units::{SimSpan, SimTime, Tokens};
use std::collections::BTreeMap;

/// One attempt of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Past {
    /// When it was sent, from [`History::origin`] on.
    pub at: SimTime,
    /// Its tokens; of a refused one the answer is unknown and does not matter.
    pub demand: Demand,
    /// How long its answer took; zero for a refused one.
    pub lasted: SimSpan,
    /// What became of it.
    pub fate: Fate,
    /// Whether its size is known; a refusal that only CloudTrail tells of has none.
    pub sized: bool,
}

/// What became of an attempt of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It was answered.
    Answered,
    /// It was refused, by this quota where the record tells.
    Refused(Option<QuotaName>),
}

impl Past {
    /// Whether it was refused.
    pub fn is_refused(&self) -> bool {
        self.fate != Fate::Answered
    }
}

/// The past of one pool.
#[derive(Debug, Clone, PartialEq)]
pub struct History {
    /// The instant that time zero stands for: a full minute, so that clock windows have phase zero.
    pub origin: Instant,
    /// Attempts in order of time.
    pub attempts: Vec<Past>,
    /// Refusals by minute from `origin` on, where only counts are known; `None` where the attempts tell.
    pub refusals_by_minute: Option<Vec<u64>>,
    /// Tokens charged by minute, as CloudWatch estimates them.
    pub estimated_usage: Option<Vec<Option<f64>>>,
    /// What was assumed, a sentence each.
    pub assumptions: Vec<String>,
}

/// What has to be assumed of attempts whose record does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Defaults {
    /// The model's maximum output, which an unset limit stands for.
    pub max_output: u64,
    /// The output limit of attempts that do not tell it; `None` is unset.
    pub max_tokens: Option<u64>,
}

/// Refusals and usage from elsewhere: CloudWatch, CloudTrail.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Witness {
    /// Refusals by minute since 1970.
    pub refusals_by_minute: BTreeMap<i64, f64>,
    /// Refusals one by one.
    pub refusals: Vec<(Instant, Option<QuotaName>)>,
    /// `EstimatedTPMQuotaUsage` by minute since 1970.
    pub estimated_usage: BTreeMap<i64, f64>,
}

/// Collects attempts; memory grows with their number, some 80 bytes each.
#[derive(Debug, Clone, Default)]
pub struct Collector {
    rows: Vec<Row>,
    unknown_limits: u64,
    unknown_lasting: u64,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    at: Instant,
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    max_tokens: MaxTokens,
    latency: Option<SimSpan>,
    fate: Fate,
}

impl Collector {
    /// Takes in an observation of the pool. Failures that no quota caused consume nothing and are left out.
    pub fn add(&mut self, observation: &Observation<'_>) {
        let fate = match observation.outcome {
            Outcome::Answered { .. } => Fate::Answered,
            Outcome::Throttled(limit) => Fate::Refused(limit),
            Outcome::Failed => return,
        };
        let tokens = observation.tokens;
        if fate == Fate::Answered {
            self.unknown_limits += u64::from(observation.max_tokens == MaxTokens::Unknown);
            self.unknown_lasting += u64::from(observation.latency.is_none());
        }
        self.rows.push(Row {
            at: observation.at,
            input: tokens.input.unwrap_or(0).into(),
            cache_read: tokens.cache_read.into(),
            cache_write: tokens.cache_write.into(),
            output: tokens.output.unwrap_or(0).into(),
            max_tokens: observation.max_tokens,
            latency: observation.latency,
            fate,
        });
    }

    /// Adds what another part has collected.
    pub fn merge(&mut self, other: Collector) {
        self.rows.extend(other.rows);
        self.unknown_limits += other.unknown_limits;
        self.unknown_lasting += other.unknown_lasting;
    }

    /// The first and the last attempt.
    pub fn span(&self) -> Option<[Instant; 2]> {
        let times = || self.rows.iter().map(|row| row.at);
        Some([times().min()?, times().max()?])
    }

    /// Whether nothing was collected.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The history, with what the witness saw of the same time.
    pub fn history(mut self, defaults: Defaults, witness: &Witness) -> History {
        // Whoever read first: attempts at one instant are put in the order of their sizes.
        self.rows.sort_by_key(|row| (row.at, row.fate != Fate::Answered, row.input, row.output, row.cache_read));
        let first = self.rows.first().map_or(Instant(0), |row| row.at);
        let last = self.rows.last().map_or(first, |row| row.at);
        let origin = Instant(first.minute() * SimSpan::MINUTE.0 as i64);
        let lasting = self.usual_lasting();
        let mut assumptions = Vec::new();
        if self.unknown_lasting > 0 {
            assumptions.push(format!(
                "{} answers do not tell how long they took: {:.1} s is assumed, the median of the others.",
                self.unknown_lasting,
                lasting.as_secs_f64()
            ));
        }
        if self.unknown_limits > 0 {
            let limit = defaults.max_tokens.map_or("unset, the model's maximum,".to_owned(), |limit| limit.to_string());
            assumptions.push(format!(
                "{} attempts do not tell max_tokens: {limit} is assumed (`--max-tokens`).",
                self.unknown_limits
            ));
        }
        let since = |at: Instant| SimTime((at.0 - origin.0) as u64);
        let mut attempts: Vec<Past> = self.rows.iter().map(|row| row.past(since(row.at), defaults, lasting)).collect();
        let refused_in_log = attempts.iter().any(Past::is_refused);
        if !refused_in_log {
            let within = witness.refusals.iter().filter(|(at, _)| (first..=last).contains(at));
            attempts.extend(within.map(|&(at, limit)| Past {
                at: since(at),
                demand: Demand {
                    input: Tokens(0),
                    cache_read: Tokens(0),
                    cache_write: Tokens(0),
                    max_tokens: Tokens(0),
                    natural_output: Tokens(0),
                },
                lasted: SimSpan::ZERO,
                fate: Fate::Refused(limit),
                sized: false,
            }));
            attempts.sort_by_key(|past| past.at);
        }
        let told = attempts.iter().any(Past::is_refused);
        let minutes = (last.minute() - origin.minute() + 1) as usize;
        let by_minute = |of: &BTreeMap<i64, f64>| {
            (0..minutes).map(|m| of.get(&(origin.minute() + m as i64)).copied()).collect::<Vec<_>>()
        };
        let counts = by_minute(&witness.refusals_by_minute);
        let usage = by_minute(&witness.estimated_usage);
        History {
            origin,
            attempts,
            // CloudWatch leaves minutes without a refusal out.
            refusals_by_minute: (!told && !witness.refusals_by_minute.is_empty())
                .then(|| counts.into_iter().map(|count| count.unwrap_or(0.0) as u64).collect()),
            estimated_usage: usage.iter().any(Option::is_some).then_some(usage),
            assumptions,
        }
    }

    /// The median duration of answers, 5 s where none is known.
    fn usual_lasting(&self) -> SimSpan {
        let mut known: Vec<SimSpan> = self.rows.iter().filter_map(|row| row.latency).collect();
        known.sort_unstable();
        known.get(known.len() / 2).copied().unwrap_or(SimSpan(5 * SimSpan::SECOND.0))
    }
}

impl Row {
    fn past(&self, at: SimTime, defaults: Defaults, lasting: SimSpan) -> Past {
        let max_tokens = match self.max_tokens {
            MaxTokens::Set(limit) => u64::from(limit),
            MaxTokens::Unset => defaults.max_output,
            MaxTokens::Unknown => defaults.max_tokens.unwrap_or(defaults.max_output),
        };
        Past {
            at,
            demand: Demand {
                input: Tokens(self.input),
                cache_read: Tokens(self.cache_read),
                cache_write: Tokens(self.cache_write),
                // An answer that was longer than the assumed limit had a larger one.
                max_tokens: Tokens(max_tokens.max(self.output)),
                natural_output: Tokens(self.output),
            },
            lasted: if self.fate == Fate::Answered { self.latency.unwrap_or(lasting) } else { SimSpan::ZERO },
            fate: self.fate,
            sized: true,
        }
    }
}

impl History {
    /// Minutes from the origin to the last attempt.
    pub fn minutes(&self) -> usize {
        self.attempts.last().map_or(0, |past| minute(past.at) + 1)
    }

    /// Refusals by minute from the origin on, wherever they are known from.
    pub fn observed_by_minute(&self) -> Vec<u64> {
        if let Some(counts) = &self.refusals_by_minute {
            return counts.clone();
        }
        let mut counts = vec![0; self.minutes()];
        for past in self.attempts.iter().filter(|past| past.is_refused()) {
            counts[minute(past.at)] += 1;
        }
        counts
    }
}

/// The minute of an instant.
pub(super) fn minute(at: SimTime) -> usize {
    (at.0 / SimSpan::MINUTE.0) as usize
}
