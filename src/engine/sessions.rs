//! Sessions: conversations whose every turn sends all earlier turns again, from the prompt cache while that lives.
//!
//! Openings are a Poisson process. Turn k of session s is request `s << 20 | k`, both from 0: an address that does not
//! depend on the order of events. All turns of a session belong to one client, `s mod clients`. The next turn starts a
//! think time after the end of the last, if that is before the horizon.
//!
//! *Prefix*: the new input text and the output actually produced of all earlier answered turns, at most
//! [`Tokens::REQUEST_MAX`]. It counts as cache reads if the last answered turn arrived less than the time to live
//! before this one, and else as cache writes. `input_tokens` is the new text of a turn, which is never cached in its
//! own turn; what the workload draws as `cache_read_tokens` and `cache_write_tokens` (a system prompt, say) is added on
//! top and is no part of the prefix.
//!
//! *Failures*: a turn without an answer ends its session. With `on_failure: continue` the session goes on as if that
//! turn had never been: neither its text nor its use of the cache counts.
//!
//! Memory follows the open sessions.

use super::draws::BLOCK;
use super::observer::Observer;
use super::simulation::{Simulation, arrival_event};
use super::source::Arrival;
use crate::model::arrivals::Sessions;
use crate::random::{Key, OpenArrivals, round_tokens};
use crate::units::{SimTime, Tokens};
use std::collections::BTreeMap;

/// Bits of a request number that hold the turn.
pub(super) const TURN_BITS: u32 = 20;
/// The most turns that a session has.
const MOST_TURNS: u32 = 1 << TURN_BITS;

/// The sessions of one workload.
#[derive(Debug)]
pub(super) struct SessionBook<'a> {
    model: &'a Sessions,
    openings: OpenArrivals,
    turns: Key,
    /// Openings of a block, and which comes next.
    times: Box<[u64; BLOCK]>,
    place: usize,
    len: usize,
    /// The number of the next session.
    next: u64,
    /// By number: the sessions with turns to come.
    open: BTreeMap<u64, Session>,
}

/// An open session.
#[derive(Debug, Clone, Copy)]
struct Session {
    turns: u32,
    /// Tokens of all earlier answered turns.
    prefix: u32,
    /// When the last answered turn arrived.
    cached: SimTime,
    /// Of the turn in progress: its new text, and when it arrived.
    input: u32,
    arrived: SimTime,
}

impl<'a> SessionBook<'a> {
    pub(super) fn new(model: &'a Sessions, openings: OpenArrivals, turns: Key) -> SessionBook<'a> {
        let times = Box::new([0; BLOCK]);
        let mut book = SessionBook { model, openings, turns, times, place: 0, len: 0, next: 0, open: BTreeMap::new() };
        book.refill();
        book
    }

    fn refill(&mut self) {
        self.place = 0;
        self.len = self.openings.fill(&mut self.times[..]);
    }

    /// When the next session opens, and the number of its first turn.
    pub(super) fn peek(&self) -> Option<(SimTime, u64)> {
        (self.place < self.len).then(|| (SimTime(self.times[self.place]), self.next << TURN_BITS))
    }

    fn take(&mut self) -> Option<(SimTime, u64)> {
        let opening = self.peek()?;
        self.next += 1;
        self.place += 1;
        if self.place == self.len {
            self.refill();
        }
        Some(opening)
    }
}

/// The session and the turn of a request.
fn address(number: u64) -> (u64, u32) {
    (number >> TURN_BITS, number as u32 & (MOST_TURNS - 1))
}

impl<O: Observer> Simulation<'_, O> {
    /// A session opens with its first turn.
    #[inline(never)]
    pub(super) fn open_session(&mut self, workload: usize) {
        let book = self.sessions[workload].as_mut().expect("only open sources and sessions have a next arrival");
        let Some((at, number)) = book.take() else { return };
        let next = arrival_event(workload, book.peek());
        let (session, _) = address(number);
        let sampler = self.engine.workloads[workload].turns.as_ref().expect("sessions have turns");
        let turns = round_tokens(sampler.sample(book.turns.bits(session)), 1).min(MOST_TURNS);
        book.open.insert(session, Session { turns, prefix: 0, cached: at, input: 0, arrived: at });
        self.next_arrival_is(workload, next);
        self.start_turn(workload, number, at);
    }

    /// A turn arrives, with what its session makes of the earlier ones.
    pub(super) fn start_turn(&mut self, workload: usize, number: u64, at: SimTime) {
        let compiled = &self.engine.workloads[workload];
        let flow = &self.engine.flows[compiled.flows.start];
        let clients = &self.clients[workload];
        let mut tokens = compiled.tokens.one(&clients.token_keys, number);
        let book = self.sessions[workload].as_mut().expect("only sessions have turns");
        let session = book.open.get_mut(&address(number).0).expect("a session stays open until its last turn ends");
        if at.since(session.cached) < book.model.cache_ttl {
            tokens.cache_read += session.prefix;
        } else {
            tokens.cache_write += session.prefix;
        }
        session.input = tokens.input;
        session.arrived = at;
        let output = tokens.output_under(flow.max_tokens);
        let timing = flow.latency.one(&clients.latency_keys, number, 0, tokens.input, output);
        self.arrive(workload, Arrival { number, at, tokens, timing });
    }

    /// A turn has ended, with an answer of `answer` tokens or without one; the next is thought about, or the session
    /// ends.
    pub(super) fn turn_ended(&mut self, workload: usize, number: u64, now: SimTime, answer: Option<u32>) {
        let book = self.sessions[workload].as_mut().expect("only sessions have turns");
        let (number_of_session, turn) = address(number);
        let session = book.open.get_mut(&number_of_session).expect("a session stays open until its last turn ends");
        if let Some(output) = answer {
            let prefix = u64::from(session.prefix) + u64::from(session.input) + u64::from(output);
            session.prefix = prefix.min(Tokens::REQUEST_MAX.0) as u32;
            session.cached = session.arrived;
        }
        let goes_on = (answer.is_some() || book.model.continue_on_failure) && turn + 1 < session.turns;
        let next = self.after_thinking(workload, number + 1, now);
        if goes_on && next < self.engine.scenario.horizon {
            self.calendar.push(arrival_event(workload, Some((next, number + 1))));
        } else {
            let book = self.sessions[workload].as_mut().expect("seen above");
            book.open.remove(&number_of_session);
        }
    }
}
