//! Runs variants of a scenario on the same random requests and says which to take.

use super::assume::Assumption;
use super::batch::{Job, OnlyStop, batch};
use super::remedies::{Patient, remedies};
use super::search::{Effort, highest_load};
use super::tried::{of_workload, try_assumptions};
use super::{Progress, Variant};
use crate::analysis::comparison::{Comparison, Tried, VariantResult};
use crate::analysis::paired::{Sample, difference};
use crate::analysis::recommendation::{Choice, Findings, choose, conclude};
use crate::analysis::{Estimate, PoolTimeline, Replications, Summary, objectives, slo, timeline, warnings};
use crate::model::{Requirement, Scenario};
use crate::units::SimTime;

/// A comparison, and what only its charts need.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The results.
    pub comparison: Comparison,
    /// The index of the variant that is recommended, or comes closest.
    pub chosen: usize,
    /// The first replication of every variant over time, by pool.
    pub timelines: Vec<Vec<PoolTimeline>>,
}

/// Compares variants; differences are from the first. `workload` is the one whose `max_tokens` makes the difference,
/// by index; `None` where other things do. `None` if it was stopped.
pub fn compare(variants: &[Variant], workload: Option<usize>, progress: &dyn Progress) -> Option<Compared> {
    let first = &variants.first().expect("a comparison has variants").scenario;
    let objectives::Objectives { judged, apart } =
        objectives::of(first, workload, workload.is_some() || limits_differ(variants));
    let jobs: Vec<Job<'_>> = variants.iter().map(|variant| Job::whole(&variant.scenario)).collect();
    let done = batch(&jobs, progress)?;
    let summaries: Vec<Summary> = done
        .iter()
        .zip(variants)
        .map(|(each, variant)| each.summary(&variant.scenario, variant.scenario.seed))
        .collect();
    let results = results(variants, workload, &done, &summaries, &judged);
    let choice = choose(&judged, &results, workload.is_some());
    let chosen = choice.map_or(0, |choice| choice.index);
    let question = Question { variants, workload, objectives: &judged, effort: Effort::default(), progress };
    let findings = match choice {
        Some(choice) => question.find(choice, &summaries[chosen])?,
        None => Findings::default(),
    };
    let name = workload.map(|index| first.workloads[index].name.clone());
    let several = first.workloads.len() > 1;
    let recommendation = conclude(choice, &results, name.as_deref().filter(|_| several), &findings);
    let header = &summaries[0];
    let comparison = Comparison {
        schema_version: header.schema_version,
        quotasim_version: header.quotasim_version.clone(),
        scenario: header.scenario.clone(),
        seed: header.seed,
        replications: header.replications,
        horizon_s: header.horizon_s,
        warmup_s: header.warmup_s,
        workload: name,
        objectives: judged.iter().map(|objective| slo::text_of(objective, first)).collect(),
        variants: results,
        recommendation,
        assumptions: assumptions(variants, chosen),
        warnings: warned(variants, &summaries, chosen, &apart),
    };
    let timelines = done
        .iter()
        .zip(variants)
        .map(|(each, variant)| timeline::of_pools(&variant.scenario, each.first().expect("it ran")))
        .collect();
    Some(Compared { comparison, chosen, timelines })
}

/// Whether answers may get longer in one variant than in another.
fn limits_differ(variants: &[Variant]) -> bool {
    let limits = |scenario: &Scenario| -> Vec<u64> {
        (0..scenario.workloads.len()).map(|index| output_limit(scenario, index)).collect()
    };
    variants.iter().any(|variant| limits(&variant.scenario) != limits(&variants[0].scenario))
}

fn results(
    variants: &[Variant],
    workload: Option<usize>,
    done: &[Replications],
    summaries: &[Summary],
    objectives: &[Requirement],
) -> Vec<VariantResult> {
    let sample = |index: usize, workload: Option<usize>| Sample {
        scenario: &variants[index].scenario,
        replications: &done[index],
        workload,
        metrics: of_workload(&variants[index].scenario, &summaries[index], workload),
    };
    let result = |(index, variant): (usize, &Variant)| {
        let (scenario, summary) = (&variant.scenario, &summaries[index]);
        let alone = scenario.workloads.len() == 1;
        let subject = workload.or(alone.then_some(0));
        let own = sample(index, subject);
        let reservation_per_request = own.reservation_per_request();
        let outcomes = slo::judge_long_run(objectives, scenario, summary);
        VariantResult {
            name: variant.name.clone(),
            max_tokens: subject.and_then(|at| scenario.workloads[at].max_tokens).map(|tokens| tokens.0),
            output_limit: subject.map(|at| output_limit(scenario, at)),
            meets: outcomes.iter().all(|outcome| outcome.met),
            reservation_per_request,
            fits_at_once: subject.and_then(|at| fits_at_once(scenario, at, reservation_per_request)),
            cost_usd_per_1000_good: own.cost_usd_per_1000_good(),
            total: summary.total.clone(),
            workloads: summary.workloads.clone(),
            pools: summary.pools.clone(),
            difference: difference(sample(0, None), sample(index, None)),
            workload_difference: workload
                .filter(|_| !alone)
                .map(|_| difference(sample(0, workload), sample(index, workload))),
            slo: outcomes,
            recovery: summary.recovery.as_ref().map(Into::into),
            still_spending: warnings::spending_pools(scenario, &done[index]),
        }
    };
    variants.iter().enumerate().map(result).collect()
}

fn output_limit(scenario: &Scenario, workload: usize) -> u64 {
    let workload = &scenario.workloads[workload];
    workload.max_tokens.unwrap_or(scenario.pools[workload.pool].max_output).0
}

/// ⌊Q/R⌋ of the workload's pool at the start.
fn fits_at_once(scenario: &Scenario, workload: usize, reservation: Estimate) -> Option<u64> {
    let quota = scenario.pools[scenario.workloads[workload].pool].quotas.reserved_from()?;
    let fits = quota.limit_at(SimTime::ZERO) as f64 / reservation.mean?;
    fits.is_finite().then_some(fits as u64)
}

/// What is asked of the chosen variant once the variants have run.
struct Question<'a> {
    variants: &'a [Variant],
    workload: Option<usize>,
    objectives: &'a [Requirement],
    effort: Effort,
    progress: &'a dyn Progress,
}

impl Question<'_> {
    fn find(&self, choice: Choice, summary: &Summary) -> Option<Findings> {
        let &Question { variants, workload, objectives, effort, progress } = self;
        let scenario = &variants[choice.index].scenario;
        let mut findings = Findings { load: scenario.load.as_f64(), ..Findings::default() };
        if choice.meets {
            progress.stage("searching for the highest load");
            let known = [(findings.load, true)];
            findings.sustained = Some(highest_load(scenario, objectives, &known, effort, progress)?);
        } else {
            progress.stage("searching for what would meet the objectives");
            findings.remedies = remedies(&Patient { scenario, summary, workload, objectives, effort, progress })?;
        }
        progress.stage("trying other assumptions");
        findings.tried = self.tried(choice)?;
        Some(findings)
    }

    /// The chosen variant under each assumption; where one flips the recommendation, what would be recommended then.
    fn tried(&self, choice: Choice) -> Option<Vec<Tried>> {
        let scenario = &self.variants[choice.index].scenario;
        let tried = try_assumptions(scenario, self.objectives, self.workload, self.effort, self.progress)?;
        let flips = |tried: &Tried| choice.meets && !tried.holds;
        let each = |(assumption, tried)| if flips(&tried) { self.instead(assumption, tried) } else { Some(tried) };
        tried.into_iter().map(each).collect()
    }

    /// Adds the name of the variant that would be recommended under an assumption.
    fn instead(&self, assumption: Assumption, tried: Tried) -> Option<Tried> {
        let changed: Vec<Variant> = self
            .variants
            .iter()
            .map(|each| Variant { name: each.name.clone(), scenario: assumption.applied_to(&each.scenario) })
            .collect();
        let jobs: Vec<Job<'_>> =
            changed.iter().map(|each| Job::first(&each.scenario, self.effort.replications)).collect();
        let done = batch(&jobs, &OnlyStop(self.progress))?;
        let summaries: Vec<Summary> =
            done.iter().zip(&changed).map(|(each, of)| each.summary(&of.scenario, of.scenario.seed)).collect();
        let results = results(&changed, self.workload, &done, &summaries, self.objectives);
        let best = choose(self.objectives, &results, self.workload.is_some()).filter(|choice| choice.meets);
        Some(Tried { instead: best.map(|choice| changed[choice.index].name.clone()), ..tried })
    }
}

/// What the first variant rests on, and what the chosen one rests on beside that.
fn assumptions(variants: &[Variant], chosen: usize) -> Vec<String> {
    let first = &variants[0].scenario.assumptions;
    let Variant { name, scenario } = &variants[chosen];
    let more = scenario.assumptions.iter().filter(|each| !first.contains(each));
    first.iter().cloned().chain(more.map(|each| format!("With `{name}`: {each}"))).collect()
}

/// What has no say, and the warnings of the chosen variant and of the first, each once, with the variant's name.
fn warned(variants: &[Variant], summaries: &[Summary], chosen: usize, apart: &[String]) -> Vec<String> {
    let apart = apart.iter().map(|objective| {
        format!(
            "`{objective}` is measured on quotas that the compared workload has no part in, and has no say here; \
             `quotasim run` judges it"
        )
    });
    let mut warned: Vec<String> = apart.collect();
    for index in [chosen, 0] {
        for warning in &summaries[index].warnings {
            let known = warned.iter().any(|known| known.ends_with(warning.as_str()));
            if !known && warning != warnings::UNDECIDED {
                warned.push(format!("variant `{}`: {warning}", variants[index].name));
            }
        }
    }
    warned
}
