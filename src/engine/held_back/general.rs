//! How requests are held back in the general loop.

use super::{HeldBack, HoldsBack};
use crate::admission::Limiter as _;
use crate::client::{Call, Client, ClientState};
use crate::engine::event::{Class, Event};
use crate::engine::lifecycle::demand;
use crate::engine::line::{Waiter, line_of, wake_event};
use crate::engine::observer::Observer;
use crate::engine::request::Next;
use crate::engine::simulation::Simulation;
use crate::units::SimTime;

impl<O: Observer> Simulation<'_, O> {
    /// Lets a request make its attempt, or puts it in line.
    pub(in crate::engine) fn ask(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let workload = usize::from(request.workload);
        let model = self.engine.workloads[workload].model;
        if request.attempts > 0 || model.pace.is_none() {
            self.ask_limiter(workload, request.client, slot, now);
        } else {
            self.ask_gateway(model.pool, u64::from(model.priority), slot, now);
        }
    }

    /// Quotas have changed, and with them the pace.
    pub(in crate::engine) fn change_pace(&mut self, now: SimTime) {
        for (place, pool) in self.engine.scenario.pools.iter().enumerate() {
            if let (Some(gateway), Some(quota)) = (&mut self.held_back.gateways[place], pool.quotas.reserved_from()) {
                gateway.set_limit(now, quota.limit_at(now));
                if !self.held_back.lines[place].is_empty() {
                    self.wake(place, now);
                }
            }
        }
    }

    /// A line has waited long enough to ask again.
    pub(in crate::engine) fn line_released(&mut self, event: Event) -> bool {
        let line = line_of(event);
        if let Some(line) = line
            && !self.line_moves(line, |order| event.has_order(order), event.at())
        {
            // Nothing has happened.
            self.tally.events -= 1;
        }
        line.is_some()
    }
}

impl<O: Observer> HoldsBack for Simulation<'_, O> {
    fn held_back(&mut self) -> &mut HeldBack {
        &mut self.held_back
    }

    fn first(&mut self, line: usize) -> Option<Waiter> {
        self.held_back.lines[line].first(|waiter| waiter.has_ticket(self.requests.get(waiter.slot()).ticket))
    }

    fn pick_of_crowd(&mut self, line: usize, workload: usize, client: u32) -> Option<Waiter> {
        let key = self.clients[workload].waiters;
        let bits = |draw| key.attempt_bits(u64::from(client), draw);
        let waits = |waiter: Waiter| waiter.has_ticket(self.requests.get(waiter.slot()).ticket);
        self.held_back.lines[line].pick_of_crowd(bits, waits)
    }

    fn waits(&self, waiter: Waiter) -> bool {
        waiter.has_ticket(self.requests.get(waiter.slot()).ticket)
    }

    fn client(&mut self, workload: usize, client: u32) -> (&Client, &mut ClientState) {
        (&self.engine.workloads[workload].client, &mut self.clients[workload].states[client as usize])
    }

    fn call(&self, slot: u32) -> Call {
        self.requests.get(slot).call
    }

    fn begin_line_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64 {
        let ticket = self.begin_wait(slot, next, now);
        if let Some(deadline) = self.deadline(slot) {
            self.calendar.push(Event::new(deadline.max(now), Class::Timeout, ticket, slot));
        }
        ticket
    }

    fn end_line_wait(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get_mut(slot);
        // The deadline's event, if there is one, finds a ticket that is no longer its own.
        request.ticket = 0;
        request.waits.limiter += (now - request.waiting_since).0;
    }

    fn pass_gateway(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let (workload, client) = (usize::from(request.workload), request.client);
        let flow = &self.engine.flows[usize::from(request.flow)];
        let demand = demand(request, flow.max_tokens);
        let pool = &self.engine.scenario.pools[flow.pool];
        self.held_back.keep_busy(self.engine.workloads[workload].model, workload, pool, demand, now);
        self.ask_limiter(workload, client, slot, now);
    }

    fn attempt_held_back(&mut self, slot: u32, now: SimTime) {
        self.attempt(slot, now);
    }

    fn next_order(&self) -> u64 {
        self.waits + 1
    }

    fn push_wake(&mut self, line: usize, at: SimTime) {
        self.waits += 1;
        self.calendar.push(wake_event(line, at, self.waits));
    }
}
