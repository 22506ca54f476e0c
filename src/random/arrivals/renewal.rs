//! Renewal processes with a mean gap of one.

use crate::model::Distribution;
use crate::random::address::{Key, Purpose, Streams, TWO_POW_64};
use crate::random::law::Law;
use crate::random::quantile_table::far_tail;
use crate::random::sampler::Sampler;

/// A renewal process with a mean gap of one, in equilibrium at its start.
///
/// Gap `k` is the draw of request `k`, whatever the load. The first is the residual of a gap that began before the
/// start, as an observer sees who comes at no particular time.
#[derive(Debug, Clone)]
pub(super) struct UnitProcess {
    gaps: Sampler,
    first_gap: f64,
    key: Key,
    request: u64,
    elapsed: f64,
}

impl UnitProcess {
    /// Exponential gaps: the residual gap has the law of a whole one.
    pub(super) fn poisson(streams: Streams) -> UnitProcess {
        let key = streams.key(Purpose::Arrival);
        let gaps = Sampler::new(&Distribution::Exponential { mean: 1.0 });
        let first_gap = gaps.sample(key.bits(0));
        UnitProcess { gaps, first_gap, key, request: 0, elapsed: 0.0 }
    }

    /// Gamma gaps with a coefficient of variation: shape `1/cv²`, scale `cv²`.
    pub(super) fn gamma(streams: Streams, cv: f64) -> UnitProcess {
        let key = streams.key(Purpose::Arrival);
        let gaps = Sampler::new(&Distribution::Gamma { shape: 1.0 / (cv * cv), scale: cv * cv });
        UnitProcess { gaps, first_gap: gamma_residual(key, cv), key, request: 0, elapsed: 0.0 }
    }

    /// Weibull gaps with a coefficient of variation: scale `1/Γ(1 + 1/shape)`.
    pub(super) fn weibull(streams: Streams, cv: f64) -> UnitProcess {
        let key = streams.key(Purpose::Arrival);
        let shape = weibull_shape(cv);
        let scale = 1.0 / libm::tgamma(1.0 + 1.0 / shape);
        let gaps = Sampler::new(&Distribution::Weibull { shape, scale });
        UnitProcess { gaps, first_gap: weibull_residual(key, shape, scale), key, request: 0, elapsed: 0.0 }
    }

    /// When the next events occur, on the scale of the mean gap.
    pub(super) fn fill(&mut self, out: &mut [f64]) {
        self.gaps.fill(self.key, self.request, out);
        if let (0, [first, ..]) = (self.request, &mut *out) {
            *first = self.first_gap;
        }
        self.request += out.len() as u64;
        for time in out {
            self.elapsed += *time;
            *time = self.elapsed;
        }
    }
}

/// The time from an arbitrary instant to the next event of a gamma renewal process with a mean gap of one.
///
/// # Formula
///
/// The gap that the instant falls into is chosen in proportion to its length, hence Gamma(k+1) with the same scale, and
/// the instant is uniform within it: the residual is `U · G(k+1)`.
///
/// # Source
///
/// Cox, "Renewal theory", 1962, §5.
pub(super) fn gamma_residual(key: Key, cv: f64) -> f64 {
    let (shape, scale) = (1.0 / (cv * cv), cv * cv);
    let place = key.attempt_bits(0, 1) as f64 / TWO_POW_64;
    place * far_tail(&Law::Gamma { shape: shape + 1.0, scale }, key.bits(0))
}

/// The time from an arbitrary instant to the next event of a Weibull renewal process.
///
/// # Formula
///
/// The residual has a density proportional to `e^(−(x/λ)ᵏ)`, so `(x/λ)ᵏ` is Gamma(1/k): the residual is
/// `λ·P⁻¹(1/k, U)^(1/k)`.
///
/// # Source
///
/// Cox, "Renewal theory", 1962, §5.
pub(super) fn weibull_residual(key: Key, shape: f64, scale: f64) -> f64 {
    let power = far_tail(&Law::Gamma { shape: 1.0 / shape, scale: 1.0 }, key.bits(0));
    scale * libm::pow(power, 1.0 / shape)
}

/// The shape of the Weibull law with a coefficient of variation.
///
/// # Formula
///
/// Solves `Γ(1 + 2/k) / Γ(1 + 1/k)² = 1 + cv²` for `k` by bisection; the left side decreases in `k`.
pub(super) fn weibull_shape(cv: f64) -> f64 {
    let target = libm::log1p(cv * cv);
    let spread = |shape: f64| libm::lgamma(1.0 + 2.0 / shape) - 2.0 * libm::lgamma(1.0 + 1.0 / shape);
    let (mut low, mut high) = (1e-2, 1e6);
    for _ in 0..200 {
        let middle = libm::sqrt(low * high);
        if middle <= low || middle >= high {
            break;
        }
        if spread(middle) > target { low = middle } else { high = middle }
    }
    libm::sqrt(low * high)
}
