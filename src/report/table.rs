//! The tables of a summary as text cells, shared by the terminal and Markdown.

use super::headline::active_limits;
use super::number::{DASH, count, dollars, duration_ms, or_dash, percent, short};
use crate::analysis::{Metrics, SloOutcome, Summary};
use crate::units::{SimSpan, format};

/// Rows of cells under a header, of fixed titles or of names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table<Title = &'static str> {
    /// Column titles; the first column names the row.
    pub header: Vec<Title>,
    /// One vector of cells per row, as long as the header.
    pub rows: Vec<Vec<String>>,
    /// Which columns are words and stand left; numbers stand right.
    pub words: Vec<usize>,
}

/// What callers see: one row per workload, and a total when there are several.
pub fn workloads(summary: &Summary) -> Table {
    let mut rows: Vec<_> = summary.workloads.iter().map(|(name, metrics)| workload_row(name, metrics)).collect();
    if rows.len() != 1 {
        rows.push(workload_row("total", &summary.total));
    }
    Table {
        header: vec!["workload", "throttled", "failed", "truncated", "p50", "p99", "good/min", "$/hour"],
        rows,
        words: vec![0],
    }
}

fn workload_row(name: &str, metrics: &Metrics) -> Vec<String> {
    vec![
        name.to_owned(),
        or_dash(metrics.attempt_throttle_rate.mean, percent),
        or_dash(metrics.request_failure_rate.mean, percent),
        or_dash(metrics.truncation_rate.mean, percent),
        or_dash(metrics.latency_ms.p50, duration_ms),
        or_dash(metrics.latency_ms.p99, duration_ms),
        or_dash(metrics.goodput_requests_per_minute.mean, short),
        or_dash(metrics.cost_usd_per_hour.mean, dollars),
    ]
}

/// What the shorter titles of [`pools`] mean.
pub const POOLS_LEGEND: &str = "used: charged ÷ quota · wasted: reserved, never charged";

/// How full the quotas are: one row per pool, and one more for each further limit that throttled.
pub fn pools(summary: &Summary) -> Table {
    Table {
        header: vec!["pool", "throttled", "by", "per min", "used", "wasted", "peak held"],
        rows: summary.pools.iter().flat_map(|(name, metrics)| pool_rows(name, metrics)).collect(),
        words: vec![0, 2],
    }
}

fn pool_rows(name: &str, metrics: &Metrics) -> Vec<Vec<String>> {
    let pool = metrics.pool.as_ref();
    let limits = active_limits(&metrics.throttles_by_limit);
    let by = |index: usize| {
        limits
            .get(index)
            .map_or_else(|| [DASH.to_owned(), DASH.to_owned()], |(limit, rate)| [limit.key().to_owned(), short(*rate)])
    };
    let [limit, rate] = by(0);
    let mut rows = vec![vec![
        name.to_owned(),
        or_dash(metrics.attempt_throttle_rate.mean, percent),
        limit,
        rate,
        or_dash(pool.and_then(|pool| pool.quota_utilization.mean), percent),
        or_dash(pool.and_then(|pool| pool.reservation_waste.mean), percent),
        pool.map_or_else(|| DASH.to_owned(), |pool| short(pool.reservation_peak as f64)),
    ]];
    for index in 1..limits.len() {
        let [limit, rate] = by(index);
        rows.push(vec![String::new(), String::new(), limit, rate, String::new(), String::new(), String::new()]);
    }
    rows
}

/// Objectives of a run: verdict, text as written, what was measured.
pub fn objectives(summary: &Summary) -> Table {
    let measured_s = (summary.horizon_s - summary.warmup_s) * f64::from(summary.replications);
    judged(&summary.slo, measured_s)
}

/// Objectives and how they came out in this many seconds of measured time over all replications.
pub fn judged(slo: &[SloOutcome], measured_s: f64) -> Table {
    let row = |each: &SloOutcome| vec![verdict(each).to_owned(), each.text.clone(), measured(each, measured_s)];
    Table {
        header: vec!["verdict", "objective", "measured"],
        rows: slo.iter().map(row).collect(),
        words: vec![0, 1, 2],
    }
}

/// `met`, `missed`, or either with a doubt.
pub fn verdict(slo: &SloOutcome) -> &'static str {
    match (slo.value.is_some(), slo.met, slo.in_doubt()) {
        (false, ..) => "not measured",
        (true, true, false) => "met",
        (true, true, true) => "met, uncertain",
        (true, false, false) => "missed",
        (true, false, true) => "missed, uncertain",
    }
}

/// The measured value in the unit that the metric's name tells; of what was never seen, what the run rules out.
///
/// *Formula*: an event never seen in m minutes is rarer than 3/m, by the rule of three (shared specification, §6).
fn measured(slo: &SloOutcome, measured_s: f64) -> String {
    if slo.never_seen() && slo.uncertain {
        let most = 180.0 / measured_s;
        return if most < 1.0 {
            format!("never seen; so long a run rules out more than {}", percent(most))
        } else {
            "never seen; so short a run rules nothing out".to_owned()
        };
    }
    let unknown = if slo.text.contains("usd") { "a price is unknown" } else { "too few answers" };
    slo.value.map_or_else(|| unknown.to_owned(), |value| in_unit(&slo.text, Some(value)))
}

/// A value in the unit that its metric's name, or an objective with that name in it, tells.
pub(super) fn in_unit(metric: &str, value: Option<f64>) -> String {
    let write: fn(f64) -> String = if metric.contains("_rate") || metric.contains("utilization") {
        percent
    } else if metric.contains("_ms") {
        duration_ms
    } else if metric.contains("usd") {
        dollars
    } else {
        short
    };
    or_dash(value, write)
}

/// What a reader needs to repeat the run, in parts: name, seed, version, replications or batches, and horizon.
pub fn provenance(summary: &Summary) -> [String; 4] {
    let times = [summary.horizon_s, summary.warmup_s];
    let mut parts =
        provenance_of(&summary.scenario, summary.seed, &summary.quotasim_version, summary.replications, times);
    if let Some(batches) = summary.batches {
        // Whole minutes; what is left over is the last one's.
        let minutes = libm::floor((summary.horizon_s - summary.warmup_s) / 60.0 / f64::from(batches));
        let length = if minutes < 120.0 { format!("{minutes} min") } else { duration_ms(minutes * 6e4) };
        let whole = duration_ms(summary.horizon_s * 1e3);
        parts[3] = format!("{batches} batches of {length} in one run of {whole} ({})", warmup(summary.warmup_s));
    }
    parts
}

/// That the horizon was chosen, why, and how to keep it; `None` where it was not.
pub fn chosen_horizon(summary: &Summary) -> Option<String> {
    let precision = summary.horizon_chosen_for.as_ref()?;
    let horizon = format::hours(SimSpan::from_secs_f64(summary.horizon_s));
    let replications = match summary.batches {
        None => format!(" and `replications: {}`", summary.replications),
        Some(_) => String::new(),
    };
    Some(format!(
        "The scenario gives no horizon, and its law is the same at all times: {horizon} is what --precision {precision} \
         takes. To keep that, write `horizon: {horizon}`{replications}."
    ))
}

/// The same for any result.
pub fn provenance_of(
    scenario: &str,
    seed: u64,
    version: &str,
    replications: u32,
    [horizon_s, warmup_s]: [f64; 2],
) -> [String; 4] {
    let horizon = duration_ms(horizon_s * 1e3);
    let times = times(replications);
    [
        scenario.to_owned(),
        format!("seed {seed}"),
        format!("quotasim {version}"),
        format!("{times} of {horizon} ({})", warmup(warmup_s)),
    ]
}

/// How many replications, in words.
pub fn times(replications: u32) -> String {
    match replications {
        1 => "1 replication".to_owned(),
        many => format!("{} replications", count(u64::from(many))),
    }
}

fn warmup(seconds: f64) -> String {
    let span = if seconds > 0.0 { duration_ms(seconds * 1e3) } else { "no".to_owned() };
    format!("{span} warm-up")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_never_seen_is_met_and_what_a_run_rules_out_is_said() {
        let outcome = |value, met, uncertain| SloOutcome {
            text: "attempt_throttle_rate < 1%".to_owned(),
            value,
            bound: 0.01,
            met,
            uncertain,
        };
        // Ten replications of 28 measured minutes.
        let table = judged(
            &[
                outcome(Some(0.0), true, true),
                outcome(Some(0.0), true, false),
                outcome(Some(0.008), true, true),
                outcome(Some(0.012), false, true),
                outcome(None, false, true),
            ],
            16_800.0,
        );
        let said: Vec<[&str; 2]> = table.rows.iter().map(|row| [row[0].as_str(), row[2].as_str()]).collect();
        assert_eq!(
            said,
            [
                ["met", "never seen; so long a run rules out more than 1.1%"],
                ["met", "0%"],
                ["met, uncertain", "0.8%"],
                ["missed, uncertain", "1.2%"],
                ["not measured", "too few answers"],
            ]
        );
        let short = judged(&[outcome(Some(0.0), true, true)], 120.0);
        assert_eq!(short.rows[0][2], "never seen; so short a run rules nothing out");
    }
}
