//! Finds the piece of the unit interval that a uniform number falls into.

use super::address::TWO_POW_64;

/// A partition of the unit interval into weighted pieces, with a guide from the first bits of a number to its piece.
///
/// # Source
///
/// Chen and Asau, "On generating random variates from an empirical distribution", AIIE Transactions 6 (1974); Devroye,
/// "Non-uniform random variate generation", 1986, III.2.4.
#[derive(Debug, Clone)]
pub(super) struct Guide {
    /// Where each piece ends, times 2⁶⁴; the last ends at 2⁶⁴ and is absent.
    ends: Box<[u64]>,
    /// For each value of the first bits, the first piece that reaches into it.
    first: Box<[u32]>,
    /// 64 minus the number of those bits.
    shift: u32,
}

impl Guide {
    /// Partitions by the cumulative shares of all pieces but the last, nondecreasing, in [0, 1].
    pub(super) fn new(cumulative_shares: impl Iterator<Item = f64>) -> Guide {
        let ends: Box<[u64]> = cumulative_shares.map(|share| (share * TWO_POW_64) as u64).collect();
        // About two entries per piece: then the walk from the guide to the piece is half a step on average.
        let bits = (usize::BITS - ends.len().leading_zeros() + 1).min(20);
        let shift = 64 - bits;
        let first = (0..1_u64 << bits).map(|head| ends.partition_point(|&end| end <= head << shift) as u32).collect();
        Guide { ends, first, shift }
    }

    /// The piece that a number falls into.
    #[inline]
    pub(super) fn find(&self, bits: u64) -> usize {
        let mut piece = self.first[(bits >> self.shift) as usize] as usize;
        while piece < self.ends.len() && self.ends[piece] <= bits {
            piece += 1;
        }
        piece
    }

    /// Where a piece starts, times 2⁶⁴.
    #[inline]
    pub(super) fn start(&self, piece: usize) -> u64 {
        if piece == 0 { 0 } else { self.ends[piece - 1] }
    }

    /// How long a piece is, times 2⁶⁴.
    pub(super) fn length(&self, piece: usize) -> u128 {
        let end = self.ends.get(piece).map_or(1 << 64, |&end| u128::from(end));
        end - u128::from(self.start(piece))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_is_in_its_piece() {
        let guide = Guide::new([0.25, 0.25, 0.5].into_iter());
        let quarter = 1 << 62;
        let found = [0, quarter - 1, quarter, 2 * quarter - 1, 2 * quarter, u64::MAX].map(|bits| guide.find(bits));
        assert_eq!(found, [0, 0, 2, 2, 3, 3]);
        assert_eq!([0, 1, 2, 3].map(|piece| guide.length(piece)), [1 << 62, 0, 1 << 62, 1 << 63]);
    }

    #[test]
    fn one_piece_is_everything() {
        let guide = Guide::new([].into_iter());
        assert_eq!([guide.find(0), guide.find(u64::MAX)], [0, 0]);
        assert_eq!(guide.length(0), 1 << 64);
    }
}
