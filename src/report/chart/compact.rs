//! Shorter path data: the same outlines in half the bytes.
//!
//! The text of a chart is a thousand outlines in absolute coordinates of the whole sheet. Relative to each other they
//! are small numbers, and a repeated command need not be named again.
//!
//! *Source*: SVG 1.1, section 8.3 "Path data".

use std::fmt::Write as _;

/// `svg` with the data of every path in relative coordinates; what is not whole numbers stays as it is.
pub(super) fn compact(svg: &str) -> String {
    const DATA: &str = " d=\"";
    let mut shorter = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(start) = rest.find(DATA).map(|at| at + DATA.len()) {
        let end = start + rest[start..].find('"').expect("attributes are closed");
        shorter += &rest[..start];
        let data = &rest[start..end];
        shorter += &relative(data).unwrap_or_else(|| data.to_owned());
        rest = &rest[end..];
    }
    shorter + rest
}

/// Absolute `M`, `L`, `Q`, `C` and `Z` in whole numbers as relative commands; `None` for anything else.
fn relative(data: &str) -> Option<String> {
    let mut shorter = String::with_capacity(data.len() / 2);
    let (mut at, mut start, mut last) = ([0_i64; 2], [0_i64; 2], ' ');
    let mut tokens = data.split(' ');
    while let Some(token) = tokens.next() {
        let (command, points) = match token {
            "M" => ('m', 1),
            "L" => ('l', 1),
            "Q" => ('q', 2),
            "C" => ('c', 3),
            "Z" => ('z', 0),
            _ => return None,
        };
        // Further pairs after a move would be lines, so every move is named; so is every end.
        let repeated = command == last && !matches!(command, 'm' | 'z');
        if !repeated {
            shorter.push(command);
        }
        let mut point = at;
        for index in 0..points {
            point = [tokens.next()?.parse().ok()?, tokens.next()?.parse().ok()?];
            for (axis, from) in at.into_iter().enumerate() {
                let step = point[axis] - from;
                // A minus sign separates numbers as well as a space does.
                if step >= 0 && (repeated || index + axis > 0) {
                    shorter.push(' ');
                }
                write!(shorter, "{step}").expect("writing to a string does not fail");
            }
        }
        if command == 'm' {
            start = point;
        }
        at = if command == 'z' { start } else { point };
        last = command;
    }
    Some(shorter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_relative() {
        let table = [
            ("M 10 10 L 12 9 L 12 20 Z", "m10 10l2-1 0 11z"),
            ("M 5 5 Q 6 6 7 5 Q 8 4 9 5 Z M 1 1 L 2 2", "m5 5q1 1 2 0 1-1 2 0zm-4-4l1 1"),
            ("M 0 0 C 1 1 2 2 3 3", "m0 0c1 1 2 2 3 3"),
        ];
        for (absolute, expected) in table {
            assert_eq!(relative(absolute).as_deref(), Some(expected));
        }
        assert_eq!(relative("M 0.5 0 L 1 1"), None);
        assert_eq!(
            compact("<path d=\"M 0.5 0\"/><path d=\"M 1 1 L 0 0\"/>"),
            "<path d=\"M 0.5 0\"/><path d=\"m1 1l-1-1\"/>"
        );
    }
}
