//! Log-linear histogram of whole numbers: percentiles to 0.1 % from a few kilobytes, however many values.

use super::chosen::Chosen;
use crate::wide::{Loop, Spread, widest};

/// Sub-buckets per octave, as a power of two: a bucket is at most 1/512 of its value wide, so its middle is within
/// 0.098 % of every value in it.
const PRECISION_BITS: u32 = 9;

/// Counts of values by bucket. Values below 1,024 are exact.
///
/// *Source*: the bucket layout is that of `HdrHistogram` (Gil Tene, 2012) with 512 sub-buckets. The table grows to the
/// largest value seen, so a histogram of seconds in nanoseconds takes about 120 kB.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
    min: u64,
    max: u64,
}

impl Histogram {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let index = bucket_of(value);
        if index >= self.counts.len() {
            self.grow(index);
        }
        self.counts[index] += 1;
        self.min = if self.total == 0 { value } else { self.min.min(value) };
        self.max = self.max.max(value);
        self.total += 1;
    }

    /// Counts many values whose spread is known.
    #[inline]
    pub fn record_all(&mut self, values: &[u64], spread: Spread) {
        let Spread { min, max, .. } = spread;
        if values.is_empty() {
            return;
        }
        if bucket_of(max) >= self.counts.len() {
            self.grow(bucket_of(max));
        }
        let counts = &mut self.counts[..];
        if max < Bucketing::MOST {
            let mut buckets = [0; 256];
            for values in values.chunks(buckets.len()) {
                let buckets = &mut buckets[..values.len()];
                widest(Bucketing { values, buckets });
                for &bucket in &*buckets {
                    counts[bucket as usize] += 1;
                }
            }
        } else {
            for &value in values {
                counts[bucket_of(value)] += 1;
            }
        }
        self.min = if self.total == 0 { min } else { self.min.min(min) };
        self.max = self.max.max(max);
        self.total += values.len() as u64;
    }

    /// Counts in each the chosen values that are not zero.
    #[inline]
    pub(super) fn record_chosen<const N: usize>(mut all: [&mut Histogram; N], chosen: &Chosen<'_>) {
        let &Chosen { durations: values, ones, spread: Spread { min, max, .. }, nonzero, longest, .. } = chosen;
        if nonzero == 0 {
            return;
        }
        for histogram in &mut all {
            if bucket_of(max) >= histogram.counts.len() {
                histogram.grow(bucket_of(max));
            }
            histogram.min = if histogram.total == 0 { min } else { histogram.min.min(min) };
            histogram.max = histogram.max.max(max);
            histogram.total += nonzero;
        }
        let mut buckets = [0; 256];
        for (values, ones) in values.chunks(buckets.len()).zip(ones.chunks(buckets.len())) {
            let buckets = &mut buckets[..values.len()];
            if longest < Bucketing::MOST {
                widest(Bucketing { values, buckets });
            } else {
                for (bucket, &value) in buckets.iter_mut().zip(values) {
                    *bucket = bucket_of(value) as u32;
                }
            }
            for histogram in &mut all {
                // What lies beyond all buckets is not chosen, and zero is not to be counted.
                let counts = &mut histogram.counts[..];
                let zeros = counts[0];
                for (&bucket, &one) in buckets.iter().zip(ones) {
                    if let Some(count) = counts.get_mut(bucket as usize) {
                        *count += u64::from(one);
                    }
                }
                counts[0] = zeros;
            }
        }
    }

    #[cold]
    fn grow(&mut self, index: usize) {
        self.counts.resize((index | ((1 << PRECISION_BITS) - 1)) + 1, 0);
    }

    /// How many values were counted.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The largest value counted, if any.
    pub fn max(&self) -> Option<u64> {
        (self.total > 0).then_some(self.max)
    }

    /// The value at the nearest rank `⌈p·n⌉` among the counted values and `zeros` further values of zero, to 0.1 %.
    ///
    /// ```
    /// use quotasim::tally::Histogram;
    /// let mut waits = Histogram::default();
    /// (1..=100).for_each(|ms| waits.record(ms));
    /// assert_eq!(waits.quantile(0.95, 0), Some(95));
    /// assert_eq!(waits.quantile(0.50, 900), Some(0));
    /// ```
    pub fn quantile(&self, p: f64, zeros: u64) -> Option<u64> {
        let total = self.total + zeros;
        if total == 0 {
            return None;
        }
        let rank = (libm::ceil(p * total as f64) as u64).clamp(1, total);
        if rank <= zeros {
            return Some(0);
        }
        let mut seen = zeros;
        let index = self.counts.iter().position(|&count| {
            seen += count;
            seen >= rank
        })?;
        Some(middle_of(index).clamp(self.min, self.max))
    }

    /// Adds the counts of another histogram.
    pub fn merge(&mut self, other: &Histogram) {
        if other.total == 0 {
            return;
        }
        if other.counts.len() > self.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.min = if self.total == 0 { other.min } else { self.min.min(other.min) };
        self.max = self.max.max(other.max);
        self.total += other.total;
    }

    /// The nonempty buckets: `(lowest value, first value above, count)`.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64, u64)> + '_ {
        self.counts.iter().enumerate().filter(|&(_, &count)| count > 0).map(|(index, &count)| {
            let (from, width) = bounds_of(index);
            (from, from + width, count)
        })
    }
}

#[inline]
fn bucket_of(value: u64) -> usize {
    let shift = (value | 1).ilog2().saturating_sub(PRECISION_BITS);
    ((shift as usize) << PRECISION_BITS) + (value >> shift) as usize
}

/// Finds the buckets of many values, which no machine has a shift of its own for each of.
struct Bucketing<'a> {
    values: &'a [u64],
    buckets: &'a mut [u32],
}

impl Bucketing<'_> {
    /// From here on an f64 has no room for all values.
    const MOST: u64 = 1 << 52;
}

impl Loop for Bucketing<'_> {
    /// *Formula*: as an f64 a value from 512 on has its octave in the exponent and its place there, a bucket wide, in the
    /// first digits after it.
    #[inline(always)]
    fn run(self) {
        const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
        const DIGITS: u32 = 52 - PRECISION_BITS;
        const FIRST: u64 = (1023 + PRECISION_BITS as u64 - 1) << PRECISION_BITS;
        let Bucketing { values, buckets } = self;
        for (bucket, &value) in buckets.iter_mut().zip(values) {
            // 2⁵² and the value in its digits, less 2⁵²: not every machine converts many whole numbers at once.
            let real = f64::from_bits(value | NO_FRACTION.to_bits()) - NO_FRACTION;
            let octave_and_place = ((real.to_bits() >> DIGITS) as u32).wrapping_sub(FIRST as u32);
            let below = value < 1 << PRECISION_BITS;
            *bucket = if below { value as u32 } else { octave_and_place };
        }
    }
}

/// Lowest value and width of a bucket.
fn bounds_of(index: usize) -> (u64, u64) {
    let shift = (index >> PRECISION_BITS).saturating_sub(1);
    let leading = (index - (shift << PRECISION_BITS)) as u64;
    (leading << shift, 1 << shift)
}

fn middle_of(index: usize) -> u64 {
    let (from, width) = bounds_of(index);
    from + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::spread;

    #[test]
    fn every_value_lies_in_its_bucket_and_near_its_middle() {
        for value in (0..5_000).chain((0..60).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + 7])) {
            let index = bucket_of(value);
            let (from, width) = bounds_of(index);
            assert!(from <= value && value < from + width, "{value} in {from}+{width}");
            let error = middle_of(index).abs_diff(value) as f64;
            assert!(error <= value as f64 * 0.001, "{value}: {error}");
        }
    }

    #[test]
    fn many_values_find_their_buckets_as_each_does() {
        let values: Vec<u64> = (0..5_000)
            .chain((0..60).flat_map(|bit| [(1u64 << bit) - 1, 1 << bit, (1 << bit) + (1 << bit >> 9), (1 << bit) + 7]))
            .collect();
        let small: Vec<u64> = values.iter().copied().filter(|&value| value < Bucketing::MOST).collect();
        for values in [values, small] {
            let (mut together, mut one_by_one) = (Histogram::default(), Histogram::default());
            together.record_all(&values, spread(&values));
            for &value in &values {
                one_by_one.record(value);
            }
            assert_eq!(together, one_by_one);
        }
    }

    #[test]
    fn a_constant_is_its_own_percentile() {
        let mut histogram = Histogram::default();
        (0..10).for_each(|_| histogram.record(750_000_001));
        assert_eq!(histogram.quantile(0.99, 0), Some(750_000_001));
    }

    #[test]
    fn merging_equals_recording_together() {
        let (mut a, mut b, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
        for value in 0..1_000u64 {
            let value = value * value * 31;
            if value % 3 == 0 {
                a.record(value);
            } else {
                b.record(value);
            }
            both.record(value);
        }
        a.merge(&b);
        assert_eq!(a, both);
    }
}
