//! A slice of time attempt by attempt, where the quota has no room for all of it.
//!
//! What ends in a slice is known when it begins. So it need not be gone through event by event: what has come back by the
//! time of an attempt is the sum over all ends until then, found for all attempts at once, and so is the order of the
//! attempts themselves. What is left of the slice is one decision after the other, and what each of them entails is
//! chosen by arithmetic.
//!
//! *Map*: `gather` finds out what is known of a slice, and whether it can be walked through; `events` puts it in order;
//! `attempts` makes its attempts; here it is booked what they came to.
//!
//! *Why*: over the quota nobody can predict whether the next event is an attempt or an end, whether an attempt is
//! admitted, nor whether a refused one is repeated; each wrong guess costs as much as fifty instructions.

mod attempts;
mod events;
mod gather;

use super::entry::Entry;
use super::load::Ended;
use super::repeating::{Blocks, Progress, Repeating, RetryBooks};
use super::track::Moved;
use super::trials::Trials;
use crate::admission::{Admit, End, Walked};
use crate::client::LONGEST_WAIT;
use crate::units::SimTime;
use attempts::Totals;
use events::{Attempts, Ends, Kept};

/// When successes give back to a retry quota: never, as there is none.
pub(super) const NEVER_GIVES: u8 = 0;
/// When the answer ends.
pub(super) const GIVES_AT_ENDS: u8 = 1;
/// When the first token of the stream comes.
pub(super) const GIVES_AT_FIRST_TOKENS: u8 = 2;

/// A slice on its way.
#[derive(Debug, Default)]
pub(super) struct Walk {
    attempts: Attempts,
    ends: Ends,
    /// What the cell of the slice had no room for.
    far: Vec<(Entry, u64)>,
    /// What is admitted and what ends, where the limiter asks for each.
    made: Kept<(SimTime, u64)>,
    logged: Kept<End>,
    /// What both begins and ends in the slice: when, what comes back to the limiter and to a retry quota, and what was held.
    soon: Vec<[i32; 4]>,
    /// First tokens of attempts of the slice that come there: when, and what comes back to a retry quota.
    soon_tokens: Vec<[i32; 2]>,
    ended: Ended,
    /// What comes back from the limiter [quota tokens], and to a retry quota.
    back: i64,
    released: i32,
    /// The first request that arrives, and how many do.
    arrived: (u64, usize),
    /// Where slots are counted, the admissions that end.
    over: Kept<u64>,
    /// The blocks of what arrives.
    blocks: [usize; 2],
    /// Those whose requests are all decided.
    done: Vec<usize>,
}

/// A slice to walk through.
#[derive(Clone, Copy)]
struct Slice {
    from: SimTime,
    until: SimTime,
    /// Whether what arrives, and all that waits, is counted.
    counted: bool,
}

impl Walk {
    /// By how much more attempts than at the beginning were in flight at the most, and by how much more was reserved
    /// [quota tokens].
    #[cold]
    fn highest(&self, trials: &Trials) -> [i64; 2] {
        let Ends { at, held, ended, .. } = &self.ends;
        let ends = at.iter().zip(held).take(*ended).map(|(&at, &held)| [at, held]);
        let ends: Vec<_> = ends.chain(self.soon.iter().map(|&[at, _, _, held]| [at, held])).collect();
        let (mut begun, mut taken, mut highest) = (0, 0, [0; 2]);
        let Attempts { at, slots, order, len, .. } = &self.attempts;
        for &which in &order[..*len] {
            let which = which as usize;
            if trials.is_admitted(slots[which]) {
                begun += 1;
                taken += trials.all[slots[which] as usize].load.held() as i64;
            }
            let by_then = || ends.iter().filter(|[end, _]| *end <= at[which]).map(|&[_, held]| i64::from(held));
            highest[0] = highest[0].max(begun - by_then().count() as i64);
            highest[1] = highest[1].max(taken - by_then().sum::<i64>());
        }
        highest
    }
}

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Walks through the next slice, if all that happens there is known; whether it has. Some requests may have records,
    /// retries may draw on a quota, clients may have caps, and attempts may meet an unavailable service.
    #[inline(never)]
    pub(super) fn walk_through_slice<const MIXED: bool, const GIVES: u8, const CAPPED: bool, const FAULTY: bool>(
        &mut self,
        walk: &mut Walk,
        mark: SimTime,
    ) -> bool {
        let slice = self.begin_walk::<MIXED, GIVES, CAPPED, FAULTY>(walk, mark);
        if let Some(slice) = slice {
            let totals = self.make_attempts::<GIVES, CAPPED, FAULTY>(walk, slice);
            self.end_walk(walk, slice, &totals);
            if CAPPED && self.slots.is_some() {
                self.count_slots(walk);
            }
            while let Some(block) = walk.done.pop() {
                self.is_done(block);
            }
        }
        slice.is_some()
    }

    /// The next slice, if it can be walked through.
    #[inline(always)]
    fn slice(&self, tick: u64, mark: SimTime) -> Option<Slice> {
        let agenda = &self.track.course.agenda;
        let (from, until) = (agenda.start_of(tick), agenda.start_of(tick + 1));
        let warmup = self.track.marks.warmup();
        let counted = from >= warmup;
        let Blocks { even, most_held, longest } = self.progress.blocks;
        // What arrived before the warm-up may still wait.
        let alike = !counted || warmup == SimTime::ZERO || from.since(warmup) > LONGEST_WAIT;
        let patient = until.0.saturating_add(longest) <= self.track.marks.patience().0;
        // Some that met a fault may take much longer than was drawn with them.
        let small = even && self.track.course.large.is_empty();
        let suits = small && alike && patient && most_held <= self.track.quota.walked().0;
        (suits && until <= mark).then_some(Slice { from, until, counted })
    }

    /// Counts who has taken slots, and who has given them back.
    #[inline(never)]
    fn count_slots(&mut self, walk: &Walk) {
        let Progress { trials, holders, .. } = &*self.progress;
        let (Some(slots), Some(holders)) = (&mut self.slots, holders) else { return };
        let (first, requests) = walk.arrived;
        slots.take(first, requests);
        let Attempts { slots: places, len, .. } = &walk.attempts;
        let given_up = places[..*len].iter().filter(|&&place| trials.is_given_up(place));
        let given_up = given_up.map(|&place| trials.request_of(place));
        let ended = walk.over.all().iter().map(|&admission| holders.request_of(admission));
        ended.chain(given_up).for_each(|request| slots.give_back(request));
    }

    /// Books what a walk came to.
    #[inline(always)]
    fn end_walk(&mut self, walk: &Walk, slice: Slice, totals: &Totals) {
        let &Totals { made, admitted, given_up, unavailable, taken, overdraft, left } = totals;
        let repeated = made - (walk.attempts.len - walk.attempts.repeated) as u64;
        let refused = made - admitted;
        let throttled = refused - unavailable;
        let Ended { ends, counted, held, charged, overdraft: overdrawn } = walk.ended;
        let Moved { in_flight, reserved, .. } = &mut self.track.moved;
        if in_flight.has_been_at(admitted) && reserved.has_been_at(taken) {
            in_flight.shift(admitted, ends);
            reserved.shift(taken, held);
        } else {
            let [most_in_flight, most_reserved] = walk.highest(&self.progress.trials);
            in_flight.move_on(admitted, ends, in_flight.now().saturating_add_signed(most_in_flight));
            reserved.move_on(taken, held, reserved.now().saturating_add_signed(most_reserved));
        }
        self.track.moved.charged += charged;
        self.track.moved.counted_open -= counted;
        self.track.moved.admissions += admitted;
        self.track.moved.waits += made;
        self.track.moved.wakes += repeated;
        self.pool.throttled += throttled;
        self.track.course.others = self.track.course.others + (refused - given_up) - repeated;
        self.track.course.overdraft = self.track.course.overdraft + overdraft - overdrawn;
        if slice.counted {
            self.track.moved.counted_open -= given_up;
            self.tally.throttles[self.track.quota.walked().1 as usize] += throttled;
            self.tally.faulted += unavailable;
        }
        if let Some(RetryBooks { quota, .. }) = &mut self.retry_books {
            quota.set_level((left + walk.released).min(quota.capacity() as i32) as u32);
        }
        self.track.quota.end_walk(&Walked {
            from: slice.from,
            until: slice.until,
            admitted,
            taken: taken as i64 - walk.back,
            made: walk.made.all(),
            ends: walk.logged.all(),
        });
    }
}
