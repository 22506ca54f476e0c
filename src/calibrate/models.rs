//! From what a record calls a model to an id that Bedrock and the catalogue know.

use crate::model::catalog::ProfileKind;
use crate::spec::catalog::{Catalog, Resolved, Unresolved};

/// A model as the scenario names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    /// The id.
    pub id: String,
    /// The name that people use.
    pub name: String,
    /// Its maximum output, where that is known.
    pub max_output: Option<u64>,
    /// What was assumed on the way, if anything.
    pub note: Option<String>,
}

/// The model that stands in where a record names none.
///
/// *Assumption*: it is the cheapest current Claude that Bedrock offers everywhere; `--model` says otherwise.
pub const STAND_IN: &str = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

/// Finds the model behind a recorded name. `mapped` are the user's own words for it; the entry for an empty name is for
/// records without one.
pub fn model(recorded: &str, mapped: &[(String, String)], catalog: &Catalog) -> Model {
    if let Some((_, id)) = mapped.iter().find(|(from, _)| from == recorded) {
        return as_known(id, catalog, None).unwrap_or_else(|| unknown(id, None));
    }
    if recorded.is_empty() {
        let note = format!("The records name no model: {STAND_IN} stands in. `--model` names yours.");
        return as_known(STAND_IN, catalog, Some(note)).unwrap_or_else(|| unknown(STAND_IN, None));
    }
    if let Some(known) = as_known(recorded, catalog, None) {
        return known;
    }
    // Anthropic's own API says `claude-opus-4-5-20251101` where Bedrock says `us.anthropic.claude-opus-4-5-…`.
    for guess in [format!("us.anthropic.{recorded}"), format!("anthropic.{recorded}"), format!("us.{recorded}")] {
        let note = format!("`{recorded}` was taken for {guess} on Bedrock; `--model {recorded}=ID` names another.");
        if let Some(known) = as_known(&guess, catalog, Some(note)) {
            return known;
        }
    }
    let note = match catalog.resolve(recorded) {
        Err(Unresolved::ApplicationProfile) => format!(
            "`{recorded}` is an application inference profile, and only your account knows its model: {STAND_IN} stands \
             in. `--model ARN=ID` names it."
        ),
        _ => format!(
            "`{recorded}` is not in the catalogue: {STAND_IN} stands in. `--model {recorded}=ID` names the model on Bedrock."
        ),
    };
    as_known(STAND_IN, catalog, Some(note)).unwrap_or_else(|| unknown(STAND_IN, None))
}

/// The model of an id that the catalogue knows, ARNs shortened and versions completed.
fn as_known(id: &str, catalog: &Catalog, note: Option<String>) -> Option<Model> {
    let Resolved { card, kind, prefix } = catalog.resolve(id).ok()?;
    let (prefix, assumed) = match (kind, card.needs_profile(), card.profiles.first()) {
        // Bedrock refuses the bare id of such a model, so it cannot have been called by it.
        (ProfileKind::OnDemand, true, Some(first)) => (first.as_str(), true),
        _ => (prefix, false),
    };
    let written = if prefix.is_empty() { card.id.clone() } else { format!("{prefix}.{}", card.id) };
    let bare = || format!("`{id}` is offered through inference profiles only: `{written}` is taken.");
    Some(Model {
        note: note.or_else(|| assumed.then(bare)),
        id: written,
        name: card.name.clone(),
        max_output: card.max_output.map(|tokens| tokens.0),
    })
}

fn unknown(id: &str, note: Option<String>) -> Model {
    Model { id: id.to_owned(), name: id.to_owned(), max_output: None, note }
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

    fn id(recorded: &str) -> (String, bool) {
        let model = model(recorded, &[], Catalog::embedded());
        (model.id, model.note.is_some())
    }

    #[test]
    fn names_become_ids() {
        let haiku = "us.anthropic.claude-haiku-4-5-20251001-v1:0";
        let table = [
            (haiku, haiku, false),
            ("arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-haiku-4-5-20251001-v1:0", haiku, false),
            ("claude-haiku-4-5-20251001", haiku, true),
            ("anthropic.claude-haiku-4-5-20251001-v1:0", haiku, true),
            ("amazon.nova-lite-v1:0", "amazon.nova-lite-v1:0", false),
            ("global.anthropic.claude-sonnet-4-6", "global.anthropic.claude-sonnet-4-6", false),
            ("", STAND_IN, true),
            ("gpt-4o", STAND_IN, true),
            ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", STAND_IN, true),
        ];
        for (recorded, expected, noted) in table {
            assert_eq!(id(recorded), (expected.to_owned(), noted), "{recorded}");
        }
    }

    #[test]
    fn the_user_knows_better() {
        let mapped = [("abc".to_owned(), "global.anthropic.claude-sonnet-4-6".to_owned())];
        let found = model("abc", &mapped, Catalog::embedded());
        assert_eq!((found.id.as_str(), found.note), ("global.anthropic.claude-sonnet-4-6", None));
        let mapped = [(String::new(), "my.own-model".to_owned())];
        assert_eq!(model("", &mapped, Catalog::embedded()).id, "my.own-model");
    }
}
