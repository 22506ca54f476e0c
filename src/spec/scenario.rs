//! The scenario as written, and the whole of it put together.

use super::build::Builder;
use super::context::{At, Context};
use super::decode::Decode;
use super::describe::record;
use super::pool::{AccountSpec, PoolSpec, Surroundings};
use super::problem::shown;
use super::scalar::{Fraction, Named};
use super::schema::Definitions;
use super::slo::SloSpec;
use super::spike::SpikeSpec;
use super::tree::{Kind, Node};
use super::workload::WorkloadSpec;
use super::{assumptions, checks};
use crate::model::scenario::{Load, Start};
use crate::model::{Arrivals, Pool, Scenario, Workload};
use crate::units::{SimSpan, SimTime, format};
use serde_json::{Value, json};

record! {
    /// A quotasim scenario: pools, workloads and the time that they are watched.
    struct ScenarioSpec as "scenario" {
        /// The version of this language: 1.
        version: u64 = required,
        /// Its name; left out, that of the file.
        name: String,
        /// The question it answers.
        question: String,
        /// Sets of quotas by name.
        pools: Named<PoolSpec> = required,
        /// Traffic classes by name.
        workloads: Named<WorkloadSpec> = required,
        /// Accounts with a daily quota, by name.
        accounts: Named<AccountSpec>,
        /// Service-level objectives.
        slo: Vec<At<SloSpec>>,
        /// How long requests arrive, the warm-up included; 30m, or to the end of the trace.
        horizon: SimSpan,
        /// How long to wait before counting; 2m, or 0 where all is a trace or a burst.
        warmup: SimSpan,
        /// Independent repetitions.
        replications: u32 = "10",
        /// The seed of all randomness.
        seed: u64 = "1",
        /// When the scenario begins, in UTC: `15:00 UTC`, `2026-09-21 15:00 UTC`.
        start: StartSpec = "00:00 UTC",
        /// Multiplies open arrival rates, trace scale and workers.
        load: Fraction = "1",
        /// A while with more traffic.
        spike: SpikeSpec,
        /// A bounded episode: a full bucket at its start is real, not a bias.
        episode: bool = "false",
    }
}

/// The instant that simulated time zero stands for.
#[derive(Debug, Clone)]
pub(crate) struct StartSpec {
    start: Start,
    /// `YYYY-MM-DD`, where it was written.
    date: Option<String>,
}

impl Decode for StartSpec {
    fn title() -> String {
        "start".to_owned()
    }

    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let read = match &node.kind {
            Kind::Scalar(text) => StartSpec::parse(text.trim()),
            _ => None,
        };
        if read.is_none() {
            let found = match &node.kind {
                Kind::Scalar(text) => format!("`{}`", shown(text)),
                _ => node.describe().to_owned(),
            };
            cx.problem_with(
                node.at,
                format!("{} is {found}, not a time in UTC", cx.field()),
                "write `15:00 UTC`, `2026-09-21 15:00 UTC` or `2026-09-21T15:00:00Z`",
            );
        }
        read
    }

    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "string", "pattern": "^[0-9: TZUC.-]+$" })
    }
}

impl StartSpec {
    fn parse(text: &str) -> Option<StartSpec> {
        let text = text.strip_suffix("UTC").or_else(|| text.strip_suffix('Z')).unwrap_or(text).trim_end();
        let (date, time) = match text.split_once([' ', 'T']) {
            Some((date, time)) => (Some(date), time.trim_start()),
            None if text.contains(':') => (None, text),
            None => (Some(text), "00:00"),
        };
        let time: jiff::civil::Time = time.parse().ok()?;
        let time_of_day = SimSpan(u64::try_from(time.duration_since(jiff::civil::Time::midnight()).as_nanos()).ok()?);
        let Some(date) = date else {
            return Some(StartSpec { start: Start { time_of_day, ..Start::default() }, date: None });
        };
        let date: jiff::civil::Date = date.parse().ok()?;
        let epoch = jiff::civil::date(1970, 1, 1);
        let day = epoch.until(date).ok()?.get_days().into();
        Some(StartSpec { start: Start { day, time_of_day }, date: Some(date.to_string()) })
    }
}

impl ScenarioSpec {
    /// The scenario, where nothing in it is wrong.
    pub(crate) fn build(&self, b: &mut Builder<'_>, file_name: &str) -> Option<Scenario> {
        if let Some(version) = self.version
            && version.value != 1
        {
            b.cx.problem_with(
                version.at,
                format!("`version` is {}, but this program reads version 1", version.value),
                "write `version: 1`",
            );
        }
        let start = self.start.as_ref();
        let (pool_names, workload_names) = (names(self.pools.as_ref()), names(self.workloads.as_ref()));
        let account_names = names(self.accounts.as_ref());

        let accounts = each(b, self.accounts.as_ref(), |b, name, spec| spec.build(b, &name.value));
        let date = start.and_then(|start| start.value.date.as_deref());
        let specs = self.workloads.iter().flat_map(|list| &list.value.0).filter_map(|(_, spec)| spec.as_ref());
        let latency_asked: Vec<_> = specs.flat_map(WorkloadSpec::asks_latency_of).collect();
        let around = Surroundings { accounts: &account_names, date, latency_asked: &latency_asked };
        let pools = each(b, self.pools.as_ref(), |b, name, spec| spec.build(b, name, around));
        self.not_empty(b);
        let workloads = each(b, self.workloads.as_ref(), |b, name, spec| spec.build(b, name, &pool_names, &pools));
        let slo: Vec<_> = self
            .slo
            .iter()
            .flat_map(|slo| &slo.value)
            .map(|slo| slo.value.build(b, &pool_names, &workload_names))
            .collect();
        self.checks(b, &pools, &workloads);

        if let Some(list) = &self.workloads {
            // A simultaneous arrival's order holds the workload in eight bits.
            b.require(list.value.0.len() <= 256, list.at, || {
                format!("there are {} workloads: a scenario has at most 256", list.value.0.len())
            })?;
        }
        let is_closed = |w: &Workload| matches!(w.arrivals, Arrivals::ClosedLoop { .. });
        let closed: Vec<bool> = workloads.iter().map(|workload| workload.as_ref().is_some_and(is_closed)).collect();
        let complete: Option<Vec<Workload>> = workloads.into_iter().collect();
        let (horizon, warmup) = self.time(b, complete.as_deref().unwrap_or_default())?;
        if let (None, Some(list), Some(workloads)) = (&self.horizon, &self.workloads, &complete) {
            for ((name, _), workload) in list.value.0.iter().zip(workloads) {
                checks::beyond_default_horizon(b, name.at, workload, horizon);
            }
        }
        let spike = match &self.spike {
            None => Some(None),
            Some(spike) => spike.value.build(b, &workload_names, &closed, [warmup, horizon]).map(Some),
        };
        let replications = self.replications?;
        b.require((1..=100_000).contains(&replications.value), replications.at, || {
            format!("`replications` is {}: it must lie between 1 and 100,000", replications.value)
        })?;
        let load = self.load?;
        b.require(load.value.numerator > 0, load.at, || "`load` is 0: it must be positive".to_owned())?;
        let mut scenario = Scenario {
            name: self.name.as_ref().map_or_else(|| file_name.to_owned(), |name| name.value.clone()),
            start: start?.value.start,
            horizon,
            horizon_given: self.horizon.is_some(),
            warmup,
            replications: replications.value,
            seed: self.seed?.value,
            load: Load { numerator: load.value.numerator, denominator: load.value.denominator },
            spike: spike?,
            episode: self.episode?.value,
            accounts: accounts.into_iter().collect::<Option<_>>()?,
            pools: pools.into_iter().collect::<Option<_>>()?,
            workloads: complete?,
            slo: slo.into_iter().collect::<Option<_>>()?,
            assumptions: Vec::new(),
        };
        if !b.cx.is_clean() {
            return None;
        }
        assumptions::of_scenario(b, &scenario);
        scenario.assumptions.clone_from(&b.assumptions);
        Some(scenario)
    }

    fn not_empty(&self, b: &mut Builder<'_>) {
        let lists = [
            ("pools", self.pools.as_ref().map(|list| (list.at, list.value.0.is_empty()))),
            ("workloads", self.workloads.as_ref().map(|list| (list.at, list.value.0.is_empty()))),
        ];
        for (name, list) in lists {
            if let Some((at, true)) = list {
                b.cx.problem(at, format!("`{name}` is empty: a scenario needs at least one"));
            }
        }
    }

    /// What can be said before a run about workloads and the pools that they call.
    fn checks(&self, b: &mut Builder<'_>, pools: &[Option<Pool>], workloads: &[Option<Workload>]) {
        let Some(specs) = &self.workloads else { return };
        for ((name, _), workload) in specs.value.0.iter().zip(workloads) {
            if let Some(workload) = workload {
                checks::of_workload(b, name.at, workload, pools);
            }
        }
    }

    /// Horizon and warm-up, written or by default.
    fn time(&self, b: &mut Builder<'_>, workloads: &[Workload]) -> Option<(SimTime, SimTime)> {
        let ends = workloads.iter().filter_map(|workload| match &workload.arrivals {
            Arrivals::Trace(trace) if !trace.repeat => trace.rows.last().map(|row| row.at.saturating_add(SimSpan(1))),
            _ => None,
        });
        let horizon = match (self.horizon, ends.max()) {
            (Some(written), _) => SimTime(written.value.0),
            (None, Some(end)) => end,
            (None, None) => SimTime(30 * SimSpan::MINUTE.0),
        };
        let bounded = |w: &Workload| matches!(w.arrivals, Arrivals::Trace(_) | Arrivals::Burst { .. });
        let warmup = match self.warmup {
            Some(written) => SimTime(written.value.0),
            None if !workloads.is_empty() && workloads.iter().all(bounded) => SimTime::ZERO,
            None => SimTime(2 * SimSpan::MINUTE.0),
        };
        if horizon <= warmup && !(self.warmup.is_none() && workloads.is_empty()) {
            let at = self.horizon.or(self.warmup).map_or(super::problem::Span::START, |written| written.at);
            let written = |time: SimTime| format::duration(SimSpan(time.0));
            let default = if self.warmup.is_none() { " by default" } else { "" };
            b.cx.problem_with(
                at,
                format!("`horizon` is {}, not after `warmup`, {}{default}", written(horizon), written(warmup)),
                "requests are counted from `warmup` to `horizon`: choose a later horizon, or write `warmup: 0s`",
            );
            return None;
        }
        Some((horizon, warmup))
    }
}

fn names<T>(list: Option<&At<Named<T>>>) -> Vec<String> {
    list.map_or_else(Vec::new, |list| list.value.0.iter().map(|(name, _)| name.value.clone()).collect())
}

/// Builds each entry of a map of names, in its place; entries that could not be read stay `None`.
fn each<S, T>(
    b: &mut Builder<'_>,
    list: Option<&At<Named<S>>>,
    mut build: impl FnMut(&mut Builder<'_>, &At<String>, &S) -> Option<T>,
) -> Vec<Option<T>> {
    let Some(list) = list else { return Vec::new() };
    list.value.0.iter().map(|(name, spec)| spec.as_ref().and_then(|spec| build(b, name, spec))).collect()
}
