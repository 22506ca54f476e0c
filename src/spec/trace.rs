//! Recorded files: traces of requests and columns of values, as CSV with a header.

use super::arrivals::TraceSpec;
use super::build::Builder;
use super::context::At;
use super::distribution::ColumnSpec;
use super::problem::{Problem, listed, shown, suggestion};
use super::scalar::in_seconds;
use crate::model::{Trace, TraceRow};
use crate::units::parse;
use crate::units::{SimSpan, SimTime, Tokens, format};
use std::sync::Arc;

/// How many bad rows of a file are named before the rest is counted.
const MOST_BAD_ROWS: usize = 5;

/// A CSV file with its header.
struct Table {
    header: Vec<String>,
    reader: csv::Reader<std::io::Cursor<Arc<[u8]>>>,
}

impl Table {
    fn open(b: &mut Builder<'_>, file: &At<String>) -> Option<Table> {
        let bytes = b.file(file)?;
        let mut reader =
            csv::ReaderBuilder::new().flexible(true).trim(csv::Trim::All).from_reader(std::io::Cursor::new(bytes));
        let header = match reader.headers() {
            Ok(header) => header.iter().map(|name| name.trim_start_matches('\u{feff}').to_owned()).collect::<Vec<_>>(),
            Err(error) => {
                let problem = Problem::of_file(&file.value, format!("the header cannot be read: {error}"), None);
                b.cx.problem_in_file(file.at, problem);
                return None;
            }
        };
        b.require(!header.iter().all(String::is_empty), file.at, || format!("`{}` is empty", shown(&file.value)))?;
        Some(Table { header, reader })
    }

    /// The position of a column.
    fn column(&self, b: &mut Builder<'_>, file: &str, name: &At<String>) -> Option<usize> {
        let found = self.header.iter().position(|column| *column == name.value);
        if found.is_none() {
            let message = format!("`{}` has no column `{}`", shown(file), shown(&name.value));
            let known: Vec<&str> = self.header.iter().map(String::as_str).take(20).collect();
            let hint = suggestion(&name.value, &known, "its columns are")
                .unwrap_or_else(|| format!("its columns are {}", listed(&known)));
            b.cx.problem_with(name.at, message, hint);
        }
        found
    }

    /// Reads every row; `read` gets a function from column to cell and says what is wrong with a row.
    fn rows<T>(
        mut self,
        b: &mut Builder<'_>,
        file: &At<String>,
        mut read: impl FnMut(&csv::StringRecord) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let mut rows = Vec::new();
        let mut bad = 0usize;
        let mut record = csv::StringRecord::new();
        let mut number = 0u64;
        loop {
            number += 1;
            let result = match self.reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => read(&record),
                Err(error) => Err(match error.kind() {
                    csv::ErrorKind::Utf8 { .. } => "it is not UTF-8 text".to_owned(),
                    _ => error.to_string(),
                }),
            };
            match result {
                Ok(row) => rows.push(row),
                Err(reason) => {
                    bad += 1;
                    if bad <= MOST_BAD_ROWS {
                        let line = record.position().map_or(1, csv::Position::line);
                        let mut problem = Problem::of_file(&file.value, format!("row {number}: {reason}"), None);
                        problem.line = usize::try_from(line).unwrap_or(usize::MAX);
                        b.cx.problem_in_file(file.at, problem);
                    }
                }
            }
        }
        if bad > MOST_BAD_ROWS {
            let message = format!("{} more rows of {} cannot be read", bad - MOST_BAD_ROWS, number - 1);
            b.cx.problem_in_file(file.at, Problem::of_file(&file.value, message, None));
        }
        b.require(bad > 0 || !rows.is_empty(), file.at, || format!("`{}` has no rows", shown(&file.value)))?;
        (bad == 0).then_some(rows)
    }
}

/// Reads the rows of a trace, in order of time from its first row.
pub(crate) fn rows(b: &mut Builder<'_>, spec: &TraceSpec) -> Option<Trace> {
    let file = spec.file.as_ref()?;
    let (speed, scale) = (spec.speed?, spec.scale?);
    let paces = b.require(speed.value.numerator > 0, speed.at, || "`speed` is 0: it must be positive".to_owned());
    let copies = b.require(scale.value > 0.0 && scale.value <= 1e6, scale.at, || {
        format!("`scale` is {}: it must be positive and at most 1,000,000", scale.value)
    });
    let table = Table::open(b, file)?;
    let mut find = |name: &Option<At<String>>| match name {
        None => Some(None),
        Some(name) => table.column(b, &file.value, name).map(Some),
    };
    let (time, input, output) = (find(&spec.time), find(&spec.input_tokens), find(&spec.output_tokens));
    let (cache_read, max_tokens) = (find(&spec.cache_read_tokens), find(&spec.max_tokens));
    let (time, input, output) = (time??, input??, output??);
    let (cache_read, max_tokens) = (cache_read?, max_tokens?);
    let unit = spec.time_unit.as_ref().map(|unit| unit.value.span());

    let mut read = table.rows(b, file, |record| {
        let cell = |column: usize| record.get(column).unwrap_or("");
        let max_tokens = max_tokens.map(cell).filter(|text| !text.is_empty());
        let row = TraceRow {
            at: SimTime::ZERO,
            input: tokens("input tokens", cell(input))?,
            output: tokens("output tokens", cell(output))?,
            cache_read: cache_read.map_or(Ok(0), |column| tokens("cache-read tokens", cell(column)))?,
            max_tokens: max_tokens.map_or(Ok(0), |text| tokens("max_tokens", text))?,
        };
        if max_tokens.is_some() && row.max_tokens == 0 {
            return Err("max_tokens is 0".to_owned());
        }
        Ok((instant(cell(time), unit)?, row))
    })?;
    paces?;
    copies?;

    read.sort_by_key(|&(at, _)| at);
    let first = read.first()?.0;
    let rows = read
        .into_iter()
        .map(|(at, row)| {
            // Both fit: instants lie within ±2^100 ns, and the fraction's parts within 64 bits.
            let elapsed = at.saturating_sub(first).unsigned_abs();
            let scaled =
                elapsed.saturating_mul(u128::from(speed.value.denominator)) / u128::from(speed.value.numerator);
            let at = u64::try_from(scaled).ok().map(SimTime).filter(|&at| at < SimTime::MAX);
            at.map(|at| TraceRow { at, ..row })
        })
        .collect::<Option<Arc<[TraceRow]>>>();
    b.require(rows.is_some(), file.at, || {
        format!("`{}` spans more than {} days", shown(&file.value), SimTime::MAX.0 / SimSpan::DAY.0)
    })?;
    Some(Trace { rows: rows?, has_max_tokens: max_tokens.is_some(), scale: scale.value, repeat: spec.r#loop?.value })
}

fn tokens(what: &str, cell: &str) -> Result<u32, String> {
    let exact = cell.strip_suffix(".0").unwrap_or(cell);
    match exact.parse::<u64>() {
        Ok(tokens) if tokens <= Tokens::REQUEST_MAX.0 => Ok(tokens as u32),
        Ok(tokens) => Err(format!("{what} are {tokens}, more than {}", format::count(Tokens::REQUEST_MAX.0))),
        Err(_) if cell.is_empty() => Err(format!("{what} are missing")),
        Err(_) => Err(format!("{what} are `{}`, not a whole number", shown(cell))),
    }
}

/// An instant of a file [ns]; only differences count.
pub(crate) fn instant(cell: &str, unit: Option<SimSpan>) -> Result<i128, String> {
    if let Some(unit) = unit {
        return parse::nanoseconds(cell, unit).map_err(|refusal| format!("the time is `{}`: {refusal}", shown(cell)));
    }
    if let Ok(timestamp) = cell.parse::<jiff::Timestamp>() {
        return Ok(timestamp.as_nanosecond());
    }
    if let Ok(civil) = cell.parse::<jiff::civil::DateTime>()
        && let Ok(zoned) = civil.to_zoned(jiff::tz::TimeZone::UTC)
    {
        return Ok(zoned.timestamp().as_nanosecond());
    }
    if cell.is_empty() {
        return Err("the time is missing".to_owned());
    }
    if parse::nanoseconds(cell, SimSpan::SECOND).is_ok() {
        return Err(format!("the time is `{}`: a plain number needs `time_unit`", shown(cell)));
    }
    Err(format!("the time is `{}`, neither RFC 3339 nor `YYYY-MM-DD hh:mm:ss`", shown(cell)))
}

/// Reads a column of values in increasing order; durations come out in seconds.
pub(crate) fn column(b: &mut Builder<'_>, spec: &ColumnSpec, durations: bool) -> Option<Arc<[f64]>> {
    let (file, name) = (spec.file.as_ref()?, spec.column.as_ref()?);
    if let (Some(unit), false) = (spec.unit, durations) {
        b.cx.problem_with(unit.at, "`unit` has no meaning for counts", "remove it");
    }
    let table = Table::open(b, file)?;
    let column = table.column(b, &file.value, name)?;
    let unit = spec.unit.map(|unit| in_seconds(unit.value));
    let mut values = table.rows(b, file, |record| {
        let cell = record.get(column).unwrap_or("");
        let wrong = |refusal: parse::Refusal| format!("the value is `{}`: {refusal}", shown(cell));
        match (durations, unit) {
            (false, _) => parse::number(cell).map_err(wrong),
            (true, Some(unit)) => parse::number(cell).map(|value| value * unit).map_err(wrong),
            (true, None) => parse::duration(cell)
                .map(SimSpan::as_secs_f64)
                .map_err(|refusal| format!("the value is `{}`: {refusal}; add `unit: 1s` or `unit: 1ms`", shown(cell))),
        }
    })?;
    values.sort_by(f64::total_cmp);
    Some(Arc::from(values))
}
