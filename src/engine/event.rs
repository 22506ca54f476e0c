//! Events and their order, which is total.
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

    #[inline(always)]
    pub(super) fn new(at: SimTime, class: Class, order: u64, slot: u32) -> Event {
        debug_assert!(at <= SimTime::MAX && slot < 1 << SLOT_BITS);
        let order = order & ((1 << ORDER_BITS) - 1);
        let high = (at.0 << CLASS_BITS) | class as u64;
        let low = (order << SLOT_BITS) | u64::from(slot);
        Event((u128::from(high) << 64) | u128::from(low))
    }

    #[inline(always)]
    pub(super) fn at(self) -> SimTime {
        SimTime((self.0 >> (64 + CLASS_BITS)) as u64)
    }

    #[inline(always)]
    pub(super) fn class(self) -> Class {
        Class::ALL[(self.0 >> 64) as usize & 0b111]
    }

    #[inline(always)]
    pub(super) fn slot(self) -> u32 {
        self.0 as u32 & ((1 << SLOT_BITS) - 1)
    }

    /// Whether it was made with this order.
    #[inline(always)]
    pub(super) fn has_order(self, order: u64) -> bool {
        self.order() == order & ((1 << ORDER_BITS) - 1)
    }

    /// The order within the class.
    #[inline(always)]
    pub(super) fn order(self) -> u64 {
        (self.0 as u64) >> SLOT_BITS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_keeps_what_it_was_made_of() {
        let event = Event::new(SimTime::MAX, Class::Retry, (1 << 36) - 1, (1 << 28) - 1);
        assert_eq!(event.at(), SimTime::MAX);
        assert_eq!(event.class(), Class::Retry);
        assert_eq!((event.order(), event.slot()), ((1 << 36) - 1, (1 << 28) - 1));
    }
}
