//! Faults of the service besides quotas: at a rate, in episodes, of a workload and of a pool.
//!
//! An attempt meets the faults of its workload, then those of its pool, each with draws of its own. Which are in force
//! is a matter of the instant at which the attempt is made, for its whole life. Scenarios without faults pay one test of
//! a flag each time.

use super::attempt::{SLOW, unit};
use super::observer::Observer;
use super::request::Request;
use super::simulation::{Clients, Simulation};
use crate::client::Failure;
use crate::model::disturbance::faults_at;
use crate::model::{FaultEpisode, Faults, Pool, Workload};
use crate::units::{SimSpan, SimTime};

/// What may go wrong with the attempts of a workload on a pool.
#[derive(Debug)]
pub(super) struct FlowFaults {
    of_workload: Timetable,
    of_pool: Timetable,
    /// Attempts may be refused for other reasons than quotas.
    pub(super) refuse: bool,
    /// Responses may be slow.
    pub(super) slow: bool,
    /// Answers may be lost.
    pub(super) lose: bool,
}

/// The usual faults, and when there are others.
#[derive(Debug)]
struct Timetable {
    usual: Faults,
    episodes: Vec<FaultEpisode>,
}

impl FlowFaults {
    pub(super) fn new(workload: &Workload, pool: &Pool) -> FlowFaults {
        let of_workload = Timetable { usual: workload.faults, episodes: workload.fault_episodes.clone() };
        let of_pool = Timetable { usual: pool.faults, episodes: pool.fault_episodes.clone() };
        let ever = |happens: fn(&Faults) -> bool| of_workload.ever(happens) || of_pool.ever(happens);
        FlowFaults {
            refuse: ever(|faults| faults.before_admission() > 0.0),
            slow: ever(|faults| faults.slow.0 > 0.0),
            lose: ever(|faults| faults.after_admission() > 0.0),
            of_workload,
            of_pool,
        }
    }
}

impl Timetable {
    fn ever(&self, happens: fn(&Faults) -> bool) -> bool {
        self.episodes.iter().map(|episode| &episode.faults).chain([&self.usual]).any(happens)
    }

    fn at(&self, now: SimTime) -> &Faults {
        faults_at(&self.usual, &self.episodes, now)
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// What answers an attempt before its admission, if it meets such a fault; it consumes nothing.
    pub(super) fn fault_before_admission(&mut self, slot: u32) -> Option<Failure> {
        let request = self.requests.get(slot);
        let place = usize::from(request.flow);
        let faults = &self.engine.flows[place].faults;
        if !faults.refuse {
            return None;
        }
        let clients = &self.clients[usize::from(request.workload)];
        let tables = [(&faults.of_workload, clients.fault), (&faults.of_pool, clients.pool_fault)];
        let met = tables.into_iter().find_map(|(table, key)| {
            let faults = table.at(request.last_attempt);
            let u = unit(key.attempt_bits(request.number, request.attempts));
            which(u, [faults.unavailable.0, faults.overloaded.0, faults.model_not_ready.0]).map(|(met, _)| met)
        })?;
        if request.counted {
            self.tally.flows[place].faulted += 1;
        }
        Some([Failure::Unavailable, Failure::Overloaded, Failure::ModelNotReady][met])
    }
}

/// The duration of a response under slow faults; its first token comes later likewise.
#[cold]
pub(super) fn slowed(faults: &FlowFaults, clients: &Clients, request: &mut Request) -> u64 {
    let mut factor = 1.0;
    for (table, key) in [(&faults.of_workload, clients.fault), (&faults.of_pool, clients.pool_fault)] {
        let faults = table.at(request.last_attempt);
        if unit(key.attempt_bits(request.number, request.attempts | SLOW)) < faults.slow.0 {
            factor *= faults.slow_factor;
        }
    }
    request.timing.ttft = (request.timing.ttft as f64 * factor) as u64;
    (request.timing.service as f64 * factor) as u64
}

/// When and how the answer to an admitted attempt is lost, if it is. No response at all is lost at [`SimTime::MAX`],
/// when every client has given up.
#[cold]
pub(super) fn lost(
    faults: &FlowFaults,
    clients: &Clients,
    request: &Request,
    now: SimTime,
    ends: SimTime,
) -> Option<(SimTime, Failure)> {
    let tables = [(&faults.of_workload, clients.disconnect), (&faults.of_pool, clients.pool_disconnect)];
    let met = tables.into_iter().filter_map(|(table, key)| {
        let faults = table.at(now);
        let u = unit(key.attempt_bits(request.number, request.attempts));
        let (met, share) = which(u, [faults.disconnect.0, faults.timeout.0, faults.model_timeout.0])?;
        // Where in the response it breaks is uniform: the rest of the same draw says where.
        let breaks = now.saturating_add(SimSpan(((ends - now).0 as f64 * share) as u64));
        Some(match met {
            0 => (breaks, Failure::Disconnected),
            1 => (SimTime::MAX, Failure::Timeout),
            _ => (ends, Failure::ModelTimeout),
        })
    });
    met.min_by_key(|&(at, _)| at)
}

/// Which of three disjoint events a uniform number falls into, and how far into it, from 0 to 1.
fn which(u: f64, shares: [f64; 3]) -> Option<(usize, f64)> {
    let mut below = 0.0;
    for (place, share) in shares.into_iter().enumerate() {
        if u < below + share {
            return Some((place, (u - below) / share));
        }
        below += share;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::which;

    #[test]
    fn a_draw_falls_into_one_event_or_none() {
        let shares = [0.25, 0.0, 0.5];
        assert_eq!(which(0.125, shares), Some((0, 0.5)));
        assert_eq!(which(0.25, shares), Some((2, 0.0)));
        assert_eq!(which(0.5, shares), Some((2, 0.5)));
        assert_eq!(which(0.75, shares), None);
        assert_eq!(which(0.0, [0.0; 3]), None);
    }
}
