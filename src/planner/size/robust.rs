//! What a component needs under each answer to what AWS does not publish, and which of them decide.
//!
//! *Source*: shared specification, §2: a bucket of about a minute fits the clearest published test, a far shorter
//! burst another, and AWS's own words speak of a minute that starts anew. So the bucket of 60 and of 10 s and the fixed
//! window decide, with what the scenario itself assumes; the others are shown.

use super::component::Component;
use super::least::{Least, Precision, Sizer};
use super::trial::Court;
use crate::model::{Arrivals, Distribution, PoolQuotas, Scenario};
use crate::planner::assume::Assumption;
use crate::units::{BurndownRate, Tokens};

/// What a component needs under an assumption.
#[derive(Debug)]
pub(in crate::planner) struct Robust {
    /// The assumption.
    pub(in crate::planner) assumption: Assumption,
    /// Its limits; `None` where no limits meet the objectives.
    pub(in crate::planner) limits: Option<Vec<u64>>,
    /// Whether below each of these most of what is refused is larger than the limit ever holds.
    pub(in crate::planner) too_large: Vec<bool>,
    /// Whether it decides.
    pub(in crate::planner) decides: bool,
}

/// The assumptions in the order of results.
const TRIED: [Assumption; 8] = [
    Assumption::TokenBucket,
    Assumption::BurstSeconds(10),
    Assumption::FixedWindow,
    Assumption::BurstSeconds(1),
    Assumption::SlidingWindow,
    Assumption::ReserveCacheReads,
    Assumption::ReserveBurndown,
    Assumption::ReservationFloor(4_096),
];

fn decides(assumption: Assumption) -> bool {
    matches!(assumption, Assumption::TokenBucket | Assumption::BurstSeconds(10) | Assumption::FixedWindow)
}

/// The needs of a component under every assumption. `alone` is its scenario, `own` what it needs as it is written.
pub(in crate::planner) fn needs(
    component: &Component,
    alone: &Scenario,
    own: &Least,
    court: Court<'_>,
    mut done: impl FnMut(f64),
) -> Option<Vec<Robust>> {
    let theory = component.targets.iter().any(|target| target.for_theory(alone));
    let mut found = Vec::new();
    for (index, &assumption) in TRIED.iter().enumerate() {
        let of_limiters = !matches!(
            assumption,
            Assumption::ReserveCacheReads | Assumption::ReserveBurndown | Assumption::ReservationFloor(_)
        );
        if theory && of_limiters {
            continue;
        }
        let (limits, too_large) = if changes_nothing(assumption, component, alone) {
            (Some(own.limits.clone()), Some(own.too_large.clone()))
        } else {
            let scenario = assumption.applied_to(alone);
            let sizer = Sizer { scenario: &scenario, targets: &component.targets, court, precision: Precision::Coarse };
            sizer.least(Some(&own.limits))?.ok().map(|least| (least.limits, least.too_large)).unzip()
        };
        let too_large = too_large.into_iter().flatten().collect();
        found.push(Robust { assumption, limits, too_large, decides: decides(assumption) });
        done((index + 1) as f64 / TRIED.len() as f64);
    }
    Some(found)
}

/// Whether an assumption leaves everything in a component as it is.
fn changes_nothing(assumption: Assumption, component: &Component, alone: &Scenario) -> bool {
    let pools = || component.pools.iter().map(|&pool| &alone.pools[pool]);
    let workloads = || component.workloads.iter().map(|&workload| &alone.workloads[workload]);
    match assumption {
        Assumption::ReserveCacheReads => workloads().all(|workload| {
            let reads = match &workload.arrivals {
                Arrivals::Sessions(_) => true,
                Arrivals::Trace(trace) => trace.rows.iter().any(|row| row.cache_read > 0),
                _ => false,
            };
            !reads && workload.tokens.cache_read == Distribution::Constant(0.0)
        }),
        Assumption::ReserveBurndown => {
            pools().all(|pool| pool.burndown == BurndownRate(1) || matches!(pool.quotas, PoolQuotas::Mantle { .. }))
        }
        Assumption::ReservationFloor(floor) => {
            let floor = Tokens(u64::from(floor));
            let least = pools().map(|pool| pool.max_output).min();
            let rows = |arrivals: &Arrivals| match arrivals {
                Arrivals::Trace(trace) => {
                    trace.rows.iter().map(|row| u64::from(row.max_tokens)).filter(|&own| own > 0).min().map(Tokens)
                }
                _ => None,
            };
            workloads().all(|workload| {
                let limits = [workload.max_tokens.or(least), rows(&workload.arrivals)];
                limits.into_iter().flatten().all(|limit| limit >= floor)
            })
        }
        _ => assumption.applied_to(alone) == *alone,
    }
}
