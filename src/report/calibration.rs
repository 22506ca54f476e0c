//! A calibration for people: the answer, the laws with their fit, arrivals, output limits, what should be known.

use super::bundle::add;
use super::chart::{self, Unit, frame::Caption};
use super::json;
use super::number::{DASH, count, digits, duration_ms, or_dash, percent, short};
use super::table::Table;
use super::text::{FAINT, STRONG, Style, align, shorten, wrap};
use crate::calibrate::calibration::{Calibration, WorkloadFit};
use crate::calibrate::curve::{of_fit, of_latency};
use crate::calibrate::fit::{Fit, QuantilePair};
use crate::calibrate::output_limit::OutputLimit;
use crate::calibrate::reading::Reading;
use crate::calibrate::scenario::stands_for;
use crate::model::Arrivals;
use crate::spec::draft::written_arrivals;

/// One screen of text, ending in a newline.
pub fn text(calibration: &Calibration, style: &Style) -> String {
    let mut lines: Vec<String> =
        wrap(&headline(calibration), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    if calibration.workloads.is_empty() {
        lines.push(String::new());
        lines.extend(reading_words(&calibration.reading).iter().flat_map(|words| wrap(words, "- ", "  ")));
        lines.push(String::new());
        return lines.join("\n");
    }
    for table in [traffic(calibration), laws(calibration)] {
        if !table.rows.is_empty() {
            lines.push(String::new());
            lines.extend(align(&table, *style));
        }
    }
    lines.push(style.paint(FAINT, &laws_legend(calibration)));
    lines.push(String::new());
    lines.extend(arrivals(calibration, *style));
    lines.push(String::new());
    lines.push(style.paint(FAINT, "max_tokens"));
    for workload in &calibration.workloads {
        lines.extend(wrap(&format!("{}: {}", workload.name, limit_words(&workload.max_tokens)), "- ", "  "));
    }
    lines.push(String::new());
    lines.push(style.paint(FAINT, "records"));
    lines.extend(reading_words(&calibration.reading).iter().flat_map(|words| wrap(words, "- ", "  ")));
    if !calibration.notes.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "to know"));
        lines.extend(calibration.notes.iter().flat_map(|note| wrap(note, "- ", "  ")));
    }
    lines.push(String::new());
    lines.extend(wrap(&footer(calibration), "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// The answer in a sentence or two.
fn headline(calibration: &Calibration) -> String {
    let workloads = &calibration.workloads;
    let answered: u64 = workloads.iter().map(|workload| workload.totals.answered).sum();
    if answered == 0 {
        return "no answered request was found, so there is nothing to calibrate from".to_owned();
    }
    // The laws that the scenario has: the input of a conversation's turn is what it adds.
    let input = |workload: &WorkloadFit| match &workload.arrivals.sessions {
        Some(sessions) => sessions.new_tokens.ks,
        None => workload.input_tokens.ks,
    };
    let worst = workloads.iter().map(|workload| input(workload).max(workload.output_tokens.ks)).fold(0.0, f64::max);
    let watched = if calibration.span.is_some() {
        format!(" over {}", duration_ms(calibration.watched_minutes * 60_000.0))
    } else {
        String::new()
    };
    let of = match workloads.len() {
        1 => "1 workload".to_owned(),
        many => format!("{many} workloads"),
    };
    format!(
        "{} answered requests{watched} became a scenario of {of}; its laws of tokens are within {} of what was observed. \
         {}",
        count(answered),
        percent(worst),
        advice(workloads)
    )
}

/// What to do about `max_tokens`, of the workload with the most answers.
fn advice(workloads: &[WorkloadFit]) -> String {
    let Some(workload) = workloads.iter().rev().max_by_key(|workload| workload.totals.answered) else {
        return String::new();
    };
    let (name, limit) = (&workload.name, &workload.max_tokens);
    let used = limit.used.first().and(limit.scenario);
    let now =
        |used: u64| format!("max_tokens of {} for {name} cuts {} of the answers", count(used), percent(limit.cut));
    let Some(choice) = limit.choices.last() else {
        return match used {
            Some(used) if limit.cut > 0.0 => format!("{}: raise it to see how long they are.", now(used)),
            _ => "Too few answers were seen whole to recommend a max_tokens.".to_owned(),
        };
    };
    let recommended = count(choice.max_tokens);
    match used {
        // A limit that cuts less than what could be recommended hides how long answers are.
        Some(used) if limit.cut > 0.0 && choice.cuts > limit.cut => {
            format!("{}: raise it to see how long they are.", now(used))
        }
        Some(used) if used < choice.max_tokens && limit.cut > 0.0 => {
            let by_law = if choice.by_law { "by the law, " } else { "" };
            format!("{}; {by_law}{recommended} would cut {}.", now(used), percent(choice.cuts))
        }
        Some(used) if used <= choice.max_tokens => {
            format!("max_tokens of {} for {name} cuts {}.", count(used), percent(limit.cut))
        }
        _ => {
            let cuts = match choice.cuts {
                0.0 => "none of the answers".to_owned(),
                cuts => format!("{} of the answers", percent(cuts)),
            };
            let instead = match (limit.used.is_empty(), used) {
                (true, _) => String::new(),
                (false, None) => ", where it is unset now".to_owned(),
                (false, Some(used)) => format!(", where it is {} now", count(used)),
            };
            format!("max_tokens of {recommended} for {name} would cut {cuts}{instead}.")
        }
    }
}

/// Characters of a pool's name in a table of 80 columns.
const POOL: usize = 14;

fn traffic(calibration: &Calibration) -> Table {
    let pools = calibration.pools.len() > 1;
    let cached = calibration.workloads.iter().any(|workload| workload.cached_share > 0.0);
    let quantile = |fit: &Fit, p: f64| {
        fit.observed.quantile(p).filter(|_| fit.observations >= 10).map_or_else(|| DASH.to_owned(), short)
    };
    let row = |workload: &WorkloadFit| {
        let (input, output) = (&workload.input_tokens, &workload.output_tokens);
        let cells = [
            (true, workload.name.clone()),
            (pools, shorten(&workload.pool, POOL)),
            (true, count(workload.totals.attempts)),
            (true, short(workload.arrivals.requests_per_minute)),
            (true, quantile(input, 0.5)),
            (true, quantile(input, 0.99)),
            (cached, percent(workload.cached_share)),
            (true, quantile(output, 0.5)),
            (true, quantile(output, 0.99)),
        ];
        cells.into_iter().filter(|cell| cell.0).map(|cell| cell.1).collect()
    };
    let titles = [
        (true, "workload"),
        (pools, "pool"),
        (true, "attempts"),
        (true, "per min"),
        (true, "in p50"),
        (true, "p99"),
        (cached, "cached"),
        (true, "out p50"),
        (true, "p99"),
    ];
    Table {
        header: titles.into_iter().filter(|title| title.0).map(|title| title.1).collect(),
        rows: calibration.workloads.iter().map(row).collect(),
        words: if pools { vec![0, 1] } else { vec![0] },
    }
}

/// With more workloads than this only the main laws of each are shown.
const FEW: usize = 3;

fn laws(calibration: &Calibration) -> Table {
    let mut rows = Vec::new();
    let few = calibration.workloads.len() <= FEW;
    for workload in &calibration.workloads {
        let indent = if calibration.workloads.len() > 1 { "  " } else { "" };
        if !indent.is_empty() {
            rows.push([workload.name.clone()].into_iter().chain(vec![String::new(); 6]).collect());
        }
        let mut law = |what: &str, family: &str, ks: f64, quantiles: &[QuantilePair], write: fn(f64) -> String| {
            let at = |share: f64| quantiles.iter().find(|pair| pair.share == share);
            let cells = |share: f64| {
                let pair = at(share);
                [or_dash(pair.and_then(|pair| pair.observed), write), or_dash(pair.map(|pair| pair.fitted), write)]
            };
            let ([a, b], [c, d]) = (cells(0.5), cells(0.99));
            rows.push(vec![format!("{indent}{what}"), family.to_owned(), percent(ks), a, b, c, d]);
        };
        let mut of_fit = |what: &str, fit: &Fit, write: fn(f64) -> String| {
            law(what, &family(fit), fit.ks, &fit.quantiles, write);
        };
        let sessions = workload.arrivals.sessions.as_ref();
        match sessions {
            Some(sessions) => of_fit("new text", &sessions.new_tokens, short),
            None => of_fit("input", &workload.input_tokens, short),
        }
        of_fit("output", &workload.output_tokens, short);
        for (what, fit) in
            [("cache reads", &workload.cache_read_tokens), ("cache writes", &workload.cache_write_tokens)]
        {
            if fit.zeros < 1.0 && fit.observations > 0 && sessions.is_none() && few {
                of_fit(what, fit, short);
            }
        }
        if let Some(sessions) = sessions.filter(|_| few) {
            of_fit("turns", &sessions.turns, short);
            of_fit("pauses", &sessions.think_time, seconds);
        }
        if let Some(latency) = &workload.latency {
            let family = if latency.duration.is_some() { "one law" } else { "start + tokens" };
            law("duration", family, latency.ks, &latency.quantiles, seconds);
        }
    }
    Table { header: vec!["law of", "family", "off", "p50 seen", "law", "p99 seen", "law"], rows, words: vec![0, 1] }
}

/// The family in words, with the zeros that are apart from it.
fn family(fit: &Fit) -> String {
    if fit.zeros > 0.005 && fit.zeros < 1.0 {
        format!("0 or {}", fit.family.name())
    } else {
        fit.family.name().to_owned()
    }
}

fn seconds(value: f64) -> String {
    duration_ms(value * 1e3)
}

fn laws_legend(calibration: &Calibration) -> String {
    let most = calibration.workloads.iter().map(|workload| &workload.output_tokens).max_by_key(|fit| fit.observations);
    let chance = most.map_or_else(String::new, |fit| {
        format!("; by chance {} of {} values", percent(fit.ks_by_chance), count(fit.observations))
    });
    format!("off: Kolmogorov–Smirnov distance{chance}")
}

/// The processes, one each, and how uneven they are.
fn arrivals(calibration: &Calibration, style: Style) -> Vec<String> {
    let mut lines = vec![style.paint(FAINT, "arrivals")];
    let reasons = || calibration.workloads.iter().map(|workload| workload.arrivals.reason.as_str());
    let shared = reasons().next().filter(|first| reasons().count() > 1 && reasons().all(|reason| reason == *first));
    for workload in &calibration.workloads {
        let fit = &workload.arrivals;
        let process = match &fit.process {
            Arrivals::Piecewise { points, .. } => format!("piecewise with {} rates", points.len()),
            Arrivals::Sessions(sessions) => format!("sessions, {} new ones", crate::units::format::rate(sessions.rate)),
            process => written_arrivals(process),
        };
        let mut words = format!("{}: {process}", workload.name);
        if shared.is_none() {
            words = format!("{words}; {}", fit.reason);
        }
        let spread: Vec<String> = fit
            .dispersion
            .iter()
            .filter(|row| [1, 10, 60].contains(&row.window_s))
            .map(|row| format!("{} over {} s as {}", short(row.observed), row.window_s, short(row.fitted)))
            .collect();
        if !spread.is_empty() {
            words = format!("{words}. Counts spread (variance ÷ mean) {}", spread.join(", "));
        }
        lines.extend(wrap(&words, "- ", "  "));
    }
    lines.extend(shared.iter().flat_map(|reason| wrap(reason, "- ", "  ")));
    lines.extend(wrap(
        &format!("the scenario stands for {}: {}", stands_for(calibration), calibration.window_reason),
        "- ",
        "  ",
    ));
    lines
}

fn limit_words(limit: &OutputLimit) -> String {
    let used: Vec<String> = limit
        .used
        .iter()
        .take(3)
        .map(|used| {
            let value = used.max_tokens.map_or_else(|| "unset".to_owned(), count);
            if used.share >= 0.9995 { value } else { format!("{value} ({})", percent(used.share)) }
        })
        .collect();
    let used = if used.is_empty() { "not recorded".to_owned() } else { format!("{} in use", used.join(", ")) };
    let cut =
        if limit.cut > 0.0 { format!(", which cut {} of the answers", percent(limit.cut)) } else { String::new() };
    let choices: Vec<String> = limit
        .choices
        .iter()
        .map(|choice| {
            format!(
                "{} (p{}{}) cuts {}",
                count(choice.max_tokens),
                digits(choice.quantile * 100.0, 3),
                if choice.by_law { ", by the law" } else { "" },
                percent(choice.cuts)
            )
        })
        .collect();
    let choices = if choices.is_empty() {
        "too few answers were seen whole to recommend one".to_owned()
    } else {
        choices.join(", ")
    };
    format!("{used}{cut}; {choices}")
}

fn reading_words(reading: &Reading) -> Vec<String> {
    let mut words = vec![format!(
        "{} of {} records in {} were used",
        count(reading.used),
        count(reading.records),
        match reading.files {
            1 => "1 file".to_owned(),
            many => format!("{} files", count(many)),
        }
    )];
    if !reading.columns.is_empty() {
        let columns: Vec<String> = reading
            .columns
            .iter()
            .map(|column| {
                let unit = column.unit.map_or_else(String::new, |unit| format!(" in {unit}"));
                format!("{} = {}{unit}", column.field, column.column)
            })
            .collect();
        let how =
            if reading.columns.iter().any(|column| column.guessed) { "columns, guessed by name" } else { "columns" };
        words.push(format!("{how}: {}", columns.join(", ")));
    }
    if reading.input_includes_cache {
        words.push("the input column counts the cached part, which was taken off".to_owned());
    }
    for (reason, unused) in &reading.unused {
        let places: Vec<String> = unused.first.iter().map(|at| format!("{}:{}", name(&at.file), at.line)).collect();
        let kind = if unused.broken { "broken" } else { "passed over" };
        words.push(format!("{} {kind}, as {reason} ({})", count(unused.count), places.join(", ")));
    }
    words
}

/// The last part of a path: those of logs tell files apart, and the whole path is in the JSON document.
fn name(path: &str) -> &str {
    path.rsplit(['/', '\\']).next().unwrap_or(path)
}

/// How to find it again.
fn footer(calibration: &Calibration) -> String {
    // Fractions of a second say nothing here.
    let whole = |time: &String| {
        time.split('.').next().map_or_else(String::new, |time| time.trim_end_matches('Z').replace('T', " "))
    };
    let span = calibration.span.as_ref().map(|[from, to]| format!("{} to {} UTC", whole(from), whole(to)));
    let parts = [Some(calibration.sources.clone()), span, Some(format!("quotasim {}", calibration.quotasim_version))];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// What `-o DIR` writes beside the scenario: the whole result and a chart for each law and each process.
pub fn files(calibration: &Calibration) -> Vec<(String, Vec<u8>)> {
    let mut files = vec![("calibration.json".to_owned(), json::document(calibration).into_bytes())];
    for workload in &calibration.workloads {
        let name = &workload.name;
        let mut law = |what: &str, fit: &Fit, unit: Unit, measure: &str| {
            if fit.observations > 0 && fit.zeros < 1.0 {
                let caption = caption(calibration, workload, &finding(name, what, fit), &of_law(fit));
                add(
                    &mut files,
                    &format!("fit-{name}-{}", what.replace(' ', "-")),
                    &chart::fit(caption, &of_fit(fit), unit, measure),
                );
            }
        };
        law("input", &workload.input_tokens, Unit::Count, "uncached input tokens");
        law("output", &workload.output_tokens, Unit::Count, "output tokens");
        law("cache reads", &workload.cache_read_tokens, Unit::Count, "tokens read from the cache");
        law("cache writes", &workload.cache_write_tokens, Unit::Count, "tokens written to the cache");
        if let Some(sessions) = &workload.arrivals.sessions {
            law("turns", &sessions.turns, Unit::Count, "turns of a session");
            law("pauses", &sessions.think_time, Unit::Seconds, "pause between turns");
            law("new text", &sessions.new_tokens, Unit::Count, "new input tokens of a turn");
        }
        if let Some(latency) = &workload.latency {
            if let Some(ttft) = &latency.ttft {
                law("first token", ttft, Unit::Seconds, "time to the first token, without the prompt's share");
            }
            if let Some(speed) = &latency.output_tokens_per_second {
                law("speed", speed, Unit::Speed, "output tokens per second");
            }
            let title = format!("{name}: whole durations are within {} of the model's", percent(latency.ks));
            let how = if latency.ttft_recorded { "time to first token recorded" } else { "taken apart by size" };
            let caption = caption(calibration, workload, &title, how);
            add(
                &mut files,
                &format!("fit-{name}-duration"),
                &chart::fit(caption, &of_latency(latency), Unit::Seconds, "whole duration"),
            );
        }
        let title = arrivals_finding(workload);
        let process = written_arrivals(&workload.arrivals.process);
        let said = match &workload.arrivals.process {
            Arrivals::Piecewise { points, .. } => format!("{} rates, independent arrivals at each", points.len()),
            Arrivals::Sessions(_) => "conversations open independently of each other".to_owned(),
            _ => process,
        };
        // Conversations with relative times have no course over time to draw.
        if !workload.arrivals.timeline.is_empty() {
            let caption = caption(calibration, workload, &title, &said);
            add(&mut files, &format!("arrivals-{name}"), &chart::arrivals(caption, &workload.arrivals));
        }
    }
    files
}

/// What the chart of arrivals shows.
fn arrivals_finding(workload: &WorkloadFit) -> String {
    let (name, fit) = (&workload.name, &workload.arrivals);
    let per_minute = format!("{} requests per minute", short(fit.requests_per_minute));
    if let Some(sessions) = &fit.sessions {
        return format!("{name}: {per_minute} in {} conversations", count(sessions.sessions));
    }
    match fit.dispersion.iter().find(|row| row.window_s == 60).or(fit.dispersion.last()) {
        Some(row) if row.observed > 1.5 => format!(
            "{name}: {per_minute}, in bursts that spread {} times as much as independent ones over {} s",
            short(row.observed),
            row.window_s
        ),
        Some(row) if row.observed < 0.6 => format!("{name}: {per_minute}, more regular than independent ones"),
        _ => format!("{name}: {per_minute}, about independent of each other"),
    }
}

fn finding(name: &str, what: &str, fit: &Fit) -> String {
    let of = match what {
        "input" | "output" => format!("{what} tokens"),
        other => other.to_owned(),
    };
    format!("{name}: {of} are {} within {} of {} values", family(fit), percent(fit.ks), count(fit.observations))
}

fn of_law(fit: &Fit) -> String {
    let mut words = vec![fit.reason.clone()];
    if fit.zeros > 0.0 {
        words.push(format!("{} are zero", percent(fit.zeros)));
    }
    if fit.censored > 0.0 {
        words.push(format!("{} were cut at max_tokens and are known from below", percent(fit.censored)));
    }
    words.push(format!("a perfect law is off by {} by chance", percent(fit.ks_by_chance)));
    words.join(" · ")
}

fn caption(calibration: &Calibration, workload: &WorkloadFit, title: &str, said: &str) -> Caption {
    let model = calibration.pools.iter().find(|pool| pool.name == workload.pool).map_or("", |pool| pool.model.as_str());
    Caption {
        title: title.to_owned(),
        subtitle: format!("{model} · workload {} · {said}", workload.name),
        footer: footer(calibration),
    }
}
