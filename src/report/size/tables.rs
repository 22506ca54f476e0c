//! The tables of a sizing as text cells, shared by the terminal, Markdown and HTML.

use crate::analysis::confidence::Standing;
use crate::analysis::sizing::{Alternative, LimitName, Limits, PoolSize, Sizing};
use crate::report::number::{DASH, count, digits, percent, short};
use crate::report::table::{Table, in_unit};
use crate::report::text::{WIDTH, shorten};

/// A limit of three digits, or a dash.
fn limit(value: Option<u64>) -> String {
    value.map_or_else(|| DASH.to_owned(), |value| short(value as f64))
}

/// What the shorter titles of [`quotas`] mean.
pub const QUOTAS_LEGEND: &str = "needs: the smallest with which the objectives are met · *: the limit that binds · ask for: the largest need under \
     what decides, rounded up";

/// Every quota: what there is, what is needed, what to ask for.
pub fn quotas(sizing: &Sizing) -> Table {
    let mut rows = Vec::new();
    let binds = |of: &str, key: &str| {
        let pool = sizing.binding_pool.as_deref().is_some_and(|pools| pools.split(" + ").any(|pool| pool == of));
        if pool && sizing.binding.as_deref() == Some(key) { " *" } else { "" }
    };
    for (name, size) in &sizing.pools {
        for (quota, today) in size.today.present() {
            let (need, request) = (size.needs.get(quota), size.request.get(quota));
            let mark = binds(name, quota.key());
            rows.push(row(name, &format!("{}{mark}", quota.words()), Some(today), need, request));
        }
    }
    for (name, size) in &sizing.accounts {
        let mark = binds(name, "account_tokens_per_day");
        let words = format!("tokens per day{mark}");
        rows.push(row(name, &words, size.today, size.tokens_per_day, size.request));
    }
    Table { header: vec!["pool", "quota", "today", "needs", "ask for"], rows, words: vec![0, 1] }
}

fn row(of: &str, quota: &str, today: Option<u64>, need: Option<u64>, request: Option<u64>) -> Vec<String> {
    let ask = match (request, need) {
        (Some(request), _) => short(request as f64),
        (None, Some(_)) => "enough".to_owned(),
        (None, None) => DASH.to_owned(),
    };
    vec![of.to_owned(), quota.to_owned(), limit(today), limit(need), ask]
}

/// Where the objectives stand with every quota at its need: verdict, objective, estimate, confidence limit.
pub fn standings(standings: &[Standing]) -> Table {
    let row = |standing: &Standing| {
        let verdict = match (standing.value, standing.met) {
            (None, _) => "not measured",
            (Some(_), true) => "met",
            (Some(_), false) => "missed",
        };
        let interval = standing
            .ci95
            .map_or_else(|| DASH.to_owned(), |ends| ends.map(|end| in_unit(&standing.metric, Some(end))).join(" to "));
        vec![
            verdict.to_owned(),
            standing.text.clone(),
            in_unit(&standing.metric, standing.value),
            interval,
            in_unit(&standing.metric, standing.limit),
        ]
    };
    Table {
        header: vec!["verdict", "objective", "estimate", "95% interval", "limit"],
        rows: standings.iter().map(row).collect(),
        words: vec![0, 1],
    }
}

/// What an assumption says, in a few words.
fn assumption(key: &str) -> &str {
    match key {
        "token_bucket" => "a bucket of 60 s of quota",
        "burst_seconds_10" => "a bucket of 10 s",
        "burst_seconds_1" => "a bucket of 1 s",
        "fixed_window" => "a count that starts anew each minute",
        "sliding_window" => "a window of 60 s that moves",
        "reserve_cache_reads" => "cache reads count in reservations",
        "reserve_burndown" => "burndown multiplies reservations",
        "reservation_floor_4096" => "at least 4,096 reserved for output",
        other => other,
    }
}

/// The pools whose limits differ between assumptions, with the limit that is shown: the one that binds in the pool.
fn shown(size: &PoolSize) -> Option<LimitName> {
    let binding = size.binding.as_deref()?;
    let name = LimitName::ALL.into_iter().find(|name| name.key() == binding)?;
    // A daily quota is the same under all of them.
    if name == LimitName::TokensPerDay { size.needs.present().map(|(name, _)| name).next() } else { Some(name) }
}

/// What each pool needs under each answer to what AWS does not publish.
pub fn assumptions(sizing: &Sizing) -> Table {
    let several = sizing.pools.len() > 1;
    let mut rows = Vec::new();
    for (pool, size) in &sizing.pools {
        let Some(name) = shown(size) else { continue };
        let need = size.needs.get(name);
        for (key, under) in &size.by_assumption {
            let here = under.needs.get(name);
            let ratio = match (here, need) {
                (Some(here), Some(need)) if need > 0 => format!("{}×", digits(here as f64 / need as f64, 3)),
                _ => "none meets".to_owned(),
            };
            let decides = if under.decides { "decides" } else { "shown" };
            let words = assumption(key);
            let words = if several { format!("{pool}: {words}") } else { words.to_owned() };
            rows.push(vec![words, limit(here), ratio, decides.to_owned()]);
        }
    }
    Table { header: vec!["if a quota is", "needs", "of it", ""], rows, words: vec![0, 3] }
}

/// How far the need of the binding limit moves.
pub fn sensitivity(sizing: &Sizing) -> Table {
    let need = sizing.decided.as_ref().map_or(0.0, |decided| decided.need as f64);
    let end = |value: Option<u64>| match value {
        Some(value) => format!("{} ({})", short(value as f64), signed_percent(value as f64 / need - 1.0)),
        None => "none meets".to_owned(),
    };
    let row = |each: &crate::analysis::sizing::Sensitivity| vec![each.input.clone(), end(each.less), end(each.more)];
    Table {
        header: vec!["input", "20% less", "20% more"],
        rows: sizing.sensitivity.iter().map(row).collect(),
        words: vec![0],
    }
}

/// `+12%`, `−3%`, `±0%`.
pub fn signed_percent(share: f64) -> String {
    let rounded = libm::round(share * 100.0);
    match rounded {
        0.0 => "±0%".to_owned(),
        x if x > 0.0 => format!("+{x}%"),
        x => format!("−{}%", -x),
    }
}

/// What would do instead.
pub fn alternatives(sizing: &Sizing) -> Table {
    let row = |each: &Alternative| {
        let enough = match (each.need, each.enough_today) {
            (None, _) => DASH,
            (Some(_), true) => "yes",
            (Some(_), false) => "no",
        };
        vec![each.words.replace('`', ""), limit(each.need), saving(each), enough.to_owned(), each.note.replace('`', "")]
    };
    Table {
        header: vec!["instead", "needs", "saves", "fits today", "note"],
        rows: sizing.alternatives.iter().map(row).collect(),
        words: vec![0, 3, 4],
    }
}

/// What an alternative saves: `2.6M`, or a dash where it does not.
pub fn saving(alternative: &Alternative) -> String {
    match alternative.saves {
        Some(saves) if saves > 0 => short(saves as f64),
        Some(0) => "nothing".to_owned(),
        Some(more) => format!("−{}", short(-more as f64)),
        None => DASH.to_owned(),
    }
}

/// What a growing traffic needs.
pub fn growth(sizing: &Sizing) -> Table {
    let steps = sizing.growth.as_ref().map_or(&[][..], |growth| &growth.steps);
    let dated = steps.iter().any(|step| step.month.is_some());
    let several = sizing.pools.len() > 1;
    let mut rows = Vec::new();
    for step in steps {
        let when = step.month.clone().unwrap_or_default();
        let enough = if step.enough_today { "enough" } else { "too small" };
        let ask = |(pool, limits): (&String, &Limits)| {
            let words = limit_words(limits);
            // A name gives way before a month does.
            let room = WIDTH.saturating_sub(BESIDE + words.chars().count()).max(6);
            if several { format!("{}: {words}", shorten(pool, room)) } else { words }
        };
        let mut asks = step.pools.iter().map(ask);
        let first = asks.next().unwrap_or_else(|| "none meets".to_owned());
        rows.push(vec![when, format!("{}×", digits(step.factor, 3)), enough.to_owned(), first]);
        rows.extend(asks.map(|next| vec![String::new(), String::new(), String::new(), next]));
    }
    let mut table = Table { header: vec!["month", "traffic", "today's is", "to ask for"], rows, words: vec![0, 2, 3] };
    if !dated {
        table.header.remove(0);
        table.rows.iter_mut().for_each(|row| drop(row.remove(0)));
        table.words = vec![1, 2];
    }
    table
}

/// The columns before what to ask for, with their gaps, and a colon.
const BESIDE: usize = "2026-12  traffic  today's is  : ".len();

/// `12M tokens/min, 3.2k requests/min`.
fn limit_words(limits: &Limits) -> String {
    let each = limits.present().map(|(name, limit)| {
        format!("{} {}", short(limit as f64), name.words().replace(" per minute", "/min").replace(" per day", "/day"))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The account's own list against what is needed.
pub fn applied(sizing: &Sizing) -> Table {
    let row = |each: &crate::analysis::sizing::Applied| {
        let verdict = match (each.request, each.adjustable) {
            (None, _) => "enough".to_owned(),
            (Some(request), true) => format!("raise to {}", short(request as f64)),
            (Some(request), false) => format!("raise to {} (Support)", short(request as f64)),
        };
        vec![each.of.clone(), each.limit.replace('_', " "), each.code.clone(), count(each.value), verdict]
    };
    Table {
        header: vec!["pool", "quota", "code", "applied", "verdict"],
        rows: sizing.applied.iter().map(row).collect(),
        words: vec![0, 1, 2, 4],
    }
}

/// A share of confidence: `95%`.
pub fn confidence(sizing: &Sizing) -> String {
    percent(sizing.confidence)
}
