//! Attempts of a lane that are not plain: first ones that may meet more than a quota, and all that follow a failure.

use super::holders::Holders;
use super::load::Load;
use super::outputs::UNHEARD;
use super::{Lane, News};
use crate::admission::{Admission, Admit};
use crate::client::Failure;
use crate::engine::fate::Fate;
use crate::engine::request::{Ending, Next};
use crate::model::QuotaName;
use crate::units::{SimSpan, SimTime};

impl<A: Admit> Lane<'_, '_, A> {
    /// A request arrives whose first attempt may meet more than a quota.
    #[cold]
    #[inline(never)]
    pub(super) fn special_arrival(&mut self, place: usize, now: SimTime, counted: bool) {
        let slot = self.enrol_refused(place, now, counted);
        self.attempt(slot, now);
    }

    /// A first attempt was refused: its client has something to do for the request now.
    #[inline(never)]
    pub(super) fn refused_at_first(&mut self, place: usize, now: SimTime, counted: bool, limit: QuotaName) {
        let slot = self.enrol(place, now, counted);
        self.refused_without_record(slot, now, counted, limit);
    }

    /// The attempt was refused for which a request has its record.
    #[inline(always)]
    pub(super) fn refused_without_record(&mut self, slot: u32, now: SimTime, counted: bool, limit: QuotaName) {
        self.tally.attempts += u64::from(counted);
        if let Some(health) = self.health {
            health.attempted(now);
        }
        self.refused(slot, now, limit);
    }

    /// A backoff is over.
    #[inline(always)]
    pub(super) fn retry(&mut self, slot: u32, now: SimTime) {
        self.track.moved.wakes += 1;
        let request = self.in_progress.waiting.get_mut(slot);
        request.backoff += (now - request.since).0;
        self.send(slot, now);
    }

    /// Makes an attempt, once nothing on the client's side holds it back.
    #[inline(always)]
    pub(super) fn send(&mut self, slot: u32, now: SimTime) {
        if self.workload.held_back {
            self.ask(slot, now);
        } else {
            self.attempt(slot, now);
        }
    }

    /// Makes an attempt.
    #[inline(always)]
    pub(super) fn attempt(&mut self, slot: u32, now: SimTime) {
        let request = self.in_progress.waiting.get_mut(slot);
        request.last_attempt = now;
        self.tally.attempts += u64::from(request.counted);
        let cost = request.cost;
        if self.workload.inspected
            && let Some(failure) = self.inspect(slot, now)
        {
            self.decide(slot, failure, now);
            return;
        }
        match self.track.quota.admit(now, cost) {
            Admission::Admitted(_) => self.admitted(slot, cost, now),
            Admission::Refused(refusal) => self.refused(slot, now, refusal.counted_under),
        }
    }

    /// Looks at an attempt before it comes to the gate: counts it over time, and answers it if it meets a fault.
    #[inline(never)]
    fn inspect(&mut self, slot: u32, now: SimTime) -> Option<Failure> {
        if let Some(health) = self.health {
            health.attempted(now);
        }
        let faults = &self.flow.faults;
        if !faults.refuse {
            return None;
        }
        let request = self.in_progress.waiting.get(slot);
        let failure = faults.before_admission(&self.fault_keys, &request.attempt(now))?;
        self.tally.faulted += u64::from(request.counted);
        if failure == Failure::Overloaded {
            self.count_throttle(slot, QuotaName::ModelCapacity);
        }
        Some(failure)
    }

    /// A quota has refused an attempt.
    #[inline(never)]
    fn refused(&mut self, slot: u32, now: SimTime, limit: QuotaName) {
        self.count_throttle(slot, limit);
        self.decide(slot, Failure::Throttled, now);
    }

    fn count_throttle(&mut self, slot: u32, limit: QuotaName) {
        let request = self.in_progress.waiting.get_mut(slot);
        request.throttled = true;
        self.pool.throttled += 1;
        self.tally.throttles[limit as usize] += u64::from(request.counted);
    }

    /// An attempt is admitted, and holds so much: all that will become of it is known now.
    #[inline(never)]
    fn admitted(&mut self, slot: u32, held: u64, now: SimTime) {
        let request = self.in_progress.waiting.get_mut(slot);
        if request.sent > 0 {
            let keys = &self.latency_keys;
            request.timing = self.flow.latency.one(keys, request.number, request.sent, request.input, request.output());
        }
        request.sent += 1;
        if self.flow.faults.slow {
            request.timing = self.flow.faults.slowed(&self.fault_keys, &request.attempt(now));
        }
        let ends = now.saturating_add(SimSpan(request.timing.service));
        let fate = if self.workload.may_be_given_up {
            Fate::of(&request.attempt(now), ends, self.workload, self.flow, &self.fault_keys)
        } else {
            Fate::Answered
        };
        let answered = matches!(fate, Fate::Answered);
        let demand = request.demand();
        let (charge, counted) = (self.pool_model.charge(&demand).0, request.counted);
        let ends_counted = answered && counted && ends <= self.track.marks.patience();

        let tally = &mut *self.tally;
        tally.ledger.reserve(held);
        tally.ledger.settle(held, charge);
        let measured = self.track.marks.measured(now, ends);
        tally.in_flight_ns += u128::from(measured);
        self.pool.reservation_ns += u128::from(held) * u128::from(measured);
        if counted {
            let waited = now - request.arrived;
            let billed = request.billed();
            tally.admitted(held, charge, &billed);
            if answered {
                tally.waited(waited.0, request.waits());
                if self.has_ttft {
                    tally.ttft.record(waited.0 + request.timing.ttft);
                }
            } else {
                tally.wasted(charge, &billed, fate.is_fault());
            }
            if ends_counted {
                tally.succeeded((ends - request.arrived).0, charge, request.throttled);
                let ending = if demand.truncated() { Ending::Truncated } else { Ending::Complete };
                ending.count(tally, demand.output().0);
                if let Some(health) = self.health {
                    health.ended(request.arrived, Some(waited));
                }
            }
        }
        let news = if answered { request.news(slot) } else { News::UNHEARD };
        let news = self.listens.then_some(news);
        let holder = if answered { request.number } else { Holders::NOBODY };
        if self.workload.books_first_token
            && let Some(at) = request.attempt(now).success(fate, ends)
        {
            let (client, call) = (request.client, request.call);
            self.first_token_comes(client, at, call, now);
        }
        if answered && !self.listens {
            self.in_progress.waiting.free(slot);
        }
        let load = Load::new(held, charge, (ends - now).0).counted(ends_counted);
        // Where requests have records a load is not asked for its retry: it has its entry among those who hear.
        let load = if self.repeating.is_none() { load.marked() } else { load };
        if self.in_progress.outputs.have_begun() {
            self.in_progress.outputs.insert(self.track.moved.admissions, UNHEARD, ends, now);
        }
        self.depart(ends, held, charge, load, news, holder);
        match fate {
            Fate::Answered => {}
            Fate::Lost(at, failure) => self.wait(slot, Next::Failure(failure), now, at),
            Fate::Broken(at) => self.wait(slot, Next::Broken, now, at),
            Fate::TooLate(at) => self.wait(slot, Next::Deadline, now, at),
        }
    }
}
