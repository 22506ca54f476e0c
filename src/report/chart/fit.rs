//! A fitted law beside what was observed: distribution functions, and quantiles against quantiles.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, value};
use super::scale::{Scale, Tick};
use super::theme::{AXIS, BLUE, Colour, MUTED, PURPLE};
use crate::calibrate::curve::Curves;
use crate::report::number::{count, duration_ms, percent, short};

/// What the values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Whole numbers, of tokens or turns.
    Count,
    /// Seconds.
    Seconds,
    /// Tokens per second.
    Speed,
}

impl Unit {
    fn write(self, value: f64) -> String {
        match self {
            Unit::Count if value < 1e6 => count(value.round() as u64),
            Unit::Count => short(value),
            Unit::Seconds => duration_ms(value * 1e3),
            Unit::Speed => format!("{}/s", short(value)),
        }
    }

    /// Ticks of a scale of this unit; a scale of seconds counts in milliseconds.
    fn ticks(self, scale: &Scale) -> Vec<Tick> {
        match self {
            Unit::Count | Unit::Speed => scale.ticks(6),
            Unit::Seconds => scale.duration_ticks(4),
        }
    }

    fn scaled(self, value: f64) -> f64 {
        if self == Unit::Seconds { value * 1e3 } else { value }
    }
}

/// What was observed.
const SEEN: Colour = BLUE;
/// What the law says.
const LAW: Colour = PURPLE;

/// The distribution function of what was observed and of the law, and their quantiles against each other. `measure`
/// says what the values are.
pub fn fit(caption: Caption, curves: &Curves, unit: Unit, measure: &str) -> Chart {
    Chart::new(caption, |canvas, area| {
        let (Some(first), Some(last)) = (curves.observed.first(), curves.observed.last()) else {
            return area.note(canvas, "No value was observed.");
        };
        let gap = 96.0;
        let middle = area.left + 0.56 * (area.right - area.left);
        let plot = |left: f64, right: f64| Panel { left, top: area.top + 40.0, right, bottom: area.bottom - 54.0 };
        let (left, right) = (plot(area.left + 52.0, middle), plot(middle + gap, area.right - 12.0));
        let ends = [unit.scaled(first[0]), unit.scaled(last[0])];
        shares(canvas, left, curves, unit, (ends, measure));
        quantiles(canvas, right, curves, unit, ends);
    })
}

/// A scale over the values, with room at its ends; logarithmic where that is a long way.
fn scale([from, to]: [f64; 2], pixels: [f64; 2]) -> Scale {
    if from > 0.0 && to / from > 12.0 {
        Scale::log([from / 1.15, to * 1.15], pixels)
    } else if from <= 0.0 && to > 30.0 {
        // Zeros stand at the left edge.
        Scale::log([0.8, to * 1.15], pixels)
    } else {
        let room = 0.06 * (to - from).max(1.0);
        Scale::linear([(from - room).max(0.0), to + room], pixels)
    }
}

fn shares(canvas: &Canvas<'_>, plot: Panel, curves: &Curves, unit: Unit, (ends, measure): ([f64; 2], &str)) {
    let across = scale(ends, [plot.left, plot.right]);
    let up = Scale::linear([0.0, 1.0], [plot.bottom, plot.top]);
    plot.title(canvas, plot.left, "Share of values no larger");
    let ticks = unit.ticks(&across);
    plot.columns(canvas, &across, &ticks);
    plot.rows(canvas, &up, &up.percent_ticks(5));
    plot.column_labels(canvas, &across, &ticks, measure);
    let point = |[x, share]: [f64; 2]| [across.clamped(unit.scaled(x)), up.at(share)];
    let mut seen: Vec<[f64; 2]> = Vec::new();
    let mut before = 0.0;
    for &[x, share] in &curves.observed {
        seen.push(point([x, before]));
        seen.push(point([x, share]));
        before = share;
    }
    seen.insert(0, [plot.left, up.at(0.0)]);
    seen.push([plot.right, up.at(before)]);
    let law: Vec<[f64; 2]> = curves.fitted.iter().map(|&row| point(row)).collect();
    canvas.line(&seen, Pen::new(SEEN.fill, 4.0));
    canvas.line(&law, Pen::new(LAW.fill, 2.0));
    let mut occupied = Occupied::default();
    occupied.mark_line(&seen, 4.0);
    occupied.mark_line(&law, 3.0);
    let bounds = [plot.left, plot.top, plot.right, plot.bottom];
    if let Some([x, one, other]) = curves.gap {
        let (x, ys) = (across.clamped(unit.scaled(x)), [up.at(one), up.at(other)]);
        let text = format!("{} apart", percent((one - other).abs()));
        canvas.line(&[[x, ys[0]], [x, ys[1]]], Pen::new(AXIS, 2.0));
        let y = f64::midpoint(ys[0], ys[1]);
        let places: Vec<_> = [18.0, 40.0, 70.0]
            .into_iter()
            .flat_map(|away| [([x + 14.0, y + away], Align::Left), ([x - 14.0, y - away], Align::Right)])
            .collect();
        occupied.place(canvas, &text, value(MUTED), &places, bounds);
    }
    for (name, colour, share) in [("observed", SEEN, 0.82), ("law", LAW, 0.3)] {
        let line = if name == "law" { &curves.fitted } else { &curves.observed };
        let near = line.iter().min_by(|a, b| (a[1] - share).abs().total_cmp(&(b[1] - share).abs()));
        let [x, y] = point(*near.expect("there are values"));
        let places: Vec<_> = [12.0, 30.0, 60.0, 100.0]
            .into_iter()
            .flat_map(|away| [([x - away, y], Align::Right), ([x + away, y], Align::Left)])
            .collect();
        occupied.place(canvas, name, Type::plain(colour.ink).strong(), &places, bounds);
    }
}

fn quantiles(canvas: &Canvas<'_>, plot: Panel, curves: &Curves, unit: Unit, ends: [f64; 2]) {
    plot.title(canvas, plot.left, "Quantiles of the law (up) against the observed");
    let far = curves.quantiles.iter().map(|row| unit.scaled(row[2])).filter(|x| x.is_finite());
    let most = far.clone().fold(ends[1], f64::max).min(ends[1] * 4.0);
    let least =
        if ends[0] > 0.0 { far.filter(|&x| x > 0.0).fold(ends[0], f64::min).max(ends[0] / 4.0) } else { ends[0] };
    let across = scale([least, most], [plot.left, plot.right]);
    let up = scale([least, most], [plot.bottom, plot.top]);
    let ticks = unit.ticks(&across);
    plot.columns(canvas, &across, &ticks);
    plot.rows(canvas, &up, &ticks);
    plot.column_labels(canvas, &across, &ticks, "observed");
    let [from, to] = across.range();
    canvas.line(&[[across.at(from), up.at(from)], [across.at(to), up.at(to)]], Pen::new(AXIS, 1.5));
    let mut occupied = Occupied::default();
    occupied.mark_line(&[[across.at(from), up.at(from)], [across.at(to), up.at(to)]], 3.0);
    let place = |row: &[f64; 3]| [across.clamped(unit.scaled(row[1])), up.clamped(unit.scaled(row[2]))];
    for row in &curves.quantiles {
        let at = place(row);
        canvas.dot(at, 4.0, LAW.fill);
        occupied.mark([at[0] - 5.0, at[1] - 5.0], [at[0] + 5.0, at[1] + 5.0]);
    }
    let bounds = [plot.left, plot.top, plot.right, plot.bottom];
    for (share, name) in [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")] {
        let Some(row) = curves.quantiles.iter().find(|row| row[0] == share) else { continue };
        let [x, y] = place(row);
        let text = format!("{name}: {} as {}", unit.write(row[1]), unit.write(row[2]));
        let places: Vec<_> = [14.0, 30.0, 50.0]
            .into_iter()
            .flat_map(|away| [([x - 12.0, y - away], Align::Right), ([x + 12.0, y + away], Align::Left)])
            .collect();
        occupied.place(canvas, &text, value(LAW.ink), &places, bounds);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tidy::assert_tidy;
    use super::*;
    use crate::calibrate::curve::of_fit;
    use crate::calibrate::fit::{Grain, Value, fit as fit_law};
    use crate::model::Distribution;
    use crate::random::{Key, Purpose, Sampler};

    fn drawn(law: &Distribution, n: u64, unit: Unit, grain: Grain) -> Chart {
        let (sampler, key) = (Sampler::new(law), Key::new(4, 0, 0, Purpose::Output));
        let round = |x: f64| (x / grain.step).round() * grain.step;
        let values: Vec<Value> = (0..n).map(|i| Value::exact(round(sampler.sample(key.bits(i))))).collect();
        let caption = Caption { title: "a".into(), subtitle: "b".into(), footer: "c".into() };
        super::fit(caption, &of_fit(&fit_law(&values, grain)), unit, "output tokens")
    }

    #[test]
    fn the_chart_is_tidy_whatever_the_data() {
        let laws = [
            Distribution::Constant(5.0),
            Distribution::LogNormal { mu: 5.0, sigma: 1.0 },
            Distribution::LogNormal { mu: 11.0, sigma: 0.1 },
            Distribution::Pareto { min: 2.0, alpha: 0.8, max: None },
            Distribution::Mixture(vec![
                (0.5, Distribution::Constant(0.0)),
                (0.5, Distribution::Exponential { mean: 900.0 }),
            ]),
        ];
        for law in laws {
            for n in [1, 2, 30, 3_000] {
                for (unit, grain) in [(Unit::Count, Grain::TOKENS), (Unit::Seconds, Grain::MILLISECONDS)] {
                    assert_tidy(&drawn(&law, n, unit, grain));
                }
            }
        }
        assert_tidy(&drawn(&Distribution::Constant(1.0), 0, Unit::Count, Grain::TOKENS));
    }
}
