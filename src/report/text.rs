//! One screen for a terminal: the answer, the numbers behind it, what they rest on, how to repeat them.
//!
//! At most [`WIDTH`] columns; colour repeats what the words already say.

use super::headline::headline;
use super::table::{self, Table, chosen_horizon, provenance};
use super::{clients, recovery};
use crate::analysis::{SloOutcome, Summary};
use anstyle::{AnsiColor, Style as Ansi};

/// The widest line, in characters.
pub const WIDTH: usize = 80;

/// How the summary is dressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Style {
    /// Whether to add ANSI colours.
    pub colour: bool,
}

impl Style {
    /// No escape codes.
    pub const PLAIN: Style = Style { colour: false };
    /// ANSI colours and weights.
    pub const COLOURED: Style = Style { colour: true };

    /// `text` in `ansi`, or as it is.
    pub(super) fn paint(self, ansi: Ansi, text: &str) -> String {
        if self.colour { format!("{ansi}{text}{ansi:#}") } else { text.to_owned() }
    }
}

pub(super) const STRONG: Ansi = Ansi::new().bold();
pub(super) const FAINT: Ansi = Ansi::new().dimmed();
pub(super) const GOOD: Ansi = AnsiColor::Green.on_default();
pub(super) const BAD: Ansi = AnsiColor::Red.on_default();
const DOUBT: Ansi = AnsiColor::Yellow.on_default();

/// The summary of a run as one screen of text, ending in a newline.
///
/// ```
/// use quotasim::analysis::Summary;
/// use quotasim::report::text::{Style, summary};
/// assert!(summary(&Summary::default(), &Style::PLAIN).starts_with("Nothing was measured"));
/// ```
pub fn summary(summary: &Summary, style: &Style) -> String {
    let mut lines = Vec::new();
    lines.extend(wrap(&headline(summary), "", "").iter().map(|line| style.paint(STRONG, line)));
    if let Some(after) = &summary.recovery {
        lines.push(String::new());
        lines.extend(wrap(&recovery::sentence(after), "", "").iter().map(|line| style.paint(STRONG, line)));
        lines.push(style.paint(FAINT, recovery::LEGEND));
    }
    for table in [table::workloads(summary), table::pools(summary)] {
        if !table.rows.is_empty() {
            lines.push(String::new());
            lines.extend(align(&table, *style));
        }
    }
    if !summary.pools.is_empty() {
        lines.push(style.paint(FAINT, table::POOLS_LEGEND));
    }
    let clients = clients::table(summary);
    if !clients.rows.is_empty() {
        lines.push(String::new());
        lines.extend(align(&clients, *style));
        lines.extend(wrap(&clients::legend(summary), "", "").iter().map(|line| style.paint(FAINT, line)));
    }
    if !summary.slo.is_empty() {
        lines.push(String::new());
        lines.extend(objectives("objectives", &table::objectives(summary), &summary.slo, *style));
    }
    lines.extend(foundations(&summary.assumptions, &summary.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(summary), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.extend(chosen_horizon(summary).iter().flat_map(|text| faint(text, *style)));
    lines.push(String::new());
    lines.join("\n")
}

/// What a result rests on, and what the reader should know before trusting it.
pub(super) fn foundations(assumptions: &[String], warnings: &[String], style: Style) -> Vec<String> {
    let mut lines = Vec::new();
    if !assumptions.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "assumptions"));
        lines.extend(assumptions.iter().flat_map(|text| wrap(text, "- ", "  ")));
    }
    for warning in warnings {
        lines.push(String::new());
        let wrapped = wrap(warning, "warning: ", "  ");
        lines.extend(wrapped.iter().map(|line| style.paint(DOUBT, line)));
    }
    lines
}

/// A title or a legend, in as many lines as it takes.
pub(super) fn faint(text: &str, style: Style) -> Vec<String> {
    wrap(text, "", "").iter().map(|line| style.paint(FAINT, line)).collect()
}

/// One line per objective, the verdict first.
pub(super) fn objectives(title: &str, table: &Table, slo: &[SloOutcome], style: Style) -> Vec<String> {
    let width = table.rows.iter().map(|row| chars(&row[0])).max().unwrap_or(0);
    let mut lines = faint(title, style);
    for (row, slo) in table.rows.iter().zip(slo) {
        let [verdict, objective, measured] = row.as_slice() else { unreachable!("objectives have three columns") };
        let ansi = match (slo.met, slo.in_doubt() || slo.value.is_none()) {
            (_, true) => DOUBT,
            (true, false) => GOOD,
            (false, false) => BAD,
        };
        let indent = " ".repeat(width + 2);
        let number = measured.starts_with(|first: char| first.is_ascii_digit() || first == '$');
        let measured = if number { format!("measured {measured}") } else { measured.clone() };
        let text = wrap(&format!("{objective} ({measured})"), &indent, &indent);
        for (index, line) in text.iter().enumerate() {
            let painted = if index == 0 {
                format!("{}{}", style.paint(ansi, &format!("{verdict:<width$}")), &line[width..])
            } else {
                line.clone()
            };
            lines.push(painted);
        }
    }
    lines
}

/// A table as lines: words left, numbers right, two spaces between; a long first column gives way.
pub(super) fn align<Title: AsRef<str>>(table: &Table<Title>, style: Style) -> Vec<String> {
    let columns = table.header.len();
    let title = |column: usize| table.header[column].as_ref();
    let mut widths: Vec<usize> = (0..columns)
        .map(|column| {
            let cells = table.rows.iter().map(|row| chars(&row[column]));
            cells.chain([chars(title(column))]).max().unwrap_or(0)
        })
        .collect();
    let others: usize = widths[1..].iter().map(|width| width + 2).sum();
    widths[0] = widths[0].min(WIDTH.saturating_sub(others).max(chars(title(0))));
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, cell) in cells.iter().enumerate() {
            let (width, gap) = (widths[column], if column == 0 { "" } else { "  " });
            let cell = shorten(cell, width);
            let space = " ".repeat(width - chars(&cell));
            let (before, after) = if table.words.contains(&column) { ("", &*space) } else { (&*space, "") };
            text.extend([gap, before, &cell, after]);
        }
        text.trim_end().to_owned()
    };
    let header: Vec<String> = (0..columns).map(|column| title(column).to_owned()).collect();
    let mut lines = vec![style.paint(FAINT, &line(&header))];
    lines.extend(table.rows.iter().map(|row| line(row)));
    lines
}

/// `text` broken between words into lines of at most [`WIDTH`] characters; a number keeps its unit.
pub fn wrap(text: &str, first: &str, rest: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = matches!(word.trim_end_matches(['.', ',', ';', ')']), "ms" | "s" | "min" | "h");
        match words.last_mut() {
            Some(number) if unit => *number = format!("{number} {word}"),
            _ => words.push(word.to_owned()),
        }
    }
    pack(&words, " ", first, rest)
}

/// `pieces` joined into as few lines as fit; the first line begins with `first`, the others with `rest`.
pub(super) fn pack(pieces: &[String], between: &str, first: &str, rest: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut empty = true;
    for piece in pieces {
        if !empty && chars(&line) + chars(between) + chars(piece) > WIDTH {
            lines.push(std::mem::replace(&mut line, rest.to_owned()));
            empty = true;
        }
        if !empty {
            line += between;
        }
        line += piece;
        empty = false;
    }
    lines.push(line);
    lines
}

/// `text` in at most `width` characters, its end replaced by `…` where it is longer.
pub(super) fn shorten(text: &str, width: usize) -> String {
    if chars(text) <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

fn chars(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn a_busy_classifier() {
        insta::assert_snapshot!(summary(&fixture::busy(), &Style::PLAIN));
    }

    #[test]
    fn nothing_throttled() {
        insta::assert_snapshot!(summary(&fixture::calm(), &Style::PLAIN));
    }

    #[test]
    fn one_run_in_batches() {
        insta::assert_snapshot!(summary(&fixture::batched(), &Style::PLAIN));
    }

    #[test]
    fn two_workloads_on_two_pools_with_gaps() {
        insta::assert_snapshot!(summary(&fixture::two_pools(), &Style::PLAIN));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let mut crowded = fixture::two_pools();
        let metrics = crowded.workloads["chat"].clone();
        crowded.workloads.insert("a-workload-whose-author-likes-long-names".into(), metrics.clone());
        crowded.pools.insert("pool-with-a-long-name-in-eu-central-1".into(), metrics);
        let narrow = |of: &Summary| {
            for line in summary(of, &Style::PLAIN).lines() {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        };
        narrow(&crowded);
        let others: [fn() -> Summary; 4] = [fixture::busy, fixture::batched, fixture::calm, Summary::default];
        for make in others {
            narrow(&make());
        }
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let plain = summary(&fixture::two_pools(), &Style::PLAIN);
        let coloured = summary(&fixture::two_pools(), &Style::COLOURED);
        assert!(!plain.contains('\u{1b}'));
        assert!(coloured.contains('\u{1b}'));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), plain);
    }
}
