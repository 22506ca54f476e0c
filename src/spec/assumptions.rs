//! What the results of a scenario rest on and AWS does not publish, one sentence each.

use super::build::Builder;
use super::latency::Gaps;
use crate::model::catalog::Card;
use crate::model::{
    Arrivals, Distribution, FaultEpisode, Faults, Latency, Limiter, Pool, PoolQuotas, Quota, ReservationRules,
    Scenario, Workload,
};
use crate::units::format;

/// The sentences of one pool; `defaults` are the parts of its latency that are defaults and that some workload has.
pub(crate) fn of_pool(b: &mut Builder<'_>, pool: &Pool, card: Option<&Card>, defaults: Gaps) {
    let named: [Option<(&str, &Quota)>; 2] = match &pool.quotas {
        PoolQuotas::Runtime { requests, tokens, .. } => [
            tokens.as_ref().map(|quota| ("tokens per minute", quota)),
            requests.as_ref().map(|quota| ("requests per minute", quota)),
        ],
        PoolQuotas::Mantle { input, output } => [
            input.as_ref().map(|quota| ("input tokens per minute", quota)),
            output.as_ref().map(|quota| ("output tokens per minute", quota)),
        ],
    };
    for (what, quota) in named.into_iter().flatten() {
        b.assume(limiter(what, quota.limiter));
    }
    rules(b, pool);
    default_latency(b, pool, card, defaults);
}

/// How long responses take, as far as that is a default that some workload has.
fn default_latency(b: &mut Builder<'_>, pool: &Pool, card: Option<&Card>, defaults: Gaps) {
    let Latency::Streaming { ttft, output_tokens_per_second, .. } = &pool.latency else { return };
    let median = |of: &Distribution| match of {
        Distribution::LogNormal { mu, .. } => libm::exp(*mu),
        other => super::moments::mean(other),
    };
    let (first, speed) = (format::seconds(median(ttft)), format::approximate(median(output_tokens_per_second)));
    let how = match (defaults.ttft, defaults.speed) {
        (true, true) => {
            format!("takes a median of {first} to the first token and then writes {speed} tokens/s, both lognormal")
        }
        (true, false) => format!("takes a median of {first} to the first token, lognormal"),
        (false, true) => format!("writes a median of {speed} tokens/s, lognormal"),
        (false, false) => return,
    };
    let model = card.map_or(pool.model.as_str(), |card| card.name.as_str());
    b.assume(format!("{model} {how}; calibrate from logs for better."));
}

/// How a quota is enforced.
fn limiter(what: &str, limiter: Limiter) -> String {
    let how = match limiter {
        Limiter::TokenBucket { burst, initial_level } => format!(
            "a token bucket of {} of quota, refilled continuously, {} full at the start",
            format::seconds(burst.as_secs_f64()),
            format::share(initial_level.0)
        ),
        Limiter::FixedWindow { phase } if phase.0 == 0 => "a counter that starts anew every minute".to_owned(),
        Limiter::FixedWindow { phase } => {
            format!("a counter that starts anew every minute, {} after the start", format::duration(phase))
        }
        Limiter::SlidingWindow => "a sliding window of 60 s over admitted attempts".to_owned(),
        Limiter::InFlight => "a cap on open reservations without any refill, for theory only".to_owned(),
    };
    format!("A quota of {what} is enforced as {how}; AWS does not say how.")
}

fn rules(b: &mut Builder<'_>, pool: &Pool) {
    let ReservationRules {
        reserve_cache_reads,
        reserve_burndown,
        reservation_floor,
        rejections_consume_requests,
        adjust_every,
    } = pool.rules;
    if pool.quotas.reserved_from().is_some() {
        b.assume(match adjust_every {
            None => "A reservation is adjusted when the response ends; AWS adjusts it periodically in between and does not say how.".to_owned(),
            Some(every) => format!("A reservation is adjusted every {} while tokens are generated; AWS does not say how often.", format::duration(every)),
        });
    }
    if reserve_cache_reads {
        b.assume("Cache reads count in the reservation, as AWS's agent toolkit says and its user guide does not.");
    }
    if reserve_burndown {
        b.assume("The burndown rate multiplies the max_tokens part of the reservation, against AWS's user guide.");
    }
    if reservation_floor.0 > 0 {
        b.assume(format!(
            "The max_tokens part of a reservation counts at least {} tokens, as one user reports.",
            format::count(reservation_floor.0)
        ));
    }
    b.assume(if rejections_consume_requests {
        "A refused attempt takes one from the requests quota all the same."
    } else {
        "A refused attempt consumes nothing."
    });
    if let PoolQuotas::Mantle { output: Some(_), .. } = &pool.quotas {
        b.assume("On the mantle endpoint output tokens are debited second by second, and a response ends where they run out.");
    }
}

/// The sentences of the scenario as a whole.
pub(crate) fn of_scenario(b: &mut Builder<'_>, scenario: &Scenario) {
    let several = scenario.pools.iter().any(|pool| match &pool.quotas {
        PoolQuotas::Runtime { requests, tokens, tokens_per_day } => {
            let account = pool.account.is_some_and(|i| scenario.accounts[i].tokens_per_day.is_some());
            [requests.is_some(), tokens.is_some(), tokens_per_day.is_some(), account].iter().filter(|&&x| x).count() > 1
        }
        PoolQuotas::Mantle { .. } => false,
    });
    if several {
        b.assume("An attempt asks the requests quota, then the tokens quota, then the day's; all or nothing.");
    }
    let pool_days =
        scenario.pools.iter().any(|pool| matches!(&pool.quotas, PoolQuotas::Runtime { tokens_per_day: Some(_), .. }));
    if scenario.accounts.iter().any(|account| account.tokens_per_day.is_some()) {
        b.assume("An account's daily quota counts reservations and settles to billed tokens, over UTC days; AWS says only that it is an estimate.");
    }
    if pool_days {
        b.assume("A model's daily quota counts as its quota per minute does, over UTC days.");
    }
    if scenario.workloads.iter().any(|workload| workload.pace.is_some()) {
        b.assume("A pace spaces the starts of requests by their charge with an answer of the mean length so far; all paced workloads of a pool share it, and retries do not ask it again.");
    }
    if scenario.workloads.iter().any(|workload| matches!(workload.arrivals, Arrivals::Sessions(_))) {
        b.assume("Earlier turns of a session are read from the prompt cache if the last answered turn started less than `cache_ttl` before, else written to it; the new text of a turn counts as plain input.");
    }
    if scenario.workloads.iter().any(|workload| may_be_given_up(workload, scenario)) {
        b.assume("An attempt that its client gave up stays reserved, charged and billed to its natural end.");
    }
}

/// Whether a client may give an attempt up that runs on.
fn may_be_given_up(workload: &Workload, scenario: &Scenario) -> bool {
    let lost = |faults: &Faults, episodes: &[FaultEpisode]| {
        episodes.iter().map(|episode| &episode.faults).chain([faults]).any(|faults| faults.after_admission() > 0.0)
    };
    let fallback = workload.fallback.iter().flat_map(|fallback| &fallback.pools);
    let mut pools = std::iter::once(&workload.pool).chain(fallback).map(|&pool| &scenario.pools[pool]);
    workload.read_timeout.is_some()
        || lost(&workload.faults, &workload.fault_episodes)
        || pools.any(|pool| lost(&pool.faults, &pool.fault_episodes))
}
