//! Laws of the limiters and of the gate over random tapes.
//!
//! A tape is a list of admits, settlements, adjustments, changes of the limit and penalties at instants that never go
//! back. Every limiter runs it beside a naive model that keeps the whole history and works its answer out anew at each
//! step; the laws are then read off what was admitted.

use super::fixed_window::FixedWindow;
use super::gate::{Admission, Gate, Reservation, Settlement};
use super::in_flight::InFlight;
use super::limiter::{Entry, Limiter, Meter};
use super::sliding_window::SlidingWindow;
use super::token_bucket::TokenBucket;
use crate::model::scenario::Start;
use crate::model::{
    self, DayQuota, Distribution, Latency, Pool, PoolQuotas, Prices, Quota, QuotaName, ReservationRules,
};
use crate::tally::Ledger;
use crate::units::{BurndownRate, Probability, SimSpan, SimTime, Tokens};
use proptest::prelude::*;

const MINUTE: i128 = SimSpan::MINUTE.0 as i128;

/// What happens at one step of a tape, with amounts as shares in thousandths so that they fit any limit.
#[derive(Debug, Clone, Copy)]
enum Act {
    /// Asks for this share of the limit, and takes it where it fits.
    Admit(u64),
    /// One of the open reservations ends in a charge of this share of it.
    Settle(usize, u64),
    /// One of the open reservations changes to this share of itself.
    Adjust(usize, u64),
    /// The limit changes to this share of the first.
    Limit(u64),
    /// A refused attempt is counted.
    Penalise,
}

#[derive(Debug, Clone, Copy)]
struct Step {
    /// Time since the step before [ns].
    gap: u64,
    act: Act,
}

fn gaps() -> impl Strategy<Value = u64> {
    prop_oneof![
        2 => Just(0),
        2 => 1u64..3,
        4 => 1u64..2_000_000_000,
        2 => 1u64..61_000_000_000,
        2 => prop::sample::select(vec![15_000_000_000u64, 30_000_000_000, 59_999_999_999, 60_000_000_000, 60_000_000_001]),
        1 => 60_000_000_000u64..700_000_000_000,
    ]
}

/// Steps that leave the limit alone.
fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        6 => (0u64..400).prop_map(Act::Admit),
        2 => (0u64..1_100).prop_map(Act::Admit),
        4 => (any::<usize>(), 0u64..1_200).prop_map(|(which, share)| Act::Settle(which, share)),
        1 => (any::<usize>(), 1_000u64..4_000).prop_map(|(which, share)| Act::Settle(which, share)),
        2 => (any::<usize>(), 0u64..1_500).prop_map(|(which, share)| Act::Adjust(which, share)),
    ]
}

/// Steps of every kind.
fn any_act() -> impl Strategy<Value = Act> {
    prop_oneof![
        10 => act(),
        1 => (1u64..3_000).prop_map(Act::Limit),
        1 => Just(Act::Penalise),
    ]
}

fn tape(act: impl Strategy<Value = Act>) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((gaps(), act).prop_map(|(gap, act)| Step { gap, act }), 1..80)
}

fn limits() -> impl Strategy<Value = u64> {
    prop_oneof![1u64..20, 100u64..1_000_000, Just(200_000), 1u64..1_000_000_000_000_000]
}

fn bursts() -> impl Strategy<Value = u64> {
    prop_oneof![
        3 => Just(SimSpan::MINUTE.0),
        1 => prop::sample::select(vec![1_000_000_000u64, 10_000_000_000, 3_600_000_000_000]),
        2 => 1_000_000u64..600_000_000_000,
    ]
}

/// A limiter's kind and parameters; the level is in thousandths.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Bucket { burst: u64, level: u64 },
    Fixed { phase: u64 },
    Sliding,
    InFlight,
}

fn buckets() -> impl Strategy<Value = Kind> {
    let level = prop_oneof![2 => Just(1_000u64), 1 => 0u64..=1_000];
    (bursts(), level).prop_map(|(burst, level)| Kind::Bucket { burst, level })
}

fn fixed_windows() -> impl Strategy<Value = Kind> {
    prop_oneof![Just(0u64), 0u64..200_000_000_000].prop_map(|phase| Kind::Fixed { phase })
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![3 => buckets(), 2 => fixed_windows(), 2 => Just(Kind::Sliding), 1 => Just(Kind::InFlight)]
}

impl Kind {
    fn meter(self, limit: u64) -> Meter {
        match self {
            Kind::Bucket { burst, level } => {
                Meter::TokenBucket(TokenBucket::new(limit, SimSpan(burst), Probability(level as f64 / 1e3)))
            }
            Kind::Fixed { phase } => Meter::FixedWindow(FixedWindow::new(limit, SimSpan(phase))),
            Kind::Sliding => Meter::SlidingWindow(SlidingWindow::new(limit)),
            Kind::InFlight => Meter::InFlight(InFlight::new(limit)),
        }
    }

    fn model(self) -> model::Limiter {
        match self {
            Kind::Bucket { burst, level } => {
                model::Limiter::TokenBucket { burst: SimSpan(burst), initial_level: Probability(level as f64 / 1e3) }
            }
            Kind::Fixed { phase } => model::Limiter::FixedWindow { phase: SimSpan(phase) },
            Kind::Sliding => model::Limiter::SlidingWindow,
            Kind::InFlight => model::Limiter::InFlight,
        }
    }
}

/// A change of the quota's books at an instant.
#[derive(Debug, Clone, Copy)]
enum Change {
    /// Taken by the attempt of this number.
    Take(usize, i128),
    /// Given back to the attempt of this number; negative takes more.
    Give(usize, i128),
    /// An attempt ended that still held this much.
    End(i128),
    Penalty,
    Limit(i128),
}

/// The naive model: the whole history, read from the start at every question.
#[derive(Debug)]
struct Naive {
    kind: Kind,
    first_limit: i128,
    history: Vec<(i128, Change)>,
}

impl Naive {
    fn limit(&self) -> i128 {
        let last = self.history.iter().rev().find_map(|&(_, change)| match change {
            Change::Limit(limit) => Some(limit),
            _ => None,
        });
        last.unwrap_or(self.first_limit)
    }

    /// What is free at `now`, in 60,000,000,000ths of a token.
    fn free(&self, now: i128) -> i128 {
        match self.kind {
            Kind::Bucket { burst, level } => self.bucket(now, i128::from(burst), i128::from(level)),
            Kind::Fixed { phase } => {
                let window = |at: i128| (at - i128::from(phase)).div_euclid(MINUTE);
                (self.limit() - self.counted(|at| window(at) == window(now))) * MINUTE
            }
            Kind::Sliding => (self.limit() - self.counted(|at| now - at < MINUTE)) * MINUTE,
            Kind::InFlight => {
                let open = self.history.iter().map(|&(_, change)| match change {
                    Change::Take(_, amount) => amount,
                    Change::Give(_, amount) | Change::End(amount) => -amount,
                    Change::Penalty | Change::Limit(_) => 0,
                });
                (self.limit() - open.sum::<i128>()) * MINUTE
            }
        }
    }

    /// What the attempts taken at such instants hold by now, and the penalties of such instants.
    fn counted(&self, counts: impl Fn(i128) -> bool) -> i128 {
        let taken = |number: usize| {
            self.history.iter().find_map(|&(at, change)| match change {
                Change::Take(other, _) if other == number => Some(at),
                _ => None,
            })
        };
        let amounts = self.history.iter().map(|&(at, change)| match change {
            Change::Take(_, amount) if counts(at) => amount,
            Change::Give(number, amount) if counts(taken(number).expect("taken before")) => -amount,
            Change::Penalty if counts(at) => 1,
            _ => 0,
        });
        amounts.sum()
    }

    fn bucket(&self, now: i128, burst: i128, level: i128) -> i128 {
        let (mut limit, mut at) = (self.first_limit, 0);
        let mut free = limit * burst * level / 1_000;
        for &(then, change) in &self.history {
            free = (free + limit * (then - at)).min(limit * burst);
            at = then;
            match change {
                Change::Take(_, amount) => free -= amount * MINUTE,
                Change::Give(_, amount) => free = (free + amount * MINUTE).min(limit * burst),
                Change::Penalty if free > 0 => free = (free - MINUTE).max(0),
                Change::Limit(new) => {
                    limit = new;
                    free = free.min(limit * burst);
                }
                Change::Penalty | Change::End(_) => {}
            }
        }
        (free + limit * (now - at)).min(limit * burst)
    }
}

/// An admitted attempt of a tape.
#[derive(Debug, Clone, Copy)]
struct Open {
    number: usize,
    at: SimTime,
    entry: Entry,
    held: u64,
}

/// What a tape did, for the laws to look at.
#[derive(Debug, Default, PartialEq)]
struct Record {
    decisions: Vec<bool>,
    /// Admissions: instant and cost.
    admitted: Vec<(i128, i128)>,
    /// Refunds (positive) and overdrafts (negative): instant, instant of the admission, amount.
    settled: Vec<(i128, i128, i128)>,
    /// What was free after each step.
    free: Vec<i64>,
}

/// Runs a tape from `start` on a limiter, beside its naive model.
fn play(kind: Kind, limit: u64, start: u64, tape: &[Step]) -> Record {
    let mut meter = kind.meter(limit);
    let mut naive = Naive { kind, first_limit: limit.into(), history: Vec::new() };
    let mut record = Record::default();
    let (mut now, mut open, mut number) = (SimTime(start), Vec::<Open>::new(), 0);
    for step in tape {
        now += SimSpan(step.gap);
        let at = i128::from(now.0);
        match step.act {
            Act::Admit(share) => {
                let cost = portion(limit, share);
                let fits = meter.fits(now, cost);
                assert_eq!(
                    fits,
                    naive.free(at) >= i128::from(cost) * MINUTE,
                    "the naive model decides otherwise at {at}: {cost} of {}",
                    naive.free(at) / MINUTE
                );
                tight(&meter, now, cost);
                record.decisions.push(fits);
                if fits {
                    assert!(meter.available(now) >= cost as i64, "nothing is admitted beyond what is free");
                    let entry = meter.take(now, cost);
                    naive.history.push((at, Change::Take(number, cost.into())));
                    open.push(Open { number, at: now, entry, held: cost });
                    record.admitted.push((at, cost.into()));
                    number += 1;
                }
            }
            Act::Settle(which, share) if !open.is_empty() => {
                let which = which % open.len();
                let ended = open.swap_remove(which);
                let charge = portion(ended.held, share);
                let refund = ended.held as i64 - charge as i64;
                meter.settle(now, ended.entry, ended.held, charge);
                naive.history.push(match meter {
                    Meter::InFlight(_) => (at, Change::End(ended.held.into())),
                    _ => (at, Change::Give(ended.number, refund.into())),
                });
                record.settled.push((at, ended.at.0.into(), refund.into()));
            }
            Act::Adjust(which, share) if !open.is_empty() => {
                let which = which % open.len();
                let open = &mut open[which];
                let held = portion(open.held, share);
                let refund = open.held as i64 - held as i64;
                open.held = held;
                meter.give_back(now, open.entry, refund);
                naive.history.push((at, Change::Give(open.number, refund.into())));
                record.settled.push((at, open.at.0.into(), refund.into()));
            }
            Act::Limit(share) => {
                let limit = portion(limit, share).max(1);
                meter.set_limit(now, limit);
                naive.history.push((at, Change::Limit(limit.into())));
            }
            Act::Penalise => {
                meter.penalise(now);
                if !matches!(kind, Kind::InFlight) {
                    naive.history.push((at, Change::Penalty));
                }
            }
            Act::Settle(..) | Act::Adjust(..) => {}
        }
        assert_eq!(i128::from(meter.available(now)), naive.free(at).div_euclid(MINUTE), "free at {at}");
        record.free.push(meter.available(now));
    }
    record
}

/// So many thousandths of it, cut to what keeps the sums of a tape within 64 bits.
fn portion(whole: u64, share: u64) -> u64 {
    (u128::from(whole) * u128::from(share) / 1_000).min(10_000_000_000_000_000) as u64
}

/// `retry_at` from both sides: it fits then, and not a nanosecond before, when nothing else happens.
fn tight(meter: &Meter, now: SimTime, cost: u64) {
    let Some(at) = meter.clone().retry_at(now, cost) else {
        assert!(
            cost > meter.capacity() || matches!(meter, Meter::InFlight(_)) && !meter.clone().fits(now, cost),
            "time alone makes {cost} of {} fit",
            meter.capacity()
        );
        return;
    };
    assert!(at >= now && cost <= meter.capacity());
    assert!(meter.clone().fits(at, cost), "{cost} does not fit at its retry_at {at:?}, asked at {now:?}");
    if at > now {
        assert!(!meter.clone().fits(SimTime(at.0 - 1), cost), "{cost} fits before its retry_at {at:?}");
    }
}

/// The sum over the record's instants in `[from, to]`.
fn within(list: impl Iterator<Item = (i128, i128)>, from: i128, to: i128) -> i128 {
    list.filter(|&(at, _)| from <= at && at <= to).map(|(_, amount)| amount).sum()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// Decisions and what is free afterwards are those of a model that keeps the whole history, through changes of
    /// the limit and penalties; on the way, `retry_at` is tight and nothing is admitted beyond what is free.
    #[test]
    fn every_limiter_decides_as_a_naive_model_does(kind in kinds(), limit in limits(), tape in tape(any_act())) {
        play(kind, limit, 0, &tape);
    }

    /// *Law*: over every `[a, b]`, admitted − refunds ≤ C + Q·(b − a); where b is an admission, the overdrafts before
    /// it in the window count against the bucket as well: admitted + overdrafts − refunds ≤ C + Q·(b − a).
    #[test]
    fn a_bucket_admits_at_most_its_capacity_and_its_refill_over_every_window(
        kind in buckets(), limit in limits(), tape in tape(act())
    ) {
        let Kind::Bucket { burst, .. } = kind else { unreachable!("only buckets are drawn") };
        let record = play(kind, limit, 0, &tape);
        let refunds = || record.settled.iter().map(|&(at, _, amount)| (at, amount.max(0)));
        let overdrafts = || record.settled.iter().map(|&(at, _, amount)| (at, (-amount).max(0)));
        let mut instants: Vec<i128> = record.admitted.iter().map(|a| a.0).chain(record.settled.iter().map(|s| s.0)).collect();
        instants.sort_unstable();
        instants.dedup();
        for (place, &from) in instants.iter().enumerate() {
            for &to in &instants[place..] {
                let bound = i128::from(limit) * (i128::from(burst) + to - from);
                let net = within(record.admitted.iter().copied(), from, to) - within(refunds(), from, to);
                prop_assert!(net * MINUTE <= bound, "[{from}, {to}]: {net}");
                if record.admitted.iter().any(|&(at, _)| at == to) {
                    let before = within(overdrafts(), from, to - 1);
                    prop_assert!((net + before) * MINUTE <= bound, "[{from}, {to}]: {net} + {before} overdrawn");
                }
            }
        }
    }

    /// *Law*: when a window admits, what its reservations hold by then, settlements and adjustments included, is at
    /// most Q; so without overdrafts no window ever holds more.
    #[test]
    fn no_fixed_window_admits_more_than_its_limit(kind in fixed_windows(), limit in limits(), tape in tape(act())) {
        let Kind::Fixed { phase } = kind else { unreachable!("only fixed windows are drawn") };
        let record = play(kind, limit, 0, &tape);
        let window = |at: i128| (at - i128::from(phase)).div_euclid(MINUTE);
        for &(now, _) in &record.admitted {
            let taken = record.admitted.iter().filter(|&&(at, _)| at <= now && window(at) == window(now));
            // A refund at the same instant may come after the admission, so only those before it count against it.
            let refunds = record.settled.iter().filter(|&&(at, of, _)| at <= now && window(of) == window(now));
            let net = taken.map(|a| a.1).sum::<i128>() - refunds.clone().map(|s| s.2.max(0)).sum::<i128>();
            prop_assert!(net <= i128::from(limit), "window of {now} holds {net}");
        }
    }

    /// *Law*: at each admission, what the entries of the last 60 s hold is at most Q.
    #[test]
    fn a_sliding_window_never_admits_beyond_its_limit_in_any_sixty_seconds(limit in limits(), tape in tape(act())) {
        let record = play(Kind::Sliding, limit, 0, &tape);
        for &(now, _) in &record.admitted {
            let counts = |at: i128| at <= now && now - at < MINUTE;
            let taken: i128 = record.admitted.iter().filter(|a| counts(a.0)).map(|a| a.1).sum();
            let refunds: i128 = record.settled.iter().filter(|s| s.0 <= now && counts(s.1)).map(|s| s.2.max(0)).sum();
            prop_assert!(taken - refunds <= i128::from(limit));
        }
    }

    /// *Law*: open reservations are at most Q as long as none grows while it runs.
    #[test]
    fn in_flight_reservations_never_exceed_the_limit(limit in limits(), tape in tape(act())) {
        let shrinking: Vec<Step> = tape
            .into_iter()
            .map(|step| match step.act {
                Act::Adjust(which, share) => Step { act: Act::Adjust(which, share.min(1_000)), ..step },
                _ => step,
            })
            .collect();
        let record = play(Kind::InFlight, limit, 0, &shrinking);
        prop_assert!(record.free.iter().all(|&free| free >= 0 && free <= limit as i64));
    }

    /// *Law*: a tape decides the same a number of whole minutes later; under a full bucket, a sliding window or
    /// in-flight reservations any time later.
    #[test]
    fn shifting_time_changes_no_decision(
        kind in kinds(), limit in limits(), tape in tape(any_act()), minutes in 1u64..5_000, rest in 0u64..60_000_000_000
    ) {
        let kind = match kind {
            Kind::Bucket { burst, .. } => Kind::Bucket { burst, level: 1_000 },
            other => other,
        };
        let rest = if matches!(kind, Kind::Fixed { .. }) { 0 } else { rest };
        let (now, later) = (play(kind, limit, 0, &tape), play(kind, limit, minutes * SimSpan::MINUTE.0 + rest, &tape));
        prop_assert_eq!(now.decisions, later.decisions);
        prop_assert_eq!(now.free, later.free);
    }

    /// *Law*: the capacity is ⌊Q × burst / 60 s⌋ for a bucket and Q for the others, all of it fits at once and one
    /// token more never does.
    #[test]
    fn the_capacity_is_exact(kind in kinds(), limit in limits(), wait in 0u64..100_000_000_000_000) {
        let mut meter = kind.meter(limit);
        let expected = match kind {
            Kind::Bucket { burst, .. } => (u128::from(limit) * u128::from(burst) / u128::from(SimSpan::MINUTE.0)) as u64,
            _ => limit,
        };
        prop_assert_eq!(meter.capacity(), expected);
        let full = match kind {
            // From whatever level, a burst's time fills a bucket.
            Kind::Bucket { burst, .. } => SimTime(wait.max(burst)),
            _ => SimTime(wait),
        };
        prop_assert!(meter.fits(full, expected));
        prop_assert!(!meter.fits(full, expected + 1));
        prop_assert_eq!(meter.retry_at(full, expected + 1), None);
        prop_assert_eq!(meter.available(full), expected as i64);
    }
}

fn pool(limit: u64, kind: Kind, requests: Option<u64>, day: Option<u64>, rejections_consume_requests: bool) -> Pool {
    let quota = |limit, limiter| Quota { limits: vec![(SimTime::ZERO, limit)], limiter };
    Pool {
        name: "p".to_owned(),
        model: "m".to_owned(),
        account: None,
        quotas: PoolQuotas::Runtime {
            requests: requests.map(|limit| quota(limit, model::Limiter::DEFAULT)),
            tokens: Some(quota(limit, kind.model())),
            tokens_per_day: day.map(daily),
        },
        rules: ReservationRules { rejections_consume_requests, ..ReservationRules::default() },
        burndown: BurndownRate(5),
        max_output: Tokens(1_000),
        context_window: None,
        prices: Prices::default(),
        latency: Latency::Duration(Distribution::Constant(1.0)),
        faults: model::Faults::NONE,
        fault_episodes: Vec::new(),
    }
}

fn daily(limit: u64) -> DayQuota {
    DayQuota { limits: vec![(SimTime::ZERO, limit)], used_at_start: Tokens(0) }
}

/// What each quota of a gate has free: requests, tokens, the pool's day, the account's day.
fn free(gate: &Gate, now: SimTime, day: &super::DayMeter) -> (Option<(i64, u64)>, Option<SimTime>, bool) {
    let mut gate = gate.clone();
    (gate.available(now), gate.retry_at(now, 1), day.clone().fits(now, 1))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// *Laws* of the gate: reserved + overdraft = settled + refunded + open at every step; an admission asks all
    /// quotas and a refusal consumes nothing (unless rejections count); what exceeds a whole capacity is counted as
    /// unsatisfiable and never under a quota.
    #[test]
    fn the_gate_takes_all_or_nothing_and_the_ledger_conserves_at_every_step(
        kind in kinds(),
        limit in limits(),
        requests in prop::option::of(1u64..40),
        day in prop::option::of(1u64..20),
        account_day in 1u64..20,
        consume in any::<bool>(),
        tape in tape(act()),
    ) {
        let scaled = |times: u64| limit.saturating_mul(times);
        let pool = pool(limit, kind, requests, day.map(scaled), consume);
        let start = Start { day: 0, time_of_day: SimSpan(23 * SimSpan::HOUR.0) };
        let mut gate = Gate::new(&pool, start);
        let mut account = super::DayMeter::new(&daily(scaled(account_day)), start);
        let capacity = gate.clone().available(SimTime::ZERO).expect("there is a tokens quota").1;
        let (mut ledger, mut open, mut now) = (Ledger::default(), Vec::<Reservation>::new(), SimTime::ZERO);
        for step in &tape {
            now += SimSpan(step.gap);
            match step.act {
                Act::Admit(share) => {
                    let cost = portion(limit, share);
                    let before = free(&gate, now, &account);
                    let tokens_fit = before.0.is_some_and(|(level, _)| level >= cost as i64);
                    match gate.admit(now, cost, Some(&mut account)) {
                        Admission::Admitted(reservation) => {
                            prop_assert!(tokens_fit && cost <= capacity);
                            prop_assert_eq!((reservation.held(), reservation.admitted_at()), (cost, now));
                            ledger.reserve(cost);
                            open.push(reservation);
                        }
                        Admission::Refused(refusal) => {
                            let never = cost > capacity
                                || day.is_some_and(|day| cost > scaled(day))
                                || cost > scaled(account_day);
                            prop_assert_eq!(refusal.counted_under == QuotaName::Unsatisfiable, never);
                            if refusal.counted_under == QuotaName::TokensPerMinute {
                                prop_assert!(!tokens_fit);
                            }
                            let after = free(&gate, now, &account);
                            prop_assert_eq!((before.0, before.2), (after.0, after.2), "a refusal takes no tokens");
                            if !consume {
                                prop_assert_eq!(before.1, after.1, "a refusal takes no request");
                            }
                        }
                    }
                }
                Act::Settle(which, share) if !open.is_empty() => {
                    let reservation = open.swap_remove(which % open.len());
                    let charge = portion(reservation.held(), share);
                    ledger.settle(reservation.held(), charge);
                    let settlement = Settlement { charge, billed: charge / 2 };
                    gate.settle(now, reservation, settlement, Some(&mut account));
                }
                Act::Adjust(which, share) if !open.is_empty() => {
                    let which = which % open.len();
                    let held = portion(open[which].held(), share);
                    ledger.adjust(open[which].held(), held);
                    gate.adjust(now, &mut open[which], held, Some(&mut account));
                    prop_assert_eq!(open[which].held(), held);
                }
                _ => {}
            }
            let held: u64 = open.iter().map(Reservation::held).sum();
            prop_assert_eq!(ledger.open(), held);
            prop_assert_eq!(ledger.reserved + ledger.overdraft, ledger.settled + ledger.refunded + held);
        }
    }
}
