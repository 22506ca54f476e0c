//! How long to wait before a retry.

use crate::model::client::Jitter;

/// A capped exponential backoff: `b = min(base × factor^i, cap)`, i from 0 for the first retry, then randomised.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Backoff {
    /// First wait \[s\].
    pub(super) base: f64,
    /// Growth per retry.
    pub(super) factor: f64,
    /// Upper bound \[s\].
    pub(super) cap: f64,
    /// What chance does to it.
    pub(super) spread: Spread,
}

/// Randomisation of a backoff b; u is uniform on [0, 1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spread {
    /// One of the textbook jitters, in real seconds.
    Jitter(Jitter),
    /// `⌊u·b⌋` in whole milliseconds (JavaScript, Java).
    FullMillis,
    /// `⌊min(cap, u·base·factor^i)⌋` in whole milliseconds: the cap comes after the jitter (JavaScript 2.0).
    FullMillisThenCap,
    /// `⌊b/2⌋ + ⌊u·(⌊b/2⌋ + 1)⌋` in whole milliseconds (Java's legacy throttles).
    HalfMillis,
    /// `b·(1 − u/4)`: only ever shorter (Anthropic).
    QuarterOff,
}

impl Backoff {
    /// Doubles from `base` up to `cap`, as every SDK here does.
    pub(super) const fn doubling(base: f64, cap: f64, spread: Spread) -> Backoff {
        Backoff { base, factor: 2.0, cap, spread }
    }

    /// The wait before retry `i` \[s\]; `previous` is the wait before the one before, 0 if there was none.
    #[inline]
    pub(super) fn delay(&self, i: u32, previous: f64, u: f64) -> f64 {
        // An endless exponential overflows to infinity, which the cap brings back.
        let raw = self.base * power(self.factor, i);
        let b = raw.min(self.cap);
        match self.spread {
            Spread::Jitter(Jitter::None) => b,
            Spread::Jitter(Jitter::Full) => u * b,
            Spread::Jitter(Jitter::Equal) => b / 2.0 + u * (b / 2.0),
            Spread::Jitter(Jitter::Decorrelated) => {
                let previous = previous.max(self.base);
                (self.base + u * (3.0 * previous - self.base)).min(self.cap)
            }
            Spread::FullMillis => whole_millis(u * b),
            Spread::FullMillisThenCap => whole_millis((u * raw).min(self.cap)),
            Spread::HalfMillis => {
                let half = libm::floor(b * 1e3 / 2.0);
                (half + libm::floor(u * (half + 1.0))) / 1e3
            }
            Spread::QuarterOff => b * (1.0 - 0.25 * u),
        }
    }
}

/// `factor^i`; powers of two, which every SDK uses, are written down directly.
#[inline]
fn power(factor: f64, i: u32) -> f64 {
    const EXPONENT_BIAS: u64 = 1023;
    if factor == 2.0 && u64::from(i) <= EXPONENT_BIAS {
        f64::from_bits((EXPONENT_BIAS + u64::from(i)) << 52)
    } else {
        libm::pow(factor, f64::from(i))
    }
}

fn whole_millis(seconds: f64) -> f64 {
    libm::floor(seconds * 1e3) / 1e3
}

#[cfg(test)]
mod tests {
    use super::power;

    #[test]
    fn powers_of_two_are_exact() {
        for i in [0, 1, 2, 52, 1022, 1023, 1024, u32::MAX] {
            assert_eq!(power(2.0, i), libm::pow(2.0, f64::from(i)));
        }
    }
}
