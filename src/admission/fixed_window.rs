//! Fixed window: a counter that starts anew every minute.

use super::limiter::{Entry, Limiter};
use super::room::Room;
use super::stretch::{End, Stretch, Walked};
use crate::units::{SimSpan, SimTime};

/// Windows of 60 s that begin at `phase + 60 s · k`.
///
/// Admits when `used + cost ≤ Q`. A settlement changes only the window in which the reservation was made.
#[derive(Debug, Clone)]
pub struct FixedWindow {
    limit: u64,
    used: i64,
    /// When the current window ends; a phase above zero begins with a shorter one.
    end: SimTime,
    /// How many attempts have been admitted, and how many of them before the current window.
    admitted: u64,
    before: u64,
}

impl FixedWindow {
    /// A counter for `limit` per minute.
    pub fn new(limit: u64, phase: SimSpan) -> FixedWindow {
        let first = phase.0 % SimSpan::MINUTE.0;
        let end = if first == 0 { SimSpan::MINUTE.0 } else { first };
        FixedWindow { limit, used: 0, end: SimTime(end), admitted: 0, before: 0 }
    }

    #[inline(always)]
    fn advance(&mut self, now: SimTime) {
        if now >= self.end {
            let windows = (now - self.end).0 / SimSpan::MINUTE.0;
            self.end = SimTime(self.end.0 + (windows + 1) * SimSpan::MINUTE.0);
            self.used = 0;
            self.before = self.admitted;
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
        let entry = Entry(self.admitted);
        self.admitted += 1;
        entry
    }

    #[inline(always)]
    fn give_back(&mut self, now: SimTime, entry: Entry, refund: i64) {
        self.advance(now);
        if entry.0 >= self.before {
            self.used -= refund;
        }
    }

    #[inline(always)]
    fn make_ready(&mut self, from: SimTime) -> SimTime {
        self.advance(from);
        self.end
    }

    #[inline(always)]
    fn has_room(&self, taken: u64) -> bool {
        self.used + taken as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64 {
        if entry.0 >= self.before { held as i64 - charge as i64 } else { 0 }
    }

    #[inline(always)]
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        self.used += stretch.taken() as i64 - stretch.returned() as i64;
        self.admitted += stretch.made.len() as u64;
    }

    #[inline(always)]
    fn begin_walk(&mut self, _from: SimTime, until: SimTime, _returned: u64, _first: Entry) -> bool {
        until <= self.end
    }

    #[inline(always)]
    fn room(&self) -> Room {
        Room::of(self.limit as i64 - self.used)
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        self.used += walked.taken;
        self.admitted += walked.admitted;
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
        window.give_back(later, entry, 10);
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
