//! Labels that do not collide: names beside the ends of lines, values beside points.

use super::canvas::{Align, CAP_HEIGHT, Canvas, Type};
use super::theme::{LABEL_SIZE, PAPER, TICK_SIZE};
use plotters::style::RGBColor;

/// A series' name and, in smaller type, what is worth knowing of it, to stand right of the plot.
#[derive(Debug, Clone, PartialEq)]
pub struct SideLabel {
    /// Where it would best stand, in pixels.
    pub y: f64,
    /// The name.
    pub name: String,
    /// Further lines.
    pub detail: Vec<String>,
    /// Its colour.
    pub ink: RGBColor,
}

const NAME_HEIGHT: f64 = 19.0;
const DETAIL_HEIGHT: f64 = 17.0;
const GAP: f64 = 7.0;

impl SideLabel {
    fn height(&self) -> f64 {
        NAME_HEIGHT + DETAIL_HEIGHT * self.detail.len() as f64
    }
}

/// Draws `labels` from `x` on, none wider than `width`, each near its height, none over another.
pub fn beside(canvas: &Canvas<'_>, x: f64, width: f64, [top, bottom]: [f64; 2], mut labels: Vec<SideLabel>) {
    labels.sort_by(|a, b| a.y.total_cmp(&b.y));
    let heights: Vec<f64> = labels.iter().map(SideLabel::height).collect();
    // The first line of a label, not its middle, belongs to its series.
    let wanted: Vec<f64> = labels.iter().map(|label| label.y - NAME_HEIGHT / 2.0).collect();
    for (label, y) in labels.iter().zip(spread(&wanted, &heights, GAP, [top, bottom])) {
        let name = Type::plain(label.ink).size(LABEL_SIZE).strong();
        canvas.text(&name.shorten(&label.name, width), [x, y + 14.5], name);
        for (line, text) in label.detail.iter().enumerate() {
            let detail = Type::plain(label.ink);
            canvas.text(&detail.shorten(text, width), [x, y + 14.5 + DETAIL_HEIGHT * (line + 1) as f64], detail);
        }
    }
}

/// Upper edges near `wanted` (in ascending order) such that blocks of `heights` keep `gap` between them and stay in
/// the range where it has room for all.
fn spread(wanted: &[f64], heights: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut placed = Vec::with_capacity(wanted.len());
    let mut free = top;
    for (&y, &height) in wanted.iter().zip(heights) {
        let y = y.max(free);
        placed.push(y);
        free = y + height + gap;
    }
    let mut limit = bottom;
    for (y, &height) in placed.iter_mut().zip(heights).rev() {
        *y = y.min(limit - height);
        limit = *y - gap;
    }
    placed
}

/// What is already drawn on a plot, so that further text stays clear of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Occupied(Vec<[f64; 4]>);

impl Occupied {
    /// Marks the rectangle between two corners.
    pub fn mark(&mut self, a: [f64; 2], b: [f64; 2]) {
        self.0.push([a[0].min(b[0]), a[1].min(b[1]), a[0].max(b[0]), a[1].max(b[1])]);
    }

    /// Marks the line through `points`, `reach` pixels to each side.
    pub fn mark_line(&mut self, points: &[[f64; 2]], reach: f64) {
        for pair in points.windows(2) {
            let steps = (libm::hypot(pair[1][0] - pair[0][0], pair[1][1] - pair[0][1]) / 6.0).ceil().max(1.0);
            for step in 0..=steps as usize {
                let share = step as f64 / steps;
                let [x, y] = [0, 1].map(|axis| pair[0][axis] + share * (pair[1][axis] - pair[0][axis]));
                self.mark([x - reach, y - reach], [x + reach, y + reach]);
            }
        }
    }

    /// Draws `text` at the first of `places` (points, each with an alignment, the text's middle at that height) that
    /// is free and within `bounds` (left, top, right, bottom). Returns whether one was.
    pub fn place(
        &mut self,
        canvas: &Canvas<'_>,
        text: &str,
        look: Type,
        places: &[([f64; 2], Align)],
        bounds: [f64; 4],
    ) -> bool {
        let (width, half) = (look.width(text), look.size * CAP_HEIGHT / 2.0 + 3.0);
        for &([x, y], align) in places {
            let left = match align {
                Align::Left => x,
                Align::Centre => x - width / 2.0,
                Align::Right => x - width,
            };
            let [x0, y0, x1, y1] = [left - 2.0, y - half, left + width + 2.0, y + half];
            let inside = x0 >= bounds[0] && y0 >= bounds[1] && x1 <= bounds[2] && y1 <= bounds[3];
            let free = self.0.iter().all(|other| x1 <= other[0] || other[2] <= x0 || y1 <= other[1] || other[3] <= y0);
            if inside && free {
                self.mark([x0, y0], [x1, y1]);
                canvas.rectangle([x0, y0], [x1, y1], PAPER, 0.8);
                canvas.text_at_height(text, [x, y], look.align(align));
                return true;
            }
        }
        false
    }

    /// [`place`](Self::place) around a point: above, below, right, left, then further off.
    pub fn place_around(
        &mut self,
        canvas: &Canvas<'_>,
        text: &str,
        look: Type,
        point: [f64; 2],
        bounds: [f64; 4],
        below_first: bool,
    ) -> bool {
        let [x, y] = point;
        let up = if below_first { 1.0 } else { -1.0 };
        let places = [
            ([x, y + up * 17.0], Align::Centre),
            ([x, y - up * 17.0], Align::Centre),
            ([x + 11.0, y + up * 13.0], Align::Left),
            ([x - 11.0, y + up * 13.0], Align::Right),
            ([x + 11.0, y - up * 13.0], Align::Left),
            ([x - 11.0, y - up * 13.0], Align::Right),
            ([x, y + up * 30.0], Align::Centre),
            ([x, y - up * 30.0], Align::Centre),
        ];
        self.place(canvas, text, look, &places, bounds)
    }
}

/// A value beside a point, in the size of axis labels.
pub const fn value(ink: RGBColor) -> Type {
    Type::plain(ink).size(TICK_SIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_way_to_each_other_and_stay_inside() {
        assert_eq!(spread(&[10.0, 12.0, 90.0], &[20.0, 20.0, 20.0], 5.0, [0.0, 100.0]), [10.0, 35.0, 80.0]);
        assert_eq!(spread(&[80.0, 85.0], &[20.0, 20.0], 5.0, [0.0, 100.0]), [55.0, 80.0]);
        assert_eq!(spread(&[-10.0], &[20.0], 5.0, [0.0, 100.0]), [0.0]);
    }
}
