//! From an address to random bits.

use crate::units::Probability;

/// What a draw is for. Each purpose is a stream of its own, so adding one does not disturb another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
#[expect(missing_docs, reason = "each is the thing of its name")]
pub enum Purpose {
    Arrival = 1,
    Phase = 2,
    Input = 3,
    CacheRead = 4,
    CacheWrite = 5,
    Output = 6,
    TimeToFirstToken = 7,
    TimeToFirstTokenPerInput = 8,
    Speed = 9,
    Duration = 10,
    Fault = 11,
    Disconnect = 12,
    Backoff = 13,
    Think = 14,
    Turns = 15,
    Thinning = 16,
    Waiters = 17,
    PoolFault = 18,
    PoolDisconnect = 19,
}

/// Where the streams of one workload in one replication begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    /// The seed of the scenario.
    pub seed: u64,
    /// The replication, from 0.
    pub replication: u32,
    /// The workload, by its place in the file.
    pub workload: u32,
}

impl Streams {
    /// The stream for one purpose.
    pub fn key(self, purpose: Purpose) -> Key {
        Key::new(self.seed, self.replication, self.workload, purpose)
    }
}

/// The stream of one (seed, replication, workload, purpose): a random-access sequence of 64-bit draws.
///
/// # Formula
///
/// Draw `i` is `finish(start(a + i·γ) + b)`, where `start` and `finish` are the two halves of `SplitMix64`'s output
/// function, γ its increment, and the words `a` and `b` are hashed from the address. With `b = 0` this is `SplitMix64`
/// from state `a`. The second word keeps apart streams whose counters happen to meet: with one word alone, all streams
/// are pieces of one sequence of 2⁶⁴ numbers, and two that overlap repeat each other.
///
/// # Source
///
/// Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
///
/// ```
/// use quotasim::random::{Key, Purpose};
/// let key = Key::new(1, 0, 0, Purpose::Input);
/// assert_eq!(key.bits(7), Key::new(1, 0, 0, Purpose::Input).bits(7));
/// assert_ne!(key.bits(7), Key::new(1, 0, 0, Purpose::Output).bits(7));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    counter: u64,
    twist: u64,
}

impl Key {
    /// The stream's key.
    pub fn new(seed: u64, replication: u32, workload: u32, purpose: Purpose) -> Key {
        let place = (u64::from(replication) << 32) | u64::from(workload);
        let counter = absorb(absorb(absorb(0, seed), place), purpose as u64);
        Key { counter, twist: absorb(counter, GAMMA) }
    }

    /// 64 uniform bits for a request.
    #[inline(always)]
    pub fn bits(self, request: u64) -> u64 {
        self.permute(self.counter.wrapping_add(request.wrapping_mul(GAMMA)))
    }

    /// The same for each request from `first` on.
    #[inline(always)]
    pub fn bits_from(self, first: u64) -> impl Iterator<Item = u64> {
        // One addition from request to request, where a product would cost many numbers at once three multiplications.
        let mut counter = self.counter.wrapping_add(first.wrapping_mul(GAMMA));
        std::iter::repeat_with(move || {
            let bits = self.permute(counter);
            counter = counter.wrapping_add(GAMMA);
            bits
        })
    }

    /// 64 uniform bits for an attempt of a request.
    #[inline(always)]
    pub fn attempt_bits(self, request: u64, attempt: u32) -> u64 {
        self.attempt_bits_of(self.bits(request), attempt)
    }

    /// The same from the bits of the request.
    #[inline(always)]
    pub fn attempt_bits_of(self, bits: u64, attempt: u32) -> u64 {
        self.permute(bits.wrapping_add(u64::from(attempt).wrapping_mul(GAMMA)))
    }

    /// 64 uniform bits for the wait after an attempt of a request, from 1.
    ///
    /// Two waits in a row have the two halves of one draw in front, which are independent of each other; the lower half of
    /// either is the upper one of its neighbour, and must not become a draw of its own. Jitter and random delays are read
    /// from the top, and hashes are most of what drawing them takes.
    #[inline(always)]
    pub fn wait_bits(self, request: u64, attempt: u32) -> u64 {
        self.wait_bits_of(self.bits(request), attempt)
    }

    /// The same from the bits of the request.
    #[inline(always)]
    pub fn wait_bits_of(self, bits: u64, attempt: u32) -> u64 {
        match attempt {
            0 | 1 => bits,
            2 => bits.rotate_left(32),
            _ => self.attempt_bits_of(bits, (attempt - 1) / 2).rotate_left(32 * ((attempt - 1) % 2)),
        }
    }

    #[inline(always)]
    fn permute(self, z: u64) -> u64 {
        finish(start(z).wrapping_add(self.twist))
    }
}

/// Whether an event of this probability happens at these bits. Raising the probability never undoes an event.
///
/// # Formula
///
/// `bits < probability · 2⁶⁴`; probabilities 0 and 1 are exact.
///
/// ```
/// use quotasim::{random::happens, units::Probability};
/// assert!(!happens(Probability(0.0), 0) && happens(Probability(1.0), u64::MAX));
/// ```
#[inline]
pub fn happens(probability: Probability, bits: u64) -> bool {
    // Casting saturates, so a probability of one would otherwise miss the largest bits.
    probability.0 >= 1.0 || bits < (probability.0 * TWO_POW_64) as u64
}

/// 2⁶⁴.
pub(super) const TWO_POW_64: f64 = 18_446_744_073_709_551_616.0;

/// `SplitMix64`'s increment: 2⁶⁴ divided by the golden ratio, made odd.
pub(super) const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// One word of an address into the hash of those before it.
fn absorb(hash: u64, word: u64) -> u64 {
    finish(start(hash.wrapping_add(word).wrapping_add(GAMMA)))
}

/// The first half of `SplitMix64`'s output function ("variant 13" of Stafford's mixers).
#[inline(always)]
fn start(z: u64) -> u64 {
    (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

/// The second half of it.
#[inline(always)]
fn finish(z: u64) -> u64 {
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixing_function_is_splitmix64() {
        // The first outputs from state 1234567, as in Vigna's splitmix64.c and Rosetta Code.
        let key = Key { counter: 1_234_567_u64.wrapping_add(GAMMA), twist: 0 };
        let outputs: Vec<u64> = (0..3).map(|request| key.bits(request)).collect();
        assert_eq!(outputs, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn neighbouring_streams_agree_in_half_of_their_bits() {
        let home = Key::new(1, 0, 0, Purpose::Input);
        let neighbours = [
            Key::new(2, 0, 0, Purpose::Input),
            Key::new(1, 1, 0, Purpose::Input),
            Key::new(1, 0, 1, Purpose::Input),
            Key::new(1, 0, 0, Purpose::CacheRead),
        ];
        let n = 200_000;
        for neighbour in neighbours {
            for shift in [0, 1, 7] {
                let equal: u64 =
                    (0..n).map(|i| u64::from((home.bits(i) ^ neighbour.bits(i + shift)).count_zeros())).sum();
                // Each of 64·n bits is a fair coin: five standard errors.
                let deviation = equal as f64 - 32.0 * n as f64;
                assert!(
                    deviation.abs() < 5.0 * (16.0 * n as f64).sqrt(),
                    "{neighbour:?} shifted by {shift}: {deviation}"
                );
            }
        }
    }

    #[test]
    fn uniforms_of_neighbouring_streams_and_attempts_are_uncorrelated() {
        type Stream = Box<dyn Fn(u64) -> u64>;
        let unit = |bits: u64| bits as f64 / TWO_POW_64 - 0.5;
        let n = 200_000;
        let home = Key::new(42, 3, 1, Purpose::Output);
        let mut pairs: Vec<(&str, Stream)> = Vec::new();
        pairs.push(("next request", Box::new(move |i| home.bits(i + 1))));
        pairs.push(("first attempt", Box::new(move |i| home.attempt_bits(i, 0))));
        pairs.push(("second attempt", Box::new(move |i| home.attempt_bits(i, 1))));
        pairs.push(("next replication", Box::new(|i| Key::new(42, 4, 1, Purpose::Output).bits(i))));
        pairs.push(("next workload", Box::new(|i| Key::new(42, 3, 2, Purpose::Output).bits(i))));
        for (name, other) in pairs {
            let covariance: f64 = (0..n).map(|i| unit(home.bits(i)) * unit(other(i))).sum::<f64>() / n as f64;
            let correlation = covariance * 12.0;
            assert!(correlation.abs() < 5.0 / (n as f64).sqrt(), "{name}: {correlation}");
        }
    }

    #[test]
    fn waits_of_a_request_are_uncorrelated_and_two_share_a_draw() {
        let key = Key::new(42, 3, 1, Purpose::Backoff);
        let unit = |bits: u64| bits as f64 / TWO_POW_64 - 0.5;
        let n = 200_000;
        for (one, other) in [(1, 2), (1, 3), (1, 4), (2, 3), (3, 4)] {
            let covariance = (0..n).map(|i| unit(key.wait_bits(i, one)) * unit(key.wait_bits(i, other))).sum::<f64>();
            let correlation = covariance / n as f64 * 12.0;
            assert!(correlation.abs() < 5.0 / (n as f64).sqrt(), "waits {one} and {other}: {correlation}");
        }
        assert_eq!(key.wait_bits(9, 1), key.bits(9));
        assert_eq!(key.wait_bits(9, 4), key.wait_bits(9, 3).rotate_left(32));
    }

    #[test]
    fn streams_with_the_same_counter_differ_by_their_twist() {
        let one = Key { counter: 5, twist: 1 };
        let two = Key { counter: 5, twist: 2 };
        assert!((0..1000).all(|request| one.bits(request) != two.bits(request)));
    }

    #[test]
    fn events_happen_as_often_as_their_probability_says() {
        let key = Key::new(1, 0, 0, Purpose::Fault);
        let n = 100_000;
        let events = (0..n).filter(|&i| happens(Probability(0.03), key.bits(i))).count() as f64;
        assert!((events - 3_000.0).abs() < 5.0 * (3_000.0_f64 * 0.97).sqrt(), "{events}");
    }
}
