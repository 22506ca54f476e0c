//! Some of many durations, counted where they lie.

use crate::wide::{Loop, Spread, widest};

/// Those of many durations that have a one beside them, not a zero.
///
/// *Why*: to put them side by side first takes as long as to count them.
#[derive(Debug, Clone, Copy)]
pub struct Chosen<'a> {
    pub(super) durations: &'a [u64],
    pub(super) ones: &'a [u8],
    /// Of those that are chosen and not zero.
    pub(super) spread: Spread,
    /// How many of the chosen ones are not zero, and how many are.
    pub(super) nonzero: u64,
    zeros: u64,
    /// The longest of all.
    pub(super) longest: u64,
}

impl<'a> Chosen<'a> {
    /// Chooses among durations \[ns\], of which each has a one or a zero beside it.
    pub fn new(durations: &'a [u64], ones: &'a [u8]) -> Chosen<'a> {
        assert_eq!(durations.len(), ones.len(), "one for each");
        let spread = Spread { min: 0, max: 0, sum: 0 };
        let mut chosen = Chosen { durations, ones, spread, nonzero: 0, zeros: 0, longest: 0 };
        widest(Choosing(&mut chosen));
        if u128::from(chosen.spread.max) * durations.len() as u128 > u128::from(u64::MAX) {
            // The sum may have grown out of 64 bits, of which a register holds many.
            chosen.spread.sum = durations.iter().zip(ones).map(|(&ns, &one)| u128::from(ns & mask(one))).sum();
        }
        chosen
    }

    /// How many of the chosen ones are zero.
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// How many are not.
    pub fn nonzero(&self) -> u64 {
        self.nonzero
    }
}

struct Choosing<'c, 'a>(&'c mut Chosen<'a>);

impl Loop for Choosing<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let Choosing(Chosen { durations, ones, spread, nonzero, zeros, longest }) = self;
        let (mut least, mut max, mut sum, mut all) = (u64::MAX, 0, 0_u64, 0);
        for (&ns, &one) in durations.iter().zip(*ones) {
            let ns_if_chosen = ns & mask(one);
            // Zero is above all others here.
            least = least.min(ns_if_chosen.wrapping_sub(1));
            (max, sum, all) = (max.max(ns_if_chosen), sum.wrapping_add(ns_if_chosen), all.max(ns));
        }
        let (mut chosen, mut not_zero) = (0, 0);
        for (&ns, &one) in durations.iter().zip(*ones) {
            chosen += u64::from(one);
            not_zero += u64::from(one) & u64::from(ns > 0);
        }
        *spread = Spread { min: least.wrapping_add(1), max, sum: sum.into() };
        (*nonzero, *zeros, *longest) = (not_zero, chosen - not_zero, all);
    }
}

/// All ones for a one.
#[inline(always)]
fn mask(one: u8) -> u64 {
    u64::from(one).wrapping_neg()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tally::Durations;
    use proptest::prelude::*;

    proptest! {
        /// Chosen ones are counted as each of them is.
        #[test]
        fn chosen_durations_are_counted_as_each_is(
            all in prop::collection::vec((prop_oneof![Just(0), 0..5_000u64, 0..1_u64 << 40, any::<u64>()], 0..2_u8), 0..600),
            before in prop::option::of(0..9_u64),
        ) {
            let (durations, ones): (Vec<u64>, Vec<u8>) = all.iter().copied().unzip();
            let (mut each, mut both) = (Durations::default(), [Durations::default(), Durations::default()]);
            if let Some(ns) = before {
                each.record(ns);
                for durations in &mut both {
                    durations.record(ns);
                }
            }
            for &(ns, _) in all.iter().filter(|&&(_, one)| one > 0) {
                each.record(ns);
            }
            let chosen = Chosen::new(&durations, &ones);
            let [one, other] = &mut both;
            Durations::record_chosen([one, other], &chosen);
            for durations in &mut both {
                durations.record_zeros(chosen.zeros());
                prop_assert_eq!(&*durations, &each);
            }
        }
    }
}
