//! The short way of most requests: their workload is *plain*, and their first attempt is admitted.
//!
//! A workload is plain if its clients have nothing to do for most requests but to send them: no pace, no limiter, no cap,
//! nobody who waits for the end. Then all that an admission entails is known when the request is drawn. At the gate the
//! event loop notes one byte, [`Verdict`]; what there is to count is counted a block at a time, over columns. A refused
//! request gets its record and goes the long way from there, through `lifecycle`; so does, from its arrival on, one
//! that `foresight` has marked: its first attempt may meet a fault, or be given up.
//!
//! *Why*: most of the time of a request on the long way went into moving its record and into some thirty counters, one
//! by one, between two branches that nobody can predict. Over columns they cost a tenth of that.

use super::compiled::{CompiledWorkload, Engine, NO_ACCOUNT, Route};
use super::draws::{BLOCK, PADDED, TimingBlock, TokenBlock};
use super::faults::FaultKeys;
use super::foresight::Foresight;
use super::marks::Marks;
use super::observer::Observer;
use super::repeats::Repeats;
use super::request::{Flight, NOWHERE};
use super::simulation::{PoolState, Simulation, arrival_event};
use super::source::OpenSource;
use crate::admission::Admission;
use crate::model::{Pool, QuotaName};
use crate::tally::{Billed, FlowTally, Health, Ledger};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, extremes, widest};
use std::ops::Range;

/// What became of a first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Verdict {
    /// Its request is counted elsewhere, or waits in its block (see [`Repeats`]).
    Refused = 0,
    Admitted = 1,
}

/// What its own pool makes of a block of requests of a workload that is plain, or in a lane.
///
/// A verdict is *admitted* until the loop says otherwise.
#[derive(Debug, Clone)]
pub(super) struct Columns<'a> {
    pool: &'a Pool,
    max_tokens: u32,
    flow: u16,
    route: Route,
    clients: u32,
    books_success: bool,
    /// Padded, as a batch is read whole.
    pub(super) reservation: [u64; PADDED],
    pub(super) charge: [u64; BLOCK],
    /// When the answer is complete if the first attempt is admitted.
    pub(super) ends: [SimTime; BLOCK],
    pub(super) foresight: Foresight<'a>,
    pub(super) verdicts: [Verdict; BLOCK],
    pub(super) repeats: Repeats,
}

impl<'a> Columns<'a> {
    pub(super) fn new(engine: &'a Engine<'_>, workload: &CompiledWorkload<'_>, keys: FaultKeys) -> Columns<'a> {
        let flow = workload.flows.start;
        Columns {
            pool: &engine.scenario.pools[engine.flows[flow].pool],
            max_tokens: engine.flows[flow].max_tokens,
            flow: flow as u16,
            route: engine.routes[flow],
            clients: workload.model.clients,
            books_success: workload.client.books_success(),
            reservation: [0; PADDED],
            charge: [0; BLOCK],
            ends: [SimTime::ZERO; BLOCK],
            foresight: Foresight::new(workload, &engine.flows[flow], keys),
            verdicts: [Verdict::Admitted; BLOCK],
            repeats: Repeats::default(),
        }
    }

    /// Computes the columns of a block.
    pub(super) fn fill(&mut self, times: &[u64], tokens: &TokenBlock, timing: &TimingBlock) {
        self.verdicts.fill(Verdict::Admitted);
        self.repeats.clear();
        widest(Pricing { columns: self, times, tokens, timing });
    }

    /// Counts the admitted requests of a block, from the place `start` on.
    fn count(&self, block: Block<'_>, start: usize, has_ttft: bool, marks: &Marks, books: Books<'_>) {
        let Block { times, tokens, timing } = block;
        let Books { tally, pool, health } = books;
        let (Some(&first), Some(&last)) = (times.get(start), times.last()) else { return };
        let len = times.len();
        let late = self.repeats.late(times, timing);
        let (admitted_at, last, to_first, latency) = match &late {
            Some(late) => {
                (&late.admitted_at[..len], extremes(&late.admitted_at[..len]).1, &late.to_first, &late.latency)
            }
            None => (times, last, &timing.ttft, &timing.service),
        };
        // Times do not decrease.
        let first_counted = times.partition_point(|&at| at < marks.warmup().0).max(start);
        let (_, longest) = extremes(&timing.service[start..len]);
        let latest_end = SimTime(last).saturating_add(SimSpan(longest));

        let mut sums = Sums::default();
        widest(Adding { columns: self, tokens, range: start..len, sums: &mut sums });
        sums.book(&mut tally.ledger);
        if first_counted > start {
            sums = Sums::default();
            widest(Adding { columns: self, tokens, range: first_counted..len, sums: &mut sums });
        }
        sums.count(tally);

        let all_measured = SimTime(first) >= marks.warmup() && latest_end <= marks.horizon();
        let mut measured = [0; BLOCK];
        for (place, (measured, &at)) in measured.iter_mut().zip(admitted_at).enumerate() {
            let service = timing.service[place];
            let within = if all_measured {
                service
            } else {
                marks.measured(SimTime(at), SimTime(at).saturating_add(SimSpan(service)))
            };
            *measured = within & mask(self.verdicts[place]);
        }
        measured[..start].fill(0);
        let (mut in_flight, mut reserved) = (0, 0);
        widest(Holding { columns: self, measured: &measured, in_flight: &mut in_flight, reserved: &mut reserved });
        tally.in_flight_ns += in_flight;
        pool.reservation_ns += reserved;

        if self.repeats.any {
            self.count_repeats(first_counted..len, tally);
        } else {
            tally.wait.record_zeros(sums.admitted);
        }
        let all = sums.admitted == (len - first_counted) as u64;
        if has_ttft {
            let (durations, zeros) = self.admitted(to_first, first_counted..len, all, &mut measured);
            tally.ttft.record_zeros(zeros);
            tally.ttft.record_all(durations);
        }
        let endless = latest_end > marks.patience();
        let (durations, zeros) = if endless {
            let in_time = |place: usize| times[place].saturating_add(latency[place]) <= marks.patience().0;
            self.answered(latency, (first_counted..len).filter(|&place| in_time(place)), &mut measured)
        } else {
            self.admitted(latency, first_counted..len, all, &mut measured)
        };
        tally.latency.record_zeros(zeros);
        tally.latency.record_all(durations);
        if let Some(health) = health.as_mut() {
            self.count_health(times, start, first_counted, health);
        }
        if endless {
            let admitted = (first_counted..len).filter(|&place| self.verdicts[place] == Verdict::Admitted);
            self.uncount_endless(admitted, block, marks, (tally, health));
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

    /// The nonzero numbers of a column that belong to admitted requests, side by side, and how many were zero; `all` if
    /// all were admitted.
    fn admitted<'b>(
        &self,
        column: &'b [u64; BLOCK],
        range: Range<usize>,
        all: bool,
        out: &'b mut [u64; BLOCK],
    ) -> (&'b [u64], u64) {
        if all && extremes(&column[range.clone()]).0 > 0 {
            (&column[range], 0)
        } else {
            self.answered(column, range, out)
        }
    }

    /// As [`admitted`](Self::admitted), of these places.
    fn answered<'b>(
        &self,
        column: &[u64; BLOCK],
        places: impl Iterator<Item = usize>,
        out: &'b mut [u64; BLOCK],
    ) -> (&'b [u64], u64) {
        let (mut len, mut zeros) = (0, 0);
        for place in places {
            // Written in any case, kept where it counts: a branch could not be predicted.
            out[len.min(BLOCK - 1)] = column[place];
            let admitted = self.verdicts[place] as u64;
            let counts = admitted & u64::from(column[place] > 0);
            len += counts as usize;
            zeros += admitted - counts;
        }
        (&out[..len], zeros)
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
            let latency = block.timing.service[place] + self.repeats.outcomes[place].waited;
            if SimTime(block.times[place]).saturating_add(SimSpan(latency)) <= marks.patience() {
                continue;
            }
            tally.requests -= 1;
            tally.succeeded -= 1;
            tally.requests_throttled -= u64::from(self.repeats.outcomes[place].throttles > 0);
            tally.offered_charge -= self.charge[place];
            if let Some(health) = health {
                health.moments[(block.times[place] / health.interval) as usize].requests -= 1;
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

/// All ones for an admitted attempt.
#[inline(always)]
fn mask(verdict: Verdict) -> u64 {
    (verdict as u64).wrapping_neg()
}

/// Adds up what the attempts of a block hold, and for how long.
struct Holding<'a> {
    columns: &'a Columns<'a>,
    measured: &'a [u64; BLOCK],
    in_flight: &'a mut u128,
    reserved: &'a mut u128,
}

impl Loop for Holding<'_> {
    #[inline(always)]
    fn run(self) {
        let Holding { columns, measured, in_flight, reserved } = self;
        let reservation = columns.reservation.first_chunk().expect("padded");
        let any = |numbers: &[u64; BLOCK]| numbers.iter().fold(0, |any, number| any | number);
        let (longest, largest) = (any(measured), any(reservation));
        let most = u64::MAX / BLOCK as u64;
        if longest.checked_mul(largest.max(1)).is_some_and(|product| product < most) {
            // Nothing can grow out of 64 bits, of which a register holds many.
            let (mut sum, mut products) = (0, 0);
            for (measured, reservation) in measured.iter().zip(reservation) {
                sum += measured;
                products += measured * reservation;
            }
            (*in_flight, *reserved) = (u128::from(sum), u128::from(products));
        } else {
            for (&measured, &reservation) in measured.iter().zip(reservation) {
                *in_flight += u128::from(measured);
                *reserved += u128::from(measured) * u128::from(reservation);
            }
        }
    }
}

/// Computes the reservations and charges of a block, and when its answers end.
struct Pricing<'a, 'p> {
    columns: &'a mut Columns<'p>,
    times: &'a [u64],
    tokens: &'a TokenBlock,
    timing: &'a TimingBlock,
}

impl Loop for Pricing<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let Pricing { columns, times, tokens, timing } = self;
        let Columns { pool, max_tokens, reservation, charge, ends, .. } = columns;
        for ((ends, &at), &service) in ends.iter_mut().zip(times).zip(&timing.service) {
            *ends = SimTime(at).saturating_add(SimSpan(service));
        }
        for place in 0..times.len().min(BLOCK) {
            let demand = tokens.get(place).demand(*max_tokens);
            reservation[place] = pool.reservation(&demand).0;
            charge[place] = pool.charge(&demand).0;
        }
    }
}

/// Where the requests of a block are counted.
#[derive(Debug)]
pub(super) struct Books<'s> {
    pub(super) tally: &'s mut FlowTally,
    pub(super) pool: &'s mut PoolState,
    pub(super) health: &'s mut Option<Health>,
}

/// What was drawn of a block.
#[derive(Clone, Copy)]
struct Block<'a> {
    times: &'a [u64],
    tokens: &'a TokenBlock,
    timing: &'a TimingBlock,
}

/// Sums over the admitted requests of a block.
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

    fn count(&self, tally: &mut FlowTally) {
        tally.attempts += self.admitted;
        let billed = Billed {
            input: self.input,
            output: self.output,
            cache_read: self.cache_read,
            cache_write: self.cache_write,
        };
        tally.admitted(self.reserved, self.charged, &billed);
        tally.requests += self.admitted;
        tally.succeeded += self.admitted;
        tally.offered_charge += self.charged;
        tally.good += self.good;
        tally.good_output += self.good_output;
        tally.truncated += self.admitted - self.good;
    }
}

/// Adds up a range of a block.
struct Adding<'a> {
    columns: &'a Columns<'a>,
    tokens: &'a TokenBlock,
    range: Range<usize>,
    sums: &'a mut Sums,
}

impl Loop for Adding<'_> {
    #[inline(always)]
    fn run(self) {
        let Adding { columns, tokens, range, sums } = self;
        // One column after the other: a loop over all would run out of registers.
        let mask = |place: usize| mask(columns.verdicts[place]);
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let mut sum = Sums::default();
        for place in start..end {
            let held = columns.reservation[place] & mask(place);
            let charge = columns.charge[place] & mask(place);
            sum.admitted += columns.verdicts[place] as u64;
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

impl OpenSource<'_> {
    /// Counts the requests of a block whose first attempts have been made, those that were counted before aside.
    #[inline(never)]
    pub(super) fn count_block(&mut self, block: usize, has_ttft: bool, marks: &Marks, books: Books<'_>) {
        let drawn = &mut *self.blocks[block];
        let made = if block == self.current { self.place } else { drawn.len };
        let block = Block { times: &drawn.times[..made], tokens: &drawn.tokens, timing: &drawn.timing };
        drawn.columns().count(block, drawn.counted, has_ttft, marks, books);
        drawn.counted = made;
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// A request of a plain workload arrives and makes its first attempt.
    #[inline(always)]
    pub(super) fn plain_arrival(&mut self, workload: usize) {
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        let (place, number) = (source.place, source.number());
        let block = source.block_mut();
        let now = SimTime(block.times[place]);
        let columns = block.columns.as_mut().expect("a plain workload has columns");
        if columns.foresight.special[place] {
            columns.verdicts[place] = Verdict::Refused;
            let arrival = source.next();
            self.arrive(workload, arrival);
            self.next_request(workload);
            return;
        }
        let (cost, ends) = (columns.reservation[place], columns.ends[place]);
        let route = columns.route;
        let account = match route.account {
            NO_ACCOUNT => None,
            account => self.accounts[usize::from(account)].as_mut(),
        };
        match self.gates[usize::from(route.pool)].admit(now, cost, account) {
            Admission::Admitted(reservation) => {
                columns.verdicts[place] = Verdict::Admitted;
                let ends_counted = now >= self.marks.warmup();
                self.counted_open += u64::from(ends_counted);
                let flight = Flight {
                    reservation,
                    charge: columns.charge[place],
                    billed: block.tokens.billed(place),
                    request: NOWHERE,
                    stream: NOWHERE,
                    client: match columns.clients {
                        1 => 0,
                        clients => (number % u64::from(clients)) as u32,
                    },
                    flow: columns.flow,
                    ends_counted: ends_counted && ends <= self.marks.patience(),
                    books_success: columns.books_success,
                };
                self.depart(flight, ends, route);
            }
            Admission::Refused(refusal) => {
                columns.verdicts[place] = Verdict::Refused;
                self.refused_at_first(workload, cost, refusal.counted_under, now);
            }
        }
        self.next_request(workload);
    }

    /// The next request of a plain workload is the next to arrive.
    #[inline(always)]
    fn next_request(&mut self, workload: usize) {
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        source.place += 1;
        if source.place == source.end {
            self.block_ends(workload);
        } else {
            let next = arrival_event(workload, source.peek());
            self.next_arrival_is(workload, next);
        }
    }

    /// A refused request gets its record: its client has something to do for it now.
    #[inline(never)]
    fn refused_at_first(&mut self, workload: usize, cost: u64, limit: QuotaName, now: SimTime) {
        let arrival = self.sources[workload].as_ref().expect("only open sources are plain").next();
        let slot = self.enrol(workload, arrival);
        let request = self.requests.get_mut(slot);
        request.attempts = 1;
        if request.counted {
            self.tally.flows[usize::from(request.flow)].attempts += 1;
        }
        if let Some(health) = &mut self.tally.health {
            health.attempted(now);
        }
        self.throttled(slot, limit, cost, now);
    }

    /// Counts a block whose first attempts have all been made, and draws the next.
    #[inline(never)]
    pub(super) fn block_ends(&mut self, workload: usize) {
        self.count_first_attempts(workload);
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        source.refill();
        let next = arrival_event(workload, source.peek());
        self.next_arrival_is(workload, next);
    }

    /// Counts what of a block's first attempts has been made.
    pub(super) fn count_first_attempts(&mut self, workload: usize) {
        let place = self.engine.workloads[workload].flows.start;
        let flow = &self.engine.flows[place];
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        let (tally, health) = (&mut self.tally.flows[place], &mut self.tally.health);
        let books = Books { tally, pool: &mut self.pools[flow.pool], health };
        source.count_block(source.current, flow.latency.has_ttft(), &self.marks, books);
    }
}
