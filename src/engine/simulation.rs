//! The state of one replication and its event loop.

use super::calendar::{Calendar, Class, Event};
use super::compiled::Engine;
use super::draws::{LatencyKeys, TokenKeys};
use super::gauge::Gauge;
use super::marks::Marks;
use super::observer::Observer;
use super::request::{Flight, Request, Stream};
use super::slab::Slab;
use super::source::OpenSource;
use crate::admission::{DayMeter, Gate};
use crate::client::ClientState;
use crate::model::Arrivals;
use crate::random::{Key, OpenArrivals, Purpose, Streams};
use crate::tally::{FlowTally, PoolTally, Tally};
use crate::units::{SimSpan, SimTime};
use std::collections::VecDeque;

/// After the horizon a run waits this many horizons, and a day, for its counted requests to end.
///
/// A client that never gives up on a quota that never has room would otherwise never end. A day lets every daily quota
/// start anew.
const PATIENCE_HORIZONS: u64 = 10;

/// One replication in progress.
#[derive(Debug)]
pub(super) struct Simulation<'a, O> {
    pub(super) engine: &'a Engine<'a>,
    pub(super) observer: &'a mut O,
    pub(super) calendar: Calendar,
    pub(super) sources: Vec<Option<OpenSource<'a>>>,
    /// The next open arrival of each workload, as an event.
    next_arrivals: Vec<Event>,
    pub(super) gates: Vec<Gate>,
    pub(super) accounts: Vec<Option<DayMeter>>,
    pub(super) clients: Vec<Clients>,
    pub(super) requests: Slab<Request>,
    pub(super) flights: Slab<Flight>,
    pub(super) streams: Slab<Stream>,
    pub(super) pools: Vec<PoolState>,
    pub(super) workloads_in_flight: Vec<Gauge>,
    pub(super) in_flight: Gauge,
    pub(super) marks: Marks,
    pub(super) tally: Tally,
    /// Admissions so far: the order of settlements.
    pub(super) admissions: u64,
    /// Waits begun so far: the order of retries and releases.
    pub(super) waits: u64,
    /// Counted requests that have not ended.
    pub(super) counted_open: u64,
}

/// The clients of one workload.
#[derive(Debug)]
pub(super) struct Clients {
    pub(super) states: Vec<ClientState>,
    /// Per client, if concurrency is capped: requests in progress and requests waiting.
    pub(super) slots: Vec<ClientSlots>,
    pub(super) token_keys: TokenKeys,
    pub(super) latency_keys: LatencyKeys,
    pub(super) backoff: Key,
    pub(super) fault: Key,
    pub(super) disconnect: Key,
    pub(super) think: Key,
    /// Workers of a closed loop.
    pub(super) workers: u64,
}

/// A client's concurrency cap.
#[derive(Debug, Default)]
pub(super) struct ClientSlots {
    pub(super) active: u32,
    pub(super) waiting: VecDeque<u32>,
}

/// What a pool has done so far.
#[derive(Debug, Default)]
pub(super) struct PoolState {
    pub(super) admitted: u64,
    pub(super) throttled: u64,
    pub(super) charged: u64,
    pub(super) reserved: Gauge,
    pub(super) reservation_ns: u128,
    pub(super) in_flight: Gauge,
}

impl<'a, O: Observer> Simulation<'a, O> {
    pub(super) fn new(engine: &'a Engine<'a>, seed: u64, replication: u32, observer: &'a mut O) -> Self {
        let scenario = engine.scenario;
        let mut simulation = Simulation {
            engine,
            observer,
            calendar: Calendar::default(),
            sources: Vec::new(),
            next_arrivals: Vec::new(),
            gates: scenario.pools.iter().map(|pool| Gate::new(pool, scenario.start)).collect(),
            accounts: scenario
                .accounts
                .iter()
                .map(|account| account.tokens_per_day.as_ref().map(|quota| DayMeter::new(quota, scenario.start)))
                .collect(),
            clients: Vec::new(),
            requests: Slab::default(),
            flights: Slab::default(),
            streams: Slab::default(),
            pools: scenario.pools.iter().map(|_| PoolState::default()).collect(),
            workloads_in_flight: vec![Gauge::default(); scenario.workloads.len()],
            in_flight: Gauge::default(),
            marks: Marks::new(scenario),
            tally: Tally {
                flows: engine
                    .flows
                    .iter()
                    .map(|flow| FlowTally { workload: flow.workload, pool: flow.pool, ..FlowTally::default() })
                    .collect(),
                pools: vec![PoolTally::default(); scenario.pools.len()],
                ..Tally::default()
            },
            admissions: 0,
            waits: 0,
            counted_open: 0,
        };
        for index in 0..engine.workloads.len() {
            simulation.add_workload(index, seed, replication);
        }
        simulation
    }

    fn add_workload(&mut self, index: usize, seed: u64, replication: u32) {
        let scenario = self.engine.scenario;
        let workload = &self.engine.workloads[index];
        let streams = Streams { seed, replication, workload: index as u32 };
        let token_keys = TokenKeys::new(streams);
        let latency_keys = LatencyKeys::new(streams);
        let workers = match workload.model.arrivals {
            Arrivals::ClosedLoop { workers, .. } => scaled(workers, scenario.load.as_f64()),
            _ => 0,
        };
        self.clients.push(Clients {
            states: (0..workload.model.clients).map(|_| workload.client.state(SimTime::ZERO)).collect(),
            slots: match workload.model.concurrency {
                Some(_) => (0..workload.model.clients).map(|_| ClientSlots::default()).collect(),
                None => Vec::new(),
            },
            token_keys,
            latency_keys,
            backoff: streams.key(Purpose::Backoff),
            fault: streams.key(Purpose::Fault),
            disconnect: streams.key(Purpose::Disconnect),
            think: streams.key(Purpose::Think),
            workers,
        });
        if workload.think_time.is_some() {
            self.sources.push(None);
            self.next_arrivals.push(Event::NEVER);
            for worker in 0..workers {
                self.think(index, worker, SimTime::ZERO);
            }
        } else {
            let flow = &self.engine.flows[workload.flows.start];
            let arrivals = &workload.model.arrivals;
            let process = OpenArrivals::new(arrivals, scenario.load, scenario.start, streams, scenario.horizon);
            let keys = (token_keys, latency_keys);
            let source = OpenSource::new(process, arrivals, &workload.tokens, &flow.latency, keys, flow.max_tokens);
            self.next_arrivals.push(arrival_event(index, source.peek()));
            self.sources.push(Some(source));
        }
    }

    /// Runs to the end: the horizon, and then until each counted request has ended.
    pub(super) fn run(mut self) -> Option<Tally> {
        let horizon = self.engine.scenario.horizon;
        let patience = SimSpan(horizon.0.saturating_mul(PATIENCE_HORIZONS).saturating_add(SimSpan::DAY.0));
        let last = horizon.saturating_add(patience);
        loop {
            let (source, arrival) = self.next_arrival();
            let due = self.calendar.peek();
            let next = due.min(arrival);
            if next.at() >= self.marks.next() {
                if self.pass_mark().is_break() {
                    return None;
                }
                continue;
            }
            if next == Event::NEVER || next.at() > last || (next.at() >= horizon && self.counted_open == 0) {
                break;
            }
            self.tally.events += 1;
            if arrival < due {
                self.open_arrival(source);
            } else {
                self.calendar.pop();
                match due.class() {
                    Class::Server => self.server_event(due),
                    Class::Timeout => self.timed_out(due),
                    Class::Release => self.released(due),
                    Class::Retry => self.retried(due),
                    Class::Arrival => self.think_ended(due),
                }
            }
        }
        Some(self.close())
    }

    /// The workload whose open arrival is next, and that arrival.
    #[inline]
    fn next_arrival(&self) -> (usize, Event) {
        let mut first = (0, Event::NEVER);
        for (index, &event) in self.next_arrivals.iter().enumerate() {
            if event < first.1 {
                first = (index, event);
            }
        }
        first
    }

    #[inline]
    fn open_arrival(&mut self, workload: usize) {
        let source = self.sources[workload].as_mut().expect("only open workloads have a next arrival");
        let arrival = source.take();
        self.next_arrivals[workload] = arrival_event(workload, source.peek());
        self.arrive(workload, arrival);
    }

    /// Closes the books: what is still in flight counts up to the horizon, what has not ended has failed.
    fn close(mut self) -> Tally {
        while let Some(event) = self.calendar.pop() {
            if event.class() == Class::Server && event.at() == self.flights.get(event.slot()).ends {
                self.leave_open(event.slot());
            }
        }
        self.tally.unfinished = self.counted_open;
        for (pool, state) in self.tally.pools.iter_mut().zip(&self.pools) {
            pool.reservation_ns = state.reservation_ns;
        }
        self.tally
    }
}

/// An arrival as an event: simultaneous ones come in file order, then by request number.
///
/// The number's low 28 bits are part of the order, the next 28 bits ride in the slot.
pub(super) fn arrival_event(workload: usize, next: Option<(SimTime, u64)>) -> Event {
    match next {
        Some((at, number)) => {
            let order = ((workload as u64) << 28) | (number & ((1 << 28) - 1));
            Event::new(at, Class::Arrival, order, (number >> 28) as u32)
        }
        None => Event::NEVER,
    }
}

/// The workload and request number inside an arrival event.
pub(super) fn arrival_of(event: Event) -> (usize, u64) {
    let order = event.order();
    ((order >> 28) as usize, (u64::from(event.slot()) << 28) | (order & ((1 << 28) - 1)))
}

/// A whole number times a load, to the nearest.
fn scaled(count: u64, load: f64) -> u64 {
    libm::round(count as f64 * load) as u64
}
