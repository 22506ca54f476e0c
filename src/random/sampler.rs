//! A distribution made ready to be drawn from.

use super::address::Key;
use super::discrete::{Column, Piecewise, Zipf};
use super::kernel::{self, Kernel};
use super::law::Law;
use super::mixture::Mixture;
use super::quantile_table::{QuantileTable, far_tail};
use crate::model::Distribution;
use crate::wide::{Loop, widest};

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
    Kernel(Kernel, Law),
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
        Sampler(tabulated(Law::Normal { mean: 0.0, sd: 1.0 }))
    }

    /// The quantile at the uniform number that 64 bits stand for.
    #[inline]
    pub fn sample(&self, bits: u64) -> f64 {
        match &self.0 {
            Kind::Constant(x) => *x,
            Kind::Uniform { min, max } => uniform(*min, *max, bits),
            Kind::Kernel(kernel, _) => kernel.sample(bits),
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
        self.fill_with(out, key.bits_from(first_request), Real);
    }

    /// The draws of the requests of these numbers.
    pub fn fill_of(&self, key: Key, numbers: &[u64], out: &mut [f64]) {
        assert_eq!(numbers.len(), out.len(), "one draw for each request");
        self.fill_with(out, numbers.iter().map(|&number| key.bits(number)), Real);
    }

    /// The draws at the given bits.
    pub fn fill_at(&self, bits: &[u64], out: &mut [f64]) {
        assert_eq!(bits.len(), out.len(), "one draw for each number");
        self.fill_with(out, bits.iter().copied(), Real);
    }

    /// A loop for each kind, so that the kind is matched once per block and not once per draw.
    #[inline]
    pub(super) fn fill_with<T: Copy>(&self, out: &mut [T], bits: impl Iterator<Item = u64>, convert: impl Convert<T>) {
        match &self.0 {
            Kind::Constant(x) => out.fill(convert.one(*x)),
            Kind::Uniform { min, max } => each(out, bits, |bits| convert.one(uniform(*min, *max, bits))),
            &Kind::Kernel(Kernel::Exponential { mean }, _) => {
                wide(out, bits, kernel::exponential, move |x| mean * x, |x| x, convert);
            }
            &Kind::Kernel(Kernel::LogNormal { median, sigma }, _) => {
                let scaled = move |x| median * kernel::exp(sigma * x);
                wide(out, bits, kernel::signed_square, kernel::normal_of_square, scaled, convert);
            }
            Kind::Table(table) => each(out, bits, |bits| convert.one(table.sample(bits))),
            Kind::Exact(law) => each(out, bits, |bits| convert.one(far_tail(law, bits))),
            Kind::Column(column) => each(out, bits, |bits| convert.one(column.sample(bits))),
            Kind::Piecewise(piecewise) => each(out, bits, |bits| convert.one(piecewise.sample(bits))),
            Kind::Zipf(zipf) => each(out, bits, |bits| convert.one(zipf.sample(bits))),
            Kind::Mixture(mixture) => each(out, bits, |bits| convert.one(mixture.sample(bits))),
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
            Kind::Kernel(_, law) | Kind::Exact(law) => law.mean(),
            Kind::Column(column) => column.mean(),
            Kind::Piecewise(piecewise) => piecewise.mean(),
            Kind::Zipf(zipf) => zipf.mean(),
            Kind::Mixture(mixture) => mixture.mean(),
        }
    }

    /// The smallest and the largest value, where these are cheap to tell.
    pub(super) fn ends(&self) -> Option<(f64, f64)> {
        match &self.0 {
            Kind::Constant(x) => Some((*x, *x)),
            Kind::Uniform { min, max } => Some((*min, *max)),
            Kind::Column(column) => Some(column.ends()),
            Kind::Piecewise(piecewise) => Some(piecewise.ends()),
            Kind::Mixture(mixture) => mixture.ends(),
            Kind::Kernel(..) | Kind::Table(_) | Kind::Exact(_) | Kind::Zipf(_) => None,
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
    Kernel::of(&law).map_or_else(|| tabulated(law), |kernel| Kind::Kernel(kernel, law))
}

fn tabulated(law: Law) -> Kind {
    QuantileTable::new(law).map_or(Kind::Exact(law), Kind::Table)
}

#[inline]
fn uniform(min: f64, max: f64, bits: u64) -> f64 {
    // 53 bits and a half would round up to one: 52 do not.
    let u = ((bits >> 12) as f64 + 0.5) / 4_503_599_627_370_496.0;
    min + (max - min) * u
}

#[inline]
fn each<T>(out: &mut [T], bits: impl Iterator<Item = u64>, draw: impl Fn(u64) -> T) {
    for (slot, bits) in out.iter_mut().zip(bits) {
        *slot = draw(bits);
    }
}

/// What is made of draws.
pub(super) trait Convert<T> {
    /// Of one.
    fn one(&self, draw: f64) -> T;

    /// Of many in single precision, each of which becomes the [`one`](Convert::one) that it is in double precision.
    #[inline(always)]
    fn many(&self, draws: &[f32], out: &mut [T]) {
        for (slot, draw) in out.iter_mut().zip(draws) {
            *slot = self.one(f64::from(*draw));
        }
    }
}

/// Draws as they are.
struct Real;

impl Convert<f64> for Real {
    #[inline(always)]
    fn one(&self, draw: f64) -> f64 {
        draw
    }
}

/// As [`each`], for draws from a kernel, made in three steps.
#[inline]
fn wide<T>(
    out: &mut [T],
    bits: impl Iterator<Item = u64>,
    first: impl Fn(f32) -> f32,
    second: impl Fn(f32) -> f32,
    third: impl Fn(f32) -> f32,
    convert: impl Convert<T>,
) {
    struct Wide<'a, T, B, F, S, U, C> {
        out: &'a mut [T],
        bits: B,
        first: F,
        second: S,
        third: U,
        convert: C,
    }
    impl<T, B, F, S, U, C> Loop for Wide<'_, T, B, F, S, U, C>
    where
        B: Iterator<Item = u64>,
        F: Fn(f32) -> f32,
        S: Fn(f32) -> f32,
        U: Fn(f32) -> f32,
        C: Convert<T>,
    {
        #[inline(always)]
        fn run(self) {
            let Wide { out, mut bits, first, second, third, convert } = self;
            // Short loops: each has numbers of one width, as many at once as a register holds of these, and so few steps
            // one after the other that a core works on several draws at a time.
            let mut draws = [0.0; 128];
            for out in out.chunks_mut(draws.len()) {
                let draws = &mut draws[..out.len()];
                for (u, bits) in draws.iter_mut().zip(&mut bits) {
                    *u = kernel::uniform(bits);
                }
                for x in &mut *draws {
                    *x = first(*x);
                }
                for x in &mut *draws {
                    *x = second(*x);
                }
                for x in &mut *draws {
                    *x = third(*x);
                }
                convert.many(draws, out);
            }
        }
    }
    widest(Wide { out, bits, first, second, third, convert });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::distribution::Bin;
    use crate::random::kolmogorov::{assert_follows, assert_same_law};
    use crate::random::{Purpose, address::TWO_POW_64};
    use std::f64::consts::FRAC_1_SQRT_2;

    const N: usize = 1_000_000;

    fn draws(distribution: &Distribution) -> Vec<f64> {
        let mut draws = vec![0.0; N];
        Sampler::new(distribution).fill(Key::new(11, 0, 0, Purpose::Input), 0, &mut draws);
        draws
    }

    /// Mean and variance within five standard errors, the latter from the sample's own fourth moment.
    fn assert_moments(name: &str, draws: &[f64], mean: f64, variance: f64) {
        let n = draws.len() as f64;
        let average = draws.iter().sum::<f64>() / n;
        let moment = |power: i32| draws.iter().map(|x| (x - average).powi(power)).sum::<f64>() / n;
        let (second, fourth) = (moment(2), moment(4));
        assert!((average - mean).abs() < 5.0 * (variance / n).sqrt(), "{name}: mean {average}, not {mean}");
        let error = ((fourth - second * second) / n).sqrt();
        assert!((second - variance).abs() < 5.0 * error, "{name}: variance {second}, not {variance}");
    }

    /// The bits of a lower tail of this probability.
    fn low(probability: f64) -> u64 {
        (probability * TWO_POW_64) as u64
    }

    #[test]
    fn uniform_draws_are_uniform() {
        let distribution = Distribution::Uniform { min: 2.0, max: 5.0 };
        let draws = draws(&distribution);
        assert_moments("uniform", &draws, 3.5, 0.75);
        assert_follows("uniform", draws, |x| (x - 2.0) / 3.0);
        let sampler = Sampler::new(&distribution);
        assert!(sampler.sample(0) >= 2.0 && sampler.sample(u64::MAX) <= 5.0);
    }

    #[test]
    fn exponential_draws_are_exponential() {
        let distribution = Distribution::Exponential { mean: 3.0 };
        let draws = draws(&distribution);
        assert_moments("exponential", &draws, 3.0, 9.0);
        assert_follows("exponential", draws, |x| 1.0 - (-x / 3.0).exp());
        let sampler = Sampler::new(&distribution);
        assert!((sampler.sample(low(1e-9)) / 3e-9 - 1.0).abs() < 5e-6);
        assert!((sampler.sample(!low(1e-9)) / (3.0 * 1e9_f64.ln()) - 1.0).abs() < 5e-6);
    }

    #[test]
    fn normal_draws_are_normal_and_not_negative() {
        let (mean, sd) = (1.0, 1.0);
        let distribution = Distribution::Normal { mean, sd };
        let draws = draws(&distribution);
        assert!(draws.iter().all(|x| *x >= 0.0));
        // Mean and variance of the truncated law, Johnson, Kotz and Balakrishnan §13.10.1; φ(1)/Φ(1) = 0.2876.
        let ratio = 0.287_599_970_939_178_4;
        assert_moments("normal", &draws, mean + sd * ratio, sd * sd * (1.0 - ratio - ratio * ratio));
        let cdf = |z: f64| 0.5 * libm::erfc(-z * FRAC_1_SQRT_2);
        assert_follows("normal", draws, |x| (cdf((x - mean) / sd) - cdf(-1.0)) / cdf(1.0));
    }

    #[test]
    fn lognormal_draws_are_lognormal() {
        let distribution = Distribution::LogNormal { mu: 6.0, sigma: 0.64 };
        let draws = draws(&distribution);
        let squared: f64 = 0.64 * 0.64;
        let mean = (6.0 + squared / 2.0).exp();
        assert_moments("lognormal", &draws, mean, mean * mean * squared.exp_m1());
        assert_follows("lognormal", draws, |x| 0.5 * libm::erfc(-(x.ln() - 6.0) / 0.64 * FRAC_1_SQRT_2));
        let sampler = Sampler::new(&distribution);
        let tail: f64 = 5.997_807_015_007_687 * 0.64;
        assert!((sampler.sample(low(1e-9)) / (6.0 - tail).exp() - 1.0).abs() < 5e-6);
        assert!((sampler.sample(!low(1e-9)) / (6.0 + tail).exp() - 1.0).abs() < 5e-6);
        assert!((sampler.sample(low(0.95)) / sampler.sample(1 << 63) - (1.644_853_627 * 0.64_f64).exp()).abs() < 1e-5);
    }

    #[test]
    fn gamma_draws_have_their_closed_forms() {
        type Cdf = fn(f64) -> f64;
        let cdfs: [(f64, Cdf); 3] = [
            (0.5, |x| libm::erf(x.sqrt())),
            (1.5, |x| libm::erf(x.sqrt()) - (x / std::f64::consts::PI).sqrt() * 2.0 * (-x).exp()),
            (4.0, |x| 1.0 - (-x).exp() * (1.0 + x + x * x / 2.0 + x * x * x / 6.0)),
        ];
        for (shape, cdf) in cdfs {
            let draws = draws(&Distribution::Gamma { shape, scale: 2.0 });
            assert_moments("gamma", &draws, 2.0 * shape, 4.0 * shape);
            assert_follows("gamma", draws, |x| cdf(x / 2.0));
        }
    }

    #[test]
    fn gamma_draws_of_other_shapes_agree_with_marsaglia_and_tsang() {
        for shape in [0.03, 0.25, 7.7, 2_500.0] {
            let theirs = rand_distr::Gamma::new(shape, 1.0).expect("a valid shape");
            let mut rng = Counter(Key::new(12, 0, 0, Purpose::Input), 0);
            let reference = (0..N / 4).map(|_| rand_distr::Distribution::sample(&theirs, &mut rng)).collect();
            let mut ours = vec![0.0; N / 4];
            Sampler::new(&Distribution::Gamma { shape, scale: 1.0 }).fill(rng.0, 1 << 40, &mut ours);
            assert_same_law("gamma", ours, reference);
        }
    }

    #[test]
    fn weibull_draws_are_weibull() {
        for shape in [0.5, 1.7] {
            let draws = draws(&Distribution::Weibull { shape, scale: 2.0 });
            let moment = |order: f64| 2.0_f64.powf(order) * libm::tgamma(1.0 + order / shape);
            assert_moments("weibull", &draws, moment(1.0), moment(2.0) - moment(1.0).powi(2));
            assert_follows("weibull", draws, |x| -(-(x / 2.0).powf(shape)).exp_m1());
        }
    }

    #[test]
    fn pareto_draws_are_pareto() {
        let free = draws(&Distribution::Pareto { min: 2.0, alpha: 1.2, max: None });
        assert_follows("pareto", free, |x| 1.0 - (2.0 / x).powf(1.2));
        let steep = draws(&Distribution::Pareto { min: 2.0, alpha: 9.0, max: None });
        assert_moments("pareto", &steep, 2.25, 4.0 * 9.0 / (64.0 * 7.0));
        let bounded = Distribution::Pareto { min: 2.0, alpha: 1.2, max: Some(100.0) };
        let draws = draws(&bounded);
        assert!(draws.iter().all(|x| (2.0..=100.0).contains(x)));
        let inside = 1.0 - (2.0_f64 / 100.0).powf(1.2);
        assert_follows("bounded pareto", draws, |x| (1.0 - (2.0 / x).powf(1.2)) / inside);
    }

    #[test]
    fn zipf_ranks_have_their_probabilities() {
        for (n, exponent) in [(10, 1.0), (5_000, 0.8), (1_000_000, 1.0), (1_000_000_000, 1.3), (100_000, 0.0)] {
            let distribution = Distribution::Zipf { n, exponent };
            let ranks = draws(&distribution);
            let reach = n.min(1_000_000);
            let weights: Vec<f64> = (1..=reach).map(|k| (k as f64).powf(-exponent)).collect();
            // Ranks beyond the first million by the integral, whose error is far below that of the test.
            let rest = if n > reach {
                ((reach as f64 + 0.5).powf(1.0 - exponent) - (n as f64 + 0.5).powf(1.0 - exponent)) / (exponent - 1.0)
            } else {
                0.0
            };
            let total = weights.iter().sum::<f64>() + rest;
            let mut cumulative = 0.0;
            for window in [1, 2, 5, 10, 4_096, 4_097, 20_000, 1_000_000] {
                let window = window.min(reach);
                cumulative = weights[..window as usize].iter().sum::<f64>().max(cumulative);
                let share = cumulative / total;
                let found = ranks.iter().filter(|&&rank| rank <= window as f64).count() as f64 / N as f64;
                let error = (share * (1.0 - share) / N as f64).sqrt();
                assert!(
                    (found - share).abs() <= 5.0 * error + 1e-12,
                    "zipf {n} {exponent}: {found} ≤ {window}, {share}"
                );
            }
            assert!(ranks.iter().all(|rank| rank.fract() == 0.0 && (1.0..=n as f64).contains(rank)));
            let sampler = Sampler::new(&distribution);
            assert_eq!([sampler.sample(0), sampler.sample(u64::MAX)], [1.0, n as f64]);
        }
    }

    #[test]
    fn columns_give_each_value_equally_often_in_order() {
        let column = Distribution::Column([5.0, 1.0, 3.0, 3.0].into());
        let sampler = Sampler::new(&column);
        assert_eq!([0, 1, 2, 3].map(|quarter| sampler.sample(quarter << 62)), [1.0, 3.0, 3.0, 5.0]);
        assert_eq!(sampler.mean(), 3.0);
        let threes = draws(&column).iter().filter(|&&x| x == 3.0).count() as f64;
        assert!((threes - N as f64 / 2.0).abs() < 5.0 * (N as f64 / 4.0).sqrt());
    }

    #[test]
    fn quantiles_are_met_and_linear_between() {
        let distribution = Distribution::Quantiles(vec![(0.0, 1.0), (0.5, 13.0), (0.9, 13.0), (1.0, 900.0)]);
        let sampler = Sampler::new(&distribution);
        assert_eq!([0, 1 << 62, 1 << 63, low(0.7)].map(|bits| sampler.sample(bits)), [1.0, 7.0, 13.0, 13.0]);
        assert!((sampler.sample(low(0.95)) - 456.5).abs() < 1e-9);
        assert!(sampler.sample(u64::MAX) <= 900.0);
        assert!((sampler.mean() - (0.5 * 7.0 + 0.4 * 13.0 + 0.1 * 456.5)).abs() < 1e-12);
        let smooth = Distribution::Quantiles(vec![(0.0, 0.0), (0.25, 1.0), (1.0, 10.0)]);
        assert_follows("quantiles", draws(&smooth), |x| if x < 1.0 { x / 4.0 } else { 0.25 + (x - 1.0) / 12.0 });
    }

    #[test]
    fn histograms_are_uniform_within_bins() {
        let bin = |from, to, count| Bin { from, to, count };
        let bins = Distribution::Histogram(vec![bin(0.0, 1.0, 3.0), bin(1.0, 2.0, 0.0), bin(2.0, 4.0, 1.0)]);
        let cdf = |x: f64| if x < 2.0 { 0.75 * x.min(1.0) } else { 0.75 + (x - 2.0) / 8.0 };
        assert_follows("histogram", draws(&bins), cdf);
        assert!((Sampler::new(&bins).mean() - 1.125).abs() < 1e-12);
    }

    /// One of each kind.
    fn kinds() -> Vec<Distribution> {
        vec![
            Distribution::Constant(5.0),
            Distribution::Uniform { min: 1.0, max: 3.0 },
            Distribution::Exponential { mean: 2.0 },
            Distribution::Normal { mean: 10.0, sd: 3.0 },
            Distribution::LogNormal { mu: 1.0, sigma: 1.0 },
            Distribution::Gamma { shape: 3.0, scale: 2.0 },
            Distribution::Gamma { shape: 0.01, scale: 2.0 },
            Distribution::Weibull { shape: 1.4, scale: 2.0 },
            Distribution::Pareto { min: 2.0, alpha: 2.5, max: Some(500.0) },
            Distribution::Zipf { n: 100_000, exponent: 1.1 },
            Distribution::Quantiles(vec![(0.0, 1.0), (0.3, 4.0), (1.0, 50.0)]),
            Distribution::Histogram(vec![
                Bin { from: 1.0, to: 2.0, count: 3.0 },
                Bin { from: 2.0, to: 9.0, count: 1.0 },
            ]),
            Distribution::Column([1.0, 2.0, 5.0, 8.0].into()),
            Distribution::Mixture(vec![
                (0.3, Distribution::Constant(2.0)),
                (0.7, Distribution::Exponential { mean: 1.0 }),
            ]),
        ]
    }

    #[test]
    fn a_draw_is_the_same_in_any_division_into_blocks() {
        let key = Key::new(3, 1, 4, Purpose::Output);
        for distribution in kinds() {
            let sampler = Sampler::new(&distribution);
            let alone: Vec<f64> = (0..1_500).map(|request| sampler.sample(key.bits(request))).collect();
            for size in [1, 7, 512] {
                let mut blocks = vec![0.0; alone.len()];
                for (i, block) in blocks.chunks_mut(size).enumerate() {
                    sampler.fill(key, (i * size) as u64, block);
                }
                assert_eq!(blocks, alone, "{distribution:?} in blocks of {size}");
            }
            let bits: Vec<u64> = (0..1_500).map(|request| key.bits(request)).collect();
            let mut at = vec![0.0; alone.len()];
            sampler.fill_at(&bits, &mut at);
            assert_eq!(at, alone);
        }
    }

    #[test]
    fn draws_are_the_same_bytes_in_every_release_and_on_every_platform() {
        // A change of this number changes the results of users: it needs a value-breaking line in the changelog.
        let key = Key::new(1, 0, 0, Purpose::Input);
        let digest = kinds().iter().fold(0_u64, |digest, distribution| {
            let sampler = Sampler::new(distribution);
            (0..1_000).fold(digest, |digest, i| digest.rotate_left(5) ^ sampler.sample(key.bits(i)).to_bits())
        });
        assert_eq!(digest, 2543150316132102414);
    }

    #[test]
    fn means_are_those_of_the_draws() {
        for distribution in kinds() {
            let draws = draws(&distribution);
            let average = draws.iter().sum::<f64>() / N as f64;
            let deviation = (draws.iter().map(|x| (x - average).powi(2)).sum::<f64>() / N as f64).sqrt();
            let mean = Sampler::new(&distribution).mean();
            let error = 5.0 * deviation / (N as f64).sqrt() + 1e-12;
            assert!((average - mean).abs() <= error, "{distribution:?}: {average}, not {mean}");
        }
    }

    #[test]
    fn what_cannot_vary_is_constant() {
        let constant = |distribution| Sampler::new(&distribution).constant();
        assert_eq!(constant(Distribution::Constant(7.0)), Some(7.0));
        assert_eq!(constant(Distribution::Column([3.0, 3.0].into())), Some(3.0));
        assert_eq!(constant(Distribution::Uniform { min: 2.0, max: 2.0 }), Some(2.0));
        assert_eq!(constant(Distribution::Normal { mean: 4.0, sd: 0.0 }), Some(4.0));
        assert_eq!(constant(Distribution::Exponential { mean: 1.0 }), None);
        let same = vec![(1.0, Distribution::Constant(2.0)), (5.0, Distribution::Constant(2.0))];
        assert_eq!(constant(Distribution::Mixture(same)), Some(2.0));
    }

    /// A generator over the draws of one key, for samplers that need one.
    struct Counter(Key, u64);

    impl rand::TryRng for Counter {
        type Error = std::convert::Infallible;

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            self.1 += 1;
            Ok(self.0.bits(self.1))
        }

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            self.try_next_u64().map(|bits| (bits >> 32) as u32)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill_with(|| self.try_next_u64().map_or(0, |bits| bits as u8));
            Ok(())
        }
    }

    #[test]
    fn samplers_work_with_any_generator() {
        let sampler = Sampler::new(&Distribution::Exponential { mean: 2.0 });
        let mut rng = Counter(Key::new(1, 0, 0, Purpose::Think), 0);
        let drawn = rand_distr::Distribution::sample(&sampler, &mut rng);
        assert_eq!(drawn, sampler.sample(rng.0.bits(1)));
    }
}
