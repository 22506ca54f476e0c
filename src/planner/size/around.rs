//! What lies around the need of the limit that binds: the curve, what moves it, and what would do instead.

use super::alternatives::{self, Single};
use super::curve::{Drawn, curve};
use super::joint::Joint;
use super::least::{Precision, Sizer};
use super::target::{MOST, Target};
use super::trial::Court;
use super::{Sized, Work, sensitivity};
use crate::analysis::sizing::{Decided, Sizing, round_up, with_margin};
use crate::analysis::slo;
use crate::model::service_quota::PoolIdentity;
use crate::model::{Requirement, Scenario};
use crate::planner::assume::Assumption;

/// Replications that side questions take, at most: their answers are ratios.
const SIDE_QUESTIONS: u32 = 4;
/// They are ratios of estimates: how wide an interval of so few replications is says more of chance than of a change.
const BY_ESTIMATE: f64 = 0.5;

/// The limit with the largest need for what there is today, and all that is known of it.
pub(super) struct Binding<'a> {
    /// The scenario in which it is varied.
    scenario: Scenario,
    /// The workloads in it.
    workloads: Vec<usize>,
    /// What is sized there, in order, with the needs; the limit is the one of this index.
    targets: &'a [Target],
    limits: Vec<u64>,
    index: usize,
    /// What is judged, and the objective that is missed first below the need.
    objectives: &'a [Requirement],
    missed: Option<usize>,
    /// The largest need under what decides, and the assumption.
    decided: u64,
    decider: Option<Assumption>,
    too_large: bool,
}

impl Work<'_> {
    /// The limit that binds; `None` where nothing was sized.
    pub(super) fn binding<'b>(
        &'b self,
        sized: &'b [Sized<'_>],
        joint: &'b Joint,
        accounts: &'b [Target],
    ) -> Option<Binding<'b>> {
        let ratio = |need: u64, target: &Target| need as f64 / target.today() as f64;
        let of_pools = sized.iter().flat_map(|each| {
            let targets = each.component.targets.iter().enumerate();
            targets.map(move |(index, target)| (ratio(each.least.limits[index], target), Some(each), index))
        });
        let of_accounts = accounts.iter().zip(&joint.accounts).enumerate();
        let of_accounts = of_accounts.map(|(index, (target, (_, need)))| (ratio(*need, target), None, index));
        let (_, of, index) =
            of_pools.chain(of_accounts).reduce(|most, each| if each.0 > most.0 { each } else { most })?;
        Some(match of {
            Some(each) => Self::of_component(each, index),
            None => Binding {
                scenario: joint.scenario(self.scenario, &sized.iter().map(|each| each.component).collect::<Vec<_>>()),
                workloads: (0..self.scenario.workloads.len()).collect(),
                targets: accounts,
                limits: joint.accounts.iter().map(|&(_, limit)| limit).collect(),
                index,
                objectives: self.objectives,
                missed: joint.missed_objective.get(index).copied().flatten(),
                decided: joint.accounts[index].1,
                decider: None,
                too_large: false,
            },
        })
    }

    fn of_component<'b>(each: &'b Sized<'_>, index: usize) -> Binding<'b> {
        let (decided, robust) = each.decided(index);
        Binding {
            scenario: each.alone.clone(),
            workloads: each.component.workloads.clone(),
            targets: &each.component.targets,
            limits: each.least.limits.clone(),
            index,
            objectives: &each.component.objectives,
            missed: each.least.missed_objective[index],
            decided,
            decider: robust.map(|robust| robust.assumption),
            too_large: robust.map_or(each.least.too_large[index], |robust| robust.too_large[index]),
        }
    }

    /// Writes which limit binds and, unless the answer is to be brief, what lies around its need.
    pub(super) fn look_around(
        &self,
        sizing: &mut Sizing,
        binding: &Binding<'_>,
        joint: &Joint,
        identities: &[PoolIdentity],
    ) -> Option<()> {
        let Binding { scenario, targets, limits, index, objectives, missed, decided, .. } = binding;
        let (target, need, decided) = (&targets[*index], limits[*index], *decided);
        let (limit, of) = target.words(self.scenario);
        (sizing.binding, sizing.binding_pool) = (Some(limit.to_owned()), Some(of.clone()));
        (sizing.binding_need, sizing.binding_today) = (Some(need), Some(target.today()));
        sizing.binding_objective = missed.map(|missed| slo::text_of(&objectives[missed], self.scenario));
        sizing.decided =
            Some(Decided { need: decided, under: binding.decider.map(Assumption::key), too_large: binding.too_large });
        if self.ask.brief {
            return Some(());
        }
        let wanted = with_margin(joint.scaled(decided), self.ask.margin);
        let asked = wanted > target.today() && !target.for_theory(self.scenario);
        let court = self.court(objectives);
        let sizer = Sizer { scenario, targets, court, precision: Precision::Fine };
        let drawn = Drawn {
            limit,
            of,
            at: &|limit| sizer.with(&[&limits[..*index], &[limit]].concat()),
            unit: 1.0,
            court,
            objective: *missed,
            today: target.today(),
            answer: Some(need),
            request: asked.then(|| round_up(wanted)),
            range: [1, MOST],
        };
        sizing.curve = Some(curve(&drawn, |share| self.progress.reached(2, share))?);

        // What decides the number to ask for is what inputs and alternatives move.
        let law = binding.decider.map_or_else(|| scenario.clone(), |assumption| assumption.applied_to(scenario));
        let mut open = law.clone();
        self.components.iter().flat_map(|component| &component.targets).for_each(|target| target.lift(&mut open));
        targets.iter().for_each(|target| target.lift(&mut open));
        // A lifted limit has lost its limiter: the one in question is put back.
        target.put_back(&mut open, &law);
        let court = Court { most: SIDE_QUESTIONS, confidence: BY_ESTIMATE, ..court };
        let single = Single { scenario: &open, workloads: &binding.workloads, target, court, guess: decided };
        // The same small effort on both sides of each ratio.
        let base = single.need(single.scenario)?.unwrap_or(decided).max(1);
        sizing.sensitivity =
            sensitivity::sensitivities(&single, [decided, base], |share| self.progress.reached(3, share))?;
        let today = target.today();
        sizing.alternatives = alternatives::alternatives(&single, [decided, base], today, identities, |share| {
            self.progress.reached(4, share);
        })?;
        Some(())
    }
}
