//! A mixture of distributions.

use super::discrete::cumulative_shares;
use super::guide::Guide;
use super::sampler::Sampler;
use crate::model::Distribution;

/// One of several distributions: the uniform number chooses the component, and its place within the component's share
/// is the uniform number of the component's own draw.
#[derive(Debug, Clone)]
pub(super) struct Mixture {
    guide: Guide,
    parts: Box<[Part]>,
}

#[derive(Debug, Clone)]
struct Part {
    share: f64,
    /// `2¹²⁸ / length`, to stretch a share of the bits over all of them.
    stretch: u128,
    sampler: Sampler,
}

impl Mixture {
    pub(super) fn new(weighted: &[(f64, Distribution)]) -> Mixture {
        let total: f64 = weighted.iter().map(|part| part.0).sum();
        let guide = Guide::new(cumulative_shares(weighted.iter().map(|part| part.0), total));
        let parts = weighted
            .iter()
            .enumerate()
            .map(|(i, (weight, distribution))| Part {
                share: weight / total,
                stretch: u128::MAX / guide.length(i).max(1),
                sampler: Sampler::new(distribution),
            })
            .collect();
        Mixture { guide, parts }
    }

    pub(super) fn sample(&self, bits: u64) -> f64 {
        let i = self.guide.find(bits);
        let part = &self.parts[i];
        // The product stays below 2¹²⁸, as the first factor is less than the length.
        let stretched = (u128::from(bits - self.guide.start(i)) * part.stretch) >> 64;
        part.sampler.sample(stretched as u64)
    }

    pub(super) fn mean(&self) -> f64 {
        self.parts.iter().map(|part| part.share * part.sampler.mean()).sum()
    }

    pub(super) fn ends(&self) -> Option<(f64, f64)> {
        self.parts.iter().try_fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), part| {
            part.sampler.ends().map(|(from, to)| (low.min(from), high.max(to)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::kolmogorov::assert_follows;
    use crate::random::{Key, Purpose};

    #[test]
    fn mixtures_choose_by_weight_even_when_nested() {
        let inner = Distribution::Mixture(vec![
            (1.0, Distribution::Uniform { min: 10.0, max: 11.0 }),
            (3.0, Distribution::Exponential { mean: 1.0 }),
        ]);
        let outer = Distribution::Mixture(vec![(2.0, inner), (2.0, Distribution::Uniform { min: 0.0, max: 2.0 })]);
        let cdf = |x: f64| 0.125 * (x - 10.0).clamp(0.0, 1.0) + 0.375 * -(-x).exp_m1() + 0.5 * (x / 2.0).min(1.0);
        let (sampler, mut draws) = (Sampler::new(&outer), vec![0.0; 1_000_000]);
        sampler.fill(Key::new(11, 0, 0, Purpose::Input), 0, &mut draws);
        assert_follows("mixture", draws, cdf);
        assert!((sampler.mean() - (0.125 * 10.5 + 0.375 + 0.5)).abs() < 1e-12);
    }
}
