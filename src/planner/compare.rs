//! Runs variants of a scenario on the same random requests and says which to take.

use super::assume::Assumption;
use super::batch::{Job, OnlyStop, batch, summaries};
use super::caching::cached;
use super::ladder::enough_for;
use super::search::{Effort, highest_load, meets, quota_factor, with_quotas};
use super::{Progress, Variant};
use crate::analysis::comparison::{Comparison, VariantResult};
use crate::analysis::paired::{Sample, difference};
use crate::analysis::recommendation::{Findings, choose, conclude};
use crate::analysis::{Estimate, PoolTimeline, Replications, Summary, objectives, slo, timeline, warnings};
use crate::model::{PoolQuotas, Requirement, Scenario};
use crate::units::{SimTime, format};

/// A comparison, and what only its charts need.
#[derive(Debug, Clone, Default)]
pub struct Compared {
    /// The results.
    pub comparison: Comparison,
    /// The index of the variant that is recommended, or comes closest.
    pub chosen: usize,
    /// The first replication of every variant over time, by pool.
    pub timelines: Vec<Vec<PoolTimeline>>,
    /// The summaries behind the variants, in their order.
    pub summaries: Vec<Summary>,
}

/// The share of input that is tried to be read from the cache.
const CACHED_SHARE: f64 = 0.8;

/// Compares variants; differences are from the first. `workload` is the one whose `max_tokens` makes the difference,
/// by index; `None` where other things do. `None` if it was stopped.
pub fn compare(variants: &[Variant], workload: Option<usize>, progress: &dyn Progress) -> Option<Compared> {
    let first = variants.first().expect("a comparison has variants");
    let objectives = objectives::of(&first.scenario, workload);
    let jobs: Vec<Job<'_>> = variants.iter().map(|variant| Job::whole(&variant.scenario)).collect();
    let done = batch(&jobs, progress)?;
    let summaries: Vec<Summary> = done
        .iter()
        .zip(variants)
        .map(|(each, variant)| each.summary(&variant.scenario, variant.scenario.seed))
        .collect();
    let results = results(variants, workload, &done, &summaries, &objectives);
    let choice = choose(&objectives, &results, workload.is_some());
    let chosen = choice.map_or(0, |choice| choice.index);
    let findings = match choice {
        Some(choice) => find(&variants[chosen].scenario, workload, &objectives, choice.meets, progress)?,
        None => Findings::default(),
    };
    let name = workload.map(|index| first.scenario.workloads[index].name.clone());
    let several = first.scenario.workloads.len() > 1;
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
        objectives: objectives.iter().map(|objective| objective.text.clone()).collect(),
        variants: results,
        recommendation,
        assumptions: header.assumptions.clone(),
        warnings: warned(variants, &summaries, chosen),
    };
    let timelines = done
        .iter()
        .zip(variants)
        .map(|(each, variant)| timeline::of_pools(&variant.scenario, each.first().expect("it ran")))
        .collect();
    Some(Compared { comparison, chosen, timelines, summaries })
}

fn results(
    variants: &[Variant],
    workload: Option<usize>,
    done: &[Replications],
    summaries: &[Summary],
    objectives: &[Requirement],
) -> Vec<VariantResult> {
    let sample = |index: usize| Sample {
        scenario: &variants[index].scenario,
        replications: &done[index],
        total: &summaries[index].total,
    };
    let result = |(index, variant): (usize, &Variant)| {
        let (scenario, summary) = (&variant.scenario, &summaries[index]);
        let subject = workload.or_else(|| (scenario.workloads.len() == 1).then_some(0));
        let reservation_per_request = sample(index).reservation_per_request();
        VariantResult {
            name: variant.name.clone(),
            max_tokens: subject.and_then(|at| scenario.workloads[at].max_tokens).map(|tokens| tokens.0),
            output_limit: subject.map(|at| output_limit(scenario, at)),
            fits_at_once: fits_at_once(scenario, subject.unwrap_or(0), reservation_per_request),
            reservation_per_request,
            cost_usd_per_1000_good: sample(index).cost_usd_per_1000_good(),
            total: summary.total.clone(),
            workloads: summary.workloads.clone(),
            pools: summary.pools.clone(),
            difference: difference(sample(0), sample(index)),
            slo: slo::judge_long_run(objectives, scenario, summary),
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

/// What else there is to know about the chosen scenario.
fn find(
    scenario: &Scenario,
    workload: Option<usize>,
    objectives: &[Requirement],
    met: bool,
    progress: &dyn Progress,
) -> Option<Findings> {
    let effort = Effort::default();
    let load = scenario.load.as_f64();
    let mut findings = Findings { load, ..Findings::default() };
    if met {
        findings.sustained = Some(highest_load(scenario, objectives, &[(load, true)], effort, progress)?);
        let assumptions = Assumption::of(scenario);
        let changed: Vec<Scenario> = assumptions.iter().map(|each| each.applied_to(scenario)).collect();
        let tried = summaries(&changed, effort.replications, &OnlyStop(progress))?;
        findings.holds_under = assumptions
            .iter()
            .zip(changed.iter().zip(&tried))
            .map(|(each, (scenario, summary))| (each.key(), meets(objectives, scenario, summary)))
            .collect();
        return Some(findings);
    }
    findings.sustained = Some(highest_load(scenario, objectives, &[(load, false)], effort, progress)?);
    findings.quota_factor = quota_factor(scenario, objectives, effort, progress)?;
    if let Some(factor) = findings.quota_factor {
        findings.quota_words = quota_words(&with_quotas(scenario, factor));
    }
    if let Some(cached) = cached(scenario, CACHED_SHARE) {
        let tried = summaries(std::slice::from_ref(&cached), effort.replications, &OnlyStop(progress))?;
        findings.cached_share = meets(objectives, &cached, &tried[0]).then_some(CACHED_SHARE);
    }
    let accepted = objectives.iter().find(|objective| objective.metric == "truncation_rate");
    if let (Some(workload), Some(accepted)) = (workload, accepted) {
        // Half of what is accepted, so that chance does not decide.
        findings.enough_tokens = enough_for(scenario, workload, accepted.bound / 2.0);
    }
    Some(findings)
}

/// `pool haiku: 340k tokens and 2k requests per minute`.
fn quota_words(scenario: &Scenario) -> String {
    let of_pool = |pool: &crate::model::Pool| {
        let (first, second) = match &pool.quotas {
            PoolQuotas::Runtime { requests, tokens, .. } => ((tokens, "tokens"), (requests, "requests")),
            PoolQuotas::Mantle { input, output } => ((input, "input tokens"), (output, "output tokens")),
        };
        let words: Vec<String> = [first, second]
            .into_iter()
            .filter_map(|(quota, what)| {
                let limit = quota.as_ref()?.limit_at(SimTime::ZERO);
                Some(format!("{} {what}", format::approximate(limit as f64)))
            })
            .collect();
        (!words.is_empty()).then(|| format!("pool `{}`: {} per minute", pool.name, words.join(" and ")))
    };
    scenario.pools.iter().filter_map(of_pool).collect::<Vec<_>>().join("; ")
}

/// The warnings of the baseline and of the chosen variant, each once, with the variant's name.
fn warned(variants: &[Variant], summaries: &[Summary], chosen: usize) -> Vec<String> {
    let mut warned: Vec<String> = Vec::new();
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
