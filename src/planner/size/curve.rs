//! The metric of an objective over the values of a limit, for the chart.

use super::trial::Court;
use crate::analysis::long_run::Strictness;
use crate::analysis::objectives::default_on;
use crate::analysis::sizing::{Curve, CurvePoint};
use crate::analysis::{Estimate, slo};
use crate::model::{Comparison, Requirement, Scenario, Scope};

/// The points around the need, as multiples of it.
const AROUND: [f64; 13] = [0.5, 0.6, 0.7, 0.8, 0.88, 0.94, 0.97, 1.0, 1.03, 1.08, 1.16, 1.3, 1.5];
/// Points in a wider gap than this ratio get one between them.
const GAP: f64 = 1.6;

/// What a curve is drawn of: a question with a number in it.
pub(in crate::planner) struct Drawn<'a> {
    /// What varies, and of what.
    pub(in crate::planner) limit: &'a str,
    pub(in crate::planner) of: String,
    /// The scenario at a number.
    pub(in crate::planner) at: &'a dyn Fn(u64) -> Scenario,
    /// How many of the number make one in the results.
    pub(in crate::planner) unit: f64,
    /// Who judges.
    pub(in crate::planner) court: Court<'a>,
    /// The objective that decides, by index.
    pub(in crate::planner) objective: Option<usize>,
    /// The scenario's own number, the answer, and the number to ask for.
    pub(in crate::planner) today: u64,
    pub(in crate::planner) answer: Option<u64>,
    pub(in crate::planner) request: Option<u64>,
    /// The numbers that there can be.
    pub(in crate::planner) range: [u64; 2],
}

/// The curve. `done` hears how far it is.
pub(in crate::planner) fn curve(drawn: &Drawn<'_>, mut done: impl FnMut(f64)) -> Option<Curve> {
    let objectives = drawn.court.objectives;
    let shown = shown(objectives, drawn.objective);
    let bound = objectives.iter().find(|each| each.metric == shown.metric && each.scope == shown.scope);
    let scaled = |number: u64| number as f64 / drawn.unit;
    let mut curve = Curve {
        limit: drawn.limit.to_owned(),
        of: drawn.of.clone(),
        metric: shown.metric.clone(),
        bound: bound.map(|each| each.bound),
        today: scaled(drawn.today),
        answer: drawn.answer.map(scaled),
        request: drawn.request.map(scaled),
        points: Vec::new(),
    };
    let mut places =
        places(drawn.answer.unwrap_or(drawn.today), [Some(drawn.today), drawn.request].into_iter().flatten());
    places.retain(|place| (drawn.range[0]..=drawn.range[1]).contains(place));
    for (number, &place) in places.iter().enumerate() {
        let scenario = (drawn.at)(place);
        let trial = drawn.court.whole(&scenario)?;
        let (value, interval) = slo::in_long_run(&shown, Strictness::Everything, &scenario, &trial.summary);
        let value = Estimate { mean: value, ci95: interval, few_events: false };
        curve.points.push(CurvePoint { at: scaled(place), value, meets: trial.meets });
        done((number + 1) as f64 / places.len() as f64);
    }
    Some(curve)
}

/// The share to draw: of the objective that decides, or of throttled attempts where that is no share.
fn shown(objectives: &[Requirement], decides: Option<usize>) -> Requirement {
    let upper = |each: &&Requirement| {
        each.metric.ends_with("_rate") && matches!(each.comparison, Comparison::Less | Comparison::AtMost)
    };
    let deciding = decides.and_then(|index| objectives.get(index)).filter(upper);
    deciding.cloned().unwrap_or_else(|| default_on(Scope::Total, "attempt_throttle_rate"))
}

/// Limits to try, ascending.
fn places(need: u64, further: impl Iterator<Item = u64>) -> Vec<u64> {
    let further: Vec<u64> = further.collect();
    let beside = |at: &u64| further.iter().any(|&other| at.abs_diff(other) * 50 < other);
    let around = AROUND.iter().map(|share| (need as f64 * share) as u64);
    // What is drawn anyway needs no neighbour that cannot be told from it.
    let mut places: Vec<u64> = around.filter(|at| *at == need || !beside(at)).chain(further.iter().copied()).collect();
    places.retain(|&at| at > 0);
    places.sort_unstable();
    places.dedup();
    let mut dense: Vec<u64> = Vec::new();
    for at in places {
        if let Some(&last) = dense.last() {
            let ratio = at as f64 / last as f64;
            let parts = libm::ceil(libm::log(ratio) / libm::log(GAP)).clamp(1.0, 8.0) as u32;
            for part in 1..parts {
                let between = last as f64 * libm::pow(ratio, f64::from(part) / f64::from(parts));
                dense.push((between as u64).max(last + 1));
            }
        }
        dense.push(at);
    }
    dense.dedup();
    dense
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_dense_and_ascending() {
        let places = places(1_000_000, [4_000, 5_000_000].into_iter());
        assert!(places.windows(2).all(|pair| pair[0] < pair[1]), "{places:?}");
        assert!(places.windows(2).all(|pair| (pair[1] as f64) < pair[0] as f64 * 2.0), "{places:?}");
        assert_eq!((places[0], places[places.len() - 1]), (4_000, 5_000_000));
        assert!(places.contains(&1_000_000));
    }
}
