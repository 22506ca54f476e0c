//! Paired differences between two variants that met the same random requests.
//!
//! What two variants share, the luck of the draw, cancels in the difference of each replication. So the interval of
//! the difference is much narrower than those of the two values, and a small effect shows in few replications.
//!
//! *Source*: Law, "Simulation Modeling and Analysis", §11.2 (common random numbers).

use crate::analysis::comparison::{Difference, PercentileDifference};
use crate::analysis::estimate::{Kind, Part, half_width, pseudo_values, ratio};
use crate::analysis::fold::{Replications, Typical, merge};
use crate::analysis::{Estimate, Metrics};
use crate::model::Scenario;
use crate::tally::{FlowTally, Tally};

/// A variant's replications, with the scenario that they ran, seen from one workload or from all.
#[derive(Debug, Clone, Copy)]
pub struct Sample<'a> {
    /// The scenario.
    pub scenario: &'a Scenario,
    /// Its replications.
    pub replications: &'a Replications,
    /// The workload, by index; `None` is all together.
    pub workload: Option<usize>,
    /// Its metrics over the replications.
    pub metrics: &'a Metrics,
}

impl Sample<'_> {
    /// The reservation of an average admitted attempt [quota tokens]; null if none was admitted.
    pub fn reservation_per_request(&self) -> Estimate {
        ratio(&self.parts(|flow| ratio_of(flow.reserved, flow.attempts - flow.throttled())), Kind::Mean)
    }

    /// The cost of a thousand complete answers in time \[USD\]; null if a price is unknown or there is none.
    pub fn cost_usd_per_1000_good(&self) -> Estimate {
        self.costs(|flow, _| flow.good as f64 / 1000.0)
            .map_or_else(Estimate::default, |parts| ratio(&parts, Kind::Mean))
    }

    fn flows<'t>(&self, tally: &'t Tally) -> impl Iterator<Item = &'t FlowTally> + use<'t> {
        let workload = self.workload;
        tally.flows.iter().filter(move |flow| workload.is_none_or(|index| flow.workload == index))
    }

    fn parts(&self, part: impl Fn(&FlowTally) -> Part) -> Vec<Part> {
        self.replications.tallies().map(|tally| part(&merge(self.flows(tally)))).collect()
    }

    /// What was billed in each replication, over a denominator; `None` if a price is unknown.
    fn costs(&self, denominator: impl Fn(&FlowTally, &Scenario) -> f64) -> Option<Vec<Part>> {
        self.replications
            .tallies()
            .map(|tally| {
                let prices = |flow: &FlowTally| flow.cost_usd(&self.scenario.pools[flow.pool].prices);
                let numerator = self.flows(tally).map(prices).sum::<Option<f64>>()?;
                Some(Part { numerator, denominator: denominator(&merge(self.flows(tally)), self.scenario) })
            })
            .collect()
    }
}

fn ratio_of(numerator: u64, denominator: u64) -> Part {
    Part { numerator: numerator as f64, denominator: denominator as f64 }
}

/// `variant − baseline` of everything that is compared.
pub fn difference(baseline: Sample<'_>, variant: Sample<'_>) -> Difference {
    let of = |numerator: fn(&FlowTally) -> u64, denominator: fn(&FlowTally) -> u64| {
        let parts = |of: Sample<'_>| of.parts(|flow| ratio_of(numerator(flow), denominator(flow)));
        of_ratios(&parts(baseline), &parts(variant))
    };
    let per_minute = |count: fn(&FlowTally) -> u64| {
        let parts = |of: Sample<'_>| {
            let minutes = of.scenario.measured().as_minutes_f64();
            of.parts(|flow| Part { numerator: count(flow) as f64, denominator: minutes })
        };
        of_ratios(&parts(baseline), &parts(variant))
    };
    let cost =
        |denominator: fn(&FlowTally, &Scenario) -> f64| match (baseline.costs(denominator), variant.costs(denominator))
        {
            (Some(baseline), Some(variant)) => of_ratios(&baseline, &variant),
            _ => Estimate::default(),
        };
    let percentile = |pooled: fn(&Metrics) -> Option<f64>, each: fn(&Typical) -> Option<u64>| {
        let values = |of: Sample<'_>| of.replications.typical(of.workload).map(each).collect::<Vec<_>>();
        of_percentiles(pooled(baseline.metrics), pooled(variant.metrics), &values(baseline), &values(variant))
    };
    Difference {
        reservation_per_request: of(|flow| flow.reserved, |flow| flow.attempts - flow.throttled()),
        attempts_per_request: of(|flow| flow.attempts, |flow| flow.requests),
        attempt_throttle_rate: of(FlowTally::throttled, |flow| flow.attempts),
        request_throttle_rate: of(|flow| flow.requests_throttled, |flow| flow.requests),
        request_failure_rate: of(|flow| flow.failed, |flow| flow.requests),
        truncation_rate: of(|flow| flow.truncated, |flow| flow.succeeded),
        quota_truncation_rate: of(|flow| flow.quota_truncated, |flow| flow.succeeded),
        goodput_requests_per_minute: per_minute(|flow| flow.good),
        goodput_output_tokens_per_minute: per_minute(|flow| flow.good_output),
        latency_ms: PercentileDifference {
            p50: percentile(|metrics| metrics.latency_ms.p50, |each| each.latency[0]),
            p99: percentile(|metrics| metrics.latency_ms.p99, |each| each.latency[1]),
        },
        wait_ms: PercentileDifference {
            p50: percentile(|metrics| metrics.wait_ms.all.p50, |each| each.wait[0]),
            p99: percentile(|metrics| metrics.wait_ms.all.p99, |each| each.wait[1]),
        },
        cost_usd_per_hour: cost(|_, scenario| scenario.measured().as_secs_f64() / 3600.0),
        cost_usd_per_1000_good: cost(|flow, _| flow.good as f64 / 1000.0),
    }
}

/// The difference of two ratios, replications paired.
///
/// *Formula*: `Σa/Σb − Σc/Σd`, and `t(n−1, 0.975) · s/√n` of the differences of the jackknife pseudo-values.
pub fn of_ratios(baseline: &[Part], variant: &[Part]) -> Estimate {
    let mean = |parts: &[Part]| ratio(parts, Kind::Mean).mean;
    let (Some(from), Some(to)) = (mean(baseline), mean(variant)) else { return Estimate::default() };
    let half = pseudo_values(baseline).zip(pseudo_values(variant)).and_then(|(baseline, variant)| {
        half_width(&baseline.iter().zip(&variant).map(|(from, to)| to - from).collect::<Vec<_>>())
    });
    around(to - from, half)
}

/// The difference of two percentiles \[ms\].
///
/// *Formula*: that of the pooled percentiles; the interval's width is that of the mean of the differences of the
/// percentiles of single replications, which are more variable than the pooled ones.
fn of_percentiles(from: Option<f64>, to: Option<f64>, baseline: &[Option<u64>], variant: &[Option<u64>]) -> Estimate {
    let (Some(from), Some(to)) = (from, to) else { return Estimate::default() };
    let differences: Option<Vec<f64>> =
        baseline.iter().zip(variant).map(|(from, to)| Some(((*to)? as f64 - (*from)? as f64) * 1e-6)).collect();
    around(to - from, differences.and_then(|differences| half_width(&differences)))
}

fn around(mean: f64, half: Option<f64>) -> Estimate {
    Estimate { mean: Some(mean), ci95: half.map(|half| [mean - half, mean + half]), few_events: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(values: &[f64]) -> Vec<Part> {
        values.iter().map(|&numerator| Part { numerator, denominator: 10.0 }).collect()
    }

    #[test]
    fn what_both_share_cancels() {
        // Ten times more spread between replications than between variants.
        let difference = of_ratios(&parts(&[1.0, 2.0, 3.0, 4.0]), &parts(&[1.1, 2.2, 3.1, 4.2]));
        let [low, high] = difference.ci95.expect("four replications");
        // Differences 0.01, 0.02, 0.01, 0.02: mean 0.015, s = 0.005774, t(3) = 3.18245, half = 0.009187.
        assert!((difference.mean.expect("values") - 0.015).abs() < 1e-12);
        assert!((high - low - 2.0 * 0.009_187).abs() < 1e-5, "{low} {high}");
    }

    #[test]
    fn a_variant_differs_from_itself_by_nothing() {
        let same = parts(&[1.0, 2.0, 4.0]);
        let zero = Estimate { mean: Some(0.0), ci95: Some([0.0, 0.0]), few_events: false };
        assert_eq!(of_ratios(&same, &same), zero);
        assert_eq!(of_percentiles(Some(3.0), Some(3.0), &[Some(1), Some(2)], &[Some(1), Some(2)]), zero);
    }

    #[test]
    fn over_nothing_there_is_no_difference() {
        assert_eq!(of_ratios(&parts(&[]), &parts(&[1.0])), Estimate::default());
        assert_eq!(of_percentiles(None, Some(1.0), &[], &[]), Estimate::default());
        assert_eq!(of_ratios(&parts(&[1.0]), &parts(&[2.0])).ci95, None);
    }
}
