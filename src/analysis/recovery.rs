//! Whether a system comes back by itself after a spike or an outage, and how long that takes.
//!
//! The comparison is with the same traffic left in peace: each replication runs a second time without the disturbance,
//! on the same random numbers, so that nothing of a daily curve, a slowly draining bucket or plain overload is blamed on
//! it. What is compared is the share of requests *in trouble*: failed, or held up for more than a second in all.
//!
//! | state of a replication | towards the end, that is in the last quarter of the time since the disturbance |
//! |---|---|
//! | does not recover | more requests are in trouble than without it, by more than 5 percentage points and two standard errors |
//! | degraded | no more than without it, but more than 5 % either way: the load itself is too much |
//! | stable | else |
//!
//! The state of all is the worst that more than half of them are in, or in a worse one: the middle one of all, from the
//! best to the worst, and of two in the middle the better. *Time to recover* runs from the end of the disturbance to the first instant from which on no minute has more trouble than the
//! same minute without it, in the sense above.
//!
//! *Source*: the words and the idea of a trigger that a system does not come back from, although it is gone: Bronson,
//! Aghayev, Charapko and Zhu, "Metastable failures in distributed systems", `HotOS` 2021. The bounds are *assumptions*.

use crate::analysis::Estimate;
use crate::analysis::estimate::{Kind, Part, half_width, ratio};
use crate::analysis::summary::Gauge;
use crate::model::disturbance::Disturbance;
use crate::tally::{Health, Moment, Tally};
use crate::units::{SimSpan, SimTime};
use serde::{Deserialize, Serialize};

/// More requests in trouble than this share is too many.
pub const TOO_MANY: f64 = 0.05;

/// How a system is, some time after a disturbance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// As well as without it.
    #[default]
    Stable,
    /// No worse than without it, which is not well.
    Degraded,
    /// Worse than without it.
    DoesNotRecover,
}

/// What disturbed it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// A spike of the traffic.
    #[default]
    Spike,
    /// Faults in episodes.
    Faults,
    /// Both.
    SpikeAndFaults,
}

/// How many replications ended in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the state of its name")]
pub struct StateCounts {
    pub stable: u32,
    pub degraded: u32,
    pub does_not_recover: u32,
}

impl StateCounts {
    /// How many ended in this state.
    pub fn of(self, state: State) -> u32 {
        match state {
            State::Stable => self.stable,
            State::Degraded => self.degraded,
            State::DoesNotRecover => self.does_not_recover,
        }
    }

    /// How many there were.
    pub fn all(self) -> u32 {
        self.stable + self.degraded + self.does_not_recover
    }

    /// The share that does not recover; 0 of none.
    pub fn no_recovery_rate(self) -> f64 {
        f64::from(self.does_not_recover) / f64::from(self.all().max(1))
    }

    /// Whether all replications ended in one state.
    pub fn agree(self) -> bool {
        [self.stable, self.degraded, self.does_not_recover].iter().filter(|&&count| count > 0).count() < 2
    }
}

/// Something while the disturbance lasts, towards the end, and towards the end without it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Phases {
    /// While it lasts.
    pub during: Estimate,
    /// In the last quarter of the time since.
    pub end: Estimate,
    /// In the same time without it.
    pub end_undisturbed: Estimate,
}

/// The share of requests in trouble in an interval, over all replications.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Trouble {
    /// Start of the interval \[s\].
    pub from_s: f64,
    /// Of the requests that arrived in it; null if none did.
    pub share: Option<f64>,
    /// The same without the disturbance.
    pub undisturbed: Option<f64>,
}

/// What became of a system after a disturbance.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// What disturbed it.
    pub trigger: Trigger,
    /// When it began \[s\].
    pub from_s: f64,
    /// When it was over \[s\].
    pub to_s: f64,
    /// The state of the middle replication.
    pub state: State,
    /// How many ended in which state.
    pub replications: StateCounts,
    /// From the end of the disturbance, over the replications that recovered \[s\]; null if none did.
    pub time_to_recover_s: Gauge,
    /// The share of requests in trouble.
    pub trouble_rate: Phases,
    /// Attempts made ÷ requests that arrived: what retries multiply the traffic by.
    pub attempts_per_request: Phases,
    /// The course of it; not of every result.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub curve: Vec<Trouble>,
}

/// The short of a [`Recovery`], for one of many results.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Afterwards {
    /// The state of the middle replication.
    pub state: State,
    /// How many ended in which state.
    pub replications: StateCounts,
    /// From the end of the disturbance, over the replications that recovered \[s\]; null if none did.
    pub time_to_recover_s: Gauge,
}

impl From<&Recovery> for Afterwards {
    fn from(recovery: &Recovery) -> Afterwards {
        let Recovery { state, replications, time_to_recover_s, .. } = *recovery;
        Afterwards { state, replications, time_to_recover_s }
    }
}

/// One replication, reduced to what matters.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Outcome {
    state: State,
    /// `None` where it has not recovered by the horizon.
    time_to_recover: Option<SimSpan>,
    during: Moment,
    end: Moment,
    end_undisturbed: Moment,
}

impl Outcome {
    /// What became of a replication; `None` if nothing was watched.
    pub(super) fn of(tally: &Tally) -> Option<Outcome> {
        let (health, calm) = (tally.health.as_ref()?, tally.undisturbed.as_ref()?);
        let [from, to] = health.disturbed;
        let horizon = health.horizon;
        let last = SimTime(horizon.0 - (horizon - to).0 / 4);
        let (end, end_undisturbed) = (health.within(last, horizon), calm.within(last, horizon));
        let state = match (worse(&end, &end_undisturbed), share(&end)) {
            (true, _) => State::DoesNotRecover,
            (false, Some(share)) if share > TOO_MANY => State::Degraded,
            (false, _) => State::Stable,
        };
        let time_to_recover = if state == State::DoesNotRecover { None } else { time_to_recover(health, calm) };
        Some(Outcome { state, time_to_recover, during: health.within(from, to), end, end_undisturbed })
    }
}

/// The share of requests in trouble; `None` if there were none.
fn share(moment: &Moment) -> Option<f64> {
    (moment.requests > 0).then(|| moment.troubled as f64 / moment.requests as f64)
}

/// Whether clearly more requests are in trouble than without the disturbance.
fn worse(disturbed: &Moment, calm: &Moment) -> bool {
    let Some(share_now) = share(disturbed) else { return false };
    let share_calm = share(calm).unwrap_or(0.0);
    let variance = |share: f64, of: &Moment| share * (1.0 - share) / (of.requests.max(1)) as f64;
    let error = (variance(share_now, disturbed) + variance(share_calm, calm)).sqrt();
    share_now - share_calm > TOO_MANY.max(2.0 * error)
}

/// From the end of the disturbance to the first instant from which on no minute is worse than without it.
fn time_to_recover(health: &Health, calm: &Health) -> Option<SimSpan> {
    let to = health.disturbed[1];
    let minute = SimSpan(SimSpan::MINUTE.0.min((health.horizon - to).0));
    let step = SimSpan(health.interval);
    let mut recovered = Some(SimSpan::ZERO);
    let mut start = to;
    while start + minute <= health.horizon {
        if worse(&health.within(start, start + minute), &calm.within(start, start + minute)) {
            let next = start + step;
            // A last minute that is still worse is no recovery.
            recovered = (next + minute <= health.horizon).then(|| next - to);
        }
        start += step;
    }
    recovered
}

/// Points of the curve, at most.
const POINTS: usize = 120;

/// The course of the share of requests in trouble.
fn curve(pooled: &Health, calm: &Health) -> Vec<Trouble> {
    let together = pooled.moments.len().div_ceil(POINTS).max(1);
    let merged = |health: &Health, first: usize| {
        let mut whole = Moment::default();
        health.moments.iter().skip(first).take(together).for_each(|moment| whole.merge(moment));
        whole
    };
    (0..pooled.moments.len())
        .step_by(together)
        .map(|first| Trouble {
            from_s: (first as u64 * pooled.interval) as f64 / 1e9,
            share: share(&merged(pooled, first)),
            undisturbed: share(&merged(calm, first)),
        })
        .collect()
}

/// Folds the outcomes of replications, and the pooled course with and without the disturbance.
pub(super) fn fold(outcomes: &[Outcome], disturbance: Disturbance, pooled: &[Health; 2]) -> Recovery {
    let count = |state| outcomes.iter().filter(|outcome| outcome.state == state).count() as u32;
    let replications = StateCounts {
        stable: count(State::Stable),
        degraded: count(State::Degraded),
        does_not_recover: count(State::DoesNotRecover),
    };
    let half = outcomes.len() as u32 / 2;
    let state = match replications {
        StateCounts { does_not_recover, .. } if does_not_recover > half => State::DoesNotRecover,
        StateCounts { does_not_recover, degraded, .. } if does_not_recover + degraded > half => State::Degraded,
        _ => State::Stable,
    };
    let phases = |numerator: fn(&Moment) -> u64, kind: Kind| {
        let of = |pick: fn(&Outcome) -> &Moment| {
            let part = |outcome: &Outcome| Part {
                numerator: numerator(pick(outcome)) as f64,
                denominator: pick(outcome).requests as f64,
            };
            ratio(&outcomes.iter().map(part).collect::<Vec<_>>(), kind)
        };
        Phases {
            during: of(|outcome| &outcome.during),
            end: of(|outcome| &outcome.end),
            end_undisturbed: of(|outcome| &outcome.end_undisturbed),
        }
    };
    let minutes = (disturbance.to - disturbance.from).as_minutes_f64() * outcomes.len() as f64;
    let trigger = match (disturbance.spike, disturbance.faults) {
        (true, true) => Trigger::SpikeAndFaults,
        (true, false) => Trigger::Spike,
        (false, _) => Trigger::Faults,
    };
    Recovery {
        trigger,
        from_s: disturbance.from.as_secs_f64(),
        to_s: disturbance.to.as_secs_f64(),
        state,
        replications,
        time_to_recover_s: times(outcomes),
        trouble_rate: phases(|moment| moment.troubled, Kind::Rate { minutes }),
        attempts_per_request: phases(|moment| moment.attempts, Kind::Mean),
        curve: curve(&pooled[0], &pooled[1]),
    }
}

/// The times to recover of the replications that did.
fn times(outcomes: &[Outcome]) -> Gauge {
    let seconds: Vec<f64> =
        outcomes.iter().filter_map(|outcome| Some(outcome.time_to_recover?.as_secs_f64())).collect();
    if seconds.is_empty() {
        return Gauge::default();
    }
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    Gauge {
        mean: Some(mean),
        ci95: half_width(&seconds).map(|half| [(mean - half).max(0.0), mean + half]),
        max: seconds.iter().copied().reduce(f64::max),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// 20 minutes, disturbed from 5 to 6 min; `trouble` is the share in trouble at each second, of ten requests.
    fn health(trouble: impl Fn(u64) -> f64) -> Health {
        let mut health = Health::new([SimTime(300 * SECOND), SimTime(360 * SECOND)], SimTime(1_200 * SECOND));
        for second in 0..1_200 {
            let at = SimTime(second * SECOND);
            let troubled = (10.0 * trouble(second)).round() as u64;
            for request in 0..10 {
                health.ended(at, (request >= troubled).then_some(SimSpan::ZERO));
                health.attempted(at);
            }
            (0..troubled).for_each(|_| health.attempted(at));
        }
        health
    }

    fn outcome(disturbed: impl Fn(u64) -> f64, calm: impl Fn(u64) -> f64) -> Outcome {
        let tally = Tally { health: Some(health(disturbed)), undisturbed: Some(health(calm)), ..Tally::default() };
        Outcome::of(&tally).expect("it was watched")
    }

    #[test]
    fn the_three_states() {
        let between = |from: u64, to: u64, share: f64| move |s: u64| if (from..to).contains(&s) { share } else { 0.0 };
        let comes_back = outcome(between(300, 420, 1.0), |_| 0.0);
        assert_eq!(comes_back.state, State::Stable);
        // Trouble ends 60 s after the disturbance; a minute that begins 3 s before that has 5 % of it, no more.
        let time = comes_back.time_to_recover.expect("it recovers").as_secs_f64();
        assert!((56.0..=60.0).contains(&time), "{time}");
        let overloaded = outcome(|_| 0.3, |_| 0.3);
        assert_eq!((overloaded.state, overloaded.time_to_recover), (State::Degraded, Some(SimSpan::ZERO)));
        let stays_down = outcome(between(300, 1_200, 0.4), |_| 0.0);
        assert_eq!((stays_down.state, stays_down.time_to_recover), (State::DoesNotRecover, None));
        assert_eq!((stays_down.end.requests, stays_down.end.troubled), (2_100, 840));
    }

    #[test]
    fn what_happens_without_the_disturbance_too_is_not_blamed_on_it() {
        let evening = |s: u64| if s > 900 { 0.5 } else { 0.0 };
        let same = outcome(evening, evening);
        assert_eq!((same.state, same.time_to_recover), (State::Degraded, Some(SimSpan::ZERO)));
    }

    #[test]
    fn a_handful_of_requests_proves_nothing() {
        let few = |troubled| Moment { requests: 8, troubled, attempts: 8 };
        assert!(!worse(&few(1), &few(0)), "12 % of eight is one");
        assert!(worse(&few(6), &few(0)));
        assert!(!worse(&Moment::default(), &few(0)));
    }

    #[test]
    fn the_state_in_the_middle_is_the_state_of_all() {
        let stable = outcome(|_| 0.0, |_| 0.0);
        let down = outcome(|s| if s > 300 { 0.5 } else { 0.0 }, |_| 0.0);
        let disturbance =
            Disturbance { from: SimTime(300 * SECOND), to: SimTime(360 * SECOND), spike: true, faults: false };
        let pooled = [health(|_| 0.1), health(|_| 0.0)];
        let state = |outcomes: &[Outcome]| fold(outcomes, disturbance, &pooled).state;
        assert_eq!(state(&[stable, down, down]), State::DoesNotRecover);
        assert_eq!(state(&[stable, stable, down]), State::Stable);
        assert_eq!(state(&[stable, down]), State::Stable, "of two in the middle the better");
        let overloaded = outcome(|_| 0.3, |_| 0.3);
        assert_eq!(state(&[stable, stable, overloaded, down, down]), State::Degraded);
        let recovery = fold(&[stable, stable, down], disturbance, &pooled);
        assert_eq!(recovery.replications, StateCounts { stable: 2, degraded: 0, does_not_recover: 1 });
        assert_eq!(recovery.time_to_recover_s.max, Some(0.0));
        assert_eq!(recovery.attempts_per_request.end_undisturbed.mean, Some(1.0));
        assert_eq!(recovery.attempts_per_request.end.mean, Some(1.0 + 0.5 / 3.0));
        assert_eq!(recovery.curve.len(), 120);
        assert_eq!((recovery.curve[3].from_s, recovery.curve[3].share), (30.0, Some(0.1)));
    }
}
