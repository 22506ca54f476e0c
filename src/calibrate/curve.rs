//! A fit as curves to draw: what was seen, what the law says, where they are furthest apart.

use super::fit::{Ecdf, Fit};
use super::latency::LatencyFit;
use crate::random::quantile;

/// An observed and a fitted distribution function, and their quantiles.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Curves {
    /// Values and the share of what was seen at or below each.
    pub observed: Vec<[f64; 2]>,
    /// Values and the law's share.
    pub fitted: Vec<[f64; 2]>,
    /// Where they are furthest apart: value, observed share, fitted share.
    pub gap: Option<[f64; 3]>,
    /// Shares with the observed and the fitted quantile.
    pub quantiles: Vec<[f64; 3]>,
}

/// Points of a curve at most.
const POINTS: usize = 400;
/// The shares whose quantiles are compared.
const SHARES: [f64; 24] = [
    0.001, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98,
    0.99, 0.995, 0.998, 0.999,
];

/// The curves of a law.
pub fn of_fit(fit: &Fit) -> Curves {
    let share = |x: f64| fit.observed.share_of(&fit.law, x);
    let below = |x: f64| fit.observed.share_below(&fit.law, x);
    curves(&fit.observed, (below, share), |p| Some(quantile(&fit.law, p)))
}

/// The curves of whole durations: as observed, and as the model makes them at the observed sizes.
pub fn of_latency(latency: &LatencyFit) -> Curves {
    let share = |x: f64| latency.modelled.share(x);
    curves(&latency.observed, (share, share), |p| latency.modelled.quantile(p))
}

/// `below` and `share` are the law's shares of what is recorded as less than a value and as at most it.
fn curves(
    observed: &Ecdf,
    (below, share): (impl Fn(f64) -> f64, impl Fn(f64) -> f64),
    fitted: impl Fn(f64) -> Option<f64>,
) -> Curves {
    let points = observed.points();
    let gap = points
        .iter()
        .map(|&(x, seen)| [x, seen, share(x)])
        .max_by(|a, b| (a[1] - a[2]).abs().total_cmp(&(b[1] - b[2]).abs()));
    let thinned = thin(points);
    let count = observed.observations() as f64;
    Curves {
        // A law that jumps at a value is drawn as a jump.
        fitted: thinned.iter().flat_map(|&[x, _]| [[x, below(x)], [x, share(x)]]).collect(),
        observed: thinned,
        gap,
        quantiles: SHARES
            .into_iter()
            // A quantile needs values beyond it.
            .filter(|&p| count * (1.0 - p).min(p) >= 3.0 || (0.05..=0.95).contains(&p))
            .filter_map(|p| Some([p, observed.quantile(p)?, fitted(p)?]))
            .collect(),
    }
}

/// At most [`POINTS`] of the points, evenly by share, the ends among them.
fn thin(points: &[(f64, f64)]) -> Vec<[f64; 2]> {
    let mut kept: Vec<[f64; 2]> = Vec::new();
    let step = 1.0 / POINTS as f64;
    for (index, &(x, share)) in points.iter().enumerate() {
        let far = kept.last().is_none_or(|last| share - last[1] >= step);
        if far || index + 1 == points.len() {
            kept.push([x, share]);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::fit::{Grain, Value, fit};

    #[test]
    fn curves_are_few_points_and_end_where_the_values_do() {
        let values: Vec<Value> = (1..=20_000).map(|i| Value::exact(f64::from(i * 7_919 % 20_011))).collect();
        let fitted = fit(&values, Grain::TOKENS);
        let curves = of_fit(&fitted);
        assert!(curves.observed.len() <= POINTS + 2 && 2 * curves.observed.len() == curves.fitted.len());
        assert_eq!(curves.observed.last().unwrap()[1], 1.0);
        let [_, seen, law] = curves.gap.unwrap();
        assert!((seen - law).abs() <= fitted.ks + 1e-12);
        assert!(curves.quantiles.iter().any(|row| row[0] == 0.99));
    }

    #[test]
    fn nothing_has_no_curves() {
        assert_eq!(of_fit(&fit(&[], Grain::TOKENS)).observed, Vec::<[f64; 2]>::new());
    }
}
