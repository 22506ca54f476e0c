//! The fast lane: one workload of open arrivals on one pool.
//!
//! Most scenarios ask about one application, which has no fallback. Then most events are an arrival, an end or a retry,
//! and all that they touch is known beforehand. A [`Lane`] runs such a replication from mark to mark with the limiter
//! known at compile time and the state that changes side by side: an attempt in flight is sixteen bytes on the calendar,
//! the record of a request that waits two cache lines. What it does to the books is what the general loop does; a test
//! compares the two, tally by tally.
//!
//! *Map*: `mod` carries what most requests are, admitted at once and answered; `slow` the attempts that are not plain,
//! `waiting` the records of their requests and their waits; `slots` concurrency caps, `held_back` paces and limiters,
//! `paced` a gateway that nothing else stands in front of, with the `departures` from it, their `prices`, and `departing`
//! for many at once, as far as the mean of answers has `leeway`; `rationed` the limiter of a client with nothing else,
//! with a `newcomer` for each that waits, its `sendings` while all is known that happens, and the `responses` that it hears
//! while it does nothing yet; `alarms` the deadlines of those that wait there; `hearers` who is told of an
//! end, `outputs` what of it where nothing else matters, `first_tokens` the successes of streams. Clients that remember
//! nothing have a loop of their own in `repeating`, with `walk` for the events of a slice and `trials` for what its
//! attempts may need; `staying` has those of whose requests a few are given up, or whose retries draw on a quota, with
//! `refills` for what streams give back to it, or who have caps, for which `holders` knows whose slots are taken. All run
//! on a `track`, which `stretch` takes through many slices at once, `calm` those whose clients do something meanwhile;
//! `agenda` is its calendar, with `cells` for its slices, an `entry` for each event and a `load` on each end, `ranks`
//! puts a slice in order. What stays to the general loop: several workloads, fallbacks, closed loops and sessions, quotas
//! of an account, responses whose reservation or end unfolds while they run, and streams under an SDK's limiter.
//!
//! *Why*: the general loop finds out again for every event which workload, pool, account, quota, client and fate it
//! concerns. *Measured* with what `mod` carries alone: a request of the benchmark `low 100` takes half of the time here.

mod agenda;
mod alarms;
mod calm;
mod cells;
mod departing;
mod departures;
mod entry;
mod first_tokens;
mod hearers;
mod held_back;
mod holders;
mod leeway;
mod load;
mod newcomer;
mod outputs;
mod paced;
mod prices;
mod ranks;
mod rationed;
mod refills;
mod repeating;
mod responses;
mod sendings;
mod slots;
mod slow;
mod staying;
mod stretch;
mod track;
mod trials;
mod waiting;
mod walk;

pub(super) use load::Load;
pub(super) use trials::MOST_STREAMED;

use super::block_count::Books;
use super::compiled::{CompiledWorkload, Engine, Flow};
use super::draws::LatencyKeys;
use super::event::Event;
use super::faults::FaultKeys;
use super::first_attempt::Verdict;
use super::held_back::HeldBack;
use super::marks::Marks;
use super::observer::Observer;
use super::request::NOWHERE;
use super::simulation::{ClientSlots, Clients, PoolState, Simulation};
use super::slab::Slab;
use super::source::OpenSource;
use crate::admission::{Admission, Admit, Meter, OneQuota};
use crate::client::{Client, ClientState};
use crate::model::Pool;
use crate::random::Key;
use crate::tally::{FlowTally, Health, Tally};
use crate::units::SimTime;
use agenda::Orders;
use alarms::{Alarms, NO_REQUEST};
use entry::{Entry, Moment, What};
use first_tokens::FirstTokens;
use hearers::Hearers;
use held_back::Wake;
use outputs::Outputs;
use paced::Queue;
use rationed::Rationed;
use refills::Refills;
use repeating::RepeatingState;
use track::{Course, Track, number_of};
use trials::Trial;
use waiting::Waiting;

/// What is in progress in a lane.
#[derive(Debug, Default)]
pub(super) struct LaneState {
    course: Course,
    in_progress: InProgress,
    /// Requests that stay in their blocks, where clients have a ladder; in place of the others, if there cannot be any.
    repeating: Option<Box<RepeatingState>>,
    /// Requests that wait for send tokens and for nothing else; in place of a line.
    rationed: Option<Box<Rationed>>,
    /// Where a gateway's queue stays in its blocks.
    queue: Option<Box<Queue>>,
}

/// Requests that wait, or for whose end somebody waits.
#[derive(Debug, Default)]
struct InProgress {
    hearers: Hearers,
    outputs: Outputs,
    waiting: Slab<Waiting>,
    /// By slot of `waiting`, the number of the current wait; zero outside of one.
    tickets: Vec<u64>,
    wakes: Slab<Wake>,
    alarms: Alarms,
    first_tokens: FirstTokens,
    /// In their place where requests stay in their blocks.
    refills: Option<Refills>,
    /// How many requests wait for a slot under their client's cap.
    in_line: u64,
}

impl LaneState {
    pub(super) fn new(engine: &Engine<'_>, marks: &Marks, source: &OpenSource<'_>, backoff: Key) -> LaneState {
        let workload = &engine.workloads[0];
        // A batch is not to wait for what a block still waits for.
        let ladder = workload.ladder.as_ref().filter(|_| !marks.are_cut());
        let (streams, is_capped) = (workload.books_first_token, workload.model.concurrency.is_some());
        let repeating = ladder.map(|ladder| Box::new(RepeatingState::new(source, ladder, backoff, streams, is_capped)));
        let refills = ladder.filter(|_| streams).map(|ladder| Refills::new(ladder.cost()));
        let clients = if streams && refills.is_none() { workload.model.clients as usize } else { 0 };
        let first_tokens = FirstTokens::new(clients);
        LaneState {
            in_progress: InProgress { first_tokens, refills, ..InProgress::default() },
            repeating,
            rationed: Rationed::suits(workload, &engine.flows[0]).then(Box::default),
            ..LaneState::default()
        }
    }
}

/// Who hears that an attempt has succeeded.
#[derive(Debug, Clone, Copy)]
struct News {
    client: u32,
    /// Its record, if it has one.
    request: u32,
    /// Tokens of the answer.
    output: u32,
}

impl Default for News {
    /// Of the only client, and a request that has succeeded at once.
    fn default() -> News {
        News { client: 0, request: NOWHERE, output: 0 }
    }
}

impl News {
    /// The client has given the attempt up.
    const UNHEARD: News = News { client: u32::MAX, request: NOWHERE, output: 0 };
}

/// The state of a replication between two marks, with everything that its events touch side by side.
#[expect(clippy::struct_excessive_bools, reason = "independent facts, each asked on its own in the event loop")]
struct Lane<'s, 'a, A> {
    track: Track<'s, 'a, A>,
    in_progress: &'s mut InProgress,
    repeating: Option<&'s mut RepeatingState>,
    rationed: Option<&'s mut Rationed>,
    queue: &'s mut Option<Box<Queue>>,
    tally: &'s mut FlowTally,
    health: &'s mut Option<Health>,
    pool: &'s mut PoolState,
    pool_model: &'a Pool,
    held_back: &'s mut HeldBack,
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
    /// Requests stay in their blocks that meet an unavailable service.
    stays_if_unavailable: bool,
    /// What a retry of a request that stays in its block takes from the retry quota.
    retry_cost: u32,
    /// All that it does for requests that succeed at once is the same, whichever they are.
    all_alike: bool,
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
        let course = &mut state.course;
        if let Some(state) = &mut state.repeating
            && workload.only_repeats()
        {
            return self.repeating_lane(quota, state, course);
        }
        let moved = self.moved();
        let Clients { states, slots, backoff, waiters, latency_keys, faults, .. } = &mut self.clients[0];
        let Tally { flows, health, .. } = &mut self.tally;
        // Slots of requests that stay in their blocks are counted apart, if at all.
        let capped = workload.model.concurrency.is_some() && state.repeating.is_none();
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let arrived = source.number();
        let is_rationed = state.rationed.is_some();
        let stays_if_unavailable = source.block().columns().foresight.tells_unavailable;
        let greets = capped || workload.held_back || workload.client.saves_up();
        let mut lane = Lane {
            careful: greets || source.any_special(),
            track: Track { quota, course, source, marks: &self.marks, moved },
            in_progress: &mut state.in_progress,
            repeating: state.repeating.as_deref_mut(),
            rationed: state.rationed.as_deref_mut(),
            queue: &mut state.queue,
            tally: &mut flows[0],
            health,
            pool: &mut self.pools[usize::from(engine.routes[0].pool)],
            pool_model: &engine.scenario.pools[engine.flows[0].pool],
            held_back: &mut self.held_back,
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
            greets,
            stays_if_unavailable,
            listens: capped || workload.held_back || workload.books_end(),
            retry_cost: workload.retry_cost(),
            all_alike: workload.model.clients == 1 && !capped && (!workload.held_back || is_rationed),
        };
        // A change of the quota may have woken a line at the mark.
        while let Some(event) = self.calendar.pop_before(Event::NEVER) {
            lane.adopt(event);
        }
        lane.run();
        let Track { source, moved, .. } = lane.track;
        let arrived = source.number() - arrived;
        self.move_on(moved, arrived);
    }

    /// Closes the books of a lane.
    pub(super) fn close_lane(&mut self, mut state: LaneState) {
        if let Some(state) = &mut state.repeating {
            self.close_repeating(state);
        }
        if let Some(rationed) = &mut state.rationed {
            self.close_rationed(rationed);
        }
        state.course.close(&mut self.tally.flows[0].ledger);
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    fn run(&mut self) {
        let mark = self.track.marks.next().at();
        let past_horizon = self.track.marks.past_horizon();
        // What holds requests back wants to see them one by one.
        let may_be_calm = !past_horizon && !self.workload.held_back;
        if let Some(queue) = self.gateway_queue() {
            self.run_paced(mark, queue);
            return;
        }
        if let Some(rationed) = self.rationed.take() {
            self.run_rationed(mark, rationed);
            return;
        }
        if past_horizon && self.track.moved.counted_open == 0 {
            return;
        }
        if self.repeating.is_some() {
            self.run_repeating(mark, may_be_calm);
            return;
        }
        loop {
            if may_be_calm && self.live_through_stretch(mark) {
                continue;
            }
            let arrival = self.track.source.next_time();
            // A mark comes before everything at its instant, an arrival after.
            let moment = Moment::before(mark.min(SimTime(arrival.0 + 1)));
            while let Some((at, due)) = self.next_before(moment) {
                self.happens(due, at);
                if past_horizon && self.track.moved.counted_open == 0 {
                    return;
                }
            }
            if arrival >= mark {
                return;
            }
            self.arrive(arrival);
        }
    }

    /// What is due happens.
    #[inline(always)]
    fn happens(&mut self, due: Entry, at: SimTime) {
        let what = due.what();
        if what.is_end() {
            let number = self.track.settle(due, at);
            if self.listens {
                self.answered(number, due.load, at);
            }
            let holder = self.holders().filter(|holders| holders.are_counted).map(|holders| holders.request_of(number));
            self.holder_is_done(holder, at);
        } else {
            self.track.course.others -= 1;
            if what.is_retry() {
                debug_assert!(what.slot() & NO_REQUEST == 0, "no request stays in its block here");
                self.retry(what.slot(), at);
            } else {
                self.wakes(what, at);
            }
        }
    }

    /// Takes out what is due next, if it is due before this moment.
    #[inline(always)]
    fn next_before(&mut self, moment: Moment) -> Option<(SimTime, Entry)> {
        let in_order = InOrder::new(self.in_progress, self.repeating.as_deref(), self.track.moved.admissions);
        self.track.course.agenda.pop_before(moment, &in_order)
    }

    /// Lives through as many of the next slices as it can; whether through any.
    #[inline(always)]
    fn live_through_stretch(&mut self, mark: SimTime) -> bool {
        self.may_try_stretch() && self.try_to_live_through(mark)
    }

    /// Whether all events of a slice have passed, and it is time to try to live through the next.
    #[inline(always)]
    fn may_try_stretch(&mut self) -> bool {
        let Course { agenda, unrest, .. } = &mut *self.track.course;
        agenda.is_through() && !unrest.lasts()
    }

    /// A request arrives and makes its first attempt.
    #[inline(always)]
    fn arrive(&mut self, now: SimTime) {
        let place = self.track.source.place;
        let counted = now >= self.track.marks.warmup();
        self.track.moved.counted_open += u64::from(counted);
        if self.careful {
            self.careful_arrival(place, now, counted);
        } else {
            self.first_attempt(place, now, counted);
        }
        self.track.source.place += 1;
        if self.track.source.place == self.track.source.end {
            self.block_has_left(now);
        }
    }

    /// All requests of a block have made their first attempts, or have records of their own.
    fn block_has_left(&mut self, now: SimTime) {
        if self.workload.books_first_token {
            self.block_of_streams_ends(now);
        }
        self.count_block(self.track.source.current);
        self.track.source.refill();
        self.careful = self.greets || self.track.source.any_special();
    }

    /// Counts a block whose requests are all decided or have records of their own.
    fn count_block(&mut self, block: usize) {
        let books = Books { tally: self.tally, pool: self.pool, health: self.health };
        self.track.source.count_block(block, self.has_ttft, self.track.marks, books);
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
        if self.track.source.block().columns().foresight.at_once.is[place] {
            self.special_arrival(place, now, counted);
        } else {
            self.first_attempt(place, now, counted);
        }
    }

    /// A first attempt that meets nothing but the quota.
    #[inline(always)]
    fn first_attempt(&mut self, place: usize, now: SimTime, counted: bool) {
        let columns = self.track.source.block_mut().columns_mut();
        let (cost, charge, ends) = (columns.reservation[place], columns.charge[place], columns.ends[place]);
        match self.track.quota.admit(now, cost) {
            Admission::Admitted(_) => {
                columns.verdicts[place] = Verdict::Admitted;
                let load = columns.outlook.loads[place].counted(counted && ends <= self.track.marks.patience());
                let news = (self.listens && !self.all_alike).then(|| self.news_of_next());
                self.depart(ends, cost, charge, load, news, self.track.source.number());
            }
            Admission::Refused(refusal) => {
                columns.verdicts[place] = Verdict::Refused;
                self.refused_at_first(place, now, counted, refusal.counted_under);
            }
        }
    }

    /// What is said when the first attempt of the next request succeeds.
    #[inline(always)]
    fn news_of_next(&self) -> News {
        let source = &self.track.source;
        let (client, output) = (self.workload.client_of(source.number()), source.block().tokens.capped[source.place]);
        News { client, request: NOWHERE, output }
    }

    /// An admitted attempt is under way, of the request of the number `holder` if its end frees a slot.
    #[inline(always)]
    fn depart(&mut self, ends: SimTime, held: u64, charge: u64, load: Load, news: Option<News>, holder: u64) {
        let number = self.track.depart(ends, held, charge, load);
        if let Some(news) = news {
            self.in_progress.hearers.insert(number, news);
        }
        if let Some(holders) = self.holders() {
            holders.put(number, holder);
        }
    }
}

/// Tells simultaneous events apart.
struct InOrder<'p> {
    in_progress: &'p InProgress,
    trials: &'p [Trial],
    admissions: u64,
}

impl<'p> InOrder<'p> {
    fn new(in_progress: &'p InProgress, repeating: Option<&'p RepeatingState>, admissions: u64) -> InOrder<'p> {
        let trials = repeating.map_or(&[][..], |repeating| &repeating.progress.trials.all);
        InOrder { in_progress, trials, admissions }
    }
}

impl Orders for InOrder<'_> {
    fn order_of(&self, what: What) -> u64 {
        let (slot, in_progress) = (what.slot(), self.in_progress);
        if what.is_end() {
            number_of(slot, self.admissions)
        } else if slot & NO_REQUEST == 0 {
            in_progress.tickets[slot as usize]
        } else if what.is_retry() {
            self.trials[(slot & !NO_REQUEST) as usize].ticket
        } else if what.is_timeout() {
            in_progress.alarms.order_of(slot)
        } else {
            in_progress.wakes.get(slot & !NO_REQUEST).order
        }
    }
}
