//! Fixed window: a counter that starts anew every minute.

use super::batch::{AllAdmitted, Batch};
use super::gate::Reservation;
use super::limiter::{Entry, Limiter};
use crate::units::{SimSpan, SimTime};

/// Windows of 60 s that begin at `phase + 60 s · k`.
///
/// Admits when `used + cost ≤ Q`. A settlement changes only the window in which the reservation was made.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    limit: u64,
    used: i64,
    /// The current window is `[start, end)`; a phase above zero begins with a shorter one.
    start: SimTime,
    end: SimTime,
}

impl FixedWindow {
    /// A counter for `limit` per minute.
    pub fn new(limit: u64, phase: SimSpan) -> FixedWindow {
        let first = phase.0 % SimSpan::MINUTE.0;
        let end = if first == 0 { SimSpan::MINUTE.0 } else { first };
        FixedWindow { limit, used: 0, start: SimTime::ZERO, end: SimTime(end) }
    }

    #[inline(always)]
    fn advance(&mut self, now: SimTime) {
        if now >= self.end {
            let windows = (now - self.end).0 / SimSpan::MINUTE.0;
            self.start = SimTime(self.end.0 + windows * SimSpan::MINUTE.0);
            self.end = self.start + SimSpan::MINUTE;
            self.used = 0;
        }
    }
}

impl Limiter for FixedWindow {
    #[inline(always)]
    fn fits(&mut self, now: SimTime, cost: u64) -> bool {
        self.advance(now);
        self.used + cost as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn take(&mut self, _now: SimTime, cost: u64) -> Entry {
        self.used += cost as i64;
        Entry::default()
    }

    #[inline(always)]
    fn give_back(&mut self, now: SimTime, taken: SimTime, _entry: Entry, refund: i64) {
        self.advance(now);
        if taken >= self.start {
            self.used -= refund;
        }
    }

    #[inline(always)]
    fn begin_batch(&mut self, from: SimTime, until: SimTime, reserved: u64) -> bool {
        self.advance(from);
        until <= self.end && self.used + reserved as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64 {
        if reservation.at >= self.start { reservation.held as i64 - charge as i64 } else { 0 }
    }

    #[inline(always)]
    fn admit_all(&mut self, batch: &Batch<'_>, _entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted> {
        let most = self.used + batch.reserved as i64 + batch.overdrawn;
        (most <= self.limit as i64).then(|| {
            self.used = most - batch.returned;
            AllAdmitted { first: Entry::default() }
        })
    }

    fn penalise(&mut self, now: SimTime) {
        self.advance(now);
        self.used += 1;
    }

    fn capacity(&self) -> u64 {
        self.limit
    }

    fn available(&mut self, now: SimTime) -> i64 {
        self.advance(now);
        self.limit as i64 - self.used
    }

    fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime> {
        if self.fits(now, cost) { Some(now) } else { (cost <= self.limit).then_some(self.end) }
    }

    fn set_limit(&mut self, now: SimTime, limit: u64) {
        self.advance(now);
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_window_forgets_the_old_one_and_its_settlements() {
        let mut window = FixedWindow::new(10, SimSpan::ZERO);
        assert!(window.fits(SimTime::ZERO, 10));
        let entry = window.take(SimTime::ZERO, 10);
        assert!(!window.fits(SimTime(SimSpan::MINUTE.0 - 1), 1));
        assert!(window.fits(SimTime(SimSpan::MINUTE.0), 10));
        let later = SimTime(SimSpan::MINUTE.0);
        let _ = window.take(later, 10);
        window.give_back(later, SimTime::ZERO, entry, 10);
        assert_eq!(window.available(later), 0, "the refund belongs to a window that has closed");
    }

    #[test]
    fn a_phase_makes_the_first_window_short() {
        let mut window = FixedWindow::new(1, SimSpan(15 * SimSpan::SECOND.0));
        assert_eq!(window.retry_at(SimTime(1), 1), Some(SimTime(1)));
        let _ = window.take(SimTime(1), 1);
        assert_eq!(window.retry_at(SimTime(2), 1), Some(SimTime(15 * SimSpan::SECOND.0)));
        window.advance(SimTime(20 * SimSpan::SECOND.0));
        assert_eq!(window.end, SimTime(75 * SimSpan::SECOND.0));
    }
}
