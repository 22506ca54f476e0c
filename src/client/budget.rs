//! A custom policy's retry budget: calls deposit when they start, retries withdraw.
//!
//! Kept in billionths of a token, so that ten deposits of 0.1 are exactly one token.
//!
//! *Source*: M. Brooker, "Fixing retries with token buckets and circuit breakers" (2022), and `retry_sim` of
//! <https://github.com/mbrooker/simulator_example>.

use crate::model::client::RetryBudget;

/// A budget's parameters [10⁻⁹ tokens].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BudgetRule {
    capacity: u64,
    deposit: u64,
    /// `None`: retries are free.
    cost: Option<u64>,
}

/// A budget's level [10⁻⁹ tokens].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Budget(u64);

impl BudgetRule {
    /// No budget: every retry may go.
    pub(super) const UNLIMITED: BudgetRule = BudgetRule { capacity: 0, deposit: 0, cost: None };

    pub(super) fn new(budget: &RetryBudget) -> BudgetRule {
        let billionths = |tokens: f64| libm::round(tokens * 1e9) as u64;
        BudgetRule {
            capacity: billionths(budget.capacity),
            deposit: billionths(budget.deposit),
            cost: Some(billionths(budget.retry_cost)),
        }
    }

    pub(super) fn full(&self) -> Budget {
        Budget(self.capacity)
    }

    /// A call starts.
    #[inline]
    pub(super) fn deposit(&self, budget: &mut Budget) {
        budget.0 = self.capacity.min(budget.0.saturating_add(self.deposit));
    }

    /// Takes a retry's cost. As in the source the level must exceed the cost: the last token stays.
    pub(super) fn acquire(&self, budget: &mut Budget) -> bool {
        let Some(cost) = self.cost else { return true };
        let granted = budget.0 > cost;
        if granted {
            budget.0 -= cost;
        }
        granted
    }
}
