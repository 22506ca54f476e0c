//! A sweep for people and programs: text, Markdown, CSV, JSON.

mod tables;

pub use tables::{
    assumption_keys, assumptions, axis_name, legend, matrix, matrix_legend, over_both, over_both_legend, point_at,
    points, tried_knees, tried_under,
};

use super::compare::capital;
use super::number::{count, digits};
use super::table::{Table, provenance_of};
use super::text::{FAINT, STRONG, Style, WIDTH, align, faint, pack, wrap};
use super::{csv, text};
use super::{markdown, recovery};
use crate::analysis::{Estimate, Knee, Point, Sweep};
use crate::units::format;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(sweep: &Sweep) -> String {
    provenance(sweep).join(" · ")
}

fn provenance(sweep: &Sweep) -> [String; 4] {
    let [name, seed, version, times] = provenance_of(
        &sweep.scenario,
        sweep.seed,
        &sweep.quotasim_version,
        sweep.replications,
        [sweep.horizon_s, sweep.warmup_s],
    );
    [name, seed, version, format!("up to {times}")]
}

/// A value of an axis as it is read: `0.75`, `1,024`, `500k`, `unset`.
pub fn label_of(value: &Value) -> String {
    match (value, value.as_u64()) {
        (_, Some(whole)) if whole >= 100_000 => format::quantity(whole),
        (_, Some(whole)) => count(whole),
        (Value::Number(number), None) => number.as_f64().map_or_else(|| number.to_string(), |real| digits(real, 3)),
        (Value::String(text), _) => text.clone(),
        (other, _) => other.to_string(),
    }
}

/// The name of an axis as it is read.
pub fn worded(path: &str) -> String {
    match path {
        "load" => "offered load (times the scenario's traffic)".to_owned(),
        path => path.to_owned(),
    }
}

/// The points line by line: runs that share the value of the second axis.
pub fn lines(sweep: &Sweep) -> Vec<Vec<&Point>> {
    let beside = |point: &Point| sweep.axes.get(1).and_then(|axis| point.at.get(&axis.path).cloned());
    let mut lines: Vec<Vec<&Point>> = Vec::new();
    for point in &sweep.points {
        match lines.last_mut() {
            Some(line) if beside(line[0]) == beside(point) => line.push(point),
            _ => lines.push(vec![point]),
        }
    }
    lines
}

/// What a line is called: `max_tokens 1,024`; nothing where there is one only.
pub fn line_name(sweep: &Sweep, at: &Map<String, Value>) -> String {
    let Some(axis) = sweep.axes.get(1) else { return String::new() };
    let value = at.get(&axis.path).map_or_else(String::new, label_of);
    format!("{} {value}", axis_name(sweep, 1))
}

/// The answer: whether it comes back, where something disturbs, and where the knees are.
pub fn headline(sweep: &Sweep) -> String {
    let knees = found(sweep);
    match (&sweep.client, recovery::finding(sweep)) {
        (Some(client), Some(finding)) => format!("With {client}: {finding}. {knees}"),
        (Some(client), None) => format!("With {client}: {knees}"),
        (None, Some(finding)) => format!("{}. {knees}", capital(&finding)),
        (None, None) => knees,
    }
}

fn found(sweep: &Sweep) -> String {
    let objectives = match sweep.objectives.as_slice() {
        [] => "the objectives".to_owned(),
        several => several.join(", "),
    };
    if sweep.knees.is_empty() {
        return format!("{} of {} points meet {objectives}{}.", met(sweep).len(), sweep.points.len(), where_met(sweep));
    }
    let Some(axis) = sweep.axes.get(1) else {
        return match (&sweep.knees[0].load, &sweep.knees[0].note) {
            (None, Some(note)) if note.starts_with(NOT_EVEN) => {
                let missed = &sweep.knees[0].missed;
                let missed = if missed.is_empty() { objectives } else { missed.join(", ") };
                format!("The scenario misses {missed} even at a load of {}.", &note[NOT_EVEN.len()..])
            }
            _ => format!("The scenario meets {objectives} {}.", reach(&sweep.knees[0])),
        };
    };
    let name = axis_name(sweep, 1);
    let value = |knee: &Knee| knee.at.get(&axis.path).map_or_else(String::new, label_of);
    // Lines that reach equally far are named together.
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for knee in &sweep.knees {
        let far = reach(knee);
        match groups.iter_mut().find(|(known, _)| *known == far) {
            Some((_, values)) => values.push(value(knee)),
            None => groups.push((far, vec![value(knee)])),
        }
    }
    let known = || sweep.knees.iter().filter(|knee| knee.load.is_some());
    let by_load = |one: &&Knee, other: &&Knee| one.load.partial_cmp(&other.load).expect("loads are no NaN");
    if groups.len() > FEW
        && let (Some(most), Some(least)) = (known().max_by(by_load), known().min_by(by_load))
    {
        let [first, last] = [most, least].map(|knee| format!("{} with {name} {}", reach(knee), value(knee)));
        return format!("Meets {objectives} {first}, and {last}.");
    }
    let each = groups.into_iter().map(|(far, values)| format!("{name} {} {far}", format::list(&values)));
    format!("Meets {objectives}: {}.", each.collect::<Vec<_>>().join("; "))
}

/// More lines than this are told in sum.
const FEW: usize = 4;

/// `up to a load of 2.07`, or what else is known of a knee.
fn reach(knee: &Knee) -> String {
    match (knee.load, &knee.note) {
        (Some(load), _) => format!("up to a load of {}", digits(load, 3)),
        (None, Some(note)) => match (note.strip_prefix(NOT_EVEN), note.strip_prefix(AT_LEAST)) {
            (Some(least), _) if knee.missed.is_empty() => format!("at no load, not even at {least}"),
            (Some(least), _) => format!("at no load ({} is missed even at {least})", format::list(&knee.missed)),
            (_, Some(most)) => format!("at a load of {most} and beyond"),
            _ => note.clone(),
        },
        (None, None) => "at no load".to_owned(),
    }
}

/// How the notes of knees begin.
const NOT_EVEN: &str = "not even at ";
const AT_LEAST: &str = "at least ";

fn met(sweep: &Sweep) -> Vec<&Point> {
    sweep.points.iter().filter(|point| point.meets).collect()
}

/// `, at tokens_per_minute 800k to 2M`: which of the values of a single axis do, if some do and others do not.
fn where_met(sweep: &Sweep) -> String {
    let [axis] = sweep.axes.as_slice() else { return String::new() };
    let met = met(sweep);
    if met.is_empty() || met.len() == sweep.points.len() {
        return String::new();
    }
    let label = |point: &Point| point.at.get(&axis.path).map_or_else(String::new, label_of);
    let runs = sweep.points.chunk_by(|one, other| one.meets == other.meets).filter(|run| run[0].meets);
    let words = runs.map(|run| match run {
        [one] => label(one),
        [first, .., last] => format!("{} to {}", label(first), label(last)),
        [] => String::new(),
    });
    format!(", at {} {}", axis_name(sweep, 0), format::list(&words.collect::<Vec<_>>()))
}

/// Which assumptions flip what just below the knees, in a sentence. Empty without knees.
pub fn survival(sweep: &Sweep) -> String {
    const LEAD: &str = "Other assumptions, at nine tenths of the highest load:";
    let knees = tried_knees(sweep);
    if knees.is_empty() {
        return String::new();
    }
    let keys = assumption_keys(&knees);
    if knees.len() > FEW {
        let flips = |key: &&str| {
            let flipped = knees.iter().filter(|knee| tried_under(knee, key).is_some_and(|tried| !tried.holds)).count();
            (flipped > 0).then(|| format!("{flipped} under `{key}`"))
        };
        let words: Vec<String> = keys.iter().filter_map(flips).collect();
        return match words.len() {
            0 => format!("{LEAD} all {} hold under all {} tried.", knees.len(), keys.len()),
            _ => format!("{LEAD} of {} lines these flip: {}.", knees.len(), format::list(&words)),
        };
    }
    // Lines that the same assumptions flip are named together.
    let mut groups: Vec<(Vec<String>, usize, Vec<String>)> = Vec::new();
    for knee in knees {
        let flips = knee.tried.iter().filter(|tried| !tried.holds).map(|tried| format!("`{}`", tried.assumption));
        let (flips, all, name) = (flips.collect::<Vec<_>>(), knee.tried.len(), line_name(sweep, &knee.at));
        match groups.iter_mut().find(|(known, tried, _)| *known == flips && *tried == all) {
            Some((_, _, names)) => names.push(name),
            None => groups.push((flips, all, vec![name])),
        }
    }
    let words = groups.into_iter().map(|(flips, all, names)| {
        let who = match names.as_slice() {
            [one] if one.is_empty() => "it".to_owned(),
            names => format::list(names),
        };
        let verb = if names.len() == 1 { "holds" } else { "hold" };
        match flips.len() {
            0 => format!("{who} {verb} under all {all} tried"),
            flipped => {
                format!("{who} {verb} under {} of {all} tried, not under {}", all - flipped, format::list(&flips))
            }
        }
    });
    format!("{LEAD} {}.", words.collect::<Vec<_>>().join("; "))
}

/// Sweeps as text, ending in a newline: the answer and the table of each, then what they all rest on, once.
pub fn text(sweeps: &[Sweep], style: &Style) -> String {
    let mut lines: Vec<String> = Vec::new();
    for sweep in sweeps {
        lines.extend((!lines.is_empty()).then(String::new));
        lines.extend(answer(sweep, *style));
    }
    let Some(first) = sweeps.first() else { return String::new() };
    lines.extend(text::foundations(
        &once(sweeps.iter().map(|sweep| &sweep.assumptions)),
        &once(sweeps.iter().map(|sweep| &sweep.warnings)),
        *style,
    ));
    lines.push(String::new());
    lines.extend(pack(&provenance(first), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// Each of several lists of sentences, those that come again left out.
fn once<'a>(lists: impl Iterator<Item = &'a Vec<String>>) -> Vec<String> {
    let mut known: Vec<String> = Vec::new();
    for sentence in lists.flatten() {
        if !known.contains(sentence) {
            known.push(sentence.clone());
        }
    }
    known
}

/// The answer of one sweep, and its table: over two fields states where something disturbs, else shares throttled.
fn answer(sweep: &Sweep, style: Style) -> Vec<String> {
    let mut lines: Vec<String> = wrap(&headline(sweep), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    let survival = survival(sweep);
    if !survival.is_empty() {
        lines.extend(wrap(&survival, "", ""));
    }
    lines.push(String::new());
    let states = recovery::map(sweep).map(|map| (map, recovery::map_legend(sweep)));
    let legend = if let Some((table, legend)) = states.or_else(|| Some((matrix(sweep)?, matrix_legend(sweep)))) {
        for (number, block) in blocks(&table, style).into_iter().enumerate() {
            lines.extend((number > 0).then(String::new));
            lines.extend(block);
        }
        format!("{legend} · all metrics: --format csv")
    } else {
        lines.extend(align(&points(sweep), style));
        legend(sweep)
    };
    lines.extend(faint(&legend, style));
    lines
}

/// A table in as few blocks of columns as fit the screen, the first column in each.
fn blocks(table: &Table<String>, style: Style) -> Vec<Vec<String>> {
    let block = |columns: &[usize]| {
        let of = |cells: &[String]| columns.iter().map(|&column| cells[column].clone()).collect();
        let rows = table.rows.iter().map(|row| of(row)).collect();
        align(&Table { header: of(&table.header), rows, words: Vec::new() }, style)
    };
    let wide = |columns: &[usize]| {
        let cells = |column: usize| table.rows.iter().map(move |row| &row[column]).chain([&table.header[column]]);
        let width = |column: usize| cells(column).map(|cell| cell.chars().count()).max().unwrap_or(0);
        columns.iter().map(|&column| width(column) + 2).sum::<usize>() - 2 > WIDTH
    };
    let mut blocks: Vec<Vec<usize>> = vec![vec![0]];
    for column in 1..table.header.len() {
        let last = blocks.last_mut().expect("it begins with one");
        last.push(column);
        if wide(last) && last.len() > 2 {
            last.pop();
            blocks.push(vec![0, column]);
        }
    }
    blocks.iter().map(|columns| block(columns)).collect()
}

/// The sweep for a pull request.
pub fn markdown(sweep: &Sweep) -> String {
    let mut text = format!("**{}**\n\n", markdown::prose(&headline(sweep)));
    let survival = survival(sweep);
    if !survival.is_empty() {
        let _ = write!(text, "{}\n\n", markdown::prose(&survival));
    }
    let all = format!("{}\n<sub>{}</sub>\n", markdown::rows(&points(sweep)), markdown::escape(&legend(sweep)));
    let states = recovery::map(sweep).map(|map| (map, recovery::map_legend(sweep)));
    let shares = matrix(sweep).map(|matrix| (matrix, matrix_legend(sweep)));
    match states.into_iter().chain(shares).collect::<Vec<_>>().as_slice() {
        [] => text += &all,
        tables => {
            for (table, legend) in tables {
                let _ = write!(text, "{}\n<sub>{}</sub>\n\n", markdown::rows(table), markdown::escape(legend));
            }
            let _ = write!(text, "<details><summary>All points</summary>\n\n{all}\n</details>\n");
        }
    }
    text += &markdown::foundations(&sweep.assumptions, &sweep.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(sweep)));
    text
}

/// One row per point: the axes, then each metric with its interval.
pub fn csv(sweep: &Sweep) -> String {
    type Of = fn(&Point) -> Estimate;
    const METRICS: [(&str, Of); 10] = [
        ("attempt_throttle_rate", |point| point.total.attempt_throttle_rate),
        ("request_throttle_rate", |point| point.total.request_throttle_rate),
        ("request_failure_rate", |point| point.total.request_failure_rate),
        ("truncation_rate", |point| point.total.truncation_rate),
        ("attempts_per_request", |point| point.total.attempts_per_request),
        ("offered_requests_per_minute", |point| point.total.offered_requests_per_minute),
        ("offered_tokens_per_minute", |point| point.total.offered_tokens_per_minute),
        ("goodput_requests_per_minute", |point| point.total.goodput_requests_per_minute),
        ("goodput_output_tokens_per_minute", |point| point.total.goodput_output_tokens_per_minute),
        ("cost_usd_per_hour", |point| point.total.cost_usd_per_hour),
    ];
    let mut header: Vec<String> = sweep.client.iter().map(|_| "client".to_owned()).collect();
    header.extend(sweep.axes.iter().map(|axis| axis.path.clone()));
    header.extend(["replications".to_owned(), "meets".to_owned()]);
    for (name, _) in METRICS {
        header.extend([name.to_owned(), format!("{name}.ci_low"), format!("{name}.ci_high")]);
    }
    header.extend(["latency_ms.p50", "latency_ms.p99", "wait_ms.p50", "wait_ms.p99"].map(str::to_owned));
    header.extend(recovery::CSV_HEADER.map(str::to_owned));
    let mut table = csv::Table::new(&header.iter().map(String::as_str).collect::<Vec<_>>());
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for point in &sweep.points {
        let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let mut row: Vec<String> = sweep.client.iter().cloned().collect();
        row.extend(sweep.axes.iter().map(|axis| point.at.get(&axis.path).map_or_else(String::new, plain)));
        row.extend([point.replications.to_string(), point.meets.to_string()]);
        for (_, of) in METRICS {
            let estimate = of(point);
            row.extend([
                number(estimate.mean),
                number(estimate.ci95.map(|[low, _]| low)),
                number(estimate.ci95.map(|[_, high]| high)),
            ]);
        }
        let total = &point.total;
        let ends = [total.latency_ms.p50, total.latency_ms.p99, total.wait_ms.all.p50, total.wait_ms.all.p99];
        row.extend(ends.map(number));
        row.extend(recovery::csv_cells(point.recovery));
        table.row(&row);
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Tried;
    use crate::report::fixture;
    use crate::report::number::DASH;

    #[test]
    fn a_sweep_as_text_and_markdown() {
        let result = fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]);
        insta::assert_snapshot!(format!(
            "{}\n{}",
            text(std::slice::from_ref(&result), &Style::PLAIN),
            markdown(&result)
        ));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let loads: Vec<f64> = (1..=12).map(|load| f64::from(load) / 7.0).collect();
        let values: Vec<String> = (1..=15).map(|value| format!("{value}0000")).collect();
        let wide = fixture::sweep(&loads, &values.iter().map(String::as_str).collect::<Vec<_>>());
        for result in [fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]), fixture::sweep(&loads, &[]), wide] {
            for line in text(std::slice::from_ref(&result), &Style::PLAIN).lines() {
                assert!(line.chars().count() <= text::WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn a_wide_table_is_shown_in_blocks_with_every_column_once() {
        let header: Vec<String> = (0..9).map(|column| format!("column number {column}")).collect();
        let table = Table { rows: vec![header.clone(), header.clone()], header, words: Vec::new() };
        let blocks = blocks(&table, Style::PLAIN);
        assert_eq!(blocks.len(), 3);
        let heads: Vec<&str> = blocks.iter().map(|block| block[0].as_str()).collect();
        assert_eq!(heads[0].matches("number").count(), 4);
        assert!(heads.iter().all(|head| head.starts_with("column number 0")), "{heads:?}");
        assert!((1..9).all(|column| heads.concat().matches(&format!("number {column}")).count() == 1), "{heads:?}");
    }

    fn tried(flips: &[&str], keys: &[&str]) -> Vec<Tried> {
        let each =
            |key: &&str| Tried { assumption: (*key).to_owned(), holds: !flips.contains(key), ..Tried::default() };
        keys.iter().map(each).collect()
    }

    #[test]
    fn what_assumptions_flip_is_told_by_line_or_in_sum() {
        let keys = ["fixed_window", "burst_seconds_1"];
        let mut result = fixture::sweep(&[1.0, 2.0], &["16", "256", "unset"]);
        assert_eq!(survival(&result), "");
        result.knees[0].tried = tried(&[], &keys);
        result.knees[1].tried = tried(&["burst_seconds_1"], &keys);
        // A line with a limiter of its own is tried under the default, too.
        result.knees[2].tried = tried(&["burst_seconds_1"], &["token_bucket", "fixed_window", "burst_seconds_1"]);
        assert_eq!(
            survival(&result),
            "Other assumptions, at nine tenths of the highest load: max_tokens 16 holds under all 2 tried; max_tokens 256 \
             holds under 1 of 2 tried, not under `burst_seconds_1`; max_tokens unset holds under 2 of 3 tried, not under \
             `burst_seconds_1`."
        );
        let table = assumptions(&result).expect("knees");
        assert_eq!(
            table.rows.iter().map(|row| row[0].as_str()).collect::<Vec<_>>(),
            [keys[0], keys[1], "token_bucket"]
        );
        assert_eq!(table.rows[2][1], DASH);

        let mut many = fixture::sweep(&[1.0, 2.0], &["1", "2", "3", "4", "5"]);
        for knee in &mut many.knees {
            knee.tried = tried(&["burst_seconds_1"], &keys);
        }
        assert_eq!(
            survival(&many),
            "Other assumptions, at nine tenths of the highest load: of 5 lines these flip: 5 under `burst_seconds_1`."
        );
        assert!(
            headline(&many)
                .ends_with("up to a load of 2 with max_tokens 1, and up to a load of 0.4 with max_tokens 5.")
        );
    }

    #[test]
    fn knees_that_are_not_found_are_told_as_they_are() {
        let mut result = fixture::sweep(&[1.0, 2.0], &[]);
        assert_eq!(headline(&result), "The scenario meets attempt_throttle_rate < 1% up to a load of 2.");
        result.knees[0] = Knee { note: Some("not even at 0.06".to_owned()), ..Knee::default() };
        assert_eq!(headline(&result), "The scenario misses attempt_throttle_rate < 1% even at a load of 0.06.");
        result.knees[0].missed = vec!["truncation_rate < 1%".to_owned()];
        assert_eq!(headline(&result), "The scenario misses truncation_rate < 1% even at a load of 0.06.");
        assert_eq!(reach(&result.knees[0]), "at no load (truncation_rate < 1% is missed even at 0.06)");
        result.knees[0].note = Some("at least 16".to_owned());
        assert_eq!(headline(&result), "The scenario meets attempt_throttle_rate < 1% at a load of 16 and beyond.");
    }

    #[test]
    fn an_axis_has_as_short_a_name_as_tells_it_apart() {
        let names = |paths: [&str; 2]| {
            let mut result = fixture::sweep(&[1.0], &["1"]);
            for (axis, path) in result.axes.iter_mut().zip(paths) {
                path.clone_into(&mut axis.path);
            }
            [0, 1].map(|index| axis_name(&result, index)).join(" and ")
        };
        assert_eq!(names(["load", "workloads.chat.max_tokens"]), "load and max_tokens");
        assert_eq!(names(["load", "spike.load"]), "load and spike.load");
        assert_eq!(names(["spike.load", "seed"]), "spike.load and seed");
        let twice = names(["workloads.chat.max_tokens", "workloads.batch.max_tokens"]);
        assert_eq!(twice, "chat.max_tokens and batch.max_tokens");
    }

    #[test]
    fn without_a_load_the_values_that_meet_are_named() {
        let mut result = fixture::sweep(&[1.0, 2.0, 4.0, 8.0], &[]);
        result.knees.clear();
        result.axes[0].path = "pools.haiku.tokens_per_minute".to_owned();
        for (point, meets) in result.points.iter_mut().zip([true, false, true, true]) {
            let load = point.at.remove("load").expect("it has one");
            point.at.insert(result.axes[0].path.clone(), load);
            point.meets = meets;
        }
        assert_eq!(
            headline(&result),
            "3 of 4 points meet attempt_throttle_rate < 1%, at tokens_per_minute 1 and 4 to 8."
        );
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        let csv = csv(&fixture::sweep(&[0.25, 1.0, 3.0], &["256", "unset"]));
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{csv}");
    }
}
