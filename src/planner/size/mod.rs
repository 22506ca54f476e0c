//! The smallest quotas that meet the objectives, and what to ask AWS for.
//!
//! Each component of the scenario is sized by itself (`component`): a search for the smallest limits (`least`) with which
//! it meets its objectives with the asked confidence, every step on the same random requests. Then the whole scenario is
//! tried with all of them. The same search under each answer to what AWS does not publish says what to ask for; further
//! ones say how far the need moves with the inputs, what would save how much, and what a growing traffic needs.

mod alternatives;
mod applied;
mod around;
mod cases;
mod component;
mod curve;
mod diagnosis;
mod document;
mod growth;
mod increase;
mod joint;
mod least;
mod robust;
mod sensitivity;
pub(in crate::planner) mod target;
pub(in crate::planner) mod trial;

pub use growth::GrowthPoint;

pub(in crate::planner) use component::{components, joint_objectives, without_short_days};
pub(in crate::planner) use curve::{Drawn, curve};
pub(in crate::planner) use diagnosis::of_trial;

use super::Progress;
use crate::analysis::sizing::{AccountSize, PoolSize, Sizing};
use crate::analysis::{Summary, slo};
use crate::model::service_quota::{AppliedQuotas, PoolIdentity};
use crate::model::{Requirement, Scenario};
use crate::units::SimTime;
use component::{Component, days_can_be_told};
use growth::Grown;
use joint::Joint;
use least::{Least, Precision, Sizer};
use robust::Robust;
use target::Target;
use trial::{Court, Trial};

/// What is asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// With which confidence (one-sided) the objectives are to be met.
    pub confidence: f64,
    /// What is added to a need before it is rounded, as a share.
    pub margin: f64,
    /// How the traffic grows.
    pub growth: Vec<GrowthPoint>,
    /// What the catalogue knows of each pool's model, in the order of the pools.
    pub identities: Vec<PoolIdentity>,
    /// The code of the account's daily quota.
    pub account_code: Option<String>,
    /// The quotas applied to the account.
    pub applied: Option<AppliedQuotas>,
    /// The Region of the calls.
    pub region: Option<String>,
    /// What it is for.
    pub use_case: Option<String>,
    /// Whether needs and requests are all that is asked: no curve, no inputs moved, no alternatives.
    pub brief: bool,
}

/// Parts of the work that progress hears of.
pub const STAGES: u32 = 6;

/// Whether there is anything to size: traffic on a pool or account with a quota.
pub fn can_size(scenario: &Scenario) -> bool {
    !components(scenario).is_empty() || !accounts(scenario).is_empty()
}

/// Sizes a scenario. `None` if it was stopped.
pub fn size(scenario: &Scenario, ask: &Ask, progress: &dyn Progress) -> Option<Sizing> {
    let mut scenario = scenario.clone();
    let mut identities = ask.identities.clone();
    let told = ask
        .applied
        .as_ref()
        .map(|list| applied::apply(&mut scenario, &mut identities, ask.account_code.as_deref(), list));
    let components = components(&scenario);
    let objectives = joint_objectives(&scenario, &components);
    let work = Work { scenario: &scenario, components: &components, objectives: &objectives, ask, progress };
    let today = work.court(&objectives).whole(&without_short_days(&scenario))?;
    let mut sizing = work.header(&today);
    if let Some(told) = told {
        sizing.applied = told.found;
        sizing.warnings.extend(told.missing);
    }
    let mut sized = Vec::new();
    for component in &components {
        let alone = component.alone(&scenario);
        let court = work.court(&component.objectives);
        let sizer = Sizer { scenario: &alone, targets: &component.targets, court, precision: Precision::Fine };
        match sizer.least(None)? {
            Ok(least) => sized.push(Sized { component, alone, least, robust: Vec::new() }),
            Err(unmet) => {
                sizing.reasons.extend(diagnosis::reasons(&unmet, &alone, &component.targets, &component.objectives));
            }
        }
    }
    progress.reached(0, 1.0);
    if !sizing.reasons.is_empty() {
        return Some(sizing);
    }
    let joint = match work.together(&sized)? {
        Ok(joint) => joint,
        Err(reasons) => {
            sizing.reasons = reasons;
            return Some(sizing);
        }
    };
    sizing.meets_slo = true;
    for (index, each) in sized.iter_mut().enumerate() {
        let court = work.court(&each.component.objectives);
        let whole = components.len() as f64;
        let done = |share| progress.reached(1, (index as f64 + share) / whole);
        each.robust = robust::needs(each.component, &each.alone, &each.least, court, done)?;
    }
    work.write(&mut sizing, &sized, &joint);
    let accounts = accounts(&scenario);
    if let Some(binding) = work.binding(&sized, &joint, &accounts) {
        work.look_around(&mut sizing, &binding, &joint, &identities)?;
    }
    if !ask.growth.is_empty() && !sized.is_empty() {
        let grown: Vec<Grown<'_>> = sized.iter().map(|each| work.grown(each)).collect();
        sizing.growth = Some(growth::growth(&grown, &ask.growth, ask.margin, |share| progress.reached(5, share))?);
    }
    sizing.warnings.extend(work.not_grown(&sizing));
    work.cases(&mut sizing, &joint, &identities)?;
    Some(sizing)
}

/// The accounts with a daily quota that a simulation can judge.
fn accounts(scenario: &Scenario) -> Vec<Target> {
    if !days_can_be_told(scenario) {
        return Vec::new();
    }
    (0..scenario.accounts.len()).filter_map(|account| Target::of_account(scenario, account)).collect()
}

/// A component with what it needs.
struct Sized<'a> {
    component: &'a Component,
    alone: Scenario,
    least: Least,
    robust: Vec<Robust>,
}

impl Sized<'_> {
    /// The largest need of a target under what decides, and what that is: `None` where it is the scenario as it is
    /// written, or as good as that.
    fn decided(&self, target: usize) -> (u64, Option<&Robust>) {
        let own = self.least.limits[target];
        let others = self.robust.iter().filter(|each| each.decides);
        let others = others.filter_map(|each| Some((each.limits.as_ref()?[target], each)));
        match others.reduce(|most, each| if each.0 > most.0 { each } else { most }) {
            // Needs under other assumptions are searched to half a percent.
            Some((most, robust)) if most as f64 > own as f64 * 1.005 => (most, Some(robust)),
            Some((most, _)) => (most.max(own), None),
            None => (own, None),
        }
    }
}

/// What every part of the work needs.
#[derive(Clone, Copy)]
struct Work<'a> {
    scenario: &'a Scenario,
    components: &'a [Component],
    objectives: &'a [Requirement],
    ask: &'a Ask,
    progress: &'a dyn Progress,
}

impl<'a> Work<'a> {
    fn court<'b>(&self, objectives: &'b [Requirement]) -> Court<'b>
    where
        'a: 'b,
    {
        let (confidence, most) = (self.ask.confidence, self.scenario.replications);
        Court { objectives, confidence, most, progress: self.progress }
    }

    /// The document with all that is known before anything is sized.
    fn header(&self, today: &Trial) -> Sizing {
        let Summary { schema_version, quotasim_version, scenario, seed, horizon_s, warmup_s, .. } = &today.summary;
        let pool = |index: usize| {
            let mut size = PoolSize::default();
            for target in Target::of_pools(self.scenario, &[index], true) {
                size.today.set(target.name_in(self.scenario, index), Some(target.today()));
            }
            (self.scenario.pools[index].name.clone(), size)
        };
        let account = |account: &crate::model::Account| {
            let today = account.tokens_per_day.as_ref()?.limit_at(SimTime::ZERO);
            Some((account.name.clone(), AccountSize { today: Some(today), ..AccountSize::default() }))
        };
        Sizing {
            schema_version: *schema_version,
            quotasim_version: quotasim_version.clone(),
            scenario: scenario.clone(),
            seed: *seed,
            replications: self.scenario.replications,
            horizon_s: *horizon_s,
            warmup_s: *warmup_s,
            confidence: self.ask.confidence,
            margin: self.ask.margin,
            objectives: self.objectives.iter().map(|each| slo::text_of(each, self.scenario)).collect(),
            meets_today: today.meets,
            at_today: today.standings.clone(),
            pools: (0..self.scenario.pools.len()).map(pool).collect(),
            accounts: self.scenario.accounts.iter().filter_map(account).collect(),
            unpublished: unpublished(),
            assumptions: self.scenario.assumptions.clone(),
            ..Sizing::default()
        }
    }

    /// All components together, and the accounts.
    fn together(&self, sized: &[Sized<'_>]) -> Option<Result<Joint, Vec<String>>> {
        let parts: Vec<(&Component, &Least)> = sized.iter().map(|each| (each.component, &each.least)).collect();
        joint::together(self.scenario, &parts, accounts(self.scenario), self.court(self.objectives))
    }

    /// Says what a growth leaves out.
    fn not_grown(&self, sizing: &Sizing) -> Option<String> {
        let told = days_can_be_told(self.scenario);
        let of_pools = sizing.pools.values().any(|size| size.today.tokens_per_day.is_some());
        let left_out = !sizing.accounts.is_empty() || (of_pools && !told);
        (left_out && !self.ask.growth.is_empty()).then(|| {
            "the growth is of quotas per minute, and whether today's are enough says nothing of the daily ones: these \
             grow as the traffic does, so multiply their needs by its factor"
                .to_owned()
        })
    }

    /// A component under what decides its first limit.
    fn grown<'b>(&self, sized: &'b Sized<'_>) -> Grown<'b>
    where
        'a: 'b,
    {
        let (_, decider) = sized.decided(0);
        let (scenario, limits) = match decider {
            Some(Robust { assumption, limits: Some(limits), .. }) => {
                (assumption.applied_to(&sized.alone), limits.clone())
            }
            _ => (sized.alone.clone(), sized.least.limits.clone()),
        };
        let component = sized.component;
        let decided = (0..limits.len()).map(|target| sized.decided(target).0).collect();
        Grown { component, scenario, court: self.court(&component.objectives), limits, decided }
    }
}

/// What AWS does not publish and the numbers hang on.
fn unpublished() -> Vec<String> {
    [
        "how a quota per minute is enforced over time: a bucket, of how many seconds, or a window",
        "how and when a reservation is adjusted while an answer is generated",
        "whether cache reads or the burndown rate count in a reservation, and whether it has a floor",
        "whether a refused attempt consumes anything, and when a daily quota starts anew",
        "how much of a quota AWS can serve at a busy hour: a quota is an upper bound, not a guarantee",
    ]
    .map(str::to_owned)
    .into()
}
