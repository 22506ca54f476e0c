//! The AWS SDKs' retry quota: a bucket of tokens that retries draw on and successes refill. Time never does.

/// Tokens in a full quota. *Source*: AWS SDKs and Tools Reference Guide, "Retry behavior"; the same in all four SDKs.
pub(super) const CAPACITY: u32 = 500;

/// What a success gives back when no retry's cost is to be refunded.
const NO_RETRY_INCREMENT: u32 = 1;

/// A quota's level; always within [0, capacity].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RetryQuota {
    level: u32,
    capacity: u32,
}

impl RetryQuota {
    /// A full quota; capacity 0 serves clients without one, whose retries cost nothing.
    pub(super) fn full(capacity: u32) -> RetryQuota {
        RetryQuota { level: capacity, capacity }
    }

    /// Takes a retry's cost, all or nothing.
    pub(super) fn acquire(&mut self, cost: u32) -> bool {
        let granted = cost <= self.level;
        if granted {
            self.level -= cost;
        }
        granted
    }

    /// Books a success whose last retry cost `cost`.
    ///
    /// *Formula*: `level = min(capacity, level + max(cost, 1))`. Only the last retry's cost comes back, so a request that
    /// needed two retries leaves the quota poorer although it succeeded.
    #[inline]
    pub(super) fn release(&mut self, cost: u32) {
        self.level = self.capacity.min(self.level + cost.max(NO_RETRY_INCREMENT));
    }

    /// Books so many successes that needed no retry.
    pub(super) fn release_many(&mut self, successes: u64) {
        let room = u64::from(self.capacity - self.level);
        self.level += successes.saturating_mul(u64::from(NO_RETRY_INCREMENT)).min(room) as u32;
    }

    pub(super) fn level(self) -> u32 {
        self.level
    }
}
