//! Requests of a block that are marked, of which there are few in most blocks.
//!
//! They are marked a byte each, by loops that look at many requests at a time. Who looks for marked ones finds them in as
//! many bits: those of a slice of time in one step, the next one in a few.
//!
//! *Why*: a table of the next one from each place on would be one load to ask, but must be filled place by place.

use super::draws::BLOCK;
use crate::wide::{Loop, widest};
use std::ops::BitOr;

/// So many places are looked at in one step.
const GROUP: usize = u64::BITS as usize;

/// Places of a block, a bit each.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Places([u64; BLOCK / GROUP]);

impl Places {
    /// Those that are marked.
    pub(super) fn of(marked: &[bool; BLOCK]) -> Places {
        let mut places = Places::default();
        widest(Packing { marked, places: &mut places });
        places
    }

    #[inline(always)]
    pub(super) fn has(&self, place: usize) -> bool {
        (self.0[place / GROUP] >> (place % GROUP)) & 1 > 0
    }

    pub(super) fn insert(&mut self, place: usize) {
        self.0[place / GROUP] |= 1 << (place % GROUP);
    }

    /// The first of them from this one on; beyond all places if there is none.
    #[inline(always)]
    pub(super) fn next(&self, place: usize) -> usize {
        let mut from = place % GROUP;
        for (group, bits) in self.0.iter().enumerate().skip(place / GROUP) {
            let bits = bits >> from << from;
            if bits > 0 {
                return group * GROUP + bits.trailing_zeros() as usize;
            }
            from = 0;
        }
        usize::MAX
    }

    /// All, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = usize> {
        (0..).zip(self.0).flat_map(|(group, mut bits)| {
            std::iter::from_fn(move || {
                let place = (bits > 0).then(|| group * GROUP + bits.trailing_zeros() as usize);
                bits &= bits.wrapping_sub(1);
                place
            })
        })
    }

    /// Of so many places from this one on, fewer than 64, those that are: a bit each.
    #[inline(always)]
    pub(super) fn bits(&self, place: usize, count: usize) -> u64 {
        debug_assert!(count < GROUP, "there is a bit for each");
        let group = |group: usize| self.0.get(group).copied().unwrap_or_default();
        let (nth, from) = (place / GROUP, place % GROUP);
        let bits = (group(nth) >> from) | (group(nth + 1) << 1 << (GROUP - 1 - from));
        bits & ((1 << (count % GROUP)) - 1)
    }
}

impl BitOr for Places {
    type Output = Places;

    fn bitor(mut self, other: Places) -> Places {
        self.0.iter_mut().zip(other.0).for_each(|(mine, others)| *mine |= others);
        self
    }
}

/// Puts marks into bits.
struct Packing<'p> {
    marked: &'p [bool; BLOCK],
    places: &'p mut Places,
}

impl Loop for Packing<'_> {
    #[inline(always)]
    fn run(self) {
        for (bits, marked) in self.places.0.iter_mut().zip(self.marked.chunks_exact(GROUP)) {
            *bits = (0..).zip(marked).fold(0, |bits, (place, &is)| bits | (u64::from(is) << place));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against the marks themselves.
        #[test]
        fn marked_places_are_found(few in prop::collection::vec(0..BLOCK, 0..20), place in 0..BLOCK, count in 0..GROUP) {
            let mut marked = [false; BLOCK];
            for &place in &few {
                marked[place] = true;
            }
            let places = Places::of(&marked);
            prop_assert!((0..BLOCK).all(|place| places.has(place) == marked[place]));
            let next = (place..BLOCK).find(|&place| marked[place]);
            prop_assert_eq!(places.next(place), next.unwrap_or(usize::MAX));
            prop_assert!(places.all().eq((0..BLOCK).filter(|&place| marked[place])));
            let bits: u64 = (place..BLOCK).take(count).map(|other| u64::from(marked[other]) << (other - place)).sum();
            prop_assert_eq!(places.bits(place, count), bits);
            let all = Places::of(&[true; BLOCK]);
            prop_assert!((places | all).all().eq(0..BLOCK));
        }
    }
}
