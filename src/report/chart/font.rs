//! The typeface of the charts: two weights of Inter, compiled in, and how wide their text is.
//!
//! A chart must look the same on a machine without fonts, so nothing is ever looked up in the system. The files are
//! TrueType subsets of Inter 4 (SIL Open Font License, see `report/font/OFL.txt`; made by `report/font/subset.py`).

use resvg::usvg::fontdb;
use std::sync::{Arc, LazyLock};

/// The family name that the font files carry.
pub const FAMILY: &str = "Inter";

/// How heavy a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weight {
    /// Inter Regular.
    Regular,
    /// Inter semi-bold; SVG's `bold` finds it, as nothing heavier is there.
    SemiBold,
}

const REGULAR: &[u8] = include_bytes!("../font/Inter-Regular.ttf");
const SEMI_BOLD: &[u8] = include_bytes!("../font/Inter-SemiBold.ttf");

/// The font database of every rendering: these two faces and no other.
pub(super) fn database() -> Arc<fontdb::Database> {
    static DATABASE: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
        let mut database = fontdb::Database::new();
        database.load_font_data(REGULAR.to_vec());
        database.load_font_data(SEMI_BOLD.to_vec());
        assert_eq!(database.len(), 2, "a font file that loads no face draws no text and says nothing");
        Arc::new(database)
    });
    Arc::clone(&DATABASE)
}

/// The width of `text` set in `size` pixels, kerning aside.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    static ADVANCES: LazyLock<[Advances; 2]> = LazyLock::new(|| [Advances::read(REGULAR), Advances::read(SEMI_BOLD)]);
    let advances = &ADVANCES[weight as usize];
    text.chars().map(|character| advances.of(character)).sum::<f64>() * size
}

/// `text` broken between words into lines of at most `limit` pixels; past `lines` lines it ends in `…`.
pub fn wrap(text: &str, size: f64, weight: Weight, limit: f64, lines: usize) -> Vec<String> {
    let mut wrapped: Vec<String> = vec![String::new()];
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let line = wrapped.last_mut().expect("it starts with a line");
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if line.is_empty() || width(&longer, size, weight) <= limit {
            *line = longer;
        } else {
            wrapped.push(word.to_owned());
        }
    }
    let cut = wrapped.len() > lines;
    wrapped.truncate(lines);
    if let Some(last) = wrapped.last_mut().filter(|last| cut || width(last, size, weight) > limit) {
        *last = shorten(last, size, weight, limit, cut);
    }
    wrapped
}

/// `text` in at most `limit` pixels, ending in `…` if something is missing (or `always`).
pub fn shorten(text: &str, size: f64, weight: Weight, limit: f64, always: bool) -> String {
    if !always && width(text, size, weight) <= limit {
        return text.to_owned();
    }
    let mut short = text.to_owned();
    while !short.is_empty() && width(&format!("{short}…"), size, weight) > limit {
        short.pop();
    }
    format!("{}…", short.trim_end())
}

/// Advance widths of a TrueType font as shares of the font size.
struct Advances {
    /// `(first, last, advances)` of each run of characters, in order.
    runs: Vec<(u32, u32, Vec<f64>)>,
    /// The width of what the font does not have.
    missing: f64,
}

impl Advances {
    fn of(&self, character: char) -> f64 {
        let code = character as u32;
        let run = self.runs.iter().find(|(first, last, _)| (*first..=*last).contains(&code));
        run.map_or(self.missing, |(first, _, advances)| advances[(code - first) as usize])
    }

    /// Reads `cmap` (format 4) and `hmtx`.
    ///
    /// *Source*: OpenType 1.9, chapters `cmap` and `hmtx`.
    fn read(font: &[u8]) -> Advances {
        let u16_at = |at: usize| u16::from_be_bytes([font[at], font[at + 1]]);
        let u32_at = |at: usize| (usize::from(u16_at(at)) << 16) | usize::from(u16_at(at + 2));
        let table = |tag: &[u8; 4]| {
            let records = (0..usize::from(u16_at(4))).map(|index| 12 + 16 * index);
            let record = records.into_iter().find(|&at| &font[at..at + 4] == tag);
            u32_at(record.expect("the font has the tables that every font has") + 8)
        };
        let em = f64::from(u16_at(table(b"head") + 18));
        let metrics = usize::from(u16_at(table(b"hhea") + 34));
        let hmtx = table(b"hmtx");
        let advance = |glyph: usize| f64::from(u16_at(hmtx + 4 * glyph.min(metrics - 1))) / em;

        let cmap = table(b"cmap");
        let mut subtables = (0..usize::from(u16_at(cmap + 2))).map(|index| cmap + u32_at(cmap + 8 + 8 * index));
        let map = subtables.find(|&at| u16_at(at) == 4).expect("a subset of the basic plane is in format 4");
        let segments = usize::from(u16_at(map + 6)) / 2;
        let runs = (0..segments).map(|segment| {
            let ends = map + 14 + 2 * segment;
            let starts = ends + 2 * segments + 2;
            let (deltas, offsets) = (starts + 2 * segments, starts + 4 * segments);
            let (first, last) = (u16_at(starts), u16_at(ends));
            let glyph = |code: u16| match usize::from(u16_at(offsets)) {
                0 => usize::from(code.wrapping_add(u16_at(deltas))),
                offset => {
                    // 0xFFFF closes every map with a segment that points at nothing.
                    let at = offsets + offset + 2 * usize::from(code - first);
                    if at + 1 < font.len() { usize::from(u16_at(at)) } else { 0 }
                }
            };
            (u32::from(first), u32::from(last), (first..=last).map(|code| advance(glyph(code))).collect())
        });
        Advances { runs: runs.collect(), missing: advance(0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use resvg::usvg;

    #[test]
    fn both_weights_load() {
        let weights: Vec<u16> = database().faces().map(|face| face.weight.0).collect();
        assert_eq!(weights, [400, 600]);
        assert!(database().faces().all(|face| face.families.iter().any(|(name, _)| name == FAMILY)));
    }

    #[test]
    fn every_character_of_our_texts_has_a_glyph() {
        let advances = Advances::read(REGULAR);
        for character in "azAZ09 .,:;!?%$()[]{}<>=+-*/_–—…·×÷≤≥µ→←±σλÄéñ".chars() {
            let code = character as u32;
            assert!(advances.runs.iter().any(|(first, last, _)| (*first..=*last).contains(&code)), "{character}");
        }
    }

    #[test]
    fn measured_width_is_the_drawn_width() {
        for (text, weight, name) in [
            ("Nothing is throttled: 400k/min", Weight::Regular, "normal"),
            ("99.2% of 1,234 reservations", Weight::SemiBold, "bold"),
        ] {
            let svg = format!(
                "<svg xmlns='http://www.w3.org/2000/svg' width='900' height='100'><text x='10' y='50' \
                 font-family='Inter' font-size='40' font-weight='{name}'>{text}</text></svg>"
            );
            let options = usvg::Options { fontdb: database(), ..usvg::Options::default() };
            let tree = usvg::Tree::from_str(&svg, &options).expect("well-formed");
            let drawn = f64::from(tree.root().abs_bounding_box().width());
            let measured = width(text, 40.0, weight);
            assert!((measured - drawn).abs() < 0.02 * drawn + 4.0, "{measured} against {drawn}");
        }
    }

    #[test]
    fn long_titles_wrap_and_end_in_an_ellipsis() {
        let text = "one two three four five six";
        let lines = wrap(text, 20.0, Weight::Regular, 100.0, 2);
        assert_eq!(lines.len(), 2);
        assert!(lines[1].ends_with('…'), "{lines:?}");
        assert!(lines.iter().all(|line| width(line, 20.0, Weight::Regular) <= 100.0));
        assert_eq!(wrap(text, 20.0, Weight::Regular, 1_000.0, 2), [text]);
    }
}
