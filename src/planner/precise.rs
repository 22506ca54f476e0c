//! As many replications as a precision needs, or as long ones.

use super::Progress;
use super::batches::Cut;
use super::lengthen::{cut, longer_replications, longer_run};
use super::replicate::{Run, conclude, replicate_range};
use crate::analysis::Replications;
use crate::analysis::precision::{Figure, Precision};
use crate::engine::Engine;
use crate::model::Scenario;
use std::sync::Mutex;

/// An interval from fewer replications is too rough to stop at.
pub(super) const LEAST: u32 = 5;
/// More replications than this are a question of a longer horizon, unless the scenario itself has more.
pub(super) const MOST: u32 = 1_000;
/// What a round adds at most, as a multiple of what is there: a first estimate of the spread may be far off.
pub(super) const GROWTH_OF_NUMBER: u32 = 2;

/// Simulates until each figure that decides is as precise as asked.
///
/// Where the scenario gives no horizon and its law is the same at all times, a longer horizon is chosen if much is
/// missing. One replication of such a scenario is cut into batches, whatever its horizon, if it is long enough for that.
/// Everything else gets more replications.
///
/// How much it takes depends on the results alone, so that they are the same on any number of threads. `None` if it was
/// stopped before there was a result.
pub fn replicate_to(scenario: &Scenario, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    if scenario.is_stationary() {
        match (scenario.replications, scenario.horizon_given, Cut::of(scenario.measured())) {
            (1, false, _) => return longer_run(scenario, precision, progress),
            (1, true, Some(batches)) => return cut(scenario, batches, precision, progress),
            (_, false, _) => return longer_replications(scenario, precision, progress),
            _ => {}
        }
    }
    more_replications(scenario, precision, progress)
}

/// Runs more and more replications, beginning with those of the scenario.
fn more_replications(scenario: &Scenario, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    let engine = Engine::new(scenario);
    let done = Mutex::new(Replications::default());
    let most = scenario.replications.max(MOST);
    let mut count = 0;
    let mut next = scenario.replications.max(LEAST);
    let worst = loop {
        replicate_range(&engine, count..next, progress, &done);
        count = next;
        let so_far = Scenario { replications: count, ..scenario.clone() };
        let verdict = {
            let done = done.lock().expect("no replication panics while it adds");
            done.first()?;
            precision.judge(&so_far, &done)
        };
        if verdict.is_enough() || count == most || progress.stopped() {
            break verdict.worst;
        }
        let needed = libm::ceil(f64::from(count) * verdict.needed()).min(f64::from(most)) as u32;
        next = needed.clamp(count + 1, (count * GROWTH_OF_NUMBER).min(most));
        progress.stage(&format!("{count} replications are not precise enough, running {}", next - count));
    };
    let all = Scenario { replications: count, ..scenario.clone() };
    let mut run = conclude(&Engine::new(&all), &done.into_inner().expect("no replication panics while it adds"))?;
    if let Some(Figure { name, excess, .. }) = worst.filter(|figure| figure.excess > 1.0 && !run.interrupted) {
        run.summary.warnings.push(format!(
            "after {count} replications the interval of `{name}` is still {excess:.1} times wider than asked: a longer \
             `horizon` or a wider `--precision` ends sooner"
        ));
    }
    Some(run)
}
