//! One self-contained page: the answer first, tables, charts to zoom into, what it rests on, how to repeat it.
//!
//! The page opens offline and loads nothing: script, style and data are in it, and its content security policy allows
//! those scripts and styles by their hashes and nothing else. The charts are drawn in the browser by uPlot (MIT, see
//! `report/html/uplot/LICENSE`) from the data in the page; what they show is in `plots`.

mod plots;
mod sizing;

use super::compare::{self as comparison_tables, in_sentence};
use super::saved::{Origin, Saved};
use super::table::{self, Table, chosen_horizon, provenance};
use super::{clients, headline, recovery, sweep as sweep_tables};
use crate::analysis::{Comparison, Recovery, Summary, Sweep};
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
    tried_lead: String,
    tried_header: Vec<String>,
    tried: Vec<TriedRow>,
    /// Commands to run next, each with what it does.
    commands: Vec<Next>,
    assumptions: Vec<String>,
    warnings: Vec<String>,
    /// What AWS does not publish, beside what is assumed.
    unpublished: Vec<String>,
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
    /// Whether a screen shows it only when asked.
    folded: bool,
}

/// A command to run next.
#[derive(Debug, Serialize)]
struct Next {
    words: String,
    command: String,
}

/// What an assumption would change.
#[derive(Debug, Default, Serialize)]
struct TriedRow {
    words: String,
    cells: Vec<String>,
    verdict: String,
    tone: &'static str,
}

impl HtmlTable {
    fn new<Title: Into<String>>(title: &str, table: Table<Title>, note: &str) -> HtmlTable {
        HtmlTable {
            title: title.to_owned(),
            header: table.header.into_iter().map(Into::into).collect(),
            rows: table.rows,
            words: table.words,
            best: None,
            note: note.to_owned(),
            folded: false,
        }
    }

    fn marking(self, best: Option<usize>) -> HtmlTable {
        HtmlTable { best, ..self }
    }
}

/// The page of a saved result.
pub fn page(saved: &Saved) -> String {
    let (mut page, origin) = match saved {
        Saved::Run { summary, setting, timelines, origin, .. } => {
            (Page { plots: plots::of_run(summary, setting, timelines), ..of_run(summary) }, origin)
        }
        Saved::Compare { comparison, setting, chosen, before, after, origin } => {
            let plots = plots::of_comparison(comparison, setting, *chosen, before, after);
            (Page { plots, ..of_comparison(comparison) }, origin)
        }
        Saved::Sweep { sweep, origin, .. } => (Page { plots: plots::of_sweep(sweep), ..of_sweep(sweep) }, origin),
        Saved::Size { sizing, origin, .. } => {
            (Page { plots: plots::sizing::of_sizing(sizing), ..sizing::of_sizing(sizing) }, origin)
        }
        Saved::Solve { solved, origin, .. } => {
            (Page { plots: plots::sizing::of_solved(solved), ..sizing::of_solved(solved) }, origin)
        }
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
            variants => origin.variants.as_deref().map(str::trim_end),
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

fn of_comparison(comparison: &Comparison) -> Page {
    let (answer, detail) = comparison_tables::sentences(&comparison.recommendation.reason);
    let best =
        comparison.variants.iter().position(|each| comparison.recommendation.variant.as_ref() == Some(&each.name));
    let mut tables = vec![
        HtmlTable::new("Comparison", comparison_tables::outcomes(comparison), comparison_tables::LEGEND).marking(best),
        HtmlTable::new("Latency and wait", comparison_tables::durations(comparison), "from arrival, retries included")
            .marking(best),
    ];
    let callers = clients::of_variants(comparison);
    if !callers.rows.is_empty() {
        let legend = clients::legend_of_variants(comparison);
        tables.push(HtmlTable::new("Clients", callers, &legend).marking(best));
    }
    if comparison.variants.len() > 1 {
        let first = comparison.variants.first().map(in_sentence).unwrap_or_default();
        let note = "± half the 95% interval of paired differences: every variant met the same requests";
        let [outcomes, durations] = comparison_tables::all_differences(comparison);
        let best = best.and_then(|best| best.checked_sub(1));
        tables.push(HtmlTable::new(&format!("Difference to {first}"), outcomes, "").marking(best));
        tables.push(HtmlTable::new("", durations, note).marking(best));
    }
    tables.extend(afterwards(comparison));
    if let Some((title, table)) = comparison_tables::objectives(comparison) {
        tables.push(HtmlTable::new(&title.replacen('o', "O", 1), table, ""));
    }
    let (tried_header, tried) = tried(comparison);
    Page {
        title: format!("{}: comparison", comparison.scenario),
        kicker: format!("quotasim compare · {}", comparison.scenario),
        answer,
        detail: detail.to_owned(),
        tables,
        tried_lead: format!(
            "AWS does not publish these. This is how {} fares under each, instead of what the scenario assumes:",
            comparison.answer().map(in_sentence).unwrap_or_default()
        ),
        tried_header,
        tried,
        assumptions: comparison.assumptions.clone(),
        warnings: comparison.warnings.clone(),
        provenance: comparison_tables::footer(comparison),
        version: comparison.quotasim_version.clone(),
        ..Page::default()
    }
}

/// What becomes of each variant after a disturbance, if there is one.
fn afterwards(comparison: &Comparison) -> Option<HtmlTable> {
    let table = recovery::of_variants(comparison);
    (!table.rows.is_empty()).then(|| HtmlTable::new("After the disturbance", table, recovery::LEGEND))
}

/// What each assumption would change about the recommended variant: the titles of the columns, and the rows.
fn tried(comparison: &Comparison) -> (Vec<String>, Vec<TriedRow>) {
    let Table { header, rows, .. } = comparison_tables::assumptions(comparison);
    let tried = &comparison.recommendation.tried;
    // The first row is the scenario as it is.
    let offset = rows.len() - tried.len();
    let row = |(index, cells): (usize, Vec<String>)| {
        let Some(tried) = index.checked_sub(offset).map(|index| &tried[index]) else {
            return TriedRow {
                words: "As the scenario says".to_owned(),
                cells: cells[2..].to_vec(),
                ..TriedRow::default()
            };
        };
        let verdict = comparison_tables::verdict(comparison, tried);
        let instead =
            tried.instead.as_ref().and_then(|name| comparison.variants.iter().find(|each| each.name == *name));
        TriedRow {
            words: assumption_words(&tried.assumption),
            cells: cells[2..].to_vec(),
            verdict: match instead {
                Some(other) => format!("{verdict}, then {}", in_sentence(other)),
                None => verdict.to_owned(),
            },
            tone: if tried.holds { "holds" } else { "flips" },
        }
    };
    (header[2..].iter().map(|&title| title.to_owned()).collect(), rows.into_iter().enumerate().map(row).collect())
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
    // Over two axes the heat map has the numbers, and the table is long.
    let points = HtmlTable::new("All points", sweep_tables::points(sweep), &sweep_tables::legend(sweep));
    let points = HtmlTable { folded: sweep.axes.len() == 2, ..points };
    let tables = vec![points];
    let table = sweep_tables::assumptions(sweep);
    let (tried_lead, tried_header, tried) = match table {
        Some(Table { header, rows, .. }) => {
            let knees = sweep_tables::tried_knees(sweep);
            let row = |cells: &Vec<String>| {
                let tried = || knees.iter().filter_map(|knee| sweep_tables::tried_under(knee, &cells[0]));
                let (holds, all) = (tried().filter(|tried| tried.holds).count(), tried().count());
                TriedRow {
                    words: assumption_words(&cells[0]),
                    cells: cells[1..].to_vec(),
                    verdict: if holds == all { "holds".to_owned() } else { format!("holds for {holds} of {all}") },
                    tone: if holds == all { "holds" } else { "flips" },
                }
            };
            let lead = "AWS does not publish these. Each was tried instead of what the scenario assumes, at nine \
                        tenths of the highest load: attempts throttled (*: meets the objectives).";
            (lead.to_owned(), header[1..].to_vec(), rows.iter().map(row).collect())
        }
        None => (elsewhere(), Vec::new(), Vec::new()),
    };
    Page {
        title: format!("{}: sweep", sweep.scenario),
        kicker: format!("quotasim sweep · {}", sweep.scenario),
        answer: sweep_tables::headline(sweep),
        detail: sweep_tables::survival(sweep),
        charts_first: true,
        tables,
        tried_lead,
        tried_header,
        tried,
        assumptions: sweep.assumptions.clone(),
        warnings: sweep.warnings.clone(),
        provenance: sweep_tables::footer(sweep),
        version: sweep.quotasim_version.clone(),
        ..Page::default()
    }
}

/// What became of it after a disturbance, with the word that needs explaining.
fn in_trouble(after: &Recovery) -> String {
    format!("{} ({}.)", recovery::sentence(after), recovery::LEGEND)
}

/// Where to see what assumptions change, on a page that does not try them.
fn elsewhere() -> String {
    "AWS does not publish these. What other answers would change, quotasim compare tells: it runs what it recommends \
     under seven of them."
        .to_owned()
}

fn of_run(summary: &Summary) -> Page {
    let mut tables = vec![
        HtmlTable::new("Workloads", table::workloads(summary), ""),
        HtmlTable::new("Pools", table::pools(summary), table::POOLS_LEGEND),
    ];
    let of_clients = clients::table(summary);
    if !of_clients.rows.is_empty() {
        tables.push(HtmlTable::new("Clients", of_clients, &clients::legend(summary)));
    }
    if !summary.slo.is_empty() {
        tables.push(HtmlTable::new("Objectives", table::objectives(summary), ""));
    }
    Page {
        title: format!("{}: run", summary.scenario),
        kicker: format!("quotasim run · {}", summary.scenario),
        answer: headline::headline(summary),
        detail: summary.recovery.as_ref().map(in_trouble).unwrap_or_default(),
        tables,
        tried_lead: elsewhere(),
        assumptions: summary.assumptions.clone(),
        warnings: summary.warnings.clone(),
        provenance: provenance(summary).into_iter().chain(chosen_horizon(summary)).collect::<Vec<_>>().join(" · "),
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
            ..Origin::default()
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
