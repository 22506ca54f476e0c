//! The cells of a lane's calendar, and how many events in a row are added to them.

use super::entry::{Entry, What};
use super::load::Load;
use super::ranks::BATCH;
use crate::units::SimTime;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Entries of a cell, two cache lines and two of loads; what else its slice gets goes through the heap, one event in a
/// hundred.
pub(super) const CELL: usize = BATCH;

/// The entries of a slice, unsorted; beyond their number anything.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
pub(super) struct Cell {
    pub(super) keys: [u64; CELL],
    pub(super) loads: [Load; CELL],
}

impl Cell {
    pub(super) fn empty() -> Cell {
        Cell { keys: [0; CELL], loads: [Load::default(); CELL] }
    }

    #[inline(always)]
    pub(super) fn put(&mut self, nth: usize, key: u64, load: Load) {
        self.keys[nth] = key;
        self.loads[nth] = load;
    }

    /// The first so many.
    #[inline(always)]
    pub(super) fn entries(&self, len: usize) -> impl Iterator<Item = Entry> {
        let entries = self.keys.iter().zip(&self.loads).map(|(&key, &load)| Entry { key, load });
        entries.take(len)
    }
}

/// What is added to an [`Agenda`](super::agenda::Agenda) later than its current slice, with all that this takes at hand.
pub(super) struct Pushing<'g> {
    pub(super) shift: u32,
    /// The bits of an instant that are the place in its slice.
    pub(super) within: u64,
    pub(super) next: u64,
    pub(super) mask: u64,
    pub(super) cells: &'g mut [Cell],
    pub(super) lens: &'g mut [u32],
    /// How many went through the heap.
    pub(super) aside: usize,
    pub(super) held: &'g mut usize,
    pub(super) far: &'g mut BinaryHeap<Reverse<(u64, What, Load)>>,
    pub(super) far_first: &'g mut u64,
}

impl Pushing<'_> {
    /// Adds an event.
    #[inline(always)]
    pub(super) fn push(&mut self, at: SimTime, what: What, load: Load) {
        let tick = at.0 >> self.shift;
        let place = (tick & self.mask) as usize;
        let len = self.lens[place] as usize;
        if tick.wrapping_sub(self.next) < self.mask && len < CELL {
            self.cells[place].put(len, key_of(at.0, self.within, what), load);
            self.lens[place] += 1;
        } else {
            self.push_far(at, what, load);
        }
    }

    /// Adds an event so long after the beginning of the current slice \[ns\], and not in it, if it `happens`: a branch on that
    /// could not be predicted.
    #[inline(always)]
    pub(super) fn push_after(&mut self, happens: bool, after: u64, what: What, load: Load) {
        let slices = after >> self.shift;
        let (mask, cells) = (self.lens.len() as u64 - 1, &mut self.cells[..self.lens.len()]);
        let place = ((self.next - 1 + slices) & mask) as usize;
        let len = self.lens[place] as usize;
        if slices <= mask && len < CELL {
            cells[place].put(len, key_of(after, self.within, what), load);
            self.lens[place] += u32::from(happens);
        } else if happens {
            self.push_far(SimTime(((self.next - 1) << self.shift) + after), what, load);
        }
    }

    /// So many have been added.
    #[inline(always)]
    pub(super) fn end(self, pushed: usize) {
        *self.held += pushed - self.aside;
    }

    #[inline(never)]
    fn push_far(&mut self, at: SimTime, what: What, load: Load) {
        self.aside += 1;
        self.far.push(Reverse((at.0, what, load)));
        *self.far_first = at.0.min(*self.far_first);
    }
}

/// The key of what is due at an instant, of which these bits are the place in its slice.
#[inline(always)]
pub(super) fn key_of(at: u64, within: u64, what: What) -> u64 {
    ((at & within) << 32) | u64::from(what.0)
}
