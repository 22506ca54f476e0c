//! Where requests come from: open arrivals in blocks, closed loops one by one.

use super::compiled::Flow;
use super::draws::{
    BLOCK, LatencyKeys, LatencySamplers, PADDED, Timing, TimingBlock, TokenBlock, TokenKeys, TokenSamplers, Tokens,
};
use super::first_attempt::Columns;
use crate::model::{Arrivals, Trace};
use crate::random::OpenArrivals;
use crate::units::SimTime;

/// A request as its source hands it over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: u64,
    pub(super) at: SimTime,
    pub(super) tokens: Tokens,
    pub(super) timing: Timing,
}

/// The open arrivals of one workload with everything that their requests need, drawn a block at a time.
///
/// Drawing at generation time, not when an event happens, makes results independent of the order of events and keeps
/// the loops tight.
#[derive(Debug)]
pub(super) struct OpenSource<'a> {
    arrivals: OpenArrivals,
    demand: &'a TokenSamplers,
    latency: &'a LatencySamplers,
    token_keys: TokenKeys,
    latency_keys: LatencyKeys,
    trace: Option<&'a Trace>,
    /// The workload's limit; a trace's row may have its own.
    max_tokens: u32,
    pub(super) times: Box<[u64; PADDED]>,
    rows: Box<[u32; BLOCK]>,
    pub(super) tokens: Box<TokenBlock>,
    pub(super) timing: Box<TimingBlock>,
    /// What the workload's own pool makes of the block, if the workload is plain or in a lane.
    pub(super) columns: Option<Box<Columns<'a>>>,
    /// The number of the block's first request.
    first: u64,
    pub(super) place: usize,
    pub(super) len: usize,
}

impl<'a> OpenSource<'a> {
    /// The arrivals of a workload whose own flow is `flow`; those of a plain workload, or of one in a lane, with
    /// `columns`.
    pub(super) fn new(
        arrivals: OpenArrivals,
        kind: &'a Arrivals,
        demand: &'a TokenSamplers,
        flow: &'a Flow,
        keys: (TokenKeys, LatencyKeys),
        columns: Option<Columns<'a>>,
    ) -> OpenSource<'a> {
        let trace = match kind {
            Arrivals::Trace(trace) => Some(trace),
            _ => None,
        };
        let mut source = OpenSource {
            arrivals,
            demand,
            latency: &flow.latency,
            token_keys: keys.0,
            latency_keys: keys.1,
            trace,
            max_tokens: flow.max_tokens,
            times: Box::new([0; PADDED]),
            rows: Box::new([0; BLOCK]),
            tokens: TokenBlock::new(),
            timing: TimingBlock::new(),
            columns: columns.map(Box::new),
            first: 0,
            place: 0,
            len: 0,
        };
        source.refill();
        source
    }

    /// When the next request arrives and its number; `None` after the last.
    #[inline]
    pub(super) fn peek(&self) -> Option<(SimTime, u64)> {
        (self.place < self.len).then(|| (SimTime(self.times[self.place]), self.number()))
    }

    /// When the next request arrives; never after the last.
    #[inline(always)]
    pub(super) fn next_time(&self) -> SimTime {
        if self.place < self.len { SimTime(self.times[self.place]) } else { SimTime::MAX }
    }

    /// Whether requests of the block have been marked.
    pub(super) fn any_special(&self) -> bool {
        self.columns.as_ref().is_some_and(|columns| columns.foresight.any)
    }

    /// The number of the block's first request.
    pub(super) fn first(&self) -> u64 {
        self.first
    }

    /// The number of the next request.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.first + self.place as u64
    }

    /// The next request, which [`peek`](Self::peek) has shown.
    #[inline]
    pub(super) fn next(&self) -> Arrival {
        let place = self.place;
        Arrival {
            number: self.first + place as u64,
            at: SimTime(self.times[place]),
            tokens: self.tokens.get(place),
            timing: self.timing.get(place),
        }
    }

    /// Takes the next request.
    #[inline]
    pub(super) fn take(&mut self) -> Arrival {
        let arrival = self.next();
        self.place += 1;
        if self.place == self.len {
            self.refill();
        }
        arrival
    }

    #[inline(never)]
    pub(super) fn refill(&mut self) {
        self.first += self.len as u64;
        self.place = 0;
        self.len = self.arrivals.fill_rows(&mut self.times[..BLOCK], &mut self.rows[..]);
        let len = self.len;
        if self.trace.is_some() {
            // Nothing is drawn over zeros; what the last block's rows left behind must go.
            self.tokens.cache_read.fill(0);
        }
        self.demand.fill(&self.token_keys, self.first, len, &mut self.tokens);
        if let Some(trace) = self.trace {
            // What its rows do not say about the cache is drawn.
            for place in 0..len {
                let row = trace.rows[self.rows[place] as usize];
                self.tokens.input[place] = row.input;
                self.tokens.cache_read[place] += row.cache_read;
                self.tokens.output[place] = row.output.max(1);
                self.tokens.own_limit[place] = row.max_tokens;
            }
        }
        self.tokens.cap(len, self.max_tokens);
        let (input, output) = (&self.tokens.input[..len], &self.tokens.capped[..len]);
        self.latency.fill(&self.latency_keys, self.first, input, output, &mut self.timing);
        if let Some(columns) = &mut self.columns {
            columns.fill(&self.times[..len], &self.tokens, &self.timing);
            columns.foresight.look(self.first, &self.times[..len], &self.timing);
        }
    }
}

impl Tokens {
    /// The output limit in force: the request's own, or the workload's.
    #[inline(always)]
    pub(super) fn limit(&self, workload: u32) -> u32 {
        if self.own_limit == 0 { workload } else { self.own_limit }
    }

    /// The output under the limit in force.
    #[inline]
    pub(super) fn output_under(&self, workload: u32) -> u32 {
        self.output.min(self.limit(workload))
    }
}
