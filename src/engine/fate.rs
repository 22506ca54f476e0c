//! The fate of an admitted attempt: how it ends for its client, known when it is admitted.

use super::compiled::{CompiledWorkload, Flow};
use super::draws::Timing;
use super::faults::FaultKeys;
use super::streaming::fate_of_stream;
use crate::client::Failure;
use crate::units::SimTime;

/// An attempt, as far as its fate depends on it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    /// The request's number, and which of its attempts it is, from 1.
    pub(super) request: u64,
    pub(super) number: u32,
    /// When the request arrived, and when the attempt was made.
    pub(super) arrived: SimTime,
    pub(super) at: SimTime,
    /// The timing of its response.
    pub(super) timing: Timing,
}

/// How an admitted attempt will end for its client.
#[derive(Debug, Clone, Copy)]
pub(super) enum Fate {
    /// With an answer.
    Answered,
    /// With a failure, at this instant.
    Lost(SimTime, Failure),
    /// With an error in its started stream, at this instant.
    Broken(SimTime),
    /// With the request's deadline.
    TooLate(SimTime),
}

impl Fate {
    /// The fate of an attempt that ends on the server at `ends`.
    pub(super) fn of(
        attempt: &Attempt,
        ends: SimTime,
        workload: &CompiledWorkload<'_>,
        flow: &Flow,
        keys: &FaultKeys,
    ) -> Fate {
        match (workload.may_be_given_up, workload.model.stream) {
            (false, _) => Fate::Answered,
            (true, false) => fate_of_answer(attempt, ends, workload, flow, keys),
            (true, true) => fate_of_stream(attempt, ends, workload, flow, keys),
        }
    }

    /// Whether the service is to blame for a lost answer.
    pub(super) fn is_fault(self) -> bool {
        matches!(self, Fate::Lost(_, Failure::Disconnected | Failure::ModelTimeout) | Fate::Broken(_))
    }
}

/// Whether and when the client gives an admitted attempt up. At a tie the answer comes first.
fn fate_of_answer(
    attempt: &Attempt,
    ends: SimTime,
    workload: &CompiledWorkload<'_>,
    flow: &Flow,
    keys: &FaultKeys,
) -> Fate {
    let mut fate = Fate::Answered;
    let mut first = ends;
    if flow.faults.lose
        && let Some((at, failure)) = flow.faults.lost(keys, attempt, ends)
    {
        first = at;
        fate = Fate::Lost(at, failure);
    }
    if let Some(timeout) = workload.model.read_timeout {
        let at = attempt.at.saturating_add(timeout);
        if at < first {
            first = at;
            fate = Fate::Lost(at, Failure::Timeout);
        }
    }
    if let Some(deadline) = workload.model.deadline {
        let deadline = attempt.arrived.saturating_add(deadline);
        if deadline < first {
            fate = Fate::TooLate(deadline.max(attempt.at));
        }
    }
    fate
}
