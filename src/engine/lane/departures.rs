//! When the next requests of a gateway's queue leave it, and what becomes of them then.
//!
//! When the gateway opens after a request follows from when that one went and for how long it keeps the gateway busy, and
//! the latter from the mean of answers. So as long as that does not move, all departures are known, who is given up in
//! the queue, and whose attempt will be cut off by its deadline: a chain of a few additions and comparisons, request after
//! request, without a branch.
//!
//! *Why*: what is known beforehand can be lived through in stretches, as arrivals are. A request that is given up needs no
//! record then, nor does one that is cut off: it is counted with its block.

use super::load::Load;
use super::outputs::UNHEARD;
use super::prices::Prices;
use super::stretch::Upcoming;
use crate::engine::draws::{BLOCK, TimingBlock};
use crate::engine::foresight::Marked;
use crate::engine::repeats::Waits;
use crate::engine::source::{AHEAD, Drawn};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, widest};
use std::ops::Range;

/// So many requests are looked at together, as long as fewer than so many departures are known.
const CHUNK: usize = 256;

/// When a gateway opens for the next request, and what led to that.
#[derive(Debug, Clone, Copy)]
pub(super) struct Opening {
    pub(super) at: SimTime,
    /// When somebody last went as it opened.
    pub(super) last: SimTime,
}

/// How a request leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Leaves {
    /// As it arrives.
    AsItArrives,
    /// As the gateway opens; and right after somebody else who does.
    AsItOpens,
    WithTheLast,
}

/// How a request leaves, by whether it has waited, and whether somebody else has left then as the gateway opened.
const LEAVES: [[Leaves; 2]; 2] = [[Leaves::AsItArrives, Leaves::AsItArrives], [Leaves::AsItOpens, Leaves::WithTheLast]];

/// What is the same for all departures.
#[derive(Debug, Clone, Copy)]
pub(super) struct Terms {
    /// After how long a request is given up \[ns\]; the most that there is if never.
    pub(super) deadline: u64,
    /// Counted requests arrive from then on.
    pub(super) warmup: SimTime,
    /// They end until then.
    pub(super) patience: SimTime,
    /// From then on, a request whose attempt is cut off is counted apart.
    pub(super) horizon: SimTime,
    /// Those that are marked meet more than their deadline.
    pub(super) marked: bool,
}

/// The departures of a block's requests, as far as they are known.
#[derive(Debug)]
pub(super) struct Departures {
    /// They are known as long as the mean of answers is this.
    pub(super) mean: u64,
    /// Which of them is the next, and how many there are.
    next: usize,
    len: usize,
    /// The place after the last request that has been looked at, and when the gateway opens after that.
    seen: usize,
    opening: Opening,
    /// Whether the last of them meets more than the quota and its deadline: no further is known then.
    stops: bool,
    pub(super) prices: Prices,
    by_place: ByPlace,
    /// By departure: the place of its request in the block, how it leaves, and when.
    places: [u16; BLOCK],
    leaves: [Leaves; BLOCK],
    times: [u64; BLOCK],
    /// As in [`Upcoming`].
    costs: [u64; BLOCK],
    ends: [SimTime; BLOCK],
    loads: [Load; BLOCK],
    taken: [u64; BLOCK + 1],
    /// Output tokens of the answer, or [`UNHEARD`] if it is cut off.
    outputs: [u32; BLOCK],
}

/// The same of all requests of a block.
#[derive(Debug)]
struct ByPlace {
    /// When each goes \[ns\], and whether it does, or is given up first.
    at: [u64; BLOCK],
    goes: [bool; BLOCK],
    /// As in [`Departures`], if it goes.
    ends: [SimTime; BLOCK],
    loads: [Load; BLOCK],
    outputs: [u32; BLOCK],
}

/// Finds what becomes of requests whose departures are known.
struct Finding<'f> {
    by_place: &'f mut ByPlace,
    range: Range<usize>,
    times: &'f [u64; BLOCK + AHEAD],
    timing: &'f TimingBlock,
    /// Of all attempts, and how long their answers are if they are heard.
    loads: &'f [Load; BLOCK],
    outputs: &'f [u32; BLOCK],
    terms: &'f Terms,
}

impl Loop for Finding<'_> {
    #[inline(always)]
    fn run(self) {
        let Finding { by_place, range, timing, terms, .. } = self;
        let Terms { deadline, warmup, patience, .. } = *terms;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        for place in start..end {
            let (arrived, at, service) = (self.times[place], by_place.at[place], timing.service[place]);
            let cut_off = (at - arrived).saturating_add(service) > deadline;
            let ends = at.saturating_add(service);
            let (is_heard, counts, in_time) = (!cut_off, arrived >= warmup.0, ends <= patience.0);
            by_place.ends[place] = SimTime(ends);
            by_place.loads[place] = self.loads[place].counted(is_heard & counts & in_time);
            by_place.outputs[place] = if cut_off { UNHEARD } else { self.outputs[place] };
        }
    }
}

/// Takes what is at these places, in ascending order, out of a column.
#[inline(always)]
fn pick<T: Copy>(out: &mut [T], column: &[T; BLOCK], places: &[u16]) {
    let (Some(&first), Some(&last)) = (places.first(), places.last()) else { return };
    if usize::from(last - first) + 1 == places.len() {
        out.copy_from_slice(&column[first.into()..=last.into()]);
    } else {
        for (out, &place) in out.iter_mut().zip(places) {
            *out = column[usize::from(place) % BLOCK];
        }
    }
}

/// A departure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Departure {
    pub(super) place: usize,
    pub(super) at: SimTime,
    pub(super) leaves: Leaves,
    pub(super) ends: SimTime,
    pub(super) load: Load,
    pub(super) output: u32,
    /// It meets more than the quota and its deadline.
    pub(super) is_special: bool,
}

impl Departures {
    /// Of which nothing is known.
    pub(super) fn new() -> Departures {
        Departures {
            mean: u64::MAX,
            next: 0,
            len: 0,
            seen: 0,
            opening: Opening { at: SimTime::ZERO, last: SimTime::MAX },
            stops: false,
            prices: Prices::NONE,
            by_place: ByPlace {
                at: [0; BLOCK],
                goes: [false; BLOCK],
                ends: [SimTime::ZERO; BLOCK],
                loads: [Load::default(); BLOCK],
                outputs: [0; BLOCK],
            },
            places: [0; BLOCK],
            leaves: [Leaves::AsItArrives; BLOCK],
            times: [0; BLOCK],
            costs: [0; BLOCK],
            ends: [SimTime::ZERO; BLOCK],
            loads: [Load::default(); BLOCK],
            taken: [0; BLOCK + 1],
            outputs: [0; BLOCK],
        }
    }

    /// Nothing more is known from the request in this place on, for which the gateway opens then.
    pub(super) fn forget(&mut self, place: usize, opening: Opening) {
        (self.len, self.seen, self.opening, self.stops) = (self.next, place, opening, false);
    }

    /// Nothing is known of the block whose requests leave from this place on.
    pub(super) fn begin_at(&mut self, place: usize, opening: Opening) {
        self.next = 0;
        self.forget(place, opening);
    }

    /// Which requests of the block are to be looked at next, if so few departures are known that there should be more.
    #[inline(always)]
    pub(super) fn to_look_at(&self, block_len: usize) -> Option<Range<usize>> {
        let enough = self.len - self.next >= CHUNK || self.seen >= block_len || (self.stops && self.next < self.len);
        (!enough).then(|| self.seen..block_len.min(self.seen + CHUNK))
    }

    /// Looks at these requests of the block, whose prices are known.
    pub(super) fn look(&mut self, range: Range<usize>, block: &mut Drawn<'_>, terms: &Terms) {
        let Drawn { times, timing, tokens, columns, .. } = block;
        let columns = columns.as_mut().expect("a workload in a lane has columns");
        let (known, start) = (self.len, range.start);
        self.follow(range, times, &timing.service, &columns.foresight.at_once, terms);
        columns.hold_back(
            start..self.seen,
            Waits {
                at: &self.by_place.at,
                goes: &self.by_place.goes,
                arrived: times,
                service: &timing.service,
                deadline: terms.deadline,
            },
        );
        if self.stops {
            columns.count_apart(self.seen - 1);
        }
        let by_place = &mut self.by_place;
        let loads = &columns.outlook.loads;
        widest(Finding { by_place, range: start..self.seen, times, timing, loads, outputs: &tokens.capped, terms });
        let found = known..self.len;
        let places = &self.places[found.clone()];
        pick(&mut self.costs[found.clone()], &columns.reservation, places);
        pick(&mut self.ends[found.clone()], &by_place.ends, places);
        pick(&mut self.loads[found.clone()], &by_place.loads, places);
        pick(&mut self.outputs[found], &by_place.outputs, places);
        let taken = &columns.outlook.taken;
        let mut sum = self.taken[known];
        for (all, place) in self.taken[known + 1..].iter_mut().zip(places.iter().map(|&place| usize::from(place))) {
            sum += taken[place + 1] - taken[place];
            *all = sum;
        }
    }

    /// Follows when the gateway opens from request to request, up to one that meets more than the quota and its deadline.
    #[inline(always)]
    fn follow(&mut self, range: Range<usize>, times: &[u64], service: &[u64; BLOCK], marked: &Marked, terms: &Terms) {
        let deadline = terms.deadline;
        // Towards the end of measured time some are cut off after it.
        let any_special =
            (terms.marked && marked.any) || times[range.end - 1].saturating_add(deadline) >= terms.horizon.0;
        let Opening { at: mut opens, mut last } = self.opening;
        let mut nth = self.len;
        (self.seen, self.stops) = (range.end.min(BLOCK), false);
        for place in range.start..self.seen {
            let arrives = times[place];
            let late = arrives.saturating_add(deadline);
            let waits = arrives < opens.0;
            let (is_late, has_deadline) = (late <= opens.0, late < SimTime::MAX.0);
            let goes = !(waits & is_late & has_deadline);
            let at = SimTime(arrives.max(opens.0));
            (self.by_place.at[place], self.by_place.goes[place]) = (at.0, goes);
            // Written in any case, kept if it goes: a branch could not be predicted.
            let which = nth % BLOCK;
            self.places[which] = place as u16;
            self.leaves[which] = LEAVES[usize::from(waits)][usize::from(at == last)];
            self.times[which] = at.0;
            nth += usize::from(goes);
            last = if goes & waits { at } else { last };
            opens = if goes { at.saturating_add(SimSpan(self.prices.busy[place])) } else { opens };
            if any_special && goes {
                let too_long = (at.0 - arrives).saturating_add(service[place]) > deadline;
                if (terms.marked && marked.is[place]) || (too_long && late >= terms.horizon.0) {
                    (self.stops, self.seen) = (true, place + 1);
                    break;
                }
            }
        }
        self.len = nth;
        self.opening = Opening { at: opens, last };
    }

    /// The next departure, if it is known.
    #[inline(always)]
    pub(super) fn first(&self) -> Option<Departure> {
        let nth = self.next;
        (nth < self.len).then(|| Departure {
            place: self.places[nth].into(),
            at: SimTime(self.times[nth]),
            leaves: self.leaves[nth],
            ends: self.ends[nth],
            load: self.loads[nth],
            output: self.outputs[nth],
            is_special: self.stops && nth + 1 == self.len,
        })
    }

    /// The place after the last request that has been looked at.
    pub(super) fn seen(&self) -> usize {
        self.seen
    }

    /// So many leave.
    #[inline(always)]
    pub(super) fn pass(&mut self, count: usize) {
        self.next += count;
    }

    /// All that are known; `even` if all of their block are.
    #[inline(always)]
    pub(super) fn upcoming(&self, even: bool) -> Upcoming<'_> {
        let range = self.next..self.len;
        Upcoming {
            times: &self.times[range.clone()],
            costs: &self.costs[range.clone()],
            ends: &self.ends[range.clone()],
            loads: &self.loads[range.clone()],
            taken: &self.taken[self.next..=self.len],
            even,
            counted: false,
        }
    }

    /// The next so many.
    #[inline(always)]
    pub(super) fn next(&self, count: usize) -> Leaving<'_> {
        let range = self.next..self.next + count;
        Leaving {
            places: &self.places[range.clone()],
            leaves: &self.leaves[range.clone()],
            times: &self.times[range.clone()],
            ends: &self.ends[range.clone()],
            outputs: &self.outputs[range],
        }
    }
}

/// Departures, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Leaving<'d> {
    pub(super) places: &'d [u16],
    leaves: &'d [Leaves],
    times: &'d [u64],
    pub(super) ends: &'d [SimTime],
    pub(super) outputs: &'d [u32],
}

impl Leaving<'_> {
    /// How often the gateway opens for them: all that go as it opens once are one event.
    pub(super) fn openings(&self) -> u64 {
        self.leaves.iter().map(|&leaves| u64::from(leaves == Leaves::AsItOpens)).sum()
    }

    /// When the gateway has last opened for one of them.
    pub(super) fn last_opening(&self) -> Option<SimTime> {
        let nth = self.leaves.iter().rposition(|&leaves| leaves != Leaves::AsItArrives)?;
        Some(SimTime(self.times[nth]))
    }

    /// The place of the last in its block, and when it leaves.
    pub(super) fn last(&self) -> Option<(usize, SimTime)> {
        Some(((*self.places.last()?).into(), SimTime(*self.times.last()?)))
    }
}
