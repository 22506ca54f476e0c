//! The cases for what is to be asked for, tried with the quotas that they ask for.

use super::Work;
use super::component::without_short_days;
use super::increase::Basis;
use super::joint::Joint;
use crate::analysis::sizing::{Limits, Sizing};
use crate::model::service_quota::{AppliedQuotas, PoolIdentity};

impl Work<'_> {
    /// The cases for what is to be asked for, and what the account's list says of it.
    pub(super) fn cases(&self, sizing: &mut Sizing, joint: &Joint, identities: &[PoolIdentity]) -> Option<()> {
        let mut granted = without_short_days(self.scenario);
        for component in self.components {
            for target in &component.targets {
                let of = |pool: usize| {
                    let size = &sizing.pools[&self.scenario.pools[pool].name];
                    let name = target.name_in(self.scenario, pool);
                    size.request.get(name).or(size.today.get(name)).unwrap_or(1)
                };
                target.set(&mut granted, target.holders.iter().map(|&(pool, _)| of(pool)).sum());
            }
        }
        for (target, limit) in &joint.accounts {
            let size = &sizing.accounts[&self.scenario.accounts[target.holders[0].0].name];
            target.set(&mut granted, size.request.or(size.today).unwrap_or(*limit));
        }
        let asked = sizing.pools.values().any(|size| size.request != Limits::default())
            || sizing.accounts.values().any(|size| size.request.is_some());
        if !asked {
            return Some(());
        }
        let trial = self.court(self.objectives).whole(&granted)?;
        let region = self.ask.region.as_deref().or(self.ask.applied.as_ref().and_then(AppliedQuotas::region));
        let basis = Basis {
            scenario: &granted,
            summary: &trial.summary,
            replications: &trial.replications,
            identities,
            use_case: self.ask.use_case.as_deref(),
            region,
            growth: sizing.growth.as_ref(),
        };
        let pools = self.scenario.pools.iter().enumerate();
        sizing.increases = pools.filter_map(|(index, pool)| basis.of_pool(index, &sizing.pools[&pool.name])).collect();
        for (index, account) in self.scenario.accounts.iter().enumerate() {
            let Some(size) = sizing.accounts.get(&account.name) else { continue };
            if let Some(desired) = size.request {
                let code = self.ask.account_code.as_deref();
                sizing.increases.push(basis.of_account(index, size.today.unwrap_or(0), desired, code));
            }
        }
        for applied in &mut sizing.applied {
            let requests = sizing.increases.iter().filter(|increase| increase.of == applied.of);
            let mut quotas = requests.flat_map(|increase| &increase.quotas);
            applied.request = quotas.find(|quota| quota.limit == applied.limit).map(|quota| quota.desired);
        }
        Some(())
    }
}
