//! The instants at which a replication is measured: warm-up, horizon, minutes, probes, changes of quotas, cuts between
//! batches.
//!
//! Counters run all the time and cost nothing; what happened between two marks is a difference. A mark comes before
//! every event at its instant.

use super::event::{Class, Event};
use super::gauge::Gauge;
use super::observer::Observer;
use super::simulation::Simulation;
use crate::model::Scenario;
use crate::tally::{LevelDrift, Probe};
use crate::units::{SimSpan, SimTime};
use std::ops::ControlFlow;

/// Intervals of the timeline.
const PROBES: u64 = 240;
/// Samples of the bucket level in each quarter of measured time.
const LEVEL_SAMPLES: u64 = 60;

/// After the horizon a run waits this many horizons, and a day, for its counted requests to end.
///
/// A client that never gives up on a quota that never has room would otherwise never end. A day lets every daily quota
/// start anew.
const PATIENCE_HORIZONS: u64 = 10;

/// Why a run ends at a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It has waited long enough.
    Done,
    /// The observer broke it off.
    Abandoned,
}

/// When the next marks are due.
#[derive(Debug)]
pub(super) struct Marks {
    /// The next mark, as an event before all others at its instant; and the last one.
    next: Event,
    last: SimTime,
    /// When the run stops waiting for requests that do not end.
    patience: SimTime,
    warmup: SimTime,
    horizon: SimTime,
    past_warmup: bool,
    past_horizon: bool,
    minute: SimTime,
    probes: u64,
    levels: u64,
    /// Instants at which a quota changes, earliest first, and how many have passed.
    changes: Vec<SimTime>,
    changed: usize,
    /// Per pool, at the start of the current minute: tokens charged and attempts admitted.
    at_minute: Vec<(u64, u64)>,
    /// Where measured time is cut into batches, earliest first, and how many cuts have passed.
    cuts: Vec<SimTime>,
    cut: usize,
    /// When the current batch began; without cuts, the end of the warm-up.
    since: SimTime,
    /// Per pool, at that time: tokens charged.
    at_start: Vec<u64>,
}

impl Marks {
    pub(super) fn new(scenario: &Scenario) -> Marks {
        let mut changes = scenario.quota_changes();
        changes.sort_unstable();
        changes.dedup();
        let mut marks = Marks {
            next: Event::NEVER,
            last: SimTime::ZERO,
            patience: patience_of(scenario.horizon),
            warmup: scenario.warmup,
            horizon: scenario.horizon,
            past_warmup: false,
            past_horizon: false,
            minute: scenario.warmup + SimSpan::MINUTE,
            probes: 0,
            levels: 0,
            changes,
            changed: 0,
            at_minute: vec![(0, 0); scenario.pools.len()],
            cuts: Vec::new(),
            cut: 0,
            since: scenario.warmup,
            at_start: vec![0; scenario.pools.len()],
        };
        marks.reschedule();
        marks
    }

    /// Cuts measured time into batches at these instants.
    pub(super) fn cut_at(&mut self, cuts: &[SimTime]) {
        let ends = [self.warmup].into_iter().chain(cuts.iter().copied()).chain([self.horizon]);
        assert!(ends.is_sorted_by(|one, next| one < next), "cuts follow one another between warm-up and horizon");
        self.cuts = cuts.to_vec();
        self.reschedule();
    }

    /// Whether measured time is cut into batches.
    pub(super) fn are_cut(&self) -> bool {
        !self.cuts.is_empty()
    }

    /// The next mark.
    #[inline]
    pub(super) fn next(&self) -> Event {
        self.next
    }

    /// The last mark; at first, time zero.
    pub(super) fn last(&self) -> SimTime {
        self.last
    }

    /// Whether measured time is over.
    #[inline]
    pub(super) fn past_horizon(&self) -> bool {
        self.past_horizon
    }

    /// The start of measured time.
    #[inline]
    pub(super) fn warmup(&self) -> SimTime {
        self.warmup
    }

    /// When the current batch of measured time began.
    #[inline]
    pub(super) fn since(&self) -> SimTime {
        self.since
    }

    /// The end of measured time.
    #[inline]
    pub(super) fn horizon(&self) -> SimTime {
        self.horizon
    }

    /// When the run stops waiting for requests that do not end.
    #[inline]
    pub(super) fn patience(&self) -> SimTime {
        self.patience
    }

    /// The part of `[from, to)` within measured time [ns].
    #[inline]
    pub(super) fn measured(&self, from: SimTime, to: SimTime) -> u64 {
        to.0.min(self.horizon.0).saturating_sub(from.0.max(self.warmup.0))
    }

    fn probe_at(&self) -> SimTime {
        fraction(SimTime::ZERO, self.horizon, self.probes + 1, PROBES)
    }

    /// The next sample of the level, in the first or the last quarter of measured time.
    fn level_at(&self) -> SimTime {
        let quarter = if self.levels < LEVEL_SAMPLES { 0 } else { 2 * LEVEL_SAMPLES };
        fraction(self.warmup, self.horizon, 2 * (self.levels + quarter) + 1, 8 * LEVEL_SAMPLES)
    }

    fn reschedule(&mut self) {
        let mut next = self.changes.get(self.changed).copied().unwrap_or(self.patience).min(self.patience);
        if !self.past_warmup {
            next = next.min(self.warmup);
        }
        if !self.past_horizon {
            next = next.min(self.horizon).min(self.minute);
        }
        if self.probes < PROBES {
            next = next.min(self.probe_at());
        }
        if self.levels < 2 * LEVEL_SAMPLES {
            next = next.min(self.level_at());
        }
        if let Some(&cut) = self.cuts.get(self.cut) {
            next = next.min(cut);
        }
        if self.past_horizon {
            // Whoever watches hears of a long wait for the last requests, too.
            let step = SimSpan((self.horizon.0 / PROBES).max(SimSpan::SECOND.0));
            next = next.min(self.next.at().saturating_add(step));
        }
        self.next = Event::new(next, Class::Server, 0, 0);
    }
}

fn patience_of(horizon: SimTime) -> SimTime {
    horizon.saturating_add(SimSpan(horizon.0.saturating_mul(PATIENCE_HORIZONS))).saturating_add(SimSpan::DAY)
}

/// The instant `part / parts` of the way from one to another.
fn fraction(from: SimTime, to: SimTime, part: u64, parts: u64) -> SimTime {
    let length = u128::from((to - from).0);
    from + SimSpan((length * u128::from(part) / u128::from(parts)) as u64)
}

impl<O: Observer> Simulation<'_, O> {
    /// Passes the next mark, which is due.
    #[inline(never)]
    pub(super) fn pass_mark(&mut self) -> ControlFlow<End> {
        let now = self.marks.next.at();
        self.marks.last = now;
        if self.marks.changes.get(self.marks.changed) == Some(&now) {
            self.change_quotas(now);
        }
        if self.marks.minute == now && !self.marks.past_horizon {
            self.close_minute(now, SimSpan::MINUTE);
        }
        if self.marks.levels < 2 * LEVEL_SAMPLES && self.marks.level_at() == now {
            self.sample_levels(now);
        }
        if self.marks.probes < PROBES && self.marks.probe_at() == now {
            self.probe(now);
        }
        if !self.marks.past_warmup && self.marks.warmup == now {
            self.begin_measuring(now);
        }
        if self.marks.cuts.get(self.marks.cut) == Some(&now) {
            self.marks.cut += 1;
            self.cut_batch(now);
        }
        if !self.marks.past_horizon && self.marks.horizon == now {
            self.end_measuring(now);
        }
        if now == self.marks.patience {
            return ControlFlow::Break(End::Done);
        }
        self.marks.reschedule();
        match self.observer.reached(now) {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(()) => ControlFlow::Break(End::Abandoned),
        }
    }

    fn change_quotas(&mut self, now: SimTime) {
        self.marks.changed += 1;
        let scenario = self.engine.scenario;
        for (gate, pool) in self.gates.iter_mut().zip(&scenario.pools) {
            gate.set_limits(now, pool);
        }
        for (meter, account) in self.accounts.iter_mut().zip(&scenario.accounts) {
            if let (Some(meter), Some(quota)) = (meter, &account.tokens_per_day) {
                meter.set_limit(quota.limit_at(now));
            }
        }
        self.change_pace(now);
    }

    fn begin_measuring(&mut self, now: SimTime) {
        self.marks.past_warmup = true;
        for (at_minute, state) in self.marks.at_minute.iter_mut().zip(&self.pools) {
            *at_minute = (state.charged, state.admitted);
        }
        self.begin_batch(now);
    }

    /// Measured time begins, or a batch of it: what came before is forgotten, ledgers aside.
    pub(super) fn begin_batch(&mut self, now: SimTime) {
        self.marks.since = now;
        self.in_flight.reset_peak();
        self.workloads_in_flight.iter_mut().for_each(Gauge::reset_peak);
        for (place, state) in self.pools.iter_mut().enumerate() {
            state.reserved.reset_peak();
            state.in_flight.reset_peak();
            self.marks.at_start[place] = state.charged;
        }
    }

    fn end_measuring(&mut self, now: SimTime) {
        let measured = self.engine.scenario.measured();
        if measured < SimSpan::MINUTE {
            self.close_minute(now, measured);
        }
        self.marks.past_horizon = true;
        self.end_batch(now);
    }

    /// Measured time ends, or a batch of it.
    pub(super) fn end_batch(&mut self, now: SimTime) {
        self.tally.in_flight_max = self.in_flight.peak();
        self.tally.workloads_in_flight_max = self.workloads_in_flight.iter().map(Gauge::peak).collect();
        for (place, state) in self.pools.iter().enumerate() {
            let scenario_pool = &self.engine.scenario.pools[place];
            let pool = &mut self.tally.pools[place];
            pool.charged = state.charged - self.marks.at_start[place];
            pool.reservation_peak = state.reserved.peak();
            pool.in_flight_max = state.in_flight.peak();
            let quota = scenario_pool.quotas.reserved_from();
            pool.allowed = quota.map_or(0, |quota| allowed(&quota.limits, self.marks.since, now));
        }
    }

    /// A minute of `span` ends; a measured time of less than a minute is scaled up to one.
    fn close_minute(&mut self, now: SimTime, span: SimSpan) {
        self.marks.minute = now + SimSpan::MINUTE;
        let per_minute = |count: u64| {
            if span == SimSpan::MINUTE {
                count
            } else {
                (u128::from(count) * u128::from(SimSpan::MINUTE.0) / u128::from(span.0.max(1))) as u64
            }
        };
        for (place, state) in self.pools.iter().enumerate() {
            let (charged, admitted) = self.marks.at_minute[place];
            let pool = &mut self.tally.pools[place];
            pool.tokens_by_minute.record(per_minute(state.charged - charged));
            pool.requests_by_minute.record(per_minute(state.admitted - admitted));
            self.marks.at_minute[place] = (state.charged, state.admitted);
        }
    }

    fn sample_levels(&mut self, now: SimTime) {
        let first = self.marks.levels < LEVEL_SAMPLES;
        self.marks.levels += 1;
        for (gate, pool) in self.gates.iter_mut().zip(&mut self.tally.pools) {
            if !gate.is_bucket() {
                continue;
            }
            let Some((available, capacity)) = gate.available(now) else { continue };
            let drift = pool.level_drift.get_or_insert_with(LevelDrift::default);
            let quarter = if first { &mut drift.first_quarter } else { &mut drift.last_quarter };
            *quarter += i128::from(available);
            drift.samples = LEVEL_SAMPLES as u32;
            drift.capacity = capacity;
        }
    }

    fn probe(&mut self, now: SimTime) {
        self.marks.probes += 1;
        for (place, gate) in self.gates.iter_mut().enumerate() {
            let quota = self.engine.scenario.pools[place].quotas.reserved_from();
            let state = &self.pools[place];
            let available = gate.available(now);
            let pool = &mut self.tally.pools[place];
            pool.timeline.push(Probe {
                at: now.0,
                quota: quota.map(|quota| quota.limit_at(SimTime(now.0.saturating_sub(1)))),
                admitted: state.admitted,
                throttled: state.throttled,
                charged: state.charged,
                reserved_open: state.reserved.now(),
                available: available.map(|(level, _)| level),
                capacity: available.map(|(_, capacity)| capacity),
                in_flight: state.in_flight.now(),
            });
        }
    }
}

/// What a quota allows over `[from, to)` [token·ns per minute].
fn allowed(limits: &[(SimTime, u64)], from: SimTime, to: SimTime) -> u128 {
    limits
        .iter()
        .enumerate()
        .map(|(place, &(since, limit))| {
            let until = limits.get(place + 1).map_or(to, |&(next, _)| next.min(to));
            u128::from(limit) * u128::from(until.since(since.max(from)).0)
        })
        .sum()
}
