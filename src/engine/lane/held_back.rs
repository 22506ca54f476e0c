//! Requests of a lane that are held back on the client's side: by a pace, or by an SDK's limiter.
//!
//! What happens there is what [`HoldsBack`] says. A request that finds the gateway free and gets its send token at once
//! goes the short way, without a record.

use super::Lane;
use super::alarms::NO_REQUEST;
use super::entry::What;
use crate::admission::Admit;
use crate::client::{Call, Client, ClientState, Send};
use crate::engine::event::Event;
use crate::engine::first_attempt::Verdict;
use crate::engine::held_back::{Gateway, HeldBack, HoldsBack};
use crate::engine::line::{Waiter, line_of};
use crate::engine::request::Next;
use crate::units::SimTime;

/// A wake of a line that is on the agenda.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wake {
    line: u32,
    /// Its place among simultaneous releases.
    pub(super) order: u64,
}

impl<A: Admit> Lane<'_, '_, A> {
    /// A request arrives at a client that may hold it back.
    #[inline(never)]
    pub(super) fn held_back_arrival(&mut self, place: usize, client: u32, now: SimTime, counted: bool) {
        let model = self.workload.model;
        if model.pace.is_some() {
            let gateway = self.look_at_gateway(model.pool, now);
            if gateway != Gateway::Free {
                let slot = self.enrol_refused(place, now, counted);
                self.wait_for_gateway(model.pool, u64::from(model.priority), slot, gateway, now);
                return;
            }
            let demand = self.track.source.block().tokens.get(place).demand(self.flow.max_tokens);
            self.held_back.keep_busy(model, 0, self.pool_model, demand, now);
        }
        if self.client.has_limiter() {
            let waiters = self.client.waiters();
            let line = self.held_back.line_of(0, client);
            if self.others_wait(line, waiters) {
                let slot = self.enrol_refused(place, now, counted);
                self.wait_with_others(line, waiters, slot, now);
                return;
            }
            let state = &mut self.states[client as usize];
            if let Send::NotBefore(at) = self.client.before_send(state, &Call::default(), now) {
                let slot = self.enrol_refused(place, now, counted);
                self.sent_back(line, waiters, slot, at, now);
                return;
            }
        }
        self.make_first_attempt(place, now, counted);
    }

    /// Gives a request its record that is not admitted as it arrives.
    pub(super) fn enrol_refused(&mut self, place: usize, now: SimTime, counted: bool) -> u32 {
        self.track.source.block_mut().columns_mut().verdicts[place] = Verdict::Refused;
        self.enrol(place, now, counted)
    }

    /// Lets a request make an attempt, or puts it in line.
    #[inline(never)]
    pub(super) fn ask(&mut self, slot: u32, now: SimTime) {
        let request = self.in_progress.waiting.get(slot);
        let model = self.workload.model;
        if request.call.failed_attempts() > 0 || model.pace.is_none() {
            let client = request.client;
            self.ask_limiter(0, client, slot, now);
        } else {
            self.ask_gateway(model.pool, u64::from(model.priority), slot, now);
        }
    }

    /// A line has been woken from outside the lane.
    pub(super) fn adopt(&mut self, event: Event) {
        if let Some(line) = line_of(event) {
            let wake = self.in_progress.wakes.insert(Wake { line: line as u32, order: event.order() });
            self.track.push_other(event.at(), What::release(wake | NO_REQUEST));
        }
    }

    /// A line has waited long enough to ask again.
    #[inline(never)]
    pub(super) fn line_released(&mut self, slot: u32, now: SimTime) {
        let wake = self.in_progress.wakes.take(slot & !NO_REQUEST);
        if !self.line_moves(wake.line as usize, |order| order == wake.order, now) {
            // It is not counted as something that happened.
            self.track.moved.wakes -= 1;
        }
    }
}

impl<A: Admit> HoldsBack for Lane<'_, '_, A> {
    fn held_back(&mut self) -> &mut HeldBack {
        self.held_back
    }

    fn first(&mut self, line: usize) -> Option<Waiter> {
        self.held_back.lines[line].first(|waiter| self.in_progress.still_waits(waiter))
    }

    fn pick_of_crowd(&mut self, line: usize, _: usize, client: u32) -> Option<Waiter> {
        let bits = |draw| self.waiters.attempt_bits(u64::from(client), draw);
        self.held_back.lines[line].pick_of_crowd(bits, |waiter| self.in_progress.still_waits(waiter))
    }

    fn waits(&self, waiter: Waiter) -> bool {
        self.in_progress.still_waits(waiter)
    }

    fn client(&mut self, _: usize, client: u32) -> (&Client, &mut ClientState) {
        (self.client, &mut self.states[client as usize])
    }

    fn call(&self, slot: u32) -> Call {
        self.in_progress.waiting.get(slot).call
    }

    fn begin_line_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64 {
        let request = self.in_progress.waiting.get_mut(slot);
        request.since = now;
        self.begin_alarmed_wait(slot, next, now)
    }

    fn end_line_wait(&mut self, slot: u32, now: SimTime) {
        let request = self.in_progress.waiting.get_mut(slot);
        request.limited += (now - request.since).0;
        request.next = Next::Retry;
        self.in_progress.tickets[slot as usize] = 0;
    }

    fn pass_gateway(&mut self, slot: u32, now: SimTime) {
        let request = self.in_progress.waiting.get(slot);
        let (client, demand) = (request.client, request.demand());
        self.held_back.keep_busy(self.workload.model, 0, self.pool_model, demand, now);
        self.ask_limiter(0, client, slot, now);
    }

    fn attempt_held_back(&mut self, slot: u32, now: SimTime) {
        self.attempt(slot, now);
    }

    fn next_order(&self) -> u64 {
        self.track.moved.waits + 1
    }

    fn push_wake(&mut self, line: usize, at: SimTime) {
        self.track.moved.waits += 1;
        let wake = self.in_progress.wakes.insert(Wake { line: line as u32, order: self.track.moved.waits });
        self.track.push_other(at, What::release(wake | NO_REQUEST));
    }
}
