//! What would do instead of so large a quota: changes of the application, each simulated, with what it saves.

use super::least::{Precision, Sizer};
use super::target::{Kind, Target};
use super::trial::Court;
use crate::analysis::objectives::DEFAULT_BOUND;
use crate::analysis::sizing::Alternative;
use crate::model::client::CustomPolicy;
use crate::model::service_quota::PoolIdentity;
use crate::model::{Arrivals, ClientPolicy, Comparison, PoolQuotas, Requirement, Scenario, Scope, Workload};
use crate::planner::caching::cached;
use crate::planner::drain::drain;
use crate::planner::ladder::enough_for;
use crate::planner::search::at_load;
use crate::units::{Probability, SimTime, Tokens, format};

/// Sizes one limit of a component, the others being no bound, with less effort than the answer itself: for ratios.
pub(super) struct Single<'a> {
    /// The component's scenario.
    pub(super) scenario: &'a Scenario,
    /// The workloads in it.
    pub(super) workloads: &'a [usize],
    /// The limit.
    pub(super) target: &'a Target,
    /// Who judges.
    pub(super) court: Court<'a>,
    /// Where to begin.
    pub(super) guess: u64,
}

impl Single<'_> {
    /// What a changed scenario needs; the inner `None` if no limit meets the objectives.
    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it was stopped, the inner one whether there is any"
    )]
    pub(super) fn need(&self, scenario: &Scenario) -> Option<Option<u64>> {
        self.need_judged_by(scenario, self.court)
    }

    #[expect(
        clippy::option_option,
        reason = "the outer one says whether it was stopped, the inner one whether there is any"
    )]
    fn need_judged_by(&self, scenario: &Scenario, court: Court<'_>) -> Option<Option<u64>> {
        let targets = std::slice::from_ref(self.target);
        let sizer = Sizer { scenario, targets, court, precision: Precision::Rough };
        Some(sizer.least(Some(&[self.guess]))?.ok().map(|least| least.limits[0]))
    }
}

/// A change to try.
struct Change {
    name: &'static str,
    words: String,
    scenario: Scenario,
    /// What is judged besides the objectives.
    further: Vec<Requirement>,
    /// The workloads that are gone, of which objectives cannot speak.
    gone: Vec<usize>,
    note: Note,
}

enum Note {
    Fixed(String),
    /// Two of these together need so much.
    Halves(String),
    /// The workload, alone with the limit that is found.
    DrainsAlone(usize),
}

/// The share of the input that is read from the cache (*assumption*).
const CACHED_SHARE: f64 = 0.8;
/// What callers pace themselves at: an AWS sample measured no throttles at this share of the quota.
const PACE: f64 = 0.92;
/// How long pacing may hold back all but one request in a hundred (*assumption*).
const PACED_WAIT_MS: f64 = 5_000.0;

/// The alternatives of a component by what they save of `need`, which the limit needs as it is, under the same law as
/// the scenario of `single`; with the effort of `single` that is `base`. `identities` are of the scenario's pools.
pub(super) fn alternatives(
    single: &Single<'_>,
    [need, base]: [u64; 2],
    today: u64,
    identities: &[PoolIdentity],
    mut done: impl FnMut(f64),
) -> Option<Vec<Alternative>> {
    let rescaled = |other: u64| libm::round(need as f64 * other as f64 / base as f64) as u64;
    let changes = changes(single, identities);
    let mut found = Vec::new();
    let mut known: Vec<(&Scenario, Option<u64>)> = Vec::new();
    for (index, change) in changes.iter().enumerate() {
        let objectives: Vec<Requirement> = single
            .court
            .objectives
            .iter()
            .filter(|objective| !matches!(objective.scope, Scope::Workload(of) if change.gone.contains(&of)))
            .chain(&change.further)
            .cloned()
            .collect();
        let court = Court { objectives: &objectives, ..single.court };
        // Two ways to share the traffic are one simulation.
        let same = known.iter().find(|(scenario, _)| **scenario == change.scenario);
        let raw = match same {
            Some(&(_, raw)) => raw,
            None if objectives.is_empty() => None,
            None => single.need_judged_by(&change.scenario, court)?,
        };
        known.push((&change.scenario, raw));
        let changed = raw.map(rescaled);
        found.push(Alternative {
            name: change.name.to_owned(),
            words: change.words.clone(),
            need: changed,
            saves: changed.map(|changed| need as i64 - changed as i64),
            enough_today: changed.is_some_and(|changed| changed <= today),
            note: note(&change.note, single, raw, changed.map(|changed| changed as f64 / need.max(1) as f64))?,
        });
        done((index + 1) as f64 / changes.len() as f64);
    }
    found.sort_by_key(|each| std::cmp::Reverse(each.saves.unwrap_or(i64::MIN)));
    Some(found)
}

/// The words of a note. `raw` is the limit that was found, `share` what it is of the need.
fn note(note: &Note, single: &Single<'_>, raw: Option<u64>, share: Option<f64>) -> Option<String> {
    Some(match (note, raw, share) {
        (Note::Halves(text), _, Some(share)) => match share * 2.0 - 1.0 {
            more if more > 0.005 => format!("{text}; both together need {} more than one", format::share(more)),
            _ => text.clone(),
        },
        (Note::Fixed(text) | Note::Halves(text), ..) => text.clone(),
        (Note::DrainsAlone(workload), Some(raw), _) => {
            let mut alone = single.scenario.clone();
            single.target.set(&mut alone, raw);
            for (index, other) in alone.workloads.iter_mut().enumerate() {
                if index != *workload {
                    other.arrivals = Arrivals::Burst { at: SimTime::ZERO, count: 0 };
                }
            }
            let finishes = drain(&alone, *workload, single.court.most, single.court.progress)?;
            let slowest = finishes.iter().filter_map(|finish| finish.seconds).reduce(f64::max);
            let time = slowest.map_or_else(String::new, |seconds| {
                format!("; at night it takes {} with that quota", format::seconds(seconds))
            });
            format!("batch inference is outside the quota, at half the price{time}")
        }
        (Note::DrainsAlone(_), ..) => "batch inference is outside the quota, at half the price".to_owned(),
    })
}

fn changes(single: &Single<'_>, identities: &[PoolIdentity]) -> Vec<Change> {
    let tokens = single.target.kind == Kind::Reserved && !single.target.for_theory(single.scenario);
    let per_minute = matches!(single.target.kind, Kind::Reserved | Kind::Requests | Kind::Output);
    let mut changes: Vec<Change> = Vec::new();
    if tokens {
        changes.extend(lower_max_tokens(single));
        changes.extend(prompt_caching(single));
        changes.extend(lower_burndown(single, identities));
        changes.extend(pacing(single));
    }
    changes.extend(batch_elsewhere(single));
    if per_minute {
        changes.extend(other_profile(single, identities));
    }
    changes.push(half(
        single,
        "second_account",
        "half of the traffic from a second account".to_owned(),
        Note::Halves("quotas are per account".to_owned()),
    ));
    changes
}

fn change(name: &'static str, words: String, scenario: Scenario, note: String) -> Change {
    Change { name, words, scenario, further: Vec::new(), gone: Vec::new(), note: Note::Fixed(note) }
}

/// The caps that the lengths of answers allow.
fn lower_max_tokens(single: &Single<'_>) -> Option<Change> {
    let mut scenario = single.scenario.clone();
    let mut words = Vec::new();
    let mut cut: f64 = 0.0;
    for &index in single.workloads {
        let accepted = single.court.objectives.iter().find(|objective| {
            objective.metric == "truncation_rate"
                && (objective.scope == Scope::Total || objective.scope == Scope::Workload(index))
        });
        // Half of what is accepted, so that chance does not decide.
        let share = accepted.map_or(DEFAULT_BOUND, |objective| objective.bound) / 2.0;
        let Some(enough) = enough_for(single.scenario, index, share) else { continue };
        let workload = &mut scenario.workloads[index];
        let now = workload.max_tokens.unwrap_or(single.scenario.pools[workload.pool].max_output);
        if enough < now.0 {
            let name = if single.workloads.len() > 1 { format!(" of `{}`", workload.name) } else { String::new() };
            words.push(format!("max_tokens{name} {} instead of {}", format::count(enough), format::count(now.0)));
            workload.max_tokens = Some(Tokens(enough));
            cut = cut.max(share);
        }
    }
    if words.is_empty() {
        return None;
    }
    let note = format!("cuts up to {} of answers short", format::share(cut));
    Some(change("lower_max_tokens", words.join(", "), scenario, note))
}

fn prompt_caching(single: &Single<'_>) -> Option<Change> {
    let scenario = cached(single.scenario, CACHED_SHARE)?;
    let words = format!("{} of the input from the prompt cache", format::share(CACHED_SHARE));
    Some(change(
        "prompt_caching",
        words,
        scenario,
        "if so much of it repeats; cache reads are free of quota".to_owned(),
    ))
}

fn lower_burndown(single: &Single<'_>, identities: &[PoolIdentity]) -> Option<Change> {
    let mut scenario = single.scenario.clone();
    let mut words = None;
    let mut elsewhere = false;
    for &(index, _) in &single.target.holders {
        let Some(lower) = identities.get(index).and_then(|identity| identity.lower_burndown.first()) else { continue };
        let pool = &mut scenario.pools[index];
        if !matches!(pool.quotas, PoolQuotas::Runtime { .. }) || lower.rate >= pool.burndown {
            continue;
        }
        words.get_or_insert_with(|| {
            format!("{}, which burns {} and not {}", lower.model, lower.rate.0, pool.burndown.0)
        });
        elsewhere |= !lower.same_provider;
        pool.burndown = lower.rate;
        let most = lower.max_output.unwrap_or(pool.max_output);
        pool.max_output = most;
        for workload in scenario.workloads.iter_mut().filter(|workload| workload.pool == index) {
            workload.max_tokens = workload.max_tokens.map(|limit| limit.min(most));
        }
    }
    let why = if elsewhere { "no model of today's provider burns less; " } else { "" };
    let note = format!("{why}with answers as long and as fast; check the quality");
    words.map(|words| change("lower_burndown", words, scenario, note))
}

fn pacing(single: &Single<'_>) -> Option<Change> {
    let mut scenario = single.scenario.clone();
    let mut further = Vec::new();
    for &index in single.workloads {
        let workload = &mut scenario.workloads[index];
        if workload.pace.is_some() {
            return None;
        }
        workload.pace = Some(Probability(PACE));
        if !may_wait(workload) {
            further.push(Requirement {
                text: "wait_ms.p99 < 5s (pacing)".to_owned(),
                scope: Scope::Workload(index),
                metric: "wait_ms.p99".to_owned(),
                comparison: Comparison::Less,
                bound: PACED_WAIT_MS,
            });
        }
    }
    let words = format!("callers paced at {} of the quota", format::share(PACE));
    let note = format!("99% of requests wait less than {}", format::seconds(PACED_WAIT_MS / 1e3));
    Some(Change { further, ..change("pacing", words, scenario, note) })
}

/// Whether a workload is work that may wait: it comes all at once or by the clock, or its client never gives up.
pub(in crate::planner) fn may_wait(workload: &Workload) -> bool {
    matches!(workload.arrivals, Arrivals::Burst { .. } | Arrivals::Cron { .. })
        || matches!(workload.client, ClientPolicy::Custom(CustomPolicy { max_attempts: None, .. }))
}

fn batch_elsewhere(single: &Single<'_>) -> Option<Change> {
    let (batch, others): (Vec<usize>, Vec<usize>) =
        single.workloads.iter().partition(|&&index| may_wait(&single.scenario.workloads[index]));
    if batch.is_empty() || others.is_empty() {
        return None;
    }
    let mut scenario = single.scenario.clone();
    for &index in &batch {
        scenario.workloads[index].arrivals = Arrivals::Burst { at: SimTime::ZERO, count: 0 };
    }
    let names: Vec<String> = batch.iter().map(|&index| format!("`{}`", scenario.workloads[index].name)).collect();
    let words = format!("{} at night, or by batch inference", names.join(", "));
    let note = match (batch.as_slice(), &single.scenario.workloads[batch[0]].arrivals) {
        ([only], Arrivals::Burst { .. } | Arrivals::Cron { .. }) => Note::DrainsAlone(*only),
        _ => Note::Fixed("batch inference is outside the quota, at half the price".to_owned()),
    };
    Some(Change { gone: batch, note, ..change("batch_elsewhere", words, scenario, String::new()) })
}

fn other_profile(single: &Single<'_>, identities: &[PoolIdentity]) -> Vec<Change> {
    let [(pool, _)] = single.target.holders.as_slice() else { return Vec::new() };
    let siblings = identities.get(*pool).map_or(&[][..], |identity| &identity.siblings);
    siblings
        .iter()
        .map(|sibling| {
            let default = match sibling.tokens_per_minute {
                Some(limit) => format!("a pool of its own, {} tokens per minute by default", format::quantity(limit)),
                None => "a pool of its own".to_owned(),
            };
            let words = format!("half of the traffic through `{}`", sibling.id);
            half(single, "other_profile", words, Note::Fixed(default))
        })
        .collect()
}

fn half(single: &Single<'_>, name: &'static str, words: String, note: Note) -> Change {
    let mut scenario = at_load(single.scenario, single.scenario.load.as_f64() / 2.0);
    for workload in &mut scenario.workloads {
        // Each half has its share of the slots.
        match &mut workload.concurrency {
            Some(cap) if workload.clients == 1 => cap.limit = cap.limit.div_ceil(2),
            Some(_) => workload.clients = workload.clients.div_ceil(2),
            None => {}
        }
    }
    Change { note, ..change(name, words, scenario, String::new()) }
}
