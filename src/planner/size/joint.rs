//! All components together: what each needs by itself has to do for the whole scenario, too, and the daily quotas of
//! accounts with it.

use super::component::{Component, without_short_days};
use super::diagnosis::of_trial;
use super::least::{Least, Precision, Sizer, Unmet};
use super::target::Target;
use super::trial::{Court, Trial};
use crate::model::Scenario;
use crate::planner::boundary::edge;

/// The whole scenario with everything at its need.
#[derive(Debug)]
pub(super) struct Joint {
    /// What every need had to be multiplied by, in thousandths, so that all components together meet the objectives.
    factor: u64,
    /// The limits of the components' targets, so multiplied.
    limits: Vec<Vec<u64>>,
    /// The accounts with their needs.
    pub(super) accounts: Vec<(Target, u64)>,
    /// The objective that is missed first below each of those.
    pub(super) missed_objective: Vec<Option<usize>>,
    /// The scenario with all of them.
    pub(super) trial: Trial,
}

/// The most that needs are multiplied by.
const MOST_FACTOR: u64 = 16_000;
/// Thousandths.
const UNIT: u64 = 1_000;

impl Joint {
    /// A need of a component as all components together need it.
    pub(super) fn scaled(&self, limit: u64) -> u64 {
        scaled(limit, self.factor)
    }

    /// The scenario with every component at its need.
    pub(super) fn scenario(&self, scenario: &Scenario, components: &[&Component]) -> Scenario {
        at(scenario, components, &self.limits)
    }
}

fn scaled(limit: u64, factor: u64) -> u64 {
    (u128::from(limit) * u128::from(factor)).div_ceil(u128::from(UNIT)) as u64
}

fn at(scenario: &Scenario, components: &[&Component], limits: &[Vec<u64>]) -> Scenario {
    let mut changed = without_short_days(scenario);
    for (component, limits) in components.iter().zip(limits) {
        component.targets.iter().zip(limits).for_each(|(target, &limit)| target.set(&mut changed, limit));
    }
    changed
}

/// Tries the components together with what each needs, raises all of them where that does not do, and then sizes the
/// accounts. The inner error says why nothing does.
pub(super) fn together(
    scenario: &Scenario,
    parts: &[(&Component, &Least)],
    accounts: Vec<Target>,
    court: Court<'_>,
) -> Option<Result<Joint, Vec<String>>> {
    let components: Vec<&Component> = parts.iter().map(|(component, _)| *component).collect();
    let raised = |factor: u64| -> Vec<Vec<u64>> {
        parts.iter().map(|(_, least)| least.limits.iter().map(|&limit| scaled(limit, factor)).collect()).collect()
    };
    let lifted = |factor: u64| {
        let mut changed = at(scenario, &components, &raised(factor));
        for account in &accounts {
            account.lift(&mut changed);
        }
        changed
    };
    let mut factor = UNIT;
    let mut trial = court.whole(&lifted(factor))?;
    if !trial.meets {
        let ask = |factor: u64| Some(court.look(&lifted(factor))?.answer());
        let Some(enough) = edge(UNIT * 11 / 10, [UNIT, MOST_FACTOR], |_| 2, ask)?.above else {
            return Some(Err(of_trial(&trial, scenario, court.objectives)));
        };
        factor = enough;
        trial = court.whole(&lifted(factor))?;
    }
    let limits = raised(factor);
    if accounts.is_empty() {
        return Some(Ok(Joint { factor, limits, accounts: Vec::new(), missed_objective: Vec::new(), trial }));
    }
    let pools = at(scenario, &components, &limits);
    let sizer = Sizer { scenario: &pools, targets: &accounts, court, precision: Precision::Fine };
    match sizer.least(None)? {
        Ok(least) => {
            let accounts = accounts.into_iter().zip(least.limits).collect();
            let missed_objective = least.missed_objective;
            Some(Ok(Joint { factor, limits, accounts, missed_objective, trial: least.trial }))
        }
        Err(unmet) => {
            let reasons = match &unmet {
                Unmet::Without(trial) => of_trial(trial, scenario, court.objectives),
                Unmet::Beyond(_) => super::diagnosis::reasons(&unmet, scenario, &accounts, court.objectives),
            };
            Some(Err(reasons))
        }
    }
}
