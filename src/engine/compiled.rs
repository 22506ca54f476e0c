//! A scenario made ready to run: samplers built once, shared by all replications.

use super::draws::{LatencySamplers, TokenKeys, TokenSamplers};
use super::observer::Observer;
use super::sessions::TURN_BITS;
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
    /// Of closed loops and sessions, whose requests follow one another.
    pub(super) think_time: Option<Sampler>,
    /// Turns of a session.
    pub(super) turns: Option<Sampler>,
    /// Its attempts must ask something on the client's side before they are sent: a pace or an SDK's limiter.
    pub(super) held_back: bool,
    /// How many low bits of a request's number say nothing about its client.
    pub(super) turn_bits: u32,
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
    /// Its responses are debited from an output quota while they stream.
    pub(super) metered: bool,
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
                        metered: card.quotas.output().is_some(),
                    });
                }
                let client = Client::new(&workload.client);
                let (think_time, turns) = match &workload.arrivals {
                    Arrivals::ClosedLoop { think_time, .. } => (Some(think_time), None),
                    Arrivals::Sessions(sessions) => (Some(&sessions.think_time), Some(&sessions.turns)),
                    _ => (None, None),
                };
                CompiledWorkload {
                    model: workload,
                    tokens: TokenSamplers::new(&workload.tokens),
                    held_back: workload.pace.is_some() || client.has_limiter(),
                    client,
                    think_time: think_time.map(Sampler::new),
                    turns: turns.map(Sampler::new),
                    turn_bits: if turns.is_some() { TURN_BITS } else { 0 },
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
        // Of sessions, the first turns.
        (0..most).map(|index| u64::from(compiled.tokens.one(&keys, index << compiled.turn_bits).output)).collect()
    }
}
