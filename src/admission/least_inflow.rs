//! How far a bucket that was full at some instant of a batch is from full at its end.
//!
//! *Measured* with callgrind: a request of the benchmark `low 100` takes 0.87 of the instructions that it takes where all
//! events of a batch are looked at, all at the same time.

use super::batch::Batch;

/// The least that flows in net from any instant of a batch until its end, zero at the most, where `limit` flows in per
/// ns and a token is so many units; none if it depends on which of two attempts ends first at one instant.
///
/// Between two events less and less is still to flow in, and what comes back is there no more once it has come: so the
/// least is right before something is taken. Most of these instants need no second look, for from there on more flows
/// in than is taken in the whole batch.
///
/// All that a batch moves must be less than 2³¹ tokens, and less than 2⁶¹ in the unit of the bucket.
#[inline(always)]
pub(super) fn least_inflow(batch: &Batch<'_>, token: i64, limit: i64) -> Option<i64> {
    debug_assert!(batch.refunds[batch.ends..].iter().all(|&refund| refund == 0), "of no end");
    let span = batch.until.0 - batch.from.0;
    let flows_in = |at: u64| limit * (span - at) as i64;
    let overdrawn = batch.overdrawn * token;
    let taken = batch.reserved as i64 * token + overdrawn;
    let (mut least, mut asked) = (0, 0);
    for (&made, &cost) in batch.made.iter().zip(batch.costs).take(batch.attempts).rev() {
        let at = made - batch.from.0;
        if flows_in(at) >= taken + least {
            // So it is at all earlier attempts.
            break;
        }
        asked += cost as i64 * token;
        let at_least = flows_in(at) - asked - overdrawn;
        if at_least < least {
            least = least.min(flows_in(at) - asked + comes_back_after(at, batch) * token);
        }
    }
    if batch.overdrawn > 0 {
        for (&entry, &refund) in batch.ended.iter().zip(batch.refunds).take(batch.ends) {
            let at = entry >> 32;
            if refund < 0 && flows_in(at) < taken + least {
                least = least.min(flows_in(at) + net_from_end(entry, refund, batch)? * token);
            }
        }
    }
    Some(least)
}

/// What comes back from an end on that takes something, less what is taken; none if another end is at its instant.
#[inline(never)]
fn net_from_end(entry: u64, refund: i64, batch: &Batch<'_>) -> Option<i64> {
    let at = entry >> 32;
    let ends = batch.ended.iter().take(batch.ends).filter(|&other| other >> 32 == at).count();
    let made = batch.made.iter().zip(batch.costs).take(batch.attempts);
    let asked: u64 = made.filter(|&(&made, _)| made - batch.from.0 >= at).map(|(_, cost)| cost).sum();
    (ends == 1).then(|| comes_back_after(at, batch) + refund - asked as i64)
}

/// What comes back after an instant, less what ends take then.
#[inline(always)]
fn comes_back_after(at: u64, batch: &Batch<'_>) -> i64 {
    // As signed numbers, their first bit turned around: what every machine can compare many of at once.
    let instant = |ns: u64| (ns as u32 ^ (1 << 31)) as i32;
    let mut sum = 0;
    for (&entry, &refund) in batch.ended.iter().zip(batch.refunds) {
        sum += if instant(entry >> 32) > instant(at) { refund as i32 } else { 0 };
    }
    i64::from(sum)
}
