//! The short way of most requests: their workload is *plain*, and their first attempt is admitted.
//!
//! A workload is plain if its clients have nothing to do for most requests but to send them: no pace, no limiter, no cap,
//! nobody who waits for the end. Then all that an admission entails is known when the request is drawn. At the gate the
//! event loop notes one byte, [`Verdict`]; what there is to count is counted a block at a time (`block_count`). A refused
//! request gets its record and goes the long way from there, through `lifecycle`; so does, from its arrival on, one
//! that `foresight` has marked: its first attempt may meet a fault, or be given up.
//!
//! *Why*: most of the time of a request on the long way went into moving its record and into counters, one by one.

use super::block_count::Books;
use super::compiled::{CompiledWorkload, Engine, NO_ACCOUNT, Route};
use super::draws::{BLOCK, TimingBlock, TokenBlock};
use super::faults::FaultKeys;
use super::foresight::Foresight;
use super::observer::Observer;
use super::repeats::{Outlook, Repeats};
use super::request::{Flight, NOWHERE};
use super::simulation::{Simulation, arrival_event};
use crate::admission::Admission;
use crate::model::{QuotaLaw, QuotaName};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, widest};
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
    law: QuotaLaw,
    max_tokens: u32,
    flow: u16,
    route: Route,
    clients: u32,
    books_success: bool,
    pub(super) reservation: [u64; BLOCK],
    pub(super) charge: [u64; BLOCK],
    /// When the answer is complete if the first attempt is admitted.
    pub(super) ends: [SimTime; BLOCK],
    pub(super) foresight: Foresight<'a>,
    pub(super) verdicts: [Verdict; BLOCK],
    pub(super) repeats: Repeats,
    /// For a workload in a lane.
    pub(super) outlook: Outlook,
    has_outlook: bool,
}

impl<'a> Columns<'a> {
    pub(super) fn new(engine: &'a Engine<'_>, workload: &CompiledWorkload<'_>, keys: FaultKeys) -> Columns<'a> {
        let flow = workload.flows.start;
        Columns {
            law: engine.scenario.pools[engine.flows[flow].pool].law(),
            max_tokens: engine.flows[flow].max_tokens,
            flow: flow as u16,
            route: engine.routes[flow],
            clients: workload.model.clients,
            books_success: workload.client.books_success(),
            reservation: [0; BLOCK],
            charge: [0; BLOCK],
            ends: [SimTime::ZERO; BLOCK],
            foresight: Foresight::new(workload, &engine.flows[flow], keys, engine.has_lane()),
            verdicts: [Verdict::Admitted; BLOCK],
            repeats: Repeats::new(),
            outlook: Outlook::default(),
            has_outlook: engine.has_lane(),
        }
    }

    /// Computes the columns of a block.
    pub(super) fn fill(&mut self, times: &[u64], tokens: &TokenBlock, timing: &TimingBlock) {
        self.verdicts.fill(Verdict::Admitted);
        self.repeats.clear();
        self.price(0..times.len(), times, tokens, timing);
        if self.has_outlook {
            let len = times.len();
            self.outlook.look(&self.reservation[..len], &self.charge[..len], &timing.service[..len]);
        }
    }
}

impl Columns<'_> {
    /// Computes what requests in these places of a block reserve and are charged, and when their answers end.
    pub(super) fn price(&mut self, places: Range<usize>, times: &[u64], tokens: &TokenBlock, timing: &TimingBlock) {
        widest(Pricing { columns: self, places, times, tokens, timing });
    }
}

struct Pricing<'a, 'p> {
    places: Range<usize>,
    columns: &'a mut Columns<'p>,
    times: &'a [u64],
    tokens: &'a TokenBlock,
    timing: &'a TimingBlock,
}

impl Loop for Pricing<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let Pricing { columns, places, times, tokens, timing } = self;
        let Columns { law, max_tokens, reservation, charge, ends, .. } = columns;
        let (law, max_tokens) = (*law, *max_tokens);
        let places = places.start.min(BLOCK)..places.end.min(BLOCK);
        let (times, services) = (&times[places.clone()], &timing.service[places.clone()]);
        for ((ends, &at), &service) in ends[places.clone()].iter_mut().zip(times).zip(services) {
            *ends = SimTime(at).saturating_add(SimSpan(service));
        }
        // One column after the other: of more arrays at once the compiler does not know that they lie apart.
        for (place, reservation) in places.clone().zip(&mut reservation[places.clone()]) {
            *reservation = law.reservation(&tokens.get(place).demand(max_tokens)).0;
        }
        for (place, charge) in places.clone().zip(&mut charge[places]) {
            *charge = law.charge(&tokens.get(place).demand(max_tokens)).0;
        }
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
        if columns.foresight.at_once.is[place] {
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
