//! The laws of all open arrival processes.

use super::*;
use crate::model::arrivals::{CronSchedule, Interpolation, Sessions};
use crate::model::{Distribution, Trace, TraceRow};
use crate::random::kolmogorov::assert_follows;
use crate::units::{Probability, SimSpan};
use std::f64::consts::TAU;

const SECOND: u64 = 1_000_000_000;
const STREAMS: Streams = Streams { seed: 77, replication: 0, workload: 0 };

fn per_second(events: u64) -> Rate {
    Rate { events, per: SimSpan::SECOND }
}

fn seconds(seconds: u64) -> SimTime {
    SimTime(seconds * SECOND)
}

fn open(arrivals: &Arrivals, load: Load, streams: Streams, horizon: SimTime) -> OpenArrivals {
    OpenArrivals::new(arrivals, load, Start::default(), streams, horizon)
}

fn all(mut arrivals: OpenArrivals, block: usize) -> Vec<u64> {
    let mut times = Vec::new();
    let mut buffer = vec![0; block];
    loop {
        let written = arrivals.fill(&mut buffer);
        times.extend_from_slice(&buffer[..written]);
        if written < block {
            assert_eq!(arrivals.fill(&mut buffer), 0, "what has ended stays so");
            return times;
        }
    }
}

fn times(arrivals: &Arrivals, horizon: SimTime) -> Vec<u64> {
    all(open(arrivals, Load::ONE, STREAMS, horizon), 512)
}

fn gaps(times: &[u64]) -> Vec<f64> {
    times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / SECOND as f64).collect()
}

fn load(numerator: u64, denominator: u64) -> Load {
    Load { numerator, denominator }
}

fn replications(n: u32) -> impl Iterator<Item = Streams> {
    (0..n).map(|replication| Streams { replication, ..STREAMS })
}

/// The number of arrivals has the expected mean over replications, to five standard errors.
fn assert_counts(name: &str, expected: f64, counts: &[f64]) {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    let variance = counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / (n - 1.0);
    assert!((mean - expected).abs() < 5.0 * (variance / n).sqrt(), "{name}: {mean}, not {expected}");
}

fn row(at: u64) -> TraceRow {
    TraceRow { at: SimTime(at), input: 10, output: 5, cache_read: 0, max_tokens: 0 }
}

fn trace(times: &[u64], scale: f64, repeat: bool) -> Arrivals {
    Arrivals::Trace(Trace { rows: times.iter().map(|&at| row(at)).collect(), has_max_tokens: false, scale, repeat })
}

fn every_minute() -> CronSchedule {
    CronSchedule {
        minutes: (1 << 60) - 1,
        hours: (1 << 24) - 1,
        days: u32::MAX - 1,
        months: 0x1ffe,
        weekdays: 0x7f,
        either_day: false,
    }
}

fn every_kind() -> Vec<Arrivals> {
    vec![
        Arrivals::Constant { rate: Rate { events: 7, per: SimSpan(3 * SECOND) } },
        Arrivals::Burst { at: seconds(1), count: 900 },
        Arrivals::Poisson { rate: per_second(5) },
        Arrivals::Gamma { rate: per_second(5), cv: 2.5 },
        Arrivals::Weibull { rate: per_second(5), cv: 1.8 },
        Arrivals::OnOff {
            on_rate: per_second(20),
            off_rate: per_second(1),
            mean_on: SimSpan(5 * SECOND),
            mean_off: SimSpan(20 * SECOND),
        },
        Arrivals::Sinusoidal {
            rate: per_second(5),
            amplitude: Probability(1.0),
            period: SimSpan(60 * SECOND),
            phase: SimSpan(50 * SECOND),
        },
        Arrivals::Piecewise {
            points: vec![(seconds(0), per_second(0)), (seconds(100), per_second(10)), (seconds(200), per_second(3))],
            interpolation: Interpolation::Linear,
        },
        Arrivals::Cron { schedule: every_minute(), count: 300, over: SimSpan(150 * SECOND) },
        Arrivals::Sessions(Sessions {
            rate: per_second(4),
            turns: Distribution::Constant(3.0),
            think_time: Distribution::Constant(1.0),
            cache_ttl: SimSpan::MINUTE,
            continue_on_failure: false,
        }),
        trace(&[0, 5, 5, SECOND, 3 * SECOND], 2.5, true),
    ]
}

#[test]
fn times_do_not_decrease_and_end_before_the_horizon_in_any_division_into_blocks() {
    let horizon = seconds(400);
    for arrivals in every_kind() {
        let whole = times(&arrivals, horizon);
        assert!(whole.len() > 600 && whole.is_sorted() && whole.iter().all(|&time| time < horizon.0), "{arrivals:?}");
        for block in [1, 7, 5_000] {
            assert_eq!(all(open(&arrivals, Load::ONE, STREAMS, horizon), block), whole, "{arrivals:?} by {block}");
        }
    }
}

#[test]
fn the_horizon_only_cuts() {
    for arrivals in every_kind() {
        let long = times(&arrivals, seconds(300));
        let short = times(&arrivals, seconds(100));
        let cut = long.partition_point(|&time| time < 100 * SECOND);
        assert_eq!(short, long[..cut], "{arrivals:?}");
    }
}

#[test]
fn kinds_without_chance_are_the_same_for_every_seed() {
    for i in [0, 1, 8] {
        let arrivals = &every_kind()[i];
        let other = Streams { seed: 123, replication: 9, workload: 3 };
        assert_eq!(all(open(arrivals, Load::ONE, other, seconds(300)), 64), times(arrivals, seconds(300)));
    }
}

#[test]
fn constant_arrivals_fall_at_the_exact_quotients() {
    for (events, per, (numerator, denominator)) in
        [(7, 3 * SECOND, (1, 1)), (1, SECOND, (1, 3)), (999_999_937, SECOND, (17, 10)), (3, 1, (5, 7))]
    {
        let arrivals = Arrivals::Constant { rate: Rate { events, per: SimSpan(per) } };
        let mut arrivals = open(&arrivals, load(numerator, denominator), STREAMS, SimTime::MAX);
        let mut block = vec![0; 3_000];
        assert_eq!(arrivals.fill(&mut block), 3_000);
        for (k, &time) in (0_u128..).zip(&block) {
            let exact = k * u128::from(per) * u128::from(denominator) / (u128::from(events) * u128::from(numerator));
            assert_eq!(u128::from(time), exact);
        }
    }
    assert!(times(&Arrivals::Constant { rate: per_second(0) }, SimTime::MAX).is_empty());
}

#[test]
fn a_burst_is_all_at_once_and_the_load_rounds_its_count() {
    let burst = Arrivals::Burst { at: seconds(3), count: 5 };
    assert_eq!(times(&burst, seconds(4)), [3 * SECOND; 5]);
    assert!(times(&burst, seconds(3)).is_empty());
    let count = |load| all(open(&burst, load, STREAMS, seconds(4)), 3).len();
    assert_eq!([load(1, 2), load(1, 3), load(2, 3), load(2, 1), load(0, 1)].map(count), [3, 2, 3, 10, 0]);
}

#[test]
fn poisson_gaps_are_exponential() {
    let times = times(&Arrivals::Poisson { rate: per_second(100) }, seconds(10_000));
    // A Poisson count: five standard deviations.
    assert!((times.len() as f64 - 1e6).abs() < 5e3);
    // Times are whole nanoseconds, a millionth of a gap here.
    assert_follows("poisson", gaps(&times), |x| -(-100.0 * x).exp_m1());
}

#[test]
fn gamma_gaps_are_gamma() {
    // Shape 4: cv 1/2.
    let times = times(&Arrivals::Gamma { rate: per_second(100), cv: 0.5 }, seconds(10_000));
    let cdf = |x: f64| {
        let y = 400.0 * x;
        1.0 - (-y).exp() * (1.0 + y + y * y / 2.0 + y * y * y / 6.0)
    };
    assert_follows("gamma arrivals", gaps(&times), cdf);
}

#[test]
fn weibull_gaps_are_weibull_with_their_coefficient_of_variation() {
    for cv in [0.3, 1.0, 2.0] {
        let shape = renewal::weibull_shape(cv);
        let (first, second) = (libm::tgamma(1.0 + 1.0 / shape), libm::tgamma(1.0 + 2.0 / shape));
        assert!(((second / (first * first) - 1.0).sqrt() / cv - 1.0).abs() < 1e-12);
        let times = times(&Arrivals::Weibull { rate: per_second(100), cv }, seconds(5_000));
        // Gaps as short as the nanosecond would be seen as ties, so the law of the shortest is left out.
        let cdf = |x: f64| -(-((100.0 * first * x).powf(shape))).exp_m1();
        let gaps = gaps(&times).into_iter().map(|gap| gap + 0.5e-9).collect();
        assert_follows("weibull arrivals", gaps, cdf);
    }
    assert!((renewal::weibull_shape(1.0) - 1.0).abs() < 1e-12);
}

#[test]
fn renewal_processes_start_in_equilibrium() {
    let keys = || replications(100_000).map(|streams| streams.key(Purpose::Arrival));
    // The density of the residual gap is the survival function of a gap over its mean. Gamma with shape 2 and mean 1:
    // ∫ (1 + 2y) e^(−2y) dy from 0 to x is 1 − (1 + x) e^(−2x).
    let gamma = keys().map(|key| renewal::gamma_residual(key, 0.5_f64.sqrt())).collect();
    assert_follows("gamma residual", gamma, |x| 1.0 - (1.0 + x) * (-2.0 * x).exp());
    // Weibull with shape 1/2 and mean 1, so scale 1/2: ∫ e^(−√(2y)) dy is 1 − (1 + √(2x)) e^(−√(2x)).
    let weibull = keys().map(|key| renewal::weibull_residual(key, 0.5, 0.5)).collect();
    assert_follows("weibull residual", weibull, |x| {
        let root = (2.0 * x).sqrt();
        1.0 - (1.0 + root) * (-root).exp()
    });
    // And it is the first gap of the process.
    let mut time = [0];
    open(&Arrivals::Gamma { rate: per_second(1), cv: 2.0 }, Load::ONE, STREAMS, SimTime::MAX).fill(&mut time);
    assert_eq!(time[0], (renewal::gamma_residual(STREAMS.key(Purpose::Arrival), 2.0) * 1e9) as u64);
}

#[test]
fn equilibrium_counts_are_unbiased_from_the_first_instant() {
    for cv in [0.3, 3.0] {
        for arrivals in [Arrivals::Gamma { rate: per_second(1), cv }, Arrivals::Weibull { rate: per_second(1), cv }] {
            let count = |streams| all(open(&arrivals, Load::ONE, streams, seconds(3)), 64).len() as f64;
            let counts: Vec<f64> = replications(2_000).map(count).collect();
            assert_counts("renewal", 3.0, &counts);
        }
    }
}

#[test]
fn the_load_moves_requests_and_keeps_the_unit_process() {
    for arrivals in &every_kind()[2..5] {
        let base = all(open(arrivals, Load::ONE, STREAMS, seconds(1_000)), 100);
        let double = all(open(arrivals, load(2, 1), STREAMS, seconds(500)), 100);
        assert_eq!(base.len(), double.len());
        // Each time is rounded down to the nanosecond once.
        assert!(base.iter().zip(&double).all(|(one, half)| one / 2 == *half || one / 2 == half + 1), "{arrivals:?}");
    }
    // Where rates change over time, a common count is reached at a time of its own: more load, never later.
    for arrivals in &every_kind()[2..8] {
        let base = all(open(arrivals, Load::ONE, STREAMS, seconds(400)), 100);
        let more = all(open(arrivals, load(13, 10), STREAMS, seconds(400)), 100);
        assert!(more.len() > base.len() && base.iter().zip(&more).all(|(one, other)| other <= one), "{arrivals:?}");
    }
}

#[test]
fn on_off_starts_stationary_and_keeps_its_mean_rate() {
    let arrivals = &every_kind()[5];
    // (20·5 + 1·20) / 25 = 4.8 per second, from the first second on.
    for horizon in [1, 50] {
        let count = |streams| all(open(arrivals, Load::ONE, streams, seconds(horizon)), 64).len() as f64;
        let counts: Vec<f64> = replications(2_000).map(count).collect();
        assert_counts("on-off", 4.8 * horizon as f64, &counts);
    }
}

#[test]
fn on_off_with_silence_leaves_exponential_gaps_between_bursts() {
    // With one state silent and the other very fast, gaps longer than a second are the silences.
    let arrivals = Arrivals::OnOff {
        on_rate: per_second(1_000),
        off_rate: per_second(0),
        mean_on: SimSpan(SECOND),
        mean_off: SimSpan(100 * SECOND),
    };
    let silences: Vec<f64> = gaps(&times(&arrivals, seconds(1_000_000))).into_iter().filter(|gap| *gap > 1.0).collect();
    assert!(silences.len() > 8_000);
    assert_follows("silences", silences, |x| -(-(x - 1.0) / 100.0).exp_m1());
}

#[test]
fn sinusoidal_arrivals_follow_their_cumulative_rate() {
    for amplitude in [0.0, 0.5, 0.999, 1.0] {
        for phase in [0, 13, 45] {
            let (rate, period) = (2_000.0, 60.0);
            let arrivals = Arrivals::Sinusoidal {
                rate: per_second(2_000),
                amplitude: Probability(amplitude),
                period: SimSpan::MINUTE,
                phase: SimSpan(phase * SECOND),
            };
            let theta = TAU * phase as f64 / period;
            let cumulative =
                |t: f64| rate * t + rate * period / TAU * amplitude * (theta.cos() - (theta + TAU * t / period).cos());
            // Given their number, arrivals are independent draws from the normalised cumulative rate.
            let horizon = 2.5 * period;
            let times = times(&arrivals, SimTime((horizon * 1e9) as u64));
            let draws: Vec<f64> = times.iter().map(|&time| (time as f64 + 0.5) * 1e-9).collect();
            let expected = cumulative(horizon);
            assert!((draws.len() as f64 - expected).abs() < 5.0 * expected.sqrt());
            assert_follows("sinusoid", draws, |t| cumulative(t) / expected);
        }
    }
}

#[test]
fn the_sinusoid_inverts_its_cumulative_rate_exactly() {
    // A count per cycle so high that any error of the inverse shows, and so low that the start guess is poor.
    for (rate, amplitude) in [(1_000, 1.0), (1, 1.0), (1_000, 0.8), (1, 0.3)] {
        let period = 10.0;
        let per_nanosecond = f64::from(rate) / 1e9;
        let mut inverse =
            CumulativeRate::sinusoid(per_nanosecond, amplitude, SimSpan(10 * SECOND), SimSpan(2 * SECOND));
        let theta = TAU * 0.2;
        let counts: Vec<f64> = (1..4_000).map(|i| 0.37 * f64::from(i)).collect();
        let mut found = vec![0; counts.len()];
        inverse.reach_all(&counts, &mut found);
        for (count, time) in counts.iter().zip(found) {
            let t = time as f64 * 1e-9;
            let reached =
                f64::from(rate) * (t + period / TAU * amplitude * (theta.cos() - (theta + TAU * t / period).cos()));
            // Times are rounded down to the nanosecond.
            let tolerance = f64::from(rate) * 4e-9 + 1e-12 * count;
            assert!((reached - count).abs() < tolerance, "{rate} {amplitude}: {reached} for {count}");
        }
    }
}

#[test]
fn piecewise_arrivals_follow_their_cumulative_rate() {
    let points = vec![
        (seconds(0), per_second(0)),
        (seconds(50), per_second(4_000)),
        (seconds(60), per_second(0)),
        (seconds(80), per_second(0)),
        (seconds(90), per_second(1_000)),
    ];
    let horizon = 140.0;
    let area = |points: &[(f64, f64)], t: f64| -> f64 {
        let part = |pair: &[(f64, f64)]| {
            let ((from, low), (to, high)) = (pair[0], pair[1]);
            let span = (t.min(to) - from).max(0.0);
            span * (low + 0.5 * (high - low) / (to - from) * span)
        };
        points.windows(2).map(part).sum()
    };
    let linear = [(0.0, 0.0), (50.0, 4e3), (60.0, 0.0), (80.0, 0.0), (90.0, 1e3), (1e4, 1e3)];
    let steps = [(0.0, 0.0), (50.0, 0.0), (50.0, 4e3), (60.0, 4e3), (60.0, 0.0), (90.0, 0.0), (90.0, 1e3), (1e4, 1e3)];
    // Steps as lines have vertical pieces of no area.
    let steps: Vec<(f64, f64)> = steps.iter().enumerate().map(|(i, p)| (p.0 + 1e-9 * i as f64, p.1)).collect();
    for (interpolation, shape) in [(Interpolation::Linear, &linear[..]), (Interpolation::Step, &steps)] {
        let times = times(&Arrivals::Piecewise { points: points.clone(), interpolation }, seconds(140));
        let draws: Vec<f64> = times.iter().map(|&time| (time as f64 + 0.5) * 1e-9).collect();
        let expected = area(shape, horizon);
        assert!((draws.len() as f64 - expected).abs() < 5.0 * expected.sqrt());
        assert_follows("piecewise", draws, |t| area(shape, t) / expected);
    }
}

#[test]
fn a_final_rate_of_zero_ends_the_process() {
    let points = vec![(seconds(0), per_second(1_000)), (seconds(1), per_second(0))];
    for interpolation in [Interpolation::Linear, Interpolation::Step] {
        let times = times(&Arrivals::Piecewise { points: points.clone(), interpolation }, SimTime::MAX);
        assert!(times.len() > 300 && times.iter().all(|&time| time <= SECOND));
    }
}

#[test]
fn cron_fires_at_its_minutes_in_utc() {
    // 2026-01-05 is a Monday; at 08:59:30.
    let start = Start { day: 20_458, time_of_day: SimSpan((8 * 3_600 + 59 * 60 + 30) * SECOND) };
    let schedule =
        CronSchedule { minutes: 1 | 1 << 30, hours: 1 << 9 | 1 << 10, weekdays: 0b11_1110, ..every_minute() };
    let fired = |schedule, count, over, days: u64| {
        let arrivals = Arrivals::Cron { schedule, count, over };
        all(OpenArrivals::new(&arrivals, Load::ONE, start, STREAMS, seconds(days * 86_400)), 5)
    };
    let half_hours: Vec<u64> =
        fired(schedule, 1, SimSpan::ZERO, 7).iter().map(|time| (time / SECOND - 30) / 1_800).collect();
    let expected: Vec<u64> = (0..5).flat_map(|day| (0..4).map(move |k| day * 48 + k)).collect();
    assert_eq!(half_hours, expected, "weekdays at 9:00, 9:30, 10:00 and 10:30");
    // Two requests per firing over ten minutes: at once, and five minutes later.
    let spread = fired(schedule, 2, SimSpan(600 * SECOND), 1);
    assert_eq!(spread[..3], [30 * SECOND, 330 * SECOND, 1_830 * SECOND]);
}

#[test]
fn cron_days_match_as_in_cron() {
    let midnight = CronSchedule { minutes: 1, hours: 1, ..every_minute() };
    let days = |schedule: CronSchedule| -> Vec<u64> {
        let arrivals = Arrivals::Cron { schedule, count: 1, over: SimSpan::ZERO };
        times(&arrivals, seconds(90 * 86_400)).iter().map(|time| time / (86_400 * SECOND)).collect()
    };
    // From Monday, 2026-01-05: the firsts of February, March and April are 27, 55 and 86 days away.
    assert_eq!(days(CronSchedule { days: 1 << 1, ..midnight }), [27, 55, 86]);
    // Sundays of February.
    assert_eq!(days(CronSchedule { weekdays: 1, months: 1 << 2, ..midnight }), [27, 34, 41, 48]);
    // The 14th or a Sunday, in January: either day field may match.
    let either = CronSchedule { days: 1 << 14, weekdays: 1, months: 1 << 1, either_day: true, ..midnight };
    assert_eq!(days(either), [6, 9, 13, 20]);
    assert!(days(CronSchedule { days: 1 << 30, months: 1 << 2, ..midnight }).is_empty(), "there is no 30 February");
}

#[test]
fn leap_days_are_found() {
    let schedule = CronSchedule { minutes: 1, hours: 1, days: 1 << 29, months: 1 << 2, ..every_minute() };
    let arrivals = Arrivals::Cron { schedule, count: 1, over: SimSpan::ZERO };
    // 2028-02-29 is 785 days after 2026-01-05, 2032-02-29 another 1461.
    let days: Vec<u64> =
        times(&arrivals, SimTime(3_000 * 86_400 * SECOND)).iter().map(|t| t / (86_400 * SECOND)).collect();
    assert_eq!(days, [785, 2_246]);
}

#[test]
fn overlapping_firings_merge_in_time() {
    let arrivals = Arrivals::Cron { schedule: every_minute(), count: 3, over: SimSpan(180 * SECOND) };
    let times = times(&arrivals, seconds(240));
    // One request a minute of each firing: 1, 2, 3 and 3 at the minutes 0 to 3.
    let minutes: Vec<u64> = times.iter().map(|time| time / (60 * SECOND)).collect();
    assert_eq!(minutes, [0, 1, 1, 2, 2, 2, 3, 3, 3]);
}

#[test]
fn a_trace_is_its_rows() {
    let mut arrivals = open(&trace(&[0, 5, 5, 90], 1.0, false), Load::ONE, STREAMS, SimTime(100));
    let (mut times, mut rows) = ([0; 10], [0; 10]);
    assert_eq!(arrivals.fill_rows(&mut times, &mut rows), 4);
    assert_eq!((&times[..4], &rows[..4]), (&[0, 5, 5, 90][..], &[0, 1, 2, 3][..]));
    assert_eq!(arrivals.fill_rows(&mut times, &mut rows), 0);
}

#[test]
fn copies_of_a_trace_come_later_by_golden_shares_of_the_mean_gap() {
    let rows =
        |scale, load: Load| all(open(&trace(&[0, 1_000, 2_000], scale, false), load, STREAMS, SimTime(9_999)), 4);
    assert_eq!(rows(1.0, Load::ONE), [0, 1_000, 2_000]);
    assert_eq!(rows(2.0, Load::ONE), [0, 618, 1_000, 1_618, 2_000, 2_618]);
    assert_eq!(rows(1.0, load(3, 1)), [0, 236, 618, 1_000, 1_236, 1_618, 2_000, 2_236, 2_618]);
    assert_eq!(rows(0.1, load(30, 1)), rows(3.0, Load::ONE), "rounding makes no fourth copy");
    assert!(rows(1.0, load(0, 1)).is_empty());
}

#[test]
fn a_fractional_copy_keeps_its_share_of_rows() {
    let at: Vec<u64> = (0..100_000).map(|i| i * 10).collect();
    let count = |scale| times(&trace(&at, scale, false), SimTime::MAX).len() as f64;
    for (scale, kept) in [(2.5, 0.5), (0.3, 0.3)] {
        let expected = scale * 1e5;
        let deviation = (1e5 * kept * (1.0_f64 - kept)).sqrt();
        assert!((count(scale) - expected).abs() < 5.0 * deviation, "{scale}: {}", count(scale));
    }
}

#[test]
fn a_higher_load_adds_requests_to_a_trace_and_moves_none() {
    let at: Vec<u64> = (0..500).map(|i| i * i).collect();
    let with = |numerator| all(open(&trace(&at, 1.0, true), load(numerator, 10), STREAMS, SimTime(1_000_000)), 64);
    for (less, more) in [(10, 13), (13, 17), (17, 20), (20, 31)] {
        let mut more = with(more).into_iter().peekable();
        for time in with(less) {
            assert!(more.any(|other| other == time), "the request at {time} is gone");
        }
    }
}

#[test]
fn a_repeated_trace_goes_on_after_its_mean_gap() {
    let arrivals = trace(&[0, 10, 40], 1.0, true);
    assert_eq!(times(&arrivals, SimTime(130)), [0, 10, 40, 60, 70, 100, 120]);
    assert_eq!(times(&trace(&[0, 0], 1.0, true), SimTime(130)), [0, 0], "no time passes, so there is no second round");
    assert!(times(&trace(&[], 1.0, true), SimTime(130)).is_empty());
}

#[test]
fn closed_loops_have_no_open_arrivals() {
    let closed = Arrivals::ClosedLoop { workers: 5, think_time: Distribution::Constant(1.0) };
    assert!(times(&closed, SimTime::MAX).is_empty());
}
