//! The tables of a comparison as text cells, shared by the terminal, Markdown and HTML.

use super::{metrics_of, name_of};
use crate::analysis::{Comparison, Difference, Estimate, Metrics, Tried, VariantResult};
use crate::report::chart::Price;
use crate::report::number::{DASH, count, digits, dollars, duration_ms, or_dash, percent, short};
use crate::report::table::Table;

/// What the shorter titles of [`outcomes`] mean.
pub const LEGEND: &str = "reserves: tokens per attempt · fit: at once in a minute's quota · cut: answers cut short · \
     $/1,000: good answers · *: recommended";

/// The title of the first column of every table.
pub fn subject(comparison: &Comparison) -> &'static str {
    if comparison.workload.is_some() { "max_tokens" } else { "variant" }
}

fn name_cell(comparison: &Comparison, variant: &VariantResult) -> String {
    let name = name_of(variant);
    if comparison.recommendation.variant.as_ref() == Some(&variant.name) { format!("{name} *") } else { name }
}

/// What each variant reserves, and what that does to requests.
pub fn outcomes(comparison: &Comparison) -> Table {
    let row = |variant: &VariantResult| {
        let metrics = metrics_of(comparison, variant);
        vec![
            name_cell(comparison, variant),
            or_dash(variant.reservation_per_request.mean, short),
            variant.fits_at_once.map_or_else(|| DASH.to_owned(), count),
            or_dash(metrics.attempt_throttle_rate.mean, percent),
            or_dash(metrics.request_failure_rate.mean, percent),
            or_dash(metrics.truncation_rate.mean, percent),
            or_dash(metrics.goodput_requests_per_minute.mean, short),
            or_dash(metrics.cost_usd_per_hour.mean, dollars),
            or_dash(variant.cost_usd_per_1000_good.mean, dollars),
        ]
    };
    Table {
        header: vec![
            subject(comparison),
            "reserves",
            "fit",
            "throttled",
            "failed",
            "cut",
            "good/min",
            "$/hour",
            "$/1,000",
        ],
        rows: comparison.variants.iter().map(row).collect(),
        words: vec![0],
    }
}

/// How long answers take with each variant, and how many the output quota ends where it ends any.
pub fn durations(comparison: &Comparison) -> Table {
    let cut_by_quota = |variant: &VariantResult| metrics_of(comparison, variant).quota_truncation_rate.mean;
    let any_cut = comparison.variants.iter().filter_map(cut_by_quota).any(|rate| rate > 0.0);
    let row = |variant: &VariantResult| {
        let metrics = metrics_of(comparison, variant);
        let mut cells = vec![
            name_cell(comparison, variant),
            or_dash(metrics.latency_ms.p50, duration_ms),
            or_dash(metrics.latency_ms.p99, duration_ms),
            or_dash(metrics.wait_ms.all.p50, duration_ms),
            or_dash(metrics.wait_ms.all.p99, duration_ms),
        ];
        cells.extend(any_cut.then(|| or_dash(cut_by_quota(variant), percent)));
        cells
    };
    let mut header = vec![subject(comparison), "latency p50", "p99", "wait p50", "p99"];
    header.extend(any_cut.then_some("cut by output quota"));
    Table { header, rows: comparison.variants.iter().map(row).collect(), words: vec![0] }
}

/// A difference as a column: its title, where it stands, how it is written.
type Column = (&'static str, fn(&Difference) -> Estimate, fn(f64) -> String);

const THROTTLED: Column = ("throttled", |of| of.attempt_throttle_rate, points);
const FAILED: Column = ("failed", |of| of.request_failure_rate, points);
const TRIES: Column = ("tries", |of| of.attempts_per_request, tries);
const CUT: Column = ("cut", |of| of.truncation_rate, points);
const GOOD: Column = ("good/min", |of| of.goodput_requests_per_minute, short);
const HOURLY: Column = ("$/hour", |of| of.cost_usd_per_hour, dollars);
const PER_1000: Column = ("$/1,000", |of| of.cost_usd_per_1000_good, dollars);
const RESERVES: Column = ("reserves", |of| of.reservation_per_request, short);
const LATENCY_P50: Column = ("latency p50", |of| of.latency_ms.p50, duration_ms);
const LATENCY_P99: Column = ("latency p99", |of| of.latency_ms.p99, duration_ms);
const WAIT_P50: Column = ("wait p50", |of| of.wait_ms.p50, duration_ms);
const WAIT_P99: Column = ("wait p99", |of| of.wait_ms.p99, duration_ms);

/// What each variant changes against the first, with half its interval: what fits the width of a terminal.
pub fn main_differences(comparison: &Comparison) -> [Table; 2] {
    let outcomes = [THROTTLED, FAILED, cut_or_tries(comparison), GOOD];
    [&outcomes, &[LATENCY_P50, LATENCY_P99, WAIT_P99, PER_1000]].map(|columns| differences(comparison, columns))
}

/// The same, of everything that is compared.
pub fn all_differences(comparison: &Comparison) -> [Table; 2] {
    let outcomes = [THROTTLED, FAILED, cut_or_tries(comparison), GOOD, HOURLY, PER_1000];
    [&outcomes[..], &[RESERVES, LATENCY_P50, LATENCY_P99, WAIT_P50, WAIT_P99]]
        .map(|columns| differences(comparison, columns))
}

/// Answers cut short are what values of `max_tokens` differ in, attempts per request what clients do.
fn cut_or_tries(comparison: &Comparison) -> Column {
    match Price::of(comparison) {
        Price::Cut => CUT,
        Price::Failed => TRIES,
    }
}

fn tries(attempts: f64) -> String {
    digits(attempts, 3)
}

fn differences(comparison: &Comparison, columns: &[Column]) -> Table {
    let row = |variant: &VariantResult| {
        let of = variant.workload_difference.as_ref().unwrap_or(&variant.difference);
        let cells = columns.iter().map(|(_, estimate, write)| signed(estimate(of), *write));
        std::iter::once(name_cell(comparison, variant)).chain(cells).collect()
    };
    Table {
        header: std::iter::once(subject(comparison)).chain(columns.iter().map(|(title, _, _)| *title)).collect(),
        rows: comparison.variants.iter().skip(1).map(row).collect(),
        words: vec![0],
    }
}

/// A share as percentage points.
fn points(share: f64) -> String {
    percent(share).replace('%', " pp")
}

/// `+1.2 pp ±0.3`.
fn signed(difference: Estimate, write: fn(f64) -> String) -> String {
    let Some(mean) = difference.mean.filter(|mean| mean.is_finite()) else { return DASH.to_owned() };
    let sign = if mean > 0.0 {
        "+"
    } else if mean < 0.0 {
        "−"
    } else {
        ""
    };
    let value = write(mean.abs());
    match difference.ci95 {
        Some([low, high]) if high > low => {
            let half = write(two_digits((high - low) / 2.0));
            let unit = |text: &str| text.split_once(' ').map(|(_, unit)| unit.to_owned());
            let bare = half.split_once(' ').map_or(half.as_str(), |(number, _)| number).trim_start_matches('$');
            format!("{sign}{value} ±{}", if unit(&value) == unit(&half) { bare } else { &half })
        }
        _ => format!("{sign}{value}"),
    }
}

/// Half an interval is not known to more digits than this.
fn two_digits(value: f64) -> f64 {
    let step = libm::pow(10.0, libm::floor(libm::log10(value)) - 1.0);
    libm::round(value / step) * step
}

/// What each assumption would change about the recommended variant, or about the closest.
pub fn assumptions(comparison: &Comparison) -> Table {
    let tried = &comparison.recommendation.tried;
    // Only a mantle pool has an output quota to run out of.
    let any_cut = tried.iter().any(|each| each.quota_truncation_rate.mean > Some(0.0));
    let cells = |verdict: &str, words: &str, shares: [Estimate; 4], p99: Option<f64>| {
        let mut cells = vec![verdict.to_owned(), words.to_owned()];
        let shown = shares.into_iter().take(if any_cut { 4 } else { 3 });
        cells.extend(shown.map(|share| or_dash(share.mean, percent)));
        cells.push(or_dash(p99, duration_ms));
        cells
    };
    let as_assumed = comparison.answer().map(|variant| {
        let Metrics { attempt_throttle_rate, request_failure_rate, truncation_rate, quota_truncation_rate, .. } =
            *metrics_of(comparison, variant);
        let shares = [attempt_throttle_rate, request_failure_rate, truncation_rate, quota_truncation_rate];
        cells("", "as the scenario says", shares, metrics_of(comparison, variant).latency_ms.p99)
    });
    let row = |tried: &Tried| {
        let shares = [
            tried.attempt_throttle_rate,
            tried.request_failure_rate,
            tried.truncation_rate,
            tried.quota_truncation_rate,
        ];
        cells(verdict(comparison, tried), &tried.assumption, shares, tried.latency_p99_ms)
    };
    let mut header = vec!["", "assumption", "throttled", "failed", "cut", "cut by quota", "p99"];
    if !any_cut {
        header.remove(5);
    }
    Table { header, rows: as_assumed.into_iter().chain(tried.iter().map(row)).collect(), words: vec![0, 1] }
}

/// What an assumption does to the recommendation; where there is none, to the objectives.
pub fn verdict(comparison: &Comparison, tried: &Tried) -> &'static str {
    match (comparison.recommendation.variant.is_some(), tried.holds) {
        (true, true) => "holds",
        (true, false) => "flips",
        (false, true) => "meets",
        (false, false) => "misses",
    }
}
