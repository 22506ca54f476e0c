//! What clients do and what it costs: attempts, waits by cause, wasted work, and why requests fail.

use super::number::{DASH, digits, duration_ms, or_dash, percent};
use super::table::Table;
use crate::analysis::{FailuresByCause, Metrics, Summary};
use crate::tally::FailureCause;

/// What the shorter titles of [`table`] mean.
pub const LEGEND: &str = "tries: attempts per request · backoff, limiter, queue: mean wait · wasted: charged for \
     answers that nobody heard";

/// One row per workload; none where each request is one attempt that never waits.
pub fn table(summary: &Summary) -> Table {
    let busy = summary.workloads.values().any(is_busy);
    let rows = summary.workloads.iter().filter(|_| busy).map(|(name, metrics)| row(name, metrics));
    Table {
        header: vec!["client of", "tries", "backoff", "limiter", "queue", "1st token", "wasted", "fails by"],
        rows: rows.collect(),
        words: vec![0, 7],
    }
}

/// Whether its client does anything but send each request once.
fn is_busy(metrics: &Metrics) -> bool {
    let wait = &metrics.wait_ms;
    let waits = [wait.all.mean, wait.limiter.mean, wait.queue.mean].iter().any(|mean| mean.unwrap_or(0.0) > 0.0);
    waits || metrics.wasted.attempts_per_minute.mean.unwrap_or(0.0) > 0.0
}

fn row(name: &str, metrics: &Metrics) -> Vec<String> {
    let wait = &metrics.wait_ms;
    vec![
        name.to_owned(),
        or_dash(metrics.attempts_per_request.mean, |tries| digits(tries, 3)),
        or_dash(wait.backoff.mean, duration_ms),
        or_dash(wait.limiter.mean, duration_ms),
        or_dash(wait.queue.mean, duration_ms),
        or_dash(metrics.ttft_ms.p50, duration_ms),
        or_dash(metrics.wasted.share.mean, percent),
        fails_by(&metrics.failures_by_cause),
    ]
}

/// The cause of most failures, `throttles`, with its share where it is not all of them.
fn fails_by(failures: &FailuresByCause) -> String {
    let causes = FailureCause::ALL.map(|cause| (cause, failures_by(failures, cause)));
    let sum: f64 = causes.iter().map(|(_, rate)| rate).sum();
    match causes.iter().max_by(|a, b| a.1.total_cmp(&b.1)) {
        Some(&(cause, most)) if sum > 0.0 => {
            let share = most / sum;
            if share >= 0.995 { word(cause).to_owned() } else { format!("{} {}", word(cause), percent(share)) }
        }
        _ => DASH.to_owned(),
    }
}

/// Failed requests per minute of one cause.
fn failures_by(failures: &FailuresByCause, cause: FailureCause) -> f64 {
    let estimate = match cause {
        FailureCause::Throttled => failures.throttled,
        FailureCause::ModelCapacity => failures.model_capacity,
        FailureCause::Unavailable => failures.unavailable,
        FailureCause::TimedOut => failures.timed_out,
        FailureCause::Disconnected => failures.disconnected,
        FailureCause::DeadlineExceeded => failures.deadline_exceeded,
        FailureCause::Shed => failures.shed,
    };
    estimate.mean.unwrap_or(0.0)
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
}
