//! What holds an attempt back on the client's side: the pace, then the SDK's own limiter.
//!
//! *Pace.* Every pool that a paced workload calls has one gateway in front of it, which all its paced workloads share:
//! the token-aware limiter of an application, outside its SDK. A request asks once, before its first attempt; retries
//! and other pools of its list are the business of the SDK and the application behind it. The gateway paces evenly: a
//! request of estimate `e` keeps it busy for `e / (pace × Q)`, so what it lets through is `pace` of the quota on
//! average and never a burst. Q is the pool's tokens quota (on mantle, of input tokens) and follows its changes. Of
//! those that wait the lowest `priority` goes first, and within it the first to come.
//!
//! *Estimate* (*assumption*): the charge of a request whose answer has the mean length of the workload's answers so
//! far, where the mean length of its first requests counts as one answer. An estimate is not corrected afterwards.
//!
//! *SDK limiters* (the adaptive modes): those refused wait as [`Waiters`] says. All clients of a workload are separate
//! processes with one client object each, so what Rust shares within a process ([`Client::shares_process`]) is the
//! state of one client here too, whichever pool of a fallback list it calls.
//!
//! *Map*: `gateways` is what there is to know, and its prices; `general` how the general loop holds requests back.
//!
//! [`Client::shares_process`]: crate::client::Client::shares_process

mod gateways;
mod general;

use super::line::Waiter;
use super::request::Next;
use crate::admission::Limiter as _;
use crate::client::{Call, Client, ClientState, Send, Waiters};
use crate::units::SimTime;
pub(super) use gateways::HeldBack;
use std::collections::VecDeque;

/// How a request finds the gateway of a pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Gateway {
    Free,
    /// What went through last keeps it busy.
    Busy,
    /// Somebody waits for it.
    InDemand,
}

/// Whoever runs requests that may be held back: the general loop, or a lane.
pub(super) trait HoldsBack {
    fn held_back(&mut self) -> &mut HeldBack;

    /// Who is first in a line.
    fn first(&mut self, line: usize) -> Option<Waiter>;

    /// Takes out one of a line's crowd, any.
    fn pick_of_crowd(&mut self, line: usize, workload: usize, client: u32) -> Option<Waiter>;

    fn waits(&self, waiter: Waiter) -> bool;

    /// The policy of a workload's clients, and the state of one.
    fn client(&mut self, workload: usize, client: u32) -> (&Client, &mut ClientState);

    /// What a client remembers of a request.
    fn call(&self, slot: u32) -> Call;

    /// A request begins to wait in a line; returns its ticket.
    fn begin_line_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64;

    /// A request's wait in a line is over.
    fn end_line_wait(&mut self, slot: u32, now: SimTime);

    /// Lets a request through its gateway, and asks for the send token.
    fn pass_gateway(&mut self, slot: u32, now: SimTime);

    fn attempt_held_back(&mut self, slot: u32, now: SimTime);

    /// The order of the next wake.
    fn next_order(&self) -> u64;

    fn push_wake(&mut self, line: usize, at: SimTime);

    /// Lets a request of a paced workload through the gateway of its pool, or puts it in line.
    fn ask_gateway(&mut self, pool: usize, priority: u64, slot: u32, now: SimTime) {
        match self.look_at_gateway(pool, now) {
            Gateway::Free => self.pass_gateway(slot, now),
            busy => self.wait_for_gateway(pool, priority, slot, busy, now),
        }
    }

    /// Puts a request in the line of a gateway.
    fn wait_for_gateway(&mut self, pool: usize, priority: u64, slot: u32, busy: Gateway, now: SimTime) {
        self.join(pool, priority, slot, Next::Pace, now);
        // Who is there already has seen to it that the line is woken in time.
        if busy == Gateway::Busy {
            self.wake_for_gateway(pool, now);
        }
    }

    fn look_at_gateway(&mut self, pool: usize, now: SimTime) -> Gateway {
        if self.first(pool).is_some() {
            Gateway::InDemand
        } else if self.held_back().gateway(pool).fits(now, 0) {
            Gateway::Free
        } else {
            Gateway::Busy
        }
    }

    fn wake_for_gateway(&mut self, pool: usize, now: SimTime) {
        // Without a quota no time will do: a change of the quota wakes the line.
        if let Some(at) = self.held_back().gateway(pool).retry_at(now, 0) {
            self.wake(pool, at);
        }
    }

    /// Lets those go for whom a gateway is open; whether there are any.
    fn gateway_opens(&mut self, pool: usize, now: SimTime) -> bool {
        let mut any = false;
        while let Some(waiter) = self.first(pool) {
            let held_back = self.held_back();
            if !held_back.gateway(pool).fits(now, 0) {
                self.wake_for_gateway(pool, now);
                break;
            }
            any = true;
            held_back.lines[pool].pop();
            self.end_line_wait(waiter.slot(), now);
            self.pass_gateway(waiter.slot(), now);
        }
        any
    }

    /// Asks the SDK's limiter, if there is one, for a send token.
    fn ask_limiter(&mut self, workload: usize, client: u32, slot: u32, now: SimTime) {
        let (rules, _) = self.client(workload, client);
        if !rules.has_limiter() {
            self.attempt_held_back(slot, now);
            return;
        }
        let waiters = rules.waiters();
        let line = self.held_back().line_of(workload, client);
        if self.others_wait(line, waiters) {
            self.wait_with_others(line, waiters, slot, now);
            return;
        }
        let call = self.call(slot);
        let (rules, state) = self.client(workload, client);
        match rules.before_send(state, &call, now) {
            Send::Now => self.attempt_held_back(slot, now),
            Send::NotBefore(at) => self.sent_back(line, waiters, slot, at, now),
        }
    }

    /// Whether there are those who wait for a send token and have to get theirs before: first come, first served, or
    /// because there is none before the time that they wait for.
    fn others_wait(&mut self, line: usize, waiters: Waiters) -> bool {
        match waiters {
            Waiters::Sleep => false,
            Waiters::WokenByUpdates => self.held_back().lines[line].has_crowd(),
            Waiters::Queue => self.first(line).is_some(),
        }
    }

    /// A request begins to wait for a send token where others do.
    fn wait_with_others(&mut self, line: usize, waiters: Waiters, slot: u32, now: SimTime) {
        if waiters == Waiters::WokenByUpdates {
            self.join_crowd(line, slot, now);
        } else {
            self.join(line, 0, slot, Next::Limiter, now);
        }
    }

    /// The limiter has told a request to ask again at `at`.
    fn sent_back(&mut self, line: usize, waiters: Waiters, slot: u32, at: SimTime, now: SimTime) {
        match waiters {
            Waiters::Sleep => {
                if self.join(line, at.0, slot, Next::Limiter, now) {
                    self.push_wake(line, at);
                }
            }
            Waiters::WokenByUpdates => {
                self.join_crowd(line, slot, now);
                self.move_wake(line, at);
            }
            Waiters::Queue => {
                self.join(line, 0, slot, Next::Limiter, now);
                self.wake(line, at);
            }
        }
    }

    /// A line has waited long enough to ask again; `in_time` if its wake is the one that it waits for. Whether that is
    /// something that happens: at a gateway only if somebody goes, to a crowd only at the time that it waits for.
    fn line_moves(&mut self, line: usize, in_time: impl Fn(u64) -> bool, now: SimTime) -> bool {
        let Some((workload, client)) = self.held_back().whose(line) else {
            return self.held_back().lines[line].wakes(in_time) && self.gateway_opens(line, now);
        };
        match self.client(workload, client).0.waiters() {
            Waiters::Sleep => self.sleepers_wake(line, workload, client, now),
            Waiters::Queue => {
                if self.held_back().lines[line].wakes(in_time) {
                    self.queue_moves(line, workload, client, now);
                }
            }
            Waiters::WokenByUpdates => {
                let in_time = self.held_back().lines[line].wakes(in_time);
                if in_time {
                    self.some_of_crowd_go(line, workload, client, now);
                }
                return in_time;
            }
        }
        true
    }

    /// Whether the client's limiter lets this waiter go.
    fn let_go(&mut self, waiter: Waiter, workload: usize, client: u32, now: SimTime) -> Send {
        let call = self.call(waiter.slot());
        let (rules, state) = self.client(workload, client);
        rules.before_send(state, &call, now)
    }

    /// Java: only the head of the queue asks.
    fn queue_moves(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        while let Some(waiter) = self.first(line) {
            match self.let_go(waiter, workload, client, now) {
                Send::Now => {
                    self.held_back().lines[line].pop();
                    self.end_line_wait(waiter.slot(), now);
                    self.attempt_held_back(waiter.slot(), now);
                }
                Send::NotBefore(at) => {
                    self.wake(line, at);
                    return;
                }
            }
        }
    }

    /// boto3: all ask at once, and threads come out of the lock in any order.
    fn some_of_crowd_go(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        while self.held_back().lines[line].has_crowd() {
            let (rules, state) = self.client(workload, client);
            // The limiter lets anybody go or nobody.
            if let Send::NotBefore(at) = rules.before_send(state, &Call::default(), now) {
                self.move_wake(line, at);
                return;
            }
            let waiter = self.pick_of_crowd(line, workload, client).expect("somebody waits");
            self.end_line_wait(waiter.slot(), now);
            self.attempt_held_back(waiter.slot(), now);
        }
        self.held_back().lines[line].forgets_wake();
    }

    /// JavaScript and Rust: all that were told this instant ask one after the other; the refused are told another.
    fn sleepers_wake(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        let mut sleepers: VecDeque<Waiter> = self.held_back().lines[line].take(now.0);
        while let Some(&waiter) = sleepers.front() {
            if !self.waits(waiter) {
                sleepers.pop_front();
                self.held_back().lines[line].drops();
                continue;
            }
            match self.let_go(waiter, workload, client, now) {
                Send::Now => {
                    sleepers.pop_front();
                    self.end_line_wait(waiter.slot(), now);
                    self.attempt_held_back(waiter.slot(), now);
                }
                Send::NotBefore(at) => {
                    // A refusal changes nothing, so the rest would hear the same.
                    if self.held_back().lines[line].join_all(at.0, sleepers) {
                        self.push_wake(line, at);
                    }
                    return;
                }
            }
        }
    }

    /// A response has moved the rate of a client's limiter, and with it the time that a crowd waits for.
    fn rate_moved(&mut self, workload: usize, client: u32, now: SimTime) {
        let (rules, _) = self.client(workload, client);
        if rules.has_limiter() && rules.waiters() == Waiters::WokenByUpdates {
            let line = self.held_back().line_of(workload, client);
            if self.held_back().lines[line].has_crowd() {
                let (rules, state) = self.client(workload, client);
                let at = rules.next_send(state, now);
                self.move_wake(line, at);
            }
        }
    }

    /// A request in line has met its deadline.
    fn leave_early(&mut self, workload: usize, client: u32, pool: usize, next: Next) {
        let held_back = self.held_back();
        let line = if next == Next::Pace { pool } else { held_back.line_of(workload, client) };
        held_back.lines[line].leaves();
    }

    /// Puts a request in line; whether it is the first of its rank.
    fn join(&mut self, line: usize, rank: u64, slot: u32, next: Next, now: SimTime) -> bool {
        let ticket = self.begin_line_wait(slot, next, now);
        self.held_back().lines[line].join(rank, Waiter::new(slot, ticket))
    }

    /// A request joins those that go in any order.
    fn join_crowd(&mut self, line: usize, slot: u32, now: SimTime) {
        let ticket = self.begin_line_wait(slot, Next::Limiter, now);
        self.held_back().lines[line].join_crowd(Waiter::new(slot, ticket));
    }

    /// Wakes a line at this time, and not at the one that it has waited for.
    fn move_wake(&mut self, line: usize, at: SimTime) {
        let order = self.next_order();
        if self.held_back().lines[line].moves_wake(at, order) {
            self.push_wake(line, at);
        }
    }

    fn wake(&mut self, line: usize, at: SimTime) {
        let order = self.next_order();
        if self.held_back().lines[line].needs_wake(at, order) {
            self.push_wake(line, at);
        }
    }
}
