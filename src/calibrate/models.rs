//! From what a record calls a model to an id that Bedrock and the catalogue know.

use crate::model::catalog::ProfileKind;
use crate::spec::catalog::{Catalog, Resolved, Unresolved};

/// A model as the scenario names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// What the records call it.
    pub recorded: String,
    /// The id.
    pub id: String,
    /// The name that people use.
    pub name: String,
    /// Its maximum output, where that is known.
    pub max_output: Option<u64>,
    /// How it was found.
    pub found: Found,
}

/// How a model was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// The records or the user name it.
    Named,
    /// By a name that another service has for it.
    ByAnotherName,
    /// The records name none.
    Unnamed,
    /// The records name one that the catalogue does not know.
    Unknown,
    /// The records name an application inference profile, and only the account knows its model.
    ApplicationProfile,
}

/// The model that stands in where a record names none.
///
/// *Assumption*: it is the cheapest current Claude that Bedrock offers everywhere; `--model` says otherwise.
pub const STAND_IN: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// Finds the model behind a recorded name. `mapped` are the user's own words for it; the entry for an empty name is for
/// records without one.
pub fn model(recorded: &str, mapped: &[(String, String)], catalog: &Catalog) -> Model {
    Model { recorded: recorded.to_owned(), ..found(recorded, mapped, catalog) }
}

fn found(recorded: &str, mapped: &[(String, String)], catalog: &Catalog) -> Model {
    if let Some((_, id)) = mapped.iter().find(|(from, _)| from == recorded) {
        return as_known(id, catalog, Found::Named).unwrap_or_else(|| unknown(id, Found::Named));
    }
    let stand_in = |found| as_known(STAND_IN, catalog, found).unwrap_or_else(|| unknown(STAND_IN, found));
    if recorded.is_empty() {
        return stand_in(Found::Unnamed);
    }
    if let Some(known) = as_known(recorded, catalog, Found::Named) {
        return known;
    }
    // Anthropic's own API says `claude-opus-4-5-20251101` where Bedrock says `us.anthropic.claude-opus-4-5-…`.
    for guess in [format!("us.anthropic.{recorded}"), format!("anthropic.{recorded}"), format!("us.{recorded}")] {
        if let Some(known) = as_known(&guess, catalog, Found::ByAnotherName) {
            return known;
        }
    }
    match catalog.resolve(recorded) {
        Err(Unresolved::ApplicationProfile) => stand_in(Found::ApplicationProfile),
        _ => stand_in(Found::Unknown),
    }
}

/// The model of an id that the catalogue knows, ARNs shortened and versions completed.
fn as_known(id: &str, catalog: &Catalog, found: Found) -> Option<Model> {
    let Resolved { card, kind, prefix } = catalog.resolve(id).ok()?;
    let (prefix, assumed) = match (kind, card.needs_profile(), card.profiles.first()) {
        // Bedrock refuses the bare id of such a model, so it cannot have been called by it.
        (ProfileKind::OnDemand, true, Some(first)) => (first.as_str(), true),
        _ => (prefix, false),
    };
    let written = if prefix.is_empty() { card.id.clone() } else { format!("{prefix}.{}", card.id) };
    Some(Model {
        found: if assumed && found == Found::Named { Found::ByAnotherName } else { found },
        recorded: String::new(),
        id: written,
        name: card.name.clone(),
        max_output: card.max_output.map(|tokens| tokens.0),
    })
}

fn unknown(id: &str, found: Found) -> Model {
    Model { recorded: String::new(), id: id.to_owned(), name: id.to_owned(), max_output: None, found }
}

/// A name of a pool or workload from free text: small letters, digits and hyphens.
///
/// ```
/// use quotasim::calibrate::models::slug;
/// assert_eq!(slug("Claude Haiku 4.5"), "claude-haiku-4-5");
/// assert_eq!(slug("arn:aws:sts::1:assumed-role/App/x"), "arn-aws-sts-1-assumed-role-app-x");
/// ```
pub fn slug(text: &str) -> String {
    let mut slug = String::new();
    for c in text.chars() {
        if c.is_alphanumeric() {
            slug.extend(c.to_lowercase());
        } else if !slug.is_empty() && !slug.ends_with('-') {
            slug.push('-');
        }
    }
    slug.trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(recorded: &str) -> (String, Found) {
        let model = model(recorded, &[], Catalog::embedded());
        (model.id, model.found)
    }

    #[test]
    fn names_become_ids() {
        let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
        let table = [
            (haiku, haiku, Found::Named),
            (
                "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0",
                haiku,
                Found::Named,
            ),
            ("claude-haiku-4-5-20251001", haiku, Found::ByAnotherName),
            ("anthropic.claude-haiku-4-5-20251001-v1:0", haiku, Found::ByAnotherName),
            ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", Found::Named),
            ("global.anthropic.claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", Found::Named),
            ("", STAND_IN, Found::Unnamed),
            ("gpt-4o", STAND_IN, Found::Unknown),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", STAND_IN, Found::ApplicationProfile),
        ];
        for (recorded, expected, found) in table {
            assert_eq!(id(recorded), (expected.to_owned(), found), "{recorded}");
        }
    }

    #[test]
    fn the_user_knows_better() {
        let mapped = [("abc".to_owned(), "global.anthropic.claude-sonnet-4-6".to_owned())];
        let found = model("abc", &mapped, Catalog::embedded());
        assert_eq!((found.id.as_str(), found.found), ("global.anthropic.claude-sonnet-4-6", Found::Named));
        let mapped = [(String::new(), "my.own-model".to_owned())];
        assert_eq!(model("", &mapped, Catalog::embedded()).id, "my.own-model");
    }
}
