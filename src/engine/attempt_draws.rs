//! What the attempts of one workload on one pool consist of, one at a time: for whoever runs the law on another clock.
//!
//! The same draws at the same addresses as in a simulation: request `n` of a workload asks and takes here what it asks
//! and takes in replication 0.

use super::attempt::{SLOW, unit};
use super::draws::{LatencyKeys, LatencySamplers, Timing, TokenKeys, TokenSamplers};
use crate::client::Failure;
use crate::model::{Arrivals, Faults, Scenario, Trace};
use crate::random::{Key, Purpose, Streams};
use crate::units::{SimSpan, Tokens};

/// The draws of one workload on one pool, in replication 0.
#[derive(Debug)]
pub struct AttemptDraws {
    tokens: TokenSamplers,
    token_keys: TokenKeys,
    trace: Option<Trace>,
    latency: LatencySamplers,
    latency_keys: LatencyKeys,
    faults: Faults,
    fault: Key,
    disconnect: Key,
}

/// The tokens that a request is drawn with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DrawnTokens {
    /// Uncached input.
    pub input: Tokens,
    /// Input read from the prompt cache.
    pub cache_read: Tokens,
    /// Input written to the prompt cache.
    pub cache_write: Tokens,
    /// The natural length of the answer.
    pub output: Tokens,
}

/// When the first and the last token of a response come, counted from its admission.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ResponseTiming {
    /// To the first token; zero where only the whole duration is known.
    pub ttft: SimSpan,
    /// To the last token.
    pub service: SimSpan,
}

impl ResponseTiming {
    /// Output tokens generated after `elapsed` of the response.
    ///
    /// *Formula* (SPEC §2): `⌊output × streamed share⌋`, 0 before the first token.
    pub fn generated(&self, output: Tokens, elapsed: SimSpan) -> Tokens {
        Tokens(generated(self.ttft.0, self.service.0, output.0, elapsed.0))
    }
}

/// See [`ResponseTiming::generated`]; times in ns.
pub(super) fn generated(ttft: u64, service: u64, output: u64, elapsed: u64) -> u64 {
    let streamed = u128::from(elapsed.saturating_sub(ttft));
    let length = u128::from(service.saturating_sub(ttft).max(1));
    (u128::from(output) * streamed / length).min(u128::from(output)) as u64
}

impl AttemptDraws {
    /// The draws of a workload on a pool, both given by their places in the scenario.
    pub fn new(scenario: &Scenario, workload: usize, pool: usize) -> AttemptDraws {
        let model = &scenario.workloads[workload];
        let streams = Streams { seed: scenario.seed, replication: 0, workload: workload as u32 };
        let latency = model.latency.as_ref().unwrap_or(&scenario.pools[pool].latency);
        AttemptDraws {
            tokens: TokenSamplers::new(&model.tokens),
            token_keys: TokenKeys::new(streams),
            trace: match &model.arrivals {
                Arrivals::Trace(trace) if !trace.rows.is_empty() => Some(trace.clone()),
                _ => None,
            },
            latency: LatencySamplers::new(latency),
            latency_keys: LatencyKeys::new(streams),
            faults: model.faults,
            fault: streams.key(Purpose::Fault),
            disconnect: streams.key(Purpose::Disconnect),
        }
    }

    /// The tokens of a request; a trace's rows follow one another and start again after the last.
    pub fn tokens(&self, request: u64) -> DrawnTokens {
        let drawn = self.tokens.one(&self.token_keys, request);
        let count = |tokens: u32| Tokens(u64::from(tokens));
        let mut tokens = DrawnTokens {
            input: count(drawn.input),
            cache_read: count(drawn.cache_read),
            cache_write: count(drawn.cache_write),
            output: count(drawn.output),
        };
        if let Some(trace) = &self.trace {
            let row = trace.rows[(request % trace.rows.len() as u64) as usize];
            tokens.input = count(row.input);
            tokens.cache_read += count(row.cache_read);
            tokens.output = count(row.output.max(1));
        }
        tokens
    }

    /// Whether the time to the first token is known.
    pub fn has_ttft(&self) -> bool {
        self.latency.has_ttft()
    }

    /// How long the response to an attempt takes, a slow fault included.
    ///
    /// `attempt` counts from 1; `sent` is how many attempts of the request were admitted before.
    pub fn timing(&self, request: u64, attempt: u32, sent: u32, input: Tokens, output: Tokens) -> ResponseTiming {
        let Timing { ttft, service } =
            self.latency.one(&self.latency_keys, request, sent, input.0 as u32, output.0 as u32);
        let slow = unit(self.fault.attempt_bits(request, attempt | SLOW)) < self.faults.slow.0;
        if !slow {
            return ResponseTiming { ttft: SimSpan(ttft), service: SimSpan(service) };
        }
        let stretched = |ns: u64| SimSpan((ns as f64 * self.faults.slow_factor) as u64);
        ResponseTiming { ttft: stretched(ttft), service: stretched(service) }
    }

    /// A 503 or a model-overloaded 429, which come before admission and consume nothing.
    pub fn failure_before_admission(&self, request: u64, attempt: u32) -> Option<Failure> {
        let u = unit(self.fault.attempt_bits(request, attempt));
        if u < self.faults.unavailable.0 {
            Some(Failure::Unavailable)
        } else if u < self.faults.unavailable.0 + self.faults.overloaded.0 {
            Some(Failure::Overloaded)
        } else {
            None
        }
    }

    /// Where in the response the connection breaks, as a share of its duration, if it does.
    pub fn disconnects_at(&self, request: u64, attempt: u32) -> Option<f64> {
        let u = unit(self.disconnect.attempt_bits(request, attempt));
        (u < self.faults.disconnect.0).then(|| u / self.faults.disconnect.0)
    }

    /// A uniform number in [0, 1) for faults that the scenario language does not have.
    pub fn further_fault(&self, request: u64, attempt: u32) -> f64 {
        unit(self.fault.attempt_bits(request, attempt | FURTHER))
    }
}

/// Sets the address of further faults apart from those of the scenario's.
const FURTHER: u32 = 1 << 30;
