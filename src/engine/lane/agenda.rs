//! The calendar of a lane: a timing wheel of slices whose entries are eight bytes.
//!
//! As [`Calendar`](crate::engine::calendar::Calendar), with what a lane makes possible: an entry says where in its slice
//! an event is, of which class, and whose it is, in one number; a cell is two cache lines, and two of loads, all that there
//! is to know of an end, so that nobody has to look it up. What orders two events at one instant is not in the entry: it is
//! asked for where it matters, which is almost never. Slices whose order does not matter are handed over as they are.
//!
//! *Why*: half the bytes of an entry of the general calendar, which must carry the order of every event along, and
//! slices put in order without a branch. *Measured*: with it a request of the benchmark `low 100` takes 0.87 of the time
//! that the same lane takes on the general calendar, each event by itself.

use super::cells::{CELL, Cell, Pushing, key_of};
use super::entry::{Entry, Moment, What};
use super::load::Load;
use super::ranks::{BATCH, Ranking};
use crate::units::SimTime;
use crate::wide::widest;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::RangeInclusive;

/// Events per slice that the width aims at, and half as many at least.
const PER_SLICE: u64 = 10;
/// It stays as it is with so many.
const WELL_FILLED: RangeInclusive<u64> = 4..=11;
/// Slices of a turn, at least and at most; one for each event that is pending. An event beyond the turn goes through the
/// heap, and those that take long are more than a few where few are pending.
///
/// *Measured*: with no fewer than 256, not 64, a request of the benchmarks `sat 100` and `low 100` takes 0.95 to 1.0 of the
/// time; with twice as many for ten thousand in flight, 1.1.
const SLICES: [usize; 2] = [256, 1 << 16];
/// The wheel is measured, and refitted if need be, after this many events.
const REFIT_AFTER: u32 = 4096;
/// No slice is longer than 2 to this power \[ns\]: the place in a slice is a signed number of 32 bits, and below the
/// largest.
const WIDEST: u32 = 30;
/// No entry: later than all others.
const NONE: u64 = u64::MAX;

/// Knows which of two simultaneous events of a class comes first: the one with the smaller number.
pub(super) trait Orders {
    fn order_of(&self, what: What) -> u64;
}

/// What is due when. At one instant ends come before timeouts, these before releases, and these before retries.
#[derive(Debug)]
pub(super) struct Agenda {
    /// The entries of the current slice in order, and how many of them have passed.
    due: Vec<Entry>,
    passed: usize,
    /// The current slice, counted from time zero, and when it begins \[ns\].
    tick: u64,
    base: u64,
    /// The width of a slice is 2 to this power \[ns\].
    shift: u32,
    cells: Vec<Cell>,
    /// How many entries each has: apart from them, so that it is at hand when there is one more.
    lens: Vec<u32>,
    /// Entries in cells.
    held: usize,
    /// By instant, what a cell or the wheel's span has no room for.
    far: BinaryHeap<Reverse<(u64, What, Load)>>,
    /// The first instant in `far`.
    far_first: u64,
    /// Events taken out since the wheel was fitted, and when that was.
    taken: u32,
    fitted_at: u64,
}

impl Default for Agenda {
    fn default() -> Self {
        Agenda {
            due: Vec::with_capacity(4 * CELL),
            passed: 0,
            tick: 0,
            base: 0,
            shift: 24,
            cells: vec![Cell::empty(); SLICES[0]],
            lens: vec![0; SLICES[0]],
            held: 0,
            far: BinaryHeap::new(),
            far_first: NONE,
            // The first refit comes early: the width is a guess until then.
            taken: REFIT_AFTER - REFIT_AFTER / 16,
            fitted_at: 0,
        }
    }
}

impl Agenda {
    /// Adds an event, which is not earlier than the last one taken out, and comes after those of its class and instant.
    #[inline(always)]
    pub(super) fn push(&mut self, at: SimTime, what: What, load: Load) {
        let ahead = (at.0 >> self.shift).wrapping_sub(self.tick + 1);
        let mask = self.lens.len() - 1;
        if ahead < mask as u64 {
            let place = (at.0 >> self.shift) as usize & mask;
            let len = self.lens[place] as usize;
            if len < CELL {
                self.cells[place].put(len, key_of(at.0, (1 << self.shift) - 1, what), load);
                self.lens[place] += 1;
                self.held += 1;
                return;
            }
        }
        self.push_aside(at, what, load);
    }

    /// Adds events, many in a row.
    #[inline(always)]
    pub(super) fn pushing(&mut self) -> Pushing<'_> {
        let (shift, next) = (self.shift, self.tick + 1);
        let Agenda { cells, lens, held, far, far_first, .. } = self;
        let mask = cells.len() as u64 - 1;
        Pushing { shift, within: (1 << shift) - 1, next, mask, cells, lens, aside: 0, held, far, far_first }
    }

    /// As `push`, for an event that may come before others of its class and instant.
    pub(super) fn push_in_order(&mut self, at: SimTime, what: What, orders: &impl Orders) {
        if at.0 >> self.shift != self.tick {
            self.push(at, what, Load::default());
            return;
        }
        let entry = self.due_entry(at, what, Load::default());
        let key = |entry: &Entry| (entry.moment(), orders.order_of(entry.what()));
        let place = self.due[self.passed..].partition_point(|other| key(other) < key(&entry));
        self.due.insert(self.passed + place, entry);
    }

    #[inline(never)]
    fn push_aside(&mut self, at: SimTime, what: What, load: Load) {
        debug_assert!(at.0 >> self.shift >= self.tick, "nothing comes before what has happened");
        if at.0 >> self.shift == self.tick {
            let entry = self.due_entry(at, what, load);
            let place = self.due[self.passed..].partition_point(|other| other.moment() <= entry.moment());
            self.due.insert(self.passed + place, entry);
        } else {
            self.far.push(Reverse((at.0, what, load)));
            self.far_first = self.far_first.min(at.0);
        }
    }

    /// The entry of an event in the current slice.
    fn due_entry(&self, at: SimTime, what: What, load: Load) -> Entry {
        Entry { key: ((at.0 - self.base) << 32) | u64::from(what.0), load }
    }

    /// Takes out the first event, if it is before this moment.
    #[inline(always)]
    pub(super) fn pop_before(&mut self, moment: Moment, orders: &impl Orders) -> Option<(SimTime, Entry)> {
        loop {
            if let Some(&entry) = self.due.get(self.passed) {
                if !moment.is_after(self.base, entry) {
                    return None;
                }
                self.passed += 1;
                return Some((SimTime(self.base + entry.offset()), entry));
            }
            if !self.turn(moment.until(), orders) {
                return None;
            }
        }
    }

    /// Whether all events of the current slice have passed.
    #[inline(always)]
    pub(super) fn is_through(&self) -> bool {
        self.passed == self.due.len()
    }

    /// When the first event of the current slice is due, and what it is; the end of time if all have passed.
    #[inline(always)]
    pub(super) fn first(&self) -> (SimTime, Entry) {
        match self.due.get(self.passed) {
            Some(&entry) => (SimTime(self.base + entry.offset()), entry),
            None => (SimTime::MAX, Entry::default()),
        }
    }

    /// What is still due in the current slice, in order.
    #[inline(always)]
    pub(super) fn due(&self) -> &[Entry] {
        &self.due[self.passed..]
    }

    /// When an entry of the current slice is due.
    #[inline(always)]
    pub(super) fn time_of(&self, entry: &Entry) -> SimTime {
        SimTime(self.base + entry.offset())
    }

    /// The first instant after the current slice.
    #[inline(always)]
    pub(super) fn end_of_slice(&self) -> SimTime {
        SimTime(self.base.saturating_add(1 << self.shift))
    }

    /// Takes out the first so many events of the current slice.
    #[inline(always)]
    pub(super) fn pass_all(&mut self, events: usize) {
        self.passed += events;
    }

    /// Takes the first event out, if it `happens`.
    #[inline(always)]
    pub(super) fn pass(&mut self, happens: bool) {
        self.passed += usize::from(happens);
    }

    /// Turns the wheel to the next slice with events, but not past the one of `until`; whether there is one.
    #[inline(never)]
    pub(super) fn turn(&mut self, until: SimTime, orders: &impl Orders) -> bool {
        if self.taken >= REFIT_AFTER {
            self.refit();
            if !self.due.is_empty() {
                put_ties_in_order(&mut self.due, orders);
                return true;
            }
        }
        let last = until.0.saturating_sub(1) >> self.shift;
        let far = self.far_first >> self.shift;
        let mask = self.cells.len() - 1;
        let mut tick = self.tick;
        loop {
            if tick >= last {
                break;
            }
            tick = if self.held == 0 { last.min(far.max(tick + 1)) } else { tick + 1 };
            if self.lens[tick as usize & mask] > 0 || tick == far {
                break;
            }
        }
        let moved = tick != self.tick;
        self.tick = tick;
        self.base = tick << self.shift;
        moved && self.open(tick == far, orders)
    }

    /// Makes the entries of the current slice due; whether there are any.
    #[inline(always)]
    fn open(&mut self, with_far: bool, orders: &impl Orders) -> bool {
        let place = self.tick as usize & (self.cells.len() - 1);
        let (cell, len) = (&self.cells[place], self.lens[place] as usize);
        let (mut sorted, mut tied) = ([Entry::default(); BATCH], false);
        widest(Ranking { cell, len, sorted: &mut sorted, tied: &mut tied });
        self.due.clear();
        self.passed = 0;
        if tied {
            self.due.extend(cell.entries(len));
        } else {
            self.due.extend_from_slice(&sorted);
            self.due.truncate(len);
        }
        self.lens[place] = 0;
        self.held -= len;
        if with_far {
            self.fetch_far();
        }
        if tied || with_far {
            put_ties_in_order(&mut self.due, orders);
        }
        self.taken += self.due.len() as u32;
        !self.due.is_empty()
    }

    /// Adds what the heap holds of the current slice to what is due.
    #[cold]
    fn fetch_far(&mut self) {
        while let Some((entry, _)) = self.pop_far(self.tick) {
            self.due.push(entry);
        }
    }

    /// Takes an event out of the heap that is not later than the slice of this tick, and says of which it is.
    fn pop_far(&mut self, tick: u64) -> Option<(Entry, u64)> {
        let &Reverse((at, what, load)) = self.far.peek().filter(|Reverse((at, ..))| at >> self.shift <= tick)?;
        self.far.pop();
        self.far_first = self.far.peek().map_or(NONE, |&Reverse((at, ..))| at);
        let tick = at >> self.shift;
        Some((Entry { key: ((at - (tick << self.shift)) << 32) | u64::from(what.0), load }, tick))
    }

    /// Fits the width of the slices to the spacing of events, and their number to how many are pending.
    #[cold]
    #[inline(never)]
    fn refit(&mut self) {
        // All that was due has been taken out.
        self.due.clear();
        self.passed = 0;
        let now = self.base;
        let spacing = now.saturating_sub(self.fitted_at) / u64::from(self.taken);
        let shift = (PER_SLICE * spacing).max(1).ilog2().min(WIDEST);
        let pending = self.held + self.far.len();
        let slices = pending.next_power_of_two().clamp(SLICES[0], SLICES[1]);
        let now_there = self.cells.len();
        let per_slice = (u64::from(self.taken) << self.shift) / now.saturating_sub(self.fitted_at).max(1);
        let fits = (shift == self.shift || WELL_FILLED.contains(&per_slice))
            && slices <= now_there * 2
            && slices * 8 >= now_there;
        self.taken = 0;
        self.fitted_at = now;
        if fits {
            return;
        }
        let mut pending = self.drain();
        pending.extend(self.far.drain().map(|Reverse(event)| event));
        self.far_first = NONE;
        // A wider slice may hold some of what comes next: that is then due.
        self.tick = now >> shift;
        self.base = self.tick << shift;
        self.shift = shift;
        if slices != now_there {
            // Megabytes: the old ones go before the new ones come.
            self.cells = Vec::new();
            self.cells = vec![Cell::empty(); slices];
            self.lens = vec![0; slices];
        }
        for (at, what, load) in pending {
            self.push(SimTime(at), what, load);
        }
    }

    /// Takes all entries out of the cells.
    fn drain(&mut self) -> Vec<(u64, What, Load)> {
        let mask = self.cells.len() - 1;
        let mut events = Vec::with_capacity(self.held);
        for tick in self.tick + 1..self.tick + self.cells.len() as u64 {
            let entries = self.cells[tick as usize & mask].entries(self.len_of(tick));
            events.extend(entries.map(|entry| ((tick << self.shift) + entry.offset(), entry.what(), entry.load)));
        }
        self.lens.fill(0);
        self.held = 0;
        events
    }

    /// All that is still to come, in no order.
    pub(super) fn events(&self) -> impl Iterator<Item = (What, Load)> {
        let ticks = self.tick + 1..self.tick + self.cells.len() as u64;
        let ticks = ticks.filter(|&tick| self.len_of(tick) > 0);
        let entries = self.due[self.passed..].iter().copied().chain(ticks.flat_map(|tick| self.entries(tick)));
        let far = self.far.iter().map(|&Reverse((_, what, load))| (what, load));
        entries.map(|entry| (entry.what(), entry.load)).chain(far)
    }
}

/// What a stretch of slices needs, which are lived through without a look at the order of their events.
impl Agenda {
    /// The first slice that has not begun, if nothing is due before it.
    #[inline(always)]
    pub(super) fn next_tick(&self) -> Option<u64> {
        (self.is_through() && self.taken < REFIT_AFTER).then_some(self.tick + 1)
    }

    /// How many low bits of an instant are the place in its slice.
    #[inline(always)]
    pub(super) fn shift(&self) -> u32 {
        self.shift
    }

    /// How many slices the wheel can hold beside the current one.
    #[inline(always)]
    pub(super) fn slices(&self) -> u64 {
        self.cells.len() as u64 - 1
    }

    /// When a slice begins.
    #[inline(always)]
    pub(super) fn start_of(&self, tick: u64) -> SimTime {
        SimTime(tick << self.shift)
    }

    /// The first slice from `tick` on, and before `end`, in which there is more than ends, or may be; or `end`.
    #[cold]
    pub(super) fn first_but_ends(&self, tick: u64, end: u64) -> u64 {
        let end = end.min(self.far_first >> self.shift);
        let only_ends = |&tick: &u64| self.entries(tick).all(|entry| entry.what().is_end());
        (tick..end).find(|tick| !only_ends(tick)).unwrap_or(end)
    }

    /// The cell of a slice within the turn.
    #[inline(always)]
    pub(super) fn cell(&self, tick: u64) -> &Cell {
        &self.cells[tick as usize & (self.cells.len() - 1)]
    }

    /// How many entries the cell of a slice within the turn has.
    #[inline(always)]
    pub(super) fn len_of(&self, tick: u64) -> usize {
        self.lens[tick as usize & (self.lens.len() - 1)] as usize
    }

    /// The entries of the cell of a slice within the turn.
    #[inline(always)]
    pub(super) fn entries(&self, tick: u64) -> impl Iterator<Item = Entry> {
        self.cell(tick).entries(self.len_of(tick))
    }

    /// What of the slices up to this one is in no cell, and of which slice each is.
    #[inline(always)]
    pub(super) fn take_far(&mut self, last: u64, out: &mut Vec<(Entry, u64)>) {
        out.clear();
        if self.far_first >> self.shift <= last {
            while let Some(far) = self.pop_far(last) {
                out.push(far);
            }
            self.taken += out.len() as u32;
        }
    }

    /// Takes back what has been [taken](Agenda::take_far) from there.
    pub(super) fn put_back(&mut self, far: &[(Entry, u64)]) {
        self.taken -= far.len() as u32;
        for &(entry, tick) in far {
            let at = self.start_of(tick).0 + entry.offset();
            self.far.push(Reverse((at, entry.what(), entry.load)));
            self.far_first = self.far_first.min(at);
        }
    }

    /// Goes on to the end of so many slices, with so many events in their cells; all of them are seen to.
    #[inline(always)]
    pub(super) fn pass_slices(&mut self, count: u64, events: usize) {
        for tick in self.tick + 1..=self.tick + count {
            let mask = self.lens.len() - 1;
            self.lens[tick as usize & mask] = 0;
        }
        self.tick += count;
        self.base = self.tick << self.shift;
        self.held -= events;
        self.taken += events as u32;
    }
}

/// Orders entries of which some are of one class and instant.
#[cold]
#[inline(never)]
fn put_ties_in_order(entries: &mut [Entry], orders: &impl Orders) {
    entries.sort_unstable_by_key(|entry| (entry.moment(), orders.order_of(entry.what())));
}

#[cfg(test)]
mod tests;
