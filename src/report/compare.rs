//! A comparison for people and programs: text, Markdown, CSV, JSON.

mod tables;

pub use tables::{LEGEND, all_differences, assumptions, durations, main_differences, outcomes, subject, verdict};

use super::number::count;
use super::setting::Setting;
use super::table::{Table, judged, provenance_of};
use super::text::{BAD, FAINT, GOOD, STRONG, Style, align, faint, pack, wrap};
use super::{clients, csv, text};
use super::{markdown, recovery};
use crate::analysis::{Comparison, Metrics, VariantResult};
use std::fmt::Write as _;

/// The metrics that a comparison is about: of the workload whose `max_tokens` differs, or of all.
pub fn metrics_of<'a>(comparison: &Comparison, variant: &'a VariantResult) -> &'a Metrics {
    let workload = comparison.workload.as_ref().and_then(|name| variant.workloads.get(name));
    workload.unwrap_or(&variant.total)
}

/// A variant's name as it is read: `1,024`, `unset`, or the name of an overlay.
pub fn name_of(variant: &VariantResult) -> String {
    match variant.max_tokens {
        Some(limit) if variant.name.parse() == Ok(limit) => count(limit),
        _ => variant.name.clone(),
    }
}

/// The same where it stands alone: `max_tokens 1,024`, or the name of an overlay.
pub fn spoken(variant: &VariantResult) -> String {
    match variant.max_tokens {
        Some(limit) if variant.name.parse() == Ok(limit) => format!("max_tokens {}", count(limit)),
        None if variant.name == "unset" => "max_tokens unset".to_owned(),
        _ => variant.name.clone(),
    }
}

/// A variant's name as a part of a sentence that says what it is: `1,024`, `unset`, `“twice the quota”`.
pub fn quoted(variant: &VariantResult) -> String {
    match spoken(variant) {
        name if name == variant.name => format!("“{name}”"),
        _ => name_of(variant),
    }
}

/// A variant in a sentence: `max_tokens 1,024`, `“twice the quota”`.
pub fn in_sentence(variant: &VariantResult) -> String {
    match spoken(variant) {
        name if name == variant.name => quoted(variant),
        value => value,
    }
}

/// What is compared, for the subtitle of a chart: models, the workload, and how quotas are assumed to be enforced.
pub fn subtitle(comparison: &Comparison, setting: &Setting) -> Vec<String> {
    let models = setting.models().join(", ");
    // Named variants may differ in their models, too.
    let models = match comparison.variants.first().filter(|_| comparison.workload.is_none()) {
        Some(first) => format!("{}: {models}", first.name),
        None => models,
    };
    let workload = comparison.workload.as_ref().map(|name| format!("workload {name}"));
    std::iter::once(models).chain(workload).chain(setting.limiters()).filter(|part| !part.is_empty()).collect()
}

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(comparison: &Comparison) -> String {
    provenance(comparison).join(" · ")
}

fn provenance(comparison: &Comparison) -> [String; 4] {
    provenance_of(
        &comparison.scenario,
        comparison.seed,
        &comparison.quotasim_version,
        comparison.replications,
        [comparison.horizon_s, comparison.warmup_s],
    )
}

/// The first sentence, which is the answer, and the others.
pub fn sentences(reason: &str) -> (String, &str) {
    reason.split_once(". ").map_or((reason.to_owned(), ""), |(first, rest)| (format!("{first}."), rest))
}

/// The objectives as the recommended variant meets them, or the closest misses them, under a title.
pub fn objectives(comparison: &Comparison) -> Option<(String, Table)> {
    let variant = comparison.answer()?;
    let measured_s = (comparison.horizon_s - comparison.warmup_s) * f64::from(comparison.replications);
    Some((format!("objectives, with {}", in_sentence(variant)), judged(&variant.slo, measured_s)))
}

/// What the differences are from.
pub fn paired(comparison: &Comparison) -> String {
    let first = comparison.variants.first().map(in_sentence).unwrap_or_default();
    format!("paired differences to {first}, ± half the 95% interval")
}

/// The comparison as text, ending in a newline.
pub fn text(comparison: &Comparison, style: &Style) -> String {
    let (answer, rest) = sentences(&comparison.recommendation.reason);
    let mut lines: Vec<String> = wrap(&answer, "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    if !rest.is_empty() {
        lines.extend(wrap(rest, "", ""));
    }
    let short = lettered(comparison);
    if let Some(short) = &short {
        lines.push(String::new());
        let key = short.variants.iter().zip(&comparison.variants);
        lines.extend(key.flat_map(|(letter, each)| wrap(&each.name, &format!("{}  ", letter.name), "   ")));
    }
    let short = short.as_ref().unwrap_or(comparison);
    lines.push(String::new());
    lines.extend(align(&outcomes(short), *style));
    lines.extend(faint(LEGEND, *style));
    lines.push(String::new());
    lines.extend(align(&durations(short), *style));
    let callers = clients::of_variants(short);
    if !callers.rows.is_empty() {
        lines.push(String::new());
        lines.extend(align(&callers, *style));
        lines.extend(faint(&clients::legend_of_variants(short), *style));
    }
    if comparison.variants.len() > 1 {
        lines.push(String::new());
        lines.extend(faint(&paired(comparison), *style));
        let [outcomes, durations] = main_differences(short);
        lines.extend(align(&outcomes, *style));
        lines.push(String::new());
        lines.extend(align(&durations, *style));
    }
    let afterwards = recovery::of_variants(short);
    if !afterwards.rows.is_empty() {
        lines.push(String::new());
        lines.extend(align(&afterwards, *style));
    }
    if let (Some((title, table)), Some(variant)) = (objectives(comparison), comparison.answer()) {
        lines.push(String::new());
        lines.extend(text::objectives(&title, &table, &variant.slo, *style));
    }
    if !comparison.recommendation.tried.is_empty() {
        lines.push(String::new());
        lines.extend(faint(&tried_title(comparison), *style));
        let rows = align(&assumptions(comparison), *style).into_iter();
        lines.extend(rows.map(|line| {
            let paint = |word: &str, ansi| line.strip_prefix(word).map(|rest| style.paint(ansi, word) + rest);
            let good = paint("holds", GOOD).or_else(|| paint("meets", GOOD));
            good.or_else(|| paint("flips", BAD)).or_else(|| paint("misses", BAD)).unwrap_or(line)
        }));
    }
    lines.extend(text::foundations(&comparison.assumptions, &comparison.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(comparison), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// Names of variants longer than this leave no room for numbers.
const LONG_NAME: usize = 10;

/// The comparison with letters for names, where these are too long for the first column of a table.
fn lettered(comparison: &Comparison) -> Option<Comparison> {
    let long = comparison.variants.iter().any(|each| each.name.chars().count() > LONG_NAME);
    if comparison.workload.is_some() || !long || comparison.variants.len() > 26 {
        return None;
    }
    let mut short = comparison.clone();
    let recommended = comparison.recommendation.variant.as_ref();
    for (letter, each) in ('A'..='Z').zip(&mut short.variants) {
        if recommended == Some(&each.name) {
            short.recommendation.variant = Some(letter.to_string());
        }
        each.name = letter.to_string();
    }
    Some(short)
}

/// What was tried on which variant.
pub fn tried_title(comparison: &Comparison) -> String {
    let name = comparison.answer().map(in_sentence).unwrap_or_default();
    format!("{name} under other assumptions")
}

/// The comparison for a pull request.
pub fn markdown(comparison: &Comparison) -> String {
    let (answer, rest) = sentences(&comparison.recommendation.reason);
    let mut text = format!("**{}**\n", markdown::prose(&answer));
    if !rest.is_empty() {
        let _ = write!(text, "\n{}\n", markdown::prose(rest));
    }
    for table in [outcomes(comparison), durations(comparison)] {
        let _ = write!(text, "\n{}", markdown::rows(&table));
    }
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(LEGEND));
    let callers = clients::of_variants(comparison);
    if !callers.rows.is_empty() {
        let legend = markdown::escape(&clients::legend_of_variants(comparison));
        let _ = write!(text, "\n{}\n<sub>{legend}</sub>\n", markdown::rows(&callers));
    }
    let afterwards = recovery::of_variants(comparison);
    if !afterwards.rows.is_empty() {
        let _ = write!(text, "\n{}", markdown::rows(&afterwards));
    }
    if comparison.variants.len() > 1 {
        let _ = write!(text, "\n{}:\n", capital(&markdown::escape(&paired(comparison))));
        for table in all_differences(comparison) {
            let _ = write!(text, "\n{}", markdown::rows(&table));
        }
    }
    if let Some((title, table)) = objectives(comparison) {
        let _ = write!(text, "\n{}:\n\n{}", capital(&markdown::escape(&title)), markdown::rows(&table));
    }
    if !comparison.recommendation.tried.is_empty() {
        let title = capital(&markdown::escape(&tried_title(comparison)));
        let _ = write!(text, "\n{title}:\n\n{}", markdown::rows(&assumptions(comparison)));
    }
    text += &markdown::foundations(&comparison.assumptions, &comparison.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(comparison)));
    text
}

/// A text that begins with a capital letter.
pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The comparison in long form: `variant,kind,name,metric,mean,ci_low,ci_high,few_events`. Kinds are `total`,
/// `workload`, `pool`, `difference` (to the first variant, of the total and of the named workload), `recovery` and `slo`.
pub fn csv(comparison: &Comparison) -> String {
    let mut table = csv::Table::new(&["variant", "kind", "name", "metric", "mean", "ci_low", "ci_high", "few_events"]);
    for variant in &comparison.variants {
        let parts = [("total".to_owned(), String::new(), csv::document(&variant.total))];
        let workloads =
            variant.workloads.iter().map(|(name, of)| ("workload".to_owned(), name.clone(), csv::document(of)));
        let pools = variant.pools.iter().map(|(name, of)| ("pool".to_owned(), name.clone(), csv::document(of)));
        let figures = serde_json::json!({
            "reservation_per_request": variant.reservation_per_request,
            "fits_at_once": variant.fits_at_once,
            "cost_usd_per_1000_good": variant.cost_usd_per_1000_good,
        });
        let figures = ("total".to_owned(), String::new(), figures);
        let afterwards =
            variant.recovery.iter().map(|after| ("recovery".to_owned(), String::new(), csv::document(after)));
        let difference = ("difference".to_owned(), String::new(), csv::document(&variant.difference));
        let of_workload = variant.workload_difference.as_ref().map(|difference| {
            ("difference".to_owned(), comparison.workload.clone().unwrap_or_default(), csv::document(difference))
        });
        let differences = std::iter::once(difference).chain(of_workload);
        for (kind, name, document) in
            parts.into_iter().chain([figures]).chain(workloads).chain(pools).chain(differences).chain(afterwards)
        {
            table.metrics(&[&variant.name, &kind, &name], &document);
        }
        for outcome in &variant.slo {
            table.metrics(
                &[&variant.name, "slo", &outcome.text],
                &serde_json::json!({
                    "value": outcome.value,
                    "bound": outcome.bound,
                    "met": outcome.met,
                    "uncertain": outcome.uncertain,
                }),
            );
        }
    }
    table.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Estimate;
    use crate::report::fixture;
    use crate::report::number::DASH;

    #[test]
    fn a_comparison_as_text_and_markdown() {
        let result = fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]);
        insta::assert_snapshot!(format!("{}\n{}", text(&result, &Style::PLAIN), markdown(&result)));
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let values = fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]);
        for result in [values, named()] {
            for line in text(&result, &Style::PLAIN).lines() {
                assert!(line.chars().count() <= text::WIDTH, "{line}");
            }
        }
    }

    /// Variants with names of their own.
    fn named() -> Comparison {
        let long = "a client that is patient and never gives up before its eighth attempt";
        let values = [("as it is", 64_000, 0.4, 0.0), (long, 64_000, 0.0, 0.0)];
        Comparison { workload: None, ..fixture::comparison(&values) }
    }

    #[test]
    fn long_names_stand_once_and_letters_for_them_in_tables() {
        let text = text(&named(), &Style::PLAIN);
        assert!(text.contains("\nA  as it is\nB  a client that is patient"), "{text}");
        assert!(text.contains("\nB *  "), "{text}");
        assert!(text.contains("paired differences to “as it is”"), "{text}");
    }

    #[test]
    fn half_an_interval_is_known_to_two_digits_and_shares_its_unit() {
        let mut result = fixture::comparison(&[("unset", 64_000, 0.4, 0.0), ("16", 16, 0.0, 0.0)]);
        let estimate =
            |mean, half| Estimate { mean: Some(mean), ci95: Some([mean - half, mean + half]), few_events: false };
        let difference = &mut result.variants[1].difference;
        difference.attempt_throttle_rate = estimate(-0.1511, 0.0318);
        difference.latency_ms.p50 = estimate(-160.0, 52.34);
        difference.latency_ms.p99 = estimate(-7_860.0, 76.6);
        difference.cost_usd_per_1000_good = estimate(3.822, 0.5311);
        let [outcomes, durations] = main_differences(&result);
        assert_eq!(outcomes.rows[0][1], "−15.1 pp ±3.2");
        assert_eq!(durations.rows[0][1..], ["−160 ms ±52", "−7.86 s ±77 ms", DASH, "+$3.82 ±0.53"]);
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        let csv = csv(&fixture::comparison(&[("unset", 64_000, 0.413, 0.0), ("16", 16, 0.0, 0.0), ("4", 4, 0.0, 0.6)]));
        let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
        assert!(reader.records().all(|row| row.is_ok()), "{csv}");
    }
}
