//! Why requests fail, and what attempts cost that nobody heard of.

use super::Billed;

/// Why a request ended without an answer: what ended its last attempt, or what kept it from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureCause {
    /// A quota refused its last attempt.
    Throttled,
    /// The model was overloaded or not ready.
    ModelCapacity,
    /// The service answered with a 5xx.
    Unavailable,
    /// The client or the model gave up waiting.
    TimedOut,
    /// The connection broke, or a started stream ended in an error.
    Disconnected,
    /// Its deadline passed.
    DeadlineExceeded,
    /// Its client's queue was full: shed without an attempt.
    Shed,
}

impl FailureCause {
    /// Every cause, in the order of the counters.
    pub const ALL: [FailureCause; 7] = [
        FailureCause::Throttled,
        FailureCause::ModelCapacity,
        FailureCause::Unavailable,
        FailureCause::TimedOut,
        FailureCause::Disconnected,
        FailureCause::DeadlineExceeded,
        FailureCause::Shed,
    ];

    /// Its name in results.
    pub fn key(self) -> &'static str {
        match self {
            FailureCause::Throttled => "throttled",
            FailureCause::ModelCapacity => "model_capacity",
            FailureCause::Unavailable => "unavailable",
            FailureCause::TimedOut => "timed_out",
            FailureCause::Disconnected => "disconnected",
            FailureCause::DeadlineExceeded => "deadline_exceeded",
            FailureCause::Shed => "shed",
        }
    }
}

/// Attempts that were admitted and whose client had no use for them: it had given up, or its stream broke.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wasted {
    /// How many.
    pub attempts: u64,
    /// What they were charged [quota tokens].
    pub charged: u64,
    /// What they are billed.
    pub billed: Billed,
}

impl Wasted {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Wasted) {
        self.attempts += other.attempts;
        self.charged += other.charged;
        self.billed.add(&other.billed);
    }
}
