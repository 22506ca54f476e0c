//! Rank correlation between two draws.

use super::address::TWO_POW_64;
use super::sampler::Sampler;
use super::special::normal_cdf;

/// A Gaussian copula: makes one uniform number depend on another, so that draws through any two quantile functions
/// have a given rank correlation.
///
/// # Formula
///
/// `u₂ = Φ(r·Φ⁻¹(u₁) + √(1 − r²)·Φ⁻¹(w))` with `w` uniform and independent of `u₁`. Spearman's `ρ` needs
/// `r = 2·sin(πρ/6)`.
///
/// # Source
///
/// Pearson, "On further methods of determining correlation", 1907; Nelsen, "An introduction to copulas", 2006.
///
/// ```
/// use quotasim::random::{Copula, Key, Purpose};
/// let (input, output) = (Key::new(1, 0, 0, Purpose::Input), Key::new(1, 0, 0, Purpose::Output));
/// let alike = Copula::new(1.0);
/// assert_eq!(alike.couple(input.bits(5), output.bits(5)), input.bits(5));
/// ```
#[derive(Debug, Clone)]
pub struct Copula {
    /// Pearson's correlation of the normal scores.
    correlation: f64,
    /// `√(1 − r²)`.
    independent: f64,
    score: Sampler,
}

impl Copula {
    /// The copula with Spearman's `rho`, in [−1, 1].
    pub fn new(rho: f64) -> Copula {
        let correlation =
            if rho.abs() >= 1.0 { rho.signum() } else { 2.0 * libm::sin(std::f64::consts::PI * rho / 6.0) };
        let independent = libm::sqrt(1.0 - correlation * correlation);
        Copula { correlation, independent, score: Sampler::standard_normal() }
    }

    /// The bits of the second draw, from those of the first and independent ones.
    pub fn couple(&self, first: u64, independent: u64) -> u64 {
        match self.correlation {
            0.0 => independent,
            1.0 => first,
            -1.0 => !first,
            r => bits_of_score(r * self.score.sample(first) + self.independent * self.score.sample(independent)),
        }
    }

    /// Turns a block of independent bits into bits that go with those of the first draws.
    pub fn couple_all(&self, first: &[u64], independent: &mut [u64]) {
        assert_eq!(first.len(), independent.len(), "one number for each");
        for (first, second) in first.iter().zip(independent) {
            *second = self.couple(*first, *second);
        }
    }
}

/// The bits that stand for `Φ(z)`, as exact in the upper tail as in the lower.
fn bits_of_score(z: f64) -> u64 {
    let from_the_end = (normal_cdf(-z.abs()) * TWO_POW_64) as u64;
    if z < 0.0 { from_the_end } else { !from_the_end }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, Purpose};

    fn ranks(values: &[u64]) -> Vec<f64> {
        let mut order: Vec<usize> = (0..values.len()).collect();
        order.sort_unstable_by_key(|&i| values[i]);
        let mut ranks = vec![0.0; values.len()];
        for (rank, i) in order.into_iter().enumerate() {
            ranks[i] = rank as f64;
        }
        ranks
    }

    #[test]
    fn ranks_correlate_as_asked_and_the_coupled_draws_stay_uniform() {
        let n = 100_000;
        let (input, output) = (Key::new(5, 0, 0, Purpose::Input), Key::new(5, 0, 0, Purpose::Output));
        for rho in [-0.9, -0.3, 0.0, 0.3, 0.6, 0.95] {
            let copula = Copula::new(rho);
            let first: Vec<u64> = (0..n).map(|i| input.bits(i)).collect();
            let mut second: Vec<u64> = (0..n).map(|i| output.bits(i)).collect();
            copula.couple_all(&first, &mut second);
            let centre = (n - 1) as f64 / 2.0;
            let (a, b) = (ranks(&first), ranks(&second));
            let covariance: f64 = a.iter().zip(&b).map(|(x, y)| (x - centre) * (y - centre)).sum::<f64>() / n as f64;
            let spearman = covariance * 12.0 / ((n * n - 1) as f64);
            // The standard error of a rank correlation is at most about 1/√n.
            assert!((spearman - rho).abs() < 4.0 / (n as f64).sqrt(), "{rho}: {spearman}");
            let sorted = second.iter().map(|&bits| bits as f64 / TWO_POW_64).collect();
            crate::random::kolmogorov::assert_follows("coupled bits", sorted, |u| u);
        }
    }

    #[test]
    fn scores_become_bits_in_both_tails() {
        assert_eq!(bits_of_score(-50.0), 0);
        assert_eq!(bits_of_score(50.0), u64::MAX);
        assert_eq!(bits_of_score(0.0), !(1 << 63));
        assert_eq!(bits_of_score(-7.0), !bits_of_score(7.0));
    }
}
