//! Clients by name: `sdk[-mode][@version]`.
//!
//! | name | is |
//! |---|---|
//! | `boto3` | boto3 as it comes: standard mode, retry behaviour 2.1 |
//! | `boto3@2.0` | boto3 as it came before: legacy mode with 5 attempts |
//! | `boto3-adaptive@2.0` | an adaptive boto3 of before |
//! | `javascript@2.1`, `rust`, `java-standard@2.1` | likewise |
//! | `anthropic`, `none` | which have neither modes nor versions |
//!
//! What a name leaves out is the default of its SDK: the mode that its version came with, and the version of today.

use super::build::Builder;
use super::client::{ClientSpec, assume};
use super::context::Context;
use super::decode::{Decode, is_word};
use super::problem::{either, nearest, shown};
use super::schema::Definitions;
use super::tree::{Kind, Node};
use crate::model::ClientPolicy;
use crate::model::client::{RetryMode, RetryVersion, Sdk, SdkPolicy};
use serde_json::{Value, json};

const SDKS: [(&str, Sdk); 5] = [
    ("boto3", Sdk::Boto3),
    ("javascript", Sdk::JavaScript),
    ("rust", Sdk::Rust),
    ("java", Sdk::Java),
    ("anthropic", Sdk::Anthropic),
];
const MODES: [(&str, RetryMode); 3] =
    [("legacy", RetryMode::Legacy), ("standard", RetryMode::Standard), ("adaptive", RetryMode::Adaptive)];
const VERSIONS: [(&str, RetryVersion); 2] = [("2.0", RetryVersion::V2_0), ("2.1", RetryVersion::V2_1)];

/// What a name stands for, or what is wrong with it and a way out.
///
/// ```
/// use quotasim::model::ClientPolicy;
/// use quotasim::spec::client_named;
/// assert_eq!(client_named("none"), Ok(ClientPolicy::None));
/// let [reason, hint] = client_named("boto").unwrap_err();
/// assert_eq!((reason.as_str(), hint.as_str()), ("`boto` is no client", "did you mean `boto3`?"));
/// ```
pub fn client_named(name: &str) -> Result<ClientPolicy, [String; 2]> {
    if name == "none" {
        return Ok(ClientPolicy::None);
    }
    let (rest, version) = match name.split_once('@') {
        Some((rest, version)) => (rest, Some(version)),
        None => (name, None),
    };
    let (sdk_name, mode) = match rest.split_once('-') {
        Some((sdk, mode)) => (sdk, Some(mode)),
        None => (rest, None),
    };
    let Some(sdk) = named(&SDKS, sdk_name) else { return Err(no_client(sdk_name)) };
    if sdk == Sdk::Anthropic && (mode.is_some() || version.is_some()) {
        let reason = format!("`{}`: Anthropic's SDK has neither modes nor versions of retry behaviour", shown(name));
        return Err([reason, "write `anthropic`".to_owned()]);
    }
    let version = match version {
        None => None,
        Some(text) => Some(named(&VERSIONS, text).ok_or_else(|| {
            [
                format!("`{}` is no version of retry behaviour", shown(text)),
                format!("write `{rest}@2.0` or `{rest}@2.1`"),
            ]
        })?),
    };
    let mode = match mode {
        None => sdk.default_mode(version.unwrap_or(sdk.default_version())),
        Some(text) => named(&MODES, text).filter(|&mode| sdk.has_mode(mode)).ok_or_else(|| no_mode(sdk, text))?,
    };
    if mode == RetryMode::Legacy && version.is_some() && version != Some(RetryVersion::V2_0) {
        let reason = format!("`{}`: the legacy mode, {sdk_name}'s default, is the same in both versions", shown(name));
        return Err([reason, format!("write `{sdk_name}-standard@2.1`, or `{sdk_name}-legacy`")]);
    }
    let version = version.unwrap_or(sdk.default_version());
    Ok(ClientPolicy::Sdk(SdkPolicy { sdk, mode, version, max_attempts: sdk.default_attempts(mode) }))
}

fn named<T: Copy>(known: &[(&str, T)], name: &str) -> Option<T> {
    known.iter().find(|(word, _)| *word == name).map(|&(_, value)| value)
}

fn no_client(name: &str) -> [String; 2] {
    let known: Vec<&str> = SDKS.iter().map(|(word, _)| *word).chain(["none"]).collect();
    let hint = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None => {
            format!("write `sdk[-mode][@version]`, like `boto3-adaptive@2.1`; the SDK is one of {}", either(&known))
        }
    };
    [format!("`{}` is no client", shown(name)), hint]
}

fn no_mode(sdk: Sdk, name: &str) -> [String; 2] {
    let known: Vec<&str> = MODES.iter().filter(|(_, mode)| sdk.has_mode(*mode)).map(|(word, _)| *word).collect();
    [format!("`{}` is no retry mode of that SDK", shown(name)), format!("it has {}", either(&known))]
}

/// A client as it stands in a scenario: by its name, or as a choice with its fields.
#[derive(Debug, Clone)]
pub(crate) enum WrittenClient {
    Named { policy: ClientPolicy, has_version: bool },
    Chosen(ClientSpec),
}

impl Decode for WrittenClient {
    fn title() -> String {
        ClientSpec::title()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let name = match &node.kind {
            Kind::Scalar(text) if is_word(node) && text.contains(['-', '@']) => text.trim(),
            _ => return ClientSpec::decode(node, cx).map(WrittenClient::Chosen),
        };
        match client_named(name) {
            Ok(policy) => Some(WrittenClient::Named { policy, has_version: name.contains('@') }),
            Err([reason, hint]) => {
                cx.problem_with(node.at, format!("{}: {reason}", cx.field()), hint);
                None
            }
        }
    }
    fn schema(definitions: &mut Definitions) -> Value {
        let name = definitions.define("client name", |_| {
            json!({
                "description": "A client by name, `sdk[-mode][@version]`: `boto3@2.0`, `boto3-adaptive@2.1`.",
                "type": "string",
                "pattern": "^(boto3|javascript|rust|java)(-(legacy|standard|adaptive))?(@2\\.[01])?$",
            })
        });
        json!({ "anyOf": [ClientSpec::schema(definitions), name] })
    }
}

impl WrittenClient {
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<ClientPolicy> {
        match self {
            WrittenClient::Named { policy, has_version } => {
                assume(b, policy, *has_version);
                Some(policy.clone())
            }
            WrittenClient::Chosen(spec) => spec.build(b),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sdk(name: &str) -> SdkPolicy {
        match client_named(name) {
            Ok(ClientPolicy::Sdk(policy)) => policy,
            other => panic!("{name}: {other:?}"),
        }
    }

    #[test]
    fn what_a_name_leaves_out_is_the_default_of_its_sdk() {
        use RetryMode::{Adaptive, Legacy, Standard};
        use RetryVersion::{V2_0, V2_1};
        let table = [
            ("boto3", Sdk::Boto3, Standard, V2_1, 3),
            ("boto3@2.1", Sdk::Boto3, Standard, V2_1, 3),
            ("boto3@2.0", Sdk::Boto3, Legacy, V2_0, 5),
            ("boto3-standard@2.0", Sdk::Boto3, Standard, V2_0, 3),
            ("boto3-adaptive", Sdk::Boto3, Adaptive, V2_1, 3),
            ("boto3-legacy", Sdk::Boto3, Legacy, V2_1, 5),
            ("javascript@2.0", Sdk::JavaScript, Standard, V2_0, 3),
            ("rust-adaptive@2.0", Sdk::Rust, Adaptive, V2_0, 3),
            ("java", Sdk::Java, Legacy, V2_0, 4),
            ("java-standard@2.1", Sdk::Java, Standard, V2_1, 3),
            ("anthropic", Sdk::Anthropic, Standard, V2_1, 3),
        ];
        for (name, kind, mode, version, max_attempts) in table {
            assert_eq!(sdk(name), SdkPolicy { sdk: kind, mode, version, max_attempts }, "{name}");
        }
    }

    #[test]
    fn a_wrong_name_is_told_a_right_one() {
        let table = [
            ("boto", "did you mean `boto3`?"),
            ("go", "like `boto3-adaptive@2.1`; the SDK is one of"),
            ("boto3@2.2", "write `boto3@2.0` or `boto3@2.1`"),
            ("boto3-turbo", "it has `legacy`, `standard` or `adaptive`"),
            ("rust-legacy", "it has `standard` or `adaptive`"),
            ("java@2.1", "write `java-standard@2.1`, or `java-legacy`"),
            ("anthropic@2.1", "write `anthropic`"),
        ];
        for (name, expected) in table {
            let [reason, hint] = client_named(name).expect_err(name);
            assert!(hint.contains(expected), "{name}: {reason}: {hint}");
        }
    }
}
