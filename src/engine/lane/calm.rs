//! Stretches of time that a lane lives through whose clients give out slots, or hear of the end of each attempt.
//!
//! Nothing fails in a stretch. If there are slots for all that arrive, and nobody waits for one, clients have nothing to
//! decide: what they do for requests, and what they hear, is added up.

use super::holders::{Holders, Slots};
use super::stretch::Ahead;
use super::track::{Track, nobody_hears};
use super::{InProgress, Lane, News};
use crate::admission::Admit;
use crate::client::Call;
use crate::engine::request::NOWHERE;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// Lives through as many of the next slices as it can; whether through any.
    #[inline(never)]
    pub(super) fn try_to_live_through(&mut self, mark: SimTime) -> bool {
        let counts_slots = self.counts_slots();
        if counts_slots && self.in_progress.in_line > 0 {
            self.track.course.unrest.grows();
            return false;
        }
        let place = self.track.source.place;
        let (request, admissions) = (self.track.source.number(), self.track.moved.admissions);
        let special = self.track.source.block().columns().foresight.at_once.next(place);
        let sure = self.holders().map_or(usize::MAX, |holders| holders.lasts_for(request, admissions));
        let stop = special.min(place.saturating_add(sure));
        let Some(mut ahead) = self.track.look_ahead(mark, stop) else { return false };
        let slots = self.counted_slots().filter(|slots| !slots.suffice(request, ahead.attempts));
        if let Some(fewer) = slots.map(|slots| slots.suffice_for(request)) {
            let Some(shorter) = self.track.look_ahead(mark, stop.min(place + fewer)) else {
                self.track.course.unrest.grows();
                return false;
            };
            ahead = shorter;
        }
        let hears_each = self.listens && !self.all_alike;
        if self.greets || counts_slots || hears_each {
            self.greet_all(ahead.attempts, hears_each);
        }
        self.refill_through(ahead.attempts);
        if let Some(holders) = self.holders() {
            holders.put_all(admissions, request, ahead.attempts);
        }
        let Lane { track, in_progress, .. } = self;
        let one_hears_all = self.all_alike && in_progress.hearers.is_empty();
        if !(self.listens || counts_slots) {
            track.live_through(ahead, nobody_hears);
        } else if one_hears_all && !counts_slots {
            let open = track.moved.in_flight.now() + ahead.attempts as u64;
            let mut retried = 0;
            track.live_through(ahead, |_, _, load| retried += u64::from(load.retries()));
            let ended = open - track.moved.in_flight.now();
            self.client.after_successes(&mut self.states[0], ended - retried, 0);
            self.client.after_successes(&mut self.states[0], retried, self.retry_cost);
        } else {
            self.hear_through(ahead);
        }
        true
    }

    /// The slots of all clients, where they are counted.
    fn counted_slots(&mut self) -> Option<Slots<'_>> {
        let cap = self.workload.model.concurrency.filter(|_| self.counts_slots())?;
        Some(Slots { of: self.slots, limit: cap.limit })
    }

    /// The clients of so many requests, the next to arrive, begin them; they have slots, and the quota has room. Whether
    /// somebody is to hear of each end.
    fn greet_all(&mut self, requests: usize, hears_each: bool) {
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
    fn hear_through(&mut self, ahead: Ahead) {
        let Lane { track, in_progress, repeating, slots, states, client, workload, .. } = self;
        let InProgress { hearers, waiting, .. } = &mut **in_progress;
        let holders = repeating.as_deref().and_then(|repeating| repeating.progress.holders.as_ref());
        let counted = holders.filter(|holders| holders.are_counted);
        let mut slots = Slots { of: slots, limit: workload.model.concurrency.map_or(0, |cap| cap.limit) };
        let mut alike = [0; 2];
        track.live_through(ahead, |_, number, load| {
            slots.give_back(counted.map_or(Holders::NOBODY, |holders| holders.request_of(number)));
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
            if holders.is_none()
                && let Some(slots) = slots.of.get_mut(whose as usize)
            {
                slots.active -= 1;
            }
        });
        if workload.books_end() {
            for (count, cost) in alike.into_iter().zip([0, workload.retry_cost()]) {
                client.after_successes(&mut states[0], count, cost);
            }
        }
    }
}
