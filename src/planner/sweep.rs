//! The throttling curve: a scenario over the values of one or two fields, work where something happens.
//!
//! Each point starts with a few replications and gets more while its interval is wide for what it says. Along `load`,
//! points are added where the curve bends, and the knee, the highest load that meets the objectives, is searched for
//! rather than read off the grid.

use super::Progress;
use super::batch::{Job, OnlyStop, batch_onto, summaries};
use super::search::{Effort, at_load, highest_load, meets};
use super::tried::try_assumptions;
use crate::analysis::curve::{Axis, Knee, Point, Sweep};
use crate::analysis::recommendation::Sustained;
use crate::analysis::{Replications, SloOutcome, Summary, Tried, objectives, slo, warnings};
use crate::model::{Requirement, Scenario, Scope};
use crate::units::format;
use serde_json::{Map, Value};

/// What to sweep over: lines of points.
#[derive(Debug, Clone, Default)]
pub struct Grid {
    /// The fields that vary: first along a line, second from line to line.
    pub axes: Vec<Axis>,
    /// The lines, in order of the second axis; one without it.
    pub lines: Vec<Line>,
}

/// The points along the first axis, at one value of the second.
#[derive(Debug, Clone, Default)]
pub struct Line {
    /// The value on the second axis, if there is one.
    pub value: Option<Value>,
    /// Values on the first axis, with the scenario there.
    pub points: Vec<(Value, Scenario)>,
}

/// The name of the axis along which knees are searched.
const LOAD: &str = "load";
/// Every point starts with this part of its replications, and with as many as this.
const START: u32 = 3;
/// Points in work at a time: what is kept of a replication is dropped when its point is done.
const TOGETHER: usize = 64;
/// An interval within this share of its value is narrow.
const NARROW: f64 = 0.1;
/// Half an interval of this many percentage points is narrow whatever the value.
const NEGLIGIBLE: f64 = 0.002;
/// A point this far off the straight line between its neighbours is a bend.
const BEND: f64 = 0.02;

/// How many replications of a scenario a point of a sweep takes at least.
pub fn least_replications(scenario: &Scenario) -> u32 {
    scenario.replications.div_ceil(START).max(START).min(scenario.replications)
}

/// Sweeps over a grid. `None` if it was stopped.
pub fn sweep(grid: &Grid, progress: &dyn Progress) -> Option<Sweep> {
    let first = &grid.lines.first()?.points.first()?.1;
    let objectives = objectives::of_sweep(first);
    let mut points: Vec<(usize, Point)> = Vec::new();
    let mut header: Option<Summary> = None;
    let along_load = grid.axes[0].path == LOAD;

    let asked: Vec<Place<'_>> = grid
        .lines
        .iter()
        .enumerate()
        .flat_map(|(line, of)| {
            of.points.iter().map(move |(value, scenario)| Place { line, value: value.clone(), scenario, added: false })
        })
        .collect();
    let work = Work { grid, objectives: &objectives, progress };
    for places in asked.chunks(TOGETHER) {
        points.extend(work.points(places, &mut header)?);
        // Heard of by number of points: nobody knows beforehand how many replications they take.
        (points.len() - places.len()..points.len()).for_each(|number| progress.reached(number as u32, 1.0));
    }
    if along_load {
        progress.stage("adding points where the curve bends");
        let bends: Vec<(usize, f64, Scenario)> = (0..grid.lines.len())
            .flat_map(|line| bends(line, &points).into_iter().map(move |load| (line, load)))
            .map(|(line, load)| (line, load, at_load(&grid.lines[line].points[0].1, load)))
            .collect();
        let places: Vec<Place<'_>> = bends
            .iter()
            .map(|(line, load, scenario)| Place { line: *line, value: number(*load), scenario, added: true })
            .collect();
        for places in places.chunks(TOGETHER) {
            points.extend(work.points(places, &mut header)?);
        }
        points.sort_by(|(a, one), (b, other)| a.cmp(b).then(load_of(one).total_cmp(&load_of(other))));
    }
    let knees = if along_load { work.knees(&points)? } else { Vec::new() };
    let header = header.expect("a grid has a point");
    let replications = first.replications;
    // A bound on one of several workloads says nothing about the share of all attempts.
    let of_all = |scope: &Scope| *scope == Scope::Total || (first.workloads.len() == 1 && first.pools.len() == 1);
    let bound = objectives.iter().find(|each| each.metric == "attempt_throttle_rate" && of_all(&each.scope));
    Some(Sweep {
        schema_version: header.schema_version,
        quotasim_version: header.quotasim_version,
        scenario: header.scenario,
        client: None,
        seed: header.seed,
        replications,
        horizon_s: header.horizon_s,
        warmup_s: header.warmup_s,
        axes: grid.axes.clone(),
        objectives: objectives.iter().map(|objective| slo::text_of(objective, first)).collect(),
        throttle_bound: bound.map(|objective| objective.bound),
        warnings: warnings::of_sweep(&points.iter().map(|(_, point)| point).collect::<Vec<_>>(), replications),
        points: points.into_iter().map(|(_, point)| point).collect(),
        knees,
        assumptions: first.assumptions.clone(),
    })
}

/// A point to run.
struct Place<'a> {
    line: usize,
    value: Value,
    scenario: &'a Scenario,
    added: bool,
}

/// What every point needs.
struct Work<'a> {
    grid: &'a Grid,
    objectives: &'a [Requirement],
    progress: &'a dyn Progress,
}

impl Work<'_> {
    /// Runs points until each is known well enough.
    fn points(&self, places: &[Place<'_>], header: &mut Option<Summary>) -> Option<Vec<(usize, Point)>> {
        let mut done: Vec<Replications> = places.iter().map(|_| Replications::default()).collect();
        let mut open: Vec<usize> = (0..places.len()).collect();
        while !open.is_empty() {
            let jobs: Vec<Job<'_>> = open
                .iter()
                .map(|&at| {
                    let (scenario, before) = (places[at].scenario, done[at].len() as u32);
                    let until = if before == 0 { least_replications(scenario) } else { before * 2 };
                    Job { scenario, replications: before..until.min(scenario.replications) }
                })
                .collect();
            let before = open.iter().map(|&at| std::mem::take(&mut done[at])).collect();
            for (&at, replications) in open.iter().zip(batch_onto(&jobs, before, &OnlyStop(self.progress))?) {
                done[at] = replications;
            }
            open.retain(|&at| {
                let (scenario, replications) = (places[at].scenario, &done[at]);
                let left = (replications.len() as u32) < scenario.replications;
                left && !self.known(scenario, &replications.summary(scenario, scenario.seed))
            });
        }
        let points = places.iter().zip(&done).map(|(place, replications)| {
            let summary = replications.summary(place.scenario, place.scenario.seed);
            let point = self.point(place, replications, &summary);
            header.get_or_insert(summary);
            (place.line, point)
        });
        Some(points.collect())
    }

    /// Whether more replications would tell anything that matters.
    fn known(&self, scenario: &Scenario, summary: &Summary) -> bool {
        let rate = summary.total.attempt_throttle_rate;
        let narrow = match (rate.mean, rate.ci95) {
            (Some(0.0) | None, _) => true,
            (Some(mean), Some([low, high])) => (high - low) / 2.0 <= (mean * NARROW).max(NEGLIGIBLE),
            (Some(_), None) => false,
        };
        // A percentile that cannot be measured yet may be with more replications.
        let decided = |outcome: &SloOutcome| outcome.value.is_some() && !outcome.in_doubt();
        // A state is the vote of replications, and a vote needs them all.
        let voted = summary.recovery.as_ref().is_none_or(|recovery| recovery.replications.agree());
        narrow && voted && slo::judge_long_run(self.objectives, scenario, summary).iter().all(decided)
    }

    fn point(&self, place: &Place<'_>, replications: &Replications, summary: &Summary) -> Point {
        let mut at = Map::new();
        at.insert(self.grid.axes[0].path.clone(), place.value.clone());
        at.extend(self.beside(place.line));
        Point {
            at,
            replications: summary.replications,
            added: place.added,
            meets: meets(self.objectives, place.scenario, summary),
            still_spending: warnings::spending_pools(place.scenario, replications),
            offered_utilization: summary.pools.values().filter_map(warnings::offered_utilization).reduce(f64::max),
            total: summary.total.clone(),
            recovery: summary.recovery.as_ref().map(Into::into),
        }
    }

    /// The value of the second axis on a line.
    fn beside(&self, line: usize) -> Option<(String, Value)> {
        Some((self.grid.axes.get(1)?.path.clone(), self.grid.lines[line].value.clone()?))
    }

    /// What assumptions change just below a knee; nothing where chance decides even there.
    fn tried_below(&self, scenario: &Scenario, knee: f64, effort: Effort) -> Option<Vec<Tried>> {
        let below = at_load(scenario, knee * Knee::TRIED_AT);
        let summary = summaries(std::slice::from_ref(&below), effort.replications, &OnlyStop(self.progress))?.pop()?;
        if !meets(self.objectives, &below, &summary) {
            return Some(Vec::new());
        }
        let tried = try_assumptions(&below, self.objectives, None, effort, self.progress)?;
        Some(tried.into_iter().map(|(_, tried)| tried).collect())
    }

    /// The objectives that are missed at a load.
    fn missed_at(&self, scenario: &Scenario, load: f64, effort: Effort) -> Option<Vec<String>> {
        let scenario = at_load(scenario, load);
        let summary =
            summaries(std::slice::from_ref(&scenario), effort.replications, &OnlyStop(self.progress))?.pop()?;
        let outcomes = slo::judge_long_run(self.objectives, &scenario, &summary);
        Some(outcomes.into_iter().filter(|outcome| !outcome.met).map(|outcome| outcome.text).collect())
    }

    fn knees(&self, points: &[(usize, Point)]) -> Option<Vec<Knee>> {
        self.progress.stage("searching for the knees");
        let knee = |(line, of): (usize, &Line)| {
            let at = self.beside(line).into_iter().collect();
            if self.objectives.is_empty() {
                let note = "every objective is measured on `in_flight` pools, which have no vote".to_owned();
                return Some(Knee { at, note: Some(note), ..Knee::default() });
            }
            let known: Vec<(f64, bool)> =
                points.iter().filter(|(at, _)| *at == line).map(|(_, point)| (load_of(point), point.meets)).collect();
            let scenario = &of.points[0].1;
            let effort = Effort::default();
            Some(match highest_load(scenario, self.objectives, &known, effort, self.progress)? {
                Sustained::UpTo(load) => {
                    Knee { at, load: Some(load), tried: self.tried_below(scenario, load, effort)?, ..Knee::default() }
                }
                Sustained::AtLeast(load) => {
                    Knee { at, note: Some(format!("at least {}", format::approximate(load))), ..Knee::default() }
                }
                Sustained::NotAt(load) => {
                    let note = format!("not even at {}", format::approximate(load));
                    Knee { at, note: Some(note), missed: self.missed_at(scenario, load, effort)?, ..Knee::default() }
                }
            })
        };
        self.grid.lines.iter().enumerate().map(knee).collect()
    }
}

fn load_of(point: &Point) -> f64 {
    point.at.get(LOAD).and_then(Value::as_f64).unwrap_or(0.0)
}

/// A number of four decimals at most, whole where it is.
fn number(value: f64) -> Value {
    Value::from(libm::round(value * 1e4) / 1e4)
}

/// Loads halfway to the neighbours of each bend of a line.
fn bends(line: usize, points: &[(usize, Point)]) -> Vec<f64> {
    let mut curve: Vec<(f64, f64)> = points
        .iter()
        .filter(|(at, _)| *at == line)
        .filter_map(|(_, point)| Some((load_of(point), point.total.attempt_throttle_rate.mean?)))
        .collect();
    curve.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut between: Vec<f64> = Vec::new();
    for three in curve.windows(3) {
        let [(x0, y0), (x1, y1), (x2, y2)] = [three[0], three[1], three[2]];
        let straight = y0 + (y2 - y0) * (x1 - x0) / (x2 - x0);
        if (y1 - straight).abs() > BEND {
            between.extend([f64::midpoint(x0, x1), f64::midpoint(x1, x2)]);
        }
    }
    between.dedup();
    between
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::Estimate;

    fn point(load: f64, rate: f64) -> (usize, Point) {
        let mut point = Point { at: [(LOAD.to_owned(), Value::from(load))].into_iter().collect(), ..Point::default() };
        point.total.attempt_throttle_rate = Estimate { mean: Some(rate), ..Estimate::default() };
        (0, point)
    }

    #[test]
    fn points_are_added_around_bends_and_nowhere_else() {
        let knee = [point(1.0, 0.0), point(2.0, 0.0), point(3.0, 0.2), point(4.0, 0.4), point(5.0, 0.6)];
        assert_eq!(bends(0, &knee), [1.5, 2.5]);
        let line = [point(1.0, 0.1), point(2.0, 0.2), point(3.0, 0.3)];
        assert!(bends(0, &line).is_empty());
    }
}
