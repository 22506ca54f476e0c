//! Distributions as written, and the same as standard parameters.

use super::build::Builder;
use super::context::At;
use super::decode::{Decode, Record};
use super::describe::{choice, record};
use super::problem::Span;
use super::scalar::{Seconds, Signed, Table};
use super::trace;
use crate::model::Distribution;
use crate::model::distribution::Bin;
use crate::units::SimSpan;

/// What a distribution is of: plain numbers (tokens, tokens per second) or durations in seconds.
pub(crate) trait Amount: Decode + Copy {
    /// Whether plain numbers lack a unit.
    const NEEDS_UNIT: bool;
    /// The number.
    fn amount(self) -> f64;
}

impl Amount for f64 {
    const NEEDS_UNIT: bool = false;
    fn amount(self) -> f64 {
        self
    }
}

impl Amount for Seconds {
    const NEEDS_UNIT: bool = true;
    fn amount(self) -> f64 {
        self.0
    }
}

choice! {
    /// How a quantity is distributed; a bare value is constant.
    enum DistributionSpec<V> as "distribution", or Value(V) {
        /// Always the same value.
        constant: Constant(V),
        /// Uniform between two ends.
        uniform: Uniform(UniformSpec<V>),
        /// Exponential.
        exponential: Exponential(ExponentialSpec<V>),
        /// Normal, redrawn below zero.
        normal: Normal(NormalSpec<V>),
        /// Lognormal, by median and 95th percentile, by mean and cv, or by mu and sigma.
        lognormal: LogNormal(Box<LogNormalSpec<V>>),
        /// Gamma, by mean and cv or by shape and scale.
        gamma: Gamma(GammaSpec<V>),
        /// Weibull, by shape and scale or by mean and cv.
        weibull: Weibull(WeibullSpec<V>),
        /// Pareto from a least value on.
        pareto: Pareto(ParetoSpec<V>),
        /// Zipf over the ranks 1 to n.
        zipf: Zipf(ZipfSpec),
        /// One of several distributions, chosen by weight.
        mixture: Mixture(Vec<At<PartSpec<V>>>),
        /// Values at shares of the population, linear between.
        quantiles: Quantiles(Table<V>),
        /// Uniform within bins.
        histogram: Histogram(Vec<At<BinSpec<V>>>),
        /// The values of a column of a CSV file, each equally likely.
        column: Column(ColumnSpec),
    }
}

record! {
    /// Uniform between two ends.
    struct UniformSpec<V> as "uniform distribution" {
        /// Lower end.
        min: V = required,
        /// Upper end.
        max: V = required,
    }
}

record! {
    /// Exponential.
    struct ExponentialSpec<V> as "exponential distribution" {
        /// The mean.
        mean: V = required,
    }
}

record! {
    /// Normal, redrawn below zero.
    struct NormalSpec<V> as "normal distribution" {
        /// Mean before truncation.
        mean: V = required,
        /// Standard deviation before truncation.
        sd: V = required,
    }
}

record! {
    /// Lognormal: one of the pairs median and p95, mean and cv, mu and sigma.
    struct LogNormalSpec<V> as "lognormal distribution" {
        /// The median.
        median: V,
        /// The 95th percentile.
        p95: V,
        /// The mean.
        mean: V,
        /// Standard deviation over mean.
        cv: f64,
        /// Mean of the logarithm (of seconds, for durations).
        mu: Signed,
        /// Standard deviation of the logarithm.
        sigma: f64,
    }
}

record! {
    /// Gamma: one of the pairs mean and cv, shape and scale.
    struct GammaSpec<V> as "gamma distribution" {
        /// The mean.
        mean: V,
        /// Standard deviation over mean.
        cv: f64,
        /// Shape.
        shape: f64,
        /// Scale.
        scale: V,
    }
}

record! {
    /// Weibull: one of the pairs shape and scale, mean and cv.
    struct WeibullSpec<V> as "Weibull distribution" {
        /// Shape.
        shape: f64,
        /// Scale.
        scale: V,
        /// The mean.
        mean: V,
        /// Standard deviation over mean.
        cv: f64,
    }
}

record! {
    /// Pareto from a least value on; with `max`, bounded.
    struct ParetoSpec<V> as "Pareto distribution" {
        /// Least value.
        min: V = required,
        /// Tail exponent.
        alpha: f64 = required,
        /// Largest value of the bounded form.
        max: V,
    }
}

record! {
    /// Zipf over the ranks 1 to n.
    struct ZipfSpec as "Zipf distribution" {
        /// Number of ranks.
        n: u64 = required,
        /// Exponent.
        exponent: f64 = required,
    }
}

record! {
    /// One part of a mixture.
    struct PartSpec<V> as "mixture part" {
        /// Its weight; weights need not add up to 1.
        weight: f64 = required,
        /// Its distribution.
        of: DistributionSpec<V> = required,
    }
}

record! {
    /// One bin of a histogram.
    struct BinSpec<V> as "histogram bin" {
        /// Lower end.
        from: V = required,
        /// Upper end.
        to: V = required,
        /// How many values fall into it.
        count: f64 = required,
    }
}

record! {
    /// A column of a CSV file.
    struct ColumnSpec as "data column" {
        /// The file, relative to the scenario.
        file: String = required,
        /// The column's name in the header.
        column: String = required,
        /// For durations: what one unit of a plain number is, `1ms` or `1s`.
        unit: SimSpan,
    }
}

impl<V: Amount> DistributionSpec<V> {
    /// The distribution in standard parameters, once they are in range.
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<Distribution> {
        match self {
            Self::Value(x) | Self::Constant(x) => Some(Distribution::Constant(x.value.amount())),
            Self::Uniform(s) => {
                let (min, max) = (s.value.min?, s.value.max?);
                b.at_least("max", max.map(V::amount), "min", min.map(V::amount))?;
                Some(Distribution::Uniform { min: min.value.amount(), max: max.value.amount() })
            }
            Self::Exponential(s) => Some(Distribution::Exponential { mean: positive(b, "mean", s.value.mean)? }),
            Self::Normal(s) => {
                let (mean, sd) = (s.value.mean?.value.amount(), s.value.sd?.value.amount());
                Some(if sd == 0.0 { Distribution::Constant(mean) } else { Distribution::Normal { mean, sd } })
            }
            Self::LogNormal(s) => s.value.build(b, s.at),
            Self::Gamma(s) => s.value.build(b, s.at),
            Self::Weibull(s) => s.value.build(b, s.at),
            Self::Pareto(s) => {
                let (min, alpha) = (positive(b, "min", s.value.min), positive(b, "alpha", s.value.alpha));
                let max = s.value.max.map(|max| max.map(V::amount));
                if let (Some(max), Some(min)) = (max, min)
                    && max.value <= min
                {
                    b.cx.problem(max.at, format!("`max` is {}, not above `min` {min}", max.value));
                    return None;
                }
                Some(Distribution::Pareto { min: min?, alpha: alpha?, max: max.map(|max| max.value) })
            }
            Self::Zipf(s) => {
                let n = s.value.n?;
                b.require((1..=1_000_000_000).contains(&n.value), n.at, || {
                    format!("`n` is {}: ranks go from 1 to at most 1,000,000,000", n.value)
                })?;
                Some(Distribution::Zipf { n: n.value, exponent: s.value.exponent?.value })
            }
            Self::Mixture(parts) => {
                b.require(!parts.value.is_empty(), parts.at, || "`mixture` has no parts".to_owned())?;
                let built: Vec<_> = parts
                    .value
                    .iter()
                    .map(|part| {
                        let weight = positive(b, "weight", part.value.weight);
                        let of = part.value.of.as_ref().and_then(|of| of.value.build(b));
                        Some((weight?, of?))
                    })
                    .collect();
                built.into_iter().collect::<Option<Vec<_>>>().map(Distribution::Mixture)
            }
            Self::Quantiles(table) => quantiles(b, table),
            Self::Histogram(bins) => histogram(b, bins),
            Self::Column(column) => trace::column(b, &column.value, V::NEEDS_UNIT).map(Distribution::Column),
        }
    }
}

/// A parameter that must exceed zero.
fn positive<V: Amount>(b: &mut Builder<'_>, name: &str, field: Option<At<V>>) -> Option<f64> {
    let field = field?;
    let value = field.value.amount();
    b.require(value > 0.0, field.at, || format!("`{name}` is 0: it must be positive"))?;
    Some(value)
}

/// Which of several pairs of parameters is written.
fn pair(
    b: &mut Builder<'_>,
    at: Span,
    what: &str,
    broken: &[&str],
    pairs: &[(&str, bool, &str, bool)],
) -> Option<usize> {
    if !broken.is_empty() {
        return None;
    }
    let complete: Vec<usize> = (0..pairs.len()).filter(|&i| pairs[i].1 && pairs[i].3).collect();
    let stray = pairs.iter().filter(|(_, a, _, b)| a != b).count();
    if let ([one], 0) = (complete.as_slice(), stray) {
        return Some(*one);
    }
    let ways: Vec<String> = pairs.iter().map(|(a, _, b, _)| format!("`{a}` and `{b}`")).collect();
    let given: Vec<&str> =
        pairs.iter().flat_map(|&(a, has_a, b, has_b)| [(a, has_a), (b, has_b)]).filter(|x| x.1).map(|x| x.0).collect();
    let found = if given.is_empty() { "nothing".to_owned() } else { super::problem::listed(&given) };
    b.cx.problem_with(
        at,
        format!("{what} takes one pair of parameters, found {found}"),
        format!("give {}", ways.join(", or ")),
    );
    None
}

impl<V: Amount> LogNormalSpec<V> {
    /// The standard normal quantile at 95 %, as SPEC rounds it.
    const Z95: f64 = 1.644854;

    /// *Formula*: `mu = ln median`, `sigma = ln(p95/median)/1.644854`; or `sigma² = ln(1 + cv²)`,
    /// `mu = ln mean − sigma²/2`.
    fn build(&self, b: &mut Builder<'_>, at: Span) -> Option<Distribution> {
        let pairs = [
            ("median", self.median.is_some(), "p95", self.p95.is_some()),
            ("mean", self.mean.is_some(), "cv", self.cv.is_some()),
            ("mu", self.mu.is_some(), "sigma", self.sigma.is_some()),
        ];
        let (mu, sigma) = match pair(b, at, "`lognormal`", self.broken(), &pairs)? {
            0 => {
                let (median, p95) = (positive(b, "median", self.median)?, self.p95?.map(V::amount));
                b.at_least("p95", p95, "median", At { value: median, at })?;
                (libm::log(median), libm::log(p95.value / median) / Self::Z95)
            }
            1 => {
                let (mean, cv) = (positive(b, "mean", self.mean)?, self.cv?.value);
                let variance = libm::log1p(cv * cv);
                (libm::log(mean) - variance / 2.0, variance.sqrt())
            }
            _ => (self.mu?.value.0, self.sigma?.value),
        };
        if sigma == 0.0 {
            return Some(Distribution::Constant(libm::exp(mu)));
        }
        b.require(mu.abs() < 100.0 && sigma < 20.0, at, || {
            format!("`lognormal` has mu {mu:.3} and sigma {sigma:.3}: beyond 100 or 20 it is no quantity")
        })?;
        Some(Distribution::LogNormal { mu, sigma })
    }
}

impl<V: Amount> GammaSpec<V> {
    /// *Formula*: `shape = 1/cv²`, `scale = mean·cv²`.
    fn build(&self, b: &mut Builder<'_>, at: Span) -> Option<Distribution> {
        let pairs = [
            ("mean", self.mean.is_some(), "cv", self.cv.is_some()),
            ("shape", self.shape.is_some(), "scale", self.scale.is_some()),
        ];
        if pair(b, at, "`gamma`", self.broken(), &pairs)? == 1 {
            let (shape, scale) = (positive(b, "shape", self.shape), positive(b, "scale", self.scale));
            return Some(Distribution::Gamma { shape: shape?, scale: scale? });
        }
        let (mean, cv) = (positive(b, "mean", self.mean)?, self.cv?);
        if cv.value == 0.0 {
            return Some(Distribution::Constant(mean));
        }
        b.cv(cv)?;
        let squared = cv.value * cv.value;
        Some(Distribution::Gamma { shape: 1.0 / squared, scale: mean * squared })
    }
}

impl<V: Amount> WeibullSpec<V> {
    fn build(&self, b: &mut Builder<'_>, at: Span) -> Option<Distribution> {
        let pairs = [
            ("shape", self.shape.is_some(), "scale", self.scale.is_some()),
            ("mean", self.mean.is_some(), "cv", self.cv.is_some()),
        ];
        if pair(b, at, "`weibull`", self.broken(), &pairs)? == 0 {
            let (shape, scale) = (positive(b, "shape", self.shape), positive(b, "scale", self.scale));
            return Some(Distribution::Weibull { shape: shape?, scale: scale? });
        }
        let (mean, cv) = (positive(b, "mean", self.mean)?, self.cv?);
        if cv.value == 0.0 {
            return Some(Distribution::Constant(mean));
        }
        b.cv(cv)?;
        let shape = weibull_shape(cv.value);
        Some(Distribution::Weibull { shape, scale: mean / libm::tgamma(1.0 + 1.0 / shape) })
    }
}

/// The Weibull shape with a given coefficient of variation, by bisection.
///
/// *Formula*: `cv² = Γ(1 + 2/k) / Γ(1 + 1/k)² − 1`, decreasing in k.
fn weibull_shape(cv: f64) -> f64 {
    let excess = |k: f64| libm::lgamma(1.0 + 2.0 / k) - 2.0 * libm::lgamma(1.0 + 1.0 / k) - libm::log1p(cv * cv);
    let (mut low, mut high) = (0.05_f64, 2_000.0_f64);
    for _ in 0..200 {
        let middle = (low * high).sqrt();
        if excess(middle) > 0.0 { low = middle } else { high = middle }
    }
    (low * high).sqrt()
}

fn quantiles<V: Amount>(b: &mut Builder<'_>, table: &At<Table<V>>) -> Option<Distribution> {
    let points = &table.value.0;
    let ends = (points.first().map(|p| p.0.value.0), points.last().map(|p| p.0.value.0));
    b.require(points.len() >= 2 && ends == (Some(0.0), Some(1.0)), table.at, || {
        "`quantiles` must go from 0% to 100%".to_owned()
    })?;
    let mut fine = true;
    for pair in points.windows(2) {
        let [(share, value), (next_share, next_value)] = pair else { unreachable!("windows of two") };
        if next_share.value.0 <= share.value.0 {
            b.cx.problem(
                next_share.at,
                format!("{} is not above {}", percent(next_share.value.0), percent(share.value.0)),
            );
            fine = false;
        }
        let (before, after) = (value.value.amount(), next_value.value.amount());
        if after < before {
            let message = format!(
                "the value at {} is {after}, below {before} at {}",
                percent(next_share.value.0),
                percent(share.value.0)
            );
            b.cx.problem(next_value.at, message);
            fine = false;
        }
    }
    fine.then(|| Distribution::Quantiles(points.iter().map(|(p, x)| (p.value.0, x.value.amount())).collect()))
}

fn percent(share: f64) -> String {
    crate::units::format::share(share)
}

fn histogram<V: Amount>(b: &mut Builder<'_>, bins: &At<Vec<At<BinSpec<V>>>>) -> Option<Distribution> {
    let mut built: Vec<Bin> = Vec::new();
    let mut fine = true;
    let mut end = 0.0;
    for bin in &bins.value {
        let (Some(from), Some(to), Some(count)) = (bin.value.from, bin.value.to, bin.value.count) else {
            fine = false;
            continue;
        };
        let (low, high) = (from.value.amount(), to.value.amount());
        if low < end {
            b.cx.problem(from.at, format!("`from` is {low}, below the end {end} of the bin before"));
            fine = false;
        }
        if high < low {
            b.cx.problem(to.at, format!("`to` is {high}, below `from` {low}"));
            fine = false;
        }
        end = high.max(end);
        if count.value > 0.0 {
            built.push(Bin { from: low, to: high, count: count.value });
        }
    }
    b.require(!fine || !built.is_empty(), bins.at, || "`histogram` has no bin with a positive count".to_owned())?;
    fine.then_some(Distribution::Histogram(built))
}
