//! Laws that need no table of their own: data columns, piecewise-linear quantile functions, Zipf ranks.

use super::address::TWO_POW_64;
use super::guide::Guide;
use crate::model::distribution::Bin;
use std::sync::Arc;

/// The values of a data column in increasing order, each equally likely.
#[derive(Debug, Clone)]
pub(super) struct Column(Arc<[f64]>);

impl Column {
    pub(super) fn new(values: &Arc<[f64]>) -> Column {
        if values.is_sorted() {
            return Column(Arc::clone(values));
        }
        let mut sorted: Vec<f64> = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        Column(sorted.into())
    }

    /// The value of rank `⌊u·n⌋` from 0.
    #[inline]
    pub(super) fn sample(&self, bits: u64) -> f64 {
        self.0[((u128::from(bits) * self.0.len() as u128) >> 64) as usize]
    }

    pub(super) fn mean(&self) -> f64 {
        self.0.iter().sum::<f64>() / self.0.len() as f64
    }

    pub(super) fn ends(&self) -> (f64, f64) {
        (self.0[0], self.0[self.0.len() - 1])
    }
}

/// A piecewise-linear quantile function.
#[derive(Debug, Clone)]
pub(super) struct Piecewise {
    guide: Guide,
    pieces: Box<[Piece]>,
}

/// Values from `from` to `to`, equally dense.
#[derive(Debug, Clone, Copy)]
struct Piece {
    from: f64,
    to: f64,
    /// `to − from` per unit of uniform bits.
    slope: f64,
}

impl Piecewise {
    /// Straight lines between points of a quantile function, probability and value.
    pub(super) fn quantiles(points: &[(f64, f64)]) -> Piecewise {
        let pieces: Vec<(f64, f64, f64)> =
            points.windows(2).map(|ends| (ends[1].0 - ends[0].0, ends[0].1, ends[1].1)).collect();
        if pieces.is_empty() {
            let value = points.first().map_or(0.0, |point| point.1);
            return Piecewise::new(&[(1.0, value, value)]);
        }
        Piecewise::new(&pieces)
    }

    /// Bins of a histogram, in order of their lower ends.
    pub(super) fn histogram(bins: &[Bin]) -> Piecewise {
        let mut pieces: Vec<(f64, f64, f64)> = bins.iter().map(|bin| (bin.count, bin.from, bin.to)).collect();
        pieces.sort_by(|a, b| a.1.total_cmp(&b.1));
        Piecewise::new(&pieces)
    }

    /// From weights and ends.
    fn new(weighted: &[(f64, f64, f64)]) -> Piecewise {
        let weighted: Vec<_> = weighted.iter().copied().filter(|piece| piece.0 > 0.0).collect();
        let total: f64 = weighted.iter().map(|piece| piece.0).sum();
        let guide = Guide::new(cumulative_shares(weighted.iter().map(|piece| piece.0), total));
        let pieces = weighted
            .iter()
            .enumerate()
            .map(|(i, &(_, from, to))| Piece { from, to, slope: (to - from) / guide.length(i).max(1) as f64 })
            .collect();
        Piecewise { guide, pieces }
    }

    #[inline]
    pub(super) fn sample(&self, bits: u64) -> f64 {
        let i = self.guide.find(bits);
        let Piece { from, to, slope } = self.pieces[i];
        let inside = (bits - self.guide.start(i)) as f64 + 0.5;
        (from + slope * inside).min(to)
    }

    pub(super) fn mean(&self) -> f64 {
        let part =
            |(i, piece): (usize, &Piece)| self.guide.length(i) as f64 / TWO_POW_64 * 0.5 * (piece.from + piece.to);
        self.pieces.iter().enumerate().map(part).sum()
    }

    pub(super) fn ends(&self) -> (f64, f64) {
        let low = self.pieces.iter().map(|piece| piece.from).fold(f64::INFINITY, f64::min);
        let high = self.pieces.iter().map(|piece| piece.to).fold(f64::NEG_INFINITY, f64::max);
        (low, high)
    }
}

/// The running sum of weights over their total, without the last.
pub(super) fn cumulative_shares(weights: impl Iterator<Item = f64>, total: f64) -> impl Iterator<Item = f64> {
    let mut weights = weights.peekable();
    let mut sum = 0.0;
    std::iter::from_fn(move || {
        sum += weights.next()?;
        weights.peek().map(|_| (sum / total).min(1.0))
    })
}

/// Ranks 1 … n with probability ∝ rank^−exponent.
///
/// # Formula
///
/// The first 4,096 ranks are tabulated. Beyond, rank `k` has the share of `∫ x^−s dx` from `k − ½` to `k + ½`, whose
/// inverse is closed: its relative error is `s(s+1)/(24k²)`, below 5e-9 for `s = 1`. So memory does not depend on `n`.
#[derive(Debug, Clone)]
pub(super) struct Zipf {
    guide: Guide,
    mean: f64,
    tail: Option<ZipfTail>,
}

/// The ranks from `start` to `end` (half-integers), as a continuous power law.
#[derive(Debug, Clone, Copy)]
struct ZipfTail {
    start: f64,
    end: f64,
    exponent: f64,
}

impl Zipf {
    /// Ranks with probabilities of their own.
    const HEAD: u64 = 4_096;

    pub(super) fn new(n: u64, exponent: f64) -> Zipf {
        let head = n.min(Self::HEAD);
        let weight = |k: u64| libm::pow(k as f64, -exponent);
        let tail = (n > head).then_some(ZipfTail { start: head as f64 + 0.5, end: n as f64 + 0.5, exponent });
        let tail_weight = tail.map_or(0.0, |tail| tail.integral(-exponent));
        let total = (1..=head).map(weight).sum::<f64>() + tail_weight;
        let first_moment = (1..=head).map(|k| k as f64 * weight(k)).sum::<f64>()
            + tail.map_or(0.0, |tail| tail.integral(1.0 - exponent));
        let weights = (1..=head).map(weight).chain(tail.map(|_| tail_weight));
        Zipf { guide: Guide::new(cumulative_shares(weights, total)), mean: first_moment / total, tail }
    }

    #[inline]
    pub(super) fn sample(&self, bits: u64) -> f64 {
        let piece = self.guide.find(bits);
        match self.tail {
            Some(tail) if piece as u64 == Self::HEAD => {
                tail.rank((bits - self.guide.start(piece)) as f64 / self.guide.length(piece) as f64)
            }
            _ => (piece + 1) as f64,
        }
    }

    pub(super) fn mean(&self) -> f64 {
        self.mean
    }
}

impl ZipfTail {
    /// `∫ x^power dx` over the tail.
    fn integral(self, power: f64) -> f64 {
        let log_ratio = libm::log(self.end / self.start);
        let order = power + 1.0;
        let reach = if order.abs() < 1e-12 { log_ratio } else { libm::expm1(order * log_ratio) / order };
        libm::pow(self.start, order) * reach
    }

    /// The rank below which a share of the tail lies.
    fn rank(self, share: f64) -> f64 {
        let log_ratio = libm::log(self.end / self.start);
        let order = 1.0 - self.exponent;
        let log_x = if order.abs() < 1e-12 {
            share * log_ratio
        } else {
            libm::log1p(share * libm::expm1(order * log_ratio)) / order
        };
        libm::floor(self.start * libm::exp(log_x) + 0.5).clamp(self.start + 0.5, self.end - 0.5)
    }
}
