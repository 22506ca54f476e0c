//! A sizing for people and programs: text, Markdown, CSV, and the case for a quota increase.

pub mod increase;
pub mod tables;

use super::chart::frame::Caption;
use super::markdown;
use super::number::{percent, short};
use super::setting::Setting;
use super::table::{Table, in_unit, provenance_of};
use super::text::{FAINT, GOOD, STRONG, Style, align, pack, wrap};
use super::{csv, text};
use crate::analysis::confidence::Standing;
use crate::analysis::sizing::{LimitName, Sizing};
use std::fmt::Write as _;

/// How to repeat it: scenario, seed, version, replications, horizon.
pub fn footer(sizing: &Sizing) -> String {
    provenance(sizing).join(" · ")
}

fn provenance(sizing: &Sizing) -> [String; 4] {
    provenance_of(
        &sizing.scenario,
        sizing.seed,
        &sizing.quotasim_version,
        sizing.replications,
        [sizing.horizon_s, sizing.warmup_s],
    )
}

/// A quota to ask for, in words.
struct Asked {
    words: String,
    today: u64,
    /// The need as the scenario is written, and the largest one under what decides, with that assumption.
    need: u64,
    decided: (u64, Option<String>),
}

fn asked(sizing: &Sizing) -> Vec<Asked> {
    let of_pool = |(pool, size): (&String, &crate::analysis::sizing::PoolSize)| {
        let ask = |(name, request): (LimitName, u64)| {
            let need = size.needs.get(name).unwrap_or(0);
            let deciding = size.by_assumption.iter().filter(|(_, under)| under.decides);
            let others = deciding.filter_map(|(key, under)| Some((under.needs.get(name)?, Some(key.clone()))));
            Asked {
                words: format!("{} {} for `{pool}`", short(request as f64), name.words()),
                today: size.today.get(name).unwrap_or(0),
                need,
                decided: others.fold((need, None), |most, each| if each.0 > most.0 { each } else { most }),
            }
        };
        size.request.present().map(ask).collect::<Vec<_>>()
    };
    let mut asked: Vec<Asked> = sizing.pools.iter().flat_map(of_pool).collect();
    for (account, size) in &sizing.accounts {
        if let Some(request) = size.request {
            let words = format!("{} tokens per day for account `{account}`", short(request as f64));
            let need = size.tokens_per_day.unwrap_or(0);
            asked.push(Asked { words, today: size.today.unwrap_or(0), need, decided: (need, None) });
        }
    }
    asked
}

/// The answer in a sentence.
pub fn headline(sizing: &Sizing) -> String {
    if !sizing.meets_slo {
        let first = sizing.reasons.first().map_or("nothing can be judged", String::as_str);
        return format!("No quota meets the objectives: {first}.");
    }
    match asked(sizing).as_slice() {
        [] if sizing.meets_today => match binding(sizing) {
            Some((limit, of, need, today)) => format!(
                "Today's quotas are enough: `{of}` needs {} of its {} {limit}.",
                short(need as f64),
                short(today as f64)
            ),
            None => "Today's quotas are enough.".to_owned(),
        },
        [] => match binding(sizing) {
            Some((limit, of, need, today)) => {
                format!("`{of}` needs {} {limit}; today's are {}.", short(need as f64), short(today as f64))
            }
            None => "There is no quota to ask for.".to_owned(),
        },
        [only] => format!("Ask for {}: today's {} {}.", only.words, short(only.today as f64), verdict(sizing, only)),
        several => {
            let each: Vec<String> =
                several.iter().map(|asked| format!("{} (today {})", asked.words, short(asked.today as f64))).collect();
            format!("Ask for {}.", each.join(", and "))
        }
    }
}

/// Why today's limit will not do.
fn verdict(sizing: &Sizing, asked: &Asked) -> String {
    match &asked.decided {
        (decided, _) if *decided <= asked.today => {
            format!("is enough, but not with a margin of {}", percent(sizing.margin))
        }
        (_, Some(under)) if asked.need <= asked.today => {
            format!("is enough for the scenario as it is written, but not under `{under}`")
        }
        _ => "is not enough".to_owned(),
    }
}

/// The limit that binds: its name in words, whose it is, need and today's value.
fn binding(sizing: &Sizing) -> Option<(String, &str, u64, u64)> {
    let limit = sizing.binding.as_deref()?.trim_start_matches("account_").replace('_', " ");
    Some((limit, sizing.binding_pool.as_deref()?, sizing.binding_need?, sizing.binding_today?))
}

/// What else there is to know at first sight.
pub fn detail(sizing: &Sizing) -> String {
    if !sizing.meets_slo {
        let mut others = sizing.reasons.iter().skip(1).map(|reason| format!("And {reason}."));
        return others.by_ref().collect::<Vec<_>>().join(" ");
    }
    let mut sentences = Vec::new();
    if let (Some((limit, of, need, _)), Some(standing)) = (binding(sizing), deciding(sizing)) {
        let certain = match standing.limit {
            Some(limit) if Some(limit) != standing.value => format!(
                " (at most {} with {} confidence)",
                in_unit(&standing.metric, Some(limit)),
                tables::confidence(sizing)
            ),
            _ => String::new(),
        };
        sentences.push(format!(
            "With {} {limit} of `{of}`, `{}` comes out at {}{certain}; with less it is missed.",
            short(need as f64),
            standing.text,
            in_unit(&standing.metric, standing.value),
        ));
    }
    if let Some(words) = decider(sizing) {
        sentences.push(words);
    }
    if sizing.margin > 0.0 {
        sentences.push(format!("A margin of {} is in what to ask for.", percent(sizing.margin)));
    }
    if let Some(growth) = &sizing.growth {
        sentences.push(growth.note.clone());
    }
    sentences.join(" ")
}

/// The objective that is missed first with less.
fn deciding(sizing: &Sizing) -> Option<&Standing> {
    let text = sizing.binding_objective.as_ref()?;
    sizing.at_need.iter().find(|standing| standing.text == *text)
}

/// Which assumption decides what to ask for, where it is not the scenario's own, and what happens below.
fn decider(sizing: &Sizing) -> Option<String> {
    let decided = sizing.decided.as_ref()?;
    let large = "with less, its largest requests exceed all that the limit ever holds and are refused for ever";
    let need = short(decided.need as f64);
    match (&decided.under, decided.too_large) {
        (Some(under), false) => {
            Some(format!("Under `{under}`, which cannot be ruled out, it needs {need}, which decides."))
        }
        (Some(under), true) => {
            Some(format!("Under `{under}`, which cannot be ruled out, it needs {need}, which decides: {large}."))
        }
        (None, true) => Some(format!("{}.", sentence(large))),
        (None, false) => None,
    }
}

/// The tables with their titles, in the order of reading.
pub fn sections(sizing: &Sizing) -> Vec<(String, Table)> {
    let under = sizing.decided.as_ref().and_then(|decided| decided.under.as_ref());
    let under = under.map_or_else(String::new, |under| format!(" under {under}"));
    let subject = binding(sizing).map_or_else(String::new, |(limit, of, ..)| format!("{limit} of {of}{under}"));
    vec![
        ("the account's applied quotas".to_owned(), tables::applied(sizing)),
        (
            "AWS does not publish how a quota is enforced; what is needed under each guess".to_owned(),
            tables::assumptions(sizing),
        ),
        (format!("if an input turns out otherwise: needed {subject}"), tables::sensitivity(sizing)),
        ("growth".to_owned(), tables::growth(sizing)),
    ]
}

/// The words around the chart of the binding limit.
pub fn curve_caption(sizing: &Sizing, setting: &Setting) -> Caption {
    let mut subtitle = setting.foundations();
    subtitle.push(format!("band: 95% interval; green dots meet all objectives with {}", tables::confidence(sizing)));
    Caption {
        title: headline(sizing).trim_end_matches('.').replace('`', ""),
        subtitle: subtitle.join(" · "),
        footer: footer(sizing),
    }
}

/// The sizing as text, ending in a newline.
pub fn text(sizing: &Sizing, style: &Style) -> String {
    let mut lines: Vec<String> = wrap(&headline(sizing), "", "").iter().map(|line| style.paint(STRONG, line)).collect();
    let detail = detail(sizing);
    if !detail.is_empty() {
        lines.extend(wrap(&detail, "", ""));
    }
    lines.push(String::new());
    lines.extend(align(&tables::quotas(sizing), *style));
    if sizing.meets_slo {
        lines.extend(wrap(tables::QUOTAS_LEGEND, "", "").iter().map(|line| style.paint(FAINT, line)));
    }
    let (at, of) = if sizing.meets_slo {
        (format!("objectives, each quota at its need ({} confidence)", tables::confidence(sizing)), &sizing.at_need)
    } else {
        ("objectives, with today's quotas".to_owned(), &sizing.at_today)
    };
    lines.push(String::new());
    lines.push(style.paint(FAINT, &at));
    lines.extend(objectives(of, *style));
    for (title, table) in sections(sizing) {
        if !table.rows.is_empty() {
            lines.push(String::new());
            lines.extend(wrap(&title, "", "").iter().map(|line| style.paint(FAINT, line)));
            lines.extend(align(&table, *style));
        }
    }
    lines.extend(alternatives(sizing, *style));
    let commands: Vec<&str> = commands(sizing).collect();
    if !commands.is_empty() {
        lines.push(String::new());
        lines.push(style.paint(FAINT, "to ask for it (`-o DIR` writes the whole case)"));
        lines.extend(commands.iter().flat_map(|command| shell_lines(command)));
    }
    lines.extend(text::foundations(&sizing.assumptions, &sizing.warnings, *style));
    lines.push(String::new());
    lines.extend(pack(&provenance(sizing), " · ", "", "").iter().map(|line| style.paint(FAINT, line)));
    lines.push(String::new());
    lines.join("\n")
}

/// One line or two per objective: the verdict, the objective, what was measured.
pub(super) fn objectives(standings: &[Standing], style: Style) -> Vec<String> {
    let rows = tables::standings(standings).rows;
    let width = rows.iter().map(|row| row[0].chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (row, standing) in rows.iter().zip(standings) {
        let [verdict, objective, value, _, limit] = row.as_slice() else { unreachable!("standings have five columns") };
        let measured = match (standing.value, standing.value == standing.limit) {
            (None, _) => "not measured".to_owned(),
            (Some(_), true) => value.clone(),
            (Some(_), false) => format!("{value}, at most {limit}"),
        };
        let indent = " ".repeat(width + 2);
        for (number, line) in wrap(&format!("{objective} ({measured})"), &indent, &indent).into_iter().enumerate() {
            let ansi = if standing.met { GOOD } else { super::text::BAD };
            lines.push(match number {
                0 => format!("{}{}", style.paint(ansi, &format!("{verdict:<width$}")), &line[width..]),
                _ => line,
            });
        }
    }
    lines
}

/// What would do instead: needs, saves, whether today's is enough, what it is.
fn alternatives(sizing: &Sizing, style: Style) -> Vec<String> {
    if sizing.alternatives.is_empty() {
        return Vec::new();
    }
    let title = "instead of a larger quota, each simulated: needs, saves, fits today's quota";
    let mut lines = vec![String::new(), style.paint(FAINT, title)];
    let rows = tables::alternatives(sizing).rows;
    let decided = sizing.decided.as_ref().map_or(0, |decided| decided.need);
    // What saves less than a hundredth saves nothing that a simulation can tell.
    let worth = |at: usize| sizing.alternatives[at].saves.is_some_and(|saves| saves * 100 > decided as i64);
    let (some, none): (Vec<usize>, Vec<usize>) = (0..rows.len()).partition(|&at| worth(at));
    let width = |column: usize| some.iter().map(|&at| rows[at][column].chars().count()).max().unwrap_or(0);
    let (needs, saves, fits) = (width(1), width(2), width(3));
    for row in some.iter().map(|&at| &rows[at]) {
        let first = format!("{:>needs$}  {:>saves$}  {:<fits$}  ", row[1], row[2], row[3]);
        lines.extend(wrap(&format!("{}: {}", row[0], row[4]), &first, &" ".repeat(needs + saves + fits + 6)));
    }
    if !none.is_empty() {
        let each: Vec<String> = none.iter().map(|&at| format!("{} (needs {})", rows[at][0], rows[at][1])).collect();
        lines.extend(wrap(&format!("saving nothing: {}", each.join("; ")), "", "  "));
    }
    lines
}

/// The commands that ask for the quotas, or find their codes.
fn commands(sizing: &Sizing) -> impl Iterator<Item = &str> {
    sizing.increases.iter().flat_map(|increase| &increase.quotas).map(|quota| quota.command.as_str())
}

/// A command over lines that a shell reads as one.
fn shell_lines(command: &str) -> Vec<String> {
    // Options break before their name, so that none is parted from its value.
    let mut words: Vec<String> = Vec::new();
    for part in command.split(" --") {
        words.push(if words.is_empty() { part.to_owned() } else { format!("--{part}") });
    }
    let mut lines = pack(&words, " ", "", "  ");
    let last = lines.len() - 1;
    lines[..last].iter_mut().for_each(|line| *line += " \\");
    lines
}

/// The sizing for a pull request or a ticket.
pub fn markdown(sizing: &Sizing) -> String {
    let mut text = format!("**{}**\n", markdown::escape(&headline(sizing)));
    let detail = detail(sizing);
    if !detail.is_empty() {
        let _ = write!(text, "\n{}\n", markdown::escape(&detail));
    }
    let _ = write!(text, "\n{}", markdown::rows(&tables::quotas(sizing)));
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(tables::QUOTAS_LEGEND));
    let standings = if sizing.meets_slo { &sizing.at_need } else { &sizing.at_today };
    let _ = write!(text, "\n{}", markdown::rows(&tables::standings(standings)));
    for (title, table) in sections(sizing) {
        if !table.rows.is_empty() {
            let _ = write!(text, "\n{}:\n\n{}", markdown::escape(&sentence(&title)), markdown::rows(&table));
        }
    }
    let alternatives = tables::alternatives(sizing);
    if !alternatives.rows.is_empty() {
        let _ = write!(text, "\nInstead of a larger quota, each simulated:\n\n{}", markdown::rows(&alternatives));
    }
    if !sizing.increases.is_empty() {
        let _ = write!(text, "\n{}", increase::markdown(&sizing.increases));
    }
    text += "\nAWS does not publish:\n\n";
    for unpublished in &sizing.unpublished {
        let _ = writeln!(text, "- {}", markdown::escape(unpublished));
    }
    text += &markdown::foundations(&sizing.assumptions, &sizing.warnings);
    let _ = write!(text, "\n<sub>{}</sub>\n", markdown::escape(&footer(sizing)));
    text
}

/// With a capital letter in front.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// The sizing in long form: `kind,of,item,quantity,value`.
pub fn csv(sizing: &Sizing) -> String {
    let mut table = csv::Table::new(&["kind", "of", "item", "quantity", "value"]);
    let text = |value: Option<u64>| value.map_or_else(String::new, |value| value.to_string());
    let mut row = |cells: [&str; 5]| table.row(cells);
    for (key, value) in [
        ("meets_slo", sizing.meets_slo.to_string()),
        ("meets_today", sizing.meets_today.to_string()),
        ("binding", sizing.binding.clone().unwrap_or_default()),
        ("confidence", sizing.confidence.to_string()),
        ("margin", sizing.margin.to_string()),
        ("seed", sizing.seed.to_string()),
        ("replications", sizing.replications.to_string()),
        ("quotasim_version", sizing.quotasim_version.clone()),
    ] {
        row(["size", &sizing.scenario, "", key, &value]);
    }
    for (pool, size) in &sizing.pools {
        for (what, limits) in [("today", &size.today), ("need", &size.needs), ("request", &size.request)] {
            for (name, limit) in limits.present() {
                row(["pool", pool, name.key(), what, &limit.to_string()]);
            }
        }
        for (key, under) in &size.by_assumption {
            for (name, limit) in under.needs.present() {
                row(["assumption", pool, key, name.key(), &limit.to_string()]);
            }
        }
    }
    for (account, size) in &sizing.accounts {
        for (what, limit) in [("today", size.today), ("need", size.tokens_per_day), ("request", size.request)] {
            row(["account", account, "tokens_per_day", what, &text(limit)]);
        }
    }
    for standing in &sizing.at_need {
        for (what, value) in [("value", standing.value), ("limit", standing.limit), ("bound", Some(standing.bound))] {
            row([
                "objective",
                &standing.text,
                &standing.metric,
                what,
                &value.map_or_else(String::new, |v| v.to_string()),
            ]);
        }
    }
    for each in &sizing.sensitivity {
        row(["sensitivity", &each.input, "", "less", &text(each.less)]);
        row(["sensitivity", &each.input, "", "more", &text(each.more)]);
    }
    for each in &sizing.alternatives {
        row(["alternative", &each.name, &each.words, "need", &text(each.need)]);
        let saves = each.saves.map_or_else(String::new, |saves| saves.to_string());
        row(["alternative", &each.name, &each.words, "saves", &saves]);
    }
    for step in sizing.growth.iter().flat_map(|growth| &growth.steps) {
        for (pool, limits) in &step.pools {
            for (name, limit) in limits.present() {
                let item = step.month.clone().unwrap_or_default();
                row(["growth", pool, &format!("{item} {}", step.factor), name.key(), &limit.to_string()]);
            }
        }
    }
    for point in sizing.curve.iter().flat_map(|curve| &curve.points) {
        let ends = point.value.ci95.map_or([None, None], |ends| ends.map(Some));
        for (what, value) in [("value", point.value.mean), ("ci_low", ends[0]), ("ci_high", ends[1])] {
            let value = value.map_or_else(String::new, |value| value.to_string());
            row(["curve", sizing.binding_pool.as_deref().unwrap_or_default(), &point.at.to_string(), what, &value]);
        }
    }
    table.finish()
}

#[cfg(test)]
pub(super) mod fixture;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::WIDTH;

    #[test]
    fn a_quota_that_is_too_small_as_text() {
        insta::assert_snapshot!(text(&fixture::too_small(), &Style::PLAIN));
    }

    #[test]
    fn a_quota_that_is_too_small_as_markdown() {
        insta::assert_snapshot!(markdown(&fixture::too_small()));
    }

    #[test]
    fn enough_and_never_enough() {
        let both = format!("{}\n{}", text(&fixture::enough(), &Style::PLAIN), text(&fixture::unmet(), &Style::PLAIN));
        insta::assert_snapshot!(both);
    }

    #[test]
    fn the_headline_says_why_today_s_quota_will_not_do() {
        let mut sizing = fixture::enough();
        let main = sizing.accounts.get_mut("main").expect("the fixture has it");
        (main.tokens_per_day, main.request) = (Some(900_000_000), Some(900_000_000));
        assert_eq!(headline(&sizing), "Ask for 900M tokens per day for account `main`: today's 700M is not enough.");
        for (today, why) in [
            (8_000_000, "is not enough"),
            (8_500_000, "is enough for the scenario as it is written, but not under `burst_seconds_10`"),
            (9_000_000, "is enough, but not with a margin of 30%"),
        ] {
            let mut sizing = fixture::too_small();
            let pool = sizing.pools.get_mut("sonnet").expect("the fixture has it");
            pool.today.tokens_per_minute = Some(today);
            assert!(headline(&sizing).ends_with(&format!(" {why}.")), "{today}: {}", headline(&sizing));
        }
    }

    #[test]
    fn no_line_is_wider_than_the_screen() {
        let mut several = fixture::too_small();
        let spare = several.pools["sonnet"].clone();
        several.pools.insert("spare-in-another-region".to_owned(), spare);
        for step in several.growth.iter_mut().flat_map(|growth| &mut growth.steps) {
            let limits = step.pools["sonnet"];
            step.pools.insert("spare-in-another-region".to_owned(), limits);
        }
        assert!(text(&several, &Style::PLAIN).contains("2026-12"), "no month is cut short");
        for sizing in [several, fixture::too_small(), fixture::enough(), fixture::unmet(), Sizing::default()] {
            // A quoted word of a command cannot be broken.
            for line in text(&sizing, &Style::PLAIN).lines().filter(|line| !line.contains("--query")) {
                assert!(line.chars().count() <= WIDTH, "{line}");
            }
        }
    }

    #[test]
    fn a_command_is_broken_between_options_and_reads_back_as_one() {
        let command = "aws service-quotas request-service-quota-increase --service-code bedrock --quota-code L-1 \
                       --desired-value 2 --region us-east-1";
        let lines = shell_lines(command);
        assert!(lines.len() > 1 && lines.iter().all(|line| line.chars().count() <= WIDTH + 2), "{lines:?}");
        let joined: Vec<&str> = lines.iter().map(|line| line.trim_end_matches('\\').trim()).collect();
        assert_eq!(joined.join(" "), command);
    }

    #[test]
    fn every_row_of_the_csv_is_as_long_as_its_header() {
        for sizing in [fixture::too_small(), fixture::unmet()] {
            let csv = csv(&sizing);
            let mut reader = ::csv::Reader::from_reader(csv.as_bytes());
            assert!(reader.records().all(|row| row.is_ok()), "{csv}");
        }
    }

    #[test]
    fn what_is_written_as_json_reads_back() {
        for sizing in [fixture::too_small(), fixture::enough(), fixture::unmet()] {
            let text = crate::report::json::document(&sizing);
            assert_eq!(serde_json::from_str::<Sizing>(&text).expect("valid JSON"), sizing);
        }
    }
}
