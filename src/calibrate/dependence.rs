//! Whether two quantities go together.

/// Spearman's rank correlation, ties sharing their mean rank; `None` where either never varies or there are fewer than
/// three pairs.
///
/// # Formula
///
/// Pearson's correlation of the ranks.
///
/// # Source
///
/// Spearman, "The proof and measurement of association between two things", 1904; Kendall, "Rank correlation methods",
/// 1948, chapter 3, for ties.
///
/// ```
/// use quotasim::calibrate::dependence::spearman;
/// assert_eq!(spearman(&[(1.0, 10.0), (2.0, 40.0), (3.0, 90.0)]), Some(1.0));
/// assert_eq!(spearman(&[(1.0, 5.0), (2.0, 5.0), (3.0, 5.0)]), None);
/// ```
pub fn spearman(pairs: &[(f64, f64)]) -> Option<f64> {
    if pairs.len() < 3 {
        return None;
    }
    let first = ranks(pairs.iter().map(|pair| pair.0));
    let second = ranks(pairs.iter().map(|pair| pair.1));
    let centre = (pairs.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(x, y)| (x - centre) * (y - centre)).sum::<f64>();
    let (both, one, two) = (product(&first, &second), product(&first, &first), product(&second, &second));
    (one > 0.0 && two > 0.0).then(|| (both / libm::sqrt(one * two)).clamp(-1.0, 1.0))
}

/// Ranks from 0, ties at their mean.
fn ranks(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut order: Vec<(f64, usize)> = values.enumerate().map(|(place, value)| (value, place)).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut ranks = vec![0.0; order.len()];
    let mut first = 0;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = first as f64 + (tied.len() - 1) as f64 / 2.0;
        for &(_, place) in tied {
            ranks[place] = rank;
        }
        first += tied.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Distribution;
    use crate::random::{Copula, Key, Purpose, Sampler};

    #[test]
    fn ties_share_their_rank() {
        assert_eq!(ranks([5.0, 1.0, 5.0, 9.0].into_iter()), [1.5, 0.0, 1.5, 3.0]);
    }

    #[test]
    fn the_simulators_correlation_is_found_again() {
        let (input, output) = (Key::new(2, 0, 0, Purpose::Input), Key::new(2, 0, 0, Purpose::Output));
        let law = Sampler::new(&Distribution::LogNormal { mu: 4.0, sigma: 1.2 });
        for rho in [-0.7, 0.0, 0.4] {
            let copula = Copula::new(rho);
            let pair = |i| {
                let bits = input.bits(i);
                (law.sample(bits).round(), law.sample(copula.couple(bits, output.bits(i))).round())
            };
            let pairs: Vec<_> = (0..20_000).map(pair).collect();
            // The standard error of a rank correlation is at most about 1/√n.
            let found = spearman(&pairs).unwrap();
            assert!((found - rho).abs() < 4.0 / 20_000_f64.sqrt(), "{rho}: {found}");
        }
    }
}
