//! The charts of a comparison.

use super::run::{highest, over_time};
use super::{
    Across, Lines, Look, Mark, Plot, Rule, Series, Up, css, estimates, hexadecimal, latency_lines, percentiles,
};
use crate::analysis::{Comparison, Estimate, PoolTimeline};
use crate::report::chart::theme::{BLACK, BLUE, Colour, GREEN, GREY, VERMILLION, variant};
use crate::report::chart::{Price, SHARE_FLOOR, latency_bounds, pareto_front, share_bounds, shares};
use crate::report::compare::{metrics_of, name_of, spoken};
use crate::report::number::percent;
use crate::report::setting::Setting;

/// The charts of a comparison.
pub(in crate::report::html) fn of_comparison(
    comparison: &Comparison,
    setting: &Setting,
    chosen: usize,
    before: &[PoolTimeline],
    after: &[PoolTimeline],
) -> Vec<Plot> {
    let lines = [trade_off(comparison), outcomes(comparison), latency(comparison, setting)];
    let mut plots: Vec<Plot> = lines.into_iter().filter(Lines::shows_something).map(Plot::Lines).collect();
    let names = |index: usize| comparison.variants.get(index).map(spoken).unwrap_or_default();
    for (index, after) in after.iter().enumerate() {
        let pair = [(before.get(index), names(0), "before"), (Some(after), names(chosen), "after")];
        let most = pair.iter().filter_map(|(timeline, ..)| timeline.map(highest)).fold(0.0, f64::max);
        plots.extend(pair.iter().filter_map(|(timeline, name, id)| {
            let chart = over_time((*timeline)?, name, id);
            Some(Plot::Lines(Lines { y: Up { most: Some(most), ..chart.y }, ..chart }))
        }));
    }
    plots
}

/// What is paid against throttling, a point per variant.
fn trade_off(comparison: &Comparison) -> Lines {
    let price = Price::of(comparison);
    // Points that stand at the same place of the axis are told together.
    let place = |share: f64| share.max(SHARE_FLOOR);
    let points: Vec<Option<[f64; 2]>> = comparison.variants.iter().map(|each| shares(comparison, each)).collect();
    let mut places: Vec<f64> = points.iter().flatten().map(|&[paid, _]| place(paid)).collect();
    places.sort_by(f64::total_cmp);
    places.dedup();
    let at = |x: f64, y: f64| places.iter().map(|&place| (place == x).then_some(y)).collect::<Vec<_>>();
    let measured = || comparison.variants.iter().zip(&points).enumerate();
    let variants = measured().filter_map(|(index, (each, point))| {
        let [paid, throttled] = (*point)?;
        Some(Series {
            name: spoken(each),
            colour: css(variant(index)),
            values: at(place(paid), throttled),
            look: Look::Dots,
            ..Series::default()
        })
    });
    let front = pareto_front(&points);
    let line = Series {
        name: "Pareto front".to_owned(),
        silent: true,
        colour: css(GREY),
        values: places
            .iter()
            .map(|&x| front.iter().find(|[paid, _]| place(*paid) == x).map(|&[_, throttled]| throttled))
            .collect(),
        ..Series::default()
    };
    let marks = measured().filter_map(|(index, (each, point))| {
        let [paid, throttled] = (*point)?;
        let recommended = comparison.recommendation.variant.as_ref() == Some(&each.name);
        Some(Mark {
            x: place(paid),
            y: place(throttled),
            colour: css(if recommended { GREEN } else { variant(index) }),
            ink: hexadecimal(if recommended { GREEN } else { variant(index) }.ink),
            label: if recommended { format!("{} *", name_of(each)) } else { name_of(each) },
            ring: recommended,
        })
    });
    let [paid, throttled] = share_bounds(comparison, price);
    let rules = [
        throttled.map(|bound| Rule::up(bound, format!("SLO {}", percent(bound)))),
        paid.map(|bound| Rule { value: bound, label: format!("SLO {}", percent(bound)), across: true }),
    ];
    Lines {
        id: "trade-off".to_owned(),
        title: format!("Attempts throttled against {}", price.words()),
        note: "Logarithmic. The best lies at the lower left; the ring marks the recommendation.".to_owned(),
        series: std::iter::once(line).filter(|_| front.len() > 1).chain(variants).collect(),
        rules: rules.into_iter().flatten().collect(),
        marks: marks.collect(),
        x: Across {
            label: price.words().to_owned(),
            format: "percent",
            values: places,
            log: true,
            floor: true,
            ..Across::default()
        },
        y: Up { format: "percent", log: true, floor: true, ..Up::default() },
    }
}

fn outcomes(comparison: &Comparison) -> Lines {
    let metrics: Vec<_> = comparison.variants.iter().map(|each| metrics_of(comparison, each)).collect();
    let series = |name: &str, colour: Colour, of: fn(&crate::analysis::Metrics) -> Estimate| Series {
        look: Look::Dots,
        ..estimates(name.to_owned(), colour, &metrics.iter().map(|metrics| of(metrics)).collect::<Vec<_>>())
    };
    let [failed, _] = share_bounds(comparison, Price::Failed);
    let rules = match share_bounds(comparison, Price::Cut) {
        [Some(truncated), Some(throttled)] if truncated == throttled && failed.is_none() => {
            vec![Rule::up(throttled, format!("SLO: both below {}", percent(throttled)))]
        }
        [truncated, throttled] => [(throttled, "throttled"), (truncated, "cut short"), (failed, "failed")]
            .into_iter()
            .filter_map(|(bound, name)| Some(Rule::up(bound?, format!("{name} below {}", percent(bound?)))))
            .collect(),
    };
    Lines {
        id: "outcomes".to_owned(),
        title: "Throttled, cut short, failed".to_owned(),
        note: if comparison.workload.is_some() {
            "Logarithmic; 95% intervals. A smaller output limit reserves less and cuts more answers short.".to_owned()
        } else {
            "Logarithmic; 95% intervals.".to_owned()
        },
        x: Across {
            label: if comparison.workload.is_some() { "max_tokens" } else { "variant" }.to_owned(),
            format: "number",
            values: (0..comparison.variants.len()).map(|index| index as f64).collect(),
            categories: Some(comparison.variants.iter().map(name_of).collect()),
            ..Across::default()
        },
        y: Up { format: "percent", log: true, floor: true, ..Up::default() },
        series: vec![
            series("attempts throttled", VERMILLION, |metrics| metrics.attempt_throttle_rate),
            series("answers cut short", BLUE, |metrics| metrics.truncation_rate),
            series("requests failed", BLACK, |metrics| metrics.request_failure_rate),
        ],
        rules,
        marks: Vec::new(),
    }
}

fn latency(comparison: &Comparison, setting: &Setting) -> Lines {
    let all = comparison.variants.iter().enumerate();
    let series =
        all.map(|(index, each)| percentiles(spoken(each), variant(index), metrics_of(comparison, each).latency_ms));
    latency_lines(series.collect(), &latency_bounds(comparison, setting))
}
