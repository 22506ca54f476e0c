//! The short way of most requests: their workload is *plain*, and their first attempt is admitted.
//!
//! A workload is plain if its clients have nothing to do for a request but to send it: no pace, no limiter, no cap, no
//! deadline or timeout, no faults, nobody who waits for the end. Then all that an admission entails is known when the
//! request is drawn. At the gate the event loop notes one byte, [`Verdict`]; what there is to count is counted a block
//! at a time, over columns. A refused request gets its record and goes the long way from there, through `lifecycle`.
//!
//! *Why*: most of the time of a request on the long way went into moving its record and into some thirty counters, one
//! by one, between two branches that nobody can predict. Over columns they cost a tenth of that.

use super::draws::{BLOCK, TimingBlock, TokenBlock};
use super::marks::Marks;
use super::observer::Observer;
use super::request::{Flight, NOWHERE};
use super::simulation::{PoolState, Simulation, arrival_event};
use super::source::OpenSource;
use crate::admission::Admission;
use crate::model::{Pool, QuotaName};
use crate::tally::FlowTally;
use crate::units::{SimSpan, SimTime};

/// What became of a first attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Its request is counted elsewhere.
    Refused,
    Admitted,
}

/// What a plain workload's own pool makes of a block of requests.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pool: &'a Pool,
    max_tokens: u32,
    reservation: [u64; BLOCK],
    charge: [u64; BLOCK],
    output: [u32; BLOCK],
    verdicts: [Verdict; BLOCK],
}

impl<'a> Columns<'a> {
    pub(super) fn new(pool: &'a Pool, max_tokens: u32) -> Columns<'a> {
        Columns {
            pool,
            max_tokens,
            reservation: [0; BLOCK],
            charge: [0; BLOCK],
            output: [0; BLOCK],
            verdicts: [Verdict::Refused; BLOCK],
        }
    }

    /// Computes the columns of a block.
    pub(super) fn fill(&mut self, tokens: &TokenBlock, len: usize) {
        for place in 0..len {
            let demand = tokens.get(place).demand(self.max_tokens);
            self.reservation[place] = self.pool.reservation(&demand).0;
            self.charge[place] = self.pool.charge(&demand).0;
            self.output[place] = demand.output().0 as u32;
        }
    }

    /// What a request puts on the bill, in tokens.
    #[inline]
    fn billed(&self, tokens: &TokenBlock, place: usize) -> u64 {
        let prompt = [tokens.input[place], tokens.cache_read[place], tokens.cache_write[place]];
        prompt.map(u64::from).iter().sum::<u64>() + u64::from(self.output[place])
    }

    /// Counts the admitted requests of a block.
    fn count(
        &self,
        block: (&[u64], &TokenBlock, &TimingBlock),
        has_ttft: bool,
        marks: &Marks,
        tally: &mut FlowTally,
        pool: &mut PoolState,
    ) {
        let (times, tokens, timing) = block;
        // Times do not decrease.
        let first_counted = times.partition_point(|&at| at < marks.warmup().0);
        let mut in_flight_ns = 0;
        let mut reservation_ns = 0;
        for (place, &at) in times.iter().enumerate() {
            if self.verdicts[place] == Verdict::Refused {
                continue;
            }
            let (held, charge) = (self.reservation[place], self.charge[place]);
            tally.ledger.reserve(held);
            tally.ledger.settle(held, charge);
            let ends = SimTime(at).saturating_add(SimSpan(timing.service[place]));
            let measured = marks.measured(SimTime(at), ends);
            in_flight_ns += u128::from(measured);
            reservation_ns += u128::from(held) * u128::from(measured);
            if place < first_counted {
                continue;
            }
            tally.attempts += 1;
            tally.reserved += held;
            tally.charged += charge;
            let output = u64::from(self.output[place]);
            tally.billed.input += u64::from(tokens.input[place]);
            tally.billed.cache_read += u64::from(tokens.cache_read[place]);
            tally.billed.cache_write += u64::from(tokens.cache_write[place]);
            tally.billed.output += output;
            tally.wait.record(0);
            if has_ttft {
                tally.ttft.record(timing.ttft[place]);
            }
            if ends > marks.patience() {
                continue;
            }
            tally.succeeded(timing.service[place], charge, false);
            if self.output[place] < tokens.output[place] {
                tally.truncated += 1;
            } else {
                tally.good += 1;
                tally.good_output += output;
            }
        }
        tally.in_flight_ns += in_flight_ns;
        pool.reservation_ns += reservation_ns;
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// A request of a plain workload arrives and makes its first attempt.
    #[inline]
    pub(super) fn plain_arrival(&mut self, workload: usize) {
        let engine = self.engine;
        let compiled = &engine.workloads[workload];
        let place_of_flow = compiled.flows.start;
        let flow = &engine.flows[place_of_flow];
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        let columns = source.columns.as_mut().expect("a plain workload has columns");
        let place = source.place;
        let now = SimTime(source.times[place]);
        let cost = columns.reservation[place];
        let account = engine.scenario.pools[flow.pool].account.and_then(|account| self.accounts[account].as_mut());
        match self.gates[flow.pool].admit(now, cost, account) {
            Admission::Admitted(reservation) => {
                columns.verdicts[place] = Verdict::Admitted;
                let ends = now.saturating_add(SimSpan(source.timing.service[place]));
                let ends_counted = now >= engine.scenario.warmup;
                self.counted_open += u64::from(ends_counted);
                let flight = Flight {
                    reservation,
                    charge: columns.charge[place],
                    billed: columns.billed(&source.tokens, place),
                    request: NOWHERE,
                    stream: NOWHERE,
                    client: compiled.client_of(source.number()),
                    flow: place_of_flow as u16,
                    ends_counted: ends_counted && ends <= self.marks.patience(),
                    books_success: compiled.client.books_success(),
                };
                self.depart(flight, ends);
            }
            Admission::Refused(refusal) => {
                columns.verdicts[place] = Verdict::Refused;
                self.refused_at_first(workload, cost, refusal.counted_under, now);
            }
        }
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        source.place += 1;
        if source.place == source.len {
            self.count_block(workload);
        }
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        self.next_arrivals[workload] = arrival_event(workload, source.peek());
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
        self.throttled(slot, limit, cost, now);
    }

    /// Counts a block whose first attempts have all been made, and draws the next.
    #[inline(never)]
    fn count_block(&mut self, workload: usize) {
        let place = self.engine.workloads[workload].flows.start;
        let flow = &self.engine.flows[place];
        let source = self.sources[workload].as_mut().expect("only open sources are plain");
        let OpenSource { times, tokens, timing, columns, len, .. } = source;
        let columns = columns.as_ref().expect("a plain workload has columns");
        columns.count(
            (&times[..*len], tokens, timing),
            flow.latency.has_ttft(),
            &self.marks,
            &mut self.tally.flows[place],
            &mut self.pools[flow.pool],
        );
        source.refill();
    }
}
