//! Mixtures of lognormals by expectation maximisation on cells.
//!
//! A cell is all that is known of a value, so the expectation step asks for the mean and the variance of each component
//! *within* the cell, and a cut value is one more cell that reaches to infinity. The likelihood that grows is therefore
//! exactly [`log_likelihood`](super::likelihood::log_likelihood); a component on a single number stays finite.
//!
//! *Source*: Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", JRSS B 39
//! (1977), §4.2 (grouped and censored data) and §4.3 (mixtures).

use super::cells::Cells;
use crate::model::Distribution;
use crate::random::{normal_cdf, normal_pdf};

/// One lognormal of a mixture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Component {
    /// Its share.
    pub weight: f64,
    /// Mean of the logarithm.
    pub mu: f64,
    /// Standard deviation of the logarithm.
    pub sigma: f64,
}

/// No component is narrower: 2 %, about the width of a cell.
const NARROWEST: f64 = 0.02;
/// A component with less is dropped.
const LEAST_WEIGHT: f64 = 1e-4;
/// Rounds at most; the gain has long become too small to matter.
const ROUNDS: usize = 300;
/// The gain of a round, in nats per value, below which it was the last.
const ENOUGH: f64 = 2e-6;

/// What EM needs of a cell: its edges as logarithms, where to put it if no component reaches it, and its count.
#[derive(Debug, Clone, Copy)]
struct Row {
    from: f64,
    to: f64,
    centre: f64,
    count: f64,
}

fn rows(sample: &Cells) -> Vec<Row> {
    let ln = |x: f64| if x > 0.0 { libm::log(x) } else { f64::NEG_INFINITY };
    let seen = sample.seen.iter().map(|cell| Row {
        from: ln(cell.from),
        to: ln(cell.to),
        centre: ln(cell.mean.max(f64::MIN_POSITIVE)),
        count: cell.count,
    });
    let cut = sample.cuts.iter().map(|cut| Row {
        from: ln(cut.above),
        to: f64::INFINITY,
        centre: ln(cut.above.max(f64::MIN_POSITIVE)),
        count: cut.count,
    });
    seen.chain(cut).collect()
}

/// The most likely mixture of 1 to `most` lognormals for each number of components, as far as they are distinct.
///
/// Each size starts twice, from equal shares of the sorted sample and from the last size with its heaviest component
/// split, and keeps the more likely end. Nothing is random.
pub(super) fn fit(sample: &Cells, most: usize) -> Vec<Vec<Component>> {
    let rows = rows(sample);
    let mut fits: Vec<Vec<Component>> = Vec::new();
    for size in 1..=most {
        let mut starts = vec![by_shares(&rows, size)];
        starts.extend(fits.last().map(|last| split(last)));
        let ends = starts.into_iter().map(|start| climb(&rows, sample.total, start));
        let best = ends.max_by(|a, b| a.1.total_cmp(&b.1)).expect("there is a first start");
        fits.push(best.0);
    }
    fits
}

/// The mixture as a distribution.
pub(super) fn distribution(components: &[Component]) -> Distribution {
    let law = |component: &Component| Distribution::LogNormal { mu: component.mu, sigma: component.sigma };
    match components {
        [one] => law(one),
        several => Distribution::Mixture(several.iter().map(|component| (component.weight, law(component))).collect()),
    }
}

/// Components on equal shares of the sorted sample.
fn by_shares(rows: &[Row], size: usize) -> Vec<Component> {
    let mut sorted = rows.to_vec();
    sorted.sort_by(|a, b| a.centre.total_cmp(&b.centre));
    let total: f64 = sorted.iter().map(|row| row.count).sum();
    let mut sums = vec![[0.0; 3]; size];
    let mut passed = 0.0;
    for row in sorted {
        // The middle of the row decides whose it is.
        let place = (passed + row.count / 2.0) / total;
        let sum = &mut sums[((place * size as f64) as usize).min(size - 1)];
        for (slot, term) in sum.iter_mut().zip([1.0, row.centre, row.centre * row.centre]) {
            *slot += row.count * term;
        }
        passed += row.count;
    }
    let components = sums.into_iter().filter(|sum| sum[0] > 0.0).map(|[count, first, second]| {
        let mu = first / count;
        let variance = (second / count - mu * mu).max(0.0);
        Component { weight: count / total, mu, sigma: libm::sqrt(variance).max(5.0 * NARROWEST) }
    });
    components.collect()
}

/// The heaviest spread of a mixture in two, half a standard deviation to each side.
fn split(components: &[Component]) -> Vec<Component> {
    let spread = |component: &Component| component.weight * component.sigma;
    let widest = (0..components.len()).max_by(|&a, &b| spread(&components[a]).total_cmp(&spread(&components[b])));
    let widest = widest.expect("a mixture has components");
    let mut halves = components.to_vec();
    let whole = halves[widest];
    halves[widest] = Component { weight: whole.weight / 2.0, mu: whole.mu - whole.sigma / 2.0, ..whole };
    halves.push(Component { weight: whole.weight / 2.0, mu: whole.mu + whole.sigma / 2.0, sigma: whole.sigma / 2.0 });
    halves
}

/// EM from a start to where it gains nothing any more; the mixture and its log-likelihood.
fn climb(rows: &[Row], total: f64, start: Vec<Component>) -> (Vec<Component>, f64) {
    let mut components = start;
    let mut reached = f64::NEG_INFINITY;
    for _ in 0..ROUNDS {
        let (next, likelihood) = round(rows, &components);
        if likelihood - reached < ENOUGH * total {
            reached = reached.max(likelihood);
            break;
        }
        reached = likelihood;
        components = next;
    }
    components.sort_by(|a, b| a.mu.total_cmp(&b.mu));
    (components, reached)
}

/// One round: the next components, and the log-likelihood of the present ones.
fn round(rows: &[Row], components: &[Component]) -> (Vec<Component>, f64) {
    let mut sums = vec![[0.0; 3]; components.len()];
    let mut likelihood = 0.0;
    let mut parts = vec![Within::default(); components.len()];
    let mut lower = vec![Edge::default(); components.len()];
    let mut last = f64::NAN;
    for row in rows {
        let mut all = 0.0;
        for ((part, lower), component) in parts.iter_mut().zip(&mut lower).zip(components) {
            let from = if last == row.from { *lower } else { Edge::at(row.from, component) };
            let to = Edge::at(row.to, component);
            *part = Within::between(from, to, row, component);
            *lower = to;
            all += component.weight * part.mass;
        }
        last = row.to;
        let all = all.max(1e-300);
        likelihood += row.count * libm::log(all);
        for ((sum, part), component) in sums.iter_mut().zip(&parts).zip(components) {
            let share = row.count * component.weight * part.mass / all;
            for (slot, term) in sum.iter_mut().zip([1.0, part.mean, part.square]) {
                *slot += share * term;
            }
        }
    }
    let total: f64 = sums.iter().map(|sum| sum[0]).sum();
    let next = sums.iter().zip(components).filter(|(sum, _)| sum[0] > LEAST_WEIGHT * total).map(|(sum, component)| {
        // Moments are taken about the present mean, which keeps their difference exact.
        let shift = sum[1] / sum[0];
        let variance = (sum[2] / sum[0] - shift * shift).max(0.0);
        Component { weight: sum[0] / total, mu: component.mu + shift, sigma: libm::sqrt(variance).max(NARROWEST) }
    });
    let mut next: Vec<Component> = next.collect();
    let kept: f64 = next.iter().map(|component| component.weight).sum();
    for component in &mut next {
        component.weight /= kept;
    }
    (next, likelihood)
}

/// A component's standard score, density and shares at an edge.
#[derive(Debug, Clone, Copy, Default)]
struct Edge {
    z: f64,
    density: f64,
    below: f64,
    above: f64,
}

impl Edge {
    fn at(x: f64, component: &Component) -> Edge {
        if x == f64::INFINITY {
            return Edge { z: 0.0, density: 0.0, below: 1.0, above: 0.0 };
        }
        if x == f64::NEG_INFINITY {
            return Edge { z: 0.0, density: 0.0, below: 0.0, above: 1.0 };
        }
        let z = (x - component.mu) / component.sigma;
        let near = normal_cdf(-z.abs());
        let (below, above) = if z < 0.0 { (near, 1.0 - near) } else { (1.0 - near, near) };
        Edge { z, density: normal_pdf(z), below, above }
    }
}

/// A component within a cell: its share there, and the first two moments of the logarithm about its own mean.
#[derive(Debug, Clone, Copy, Default)]
struct Within {
    mass: f64,
    mean: f64,
    square: f64,
}

impl Within {
    /// # Formula
    ///
    /// With `a`, `b` the standard scores of the edges and `M = Φ(b) − Φ(a)`: mean `σ·(φ(a) − φ(b))/M`, second moment
    /// `σ²·(1 + (a·φ(a) − b·φ(b))/M)`.
    fn between(from: Edge, to: Edge, row: &Row, component: &Component) -> Within {
        let mass = if to.below < 0.5 { to.below - from.below } else { from.above - to.above };
        let away = row.centre - component.mu;
        // Far out the quotients lose their digits; the cell is then narrow against its distance.
        if mass < 1e-12 {
            return Within { mass: mass.max(0.0), mean: away, square: away * away };
        }
        let sigma = component.sigma;
        let mean = sigma * (from.density - to.density) / mass;
        let square = sigma * sigma * (1.0 + (from.z * from.density - to.z * to.density) / mass);
        Within { mass, mean, square: square.max(mean * mean) }
    }
}
