//! Daily quotas over UTC days.

use super::limiter::Entry;
use crate::model::{DayQuota, scenario::Start};
use crate::units::{SimSpan, SimTime};

/// Counts what a UTC day has used. A settlement changes only the day in which the reservation was made.
#[derive(Debug, Clone)]
pub struct DayMeter {
    limit: u64,
    used: i64,
    start: SimTime,
    end: SimTime,
    /// How many attempts it has admitted, and how many before this day.
    admitted: u64,
    before: u64,
}

impl DayMeter {
    /// A meter for a scenario that begins at `start`.
    pub fn new(quota: &DayQuota, start: Start) -> DayMeter {
        let rest_of_day = SimSpan(SimSpan::DAY.0 - start.time_of_day.0);
        DayMeter {
            limit: quota.limits[0].1,
            used: quota.used_at_start.0 as i64,
            start: SimTime::ZERO,
            end: SimTime::ZERO + rest_of_day,
            admitted: 0,
            before: 0,
        }
    }

    #[inline]
    fn advance(&mut self, now: SimTime) {
        if now >= self.end {
            let days = (now - self.end).0 / SimSpan::DAY.0;
            self.start = SimTime(self.end.0 + days * SimSpan::DAY.0);
            self.end = self.start + SimSpan::DAY;
            self.used = 0;
            self.before = self.admitted;
        }
    }

    /// Whether `cost` fits into the day.
    #[inline]
    pub fn fits(&mut self, now: SimTime, cost: u64) -> bool {
        self.advance(now);
        self.used + cost as i64 <= self.limit as i64
    }

    /// Takes `cost`, which fits; the entry finds it again.
    #[inline]
    pub fn take(&mut self, cost: u64) -> Entry {
        self.used += cost as i64;
        let entry = Entry(self.admitted);
        self.admitted += 1;
        entry
    }

    /// Gives back `refund` of what was taken at `taken`; a negative refund takes more.
    #[inline]
    pub fn give_back(&mut self, now: SimTime, taken: SimTime, refund: i64) {
        self.advance(now);
        if taken >= self.start {
            self.used -= refund;
        }
    }

    /// As [`give_back`](DayMeter::give_back), of an entry of its own.
    #[inline]
    pub fn give_back_of(&mut self, now: SimTime, entry: Entry, refund: i64) {
        self.advance(now);
        if entry.0 >= self.before {
            self.used -= refund;
        }
    }

    /// What the day has used.
    pub fn used(&mut self, now: SimTime) -> i64 {
        self.advance(now);
        self.used
    }

    /// The most that a day admits.
    pub fn capacity(&self) -> u64 {
        self.limit
    }

    /// The quota changes.
    pub fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Tokens;

    #[test]
    fn a_day_ends_at_midnight_utc() {
        let quota = DayQuota { limits: vec![(SimTime::ZERO, 100)], used_at_start: Tokens(40) };
        let start = Start { day: 0, time_of_day: SimSpan(23 * SimSpan::HOUR.0) };
        let mut day = DayMeter::new(&quota, start);
        assert!(day.fits(SimTime::ZERO, 60) && !day.fits(SimTime::ZERO, 61));
        let entry = day.take(60);
        assert!(!day.fits(SimTime(SimSpan::HOUR.0 - 1), 1));
        assert!(day.fits(SimTime(SimSpan::HOUR.0), 100));
        day.give_back(SimTime(SimSpan::HOUR.0), SimTime::ZERO, 60);
        day.give_back_of(SimTime(SimSpan::HOUR.0), entry, 60);
        assert!(!day.fits(SimTime(SimSpan::HOUR.0), 101));
        let entry = day.take(100);
        day.give_back_of(SimTime(SimSpan::HOUR.0), entry, 60);
        assert!(day.fits(SimTime(SimSpan::HOUR.0), 60) && !day.fits(SimTime(SimSpan::HOUR.0), 61));
    }
}
