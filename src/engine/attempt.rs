//! An attempt: asked for at the gate, and what is known of it once it is admitted.

use super::compiled::Route;
use super::event::{Class, Event};
use super::fate::Fate;
use super::health::note_ended;
use super::lifecycle::demand;
use super::observer::{Observer, Outcome};
use super::request::{Ending, Flight, NOWHERE, Next, Stream};
use super::simulation::Simulation;
use super::streaming::success_of;
use crate::admission::{Admission, Reservation};
use crate::client::Failure;
use crate::model::{Demand, QuotaName};
use crate::tally::Billed;
use crate::units::{SimSpan, SimTime};

impl<O: Observer> Simulation<'_, O> {
    pub(super) fn attempt(&mut self, slot: u32, now: SimTime) {
        let engine = self.engine;
        let request = self.requests.get_mut(slot);
        request.attempts += 1;
        request.last_attempt = now;
        let place = usize::from(request.flow);
        if request.counted {
            self.tally.flows[place].attempts += 1;
        }
        if engine.workloads[usize::from(request.workload)].inspected
            && let Some(failure) = self.inspect(slot)
        {
            self.refused(slot, failure, now);
            return;
        }
        let flow = &engine.flows[place];
        let pool = &engine.scenario.pools[flow.pool];
        let demand = demand(self.requests.get(slot), flow.max_tokens);
        let cost = pool.reservation(&demand).0;
        let account = pool.account.and_then(|account| self.accounts[account].as_mut());
        match self.gates[flow.pool].admit(now, cost, account) {
            Admission::Admitted(reservation) => self.admitted(slot, &demand, reservation, now),
            Admission::Refused(refusal) => self.throttled(slot, refusal.counted_under, cost, now),
        }
    }

    /// A quota has refused an attempt.
    pub(super) fn throttled(&mut self, slot: u32, limit: QuotaName, cost: u64, now: SimTime) {
        self.count_throttle(slot, limit);
        self.observe(slot, now, Outcome::Throttled, Some(limit), cost, 0);
        self.refused(slot, Failure::Throttled, now);
    }

    pub(super) fn count_throttle(&mut self, slot: u32, limit: QuotaName) {
        let request = self.requests.get_mut(slot);
        request.throttled = true;
        let place = usize::from(request.flow);
        self.pools[self.engine.flows[place].pool].throttled += 1;
        if request.counted {
            self.tally.flows[place].throttles[limit as usize] += 1;
        }
    }

    fn admitted(&mut self, slot: u32, demand: &Demand, reservation: Reservation, now: SimTime) {
        let engine = self.engine;
        let request = self.requests.get_mut(slot);
        let place = usize::from(request.flow);
        let flow = &engine.flows[place];
        let compiled = &engine.workloads[flow.workload];
        let clients = &self.clients[flow.workload];
        let output = demand.output().0 as u32;
        if request.sent > 0 {
            let keys = &clients.latency_keys;
            request.timing = flow.latency.one(keys, request.number, request.sent, request.tokens.input, output);
        }
        request.sent += 1;
        if flow.faults.slow {
            request.timing = flow.faults.slowed(&clients.faults, &request.attempt());
        }
        let timing = request.timing;
        let ends = now.saturating_add(SimSpan(timing.service));
        let fate = Fate::of(&request.attempt(), ends, compiled, flow, &clients.faults);
        if flow.metered {
            self.admitted_metered(slot, demand, reservation, fate, now);
            return;
        }
        let pool = &engine.scenario.pools[flow.pool];
        let charge = pool.charge(demand).0;
        let held = reservation.held();
        let answered = matches!(fate, Fate::Answered);
        let ending = if demand.truncated() { Ending::Truncated } else { Ending::Complete };
        // A response that outlasts all patience is never counted as one.
        let ends_counted = answered && request.counted && ends <= self.marks.patience();

        let tally = &mut self.tally.flows[place];
        tally.ledger.reserve(held);
        if request.counted {
            tally.admitted(held, charge, &billed(demand));
            if answered {
                tally.waited(request.waited(), request.waits.causes());
                if flow.latency.has_ttft() {
                    tally.ttft.record(request.waited() + timing.ttft);
                }
            } else {
                tally.wasted(charge, &billed(demand), fate.is_fault());
            }
            if ends_counted {
                tally.succeeded((ends - request.arrived).0, charge, request.throttled);
                ending.count(tally, u64::from(output));
            }
        }
        if ends_counted && compiled.inspected {
            note_ended(&mut self.tally.health, request, true);
        }
        let tally = &mut self.tally.flows[place];
        let adjusted = pool.rules.adjust_every.filter(|&every| now.saturating_add(every) < ends);
        let success = if compiled.books_first_token { success_of(request, fate, ends) } else { None };
        let stream = if adjusted.is_some() || success.is_some() {
            self.streams.insert(Stream {
                order: self.admissions + 1,
                tokens: request.tokens,
                max_tokens: flow.max_tokens,
                output,
                timing,
                ends,
                steps: 0,
                since: now,
                metered: None,
                success,
            })
        } else {
            let in_flight = self.marks.measured(now, ends);
            tally.ledger.settle(held, charge);
            tally.in_flight_ns += u128::from(in_flight);
            self.pools[flow.pool].reservation_ns += u128::from(held) * u128::from(in_flight);
            NOWHERE
        };
        let flight = Flight {
            reservation,
            charge,
            billed: demand.billed().0,
            // The client hears of the end, and has something to do then.
            request: if answered && compiled.has_afterlife(&request.call) { slot } else { NOWHERE },
            stream,
            client: request.client,
            flow: place as u16,
            ends_counted,
            books_success: answered && compiled.only_books_success(&request.call),
        };
        let stays = !answered || flight.request == slot;
        if O::ATTEMPTS {
            let outcome = outcome_of(fate, ending);
            self.observe(slot, now, outcome, None, held, charge);
        }
        if !stays {
            self.requests.free(slot);
        }
        let first = adjusted.map_or(ends, |every| now + every);
        self.depart(flight, success.map_or(first, |(at, _)| at.min(first)), engine.routes[place]);
        match fate {
            Fate::Answered => {}
            Fate::Lost(at, failure) => drop(self.wait(slot, Next::Failure(failure), now, at, Class::Timeout)),
            Fate::Broken(at) => drop(self.wait(slot, Next::Broken, now, at, Class::Timeout)),
            Fate::TooLate(at) => drop(self.wait(slot, Next::Deadline, now, at, Class::Timeout)),
        }
    }

    /// An admitted attempt is under way; its first event comes at `first`.
    #[inline(always)]
    pub(super) fn depart(&mut self, flight: Flight, first: SimTime, route: Route) {
        self.admissions += 1;
        self.in_flight.add(1);
        self.workloads_in_flight[usize::from(route.workload)].add(1);
        let state = &mut self.pools[usize::from(route.pool)];
        state.admitted += 1;
        state.in_flight.add(1);
        state.reserved.add(flight.reservation.held());
        let slot = self.flights.insert(flight);
        self.calendar.push(Event::new(first, Class::Server, self.admissions, slot));
    }
}

/// How an attempt with this fate and ending appears to whoever watches.
pub(super) fn outcome_of(fate: Fate, ending: Ending) -> Outcome {
    match (fate, ending) {
        (Fate::Answered, Ending::Complete) => Outcome::Succeeded,
        (Fate::Answered, Ending::Truncated) => Outcome::Truncated,
        (Fate::Answered, Ending::QuotaTruncated) => Outcome::QuotaTruncated,
        (Fate::Lost(_, Failure::Disconnected), _) => Outcome::Disconnected,
        (Fate::Lost(_, Failure::ModelTimeout), _) => Outcome::ModelTimeout,
        (Fate::Broken(_), _) => Outcome::StreamBroken,
        (Fate::Lost(..), _) => Outcome::TimedOut,
        (Fate::TooLate(_), _) => Outcome::DeadlineExceeded,
    }
}

/// What an attempt puts on the bill.
pub(super) fn billed(demand: &Demand) -> Billed {
    Billed {
        input: demand.input.0,
        output: demand.output().0,
        cache_read: demand.cache_read.0,
        cache_write: demand.cache_write.0,
    }
}

/// Sets the address of the slow fault apart from that of the faults before admission.
pub(super) const SLOW: u32 = 1 << 31;

/// A uniform number in [0, 1).
pub(super) fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}
