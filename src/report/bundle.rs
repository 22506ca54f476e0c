//! Everything that `run -o DIR` writes, as file names and bytes. Writing them is the caller's.

use super::chart::{self, Chart};
use super::setting::Setting;
use super::{csv, json, size, solve};
use crate::analysis::{Comparison, OutputHistogram, PoolTimeline, Sizing, Solved, Summary, Sweep};

/// Pixels of a PNG to a pixel of the chart: sharp on a projector.
const PNG_SCALE: f32 = 2.0;

/// The files of a result, in the order of their writing: `summary.json`, `timeline.csv`, and each chart as SVG and PNG:
/// `quota-<pool>`, `latency`, `recovery` where there is something to come back from, `output-length-<workload>`.
pub fn bundle(
    summary: &Summary,
    setting: &Setting,
    timelines: &[PoolTimeline],
    histograms: &[OutputHistogram],
) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("summary.json".to_owned(), json::summary(summary).into_bytes()),
        ("timeline.csv".to_owned(), csv::timeline(timelines).into_bytes()),
    ];
    for timeline in timelines {
        add(&mut files, &format!("quota-{}", timeline.pool), &chart::quota(summary, setting, timeline));
    }
    add(&mut files, "latency", &chart::latency(summary, setting));
    if let Some(recovery) = &summary.recovery {
        add(&mut files, "recovery", &chart::recovery(summary, recovery, setting));
    }
    for histogram in histograms {
        let stem = format!("output-length-{}", histogram.workload);
        add(&mut files, &stem, &chart::output_length(summary, setting, histogram));
    }
    files
}

/// Adds the charts of a comparison: `trade-off`, `latency`, and `before-after-<pool>` where the two differ.
pub(super) fn of_comparison(
    files: &mut Vec<(String, Vec<u8>)>,
    comparison: &Comparison,
    setting: &Setting,
    chosen: usize,
    before: &[PoolTimeline],
    after: &[PoolTimeline],
) {
    add(files, "trade-off", &chart::trade_off(comparison, setting));
    add(files, "latency", &chart::variant_latency(comparison, setting));
    if let (Some(first), Some(chosen)) = (comparison.variants.first(), comparison.variants.get(chosen)) {
        for (before, after) in before.iter().zip(after) {
            let pair = [(first, before), (chosen, after)];
            add(files, &format!("before-after-{}", after.pool), &chart::before_after(comparison, setting, pair));
        }
    }
}

/// Adds the charts of a sweep: `throttle-curve`; over two axes `heat-map`, and `recovery-map` where there is something
/// to come back from.
pub(super) fn of_sweep(files: &mut Vec<(String, Vec<u8>)>, sweep: &Sweep, setting: &Setting) {
    add(files, "throttle-curve", &chart::throttle_curve(sweep, setting));
    if sweep.axes.len() == 2 {
        add(files, "heat-map", &chart::heat_map(sweep, setting));
        if sweep.points.iter().any(|point| point.recovery.is_some()) {
            add(files, "recovery-map", &chart::recovery_map(sweep, setting));
        }
    }
}

/// Adds the charts of a sizing: `quota-curve`, `tornado`, and `growth` where it was asked for.
pub(super) fn of_sizing(files: &mut Vec<(String, Vec<u8>)>, sizing: &Sizing, setting: &Setting) {
    if let Some(curve) = &sizing.curve {
        add(files, "quota-curve", &chart::limit_curve(curve, size::curve_caption(sizing, setting)));
    }
    if !sizing.sensitivity.is_empty() {
        add(files, "tornado", &chart::tornado(sizing, setting));
    }
    if let Some(chart) = chart::growth(sizing, setting) {
        add(files, "growth", &chart);
    }
}

/// Adds the chart of an inverse question: `curve`, but for a batch.
pub(super) fn of_solved(files: &mut Vec<(String, Vec<u8>)>, solved: &Solved, setting: &Setting) {
    if let Some(curve) = &solved.curve {
        add(files, "curve", &chart::limit_curve(curve, solve::curve_caption(solved, setting)));
    }
}

/// Adds a chart in both formats under a name that no other file has and every file system takes.
pub(super) fn add(files: &mut Vec<(String, Vec<u8>)>, stem: &str, chart: &Chart) {
    let safe: String = stem.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' }).collect();
    let taken = |stem: &str| files.iter().any(|(name, _)| name.eq_ignore_ascii_case(&format!("{stem}.svg")));
    let numbered = (2..).map(|number| format!("{safe}-{number}"));
    let stem = [safe.clone()].into_iter().chain(numbered).find(|stem| !taken(stem)).expect("numbers do not run out");
    files.push((format!("{stem}.svg"), chart.svg().into_bytes()));
    files.push((format!("{stem}.png"), chart.png(PNG_SCALE)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_bundle_has_a_file_for_everything_and_the_same_bytes_each_time() {
        let write = || {
            let timelines = ["haiku", "eu/haiku", "eu:haiku"].map(|pool| fixture::timeline(pool, 60.0, 10.0, Some(9)));
            let histograms = [fixture::histogram("triage", [1, 9], 1, Some(100))];
            bundle(&fixture::busy(), &fixture::setting(), &timelines, &histograms)
        };
        let files = write();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "summary.json",
                "timeline.csv",
                "quota-haiku.svg",
                "quota-haiku.png",
                "quota-eu-haiku.svg",
                "quota-eu-haiku.png",
                "quota-eu-haiku-2.svg",
                "quota-eu-haiku-2.png",
                "latency.svg",
                "latency.png",
                "output-length-triage.svg",
                "output-length-triage.png",
            ]
        );
        assert!(files == write(), "the same results gave other bytes");
        assert!(files.iter().filter(|(name, _)| name.ends_with("png")).all(|(_, png)| png.starts_with(b"\x89PNG")));
    }
}
