//! Probability distributions in their standard parametrisations.

use std::sync::Arc;

/// A distribution of a nonnegative quantity. Parameters are valid: finite, positive where they must be.
#[derive(Debug, Clone, PartialEq)]
pub enum Distribution {
    /// Always the same value.
    Constant(f64),
    /// Uniform on `[min, max]`.
    Uniform {
        /// Lower end.
        min: f64,
        /// Upper end.
        max: f64,
    },
    /// Exponential.
    Exponential {
        /// Its mean.
        mean: f64,
    },
    /// Normal, redrawn below zero: truncated to `[0, ∞)`.
    Normal {
        /// Mean before truncation.
        mean: f64,
        /// Standard deviation before truncation.
        sd: f64,
    },
    /// Lognormal: `exp(mu + sigma · Z)`.
    LogNormal {
        /// Mean of the logarithm.
        mu: f64,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
    /// Gamma.
    Gamma {
        /// Shape `k`.
        shape: f64,
        /// Scale `θ`; the mean is `kθ`.
        scale: f64,
    },
    /// Weibull.
    Weibull {
        /// Shape `k`.
        shape: f64,
        /// Scale `λ`.
        scale: f64,
    },
    /// Pareto from `min` on; with `max`, the bounded Pareto on `[min, max]`.
    Pareto {
        /// Lower end.
        min: f64,
        /// Tail exponent.
        alpha: f64,
        /// Upper end of the bounded form.
        max: Option<f64>,
    },
    /// Zipf over ranks 1 … n with probability ∝ rank^−exponent.
    Zipf {
        /// Number of ranks.
        n: u64,
        /// Exponent.
        exponent: f64,
    },
    /// One of several distributions, chosen by weight; weights are positive, not necessarily normalised.
    Mixture(Vec<(f64, Distribution)>),
    /// Piecewise-linear quantile function: `(probability, value)`, from 0 to 1, both nondecreasing.
    Quantiles(Vec<(f64, f64)>),
    /// Uniform within bins, weighted by count.
    Histogram(Vec<Bin>),
    /// A value of a data column, each equally likely; never empty.
    Column(Arc<[f64]>),
}

/// One bin of a histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Lower end.
    pub from: f64,
    /// Upper end.
    pub to: f64,
    /// Weight.
    pub count: f64,
}
