//! The event calendar: a timing wheel with sorted opening, exact for any instants.
//!
//! Time is cut into buckets of 2ˢ ns. Events of the bucket that time has reached are *due*, sorted; later ones lie
//! unsorted in the lists of a wheel; what the wheel does not reach waits in a heap. Putting an event in and taking it
//! out costs a constant, where a heap pays a cache miss and a mispredicted branch per level: with 10,000 events
//! pending it is three times as fast as a 4-ary heap. Bucket width and number follow the measured rate of events, so
//! there is nothing to set. The order of events does not depend on any of this.

use super::event::Event;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The end of a list.
const NONE: u32 = u32::MAX;
/// Events per bucket that the width aims at.
const PER_BUCKET: u64 = 3;
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
            due: Vec::new(),
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
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let tick = event.at().0 >> self.shift;
        if tick > self.tick && tick - self.tick < self.wheel.len() {
            self.wheel.push(tick, event);
        } else if tick <= self.tick && self.due.len() < DUE_MOST {
            let place = self.due.iter().rposition(|&other| other > event).map_or(0, |later| later + 1);
            self.due.insert(place, event);
        } else {
            self.far.push(Reverse(event));
            self.far_first = self.far_first.min(event);
        }
    }

    /// Takes out the first event, if it comes before `limit`.
    #[inline]
    pub(super) fn pop_before(&mut self, limit: Event) -> Option<Event> {
        let bound = limit.min(self.far_first);
        if self.due.is_empty() {
            self.advance(bound);
        }
        match self.due.last() {
            Some(&first) if first < bound => {
                self.due.pop();
                self.count(first);
                Some(first)
            }
            _ if self.far_first < limit => self.pop_far(),
            _ => None,
        }
    }

    #[inline(never)]
    fn pop_far(&mut self) -> Option<Event> {
        let first = self.far.pop().map(|Reverse(event)| event);
        self.far_first = self.far.peek().map_or(Event::NEVER, |&Reverse(event)| event);
        first.inspect(|&event| self.count(event))
    }

    /// Turns the wheel to the next bucket that holds something, but not past the instant of `bound`.
    #[inline]
    fn advance(&mut self, bound: Event) {
        let last = bound.at().0 >> self.shift;
        match self.wheel.next_after(self.tick) {
            Some(next) if next <= last => {
                self.tick = next;
                self.wheel.open(next, &mut self.due);
                if self.due.len() > 1 {
                    self.due.sort_unstable_by(|a, b| b.cmp(a));
                }
            }
            // Nothing lies before the bound, so time itself has reached its bucket.
            _ if bound != Event::NEVER => self.tick = self.tick.max(last),
            _ => {}
        }
    }

    #[inline]
    fn count(&mut self, event: Event) {
        self.taken += 1;
        if self.taken >= REFIT_AFTER {
            self.refit(event.at().0);
        }
    }

    /// Fits the width of the buckets to the spacing of events, and their number to how many are pending.
    #[cold]
    #[inline(never)]
    fn refit(&mut self, now: u64) {
        let spacing = (now - self.fitted_at) / u64::from(self.taken);
        let shift = (PER_BUCKET * spacing).max(1).ilog2().min(58);
        let buckets = self.wheel.held.next_power_of_two().clamp(BUCKETS[0], BUCKETS[1]);
        let fits = shift.abs_diff(self.shift) <= 1 && buckets <= self.wheel.lists.len() * 2;
        self.taken = 0;
        self.fitted_at = now;
        if fits && buckets * 8 >= self.wheel.lists.len() {
            return;
        }
        let mut pending = std::mem::take(&mut self.due);
        self.wheel.drain(&mut pending);
        pending.extend(self.far.drain().map(|Reverse(event)| event));
        self.far_first = Event::NEVER;
        self.shift = shift;
        self.tick = now >> shift;
        self.wheel = Wheel::new(buckets);
        for event in pending {
            self.push(event);
        }
    }
}

/// A ring of unsorted lists, and a bitmap of those that hold something.
#[derive(Debug)]
struct Wheel {
    /// The first node of each list.
    lists: Vec<u32>,
    occupied: Vec<u64>,
    events: Vec<Event>,
    /// The next node in the list of each node.
    next: Vec<u32>,
    /// The first free node.
    free: u32,
    held: usize,
}

impl Wheel {
    /// A wheel of this many buckets, a power of two and at least 64.
    fn new(buckets: usize) -> Wheel {
        Wheel {
            lists: vec![NONE; buckets],
            occupied: vec![0; buckets / 64],
            events: Vec::new(),
            next: Vec::new(),
            free: NONE,
            held: 0,
        }
    }

    #[inline]
    fn len(&self) -> u64 {
        self.lists.len() as u64
    }

    #[inline]
    fn bucket(&self, tick: u64) -> usize {
        tick as usize & (self.lists.len() - 1)
    }

    #[inline]
    fn push(&mut self, tick: u64, event: Event) {
        let bucket = self.bucket(tick);
        let head = self.lists[bucket];
        let node = if self.free == NONE {
            self.events.push(event);
            self.next.push(head);
            self.events.len() as u32 - 1
        } else {
            let node = self.free;
            self.events[node as usize] = event;
            self.free = std::mem::replace(&mut self.next[node as usize], head);
            node
        };
        self.lists[bucket] = node;
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
        self.held += 1;
    }

    /// The first bucket after `tick` that holds something, within one turn.
    #[inline]
    fn next_after(&self, tick: u64) -> Option<u64> {
        if self.held == 0 {
            return None;
        }
        let start = self.bucket(tick + 1);
        let words = self.occupied.len();
        let mut word = start / 64;
        let mut bits = self.occupied[word] & (u64::MAX << (start % 64));
        // The first word is looked at again at the end, for its buckets below the start.
        for _ in 0..=words {
            if bits != 0 {
                let found = word * 64 + bits.trailing_zeros() as usize;
                return Some(tick + 1 + (found.wrapping_sub(start) & (self.lists.len() - 1)) as u64);
            }
            word = if word + 1 == words { 0 } else { word + 1 };
            bits = self.occupied[word];
        }
        None
    }

    /// Moves the events of a bucket out.
    #[inline]
    fn open(&mut self, tick: u64, out: &mut Vec<Event>) {
        let bucket = self.bucket(tick);
        let mut node = std::mem::replace(&mut self.lists[bucket], NONE);
        self.occupied[bucket / 64] &= !(1 << (bucket % 64));
        while node != NONE {
            let place = node as usize;
            out.push(self.events[place]);
            self.held -= 1;
            let after = std::mem::replace(&mut self.next[place], self.free);
            self.free = node;
            node = after;
        }
    }

    /// Moves all events out.
    fn drain(&mut self, out: &mut Vec<Event>) {
        for bucket in 0..self.lists.len() {
            if self.lists[bucket] != NONE {
                self.open(bucket as u64, out);
            }
        }
    }
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
