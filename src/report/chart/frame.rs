//! What surrounds the data: title, subtitle, footer, and panels with a light grid.

use super::canvas::{Align, CAP_HEIGHT, Canvas, Pen, Type};
use super::font::{Weight, wrap};
use super::scale::{Scale, Tick};
use super::theme::{
    AXIS, FOOTER_SIZE, GRID, HEIGHT, LABEL_SIZE, MARGIN, MUTED, SUBTITLE_SIZE, TEXT, TITLE_SIZE, WIDTH,
};

/// The words around a chart.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caption {
    /// The finding, in a sentence.
    pub title: String,
    /// Model, pool, limiter, assumptions.
    pub subtitle: String,
    /// How to repeat it: scenario, seed, version.
    pub footer: String,
}

/// A rectangle that data is drawn in, in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Panel {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

/// Draws the caption; what it leaves is the data's.
pub fn caption(canvas: &Canvas<'_>, caption: &Caption) -> Panel {
    let limit = WIDTH - 2.0 * MARGIN;
    let mut y = MARGIN;
    for line in wrap(&caption.title, TITLE_SIZE, Weight::SemiBold, limit, 2) {
        y += CAP_HEIGHT * TITLE_SIZE;
        canvas.text(&line, [MARGIN, y], Type::plain(TEXT).size(TITLE_SIZE).strong());
        y += 0.6 * TITLE_SIZE;
    }
    y += 2.0;
    for line in wrap(&caption.subtitle, SUBTITLE_SIZE, Weight::Regular, limit, 2) {
        y += CAP_HEIGHT * SUBTITLE_SIZE;
        canvas.text(&line, [MARGIN, y], Type::plain(MUTED).size(SUBTITLE_SIZE));
        y += 0.7 * SUBTITLE_SIZE;
    }
    let footer = Type::plain(MUTED).size(FOOTER_SIZE);
    canvas.text(&footer.shorten(&caption.footer, limit), [MARGIN, HEIGHT - 20.0], footer);
    Panel { left: MARGIN, top: y + 10.0, right: WIDTH - MARGIN, bottom: HEIGHT - 20.0 - FOOTER_SIZE - 12.0 }
}

impl Panel {
    /// The panel's title, above its upper left corner.
    pub fn title(&self, canvas: &Canvas<'_>, at: f64, text: &str) {
        canvas.text(text, [at, self.top - 10.0], Type::plain(TEXT).size(LABEL_SIZE).strong());
    }

    /// Horizontal grid lines with their labels to the left; zero is darker.
    pub fn rows(&self, canvas: &Canvas<'_>, scale: &Scale, ticks: &[Tick]) {
        for tick in ticks {
            let y = scale.at(tick.value);
            let colour = if tick.value == 0.0 { AXIS } else { GRID };
            canvas.line(&[[self.left, y], [self.right, y]], Pen::new(colour, 1.0));
            canvas.text_at_height(&tick.label, [self.left - 10.0, y], Type::plain(MUTED).align(Align::Right));
        }
    }

    /// Vertical grid lines, unlabelled.
    pub fn columns(&self, canvas: &Canvas<'_>, scale: &Scale, ticks: &[Tick]) {
        for tick in ticks {
            let x = scale.at(tick.value);
            canvas.line(&[[x, self.top], [x, self.bottom]], Pen::new(GRID, 1.0));
        }
    }

    /// Labels of the horizontal axis below the panel, and what it measures below those.
    pub fn column_labels(&self, canvas: &Canvas<'_>, scale: &Scale, ticks: &[Tick], measure: &str) {
        for tick in ticks {
            let label = Type::plain(MUTED).align(Align::Centre);
            canvas.text(&tick.label, [scale.at(tick.value), self.bottom + 21.0], label);
        }
        let middle = f64::midpoint(self.left, self.right);
        canvas.text(measure, [middle, self.bottom + 43.0], Type::plain(MUTED).align(Align::Centre));
    }

    /// A sentence in the middle of a panel that has nothing to show.
    pub fn note(&self, canvas: &Canvas<'_>, text: &str) {
        let middle = [f64::midpoint(self.left, self.right), f64::midpoint(self.top, self.bottom)];
        canvas.text_at_height(text, middle, Type::plain(MUTED).size(LABEL_SIZE).align(Align::Centre));
    }
}
