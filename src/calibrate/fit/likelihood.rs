//! The likelihood of a sample under a law, and its maximum over the parameters of a family.

use super::cells::Cells;
use crate::model::Distribution;
use crate::random::shares;

/// The least probability that a law is taken to give a cell, so that one strange value does not rule a law out by
/// itself; about the chance of one in a quintillion.
const LEAST: f64 = 1e-18;

/// The log-likelihood of a sample [nats].
///
/// # Formula
///
/// `Σ count·ln(F(to) − F(from)) + Σ cut·ln(1 − F(above))`.
pub(super) fn log_likelihood(law: &Distribution, sample: &Cells) -> f64 {
    each(law, sample).iter().map(|(count, log)| count * log).sum()
}

/// Of each cell and each cut: how many values, and the log of the law's probability for one of them.
pub(super) fn each(law: &Distribution, sample: &Cells) -> Vec<(f64, f64)> {
    let mut edge = (f64::NAN, [0.0; 2]);
    let mut rows = Vec::with_capacity(sample.seen.len() + sample.cuts.len());
    for cell in &sample.seen {
        let [below_from, above_from] = if edge.0 == cell.from { edge.1 } else { shares(law, cell.from) };
        let [below_to, above_to] = shares(law, cell.to);
        edge = (cell.to, [below_to, above_to]);
        // The difference is taken on the side where the shares are small, hence exact.
        let mass = if below_to < 0.5 { below_to - below_from } else { above_from - above_to };
        rows.push((cell.count, libm::log(mass.max(LEAST))));
    }
    rows.extend(sample.cuts.iter().map(|cut| (cut.count, libm::log(shares(law, cut.above)[1].max(LEAST)))));
    rows
}

/// The point near `start` at which `cost` is least, by the simplex method.
///
/// # Source
///
/// Nelder and Mead, "A simplex method for function minimization", The Computer Journal 7 (1965), with their
/// coefficients 1, 2, ½ and ½. Likelihoods in one or two parameters have one hill and are cheap: nothing finer is
/// needed, and no derivative.
pub(crate) fn minimise<const N: usize>(start: [f64; N], step: f64, cost: impl Fn(&[f64; N]) -> f64) -> [f64; N] {
    const MOST_STEPS: usize = 200;
    let rated = |point: [f64; N]| {
        let value = cost(&point);
        (if value.is_finite() { value } else { f64::MAX }, point)
    };
    let mut simplex = vec![rated(start)];
    for axis in 0..N {
        let mut corner = start;
        corner[axis] += step;
        simplex.push(rated(corner));
    }
    for _ in 0..MOST_STEPS {
        simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (best, worst) = (simplex[0], simplex[N]);
        let wide = (0..N).any(|axis| simplex.iter().any(|corner| (corner.1[axis] - best.1[axis]).abs() > 1e-6));
        if !wide || worst.0 - best.0 <= 1e-11 * best.0.abs() {
            break;
        }
        let mut centre = [0.0; N];
        for (axis, coordinate) in centre.iter_mut().enumerate() {
            *coordinate = simplex[..N].iter().map(|corner| corner.1[axis]).sum::<f64>() / N as f64;
        }
        let along = |reach: f64| {
            let mut point = centre;
            for (axis, coordinate) in point.iter_mut().enumerate() {
                *coordinate += reach * (worst.1[axis] - centre[axis]);
            }
            rated(point)
        };
        let reflected = along(-1.0);
        if reflected.0 < best.0 {
            let expanded = along(-2.0);
            simplex[N] = if expanded.0 < reflected.0 { expanded } else { reflected };
        } else if reflected.0 < simplex[N - 1].0 {
            simplex[N] = reflected;
        } else {
            let contracted = if reflected.0 < worst.0 { along(-0.5) } else { along(0.5) };
            if contracted.0 < worst.0.min(reflected.0) {
                simplex[N] = contracted;
            } else {
                for corner in &mut simplex[1..] {
                    let mut point = corner.1;
                    for (axis, coordinate) in point.iter_mut().enumerate() {
                        *coordinate = f64::midpoint(*coordinate, best.1[axis]);
                    }
                    *corner = rated(point);
                }
            }
        }
    }
    simplex.sort_by(|a, b| a.0.total_cmp(&b.0));
    simplex[0].1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::fit::cells::{Grain, Value};

    #[test]
    fn a_likelihood_is_the_probability_of_the_cells() {
        let law = Distribution::Exponential { mean: 10.0 };
        let sample = Cells::new(&[Value::exact(3.0), Value { value: 20.0, censored: true }], Grain::TOKENS);
        let expected = ((-0.25_f64).exp() - (-0.35_f64).exp()).ln() - 2.05;
        assert!((log_likelihood(&law, &sample) - expected).abs() < 1e-12);
    }

    #[test]
    fn what_a_law_forbids_costs_much_but_not_everything() {
        let law = Distribution::Pareto { min: 10.0, alpha: 2.0, max: None };
        let sample = Cells::new(&[Value::exact(3.0)], Grain::TOKENS);
        assert!((log_likelihood(&law, &sample) - LEAST.ln()).abs() < 1e-9);
    }

    #[test]
    fn the_simplex_finds_a_minimum() {
        let banana = |p: &[f64; 2]| (1.0 - p[0]).powi(2) + 5.0 * (p[1] - p[0] * p[0]).powi(2);
        let [x, y] = minimise([-1.0, 2.0], 0.5, banana);
        assert!((x - 1.0).abs() < 1e-3 && (y - 1.0).abs() < 1e-3, "{x} {y}");
        assert!((minimise([3.0], 0.5, |p| (p[0] + 2.0).abs())[0] + 2.0).abs() < 1e-4);
    }
}
