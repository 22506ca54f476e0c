//! Judges objectives with a confidence: not whether the estimate meets the bound, but whether its one-sided confidence
//! limit does.
//!
//! *Formula*: with n replications and the half width `h` of the 95 % interval (two-sided, `t(n−1, 0.975)`), the limit at
//! confidence c is `value + h · t(n−1, c) / t(n−1, 0.975)` for a metric that must stay below its bound, and the mirror
//! image for one that must stay above. Shares of refusals are no lower than what the [long run](long_run::bound) must
//! refuse, whose limit is that of what is offered.

use crate::analysis::estimate::{half_width, t975};
use crate::analysis::fold::Replications;
use crate::analysis::long_run::{self, Strictness};
use crate::analysis::{Summary, slo, student};
use crate::model::{Comparison, Requirement, Scenario, Scope};
use crate::tally::{Durations, FlowTally, Tally};
use serde::{Deserialize, Serialize};

/// An objective and where it stands.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// As written, or the default.
    pub text: String,
    /// The metric as a path in the results.
    pub metric: String,
    /// The estimate, in the long run unless the scenario is an episode; null when it could not be measured.
    pub value: Option<f64>,
    /// Its 95 % interval.
    pub ci95: Option<[f64; 2]>,
    /// Its one-sided confidence limit: with the asked confidence the metric is no worse than this.
    pub limit: Option<f64>,
    /// What the limit is compared with.
    pub bound: f64,
    /// Whether the limit meets the bound. A percentile of too few durations is not held against a result.
    pub met: bool,
    /// Whether the data show it: not so for what was measured once or too rarely to say.
    pub proven: bool,
}

impl Standing {
    /// How much of the allowance is used up: limit ÷ bound of what must stay below, bound ÷ limit of what must stay
    /// above. Above 1 it is missed.
    pub fn strain(&self, comparison: Comparison) -> Option<f64> {
        let limit = self.limit?;
        let strain = match comparison {
            Comparison::Less | Comparison::AtMost => limit / self.bound,
            Comparison::Greater | Comparison::AtLeast => self.bound / limit,
        };
        (strain.is_finite() && strain > 0.0).then_some(strain)
    }
}

/// Where each objective stands after some replications. Percentiles have limits where the replications were
/// [watched](Replications::watching) for these objectives.
pub fn stand(
    objectives: &[Requirement],
    scenario: &Scenario,
    summary: &Summary,
    replications: &Replications,
    confidence: f64,
) -> Vec<Standing> {
    let degrees = replications.len().saturating_sub(1);
    let scale = if degrees > 0 { student::quantile(confidence, degrees) / t975(degrees) } else { 0.0 };
    objectives
        .iter()
        .enumerate()
        .map(|(index, objective)| {
            let metrics = slo::metrics_of(objective, scenario, summary);
            let (value, mut interval) = slo::value_of(objective, scenario, summary);
            if let (Some(value), None, Some(spread)) = (value, interval, replications.spread(index)) {
                interval = half_width(&spread).map(|half| [value - half, value + half]);
            }
            let text = slo::text_of(objective, scenario);
            let metric = objective.metric.clone();
            let missing = Standing { text, metric, bound: objective.bound, ..Standing::default() };
            let Some(value) = value else {
                // Less traffic would otherwise miss what more traffic meets.
                let too_few = objective.metric.contains("_ms") && metrics.counts.succeeded > 0;
                return Standing { met: too_few, ..missing };
            };
            let upper = matches!(objective.comparison, Comparison::Less | Comparison::AtMost);
            let end_of = |interval: Option<[f64; 2]>| interval.map(|[low, high]| if upper { high } else { low });
            let beyond = |value: f64, end: Option<f64>| end.map_or(value, |end| value + (end - value) * scale);
            let holds = |x: f64| objective.comparison.holds(x, objective.bound);
            let never = value == 0.0 && objective.metric.ends_with("_rate");
            // The interval of what was never seen is a bound on how rare it is, whatever the replications.
            let limit = beyond(value, end_of(interval).filter(|_| !never));
            let proven = degrees > 0 && end_of(interval).is_some_and(|end| !never || holds(end));
            let mut standing = Standing {
                value: Some(value),
                ci95: interval,
                limit: Some(limit),
                met: holds(limit),
                proven,
                ..missing
            };
            if let Some((must, bound)) = long_run::bound(objective, Strictness::Everything, scenario, summary)
                .and_then(|must| Some((must, must.mean?)))
            {
                let limit = limit.max(beyond(bound, end_of(must.ci95)));
                standing = Standing { limit: Some(limit), met: holds(limit), ..standing };
                if bound > value {
                    standing = Standing { value: Some(bound), ci95: must.ci95, proven: degrees > 0, ..standing };
                }
            }
            standing.proven &= standing.met;
            standing
        })
        .collect()
}

/// A percentile that is read from every replication, so that its spread is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched {
    workload: Option<usize>,
    pool: Option<usize>,
    durations: fn(&FlowTally) -> &Durations,
    among: fn(&FlowTally) -> u64,
    p: f64,
}

impl Watched {
    /// The percentile that an objective speaks of, if it speaks of one.
    pub(super) fn of(objective: &Requirement) -> Option<Watched> {
        type Family = (fn(&FlowTally) -> &Durations, fn(&FlowTally) -> u64);
        let (family, percentile) = objective.metric.rsplit_once('.')?;
        let (durations, among): Family = match family {
            "latency_ms" => (|flow| &flow.latency, |flow| flow.latency.count),
            "ttft_ms" => (|flow| &flow.ttft, |flow| flow.ttft.count),
            "wait_ms" => (|flow| &flow.wait, |flow| flow.wait.count),
            "wait_ms.backoff" => (|flow| &flow.wait_backoff, |flow| flow.wait.count),
            "wait_ms.limiter" => (|flow| &flow.wait_limiter, |flow| flow.wait.count),
            "wait_ms.queue" => (|flow| &flow.wait_queue, |flow| flow.wait.count),
            _ => return None,
        };
        let p = match percentile {
            "p50" => 0.5,
            "p90" => 0.9,
            "p95" => 0.95,
            "p99" => 0.99,
            "p999" => 0.999,
            _ => return None,
        };
        let (workload, pool) = match objective.scope {
            Scope::Total => (None, None),
            Scope::Workload(index) => (Some(index), None),
            Scope::Pool(index) => (None, Some(index)),
        };
        Some(Watched { workload, pool, durations, among, p })
    }

    /// Its value in one replication \[ms\].
    pub(super) fn read(&self, tally: &Tally) -> Option<f64> {
        let within = |flow: &&FlowTally| {
            self.workload.is_none_or(|index| flow.workload == index) && self.pool.is_none_or(|index| flow.pool == index)
        };
        let (mut merged, mut among) = (Durations::default(), 0);
        for flow in tally.flows.iter().filter(within) {
            merged.merge((self.durations)(flow));
            among += (self.among)(flow);
        }
        merged.quantile_among(self.p, among).map(|ns| ns as f64 * 1e-6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(limit: f64, bound: f64) -> Standing {
        Standing { limit: Some(limit), bound, ..Standing::default() }
    }

    #[test]
    fn strain_is_above_one_where_the_bound_is_missed() {
        assert_eq!(standing(0.02, 0.01).strain(Comparison::Less), Some(2.0));
        assert_eq!(standing(50.0, 100.0).strain(Comparison::AtLeast), Some(2.0));
        assert_eq!(standing(0.0, 0.01).strain(Comparison::Less), None);
    }

    #[test]
    fn percentiles_of_durations_are_watched_and_nothing_else() {
        let objective = |metric: &str| Requirement {
            text: String::new(),
            scope: Scope::Workload(1),
            metric: metric.to_owned(),
            comparison: Comparison::Less,
            bound: 1.0,
        };
        for metric in ["latency_ms.p99", "ttft_ms.p50", "wait_ms.queue.p999"] {
            assert!(Watched::of(&objective(metric)).is_some(), "{metric}");
        }
        for metric in ["latency_ms.mean", "attempt_throttle_rate", "tokens_per_minute.p90", "in_flight.max"] {
            assert!(Watched::of(&objective(metric)).is_none(), "{metric}");
        }
        let mut tally = Tally::default();
        for (workload, ms) in [(0, 900), (1, 10), (1, 30)] {
            let mut flow = FlowTally { workload, ..FlowTally::default() };
            flow.latency.record(ms * 1_000_000);
            tally.flows.push(flow);
        }
        let p50 = Watched::of(&objective("latency_ms.p50")).expect("a percentile").read(&tally);
        assert!(p50.is_some_and(|ms| (ms - 10.0).abs() < 0.01), "{p50:?}");
    }
}
