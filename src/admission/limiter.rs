//! What every limiter can do, and the choice among them without dynamic dispatch.

use super::fixed_window::FixedWindow;
use super::in_flight::InFlight;
use super::room::Room;
use super::sliding_window::SlidingWindow;
use super::stretch::{End, Stretch, Walked};
use super::token_bucket::TokenBucket;
use crate::model::{self, Quota};
use crate::units::SimTime;

/// Enforces one per-minute quota over time. Instants never go back.
pub trait Limiter {
    /// Whether it must be told of each attempt of a [walk](Limiter::begin_walk).
    const KEEPS_A_LOG: bool = false;

    /// Whether `cost` fits now.
    fn fits(&mut self, now: SimTime, cost: u64) -> bool;

    /// Takes `cost`, which fits; the entry finds it again.
    fn take(&mut self, now: SimTime, cost: u64) -> Entry;

    /// Gives back `refund` of what was taken; a negative refund takes more.
    fn give_back(&mut self, now: SimTime, entry: Entry, refund: i64);

    /// What was taken and has come to hold `held` ends in `charge`.
    #[inline(always)]
    fn settle(&mut self, now: SimTime, entry: Entry, held: u64, charge: u64) {
        self.give_back(now, entry, held as i64 - charge as i64);
    }

    /// Makes ready for a [`Stretch`] or a walk from `from` on; when it has to end at the latest.
    fn make_ready(&mut self, from: SimTime) -> SimTime;

    /// Whether there is room for all that a stretch takes, as large as `taken` together [quota tokens], whatever comes back
    /// meanwhile; for which it has been made ready.
    fn has_room(&self, taken: u64) -> bool;

    /// For how many of its slices of `width` \[ns\] there is room, by what has been taken by the end of each [quota tokens],
    /// if that is more than [`has_room`](Limiter::has_room) tells.
    #[inline(always)]
    fn room_by_slice(&self, _from: SimTime, _width: u64, taken: &[u64]) -> usize {
        taken.partition_point(|&taken| self.has_room(taken))
    }

    /// What the end of an attempt in such a stretch, or in a walk, gives back [quota tokens]; negative where it takes more.
    /// Of an entry that has left a log by then, what it would have given back.
    #[inline(always)]
    fn comes_back(&self, _entry: Entry, held: u64, charge: u64) -> i64 {
        held as i64 - charge as i64
    }

    /// Lives through a stretch for which there is room; the entries of its attempts follow those before.
    fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>);

    /// Begins a *walk* through all that happens in `[from, until)`, for which it has been made ready, attempt by attempt, of
    /// which each says what has come back and has been taken by then ([`room`](Limiter::room)); whether that is
    /// all there is to say.
    ///
    /// No more than `returned` comes back meanwhile of attempts that are open now [quota tokens], of which `first` was made
    /// first.
    fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool;

    /// What comes back during a walk though nothing ends, and when.
    #[inline(always)]
    fn comes_back_by_itself(&self, _until: SimTime, _back: impl FnMut(SimTime, i64)) {}

    /// How much room there is during a walk that has begun.
    fn room(&self) -> Room;

    /// Ends a walk.
    fn end_walk(&mut self, walked: &Walked<'_>);

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

/// Where a limiter keeps what an attempt took: how many entries it had made before.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry(pub u64);

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
            const KEEPS_A_LOG: bool = true;

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

            #[inline(always)]
            fn has_room(&self, taken: u64) -> bool {
                match self {
                    Meter::TokenBucket(limiter) => limiter.has_room(taken),
                    Meter::FixedWindow(limiter) => limiter.has_room(taken),
                    Meter::SlidingWindow(limiter) => limiter.has_room(taken),
                    Meter::InFlight(limiter) => limiter.has_room(taken),
                }
            }

            fn room_by_slice(&self, from: SimTime, width: u64, taken: &[u64]) -> usize {
                match self {
                    Meter::TokenBucket(limiter) => limiter.room_by_slice(from, width, taken),
                    Meter::FixedWindow(limiter) => limiter.room_by_slice(from, width, taken),
                    Meter::SlidingWindow(limiter) => limiter.room_by_slice(from, width, taken),
                    Meter::InFlight(limiter) => limiter.room_by_slice(from, width, taken),
                }
            }

            #[inline(always)]
            fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64 {
                match self {
                    Meter::TokenBucket(limiter) => limiter.comes_back(entry, held, charge),
                    Meter::FixedWindow(limiter) => limiter.comes_back(entry, held, charge),
                    Meter::SlidingWindow(limiter) => limiter.comes_back(entry, held, charge),
                    Meter::InFlight(limiter) => limiter.comes_back(entry, held, charge),
                }
            }

            #[inline(always)]
            fn room(&self) -> Room {
                match self {
                    Meter::TokenBucket(limiter) => limiter.room(),
                    Meter::FixedWindow(limiter) => limiter.room(),
                    Meter::SlidingWindow(limiter) => limiter.room(),
                    Meter::InFlight(limiter) => limiter.room(),
                }
            }

            #[inline(always)]
            fn comes_back_by_itself(&self, until: SimTime, back: impl FnMut(SimTime, i64)) {
                match self {
                    Meter::TokenBucket(limiter) => limiter.comes_back_by_itself(until, back),
                    Meter::FixedWindow(limiter) => limiter.comes_back_by_itself(until, back),
                    Meter::SlidingWindow(limiter) => limiter.comes_back_by_itself(until, back),
                    Meter::InFlight(limiter) => limiter.comes_back_by_itself(until, back),
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
    give_back(&mut self, now: SimTime, entry: Entry, refund: i64);
    settle(&mut self, now: SimTime, entry: Entry, held: u64, charge: u64);
    make_ready(&mut self, from: SimTime) -> SimTime;
    begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool;
    end_walk(&mut self, walked: &Walked<'_>);
    live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>);
    penalise(&mut self, now: SimTime);
    available(&mut self, now: SimTime) -> i64;
    retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime>;
    set_limit(&mut self, now: SimTime, limit: u64);
}
