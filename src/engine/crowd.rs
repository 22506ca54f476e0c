//! Those that wait and go in any order.
//!
//! They are kept in a random order from the start: each joins at a random place, whose holder moves to the end. So all
//! orders are equally likely at any time, whoever is last goes next, and whoever has gone leaves them as random as before.
//!
//! *Why*: whom to pick need not be drawn when somebody may go, and is at hand: where hundreds of thousands wait, the random
//! place is far away in memory, but nobody waits for what is swapped there.

/// Members in random order.
#[derive(Debug)]
pub(super) struct Crowd<T> {
    members: Vec<T>,
    /// How many have joined so far.
    joined: u32,
}

impl<T> Default for Crowd<T> {
    fn default() -> Self {
        Crowd { members: Vec::new(), joined: 0 }
    }
}

impl<T: Copy> Crowd<T> {
    /// How many have joined so far, those that have gone as well: what tells the next one's draw from others.
    #[inline(always)]
    pub(super) fn joined(&self) -> u32 {
        self.joined
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    #[inline(always)]
    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// Joins at a place that uniform `bits` choose.
    #[inline(always)]
    pub(super) fn join(&mut self, member: T, bits: u64) {
        let last = self.members.len();
        let place = ((u128::from(bits) * (last as u128 + 1)) >> 64) as usize;
        self.members.push(member);
        self.members.swap(place, last);
        self.joined = self.joined.wrapping_add(1);
    }

    /// Takes out who goes next.
    #[inline(always)]
    pub(super) fn next(&mut self) -> Option<T> {
        self.members.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, Purpose};

    /// Of four, two of whom join after one has gone, each goes at each turn equally often.
    #[test]
    fn nobody_is_preferred() {
        const RUNS: u64 = 60_000;
        let key = Key::new(1, 0, 0, Purpose::Waiters);
        let mut turns = [[0u64; 3]; 4];
        for run in 0..RUNS {
            let mut crowd = Crowd::default();
            let mut join = |crowd: &mut Crowd<usize>, member| crowd.join(member, key.attempt_bits(run, crowd.joined()));
            join(&mut crowd, 0);
            join(&mut crowd, 1);
            let first = crowd.next().expect("two have joined");
            turns[first][0] += 1;
            join(&mut crowd, 2);
            join(&mut crowd, 3);
            for turn in 1..3 {
                let member = crowd.next().expect("three are left");
                turns[member][turn] += 1;
            }
            assert_eq!((crowd.len(), crowd.joined()), (1, 4));
        }
        let share = |count: u64| count as f64 / RUNS as f64;
        for (member, [first, second, third]) in turns.into_iter().enumerate() {
            let early = member < 2;
            assert!((share(first) - if early { 0.5 } else { 0.0 }).abs() < 0.01, "{turns:?}");
            for turn in [second, third] {
                assert!((share(turn) - if early { 1.0 / 6.0 } else { 1.0 / 3.0 }).abs() < 0.01, "{turns:?}");
            }
        }
    }
}
