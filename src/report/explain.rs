//! One request's arithmetic on one screen of 80 columns, and as Markdown or JSON.

use crate::analysis::explain::{Explanation, grouped, times};

/// Columns of text output.
const WIDTH: usize = 80;

/// The arithmetic line by line, then what another `max_tokens` or another assumption would reserve, then hints.
pub fn text(e: &Explanation) -> String {
    let mut page = format!("{}\n\n", title(e));
    for step in &e.steps {
        wrap(&mut page, "  ", "      ", step);
    }
    for rows in [limits(e), switches(e)].iter().filter(|rows| rows.len() > 1) {
        page.push('\n');
        table(&mut page, rows);
    }
    if !e.hints.is_empty() {
        page.push('\n');
    }
    for hint in &e.hints {
        wrap(&mut page, "- ", "  ", hint);
    }
    page
}

/// The same as a Markdown section.
pub fn markdown(e: &Explanation) -> String {
    let mut page = format!("## {}\n\n", title(e));
    for step in &e.steps {
        page.extend([format!("- {step}\n")]);
    }
    for rows in [limits(e), switches(e)].iter().filter(|rows| rows.len() > 1) {
        page.push('\n');
        for (i, row) in rows.iter().enumerate() {
            page.extend([format!("| {} |\n", row.join(" | "))]);
            if i == 0 {
                page.extend([format!("| --- |{}\n", " ---: |".repeat(row.len() - 1))]);
            }
        }
    }
    if !e.hints.is_empty() {
        page.push('\n');
    }
    for hint in &e.hints {
        page.extend([format!("> {hint}\n>\n")]);
    }
    page.truncate(page.trim_end_matches(['>', '\n']).len());
    page.push('\n');
    page
}

/// The same as one JSON document, unknown figures `null`.
pub fn json(e: &Explanation) -> String {
    let mut document = serde_json::to_string_pretty(e).expect("an explanation has no map keys that JSON refuses");
    document.push('\n');
    document
}

fn title(e: &Explanation) -> String {
    format!("{} through {} ({})", e.model_name, e.pool, e.profile.replace('_', "-"))
}

/// What other values of `max_tokens` reserve, the smallest first.
fn limits(e: &Explanation) -> Vec<Vec<String>> {
    let this = if e.unset { " (unset)" } else { " (asked)" };
    let mut rows = vec![(e.max_tokens, this, e.reservation, e.fits_at_once)];
    if let Some(lower) = &e.lower_max_tokens {
        rows.insert(0, (lower.max_tokens, "", lower.reservation, lower.fits_at_once));
    }
    if let Some(unset) = &e.if_unset {
        rows.push((unset.max_tokens, " (unset)", unset.reservation, unset.fits_at_once));
    }
    let least = rows[0].2.max(1) as f64;
    let line = |(i, &(max_tokens, mark, reservation, fits)): (usize, &(u64, &str, u64, Option<u64>))| {
        let ratio = if i == 0 { String::new() } else { times(reservation as f64 / least) };
        vec![format!("{}{mark}", grouped(max_tokens)), grouped(reservation), number(fits), ratio]
    };
    let mut lines = vec![["max_tokens", "reserves", "fits at once", "as much"].map(str::to_owned).to_vec()];
    lines.extend(rows.iter().enumerate().map(line));
    lines
}

/// What each assumption would reserve.
fn switches(e: &Explanation) -> Vec<Vec<String>> {
    let mut lines = vec![["if AWS counts otherwise", "reserves", "fits at once"].map(str::to_owned).to_vec()];
    lines.extend(e.switches.iter().map(|s| vec![s.switch.to_owned(), number(s.reservation), number(s.fits_at_once)]));
    lines
}

fn number(value: Option<u64>) -> String {
    value.map_or_else(|| "unknown".to_owned(), grouped)
}

/// The first column to the left, the others to the right, two spaces between.
fn table(page: &mut String, rows: &[Vec<String>]) {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    for row in rows {
        let mut line = format!("  {:<w$}", row[0], w = width(0).max(25));
        for (column, cell) in row.iter().enumerate().skip(1) {
            line.extend([format!("  {cell:>w$}", w = width(column).max(10))]);
        }
        page.push_str(line.trim_end());
        page.push('\n');
    }
}

/// Breaks a sentence at spaces: `first` opens it, `rest` every further line.
pub(super) fn wrap(page: &mut String, first: &str, rest: &str, sentence: &str) {
    let mut line = first.to_owned();
    let mut width = first.chars().count();
    let mut fresh = true;
    for word in sentence.split_whitespace() {
        let letters = word.chars().count();
        if !fresh && width + 1 + letters > WIDTH {
            page.push_str(&line);
            page.push('\n');
            rest.clone_into(&mut line);
            width = rest.chars().count();
            fresh = true;
        }
        if !fresh {
            line.push(' ');
            width += 1;
        }
        line.push_str(word);
        width += letters;
        fresh = false;
    }
    page.push_str(&line);
    page.push('\n');
}
