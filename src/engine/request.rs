//! The two things in progress: a request, on the client's side, and a flight, on the server's.
//!
//! A request that its client has something to do for stays in one slot from its arrival to its end. An admitted attempt
//! is a flight, which holds quota until it settles, whatever the client does meanwhile. Most requests are admitted at
//! once and nobody waits for their end: those are never more than a flight.

use super::draws::{Timing, Tokens};
use crate::admission::Reservation;
use crate::client::{Call, Failure};
use crate::tally::FlowTally;
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
    /// The number of its current wait, zero outside of one; an event of another is stale.
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
    /// The error that breaks its stream off.
    Broken,
    /// Its deadline.
    Deadline,
}

/// No slot of the slab it would point into.
pub(super) const NOWHERE: u32 = u32::MAX;

/// An admitted attempt, in one cache line.
#[derive(Debug, Default)]
#[repr(align(64))]
pub(super) struct Flight {
    pub(super) reservation: Reservation,
    /// Quota tokens that it will be charged.
    pub(super) charge: u64,
    /// Tokens that it will be billed.
    pub(super) billed: u64,
    /// Its request, if its end is news to the client; [`NOWHERE`] if not, or if the client has given it up.
    pub(super) request: u32,
    /// Where its stream is, if something happens to it while it runs; else [`NOWHERE`].
    pub(super) stream: u32,
    /// Which client object sent it.
    pub(super) client: u32,
    pub(super) flow: u16,
    /// A request that is counted ends with it.
    pub(super) ends_counted: bool,
    /// The client books its success at the first attempt, and has no other use for it.
    pub(super) books_success: bool,
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

impl Ending {
    /// Counts an answer of `output` tokens that ended so.
    #[inline]
    pub(super) fn count(self, tally: &mut FlowTally, output: u64) {
        match self {
            Ending::Complete => {
                tally.good += 1;
                tally.good_output += output;
            }
            Ending::Truncated => tally.truncated += 1,
            Ending::QuotaTruncated => tally.quota_truncated += 1,
        }
    }
}

/// What adjusting a reservation, or debiting an output quota, needs while tokens stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stream {
    /// The order of its events: the number of its admission.
    pub(super) order: u64,
    pub(super) tokens: Tokens,
    /// The output limit in force.
    pub(super) max_tokens: u32,
    /// Output tokens that it will produce.
    pub(super) output: u32,
    pub(super) timing: Timing,
    /// When it ends on the server; [`SimTime::MAX`] while an output quota may still cut it short.
    pub(super) ends: SimTime,
    /// How many adjustments have been made.
    pub(super) steps: u64,
    /// Since when the reservation holds what it holds.
    pub(super) since: SimTime,
    /// What is debited from an output quota, if there is one.
    pub(super) metered: Option<u32>,
    /// When its first token books a success that is not booked yet, and what the client remembers for it.
    pub(super) success: Option<(SimTime, Call)>,
}
