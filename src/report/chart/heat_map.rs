//! Two fields at once: the share of attempts throttled as a colour, with the edge of what meets the objectives.

use super::Chart;
use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::{Caption, Panel};
use super::theme::{AXIS, BLACK, MUTED, PAPER, TEXT, VERMILLION};
use crate::analysis::{Point, Sweep};
use crate::report::number::percent;
use crate::report::setting::Setting;
use crate::report::sweep::{footer, label_of, worded};
use plotters::style::RGBColor;

/// Space for the legend right of the plot, in pixels.
const SIDE: f64 = 150.0;

/// The cells of a sweep over two axes; points added between are left to the curve.
pub fn heat_map(sweep: &Sweep, setting: &Setting) -> Chart {
    let caption = Caption { title: finding(sweep), subtitle: subtitle(setting), footer: footer(sweep) };
    Chart::new(caption, |canvas, area| {
        let [across, up] = sweep.axes.as_slice() else {
            return area.note(canvas, "A heat map needs two axes.");
        };
        let labels: Vec<String> = up.values.iter().map(label_of).collect();
        let look = Type::plain(MUTED).align(Align::Right);
        let wide = labels.iter().map(|label| look.width(label)).fold(40.0, f64::max).min(220.0);
        let plot = Panel {
            left: area.left + wide + 14.0,
            top: area.top + 30.0,
            right: area.right - SIDE,
            bottom: area.bottom - 52.0,
        };
        plot.title(canvas, plot.left, &format!("Attempts throttled, by {}", worded(&up.path)));
        let size =
            [(plot.right - plot.left) / across.values.len() as f64, (plot.bottom - plot.top) / up.values.len() as f64];
        // The first value of the second axis is the lowest row.
        let corner =
            |column: usize, row: usize| [plot.left + size[0] * column as f64, plot.bottom - size[1] * (row + 1) as f64];
        let cells: Vec<Vec<Option<&Point>>> = up
            .values
            .iter()
            .map(|row| {
                let at = |column| {
                    sweep.points.iter().find(|point| {
                        !point.added
                            && point.at.get(&across.path) == Some(column)
                            && point.at.get(&up.path) == Some(row)
                    })
                };
                across.values.iter().map(at).collect()
            })
            .collect();
        for (row, line) in cells.iter().enumerate() {
            for (column, cell) in line.iter().enumerate() {
                draw_cell(canvas, corner(column, row), size, *cell);
            }
            let y = corner(0, row)[1] + size[1] / 2.0;
            let every = (18.0 / size[1]).ceil().max(1.0) as usize;
            if row.is_multiple_of(every) {
                canvas.text_at_height(&look.shorten(&labels[row], 220.0), [plot.left - 10.0, y], look);
            }
        }
        draw_columns(canvas, plot, size[0], &across.values.iter().map(label_of).collect::<Vec<_>>());
        let middle = f64::midpoint(plot.left, plot.right);
        let look = Type::plain(MUTED).align(Align::Centre);
        canvas.text(&worded(&across.path), [middle, plot.bottom + 43.0], look);
        let meets = |column: usize, row: usize| cells[row][column].map(|cell| cell.meets);
        draw_contour(canvas, &corner, size, [across.values.len(), up.values.len()], &meets);
        draw_legend(canvas, plot);
    })
}

fn draw_columns(canvas: &Canvas<'_>, plot: Panel, width: f64, labels: &[String]) {
    let look = Type::plain(MUTED).align(Align::Centre);
    let widest = labels.iter().map(|label| look.width(label)).fold(0.0, f64::max);
    let every = ((widest + 12.0) / width).ceil().max(1.0) as usize;
    for (column, label) in labels.iter().enumerate().filter(|(column, _)| column.is_multiple_of(every)) {
        canvas.text(label, [plot.left + width * (column as f64 + 0.5), plot.bottom + 21.0], look);
    }
}

fn draw_cell(canvas: &Canvas<'_>, [x, y]: [f64; 2], [width, height]: [f64; 2], cell: Option<&Point>) {
    let gap = if width > 8.0 && height > 8.0 { 0.75 } else { 0.0 };
    let rate = cell.and_then(|cell| cell.total.attempt_throttle_rate.mean);
    let colour = rate.map_or(AXIS, shade);
    canvas.rectangle([x + gap, y + gap], [x + width - gap, y + height - gap], colour, 1.0);
    let text = rate.map_or_else(|| "–".to_owned(), percent);
    let ink = if rate.unwrap_or(0.0) > 0.45 { PAPER } else { TEXT };
    let look = Type::plain(ink).align(Align::Centre);
    if look.width(&text) + 8.0 < width && height > 20.0 {
        canvas.text_at_height(&text, [x + width / 2.0, y + height / 2.0], look);
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

/// A heavy line between cells that meet the objectives and cells that do not.
fn draw_contour(
    canvas: &Canvas<'_>,
    corner: &dyn Fn(usize, usize) -> [f64; 2],
    [width, height]: [f64; 2],
    [columns, rows]: [usize; 2],
    meets: &dyn Fn(usize, usize) -> Option<bool>,
) {
    let pen = Pen::new(BLACK.fill, 3.5);
    for row in 0..rows {
        for column in 0..columns {
            let [x, y] = corner(column, row);
            if column + 1 < columns && meets(column, row) != meets(column + 1, row) {
                canvas.line(&[[x + width, y], [x + width, y + height]], pen);
            }
            if row + 1 < rows && meets(column, row) != meets(column, row + 1) {
                canvas.line(&[[x, y], [x + width, y]], pen);
            }
        }
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
    canvas.line(&[[left, y], [left + 18.0, y]], Pen::new(BLACK.fill, 3.5));
    canvas.text_at_height("edge of the SLO", [left + 26.0, y], Type::plain(MUTED));
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

fn subtitle(setting: &Setting) -> String {
    let mut parts = vec![setting.models().join(", ")];
    parts.extend(setting.limiters());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
