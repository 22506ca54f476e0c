//! The attempts of a slice: one decision after the other, each with what it entails.
//!
//! Everything is in one loop, which calls nothing, nor branches on what nobody can predict, for ladders whose waits are at
//! hand; what is rare interrupts it. *Measured*: all decisions first, and what they entail after, took a tenth longer.

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
use crate::engine::lane::trials::{InBlocks, Outcome, Trials};
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

/// What comes next of a request, so long after the beginning of the slice \[ns\].
struct Next {
    after: u64,
    what: What,
    load: Load,
}

/// What interrupts the attempts of a slice, if anything does.
enum Interrupt {
    /// The next attempt is refused, and the waits of its block may not be known.
    Unknown,
    /// What the last attempt leads to may be of the slice, too; or the request in this slot waits for a time that is not at
    /// hand.
    Soon(Next, u32),
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
        let (from, width, room) = (slice.from.0, slice.until.0 - slice.from.0, self.track.quota.room());
        let has_quota = GIVES != NEVER_GIVES;
        let Progress { trials, holders, .. } = &mut *self.progress;
        let (most, cost) = (trials.most(), trials.cost() as i32);
        let ([mut left, capacity], mut refills) = match &mut self.retry_books {
            Some(RetryBooks { quota, refills, .. }) if has_quota => {
                ([quota.level() as i32, quota.capacity() as i32], refills.as_deref_mut())
            }
            _ => ([0; 2], None),
        };
        // Ones if the waits of some block are not at hand. Those of all blocks are but of what arrives: one was refused there.
        let mut unknown = u64::from(!walk.blocks.iter().all(|&block| trials.are_waits_known(block))).wrapping_neg();
        let counted = Load::only_counted(slice.counted);
        let mut pushing = self.track.course.agenda.pushing();
        let (mut number, mut first, mut taken, mut overdraft, mut released) = (admissions, waits + 1, 0, 0, 0);
        let (mut nth, mut given_up, mut unavailable) = (0, 0, 0);
        loop {
            let Walk { attempts, made, done, soon_tokens, released: in_all, .. } = &mut *walk;
            let InBlocks { all, blocks } = trials.in_blocks();
            let interrupt = loop {
                if nth >= attempts.len {
                    break None;
                }
                let which = attempts.order[nth % ROOM] as usize % ROOM;
                let (at, slot, back) = (attempts.at[which] as u64, attempts.slots[which], attempts.back[which]);
                let trial = &mut all[slot as usize];
                let (load, held) = (trial.load, trial.load.held());
                // Ones if it does not fit, and if it is refused but has attempts left.
                let mut refused = (room.after(at, held, i64::from(back) - taken as i64) >> 63) as u64;
                let mut is_unavailable = 0;
                if FAULTY && trial.may_meet_unavailable() {
                    is_unavailable = trial.meets_unavailable();
                    refused |= is_unavailable;
                }
                if refused & unknown != 0 {
                    break Some(Interrupt::Unknown);
                }
                unavailable += is_unavailable & 1;
                let mut repeats = refused & trial.has_left(most);
                if has_quota {
                    left = (left + (attempts.released[which] - released)).min(capacity);
                    released = attempts.released[which];
                    // Ones if it does not, or if there is not enough for a retry.
                    let ends = !repeats as i32 | ((left - cost) >> 31);
                    // All bits leave what is not taken. A mask would do as well, and be turned into a branch.
                    left -= cost.wrapping_shr(ends as u32);
                    repeats = !i64::from(ends) as u64;
                }
                let Outcome { then, decided, gives_up, retried, overdraft: more } =
                    trial.attempted(refused, repeats, first + nth as u64);
                nth += 1;
                let after = at + then;
                let end = What::end(number as u32 & What::MOST_SLOT);
                let what = What::retry(slot | NO_REQUEST).masked(end, !refused);
                let load = load.masked(!refused);
                taken += load.held();
                let load = load.and(counted.masked(!refused)).retried(if GIVES == GIVES_AT_ENDS {
                    retried & !refused
                } else {
                    0
                });
                if A::KEEPS_A_LOG {
                    made.put((SimTime(from + at), held), refused == 0);
                }
                if GIVES == GIVES_AT_FIRST_TOKENS
                    && let Some(refills) = &mut refills
                {
                    let first = at + trial.first_token();
                    if first | (refused << 61) < width {
                        // Nearly none comes that soon.
                        let released = refills.gives(retried as usize);
                        attempts.come_back(first as i32, [0, released]);
                        soon_tokens.push([first as i32, released]);
                        *in_all += released;
                    } else {
                        refills.push_if(refused == 0, SimTime(from + first), retried as u32);
                    }
                }
                let block = &mut blocks[slot as usize / BLOCK];
                if CAPPED && let Some(holders) = holders {
                    // If it is not admitted, the next that is takes its place.
                    holders.put(number, block.request_of(slot));
                }
                number += !refused & 1;
                overdraft += u64::from(more) & !refused;
                given_up += gives_up;
                if block.have_decided(decided) {
                    done.push(slot as usize / BLOCK);
                }
                // One comparison, of what is nearly never true if the ladder is short: whether it happens could not be
                // predicted.
                if after | (gives_up << 61) < width {
                    break Some(Interrupt::Soon(Next { after, what, load }, slot));
                }
                pushing.push_after(gives_up == 0, after, what, load);
            };
            match interrupt {
                None => break,
                Some(Interrupt::Unknown) => {
                    for &block in &walk.blocks {
                        trials.know_waits(block);
                    }
                    unknown = 0;
                }
                Some(Interrupt::Soon(mut next, slot)) => {
                    if !next.what.is_end() {
                        next.after = walk.attempts.time_of(nth - 1) + trials.current_wait(slot);
                    }
                    if next.after < width {
                        // If it is an end, that of the last admission.
                        let entry = admission::Entry(number.saturating_sub(1));
                        let then = walk.happens_soon::<A, GIVES>(nth, &next, entry, &self.track.quota, trials);
                        first += (nth - then) as u64;
                        nth = then;
                    } else {
                        pushing.push_after(true, next.after, next.what, next.load);
                    }
                }
            }
        }
        let len = walk.attempts.len;
        pushing.end(len - given_up as usize - walk.soon.len());
        Totals {
            made: first - (waits + 1) + len as u64,
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
        let at = next.after as i32;
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
