//! Faults of the service besides quotas: at a rate, in episodes, of a workload and of a pool.
//!
//! An attempt meets the faults of its workload, then those of its pool, each with draws of its own. Which are in force
//! is a matter of the instant at which the attempt is made, for its whole life. Scenarios without faults pay one test of
//! a flag each time.

use super::attempt::{SLOW, unit};
use super::draws::{BLOCK, Drawing, Timing};
use super::fate::Attempt;
use super::observer::Observer;
use super::simulation::Simulation;
use crate::client::Failure;
use crate::model::disturbance::faults_at;
use crate::model::{FaultEpisode, Faults, Pool, Workload};
use crate::random::{Key, Purpose, Streams};
use crate::units::{SimSpan, SimTime};
use crate::wide::{Loop, widest};
use std::ops::Range;

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

    /// Finds out which of the requests `first ..` of a block, which arrive at `times`, may meet any of it at one of so many
    /// attempts, made within this time.
    pub(super) fn foresee(
        &self,
        keys: &FaultKeys,
        first: u64,
        times: &[u64],
        attempts: u32,
        within: SimSpan,
        foreseen: &mut Foreseen<'_>,
    ) {
        let (Some(&from), Some(&to)) = (times.first(), times.last()) else { return };
        let tables = [
            (&self.of_workload, [keys.fault, keys.disconnect]),
            (&self.of_pool, [keys.pool_fault, keys.pool_disconnect]),
        ];
        for (table, keys) in tables {
            if let Some(faults) = table.throughout(SimTime(from), SimTime(to).saturating_add(within)) {
                foreseen.add(faults, keys, first, attempts);
                continue;
            }
            // Later attempts may see an episode begin or end.
            foreseen.later.fill(true);
            match table.throughout(SimTime(from), SimTime(to)) {
                Some(faults) => foreseen.add(faults, keys, first, 1),
                None => foreseen.at_once.fill(true),
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

/// What the attempts of a block's requests may meet.
pub(super) struct Foreseen<'f> {
    /// Whether their first attempts may meet anything, and whether a later one may.
    pub(super) at_once: &'f mut [bool],
    pub(super) later: &'f mut [bool],
    /// If that is to be told apart: the attempts for which the service is unavailable, the first in the lowest bit. That is
    /// exact for requests which can meet nothing else at any.
    pub(super) unavailable: Option<&'f mut [u16]>,
}

impl Foreseen<'_> {
    /// Adds what so many attempts of the requests `first ..` meet of these faults.
    fn add(&mut self, faults: &Faults, [fault, disconnect]: [Key; 2], first: u64, attempts: u32) {
        let mut bits = [0; BLOCK];
        let (refused, slow, lost) = (faults.before_admission(), faults.slow.0, faults.after_admission());
        let (refused, slow, lost) = (0..numbers(refused), 0..numbers(slow), 0..numbers(lost));
        if !(refused.is_empty() && slow.is_empty()) {
            widest(Drawing { key: fault, first, bits: &mut bits });
            for attempt in 1..=attempts {
                let mut others = refused.clone();
                if let Some(attempts) = &mut self.unavailable {
                    others.start = numbers(faults.unavailable.0);
                    widest(Refusing { key: fault, bits: &bits, attempt, below: others.start, attempts });
                }
                self.mark(fault, &bits, attempt, 0, others);
                self.mark(fault, &bits, attempt, SLOW, slow.clone());
            }
        }
        if !lost.is_empty() {
            widest(Drawing { key: disconnect, first, bits: &mut bits });
            for attempt in 1..=attempts {
                self.mark(disconnect, &bits, attempt, 0, lost.clone());
            }
        }
    }

    /// Marks the requests whose draws for an attempt are among these numbers.
    fn mark(&mut self, key: Key, bits: &[u64; BLOCK], attempt: u32, kind: u32, numbers: Range<u64>) {
        if !numbers.is_empty() {
            let marked = if attempt == 1 { &mut *self.at_once } else { &mut *self.later };
            widest(Marking { key, bits, attempt: attempt | kind, numbers, marked });
        }
    }
}

/// How many of the numbers that a draw can be are below this share.
fn numbers(share: f64) -> u64 {
    // 53 bits of a draw count: they are below `share · 2⁵³`, which is exact, when the number is below `share`.
    libm::ceil(share.max(0.0) * (1u64 << 53) as f64) as u64
}

/// Marks requests whose draws for an attempt are among these numbers.
struct Marking<'a> {
    key: Key,
    bits: &'a [u64; BLOCK],
    attempt: u32,
    numbers: Range<u64>,
    marked: &'a mut [bool],
}

impl Loop for Marking<'_> {
    #[inline(always)]
    fn run(self) {
        let Marking { key, bits, attempt, numbers: Range { start, end }, marked } = self;
        for (&bits, marked) in bits.iter().zip(marked) {
            *marked |= (key.attempt_bits_of(bits, attempt) >> 11).wrapping_sub(start) < end - start;
        }
    }
}

/// Notes an attempt of each request whose draw for it is below a number.
struct Refusing<'a> {
    key: Key,
    bits: &'a [u64; BLOCK],
    attempt: u32,
    below: u64,
    attempts: &'a mut [u16],
}

impl Loop for Refusing<'_> {
    #[inline(always)]
    fn run(self) {
        let Refusing { key, bits, attempt, below, attempts } = self;
        for (&bits, attempts) in bits.iter().zip(attempts) {
            *attempts |= u16::from(key.attempt_bits_of(bits, attempt) >> 11 < below) << (attempt - 1);
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
