//! Which requests of a block may come to anything but an answer at their first attempt, or at any before which they stay
//! in their block, known before they are sent.
//!
//! A response that outlasts the client's patience, a fault that an attempt would meet: all of that is drawn by the
//! request's number, so it can be looked up a block at a time. Most blocks have no such request, and no request has
//! to be asked on its own. Those that are marked go the long way, where their fate is found out exactly; so it does no
//! harm to mark one too many.

use super::compiled::{CompiledWorkload, Flow};
use super::draws::{BLOCK, TimingBlock};
use super::faults::{FaultKeys, FlowFaults, Foreseen};
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
    /// Whether clients take an unavailable service for a throttle, so that requests may stay in their blocks.
    stay_if_unavailable: bool,
    /// Whose first attempts may meet any of it.
    pub(super) at_once: Marked,
    /// Of whom any attempt may, other than an unavailable service if they may stay.
    pub(super) apart: Marked,
    /// Those others who meet an unavailable service.
    pub(super) unavailable: Vec<Unavailable>,
}

/// A request of a block that meets an unavailable service, and nothing else but quotas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unavailable {
    pub(super) place: u16,
    /// At which of its attempts, should it make so many: the first in the lowest bit.
    pub(super) attempts: u16,
}

/// Requests are looked through for those few that are marked in groups of so many.
const GROUP: usize = 64;

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
            let mut from = 0;
            for (group, are) in self.is.chunks_exact(GROUP).enumerate() {
                if !are.contains(&true) {
                    continue;
                }
                for (place, _) in (group * GROUP..).zip(are).filter(|&(_, &is)| is) {
                    self.next[from..=place].fill(place as u16);
                    from = place + 1;
                }
            }
            self.next[from..].fill(u16::MAX);
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
            stay_if_unavailable: ladder.is_some_and(Ladder::is_also_for_unavailable) && faults.refuse,
            at_once: Marked::NONE,
            apart: Marked::NONE,
            unavailable: Vec::new(),
        }
    }

    /// Looks at a block whose requests `first ..` arrive at `times`.
    pub(super) fn look(&mut self, first: u64, times: &[u64], timing: &TimingBlock) {
        let len = times.len();
        self.at_once.clear();
        self.apart.clear();
        self.unavailable.clear();
        let (at_once, later) = (&mut self.at_once.is[..len], &mut self.apart.is[..len]);
        let mut any_at_once = mark_longer(&timing.service, self.longest, at_once);
        any_at_once |= mark_longer(&timing.ttft, self.longest_silence, at_once);
        let longest = if self.deadline == u64::MAX { u64::MAX } else { self.deadline.saturating_sub(self.waits) };
        let mut any_later = self.attempts > 1 && mark_longer(&timing.service, longest, later);
        let mut unavailable = [0; BLOCK];
        if let Some((faults, keys)) = self.faults {
            let unavailable = self.stay_if_unavailable.then_some(&mut unavailable[..len]);
            let mut foreseen = Foreseen { at_once, later, unavailable };
            faults.foresee(&keys, first, times, self.attempts, SimSpan(self.waits), &mut foreseen);
            (any_at_once, any_later) = (true, true);
        }
        if any_at_once {
            self.apart.is.iter_mut().zip(&self.at_once.is).for_each(|(apart, at_once)| *apart |= at_once);
        }
        if self.stay_if_unavailable {
            self.tell_apart(&unavailable);
        }
        self.at_once.finish(any_at_once);
        self.apart.finish(any_at_once | any_later);
    }

    /// Tells those who meet an unavailable service from those who may meet anything else as well.
    fn tell_apart(&mut self, unavailable: &[u16; BLOCK]) {
        for (group, requests) in unavailable.chunks_exact(GROUP).enumerate() {
            if requests.iter().fold(0, |any, attempts| any | attempts) == 0 {
                continue;
            }
            for (place, &attempts) in (group * GROUP..).zip(requests).filter(|&(_, &attempts)| attempts > 0) {
                self.at_once.is[place] |= attempts & 1 > 0;
                if !self.apart.is[place] {
                    self.unavailable.push(Unavailable { place: place as u16, attempts });
                }
            }
        }
    }

    /// The place of the next request, from this one on, that cannot stay in its block; in one of which none was ever refused,
    /// whose service is unavailable at once cannot either.
    #[inline(always)]
    pub(super) fn next_apart(&self, place: usize, none_refused: bool) -> usize {
        let at_once = if none_refused { self.at_once.next(place) } else { usize::MAX };
        at_once.min(self.apart.next(place))
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
