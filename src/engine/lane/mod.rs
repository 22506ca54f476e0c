//! The fast lane: one workload of open arrivals on one pool.
//!
//! Most scenarios ask about one application, which has no fallback. Then most events are an arrival, an end or a retry,
//! and all that they touch is known beforehand. A [`Lane`] runs such a replication from mark to mark with the limiter
//! known at compile time and the state that changes side by side: an attempt in flight is half a cache line, the
//! record of a request that waits two. What it does to the books is what the general loop does; a test compares
//! the two, tally by tally.
//!
//! *Map*: `mod` carries what most requests are, admitted at once and answered, `calm` many of them at once; `slow` the
//! attempts that are not plain, `waiting` the records of their requests and their waits; `slots` concurrency caps,
//! `held_back` paces and limiters, `alarms` the deadlines of those that wait there; `first_tokens` the successes of streams.
//! Clients that remember nothing have a loop of their own in `repeating`, with `stretch` and `walk` for many events at once,
//! and `load` for what rides on the calendar; `agenda` is the calendar of both, `ranks` puts its slices in order. What stays
//! to the general loop: several workloads, fallbacks, closed loops and sessions, quotas of an account, responses whose
//! reservation or end unfolds while they run, and streams under an SDK's limiter.
//!
//! *Why*: the general loop finds out again for every event which workload, pool, account, quota, client and fate it
//! concerns. *Measured* with what `mod` carries alone: a request of the benchmark `low 100` takes half of the time here.

mod agenda;
mod alarms;
mod calm;
mod first_tokens;
mod held_back;
mod load;
mod ranks;
mod repeating;
mod slots;
mod slow;
mod stretch;
mod waiting;
mod walk;

pub(super) use load::Load;

use super::block_count::Books;
use super::compiled::{CompiledWorkload, Engine, Flow};
use super::draws::LatencyKeys;
use super::event::Event;
use super::faults::FaultKeys;
use super::first_attempt::Verdict;
use super::gauge::Gauge;
use super::held_back::{HeldBack, HoldsBack as _};
use super::marks::Marks;
use super::observer::Observer;
use super::request::NOWHERE;
use super::simulation::{ClientSlots, Clients, PoolState, Simulation};
use super::slab::Slab;
use super::source::OpenSource;
use crate::admission::{Admission, Admit, Meter, OneQuota, Reservation};
use crate::client::{Call, Client, ClientState};
use crate::model::Pool;
use crate::random::Key;
use crate::tally::{FlowTally, Health, Tally};
use crate::units::SimTime;
use agenda::{Agenda, Orders, What};
use alarms::{Alarms, NO_REQUEST};
use calm::Unrest;
use first_tokens::FirstTokens;
use held_back::Wake;
use repeating::RepeatingState;
use waiting::Waiting;

/// What is in progress in a lane.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    agenda: Agenda,
    in_progress: InProgress,
    /// In place of both, where clients have a ladder.
    repeating: Option<Box<RepeatingState>>,
}

/// Attempts in flight and requests that wait.
#[derive(Debug, Default)]
struct InProgress {
    flights: Slab<Flight>,
    /// By slot of `flights`, the number of the admission.
    admissions: Vec<u64>,
    /// By slot of `flights`, where somebody hears of the end.
    news: Vec<News>,
    waiting: Slab<Waiting>,
    /// By slot of `waiting`, the number of the current wait; zero outside of one.
    tickets: Vec<u64>,
    wakes: Slab<Wake>,
    alarms: Alarms,
    first_tokens: FirstTokens,
}

impl LaneState {
    pub(super) fn new(engine: &Engine<'_>, marks: &Marks, source: &OpenSource<'_>) -> LaneState {
        let workload = &engine.workloads[0];
        // A batch is not to wait for what a block still waits for.
        let repeating = (workload.ladder.is_some() && !marks.are_cut()).then(|| Box::new(RepeatingState::new(source)));
        let clients = if workload.books_first_token { workload.model.clients as usize } else { 0 };
        let first_tokens = FirstTokens::new(clients);
        LaneState {
            in_progress: InProgress { first_tokens, ..InProgress::default() },
            repeating,
            ..LaneState::default()
        }
    }
}

/// An admitted attempt.
#[derive(Debug, Default)]
#[repr(align(32))]
struct Flight {
    reservation: Reservation,
    charge: Charge,
}

/// Quota tokens that an attempt will be charged, and in the highest bit whether a counted request ends with it.
#[derive(Debug, Default, Clone, Copy)]
struct Charge(u64);

/// Who hears that an attempt has succeeded.
#[derive(Debug, Default, Clone, Copy)]
struct News {
    client: u32,
    /// Its record, if it has one.
    request: u32,
    /// Tokens of the answer.
    output: u32,
}

impl News {
    /// The client has given the attempt up.
    const UNHEARD: News = News { client: u32::MAX, request: NOWHERE, output: 0 };
}

/// The state of a replication between two marks, with everything that its events touch side by side.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked on its own in the event loop")]
struct Lane<'s, 'a, A> {
    quota: A,
    agenda: &'s mut Agenda,
    in_progress: &'s mut InProgress,
    source: &'s mut OpenSource<'a>,
    tally: &'s mut FlowTally,
    health: &'s mut Option<Health>,
    pool: &'s mut PoolState,
    pool_model: &'a Pool,
    held_back: &'s mut HeldBack,
    marks: &'s Marks,
    workload: &'a CompiledWorkload<'a>,
    flow: &'a Flow,
    client: &'a Client,
    states: &'s mut [ClientState],
    slots: &'s mut [ClientSlots],
    backoff: Key,
    waiters: Key,
    latency_keys: LatencyKeys,
    fault_keys: FaultKeys,
    has_ttft: bool,
    /// Whether its client does something for a request before it sends it.
    greets: bool,
    /// Requests of the current block may need more than their first attempt.
    careful: bool,
    /// Whether its client does something when a request has its answer.
    listens: bool,
    unrest: Unrest,
    /// Of the workload, of its pool and of everything.
    in_flight: Gauge,
    reserved: Gauge,
    counters: Counters,
}

/// What a lane counts.
#[derive(Debug, Clone, Copy)]
struct Counters {
    admissions: u64,
    waits: u64,
    counted_open: u64,
    /// Quota tokens.
    charged: u64,
    /// Events that are neither an arrival nor an end.
    wakes: u64,
}

impl<O: Observer> Simulation<'_, O> {
    /// Runs until the next mark, or until each counted request has ended if that comes first and is what matters now.
    pub(super) fn run_lane(&mut self, state: &mut LaneState) {
        let pool = usize::from(self.engine.routes[0].pool);
        let mut gates = std::mem::take(&mut self.gates);
        match gates[pool].only_quota() {
            Some((Meter::TokenBucket(meter), name)) => self.lane(OneQuota::new(meter, name), state),
            Some((Meter::FixedWindow(meter), name)) => self.lane(OneQuota::new(meter, name), state),
            Some((Meter::SlidingWindow(meter), name)) => self.lane(OneQuota::new(meter, name), state),
            Some((Meter::InFlight(meter), name)) => self.lane(OneQuota::new(meter, name), state),
            None => self.lane(&mut gates[pool], state),
        }
        self.gates = gates;
    }

    fn lane<A: Admit>(&mut self, quota: A, state: &mut LaneState) {
        let engine = self.engine;
        let workload = &engine.workloads[0];
        if let (Some(state), Some(ladder)) = (&mut state.repeating, &workload.ladder) {
            return self.repeating_lane(quota, ladder, state);
        }
        let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
        let Clients { states, slots, backoff, waiters, latency_keys, faults, .. } = &mut self.clients[0];
        let Tally { flows, health, .. } = &mut self.tally;
        let capped = workload.model.concurrency.is_some();
        let mut lane = Lane {
            quota,
            agenda: &mut state.agenda,
            in_progress: &mut state.in_progress,
            source: self.sources[0].as_mut().expect("only open sources are plain"),
            tally: &mut flows[0],
            health,
            pool_model: &engine.scenario.pools[engine.flows[0].pool],
            held_back: &mut self.held_back,
            marks: &self.marks,
            workload,
            flow: &engine.flows[0],
            client: &workload.client,
            states,
            slots,
            backoff: *backoff,
            waiters: *waiters,
            latency_keys: *latency_keys,
            fault_keys: *faults,
            has_ttft: engine.flows[0].latency.has_ttft(),
            greets: capped || workload.held_back || workload.client.saves_up(),
            careful: true,
            unrest: Unrest::default(),
            listens: capped || workload.held_back || workload.books_end(),
            in_flight: self.in_flight,
            reserved: pool.reserved,
            counters: Counters {
                admissions: self.admissions,
                waits: self.waits,
                counted_open: self.counted_open,
                charged: pool.charged,
                wakes: 0,
            },
            pool,
        };
        let arrived = lane.source.number();
        lane.careful = lane.greets || lane.source.any_special();
        // A change of the quota may have woken a line at the mark.
        while let Some(event) = self.calendar.pop_before(Event::NEVER) {
            lane.adopt(event);
        }
        lane.run();
        let Lane { in_flight, reserved, counters, source, .. } = lane;
        // Each arrival, each wake and each end is an event.
        let admitted = counters.admissions - self.admissions;
        let ended = self.in_flight.now() + admitted - in_flight.now();
        self.tally.events += source.number() - arrived + counters.wakes + ended;
        self.in_flight = in_flight;
        self.workloads_in_flight[0] = in_flight;
        let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
        pool.in_flight = in_flight;
        pool.reserved = reserved;
        pool.admitted += admitted;
        pool.charged = counters.charged;
        self.admissions = counters.admissions;
        self.waits = counters.waits;
        self.counted_open = counters.counted_open;
    }

    /// Closes the books of a lane: what is still in flight stays on them.
    pub(super) fn close_lane(&mut self, state: LaneState) {
        if let Some(state) = state.repeating {
            return self.close_repeating(*state);
        }
        for (what, ()) in state.agenda.into_events().filter(|(what, ())| what.is_end()) {
            let flight = state.in_progress.flights.get(what.slot());
            self.tally.flows[0].ledger.reopen(flight.reservation.held(), flight.charge.tokens());
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    fn run(&mut self) {
        let mark = self.marks.next().at();
        let past_horizon = self.marks.past_horizon();
        // What holds requests back wants to see them one by one.
        let may_be_calm = !past_horizon && !self.workload.held_back;
        loop {
            if may_be_calm && self.calm_slice(mark) {
                continue;
            }
            let arrival = self.source.next_time();
            // A mark comes before everything at its instant, an arrival after.
            let until = mark.min(SimTime(arrival.0 + 1));
            while let Some((at, what)) = self.agenda.pop_before(until, self.in_progress) {
                if what.is_end() {
                    self.settle(what.slot(), at);
                } else if what.is_retry() {
                    self.retry(what.slot(), at);
                } else {
                    self.wakes(what, at);
                }
                if past_horizon && self.counters.counted_open == 0 {
                    return;
                }
            }
            if arrival >= mark {
                return;
            }
            self.arrive(arrival);
        }
    }

    /// A request arrives and makes its first attempt.
    #[inline(always)]
    fn arrive(&mut self, now: SimTime) {
        let place = self.source.place;
        let counted = now >= self.marks.warmup();
        self.counters.counted_open += u64::from(counted);
        if self.careful {
            self.careful_arrival(place, now, counted);
        } else {
            self.first_attempt(place, now, counted);
        }
        self.source.place += 1;
        if self.source.place == self.source.end {
            if self.workload.books_first_token {
                self.block_of_streams_ends(now);
            }
            self.count_block(self.source.current);
            self.source.refill();
            self.careful = self.greets || self.source.any_special();
        }
    }

    /// Counts a block whose requests are all decided or have records of their own.
    fn count_block(&mut self, block: usize) {
        let books = Books { tally: self.tally, pool: self.pool, health: self.health };
        self.source.count_block(block, self.has_ttft, self.marks, books);
    }

    /// A request of a block arrives in which not all are plain.
    #[inline(never)]
    fn careful_arrival(&mut self, place: usize, now: SimTime, counted: bool) {
        if self.greets {
            self.greeted_arrival(place, now, counted);
        } else {
            self.make_first_attempt(place, now, counted);
        }
    }

    /// A request makes its first attempt.
    #[inline(always)]
    fn make_first_attempt(&mut self, place: usize, now: SimTime, counted: bool) {
        if self.source.block().columns().foresight.special[place] {
            self.special_arrival(place, now, counted);
        } else {
            self.first_attempt(place, now, counted);
        }
    }

    /// A first attempt that meets nothing but the quota.
    #[inline(always)]
    fn first_attempt(&mut self, place: usize, now: SimTime, counted: bool) {
        let columns = self.source.block_mut().columns_mut();
        let (cost, charge, ends) = (columns.reservation[place], columns.charge[place], columns.ends[place]);
        match self.quota.admit(now, cost) {
            Admission::Admitted(reservation) => {
                columns.verdicts[place] = Verdict::Admitted;
                let news = if self.listens {
                    News {
                        client: self.workload.client_of(self.source.number()),
                        request: NOWHERE,
                        output: self.source.block().tokens.capped[place],
                    }
                } else {
                    News::default()
                };
                let ends_counted = counted && ends <= self.marks.patience();
                self.depart(reservation, Charge::new(charge, ends_counted), news, ends);
            }
            Admission::Refused(refusal) => {
                columns.verdicts[place] = Verdict::Refused;
                self.refused_at_first(place, now, counted, refusal.counted_under);
            }
        }
    }

    /// An admitted attempt is under way.
    #[inline(always)]
    fn depart(&mut self, reservation: Reservation, charge: Charge, news: News, ends: SimTime) {
        self.counters.admissions += 1;
        self.in_flight.add(1);
        self.reserved.add(reservation.held());
        let slot = self.in_progress.flights.insert(Flight { reservation, charge });
        self.in_progress.admitted(slot, self.counters.admissions);
        if self.listens {
            self.in_progress.hears(slot, news);
        }
        self.agenda.push(ends, What::end(slot));
    }

    /// An attempt ends: what it holds is settled, and its client hears of it.
    #[inline(always)]
    fn settle(&mut self, slot: u32, now: SimTime) {
        let flight = self.in_progress.flights.get_mut(slot);
        let charge = flight.charge;
        let reservation = std::mem::take(&mut flight.reservation);
        let held = reservation.held();
        self.in_progress.flights.free(slot);
        self.quota.settle(now, reservation, charge.tokens());
        self.in_flight.subtract(1);
        self.reserved.subtract(held);
        self.counters.charged += charge.tokens();
        self.counters.counted_open -= u64::from(charge.ends_counted());
        if self.listens {
            self.answered(slot, now);
        }
    }

    /// A client hears that an attempt has succeeded.
    #[inline(never)]
    fn answered(&mut self, slot: u32, now: SimTime) {
        let News { client, request, output } = self.in_progress.news[slot as usize];
        if client == News::UNHEARD.client {
            return;
        }
        if self.workload.books_end() {
            let call = if request == NOWHERE { Call::default() } else { self.in_progress.waiting.get(request).call };
            self.client.after_success(&mut self.states[client as usize], &call, now);
        }
        if request != NOWHERE {
            self.in_progress.waiting.free(request);
        }
        if self.workload.held_back {
            self.rate_moved(0, client, now);
            self.held_back.learn(0, output);
        }
        if !self.slots.is_empty() {
            self.give_slot_back(client, now);
        }
    }
}

impl Orders for InProgress {
    fn order_of(&self, what: What) -> u64 {
        let slot = what.slot();
        if what.is_end() {
            self.admissions[slot as usize]
        } else if slot & NO_REQUEST == 0 {
            self.tickets[slot as usize]
        } else if what.is_timeout() {
            self.alarms.order_of(slot)
        } else {
            self.wakes.get(slot & !NO_REQUEST).order
        }
    }
}

impl InProgress {
    #[inline(always)]
    fn admitted(&mut self, slot: u32, order: u64) {
        let place = slot as usize;
        if place == self.admissions.len() {
            self.admissions.push(order);
        } else {
            self.admissions[place] = order;
        }
    }

    #[inline(always)]
    fn hears(&mut self, slot: u32, news: News) {
        let place = slot as usize;
        if place >= self.news.len() {
            self.news.resize(place + 1, News::default());
        }
        self.news[place] = news;
    }
}

impl Charge {
    const COUNTED: u64 = 1 << 63;

    #[inline(always)]
    fn new(tokens: u64, ends_counted: bool) -> Charge {
        Charge(tokens | if ends_counted { Charge::COUNTED } else { 0 })
    }

    #[inline(always)]
    fn tokens(self) -> u64 {
        self.0 & !Charge::COUNTED
    }

    #[inline(always)]
    fn ends_counted(self) -> bool {
        self.0 & Charge::COUNTED != 0
    }
}
