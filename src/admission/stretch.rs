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
pub const MOST_ATTEMPTS: usize = 512;
/// The most slices of a stretch.
pub const MOST_SLICES: usize = 64;
/// The most requests of a walk, each of which is admitted once at the most.
pub const MOST_WALKED: usize = 32;

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

/// What a walk came to: attempts one by one, from `from` to `until`.
#[derive(Debug, Clone, Copy)]
pub struct Walked<'w> {
    /// When it began.
    pub from: SimTime,
    /// Until when: what happens then is not in it.
    pub until: SimTime,
    /// How many attempts were admitted.
    pub admitted: u64,
    /// What they took together, net of what came back [quota tokens]; that may be more.
    pub taken: i64,
    /// Where a log is kept: when each was made, in order, and what it took.
    pub made: &'w [(SimTime, u64)],
    /// Where a log is kept: what has ended.
    pub ends: &'w [End],
}

/// The end of an attempt.
#[derive(Debug, Clone, Copy, Default)]
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
    pub(super) fn least_inflow(
        &self,
        slice: usize,
        token: i128,
        limit: u64,
        mut least: i128,
        ends: &mut Vec<End>,
    ) -> i128 {
        let flows = &self.slices[slice];
        let begin = self.from.0 + self.width * slice as u64;
        let attempts = self.attempts_of(slice);
        let (made, costs) = (&self.made[attempts.clone()], &self.costs[attempts]);
        let flows_in = |at: u64| i128::from(limit) * i128::from(self.width - at);
        let taken = i128::from(flows.asked + flows.overdrawn) * token;
        let events = made.iter().zip(costs).rev();
        let mut asked = 0;
        // As if nothing came back, and all that is overdrawn came last: found without a branch that could not be predicted.
        let overdrawn = i128::from(flows.overdrawn) * token;
        let last = if flows.overdrawn > 0 { -overdrawn } else { i128::MAX };
        let bound = events.clone().fold(last, |bound, (&made, &cost)| {
            asked += cost;
            bound.min(flows_in(made - begin) - i128::from(asked) * token - overdrawn)
        });
        if bound >= least {
            return least;
        }
        ends.clear();
        (self.ends)(slice, ends);
        let mut asked = 0;
        for (&made, &cost) in events {
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
                let back: i64 = later.map(End::refund).sum();
                let made = made.iter().zip(costs).filter(|&(&made, _)| made - begin >= end.at);
                let asked: u64 = made.map(|(_, cost)| cost).sum();
                least = least.min(flows_in(end.at) + i128::from(back - asked as i64) * token);
            }
        }
        least
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

    /// A minute and a half after the first admissions.
    const START: SimTime = SimTime(100_000_000_000);

    fn meters() -> impl Strategy<Value = Meter> {
        let limits = prop_oneof![1_000u64..100_000, 1_000_000u64..50_000_000, 1_000_000_000u64..1 << 32];
        let bursts = prop_oneof![Just(SimSpan::MINUTE.0), 1_000_000_000u64..120_000_000_000];
        (limits, bursts, 0usize..4).prop_map(|(limit, burst, kind)| match kind {
            0 => Meter::TokenBucket(TokenBucket::new(limit, SimSpan(burst), Probability(1.0))),
            1 => Meter::FixedWindow(FixedWindow::new(limit, SimSpan(burst % SimSpan::MINUTE.0))),
            2 => Meter::SlidingWindow(SlidingWindow::new(limit)),
            _ => Meter::InFlight(InFlight::new(limit)),
        })
    }

    /// Shares in 2⁻¹⁶; few of them, so that some coincide.
    fn shares() -> impl Strategy<Value = u64> {
        prop_oneof![0u64..1 << 16, (0u64..8).prop_map(|eighths| eighths << 13)]
    }

    fn part(share: u64, of: u64) -> u64 {
        ((u128::from(share) * u128::from(of)) >> 16) as u64
    }

    /// An open attempt, and what it will be charged.
    #[derive(Debug, Clone, Copy)]
    struct Open {
        entry: Entry,
        held: u64,
        charge: u64,
    }

    impl Open {
        fn end(&self, at: u64) -> End {
            End { at, entry: self.entry, held: self.held, charge: self.charge }
        }
    }

    /// A meter with open attempts, of which some end within a span of slices, while others are made.
    #[derive(Debug)]
    struct Case {
        meter: Meter,
        width: u64,
        slices: usize,
        open: Vec<Open>,
        /// When each ends, counted from the start.
        ends: Vec<(u64, Open)>,
        /// When each is made, what it asks for.
        made: Vec<(u64, u64)>,
    }

    fn cases() -> impl Strategy<Value = Case> {
        (
            meters(),
            prop_oneof![1u64..1_000, 1_000_000u64..1 << 31],
            1usize..5,
            prop::collection::vec((0u64..80_000_000_000, shares()), 0..20),
            prop::collection::vec((any::<prop::sample::Index>(), shares(), 0u64..1 << 17), 0..16),
            prop::collection::vec((shares(), 0u64..1 << 13), 0..16),
        )
            .prop_map(|(mut meter, width, slices, earlier, ends, attempts)| {
                let limit = meter.capacity();
                let mut before: Vec<_> = earlier.iter().map(|&(at, share)| (at, part(share, limit) / 4)).collect();
                before.sort_unstable();
                let mut open = Vec::new();
                for (at, held) in before {
                    if meter.fits(SimTime(at), held) {
                        let entry = meter.take(SimTime(at), held);
                        open.push(Open { entry, held, charge: held / 2 });
                    }
                }
                let span = width * slices as u64;
                let mut ended = Vec::new();
                for (which, at, share) in &ends {
                    if !open.is_empty() {
                        let Open { entry, held, .. } = open.swap_remove(which.index(open.len()));
                        ended.push((part(*at, span), Open { entry, held, charge: part(*share, held) }));
                    }
                }
                let mut made: Vec<_> = attempts.iter().map(|&(at, cost)| (part(at, span), part(cost, limit))).collect();
                made.sort_unstable();
                Case { meter, width, slices, open, ends: ended, made }
            })
    }

    impl Case {
        /// What happens, in order: ends by their entries before the attempts of their instant.
        fn events(&self) -> Vec<(u64, Option<Open>, u64)> {
            let ends = self.ends.iter().map(|&(at, open)| (at, Some(open), 0));
            let made = self.made.iter().map(|&(at, cost)| (at, None, cost));
            let mut events: Vec<_> = ends.chain(made).collect();
            events.sort_by_key(|&(at, open, _)| (at, open.is_none(), open.map(|open| open.entry)));
            events
        }

        fn until(&self) -> SimTime {
            SimTime(START.0 + self.width * self.slices as u64)
        }
    }

    /// Two meters hold the same, now and later, whatever ends then.
    fn assert_alike(mut one: Meter, mut other: Meter, until: SimTime, open: &[Open]) {
        for wait in [0, 1, 1_000_000_000, 59_000_000_000] {
            let now = SimTime(until.0 + wait);
            assert_eq!(one.available(now), other.available(now), "after {wait} ns");
        }
        let now = SimTime(until.0 + 59_000_000_000);
        for Open { entry, held, charge } in open {
            for meter in [&mut one, &mut other] {
                meter.settle(now, *entry, *held, *charge);
            }
            assert_eq!(one.available(now), other.available(now));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        /// Whatever a limiter lives through at once, it lives through one event after the other with the same end.
        #[test]
        fn a_stretch_is_its_events_in_order(mut case in cases()) {
            let mut at_once = case.meter.clone();
            let until = case.until();
            if at_once.make_ready(START) < until {
                return Ok(());
            }
            let mut slices = vec![Flows::default(); case.slices];
            for (at, open) in &case.ends {
                let refund = at_once.comes_back(open.entry, open.held, open.charge);
                let slice = &mut slices[(at / case.width) as usize];
                slice.returned += refund.max(0) as u64;
                slice.overdrawn += refund.min(0).unsigned_abs();
            }
            let mut before = 0;
            for (place, slice) in (1..).zip(&mut slices) {
                slice.attempts = case.made.partition_point(|&(at, _)| at < place * case.width);
                slice.asked = case.made[before..slice.attempts].iter().map(|(_, cost)| cost).sum();
                before = slice.attempts;
            }
            let taken: Vec<u64> = slices
                .iter()
                .scan(0, |sum, slice| {
                    *sum += slice.asked + slice.overdrawn;
                    Some(*sum)
                })
                .collect();
            let room = at_once.room_by_slice(START, case.width, &taken);
            if !taken.iter().all(|&taken| at_once.has_room(taken)) && room < slices.len() {
                return Ok(());
            }
            let times: Vec<u64> = case.made.iter().map(|(at, _)| START.0 + at).collect();
            let costs: Vec<u64> = case.made.iter().map(|(_, cost)| *cost).collect();
            at_once.live_through(&Stretch {
                from: START,
                width: case.width,
                slices: &slices,
                made: &times,
                costs: &costs,
                ends: |slice: usize, ends: &mut Vec<End>| {
                    let here = case.ends.iter().filter(|(at, _)| (at / case.width) as usize == slice);
                    ends.extend(here.map(|(at, open)| open.end(at % case.width)));
                },
            });

            let mut ordered = case.meter.clone();
            for (at, open, cost) in case.events() {
                let now = SimTime(START.0 + at);
                if let Some(Open { entry, held, charge }) = open {
                    ordered.settle(now, entry, held, charge);
                } else {
                    prop_assert!(ordered.fits(now, cost), "an attempt of a stretch is refused in its turn");
                    let entry = ordered.take(now, cost);
                    case.open.push(Open { entry, held: cost, charge: cost / 2 });
                }
            }
            assert_alike(at_once, ordered, until, &case.open);
        }

        /// Whatever a limiter walks through attempt by attempt, it decides as it would event by event.
        #[test]
        fn a_walk_is_its_events_in_order(mut case in cases()) {
            case.slices = 1;
            case.ends.retain(|&(at, _)| at < case.width);
            case.made.retain(|&(at, _)| at < case.width);
            let (mut walked, mut ordered) = (case.meter.clone(), case.meter.clone());
            let until = case.until();
            // Made ready, it knows what still comes back.
            let _ = walked.make_ready(START);
            let refund = |meter: &Meter, open: &Open| meter.comes_back(open.entry, open.held, open.charge);
            let returned = case.ends.iter().map(|(_, open)| refund(&walked, open).max(0) as u64).sum();
            let oldest = case.ends.iter().map(|(_, open)| open.entry).min().unwrap_or(Entry(u64::MAX));
            if !walked.begin_walk(START, until, returned, oldest) {
                return Ok(());
            }
            let (mut back, mut taken, mut admitted) = (0, 0, 0);
            let (mut made, mut ends) = (Vec::new(), Vec::new());
            let mut by_itself = Vec::new();
            walked.comes_back_by_itself(until, |at, amount| by_itself.push((at, amount)));
            for (at, open, cost) in case.events() {
                let now = SimTime(START.0 + at);
                if let Some(open) = open {
                    back += refund(&walked, &open);
                    ends.push(open.end(at));
                    ordered.settle(now, open.entry, open.held, open.charge);
                    continue;
                }
                let more: i64 = by_itself.iter().filter(|(at, _)| *at <= now).map(|(_, amount)| amount).sum();
                let fits = walked.room().after(at, cost, back + more - taken) >= 0;
                prop_assert_eq!(fits, ordered.fits(now, cost));
                if fits {
                    made.push((now, cost));
                    let entry = ordered.take(now, cost);
                    case.open.push(Open { entry, held: cost, charge: cost / 2 });
                    taken += cost as i64;
                    admitted += 1;
                }
            }
            back += by_itself.iter().map(|(_, amount)| amount).sum::<i64>();
            let taken = taken - back;
            walked.end_walk(&Walked { from: START, until, admitted, taken, made: &made, ends: &ends });
            assert_alike(walked, ordered, until, &case.open);
        }
    }
}
