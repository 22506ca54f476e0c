//! The last minutes of a pool, sampled at regular instants, for the page.

use crate::units::SimTime;
use std::collections::VecDeque;

/// How many samples are kept.
pub(super) const MOST: usize = 600;

/// A pool at one instant; counts run from the start or the last reset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sample {
    pub(super) at: SimTime,
    /// What the tokens quota would admit at once; negative after an overdraft.
    pub(super) available: Option<i64>,
    /// The most that it would.
    pub(super) capacity: Option<u64>,
    /// Quota tokens of open responses.
    pub(super) reserved: u64,
    pub(super) in_flight: u64,
    pub(super) attempts: u64,
    pub(super) throttled: u64,
}

/// Samples, oldest first.
#[derive(Debug, Clone, Default)]
pub(super) struct History(VecDeque<Sample>);

impl History {
    /// Keeps one more sample and lets the oldest go.
    pub(super) fn push(&mut self, sample: Sample) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back(sample);
    }

    /// The samples after an instant.
    pub(super) fn since(&self, at: Option<SimTime>) -> impl Iterator<Item = &Sample> {
        self.0.iter().filter(move |sample| at.is_none_or(|at| sample.at > at))
    }
}
