//! Requests of a lane whose client has something to do: those that wait for their next attempt, or for the moment at
//! which they are given up. Their attempts are in `slow`.

use super::alarms::NO_REQUEST;
use super::entry::What;
use super::{InProgress, Lane, News};
use crate::admission::Admit;
use crate::client::{Call, Decision, Failure};
use crate::engine::draws::Timing;
use crate::engine::fate::Attempt;
use crate::engine::held_back::HoldsBack as _;
use crate::engine::lifecycle::cause_of;
use crate::engine::line::Waiter;
use crate::engine::request::Next;
use crate::engine::source::Drawn;
use crate::model::Demand;
use crate::tally::{Billed, FailureCause};
use crate::units::{SimTime, Tokens};
use std::mem::offset_of;

/// A request on its client's side, in two cache lines, which many machines fetch together.
#[derive(Debug, Clone, Copy)]
#[repr(align(128))]
pub(super) struct Waiting {
    pub(super) number: u64,
    pub(super) arrived: SimTime,
    /// When its last attempt was made, if one was.
    pub(super) last_attempt: SimTime,
    /// Since when it waits for its next.
    pub(super) since: SimTime,
    /// Spent in backoff, held back and waiting for a slot so far \[ns\].
    pub(super) backoff: u64,
    pub(super) limited: u64,
    pub(super) queued: u64,
    /// What it asks to reserve [quota tokens].
    pub(super) cost: u64,
    /// The timing of its next response.
    pub(super) timing: Timing,
    pub(super) input: u32,
    pub(super) cache_read: u32,
    pub(super) cache_write: u32,
    /// Its natural output, and the limit in force.
    pub(super) natural_output: u32,
    pub(super) max_tokens: u32,
    pub(super) client: u32,
    /// Attempts that were admitted.
    pub(super) sent: u32,
    pub(super) call: Call,
    pub(super) counted: bool,
    /// Was throttled at least once.
    pub(super) throttled: bool,
    pub(super) next: Next,
}

const _: () = assert!(
    offset_of!(Waiting, since) / 64 != offset_of!(Waiting, next) / 64,
    "whoever looks at both has both cache lines"
);

impl<A: Admit> Lane<'_, '_, A> {
    /// Gives a request of the current block its record that has just arrived, or leaves the queue of its gateway.
    #[inline(always)]
    pub(super) fn enrol(&mut self, place: usize, now: SimTime, counted: bool) -> u32 {
        let block = self.track.source.block();
        let number = block.first + place as u64;
        let arrived = SimTime(block.times[place]);
        self.begin_record(Waiting {
            max_tokens: block.tokens.get(place).limit(self.flow.max_tokens),
            client: self.workload.client_of(number),
            ..Waiting::new(number, arrived, now, counted).drawn(block, place)
        })
    }

    /// Keeps the record of a request; its slot.
    #[inline(always)]
    pub(super) fn begin_record(&mut self, record: Waiting) -> u32 {
        let slot = self.in_progress.waiting.insert(record);
        let tickets = &mut self.in_progress.tickets;
        if slot as usize == tickets.len() {
            tickets.push(0);
        }
        slot
    }

    /// The client decides what to do about a failed attempt.
    #[inline(always)]
    pub(super) fn decide(&mut self, slot: u32, failure: Failure, now: SimTime) {
        if self.workload.books_first_token {
            self.book_first_tokens(self.in_progress.waiting.get(slot).client, now);
        }
        let request = self.in_progress.waiting.get_mut(slot);
        let bits = self.backoff.wait_bits(request.number, request.attempt_number());
        let state = &mut self.states[request.client as usize];
        let client = request.client;
        let decision = self.client.after_failure(state, &mut request.call, failure, now, None, bits);
        if self.workload.held_back {
            self.rate_moved(0, client, now);
        }
        match decision {
            Decision::Retry { delay } => self.wait(slot, Next::Retry, now, now.saturating_add(delay)),
            Decision::GiveUp => self.end_failed(slot, cause_of(failure), now),
        }
    }

    /// Lets a request wait from `now` until `at`, or until its deadline if that comes first.
    ///
    /// News that come at the deadline itself come in time; a retry does not.
    #[inline(always)]
    pub(super) fn wait(&mut self, slot: u32, next: Next, now: SimTime, at: SimTime) {
        let request = self.in_progress.waiting.get_mut(slot);
        let deadline = self.workload.model.deadline.map(|deadline| request.arrived.saturating_add(deadline));
        let (next, at) = match deadline {
            Some(deadline) if deadline < at || (deadline == at && next == Next::Retry) => {
                (Next::Deadline, deadline.max(now))
            }
            _ => (next, at),
        };
        let retries = next == Next::Retry;
        if retries {
            request.since = now;
        }
        request.next = next;
        self.track.moved.waits += 1;
        self.in_progress.tickets[slot as usize] = self.track.moved.waits;
        self.track.push_other(at, if retries { What::retry(slot) } else { What::timeout(slot) });
    }

    /// Something other than a retry comes to a request.
    #[inline(never)]
    pub(super) fn wakes(&mut self, what: What, now: SimTime) {
        self.track.moved.wakes += 1;
        let slot = what.slot();
        match (what.is_timeout(), slot & NO_REQUEST == 0) {
            (true, true) => self.timed_out(slot, now),
            (true, false) => self.alarm(slot, now),
            (false, true) => self.released(slot, now),
            (false, false) => self.line_released(slot, now),
        }
    }

    /// A client learns of a failure, or a deadline passes.
    fn timed_out(&mut self, slot: u32, now: SimTime) {
        match self.in_progress.waiting.get(slot).next {
            Next::Failure(failure) => self.decide(slot, failure, now),
            Next::Broken => self.end_failed(slot, FailureCause::Disconnected, now),
            _ => self.end_failed(slot, FailureCause::DeadlineExceeded, now),
        }
    }

    /// A request that held a slot ends without an answer.
    #[inline(never)]
    pub(super) fn end_failed(&mut self, slot: u32, cause: FailureCause, now: SimTime) {
        let client = self.in_progress.waiting.get(slot).client;
        self.fail(slot, cause);
        if self.counts_slots() {
            self.give_slot_back(client, now);
        }
    }

    /// A request ends without an answer.
    pub(super) fn fail(&mut self, slot: u32, cause: FailureCause) {
        let request = self.in_progress.waiting.get(slot);
        if request.counted {
            self.track.moved.counted_open -= 1;
            let charge = self.pool_model.charge(&request.demand()).0;
            self.tally.failed(cause, charge, request.throttled);
            self.tally.waited((request.last_attempt - request.arrived).0, request.waits());
            if let Some(health) = self.health {
                health.ended(request.arrived, None);
            }
        }
        self.in_progress.waiting.free(slot);
    }
}

impl InProgress {
    /// Whether a request is still in the wait of this ticket.
    #[inline]
    pub(super) fn still_waits(&self, waiter: Waiter) -> bool {
        waiter.has_ticket(self.tickets[waiter.slot() as usize])
    }
}

impl Waiting {
    /// Of a request that was held back since it arrived, if it has waited, and has made no attempt before now. Whose it is and
    /// what it asks for is still to be said.
    #[inline(always)]
    pub(super) fn new(number: u64, arrived: SimTime, now: SimTime, counted: bool) -> Waiting {
        Waiting {
            number,
            arrived,
            last_attempt: now,
            since: now,
            backoff: 0,
            limited: (now - arrived).0,
            queued: 0,
            cost: 0,
            timing: Timing { ttft: 0, service: 0 },
            input: 0,
            cache_read: 0,
            cache_write: 0,
            natural_output: 0,
            max_tokens: 0,
            client: 0,
            sent: 0,
            call: Call::default(),
            counted,
            throttled: false,
            next: Next::Retry,
        }
    }

    /// With what has been drawn of it into this place of a block.
    #[inline(always)]
    pub(super) fn drawn(self, block: &Drawn<'_>, place: usize) -> Waiting {
        let tokens = &block.tokens;
        Waiting {
            cost: block.columns().reservation[place],
            timing: block.timing.get(place),
            input: tokens.input[place],
            cache_read: tokens.cache_read[place],
            cache_write: tokens.cache_write[place],
            natural_output: tokens.output[place],
            ..self
        }
    }

    /// Which of its attempts is under way, or was the last; each earlier one has failed.
    pub(super) fn attempt_number(&self) -> u32 {
        self.call.failed_attempts() + 1
    }

    /// Its attempt that is made now.
    pub(super) fn attempt(&self, now: SimTime) -> Attempt {
        Attempt {
            request: self.number,
            number: self.attempt_number(),
            arrived: self.arrived,
            at: now,
            timing: self.timing,
        }
    }

    /// Time that it has spent waiting, in the order of the tally \[ns\].
    pub(super) fn waits(&self) -> [u64; 3] {
        [self.backoff, self.limited, self.queued]
    }

    /// Who hears of the end of its answer.
    pub(super) fn news(&self, slot: u32) -> News {
        News { client: self.client, request: slot, output: self.output() }
    }

    /// Its output under the limit in force.
    pub(super) fn output(&self) -> u32 {
        self.natural_output.min(self.max_tokens)
    }

    /// What it asks of its pool.
    pub(super) fn demand(&self) -> Demand {
        let tokens = |count: u32| Tokens(u64::from(count));
        Demand {
            input: tokens(self.input),
            cache_read: tokens(self.cache_read),
            cache_write: tokens(self.cache_write),
            max_tokens: tokens(self.max_tokens),
            natural_output: tokens(self.natural_output),
        }
    }

    pub(super) fn billed(&self) -> Billed {
        Billed {
            input: self.input.into(),
            output: self.output().into(),
            cache_read: self.cache_read.into(),
            cache_write: self.cache_write.into(),
        }
    }
}
