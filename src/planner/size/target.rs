//! One limit that is being sized: a quota of a pool, the same quota of pools that are sized together, or the daily
//! quota of an account.

use crate::analysis::sizing::LimitName;
use crate::model::{DayQuota, Limiter, PoolQuotas, Quota, Scenario, Workload};
use crate::units::SimTime;

/// The largest limit that a quota can have: what the scenario language allows.
pub(in crate::planner) const MOST: u64 = 1_000_000_000_000_000;

/// What is sized.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::planner) enum Kind {
    /// Tokens per minute, or a mantle pool's input tokens per minute: what reservations are taken from.
    Reserved,
    /// A mantle pool's output tokens per minute.
    Output,
    /// Requests per minute.
    Requests,
    /// A pool's tokens per day.
    PoolDay,
    /// An account's tokens per day.
    AccountDay,
}

/// A limit that is being sized. Where several pools share it, it is their sum, divided as it is today.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::planner) struct Target {
    /// What it is.
    pub(in crate::planner) kind: Kind,
    /// The pools that have it, or the account, by index, with today's limits.
    pub(in crate::planner) holders: Vec<(usize, u64)>,
}

impl Target {
    /// The limits of pools that are sized together. Daily quotas are only among them where a simulation can tell.
    pub(in crate::planner) fn of_pools(scenario: &Scenario, pools: &[usize], days: bool) -> Vec<Target> {
        let kinds = [Kind::Reserved, Kind::Output, Kind::Requests, Kind::PoolDay];
        kinds
            .into_iter()
            .filter(|kind| days || *kind != Kind::PoolDay)
            .filter_map(|kind| {
                let limit = |&pool: &usize| Some((pool, today(&scenario.pools[pool].quotas, kind)?));
                let holders: Vec<(usize, u64)> = pools.iter().filter_map(limit).collect();
                (!holders.is_empty()).then_some(Target { kind, holders })
            })
            .collect()
    }

    /// The daily quota of an account.
    pub(in crate::planner) fn of_account(scenario: &Scenario, account: usize) -> Option<Target> {
        let quota = scenario.accounts[account].tokens_per_day.as_ref()?;
        let holders = vec![(account, quota.limit_at(SimTime::ZERO))];
        Some(Target { kind: Kind::AccountDay, holders })
    }

    /// Today's limit; with a quota that changes, at the start.
    pub(in crate::planner) fn today(&self) -> u64 {
        self.holders.iter().map(|&(_, limit)| limit).sum()
    }

    /// What each holder gets of a total, in today's proportions, at least 1.
    pub(in crate::planner) fn shares(&self, total: u64) -> impl Iterator<Item = (usize, u64)> + '_ {
        let today = u128::from(self.today());
        self.holders.iter().map(move |&(holder, limit)| {
            let share = match today {
                0 => total.div_ceil(self.holders.len() as u64),
                _ => (u128::from(total) * u128::from(limit)).div_ceil(today) as u64,
            };
            (holder, share.max(1))
        })
    }

    /// Sets the limit in a scenario.
    pub(in crate::planner) fn set(&self, scenario: &mut Scenario, total: u64) {
        for (holder, limit) in self.shares(total) {
            self.change(scenario, holder, Some(limit));
        }
    }

    /// Takes the limit out of a scenario, or as good as where a client paces itself by it.
    pub(in crate::planner) fn lift(&self, scenario: &mut Scenario) {
        for &(holder, _) in &self.holders {
            let paces = |workload: &Workload| workload.pace.is_some() && workload.pool == holder;
            let paced = self.kind == Kind::Reserved && scenario.workloads.iter().any(paces);
            self.change(scenario, holder, paced.then_some(MOST));
        }
    }

    /// Puts a limit that was lifted back as it is in `from`.
    pub(in crate::planner) fn put_back(&self, scenario: &mut Scenario, from: &Scenario) {
        for &(holder, _) in &self.holders {
            if self.kind == Kind::AccountDay {
                scenario.accounts[holder].tokens_per_day.clone_from(&from.accounts[holder].tokens_per_day);
                continue;
            }
            let before = &from.pools[holder].quotas;
            match (&mut scenario.pools[holder].quotas, before) {
                (
                    PoolQuotas::Runtime { tokens, requests, tokens_per_day },
                    PoolQuotas::Runtime { tokens: t, requests: r, tokens_per_day: d },
                ) => match self.kind {
                    Kind::Reserved => tokens.clone_from(t),
                    Kind::Requests => requests.clone_from(r),
                    _ => tokens_per_day.clone_from(d),
                },
                (PoolQuotas::Mantle { input, output }, PoolQuotas::Mantle { input: i, output: o }) => match self.kind {
                    Kind::Reserved => input.clone_from(i),
                    _ => output.clone_from(o),
                },
                _ => unreachable!("a scenario keeps the endpoints of its pools"),
            }
        }
    }

    fn change(&self, scenario: &mut Scenario, holder: usize, limit: Option<u64>) {
        let set = |quota: &mut Option<Quota>| match (limit, quota.as_mut()) {
            (Some(limit), Some(quota)) => quota.limits = vec![(SimTime::ZERO, limit)],
            _ => *quota = None,
        };
        let set_day = |quota: &mut Option<DayQuota>| match (limit, quota.as_mut()) {
            (Some(limit), Some(quota)) => quota.limits = vec![(SimTime::ZERO, limit)],
            _ => *quota = None,
        };
        if self.kind == Kind::AccountDay {
            set_day(&mut scenario.accounts[holder].tokens_per_day);
            return;
        }
        match (&mut scenario.pools[holder].quotas, self.kind) {
            (PoolQuotas::Runtime { tokens: quota, .. } | PoolQuotas::Mantle { input: quota, .. }, Kind::Reserved)
            | (PoolQuotas::Runtime { requests: quota, .. }, Kind::Requests)
            | (PoolQuotas::Mantle { output: quota, .. }, Kind::Output) => set(quota),
            (PoolQuotas::Runtime { tokens_per_day, .. }, Kind::PoolDay) => set_day(tokens_per_day),
            _ => unreachable!("a pool holds only limits that it has"),
        }
    }

    /// Whether the limit is a cap on open reservations, which is for theory.
    pub(in crate::planner) fn for_theory(&self, scenario: &Scenario) -> bool {
        let in_flight = |&(pool, _): &(usize, u64)| {
            let quota = scenario.pools[pool].quotas.reserved_from();
            quota.is_some_and(|quota| quota.limiter == Limiter::InFlight)
        };
        self.kind == Kind::Reserved && self.holders.iter().any(in_flight)
    }

    /// The name of the limit in one of the pools that hold it.
    pub(in crate::planner) fn name_in(&self, scenario: &Scenario, pool: usize) -> LimitName {
        match (self.kind, &scenario.pools[pool].quotas) {
            (Kind::Reserved, PoolQuotas::Runtime { .. }) => LimitName::TokensPerMinute,
            (Kind::Reserved, PoolQuotas::Mantle { .. }) => LimitName::InputTokensPerMinute,
            (Kind::Output, _) => LimitName::OutputTokensPerMinute,
            (Kind::Requests, _) => LimitName::RequestsPerMinute,
            (Kind::PoolDay | Kind::AccountDay, _) => LimitName::TokensPerDay,
        }
    }

    /// The key of the limit in results, and the name of its first holder.
    pub(in crate::planner) fn words(&self, scenario: &Scenario) -> (&'static str, String) {
        if self.kind == Kind::AccountDay {
            return ("account_tokens_per_day", scenario.accounts[self.holders[0].0].name.clone());
        }
        let names: Vec<&str> = self.holders.iter().map(|&(pool, _)| scenario.pools[pool].name.as_str()).collect();
        (self.name_in(scenario, self.holders[0].0).key(), names.join(" + "))
    }
}

/// Today's limit of a kind in a pool, if it has one.
fn today(quotas: &PoolQuotas, kind: Kind) -> Option<u64> {
    let day = match (quotas, kind) {
        (PoolQuotas::Runtime { tokens_per_day, .. }, Kind::PoolDay) => tokens_per_day.as_ref(),
        _ => None,
    };
    let quota = match (quotas, kind) {
        (_, Kind::Reserved) => quotas.reserved_from(),
        (_, Kind::Output) => quotas.output(),
        (PoolQuotas::Runtime { requests, .. }, Kind::Requests) => requests.as_ref(),
        _ => None,
    };
    day.map(|quota| quota.limit_at(SimTime::ZERO)).or_else(|| quota.map(|quota| quota.limit_at(SimTime::ZERO)))
}
