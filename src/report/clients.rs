//! What clients do and what it costs: attempts, waits by cause, wasted work, and why requests fail.

use super::number::{DASH, digits, duration_ms, or_dash, percent};
use super::table::Table;
use crate::analysis::{Comparison, FailureCause, FailuresByCause, Metrics, Summary};

/// Attempts per request from which on retries alone are worth a table.
const MANY_TRIES: f64 = 1.2;

/// A column that is left out where no client does what it tells of.
struct Rare {
    title: &'static str,
    legend: &'static str,
    value: fn(&Metrics) -> Option<f64>,
    cell: fn(f64) -> String,
}

const RARE: [Rare; 3] = [
    Rare {
        title: "limiter",
        legend: "limiter: mean wait for the client's own rate",
        value: |metrics| metrics.wait_ms.limiter.mean,
        cell: duration_ms,
    },
    Rare {
        title: "queue",
        legend: "queue: mean wait for a free slot",
        value: |metrics| metrics.wait_ms.queue.mean,
        cell: duration_ms,
    },
    Rare {
        title: "wasted",
        legend: "wasted: charged for answers that nobody heard",
        value: |metrics| metrics.wasted.share.mean,
        cell: percent,
    },
];

/// One row per workload; none where clients at most retry what is throttled, and seldom.
pub fn table(summary: &Summary) -> Table {
    let rows: Vec<_> = summary.workloads.iter().map(|(name, metrics)| (name.clone(), metrics)).collect();
    let worth_telling = !rare_columns(&rows).is_empty() || rows.iter().any(|(_, metrics)| is_busy(metrics));
    of(if worth_telling { &rows } else { &[] }, "client of")
}

/// One row per variant that is no value of `max_tokens`: what else differs changes what clients do.
pub fn of_variants(comparison: &Comparison) -> Table {
    of(&variants(comparison), "variant")
}

fn variants(comparison: &Comparison) -> Vec<(String, &Metrics)> {
    let named = comparison.variants.iter().filter(|_| comparison.workload.is_none());
    named.map(|each| (each.name.clone(), &each.total)).collect()
}

fn of(rows: &[(String, &Metrics)], subject: &'static str) -> Table {
    let rare = rare_columns(rows);
    let titles = rare.iter().map(|column| column.title);
    let row = |(name, metrics): &(String, &Metrics)| {
        let mut row = vec![
            name.clone(),
            or_dash(metrics.attempts_per_request.mean, |tries| digits(tries, 3)),
            or_dash(metrics.wait_ms.backoff.mean, duration_ms),
        ];
        row.extend(rare.iter().map(|column| or_dash((column.value)(metrics), column.cell)));
        row.push(or_dash(metrics.ttft_ms.p50, duration_ms));
        row.push(fails_by(&metrics.failures_by_cause));
        row
    };
    let header: Vec<_> =
        [subject, "tries", "backoff"].into_iter().chain(titles).chain(["1st token", "fails by"]).collect();
    Table { words: vec![0, header.len() - 1], header, rows: rows.iter().map(row).collect() }
}

/// What the shorter titles of [`table`] mean.
pub fn legend(summary: &Summary) -> String {
    legend_of(&summary.workloads.iter().map(|(name, metrics)| (name.clone(), metrics)).collect::<Vec<_>>())
}

/// What the shorter titles of [`of_variants`] mean.
pub fn legend_of_variants(comparison: &Comparison) -> String {
    legend_of(&variants(comparison))
}

fn legend_of(rows: &[(String, &Metrics)]) -> String {
    let always = ["tries: attempts per request", "backoff: mean wait"];
    let rare = rare_columns(rows);
    always.into_iter().chain(rare.iter().map(|column| column.legend)).collect::<Vec<_>>().join(" · ")
}

fn rare_columns(rows: &[(String, &Metrics)]) -> Vec<&'static Rare> {
    let happens = |column: &&Rare| rows.iter().any(|(_, metrics)| (column.value)(metrics) > Some(0.0));
    RARE.iter().filter(happens).collect()
}

/// Whether its client retries much, or has more to retry than throttles.
fn is_busy(metrics: &Metrics) -> bool {
    let failures = metrics.failures_by_cause.rates();
    metrics.attempts_per_request.mean >= Some(MANY_TRIES)
        || metrics.attempt_fault_rate.mean > Some(0.0)
        || failures.iter().any(|&(cause, rate)| cause != FailureCause::Throttled && rate > 0.0)
}

/// The cause of most failures, `throttles`, with its share where it is not all of them.
fn fails_by(failures: &FailuresByCause) -> String {
    let causes = failures.rates();
    let sum: f64 = causes.iter().map(|(_, rate)| rate).sum();
    match causes.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some(&(cause, most)) if sum > 0.0 => {
            let share = most / sum;
            if share >= 0.995 { word(cause).to_owned() } else { format!("{} {}", word(cause), percent(share)) }
        }
        _ => DASH.to_owned(),
    }
}

/// A cause in a narrow column.
fn word(cause: FailureCause) -> &'static str {
    match cause {
        FailureCause::Throttled => "throttle",
        FailureCause::ModelCapacity => "capacity",
        FailureCause::Unavailable => "5xx",
        FailureCause::TimedOut => "timeout",
        FailureCause::Disconnected => "break",
        FailureCause::DeadlineExceeded => "deadline",
        FailureCause::Shed => "shed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Estimate;
    use crate::report::fixture;

    #[test]
    fn the_cause_of_most_failures_is_named() {
        let rate = |mean| Estimate { mean: Some(mean), ..Estimate::default() };
        assert_eq!(fails_by(&FailuresByCause::default()), DASH);
        let throttled = FailuresByCause { throttled: rate(3.0), ..FailuresByCause::default() };
        assert_eq!(fails_by(&throttled), "throttle");
        assert_eq!(fails_by(&FailuresByCause { shed: rate(9.0), ..throttled }), "shed 75%");
    }

    #[test]
    fn clients_that_send_once_and_never_wait_need_no_table() {
        assert!(table(&fixture::calm()).rows.is_empty());
        assert_eq!(table(&fixture::busy()).rows[0][..3], ["triage", "1.42", "702 ms"].map(str::to_owned));
    }

    #[test]
    fn variants_that_are_no_values_have_a_row_each() {
        let values = fixture::comparison(&[("unset", 64_000, 0.4, 0.0), ("16", 16, 0.0, 0.0)]);
        assert!(of_variants(&values).rows.is_empty());
        let named = of_variants(&Comparison { workload: None, ..values });
        assert_eq!(named.header[..2], ["variant", "tries"]);
        assert_eq!(named.rows.len(), 2);
    }

    #[test]
    fn what_no_client_does_has_no_column() {
        let mut summary = fixture::busy();
        let metrics = summary.workloads.values_mut().next().expect("one workload");
        (metrics.wait_ms.limiter.mean, metrics.wait_ms.queue.mean) = (Some(0.0), Some(2_000.0));
        metrics.wasted.share.mean = Some(0.0);
        assert_eq!(table(&summary).header, ["client of", "tries", "backoff", "queue", "1st token", "fails by"]);
        assert!(legend(&summary).ends_with("queue: mean wait for a free slot"), "{}", legend(&summary));
    }
}
