//! Writes what was found into the document: needs and requests by pool and account, and what is to be known of them.

use super::component::{Component, days_can_be_told};
use super::joint::Joint;
use super::robust::Robust;
use super::{Sized, Work};
use crate::analysis::sizing::{Limits, Sizing, Under, round_up, with_margin};
use crate::analysis::{traffic, warnings};

impl Work<'_> {
    /// Writes needs and requests by pool and account.
    pub(super) fn write(&self, sizing: &mut Sizing, sized: &[Sized<'_>], joint: &Joint) {
        for each in sized {
            for (index, target) in each.component.targets.iter().enumerate() {
                let scaled = |limit: u64| joint.scaled(limit);
                let (decided, _) = each.decided(index);
                let wanted = with_margin(scaled(decided), self.ask.margin);
                let needs = target.shares(scaled(each.least.limits[index]));
                for ((pool, need), (_, wanted)) in needs.zip(target.shares(wanted)) {
                    let name = target.name_in(self.scenario, pool);
                    let size = sizing.pools.get_mut(&self.scenario.pools[pool].name).expect("every pool has a row");
                    size.needs.set(name, Some(need));
                    let today = size.today.get(name).unwrap_or(0);
                    let ask = wanted > today && !target.for_theory(self.scenario);
                    size.request.set(name, ask.then(|| round_up(wanted)));
                }
            }
            for robust in &each.robust {
                self.write_under(sizing, each.component, robust, joint);
            }
            sizing.warnings.extend(self.open_ended(each));
        }
        self.write_days(sizing, joint);
        for size in sizing.pools.values_mut() {
            let ratio = |(name, need): (_, u64)| (need as f64 / size.today.get(name).unwrap_or(0) as f64, name);
            let tightest =
                size.needs.present().map(ratio).reduce(|most, each| if each.0 > most.0 { each } else { most });
            size.binding = tightest.map(|(_, name)| name.key().to_owned());
        }
        sizing.at_need.clone_from(&joint.trial.standings);
        // Whether a bucket is still being spent is said in words of its own; an objective in doubt likewise.
        let own =
            |warning: &&String| warning.as_str() != warnings::UNDECIDED && !warning.contains(warnings::STILL_SPENDING);
        sizing.warnings.extend(joint.trial.summary.warnings.iter().filter(own).cloned());
        for pool in warnings::spending_pools(self.scenario, &joint.trial.replications) {
            sizing.warnings.push(format!(
                "at its need the bucket of `{pool}` is not yet in its steady state when the run ends, so the need may \
                 be a little low; lengthen `horizon` and `warmup` to be sure, or set `episode: true` if this is all \
                 there is"
            ));
        }
        for standing in joint.trial.standings.iter().filter(|standing| standing.met && !standing.proven) {
            sizing.warnings.push(format!(
                "`{}` is met in every replication, but too little was simulated to prove it with the asked confidence; \
                 raise `--replications` or the horizon",
                standing.text
            ));
        }
    }

    fn write_under(&self, sizing: &mut Sizing, component: &Component, robust: &Robust, joint: &Joint) {
        for &pool in &component.pools {
            let mut needs = Limits::default();
            for (index, target) in component.targets.iter().enumerate() {
                let Some(limits) = &robust.limits else { continue };
                for (_, share) in target.shares(joint.scaled(limits[index])).filter(|(holder, _)| *holder == pool) {
                    needs.set(target.name_in(self.scenario, pool), Some(share));
                }
            }
            let size = sizing.pools.get_mut(&self.scenario.pools[pool].name).expect("every pool has a row");
            size.by_assumption.push((robust.assumption.key(), Under { needs, decides: robust.decides }));
        }
    }

    /// Daily quotas: as searched, or what a day takes that is all like the simulated time.
    fn write_days(&self, sizing: &mut Sizing, joint: &Joint) {
        const MINUTES: f64 = 1_440.0;
        let request = |need: u64, today: u64| {
            let wanted = with_margin(need, self.ask.margin);
            (wanted > today).then(|| round_up(wanted))
        };
        let told = days_can_be_told(self.scenario);
        for (index, account) in self.scenario.accounts.iter().enumerate() {
            let Some(size) = sizing.accounts.get_mut(&account.name) else { continue };
            let searched = joint.accounts.iter().find(|(target, _)| target.holders[0].0 == index);
            let need = searched.map_or_else(
                || {
                    let billed = traffic::billed_per_minute(&joint.trial.replications, self.scenario, index);
                    libm::ceil(billed * MINUTES) as u64
                },
                |&(_, limit)| limit,
            );
            size.tokens_per_day = Some(need);
            size.extrapolated = searched.is_none();
            size.request = request(need, size.today.unwrap_or(0));
        }
        for pool in self.scenario.pools.iter().filter(|_| !told) {
            let size = sizing.pools.get_mut(&pool.name).expect("every pool has a row");
            let Some(today) = size.today.tokens_per_day else { continue };
            let offered = joint.trial.summary.pools[&pool.name].offered_tokens_per_minute.mean.unwrap_or(0.0);
            let need = libm::ceil(offered * MINUTES) as u64;
            size.needs.tokens_per_day = Some(need);
            size.request.tokens_per_day = request(need, today);
        }
        let extrapolated = sizing.accounts.values().any(|size| size.extrapolated)
            || (!told && sizing.pools.values().any(|size| size.today.tokens_per_day.is_some()));
        if extrapolated {
            sizing.warnings.push(
                "the simulated time is shorter than a day: tokens per day are what a whole day like it takes; simulate \
                 24h for a day with its own course"
                    .to_owned(),
            );
        }
    }

    /// Says where the objectives bound nothing.
    fn open_ended(&self, sized: &Sized<'_>) -> Option<String> {
        let target = &sized.component.targets[0];
        (sized.least.missed[0].is_none()).then(|| {
            let (limit, of) = target.words(self.scenario);
            format!(
                "no {} of `{of}` was found too small: requests are answered in the end however long they wait; bound \
                 their latency in `slo`, or give them a `deadline`",
                limit.replace('_', " ")
            )
        })
    }
}
