//! How far a bucket that was full at some instant of a batch is from full at its end.
//!
//! For each event of a batch, what happens from there on is summed up, of all events at the same time: a register holds
//! eight or sixteen of these sums, and no event has to be put in its place in the order first.

use super::batch::{BATCH, Batch};
use crate::wide::Loop;

/// Finds the least that flows in net from any instant of a batch until its end; zero at the most.
///
/// All that a batch moves must be less than 2³¹ tokens, and less than 2⁶¹ in the unit of the bucket.
pub(super) struct LeastInflow<'b> {
    pub(super) batch: &'b Batch<'b>,
    /// One token in the unit of the bucket.
    pub(super) token: i64,
    /// What flows in \[units/ns\].
    pub(super) limit: i64,
    /// The answer, in the unit of the bucket; none if it depends on which of two attempts ends first at one instant, or
    /// if more than a batch of attempts and ends take something.
    pub(super) least: &'b mut Option<i64>,
}

/// An instant of a batch, in ns from its beginning.
///
/// Its bits are those of the unsigned number with the first one turned around: signed numbers are what every machine
/// can compare many of at once.
type Instant = i32;

/// Later than all that happens in a batch.
const NEVER: Instant = i32::MAX;

#[inline(always)]
fn instant(ns: u32) -> Instant {
    (ns ^ (1 << 31)) as Instant
}

/// From an instant to the end of a span \[ns\].
#[inline(always)]
fn left(instant: Instant, span: u64) -> i64 {
    (span - u64::from(instant as u32 ^ (1 << 31))) as i64
}

impl Loop for LeastInflow<'_> {
    #[inline(always)]
    fn run(self) {
        let LeastInflow { batch, token, limit, least } = self;
        let span = batch.until.0 - batch.from.0;
        let made_at = |time: u64| instant(time.wrapping_sub(batch.from.0) as u32);
        let ended_at = |entry: u64| instant((entry >> 32) as u32);
        // Between two events less and less flows in, and what comes back is there no more once it has come: so the
        // least is right before something is taken. Unused places are at the last instant, from which on nothing comes
        // or what comes then.
        let (mut at, mut taken, mut drawn_at) = ([0; BATCH], [0; BATCH], [NEVER; BATCH]);
        let end = instant((span - 1) as u32);
        for place in 0..BATCH {
            // Read in any case, kept where it is in use: no branch.
            let (used, time, cost) = (place < batch.attempts, batch.made[place], batch.costs[place]);
            at[place] = if used { made_at(time) } else { end };
            taken[place] = if used { cost as i32 } else { 0 };
        }
        let mut takers = batch.attempts;
        if batch.overdrawn > 0 {
            for (&entry, &refund) in batch.ended.iter().zip(batch.refunds).take(batch.ends) {
                if refund < 0 {
                    let ended = ended_at(entry);
                    let (Some(at), Some(taken)) = (at.get_mut(takers), taken.get_mut(takers)) else { return };
                    (*at, *taken) = (ended, -refund as i32);
                    drawn_at[takers] = ended;
                    takers += 1;
                }
            }
        }
        let (mut from, mut tied) = ([0_i32; BATCH], [0_i32; BATCH]);
        for nth in 0..batch.ends {
            // Leaving the loop early keeps it in the order written: all places at once, not all ends.
            let (Some(&entry), Some(&refund)) = (batch.ended.get(nth), batch.refunds.get(nth)) else { return };
            let (ended, refund) = (ended_at(entry), refund.max(0) as i32);
            for place in 0..BATCH {
                from[place] += if ended > at[place] { refund } else { 0 };
                tied[place] += if ended == drawn_at[place] { 1 } else { 0 };
            }
        }
        for nth in 0..takers {
            let (Some(&time), Some(&cost)) = (at.get(nth), taken.get(nth)) else { return };
            for place in 0..BATCH {
                from[place] -= if time >= at[place] { cost } else { 0 };
            }
        }
        let mut lows = [0; BATCH];
        let mut most_tied = 0;
        for place in 0..BATCH {
            lows[place] = i64::from(from[place]) * token + limit * left(at[place], span);
            most_tied = tied[place].max(most_tied);
        }
        *least = (most_tied <= 1).then(|| lows.iter().fold(0, |least, &low| low.min(least)));
    }
}
