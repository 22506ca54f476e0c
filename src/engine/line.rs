//! A line of requests that wait for something their client rations: its pace, or its send tokens.
//!
//! A line is asked for by an event of its own, not one per request: however many wait, an instant costs one event. Who
//! leaves before its turn (its deadline has passed) stays in the line as a stale entry and is dropped when met.

use super::event::{Class, Event};
use super::request::Request;
use super::slab::{MOST_SLOTS, Slab};
use crate::units::SimTime;
use std::collections::{BTreeMap, VecDeque};

/// A place in a line: the request's slot, and the number of its wait.
#[derive(Debug, Clone, Copy)]
pub(super) struct Waiter {
    pub(super) slot: u32,
    pub(super) ticket: u64,
}

impl Waiter {
    /// Whether the request still waits here.
    pub(super) fn waits(self, requests: &Slab<Request>) -> bool {
        requests.get(self.slot).ticket == self.ticket
    }
}

/// Requests by rank, lowest first, and first come first served within a rank.
#[derive(Debug, Default)]
pub(super) struct Line {
    ranks: BTreeMap<u64, VecDeque<Waiter>>,
    /// The next wake: its order, and when. Other events of this line are stale.
    wake: Option<(u64, SimTime)>,
    /// How many have been picked at random so far.
    pub(super) picks: u32,
}

impl Line {
    /// Joins the end of a rank; whether it is the first there.
    pub(super) fn join(&mut self, rank: u64, waiter: Waiter) -> bool {
        let rank = self.ranks.entry(rank).or_default();
        rank.push_back(waiter);
        rank.len() == 1
    }

    /// Who is first, once those that have left are dropped.
    pub(super) fn first(&mut self, requests: &Slab<Request>) -> Option<Waiter> {
        while let Some(mut rank) = self.ranks.first_entry() {
            match rank.get().front() {
                Some(waiter) if waiter.waits(requests) => return Some(*waiter),
                Some(_) => drop(rank.get_mut().pop_front()),
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

    /// Takes out one of the first rank; `bits` choose which.
    pub(super) fn pick(&mut self, requests: &Slab<Request>, mut bits: u64) -> Option<Waiter> {
        let mut rank = self.ranks.first_entry()?;
        while !rank.get().is_empty() {
            let place = bits % rank.get().len() as u64;
            let waiter = rank.get_mut().swap_remove_back(place as usize);
            if let Some(waiter) = waiter.filter(|waiter| waiter.waits(requests)) {
                return Some(waiter);
            }
            bits = bits.rotate_left(17);
        }
        rank.remove();
        None
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

    /// Whether this event is its pending wake, which is then over.
    pub(super) fn wakes(&mut self, event: Event) -> bool {
        let valid = self.wake.is_some_and(|(order, _)| event.has_order(order));
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
