//! A pool with nothing but a tokens quota, with the limiter known at compile time.

use super::gate::{Admission, Gate, Refusal, Reservation, Settlement};
use super::limiter::{Entry, Limiter};
use super::room::Room;
use super::stretch::{End, Stretch, Walked};
use crate::model::QuotaName;
use crate::units::SimTime;

/// Admits and settles the attempts on a pool that shares no daily quota with others.
pub trait Admit {
    /// Whether it must be told of each attempt of a walk.
    const KEEPS_A_LOG: bool;
    /// Whether room comes with time ([`room_by_slice`](Admit::room_by_slice)).
    const MAKES_ROOM: bool;

    /// Admits an attempt that reserves `cost` quota tokens, or refuses it.
    fn admit(&mut self, now: SimTime, cost: u64) -> Admission;

    /// The attempt has ended, at this charge.
    fn settle(&mut self, now: SimTime, reservation: Reservation, charge: u64);

    /// As [`Limiter::make_ready`]; none where a stretch cannot be lived through at once.
    fn make_ready(&mut self, from: SimTime) -> Option<SimTime>;

    /// As [`Limiter::has_room`]; how many attempts there are, and what is taken together.
    fn has_room(&self, attempts: u64, taken: u64) -> bool;

    /// As [`Limiter::room_by_slice`].
    fn room_by_slice(&self, from: SimTime, width: u64, taken: &[u64]) -> usize;

    /// As [`Limiter::comes_back`].
    fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64;

    /// As [`Limiter::live_through`].
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>);

    /// As [`Limiter::begin_walk`]; no more than [`MOST_WALKED`](super::MOST_WALKED) attempts will be admitted.
    fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool;

    /// As [`Limiter::comes_back_by_itself`].
    fn comes_back_by_itself(&self, until: SimTime, back: impl FnMut(SimTime, i64));

    /// As [`Limiter::room`].
    fn room(&self) -> Room;

    /// As [`Limiter::end_walk`].
    fn end_walk(&mut self, walked: &Walked<'_>);

    /// The only quota that is walked through: the most that fits, and its name.
    fn walked(&self) -> (u64, QuotaName);
}

impl Admit for &mut Gate {
    const KEEPS_A_LOG: bool = true;
    const MAKES_ROOM: bool = false;

    #[inline(always)]
    fn admit(&mut self, now: SimTime, cost: u64) -> Admission {
        Gate::admit(self, now, cost, None)
    }

    #[inline(always)]
    fn settle(&mut self, now: SimTime, reservation: Reservation, charge: u64) {
        Gate::settle(self, now, reservation, Settlement { charge, billed: charge }, None);
    }

    #[inline(always)]
    fn make_ready(&mut self, from: SimTime) -> Option<SimTime> {
        Gate::make_ready(self, from)
    }

    #[inline(always)]
    fn has_room(&self, attempts: u64, taken: u64) -> bool {
        Gate::has_room(self, attempts, taken)
    }

    fn room_by_slice(&self, _from: SimTime, _width: u64, _taken: &[u64]) -> usize {
        0
    }

    #[inline(always)]
    fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64 {
        Gate::comes_back(self, entry, held, charge)
    }

    #[inline(always)]
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        Gate::live_through(self, stretch);
    }

    #[inline(always)]
    fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool {
        Gate::begin_walk(self, from, until, returned, first)
    }

    #[inline(always)]
    fn comes_back_by_itself(&self, until: SimTime, back: impl FnMut(SimTime, i64)) {
        self.walked_meter().comes_back_by_itself(until, back);
    }

    #[inline(always)]
    fn room(&self) -> Room {
        self.walked_meter().room()
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        Gate::end_walk(self, walked);
    }

    #[inline(always)]
    fn walked(&self) -> (u64, QuotaName) {
        Gate::walked(self)
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
    const KEEPS_A_LOG: bool = L::KEEPS_A_LOG;
    const MAKES_ROOM: bool = L::KEEPS_A_LOG;

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
    fn settle(&mut self, now: SimTime, reservation: Reservation, charge: u64) {
        self.meter.settle(now, reservation.entry, reservation.held, charge);
    }

    #[inline(always)]
    fn make_ready(&mut self, from: SimTime) -> Option<SimTime> {
        Some(self.meter.make_ready(from))
    }

    #[inline(always)]
    fn has_room(&self, _attempts: u64, taken: u64) -> bool {
        self.meter.has_room(taken)
    }

    #[inline(always)]
    fn room_by_slice(&self, from: SimTime, width: u64, taken: &[u64]) -> usize {
        self.meter.room_by_slice(from, width, taken)
    }

    #[inline(always)]
    fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64 {
        self.meter.comes_back(entry, held, charge)
    }

    #[inline(always)]
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        self.meter.live_through(stretch);
    }

    #[inline(always)]
    fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool {
        self.meter.begin_walk(from, until, returned, first)
    }

    #[inline(always)]
    fn comes_back_by_itself(&self, until: SimTime, back: impl FnMut(SimTime, i64)) {
        self.meter.comes_back_by_itself(until, back);
    }

    #[inline(always)]
    fn room(&self) -> Room {
        self.meter.room()
    }

    #[inline(always)]
    fn end_walk(&mut self, walked: &Walked<'_>) {
        self.meter.end_walk(walked);
    }

    #[inline(always)]
    fn walked(&self) -> (u64, QuotaName) {
        (self.meter.capacity(), self.name)
    }
}
