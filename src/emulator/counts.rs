//! What has happened so far, in whole numbers, for one workload on one pool.

use crate::model::QuotaName;
use crate::tally::Ledger;
use crate::units::SimSpan;
use std::collections::BTreeMap;

/// Counters of one workload on one pool, since the start or the last reset.
#[derive(Debug, Clone, Default)]
pub(super) struct Counts {
    /// Attempts that reached the quotas or a fault before them.
    pub(super) attempts: u64,
    /// Attempts by what became of them.
    pub(super) outcomes: BTreeMap<&'static str, u64>,
    /// Refusals with a 429 by the limit that refused.
    pub(super) throttles: [u64; QuotaName::ALL.len()],
    /// Tokens of ended responses.
    pub(super) tokens: TokenCounts,
    /// Ended responses, and how long they took.
    pub(super) responses: u64,
    pub(super) latency: SimSpan,
    pub(super) ttft: SimSpan,
    /// Quota tokens.
    pub(super) ledger: Ledger,
}

/// Tokens by kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct TokenCounts {
    pub(super) input: u64,
    pub(super) cache_read: u64,
    pub(super) cache_write: u64,
    pub(super) output: u64,
}

impl Counts {
    /// One more attempt came to this end.
    pub(super) fn ended(&mut self, outcome: &'static str) {
        *self.outcomes.entry(outcome).or_default() += 1;
    }

    /// All refusals with a 429.
    pub(super) fn throttled(&self) -> u64 {
        self.throttles.iter().sum()
    }

    /// Adds the counters of another workload.
    pub(super) fn merge(&mut self, other: &Counts) {
        self.attempts += other.attempts;
        for (outcome, count) in &other.outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
        for (sum, count) in self.throttles.iter_mut().zip(other.throttles) {
            *sum += count;
        }
        self.tokens.input += other.tokens.input;
        self.tokens.cache_read += other.tokens.cache_read;
        self.tokens.cache_write += other.tokens.cache_write;
        self.tokens.output += other.tokens.output;
        self.responses += other.responses;
        self.latency = SimSpan(self.latency.0.saturating_add(other.latency.0));
        self.ttft = SimSpan(self.ttft.0.saturating_add(other.ttft.0));
        self.ledger.merge(&other.ledger);
    }
}
