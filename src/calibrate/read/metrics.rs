//! What CloudWatch and CloudTrail saw: refusals and usage by minute, refusals one by one.
//!
//! Understood are the CSV that the CloudWatch console downloads, the JSON of `get-metric-data` and
//! `get-metric-statistics`, and CloudTrail's files and `lookup-events`. A metric is recognised by its name in the label:
//! `InvocationThrottles`, `EstimatedTPMQuotaUsage`. Points must be a minute apart: what a quota per minute does is not
//! seen in coarser ones.

use crate::calibrate::backtest::Witness;
use crate::calibrate::observation::{Instant, Outcome};
use crate::calibrate::outcome;
use serde_json::Value;
use std::collections::BTreeMap;

/// A metric that a backtest understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Metric {
    Throttles,
    Usage,
}

impl Metric {
    /// The metric that a label names.
    fn of(label: &str) -> Option<Metric> {
        let small = label.to_ascii_lowercase();
        if small.contains("invocationthrottles") || small.contains("throttle") {
            Some(Metric::Throttles)
        } else if small.contains("estimatedtpmquotausage") || small.contains("tpmquota") {
            Some(Metric::Usage)
        } else {
            None
        }
    }
}

/// Reads what CloudWatch or CloudTrail saw. `model` selects CloudTrail's events; empty, all count.
pub fn metrics(text: &str, model: &str) -> Result<Witness, String> {
    let text = text.trim_start_matches('\u{feff}').trim();
    let mut witness = Witness::default();
    if text.starts_with('{') || text.starts_with('[') {
        for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let value = value.map_err(|error| format!("it is not JSON: line {}", error.line()))?;
            document(&value, model, &mut witness)?;
        }
    } else {
        table(text, &mut witness)?;
    }
    if witness == Witness::default() {
        return Err("it has neither InvocationThrottles nor EstimatedTPMQuotaUsage nor CloudTrail events\n\nhint: the \
                    label of a metric must contain its name; download it with a period of 1 minute and the statistic Sum"
            .to_owned());
    }
    Ok(witness)
}

fn document(value: &Value, model: &str, witness: &mut Witness) -> Result<(), String> {
    if let Value::Array(list) = value {
        return list.iter().try_for_each(|value| document(value, model, witness));
    }
    let list = |name: &str| value.get(name).and_then(Value::as_array);
    if let Some(results) = list("MetricDataResults") {
        for result in results {
            let named = ["Label", "Id"].into_iter().find_map(|name| Metric::of(result.get(name)?.as_str()?));
            let of = |name: &str| result.get(name).and_then(Value::as_array).into_iter().flatten();
            if let Some(metric) = named {
                let points = of("Timestamps").zip(of("Values"));
                add(metric, points.filter_map(|(at, value)| Some((minute(at)?, value.as_f64()?))), witness)?;
            }
        }
    } else if let Some(points) = list("Datapoints") {
        let metric = value.get("Label").and_then(Value::as_str).and_then(Metric::of);
        let point = |point: &Value| {
            let value = ["Sum", "Average", "Maximum"].into_iter().find_map(|name| point.get(name)?.as_f64());
            Some((minute(point.get("Timestamp")?)?, value?))
        };
        if let Some(metric) = metric {
            add(metric, points.iter().filter_map(point), witness)?;
        }
    } else if let Some(events) = list("Records").or_else(|| list("Events")) {
        for event in events {
            trail(event, model, witness);
        }
    } else {
        trail(value, model, witness);
    }
    Ok(())
}

/// A refused call among CloudTrail's events.
fn trail(event: &Value, model: &str, witness: &mut Witness) {
    // `lookup-events` has the event as a text.
    if let Some(inner) = event.get("CloudTrailEvent").and_then(Value::as_str) {
        if let Ok(inner) = serde_json::from_str::<Value>(inner) {
            trail(&inner, model, witness);
        }
        return;
    }
    let text = |name: &str| event.get(name).and_then(Value::as_str).unwrap_or("");
    if !text("eventSource").starts_with("bedrock") {
        return;
    }
    let called =
        event.get("requestParameters").and_then(|parameters| parameters.get("modelId")?.as_str()).unwrap_or("");
    if !model.is_empty() && !called.ends_with(model) {
        return;
    }
    let at = text("eventTime").parse::<jiff::Timestamp>().ok().and_then(|at| i64::try_from(at.as_nanosecond()).ok());
    if let (Some(at), Outcome::Throttled(limit)) = (at, outcome::of_error(text("errorCode"), text("errorMessage"))) {
        witness.refusals.push((Instant(at), limit));
    }
}

/// The CSV of the console: some lines about the metrics, then a time and a value for each, a row a minute.
fn table(text: &str, witness: &mut Witness) -> Result<(), String> {
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(true).trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut columns: Vec<Option<Metric>> = Vec::new();
    let mut points: BTreeMap<usize, Vec<(i64, f64)>> = BTreeMap::new();
    for record in reader.records() {
        let record = record.map_err(|error| format!("it is no table: {error}"))?;
        match record.get(0).and_then(minute_of_text) {
            None => {
                // The last line of each kind before the values wins; one that names a metric always does.
                for (place, cell) in record.iter().enumerate().skip(1) {
                    columns.resize(columns.len().max(place + 1), None);
                    columns[place] = Metric::of(cell).or(columns[place]);
                }
            }
            Some(minute) => {
                for (place, cell) in record.iter().enumerate().skip(1) {
                    if let Ok(value) = cell.parse::<f64>() {
                        points.entry(place).or_default().push((minute, value));
                    }
                }
            }
        }
    }
    for (place, points) in points {
        if let Some(Some(metric)) = columns.get(place) {
            add(*metric, points.into_iter(), witness)?;
        }
    }
    Ok(())
}

fn add(metric: Metric, points: impl Iterator<Item = (i64, f64)>, witness: &mut Witness) -> Result<(), String> {
    let sums = match metric {
        Metric::Throttles => &mut witness.refusals_by_minute,
        Metric::Usage => &mut witness.estimated_usage,
    };
    let before = sums.len();
    for (minute, value) in points {
        *sums.entry(minute).or_default() += value;
    }
    let minutes: Vec<i64> = sums.keys().copied().collect();
    let step = minutes.windows(2).map(|pair| pair[1] - pair[0]).min();
    match step {
        // CloudWatch leaves out minutes in which a metric had no value, so one close pair is enough.
        Some(step) if step > 1 && sums.len() > before + 3 => Err(format!(
            "its points are {step} minutes apart\n\nhint: a quota per minute needs a period of 1 minute (60 s)"
        )),
        _ => Ok(()),
    }
}

/// The minute since 1970 of a time in JSON: a text, or seconds.
fn minute(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => minute_of_text(text),
        Value::Number(seconds) => Some(libm::floor(seconds.as_f64()? / 60.0) as i64),
        _ => None,
    }
}

fn minute_of_text(text: &str) -> Option<i64> {
    // The console writes 2026/10/01 where everyone else writes 2026-10-01.
    let text = if text.get(4..5) == Some("/") { text.replacen('/', "-", 2) } else { text.to_owned() };
    let nanoseconds = crate::spec::instant(&text, None).ok()?;
    i64::try_from(nanoseconds.div_euclid(60_000_000_000)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-10-01 12:34 UTC in minutes since 1970.
    const MINUTE: i64 = 29_847_634;

    #[test]
    fn every_form_of_cloudwatch_is_read() {
        let console = "Full label,InvocationThrottles,EstimatedTPMQuotaUsage\nAccount,1,1\n2026/10/01 12:34:00,5,1000\n\
                       2026/10/01 12:35:00,,1500\n";
        let data = r#"{"MetricDataResults":[{"Id":"m1","Label":"InvocationThrottles","Timestamps":
            ["2026-10-01T12:34:00+00:00"],"Values":[5.0]},{"Id":"m2","Label":"EstimatedTPMQuotaUsage us.x",
            "Timestamps":["2026-10-01T12:34:00Z","2026-10-01T12:35:00Z"],"Values":[1000,1500]}]}"#;
        let statistics = r#"{"Label":"InvocationThrottles","Datapoints":[{"Timestamp":"2026-10-01T12:34:00Z","Sum":5.0}]}
            {"Label":"EstimatedTPMQuotaUsage","Datapoints":[{"Timestamp":1790858040,"Sum":1000},
            {"Timestamp":"2026-10-01T12:35:00Z","Sum":1500}]}"#;
        for text in [console, data, statistics] {
            let witness = metrics(text, "").unwrap();
            assert_eq!(witness.refusals_by_minute, BTreeMap::from([(MINUTE, 5.0)]), "{text}");
            assert_eq!(witness.estimated_usage, BTreeMap::from([(MINUTE, 1_000.0), (MINUTE + 1, 1_500.0)]), "{text}");
        }
    }

    #[test]
    fn cloudtrails_refusals_are_picked_out() {
        let event = |code: &str, model: &str| {
            format!(
                r#"{{"eventTime":"2026-10-01T12:34:56Z","eventSource":"bedrock.amazonaws.com","eventName":"Converse",
                "errorCode":"{code}","errorMessage":"Too many tokens, please wait","requestParameters":{{"modelId":"{model}"}}}}"#
            )
        };
        let file = format!(
            r#"{{"Records":[{},{},{}]}}"#,
            event("ThrottlingException", "us.a"),
            event("ThrottlingException", "us.b"),
            event("ValidationException", "us.a")
        );
        assert_eq!(metrics(&file, "us.a").unwrap().refusals.len(), 1);
        assert_eq!(metrics(&file, "").unwrap().refusals.len(), 2);
        let looked_up =
            format!(r#"{{"Events":[{{"CloudTrailEvent":{}}}]}}"#, Value::from(event("ThrottlingException", "us.a")));
        assert_eq!(metrics(&looked_up, "us.a").unwrap().refusals[0].0, Instant(1_790_858_096_000_000_000));
    }

    #[test]
    fn what_is_too_coarse_or_something_else_is_refused() {
        let coarse = "Label,InvocationThrottles\n2026/10/01 12:00:00,1\n2026/10/01 12:05:00,1\n2026/10/01 12:10:00,1\n2026/10/01 12:15:00,1\n";
        assert!(metrics(coarse, "").unwrap_err().contains("5 minutes apart"));
        assert!(metrics("a,b\nc,d\n", "").unwrap_err().contains("InvocationThrottles"));
        assert!(metrics("{", "").unwrap_err().contains("not JSON"));
        assert!(metrics("", "").is_err());
    }
}
