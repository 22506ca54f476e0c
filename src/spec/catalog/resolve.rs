//! From an id as people write it to the card it means.
//!
//! An id is a base model id, an inference-profile id (`us.` + base id), or the ARN of either. The version suffix may
//! be missing or another one, and a context suffix such as `:200k` may follow; the rest must match, so that a model
//! newer than the catalogue is never taken for an older one.

use super::Catalog;
use crate::model::Prices;
use crate::model::catalog::{Card, DatedBurndown, DefaultQuotas, ProfileKind};

/// What an id in a scenario turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved<'a> {
    /// The model.
    pub card: &'a Card,
    /// How it is reached.
    pub kind: ProfileKind,
    /// The profile prefix (`us`, `global`), empty for a bare id.
    pub prefix: &'a str,
}

/// Why an id was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// No such model; the nearest id, if one is near.
    Unknown {
        /// A known id that differs little.
        nearest: Option<String>,
    },
    /// An application-inference-profile ARN: only the user knows what it stands for.
    ApplicationProfile,
}

impl Catalog {
    /// Finds the model behind a model id, an inference-profile id or an ARN of either.
    ///
    /// ```
    /// use quotasim::model::catalog::ProfileKind;
    /// use quotasim::spec::catalog::Catalog;
    /// let haiku = Catalog::embedded().resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0").unwrap();
    /// assert_eq!((haiku.card.name.as_str(), haiku.kind), ("Claude Haiku 4.5", ProfileKind::Geo));
    /// ```
    pub fn resolve<'a>(&'a self, id: &'a str) -> Result<Resolved<'a>, Unresolved> {
        let id = strip_arn(id.trim())?;
        let (prefix, kind, base) = split_prefix(id);
        match self.find(base) {
            Some(card) => Ok(Resolved { card, kind, prefix }),
            None => Err(Unresolved::Unknown { nearest: self.nearest(prefix, base) }),
        }
    }

    /// The card of a base id: the same id first, else the same id but for its version.
    fn find(&self, base: &str) -> Option<&Card> {
        let stem = strip_version(base);
        let exact = self.cards.iter().find(|card| card.id == base);
        exact.or_else(|| self.cards.iter().find(|card| !stem.is_empty() && strip_version(&card.id) == stem))
    }

    /// The known id that was probably meant: one that goes on where `base` ends, else the one that differs least.
    fn nearest(&self, prefix: &str, base: &str) -> Option<String> {
        let stem = strip_version(base);
        let longer = |card: &&Card| {
            stem.len() >= 4
                && card
                    .id
                    .strip_prefix(stem)
                    .or_else(|| card.id.split_once('.')?.1.strip_prefix(stem))
                    .is_some_and(|rest| rest.starts_with(['-', ':']))
        };
        let near = |card: &&Card| strsim::jaro_winkler(&card.id, base);
        let card = self.cards.iter().find(longer).or_else(|| {
            let best = self.cards.iter().max_by(|a, b| near(a).total_cmp(&near(b)))?;
            (near(&best) >= 0.85).then_some(best)
        })?;
        Some(if prefix.is_empty() { card.id.clone() } else { format!("{prefix}.{}", card.id) })
    }
}

/// What follows the resource type of a Bedrock ARN; an id that is no ARN as it is.
fn strip_arn(id: &str) -> Result<&str, Unresolved> {
    if !id.starts_with("arn:") {
        return Ok(id);
    }
    let resource = id.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        Some(("foundation-model" | "inference-profile", name)) => Ok(name),
        Some(("application-inference-profile", _)) => Err(Unresolved::ApplicationProfile),
        _ => Err(Unresolved::Unknown { nearest: None }),
    }
}

/// The profile prefix, the pool it selects, and the base id.
fn split_prefix(id: &str) -> (&str, ProfileKind, &str) {
    match id.split_once('.').map(|(prefix, base)| (prefix, ProfileKind::of_prefix(prefix), base)) {
        Some((prefix, Some(kind), base)) => (prefix, kind, base),
        _ => ("", ProfileKind::OnDemand, id),
    }
}

/// The id without `-vN`, `:M` and whatever follows them.
fn strip_version(id: &str) -> &str {
    let id = id.split(':').next().unwrap_or_default();
    match id.rsplit_once("-v") {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) => stem,
        _ => id,
    }
}

impl<'a> Resolved<'a> {
    /// The burndown rate in force on a day, `YYYY-MM-DD`.
    pub fn burndown_on(&self, day: &str) -> Option<&'a DatedBurndown> {
        self.card.burndown_on(day)
    }

    /// The newest burndown rate.
    pub fn burndown(&self) -> Option<&'a DatedBurndown> {
        self.card.burndown_now()
    }

    /// AWS's default quotas of the pool that the id selects.
    pub fn quotas(&self) -> Option<&'a DefaultQuotas> {
        self.card.quotas_for(self.kind, self.prefix)
    }

    /// What tokens cost through the id; all unknown where the catalogue has no price.
    pub fn prices(&self) -> Prices {
        self.card.prices_for(self.kind)
    }

    /// Whether Bedrock refuses this id because the model is offered through inference profiles only.
    pub fn needs_profile(&self) -> bool {
        self.kind == ProfileKind::OnDemand && self.card.needs_profile()
    }

    /// Whether the catalogue knows the model under this prefix; its lists are indicative.
    pub fn offered(&self) -> bool {
        self.prefix.is_empty() || self.card.profiles.iter().any(|known| known == self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ProfileKind::{Geo, Global, OnDemand};

    #[test]
    fn ids_resolve_to_their_model_and_pool() {
        for (id, base, kind, prefix) in [
            ("us.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic.claude-haiku-4-5-20251001-v1:0", Geo, "us"),
            ("global.anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6", Global, "global"),
            ("anthropic.claude-sonnet-4-6", "anthropic.claude-sonnet-4-6", OnDemand, ""),
            (" eu.amazon.nova-lite-v1:0\n", "amazon.nova-lite-v1:0", Geo, "eu"),
            ("apac.amazon.nova-pro-v1:0", "amazon.nova-pro-v1:0", Geo, "apac"),
            ("us-gov.anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-haiku-20240307-v1:0", Geo, "us-gov"),
            ("in.anthropic.claude-opus-4-6-v1", "anthropic.claude-opus-4-6-v1", Geo, "in"),
            // The version may be missing, another one, or followed by a context length.
            ("anthropic.claude-haiku-4-5-20251001", "anthropic.claude-haiku-4-5-20251001-v1:0", OnDemand, ""),
            ("amazon.nova-micro-v1", "amazon.nova-micro-v1:0", OnDemand, ""),
            ("amazon.nova-micro-v2:7", "amazon.nova-micro-v1:0", OnDemand, ""),
            ("amazon.nova-pro-v1:0:300k", "amazon.nova-pro-v1:0", OnDemand, ""),
            ("openai.gpt-oss-120b-1", "openai.gpt-oss-120b-1:0", OnDemand, ""),
            ("anthropic.claude-opus-4-6", "anthropic.claude-opus-4-6-v1", OnDemand, ""),
            ("us.anthropic.claude-opus-4-7-v1:0", "anthropic.claude-opus-4-7", Geo, "us"),
            // The two 3.5 Sonnets differ by their date, not by their version alone.
            ("anthropic.claude-3-5-sonnet-20241022-v2:0", "anthropic.claude-3-5-sonnet-20241022-v2:0", OnDemand, ""),
            ("anthropic.claude-3-5-sonnet-20240620-v1:0", "anthropic.claude-3-5-sonnet-20240620-v1:0", OnDemand, ""),
            // A shorter id that starts alike is another model.
            ("anthropic.claude-sonnet-5-5", "anthropic.claude-sonnet-5-5", OnDemand, ""),
            ("anthropic.claude-sonnet-5", "anthropic.claude-sonnet-5", OnDemand, ""),
            (
                "us.anthropic.claude-sonnet-4-5-20250929-v1:0:1m",
                "anthropic.claude-sonnet-4-5-20250929-v1:0:1m",
                Geo,
                "us",
            ),
            (
                "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
                OnDemand,
                "",
            ),
            (
                "arn:aws:bedrock:eu-west-1:111122223333:inference-profile/eu.amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
                Geo,
                "eu",
            ),
            (
                "arn:aws-us-gov:bedrock:us-gov-west-1:111122223333:inference-profile/us-gov.amazon.nova-lite-v1:0",
                "amazon.nova-lite-v1:0",
                Geo,
                "us-gov",
            ),
        ] {
            let found = Catalog::embedded().resolve(id).unwrap_or_else(|e| panic!("{id}: {e:?}"));
            assert_eq!((found.card.id.as_str(), found.kind, found.prefix), (base, kind, prefix), "{id}");
        }
    }

    #[test]
    fn strange_ids_are_unknown_and_name_the_nearest() {
        let nearest = |id: &str| match Catalog::embedded().resolve(id) {
            Err(Unresolved::Unknown { nearest }) => nearest,
            other => panic!("{id}: {other:?}"),
        };
        for (id, expected) in [
            ("us.anthropic.claude-haiku-4-5", Some("us.anthropic.claude-haiku-4-5-20251001-v1:0")),
            ("claude-haiku-4-5", Some("anthropic.claude-haiku-4-5-20251001-v1:0")),
            ("us.anthropic.claude-haiku-4-5-20251011-v1:0", Some("us.anthropic.claude-haiku-4-5-20251001-v1:0")),
            ("amazon.nova-lit-v1:0", Some("amazon.nova-lite-v1:0")),
            ("eu.anthropic.claude-opus-5-6", Some("eu.anthropic.claude-opus-5")),
            ("", None),
            ("us.", None),
            (":", None),
            ("arn:", None),
            ("arn:aws:bedrock:us-east-1:111122223333:provisioned-model/abc", None),
            ("\u{0}\u{feff}", None),
        ] {
            assert_eq!(nearest(id).as_deref(), expected, "{id}");
        }
        let application = "arn:aws:bedrock:us-east-1:111122223333:application-inference-profile/a1b2c3d4";
        assert_eq!(Catalog::embedded().resolve(application), Err(Unresolved::ApplicationProfile));
    }

    #[test]
    fn helpers_answer_for_the_pool_that_the_id_selects() {
        let us = Catalog::embedded().resolve("us.amazon.nova-lite-v1:0").expect("a known id");
        let eu = Catalog::embedded().resolve("eu.amazon.nova-lite-v1:0").expect("a known id");
        assert_eq!(us.quotas().and_then(|q| q.tokens_per_minute.value()), Some(8_000_000));
        assert_eq!(eu.quotas().and_then(|q| q.tokens_per_minute.value()), Some(400_000));
        assert!(us.offered() && !us.needs_profile());

        let bare = Catalog::embedded().resolve("anthropic.claude-haiku-4-5-20251001-v1:0").expect("a known id");
        assert!(bare.needs_profile());
        assert!(bare.quotas().is_none());
        assert_eq!(bare.prices(), Prices::default());

        let opus = Catalog::embedded().resolve("us.anthropic.claude-opus-4-8").expect("a known id");
        assert_eq!(opus.burndown_on("2026-05-01"), None);
        assert_eq!(opus.burndown_on("2026-07-01").map(|b| b.rate.0), Some(15));
        assert_eq!(opus.burndown().map(|b| b.rate.0), Some(15));
    }
}
