//! A scenario made ready to run: samplers built once, shared by all replications.

use super::draws::{LatencySamplers, TokenKeys, TokenSamplers};
use super::observer::Observer;
use super::simulation::Simulation;
use crate::client::Client;
use crate::model::{Arrivals, Scenario, Workload};
use crate::random::{Sampler, Streams};
use crate::tally::Tally;

/// A scenario made ready to run, any number of times and on any number of threads.
#[derive(Debug)]
pub struct Engine<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) workloads: Vec<CompiledWorkload<'a>>,
    pub(super) flows: Vec<Flow>,
}

/// What a workload's requests are drawn from.
#[derive(Debug)]
pub(super) struct CompiledWorkload<'a> {
    pub(super) model: &'a Workload,
    pub(super) tokens: TokenSamplers,
    pub(super) client: Client,
    pub(super) think_time: Option<Sampler>,
    /// Its flows: the first is its pool, the others its fallbacks in order.
    pub(super) flows: std::ops::Range<usize>,
}

/// A workload on one of the pools that it may call.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) workload: usize,
    pub(super) pool: usize,
    pub(super) latency: LatencySamplers,
    /// The limit where the request has none of its own: the workload's, or the model's maximum.
    pub(super) max_tokens: u32,
}

impl<'a> Engine<'a> {
    /// Makes a scenario ready.
    pub fn new(scenario: &'a Scenario) -> Engine<'a> {
        let mut flows = Vec::new();
        let workloads = scenario
            .workloads
            .iter()
            .enumerate()
            .map(|(index, workload)| {
                let first = flows.len();
                let fallbacks = workload.fallback.iter().flat_map(|fallback| &fallback.pools);
                for &pool in std::iter::once(&workload.pool).chain(fallbacks) {
                    let card = &scenario.pools[pool];
                    flows.push(Flow {
                        workload: index,
                        pool,
                        latency: LatencySamplers::new(workload.latency.as_ref().unwrap_or(&card.latency)),
                        max_tokens: workload.max_tokens.unwrap_or(card.max_output).0 as u32,
                    });
                }
                CompiledWorkload {
                    model: workload,
                    tokens: TokenSamplers::new(&workload.tokens),
                    client: Client::new(&workload.client),
                    think_time: match &workload.arrivals {
                        Arrivals::ClosedLoop { think_time, .. } => Some(Sampler::new(think_time)),
                        _ => None,
                    },
                    flows: first..flows.len(),
                }
            })
            .collect();
        Engine { scenario, workloads, flows }
    }

    /// Runs one replication.
    ///
    /// Returns `None` if the observer broke it off.
    pub fn run<O: Observer>(&self, seed: u64, replication: u32, observer: &mut O) -> Option<Tally> {
        Simulation::new(self, seed, replication, observer).run()
    }
}

impl Engine<'_> {
    /// The scenario.
    pub fn scenario(&self) -> &Scenario {
        self.scenario
    }

    /// The output limit of a workload on its own pool, where requests have none of their own.
    pub fn max_tokens(&self, workload: usize) -> u64 {
        u64::from(self.flows[self.workloads[workload].flows.start].max_tokens)
    }

    /// Natural output lengths of a workload: of its first requests in the first replication, or of a trace's rows.
    pub fn output_lengths(&self, workload: usize, most: u64) -> Vec<u64> {
        let compiled = &self.workloads[workload];
        if let Arrivals::Trace(trace) = &compiled.model.arrivals {
            return trace.rows.iter().take(most as usize).map(|row| u64::from(row.output)).collect();
        }
        let keys = TokenKeys::new(Streams { seed: self.scenario.seed, replication: 0, workload: workload as u32 });
        (0..most).map(|request| u64::from(compiled.tokens.one(&keys, request).output)).collect()
    }
}
