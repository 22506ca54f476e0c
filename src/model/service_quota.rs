//! Bedrock's quotas as Service Quotas lists them: names, codes, and the values applied to an account.
//!
//! *Source*: AWS general reference, "Amazon Bedrock endpoints and quotas" (September 2026), for the names; AWS CLI
//! reference, `service-quotas list-service-quotas`, for the list.

use crate::model::Endpoint;
use crate::model::catalog::ProfileKind;
use crate::units::{BurndownRate, Tokens};

/// What a quota counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Tokens per minute.
    TokensPerMinute,
    /// Requests per minute.
    RequestsPerMinute,
    /// On mantle: input tokens per minute.
    InputTokensPerMinute,
    /// On mantle: output tokens per minute.
    OutputTokensPerMinute,
    /// Historical tokens per day of one model.
    TokensPerDay,
}

/// A quota of a pool as Service Quotas knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServiceQuota {
    /// What it counts.
    pub counted: Counted,
    /// Its name.
    pub name: String,
    /// Its code, `L-…`, where known.
    pub code: Option<String>,
}

/// The name of the account's daily quota over all models.
pub const ACCOUNT_TOKENS_PER_DAY: &str = "Cross-Model Max Tokens Per Day";

/// The name of a model's quota in Service Quotas.
///
/// ```
/// use quotasim::model::catalog::ProfileKind;
/// use quotasim::model::service_quota::{Counted, quota_name};
/// assert_eq!(
///     quota_name(Counted::TokensPerMinute, ProfileKind::Geo, "Anthropic Claude Haiku 4.5"),
///     "Cross-region model inference tokens per minute for Anthropic Claude Haiku 4.5"
/// );
/// ```
pub fn quota_name(counted: Counted, kind: ProfileKind, model: &str) -> String {
    let way = match kind {
        ProfileKind::OnDemand => "On-demand model inference",
        ProfileKind::Geo => "Cross-region model inference",
        ProfileKind::Global => "Global cross-region model inference",
    };
    match (counted, kind) {
        (Counted::TokensPerMinute, _) => format!("{way} tokens per minute for {model}"),
        (Counted::RequestsPerMinute, _) => format!("{way} requests per minute for {model}"),
        (Counted::TokensPerDay, ProfileKind::Global) => format!("{way} tokens per day for {model}"),
        (Counted::TokensPerDay, _) => {
            format!("Model invocation max tokens per day for {model} (doubled for cross-region calls)")
        }
        // *Conflict*: AWS's user guide writes `Bedrock Mantle input tokens per minute for …`.
        (Counted::InputTokensPerMinute, _) => format!("[bedrock-mantle endpoint] Input tokens per minute for {model}"),
        (Counted::OutputTokensPerMinute, _) => {
            format!("[bedrock-mantle endpoint] Output tokens per minute for {model}")
        }
    }
}

/// What the catalogue knows of a pool's model that matters when its quotas are to be raised or avoided.
#[derive(Debug, Clone, PartialEq)]
pub struct PoolIdentity {
    /// The model's name, where the catalogue has it.
    pub model: Option<String>,
    /// How it is reached.
    pub kind: ProfileKind,
    /// The profile prefix, empty for a bare id.
    pub prefix: String,
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Whether AWS refuses increases, as the model is legacy or retired.
    pub closed: bool,
    /// Its quotas in Service Quotas.
    pub quotas: Vec<ServiceQuota>,
    /// Other ways to reach the same model, with pools of their own.
    pub siblings: Vec<Sibling>,
    /// Models that burn fewer quota tokens per output token, the highest rate below first.
    pub lower_burndown: Vec<LowerBurndown>,
}

/// Another profile of the same model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sibling {
    /// Its id.
    pub id: String,
    /// Its kind.
    pub kind: ProfileKind,
    /// Its default tokens per minute, where known.
    pub tokens_per_minute: Option<u64>,
}

/// A model with a lower burndown rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LowerBurndown {
    /// Its name.
    pub model: String,
    /// Its rate.
    pub rate: BurndownRate,
    /// Its maximum output, where known.
    pub max_output: Option<Tokens>,
    /// Whether it is of the same provider: if not, none of that provider's burns less.
    pub same_provider: bool,
}

/// A quota as applied to an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedQuota {
    /// Its name.
    pub name: String,
    /// Its code.
    pub code: String,
    /// The applied value.
    pub value: u64,
    /// Whether Service Quotas takes requests for it.
    pub adjustable: bool,
    /// The Region that its ARN names.
    pub region: Option<String>,
}

/// An account's list of applied quotas.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppliedQuotas(pub Vec<AppliedQuota>);

impl AppliedQuotas {
    /// The entry of a quota: by its code, else by its name, in which models may carry a version (`… 4.5 V1`).
    pub fn find(&self, name: &str, code: Option<&str>) -> Option<&AppliedQuota> {
        let by_code = code.and_then(|code| self.0.iter().find(|quota| quota.code == code));
        by_code.or_else(|| self.0.iter().find(|quota| normalised(&quota.name) == normalised(name)))
    }

    /// The Region that the list is of, where all of it is of one.
    pub fn region(&self) -> Option<&str> {
        let first = self.0.first()?.region.as_deref()?;
        self.0.iter().all(|quota| quota.region.as_deref() == Some(first)).then_some(first)
    }
}

/// A name without what differs between spellings of the same quota.
fn normalised(name: &str) -> String {
    let mut words: Vec<String> = name.to_lowercase().split_whitespace().map(str::to_owned).collect();
    words.retain(|word| !matches!(word.as_str(), "anthropic" | "amazon" | "meta" | "v1"));
    let text = words.join(" ").replace("1m context length", "(1m context)");
    match text.strip_prefix("bedrock mantle ") {
        Some(rest) => format!("[bedrock-mantle endpoint] {rest}"),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(name: &str, code: &str, region: Option<&str>) -> AppliedQuota {
        AppliedQuota {
            name: name.to_owned(),
            code: code.to_owned(),
            value: 1,
            adjustable: true,
            region: region.map(str::to_owned),
        }
    }

    #[test]
    fn a_quota_is_found_by_code_before_name_and_whatever_its_version() {
        let name = quota_name(Counted::TokensPerMinute, ProfileKind::Geo, "Anthropic Claude Sonnet 4.5");
        let list = AppliedQuotas(vec![
            applied("Cross-region model inference tokens per minute for Anthropic Claude Sonnet 4.5 V1", "L-A", None),
            applied("Something else", "L-B", None),
            applied(
                "Cross-region model inference tokens per minute for Claude Sonnet 4.5 V1 1M Context Length",
                "L-C",
                None,
            ),
        ]);
        assert_eq!(list.find(&name, None).map(|quota| quota.code.as_str()), Some("L-A"));
        assert_eq!(list.find(&name, Some("L-B")).map(|quota| quota.code.as_str()), Some("L-B"));
        let long = quota_name(Counted::TokensPerMinute, ProfileKind::Geo, "Anthropic Claude Sonnet 4.5 (1M context)");
        assert_eq!(list.find(&long, None).map(|quota| quota.code.as_str()), Some("L-C"));
        assert_eq!(list.find("Nothing of the kind", Some("L-Z")), None);
        let mantle =
            AppliedQuotas(vec![applied("Bedrock Mantle input tokens per minute for Claude Opus 4.7", "L-M", None)]);
        let name = quota_name(Counted::InputTokensPerMinute, ProfileKind::OnDemand, "Anthropic Claude Opus 4.7");
        assert!(mantle.find(&name, None).is_some());
    }

    #[test]
    fn the_region_is_that_of_all() {
        let list = |regions: [Option<&str>; 2]| AppliedQuotas(regions.map(|region| applied("n", "L-1", region)).into());
        assert_eq!(list([Some("us-east-1"), Some("us-east-1")]).region(), Some("us-east-1"));
        assert_eq!(list([Some("us-east-1"), Some("eu-west-1")]).region(), None);
        assert_eq!(list([None, None]).region(), None);
    }
}
