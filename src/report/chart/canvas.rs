//! A sheet of paper in pixels with a typeface: what the charts draw on.
//!
//! Plotters counts in whole units, so the sheet has ten of them to a pixel and lines come out smooth at any
//! zoom. Drawing goes to memory and cannot fail.

use super::font::{FAMILY, Weight, shorten, width};
use super::theme::{HEIGHT, PAPER, TICK_SIZE, WIDTH};
use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

/// Plotters' units in a pixel.
const FINE: f64 = 10.0;

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// The text begins there.
    Left,
    /// Its middle is there.
    Centre,
    /// It ends there.
    Right,
}

/// How a text is set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Type {
    /// Type size, in pixels.
    pub size: f64,
    /// Weight.
    pub weight: Weight,
    /// Colour.
    pub colour: RGBColor,
    /// Alignment.
    pub align: Align,
}

impl Type {
    /// Regular text of the size of axis labels, beginning at its point.
    pub const fn plain(colour: RGBColor) -> Type {
        Type { size: TICK_SIZE, weight: Weight::Regular, colour, align: Align::Left }
    }

    /// The same in another size.
    #[must_use]
    pub const fn size(self, size: f64) -> Type {
        Type { size, ..self }
    }

    /// The same in semi-bold.
    #[must_use]
    pub const fn strong(self) -> Type {
        Type { weight: Weight::SemiBold, ..self }
    }

    /// The same, aligned otherwise.
    #[must_use]
    pub const fn align(self, align: Align) -> Type {
        Type { align, ..self }
    }

    /// The width of `text` set like this, in pixels.
    pub fn width(self, text: &str) -> f64 {
        width(text, self.size, self.weight)
    }

    /// `text` cut to `limit` pixels.
    pub fn shorten(self, text: &str, limit: f64) -> String {
        shorten(text, self.size, self.weight, limit, false)
    }
}

/// A line's colour, opacity, and width in pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pen {
    /// Colour.
    pub colour: RGBColor,
    /// Width, in pixels.
    pub width: f64,
    /// Opacity in [0, 1].
    pub opacity: f64,
}

impl Pen {
    /// An opaque pen.
    pub const fn new(colour: RGBColor, width: f64) -> Pen {
        Pen { colour, width, opacity: 1.0 }
    }

    fn style(self) -> ShapeStyle {
        let stroke_width = (self.width * FINE).round() as u32;
        ShapeStyle { color: self.colour.mix(self.opacity), filled: false, stroke_width }
    }
}

/// A sheet being drawn on; the origin is the upper left corner.
pub struct Canvas<'a>(DrawingArea<SVGBackend<'a>, Shift>);

impl std::fmt::Debug for Canvas<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Canvas")
    }
}

/// The SVG document, text as text, of what `draw` draws.
pub(super) fn sketch(draw: impl FnOnce(&Canvas<'_>)) -> String {
    let mut svg = String::new();
    let (width, height) = ((WIDTH * FINE) as u32, (HEIGHT * FINE) as u32);
    let canvas = Canvas(SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area());
    canvas.rectangle([0.0, 0.0], [WIDTH, HEIGHT], PAPER, 1.0);
    draw(&canvas);
    canvas.0.present().expect(CANNOT_FAIL);
    drop(canvas);
    let end = svg.find('>').expect("a document begins with its root element");
    let root = format!(
        "<svg width=\"{WIDTH}\" height=\"{HEIGHT}\" viewBox=\"0 0 {width} {height}\" \
         xmlns=\"http://www.w3.org/2000/svg\" stroke-linejoin=\"round\""
    );
    svg.replace_range(..end, &root);
    svg
}

const CANNOT_FAIL: &str = "writing to a string does not fail";

impl Canvas<'_> {
    /// A line through `points`.
    pub fn line(&self, points: &[[f64; 2]], pen: Pen) {
        let points: Vec<_> = points.iter().map(fine).collect();
        self.0.draw(&PathElement::new(points, pen.style())).expect(CANNOT_FAIL);
    }

    /// A line through `points` in dashes of `dash` pixels, gaps of `gap`.
    pub fn dashed(&self, points: &[[f64; 2]], dash: f64, gap: f64, pen: Pen) {
        let mut drawing = true;
        let mut left = dash;
        let mut stroke: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let length = libm::hypot(to[0] - from[0], to[1] - from[1]);
                let reached = if length <= left {
                    to
                } else {
                    let share = left / length;
                    [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share]
                };
                stroke.push(reached);
                if length <= left {
                    left -= length;
                    break;
                }
                if drawing {
                    self.line(&stroke, pen);
                }
                stroke = vec![reached];
                from = reached;
                drawing = !drawing;
                left = if drawing { dash } else { gap };
            }
        }
        if drawing && stroke.len() > 1 {
            self.line(&stroke, pen);
        }
    }

    /// The inside of the polygon through `points`.
    pub fn polygon(&self, points: &[[f64; 2]], colour: RGBColor, opacity: f64) {
        if points.len() > 2 {
            let points: Vec<_> = points.iter().map(fine).collect();
            self.0.draw(&Polygon::new(points, colour.mix(opacity).filled())).expect(CANNOT_FAIL);
        }
    }

    /// A filled rectangle between two corners.
    pub fn rectangle(&self, a: [f64; 2], b: [f64; 2], colour: RGBColor, opacity: f64) {
        let corners = [fine(&[a[0].min(b[0]), a[1].min(b[1])]), fine(&[a[0].max(b[0]), a[1].max(b[1])])];
        self.0.draw(&Rectangle::new(corners, colour.mix(opacity).filled())).expect(CANNOT_FAIL);
    }

    /// A filled dot.
    pub fn dot(&self, centre: [f64; 2], radius: f64, colour: RGBColor) {
        let radius = (radius * FINE).round() as i32;
        self.0.draw(&Circle::new(fine(&centre), radius, colour.filled())).expect(CANNOT_FAIL);
    }

    /// A ring, its inside the colour of the paper.
    pub fn ring(&self, centre: [f64; 2], radius: f64, pen: Pen) {
        self.dot(centre, radius, PAPER);
        let radius = (radius * FINE).round() as i32;
        self.0.draw(&Circle::new(fine(&centre), radius, pen.style())).expect(CANNOT_FAIL);
    }

    /// `text` with its baseline at `at`.
    pub fn text(&self, text: &str, at: [f64; 2], look: Type) {
        let h_pos = match look.align {
            Align::Left => HPos::Left,
            Align::Centre => HPos::Center,
            Align::Right => HPos::Right,
        };
        let weight = match look.weight {
            Weight::Regular => FontStyle::Normal,
            Weight::SemiBold => FontStyle::Bold,
        };
        // The backend divides sizes by 1.24, and sets a `Bottom` text's baseline half an x-height (a quarter of the
        // type size) above its point.
        let font = FontDesc::new(FontFamily::Name(FAMILY), look.size * FINE * 1.24, weight);
        let style = TextStyle { font, color: look.colour.to_backend_color(), pos: Pos::new(h_pos, VPos::Bottom) };
        let point = fine(&[at[0], at[1] + 0.25 * look.size]);
        self.0.draw_text(text, &style, point).expect(CANNOT_FAIL);
    }

    /// `text` centred vertically on `at`.
    pub fn text_at_height(&self, text: &str, at: [f64; 2], look: Type) {
        self.text(text, [at[0], at[1] + CAP_HEIGHT / 2.0 * look.size], look);
    }
}

/// The height of Inter's capitals and digits as a share of the type size.
pub const CAP_HEIGHT: f64 = 0.727;

/// A point in plotters' units.
fn fine(&[x, y]: &[f64; 2]) -> (i32, i32) {
    ((x * FINE).round() as i32, (y * FINE).round() as i32)
}
