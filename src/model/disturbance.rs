//! What disturbs a scenario for a while: a spike of its traffic, faults in episodes.
//!
//! A disturbance that ends before the horizon leaves a question open: does the system come back by itself? The answer
//! compares the scenario with the same one left in peace, [`Scenario::undisturbed`].

use crate::model::scenario::Load;
use crate::model::{Faults, Scenario};
use crate::units::{SimSpan, SimTime};

/// A while with more traffic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spike {
    /// When it begins.
    pub at: SimTime,
    /// How long it lasts.
    pub lasts: SimSpan,
    /// Multiplies the rate of open arrivals while it lasts, on top of the scenario's `load`; at least 1.
    pub load: Load,
    /// The workloads whose arrivals it multiplies, as indices into [`Scenario::workloads`].
    pub workloads: Vec<usize>,
}

impl Spike {
    /// When it is over.
    pub fn ends(&self) -> SimTime {
        self.at.saturating_add(self.lasts)
    }

    /// Whether an instant lies within it.
    pub fn covers(&self, now: SimTime) -> bool {
        self.at <= now && now < self.ends()
    }
}

/// A while with other faults than usual.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultEpisode {
    /// When it begins.
    pub at: SimTime,
    /// How long it lasts.
    pub lasts: SimSpan,
    /// From the beginning of one to that of the next; `None` happens once.
    pub every: Option<SimSpan>,
    /// The faults while it lasts.
    pub faults: Faults,
}

impl FaultEpisode {
    /// Whether an instant lies within it, or within one of its repetitions.
    pub fn covers(&self, now: SimTime) -> bool {
        if now < self.at {
            return false;
        }
        let since = (now - self.at).0;
        self.every.map_or(since, |every| since % every.0) < self.lasts.0
    }

    /// Whether all instants from one to another lie within it, or none; `None` if it begins or ends between them.
    pub fn covers_all(&self, from: SimTime, to: SimTime) -> Option<bool> {
        if to < self.at {
            return Some(false);
        }
        let round = |now: SimTime| self.every.map_or(0, |every| now.since(self.at).0 / every.0);
        let steady = from >= self.at && round(from) == round(to) && self.covers(from) == self.covers(to);
        steady.then(|| self.covers(from))
    }
}

/// The faults in force at an instant: of the last episode that covers it, or the usual ones.
///
/// ```
/// use quotasim::model::disturbance::{FaultEpisode, faults_at};
/// use quotasim::model::Faults;
/// use quotasim::units::{Probability, SimSpan, SimTime};
/// let outage = Faults { unavailable: Probability(1.0), ..Faults::NONE };
/// let second = SimSpan::SECOND;
/// let episode = FaultEpisode { at: SimTime(10), lasts: second, every: None, faults: outage };
/// assert_eq!(faults_at(&Faults::NONE, &[episode], SimTime(9)), &Faults::NONE);
/// assert_eq!(faults_at(&Faults::NONE, &[episode], SimTime(10)), &outage);
/// ```
pub fn faults_at<'a>(usual: &'a Faults, episodes: &'a [FaultEpisode], now: SimTime) -> &'a Faults {
    episodes.iter().rev().find(|episode| episode.covers(now)).map_or(usual, |episode| &episode.faults)
}

/// From the beginning of a scenario's first disturbance to the end of its last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Disturbance {
    /// When it begins: within measured time.
    pub from: SimTime,
    /// When it is over: before the horizon.
    pub to: SimTime,
    /// Whether a spike is part of it.
    pub spike: bool,
    /// Whether fault episodes are.
    pub faults: bool,
}

impl Scenario {
    /// The spike and the fault episodes as one disturbance; episodes that repeat are no part of it.
    ///
    /// `None` where nothing disturbs, where it begins before requests are counted, or where it leaves no time to come
    /// back in.
    pub fn disturbance(&self) -> Option<Disturbance> {
        let spike = self.spike.iter().map(|spike| (spike.at, spike.ends()));
        let episodes = self.one_off_episodes().map(|episode| (episode.at, episode.at.saturating_add(episode.lasts)));
        let (from, to) = spike.chain(episodes).reduce(|one, other| (one.0.min(other.0), one.1.max(other.1)))?;
        let faults = self.one_off_episodes().next().is_some();
        (from >= self.warmup && to < self.horizon).then_some(Disturbance {
            from,
            to,
            spike: self.spike.is_some(),
            faults,
        })
    }

    fn one_off_episodes(&self) -> impl Iterator<Item = &FaultEpisode> {
        let of_workloads = self.workloads.iter().flat_map(|workload| &workload.fault_episodes);
        let of_pools = self.pools.iter().flat_map(|pool| &pool.fault_episodes);
        of_workloads.chain(of_pools).filter(|episode| episode.every.is_none())
    }

    /// The same scenario left in peace: without the spike, and without the fault episodes that happen once.
    #[must_use]
    pub fn undisturbed(&self) -> Scenario {
        let mut calm = self.clone();
        calm.spike = None;
        let of_workloads = calm.workloads.iter_mut().map(|workload| &mut workload.fault_episodes);
        let of_pools = calm.pools.iter_mut().map(|pool| &mut pool.fault_episodes);
        for episodes in of_workloads.chain(of_pools) {
            episodes.retain(|episode| episode.every.is_some());
        }
        calm
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Probability;

    #[test]
    fn an_episode_repeats_from_its_beginning_on() {
        let faults = Faults { unavailable: Probability(1.0), ..Faults::NONE };
        let episode = FaultEpisode { at: SimTime(100), lasts: SimSpan(10), every: Some(SimSpan(50)), faults };
        let covered: Vec<u64> = (0..220).filter(|&t| episode.covers(SimTime(t))).collect();
        let expected: Vec<u64> = (100..110).chain(150..160).chain(200..210).collect();
        assert_eq!(covered, expected);
    }

    #[test]
    fn an_episode_covers_a_while_as_it_covers_its_instants() {
        for every in [None, Some(SimSpan(50))] {
            let episode = FaultEpisode { at: SimTime(100), lasts: SimSpan(10), every, faults: Faults::NONE };
            for from in 0..220 {
                for to in from..220 {
                    let covered = (from..=to).filter(|&t| episode.covers(SimTime(t))).count() as u64;
                    match episode.covers_all(SimTime(from), SimTime(to)) {
                        Some(all) => assert_eq!(covered, if all { to + 1 - from } else { 0 }, "{from}..={to}"),
                        // It may say so of a while that spans several rounds between two episodes.
                        None => assert!(covered > 0 || to - from >= 40, "{from}..={to}"),
                    }
                }
            }
        }
    }

    #[test]
    fn the_last_episode_written_counts() {
        let episode = |at, share| FaultEpisode {
            at: SimTime(at),
            lasts: SimSpan(10),
            every: None,
            faults: Faults { overloaded: Probability(share), ..Faults::NONE },
        };
        let episodes = [episode(0, 0.1), episode(5, 0.2)];
        let at = |t| faults_at(&Faults::NONE, &episodes, SimTime(t)).overloaded.0;
        assert_eq!([at(0), at(5), at(9), at(10), at(15)], [0.1, 0.2, 0.2, 0.2, 0.0]);
    }
}
