//! How requests fared over time: what tells whether a system comes back after a disturbance.
//!
//! Requests count in the interval of their *arrival*, attempts in that in which they were made, so that a crowd of
//! retries shows when it is there. A request is *in trouble* when it fails, or is held up for more than
//! [`LONG_WAIT`] in all before its last attempt.

use crate::units::{SimSpan, SimTime};

/// A wait that its caller notices. *Assumption*: one second.
pub const LONG_WAIT: SimSpan = SimSpan::SECOND;

/// Intervals to the horizon, at most; each is a number of whole seconds.
const MOST: u64 = 720;

/// The counts of one replication by interval.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// When the disturbance begins and when it is over.
    pub disturbed: [SimTime; 2],
    /// Until when requests arrive.
    pub horizon: SimTime,
    /// The length of an interval \[ns\].
    pub interval: u64,
    /// The intervals up to the horizon.
    pub moments: Vec<Moment>,
}

/// One interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moment {
    /// Counted requests that arrived in it and have ended.
    pub requests: u64,
    /// Those of them in trouble.
    pub troubled: u64,
    /// Attempts made in it.
    pub attempts: u64,
}

impl Moment {
    /// Adds the counts of another.
    pub fn merge(&mut self, other: &Moment) {
        self.requests += other.requests;
        self.troubled += other.troubled;
        self.attempts += other.attempts;
    }
}

impl Health {
    /// Nothing counted yet, up to the horizon.
    pub fn new(disturbed: [SimTime; 2], horizon: SimTime) -> Health {
        let interval = horizon.0.div_ceil(MOST).next_multiple_of(SimSpan::SECOND.0);
        let moments = vec![Moment::default(); horizon.0.div_ceil(interval) as usize];
        Health { disturbed, horizon, interval, moments }
    }

    /// Adds the counts of another replication of the same scenario.
    pub fn merge(&mut self, other: &Health) {
        if self.moments.is_empty() {
            *self = other.clone();
            return;
        }
        self.moments.iter_mut().zip(&other.moments).for_each(|(mine, theirs)| mine.merge(theirs));
    }

    /// A request that arrived then has ended: with an answer after waiting so long, or without one.
    pub fn ended(&mut self, arrived: SimTime, waited: Option<SimSpan>) {
        let moment = &mut self.moments[(arrived.0 / self.interval) as usize];
        moment.requests += 1;
        moment.troubled += u64::from(waited.is_none_or(|waited| waited > LONG_WAIT));
    }

    /// An attempt was made.
    pub fn attempted(&mut self, now: SimTime) {
        if let Some(moment) = self.moments.get_mut((now.0 / self.interval) as usize) {
            moment.attempts += 1;
        }
    }

    /// The intervals that begin within `[from, to)`, as one.
    pub fn within(&self, from: SimTime, to: SimTime) -> Moment {
        let [first, last] = [from, to].map(|at| (at.0.div_ceil(self.interval) as usize).min(self.moments.len()));
        let mut whole = Moment::default();
        self.moments[first..last.max(first)].iter().for_each(|moment| whole.merge(moment));
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_count_where_they_arrived_and_attempts_where_they_were_made() {
        let second = |s: u64| SimTime(s * SimSpan::SECOND.0);
        let mut health = Health::new([second(60), second(90)], second(7_200));
        assert_eq!((health.interval, health.moments.len()), (10 * SimSpan::SECOND.0, 720));
        health.attempted(second(5));
        health.attempted(second(12));
        health.attempted(second(9_000));
        health.ended(second(5), Some(SimSpan(LONG_WAIT.0 + 1)));
        health.ended(second(9), Some(LONG_WAIT));
        health.ended(second(19), None);
        let all = health.within(SimTime::ZERO, second(7_200));
        assert_eq!(all, Moment { requests: 3, troubled: 2, attempts: 2 });
        assert_eq!(health.within(second(10), second(20)), Moment { requests: 1, troubled: 1, attempts: 1 });
        assert_eq!(health.within(second(20), second(10)), Moment::default());
    }
}
