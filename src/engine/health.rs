//! How requests fare over time, watched where a scenario is disturbed for a while.

use super::observer::Observer;
use super::request::Request;
use super::simulation::Simulation;
use crate::client::Failure;
use crate::tally::Health;
use crate::units::SimSpan;

impl<O: Observer> Simulation<'_, O> {
    /// Looks at an attempt before it comes to the gate: counts it over time, and answers it if it meets a fault.
    #[cold]
    pub(super) fn inspect(&mut self, slot: u32) -> Option<Failure> {
        if let Some(health) = &mut self.tally.health {
            health.attempted(self.requests.get(slot).last_attempt);
        }
        self.fault_before_admission(slot)
    }
}

/// A counted request has its answer, or ends without one.
#[cold]
pub(super) fn note_ended(health: &mut Option<Health>, request: &Request, answered: bool) {
    if let Some(health) = health {
        health.ended(request.arrived, answered.then(|| SimSpan(request.waited())));
    }
}
