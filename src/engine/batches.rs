//! Cuts the measured time of one replication into batches, each with a tally of its own.
//!
//! A cut is a mark like others: it comes before every event at its instant and changes nothing that happens. Counters
//! start anew, peaks fall to what there is; ledgers, quotas and clients go on.

use super::observer::Observer;
use super::simulation::Simulation;
use crate::tally::Tally;
use crate::units::SimTime;

impl<O: Observer> Simulation<'_, O> {
    /// A batch ends and the next begins.
    pub(super) fn cut_batch(&mut self, now: SimTime) {
        for workload in 0..self.sources.len() {
            // What has come of a block belongs to this batch, the rest to later ones.
            if self.sources[workload].as_ref().is_some_and(|source| source.block().columns.is_some()) {
                self.count_first_attempts(workload);
            }
        }
        self.end_batch(now);
        for (pool, state) in self.tally.pools.iter_mut().zip(&mut self.pools) {
            pool.reservation_ns = std::mem::take(&mut state.reservation_ns);
        }
        self.batches.push(self.tally.take_batch(now - self.marks.since()));
        self.begin_batch(now);
    }

    /// The tallies of all batches, or the one of a run that is not cut.
    pub(super) fn close_batches(mut self) -> Vec<Tally> {
        if let Some(first) = self.batches.first_mut() {
            self.tally.batch = Some(self.marks.horizon() - self.marks.since());
            first.take_course(&mut self.tally);
        }
        self.batches.push(self.tally);
        self.batches
    }
}
