//! Bedrock's model-invocation logs: lines of JSON from S3, and what CloudWatch makes of them.
//!
//! *Source*: AWS user guide, `model-invocation-logging`; record fields as documented and, for cache counts and the
//! Region of inference, as observed.
//!
//! CloudWatch wraps each record once more: its export to S3 puts a time before it, `filter-log-events` and
//! `get-log-events` make it the `message` of an event, Insights the value of a field `@message`, a subscription one of
//! the `logEvents` of a batch, and the console's downloads a column of a table. All are recognised by what they hold.

use super::by::{Told, principal};
use super::invocation_body::{RequestBody, ResponseBody};
use super::lenient::{Number, Object, Text};
use super::{Feed, NO_TIME, NOT_JSON, Options, Unusable, lasting};
use crate::calibrate::observation::{Instant, MaxTokens, Observation, Outcome, Source, Usage};
use crate::calibrate::outcome;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, Read as _};

/// A record as it is logged; what is not named here is skipped over.
#[derive(Debug, Default, Deserialize)]
struct Record<'a> {
    #[serde(default, borrow, rename = "schemaType")]
    schema_type: Text<'a>,
    #[serde(default, borrow)]
    timestamp: Text<'a>,
    #[serde(default, borrow, rename = "accountId")]
    account_id: Text<'a>,
    #[serde(default, borrow)]
    region: Text<'a>,
    #[serde(default, borrow)]
    operation: Text<'a>,
    #[serde(default, borrow, rename = "modelId")]
    model_id: Text<'a>,
    #[serde(default, borrow)]
    identity: Object<Identity<'a>>,
    #[serde(default, borrow, rename = "requestMetadata")]
    request_metadata: Object<BTreeMap<Text<'a>, Text<'a>>>,
    #[serde(default, borrow, rename = "errorCode")]
    error_code: Text<'a>,
    #[serde(default, borrow, rename = "errorMessage")]
    error_message: Text<'a>,
    #[serde(default)]
    input: Object<Input>,
    #[serde(default)]
    output: Object<Output>,
}

#[derive(Debug, Default, Deserialize)]
struct Identity<'a> {
    #[serde(default, borrow)]
    arn: Text<'a>,
}

#[derive(Debug, Default, Deserialize)]
struct Input {
    #[serde(default, rename = "inputBodyJson")]
    body: Option<Object<RequestBody>>,
    #[serde(default, rename = "inputTokenCount")]
    tokens: Number,
    #[serde(default, rename = "cacheReadInputTokenCount")]
    cache_read: Number,
    #[serde(default, rename = "cacheWriteInputTokenCount")]
    cache_write: Number,
}

#[derive(Debug, Default, Deserialize)]
struct Output {
    #[serde(default, rename = "outputBodyJson")]
    body: ResponseBody,
    #[serde(default, rename = "outputTokenCount")]
    tokens: Number,
}

const NOT_A_RECORD: Unusable = Unusable::broken("it is no model-invocation record");
const NO_ANSWER: Unusable =
    Unusable::other("it has no output tokens: an embedding, an image, or a body kept elsewhere");

/// Reads a log from `reader`, line by line; a file that is one large document is read element by element.
pub fn invocation_log(mut reader: impl BufRead, options: &Options, feed: &mut Feed<'_>) {
    let mut line = Vec::new();
    let mut number = 0;
    loop {
        line.clear();
        match reader.read_until(b'\n', &mut line) {
            Ok(0) => return,
            Ok(_) => number += 1,
            Err(_) => return feed.broke_off(),
        }
        let text = line.trim_ascii();
        if text.is_empty() {
            continue;
        }
        if number == 1 && begins_a_document(text) {
            let begun = std::mem::take(&mut line);
            return documents(io::Cursor::new(begun).chain(reader), None, options, feed);
        }
        if number == 1
            && let Some(column) = message_column(text)
        {
            return table(reader, column, options, feed);
        }
        one_line(text, number, options, feed);
    }
}

/// Whether a first line is the beginning of something that goes on over several lines.
fn begins_a_document(text: &[u8]) -> bool {
    matches!(text[0], b'{' | b'[') && serde_json::from_slice::<IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

/// The column of records in the header of a table that the console of CloudWatch downloads: `@message` of Insights,
/// `message` of a log's events.
fn message_column(text: &[u8]) -> Option<usize> {
    let header = std::str::from_utf8(text).ok()?.trim_start_matches('\u{feff}');
    header.split(',').map(|name| name.trim_matches('"')).position(|name| name == "@message" || name == "message")
}

/// Reads a table behind its header.
fn table(reader: impl BufRead, column: usize, options: &Options, feed: &mut Feed<'_>) {
    let mut rows = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(reader);
    let mut row = csv::ByteRecord::new();
    loop {
        match rows.read_byte_record(&mut row) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return feed.broke_off(),
        }
        // The header is the first line.
        let line = row.position().map_or(0, csv::Position::line) + 1;
        one_line(row.get(column).unwrap_or_default(), line, options, feed);
    }
}

fn one_line(text: &[u8], number: u64, options: &Options, feed: &mut Feed<'_>) {
    // CloudWatch's export to S3 writes a time before each record.
    let json = match text.iter().position(|&byte| byte == b'{' || byte == b'[') {
        Some(start) if start > 0 && text[..start].iter().all(|byte| b" 0123456789-:.TZ+".contains(byte)) => {
            &text[start..]
        }
        _ => text,
    };
    match serde_json::from_slice::<Record<'_>>(json) {
        Ok(record) if record.is_one() => take(&record, number, options, feed),
        Ok(_) => documents(json, Some(number), options, feed),
        Err(_) if is_several(json) => documents(json, Some(number), options, feed),
        Err(_) => feed.unusable(&NOT_JSON, number),
    }
}

/// Whether a line is a list, or a value with more behind it.
fn is_several(json: &[u8]) -> bool {
    matches!(serde_json::Deserializer::from_slice(json).into_iter::<IgnoredAny>().next(), Some(Ok(_)))
}

impl Record<'_> {
    fn is_one(&self) -> bool {
        self.schema_type.0 == "ModelInvocationLog" || !self.model_id.0.is_empty() && !self.timestamp.0.is_empty()
    }
}

fn take(record: &Record<'_>, line: u64, options: &Options, feed: &mut Feed<'_>) {
    match observation(record, options) {
        Ok(observation) => feed.used(&observation),
        Err(why) => feed.unusable(&why, line),
    }
}

/// What a record says of its attempt.
fn observation<'a>(record: &Record<'a>, options: &Options) -> Result<Observation<'a>, Unusable> {
    let at: jiff::Timestamp = record.timestamp.0.parse().map_err(|_| NO_TIME)?;
    let at = super::time(at.as_nanosecond())?;
    let (Object(input), Object(output)) = (&record.input, &record.output);
    let body = &output.body;
    let usage = usage(input, output);
    let outcome = if record.error_code.0.is_empty() {
        usage.output.ok_or(NO_ANSWER)?;
        Outcome::Answered { cut: body.cut }
    } else {
        outcome::of_error(&record.error_code.0, &record.error_message.0)
    };
    let max_tokens = match &input.body {
        Some(Object(request)) => request.max_tokens().map_or(MaxTokens::Unset, MaxTokens::Set),
        None => options.max_tokens.map_or(MaxTokens::Unknown, MaxTokens::Set),
    };
    let span = |milliseconds: Number| lasting(libm::round(milliseconds.0? * 1e6) as i128);
    let latency = span(body.latency_ms);
    let lasted = if options.timestamps_at_end { latency.unwrap_or_default().0 as i64 } else { 0 };
    let arn = &record.identity.0.arn.0;
    let told = Told {
        identity: match arn {
            Cow::Borrowed(arn) => Cow::Borrowed(principal(arn)),
            Cow::Owned(arn) => Cow::Owned(principal(arn).to_owned()),
        },
        operation: record.operation.0.clone(),
        max_tokens,
    };
    let metadata = &record.request_metadata.0;
    let value = |key: &str| {
        let found = metadata.iter().find(|(known, _)| known.0 == key);
        found.map_or(Cow::Borrowed(""), |(_, value)| value.0.clone())
    };
    Ok(Observation {
        at: Instant(at - lasted),
        source: Source {
            model: record.model_id.0.clone(),
            region: record.region.0.clone(),
            account: record.account_id.0.clone(),
            caller: options.by.caller(&told, value),
        },
        outcome,
        tokens: usage,
        max_tokens,
        ttft: span(body.ttft_ms),
        latency,
        session: None,
        retry: false,
    })
}

/// Token counts: the body's usage, else the record's own counts.
///
/// The record's `inputTokenCount` may be the whole prompt where the body's usage counts the uncached part (observed):
/// without a body, what the cache served is taken off where it fits in.
fn usage(input: &Input, output: &Output) -> Usage {
    let body = &output.body;
    let read = body.cache_read.tokens().or(input.cache_read.tokens()).unwrap_or(0);
    let write = body.cache_write.tokens().or(input.cache_write.tokens()).unwrap_or(0);
    let counted = input.tokens.tokens().map(|tokens| tokens.checked_sub(read.saturating_add(write)).unwrap_or(tokens));
    Usage {
        input: body.input.tokens().or(counted),
        cache_read: read,
        cache_write: write,
        output: body.output.tokens().or(output.tokens.tokens()),
    }
}

/// Reads JSON values one after the other; of lists and of the lists that CloudWatch makes, each element. All may stand
/// on one line; else they are counted.
fn documents(mut reader: impl BufRead, line: Option<u64>, options: &Options, feed: &mut Feed<'_>) {
    let mut number = 0;
    let mut each = |value: Value, feed: &mut Feed<'_>| {
        number += 1;
        element(&value, line.unwrap_or(number), options, feed);
    };
    loop {
        match goes_on(&mut reader) {
            Ok(true) => {}
            Ok(false) => return,
            Err(_) => return feed.broke_off(),
        }
        let mut json = serde_json::Deserializer::from_reader(&mut reader);
        if json.deserialize_any(Elements { each: &mut each, feed: &mut *feed }).is_err() {
            return match line {
                Some(line) => feed.unusable(&NOT_JSON, line),
                None => feed.broke_off(),
            };
        }
    }
}

/// Whether anything but space follows.
fn goes_on(reader: &mut impl BufRead) -> io::Result<bool> {
    loop {
        let buffer = reader.fill_buf()?;
        if buffer.is_empty() {
            return Ok(false);
        }
        let space = buffer.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if space < buffer.len() {
            reader.consume(space);
            return Ok(true);
        }
        reader.consume(space);
    }
}

/// One element: a record, an event around one, or fields of a query's result.
fn element(value: &Value, number: u64, options: &Options, feed: &mut Feed<'_>) {
    if let Ok(record) = Record::deserialize(value)
        && record.is_one()
    {
        return take(&record, number, options, feed);
    }
    let insights = value.as_array().and_then(|fields| {
        let is_message = |field: &&Value| field.get("field").and_then(Value::as_str) == Some("@message");
        fields.iter().find(is_message)?.get("value")
    });
    let message = insights.or_else(|| value.get("message")).or_else(|| value.get("@message"));
    match message {
        Some(Value::String(text)) => match serde_json::from_str::<Record<'_>>(text) {
            Ok(record) if record.is_one() => take(&record, number, options, feed),
            Ok(_) => feed.unusable(&NOT_A_RECORD, number),
            Err(_) => feed.unusable(&NOT_JSON, number),
        },
        Some(inner @ Value::Object(_)) => element(inner, number, options, feed),
        _ => feed.unusable(&NOT_A_RECORD, number),
    }
}

/// Hands on the elements of a list, or of the lists in an object, one at a time; an object without such a list is an
/// element itself.
struct Elements<'f, 'a, F> {
    each: &'f mut F,
    feed: &'f mut Feed<'a>,
}

impl<'de, F: FnMut(Value, &mut Feed<'_>)> Visitor<'de> for Elements<'_, '_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a record, or a list of them")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(value) = list.next_element::<Value>()? {
            (self.each)(value, self.feed);
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut rest = serde_json::Map::new();
        let mut listed = false;
        while let Some(key) = map.next_key::<String>()? {
            if ["events", "logEvents", "results", "Records"].contains(&key.as_str()) {
                map.next_value_seed(Elements { each: &mut *self.each, feed: &mut *self.feed })?;
                listed = true;
            } else {
                rest.insert(key, map.next_value::<Value>()?);
            }
        }
        if !listed {
            (self.each)(Value::Object(rest), self.feed);
        }
        Ok(())
    }
}

impl<'de, F: FnMut(Value, &mut Feed<'_>)> DeserializeSeed<'de> for Elements<'_, '_, F> {
    type Value = ();

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}
