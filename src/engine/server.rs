//! An attempt on the server's side: adjustments while it runs, and its settlement.

use super::attempt_draws::generated;
use super::compiled::NO_ACCOUNT;
use super::event::{Class, Event};
use super::observer::Observer;
use super::request::{Flight, NOWHERE, Stream};
use super::simulation::Simulation;
use crate::admission::{Reservation, Settlement};
use crate::client::Call;
use crate::model::Demand;
use crate::units::{SimSpan, SimTime, Tokens};

impl<O: Observer> Simulation<'_, O> {
    /// An attempt ends on the server, or something happens to it while it runs.
    #[inline(always)]
    pub(super) fn server_event(&mut self, event: Event) {
        let (slot, now) = (event.slot(), event.at());
        if self.flights.get(slot).stream != NOWHERE && self.stream_goes_on(slot, now) {
            return;
        }
        self.settle(slot, now);
    }

    /// Whether the event was one of a stream that goes on, or has been settled with it.
    #[inline(never)]
    fn stream_goes_on(&mut self, slot: u32, now: SimTime) -> bool {
        let stream = self.streams.get(self.flights.get(slot).stream);
        if stream.metered.is_some() {
            self.metered_event(slot, now);
            return true;
        }
        if now >= stream.ends {
            return false;
        }
        if stream.success.is_some() && self.is_first_token(slot, now) {
            // It is an event here, but need not be one: a lane books it with what comes next.
            self.tally.events -= 1;
        } else {
            self.adjust(slot, now);
        }
        let flight = self.flights.get(slot);
        let stream = self.streams.get(flight.stream);
        let next = self.next_adjustment(flight, stream).map_or(stream.ends, |next| next.min(stream.ends));
        let next = stream.success.map_or(next, |(at, _)| at.min(next));
        self.calendar.push(Event::new(next, Class::Server, stream.order, slot));
        true
    }

    /// When a reservation is next adjusted: at admission + k·d.
    pub(super) fn next_adjustment(&self, flight: &Flight, stream: &Stream) -> Option<SimTime> {
        let pool = self.engine.flows[usize::from(flight.flow)].pool;
        let every = self.engine.scenario.pools[pool].rules.adjust_every?;
        let after = every.0.saturating_mul(stream.steps + 1);
        Some(flight.reservation.admitted_at().saturating_add(SimSpan(after)))
    }

    /// An attempt ends: what it holds is settled, and its client hears of it.
    ///
    /// What else there is to count was known and counted when it was admitted, but for streams.
    #[inline(always)]
    pub(super) fn settle(&mut self, slot: u32, now: SimTime) {
        let flight = self.flights.get_mut(slot);
        let &mut Flight { charge, billed, request, stream, client, flow, ends_counted, books_success, .. } = flight;
        let reservation = std::mem::take(&mut flight.reservation);
        let route = self.engine.routes[usize::from(flow)];
        let (pool, workload) = (usize::from(route.pool), usize::from(route.workload));
        let held = reservation.held();
        if stream != NOWHERE {
            self.count_stream((flow, client), stream, &reservation, now);
            self.tally.flows[usize::from(flow)].ledger.settle(held, charge);
        }
        self.flights.free(slot);
        let account = match route.account {
            NO_ACCOUNT => None,
            account => self.accounts[usize::from(account)].as_mut(),
        };
        self.gates[pool].settle(now, reservation, Settlement { charge, billed }, account);
        self.in_flight.subtract(1);
        self.workloads_in_flight[workload].subtract(1);
        let pool = &mut self.pools[pool];
        pool.in_flight.subtract(1);
        pool.reserved.subtract(held);
        pool.charged += charge;
        self.counted_open -= u64::from(ends_counted);
        if books_success {
            let state = &mut self.clients[workload].states[client as usize];
            self.engine.workloads[workload].client.after_success(state, &Call::default(), now);
        } else if request != NOWHERE {
            let limit = self.engine.flows[usize::from(flow)].max_tokens;
            let output = self.requests.get(request).tokens.output_under(limit);
            self.answered(request, output, now);
        }
    }

    /// Frees the stream of a flight and counts the time that both took, until now.
    #[inline(never)]
    fn count_stream(&mut self, (flow, client): (u16, u32), stream: u32, reservation: &Reservation, now: SimTime) {
        let Stream { since, success, .. } = self.streams.take(stream);
        let place = usize::from(flow);
        if let Some((at, call)) = success
            && at <= now
            && now != SimTime::MAX
        {
            // The first token was the last.
            self.book_first_token(place, client, &call, now);
        }
        let in_flight = self.marks.measured(reservation.admitted_at(), now);
        self.tally.flows[place].in_flight_ns += u128::from(in_flight);
        let held = u128::from(reservation.held()) * u128::from(self.marks.measured(since, now));
        self.pools[self.engine.flows[place].pool].reservation_ns += held;
    }

    /// A reservation follows what has been generated.
    ///
    /// *Formula* (SPEC §2): at admission + k·d, `generated = ⌊output × streamed share⌋`, 0 before the first token.
    pub(super) fn adjust(&mut self, slot: u32, now: SimTime) {
        let flight = self.flights.get_mut(slot);
        let flow = &self.engine.flows[usize::from(flight.flow)];
        let pool = &self.engine.scenario.pools[flow.pool];
        let stream = self.streams.get_mut(flight.stream);
        let started = flight.reservation.admitted_at();
        let generated = stream.generated((now - started).0);
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
        if flight.stream == NOWHERE {
            let held = flight.reservation.held();
            self.tally.flows[usize::from(flight.flow)].ledger.reopen(held, flight.charge);
        } else {
            self.leave_metered_open(&flight);
            self.count_stream((flight.flow, flight.client), flight.stream, &flight.reservation, SimTime::MAX);
        }
    }
}

impl Stream {
    fn demand(&self) -> Demand {
        self.tokens.demand(self.max_tokens)
    }

    /// Output tokens generated after `elapsed` of the response.
    pub(super) fn generated(&self, elapsed: u64) -> u64 {
        generated(self.timing.ttft, self.timing.service, u64::from(self.output), elapsed)
    }
}
