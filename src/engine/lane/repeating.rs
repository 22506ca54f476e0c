//! The loop for clients that remember nothing: a request that is refused stays in its block.
//!
//! A first attempt and a repeated one are then the same thing, an attempt of a place in a block, and an event is either
//! that or an end, which carries all that there is to know of it along. What an attempt leads to is noted in columns, and
//! counted when the block is done with. Where a quota has room for whatever comes, whole stretches of time are lived
//! through at once (`stretch`); else most slices of time are, attempt by attempt (`walk`), and the others event by event.
//!
//! *Why*: over the quota most attempts are refused and repeated. A record for each of their requests, a decision of a
//! client that could remember, and counters one by one took a third of the time; and so many branches that nobody can
//! predict, between arrivals and retries on the way in, between first attempts and later ones on the way out, cost as
//! much again.

use super::agenda::{Agenda, Entry, Orders, What};
use super::calm::Unrest;
use super::load::Load;
use super::stretch::Sums;
use super::walk::Walk;
use crate::admission::{self, Admission, Admit, Reservation};
use crate::client::Ladder;
use crate::engine::block_count::Books;
use crate::engine::draws::BLOCK;
use crate::engine::gauge::Gauge;
use crate::engine::marks::Marks;
use crate::engine::observer::Observer;
use crate::engine::simulation::{PoolState, Simulation};
use crate::engine::source::OpenSource;
use crate::random::Key;
use crate::tally::{FlowTally, Tally};
use crate::units::{SimSpan, SimTime};
use std::collections::BTreeMap;

/// What is in progress, and the slice under way.
#[derive(Debug)]
pub(super) struct RepeatingState {
    progress: Progress,
    walk: Walk,
}

impl RepeatingState {
    /// Before the first of these requests arrives.
    pub(super) fn new(source: &OpenSource<'_>) -> RepeatingState {
        RepeatingState { progress: Progress::new(source), walk: Walk::default() }
    }
}

/// What is in progress.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) agenda: Agenda<Load>,
    /// By place in a block, the number of the current wait: the later it began the larger.
    pub(super) tickets: Vec<u64>,
    /// Admitted attempts whose load is large, by the low bits of their number: the number, what they hold and will be charged.
    pub(super) large: BTreeMap<u32, [u64; 3]>,
    /// What ends take beyond what was held for them, of all attempts in flight [quota tokens].
    pub(super) overdraft: u64,
    /// How many requests wait.
    pub(super) waiting: u64,
    /// What all blocks so far have in common.
    pub(super) blocks: Blocks,
    /// What ends in a stretch and is in no cell, and in which slice each.
    pub(super) far: Vec<(Entry<Load>, u64)>,
    pub(super) unrest: Unrest,
    pub(super) sums: Sums,
}

/// What all blocks so far have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// Whether they are [even](crate::engine::repeats::Outlook::even). One that is not ends walks for good.
    pub(super) even: bool,
    /// The most that a request holds [quota tokens], and the longest that one takes \[ns\].
    pub(super) most_held: u64,
    pub(super) longest: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks { even: true, most_held: 0, longest: 0 }
    }
}

impl Blocks {
    /// With the block whose requests are about to arrive.
    fn with(self, source: &OpenSource<'_>) -> Blocks {
        let outlook = &source.block().columns().outlook;
        Blocks {
            even: self.even && outlook.even,
            most_held: self.most_held.max(outlook.most_held),
            longest: self.longest.max(outlook.longest),
        }
    }
}

impl Progress {
    fn new(source: &OpenSource<'_>) -> Progress {
        Progress {
            agenda: Agenda::default(),
            tickets: Vec::new(),
            large: BTreeMap::new(),
            overdraft: 0,
            waiting: 0,
            blocks: Blocks::default().with(source),
            far: Vec::new(),
            unrest: Unrest::default(),
            sums: Sums::default(),
        }
    }
}

/// As a [`Lane`](super::Lane), for clients with a ladder.
pub(super) struct Repeating<'s, 'a, A> {
    pub(super) quota: A,
    pub(super) progress: &'s mut Progress,
    pub(super) source: &'s mut OpenSource<'a>,
    pub(super) tally: &'s mut FlowTally,
    pub(super) pool: &'s mut PoolState,
    pub(super) marks: &'s Marks,
    pub(super) ladder: &'s Ladder,
    pub(super) backoff: Key,
    has_ttft: bool,
    /// Of the workload, of its pool and of everything.
    pub(super) in_flight: Gauge,
    pub(super) reserved: Gauge,
    pub(super) admissions: u64,
    pub(super) waits: u64,
    pub(super) counted_open: u64,
    /// Quota tokens.
    pub(super) charged: u64,
    /// How many retries there were.
    pub(super) retries: u64,
}

/// An attempt of a request in a block.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) block: usize,
    pub(super) place: usize,
}

impl Place {
    #[inline(always)]
    pub(super) fn of_slot(slot: u32) -> Place {
        Place { block: slot as usize / BLOCK, place: slot as usize % BLOCK }
    }

    #[inline(always)]
    pub(super) fn slot(self) -> u32 {
        (self.block * BLOCK + self.place) as u32
    }
}

/// The number of an admission from its low bits: the last one with these.
#[inline(always)]
pub(super) fn number_of(low: u32, admissions: u64) -> u64 {
    admissions.wrapping_sub(admissions.wrapping_sub(u64::from(low)) & u64::from(What::MOST_SLOT))
}

/// Tells ends and retries of one instant apart.
struct InOrder<'p> {
    tickets: &'p [u64],
    admissions: u64,
}

impl Orders for InOrder<'_> {
    fn order_of(&self, what: What) -> u64 {
        if what.is_end() { number_of(what.slot(), self.admissions) } else { self.tickets[what.slot() as usize] }
    }
}

impl<A: Admit> Repeating<'_, '_, A> {
    /// Runs until the next mark, or until each counted request has ended if that comes first and is what matters now.
    fn run(&mut self, walk: &mut Walk) {
        let mark = self.marks.next().at();
        let past_horizon = self.marks.past_horizon();
        self.make_room();
        loop {
            let arrival = self.source.next_time();
            if self.progress.agenda.is_through() {
                let calm = !past_horizon && !self.progress.unrest.lasts() && self.live_through_stretch(mark);
                if calm || (!past_horizon && self.walk_through_slice(walk, mark)) {
                    continue;
                }
                let in_order = InOrder { tickets: &self.progress.tickets, admissions: self.admissions };
                self.progress.agenda.turn(mark.min(SimTime(arrival.0 + 1)), &in_order);
            }
            let (due_at, due) = self.progress.agenda.first();
            // What is due comes before what arrives at its instant, a mark before both.
            let arrives = arrival < due_at;
            let now = arrival.min(due_at);
            if now >= mark {
                return;
            }
            self.progress.agenda.pass(!arrives);
            let next = Place { block: self.source.current, place: self.source.place };
            // Chosen by arithmetic that the compiler cannot see through: it would branch on what arrives.
            let what = due.what().or(What::retry(next.slot()), std::hint::black_box(arrives));
            if what.is_end() {
                self.settle(due, now);
            } else {
                self.attempt(Place::of_slot(what.slot()), arrives, now);
            }
            if past_horizon && self.counted_open == 0 {
                return;
            }
        }
    }

    /// An attempt ends: what it holds is settled.
    #[inline(always)]
    fn settle(&mut self, due: Entry<Load>, now: SimTime) {
        let (slot, load) = (due.what().slot(), due.load);
        let [number, held, charge] = if load.is_large() {
            self.take_large(slot)
        } else {
            [number_of(slot, self.admissions), load.held(), load.charge()]
        };
        self.quota.settle(now, Reservation::new(SimTime::ZERO, held, admission::Entry(number)), charge);
        self.in_flight.subtract(1);
        self.reserved.subtract(held);
        self.charged += charge;
        self.counted_open -= u64::from(load.is_counted());
        self.progress.overdraft -= charge.saturating_sub(held);
    }

    #[cold]
    fn take_large(&mut self, low: u32) -> [u64; 3] {
        self.progress.large.remove(&low).expect("it is kept until it ends")
    }

    /// A request makes an attempt, its first if it has just arrived.
    #[inline(always)]
    fn attempt(&mut self, which: Place, is_first: bool, now: SimTime) {
        let place = which.place;
        let block = &mut *self.source.blocks[which.block];
        let (arrived, service, number) = (block.times[place], block.timing.service[place], block.first + place as u64);
        let columns = block.columns_mut();
        let (held, charge, load) = (columns.reservation[place], columns.charge[place], columns.outlook.loads[place]);
        let (counted, waited) = (arrived >= self.marks.warmup().0, now.0 - arrived);
        self.counted_open += u64::from(is_first & counted);
        self.retries += u64::from(!is_first);
        self.progress.waiting -= u64::from(!is_first);
        match self.quota.admit(now, held) {
            Admission::Admitted(_) => {
                let _ = columns.attempted(place, waited, is_first, u64::MAX);
                let ends = now.saturating_add(SimSpan(service));
                if load.is_large() {
                    let low = self.admissions as u32 & What::MOST_SLOT;
                    self.progress.large.insert(low, [self.admissions, held, charge]);
                }
                let what = What::end(self.admissions as u32 & What::MOST_SLOT);
                self.admissions += 1;
                self.in_flight.add(1);
                self.reserved.add(held);
                self.progress.overdraft += charge.saturating_sub(held);
                let load = load.counted(counted && ends <= self.marks.patience());
                self.progress.agenda.push_loaded(ends, what, load);
            }
            Admission::Refused(refusal) => {
                self.pool.throttled += 1;
                self.tally.throttles[refusal.counted_under as usize] += u64::from(counted);
                columns.repeats.any = true;
                let (throttles, gives_up) = columns.attempted(place, waited, is_first, 0);
                if gives_up != 0 {
                    self.counted_open -= u64::from(counted);
                } else {
                    let wait = self.ladder.wait(throttles, self.backoff.attempt_bits(number, throttles));
                    self.waits += 1;
                    self.progress.waiting += 1;
                    self.progress.tickets[which.slot() as usize] = self.waits;
                    let (at, what) = (now.saturating_add(wait), What::retry(which.slot()));
                    self.progress.agenda.push_loaded(at, what, Load::default());
                }
            }
        }
        self.source.place += usize::from(is_first);
        if self.source.place == self.source.end {
            self.block_has_arrived();
        } else {
            self.may_be_done(which.block);
        }
    }

    /// Counts a block of which all has arrived, if nothing waits any more.
    #[inline(always)]
    pub(super) fn may_be_done(&mut self, block: usize) {
        if block != self.source.current && self.source.blocks[block].columns().repeats.undecided == 0 {
            self.count_block(block);
            self.source.free.push(block);
        }
    }

    /// Counts a block whose requests are all decided.
    fn count_block(&mut self, block: usize) {
        // Who is watched has no ladder.
        let books = Books { tally: self.tally, pool: self.pool, health: &mut None };
        self.source.count_block(block, self.has_ttft, self.marks, books);
    }

    /// All requests of a block have arrived. If some wait it stays.
    #[inline(never)]
    fn block_has_arrived(&mut self) {
        if self.source.block().columns().repeats.undecided == 0 {
            self.count_block(self.source.current);
        } else {
            // Those that still wait may be walked through.
            let block = self.source.block_mut();
            let first = block.first;
            block.columns_mut().repeats.look_up_waits(self.ladder, self.backoff, first);
            self.source.keep_block();
            self.make_room();
        }
        self.source.refill();
        self.progress.blocks = self.progress.blocks.with(self.source);
    }

    /// Makes room for the tickets of all requests in blocks.
    fn make_room(&mut self) {
        let places = self.source.blocks.len() * BLOCK;
        debug_assert!(places < What::MOST_SLOT as usize, "the memory ends before");
        if self.progress.tickets.len() < places {
            self.progress.tickets.resize(places, 0);
        }
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// As [`run_lane`](Simulation::run_lane), for clients with a ladder.
    pub(super) fn repeating_lane<A: Admit>(&mut self, quota: A, ladder: &Ladder, state: &mut RepeatingState) {
        let RepeatingState { progress, walk } = state;
        let engine = self.engine;
        let Tally { flows, .. } = &mut self.tally;
        let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let (arrived, admissions) = (source.number(), self.admissions);
        let mut lane = Repeating {
            quota,
            progress,
            source,
            tally: &mut flows[0],
            marks: &self.marks,
            ladder,
            backoff: self.clients[0].backoff,
            has_ttft: engine.flows[0].latency.has_ttft(),
            in_flight: self.in_flight,
            reserved: pool.reserved,
            admissions,
            waits: self.waits,
            counted_open: self.counted_open,
            charged: pool.charged,
            retries: 0,
            pool,
        };
        lane.run(walk);
        let Repeating { in_flight, reserved, waits, counted_open, charged, retries, .. } = lane;
        let admitted = lane.admissions - admissions;
        let arrived = lane.source.number() - arrived;
        let ended = self.in_flight.now() + admitted - in_flight.now();
        self.tally.events += arrived + retries + ended;
        (self.admissions, self.waits, self.counted_open) = (admissions + admitted, waits, counted_open);
        self.in_flight = in_flight;
        self.workloads_in_flight[0] = in_flight;
        let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
        (pool.in_flight, pool.reserved, pool.charged) = (in_flight, reserved, charged);
        pool.admitted += admitted;
    }

    /// Closes the books: what is still in flight stays on them, what waits will not be decided any more.
    pub(super) fn close_repeating(&mut self, state: RepeatingState) {
        let progress = state.progress;
        let engine = self.engine;
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let has_ttft = engine.flows[0].latency.has_ttft();
        for block in 0..source.blocks.len() {
            if source.blocks[block].columns().repeats.undecided > 0 {
                let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
                let books = Books { tally: &mut self.tally.flows[0], pool, health: &mut self.tally.health };
                source.count_block(block, has_ttft, &self.marks, books);
            }
        }
        let ledger = &mut self.tally.flows[0].ledger;
        for (what, load) in progress.agenda.into_events() {
            if what.is_end() && !load.is_large() {
                ledger.reopen(load.held(), load.charge());
            }
        }
        for [_, held, charge] in progress.large.into_values() {
            ledger.reopen(held, charge);
        }
    }
}
