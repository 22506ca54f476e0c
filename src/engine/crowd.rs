//! Those that wait and go in any order.
//!
//! Whoever goes is picked at random from all that are there. Of those that have been there for a while a part is picked
//! beforehand; who has come since then is picked with the probability that is due.
//!
//! *Why*: where hundreds of thousands wait, who is picked is far away in memory. Many are fetched in a row, so that all
//! are on the way at the same time; and what is to be done for each is done for many at once.

use super::draws::BLOCK;
use std::hint::black_box;

/// How many are picked beforehand: one of so many that are there, but so many at least, if they are there, and at most.
const ONE_OF: usize = 8;
const FEWEST: usize = 64;
const MOST: usize = 512;
const _: () = assert!(MOST <= BLOCK, "a lane draws them into one block");

/// Members that go in random order.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    /// Those that have been picked, the next at the end.
    next: Vec<T>,
    /// The others, in no order. All side by side: the fewer instructions it takes to look at one, the more are on their way
    /// at the same time.
    others: Vec<T>,
    /// How many of the others were there when some were picked; those after them are late.
    early: usize,
    /// How many draws have been made so far.
    drawn: u32,
    /// Of how many more it is known that they let the next go of those that have been picked.
    sure: u32,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Crowd { next: Vec::new(), others: Vec::new(), early: 0, drawn: 0, sure: 0 }
    }
}

impl<T: Copy> Crowd<T> {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.next.len() + self.others.len()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.next.is_empty() && self.others.is_empty()
    }

    #[inline(always)]
    pub(super) fn join(&mut self, member: T) {
        self.others.push(member);
    }

    /// These join.
    #[inline(always)]
    pub(super) fn join_all(&mut self, members: impl Iterator<Item = T>) {
        self.others.extend(members);
    }

    /// Takes out all.
    pub(super) fn clear(&mut self) {
        *self = Crowd { drawn: self.drawn, ..Crowd::default() };
    }

    /// Takes out one, any; `bits` has uniform bits for each draw.
    pub(super) fn pick(&mut self, bits: impl Fn(u32) -> u64) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        if !self.has_next() {
            self.pick_some(&bits);
        }
        match self.choose(0, bits) {
            Some(late) => Some(self.take_late(late)),
            None => self.take_next(),
        }
    }

    /// Whether any have been picked beforehand.
    #[inline(always)]
    pub(super) fn has_next(&self) -> bool {
        !self.next.is_empty()
    }

    /// Picks some beforehand; nobody is late then.
    #[inline(never)]
    pub(super) fn pick_some(&mut self, bits: impl Fn(u32) -> u64) {
        let mut places = [0; MOST];
        let there = self.others.len();
        let places = &mut places[..(there / ONE_OF).clamp(FEWEST, MOST).min(there)];
        for (nth, place) in places.iter_mut().enumerate() {
            *place = self.draw(there - nth, &bits);
        }
        // All are looked at before any is moved: what has to be fetched is on the way at the same time.
        for &place in &*places {
            black_box(self.others[place]);
        }
        let Crowd { next, others, .. } = self;
        next.extend(places.iter().map(|&place| others.swap_remove(place)));
        self.early = self.others.len();
    }

    /// Picks one, where so many have come that have not joined: which of the late, those after the others, or none of them
    /// but the next.
    #[inline(always)]
    pub(super) fn choose(&mut self, have_come: usize, bits: impl Fn(u32) -> u64) -> Option<usize> {
        let place = self.draw(self.len() + have_come, bits);
        (place < self.others.len() - self.early + have_come).then_some(place)
    }

    /// Those that have been picked, the next at the end.
    #[inline(always)]
    pub(super) fn picked(&self) -> &[T] {
        &self.next
    }

    /// As [`picked`](Self::picked), to change.
    #[inline(always)]
    pub(super) fn picked_mut(&mut self) -> &mut [T] {
        &mut self.next
    }

    /// Notes for how long it is sure that those go that have been picked, whoever of so many has come that has not joined.
    #[inline(never)]
    pub(super) fn look_ahead(&mut self, may_have_come: usize, bits: impl Fn(u32) -> u64) {
        // Fewer are never there meanwhile, and not more are late: who is picked is no less, and must not be below.
        let (fewest, late) = (self.others.len() as u128, self.others.len() - self.early + may_have_come);
        let share = ((late as u128) << 64).checked_div(fewest).unwrap_or(u128::MAX);
        let share = u64::try_from(share).unwrap_or(u64::MAX);
        let most = self.next.len() as u32;
        self.sure = 0;
        while self.sure < most && bits(self.drawn.wrapping_add(self.sure)) > share {
            self.sure += 1;
        }
    }

    /// Whether the next of those that have been picked goes for sure; then that is drawn.
    #[inline(always)]
    pub(super) fn next_is_sure(&mut self) -> bool {
        let is_sure = self.sure > 0;
        self.sure -= u32::from(is_sure);
        self.drawn = self.drawn.wrapping_add(u32::from(is_sure));
        is_sure
    }

    /// How many of those that have been picked go next for sure, one after the other.
    #[inline(always)]
    pub(super) fn sure(&self) -> usize {
        self.next.len().min(self.sure as usize)
    }

    /// Takes out so many that go for sure.
    #[inline(always)]
    pub(super) fn take_sure(&mut self, count: usize) {
        self.sure -= count as u32;
        self.drawn = self.drawn.wrapping_add(count as u32);
        self.next.truncate(self.next.len() - count);
    }

    /// Takes out the next of those that have been picked.
    #[inline(always)]
    pub(super) fn take_next(&mut self) -> Option<T> {
        self.next.pop()
    }

    /// Takes out one of the late.
    #[inline(never)]
    pub(super) fn take_late(&mut self, late: usize) -> T {
        self.others.swap_remove(self.early + late)
    }

    /// One of the numbers below this one, all equally likely.
    #[inline(always)]
    fn draw(&mut self, below: usize, bits: impl Fn(u32) -> u64) -> usize {
        let bits = bits(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        part(bits, below)
    }
}

/// One of the numbers below this one, by uniform bits.
#[inline(always)]
fn part(bits: u64, below: usize) -> usize {
    ((u128::from(bits) * below as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, Purpose};

    const RUNS: u64 = 60_000;

    /// How often each of so many members goes at each turn, if so many join after each turn.
    fn turns<const MEMBERS: usize>(joins: [usize; MEMBERS]) -> [[f64; MEMBERS]; MEMBERS] {
        let key = Key::new(1, 0, 0, Purpose::Waiters);
        let mut turns = [[0.0; MEMBERS]; MEMBERS];
        for run in 0..RUNS {
            let (mut crowd, mut joined) = (Crowd::default(), 0);
            for (turn, &joins) in joins.iter().enumerate() {
                for member in joined..joined + joins {
                    crowd.join(member);
                }
                joined += joins;
                assert_eq!(crowd.len(), joined - turn);
                let member = crowd.pick(|draw| key.attempt_bits(run, draw)).expect("somebody is there");
                turns[member][turn] += 1.0 / RUNS as f64;
            }
            assert!(crowd.is_empty());
        }
        turns
    }

    #[test]
    fn nobody_is_preferred() {
        let [a, b, c, d] = turns([2, 2, 0, 0]);
        for (member, expected) in [
            (a, [1.0 / 2.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]),
            (b, [1.0 / 2.0, 1.0 / 6.0, 1.0 / 6.0, 1.0 / 6.0]),
            (c, [0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]),
            (d, [0.0, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]),
        ] {
            for (share, expected) in member.into_iter().zip(expected) {
                assert!((share - expected).abs() < 0.01, "{member:?}");
            }
        }
    }

    /// More than are picked at once.
    #[test]
    fn nobody_is_preferred_among_many() {
        const MEMBERS: usize = 3 * FEWEST;
        let mut joins = [0; MEMBERS];
        (joins[0], joins[FEWEST / 2], joins[FEWEST + 1]) = (2 * FEWEST, FEWEST / 2, FEWEST / 2);
        let mean = |member: [f64; MEMBERS]| (0..).zip(member).map(|(turn, share)| f64::from(turn) * share).sum::<f64>();
        let turns = turns(joins).map(mean);
        let of = |range: std::ops::Range<usize>| turns[range.clone()].iter().sum::<f64>() / range.len() as f64;
        // Those that are there from the beginning: one in 2·FEWEST of them goes at each turn until others join, and so on.
        let last = (MEMBERS - 1) as f64;
        let expected_last = (FEWEST as f64 + 1.0 + last) / 2.0;
        assert!((of(MEMBERS - FEWEST / 2..MEMBERS) - expected_last).abs() < 0.3, "{turns:?}");
        for member in 0..2 * FEWEST {
            assert!((turns[member] - of(0..2 * FEWEST)).abs() < 1.5, "{member}: {turns:?}");
        }
    }
}
