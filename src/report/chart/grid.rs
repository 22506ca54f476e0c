//! A cell for each combination of two fields' values: the layout of maps.

use super::canvas::{Align, Canvas, Pen, Type};
use super::frame::Panel;
use super::theme::{BLACK, MUTED};
use crate::analysis::{Point, Sweep};
use crate::report::setting::Setting;
use crate::report::sweep::{label_of, point_at, worded};

/// The points of a sweep over two axes in their places, the first across, the second up.
#[derive(Debug)]
pub(super) struct Grid<'a> {
    sweep: &'a Sweep,
    /// Where the cells are.
    pub(super) plot: Panel,
    size: [f64; 2],
}

/// The widest label of a row, in pixels.
const LABEL: f64 = 220.0;

impl<'a> Grid<'a> {
    /// Lays the cells out under a title, with `side` pixels for a legend to their right. `None` with one axis.
    pub(super) fn of(canvas: &Canvas<'_>, area: Panel, sweep: &'a Sweep, what: &str, side: f64) -> Option<Grid<'a>> {
        let [across, up] = sweep.axes.as_slice() else { return None };
        let labels: Vec<String> = up.values.iter().map(label_of).collect();
        let look = Type::plain(MUTED).align(Align::Right);
        let wide = labels.iter().map(|label| look.width(label)).fold(40.0, f64::max).min(LABEL);
        let plot = Panel {
            left: area.left + wide + 14.0,
            top: area.top + 30.0,
            right: area.right - side,
            bottom: area.bottom - 52.0,
        };
        let size =
            [(plot.right - plot.left) / across.values.len() as f64, (plot.bottom - plot.top) / up.values.len() as f64];
        let grid = Grid { sweep, plot, size };
        plot.title(canvas, plot.left, &format!("{what}, by {}", worded(&up.path)));
        let every = (18.0 / size[1]).ceil().max(1.0) as usize;
        for (row, label) in labels.iter().enumerate().filter(|(row, _)| row.is_multiple_of(every)) {
            let [x, y] = grid.corner(0, row);
            canvas.text_at_height(&look.shorten(label, LABEL), [x - 10.0, y + size[1] / 2.0], look);
        }
        grid.columns(canvas, &across.values.iter().map(label_of).collect::<Vec<_>>());
        let middle = f64::midpoint(plot.left, plot.right);
        canvas.text(&worded(&across.path), [middle, plot.bottom + 43.0], Type::plain(MUTED).align(Align::Centre));
        Some(grid)
    }

    fn columns(&self, canvas: &Canvas<'_>, labels: &[String]) {
        let look = Type::plain(MUTED).align(Align::Centre);
        let widest = labels.iter().map(|label| look.width(label)).fold(0.0, f64::max);
        let every = ((widest + 12.0) / self.size[0]).ceil().max(1.0) as usize;
        for (column, label) in labels.iter().enumerate().filter(|(column, _)| column.is_multiple_of(every)) {
            let x = self.plot.left + self.size[0] * (column as f64 + 0.5);
            canvas.text(label, [x, self.plot.bottom + 21.0], look);
        }
    }

    /// The upper left corner of a cell; the first value of the second axis is the lowest row.
    fn corner(&self, column: usize, row: usize) -> [f64; 2] {
        let Grid { plot, size, .. } = self;
        [plot.left + size[0] * column as f64, plot.bottom - size[1] * (row + 1) as f64]
    }

    fn point(&self, column: usize, row: usize) -> Option<&'a Point> {
        let [across, up] = self.sweep.axes.as_slice() else { return None };
        point_at(self.sweep, across.values.get(column)?, up.values.get(row)?)
    }

    fn places(&self) -> impl Iterator<Item = (usize, usize)> {
        let [columns, rows] = [0, 1].map(|axis| self.sweep.axes[axis].values.len());
        (0..rows).flat_map(move |row| (0..columns).map(move |column| (column, row)))
    }

    /// Draws each cell with what `draw` makes of its point, given its corners, with a little air between them.
    pub(super) fn cells(&self, draw: impl Fn([[f64; 2]; 2], Option<&Point>)) {
        let [width, height] = self.size;
        let gap = if width > 8.0 && height > 8.0 { 0.75 } else { 0.0 };
        for (column, row) in self.places() {
            let [x, y] = self.corner(column, row);
            draw([[x + gap, y + gap], [x + width - gap, y + height - gap]], self.point(column, row));
        }
    }

    /// Draws a heavy line between cells that meet the objectives and cells that do not.
    pub(super) fn contour(&self, canvas: &Canvas<'_>) {
        let [width, height] = self.size;
        let meets = |column: usize, row: usize| self.point(column, row).map(|point| point.meets);
        let [columns, rows] = [0, 1].map(|axis| self.sweep.axes[axis].values.len());
        for (column, row) in self.places() {
            let [x, y] = self.corner(column, row);
            if column + 1 < columns && meets(column, row) != meets(column + 1, row) {
                canvas.line(&[[x + width, y], [x + width, y + height]], EDGE);
            }
            if row + 1 < rows && meets(column, row) != meets(column, row + 1) {
                canvas.line(&[[x, y], [x + width, y]], EDGE);
            }
        }
    }
}

const EDGE: Pen = Pen::new(BLACK.fill, 3.5);

/// Names the contour in a legend.
pub(super) fn edge_legend(canvas: &Canvas<'_>, [left, y]: [f64; 2]) {
    canvas.line(&[[left, y], [left + 18.0, y]], EDGE);
    canvas.text_at_height("edge of the SLO", [left + 26.0, y], Type::plain(MUTED));
}

/// The first of some texts that fits a cell.
pub(super) fn fitting(texts: &[String], look: Type, [from, to]: [[f64; 2]; 2]) -> Option<&String> {
    texts.iter().find(|text| look.width(text) + 8.0 < to[0] - from[0] && to[1] - from[1] > 20.0)
}

/// The middle of a cell.
pub(super) fn middle([from, to]: [[f64; 2]; 2]) -> [f64; 2] {
    [f64::midpoint(from[0], to[0]), f64::midpoint(from[1], to[1])]
}

/// Models, and how quotas are assumed to be enforced.
pub(super) fn subtitle(setting: &Setting) -> String {
    let mut parts = vec![setting.models().join(", ")];
    parts.extend(setting.limiters());
    parts.retain(|part| !part.is_empty());
    parts.join(" · ")
}
