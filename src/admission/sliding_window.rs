//! Sliding window: each admitted attempt counts for 60 s from its admission.

use super::limiter::{Entry, Limiter};
use super::stretch::{End, Stretch, Walked};
use crate::units::{SimSpan, SimTime};
use std::collections::VecDeque;

/// A log of admitted attempts, each holding its reservation until it settles, then its charge.
///
/// An entry counts while `now − date < 60 s`. Admits when the sum of what counts plus `cost` is at most Q.
/// Memory is the number of attempts admitted in a minute.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    limit: u64,
    sum: i64,
    /// `(date, amount)`, oldest first.
    log: VecDeque<(SimTime, i64)>,
    /// How many entries have left the log.
    expired: u64,
}

impl SlidingWindow {
    /// A window for `limit` per minute.
    pub fn new(limit: u64) -> SlidingWindow {
        SlidingWindow { limit, sum: 0, log: VecDeque::new(), expired: 0 }
    }

    #[inline(always)]
    fn expire(&mut self, now: SimTime) {
        while let Some(&(date, amount)) = self.log.front() {
            if (now - date) < SimSpan::MINUTE {
                break;
            }
            self.sum -= amount;
            self.log.pop_front();
            self.expired += 1;
        }
    }

    fn push(&mut self, now: SimTime, amount: u64) -> Entry {
        let entry = Entry(self.expired + self.log.len() as u64);
        self.sum += amount as i64;
        self.log.push_back((now, amount as i64));
        entry
    }
}

impl Limiter for SlidingWindow {
    const KEEPS_A_LOG: bool = true;

    #[inline(always)]
    fn fits(&mut self, now: SimTime, cost: u64) -> bool {
        self.expire(now);
        self.sum + cost as i64 <= self.limit as i64
    }

    #[inline(always)]
    fn take(&mut self, now: SimTime, cost: u64) -> Entry {
        self.push(now, cost)
    }

    #[inline(always)]
    fn give_back(&mut self, now: SimTime, entry: Entry, refund: i64) {
        self.expire(now);
        if let Some(place) = entry.0.checked_sub(self.expired) {
            self.log[place as usize].1 -= refund;
            self.sum -= refund;
        }
    }

    #[inline(always)]
    fn make_ready(&mut self, from: SimTime) -> SimTime {
        self.expire(from);
        SimTime::MAX
    }

    #[inline(always)]
    fn has_room(&self, taken: u64) -> bool {
        self.sum + taken as i64 <= self.limit as i64
    }

    /// What leaves the log before a slice makes room for it.
    fn room_by_slice(&self, from: SimTime, width: u64, taken: &[u64]) -> usize {
        let (mut sum, mut log) = (self.sum, self.log.iter());
        let mut oldest = log.next();
        let has_room = |(begin, &taken): (SimTime, &u64)| {
            while let Some(&(date, amount)) = oldest
                && date + SimSpan::MINUTE <= begin
            {
                sum -= amount;
                oldest = log.next();
            }
            sum + taken as i64 <= self.limit as i64
        };
        let begins = (0..).map(|slice| SimTime(from.0 + slice * width));
        begins.zip(taken).map(has_room).take_while(|&has_room| has_room).count()
    }

    /// Whether a refund comes just before its entry leaves the log or just after makes no difference afterwards.
    #[inline(always)]
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        for (&made, &cost) in stretch.made.iter().zip(stretch.costs) {
            let _ = self.push(SimTime(made), cost);
        }
        let mut ends = Vec::new();
        for slice in 0..stretch.slices.len() {
            ends.clear();
            (stretch.ends)(slice, &mut ends);
            for end in &ends {
                if let Some(place) = end.entry.0.checked_sub(self.expired) {
                    self.log[place as usize].1 -= end.refund();
                    self.sum -= end.refund();
                }
            }
        }
    }

    /// What leaves the log meanwhile must not end then: which comes first would matter.
    #[inline(always)]
    fn begin_walk(&mut self, _from: SimTime, until: SimTime, _returned: u64, first: Entry) -> bool {
        let oldest = first.0.checked_sub(self.expired).map(|place| self.log.get(place as usize));
        oldest.is_some_and(|entry| entry.is_none_or(|&(date, _)| date + SimSpan::MINUTE >= until))
    }

    /// What leaves the log.
    #[inline(always)]
    fn comes_back_by_itself(&self, until: SimTime, mut back: impl FnMut(SimTime, i64)) {
        for &(date, amount) in self.log.iter().take_while(|&&(date, _)| date + SimSpan::MINUTE < until) {
            back(date + SimSpan::MINUTE, amount);
        }
    }

    #[inline(always)]
    fn room_after(&self, _after: u64, cost: u64, back: i64) -> i64 {
        self.limit as i64 - self.sum + back - cost as i64
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        // What leaves the log has come back.
        while self.log.front().is_some_and(|&(date, _)| date + SimSpan::MINUTE < walked.until) {
            self.log.pop_front();
            self.expired += 1;
        }
        self.sum += walked.taken;
        self.log.extend(walked.made.iter().map(|&(at, cost)| (at, cost as i64)));
        for end in walked.ends {
            self.log[(end.entry.0 - self.expired) as usize].1 -= end.refund();
        }
    }

    fn penalise(&mut self, now: SimTime) {
        self.expire(now);
        let _ = self.push(now, 1);
    }

    fn capacity(&self) -> u64 {
        self.limit
    }

    fn available(&mut self, now: SimTime) -> i64 {
        self.expire(now);
        self.limit as i64 - self.sum
    }

    fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime> {
        self.expire(now);
        if cost > self.limit {
            return None;
        }
        let mut sum = self.sum + cost as i64;
        let mut at = now;
        for &(date, amount) in &self.log {
            if sum <= self.limit as i64 {
                break;
            }
            sum -= amount;
            at = date + SimSpan::MINUTE;
        }
        Some(at)
    }

    fn set_limit(&mut self, now: SimTime, limit: u64) {
        self.expire(now);
        self.limit = limit;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_counts_for_sixty_seconds_and_settles_in_place() {
        let mut window = SlidingWindow::new(100);
        let entry = window.take(SimTime::ZERO, 100);
        assert_eq!(window.retry_at(SimTime(1), 30), Some(SimTime(SimSpan::MINUTE.0)));
        window.give_back(SimTime(5), entry, 70);
        assert!(window.fits(SimTime(5), 70));
        assert!(!window.fits(SimTime(SimSpan::MINUTE.0 - 1), 71));
        assert!(window.fits(SimTime(SimSpan::MINUTE.0), 100));
        window.give_back(SimTime(SimSpan::MINUTE.0), entry, 30);
        assert_eq!(window.available(SimTime(SimSpan::MINUTE.0)), 100, "what has expired cannot be refunded");
    }
}
