//! A distribution made ready to be drawn from.

use super::address::Key;
use super::discrete::{Column, Piecewise, Zipf, cumulative_shares};
use super::guide::Guide;
use super::law::Law;
use super::quantile_table::{QuantileTable, far_tail};
use crate::model::Distribution;

/// A distribution compiled for drawing: one value for 64 uniform bits.
///
/// Every draw is the quantile at the uniform number `(bits + ½) / 2⁶⁴`, so it is increasing in the bits (a mixture's
/// draws are so within each component): two variants whose distributions differ meet the same luck.
///
/// ```
/// use quotasim::model::Distribution;
/// use quotasim::random::{Key, Purpose, Sampler};
///
/// let sampler = Sampler::new(&Distribution::Exponential { mean: 2.0 });
/// let key = Key::new(1, 0, 0, Purpose::Think);
/// let mut block = [0.0; 8];
/// sampler.fill(key, 100, &mut block);
/// assert_eq!(block[3], sampler.sample(key.bits(103)));
/// ```
#[derive(Debug, Clone)]
pub struct Sampler(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Constant(f64),
    Uniform {
        min: f64,
        max: f64,
    },
    Table(QuantileTable),
    /// A law too extreme for a table.
    Exact(Law),
    Column(Column),
    Piecewise(Piecewise),
    Zipf(Zipf),
    Mixture(Mixture),
}

impl Sampler {
    /// Compiles a distribution.
    pub fn new(distribution: &Distribution) -> Sampler {
        let sampler = Sampler(match *distribution {
            Distribution::Constant(x) => Kind::Constant(x),
            Distribution::Uniform { min, max } => Kind::Uniform { min, max },
            Distribution::Exponential { mean } => continuous(Law::Exponential { mean }),
            Distribution::Normal { mean, sd: 0.0 } => Kind::Constant(mean.max(0.0)),
            Distribution::Normal { mean, sd } => continuous(Law::truncated_normal(mean, sd)),
            Distribution::LogNormal { mu, sigma: 0.0 } => Kind::Constant(libm::exp(mu)),
            Distribution::LogNormal { mu, sigma } => continuous(Law::LogNormal { mu, sigma }),
            Distribution::Gamma { shape, scale } => continuous(Law::Gamma { shape, scale }),
            Distribution::Weibull { shape, scale } => continuous(Law::Weibull { shape, scale }),
            Distribution::Pareto { min, alpha, max: None } => continuous(Law::Pareto { min, alpha }),
            Distribution::Pareto { min, alpha, max: Some(max) } if max > min => {
                continuous(Law::bounded_pareto(min, alpha, max))
            }
            Distribution::Pareto { min, .. } => Kind::Constant(min),
            Distribution::Zipf { n, exponent } => Kind::Zipf(Zipf::new(n, exponent)),
            Distribution::Mixture(ref parts) => Kind::Mixture(Mixture::new(parts)),
            Distribution::Quantiles(ref points) => Kind::Piecewise(Piecewise::quantiles(points)),
            Distribution::Histogram(ref bins) => Kind::Piecewise(Piecewise::histogram(bins)),
            Distribution::Column(ref values) => Kind::Column(Column::new(values)),
        });
        // What cannot vary is drawn without a random number.
        match sampler.ends() {
            Some((low, high)) if low == high => Sampler(Kind::Constant(low)),
            _ => sampler,
        }
    }

    /// The standard normal distribution, on the whole line.
    pub(super) fn standard_normal() -> Sampler {
        Sampler(continuous(Law::Normal { mean: 0.0, sd: 1.0 }))
    }

    /// The quantile at the uniform number that 64 bits stand for.
    #[inline]
    pub fn sample(&self, bits: u64) -> f64 {
        match &self.0 {
            Kind::Constant(x) => *x,
            Kind::Uniform { min, max } => uniform(*min, *max, bits),
            Kind::Table(table) => table.sample(bits),
            Kind::Exact(law) => far_tail(law, bits),
            Kind::Column(column) => column.sample(bits),
            Kind::Piecewise(piecewise) => piecewise.sample(bits),
            Kind::Zipf(zipf) => zipf.sample(bits),
            Kind::Mixture(mixture) => mixture.sample(bits),
        }
    }

    /// The draws of consecutive requests, from `first_request` on.
    pub fn fill(&self, key: Key, first_request: u64, out: &mut [f64]) {
        self.fill_with(out, |i| key.bits(first_request + i), |x| x);
    }

    /// The draws at the given bits.
    pub fn fill_at(&self, bits: &[u64], out: &mut [f64]) {
        assert_eq!(bits.len(), out.len(), "one draw for each number");
        self.fill_with(out, |i| bits[i as usize], |x| x);
    }

    /// A loop for each kind, so that the kind is matched once per block and not once per draw.
    #[inline]
    pub(super) fn fill_with<T: Copy>(&self, out: &mut [T], bits: impl Fn(u64) -> u64, convert: impl Fn(f64) -> T) {
        match &self.0 {
            Kind::Constant(x) => out.fill(convert(*x)),
            Kind::Uniform { min, max } => each(out, bits, |bits| convert(uniform(*min, *max, bits))),
            Kind::Table(table) => each(out, bits, |bits| convert(table.sample(bits))),
            Kind::Exact(law) => each(out, bits, |bits| convert(far_tail(law, bits))),
            Kind::Column(column) => each(out, bits, |bits| convert(column.sample(bits))),
            Kind::Piecewise(piecewise) => each(out, bits, |bits| convert(piecewise.sample(bits))),
            Kind::Zipf(zipf) => each(out, bits, |bits| convert(zipf.sample(bits))),
            Kind::Mixture(mixture) => each(out, bits, |bits| convert(mixture.sample(bits))),
        }
    }

    /// The value, if it is always the same.
    pub fn constant(&self) -> Option<f64> {
        match self.0 {
            Kind::Constant(x) => Some(x),
            _ => None,
        }
    }

    /// The mean; infinite where the distribution has none.
    pub fn mean(&self) -> f64 {
        match &self.0 {
            Kind::Constant(x) => *x,
            Kind::Uniform { min, max } => 0.5 * (min + max),
            Kind::Table(table) => table.law().mean(),
            Kind::Exact(law) => law.mean(),
            Kind::Column(column) => column.mean(),
            Kind::Piecewise(piecewise) => piecewise.mean(),
            Kind::Zipf(zipf) => zipf.mean(),
            Kind::Mixture(mixture) => mixture.mean(),
        }
    }

    /// The smallest and the largest value, where these are cheap to tell.
    fn ends(&self) -> Option<(f64, f64)> {
        match &self.0 {
            Kind::Constant(x) => Some((*x, *x)),
            Kind::Uniform { min, max } => Some((*min, *max)),
            Kind::Column(column) => Some(column.ends()),
            Kind::Piecewise(piecewise) => Some(piecewise.ends()),
            Kind::Mixture(mixture) => mixture.ends(),
            Kind::Table(_) | Kind::Exact(_) | Kind::Zipf(_) => None,
        }
    }
}

/// Draws with any generator: 64 bits for each.
impl rand_distr::Distribution<f64> for Sampler {
    fn sample<R: rand::Rng + ?Sized>(&self, rng: &mut R) -> f64 {
        Sampler::sample(self, rng.next_u64())
    }
}

fn continuous(law: Law) -> Kind {
    QuantileTable::new(law).map_or(Kind::Exact(law), Kind::Table)
}

#[inline]
fn uniform(min: f64, max: f64, bits: u64) -> f64 {
    // 53 bits and a half would round up to one: 52 do not.
    let u = ((bits >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0;
    min + (max - min) * u
}

#[inline]
fn each<T>(out: &mut [T], bits: impl Fn(u64) -> u64, draw: impl Fn(u64) -> T) {
    for (i, slot) in out.iter_mut().enumerate() {
        *slot = draw(bits(i as u64));
    }
}

/// One of several distributions: the uniform number chooses the component, and its place within the component's share
/// is the uniform number of the component's own draw.
#[derive(Debug, Clone)]
struct Mixture {
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
    fn new(weighted: &[(f64, Distribution)]) -> Mixture {
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

    fn sample(&self, bits: u64) -> f64 {
        let i = self.guide.find(bits);
        let part = &self.parts[i];
        // The product stays below 2¹²⁸, as the first factor is less than the length.
        let stretched = (u128::from(bits - self.guide.start(i)) * part.stretch) >> 64;
        part.sampler.sample(stretched as u64)
    }

    fn mean(&self) -> f64 {
        self.parts.iter().map(|part| part.share * part.sampler.mean()).sum()
    }

    fn ends(&self) -> Option<(f64, f64)> {
        self.parts.iter().try_fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), part| {
            part.sampler.ends().map(|(from, to)| (low.min(from), high.max(to)))
        })
    }
}
