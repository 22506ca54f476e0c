//! A comparison for people and programs: text, Markdown, CSV, JSON.

use super::markdown;
use super::number::{DASH, count, dollars, duration_ms, or_dash, percent, short};
use super::table::{Table, provenance_of};
use super::text::{BAD, FAINT, GOOD, STRONG, Style, align, pack, wrap};
use super::{csv, text};
use crate::analysis::{Comparison, Estimate, Metrics, VariantResult};
use std::fmt::Write as _;

/// The metrics that a comparison is about: of the workload whose `max_tokens` differs, or of all.
pub fn metrics_of<'a>(comparison: &Comparison, variant: &'a VariantResult) -> &'a Metrics {
    let workload = comparison.workload.as_ref().and_then(|name| variant.workloads.get(name));
    workload.unwrap_or(&variant.total)
}

/// A variant's name as it is read: `max_tokens 1,024`, or the name of an overlay.
pub fn spoken(variant: &VariantResult) -> String {
    match variant.max_tokens {
        Some(limit) if variant.name.parse() == Ok(limit) => format!("max_tokens {}", count(limit)),
        None if variant.name == "unset" => "max_tokens unset".to_owned(),
        _ => variant.name.clone(),
    }
}

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(comparison: &Comparison) -> String {
    provenance(comparison).join(" · ")
}

fn provenance(comparison: &Comparison) -> [String; 4] {
    provenance_of(
        &comparison.scenario,
        comparison.seed,
        &comparison.quotasim_version,
        comparison.replications,
        [comparison.horizon_s, comparison.warmup_s],
    )
}

/// The title of the first column of every table.
fn subject(comparison: &Comparison) -> &'static str {
    if comparison.workload.is_some() { "max_tokens" } else { "variant" }
}

fn name_cell(comparison: &Comparison, variant: &VariantResult) -> String {
    let name = match variant.max_tokens {
        Some(limit) if comparison.workload.is_some() => count(limit),
        _ => variant.name.clone(),
    };
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

/// How long answers take with each variant.
pub fn durations(comparison: &Comparison) -> Table {
    let row = |variant: &VariantResult| {
        let metrics = metrics_of(comparison, variant);
        vec![
            name_cell(comparison, variant),
            or_dash(metrics.latency_ms.p50, duration_ms),
            or_dash(metrics.latency_ms.p99, duration_ms),
            or_dash(metrics.wait_ms.all.p50, duration_ms),
            or_dash(metrics.wait_ms.all.p99, duration_ms),
        ]
    };
    Table {
        header: vec![subject(comparison), "latency p50", "p99", "wait p50", "p99"],
        rows: comparison.variants.iter().map(row).collect(),
        words: vec![0],
    }
}

/// What each variant changes against the first, with half its interval.
pub fn differences(comparison: &Comparison) -> Table {
    let row = |variant: &VariantResult| {
        let of = &variant.difference;
        vec![
            name_cell(comparison, variant),
            signed(of.attempt_throttle_rate, points),
            signed(of.request_failure_rate, points),
            signed(of.truncation_rate, points),
            signed(of.latency_ms.p99, duration_ms),
            signed(of.goodput_requests_per_minute, short),
        ]
    };
    Table {
        header: vec![subject(comparison), "throttled", "failed", "cut", "latency p99", "good/min"],
        rows: comparison.variants.iter().skip(1).map(row).collect(),
        words: vec![0],
    }
}

/// What the shorter titles of [`outcomes`] mean.
pub const LEGEND: &str = "reserves: tokens per attempt · fit: at once in a minute's quota · cut: answers cut short · \
     $/1,000: good answers · *: recommended";

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
    let bare = |text: String| text.split_once(' ').map_or(text.clone(), |(number, _)| number.to_owned());
    match difference.ci95 {
        Some([low, high]) if high > low => {
            let (value, half) = (write(mean.abs()), write((high - low) / 2.0));
            let same_unit = value.split_once(' ').map(|(_, unit)| unit) == half.split_once(' ').map(|(_, unit)| unit);
            format!("{sign}{value} ±{}", if same_unit { bare(half) } else { half })
        }
        _ => format!("{sign}{}", write(mean.abs())),
    }
}

/// The comparison as text, ending in a newline.
pub fn text(comparison: &Comparison, style: &Style) -> String {
    let reason = &comparison.recommendation.reason;
    let (answer, rest) = reason.split_once(". ").map_or((reason.as_str(), ""), |(answer, rest)| (answer, rest));
    let dot = if rest.is_empty() { "" } else { "." };
    let mut lines: Vec<String> = Vec::new();
    lines.extend(wrap(&format!("{answer}{dot}"), "", "").iter().map(|line| style.paint(STRONG, line)));
    if !rest.is_empty() {
        lines.extend(wrap(rest, "", ""));
    }
    for (title, table) in [
        ("", outcomes(comparison)),
        ("", durations(comparison)),
        ("paired differences to the first, ± half the 95% interval", differences(comparison)),
    ] {
        if !table.rows.is_empty() {
            lines.push(String::new());
            if !title.is_empty() {
                lines.push(style.paint(FAINT, title));
            }
            lines.extend(align(&table, *style));
            if table.header[1] == "reserves" {
                lines.extend(wrap(LEGEND, "", "").iter().map(|line| style.paint(FAINT, line)));
            }
        }
    }
    lines.push(String::new());
    lines.push(style.paint(FAINT, "objectives"));
    lines.extend(comparison.objectives.iter().map(|text| format!("  {text}")));
    if !comparison.recommendation.holds_under.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "the recommendation under other assumptions"));
        for (name, holds) in &comparison.recommendation.holds_under {
            let verdict = if *holds { style.paint(GOOD, "holds") } else { style.paint(BAD, "flips") };
            lines.push(format!("  {verdict}  {name}"));
        }
    }
    lines.extend(text::foundations(&comparison.assumptions, &comparison.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(comparison), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// The comparison for a pull request.
pub fn markdown(comparison: &Comparison) -> String {
    let mut text = format!("**{}**\n", markdown::escape(&comparison.recommendation.reason));
    for table in [outcomes(comparison), durations(comparison), differences(comparison)] {
        if !table.rows.is_empty() {
            if table.header[1] == "throttled" {
                text += "\nPaired differences to the first, ± half the 95% interval:\n";
            }
            text += "\n";
            text += &markdown::rows(&table);
        }
    }
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(LEGEND));
    if !comparison.recommendation.holds_under.is_empty() {
        text += "\n| assumption | recommendation |\n|:--|:--|\n";
        for (name, holds) in &comparison.recommendation.holds_under {
            let _ = writeln!(text, "| {} | {} |", markdown::escape(name), if *holds { "holds" } else { "**flips**" });
        }
    }
    let _ = write!(text, "\nObjectives: {}\n", markdown::escape(&comparison.objectives.join(", ")));
    text += &markdown::foundations(&comparison.assumptions, &comparison.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(comparison)));
    text
}

/// The comparison in long form: `variant,kind,name,metric,mean,ci_low,ci_high,few_events`, differences among them.
pub fn csv(comparison: &Comparison) -> String {
    let mut table = csv::Table::new(&["variant", "kind", "name", "metric", "mean", "ci_low", "ci_high", "few_events"]);
    for variant in &comparison.variants {
        let parts = [("total".to_owned(), String::new(), csv::document(&variant.total))];
        let workloads =
            variant.workloads.iter().map(|(name, of)| ("workload".to_owned(), name.clone(), csv::document(of)));
        let pools = variant.pools.iter().map(|(name, of)| ("pool".to_owned(), name.clone(), csv::document(of)));
        let figures = serde_json::json!({
            "reservation_per_request": variant.reservation_per_request,
            "fits_at_once": variant.fits_at_once,
            "cost_usd_per_1000_good": variant.cost_usd_per_1000_good,
        });
        let figures = ("total".to_owned(), String::new(), figures);
        let difference = ("difference".to_owned(), String::new(), csv::document(&variant.difference));
        for (kind, name, document) in
            parts.into_iter().chain([figures]).chain(workloads).chain(pools).chain([difference])
        {
            table.metrics(&[&variant.name, &kind, &name], &document);
        }
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_comparison_as_text_and_markdown() {
        let result = fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]);
        insta::assert_snapshot!(format!("{}\n{}", text(&result, &Style::PLAIN), markdown(&result)));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let result = fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]);
        for line in text(&result, &Style::PLAIN).lines() {
            assert!(line.chars().count() <= text::WIDTH, "{line}");
        }
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        let csv = csv(&fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]));
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{csv}");
    }
}
