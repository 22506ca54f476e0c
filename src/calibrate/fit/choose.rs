//! Which law describes a sample best, and how well.

use super::cells::{Cells, Grain, Value};
use super::ecdf::{Ecdf, QUANTILES};
use super::family::{self, Family};
use super::likelihood::each;
use super::mixture;
use crate::model::Distribution;
use crate::model::distribution::Bin;
use crate::random::quantile;
use crate::spec::draft;
use serde::Serialize;

/// A law fitted to a sample, with everything that speaks for and against it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Fit {
    /// Its family.
    pub family: Family,
    /// The law; its parameters are rounded as a scenario file has them, and written as there.
    #[serde(rename = "distribution", serialize_with = "as_written")]
    pub law: Distribution,
    /// How many values were seen, zeros and cut ones included.
    pub observations: u64,
    /// The share of values that are zero; the law is of the others and the zeros together.
    pub zeros: f64,
    /// The share of values that were cut, so that only a lower bound is known.
    pub censored: f64,
    /// Kolmogorov–Smirnov distance between the law and what was seen.
    pub ks: f64,
    /// The distance that a perfect law exceeds by chance in 5 of 100 samples of this size.
    pub ks_by_chance: f64,
    /// Observed and fitted quantiles.
    pub quantiles: Vec<QuantilePair>,
    /// The families that were tried.
    pub candidates: Vec<Candidate>,
    /// Why this one, in words.
    pub reason: String,
    /// What was seen, for charts.
    #[serde(skip)]
    pub observed: Ecdf,
}

fn as_written<S: serde::Serializer>(law: &Distribution, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&draft::written(law))
}

/// A quantile as observed and as fitted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct QuantilePair {
    /// The share of values up to it.
    pub share: f64,
    /// As observed; `None` where values were cut before it.
    pub observed: Option<f64>,
    /// As the law has it.
    pub fitted: f64,
}

/// A family that was tried.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Candidate {
    /// Which.
    pub family: Family,
    /// How many parameters it has.
    pub parameters: u32,
    /// Mean log-likelihood of values that its fit had not seen [nats per value]; `None` for quantiles, which give
    /// unseen values no probability.
    pub held_out_log_likelihood: Option<f64>,
    /// Kolmogorov–Smirnov distance from values that its fit had not seen, mean over the folds.
    pub held_out_ks: f64,
}

/// The sample is divided into this many parts; each is held out once.
const FOLDS: usize = 3;
/// Fewer distinct values than this are written down one by one.
const FEW_DISTINCT: usize = 12;
/// Fewer values than this say nothing about a family.
const FEW: usize = 20;
/// A larger distance from the sample is a poor fit, whose place the observed quantiles take if they are nearer.
const POOR: f64 = 0.05;

/// Fits every family to a sample and keeps the best.
///
/// *Rule*: the family under which held-out values are most likely; then the plainest family that is no worse than that
/// by more than one standard error of the difference; and if its distance from the sample exceeds 5 %, the observed
/// quantiles, where these are nearer to held-out values.
///
/// The order of the values decides which are held out together: it must not follow their size.
///
/// *Source*: Hastie, Tibshirani and Friedman, "The elements of statistical learning", 2009, §7.10, the one-standard-error
/// rule.
pub fn fit(values: &[Value], grain: Grain) -> Fit {
    let half = grain.step / 2.0;
    let positive: Vec<Value> = values.iter().copied().filter(|value| value.value >= half).collect();
    let observed = Ecdf::new(values, grain);
    let zeros = if values.is_empty() { 0.0 } else { 1.0 - positive.len() as f64 / values.len() as f64 };
    let chosen = choose(&positive, grain);
    let law = tidy(&with_zeros(zeros, chosen.law));
    let n = values.len() as f64;
    Fit {
        family: chosen.family,
        observations: values.len() as u64,
        zeros,
        censored: values.iter().filter(|value| value.censored).count() as f64 / n.max(1.0),
        ks: observed.distance(&law),
        // The asymptotic 95 % point of Kolmogorov's distribution.
        ks_by_chance: 1.358 / libm::sqrt(n.max(1.0)),
        quantiles: QUANTILES
            .iter()
            .filter(|&&p| n >= 10.0 / (1.0 - p).min(p))
            .map(|&share| QuantilePair { share, observed: observed.quantile(share), fitted: quantile(&law, share) })
            .collect(),
        candidates: chosen.candidates,
        reason: chosen.reason,
        observed,
        law,
    }
}

/// The law of the values that are not zero.
struct Chosen {
    family: Family,
    law: Distribution,
    candidates: Vec<Candidate>,
    reason: String,
}

impl Chosen {
    fn plainly(family: Family, law: Distribution, reason: &str) -> Chosen {
        Chosen { family, law, candidates: Vec::new(), reason: reason.to_owned() }
    }
}

fn choose(values: &[Value], grain: Grain) -> Chosen {
    let ecdf = Ecdf::new(values, grain);
    let cut = values.iter().any(|value| value.censored);
    match ecdf.points() {
        [] => {
            // Everything was cut, or there is nothing.
            let largest = values.iter().map(|value| value.value).fold(0.0, f64::max);
            Chosen::plainly(Family::Constant, Distribution::Constant(largest), "no value was seen whole")
        }
        [(only, _)] if !cut => {
            Chosen::plainly(Family::Constant, Distribution::Constant(*only), "every value is the same")
        }
        points if points.len() <= FEW_DISTINCT && !cut && values.len() >= 2 * points.len() => {
            Chosen::plainly(Family::Discrete, discrete(points), "there are few different values")
        }
        _ if values.len() < FEW => {
            Chosen::plainly(Family::Quantiles, ecdf.quantile_law(), "too few values to tell families apart")
        }
        _ => compare(values, grain, &ecdf),
    }
}

/// Fits all families, on everything and with each fold held out.
fn compare(values: &[Value], grain: Grain, ecdf: &Ecdf) -> Chosen {
    let laws = laws(&Cells::new(values, grain));
    let folds: Vec<Fold> = (0..FOLDS).map(|fold| Fold::new(values, fold, grain)).collect();
    let scores: Vec<Score> = laws.iter().map(|(family, _)| Score::of(*family, &folds)).collect();
    let best = (0..laws.len()).max_by(|&a, &b| scores[a].mean.total_cmp(&scores[b].mean)).expect("families exist");
    // The plainest first: the number of parameters, and among equals the more likely.
    let mut order: Vec<usize> = (0..laws.len()).collect();
    order.sort_by(|&a, &b| {
        let parameters = |index: usize| laws[index].0.parameters();
        parameters(a).cmp(&parameters(b)).then(scores[b].mean.total_cmp(&scores[a].mean))
    });
    let chosen = *order.iter().find(|&&index| scores[index].is_no_worse(&scores[best])).expect("the best is no worse");
    let quantiles_ks = mean(folds.iter().map(|fold| fold.test_ecdf.distance(&fold.train_ecdf.quantile_law())));
    let mut candidates: Vec<Candidate> = laws
        .iter()
        .zip(&scores)
        .map(|((family, _), score)| Candidate {
            family: *family,
            parameters: family.parameters(),
            held_out_log_likelihood: Some(score.mean),
            held_out_ks: score.ks,
        })
        .collect();
    candidates.push(Candidate {
        family: Family::Quantiles,
        parameters: Family::Quantiles.parameters(),
        held_out_log_likelihood: None,
        held_out_ks: quantiles_ks,
    });
    let (family, law) = laws[chosen].clone();
    let distance = ecdf.distance(&law);
    if distance > POOR && quantiles_ks < scores[chosen].ks {
        let reason = format!(
            "the best family, {}, is {:.1}% off; the observed quantiles are nearer",
            family.name(),
            distance * 100.0
        );
        return Chosen { family: Family::Quantiles, law: ecdf.quantile_law(), candidates, reason };
    }
    let reason = if chosen == best {
        "held-out values are most likely under it".to_owned()
    } else {
        format!("as good as {} on held-out values, and plainer", laws[best].0.name())
    };
    Chosen { family, law, candidates, reason }
}

/// Every family's most likely law.
fn laws(sample: &Cells) -> Vec<(Family, Distribution)> {
    let mixtures = mixture::fit(sample, 4);
    Family::PARAMETRIC
        .into_iter()
        .filter_map(|family| {
            let law = match family.components() {
                // A mixture that has lost a component is one of the smaller ones.
                Some(size) => {
                    mixtures.get(size - 1).filter(|fit| fit.len() == size).map(|fit| mixture::distribution(fit))
                }
                None => family::fit(family, sample),
            };
            Some((family, law?))
        })
        .collect()
}

/// A part of the sample, and the laws of the rest.
struct Fold {
    laws: Vec<(Family, Distribution)>,
    test: Cells,
    test_ecdf: Ecdf,
    train_ecdf: Ecdf,
}

impl Fold {
    fn new(values: &[Value], fold: usize, grain: Grain) -> Fold {
        let part = |held_out: bool| -> Vec<Value> {
            let picked = values.iter().enumerate().filter(|(index, _)| (index % FOLDS == fold) == held_out);
            picked.map(|(_, value)| *value).collect()
        };
        let (train, test) = (part(false), part(true));
        Fold {
            laws: laws(&Cells::new(&train, grain)),
            test: Cells::new(&test, grain),
            test_ecdf: Ecdf::new(&test, grain),
            train_ecdf: Ecdf::new(&train, grain),
        }
    }

    /// The law of a family, or of the next smaller mixture where a component was lost.
    fn law(&self, family: Family) -> &Distribution {
        let up_to = self.laws.iter().rev().find(|(known, _)| *known <= family);
        &up_to.expect("the exponential family is always there").1
    }
}

/// How likely and how near held-out values are under a family.
struct Score {
    /// Log-likelihood per value.
    mean: f64,
    ks: f64,
    /// Of each cell of all folds: its count and the log of its probability.
    rows: Vec<(f64, f64)>,
}

impl Score {
    fn of(family: Family, folds: &[Fold]) -> Score {
        let rows: Vec<(f64, f64)> = folds.iter().flat_map(|fold| each(fold.law(family), &fold.test)).collect();
        let total: f64 = rows.iter().map(|row| row.0).sum();
        Score {
            mean: rows.iter().map(|(count, log)| count * log).sum::<f64>() / total,
            ks: mean(folds.iter().map(|fold| fold.test_ecdf.distance(fold.law(family)))),
            rows,
        }
    }

    /// Whether the other is better by less than one standard error of the difference.
    fn is_no_worse(&self, other: &Score) -> bool {
        let total: f64 = self.rows.iter().map(|row| row.0).sum();
        let gain = other.mean - self.mean;
        let spread = |(mine, theirs): (&(f64, f64), &(f64, f64))| {
            mine.0 * (theirs.1 - mine.1 - gain) * (theirs.1 - mine.1 - gain)
        };
        let variance = self.rows.iter().zip(&other.rows).map(spread).sum::<f64>() / total;
        gain <= libm::sqrt(variance / total)
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len() as f64;
    values.sum::<f64>() / count
}

/// The values one by one with their shares.
fn discrete(points: &[(f64, f64)]) -> Distribution {
    let mut before = 0.0;
    let bins = points.iter().map(|&(value, share)| {
        let bin = Bin { from: value, to: value, count: share - before };
        before = share;
        bin
    });
    Distribution::Histogram(bins.collect())
}

fn with_zeros(zeros: f64, law: Distribution) -> Distribution {
    match law {
        law if zeros == 0.0 => law,
        Distribution::Constant(0.0) => Distribution::Constant(0.0),
        Distribution::Mixture(parts) => {
            let total: f64 = parts.iter().map(|part| part.0).sum();
            let scaled = parts.into_iter().map(|(weight, part)| (weight / total * (1.0 - zeros), part));
            Distribution::Mixture([(zeros, Distribution::Constant(0.0))].into_iter().chain(scaled).collect())
        }
        law => Distribution::Mixture(vec![(zeros, Distribution::Constant(0.0)), (1.0 - zeros, law)]),
    }
}

/// The law with its parameters in the few digits that a scenario file shows; what is judged is what is written.
pub fn tidy(law: &Distribution) -> Distribution {
    match *law {
        Distribution::Constant(x) => Distribution::Constant(significant(x, 6)),
        Distribution::Exponential { mean } => Distribution::Exponential { mean: significant(mean, 5) },
        Distribution::LogNormal { mu, sigma } => {
            // The language writes median and 95th percentile, from which it takes mu and sigma.
            let median = significant(libm::exp(mu), 5);
            let p95 = significant(libm::exp(mu + Z95 * sigma), 5);
            if p95 <= median {
                return Distribution::Constant(median);
            }
            Distribution::LogNormal { mu: libm::log(median), sigma: libm::log(p95 / median) / Z95 }
        }
        Distribution::Gamma { shape, scale } => {
            Distribution::Gamma { shape: significant(shape, 5), scale: significant(scale, 5) }
        }
        Distribution::Weibull { shape, scale } => {
            Distribution::Weibull { shape: significant(shape, 5), scale: significant(scale, 5) }
        }
        Distribution::Pareto { min, alpha, max } => {
            Distribution::Pareto { min: significant(min, 5), alpha: significant(alpha, 5), max }
        }
        Distribution::Mixture(ref parts) => {
            Distribution::Mixture(parts.iter().map(|(weight, part)| (significant(*weight, 4), tidy(part))).collect())
        }
        Distribution::Quantiles(ref points) => {
            Distribution::Quantiles(points.iter().map(|&(p, x)| (p, significant(x, 5))).collect())
        }
        Distribution::Histogram(ref bins) => {
            Distribution::Histogram(bins.iter().map(|bin| Bin { count: significant(bin.count, 5), ..*bin }).collect())
        }
        Distribution::Uniform { .. }
        | Distribution::Normal { .. }
        | Distribution::Zipf { .. }
        | Distribution::Column(_) => law.clone(),
    }
}

/// The standard normal quantile at 95 %, as the scenario language rounds it.
const Z95: f64 = 1.644_854;

/// `x` in a number of significant digits.
pub fn significant(x: f64, digits: i32) -> f64 {
    if x == 0.0 || !x.is_finite() {
        return x;
    }
    let power = digits - 1 - libm::floor(libm::log10(x.abs())) as i32;
    // Through text, the nearest number is found whatever the power.
    if power >= 0 {
        format!("{x:.*}", power as usize).parse().expect("a number that was just written")
    } else {
        let unit = libm::exp10(f64::from(-power));
        libm::round(x / unit) * unit
    }
}
