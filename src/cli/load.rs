//! From a path to a scenario, or to everything that is wrong with it.

use super::files::Directory;
use super::output::reason;
use crate::spec::catalog::Catalog;
use crate::spec::{self, Loaded, Problem, Problems};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Reads one scenario file.
pub(super) fn scenario_file(
    path: &Path,
    overrides: &[(String, String)],
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    let bytes = bytes(path)?;
    spec::read_bytes(&bytes, &path.display().to_string(), overrides, &Directory::of(path), catalog)
}

/// The bytes of a scenario file. One that cannot be read is one more problem, so that `check` goes on to the next.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Problems> {
    std::fs::read(path).map_err(|error| unreadable(&path.display().to_string(), &error))
}

fn unreadable(origin: &str, error: &io::Error) -> Problems {
    let hint = match error.kind() {
        ErrorKind::NotFound => "`quotasim init` writes a scenario to start from",
        ErrorKind::IsADirectory => "name the files in it, like `scenarios/*.yaml`",
        _ => "a scenario is a YAML file that you may read",
    };
    let message = format!("the scenario cannot be read: {}", reason(error));
    Problems { problems: vec![Problem::of_file(origin, message, Some(hint.to_owned()))] }
}
