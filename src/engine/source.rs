//! Where requests come from: open arrivals in blocks, closed loops one by one.

use super::block_count::Scratch;
use super::compiled::Flow;
use super::draws::{
    BLOCK, LatencyKeys, LatencySamplers, Numbers, Timing, TimingBlock, TokenBlock, TokenKeys, TokenSamplers, Tokens,
};
use super::first_attempt::Columns;
use crate::model::{Arrivals, Trace};
use crate::random::OpenArrivals;
use crate::units::SimTime;
use std::ops::Range;

/// After the last request of a block there are so many that never arrive: whoever looks at several at once need not ask
/// whether there are.
pub(super) const AHEAD: usize = 16;

/// A request as its source hands it over.
#[derive(Debug, Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: u64,
    pub(super) at: SimTime,
    pub(super) tokens: Tokens,
    pub(super) timing: Timing,
}

/// A block of requests with everything that they need.
#[derive(Debug, Clone)]
pub(super) struct Drawn<'a> {
    /// When they arrive \[ns\], in order; the next [`AHEAD`] after the last, never.
    pub(super) times: [u64; BLOCK + AHEAD],
    rows: [u32; BLOCK],
    pub(super) tokens: TokenBlock,
    pub(super) timing: TimingBlock,
    /// What the workload's own pool makes of them, if the workload is plain or in a lane.
    pub(super) columns: Option<Columns<'a>>,
    /// The number of the first.
    pub(super) first: u64,
    pub(super) len: usize,
    /// How many of them are counted, where there are columns.
    pub(super) counted: usize,
}

impl<'a> Drawn<'a> {
    /// What the pool makes of the requests of a workload in a lane.
    #[inline(always)]
    pub(super) fn columns(&self) -> &Columns<'a> {
        self.columns.as_ref().expect("a workload that is plain or in a lane has columns")
    }

    /// As [`columns`](Self::columns), to change.
    #[inline(always)]
    pub(super) fn columns_mut(&mut self) -> &mut Columns<'a> {
        self.columns.as_mut().expect("a workload that is plain or in a lane has columns")
    }
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
    /// The block whose requests arrive, and any that a lane still needs.
    pub(super) blocks: Vec<Box<Drawn<'a>>>,
    /// Which of them is the one whose requests arrive.
    pub(super) current: usize,
    /// Which of them has been drawn ahead, if any.
    pub(super) ahead: Option<usize>,
    /// Whether of the current one nothing but the times has been drawn.
    pub(super) only_times: bool,
    /// Which of them nobody needs.
    pub(super) free: Vec<usize>,
    /// For counting a block.
    pub(super) scratch: Box<Scratch>,
    /// How many requests have been drawn.
    drawn: u64,
    /// The place of the next request in its block.
    pub(super) place: usize,
    /// The place after the last request of the block; unreachable once all requests have been drawn.
    pub(super) end: usize,
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
            blocks: vec![Box::new(Drawn {
                times: [0; BLOCK + AHEAD],
                rows: [0; BLOCK],
                tokens: TokenBlock::default(),
                timing: TimingBlock::default(),
                columns,
                first: 0,
                len: 0,
                counted: 0,
            })],
            current: 0,
            ahead: None,
            only_times: false,
            free: Vec::new(),
            scratch: Scratch::new(),
            drawn: 0,
            place: 0,
            end: 0,
        };
        source.refill();
        source
    }

    /// The block whose requests arrive.
    #[inline(always)]
    pub(super) fn block(&self) -> &Drawn<'a> {
        &self.blocks[self.current]
    }

    /// The block whose requests arrive, to change.
    #[inline(always)]
    pub(super) fn block_mut(&mut self) -> &mut Drawn<'a> {
        &mut self.blocks[self.current]
    }

    /// When the next request arrives and its number; `None` after the last.
    #[inline]
    pub(super) fn peek(&self) -> Option<(SimTime, u64)> {
        let block = self.block();
        (self.place < block.len).then(|| (SimTime(block.times[self.place]), self.number()))
    }

    /// When the next request arrives; never after the last.
    #[inline(always)]
    pub(super) fn next_time(&self) -> SimTime {
        SimTime(self.block().times[self.place])
    }

    /// When the last request of the block arrives; never, if none does.
    #[inline(always)]
    pub(super) fn last_time(&self) -> SimTime {
        let block = self.block();
        SimTime(block.times[block.len.saturating_sub(1)])
    }

    /// Whether requests of the block have been marked.
    pub(super) fn any_special(&self) -> bool {
        self.block().columns.as_ref().is_some_and(|columns| columns.foresight.at_once.any)
    }

    /// The number of the next request.
    #[inline]
    pub(super) fn number(&self) -> u64 {
        self.block().first + self.place as u64
    }

    /// The next request, which [`peek`](Self::peek) has shown.
    #[inline]
    pub(super) fn next(&self) -> Arrival {
        let (place, block) = (self.place, self.block());
        Arrival {
            number: block.first + place as u64,
            at: SimTime(block.times[place]),
            tokens: block.tokens.get(place),
            timing: block.timing.get(place),
        }
    }

    /// Takes the next request.
    #[inline]
    pub(super) fn take(&mut self) -> Arrival {
        let arrival = self.next();
        self.place += 1;
        if self.place == self.block().len {
            self.refill();
        }
        arrival
    }

    /// Draws the block after the current one ahead of time, unless it has been; which it is. A block is some eighty
    /// kilobytes.
    pub(super) fn draw_ahead(&mut self) -> usize {
        if let Some(ahead) = self.ahead {
            return ahead;
        }
        let ahead = self.free.pop().unwrap_or_else(|| {
            self.blocks.push(self.blocks[self.current].clone());
            self.blocks.len() - 1
        });
        self.draw(ahead);
        self.ahead = Some(ahead);
        ahead
    }

    /// Goes on with the next block, and leaves the current one as it is.
    pub(super) fn go_on(&mut self) {
        self.current = self.draw_ahead();
        self.ahead = None;
        self.begin_block();
    }

    /// Draws the next block of requests in place of the current one.
    pub(super) fn refill(&mut self) {
        self.draw(self.current);
        self.begin_block();
    }

    /// The first request of the current block is the next.
    fn begin_block(&mut self) {
        let len = self.block().len;
        self.place = 0;
        self.end = if len > 0 { len } else { usize::MAX };
    }

    /// Draws when the next block of requests arrives, in place of the current one. If any is to be known of them otherwise,
    /// it will be [drawn](Self::draw_rest).
    pub(super) fn refill_times(&mut self) {
        self.draw_times(self.current);
        self.only_times = true;
        self.begin_block();
    }

    /// Draws what is left to draw of the current block, as it has turned out to be needed.
    pub(super) fn draw_rest(&mut self) {
        self.draw_requests(self.current);
    }

    /// Whether all that is to be known of a request follows from its number and the time of its arrival.
    pub(super) fn is_random(&self) -> bool {
        self.trace.is_none()
    }

    /// Draws the next block of requests into this one.
    #[inline(never)]
    fn draw(&mut self, block: usize) {
        self.draw_times(block);
        self.draw_requests(block);
    }

    fn draw_times(&mut self, block: usize) {
        let block = &mut *self.blocks[block];
        block.first = self.drawn;
        let times = &mut block.times[..BLOCK];
        let len = if self.trace.is_some() {
            self.arrivals.fill_rows(times, &mut block.rows)
        } else {
            self.arrivals.fill(times)
        };
        block.len = len;
        block.times[len..len + AHEAD].fill(SimTime::MAX.0);
        block.counted = 0;
        self.drawn += len as u64;
    }

    /// Draws the requests of a block that arrive at known times.
    fn draw_requests(&mut self, block: usize) {
        self.only_times = false;
        let block = &mut *self.blocks[block];
        let (len, numbers) = (block.len, Numbers::From(block.first));
        if self.trace.is_some() {
            // Nothing is drawn over zeros; what the last block's rows left behind must go.
            block.tokens.cache_read.fill(0);
        }
        self.demand.fill(&self.token_keys, numbers, 0..len, &mut block.tokens);
        if let Some(trace) = self.trace {
            // What its rows do not say about the cache is drawn.
            for place in 0..len {
                let row = trace.rows[block.rows[place] as usize];
                block.tokens.input[place] = row.input;
                block.tokens.cache_read[place] += row.cache_read;
                block.tokens.output[place] = row.output.max(1);
                block.tokens.own_limit[place] = row.max_tokens;
            }
        }
        block.tokens.cap(0..len, self.max_tokens);
        self.latency.fill(&self.latency_keys, numbers, 0..len, &block.tokens, &mut block.timing);
        if let Some(columns) = &mut block.columns {
            columns.fill(&block.times[..len], &block.tokens, &block.timing);
            columns.foresight.look(block.first, &block.times[..len], &block.timing);
        }
    }

    /// Draws requests of these numbers into these places of a block, whichever arrive when.
    pub(super) fn draw_these(&mut self, block: usize, places: Range<usize>, numbers: &[u64]) {
        debug_assert!(self.is_random(), "a trace has more to say");
        let block = &mut *self.blocks[block];
        let numbers = Numbers::Each(numbers);
        self.demand.fill(&self.token_keys, numbers, places.clone(), &mut block.tokens);
        block.tokens.cap(places.clone(), self.max_tokens);
        self.latency.fill(&self.latency_keys, numbers, places.clone(), &block.tokens, &mut block.timing);
        let (times, timing) = (&block.times, &block.timing);
        if let Some(columns) = &mut block.columns {
            columns.price(places, times, &block.tokens, timing);
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
