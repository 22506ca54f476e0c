//! Responses on the mantle endpoint: every second of streaming is debited from the output quota.
//!
//! From its first token on, each second and at its end, a response debits what it has generated since its last debit,
//! at one instant in the order of admissions. A debit that the quota does not hold in full takes nothing and ends the
//! response there: the answer is what has been debited before, a success all the same, which is billed and settled as
//! of that instant. With the latency form `duration` the answer streams evenly over the whole duration.
//!
//! So the end of such a flight is not known when it is admitted, and nothing of it is counted before: its row among
//! the attempts, what it bills, its latencies. A client that has given up by then hears nothing any more; but if the
//! quota ends the response first, the client has its answer.

use super::attempt::{billed, outcome_of};
use super::event::{Class, Event};
use super::fate::Fate;
use super::health::note_ended;
use super::observer::{AttemptRow, Observer};
use super::request::{Ending, Flight, NOWHERE, Next, Request, Stream};
use super::simulation::Simulation;
use super::streaming::success_of;
use crate::admission::Reservation;
use crate::model::Demand;
use crate::tally::Billed;
use crate::units::{SimSpan, SimTime};

/// How often a response is debited.
const EVERY: SimSpan = SimSpan::SECOND;

/// What a metered flight needs beside its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered {
    /// The request as it was when the attempt was admitted, and its slot.
    request: Request,
    slot: u32,
    /// What becomes of the attempt unless the quota ends it first.
    fate: Fate,
    /// The number of the wait for that, if the client will give the attempt up.
    waiting: Option<u64>,
    /// When the response ends by itself.
    ends: SimTime,
    /// Output tokens debited so far, and when the next are.
    debited: u32,
    next_debit: SimTime,
}

impl<O: Observer> Simulation<'_, O> {
    /// An attempt on a pool with an output quota is admitted.
    pub(super) fn admitted_metered(
        &mut self,
        slot: u32,
        demand: &Demand,
        reservation: Reservation,
        fate: Fate,
        now: SimTime,
    ) {
        let request = *self.requests.get(slot);
        let place = usize::from(request.flow);
        let flow = &self.engine.flows[place];
        let pool = &self.engine.scenario.pools[flow.pool];
        let held = reservation.held();
        let tally = &mut self.tally.flows[place];
        tally.ledger.reserve(held);
        if request.counted {
            tally.reserved += held;
        }
        let waiting = match fate {
            Fate::Answered => None,
            Fate::Lost(at, failure) => Some(self.wait(slot, Next::Failure(failure), now, at, Class::Timeout)),
            Fate::Broken(at) => Some(self.wait(slot, Next::Broken, now, at, Class::Timeout)),
            Fate::TooLate(at) => Some(self.wait(slot, Next::Deadline, now, at, Class::Timeout)),
        };
        let ends = now.saturating_add(SimSpan(request.timing.service));
        let books_first_token = self.engine.workloads[flow.workload].books_first_token;
        let next_debit = now.saturating_add(SimSpan(request.timing.ttft)).saturating_add(EVERY);
        let metered = self.metered.insert(Metered { request, slot, fate, waiting, ends, debited: 0, next_debit });
        let stream = Stream {
            order: self.admissions + 1,
            tokens: request.tokens,
            max_tokens: flow.max_tokens,
            output: demand.output().0 as u32,
            timing: request.timing,
            ends: SimTime::MAX,
            steps: 0,
            since: now,
            metered: Some(metered),
            success: if books_first_token { success_of(&request, fate, ends) } else { None },
        };
        let stream = self.streams.insert(stream);
        let flight = Flight {
            reservation,
            charge: pool.charge(demand).0,
            billed: demand.billed().0,
            request: NOWHERE,
            stream,
            client: request.client,
            flow: request.flow,
            ends_counted: false,
            books_success: false,
        };
        let first = self.next_metered(&flight);
        self.depart(flight, first, self.engine.routes[place]);
    }

    /// A response generates: it is debited, adjusted, or ends.
    pub(super) fn metered_event(&mut self, slot: u32, now: SimTime) {
        if self.streams.get(self.flights.get(slot).stream).success.is_some() {
            self.is_first_token(slot, now);
        }
        let flight = self.flights.get(slot);
        let stream = self.streams.get(flight.stream);
        let metered = self.metered.get_mut(stream.metered.expect("asked for metered streams only"));
        let ended = now >= metered.ends;
        if ended || now == metered.next_debit {
            let elapsed = (now - flight.reservation.admitted_at()).0;
            let generated = if ended { stream.output } else { stream.generated(elapsed) as u32 };
            let since_last = u64::from(generated - metered.debited);
            let pool = self.engine.flows[usize::from(flight.flow)].pool;
            if since_last > 0 && !self.gates[pool].debit_output(now, since_last) {
                self.end_metered(slot, now, true);
                return;
            }
            metered.debited = generated;
            metered.next_debit = metered.next_debit.saturating_add(EVERY);
        }
        if ended {
            self.end_metered(slot, now, false);
            return;
        }
        if self.next_adjustment(flight, stream) == Some(now) {
            self.adjust(slot, now);
        }
        let flight = self.flights.get(slot);
        let order = self.streams.get(flight.stream).order;
        self.calendar.push(Event::new(self.next_metered(flight), Class::Server, order, slot));
    }

    /// When something happens next to a response.
    fn next_metered(&self, flight: &Flight) -> SimTime {
        let stream = self.streams.get(flight.stream);
        let metered = self.metered.get(stream.metered.expect("asked for metered streams only"));
        let next = metered.ends.min(metered.next_debit);
        let next = stream.success.map_or(next, |(at, _)| at.min(next));
        self.next_adjustment(flight, stream).map_or(next, |adjustment| adjustment.min(next))
    }

    /// The response is over: by itself, or `cut` by the output quota.
    fn end_metered(&mut self, slot: u32, now: SimTime, cut: bool) {
        let flight = self.flights.get_mut(slot);
        let stream = self.streams.get(flight.stream);
        let mut metered = self.metered.take(stream.metered.expect("asked for metered streams only"));
        let mut ending = stream.ending();
        let mut output = stream.output;
        if cut {
            flight.billed -= u64::from(output - metered.debited);
            output = metered.debited;
            ending = Ending::QuotaTruncated;
            let request = self.requests.get_mut(metered.slot);
            if metered.waiting.is_some_and(|ticket| ticket == request.ticket) {
                // The client still waits: its answer has come before what it would have given up for.
                request.ticket = 0;
                metered.fate = Fate::Answered;
            }
        }
        let (flow, charge) = (flight.flow, flight.charge);
        self.count_metered(&metered, flow, charge, ending, output);
        let answered = matches!(metered.fate, Fate::Answered);
        let request = &metered.request;
        if answered && request.counted {
            self.counted_open -= 1;
            let tally = &mut self.tally.flows[usize::from(flow)];
            tally.succeeded((now - request.arrived).0, charge, request.throttled);
            ending.count(tally, u64::from(output));
            note_ended(&mut self.tally.health, request, true);
        }
        self.settle(slot, now);
        if answered {
            self.answered(metered.slot, output, now);
        }
    }

    /// Counts what of other flights is counted at their admission.
    fn count_metered(&mut self, metered: &Metered, flow: u16, charge: u64, ending: Ending, output: u32) {
        let request = &metered.request;
        let place = usize::from(flow);
        let flow = &self.engine.flows[place];
        if request.counted {
            let tally = &mut self.tally.flows[place];
            let demand = request.tokens.demand(flow.max_tokens);
            tally.charged += charge;
            tally.billed.add(&Billed { output: u64::from(output), ..billed(&demand) });
            if matches!(metered.fate, Fate::Answered) {
                tally.waited(request.waited(), request.waits.causes());
                if flow.latency.has_ttft() {
                    tally.ttft.record(request.waited() + request.timing.ttft);
                }
            } else {
                let billed = Billed { output: u64::from(output), ..billed(&demand) };
                tally.wasted(charge, &billed, metered.fate.is_fault());
            }
        }
        if O::ATTEMPTS {
            let demand = request.tokens.demand(flow.max_tokens);
            self.observer.attempt(&AttemptRow {
                workload: usize::from(request.workload),
                request: request.number,
                attempt: request.attempts,
                at: request.last_attempt,
                outcome: outcome_of(metered.fate, ending),
                limit: None,
                reservation: self.engine.scenario.pools[flow.pool].reservation(&demand).0,
                charge,
            });
        }
    }

    /// The run ends while a response streams: if it is metered, it counts as if nothing would cut it short.
    pub(super) fn leave_metered_open(&mut self, flight: &Flight) {
        let stream = self.streams.get(flight.stream);
        if let Some(metered) = stream.metered {
            let (ending, output) = (stream.ending(), stream.output);
            let metered = self.metered.take(metered);
            self.count_metered(&metered, flight.flow, flight.charge, ending, output);
        }
    }
}

impl Stream {
    /// How the response ends if the quota lets it.
    fn ending(&self) -> Ending {
        if self.output < self.tokens.output { Ending::Truncated } else { Ending::Complete }
    }
}
