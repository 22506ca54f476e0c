//! From a path to a scenario, or to everything that is wrong with it.

use super::args::ScenarioArgs;
use super::catalog;
use super::files::Directory;
use super::output::reason;
use crate::spec::catalog::Catalog;
use crate::spec::{self, Loaded, Problem, Problems};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Reads a scenario with its changes. The inner error is what is wrong with the scenario.
pub(super) fn scenario(args: &ScenarioArgs) -> anyhow::Result<Result<Loaded, Problems>> {
    let catalog = catalog::load(args.catalog.as_deref())?;
    Ok(scenario_file(&args.scenario, &args.overrides(), &catalog))
}

/// Reads one scenario file.
pub(super) fn scenario_file(
    path: &Path,
    overrides: &[(String, String)],
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    let origin = path.display().to_string();
    let bytes = std::fs::read(path).map_err(|error| unreadable(&origin, &error))?;
    spec::read_bytes(&bytes, &origin, overrides, &Directory::of(path), catalog)
}

/// A file that cannot be read is one more problem, so that `check` goes on to the next file.
fn unreadable(origin: &str, error: &io::Error) -> Problems {
    let hint = match error.kind() {
        ErrorKind::NotFound => "`quotasim init` writes a scenario to start from",
        ErrorKind::IsADirectory => "name the files in it, like `scenarios/*.yaml`",
        _ => "a scenario is a YAML file that you may read",
    };
    let message = format!("the scenario cannot be read: {}", reason(error));
    Problems { problems: vec![Problem::of_file(origin, message, Some(hint.to_owned()))] }
}
