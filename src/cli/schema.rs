//! `quotasim schema`: the JSON Schema of scenario files.

use super::{Answer, output};
use crate::spec;

/// Options of `schema`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {}

pub(super) fn run(_args: &Args) -> anyhow::Result<Answer> {
    output::print(&serde_json::to_string_pretty(&spec::schema())?)?;
    Ok(Answer::Yes)
}
