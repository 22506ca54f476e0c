//! The event calendar: a timing wheel with sorted opening, exact for any instants.
//!
//! Time is cut into buckets of 2ˢ ns. Events of the bucket that time has reached are *due*, sorted; later ones lie
//! unsorted in the cells of a wheel, side by side; what a full cell or the wheel's span does not hold waits in a heap.
//! Putting an event in is one store, taking it out a place in a sorted handful, where a heap pays a cache miss and a
//! mispredicted branch per level. Bucket width and number follow the measured rate of events, so there is nothing to
//! set. The order of events does not depend on any of this.

use super::event::Event;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Events per bucket that the width aims at.
const PER_BUCKET: u64 = 4;
/// Events that a cell holds, two cache lines with their number; what else its bucket gets goes through the heap, one
/// event in a hundred.
const CELL: usize = 7;
/// More due events than this take newcomers through the heap: inserting into a long sorted list is slow.
const DUE_MOST: usize = 64;
/// Buckets, at least and at most.
const BUCKETS: [usize; 2] = [64, 1 << 16];
/// The wheel is measured, and refitted if need be, after this many events.
const REFIT_AFTER: u32 = 4096;

/// What is due when, in the order of [`Event`].
#[derive(Debug)]
pub(super) struct Calendar {
    /// Events up to and including the current bucket, the first one last.
    due: Vec<Event>,
    /// The current bucket, counted from time zero.
    tick: u64,
    /// The width of a bucket is 2 to this power \[ns\].
    shift: u32,
    wheel: Wheel,
    far: BinaryHeap<Reverse<Event>>,
    /// The first event of `far`.
    far_first: Event,
    /// Events taken out since the wheel was fitted, and when that was.
    taken: u32,
    fitted_at: u64,
}

impl Default for Calendar {
    fn default() -> Self {
        Calendar {
            due: Vec::with_capacity(DUE_MOST),
            tick: 0,
            shift: 24,
            wheel: Wheel::new(1024),
            far: BinaryHeap::new(),
            far_first: Event::NEVER,
            // The first refit comes early: the width is a guess until then.
            taken: REFIT_AFTER - REFIT_AFTER / 16,
            fitted_at: 0,
        }
    }
}

impl Calendar {
    /// Adds an event, which is not earlier than the last one taken out.
    #[inline(always)]
    pub(super) fn push(&mut self, event: Event) {
        let ahead = (event.at().0 >> self.shift).wrapping_sub(self.tick + 1);
        if ahead < self.wheel.span && self.wheel.push(self.tick + 1 + ahead, event) {
            return;
        }
        self.push_aside(event);
    }

    #[inline(never)]
    fn push_aside(&mut self, event: Event) {
        if event.at().0 >> self.shift <= self.tick && self.due.len() < DUE_MOST {
            let place = self.due.iter().rposition(|&other| other > event).map_or(0, |later| later + 1);
            self.due.insert(place, event);
        } else {
            self.far.push(Reverse(event));
            self.far_first = self.far_first.min(event);
        }
    }

    /// Takes out the first event, if it comes before `limit`.
    #[inline(always)]
    pub(super) fn pop_before(&mut self, limit: Event) -> Option<Event> {
        let bound = limit.min(self.far_first);
        match self.due.last() {
            Some(&first) if first < bound => self.due.pop(),
            Some(_) if bound == limit => None,
            _ => self.turn_and_pop(limit),
        }
    }

    /// As [`pop_before`](Self::pop_before), where the next event is not the first due.
    #[inline(never)]
    fn turn_and_pop(&mut self, limit: Event) -> Option<Event> {
        if self.taken >= REFIT_AFTER {
            self.refit();
        }
        let bound = limit.min(self.far_first);
        if self.due.is_empty() {
            self.advance(bound);
        }
        match self.due.last() {
            Some(&first) if first < bound => self.due.pop(),
            _ if self.far_first < limit => self.pop_far(),
            _ => None,
        }
    }

    #[cold]
    fn pop_far(&mut self) -> Option<Event> {
        let first = self.far.pop().map(|Reverse(event)| event);
        self.far_first = self.far.peek().map_or(Event::NEVER, |&Reverse(event)| event);
        self.taken += 1;
        first
    }

    /// Turns the wheel to the next bucket that holds something, but not past the instant of `bound`.
    fn advance(&mut self, bound: Event) {
        let last = bound.at().0 >> self.shift;
        if self.wheel.held == 0 {
            // Time itself has reached the bucket of the bound.
            if bound != Event::NEVER {
                self.tick = self.tick.max(last);
            }
            return;
        }
        while self.tick < last {
            self.tick += 1;
            let opened = self.wheel.open(self.tick, &mut self.due);
            if opened > 0 {
                self.taken += opened;
                return;
            }
        }
    }

    /// Fits the width of the buckets to the spacing of events, and their number to how many are pending.
    #[cold]
    #[inline(never)]
    fn refit(&mut self) {
        let now = self.tick << self.shift;
        let spacing = now.saturating_sub(self.fitted_at) / u64::from(self.taken);
        let shift = (PER_BUCKET * spacing).max(1).ilog2().min(58);
        let pending = self.wheel.held + self.far.len();
        let buckets = pending.next_power_of_two().clamp(BUCKETS[0], BUCKETS[1]);
        let now_there = self.wheel.cells.len();
        let fits = shift.abs_diff(self.shift) <= 1 && buckets <= now_there * 2 && buckets * 8 >= now_there;
        self.taken = 0;
        self.fitted_at = now;
        if fits {
            return;
        }
        let mut pending = std::mem::take(&mut self.due);
        self.wheel.drain(&mut pending);
        pending.extend(self.far.drain().map(|Reverse(event)| event));
        self.due.reserve(DUE_MOST);
        self.far_first = Event::NEVER;
        self.shift = shift;
        self.tick = now >> shift;
        self.wheel = Wheel::new(buckets);
        for event in pending {
            self.push(event);
        }
    }
}

/// A ring of unsorted cells.
#[derive(Debug)]
struct Wheel {
    cells: Vec<Cell>,
    /// Buckets in one turn.
    span: u64,
    held: usize,
}

/// The events of one bucket, in two cache lines.
#[derive(Debug, Clone, Copy)]
#[repr(align(128))]
struct Cell {
    events: [Event; CELL],
    length: usize,
}

impl Wheel {
    /// A wheel of this many buckets, a power of two.
    fn new(buckets: usize) -> Wheel {
        let empty = Cell { events: [Event::NEVER; CELL], length: 0 };
        Wheel { cells: vec![empty; buckets], span: buckets as u64, held: 0 }
    }

    #[inline(always)]
    fn cell(&mut self, tick: u64) -> &mut Cell {
        let mask = self.cells.len() - 1;
        &mut self.cells[tick as usize & mask]
    }

    /// Puts an event into a bucket; whether there was room.
    #[inline(always)]
    fn push(&mut self, tick: u64, event: Event) -> bool {
        let cell = self.cell(tick);
        let Some(place) = cell.events.get_mut(cell.length) else { return false };
        *place = event;
        cell.length += 1;
        self.held += 1;
        true
    }

    /// Moves the events of a bucket out, the first one last; how many there were.
    #[inline(always)]
    fn open(&mut self, tick: u64, out: &mut Vec<Event>) -> u32 {
        let cell = self.cell(tick);
        let length = std::mem::take(&mut cell.length);
        let events = &cell.events;
        match length {
            0 => return 0,
            1 => out.push(events[0]),
            2 => out.extend_from_slice(&descending(events[0], events[1])),
            3 | 4 => {
                let fourth = if length == 4 { events[3] } else { Event::NEVER };
                let sorted = descending_four([events[0], events[1], events[2], fourth]);
                out.extend_from_slice(&sorted[4 - length..]);
            }
            _ => {
                out.extend_from_slice(&events[..length.min(CELL)]);
                out.sort_unstable_by(|a, b| b.cmp(a));
            }
        }
        self.held -= length;
        length as u32
    }

    /// Moves all events out.
    fn drain(&mut self, out: &mut Vec<Event>) {
        for cell in &mut self.cells {
            out.extend_from_slice(&cell.events[..std::mem::take(&mut cell.length)]);
        }
        self.held = 0;
    }
}

/// Two events, the later one first; without a branch, which nobody could predict.
#[inline]
fn descending(a: Event, b: Event) -> [Event; 2] {
    [a.max(b), a.min(b)]
}

/// Four events, the latest first: the sorting network of five comparisons.
#[inline]
fn descending_four([a, b, c, d]: [Event; 4]) -> [Event; 4] {
    let ([a, b], [c, d]) = (descending(a, b), descending(c, d));
    let ([a, c], [b, d]) = (descending(a, c), descending(b, d));
    let [b, c] = descending(b, c);
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::super::event::Class;
    use super::*;
    use crate::units::SimTime;
    use proptest::prelude::*;

    fn pop(calendar: &mut Calendar) -> Option<Event> {
        calendar.pop_before(Event::NEVER)
    }

    #[test]
    fn at_one_instant_settlements_come_before_retries_before_arrivals() {
        let mut calendar = Calendar::default();
        for (class, order) in [(Class::Arrival, 0), (Class::Retry, 1), (Class::Server, 9), (Class::Server, 2)] {
            calendar.push(Event::new(SimTime(7), class, order, 0));
        }
        let order: Vec<_> = std::iter::from_fn(|| pop(&mut calendar)).map(|e| (e.class(), e.order())).collect();
        assert_eq!(order, [(Class::Server, 2), (Class::Server, 9), (Class::Retry, 1), (Class::Arrival, 0)]);
    }

    #[test]
    fn nothing_comes_out_before_its_limit() {
        let mut calendar = Calendar::default();
        let event = Event::new(SimTime(1 << 40), Class::Server, 1, 0);
        calendar.push(event);
        assert_eq!(calendar.pop_before(event), None);
        assert_eq!(calendar.pop_before(Event::new(SimTime(1 << 40), Class::Server, 2, 0)), Some(event));
        assert_eq!(pop(&mut calendar), None);
    }

    proptest! {
        /// Holds of every scale, from one instant to years, against a sorted set.
        #[test]
        fn events_come_out_in_the_order_of_a_sorted_set(
            holds in prop::collection::vec((0u32..59, 0u64..1 << 20, 0u8..4), 1..400),
            rounds in 1usize..30,
        ) {
            let mut calendar = Calendar::default();
            let mut sorted = std::collections::BTreeSet::new();
            let (mut now, mut order) = (0, 0);
            for _ in 0..rounds {
                for &(scale, hold, pops) in &holds {
                    order += 1;
                    let at = SimTime(now + (hold << scale >> 20)).min(SimTime::MAX);
                    let event = Event::new(at, Class::Server, order, 0);
                    calendar.push(event);
                    sorted.insert(event);
                    for _ in 0..pops {
                        let popped = pop(&mut calendar);
                        prop_assert_eq!(popped, sorted.pop_first());
                        now = popped.map_or(now, |event| event.at().0);
                    }
                }
            }
            while let Some(event) = pop(&mut calendar) {
                prop_assert_eq!(Some(event), sorted.pop_first());
            }
            prop_assert!(sorted.is_empty());
        }
    }
}
