//! What is kept of all observations: counts, histograms and samples, bounded however many there are.
//!
//! A log of a million calls is read once and forgotten line by line. Of each workload there remain
//!
//! - exact counts and sums, and the exact lengths of answers as a histogram,
//! - a joint sample of attempts (tokens, output limit, latency) for the laws and their dependence,
//! - counts by minute, for the profile of rates,
//! - every arrival of a sample of stretches of ten minutes, for burstiness,
//! - every turn of a sample of sessions.
//!
//! Sketches of parts merge into the sketch of the whole, in any order, to the same bytes.

use super::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
use super::sample::GroupSample;
use crate::random::{Key, Purpose};
use crate::tally::Histogram;
use crate::units::SimSpan;
use serde::Serialize;
use std::collections::BTreeMap;

/// Attempts in the joint sample: a Kolmogorov–Smirnov distance is then known to within 0.7 %.
const RECORDS: usize = 40_000;
/// Arrivals in the sample of stretches.
const ARRIVALS: usize = 200_000;
/// Turns in the sample of sessions.
const TURNS: usize = 100_000;
/// Callers that are told apart while reading.
const CALLERS: usize = 4_096;

/// The length of a stretch of arrivals.
pub const STRETCH: SimSpan = SimSpan(600_000_000_000);

/// All workloads seen.
#[derive(Debug, Clone, Default)]
pub struct Sketch {
    /// In the order of their sources.
    pub workloads: Vec<(Source<'static>, WorkloadSketch)>,
    /// Observations that could not be told apart any more.
    pub too_many_callers: u64,
}

/// One workload seen.
#[derive(Debug, Clone)]
pub struct WorkloadSketch {
    /// Exact counts and sums.
    pub totals: Totals,
    /// Lengths of answers that were seen whole.
    pub whole_outputs: Histogram,
    /// Lengths of answers that were cut.
    pub cut_outputs: Histogram,
    /// Answered attempts.
    pub records: GroupSample<Record>,
    /// By minute since 1970.
    pub minutes: BTreeMap<i64, Minute>,
    /// Arrivals by stretch.
    pub arrivals: GroupSample<Instant>,
    /// Turns by session.
    pub sessions: GroupSample<Turn>,
}

/// Counts and sums over all attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Attempts.
    pub attempts: u64,
    /// Requests: attempts that are not known to repeat another.
    pub requests: u64,
    /// Answered attempts.
    pub answered: u64,
    /// Answers that ended at `max_tokens`.
    pub cut: u64,
    /// Attempts refused with a 429.
    pub throttled: u64,
    /// Other failures.
    pub failed: u64,
    /// Uncached prompt tokens of answered attempts.
    pub input: u64,
    /// Cache reads of answered attempts.
    pub cache_read: u64,
    /// Cache writes of answered attempts.
    pub cache_write: u64,
    /// Output of answered attempts.
    pub output: u64,
    /// Attempts that belong to a session.
    pub in_sessions: u64,
    /// The first and the last attempt.
    #[serde(skip)]
    pub span: Option<[Instant; 2]>,
}

/// What is kept of one answered attempt.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record {
    /// Its tokens.
    pub tokens: Usage,
    /// Whether the answer was cut.
    pub cut: bool,
    /// Its output limit.
    pub max_tokens: MaxTokens,
    /// Time to the first token.
    pub ttft: Option<SimSpan>,
    /// Time to the end.
    pub latency: Option<SimSpan>,
}

/// What is kept of one minute.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Minute {
    /// Requests that arrived.
    pub requests: u32,
    /// Attempts that were refused.
    pub throttled: u32,
}

impl Minute {
    /// Attempts that are known to be of this minute; a retry that was answered is not counted by minute.
    pub fn attempts(&self) -> u32 {
        self.requests.max(self.throttled).max(1)
    }
}

/// What is kept of one turn of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    /// When it was sent.
    pub at: Instant,
    /// How long its answer took, if that is known.
    pub latency: Option<SimSpan>,
    /// Prompt tokens of all kinds.
    pub prompt: u64,
    /// How many of them were read from the cache.
    pub cached: u32,
    /// Tokens of its answer.
    pub output: u32,
}

/// The place of an observation in the input: which file, which record of it. It decides what is sampled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The file, by its place in the sorted list.
    pub file: u32,
    /// The record within it.
    pub record: u64,
}

impl Place {
    fn hash(self) -> u64 {
        Key::new(0, self.file, 0, Purpose::Thinning).bits(self.record)
    }
}

/// The hash of a stretch or a session.
fn hash(number: u64) -> u64 {
    Key::new(1, 0, 0, Purpose::Thinning).bits(number)
}

impl Sketch {
    /// Takes in one observation.
    pub fn add(&mut self, place: Place, observation: &Observation<'_>) {
        match self.find(&observation.source) {
            Ok(known) => self.workloads[known].1.add(place, observation),
            Err(_) if self.workloads.len() >= CALLERS => self.too_many_callers += 1,
            Err(_) => self.entry(observation.source.clone().into_owned()).add(place, observation),
        }
    }

    fn find(&self, source: &Source<'_>) -> Result<usize, usize> {
        self.workloads.binary_search_by(|(known, _)| known.cmp(source))
    }

    fn entry(&mut self, source: Source<'static>) -> &mut WorkloadSketch {
        let place = self.find(&source).unwrap_or_else(|place| {
            self.workloads.insert(place, (source, WorkloadSketch::default()));
            place
        });
        &mut self.workloads[place].1
    }

    /// Takes in the sketch of another part.
    pub fn merge(&mut self, other: Sketch) {
        self.too_many_callers += other.too_many_callers;
        for (source, workload) in other.workloads {
            self.entry(source).merge(workload);
        }
    }

    /// The sources with the most attempts keep their own sketch; of the others those that share a pool are put together
    /// under the caller `others`.
    pub fn fold_small(&mut self, most: usize) {
        if self.workloads.len() <= most {
            return;
        }
        self.workloads.sort_by(|a, b| b.1.totals.attempts.cmp(&a.1.totals.attempts).then_with(|| a.0.cmp(&b.0)));
        let small = self.workloads.split_off(most);
        self.workloads.sort_by(|a, b| a.0.cmp(&b.0));
        let pool = |source: &Source<'static>| Source { caller: "others".into(), ..source.clone() };
        let pools: Vec<Source<'static>> = small.iter().map(|(source, _)| pool(source)).collect();
        for ((source, workload), others) in small.into_iter().zip(&pools) {
            // One of its kind stays what it is: pools cannot be put together.
            let alone = pools.iter().filter(|other| *other == others).count() == 1;
            self.entry(if alone { source } else { others.clone() }).merge(workload);
        }
    }
}

impl Default for WorkloadSketch {
    fn default() -> Self {
        WorkloadSketch {
            totals: Totals::default(),
            whole_outputs: Histogram::default(),
            cut_outputs: Histogram::default(),
            records: GroupSample::new(RECORDS),
            minutes: BTreeMap::new(),
            arrivals: GroupSample::new(ARRIVALS),
            sessions: GroupSample::new(TURNS),
        }
    }
}

impl WorkloadSketch {
    fn add(&mut self, place: Place, observation: &Observation<'_>) {
        self.totals.add(observation);
        let minute = self.minutes.entry(observation.at.minute()).or_default();
        if matches!(observation.outcome, Outcome::Throttled(_)) {
            minute.throttled += 1;
        }
        if !observation.retry {
            minute.requests += 1;
            let stretch = observation.at.0.div_euclid(STRETCH.0 as i64);
            self.arrivals.push(hash(stretch as u64), observation.at);
        }
        let Outcome::Answered { cut } = observation.outcome else { return };
        let tokens = observation.tokens;
        if let Some(output) = tokens.output {
            let histogram = if cut { &mut self.cut_outputs } else { &mut self.whole_outputs };
            histogram.record(u64::from(output));
        }
        let record = Record {
            tokens,
            cut,
            max_tokens: observation.max_tokens,
            ttft: observation.ttft,
            latency: observation.latency,
        };
        self.records.push(place.hash(), record);
        if let Some(session) = observation.session {
            let turn = Turn {
                at: observation.at,
                latency: observation.latency,
                prompt: tokens.prompt(),
                cached: tokens.cache_read,
                output: tokens.output.unwrap_or(0),
            };
            self.sessions.push(hash(session), turn);
        }
    }

    fn merge(&mut self, other: WorkloadSketch) {
        self.totals.merge(&other.totals);
        self.whole_outputs.merge(&other.whole_outputs);
        self.cut_outputs.merge(&other.cut_outputs);
        self.records.merge(other.records);
        for (minute, counts) in other.minutes {
            let mine = self.minutes.entry(minute).or_default();
            mine.requests += counts.requests;
            mine.throttled += counts.throttled;
        }
        self.arrivals.merge(other.arrivals);
        self.sessions.merge(other.sessions);
    }

    /// The joint sample in an order that has nothing to do with time or size.
    pub fn sample(&self) -> Vec<Record> {
        self.records.items().copied().collect()
    }
}

impl Totals {
    fn add(&mut self, observation: &Observation<'_>) {
        self.attempts += 1;
        self.requests += u64::from(!observation.retry);
        self.in_sessions += u64::from(observation.session.is_some());
        match observation.outcome {
            Outcome::Answered { cut } => {
                self.answered += 1;
                self.cut += u64::from(cut);
                let tokens = observation.tokens;
                self.input += u64::from(tokens.input.unwrap_or(0));
                self.cache_read += u64::from(tokens.cache_read);
                self.cache_write += u64::from(tokens.cache_write);
                self.output += u64::from(tokens.output.unwrap_or(0));
            }
            Outcome::Throttled(_) => self.throttled += 1,
            Outcome::Failed => self.failed += 1,
        }
        self.widen([observation.at; 2]);
    }

    fn merge(&mut self, other: &Totals) {
        self.attempts += other.attempts;
        self.requests += other.requests;
        self.answered += other.answered;
        self.cut += other.cut;
        self.throttled += other.throttled;
        self.failed += other.failed;
        self.input += other.input;
        self.cache_read += other.cache_read;
        self.cache_write += other.cache_write;
        self.output += other.output;
        self.in_sessions += other.in_sessions;
        if let Some(span) = other.span {
            self.widen(span);
        }
    }

    fn widen(&mut self, [first, last]: [Instant; 2]) {
        let [from, to] = self.span.unwrap_or([first, last]);
        self.span = Some([from.min(first), to.max(last)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observation(i: u64) -> Observation<'static> {
        Observation {
            at: Instant(i as i64 * 700_000_000),
            source: Source { caller: format!("app-{}", i % 3).into(), ..Source::default() },
            outcome: match i % 11 {
                0 => Outcome::Throttled(None),
                1 => Outcome::Answered { cut: true },
                _ => Outcome::Answered { cut: false },
            },
            tokens: Usage { input: Some(i as u32 % 977), output: Some(i as u32 % 601), ..Usage::default() },
            max_tokens: MaxTokens::Set(600),
            ttft: None,
            latency: Some(SimSpan(i * 1_000)),
            session: Some(i / 10),
            retry: i.is_multiple_of(11),
        }
    }

    fn sketch(range: std::ops::Range<u64>) -> Sketch {
        let mut sketch = Sketch::default();
        range.for_each(|i| sketch.add(Place { file: 0, record: i }, &observation(i)));
        sketch
    }

    #[test]
    fn parts_merge_into_the_whole() {
        let n = 150_000;
        let whole = sketch(0..n);
        let mut merged = sketch(100_000..n);
        merged.merge(sketch(0..30_000));
        merged.merge(sketch(30_000..100_000));
        for (source, one) in &whole.workloads {
            let two = &merged.workloads[merged.find(source).unwrap()].1;
            assert_eq!((one.totals, &one.minutes), (two.totals, &two.minutes));
            assert_eq!(one.sample(), two.sample());
            assert_eq!(one.whole_outputs, two.whole_outputs);
            assert_eq!(one.arrivals.items().count(), two.arrivals.items().count());
            assert!(one.records.items().count() <= RECORDS);
        }
    }

    #[test]
    fn small_callers_are_put_together() {
        let mut sketch = sketch(0..3_001);
        let mut alone = sketch.clone();
        alone.fold_small(2);
        assert_eq!(alone.workloads.len(), 3, "one small caller is not `others`");
        sketch.fold_small(1);
        let callers: Vec<&str> = sketch.workloads.iter().map(|(source, _)| source.caller.as_ref()).collect();
        assert_eq!(callers, ["app-0", "others"]);
        assert_eq!(sketch.workloads.iter().map(|(_, workload)| workload.totals.attempts).sum::<u64>(), 3_001);
    }

    #[test]
    fn callers_without_end_do_not_fill_memory() {
        let mut sketch = Sketch::default();
        for i in 0..5_000 {
            let source = Source { caller: i.to_string().into(), ..Source::default() };
            sketch.add(Place { file: 0, record: i }, &Observation { source, ..observation(i) });
        }
        assert_eq!((sketch.workloads.len(), sketch.too_many_callers), (CALLERS, 904));
    }
}
