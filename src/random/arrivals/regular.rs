//! Equal distances, exact to the nanosecond.

use crate::model::scenario::Load;
use crate::units::Rate;

/// The k-th arrival at `⌊k / (rate · load)⌋` ns, k from 0.
#[derive(Debug, Clone)]
pub(super) struct Regular {
    /// Whole nanoseconds of a gap, and the rest over `denominator`.
    gap: u128,
    rest: u128,
    denominator: u128,
    /// The next arrival: whole nanoseconds, and the rest over `denominator`.
    time: u128,
    fraction: u128,
}

impl Regular {
    /// None when the rate is zero.
    pub(super) fn new(rate: Rate, load: Load) -> Option<Regular> {
        let numerator = u128::from(rate.per.0) * u128::from(load.denominator);
        let denominator = u128::from(rate.events) * u128::from(load.numerator);
        if denominator == 0 {
            return None;
        }
        let (gap, rest) = (numerator / denominator, numerator % denominator);
        Some(Regular { gap, rest, denominator, time: 0, fraction: 0 })
    }

    pub(super) fn fill(&mut self, out: &mut [u64]) -> usize {
        for slot in &mut *out {
            *slot = u64::try_from(self.time).unwrap_or(u64::MAX);
            self.time = self.time.saturating_add(self.gap);
            // Add the rests without ever holding a number of twice the denominator.
            let room = self.denominator - self.rest;
            if self.fraction >= room {
                self.fraction -= room;
                self.time = self.time.saturating_add(1);
            } else {
                self.fraction += self.rest;
            }
        }
        out.len()
    }
}

/// A count times the load, to the nearest whole number, halves up.
pub(super) fn scaled_count(count: u64, load: Load) -> u64 {
    let (numerator, denominator) = (u128::from(load.numerator), u128::from(load.denominator));
    let product = u128::from(count).saturating_mul(numerator);
    let rounded = product / denominator + u128::from(product % denominator >= denominator.div_ceil(2));
    u64::try_from(rounded).unwrap_or(u64::MAX)
}
