//! How unevenly requests arrive over windows of seconds to minutes: what decides whether a quota meets a burst.

use crate::units::SimSpan;

/// The windows over which arrivals are counted, in s.
pub(super) const WINDOWS: [u64; 8] = [1, 2, 5, 10, 20, 30, 60, 120];

/// Arrivals of a stretch of time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Stretch {
    /// When they came, from the start of the stretch, increasing.
    pub times: Vec<SimSpan>,
    /// How long it was watched.
    pub length: SimSpan,
}

/// The index of dispersion of counts for each window that fits at least four times into the stretches; 1 for a Poisson
/// process.
///
/// # Formula
///
/// `Σ stretches Σ windows (count − mean of the stretch)² / Σ stretches (windows − 1)·mean`. Deviations are taken within
/// a stretch, so that a rate that changes slowly, from one stretch to the next, is no burstiness.
///
/// # Source
///
/// Cox and Lewis, "The statistical analysis of series of events", 1966, §4.5.
pub fn dispersion(stretches: &[Stretch]) -> Vec<(u64, f64)> {
    WINDOWS
        .into_iter()
        .filter_map(|window| Some((window, over(stretches, SimSpan(window * SimSpan::SECOND.0))?)))
        .collect()
}

fn over(stretches: &[Stretch], window: SimSpan) -> Option<f64> {
    let (mut squares, mut expected) = (0.0, 0.0);
    for stretch in stretches {
        let windows = (stretch.length.0 / window.0) as usize;
        if windows < 4 {
            continue;
        }
        let mut counts = vec![0.0_f64; windows];
        for time in &stretch.times {
            if let Some(count) = counts.get_mut((time.0 / window.0) as usize) {
                *count += 1.0;
            }
        }
        let mean = counts.iter().sum::<f64>() / windows as f64;
        squares += counts.iter().map(|count| (count - mean) * (count - mean)).sum::<f64>();
        expected += (windows as f64 - 1.0) * mean;
    }
    (expected > 0.0).then(|| squares / expected)
}

/// The root mean square difference of two curves of dispersion, as logarithms, over the windows that both have.
pub(super) fn difference(one: &[(u64, f64)], other: &[(u64, f64)]) -> f64 {
    // A curve of few arrivals may touch zero, where logarithms end.
    let log = |value: f64| libm::log(value.max(0.05));
    let squares = one.iter().filter_map(|&(window, a)| {
        let b = other.iter().find(|row| row.0 == window)?.1;
        Some((log(a) - log(b)) * (log(a) - log(b)))
    });
    let squares: Vec<f64> = squares.collect();
    if squares.is_empty() { 0.0 } else { libm::sqrt(squares.iter().sum::<f64>() / squares.len() as f64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stretch(seconds: &[f64], length: u64) -> Stretch {
        Stretch {
            times: seconds.iter().map(|&s| SimSpan::from_secs_f64(s)).collect(),
            length: SimSpan(length * SimSpan::SECOND.0),
        }
    }

    #[test]
    fn regular_arrivals_have_none_and_pairs_have_two() {
        let regular: Vec<f64> = (0..600).map(f64::from).collect();
        assert_eq!(dispersion(&[stretch(&regular, 600)])[0], (1, 0.0));
        // Two at a time, every other second: counts 2, 0, 2, 0 … have variance 1 around 1.
        let pairs: Vec<f64> = (0..600).map(|i| f64::from(i / 2 * 2)).collect();
        let (window, index) = dispersion(&[stretch(&pairs, 600)])[0];
        assert!(window == 1 && (index - 600.0 / 599.0).abs() < 1e-9, "{index}");
    }

    #[test]
    fn slow_changes_are_no_burstiness() {
        let calm: Vec<f64> = (0..60).map(|i| f64::from(i) * 10.0).collect();
        let busy: Vec<f64> = (0..6_000).map(|i| f64::from(i) * 0.1).collect();
        let curve = dispersion(&[stretch(&calm, 600), stretch(&busy, 600)]);
        assert!(curve.iter().all(|&(_, index)| index < 0.1), "{curve:?}");
    }

    #[test]
    fn short_records_have_short_windows_only() {
        let windows: Vec<u64> = dispersion(&[stretch(&[1.0, 7.0, 9.0], 45)]).iter().map(|row| row.0).collect();
        assert_eq!(windows, [1, 2, 5, 10]);
        assert!(dispersion(&[]).is_empty());
    }

    #[test]
    fn curves_differ_by_their_ratio() {
        let one = [(1, 2.0), (10, 8.0)];
        let other = [(1, 4.0), (10, 4.0), (60, 99.0)];
        assert!((difference(&one, &other) - std::f64::consts::LN_2).abs() < 1e-12);
    }
}
