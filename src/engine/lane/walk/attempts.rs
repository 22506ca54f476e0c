//! The attempts of a slice: one decision after the other, and then what each of them entails.

use super::events::ROOM;
use super::{Slice, Walk};
use crate::admission::{self, Admit, End};
use crate::client::RetryQuota;
use crate::engine::draws::BLOCK;
use crate::engine::lane::alarms::NO_REQUEST;
use crate::engine::lane::entry::What;
use crate::engine::lane::load::Load;
use crate::engine::lane::repeating::Repeating;
use crate::engine::lane::track::Moved;
use crate::engine::lane::trials::{Outcome, Trials};
use crate::units::SimTime;

/// What is summed up during a walk.
#[derive(Default)]
pub(super) struct Totals {
    /// How many attempts were made, how many were admitted, and how many requests given up.
    pub(super) made: u64,
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
    at: i32,
    what: What,
    load: Load,
}

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Makes the attempts of a slice.
    #[inline(always)]
    pub(super) fn make_attempts<const QUOTA: bool>(&mut self, walk: &mut Walk, slice: Slice) -> Totals {
        let mut totals = Totals { left: self.retry_quota.as_ref().map_or(0, |(quota, _)| quota.level() as i32), ..Totals::default() };
        let mut nth = 0;
        loop {
            nth = self.attempts::<QUOTA>(walk, nth, slice, &mut totals);
            if nth == walk.attempts.len {
                break;
            }
            // Of all other blocks a request has been refused before.
            walk.blocks.iter().for_each(|&block| self.progress.trials.know_waits(block));
        }
        totals
    }

    /// Makes attempts from this one on, and stops before one that is refused and whose waits are not known; to which one.
    #[inline(always)]
    fn attempts<const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        first: usize,
        slice: Slice,
        totals: &mut Totals,
    ) -> usize {
        let Moved { admissions, waits, .. } = self.track.moved;
        let trials = &mut self.progress.trials;
        let (cost, capacity) = (trials.cost() as i32, self.retry_quota.as_ref().map_or(0, |(quota, _)| quota.capacity() as i32));
        // Ones if it may not be refused.
        let unknown = u64::from(!walk.blocks.iter().all(|&block| trials.are_waits_known(block))).wrapping_neg();
        let (mut pushing, mut pushed) = (self.track.course.agenda.pushing(), 0);
        let (from, until) = (slice.from.0, slice.until);
        let mut nth = first;
        while nth < walk.attempts.len {
            let Walk { attempts, made, done, .. } = &mut *walk;
            let which = attempts.order[nth % ROOM] as usize % ROOM;
            let (at, slot, back) = (attempts.at[which], attempts.slots[which], attempts.back[which]);
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
            totals.made += 1;
            // Ones if it is refused, but has attempts left.
            let mut repeats = refused & trials.all[slot as usize].has_left(trials.most());
            if QUOTA {
                totals.left = (totals.left + (attempts.released[which] - totals.released)).min(capacity);
                totals.released = attempts.released[which];
                // So that there is enough for a retry.
                let ends = !repeats as i32 | ((totals.left - cost) >> 31);
                // All bits leave what is not taken, as below.
                totals.left -= cost.wrapping_shr(ends as u32);
                repeats = !i64::from(ends) as u64;
            }
            let outcome = trials.attempted(slot, admitted, repeats, waits + totals.made);
            let Outcome { then, gives_up, retried, overdraft, undecided } = outcome;
            let at = SimTime(now + then);
            let end = What::end((admissions + totals.admitted) as u32 & What::MOST_SLOT);
            let what = What::retry(slot | NO_REQUEST).masked(end, admitted);
            let load_then = load.counted(slice.counted).retried(if QUOTA { retried } else { 0 }).masked(admitted);
            if A::KEEPS_A_LOG {
                made.put((SimTime(now), held), admitted != 0);
            }
            attempts.admitted[which] = admitted != 0;
            totals.admitted += admitted & 1;
            totals.given_up += gives_up;
            // All bits leave what is refused. A mask would do as well, and be turned into a branch.
            totals.taken += held.wrapping_shr(refused as u32);
            totals.overdraft += u64::from(overdraft) & admitted;
            if undecided == 0 {
                done.push(slot as usize / BLOCK);
            }
            let happens = gives_up == 0;
            // One comparison, of what is nearly never true: whether it happens could not be predicted.
            if at.0 | (gives_up << 61) < until.0 {
                // If it is an end, that of the last admission.
                let entry = admission::Entry((admissions + totals.admitted).saturating_sub(1));
                let next = Next { at: (at.0 - from) as i32, what, load: load_then };
                nth = walk.happens_soon::<A, QUOTA>(nth, &next, entry, &self.track.quota, trials);
                continue;
            }
            pushing.push_if(happens, at, what, load_then);
            pushed += usize::from(happens);
        }
        pushing.end(pushed);
        nth
    }
}

impl Walk {

    /// What an attempt leads to happens in its own slice: another step, or the end that gives this entry back, before
    /// some of the steps to come, of which the next is `nth`.
    #[inline(never)]
    fn happens_soon<A: Admit, const QUOTA: bool>(
        &mut self,
        nth: usize,
        next: &Next,
        entry: admission::Entry,
        quota: &A,
        trials: &Trials,
    ) -> usize {
        let at = next.at;
        let (held, charge) = (next.load.held(), next.load.charge());
        let Walk { attempts, ends, soon, .. } = self;
        if next.what.is_end() {
            let back = quota.comes_back(entry, held, charge);
            for (sum, &then) in attempts.back.iter_mut().zip(&attempts.at) {
                *sum += if then >= at { back as i32 } else { 0 };
            }
            let released = RetryQuota::released(next.load.retries() * trials.cost()) as i32;
            soon.push([at, back as i32, released, held as i32]);
            if QUOTA {
                for (sum, &then) in attempts.released.iter_mut().zip(&attempts.at) {
                    *sum += if then >= at { released } else { 0 };
                }
            }
            self.released += released;
            self.ended.add(next.load);
            self.back += back;
            if A::KEEPS_A_LOG {
                self.logged.put(End { at: at as u64, entry, held, charge }, true);
            }
            nth
        } else {
            let mut by_then = ends.back_by(at);
            for [_, back, released, _] in soon.iter().filter(|&&[end, ..]| end <= at) {
                by_then[0] += back;
                by_then[1] += released;
            }
            attempts.again(nth - 1, at, by_then, |slot| trials.has_waited(slot));
            nth - 1
        }
    }
}
