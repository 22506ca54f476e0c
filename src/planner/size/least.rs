//! The smallest limits of a component with which it meets its objectives.
//!
//! *Order*: tokens first, then a mantle pool's output, requests, and the day: each is the smallest with which the
//! component still meets its objectives beside those sized before it, while those that follow are no bound. So the
//! limit of tokens, which is the dear one, may use up all that the objectives allow, and the others are such that they
//! stay out of its way. Together they meet the objectives.

use super::target::{Kind, MOST, Target};
use super::trial::{Court, Trial};
use crate::model::Scenario;
use crate::planner::boundary::edge;
use crate::units::SimTime;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// How far below what its requests take on average a limit is looked for: below that, requests only wait.
const REACH: u64 = 64;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::planner) enum Precision {
    /// To a fraction of one request's tokens, but not below a two-thousandth.
    Fine,
    /// Tokens to half a percent, others to one.
    Coarse,
    /// To one percent.
    Rough,
}

/// What it takes to size a component.
#[derive(Clone, Copy)]
pub(in crate::planner) struct Sizer<'a> {
    /// The component's scenario, under the assumptions in question.
    pub(in crate::planner) scenario: &'a Scenario,
    /// Its limits.
    pub(in crate::planner) targets: &'a [Target],
    /// Who judges.
    pub(in crate::planner) court: Court<'a>,
    /// How closely.
    pub(in crate::planner) precision: Precision,
}

/// The smallest limits.
#[derive(Debug)]
pub(in crate::planner) struct Least {
    /// One per target.
    pub(in crate::planner) limits: Vec<u64>,
    /// The largest limit of each target that was seen to miss, if any was.
    pub(in crate::planner) missed: Vec<Option<u64>>,
    /// The objective, by index, that is missed first below the limit of each target.
    pub(in crate::planner) missed_objective: Vec<Option<usize>>,
    /// Whether below the limit of each target most of what is refused is larger than the limit ever holds.
    pub(in crate::planner) too_large: Vec<bool>,
    /// The component with all of these.
    pub(in crate::planner) trial: Trial,
}

/// Why there are none.
#[derive(Debug)]
pub(in crate::planner) enum Unmet {
    /// Not even without any limits.
    Without(Box<Trial>),
    /// Not below the largest limit that there can be; the index of the target.
    Beyond(usize),
}

impl Sizer<'_> {
    /// The scenario with the first targets at these limits and no others.
    pub(in crate::planner) fn with(&self, limits: &[u64]) -> Scenario {
        let mut scenario = self.scenario.clone();
        for (index, target) in self.targets.iter().enumerate() {
            match limits.get(index) {
                Some(&limit) => target.set(&mut scenario, limit),
                None => target.lift(&mut scenario),
            }
        }
        scenario
    }

    /// The component without any of its limits.
    pub(in crate::planner) fn unlimited(&self) -> Option<Trial> {
        self.court.whole(&self.with(&[]))
    }

    /// The smallest limits. `guess` are limits to begin at, else a run without limits says where. The outer `None` if
    /// it was stopped.
    pub(in crate::planner) fn least(&self, guess: Option<&[u64]>) -> Option<Result<Least, Unmet>> {
        let guessed = if let Some(guess) = guess {
            guess.to_vec()
        } else {
            let unlimited = self.unlimited()?;
            if !unlimited.meets {
                return Some(Err(Unmet::Without(Box::new(unlimited))));
            }
            self.targets.iter().map(|target| self.first_guess(target, &unlimited)).collect()
        };
        let mut found = Found::default();
        let mut last = None;
        for (index, start) in guessed.into_iter().enumerate() {
            match self.next(&found.limits, start)? {
                Some((step, trial)) => {
                    found.limits.push(step.limit);
                    found.missed.push(step.missed);
                    found.missed_objective.push(step.missed_objective);
                    found.too_large.push(step.too_large);
                    last = Some(trial);
                }
                None if guess.is_some() && index == 0 => {
                    // Perhaps nothing would do: then that is the reason.
                    let unlimited = self.unlimited()?;
                    let unmet = if unlimited.meets { Unmet::Beyond(0) } else { Unmet::Without(Box::new(unlimited)) };
                    return Some(Err(unmet));
                }
                None => return Some(Err(Unmet::Beyond(index))),
            }
        }
        let Found { limits, missed, missed_objective, too_large } = found;
        let trial = last.expect("a component has a target");
        Some(Ok(Least { limits, missed, missed_objective, too_large, trial }))
    }

    /// The smallest limit of the target after `before`, and the component there. The inner `None` if there is none.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it was stopped, the inner one whether there is any"
    )]
    fn next(&self, before: &[u64], start: u64) -> Option<Option<(Step, Trial)>> {
        let mut tried: BTreeMap<u64, Trial> = BTreeMap::new();
        let mut start = start;
        let mut hasty = true;
        let reserved = self.targets[before.len()].kind == Kind::Reserved;
        loop {
            let unit = std::cell::Cell::new(1.0);
            let ask = |limit: u64| {
                let trial = match tried.entry(limit) {
                    Entry::Occupied(known) => known.into_mut(),
                    Entry::Vacant(new) => {
                        let scenario = self.with(&[before, &[limit]].concat());
                        new.insert(if hasty { self.court.look(&scenario)? } else { self.court.whole(&scenario)? })
                    }
                };
                unit.set(self.unit(before.len(), trial));
                Some(trial.answer())
            };
            let range = [(start / REACH).max(1), MOST];
            let edge = edge(start, range, |limit| self.tolerance(limit, unit.get(), reserved), ask)?;
            let Some(limit) = edge.above else { return Some(None) };
            if !tried[&limit].complete {
                let whole = self.court.whole(&self.with(&[before, &[limit]].concat()))?;
                let meets = whole.meets;
                tried.insert(limit, whole);
                if !meets {
                    // A first look was mistaken: no more of them.
                    (start, hasty) = (limit + 1, false);
                    tried.retain(|_, trial| trial.complete);
                    continue;
                }
            }
            let trial = tried.remove(&limit).expect("it was tried");
            let missed = tried.range(..limit).rev().find(|(_, trial)| !trial.meets);
            let step = Step {
                limit,
                missed: missed.map(|(&at, _)| at),
                missed_objective: missed.and_then(|(_, trial)| trial.worst),
                too_large: missed.is_some_and(|(_, trial)| refuses_for_ever(trial)),
            };
            return Some(Some((step, trial)));
        }
    }

    /// What one request takes of a target: tokens reserved, or one.
    fn unit(&self, target: usize, trial: &Trial) -> f64 {
        let target = &self.targets[target];
        if target.kind == Kind::Requests {
            return 1.0;
        }
        let reserved = trial.summary.total.ledger.reserved as f64;
        // Counts leave the warm-up out, the ledger does not.
        let share = 1.0 - trial.summary.warmup_s / trial.summary.horizon_s;
        let admitted = trial.summary.total.counts.attempts - trial.summary.total.counts.throttled;
        (reserved * share / admitted.max(1) as f64).max(1.0)
    }

    fn tolerance(&self, limit: u64, unit: f64, reserved: bool) -> u64 {
        let limit = limit as f64;
        let tolerance = match self.precision {
            Precision::Fine => (unit / 4.0).clamp(limit / 2_000.0, limit / 200.0),
            Precision::Coarse if reserved => limit / 200.0,
            Precision::Coarse | Precision::Rough => limit / 100.0,
        };
        tolerance as u64
    }

    /// Where to begin: at what the requests take on average, and a little.
    fn first_guess(&self, target: &Target, unlimited: &Trial) -> u64 {
        let of_pools = |of: &dyn Fn(&crate::analysis::Metrics) -> Option<f64>| -> f64 {
            let metrics = target.holders.iter().filter_map(|&(pool, _)| {
                let name = &self.scenario.pools.get(pool)?.name;
                unlimited.summary.pools.get(name)
            });
            metrics.filter_map(of).sum()
        };
        let minutes = self.scenario.horizon.since(SimTime::ZERO).as_minutes_f64();
        let mean = match target.kind {
            Kind::Reserved if target.for_theory(self.scenario) => {
                of_pools(&|metrics| metrics.pool.as_ref()?.reservation_mean.mean)
            }
            Kind::Reserved => of_pools(&|metrics| metrics.offered_tokens_per_minute.mean),
            Kind::Output => of_pools(&|metrics| metrics.goodput_output_tokens_per_minute.mean),
            Kind::Requests => of_pools(&|metrics| metrics.offered_requests_per_minute.mean),
            Kind::PoolDay => of_pools(&|metrics| metrics.offered_tokens_per_minute.mean) * minutes,
            Kind::AccountDay => unlimited.summary.total.offered_tokens_per_minute.mean.unwrap_or(0.0) * minutes,
        };
        (mean * 1.04) as u64
    }
}

#[derive(Default)]
struct Found {
    limits: Vec<u64>,
    missed: Vec<Option<u64>>,
    missed_objective: Vec<Option<usize>>,
    too_large: Vec<bool>,
}

/// One target sized.
struct Step {
    limit: u64,
    missed: Option<u64>,
    missed_objective: Option<usize>,
    too_large: bool,
}

/// Whether most of what a trial refused was larger than the limit ever holds.
fn refuses_for_ever(trial: &Trial) -> bool {
    let total = &trial.summary.total;
    let never = total.throttles_by_limit.unsatisfiable.mean.unwrap_or(0.0);
    let measured = (trial.summary.horizon_s - trial.summary.warmup_s) / 60.0 * f64::from(trial.summary.replications);
    never * measured * 2.0 > total.counts.throttled as f64
}
