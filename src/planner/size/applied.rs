//! Today's quotas as the account's own list has them, instead of what the scenario says.

use super::increase::counted;
use crate::analysis::sizing::{Applied, LimitName};
use crate::model::service_quota::{ACCOUNT_TOKENS_PER_DAY, AppliedQuota, AppliedQuotas, PoolIdentity};
use crate::model::{DayQuota, PoolQuotas, Quota, Scenario};
use crate::units::SimTime;

/// What an account's list said of a scenario's quotas.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// What was found, in the order of pools and limits; requests are still open.
    pub(super) found: Vec<Applied>,
    /// What was not found, in words that end in advice.
    pub(super) missing: Vec<String>,
}

/// Sets a scenario's quotas to the values applied to the account. Quotas that the scenario has not (`none`) stay away.
pub(super) fn apply(
    scenario: &mut Scenario,
    identities: &mut [PoolIdentity],
    account_code: Option<&str>,
    list: &AppliedQuotas,
) -> Told {
    let mut told = Told::default();
    for (pool, identity) in scenario.pools.iter_mut().zip(identities) {
        for name in LimitName::ALL {
            let Some(limit) = slot(&mut pool.quotas, name) else { continue };
            let Some(quota) = identity.quotas.iter_mut().find(|quota| quota.counted == counted(name)) else { continue };
            let Some(entry) = list.find(&quota.name, quota.code.as_deref()) else {
                let of = format!("pool `{}`", pool.name);
                told.missing.push(missing(&of, &quota.name, quota.code.as_deref()));
                continue;
            };
            limit.set(entry.value);
            quota.name.clone_from(&entry.name);
            quota.code = Some(entry.code.clone());
            told.found.push(found(&pool.name, name, entry));
        }
    }
    for account in &mut scenario.accounts {
        let Some(day) = &mut account.tokens_per_day else { continue };
        let Some(entry) = list.find(ACCOUNT_TOKENS_PER_DAY, account_code) else {
            told.missing.push(missing(&format!("account `{}`", account.name), ACCOUNT_TOKENS_PER_DAY, account_code));
            continue;
        };
        day.limits = vec![(SimTime::ZERO, entry.value)];
        told.found.push(found(&account.name, LimitName::TokensPerDay, entry));
    }
    told
}

fn found(of: &str, limit: LimitName, entry: &AppliedQuota) -> Applied {
    Applied {
        of: of.to_owned(),
        limit: limit.key().to_owned(),
        name: entry.name.clone(),
        code: entry.code.clone(),
        value: entry.value,
        request: None,
        adjustable: entry.adjustable,
    }
}

fn missing(of: &str, name: &str, code: Option<&str>) -> String {
    let code = code.map_or_else(String::new, |code| format!(" ({code})"));
    format!(
        "{of}: `{name}`{code} is not in the list of quotas, so the scenario's value counts; make the list in the Region \
         of the calls"
    )
}

/// A quota that can be set.
enum Slot<'a> {
    Minute(&'a mut Quota),
    Day(&'a mut DayQuota),
}

impl Slot<'_> {
    fn set(self, limit: u64) {
        match self {
            Slot::Minute(quota) => quota.limits = vec![(SimTime::ZERO, limit)],
            Slot::Day(quota) => quota.limits = vec![(SimTime::ZERO, limit)],
        }
    }
}

fn slot(quotas: &mut PoolQuotas, name: LimitName) -> Option<Slot<'_>> {
    match (quotas, name) {
        (PoolQuotas::Runtime { tokens, .. }, LimitName::TokensPerMinute) => tokens.as_mut().map(Slot::Minute),
        (PoolQuotas::Runtime { requests, .. }, LimitName::RequestsPerMinute) => requests.as_mut().map(Slot::Minute),
        (PoolQuotas::Runtime { tokens_per_day, .. }, LimitName::TokensPerDay) => tokens_per_day.as_mut().map(Slot::Day),
        (PoolQuotas::Mantle { input, .. }, LimitName::InputTokensPerMinute) => input.as_mut().map(Slot::Minute),
        (PoolQuotas::Mantle { output, .. }, LimitName::OutputTokensPerMinute) => output.as_mut().map(Slot::Minute),
        _ => None,
    }
}
