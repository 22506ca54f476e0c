//! Open reservations only: the loss systems of queueing theory, where nothing refills over time.

use super::batch::{AllAdmitted, Batch};
use super::gate::Reservation;
use super::limiter::{Entry, Limiter};
use crate::units::SimTime;

/// Admits when open reservations plus `cost` are at most Q; settling frees all of the reservation.
#[derive(Debug, Clone)]
pub struct InFlight {
    limit: u64,
    open: i64,
}

impl InFlight {
    /// A limit on what is open at once.
    pub fn new(limit: u64) -> InFlight {
        InFlight { limit, open: 0 }
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
        Entry::default()
    }

    /// An adjustment while the response runs changes what is open.
    #[inline(always)]
    fn give_back(&mut self, _now: SimTime, _taken: SimTime, _entry: Entry, refund: i64) {
        self.open -= refund;
    }

    /// What was held is free again, whatever is charged.
    #[inline(always)]
    fn settle(&mut self, _now: SimTime, _taken: SimTime, _entry: Entry, held: u64, _charge: u64) {
        self.open -= held as i64;
    }

    #[inline(always)]
    fn begin_batch(&mut self, _from: SimTime, _until: SimTime, reserved: u64) -> bool {
        self.open + reserved as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn comes_back(&self, reservation: &Reservation, _charge: u64) -> i64 {
        reservation.held as i64
    }

    #[inline(always)]
    fn admit_all(&mut self, batch: &Batch<'_>, _entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted> {
        let most = self.open + batch.reserved as i64;
        (most <= self.limit as i64).then(|| {
            self.open = most - batch.returned;
            AllAdmitted { first: Entry::default() }
        })
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
