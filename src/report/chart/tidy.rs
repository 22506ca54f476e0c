//! What every chart promises its reader, checked: no text is clipped or over another, whatever the data.

use super::canvas::CAP_HEIGHT;
use super::font::{Weight, width};
use super::theme::{HEIGHT, WIDTH};
use super::{
    Chart, before_after, growth, heat_map, latency, limit_curve, output_length, quota, recovery, recovery_map,
    throttle_curve, tornado, trade_off, variant_latency,
};
use crate::analysis::recovery::{Recovery, State};
use crate::analysis::sizing::Curve;
use crate::analysis::{Comparison, OutputHistogram, Percentiles, PoolTimeline, Summary};
use crate::report::{fixture, size, solve};
use resvg::usvg::roxmltree::{Document, Node};

/// A text and the box of its capitals: left, top, right, bottom, in pixels.
struct Text {
    text: String,
    extent: [f64; 4],
}

fn texts(chart: &Chart) -> Vec<Text> {
    let document = Document::parse(&chart.drawing).expect("well-formed");
    document.descendants().filter(|node| node.has_tag_name("text")).map(|node| text(&node)).collect()
}

fn text(node: &Node<'_, '_>) -> Text {
    let number = |name: &str| node.attribute(name).expect("set by the canvas").parse::<f64>().expect("a number") / 10.0;
    let text = node.text().unwrap_or_default().trim().to_owned();
    let weight = if node.attribute("font-weight") == Some("bold") { Weight::SemiBold } else { Weight::Regular };
    let (size, wide) = (number("font-size"), width(&text, number("font-size"), weight));
    let left = match node.attribute("text-anchor") {
        Some("middle") => number("x") - wide / 2.0,
        Some("end") => number("x") - wide,
        _ => number("x"),
    };
    let baseline = number("y") - 0.25 * size;
    Text { text, extent: [left, baseline - CAP_HEIGHT * size, left + wide, baseline] }
}

/// Panics unless every text of the chart is on the sheet and clear of every other.
pub(super) fn assert_tidy(chart: &Chart) {
    let texts = texts(chart);
    for (index, one) in texts.iter().enumerate() {
        let [left, top, right, bottom] = one.extent;
        let inside = left >= 0.0 && top >= 0.0 && right <= WIDTH && bottom <= HEIGHT;
        assert!(inside, "`{}` is clipped at {:?} on `{}`", one.text, one.extent, chart.caption.title);
        for other in &texts[index + 1..] {
            let apart = (0..2)
                .any(|axis| one.extent[axis + 2] <= other.extent[axis] || other.extent[axis + 2] <= one.extent[axis]);
            assert!(apart, "`{}` is over `{}` on `{}`", one.text, other.text, chart.caption.title);
        }
    }
}

fn assert_says(chart: &Chart, expected: &[&str]) {
    let texts = texts(chart);
    for label in expected {
        let said = texts.iter().any(|text| text.text.contains(label));
        assert!(said, "`{label}` is not among {:?}", texts.iter().map(|text| &text.text).collect::<Vec<_>>());
    }
}

#[test]
fn the_quota_chart_names_its_series_and_its_quota() {
    let timeline = fixture::timeline("haiku", 1_800.0, 10.0, Some(200_000));
    let chart = quota(&fixture::busy(), &fixture::setting(), &timeline);
    assert_says(
        &chart,
        &[
            "Reservations fill haiku: 41.3% of attempts throttled, 8.4% of the quota charged",
            "token bucket of 60 s (assumption)",
            "replication 1 of 10",
            "quota 200k/min",
            "charged",
            "reserved",
            "throttled",
            "bucket level",
            "200k",
            "10 min",
            "seed 1 · quotasim 0.1.0",
        ],
    );
    assert!(chart.svg().len() > 50_000 && !chart.svg().contains("<text"));
}

#[test]
fn the_quota_chart_is_tidy_whatever_the_data() {
    let setting = fixture::setting();
    let summaries = [fixture::busy(), fixture::calm(), fixture::two_pools(), Summary::default()];
    for summary in &summaries {
        for pool in ["haiku", "sonnet", "unheard-of"] {
            for quota_tokens in [None, Some(1), Some(150_000), Some(200_000), Some(7_000_000_000)] {
                for (horizon, interval) in [(60.0, 1.0), (1_800.0, 10.0), (86_400.0, 10.0), (5.0, 5.0), (7.0, 0.5)] {
                    let timeline = fixture::timeline(pool, horizon, interval, quota_tokens);
                    assert_tidy(&quota(summary, &setting, &timeline));
                }
            }
            assert_tidy(&quota(summary, &setting, &PoolTimeline { pool: pool.into(), points: Vec::new() }));
        }
    }
}

#[test]
fn a_quota_that_ends_and_an_overdraft_are_drawn() {
    let mut timeline = fixture::timeline("haiku", 600.0, 10.0, Some(200_000));
    for point in &mut timeline.points[20..30] {
        (point.quota, point.available, point.capacity) = (None, None, None);
    }
    timeline.points[40].available = Some(-90_000);
    assert_tidy(&quota(&fixture::busy(), &fixture::setting(), &timeline));
}

#[test]
fn the_latency_chart_names_percentiles_and_objectives() {
    let chart = latency(&fixture::busy(), &fixture::setting());
    assert_says(
        &chart,
        &["Half of the answers arrive within 980 ms, 99 in 100 within 4.93 s", "p99.9", "4.93 s", "whole answer"],
    );
    assert_says(&chart, &["first token", "triage: answer within 5 s", "12% of requests failed"]);
}

#[test]
fn the_latency_chart_is_tidy_whatever_the_data() {
    let setting = fixture::setting();
    let constant = Percentiles { p50: Some(1_000.0), p90: Some(1_000.0), p99: Some(1_000.0), ..Percentiles::default() };
    let zero = Percentiles { p50: Some(0.0), p90: Some(0.0), p99: Some(0.0), ..Percentiles::default() };
    for summary in [fixture::busy(), fixture::calm(), fixture::two_pools(), Summary::default()] {
        assert_tidy(&latency(&summary, &setting));
        for percentiles in [constant, zero, Percentiles::default()] {
            let mut changed = summary.clone();
            for metrics in changed.workloads.values_mut() {
                (metrics.latency_ms, metrics.ttft_ms) = (percentiles, percentiles);
            }
            assert_tidy(&latency(&changed, &setting));
        }
        let mut crowded = summary.clone();
        for number in 0..9_u32 {
            let mut metrics = fixture::two_pools().workloads["chat"].clone();
            for of in [&mut metrics.latency_ms, &mut metrics.ttft_ms] {
                for value in [&mut of.p50, &mut of.p90, &mut of.p95, &mut of.p99, &mut of.p999] {
                    *value = value.map(|ms| ms / f64::from(1 + number));
                }
            }
            crowded.workloads.insert(format!("a-rather-long-workload-name-{number}"), metrics);
            assert_tidy(&latency(&crowded, &setting));
        }
        assert_says(&latency(&crowded, &setting), &["faster workloads not drawn"]);
    }
}

#[test]
fn the_recovery_chart_is_tidy_wherever_the_disturbance_lies() {
    let setting = fixture::setting();
    let chart = recovery(&fixture::busy(), &fixture::recovery(), &setting);
    assert_says(&chart, &["It comes back by itself in 42 s on average", "left in peace", "0.2% at the end", "spike"]);
    for (from, to) in [(0.0, 5.0), (130.0, 1_000.0), (1_700.0, 1_799.0), (10.0, 11.0)] {
        for state in [State::Stable, State::Degraded, State::DoesNotRecover] {
            let changed = Recovery { from_s: from, to_s: to, state, ..fixture::recovery() };
            assert_tidy(&recovery(&fixture::busy(), &changed, &setting));
        }
    }
    assert_tidy(&recovery(&fixture::busy(), &Recovery { curve: Vec::new(), ..fixture::recovery() }, &setting));
}

#[test]
fn the_recovery_map_has_a_word_for_each_state() {
    let setting = fixture::setting();
    let loads = [0.5, 1.0, 1.5];
    let chart = recovery_map(&fixture::states(&loads, &[1.0, 4.0]), &setting);
    assert_says(&chart, &["does not come back by itself at 1 of 6 points", "stable", "degraded", "9/10", "all"]);
    assert_tidy(&chart);
    let many: Vec<f64> = (1..=40).map(|step| f64::from(step) / 20.0).collect();
    assert_tidy(&recovery_map(&fixture::states(&many, &many), &setting));
    assert_tidy(&recovery_map(&fixture::sweep(&loads, &[]), &setting));
}

#[test]
fn the_output_chart_draws_max_tokens_in() {
    let (summary, setting) = (fixture::two_pools(), fixture::setting());
    let chart = output_length(&summary, &setting, &fixture::histogram("chat", [20, 2_000], 10, Some(1_024)));
    assert_says(&chart, &["max_tokens of 1,024 cuts 2% of chat answers short", "max_tokens = 1,024", "2% cut short"]);
    assert_says(&chart, &["50% need at most 1,019"]);
    let unset = output_length(&summary, &setting, &fixture::histogram("triage", [5, 6], 1, None));
    assert_says(
        &unset,
        &[
            "Unset max_tokens reserves 8,192 per attempt; no triage answer needs more than 5",
            "max_tokens unset: the model's maximum, 8,192",
            "all need at most 5",
            "reserved by every attempt, used by none",
        ],
    );
}

#[test]
fn the_output_chart_is_tidy_whatever_the_data() {
    let setting = fixture::setting();
    for summary in [fixture::two_pools(), Summary::default()] {
        for ends in [[1_u64, 2], [5, 6], [1, 30], [20, 2_000], [3_000, 9_000], [1, 1_000_000]] {
            for max_tokens in [None, Some(1), Some(16), Some(1_024), Some(128_000)] {
                let width = (ends[1] - ends[0]).div_ceil(150);
                assert_tidy(&output_length(&summary, &setting, &fixture::histogram("chat", ends, width, max_tokens)));
            }
        }
        assert_tidy(&output_length(&summary, &setting, &OutputHistogram::default()));
    }
}

/// Sets of variants with everything that is hard to draw: none that meets, crowds, zeros, long names.
fn comparisons() -> Vec<Comparison> {
    vec![
        fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]),
        fixture::comparison(&[("unset", 64_000, 0.413, 0.0)]),
        fixture::comparison(&[("twice the quota and a much longer name than fits", 64_000, 1.0, 1.0)]),
        fixture::comparison(
            &[1_u64, 2, 4, 8, 16, 32, 64].map(|limit| ("512", limit, 0.001 * limit as f64, 0.3 / limit as f64)),
        ),
        Comparison::default(),
    ]
}

#[test]
fn the_trade_off_names_its_variants_and_bounds() {
    let chart = trade_off(&comparisons()[0], &fixture::setting());
    assert_says(&chart, &["With max_tokens 16, 0% of attempts are throttled", "max_tokens 16 (recommended)", "SLO 1%"]);
    assert_says(&chart, &["max_tokens unset", "Pareto front", "seed 1 · quotasim 0.1.0"]);
}

#[test]
fn the_charts_of_a_comparison_are_tidy_whatever_the_data() {
    let setting = fixture::setting();
    for comparison in comparisons() {
        assert_tidy(&trade_off(&comparison, &setting));
        assert_tidy(&variant_latency(&comparison, &setting));
        for quota in [None, Some(200_000)] {
            let timeline = fixture::timeline("haiku", 1_800.0, 10.0, quota);
            if let (Some(first), Some(last)) = (comparison.variants.first(), comparison.variants.last()) {
                assert_tidy(&before_after(&comparison, &setting, [(first, &timeline), (last, &timeline)]));
            }
        }
    }
}

#[test]
fn the_throttle_curve_names_lines_bounds_and_knees() {
    let sweep = fixture::sweep(&[0.25, 1.0, 2.0, 3.0], &["256", "unset"]);
    let chart = throttle_curve(&sweep, &fixture::setting());
    assert_says(
        &chart,
        &["max_tokens 256 sustains 2 times the load, max_tokens unset only 1", "SLO 1%", "quota: all of it charged"],
    );
    assert_says(&chart, &["unset", "meets SLO to 1", "load 1 is 300 requests/min", "bands: 95% intervals"]);
    let heat = heat_map(&sweep, &fixture::setting());
    assert_says(&heat, &["5 of 8 combinations meet", "edge of the SLO", "offered load", "66.7%"]);
}

#[test]
fn the_charts_of_a_sweep_are_tidy_whatever_the_data() {
    let setting = fixture::setting();
    let loads: Vec<f64> = (1..40).map(f64::from).collect();
    for loads in [&[1.0][..], &[0.25, 3.0], &[0.01, 0.1, 1.0, 10.0, 100.0], &loads] {
        for values in [&[][..], &["unset"], &["16", "256", "1024", "4096", "16384", "32000", "unset"]] {
            let sweep = fixture::sweep(loads, values);
            assert_tidy(&throttle_curve(&sweep, &setting));
            assert_tidy(&heat_map(&sweep, &setting));
        }
    }
}

#[test]
fn the_quota_curve_marks_today_the_need_and_the_number_to_ask_for() {
    let sizing = size::fixture::too_small();
    let chart =
        limit_curve(sizing.curve.as_ref().expect("it has one"), size::curve_caption(&sizing, &fixture::setting()));
    let title = "Ask for 12M tokens per minute for sonnet: today's 6M is not enough";
    assert_says(&chart, &[title, "today 6M", "needs 8.45M", "ask for 12M", "SLO 1%", "Attempts throttled"]);
}

#[test]
fn the_charts_of_a_sizing_are_tidy_whatever_the_data() {
    let setting = fixture::setting();
    for sizing in [size::fixture::too_small(), size::fixture::enough()] {
        assert_tidy(&tornado(&sizing, &setting));
        growth(&sizing, &setting).iter().for_each(assert_tidy);
        let caption = || size::curve_caption(&sizing, &setting);
        for (today, request) in [(4_000.0, Some(9e6)), (8.4e6, Some(8.6e6)), (8.4e6, None), (8_454_801.0, Some(1e9))] {
            let curve = size::fixture::curve("tokens_per_minute", today, 8_454_801.0, request);
            assert_tidy(&limit_curve(&curve, caption()));
        }
    }
    let solved = size::fixture::load();
    let curve = solved.curve.as_ref().expect("it has one");
    let chart = limit_curve(curve, solve::curve_caption(&solved, &setting));
    assert_tidy(&chart);
    assert_says(&chart, &["meets up to 1.14", "today 1"]);
    let empty = Curve { points: Vec::new(), ..curve.clone() };
    assert_tidy(&limit_curve(&empty, solve::curve_caption(&solved, &setting)));
}

#[test]
fn the_tornado_names_the_input_that_matters_most() {
    let chart = tornado(&size::fixture::too_small(), &fixture::setting());
    let title = "A fifth more or less traffic moves the quota by +21% or −20%";
    assert_says(&chart, &[title, "needs 8.85M", "traffic", "10.7M (+21%)", "20% less"]);
}

#[test]
fn growth_shows_when_today_s_quota_ends() {
    let chart = growth(&size::fixture::too_small(), &fixture::setting()).expect("it grows");
    assert_says(&chart, &["today's quota", "enough until 2027-01-20", "23M", "2027-06: 2×", "sonnet: tokens/min"]);
}
