//! The pages of a sizing and of an inverse question.

use super::{HtmlTable, Next, Page};
use crate::analysis::{Sizing, Solved};
use crate::report::size::{self, increase, sentence, tables};
use crate::report::solve;
use crate::report::table::Table;

pub(super) fn of_sizing(sizing: &Sizing) -> Page {
    let standings = if sizing.meets_slo { &sizing.at_need } else { &sizing.at_today };
    let at = if sizing.meets_slo { "Objectives, each quota at its need" } else { "Objectives, with today's quotas" };
    let mut tables = vec![
        HtmlTable::new("Quotas", tables::quotas(sizing), if sizing.meets_slo { tables::QUOTAS_LEGEND } else { "" }),
        HtmlTable::new(
            at,
            tables::standings(standings),
            &format!("{} confidence, one-sided", tables::confidence(sizing)),
        ),
    ];
    for (title, table) in size::sections(sizing) {
        if !table.rows.is_empty() {
            tables.push(HtmlTable::new(&sentence(&title), table, ""));
        }
    }
    let alternatives = tables::alternatives(sizing);
    if !alternatives.rows.is_empty() {
        tables.push(HtmlTable::new("Instead of a larger quota", alternatives, "each simulated, by what it saves"));
    }
    for each in &sizing.increases {
        let rows =
            increase::fields(each).into_iter().map(|(title, value)| vec![title.to_owned(), value.replace('`', "")]);
        let table = Table { header: vec!["field", "value"], rows: rows.collect(), words: vec![0, 1] };
        tables.push(HtmlTable::new(
            &format!("Quota increase: {}", each.of),
            table,
            &each.notes.join(" ").replace('`', ""),
        ));
    }
    let commands = sizing.increases.iter().flat_map(|increase| &increase.quotas).map(|quota| Next {
        words: match quota.code {
            Some(_) => quota.name.clone(),
            None => format!("{}: the code is not in the catalogue; this finds it", quota.name),
        },
        command: quota.command.clone(),
    });
    Page {
        title: format!("{}: quotas", sizing.scenario),
        kicker: format!("quotasim size · {}", sizing.scenario),
        answer: size::headline(sizing),
        detail: size::detail(sizing),
        charts_first: true,
        commands: commands.collect(),
        tables,
        unpublished: sizing.unpublished.clone(),
        assumptions: sizing.assumptions.clone(),
        warnings: sizing.warnings.clone(),
        provenance: size::footer(sizing),
        version: sizing.quotasim_version.clone(),
        ..Page::default()
    }
}

pub(super) fn of_solved(solved: &Solved) -> Page {
    let mut tables = Vec::new();
    if !solved.at_answer.is_empty() {
        tables.push(HtmlTable::new("Objectives at the answer", tables::standings(&solved.at_answer), ""));
    }
    let points = solve::points(solved);
    if !points.rows.is_empty() {
        tables.push(HtmlTable::new(&sentence(&solve::points_title(solved)), points, ""));
    }
    Page {
        title: format!("{}: {}", solved.scenario, solved.solve),
        kicker: format!("quotasim size --solve {} · {}", solved.solve, solved.scenario),
        answer: solved.words.clone(),
        detail: [Some(solve::detail(solved)), solve::times(solved)].into_iter().flatten().collect::<Vec<_>>().join(" "),
        tables,
        assumptions: solved.assumptions.clone(),
        warnings: solved.warnings.clone(),
        provenance: solve::footer(solved),
        version: solved.quotasim_version.clone(),
        ..Page::default()
    }
}
