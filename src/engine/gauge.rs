//! A level that goes up and down, and its peak.

/// A level and the highest that it has been.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gauge {
    now: u64,
    peak: u64,
}

impl Gauge {
    #[inline(always)]
    pub(super) fn add(&mut self, amount: u64) {
        self.now += amount;
        self.peak = self.peak.max(self.now);
    }

    #[inline(always)]
    pub(super) fn subtract(&mut self, amount: u64) {
        self.now -= amount;
    }

    /// Whether it may go up by this much without a new peak.
    #[inline(always)]
    pub(super) fn has_been_at(&self, more: u64) -> bool {
        self.now + more <= self.peak
    }

    /// Goes up and down in whatever order, where it [has been](Self::has_been_at).
    #[inline(always)]
    pub(super) fn shift(&mut self, up: u64, down: u64) {
        self.now = self.now + up - down;
    }

    /// Goes up and down, and was at its highest meanwhile at this level.
    #[inline(always)]
    pub(super) fn move_on(&mut self, up: u64, down: u64, highest: u64) {
        self.shift(up, down);
        self.peak = self.peak.max(highest);
    }

    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// Forgets what came before.
    pub(super) fn reset_peak(&mut self) {
        self.peak = self.now;
    }
}
