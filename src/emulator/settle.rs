//! What falls due: adjustments and settlements of open responses, scheduled changes of quotas, samples.

use super::history::{MOST, Sample};
use super::record::Row;
use super::service::{ABANDONED, Answer, Break, FAILED, Service, milliseconds};
use crate::admission::{Reservation, Settlement};
use crate::engine::Outcome;
use crate::model::Pool;
use crate::units::{SimSpan, SimTime};
use std::cmp::Reverse;

/// An event in the calendar; simultaneous ones come in the order of the variants, responses in that of admissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    at: SimTime,
    what: What,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    /// Quotas change as the scenario says.
    Quotas,
    /// The response of an admission is adjusted or ends.
    Response(u64),
    /// The levels are sampled.
    Sample,
}

/// An open response.
#[derive(Debug)]
pub(super) struct Flight {
    answer: Answer,
    reservation: Reservation,
    workload: usize,
    pool: usize,
    /// How many adjustments have been made.
    steps: u64,
    /// Its caller has hung up.
    abandoned: bool,
    row: Option<Row>,
}

impl Flight {
    /// Whether it is on this pool and nobody waits for it any more.
    pub(super) fn is_abandoned_on(&self, pool: usize) -> bool {
        self.abandoned && self.pool == pool
    }
}

impl Service {
    /// An admitted attempt becomes an open response.
    pub(super) fn open(
        &mut self,
        answer: Answer,
        reservation: Reservation,
        (workload, pool): (usize, usize),
        row: Option<Row>,
    ) {
        let held = reservation.held();
        let state = &mut self.pools[pool];
        state.in_flight += 1;
        state.reserved += held;
        let flow = self.flows.get_mut(&(workload, pool)).expect("made at its first attempt");
        flow.counts.ledger.reserve(held);
        let flight = Flight { answer, reservation, workload, pool, steps: 0, abandoned: false, row };
        let next = next_step(&self.pools[pool].model, &flight);
        self.flights.insert(answer.number, flight);
        self.schedule(next, What::Response(answer.number));
    }

    /// The caller of an open response has hung up; the response goes on to its end all the same.
    pub(super) fn abandon(&mut self, number: u64) {
        if let Some(flight) = self.flights.get_mut(&number) {
            flight.abandoned = true;
        }
    }

    /// Handles everything that is due by `now`, each at its own instant.
    pub(super) fn advance(&mut self, now: SimTime) {
        while let Some(&Reverse(due)) = self.calendar.peek()
            && due.at <= now
        {
            self.calendar.pop();
            match due.what {
                What::Quotas => self.change_quotas(due.at),
                What::Response(number) => self.step(number, due.at),
                What::Sample => self.sample(due.at, now),
            }
        }
    }

    fn schedule(&mut self, at: SimTime, what: What) {
        self.calendar.push(Reverse(Due { at, what }));
    }

    /// Schedules what does not depend on calls.
    pub(super) fn schedule_marks(&mut self) {
        for at in self.scenario.quota_changes() {
            self.schedule(self.began.saturating_add(SimSpan(at.0)), What::Quotas);
        }
        self.schedule(self.began, What::Sample);
    }

    fn change_quotas(&mut self, at: SimTime) {
        let at = self.law_time(at);
        for state in &mut self.pools {
            state.gate.set_limits(at, &state.model);
        }
        for (meter, account) in self.accounts.iter_mut().zip(&self.scenario.accounts) {
            if let (Some(meter), Some(quota)) = (meter, &account.tokens_per_day) {
                meter.set_limit(quota.limit_at(at));
            }
        }
    }

    /// A response is adjusted, or ends.
    fn step(&mut self, number: u64, at: SimTime) {
        let Some(flight) = self.flights.get(&number) else { return };
        if at < flight.answer.ends_at() {
            self.adjust(number, at);
        } else {
            let flight = self.flights.remove(&number).expect("just seen");
            self.settle(flight, at);
        }
    }

    fn adjust(&mut self, number: u64, at: SimTime) {
        let law_at = self.law_time(at);
        let flight = self.flights.get_mut(&number).expect("just seen");
        let state = &mut self.pools[flight.pool];
        let Answer { timing, demand, admitted_at, .. } = flight.answer;
        let generated = timing.generated(demand.output(), at - admitted_at);
        let held = flight.reservation.held();
        let now_held = state.model.held(&demand, generated).0;
        let account = state.model.account.and_then(|account| self.accounts[account].as_mut());
        state.gate.adjust(law_at, &mut flight.reservation, now_held, account);
        state.reserved = state.reserved + now_held - held;
        flight.steps += 1;
        let next = next_step(&state.model, flight);
        let flow = self.flows.get_mut(&(flight.workload, flight.pool)).expect("made at its first attempt");
        flow.counts.ledger.adjust(held, now_held);
        self.schedule(next, What::Response(number));
    }

    fn settle(&mut self, flight: Flight, at: SimTime) {
        let law_at = self.law_time(at);
        let state = &mut self.pools[flight.pool];
        let held = flight.reservation.held();
        let demand = flight.answer.demand;
        let charge = state.model.charge(&demand).0;
        let account = state.model.account.and_then(|account| self.accounts[account].as_mut());
        let settlement = Settlement { charge, billed: demand.billed().0 };
        state.gate.settle(law_at, flight.reservation, settlement, account);
        state.in_flight -= 1;
        state.reserved -= held;

        let ending = Ending::of(&flight.answer, flight.abandoned);
        let flow = self.flows.get_mut(&(flight.workload, flight.pool)).expect("made at its first attempt");
        let has_ttft = flow.draws.has_ttft();
        let counts = &mut flow.counts;
        counts.ledger.settle(held, charge);
        counts.ended(ending.outcome);
        counts.responses += 1;
        counts.latency = SimSpan(counts.latency.0.saturating_add(flight.answer.timing.service.0));
        counts.ttft = SimSpan(counts.ttft.0.saturating_add(flight.answer.timing.ttft.0));
        counts.tokens.input += demand.input.0;
        counts.tokens.cache_read += demand.cache_read.0;
        counts.tokens.cache_write += demand.cache_write.0;
        counts.tokens.output += demand.output().0;
        if let Some(row) = flight.row {
            let timing = flight.answer.timing;
            self.rows.push(Row {
                outcome: ending.outcome,
                status: ending.status,
                error: ending.error,
                output_tokens: demand.output().0,
                charge,
                ttft_ms: has_ttft.then(|| milliseconds(timing.ttft)),
                latency_ms: milliseconds(timing.service),
                stop_reason: ending.stop_reason,
                ..row
            });
        }
    }

    /// Takes all open responses off the books, which start anew, or close. They are recorded as they would have ended.
    pub(super) fn forget_all(&mut self, now: SimTime) {
        while let Some((_, flight)) = self.flights.pop_first() {
            self.settle(flight, now);
        }
    }

    fn sample(&mut self, at: SimTime, now: SimTime) {
        let law_at = self.law_time(at);
        for (place, state) in self.pools.iter_mut().enumerate() {
            let available = state.gate.available(law_at);
            let flows = || self.flows.iter().filter(|((_, pool), _)| *pool == place).map(|(_, flow)| &flow.counts);
            state.history.push(Sample {
                at,
                available: available.map(|(level, _)| level),
                capacity: available.map(|(_, most)| most),
                reserved: state.reserved,
                in_flight: state.in_flight,
                attempts: flows().map(|counts| counts.attempts).sum(),
                throttled: flows().map(super::counts::Counts::throttled).sum(),
            });
        }
        // After a long sleep of the machine, or a long step, older samples would be thrown away at once.
        let every = self.setup.sample_every;
        let behind = (now - at).0 / every.0;
        let skipped = behind.saturating_sub(MOST as u64);
        let next = at.saturating_add(SimSpan(every.0 * (skipped + 1)));
        // At the end of time there is no next one.
        if next > at {
            self.schedule(next, What::Sample);
        }
    }
}

/// When something next happens to an open response: its adjustment at admission + k·d, or its end.
fn next_step(pool: &Pool, flight: &Flight) -> SimTime {
    let ends = flight.answer.ends_at();
    let Some(every) = pool.rules.adjust_every else { return ends };
    let after = SimSpan(every.0.saturating_mul(flight.steps + 1));
    flight.answer.admitted_at.saturating_add(after).min(ends)
}

/// How a response ended for its caller.
#[derive(Debug)]
struct Ending {
    outcome: &'static str,
    status: Option<u16>,
    error: Option<&'static str>,
    stop_reason: Option<&'static str>,
}

impl Ending {
    fn of(answer: &Answer, abandoned: bool) -> Ending {
        let broken = |outcome, status, error| Ending { outcome, status, error, stop_reason: None };
        match answer.breaks {
            Some((_, Break::StreamError)) => broken(FAILED, Some(200), Some("ModelStreamErrorException")),
            Some((_, Break::Disconnect)) => broken(Outcome::Disconnected.key(), None, None),
            None if abandoned => broken(ABANDONED, None, None),
            None => Ending {
                outcome: if answer.demand.truncated() { Outcome::Truncated.key() } else { Outcome::Succeeded.key() },
                status: Some(200),
                error: None,
                stop_reason: Some(answer.stop_reason()),
            },
        }
    }
}

impl Answer {
    /// Why the model stopped, in the words that Converse and Anthropic share.
    pub(super) fn stop_reason(&self) -> &'static str {
        if self.demand.truncated() { "max_tokens" } else { "end_turn" }
    }
}
