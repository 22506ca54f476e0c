//! A backtest for people: which reading of the law explains the refusals, which are ruled out, what to try next.

use super::bundle::add;
use super::chart::{self, frame::Caption};
use super::number::{count, dollars, or_dash, percent, short};
use super::table::Table;
use super::text::{BAD, FAINT, GOOD, STRONG, Style, align, wrap};
use super::{csv, json};
use crate::calibrate::backtest::{Backtest, Reading};

/// A reading that predicts fewer of the refusals, or refuses more of what was answered, explains little.
const HALF: f64 = 0.5;
/// Readings shown at most; the others are counted.
const SHOWN: usize = 10;

/// One screen of text, ending in a newline.
pub fn text(result: &Backtest, style: &Style) -> String {
    let mut lines: Vec<String> = wrap(&headline(result), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    lines.push(String::new());
    lines.extend(align(&readings(result), *style));
    let hidden = result.readings.len().saturating_sub(SHOWN);
    let more = if hidden > 0 { format!("; {hidden} more are worse") } else { String::new() };
    lines.push(style.paint(FAINT, &format!("behind: log-likelihood below the best, in nats{more}")));
    if let Some(best) = result.readings.first().filter(|best| !best.default && !best.ruled_out && result.refused > 0) {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "in a scenario's pool"));
        lines.push(format!("  {}", best.scenario));
    }
    if let Some(check) = result.burndown_check.first() {
        lines.push(String::new());
        let verdict = if check.burndown_rate == result.burndown_rate { GOOD } else { BAD };
        let words = format!(
            "CloudWatch's estimate of usage fits a burndown rate of {} (median difference {} per minute).",
            check.burndown_rate,
            percent(check.median_difference)
        );
        lines.extend(wrap(&words, "", "").iter().map(|line| style.paint(verdict, line)));
    }
    if !result.experiments.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "experiments that tell the rest apart, the cheapest first"));
        lines.extend(experiments(result));
    }
    if !result.notes.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "to know"));
        lines.extend(result.notes.iter().flat_map(|note| wrap(note, "- ", "  ")));
    }
    lines.push(String::new());
    lines.extend(wrap(&footer(result), "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

fn headline(result: &Backtest) -> String {
    let left: Vec<&Reading> = result.readings.iter().filter(|reading| !reading.ruled_out).collect();
    let ruled_out = result.readings.len() - left.len();
    let Some(best) = result.readings.first() else { return "There is no reading to try.".to_owned() };
    if result.refused == 0 {
        return format!(
            "Nothing was refused in {} attempts, so history cannot say how the quota is enforced; {ruled_out} of {} \
             readings are ruled out.",
            count(result.attempts),
            result.readings.len()
        );
    }
    let default = result.readings.iter().find(|reading| reading.default);
    let of_default = match default {
        Some(default) if default.name == best.name => "it is the default".to_owned(),
        Some(default) if default.ruled_out => format!("the default, a {}, is ruled out", default.name),
        Some(default) => format!("the default, a {}, is not", default.name),
        None => String::new(),
    };
    let predicts = match (best.hits, best.false_alarms) {
        (Some(hits), Some(alarms)) => format!(
            "predicts {} of the {} refusals and would have refused {} of what was answered",
            percent(hits),
            count(result.refused),
            percent(alarms)
        ),
        _ => format!("predicts {} of the {} refusals", short(best.predicted), count(result.refused)),
    };
    let others = match left.len() {
        0 | 1 => format!("The other {ruled_out} are ruled out"),
        2 => format!("One other is as likely within what history tells, {ruled_out} are ruled out"),
        many => format!("{} others are as likely within what history tells, {ruled_out} are ruled out", many - 1),
    };
    let badly = best.hits.is_some_and(|hits| hits < HALF) || best.false_alarms.is_some_and(|alarms| alarms > HALF);
    let doubt = if badly { " None explains it well: is the quota right, and is every caller of it here?" } else { "" };
    format!(
        "Of {} readings of the quota, a {} explains history best: it {predicts}. {others}; {of_default}.{doubt}",
        result.readings.len(),
        best.name
    )
}

/// The readings, the best first.
pub fn readings(result: &Backtest) -> Table {
    let row = |reading: &Reading| {
        let name = if reading.default { format!("{} (default)", reading.name) } else { reading.name.clone() };
        vec![
            name,
            // A single minute has no variation to take an error from.
            if reading.behind_error > 0.0 {
                format!("{} ± {}", short(reading.behind), short(reading.behind_error))
            } else {
                short(reading.behind)
            },
            short(reading.predicted),
            or_dash(reading.hits, percent),
            or_dash(reading.false_alarms, percent),
            (if reading.ruled_out { "ruled out" } else { "possible" }).to_owned(),
        ]
    };
    let mut shown: Vec<&Reading> = result.readings.iter().take(SHOWN).collect();
    // The default is always among what is shown.
    if let Some(default) = result.readings.iter().skip(SHOWN).find(|reading| reading.default) {
        shown.pop();
        shown.push(default);
    }
    Table {
        header: vec!["reading", "behind", "predicts", "hits", "false alarms", "verdict"],
        rows: shown.into_iter().map(row).collect(),
        words: vec![0, 5],
    }
}

fn experiments(result: &Backtest) -> Vec<String> {
    let left: Vec<&Reading> =
        result.readings.iter().filter(|reading| !reading.ruled_out || result.refused == 0).collect();
    let mut lines = Vec::new();
    for (number, experiment) in (1..).zip(&result.experiments) {
        let cost =
            experiment.cost_usd.map_or_else(|| "price unknown".to_owned(), |cost| format!("about {}", dollars(cost)));
        lines.extend(wrap(&format!("{}; {cost}", experiment.instruction), &format!("{number}. "), "   "));
        let mut groups: Vec<(usize, Vec<&str>)> = Vec::new();
        for (reading, &refused) in left.iter().zip(&experiment.refused) {
            match groups.iter_mut().find(|group| group.0 == refused) {
                Some(group) => group.1.push(&reading.name),
                None => groups.push((refused, vec![&reading.name])),
            }
        }
        groups.sort_by_key(|group| group.0);
        for (refused, names) in groups {
            let of = match names.as_slice() {
                [one] => (*one).to_owned(),
                [one, other] => format!("{one}, or {other}"),
                [one, rest @ ..] => format!("{one}, or {} others", rest.len()),
                [] => continue,
            };
            lines.extend(wrap(&format!("{} refused: {of}", count(refused as u64)), "   ", "     "));
        }
    }
    lines
}

fn footer(result: &Backtest) -> String {
    let limit = |name: &str, limit: Option<u64>| {
        limit.map_or_else(|| format!("no {name}"), |limit| format!("{name} {}", count(limit)))
    };
    [
        result.model.clone(),
        limit("tokens/min", result.tokens_per_minute),
        limit("requests/min", result.requests_per_minute),
        format!("burndown {}", result.burndown_rate),
        format!("quotasim {}", result.quotasim_version),
    ]
    .join(" · ")
}

/// A row per minute.
fn by_minute(result: &Backtest) -> String {
    let mut table = csv::Table::new(&["minute", "answered", "refused", "predicted_best", "predicted_default"]);
    for minute in &result.minutes {
        let numbers =
            [minute.answered as f64, minute.refused as f64, minute.best, minute.default].map(|x| x.to_string());
        table.row([&minute.at, &numbers[0], &numbers[1], &numbers[2], &numbers[3]]);
    }
    table.finish()
}

/// What `-o DIR` writes: the whole result, a row per minute, a chart.
pub fn files(result: &Backtest) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![
        ("backtest.json".to_owned(), json::document(result).into_bytes()),
        ("backtest.csv".to_owned(), by_minute(result).into_bytes()),
    ];
    let title = match (result.refused, result.readings.first()) {
        (0, _) | (_, None) => "Nothing was refused".to_owned(),
        (_, Some(best)) => match best.hits {
            Some(hits) => format!("A {} predicts {} of {} refusals", best.name, percent(hits), count(result.refused)),
            None => format!("A {} predicts {} of {} refusals", best.name, short(best.predicted), count(result.refused)),
        },
    };
    let ruled_out = result.readings.iter().filter(|reading| reading.ruled_out).count();
    let caption = Caption {
        title,
        subtitle: format!(
            "{} · {} attempts · {ruled_out} of {} readings ruled out",
            result.model,
            count(result.attempts),
            result.readings.len()
        ),
        footer: footer(result),
    };
    add(&mut files, "backtest", &chart::backtest(caption, result));
    files
}
