//! What a growing traffic needs, as multiples of today's quotas: a line per pool, with the day on which it is too much.

use super::Chart;
use super::canvas::{Align, Pen, Type};
use super::frame::{Caption, Panel};
use super::label::{Occupied, SideLabel, beside, value};
use super::scale::{Scale, Tick};
use super::theme::{BLACK, GREEN, VERMILLION, variant};
use crate::analysis::growth::month;
use crate::analysis::sizing::{GrowthStep, LimitName, Sizing};
use crate::report::number::{digits, percent, short};
use crate::report::setting::Setting;
use crate::report::size::footer;

/// Space for labels right of the plot, in pixels.
const SIDE: f64 = 180.0;

/// A line of the chart: a limit of a pool.
struct Line {
    name: String,
    /// Place, multiple of today's quota, and what to ask for.
    points: Vec<(f64, f64, u64)>,
}

/// The growth of a sizing; nothing without one.
pub fn growth(sizing: &Sizing, setting: &Setting) -> Option<Chart> {
    let growth = sizing.growth.as_ref()?;
    let caption = Caption {
        title: growth.note.trim_end_matches('.').to_owned(),
        subtitle: subtitle(sizing, setting),
        footer: footer(sizing),
    };
    let steps = &growth.steps;
    Some(Chart::new(caption, |canvas, area| {
        let plot = Panel {
            left: area.left + 60.0,
            top: area.top + 34.0,
            right: area.right - SIDE,
            bottom: area.bottom - 56.0,
        };
        let places = places(steps);
        let lines = lines(sizing, steps, &places);
        if lines.is_empty() {
            return plot.note(canvas, "Nothing to ask for was found.");
        }
        let most = lines.iter().flat_map(|line| &line.points).map(|&(_, multiple, _)| multiple).fold(1.2, f64::max);
        let ends = [places[0], places[places.len() - 1]];
        let pad = ((ends[1] - ends[0]) * 0.04).max(0.02);
        let across = Scale::linear([ends[0] - pad, ends[1] + pad], [plot.left, plot.right]);
        let up = Scale::linear([0.0, most * 1.12], [plot.bottom, plot.top]);
        plot.title(canvas, plot.left, "To ask for, of today's quota");
        plot.rows(canvas, &up, &up.percent_ticks(6));
        plot.columns(canvas, &across, &ticks(steps, &places));
        let measure = if steps.iter().any(|step| step.month.is_some()) { "" } else { "times the scenario's traffic" };
        plot.column_labels(canvas, &across, &ticks(steps, &places), measure);
        let mut occupied = Occupied::default();
        let today = up.at(1.0);
        canvas.dashed(&[[plot.left, today], [plot.right, today]], 8.0, 5.0, Pen::new(BLACK.fill, 1.5));
        occupied.mark([plot.left, today - 2.0], [plot.right, today + 2.0]);
        if let Some((x, label)) = outgrown(sizing, steps, &places) {
            let x = across.clamped(x);
            canvas.dashed(&[[x, plot.bottom], [x, plot.top]], 3.0, 4.0, Pen::new(VERMILLION.fill, 2.0));
            occupied.mark([x - 2.0, plot.top], [x + 2.0, plot.bottom]);
            let look = Type::plain(VERMILLION.ink).strong();
            let spots = [([x + 8.0, plot.bottom - 14.0], Align::Left), ([x - 8.0, plot.bottom - 14.0], Align::Right)];
            occupied.place(canvas, &label, look, &spots, [plot.left, plot.top, plot.right, plot.bottom]);
        }
        let mut labels =
            vec![SideLabel { y: today, name: "today's quota".to_owned(), detail: Vec::new(), ink: BLACK.ink }];
        for (index, line) in lines.iter().enumerate() {
            let colour = if lines.len() == 1 { GREEN } else { variant(index) };
            let drawn: Vec<[f64; 2]> =
                line.points.iter().map(|&(x, multiple, _)| [across.at(x), up.at(multiple)]).collect();
            canvas.line(&drawn, Pen::new(colour.fill, 2.5));
            for &point in &drawn {
                canvas.dot(point, 5.0, colour.fill);
            }
            occupied.mark_line(&drawn, 5.0);
            for (&point, &(_, _, ask)) in drawn.iter().zip(&line.points) {
                let bounds = [plot.left, plot.top - 8.0, plot.right + 6.0, plot.bottom];
                occupied.place_around(canvas, &short(ask as f64), value(colour.ink), point, bounds, false);
            }
            let last = drawn[drawn.len() - 1];
            labels.push(SideLabel { y: last[1], name: line.name.clone(), detail: Vec::new(), ink: colour.ink });
        }
        beside(canvas, plot.right + 14.0, SIDE - 14.0, [plot.top - 2.0, plot.bottom + 10.0], labels);
    }))
}

/// Where each step stands: months by their days, else multiples.
fn places(steps: &[GrowthStep]) -> Vec<f64> {
    let first = steps.first().and_then(|step| month(step.month.as_deref()?));
    steps
        .iter()
        .map(|step| match (first, step.month.as_deref().and_then(month)) {
            (Some(first), Some(day)) => first.duration_until(day).as_secs_f64() / 86_400.0,
            _ => step.factor,
        })
        .collect()
}

fn ticks(steps: &[GrowthStep], places: &[f64]) -> Vec<Tick> {
    let every = steps.len().div_ceil(10).max(1);
    let label = |step: &GrowthStep| match &step.month {
        Some(month) => format!("{month}: {}×", digits(step.factor, 3)),
        None => format!("{}×", digits(step.factor, 3)),
    };
    let all = steps.iter().zip(places).enumerate().filter(|(index, _)| index.is_multiple_of(every));
    all.map(|(_, (step, &value))| Tick { value, label: label(step) }).collect()
}

fn lines(sizing: &Sizing, steps: &[GrowthStep], places: &[f64]) -> Vec<Line> {
    let mut lines = Vec::new();
    for (pool, size) in &sizing.pools {
        for name in LimitName::ALL {
            let Some(today) = size.today.get(name).filter(|&today| today > 0) else { continue };
            let point = |(step, &place): (&GrowthStep, &f64)| {
                let ask = step.pools.get(pool)?.get(name)?;
                Some((place, ask as f64 / today as f64, ask))
            };
            let points: Vec<_> = steps.iter().zip(places).filter_map(point).collect();
            if !points.is_empty() {
                lines.push(Line { name: format!("{pool}: {}", short_name(name)), points });
            }
        }
    }
    lines
}

fn short_name(name: LimitName) -> &'static str {
    match name {
        LimitName::TokensPerMinute => "tokens/min",
        LimitName::RequestsPerMinute => "requests/min",
        LimitName::TokensPerDay => "tokens/day",
        LimitName::InputTokensPerMinute => "input/min",
        LimitName::OutputTokensPerMinute => "output/min",
    }
}

/// Where today's quotas stop being enough, and its label.
fn outgrown(sizing: &Sizing, steps: &[GrowthStep], places: &[f64]) -> Option<(f64, String)> {
    let growth = sizing.growth.as_ref()?;
    let dated = steps.iter().all(|step| step.month.is_some());
    if !dated {
        let carries = growth.carries.filter(|carries| (places[0]..=places[places.len() - 1]).contains(carries))?;
        return Some((carries, format!("enough up to {}×", digits(carries, 3))));
    }
    let day: jiff::civil::Date = growth.enough_until.as_ref()?.parse().ok()?;
    let first = month(steps.first()?.month.as_deref()?)?;
    Some((first.duration_until(day).as_secs_f64() / 86_400.0, format!("enough until {day}")))
}

fn subtitle(sizing: &Sizing, setting: &Setting) -> String {
    let mut parts = setting.foundations();
    parts.push(format!("rounded up to two digits, margin {}", percent(sizing.margin)));
    parts.join(" · ")
}
