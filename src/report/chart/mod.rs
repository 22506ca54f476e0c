//! Charts for a design review: the finding as the title, the data, and how to repeat it, on one 16:9 sheet.
//!
//! Each chart is a pure function from results to a [`Chart`], which becomes SVG (text as outlines, so it looks the
//! same everywhere) or PNG. The kit below the charts: [`theme`] has the look, [`canvas`] draws in pixels, [`scale`]
//! maps quantities to pixels and picks ticks, [`frame`] draws captions and panels, [`label`] keeps texts apart,
//! [`font`] is the typeface. No date, no system font and no unordered map is involved: same results, same bytes.

mod arrivals;
mod backtest;
mod before_after;
pub mod canvas;
mod compact;
mod fit;
pub mod font;
pub mod frame;
mod grid;
mod growth;
mod heat_map;
pub mod label;
mod latency;
mod limit_curve;
mod output_length;
mod quota;
mod recovery;
mod recovery_map;
mod render;
pub mod scale;
pub mod theme;
mod throttle_curve;
mod tornado;
mod trade_off;
mod variant_latency;

pub use arrivals::arrivals;
pub use backtest::backtest;
pub use before_after::before_after;
pub use fit::{Unit, fit};
pub use growth::growth;
pub use heat_map::heat_map;
pub use latency::latency;
pub use limit_curve::limit_curve;
pub(in crate::report) use limit_curve::metric_words;
pub use output_length::output_length;
pub(in crate::report) use quota::charged_per_minute;
pub use quota::quota;
pub use recovery::recovery;
pub use recovery_map::recovery_map;
pub use render::png;
pub(in crate::report) use throttle_curve::full_quota;
pub use throttle_curve::throttle_curve;
pub use tornado::tornado;
pub use trade_off::trade_off;
pub(in crate::report) use trade_off::{Price, SHARE_FLOOR, pareto_front, share_bounds, shares};
pub(in crate::report) use variant_latency::latency_bounds;
pub use variant_latency::variant_latency;

use canvas::Canvas;
use frame::{Caption, Panel};

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The words around it.
    pub caption: Caption,
    /// The drawing as SVG with its text as text, in a font that only this crate surely has.
    drawing: String,
}

impl Chart {
    /// Draws the caption, then what `draw` draws into the panel that it leaves.
    pub fn new(caption: Caption, draw: impl FnOnce(&Canvas<'_>, Panel)) -> Chart {
        let drawing = canvas::sketch(|canvas| {
            let panel = frame::caption(canvas, &caption);
            draw(canvas, panel);
        });
        Chart { caption, drawing }
    }

    /// The chart as an SVG document without text elements or fonts.
    pub fn svg(&self) -> String {
        let description = format!("{}. {}.", self.caption.subtitle, self.caption.footer);
        render::outline(&self.drawing, &self.caption.title, &description)
    }

    /// The chart as a PNG, `scale` × 1280 pixels wide.
    pub fn png(&self, scale: f32) -> Vec<u8> {
        png(&self.drawing, scale)
    }
}

#[cfg(test)]
mod tidy;

#[cfg(test)]
mod tests {
    use super::*;

    fn chart(title: &str) -> Chart {
        let caption = Caption {
            title: title.into(),
            subtitle: "model · pool <haiku> & more".into(),
            footer: "seed 1 · quotasim 0.1.0".into(),
        };
        Chart::new(caption, |canvas, panel| panel.note(canvas, "nothing to show"))
    }

    /// How many of the pixels between two corners are not paper.
    fn ink(png: &[u8], [left, top, right, bottom]: [u32; 4]) -> usize {
        let pixmap = resvg::tiny_skia::Pixmap::decode_png(png).expect("a PNG");
        let pixels = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y)));
        pixels.filter(|&(x, y)| pixmap.pixel(x, y).expect("inside").red() < 128).count()
    }

    #[test]
    fn a_png_has_glyphs() {
        let png = chart("41.3% of attempts are throttled").png(1.0);
        assert!(ink(&png, [40, 30, 500, 70]) > 1_000, "the title is missing");
        assert!(ink(&png, [40, 685, 500, 715]) > 80, "the footer is missing");
        assert_eq!(ink(&png, [800, 30, 1_240, 70]), 0, "nothing stands where the title does not reach");
    }

    #[test]
    fn an_svg_needs_no_font_and_still_speaks() {
        let svg = chart("a < b").svg();
        assert!(!svg.contains("<text") && !svg.contains("font-family"));
        assert!(svg.contains("<title>a &lt; b</title>"));
        assert!(svg.contains("pool &lt;haiku&gt; &amp; more"));
        let document = resvg::usvg::roxmltree::Document::parse(&svg).expect("well-formed");
        let root = document.root_element();
        assert_eq!((root.attribute("width"), root.attribute("height")), (Some("1280"), Some("720")));
        assert_eq!(root.attribute("viewBox"), Some("0 0 1280 720"));
        let (outlined, written) = (png(&svg, 1.0), chart("a < b").png(1.0));
        let sheet = [0, 0, 1_280, 720];
        let (outlined, written) = (ink(&outlined, sheet), ink(&written, sheet));
        assert!(written > 500 && outlined.abs_diff(written) * 7 < written, "{outlined} is not about {written}");
    }

    #[test]
    fn the_same_chart_is_the_same_bytes() {
        assert_eq!(chart("a").svg(), chart("a").svg());
        assert_eq!(chart("a").png(0.5), chart("a").png(0.5));
    }
}
