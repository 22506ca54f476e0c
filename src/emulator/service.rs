//! The endpoint without its network: quotas, open responses, faults, counters. `now` is an argument.
//!
//! The quota law is [`admission`](crate::admission)'s, the same code that the simulator runs. What an admitted attempt
//! will do is known when it is admitted, so its adjustments and its settlement go into a calendar, and each call
//! handles first what has fallen due, at the instants at which it fell due. A late timer, a busy machine or compressed
//! time therefore change nothing in the law; settlements come before attempts of the same instant, as in a simulation.

use super::counts::Counts;
use super::error::{BedrockError, Throttled};
use super::fault::{Fault, FaultMix};
use super::history::History;
use super::operation::Operation;
use super::prompt::Prompt;
use super::prompt_cache::PromptCache;
use super::record::Row;
use super::requests::{Attempt, Requests};
use super::settle::{Due, Flight};
use crate::admission::{Admission, DayMeter, Gate};
use crate::client::Failure;
use crate::engine::{AttemptDraws, Outcome, ResponseTiming};
use crate::model::{Demand, Endpoint, Pool, QuotaName, Scenario};
use crate::units::{SimSpan, SimTime, Tokens};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// An attempt as it comes in.
#[derive(Debug)]
pub(super) struct Call<'a> {
    pub(super) pool: usize,
    pub(super) workload: usize,
    pub(super) operation: Operation,
    /// The model as the caller named it.
    pub(super) model: &'a str,
    pub(super) prompt: &'a Prompt,
    pub(super) overrides: Overrides,
    /// The SDK's name of the request.
    pub(super) invocation: Option<&'a str>,
}

/// What the headers of a call lay down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Overrides {
    pub(super) input: Option<u64>,
    pub(super) cache_read: Option<u64>,
    pub(super) cache_write: Option<u64>,
    pub(super) output: Option<u64>,
    pub(super) fault: Option<Fault>,
}

/// The answer to an attempt.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is served.
    Admitted(Answer),
    /// It is refused.
    Refused {
        error: BedrockError,
        /// How long the refusal takes to come back.
        after: SimSpan,
    },
}

/// How an admitted attempt is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    /// The number of its admission.
    pub(super) number: u64,
    pub(super) admitted_at: SimTime,
    pub(super) timing: ResponseTiming,
    pub(super) demand: Demand,
    /// How long what it writes to the prompt cache is kept: `5m` or `1h`.
    pub(super) cache_ttl: &'static str,
    /// What goes wrong on the way, and when.
    pub(super) breaks: Option<(SimTime, Break)>,
}

/// What goes wrong while an answer is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Break {
    /// The connection closes.
    Disconnect,
    /// The stream carries an exception.
    StreamError,
}

impl Answer {
    /// When the first token comes.
    pub(super) fn first_token_at(&self) -> SimTime {
        self.admitted_at.saturating_add(self.timing.ttft)
    }

    /// When the last token comes.
    pub(super) fn ends_at(&self) -> SimTime {
        self.admitted_at.saturating_add(self.timing.service)
    }

    /// `metrics.latencyMs`, in the endpoint's time.
    pub(super) fn latency_ms(&self) -> u64 {
        self.timing.service.0.div_ceil(SimSpan::MILLISECOND.0)
    }

    /// Admission to first token.
    pub(super) fn first_byte_ms(&self) -> u64 {
        self.timing.ttft.0.div_ceil(SimSpan::MILLISECOND.0)
    }
}

/// A pool with its quotas.
#[derive(Debug)]
pub(super) struct PoolState {
    /// Its quotas as they are now.
    pub(super) model: Pool,
    pub(super) gate: Gate,
    pub(super) in_flight: u64,
    /// Quota tokens of open responses.
    pub(super) reserved: u64,
    pub(super) history: History,
}

/// A workload on a pool.
#[derive(Debug)]
pub(super) struct Flow {
    pub(super) draws: AttemptDraws,
    pub(super) counts: Counts,
}

/// What does not change while the endpoint runs.
#[derive(Debug, Clone)]
pub(super) struct Setup {
    /// The instant that time zero stands for.
    pub(super) epoch: jiff::Timestamp,
    /// Whether rows are wanted.
    pub(super) recording: bool,
    /// How often the levels are sampled for the page.
    pub(super) sample_every: SimSpan,
}

/// The endpoint's state.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) scenario: Scenario,
    pub(super) setup: Setup,
    pub(super) pools: Vec<PoolState>,
    pub(super) accounts: Vec<Option<DayMeter>>,
    /// By workload and pool, as they are called.
    pub(super) flows: BTreeMap<(usize, usize), Flow>,
    pub(super) requests: Requests,
    pub(super) faults: FaultMix,
    /// Calls that Bedrock would refuse before it asks any quota, by error.
    pub(super) rejected: BTreeMap<&'static str, u64>,
    /// When the scenario's time zero was: at the start, or at the last reset.
    pub(super) began: SimTime,
    pub(super) calendar: BinaryHeap<Reverse<Due>>,
    pub(super) flights: BTreeMap<u64, Flight>,
    pub(super) rows: Vec<Row>,
    cache: PromptCache,
    admissions: u64,
}

impl Service {
    /// The endpoint at time zero.
    pub(super) fn new(scenario: Scenario, faults: FaultMix, setup: Setup) -> Service {
        let mut service = Service {
            pools: Vec::new(),
            accounts: Vec::new(),
            flows: BTreeMap::new(),
            requests: Requests::default(),
            faults,
            rejected: BTreeMap::new(),
            began: SimTime::ZERO,
            calendar: BinaryHeap::new(),
            flights: BTreeMap::new(),
            rows: Vec::new(),
            cache: PromptCache::default(),
            admissions: 0,
            scenario,
            setup,
        };
        service.reset(SimTime::ZERO);
        service
    }

    /// Starts anew: full quotas, no open responses, counters at zero, the scenario's time at zero.
    pub(super) fn reset(&mut self, now: SimTime) {
        self.forget_all(now);
        let start = self.scenario.start;
        self.began = now;
        self.pools = self
            .scenario
            .pools
            .iter()
            .map(|pool| PoolState {
                model: pool.clone(),
                gate: Gate::new(pool, start),
                in_flight: 0,
                reserved: 0,
                history: History::default(),
            })
            .collect();
        let day =
            |account: &crate::model::Account| account.tokens_per_day.as_ref().map(|quota| DayMeter::new(quota, start));
        self.accounts = self.scenario.accounts.iter().map(day).collect();
        self.flows.clear();
        self.requests = Requests::default();
        self.rejected.clear();
        self.cache = PromptCache::default();
        self.calendar.clear();
        self.schedule_marks();
    }

    /// The scenario's time at an instant.
    pub(super) fn law_time(&self, at: SimTime) -> SimTime {
        SimTime(at.0 - self.began.0)
    }

    /// The pools that this endpoint serves: `bedrock-mantle` speaks another protocol.
    pub(super) fn serves(pool: &Pool) -> bool {
        pool.quotas.endpoint() == Endpoint::Runtime
    }

    /// Why a call is refused before it asks any quota, if it is.
    pub(super) fn validate(&self, call: &Call<'_>) -> Result<(), BedrockError> {
        let pool = &self.pools[call.pool].model;
        let asked = call.prompt.max_tokens;
        if let Some(max_tokens) = asked
            && max_tokens > pool.max_output.0
        {
            return Err(BedrockError::too_many_max_tokens(pool.max_output.0));
        }
        let Some(window) = pool.context_window else { return Ok(()) };
        let cached = call.overrides.cache_read.unwrap_or(0) + call.overrides.cache_write.unwrap_or(0);
        let input = call.overrides.input.map_or(call.prompt.tokens, |input| input + cached);
        match asked {
            _ if input > window.0 => Err(BedrockError::prompt_too_long(input, window.0)),
            Some(max_tokens) if input + max_tokens > window.0 => {
                Err(BedrockError::context_exceeded(input, max_tokens, window.0))
            }
            _ => Ok(()),
        }
    }

    /// Decides about an attempt, which is valid.
    pub(super) fn attempt(&mut self, now: SimTime, call: &Call<'_>) -> Verdict {
        let place = (call.workload, call.pool);
        let scenario = &self.scenario;
        let flow = self.flows.entry(place).or_insert_with(|| Flow {
            draws: AttemptDraws::new(scenario, call.workload, call.pool),
            counts: Counts::default(),
        });
        flow.counts.attempts += 1;
        let attempt = self.requests.attempt(call.workload, call.invocation);
        let demand = self.demand(now, call, attempt);
        let reservation = self.pools[call.pool].model.reservation(&demand).0;

        let fault = self.fault(call, attempt);
        if let Some((error, limit)) = fault.and_then(|fault| fault.instead(call.model, call.operation.streams())) {
            return self.refuse(now, call, attempt, &demand, (error, limit, 0));
        }
        let law_now = self.law_time(now);
        let state = &mut self.pools[call.pool];
        let account = state.model.account.and_then(|account| self.accounts[account].as_mut());
        match state.gate.admit(law_now, reservation, account) {
            Admission::Admitted(held) => {
                self.requests.admitted(attempt);
                self.cache.store(now, call.pool, &call.prompt.checkpoints);
                let flow = &self.flows[&place];
                let timing =
                    flow.draws.timing(attempt.request, attempt.number, attempt.sent, demand.input, demand.output());
                self.admissions += 1;
                let answer = Answer {
                    number: self.admissions,
                    admitted_at: now,
                    timing,
                    demand,
                    cache_ttl: call.prompt.cache_ttl(),
                    breaks: self.break_of(fault, call, attempt, timing, now),
                };
                let row = self.row(now, call, attempt, &demand, reservation);
                self.open(answer, held, place, row);
                Verdict::Admitted(answer)
            }
            Admission::Refused(refusal) => {
                let limit = refusal.counted_under;
                let kind = Throttled::by(limit).unwrap_or_else(|| self.never_fits(now, call.pool, reservation));
                let error = BedrockError::throttled(kind);
                self.refuse(now, call, attempt, &demand, (error, Some(limit), reservation))
            }
        }
    }

    /// The tokens of an attempt: what headers lay down, else the prompt and what the scenario draws.
    fn demand(&self, now: SimTime, call: &Call<'_>, attempt: Attempt) -> Demand {
        let Overrides { input, cache_read, cache_write, output, .. } = call.overrides;
        let drawn = self.flows[&(call.workload, call.pool)].draws.tokens(attempt.request);
        let cached = match input {
            Some(_) => super::prompt_cache::Cached::default(),
            None => self.cache.look_up(now, call.pool, &call.prompt.checkpoints),
        };
        let cache_read = cache_read.unwrap_or(cached.read);
        let cache_write = cache_write.unwrap_or(cached.written);
        let uncached = call.prompt.tokens.saturating_sub(cached.read + cached.written);
        Demand {
            input: Tokens(input.unwrap_or(uncached)),
            cache_read: Tokens(cache_read),
            cache_write: Tokens(cache_write),
            max_tokens: call.prompt.max_tokens.map_or(self.pools[call.pool].model.max_output, Tokens),
            natural_output: output.map_or(drawn.output, |output| Tokens(output.max(1))),
        }
    }

    /// What goes wrong with an attempt: what its header asks for, else what chance does.
    fn fault(&self, call: &Call<'_>, attempt: Attempt) -> Option<Fault> {
        let draws = &self.flows[&(call.workload, call.pool)].draws;
        let Attempt { request, number, .. } = attempt;
        call.overrides.fault.or_else(|| self.faults.pick(draws.further_fault(request, number))).or_else(|| match draws
            .failure_before_admission(request, number)
        {
            Some(Failure::Unavailable) => Some(Fault::Unavailable),
            Some(_) => Some(Fault::Overloaded),
            None => None,
        })
    }

    /// When and how an admitted attempt goes wrong on the way.
    fn break_of(
        &self,
        fault: Option<Fault>,
        call: &Call<'_>,
        attempt: Attempt,
        timing: ResponseTiming,
        now: SimTime,
    ) -> Option<(SimTime, Break)> {
        let drawn = self.flows[&(call.workload, call.pool)].draws.disconnects_at(attempt.request, attempt.number);
        let (share, what) = match fault {
            Some(Fault::StreamError) => (0.5, Break::StreamError),
            Some(Fault::Disconnect) => (0.5, Break::Disconnect),
            _ => (drawn?, Break::Disconnect),
        };
        let after = SimSpan((timing.service.0 as f64 * share) as u64);
        Some((now.saturating_add(after), what))
    }

    /// Refuses an attempt, for an error that is counted under a limit and asked for a reservation.
    fn refuse(
        &mut self,
        now: SimTime,
        call: &Call<'_>,
        attempt: Attempt,
        demand: &Demand,
        (error, limit, reservation): (BedrockError, Option<QuotaName>, u64),
    ) -> Verdict {
        let after = self.scenario.workloads[call.workload].throttle_latency;
        let outcome = match (limit, error.name) {
            (Some(QuotaName::ModelCapacity), _) => Outcome::Overloaded.key(),
            (Some(_), _) => Outcome::Throttled.key(),
            (None, "ServiceUnavailableException") => Outcome::Unavailable.key(),
            (None, _) => FAILED,
        };
        let counts = &mut self.flows.get_mut(&(call.workload, call.pool)).expect("made at its first attempt").counts;
        counts.ended(outcome);
        if let Some(limit) = limit {
            counts.throttles[limit as usize] += 1;
        }
        if let Some(row) = self.row(now, call, attempt, demand, reservation) {
            self.rows.push(Row {
                outcome,
                limit: limit.map(QuotaName::key),
                status: Some(error.status),
                error: Some(error.name),
                latency_ms: milliseconds(after),
                ..row
            });
        }
        Verdict::Refused { error, after }
    }

    /// A row about an attempt whose end is not known yet; nothing unless rows are wanted.
    fn row(&self, now: SimTime, call: &Call<'_>, attempt: Attempt, demand: &Demand, reservation: u64) -> Option<Row> {
        self.setup.recording.then(|| Row {
            time: self.timestamp(now),
            pool: self.pools[call.pool].model.name.clone(),
            workload: self.scenario.workloads[call.workload].name.clone(),
            model: call.model.to_owned(),
            operation: call.operation.name(),
            request: attempt.request,
            attempt: attempt.number,
            outcome: FAILED,
            limit: None,
            status: None,
            error: None,
            input_tokens: demand.input.0,
            output_tokens: 0,
            cache_read_tokens: demand.cache_read.0,
            cache_write_tokens: demand.cache_write.0,
            max_tokens: call.prompt.max_tokens,
            reservation,
            charge: 0,
            ttft_ms: None,
            latency_ms: 0.0,
            stop_reason: None,
        })
    }

    /// An instant as text: RFC 3339 in UTC, with milliseconds.
    pub(super) fn timestamp(&self, at: SimTime) -> String {
        let at = self.setup.epoch.saturating_add(jiff::SignedDuration::from_nanos(at.0 as i64));
        at.map_or_else(|_| String::new(), |at| at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string())
    }

    /// Which kind of quota can never admit a reservation.
    fn never_fits(&mut self, now: SimTime, pool: usize, reservation: u64) -> Throttled {
        let now = self.law_time(now);
        let gate = &mut self.pools[pool].gate;
        if gate.requests_available(now).is_some_and(|(_, most)| most < 1) {
            Throttled::Requests
        } else if gate.available(now).is_some_and(|(_, most)| most < reservation) {
            Throttled::Tokens
        } else {
            Throttled::TokensPerDay
        }
    }
}

/// The outcome of an attempt that an injected error ended.
pub(super) const FAILED: &str = "failed";
/// The outcome of an attempt whose caller hung up.
pub(super) const ABANDONED: &str = "abandoned";

/// A span in milliseconds, to the microsecond.
pub(super) fn milliseconds(span: SimSpan) -> f64 {
    ((span.0 + 500) / 1_000) as f64 / 1e3
}
