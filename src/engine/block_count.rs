//! Counts the first attempts of a block at once, column by column.
//!
//! *Why*: some thirty counters, one by one, between two branches that nobody can predict, cost ten times what they cost
//! over columns, many requests at a time.

use super::draws::{BLOCK, TimingBlock, TokenBlock};
use super::first_attempt::{Columns, Verdict};
use super::marks::Marks;
use super::simulation::PoolState;
use super::source::OpenSource;
use crate::tally::{Billed, Chosen, Durations, FlowTally, Health, LONG_WAIT, Ledger, Wasted};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, Spread, spread, widest};
use std::ops::Range;

/// Where the requests of a block are counted.
#[derive(Debug)]
pub(super) struct Books<'s> {
    pub(super) tally: &'s mut FlowTally,
    pub(super) pool: &'s mut PoolState,
    pub(super) health: &'s mut Option<Health>,
}

/// Columns that counting a block needs for a moment. The same for all blocks, they stay in the cache.
#[derive(Debug)]
pub(super) struct Scratch {
    /// From the arrival of each request to its first token, and to the end \[ns\].
    to_first: [u64; BLOCK],
    latency: [u64; BLOCK],
    /// How long of measured time its attempt is in flight \[ns\].
    measured: [u64; BLOCK],
    /// One for each that is answered, and for each that is answered or given up.
    answered: [u8; BLOCK],
    decided: [u8; BLOCK],
    /// Waits for a backoff and for nothing else, of all blocks so far.
    backoffs: Durations,
}

impl Scratch {
    pub(super) fn new() -> Box<Scratch> {
        let (spans, ones) = ([0; BLOCK], [0; BLOCK]);
        Box::new(Scratch {
            to_first: spans,
            latency: spans,
            measured: spans,
            answered: ones,
            decided: ones,
            backoffs: Durations::default(),
        })
    }
}

/// What was drawn of a block.
#[derive(Clone, Copy)]
struct Block<'a> {
    times: &'a [u64],
    tokens: &'a TokenBlock,
    timing: &'a TimingBlock,
}

/// Sums over the admitted attempts of a block.
#[derive(Debug, Default, Clone, Copy)]
struct Sums {
    admitted: u64,
    reserved: u64,
    charged: u64,
    refunded: u64,
    overdraft: u64,
    input: u64,
    cache_read: u64,
    cache_write: u64,
    output: u64,
    good: u64,
    good_output: u64,
}

impl Sums {
    fn book(&self, ledger: &mut Ledger) {
        ledger.merge(&Ledger {
            reserved: self.reserved,
            settled: self.charged,
            refunded: self.refunded,
            overdraft: self.overdraft,
        });
    }

    fn billed(&self) -> Billed {
        Billed { input: self.input, output: self.output, cache_read: self.cache_read, cache_write: self.cache_write }
    }

    /// Counts attempts that were admitted.
    fn count_attempts(&self, tally: &mut FlowTally) {
        tally.attempts += self.admitted;
        tally.admitted(self.reserved, self.charged, &self.billed());
    }

    /// Counts requests that were answered at the last of these attempts.
    fn count_answered(&self, tally: &mut FlowTally) {
        self.count_attempts(tally);
        tally.requests += self.admitted;
        tally.succeeded += self.admitted;
        tally.offered_charge += self.charged;
        tally.good += self.good;
        tally.good_output += self.good_output;
        tally.truncated += self.admitted - self.good;
    }

    /// Counts attempts of which nobody heard the end.
    fn count_wasted(&self, tally: &mut FlowTally) {
        self.count_attempts(tally);
        tally.wasted.merge(&Wasted { attempts: self.admitted, charged: self.charged, billed: self.billed() });
    }
}

/// Adds up the attempts of a range of a block that are admitted by these verdicts.
struct Adding<'a> {
    columns: &'a Columns<'a>,
    verdicts: &'a [Verdict; BLOCK],
    tokens: &'a TokenBlock,
    range: Range<usize>,
    sums: &'a mut Sums,
}

impl Loop for Adding<'_> {
    #[inline(always)]
    fn run(self) {
        let Adding { columns, verdicts, tokens, range, sums } = self;
        // One column after the other: a loop over all would run out of registers.
        let mask = |place: usize| mask(verdicts[place]);
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let mut sum = Sums::default();
        for place in start..end {
            let held = columns.reservation[place] & mask(place);
            let charge = columns.charge[place] & mask(place);
            sum.admitted += mask(place) & 1;
            sum.reserved += held;
            sum.charged += charge;
            sum.refunded += held.saturating_sub(charge);
            sum.overdraft += charge.saturating_sub(held);
        }
        for place in start..end {
            sum.input += u64::from(tokens.input[place]) & mask(place);
            sum.cache_read += u64::from(tokens.cache_read[place]) & mask(place);
            sum.cache_write += u64::from(tokens.cache_write[place]) & mask(place);
        }
        for place in start..end {
            let output = u64::from(tokens.capped[place]) & mask(place);
            let complete = (u64::from(tokens.capped[place] == tokens.output[place]) & mask(place)).wrapping_neg();
            sum.output += output;
            sum.good += complete & 1;
            sum.good_output += output & complete;
        }
        *sums = sum;
    }
}

impl Columns<'_> {
    /// Counts the admitted requests of a block, from the place `start` on.
    fn count(
        &self,
        block: Block<'_>,
        (start, has_ttft): (usize, bool),
        marks: &Marks,
        books: Books<'_>,
        scratch: &mut Scratch,
    ) {
        let Block { times, tokens, timing } = block;
        let Books { tally, pool, health } = books;
        let (Some(&first), Some(&last)) = (times.get(start), times.last()) else { return };
        let len = times.len();
        if !self.repeats.any && self.verdicts[start..len].iter().all(|&verdict| verdict == Verdict::Refused) {
            return;
        }
        let Scratch { to_first, latency, measured, answered, decided, backoffs } = scratch;
        let (mut last, mut late) = (last, None);
        if self.repeats.any {
            self.repeats.delay(times, timing, &mut last, [&mut *to_first, &mut *latency]);
            late = Some((&*to_first, &*latency));
        }
        let (to_first, latency) = late.unwrap_or((&timing.ttft, &timing.service));
        // Times do not decrease.
        let first_counted = times.partition_point(|&at| at < marks.warmup().0).max(start);
        let service = spread(&timing.service[start..len]);
        let latest_end = SimTime(last).saturating_add(SimSpan(service.max));

        let mut sums = Sums::default();
        let verdicts = &self.verdicts;
        widest(Adding { columns: self, verdicts, tokens, range: start..len, sums: &mut sums });
        sums.book(&mut tally.ledger);
        if first_counted > start {
            sums = Sums::default();
            widest(Adding { columns: self, verdicts, tokens, range: first_counted..len, sums: &mut sums });
        }
        sums.count_answered(tally);

        let all_measured = SimTime(first) >= marks.warmup() && latest_end <= marks.horizon();
        let spans = if all_measured { &timing.service } else { self.measure(block, start, marks, measured) };
        let mut hold = |verdicts: &[Verdict; BLOCK]| {
            let (mut in_flight, mut reserved) = (0, 0);
            let held = [&mut in_flight, &mut reserved];
            widest(Holding { reservation: &self.reservation, verdicts, spans, range: start..len, held });
            tally.in_flight_ns += in_flight;
            pool.reservation_ns += reserved;
        };
        hold(verdicts);
        if self.repeats.any_cut_off {
            hold(&self.repeats.cut_off);
            self.count_cut_off(tokens, [start, first_counted, len], tally);
        }

        let counted = first_counted..len;
        if self.repeats.any {
            self.count_repeats(counted.clone(), decided, backoffs, tally);
        } else {
            tally.wait.record_zeros(sums.admitted);
        }
        let all = sums.admitted == (len - first_counted) as u64;
        if !all {
            for (answered, &verdict) in answered.iter_mut().zip(verdicts) {
                *answered = verdict as u8;
            }
        }
        if has_ttft {
            let known = all.then(|| spread(&to_first[counted.clone()]));
            count_durations(&to_first[counted.clone()], &answered[counted.clone()], known, &mut tally.ttft);
        }
        let endless = latest_end > marks.patience();
        let known = (all && !endless).then(|| {
            let is_service = late.is_none() && first_counted == start;
            if is_service { service } else { spread(&latency[counted.clone()]) }
        });
        if endless {
            for place in counted.clone() {
                let in_time = times[place].saturating_add(latency[place]) <= marks.patience().0;
                answered[place] = u8::from(verdicts[place] == Verdict::Admitted && in_time);
            }
        }
        count_durations(&latency[counted.clone()], &answered[counted], known, &mut tally.latency);
        if let Some(health) = health.as_mut() {
            if self.repeats.any {
                self.count_ended(times, first_counted, health);
            } else {
                self.count_health(times, start, first_counted, health);
            }
        }
        if endless {
            let admitted = (first_counted..len).filter(|&place| self.verdicts[place] == Verdict::Admitted);
            self.uncount_endless(admitted, block, marks, (tally, health));
        }
    }

    /// Counts the attempts of a block that were cut off: all that they took was wasted.
    #[inline(never)]
    fn count_cut_off(&self, tokens: &TokenBlock, [start, first_counted, len]: [usize; 3], tally: &mut FlowTally) {
        let verdicts = &self.repeats.cut_off;
        for (range, is_counted) in [(start..first_counted, false), (first_counted..len, true)] {
            let mut sums = Sums::default();
            if !range.is_empty() {
                widest(Adding { columns: self, verdicts, tokens, range, sums: &mut sums });
            }
            sums.book(&mut tally.ledger);
            if is_counted {
                sums.count_wasted(tally);
            }
        }
    }

    /// Counts the admitted requests of a block over time. None of them was ever in trouble.
    #[inline(never)]
    fn count_health(&self, times: &[u64], mut start: usize, first_counted: usize, health: &mut Health) {
        while let Some(&at) = times.get(start) {
            let interval = (at / health.interval) as usize;
            let length = times[start..].partition_point(|&at| (at / health.interval) as usize == interval);
            let admitted =
                |range: Range<usize>| self.verdicts[range].iter().map(|&verdict| verdict as u64).sum::<u64>();
            let end = start + length;
            let moment = &mut health.moments[interval];
            moment.attempts += admitted(start..end);
            moment.requests += admitted(start.max(first_counted).min(end)..end);
            start = end;
        }
    }

    /// How long of measured time each attempt of a block is in flight, if it is admitted \[ns\].
    fn measure<'m>(
        &self,
        block: Block<'_>,
        start: usize,
        marks: &Marks,
        measured: &'m mut [u64; BLOCK],
    ) -> &'m [u64; BLOCK] {
        let waited = &self.repeats.waited;
        for (place, (measured, &arrived)) in measured.iter_mut().zip(block.times).enumerate().skip(start) {
            let at = SimTime(arrived + waited[place]);
            *measured = marks.measured(at, at.saturating_add(SimSpan(block.timing.service[place])));
        }
        measured
    }

    /// Takes back the answers that come after all patience; their latencies were not counted.
    #[cold]
    fn uncount_endless(
        &self,
        admitted: impl Iterator<Item = usize>,
        block: Block<'_>,
        marks: &Marks,
        (tally, health): (&mut FlowTally, &mut Option<Health>),
    ) {
        for place in admitted {
            let latency = block.timing.service[place] + self.repeats.waited[place];
            if SimTime(block.times[place]).saturating_add(SimSpan(latency)) <= marks.patience() {
                continue;
            }
            tally.requests -= 1;
            tally.succeeded -= 1;
            tally.requests_throttled -= u64::from(self.repeats.throttles[place] > 0);
            tally.offered_charge -= self.charge[place];
            if let Some(health) = health {
                let moment = &mut health.moments[(block.times[place] / health.interval) as usize];
                moment.requests -= 1;
                moment.troubled -= u64::from(self.repeats.waited[place] > LONG_WAIT.0);
            }
            if block.tokens.capped[place] < block.tokens.output[place] {
                tally.truncated -= 1;
            } else {
                tally.good -= 1;
                tally.good_output -= u64::from(block.tokens.capped[place]);
            }
        }
    }
}

/// Counts durations, of which those of answered requests have a one beside them; if all have, their spread is known.
fn count_durations(durations: &[u64], answered: &[u8], all: Option<Spread>, tally: &mut Durations) {
    match all {
        Some(spread) if spread.min > 0 => tally.record_all(durations, spread),
        Some(_) => durations.iter().for_each(|&ns| tally.record(ns)),
        None => {
            let chosen = Chosen::new(durations, answered);
            tally.record_zeros(chosen.zeros());
            Durations::record_chosen([tally], &chosen);
        }
    }
}

/// All ones for an admitted attempt.
#[inline(always)]
fn mask(verdict: Verdict) -> u64 {
    (verdict as u64).wrapping_neg()
}

/// Adds up what the attempts of a block hold that are admitted by these verdicts, and for how long.
struct Holding<'a> {
    reservation: &'a [u64; BLOCK],
    verdicts: &'a [Verdict; BLOCK],
    /// For how long each is in flight \[ns\].
    spans: &'a [u64; BLOCK],
    range: Range<usize>,
    /// The sum of the times, and of the times and what is held then.
    held: [&'a mut u128; 2],
}

impl Loop for Holding<'_> {
    #[inline(always)]
    fn run(self) {
        let Holding { reservation, verdicts, spans, range, held: [in_flight, reserved] } = self;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let any = |numbers: &[u64; BLOCK]| numbers[start..end].iter().fold(0, |any, number| any | number);
        let (longest, largest) = (any(spans), any(reservation));
        let most = u64::MAX / BLOCK as u64;
        if longest.checked_mul(largest.max(1)).is_some_and(|product| product < most) {
            // Nothing can grow out of 64 bits, of which a register holds many.
            let (mut sum, mut products) = (0, 0);
            for place in start..end {
                let span = spans[place] & mask(verdicts[place]);
                sum += span;
                products += span * reservation[place];
            }
            (*in_flight, *reserved) = (u128::from(sum), u128::from(products));
        } else {
            for place in start..end {
                let span = spans[place] & mask(verdicts[place]);
                *in_flight += u128::from(span);
                *reserved += u128::from(span) * u128::from(reservation[place]);
            }
        }
    }
}

impl OpenSource<'_> {
    /// Adds the waits that were counted apart: each is a wait, and one for a backoff.
    pub(super) fn add_backoffs(&mut self, tally: &mut FlowTally) {
        let backoffs = std::mem::take(&mut self.scratch.backoffs);
        tally.wait.merge(&backoffs);
        tally.wait_backoff.merge(&backoffs);
    }

    /// Counts the requests of a block whose first attempts have been made, those that were counted before aside.
    #[inline(never)]
    pub(super) fn count_block(&mut self, block: usize, has_ttft: bool, marks: &Marks, books: Books<'_>) {
        let (scratch, drawn) = (&mut *self.scratch, &mut *self.blocks[block]);
        let made = if block == self.current { self.place } else { drawn.len };
        let block = Block { times: &drawn.times[..made], tokens: &drawn.tokens, timing: &drawn.timing };
        drawn.columns().count(block, (drawn.counted, has_ttft), marks, books, scratch);
        drawn.counted = made;
    }
}
