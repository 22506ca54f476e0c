//! Which prefixes of prompts are cached, pool by pool.
//!
//! *Source*: AWS user guide, `prompt-caching`: a prefix lives five minutes from its last use, or an hour.
//! *Assumptions*: a prefix can be read from the instant that the attempt which wrote it is admitted; prefixes below
//! 1,024 tokens are not cached, whatever the model (AWS: 512 to 4,096, by model).

use super::prompt::Checkpoint;
use crate::units::SimTime;
use std::collections::BTreeMap;

/// The shortest prefix that is cached (*assumption*).
const MINIMUM: u64 = 1_024;
/// Dead prefixes are swept out when there are more than this.
const MOST: usize = 10_000;

/// The cached prefixes.
#[derive(Debug, Default)]
pub(super) struct PromptCache {
    expiries: BTreeMap<(usize, u64), SimTime>,
}

/// What a prompt reads from the cache and writes to it [tokens].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Cached {
    pub(super) read: u64,
    pub(super) written: u64,
}

impl PromptCache {
    /// What an attempt with these checkpoints would read and write now.
    pub(super) fn look_up(&self, now: SimTime, pool: usize, checkpoints: &[Checkpoint]) -> Cached {
        let cacheable = || checkpoints.iter().filter(|checkpoint| checkpoint.tokens >= MINIMUM);
        let alive = |checkpoint: &&Checkpoint| {
            self.expiries.get(&(pool, checkpoint.fingerprint)).is_some_and(|&expiry| now < expiry)
        };
        let read = cacheable().rev().find(alive).map_or(0, |checkpoint| checkpoint.tokens);
        let end = cacheable().next_back().map_or(0, |checkpoint| checkpoint.tokens);
        Cached { read, written: end - read }
    }

    /// The attempt was admitted: its prefixes are cached, and live on.
    pub(super) fn store(&mut self, now: SimTime, pool: usize, checkpoints: &[Checkpoint]) {
        for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.tokens >= MINIMUM) {
            let expiry = now.saturating_add(checkpoint.ttl);
            let known = self.expiries.entry((pool, checkpoint.fingerprint)).or_insert(expiry);
            *known = expiry.max(*known);
        }
        if self.expiries.len() > MOST {
            self.expiries.retain(|_, expiry| now < *expiry);
        }
        if self.expiries.len() > 2 * MOST {
            self.expiries.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SimSpan;

    fn checkpoint(tokens: u64, fingerprint: u64) -> Checkpoint {
        Checkpoint { tokens, fingerprint, ttl: SimSpan(300 * SimSpan::SECOND.0) }
    }

    #[test]
    fn a_prefix_is_written_once_then_read_and_grows() {
        let mut cache = PromptCache::default();
        let (short, long) = ([checkpoint(2_000, 1)], [checkpoint(2_000, 1), checkpoint(3_000, 2)]);
        let at = |seconds: u64| SimTime(seconds * SimSpan::SECOND.0);
        assert_eq!(cache.look_up(at(0), 0, &short), Cached { read: 0, written: 2_000 });
        cache.store(at(0), 0, &short);
        assert_eq!(cache.look_up(at(1), 0, &long), Cached { read: 2_000, written: 1_000 });
        assert_eq!(cache.look_up(at(1), 1, &long), Cached { read: 0, written: 3_000 }, "another pool");
        cache.store(at(200), 0, &long);
        assert_eq!(cache.look_up(at(499), 0, &long), Cached { read: 3_000, written: 0 }, "used again, lives on");
        assert_eq!(cache.look_up(at(500), 0, &long), Cached { read: 0, written: 3_000 });
    }

    #[test]
    fn short_prefixes_are_not_cached() {
        let mut cache = PromptCache::default();
        let short = [checkpoint(MINIMUM - 1, 1)];
        cache.store(SimTime::ZERO, 0, &short);
        assert_eq!(cache.look_up(SimTime::ZERO, 0, &short), Cached::default());
    }
}
