//! First tokens to come of one client's streams, and what they give back to the retry quota that its requests share.
//!
//! Nothing looks at the quota but the decision after a throttle. Between two decisions only the sum of what comes back
//! matters, not the order. So a first token is no event, but four bytes in a wheel whose slices are those of the calendar:
//! whole slices are booked as sums, and a walk through a slice finds side by side what comes back there.
//!
//! *Why*: a heap of first tokens took a sixth of the time of a stream over the quota, and requests that needed it could not
//! stay in their blocks.

use super::agenda::Agenda;
use crate::client::RetryQuota;
use crate::units::SimTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// First tokens that the cell of a slice has room for; others go through the heap.
pub(super) const TOKENS: usize = 16;
/// So many are kept in the heap at least before those that have come are booked without need.
const ENOUGH: usize = 64;
/// No first token: later than all of a slice.
const NONE: u32 = u32::MAX;

/// First tokens that are not booked yet.
#[derive(Debug)]
pub(super) struct Refills {
    /// What the first token of a first attempt gives back, and that of a retry.
    gives: [u32; 2],
    /// The width of a slice is 2 to this power \[ns\].
    shift: u32,
    /// The first slice of which not all are booked, counted from time zero.
    tick: u64,
    /// How long after the beginning of its slice each comes \[ns\], times two, and one more for that of a retry.
    cells: Vec<[u32; TOKENS]>,
    lens: Vec<u32>,
    /// What a cell or the wheel has no room for, and what gives back something else: when it comes, and what it gives.
    far: BinaryHeap<Reverse<(u64, u32)>>,
    /// The first instant in `far`.
    far_first: u64,
    /// Those that have come are booked when `far` has more than this.
    most: usize,
}

impl Refills {
    /// What the first token of a first attempt gives back, or that of a retry.
    #[inline(always)]
    pub(super) fn gives(&self, of_retry: usize) -> i32 {
        self.gives[of_retry & 1] as i32
    }

    /// None, of a client whose retries cost so much.
    pub(super) fn new(cost: u32) -> Refills {
        Refills {
            gives: [0, cost].map(RetryQuota::released),
            shift: 0,
            tick: 0,
            cells: vec![[NONE; TOKENS]; 1],
            lens: vec![0; 1],
            far: BinaryHeap::new(),
            far_first: u64::MAX,
            most: ENOUGH,
        }
    }

    /// Fits its slices to those of the calendar.
    #[inline(always)]
    pub(super) fn fit(&mut self, agenda: &Agenda) {
        if self.shift != agenda.shift() || self.cells.len() as u64 != agenda.slices() + 1 {
            self.refit(agenda.shift(), agenda.slices() as usize + 1);
        }
    }

    #[cold]
    #[inline(never)]
    fn refit(&mut self, shift: u32, slices: usize) {
        let mut all = Vec::new();
        let mask = self.cells.len() as u64 - 1;
        for tick in self.tick..=self.tick + mask {
            let cell = self.cells[(tick & mask) as usize].iter().filter(|&&key| key != NONE);
            all.extend(cell.map(|key| ((tick << self.shift) + u64::from(key >> 1), key & 1)));
        }
        self.tick = self.tick << self.shift >> shift;
        self.shift = shift;
        self.cells = vec![[NONE; TOKENS]; slices];
        self.lens = vec![0; slices];
        for (at, of_retry) in all {
            self.push_if(true, SimTime(at), of_retry);
        }
    }

    /// Adds a first token, not earlier than what is booked, if it `comes`: a branch on that could not be predicted.
    /// `of_retry` is one for that of a retry.
    #[inline(always)]
    pub(super) fn push_if(&mut self, comes: bool, at: SimTime, of_retry: u32) {
        let tick = at.0 >> self.shift;
        let mask = self.cells.len() as u64 - 1;
        let place = (tick & mask) as usize;
        let len = self.lens[place] as usize;
        if tick.wrapping_sub(self.tick) <= mask && len < TOKENS {
            let key = (((at.0 & ((1 << self.shift) - 1)) << 1) as u32) | of_retry;
            self.cells[place][len] = if comes { key } else { NONE };
            self.lens[place] += u32::from(comes);
        } else if comes {
            self.push_apart(at, self.gives[of_retry as usize]);
        }
    }

    /// Adds a first token that gives back so much.
    #[cold]
    #[inline(never)]
    pub(super) fn push_apart(&mut self, at: SimTime, gives: u32) {
        self.far.push(Reverse((at.0, gives)));
        self.far_first = self.far_first.min(at.0);
    }

    /// What all those give back that come before this slice and are not booked yet.
    #[inline(always)]
    pub(super) fn take_before(&mut self, tick: u64) -> u64 {
        if self.tick < tick { self.take_slices(tick) } else { 0 }
    }

    #[inline(never)]
    fn take_slices(&mut self, end: u64) -> u64 {
        let slices = self.cells.len() as u64;
        let given: u32 = (self.tick..end.min(self.tick + slices)).map(|tick| self.empty(tick)).sum();
        self.tick = end;
        u64::from(given) + self.take_far(end << self.shift)
    }

    /// What those of the heap give back that come before some instant.
    fn take_far(&mut self, until: u64) -> u64 {
        let mut given = 0;
        while self.far_first < until {
            given += self.far.pop().map_or(0, |Reverse((_, gives))| u64::from(gives));
            self.far_first = self.far.peek().map_or(u64::MAX, |&Reverse((at, _))| at);
        }
        given
    }

    /// What all those give back that have come by now and are not booked yet.
    #[inline(never)]
    pub(super) fn take(&mut self, now: SimTime) -> u64 {
        let tick = now.0 >> self.shift;
        let mut given = self.take_before(tick);
        let place = tick as usize & (self.cells.len() - 1);
        let last = (now.0 - (tick << self.shift)) << 1 | 1;
        let (cell, mut left) = (self.cells[place], 0);
        self.cells[place] = [NONE; TOKENS];
        for key in cell.into_iter().take(self.lens[place] as usize) {
            if u64::from(key) <= last {
                given += u64::from(self.gives[key as usize & 1]);
            } else {
                self.cells[place][left] = key;
                left += 1;
            }
        }
        self.lens[place] = left as u32;
        given + self.take_far(now.0 + 1)
    }

    /// Books those that have come before now, if many are kept in the heap: nobody may ask for them for long.
    #[inline(always)]
    pub(super) fn keep_few(&mut self, now: SimTime, quota: &mut RetryQuota) {
        if self.far.len() > self.most && now > SimTime::ZERO {
            quota.give_back(self.take(SimTime(now.0 - 1)));
            self.most = ENOUGH.max(2 * self.far.len());
        }
    }

    /// Those of a slice, of whose predecessors all are booked: when each comes after its beginning \[ns\], and what it gives
    /// back; `None` if some have no place in its cell.
    #[inline(always)]
    pub(super) fn of_slice(&self, tick: u64) -> Option<([i32; TOKENS], [i32; TOKENS])> {
        debug_assert!(self.tick == tick, "the others are booked");
        let cell = &self.cells[tick as usize & (self.cells.len() - 1)];
        let gives = self.gives.map(|tokens| tokens as i32);
        (self.far_first >> self.shift > tick).then(|| {
            (
                cell.map(|key| (key >> 1) as i32),
                cell.map(|key| gives[0] + ((gives[1] - gives[0]) & -((key & 1) as i32))),
            )
        })
    }

    /// Goes on to the next slice; what all those of this one have given back.
    #[inline(always)]
    pub(super) fn pass_slice(&mut self) -> i32 {
        let given = self.empty(self.tick);
        self.tick += 1;
        given as i32
    }

    /// Takes all out of the cell of a slice; what they give back.
    #[inline(always)]
    fn empty(&mut self, tick: u64) -> u32 {
        let place = tick as usize & (self.cells.len() - 1);
        self.lens[place] = 0;
        let mut given = 0;
        for key in std::mem::replace(&mut self.cells[place], [NONE; TOKENS]) {
            given += if key == NONE { 0 } else { self.gives[key as usize & 1] };
        }
        given
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a list, while slices change their width and their number.
        #[test]
        fn each_first_token_gives_back_once_and_in_time(
            steps in prop::collection::vec((0u64..300, 0u64..2_000, 0u32..4, 0u8..5), 1..300),
            fits in prop::collection::vec((3u32..9, 2u32..7), 1..4),
        ) {
            let mut refills = Refills::new(7);
            // All before this instant is booked.
            let (mut all, mut until, mut booked) = (Vec::new(), 0, 0);
            for (nth, &(passes, comes, kind, does)) in steps.iter().enumerate() {
                let at = SimTime(until + comes);
                match kind {
                    0 | 1 => refills.push_if(true, at, kind),
                    2 => refills.push_apart(at, 20),
                    _ => refills.push_if(false, at, 1),
                }
                all.extend([1, 7, 20].get(kind as usize).map(|&gives| (at.0, gives)));
                let shift = refills.shift;
                match does {
                    0 => {
                        let (shift, slices) = fits[nth % fits.len()];
                        refills.refit(shift, 1 << slices);
                    }
                    1 => {
                        booked += refills.take(SimTime(until + passes));
                        until += passes + 1;
                    }
                    // A walk passes a slice at a time.
                    2 if until == refills.tick << shift && let Some((comes, gives)) = refills.of_slice(refills.tick) => {
                        let in_time = comes.iter().zip(gives).filter(|&(&comes, _)| comes < 1 << shift);
                        let given: i32 = in_time.map(|(_, gives)| gives).sum();
                        prop_assert_eq!(refills.pass_slice(), given);
                        booked += given as u64;
                        until += 1 << shift;
                    }
                    _ => {
                        let tick = (until + passes) >> shift;
                        booked += refills.take_before(tick);
                        until = until.max(tick << shift);
                    }
                }
                let expected: u64 = all.iter().filter(|&&(at, _)| at < until).map(|&(_, gives)| gives).sum();
                prop_assert_eq!(booked, expected);
            }
        }
    }
}
