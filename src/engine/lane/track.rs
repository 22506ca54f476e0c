//! What both loops of a lane run on: a quota, the calendar with all ends on it, and what is in flight.
//!
//! An end carries all that there is to know of its attempt along ([`Load`]), so that nothing has to be looked up for it,
//! and is found again by the number of the admission, of which the calendar keeps the low bits.

use super::agenda::Agenda;
use super::entry::{Entry, What};
use super::load::Load;
use super::stretch::{Sums, Unrest};
use crate::admission::{self, Admit, Reservation};
use crate::engine::gauge::Gauge;
use crate::engine::marks::Marks;
use crate::engine::observer::Observer;
use crate::engine::simulation::Simulation;
use crate::engine::source::OpenSource;
use crate::tally::Ledger;
use crate::units::SimTime;
use std::collections::BTreeMap;

/// What is on the way between two marks.
#[derive(Debug, Default)]
pub(super) struct Course {
    pub(super) agenda: Agenda,
    /// Admitted attempts whose load is large, by the low bits of their number: the number, what they hold and will be charged.
    pub(super) large: BTreeMap<u32, [u64; 3]>,
    /// What ends take beyond what was held for them, of all attempts in flight [quota tokens].
    pub(super) overdraft: u64,
    /// How many events on the agenda are not ends.
    pub(super) others: u64,
    /// What ends in a stretch and is in no cell, and in which slice each.
    pub(super) far: Vec<(Entry, u64)>,
    pub(super) unrest: Unrest,
    pub(super) sums: Sums,
}

impl Course {
    /// Closes the books: what is still in flight stays on them.
    pub(super) fn close(self, ledger: &mut Ledger) {
        for (what, load) in self.agenda.events() {
            if what.is_end() && !load.is_large() {
                ledger.reopen(load.held(), load.charge());
            }
        }
        for [_, held, charge] in self.large.into_values() {
            ledger.reopen(held, charge);
        }
    }
}

/// The state of a replication between two marks, as far as both loops know it.
pub(super) struct Track<'s, 'a, A> {
    pub(super) quota: A,
    pub(super) course: &'s mut Course,
    pub(super) source: &'s mut OpenSource<'a>,
    pub(super) marks: &'s Marks,
    pub(super) moved: Moved,
}

/// What changes all the time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moved {
    /// Of the workload, of its pool and of everything.
    pub(super) in_flight: Gauge,
    pub(super) reserved: Gauge,
    pub(super) admissions: u64,
    pub(super) waits: u64,
    pub(super) counted_open: u64,
    /// Quota tokens.
    pub(super) charged: u64,
    /// Events that are neither an arrival nor an end.
    pub(super) wakes: u64,
}

/// The number of an admission from its low bits: the last one with these.
#[inline(always)]
pub(super) fn number_of(low: u32, admissions: u64) -> u64 {
    admissions.wrapping_sub(admissions.wrapping_sub(u64::from(low)) & u64::from(What::MOST_SLOT))
}

impl<A: Admit> Track<'_, '_, A> {
    /// An admitted attempt, which holds so much and will be charged so much, is under way; its number.
    #[inline(always)]
    pub(super) fn depart(&mut self, ends: SimTime, held: u64, charge: u64, load: Load) -> u64 {
        let number = self.moved.admissions;
        let low = number as u32 & What::MOST_SLOT;
        if load.is_large() {
            self.course.large.insert(low, [number, held, charge]);
        }
        self.moved.admissions += 1;
        self.moved.in_flight.add(1);
        self.moved.reserved.add(held);
        self.course.overdraft += charge.saturating_sub(held);
        self.course.agenda.push(ends, What::end(low), load);
        number
    }

    /// An attempt ends: what it holds is settled. Its number.
    #[inline(always)]
    pub(super) fn settle(&mut self, due: Entry, now: SimTime) -> u64 {
        let (low, load) = (due.what().slot(), due.load);
        let [number, held, charge] = if load.is_large() {
            self.take_large(low)
        } else {
            [number_of(low, self.moved.admissions), load.held(), load.charge()]
        };
        self.quota.settle(now, Reservation::new(SimTime::ZERO, held, admission::Entry(number)), charge);
        self.moved.in_flight.subtract(1);
        self.moved.reserved.subtract(held);
        self.moved.charged += charge;
        self.moved.counted_open -= u64::from(load.is_counted());
        self.course.overdraft -= charge.saturating_sub(held);
        number
    }

    #[cold]
    fn take_large(&mut self, low: u32) -> [u64; 3] {
        self.course.large.remove(&low).expect("it is kept until it ends")
    }

    /// Something will happen that is not an end.
    #[inline(always)]
    pub(super) fn push_other(&mut self, at: SimTime, what: What) {
        self.course.others += 1;
        self.course.agenda.push(at, what, Load::default());
    }
}

/// For clients that do nothing when an attempt has ended.
pub(super) fn nobody_hears(_at: SimTime, _number: u64, _load: Load) {}

impl<O: Observer> Simulation<'_, O> {
    /// What a lane goes on with.
    pub(super) fn moved(&self) -> Moved {
        let pool = &self.pools[usize::from(self.engine.routes[0].pool)];
        Moved {
            in_flight: self.in_flight,
            reserved: pool.reserved,
            admissions: self.admissions,
            waits: self.waits,
            counted_open: self.counted_open,
            charged: pool.charged,
            wakes: 0,
        }
    }

    /// What has become of that in a lane in which so many requests have arrived.
    pub(super) fn move_on(&mut self, moved: Moved, arrived: u64) {
        let Moved { in_flight, reserved, admissions, waits, counted_open, charged, wakes } = moved;
        let admitted = admissions - self.admissions;
        let ended = self.in_flight.now() + admitted - in_flight.now();
        // Each arrival, each wake and each end is an event.
        self.tally.events += arrived + wakes + ended;
        self.in_flight = in_flight;
        self.workloads_in_flight[0] = in_flight;
        let pool = &mut self.pools[usize::from(self.engine.routes[0].pool)];
        (pool.in_flight, pool.reserved, pool.charged) = (in_flight, reserved, charged);
        pool.admitted += admitted;
        (self.admissions, self.waits, self.counted_open) = (admissions, waits, counted_open);
    }
}
