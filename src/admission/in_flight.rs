//! Open reservations only: the loss systems of queueing theory, where nothing refills over time.

use super::limiter::{Entry, Limiter};
use super::room::Room;
use super::stretch::{End, Stretch, Walked};
use crate::units::SimTime;

/// Admits when open reservations plus `cost` are at most Q; settling frees all of the reservation.
#[derive(Debug, Clone)]
pub struct InFlight {
    limit: u64,
    open: i64,
    /// How many attempts have been admitted.
    admitted: u64,
}

impl InFlight {
    /// A limit on what is open at once.
    pub fn new(limit: u64) -> InFlight {
        InFlight { limit, open: 0, admitted: 0 }
    }
}

impl Limiter for InFlight {
    #[inline(always)]
    fn fits(&mut self, _now: SimTime, cost: u64) -> bool {
        self.open + cost as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn take(&mut self, _now: SimTime, cost: u64) -> Entry {
        self.open += cost as i64;
        let entry = Entry(self.admitted);
        self.admitted += 1;
        entry
    }

    /// An adjustment while the response runs changes what is open.
    #[inline(always)]
    fn give_back(&mut self, _now: SimTime, _entry: Entry, refund: i64) {
        self.open -= refund;
    }

    /// What was held is free again, whatever is charged.
    #[inline(always)]
    fn settle(&mut self, _now: SimTime, _entry: Entry, held: u64, _charge: u64) {
        self.open -= held as i64;
    }

    #[inline(always)]
    fn make_ready(&mut self, _from: SimTime) -> SimTime {
        SimTime::MAX
    }

    #[inline(always)]
    fn has_room(&self, taken: u64) -> bool {
        self.open + taken as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn comes_back(&self, _entry: Entry, held: u64, _charge: u64) -> i64 {
        held as i64
    }

    #[inline(always)]
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        self.open += stretch.taken() as i64 - stretch.returned() as i64;
        self.admitted += stretch.made.len() as u64;
    }

    #[inline(always)]
    fn begin_walk(&mut self, _from: SimTime, _until: SimTime, _returned: u64, _first: Entry) -> bool {
        true
    }

    #[inline(always)]
    fn room(&self) -> Room {
        Room::of(self.limit as i64 - self.open)
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        self.open += walked.taken;
        self.admitted += walked.admitted;
    }

    fn penalise(&mut self, _now: SimTime) {}

    fn capacity(&self) -> u64 {
        self.limit
    }

    fn available(&mut self, _now: SimTime) -> i64 {
        self.limit as i64 - self.open
    }

    fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime> {
        self.fits(now, cost).then_some(now)
    }

    fn set_limit(&mut self, _now: SimTime, limit: u64) {
        self.limit = limit;
    }
}
