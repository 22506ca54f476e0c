//! What there is to know of an attempt in flight, in eight bytes that ride on the calendar.
//!
//! *Why*: with ten thousand attempts in flight each end would have to be fetched from afar.

use crate::units::SimSpan;

/// What an attempt in flight holds, what it will be charged [quota tokens], whether a counted request ends with it, and
/// whether it is a retry.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Load(u64);

impl Load {
    /// Low bits for what it holds, bits above them for the charge, one for a counted request, and one for a retry. As many
    /// numbers as a cell of the calendar has can be added without any running over into the next, and many more within
    /// 31 bits.
    const HELD_BITS: u32 = 23;
    const CHARGE_AT: u32 = Load::HELD_BITS + SPARE_BITS;
    const CHARGE_BITS: u32 = 23;
    const COUNTED_AT: u32 = Load::CHARGE_AT + Load::CHARGE_BITS + SPARE_BITS;

    const RETRIED_AT: u32 = Load::COUNTED_AT + 1 + SPARE_BITS;

    /// What is in flight for longer \[ns\] may be told from others no more by the low bits of its number.
    pub(super) const LONGEST: u64 = 10 * SimSpan::MINUTE.0;

    const COUNTED: u64 = 1 << Load::COUNTED_AT;
    const MOST_HELD: u64 = (1 << Load::HELD_BITS) - 1;
    const MOST_CHARGED: u64 = (1 << Load::CHARGE_BITS) - 1;
    /// Stands for one that is larger, or for longer in flight, than nearly all, and kept elsewhere.
    const LARGE: u64 = Load::MOST_CHARGED << Load::CHARGE_AT;

    #[inline(always)]
    pub(in crate::engine) fn new(held: u64, charge: u64, service: u64) -> Load {
        if Load::would_be_large(held, charge, service) { Load(Load::LARGE) } else { Load::small(held, charge) }
    }

    /// Whether one that holds so much, will be charged so much and takes so long \[ns\] is larger, or longer in flight, than
    /// nearly all.
    #[inline(always)]
    pub(super) fn would_be_large(held: u64, charge: u64, service: u64) -> bool {
        let (holds_much, costs_much, is_long) =
            (held > Load::MOST_HELD, charge >= Load::MOST_CHARGED, service > Load::LONGEST);
        holds_much | costs_much | is_long
    }

    /// As [`new`](Load::new), of what is known not to be large.
    #[inline(always)]
    pub(in crate::engine) fn small(held: u64, charge: u64) -> Load {
        Load((charge << Load::CHARGE_AT) | held)
    }

    /// The same, of a request that is counted if `so`.
    #[inline(always)]
    pub(super) fn counted(self, so: bool) -> Load {
        Load(self.0 | (u64::from(so) << Load::COUNTED_AT))
    }

    /// Nothing but that the request is counted, if `so`.
    #[inline(always)]
    pub(super) fn only_counted(so: bool) -> Load {
        Load::default().counted(so)
    }

    /// The same, with what there is to know of another.
    #[inline(always)]
    pub(super) fn and(self, other: Load) -> Load {
        Load(self.0 | other.0)
    }

    /// The same, of a retry if `so` is one.
    #[inline(always)]
    pub(super) fn retried(self, so: u64) -> Load {
        Load(self.0 | (so << Load::RETRIED_AT))
    }

    /// One for a retry.
    #[inline(always)]
    pub(super) fn retries(self) -> u32 {
        (self.0 >> Load::RETRIED_AT) as u32 & 1
    }

    /// The same, of a request that has a record and stays in no block.
    #[inline(always)]
    pub(super) fn marked(self) -> Load {
        self.retried(1)
    }

    #[inline(always)]
    pub(super) fn is_marked(self) -> bool {
        self.retries() > 0
    }

    /// The same, or nothing, by a mask of ones or zeros.
    #[inline(always)]
    pub(super) fn masked(self, mask: u64) -> Load {
        Load(self.0 & mask)
    }

    #[inline(always)]
    pub(super) fn is_counted(self) -> bool {
        self.0 & Load::COUNTED != 0
    }

    /// Whether what it holds and will be charged is kept elsewhere.
    #[inline(always)]
    pub(in crate::engine) fn is_large(self) -> bool {
        self.charge() == Load::MOST_CHARGED
    }

    #[inline(always)]
    pub(super) fn held(self) -> u64 {
        self.0 & Load::MOST_HELD
    }

    #[inline(always)]
    pub(super) fn charge(self) -> u64 {
        (self.0 >> Load::CHARGE_AT) & Load::MOST_CHARGED
    }

    /// By how much the charge is more than what it holds.
    #[inline(always)]
    pub(super) fn overdraft(self) -> u64 {
        self.charge().saturating_sub(self.held())
    }
}

/// Loads are added up in numbers with so many bits more.
const SPARE_BITS: u32 = 4;

/// The sum of at most sixteen loads, none of them large.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Sum(u64);

impl Sum {
    #[inline(always)]
    pub(super) fn add(&mut self, load: Load) {
        self.0 += load.0;
    }

    #[inline(always)]
    pub(super) fn held(self) -> u64 {
        self.0 & ((1 << (Load::HELD_BITS + SPARE_BITS)) - 1)
    }

    #[inline(always)]
    pub(super) fn charged(self) -> u64 {
        (self.0 >> Load::CHARGE_AT) & ((1 << (Load::CHARGE_BITS + SPARE_BITS)) - 1)
    }

    /// How many are counted.
    #[inline(always)]
    pub(super) fn counted(self) -> u64 {
        (self.0 >> Load::COUNTED_AT) & ((1 << (1 + SPARE_BITS)) - 1)
    }
}

/// What attempts that end come to.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Ended {
    /// How many there are.
    pub(super) ends: u64,
    /// Of counted requests.
    pub(super) counted: u64,
    /// What they held, what is charged, and by how much that is more [quota tokens].
    pub(super) held: u64,
    pub(super) charged: u64,
    pub(super) overdraft: u64,
}

impl Ended {
    /// So many, of this sum.
    #[inline(always)]
    pub(super) fn of(ends: usize, sum: Sum, overdraft: u64) -> Ended {
        Ended { ends: ends as u64, counted: sum.counted(), held: sum.held(), charged: sum.charged(), overdraft }
    }

    /// One more.
    #[inline(always)]
    pub(super) fn add(&mut self, load: Load) {
        self.ends += 1;
        self.overdraft += load.overdraft();
        self.add_to_sums(load);
    }

    /// What a [`Sum`] has of one more, which may be the seventeenth.
    #[inline(always)]
    pub(super) fn add_to_sums(&mut self, load: Load) {
        self.counted += u64::from(load.is_counted());
        self.held += load.held();
        self.charged += load.charge();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_says_so() {
        let most = [Load::MOST_HELD, Load::MOST_CHARGED - 1];
        for [held, charge] in [[0, 0], [5, 3], most, [0, most[1]]] {
            for counted in [false, true] {
                let load = Load::new(held, charge, Load::LONGEST).counted(counted).retried(u64::from(!counted));
                assert!(!load.is_large());
                assert_eq!((load.held(), load.charge(), load.is_counted()), (held, charge, counted));
                assert_eq!(load.retries(), u32::from(!counted));
            }
        }
        for (held, charge) in [(most[0] + 1, 0), (0, most[1] + 1), (u64::MAX >> 1, 7), (7, u64::MAX >> 1)] {
            assert!(Load::new(held, charge, 1).counted(true).is_large() && Load::new(held, charge, 1).is_large());
        }
        assert!(Load::new(5, 3, Load::LONGEST + 1).is_large());
    }

    #[test]
    fn sixteen_of_the_largest_loads_add_up() {
        let mut sum = Sum::default();
        let (held, charge) = (Load::MOST_HELD, Load::MOST_CHARGED - 1);
        (0..16).for_each(|_| sum.add(Load::new(held, charge, 1).counted(true).retried(1)));
        assert_eq!((sum.held(), sum.charged(), sum.counted()), (16 * held, 16 * charge, 16));
    }
}
