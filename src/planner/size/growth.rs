//! What a growing traffic needs, and until when today's quotas carry it.

use super::component::Component;
use super::least::{Precision, Sizer};
use super::trial::Court;
use crate::analysis::Named;
use crate::analysis::growth::{Outgrown, month, outgrown};
use crate::analysis::sizing::{Growth, GrowthStep, Limits, round_up, with_margin};
use crate::model::Scenario;
use crate::planner::boundary::edge;
use crate::planner::search::at_load;
use crate::units::format;

/// The traffic at one time.
#[derive(Debug, Clone, PartialEq)]
pub struct GrowthPoint {
    /// The month, `YYYY-MM`, if it has one.
    pub month: Option<String>,
    /// The multiple of the scenario's traffic.
    pub factor: f64,
}

/// A component under the assumptions that decide its request.
pub(super) struct Grown<'a> {
    pub(super) component: &'a Component,
    pub(super) scenario: Scenario,
    pub(super) court: Court<'a>,
    /// Its needs at the scenario's own traffic, under them and under what decides each of them.
    pub(super) limits: Vec<u64>,
    pub(super) decided: Vec<u64>,
}

/// The most and the least traffic that is tried in search of what today's quotas carry.
const REACH: f64 = 64.0;
/// Loads are searched in ten-thousandths.
const UNIT: f64 = 10_000.0;

/// The needs at every point, and what today's quotas carry.
pub(super) fn growth(
    components: &[Grown<'_>],
    points: &[GrowthPoint],
    margin: f64,
    mut done: impl FnMut(f64),
) -> Option<Growth> {
    let mut steps: Vec<GrowthStep> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        let mut step = GrowthStep {
            month: point.month.clone(),
            factor: point.factor,
            pools: Named::default(),
            enough_today: true,
        };
        for grown in components {
            grown.at(point.factor, margin, &mut step)?;
        }
        steps.push(step);
        done((index + 1) as f64 / (points.len() + 1) as f64);
    }
    // Nothing is carried where one component carries nothing.
    let mut carries = Some(REACH);
    for grown in components {
        let own = grown.carries()?;
        carries = carries.zip(own).map(|(least, own)| least.min(own));
    }
    let bounded = carries.is_some_and(|carries| carries < REACH);
    let dated: Option<Vec<_>> = points.iter().map(|at| Some((month(at.month.as_deref()?)?, at.factor))).collect();
    let outgrown =
        carries.zip(dated.filter(|dated| !dated.is_empty())).map(|(carries, dated)| outgrown(&dated, carries));
    let (enough_until, note) = words(carries, bounded, outgrown, points);
    Some(Growth { steps, carries: carries.filter(|_| bounded), enough_until, note })
}

fn words(
    carries: Option<f64>,
    bounded: bool,
    outgrown: Option<Outgrown>,
    points: &[GrowthPoint],
) -> (Option<String>, String) {
    let Some(carries) = carries else {
        return (None, "Today's quotas do not carry the traffic at any load that was tried.".to_owned());
    };
    let least = if bounded { "" } else { "at least " };
    let carried = format!("Today's quotas carry {least}{} times the scenario's traffic", format::approximate(carries));
    match outgrown {
        None => (None, format!("{carried}.")),
        Some(Outgrown::Already) => {
            let first = points.first().and_then(|point| month(point.month.as_deref()?));
            (first.map(|day| day.to_string()), format!("{carried}: they are not enough from the start."))
        }
        Some(Outgrown::On(day)) => (Some(day.to_string()), format!("{carried}: they are enough until {day}.")),
        Some(Outgrown::Later) => {
            let last = points.last().and_then(|point| point.month.clone()).unwrap_or_default();
            (None, format!("{carried}: they are still enough in {last}."))
        }
    }
}

/// What is expected, for a case: the traffic of each step with the tokens that a pool needs then, where it meets.
pub(super) fn expected(growth: &Growth, pool: Option<&str>) -> String {
    let step = |step: &GrowthStep| {
        let when = step.month.as_ref().map_or_else(String::new, |month| format!(" by {month}"));
        let limits = pool.and_then(|pool| step.pools.get(pool));
        let tokens = limits.and_then(|limits| limits.tokens_per_minute.or(limits.input_tokens_per_minute));
        let tokens =
            tokens.map_or_else(String::new, |tokens| format!(": {} tokens per minute", format::quantity(tokens)));
        format!("{} times this traffic{when}{tokens}", format::approximate(step.factor))
    };
    format!("{}.", growth.steps.iter().map(step).collect::<Vec<_>>().join("; "))
}

impl Grown<'_> {
    /// Adds this component's needs at a multiple of the traffic to a step.
    fn at(&self, factor: f64, margin: f64, step: &mut GrowthStep) -> Option<()> {
        let scenario = at_load(&self.scenario, self.scenario.load.as_f64() * factor);
        let targets = &self.component.targets;
        let sizer = Sizer { scenario: &scenario, targets, court: self.court, precision: Precision::Rough };
        let guess: Vec<u64> = self.limits.iter().map(|&limit| (limit as f64 * factor) as u64).collect();
        // The traffic as it is was sized already, and more closely.
        let least = if factor == 1.0 {
            self.limits.clone()
        } else if let Ok(least) = sizer.least(Some(&guess))? {
            least.limits
        } else {
            step.enough_today = false;
            return Some(());
        };
        for ((target, &limit), (&own, &decided)) in
            targets.iter().zip(&least).zip(self.limits.iter().zip(&self.decided))
        {
            let limit = libm::round(limit as f64 * decided as f64 / own as f64) as u64;
            step.enough_today &= limit <= target.today();
            for (pool, share) in target.shares(limit) {
                let limits: &mut Limits = step.pools.entry(scenario.pools[pool].name.clone()).or_default();
                limits.set(target.name_in(&scenario, pool), Some(round_up(with_margin(share, margin))));
            }
        }
        Some(())
    }

    /// The largest multiple of the traffic that today's limits carry; the inner `None` if there is none.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it was stopped, the inner one whether there is any"
    )]
    fn carries(&self) -> Option<Option<f64>> {
        let mut today = self.scenario.clone();
        for target in &self.component.targets {
            target.set(&mut today, target.today());
        }
        let own = today.load.as_f64();
        let ask = |load: u64| {
            let scenario = at_load(&today, own * load as f64 / UNIT);
            Some(self.court.look(&scenario)?.answer_downwards())
        };
        // Where the traffic as it is needs a share of today's limits, about so much more fits.
        let room = self.component.targets.iter().zip(&self.limits);
        let room = room.map(|(target, &limit)| target.today() as f64 / limit.max(1) as f64).fold(REACH, f64::min);
        let found = edge((room * UNIT) as u64, [(UNIT / REACH) as u64, (UNIT * REACH) as u64], |load| load / 500, ask)?;
        Some(found.below.map(|load| load as f64 / UNIT))
    }
}
