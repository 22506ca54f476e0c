//! The answers of a workload so far, and how long they are on average.

/// What is known of the length of answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answers {
    /// Output tokens of all, and how many there were.
    sum: u64,
    count: u64,
    /// Their mean \[tokens\], to the nearest.
    mean: u64,
}

impl Answers {
    /// So many answers with so many output tokens together; at least one.
    pub(super) fn new(sum: u64, count: u64) -> Answers {
        Answers { sum, count, mean: (sum + count / 2) / count }
    }

    /// Their mean \[tokens\], to the nearest.
    #[inline(always)]
    pub(super) fn mean(&self) -> u64 {
        self.mean
    }

    /// An answer of this length has come.
    #[inline(always)]
    pub(super) fn learn(&mut self, output: u32) {
        self.sum += u64::from(output);
        self.count += 1;
        // It rarely moves, and a division takes longer than to see that it has not.
        let rounded = self.sum + self.count / 2;
        if rounded.wrapping_sub(self.mean * self.count) >= self.count {
            *self = Answers::new(self.sum, self.count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_mean_is_kept_up_with(first in 0u64..5_000, outputs in prop::collection::vec(0u32..9_000, 0..400)) {
            let mut answers = Answers::new(first, 1);
            let (mut sum, mut count) = (first, 1);
            for output in outputs {
                answers.learn(output);
                sum += u64::from(output);
                count += 1;
                prop_assert_eq!(answers.mean(), (sum + count / 2) / count);
            }
        }
    }
}
