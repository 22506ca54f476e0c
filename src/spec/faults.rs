//! Faults as written: at a rate, and in episodes.

use super::build::Builder;
use super::context::At;
use super::decode::Record;
use super::describe::record;
use super::problem::Span;
use crate::model::{FaultEpisode, Faults};
use crate::units::{Probability, SimSpan, SimTime};

record! {
    /// What goes wrong besides quotas: the usual shares of attempts, and episodes with others.
    struct FaultsSpec as "set of faults" {
        /// Share of attempts answered with 503, before admission.
        unavailable: Probability = "0",
        /// Share of attempts answered with the model-overloaded 429, before admission.
        overloaded: Probability = "0",
        /// Share of attempts answered with 429 `ModelNotReadyException`, before admission.
        model_not_ready: Probability = "0",
        /// Responses that take longer.
        slow: SlowSpec,
        /// Share of responses whose connection breaks; of a stream, an error event in it is the same.
        disconnect: Probability = "0",
        /// Share of attempts that get no response at all: the client waits until its `read_timeout`.
        timeout: Probability = "0",
        /// Share of responses that end in 408 `ModelTimeoutException`.
        model_timeout: Probability = "0",
        /// Whiles with other faults; where two overlap, the one written last counts.
        episodes: Vec<At<EpisodeSpec>>,
    }
}

record! {
    /// Responses that take longer.
    struct SlowSpec as "slowdown" {
        /// Share of responses.
        probability: Probability = required,
        /// How many times as long.
        factor: f64 = required,
    }
}

record! {
    /// A while with other faults than usual; what it does not name stays as usual.
    struct EpisodeSpec as "fault episode" {
        /// When it begins, from the start.
        at: SimSpan = required,
        /// How long it lasts.
        r#for: SimSpan = required,
        /// From the beginning of one to that of the next; left out, it happens once.
        every: SimSpan,
        /// Share of attempts answered with 503, before admission.
        unavailable: Probability,
        /// Share of attempts answered with the model-overloaded 429, before admission.
        overloaded: Probability,
        /// Share of attempts answered with 429 `ModelNotReadyException`, before admission.
        model_not_ready: Probability,
        /// Responses that take longer.
        slow: SlowSpec,
        /// Share of responses whose connection breaks.
        disconnect: Probability,
        /// Share of attempts that get no response at all.
        timeout: Probability,
        /// Share of responses that end in 408 `ModelTimeoutException`.
        model_timeout: Probability,
    }
}

impl FaultsSpec {
    /// The usual faults, and the episodes.
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<(Faults, Vec<FaultEpisode>)> {
        let share = |field: Option<At<Probability>>| field.map(|share| share.value);
        let slow = match &self.slow {
            None => Some((Probability(0.0), 1.0)),
            Some(slow) => slow.value.build(b),
        };
        let usual = slow.and_then(|(slow, slow_factor)| {
            Some(Faults {
                unavailable: share(self.unavailable)?,
                overloaded: share(self.overloaded)?,
                model_not_ready: share(self.model_not_ready)?,
                slow,
                slow_factor,
                disconnect: share(self.disconnect)?,
                timeout: share(self.timeout)?,
                model_timeout: share(self.model_timeout)?,
            })
        });
        let places = [self.overloaded?.at, self.disconnect?.at];
        let checked = usual.and_then(|usual| one_of_each(b, &usual, places));
        let written = self.episodes.iter().flat_map(|list| &list.value);
        let episodes: Vec<_> =
            written.map(|each| each.value.build(b, &usual.unwrap_or(Faults::NONE), each.at)).collect();
        checked?;
        Some((usual?, episodes.into_iter().collect::<Option<_>>()?))
    }
}

impl SlowSpec {
    fn build(&self, b: &mut Builder<'_>) -> Option<(Probability, f64)> {
        let factor = self.factor?;
        b.require((1.0..=1e6).contains(&factor.value), factor.at, || {
            format!("`factor` is {}: it must lie between 1 and 1,000,000", factor.value)
        })?;
        Some((self.probability?.value, factor.value))
    }
}

impl EpisodeSpec {
    fn build(&self, b: &mut Builder<'_>, usual: &Faults, written: Span) -> Option<FaultEpisode> {
        let (at, lasts) = (self.at?, self.r#for?);
        b.require(lasts.value > SimSpan::ZERO, lasts.at, || "`for` is 0: it must be positive".to_owned())?;
        let every = match self.every {
            None => None,
            Some(every) => {
                b.require(every.value > lasts.value, every.at, || {
                    "`every` must be longer than `for`, or the episode never ends".to_owned()
                })?;
                Some(every.value)
            }
        };
        let shares = [
            self.unavailable,
            self.overloaded,
            self.model_not_ready,
            self.disconnect,
            self.timeout,
            self.model_timeout,
        ];
        if shares.iter().all(Option::is_none) && self.slow.is_none() && self.broken().is_empty() {
            b.cx.problem_with(
                written,
                "the episode names no fault, so nothing would happen in it",
                "add one, such as `unavailable: 30%`",
            );
            return None;
        }
        let [unavailable, overloaded, model_not_ready, disconnect, timeout, model_timeout] =
            shares.map(|share| share.map(|share| share.value));
        let (slow, slow_factor) = match &self.slow {
            None => (usual.slow, usual.slow_factor),
            Some(slow) => slow.value.build(b)?,
        };
        let faults = Faults {
            unavailable: unavailable.unwrap_or(usual.unavailable),
            overloaded: overloaded.unwrap_or(usual.overloaded),
            model_not_ready: model_not_ready.unwrap_or(usual.model_not_ready),
            slow,
            slow_factor,
            disconnect: disconnect.unwrap_or(usual.disconnect),
            timeout: timeout.unwrap_or(usual.timeout),
            model_timeout: model_timeout.unwrap_or(usual.model_timeout),
        };
        one_of_each(b, &faults, [written; 2])?;
        Some(FaultEpisode { at: SimTime(at.value.0), lasts: lasts.value, every, faults })
    }
}

/// An attempt meets one fault before its admission at most, and one after it; `places` are where to complain.
fn one_of_each(b: &mut Builder<'_>, faults: &Faults, places: [Span; 2]) -> Option<()> {
    let before = faults.before_admission();
    b.require(before <= 1.0, places[0], || {
        format!(
            "`unavailable`, `overloaded` and `model_not_ready` add up to {before}, more than 1: an attempt meets one of them"
        )
    })?;
    let after = faults.after_admission();
    b.require(after <= 1.0, places[1], || {
        format!(
            "`disconnect`, `timeout` and `model_timeout` add up to {after}, more than 1: a response meets one of them"
        )
    })
}
