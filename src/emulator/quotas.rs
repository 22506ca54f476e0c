//! Quotas that change while the endpoint runs.

use super::service::Service;
use crate::model::{PoolQuotas, Quota};
use crate::units::SimTime;

/// The largest limit that can be set: far above any quota, and small enough that no level overflows.
const MOST: u64 = 1_000_000_000_000_000;
/// The quotas that can be changed.
const QUOTAS: &str = "`tokens_per_minute`, `requests_per_minute`, `tokens_per_day`";

impl Service {
    /// Changes quotas of a pool, of the only one if none is named; all of them or, with a reason, none.
    ///
    /// A quota that the scenario changes in time no longer does so.
    pub(super) fn set_quotas(
        &mut self,
        now: SimTime,
        pool: Option<&str>,
        limits: &[(String, u64)],
    ) -> Result<(), String> {
        let place = self.pool_named(pool)?;
        if limits.is_empty() {
            return Err(format!("name a quota to change: {QUOTAS}"));
        }
        let mut changed = self.pools[place].model.clone();
        for (name, limit) in limits {
            if *limit > MOST {
                return Err(format!("`{name}` is {limit}, above {MOST}"));
            }
            set(&mut changed.quotas, name, *limit)?;
        }
        let law_now = self.law_time(now);
        let state = &mut self.pools[place];
        state.model = changed;
        state.gate.set_limits(law_now, &state.model);
        Ok(())
    }

    fn pool_named(&self, name: Option<&str>) -> Result<usize, String> {
        let served = || (0..self.pools.len()).filter(|&place| Service::serves(&self.pools[place].model));
        let names =
            || served().map(|place| format!("`{}`", self.pools[place].model.name)).collect::<Vec<_>>().join(", ");
        match name {
            Some(name) => served()
                .find(|&place| self.pools[place].model.name == name)
                .ok_or_else(|| format!("there is no pool `{name}`; there are {}", names())),
            None if served().count() == 1 => Ok(served().next().expect("just counted")),
            None => Err(format!("name the `pool`: {}", names())),
        }
    }
}

fn set(quotas: &mut PoolQuotas, name: &str, limit: u64) -> Result<(), String> {
    let PoolQuotas::Runtime { requests, tokens, tokens_per_day } = quotas else {
        unreachable!("pools of another endpoint are not served")
    };
    let limits = match name {
        "tokens_per_minute" => tokens.as_mut().map(|Quota { limits, .. }| limits),
        "requests_per_minute" => requests.as_mut().map(|Quota { limits, .. }| limits),
        "tokens_per_day" => tokens_per_day.as_mut().map(|quota| &mut quota.limits),
        _ => {
            return Err(format!("there is no quota `{name}`; there are {QUOTAS}"));
        }
    };
    match limits {
        Some(limits) => {
            *limits = vec![(SimTime::ZERO, limit)];
            Ok(())
        }
        None => Err(format!("the pool has no quota `{name}`: give it one in the scenario, however large")),
    }
}
