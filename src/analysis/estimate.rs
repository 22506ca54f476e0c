//! Means with honest intervals over replications.

use crate::analysis::Estimate;

/// The numerator and the denominator of a ratio in one replication.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Part {
    /// What is counted.
    pub numerator: f64,
    /// Out of what.
    pub denominator: f64,
}

/// What values a ratio can take, and what is known of an event that was never seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// A probability in [0, 1], of an event that is rarer than one in this many minutes if it was never seen
    /// (measured minutes × replications).
    Rate {
        /// Minutes observed over all replications.
        minutes: f64,
    },
    /// A nonnegative mean.
    Mean,
}

/// The ratio `Σ numerator ÷ Σ denominator` with a jackknife t interval over replications.
///
/// *Formula*: with n replications and the ratio θ, leaving out replication i gives θ₋ᵢ and the pseudo-value
/// `nθ − (n−1)θ₋ᵢ`; the interval is `θ ± t(n−1, 0.975) · s/√n` of the pseudo-values, clipped to what the quantity can
/// be. An event never seen has the upper end `min(1, 3/minutes)` (the rule of three). Null over nothing; no interval
/// with one replication.
///
/// *Source*: Quenouille 1956, Tukey 1958; the ratio form as in Law, "Simulation Modeling and Analysis", §9.5.3.
pub fn ratio(parts: &[Part], kind: Kind) -> Estimate {
    let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
    let (numerator, denominator) = (sum(|part| part.numerator), sum(|part| part.denominator));
    if denominator <= 0.0 {
        return Estimate::default();
    }
    let mean = numerator / denominator;
    let seen = parts.iter().filter(|part| part.numerator > 0.0).count();
    let few_events = matches!(kind, Kind::Rate { .. }) && seen < FEW;
    let ci95 = match kind {
        _ if parts.len() < 2 => None,
        Kind::Rate { minutes } if numerator == 0.0 => Some([0.0, (3.0 / minutes).min(1.0)]),
        Kind::Rate { .. } => jackknife(parts, numerator, denominator).map(|ends| ends.map(|end| end.clamp(0.0, 1.0))),
        Kind::Mean => jackknife(parts, numerator, denominator).map(|ends| ends.map(|end| end.max(0.0))),
    };
    Estimate { mean: Some(mean), ci95, few_events }
}

/// Fewer replications with an event than this make its interval rough.
const FEW: usize = 5;

fn jackknife(parts: &[Part], numerator: f64, denominator: f64) -> Option<[f64; 2]> {
    let theta = numerator / denominator;
    let half = half_width(&pseudo_values(parts)?)?;
    Some([theta - half, theta + half])
}

/// The jackknife pseudo-values of a ratio, one per replication; `None` if one replication is all there is to it.
pub fn pseudo_values(parts: &[Part]) -> Option<Vec<f64>> {
    let n = parts.len() as f64;
    let sum = |of: fn(&Part) -> f64| parts.iter().map(of).sum::<f64>();
    let (numerator, denominator) = (sum(|part| part.numerator), sum(|part| part.denominator));
    let theta = numerator / denominator;
    parts
        .iter()
        .map(|part| {
            let rest = denominator - part.denominator;
            (rest > 0.0).then(|| n * theta - (n - 1.0) * (numerator - part.numerator) / rest)
        })
        .collect()
}

/// Half the 95 % t interval of the mean of independent values: `t(n−1, 0.975) · s/√n`; `None` with fewer than two.
pub fn half_width(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < 2 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (n - 1.0);
    Some(t975(values.len() - 1) * (variance / n).sqrt())
}

/// The 0.975 quantile of Student's t with `degrees` of freedom.
///
/// *Source*: tabulated to 1e-5 up to 30 degrees; beyond, the Cornish–Fisher expansion about the normal quantile
/// (Abramowitz and Stegun 26.7.5), right to 1e-6 there.
pub fn t975(degrees: usize) -> f64 {
    const TABLE: [f64; 30] = [
        12.70620, 4.30265, 3.18245, 2.77645, 2.57058, 2.44691, 2.36462, 2.30600, 2.26216, 2.22814, 2.20099, 2.17881,
        2.16037, 2.14479, 2.13145, 2.11991, 2.10982, 2.10092, 2.09302, 2.08596, 2.07961, 2.07387, 2.06866, 2.06390,
        2.05954, 2.05553, 2.05183, 2.04841, 2.04523, 2.04227,
    ];
    if let Some(&t) = degrees.checked_sub(1).and_then(|index| TABLE.get(index)) {
        return t;
    }
    let z = 1.959_963_984_540_054_f64;
    let (z3, z5) = (z * z * z, z * z * z * z * z);
    let v = degrees.max(1) as f64;
    z + (z3 + z) / (4.0 * v) + (5.0 * z5 + 16.0 * z3 + 3.0 * z) / (96.0 * v * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(values: &[(f64, f64)]) -> Vec<Part> {
        values.iter().map(|&(numerator, denominator)| Part { numerator, denominator }).collect()
    }

    #[test]
    fn with_equal_denominators_the_jackknife_is_the_t_interval() {
        // 1, 2, 3, 4, 5: mean 3, s = 1.5811, t(4) = 2.77645, half = 1.96324.
        let estimate = ratio(&parts(&[(1.0, 1.0), (2.0, 1.0), (3.0, 1.0), (4.0, 1.0), (5.0, 1.0)]), Kind::Mean);
        let [low, high] = estimate.ci95.expect("five replications");
        assert_eq!(estimate.mean, Some(3.0));
        assert!((high - 4.963_24).abs() < 1e-4 && (low - 1.036_76).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn nothing_seen_has_the_rule_of_three_and_nothing_observed_is_null() {
        let never = ratio(&parts(&[(0.0, 9.0), (0.0, 9.0)]), Kind::Rate { minutes: 56.0 });
        assert_eq!((never.mean, never.ci95), (Some(0.0), Some([0.0, 3.0 / 56.0])));
        assert_eq!(ratio(&parts(&[(0.0, 0.0), (0.0, 0.0)]), Kind::Mean), Estimate::default());
        assert_eq!(ratio(&parts(&[(1.0, 2.0)]), Kind::Rate { minutes: 1.0 }).ci95, None);
    }

    #[test]
    fn rates_stay_between_zero_and_one_and_rare_events_are_flagged() {
        let estimate = ratio(&parts(&[(1.0, 10.0), (0.0, 10.0), (0.0, 10.0)]), Kind::Rate { minutes: 9.0 });
        assert_eq!(estimate.ci95.expect("three replications")[0], 0.0);
        assert!(estimate.few_events);
    }

    #[test]
    fn the_t_table_meets_its_expansion() {
        assert!((t975(31) - 2.039_51).abs() < 1e-4);
        assert!((t975(1_000) - 1.962_34).abs() < 1e-4);
    }
}
