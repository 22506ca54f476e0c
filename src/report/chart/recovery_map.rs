//! Two fields at once: does it come back after the disturbance? A colour and a word for each of three states, with the
//! edge of what meets the objectives.

use super::Chart;
use super::canvas::{Align, Canvas, Type};
use super::frame::{Caption, Panel};
use super::grid::{Grid, edge_legend, fitting, middle, subtitle};
use super::theme::{AXIS, MUTED, PAPER, TEXT, state_colour};
use crate::analysis::Sweep;
use crate::analysis::recovery::{Afterwards, State};
use crate::report::compare::capital;
use crate::report::recovery::{cell, finding, state_word, word};
use crate::report::setting::Setting;
use crate::report::sweep::footer;

/// Space for the legend right of the plot, in pixels.
const SIDE: f64 = 170.0;

/// The states of a sweep over two axes.
pub fn recovery_map(sweep: &Sweep, setting: &Setting) -> Chart {
    let found = finding(sweep).unwrap_or_default();
    let title = sweep.client.as_ref().map_or_else(|| capital(&found), |client| format!("{client}: {found}"));
    let caption = Caption { title, subtitle: subtitle(setting), footer: footer(sweep) };
    Chart::new(caption, |canvas, area| {
        let Some(grid) = Grid::of(canvas, area, sweep, "Afterwards", SIDE) else {
            return area.note(canvas, "A map needs two axes.");
        };
        grid.cells(|corners, point| draw_cell(canvas, corners, point.and_then(|point| point.recovery)));
        grid.contour(canvas);
        draw_legend(canvas, grid.plot);
    })
}

fn draw_cell(canvas: &Canvas<'_>, corners: [[f64; 2]; 2], after: Option<Afterwards>) {
    let Some(after) = after else {
        return canvas.rectangle(corners[0], corners[1], AXIS, 0.3);
    };
    // Paler where the replications disagree.
    let opacity = if after.replications.agree() { 1.0 } else { 0.6 };
    canvas.rectangle(corners[0], corners[1], state_colour(after.state).fill, opacity);
    let ink = if after.state == State::Degraded || opacity < 1.0 { TEXT } else { PAPER };
    let look = Type::plain(ink).align(Align::Centre);
    if let Some(text) = fitting(&[cell(after), word(after).to_owned()], look, corners) {
        canvas.text_at_height(text, middle(corners), look);
    }
}

fn draw_legend(canvas: &Canvas<'_>, plot: Panel) {
    let left = plot.right + 24.0;
    for (place, state) in [State::Stable, State::Degraded, State::DoesNotRecover].into_iter().enumerate() {
        let y = plot.top + 16.0 + 30.0 * place as f64;
        canvas.rectangle([left, y - 8.0], [left + 16.0, y + 8.0], state_colour(state).fill, 1.0);
        canvas.text_at_height(state_word(state), [left + 24.0, y], Type::plain(TEXT));
    }
    let y = plot.top + 16.0 + 30.0 * 3.0;
    edge_legend(canvas, [left, y]);
    for (line, text) in ["8/10: in 8 of 10", "replications, else in all"].into_iter().enumerate() {
        canvas.text_at_height(text, [left, y + 36.0 + 18.0 * line as f64], Type::plain(MUTED));
    }
}
