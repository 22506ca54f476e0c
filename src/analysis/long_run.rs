//! What quotas must refuse once their burst is spent: a full bucket hides steady overload, and no horizon is long
//! enough to see the end of every one.
//!
//! *Formula*: of an offer O per minute a quota Q serves no more than Q, so a share of at least `1 − Q/O` is refused in
//! the long run. Over several pools the shares are weighted by their requests.

use crate::analysis::{Estimate, Metrics, Summary};
use crate::model::{Limiter, Pool, PoolQuotas, QuotaName, Requirement, Scenario, Scope};
use crate::units::SimTime;

/// How much of what a run offers is held against its quotas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strictness {
    /// Tokens against shares of throttled attempts and requests.
    Tokens,
    /// Requests and a mantle pool's output as well, and shares of failures and of answers that a quota cut short: what
    /// a quota is sized by.
    Everything,
}

/// The share that must be refused of what a requirement speaks of, where it speaks of refusals; its interval is that
/// of what is offered. An `episode` has no long run.
pub fn bound(
    requirement: &Requirement,
    strictness: Strictness,
    scenario: &Scenario,
    summary: &Summary,
) -> Option<Estimate> {
    let all = strictness == Strictness::Everything;
    let output = match requirement.metric.as_str() {
        "attempt_throttle_rate" | "request_throttle_rate" => false,
        "request_failure_rate" if all => false,
        "quota_truncation_rate" if all => true,
        _ => return None,
    };
    if scenario.episode {
        return None;
    }
    let (mut refused, mut offered) = ([0.0; 3], 0.0);
    for (index, pool) in scenario.pools.iter().enumerate() {
        let within = match requirement.scope {
            Scope::Total => true,
            Scope::Workload(workload) => scenario.workloads[workload].pool == index,
            Scope::Pool(only) => only == index,
        };
        if within {
            let metrics = &summary.pools[&pool.name];
            let requests = metrics.offered_requests_per_minute.mean.unwrap_or(0.0);
            let shares = if output { of_output(pool, metrics) } else { of_attempts(pool, metrics, all) };
            refused.iter_mut().zip(shares).for_each(|(sum, share)| *sum += requests * share);
            offered += requests;
        }
    }
    let [mean, low, high] = refused.map(|refused| refused / offered);
    (offered > 0.0).then_some(Estimate { mean: Some(mean), ci95: Some([low, high]), few_events: false })
}

/// The quota that must refuse the largest share in the long run, with the index of its pool, if any must: judging by
/// the upper end of what is offered, as a confidence limit does.
pub fn tightest(scenario: &Scenario, summary: &Summary) -> Option<(usize, QuotaName)> {
    let pools = scenario.pools.iter().enumerate();
    let shares = pools.flat_map(|(index, pool)| {
        let metrics = &summary.pools[&pool.name];
        let mantle = matches!(pool.quotas, PoolQuotas::Mantle { .. });
        let tokens = if mantle { QuotaName::InputTokensPerMinute } else { QuotaName::TokensPerMinute };
        let all = of_attempts(pool, metrics, true)[2];
        let by_tokens = of_attempts(pool, metrics, false)[2];
        [(by_tokens, index, tokens), (all, index, QuotaName::RequestsPerMinute)]
    });
    // Tokens come first: where they refuse as much, the requests quota has refused no more.
    let most =
        shares.filter(|(share, ..)| *share > 0.0).reduce(|most, each| if each.0 > most.0 { each } else { most })?;
    Some((most.1, most.2))
}

/// What the tokens and requests quotas of a pool must refuse: at the mean of what is offered and at both ends.
fn of_attempts(pool: &Pool, metrics: &Metrics, with_requests: bool) -> [f64; 3] {
    // A cap on open reservations is no rate: its quota bounds nothing in the long run.
    let rate = pool.quotas.reserved_from().is_some_and(|quota| quota.limiter != Limiter::InFlight);
    let tokens = metrics.pool.as_ref().and_then(|pool| pool.quota_per_minute).filter(|_| rate);
    let mut shares = shares(tokens, metrics.offered_tokens_per_minute);
    if let (PoolQuotas::Runtime { requests: Some(quota), .. }, true) = (&pool.quotas, with_requests) {
        // With a limit that changes, the first: what is sized does not change.
        let of_requests = self::shares(Some(quota.limit_at(SimTime::ZERO) as f64), metrics.offered_requests_per_minute);
        shares.iter_mut().zip(of_requests).for_each(|(share, other)| *share = share.max(other));
    }
    shares
}

/// What the output quota of a mantle pool must cut short, if it has one.
fn of_output(pool: &Pool, metrics: &Metrics) -> [f64; 3] {
    let quota = pool.quotas.output().map(|quota| quota.limit_at(SimTime::ZERO) as f64);
    shares(quota, metrics.goodput_output_tokens_per_minute)
}

/// `1 − Q/O`, at least 0, at the mean of an offer and at both ends of its interval.
fn shares(quota: Option<f64>, offer: Estimate) -> [f64; 3] {
    let ends =
        [offer.mean, offer.ci95.map(|ends| ends[0]).or(offer.mean), offer.ci95.map(|ends| ends[1]).or(offer.mean)];
    ends.map(|offer| match (quota, offer) {
        (Some(quota), Some(offer)) if offer > 0.0 => (1.0 - quota / offer).max(0.0),
        _ => 0.0,
    })
}
