//! Clients of a lane that do something for a request before they send it: they pay into a budget, let it into a slot
//! under their concurrency cap, or hold it back (see `held_back`).

use super::Lane;
use super::agenda::What;
use super::ranks::BATCH;
use crate::admission::Admit;
use crate::engine::first_attempt::Verdict;
use crate::engine::request::Next;
use crate::tally::FailureCause;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// Whether the client of a request has a slot for it and for as many more as a batch may have.
    #[inline(always)]
    pub(super) fn has_room(&self, number: u64) -> bool {
        let Some(cap) = self.workload.model.concurrency else { return true };
        let client = self.workload.client_of(number) as usize;
        u64::from(self.slots[client].active) + BATCH as u64 <= u64::from(cap.limit)
    }

    /// Whether somebody waits for the slot that the request of a flight holds.
    #[inline(always)]
    pub(super) fn is_waited_for(&self, flight: u32) -> bool {
        let client = self.in_progress.news[flight as usize].client as usize;
        self.slots.get(client).is_some_and(|slots| !slots.waiting.is_empty())
    }

    /// A client begins a request, for which it has a slot.
    #[inline(always)]
    pub(super) fn greet(&mut self, client: u32) {
        let _ = self.client.begin(&mut self.states[client as usize]);
        if let Some(slots) = self.slots.get_mut(client as usize) {
            slots.active += 1;
        }
    }

    /// A request arrives at a client that does something for it before it sends it.
    #[inline(never)]
    pub(super) fn greeted_arrival(&mut self, place: usize, now: SimTime, counted: bool) {
        let client = self.workload.client_of(self.source.number());
        let _ = self.client.begin(&mut self.states[client as usize]);
        let columns = self.source.block_mut().columns_mut();
        if let Some(cap) = self.workload.model.concurrency {
            let slots = &mut self.slots[client as usize];
            if slots.active >= cap.limit {
                columns.verdicts[place] = Verdict::Refused;
                let room = cap.queue.is_none_or(|most| (slots.waiting.len() as u64) < u64::from(most));
                let slot = self.enrol(place, now, counted);
                if room {
                    self.queue(slot, client, now);
                } else {
                    // The client sheds the request, which never held a slot.
                    self.fail(slot, FailureCause::Shed);
                }
                return;
            }
            slots.active += 1;
        }
        if self.workload.held_back {
            self.held_back_arrival(place, client, now, counted);
        } else {
            self.make_first_attempt(place, now, counted);
        }
    }

    /// A request waits for a slot.
    fn queue(&mut self, slot: u32, client: u32, now: SimTime) {
        self.slots[client as usize].waiting.push_back(slot);
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
        // The release waits for its turn among simultaneous events.
        self.counters.waits += 1;
        self.in_progress.tickets[next as usize] = self.counters.waits;
        self.in_progress.waiting.get_mut(next).next = Next::Retry;
        self.agenda.push(now, What::release(next));
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
