//! One long run, cut into batches whose results count like those of replications.

use super::Progress;
use super::replicate::Watcher;
use crate::analysis::Replications;
use crate::engine::Engine;
use crate::units::{SimSpan, SimTime};
use std::cmp::Reverse;

/// How measured time is cut: so many batches of this length, whole minutes. What is left over is the last one's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cut {
    pub(super) batches: u32,
    pub(super) length: SimSpan,
}

impl Cut {
    /// How many batches there are where the horizon can be chosen.
    ///
    /// *Source*: Schmeiser 1982 (see `analysis::batch_means`): more than 30 narrow the interval by less than they shorten
    /// the batches.
    pub(super) const BATCHES: u32 = 30;
    /// Between how many of them there may be where it is given.
    const FEWEST: u32 = 20;
    const MOST: u32 = 32;

    /// The cut that leaves the least over; `None` where whole minutes make too few batches.
    pub(super) fn of(measured: SimSpan) -> Option<Cut> {
        let minutes = measured.0 / SimSpan::MINUTE.0;
        (Cut::FEWEST..=Cut::MOST)
            .filter(|&batches| u64::from(batches) <= minutes)
            .min_by_key(|&batches| (minutes % u64::from(batches), batches.abs_diff(Cut::BATCHES), Reverse(batches)))
            .map(|batches| Cut { batches, length: SimSpan(minutes / u64::from(batches) * SimSpan::MINUTE.0) })
    }

    /// The instants between batches.
    fn instants(self, warmup: SimTime) -> Vec<SimTime> {
        (1..u64::from(self.batches)).map(|nth| warmup + SimSpan(nth * self.length.0)).collect()
    }
}

/// Runs the scenario's first replication in batches; nothing if it was stopped.
pub(super) fn run_in_batches(engine: &Engine<'_>, cut: Cut, progress: &dyn Progress) -> Replications {
    let scenario = engine.scenario();
    let mut watcher = Watcher { progress, replication: 0, horizon: scenario.horizon };
    let batches = engine.run_in_batches(scenario.seed, 0, &cut.instants(scenario.warmup), &mut watcher);
    let mut done = Replications::default();
    for (index, batch) in batches.into_iter().flatten().enumerate() {
        done.add(index as u32, batch);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(minutes: u64) -> Option<(u32, u64)> {
        let cut = Cut::of(SimSpan(minutes * SimSpan::MINUTE.0 + 1))?;
        Some((cut.batches, cut.length.0 / SimSpan::MINUTE.0))
    }

    #[test]
    fn batches_are_whole_minutes_and_leave_little_over() {
        let table = [
            (19, None),
            (20, Some((20, 1))),
            (28, Some((28, 1))),
            (58, Some((29, 2))),
            // Two minutes over.
            (118, Some((29, 4))),
            // As chosen: 480 is 32 × 15, too.
            (480, Some((30, 16))),
            (30 * 90, Some((30, 90))),
        ];
        for (minutes, expected) in table {
            assert_eq!(cut(minutes), expected, "{minutes} minutes");
        }
    }
}
