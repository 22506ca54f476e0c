//! Requests of a block that a quota has refused at first, and which stay with their block until they are decided.
//!
//! Of such a request nothing is needed beside what was drawn with it but how often it was refused and how long it has
//! waited. So it needs no record, and is counted with the others of its block, when the last of them is decided. For
//! clients with a [`Ladder`](crate::client::Ladder) only.

use super::draws::{BLOCK, TimingBlock};
use super::first_attempt::{Columns, Verdict};
use super::lane::Load;
use crate::tally::{FailureCause, FlowTally};
use crate::wide::{Loop, spread, widest};
use std::ops::Range;

/// What has become of the refused requests of a block.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    /// Whether there are any.
    pub(super) any: bool,
    /// How many of them wait.
    pub(super) undecided: u32,
    /// What has become of each request.
    pub(super) outcomes: [Outcome; BLOCK],
}

/// What is known of a block before anything happens to its requests.
#[derive(Debug, Clone)]
pub(super) struct Outlook {
    /// What each is in flight, if it is not large.
    pub(super) loads: [Load; BLOCK],
    /// What the requests before each take from a quota at the most, and what all take [quota tokens].
    pub(super) taken: [u64; BLOCK + 1],
    /// Whether no load is large, and none ends at the instant at which it begins.
    pub(super) even: bool,
    /// No request holds more [quota tokens], or takes longer \[ns\].
    pub(super) most_held: u64,
    pub(super) longest: u64,
}

impl Default for Outlook {
    fn default() -> Self {
        Outlook { loads: [Load::default(); BLOCK], taken: [0; BLOCK + 1], even: false, most_held: 0, longest: 0 }
    }
}

impl Outlook {
    /// Looks at requests that would hold and be charged so much, and take so long.
    pub(super) fn look(&mut self, held: &[u64], charge: &[u64], service: &[u64]) {
        widest(Looking { outlook: self, held, charge, service });
        if !self.even {
            for (load, (&held, &charge)) in self.loads.iter_mut().zip(held.iter().zip(charge)) {
                *load = Load::new(held, charge);
            }
        }
        let mut taken = 0;
        for (sum, (&held, &charge)) in self.taken[1..].iter_mut().zip(held.iter().zip(charge)) {
            taken += held.max(charge);
            *sum = taken;
        }
    }
}

/// Computes loads that may be too large, and whether none of them is.
struct Looking<'a> {
    outlook: &'a mut Outlook,
    held: &'a [u64],
    charge: &'a [u64],
    service: &'a [u64],
}

impl Loop for Looking<'_> {
    #[inline(always)]
    fn run(self) {
        let Looking { outlook, held, charge, service } = self;
        let (mut most_held, mut most_charged, mut shortest, mut longest) = (0, 0, u64::MAX, 0);
        for (load, (&held, &charge)) in outlook.loads.iter_mut().zip(held.iter().zip(charge)) {
            (most_held, most_charged) = (held.max(most_held), charge.max(most_charged));
            *load = Load::small(held, charge);
        }
        for &service in service {
            (shortest, longest) = (service.min(shortest), service.max(longest));
        }
        outlook.even = shortest > 0 && !Load::new(most_held, most_charged).is_large();
        (outlook.most_held, outlook.longest) = (most_held, longest);
    }
}

/// What has become of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Outcome {
    /// From its arrival to its last attempt \[ns\].
    pub(super) waited: u64,
    /// How often it was refused.
    pub(super) throttles: u32,
    /// Whether it was given up.
    failed: bool,
}

impl Default for Repeats {
    fn default() -> Self {
        Repeats { any: false, undecided: 0, outcomes: [Outcome::default(); BLOCK] }
    }
}

/// The times of a block of which some were admitted after a wait.
pub(super) struct Late {
    /// When each was admitted \[ns\].
    pub(super) admitted_at: [u64; BLOCK],
    /// From its arrival to its first token, and to the end \[ns\].
    pub(super) to_first: [u64; BLOCK],
    pub(super) latency: [u64; BLOCK],
}

impl Repeats {
    /// Makes ready for the next block.
    pub(super) fn clear(&mut self) {
        if self.any {
            *self = Repeats::default();
        }
    }

    /// The times of a block of which some were admitted after a wait; `None` if none was ever refused.
    pub(super) fn late(&self, times: &[u64], timing: &TimingBlock) -> Option<Late> {
        self.any.then(|| {
            let waited = self.outcomes.map(|outcome| outcome.waited);
            let mut late = Late { admitted_at: waited, to_first: waited, latency: waited };
            late.admitted_at.iter_mut().zip(times).for_each(|(at, arrived)| *at += arrived);
            late.to_first.iter_mut().zip(&timing.ttft).for_each(|(to_first, ttft)| *to_first += ttft);
            late.latency.iter_mut().zip(&timing.service).for_each(|(latency, service)| *latency += service);
            late
        })
    }
}

impl Columns<'_> {
    /// Counts attempts that were refused, requests that were given up, and how long each has waited for its last attempt.
    #[inline(never)]
    pub(super) fn count_repeats(&self, counted: Range<usize>, tally: &mut FlowTally) {
        let mut waits = [0; BLOCK];
        let (mut len, mut at_once, mut gave_up) = (0, 0, 0);
        for place in counted {
            let Outcome { waited, throttles, failed } = self.repeats.outcomes[place];
            let failed = u64::from(failed);
            let decided = failed | self.verdicts[place] as u64;
            tally.attempts += u64::from(throttles);
            tally.requests_throttled += decided & u64::from(throttles > 0);
            tally.offered_charge += failed * self.charge[place];
            gave_up += failed;
            // Written in any case, kept where it counts: a branch could not be predicted.
            waits[len.min(BLOCK - 1)] = waited;
            let has_waited = decided & u64::from(waited > 0);
            len += has_waited as usize;
            at_once += decided - has_waited;
        }
        tally.requests += gave_up;
        tally.failed += gave_up;
        tally.failures[FailureCause::Throttled as usize] += gave_up;
        tally.wait.record_zeros(at_once);
        let waits = &waits[..len];
        let spread = spread(waits);
        tally.wait.record_all(waits, spread);
        tally.wait_backoff.record_all(waits, spread);
        tally.wait_limiter.record_zeros(len as u64);
        tally.wait_queue.record_zeros(len as u64);
    }

    /// A first attempt, or the next, is made so long after its request arrived, by a client that makes `most`, and
    /// admitted, if a mask of ones says so; how often the request has been refused, and one if it is given up.
    ///
    /// Without a branch: none of this can be predicted.
    #[inline(always)]
    pub(super) fn attempted(&mut self, place: usize, waited: u64, is_first: bool, admitted: u64, most: u32) -> (u32, u64) {
        self.verdicts[place] = if admitted & 1 != 0 { Verdict::Admitted } else { Verdict::Refused };
        let outcome = &mut self.repeats.outcomes[place];
        outcome.waited = waited;
        outcome.throttles += (!admitted & 1) as u32;
        let throttles = outcome.throttles;
        let gives_up = !admitted & u64::from(throttles >= most);
        outcome.failed = gives_up != 0;
        let decided = (admitted & 1) | gives_up;
        self.repeats.any |= admitted == 0;
        self.repeats.undecided = (self.repeats.undecided + u32::from(is_first)) - decided as u32;
        (throttles, gives_up)
    }
}
