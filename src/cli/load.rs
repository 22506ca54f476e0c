//! From a path to a scenario, or to everything that is wrong with it.

use super::files::Directory;
use crate::spec::catalog::Catalog;
use crate::spec::{self, Loaded, Problems};
use anyhow::Context;
use std::path::Path;

/// Reads one scenario file.
pub(super) fn scenario_file(
    path: &Path,
    overrides: &[(String, String)],
    catalog: &Catalog,
) -> anyhow::Result<Result<Loaded, Problems>> {
    let bytes = std::fs::read(path).with_context(|| format!("cannot read scenario `{}`", path.display()))?;
    let origin = path.display().to_string();
    Ok(spec::read_bytes(&bytes, &origin, overrides, &Directory::of(path), catalog))
}

/// The built-in catalogue, with a file over it if one is given.
pub(super) fn catalog(file: Option<&Path>) -> anyhow::Result<Catalog> {
    let Some(file) = file else { return Ok(Catalog::embedded().clone()) };
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read catalogue `{}`", file.display()))?;
    Catalog::parse(&text).with_context(|| format!("in catalogue `{}`", file.display()))
}
