//! An answer to an inverse question for people and programs: text, Markdown, CSV.

use super::chart::frame::Caption;
use super::number::{duration_ms, or_dash, percent, short};
use super::setting::Setting;
use super::size::objectives;
use super::size::tables;
use super::table::{Table, in_unit, provenance_of};
use super::text::{FAINT, STRONG, Style, align, pack, wrap};
use super::{csv, markdown, text};
use crate::analysis::solved::Solved;
use std::fmt::Write as _;

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(solved: &Solved) -> String {
    provenance(solved).join(" · ")
}

fn provenance(solved: &Solved) -> [String; 4] {
    provenance_of(
        &solved.scenario,
        solved.seed,
        &solved.quotasim_version,
        solved.replications,
        [solved.horizon_s, solved.warmup_s],
    )
}

/// What else there is to know at first sight.
pub fn detail(solved: &Solved) -> String {
    let mut sentences: Vec<String> =
        solved.reasons.iter().map(|reason| format!("{}.", super::size::sentence(reason))).collect();
    if let (Some(objective), true) = (&solved.binding_objective, solved.meets_slo) {
        let limit = match (&solved.binding, &solved.binding_pool) {
            (Some(limit), Some(pool)) => format!(": `{limit}` of `{pool}` refuses most"),
            _ => String::new(),
        };
        sentences.push(format!("Beyond that, `{objective}` is missed{limit}."));
    }
    sentences.join(" ")
}

/// The points around the answer.
pub fn points(solved: &Solved) -> Table {
    let curve = solved.curve.as_ref();
    let metric = curve.map_or("", |curve| curve.metric.as_str());
    let number = |value: f64| if solved.solve == "load" { super::number::digits(value, 3) } else { short(value) };
    let row = |point: &crate::analysis::sizing::CurvePoint| {
        let interval =
            point.value.ci95.map_or_else(String::new, |ends| ends.map(|end| in_unit(metric, Some(end))).join(" to "));
        vec![
            number(point.at),
            in_unit(metric, point.value.mean),
            interval,
            if point.meets { "yes" } else { "no" }.to_owned(),
        ]
    };
    Table {
        header: vec!["at", "measured", "95% interval", "meets"],
        rows: curve.map_or(&[][..], |curve| &curve.points).iter().map(row).collect(),
        words: vec![3],
    }
}

/// What stands above the points.
pub fn points_title(solved: &Solved) -> String {
    let metric = solved.curve.as_ref().map_or("", |curve| curve.metric.as_str());
    format!("{metric} by {}", solved.solve)
}

/// The times of a batch.
pub(super) fn times(solved: &Solved) -> Option<String> {
    let drain = solved.drain?;
    let interval = drain.seconds.ci95.map_or_else(String::new, |[low, high]| {
        format!(" (95% CI {} to {})", duration_ms(low * 1e3), duration_ms(high * 1e3))
    });
    let ms = |seconds: Option<f64>| or_dash(seconds.map(|seconds| seconds * 1e3), duration_ms);
    Some(format!(
        "mean {}{interval} · slowest replication {} · never answered {}",
        ms(drain.seconds.mean),
        ms(drain.slowest_s),
        percent(drain.unanswered)
    ))
}

/// The words around the chart.
pub fn curve_caption(solved: &Solved, setting: &Setting) -> Caption {
    let mut subtitle = setting.foundations();
    subtitle.push(format!("band: 95% interval; green dots meet all objectives with {}", percent(solved.confidence)));
    Caption {
        title: solved.words.trim_end_matches('.').replace('`', ""),
        subtitle: subtitle.join(" · "),
        footer: footer(solved),
    }
}

/// The answer as text, ending in a newline.
pub fn text(solved: &Solved, style: &Style) -> String {
    let mut lines: Vec<String> = wrap(&solved.words, "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    let detail = detail(solved);
    if !detail.is_empty() {
        lines.extend(wrap(&detail, "", ""));
    }
    if let Some(times) = times(solved) {
        lines.push(String::new());
        lines.extend(wrap(&times, "", ""));
    }
    if !solved.at_answer.is_empty() {
        lines.push(String::new());
        let title = format!("objectives at the answer ({} confidence)", percent(solved.confidence));
        lines.push(style.paint(FAINT, &title));
        lines.extend(objectives(&solved.at_answer, *style));
    }
    let points = points(solved);
    if !points.rows.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, &points_title(solved)));
        lines.extend(align(&points, *style));
    }
    lines.extend(text::foundations(&solved.assumptions, &solved.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(solved), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// The answer for a pull request.
pub fn markdown(solved: &Solved) -> String {
    let mut text = format!("**{}**\n", markdown::escape(&solved.words));
    for paragraph in [Some(detail(solved)), times(solved)].into_iter().flatten().filter(|text| !text.is_empty()) {
        let _ = write!(text, "\n{}\n", markdown::escape(&paragraph));
    }
    for table in [tables::standings(&solved.at_answer), points(solved)] {
        if !table.rows.is_empty() {
            let _ = write!(text, "\n{}", markdown::rows(&table));
        }
    }
    text += &markdown::foundations(&solved.assumptions, &solved.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(solved)));
    text
}

/// The answer and the points around it: `kind,at,quantity,value`.
pub fn csv(solved: &Solved) -> String {
    let mut table = csv::Table::new(&["kind", "at", "quantity", "value"]);
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    table.row(["answer", "", &solved.solve, &number(solved.answer)]);
    table.row(["answer", "", "meets_slo", &solved.meets_slo.to_string()]);
    if let Some(drain) = solved.drain {
        for (what, value) in [("mean_s", drain.seconds.mean), ("slowest_s", drain.slowest_s)] {
            table.row(["drain", "", what, &number(value)]);
        }
    }
    for point in solved.curve.iter().flat_map(|curve| &curve.points) {
        let ends = point.value.ci95.map_or([None, None], |ends| ends.map(Some));
        for (what, value) in [("value", point.value.mean), ("ci_low", ends[0]), ("ci_high", ends[1])] {
            table.row(["point", &point.at.to_string(), what, &number(value)]);
        }
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::size::fixture;

    #[test]
    fn a_load_and_a_batch_as_text_and_markdown() {
        let [load, batch] = [fixture::load(), fixture::batch()];
        let texts = [text(&load, &Style::PLAIN), markdown(&load), text(&batch, &Style::PLAIN), markdown(&batch)];
        insta::assert_snapshot!(texts.join("\n"));
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        for solved in [fixture::load(), fixture::batch()] {
            let csv = csv(&solved);
            let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
            assert!(reader.records().all(|row| row.is_ok()), "{csv}");
        }
    }
}
