//! What is known of a distribution before anything is drawn from it: its ends and its mean.

use crate::model::Distribution;

/// The least and the largest value that a distribution can take; the largest may be infinite.
pub(crate) fn support(distribution: &Distribution) -> (f64, f64) {
    match distribution {
        Distribution::Constant(x) => (*x, *x),
        Distribution::Uniform { min, max } => (*min, *max),
        Distribution::Exponential { .. }
        | Distribution::Normal { .. }
        | Distribution::LogNormal { .. }
        | Distribution::Gamma { .. }
        | Distribution::Weibull { .. } => (0.0, f64::INFINITY),
        Distribution::Pareto { min, max, .. } => (*min, max.unwrap_or(f64::INFINITY)),
        Distribution::Zipf { n, .. } => (1.0, *n as f64),
        Distribution::Mixture(parts) => parts
            .iter()
            .map(|(_, part)| support(part))
            .fold((f64::INFINITY, 0.0), |(low, high), (a, b)| (low.min(a), high.max(b))),
        Distribution::Quantiles(points) => (points[0].1, points[points.len() - 1].1),
        Distribution::Histogram(bins) => (bins[0].from, bins[bins.len() - 1].to),
        Distribution::Column(values) => (values[0], values[values.len() - 1]),
    }
}

/// The mean of a distribution, for checks before a run.
pub(crate) fn mean(distribution: &Distribution) -> f64 {
    match distribution {
        Distribution::Constant(x) => *x,
        Distribution::Uniform { min, max } => f64::midpoint(*min, *max),
        Distribution::Exponential { mean } => *mean,
        Distribution::Normal { mean, sd } => {
            // The mean of a normal truncated below at zero: m + s·φ(m/s)/Φ(m/s).
            let z = mean / sd;
            let density = libm::exp(-z * z / 2.0) / (2.0 * std::f64::consts::PI).sqrt();
            mean + sd * density / (libm::erfc(-z / std::f64::consts::SQRT_2) / 2.0)
        }
        Distribution::LogNormal { mu, sigma } => libm::exp(mu + sigma * sigma / 2.0),
        Distribution::Gamma { shape, scale } => shape * scale,
        Distribution::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
        Distribution::Pareto { min, alpha, max: None } if *alpha <= 1.0 => min * f64::INFINITY,
        Distribution::Pareto { min, alpha, max: None } => min * alpha / (alpha - 1.0),
        Distribution::Pareto { min, alpha, max: Some(max) } => {
            let ratio = min / max;
            if (alpha - 1.0).abs() < 1e-9 {
                return min * libm::log(1.0 / ratio) / (1.0 - ratio);
            }
            let whole = 1.0 - libm::pow(ratio, *alpha);
            min * alpha / (alpha - 1.0) * (1.0 - libm::pow(ratio, alpha - 1.0)) / whole
        }
        Distribution::Zipf { n, exponent } => {
            // A check needs no more than the first million ranks.
            let ranks = 1..=(*n).min(1_000_000);
            let sum = |power: f64| ranks.clone().map(|rank| libm::pow(rank as f64, power)).sum::<f64>();
            sum(1.0 - exponent) / sum(-exponent)
        }
        Distribution::Mixture(parts) => {
            let total: f64 = parts.iter().map(|(weight, _)| weight).sum();
            parts.iter().map(|(weight, part)| weight / total * mean(part)).sum()
        }
        Distribution::Quantiles(points) => {
            points.windows(2).map(|pair| (pair[1].0 - pair[0].0) * f64::midpoint(pair[0].1, pair[1].1)).sum()
        }
        Distribution::Histogram(bins) => {
            let total: f64 = bins.iter().map(|bin| bin.count).sum();
            bins.iter().map(|bin| bin.count / total * f64::midpoint(bin.from, bin.to)).sum()
        }
        Distribution::Column(values) => values.iter().sum::<f64>() / values.len() as f64,
    }
}
