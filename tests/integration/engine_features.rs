//! Each feature of the scenario language in a scenario small enough to follow by hand.

use crate::support;
use quotasim::analysis::{LedgerTotals, Summary};
use quotasim::engine::{AttemptRow, Outcome};
use quotasim::model::QuotaName;
use std::io::Write as _;

const SECOND: u64 = 1_000_000_000;

/// A pool of a million tokens per minute with burndown 5.
const POOL: &str =
    "model: m, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none";
/// A request that reserves 150 and is charged 150: 100 in, 10 out, at most 50.
const REQUEST: &str = "input_tokens: 100, output_tokens: 10, max_tokens: 50";

/// One replication of a minute; `pools` and `workloads` are lines of flow maps.
fn document(top: &str, pools: &[&str], workloads: &[&str]) -> String {
    let lines = |kind: &str, of: &[&str]| {
        let lines: Vec<String> = of.iter().map(|line| format!("  {line}\n")).collect();
        format!("{kind}:\n{}", lines.concat())
    };
    let horizon = if top.contains("horizon") { "" } else { "horizon: 60s\n" };
    format!(
        "version: 1\nname: feature\n{horizon}warmup: 0s\nreplications: 1\n{top}\n{}{}",
        lines("pools", pools),
        lines("workloads", workloads)
    )
}

fn attempts(text: &str) -> (Summary, Vec<AttemptRow>) {
    let mut rows = Vec::new();
    let summary = support::run_attempts(text, |_, row| rows.push(*row));
    (summary, rows)
}

/// One workload `w` on one pool `p`.
fn one(pool: &str, workload: &str) -> (Summary, Vec<AttemptRow>) {
    attempts(&document("", &[&format!("p: {{ {pool} }}")], &[&format!("w: {{ pool: p, {workload} }}")]))
}

/// `(request, attempt, millisecond)` of each attempt.
fn times(rows: &[AttemptRow]) -> Vec<(u64, u32, u64)> {
    rows.iter().map(|row| (row.request, row.attempt, ms(row))).collect()
}

/// When an attempt was made; only whole milliseconds occur where this is asked.
fn ms(row: &AttemptRow) -> u64 {
    assert_eq!(row.at.0 % 1_000_000, 0, "{row:?}");
    row.at.0 / 1_000_000
}

fn outcomes(rows: &[AttemptRow]) -> Vec<Outcome> {
    rows.iter().map(|row| row.outcome).collect()
}

fn problems(text: &str) -> String {
    let read = quotasim::spec::read(
        text,
        "test.yaml",
        &[],
        &support::Repository,
        quotasim::spec::catalog::Catalog::embedded(),
    );
    read.err().map_or_else(String::new, |problems| problems.to_string())
}

fn ledger(reserved: u64, settled: u64, refunded: u64, overdraft: u64) -> LedgerTotals {
    LedgerTotals { reserved, settled, refunded, overdraft, open: 0 }
}

// Sessions.

/// Rows of sessions of four turns, 62 s apart: 60 s of thought after 2 s of answer.
fn sessions(top: &str, pool: &str, cache_ttl: &str, on_failure: &str) -> Vec<AttemptRow> {
    let arrivals = format!(
        "{{ sessions: {{ rate: 5/min, turns: 4, think_time: 60s, cache_ttl: {cache_ttl}, on_failure: {on_failure} }} }}"
    );
    let workload = format!("w: {{ pool: p, arrivals: {arrivals}, {REQUEST}, latency: {{ duration: 2s }} }}");
    let (summary, rows) = attempts(&document(&format!("horizon: 10m\n{top}"), &[pool], &[&workload]));
    assert_eq!(summary.total.counts.attempts, rows.len() as u64);
    assert!(rows.len() > 40, "{} attempts", rows.len());
    rows
}

fn turn(row: &AttemptRow) -> u64 {
    row.request & ((1 << 20) - 1)
}

#[test]
fn a_turn_reads_all_earlier_turns_from_a_living_cache() {
    let pool = format!("p: {{ {POOL}, assumptions: {{ reserve_cache_reads: true }} }}");
    let rows = sessions("", &pool, "62001ms", "end");
    for row in &rows {
        // Each earlier turn left 100 tokens of input and 10 of output behind.
        assert_eq!((row.reservation, row.charge), (150 + 110 * turn(row), 150), "{row:?}");
    }
    assert_eq!(rows.iter().map(turn).max(), Some(3));
    for row in rows.iter().filter(|row| turn(row) > 0) {
        let before = rows.iter().find(|earlier| earlier.request + 1 == row.request).expect("turns follow in order");
        assert_eq!(row.at - before.at, quotasim::units::SimSpan(62 * SECOND));
    }
}

#[test]
fn a_turn_writes_all_earlier_turns_when_the_cache_has_died() {
    // The last turn started 62 s ago, which is not less than the time to live.
    for row in sessions("", &format!("p: {{ {POOL} }}"), "62s", "end") {
        let written = 110 * turn(&row);
        assert_eq!((row.reservation, row.charge), (150 + written, 150 + written), "{row:?}");
    }
}

#[test]
fn a_failed_turn_ends_its_session_unless_told_otherwise() {
    // A quota of 100 tokens never holds 150.
    let pool = "p: { model: m, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 100, requests_per_minute: none }";
    let workload = |on_failure: &str| {
        format!(
            "w: {{ pool: p, {REQUEST}, arrivals: {{ sessions: {{ rate: 10/min, turns: 3, think_time: 5s, on_failure: {on_failure} }} }} }}"
        )
    };
    let (_, ended) = attempts(&document("", &[pool], &[&workload("end")]));
    assert!(!ended.is_empty() && ended.iter().all(|row| turn(row) == 0));
    let (_, goes_on) = attempts(&document("", &[pool], &[&workload("continue")]));
    assert_eq!(goes_on.iter().map(turn).max(), Some(2));
    // What was never answered is no part of the conversation.
    assert!(goes_on.iter().all(|row| row.reservation == 150 && row.outcome == Outcome::Throttled));
}

#[test]
fn all_turns_of_a_session_belong_to_one_client() {
    // Each of the two clients has one slot: the turns of a session wait only for those of every second session.
    let workload = format!(
        "w: {{ pool: p, {REQUEST}, clients: 2, concurrency: 1, latency: {{ duration: 1s }}, \
         arrivals: {{ sessions: {{ rate: 30/min, turns: 5, think_time: 1ms }} }} }}"
    );
    let (_, rows) = attempts(&document("", &[&format!("p: {{ {POOL} }}")], &[&workload]));
    for client in 0..2 {
        let mut starts: Vec<u64> =
            rows.iter().filter(|row| (row.request >> 20) % 2 == client).map(|row| row.at.0).collect();
        starts.sort_unstable();
        assert!(starts.len() > 10 && starts.windows(2).all(|two| two[1] - two[0] >= SECOND));
    }
}

// Mantle.

const MANTLE: &str = "model: m, endpoint: mantle, max_output_tokens: 64_000, input_tokens_per_minute: 10k, \
                      output_tokens_per_minute: 60, prices: { input: 0, output: 1_000_000 }";
/// 100 in, 100 out at 20 tokens/s after half a second.
const STREAM: &str = "input_tokens: 100, output_tokens: 100, max_tokens: 200, \
                      latency: { ttft: 500ms, output_tokens_per_second: 20 }";

#[test]
fn an_exhausted_output_quota_ends_a_response() {
    // The bucket holds 60 and gains 1 a second. Debits of 20 at 1.5, 2.5 and 3.5 s leave 40, 21 and 2; at 4.5 s 3 are
    // there. The answer ends with 60 tokens.
    let (summary, rows) = one(MANTLE, &format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {STREAM}"));
    let total = &summary.total;
    assert_eq!(outcomes(&rows), [Outcome::QuotaTruncated]);
    assert_eq!((rows[0].reservation, rows[0].charge, rows[0].at.0), (300, 100, 0));
    assert_eq!(total.ledger, ledger(300, 100, 200, 0));
    assert_eq!((total.counts.succeeded, total.counts.truncated, total.counts.failed), (1, 0, 0));
    assert_eq!(total.quota_truncation_rate.mean, Some(1.0));
    assert_eq!(total.truncation_rate.mean, Some(0.0));
    assert_eq!(total.goodput_requests_per_minute.mean, Some(0.0));
    assert_eq!((total.latency_ms.mean, total.ttft_ms.mean), (Some(4_500.0), Some(500.0)));
    // At a dollar a token, and a minute of measured time.
    assert!((total.cost_usd_per_hour.mean.expect("prices are known") - 3_600.0).abs() < 1e-6);
}

#[test]
fn the_output_quota_is_debited_in_the_order_of_admissions() {
    // 60: at 1.5 s both take 20; at 2.5 s the first takes 20 of 21, the second is cut; at 3.5 s the first finds 2.
    let (summary, rows) = one(MANTLE, &format!("arrivals: {{ burst: {{ at: 0s, count: 2 }} }}, {STREAM}"));
    assert_eq!(outcomes(&rows), [Outcome::QuotaTruncated, Outcome::QuotaTruncated]);
    assert_eq!((rows[0].request, rows[1].request), (1, 0), "rows come when the outcome is known");
    assert_eq!(summary.total.latency_ms.mean, Some(3_000.0));
    assert!((summary.total.cost_usd_per_hour.mean.expect("prices are known") - 3_600.0).abs() < 1e-6);
}

#[test]
fn a_sufficient_output_quota_cuts_nothing() {
    let pool = MANTLE.replace("output_tokens_per_minute: 60", "output_tokens_per_minute: 100");
    let (summary, rows) = one(&pool, &format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {STREAM}"));
    assert_eq!(outcomes(&rows), [Outcome::Succeeded]);
    assert_eq!(summary.total.latency_ms.mean, Some(5_500.0));
    assert_eq!(summary.total.ledger, ledger(300, 100, 200, 0));
}

#[test]
fn a_duration_streams_evenly_and_the_input_quota_is_adjusted_as_it_streams() {
    // 100 tokens over 4 s. The input quota holds 300, then 275, 250, 225, and at the end 100.
    let pool = MANTLE.replace("output_tokens_per_minute: 60", "output_tokens_per_minute: none")
        + ", assumptions: { adjustment: { every: 1s } }";
    let workload = "arrivals: { burst: { at: 0s, count: 1 } }, input_tokens: 100, output_tokens: 100, max_tokens: 200, \
                    latency: { duration: 4s }";
    assert_eq!(one(&pool, workload).0.total.ledger, ledger(300, 100, 200, 0));
    // With an output quota of 60 the third debit of 25 finds 60 − 50 + 2.
    let pool = pool.replace("output_tokens_per_minute: none", "output_tokens_per_minute: 60");
    let (summary, rows) = one(&pool, workload);
    assert_eq!(outcomes(&rows), [Outcome::QuotaTruncated]);
    assert_eq!(summary.total.latency_ms.mean, Some(3_000.0));
    assert_eq!(summary.total.ledger, ledger(300, 100, 200, 0));
    assert!((summary.total.cost_usd_per_hour.mean.expect("prices are known") - 50.0 * 60.0).abs() < 1e-6);
}

#[test]
fn a_response_cut_before_the_client_gives_up_is_an_answer() {
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {STREAM}");
    let (summary, rows) = one(MANTLE, &format!("{workload}, read_timeout: 5s"));
    assert_eq!(outcomes(&rows), [Outcome::QuotaTruncated]);
    assert_eq!((summary.total.counts.succeeded, summary.total.counts.attempts), (1, 1));
    // One that gives up at 4 s hears nothing any more, and pays for the 60 tokens.
    let (summary, rows) = one(MANTLE, &format!("{workload}, read_timeout: 4s"));
    assert_eq!(outcomes(&rows), [Outcome::TimedOut]);
    assert_eq!((summary.total.counts.failed, summary.total.ledger.settled), (1, 100));
    assert!((summary.total.cost_usd_per_hour.mean.expect("prices are known") - 3_600.0).abs() < 1e-6);
    assert_eq!(summary.total.quota_truncation_rate.mean, None);
}

#[test]
fn an_output_quota_may_change_while_it_streams() {
    let pool =
        MANTLE.replace("output_tokens_per_minute: 60", "output_tokens_per_minute: { at: [[0s, 60], [4s, 6_000]] }");
    // From 4 s on the bucket gains 100 a second.
    let (_, rows) = one(&pool, &format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {STREAM}"));
    assert_eq!(outcomes(&rows), [Outcome::Succeeded]);
}

#[test]
fn the_input_quota_refuses_by_its_own_name() {
    let pool = MANTLE.replace("input_tokens_per_minute: 10k", "input_tokens_per_minute: 500");
    let (_, rows) = one(&pool, &format!("arrivals: {{ burst: {{ at: 0s, count: 2 }} }}, {STREAM}"));
    assert_eq!(rows[0].limit, Some(QuotaName::InputTokensPerMinute));
}

#[test]
fn mantle_refuses_switches_that_mean_nothing_there() {
    let pool = |switch: &str| format!("p: {{ {MANTLE}, assumptions: {{ {switch} }} }}");
    let workload = format!("w: {{ pool: p, arrivals: {{ constant: {{ rate: 1/s }} }}, {STREAM} }}");
    for switch in ["reserve_burndown: true", "rejections_consume: requests"] {
        let text = document("", &[&pool(switch)], &[&workload]);
        assert!(problems(&text).contains("has no meaning on the mantle endpoint"), "{switch}");
    }
}

// The law of quotas.

#[test]
fn reservation_switches_reserve_what_they_say() {
    let workload = "arrivals: { burst: { at: 0s, count: 1 } }, input_tokens: 3_000, cache_read_tokens: 4_000, \
                    cache_write_tokens: 1_000, output_tokens: 1_000, max_tokens: 32_000";
    for (switches, reserved) in [
        ("", 36_000),
        ("reserve_cache_reads: true", 40_000),
        ("reserve_burndown: true", 164_000),
        ("reservation_floor: 50_000", 54_000),
        ("reserve_cache_reads: true, reserve_burndown: true, reservation_floor: 50_000", 258_000),
    ] {
        let (summary, rows) = one(&format!("{POOL}, assumptions: {{ {switches} }}"), workload);
        assert_eq!((rows[0].reservation, rows[0].charge), (reserved, 9_000), "{switches}");
        assert_eq!(summary.total.ledger, ledger(reserved, 9_000, reserved - 9_000, 0), "{switches}");
    }
}

#[test]
fn an_adjustment_every_second_moves_what_is_held() {
    // 10 tokens in 4 s: 2, 5 and 7 after 1, 2 and 3 s, each worth 5 where 1 was reserved; 150 is held, then 158, 170,
    // 178, and 150 is charged.
    let pool = format!("{POOL}, assumptions: {{ adjustment: {{ every: 1s }} }}");
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, latency: {{ duration: 4s }}");
    assert_eq!(one(&pool, &workload).0.total.ledger, ledger(150, 150, 28, 28));
    // Nothing is generated before the first token: with 2 s to it, 5 tokens after 3 s.
    let streamed = workload.replace("{ duration: 4s }", "{ ttft: 2s, output_tokens_per_second: 5 }");
    assert_eq!(one(&pool, &streamed).0.total.ledger, ledger(150, 150, 20, 20));
}

#[test]
fn a_quota_changes_while_running() {
    let pool = POOL.replace("1M", "{ at: [[0s, 150], [30s, 300]], limiter: fixed_window }");
    let workload = format!("arrivals: {{ constant: {{ rate: 6/min }} }}, {REQUEST}, latency: {{ duration: 1s }}");
    let (_, rows) = one(&pool, &workload);
    let admitted: Vec<u64> = rows.iter().filter(|row| row.charge > 0).map(ms).collect();
    assert_eq!((rows.len(), admitted), (6, vec![0, 30_000]));
}

#[test]
fn an_accounts_day_ends_at_midnight_and_settles_to_billed_tokens() {
    // 200 of 300 are used before the start, so 150 do not fit. From midnight, after 30 s, each attempt takes 150 and
    // ends at the 110 that are billed: at 50 s 220 are used.
    let text = document(
        "start: 23:59:30 UTC\naccounts: { main: { tokens_per_day: { limit: 300, used_at_start: 200 } } }",
        &[&format!("p: {{ {POOL} }}")],
        &[&format!(
            "w: {{ pool: p, arrivals: {{ constant: {{ rate: 6/min }} }}, {REQUEST}, latency: {{ duration: 1s }} }}"
        )],
    );
    let (_, rows) = attempts(&text);
    let refused: Vec<u64> =
        rows.iter().filter(|row| row.limit == Some(QuotaName::AccountTokensPerDay)).map(ms).collect();
    assert_eq!((rows.len(), refused), (6, vec![0, 10_000, 20_000, 50_000]));
}

#[test]
fn rejections_may_consume_requests() {
    let pool = POOL.replace("1M", "150").replace("requests_per_minute: none", "requests_per_minute: 3");
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 5 }} }}, {REQUEST}");
    let limits = |pool: &str| {
        let limits = one(pool, &workload).0.total.throttles_by_limit;
        (limits.tokens_per_minute.mean, limits.requests_per_minute.mean)
    };
    assert_eq!(limits(&pool), (Some(4.0), Some(0.0)));
    let consuming = format!("{pool}, assumptions: {{ rejections_consume: requests }}");
    assert_eq!(limits(&consuming), (Some(2.0), Some(2.0)));
}

#[test]
fn what_can_never_fit_is_counted_as_unsatisfiable_only() {
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 3 }} }}, {REQUEST}");
    let (summary, rows) = one(&POOL.replace("1M", "149"), &workload);
    assert!(rows.iter().all(|row| row.limit == Some(QuotaName::Unsatisfiable)));
    let limits = summary.total.throttles_by_limit;
    assert_eq!((limits.unsatisfiable.mean, limits.tokens_per_minute.mean), (Some(3.0), Some(0.0)));
}

#[test]
fn a_settlement_comes_before_an_arrival_at_the_same_instant() {
    let pool = POOL.replace("1M", "{ limit: 150, limiter: in_flight }");
    let workload = format!("arrivals: {{ constant: {{ rate: 30/min }} }}, {REQUEST}, latency: {{ duration: 2s }}");
    let (summary, _) = one(&pool, &workload);
    assert_eq!((summary.total.counts.requests, summary.total.counts.throttled), (30, 0));
}

#[test]
fn simultaneous_arrivals_come_in_file_order() {
    let workload =
        |name: &str| format!("{name}: {{ pool: p, arrivals: {{ burst: {{ at: 1s, count: 1 }} }}, {REQUEST} }}");
    let pool = format!("p: {{ {} }}", POOL.replace("1M", "150"));
    let (_, rows) = attempts(&document("", &[&pool], &[&workload("z"), &workload("a")]));
    let order: Vec<_> = rows.iter().map(|row| (row.workload, row.outcome)).collect();
    assert_eq!(order, [(0, Outcome::Succeeded), (1, Outcome::Throttled)]);
}

#[test]
fn load_multiplies_the_workers_of_a_closed_loop() {
    let workload = format!(
        "w: {{ pool: p, arrivals: {{ closed_loop: {{ workers: 3, think_time: 1s }} }}, {REQUEST}, latency: {{ duration: 1s }} }}"
    );
    let (summary, _) = attempts(&document("load: 2", &[&format!("p: {{ {POOL} }}")], &[&workload]));
    assert_eq!((summary.total.in_flight.max, summary.total.counts.requests), (Some(6.0), 6 * 30));
}

#[test]
fn a_trace_draws_what_its_rows_do_not_say_about_the_cache() {
    // More rows than are drawn at once.
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    let rows: Vec<String> = (0..700).map(|row| format!("{row},100,10,{}\n", row % 7)).collect();
    file.write_all(format!("t,in,out,cached\n{}", rows.concat()).as_bytes()).expect("room on the disk");
    let trace = |columns: &str, rest: &str| {
        let path = file.path().display();
        format!(
            "w: {{ pool: p, max_tokens: 50, latency: {{ duration: 1ms }}, arrivals: {{ trace: {{ file: \"{path}\", time: t, \
             time_unit: ms, input_tokens: in, output_tokens: out{columns} }} }}, {rest} }}"
        )
    };
    let pool = format!("p: {{ {POOL}, assumptions: {{ reserve_cache_reads: true }} }}");
    let (_, rows) = attempts(&document("", &[&pool], &[&trace("", "cache_read_tokens: 30, cache_write_tokens: 5")]));
    assert_eq!(rows.len(), 700);
    assert!(rows.iter().all(|row| (row.reservation, row.charge) == (185, 155)));
    let (_, rows) =
        attempts(&document("", &[&pool], &[&trace(", cache_read_tokens: cached", "cache_write_tokens: 5")]));
    assert!(rows.iter().all(|row| (row.reservation, row.charge) == (155 + row.request % 7, 155)));
    let correlated = document("", &[&pool], &[&trace("", "correlation: 0.5")]);
    assert!(problems(&correlated).contains("`correlation` has no meaning with a trace"));
}

// The client's side.

#[test]
fn a_deadline_fails_a_request_and_its_attempt_is_charged() {
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, latency: {{ duration: 5s }}");
    let (summary, rows) = one(POOL, &format!("{workload}, deadline: 3s"));
    assert_eq!(outcomes(&rows), [Outcome::DeadlineExceeded]);
    assert_eq!((summary.total.counts.failed, summary.total.ledger), (1, ledger(150, 150, 0, 0)));
    // An answer at the deadline itself comes in time.
    let (summary, _) = one(POOL, &format!("{workload}, deadline: 5s"));
    assert_eq!(summary.total.counts.succeeded, 1);
}

#[test]
fn a_deadline_ends_the_wait_for_bad_news() {
    // The refusal would arrive after 10 s; the worker is back after 2 s, and thinks for one.
    let workload = format!(
        "arrivals: {{ closed_loop: {{ workers: 1, think_time: 1s }} }}, {REQUEST}, throttle_latency: 10s, deadline: 2s"
    );
    let (_, rows) = one(&POOL.replace("1M", "100"), &workload);
    assert_eq!(times(&rows)[..3], [(0, 1, 1_000), (1, 1, 4_000), (2, 1, 7_000)]);
}

#[test]
fn a_read_timeout_leaves_the_attempt_reserved_and_charged() {
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, latency: {{ duration: 5s }}, read_timeout: 3s, \
         client: {{ custom: {{ max_attempts: 2, delay: 1s }} }}"
    );
    let (summary, rows) = one(POOL, &workload);
    assert_eq!(times(&rows), [(0, 1, 0), (0, 2, 4_000)]);
    assert_eq!(outcomes(&rows), [Outcome::TimedOut, Outcome::TimedOut]);
    assert_eq!((summary.total.counts.failed, summary.total.ledger), (1, ledger(300, 300, 0, 0)));
    // From 0 to 5 s and from 4 to 9 s.
    assert_eq!((summary.total.in_flight.max, summary.total.in_flight.mean), (Some(2.0), Some(10.0 / 60.0)));
}

#[test]
fn a_disconnect_is_charged_to_its_natural_end() {
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 3 }} }}, {REQUEST}, latency: {{ duration: 5s }}, faults: {{ disconnect: 100% }}"
    );
    let (summary, rows) = one(POOL, &workload);
    assert_eq!(outcomes(&rows), [Outcome::Disconnected; 3]);
    assert_eq!((summary.total.counts.failed, summary.total.ledger), (3, ledger(450, 450, 0, 0)));
    assert_eq!(summary.total.in_flight.mean, Some(15.0 / 60.0));
}

#[test]
fn faults_before_admission_consume_nothing() {
    let workload =
        |fault: &str| format!("arrivals: {{ burst: {{ at: 0s, count: 3 }} }}, {REQUEST}, faults: {{ {fault}: 100% }}");
    let (summary, rows) = one(POOL, &workload("unavailable"));
    assert_eq!(outcomes(&rows), [Outcome::Unavailable; 3]);
    assert_eq!((summary.total.counts.throttled, summary.total.ledger), (0, ledger(0, 0, 0, 0)));
    let (summary, rows) = one(POOL, &workload("overloaded"));
    assert_eq!(outcomes(&rows), [Outcome::Overloaded; 3]);
    assert_eq!((summary.total.counts.throttled, summary.total.ledger), (3, ledger(0, 0, 0, 0)));
    assert_eq!(summary.total.throttles_by_limit.model_capacity.mean, Some(3.0));
}

#[test]
fn a_slow_response_is_slow_from_its_first_token_on() {
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 1 }} }}, {REQUEST}, latency: {{ ttft: 1s, output_tokens_per_second: 10 }}, \
         faults: {{ slow: {{ probability: 100%, factor: 5 }} }}"
    );
    let (summary, _) = one(POOL, &workload);
    assert_eq!((summary.total.ttft_ms.mean, summary.total.latency_ms.mean), (Some(5_000.0), Some(10_000.0)));
}

/// Pools `a` and `b` that hold one request each.
fn fallback(workload: &str) -> (Summary, Vec<AttemptRow>) {
    let pool = POOL.replace("1M", "{ limit: 150, limiter: fixed_window }");
    let pools = [format!("a: {{ {pool} }}"), format!("b: {{ {pool} }}")];
    let workload = format!("w: {{ pool: a, arrivals: {{ burst: {{ at: 0s, count: 3 }} }}, {REQUEST}, {workload} }}");
    attempts(&document("", &[&pools[0], &pools[1]], &[&workload]))
}

#[test]
fn a_throttled_request_falls_back_at_once() {
    let (summary, rows) = fallback("fallback: { pools: [b], after: throttle }");
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 0), (1, 2, 0), (2, 1, 0), (2, 2, 0)]);
    let of = |pool: &str| {
        let counts = summary.pools[pool].counts;
        (counts.requests, counts.attempts, counts.throttled, counts.succeeded, counts.failed)
    };
    assert_eq!((of("a"), of("b")), ((1, 3, 2, 1, 0), (2, 2, 1, 1, 1)));
}

#[test]
fn a_failed_request_falls_back_with_all_its_attempts() {
    let (summary, rows) = fallback("fallback: [b], client: { custom: { max_attempts: 2, delay: 1s } }");
    // Two on the first pool; then the second of them succeeds on the other, and the third fails there again.
    assert_eq!(
        times(&rows),
        [(0, 1, 0), (1, 1, 0), (2, 1, 0), (1, 2, 1_000), (1, 3, 1_000), (2, 2, 1_000), (2, 3, 1_000), (2, 4, 2_000)]
    );
    assert_eq!((summary.total.counts.succeeded, summary.total.counts.failed), (2, 1));
    assert_eq!(summary.pools["b"].counts.throttled, 2);
}

#[test]
fn a_concurrency_cap_queues_in_order_and_sheds_what_the_queue_does_not_hold() {
    let workload = |cap: &str| {
        format!(
            "arrivals: {{ burst: {{ at: 0s, count: 4 }} }}, {REQUEST}, latency: {{ duration: 2s }}, concurrency: {cap}"
        )
    };
    let (summary, rows) = one(POOL, &workload("1"));
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 2_000), (2, 1, 4_000), (3, 1, 6_000)]);
    assert_eq!(summary.total.wait_ms.queue.mean, Some(3_000.0), "of all requests, as the whole wait");
    let (summary, rows) = one(POOL, &workload("{ limit: 1, queue: 1 }"));
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 2_000)]);
    assert_eq!((summary.total.counts.succeeded, summary.total.counts.failed), (2, 2));
}

#[test]
fn a_slot_that_comes_at_the_deadline_comes_too_late() {
    let workload = format!(
        "arrivals: {{ burst: {{ at: 0s, count: 2 }} }}, {REQUEST}, latency: {{ duration: 2s }}, concurrency: 1, deadline: 2s"
    );
    let (summary, rows) = one(POOL, &workload);
    assert_eq!((rows.len(), summary.total.counts.succeeded, summary.total.counts.failed), (1, 1, 1));
}

// Pace and limiters.

/// 100 tokens a second; at half of that a request of 150 takes 3 s.
fn paced(workloads: &[&str]) -> (Summary, Vec<AttemptRow>) {
    attempts(&document("", &[&format!("p: {{ {} }}", POOL.replace("1M", "6_000"))], workloads))
}

#[test]
fn a_pace_starts_requests_evenly() {
    let workload = format!(
        "w: {{ pool: p, arrivals: {{ burst: {{ at: 0s, count: 4 }} }}, {REQUEST}, latency: {{ duration: 1s }}, pace: 50%"
    );
    let (summary, rows) = paced(&[&format!("{workload} }}")]);
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 3_000), (2, 1, 6_000), (3, 1, 9_000)]);
    assert_eq!(summary.total.wait_ms.limiter.mean, Some(4_500.0), "of all requests, as the whole wait");
    // Who has waited until its deadline leaves the line.
    let (summary, rows) = paced(&[&format!("{workload}, deadline: 5s }}")]);
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 3_000)]);
    assert_eq!(summary.total.counts.failed, 2);
}

#[test]
fn a_pace_follows_the_quota() {
    // From 1.5 s on the gateway fills ten times as fast: the second half of 300 tokens takes 0.15 s.
    let pool = POOL.replace("1M", "{ at: [[0s, 6_000], [1500ms, 60_000]] }");
    let workload = format!("arrivals: {{ burst: {{ at: 0s, count: 3 }} }}, {REQUEST}, pace: 50%");
    let (_, rows) = one(&pool, &workload);
    assert_eq!(times(&rows), [(0, 1, 0), (1, 1, 1_650), (2, 1, 1_950)]);
}

#[test]
fn paced_workloads_share_a_pool_by_priority() {
    let workload = |name: &str, priority: u32| {
        format!(
            "{name}: {{ pool: p, arrivals: {{ burst: {{ at: 0s, count: 2 }} }}, {REQUEST}, pace: 50%, priority: {priority} }}"
        )
    };
    let (_, rows) = paced(&[&workload("batch", 1), &workload("app", 0)]);
    let order: Vec<_> = rows.iter().map(|row| (row.workload, ms(row))).collect();
    // The first to come goes at once, and then the app before the rest of the batch.
    assert_eq!(order, [(0, 0), (1, 3_000), (1, 6_000), (0, 9_000)]);
}

#[test]
fn a_pace_keeps_the_charge_at_its_share_of_the_quota() {
    let text = "version: 1\nname: pace\nhorizon: 20m\nwarmup: 2m\nreplications: 2\npools:\n  p: { model: m, burndown_rate: 5, \
                max_output_tokens: 64_000, tokens_per_minute: 100k, requests_per_minute: none }\nworkloads:\n  w: { pool: p, \
                arrivals: { poisson: { rate: 150/min } }, input_tokens: { exponential: { mean: 300 } }, output_tokens: \
                { exponential: { mean: 60 } }, max_tokens: 500, latency: { duration: 2s }, pace: 80% }\n";
    let summary = support::run(text);
    let used = summary.pools["p"].pool.as_ref().expect("a pool").quota_utilization.mean.expect("measured");
    assert!((used - 0.8).abs() < 0.01, "{used}");
    assert_eq!(summary.total.counts.throttled, 0);
}

/// First attempts of an adaptive client that offers twice what its quota admits: `(request, instant)`.
fn adaptive(client: &str) -> Vec<(u64, u64)> {
    let text = document(
        "horizon: 5m",
        &[&format!("p: {{ {} }}", POOL.replace("1M", "9_000"))],
        &[&format!(
            "w: {{ pool: p, arrivals: {{ poisson: {{ rate: 2/s }} }}, {REQUEST}, latency: {{ duration: 1s }}, \
             client: {{ {client}: {{ mode: adaptive, retries: \"2.1\" }} }}, deadline: 60s }}"
        )],
    );
    let (summary, rows) = attempts(&text);
    let counts = summary.total.counts;
    assert_eq!(counts.requests, counts.succeeded + counts.failed, "{client}");
    assert!(counts.succeeded > 200, "{client}: {counts:?}");
    assert!(summary.total.wait_ms.limiter.mean.is_some_and(|wait| wait > 0.0), "{client}");
    rows.iter().filter(|row| row.attempt == 1).map(|row| (row.request, row.at.0)).collect()
}

#[test]
fn adaptive_clients_wait_as_their_sdks_do() {
    let in_order = |client: &str| adaptive(client).is_sorted_by_key(|&(request, _)| request);
    assert!(in_order("java"), "first come, first served");
    assert!(!in_order("boto3"), "in any order");
    for client in ["javascript", "rust"] {
        adaptive(client);
    }
}
