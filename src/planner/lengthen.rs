//! Longer runs before more of them, where the law of the scenario is the same at all times and it gives no horizon.
//!
//! Each replication pays for its warm-up and starts with full buckets; a longer one pays once. How long it has to be
//! follows from a first look: half the width of an interval falls with the root of the measured time. With one
//! replication there is one run, cut into batches.
//!
//! *What it costs*: a longer round starts over, while more replications go on from those that are there. With warm-ups of
//! a share w of the horizon, g times the measured time take `1 + g(1 − w) + w` in longer replications, the first look
//! included, and g in more of them. So what is little is added; what is much is a longer horizon: further from the full
//! buckets, hardly dearer where the warm-up is short, and far cheaper where it is long.

use super::Progress;
use super::batches::{Cut, run_in_batches};
use super::precise::{GROWTH_OF_NUMBER, LEAST, MOST};
use super::replicate::{Run, conclude, replicate_range};
use crate::analysis::Replications;
use crate::analysis::precision::{Alike, Precision, Verdict};
use crate::engine::Engine;
use crate::model::Scenario;
use crate::units::{SimSpan, SimTime, format};
use std::sync::Mutex;

/// Where less than this many times the measured time is needed, replications are added.
const MUCH: f64 = 4.0;
/// How much of what the spread seems to need is in longer replications; the rest is added to them, on better estimates.
const AT_ONCE: f64 = 0.6;
/// How many times longer the spread lets the next round be at most: a first estimate of it may be far off.
const GROWTH: f64 = 16.0;
/// How much longer one run is made at least: one that falls just short again costs more than it was to save.
const LEAST_GROWTH: f64 = 1.3;
/// The same where batches are alike.
const LEAST_GROWTH_ALIKE: f64 = 2.0;
/// An estimate of the spread from some thirty batches is easily a tenth too small.
const MARGIN: f64 = 1.2;

/// Runs longer replications, and then a few more of them, until each figure that decides is as precise as asked.
///
/// `None` if it was stopped before there was a result.
pub(super) fn longer_replications(scenario: &Scenario, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    let least = scenario.replications.max(LEAST);
    // No more simulated time than so many replications of the default horizon would take.
    let most = scenario.horizon.0.saturating_mul(u64::from(MOST.max(least)));
    let mut earlier: Option<Run> = None;
    let mut round = Scenario { replications: least, ..scenario.clone() };
    let mut done = Mutex::new(Replications::default());
    let mut count = 0;
    loop {
        let engine = Engine::new(&round);
        replicate_range(&engine, count..round.replications, progress, &done);
        let so_far = done.get_mut().expect("no replication panics while it adds");
        if let Some(run) = earlier.take_if(|_| count == 0 && progress.stopped()) {
            return Some(interrupted(run));
        }
        let mut run = conclude(&engine, so_far)?;
        if round.horizon != scenario.horizon {
            run.summary.horizon_chosen_for = Some(precision.to_string());
        }
        let verdict = precision.judge(&round, so_far);
        if verdict.is_enough() || run.interrupted {
            return Some(run);
        }
        let horizon = {
            let needed = (verdict.by_spread.min(GROWTH) * AT_ONCE).max(verdict.by_absence);
            let measured = round.measured().0 as f64 * f64::from(round.replications) / f64::from(least);
            let measured = if verdict.needed() < MUCH { 0.0 } else { measured * needed };
            readable(SimSpan(round.warmup.0 + measured as u64)).0.min(most / u64::from(least))
        };
        let what = format!("{} replications of {}", round.replications, format::hours(SimSpan(round.horizon.0)));
        if horizon > round.horizon.0 {
            round = Scenario { horizon: SimTime(horizon), replications: least, ..round };
            (earlier, done, count) = (Some(run), Mutex::default(), 0);
            let longer = format::hours(SimSpan(horizon));
            progress.stage(&format!("{what} are not precise enough, running {least} of {longer}"));
        } else {
            count = round.replications;
            let needed = libm::ceil(f64::from(count) * verdict.needed().min(f64::from(GROWTH_OF_NUMBER))) as u32;
            round.replications = needed.max(count + 1).min((most / round.horizon.0) as u32);
            if round.replications <= count {
                run.summary.warnings.extend(shortcomings(&verdict, &round));
                return Some(run);
            }
            progress.stage(&format!("{what} are not precise enough, running {} more", round.replications - count));
        }
    }
}

/// Makes one run longer and longer, and with it its batches, until each figure that decides is as precise as asked.
///
/// `None` if it was stopped before there was a result.
pub(super) fn longer_run(scenario: &Scenario, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    let most = SimTime(scenario.horizon.0.saturating_mul(u64::from(MOST)).min(SimTime::MAX.0));
    let of = |batch: SimSpan| Scenario {
        horizon: scenario.warmup + SimSpan(u64::from(Cut::BATCHES) * batch.0),
        ..scenario.clone()
    };
    let mut earlier: Option<Run> = None;
    let mut batch = batch_of(scenario.measured(), scenario.warmup, most);
    loop {
        let round = of(batch);
        let engine = Engine::new(&round);
        let cut = Cut { batches: Cut::BATCHES, length: batch };
        let done = run_in_batches(&engine, cut, progress);
        if let Some(run) = earlier.take_if(|_| done.is_empty()) {
            return Some(interrupted(run));
        }
        let mut run = conclude(&engine, &done)?;
        run.summary.horizon_chosen_for = Some(precision.to_string());
        let verdict = precision.judge(&round, &done);
        if verdict.is_enough() {
            return Some(run);
        }
        let next = batch_of(SimSpan((round.measured().0 as f64 * growth(&verdict)) as u64), round.warmup, most);
        if next <= batch {
            run.summary.warnings.extend(shortcomings(&verdict, &round));
            return Some(run);
        }
        let [now, then] = [batch, next].map(format::hours);
        progress.stage(&format!("{} batches of {now} are not precise enough, running {then} each", Cut::BATCHES));
        (earlier, batch) = (Some(run), next);
    }
}

/// How long each batch is: the first readable length with so much measured time in all of them, if it does not lead beyond
/// `most`.
fn batch_of(measured: SimSpan, warmup: SimTime, most: SimTime) -> SimSpan {
    let batches = u64::from(Cut::BATCHES);
    let longest = most.since(warmup).0 / batches / SimSpan::MINUTE.0 * SimSpan::MINUTE.0;
    SimSpan(readable(SimSpan(measured.0.div_ceil(batches))).0.min(longest.max(SimSpan::MINUTE.0)))
}

/// What an earlier round found, where a later one was broken off.
fn interrupted(mut run: Run) -> Run {
    run.interrupted = true;
    run.summary.warnings.push(
        "interrupted before the precision was reached: these are the results of an earlier, shorter round; run it again to \
         the end, or ask for a wider `--precision`"
            .to_owned(),
    );
    run
}

/// How many times longer the next run is.
fn growth(verdict: &Verdict) -> f64 {
    let (alike, least) = match &verdict.alike {
        None => (0.0, LEAST_GROWTH),
        Some(alike) => (alike.needed, LEAST_GROWTH_ALIKE),
    };
    let estimated = verdict.by_spread.max(alike) * MARGIN;
    estimated.min(GROWTH).max(verdict.by_absence).max(least)
}

/// Runs one replication to its horizon, which was given, and cuts it.
pub(super) fn cut(scenario: &Scenario, cut: Cut, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    let engine = Engine::new(scenario);
    let done = run_in_batches(&engine, cut, progress);
    let mut run = conclude(&engine, &done)?;
    run.summary.warnings.extend(shortcomings(&precision.judge(scenario, &done), scenario));
    Some(run)
}

/// What a run is short of, in sentences.
fn shortcomings(verdict: &Verdict, round: &Scenario) -> Vec<String> {
    let horizon = format::hours(SimSpan(round.horizon.0));
    let mut warnings = Vec::new();
    if let Some(figure) = verdict.worst.as_ref().filter(|figure| figure.excess > 1.0) {
        let longer = round.measured().0 as f64 * verdict.needed();
        let longer = readable(SimSpan(round.warmup.0.saturating_add(longer as u64)));
        warnings.push(format!(
            "with a horizon of {horizon} the interval of `{}` is still {:.1} times wider than asked: write about \
             `horizon: {}`, or ask for a wider `--precision`",
            figure.name,
            figure.excess,
            format::hours(longer)
        ));
    }
    if let Some(Alike { name, correlation, .. }) = &verdict.alike {
        warnings.push(format!(
            "the batches of this run are too short: those that follow one another are alike in `{name}` (correlation \
             {correlation:.2}), so the intervals are narrower than they should be; write a longer horizon than {horizon}, \
             or ask for replications with `--replications 10`"
        ));
    }
    warnings
}

/// The next length of time that reads well: whole minutes, then fives of them, quarters of an hour, hours, and quarters of
/// a day.
fn readable(span: SimSpan) -> SimSpan {
    const STEPS: [(u64, u64); 4] = [(20, 1), (60, 5), (480, 15), (2_880, 60)];
    let minutes = span.0.div_ceil(SimSpan::MINUTE.0);
    let step = STEPS.iter().find(|(up_to, _)| minutes <= *up_to).map_or(360, |(_, step)| *step);
    SimSpan(minutes.next_multiple_of(step) * SimSpan::MINUTE.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = SimSpan::MINUTE.0;

    #[test]
    fn horizons_read_well() {
        let read = |minutes: u64| format::hours(readable(SimSpan(minutes * MINUTE - 1)));
        let table = [
            (1, "1m"),
            (9, "9m"),
            (11, "11m"),
            (21, "25m"),
            (30, "30m"),
            (61, "1h15m"),
            (200, "3h30m"),
            (481, "9h"),
            (1_441, "25h"),
            (3_001, "54h"),
        ];
        for (minutes, expected) in table {
            assert_eq!(read(minutes), expected, "{minutes} minutes");
        }
    }

    #[test]
    fn batches_are_as_long_as_they_need_and_no_longer_than_all_allows() {
        let minutes = |minutes: u64| SimSpan(minutes * MINUTE);
        let batch = |measured: u64, most: u64| {
            batch_of(minutes(measured), SimTime(minutes(2).0), SimTime(minutes(most).0)).0 / MINUTE
        };
        assert_eq!(batch(28, 30_000), 1);
        assert_eq!(batch(61, 30_000), 3);
        assert_eq!(batch(30 * 21, 30_000), 25);
        assert_eq!(batch(90_000, 30_000), 999);
        assert_eq!(batch(28, 30), 1, "not shorter than a minute");
    }
}
