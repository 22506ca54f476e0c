//! Deadlines of a lane's requests that wait for something without an instant: a slot, the pace, a send token.
//!
//! Most get what they wait for long before. As nearly all begin to wait in the order of their deadlines, only those with
//! the first deadline are on the agenda; who has left by its turn never gets there.

use super::entry::What;
use super::{InOrder, Lane};
use crate::admission::Admit;
use crate::engine::held_back::HoldsBack as _;
use crate::engine::line::Waiter;
use crate::engine::request::Next;
use crate::engine::slab::Slab;
use crate::tally::FailureCause;
use crate::units::SimTime;
use std::collections::VecDeque;

/// Slots of the agenda with this bit are not of requests: timeouts are then of alarms, releases of lines.
pub(super) const NO_REQUEST: u32 = 1 << 29;

/// The deadlines to come.
#[derive(Debug, Default)]
pub(super) struct Alarms {
    /// Those on the agenda, and whether they are among the first.
    set: Slab<(Waiter, bool)>,
    /// The others, by deadline.
    later: VecDeque<(SimTime, Waiter)>,
    /// The first deadline, and how many have it.
    first: SimTime,
    count: usize,
}

impl Alarms {
    /// The place of an alarm among simultaneous timeouts.
    pub(super) fn order_of(&self, slot: u32) -> u64 {
        self.set.get(slot & !NO_REQUEST).0.order()
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// A request begins to wait for something that has no instant, and until its deadline at most; returns the ticket.
    pub(super) fn begin_alarmed_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64 {
        self.track.moved.waits += 1;
        let ticket = self.track.moved.waits;
        self.in_progress.tickets[slot as usize] = ticket;
        let request = self.in_progress.waiting.get_mut(slot);
        request.next = next;
        if let Some(deadline) = self.workload.model.deadline {
            let at = request.arrived.saturating_add(deadline).max(now);
            self.set_alarm(at, Waiter::new(slot, ticket));
        }
        ticket
    }

    fn set_alarm(&mut self, at: SimTime, waiter: Waiter) {
        let alarms = &mut self.in_progress.alarms;
        if alarms.count == 0 || at == alarms.first {
            self.put_on_agenda(at, waiter, true);
        } else if at < alarms.first || alarms.later.back().is_some_and(|&(last, _)| at < last) {
            self.put_on_agenda(at, waiter, false);
        } else {
            alarms.later.push_back((at, waiter));
        }
    }

    fn put_on_agenda(&mut self, at: SimTime, waiter: Waiter, is_first: bool) {
        let alarms = &mut self.in_progress.alarms;
        if is_first {
            alarms.first = at;
            alarms.count += 1;
        }
        let alarm = alarms.set.insert((waiter, is_first));
        let in_order = InOrder::new(self.in_progress, self.repeating.as_deref(), self.track.moved.admissions);
        self.track.course.others += 1;
        self.track.course.agenda.push_in_order(at, What::timeout(alarm | NO_REQUEST), &in_order);
    }

    /// A deadline comes.
    #[inline(never)]
    pub(super) fn alarm(&mut self, slot: u32, now: SimTime) {
        let alarms = &mut self.in_progress.alarms;
        let (waiter, is_first) = alarms.set.take(slot & !NO_REQUEST);
        if is_first {
            alarms.count -= 1;
            if alarms.count == 0 {
                self.next_alarms();
            }
        }
        if !self.in_progress.still_waits(waiter) {
            // It is not counted as something that happened.
            self.track.moved.wakes -= 1;
            return;
        }
        let slot = waiter.slot();
        let request = self.in_progress.waiting.get(slot);
        let (client, next) = (request.client, request.next);
        self.in_progress.tickets[slot as usize] = 0;
        if next == Next::Slot {
            self.slots[client as usize].waiting.retain(|&other| other != slot);
            self.in_progress.in_line -= 1;
            self.fail(slot, FailureCause::DeadlineExceeded);
        } else {
            self.leave_early(0, client, self.workload.model.pool, next);
            self.end_failed(slot, FailureCause::DeadlineExceeded, now);
        }
    }

    /// Puts those with the next deadline on the agenda.
    fn next_alarms(&mut self) {
        while let Some(&(at, waiter)) = self.in_progress.alarms.later.front() {
            let waits = self.in_progress.still_waits(waiter);
            let alarms = &self.in_progress.alarms;
            if waits && alarms.count > 0 && at != alarms.first {
                return;
            }
            self.in_progress.alarms.later.pop_front();
            if waits {
                self.put_on_agenda(at, waiter, true);
            }
        }
    }
}
