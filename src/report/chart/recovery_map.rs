//! Two fields at once: does it come back after the disturbance? A colour and a word for each of three states.

use super::Chart;
use super::canvas::{Align, Canvas, Type};
use super::frame::{Caption, Panel};
use super::theme::{AXIS, GREEN, MUTED, ORANGE, PAPER, TEXT, VERMILLION};
use crate::analysis::Sweep;
use crate::analysis::recovery::{Afterwards, State};
use crate::report::compare::capital;
use crate::report::recovery::{finding, state_at, state_word};
use crate::report::setting::Setting;
use crate::report::sweep::{footer, label_of, worded};
use plotters::style::RGBColor;

/// Space for the legend right of the plot, in pixels.
const SIDE: f64 = 170.0;

/// The states of a sweep over two axes.
pub fn recovery_map(sweep: &Sweep, setting: &Setting) -> Chart {
    let found = finding(sweep).unwrap_or_default();
    let title = sweep.client.as_ref().map_or_else(|| capital(&found), |client| format!("{client}: {found}"));
    let caption = Caption { title, subtitle: setting.models().join(", "), footer: footer(sweep) };
    Chart::new(caption, |canvas, area| {
        let [across, up] = sweep.axes.as_slice() else {
            return area.note(canvas, "A map needs two axes.");
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
        plot.title(canvas, plot.left, &format!("Afterwards, by {}", worded(&up.path)));
        let width = (plot.right - plot.left) / across.values.len() as f64;
        let height = (plot.bottom - plot.top) / up.values.len() as f64;
        let every = (18.0 / height).ceil().max(1.0) as usize;
        for (row, value) in up.values.iter().enumerate() {
            // The first value of the second axis is the lowest row.
            let y = plot.bottom - height * (row + 1) as f64;
            for (column, first) in across.values.iter().enumerate() {
                let x = plot.left + width * column as f64;
                draw_cell(canvas, [x, y], [width, height], state_at(sweep, first, value));
            }
            if row.is_multiple_of(every) {
                let middle = y + height / 2.0;
                canvas.text_at_height(&look.shorten(&labels[row], 220.0), [plot.left - 10.0, middle], look);
            }
        }
        draw_columns(canvas, plot, width, &across.values.iter().map(label_of).collect::<Vec<_>>());
        let middle = f64::midpoint(plot.left, plot.right);
        canvas.text(&worded(&across.path), [middle, plot.bottom + 43.0], Type::plain(MUTED).align(Align::Centre));
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

fn colour(state: State) -> RGBColor {
    match state {
        State::Stable => GREEN.fill,
        State::Degraded => ORANGE.fill,
        State::DoesNotRecover => VERMILLION.fill,
    }
}

fn draw_cell(canvas: &Canvas<'_>, [x, y]: [f64; 2], [width, height]: [f64; 2], after: Option<Afterwards>) {
    let gap = if width > 8.0 && height > 8.0 { 0.75 } else { 0.0 };
    let corners = ([x + gap, y + gap], [x + width - gap, y + height - gap]);
    let Some(after) = after else {
        return canvas.rectangle(corners.0, corners.1, AXIS, 0.3);
    };
    // Paler where the replications disagree.
    let opacity = if after.replications.agree() { 1.0 } else { 0.6 };
    canvas.rectangle(corners.0, corners.1, colour(after.state), opacity);
    let counts = after.replications;
    if counts.agree() {
        return;
    }
    let text = format!("{}/{}", counts.of(after.state), counts.all());
    let ink = if after.state == State::Degraded { TEXT } else { PAPER };
    let look = Type::plain(ink).align(Align::Centre);
    if look.width(&text) + 8.0 < width && height > 20.0 {
        canvas.text_at_height(&text, [x + width / 2.0, y + height / 2.0], look);
    }
}

fn draw_legend(canvas: &Canvas<'_>, plot: Panel) {
    let left = plot.right + 24.0;
    for (place, state) in [State::Stable, State::Degraded, State::DoesNotRecover].into_iter().enumerate() {
        let y = plot.top + 16.0 + 30.0 * place as f64;
        canvas.rectangle([left, y - 8.0], [left + 16.0, y + 8.0], colour(state), 1.0);
        canvas.text_at_height(state_word(state), [left + 24.0, y], Type::plain(TEXT));
    }
    let y = plot.top + 16.0 + 30.0 * 3.0 + 6.0;
    for (line, text) in ["8/10: in 8 of 10", "replications, else in all"].into_iter().enumerate() {
        canvas.text_at_height(text, [left, y + 18.0 * line as f64], Type::plain(MUTED));
    }
}
