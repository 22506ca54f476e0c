//! The two things in progress: a request, on the client's side, and a flight, on the server's.
//!
//! A request is a value that moves: from its source through attempts and waits to its end. An admitted attempt leaves
//! a flight behind, which holds quota until it settles, whatever the client does meanwhile.

use super::draws::{Timing, Tokens};
use crate::admission::Reservation;
use crate::client::{Call, Failure};
use crate::units::SimTime;

/// A request that has not ended, as its client sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request {
    /// Its number within the workload.
    pub(super) number: u64,
    pub(super) arrived: SimTime,
    pub(super) workload: u16,
    /// The flow that its next attempt goes to.
    pub(super) flow: u16,
    /// Which client object of the workload sends it.
    pub(super) client: u32,
    pub(super) tokens: Tokens,
    /// The timing of its next response.
    pub(super) timing: Timing,
    /// Attempts made.
    pub(super) attempts: u32,
    /// Attempts that were admitted.
    pub(super) sent: u32,
    /// When the last attempt was made.
    pub(super) last_attempt: SimTime,
    /// What the client remembers of it.
    pub(super) call: Call,
    pub(super) waits: Waits,
    /// Arrived in measured time.
    pub(super) counted: bool,
    /// Was throttled at least once.
    pub(super) throttled: bool,
    /// What it waits for, and since when.
    pub(super) next: Next,
    pub(super) waiting_since: SimTime,
    /// The number of its current wait; an event of an earlier one is stale.
    pub(super) ticket: u64,
}

/// Time a request has spent waiting, by cause [ns].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Waits {
    pub(super) backoff: u64,
    pub(super) limiter: u64,
    pub(super) queue: u64,
}

/// What a waiting request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Its first or next attempt, after a backoff.
    Retry,
    /// The news of a failed attempt.
    Failure(Failure),
    /// A token of the client's own rate limiter.
    Limiter,
    /// Its turn at the pace of the workload.
    Pace,
    /// A free slot under the client's concurrency cap.
    Slot,
    /// Its deadline.
    Deadline,
}

/// An admitted attempt.
#[derive(Debug, Default)]
pub(super) struct Flight {
    pub(super) reservation: Reservation,
    /// When it ends on the server; [`SimTime::MAX`] while an output quota may still cut it short.
    pub(super) ends: SimTime,
    /// When its request arrived.
    pub(super) arrived: SimTime,
    /// Number of its request.
    pub(super) number: u64,
    /// Quota tokens that it will be charged.
    pub(super) charge: u64,
    /// Tokens that it will be billed.
    pub(super) billed: u64,
    /// Output tokens that it will produce.
    pub(super) output: u32,
    pub(super) flow: u16,
    pub(super) client: u32,
    pub(super) call: Call,
    pub(super) counted: bool,
    /// Its request was throttled before.
    pub(super) throttled: bool,
    pub(super) ending: Ending,
    /// The client has given it up or will have by the time it ends.
    pub(super) abandoned: bool,
    /// Where its stream is, if something happens to it while it runs.
    pub(super) stream: Option<u32>,
}

/// How a response ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Ending {
    /// The model has said all it had to say.
    #[default]
    Complete,
    /// `max_tokens` are out.
    Truncated,
    /// The output quota is exhausted.
    QuotaTruncated,
}

/// What adjusting a reservation, or debiting an output quota, needs while tokens stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// The order of its events: the number of its admission.
    pub(super) order: u64,
    pub(super) tokens: Tokens,
    /// The output limit in force.
    pub(super) max_tokens: u32,
    pub(super) timing: Timing,
    /// How many adjustments have been made.
    pub(super) steps: u64,
    /// Since when the reservation holds what it holds.
    pub(super) since: SimTime,
    /// What is debited from an output quota, if there is one.
    pub(super) metered: Option<u32>,
}
