//! Slices of time in which nothing can go wrong, lived through at once.
//!
//! Where every attempt of a slice is admitted in whichever order things happen, only sums are left to compute: what the
//! limiter holds afterwards ([`Stretch`]), what is in flight, what has been charged. Whatever could depend on the order
//! sends the slice back to be lived through event by event: a retry or a timeout, an attempt that ends in the slice in
//! which it begins, a new peak, a client that may run out of slots, a full cell, the end of a block.
//!
//! *Why*: an event by itself costs two branches that nobody can predict, and a place in the order of all. *Measured*: a
//! request of the benchmarks `low 100` and `sat 100` takes three quarters of the time that it takes event by event.

use super::agenda::{Entry, Slice, What};
use super::ranks::BATCH;
use super::{Charge, Flight, Lane, News};
use crate::admission::{self, Admit, End, Flows, Reservation, Stretch};
use crate::engine::request::NOWHERE;
use crate::units::SimTime;

/// What begins in a slice.
#[derive(Default)]
struct Beginning {
    attempts: usize,
    /// What they ask to reserve [quota tokens].
    reserved: u64,
}

/// How many times not to try: the more, the longer the quota had no room for all of a slice.
#[derive(Debug, Default)]
pub(super) struct Unrest {
    to_come: u32,
    last: u32,
}

impl Unrest {
    /// The most times in a row.
    const MOST: u32 = 15;

    #[inline(always)]
    pub(super) fn lasts(&mut self) -> bool {
        let lasts = self.to_come > 0;
        self.to_come -= u32::from(lasts);
        lasts
    }

    #[inline(always)]
    pub(super) fn grows(&mut self) {
        self.last = (2 * self.last + 1).min(Unrest::MOST);
        self.to_come = self.last;
    }

    #[inline(always)]
    pub(super) fn is_over(&mut self) {
        self.last = 0;
    }
}

/// What ends in a slice.
#[derive(Default)]
struct Ending {
    /// What comes back from the limiter, and what is taken by attempts that come to more than they held [quota tokens].
    returned: u64,
    overdrawn: u64,
    /// What was held, and what is charged [quota tokens].
    released: u64,
    charged: u64,
    /// Counted requests that end.
    counted: u64,
}

impl<A: Admit> Lane<'_, '_, A> {
    /// Lives through the next slice, if all of it is before `mark` and order cannot matter; whether it has.
    #[inline(always)]
    pub(super) fn calm_slice(&mut self, mark: SimTime) -> bool {
        self.agenda.is_through() && !self.unrest.lasts() && self.live_through_slice(mark)
    }

    #[inline(never)]
    fn live_through_slice(&mut self, mark: SimTime) -> bool {
        let Some(slice) = self.agenda.next_slice().filter(|slice| slice.until() <= mark) else { return false };
        let Some(beginning) = self.beginning(&slice) else { return false };
        let (from, until) = (slice.from, slice.until());
        if self.quota.make_ready(from).is_none_or(|latest| until > latest) {
            return false;
        }
        let Some(ending) = self.ending(&slice) else { return false };
        let Beginning { attempts, reserved } = beginning;
        if !self.quota.has_room(attempts as u64, reserved + ending.overdrawn) {
            self.unrest.grows();
            return false;
        }
        let (place, block) = (self.source.place, self.source.block());
        let flights = &self.in_progress.flights;
        let (returned, overdrawn) = (ending.returned, ending.overdrawn);
        let stretch = Stretch {
            from,
            width: until.0 - from.0,
            slices: &[Flows { attempts, asked: reserved, returned, overdrawn }],
            made: &block.times[place..place + attempts],
            costs: &block.columns().reservation[place..place + attempts],
            ends: |_, ends: &mut Vec<End>| {
                ends.extend(slice.entries().map(|entry| {
                    let Flight { reservation, charge } = flights.get(entry.what().slot());
                    let (held, charge) = (reservation.held(), charge.tokens());
                    End { at: entry.offset(), entry: reservation.entry(), held, charge }
                }));
            },
        };
        let first = self.quota.live_through(&stretch);

        self.unrest.is_over();
        self.in_flight.shift(attempts as u64, slice.len as u64);
        self.reserved.shift(reserved, ending.released);
        self.counters.charged += ending.charged;
        self.counters.counted_open -= ending.counted;
        let (cell, len) = self.agenda.pass_slice();
        self.end_all(cell.entries(len), until);
        self.begin_all(attempts, first, from >= self.marks.warmup());
        true
    }

    /// What begins in a slice; `None` if its order might matter.
    #[inline(always)]
    fn beginning(&self, slice: &Slice<'_, ()>) -> Option<Beginning> {
        let until = slice.until();
        let (place, number, block) = (self.source.place, self.source.number(), self.source.block());
        let (times, columns) = (&block.times[place..block.len], block.columns());
        let (ends, costs) = (&columns.ends[place..], &columns.reservation[place..]);
        let special = &columns.foresight.special[place..];
        if *times.first()? < slice.from.0 {
            return None;
        }
        let mut beginning = Beginning::default();
        let mut first_end = SimTime::MAX;
        // More may arrive after the last of a block: then there is no next time here.
        while *times.get(beginning.attempts)? < until.0 {
            let attempt = beginning.attempts;
            let crowded = attempt == BATCH || (self.greets && !self.has_room(number + attempt as u64));
            if crowded || special[attempt] {
                return None;
            }
            first_end = first_end.min(ends[attempt]);
            beginning.reserved += costs[attempt];
            beginning.attempts += 1;
        }
        let Beginning { attempts, reserved } = beginning;
        let any = attempts + slice.len > 0;
        let no_peak = self.in_flight.has_been_at(attempts as u64) && self.reserved.has_been_at(reserved);
        (any && first_end >= until && no_peak).then_some(beginning)
    }

    /// What ends in a slice; `None` if anything else happens there.
    #[inline(always)]
    fn ending(&self, slice: &Slice<'_, ()>) -> Option<Ending> {
        let mut ending = Ending::default();
        for entry in slice.entries() {
            let what = entry.what();
            if !what.is_end() || (!self.slots.is_empty() && self.is_waited_for(what.slot())) {
                return None;
            }
            let Flight { reservation, charge } = self.in_progress.flights.get(what.slot());
            let refund = self.quota.comes_back(reservation.entry(), reservation.held(), charge.tokens());
            ending.returned += refund.max(0) as u64;
            ending.overdrawn += refund.min(0).unsigned_abs();
            ending.released += reservation.held();
            ending.charged += charge.tokens();
            ending.counted += u64::from(charge.ends_counted());
        }
        Some(ending)
    }

    /// Lets all attempts of a cell end. Nothing fails meanwhile: the order in which clients hear of it does not matter.
    #[inline(always)]
    fn end_all(&mut self, entries: impl Iterator<Item = Entry<()>>, until: SimTime) {
        for entry in entries {
            let slot = entry.what().slot();
            self.in_progress.flights.free(slot);
            if self.listens {
                self.answered(slot, until);
            }
        }
    }

    /// The next attempts are under way.
    #[inline(always)]
    fn begin_all(&mut self, attempts: usize, first: admission::Entry, counted: bool) {
        self.counters.counted_open += if counted { attempts as u64 } else { 0 };
        for nth in 0..attempts {
            let place = self.source.place;
            let block = self.source.block();
            let columns = block.columns();
            let (cost, charge, ends) = (columns.reservation[place], columns.charge[place], columns.ends[place]);
            let charge = Charge::new(charge, counted && ends <= self.marks.patience());
            let entry = admission::Entry(first.0 + nth as u64);
            let reservation = Reservation::new(SimTime(block.times[place]), cost, entry);
            let slot = self.in_progress.flights.insert(Flight { reservation, charge });
            self.counters.admissions += 1;
            self.in_progress.admitted(slot, self.counters.admissions);
            if self.listens || self.greets {
                let client = self.workload.client_of(self.source.number());
                let output = block.tokens.capped[place];
                if self.listens {
                    self.in_progress.hears(slot, News { client, request: NOWHERE, output });
                }
                if self.greets {
                    self.greet(client);
                }
            }
            self.agenda.push(ends, What::end(slot));
            self.source.place += 1;
        }
    }
}
