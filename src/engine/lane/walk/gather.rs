//! What is known of a slice when it begins, and whether it can be walked through.

use super::events::{Arriving, Attempts, FEW, InOrder, Kept, MOST, MOST_ENDS};
use super::{GIVES_AT_ENDS, GIVES_AT_FIRST_TOKENS, Slice, Walk};
use crate::admission::{self, Admit, End};
use crate::client::RetryQuota;
use crate::engine::lane::alarms::NO_REQUEST;
use crate::engine::lane::entry::Entry;
use crate::engine::lane::load::{Ended, Sum};
use crate::engine::lane::repeating::{Place, Repeating, RetryBooks};
use crate::engine::lane::track::number_of;
use crate::engine::source::{AHEAD, Drawn};
use crate::units::SimTime;
use crate::wide::widest;

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Gathers what happens in the next slice.
    #[inline(always)]
    pub(super) fn begin_walk<const MIXED: bool, const GIVES: u8, const CAPPED: bool, const FAULTY: bool>(
        &mut self,
        walk: &mut Walk,
        mark: SimTime,
    ) -> Option<Slice> {
        let tick = self.track.course.agenda.next_tick()?;
        let mut slice = self.slice(tick, mark)?;
        let (current, place, block) = (self.track.source.current, self.track.source.place, self.track.source.block());
        if block.len == 0 || block.times[place] < slice.from.0 {
            return None;
        }
        // All that arrive in the slice are of this block, or of this and the next.
        let mut blocks = [current; 2];
        if block.times[block.len - 1] < slice.until.0 {
            if !self.progress.trials.are_known(current) {
                return None;
            }
            blocks[1] = self.block_ahead();
            // What suits the blocks so far may not suit that one.
            slice = self.slice(tick, mark)?;
        }
        self.track.course.agenda.take_far(tick, &mut walk.far);
        let all = self.gather::<MIXED, GIVES, CAPPED, FAULTY>(walk, slice, tick, blocks);
        if all.is_none() {
            self.track.course.agenda.put_back(&walk.far);
        }
        all.map(|()| slice)
    }

    /// Gathers what happens in a slice.
    #[inline(always)]
    fn gather<const MIXED: bool, const GIVES: u8, const CAPPED: bool, const FAULTY: bool>(
        &mut self,
        walk: &mut Walk,
        slice: Slice,
        tick: u64,
        blocks: [usize; 2],
    ) -> Option<()> {
        let Slice { from, until, counted } = slice;
        let agenda = &self.track.course.agenda;
        let (place, [current, next]) = (self.track.source.place, blocks);
        let (block, after) = (&self.track.source.blocks[current], &self.track.source.blocks[next]);
        let len = agenda.len_of(tick) + walk.far.len();
        // Even more may arrive after the last of the next block.
        let goes_on = next != current && after.times[after.len.saturating_sub(1)] < until.0;
        if goes_on || len > MOST_ENDS || self.track.quota.make_ready(from)? < until {
            return None;
        }
        let Walk { attempts, ends, far, made, logged, soon, soon_tokens, ended, back, over, arrived, .. } = walk;
        ends.clear();
        made.clear();
        logged.clear();
        soon.clear();
        over.clear();
        soon_tokens.clear();
        if GIVES == GIVES_AT_FIRST_TOKENS
            && let Some(RetryBooks { quota, refills: Some(refills), .. }) = &mut self.retry_books
        {
            refills.fit(agenda);
            quota.give_back(refills.take_before(tick));
            (ends.first_tokens, ends.first_released) = refills.of_slice(tick)?;
        }
        let (mut sum, mut overdraft, mut others) = (Sum::default(), 0, 0);
        // Counted here, as whatever is counted in memory would be written each time.
        let (mut returned, mut ended_so_far, mut waited) = (0, 0, 0);
        let mut oldest = admission::Entry(self.track.moved.admissions);
        let cost = self.progress.trials.cost();
        let hearers = self.retry_books.as_ref().map(|books| books.hearers).filter(|hearers| !hearers.is_empty());
        // Every event is written as an end and as an attempt, and kept as the one that it is: a branch could not be
        // predicted. An attempt has no load.
        let mut gathered = |entry: Entry| {
            let (what, load, at) = (entry.what(), entry.load, entry.offset());
            let is_end = what.is_end();
            let number = admission::Entry(number_of(what.slot(), self.track.moved.admissions));
            let refund = self.track.quota.comes_back(number, load.held(), load.charge());
            returned += refund;
            overdraft += load.overdraft();
            let nth = ended_so_far % MOST_ENDS;
            ends.at[nth] = at as i32;
            ends.back[nth] = refund as i32;
            ends.held[nth] = load.held() as i32;
            if GIVES == GIVES_AT_ENDS {
                ends.released[nth] = RetryQuota::released(load.retries() * cost) as i32;
            }
            ended_so_far += usize::from(is_end);
            if GIVES == GIVES_AT_ENDS
                && let Some(hearers) = hearers
            {
                others += u32::from(is_end && hearers.has(number.0));
            }
            attempts.put(waited, at, what.slot() & !NO_REQUEST);
            waited += usize::from(!is_end);
            if MIXED {
                others += u32::from(what.is_of_record());
            }
            if A::KEEPS_A_LOG {
                let last = admission::Entry(u64::MAX);
                oldest = oldest.min(if is_end { number } else { last });
                logged.put(End { at, entry: number, held: load.held(), charge: load.charge() }, is_end);
            }
        };
        for entry in agenda.entries(tick) {
            sum.add(entry.load);
            gathered(entry);
        }
        for &(entry, _) in &*far {
            gathered(entry);
        }
        *ended = Ended::of(ended_so_far, sum, overdraft);
        for (entry, _) in &*far {
            ended.add_to_sums(entry.load);
        }
        ends.all_ended(ended_so_far);
        attempts.all_waited(waited);
        *back = returned;
        self.track.quota.comes_back_by_itself(until, |at, amount| {
            *back += amount;
            ends.comes_back(at.0 - from.0, amount);
        });
        let firsts = arrive(attempts, block, Place { block: current, place }, slice);
        let mut rest = 0;
        if next != current {
            rest = arrive(attempts, after, Place { block: next, place: 0 }, slice);
        }
        // What has a record of its own goes its own way.
        let trials = &self.progress.trials;
        let special = |block: &Drawn<'_>, which, place, requests| {
            let foresight = &block.columns().foresight;
            foresight.any && foresight.any_apart(place, requests, FAULTY && !trials.are_waits_known(which))
        };
        let special = || special(block, current, place, firsts) || (rest > 0 && special(after, next, 0, rest));
        if MIXED && (others > 0 || special()) {
            return None;
        }
        *arrived = (block.first + place as u64, firsts + rest);
        if CAPPED && self.slots.as_ref().is_some_and(|slots| !slots.suffice(arrived.0, arrived.1)) {
            return None;
        }
        let too_many = attempts.len > MOST || ends.given_back > MOST_ENDS;
        if too_many || attempts.len + ends.ended == 0 {
            return None;
        }
        let mut apart = false;
        if attempts.len <= FEW {
            widest(InOrder::<FEW, GIVES> { ends, attempts, one: 1, apart: &mut apart });
        } else {
            attempts.end();
            widest(InOrder::<MOST, GIVES> { ends, attempts, one: 1, apart: &mut apart });
        }
        if !apart || !self.track.quota.begin_walk(from, until, ended.held, oldest) {
            return None;
        }
        if CAPPED && self.slots.is_some() {
            self.note_ends(over, far, tick);
        }
        walk.blocks = blocks;
        walk.released = match &mut self.retry_books {
            Some(RetryBooks { refills: Some(refills), .. }) if GIVES == GIVES_AT_FIRST_TOKENS => refills.pass_slice(),
            _ if GIVES == GIVES_AT_ENDS => ends.released[..ends.ended].iter().sum(),
            _ => 0,
        };
        self.track.moved.counted_open += if counted { (firsts + rest) as u64 } else { 0 };
        let cell = agenda.len_of(tick);
        self.track.course.agenda.pass_slices(1, cell);
        self.progress.trials.know(current, &self.track.source.blocks[current]);
        self.track.source.place += firsts;
        if next != current {
            self.progress.trials.know(next, &self.track.source.blocks[next]);
            self.block_has_arrived();
            self.track.source.place = rest;
        }
        Some(())
    }

    /// Notes the numbers of what ends in a slice.
    #[inline(never)]
    fn note_ends(&self, over: &mut Kept<u64>, far: &[(Entry, u64)], tick: u64) {
        let far = far.iter().map(|&(entry, _)| entry);
        for what in self.track.course.agenda.entries(tick).chain(far).map(|entry| entry.what()) {
            over.put(number_of(what.slot(), self.track.moved.admissions), what.is_end());
        }
    }
}

/// Adds what arrives in a slice, of the requests of a block from this place on; how many there are.
#[inline(always)]
fn arrive(attempts: &mut Attempts, block: &Drawn<'_>, first: Place, slice: Slice) -> usize {
    let before = attempts.len;
    loop {
        let arrived = attempts.len - before;
        let slot = first.slot() + arrived as u32;
        let times = block.times[first.place + arrived..].first_chunk().expect("there are so many after the last");
        widest(Arriving { attempts, times, slot, from: slice.from.0, until: slice.until.0 });
        if attempts.len - before < arrived + AHEAD || attempts.len > MOST {
            return attempts.len - before;
        }
    }
}
