//! Truncation against throttling: what each variant pays on either side, and which pay no more than they must. Variants
//! that cut equally many answers short, as other clients do, pay in failed requests instead.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, value};
use super::scale::{Scale, Tick};
use super::theme::{AXIS, BLACK, GREEN, LABEL_SIZE, MUTED, SHADE, variant};
use crate::analysis::{Comparison, Estimate, Metrics, SloOutcome, VariantResult};
use crate::report::compare::{footer, in_sentence, metrics_of, spoken, subtitle as subject};
use crate::report::number::percent;
use crate::report::setting::Setting;

/// Shares below this are drawn as if they were this, on the axis: a logarithm has no zero.
pub(in crate::report) const SHARE_FLOOR: f64 = 1e-4;
/// Space right of the plot, in pixels.
const SIDE: f64 = 60.0;

/// What variants pay for fewer throttles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::report) enum Price {
    /// Answers cut short.
    Cut,
    /// Requests failed.
    Failed,
}

/// Shares of truncated answers that differ by no more than this are alike.
const ALIKE: f64 = 1e-3;

impl Price {
    /// Answers cut short, unless named variants are alike in these.
    pub(in crate::report) fn of(comparison: &Comparison) -> Price {
        let cut = comparison.variants.iter().filter_map(|each| each.total.truncation_rate.mean);
        let [least, most] = cut.fold([1.0, 0.0], |[least, most], cut| [cut.min(least), cut.max(most)]);
        if comparison.workload.is_some() || most - least > ALIKE { Price::Cut } else { Price::Failed }
    }

    /// Its metric.
    fn metric(self) -> &'static str {
        match self {
            Price::Cut => "truncation_rate",
            Price::Failed => "request_failure_rate",
        }
    }

    fn estimate(self, metrics: &Metrics) -> Estimate {
        match self {
            Price::Cut => metrics.truncation_rate,
            Price::Failed => metrics.request_failure_rate,
        }
    }

    /// What it is called on an axis.
    pub(in crate::report) fn words(self) -> &'static str {
        match self {
            Price::Cut => "answers cut short",
            Price::Failed => "requests failed",
        }
    }
}

/// Each variant at its shares of truncated answers and throttled attempts, the Pareto front through those that no
/// other beats on both, the bounds, and the recommended one.
pub fn trade_off(comparison: &Comparison, setting: &Setting) -> Chart {
    let caption =
        Caption { title: finding(comparison), subtitle: subtitle(comparison, setting), footer: footer(comparison) };
    let price = Price::of(comparison);
    Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 64.0,
            top: area.top + 30.0,
            right: area.right - SIDE,
            bottom: area.bottom - 52.0,
        };
        // A little below the floor, so that what stands on it keeps clear of the axes.
        let across = Scale::log([SHARE_FLOOR * 0.6, 1.0], [plot.left, plot.right]);
        let up = Scale::log([SHARE_FLOOR * 0.6, 1.0], [plot.bottom, plot.top]);
        shade_bounds(canvas, plot, &across, &up, comparison);
        plot.title(canvas, plot.left, "Attempts throttled (logarithmic)");
        plot.rows(canvas, &up, &ticks());
        plot.columns(canvas, &across, &ticks());
        plot.column_labels(canvas, &across, &ticks(), &format!("{} (logarithmic)", price.words()));
        draw_bounds(canvas, plot, &across, &up, comparison);
        let points: Vec<Option<[f64; 2]>> = comparison.variants.iter().map(|each| shares(comparison, each)).collect();
        let place = |[x, y]: [f64; 2]| [across.clamped(x.max(SHARE_FLOOR)), up.clamped(y.max(SHARE_FLOOR))];
        let front: Vec<[f64; 2]> = pareto_front(&points).into_iter().map(place).collect();
        let mut occupied = Occupied::default();
        canvas.line(&stairs(&front), Pen { opacity: 0.5, ..Pen::new(AXIS, 2.0) });
        for (each, point) in comparison.variants.iter().zip(&points) {
            if let Some(point) = point {
                let [x, y] = place(*point);
                let metrics = metrics_of(comparison, each);
                whiskers(canvas, &across, &up, [x, y], [price.estimate(metrics), metrics.attempt_throttle_rate]);
                occupied.mark([x - 10.0, y - 10.0], [x + 10.0, y + 10.0]);
            }
        }
        for (index, (each, point)) in comparison.variants.iter().zip(&points).enumerate() {
            let Some(point) = point.map(place) else { continue };
            let colour = variant(index);
            let taken = comparison.recommendation.variant.as_ref() == Some(&each.name);
            if taken {
                canvas.ring(point, 12.0, Pen::new(GREEN.fill, 3.0));
            }
            canvas.dot(point, 7.0, colour.fill);
            let name = if taken { format!("{} (recommended)", spoken(each)) } else { spoken(each) };
            let look = value(colour.ink).size(LABEL_SIZE).strong();
            let bounds = [plot.left + 2.0, plot.top - 4.0, plot.right + SIDE, plot.bottom - 2.0];
            let [x, y] = point;
            let places = [
                ([x + 16.0, y - 15.0], Align::Left),
                ([x + 16.0, y + 15.0], Align::Left),
                ([x - 16.0, y - 15.0], Align::Right),
                ([x + 18.0, y - 34.0], Align::Left),
                ([x + 18.0, y + 34.0], Align::Left),
                ([x - 16.0, y + 15.0], Align::Right),
                ([x + 18.0, y - 53.0], Align::Left),
                ([x + 18.0, y - 72.0], Align::Left),
                ([x + 18.0, y - 91.0], Align::Left),
                ([x + 18.0, y - 110.0], Align::Left),
            ];
            occupied.place(canvas, &name, look, &places, bounds);
        }
    })
}

fn ticks() -> Vec<Tick> {
    [(SHARE_FLOOR, "0"), (1e-3, "0.1%"), (1e-2, "1%"), (1e-1, "10%"), (1.0, "100%")]
        .map(|(value, label)| Tick { value, label: label.to_owned() })
        .into()
}

/// The share that is paid and the share throttled of a variant, if both were measured; with nothing answered nothing was
/// cut short.
pub(in crate::report) fn shares(comparison: &Comparison, each: &VariantResult) -> Option<[f64; 2]> {
    let metrics = metrics_of(comparison, each);
    Some([Price::of(comparison).estimate(metrics).mean.unwrap_or(0.0), metrics.attempt_throttle_rate.mean?])
}

/// The points that no other beats on one side without losing on the other, by truncation.
pub(in crate::report) fn pareto_front(points: &[Option<[f64; 2]>]) -> Vec<[f64; 2]> {
    let mut sorted: Vec<[f64; 2]> = points.iter().flatten().copied().collect();
    sorted.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let mut front: Vec<[f64; 2]> = Vec::new();
    for point in sorted {
        if front.last().is_none_or(|last| point[1] < last[1]) {
            front.push(point);
        }
    }
    front
}

/// Between two points of the front lies nothing but the corner that both beat.
fn stairs(front: &[[f64; 2]]) -> Vec<[f64; 2]> {
    let mut line: Vec<[f64; 2]> = Vec::new();
    for &point in front {
        if let Some(&[_, y]) = line.last() {
            line.push([point[0], y]);
        }
        line.push(point);
    }
    line
}

/// The bounds on what is paid and on throttling among the objectives, as far as they speak of what is drawn.
pub(in crate::report) fn share_bounds(comparison: &Comparison, price: Price) -> [Option<f64>; 2] {
    let outcomes = comparison.variants.first().map_or(&[][..], |first| &first.slo);
    [price.metric(), "attempt_throttle_rate"].map(|metric| {
        let speaks = |outcome: &&SloOutcome| {
            let (name, of) = outcome.subject();
            of == metric && (name.is_none() || name == comparison.workload.as_deref())
        };
        outcomes.iter().find(speaks).map(|outcome| outcome.bound)
    })
}

/// The corner that meets the objectives on both shares.
fn shade_bounds(canvas: &Canvas<'_>, plot: Panel, across: &Scale, up: &Scale, comparison: &Comparison) {
    let [paid, throttled] = share_bounds(comparison, Price::of(comparison));
    let corner = [across.clamped(paid.unwrap_or(1.0)), up.clamped(throttled.unwrap_or(1.0))];
    canvas.rectangle([plot.left, corner[1]], [corner[0], plot.bottom], SHADE, 1.0);
}

/// The objectives on both shares as lines.
fn draw_bounds(canvas: &Canvas<'_>, plot: Panel, across: &Scale, up: &Scale, comparison: &Comparison) {
    let [paid, throttled] = share_bounds(comparison, Price::of(comparison));
    let [right, top] = [across.clamped(paid.unwrap_or(1.0)), up.clamped(throttled.unwrap_or(1.0))];
    let pen = Pen::new(BLACK.fill, 1.5);
    let look = Type::plain(MUTED);
    if let Some(bound) = throttled {
        canvas.dashed(&[[plot.left, top], [plot.right, top]], 8.0, 5.0, pen);
        canvas.text(&format!("SLO {}", percent(bound)), [plot.right + 6.0, top + 5.0], look);
    }
    if let Some(bound) = paid {
        canvas.dashed(&[[right, plot.bottom], [right, plot.top]], 8.0, 5.0, pen);
        canvas.text(&format!("SLO {}", percent(bound)), [right, plot.top - 8.0], look.align(Align::Centre));
    }
}

/// The intervals of the share that is paid and of that throttled.
fn whiskers(canvas: &Canvas<'_>, across: &Scale, up: &Scale, [x, y]: [f64; 2], [paid, throttled]: [Estimate; 2]) {
    let pen = Pen { opacity: 0.55, ..Pen::new(AXIS, 2.0) };
    let ends = |estimate: Estimate| estimate.ci95.filter(|_| estimate.mean.is_some_and(|mean| mean > 0.0));
    if let Some([low, high]) = ends(paid) {
        canvas.line(&[[across.clamped(low), y], [across.clamped(high), y]], pen);
    }
    if let Some([low, high]) = ends(throttled) {
        canvas.line(&[[x, up.clamped(low)], [x, up.clamped(high)]], pen);
    }
}

fn finding(comparison: &Comparison) -> String {
    let recommendation = &comparison.recommendation;
    let Some(taken) = comparison.variants.iter().find(|each| recommendation.variant.as_ref() == Some(&each.name))
    else {
        return "No variant meets the objectives".to_owned();
    };
    let metrics = metrics_of(comparison, taken);
    let share = |estimate: Estimate| estimate.mean.map_or_else(|| "an unknown share".to_owned(), percent);
    let price = Price::of(comparison);
    let (name, throttled, paid) =
        (in_sentence(taken), share(metrics.attempt_throttle_rate), share(price.estimate(metrics)));
    match price {
        Price::Cut => format!("With {name}, {throttled} of attempts are throttled and {paid} of answers cut short"),
        Price::Failed => format!("With {name}, {throttled} of attempts are throttled and {paid} of requests fail"),
    }
}

fn subtitle(comparison: &Comparison, setting: &Setting) -> String {
    let mut parts = subject(comparison, setting);
    parts.push("95% intervals; the grey line is the Pareto front".to_owned());
    parts.join(" · ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn variants_that_cut_alike_pay_in_failures() {
        let variants = [("boto3@2.0", 64_000, 0.4, 0.0), ("none", 64_000, 0.1, 0.0)];
        let values = fixture::comparison(&variants);
        assert_eq!(Price::of(&values), Price::Cut, "values of max_tokens");
        let mut named = Comparison { workload: None, ..values };
        assert_eq!(Price::of(&named), Price::Failed);
        named.variants[1].total.truncation_rate.mean = Some(0.3);
        assert_eq!(Price::of(&named), Price::Cut);
    }

    #[test]
    fn the_front_leaves_out_what_another_beats() {
        let points = [Some([0.1, 0.0]), Some([0.01, 0.05]), Some([0.02, 0.05]), Some([0.0, 0.6]), None];
        assert_eq!(pareto_front(&points), [[0.0, 0.6], [0.01, 0.05], [0.1, 0.0]]);
        assert_eq!(stairs(&[[0.0, 2.0], [1.0, 1.0]]), [[0.0, 2.0], [1.0, 2.0], [1.0, 1.0]]);
    }
}
