//! A request on the client's side: arrival, waits, and its end. Its attempts are in `attempt`.

use super::event::{Class, Event};
use super::fate::Attempt;
use super::health::note_ended;
use super::held_back::HoldsBack as _;
use super::observer::{AttemptRow, Observer, Outcome};
use super::request::{Next, Request, Waits};
use super::simulation::{Simulation, arrival_event, arrival_of};
use super::source::Arrival;
use crate::client::{Decision, Failure};
use crate::model::{Demand, FallbackAfter, QuotaName};
use crate::tally::FailureCause;
use crate::units::{SimSpan, SimTime, Tokens};

impl<O: Observer> Simulation<'_, O> {
    /// A request arrives.
    #[inline(never)]
    pub(super) fn arrive(&mut self, workload: usize, arrival: Arrival) {
        let now = arrival.at;
        let slot = self.enrol(workload, arrival);
        match self.engine.workloads[workload].model.concurrency {
            None => self.send(slot, now),
            Some(_) => self.enter_slot(slot, now),
        }
    }

    /// Gives a request that arrives its slot.
    pub(super) fn enrol(&mut self, workload: usize, arrival: Arrival) -> u32 {
        let compiled = &self.engine.workloads[workload];
        let client = compiled.client_of(arrival.number);
        let counted = arrival.at >= self.engine.scenario.warmup;
        self.counted_open += u64::from(counted);
        self.requests.insert(Request {
            number: arrival.number,
            arrived: arrival.at,
            workload: workload as u16,
            flow: compiled.flows.start as u16,
            client,
            tokens: arrival.tokens,
            timing: arrival.timing,
            attempts: 0,
            sent: 0,
            last_attempt: arrival.at,
            call: compiled.client.begin(&mut self.clients[workload].states[client as usize]),
            waits: Waits::default(),
            counted,
            throttled: false,
            next: Next::Retry,
            waiting_since: arrival.at,
            ticket: 0,
        })
    }

    /// A worker has thought, and sends its next request, or a session its next turn.
    #[inline(never)]
    pub(super) fn think_ended(&mut self, event: Event) {
        let (workload, number) = arrival_of(event);
        let at = event.at();
        if at >= self.engine.scenario.horizon {
            return;
        }
        if self.sessions[workload].is_some() {
            self.start_turn(workload, number, at);
            return;
        }
        let compiled = &self.engine.workloads[workload];
        let flow = &self.engine.flows[compiled.flows.start];
        let clients = &self.clients[workload];
        let tokens = compiled.tokens.one(&clients.token_keys, number);
        let output = tokens.output_under(flow.max_tokens);
        let timing = flow.latency.one(&clients.latency_keys, number, 0, tokens.input, output);
        self.arrive(workload, Arrival { number, at, tokens, timing });
    }

    /// A worker begins to think about request `number`.
    pub(super) fn think(&mut self, workload: usize, number: u64, now: SimTime) {
        let at = self.after_thinking(workload, number, now);
        self.calendar.push(arrival_event(workload, Some((at, number))));
    }

    /// When request `number` has been thought about.
    pub(super) fn after_thinking(&self, workload: usize, number: u64, now: SimTime) -> SimTime {
        let sampler = self.engine.workloads[workload].think_time.as_ref();
        let sampler = sampler.expect("only closed loops and sessions think");
        now.saturating_add(SimSpan::from_secs_f64(sampler.sample(self.clients[workload].think.bits(number))))
    }

    /// Takes a slot under the client's concurrency cap, or waits for one.
    fn enter_slot(&mut self, slot: u32, now: SimTime) {
        let request = self.requests.get(slot);
        let (workload, client) = (usize::from(request.workload), request.client as usize);
        let cap = self.engine.workloads[workload].model.concurrency.expect("asked before");
        let slots = &mut self.clients[workload].slots[client];
        if slots.active < cap.limit {
            slots.active += 1;
            self.send(slot, now);
        } else if cap.queue.is_none_or(|most| (slots.waiting.len() as u64) < u64::from(most)) {
            slots.waiting.push_back(slot);
            let ticket = self.begin_wait(slot, Next::Slot, now);
            if let Some(deadline) = self.deadline(slot) {
                self.calendar.push(Event::new(deadline, Class::Timeout, ticket, slot));
            }
        } else {
            // The queue is full: the client sheds the request, which never held a slot.
            self.fail(slot, FailureCause::Shed, now);
        }
    }

    /// A slot is free, or a line may have what those in it wait for.
    #[inline(never)]
    pub(super) fn released(&mut self, event: Event) {
        if self.line_released(event) {
            return;
        }
        let (slot, now) = (event.slot(), event.at());
        let request = self.requests.get_mut(slot);
        request.waits.queue += (now - request.waiting_since).0;
        request.ticket = 0;
        if self.deadline(slot).is_some_and(|deadline| deadline <= now) {
            // The slot came at the very instant of the deadline, too late for an attempt.
            self.end_failed(slot, FailureCause::DeadlineExceeded, now);
        } else {
            self.send(slot, now);
        }
    }

    /// A backoff is over.
    #[inline(never)]
    pub(super) fn retried(&mut self, event: Event) {
        let (slot, now) = (event.slot(), event.at());
        let request = self.requests.get_mut(slot);
        request.waits.backoff += (now - request.waiting_since).0;
        request.ticket = 0;
        self.send(slot, now);
    }

    /// A client learns of a failure, or a deadline passes.
    #[inline(never)]
    pub(super) fn timed_out(&mut self, event: Event) {
        let (slot, now) = (event.slot(), event.at());
        let request = self.requests.get_mut(slot);
        if !event.has_order(request.ticket) {
            // The request left the queue before its deadline; the slot may already serve another. Nothing has happened.
            self.tally.events -= 1;
            return;
        }
        // The request may have left an entry behind in a line, or with a stream; neither may take it for waiting.
        request.ticket = 0;
        match request.next {
            Next::Failure(failure) => self.decide(slot, failure, now),
            Next::Slot => {
                let slots = &mut self.clients[usize::from(request.workload)].slots[request.client as usize];
                slots.waiting.retain(|&other| other != slot);
                self.fail(slot, FailureCause::DeadlineExceeded, now);
            }
            Next::Broken => self.end_failed(slot, FailureCause::Disconnected, now),
            next @ (Next::Limiter | Next::Pace) => {
                let (workload, client) = (usize::from(request.workload), request.client);
                let pool = self.engine.workloads[workload].model.pool;
                self.leave_early(workload, client, pool, next);
                self.end_failed(slot, FailureCause::DeadlineExceeded, now);
            }
            Next::Deadline | Next::Retry => {
                self.end_failed(slot, FailureCause::DeadlineExceeded, now);
            }
        }
    }

    /// Makes an attempt, once nothing on the client's side holds it back.
    #[inline]
    fn send(&mut self, slot: u32, now: SimTime) {
        if self.engine.workloads[usize::from(self.requests.get(slot).workload)].held_back {
            self.ask(slot, now);
        } else {
            self.attempt(slot, now);
        }
    }

    /// An attempt was refused or met a fault; its client hears of it after the throttle latency.
    pub(super) fn refused(&mut self, slot: u32, failure: Failure, now: SimTime) {
        if failure == Failure::Overloaded {
            self.count_throttle(slot, QuotaName::ModelCapacity);
        }
        if failure != Failure::Throttled {
            let outcome = match failure {
                Failure::Overloaded => Outcome::Overloaded,
                Failure::ModelNotReady => Outcome::ModelNotReady,
                _ => Outcome::Unavailable,
            };
            let limit = (failure == Failure::Overloaded).then_some(QuotaName::ModelCapacity);
            self.observe(slot, now, outcome, limit, 0, 0);
        }
        let workload = usize::from(self.requests.get(slot).workload);
        let latency = self.engine.workloads[workload].model.throttle_latency;
        if latency == SimSpan::ZERO {
            self.decide(slot, failure, now);
        } else {
            self.wait(slot, Next::Failure(failure), now, now.saturating_add(latency), Class::Timeout);
        }
    }

    /// The client decides what to do about a failed attempt.
    fn decide(&mut self, slot: u32, failure: Failure, now: SimTime) {
        let request = self.requests.get_mut(slot);
        let (workload, client) = (usize::from(request.workload), request.client);
        let compiled = &self.engine.workloads[workload];
        let throttle = matches!(failure, Failure::Throttled | Failure::Overloaded);
        let fallback = compiled.model.fallback.as_ref().map(|fallback| fallback.after);
        if throttle && fallback == Some(FallbackAfter::Throttle) && self.turn_to_next_pool(slot) {
            self.send(slot, now);
            return;
        }
        let request = self.requests.get_mut(slot);
        let clients = &mut self.clients[workload];
        let bits = clients.backoff.wait_bits(request.number, request.attempts);
        let state = &mut clients.states[client as usize];
        let decision = compiled.client.after_failure(state, &mut request.call, failure, now, None, bits);
        if compiled.held_back {
            self.rate_moved(workload, client, now);
        }
        match decision {
            Decision::Retry { delay } => {
                if fallback == Some(FallbackAfter::Throttle) {
                    self.turn_to(slot, compiled.flows.start);
                }
                self.wait(slot, Next::Retry, now, now.saturating_add(delay), Class::Retry);
            }
            Decision::GiveUp => {
                if fallback == Some(FallbackAfter::Failure) && self.turn_to_next_pool(slot) {
                    let state = &mut self.clients[workload].states[client as usize];
                    self.requests.get_mut(slot).call = compiled.client.begin(state);
                    self.send(slot, now);
                } else {
                    self.end_failed(slot, cause_of(failure), now);
                }
            }
        }
    }

    /// Sends the request's next attempt to the next pool of its list, if there is one.
    fn turn_to_next_pool(&mut self, slot: u32) -> bool {
        let request = self.requests.get(slot);
        let flows = &self.engine.workloads[usize::from(request.workload)].flows;
        let next = usize::from(request.flow) + 1;
        let there_is_one = flows.contains(&next);
        if there_is_one {
            self.turn_to(slot, next);
        }
        there_is_one
    }

    fn turn_to(&mut self, slot: u32, flow: usize) {
        let request = self.requests.get_mut(slot);
        if usize::from(request.flow) == flow {
            return;
        }
        request.flow = flow as u16;
        let flow = &self.engine.flows[flow];
        let keys = &self.clients[usize::from(request.workload)].latency_keys;
        let output = request.tokens.output_under(flow.max_tokens);
        request.timing = flow.latency.one(keys, request.number, request.sent, request.tokens.input, output);
    }

    /// Lets a request wait from `now` until `at`, or until its deadline if that comes first; returns the ticket.
    ///
    /// News that come at the deadline itself come in time.
    pub(super) fn wait(&mut self, slot: u32, next: Next, now: SimTime, at: SimTime, class: Class) -> u64 {
        let (next, at, class) = match self.deadline(slot) {
            Some(deadline) if deadline < at || (deadline == at && class != Class::Timeout) => {
                (Next::Deadline, deadline.max(now), Class::Timeout)
            }
            _ => (next, at, class),
        };
        let ticket = self.begin_wait(slot, next, now);
        self.calendar.push(Event::new(at, class, ticket, slot));
        ticket
    }

    /// A request begins to wait; returns its ticket.
    #[inline]
    pub(super) fn begin_wait(&mut self, slot: u32, next: Next, now: SimTime) -> u64 {
        self.waits += 1;
        let request = self.requests.get_mut(slot);
        request.next = next;
        request.waiting_since = now;
        request.ticket = self.waits;
        self.waits
    }

    #[inline]
    pub(super) fn deadline(&self, slot: u32) -> Option<SimTime> {
        let request = self.requests.get(slot);
        let deadline = self.engine.workloads[usize::from(request.workload)].model.deadline?;
        Some(request.arrived.saturating_add(deadline))
    }

    /// A request that held a slot ends without an answer.
    fn end_failed(&mut self, slot: u32, cause: FailureCause, now: SimTime) {
        self.tally_failure(slot, cause);
        let request = self.requests.get(slot);
        let (workload, client, number) = (usize::from(request.workload), request.client, request.number);
        self.requests.free(slot);
        self.finish(workload, client, number, now, None);
    }

    /// A request ends without an answer before it held a slot.
    fn fail(&mut self, slot: u32, cause: FailureCause, now: SimTime) {
        self.tally_failure(slot, cause);
        let request = self.requests.get(slot);
        let (workload, number) = (usize::from(request.workload), request.number);
        self.requests.free(slot);
        self.come_back(workload, number, now, None);
    }

    fn tally_failure(&mut self, slot: u32, cause: FailureCause) {
        let request = self.requests.get(slot);
        if !request.counted {
            return;
        }
        self.counted_open -= 1;
        let place = usize::from(request.flow);
        let flow = &self.engine.flows[place];
        let charge = self.engine.scenario.pools[flow.pool].charge(&demand(request, flow.max_tokens)).0;
        let tally = &mut self.tally.flows[place];
        tally.failed(cause, charge, request.throttled);
        tally.waited(request.waited(), request.waits.causes());
        note_ended(&mut self.tally.health, request, false);
    }

    /// The client has its answer, of `output` tokens.
    #[inline(never)]
    pub(super) fn answered(&mut self, slot: u32, output: u32, now: SimTime) {
        let &Request { workload, client, number, call, .. } = self.requests.get(slot);
        self.requests.free(slot);
        let workload = usize::from(workload);
        let compiled = &self.engine.workloads[workload];
        if compiled.books_end() {
            compiled.client.after_success(&mut self.clients[workload].states[client as usize], &call, now);
        }
        if compiled.held_back {
            self.rate_moved(workload, client, now);
            self.held_back.learn(workload, output);
        }
        self.finish(workload, client, number, now, Some(output));
    }

    /// A request that held a slot has ended, with an answer of `answer` tokens or without one: the slot goes to the next
    /// in line, a worker or a session thinks again.
    fn finish(&mut self, workload: usize, client: u32, number: u64, now: SimTime, answer: Option<u32>) {
        let clients = &mut self.clients[workload];
        if let Some(slots) = clients.slots.get_mut(client as usize) {
            match slots.waiting.pop_front() {
                // The slot passes on; the release waits for its turn among simultaneous events.
                Some(slot) => {
                    self.waits += 1;
                    self.requests.get_mut(slot).ticket = self.waits;
                    self.calendar.push(Event::new(now, Class::Release, self.waits, slot));
                }
                None => slots.active -= 1,
            }
        }
        self.come_back(workload, number, now, answer);
    }

    fn come_back(&mut self, workload: usize, number: u64, now: SimTime, answer: Option<u32>) {
        if !self.clients[workload].comes_back {
            return;
        }
        match self.clients[workload].workers {
            0 => self.turn_ended(workload, number, now, answer),
            workers => self.think(workload, number + workers, now),
        }
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        slot: u32,
        at: SimTime,
        outcome: Outcome,
        limit: Option<QuotaName>,
        reservation: u64,
        charge: u64,
    ) {
        if O::ATTEMPTS {
            let request = self.requests.get(slot);
            self.observer.attempt(&AttemptRow {
                workload: usize::from(request.workload),
                request: request.number,
                attempt: request.attempts,
                at,
                outcome,
                limit,
                reservation,
                charge,
            });
        }
    }
}

/// Why a request fails whose client gives up after this failure.
pub(super) fn cause_of(failure: Failure) -> FailureCause {
    match failure {
        Failure::Overloaded | Failure::ModelNotReady => FailureCause::ModelCapacity,
        Failure::Timeout | Failure::ModelTimeout => FailureCause::TimedOut,
        Failure::Disconnected => FailureCause::Disconnected,
        _ if failure.status().is_some_and(|status| status >= 500) => FailureCause::Unavailable,
        _ => FailureCause::Throttled,
    }
}

impl Request {
    /// Its last attempt.
    #[inline]
    pub(super) fn attempt(&self) -> Attempt {
        Attempt {
            request: self.number,
            number: self.attempts,
            arrived: self.arrived,
            at: self.last_attempt,
            timing: self.timing,
        }
    }

    /// From its arrival to its last attempt [ns].
    #[inline]
    pub(super) fn waited(&self) -> u64 {
        (self.last_attempt - self.arrived).0
    }
}

impl Waits {
    /// In the order of the tally.
    #[inline]
    pub(super) fn causes(self) -> [u64; 3] {
        [self.backoff, self.limiter, self.queue]
    }
}

/// What a request asks of a flow with this output limit.
#[inline]
pub(super) fn demand(request: &Request, max_tokens: u32) -> Demand {
    request.tokens.demand(max_tokens)
}

impl super::draws::Tokens {
    /// What a request of these tokens asks of a flow with this output limit.
    #[inline(always)]
    pub(super) fn demand(self, max_tokens: u32) -> Demand {
        let tokens = |count: u32| Tokens(u64::from(count));
        Demand {
            input: tokens(self.input),
            cache_read: tokens(self.cache_read),
            cache_write: tokens(self.cache_write),
            max_tokens: tokens(self.limit(max_tokens)),
            natural_output: tokens(self.output),
        }
    }
}
