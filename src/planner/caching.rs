//! What reading a share of the prompt from the cache would change.

use crate::model::{Distribution, Scenario, distribution::Bin};

/// The scenario with a share of every workload's uncached input read from the prompt cache instead.
///
/// *Assumption*: the prefix is long enough to be cached and always found there; writing it once is too little to
/// count. `None` where a trace supplies the input or something is read from the cache already.
pub(super) fn cached(scenario: &Scenario, share: f64) -> Option<Scenario> {
    let mut changed = scenario.clone();
    for workload in &mut changed.workloads {
        let traced = matches!(workload.arrivals, crate::model::Arrivals::Trace(_));
        if traced || workload.tokens.cache_read != Distribution::Constant(0.0) {
            return None;
        }
        let input = workload.tokens.input.clone();
        workload.tokens.input = scaled(&input, 1.0 - share);
        workload.tokens.cache_read = scaled(&input, share);
    }
    Some(changed)
}

/// The distribution of `factor` times a quantity.
pub(super) fn scaled(distribution: &Distribution, factor: f64) -> Distribution {
    match distribution {
        Distribution::Constant(value) => Distribution::Constant(value * factor),
        Distribution::Uniform { min, max } => Distribution::Uniform { min: min * factor, max: max * factor },
        Distribution::Exponential { mean } => Distribution::Exponential { mean: mean * factor },
        Distribution::Normal { mean, sd } => Distribution::Normal { mean: mean * factor, sd: sd * factor },
        Distribution::LogNormal { mu, sigma } => Distribution::LogNormal { mu: mu + libm::log(factor), sigma: *sigma },
        Distribution::Gamma { shape, scale } => Distribution::Gamma { shape: *shape, scale: scale * factor },
        Distribution::Weibull { shape, scale } => Distribution::Weibull { shape: *shape, scale: scale * factor },
        Distribution::Pareto { min, alpha, max } => {
            Distribution::Pareto { min: min * factor, alpha: *alpha, max: max.map(|max| max * factor) }
        }
        // Ranks are whole numbers, and nobody counts prompts in ranks.
        Distribution::Zipf { .. } => distribution.clone(),
        Distribution::Mixture(parts) => {
            Distribution::Mixture(parts.iter().map(|(weight, part)| (*weight, scaled(part, factor))).collect())
        }
        Distribution::Quantiles(points) => {
            Distribution::Quantiles(points.iter().map(|&(p, value)| (p, value * factor)).collect())
        }
        Distribution::Histogram(bins) => {
            let bin = |bin: &Bin| Bin { from: bin.from * factor, to: bin.to * factor, count: bin.count };
            Distribution::Histogram(bins.iter().map(bin).collect())
        }
        Distribution::Column(values) => Distribution::Column(values.iter().map(|value| value * factor).collect()),
    }
}
