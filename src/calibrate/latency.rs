//! How long answers take, and how that depends on their size.
//!
//! The simulator's latency is `ttft + ttft_per_1k_input × input/1000 + output / output_tokens_per_second`. Where the
//! time to the first token was recorded, each part is seen. Where only the whole duration was, a regression to the
//! median takes it apart, and then short answers tell the time to the first token and long ones the speed.

use super::dependence::spearman;
use super::fit::{Ecdf, Fit, Grain, QUANTILES, QuantilePair, Value, fit, significant};
use super::sketch::Record;
use crate::model::{Distribution, Latency};
use crate::random::{Key, Purpose, Sampler};
use serde::Serialize;

/// A latency model with its fit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LatencyFit {
    /// The model in the scenario's terms.
    #[serde(skip)]
    pub model: Latency,
    /// Whether the time to the first token was recorded, or inferred from whole durations.
    pub ttft_recorded: bool,
    /// Seconds to the first token of a prompt without length; `None` for a law of whole durations.
    pub ttft: Option<Fit>,
    /// Further seconds per 1,000 uncached prompt tokens.
    pub ttft_per_1k_input_s: f64,
    /// Tokens per second after the first.
    pub output_tokens_per_second: Option<Fit>,
    /// Seconds of the whole answer, where its length does not matter.
    pub duration: Option<Fit>,
    /// Whole durations: Kolmogorov–Smirnov distance between the model's and the observed ones.
    pub ks: f64,
    /// Whole durations in seconds, as observed and as the model has them.
    pub quantiles: Vec<QuantilePair>,
    /// Speed and time to first token by size of the answer.
    pub by_output: Vec<BySize>,
    /// Rank correlation of duration and answer.
    pub spearman_duration_output: Option<f64>,
    /// Rank correlation of time to the first token and prompt.
    pub spearman_ttft_input: Option<f64>,
    /// Observed durations, for charts.
    #[serde(skip)]
    pub observed: Ecdf,
    /// Durations of the model at the observed sizes, for charts.
    #[serde(skip)]
    pub modelled: Ecdf,
}

/// A quarter of the answers, by size.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BySize {
    /// Tokens of the shortest and the longest answer.
    pub output_tokens: [u32; 2],
    /// Median duration, in s.
    pub median_duration_s: f64,
    /// Median tokens per second, over the whole duration.
    pub median_tokens_per_second: f64,
}

/// One answer with its sizes and times, in tokens and s.
#[derive(Debug, Clone, Copy)]
struct Timed {
    input: f64,
    output: f64,
    ttft: Option<f64>,
    duration: f64,
}

/// Fewer answers than this say too little.
const FEW: usize = 20;
/// A rank correlation below this is no dependence.
const DEPENDENT: f64 = 0.2;
/// Answers shorter than this say nothing about speed.
const SHORT: f64 = 10.0;
/// Speeds are told apart by a hundredth of a token per second.
const SPEED: Grain = Grain { step: 0.01, least: 0.0 };

/// Fits the latency of a sample of answers; `None` where their durations were not recorded.
pub fn latency(sample: &[Record]) -> Option<LatencyFit> {
    let timed: Vec<Timed> = sample.iter().filter_map(timed).collect();
    if timed.len() < FEW {
        return None;
    }
    let with_ttft: Vec<Timed> = timed.iter().copied().filter(|answer| answer.ttft.is_some()).collect();
    let ttft_recorded = with_ttft.len() * 2 > timed.len();
    let by_length = spearman(&timed.iter().map(|answer| (answer.output, answer.duration)).collect::<Vec<_>>());
    let parts = if ttft_recorded { recorded(&with_ttft) } else { inferred(&timed, by_length) };
    let (model, parts) = match parts {
        Some(parts) => (parts.model(), Some(parts)),
        None => (Latency::Duration(Distribution::Constant(0.0)), None),
    };
    let mut latency = LatencyFit {
        model,
        ttft_recorded,
        ttft_per_1k_input_s: parts.as_ref().map_or(0.0, |parts| parts.per_1k_input),
        duration: None,
        ks: 0.0,
        quantiles: Vec::new(),
        by_output: by_output(&timed),
        spearman_duration_output: by_length,
        spearman_ttft_input: spearman(
            &with_ttft.iter().map(|answer| (answer.input, answer.ttft.unwrap_or(0.0))).collect::<Vec<_>>(),
        ),
        observed: Ecdf::new(&exact(timed.iter().map(|answer| answer.duration)), Grain::MILLISECONDS),
        modelled: Ecdf::new(&[], Grain::MILLISECONDS),
        ttft: None,
        output_tokens_per_second: None,
    };
    if let Some(parts) = parts {
        (latency.ttft, latency.output_tokens_per_second) = (Some(parts.ttft), Some(parts.speed));
    } else {
        let duration = fit(&exact(timed.iter().map(|answer| answer.duration)), Grain::MILLISECONDS);
        latency.model = Latency::Duration(duration.law.clone());
        latency.duration = Some(duration);
    }
    let modelled = modelled(&latency.model, &timed);
    latency.modelled = Ecdf::new(&exact(modelled.into_iter()), Grain::MILLISECONDS);
    latency.ks = two_sample(&latency.observed, &latency.modelled);
    latency.quantiles = QUANTILES
        .iter()
        .filter(|&&p| timed.len() as f64 >= 10.0 / (1.0 - p).min(p))
        .filter_map(|&share| {
            let fitted = latency.modelled.quantile(share)?;
            Some(QuantilePair { share, observed: latency.observed.quantile(share), fitted })
        })
        .collect();
    Some(latency)
}

fn timed(record: &Record) -> Option<Timed> {
    let duration = record.latency?.as_secs_f64();
    (duration > 0.0).then_some(Timed {
        input: f64::from(record.tokens.input.unwrap_or(0)),
        output: f64::from(record.tokens.output?),
        ttft: record.ttft.map(crate::units::SimSpan::as_secs_f64),
        duration,
    })
}

fn exact(values: impl Iterator<Item = f64>) -> Vec<Value> {
    values.map(Value::exact).collect()
}

/// The parts of a streaming answer.
struct Parts {
    ttft: Fit,
    per_1k_input: f64,
    speed: Fit,
}

impl Parts {
    fn model(&self) -> Latency {
        Latency::Streaming {
            ttft: self.ttft.law.clone(),
            ttft_per_1k_input: Distribution::Constant(self.per_1k_input),
            output_tokens_per_second: self.speed.law.clone(),
        }
    }
}

/// Each part as it was recorded.
fn recorded(timed: &[Timed]) -> Option<Parts> {
    let first = |answer: &Timed| answer.ttft.unwrap_or(0.0);
    let pairs: Vec<(f64, f64)> = timed.iter().map(|answer| (answer.input, first(answer))).collect();
    let depends = spearman(&pairs).is_some_and(|rho| rho > DEPENDENT);
    let slope =
        if depends { median_regression(timed, |answer| [1.0, answer.input / 1e3], first)?[1].max(0.0) } else { 0.0 };
    let per_1k_input = per_thousand(slope);
    let base = timed.iter().map(|answer| to_milliseconds(first(answer) - per_1k_input * answer.input / 1e3));
    let speeds = timed
        .iter()
        .filter(|answer| answer.output >= SHORT && answer.duration - first(answer) > 5e-3)
        .map(|answer| to_hundredths(answer.output / (answer.duration - first(answer))));
    parts(base.collect(), per_1k_input, speeds.collect())
}

/// The parts taken out of whole durations; `None` where these do not depend on the answer's length.
///
/// *Formula*: `duration ≈ a + b·output + c·input/1000` to the median; then each answer that spends at most a third of
/// its time on output tells a time to first token, and each that spends at least two thirds on it a speed.
fn inferred(timed: &[Timed], by_length: Option<f64>) -> Option<Parts> {
    by_length.filter(|&rho| rho > DEPENDENT)?;
    let duration = |answer: &Timed| answer.duration;
    let [mut start, mut each, mut per_1k] =
        median_regression(timed, |answer| [1.0, answer.output, answer.input / 1e3], duration)?;
    if per_1k < 0.0 {
        [start, each] = median_regression(timed, |answer| [1.0, answer.output], duration)?;
        per_1k = 0.0;
    }
    if each <= 0.0 {
        return None;
    }
    let start = start.max(1e-3);
    let per_1k_input = per_thousand(per_1k);
    let prompt = |answer: &Timed| per_1k_input * answer.input / 1e3;
    let writing = |answer: &Timed| answer.output * each / (start + prompt(answer) + answer.output * each);
    let short = timed.iter().filter(|answer| writing(answer) <= 1.0 / 3.0);
    let mut base: Vec<f64> =
        short.map(|answer| to_milliseconds(answer.duration - prompt(answer) - answer.output * each)).collect();
    let long = timed.iter().filter(|answer| writing(answer) >= 2.0 / 3.0 && answer.output >= SHORT);
    // A long answer that took hardly longer than a start would have an absurd speed: ten times the median at most.
    let mut speeds: Vec<f64> = long
        .map(|answer| {
            to_hundredths(answer.output / (answer.duration - prompt(answer) - start).max(answer.output * each / 10.0))
        })
        .collect();
    if base.len() < FEW {
        base = vec![to_milliseconds(start)];
    }
    if speeds.len() < FEW {
        speeds = vec![to_hundredths(1.0 / each)];
    }
    parts(base, per_1k_input, speeds)
}

/// Seconds per 1,000 tokens as the scenario has them; below a tenth of a millisecond there are none.
fn per_thousand(slope: f64) -> f64 {
    if slope < 1e-4 { 0.0 } else { significant(slope, 3) }
}

/// Tokens per second to a hundredth, as [`SPEED`] tells them apart: one speed is one value.
fn to_hundredths(speed: f64) -> f64 {
    (libm::round(speed * 100.0) / 100.0).max(SPEED.step)
}

/// At least a millisecond: what is left of a duration may be negative by chance.
fn to_milliseconds(seconds: f64) -> f64 {
    (libm::round(seconds * 1e3) / 1e3).max(1e-3)
}

fn parts(base: Vec<f64>, per_1k_input: f64, speeds: Vec<f64>) -> Option<Parts> {
    if speeds.is_empty() {
        return None;
    }
    let ttft = fit(&exact(base.into_iter()), Grain::MILLISECONDS);
    let speed = fit(&exact(speeds.into_iter()), SPEED);
    Some(Parts { ttft, per_1k_input, speed })
}

/// Coefficients of a linear regression to the median, by iteratively reweighted least squares; `None` where the
/// columns do not vary.
///
/// *Source*: Schlossmacher, "An iterative technique for absolute deviations curve fitting", JASA 68 (1973).
fn median_regression<const N: usize>(
    timed: &[Timed],
    columns: impl Fn(&Timed) -> [f64; N],
    target: impl Fn(&Timed) -> f64,
) -> Option<[f64; N]> {
    const ROUNDS: usize = 30;
    // Residuals below a millisecond all weigh the same.
    const NEAR: f64 = 1e-3;
    let mut solution = [0.0; N];
    for round in 0..ROUNDS {
        let (mut left, mut right) = ([[0.0; N]; N], [0.0; N]);
        for answer in timed {
            let (row, value) = (columns(answer), target(answer));
            let fitted: f64 = row.iter().zip(&solution).map(|(x, b)| x * b).sum();
            let weight = if round == 0 { 1.0 } else { 1.0 / (value - fitted).abs().max(NEAR) };
            for i in 0..N {
                right[i] += weight * row[i] * value;
                for j in 0..N {
                    left[i][j] += weight * row[i] * row[j];
                }
            }
        }
        solution = solve(left, right)?;
    }
    Some(solution)
}

/// Solves a small symmetric system by elimination with pivots.
fn solve<const N: usize>(mut left: [[f64; N]; N], mut right: [f64; N]) -> Option<[f64; N]> {
    for column in 0..N {
        let pivot = (column..N).max_by(|&a, &b| left[a][column].abs().total_cmp(&left[b][column].abs()))?;
        let scale = left.iter().map(|row| row[column].abs()).fold(0.0, f64::max);
        if left[pivot][column].abs() <= 1e-12 * scale.max(1e-300) {
            return None;
        }
        left.swap(column, pivot);
        right.swap(column, pivot);
        for row in column + 1..N {
            let factor = left[row][column] / left[column][column];
            let pivot = left[column];
            for (entry, above) in left[row].iter_mut().zip(pivot).skip(column) {
                *entry -= factor * above;
            }
            right[row] -= factor * right[column];
        }
    }
    let mut solution = [0.0; N];
    for row in (0..N).rev() {
        let known: f64 = (row + 1..N).map(|other| left[row][other] * solution[other]).sum();
        solution[row] = (right[row] - known) / left[row][row];
    }
    solution.iter().all(|x| x.is_finite()).then_some(solution)
}

/// Durations of the model at the observed sizes.
fn modelled(model: &Latency, timed: &[Timed]) -> Vec<f64> {
    let key = |purpose| Key::new(1, 0, 0, purpose);
    match model {
        Latency::Duration(law) => {
            let (sampler, key) = (Sampler::new(law), key(Purpose::Duration));
            (0..timed.len() as u64).map(|i| sampler.sample(key.bits(i))).collect()
        }
        Latency::Streaming { ttft, ttft_per_1k_input, output_tokens_per_second } => {
            let (start, speed) = (Sampler::new(ttft), Sampler::new(output_tokens_per_second));
            let per_1k = Sampler::new(ttft_per_1k_input).mean();
            let (starts, speeds) = (key(Purpose::TimeToFirstToken), key(Purpose::Speed));
            let duration = |(i, answer): (u64, &Timed)| {
                let writing = answer.output / speed.sample(speeds.bits(i)).max(1e-3);
                start.sample(starts.bits(i)) + per_1k * answer.input / 1e3 + writing
            };
            (0..).zip(timed).map(duration).collect()
        }
    }
}

/// The largest difference of two empirical distribution functions.
fn two_sample(one: &Ecdf, other: &Ecdf) -> f64 {
    let at = |a: &Ecdf, b: &Ecdf| a.points().iter().map(|&(x, share)| (share - b.share(x)).abs()).fold(0.0, f64::max);
    at(one, other).max(at(other, one))
}

fn by_output(timed: &[Timed]) -> Vec<BySize> {
    let mut sorted: Vec<Timed> = timed.to_vec();
    sorted.sort_by(|a, b| a.output.total_cmp(&b.output).then(a.duration.total_cmp(&b.duration)));
    let quarter = sorted.len().div_ceil(4).max(1);
    let median = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let size = |group: &[Timed]| BySize {
        output_tokens: [group[0].output as u32, group[group.len() - 1].output as u32],
        median_duration_s: significant(median(group.iter().map(|answer| answer.duration).collect()), 4),
        median_tokens_per_second: significant(
            median(group.iter().map(|answer| answer.output / answer.duration).collect()),
            4,
        ),
    };
    sorted.chunks(quarter).map(size).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::observation::{MaxTokens, Usage};
    use crate::random::quantile;
    use crate::units::SimSpan;

    /// Answers of a model with known parts: 0.8 s at the median, 40 ms per 1,000 tokens, 60 tokens/s at the median.
    fn answers(recorded: bool) -> Vec<Record> {
        let key = |purpose| Key::new(9, 0, 0, purpose);
        let law = |mu: f64, sigma| Sampler::new(&Distribution::LogNormal { mu, sigma });
        let (inputs, outputs) = (law(7.5, 0.9), law(5.0, 1.0));
        let (starts, speeds) = (law(0.8_f64.ln(), 0.3), law(60.0_f64.ln(), 0.2));
        let record = |i: u64| {
            let input = inputs.sample(key(Purpose::Input).bits(i)).round();
            let output = outputs.sample(key(Purpose::Output).bits(i)).round().max(1.0);
            let ttft = starts.sample(key(Purpose::TimeToFirstToken).bits(i)) + 0.04 * input / 1e3;
            let latency = ttft + output / speeds.sample(key(Purpose::Speed).bits(i));
            let tokens = Usage { input: Some(input as u32), output: Some(output as u32), ..Usage::default() };
            let milliseconds = |s: f64| SimSpan((s * 1e3).round() as u64 * 1_000_000);
            Record {
                tokens,
                cut: false,
                max_tokens: MaxTokens::Unset,
                ttft: recorded.then(|| milliseconds(ttft)),
                latency: Some(milliseconds(latency)),
            }
        };
        (0..8_000).map(record).collect()
    }

    fn medians(fitted: &LatencyFit) -> [f64; 3] {
        let median = |fit: &Option<Fit>| quantile(&fit.as_ref().expect("a streaming model").law, 0.5);
        [median(&fitted.ttft), fitted.ttft_per_1k_input_s, median(&fitted.output_tokens_per_second)]
    }

    #[test]
    fn recorded_parts_are_found() {
        let fitted = latency(&answers(true)).unwrap();
        let [ttft, per_1k, speed] = medians(&fitted);
        assert!((ttft / 0.8 - 1.0).abs() < 0.03 && (per_1k / 0.04 - 1.0).abs() < 0.15, "{ttft} {per_1k}");
        assert!((speed / 60.0 - 1.0).abs() < 0.02 && fitted.ks < 0.02, "{speed} {}", fitted.ks);
        assert!(fitted.ttft_recorded && fitted.spearman_ttft_input.unwrap() > 0.1);
    }

    #[test]
    fn whole_durations_are_taken_apart() {
        let fitted = latency(&answers(false)).unwrap();
        let [ttft, per_1k, speed] = medians(&fitted);
        assert!((ttft / 0.8 - 1.0).abs() < 0.1 && (per_1k / 0.04 - 1.0).abs() < 0.25, "{ttft} {per_1k}");
        assert!((speed / 60.0 - 1.0).abs() < 0.07 && fitted.ks < 0.04, "{speed} {}", fitted.ks);
        assert!(!fitted.ttft_recorded);
        let speeds: Vec<f64> = fitted.by_output.iter().map(|row| row.median_tokens_per_second).collect();
        assert!(speeds.is_sorted(), "a start weighs less on longer answers: {speeds:?}");
    }

    #[test]
    fn durations_without_dependence_are_one_law() {
        let mut answers = answers(false);
        let durations: Vec<_> = answers.iter().rev().map(|answer| answer.latency).collect();
        for (answer, latency) in answers.iter_mut().zip(durations) {
            answer.latency = latency;
        }
        let fitted = latency(&answers).unwrap();
        assert!(fitted.duration.is_some() && fitted.ttft.is_none() && fitted.ks < 0.03, "{fitted:?}");
    }

    #[test]
    fn without_durations_there_is_nothing_to_fit() {
        let mut answers = answers(true);
        for answer in &mut answers {
            answer.latency = None;
        }
        assert_eq!(latency(&answers), None);
    }

    #[test]
    fn a_small_system_is_solved() {
        assert_eq!(solve([[2.0, 1.0], [1.0, 3.0]], [5.0, 10.0]), Some([1.0, 3.0]));
        assert_eq!(solve([[1.0, 1.0], [1.0, 1.0]], [5.0, 10.0]), None);
    }
}
