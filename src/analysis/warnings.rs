//! What the reader should know before trusting a result; each warning ends in advice.

use crate::analysis::fold::Replications;
use crate::analysis::{Metrics, Point, SloOutcome, Summary};
use crate::model::Scenario;

/// A level that falls by more than this share of the capacity through measured time is still spending its burst.
const BURST_DRIFT: f64 = 0.05;
/// The same of a run in batches, which is one path of a level that goes up and down.
///
/// *Formula*: the means of 60 samples between empty and full differ by chance with a standard deviation of up to
/// `0.5 · √(2/60)`, 9 %; 25 % are more than two of these beyond [`BURST_DRIFT`].
const BURST_DRIFT_OF_ONE_PATH: f64 = 0.25;

/// An objective in doubt. A comparison has words of its own for it.
pub const UNDECIDED: &str = "an SLO lies within the interval of its estimate: this run is too short to say; raise \
     `--replications` or the horizon";

const ONE_REPLICATION: &str = "one replication gives no intervals; run with `--replications 10` to see the spread";
/// What every warning of a bucket that is still being spent says.
pub const STILL_SPENDING: &str = "is still spending its burst";

/// The warnings of a run.
pub fn of_run(scenario: &Scenario, summary: &Summary, replications: &Replications) -> Vec<String> {
    let mut warnings = Vec::new();
    if !scenario.episode {
        for (index, pool) in scenario.pools.iter().enumerate() {
            warnings.extend(still_spending(index, &pool.name, &summary.pools[&pool.name], replications));
        }
    }
    for (name, workload) in &summary.workloads {
        let never = workload.throttles_by_limit.unsatisfiable.mean.unwrap_or(0.0);
        if never > 0.0 {
            warnings.push(format!(
                "workload `{name}`: {never:.1} attempts per minute reserve more than the whole quota can ever hold; \
                 lower `max_tokens` or raise the quota"
            ));
        }
    }
    let unfinished: u64 = replications.tallies().map(|tally| tally.unfinished).sum();
    if unfinished > 0 {
        warnings.push(format!(
            "{unfinished} requests had not ended when the run stopped waiting for them and count neither as answered \
             nor as failed; give the client a last attempt or a deadline"
        ));
    }
    if summary.replications < 2 && summary.batches.is_none() {
        warnings.push(ONE_REPLICATION.to_owned());
    }
    if summary.slo.iter().any(SloOutcome::in_doubt) {
        warnings.push(UNDECIDED.to_owned());
    }
    warnings
}

/// The warnings of a sweep of so many replications, each over all its points.
pub fn of_sweep(points: &[&Point], replications: u32) -> Vec<String> {
    let at = |number: usize| match points.len() {
        all if all == number => "every point".to_owned(),
        all => format!("{number} of {all} points"),
    };
    let mut warnings = Vec::new();
    let mut pools: Vec<&str> = points.iter().flat_map(|point| &point.still_spending).map(String::as_str).collect();
    pools.sort_unstable();
    pools.dedup();
    for pool in pools {
        let spending = points.iter().filter(|point| point.still_spending.iter().any(|each| each == pool)).count();
        warnings.push(format!(
            "pool `{pool}` was still spending its burst at {}: a longer run is throttled more there (what meets the \
             objectives is judged in the long run); lengthen `horizon` and `warmup`, or set `episode: true` if this is \
             all there is",
            at(spending)
        ));
    }
    let never = |point: &&&Point| point.total.throttles_by_limit.unsatisfiable.mean.unwrap_or(0.0) > 0.0;
    let refused = points.iter().filter(never).count();
    if refused > 0 {
        warnings.push(format!(
            "at {} some attempts reserve more than the whole quota can ever hold; lower `max_tokens` or raise the quota",
            at(refused)
        ));
    }
    if replications < 2 {
        warnings.push(ONE_REPLICATION.to_owned());
    }
    warnings
}

/// A full bucket at the start hides steady overload until it is spent.
fn still_spending(index: usize, name: &str, metrics: &Metrics, replications: &Replications) -> Option<String> {
    let fallen = fallen_level(index, replications)?;
    let bound = long_run_throttle_bound(metrics).map_or(String::new(), |bound| {
        format!("; in the long run at least {:.1}% of its tokens are refused", bound * 100.0)
    });
    Some(format!(
        "pool `{name}` {STILL_SPENDING}: its bucket fell by {:.0}% of its capacity through the measured \
         time{bound}; lengthen `horizon` and `warmup`, or set `episode: true` if this is all there is",
        fallen * 100.0
    ))
}

/// The pools whose bucket a run was still spending, by name; none where the scenario is an episode.
pub fn spending_pools(scenario: &Scenario, replications: &Replications) -> Vec<String> {
    let pools = scenario.pools.iter().enumerate().filter(|_| !scenario.episode);
    let spending = pools.filter(|&(index, _)| fallen_level(index, replications).is_some());
    spending.map(|(_, pool)| pool.name.clone()).collect()
}

/// By how much of its capacity a pool's bucket fell through measured time, if that is too much for a steady state.
fn fallen_level(index: usize, replications: &Replications) -> Option<f64> {
    let (mut fallen, mut runs) = (0.0, 0);
    // Of batches only one has the drift of the whole run.
    for drift in replications.tallies().filter_map(|tally| tally.pools[index].level_drift) {
        let sum = (drift.first_quarter - drift.last_quarter) as f64;
        fallen += sum / f64::from(drift.samples) / drift.capacity as f64;
        runs += 1;
    }
    fallen /= f64::from(runs);
    let most = if replications.batches().is_some() { BURST_DRIFT_OF_ONE_PATH } else { BURST_DRIFT };
    (fallen > most).then_some(fallen)
}

/// The long-run bound on what is refused: `1 − Q ÷ offered charge`; `None` when the quota suffices or there is none.
pub fn long_run_throttle_bound(metrics: &Metrics) -> Option<f64> {
    let [offered, quota] = offered_and_quota(metrics)?;
    let bound = 1.0 - quota / offered;
    (bound > 0.0).then_some(bound)
}

/// What a pool's quota would be charged if all requests were served, as a share of it; `None` without a quota.
pub fn offered_utilization(metrics: &Metrics) -> Option<f64> {
    let [offered, quota] = offered_and_quota(metrics)?;
    Some(offered / quota).filter(|share| share.is_finite())
}

/// Tokens per minute.
fn offered_and_quota(metrics: &Metrics) -> Option<[f64; 2]> {
    Some([metrics.offered_tokens_per_minute.mean?, metrics.pool.as_ref()?.quota_per_minute?])
}
