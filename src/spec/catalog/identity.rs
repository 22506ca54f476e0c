//! What the catalogue says of a pool's model to someone who wants a larger quota, or to do without one.

use super::{Catalog, Resolved};
use crate::model::Endpoint;
use crate::model::catalog::{Card, Figure, ProfileKind, Status};
use crate::model::service_quota::{Counted, LowerBurndown, PoolIdentity, ServiceQuota, Sibling, quota_name};

impl Catalog {
    /// Names, codes and relatives of a model as a pool calls it; what the catalogue does not know is left out.
    ///
    /// ```
    /// use quotasim::model::Endpoint;
    /// use quotasim::spec::catalog::Catalog;
    /// let sonnet = Catalog::embedded().identity("us.anthropic.claude-sonnet-4-6", Endpoint::Runtime);
    /// assert_eq!(sonnet.quotas[0].code.as_deref(), Some("L-15B8E632"));
    /// assert_eq!(sonnet.siblings[0].id, "global.anthropic.claude-sonnet-4-6");
    /// ```
    pub fn identity(&self, model: &str, endpoint: Endpoint) -> PoolIdentity {
        let Ok(found) = self.resolve(model) else {
            return PoolIdentity {
                model: None,
                kind: ProfileKind::OnDemand,
                prefix: String::new(),
                endpoint,
                closed: false,
                quotas: quotas_of(model, ProfileKind::OnDemand, endpoint, |_| None),
                siblings: Vec::new(),
                lower_burndown: Vec::new(),
            };
        };
        let Resolved { card, kind, prefix } = found;
        let row = found.quotas();
        let code = |counted: Counted| {
            let row = row?;
            let figure = match counted {
                Counted::TokensPerMinute => &row.tokens_per_minute,
                Counted::RequestsPerMinute => &row.requests_per_minute,
                Counted::InputTokensPerMinute => &row.mantle_input_tokens_per_minute,
                Counted::OutputTokensPerMinute => &row.mantle_output_tokens_per_minute,
                Counted::TokensPerDay => &Figure::Unknown,
            };
            figure.code().map(str::to_owned)
        };
        PoolIdentity {
            model: Some(card.name.clone()),
            kind,
            prefix: prefix.to_owned(),
            endpoint,
            closed: card.status != Status::Active,
            quotas: quotas_of(&full_name(card), kind, endpoint, code),
            siblings: if endpoint == Endpoint::Runtime { siblings(found) } else { Vec::new() },
            lower_burndown: self.lower_burndown(card),
        }
    }

    /// The active model most like `card`, by the words of its name, that burns fewer quota tokens per output token; of
    /// the same provider, if there is one, else of Amazon's; among equals the nearest in price, as that is likely as
    /// able.
    fn lower_burndown(&self, card: &Card) -> Vec<LowerBurndown> {
        let Some(rate) = card.burndown_now().map(|dated| dated.rate) else { return Vec::new() };
        let letters = |word: &&str| word.chars().all(char::is_alphabetic);
        let words = |card: &Card| card.name.split_whitespace().filter(letters).map(str::to_owned).collect::<Vec<_>>();
        let own = words(card);
        let likeness = |other: &Card| words(other).iter().filter(|word| own.contains(word)).count();
        let price = |other: &Card| {
            let known = other.prices.iter().filter_map(|(_, prices)| prices.input);
            known.reduce(f64::max)
        };
        // How many times as dear, or as cheap.
        let off = |other: &Card| match (price(other), price(card)) {
            (Some(one), Some(own)) => (one / own).max(own / one),
            _ => f64::INFINITY,
        };
        let provider = |other: &Card| other.id.split('.').next().unwrap_or_default().to_owned();
        let same_provider = |other: &Card| provider(other) == provider(card);
        let candidates = self.cards.iter().filter_map(|other| {
            let lower = other.burndown_now().map(|dated| dated.rate).filter(|&other| other < rate)?;
            (other.status == Status::Active && other.runtime).then_some((other, lower))
        });
        let amazon = |other: &Card| other.id.starts_with("amazon.");
        let best = candidates.max_by(|(a, low), (b, high)| {
            let alike = likeness(a).cmp(&likeness(b)).then(same_provider(a).cmp(&same_provider(b)));
            alike.then(high.cmp(low)).then(amazon(a).cmp(&amazon(b))).then(off(b).total_cmp(&off(a)))
        });
        let described = |(other, rate): (&Card, _)| LowerBurndown {
            model: other.name.clone(),
            rate,
            max_output: other.max_output,
            same_provider: same_provider(other),
        };
        best.map(described).into_iter().collect()
    }
}

/// The quotas of an endpoint by their names.
fn quotas_of(
    model: &str,
    kind: ProfileKind,
    endpoint: Endpoint,
    code: impl Fn(Counted) -> Option<String>,
) -> Vec<ServiceQuota> {
    let counted: &[Counted] = match endpoint {
        Endpoint::Runtime => &[Counted::TokensPerMinute, Counted::RequestsPerMinute, Counted::TokensPerDay],
        Endpoint::Mantle => &[Counted::InputTokensPerMinute, Counted::OutputTokensPerMinute],
    };
    let quota =
        |&counted: &Counted| ServiceQuota { counted, name: quota_name(counted, kind, model), code: code(counted) };
    counted.iter().map(quota).collect()
}

/// A model's name as quota names spell it: after its provider's.
fn full_name(card: &Card) -> String {
    let provider = match card.id.split('.').next().unwrap_or_default() {
        "anthropic" => "Anthropic ",
        "amazon" => "Amazon ",
        "meta" => "Meta ",
        _ => "",
    };
    format!("{provider}{}", card.name)
}

/// The other ways to reach the same model, each with a pool of its own.
fn siblings(found: Resolved<'_>) -> Vec<Sibling> {
    let card = found.card;
    let way = |kind: ProfileKind, prefix: &str| Sibling {
        id: if prefix.is_empty() { card.id.clone() } else { format!("{prefix}.{}", card.id) },
        kind,
        tokens_per_minute: card.quotas_for(kind, prefix).and_then(|row| row.tokens_per_minute.value()),
    };
    let profile = |wanted: ProfileKind| {
        let of_kind = |prefix: &&String| ProfileKind::of_prefix(prefix) == Some(wanted);
        card.profiles.iter().find(of_kind).filter(|_| found.kind != wanted).map(|prefix| way(wanted, prefix))
    };
    let bare = (card.in_region && found.kind != ProfileKind::OnDemand).then(|| way(ProfileKind::OnDemand, ""));
    [profile(ProfileKind::Global), profile(ProfileKind::Geo), bare].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(model: &str) -> PoolIdentity {
        Catalog::embedded().identity(model, Endpoint::Runtime)
    }

    #[test]
    fn names_and_codes_are_those_of_service_quotas() {
        let haiku = identity("us.anthropic.claude-haiku-4-5-20251001-v1:0");
        let first = &haiku.quotas[0];
        assert_eq!(first.name, "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5");
        assert_eq!(first.code.as_deref(), Some("L-58BE175A"));
        assert_eq!(haiku.quotas[1].code.as_deref(), Some("L-CCA5DF70"));
        assert_eq!(haiku.siblings.len(), 1, "there is no in-Region way: {:?}", haiku.siblings);
        let unknown = identity("mine");
        assert_eq!((unknown.model, unknown.quotas[0].code.clone()), (None, None));
        let mantle = Catalog::embedded().identity("anthropic.claude-opus-4-7", Endpoint::Mantle);
        assert_eq!(mantle.quotas.len(), 2);
        assert!(mantle.siblings.is_empty());
    }

    #[test]
    fn a_lower_burndown_is_looked_for_in_the_family_first() {
        let lower =
            |model: &str| identity(model).lower_burndown.first().map(|lower| (lower.model.clone(), lower.rate.0));
        let older = |(name, rate): (String, u32)| name.starts_with("Claude Sonnet 4") && rate == 5;
        assert!(lower("us.anthropic.claude-sonnet-5").is_some_and(older));
        assert!(lower("us.anthropic.claude-opus-4-8").is_some_and(|(name, rate)| name.contains("Opus") && rate == 5));
        assert!(lower("us.anthropic.claude-sonnet-4-6").is_some_and(|(_, rate)| rate == 1));
        // No Claude burns less than five-fold: then one of Amazon's of about the same price.
        let haiku = identity("us.anthropic.claude-haiku-4-5-20251001-v1:0").lower_burndown.remove(0);
        assert_eq!((haiku.model.as_str(), haiku.same_provider), ("Nova Pro", false));
        assert!(identity("us.anthropic.claude-opus-4-8").lower_burndown[0].same_provider);
        assert_eq!(lower("us.amazon.nova-lite-v1:0"), None);
    }

    #[test]
    fn legacy_models_get_no_increase() {
        assert!(identity("us.anthropic.claude-3-5-haiku-20241022-v1:0").closed);
        assert!(!identity("us.anthropic.claude-sonnet-4-6").closed);
    }
}
