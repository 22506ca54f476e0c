//! Many attempts and ends at once, where their order cannot matter.
//!
//! An event loop that shows a limiter one event after the other pays for their order: it sorts, and it branches on what
//! nobody can predict. Most of the time the order decides nothing: all attempts would be admitted in whichever order
//! they came. Then a limiter can tell from the sums what it holds afterwards.

use super::gate::Reservation;
use super::limiter::Entry;
use crate::units::SimTime;

/// The most attempts, and the most ends, of a batch.
pub const BATCH: usize = 16;

/// First attempts and ends within one span of time. An end comes before the attempts of its instant.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The span: nothing is earlier, everything is before its end.
    pub from: SimTime,
    /// The end of the span.
    pub until: SimTime,
    /// How many attempts there are.
    pub attempts: usize,
    /// When they are made \[ns\], in order; beyond their number anything.
    pub made: &'a [u64; BATCH],
    /// What they ask to reserve [quota tokens].
    pub costs: &'a [u64; BATCH],
    /// What they ask for together.
    pub reserved: u64,
    /// How many attempts end.
    pub ends: usize,
    /// When they end, in any order: in the upper 32 bits, from the beginning of the span on \[ns\]; beyond their number
    /// anything.
    pub ended: &'a [u64; BATCH],
    /// What [comes back](super::Limiter::comes_back) as each ends [quota tokens]; zero beyond their number.
    pub refunds: &'a [i64; BATCH],
    /// What comes back together.
    pub returned: i64,
    /// What is taken together by ends whose charge exceeds what they held.
    pub overdrawn: i64,
}

/// A limiter's word that it has admitted all attempts of a batch.
#[derive(Debug)]
pub struct AllAdmitted {
    /// Where it keeps the first; the others follow.
    pub(super) first: Entry,
}

impl AllAdmitted {
    /// The reservation of an attempt, by its place in the batch.
    #[inline(always)]
    pub fn reservation(&self, attempt: usize, made: SimTime, cost: u64) -> Reservation {
        Reservation { at: made, held: cost, entry: Entry(self.first.0 + attempt as u64) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixed_window::FixedWindow;
    use super::super::in_flight::InFlight;
    use super::super::limiter::{Limiter, Meter};
    use super::super::sliding_window::SlidingWindow;
    use super::super::token_bucket::TokenBucket;
    use super::*;
    use crate::units::{Probability, SimSpan};
    use proptest::prelude::*;

    const START: SimTime = SimTime(100_000_000_000);

    fn meters() -> impl Strategy<Value = Meter> {
        let limits = prop_oneof![1_000u64..100_000, 1_000_000u64..50_000_000];
        let bursts = prop_oneof![Just(SimSpan::MINUTE.0), 1_000_000_000u64..120_000_000_000];
        (limits, bursts, 0usize..4).prop_map(|(limit, burst, kind)| match kind {
            0 => Meter::TokenBucket(TokenBucket::new(limit, SimSpan(burst), Probability(1.0))),
            1 => Meter::FixedWindow(FixedWindow::new(limit, SimSpan(burst % SimSpan::MINUTE.0))),
            2 => Meter::SlidingWindow(SlidingWindow::new(limit)),
            _ => Meter::InFlight(InFlight::new(limit)),
        })
    }

    /// Shares of the limit in 2⁻¹⁶, and instants in 2⁻¹⁶ of a span; few of them, so that some coincide.
    fn shares() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..1 << 16, (0u64..8).prop_map(|eighths| eighths << 13)]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever a limiter lives through as a batch, it lives through one event after the other with the same end.
        #[test]
        fn a_batch_is_its_events_in_order(
            meter in meters(),
            span in prop_oneof![1u64..1_000, 1_000_000u64..1 << 32],
            earlier in prop::collection::vec((0u64..80_000_000_000, shares()), 0..20),
            ends in prop::collection::vec((any::<prop::sample::Index>(), shares(), 0u64..1 << 17), 0..BATCH),
            attempts in prop::collection::vec((shares(), 0u64..1 << 13), 0..BATCH),
        ) {
            let mut ordered = meter;
            let limit = ordered.capacity();
            let part = |share: u64, of: u64| ((u128::from(share) * u128::from(of)) >> 16) as u64;
            // What was admitted before, and is still open.
            let mut open = Vec::new();
            let mut before: Vec<_> = earlier.iter().map(|&(at, share)| (SimTime(at), part(share, limit) / 4)).collect();
            before.sort_unstable();
            for (at, cost) in before {
                if ordered.fits(at, cost) {
                    let entry = ordered.take(at, cost);
                    open.push(Reservation { at, held: cost, entry });
                }
            }
            let mut ended: Vec<(u64, Reservation, u64)> = Vec::new();
            for (which, at, share) in &ends {
                if !open.is_empty() {
                    let reservation = open.swap_remove(which.index(open.len()));
                    let charge = part(*share, reservation.held);
                    ended.push((part(*at, span), reservation, charge));
                }
            }
            let mut made: Vec<_> = attempts.iter().map(|&(at, share)| (part(at, span), part(share, limit))).collect();
            made.sort_unstable();

            let mut batched = ordered.clone();
            let until = SimTime(START.0 + span);
            let reserved = made.iter().map(|&(_, cost)| cost).sum();
            let begun = batched.begin_batch(START, until, reserved);
            let mut refunds = [0; BATCH];
            let (mut times, mut costs, mut instants) = ([7; BATCH], [7; BATCH], [7; BATCH]);
            for (place, (at, reservation, charge)) in ended.iter().enumerate() {
                refunds[place] = batched.comes_back(reservation, *charge);
                instants[place] = (at << 32) | 5;
            }
            for (place, &(at, cost)) in made.iter().enumerate() {
                (times[place], costs[place]) = (START.0 + at, cost);
            }
            let batch = Batch {
                from: START,
                until,
                attempts: made.len(),
                made: &times,
                costs: &costs,
                reserved,
                ends: ended.len(),
                ended: &instants,
                refunds: &refunds,
                returned: refunds.iter().map(|&refund| refund.max(0)).sum(),
                overdrawn: -refunds.iter().map(|&refund| refund.min(0)).sum::<i64>(),
            };
            let admitted = batched.admit_all(&batch, |end| ended[end].1.entry);
            let Some(admitted) = admitted.filter(|_| begun) else { return Ok(()) };

            // An end, with its reservation, comes before the attempts of its instant.
            let mut events: Vec<(u64, bool, usize)> = Vec::new();
            events.extend(ended.iter().enumerate().map(|(place, &(at, ..))| (at, false, place)));
            events.extend(made.iter().enumerate().map(|(place, &(at, _))| (at, true, place)));
            events.sort_unstable();
            for (at, is_attempt, place) in events {
                let now = SimTime(START.0 + at);
                if is_attempt {
                    let cost = made[place].1;
                    prop_assert!(ordered.fits(now, cost), "an attempt of a batch is refused in its turn");
                    let _ = ordered.take(now, cost);
                    open.push(admitted.reservation(place, now, cost));
                } else {
                    let (_, reservation, charge) = &ended[place];
                    ordered.settle(now, reservation.at, reservation.entry, reservation.held, *charge);
                }
            }
            for wait in [0, 1, 1_000_000_000, 59_000_000_000] {
                let now = SimTime(until.0 + wait);
                prop_assert_eq!(batched.available(now), ordered.available(now), "after {} ns", wait);
            }
            // What stays open settles alike.
            let now = SimTime(until.0 + 59_000_000_000);
            for Reservation { at, held, entry } in open {
                for meter in [&mut batched, &mut ordered] {
                    meter.settle(now, at, entry, held, held / 2);
                }
                prop_assert_eq!(batched.available(now), ordered.available(now));
            }
        }
    }
}
