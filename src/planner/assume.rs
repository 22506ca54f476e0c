//! The same scenario under another answer to what AWS does not publish.
//!
//! *Source*: shared specification, §2: recommendations are recomputed under each of these. The `in_flight` limiter is
//! for theory: pools that use it are left as they are.

use crate::model::{Limiter, PoolQuotas, Quota, Scenario};
use crate::units::{Probability, SimSpan, Tokens};

/// An answer to what AWS does not publish.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Assumption {
    /// The default limiter, a bucket of 60 s; only of interest where the scenario has another one.
    TokenBucket,
    /// Counters that start anew every minute.
    FixedWindow,
    /// A window of 60 s that moves.
    SlidingWindow,
    /// A bucket of so many seconds of quota.
    BurstSeconds(u32),
    /// Cache reads count in reservations.
    ReserveCacheReads,
    /// The burndown rate multiplies the `max_tokens` part of reservations.
    ReserveBurndown,
    /// The `max_tokens` part of a reservation counts at least so many tokens.
    ReservationFloor(u32),
}

impl Assumption {
    /// The seven that every recommendation is tried under.
    pub const ALL: [Assumption; 7] = [
        Assumption::FixedWindow,
        Assumption::SlidingWindow,
        Assumption::BurstSeconds(1),
        Assumption::BurstSeconds(10),
        Assumption::ReserveCacheReads,
        Assumption::ReserveBurndown,
        Assumption::ReservationFloor(4_096),
    ];

    /// Those to try for a scenario: all seven, and the default limiter where the scenario has another one.
    pub fn of(scenario: &Scenario) -> Vec<Assumption> {
        let other = |quota: &Quota| quota.limiter != Limiter::DEFAULT && quota.limiter != Limiter::InFlight;
        let differs = scenario.pools.iter().any(|pool| pool.quotas.reserved_from().is_some_and(other));
        let default = differs.then_some(Assumption::TokenBucket);
        default.into_iter().chain(Assumption::ALL).collect()
    }

    /// The key in results.
    pub fn key(self) -> String {
        match self {
            Assumption::TokenBucket => "token_bucket".to_owned(),
            Assumption::FixedWindow => "fixed_window".to_owned(),
            Assumption::SlidingWindow => "sliding_window".to_owned(),
            Assumption::BurstSeconds(seconds) => format!("burst_seconds_{seconds}"),
            Assumption::ReserveCacheReads => "reserve_cache_reads".to_owned(),
            Assumption::ReserveBurndown => "reserve_burndown".to_owned(),
            Assumption::ReservationFloor(floor) => format!("reservation_floor_{floor}"),
        }
    }

    /// The scenario under this assumption.
    #[must_use]
    pub fn applied_to(self, scenario: &Scenario) -> Scenario {
        let mut changed = scenario.clone();
        for pool in &mut changed.pools {
            match self {
                Assumption::ReserveCacheReads => pool.rules.reserve_cache_reads = true,
                Assumption::ReserveBurndown => pool.rules.reserve_burndown = true,
                Assumption::ReservationFloor(floor) => pool.rules.reservation_floor = Tokens(u64::from(floor)),
                _ => self.limit(&mut pool.quotas),
            }
        }
        changed
    }

    fn limit(self, quotas: &mut PoolQuotas) {
        let (tokens, requests) = match quotas {
            PoolQuotas::Runtime { requests, tokens, .. } => ([tokens.as_mut(), None], requests.as_mut()),
            PoolQuotas::Mantle { input, output } => ([input.as_mut(), output.as_mut()], None),
        };
        for quota in tokens.into_iter().flatten().filter(|quota| quota.limiter != Limiter::InFlight) {
            quota.limiter = self.limiter(SimSpan::ZERO);
        }
        if let Some(quota) = requests {
            // A requests quota whose bucket holds less than one request would refuse everything, which nobody reports.
            let least = quota.limits.iter().map(|&(_, limit)| limit).min().unwrap_or(1).max(1);
            quota.limiter = self.limiter(SimSpan(SimSpan::MINUTE.0.div_ceil(least)));
        }
    }

    fn limiter(self, least: SimSpan) -> Limiter {
        match self {
            Assumption::FixedWindow => Limiter::FixedWindow { phase: SimSpan::ZERO },
            Assumption::SlidingWindow => Limiter::SlidingWindow,
            Assumption::BurstSeconds(seconds) => Limiter::TokenBucket {
                burst: SimSpan(SimSpan::SECOND.0 * u64::from(seconds)).max(least),
                initial_level: Probability(1.0),
            },
            _ => Limiter::DEFAULT,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_seven_with_names_of_their_own() {
        let mut keys: Vec<String> = Assumption::ALL.iter().map(|each| each.key()).collect();
        keys.dedup();
        assert_eq!(
            keys.join(" "),
            "fixed_window sliding_window burst_seconds_1 burst_seconds_10 reserve_cache_reads reserve_burndown \
             reservation_floor_4096"
        );
    }

    #[test]
    fn a_limiter_for_theory_stays_and_a_requests_bucket_holds_a_request() {
        let in_flight = Quota { limiter: Limiter::InFlight, ..Quota::constant(9) };
        let mut quotas = PoolQuotas::Runtime {
            requests: Some(Quota::constant(30)),
            tokens: Some(in_flight.clone()),
            tokens_per_day: None,
        };
        Assumption::BurstSeconds(1).limit(&mut quotas);
        let PoolQuotas::Runtime { requests, tokens, .. } = quotas else { unreachable!("as made above") };
        assert_eq!(tokens, Some(in_flight));
        let burst = SimSpan(2 * SimSpan::SECOND.0);
        let limiter = Limiter::TokenBucket { burst, initial_level: Probability(1.0) };
        assert_eq!(requests.map(|quota| quota.limiter), Some(limiter));
    }
}
