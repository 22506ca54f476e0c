//! The lengths of answers as a histogram to draw.

use crate::analysis::OutputHistogram;

/// Bins of the histogram, at most: fine enough to read percentiles off; a chart puts narrow ones together.
const BINS: usize = 1_000;
/// Lengths that spread wider than this get bins that widen geometrically.
const WIDE: u64 = 50;

/// Bins the natural lengths of a workload's answers.
pub fn histogram(workload: &str, max_tokens: u64, max_tokens_unset: bool, lengths: &[u64]) -> OutputHistogram {
    let (least, most) = (lengths.iter().min().copied().unwrap_or(1), lengths.iter().max().copied().unwrap_or(1));
    let edges = if most / least.max(1) >= WIDE { geometric(least.max(1), most + 1) } else { linear(least, most + 1) };
    let mut counts = vec![0; edges.len() - 1];
    for &length in lengths {
        let bin = edges.partition_point(|&edge| edge <= length).saturating_sub(1);
        counts[bin.min(edges.len() - 2)] += 1;
    }
    let bins = edges.windows(2).zip(counts).map(|(edge, count)| (edge[0], edge[1], count)).collect();
    OutputHistogram { workload: workload.to_owned(), max_tokens, max_tokens_unset, bins }
}

fn linear(from: u64, to: u64) -> Vec<u64> {
    let width = (to - from).div_ceil(BINS as u64).max(1);
    (0..=(to - from).div_ceil(width)).map(|bin| from + bin * width).collect()
}

fn geometric(from: u64, to: u64) -> Vec<u64> {
    let growth = libm::pow(to as f64 / from as f64, 1.0 / BINS as f64);
    let mut edges = vec![from];
    let mut edge = from as f64;
    while *edges.last().expect("never empty") < to {
        edge *= growth;
        let next = (libm::round(edge) as u64).max(edges.last().expect("never empty") + 1);
        edges.push(next.min(to));
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_falls_into_one_bin() {
        for lengths in [vec![5], (1..=40).collect::<Vec<u64>>(), (0..2000).map(|i| 1 + i * i).collect()] {
            let histogram = histogram("chat", 100, false, &lengths);
            assert_eq!(histogram.bins.iter().map(|bin| bin.2).sum::<u64>(), lengths.len() as u64);
            assert!(histogram.bins.iter().all(|&(from, to, _)| from < to));
            assert!(histogram.bins.len() <= BINS + 1);
        }
    }
}
