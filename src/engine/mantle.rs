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

use super::draws::Timing;
use super::event::{Class, Event};
use super::lifecycle::Fate;
use super::observer::{Observer, Outcome};
use super::request::{Ending, Flight, Request, Stream};
use super::simulation::Simulation;
use crate::admission::Reservation;
use crate::client::Failure;
use crate::model::Demand;
use crate::units::{SimSpan, SimTime};

/// How often a response is debited.
const EVERY: SimSpan = SimSpan::SECOND;

/// What a metered flight needs beside its stream.
#[derive(Debug, Clone, Copy)]
pub(super) struct Metered {
    /// The request as it was when the attempt was admitted.
    request: Request,
    /// What becomes of the attempt unless the quota ends it first.
    fate: Fate,
    /// Where the request waits for that, and the number of the wait.
    waiting: Option<(u32, u64)>,
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
        mut request: Request,
        demand: &Demand,
        reservation: Reservation,
        now: SimTime,
    ) {
        let place = usize::from(request.flow);
        let workload = usize::from(request.workload);
        let flow = &self.engine.flows[place];
        let pool = &self.engine.scenario.pools[flow.pool];
        let output = demand.output().0 as u32;
        let held = reservation.held();
        if request.sent > 0 {
            let keys = &self.clients[workload].latency_keys;
            request.timing = flow.latency.one(keys, request.number, request.sent, request.tokens.input, output);
        }
        request.sent += 1;
        let service = self.service(&mut request);
        let ends = now.saturating_add(SimSpan(service));
        let fate = self.fate(&request, now, ends);

        self.admissions += 1;
        self.in_flight.add(1);
        self.workloads_in_flight[workload].add(1);
        let state = &mut self.pools[flow.pool];
        state.admitted += 1;
        state.in_flight.add(1);
        state.reserved.add(held);
        let tally = &mut self.tally.flows[place];
        tally.ledger.reserve(held);
        if request.counted {
            tally.reserved += held;
        }

        let news = match fate {
            Fate::Answered => None,
            Fate::Lost(at, failure) => Some((super::request::Next::Failure(failure), at)),
            Fate::TooLate(at) => Some((super::request::Next::Deadline, at)),
        };
        let waiting = news.map(|(next, at)| {
            let slot = self.wait(Request { next, ..request }, now, at, Class::Timeout);
            (slot, self.waits)
        });
        let next_debit = now.saturating_add(SimSpan(request.timing.ttft)).saturating_add(EVERY);
        let metered = self.metered.insert(Metered { request, fate, waiting, ends, debited: 0, next_debit });
        let stream = self.streams.insert(Stream {
            order: self.admissions,
            tokens: request.tokens,
            max_tokens: flow.max_tokens,
            timing: Timing { ttft: request.timing.ttft, service },
            steps: 0,
            since: now,
            metered: Some(metered),
        });
        let slot = self.flights.insert(Flight {
            reservation,
            ends: SimTime::MAX,
            arrived: request.arrived,
            number: request.number,
            charge: pool.charge(demand).0,
            billed: demand.billed().0,
            output,
            flow: request.flow,
            client: request.client,
            call: request.call,
            counted: request.counted,
            ending: if demand.truncated() { Ending::Truncated } else { Ending::Complete },
            abandoned: !matches!(fate, Fate::Answered),
            stream: Some(stream),
        });
        self.schedule_metered(slot);
    }

    /// A response generates: it is debited, adjusted, or ends.
    pub(super) fn metered_event(&mut self, slot: u32, now: SimTime) {
        let flight = self.flights.get(slot);
        let stream = self.streams.get(flight.stream.expect("a metered flight streams"));
        let metered = self.metered.get_mut(stream.metered.expect("asked for metered streams only"));
        let ended = now >= metered.ends;
        if ended || now == metered.next_debit {
            let elapsed = (now - flight.reservation.admitted_at()).0;
            let generated = if ended { flight.output } else { stream.generated(flight.output, elapsed) as u32 };
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
        self.schedule_metered(slot);
    }

    fn schedule_metered(&mut self, slot: u32) {
        let flight = self.flights.get(slot);
        let stream = self.streams.get(flight.stream.expect("a metered flight streams"));
        let metered = self.metered.get(stream.metered.expect("asked for metered streams only"));
        let mut next = metered.ends.min(metered.next_debit);
        if let Some(adjustment) = self.next_adjustment(flight, stream) {
            next = next.min(adjustment);
        }
        self.calendar.push(Event::new(next, Class::Server, stream.order, slot));
    }

    /// The response is over: by itself, or `cut` by the output quota.
    fn end_metered(&mut self, slot: u32, now: SimTime, cut: bool) {
        let mut flight = std::mem::take(self.flights.get_mut(slot));
        self.flights.free(slot);
        let mut metered = self.take_metered(&flight);
        if cut {
            flight.billed -= u64::from(flight.output - metered.debited);
            flight.output = metered.debited;
            flight.ending = Ending::QuotaTruncated;
            if let Some((waiting, ticket)) = metered.waiting
                && self.requests.get(waiting).ticket == ticket
            {
                // The client still waits: its answer has come before what it would have given up for.
                self.requests.get_mut(waiting).ticket = 0;
                self.requests.free(waiting);
                metered.fate = Fate::Answered;
                flight.abandoned = false;
            }
        }
        self.count_metered(&metered, &flight);
        self.settle(flight, now);
    }

    fn take_metered(&mut self, flight: &Flight) -> Metered {
        let stream = self.streams.get(flight.stream.expect("a metered flight streams"));
        self.metered.take(stream.metered.expect("asked for metered streams only"))
    }

    /// Counts what of a plain flight is counted at its admission.
    fn count_metered(&mut self, metered: &Metered, flight: &Flight) {
        let request = &metered.request;
        let place = usize::from(flight.flow);
        let has_ttft = self.engine.flows[place].latency.has_ttft();
        if request.counted {
            let tally = &mut self.tally.flows[place];
            tally.charged += flight.charge;
            tally.billed.input += u64::from(request.tokens.input);
            tally.billed.cache_read += u64::from(request.tokens.cache_read);
            tally.billed.cache_write += u64::from(request.tokens.cache_write);
            tally.billed.output += u64::from(flight.output);
            if !flight.abandoned {
                let waited = (request.last_attempt - request.arrived).0;
                tally.wait.record(waited);
                if waited > 0 {
                    tally.wait_backoff.record(request.waits.backoff);
                    tally.wait_limiter.record(request.waits.limiter);
                    tally.wait_queue.record(request.waits.queue);
                }
                if has_ttft {
                    tally.ttft.record(waited + request.timing.ttft);
                }
            }
        }
        let outcome = match (metered.fate, flight.ending) {
            (Fate::Answered, Ending::Complete) => Outcome::Succeeded,
            (Fate::Answered, Ending::Truncated) => Outcome::Truncated,
            (Fate::Answered, Ending::QuotaTruncated) => Outcome::QuotaTruncated,
            (Fate::Lost(_, Failure::Disconnected), _) => Outcome::Disconnected,
            (Fate::Lost(..), _) => Outcome::TimedOut,
            (Fate::TooLate(_), _) => Outcome::DeadlineExceeded,
        };
        let reserved = self.engine.scenario.pools[self.engine.flows[place].pool]
            .reservation(&super::lifecycle::demand(request, self.engine.flows[place].max_tokens));
        self.observe(request, request.last_attempt, outcome, None, reserved.0, flight.charge);
    }

    /// The run ends while a response streams: if it is metered, it counts as if nothing would cut it short.
    pub(super) fn leave_stream_open(&mut self, flight: &Flight) {
        let Some(stream) = flight.stream else { return };
        if self.streams.get(stream).metered.is_some() {
            let metered = self.take_metered(flight);
            self.count_metered(&metered, flight);
        }
    }
}
