//! Which requests of a block may come to anything but an answer at their first attempt, or at any before which they stay
//! in their block, known before they are sent.
//!
//! A response that outlasts the client's patience, a fault that an attempt would meet: all of that is drawn by the
//! request's number, so it can be looked up a block at a time. Most blocks have no such request, and no request has
//! to be asked on its own. Those that are marked go the long way, where their fate is found out exactly; so it does no
//! harm to mark one too many.

use super::compiled::{CompiledWorkload, Flow};
use super::draws::{BLOCK, Timing, TimingBlock};
use super::faults::{FaultKeys, FlowFaults};
use crate::client::Ladder;
use crate::units::SimSpan;
use crate::wide::spread;

/// What the attempts of a workload may meet.
#[derive(Debug, Clone)]
pub(super) struct Foresight<'a> {
    /// A longer response may be given up \[ns\].
    longest: u64,
    /// So may one whose first token takes longer \[ns\].
    longest_silence: u64,
    /// How long the last attempt before which a request stays in its block may be made after the first: then a response
    /// may be given up that is shorter by that \[ns\].
    waits: u64,
    deadline: u64,
    faults: Option<(&'a FlowFaults, FaultKeys)>,
    /// How many attempts are looked at.
    attempts: u32,
    /// Whose first attempts may meet any of it.
    pub(super) at_once: Marked,
    /// Of whom any later attempt may.
    pub(super) later: Marked,
}

/// Requests of a block that are marked.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    /// Whether any is.
    pub(super) any: bool,
    pub(super) is: [bool; BLOCK],
    /// The first from each place on, if any is.
    next: [u16; BLOCK],
}

impl Marked {
    const NONE: Marked = Marked { any: false, is: [false; BLOCK], next: [0; BLOCK] };

    fn clear(&mut self) {
        if self.any {
            self.is.fill(false);
        }
    }

    /// All are marked.
    fn finish(&mut self, any: bool) {
        self.any = any;
        if any {
            let mut first = u16::MAX;
            for place in (0..BLOCK).rev() {
                first = if self.is[place] { place as u16 } else { first };
                self.next[place] = first;
            }
        }
    }

    /// The place of the next that is, from this one on; none is beyond all places.
    #[inline(always)]
    pub(super) fn next(&self, place: usize) -> usize {
        match self.next.get(place) {
            Some(&next) if self.any && next < u16::MAX => next.into(),
            _ => usize::MAX,
        }
    }
}

impl<'a> Foresight<'a> {
    /// What the attempts of a workload may meet on its own pool; later ones if it is in a lane, where they may be made from
    /// their blocks.
    pub(super) fn new(
        workload: &CompiledWorkload<'_>,
        flow: &'a Flow,
        keys: FaultKeys,
        is_in_lane: bool,
    ) -> Foresight<'a> {
        let [timeout, deadline] =
            [workload.model.read_timeout, workload.model.deadline].map(|span| span.unwrap_or(SimSpan(u64::MAX)).0);
        let streams = workload.model.stream;
        let faults = &flow.faults;
        let ladder = workload.ladder.as_ref().filter(|_| is_in_lane);
        Foresight {
            longest: if streams { deadline } else { deadline.min(timeout) },
            longest_silence: if streams { timeout } else { u64::MAX },
            waits: ladder.map_or(0, |ladder| ladder.longest().0),
            deadline,
            faults: faults.any().then_some((faults, keys)),
            attempts: ladder.map_or(1, Ladder::attempts),
            at_once: Marked::NONE,
            later: Marked::NONE,
        }
    }

    /// Looks at a block whose requests `first ..` arrive at `times`.
    pub(super) fn look(&mut self, first: u64, times: &[u64], timing: &TimingBlock) {
        let len = times.len();
        self.at_once.clear();
        let special = &mut self.at_once.is[..len];
        let mut any = mark_longer(&timing.service, self.longest, special);
        any |= mark_longer(&timing.ttft, self.longest_silence, special);
        if let Some((faults, keys)) = self.faults {
            faults.mark(&keys, first, times, 1..=1, SimSpan::ZERO, special);
            any = true;
        }
        self.at_once.finish(any);
        if self.attempts > 1 {
            self.later.clear();
            let special = &mut self.later.is[..len];
            let longest = if self.deadline == u64::MAX { u64::MAX } else { self.deadline.saturating_sub(self.waits) };
            let mut any = mark_longer(&timing.service, longest, special);
            if let Some((faults, keys)) = self.faults {
                faults.mark(&keys, first, times, 2..=self.attempts, SimSpan(self.waits), special);
                any = true;
            }
            self.later.finish(any);
        }
    }

    /// Whether the first attempt of a request with this timing may be given up; faults are not asked about.
    #[inline(always)]
    pub(super) fn may_give_up(&self, timing: Timing) -> bool {
        timing.service > self.longest || timing.ttft > self.longest_silence
    }

    /// The place of the next request of which any attempt may meet something, from this one on.
    #[inline(always)]
    pub(super) fn next_apart(&self, place: usize) -> usize {
        self.at_once.next(place).min(self.later.next(place))
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
