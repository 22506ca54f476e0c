//! Laws are recovered from samples of known parameters, and the right family is chosen.
//!
//! Samples are drawn by the simulator's own samplers, which have tests of their own against the analytic laws.

use super::{Family, Fit, Grain, Value, fit};
use crate::model::Distribution;
use crate::random::{Key, Purpose, Sampler, quantile, round_tokens};

/// Whole numbers of tokens of a law, at least 1.
fn tokens(law: &Distribution, n: u64) -> Vec<f64> {
    let (sampler, key) = (Sampler::new(law), Key::new(7, 0, 0, Purpose::Output));
    (0..n).map(|i| f64::from(round_tokens(sampler.sample(key.bits(i)), 1))).collect()
}

fn fitted(law: &Distribution, n: u64) -> Fit {
    let values: Vec<Value> = tokens(law, n).into_iter().map(Value::exact).collect();
    fit(&values, Grain::ANSWER)
}

fn mixture(parts: &[(f64, f64, f64)]) -> Distribution {
    Distribution::Mixture(
        parts.iter().map(|&(weight, mu, sigma)| (weight, Distribution::LogNormal { mu, sigma })).collect(),
    )
}

/// Within this many standard errors of the truth, where the standard error of a parameter is about `scale/√n`.
fn assert_near(name: &str, found: f64, truth: f64, scale: f64, n: u64) {
    let error = scale / (n as f64).sqrt();
    assert!((found - truth).abs() < 4.0 * error, "{name}: {found}, not {truth} ± {error}");
}

#[test]
fn parameters_are_recovered_within_four_standard_errors() {
    let n = 20_000;
    match fitted(&Distribution::LogNormal { mu: 6.0, sigma: 0.64 }, n).law {
        Distribution::LogNormal { mu, sigma } => {
            assert_near("mu", mu, 6.0, 0.64, n);
            assert_near("sigma", sigma, 0.64, 0.64 / 2.0_f64.sqrt(), n);
        }
        other => panic!("{other:?}"),
    }
    match fitted(&Distribution::Gamma { shape: 2.5, scale: 100.0 }, n).law {
        Distribution::Gamma { shape, scale } => {
            // The variance of a shape's estimate is about 2k²/n for shapes above 1.
            assert_near("shape", shape, 2.5, 2.5 * 1.5, n);
            assert_near("mean", shape * scale, 250.0, 250.0 / 2.5_f64.sqrt(), n);
        }
        other => panic!("{other:?}"),
    }
    match fitted(&Distribution::Weibull { shape: 1.6, scale: 300.0 }, n).law {
        Distribution::Weibull { shape, scale } => {
            // Asymptotic variances of maximum likelihood: 0.608k²/n and 1.109(scale/k)²/n.
            assert_near("shape", shape, 1.6, 0.78 * 1.6, n);
            assert_near("scale", scale, 300.0, 1.053 * 300.0 / 1.6, n);
        }
        other => panic!("{other:?}"),
    }
    match fitted(&Distribution::Exponential { mean: 150.0 }, n).law {
        Distribution::Exponential { mean } => assert_near("mean", mean, 150.0, 150.0, n),
        other => panic!("{other:?}"),
    }
    match fitted(&Distribution::Pareto { min: 20.0, alpha: 1.8, max: None }, n).law {
        Distribution::Pareto { min, alpha, .. } => {
            assert!((19.0..=20.5).contains(&min), "{min}");
            assert_near("alpha", alpha, 1.8, 1.8 * 1.5, n);
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_components_of_a_mixture_are_found() {
    let truth = [(0.3, 3.0, 0.3), (0.7, 6.0, 0.5)];
    let found = fitted(&mixture(&truth), 20_000);
    assert_eq!(found.family, Family::Mixture2, "{:?}", found.candidates);
    let Distribution::Mixture(parts) = &found.law else { panic!("{found:?}") };
    for ((weight, part), (w, m, s)) in parts.iter().zip(truth) {
        let Distribution::LogNormal { mu, sigma } = part else { panic!("{part:?}") };
        assert!((weight - w).abs() < 0.02 && (mu - m).abs() < 0.03 && (sigma - s).abs() < 0.03, "{parts:?}");
    }
}

#[test]
fn the_right_family_is_chosen() {
    let laws = [
        (Family::Exponential, Distribution::Exponential { mean: 400.0 }),
        (Family::LogNormal, Distribution::LogNormal { mu: 5.6, sigma: 0.9 }),
        (Family::Gamma, Distribution::Gamma { shape: 4.0, scale: 60.0 }),
        (Family::Weibull, Distribution::Weibull { shape: 0.6, scale: 200.0 }),
        (Family::Pareto, Distribution::Pareto { min: 30.0, alpha: 1.3, max: None }),
        (Family::Mixture2, mixture(&[(0.5, 4.0, 0.4), (0.5, 7.0, 0.4)])),
        (Family::Mixture3, mixture(&[(0.3, 2.5, 0.25), (0.4, 5.0, 0.25), (0.3, 7.5, 0.25)])),
        (Family::Mixture4, mixture(&[(0.25, 2.5, 0.2), (0.25, 4.5, 0.2), (0.25, 6.5, 0.2), (0.25, 8.5, 0.2)])),
    ];
    for (family, law) in laws {
        let found = fitted(&law, 8_000);
        assert_eq!(found.family, family, "{:#?}", found.candidates);
        assert!(found.ks < found.ks_by_chance, "{family:?} is {} off", found.ks);
    }
}

#[test]
fn short_answers_are_fitted_as_the_whole_numbers_that_they_are() {
    // With a mean of 6 tokens, rounding is most of the story.
    let truth = Distribution::LogNormal { mu: 1.7, sigma: 0.45 };
    let found = fitted(&truth, 20_000);
    let Distribution::LogNormal { mu, sigma } = found.law else { panic!("{found:?}") };
    assert_near("mu", mu, 1.7, 0.46, 20_000);
    assert_near("sigma", sigma, 0.45, 0.33, 20_000);
    assert!(found.ks < found.ks_by_chance, "{}", found.ks);
}

#[test]
fn a_spike_on_one_number_does_not_derail_a_mixture() {
    // A third of the answers is exactly 6 tokens, as a tool call's is; the rest spreads.
    let mut values = tokens(&Distribution::LogNormal { mu: 4.0, sigma: 0.9 }, 4_000);
    values.iter_mut().step_by(3).for_each(|value| *value = 6.0);
    // The order must not follow the size; a stride of 7 mixes both kinds.
    let mixed: Vec<Value> = (0..values.len()).map(|i| Value::exact(values[i * 7 % values.len()])).collect();
    let found = fit(&mixed, Grain::ANSWER);
    assert!(found.ks < 0.03, "{found:?}");
}

#[test]
fn a_cap_does_not_bias_the_natural_length() {
    // max_tokens of 400 cuts the longest third of the answers.
    let truth = Distribution::LogNormal { mu: 5.6, sigma: 0.9 };
    let lengths = tokens(&truth, 20_000);
    let cut: Vec<Value> =
        lengths.iter().map(|&length| Value { value: length.min(400.0), censored: length > 400.0 }).collect();
    let found = fit(&cut, Grain::ANSWER);
    assert!((0.3..0.4).contains(&found.censored), "{}", found.censored);
    let Distribution::LogNormal { mu, sigma } = found.law else { panic!("{found:?}") };
    // Cutting a third costs about half the information.
    assert_near("mu", mu, 5.6, 0.9 * 1.5, 20_000);
    assert_near("sigma", sigma, 0.9, 0.9 * 1.5, 20_000);
    let p99 = quantile(&found.law, 0.99);
    assert!((p99 / quantile(&truth, 0.99) - 1.0).abs() < 0.1, "{p99}");
    assert_eq!(found.quantiles.iter().find(|pair| pair.share == 0.99).unwrap().observed, None);
}

#[test]
fn zeros_stay_zeros() {
    let mut values = tokens(&Distribution::LogNormal { mu: 7.0, sigma: 0.3 }, 3_000);
    values.iter_mut().step_by(4).for_each(|value| *value = 0.0);
    let found = fit(&values.into_iter().map(Value::exact).collect::<Vec<_>>(), Grain::ANSWER);
    assert!((found.zeros - 0.25).abs() < 1e-9);
    assert!(found.ks < 0.03, "{found:?}");
    let Distribution::Mixture(parts) = &found.law else { panic!("{found:?}") };
    assert_eq!(parts[0], (0.25, Distribution::Constant(0.0)));
}

#[test]
fn little_data_is_not_made_much_of() {
    let of = |values: &[f64]| fit(&values.iter().copied().map(Value::exact).collect::<Vec<_>>(), Grain::ANSWER);
    assert_eq!(of(&[]).law, Distribution::Constant(0.0));
    assert_eq!(of(&[5.0; 300]).law, Distribution::Constant(5.0));
    assert_eq!(of(&[0.0; 9]).law, Distribution::Constant(0.0));
    assert_eq!(of(&[5.0, 6.0, 5.0, 6.0, 7.0, 5.0]).family, Family::Discrete);
    let few = of(&[10.0, 400.0, 33.0]);
    assert_eq!(few.family, Family::Quantiles);
    assert!(few.quantiles.is_empty(), "three values have no quantiles to speak of");
}

#[test]
fn the_observed_quantiles_serve_where_no_family_does() {
    // Seven far-apart lumps: more than four lognormals can follow.
    let parts: Vec<(f64, f64, f64)> = (0..7).map(|i| (1.0 / 7.0, 2.0 + 1.4 * f64::from(i), 0.02)).collect();
    let found = fitted(&mixture(&parts), 6_000);
    assert_eq!(found.family, Family::Quantiles, "{}", found.reason);
    assert!(found.ks < 0.1, "{}", found.ks);
}

#[test]
fn a_fit_is_the_same_whatever_the_order_of_a_fold() {
    let values = tokens(&Distribution::Gamma { shape: 0.8, scale: 900.0 }, 3_000);
    let one: Vec<Value> = values.iter().copied().map(Value::exact).collect();
    let other: Vec<Value> = one.chunks(3).rev().flatten().copied().collect();
    assert_eq!(fit(&one, Grain::ANSWER), fit(&other, Grain::ANSWER));
}
