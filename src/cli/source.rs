//! A scenario file that is read several times, each time with other changes.

use super::args::ScenarioArgs;
use super::command::Command;
use super::files::Directory;
use super::{catalog, load};
use crate::model::service_quota::PoolIdentity;
use crate::model::{Pool, Scenario};
use crate::report::Origin;
use crate::spec::catalog::Catalog;
use crate::spec::{self, Loaded, Overlay, Problem, Problems};

/// A scenario file with the changes that hold for every reading of it.
#[derive(Debug)]
pub(super) struct Source {
    text: String,
    /// The changes that hold for every reading.
    overrides: Vec<(String, String)>,
    origin: String,
    directory: Directory,
    catalog: Catalog,
}

impl Source {
    /// Opens the scenario of a command line and reads it as it is. The inner error is what is wrong with it.
    pub(super) fn open(args: &ScenarioArgs) -> anyhow::Result<Result<(Source, Loaded), Problems>> {
        let catalog = catalog::load(args.catalog.as_deref())?.into_owned();
        let origin = args.scenario.display().to_string();
        let bytes = match load::bytes(&args.scenario) {
            Ok(bytes) => bytes,
            Err(problems) => return Ok(Err(problems)),
        };
        let directory = Directory::of(&args.scenario);
        let loaded = spec::read_bytes(&bytes, &origin, &args.overrides(), &directory, &catalog);
        Ok(loaded.map(|loaded| {
            let text = String::from_utf8(bytes).expect("what is not UTF-8 was refused");
            (Source { text, overrides: args.overrides(), origin, directory, catalog }, loaded)
        }))
    }

    /// Reads it with further changes; problems with them say that they came with `option`.
    pub(super) fn read(&self, changes: &[(String, String)], option: &str) -> Result<Loaded, Problems> {
        let all: Vec<_> = self.overrides.iter().chain(changes).cloned().collect();
        let read = spec::read(&self.text, &self.origin, &all, &self.directory, &self.catalog);
        read.map_err(|problems| renamed(problems, changes, option))
    }

    /// Reads it with a named variant laid over it.
    pub(super) fn read_variant(&self, overlay: &Overlay) -> Result<Loaded, Problems> {
        spec::read_variant(&self.text, &self.origin, overlay, &self.overrides, &self.directory, &self.catalog)
    }

    /// Where a result of it came from.
    pub(super) fn origin(&self, command: &Command, question: Option<String>) -> Origin {
        Origin {
            command: command.to_string(),
            question,
            scenario: self.text.clone(),
            changes: self.overrides.iter().map(|(path, value)| format!("{path}={value}")).collect(),
            variants: None,
        }
    }

    /// What the catalogue knows of the model of each pool.
    pub(super) fn identities(&self, scenario: &Scenario) -> Vec<PoolIdentity> {
        let identity = |pool: &Pool| self.catalog.identity(&pool.model, pool.quotas.endpoint());
        scenario.pools.iter().map(identity).collect()
    }

    /// The Service Quotas code of an account's daily quota over all models.
    pub(super) fn account_code(&self) -> Option<String> {
        self.catalog.account_tokens_per_day.code().map(str::to_owned)
    }
}

fn renamed(mut problems: Problems, changes: &[(String, String)], option: &str) -> Problems {
    for problem in &mut problems.problems {
        if let Some(path) = problem.file.strip_prefix("--set ")
            && changes.iter().any(|(changed, _)| changed == path)
        {
            problem.file = format!("{option} {path}");
        }
    }
    problems
}

/// Problems of several readings, each once.
#[derive(Debug, Default)]
pub(super) struct Collected(Vec<Problem>);

impl Collected {
    /// Takes in the problems of a reading, or hands on what was read.
    pub(super) fn take<T>(&mut self, read: Result<T, Problems>) -> Option<T> {
        match read {
            Ok(loaded) => Some(loaded),
            Err(problems) => {
                problems.problems.into_iter().for_each(|problem| self.add(problem));
                None
            }
        }
    }

    /// Takes in one more problem, unless it is known.
    pub(super) fn add(&mut self, problem: Problem) {
        if !self.0.iter().any(|known| known.message == problem.message) {
            self.0.push(problem);
        }
    }

    /// What was collected, if there is anything.
    pub(super) fn problems(self) -> Option<Problems> {
        (!self.0.is_empty()).then_some(Problems { problems: self.0 })
    }
}
