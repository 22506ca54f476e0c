//! The AWS SDKs' retry quota: a bucket of tokens that retries draw on and successes refill. Time never does.

/// Tokens in a full quota. *Source*: AWS SDKs and Tools Reference Guide, "Retry behavior"; the same in all four SDKs.
pub(super) const CAPACITY: u32 = 500;

/// What a success gives back when no retry's cost is to be refunded.
const NO_RETRY_INCREMENT: u32 = 1;

/// A quota's level; always within [0, capacity].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryQuota {
    level: u32,
    capacity: u32,
}

impl RetryQuota {
    /// A full quota; capacity 0 serves clients without one, whose retries cost nothing.
    pub(super) fn full(capacity: u32) -> RetryQuota {
        RetryQuota { level: capacity, capacity }
    }

    /// Takes a retry's cost, all or nothing.
    #[inline]
    pub fn acquire(&mut self, cost: u32) -> bool {
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
        self.give_back(RetryQuota::released(cost).into());
    }

    /// What such a success gives back.
    #[inline(always)]
    pub fn released(cost: u32) -> u32 {
        cost.max(NO_RETRY_INCREMENT)
    }

    /// So much comes back of any number of successes, without a retry between them.
    #[inline]
    pub fn give_back(&mut self, tokens: u64) {
        self.level = tokens.saturating_add(self.level.into()).min(self.capacity.into()) as u32;
    }

    /// What is left.
    #[inline(always)]
    pub fn level(self) -> u32 {
        self.level
    }

    /// The most that it can be.
    #[inline(always)]
    pub fn capacity(self) -> u32 {
        self.capacity
    }

    /// Successes and retries have left so much.
    #[inline(always)]
    pub fn set_level(&mut self, level: u32) {
        debug_assert!(level <= self.capacity, "there is no more");
        self.level = level;
    }
}
