//! `--clients boto3@2.0,boto3@2.1,none`: the same scenario with the clients of that name.

use super::compare::Read;
use super::source::{Collected, Source};
use crate::analysis::{Comparison, objectives, upgrade};
use crate::model::client::RetryVersion;
use crate::model::{self, ClientPolicy, Scenario, Scope};
use crate::planner::{Progress, Variant};
use crate::spec::{Problems, client_named};
use anyhow::{Context, bail};

/// The name that stands for the clients that a scenario has anyway.
const OWN: &str = "scenario";

/// A client by name, with what it changes in a scenario.
#[derive(Debug, Clone)]
pub(super) struct Client {
    /// Its name.
    pub(super) name: String,
    /// The changes that give it to the workloads in question.
    pub(super) changes: Vec<(String, String)>,
}

/// The clients of a list of names; `workload` is the one that gets them, or all do.
pub(super) fn named(names: &[String], scenario: &Scenario, workload: Option<usize>) -> anyhow::Result<Vec<Client>> {
    let mut clients: Vec<Client> = Vec::new();
    let mut unknown = Vec::new();
    for name in names.iter().map(|name| name.trim()) {
        if clients.iter().any(|known| known.name == name) {
            bail!("`--clients` names `{name}` twice\n\nhint: name each client once");
        }
        if name != OWN
            && let Err([reason, hint]) = client_named(name)
        {
            unknown.push(format!("`--clients`: {reason}\n\nhint: {hint}"));
        }
        let targets = scenario.workloads.iter().enumerate().filter(|(index, _)| workload.is_none_or(|at| at == *index));
        let change = |of: &model::Workload| (format!("workloads.{}.client", of.name), name.to_owned());
        let changes = if name == OWN { Vec::new() } else { targets.map(|(_, of)| change(of)).collect() };
        clients.push(Client { name: name.to_owned(), changes });
    }
    if !unknown.is_empty() {
        bail!("{}", unknown.join("\n\n"));
    }
    Ok(clients)
}

/// One variant of a scenario for each client.
///
/// A scenario that says nothing about failures or throttles is judged by its failures: a client that hides throttles
/// does its job.
pub(super) fn variants(source: &Source, clients: &[Client]) -> Result<Read, Problems> {
    let mut problems = Collected::default();
    let mut read = Read { variants: Vec::new(), warnings: Vec::new() };
    for client in clients {
        let Some(mut loaded) = problems.take(source.read(&client.changes, "--clients")) else { continue };
        if !loaded.scenario.slo.iter().any(|each| objectives::REFUSALS.contains(&each.metric.as_str())) {
            loaded.scenario.slo.push(objectives::default_on(Scope::Total, "request_failure_rate"));
        }
        read.variants.push(Variant { name: client.name.clone(), scenario: loaded.scenario });
        read.warnings.extend(loaded.warnings);
    }
    problems.problems().map_or(Ok(read), Err)
}

/// Puts what the others change against the first in front of a comparison's reason: the upgrade of its SDK, or the second.
pub(super) fn explain(comparison: &mut Comparison) {
    let [first, others @ ..] = comparison.variants.as_slice() else { return };
    let upgraded = others.iter().find_map(|other| Some((other, upgrade_of(&first.name, &other.name)?)));
    let said = match (upgraded, others.first()) {
        (Some((other, sdk)), _) => upgrade::sentence(first, other, Some(sdk)),
        (None, Some(second)) => upgrade::sentence(first, second, None),
        (None, None) => return,
    };
    comparison.recommendation.reason = format!("{said} {}", comparison.recommendation.reason);
}

/// The SDK that two names are the old and the new defaults of.
fn upgrade_of<'a>(before: &'a str, after: &str) -> Option<&'a str> {
    let (sdk, _) = before.split_once('@')?;
    let policy = |name: &str| match client_named(name) {
        Ok(ClientPolicy::Sdk(policy)) => Some(policy),
        _ => None,
    };
    let (old, new) = (policy(before)?, policy(after)?);
    let defaults = old.mode == old.sdk.default_mode(old.version) && new.mode == new.sdk.default_mode(new.version);
    let versions = (old.version, new.version) == (RetryVersion::V2_0, RetryVersion::V2_1);
    (old.sdk == new.sdk && defaults && versions).then_some(sdk)
}

/// The workload of a name.
pub(super) fn workload(scenario: &Scenario, name: Option<&str>) -> anyhow::Result<Option<usize>> {
    let Some(name) = name else { return Ok(None) };
    let names: Vec<&str> = scenario.workloads.iter().map(|workload| workload.name.as_str()).collect();
    let found = names.iter().position(|known| *known == name);
    found
        .map(Some)
        .with_context(|| format!("the scenario has no workload `{name}`\n\nhint: it has `{}`", names.join("`, `")))
}

/// The progress of one of several pieces of work.
pub(super) struct Offset<'a> {
    pub(super) all: &'a dyn Progress,
    /// How much was done before.
    pub(super) before: u32,
    /// Whether it is the last: what comes after the others' points is no stage of the whole.
    pub(super) last: bool,
}

impl Progress for Offset<'_> {
    fn stage(&self, words: &str) {
        if self.last {
            self.all.stage(words);
        }
    }

    fn reached(&self, replication: u32, share: f64) {
        self.all.reached(self.before + replication, share);
    }

    fn stopped(&self) -> bool {
        self.all.stopped()
    }
}

#[cfg(test)]
mod tests {
    use super::upgrade_of;

    #[test]
    fn an_upgrade_is_from_old_defaults_to_new_ones() {
        assert_eq!(upgrade_of("boto3@2.0", "boto3@2.1"), Some("boto3"));
        assert_eq!(upgrade_of("boto3@2.0", "boto3"), Some("boto3"));
        assert_eq!(upgrade_of("javascript@2.0", "javascript"), Some("javascript"));
        for (before, after) in [
            ("boto3@2.1", "boto3@2.0"),
            ("boto3@2.0", "javascript@2.1"),
            ("boto3-standard@2.0", "boto3@2.1"),
            ("boto3@2.0", "none"),
            ("java@2.0", "java-standard@2.1"),
        ] {
            assert_eq!(upgrade_of(before, after), None, "{before} to {after}");
        }
    }
}
