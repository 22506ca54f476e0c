//! What every limiter can do, and the choice among them without dynamic dispatch.

use super::batch::{AllAdmitted, Batch};
use super::fixed_window::FixedWindow;
use super::gate::Reservation;
use super::in_flight::InFlight;
use super::sliding_window::SlidingWindow;
use super::token_bucket::TokenBucket;
use crate::model::{self, Quota};
use crate::units::SimTime;

/// Enforces one per-minute quota over time. Instants never go back.
pub trait Limiter {
    /// Whether `cost` fits now.
    fn fits(&mut self, now: SimTime, cost: u64) -> bool;

    /// Takes `cost`, which fits; the entry finds it again.
    fn take(&mut self, now: SimTime, cost: u64) -> Entry;

    /// Gives back `refund` of what was taken at `taken`; a negative refund takes more.
    fn give_back(&mut self, now: SimTime, taken: SimTime, entry: Entry, refund: i64);

    /// What was taken at `taken` and has come to hold `held` ends in `charge`.
    #[inline(always)]
    fn settle(&mut self, now: SimTime, taken: SimTime, entry: Entry, held: u64, charge: u64) {
        self.give_back(now, taken, entry, held as i64 - charge as i64);
    }

    /// Makes ready for a batch of all that happens in `[from, until)`, whose attempts ask for `reserved` together;
    /// whether it may be possible to live through it at once.
    fn begin_batch(&mut self, from: SimTime, until: SimTime, reserved: u64) -> bool;

    /// What the end of an attempt in such a batch would give back; negative where it takes more.
    #[inline(always)]
    fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64 {
        reservation.held as i64 - charge as i64
    }

    /// Lives through a batch of which it admits all, if that can be seen without ordering it.
    ///
    /// `entry_of` finds the entry of an end.
    fn admit_all(&mut self, batch: &Batch<'_>, entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted>;

    /// Takes one unit for a refused attempt; a bucket stops at zero, a window counts on.
    fn penalise(&mut self, now: SimTime);

    /// The most that can ever fit at once.
    fn capacity(&self) -> u64;

    /// What fits at once now; negative after an overdraft.
    fn available(&mut self, now: SimTime) -> i64;

    /// The first instant at which `cost` fits if nothing else happens; `None` if time alone will not do.
    fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime>;

    /// The quota changes to `limit` per minute.
    fn set_limit(&mut self, now: SimTime, limit: u64);
}

/// Where a limiter keeps what an attempt took; only sliding windows need it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Entry(pub(super) u64);

/// A limiter of any kind.
#[derive(Debug, Clone)]
pub enum Meter {
    /// Continuous refill.
    TokenBucket(TokenBucket),
    /// Clock-aligned minutes.
    FixedWindow(FixedWindow),
    /// The last 60 s.
    SlidingWindow(SlidingWindow),
    /// Open reservations.
    InFlight(InFlight),
}

impl Meter {
    /// The limiter of a quota, at the start of the scenario.
    pub fn new(quota: &Quota) -> Meter {
        let limit = quota.limit_at(SimTime::ZERO);
        match quota.limiter {
            model::Limiter::TokenBucket { burst, initial_level } => {
                Meter::TokenBucket(TokenBucket::new(limit, burst, initial_level))
            }
            model::Limiter::FixedWindow { phase } => Meter::FixedWindow(FixedWindow::new(limit, phase)),
            model::Limiter::SlidingWindow => Meter::SlidingWindow(SlidingWindow::new(limit)),
            model::Limiter::InFlight => Meter::InFlight(InFlight::new(limit)),
        }
    }
}

/// Forwards every operation to the limiter inside; one predictable branch instead of a virtual call.
macro_rules! forward {
    ($($name:ident(&mut self $(, $arg:ident: $type:ty)*) $(-> $result:ty)?;)*) => {
        impl Limiter for Meter {
            $(
                #[inline(always)]
                fn $name(&mut self $(, $arg: $type)*) $(-> $result)? {
                    match self {
                        Meter::TokenBucket(limiter) => limiter.$name($($arg),*),
                        Meter::FixedWindow(limiter) => limiter.$name($($arg),*),
                        Meter::SlidingWindow(limiter) => limiter.$name($($arg),*),
                        Meter::InFlight(limiter) => limiter.$name($($arg),*),
                    }
                }
            )*

            fn comes_back(&self, reservation: &Reservation, charge: u64) -> i64 {
                match self {
                    Meter::TokenBucket(limiter) => limiter.comes_back(reservation, charge),
                    Meter::FixedWindow(limiter) => limiter.comes_back(reservation, charge),
                    Meter::SlidingWindow(limiter) => limiter.comes_back(reservation, charge),
                    Meter::InFlight(limiter) => limiter.comes_back(reservation, charge),
                }
            }

            fn capacity(&self) -> u64 {
                match self {
                    Meter::TokenBucket(limiter) => limiter.capacity(),
                    Meter::FixedWindow(limiter) => limiter.capacity(),
                    Meter::SlidingWindow(limiter) => limiter.capacity(),
                    Meter::InFlight(limiter) => limiter.capacity(),
                }
            }
        }
    };
}

forward! {
    fits(&mut self, now: SimTime, cost: u64) -> bool;
    take(&mut self, now: SimTime, cost: u64) -> Entry;
    give_back(&mut self, now: SimTime, taken: SimTime, entry: Entry, refund: i64);
    settle(&mut self, now: SimTime, taken: SimTime, entry: Entry, held: u64, charge: u64);
    begin_batch(&mut self, from: SimTime, until: SimTime, reserved: u64) -> bool;
    admit_all(&mut self, batch: &Batch<'_>, entry_of: impl Fn(usize) -> Entry) -> Option<AllAdmitted>;
    penalise(&mut self, now: SimTime);
    available(&mut self, now: SimTime) -> i64;
    retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime>;
    set_limit(&mut self, now: SimTime, limit: u64);
}
