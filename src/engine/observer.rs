//! What may watch a replication while it runs.

use crate::model::QuotaName;
use crate::units::SimTime;
use std::ops::ControlFlow;

/// Watches a replication. The default watches nothing and costs nothing.
pub trait Observer {
    /// Whether [`attempt`](Self::attempt) wants to be called.
    const ATTEMPTS: bool = false;

    /// An attempt's outcome is known.
    fn attempt(&mut self, row: &AttemptRow) {
        let _ = row;
    }

    /// The replication has reached `now`; called a few hundred times. `Break` abandons it.
    fn reached(&mut self, now: SimTime) -> ControlFlow<()> {
        let _ = now;
        ControlFlow::Continue(())
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Unwatched;

impl Observer for Unwatched {}

/// Shows another observer how far a replication is, and none of its attempts.
#[derive(Debug)]
pub(super) struct Quiet<'a, O>(pub(super) &'a mut O);

impl<O: Observer> Observer for Quiet<'_, O> {
    fn reached(&mut self, now: SimTime) -> ControlFlow<()> {
        self.0.reached(now)
    }
}

/// One attempt and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptRow {
    /// Index of the workload.
    pub workload: usize,
    /// Number of the request within its workload, from 0.
    pub request: u64,
    /// Number of the attempt within its request, from 1.
    pub attempt: u32,
    /// When it was sent.
    pub at: SimTime,
    /// What became of it.
    pub outcome: Outcome,
    /// Which limit refused it.
    pub limit: Option<QuotaName>,
    /// What it asked to reserve [quota tokens].
    pub reservation: u64,
    /// What it was charged [quota tokens]; zero if it was not admitted.
    pub charge: u64,
}

/// What became of an attempt, as its client sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `key`")]
pub enum Outcome {
    Succeeded,
    Truncated,
    QuotaTruncated,
    Throttled,
    Overloaded,
    Unavailable,
    ModelNotReady,
    ModelTimeout,
    Disconnected,
    StreamBroken,
    TimedOut,
    DeadlineExceeded,
}

impl Outcome {
    /// The word in files.
    pub fn key(self) -> &'static str {
        match self {
            Outcome::Succeeded => "succeeded",
            Outcome::Truncated => "truncated",
            Outcome::QuotaTruncated => "quota_truncated",
            Outcome::Throttled => "throttled",
            Outcome::Overloaded => "overloaded",
            Outcome::Unavailable => "unavailable",
            Outcome::ModelNotReady => "model_not_ready",
            Outcome::ModelTimeout => "model_timeout",
            Outcome::Disconnected => "disconnected",
            Outcome::StreamBroken => "stream_broken",
            Outcome::TimedOut => "timed_out",
            Outcome::DeadlineExceeded => "deadline_exceeded",
        }
    }
}
