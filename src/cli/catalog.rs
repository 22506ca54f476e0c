//! What the verbs about models share: the catalogue, the format, and how an id becomes a model.

use crate::spec::catalog::{Catalog, Resolved, Unresolved, whole};
use crate::units::Tokens;
use clap::ValueEnum;
use std::borrow::Cow;
use std::path::Path;

/// How an answer is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// One screen for a person
    #[default]
    Text,
    /// One JSON document
    Json,
    /// For a pull request
    Markdown,
}

/// The embedded catalogue, with the user's file laid over it.
pub(super) fn load(path: Option<&Path>) -> anyhow::Result<Cow<'static, Catalog>> {
    let Some(path) = path else { return Ok(Cow::Borrowed(Catalog::embedded())) };
    let text = std::fs::read_to_string(path).map_err(|error| {
        anyhow::anyhow!("cannot read catalogue `{}`: {}", path.display(), super::output::reason(&error))
    })?;
    let catalog = Catalog::parse(&text).map_err(|error| {
        let error = error.to_string();
        anyhow::anyhow!("`{}` is no catalogue: {}", path.display(), error.trim_start_matches("error: "))
    })?;
    Ok(Cow::Owned(catalog))
}

/// The model behind an id, or an error that says which id was probably meant.
pub(super) fn resolve<'a>(catalog: &'a Catalog, id: &'a str) -> anyhow::Result<Resolved<'a>> {
    catalog.resolve(id).map_err(|unresolved| match unresolved {
        Unresolved::Unknown { nearest: Some(nearest) } => {
            anyhow::anyhow!("`{id}` is not in the catalogue\n\nhint: did you mean `{nearest}`?")
        }
        Unresolved::Unknown { nearest: None } => anyhow::anyhow!(
            "`{id}` is not in the catalogue\n\nhint: `quotasim models` lists what is; describe others in a file with \
             `--catalog`"
        ),
        Unresolved::ApplicationProfile => anyhow::anyhow!(
            "`{id}` is an application inference profile, and only your account knows its model\n\nhint: give the model \
             or inference-profile id that it was made from"
        ),
    })
}

/// Reads a number of tokens for clap: `8192`, `8_192`, `200K`, `5M`.
pub(super) fn tokens(text: &str) -> Result<Tokens, String> {
    whole(text).map(Tokens)
}
