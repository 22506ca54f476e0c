//! What a request consists of, drawn by its number: tokens once, latency for each pool that it may call.

use crate::model::{Latency, TokenDemand};
use crate::random::{Copula, Key, Purpose, Sampler, Streams, fill_tokens, fill_tokens_of, round_tokens};
use crate::units::SimSpan;
use crate::wide::{Loop, widest};
use std::ops::Range;

/// How many requests are drawn at once.
///
/// *Measured*: with half as many a request takes 3 to 6 % longer, as the code of a block's loops has to be fetched each
/// time; twice as many bring nothing more. One column is four kilobytes.
pub(super) const BLOCK: usize = 512;

/// Which requests are drawn.
#[derive(Debug, Clone, Copy)]
pub(super) enum Numbers<'n> {
    /// Those from this number on.
    From(u64),
    /// Those of these numbers.
    Each(&'n [u64]),
}

impl Numbers<'_> {
    /// The number of one of them.
    fn of(self, nth: usize) -> u64 {
        match self {
            Numbers::From(first) => first + nth as u64,
            Numbers::Each(numbers) => numbers[nth],
        }
    }

    /// Their draws as whole tokens, at least so many.
    fn fill_tokens(self, sampler: &Sampler, key: Key, min: u32, out: &mut [u32]) {
        match self {
            Numbers::From(first) => fill_tokens(sampler, key, first, min, out),
            Numbers::Each(numbers) => fill_tokens_of(sampler, key, numbers, min, out),
        }
    }

    /// Their draws.
    fn fill(self, sampler: &Sampler, key: Key, out: &mut [f64]) {
        match self {
            Numbers::From(first) => sampler.fill(key, first, out),
            Numbers::Each(numbers) => sampler.fill_of(key, numbers, out),
        }
    }
}

/// Draws the random bits of the requests from `first` on, which those of all their attempts follow from.
pub(super) struct Drawing<'a> {
    pub(super) key: Key,
    pub(super) first: u64,
    pub(super) bits: &'a mut [u64; BLOCK],
}

impl Loop for Drawing<'_> {
    #[inline(always)]
    fn run(self) {
        let Drawing { key, first, bits } = self;
        for (bits, drawn) in bits.iter_mut().zip(key.bits_from(first)) {
            *bits = drawn;
        }
    }
}

/// The tokens of one request.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tokens {
    pub(super) input: u32,
    pub(super) cache_read: u32,
    pub(super) cache_write: u32,
    pub(super) output: u32,
    /// The request's own limit; zero where it takes the workload's.
    pub(super) own_limit: u32,
}

/// When the first and the last token of a response come, from its admission on [ns].
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Timing {
    pub(super) ttft: u64,
    pub(super) service: u64,
}

/// A workload's token distributions, ready to draw from.
#[derive(Debug)]
pub(super) struct TokenSamplers {
    input: Sampler,
    cache_read: Sampler,
    cache_write: Sampler,
    output: Sampler,
    copula: Option<Copula>,
}

/// The streams of one replication that they draw from.
#[derive(Debug, Clone, Copy)]
pub(super) struct TokenKeys {
    input: Key,
    cache_read: Key,
    cache_write: Key,
    output: Key,
}

impl TokenKeys {
    pub(super) fn new(streams: Streams) -> TokenKeys {
        let key = |purpose| streams.key(purpose);
        TokenKeys {
            input: key(Purpose::Input),
            cache_read: key(Purpose::CacheRead),
            cache_write: key(Purpose::CacheWrite),
            output: key(Purpose::Output),
        }
    }
}

impl TokenSamplers {
    pub(super) fn new(demand: &TokenDemand) -> TokenSamplers {
        TokenSamplers {
            input: Sampler::new(&demand.input),
            cache_read: Sampler::new(&demand.cache_read),
            cache_write: Sampler::new(&demand.cache_write),
            output: Sampler::new(&demand.output),
            copula: (demand.correlation != 0.0).then(|| Copula::new(demand.correlation)),
        }
    }

    /// Draws one request.
    pub(super) fn one(&self, keys: &TokenKeys, request: u64) -> Tokens {
        let input_bits = keys.input.bits(request);
        let output_bits = keys.output.bits(request);
        let output_bits = match &self.copula {
            Some(copula) => copula.couple(input_bits, output_bits),
            None => output_bits,
        };
        Tokens {
            input: round_tokens(self.input.sample(input_bits), 0),
            cache_read: round_tokens(self.cache_read.sample(keys.cache_read.bits(request)), 0),
            cache_write: round_tokens(self.cache_write.sample(keys.cache_write.bits(request)), 0),
            output: round_tokens(self.output.sample(output_bits), 1),
            own_limit: 0,
        }
    }

    /// Draws requests into these places of a block.
    pub(super) fn fill(&self, keys: &TokenKeys, numbers: Numbers<'_>, places: Range<usize>, block: &mut TokenBlock) {
        // Most workloads cache nothing, and a block starts with zeros.
        if self.cache_read.constant() != Some(0.0) {
            numbers.fill_tokens(&self.cache_read, keys.cache_read, 0, &mut block.cache_read[places.clone()]);
        }
        if self.cache_write.constant() != Some(0.0) {
            numbers.fill_tokens(&self.cache_write, keys.cache_write, 0, &mut block.cache_write[places.clone()]);
        }
        if self.copula.is_some() {
            for (nth, place) in places.enumerate() {
                let tokens = self.one(keys, numbers.of(nth));
                block.input[place] = tokens.input;
                block.output[place] = tokens.output;
            }
        } else {
            numbers.fill_tokens(&self.input, keys.input, 0, &mut block.input[places.clone()]);
            numbers.fill_tokens(&self.output, keys.output, 1, &mut block.output[places]);
        }
    }
}

/// The tokens of a block of requests.
#[derive(Debug, Clone)]
pub(super) struct TokenBlock {
    pub(super) input: [u32; BLOCK],
    pub(super) cache_read: [u32; BLOCK],
    pub(super) cache_write: [u32; BLOCK],
    pub(super) output: [u32; BLOCK],
    pub(super) own_limit: [u32; BLOCK],
    /// The output under the limit in force.
    pub(super) capped: [u32; BLOCK],
}

impl Default for TokenBlock {
    fn default() -> Self {
        let none = [0; BLOCK];
        TokenBlock { input: none, cache_read: none, cache_write: none, output: none, own_limit: none, capped: none }
    }
}

impl TokenBlock {
    /// What a request puts on the bill, in tokens.
    #[inline(always)]
    pub(super) fn billed(&self, place: usize) -> u64 {
        let prompt = [self.input[place], self.cache_read[place], self.cache_write[place]];
        prompt.map(u64::from).iter().sum::<u64>() + u64::from(self.capped[place])
    }

    /// Computes [`capped`](TokenBlock::capped) with the workload's limit.
    pub(super) fn cap(&mut self, places: Range<usize>, workload: u32) {
        let limits = self.output[places.clone()].iter().zip(&self.own_limit[places.clone()]);
        for (capped, (&output, &own)) in self.capped[places].iter_mut().zip(limits) {
            *capped = output.min(if own == 0 { workload } else { own });
        }
    }

    #[inline(always)]
    pub(super) fn get(&self, place: usize) -> Tokens {
        Tokens {
            input: self.input[place],
            cache_read: self.cache_read[place],
            cache_write: self.cache_write[place],
            output: self.output[place],
            own_limit: self.own_limit[place],
        }
    }
}

/// A latency model, ready to draw from.
#[derive(Debug)]
pub(super) enum LatencySamplers {
    Streaming { ttft: Sampler, per_1k_input: Sampler, speed: Sampler },
    Duration(Sampler),
}

/// The streams of one replication that it draws from. The same for every pool, so that a request that is slow on one
/// is slow on the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct LatencyKeys {
    ttft: Key,
    per_1k_input: Key,
    speed: Key,
    duration: Key,
}

impl LatencyKeys {
    pub(super) fn new(streams: Streams) -> LatencyKeys {
        let key = |purpose| streams.key(purpose);
        LatencyKeys {
            ttft: key(Purpose::TimeToFirstToken),
            per_1k_input: key(Purpose::TimeToFirstTokenPerInput),
            speed: key(Purpose::Speed),
            duration: key(Purpose::Duration),
        }
    }
}

/// No generation is slower than this [tokens/s]: a draw of zero would never end.
const SLOWEST: f64 = 1e-3;

impl LatencySamplers {
    pub(super) fn new(latency: &Latency) -> LatencySamplers {
        match latency {
            Latency::Streaming { ttft, ttft_per_1k_input, output_tokens_per_second } => LatencySamplers::Streaming {
                ttft: Sampler::new(ttft),
                per_1k_input: Sampler::new(ttft_per_1k_input),
                speed: Sampler::new(output_tokens_per_second),
            },
            Latency::Duration(duration) => LatencySamplers::Duration(Sampler::new(duration)),
        }
    }

    /// Whether the time to the first token is known.
    pub(super) fn has_ttft(&self) -> bool {
        matches!(self, LatencySamplers::Streaming { .. })
    }

    /// The timing of a request's response, drawn anew for each time it is `sent` to its end.
    ///
    /// *Formula*: `ttft + ttft_per_1k_input × input/1000 + output / output_tokens_per_second`.
    pub(super) fn one(&self, keys: &LatencyKeys, request: u64, sent: u32, input: u32, output: u32) -> Timing {
        let bits = |key: Key| if sent == 0 { key.bits(request) } else { key.attempt_bits(request, sent) };
        match self {
            LatencySamplers::Streaming { ttft, per_1k_input, speed } => {
                let per_input = per_1k_input.sample(bits(keys.per_1k_input)) * f64::from(input) * 1e-3;
                let ttft = SimSpan::from_secs_f64(ttft.sample(bits(keys.ttft)) + per_input).0;
                let speed = speed.sample(bits(keys.speed)).max(SLOWEST);
                Timing { ttft, service: ttft + SimSpan::from_secs_f64(f64::from(output) / speed).0 }
            }
            LatencySamplers::Duration(duration) => {
                Timing { ttft: 0, service: SimSpan::from_secs_f64(duration.sample(bits(keys.duration))).0 }
            }
        }
    }

    /// Timings of the first sending of the requests in these places of a block.
    pub(super) fn fill(
        &self,
        keys: &LatencyKeys,
        numbers: Numbers<'_>,
        places: Range<usize>,
        tokens: &TokenBlock,
        out: &mut TimingBlock,
    ) {
        let (input, output) = (&tokens.input[places.clone()], &tokens.capped[places.clone()]);
        let TimingBlock { ttft: ttft_ns, service, scratch_a, scratch_b } = out;
        let (ttft_ns, service) = (&mut ttft_ns[places.clone()], &mut service[places.clone()]);
        let (a, b) = (&mut scratch_a[places.clone()], &mut scratch_b[places]);
        match self {
            LatencySamplers::Streaming { ttft, per_1k_input, speed } => {
                numbers.fill(ttft, keys.ttft, b);
                if per_1k_input.constant() != Some(0.0) {
                    numbers.fill(per_1k_input, keys.per_1k_input, a);
                    for ((seconds, per_1k), &input) in b.iter_mut().zip(&*a).zip(input) {
                        *seconds += per_1k * f64::from(input) * 1e-3;
                    }
                }
                nanoseconds(b, ttft_ns);
                numbers.fill(speed, keys.speed, a);
                widest(Generation { speed: a, output });
                nanoseconds(a, service);
                for (service, &ttft) in service.iter_mut().zip(&*ttft_ns) {
                    *service += ttft;
                }
            }
            LatencySamplers::Duration(duration) => {
                numbers.fill(duration, keys.duration, a);
                ttft_ns.fill(0);
                nanoseconds(a, service);
            }
        }
    }
}

/// Turns speeds into the seconds that outputs take at them.
struct Generation<'a> {
    speed: &'a mut [f64],
    output: &'a [u32],
}

impl Loop for Generation<'_> {
    #[inline(always)]
    fn run(self) {
        let Generation { speed, output } = self;
        for (speed, &output) in speed.iter_mut().zip(output) {
            let at_least = if *speed > SLOWEST { *speed } else { SLOWEST };
            *speed = f64::from(output) / at_least;
        }
    }
}

/// Seconds as whole nanoseconds, as [`SimSpan::from_secs_f64`] rounds them.
fn nanoseconds(seconds: &[f64], out: &mut [u64]) {
    let mut all_short = false;
    widest(Nanoseconds { seconds, out, all_short: &mut all_short });
    if !all_short {
        for (ns, &seconds) in out.iter_mut().zip(seconds) {
            *ns = SimSpan::from_secs_f64(seconds).0;
        }
    }
}

struct Nanoseconds<'a> {
    seconds: &'a [f64],
    out: &'a mut [u64],
    /// Whether what has been computed is right.
    all_short: &'a mut bool,
}

impl Loop for Nanoseconds<'_> {
    #[inline(always)]
    fn run(self) {
        // From 2⁵² on an f64 has no fraction: adding it rounds to the nearest integer, and leaves that in the low bits.
        const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
        // 2²¹ s are less than 2⁵¹ ns: up to there an f64 has room for the nanoseconds and a half.
        const LONG: f64 = 2_097_152.0;
        let Nanoseconds { seconds, out, all_short } = self;
        // The bits of positive numbers are in the order of the numbers; those of negative ones are below all others.
        let longest = seconds.iter().fold(0, |longest, s| (s.to_bits() as i64).max(longest));
        *all_short = longest < LONG.to_bits() as i64;
        for (ns, &seconds) in out.iter_mut().zip(seconds) {
            let inside = if seconds > 0.0 { seconds * 1e9 } else { 0.0 };
            let shifted = inside + NO_FRACTION;
            // Ties go to the even number; those that went down go up, as everywhere else.
            let tie_went_down = inside - (shifted - NO_FRACTION) >= 0.5;
            *ns = (shifted.to_bits() & (NO_FRACTION as u64 - 1)) + u64::from(tie_went_down);
        }
    }
}

/// The timings of a block of requests.
#[derive(Debug, Clone)]
pub(super) struct TimingBlock {
    pub(super) ttft: [u64; BLOCK],
    pub(super) service: [u64; BLOCK],
    scratch_a: [f64; BLOCK],
    scratch_b: [f64; BLOCK],
}

impl Default for TimingBlock {
    fn default() -> Self {
        TimingBlock { ttft: [0; BLOCK], service: [0; BLOCK], scratch_a: [0.0; BLOCK], scratch_b: [0.0; BLOCK] }
    }
}

impl TimingBlock {
    #[inline]
    pub(super) fn get(&self, place: usize) -> Timing {
        Timing { ttft: self.ttft[place], service: self.service[place] }
    }
}
