//! Which requests of a block may come to anything but an answer at their first attempt, or at any before which they stay
//! in their block, known before they are sent.
//!
//! A response that outlasts the client's patience, a fault that an attempt would meet: all of that is drawn by the
//! request's number, so it can be looked up a block at a time. Most blocks have no such request, and no request has
//! to be asked on its own. Those that are marked go the long way, where their fate is found out exactly; so it does no
//! harm to mark one too many.

use super::compiled::{CompiledWorkload, Flow};
use super::draws::{BLOCK, TimingBlock};
use super::faults::{FaultKeys, FlowFaults};
use crate::units::SimSpan;
use crate::wide::spread;

/// What the attempts of a workload may meet.
#[derive(Debug, Clone)]
pub(super) struct Foresight<'a> {
    /// A longer response may be given up \[ns\].
    longest: u64,
    /// So may one whose first token takes longer \[ns\].
    longest_silence: u64,
    faults: Option<(&'a FlowFaults, FaultKeys)>,
    /// How many attempts are looked at, and how long after the first the last may be made.
    attempts: u32,
    waits: SimSpan,
    /// Whether any may.
    pub(super) any: bool,
    /// Whether a request may meet it.
    pub(super) special: [bool; BLOCK],
}

impl<'a> Foresight<'a> {
    /// What the attempts of a workload may meet on its own pool.
    pub(super) fn new(workload: &CompiledWorkload<'_>, flow: &'a Flow, keys: FaultKeys) -> Foresight<'a> {
        let [timeout, deadline] =
            [workload.model.read_timeout, workload.model.deadline].map(|span| span.unwrap_or(SimSpan(u64::MAX)).0);
        let (attempts, waits) =
            workload.ladder.as_ref().map_or((1, SimSpan::ZERO), |ladder| (ladder.attempts(), ladder.longest()));
        let deadline = if deadline == u64::MAX { deadline } else { deadline.saturating_sub(waits.0) };
        let streams = workload.model.stream;
        let faults = &flow.faults;
        Foresight {
            longest: if streams { deadline } else { deadline.min(timeout) },
            longest_silence: if streams { timeout } else { u64::MAX },
            faults: faults.any().then_some((faults, keys)),
            attempts,
            waits,
            any: false,
            special: [false; BLOCK],
        }
    }

    /// The place of the next request that is marked, from this one on.
    #[inline(always)]
    pub(super) fn next_special(&self, place: usize) -> usize {
        if !self.any {
            return usize::MAX;
        }
        self.special.iter().skip(place).position(|&special| special).map_or(usize::MAX, |nth| place + nth)
    }

    /// Looks at a block whose requests `first ..` arrive at `times`.
    pub(super) fn look(&mut self, first: u64, times: &[u64], timing: &TimingBlock) {
        if self.any {
            self.special.fill(false);
        }
        let special = &mut self.special[..times.len()];
        self.any = mark_longer(&timing.service, self.longest, special);
        self.any |= mark_longer(&timing.ttft, self.longest_silence, special);
        if let Some((faults, keys)) = self.faults {
            faults.mark(&keys, first, times, self.attempts, self.waits, special);
            self.any = true;
        }
    }
}

/// Marks what takes longer than `most`; whether anything does.
fn mark_longer(spans: &[u64; BLOCK], most: u64, special: &mut [bool]) -> bool {
    if most == u64::MAX {
        return false;
    }
    let longest = spread(&spans[..special.len()]).max;
    if longest > most {
        for (special, &span) in special.iter_mut().zip(spans) {
            *special |= span > most;
        }
    }
    longest > most
}
