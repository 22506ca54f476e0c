//! From real draws to whole tokens.

use super::address::Key;
use super::sampler::{Convert, Sampler};
use crate::units::Tokens;

/// The largest number of tokens of a draw.
const MAX: u32 = Tokens::REQUEST_MAX.0 as u32;

/// The nearest whole number of tokens, halves up, in `[min, Tokens::REQUEST_MAX]`; NaN becomes `min`.
///
/// ```
/// use quotasim::random::round_tokens;
/// assert_eq!([0.4, 2.5, 1e12, -3.0].map(|x| round_tokens(x, 1)), [1, 3, 1_000_000_000, 1]);
/// ```
#[inline(always)]
pub fn round_tokens(x: f64, min: u32) -> u32 {
    // From 2⁵² on an f64 has no fraction: adding it rounds to the nearest integer, ties to even, and leaves that in the
    // low bits. A cast would saturate, which costs as much as the draw.
    const NO_FRACTION: f64 = 4_503_599_627_370_496.0;
    let (low, high) = (f64::from(min), f64::from(MAX));
    // Not `f64::max`: it has a case more for NaN, which is not above `low` here either.
    let inside = if x > low { x } else { low };
    let inside = if inside < high { inside } else { high };
    let shifted = inside + NO_FRACTION;
    let tie_went_down = inside - (shifted - NO_FRACTION) >= 0.5;
    shifted.to_bits() as u32 + u32::from(tie_went_down)
}

/// Draws as whole tokens, at least so many.
struct Whole {
    min: u32,
}

impl Convert<u32> for Whole {
    #[inline(always)]
    fn one(&self, draw: f64) -> u32 {
        round_tokens(draw, self.min)
    }

    #[inline(always)]
    fn many(&self, draws: &[f32], out: &mut [u32]) {
        // As 2⁵² in an f64, in twice as many numbers at once; below 2²² there is room for a half, too.
        const NO_FRACTION: f32 = 8_388_608.0;
        const ROOM: f32 = 4_194_304.0;
        // Counted, as a loop that may end early looks at one draw at a time.
        let small: usize = draws.iter().map(|&draw| usize::from(draw < ROOM)).sum();
        if small == draws.len() && self.min < ROOM as u32 {
            let low = self.min as f32;
            for (slot, &draw) in out.iter_mut().zip(draws) {
                let inside = if draw > low { draw } else { low };
                let shifted = inside + NO_FRACTION;
                let tie_went_down = inside - (shifted - NO_FRACTION) >= 0.5;
                *slot = (shifted.to_bits() & (NO_FRACTION as u32 - 1)) + u32::from(tie_went_down);
            }
        } else {
            for (slot, &draw) in out.iter_mut().zip(draws) {
                *slot = self.one(f64::from(draw));
            }
        }
    }
}

/// The token counts of consecutive requests, from `first_request` on.
pub fn fill_tokens(sampler: &Sampler, key: Key, first_request: u64, min: u32, out: &mut [u32]) {
    sampler.fill_with(out, key.bits_from(first_request), Whole { min });
}

/// The token counts of the requests of these numbers.
pub fn fill_tokens_of(sampler: &Sampler, key: Key, numbers: &[u64], min: u32, out: &mut [u32]) {
    assert_eq!(numbers.len(), out.len(), "one draw for each request");
    sampler.fill_with(out, numbers.iter().map(|&number| key.bits(number)), Whole { min });
}

/// The token counts at the given bits.
pub fn fill_tokens_at(sampler: &Sampler, bits: &[u64], min: u32, out: &mut [u32]) {
    assert_eq!(bits.len(), out.len(), "one draw for each number");
    sampler.fill_with(out, bits.iter().copied(), Whole { min });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Distribution;
    use crate::random::Purpose;

    #[test]
    fn tokens_round_to_the_nearest_halves_up() {
        let rounded = [0.0, 0.499_999_999_999_999_94, 0.5, 1.499, 1.5, 999_999_999.5, f64::INFINITY, f64::NAN]
            .map(|x| round_tokens(x, 0));
        assert_eq!(rounded, [0, 0, 1, 1, 2, 1_000_000_000, 1_000_000_000, 0]);
        for i in 0..4_000 {
            let x = f64::from(i) / 8.0;
            assert_eq!(round_tokens(x, 3), ((x + 0.5) as u32).max(3), "{x}");
        }
    }

    #[test]
    fn many_draws_become_what_each_becomes() {
        let halves = (0..20_000).map(|i| i as f32 / 8.0);
        let small = halves.chain([0.5, 0.499_999_97, 4_194_303.5, -1.0, 1e-30]);
        let large = [4_194_304.0, 16_777_216.0, 1e9, 1e12, f32::INFINITY, f32::NAN];
        for draws in [small.clone().collect::<Vec<_>>(), small.chain(large).collect()] {
            let mut block = vec![0; draws.len()];
            for min in [0, 1, 7] {
                Whole { min }.many(&draws, &mut block);
                for (&draw, &tokens) in draws.iter().zip(&block) {
                    assert_eq!(tokens, round_tokens(f64::from(draw), min), "{draw} from {min}");
                }
            }
        }
    }

    #[test]
    fn a_block_of_tokens_is_its_rounded_draws() {
        let sampler = Sampler::new(&Distribution::LogNormal { mu: 1.0, sigma: 2.0 });
        let key = Key::new(1, 2, 3, Purpose::Output);
        let mut block = [0; 100];
        fill_tokens(&sampler, key, 50, 1, &mut block);
        for (i, tokens) in (50..).zip(block) {
            assert_eq!(tokens, round_tokens(sampler.sample(key.bits(i)), 1));
        }
    }
}
