//! Hand-made results for tests: numbers chosen to exercise the formats, not simulated.

use crate::analysis::recovery::{Phases, State, StateCounts, Trigger, Trouble};
use crate::analysis::{
    Afterwards, Axis, ByMinute, Comparison, Counts, Difference, Estimate, FailuresByCause, Gauge, Knee, LedgerTotals,
    Metrics, Named, OutputHistogram, Percentiles, Point, PoolMetrics, PoolTimeline, Recommendation, Recovery,
    SloOutcome, Summary, Sweep, ThrottlesByLimit, TimelinePoint, Tried, VariantResult, Wait, Wasted,
};
use crate::report::setting::{LatencyObjective, PoolSetting, Setting, WorkloadSetting};

/// The same from one run in batches, whose horizon was chosen.
pub(crate) fn batched() -> Summary {
    Summary {
        replications: 1,
        batches: Some(30),
        horizon_s: 162_120.0,
        horizon_chosen_for: Some("2%,0.1%".into()),
        ..busy()
    }
}

/// A one-word classifier whose reservations fill the quota.
pub(crate) fn busy() -> Summary {
    let total = classifier();
    let pool = PoolMetrics {
        quota_utilization: estimate(0.084, 0.082, 0.086),
        reservation_mean: estimate(171_204.0, 170_001.0, 172_407.0),
        reservation_peak: 197_616,
        tokens_per_minute: ByMinute {
            mean: Some(16_800.0),
            ci95: Some([16_400.0, 17_200.0]),
            p50: Some(16_790.0),
            p90: Some(17_900.0),
            max: Some(19_000.0),
        },
        requests_per_minute: ByMinute {
            mean: Some(250.7),
            ci95: Some([248.0, 253.0]),
            p50: Some(251.0),
            p90: Some(268.0),
            max: Some(283.0),
        },
        reservation_waste: estimate(0.9919, 0.9917, 0.9921),
        quota_per_minute: None,
    };
    let pools = named([("haiku", Metrics { pool: Some(pool), ..total.clone() })]);
    Summary {
        scenario: "support-triage".into(),
        total: total.clone(),
        pools,
        workloads: named([("triage", total)]),
        slo: vec![
            objective("attempt_throttle_rate < 1%", Some(0.413), 0.01, false, false),
            objective("triage: latency_ms.p99 < 5s", Some(4_930.0), 5_000.0, true, true),
        ],
        assumptions: vec![
            "limiter: a token bucket of 60 s, full at the start; AWS does not say how a quota is enforced over time"
                .into(),
            "reservations are adjusted at the end of a response only".into(),
            "latency of us.anthropic.claude-haiku-4-5-20251001-v1:0: median time to first token 0.6 s, 110 tokens/s"
                .into(),
        ],
        ..document()
    }
}

/// The same with `max_tokens` of 100: everything fits.
pub(crate) fn calm() -> Summary {
    let mut metrics = classifier();
    metrics.counts =
        Counts { requests: 84_012, attempts: 84_012, throttled: 0, succeeded: 84_012, failed: 0, truncated: 0 };
    metrics.attempt_throttle_rate = estimate(0.0, 0.0, 0.0107);
    metrics.request_throttle_rate = estimate(0.0, 0.0, 0.0107);
    metrics.request_failure_rate = estimate(0.0, 0.0, 0.0107);
    metrics.throttles_by_limit = ThrottlesByLimit::default();
    metrics.failures_by_cause = FailuresByCause::default();
    metrics.attempts_per_request = estimate(1.0, 1.0, 1.0);
    metrics.wait_ms = Wait::default();
    metrics.latency_ms = percentiles([712.0, 640.0, 1_020.0, 1_150.0, 1_340.0, 1_720.0]);
    let pool = PoolMetrics {
        quota_utilization: estimate(0.1005, 0.0998, 0.1012),
        reservation_mean: estimate(425.0, 421.0, 429.0),
        reservation_peak: 2_272,
        reservation_waste: estimate(0.528, 0.528, 0.528),
        ..PoolMetrics::default()
    };
    Summary {
        scenario: "support-triage-100".into(),
        total: metrics.clone(),
        pools: named([("haiku", Metrics { pool: Some(pool), ..metrics.clone() })]),
        workloads: named([("triage", metrics)]),
        slo: vec![objective("attempt_throttle_rate < 1%", Some(0.0), 0.01, true, false)],
        ..document()
    }
}

/// Two workloads on two pools; prices and a quota unknown, one objective without a value.
pub(crate) fn two_pools() -> Summary {
    let throttles_by_limit = ThrottlesByLimit {
        tokens_per_minute: estimate(6.5, 5.1, 7.9),
        unsatisfiable: estimate(1.0, 0.4, 1.6),
        ..ThrottlesByLimit::default()
    };
    let chat = Metrics {
        counts: Counts {
            requests: 61_204,
            attempts: 63_350,
            throttled: 2_146,
            succeeded: 61_178,
            failed: 26,
            truncated: 1_224,
        },
        attempt_throttle_rate: estimate(0.0339, 0.029, 0.039),
        request_failure_rate: Estimate { few_events: true, ..estimate(0.000_424, 0.0, 0.001) },
        truncation_rate: estimate(0.02, 0.018, 0.022),
        goodput_requests_per_minute: estimate(2_142.0, 2_130.0, 2_154.0),
        latency_ms: percentiles([9_100.0, 7_400.0, 18_000.0, 24_000.0, 41_000.0, 130_000.0]),
        ttft_ms: percentiles([1_220.0, 980.0, 2_300.0, 3_100.0, 6_400.0, 15_000.0]),
        throttles_by_limit,
        cost_usd_per_hour: estimate(1_284.0, 1_270.0, 1_298.0),
        ..Metrics::default()
    };
    let batch = Metrics {
        counts: Counts { requests: 12, attempts: 12, throttled: 0, succeeded: 12, failed: 0, truncated: 0 },
        attempt_throttle_rate: Estimate { mean: Some(0.0), ci95: None, few_events: false },
        latency_ms: Percentiles { mean: Some(52_000.0), ..Percentiles::default() },
        ..Metrics::default()
    };
    let pool = PoolMetrics {
        quota_utilization: estimate(0.873, 0.866, 0.88),
        reservation_peak: 3_941_020,
        reservation_waste: estimate(0.312, 0.309, 0.315),
        ..PoolMetrics::default()
    };
    Summary {
        scenario: "assistant".into(),
        total: Metrics { cost_usd_per_hour: Estimate::default(), ..chat.clone() },
        pools: named([
            ("mantle", Metrics { pool: Some(PoolMetrics::default()), ..batch.clone() }),
            ("sonnet", Metrics { pool: Some(pool), ..chat.clone() }),
        ]),
        workloads: named([("chat", chat), ("nightly-report", batch)]),
        slo: vec![
            objective("attempt_throttle_rate < 5%", Some(0.0339), 0.05, true, false),
            objective("nightly-report: latency_ms.p99 < 120s", None, 120_000.0, false, true),
        ],
        assumptions: vec!["price of openai.gpt-oss-120b is unknown: cost is not added up".into()],
        warnings: vec![
            "pool `sonnet` is still spending its burst: its mean level falls by 12% of capacity between the first \
             and the last quarter; in the long run 4.1% of the offered tokens cannot be served. Run it longer, or \
             say `episode: true`."
                .into(),
        ],
        ..document()
    }
}

/// Values of `max_tokens` for the classifier, with the shares of throttled attempts and truncated answers.
pub(crate) fn comparison(values: &[(&str, u64, f64, f64)]) -> Comparison {
    let variant = |&(name, limit, throttled, truncated): &(&str, u64, f64, f64)| {
        let mut total = classifier();
        total.attempt_throttle_rate = estimate(throttled, throttled * 0.9, throttled * 1.1);
        total.truncation_rate = estimate(truncated, truncated * 0.8, truncated * 1.2);
        let slo = vec![
            objective("attempt_throttle_rate < 1%", Some(throttled), 0.01, throttled < 0.01, false),
            objective("truncation_rate < 1% (default)", Some(truncated), 0.01, truncated < 0.01, false),
        ];
        VariantResult {
            name: name.into(),
            max_tokens: name.parse().ok(),
            output_limit: Some(limit),
            reservation_per_request: estimate(500.0 + limit as f64, 490.0 + limit as f64, 510.0 + limit as f64),
            fits_at_once: Some(200_000 / (500 + limit)),
            cost_usd_per_1000_good: estimate(0.0671, 0.067, 0.0672),
            pools: named([("haiku", Metrics { pool: Some(PoolMetrics::default()), ..total.clone() })]),
            workloads: named([("triage", total.clone())]),
            total,
            difference: Difference {
                attempt_throttle_rate: estimate(throttled - 0.413, throttled - 0.42, throttled - 0.406),
                ..Difference::default()
            },
            meets: slo.iter().all(|outcome| outcome.met),
            slo,
            ..VariantResult::default()
        }
    };
    let variants: Vec<VariantResult> = values.iter().map(variant).collect();
    let meets = |each: &&VariantResult| each.slo.iter().all(|outcome| outcome.met);
    let best = variants.iter().find(meets).map(|each| each.name.clone());
    let Summary { schema_version, quotasim_version, seed, replications, horizon_s, warmup_s, .. } = document();
    Comparison {
        schema_version,
        quotasim_version,
        scenario: "support-triage".into(),
        seed,
        replications,
        horizon_s,
        warmup_s,
        workload: Some("triage".into()),
        objectives: vec!["attempt_throttle_rate < 1%".into(), "truncation_rate < 1% (default)".into()],
        recommendation: Recommendation {
            reason: "Take the best. It holds under 1 of 2 assumptions tried: `burst_seconds_1` flips it.".into(),
            holds_under: vec![("fixed_window".into(), true), ("burst_seconds_1".into(), false)],
            sustains_load: best.as_ref().map(|_| 1.84),
            tried: [("fixed_window", 0.0), ("burst_seconds_1", 0.2)]
                .map(|(assumption, rate)| Tried {
                    assumption: assumption.into(),
                    holds: rate == 0.0,
                    attempt_throttle_rate: estimate(rate, rate * 0.9, rate * 1.1),
                    latency_p99_ms: Some(4_930.0),
                    ..Tried::default()
                })
                .into(),
            variant: best,
            ..Recommendation::default()
        },
        variants,
        assumptions: vec!["limiter: a token bucket of 60 s".into()],
        warnings: vec!["variant `unset`: too short; run it longer".into()],
    }
}

/// A sweep along `load` with a line for each of some values, throttled ever earlier from line to line.
pub(crate) fn sweep(loads: &[f64], values: &[&str]) -> Sweep {
    let mut axes = vec![Axis { path: "load".into(), values: loads.iter().map(|&load| load.into()).collect() }];
    if !values.is_empty() {
        let values = values.iter().map(|&value| value.into()).collect();
        axes.push(Axis { path: "workloads.triage.max_tokens".into(), values });
    }
    let beside = |value: &str| (axes.len() == 2).then(|| ("workloads.triage.max_tokens".to_owned(), value.into()));
    let lines: Vec<&str> = if values.is_empty() { vec![""] } else { values.to_vec() };
    let (mut points, mut knees) = (Vec::new(), Vec::new());
    for (index, value) in lines.iter().enumerate() {
        let knee = 2.0 / (index + 1) as f64;
        for &load in loads {
            let rate = (1.0 - knee / load).max(0.0);
            let mut total = classifier();
            total.attempt_throttle_rate = estimate(rate, rate * 0.9, (rate * 1.1).min(1.0));
            let at = [("load".to_owned(), load.into())].into_iter().chain(beside(value)).collect();
            let meets = rate < 0.01;
            let offered_utilization = Some(load / 2.0);
            points.push(Point {
                at,
                replications: 5,
                added: false,
                meets,
                still_spending: Vec::new(),
                offered_utilization,
                total,
                recovery: None,
            });
        }
        knees.push(Knee { at: beside(value).into_iter().collect(), load: Some(knee), ..Knee::default() });
    }
    let Summary { schema_version, quotasim_version, seed, replications, horizon_s, warmup_s, .. } = document();
    Sweep {
        schema_version,
        quotasim_version,
        scenario: "support-triage".into(),
        client: None,
        seed,
        replications,
        horizon_s,
        warmup_s,
        axes,
        objectives: vec!["attempt_throttle_rate < 1%".into()],
        throttle_bound: Some(0.01),
        points,
        knees,
        assumptions: vec!["limiter: a token bucket of 60 s".into()],
        warnings: Vec::new(),
    }
}

/// A map of states: the more load and the higher the spike, the worse.
pub(crate) fn states(loads: &[f64], spikes: &[f64]) -> Sweep {
    let words: Vec<String> = spikes.iter().map(ToString::to_string).collect();
    let mut sweep = sweep(loads, &words.iter().map(String::as_str).collect::<Vec<_>>());
    sweep.axes[1] = Axis { path: "spike.load".into(), values: spikes.iter().map(|&spike| spike.into()).collect() };
    for (index, point) in sweep.points.iter_mut().enumerate() {
        let (load, spike) = (loads[index % loads.len()], spikes[index / loads.len()]);
        point.at = [("load".to_owned(), load.into()), ("spike.load".to_owned(), spike.into())].into_iter().collect();
        let (state, stable) = match load * spike {
            product if load > 1.2 && product > 0.0 => (State::Degraded, 0),
            product if product > 3.0 => (State::DoesNotRecover, 1),
            _ => (State::Stable, 10),
        };
        let others = 10 - stable;
        let (degraded, does_not_recover) = if state == State::Degraded { (others, 0) } else { (0, others) };
        let replications = StateCounts { stable, degraded, does_not_recover };
        point.recovery = Some(Afterwards { state, replications, time_to_recover_s: Gauge::default() });
    }
    sweep.knees.clear();
    sweep
}

fn classifier() -> Metrics {
    Metrics {
        counts: Counts {
            requests: 84_012,
            attempts: 118_900,
            throttled: 49_106,
            succeeded: 73_930,
            failed: 10_082,
            truncated: 0,
        },
        ledger: LedgerTotals {
            reserved: 608_742_620,
            settled: 4_953_310,
            refunded: 603_789_310,
            overdraft: 0,
            open: 0,
        },
        offered_requests_per_minute: estimate(300.0, 298.1, 301.9),
        offered_tokens_per_minute: estimate(20_100.0, 19_973.0, 20_227.0),
        attempts_per_request: estimate(1.415, 1.4, 1.43),
        attempt_throttle_rate: estimate(0.413, 0.401, 0.425),
        request_throttle_rate: estimate(0.233, 0.22, 0.246),
        request_failure_rate: estimate(0.12, 0.111, 0.129),
        truncation_rate: estimate(0.0, 0.0, 0.0107),
        quota_truncation_rate: estimate(0.0, 0.0, 0.0107),
        goodput_requests_per_minute: estimate(264.0, 262.0, 266.0),
        goodput_output_tokens_per_minute: estimate(1_320.0, 1_310.0, 1_330.0),
        latency_ms: percentiles([1_410.0, 980.0, 2_700.0, 3_400.0, 4_930.0, 7_100.0]),
        ttft_ms: percentiles([1_366.0, 936.0, 2_650.0, 3_350.0, 4_880.0, 7_050.0]),
        wait_ms: Wait {
            all: percentiles([702.0, 0.0, 2_000.0, 2_700.0, 4_200.0, 6_400.0]),
            backoff: percentiles([702.0, 0.0, 2_000.0, 2_700.0, 4_200.0, 6_400.0]),
            ..Wait::default()
        },
        throttles_by_limit: ThrottlesByLimit {
            tokens_per_minute: estimate(175.4, 168.0, 182.8),
            ..ThrottlesByLimit::default()
        },
        attempt_fault_rate: estimate(0.0, 0.0, 0.0107),
        failures_by_cause: FailuresByCause { throttled: estimate(36.0, 33.3, 38.7), ..FailuresByCause::default() },
        wasted: Wasted::default(),
        in_flight: Gauge { mean: Some(20.8), ci95: Some([20.6, 21.0]), max: Some(24.0) },
        cost_usd_per_hour: estimate(1.06, 1.05, 1.07),
        pool: None,
    }
}

/// A system that comes back from a spike.
pub(crate) fn recovery() -> Recovery {
    let share = |s: f64| {
        let trouble = if (600.0..690.0).contains(&s) { 0.4 } else { 0.001 };
        Trouble { from_s: s, share: Some(trouble), undisturbed: Some(0.001) }
    };
    Recovery {
        trigger: Trigger::Spike,
        from_s: 600.0,
        to_s: 630.0,
        state: State::Stable,
        replications: StateCounts { stable: 10, degraded: 0, does_not_recover: 0 },
        time_to_recover_s: Gauge { mean: Some(42.0), ci95: Some([35.0, 49.0]), max: Some(65.0) },
        trouble_rate: Phases {
            during: estimate(0.381, 0.37, 0.392),
            end: estimate(0.002, 0.001, 0.003),
            end_undisturbed: estimate(0.001, 0.0, 0.002),
        },
        attempts_per_request: Phases {
            during: estimate(1.9, 1.8, 2.0),
            end: estimate(1.0, 1.0, 1.0),
            end_undisturbed: estimate(1.0, 1.0, 1.0),
        },
        curve: (0..120).map(|point| share(f64::from(point) * 15.0)).collect(),
    }
}

fn document() -> Summary {
    Summary {
        schema_version: Summary::SCHEMA_VERSION,
        quotasim_version: "0.1.0".into(),
        seed: 1,
        replications: 10,
        horizon_s: 1_800.0,
        warmup_s: 120.0,
        ..Summary::default()
    }
}

fn named<const N: usize>(metrics: [(&str, Metrics); N]) -> Named<Metrics> {
    metrics.into_iter().map(|(name, metrics)| (name.to_owned(), metrics)).collect()
}

fn objective(text: &str, value: Option<f64>, bound: f64, met: bool, uncertain: bool) -> SloOutcome {
    SloOutcome { text: text.into(), value, bound, met, uncertain }
}

fn estimate(mean: f64, low: f64, high: f64) -> Estimate {
    Estimate { mean: Some(mean), ci95: Some([low, high]), few_events: false }
}

/// From `[mean, p50, p90, p95, p99, p99.9]`.
fn percentiles([mean, p50, p90, p95, p99, p999]: [f64; 6]) -> Percentiles {
    Percentiles {
        mean: Some(mean),
        ci95: Some([mean * 0.98, mean * 1.02]),
        p50: Some(p50),
        p90: Some(p90),
        p95: Some(p95),
        p99: Some(p99),
        p999: Some(p999),
    }
}

/// A pool through a run: demand that swells and ebbs against a quota (or none), throttled while it is used up.
pub(crate) fn timeline(pool: &str, horizon_s: f64, interval_s: f64, quota: Option<u64>) -> PoolTimeline {
    let count = (horizon_s / interval_s) as usize;
    let points = (0..count).map(|index| {
        let from_s = index as f64 * interval_s;
        // A triangle wave of five swells, 0 to 1.
        let phase = (from_s / horizon_s * 5.0).fract();
        let swell = 1.0 - (2.0 * phase - 1.0).abs();
        let reserved = (swell * 240_000.0) as u64;
        let free = quota.map(|quota| quota.saturating_sub(reserved));
        TimelinePoint {
            from_s,
            to_s: from_s + interval_s,
            quota,
            admitted: 40,
            throttled: if free == Some(0) { 17 + index as u64 % 5 } else { 0 },
            charged: (swell * 30_000.0 * interval_s / 60.0) as u64,
            reserved_open: reserved,
            available: free.map(|free| free as i64),
            capacity: quota,
            in_flight: reserved / 8_192,
        }
    });
    PoolTimeline { pool: pool.into(), points: points.collect() }
}

/// Output lengths in bins of `width` tokens from `from` to `to`, most of them in the middle.
pub(crate) fn histogram(workload: &str, [from, to]: [u64; 2], width: u64, max_tokens: Option<u64>) -> OutputHistogram {
    let bins = (from..to).step_by(width as usize).map(|at| (at, at + width, 1 + (at - from).min(to - at)));
    OutputHistogram {
        workload: workload.into(),
        max_tokens: max_tokens.unwrap_or(8_192),
        max_tokens_unset: max_tokens.is_none(),
        bins: bins.collect(),
    }
}

/// The words for [`busy`], [`calm`] and [`two_pools`].
pub(crate) fn setting() -> Setting {
    let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
    let sonnet = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";
    let pool = |name: &str, model: &str, rules: &[&str]| PoolSetting {
        name: name.into(),
        model: model.into(),
        limiter: Some("token bucket of 60 s".into()),
        available: "bucket level".into(),
        rules: rules.iter().map(|&rule| rule.into()).collect(),
        burndown: 5,
        mantle: false,
    };
    let workload = |name: &str, pool: &str, model: &str| WorkloadSetting {
        name: name.into(),
        pool: pool.into(),
        model: model.into(),
    };
    let within = |workload: Option<&str>, percentile: &str, bound_ms: f64| LatencyObjective {
        workload: workload.map(str::to_owned),
        percentile: percentile.into(),
        bound_ms,
        first_token: false,
    };
    Setting {
        pools: vec![
            pool("haiku", haiku, &[]),
            pool("sonnet", sonnet, &["cache reads reserved", "at least 4,096 reserved for output"]),
        ],
        workloads: vec![workload("triage", "haiku", haiku), workload("chat", "sonnet", sonnet)],
        objectives: vec![within(Some("triage"), "p99", 5_000.0), within(Some("chat"), "p99", 30_000.0)],
    }
}
