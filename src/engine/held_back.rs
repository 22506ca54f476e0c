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

use super::compiled::Engine;
use super::event::{Class, Event};
use super::lifecycle::demand;
use super::line::{Line, Waiter, line_of, wake_event};
use super::observer::Observer;
use super::request::Next;
use super::simulation::Simulation;
use super::slab::MOST_LINES;
use crate::admission::{Limiter as _, Meter};
use crate::client::{Send, Waiters};
use crate::model::{Demand, Limiter, Quota};
use crate::units::{Probability, SimSpan, SimTime, Tokens};

/// How many requests the first estimate of an answer's length rests on.
const FIRST_ESTIMATE: u64 = 4_096;

/// The state of everything that holds attempts back.
#[derive(Debug)]
pub(super) struct HeldBack {
    /// One per pool, for its gateway; then, for each workload with a limiter, one per client.
    lines: Vec<Line>,
    /// By pool, if a workload is paced there: a bucket that never holds anything, so that what a request took must
    /// have flowed in before the next may go.
    gateways: Vec<Option<Meter>>,
    /// By workload: the place of its first client's line.
    first_lines: Vec<usize>,
    /// By workload: output tokens of its answers, and how many there were.
    answers: Vec<(u64, u64)>,
}

impl HeldBack {
    pub(super) fn new(engine: &Engine<'_>) -> HeldBack {
        let scenario = engine.scenario;
        let mut gateways: Vec<Option<Meter>> = scenario.pools.iter().map(|_| None).collect();
        let mut answers = Vec::new();
        let (mut first_lines, mut lines) = (Vec::new(), scenario.pools.len());
        for (index, workload) in engine.workloads.iter().enumerate() {
            let pool = workload.model.pool;
            let mut expected = (0, 1);
            if let (Some(_), Some(quota)) = (workload.model.pace, scenario.pools[pool].quotas.reserved_from()) {
                let limiter = Limiter::TokenBucket { burst: SimSpan::ZERO, initial_level: Probability(1.0) };
                gateways[pool] = Some(Meter::new(&Quota { limits: quota.limits.clone(), limiter }));
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
}

/// The mean output of a workload's first requests, as the output of one.
fn first_estimate(engine: &Engine<'_>, workload: usize) -> (u64, u64) {
    let limit = engine.max_tokens(workload);
    let lengths = engine.output_lengths(workload, FIRST_ESTIMATE);
    let sum: u64 = lengths.iter().map(|&length| length.min(limit)).sum();
    let count = lengths.len().max(1) as u64;
    ((sum + count / 2) / count, 1)
}

impl<O: Observer> Simulation<'_, O> {
    /// Lets a request make its attempt, or puts it in line.
    pub(super) fn ask(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let workload = &self.engine.workloads[usize::from(request.workload)];
        if request.attempts > 0 || workload.model.pace.is_none() {
            self.ask_limiter(slot, now);
            return;
        }
        let pool = workload.model.pool;
        let free = self.held_back.lines[pool].first(&self.requests).is_none() && self.gateway(pool).fits(now, 0);
        if free {
            self.pass_gateway(slot, now);
        } else {
            let priority = u64::from(workload.model.priority);
            self.join(pool, priority, slot, Next::Pace, now);
            self.wake_for_gateway(pool, now);
        }
    }

    fn gateway(&mut self, pool: usize) -> &mut Meter {
        self.held_back.gateways[pool].as_mut().expect("a paced workload's pool has a gateway")
    }

    fn pass_gateway(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let workload = usize::from(request.workload);
        let model = self.engine.workloads[workload].model;
        let flow = &self.engine.flows[usize::from(request.flow)];
        let (sum, count) = self.held_back.answers[workload];
        let natural_output = Tokens((sum + count / 2) / count);
        let expected = Demand { natural_output, ..demand(request, flow.max_tokens) };
        let estimate = self.engine.scenario.pools[flow.pool].charge(&expected).0;
        let share = model.pace.map_or(1.0, |pace| pace.0);
        // The gateway fills at the whole quota: a share of it takes longer for as much.
        let cost = libm::ceil(estimate as f64 / share) as u64;
        let _ = self.gateway(model.pool).take(now, cost);
        self.ask_limiter(slot, now);
    }

    fn wake_for_gateway(&mut self, pool: usize, now: SimTime) {
        // Without a quota no time will do: a change of the quota wakes the line.
        if let Some(at) = self.gateway(pool).retry_at(now, 0) {
            self.wake(pool, at);
        }
    }

    fn gateway_opens(&mut self, pool: usize, now: SimTime) {
        while self.held_back.lines[pool].first(&self.requests).is_some() {
            if !self.gateway(pool).fits(now, 0) {
                self.wake_for_gateway(pool, now);
                return;
            }
            let waiter = self.held_back.lines[pool].first(&self.requests).expect("it has just been seen");
            self.held_back.lines[pool].pop();
            self.leave(waiter, now);
            self.pass_gateway(waiter.slot, now);
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

    /// Asks the SDK's limiter, if there is one, for a send token.
    fn ask_limiter(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let workload = usize::from(request.workload);
        let client = &self.engine.workloads[workload].client;
        if !client.has_limiter() {
            self.attempt(slot, now);
            return;
        }
        let client_index = request.client as usize;
        let line = self.held_back.first_lines[workload] + client_index;
        let waiters = client.waiters();
        if waiters == Waiters::Queue && self.held_back.lines[line].first(&self.requests).is_some() {
            self.join(line, 0, slot, Next::Limiter, now);
            return;
        }
        let state = &mut self.clients[workload].states[client_index];
        match client.before_send(state, &self.requests.get(slot).call, now) {
            Send::Now => self.attempt(slot, now),
            Send::NotBefore(at) if waiters == Waiters::Sleep => {
                if self.join(line, at.0, slot, Next::Limiter, now) {
                    self.push_wake(line, at);
                }
            }
            Send::NotBefore(at) => {
                self.join(line, 0, slot, Next::Limiter, now);
                self.wake(line, at);
            }
        }
    }

    /// A line has waited long enough to ask again.
    pub(super) fn line_moves(&mut self, event: Event) -> bool {
        let Some(line) = line_of(event) else { return false };
        let now = event.at();
        if line < self.held_back.gateways.len() {
            if self.held_back.lines[line].wakes(event) {
                self.gateway_opens(line, now);
            }
            return true;
        }
        let workload = self.held_back.first_lines.partition_point(|&first| first <= line) - 1;
        let client = (line - self.held_back.first_lines[workload]) as u32;
        match self.engine.workloads[workload].client.waiters() {
            Waiters::Sleep => self.sleepers_wake(line, workload, client, now),
            Waiters::Queue => {
                if self.held_back.lines[line].wakes(event) {
                    self.queue_moves(line, workload, client, now);
                }
            }
            Waiters::WokenByUpdates => {
                if self.held_back.lines[line].wakes(event) {
                    self.one_of_all_goes(line, workload, client, now);
                }
            }
        }
        true
    }

    /// Whether the client's limiter lets this waiter go.
    fn let_go(&mut self, waiter: Waiter, workload: usize, client: u32, now: SimTime) -> Send {
        let call = self.requests.get(waiter.slot).call;
        let state = &mut self.clients[workload].states[client as usize];
        self.engine.workloads[workload].client.before_send(state, &call, now)
    }

    /// Java: only the head of the queue asks.
    fn queue_moves(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        while let Some(waiter) = self.held_back.lines[line].first(&self.requests) {
            match self.let_go(waiter, workload, client, now) {
                Send::Now => {
                    self.held_back.lines[line].pop();
                    self.leave(waiter, now);
                    self.attempt(waiter.slot, now);
                }
                Send::NotBefore(at) => {
                    self.wake(line, at);
                    return;
                }
            }
        }
    }

    /// boto3: all ask at once, and threads come out of the lock in any order.
    fn one_of_all_goes(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        loop {
            let picks = self.held_back.lines[line].picks;
            let bits = self.clients[workload].waiters.attempt_bits(u64::from(client), picks);
            let Some(waiter) = self.held_back.lines[line].pick(&self.requests, bits) else { return };
            match self.let_go(waiter, workload, client, now) {
                Send::Now => {
                    self.held_back.lines[line].picks = picks.wrapping_add(1);
                    self.leave(waiter, now);
                    self.attempt(waiter.slot, now);
                }
                Send::NotBefore(at) => {
                    self.held_back.lines[line].join(0, waiter);
                    self.wake(line, at);
                    return;
                }
            }
        }
    }

    /// JavaScript and Rust: all that were told this instant ask one after the other; the refused are told another.
    fn sleepers_wake(&mut self, line: usize, workload: usize, client: u32, now: SimTime) {
        let mut sleepers = self.held_back.lines[line].take(now.0);
        while let Some(&waiter) = sleepers.front() {
            if !waiter.waits(&self.requests) {
                sleepers.pop_front();
                continue;
            }
            match self.let_go(waiter, workload, client, now) {
                Send::Now => {
                    sleepers.pop_front();
                    self.leave(waiter, now);
                    self.attempt(waiter.slot, now);
                }
                Send::NotBefore(at) => {
                    // A refusal changes nothing, so the rest would hear the same.
                    if self.held_back.lines[line].join_all(at.0, sleepers) {
                        self.push_wake(line, at);
                    }
                    return;
                }
            }
        }
    }

    /// A response has moved the rate of a client's limiter.
    pub(super) fn rate_moved(&mut self, workload: usize, client: u32, now: SimTime) {
        let rules = &self.engine.workloads[workload].client;
        if rules.has_limiter() && rules.waiters() == Waiters::WokenByUpdates {
            let line = self.held_back.first_lines[workload] + client as usize;
            if !self.held_back.lines[line].is_empty() {
                self.wake(line, now);
            }
        }
    }

    /// An answer of this length has come.
    pub(super) fn learn(&mut self, workload: usize, output: u32) {
        let (sum, count) = &mut self.held_back.answers[workload];
        *sum += u64::from(output);
        *count += 1;
    }

    /// Puts a request in line; whether it is the first of its rank.
    fn join(&mut self, line: usize, rank: u64, slot: u32, next: Next, now: SimTime) -> bool {
        let ticket = self.begin_wait(slot, next, now);
        if let Some(deadline) = self.deadline(slot) {
            self.calendar.push(Event::new(deadline.max(now), Class::Timeout, ticket, slot));
        }
        self.held_back.lines[line].join(rank, Waiter { slot, ticket })
    }

    /// A request's wait in a line is over.
    fn leave(&mut self, waiter: Waiter, now: SimTime) {
        let request = self.requests.get_mut(waiter.slot);
        // The deadline's event, if there is one, finds a ticket that is no longer its own.
        request.ticket = 0;
        request.waits.limiter += (now - request.waiting_since).0;
    }

    fn wake(&mut self, line: usize, at: SimTime) {
        if self.held_back.lines[line].needs_wake(at, self.waits + 1) {
            self.push_wake(line, at);
        }
    }

    fn push_wake(&mut self, line: usize, at: SimTime) {
        self.waits += 1;
        self.calendar.push(wake_event(line, at, self.waits));
    }
}
