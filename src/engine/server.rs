//! An attempt on the server's side: adjustments while it runs, and its settlement.

use super::event::{Class, Event};
use super::observer::Observer;
use super::request::{Ending, Flight, Stream};
use super::simulation::Simulation;
use crate::admission::Settlement;
use crate::model::Demand;
use crate::units::{SimSpan, SimTime, Tokens};

impl<O: Observer> Simulation<'_, O> {
    /// An attempt ends on the server, or its reservation is adjusted.
    #[inline]
    pub(super) fn server_event(&mut self, event: Event) {
        let (slot, now) = (event.slot(), event.at());
        if now < self.flights.get(slot).ends {
            self.stream_event(slot, now);
            return;
        }
        let flight = std::mem::take(self.flights.get_mut(slot));
        self.flights.free(slot);
        self.settle(flight, now);
    }

    fn stream_event(&mut self, slot: u32, now: SimTime) {
        let stream = self.flights.get(slot).stream.expect("only streams have events before their end");
        if self.streams.get(stream).metered.is_some() {
            self.metered_event(slot, now);
            return;
        }
        self.adjust(slot, now);
        let flight = self.flights.get(slot);
        let stream = self.streams.get(stream);
        let next = self.next_adjustment(flight, stream).map_or(flight.ends, |next| next.min(flight.ends));
        self.calendar.push(Event::new(next, Class::Server, stream.order, slot));
    }

    /// When a reservation is next adjusted: at admission + k·d.
    pub(super) fn next_adjustment(&self, flight: &Flight, stream: &Stream) -> Option<SimTime> {
        let pool = self.engine.flows[usize::from(flight.flow)].pool;
        let every = self.engine.scenario.pools[pool].rules.adjust_every?;
        let after = every.0.saturating_mul(stream.steps + 1);
        Some(flight.reservation.admitted_at().saturating_add(SimSpan(after)))
    }

    #[inline]
    pub(super) fn settle(&mut self, flight: Flight, now: SimTime) {
        let place = usize::from(flight.flow);
        let flow = &self.engine.flows[place];
        let workload = flow.workload;
        let held = flight.reservation.held();
        let since = self.close_stream(&flight);
        let in_flight = self.marks.measured(flight.reservation.admitted_at(), now);
        let account = self.engine.scenario.pools[flow.pool].account;
        let account = account.and_then(|account| self.accounts[account].as_mut());
        let settlement = Settlement { charge: flight.charge, billed: flight.billed };
        self.gates[flow.pool].settle(now, flight.reservation, settlement, account);

        self.in_flight.subtract(1);
        self.workloads_in_flight[workload].subtract(1);
        let pool = &mut self.pools[flow.pool];
        pool.in_flight.subtract(1);
        pool.reserved.subtract(held);
        pool.charged += flight.charge;
        pool.reservation_ns += u128::from(held) * u128::from(self.marks.measured(since, now));

        let tally = &mut self.tally.flows[place];
        tally.ledger.settle(held, flight.charge);
        tally.in_flight_ns += u128::from(in_flight);
        if flight.abandoned {
            return;
        }
        if flight.counted {
            self.counted_open -= 1;
            tally.requests += 1;
            tally.requests_throttled += u64::from(flight.throttled);
            tally.succeeded += 1;
            tally.offered_charge += flight.charge;
            tally.latency.record((now - flight.arrived).0);
            match flight.ending {
                Ending::Complete => {
                    tally.good += 1;
                    tally.good_output += u64::from(flight.output);
                }
                Ending::Truncated => tally.truncated += 1,
                Ending::QuotaTruncated => tally.quota_truncated += 1,
            }
        }
        let state = &mut self.clients[workload].states[flight.client as usize];
        self.engine.workloads[workload].client.after_success(state, &flight.call, now);
        if self.engine.workloads[workload].held_back {
            self.rate_moved(workload, flight.client, now);
            self.learn(workload, flight.output);
        }
        self.finish(workload, flight.client, flight.number, now, Some(flight.output));
    }

    /// Frees the stream of a flight; since when its reservation has held what it holds.
    #[inline]
    fn close_stream(&mut self, flight: &Flight) -> SimTime {
        match flight.stream {
            Some(stream) => self.streams.take(stream).since,
            None => flight.reservation.admitted_at(),
        }
    }

    /// A reservation follows what has been generated.
    ///
    /// *Formula* (SPEC §2): at admission + k·d, `generated = ⌊output × streamed share⌋`, 0 before the first token.
    pub(super) fn adjust(&mut self, slot: u32, now: SimTime) {
        let flight = self.flights.get_mut(slot);
        let flow = &self.engine.flows[usize::from(flight.flow)];
        let pool = &self.engine.scenario.pools[flow.pool];
        let stream = self.streams.get_mut(flight.stream.expect("only streams are adjusted"));
        let started = flight.reservation.admitted_at();
        let generated = stream.generated(flight.output, (now - started).0);
        let held = flight.reservation.held();
        let now_held = pool.held(&stream.demand(), Tokens(generated)).0;
        let account = pool.account.and_then(|account| self.accounts[account].as_mut());
        self.gates[flow.pool].adjust(now, &mut flight.reservation, now_held, account);

        let state = &mut self.pools[flow.pool];
        state.reservation_ns += u128::from(held) * u128::from(self.marks.measured(stream.since, now));
        state.reserved.subtract(held);
        state.reserved.add(now_held);
        self.tally.flows[usize::from(flight.flow)].ledger.adjust(held, now_held);
        stream.since = now;
        stream.steps += 1;
    }

    /// The run ends while this attempt is open: it counts up to the horizon and stays on the books.
    pub(super) fn leave_open(&mut self, slot: u32) {
        let flight = std::mem::take(self.flights.get_mut(slot));
        self.leave_stream_open(&flight);
        let place = usize::from(flight.flow);
        let pool = self.engine.flows[place].pool;
        let since = self.close_stream(&flight);
        let open = |since| self.marks.measured(since, SimTime::MAX);
        self.tally.flows[place].in_flight_ns += u128::from(open(flight.reservation.admitted_at()));
        self.pools[pool].reservation_ns += u128::from(flight.reservation.held()) * u128::from(open(since));
    }
}

impl Stream {
    fn demand(&self) -> Demand {
        let tokens = |count: u32| Tokens(u64::from(count));
        Demand {
            input: tokens(self.tokens.input),
            cache_read: tokens(self.tokens.cache_read),
            cache_write: tokens(self.tokens.cache_write),
            max_tokens: tokens(self.tokens.limit(self.max_tokens)),
            natural_output: tokens(self.tokens.output),
        }
    }

    /// Output tokens generated after `elapsed` of the response.
    pub(super) fn generated(&self, output: u32, elapsed: u64) -> u64 {
        let streamed = u128::from(elapsed.saturating_sub(self.timing.ttft));
        let length = u128::from(self.timing.service.saturating_sub(self.timing.ttft).max(1));
        (u128::from(output) * streamed / length).min(u128::from(output)) as u64
    }
}
