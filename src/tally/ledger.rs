//! Double-entry bookkeeping of quota tokens.

/// Quota tokens reserved, settled, refunded and overdrawn; what is still held is the difference.
///
/// *Invariant*: `reserved + overdraft = settled + refunded + open`, in whole tokens. Refunds are nominal: what a full
/// bucket cannot take back counts as refunded all the same.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Deducted at admission.
    pub reserved: u64,
    /// Charged at settlement.
    pub settled: u64,
    /// Given back.
    pub refunded: u64,
    /// Taken beyond what was held.
    pub overdraft: u64,
}

impl Ledger {
    /// An attempt was admitted with this reservation.
    #[inline]
    pub fn reserve(&mut self, reservation: u64) {
        self.reserved += reservation;
    }

    /// A reservation changes from `held` to `now_held` while the response runs.
    #[inline]
    pub fn adjust(&mut self, held: u64, now_held: u64) {
        self.refunded += held.saturating_sub(now_held);
        self.overdraft += now_held.saturating_sub(held);
    }

    /// A reservation of which `held` is left ends in a charge.
    #[inline]
    pub fn settle(&mut self, held: u64, charge: u64) {
        self.adjust(held, charge);
        self.settled += charge;
    }

    /// Takes back a settlement that did not come to pass: `held` is still open.
    pub fn reopen(&mut self, held: u64, charge: u64) {
        self.settled -= charge;
        self.refunded -= held.saturating_sub(charge);
        self.overdraft -= charge.saturating_sub(held);
    }

    /// What is still held.
    pub fn open(&self) -> u64 {
        self.reserved + self.overdraft - self.settled - self.refunded
    }

    /// Adds the entries of another ledger.
    pub fn merge(&mut self, other: &Ledger) {
        self.reserved += other.reserved;
        self.settled += other.settled;
        self.refunded += other.refunded;
        self.overdraft += other.overdraft;
    }
}
