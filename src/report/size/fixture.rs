//! Hand-made sizings for tests: numbers chosen to exercise the formats, not simulated.

use crate::analysis::confidence::Standing;
use crate::analysis::increase::{Increase, PerMinute, QuotaRequest};
use crate::analysis::sizing::{
    AccountSize, Alternative, Applied, Curve, CurvePoint, Decided, Growth, GrowthStep, Limits, PoolSize, Sensitivity,
    Sizing, Under,
};
use crate::analysis::solved::{Drain, Solved};
use crate::analysis::{Estimate, Summary};

fn limits(tokens: u64, requests: u64) -> Limits {
    Limits { tokens_per_minute: Some(tokens), requests_per_minute: Some(requests), ..Limits::default() }
}

fn standing(text: &str, value: f64, limit: f64, bound: f64) -> Standing {
    Standing {
        text: text.into(),
        metric: text.split(' ').next().unwrap_or_default().into(),
        value: Some(value),
        ci95: Some([value * 0.8, limit * 1.1]),
        limit: Some(limit),
        bound,
        met: limit < bound,
        proven: true,
    }
}

/// A share that falls from `from` to `to` as the limit rises, met below 1 %.
pub(crate) fn curve(limit: &str, today: f64, answer: f64, request: Option<f64>) -> Curve {
    let point = |index: u32| {
        let ratio = 0.5 + f64::from(index) * 0.1;
        let value = if ratio > 1.2 { 0.0 } else { 0.5 * libm::exp(-8.0 * (ratio - 0.5)) };
        let value = Estimate { mean: Some(value), ci95: Some([value * 0.9, value * 1.1 + 0.001]), few_events: false };
        CurvePoint { at: answer * ratio, value, meets: ratio >= 1.0 }
    };
    Curve {
        limit: limit.into(),
        of: "sonnet".into(),
        metric: "attempt_throttle_rate".into(),
        bound: Some(0.01),
        today,
        answer: Some(answer),
        request,
        points: (0..11).map(point).collect(),
    }
}

/// A pool whose quota is too small, in full.
pub(crate) fn too_small() -> Sizing {
    let under =
        |key: &str, tokens: u64, decides: bool| (key.to_owned(), Under { needs: limits(tokens, 2_430), decides });
    let pool = PoolSize {
        needs: limits(8_454_801, 2_390),
        binding: Some("tokens_per_minute".into()),
        today: limits(6_000_000, 10_000),
        request: Limits { tokens_per_minute: Some(12_000_000), ..Limits::default() },
        by_assumption: vec![
            under("token_bucket", 8_454_801, true),
            under("burst_seconds_10", 8_850_000, true),
            under("fixed_window", 8_460_000, true),
            ("burst_seconds_1".to_owned(), Under { needs: Limits::default(), decides: false }),
            under("reserve_burndown", 8_600_000, false),
        ],
    };
    let sensitivity =
        |input: &str, less: Option<u64>, more: Option<u64>| Sensitivity { input: input.into(), less, more };
    let alternative = |name: &str, words: &str, need: Option<u64>, note: &str| Alternative {
        name: name.into(),
        words: words.into(),
        need,
        saves: need.map(|need| 8_850_000 - need as i64),
        enough_today: need.is_some_and(|need| need <= 6_000_000),
        note: note.into(),
    };
    let step = |month: &str, factor: f64, tokens: u64| GrowthStep {
        month: Some(month.into()),
        factor,
        pools: [("sonnet".to_owned(), limits(tokens, (3_000.0 * factor) as u64))].into(),
        enough_today: factor < 0.7,
    };
    Sizing {
        schema_version: Summary::SCHEMA_VERSION,
        quotasim_version: "0.1.0".into(),
        scenario: "support-triage".into(),
        seed: 1,
        replications: 10,
        horizon_s: 1_800.0,
        warmup_s: 120.0,
        confidence: 0.95,
        margin: 0.3,
        objectives: vec!["attempt_throttle_rate < 1%".into()],
        meets_slo: true,
        meets_today: false,
        binding: Some("tokens_per_minute".into()),
        binding_pool: Some("sonnet".into()),
        binding_need: Some(8_454_801),
        binding_today: Some(6_000_000),
        binding_objective: Some("attempt_throttle_rate < 1%".into()),
        pools: [("sonnet".to_owned(), pool)].into(),
        accounts: [(
            "main".to_owned(),
            AccountSize {
                tokens_per_day: Some(259_000_000),
                extrapolated: true,
                today: Some(700_000_000),
                request: None,
            },
        )]
        .into(),
        at_need: vec![
            standing("attempt_throttle_rate < 1%", 0.007, 0.0097, 0.01),
            standing("latency_ms.p99 < 30s", 12_900.0, 13_050.0, 30_000.0),
        ],
        at_today: vec![standing("attempt_throttle_rate < 1%", 0.34, 0.35, 0.01)],
        curve: Some(curve("tokens_per_minute", 6_000_000.0, 8_454_801.0, Some(12_000_000.0))),
        decided: Some(Decided { need: 8_850_000, under: Some("burst_seconds_10".into()), too_large: true }),
        sensitivity: vec![
            sensitivity("traffic", Some(7_050_000), Some(10_700_000)),
            sensitivity("output tokens", Some(8_130_000), None),
            sensitivity("response time", Some(8_855_000), Some(8_845_000)),
        ],
        alternatives: vec![
            alternative(
                "other_profile",
                "half of the traffic through `global.anthropic.claude-sonnet-4-6`",
                Some(4_430_000),
                "a pool of its own, 6M tokens per minute by default",
            ),
            alternative(
                "lower_max_tokens",
                "max_tokens 973 instead of 1,024",
                Some(8_840_000),
                "cuts up to 0.5% of answers short",
            ),
            alternative("pacing", "callers paced at 92% of the quota", None, "99% of requests wait less than 5 s"),
        ],
        growth: Some(Growth {
            steps: vec![
                step("2026-12", 0.6, 7_000_000),
                step("2027-03", 1.0, 12_000_000),
                step("2027-06", 2.0, 23_000_000),
            ],
            carries: Some(0.681),
            enough_until: Some("2027-01-20".into()),
            note: "Today's quotas carry 0.681 times the scenario's traffic: they are enough until 2027-01-20.".into(),
        }),
        applied: vec![Applied {
            of: "sonnet".into(),
            limit: "tokens_per_minute".into(),
            name: "Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4.6".into(),
            code: "L-15B8E632".into(),
            value: 6_000_000,
            request: Some(12_000_000),
            adjustable: true,
        }],
        increases: vec![increase(Some("L-15B8E632")), increase(None)],
        unpublished: vec!["how a quota per minute is enforced over time".into()],
        assumptions: vec!["A refused attempt consumes nothing.".into()],
        warnings: vec!["the simulated time is shorter than a day; simulate 24h".into()],
        ..Sizing::default()
    }
}

fn increase(code: Option<&str>) -> Increase {
    let name = "Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4.6";
    Increase {
        of: "sonnet".into(),
        use_case: Some("Does | the busiest hour fit?".into()),
        model: Some("Claude Sonnet 4.6".into()),
        model_id: "us.anthropic.claude-sonnet-4-6".into(),
        region: code.map(|_| "us-east-1".into()),
        profile: "`us.` inference profile (geographic cross-Region)".into(),
        endpoint: "bedrock-runtime".into(),
        quotas: vec![QuotaRequest {
            limit: "tokens_per_minute".into(),
            name: name.into(),
            code: code.map(str::to_owned),
            current: 6_000_000,
            desired: 12_000_000,
            command: match code {
                Some(code) => format!(
                    "aws service-quotas request-service-quota-increase --service-code bedrock --quota-code {code} \
                     --desired-value 12000000 --region us-east-1"
                ),
                None => format!(
                    "aws service-quotas list-service-quotas --service-code bedrock --query \"Quotas[?QuotaName=='{name}']\""
                ),
            },
        }],
        tokens_per_minute: PerMinute { p50: Some(8_511_488.0), p90: Some(8_806_400.0), max: Some(9_076_233.0) },
        requests_per_minute: PerMinute { p50: Some(2_394.0), p90: Some(2_462.0), max: None },
        average_input_tokens: Some(1_939.4),
        average_cache_read_tokens: Some(800.0),
        average_output_tokens: Some(323.0),
        share_above_25k_input: Some(0.00096),
        cross_region: "Yes, within the geography of the `us.` profile.".into(),
        growth: "2 times this traffic by 2027-06: 23M tokens per minute.".into(),
        monitoring: "CloudWatch.".into(),
        retries: "chat: boto3 in standard mode, up to 3 attempts".into(),
        notes: vec!["AWS Support raises related quotas together.".into()],
    }
}

/// The same with quotas that are enough.
pub(crate) fn enough() -> Sizing {
    let mut sizing = too_small();
    let pool = sizing.pools.get_mut("sonnet").expect("the fixture has it");
    pool.today = limits(20_000_000, 10_000);
    pool.request = Limits::default();
    sizing.curve = Some(curve("tokens_per_minute", 20_000_000.0, 8_454_801.0, None));
    (sizing.meets_today, sizing.binding_today) = (true, Some(20_000_000));
    (sizing.growth, sizing.increases, sizing.applied) = (None, Vec::new(), Vec::new());
    sizing
}

/// Objectives that no quota meets.
pub(crate) fn unmet() -> Sizing {
    let mut sizing = too_small();
    let pool = sizing.pools.get_mut("sonnet").expect("the fixture has it");
    *pool = PoolSize { today: pool.today, ..PoolSize::default() };
    Sizing {
        meets_slo: false,
        binding: None,
        binding_pool: None,
        binding_need: None,
        binding_today: None,
        binding_objective: None,
        at_need: Vec::new(),
        curve: None,
        decided: None,
        sensitivity: Vec::new(),
        alternatives: Vec::new(),
        growth: None,
        applied: Vec::new(),
        increases: Vec::new(),
        reasons: vec![
            "`truncation_rate < 1%` comes out at 3.5% without any throttling, as `max_tokens` cuts answers short: raise \
             `max_tokens` of `chat` to about 1,400"
                .into(),
            "`latency_ms.p99 < 1s` comes out at 12.9 s without any throttling, which is what the model takes".into(),
        ],
        ..sizing
    }
}

/// How much traffic a quota carries.
pub(crate) fn load() -> Solved {
    Solved {
        schema_version: Summary::SCHEMA_VERSION,
        quotasim_version: "0.1.0".into(),
        scenario: "support-triage".into(),
        seed: 1,
        replications: 10,
        horizon_s: 1_800.0,
        warmup_s: 120.0,
        confidence: 0.95,
        objectives: vec!["attempt_throttle_rate < 1%".into()],
        solve: "load".into(),
        answer: Some(1.14),
        unit: "times the scenario's traffic".into(),
        today: Some(1.0),
        meets_slo: true,
        binding: Some("tokens_per_minute".into()),
        binding_pool: Some("sonnet".into()),
        binding_objective: Some("attempt_throttle_rate < 1%".into()),
        words: "Today's quotas carry 1.14 times the scenario's traffic, 2.73k requests per minute.".into(),
        at_answer: vec![standing("attempt_throttle_rate < 1%", 0.008, 0.009, 0.01)],
        curve: Some(Curve { of: String::new(), ..curve("load", 1.0, 1.14, None) }),
        assumptions: vec!["A refused attempt consumes nothing.".into()],
        ..Solved::default()
    }
}

/// How long a batch takes.
pub(crate) fn batch() -> Solved {
    Solved {
        solve: "drain".into(),
        workload: Some("batch".into()),
        answer: Some(2_040.0),
        unit: "s".into(),
        words: "The 30,000 requests of `batch` take 34 min on average, 34.6 min at most in 10 replications.".into(),
        objectives: Vec::new(),
        at_answer: Vec::new(),
        curve: None,
        drain: Some(Drain {
            requests: 30_000,
            seconds: Estimate { mean: Some(2_040.0), ci95: Some([2_028.0, 2_046.0]), few_events: false },
            slowest_s: Some(2_076.0),
            unanswered: 0.0,
        }),
        binding: None,
        binding_pool: None,
        binding_objective: None,
        ..load()
    }
}
