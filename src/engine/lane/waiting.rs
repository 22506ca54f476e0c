//! Requests of a lane whose client has something to do: those that were refused, and wait for their next attempt.

use super::agenda::What;
use super::{Charge, Lane, News};
use crate::admission::{Admission, Admit, Reservation};
use crate::client::{Call, Decision, Failure};
use crate::engine::draws::{Timing, Tokens};
use crate::engine::request::Ending;
use crate::model::QuotaName;
use crate::tally::{Billed, FailureCause};
use crate::units::{SimSpan, SimTime};

/// A request that waits for its next attempt.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiting {
    number: u64,
    arrived: SimTime,
    since: SimTime,
    /// The number of its current wait.
    pub(super) ticket: u64,
    /// Spent in backoff so far \[ns\].
    backoff: u64,
    /// What it asks to reserve, and will be charged [quota tokens].
    cost: u64,
    charge: u64,
    timing: Timing,
    tokens: Tokens,
    /// Its output under the limit in force.
    capped: u32,
    client: u32,
    pub(super) call: Call,
    counted: bool,
}

impl<A: Admit> Lane<'_, '_, A> {
    /// A refused request gets its record: its client has something to do for it now.
    #[inline(never)]
    pub(super) fn refused_at_first(&mut self, place: usize, now: SimTime, counted: bool, limit: QuotaName) {
        let number = self.source.number();
        let columns = self.source.columns.as_ref().expect("a plain workload has columns");
        let slot = self.in_progress.waiting.insert(Waiting {
            number,
            arrived: now,
            since: now,
            ticket: 0,
            backoff: 0,
            cost: columns.reservation[place],
            charge: columns.charge[place],
            timing: self.source.timing.get(place),
            tokens: self.source.tokens.get(place),
            capped: self.source.tokens.capped[place],
            client: self.workload.client_of(number),
            call: Call::default(),
            counted,
        });
        self.tally.attempts += u64::from(counted);
        self.refused(slot, now, limit);
    }

    /// A backoff is over.
    #[inline(always)]
    pub(super) fn retry(&mut self, slot: u32, now: SimTime) {
        self.counters.retries += 1;
        let request = self.in_progress.waiting.get_mut(slot);
        request.backoff += (now - request.since).0;
        self.tally.attempts += u64::from(request.counted);
        match self.quota.admit(now, request.cost) {
            Admission::Admitted(reservation) => self.admitted_at_last(slot, reservation, now),
            Admission::Refused(refusal) => self.refused(slot, now, refusal.counted_under),
        }
    }

    /// A quota has refused an attempt; the client waits, or gives up.
    #[inline(never)]
    fn refused(&mut self, slot: u32, now: SimTime, limit: QuotaName) {
        let request = self.in_progress.waiting.get_mut(slot);
        self.pool.throttled += 1;
        self.tally.throttles[limit as usize] += u64::from(request.counted);
        let bits = self.backoff.attempt_bits(request.number, request.call.failed_attempts() + 1);
        let state = &mut self.states[request.client as usize];
        let failure = Failure::Throttled;
        match self.client.after_failure(state, &mut request.call, failure, now, None, bits) {
            Decision::Retry { delay } => {
                request.since = now;
                self.counters.waits += 1;
                request.ticket = self.counters.waits;
                self.agenda.push(now.saturating_add(delay), What::retry(slot));
            }
            Decision::GiveUp => {
                if request.counted {
                    self.counters.counted_open -= 1;
                    self.tally.failed(FailureCause::Throttled, request.charge, true);
                    self.tally.waited((now - request.arrived).0, [request.backoff, 0, 0]);
                }
                self.in_progress.waiting.free(slot);
            }
        }
    }

    /// A retry is admitted.
    #[inline(never)]
    fn admitted_at_last(&mut self, slot: u32, reservation: Reservation, now: SimTime) {
        let request = self.in_progress.waiting.get(slot);
        let &Waiting { charge, client, counted, timing, .. } = request;
        let held = reservation.held();
        let ends = now.saturating_add(SimSpan(timing.service));
        let ends_counted = counted && ends <= self.marks.patience();
        let tally = &mut *self.tally;
        tally.ledger.reserve(held);
        tally.ledger.settle(held, charge);
        let measured = self.marks.measured(now, ends);
        tally.in_flight_ns += u128::from(measured);
        self.pool.reservation_ns += u128::from(held) * u128::from(measured);
        if counted {
            let waited = (now - request.arrived).0;
            tally.admitted(held, charge, &request.billed());
            tally.waited(waited, [request.backoff, 0, 0]);
            if self.has_ttft {
                tally.ttft.record(waited + timing.ttft);
            }
            if ends_counted {
                tally.succeeded((ends - request.arrived).0, charge, true);
                let complete = request.capped == request.tokens.output;
                let ending = if complete { Ending::Complete } else { Ending::Truncated };
                ending.count(tally, u64::from(request.capped));
            }
        }
        let news = News { client, request: slot };
        if !self.books {
            self.in_progress.waiting.free(slot);
        }
        self.depart(reservation, Charge::new(charge, ends_counted), news, ends);
    }
}

impl Waiting {
    fn billed(&self) -> Billed {
        let Tokens { input, cache_read, cache_write, .. } = self.tokens;
        Billed {
            input: input.into(),
            output: self.capped.into(),
            cache_read: cache_read.into(),
            cache_write: cache_write.into(),
        }
    }
}
