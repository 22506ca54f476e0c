//! The state of one replication and its event loop.

use super::calendar::Calendar;
use super::compiled::Engine;
use super::draws::{LatencyKeys, TokenKeys};
use super::event::{Class, Event};
use super::faults::FaultKeys;
use super::first_attempt::Columns;
use super::gauge::Gauge;
use super::held_back::HeldBack;
use super::lane::LaneState;
use super::mantle::Metered;
use super::marks::{End, Marks};
use super::observer::Observer;
use super::request::{Flight, Request, Stream};
use super::sessions::SessionBook;
use super::slab::Slab;
use super::source::OpenSource;
use crate::admission::{DayMeter, Gate};
use crate::client::ClientState;
use crate::model::Arrivals;
use crate::random::{Key, OpenArrivals, Purpose, Streams};
use crate::tally::{FlowTally, Health, PoolTally, Tally};
use crate::units::SimTime;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// One replication in progress.
#[derive(Debug)]
pub(super) struct Simulation<'a, O> {
    pub(super) engine: &'a Engine<'a>,
    pub(super) observer: &'a mut O,
    pub(super) calendar: Calendar,
    pub(super) sources: Vec<Option<OpenSource<'a>>>,
    /// The next open arrival of each workload, as an event.
    pub(super) next_arrivals: Vec<Event>,
    /// By workload, its sessions, if it has any.
    pub(super) sessions: Vec<Option<SessionBook<'a>>>,
    pub(super) gates: Vec<Gate>,
    pub(super) accounts: Vec<Option<DayMeter>>,
    pub(super) clients: Vec<Clients>,
    pub(super) requests: Slab<Request>,
    pub(super) flights: Slab<Flight>,
    pub(super) streams: Slab<Stream>,
    pub(super) metered: Slab<Metered>,
    pub(super) held_back: HeldBack,
    pub(super) pools: Vec<PoolState>,
    pub(super) workloads_in_flight: Vec<Gauge>,
    pub(super) in_flight: Gauge,
    pub(super) marks: Marks,
    pub(super) tally: Tally,
    /// The batches of measured time that are over, where it is cut.
    pub(super) batches: Vec<Tally>,
    /// Admissions so far: the order of settlements.
    pub(super) admissions: u64,
    /// Waits begun so far: the order of retries and releases.
    pub(super) waits: u64,
    /// Counted requests that have not ended.
    pub(super) counted_open: u64,
    /// The workload whose open arrival is next, and that arrival.
    first_source: usize,
    first_arrival: Event,
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
    pub(super) faults: FaultKeys,
    pub(super) think: Key,
    pub(super) waiters: Key,
    /// Workers of a closed loop.
    pub(super) workers: u64,
    /// The end of a request brings the next: in closed loops and sessions.
    pub(super) comes_back: bool,
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
            sessions: Vec::new(),
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
            metered: Slab::default(),
            held_back: HeldBack::new(engine),
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
                health: engine.watched.map(|watched| Health::new([watched.from, watched.to], scenario.horizon)),
                ..Tally::default()
            },
            batches: Vec::new(),
            admissions: 0,
            waits: 0,
            counted_open: 0,
            first_source: 0,
            first_arrival: Event::NEVER,
        };
        for index in 0..engine.workloads.len() {
            simulation.add_workload(index, seed, replication);
        }
        simulation.find_first_arrival();
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
            faults: FaultKeys::new(streams),
            think: streams.key(Purpose::Think),
            waiters: streams.key(Purpose::Waiters),
            workers,
            comes_back: workload.think_time.is_some(),
        });
        let spike = scenario.spike.as_ref().filter(|spike| spike.workloads.contains(&index));
        let openings = |arrivals| {
            OpenArrivals::under_spike(arrivals, scenario.load, scenario.start, streams, scenario.horizon, spike)
        };
        if let Arrivals::Sessions(sessions) = &workload.model.arrivals {
            let book = SessionBook::new(sessions, openings(&workload.model.arrivals), streams.key(Purpose::Turns));
            self.sources.push(None);
            self.next_arrivals.push(arrival_event(index, book.peek()));
            self.sessions.push(Some(book));
            return;
        }
        self.sessions.push(None);
        if workload.think_time.is_some() {
            self.sources.push(None);
            self.next_arrivals.push(Event::NEVER);
            for worker in 0..workers {
                self.think(index, worker, SimTime::ZERO);
            }
        } else {
            let flow = &self.engine.flows[workload.flows.start];
            let arrivals = &workload.model.arrivals;
            let keys = (token_keys, latency_keys);
            let columns = ((workload.plain || self.engine.has_lane()) && !O::ATTEMPTS)
                .then(|| Columns::new(self.engine, workload, self.clients[index].faults));
            let source = OpenSource::new(openings(arrivals), arrivals, &workload.tokens, flow, keys, columns);
            self.next_arrivals.push(arrival_event(index, source.peek()));
            self.sources.push(Some(source));
        }
    }

    /// Runs to the end: the horizon, and then until each counted request has ended. One tally for each batch, or for all.
    pub(super) fn run(mut self) -> Option<Vec<Tally>> {
        if !O::ATTEMPTS && self.engine.has_lane() {
            return self.run_in_lane();
        }
        let whole = self.run_to_horizon() && self.run_out();
        whole.then(|| self.close())
    }

    /// As [`run`](Self::run), for a replication that a lane can run.
    fn run_in_lane(mut self) -> Option<Vec<Tally>> {
        let source = self.sources[0].as_ref().expect("only open sources are in a lane");
        let mut lane = LaneState::new(self.engine, &self.marks, source, self.clients[0].backoff);
        // A gateway may still have requests in its queue when the last has arrived.
        while !self.marks.past_horizon() || self.counted_open > 0 || self.next_of_first_source() < SimTime::MAX {
            self.run_lane(&mut lane);
            if self.marks.past_horizon() && self.counted_open == 0 {
                break;
            }
            match self.pass_mark() {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(End::Abandoned) => return None,
                ControlFlow::Break(End::Done) => break,
            }
        }
        self.close_lane(lane);
        Some(self.close())
    }

    /// When the next request of the first source arrives.
    fn next_of_first_source(&self) -> SimTime {
        self.sources[0].as_ref().map_or(SimTime::MAX, OpenSource::next_time)
    }

    /// Runs while requests arrive; `false` if the observer breaks it off.
    #[inline(never)]
    fn run_to_horizon(&mut self) -> bool {
        while !self.marks.past_horizon() {
            let mark = self.marks.next();
            loop {
                let limit = self.first_arrival.min(mark);
                while let Some(event) = self.calendar.pop_before(limit) {
                    self.handle(event);
                }
                if limit == mark {
                    break;
                }
                self.tally.events += 1;
                self.open_arrival(self.first_source);
            }
            if self.pass_mark() == ControlFlow::Break(End::Abandoned) {
                return false;
            }
        }
        true
    }

    /// Runs until each counted request has ended; `false` if the observer breaks it off.
    #[inline(never)]
    fn run_out(&mut self) -> bool {
        while self.counted_open > 0 {
            if let Some(event) = self.calendar.pop_before(self.marks.next()) {
                self.handle(event);
            } else if let ControlFlow::Break(end) = self.pass_mark() {
                return end == End::Done;
            }
        }
        true
    }

    #[inline(always)]
    pub(super) fn handle(&mut self, event: Event) {
        self.tally.events += 1;
        match event.class() {
            Class::Server => self.server_event(event),
            Class::Timeout => self.timed_out(event),
            Class::Release => self.released(event),
            Class::Retry => self.retried(event),
            Class::Arrival => self.think_ended(event),
        }
    }

    /// The next open arrival of a workload has changed.
    #[inline(always)]
    pub(super) fn next_arrival_is(&mut self, workload: usize, arrival: Event) {
        if self.next_arrivals.len() == 1 {
            self.first_arrival = arrival;
        } else {
            self.next_arrivals[workload] = arrival;
            self.find_first_arrival();
        }
    }

    #[inline(never)]
    fn find_first_arrival(&mut self) {
        self.first_arrival = Event::NEVER;
        for (workload, &arrival) in self.next_arrivals.iter().enumerate() {
            if arrival < self.first_arrival {
                (self.first_source, self.first_arrival) = (workload, arrival);
            }
        }
    }

    #[inline(always)]
    fn open_arrival(&mut self, workload: usize) {
        let Some(source) = self.sources[workload].as_mut() else {
            self.open_session(workload);
            return;
        };
        if source.block().columns.is_some() {
            self.plain_arrival(workload);
            return;
        }
        let arrival = source.take();
        let next = arrival_event(workload, source.peek());
        self.next_arrival_is(workload, next);
        self.arrive(workload, arrival);
    }

    /// Closes the books: what is still in flight counts up to the horizon; what has not ended is said and not counted.
    fn close(mut self) -> Vec<Tally> {
        while let Some(event) = self.calendar.pop_before(Event::NEVER) {
            // Each open flight has exactly one event to come.
            if event.class() == Class::Server {
                self.leave_open(event.slot());
            }
        }
        self.tally.unfinished = self.counted_open;
        for (pool, state) in self.tally.pools.iter_mut().zip(&self.pools) {
            pool.reservation_ns = state.reservation_ns;
        }
        self.close_batches()
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
