//! The event calendar: what is due, in an order that is total.
//!
//! An event is one 128-bit number, so comparing two is comparing their instants, then their class, then their order
//! within the class. *Order at one instant* (SPEC §2): settlements and adjustments by admission; timeouts and
//! deadlines; queue and limiter releases; retries by the time of their throttle; arrivals by workload and request.

use crate::units::SimTime;

/// The classes of simultaneous events, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Class {
    /// The end of an attempt on the server, or an adjustment while it runs; ordered by admission.
    Server = 0,
    /// The client gives an attempt or a request up.
    Timeout = 1,
    /// A client-side queue or limiter lets a request go.
    Release = 2,
    /// An attempt after a backoff; ordered by the time of the throttle.
    Retry = 3,
    /// An arrival; ordered by workload, then request number.
    Arrival = 4,
}

impl Class {
    const ALL: [Class; 5] = [Class::Server, Class::Timeout, Class::Release, Class::Retry, Class::Arrival];
}

/// An event: 60 bits of time, 4 of class, 36 of order, 28 of slot.
///
/// The order wraps after 2³⁶ events. Only two events at the same instant and of the same class could ever notice, and
/// these are scheduled far closer together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event(u128);

const SLOT_BITS: u32 = 28;
const ORDER_BITS: u32 = 36;
const CLASS_BITS: u32 = 4;

impl Event {
    /// Later than everything.
    pub(super) const NEVER: Event = Event(u128::MAX);

    #[inline]
    pub(super) fn new(at: SimTime, class: Class, order: u64, slot: u32) -> Event {
        debug_assert!(at <= SimTime::MAX && slot < 1 << SLOT_BITS);
        let order = order & ((1 << ORDER_BITS) - 1);
        let high = (at.0 << CLASS_BITS) | class as u64;
        let low = (order << SLOT_BITS) | u64::from(slot);
        Event((u128::from(high) << 64) | u128::from(low))
    }

    #[inline]
    pub(super) fn at(self) -> SimTime {
        SimTime((self.0 >> (64 + CLASS_BITS)) as u64)
    }

    #[inline]
    pub(super) fn class(self) -> Class {
        Class::ALL[(self.0 >> 64) as usize & 0b111]
    }

    #[inline]
    pub(super) fn slot(self) -> u32 {
        self.0 as u32 & ((1 << SLOT_BITS) - 1)
    }

    /// Whether it was made with this order.
    #[inline]
    pub(super) fn has_order(self, order: u64) -> bool {
        self.order() == order & ((1 << ORDER_BITS) - 1)
    }

    /// The order within the class.
    #[inline]
    pub(super) fn order(self) -> u64 {
        (self.0 as u64) >> SLOT_BITS
    }
}

/// A priority queue of events: a 4-ary implicit heap.
///
/// Four children of 16 bytes share one cache line, which makes it about a third faster than a binary heap.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    heap: Vec<Event>,
}

const ARITY: usize = 4;

impl Calendar {
    /// The first event.
    #[inline]
    pub(super) fn peek(&self) -> Event {
        self.heap.first().copied().unwrap_or(Event::NEVER)
    }

    /// Adds an event.
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let mut hole = self.heap.len();
        self.heap.push(event);
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if self.heap[parent] <= event {
                break;
            }
            self.heap[hole] = self.heap[parent];
            hole = parent;
        }
        self.heap[hole] = event;
    }

    /// Takes the first event out.
    #[inline]
    pub(super) fn pop(&mut self) -> Option<Event> {
        let last = self.heap.pop()?;
        let Some(&first) = self.heap.first() else { return Some(last) };
        let len = self.heap.len();
        let mut hole = 0;
        loop {
            let child = hole * ARITY + 1;
            if child >= len {
                break;
            }
            let children = &self.heap[child..len.min(child + ARITY)];
            let mut least = 0;
            for (index, event) in children.iter().enumerate().skip(1) {
                if *event < children[least] {
                    least = index;
                }
            }
            if last <= children[least] {
                break;
            }
            self.heap[hole] = children[least];
            hole = child + least;
        }
        self.heap[hole] = last;
        Some(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_event_keeps_what_it_was_made_of() {
        let event = Event::new(SimTime::MAX, Class::Retry, (1 << 36) - 1, (1 << 28) - 1);
        assert_eq!(event.at(), SimTime::MAX);
        assert_eq!(event.class(), Class::Retry);
        assert_eq!((event.order(), event.slot()), ((1 << 36) - 1, (1 << 28) - 1));
    }

    #[test]
    fn at_one_instant_settlements_come_before_retries_before_arrivals() {
        let at = SimTime(7);
        let mut calendar = Calendar::default();
        for (class, order) in [(Class::Arrival, 0), (Class::Retry, 1), (Class::Server, 9), (Class::Server, 2)] {
            calendar.push(Event::new(at, class, order, 0));
        }
        let order: Vec<_> = std::iter::from_fn(|| calendar.pop()).map(|e| (e.class(), e.order())).collect();
        assert_eq!(order, [(Class::Server, 2), (Class::Server, 9), (Class::Retry, 1), (Class::Arrival, 0)]);
    }

    proptest! {
        #[test]
        fn events_come_out_sorted(times in prop::collection::vec(0u64..1000, 0..300)) {
            let mut calendar = Calendar::default();
            for (order, &at) in times.iter().enumerate() {
                calendar.push(Event::new(SimTime(at), Class::Server, order as u64, 0));
            }
            let popped: Vec<_> = std::iter::from_fn(|| calendar.pop()).collect();
            prop_assert_eq!(popped.len(), times.len());
            prop_assert!(popped.is_sorted());
        }
    }
}
