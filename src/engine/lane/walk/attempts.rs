//! The attempts of a slice: one decision after the other, and then what each of them entails.

use super::events::{Grant, Step};
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
        let mut totals = Totals::default();
        let mut nth = 0;
        while nth < walk.len {
            let all = self.decide(&mut walk.steps[nth..walk.len], totals.taken);
            if QUOTA {
                self.grant(&walk.steps[..walk.len], &mut walk.grants, nth);
            }
            if !all {
                // Of all other blocks a request has been refused before.
                walk.blocks.iter().for_each(|&block| self.progress.trials.know_waits(block));
            }
            let soon;
            (nth, soon) = self.entail::<QUOTA>(walk, nth, slice, &mut totals);
            if let Some(next) = soon {
                // That of the last admission; a retry has none.
                let entry = admission::Entry((self.track.moved.admissions + totals.admitted).saturating_sub(1));
                self.happens_soon::<QUOTA>(walk, nth, &next, slice, entry);
            }
        }
        totals
    }

    /// Decides which of these attempts are admitted, if so much has been taken before [quota tokens]; whether all are.
    ///
    /// Apart from what they entail: here each decision waits for the one before.
    #[inline(always)]
    fn decide(&self, steps: &mut [Step], mut taken: u64) -> bool {
        let trials = &self.progress.trials.all[..];
        let mut any_refused = 0;
        for step in steps {
            let load = trials[step.slot as usize].load;
            let (held, back) = (load.held(), i64::from(step.back) - taken as i64);
            step.load = load;
            // Ones if it does not fit.
            let refused = self.track.quota.room_after(step.at as u64, held, back) >> 63;
            step.admitted = !refused as u64;
            // All bits leave what is refused. A mask would do as well, and be turned into a branch.
            taken += held.wrapping_shr(refused as u32);
            any_refused |= refused;
        }
        any_refused == 0
    }

    /// Decides which of these attempts, from this one on, may be repeated if they are refused.
    #[inline(always)]
    fn grant(&self, steps: &[Step], grants: &mut [Grant], first: usize) {
        let Some((quota, _)) = &self.retry_quota else { return };
        let trials = &self.progress.trials;
        let (most, cost, capacity) = (trials.most(), trials.cost() as i32, quota.capacity() as i32);
        let (mut left, mut released) =
            first.checked_sub(1).map_or((quota.level() as i32, 0), |last| (grants[last].left, grants[last].released));
        for (step, grant) in steps.iter().zip(grants).skip(first) {
            left = (left + (grant.released - released)).min(capacity);
            released = grant.released;
            // Ones if it is refused, has attempts left, and there is enough for a retry.
            let has_left = trials.all[step.slot as usize].has_left(most);
            let repeats = (!step.admitted & has_left) as i32 & !((left - cost) >> 31);
            left -= cost & repeats;
            (grant.left, grant.granted) = (left, repeats != 0);
        }
    }

    /// Makes attempts that have been decided, from this one on; to which one, and what it leads to if that is in the same
    /// slice.
    #[inline(always)]
    fn entail<const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        nth: usize,
        slice: Slice,
        totals: &mut Totals,
    ) -> (usize, Option<Next>) {
        let Moved { admissions, waits, .. } = self.track.moved;
        let trials = &mut self.progress.trials;
        let (mut pushing, mut pushed) = (self.track.course.agenda.pushing(), 0);
        let (from, until) = (slice.from.0, slice.until);
        for (nth, step) in (nth + 1..).zip(&walk.steps[nth..walk.len]) {
            let &Step { at, slot, load, admitted, .. } = step;
            let now = from + at as u64;
            let granted = !QUOTA || walk.grants[nth - 1].granted;
            let outcome = trials.attempted(slot, admitted, granted, waits + nth as u64);
            let Outcome { then, gives_up, is_retry, overdraft, undecided } = outcome;
            let at = SimTime(now + then);
            let end = What::end((admissions + totals.admitted) as u32 & What::MOST_SLOT);
            let what = What::retry(slot | NO_REQUEST).masked(end, admitted);
            let load_then = load.counted(slice.counted).retried(QUOTA && is_retry).masked(admitted);
            if A::KEEPS_A_LOG {
                walk.made.put((SimTime(now), load.held()), admitted != 0);
            }
            totals.admitted += admitted & 1;
            totals.given_up += gives_up;
            totals.taken += load.held() & admitted;
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
        (walk.len, None)
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
                for (step, grant) in walk.steps[..walk.len].iter().zip(&mut walk.grants).skip(nth) {
                    grant.released += if step.at >= at { released } else { 0 };
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
            let (mut step, mut grant) = (Step { at, slot, ..Step::default() }, Grant::default());
            let soon = walk.soon.iter().map(|&[at, back, released, _]| [at, back, released]);
            for [_, back, released] in walk.events.given_back().chain(soon).filter(|&[end, ..]| end <= at) {
                step.back += back;
                grant.released += released;
            }
            // A retry comes before what arrives at its instant, and after those that wait for longer.
            let later = |other: &Step| other.at > at || (other.at == at && other.is_first);
            let place = walk.steps[nth..walk.len].iter().position(later).map_or(walk.len, |place| nth + place);
            if walk.len == walk.steps.len() {
                walk.steps.push(step);
                walk.grants.push(grant);
            }
            walk.steps.copy_within(place..walk.len, place + 1);
            walk.steps[place] = step;
            if QUOTA {
                walk.grants.copy_within(place..walk.len, place + 1);
                walk.grants[place] = grant;
            }
            walk.len += 1;
        }
    }
}
