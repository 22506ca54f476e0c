//! A pool with nothing but a tokens quota, with the limiter known at compile time.

use super::batch::{AllAdmitted, Batch};
use super::gate::{Admission, Gate, Refusal, Reservation, Settlement};
use super::limiter::{Entry, Limiter};
use crate::model::QuotaName;
use crate::units::SimTime;

/// Admits and settles the attempts on a pool that shares no daily quota with others.
pub trait Admit {
    /// Admits an attempt that reserves `cost` quota tokens, or refuses it.
    fn admit(&mut self, now: SimTime, cost: u64) -> Admission;

    /// The attempt has ended.
    fn settle(&mut self, now: SimTime, reservation: Reservation, settlement: Settlement);

    /// As [`Limiter::begin_batch`]; how many attempts there are, and what they ask for together.
    fn begin_batch(&mut self, from: SimTime, until: SimTime, attempts: u64, reserved: u64) -> bool;

    /// As [`Limiter::comes_back`].
    fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64;

    /// As [`Limiter::admit_all`].
    fn admit_all(&mut self, batch: &Batch<'_>, entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted>;
}

impl Admit for &mut Gate {
    #[inline(always)]
    fn admit(&mut self, now: SimTime, cost: u64) -> Admission {
        Gate::admit(self, now, cost, None)
    }

    #[inline(always)]
    fn settle(&mut self, now: SimTime, reservation: Reservation, settlement: Settlement) {
        Gate::settle(self, now, reservation, settlement, None);
    }

    #[inline(always)]
    fn begin_batch(&mut self, from: SimTime, until: SimTime, attempts: u64, reserved: u64) -> bool {
        Gate::begin_batch(self, from, until, attempts, reserved)
    }

    #[inline(always)]
    fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64 {
        Gate::comes_back(self, reservation, charge)
    }

    #[inline(always)]
    fn admit_all(&mut self, batch: &Batch<'_>, entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted> {
        Gate::admit_all(self, batch, entry_of)
    }
}

/// The only quota of a pool.
#[derive(Debug)]
pub struct OneQuota<'g, L> {
    pub(super) meter: &'g mut L,
    pub(super) name: QuotaName,
}

impl<'g, L: Limiter> OneQuota<'g, L> {
    /// The quota of this name, enforced by `meter`.
    pub fn new(meter: &'g mut L, name: QuotaName) -> OneQuota<'g, L> {
        OneQuota { meter, name }
    }
}

impl<L: Limiter> Admit for OneQuota<'_, L> {
    #[inline(always)]
    fn admit(&mut self, now: SimTime, cost: u64) -> Admission {
        if self.meter.fits(now, cost) {
            let entry = self.meter.take(now, cost);
            Admission::Admitted(Reservation { at: now, held: cost, entry })
        } else {
            let never = self.meter.capacity() < cost;
            let counted_under = if never { QuotaName::Unsatisfiable } else { self.name };
            Admission::Refused(Refusal { counted_under })
        }
    }

    #[inline(always)]
    fn settle(&mut self, now: SimTime, reservation: Reservation, settlement: Settlement) {
        let Reservation { at, held, entry } = reservation;
        self.meter.settle(now, at, entry, held, settlement.charge);
    }

    #[inline(always)]
    fn begin_batch(&mut self, from: SimTime, until: SimTime, _attempts: u64, reserved: u64) -> bool {
        self.meter.begin_batch(from, until, reserved)
    }

    #[inline(always)]
    fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64 {
        self.meter.comes_back(reservation, charge)
    }

    #[inline(always)]
    fn admit_all(&mut self, batch: &Batch<'_>, entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted> {
        self.meter.admit_all(batch, entry_of)
    }
}
