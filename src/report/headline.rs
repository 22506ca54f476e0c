//! The answer in one sentence: is anything throttled, by what, and does it hurt.

use super::number::{count, duration_ms, percent, percent_range};
use crate::analysis::{Estimate, Metrics, Summary, ThrottlesByLimit};
use crate::model::QuotaName;

/// The answer of a run, one sentence that stands alone.
pub fn headline(summary: &Summary) -> String {
    let total = &summary.total;
    if total.counts.requests == 0 {
        return "Nothing was measured: no request arrived after the warm-up.".to_owned();
    }
    if total.counts.throttled == 0 {
        return format!("Nothing is throttled: {}.", served(summary));
    }
    let rate = total.attempt_throttle_rate;
    let share = rate.mean.map_or_else(|| count(total.counts.throttled), percent);
    format!("{share} of attempts are throttled{}{}; {}.", interval(rate, summary), culprits(summary), failures(total))
}

/// What became of the requests when nothing was throttled.
fn served(summary: &Summary) -> String {
    let total = &summary.total;
    let requests = match summary.replications {
        1 => format!("{} requests", count(total.counts.requests)),
        replications => format!("{} requests of {replications} replications", count(total.counts.requests)),
    };
    match (total.counts.failed, total.latency_ms.p99) {
        (0, Some(p99)) => format!("all {requests} are answered, 99% of them within {}", duration_ms(p99)),
        (0, None) => format!("all {requests} are answered"),
        _ => format!("of {requests}, {}", failures(total)),
    }
}

/// The share of requests that end without an answer, in words.
fn failures(total: &Metrics) -> String {
    match (total.counts.failed, total.request_failure_rate.mean) {
        (0, _) => "no request fails".to_owned(),
        (_, Some(rate)) => format!("{} of requests fail", percent(rate)),
        (failed, None) => format!("{} requests fail", count(failed)),
    }
}

/// ` (95% CI 40.1–42.5%)`, or what stands in its place.
fn interval(estimate: Estimate, summary: &Summary) -> String {
    let rough = match summary.batches {
        _ if !estimate.few_events => "",
        None => ", rough: seen in fewer than 5 replications",
        Some(_) => ", rough: seen in fewer than 5 batches",
    };
    match estimate.ci95 {
        Some(ci) => format!(" (95% CI {}{rough})", percent_range(ci)),
        None => String::new(),
    }
}

/// Who throttles: `, all by tokens_per_minute of pool haiku`.
fn culprits(summary: &Summary) -> String {
    let mut by: Vec<(f64, String)> = Vec::new();
    for (name, pool) in &summary.pools {
        for (limit, rate) in active_limits(&pool.throttles_by_limit) {
            let culprit = match limit {
                QuotaName::Unsatisfiable => format!("reservations larger than pool {name} can ever hold"),
                limit => format!("{} of pool {name}", limit.key()),
            };
            by.push((rate, culprit));
        }
    }
    // Largest first; the sort is stable, so equals stay in the order of pools and limits.
    by.sort_by(|a, b| b.0.total_cmp(&a.0));
    let sum: f64 = by.iter().map(|(rate, _)| rate).sum();
    match by.as_slice() {
        [] => String::new(),
        [(_, only)] => format!(", all by {only}"),
        [(first, most), ..] if first / sum >= 0.9 => format!(", {} of them by {most}", percent(first / sum)),
        [(first, one), (second, two), ..] => {
            format!(", {} of them by {one} and {} by {two}", percent(first / sum), percent(second / sum))
        }
    }
}

/// The limits that throttled anything, with their throttles per minute, in the order of the results.
pub fn active_limits(throttles: &ThrottlesByLimit) -> Vec<(QuotaName, f64)> {
    QuotaName::ALL
        .into_iter()
        .filter_map(|name| Some((name, throttles_by(throttles, name).mean?)))
        .filter(|&(_, rate)| rate > 0.0)
        .collect()
}

/// Throttles per minute under one limit.
fn throttles_by(throttles: &ThrottlesByLimit, name: QuotaName) -> Estimate {
    match name {
        QuotaName::RequestsPerMinute => throttles.requests_per_minute,
        QuotaName::TokensPerMinute => throttles.tokens_per_minute,
        QuotaName::TokensPerDay => throttles.tokens_per_day,
        QuotaName::AccountTokensPerDay => throttles.account_tokens_per_day,
        QuotaName::InputTokensPerMinute => throttles.input_tokens_per_minute,
        QuotaName::Unsatisfiable => throttles.unsatisfiable,
        QuotaName::ModelCapacity => throttles.model_capacity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;

    #[test]
    fn the_sentence_names_rate_interval_culprit_and_damage() {
        assert_eq!(
            headline(&fixture::busy()),
            "41.3% of attempts are throttled (95% CI 40.1–42.5%), all by tokens_per_minute of pool haiku; 12% of \
             requests fail."
        );
    }

    #[test]
    fn good_news_is_said_first_too() {
        assert_eq!(
            headline(&fixture::calm()),
            "Nothing is throttled: all 84,012 requests of 10 replications are answered, 99% of them within 1.34 s."
        );
    }

    #[test]
    fn two_culprits_are_both_named() {
        let mut summary = fixture::two_pools();
        assert_eq!(
            headline(&summary),
            "3.4% of attempts are throttled (95% CI 2.9–3.9%), 86.7% of them by tokens_per_minute of pool sonnet and \
             13.3% by reservations larger than pool sonnet can ever hold; 0.042% of requests fail."
        );
        summary.total.counts.requests = 0;
        assert_eq!(headline(&summary), "Nothing was measured: no request arrived after the warm-up.");
    }
}
