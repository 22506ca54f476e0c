//! From a drawing to files: SVG with its text as outlines, PNG.
//!
//! Outlines rather than text, because a reader's machine has other fonts. What a screen reader or a search needs, the
//! title and description, is in the document as `<title>` and `<desc>`.

use super::compact::compact;
use super::font;
use super::theme::{HEIGHT, WIDTH};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Indent, Options, Tree, WriteOptions};

/// `svg` with every text turned into outlines.
pub(super) fn outline(svg: &str, title: &str, description: &str) -> String {
    // The canvas counts in tenths of a pixel, so whole units are below what an eye resolves, and half the bytes.
    let options = WriteOptions {
        preserve_text: false,
        coordinates_precision: 0,
        transforms_precision: 6,
        indent: Indent::None,
        attributes_indent: Indent::None,
        ..WriteOptions::default()
    };
    let mut outlined = compact(&tree(svg).to_string(&options));
    let root = outlined.find('>').expect("a document begins with its root element");
    let spoken = format!("<title>{}</title><desc>{}</desc>", escape(title), escape(description));
    outlined.insert_str(root + 1, &spoken);
    // Without a view box a page could not scale the picture.
    outlined.insert_str(root, &format!(" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\""));
    outlined.push('\n');
    outlined
}

/// The SVG document as a PNG of `scale` pixels to its pixel.
///
/// Only what this crate draws is promised to work: well-formed, 1280 × 720, no other font than ours.
pub fn png(svg: &str, scale: f32) -> Vec<u8> {
    let [width, height] = [WIDTH, HEIGHT].map(|side| (side as f32 * scale).round().max(1.0) as u32);
    let mut pixmap = Pixmap::new(width, height).expect("a positive size that fits memory");
    resvg::render(&tree(svg), Transform::from_scale(scale, scale), &mut pixmap.as_mut());
    pixmap.encode_png().expect("encoding into memory does not fail")
}

fn tree(svg: &str) -> Tree {
    let options = Options { fontdb: font::database(), font_family: font::FAMILY.to_owned(), ..Options::default() };
    Tree::from_str(svg, &options).expect("charts are well-formed SVG")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
