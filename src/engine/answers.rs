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

    /// By how many tokens together answers may be shorter than the mean, and longer, before it may move: whatever their
    /// order, it stays as it is up to there.
    #[inline(always)]
    pub(super) fn leeway(&self) -> [u64; 2] {
        // A shorter answer takes its distance to the mean from the first at the most, and a longer one from the second.
        let shorter = self.sum + self.count / 2 - self.mean * self.count;
        [shorter, self.count - 1 - shorter]
    }

    /// So many answers have come, of so many output tokens together, and the mean has not moved.
    #[inline(always)]
    pub(super) fn learn_all(&mut self, sum: u64, count: u64) {
        self.sum += sum;
        self.count += count;
        debug_assert_eq!(self.mean, Answers::new(self.sum, self.count).mean, "there was leeway");
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

        #[test]
        fn within_its_leeway_the_mean_stays(
            first in 0u64..200,
            before in prop::collection::vec(0u32..200, 0..400),
            outputs in prop::collection::vec(0u32..200, 1..20),
        ) {
            let mut answers = Answers::new(first, 1);
            for &output in &before {
                answers.learn(output);
            }
            let mean = answers.mean();
            let [mut shorter, mut longer] = answers.leeway();
            let mut one_by_one = answers;
            let (mut sum, mut count) = (0, 0);
            for output in outputs.into_iter().map(u64::from) {
                if mean.saturating_sub(output) > shorter || output.saturating_sub(mean) > longer {
                    break;
                }
                (shorter, longer) = (shorter - mean.saturating_sub(output), longer - output.saturating_sub(mean));
                (sum, count) = (sum + output, count + 1);
                one_by_one.learn(output as u32);
                prop_assert_eq!(one_by_one.mean(), mean);
            }
            answers.learn_all(sum, count);
            prop_assert_eq!(answers.mean(), mean);
        }
    }
}
