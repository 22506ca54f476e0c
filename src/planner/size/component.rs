//! Pools that depend on each other, and those that do not: each component is sized on its own.
//!
//! Two pools belong together where a workload falls back from one to the other; their quotas then keep today's
//! proportions. The others meet the same requests whether the rest of the scenario is there or not, so it is left out.

use super::target::{Kind, Target};
use crate::analysis::objectives::{REFUSALS, default_on};
use crate::model::{Arrivals, PoolQuotas, Requirement, Scenario, Scope};
use crate::units::{SimSpan, SimTime};

/// Pools that are sized together.
#[derive(Debug, Clone)]
pub(in crate::planner) struct Component {
    /// The pools, by index.
    pub(in crate::planner) pools: Vec<usize>,
    /// The workloads that call them, by index.
    pub(in crate::planner) workloads: Vec<usize>,
    /// Their limits, in the order in which they are sized.
    pub(in crate::planner) targets: Vec<Target>,
    /// What is judged.
    pub(in crate::planner) objectives: Vec<Requirement>,
}

/// Whether a simulation can tell how much a daily quota has to be: it lasts a day, or is all there is.
pub(in crate::planner) fn days_can_be_told(scenario: &Scenario) -> bool {
    scenario.episode || scenario.horizon.since(SimTime::ZERO) >= SimSpan::DAY
}

/// The components of a scenario that have traffic and a limit to size.
pub(in crate::planner) fn components(scenario: &Scenario) -> Vec<Component> {
    let groups = groups(scenario);
    let several = groups.len() > 1;
    let days = days_can_be_told(scenario);
    groups
        .into_iter()
        .map(|(pools, workloads)| {
            let targets = Target::of_pools(scenario, &pools, days);
            let objectives = objectives(scenario, &pools, &workloads, &targets, several);
            Component { pools, workloads, targets, objectives }
        })
        .filter(|component| !component.targets.is_empty())
        .collect()
}

/// Pools and workloads that hang together, in the order of the first pool; pools that nobody calls are left out.
fn groups(scenario: &Scenario) -> Vec<(Vec<usize>, Vec<usize>)> {
    let mut group: Vec<usize> = (0..scenario.pools.len()).collect();
    for workload in &scenario.workloads {
        let fallback = workload.fallback.iter().flat_map(|fallback| fallback.pools.iter().copied());
        for other in fallback {
            let (one, two) = (group[workload.pool], group[other]);
            let joined = one.min(two);
            group.iter_mut().filter(|of| **of == one || **of == two).for_each(|of| *of = joined);
        }
    }
    let members = |first: usize| {
        let pools: Vec<usize> = (0..group.len()).filter(|&pool| group[pool] == first).collect();
        let called = scenario.workloads.iter().enumerate();
        let workloads: Vec<usize> =
            called.filter(|(_, workload)| group[workload.pool] == first).map(|(index, _)| index).collect();
        (pools, workloads)
    };
    let firsts = (0..group.len()).filter(|&pool| group[pool] == pool);
    firsts.map(members).filter(|(_, workloads)| !workloads.is_empty()).collect()
}

/// What a component is judged by: the scenario's objectives that speak of it, and defaults where none bounds refusals.
///
/// An objective over everything is asked of each component by itself where it is a share or a duration: if each meets
/// it, so do all together. Where several components exist, other totals are judged only once all are sized.
fn objectives(
    scenario: &Scenario,
    pools: &[usize],
    workloads: &[usize],
    targets: &[Target],
    several: bool,
) -> Vec<Requirement> {
    let speaks_of_it = |requirement: &&Requirement| match requirement.scope {
        Scope::Workload(index) => workloads.contains(&index),
        Scope::Pool(index) => pools.contains(&index),
        Scope::Total => !several || requirement.metric.ends_with("_rate") || requirement.metric.contains("_ms"),
    };
    let mut objectives: Vec<Requirement> = scenario.slo.iter().filter(speaks_of_it).cloned().collect();
    let says = |metrics: &[&str], objectives: &[Requirement]| {
        objectives.iter().any(|each| metrics.contains(&each.metric.as_str()))
    };
    let add = |metric: &str, objectives: &mut Vec<Requirement>| {
        if several {
            objectives.extend(workloads.iter().map(|&index| default_on(Scope::Workload(index), metric)));
        } else {
            objectives.push(default_on(Scope::Total, metric));
        }
    };
    if !says(&REFUSALS, &objectives) {
        add("attempt_throttle_rate", &mut objectives);
    }
    let streams = targets.iter().any(|target| target.kind == Kind::Output);
    if streams && !says(&["quota_truncation_rate"], &objectives) {
        add("quota_truncation_rate", &mut objectives);
    }
    objectives
}

impl Component {
    /// The scenario with nothing but this component's traffic. Workloads keep their places, so that each meets the
    /// same random numbers.
    pub(in crate::planner) fn alone(&self, scenario: &Scenario) -> Scenario {
        let mut alone = scenario.clone();
        for (index, workload) in alone.workloads.iter_mut().enumerate() {
            if !self.workloads.contains(&index) {
                workload.arrivals = Arrivals::Burst { at: SimTime::ZERO, count: 0 };
            }
        }
        for account in &mut alone.accounts {
            account.tokens_per_day = None;
        }
        if !days_can_be_told(scenario) {
            lift_pool_days(&mut alone);
        }
        alone
    }
}

/// Takes the daily quotas of pools out of a scenario.
fn lift_pool_days(scenario: &mut Scenario) {
    for pool in &mut scenario.pools {
        if let PoolQuotas::Runtime { tokens_per_day, .. } = &mut pool.quotas {
            *tokens_per_day = None;
        }
    }
}

/// The scenario without the daily quotas that its simulated time cannot judge.
pub(in crate::planner) fn without_short_days(scenario: &Scenario) -> Scenario {
    let mut changed = scenario.clone();
    if !days_can_be_told(scenario) {
        changed.accounts.iter_mut().for_each(|account| account.tokens_per_day = None);
        lift_pool_days(&mut changed);
    }
    changed
}

/// What the whole scenario is judged by: its own objectives and the defaults of its components.
pub(in crate::planner) fn joint_objectives(scenario: &Scenario, components: &[Component]) -> Vec<Requirement> {
    let mut objectives = scenario.slo.clone();
    for objective in components.iter().flat_map(|component| &component.objectives) {
        if !objectives.contains(objective) {
            objectives.push(objective.clone());
        }
    }
    objectives
}
