//! The summary for a pull request: the answer, two tables, the objectives; what it rests on folded away.

use super::headline::headline;
use super::table::{self, Table, chosen_horizon, provenance};
use super::{clients, recovery};
use crate::analysis::Summary;
use std::fmt::Write as _;

/// GitHub-flavoured Markdown, ending in a newline.
pub fn summary(summary: &Summary) -> String {
    // Writing to a string cannot fail.
    let mut text = format!("**{}**\n", escape(&headline(summary)));
    if let Some(after) = &summary.recovery {
        let _ = write!(text, "\n{}\n", escape(&recovery::sentence(after)));
    }
    let tables =
        [table::workloads(summary), table::pools(summary), clients::table(summary), table::objectives(summary)];
    for table in &tables {
        if !table.rows.is_empty() {
            text += "\n";
            text += &rows(table);
        }
    }
    let of_clients = clients::legend(summary);
    let legends = [
        (!summary.pools.is_empty(), table::POOLS_LEGEND),
        (!tables[2].rows.is_empty(), of_clients.as_str()),
        (summary.recovery.is_some(), recovery::LEGEND),
    ];
    for (_, legend) in legends.iter().filter(|(used, _)| *used) {
        let _ = write!(text, "\n<sub>{}</sub>\n", escape(legend));
    }
    text += &foundations(&summary.assumptions, &summary.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", escape(&provenance(summary).join(" · ")));
    if let Some(chosen) = chosen_horizon(summary) {
        let _ = write!(text, "\n<sub>{}</sub>\n", prose(&chosen));
    }
    text
}

/// What a result rests on, folded away, and what the reader should know before trusting it.
pub(super) fn foundations(assumptions: &[String], warnings: &[String]) -> String {
    let mut text = String::new();
    for warning in warnings {
        let _ = write!(text, "\n> **Warning:** {}\n", prose(warning));
    }
    if !assumptions.is_empty() {
        text += "\n<details><summary>Assumptions</summary>\n\n";
        for assumption in assumptions {
            let _ = writeln!(text, "- {}", prose(assumption));
        }
        text += "\n</details>\n";
    }
    text
}

/// A table in pipes, numbers to the right.
pub(super) fn rows<Title: AsRef<str>>(table: &Table<Title>) -> String {
    let header: Vec<String> = table.header.iter().map(|title| escape(title.as_ref())).collect();
    let rule: Vec<&str> =
        (0..table.header.len()).map(|column| if table.words.contains(&column) { ":--" } else { "--:" }).collect();
    let mut text = format!("| {} |\n|{}|\n", header.join(" | "), rule.join("|"));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    text
}

/// Sentences of ours, whose names in backticks stay code; everything else that Markdown would take as markup is made
/// literal.
pub(super) fn prose(text: &str) -> String {
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return escape(text);
    }
    let part = |(index, part): (usize, &&str)| {
        if index % 2 == 1 { format!("`{}`", part.replace('\n', " ")) } else { escape(part) }
    };
    parts.iter().enumerate().map(part).collect()
}

/// `text` with everything that Markdown would take as markup made literal.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '\n' => escaped.push(' '),
            // A dollar pair would open mathematics on GitHub.
            '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '~' | '#' | '$' => {
                escaped.push('\\');
                escaped.push(character);
            }
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use crate::report::fixture;

    #[test]
    fn a_busy_classifier() {
        insta::assert_snapshot!(super::summary(&fixture::busy()));
    }

    #[test]
    fn one_run_in_batches() {
        insta::assert_snapshot!(super::summary(&fixture::batched()));
    }

    #[test]
    fn two_workloads_on_two_pools_with_gaps() {
        insta::assert_snapshot!(super::summary(&fixture::two_pools()));
    }

    #[test]
    fn names_in_backticks_stay_code() {
        assert_eq!(super::prose("`a_b` is < *c* (`d|e`)"), "`a_b` is &lt; \\*c\\* (`d|e`)");
        assert_eq!(super::prose("one ` alone"), "one \\` alone");
    }

    #[test]
    fn names_cannot_break_a_table() {
        assert_eq!(super::escape("a|b <c> *d*"), "a\\|b &lt;c&gt; \\*d\\*");
    }
}
