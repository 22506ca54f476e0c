//! Tries a scenario: does it meet its objectives with the asked confidence?

use crate::analysis::confidence::{Standing, stand};
use crate::analysis::estimate::t975;
use crate::analysis::objectives::{DEFAULT_BOUND, REFUSALS};
use crate::analysis::{Replications, Summary, student};
use crate::model::{Comparison, Requirement, Scenario};
use crate::planner::Progress;
use crate::planner::batch::{Job, OnlyStop, batch_onto};
use crate::planner::boundary::{Answer, Side};

/// Replications that a first look takes; where these leave no doubt they are enough.
const LOOK: u32 = 3;
/// The confidence that leaves no doubt, unless more is asked for.
const NO_DOUBT: f64 = 0.999;

/// What every trial of one question has in common.
#[derive(Clone, Copy)]
pub(in crate::planner) struct Court<'a> {
    /// What is judged.
    pub(in crate::planner) objectives: &'a [Requirement],
    /// With which confidence.
    pub(in crate::planner) confidence: f64,
    /// Replications of a trial, at most.
    pub(in crate::planner) most: u32,
    /// Hears whether to stop.
    pub(in crate::planner) progress: &'a dyn Progress,
}

/// A scenario tried.
#[derive(Debug)]
pub(in crate::planner) struct Trial {
    /// Where the objectives stand.
    pub(in crate::planner) standings: Vec<Standing>,
    /// Whether all are met.
    pub(in crate::planner) meets: bool,
    /// How much of its allowance the objective that is nearest to its end uses up, where that is known.
    pub(in crate::planner) strain: Option<f64>,
    /// The index of that objective; of one that is missed, if any is.
    pub(in crate::planner) worst: Option<usize>,
    /// By what ratio the limit is off, going by what that objective says is refused: of an offer O, a limit Q refuses
    /// `1 − Q/O` in the long run.
    off: Option<f64>,
    /// The results.
    pub(in crate::planner) summary: Summary,
    /// The replications behind them.
    pub(in crate::planner) replications: Replications,
    /// Whether all replications were run.
    pub(in crate::planner) complete: bool,
}

impl Trial {
    /// Its answer for a search along something of which more is better.
    pub(in crate::planner) fn answer(&self) -> Answer {
        let side = if self.meets { Side::Above } else { Side::Below };
        Answer { side, distance: self.strain.map(libm::log), off: self.off }
    }

    /// Its answer for a search along something of which less is better.
    pub(in crate::planner) fn answer_downwards(&self) -> Answer {
        let side = if self.meets { Side::Below } else { Side::Above };
        Answer { side, distance: self.strain.map(|strain| -libm::log(strain)), off: self.off.map(|off| 1.0 / off) }
    }
}

impl Court<'_> {
    /// Tries a scenario with as many replications as it takes to be in no doubt. `None` if it was stopped.
    pub(in crate::planner) fn look(&self, scenario: &Scenario) -> Option<Trial> {
        let most = self.most.min(scenario.replications);
        if most <= LOOK {
            return self.whole(scenario);
        }
        let first = self.run(scenario, Replications::watching(self.objectives), 0..LOOK)?;
        let early = self.trial(scenario, first, false);
        if self.clear(scenario, &early) {
            return Some(early);
        }
        let all = self.run(scenario, early.replications, LOOK..most)?;
        Some(self.trial(scenario, all, true))
    }

    /// Tries a scenario with all replications. `None` if it was stopped.
    pub(in crate::planner) fn whole(&self, scenario: &Scenario) -> Option<Trial> {
        let most = self.most.min(scenario.replications);
        let all = self.run(scenario, Replications::watching(self.objectives), 0..most)?;
        Some(self.trial(scenario, all, true))
    }

    fn run(&self, scenario: &Scenario, before: Replications, which: std::ops::Range<u32>) -> Option<Replications> {
        let job = Job { scenario, replications: which };
        batch_onto(&[job], vec![before], &OnlyStop(self.progress))?.pop()
    }

    fn trial(&self, scenario: &Scenario, replications: Replications, complete: bool) -> Trial {
        let summary = replications.summary(scenario, scenario.seed);
        let standings = stand(self.objectives, scenario, &summary, &replications, self.confidence);
        let strains = self.objectives.iter().zip(&standings).map(|(objective, at)| at.strain(objective.comparison));
        let missed = standings.iter().position(|standing| !standing.met);
        let highest = strains.clone().enumerate().filter_map(|(index, strain)| Some((index, strain?)));
        let highest = highest.max_by(|a, b| a.1.total_cmp(&b.1));
        // An objective without a strain that is missed leaves nothing to interpolate.
        let unknown = strains.zip(&standings).any(|(strain, at)| strain.is_none() && !at.met);
        let worst = highest.map(|(index, _)| index).filter(|_| !unknown).or(missed);
        // Without a strain nothing is refused at all.
        let refused = worst.map_or(Some(("", 0.0, DEFAULT_BOUND)), |index| {
            let at = &standings[index];
            Some((at.metric.as_str(), at.value?, at.bound))
        });
        let off = refused
            .filter(|(metric, value, _)| (metric.is_empty() || REFUSALS.contains(metric)) && *value < 1.0)
            .map(|(_, value, bound)| (1.0 - bound) / (1.0 - value));
        Trial {
            off,
            meets: missed.is_none(),
            strain: highest.map(|(_, strain)| strain).filter(|_| !unknown),
            worst,
            standings,
            summary,
            replications,
            complete,
        }
    }

    /// Whether a few replications leave no doubt: every objective is met at a very high confidence, or one is missed
    /// at the other end of such an interval.
    fn clear(&self, scenario: &Scenario, trial: &Trial) -> bool {
        let Trial { summary, replications, .. } = trial;
        let no_doubt = self.confidence.max(NO_DOUBT);
        let sure = stand(self.objectives, scenario, summary, replications, no_doubt);
        // What was never seen in a few replications may well be seen in more.
        if sure.iter().all(|standing| standing.met && standing.proven) {
            return true;
        }
        let degrees = replications.len() - 1;
        let scale = student::quantile(no_doubt, degrees) / t975(degrees);
        self.objectives.iter().zip(&sure).any(|(objective, standing)| {
            let (Some(value), Some([low, high])) = (standing.value, standing.ci95) else { return false };
            let upper = matches!(objective.comparison, Comparison::Less | Comparison::AtMost);
            let best = value + (if upper { low } else { high } - value) * scale;
            !objective.comparison.holds(best, objective.bound)
        })
    }
}
