//! Those that wait and go in any order.
//!
//! Whoever goes is picked at random from all that are there. Of those that have been there for a while the order is made
//! beforehand, of a few at a time; who has come since then is picked with the probability that is due.
//!
//! *Why*: where hundreds of thousands wait, who is picked is far away in memory. Many are fetched in a row, so that all
//! are on the way at the same time, and only their numbers are put in random order.

/// Of how many, at the most, the order is made at once.
const NEXT: usize = 64;
/// Members that are stored side by side: a store that grows need not be moved.
const SIDE_BY_SIDE: usize = 1024;

/// Members in random order.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    /// Those that are picked next of all but the late, the very next at the end.
    next: Vec<T>,
    /// The numbers of those after them, in random order.
    rest: Vec<u32>,
    /// The numbers of those that have come since the order was made.
    late: Vec<u32>,
    /// By number, and the numbers that are free.
    members: Vec<Vec<T>>,
    free: Vec<u32>,
    /// How many draws have been made so far.
    drawn: u32,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Crowd { next: Vec::new(), rest: Vec::new(), late: Vec::new(), members: Vec::new(), free: Vec::new(), drawn: 0 }
    }
}

impl<T: Copy> Crowd<T> {
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.next.len() + self.rest.len() + self.late.len()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline(always)]
    pub(super) fn join(&mut self, member: T) {
        let number = if let Some(number) = self.free.pop() {
            self.members[number as usize / SIDE_BY_SIDE][number as usize % SIDE_BY_SIDE] = member;
            number
        } else {
            self.add(member)
        };
        self.late.push(number);
    }

    /// Stores one more; its number.
    #[inline(never)]
    fn add(&mut self, member: T) -> u32 {
        if self.members.last().is_none_or(|members| members.len() == SIDE_BY_SIDE) {
            self.members.push(Vec::with_capacity(SIDE_BY_SIDE));
        }
        let before = (self.members.len() - 1) * SIDE_BY_SIDE;
        let members = self.members.last_mut().expect("one has been added");
        members.push(member);
        (before + members.len() - 1) as u32
    }

    /// Takes out whoever is picked; `bits` has uniform bits for each draw.
    pub(super) fn pick(&mut self, bits: impl Fn(u32) -> u64) -> Option<T> {
        if self.is_empty() {
            return None;
        }
        self.make_order_if_needed(&bits);
        match self.choose(0, bits) {
            Some(place) => Some(self.take_late(place)),
            None => self.take_next(),
        }
    }

    /// Whether the order of some is known.
    #[inline(always)]
    pub(super) fn is_in_order(&self) -> bool {
        !self.next.is_empty()
    }

    /// Makes the order of some, if that of none is known; all that have come have joined.
    #[inline(always)]
    pub(super) fn make_order_if_needed(&mut self, bits: impl Fn(u32) -> u64) {
        if !self.is_in_order() {
            self.make_order(bits);
        }
    }

    /// Picks one, where so many have come that have not joined yet: the place among the late, these after those that have
    /// joined, or none if it is the next.
    #[inline(always)]
    pub(super) fn choose(&mut self, have_come: usize, bits: impl Fn(u32) -> u64) -> Option<usize> {
        let place = self.draw(self.len() + have_come, bits);
        (place < self.late.len() + have_come).then_some(place)
    }

    /// Takes out who is next in order.
    #[inline(always)]
    pub(super) fn take_next(&mut self) -> Option<T> {
        self.next.pop()
    }

    /// Takes out one of the late.
    #[inline(never)]
    pub(super) fn take_late(&mut self, place: usize) -> T {
        let number = self.late.swap_remove(place);
        self.take(number)
    }

    #[inline(always)]
    fn take(&mut self, number: u32) -> T {
        self.free.push(number);
        self.members[number as usize / SIDE_BY_SIDE][number as usize % SIDE_BY_SIDE]
    }

    #[inline(never)]
    fn make_order(&mut self, bits: impl Fn(u32) -> u64) {
        for nth in 0..self.late.len() {
            let last = self.rest.len();
            let place = self.draw(last + 1, &bits);
            // Whoever is there makes room.
            self.rest.push(self.late[nth]);
            self.rest.swap(place, last);
        }
        self.late.clear();
        let after = self.rest.len().saturating_sub(NEXT);
        for nth in after..self.rest.len() {
            let member = self.take(self.rest[nth]);
            self.next.push(member);
        }
        self.rest.truncate(after);
    }

    /// One of the numbers below this one, all equally likely.
    #[inline(always)]
    fn draw(&mut self, below: usize, bits: impl Fn(u32) -> u64) -> usize {
        let bits = bits(self.drawn);
        self.drawn = self.drawn.wrapping_add(1);
        ((u128::from(bits) * below as u128) >> 64) as usize
    }
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

    /// More than are put in order at once.
    #[test]
    fn nobody_is_preferred_among_many() {
        const MEMBERS: usize = 3 * NEXT;
        let mut joins = [0; MEMBERS];
        (joins[0], joins[NEXT / 2], joins[NEXT + 1]) = (2 * NEXT, NEXT / 2, NEXT / 2);
        let mean = |member: [f64; MEMBERS]| (0..).zip(member).map(|(turn, share)| f64::from(turn) * share).sum::<f64>();
        let turns = turns(joins).map(mean);
        let of = |range: std::ops::Range<usize>| turns[range.clone()].iter().sum::<f64>() / range.len() as f64;
        // Those that are there from the beginning: one in 2·NEXT of them goes at each turn until others join, and so on.
        let last = (MEMBERS - 1) as f64;
        let expected_last = (NEXT as f64 + 1.0 + last) / 2.0;
        assert!((of(MEMBERS - NEXT / 2..MEMBERS) - expected_last).abs() < 0.3, "{turns:?}");
        for member in 0..2 * NEXT {
            assert!((turns[member] - of(0..2 * NEXT)).abs() < 1.5, "{member}: {turns:?}");
        }
    }
}
