//! The families of one shape, each fitted by maximum likelihood.

use super::cells::Cells;
use super::likelihood::{log_likelihood, minimise};
use crate::model::Distribution;
use serde::Serialize;

/// A family of laws, from the plainest to the most flexible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Always one value.
    Constant,
    /// A few values with their frequencies.
    Discrete,
    /// Exponential.
    Exponential,
    /// Lognormal.
    #[serde(rename = "lognormal")]
    LogNormal,
    /// Gamma.
    Gamma,
    /// Weibull.
    Weibull,
    /// Pareto.
    Pareto,
    /// A mixture of two lognormals.
    #[serde(rename = "lognormal_mixture_2")]
    Mixture2,
    /// A mixture of three.
    #[serde(rename = "lognormal_mixture_3")]
    Mixture3,
    /// A mixture of four.
    #[serde(rename = "lognormal_mixture_4")]
    Mixture4,
    /// The observed quantiles, linear between.
    Quantiles,
}

impl Family {
    /// The families with parameters, the plainest first.
    pub const PARAMETRIC: [Family; 8] = [
        Family::Exponential,
        Family::LogNormal,
        Family::Gamma,
        Family::Weibull,
        Family::Pareto,
        Family::Mixture2,
        Family::Mixture3,
        Family::Mixture4,
    ];

    /// How many numbers choose a law of the family.
    pub fn parameters(self) -> u32 {
        match self {
            Family::Constant | Family::Exponential => 1,
            Family::LogNormal | Family::Gamma | Family::Weibull | Family::Pareto => 2,
            Family::Mixture2 => 5,
            Family::Mixture3 => 8,
            Family::Mixture4 => 11,
            Family::Discrete | Family::Quantiles => 20,
        }
    }

    /// How many lognormals it mixes, if it is a mixture.
    pub fn components(self) -> Option<usize> {
        match self {
            Family::Mixture2 => Some(2),
            Family::Mixture3 => Some(3),
            Family::Mixture4 => Some(4),
            _ => None,
        }
    }

    /// Its name in a sentence.
    pub fn name(self) -> &'static str {
        match self {
            Family::Constant => "constant",
            Family::Discrete => "a few values",
            Family::Exponential => "exponential",
            Family::LogNormal => "lognormal",
            Family::Gamma => "gamma",
            Family::Weibull => "Weibull",
            Family::Pareto => "Pareto",
            Family::Mixture2 => "2 lognormals",
            Family::Mixture3 => "3 lognormals",
            Family::Mixture4 => "4 lognormals",
            Family::Quantiles => "quantiles",
        }
    }
}

/// Where the search for parameters starts: moments in which cut values stand for themselves, and the first cell.
#[derive(Debug, Clone, Copy)]
struct Moments {
    mean: f64,
    mean_log: f64,
    sd_log: f64,
    least: [f64; 2],
}

impl Moments {
    fn of(sample: &Cells) -> Moments {
        let rows = || {
            let cells = sample.seen.iter().map(|cell| (cell.mean, cell.count));
            cells.chain(sample.cuts.iter().map(|cut| (cut.above, cut.count))).filter(|row| row.0 > 0.0)
        };
        let total: f64 = rows().map(|row| row.1).sum();
        let average = |of: &dyn Fn(f64) -> f64| rows().map(|(x, n)| n * of(x)).sum::<f64>() / total;
        let mean_log = average(&libm::log);
        let variance = average(&|x| (libm::log(x) - mean_log) * (libm::log(x) - mean_log));
        let first = sample.seen.first().map(|cell| [cell.from, cell.to]);
        Moments {
            mean: average(&|x| x),
            mean_log,
            sd_log: libm::sqrt(variance).max(0.02),
            least: first.unwrap_or([0.0, 1.0]),
        }
    }
}

/// The most likely law of a family with one or two parameters; `None` for the other families.
///
/// Positive parameters are searched by their logarithms, from the moments of the sample.
pub(super) fn fit(family: Family, sample: &Cells) -> Option<Distribution> {
    let start = Moments::of(sample);
    let search = |from: [f64; 2], law: &dyn Fn(f64, f64) -> Distribution| {
        let [a, b] = minimise(from, 0.3, |&[a, b]| -log_likelihood(&law(a, b), sample));
        law(a, b)
    };
    let exp = |x: f64| libm::exp(x.clamp(-60.0, 60.0));
    Some(match family {
        Family::Exponential => {
            let law = |log_mean: f64| Distribution::Exponential { mean: exp(log_mean) };
            law(minimise([libm::log(start.mean)], 0.3, |&[m]| -log_likelihood(&law(m), sample))[0])
        }
        Family::LogNormal => {
            let law = |mu: f64, log_sigma: f64| Distribution::LogNormal { mu, sigma: exp(log_sigma.clamp(-4.6, 2.5)) };
            search([start.mean_log, libm::log(start.sd_log)], &law)
        }
        Family::Gamma => {
            // The search runs over mean and shape, which are all but independent.
            let law = |log_mean: f64, log_shape: f64| {
                let shape = exp(log_shape.clamp(-5.0, 7.0));
                Distribution::Gamma { shape, scale: exp(log_mean) / shape }
            };
            search([libm::log(start.mean), gamma_shape(libm::log(start.mean) - start.mean_log)], &law)
        }
        Family::Weibull => {
            let law = |log_scale: f64, log_shape: f64| Distribution::Weibull {
                shape: exp(log_shape.clamp(-3.0, 4.0)),
                scale: exp(log_scale),
            };
            // The logarithm of a Weibull variable has standard deviation π/(√6·shape) and mean ln scale − γ/shape.
            let shape = std::f64::consts::PI / (libm::sqrt(6.0) * start.sd_log);
            search([start.mean_log + EULER / shape, libm::log(shape)], &law)
        }
        Family::Pareto => {
            // The least value lies within the first cell: a logistic coordinate runs through it.
            let [from, to] = start.least;
            let law = |place: f64, log_alpha: f64| Distribution::Pareto {
                min: (from + (to - from) / (1.0 + exp(-place))).max(f64::MIN_POSITIVE),
                alpha: exp(log_alpha.clamp(-5.0, 5.0)),
                max: None,
            };
            let spread = start.mean_log - libm::log(f64::midpoint(from, to));
            search([0.0, -libm::log(spread.max(1e-2))], &law)
        }
        _ => return None,
    })
}

/// Euler's constant.
const EULER: f64 = 0.577_215_664_901_532_9;

/// The logarithm of a gamma shape from `ln(mean) − mean(ln)`.
///
/// *Source*: Minka, "Estimating a gamma distribution" (2002), the starting value.
fn gamma_shape(s: f64) -> f64 {
    let s = s.max(1e-6);
    libm::log((3.0 - s + libm::sqrt((s - 3.0) * (s - 3.0) + 24.0 * s)) / (12.0 * s))
}
