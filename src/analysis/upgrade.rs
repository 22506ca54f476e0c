//! What another client does to the same requests, in a sentence: from the first variant of a comparison to another.

use crate::analysis::{Estimate, VariantResult};
use crate::units::format;

/// What changes from one client to another, differences with half their 95 % intervals; each in the order of what a
/// caller notices: failures, throttles, attempts, time.
///
/// `upgrade` where both are one SDK, by its name, before and after its defaults changed.
pub fn sentence(from: &VariantResult, to: &VariantResult, upgrade: Option<&str>) -> String {
    let of = &to.difference;
    let parts: Vec<String> = [
        change(of.request_failure_rate, "requests fail", Unit::Points),
        change(of.attempt_throttle_rate, "attempts are throttled", Unit::Points),
        change(of.attempts_per_request, "attempts are made for a request", Unit::Number),
        change(of.latency_ms.p99, "the slowest answer in a hundred", Unit::Milliseconds),
    ]
    .into_iter()
    .flatten()
    .collect();
    let what = match upgrade {
        Some(sdk) => format!("The new defaults of {sdk} (`{}` instead of `{}`)", to.name, from.name),
        None => format!("`{}` instead of `{}`", to.name, from.name),
    };
    match parts.as_slice() {
        [] => format!("{what} changes nothing that can be measured here."),
        parts => format!("{what}: {}.", parts.join("; ")),
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    /// A share, in percentage points.
    Points,
    /// A plain number.
    Number,
    /// A duration.
    Milliseconds,
}

/// `0.4 ± 0.1 percentage points more requests fail`; `None` where the interval has room for no difference.
fn change(difference: Estimate, what: &str, unit: Unit) -> Option<String> {
    let mean = difference.mean?;
    let [low, high] = difference.ci95?;
    if low <= 0.0 && high >= 0.0 {
        return None;
    }
    let half = (high - low) / 2.0;
    let more = mean > 0.0;
    let write = |value: f64| match unit {
        Unit::Points => format::approximate(value * 100.0),
        Unit::Number => format::approximate(value),
        Unit::Milliseconds => format::seconds(value * 1e-3),
    };
    let (size, half) = (write(mean.abs()), write(half));
    Some(match unit {
        Unit::Points => {
            format!("{size} ± {half} percentage points {} {what}", if more { "more" } else { "fewer" })
        }
        Unit::Number => format!("{size} ± {half} {} {what}", if more { "more" } else { "fewer" }),
        Unit::Milliseconds => format!("{what} comes {size} ± {half} {}", if more { "later" } else { "earlier" }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Difference;

    fn variant(name: &str) -> VariantResult {
        VariantResult { name: name.to_owned(), ..VariantResult::default() }
    }

    fn estimate(mean: f64, half: f64) -> Estimate {
        Estimate { mean: Some(mean), ci95: Some([mean - half, mean + half]), few_events: false }
    }

    #[test]
    fn what_differs_is_said_and_what_does_not_is_not() {
        let mut to = variant("boto3@2.1");
        let same = sentence(&variant("boto3@2.0"), &to, None);
        assert_eq!(same, "`boto3@2.1` instead of `boto3@2.0` changes nothing that can be measured here.");
        to.difference = Difference {
            request_failure_rate: estimate(0.004, 0.001),
            attempt_throttle_rate: estimate(-0.038, 0.004),
            attempts_per_request: estimate(0.001, 0.02),
            ..Difference::default()
        };
        to.difference.latency_ms.p99 = estimate(-520.0, 40.0);
        assert_eq!(
            sentence(&variant("boto3@2.0"), &to, Some("boto3")),
            "The new defaults of boto3 (`boto3@2.1` instead of `boto3@2.0`): 0.4 ± 0.1 percentage points more requests \
             fail; 3.8 ± 0.4 percentage points fewer attempts are throttled; the slowest answer in a hundred comes 520 ms ± 40 \
             ms earlier."
        );
    }
}
