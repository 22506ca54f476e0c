//! A line of requests that wait for something their client rations: its pace, or its send tokens.
//!
//! A line is asked for by an event of its own, not one per request: however many wait, an instant costs one event. Who
//! leaves before its turn (its deadline has passed) stays in the line as a stale entry and is dropped when met. While
//! there are none, which is known, nobody has to look at a request to see whether it still waits: where hundreds of
//! thousands do, that is a walk through memory. Those that go in any order are a [`Crowd`], the others have ranks.

use super::crowd::Crowd;
use super::event::{Class, Event};
use super::slab::MOST_SLOTS;
use crate::units::SimTime;
use std::collections::{BTreeMap, VecDeque};

/// A place in a line: the request's slot in 28 bits, and the number of its wait in 36, as in an [`Event`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiter(u64);

impl Waiter {
    const SLOT_BITS: u32 = 28;

    pub(super) fn new(slot: u32, ticket: u64) -> Waiter {
        debug_assert!(slot < MOST_SLOTS);
        Waiter((ticket << Waiter::SLOT_BITS) | u64::from(slot))
    }

    #[inline]
    pub(super) fn slot(self) -> u32 {
        self.0 as u32 & ((1 << Waiter::SLOT_BITS) - 1)
    }

    /// Whether it is the place of a request whose wait has this number.
    #[inline]
    pub(super) fn has_ticket(self, ticket: u64) -> bool {
        self.0 >> Waiter::SLOT_BITS == ticket << Waiter::SLOT_BITS >> Waiter::SLOT_BITS
    }

    /// Its place among waits that begin one after the other.
    pub(super) fn order(self) -> u64 {
        self.0 >> Waiter::SLOT_BITS
    }
}

/// Requests by rank, lowest first, and first come first served within a rank.
#[derive(Debug, Default)]
pub(super) struct Line {
    ranks: BTreeMap<u64, VecDeque<Waiter>>,
    /// How many of those in it have left.
    stale: usize,
    /// The next wake: its order, and when. Other events of this line are stale.
    wake: Option<(u64, SimTime)>,
    /// Those that go in any order, in place of ranks.
    crowd: Crowd<Waiter>,
}

impl Line {
    /// Joins the end of a rank; whether it is the first there.
    pub(super) fn join(&mut self, rank: u64, waiter: Waiter) -> bool {
        let rank = self.ranks.entry(rank).or_default();
        rank.push_back(waiter);
        rank.len() == 1
    }

    /// Who is first, once those that have left are dropped: those that do not wait here any more.
    #[inline]
    pub(super) fn first(&mut self, waits: impl Fn(Waiter) -> bool) -> Option<Waiter> {
        if self.stale == 0 {
            return self
                .ranks
                .values()
                .next()
                .and_then(|rank| rank.front())
                .copied()
                .or_else(|| self.first_left(waits));
        }
        self.first_left(waits)
    }

    /// As [`first`](Self::first), where some may have to be dropped, or a rank.
    fn first_left(&mut self, waits: impl Fn(Waiter) -> bool) -> Option<Waiter> {
        while let Some(mut rank) = self.ranks.first_entry() {
            match rank.get().front() {
                Some(&waiter) if self.stale == 0 || waits(waiter) => return Some(waiter),
                Some(_) => {
                    rank.get_mut().pop_front();
                    self.stale -= 1;
                }
                None => drop(rank.remove()),
            }
        }
        None
    }

    /// Takes out who is first.
    pub(super) fn pop(&mut self) {
        if let Some(mut rank) = self.ranks.first_entry() {
            rank.get_mut().pop_front();
        }
    }

    /// Joins those that go in any order.
    pub(super) fn join_crowd(&mut self, waiter: Waiter) {
        self.crowd.join(waiter);
    }

    /// Whether there is anybody in the crowd who has not left.
    #[inline]
    pub(super) fn has_crowd(&self) -> bool {
        self.crowd.len() > self.stale
    }

    /// Takes out one of the crowd, any; those that have left are dropped. `bits` has uniform bits for each draw.
    pub(super) fn pick_of_crowd(
        &mut self,
        bits: impl Fn(u32) -> u64,
        waits: impl Fn(Waiter) -> bool,
    ) -> Option<Waiter> {
        while let Some(waiter) = self.crowd.pick(&bits) {
            if self.stale == 0 || waits(waiter) {
                return Some(waiter);
            }
            self.stale -= 1;
        }
        None
    }

    /// One of those in it has left before its turn.
    pub(super) fn leaves(&mut self) {
        self.stale += 1;
        // Nobody might be picked for long, and who has left would be kept until then.
        if self.crowd.len() == self.stale {
            self.crowd.clear();
            self.stale = 0;
        }
    }

    /// One of those has been dropped.
    pub(super) fn drops(&mut self) {
        self.stale -= 1;
    }

    /// Takes out a whole rank.
    pub(super) fn take(&mut self, rank: u64) -> VecDeque<Waiter> {
        self.ranks.remove(&rank).unwrap_or_default()
    }

    /// Joins the end of a rank with many; whether they are the first there.
    pub(super) fn join_all(&mut self, rank: u64, mut waiters: VecDeque<Waiter>) -> bool {
        let rank = self.ranks.entry(rank).or_default();
        let first = rank.is_empty();
        rank.append(&mut waiters);
        first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ranks.is_empty()
    }

    /// Whether a wake at `at` is still missing; if so, it is from now on the one of this order.
    pub(super) fn needs_wake(&mut self, at: SimTime, order: u64) -> bool {
        let missing = self.wake.is_none_or(|(_, pending)| pending > at);
        if missing {
            self.wake = Some((order, at));
        }
        missing
    }

    /// Whether a wake at `at`, and at no other time, is still missing; if so, it is from now on the one of this order.
    pub(super) fn moves_wake(&mut self, at: SimTime, order: u64) -> bool {
        let moves = self.wake.is_none_or(|(_, pending)| pending != at);
        if moves {
            self.wake = Some((order, at));
        }
        moves
    }

    /// Nobody waits any more for its pending wake.
    pub(super) fn forgets_wake(&mut self) {
        self.wake = None;
    }

    /// Whether its pending wake is this one, given by what is true of its order; then that is over.
    pub(super) fn wakes(&mut self, is_this: impl Fn(u64) -> bool) -> bool {
        let valid = self.wake.is_some_and(|(order, _)| is_this(order));
        if valid {
            self.wake = None;
        }
        valid
    }
}

/// The wake of a line as an event; its slot lies above those of requests.
pub(super) fn wake_event(line: usize, at: SimTime, order: u64) -> Event {
    Event::new(at, Class::Release, order, MOST_SLOTS + line as u32)
}

/// The line that a release wakes; `None` if it releases a request.
pub(super) fn line_of(event: Event) -> Option<usize> {
    event.slot().checked_sub(MOST_SLOTS).map(|line| line as usize)
}
