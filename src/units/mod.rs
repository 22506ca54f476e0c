//! Quantities with their units: tokens, instants, spans, rates, probabilities.
//!
//! Counts and times are integers, so ledgers balance with `==` and a run repeats to the byte. Reals begin where
//! statistics begin. Parsing of `5M`, `40/s`, `250ms`, `99.9%` and formatting of the same lives in [`parse`] and
//! [`format`](mod@format).

pub mod format;
pub mod parse;
mod time;

pub use time::{SimSpan, SimTime};

use serde::Serialize;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Sub, SubAssign};

/// The smallest whole number that is not below `exact`, which is neither negative nor larger than 2⁵¹.
///
/// A conversion to an integer that cuts off what does not fit is a branch for each number; this is one addition, which
/// registers that hold several numbers know.
#[inline(always)]
pub fn round_up(exact: f64) -> u64 {
    // From 2⁵² on an f64 has no fraction: adding it rounds to the nearest integer, and leaves that in the low bits.
    const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
    let shifted = exact + NO_FRACTION;
    let nearest = shifted.to_bits() & (NO_FRACTION as u64 - 1);
    nearest + u64::from(shifted - NO_FRACTION < exact)
}

/// A number of tokens: of a prompt, of an answer, or of a quota.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Tokens(pub u64);

impl Tokens {
    /// The largest count one request may carry of any kind of token; a distribution's tail is clamped here.
    ///
    /// A thousand times the largest context window on Bedrock in 2026, and small enough that no sum overflows.
    pub const REQUEST_MAX: Tokens = Tokens(1_000_000_000);

    /// `self − other`, or zero when `other` is larger.
    #[must_use]
    #[inline(always)]
    pub fn saturating_sub(self, other: Tokens) -> Tokens {
        Tokens(self.0.saturating_sub(other.0))
    }
}

impl Add for Tokens {
    type Output = Tokens;
    #[inline(always)]
    fn add(self, other: Tokens) -> Tokens {
        Tokens(self.0 + other.0)
    }
}
impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Tokens) {
        self.0 += other.0;
    }
}
impl Sub for Tokens {
    type Output = Tokens;
    #[inline(always)]
    fn sub(self, other: Tokens) -> Tokens {
        Tokens(self.0 - other.0)
    }
}
impl SubAssign for Tokens {
    fn sub_assign(&mut self, other: Tokens) {
        self.0 -= other.0;
    }
}
impl Sum for Tokens {
    fn sum<I: Iterator<Item = Tokens>>(tokens: I) -> Tokens {
        tokens.fold(Tokens(0), Add::add)
    }
}

/// Quota tokens per output token at settlement (1, 5, 10, 15 …).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct BurndownRate(pub u32);

impl Mul<BurndownRate> for Tokens {
    type Output = Tokens;
    #[inline(always)]
    fn mul(self, rate: BurndownRate) -> Tokens {
        Tokens(self.0 * u64::from(rate.0))
    }
}

/// Events per time as an exact fraction: `events` in every `per`.
///
/// Kept as a fraction so that the k-th arrival of a constant process falls at `⌊k / rate⌋` nanoseconds, exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Rate {
    /// How many events.
    pub events: u64,
    /// In how much time.
    pub per: SimSpan,
}

impl Rate {
    /// The rate as a real number [events/s].
    ///
    /// ```
    /// use quotasim::units::{Rate, SimSpan};
    /// assert_eq!(Rate { events: 90, per: SimSpan::MINUTE }.per_second(), 1.5);
    /// ```
    pub fn per_second(self) -> f64 {
        self.events as f64 / self.per.as_secs_f64()
    }
}

/// A probability or a share, in [0, 1].
#[derive(Debug, Clone, Copy, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Probability(pub f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_up_is_exact() {
        let wholes = [0, 1, 2, 3, 4_095, 123_456_789, (1 << 51) - 1];
        for whole in wholes {
            assert_eq!(round_up(whole as f64), whole);
            for above in [1e-3, 0.25, 0.5, 0.75] {
                let exact = whole as f64 + above;
                assert_eq!(round_up(exact), whole + u64::from(exact > whole as f64), "{exact}");
            }
        }
        assert_eq!(round_up(1e-300), 1);
    }
}
