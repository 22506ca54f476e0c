//! Clients with a ladder whose requests may meet faults or take too long, share a retry quota, or need slots.
//!
//! Which ones meet a fault at any attempt, or take longer than their client has patience for, is known when they are drawn.
//! They are few, and get records of their own, as do those that wait for a slot; all others stay in their blocks, and slices
//! in which none of the few does anything, and nobody waits for a slot, are walked through. An attempt for which the service
//! is unavailable is one that is refused whatever room there is: who meets nothing else stays as well, unless it is at once,
//! in a block whose waits nobody needs yet, where a record is less to do than to note what becomes of all.

use super::alarms::NO_REQUEST;
use super::entry::Moment;
use super::holders::Slots;
use super::repeating::{Place, Repeating, RepeatingState, RetryBooks};
use super::walk::{GIVES_AT_ENDS, GIVES_AT_FIRST_TOKENS, NEVER_GIVES, Walk};
use super::{InProgress, Lane};
use crate::admission::Admit;
use crate::engine::first_attempt::Verdict;
use crate::units::SimTime;

impl<'s, 'a, A: Admit> Lane<'s, 'a, A> {
    /// Runs until the next mark, or until each counted request has ended if that comes first and is what matters now.
    pub(super) fn run_repeating(&mut self, mark: SimTime, may_be_calm: bool) {
        loop {
            self.look_at_slots();
            // Who waits for a slot wants to see each end.
            let may_pass = may_be_calm && self.in_progress.in_line == 0;
            if may_pass && self.track.course.agenda.is_through() && self.passes_slices(mark) {
                continue;
            }
            let arrival = self.track.source.next_time();
            // A mark comes before everything at its instant, an arrival after.
            let moment = Moment::before(mark.min(SimTime(arrival.0 + 1)));
            if let Some((at, due)) = self.next_before(moment) {
                let what = due.what();
                if what.is_retry() && what.slot() & NO_REQUEST != 0 {
                    let given_up = self.staying().0.attempt(Place::of_slot(what.slot() & !NO_REQUEST), false, at);
                    self.holder_is_done(given_up, at);
                } else {
                    self.happens(due, at);
                }
            } else if arrival >= mark {
                return;
            } else {
                self.arrives(arrival);
            }
            if !may_be_calm && self.track.moved.counted_open == 0 {
                return;
            }
        }
    }

    /// Lives through stretches, or walks through a slice; whether it has.
    #[inline(always)]
    fn passes_slices(&mut self, mark: SimTime) -> bool {
        let (block, place) = (self.track.source.current, self.track.source.place);
        if self.live_through_stretch(mark) {
            let attempts = self.track.source.place - place;
            self.staying().0.progress.trials.admitted(block, attempts);
            return true;
        }
        let is_faulty = self.stays_if_unavailable;
        debug_assert!(!is_faulty || (self.workload.model.concurrency.is_none() && !self.workload.books_first_token));
        let (mut staying, walk) = self.staying();
        let is_capped = staying.progress.holders.is_some();
        match (&staying.retry_books, is_capped, is_faulty) {
            (None, false, false) => staying.walk_through_slice::<true, NEVER_GIVES, false, false>(walk, mark),
            (None, false, true) => staying.walk_through_slice::<true, NEVER_GIVES, false, true>(walk, mark),
            (None, true, _) => staying.walk_through_slice::<true, NEVER_GIVES, true, false>(walk, mark),
            (Some(RetryBooks { refills: None, .. }), false, false) => {
                staying.walk_through_slice::<true, GIVES_AT_ENDS, false, false>(walk, mark)
            }
            (Some(RetryBooks { refills: None, .. }), false, true) => {
                staying.walk_through_slice::<true, GIVES_AT_ENDS, false, true>(walk, mark)
            }
            (Some(RetryBooks { refills: None, .. }), true, _) => {
                staying.walk_through_slice::<true, GIVES_AT_ENDS, true, false>(walk, mark)
            }
            (Some(_), false, _) => staying.walk_through_slice::<true, GIVES_AT_FIRST_TOKENS, false, false>(walk, mark),
            (Some(_), true, _) => staying.walk_through_slice::<true, GIVES_AT_FIRST_TOKENS, true, false>(walk, mark),
        }
    }

    /// The next request arrives.
    #[inline(always)]
    fn arrives(&mut self, now: SimTime) {
        let (block, place) = (self.track.source.current, self.track.source.place);
        if self.counts_slots() {
            let client = self.workload.client_of(self.track.source.number());
            if !self.takes_slot(client) {
                self.arrives_in_vain(place, client, now);
                return;
            }
        }
        let foresight = &self.track.source.block().columns().foresight;
        let [at_once, apart] = [&foresight.at_once.places, &foresight.apart].map(|places| places.has(place));
        // At once, who is not apart meets an unavailable service.
        if !(apart || (at_once && !self.knows_waits(block))) {
            let given_up = self.staying().0.attempt(Place { block, place }, true, now);
            self.holder_is_done(given_up, now);
            return;
        }
        let counted = now >= self.track.marks.warmup();
        self.track.moved.counted_open += u64::from(counted);
        if at_once {
            self.special_arrival(place, now, counted);
        } else {
            self.first_attempt(place, now, counted);
        }
        // If it was admitted as it arrived, it is counted with its block.
        let stays = self.track.source.block().columns().verdicts[place] == Verdict::Admitted;
        if stays {
            self.first_tokens_come(1);
        }
        self.staying().0.leaves(stays);
    }

    /// Whether the waits of a block are at hand: whether any of its requests, or of the block before, was refused there.
    #[inline(always)]
    fn knows_waits(&self, block: usize) -> bool {
        self.repeating.as_deref().is_some_and(|repeating| repeating.progress.trials.are_waits_known(block))
    }

    /// The next request arrives, and its client has no slot for it.
    #[inline(never)]
    fn arrives_in_vain(&mut self, place: usize, client: u32, now: SimTime) {
        let counted = now >= self.track.marks.warmup();
        self.track.moved.counted_open += u64::from(counted);
        self.finds_no_slot(place, client, now, counted);
        self.staying().0.leaves(false);
    }

    /// What it does with requests that stay in their blocks.
    #[inline(always)]
    fn staying(&mut self) -> (Repeating<'_, 's, 'a, A>, &mut Walk) {
        let counted = if self.counts_slots() { self.workload.model.concurrency } else { None };
        let Lane { track, repeating, tally, pool, health, has_ttft, states, slots, in_progress, listens, .. } = self;
        let RepeatingState { progress, walk } = repeating.as_deref_mut().expect("asked before");
        let InProgress { hearers, refills, .. } = &mut **in_progress;
        let retry_books = (*listens || refills.is_some()).then(|| RetryBooks {
            quota: states[0].retry_quota(),
            hearers,
            refills: refills.as_mut(),
        });
        let slots = counted.map(|cap| Slots { of: slots, limit: cap.limit });
        (Repeating { track, progress, tally, pool, health, has_ttft: *has_ttft, retry_books, slots }, walk)
    }
}
