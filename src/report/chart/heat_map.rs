//! Two fields at once: the share of attempts throttled as a colour, with the edge of what meets the objectives.

use super::Chart;
use super::canvas::{Align, Canvas, Type};
use super::frame::{Caption, Panel};
use super::grid::{Grid, edge_legend, fitting, middle, subtitle};
use super::theme::{AXIS, MUTED, PAPER, TEXT, VERMILLION};
use crate::analysis::{Point, Sweep};
use crate::report::number::percent;
use crate::report::setting::Setting;
use crate::report::sweep::footer;
use plotters::style::RGBColor;

/// Space for the legend right of the plot, in pixels.
const SIDE: f64 = 150.0;

/// The cells of a sweep over two axes; points added between are left to the curve.
pub fn heat_map(sweep: &Sweep, setting: &Setting) -> Chart {
    let caption = Caption { title: finding(sweep), subtitle: subtitle(setting), footer: footer(sweep) };
    Chart::new(caption, |canvas, area| {
        let Some(grid) = Grid::of(canvas, area, sweep, "Attempts throttled", SIDE) else {
            return area.note(canvas, "A heat map needs two axes.");
        };
        grid.cells(|corners, point| draw_cell(canvas, corners, point));
        grid.contour(canvas);
        draw_legend(canvas, grid.plot);
    })
}

fn draw_cell(canvas: &Canvas<'_>, corners: [[f64; 2]; 2], point: Option<&Point>) {
    let rate = point.and_then(|point| point.total.attempt_throttle_rate.mean);
    canvas.rectangle(corners[0], corners[1], rate.map_or(AXIS, shade), 1.0);
    let ink = if rate.unwrap_or(0.0) > 0.45 { PAPER } else { TEXT };
    let look = Type::plain(ink).align(Align::Centre);
    if let Some(text) = fitting(&[rate.map_or_else(|| "–".to_owned(), percent)], look, corners) {
        canvas.text_at_height(text, middle(corners), look);
    }
}

/// White at nothing, vermillion at a half, dark at everything; small shares already differ from nothing.
fn shade(rate: f64) -> RGBColor {
    let strength = libm::sqrt(rate.clamp(0.0, 1.0));
    let mix = |from: RGBColor, to: RGBColor, share: f64| {
        let part = |a: u8, b: u8| (f64::from(a) + (f64::from(b) - f64::from(a)) * share).round() as u8;
        RGBColor(part(from.0, to.0), part(from.1, to.1), part(from.2, to.2))
    };
    let middle = libm::sqrt(0.5);
    if strength <= middle {
        mix(RGBColor(247, 247, 247), VERMILLION.fill, strength / middle)
    } else {
        mix(VERMILLION.fill, RGBColor(92, 32, 0), (strength - middle) / (1.0 - middle))
    }
}

fn draw_legend(canvas: &Canvas<'_>, plot: Panel) {
    let left = plot.right + 28.0;
    let (top, height) = (plot.top + 8.0, 200.0);
    for step in 0..40 {
        let from = top + height * f64::from(step) / 40.0;
        let colour = shade(1.0 - (f64::from(step) + 0.5) / 40.0);
        canvas.rectangle([left, from], [left + 18.0, top + height], colour, 1.0);
    }
    for share in [0.0, 0.5, 1.0] {
        canvas.text_at_height(&percent(share), [left + 28.0, top + height * (1.0 - share)], Type::plain(MUTED));
    }
    let y = top + height + 34.0;
    edge_legend(canvas, [left, y]);
}

fn finding(sweep: &Sweep) -> String {
    let asked = || sweep.points.iter().filter(|point| !point.added);
    let (met, all) = (asked().filter(|point| point.meets).count(), asked().count());
    match met {
        0 => format!("None of {all} combinations meets the objectives"),
        met if met == all => format!("All {all} combinations meet the objectives"),
        met => format!("{met} of {all} combinations meet the objectives: {}", sweep.objectives.join(", ")),
    }
}
