//! How long the answers to attempts in flight are, by the number of the admission.
//!
//! For clients that want to know nothing else of an end. All admissions have their place in a ring, one after the other, so
//! that those of a stretch are copied into it, and nobody takes out what has ended.
//!
//! *Why*: [`Hearers`](super::hearers::Hearers), each put in its place and taken out again, took a third of a stretch.

use super::load::Load;
use crate::units::{SimSpan, SimTime};
use std::collections::BTreeMap;

/// In place of the output of an answer that nobody hears.
pub(super) const UNHEARD: u32 = u32::MAX;

/// Places of the smallest ring.
const FEWEST: usize = 1024;
/// The ring is written over part by part, each when all of its attempts have ended.
const PARTS: usize = 8;

/// Outputs of the answers to attempts in flight [tokens].
#[derive(Debug, Default)]
pub(super) struct Outputs {
    /// A power of two, or none where nothing is kept; by the low bits of the number.
    ring: Vec<u32>,
    /// When the last attempt of each part ends.
    parts: [SimTime; PARTS],
    /// Of attempts that are in flight for very long, some attempts by number.
    outlasting: BTreeMap<u64, u32>,
}

impl Outputs {
    /// From the next admission on, each has its place.
    pub(super) fn begin(&mut self) {
        self.ring = vec![UNHEARD; FEWEST];
    }

    /// Whether each admission has its place.
    #[inline(always)]
    pub(super) fn have_begun(&self) -> bool {
        !self.ring.is_empty()
    }

    /// The output of the answer to an attempt, or [`UNHEARD`].
    #[inline(always)]
    pub(super) fn get(&self, number: u64) -> u32 {
        // Without a ring there is no such place.
        let place = number as usize & self.ring.len().wrapping_sub(1);
        self.ring.get(place).copied().unwrap_or(UNHEARD)
    }

    /// As [`get`](Self::get), of any attempt that ends; only once.
    pub(super) fn take(&mut self, number: u64) -> u32 {
        if self.outlasting.is_empty() { None } else { self.outlasting.remove(&number) }
            .unwrap_or_else(|| self.get(number))
    }

    /// Keeps the output of an attempt that is admitted now, the one after the last.
    #[inline(always)]
    pub(super) fn insert(&mut self, number: u64, output: u32, ends: SimTime, now: SimTime) {
        if ends > now.saturating_add(SimSpan(Load::LONGEST)) {
            self.outlasting.insert(number, output);
            self.insert_all(number, &[output], &[now], now);
        } else {
            self.insert_all(number, &[output], &[ends], now);
        }
    }

    /// The same of attempts that are admitted from now on, of which none is in flight for very long.
    #[inline(always)]
    pub(super) fn insert_all(&mut self, mut first: u64, mut outputs: &[u32], mut ends: &[SimTime], now: SimTime) {
        while !outputs.is_empty() {
            let mut each = self.ring.len() / PARTS;
            if first.is_multiple_of(each as u64) {
                each = self.make_room(first, now);
            }
            let place = first as usize & (self.ring.len() - 1);
            let count = outputs.len().min(each - place % each);
            self.ring[place..place + count].copy_from_slice(&outputs[..count]);
            let part = &mut self.parts[place / each];
            *part = ends[..count].iter().fold(*part, |last, &ends| last.max(ends));
            (first, outputs, ends) = (first + count as u64, &outputs[count..], &ends[count..]);
        }
    }

    /// Makes room for the attempts from this one on, by the part; how many there are in one.
    #[cold]
    #[inline(never)]
    fn make_room(&mut self, first: u64, now: SimTime) -> usize {
        let places = self.ring.len();
        let mut each = places / PARTS;
        let part_of = |number: u64, each: usize| (number / each as u64) as usize % PARTS;
        if self.parts[part_of(first, each)] > now {
            let (ring, parts) = (std::mem::take(&mut self.ring), std::mem::take(&mut self.parts));
            self.ring = vec![UNHEARD; 2 * places];
            for number in first.saturating_sub(places as u64)..first {
                self.ring[number as usize & (2 * places - 1)] = ring[number as usize & (places - 1)];
                let part = &mut self.parts[part_of(number, 2 * each)];
                *part = parts[part_of(number, each)].max(*part);
            }
            each *= 2;
        } else {
            self.parts[part_of(first, each)] = SimTime::ZERO;
        }
        each
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Against a map, with attempts of any length, one by one and many at once.
        #[test]
        fn outputs_are_kept_until_their_attempts_end(
            attempts in prop::collection::vec((0u32..45, 0u64..16, 1usize..300), 1..200),
            first in 0u64..5_000,
        ) {
            let (mut outputs, mut expected) = (Outputs::default(), BTreeMap::new());
            outputs.begin();
            let (mut now, mut number) = (SimTime(1), first);
            for (scale, length, count) in attempts {
                let ends = now.saturating_add(SimSpan(1 + (length << scale)));
                if count < 100 || ends.0 - now.0 > Load::LONGEST {
                    outputs.insert(number, number as u32 ^ 7, ends, now);
                    expected.insert(number, ends);
                    number += 1;
                } else {
                    let all: Vec<u32> = (number..).take(count).map(|number| number as u32 ^ 7).collect();
                    outputs.insert_all(number, &all, &vec![ends; count], now);
                    expected.extend((number..).take(count).map(|number| (number, ends)));
                    number += count as u64;
                }
                now = now.saturating_add(SimSpan(length << (scale / 2)));
                let ended: Vec<u64> = expected.iter().filter(|&(_, &ends)| ends <= now).map(|(&number, _)| number).collect();
                for number in ended {
                    expected.remove(&number);
                }
                for &number in expected.keys() {
                    let kept = outputs.outlasting.get(&number).copied().unwrap_or_else(|| outputs.get(number));
                    prop_assert_eq!(kept, number as u32 ^ 7);
                }
            }
        }
    }
}
