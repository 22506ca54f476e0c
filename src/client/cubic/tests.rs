//! The limiters of three SDKs, replayed value by value.
//!
//! The files hold what the real code did under a fake clock: one worker, no service time, waits advance the clock by at
//! least a nanosecond.

use super::*;
use serde_json::Value;

/// Replays every scenario of a file; all state variables must agree to `tolerance`.
fn replay(file: &str, start: Start, tolerance: f64) -> usize {
    let file: Value = serde_json::from_str(file).expect("the vectors are JSON");
    let mut values = 0;
    for (name, scenario) in file["scenarios"].as_object().expect("scenarios by name") {
        let mut limiter = CubicLimiter::new(start, scenario["t0"].as_f64().expect("a time"));
        for (i, row) in scenario["rows"].as_array().expect("rows").iter().enumerate() {
            let number = |key: &str| row[key].as_f64();
            let t = number("t").expect("a time");
            match row["op"].as_str().expect("an operation") {
                "init" => {}
                "success" => limiter.update(t, false),
                "throttle" => limiter.update(t, true),
                "acquire" => {
                    let granted = acquire(&mut limiter, t - number("waited").expect("a wait"));
                    assert!((granted - t).abs() <= tolerance, "{name} {i}: granted at {granted}, not {t}");
                }
                other => panic!("unknown operation {other}"),
            }
            let pairs = [
                ("measured_rate", limiter.measured),
                ("fill_rate", limiter.rate),
                ("max_capacity", limiter.capacity),
                ("capacity", limiter.tokens),
                ("w_max", limiter.w_max),
                ("k", limiter.k),
                ("last_throttle", limiter.throttled_at),
                ("last_bucket", limiter.bucket),
                ("count_in_bucket", f64::from(limiter.count)),
            ];
            for (key, actual) in pairs {
                let Some(expected) = number(key) else { continue };
                assert!((actual - expected).abs() <= tolerance, "{name} {i} {key}: {actual}, not {expected}");
                values += 1;
            }
            assert_eq!(row["enabled"].as_bool(), Some(limiter.enabled), "{name} {i}");
        }
    }
    values
}

/// Waits as the fake clock does; the time at which the token was had.
fn acquire(limiter: &mut CubicLimiter, mut now: f64) -> f64 {
    while let Err(wait) = limiter.take(now, SEND_COST) {
        now += wait.max(1e-9);
    }
    now
}

#[test]
fn boto3_to_a_billionth() {
    let file = include_str!("../../../tests/vectors/sdk-retries/botocore_adaptive_vectors.json");
    assert!(replay(file, BOTO3, 1e-9) > 2_000);
}

#[test]
fn javascript_to_a_ten_millionth() {
    let file = include_str!("../../../tests/vectors/sdk-retries/smithy_js_adaptive_vectors.json");
    assert!(replay(file, JAVASCRIPT, 1e-7) > 1_500);
}

#[test]
fn rust_to_a_ten_millionth() {
    let file = include_str!("../../../tests/vectors/sdk-retries/smithy_rs_adaptive_vectors.json");
    assert!(replay(file, RUST, 1e-7) > 1_500);
}

/// The numbers in the unit tests of aws-smithy-runtime 1.16.2.
#[test]
fn the_cubic_recovers_as_in_the_rust_sdk() {
    let throttled_at_five = CubicLimiter {
        measured: 1e9,
        w_max: 10.0,
        k: libm::cbrt(10.0 * (1.0 - BETA) / SCALE),
        throttled_at: 5.0,
        bucket: 1e9,
        ..CubicLimiter::new(RUST, 0.0)
    };
    let rates = [
        7.0,
        9.64893600966,
        10.000030849917364,
        10.453284520772092,
        13.408697022224185,
        21.26626835427364,
        36.425998516920465,
    ];
    let mut limiter = throttled_at_five;
    for (t, expected) in (5..).zip(rates) {
        limiter.update(f64::from(t), false);
        assert!((limiter.rate - expected).abs() < 1e-9, "{t}: {}", limiter.rate);
    }
}

#[test]
fn all_that_are_refused_at_once_are_told_the_same_time() {
    let mut limiter =
        CubicLimiter { enabled: true, rate: 0.5, tokens: 0.05, refilled_at: 0.1, ..CubicLimiter::new(RUST, 0.0) };
    for _ in 0..10 {
        assert!((limiter.take(0.1, SEND_COST).expect_err("too few tokens") - 1.9).abs() < 1e-12);
    }
    assert_eq!(limiter.take(2.1, SEND_COST), Ok(()));
}

#[test]
fn a_shortfall_below_the_clock_is_granted() {
    let mut limiter = CubicLimiter { enabled: true, rate: 1.0, tokens: 1.0 - 1e-12, ..CubicLimiter::new(BOTO3, 0.0) };
    assert_eq!(limiter.take(0.0, SEND_COST), Ok(()));
    assert_eq!(limiter.tokens, 0.0);
}

/// Java measures from the epoch on: its first rate is practically zero, and the send rate stays at its floor.
#[test]
fn java_starts_from_nothing() {
    let mut limiter = CubicLimiter::new(JAVA, 0.0);
    limiter.update(0.1, true);
    assert_eq!((limiter.measured, limiter.rate, limiter.enabled), (0.0, MIN_RATE, true));
    for i in 1..100 {
        limiter.update(f64::from(i), false);
        assert!(limiter.rate.is_finite() && limiter.rate <= 2.0 * limiter.measured.max(MIN_RATE));
    }
}
