//! One self-contained page: the answer first, tables, charts to zoom into, what it rests on, how to repeat it.
//!
//! The page opens offline and loads nothing: script, style and data are in it, and its content security policy allows
//! those scripts and styles by their hashes and nothing else. The charts are drawn in the browser by uPlot (MIT, see
//! `report/html/uplot/LICENSE`) from the data in the page; what they show is in `plots`.

mod plots;

use super::compare::{self as comparison_tables, spoken};
use super::saved::{Origin, Saved};
use super::table::{self, Table, provenance};
use super::{headline, sweep as sweep_tables};
use crate::analysis::{Comparison, Summary, Sweep};
use minijinja::{Environment, context};
use plots::Plot;
use serde::Serialize;
use sha2::{Digest, Sha256};

const TEMPLATE: &str = include_str!("report.html");
const STYLE: [&str; 2] = [include_str!("uplot/uPlot.min.css"), include_str!("report.css")];
const SCRIPT: [&str; 2] = [include_str!("uplot/uPlot.iife.min.js"), include_str!("report.js")];

/// What differs between the pages of different results.
#[derive(Debug, Default, Serialize)]
struct Page {
    title: String,
    kicker: String,
    answer: String,
    detail: String,
    tables: Vec<HtmlTable>,
    tried: Vec<Tried>,
    assumptions: Vec<String>,
    warnings: Vec<String>,
    /// Whether the charts come before the tables, because those are long.
    charts_first: bool,
    provenance: String,
    version: String,
    #[serde(skip)]
    plots: Vec<Plot>,
}

/// A table as the template takes it.
#[derive(Debug, Serialize)]
struct HtmlTable {
    title: String,
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    words: Vec<usize>,
    best: Option<usize>,
    note: String,
}

/// An assumption that was tried.
#[derive(Debug, Serialize)]
struct Tried {
    words: String,
    holds: bool,
}

impl HtmlTable {
    fn new(title: &str, table: Table, note: &str) -> HtmlTable {
        HtmlTable {
            title: title.to_owned(),
            header: table.header.iter().map(|&title| title.to_owned()).collect(),
            rows: table.rows,
            words: table.words,
            best: None,
            note: note.to_owned(),
        }
    }

    fn marking(self, best: Option<usize>) -> HtmlTable {
        HtmlTable { best, ..self }
    }
}

/// The page of a saved result.
pub fn page(saved: &Saved) -> String {
    let (mut page, origin) = match saved {
        Saved::Run { summary, timelines, origin, .. } => {
            (Page { plots: plots::of_run(summary, timelines), ..of_run(summary) }, origin)
        }
        Saved::Compare { comparison, chosen, before, after, origin, .. } => {
            let plots = plots::of_comparison(comparison, *chosen, before, after);
            (Page { plots, ..of_comparison(comparison) }, origin)
        }
        Saved::Sweep { sweep, origin, .. } => (Page { plots: plots::of_sweep(sweep), ..of_sweep(sweep) }, origin),
    };
    page.kicker += &origin.question.as_ref().map(|question| format!(" · {question}")).unwrap_or_default();
    // Names stand in backticks in a terminal; a page has no need of them.
    for text in [&mut page.answer, &mut page.detail].into_iter().chain(&mut page.assumptions).chain(&mut page.warnings)
    {
        *text = text.replace('`', "");
    }
    render(&page, origin)
}

fn render(page: &Page, origin: &Origin) -> String {
    let (style, script) = (STYLE.concat(), SCRIPT.join("\n"));
    assert!(!script.contains("</script"), "a script that ends itself");
    let data = serde_json::json!({ "charts": page.plots }).to_string();
    let mut environment = Environment::new();
    environment.add_template("report.html", TEMPLATE).expect("the template is valid, as a test renders it");
    let template = environment.get_template("report.html").expect("just added");
    let context = context! {
        ..minijinja::Value::from_serialize(page),
        ..context! {
            policy => policy(&style, &script),
            style,
            script,
            // The only way out of a block of data is its end tag.
            data => data.replace('<', "\\u003c"),
            command => origin.command,
            changes => origin.changes,
            scenario => origin.scenario.trim_end(),
        }
    };
    template.render(context).expect("the template takes these values, as a test renders it")
}

/// Only these very scripts and styles, and nothing from anywhere.
fn policy(style: &str, script: &str) -> String {
    format!(
        "default-src 'none'; script-src 'sha256-{}'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; form-action \
         'none'",
        base64(&Sha256::digest(script.as_bytes())),
        base64(&Sha256::digest(style.as_bytes()))
    )
}

/// *Source*: RFC 4648, §4.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let sextet = (bits >> (18 - 6 * place)) & 63;
            text.push(if place <= group.len() { ALPHABET[sextet as usize] as char } else { '=' });
        }
    }
    text
}

/// The first sentence, and the others.
fn sentences(text: &str) -> (String, String) {
    match text.split_once(". ") {
        Some((first, rest)) => (format!("{first}."), rest.to_owned()),
        None => (text.to_owned(), String::new()),
    }
}

fn of_comparison(comparison: &Comparison) -> Page {
    let (answer, detail) = sentences(&comparison.recommendation.reason);
    let best =
        comparison.variants.iter().position(|each| comparison.recommendation.variant.as_ref() == Some(&each.name));
    let first = comparison.variants.first().map(spoken).unwrap_or_default();
    Page {
        title: format!("{}: comparison", comparison.scenario),
        kicker: format!("quotasim compare · {}", comparison.scenario),
        answer,
        detail,
        tables: vec![
            HtmlTable::new("Comparison", comparison_tables::outcomes(comparison), comparison_tables::LEGEND)
                .marking(best),
            HtmlTable::new(
                "Latency and wait",
                comparison_tables::durations(comparison),
                "from arrival, retries included",
            )
            .marking(best),
            HtmlTable::new(
                &format!("Difference to {first}"),
                comparison_tables::differences(comparison),
                "± half the 95% interval of paired differences: every variant met the same requests",
            )
            .marking(best.and_then(|best| best.checked_sub(1))),
        ],
        tried: comparison
            .recommendation
            .holds_under
            .iter()
            .map(|(name, holds)| Tried { words: assumption_words(name), holds: *holds })
            .collect(),
        assumptions: comparison.assumptions.clone(),
        warnings: comparison.warnings.clone(),
        provenance: comparison_tables::footer(comparison),
        version: comparison.quotasim_version.clone(),
        ..Page::default()
    }
}

/// What an assumption says, for people.
fn assumption_words(key: &str) -> String {
    let words = match key {
        "token_bucket" => "A quota is a token bucket of 60 s of quota",
        "fixed_window" => "A quota is a counter that starts anew every minute",
        "sliding_window" => "A quota is a sliding window of 60 s",
        "burst_seconds_1" => "The token bucket holds only 1 s of quota",
        "burst_seconds_10" => "The token bucket holds only 10 s of quota",
        "reserve_cache_reads" => "Cache reads count in reservations",
        "reserve_burndown" => "The burndown rate multiplies what is reserved for output",
        "reservation_floor_4096" => "At least 4,096 tokens are reserved for output",
        other => other,
    };
    words.to_owned()
}

fn of_sweep(sweep: &Sweep) -> Page {
    Page {
        title: format!("{}: sweep", sweep.scenario),
        kicker: format!("quotasim sweep · {}", sweep.scenario),
        answer: sweep_tables::headline(sweep),
        charts_first: true,
        tables: vec![HtmlTable::new("Points", sweep_tables::points(sweep), &sweep_tables::legend(sweep))],
        assumptions: sweep.assumptions.clone(),
        warnings: sweep.warnings.clone(),
        provenance: sweep_tables::footer(sweep),
        version: sweep.quotasim_version.clone(),
        ..Page::default()
    }
}

fn of_run(summary: &Summary) -> Page {
    let mut tables = vec![
        HtmlTable::new("Workloads", table::workloads(summary), ""),
        HtmlTable::new("Pools", table::pools(summary), table::POOLS_LEGEND),
    ];
    if !summary.slo.is_empty() {
        tables.push(HtmlTable::new("Objectives", table::objectives(summary), ""));
    }
    Page {
        title: format!("{}: run", summary.scenario),
        kicker: format!("quotasim run · {}", summary.scenario),
        answer: headline::headline(summary),
        tables,
        assumptions: summary.assumptions.clone(),
        warnings: summary.warnings.clone(),
        provenance: provenance(summary).join(" · "),
        version: summary.quotasim_version.clone(),
        ..Page::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    fn page() -> String {
        let origin = Origin {
            command: "quotasim run a.yaml --set 'x=</pre><script>'".to_owned(),
            question: Some("Is <it> enough?".to_owned()),
            scenario: "version: 1 # </script>".to_owned(),
            changes: Vec::new(),
        };
        let timelines = vec![fixture::timeline("haiku</script>", 60.0, 10.0, Some(9))];
        let (summary, setting) = (fixture::busy(), fixture::setting());
        super::page(&Saved::Run { summary, setting, timelines, outputs: Vec::new(), origin })
    }

    #[test]
    fn base64_of_the_rfc() {
        let table = [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (bytes, text) in table {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn the_page_loads_nothing_and_lets_nothing_in() {
        let page = page();
        assert_eq!(page.matches("<script").count(), 2, "the data and the script, and none that came with a name");
        assert!(page.contains("default-src &#x27;none&#x27;") || page.contains("default-src 'none'"), "a policy");
        for forbidden in ["src=\"http", "href=\"http", "@import", "url(http", "fetch(", "XMLHttpRequest"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
    }

    #[test]
    fn the_same_result_is_the_same_page() {
        assert_eq!(page(), page());
    }
}
