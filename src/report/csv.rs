//! Tables for spreadsheets and data frames (RFC 4180): one row per metric, one row per pool and interval.
//!
//! Metrics are named by their path in the JSON document (`latency_ms.p99`), because both walk the same values.
//! Missing numbers are empty fields.

use crate::analysis::{Metrics, PoolTimeline, Recovery, Summary};
use csv::{Terminator, Writer, WriterBuilder};
use serde::Serialize;
use serde_json::{Map, Value};

/// The summary in long form: `scope,name,metric,value,ci_low,ci_high,few_events`.
pub fn summary(summary: &Summary) -> String {
    let mut table = Table::new(&["scope", "name", "metric", "value", "ci_low", "ci_high", "few_events"]);
    let name = summary.scenario.as_str();
    for (metric, value) in [
        ("schema_version", summary.schema_version.to_string()),
        ("quotasim_version", summary.quotasim_version.clone()),
        ("seed", summary.seed.to_string()),
        ("replications", summary.replications.to_string()),
        ("horizon_s", summary.horizon_s.to_string()),
        ("warmup_s", summary.warmup_s.to_string()),
    ] {
        table.row(["run", name, metric, &value, "", "", ""]);
    }
    if let Some(batches) = summary.batches {
        table.row(["run", name, "batches", &batches.to_string(), "", "", ""]);
    }
    if let Some(precision) = &summary.horizon_chosen_for {
        table.row(["run", name, "horizon_chosen_for", precision, "", "", ""]);
    }
    metrics(&mut table, "total", "", &summary.total);
    for (name, of_pool) in &summary.pools {
        metrics(&mut table, "pool", name, of_pool);
    }
    for (name, of_workload) in &summary.workloads {
        metrics(&mut table, "workload", name, of_workload);
    }
    if let Some(recovery) = &summary.recovery {
        let without_curve = Recovery { curve: Vec::new(), ..recovery.clone() };
        table.metrics(&["recovery", ""], &document(&without_curve));
    }
    for slo in &summary.slo {
        let value = slo.value.map_or_else(String::new, |value| value.to_string());
        for (metric, value) in [
            ("value", value),
            ("bound", slo.bound.to_string()),
            ("met", slo.met.to_string()),
            ("uncertain", slo.uncertain.to_string()),
        ] {
            table.row(["slo", &slo.text, metric, &value, "", "", ""]);
        }
    }
    table.finish()
}

/// One row per pool and interval of one replication.
pub fn timeline(pools: &[PoolTimeline]) -> String {
    let mut table = Table::new(&[
        "pool",
        "from_s",
        "to_s",
        "quota",
        "admitted",
        "throttled",
        "charged",
        "reserved_open",
        "available",
        "capacity",
        "in_flight",
    ]);
    for timeline in pools {
        for point in &timeline.points {
            table.row([
                timeline.pool.as_str(),
                &point.from_s.to_string(),
                &point.to_s.to_string(),
                &or_empty(point.quota),
                &point.admitted.to_string(),
                &point.throttled.to_string(),
                &point.charged.to_string(),
                &point.reserved_open.to_string(),
                &or_empty(point.available),
                &or_empty(point.capacity),
                &point.in_flight.to_string(),
            ]);
        }
    }
    table.finish()
}

fn or_empty<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// The metrics of one scope, each at its path in the JSON document.
fn metrics(table: &mut Table, scope: &str, name: &str, metrics: &Metrics) {
    table.metrics(&[scope, name], &document(metrics));
}

/// The JSON document of metrics.
pub(super) fn document(metrics: &impl Serialize) -> Value {
    serde_json::to_value(metrics).expect("metrics have string keys")
}

/// Rows for the value at `path`: an estimate is one row, a number one row, anything else its parts.
fn walk(table: &mut Table, scope: &[&str], path: &str, value: &Value) {
    match value {
        Value::Object(fields) if is_estimate(fields) => row_of_estimate(table, scope, path, fields),
        Value::Object(fields) => {
            for (key, value) in fields {
                match key.as_str() {
                    "mean" => row_of_estimate(table, scope, &format!("{path}.mean"), fields),
                    "ci95" => {}
                    _ => walk(table, scope, &format!("{path}.{key}"), value),
                }
            }
        }
        leaf => table.row(scope.iter().copied().chain([path, &number(Some(leaf)), "", "", ""])),
    }
}

/// Whether an object is nothing but a mean and its interval.
fn is_estimate(fields: &Map<String, Value>) -> bool {
    fields.contains_key("mean") && fields.keys().all(|key| matches!(key.as_str(), "mean" | "ci95" | "few_events"))
}

fn row_of_estimate(table: &mut Table, scope: &[&str], path: &str, fields: &Map<String, Value>) {
    let ends = fields.get("ci95").and_then(Value::as_array);
    let end = |index: usize| number(ends.and_then(|ends| ends.get(index)));
    let few = fields.get("few_events").and_then(Value::as_bool).unwrap_or(false).to_string();
    let cells = [path, &number(fields.get("mean")), &end(0), &end(1), &few];
    table.row(scope.iter().copied().chain(cells));
}

/// A number as JSON writes it, a word as it is; null is empty.
fn number(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(word)) => word.clone(),
        Some(value) => value.to_string(),
    }
}

/// A CSV writer into memory, where writing cannot fail.
pub(super) struct Table(Writer<Vec<u8>>);

impl Table {
    pub(super) fn new(header: &[&str]) -> Table {
        let mut table = Table(WriterBuilder::new().terminator(Terminator::CRLF).from_writer(Vec::new()));
        table.row(header);
        table
    }

    /// A row for each number of a document, under the names in front.
    pub(super) fn metrics(&mut self, scope: &[&str], document: &Value) {
        let Value::Object(fields) = document else { unreachable!("a struct is an object") };
        for (key, value) in fields {
            walk(self, scope, key, value);
        }
    }

    pub(super) fn row<'a>(&mut self, fields: impl IntoIterator<Item = &'a (impl AsRef<[u8]> + ?Sized + 'a)>) {
        self.0.write_record(fields).expect("memory does not fail and rows are equally long");
    }

    pub(super) fn finish(self) -> String {
        let bytes = self.0.into_inner().expect("memory does not fail");
        String::from_utf8(bytes).expect("fields are UTF-8")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::TimelinePoint;
    use crate::report::fixture;

    #[test]
    fn a_summary_in_long_form() {
        insta::assert_snapshot!(summary(&fixture::busy()).replace("\r\n", "\n"));
    }

    #[test]
    fn gaps_are_empty_fields_and_rows_end_as_rfc_4180_says() {
        let text = summary(&fixture::two_pools());
        assert!(text.contains("pool,mantle,quota_utilization,,,,false\r\n"), "{text}");
        assert!(text.lines().all(|line| !line.contains("null")), "{text}");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        assert!(reader.records().all(|row| row.is_ok_and(|row| row.len() == 7)));
    }

    #[test]
    fn quotes_protect_commas_in_names() {
        let point = TimelinePoint { to_s: 10.0, quota: None, charged: 7, available: Some(-3), ..Default::default() };
        let pools = [PoolTimeline { pool: "a, \"b\"".into(), points: vec![point] }];
        assert_eq!(
            timeline(&pools),
            "pool,from_s,to_s,quota,admitted,throttled,charged,reserved_open,available,capacity,in_flight\r\n\
             \"a, \"\"b\"\"\",0,10,,0,0,7,0,-3,,0\r\n"
        );
    }
}
