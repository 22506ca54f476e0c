//! Why no quota meets an objective, and what would.

use super::least::Unmet;
use super::target::{MOST, Target};
use super::trial::Trial;
use crate::analysis::confidence::Standing;
use crate::analysis::{Metrics, slo};
use crate::model::{Faults, Requirement, Scenario, Scope, Workload};
use crate::planner::ladder::enough_for;
use crate::units::format;

/// One sentence or two for each objective that no quota meets.
pub(in crate::planner) fn reasons(
    unmet: &Unmet,
    scenario: &Scenario,
    targets: &[Target],
    objectives: &[Requirement],
) -> Vec<String> {
    match unmet {
        Unmet::Without(trial) => of_trial(trial, scenario, objectives),
        Unmet::Beyond(index) => {
            let (limit, of) = targets[*index].words(scenario);
            vec![format!(
                "not even {} {} of `{of}` are enough: one request alone reserves more than so large a quota ever holds at \
                 once; lower `max_tokens`, or give the limiter a longer burst",
                format::quantity(MOST),
                limit.replace('_', " ")
            )]
        }
    }
}

/// The objectives that a trial without any limits misses.
pub(in crate::planner) fn of_trial(trial: &Trial, scenario: &Scenario, objectives: &[Requirement]) -> Vec<String> {
    let missed = objectives.iter().zip(&trial.standings).filter(|(_, standing)| !standing.met);
    missed.map(|(objective, standing)| reason(objective, standing, trial, scenario)).collect()
}

fn reason(objective: &Requirement, standing: &Standing, trial: &Trial, scenario: &Scenario) -> String {
    let metrics = slo::metrics_of(objective, scenario, &trial.summary);
    let text = &standing.text;
    if metrics.counts.requests == 0 {
        return format!(
            "`{text}` cannot be judged: nothing arrives in the measured time; lengthen `horizon`, or shorten `warmup`"
        );
    }
    let Some(value) = standing.value else {
        return format!("`{text}` cannot be judged: there is nothing to measure it on; lengthen `horizon`");
    };
    let metric = objective.metric.as_str();
    let (measured, why) = if metric == "truncation_rate" {
        (format::share(value), truncation(objective, scenario))
    } else if metric.contains("throttle_rate") {
        (format::share(value), capacity(metrics))
    } else if metric == "request_failure_rate" {
        (format::share(value), failures(objective, scenario))
    } else if metric.contains("_ms") {
        (format::seconds(value / 1e3), duration(metrics, scenario, objective))
    } else {
        (format::approximate(value), "and no quota moves that".to_owned())
    };
    let doubt = match standing.limit {
        // The estimate itself would do.
        Some(limit) if objective.comparison.holds(value, objective.bound) && limit != value => {
            " (within the bound, but not with the asked confidence: raise `--replications` or the horizon)"
        }
        _ => "",
    };
    format!("`{text}` comes out at {measured}{doubt} without any throttling, {why}")
}

/// The workloads that an objective speaks of.
fn workloads<'a>(objective: &Requirement, scenario: &'a Scenario) -> Vec<(usize, &'a Workload)> {
    let within = |&(index, workload): &(usize, &Workload)| match objective.scope {
        Scope::Total => true,
        Scope::Workload(only) => only == index,
        Scope::Pool(pool) => workload.pool == pool,
    };
    scenario.workloads.iter().enumerate().filter(within).collect()
}

fn truncation(objective: &Requirement, scenario: &Scenario) -> String {
    let wanted = |(index, workload): (usize, &Workload)| {
        let limit = workload.max_tokens?;
        // Half of what is accepted, so that chance does not decide.
        let enough = enough_for(scenario, index, objective.bound / 2.0)?;
        (enough > limit.0).then(|| format!("`max_tokens` of `{}` to about {}", workload.name, format::count(enough)))
    };
    let raised: Vec<String> = workloads(objective, scenario).into_iter().filter_map(wanted).collect();
    if raised.is_empty() {
        "as the model's own maximum cuts answers short".to_owned()
    } else {
        format!("as `max_tokens` cuts answers short: raise {}", raised.join(", "))
    }
}

fn capacity(metrics: &Metrics) -> String {
    let overloaded = metrics.throttles_by_limit.model_capacity.mean.unwrap_or(0.0);
    let why = if overloaded > 0.0 {
        "as the model is overloaded at times (`faults.overloaded`): another pool in `fallback` helps, a quota does not"
    } else {
        "under a limit that is not sized here"
    };
    why.to_owned()
}

fn failures(objective: &Requirement, scenario: &Scenario) -> String {
    let mut causes: Vec<&str> = Vec::new();
    let workloads = workloads(objective, scenario);
    let mut add = |cause: &'static str, is: fn(&Workload) -> bool| {
        if workloads.iter().any(|(_, workload)| is(workload)) {
            causes.push(cause);
        }
    };
    add("`deadline`", |workload| workload.deadline.is_some());
    add("`read_timeout`", |workload| workload.read_timeout.is_some());
    add("a full queue (`concurrency.queue`)", |workload| workload.concurrency.is_some_and(|cap| cap.queue.is_some()));
    add("`faults`", |workload| workload.faults != Faults::default());
    if causes.is_empty() {
        "for reasons that no quota changes".to_owned()
    } else {
        format!("by other causes, which no quota changes: {}", causes.join(", "))
    }
}

fn duration(metrics: &Metrics, scenario: &Scenario, objective: &Requirement) -> String {
    let queued = metrics.wait_ms.queue.p99.or(metrics.wait_ms.queue.mean).unwrap_or(0.0) > 0.0;
    let limited = metrics.wait_ms.limiter.p99.or(metrics.wait_ms.limiter.mean).unwrap_or(0.0) > 0.0;
    let paced = workloads(objective, scenario).iter().any(|(_, workload)| workload.pace.is_some());
    if queued {
        "as requests queue for a slot: raise `concurrency.limit`".to_owned()
    } else if limited || paced {
        "as the client holds requests back itself".to_owned()
    } else {
        "which is what the model takes: shorter answers, a lower `max_tokens` or a faster model help, a quota does not"
            .to_owned()
    }
}
