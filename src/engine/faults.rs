//! Faults of the service besides quotas: at a rate, in episodes, of a workload and of a pool.
//!
//! An attempt meets the faults of its workload, then those of its pool, each with draws of its own. Which are in force
//! is a matter of the instant at which the attempt is made, for its whole life. Scenarios without faults pay one test of
//! a flag each time.

use super::attempt::{SLOW, unit};
use super::draws::{BLOCK, Timing};
use super::fate::Attempt;
use super::observer::Observer;
use super::simulation::Simulation;
use crate::client::Failure;
use crate::model::disturbance::faults_at;
use crate::model::{FaultEpisode, Faults, Pool, Workload};
use crate::random::{Key, Purpose, Streams};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, widest};
use std::ops::RangeInclusive;

/// The streams of one replication that the faults of a workload's attempts are drawn from.
#[derive(Debug, Clone, Copy)]
pub(super) struct FaultKeys {
    fault: Key,
    disconnect: Key,
    pool_fault: Key,
    pool_disconnect: Key,
}

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
    /// Whether there ever are any.
    ever: bool,
}

impl FlowFaults {
    /// Whether anything may ever go wrong.
    pub(super) fn any(&self) -> bool {
        self.refuse || self.slow || self.lose
    }

    pub(super) fn new(workload: &Workload, pool: &Pool) -> FlowFaults {
        let of_workload = Timetable::new(workload.faults, &workload.fault_episodes);
        let of_pool = Timetable::new(pool.faults, &pool.fault_episodes);
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
    fn new(usual: Faults, episodes: &[FaultEpisode]) -> Timetable {
        let ever = usual != Faults::NONE || !episodes.is_empty();
        Timetable { usual, episodes: episodes.to_vec(), ever }
    }

    fn ever(&self, happens: fn(&Faults) -> bool) -> bool {
        self.episodes.iter().map(|episode| &episode.faults).chain([&self.usual]).any(happens)
    }

    fn at(&self, now: SimTime) -> &Faults {
        faults_at(&self.usual, &self.episodes, now)
    }

    /// The faults in force all the time from one instant to another; `None` if they change or may change.
    fn throughout(&self, from: SimTime, to: SimTime) -> Option<&Faults> {
        for episode in self.episodes.iter().rev() {
            if episode.covers_all(from, to)? {
                return Some(&episode.faults);
            }
        }
        Some(&self.usual)
    }
}

impl FaultKeys {
    pub(super) fn new(streams: Streams) -> FaultKeys {
        let key = |purpose| streams.key(purpose);
        FaultKeys {
            fault: key(Purpose::Fault),
            disconnect: key(Purpose::Disconnect),
            pool_fault: key(Purpose::PoolFault),
            pool_disconnect: key(Purpose::PoolDisconnect),
        }
    }
}

impl FlowFaults {
    /// What answers an attempt before its admission, if it meets such a fault; it consumes nothing.
    #[cold]
    pub(super) fn before_admission(&self, keys: &FaultKeys, attempt: &Attempt) -> Option<Failure> {
        let tables = [(&self.of_workload, keys.fault), (&self.of_pool, keys.pool_fault)];
        let met = tables.into_iter().filter(|(table, _)| table.ever).find_map(|(table, key)| {
            let faults = table.at(attempt.at);
            let u = unit(key.attempt_bits(attempt.request, attempt.number));
            which(u, [faults.unavailable.0, faults.overloaded.0, faults.model_not_ready.0]).map(|(met, _)| met)
        })?;
        Some([Failure::Unavailable, Failure::Overloaded, Failure::ModelNotReady][met])
    }

    /// The timing of a response under slow faults.
    #[cold]
    pub(super) fn slowed(&self, keys: &FaultKeys, attempt: &Attempt) -> Timing {
        let mut factor = 1.0;
        for (table, key) in [(&self.of_workload, keys.fault), (&self.of_pool, keys.pool_fault)] {
            let faults = table.at(attempt.at);
            if table.ever && unit(key.attempt_bits(attempt.request, attempt.number | SLOW)) < faults.slow.0 {
                factor *= faults.slow_factor;
            }
        }
        if factor == 1.0 {
            return attempt.timing;
        }
        let slowed = |span: u64| (span as f64 * factor) as u64;
        Timing { ttft: slowed(attempt.timing.ttft), service: slowed(attempt.timing.service) }
    }

    /// When and how the answer to an admitted attempt is lost, if it is. No response at all is lost at
    /// [`SimTime::MAX`], when every client has given up.
    #[cold]
    pub(super) fn lost(&self, keys: &FaultKeys, attempt: &Attempt, ends: SimTime) -> Option<(SimTime, Failure)> {
        let tables = [(&self.of_workload, keys.disconnect), (&self.of_pool, keys.pool_disconnect)];
        let met = tables.into_iter().filter(|(table, _)| table.ever).filter_map(|(table, key)| {
            let faults = table.at(attempt.at);
            let u = unit(key.attempt_bits(attempt.request, attempt.number));
            let (met, share) = which(u, [faults.disconnect.0, faults.timeout.0, faults.model_timeout.0])?;
            // Where in the response it breaks is uniform: the rest of the same draw says where.
            let breaks = attempt.at.saturating_add(SimSpan(((ends - attempt.at).0 as f64 * share) as u64));
            Some(match met {
                0 => (breaks, Failure::Disconnected),
                1 => (SimTime::MAX, Failure::Timeout),
                _ => (ends, Failure::ModelTimeout),
            })
        });
        met.min_by_key(|&(at, _)| at)
    }

    /// Marks the requests `first ..` of a block, which arrive at `times`, if any of their attempts of these numbers, made
    /// within this time, may meet any of it.
    pub(super) fn mark(
        &self,
        keys: &FaultKeys,
        first: u64,
        times: &[u64],
        attempts: RangeInclusive<u32>,
        within: SimSpan,
        marked: &mut [bool],
    ) {
        let (Some(&from), Some(&to)) = (times.first(), times.last()) else { return };
        let tables = [
            (&self.of_workload, [keys.fault, keys.disconnect]),
            (&self.of_pool, [keys.pool_fault, keys.pool_disconnect]),
        ];
        for (table, keys) in tables {
            match table.throughout(SimTime(from), SimTime(to).saturating_add(within)) {
                Some(faults) => mark_steady(faults, keys, first, attempts.clone(), marked),
                // The block sees an episode begin or end.
                None => marked.fill(true),
            }
        }
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// What answers an attempt before its admission, if it meets such a fault.
    pub(super) fn fault_before_admission(&mut self, slot: u32) -> Option<Failure> {
        let request = self.requests.get(slot);
        let place = usize::from(request.flow);
        let faults = &self.engine.flows[place].faults;
        if !faults.refuse {
            return None;
        }
        let keys = &self.clients[usize::from(request.workload)].faults;
        let failure = faults.before_admission(keys, &request.attempt())?;
        if request.counted {
            self.tally.flows[place].faulted += 1;
        }
        Some(failure)
    }
}

/// Marks the requests of whose attempts of these numbers any meets any of these faults.
fn mark_steady(
    faults: &Faults,
    [fault, disconnect]: [Key; 2],
    first: u64,
    attempts: RangeInclusive<u32>,
    marked: &mut [bool],
) {
    let mut bits = [0; BLOCK];
    for (key, kinds) in [
        (fault, [(faults.before_admission(), 0), (faults.slow.0, SLOW)]),
        (disconnect, [(faults.after_admission(), 0), (0.0, 0)]),
    ] {
        if kinds.iter().all(|&(share, _)| share <= 0.0) {
            continue;
        }
        widest(Drawing { key, first, bits: &mut bits });
        for (share, kind) in kinds.into_iter().filter(|&(share, _)| share > 0.0) {
            // 53 bits of a draw count: they are below `share · 2⁵³`, which is exact, when the number is below `share`.
            let below = libm::ceil(share * (1u64 << 53) as f64) as u64;
            for nth in attempts.clone() {
                widest(Marking { key, bits: &bits, attempt: nth | kind, below, marked });
            }
        }
    }
}

/// Draws the bits of requests, which those of all their attempts follow from.
struct Drawing<'a> {
    key: Key,
    first: u64,
    bits: &'a mut [u64; BLOCK],
}

impl Loop for Drawing<'_> {
    #[inline(always)]
    fn run(self) {
        let Drawing { key, first, bits } = self;
        for (bits, drawn) in bits.iter_mut().zip(key.bits_from(first)) {
            *bits = drawn;
        }
    }
}

struct Marking<'a> {
    key: Key,
    bits: &'a [u64; BLOCK],
    attempt: u32,
    below: u64,
    marked: &'a mut [bool],
}

impl Loop for Marking<'_> {
    #[inline(always)]
    fn run(self) {
        let Marking { key, bits, attempt, below, marked } = self;
        for (&bits, marked) in bits.iter().zip(marked) {
            *marked |= key.attempt_bits_of(bits, attempt) >> 11 < below;
        }
    }
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
