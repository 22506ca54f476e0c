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
    /// The answer, in the unit of the bucket; none if two attempts end at one instant, and their order matters.
    pub(super) least: &'b mut Option<i64>,
}

/// An instant of a batch, in ns from its beginning.
///
/// Its bits are those of the unsigned number with the first one turned around: signed numbers are what every machine
/// can compare many of at once.
type Instant = i32;

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
        // Unused places are at the last instant, from which on nothing comes or what comes then.
        let (mut made, mut ended) = ([0; BATCH], [0; BATCH]);
        let end = instant((span - 1) as u32);
        for place in 0..BATCH {
            // Read in any case, kept where it is in use: no branch.
            let (made_at, ended_at) = (made_at(batch.made[place]), ended_at(batch.ended[place]));
            made[place] = if place < batch.attempts { made_at } else { end };
            ended[place] = if place < batch.ends { ended_at } else { end };
        }
        let (mut from_attempt, mut from_end) = ([0_i32; BATCH], [0_i32; BATCH]);
        let mut tied = [0_i32; BATCH];
        for nth in 0..batch.ends {
            // Leaving the loop early keeps it in the order written: all places at once, not all ends.
            let (Some(&entry), Some(&refund)) = (batch.ended.get(nth), batch.refunds.get(nth)) else { return };
            let (at, refund) = (ended_at(entry), refund as i32);
            for place in 0..BATCH {
                from_attempt[place] += if at > made[place] { refund } else { 0 };
                from_end[place] += if at >= ended[place] { refund } else { 0 };
                tied[place] += i32::from(at == ended[place]);
            }
        }
        for nth in 0..batch.attempts {
            let (Some(&time), Some(&cost)) = (batch.made.get(nth), batch.costs.get(nth)) else { return };
            let (at, cost) = (made_at(time), cost as i32);
            for place in 0..BATCH {
                from_attempt[place] -= if nth as i32 >= place as i32 { cost } else { 0 };
                from_end[place] -= if at >= ended[place] { cost } else { 0 };
            }
        }
        let mut lows = [0; BATCH];
        let mut most_tied = 0;
        for place in 0..BATCH {
            let attempt = i64::from(from_attempt[place]) * token + limit * left(made[place], span);
            let end = i64::from(from_end[place]) * token + limit * left(ended[place], span);
            lows[place] = attempt.min(end);
            most_tied = tied[place].max(most_tied);
        }
        // Where nothing but refunds ends, the order of ends at one instant makes no difference.
        let ordered = most_tied <= 1 || batch.overdrawn == 0;
        *least = ordered.then(|| lows.iter().fold(0, |least, &low| low.min(least)));
    }
}
