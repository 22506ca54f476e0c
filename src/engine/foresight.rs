//! Which requests of a block may come to anything but an answer at their first attempt, or at any before which they stay
//! in their block, known before they are sent.
//!
//! A response that outlasts the client's patience, a fault that an attempt would meet: all of that is drawn by the
//! request's number, so it can be looked up a block at a time. Most blocks have no such request, and no request has
//! to be asked on its own. Those that are marked go the long way, where their fate is found out exactly; so it does no
//! harm to mark one too many.
//!
//! An unavailable service is told apart where clients make the same of it as of a throttle. A request that can meet nothing
//! else beside quotas then stays in its block, and it is known exactly at which of its attempts it does. *Measured* over the
//! quota, with half a percent of such attempts and a tenth of a percent of broken answers: while each of these requests had a
//! record, a seventh of all slices of time could not be walked through, and a request took a seventh longer; now a twentieth
//! cannot.

use super::compiled::{CompiledWorkload, Flow};
use super::draws::{BLOCK, Timing, TimingBlock};
use super::faults::{FaultKeys, FlowFaults, Foreseen};
use super::marked::Places;
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
    /// Whether an unavailable service is told apart.
    pub(super) tells_unavailable: bool,
    /// Whose first attempts may meet any of it.
    pub(super) at_once: Marked,
    /// Whether any may be marked.
    pub(super) any: bool,
    /// Of whom any attempt may meet anything, other than an unavailable service if that is told apart.
    pub(super) apart: Places,
    /// The others who meet an unavailable service, in order.
    pub(super) unavailable: Vec<Unavailable>,
}

/// A request of a block that meets an unavailable service, and nothing else but quotas.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unavailable {
    pub(super) place: u16,
    /// At which of its attempts, should it make so many: the first in the lowest bit.
    pub(super) attempts: u16,
}

/// Requests of a block that are marked.
#[derive(Debug, Clone)]
pub(super) struct Marked {
    /// Whether any may be.
    pub(super) any: bool,
    pub(super) is: [bool; BLOCK],
    pub(super) places: Places,
}

impl Marked {
    fn none() -> Marked {
        Marked { any: false, is: [false; BLOCK], places: Places::default() }
    }

    fn clear(&mut self) {
        if self.any {
            (self.is, self.places) = ([false; BLOCK], Places::default());
        }
    }

    /// The place of the next that is, from this one on; beyond all places if there is none.
    #[inline(always)]
    pub(super) fn next(&self, place: usize) -> usize {
        if self.any { self.places.next(place) } else { usize::MAX }
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
            // Walks with first tokens that book successes, or with caps, take no notice of it.
            tells_unavailable: faults.refuse
                && ladder.is_some_and(Ladder::is_also_for_unavailable)
                && !(workload.books_first_token || workload.model.concurrency.is_some()),
            at_once: Marked::none(),
            any: false,
            apart: Places::default(),
            unavailable: Vec::new(),
        }
    }

    /// Looks at a block whose requests `first ..` arrive at `times`.
    pub(super) fn look(&mut self, first: u64, times: &[u64], timing: &TimingBlock) {
        let len = times.len();
        self.at_once.clear();
        self.apart = Places::default();
        self.unavailable.clear();
        let (mut later, mut unavailable) = ([false; BLOCK], [0; BLOCK]);
        let at_once = &mut self.at_once.is[..len];
        let mut any_at_once = mark_longer(&timing.service, self.longest, at_once);
        any_at_once |= mark_longer(&timing.ttft, self.longest_silence, at_once);
        let longest = if self.deadline == u64::MAX { u64::MAX } else { self.deadline.saturating_sub(self.waits) };
        let mut any_later = self.attempts > 1 && mark_longer(&timing.service, longest, &mut later[..len]);
        if let Some((faults, keys)) = self.faults {
            let unavailable = self.tells_unavailable.then_some(&mut unavailable[..len]);
            let mut foreseen = Foreseen { at_once, later: &mut later[..len], unavailable };
            faults.foresee(&keys, first, times, self.attempts, SimSpan(self.waits), &mut foreseen);
            (any_at_once, any_later) = (true, self.attempts > 1);
        }
        (self.at_once.any, self.any) = (any_at_once, any_at_once | any_later);
        if any_at_once {
            self.at_once.places = Places::of(&self.at_once.is);
            self.apart = self.at_once.places;
        }
        if any_later {
            self.apart = self.apart | Places::of(&later);
        }
        if self.tells_unavailable {
            self.tell_apart(&unavailable);
        }
    }

    /// Whether the first attempt of a request with this timing may be given up; faults are not asked about.
    #[inline(always)]
    pub(super) fn may_give_up(&self, timing: Timing) -> bool {
        timing.service > self.longest || timing.ttft > self.longest_silence
    }

    /// Tells those who meet an unavailable service from those who may meet anything else as well.
    fn tell_apart(&mut self, unavailable: &[u16; BLOCK]) {
        for place in Places::of(&unavailable.map(|attempts| attempts > 0)).all() {
            let attempts = unavailable[place];
            if attempts & 1 > 0 {
                self.at_once.is[place] = true;
                self.at_once.places.insert(place);
            }
            if !self.apart.has(place) {
                self.unavailable.push(Unavailable { place: place as u16, attempts });
            }
        }
    }

    /// Whether any of so many requests from this place on, fewer than 64, is not to stay in its block. If the waits of the
    /// block are not at hand, that goes for those whose service is unavailable at once, too.
    #[inline(always)]
    pub(super) fn any_apart(&self, place: usize, requests: usize, without_waits: bool) -> bool {
        let at_once = self.at_once.places.bits(place, requests) & u64::from(without_waits).wrapping_neg();
        at_once | self.apart.bits(place, requests) > 0
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
