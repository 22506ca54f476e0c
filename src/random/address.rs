//! From an address to random bits.

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
}

/// The stream of one (seed, replication, workload, purpose).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(u64);

impl Key {
    /// The stream's key.
    pub fn new(seed: u64, replication: u32, workload: u32, purpose: Purpose) -> Key {
        let place = (u64::from(replication) << 32) | u64::from(workload);
        Key(mix(mix(mix(seed).wrapping_add(place)).wrapping_add(purpose as u64)))
    }

    /// 64 uniform bits for a request.
    pub fn bits(self, request: u64) -> u64 {
        mix(self.0.wrapping_add(request.wrapping_mul(GAMMA)))
    }

    /// 64 uniform bits for an attempt of a request.
    pub fn attempt_bits(self, request: u64, attempt: u32) -> u64 {
        mix(self.bits(request).wrapping_add(u64::from(attempt).wrapping_mul(GAMMA)))
    }
}

/// SplitMix64's increment: 2⁶⁴ divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's output function (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
