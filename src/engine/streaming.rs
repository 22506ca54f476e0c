//! Responses that stream to their client (`ConverseStream`).
//!
//! With the first token the SDK has its answer: its retry loop ends, and the success is booked there and then (what a
//! retry took comes back to the quota, the adaptive limiter learns of a response). What goes wrong before that is
//! retried like anything else. What goes wrong afterwards surfaces while the application reads, and no SDK retries it:
//! the request has failed. A read timeout watches over the gaps between bytes, so it can only pass before the first.
//!
//! *Source*: botocore's endpoint loop ends before iteration; the JavaScript SDK records the success when the handler
//! returns; in Rust, errors of the event stream carry no retry kind. The Java SDK is an *Assumption*.
//!
//! *Simplifications*: the tokens of a started stream come in steady flow, so that no gap outlasts a read timeout; where
//! only the whole duration of a response is known, its first token comes at once.

use super::compiled::{CompiledWorkload, Flow};
use super::fate::{Attempt, Fate};
use super::faults::FaultKeys;
use super::held_back::HoldsBack as _;
use super::observer::Observer;
use super::request::Request;
use super::simulation::Simulation;
use crate::client::{Call, Failure};
use crate::units::{SimSpan, SimTime};

/// Whether and when the client gives an admitted attempt up whose response streams. At a tie the answer comes first.
#[cold]
pub(super) fn fate_of_stream(
    attempt: &Attempt,
    ends: SimTime,
    workload: &CompiledWorkload<'_>,
    flow: &Flow,
    keys: &FaultKeys,
) -> Fate {
    let now = attempt.at;
    let first_token = attempt.first_token(ends);
    let met = if flow.faults.lose { flow.faults.lost(keys, attempt, ends) } else { None };
    let (mut first, mut fate) = match met {
        None => (ends, Fate::Answered),
        // An error that answers the attempt comes in place of the stream.
        Some((_, Failure::ModelTimeout)) => (first_token, Fate::Lost(first_token, Failure::ModelTimeout)),
        Some((at, Failure::Disconnected)) if at >= first_token => (at, Fate::Broken(at)),
        Some((at, failure)) => (at, Fate::Lost(at, failure)),
    };
    let silent_until = if matches!(met, Some((_, Failure::Timeout))) { SimTime::MAX } else { first_token };
    if let Some(timeout) = workload.model.read_timeout {
        let at = now.saturating_add(timeout);
        if at < silent_until && at < first {
            (first, fate) = (at, Fate::Lost(at, Failure::Timeout));
        }
    }
    match workload.model.deadline.map(|deadline| attempt.arrived.saturating_add(deadline)) {
        Some(deadline) if deadline < first => Fate::TooLate(deadline.max(now)),
        _ => fate,
    }
}

impl Attempt {
    /// When the first token of its response comes.
    fn first_token(&self, ends: SimTime) -> SimTime {
        self.at.saturating_add(SimSpan(self.timing.ttft)).min(ends)
    }

    /// When the first token of an admitted attempt books its success, if the client has not given up by then.
    pub(super) fn success(&self, fate: Fate, ends: SimTime) -> Option<SimTime> {
        let first_token = self.first_token(ends);
        let heard = match fate {
            Fate::Answered => true,
            Fate::Broken(at) | Fate::TooLate(at) => at >= first_token,
            Fate::Lost(..) => false,
        };
        heard.then_some(first_token)
    }
}

/// When the first token of an attempt books its success, if it does, and what the client remembers for it.
#[cold]
pub(super) fn success_of(request: &Request, fate: Fate, ends: SimTime) -> Option<(SimTime, Call)> {
    request.attempt().success(fate, ends).map(|at| (at, request.call))
}

impl<O: Observer> Simulation<'_, O> {
    /// Whether this event is the first token of a flight's stream; if so, it books the success.
    #[cold]
    pub(super) fn is_first_token(&mut self, slot: u32, now: SimTime) -> bool {
        let flight = self.flights.get(slot);
        let (place, client) = (usize::from(flight.flow), flight.client);
        let stream = self.streams.get_mut(flight.stream);
        let Some((_, call)) = stream.success.take_if(|&mut (at, _)| at == now) else { return false };
        self.book_first_token(place, client, &call, now);
        true
    }

    /// The first token of an answer has come.
    #[cold]
    pub(super) fn book_first_token(&mut self, flow: usize, client: u32, call: &Call, now: SimTime) {
        let workload = self.engine.flows[flow].workload;
        let compiled = &self.engine.workloads[workload];
        compiled.client.after_success(&mut self.clients[workload].states[client as usize], call, now);
        if compiled.held_back {
            self.rate_moved(workload, client, now);
        }
    }
}
