//! A tally that is taken and replaced while the run goes on.

use super::{FlowTally, PoolTally, Tally};
use crate::units::SimSpan;

impl Tally {
    /// Takes what has been counted through a batch of this length, and leaves what only the run as a whole has: ledgers,
    /// the drift and the timelines of pools, the course of trouble, and the events.
    #[must_use]
    pub fn take_batch(&mut self, batch: SimSpan) -> Tally {
        let flow = |flow: &mut FlowTally| FlowTally {
            workload: flow.workload,
            pool: flow.pool,
            ledger: std::mem::take(&mut flow.ledger),
            ..FlowTally::default()
        };
        let pool = |pool: &mut PoolTally| PoolTally {
            level_drift: pool.level_drift.take(),
            timeline: std::mem::take(&mut pool.timeline),
            ..PoolTally::default()
        };
        let rest = Tally {
            flows: self.flows.iter_mut().map(flow).collect(),
            pools: self.pools.iter_mut().map(pool).collect(),
            health: self.health.take(),
            events: std::mem::take(&mut self.events),
            ..Tally::default()
        };
        Tally { batch: Some(batch), ..std::mem::replace(self, rest) }
    }

    /// Takes the drift and the timelines of a run over from its last batch.
    pub fn take_course(&mut self, last: &mut Tally) {
        for (mine, last) in self.pools.iter_mut().zip(&mut last.pools) {
            mine.level_drift = last.level_drift.take();
            mine.timeline = std::mem::take(&mut last.timeline);
        }
    }
}
