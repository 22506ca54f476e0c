//! Clients of a lane that do something for a request before they send it: they pay into a budget, let it into a slot
//! under their concurrency cap, or hold it back (see `held_back`).

use super::entry::What;
use super::stretch::Ahead;
use super::track::Track;
use super::{InProgress, Lane, News};
use crate::admission::Admit;
use crate::client::Call;
use crate::engine::first_attempt::Verdict;
use crate::engine::request::{NOWHERE, Next};
use crate::tally::FailureCause;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// Whether the clients of so many requests, the next to arrive, have slots for all of them, and nobody waits for one.
    pub(super) fn has_slots(&self, requests: usize) -> bool {
        let Some(cap) = self.workload.model.concurrency else { return true };
        if self.in_progress.in_line > 0 {
            return false;
        }
        // They come to one client after the other.
        let clients = self.slots.len();
        let each = requests.div_ceil(clients) as u64;
        let first = self.workload.client_of(self.track.source.number()) as usize;
        let mut theirs = self.slots.iter().cycle().skip(first).take(requests.min(clients));
        theirs.all(|slots| u64::from(slots.active) + each <= u64::from(cap.limit))
    }

    /// The clients of so many requests, the next to arrive, begin them; they have slots, and the quota has room. Whether
    /// somebody is to hear of each end.
    pub(super) fn greet_all(&mut self, requests: usize, hears_each: bool) {
        let Track { source, moved, .. } = &self.track;
        let (first, place) = (source.number(), source.place);
        let outputs = &source.block().tokens.capped[place..place + requests];
        let admissions = moved.admissions;
        for (nth, &output) in (0..).zip(outputs) {
            let client = self.workload.client_of(first + nth);
            let _ = self.client.begin(&mut self.states[client as usize]);
            if let Some(slots) = self.slots.get_mut(client as usize) {
                slots.active += 1;
            }
            if hears_each {
                self.in_progress.hearers.insert(admissions + nth, News { client, request: NOWHERE, output });
            }
        }
    }

    /// Lives through these slices, and lets clients hear of each attempt that ends there. Nothing fails meanwhile, and
    /// nobody waits for a slot: the order in which they hear of it does not matter.
    #[inline(never)]
    pub(super) fn hear_through(&mut self, ahead: Ahead) {
        let Lane { track, in_progress, slots, states, client, workload, .. } = self;
        let InProgress { hearers, waiting, .. } = &mut **in_progress;
        let mut alike = [0; 2];
        track.live_through(ahead, |number, load| {
            let Some(News { client: whose, request, .. }) = hearers.take(number) else {
                alike[load.retries() as usize] += 1;
                return;
            };
            let heard = whose != News::UNHEARD.client;
            if heard && workload.books_end() {
                let call = if request == NOWHERE { Call::default() } else { waiting.get(request).call };
                client.after_success(&mut states[whose as usize], &call, SimTime::ZERO);
            }
            if heard && request != NOWHERE {
                waiting.free(request);
            }
            if let Some(slots) = slots.get_mut(whose as usize) {
                slots.active -= 1;
            }
        });
        for (count, cost) in alike.into_iter().zip([0, workload.retry_cost()]) {
            client.after_successes(&mut states[0], count, cost);
        }
    }

    /// A request arrives at a client that does something for it before it sends it.
    #[inline(never)]
    pub(super) fn greeted_arrival(&mut self, place: usize, now: SimTime, counted: bool) {
        let client = self.workload.client_of(self.track.source.number());
        let _ = self.client.begin(&mut self.states[client as usize]);
        let columns = self.track.source.block_mut().columns_mut();
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
