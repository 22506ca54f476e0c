//! Continuous laws and their exact quantile functions.

use super::gamma::gamma_quantile;
use super::special::{normal_cdf, normal_pdf, normal_quantile};

/// A uniform number `u` by its distance `v ≤ 1/2` from the nearer end of the unit interval.
///
/// Near one, `u` itself has too few digits: the upper tail needs `1 − u` as exactly as the lower tail needs `u`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// `u = v`.
    Lower,
    /// `u = 1 − v`.
    Upper,
}

/// A continuous law, with parameters chosen so that its quantile function has no cancellation in either tail.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Law {
    Exponential {
        mean: f64,
    },
    /// On the whole line.
    Normal {
        mean: f64,
        sd: f64,
    },
    /// On the nonnegative half; `below` and `above` are the shares of the whole law on either side of zero.
    TruncatedNormal {
        mean: f64,
        sd: f64,
        below: f64,
        above: f64,
    },
    LogNormal {
        mu: f64,
        sigma: f64,
    },
    Gamma {
        shape: f64,
        scale: f64,
    },
    Weibull {
        shape: f64,
        scale: f64,
    },
    Pareto {
        min: f64,
        alpha: f64,
    },
    /// `inside` is the share of the unbounded law below the bound, `outside` the rest.
    BoundedPareto {
        min: f64,
        max: f64,
        alpha: f64,
        inside: f64,
        outside: f64,
    },
}

impl Law {
    /// The normal law truncated to `[0, ∞)`.
    pub(super) fn truncated_normal(mean: f64, sd: f64) -> Law {
        Law::TruncatedNormal { mean, sd, below: normal_cdf(-mean / sd), above: normal_cdf(mean / sd) }
    }

    /// The Pareto law on `[min, max]`.
    pub(super) fn bounded_pareto(min: f64, alpha: f64, max: f64) -> Law {
        let log_outside = alpha * libm::log(min / max);
        Law::BoundedPareto { min, max, alpha, inside: -libm::expm1(log_outside), outside: libm::exp(log_outside) }
    }

    /// The quantile at distance `v` from the end of a side; nondecreasing in `u`.
    ///
    /// # Formula
    ///
    /// With `E = −ln(1 − u)`: exponential `mean·E`; Weibull `scale·E^(1/shape)`; Pareto `min·exp(E/alpha)`, bounded:
    /// the same at `u·inside`; normal `mean + sd·Φ⁻¹(u)`, truncated: the same at `below + u·above`; lognormal
    /// `exp(mu + sigma·Φ⁻¹(u))`; gamma `scale·P⁻¹(shape, u)`.
    ///
    /// # Source
    ///
    /// Johnson, Kotz and Balakrishnan, "Continuous univariate distributions", 1994; each is its inverted CDF.
    pub(super) fn quantile(&self, side: Side, v: f64) -> f64 {
        match *self {
            Law::Exponential { mean } => mean * hazard(side, v),
            Law::Normal { mean, sd } => mean + sd * signed_normal_quantile(side, v),
            Law::TruncatedNormal { mean, sd, below, above } => {
                // The share of the whole law above the quantile, or below it, whichever is the smaller.
                let (beneath, beyond) = match side {
                    Side::Lower => (below + v * above, above * (1.0 - v)),
                    Side::Upper => (below + (1.0 - v) * above, above * v),
                };
                let z = if beneath < beyond { normal_quantile(beneath) } else { -normal_quantile(beyond.min(0.5)) };
                (mean + sd * z).max(0.0)
            }
            Law::LogNormal { mu, sigma } => libm::exp(mu + sigma * signed_normal_quantile(side, v)),
            Law::Gamma { shape, scale } => scale * gamma_quantile(shape, side, v),
            Law::Weibull { shape, scale } => scale * libm::pow(hazard(side, v), 1.0 / shape),
            Law::Pareto { min, alpha } => min * libm::exp(hazard(side, v) / alpha),
            Law::BoundedPareto { min, max, alpha, inside, outside } => {
                let hazard = match side {
                    Side::Lower => -libm::log1p(-v * inside),
                    Side::Upper => -libm::log(outside + v * inside),
                };
                (min * libm::exp(hazard / alpha)).clamp(min, max)
            }
        }
    }

    /// The mean; infinite for a Pareto law with `alpha ≤ 1`.
    pub(super) fn mean(&self) -> f64 {
        match *self {
            Law::Exponential { mean } | Law::Normal { mean, .. } => mean,
            Law::TruncatedNormal { mean, sd, above, .. } => mean + sd * normal_pdf(mean / sd) / above,
            Law::LogNormal { mu, sigma } => libm::exp(mu + 0.5 * sigma * sigma),
            Law::Gamma { shape, scale } => shape * scale,
            Law::Weibull { shape, scale } => scale * libm::tgamma(1.0 + 1.0 / shape),
            Law::Pareto { min, alpha } if alpha > 1.0 => min * alpha / (alpha - 1.0),
            Law::Pareto { .. } => f64::INFINITY,
            Law::BoundedPareto { min, max, alpha, inside, .. } => {
                // ∫ x dF = min · alpha · (1 − (min/max)^(alpha−1)) / ((alpha − 1) · inside), continuous at alpha = 1.
                let log_ratio = libm::log(max / min);
                let order = alpha - 1.0;
                let reach = if order.abs() < 1e-12 { log_ratio } else { -libm::expm1(-order * log_ratio) / order };
                min * alpha * reach / inside
            }
        }
    }
}

/// `−ln(1 − u)`, the cumulative hazard.
fn hazard(side: Side, v: f64) -> f64 {
    match side {
        Side::Lower => -libm::log1p(-v),
        Side::Upper => -libm::log(v),
    }
}

/// `Φ⁻¹(u)`.
fn signed_normal_quantile(side: Side, v: f64) -> f64 {
    match side {
        Side::Lower => normal_quantile(v),
        Side::Upper => -normal_quantile(v),
    }
}
