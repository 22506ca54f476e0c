//! Where requests come from: open arrivals in blocks, closed loops one by one.

use super::draws::{
    BLOCK, LatencyKeys, LatencySamplers, Timing, TimingBlock, TokenBlock, TokenKeys, TokenSamplers, Tokens,
};
use crate::model::Arrivals;
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
    trace: Option<&'a crate::model::Trace>,
    /// The workload's limit; a trace's row may have its own.
    max_tokens: u32,
    times: Box<[u64; BLOCK]>,
    rows: Box<[u32; BLOCK]>,
    tokens: Box<TokenBlock>,
    timing: Box<TimingBlock>,
    /// The number of the block's first request.
    first: u64,
    place: usize,
    len: usize,
}

impl<'a> OpenSource<'a> {
    pub(super) fn new(
        arrivals: OpenArrivals,
        kind: &'a Arrivals,
        demand: &'a TokenSamplers,
        latency: &'a LatencySamplers,
        keys: (TokenKeys, LatencyKeys),
        max_tokens: u32,
    ) -> OpenSource<'a> {
        let trace = match kind {
            Arrivals::Trace(trace) => Some(trace),
            _ => None,
        };
        let mut source = OpenSource {
            arrivals,
            demand,
            latency,
            token_keys: keys.0,
            latency_keys: keys.1,
            trace,
            max_tokens,
            times: Box::new([0; BLOCK]),
            rows: Box::new([0; BLOCK]),
            tokens: TokenBlock::new(),
            timing: TimingBlock::new(),
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
        (self.place < self.len).then(|| (SimTime(self.times[self.place]), self.first + self.place as u64))
    }

    /// Takes the next request, which [`peek`](Self::peek) has shown.
    #[inline]
    pub(super) fn take(&mut self) -> Arrival {
        let place = self.place;
        let arrival = Arrival {
            number: self.first + place as u64,
            at: SimTime(self.times[place]),
            tokens: self.tokens.get(place),
            timing: self.timing.get(place),
        };
        self.place += 1;
        if self.place == self.len {
            self.refill();
        }
        arrival
    }

    #[inline(never)]
    fn refill(&mut self) {
        self.first += self.len as u64;
        self.place = 0;
        self.len = self.arrivals.fill_rows(&mut self.times[..], &mut self.rows[..]);
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
        let (tokens, max_tokens) = (&self.tokens, self.max_tokens);
        let output = |place: usize| tokens.get(place).output_under(max_tokens);
        self.latency.fill(&self.latency_keys, self.first, &tokens.input[..len], output, &mut self.timing);
    }
}

impl Tokens {
    /// The output limit in force: the request's own, or the workload's.
    #[inline]
    pub(super) fn limit(&self, workload: u32) -> u32 {
        if self.own_limit == 0 { workload } else { self.own_limit }
    }

    /// The output under the limit in force.
    #[inline]
    pub(super) fn output_under(&self, workload: u32) -> u32 {
        self.output.min(self.limit(workload))
    }
}
