//! A scenario made ready to run: samplers built once, shared by all replications.

use super::draws::{LatencySamplers, TokenKeys, TokenSamplers};
use super::faults::FlowFaults;
use super::lane::MOST_STREAMED;
use super::observer::{Observer, Quiet};
use super::sessions::TURN_BITS;
use super::simulation::Simulation;
use crate::client::{Call, Client, Ladder};
use crate::model::disturbance::Disturbance;
use crate::model::{Arrivals, Scenario, Workload};
use crate::random::{Sampler, Streams};
use crate::tally::Tally;
use crate::units::{SimSpan, SimTime};

/// A scenario made ready to run, any number of times and on any number of threads.
#[derive(Debug)]
pub struct Engine<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) workloads: Vec<CompiledWorkload<'a>>,
    pub(super) flows: Vec<Flow>,
    /// Of each flow what every event asks for, close together.
    pub(super) routes: Vec<Route>,
    /// The disturbance after which it is watched whether the system comes back.
    pub(super) watched: Option<Disturbance>,
}

/// Where the attempts of a flow go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Route {
    pub(super) pool: u16,
    pub(super) workload: u16,
    /// The account of the pool, or [`NO_ACCOUNT`].
    pub(super) account: u16,
}

/// The pool has no account.
pub(super) const NO_ACCOUNT: u16 = u16::MAX;

/// What a workload's requests are drawn from.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked on its own in the event loop")]
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
    /// Attempts are looked at before they come to the gate: they may meet a fault there, or are counted over time.
    pub(super) inspected: bool,
    /// Admitted attempts may be given up before their end.
    pub(super) may_be_given_up: bool,
    /// Each attempt that is admitted is answered, at the time that was drawn with its request.
    all_answered: bool,
    /// Its responses stream, and their first token books a success that means something to the client.
    pub(super) books_first_token: bool,
    /// Somebody waits for the end of each request: a concurrency slot, a worker, a session, a limiter.
    awaited: bool,
    /// Most requests that are admitted at once are never more than a flight.
    pub(super) plain: bool,
    /// What its requests wait for, and what happens to them, is what a lane knows.
    suits_lane: bool,
    /// What its clients do about throttles, if nobody waits for the end of an attempt but for a slot, or to fill one retry
    /// quota.
    pub(super) ladder: Option<Ladder>,
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
    /// What may go wrong besides quotas.
    pub(super) faults: FlowFaults,
}

impl CompiledWorkload<'_> {
    /// Which client a request belongs to.
    #[inline]
    pub(super) fn client_of(&self, number: u64) -> u32 {
        match self.model.clients {
            1 => 0,
            clients => ((number >> self.turn_bits) % u64::from(clients)) as u32,
        }
    }

    /// Whether there is more to do at the end of a request than to book its success.
    #[inline]
    pub(super) fn has_afterlife(&self, call: &Call) -> bool {
        self.awaited || (self.books_end() && call.failed_attempts() > 0)
    }

    /// Whether its client has nothing to do at the end of a request but to book its success at the first attempt.
    #[inline]
    pub(super) fn only_books_success(&self, call: &Call) -> bool {
        self.books_end() && !self.has_afterlife(call)
    }

    /// What a retry of a request that stays in its block takes from the retry quota of its client.
    #[inline]
    pub(super) fn retry_cost(&self) -> u32 {
        self.ladder.as_ref().map_or(0, Ladder::cost)
    }

    /// Whether nothing happens to any of its requests but attempts, and nobody waits for their end.
    pub(super) fn only_repeats(&self) -> bool {
        self.ladder.is_some() && self.all_answered && !self.client.books_success() && self.model.concurrency.is_none()
    }

    /// Whether the end of an answer books a success that means something to the client.
    #[inline]
    pub(super) fn books_end(&self) -> bool {
        self.client.books_success() && !self.books_first_token
    }
}

impl<'a> Engine<'a> {
    /// Makes a scenario ready.
    pub fn new(scenario: &'a Scenario) -> Engine<'a> {
        Engine::watching(scenario, scenario.disturbance())
    }

    /// Makes a scenario ready and watches how it comes through a disturbance, which need not be its own.
    fn watching(scenario: &'a Scenario, watched: Option<Disturbance>) -> Engine<'a> {
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
                        faults: FlowFaults::new(workload, card),
                    });
                }
                let client = Client::new(&workload.client);
                let ever =
                    |happens: fn(&FlowFaults) -> bool| flows[first..].iter().any(|flow: &Flow| happens(&flow.faults));
                let held_back = workload.pace.is_some() || client.has_limiter();
                let inspected = watched.is_some() || ever(|faults| faults.refuse);
                let may_be_given_up =
                    ever(|faults| faults.lose) || workload.read_timeout.is_some() || workload.deadline.is_some();
                let books_first_token = workload.stream && client.books_success();
                let all_answered = !(inspected || may_be_given_up || ever(|faults| faults.slow));
                let comes_back = matches!(workload.arrivals, Arrivals::ClosedLoop { .. } | Arrivals::Sessions(_));
                let awaited = held_back || workload.concurrency.is_some() || comes_back;
                let own = &scenario.pools[workload.pool];
                // What a response holds, or how long it takes, is not known before it ends.
                let unfolds = own.quotas.output().is_some() || own.rules.adjust_every.is_some();
                let (think_time, turns) = match &workload.arrivals {
                    Arrivals::ClosedLoop { think_time, .. } => (Some(think_time), None),
                    Arrivals::Sessions(sessions) => (Some(&sessions.think_time), Some(&sessions.turns)),
                    _ => (None, None),
                };
                CompiledWorkload {
                    model: workload,
                    tokens: TokenSamplers::new(&workload.tokens),
                    held_back,
                    inspected,
                    may_be_given_up,
                    all_answered,
                    books_first_token,
                    awaited,
                    plain: !(awaited || books_first_token || unfolds || client.saves_up()),
                    ladder: client.ladder().filter(|ladder| {
                        !(held_back || comes_back)
                            && (!books_first_token || ladder.attempts() <= MOST_STREAMED)
                            && workload.deadline.is_none_or(|deadline| ladder.longest() < deadline)
                            // There is one quota for each.
                            && (workload.clients == 1 || !client.books_success())
                    }),
                    // Where first tokens move a limiter's rate, their order among the other events counts.
                    suits_lane: !(comes_back || unfolds || (books_first_token && client.has_limiter())),
                    client,
                    think_time: think_time.map(Sampler::new),
                    turns: turns.map(Sampler::new),
                    turn_bits: if turns.is_some() { TURN_BITS } else { 0 },
                    flows: first..flows.len(),
                }
            })
            .collect();
        let routes = flows
            .iter()
            .map(|flow| Route {
                pool: flow.pool as u16,
                workload: flow.workload as u16,
                account: scenario.pools[flow.pool].account.map_or(NO_ACCOUNT, |account| account as u16),
            })
            .collect();
        Engine { scenario, workloads, flows, routes, watched }
    }

    /// Whether the whole replication can run in a lane.
    pub(super) fn has_lane(&self) -> bool {
        let [workload] = &self.workloads[..] else { return false };
        workload.suits_lane
            && workload.flows.len() == 1
            && workload.model.throttle_latency == SimSpan::ZERO
            && self.routes[0].account == NO_ACCOUNT
    }

    /// Runs one replication.
    ///
    /// Returns `None` if the observer broke it off.
    pub fn run<O: Observer>(&self, seed: u64, replication: u32, observer: &mut O) -> Option<Tally> {
        let mut tally = only(Simulation::new(self, seed, replication, observer).run()?);
        if self.watched.is_some() {
            // What would have become of the same traffic left in peace is what recovery is measured against.
            let calm = self.scenario.undisturbed();
            let calm = Engine::watching(&calm, self.watched);
            tally.undisturbed = only(Simulation::new(&calm, seed, replication, &mut Quiet(observer)).run()?).health;
        }
        Some(tally)
    }

    /// Runs one replication and cuts its measured time: a tally for each batch, in order of time.
    ///
    /// What is counted goes to the batch in which it happens; what becomes of an attempt is known, and counted, when it
    /// is admitted. Ledgers, the drift of buckets, timelines and events are of the run as a whole, and with one of its
    /// batches.
    ///
    /// Returns `None` if the observer broke it off.
    pub fn run_in_batches<O: Observer>(
        &self,
        seed: u64,
        replication: u32,
        cuts: &[SimTime],
        observer: &mut O,
    ) -> Option<Vec<Tally>> {
        assert!(self.watched.is_none(), "what is disturbed for a while has no batches that are alike");
        let mut simulation = Simulation::new(self, seed, replication, observer);
        simulation.marks.cut_at(cuts);
        simulation.run()
    }
}

/// The tally of a run that is not cut.
fn only(mut tallies: Vec<Tally>) -> Tally {
    tallies.pop().expect("a run has a tally")
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
