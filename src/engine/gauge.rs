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
