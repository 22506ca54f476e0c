//! Plays history through a reading of the law, and asks at each attempt whether it would have been refused.
//!
//! The replay holds on to what happened, in two ways. An attempt that was answered takes its reservation even if the
//! reading would have refused it, and one that was refused takes nothing. And where the reading is surprised, its level
//! is put right by as little as explains what was seen: a refusal means that less was left than the attempt asked for,
//! an answer that as much was left. A few callers who are not in the records would otherwise carry a level off for
//! good; so they cost a surprise now and then, while a wrong reading is surprised all the time.

use super::history::{Fate, History, Past, minute};
use super::hypothesis::Hypothesis;
use crate::admission::{Entry, Limiter as _, Meter};
use crate::model::{Limiter, Quota, QuotaName};
use crate::units::{BurndownRate, SimSpan, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The quotas of the pool, as its account has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quotas {
    /// Tokens per minute; `None` where there is no such quota.
    pub tokens_per_minute: Option<u64>,
    /// Requests per minute.
    pub requests_per_minute: Option<u64>,
    /// Quota tokens per output token.
    pub burndown: BurndownRate,
}

/// What a reading predicts.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// For each attempt of the history: the probability that it is refused.
    pub refused: Vec<f64>,
    /// For each minute: the mean over its seconds of the probability that a usual attempt would be refused.
    pub pressure: Vec<f64>,
}

/// Sizes that stand for "a usual attempt" where a refusal has none.
const USUAL: usize = 50;

/// An admitted attempt that has not ended: when it ends, its place in the order of admissions, and what settles then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Open {
    ends: SimTime,
    number: usize,
}

/// Both meters of a pool.
struct Gate {
    tokens: Option<Meter>,
    requests: Option<Meter>,
}

impl Gate {
    fn new(limiter: Limiter, quotas: &Quotas) -> Gate {
        let meter = |limit: u64| Meter::new(&Quota { limits: vec![(SimTime::ZERO, limit)], limiter });
        Gate { tokens: quotas.tokens_per_minute.map(meter), requests: quotas.requests_per_minute.map(meter) }
    }

    /// Whether a reservation would be refused now.
    fn refuses(&mut self, now: SimTime, reservation: u64) -> bool {
        let tokens = self.tokens.as_mut().is_some_and(|meter| !meter.fits(now, reservation));
        let requests = self.requests.as_mut().is_some_and(|meter| !meter.fits(now, 1));
        tokens || requests
    }

    /// An attempt was refused: less was left than it asked for, of tokens or, where the record says so, of requests.
    fn learn_refusal(&mut self, now: SimTime, reservation: Option<u64>, limit: Option<QuotaName>) {
        let of_requests = limit == Some(QuotaName::RequestsPerMinute) || self.tokens.is_none();
        let (meter, asked) = match (of_requests, reservation) {
            (true, _) => (&mut self.requests, 1),
            (false, Some(reservation)) => (&mut self.tokens, reservation),
            (false, None) => return,
        };
        if let Some(meter) = meter
            && meter.fits(now, asked)
        {
            let excess = meter.available(now) - asked as i64 + 1;
            let _ = meter.take(now, excess.max(0) as u64);
        }
    }

    /// An attempt was answered: it takes its reservation, or what there is of it.
    fn force(&mut self, now: SimTime, reservation: u64) -> Entry {
        if let Some(meter) = &mut self.requests {
            take_up_to(meter, now, 1);
        }
        self.tokens.as_mut().map_or_else(Entry::default, |meter| take_up_to(meter, now, reservation))
    }

    /// The share of usual reservations that would be refused now.
    fn refuses_of(&mut self, now: SimTime, usual: &[u64]) -> f64 {
        if self.requests.as_mut().is_some_and(|meter| !meter.fits(now, 1)) {
            return 1.0;
        }
        let Some(available) = self.tokens.as_mut().map(|meter| meter.available(now)) else { return 0.0 };
        let fitting = usual.partition_point(|&reservation| reservation as i64 <= available);
        1.0 - fitting as f64 / usual.len().max(1) as f64
    }
}

/// Takes `cost`, or all that is left; a level below zero comes up to it first.
fn take_up_to(meter: &mut Meter, now: SimTime, cost: u64) -> Entry {
    let left = meter.available(now);
    // An entry of a sliding window that is overdrawn cannot be found again; it expires within a minute.
    if left < 0 && !matches!(meter, Meter::SlidingWindow(_)) {
        let entry = meter.take(now, 0);
        meter.give_back(now, entry, -left);
    }
    let _ = meter.fits(now, cost);
    meter.take(now, cost.min(left.max(0) as u64))
}

/// Plays history through a reading of the law.
pub fn replay(history: &History, quotas: &Quotas, hypothesis: &Hypothesis) -> Prediction {
    let burndown = quotas.burndown;
    let reservation = |past: &Past| hypothesis.rules.reservation(&past.demand, burndown).0;
    let usual = usual(history, &reservation);
    let mut gate = Gate::new(hypothesis.limiter, quotas);
    let mut entries: Vec<Entry> = vec![Entry::default(); history.attempts.len()];
    let mut open: BinaryHeap<Reverse<Open>> = BinaryHeap::new();
    let mut refused = Vec::with_capacity(history.attempts.len());
    let mut pressure = vec![0.0; history.minutes()];
    let mut second = SimTime::ZERO;
    for (number, past) in history.attempts.iter().enumerate() {
        // Each full second up to the attempt: what would a usual attempt meet?
        while second <= past.at {
            settle(&mut gate, &mut open, second, history, &entries, &reservation, burndown);
            pressure[minute(second)] += gate.refuses_of(second, &usual) / 60.0;
            second += SimSpan::SECOND;
        }
        settle(&mut gate, &mut open, past.at, history, &entries, &reservation, burndown);
        let cost = reservation(past);
        refused.push(if past.sized {
            f64::from(u8::from(gate.refuses(past.at, cost)))
        } else {
            gate.refuses_of(past.at, &usual)
        });
        if let Fate::Refused(limit) = past.fate {
            gate.learn_refusal(past.at, past.sized.then_some(cost), limit);
            if hypothesis.rules.rejections_consume_requests
                && let Some(meter) = &mut gate.requests
            {
                meter.penalise(past.at);
            }
        } else {
            entries[number] = gate.force(past.at, cost);
            open.push(Reverse(Open { ends: past.at.saturating_add(past.lasted), number }));
        }
    }
    Prediction { refused, pressure }
}

/// Settles what has ended by `now`.
fn settle(
    gate: &mut Gate,
    open: &mut BinaryHeap<Reverse<Open>>,
    now: SimTime,
    history: &History,
    entries: &[Entry],
    reservation: &impl Fn(&Past) -> u64,
    burndown: BurndownRate,
) {
    while let Some(&Reverse(Open { ends, number })) = open.peek()
        && ends <= now
    {
        open.pop();
        let past = &history.attempts[number];
        if let Some(meter) = &mut gate.tokens {
            let refund = reservation(past) as i64 - past.demand.charge(burndown).0 as i64;
            meter.give_back(ends, entries[number], refund);
        }
    }
}

/// Reservations that stand for a usual attempt, increasing: equally spaced quantiles of those that were answered.
fn usual(history: &History, reservation: &impl Fn(&Past) -> u64) -> Vec<u64> {
    let mut all: Vec<u64> = history.attempts.iter().filter(|past| !past.is_refused()).map(reservation).collect();
    all.sort_unstable();
    let count = all.len();
    if count <= USUAL {
        return all;
    }
    (0..USUAL).map(|place| all[(2 * place + 1) * count / (2 * USUAL)]).collect()
}
