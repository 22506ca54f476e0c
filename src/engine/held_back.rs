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
//! [`Client::shares_process`]: crate::client::Client::shares_process

use super::answers::Answers;
use super::compiled::Engine;
use super::event::{Class, Event};
use super::lifecycle::demand;
use super::line::{Line, Waiter, line_of, wake_event};
use super::observer::Observer;
use super::request::Next;
use super::simulation::Simulation;
use super::slab::MOST_LINES;
use crate::admission::{Limiter as _, TokenBucket};
use crate::client::{Call, Client, ClientState, Send, Waiters};
use crate::model::{Demand, Pool, Workload};
use crate::units::{Probability, SimSpan, SimTime, Tokens};
use std::collections::VecDeque;

/// How many requests the first estimate of an answer's length rests on.
const FIRST_ESTIMATE: u64 = 4_096;

/// The state of everything that holds attempts back.
#[derive(Debug)]
pub(super) struct HeldBack {
    /// One per pool, for its gateway; then, for each workload with a limiter, one per client.
    pub(super) lines: Vec<Line>,
    /// By pool, if a workload is paced there: a bucket that never holds anything, so that what a request took must
    /// have flowed in before the next may go.
    gateways: Vec<Option<TokenBucket>>,
    /// By workload: the place of its first client's line.
    first_lines: Vec<usize>,
    /// By workload.
    answers: Vec<Answers>,
}

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

impl HeldBack {
    pub(super) fn new(engine: &Engine<'_>) -> HeldBack {
        let scenario = engine.scenario;
        let mut gateways: Vec<Option<TokenBucket>> = scenario.pools.iter().map(|_| None).collect();
        let mut answers = Vec::new();
        let (mut first_lines, mut lines) = (Vec::new(), scenario.pools.len());
        for (index, workload) in engine.workloads.iter().enumerate() {
            let pool = workload.model.pool;
            let mut expected = Answers::new(0, 1);
            if let (Some(_), Some(quota)) = (workload.model.pace, scenario.pools[pool].quotas.reserved_from()) {
                let limit = quota.limit_at(SimTime::ZERO);
                gateways[pool] = Some(TokenBucket::new(limit, SimSpan::ZERO, Probability(1.0)));
                expected = first_estimate(engine, index);
            }
            answers.push(expected);
            first_lines.push(lines);
            if workload.client.has_limiter() {
                lines += workload.model.clients as usize;
            }
        }
        assert!(lines <= MOST_LINES as usize, "more than 67 million client limiters");
        let lines = std::iter::repeat_with(Line::default).take(lines).collect();
        HeldBack { lines, gateways, first_lines, answers }
    }

    pub(super) fn gateway(&mut self, pool: usize) -> &mut TokenBucket {
        self.gateways[pool].as_mut().expect("a paced workload's pool has a gateway")
    }

    /// When the gateway of a pool lets the next request through; never without a quota.
    pub(super) fn opens(&mut self, pool: usize, now: SimTime) -> SimTime {
        self.gateway(pool).retry_at(now, 0).unwrap_or(SimTime::MAX)
    }

    /// The line of a client's limiter.
    pub(super) fn line_of(&self, workload: usize, client: u32) -> usize {
        self.first_lines[workload] + client as usize
    }

    /// The workload and the client whose limiter a line waits for; `None` if it waits for a gateway.
    fn whose(&self, line: usize) -> Option<(usize, u32)> {
        if line < self.gateways.len() {
            return None;
        }
        let workload = self.first_lines.partition_point(|&first| first <= line) - 1;
        Some((workload, (line - self.first_lines[workload]) as u32))
    }

    /// What a request of a workload takes from the gateway of its pool, if answers have this length; `demand` is what it
    /// would ask for.
    #[inline(always)]
    pub(super) fn price(workload: &Workload, mean: u64, pool: &Pool, demand: Demand) -> u64 {
        let estimate = pool.charge(&Demand { natural_output: Tokens(mean), ..demand }).0;
        HeldBack::price_of(estimate, workload.pace.map_or(1.0, |pace| pace.0))
    }

    /// What a request of this estimate takes from a gateway that lets through this share of a quota.
    #[inline(always)]
    pub(super) fn price_of(estimate: u64, share: f64) -> u64 {
        // The gateway fills at the whole quota: a share of it takes longer for as much.
        let exact = estimate as f64 / share;
        let whole = exact as u64;
        whole.saturating_add(u64::from((whole as f64) < exact))
    }

    /// How long the answers of a workload are on average [tokens].
    #[inline(always)]
    pub(super) fn mean_answer(&self, index: usize) -> u64 {
        self.answers[index].mean()
    }

    /// Keeps the gateway of a pool busy with a request of a workload; `demand` is what it would ask for.
    pub(super) fn keep_busy(&mut self, workload: &Workload, index: usize, pool: &Pool, demand: Demand, now: SimTime) {
        let cost = HeldBack::price(workload, self.mean_answer(index), pool, demand);
        self.take(workload.pool, cost, now);
    }

    /// Keeps the gateway of a pool busy with a request of this price.
    pub(super) fn take(&mut self, pool: usize, cost: u64, now: SimTime) {
        let gateway = self.gateway(pool);
        // What has flowed in by now comes first.
        let open = gateway.fits(now, 0);
        debug_assert!(open, "somebody goes");
        let _ = gateway.take(now, cost);
    }

    /// What is known of the answers of a workload.
    #[inline(always)]
    pub(super) fn answers(&mut self, index: usize) -> &mut Answers {
        &mut self.answers[index]
    }

    /// An answer of this length has come.
    #[inline(always)]
    pub(super) fn learn(&mut self, workload: usize, output: u32) {
        self.answers[workload].learn(output);
    }
}

/// The mean output of a workload's first requests, as the output of one.
fn first_estimate(engine: &Engine<'_>, workload: usize) -> Answers {
    let limit = engine.max_tokens(workload);
    let lengths = engine.output_lengths(workload, FIRST_ESTIMATE);
    let sum: u64 = lengths.iter().map(|&length| length.min(limit)).sum();
    let count = lengths.len().max(1) as u64;
    Answers::new(Answers::new(sum, count).mean(), 1)
}

impl<O: Observer> Simulation<'_, O> {
    /// Lets a request make its attempt, or puts it in line.
    pub(super) fn ask(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let workload = usize::from(request.workload);
        let model = self.engine.workloads[workload].model;
        if request.attempts > 0 || model.pace.is_none() {
            self.ask_limiter(workload, request.client, slot, now);
        } else {
            self.ask_gateway(model.pool, u64::from(model.priority), slot, now);
        }
    }

    /// Quotas have changed, and with them the pace.
    pub(super) fn change_pace(&mut self, now: SimTime) {
        for (place, pool) in self.engine.scenario.pools.iter().enumerate() {
            if let (Some(gateway), Some(quota)) = (&mut self.held_back.gateways[place], pool.quotas.reserved_from()) {
                gateway.set_limit(now, quota.limit_at(now));
                if !self.held_back.lines[place].is_empty() {
                    self.wake(place, now);
                }
            }
        }
    }

    /// A line has waited long enough to ask again.
    pub(super) fn line_released(&mut self, event: Event) -> bool {
        let line = line_of(event);
        if let Some(line) = line
            && !self.line_moves(line, |order| event.has_order(order), event.at())
        {
            // Nothing has happened.
            self.tally.events -= 1;
        }
        line.is_some()
    }
}

impl<O: Observer> HoldsBack for Simulation<'_, O> {
    fn held_back(&mut self) -> &mut HeldBack {
        &mut self.held_back
    }

    fn first(&mut self, line: usize) -> Option<Waiter> {
        self.held_back.lines[line].first(|waiter| waiter.has_ticket(self.requests.get(waiter.slot()).ticket))
    }

    fn pick_of_crowd(&mut self, line: usize, workload: usize, client: u32) -> Option<Waiter> {
        let key = self.clients[workload].waiters;
        let bits = |draw| key.attempt_bits(u64::from(client), draw);
        let waits = |waiter: Waiter| waiter.has_ticket(self.requests.get(waiter.slot()).ticket);
        self.held_back.lines[line].pick_of_crowd(bits, waits)
    }

    fn waits(&self, waiter: Waiter) -> bool {
        waiter.has_ticket(self.requests.get(waiter.slot()).ticket)
    }

    fn client(&mut self, workload: usize, client: u32) -> (&Client, &mut ClientState) {
        (&self.engine.workloads[workload].client, &mut self.clients[workload].states[client as usize])
    }

    fn call(&self, slot: u32) -> Call {
        self.requests.get(slot).call
    }

    fn begin_line_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64 {
        let ticket = self.begin_wait(slot, next, now);
        if let Some(deadline) = self.deadline(slot) {
            self.calendar.push(Event::new(deadline.max(now), Class::Timeout, ticket, slot));
        }
        ticket
    }

    fn end_line_wait(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get_mut(slot);
        // The deadline's event, if there is one, finds a ticket that is no longer its own.
        request.ticket = 0;
        request.waits.limiter += (now - request.waiting_since).0;
    }

    fn pass_gateway(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let (workload, client) = (usize::from(request.workload), request.client);
        let flow = &self.engine.flows[usize::from(request.flow)];
        let demand = demand(request, flow.max_tokens);
        let pool = &self.engine.scenario.pools[flow.pool];
        self.held_back.keep_busy(self.engine.workloads[workload].model, workload, pool, demand, now);
        self.ask_limiter(workload, client, slot, now);
    }

    fn attempt_held_back(&mut self, slot: u32, now: SimTime) {
        self.attempt(slot, now);
    }

    fn next_order(&self) -> u64 {
        self.waits + 1
    }

    fn push_wake(&mut self, line: usize, at: SimTime) {
        self.waits += 1;
        self.calendar.push(wake_event(line, at, self.waits));
    }
}
