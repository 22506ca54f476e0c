//! Distribution functions and quantiles, for those who fit laws to data.
//!
//! Draws need quantile functions only, in tables. Fits need the other direction, exactly, in both tails.

use super::gamma::gamma_share;
use super::law::Side;
use super::sampler::Sampler;
use super::special::normal_cdf;
use crate::model::Distribution;

/// The shares of a distribution at or below `x` and above it, each exact in its own tail.
///
/// # Formula
///
/// Exponential `1 − e^(−x/mean)`; lognormal `Φ((ln x − mu)/sigma)`; gamma `P(shape, x/scale)`; Weibull
/// `1 − e^(−(x/scale)^shape)`; Pareto `1 − (min/x)^alpha`; a mixture is the weighted sum of its parts.
///
/// ```
/// use quotasim::model::Distribution;
/// use quotasim::random::shares;
/// let [below, above] = shares(&Distribution::Exponential { mean: 2.0 }, 40.0);
/// assert!((above - (-20.0_f64).exp()).abs() < 1e-22 && (below - 1.0).abs() < 1e-8);
/// ```
pub fn shares(distribution: &Distribution, x: f64) -> [f64; 2] {
    match *distribution {
        Distribution::Constant(at) => step(x >= at),
        Distribution::Exponential { mean } => survive(x, |x| x / mean),
        Distribution::LogNormal { mu, sigma } if sigma > 0.0 => {
            if x <= 0.0 {
                return [0.0, 1.0];
            }
            let z = (libm::log(x) - mu) / sigma;
            [normal_cdf(z), normal_cdf(-z)]
        }
        Distribution::Gamma { shape, scale } => {
            if x <= 0.0 {
                return [0.0, 1.0];
            }
            [gamma_share(shape, Side::Lower, x / scale), gamma_share(shape, Side::Upper, x / scale)]
        }
        Distribution::Weibull { shape, scale } => survive(x, |x| libm::pow(x / scale, shape)),
        Distribution::Pareto { min, alpha, max: None } => {
            if x <= min {
                return [0.0, 1.0];
            }
            let hazard = alpha * libm::log(x / min);
            [-libm::expm1(-hazard), libm::exp(-hazard)]
        }
        Distribution::Mixture(ref parts) => {
            let total: f64 = parts.iter().map(|part| part.0).sum();
            parts.iter().fold([0.0, 0.0], |sum, (weight, part)| {
                let [below, above] = shares(part, x);
                [sum[0] + weight / total * below, sum[1] + weight / total * above]
            })
        }
        _ => by_inversion(&Sampler::new(distribution), x),
    }
}

/// The value that a share `p` of the distribution does not exceed.
///
/// ```
/// use quotasim::model::Distribution;
/// use quotasim::random::quantile;
/// let median = quantile(&Distribution::LogNormal { mu: 3.0, sigma: 1.0 }, 0.5);
/// assert!((median / 3.0_f64.exp() - 1.0).abs() < 5e-6);
/// ```
pub fn quantile(distribution: &Distribution, p: f64) -> f64 {
    let Distribution::Mixture(parts) = distribution else {
        return Sampler::new(distribution).sample(bits_of(p));
    };
    // The quantile of a mixture lies between those of its parts.
    let ends = parts.iter().map(|(_, part)| quantile(part, p));
    let (mut low, mut high) = ends.fold((f64::INFINITY, 0.0_f64), |(low, high), x| (low.min(x), high.max(x)));
    if shares(distribution, low)[0] >= p {
        return low;
    }
    for _ in 0..200 {
        // The geometric middle, unless zero is in the way, finds small values as exactly as large ones.
        let middle = if low > 0.0 { libm::sqrt(low * high) } else { f64::midpoint(low, high) };
        if middle <= low || middle >= high {
            break;
        }
        let [below, above] = shares(distribution, middle);
        let beneath = if p < 0.5 { below < p } else { above > 1.0 - p };
        if beneath { low = middle } else { high = middle }
    }
    high
}

fn step(reached: bool) -> [f64; 2] {
    if reached { [1.0, 0.0] } else { [0.0, 1.0] }
}

/// The shares on either side of `x` under a cumulative hazard.
fn survive(x: f64, hazard: impl Fn(f64) -> f64) -> [f64; 2] {
    if x <= 0.0 {
        return [0.0, 1.0];
    }
    let hazard = hazard(x);
    [-libm::expm1(-hazard), libm::exp(-hazard)]
}

/// The bits of a uniform number.
fn bits_of(p: f64) -> u64 {
    // Near one, the distance from one is what counts; the cast saturates.
    if p < 0.5 { (p * super::address::TWO_POW_64) as u64 } else { !(((1.0 - p) * super::address::TWO_POW_64) as u64) }
}

/// The share of the uniform numbers whose quantile does not exceed `x`, by bisection; for laws without a formula.
fn by_inversion(sampler: &Sampler, x: f64) -> [f64; 2] {
    if sampler.sample(u64::MAX) <= x {
        return [1.0, 0.0];
    }
    if sampler.sample(0) > x {
        return [0.0, 1.0];
    }
    let (mut low, mut high) = (0, u64::MAX);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if sampler.sample(middle) <= x { low = middle } else { high = middle }
    }
    let share = |bits: u64| bits as f64 / super::address::TWO_POW_64;
    [share(high), share(!low)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::distribution::Bin;

    fn laws() -> Vec<Distribution> {
        let lognormal = Distribution::LogNormal { mu: 5.0, sigma: 0.8 };
        vec![
            Distribution::Uniform { min: 2.0, max: 7.0 },
            Distribution::Exponential { mean: 30.0 },
            lognormal.clone(),
            Distribution::Gamma { shape: 0.3, scale: 40.0 },
            Distribution::Gamma { shape: 12.0, scale: 4.0 },
            Distribution::Weibull { shape: 0.5, scale: 10.0 },
            Distribution::Pareto { min: 3.0, alpha: 1.4, max: None },
            Distribution::Pareto { min: 3.0, alpha: 1.4, max: Some(90.0) },
            Distribution::Mixture(vec![(3.0, lognormal), (1.0, Distribution::Exponential { mean: 3.0 })]),
            Distribution::Quantiles(vec![(0.0, 1.0), (0.5, 13.0), (1.0, 900.0)]),
            Distribution::Histogram(vec![
                Bin { from: 2.0, to: 4.0, count: 3.0 },
                Bin { from: 9.0, to: 10.0, count: 1.0 },
            ]),
        ]
    }

    #[test]
    fn quantiles_and_shares_are_each_others_inverse() {
        for law in laws() {
            for p in [1e-6, 0.01, 0.2, 0.5, 0.77, 0.99, 1.0 - 1e-6] {
                let x = quantile(&law, p);
                let [below, above] = shares(&law, x);
                let error = if p < 0.5 { below / p } else { above / (1.0 - p) } - 1.0;
                // A table of quantiles is right to 10⁻⁷, which a tail magnifies.
                assert!(error.abs() < 1e-5, "{law:?} at {p}: {below} {above}");
                assert!((below + above - 1.0).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn a_constant_and_what_lies_outside_are_steps() {
        assert_eq!(shares(&Distribution::Constant(5.0), 4.9), [0.0, 1.0]);
        assert_eq!(shares(&Distribution::Constant(5.0), 5.0), [1.0, 0.0]);
        for law in laws() {
            assert_eq!(shares(&law, -1.0), [0.0, 1.0], "{law:?}");
        }
        assert_eq!(quantile(&Distribution::Constant(5.0), 0.3), 5.0);
    }

    #[test]
    fn a_zero_inflated_law_has_its_zeros() {
        let law = Distribution::Mixture(vec![
            (0.7, Distribution::Constant(0.0)),
            (0.3, Distribution::LogNormal { mu: 5.0, sigma: 0.1 }),
        ]);
        assert_eq!(quantile(&law, 0.5), 0.0);
        assert!((shares(&law, 0.0)[0] - 0.7).abs() < 1e-12);
        assert!((quantile(&law, 0.85) / 5.0_f64.exp() - 1.0).abs() < 1e-9);
    }
}
