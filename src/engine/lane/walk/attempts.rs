//! The attempts of a slice: one decision after the other, and then what each of them entails.

use super::events::Step;
use super::{Slice, Walk};
use crate::admission::{self, Admit, End};
use crate::client::RetryQuota;
use crate::engine::draws::BLOCK;
use crate::engine::lane::alarms::NO_REQUEST;
use crate::engine::lane::entry::What;
use crate::engine::lane::load::Load;
use crate::engine::lane::repeating::Repeating;
use crate::engine::lane::track::Moved;
use crate::engine::lane::trials::Outcome;
use crate::units::SimTime;

/// What is summed up during a walk.
#[derive(Default)]
pub(super) struct Totals {
    pub(super) admitted: u64,
    pub(super) given_up: u64,
    /// What was taken, and what their ends will take beyond that [quota tokens].
    pub(super) taken: u64,
    pub(super) overdraft: u64,
    /// What has come back to a retry quota, and what is left of it.
    pub(super) released: i32,
    pub(super) left: i32,
}

/// What comes next of a request within the slice.
struct Next {
    at: SimTime,
    what: What,
    load: Load,
}

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Makes the attempts of a slice.
    #[inline(always)]
    pub(super) fn make_attempts<const QUOTA: bool>(&mut self, walk: &mut Walk, slice: Slice) -> Totals {
        let mut totals = Totals { left: self.retry_quota.as_ref().map_or(0, |(quota, _)| quota.level() as i32), ..Totals::default() };
        let mut nth = 0;
        while nth < walk.len {
            let soon;
            (nth, soon) = self.attempts::<QUOTA>(walk, nth, slice, &mut totals);
            if let Some(next) = soon {
                // That of the last admission; a retry has none.
                let entry = admission::Entry((self.track.moved.admissions + totals.admitted).saturating_sub(1));
                self.happens_soon::<QUOTA>(walk, nth, &next, slice, entry);
            } else if nth < walk.len {
                // Of all other blocks a request has been refused before.
                walk.blocks.iter().for_each(|&block| self.progress.trials.know_waits(block));
            }
        }
        totals
    }

    /// Makes attempts from this one on; to which one, and what it leads to if that is in the same slice. Before one that
    /// is refused and whose waits are not known, it stops.
    #[inline(always)]
    fn attempts<const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        first: usize,
        slice: Slice,
        totals: &mut Totals,
    ) -> (usize, Option<Next>) {
        let Moved { admissions, waits, .. } = self.track.moved;
        let trials = &mut self.progress.trials;
        let (cost, capacity) = (trials.cost() as i32, self.retry_quota.as_ref().map_or(0, |(quota, _)| quota.capacity() as i32));
        // Ones if it may not be refused.
        let unknown = u64::from(!walk.blocks.iter().all(|&block| trials.are_waits_known(block))).wrapping_neg();
        let (mut pushing, mut pushed) = (self.track.course.agenda.pushing(), 0);
        let (from, until) = (slice.from.0, slice.until);
        let mut nth = first;
        for (step, released) in walk.steps[first..walk.len].iter_mut().zip(&walk.released_by[first..]) {
            let &mut Step { at, slot, back, .. } = step;
            let load = trials.all[slot as usize].load;
            let now = from + at as u64;
            let held = load.held();
            // Ones if it does not fit.
            let refused = (self.track.quota.room_after(at as u64, held, i64::from(back) - totals.taken as i64) >> 63) as u64;
            if refused & unknown != 0 {
                break;
            }
            let admitted = !refused;
            nth += 1;
            let mut granted = true;
            if QUOTA {
                totals.left = (totals.left + (released - totals.released)).min(capacity);
                totals.released = *released;
                // Ones if it is refused, has attempts left, and there is enough for a retry.
                let has_left = trials.all[slot as usize].has_left(trials.most());
                let repeats = (refused & has_left) as i32 & !((totals.left - cost) >> 31);
                totals.left -= cost & repeats;
                granted = repeats != 0;
            }
            let outcome = trials.attempted(slot, admitted, granted, waits + nth as u64);
            let Outcome { then, gives_up, is_retry, overdraft, undecided } = outcome;
            let at = SimTime(now + then);
            let end = What::end((admissions + totals.admitted) as u32 & What::MOST_SLOT);
            let what = What::retry(slot | NO_REQUEST).masked(end, admitted);
            let load_then = load.counted(slice.counted).retried(QUOTA && is_retry).masked(admitted);
            if A::KEEPS_A_LOG {
                walk.made.put((SimTime(now), held), admitted != 0);
            }
            step.is_admitted = admitted != 0;
            totals.admitted += admitted & 1;
            totals.given_up += gives_up;
            // All bits leave what is refused. A mask would do as well, and be turned into a branch.
            totals.taken += held.wrapping_shr(refused as u32);
            totals.overdraft += u64::from(overdraft) & admitted;
            if undecided == 0 {
                walk.done.push(slot as usize / BLOCK);
            }
            let happens = gives_up == 0;
            // One comparison, of what is nearly never true: whether it happens could not be predicted.
            if at.0 | (gives_up << 61) < until.0 {
                pushing.end(pushed);
                return (nth, Some(Next { at, what, load: load_then }));
            }
            pushing.push_if(happens, at, what, load_then);
            pushed += usize::from(happens);
        }
        pushing.end(pushed);
        (nth, None)
    }

    /// What an attempt leads to happens in its own slice: another step, or the end that gives this entry back, before
    /// some of the steps to come, of which the next is `nth`.
    #[inline(never)]
    fn happens_soon<const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        nth: usize,
        next: &Next,
        slice: Slice,
        entry: admission::Entry,
    ) {
        let at = (next.at.0 - slice.from.0) as i32;
        let (held, charge) = (next.load.held(), next.load.charge());
        if next.what.is_end() {
            let back = self.track.quota.comes_back(entry, held, charge);
            for step in walk.steps[nth..walk.len].iter_mut().filter(|step| step.at >= at) {
                step.back += back as i32;
            }
            let released = RetryQuota::released(next.load.retries() * self.progress.trials.cost()) as i32;
            walk.soon.push([at, back as i32, released, held as i32]);
            if QUOTA {
                for (step, sum) in walk.steps[..walk.len].iter().zip(&mut walk.released_by).skip(nth) {
                    *sum += if step.at >= at { released } else { 0 };
                }
            }
            walk.released += released;
            walk.ended.add(next.load);
            walk.back += back;
            if A::KEEPS_A_LOG {
                walk.logged.put(End { at: at as u64, entry, held, charge }, true);
            }
        } else {
            let slot = next.what.slot() & !NO_REQUEST;
            let (mut step, mut released_by) = (Step { at, slot, ..Step::default() }, 0);
            let soon = walk.soon.iter().map(|&[at, back, released, _]| [at, back, released]);
            for [_, back, released] in walk.events.given_back().chain(soon).filter(|&[end, ..]| end <= at) {
                step.back += back;
                released_by += released;
            }
            // A retry comes before what arrives at its instant, and after those that wait for longer.
            let later = |other: &Step| other.at > at || (other.at == at && other.is_first);
            let place = walk.steps[nth..walk.len].iter().position(later).map_or(walk.len, |place| nth + place);
            if walk.len == walk.steps.len() {
                walk.steps.push(step);
                walk.released_by.push(released_by);
            }
            walk.steps.copy_within(place..walk.len, place + 1);
            walk.steps[place] = step;
            if QUOTA {
                walk.released_by.copy_within(place..walk.len, place + 1);
                walk.released_by[place] = released_by;
            }
            walk.len += 1;
        }
    }
}
