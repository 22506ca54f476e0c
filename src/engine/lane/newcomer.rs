//! Requests that wait before their first attempt for a send token, in half a cache line each.
//!
//! *Why*: hundreds of thousands may wait, and each is fetched from afar.

use super::Lane;
use super::waiting::Waiting;
use crate::admission::Admit;
use crate::engine::draws::Timing;
use crate::model::Demand;
use crate::units::{SimTime, Tokens};

/// A request as it was drawn, or the place of one that has a record.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Newcomer {
    pub(super) arrived: SimTime,
    /// From the admission to the end \[ns\].
    service: u64,
    /// From the admission to the first token \[ns\].
    ttft: u32,
    /// What it needs [tokens].
    pub(super) input: u32,
    pub(super) output: u32,
    /// Its number; or the slot of its record.
    number: u32,
}

impl Newcomer {
    /// Of one with a record; none takes so long.
    const RECORDED: u64 = u64::MAX;

    /// The place of a request with a record.
    pub(super) fn recorded(slot: u32) -> Newcomer {
        Newcomer { arrived: SimTime::ZERO, service: Newcomer::RECORDED, ttft: 0, input: 0, output: 0, number: slot }
    }

    /// The slot of its record, if it has one.
    #[inline(always)]
    pub(super) fn slot(&self) -> Option<u32> {
        (self.service == Newcomer::RECORDED).then_some(self.number)
    }

    #[inline(always)]
    pub(super) fn timing(&self) -> Timing {
        Timing { ttft: self.ttft.into(), service: self.service }
    }

    /// What it asks of its pool, under the workload's limit.
    #[inline(always)]
    pub(super) fn demand(&self, max_tokens: u32) -> Demand {
        let tokens = |count: u32| Tokens(u64::from(count));
        Demand {
            input: tokens(self.input),
            cache_read: Tokens(0),
            cache_write: Tokens(0),
            max_tokens: tokens(max_tokens),
            natural_output: tokens(self.output),
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// A request of the current block, if there is nothing more to know of it than a [`Newcomer`] has room for.
    #[inline(always)]
    pub(super) fn newcomer(&self, place: usize) -> Option<Newcomer> {
        let block = self.track.source.block();
        let (number, tokens, timing) = (block.first + place as u64, block.tokens.get(place), block.timing.get(place));
        let small = (number | timing.ttft) >> u32::BITS == 0 && timing.service < Newcomer::RECORDED;
        let plain = tokens.cache_read | tokens.cache_write | tokens.own_limit == 0;
        (small && plain && !block.columns().foresight.at_once.is[place]).then_some(Newcomer {
            arrived: SimTime(block.times[place]),
            service: timing.service,
            ttft: timing.ttft as u32,
            input: tokens.input,
            output: tokens.output,
            number: number as u32,
        })
    }

    /// Gives one its record whose first attempt, made after a wait, has not been admitted.
    pub(super) fn enrol_newcomer(&mut self, newcomer: &Newcomer, cost: u64, now: SimTime, counted: bool) -> u32 {
        let number = u64::from(newcomer.number);
        self.begin_record(Waiting {
            cost,
            timing: newcomer.timing(),
            input: newcomer.input,
            natural_output: newcomer.output,
            max_tokens: self.flow.max_tokens,
            client: self.workload.client_of(number),
            ..Waiting::new(number, newcomer.arrived, now, counted)
        })
    }
}
