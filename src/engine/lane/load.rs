//! What there is to know of an attempt in flight, in eight bytes that ride on the calendar.
//!
//! *Why*: with ten thousand attempts in flight each end would have to be fetched from afar.

/// What an attempt in flight holds, what it will be charged [quota tokens], and whether a counted request ends with it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::engine) struct Load(u64);

impl Load {
    const COUNTED: u64 = 1 << 63;
    /// Stands for one that is larger than anything of which many are ever in flight, and kept elsewhere.
    const LARGE: u64 = (Load::MOST_CHARGED << 32) | Load::MOST_HELD;
    const MOST_HELD: u64 = u32::MAX as u64;
    const MOST_CHARGED: u64 = (1 << 31) - 1;

    #[inline(always)]
    pub(in crate::engine) fn new(held: u64, charge: u64) -> Load {
        let large = held > Load::MOST_HELD || charge >= Load::MOST_CHARGED;
        if large { Load(Load::LARGE) } else { Load::small(held, charge) }
    }

    /// As [`new`](Load::new), of what is known not to be large.
    #[inline(always)]
    pub(in crate::engine) fn small(held: u64, charge: u64) -> Load {
        Load((charge << 32) | held)
    }

    /// The same, of a request that is counted if `so`.
    #[inline(always)]
    pub(super) fn counted(self, so: bool) -> Load {
        Load(self.0 | if so { Load::COUNTED } else { 0 })
    }

    #[inline(always)]
    pub(super) fn is_counted(self) -> bool {
        self.0 & Load::COUNTED != 0
    }

    /// The same, or nothing, by a mask of ones or zeros.
    #[inline(always)]
    pub(super) fn masked(self, mask: u64) -> Load {
        Load(self.0 & mask)
    }

    /// Whether what it holds and will be charged is kept elsewhere.
    #[inline(always)]
    pub(in crate::engine) fn is_large(self) -> bool {
        self.0 & !Load::COUNTED == Load::LARGE
    }

    #[inline(always)]
    pub(super) fn held(self) -> u64 {
        self.0 & Load::MOST_HELD
    }

    #[inline(always)]
    pub(super) fn charge(self) -> u64 {
        (self.0 >> 32) & Load::MOST_CHARGED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fits_is_kept_and_what_does_not_says_so() {
        for (held, charge) in [(0, 0), (5, 3), (u32::MAX.into(), (1 << 31) - 2), (0, (1 << 31) - 2)] {
            for counted in [false, true] {
                let load = Load::new(held, charge).counted(counted);
                assert!(!load.is_large());
                assert_eq!((load.held(), load.charge(), load.is_counted()), (held, charge, counted));
            }
        }
        for (held, charge) in [(1 << 32, 0), (0, (1 << 31) - 1), (u64::MAX >> 1, 7)] {
            assert!(Load::new(held, charge).counted(true).is_large() && Load::new(held, charge).is_large());
        }
    }
}
