//! Usage in tables and lines of JSON: anything with a time, an input and an output.

use super::by::{Told, principal};
use super::claude_code::ClaudeCode;
use super::columns::{Columns, Field, unit_of_name};
use super::flat::{Row, at, flatten};
use super::{Feed, NO_TIME, NOT_JSON, Options, Unusable, is_cut, lasting, otlp, tokens};
use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
use crate::calibrate::outcome;
use crate::spec::instant;
use crate::units::{SimSpan, parse};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead, Read as _};

/// How many rows are looked at before columns and units are settled.
const HEAD: usize = 200;

/// What readers of several files share: messages that were seen, as a resumed conversation repeats its past.
#[derive(Debug, Clone, Default)]
pub struct Seen(pub(super) BTreeSet<u64>);

/// Reads a file of usage: CSV with a header, lines of JSON, or JSON values one after the other.
///
/// `Err` is what the user has to mend before any row can be read: a column that is not there, or none for tokens.
pub fn usage(mut reader: impl BufRead, options: &Options, seen: &mut Seen, feed: &mut Feed<'_>) -> Result<(), String> {
    let first = loop {
        let Ok(buffer) = reader.fill_buf() else {
            feed.broke_off();
            return Ok(());
        };
        // A byte-order mark is space, too.
        let space =
            buffer.iter().take_while(|&&byte| byte.is_ascii_whitespace() || b"\xef\xbb\xbf".contains(&byte)).count();
        match buffer.get(space) {
            Some(&first) => {
                reader.consume(space);
                break first;
            }
            None if buffer.is_empty() => return Err("the file is empty".to_owned()),
            None => reader.consume(space),
        }
    };
    match first {
        b'{' | b'[' => json(reader, options, seen, feed),
        _ => csv(reader, options, feed),
    }
}

fn csv(reader: impl BufRead, options: &Options, feed: &mut Feed<'_>) -> Result<(), String> {
    let mut table = csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(reader);
    let header: Vec<String> = match table.headers() {
        Ok(header) => header.iter().map(str::to_owned).collect(),
        Err(error) if error.is_io_error() => {
            feed.broke_off();
            return Ok(());
        }
        Err(_) => {
            return Err("it is no text, so no table either\n\nhint: read are CSV with a header and JSON lines, gzip \
                              or not"
                .to_owned());
        }
    };
    let mut head: Vec<(u64, Option<csv::StringRecord>)> = Vec::new();
    let mut settled: Option<Settled<'_>> = None;
    let mut record = csv::StringRecord::new();
    loop {
        let read = table.read_record(&mut record);
        let broken_off = read.as_ref().is_err_and(csv::Error::is_io_error);
        let ended = broken_off || matches!(read, Ok(false));
        if !ended {
            let line = record.position().map_or(0, csv::Position::line);
            head.push((line, read.is_ok().then(|| record.clone())));
        }
        if settled.is_none() && (ended || head.len() >= HEAD) {
            let columns = Columns::find(&header, &options.columns).map_err(|name| absent(&name, &header))?;
            let rows = head.iter().filter_map(|(_, record)| record.as_ref()).map(Cells::Csv);
            settled = Some(Settled::new(columns, options, rows, &header)?);
        }
        if let Some(settled) = &mut settled {
            for (line, record) in head.drain(..) {
                match record {
                    Some(record) => settled.row(&Cells::Csv(&record), line, feed),
                    None => feed.unusable(&Unusable::broken("it is not UTF-8 text"), line),
                }
            }
        }
        if broken_off {
            feed.broke_off();
        }
        if ended {
            break;
        }
    }
    settled.expect("columns are settled by the end").report(feed);
    Ok(())
}

fn json(reader: impl BufRead, options: &Options, seen: &mut Seen, feed: &mut Feed<'_>) -> Result<(), String> {
    let mut rows = JsonRows { options, seen, head: Vec::new(), settled: None, claude_code: ClaudeCode::default() };
    read_values(reader, |line, value, feed| rows.value(line, value, feed), feed)?;
    rows.settle()?;
    rows.drain(feed);
    rows.claude_code.finish(feed);
    if let Some(settled) = &rows.settled {
        settled.report(feed);
    }
    Ok(())
}

/// Hands on each JSON value: of lines, or, where the first line is only the beginning of one, of the whole text.
fn read_values(
    mut reader: impl BufRead,
    mut each: impl FnMut(u64, Value, &mut Feed<'_>) -> Result<(), String>,
    feed: &mut Feed<'_>,
) -> Result<(), String> {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return Ok(()),
            Ok(_) => number += 1,
            Err(_) => {
                feed.broke_off();
                return Ok(());
            }
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        match serde_json::from_slice::<Value>(text) {
            Ok(value) => each(number, value, feed)?,
            Err(error) if number == 1 && error.is_eof() => {
                let whole = std::io::Cursor::new(std::mem::take(&mut line)).chain(reader);
                let values = serde_json::Deserializer::from_reader(whole).into_iter::<Value>();
                for (place, value) in (1..).zip(values) {
                    let Ok(value) = value else {
                        feed.unusable(&NOT_JSON, place);
                        return Ok(());
                    };
                    each(place, value, feed)?;
                }
                return Ok(());
            }
            Err(_) => feed.unusable(&NOT_JSON, number),
        }
    }
}

/// Rows of JSON: the first wait until their columns are known.
struct JsonRows<'a> {
    options: &'a Options,
    seen: &'a mut Seen,
    head: Vec<(u64, Row)>,
    settled: Option<Settled<'a>>,
    claude_code: ClaudeCode,
}

impl JsonRows<'_> {
    fn value(&mut self, line: u64, value: Value, feed: &mut Feed<'_>) -> Result<(), String> {
        match value {
            Value::Array(list) => list.into_iter().try_for_each(|value| self.value(line, value, feed)),
            value if ClaudeCode::knows(&value) => {
                self.claude_code.take(&value, line, &mut self.seen.0, feed);
                Ok(())
            }
            value => match otlp::spans(&value) {
                Some(spans) => spans.iter().try_for_each(|span| self.row(line, flatten(span), feed)),
                None => self.row(line, flatten(&value), feed),
            },
        }
    }

    fn row(&mut self, line: u64, row: Row, feed: &mut Feed<'_>) -> Result<(), String> {
        self.head.push((line, row));
        if self.settled.is_none() && self.head.len() < HEAD {
            return Ok(());
        }
        self.settle()?;
        self.drain(feed);
        Ok(())
    }

    /// Finds the columns among the names of the first rows.
    fn settle(&mut self) -> Result<(), String> {
        if self.settled.is_some() || self.head.is_empty() {
            return Ok(());
        }
        let mut header: Vec<String> = Vec::new();
        for (name, _) in self.head.iter().flat_map(|(_, row)| row) {
            if !header.contains(name) {
                header.push(name.clone());
            }
        }
        let columns = Columns::find(&header, &self.options.columns).map_err(|name| absent(&name, &header))?;
        let rows = self.head.iter().map(|(_, row)| Cells::Json(row));
        self.settled = Some(Settled::new(columns, self.options, rows, &header)?);
        Ok(())
    }

    fn drain(&mut self, feed: &mut Feed<'_>) {
        if let Some(settled) = &mut self.settled {
            self.head.drain(..).for_each(|(line, row)| settled.row(&Cells::Json(&row), line, feed));
        }
    }
}

fn absent(name: &str, header: &[String]) -> String {
    let known: Vec<&str> = header.iter().map(String::as_str).take(20).collect();
    format!("there is no column `{name}`\n\nhint: the columns are `{}`", known.join("`, `"))
}

/// The cells of one row.
#[derive(Debug, Clone, Copy)]
enum Cells<'r> {
    Csv(&'r csv::StringRecord),
    Json(&'r Row),
}

impl<'r> Cells<'r> {
    /// The text of a field, if there is any.
    fn get(&self, columns: &Columns, field: Field) -> Option<&'r str> {
        let text = match self {
            Cells::Csv(record) => record.get(columns.place(field)?)?,
            Cells::Json(row) => at(row, columns.name(field)?)?,
        };
        (!text.is_empty()).then_some(text)
    }
}

/// Everything that holds for all rows of a file.
struct Settled<'a> {
    columns: Columns,
    options: &'a Options,
    includes_cache: bool,
    /// The replication that is read, where the file has several.
    replication: Option<String>,
}

const NO_USAGE: Unusable = Unusable::other("it has no token counts");
const NOT_TOKENS: Unusable = Unusable::broken("its token counts are no whole numbers");
const ANOTHER_REPLICATION: Unusable = Unusable::other("it belongs to another replication than the first");

impl<'a> Settled<'a> {
    fn new<'r>(
        mut columns: Columns,
        options: &'a Options,
        rows: impl Iterator<Item = Cells<'r>> + Clone,
        header: &[String],
    ) -> Result<Settled<'a>, String> {
        let derived = columns.has(Field::Reservation) && columns.has(Field::Charge) && !columns.has(Field::Input);
        let counts = columns.has(Field::Input) && columns.has(Field::Output);
        if !columns.has(Field::Time) || !(counts || derived) {
            let missing: Vec<&str> = [Field::Time, Field::Input, Field::Output]
                .into_iter()
                .filter(|&field| !columns.has(field))
                .map(Field::name)
                .collect();
            let known: Vec<&str> = header.iter().map(String::as_str).take(20).collect();
            return Err(format!(
                "no column was recognised as {}\n\nhint: name it, like `--column {}=NAME`; the columns are `{}`",
                missing.join(" or "),
                missing.first().unwrap_or(&"time"),
                known.join("`, `")
            ));
        }
        if derived && (options.max_tokens.is_none() || options.burndown.is_none()) {
            return Err("it has reservations and charges, not tokens\n\nhint: `--max-tokens N` and a `--model` whose \
                        burndown rate is known take them apart"
                .to_owned());
        }
        settle_units(&mut columns, options, &rows);
        let replications = rows.filter_map(|row| row.get(&columns, Field::Replication));
        Ok(Settled {
            includes_cache: options.input_includes_cache.unwrap_or_else(|| includes_cache(&columns)),
            replication: replications.min_by_key(|text| (text.len(), *text)).map(str::to_owned),
            columns,
            options,
        })
    }

    fn row(&mut self, cells: &Cells<'_>, line: u64, feed: &mut Feed<'_>) {
        match self.observation(cells) {
            Ok(observation) => feed.used(&observation),
            Err(why) => feed.unusable(&why, line),
        }
    }

    fn report(&self, feed: &mut Feed<'_>) {
        feed.reading.columns = self.columns.report();
        feed.reading.input_includes_cache = self.includes_cache && self.columns.has(Field::CacheRead);
    }

    fn observation<'r>(&self, cells: &Cells<'r>) -> Result<Observation<'r>, Unusable> {
        let get = |field: Field| cells.get(&self.columns, field);
        if self.replication.as_deref().zip(get(Field::Replication)).is_some_and(|(first, this)| first != this) {
            return Err(ANOTHER_REPLICATION);
        }
        let limit = get(Field::Limit).and_then(outcome::quota_of_key);
        let mut outcome = outcome::of_word(get(Field::Outcome).unwrap_or(""), limit);
        if let Outcome::Answered { cut } = &mut outcome {
            *cut |= get(Field::StopReason).is_some_and(is_cut);
        }
        let set = get(Field::MaxTokens)
            .map(|text| count(text).filter(|&limit| limit > 0).map_or(MaxTokens::Unset, MaxTokens::Set));
        let absent = if self.columns.has(Field::MaxTokens) { MaxTokens::Unset } else { MaxTokens::Unknown };
        let max_tokens = set.or(self.options.max_tokens.map(MaxTokens::Set)).unwrap_or(absent);
        let tokens = self.tokens(cells)?;
        if matches!(outcome, Outcome::Answered { .. }) && tokens.output.is_none() {
            return Err(NO_USAGE);
        }
        let time = |field: Field| -> Result<Option<i64>, Unusable> {
            let Some(text) = get(field) else { return Ok(None) };
            let nanoseconds = instant(text, self.columns.unit(field)).map_err(|_| NO_TIME)?;
            super::time(nanoseconds).map(Some)
        };
        let at = time(Field::Time)?.ok_or(NO_TIME)?;
        let ended = time(Field::End)?.and_then(|end| lasting(i128::from(end - at)));
        let span = |field: Field| {
            let unit = self.columns.unit(field)?;
            lasting(parse::nanoseconds(get(field)?, unit).ok()?)
        };
        let latency = span(Field::Latency).or(ended);
        let lasted = if self.options.timestamps_at_end { latency.unwrap_or_default().0 as i64 } else { 0 };
        let text = |field: Field| std::borrow::Cow::Borrowed(get(field).unwrap_or(""));
        let told = Told {
            identity: principal(get(Field::Caller).unwrap_or("")).into(),
            operation: text(Field::Operation),
            max_tokens,
        };
        let by_path = |key: &str| match cells {
            Cells::Json(row) => std::borrow::Cow::Borrowed(at_end(row, key).unwrap_or("")),
            Cells::Csv(_) => std::borrow::Cow::Borrowed(""),
        };
        Ok(Observation {
            at: Instant(at - lasted),
            source: Source {
                model: text(Field::Model),
                region: text(Field::Region),
                account: text(Field::Account),
                caller: self.options.by.caller(&told, by_path),
            },
            outcome,
            tokens,
            max_tokens,
            ttft: span(Field::Ttft),
            latency,
            session: get(Field::Session).map(hash),
            retry: get(Field::Attempt).and_then(count).is_some_and(|attempt| attempt > 1),
        })
    }

    fn tokens(&self, cells: &Cells<'_>) -> Result<Usage, Unusable> {
        let number = |field: Field| match cells.get(&self.columns, field) {
            None => Ok(None),
            Some(text) => count(text).map(Some).ok_or(NOT_TOKENS),
        };
        if !self.columns.has(Field::Input) {
            return Ok(self.taken_apart(number(Field::Reservation)?, number(Field::Charge)?));
        }
        let (read, write) = (number(Field::CacheRead)?.unwrap_or(0), number(Field::CacheWrite)?.unwrap_or(0));
        let input = number(Field::Input)?;
        let cached = if self.includes_cache { read.saturating_add(write) } else { 0 };
        Ok(Usage {
            input: input.map(|input| input.saturating_sub(cached)),
            cache_read: read,
            cache_write: write,
            output: number(Field::Output)?,
        })
    }

    /// Tokens from a reservation and a charge.
    ///
    /// *Formula*: `input = reservation − max_tokens`, `output = (charge − input) / burndown`; a truncated answer has
    /// `max_tokens`.
    fn taken_apart(&self, reservation: Option<u32>, charge: Option<u32>) -> Usage {
        let (Some(limit), Some(burndown)) = (self.options.max_tokens, self.options.burndown) else {
            return Usage::default();
        };
        let input = reservation.map(|reservation| reservation.saturating_sub(limit));
        let output = input.zip(charge).filter(|(_, charge)| *charge > 0);
        Usage {
            input,
            output: output.map(|(input, charge)| charge.saturating_sub(input) / burndown.max(1)),
            ..Usage::default()
        }
    }
}

/// A whole number of tokens; `12.0` is one, too.
fn count(text: &str) -> Option<u32> {
    let exact = text.strip_suffix(".0").unwrap_or(text);
    tokens(exact.parse().ok()?)
}

/// A metadata key at the end of a path: `tenant` is found as `metadata.tenant`.
fn at_end<'r>(row: &'r Row, key: &str) -> Option<&'r str> {
    at(row, key).or_else(|| {
        let end = format!(".{key}");
        row.iter().find(|(path, _)| path.ends_with(&end)).map(|(_, text)| text.as_str())
    })
}

/// A conversation's number from its name.
///
/// *Source*: Fowler, Noll and Vo, FNV-1a with 64 bits.
pub(super) fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Whether an input column is known to count the whole prompt, what the cache served included.
///
/// *Source*: OpenTelemetry's `gen_ai.usage.input_tokens` "should include all types of input tokens, including cached
/// tokens"; OpenAI's `prompt_tokens` likewise. Bedrock's and Anthropic's counts leave the cached part out.
fn includes_cache(columns: &Columns) -> bool {
    let name = columns.name(Field::Input).unwrap_or("").to_ascii_lowercase();
    name.contains("total") || name.contains("prompt") || name.contains("gen_ai") || name.contains("context")
}

/// Settles what one unit of each plain number of time is: as the user says, as the name says, or as its size suggests.
fn settle_units<'r>(columns: &mut Columns, options: &Options, rows: &(impl Iterator<Item = Cells<'r>> + Clone)) {
    const MS: (SimSpan, &str) = (SimSpan::MILLISECOND, "ms");
    const S: (SimSpan, &str) = (SimSpan::SECOND, "s");
    let median = |columns: &Columns, field: Field| {
        let numbers = rows.clone().filter_map(|row| row.get(columns, field)?.parse::<f64>().ok());
        let mut numbers: Vec<f64> = numbers.filter(|x| x.is_finite()).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.get(numbers.len() / 2).copied()
    };
    for field in [Field::Time, Field::End] {
        let Some(size) = median(columns, field) else { continue };
        let named = columns.name(field).and_then(unit_of_name);
        let by_size = match size {
            // Of seconds since 1970, this is the year 2286, of milliseconds 1970, and so on.
            size if size >= 1e17 => (SimSpan(1), "ns"),
            size if size >= 1e14 => (SimSpan(1_000), "us"),
            size if size >= 1e11 => MS,
            size if size >= 1e8 => S,
            // Relative times: the Mooncake traces, which call lengths so, count milliseconds.
            _ if columns.name(Field::Input) == Some("input_length") => MS,
            _ => S,
        };
        let asked = options.time_unit.map(|unit| (unit, unit_name(unit)));
        columns.set_unit(field, asked.or(named).unwrap_or(by_size));
    }
    for field in [Field::Ttft, Field::Latency] {
        let Some(size) = median(columns, field) else { continue };
        let named = columns.name(field).and_then(unit_of_name);
        // Answers take a fraction of a second to a minute: no median of seconds is above 150, none of milliseconds below.
        columns.set_unit(field, named.unwrap_or(if size > 150.0 { MS } else { S }));
    }
}

fn unit_name(unit: SimSpan) -> &'static str {
    match unit {
        SimSpan(1) => "ns",
        SimSpan(1_000) => "us",
        SimSpan::MILLISECOND => "ms",
        SimSpan::SECOND => "s",
        _ => "as given",
    }
}
