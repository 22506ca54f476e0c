//! Searches for the highest load that meets objectives, with the same random requests at every step.
//!
//! More load never meets an objective that less load missed, or nearly so (mixed sizes and retries can bend the curve
//! a little), so bisection finds the edge. Every step is a simulation, so their number is capped.

use super::Progress;
use super::batch::{OnlyStop, summaries};
use crate::analysis::recommendation::Sustained;
use crate::analysis::{Summary, slo, warnings};
use crate::model::scenario::Load;
use crate::model::{Limiter, Requirement, Scenario};

/// How hard to search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effort {
    /// Replications per step, at most.
    pub replications: u32,
    /// Steps, at most.
    pub steps: u32,
    /// Stop when the ends are this close, as a ratio.
    pub precision: f64,
}

impl Default for Effort {
    fn default() -> Self {
        Effort { replications: 10, steps: 14, precision: 1.02 }
    }
}

/// The furthest from the scenario's own load that is tried where no quota bounds it.
const REACH: f64 = 16.0;

/// The scenario with another load, to four decimals.
pub fn at_load(scenario: &Scenario, load: f64) -> Scenario {
    const DENOMINATOR: u64 = 10_000;
    let numerator = (libm::round(load * DENOMINATOR as f64) as u64).max(1);
    Scenario { load: Load { numerator, denominator: DENOMINATOR }, ..scenario.clone() }
}

/// Whether a result meets every objective, in the long run unless the scenario is an episode.
///
/// A percentile of a duration that too few answers leave unmeasured decides nothing here: less load would otherwise
/// miss what more load meets.
pub fn meets(objectives: &[Requirement], scenario: &Scenario, summary: &Summary) -> bool {
    let outcomes = slo::judge_long_run(objectives, scenario, summary);
    objectives.iter().zip(&outcomes).all(|(objective, outcome)| {
        let unmeasured = outcome.value.is_none() && objective.metric.contains("_ms.");
        outcome.met || (unmeasured && summary.total.counts.succeeded > 0)
    })
}

/// The highest `load` at which a scenario meets objectives. `known` are loads whose answer is known already. `None` if
/// it was stopped.
pub fn highest_load(
    scenario: &Scenario,
    objectives: &[Requirement],
    known: &[(f64, bool)],
    effort: Effort,
    progress: &dyn Progress,
) -> Option<Sustained> {
    let own = scenario.load.as_f64();
    let mut search = LoadSearch { scenario, objectives, effort, progress, steps: effort.steps, ceiling: None };
    // The lowest load that misses, and the highest below it that meets.
    let mut miss = known.iter().filter(|(_, meets)| !meets).map(|&(load, _)| load).reduce(f64::min);
    let below = |load: &f64| miss.is_none_or(|miss| *load < miss);
    let mut meet = known.iter().filter(|(_, meets)| *meets).map(|&(load, _)| load).filter(below).reduce(f64::max);
    if meet.is_none() && miss.is_none() {
        *(if search.meets_at(own)? { &mut meet } else { &mut miss }) = Some(own);
    }
    let mut low = match (meet, miss) {
        (Some(meet), _) => meet,
        (None, Some(missed)) => {
            let (found, missed) = search.downwards(missed, missed.min(own) / REACH)?;
            miss = Some(missed);
            match found {
                Some(found) => found,
                None => return Some(Sustained::NotAt(missed)),
            }
        }
        (None, None) => unreachable!("one of the two was just found"),
    };
    let mut high = if let Some(miss) = miss {
        miss
    } else {
        let (met, missed) = search.upwards(low, low.max(own) * REACH)?;
        low = met;
        match missed {
            Some(missed) => missed,
            None => return Some(Sustained::AtLeast(met)),
        }
    };
    while high / low > effort.precision && search.steps > 0 {
        let middle = libm::sqrt(low * high);
        *(if search.meets_at(middle)? { &mut low } else { &mut high }) = middle;
    }
    Some(Sustained::UpTo(libm::round(low * 1e4) / 1e4))
}

/// A search for the highest load, with the steps that are left.
struct LoadSearch<'a> {
    scenario: &'a Scenario,
    objectives: &'a [Requirement],
    effort: Effort,
    progress: &'a dyn Progress,
    steps: u32,
    /// The load at which some quota is all used up, known after the first step.
    ceiling: Option<f64>,
}

impl LoadSearch<'_> {
    fn meets_at(&mut self, load: f64) -> Option<bool> {
        self.steps = self.steps.saturating_sub(1);
        let changed = at_load(self.scenario, load);
        let quiet = OnlyStop(self.progress);
        let summary = summaries(std::slice::from_ref(&changed), self.effort.replications, &quiet)?.pop()?;
        self.ceiling = self.ceiling.or_else(|| refusal_load(self.scenario, load, &summary));
        Some(meets(self.objectives, &changed, &summary))
    }

    /// Halves the load until it meets: that load, if there is one, and the lowest that missed.
    fn downwards(&mut self, mut missed: f64, least: f64) -> Option<(Option<f64>, f64)> {
        loop {
            let load = missed / 2.0;
            if load < least || self.steps == 0 {
                return Some((None, missed));
            }
            if self.meets_at(load)? {
                return Some((Some(load), missed));
            }
            missed = load;
        }
    }

    /// Raises the load until it misses: the highest that met, and that load, if there is one.
    fn upwards(&mut self, mut met: f64, most: f64) -> Option<(f64, Option<f64>)> {
        loop {
            // Beyond what a quota can serve there is no need to double: the edge lies before it.
            let ceiling = self.ceiling.filter(|&ceiling| ceiling > met).map(|ceiling| ceiling * 1.1);
            let load = (met * 2.0).min(ceiling.unwrap_or(f64::INFINITY));
            if load > most || self.steps == 0 {
                return Some((met, None));
            }
            if !self.meets_at(load)? {
                return Some((met, Some(load)));
            }
            met = load;
        }
    }
}

/// The load at which the tokens of some pool's requests are all that its quota can serve, judging by a run at `load`.
fn refusal_load(scenario: &Scenario, load: f64, summary: &Summary) -> Option<f64> {
    let of_pool = |pool: &crate::model::Pool| {
        pool.quotas.reserved_from().filter(|quota| quota.limiter != Limiter::InFlight)?;
        let ceiling = load / warnings::offered_utilization(summary.pools.get(&pool.name)?)?;
        (ceiling.is_finite() && ceiling > 0.0).then_some(ceiling)
    };
    scenario.pools.iter().filter_map(of_pool).reduce(f64::min)
}
