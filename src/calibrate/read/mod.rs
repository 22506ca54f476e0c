//! Reads records of many forms into observations, one at a time.
//!
//! Nothing but numbers, times, names of models and callers is taken out of a record. Prompts and answers are skipped
//! over where they stand, and no message about a broken record repeats any of it.

mod by;
mod claude_code;
mod columns;
mod flat;
mod invocation;
mod invocation_body;
mod lenient;
mod metrics;
mod otlp;
mod usage;

pub use by::{By, Dimension};
pub use columns::{Field, Fields};
pub use invocation::invocation_log;
pub use metrics::metrics;
pub use usage::{Seen, usage};

use super::observation::Observation;
use super::reading::{Location, Reading};
use super::sketch::Place;
use crate::units::SimSpan;

/// What the reader of a record has to be told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// What makes a caller.
    pub by: By,
    /// Whether timestamps are those of the end of an answer; AWS does not say which they are.
    pub timestamps_at_end: bool,
    /// Columns by what they hold, where the user names them.
    pub columns: Fields,
    /// What one unit of a plain number of time is, where the user says so.
    pub time_unit: Option<SimSpan>,
    /// Whether token counts of prompts include what the cache served, where the user says so.
    pub input_includes_cache: Option<bool>,
    /// The output limit of records that do not tell it.
    pub max_tokens: Option<u32>,
    /// Quota tokens per output token, to take a charge apart.
    pub burndown: Option<u32>,
}

/// Where observations go while one file is read.
pub struct Feed<'a> {
    /// The file, by its place in the sorted list.
    file: u32,
    name: &'a str,
    records: u64,
    reading: Reading,
    sink: &'a mut dyn FnMut(Place, &Observation<'_>),
}

impl std::fmt::Debug for Feed<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Feed").field("name", &self.name).field("records", &self.records).finish_non_exhaustive()
    }
}

impl<'a> Feed<'a> {
    /// A feed for the file of a number and a name.
    pub fn new(file: u32, name: &'a str, sink: &'a mut dyn FnMut(Place, &Observation<'_>)) -> Feed<'a> {
        Feed { file, name, records: 0, reading: Reading { files: 1, ..Reading::default() }, sink }
    }

    /// The report on what was read.
    pub fn finish(self) -> Reading {
        self.reading
    }

    /// The file ended before its time, or could not be decompressed.
    pub fn broke_off(&mut self) {
        self.unusable(&Unusable::broken("the file ends within a record or cannot be decompressed"), self.records + 1);
    }

    fn used(&mut self, observation: &Observation<'_>) {
        self.reading.records += 1;
        self.reading.used += 1;
        (self.sink)(Place { file: self.file, record: self.records }, observation);
        self.records += 1;
    }

    fn unusable(&mut self, why: &Unusable, line: u64) {
        self.reading.records += 1;
        self.records += 1;
        let at = Location { file_number: self.file, file: self.name.to_owned(), line };
        self.reading.unused(why.reason, why.broken, at);
    }
}

/// Why a record becomes no observation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unusable {
    reason: &'static str,
    broken: bool,
}

impl Unusable {
    /// The record is not what it should be.
    const fn broken(reason: &'static str) -> Unusable {
        Unusable { reason, broken: true }
    }

    /// The record is fine and about something else.
    const fn other(reason: &'static str) -> Unusable {
        Unusable { reason, broken: false }
    }
}

const NOT_JSON: Unusable = Unusable::broken("it is not JSON");
const NO_TIME: Unusable = Unusable::broken("its time is missing or unreadable");

/// Tokens of one request as they are kept; what is larger than any request is no count.
fn tokens(count: u64) -> Option<u32> {
    (count <= crate::units::Tokens::REQUEST_MAX.0).then_some(count as u32)
}

/// The time of a record \[ns since 1970\]: from 1897 to 2116, so that no two are too far apart to subtract.
fn time(nanoseconds: i128) -> Result<i64, Unusable> {
    const EARLIEST: i128 = -(1 << 61);
    const LATEST: i128 = 1 << 62;
    if (EARLIEST..=LATEST).contains(&nanoseconds) { Ok(nanoseconds as i64) } else { Err(NO_TIME) }
}

/// A duration of a record \[ns\], where it is one: no answer takes longer than a day.
fn lasting(nanoseconds: i128) -> Option<SimSpan> {
    (1..=i128::from(SimSpan::DAY.0)).contains(&nanoseconds).then_some(SimSpan(nanoseconds as u64))
}

/// Whether a stop reason says that the answer was cut at its limit.
///
/// *Source*: Converse says `max_tokens`, and `model_context_window_exceeded` where the window ended first; Llama,
/// Mistral and OpenAI's form say `length`, Titan `LENGTH`.
fn is_cut(stop_reason: &str) -> bool {
    ["max_tokens", "length", "model_context_window_exceeded", "max_output_tokens"]
        .iter()
        .any(|word| stop_reason.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests;
