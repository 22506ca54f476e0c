//! The look of every chart: size, colours, type sizes.
//!
//! Colours are Okabe and Ito's, told apart by readers of every colour vision. A colour stands for one thing
//! throughout: see the constants. Its `ink` is a darker shade for text, which needs more contrast than an area.

use crate::analysis::recovery::State;
use plotters::style::RGBColor;

/// Width of a chart, in pixels: 16:9, a slide.
pub const WIDTH: f64 = 1280.0;
/// Height of a chart, in pixels.
pub const HEIGHT: f64 = 720.0;
/// Space between the content and the edge, in pixels.
pub const MARGIN: f64 = 40.0;

/// A colour for areas and lines, and its shade for text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// For areas, lines and dots.
    pub fill: RGBColor,
    /// For text on white: a contrast of at least 4.5.
    pub ink: RGBColor,
}

const fn colour(fill: (u8, u8, u8), ink: (u8, u8, u8)) -> Colour {
    Colour { fill: RGBColor(fill.0, fill.1, fill.2), ink: RGBColor(ink.0, ink.1, ink.2) }
}

/// Tokens charged; the first series.
pub const BLUE: Colour = colour((0, 114, 178), (0, 98, 155));
/// Tokens reserved.
pub const ORANGE: Colour = colour((230, 159, 0), (150, 96, 0));
/// What is left of a quota.
pub const GREEN: Colour = colour((0, 158, 115), (0, 115, 84));
/// Harm: throttled, cut short, missed.
pub const VERMILLION: Colour = colour((213, 94, 0), (181, 74, 0));
/// A further series.
pub const SKY: Colour = colour((86, 180, 233), (24, 112, 163));
/// A further series.
pub const PURPLE: Colour = colour((204, 121, 167), (154, 68, 116));
/// A further series: Paul Tol's wine, of his muted scheme.
pub const WINE: Colour = colour((136, 34, 85), (136, 34, 85));
/// A further series: Tol's olive.
pub const OLIVE: Colour = colour((153, 153, 51), (104, 104, 24));
/// Quotas, limits, objectives.
pub const BLACK: Colour = colour((34, 34, 34), (34, 34, 34));

/// What leads the eye and is no data.
pub const GREY: Colour = colour((150, 150, 150), (89, 89, 89));

/// Series without a meaning of their own, in the order of their names; vermillion stays for harm.
pub const SERIES: [Colour; 8] = [BLUE, GREEN, PURPLE, ORANGE, SKY, BLACK, WINE, OLIVE];

/// The colour of the n-th of several variants or lines, the same in every chart of a result; after eight they come again.
pub const fn variant(index: usize) -> Colour {
    SERIES[index % SERIES.len()]
}

/// The colour of what became of a system after a disturbance.
pub const fn state_colour(state: State) -> Colour {
    match state {
        State::Stable => GREEN,
        State::Degraded => ORANGE,
        State::DoesNotRecover => VERMILLION,
    }
}

/// Titles and names.
pub const TEXT: RGBColor = RGBColor(26, 26, 26);
/// Axis labels, subtitles.
pub const MUTED: RGBColor = RGBColor(89, 89, 89);
/// Grid lines.
pub const GRID: RGBColor = RGBColor(226, 226, 226);
/// Zero lines and frames.
pub const AXIS: RGBColor = RGBColor(150, 150, 150);
/// The background of what is not counted, such as the warm-up.
pub const SHADE: RGBColor = RGBColor(243, 243, 243);
/// The background.
pub const PAPER: RGBColor = RGBColor(255, 255, 255);

/// The title's type size, in pixels.
pub const TITLE_SIZE: f64 = 27.0;
/// The subtitle's.
pub const SUBTITLE_SIZE: f64 = 16.0;
/// Series names and panel titles.
pub const LABEL_SIZE: f64 = 15.0;
/// Axis labels and values.
pub const TICK_SIZE: f64 = 14.0;
/// The last line.
pub const FOOTER_SIZE: f64 = 13.0;
