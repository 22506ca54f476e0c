//! The attempts of a slice: one decision after the other, each with what it entails.
//!
//! Everything is in one loop, which calls nothing as long as nothing rare happens, nor branches on what nobody can predict,
//! for ladders whose waits are at hand. *Measured*: all decisions first, and what they entail after, took a tenth longer.

use super::events::ROOM;
use super::{GIVES_AT_ENDS, GIVES_AT_FIRST_TOKENS, NEVER_GIVES, Slice, Walk};
use crate::admission::{self, Admit, End};
use crate::client::RetryQuota;
use crate::engine::draws::BLOCK;
use crate::engine::lane::alarms::NO_REQUEST;
use crate::engine::lane::entry::What;
use crate::engine::lane::load::Load;
use crate::engine::lane::repeating::{Progress, Repeating, RetryBooks};
use crate::engine::lane::track::Moved;
use crate::engine::lane::trials::{Outcome, Trials};
use crate::units::SimTime;

/// What is summed up during a walk.
pub(super) struct Totals {
    /// How many attempts were made, how many were admitted, and how many requests given up.
    pub(super) made: u64,
    pub(super) admitted: u64,
    pub(super) given_up: u64,
    /// How many attempts met an unavailable service, and were refused.
    pub(super) unavailable: u64,
    /// What was taken, and what their ends will take beyond that [quota tokens].
    pub(super) taken: u64,
    pub(super) overdraft: u64,
    /// What of a retry quota is left, before what has come back since.
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
    pub(super) fn make_attempts<const GIVES: u8, const CAPPED: bool, const FAULTY: bool>(
        &mut self,
        walk: &mut Walk,
        slice: Slice,
    ) -> Totals {
        let Moved { admissions, waits, .. } = self.track.moved;
        let (from, until, quota) = (slice.from.0, slice.until.0, &self.track.quota);
        let has_quota = GIVES != NEVER_GIVES;
        let Progress { trials, holders, .. } = &mut *self.progress;
        let (most, cost) = (trials.most(), trials.cost() as i32);
        let ([mut left, capacity], mut refills) = match &mut self.retry_books {
            Some(RetryBooks { quota, refills, .. }) => {
                ([quota.level() as i32, quota.capacity() as i32], refills.as_deref_mut())
            }
            None => ([0; 2], None),
        };
        // Ones if no request of some block was refused before: of all blocks but those of what arrives one was.
        let mut unknown = u64::from(!walk.blocks.iter().all(|&block| trials.are_waits_known(block))).wrapping_neg();
        let mut pushing = self.track.course.agenda.pushing();
        let (mut number, mut ticket, mut taken, mut overdraft, mut released) = (admissions, waits, 0, 0, 0);
        let (mut nth, mut pushed, mut unavailable) = (0, 0, 0);
        while nth < walk.attempts.len {
            let Walk { attempts, made, done, blocks, soon_tokens, released: in_all, .. } = &mut *walk;
            let which = attempts.order[nth % ROOM] as usize % ROOM;
            let (at, slot, back) = (attempts.at[which], attempts.slots[which], attempts.back[which]);
            let trial = &trials.all[slot as usize];
            let (now, load, held) = (from + at as u64, trial.load, trial.load.held());
            // Ones if it does not fit, and if it is refused but has attempts left.
            let mut refused = (quota.room_after(at as u64, held, i64::from(back) - taken as i64) >> 63) as u64;
            if FAULTY && trial.may_meet_unavailable() {
                let is_unavailable = trial.meets_unavailable();
                refused |= is_unavailable;
                unavailable += is_unavailable & 1;
            }
            let mut repeats = refused & trial.has_left(most);
            if refused & unknown != 0 {
                for &block in &*blocks {
                    trials.know_waits(block);
                }
                unknown = 0;
            }
            nth += 1;
            ticket += 1;
            if has_quota {
                left = (left + (attempts.released[which] - released)).min(capacity);
                released = attempts.released[which];
                // Ones if it does not, or if there is not enough for a retry.
                let ends = !repeats as i32 | ((left - cost) >> 31);
                // All bits leave what is not taken. A mask would do as well, and be turned into a branch.
                left -= cost.wrapping_shr(ends as u32);
                repeats = !i64::from(ends) as u64;
            }
            let Outcome { then, gives_up, retried, overdraft: more, undecided } =
                trials.attempted(slot, !refused, repeats, ticket);
            let at = now + then;
            let end = What::end(number as u32 & What::MOST_SLOT);
            let what = What::retry(slot | NO_REQUEST).masked(end, !refused);
            let load =
                load.counted(slice.counted).retried(if GIVES == GIVES_AT_ENDS { retried } else { 0 }).masked(!refused);
            if A::KEEPS_A_LOG {
                made.put((SimTime(now), held), refused == 0);
            }
            if GIVES == GIVES_AT_FIRST_TOKENS
                && let Some(refills) = &mut refills
            {
                let first = now + trials.to_first_token(slot);
                if first | (refused << 61) < until {
                    // Nearly none comes that soon.
                    let released = refills.gives(retried as usize);
                    attempts.come_back((first - from) as i32, [0, released]);
                    soon_tokens.push([(first - from) as i32, released]);
                    *in_all += released;
                } else {
                    refills.push_if(refused == 0, SimTime(first), retried as u32);
                }
            }
            if CAPPED && let Some(holders) = holders {
                // If it is not admitted, the next that is takes its place.
                holders.put(number, trials.request_of(slot));
            }
            number += !refused & 1;
            taken += held.wrapping_shr(refused as u32);
            overdraft += u64::from(more) & !refused;
            if undecided == 0 {
                done.push(slot as usize / BLOCK);
            }
            let happens = gives_up == 0;
            // One comparison, of what is nearly never true if the ladder is short: whether it happens could not be predicted.
            if at | (gives_up << 61) < until {
                // It may be a wait that is not among those at hand.
                let at = if refused == 0 { at } else { now + trials.current_wait(slot) };
                if at < until {
                    // If it is an end, that of the last admission.
                    let entry = admission::Entry(number.saturating_sub(1));
                    let next = Next { at: (at - from) as i32, what, load };
                    nth = walk.happens_soon::<A, GIVES>(nth, &next, entry, quota, trials);
                    continue;
                }
                pushing.push_if(true, SimTime(at), what, load);
                pushed += 1;
                continue;
            }
            pushing.push_if(happens, SimTime(at), what, load);
            pushed += usize::from(happens);
        }
        pushing.end(pushed);
        let given_up = (walk.attempts.len - pushed - walk.soon.len()) as u64;
        Totals {
            made: ticket - waits,
            admitted: number - admissions,
            given_up,
            unavailable,
            taken,
            overdraft,
            left: left - released,
        }
    }
}

impl Walk {
    /// What the attempt before the one of this number in order leads to happens in the same slice: it is made again, or ends
    /// and gives this entry back. The number of the next attempt.
    #[inline(never)]
    fn happens_soon<A: Admit, const GIVES: u8>(
        &mut self,
        nth: usize,
        next: &Next,
        entry: admission::Entry,
        quota: &A,
        trials: &Trials,
    ) -> usize {
        let at = next.at;
        let (held, charge) = (next.load.held(), next.load.charge());
        let Walk { attempts, ends, soon, soon_tokens, .. } = self;
        if next.what.is_end() {
            let back = quota.comes_back(entry, held, charge);
            let gives = GIVES == GIVES_AT_ENDS;
            let released = if gives { RetryQuota::released(next.load.retries() * trials.cost()) as i32 } else { 0 };
            attempts.come_back(at, [back as i32, released]);
            soon.push([at, back as i32, released, held as i32]);
            self.released += released;
            self.ended.add(next.load);
            self.back += back;
            self.over.put(entry.0, true);
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
            if GIVES == GIVES_AT_FIRST_TOKENS {
                let soon = soon_tokens.iter().filter(|&&[comes, _]| comes <= at);
                by_then[1] += ends.first_tokens_by(at) + soon.map(|[_, released]| released).sum::<i32>();
            }
            attempts.again(nth - 1, at, by_then, |slot| trials.has_waited(slot));
            nth - 1
        }
    }
}
