//! Requests that wait before their first attempt for a send token, in eight bytes each: which it is, and how long after the
//! first of its block it has arrived.
//!
//! All else that is to be known of them follows from their numbers. It is drawn when they are picked to go: into a block,
//! with others that go then, where they stay until they are counted. Only those have records that have made an attempt
//! before, or of whom more is to be known.
//!
//! *Why*: hundreds of thousands may wait, and each is fetched from afar. To copy what was drawn as they arrived, half a
//! cache line, into memory and from there into a block took twice as long as everything here.

use super::Lane;
use super::load::Load;
use super::waiting::Waiting;
use crate::admission::Admit;
use crate::engine::draws::BLOCK;
use crate::engine::first_attempt::Verdict;
use crate::engine::source::Drawn;
use crate::units::SimTime;
use std::hint::black_box;

/// A request that waits: its number, and how long after the first of its block it arrived \[ns\]; or the slot of its record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newcomer(u64);

impl Newcomer {
    /// In place of the rest, there is a slot.
    const RECORDED: u64 = 1 << 63;
    /// Low bits for how much later it arrived, those above for the number.
    const LATER_BITS: u32 = 39;
    /// What there is room for; whatever is beyond gets a record.
    const NUMBERS: u64 = Newcomer::RECORDED >> Newcomer::LATER_BITS;
    const LATEST: u64 = 1 << Newcomer::LATER_BITS;

    /// Whether there is room for requests up to this number that arrive up to so long after the first of their block.
    pub(super) fn has_room(last: u64, later: u64) -> bool {
        last < Newcomer::NUMBERS && later < Newcomer::LATEST
    }

    #[inline(always)]
    pub(super) fn new(number: u64, later: u64) -> Newcomer {
        Newcomer(number << Newcomer::LATER_BITS | later)
    }

    /// The place of a request with a record.
    pub(super) fn recorded(slot: u32) -> Newcomer {
        Newcomer(Newcomer::RECORDED | u64::from(slot))
    }

    #[inline(always)]
    pub(super) fn has_record(self) -> bool {
        self.0 & Newcomer::RECORDED != 0
    }

    /// The slot of its record, if it has one.
    #[inline(always)]
    pub(super) fn slot(self) -> Option<u32> {
        self.has_record().then_some(self.0 as u32)
    }

    /// Its number, if it has no record.
    #[inline(always)]
    pub(super) fn number(self) -> u64 {
        self.0 >> Newcomer::LATER_BITS
    }

    /// When it arrived, if it has no record.
    #[inline(always)]
    fn arrived(self, blocks: &Blocks) -> SimTime {
        let block = self.number() as usize / BLOCK;
        SimTime(blocks.begin.get(block).map_or(0, |at| at.0) + (self.0 & (Newcomer::LATEST - 1)))
    }
}

/// When the first request of each block arrived of which some have waited.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    begin: Vec<SimTime>,
}

impl Blocks {
    /// The block whose first request has this number begins then.
    pub(super) fn begin(&mut self, first: u64, at: SimTime) {
        debug_assert!(first.is_multiple_of(BLOCK as u64), "all blocks before have been full");
        let block = first as usize / BLOCK;
        if self.begin.len() <= block {
            self.begin.resize(block + 1, SimTime::ZERO);
        }
        self.begin[block] = at;
    }
}

/// How many are looked at together.
const AT_ONCE: usize = 16;

/// Where those are gathered that have waited: all of them counted, or none.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) block: Option<usize>,
    counted: bool,
}

impl Gathered {
    /// Where somebody has been gathered.
    #[inline(always)]
    pub(super) fn block(&self) -> usize {
        self.block.expect("somebody has been gathered")
    }
}

/// Whether more is to be known of a request in this place of a block than there is room for on the calendar.
#[inline(always)]
fn is_special(block: &Drawn<'_>, place: usize) -> bool {
    let (columns, timing) = (block.columns(), block.timing.get(place));
    let is_large = Load::would_be_large(columns.reservation[place], columns.charge[place], timing.service);
    is_large | columns.foresight.may_give_up(timing)
}

impl<A: Admit> Lane<'_, '_, A> {
    /// Makes room for so many that go from now on: in which block, and from which place on.
    #[inline(always)]
    pub(super) fn room_for(&mut self, count: usize, now: SimTime, gathered: &mut Gathered) -> (usize, usize) {
        let counted = now >= self.track.marks.warmup();
        let index = gathered.block.unwrap_or_else(|| self.begin_gathering());
        let len = self.track.source.blocks[index].len;
        if len > 0 && (counted != gathered.counted || len + count > BLOCK) {
            self.count_gathered(gathered);
        }
        *gathered = Gathered { block: Some(index), counted };
        (index, self.track.source.blocks[index].len)
    }

    /// Makes a block for those that have waited; which it is.
    #[cold]
    fn begin_gathering(&mut self) -> usize {
        let source = &mut *self.track.source;
        let mut block = source.blocks[source.current].clone();
        (block.len, block.counted) = (0, 0);
        block.tokens.cache_read.fill(0);
        block.tokens.cache_write.fill(0);
        block.columns_mut().repeats.all_are_held_back();
        source.blocks.push(block);
        source.blocks.len() - 1
    }

    /// Draws those that go from now on into a block, from the place `first` on; who needs a record gets it.
    pub(super) fn draw_newcomers(
        &mut self,
        index: usize,
        first: usize,
        newcomers: &mut [Newcomer],
        blocks: &Blocks,
        now: SimTime,
    ) {
        debug_assert!(self.health.is_none(), "they are not in the order in which they arrived");
        let places = first..first + newcomers.len();
        let mut numbers = [0; BLOCK];
        numbers.iter_mut().zip(&*newcomers).for_each(|(number, newcomer)| *number = newcomer.number());
        // Of a trace all have records.
        if self.track.source.is_random() {
            self.track.source.draw_these(index, places.clone(), &numbers[..newcomers.len()]);
        }
        let block = &mut *self.track.source.blocks[index];
        block.len = places.end;
        let times = block.times[places.clone()].iter_mut();
        times.zip(&*newcomers).for_each(|(at, newcomer)| *at = newcomer.arrived(blocks).0);
        block.columns_mut().verdicts[places.clone()].fill(Verdict::Admitted);
        let are_counted = now >= self.track.marks.warmup();
        for (first, some) in (first..).step_by(AT_ONCE).zip(newcomers.chunks_mut(AT_ONCE)) {
            let block = &*self.track.source.blocks[index];
            let warmup = self.track.marks.warmup();
            // Counted: that nobody needs a record is seen without a branch for each.
            let needing = (first..).zip(&*some).map(|(place, newcomer)| {
                let other_kind = (SimTime(block.times[place]) >= warmup) != are_counted;
                usize::from(newcomer.has_record() | other_kind | is_special(block, place))
            });
            if needing.sum::<usize>() > 0 {
                self.give_records(index, first, some, now);
            }
        }
    }

    /// Looks at the records that there are, which are far away in memory and soon needed: in a row, so that all are on the way
    /// at the same time.
    pub(super) fn look_at_records(&self, newcomers: &[Newcomer]) {
        let (mut slots, mut found) = ([0; BLOCK], 0);
        for newcomer in newcomers {
            // Mostly few have one: which they are is found without a branch for each.
            slots[found] = newcomer.0 as u32;
            found += usize::from(newcomer.has_record());
        }
        for &slot in &slots[..found] {
            let record = self.in_progress.waiting.get(slot);
            // Not every machine fetches both of its cache lines.
            black_box((record.since, record.next));
        }
    }

    /// Gives those records that need them, of those that have been drawn into a block from the place `first` on.
    #[inline(never)]
    fn give_records(&mut self, index: usize, first: usize, newcomers: &mut [Newcomer], now: SimTime) {
        let warmup = self.track.marks.warmup();
        let are_counted = now >= warmup;
        for (place, newcomer) in (first..).zip(newcomers) {
            let block = &mut *self.track.source.blocks[index];
            let arrived = SimTime(block.times[place]);
            let is_counted = arrived >= warmup;
            if newcomer.has_record() || is_counted != are_counted {
                // All of a block are counted, or not, by when they have arrived.
                block.times[place] = now.0;
            }
            if newcomer.has_record() {
                block.columns_mut().count_apart(place);
            } else if is_counted != are_counted || is_special(block, place) {
                *newcomer = Newcomer::recorded(self.enrol_newcomer(index, place, newcomer.number(), arrived, now));
            }
        }
    }

    /// Gives one its record that has been drawn into this place of a block.
    #[inline(never)]
    pub(super) fn enrol_newcomer(
        &mut self,
        index: usize,
        place: usize,
        number: u64,
        arrived: SimTime,
        now: SimTime,
    ) -> u32 {
        let block = &self.track.source.blocks[index];
        let record = Waiting {
            max_tokens: self.flow.max_tokens,
            client: self.workload.client_of(number),
            ..Waiting::new(number, arrived, now, arrived >= self.track.marks.warmup()).drawn(block, place)
        };
        self.track.source.blocks[index].columns_mut().count_apart(place);
        self.begin_record(record)
    }

    /// Counts those that have gone from a block, which is then empty.
    #[inline(never)]
    pub(super) fn count_gathered(&mut self, gathered: &Gathered) {
        let Some(index) = gathered.block else { return };
        self.count_block(index);
        let block = &mut self.track.source.blocks[index];
        (block.len, block.counted) = (0, 0);
    }
}
