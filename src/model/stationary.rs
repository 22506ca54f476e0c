//! Whether the law of a scenario is the same at all times.
//!
//! Then its first half hour says as much as any other, a longer run answers the same question more precisely, and one
//! run can be cut into batches that are alike. A full bucket at the start is no matter of law; a run forgets it.

use crate::model::{Arrivals, PoolQuotas, Scenario};

impl Scenario {
    /// Whether nothing in the scenario depends on the clock: no spike, no episode, no quota that changes or starts anew
    /// with the day, and arrivals whose law does not change with time.
    pub fn is_stationary(&self) -> bool {
        let daily = self.accounts.iter().any(|account| account.tokens_per_day.is_some())
            || self
                .pools
                .iter()
                .any(|pool| matches!(&pool.quotas, PoolQuotas::Runtime { tokens_per_day: Some(_), .. }));
        let of_pools = self.pools.iter().map(|pool| &pool.fault_episodes);
        let of_workloads = self.workloads.iter().map(|workload| &workload.fault_episodes);
        let faults_come_and_go = of_pools.chain(of_workloads).any(|episodes| !episodes.is_empty());
        !(self.episode || self.spike.is_some() || daily || faults_come_and_go)
            && self.quota_changes().is_empty()
            && self.workloads.iter().all(|workload| workload.arrivals.are_stationary())
    }
}

impl Arrivals {
    /// Whether requests arrive by the same law at all times.
    fn are_stationary(&self) -> bool {
        match self {
            Arrivals::Constant { .. }
            | Arrivals::Poisson { .. }
            | Arrivals::Gamma { .. }
            | Arrivals::Weibull { .. }
            | Arrivals::OnOff { .. }
            | Arrivals::ClosedLoop { .. }
            | Arrivals::Sessions(_) => true,
            Arrivals::Burst { .. }
            | Arrivals::Sinusoidal { .. }
            | Arrivals::Piecewise { .. }
            | Arrivals::Cron { .. }
            | Arrivals::Trace(_) => false,
        }
    }
}
