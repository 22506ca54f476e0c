//! Clients of a lane that do something for a request before they send it: they pay into a budget, let it into a slot
//! under their concurrency cap, or hold it back (see `held_back`). How many slots are taken by requests that stay in their
//! blocks is known to `holders`.

use super::Lane;
use super::entry::What;
use super::holders::Holders;
use crate::admission::Admit;
use crate::engine::request::Next;
use crate::tally::FailureCause;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// A request arrives at a client that does something for it before it sends it.
    #[inline(never)]
    pub(super) fn greeted_arrival(&mut self, place: usize, now: SimTime, counted: bool) {
        let client = self.workload.client_of(self.track.source.number());
        let _ = self.client.begin(&mut self.states[client as usize]);
        if !self.takes_slot(client) {
            self.finds_no_slot(place, client, now, counted);
        } else if self.workload.held_back {
            self.held_back_arrival(place, client, now, counted);
        } else {
            self.make_first_attempt(place, now, counted);
        }
    }

    /// Takes a slot of a client, if it has one, or no cap.
    #[inline(always)]
    pub(super) fn takes_slot(&mut self, client: u32) -> bool {
        let Some(cap) = self.workload.model.concurrency else { return true };
        let slots = &mut self.slots[client as usize];
        let has_one = slots.active < cap.limit;
        slots.active += u32::from(has_one);
        has_one
    }

    /// A request arrives whose client has no slot for it: it waits for one, or is shed.
    pub(super) fn finds_no_slot(&mut self, place: usize, client: u32, now: SimTime, counted: bool) {
        let queue = self.workload.model.concurrency.and_then(|cap| cap.queue);
        let waiting = self.slots[client as usize].waiting.len() as u64;
        let slot = self.enrol_refused(place, now, counted);
        if queue.is_none_or(|most| waiting < u64::from(most)) {
            self.queue(slot, client, now);
        } else {
            // The client sheds the request, which never held a slot.
            self.fail(slot, FailureCause::Shed);
        }
    }

    /// The request of an attempt that has ended is done, if it is one that held a slot and slots are counted.
    #[inline(always)]
    pub(super) fn holder_is_done(&mut self, request: Option<u64>, now: SimTime) {
        if let Some(request) = request
            && request != Holders::NOBODY
            && self.counts_slots()
        {
            self.give_slot_back(self.workload.client_of(request), now);
        }
    }

    /// A request waits for a slot.
    fn queue(&mut self, slot: u32, client: u32, now: SimTime) {
        self.slots[client as usize].waiting.push_back(slot);
        self.in_progress.in_line += 1;
        self.begin_alarmed_wait(slot, Next::Slot, now);
    }

    /// A request that held a slot has ended: the slot goes to the next in line.
    #[inline(always)]
    pub(super) fn give_slot_back(&mut self, client: u32, now: SimTime) {
        let slots = &mut self.slots[client as usize];
        if slots.waiting.is_empty() {
            slots.active -= 1;
        } else {
            self.pass_slot_on(client, now);
        }
    }

    #[inline(never)]
    fn pass_slot_on(&mut self, client: u32, now: SimTime) {
        let next = self.slots[client as usize].waiting.pop_front().expect("asked before");
        self.in_progress.in_line -= 1;
        // The release waits for its turn among simultaneous events.
        self.track.moved.waits += 1;
        self.in_progress.tickets[next as usize] = self.track.moved.waits;
        self.in_progress.waiting.get_mut(next).next = Next::Retry;
        self.track.push_other(now, What::release(next));
    }

    /// A slot is free for a request.
    #[inline(never)]
    pub(super) fn released(&mut self, slot: u32, now: SimTime) {
        let request = self.in_progress.waiting.get_mut(slot);
        request.queued += (now - request.since).0;
        let deadline = self.workload.model.deadline.map(|deadline| request.arrived.saturating_add(deadline));
        if deadline.is_some_and(|deadline| deadline <= now) {
            // The slot came at the very instant of the deadline, too late for an attempt.
            self.end_failed(slot, FailureCause::DeadlineExceeded, now);
        } else {
            self.send(slot, now);
        }
    }
}
