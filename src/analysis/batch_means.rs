//! Whether the batches of one run are long enough to pass for independent.
//!
//! *Batch means*: a long run is cut into batches of equal length, and what happened in each counts like a replication.
//! What one batch leaves to the next, an empty bucket or a crowd of retries, makes neighbours alike and their spread too
//! small; it matters the less the longer batches are.
//!
//! *Source*: Schmeiser, "Batch size effects in the analysis of simulation output", Operations Research 30 (1982) 556–568:
//! between 10 and 30 batches are as good as any number, if these are long enough. Fishman and Yarberry, "An
//! implementation of the batch means method", INFORMS Journal on Computing 9 (1997) 296–310: lengthen batches until von
//! Neumann's ratio shows no correlation.

/// The fewest values that say something about their order.
const LEAST: usize = 10;
/// The 0.95 quantile of the normal law: of independent batches, one figure in twenty is taken for correlated.
const CRITICAL: f64 = 1.644_854;

/// The correlation of neighbours among these values if it is significantly positive, at a level of 5 %.
///
/// *Formula*: `C = 1 − Σ(yᵢ₊₁ − yᵢ)² / 2Σ(yᵢ − ȳ)²` is close to the lag-1 autocorrelation; of n independent normal
/// values it has mean 0 and variance `(n − 2)/(n² − 1)`.
///
/// *Source*: von Neumann, "Distribution of the ratio of the mean square successive difference to the variance", Annals of
/// Mathematical Statistics 12 (1941) 367–395.
///
/// ```
/// use quotasim::analysis::batch_means::correlation;
/// let trend: Vec<f64> = (0..30).map(f64::from).collect();
/// assert!(correlation(&trend).is_some_and(|c| c > 0.9));
/// let in_turn: Vec<f64> = (0..30).map(|i| f64::from(i % 2)).collect();
/// assert_eq!(correlation(&in_turn), None);
/// ```
pub fn correlation(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    if values.len() < LEAST {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let spread: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    let steps: f64 = values.windows(2).map(|pair| (pair[1] - pair[0]) * (pair[1] - pair[0])).sum();
    let c = 1.0 - steps / (2.0 * spread);
    (spread > 0.0 && c > CRITICAL * ((n - 2.0) / (n * n - 1.0)).sqrt()).then_some(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers in [0, 1) that nobody can tell from independent ones.
    fn uniform(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed;
        std::iter::repeat_with(move || {
            // SplitMix64, Steele, Lea and Flood 2014.
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            ((z ^ (z >> 31)) >> 11) as f64 / (1u64 << 53) as f64
        })
    }

    /// How often in a thousand series of 30 values, each so much like the one before, the correlation is seen.
    fn seen(likeness: f64) -> usize {
        let series = |seed| {
            let mut value = 0.0;
            let noise = uniform(seed).map(|u| u - 0.5);
            let values = noise.map(|u| {
                value = likeness * value + u;
                value
            });
            values.skip(50).take(30).collect::<Vec<f64>>()
        };
        (0..1_000).filter(|&seed| correlation(&series(seed * 7_919)).is_some()).count()
    }

    #[test]
    fn independent_values_are_taken_for_correlated_one_time_in_twenty() {
        // Three standard errors of a thousand trials are 21.
        let falsely = seen(0.0);
        assert!((29..=71).contains(&falsely), "{falsely}");
    }

    #[test]
    fn what_is_alike_is_seen_the_more_often_the_more_it_is_alike() {
        let (little, much) = (seen(0.3), seen(0.7));
        assert!(little > 300 && much > 930, "{little} {much}");
    }

    #[test]
    fn values_that_are_all_the_same_and_few_values_say_nothing() {
        assert_eq!(correlation(&[2.0; 30]), None);
        assert_eq!(correlation(&[1.0, 2.0, 3.0]), None);
    }
}
