//! Requests that wait before their first attempt for a send token, in sixteen bytes each.
//!
//! All else that is to be known of them follows from their numbers. It is drawn when they are picked to go: into a block,
//! with others that go then, where they stay until they are counted. Only those have records that have made an attempt
//! before, or of whom more is to be known.
//!
//! *Why*: hundreds of thousands may wait, and each is fetched from afar. To copy what was drawn as they arrived, half a
//! cache line, into memory and from there into a block took twice as long as everything here.

use super::Lane;
use super::waiting::Waiting;
use crate::admission::Admit;
use crate::engine::draws::BLOCK;
use crate::engine::first_attempt::Verdict;
use crate::units::SimTime;

/// When a request arrived, and its number; or the slot of its record.
#[derive(Debug, Clone, Copy)]
#[repr(align(16))]
pub(super) struct Newcomer {
    arrived: SimTime,
    whose: u64,
}

impl Newcomer {
    /// In place of a number, there is a slot.
    const RECORDED: u64 = 1 << 63;

    #[inline(always)]
    pub(super) fn new(number: u64, arrived: SimTime) -> Newcomer {
        Newcomer { arrived, whose: number }
    }

    /// The place of a request with a record.
    pub(super) fn recorded(slot: u32) -> Newcomer {
        Newcomer { arrived: SimTime::ZERO, whose: Newcomer::RECORDED | u64::from(slot) }
    }

    /// The slot of its record, if it has one.
    #[inline(always)]
    pub(super) fn slot(&self) -> Option<u32> {
        (self.whose & Newcomer::RECORDED != 0).then_some(self.whose as u32)
    }

    /// Its number, if it has no record.
    #[inline(always)]
    pub(super) fn number(&self) -> u64 {
        self.whose
    }
}

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
    pub(super) fn draw_newcomers(&mut self, index: usize, first: usize, newcomers: &mut [Newcomer], now: SimTime) {
        debug_assert!(self.health.is_none(), "they are not in the order in which they arrived");
        let places = first..first + newcomers.len();
        let mut numbers = [0; BLOCK];
        numbers.iter_mut().zip(&*newcomers).for_each(|(number, newcomer)| *number = newcomer.number());
        self.track.source.draw_these(index, places.clone(), &numbers[..newcomers.len()]);
        let block = &mut *self.track.source.blocks[index];
        block.len = places.end;
        block.times[places.clone()].iter_mut().zip(&*newcomers).for_each(|(at, newcomer)| *at = newcomer.arrived.0);
        block.columns_mut().verdicts[places.clone()].fill(Verdict::Admitted);
        let warmup = self.track.marks.warmup();
        let are_counted = now >= warmup;
        for (place, newcomer) in places.zip(newcomers) {
            let block = &mut *self.track.source.blocks[index];
            let is_counted = newcomer.arrived >= warmup;
            let (has_record, timing) = (newcomer.slot().is_some(), block.timing.get(place));
            if has_record || is_counted != are_counted {
                // All of a block are counted, or not, by when they have arrived.
                block.times[place] = now.0;
            }
            if has_record {
                block.columns_mut().count_apart(place);
            } else if is_counted != are_counted || block.columns().foresight.may_give_up(timing) {
                *newcomer = Newcomer::recorded(self.enrol_newcomer(index, place, *newcomer, now, is_counted));
            }
        }
    }

    /// Gives one its record that has been drawn into this place of a block.
    #[inline(never)]
    pub(super) fn enrol_newcomer(
        &mut self,
        index: usize,
        place: usize,
        newcomer: Newcomer,
        now: SimTime,
        counted: bool,
    ) -> u32 {
        let (number, block) = (newcomer.number(), &self.track.source.blocks[index]);
        let (columns, tokens) = (block.columns(), &block.tokens);
        let record = Waiting {
            cost: columns.reservation[place],
            timing: block.timing.get(place),
            input: tokens.input[place],
            cache_read: tokens.cache_read[place],
            cache_write: tokens.cache_write[place],
            natural_output: tokens.output[place],
            max_tokens: self.flow.max_tokens,
            client: self.workload.client_of(number),
            ..Waiting::new(number, newcomer.arrived, now, counted)
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
