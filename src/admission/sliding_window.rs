//! Sliding window: each admitted attempt counts for 60 s from its admission.

use super::limiter::{Entry, Limiter};
use super::room::Room;
use super::stretch::{End, Stretch, Walked};
use crate::units::{SimSpan, SimTime};

/// A log of admitted attempts, each holding its reservation until it settles, then its charge.
///
/// An entry counts while `now − date < 60 s`. Admits when the sum of what counts plus `cost` is at most Q.
/// Memory is the number of attempts admitted in a minute.
#[derive(Debug, Clone)]
pub struct SlidingWindow {
    limit: u64,
    sum: i64,
    log: Log,
}

/// What counts: when each attempt was admitted, and its amount.
#[derive(Debug, Clone)]
struct Log {
    /// By the low bits of an entry's number; a power of two.
    ring: Vec<(SimTime, i64)>,
    /// The number of the oldest entry, and of the next.
    oldest: u64,
    next: u64,
}

impl Log {
    /// Room for so many at first.
    const FEWEST: usize = 64;

    fn new() -> Log {
        Log { ring: vec![(SimTime::ZERO, 0); Log::FEWEST], oldest: 0, next: 0 }
    }

    #[inline(always)]
    fn at(&self, number: u64) -> (SimTime, i64) {
        debug_assert!((self.oldest..self.next).contains(&number), "it counts");
        self.ring[number as usize & (self.ring.len() - 1)]
    }

    /// The amount of an entry that still counts.
    #[inline(always)]
    fn amount_mut(&mut self, number: u64) -> &mut i64 {
        debug_assert!((self.oldest..self.next).contains(&number), "it counts");
        let place = number as usize & (self.ring.len() - 1);
        &mut self.ring[place].1
    }

    /// Those that count, oldest first.
    #[inline(always)]
    fn entries(&self) -> impl Iterator<Item = (SimTime, i64)> {
        (self.oldest..self.next).map(|number| self.at(number))
    }

    /// The oldest.
    #[inline(always)]
    fn first(&self) -> Option<(SimTime, i64)> {
        (self.oldest < self.next).then(|| self.at(self.oldest))
    }

    #[inline(always)]
    fn push(&mut self, date: SimTime, amount: i64) -> Entry {
        if (self.next - self.oldest) as usize == self.ring.len() {
            self.grow();
        }
        let place = self.next as usize & (self.ring.len() - 1);
        self.ring[place] = (date, amount);
        self.next += 1;
        Entry(self.next - 1)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut ring = vec![(SimTime::ZERO, 0); 2 * self.ring.len()];
        for number in self.oldest..self.next {
            ring[number as usize & (2 * self.ring.len() - 1)] = self.at(number);
        }
        self.ring = ring;
    }
}

impl SlidingWindow {
    /// A window for `limit` per minute.
    pub fn new(limit: u64) -> SlidingWindow {
        SlidingWindow { limit, sum: 0, log: Log::new() }
    }

    #[inline(always)]
    fn expire(&mut self, now: SimTime) {
        while let Some((date, amount)) = self.log.first() {
            if (now - date) < SimSpan::MINUTE {
                break;
            }
            self.sum -= amount;
            self.log.oldest += 1;
        }
    }

    #[inline(always)]
    fn push(&mut self, now: SimTime, amount: u64) -> Entry {
        self.sum += amount as i64;
        self.log.push(now, amount as i64)
    }

    /// An entry gives so much back, if it still counts.
    #[inline(always)]
    fn lessen(&mut self, entry: Entry, refund: i64) {
        if entry.0 >= self.log.oldest {
            *self.log.amount_mut(entry.0) -= refund;
            self.sum -= refund;
        }
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
        self.lessen(entry, refund);
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
        let (mut sum, mut log) = (self.sum, self.log.entries());
        let mut oldest = log.next();
        let has_room = |(begin, &taken): (SimTime, &u64)| {
            while let Some((date, amount)) = oldest
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
                self.lessen(end.entry, end.refund());
            }
        }
    }

    /// What leaves the log meanwhile must not end then: which comes first would matter.
    #[inline(always)]
    fn begin_walk(&mut self, _from: SimTime, until: SimTime, _returned: u64, first: Entry) -> bool {
        let Log { oldest, next, .. } = self.log;
        first.0 >= oldest && (first.0 >= next || self.log.at(first.0).0 + SimSpan::MINUTE >= until)
    }

    /// What leaves the log.
    #[inline(always)]
    fn comes_back_by_itself(&self, until: SimTime, mut back: impl FnMut(SimTime, i64)) {
        for (date, amount) in self.log.entries().take_while(|&(date, _)| date + SimSpan::MINUTE < until) {
            back(date + SimSpan::MINUTE, amount);
        }
    }

    #[inline(always)]
    fn room(&self) -> Room {
        Room::of(self.limit as i64 - self.sum)
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        // What leaves the log has come back.
        while self.log.first().is_some_and(|(date, _)| date + SimSpan::MINUTE < walked.until) {
            self.log.oldest += 1;
        }
        self.sum += walked.taken;
        for &(at, cost) in walked.made {
            let _ = self.log.push(at, cost as i64);
        }
        for end in walked.ends {
            *self.log.amount_mut(end.entry.0) -= end.refund();
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
        for (date, amount) in self.log.entries() {
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
