//! Requests of a block that a quota has refused at first, or a gateway has held back, and which stay with their block
//! until they are decided.
//!
//! Of such a request nothing is needed beside what was drawn with it but how often it was refused and how long it has
//! waited. So it is counted with the others of its block, when the last of them is decided. Of those that were refused this
//! is true for clients with a [`Ladder`](crate::client::Ladder) only, and whether it was a quota that refused them or an
//! unavailable service is noted of the few that met one. Of those that were held back it is also true if their
//! deadline passes while they wait or while their attempt runs: both is known as soon as it is known when they go.

use super::draws::{BLOCK, TimingBlock};
use super::first_attempt::{Columns, Verdict};
use super::foresight::Unavailable;
use super::lane::Load;
use super::source::AHEAD;
use crate::tally::{Chosen, Durations, FailureCause, FlowTally, Health, LONG_WAIT};
use crate::wide::{Loop, widest};
use std::ops::Range;

/// What has become of the refused requests of a block.
#[derive(Debug, Clone)]
pub(super) struct Repeats {
    /// Whether there may be any, or any that were held back.
    pub(super) any: bool,
    /// Whether they have waited for a gateway, not for their backoff.
    held_back: bool,
    /// Of each request, how long after its arrival its last attempt was made \[ns\].
    pub(super) waited: [u64; BLOCK],
    /// How often it was refused; by a quota, once those for which the service was unavailable are told apart.
    pub(super) throttles: [u8; BLOCK],
    /// One for each that was given up.
    pub(super) given_up: [u8; BLOCK],
    /// Those for some of whose attempts the service was unavailable.
    unavailable: Vec<WasUnavailable>,
    /// Whether any attempt was cut off: admitted, and its request given up before it ended.
    pub(super) any_cut_off: bool,
    /// Which attempts were; their own verdicts do not say that they were admitted.
    pub(super) cut_off: [Verdict; BLOCK],
}

/// For how many attempts of a request the service was unavailable, and whether it was given up at the last of them.
#[derive(Debug, Clone, Copy)]
struct WasUnavailable {
    place: u16,
    attempts: u16,
    gave_up: bool,
}

/// The waits of a block's requests for their gateway.
#[derive(Clone, Copy)]
pub(super) struct Waits<'w> {
    /// When each goes \[ns\], and whether it does, or is given up first.
    pub(super) at: &'w [u64; BLOCK],
    pub(super) goes: &'w [bool; BLOCK],
    /// When each arrived, how long its answer takes, and after how long it is given up \[ns\].
    pub(super) arrived: &'w [u64; BLOCK + AHEAD],
    pub(super) service: &'w [u64; BLOCK],
    pub(super) deadline: u64,
}

/// Notes what becomes of requests that wait for their gateway.
struct HoldingBack<'h, 'c> {
    columns: &'h mut Columns<'c>,
    range: Range<usize>,
    waits: Waits<'h>,
}

impl Loop for HoldingBack<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let HoldingBack { columns: Columns { repeats, verdicts, .. }, range, waits } = self;
        let Waits { at, goes, arrived, service, deadline } = waits;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let (mut any_late, mut any_cut_off) = (false, false);
        let verdict = |admitted: bool| if admitted { Verdict::Admitted } else { Verdict::Refused };
        for place in start..end {
            let (goes, waited) = (goes[place], at[place] - arrived[place]);
            let in_time = waited.saturating_add(service[place]) <= deadline;
            let (given_up, too_late) = (!goes, !in_time);
            let (cut_off, answered) = (goes & too_late, goes & in_time);
            repeats.waited[place] = if goes { waited } else { 0 };
            repeats.given_up[place] = u8::from(cut_off | given_up);
            repeats.cut_off[place] = verdict(cut_off);
            verdicts[place] = verdict(answered);
            any_late |= waited > 0;
            any_cut_off |= cut_off;
        }
        repeats.any |= any_late | any_cut_off;
        repeats.held_back = repeats.any;
        repeats.any_cut_off |= any_cut_off;
    }
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
            for (load, ((&held, &charge), &service)) in self.loads.iter_mut().zip(held.iter().zip(charge).zip(service))
            {
                *load = Load::new(held, charge, service);
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
        outlook.even = shortest > 0 && !Load::new(most_held, most_charged, longest).is_large();
        (outlook.most_held, outlook.longest) = (most_held, longest);
    }
}

impl Repeats {
    pub(super) fn new() -> Repeats {
        Repeats {
            any: false,
            held_back: false,
            waited: [0; BLOCK],
            throttles: [0; BLOCK],
            given_up: [0; BLOCK],
            unavailable: Vec::new(),
            any_cut_off: false,
            cut_off: [Verdict::Refused; BLOCK],
        }
    }

    /// Makes ready for the next block.
    pub(super) fn clear(&mut self) {
        if self.any {
            (self.any, self.held_back) = (false, false);
            self.waited.fill(0);
            self.throttles.fill(0);
            self.given_up.fill(0);
            self.unavailable.clear();
        }
        if self.any_cut_off {
            self.any_cut_off = false;
            self.cut_off.fill(Verdict::Refused);
        }
    }

    /// All of the block were held back, each for as long as will be said.
    pub(super) fn all_are_held_back(&mut self) {
        (self.any, self.held_back) = (true, true);
    }

    /// When the last of a block is admitted that arrive at these times, and how long after its arrival each has its first
    /// token and ends \[ns\].
    pub(super) fn delay(&self, times: &[u64], timing: &TimingBlock, last: &mut u64, delayed: [&mut [u64; BLOCK]; 2]) {
        let TimingBlock { ttft, service, .. } = timing;
        widest(Delaying { waited: &self.waited, times, spans: [ttft, service], last, delayed });
    }
}

struct Delaying<'a> {
    waited: &'a [u64; BLOCK],
    times: &'a [u64],
    spans: [&'a [u64; BLOCK]; 2],
    last: &'a mut u64,
    delayed: [&'a mut [u64; BLOCK]; 2],
}

impl Loop for Delaying<'_> {
    #[inline(always)]
    fn run(self) {
        let Delaying { waited, times, spans, last, delayed } = self;
        *last = times.iter().zip(waited).fold(0, |last, (&arrived, &waited)| (arrived + waited).max(last));
        for (delayed, span) in delayed.into_iter().zip(spans) {
            for place in 0..BLOCK {
                delayed[place] = waited[place] + span[place];
            }
        }
    }
}

/// Sums over refused requests.
#[derive(Debug, Default)]
struct Refused {
    throttles: u64,
    throttled: u64,
    failed: u64,
    /// What those that were given up would have been charged [quota tokens].
    charge: u64,
}

struct AddingRefused<'a> {
    columns: &'a Columns<'a>,
    range: Range<usize>,
    /// One each that was admitted or given up.
    decided: &'a mut [u8; BLOCK],
    sums: &'a mut Refused,
}

impl Loop for AddingRefused<'_> {
    #[inline(always)]
    fn run(self) {
        let AddingRefused { columns, range, decided, sums } = self;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let mut sum = Refused::default();
        for place in start..end {
            let [admitted, failed, throttled] = columns.outcome(place);
            sum.throttles += u64::from(columns.repeats.throttles[place]);
            sum.throttled += (admitted | failed) & throttled;
            sum.failed += failed;
            sum.charge += columns.charge[place] & failed.wrapping_neg();
        }
        let outcomes = columns.verdicts.iter().zip(&columns.repeats.given_up);
        for (decided, (&verdict, &given_up)) in decided.iter_mut().zip(outcomes) {
            *decided = verdict as u8 | given_up;
        }
        *sums = sum;
    }
}

/// Adds up how many requests of a range have ended, and how many of them in trouble.
struct AddingEnded<'a> {
    columns: &'a Columns<'a>,
    range: Range<usize>,
    ended: &'a mut [u64; 2],
}

impl Loop for AddingEnded<'_> {
    #[inline(always)]
    fn run(self) {
        let AddingEnded { columns, range, ended } = self;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        for place in start..end {
            let [admitted, failed, _] = columns.outcome(place);
            ended[0] += admitted | failed;
            ended[1] += failed | (admitted & u64::from(columns.repeats.waited[place] > LONG_WAIT.0));
        }
    }
}

/// Adds up how many attempts were made of the requests of a range.
struct AddingAttempts<'a> {
    columns: &'a Columns<'a>,
    range: Range<usize>,
    attempts: &'a mut u64,
}

impl Loop for AddingAttempts<'_> {
    #[inline(always)]
    fn run(self) {
        let AddingAttempts { columns, range, attempts } = self;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let refused = &columns.repeats.throttles[start..end];
        let sum: u32 = refused
            .iter()
            .zip(&columns.verdicts[start..end])
            .map(|(&refused, &verdict)| u32::from(refused) + verdict as u32)
            .sum();
        *attempts = sum.into();
    }
}

impl Columns<'_> {
    /// One each if a request was admitted, if it was given up, and if it was ever refused.
    #[inline(always)]
    fn outcome(&self, place: usize) -> [u64; 3] {
        let Repeats { throttles, given_up, .. } = &self.repeats;
        [self.verdicts[place] as u64, given_up[place].into(), u64::from(throttles[place] > 0)]
    }

    /// Counts attempts that were refused, requests that were given up, and how long each has waited for its last attempt.
    ///
    /// Waits for a backoff go into a book of their own, which is added to the tally in the end.
    #[inline(never)]
    pub(super) fn count_repeats(
        &self,
        counted: Range<usize>,
        decided: &mut [u8; BLOCK],
        backoffs: &mut Durations,
        tally: &mut FlowTally,
    ) {
        let mut sums = Refused::default();
        widest(AddingRefused { columns: self, range: counted.clone(), decided, sums: &mut sums });
        tally.attempts += sums.throttles;
        tally.requests_throttled += sums.throttled;
        tally.offered_charge += sums.charge;
        tally.requests += sums.failed;
        tally.failed += sums.failed;
        // The queue of a gateway is left unserved at a deadline only.
        let cause = if self.repeats.held_back { FailureCause::DeadlineExceeded } else { FailureCause::Throttled };
        tally.failures[cause as usize] += sums.failed;
        let unavailable = self.repeats.unavailable.iter().filter(|request| counted.contains(&request.place.into()));
        for &WasUnavailable { attempts, gave_up, .. } in unavailable {
            tally.attempts += u64::from(attempts);
            tally.failures[cause as usize] -= u64::from(gave_up);
            tally.failures[FailureCause::Unavailable as usize] += u64::from(gave_up);
        }
        let waits = Chosen::new(&self.repeats.waited[counted.clone()], &decided[counted]);
        tally.wait.record_zeros(waits.zeros());
        if self.repeats.held_back {
            Durations::record_chosen([&mut tally.wait, &mut tally.wait_limiter], &waits);
            tally.wait_backoff.record_zeros(waits.nonzero());
        } else {
            Durations::record_chosen([backoffs], &waits);
            tally.wait_limiter.record_zeros(waits.nonzero());
        }
        tally.wait_queue.record_zeros(waits.nonzero());
    }

    /// Counts over time how requests of which some were refused have ended; their attempts have been.
    pub(super) fn count_ended(&self, times: &[u64], first_counted: usize, health: &mut Health) {
        let mut start = first_counted;
        while let Some(&at) = times.get(start) {
            let interval = at / health.interval;
            let next = (interval + 1) * health.interval;
            let end = start + times[start..].partition_point(|&at| at < next);
            let mut ended = [0; 2];
            widest(AddingEnded { columns: self, range: start..end, ended: &mut ended });
            let moment = &mut health.moments[interval as usize];
            moment.requests += ended[0];
            moment.troubled += ended[1];
            start = end;
        }
    }

    /// How many attempts were made of the requests in these places.
    pub(super) fn attempts(&self, range: Range<usize>) -> u64 {
        let mut attempts = 0;
        widest(AddingAttempts { columns: self, range, attempts: &mut attempts });
        attempts
    }

    /// How often each request was refused has been noted. Of those that have arrived: how often a quota was not to blame for
    /// it, but an unavailable service.
    pub(super) fn note_unavailable(&mut self, arrived: usize) {
        let Columns { foresight, verdicts, repeats, .. } = self;
        for &Unavailable { place, attempts } in &foresight.unavailable {
            let at = usize::from(place);
            let made = u32::from(repeats.throttles[at]) + verdicts[at] as u32;
            let attempts = u32::from(attempts) & ((1 << made) - 1);
            if at < arrived && attempts > 0 {
                let gave_up = repeats.given_up[at] > 0 && attempts >> (made - 1) > 0;
                repeats.throttles[at] -= attempts.count_ones() as u8;
                repeats.unavailable.push(WasUnavailable { place, attempts: attempts.count_ones() as u16, gave_up });
            }
        }
    }

    /// It is known how long requests wait for their gateway, provided that the attempts that they make are admitted.
    pub(super) fn hold_back(&mut self, range: Range<usize>, waits: Waits<'_>) {
        widest(HoldingBack { columns: self, range, waits });
    }

    /// A request is counted elsewhere.
    pub(super) fn count_apart(&mut self, place: usize) {
        self.verdicts[place] = Verdict::Refused;
        self.repeats.cut_off[place] = Verdict::Refused;
        self.repeats.given_up[place] = 0;
        self.repeats.waited[place] = 0;
    }
}
