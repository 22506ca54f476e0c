//! How far a need moves when one input is a fifth less or a fifth more.

use super::alternatives::Single;
use crate::analysis::sizing::Sensitivity;
use crate::model::distribution::Distribution;
use crate::model::{Arrivals, Latency, Scenario, Trace, TraceRow};
use crate::planner::caching::scaled;
use crate::planner::search::at_load;
use crate::units::Tokens;
use std::sync::Arc;

/// An input that may turn out otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quantity {
    Traffic,
    InputTokens,
    OutputTokens,
    CacheWrites,
    MaxTokens,
    Duration,
    ThinkTime,
    Burstiness,
}

const INPUTS: [Quantity; 8] = [
    Quantity::Traffic,
    Quantity::InputTokens,
    Quantity::OutputTokens,
    Quantity::CacheWrites,
    Quantity::MaxTokens,
    Quantity::Duration,
    Quantity::ThinkTime,
    Quantity::Burstiness,
];

/// What each is moved by.
const LESS: f64 = 0.8;
const MORE: f64 = 1.2;

impl Quantity {
    fn words(self) -> &'static str {
        match self {
            Quantity::Traffic => "traffic",
            Quantity::InputTokens => "input tokens",
            Quantity::OutputTokens => "output tokens",
            Quantity::CacheWrites => "cache writes",
            Quantity::MaxTokens => "max_tokens",
            Quantity::Duration => "response time",
            Quantity::ThinkTime => "think time",
            Quantity::Burstiness => "burstiness (cv)",
        }
    }
}

/// The needs with each input moved, by size of the effect. `single` sizes one limit; `need` is what it needs as it is,
/// `base` what it needs with the effort of `single`.
pub(super) fn sensitivities(
    single: &Single<'_>,
    [need, base]: [u64; 2],
    mut done: impl FnMut(f64),
) -> Option<Vec<Sensitivity>> {
    let rescaled = |moved: Option<u64>| moved.map(|moved| libm::round(need as f64 * moved as f64 / base as f64) as u64);
    let mut found = Vec::new();
    for (index, input) in INPUTS.into_iter().enumerate() {
        if let (Some(less), Some(more)) = (moved(single.scenario, input, LESS), moved(single.scenario, input, MORE)) {
            found.push(Sensitivity {
                input: input.words().to_owned(),
                less: rescaled(single.need(&less)?),
                more: rescaled(single.need(&more)?),
            });
        }
        done((index + 1) as f64 / INPUTS.len() as f64);
    }
    found.sort_by_key(|each| std::cmp::Reverse(each.swing(need)));
    Some(found)
}

/// A scenario with one input times a factor; `None` where it has no such input.
fn moved(scenario: &Scenario, input: Quantity, factor: f64) -> Option<Scenario> {
    if input == Quantity::Traffic {
        return Some(at_load(scenario, scenario.load.as_f64() * factor));
    }
    let mut changed = scenario.clone();
    let tokens = |tokens: u32| libm::round(f64::from(tokens) * factor) as u32;
    for index in 0..changed.workloads.len() {
        let most = changed.pools[changed.workloads[index].pool].max_output;
        let workload = &mut changed.workloads[index];
        match input {
            Quantity::InputTokens => {
                workload.tokens.input = scaled(&workload.tokens.input, factor);
                with_rows(&mut workload.arrivals, |row| TraceRow { input: tokens(row.input), ..row });
            }
            Quantity::OutputTokens => {
                workload.tokens.output = scaled(&workload.tokens.output, factor);
                with_rows(&mut workload.arrivals, |row| TraceRow { output: tokens(row.output), ..row });
            }
            Quantity::CacheWrites => workload.tokens.cache_write = scaled(&workload.tokens.cache_write, factor),
            Quantity::MaxTokens => {
                let moved = |limit: Tokens| Tokens((libm::round(limit.0 as f64 * factor) as u64).clamp(1, most.0));
                workload.max_tokens = workload.max_tokens.map(moved);
                with_rows(&mut workload.arrivals, |row| TraceRow {
                    max_tokens: u64::from(tokens(row.max_tokens)).min(most.0) as u32,
                    ..row
                });
            }
            Quantity::Duration => workload.latency = workload.latency.as_ref().map(|latency| slower(latency, factor)),
            Quantity::ThinkTime => match &mut workload.arrivals {
                Arrivals::ClosedLoop { think_time, .. } => *think_time = scaled(think_time, factor),
                Arrivals::Sessions(sessions) => sessions.think_time = scaled(&sessions.think_time, factor),
                _ => {}
            },
            Quantity::Burstiness => {
                if let Arrivals::Gamma { cv, .. } | Arrivals::Weibull { cv, .. } = &mut workload.arrivals {
                    *cv *= factor;
                }
            }
            Quantity::Traffic => unreachable!("moved above"),
        }
    }
    if input == Quantity::Duration {
        for pool in &mut changed.pools {
            pool.latency = slower(&pool.latency, factor);
        }
    }
    (changed != *scenario).then_some(changed)
}

fn with_rows(arrivals: &mut Arrivals, row: impl Fn(TraceRow) -> TraceRow) {
    if let Arrivals::Trace(Trace { rows, .. }) = arrivals {
        *rows = rows.iter().map(|&each| row(each)).collect::<Arc<[TraceRow]>>();
    }
}

fn slower(latency: &Latency, factor: f64) -> Latency {
    let longer = |distribution: &Distribution| scaled(distribution, factor);
    match latency {
        Latency::Streaming { ttft, ttft_per_1k_input, output_tokens_per_second } => Latency::Streaming {
            ttft: longer(ttft),
            ttft_per_1k_input: longer(ttft_per_1k_input),
            output_tokens_per_second: scaled(output_tokens_per_second, 1.0 / factor),
        },
        Latency::Duration(duration) => Latency::Duration(longer(duration)),
    }
}
