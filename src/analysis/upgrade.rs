//! What another client does to the same requests, in a sentence: from the first variant of a comparison to another.

use crate::analysis::{Estimate, VariantResult};
use crate::units::format::{approximate, seconds, share};

/// What changes from one client to another, paired differences with half their 95 % intervals, in the order of what a
/// caller notices: failures, throttles, attempts, time.
///
/// `upgrade` where both are one SDK, by its name, before and after its defaults changed.
pub fn sentence(from: &VariantResult, to: &VariantResult, upgrade: Option<&str>) -> String {
    let (before, after, by) = (&from.total, &to.total, &to.difference);
    let parts: Vec<String> = [
        Change {
            up: "more requests fail",
            down: "fewer requests fail",
            levels: [before.request_failure_rate.mean, after.request_failure_rate.mean],
            by: by.request_failure_rate,
            unit: Unit::Share,
        },
        Change {
            up: "more attempts are throttled",
            down: "fewer attempts are throttled",
            levels: [before.attempt_throttle_rate.mean, after.attempt_throttle_rate.mean],
            by: by.attempt_throttle_rate,
            unit: Unit::Share,
        },
        Change {
            up: "a request takes more attempts",
            down: "a request takes fewer attempts",
            levels: [before.attempts_per_request.mean, after.attempts_per_request.mean],
            by: by.attempts_per_request,
            unit: Unit::Number,
        },
        Change {
            up: "the slowest answer in a hundred comes later",
            down: "the slowest answer in a hundred comes sooner",
            levels: [before.latency_ms.p99, after.latency_ms.p99],
            by: by.latency_ms.p99,
            unit: Unit::Milliseconds,
        },
    ]
    .iter()
    .filter_map(Change::clause)
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

/// A figure under both clients.
struct Change {
    up: &'static str,
    down: &'static str,
    levels: [Option<f64>; 2],
    by: Estimate,
    unit: Unit,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Unit {
    /// A share; differences are in percentage points.
    Share,
    /// A plain number.
    Number,
    /// A duration.
    Milliseconds,
}

impl Change {
    /// `more requests fail (0.56%, not 0.44%: +0.12 ± 0.02 points)`; `None` where the interval has room for no
    /// difference.
    fn clause(&self) -> Option<String> {
        let mean = self.by.mean?;
        let [low, high] = self.by.ci95?;
        let [Some(before), Some(after)] = self.levels else { return None };
        if low <= 0.0 && high >= 0.0 {
            return None;
        }
        let (to_unit, name) = match self.unit {
            Unit::Share => (100.0, " points"),
            Unit::Number => (1.0, ""),
            Unit::Milliseconds if mean.abs() >= 1_000.0 => (1e-3, " s"),
            Unit::Milliseconds => (1.0, " ms"),
        };
        let level = |value: f64| match self.unit {
            Unit::Share => share(value),
            Unit::Number => approximate(value),
            Unit::Milliseconds => seconds(value * 1e-3),
        };
        let (size, half) = with_margin(mean.abs() * to_unit, (high - low) / 2.0 * to_unit);
        let (what, sign) = if mean > 0.0 { (self.up, '+') } else { (self.down, '−') };
        Some(format!("{what} ({}, not {}: {sign}{size} ± {half}{name})", level(after), level(before)))
    }
}

/// A value and half its interval, both to the place of the interval's first digit; of its second if it begins with 1, or
/// if a difference that is more than its margin would read as none.
fn with_margin(value: f64, half: f64) -> (String, String) {
    if half <= 0.0 {
        return (approximate(value), "0".to_owned());
    }
    let magnitude = libm::floor(libm::log10(half)) as i32;
    let rounded = |value: f64, place: i32| libm::round(value / libm::exp10(f64::from(place)));
    let alike = value > half && rounded(value, magnitude) <= rounded(half, magnitude);
    let place = if half < 2.0 * libm::exp10(f64::from(magnitude)) || alike { magnitude - 1 } else { magnitude };
    let places = usize::try_from(-place).unwrap_or(0).min(12);
    let written = |value: f64| format!("{:.places$}", rounded(value, place) * libm::exp10(f64::from(place)));
    (written(value), written(half))
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
        let (mut from, mut to) = (variant("boto3@2.0"), variant("boto3@2.1"));
        let same = sentence(&from, &to, None);
        assert_eq!(same, "`boto3@2.1` instead of `boto3@2.0` changes nothing that can be measured here.");
        let figures = [(&mut from, [0.0044, 0.069, 1.08, 13_400.0]), (&mut to, [0.0056, 0.037, 1.08, 12_880.0])];
        for (variant, [failed, throttled, tries, p99]) in figures {
            variant.total.request_failure_rate.mean = Some(failed);
            variant.total.attempt_throttle_rate.mean = Some(throttled);
            variant.total.attempts_per_request.mean = Some(tries);
            variant.total.latency_ms.p99 = Some(p99);
        }
        to.difference = Difference {
            request_failure_rate: estimate(0.00124, 0.000_197),
            attempt_throttle_rate: estimate(-0.032, 0.005_58),
            attempts_per_request: estimate(0.001, 0.02),
            ..Difference::default()
        };
        to.difference.latency_ms.p99 = estimate(-523.0, 42.0);
        assert_eq!(
            sentence(&from, &to, Some("boto3")),
            "The new defaults of boto3 (`boto3@2.1` instead of `boto3@2.0`): more requests fail (0.56%, not 0.44%: \
             +0.124 ± 0.020 points); fewer attempts are throttled (3.7%, not 6.9%: −3.2 ± 0.6 points); the slowest \
             answer in a hundred comes sooner (12.9 s, not 13.4 s: −520 ± 40 ms)."
        );
    }

    #[test]
    fn margins_decide_how_much_is_said() {
        for (value, half, expected) in [
            (3.217, 0.558, ("3.2", "0.6")),
            (403.2, 110.4, ("400", "110")),
            (0.0371, 0.00727, ("0.037", "0.007")),
            (12_345.6, 0.0, ("12.3k", "0")),
            (0.0635, 0.058, ("0.064", "0.058")),
            (0.058, 0.0635, ("0.06", "0.06")),
        ] {
            let (size, margin) = with_margin(value, half);
            assert_eq!((size.as_str(), margin.as_str()), expected);
        }
    }
}
