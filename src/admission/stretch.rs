//! A stretch of time lived through at once, where everything is admitted in whichever order it comes.
//!
//! An event loop that shows a limiter one event after the other pays for their order: it sorts, and it branches on what
//! nobody can predict. Most of the time the order decides nothing: a limiter that has room for all attempts of a stretch,
//! even if nothing came back before its end, admits each of them. Then it can tell from sums what it holds afterwards,
//! or looks at the events of those few slices where that depends on their order.

use super::limiter::Entry;
use crate::units::SimTime;
use std::ops::Range;

/// The most attempts of a stretch.
pub const MOST_ATTEMPTS: usize = 256;
/// The most slices of a stretch.
pub const MOST_SLICES: usize = 64;

/// First attempts and ends within one span of time, slice by slice. An end comes before the attempts of its instant, an
/// attempt ends later than it begins.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a, E> {
    /// Its beginning.
    pub from: SimTime,
    /// The length of a slice \[ns\], below 2³².
    pub width: u64,
    /// What moves in each slice; at most [`MOST_SLICES`].
    pub slices: &'a [Flows],
    /// When the attempts are made \[ns\], in order; at most [`MOST_ATTEMPTS`].
    pub made: &'a [u64],
    /// What they ask to reserve [quota tokens].
    pub costs: &'a [u64],
    /// Lists the ends of a slice, by its place; in any order.
    pub ends: E,
}

/// What moves in a slice.
#[derive(Debug, Clone, Copy, Default)]
pub struct Flows {
    /// How many attempts have been made by its end, from the beginning of the stretch on.
    pub attempts: usize,
    /// What those of the slice ask for together [quota tokens].
    pub asked: u64,
    /// What [comes back](super::Limiter::comes_back) as attempts end: the positive amounts [quota tokens].
    pub returned: u64,
    /// The others, turned around [quota tokens].
    pub overdrawn: u64,
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy)]
pub struct End {
    /// How long after the beginning of its slice \[ns\].
    pub at: u64,
    /// Where the limiter keeps what the attempt took; of two ends at one instant the smaller comes first.
    pub entry: Entry,
    /// What it held [quota tokens].
    pub held: u64,
    /// What is charged [quota tokens].
    pub charge: u64,
}

impl End {
    /// What comes back [quota tokens].
    #[inline(always)]
    pub fn refund(&self) -> i64 {
        self.held as i64 - self.charge as i64
    }
}

impl<E: Fn(usize, &mut Vec<End>)> Stretch<'_, E> {
    /// Its end: everything is before it.
    #[inline(always)]
    pub fn until(&self) -> SimTime {
        SimTime(self.from.0 + self.width * self.slices.len() as u64)
    }

    /// The attempts of a slice.
    #[inline(always)]
    pub fn attempts_of(&self, slice: usize) -> Range<usize> {
        let before = slice.checked_sub(1).map_or(0, |before| self.slices[before].attempts);
        before..self.slices[slice].attempts
    }

    /// What its attempts and ends take together, if nothing comes back [quota tokens].
    #[inline(always)]
    pub(super) fn taken(&self) -> u64 {
        self.slices.iter().map(|flows| flows.asked + flows.overdrawn).sum()
    }

    /// What comes back together [quota tokens].
    #[inline(always)]
    pub(super) fn returned(&self) -> u64 {
        self.slices.iter().map(|flows| flows.returned).sum()
    }

    /// The least that flows in net from any instant of a slice until its end, where `limit` flows in per ns and a token
    /// is so many units; or `least`, if that is less.
    ///
    /// Between two events less and less is still to flow in, and what comes back is there no more once it has come: so the
    /// least is right before something is taken.
    #[inline(never)]
    pub(super) fn least_inflow(&self, slice: usize, token: i128, limit: u64, mut least: i128, ends: &mut Vec<End>) -> i128 {
        ends.clear();
        (self.ends)(slice, ends);
        let flows = &self.slices[slice];
        let begin = self.from.0 + self.width * slice as u64;
        let attempts = self.attempts_of(slice);
        let (made, costs) = (&self.made[attempts.clone()], &self.costs[attempts]);
        let flows_in = |at: u64| i128::from(limit) * i128::from(self.width - at);
        let taken = i128::from(flows.asked + flows.overdrawn) * token;
        let mut asked = 0;
        for (&made, &cost) in made.iter().zip(costs).rev() {
            let at = made - begin;
            if flows_in(at) - taken >= least {
                // So it is at all earlier attempts.
                break;
            }
            asked += cost as i64;
            let back: i64 = ends.iter().map(|end| if end.at > at { end.refund() } else { 0 }).sum();
            least = least.min(flows_in(at) + i128::from(back - asked) * token);
        }
        if flows.overdrawn > 0 {
            for end in ends.iter().filter(|end| end.refund() < 0) {
                if flows_in(end.at) - taken >= least {
                    continue;
                }
                let later = ends.iter().filter(|other| (other.at, other.entry) >= (end.at, end.entry));
                let back: i64 = later.map(|other| other.refund()).sum();
                let made = made.iter().zip(costs).filter(|&(&made, _)| made - begin >= end.at);
                let asked: u64 = made.map(|(_, cost)| cost).sum();
                least = least.min(flows_in(end.at) + i128::from(back - asked as i64) * token);
            }
        }
        least
    }
}
