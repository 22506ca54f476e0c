//! Slices of time in which nothing can go wrong, lived through at once.
//!
//! Where every attempt of a slice is admitted in whichever order things happen, only sums are left to compute: what the
//! limiter holds afterwards ([`Batch`]), what is in flight, what has been charged. Whatever could depend on the order
//! sends the slice back to be lived through event by event: a retry, an attempt that ends in the slice in which it
//! begins, a new peak, a mark, a full cell.
//!
//! *Why*: an event by itself costs two branches that nobody can predict, and a place in the order of all.

use super::agenda::What;
use super::{Charge, Flight, Lane, News};
use crate::admission::{Admit, BATCH, Batch};
use crate::engine::request::NOWHERE;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// Lives through the next slice, if all of it is before `mark` and order cannot matter; whether it has.
    #[inline(always)]
    pub(super) fn calm_slice(&mut self, mark: SimTime) -> bool {
        let Some(slice) = self.agenda.next_slice() else { return false };
        let (from, until) = (slice.from, SimTime(slice.from.0 + slice.width));
        let place = self.source.place;
        let columns = self.source.columns.as_ref().expect("a plain workload has columns");
        let times = &self.source.times[place..self.source.len];
        if until > mark || times.first().is_none_or(|&at| at < from.0) {
            return false;
        }

        let number = self.source.number();
        let ends = &columns.ends[place..];
        let costs = &columns.reservation[place..];
        let (mut attempts, mut reserved, mut first_end) = (0, 0, SimTime::MAX);
        loop {
            // More may arrive after the last of a block.
            let Some(&at) = times.get(attempts) else { return false };
            if at >= until.0 {
                break;
            }
            if columns.foresight.special[place + attempts] {
                return false;
            }
            if self.greets && !self.has_room(number + attempts as u64) {
                return false;
            }
            first_end = first_end.min(ends[attempts]);
            reserved += costs[attempts];
            attempts += 1;
        }
        let small = attempts <= BATCH && attempts + slice.len > 0;
        let no_peak = self.in_flight.has_been_at(attempts as u64) && self.reserved.has_been_at(reserved);
        if !small || first_end < until || !no_peak || !self.quota.begin_batch(from, until, reserved) {
            return false;
        }

        let mut refunds = [0; BATCH];
        let (mut returned, mut overdrawn) = (0, 0);
        let (mut released, mut charged, mut counted_ended) = (0, 0, 0);
        for (refund, &entry) in refunds.iter_mut().zip(slice.entries).take(slice.len) {
            let what = What::of_entry(entry);
            if !what.is_end() || (self.greets && self.is_waited_for(what.slot())) {
                return false;
            }
            let Flight { reservation, charge } = self.in_progress.flights.get(what.slot());
            *refund = self.quota.comes_back(reservation, charge.tokens());
            returned += (*refund).max(0);
            overdrawn -= (*refund).min(0);
            released += reservation.held();
            charged += charge.tokens();
            counted_ended += u64::from(charge.ends_counted());
        }
        let (Some(made), Some(costs)) = (self.source.times[place..].first_chunk(), costs.first_chunk()) else {
            return false;
        };
        let batch = Batch {
            from,
            until,
            attempts,
            made,
            costs,
            reserved,
            ends: slice.len,
            ended: slice.entries,
            refunds: &refunds,
            returned,
            overdrawn,
        };
        let flights = &self.in_progress.flights;
        let entry_of = |end: usize| flights.get(What::of_entry(slice.entries[end]).slot()).reservation.entry();
        let Some(admitted) = self.quota.admit_all(&batch, entry_of) else { return false };

        self.in_flight.shift(attempts as u64, slice.len as u64);
        self.reserved.shift(reserved, released);
        self.counters.charged += charged;
        self.counters.counted_open -= counted_ended;
        let cell = self.agenda.pass_slice();
        for &entry in cell.entries() {
            let slot = What::of_entry(entry).slot();
            self.in_progress.flights.free(slot);
            if self.listens {
                // Nothing fails in between, so it does not matter in which order successes are booked.
                self.answered(slot, until);
            }
        }
        let counted = from >= self.marks.warmup();
        self.counters.counted_open += if counted { attempts as u64 } else { 0 };
        for attempt in place..place + attempts {
            let columns = self.source.columns.as_ref().expect("a plain workload has columns");
            let (cost, charge, ends) = (columns.reservation[attempt], columns.charge[attempt], columns.ends[attempt]);
            let charge = Charge::new(charge, counted && ends <= self.marks.patience());
            let reservation = admitted.reservation(attempt - place, SimTime(self.source.times[attempt]), cost);
            let slot = self.in_progress.flights.insert(Flight { reservation, charge });
            self.counters.admissions += 1;
            self.in_progress.admitted(slot, self.counters.admissions);
            if self.listens {
                let client = self.workload.client_of(self.source.first() + attempt as u64);
                self.in_progress
                    .hears(slot, News { client, request: NOWHERE, output: self.source.tokens.capped[attempt] });
            }
            if self.greets {
                self.greet(self.workload.client_of(self.source.first() + attempt as u64));
            }
            self.agenda.push(ends, What::end(slot));
        }
        self.source.place += attempts;
        true
    }
}
