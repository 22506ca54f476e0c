//! The inverse questions: how much of something do today's quotas carry?
//!
//! The same search as for the smallest quota, along something of which less is better: the traffic, `max_tokens`, the
//! workers of a closed loop. How long a batch takes is no search.

use super::Progress;
use super::boundary::{Edge, edge};
use super::drain::{Finish, drain};
use super::search::at_load;
use super::size::trial::{Court, Trial};
use super::size::{Drawn, components, curve, joint_objectives, of_trial, without_short_days};
use crate::analysis::estimate::{Kind, Part, ratio};
use crate::analysis::objectives::DEFAULT_BOUND;
use crate::analysis::solved::{Drain, Solved};
use crate::analysis::{Summary, long_run, slo};
use crate::model::{Arrivals, QuotaName, Requirement, Scenario};
use crate::units::{Tokens, format};
use std::collections::BTreeSet;

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Solve {
    /// The largest multiple of the scenario's traffic.
    Load,
    /// The largest `max_tokens` of a workload, by index.
    MaxTokens(usize),
    /// The largest number of workers of a closed loop, by index of the workload.
    Workers(usize),
    /// How long the batch of a workload takes, by index. Its requests come all at once: so many, or as many as the
    /// scenario says.
    Drain(usize, Option<u64>),
}

/// The most and the least that is tried, as a multiple of the scenario's own.
const REACH: u64 = 64;
/// Loads are searched in ten-thousandths.
const LOAD_UNIT: u64 = 10_000;

/// Answers an inverse question with a confidence. `None` if it was stopped.
pub fn solve(scenario: &Scenario, what: Solve, confidence: f64, progress: &dyn Progress) -> Option<Solved> {
    let scenario = without_short_days(scenario);
    let objectives = joint_objectives(&scenario, &components(&scenario));
    let court = Court { objectives: &objectives, confidence, most: scenario.replications, progress };
    match what {
        Solve::Load => load(&scenario, court),
        Solve::MaxTokens(workload) => max_tokens(&scenario, workload, court),
        Solve::Workers(workload) => workers(&scenario, workload, court),
        Solve::Drain(workload, count) => drained(&scenario, workload, count, court),
    }
}

/// A question with a number in it, of which less is better.
struct Question<'a> {
    solve: &'static str,
    unit: &'static str,
    workload: Option<&'a str>,
    /// How many of the number make one of the answer.
    scale: u64,
    own: u64,
    range: [u64; 2],
    at: &'a dyn Fn(u64) -> Scenario,
}

impl Question<'_> {
    fn edge(&self, court: Court<'_>) -> Option<Edge> {
        let (mut start, mut hasty) = (self.own, true);
        loop {
            let mut looked = BTreeSet::new();
            let ask = |number: u64| {
                let scenario = (self.at)(number);
                let trial = if hasty { court.look(&scenario)? } else { court.whole(&scenario)? };
                if !trial.complete {
                    looked.insert(number);
                }
                Some(trial.answer_downwards())
            };
            let edge = edge(start, self.range, |number| number / 500, ask)?;
            match edge.below {
                Some(below) if looked.contains(&below) && !court.whole(&(self.at)(below))?.meets => {
                    // A first look was mistaken: no more of them.
                    (start, hasty) = (below, false);
                }
                _ => return Some(edge),
            }
        }
    }

    /// The document without its words.
    fn answered(&self, scenario: &Scenario, edge: Edge, court: Court<'_>, all: Court<'_>) -> Option<(Solved, Trial)> {
        let within = all.whole(&(self.at)(edge.below.unwrap_or(self.range[0])))?;
        let beyond = match edge.above {
            Some(above) => Some(court.whole(&(self.at)(above))?),
            None => None,
        };
        let (binding, binding_pool) = beyond.as_ref().and_then(|trial| binds(scenario, &trial.summary)).unzip();
        let missed = beyond.as_ref().and_then(|trial| trial.worst);
        let drawn = Drawn {
            limit: self.solve,
            of: self.workload.unwrap_or_default().to_owned(),
            at: self.at,
            unit: self.scale as f64,
            court: all,
            objective: missed.and_then(|index| all.objectives.iter().position(|each| *each == court.objectives[index])),
            today: self.own,
            answer: edge.below,
            request: None,
            range: self.range,
        };
        let number = |value: u64| value as f64 / self.scale as f64;
        let solved = Solved {
            solve: self.solve.to_owned(),
            unit: self.unit.to_owned(),
            workload: self.workload.map(str::to_owned),
            answer: edge.below.filter(|_| within.meets).map(number),
            today: Some(number(self.own)),
            meets_slo: edge.below.is_some() && within.meets,
            binding,
            binding_pool,
            binding_objective: missed.map(|index| slo::text_of(&court.objectives[index], scenario)),
            at_answer: within.standings.clone(),
            curve: Some(curve(&drawn, |_| ())?),
            ..header(scenario, all.objectives, all.confidence, &within.summary)
        };
        Some((solved, within))
    }
}

fn header(scenario: &Scenario, objectives: &[Requirement], confidence: f64, summary: &Summary) -> Solved {
    Solved {
        schema_version: summary.schema_version,
        quotasim_version: summary.quotasim_version.clone(),
        scenario: summary.scenario.clone(),
        seed: summary.seed,
        replications: scenario.replications,
        horizon_s: summary.horizon_s,
        warmup_s: summary.warmup_s,
        confidence,
        objectives: objectives.iter().map(|each| slo::text_of(each, scenario)).collect(),
        assumptions: scenario.assumptions.clone(),
        ..Solved::default()
    }
}

/// The limit that refuses most attempts, or must in the long run, and its pool.
fn binds(scenario: &Scenario, summary: &Summary) -> Option<(String, String)> {
    let long_run = || {
        let (pool, limit) = long_run::tightest(scenario, summary)?;
        Some((limit.key().to_owned(), scenario.pools[pool].name.clone()))
    };
    refuses_most(summary).or_else(long_run)
}

/// The limit that refuses most attempts, and its pool.
fn refuses_most(summary: &Summary) -> Option<(String, String)> {
    let refused = summary.pools.iter().flat_map(|(pool, metrics)| {
        let of = &metrics.throttles_by_limit;
        let rates = [
            (QuotaName::RequestsPerMinute, of.requests_per_minute),
            (QuotaName::TokensPerMinute, of.tokens_per_minute),
            (QuotaName::TokensPerDay, of.tokens_per_day),
            (QuotaName::AccountTokensPerDay, of.account_tokens_per_day),
            (QuotaName::InputTokensPerMinute, of.input_tokens_per_minute),
            (QuotaName::Unsatisfiable, of.unsatisfiable),
            (QuotaName::ModelCapacity, of.model_capacity),
        ];
        rates.into_iter().map(move |(limit, rate)| (rate.mean.unwrap_or(0.0), limit.key(), pool))
    });
    let most = refused.reduce(|most, each| if each.0 > most.0 { each } else { most })?;
    (most.0 > 0.0).then(|| (most.1.to_owned(), most.2.clone()))
}

fn load(scenario: &Scenario, court: Court<'_>) -> Option<Solved> {
    let own = scenario.load.as_f64();
    let question = Question {
        solve: "load",
        unit: "times the scenario's traffic",
        workload: None,
        scale: LOAD_UNIT,
        own: LOAD_UNIT,
        range: [LOAD_UNIT / REACH, LOAD_UNIT * REACH],
        at: &|load| at_load(scenario, own * load as f64 / LOAD_UNIT as f64),
    };
    let edge = question.edge(court)?;
    let (mut solved, trial) = question.answered(scenario, edge, court, court)?;
    let requests = trial
        .summary
        .total
        .offered_requests_per_minute
        .mean
        .map_or_else(String::new, |rate| format!(", {} requests per minute", format::approximate(rate)));
    solved.words = match (edge.below, edge.above) {
        (Some(_), None) => {
            format!("Today's quotas carry at least {REACH} times the scenario's traffic{requests}, all that was tried.")
        }
        (Some(load), Some(_)) => format!(
            "Today's quotas carry {} times the scenario's traffic{requests}.",
            format::approximate(load as f64 / LOAD_UNIT as f64)
        ),
        (None, _) => {
            solved.reasons = of_trial(&trial, scenario, court.objectives);
            format!(
                "Today's quotas meet the objectives at no load, not even at {} of the traffic.",
                format::share(1.0 / REACH as f64)
            )
        }
    };
    Some(solved)
}

fn workers(scenario: &Scenario, workload: usize, court: Court<'_>) -> Option<Solved> {
    let name = &scenario.workloads[workload].name;
    let own = match scenario.workloads[workload].arrivals {
        Arrivals::ClosedLoop { workers, .. } => workers.max(1),
        _ => 1,
    };
    let at = |count: u64| {
        let mut changed = scenario.clone();
        if let Arrivals::ClosedLoop { workers, .. } = &mut changed.workloads[workload].arrivals {
            *workers = count;
        }
        changed
    };
    let range = [1, own * REACH];
    let question = Question { solve: "workers", unit: "workers", workload: Some(name), scale: 1, own, range, at: &at };
    let edge = question.edge(court)?;
    let (mut solved, trial) = question.answered(scenario, edge, court, court)?;
    solved.words = match (edge.below, edge.above) {
        (Some(count), None) => {
            format!("Today's quotas carry at least {} workers of `{name}`, all that were tried.", format::count(count))
        }
        (Some(count), Some(_)) => format!("Today's quotas carry {} workers of `{name}`.", format::count(count)),
        (None, _) => {
            solved.reasons = of_trial(&trial, scenario, court.objectives);
            format!("Today's quotas do not carry a single worker of `{name}`.")
        }
    };
    Some(solved)
}

/// Metrics that a higher cap improves.
const IMPROVED_BY_LENGTH: [&str; 3] =
    ["truncation_rate", "goodput_requests_per_minute", "goodput_output_tokens_per_minute"];

fn max_tokens(scenario: &Scenario, workload: usize, all: Court<'_>) -> Option<Solved> {
    let subject = &scenario.workloads[workload];
    let most = scenario.pools[subject.pool].max_output.0;
    let own = subject.max_tokens.map_or(most, |limit| limit.0);
    // What a higher cap improves would turn the question round: it is judged at the answer.
    let harmed: Vec<Requirement> =
        all.objectives.iter().filter(|each| !IMPROVED_BY_LENGTH.contains(&each.metric.as_str())).cloned().collect();
    let court = Court { objectives: &harmed, ..all };
    let at = |limit: u64| {
        let mut changed = scenario.clone();
        changed.workloads[workload].max_tokens = Some(Tokens(limit));
        changed
    };
    let question = Question {
        solve: "max_tokens",
        unit: "tokens",
        workload: Some(&subject.name),
        scale: 1,
        own,
        range: [1, most],
        at: &at,
    };
    let edge = question.edge(court)?;
    let (mut solved, trial) = question.answered(scenario, edge, court, all)?;
    let name = &subject.name;
    solved.words = match (edge.below, edge.above) {
        (None, _) => format!("Today's quotas allow no `max_tokens` of `{name}`, however small."),
        (Some(limit), _) if !trial.meets => format!(
            "No `max_tokens` of `{name}` meets the objectives: today's quotas allow {} at most, and that is too few.",
            format::count(limit)
        ),
        (Some(limit), None) => format!(
            "Today's quotas allow every `max_tokens` of `{name}`, up to the model's maximum of {}.",
            format::count(limit)
        ),
        (Some(limit), Some(_)) => {
            format!("Today's quotas allow `max_tokens` of `{name}` up to {}.", format::count(limit))
        }
    };
    if !trial.meets {
        solved.reasons = of_trial(&trial, scenario, all.objectives);
    }
    let cut = trial.summary.workloads[name].truncation_rate.mean.filter(|cut| *cut > DEFAULT_BOUND);
    if let (Some(cut), true, Some(limit)) = (cut, trial.meets, edge.below) {
        solved.warnings.push(format!(
            "`max_tokens` {} cuts {} of the answers of `{name}` short; bound `truncation_rate` in `slo` if that is too \
             many",
            format::count(limit),
            format::share(cut)
        ));
    }
    Some(solved)
}

fn drained(scenario: &Scenario, workload: usize, count: Option<u64>, court: Court<'_>) -> Option<Solved> {
    let mut scenario = scenario.clone();
    if let Some(count) = count {
        scenario.workloads[workload].arrivals = Arrivals::Burst { at: scenario.warmup, count };
    }
    let finishes = drain(&scenario, workload, court.most, court.progress)?;
    let total = |of: fn(&Finish) -> u64| finishes.iter().map(of).sum::<u64>();
    let (requests, answered) = (total(|each| each.requests), total(|each| each.succeeded));
    let parts: Option<Vec<Part>> =
        finishes.iter().map(|finish| Some(Part { numerator: finish.seconds?, denominator: 1.0 })).collect();
    let seconds = parts.map_or_else(Default::default, |parts| ratio(&parts, Kind::Mean));
    let drain = Drain {
        requests: requests / finishes.len().max(1) as u64,
        seconds,
        slowest_s: finishes.iter().filter_map(|finish| finish.seconds).reduce(f64::max),
        unanswered: 1.0 - answered as f64 / requests.max(1) as f64,
    };
    let name = &scenario.workloads[workload].name;
    let done = requests > 0 && answered == requests;
    let summary = Summary {
        schema_version: Summary::SCHEMA_VERSION,
        quotasim_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: scenario.name.clone(),
        seed: scenario.seed,
        horizon_s: scenario.horizon.as_secs_f64(),
        warmup_s: scenario.warmup.as_secs_f64(),
        ..Summary::default()
    };
    let mut reasons = Vec::new();
    if requests == 0 {
        reasons.push(format!(
            "no request of `{name}` arrives in the measured time: lengthen `horizon`, or shorten `warmup`"
        ));
    } else if !done {
        let share = format::share(drain.unanswered);
        reasons.push(format!(
            "{share} of the requests of `{name}` are given up and never answered: let its client try until they are \
             (`client: {{ custom: {{ max_attempts: unlimited, … }} }}`), or give it a `concurrency.limit`"
        ));
    }
    let batch = format!("{} requests of `{name}`", format::count(drain.requests));
    let words = match (seconds.mean, drain.slowest_s, done) {
        (Some(mean), Some(slowest), true) => format!(
            "The {batch} take {} on average, {} at most in {} replications.",
            format::seconds(mean),
            format::seconds(slowest),
            finishes.len()
        ),
        (_, Some(slowest), false) => {
            format!("Not all of the {batch} are answered; the last answer comes after {}.", format::seconds(slowest))
        }
        _ => format!("The batch of `{name}` cannot be timed."),
    };
    Some(Solved {
        solve: "drain".to_owned(),
        workload: Some(name.clone()),
        answer: seconds.mean.filter(|_| done),
        unit: "s".to_owned(),
        meets_slo: done,
        words,
        reasons,
        drain: Some(drain),
        ..header(&scenario, &[], court.confidence, &summary)
    })
}

/// Whether a workload is a batch that can be timed: all of it comes at once.
pub fn is_batch(scenario: &Scenario, workload: usize) -> bool {
    match &scenario.workloads[workload].arrivals {
        Arrivals::Burst { .. } => true,
        Arrivals::Cron { over, .. } => over.0 == 0,
        _ => false,
    }
}

/// Whether a workload is a closed loop.
pub fn is_closed_loop(scenario: &Scenario, workload: usize) -> bool {
    matches!(scenario.workloads[workload].arrivals, Arrivals::ClosedLoop { .. })
}
