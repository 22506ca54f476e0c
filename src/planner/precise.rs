//! As many replications as a precision needs.

use super::Progress;
use super::replicate::{Run, conclude, replicate_range};
use crate::analysis::Replications;
use crate::analysis::precision::{Figure, Precision};
use crate::engine::Engine;
use crate::model::Scenario;
use std::sync::Mutex;

/// An interval from fewer replications is too rough to stop at.
const LEAST: u32 = 5;
/// More replications than this are a question of a longer horizon, unless the scenario itself has more.
const MOST: u32 = 1_000;
/// What a round adds at most, as a multiple of what is there: a first estimate of the spread may be far off.
const GROWTH: u32 = 2;

/// Runs replications until each figure that decides is as precise as asked, beginning with those of the scenario.
///
/// How many that takes depends on the results alone, so that they are the same on any number of threads. `None` if it
/// was stopped before the first replication was done.
pub fn replicate_to(scenario: &Scenario, precision: Precision, progress: &dyn Progress) -> Option<Run> {
    let engine = Engine::new(scenario);
    let done = Mutex::new(Replications::default());
    let most = scenario.replications.max(MOST);
    let mut count = 0;
    let mut next = scenario.replications.max(LEAST);
    let worst = loop {
        replicate_range(&engine, count..next, progress, &done);
        count = next;
        let so_far = Scenario { replications: count, ..scenario.clone() };
        let worst = {
            let done = done.lock().expect("no replication panics while it adds");
            done.first()?;
            precision.worst(&so_far, &done.summary(&so_far, scenario.seed))
        };
        let excess = worst.as_ref().map_or(0.0, |figure| figure.excess);
        if excess <= 1.0 || count == most || progress.stopped() {
            break worst;
        }
        // Half the width falls with the root of the number.
        let needed = libm::ceil(f64::from(count) * excess * excess).min(f64::from(most)) as u32;
        next = needed.clamp(count + 1, (count * GROWTH).min(most));
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
