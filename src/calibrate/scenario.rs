//! The scenario file that a calibration amounts to.

use super::calibration::{Calibration, Choices, WorkloadFit};
use super::window;
use crate::model::{Arrivals, Distribution};
use crate::spec::draft::{Draft, DraftPool, DraftWorkload};
use crate::units::format;

/// The scenario as `run` takes it.
pub fn scenario(calibration: &Calibration, choices: &Choices, name: &str) -> String {
    let pools = calibration.pools.iter().map(|pool| DraftPool {
        name: pool.name.clone(),
        comments: pool_comments(choices, &pool.model, &pool.recorded_as),
        model: pool.model.clone(),
        tokens_per_minute: choices.tokens_per_minute.clone(),
        requests_per_minute: choices.requests_per_minute.clone(),
    });
    let sessions = calibration.workloads.iter().filter_map(|workload| workload.arrivals.sessions.as_ref());
    // It takes a few lifetimes of a session until as many end as begin.
    let lifetime = sessions.map(|sessions| sessions.mean_duration_s).fold(0.0, f64::max);
    let hours = (libm::ceil(2.0 * lifetime / 3_600.0) as u64).clamp(1, 12);
    let warmup = (lifetime > 0.0).then(|| crate::units::SimSpan(hours * crate::units::SimSpan::HOUR.0));
    let horizon = calibration.window.horizon() + warmup.unwrap_or_default();
    Draft {
        head: head(calibration),
        name: name.to_owned(),
        pools: pools.collect(),
        workloads: calibration.workloads.iter().map(|workload| drafted(workload, choices)).collect(),
        start: calibration.window.start(),
        horizon: Some(horizon),
        warmup,
    }
    .yaml()
}

fn head(calibration: &Calibration) -> Vec<String> {
    let attempts: u64 = calibration.workloads.iter().map(|workload| workload.totals.attempts).sum();
    let answered: u64 = calibration.workloads.iter().map(|workload| workload.totals.answered).sum();
    let span = match &calibration.span {
        Some([from, to]) => format!(", {from} to {to}"),
        None => String::new(),
    };
    let mut head = vec![
        format!(
            "Calibrated from {}: {} attempts, {} answered{span}.",
            calibration.sources,
            format::count(attempts),
            format::count(answered)
        ),
        format!("It stands for {}: {}.", stands_for(calibration), calibration.window_reason),
        String::new(),
        "Laws, and their Kolmogorov–Smirnov distance from what was observed:".to_owned(),
    ];
    for workload in &calibration.workloads {
        let (what, input) = match &workload.arrivals.sessions {
            Some(sessions) => ("new text", &sessions.new_tokens),
            None => ("input", &workload.input_tokens),
        };
        let mut laws = vec![
            format!("{what} {} ({})", input.family.name(), format::share(input.ks)),
            format!("output {} ({})", workload.output_tokens.family.name(), format::share(workload.output_tokens.ks)),
        ];
        laws.extend(workload.latency.as_ref().map(|latency| format!("durations ({})", format::share(latency.ks))));
        head.push(format!("- {}: {}", workload.name, laws.join(", ")));
    }
    if !calibration.notes.is_empty() {
        head.push(String::new());
        head.push("To know:".to_owned());
        head.extend(calibration.notes.iter().map(|note| format!("- {note}")));
    }
    head.push(String::new());
    head
}

/// The time in words.
pub fn stands_for(calibration: &Calibration) -> String {
    match calibration.window {
        window::Window::Whole => "the mean of all that was watched".to_owned(),
        window::Window::Hour { first_minute } => format!("the busiest hour, from {}", window::written(first_minute)),
        window::Window::Day => "a day at the mean rate of each hour".to_owned(),
        window::Window::Week => "a week at the mean rate of each hour".to_owned(),
    }
}

fn pool_comments(choices: &Choices, model: &str, recorded: &str) -> Vec<String> {
    let mut comments = Vec::new();
    if !recorded.is_empty() && recorded != model {
        comments.push(format!("Recorded as {recorded}."));
    }
    if choices.tokens_per_minute.is_none() {
        comments.push("Quotas are AWS's defaults; `tokens_per_minute: …` sets that of your account.".to_owned());
    }
    comments
}

fn drafted(workload: &WorkloadFit, choices: &Choices) -> DraftWorkload {
    let limit = &workload.max_tokens;
    let sessions = workload.arrivals.sessions.as_ref();
    let in_turns = sessions.filter(|_| matches!(workload.arrivals.process, Arrivals::Sessions(_)));
    // The simulator itself keeps the prefix of a conversation: a turn brings what is new.
    let (input, read, write) = match in_turns {
        Some(sessions) => (
            sessions.new_tokens.law.clone(),
            Distribution::Constant(sessions.shared_prefix as f64),
            Distribution::Constant(0.0),
        ),
        None => (
            workload.input_tokens.law.clone(),
            workload.cache_read_tokens.law.clone(),
            workload.cache_write_tokens.law.clone(),
        ),
    };
    let recommended = limit.recommended.filter(|&recommended| limit.scenario.is_none_or(|used| recommended < used));
    DraftWorkload {
        name: workload.name.clone(),
        pool: workload.pool.clone(),
        arrivals: workload.arrivals.process.clone(),
        arrivals_comment: format!(
            "{} requests per minute: {}.",
            format::approximate(workload.arrivals.requests_per_minute),
            workload.arrivals.reason
        ),
        input_tokens: input,
        output_tokens: workload.output_tokens.law.clone(),
        cache_read_tokens: read,
        cache_write_tokens: write,
        correlation: if in_turns.is_some() { 0.0 } else { workload.correlation_used },
        max_tokens: limit.scenario,
        max_tokens_comment: recommended.map_or_else(String::new, |value| {
            let cuts = limit.choices.last().map_or(0.0, |choice| choice.cuts);
            format!("{value} would cut {} of the answers", format::share(cuts))
        }),
        latency: workload.latency.as_ref().map(|latency| latency.model.clone()),
        client: choices.client.clone(),
    }
}
