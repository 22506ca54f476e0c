//! What was observed, as a distribution function, and how far a law is from it.

use super::cells::{Grain, Value};
use crate::model::Distribution;
use crate::random::shares;

/// The shares that tables and charts compare.
pub const QUANTILES: [f64; 9] = [0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999];

/// The empirical distribution function; where values were cut, Kaplan and Meier's estimate of it.
///
/// # Formula
///
/// `1 − F(x) = Π over values v ≤ x of (1 − seen at v / known to be at least v)`. Without cuts this is the share of
/// values above `x`.
///
/// # Source
///
/// Kaplan and Meier, "Nonparametric estimation from incomplete observations", JASA 53 (1958).
#[derive(Debug, Clone, PartialEq)]
pub struct Ecdf {
    /// Distinct values and the share at or below each, increasing. Short of 1 where the largest values were cut.
    points: Vec<(f64, f64)>,
    observations: u64,
    grain: Grain,
}

impl Ecdf {
    /// The distribution function of values.
    pub fn new(values: &[Value], grain: Grain) -> Ecdf {
        let mut sorted: Vec<(f64, bool)> = values.iter().map(|value| (value.value, value.censored)).collect();
        // At one value, those that were cut there lie above it and come last.
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        let mut points = Vec::new();
        let (mut surviving, mut at_least) = (1.0, sorted.len());
        for group in sorted.chunk_by(|a, b| a.0 == b.0) {
            let seen = group.iter().filter(|value| !value.1).count();
            if seen > 0 {
                surviving *= 1.0 - seen as f64 / at_least as f64;
                points.push((group[0].0, 1.0 - surviving));
            }
            at_least -= group.len();
        }
        Ecdf { points, observations: values.len() as u64, grain }
    }

    /// How many values there are.
    pub fn observations(&self) -> u64 {
        self.observations
    }

    /// Distinct values and the share at or below each.
    pub fn points(&self) -> &[(f64, f64)] {
        &self.points
    }

    /// The value that a share `p` does not exceed; `None` beyond what was seen whole.
    pub fn quantile(&self, p: f64) -> Option<f64> {
        let place = self.points.partition_point(|point| point.1 < p - 1e-12);
        self.points.get(place).map(|point| point.0)
    }

    /// The share at or below `x`.
    pub fn share(&self, x: f64) -> f64 {
        let place = self.points.partition_point(|point| point.0 <= x);
        place.checked_sub(1).map_or(0.0, |last| self.points[last].1)
    }

    /// The share that a law gives to what would be recorded as at most `x`.
    pub fn share_of(&self, law: &Distribution, x: f64) -> f64 {
        shares(law, self.grain.around(x)[1])[0]
    }

    /// The share that a law gives to what would be recorded as less than `x`.
    pub fn share_below(&self, law: &Distribution, x: f64) -> f64 {
        let [from, _] = self.grain.around(x);
        if from > 0.0 { shares(law, from)[0] } else { 0.0 }
    }

    /// The Kolmogorov–Smirnov distance of a law: the largest difference between the observed share and the law's, as
    /// the law's values are rounded too.
    ///
    /// # Formula
    ///
    /// `sup |Fₙ(x) − F(x + step/2)|` over both sides of every observed value.
    pub fn distance(&self, law: &Distribution) -> f64 {
        let mut before = 0.0;
        let mut largest: f64 = 0.0;
        for &(value, share) in &self.points {
            largest = largest.max((before - self.share_below(law, value)).abs());
            largest = largest.max((share - self.share_of(law, value)).abs());
            before = share;
        }
        largest
    }

    /// The observed quantile function in a few points, for the scenario language: linear between.
    pub fn quantile_law(&self) -> Distribution {
        const SHARES: [f64; 20] = [
            0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 0.99, 0.995,
            0.999,
        ];
        let (Some(first), Some(last)) = (self.points.first(), self.points.last()) else {
            return Distribution::Constant(0.0);
        };
        let inner = SHARES.iter().filter(|&&p| p < last.1).filter_map(|&p| Some((p, self.quantile(p)?)));
        let all: Vec<(f64, f64)> = [(0.0, first.0)].into_iter().chain(inner).chain([(1.0, last.0)]).collect();
        // Within a run of one value its ends say everything.
        let between = |index: usize| {
            index > 0 && index + 1 < all.len() && all[index - 1].1 == all[index].1 && all[index].1 == all[index + 1].1
        };
        Distribution::Quantiles((0..all.len()).filter(|&index| !between(index)).map(|index| all[index]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(value: f64) -> Value {
        Value { value, censored: true }
    }

    #[test]
    fn without_cuts_it_counts() {
        let ecdf = Ecdf::new(&[3.0, 1.0, 1.0, 8.0].map(Value::exact), Grain::TOKENS);
        assert_eq!(ecdf.points(), [(1.0, 0.5), (3.0, 0.75), (8.0, 1.0)]);
        assert_eq!(ecdf.quantile(0.5), Some(1.0));
        assert_eq!(ecdf.quantile(0.51), Some(3.0));
        assert_eq!([0.5, 1.0, 7.9, 100.0].map(|x| ecdf.share(x)), [0.0, 0.5, 0.75, 1.0]);
    }

    #[test]
    fn cuts_leave_the_tail_open() {
        // Kaplan and Meier by hand: 1 of 5, then 1 of 3.
        let ecdf = Ecdf::new(&[Value::exact(1.0), cut(2.0), Value::exact(4.0), cut(4.0), cut(4.0)], Grain::TOKENS);
        let [(_, first), (_, second)] = ecdf.points() else { panic!("{ecdf:?}") };
        assert!((first - 0.2).abs() < 1e-12 && (second - (1.0 - 0.8 * 2.0 / 3.0)).abs() < 1e-12);
        assert_eq!(ecdf.quantile(0.9), None);
    }

    #[test]
    fn a_law_rounded_to_what_was_seen_has_no_distance() {
        let seen: Vec<Value> = (0..100).map(|i| Value::exact(f64::from(i / 25 + 1))).collect();
        let law = Distribution::Uniform { min: 0.5, max: 4.5 };
        assert!(Ecdf::new(&seen, Grain::TOKENS).distance(&law) < 1e-12);
        assert!((Ecdf::new(&seen, Grain::TOKENS).distance(&Distribution::Constant(2.0)) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn the_quantile_law_is_near_by_construction() {
        let seen: Vec<Value> = (1..=5_000).map(|i| Value::exact(f64::from(i * i % 7_919))).collect();
        let ecdf = Ecdf::new(&seen, Grain::TOKENS);
        assert!(ecdf.distance(&ecdf.quantile_law()) < 0.02);
    }
}
