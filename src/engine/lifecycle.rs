//! A request on the client's side: arrival, waits, attempts, and its end.

use super::draws::Timing;
use super::event::{Class, Event};
use super::observer::{AttemptRow, Observer, Outcome};
use super::request::{Ending, Flight, Next, Request, Stream, Waits};
use super::simulation::{Simulation, arrival_event, arrival_of};
use super::source::Arrival;
use crate::admission::{Admission, Reservation};
use crate::client::{Decision, Failure};
use crate::model::{Demand, FallbackAfter, QuotaName};
use crate::units::{SimSpan, SimTime, Tokens};

/// How an admitted attempt will end for its client, known when it is admitted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// With an answer.
    Answered,
    /// With a failure, at this instant.
    Lost(SimTime, Failure),
    /// With the request's deadline.
    TooLate(SimTime),
}

impl<O: Observer> Simulation<'_, O> {
    /// A request arrives.
    #[inline]
    pub(super) fn arrive(&mut self, workload: usize, arrival: Arrival) {
        let compiled = &self.engine.workloads[workload];
        let client = ((arrival.number >> compiled.turn_bits) % u64::from(compiled.model.clients)) as u32;
        let counted = arrival.at >= self.engine.scenario.warmup;
        if counted {
            self.counted_open += 1;
        }
        let request = Request {
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
        };
        match compiled.model.concurrency {
            None => self.send(request, arrival.at),
            Some(_) => self.enter_slot(request, arrival.at),
        }
    }

    /// A worker has thought, and sends its next request, or a session its next turn.
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
    fn enter_slot(&mut self, request: Request, now: SimTime) {
        let workload = usize::from(request.workload);
        let cap = self.engine.workloads[workload].model.concurrency.expect("asked before");
        let slots = &mut self.clients[workload].slots[request.client as usize];
        if slots.active < cap.limit {
            slots.active += 1;
            self.send(request, now);
        } else if cap.queue.is_none_or(|most| (slots.waiting.len() as u64) < u64::from(most)) {
            let deadline = self.deadline(&request);
            self.waits += 1;
            let waiting = Request { next: Next::Slot, waiting_since: now, ticket: self.waits, ..request };
            let slot = self.requests.insert(waiting);
            self.clients[workload].slots[request.client as usize].waiting.push_back(slot);
            if let Some(deadline) = deadline {
                self.calendar.push(Event::new(deadline, Class::Timeout, self.waits, slot));
            }
        } else {
            // The queue is full: the client sheds the request, which never held a slot.
            self.fail(&request, now);
        }
    }

    /// A slot is free, or a line may have what those in it wait for.
    pub(super) fn released(&mut self, event: Event) {
        if self.line_moves(event) {
            return;
        }
        let mut request = self.requests.take(event.slot());
        let now = event.at();
        request.waits.queue += (now - request.waiting_since).0;
        if self.deadline(&request).is_some_and(|deadline| deadline <= now) {
            // The slot came at the very instant of the deadline, too late for an attempt.
            self.end_failed(&request, now);
        } else {
            self.send(request, now);
        }
    }

    /// A backoff is over.
    pub(super) fn retried(&mut self, event: Event) {
        let mut request = self.requests.take(event.slot());
        request.waits.backoff += (event.at() - request.waiting_since).0;
        self.send(request, event.at());
    }

    /// A client learns of a failure, or a deadline passes.
    pub(super) fn timed_out(&mut self, event: Event) {
        let (slot, now) = (event.slot(), event.at());
        if !event.has_order(self.requests.get(slot).ticket) {
            // The request left the queue before its deadline; the slot may already serve another.
            return;
        }
        // The request may have left an entry behind in a line, or with a stream; neither may take it for waiting.
        let request = *self.requests.get(slot);
        self.requests.get_mut(slot).ticket = 0;
        self.requests.free(slot);
        match request.next {
            Next::Failure(failure) => self.decide(request, failure, now),
            Next::Slot => {
                let slots = &mut self.clients[usize::from(request.workload)].slots[request.client as usize];
                slots.waiting.retain(|&other| other != slot);
                self.fail(&request, now);
            }
            Next::Deadline | Next::Retry | Next::Limiter | Next::Pace => self.end_failed(&request, now),
        }
    }

    /// Makes an attempt, once nothing on the client's side holds it back.
    #[inline]
    fn send(&mut self, request: Request, now: SimTime) {
        if self.engine.workloads[usize::from(request.workload)].held_back {
            self.ask(request, now);
        } else {
            self.attempt(request, now);
        }
    }

    #[inline]
    pub(super) fn attempt(&mut self, mut request: Request, now: SimTime) {
        request.attempts += 1;
        request.last_attempt = now;
        let place = usize::from(request.flow);
        if request.counted {
            self.tally.flows[place].attempts += 1;
        }
        let workload = self.engine.workloads[usize::from(request.workload)].model;
        if (workload.faults.unavailable.0 > 0.0 || workload.faults.overloaded.0 > 0.0)
            && let Some(failure) = self.fault_before_admission(&request)
        {
            self.refused(request, failure, now);
            return;
        }
        let flow = &self.engine.flows[place];
        let pool = &self.engine.scenario.pools[flow.pool];
        let demand = demand(&request, flow.max_tokens);
        let cost = pool.reservation(&demand).0;
        let account = pool.account.and_then(|account| self.accounts[account].as_mut());
        match self.gates[flow.pool].admit(now, cost, account) {
            Admission::Admitted(reservation) => self.admitted(request, &demand, reservation, now),
            Admission::Refused(refusal) => {
                self.count_throttle(&mut request, refusal.counted_under);
                self.observe(&request, now, Outcome::Throttled, Some(refusal.counted_under), cost, 0);
                self.refused(request, Failure::Throttled, now);
            }
        }
    }

    /// A 503 or a model-overloaded 429, which come before admission and consume nothing.
    fn fault_before_admission(&mut self, request: &Request) -> Option<Failure> {
        let workload = usize::from(request.workload);
        let faults = self.engine.workloads[workload].model.faults;
        let u = unit(self.clients[workload].fault.attempt_bits(request.number, request.attempts));
        if u < faults.unavailable.0 {
            Some(Failure::Unavailable)
        } else if u < faults.unavailable.0 + faults.overloaded.0 {
            Some(Failure::Overloaded)
        } else {
            None
        }
    }

    fn count_throttle(&mut self, request: &mut Request, limit: QuotaName) {
        let place = usize::from(request.flow);
        self.pools[self.engine.flows[place].pool].throttled += 1;
        if request.counted {
            self.tally.flows[place].throttles[limit as usize] += 1;
        }
        request.throttled = true;
    }

    #[inline]
    fn admitted(&mut self, mut request: Request, demand: &Demand, reservation: Reservation, now: SimTime) {
        let place = usize::from(request.flow);
        let workload_index = usize::from(request.workload);
        let flow = &self.engine.flows[place];
        if flow.metered {
            self.admitted_metered(request, demand, reservation, now);
            return;
        }
        let pool = &self.engine.scenario.pools[flow.pool];
        let charge = pool.charge(demand).0;
        let billed = demand.billed().0;
        let output = demand.output().0 as u32;
        let held = reservation.held();

        if request.sent > 0 {
            let keys = &self.clients[workload_index].latency_keys;
            request.timing = flow.latency.one(keys, request.number, request.sent, request.tokens.input, output);
        }
        request.sent += 1;
        let service = self.service(&mut request);
        let ends = now.saturating_add(SimSpan(service));
        let fate = self.fate(&request, now, ends);

        self.admissions += 1;
        self.in_flight.add(1);
        self.workloads_in_flight[workload_index].add(1);
        let state = &mut self.pools[flow.pool];
        state.admitted += 1;
        state.in_flight.add(1);
        state.reserved.add(held);

        let answered = matches!(fate, Fate::Answered);
        let tally = &mut self.tally.flows[place];
        tally.ledger.reserve(held);
        if request.counted {
            tally.reserved += held;
            tally.charged += charge;
            tally.billed.input += u64::from(request.tokens.input);
            tally.billed.cache_read += u64::from(request.tokens.cache_read);
            tally.billed.cache_write += u64::from(request.tokens.cache_write);
            tally.billed.output += u64::from(output);
            if answered {
                let waited = (now - request.arrived).0;
                tally.wait.record(waited);
                if waited > 0 {
                    tally.wait_backoff.record(request.waits.backoff);
                    tally.wait_limiter.record(request.waits.limiter);
                    tally.wait_queue.record(request.waits.queue);
                }
                if flow.latency.has_ttft() {
                    tally.ttft.record(waited + request.timing.ttft);
                }
            }
        }
        if O::ATTEMPTS {
            let outcome = match fate {
                Fate::Answered if demand.truncated() => Outcome::Truncated,
                Fate::Answered => Outcome::Succeeded,
                Fate::Lost(_, Failure::Disconnected) => Outcome::Disconnected,
                Fate::Lost(..) => Outcome::TimedOut,
                Fate::TooLate(_) => Outcome::DeadlineExceeded,
            };
            self.observe(&request, now, outcome, None, held, charge);
        }

        let order = self.admissions;
        let stream = pool.rules.adjust_every.map(|_| {
            self.streams.insert(Stream {
                order,
                tokens: request.tokens,
                max_tokens: flow.max_tokens,
                timing: Timing { ttft: request.timing.ttft, service },
                steps: 0,
                since: now,
                metered: None,
            })
        });
        let slot = self.flights.insert(Flight {
            reservation,
            ends,
            arrived: request.arrived,
            number: request.number,
            charge,
            billed,
            output,
            flow: request.flow,
            client: request.client,
            call: request.call,
            counted: request.counted,
            throttled: request.throttled,
            ending: if demand.truncated() { Ending::Truncated } else { Ending::Complete },
            abandoned: !answered,
            stream,
        });
        match pool.rules.adjust_every {
            Some(every) if now.saturating_add(every) < ends => {
                self.calendar.push(Event::new(now + every, Class::Server, order, slot));
            }
            _ => self.calendar.push(Event::new(ends, Class::Server, order, slot)),
        }
        match fate {
            Fate::Answered => {}
            Fate::Lost(at, failure) => {
                request.next = Next::Failure(failure);
                self.wait(request, now, at, Class::Timeout);
            }
            Fate::TooLate(at) => {
                request.next = Next::Deadline;
                self.wait(request, now, at, Class::Timeout);
            }
        }
    }

    /// How long the response takes, a slow fault included.
    #[inline]
    pub(super) fn service(&self, request: &mut Request) -> u64 {
        let workload = usize::from(request.workload);
        let faults = &self.engine.workloads[workload].model.faults;
        if faults.slow.0 == 0.0 {
            return request.timing.service;
        }
        let clients = &self.clients[workload];
        let bits = clients.fault.attempt_bits(request.number, request.attempts | SLOW);
        let factor = if unit(bits) < faults.slow.0 { faults.slow_factor } else { 1.0 };
        request.timing.ttft = (request.timing.ttft as f64 * factor) as u64;
        (request.timing.service as f64 * factor) as u64
    }

    /// Whether and when the client gives an admitted attempt up. At a tie the answer comes first.
    #[inline]
    pub(super) fn fate(&self, request: &Request, now: SimTime, ends: SimTime) -> Fate {
        let workload_index = usize::from(request.workload);
        let workload = self.engine.workloads[workload_index].model;
        let mut fate = Fate::Answered;
        let mut first = ends;
        if workload.faults.disconnect.0 > 0.0 {
            let bits = self.clients[workload_index].disconnect.attempt_bits(request.number, request.attempts);
            let u = unit(bits);
            if u < workload.faults.disconnect.0 {
                // Where in the response it breaks is uniform: the rest of the same draw says where.
                let share = u / workload.faults.disconnect.0;
                first = now.saturating_add(SimSpan(((ends - now).0 as f64 * share) as u64));
                fate = Fate::Lost(first, Failure::Disconnected);
            }
        }
        if let Some(timeout) = workload.read_timeout {
            let at = now.saturating_add(timeout);
            if at < first {
                first = at;
                fate = Fate::Lost(at, Failure::Timeout);
            }
        }
        if let Some(deadline) = self.deadline(request)
            && deadline < first
        {
            fate = Fate::TooLate(deadline.max(now));
        }
        fate
    }

    /// An attempt was refused or met a fault; its client hears of it after the throttle latency.
    fn refused(&mut self, mut request: Request, failure: Failure, now: SimTime) {
        if failure == Failure::Overloaded {
            self.count_throttle(&mut request, QuotaName::ModelCapacity);
        }
        if failure != Failure::Throttled {
            let outcome = if failure == Failure::Overloaded { Outcome::Overloaded } else { Outcome::Unavailable };
            let limit = (failure == Failure::Overloaded).then_some(QuotaName::ModelCapacity);
            self.observe(&request, now, outcome, limit, 0, 0);
        }
        let latency = self.engine.workloads[usize::from(request.workload)].model.throttle_latency;
        if latency == SimSpan::ZERO {
            self.decide(request, failure, now);
        } else {
            request.next = Next::Failure(failure);
            self.wait(request, now, now.saturating_add(latency), Class::Timeout);
        }
    }

    /// The client decides what to do about a failed attempt.
    fn decide(&mut self, mut request: Request, failure: Failure, now: SimTime) {
        let workload = usize::from(request.workload);
        let compiled = &self.engine.workloads[workload];
        let throttle = matches!(failure, Failure::Throttled | Failure::Overloaded);
        let fallback = compiled.model.fallback.as_ref().map(|fallback| fallback.after);
        if throttle && fallback == Some(FallbackAfter::Throttle) && self.turn_to_next_pool(&mut request) {
            self.send(request, now);
            return;
        }
        let clients = &mut self.clients[workload];
        let bits = clients.backoff.attempt_bits(request.number, request.attempts);
        let state = &mut clients.states[request.client as usize];
        let decision = compiled.client.after_failure(state, &mut request.call, failure, now, None, bits);
        if compiled.held_back {
            self.rate_moved(workload, request.client, now);
        }
        match decision {
            Decision::Retry { delay } => {
                if fallback == Some(FallbackAfter::Throttle) {
                    self.turn_to(&mut request, compiled.flows.start);
                }
                request.next = Next::Retry;
                self.wait(request, now, now.saturating_add(delay), Class::Retry);
            }
            Decision::GiveUp => {
                if fallback == Some(FallbackAfter::Failure) && self.turn_to_next_pool(&mut request) {
                    let state = &mut self.clients[workload].states[request.client as usize];
                    request.call = compiled.client.begin(state);
                    self.send(request, now);
                } else {
                    self.end_failed(&request, now);
                }
            }
        }
    }

    /// Sends the request's next attempt to the next pool of its list, if there is one.
    fn turn_to_next_pool(&self, request: &mut Request) -> bool {
        let flows = &self.engine.workloads[usize::from(request.workload)].flows;
        let next = usize::from(request.flow) + 1;
        let there_is_one = flows.contains(&next);
        if there_is_one {
            self.turn_to(request, next);
        }
        there_is_one
    }

    fn turn_to(&self, request: &mut Request, flow: usize) {
        if usize::from(request.flow) == flow {
            return;
        }
        request.flow = flow as u16;
        let flow = &self.engine.flows[flow];
        let keys = &self.clients[usize::from(request.workload)].latency_keys;
        let output = request.tokens.output_under(flow.max_tokens);
        request.timing = flow.latency.one(keys, request.number, request.sent, request.tokens.input, output);
    }

    /// Parks a request from `now` until `at`, or until its deadline if that comes first; returns its slot.
    ///
    /// News that come at the deadline itself come in time.
    pub(super) fn wait(&mut self, mut request: Request, now: SimTime, at: SimTime, class: Class) -> u32 {
        let (at, class) = match self.deadline(&request) {
            Some(deadline) if deadline < at || (deadline == at && class != Class::Timeout) => {
                request.next = Next::Deadline;
                (deadline.max(now), Class::Timeout)
            }
            _ => (at, class),
        };
        self.waits += 1;
        request.ticket = self.waits;
        request.waiting_since = now;
        let slot = self.requests.insert(request);
        self.calendar.push(Event::new(at, class, self.waits, slot));
        slot
    }

    pub(super) fn deadline(&self, request: &Request) -> Option<SimTime> {
        let deadline = self.engine.workloads[usize::from(request.workload)].model.deadline?;
        Some(request.arrived.saturating_add(deadline))
    }

    /// A request that held a slot ends without an answer.
    fn end_failed(&mut self, request: &Request, now: SimTime) {
        let (workload, client, number) = (usize::from(request.workload), request.client, request.number);
        self.tally_failure(request);
        self.finish(workload, client, number, now, None);
    }

    /// A request ends without an answer before it held a slot.
    fn fail(&mut self, request: &Request, now: SimTime) {
        self.tally_failure(request);
        self.come_back(usize::from(request.workload), request.number, now, None);
    }

    fn tally_failure(&mut self, request: &Request) {
        if !request.counted {
            return;
        }
        self.counted_open -= 1;
        let place = usize::from(request.flow);
        let flow = &self.engine.flows[place];
        let charge = self.engine.scenario.pools[flow.pool].charge(&demand(request, flow.max_tokens)).0;
        let tally = &mut self.tally.flows[place];
        tally.requests += 1;
        tally.failed += 1;
        tally.requests_throttled += u64::from(request.throttled);
        tally.offered_charge += charge;
        let waited = (request.last_attempt - request.arrived).0;
        tally.wait.record(waited);
        if waited > 0 {
            tally.wait_backoff.record(request.waits.backoff);
            tally.wait_limiter.record(request.waits.limiter);
            tally.wait_queue.record(request.waits.queue);
        }
    }

    /// A request that held a slot has ended, with an answer of `answer` tokens or without one: the slot goes to the next
    /// in line, a worker or a session thinks again.
    #[inline]
    pub(super) fn finish(&mut self, workload: usize, client: u32, number: u64, now: SimTime, answer: Option<u32>) {
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

    #[inline]
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
        request: &Request,
        at: SimTime,
        outcome: Outcome,
        limit: Option<QuotaName>,
        reservation: u64,
        charge: u64,
    ) {
        if O::ATTEMPTS {
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

/// Sets the address of the slow fault apart from that of the faults before admission.
const SLOW: u32 = 1 << 31;

/// A uniform number in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
}

/// What a request asks of a flow with this output limit.
#[inline]
pub(super) fn demand(request: &Request, max_tokens: u32) -> Demand {
    let tokens = |count: u32| Tokens(u64::from(count));
    Demand {
        input: tokens(request.tokens.input),
        cache_read: tokens(request.tokens.cache_read),
        cache_write: tokens(request.tokens.cache_write),
        max_tokens: tokens(request.tokens.limit(max_tokens)),
        natural_output: tokens(request.tokens.output),
    }
}
