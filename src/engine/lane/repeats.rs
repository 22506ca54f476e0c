//! The loop for clients that remember nothing: a request that is refused stays in its block.
//!
//! A first attempt and a repeated one are then the same thing, an attempt of a place in a block, and an event is either
//! that or an end. What an attempt leads to is noted in columns, and counted when the block is done with.
//!
//! *Why*: over the quota most attempts are refused and repeated. A record for each of their requests, a decision of a
//! client that could remember, and counters one by one took a third of the time; and so many branches that nobody can
//! predict, between arrivals and retries on the way in, between first attempts and later ones on the way out, cost as
//! much again. *Measured* with callgrind: a request of the benchmark `over 100` takes 0.9 of the instructions, and 0.8 of
//! the mispredicted branches.

use super::Lane;
use super::agenda::What;
use super::alarms::NO_REQUEST;
use super::{Charge, News};
use crate::admission::{Admission, Admit};
use crate::client::Ladder;
use crate::engine::block_count::Books;
use crate::engine::draws::BLOCK;
use crate::engine::observer::Observer;
use crate::engine::simulation::Simulation;
use crate::units::{SimSpan, SimTime};

/// An attempt of a request in a block.
#[derive(Clone, Copy)]
struct Place {
    block: usize,
    place: usize,
}

impl Place {
    #[inline(always)]
    fn of_slot(slot: u32) -> Place {
        Place { block: slot as usize / BLOCK, place: slot as usize % BLOCK }
    }

    #[inline(always)]
    fn slot(self) -> u32 {
        (self.block * BLOCK + self.place) as u32
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// As `run`, for clients with a ladder.
    pub(super) fn run_repeating(&mut self, ladder: &Ladder) {
        let mark = self.marks.next().at();
        let past_horizon = self.marks.past_horizon();
        self.make_room();
        loop {
            let arrival = self.source.next_time();
            if self.agenda.is_through() {
                if !past_horizon && self.calm_slice(mark) {
                    continue;
                }
                self.agenda.turn(mark.min(SimTime(arrival.0 + 1)), self.in_progress);
            }
            let (due_at, due) = self.agenda.first().unwrap_or((SimTime::MAX, What::end(0)));
            // What is due comes before what arrives at its instant, a mark before both.
            let arrives = arrival < due_at;
            let now = arrival.min(due_at);
            if now >= mark {
                return;
            }
            self.agenda.pass(!arrives);
            let next = Place { block: self.source.current, place: self.source.place };
            // Chosen by arithmetic that the compiler cannot see through: it would branch on what arrives.
            let what = due.or(What::retry(next.slot()), std::hint::black_box(arrives));
            if what.is_end() {
                self.settle(what.slot(), now);
            } else {
                self.attempt_in_block(Place::of_slot(what.slot()), arrives, now, ladder);
            }
            if past_horizon && self.counters.counted_open == 0 {
                return;
            }
        }
    }

    /// A request makes an attempt, its first if it has just arrived.
    #[inline(always)]
    fn attempt_in_block(&mut self, which: Place, is_first: bool, now: SimTime, ladder: &Ladder) {
        let place = which.place;
        let block = &mut *self.source.blocks[which.block];
        let (arrived, service, number) = (block.times[place], block.timing.service[place], block.first + place as u64);
        let columns = block.columns_mut();
        let counted = arrived >= self.marks.warmup().0;
        let waited = now.0 - arrived;
        self.counters.counted_open += u64::from(is_first & counted);
        self.counters.wakes += u64::from(!is_first);
        match self.quota.admit(now, columns.reservation[place]) {
            Admission::Admitted(reservation) => {
                columns.admitted_after(place, waited, is_first);
                let ends = now.saturating_add(SimSpan(service));
                let charge = Charge::new(columns.charge[place], counted && ends <= self.marks.patience());
                self.depart(reservation, charge, News::default(), ends);
            }
            Admission::Refused(refusal) => {
                self.pool.throttled += 1;
                self.tally.throttles[refusal.counted_under as usize] += u64::from(counted);
                let throttles = columns.refused_after(place, waited, is_first);
                if ladder.ends_after(throttles) {
                    columns.gave_up(place);
                    self.counters.counted_open -= u64::from(counted);
                } else {
                    let wait = ladder.wait(throttles, self.backoff.attempt_bits(number, throttles));
                    self.counters.waits += 1;
                    self.in_progress.tickets[which.slot() as usize] = self.counters.waits;
                    self.agenda.push(now.saturating_add(wait), What::retry(which.slot()));
                }
            }
        }
        self.source.place += usize::from(is_first);
        if self.source.place == self.source.end {
            self.block_has_arrived();
        } else if which.block != self.source.current && self.source.blocks[which.block].columns().repeats.undecided == 0
        {
            self.count_block(which.block);
            self.source.free.push(which.block);
        }
    }

    /// All requests of a block have arrived. If some wait it stays.
    #[inline(never)]
    fn block_has_arrived(&mut self) {
        if self.source.block().columns().repeats.undecided == 0 {
            self.count_block(self.source.current);
        } else {
            self.source.keep_block();
            self.make_room();
        }
        self.source.refill();
    }

    /// Makes room for the tickets of all requests in blocks.
    fn make_room(&mut self) {
        let places = self.source.blocks.len() * BLOCK;
        debug_assert!(places < NO_REQUEST as usize, "the memory ends before");
        if self.in_progress.tickets.len() < places {
            self.in_progress.tickets.resize(places, 0);
        }
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// Counts the blocks with requests that will not be decided any more.
    pub(in crate::engine) fn count_undecided(&mut self) {
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let has_ttft = self.engine.flows[0].latency.has_ttft();
        for block in 0..source.blocks.len() {
            if source.blocks[block].columns().repeats.undecided > 0 {
                let pool = &mut self.pools[usize::from(self.engine.routes[0].pool)];
                let books = Books { tally: &mut self.tally.flows[0], pool, health: &mut self.tally.health };
                source.count_block(block, has_ttft, &self.marks, books);
            }
        }
    }
}
