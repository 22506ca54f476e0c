//! Service-level objectives as written: `latency_ms.p99 < 5s`.

use super::build::Builder;
use super::context::At;
use super::describe::record;
use super::problem::{nearest, shown};
use crate::model::{Comparison, QuotaName, Requirement, Scope};
use crate::units::parse::{self, Refusal};

record! {
    /// A requirement: `metric < bound`, over everything or in one place.
    struct SloSpec as "requirement", or require {
        /// The workload it speaks of.
        workload: String,
        /// The pool it speaks of.
        pool: String,
        /// The metric, a comparison and a bound.
        require: String = required,
    }
}

/// The unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// A share; may be written as a percentage.
    Share,
    /// Milliseconds; may be written as a duration.
    Milliseconds,
    /// A plain number.
    Number,
}

/// Every metric of the results by its path, with its unit; `true` where only pools have it.
fn metrics() -> Vec<(String, Unit, bool)> {
    use Unit::{Milliseconds, Number, Share};
    let mut all: Vec<(String, Unit, bool)> = Vec::new();
    let mut add = |path: String, unit: Unit, pools_only: bool| all.push((path, unit, pools_only));
    let rates = [
        "attempt_throttle_rate",
        "request_throttle_rate",
        "request_failure_rate",
        "truncation_rate",
        "quota_truncation_rate",
    ];
    for name in rates {
        add(name.to_owned(), Share, false);
    }
    add(Requirement::NO_RECOVERY_RATE.to_owned(), Share, false);
    let plain = [
        "offered_requests_per_minute",
        "offered_tokens_per_minute",
        "attempts_per_request",
        "goodput_requests_per_minute",
        "goodput_output_tokens_per_minute",
        "cost_usd_per_hour",
    ];
    for name in plain {
        add(name.to_owned(), Number, false);
    }
    for family in ["latency_ms", "ttft_ms", "wait_ms", "wait_ms.backoff", "wait_ms.limiter", "wait_ms.queue"] {
        for part in ["mean", "p50", "p90", "p95", "p99", "p999"] {
            add(format!("{family}.{part}"), Milliseconds, false);
        }
    }
    for limit in QuotaName::ALL {
        add(format!("throttles_by_limit.{}", limit.key()), Number, false);
    }
    for part in ["mean", "max"] {
        add(format!("in_flight.{part}"), Number, false);
    }
    for part in ["requests", "attempts", "throttled", "succeeded", "failed", "truncated"] {
        add(format!("counts.{part}"), Number, false);
    }
    for part in ["reserved", "settled", "refunded", "overdraft", "open"] {
        add(format!("ledger.{part}"), Number, false);
    }
    add("quota_utilization".to_owned(), Share, true);
    add("reservation_waste".to_owned(), Share, true);
    add("reservation_mean".to_owned(), Number, true);
    add("reservation_peak".to_owned(), Number, true);
    for family in ["tokens_per_minute", "requests_per_minute"] {
        for part in ["mean", "p50", "p90", "max"] {
            add(format!("{family}.{part}"), Number, true);
        }
    }
    all
}

impl SloSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>, pools: &[String], workloads: &[String]) -> Option<Requirement> {
        let scope = match (&self.workload, &self.pool) {
            (None, None) => Some(Scope::Total),
            (Some(name), None) => b.index("workload", name, workloads).map(Scope::Workload),
            (None, Some(name)) => b.index("pool", name, pools).map(Scope::Pool),
            (Some(_), Some(pool)) => {
                b.cx.problem_with(
                    pool.at,
                    "a requirement speaks of a `workload` or of a `pool`",
                    "write two requirements",
                );
                None
            }
        };
        let written = self.require.as_ref()?;
        let (metric, comparison, bound) = requirement(b, written, scope.as_ref())?;
        Some(Requirement { text: written.value.clone(), scope: scope?, metric, comparison, bound })
    }
}

fn requirement(b: &mut Builder<'_>, written: &At<String>, scope: Option<&Scope>) -> Option<(String, Comparison, f64)> {
    let of_pool = matches!(scope, Some(Scope::Pool(_)));
    let of_all = matches!(scope, Some(Scope::Total) | None);
    let text = written.value.as_str();
    let Some(position) = text.find(['<', '>', '≤', '≥']) else {
        let message = format!("`{}` is no requirement: there is no comparison", shown(text));
        b.cx.problem_with(written.at, message, "write `attempt_throttle_rate < 1%`; comparisons are < <= > >=");
        return None;
    };
    let (metric, rest) = text.split_at(position);
    let operators = [
        ("<=", Comparison::AtMost),
        (">=", Comparison::AtLeast),
        ("≤", Comparison::AtMost),
        ("≥", Comparison::AtLeast),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let (operator, comparison) = operators
        .into_iter()
        .find(|(operator, _)| rest.starts_with(operator))
        .expect("the position was found by these characters");
    let (metric, bound) = (metric.trim(), rest[operator.len()..].trim());
    let all = metrics();
    let Some((_, unit, pools_only)) = all.iter().find(|(path, ..)| path == metric) else {
        let paths: Vec<&str> = all.iter().map(|(path, ..)| path.as_str()).collect();
        let longer = paths.iter().find(|path| path.strip_prefix(metric).is_some_and(|rest| rest.starts_with('.')));
        let hint = match (longer.filter(|_| !metric.is_empty()), nearest(metric, paths.iter().copied())) {
            (Some(_), _) => {
                let parts: Vec<&str> =
                    paths.iter().filter_map(|path| path.strip_prefix(metric)?.strip_prefix('.')).collect();
                format!("say which: `{metric}.{}`", parts.join("`, `."))
            }
            (None, Some(near)) => format!("did you mean `{near}`?"),
            (None, None) => "metrics are named as in the results: `attempt_throttle_rate`, `latency_ms.p99`".to_owned(),
        };
        b.cx.problem_with(written.at, format!("`{}` is no metric of the results", shown(metric)), hint);
        return None;
    };
    if *pools_only && !of_pool {
        b.cx.problem_with(
            written.at,
            format!("only pools have `{metric}`"),
            format!("write `{{ pool: …, require: {} }}`", shown(text)),
        );
        return None;
    }
    if metric == Requirement::NO_RECOVERY_RATE && !of_all {
        b.cx.problem_with(written.at, format!("`{metric}` speaks of the whole scenario"), "leave the name out of it");
        return None;
    }
    match bound_of(*unit, bound) {
        Ok(bound) => Some((metric.to_owned(), comparison, bound)),
        Err(refusal) => {
            let message = format!("the bound of `{metric}` is `{}`: {}", shown(bound), refusal.reason);
            let example = match unit {
                Unit::Share => "1%",
                Unit::Milliseconds => "5s",
                Unit::Number => "2M",
            };
            b.cx.problem_with(
                written.at,
                message,
                refusal.hint.unwrap_or_else(|| format!("write a bound such as `{example}`")),
            );
            None
        }
    }
}

/// The bound in the metric's own unit.
fn bound_of(unit: Unit, text: &str) -> Result<f64, Refusal> {
    match unit {
        Unit::Share => parse::ratio(text),
        // A plain number is in the unit of the metric's name.
        Unit::Milliseconds => match parse::number(text) {
            Ok(milliseconds) => Ok(milliseconds),
            Err(_) => parse::duration(text).map(|span| span.0 as f64 / 1e6),
        },
        Unit::Number => parse::number(text),
    }
}
