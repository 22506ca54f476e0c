//! What makes a caller: the key by which traffic is divided into workloads.

use crate::calibrate::observation::MaxTokens;
use std::borrow::Cow;
use std::str::FromStr;

/// One part of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dimension {
    /// The role or user that called, or the application that a record names.
    Identity,
    /// A key of the request's metadata.
    Metadata(String),
    /// The operation: `Converse`, `InvokeModel` …
    Operation,
    /// The output limit.
    MaxTokens,
}

/// The key: what it is made of, in order. Empty, all traffic of a pool is one workload.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct By(pub Vec<Dimension>);

/// What a record tells of its caller.
#[derive(Debug, Clone, Default)]
pub(super) struct Told<'a> {
    /// The role, user or application.
    pub(super) identity: Cow<'a, str>,
    /// The operation.
    pub(super) operation: Cow<'a, str>,
    /// The output limit.
    pub(super) max_tokens: MaxTokens,
}

impl By {
    /// Divided by identity alone, as by default.
    pub fn identity() -> By {
        By(vec![Dimension::Identity])
    }

    /// The caller of a record. `metadata` finds the value of a key.
    pub(super) fn caller<'a>(&self, told: &Told<'a>, metadata: impl Fn(&str) -> Cow<'a, str>) -> Cow<'a, str> {
        let part = |dimension: &Dimension| match dimension {
            Dimension::Identity => told.identity.clone(),
            Dimension::Metadata(key) => metadata(key),
            Dimension::Operation => told.operation.clone(),
            Dimension::MaxTokens => match told.max_tokens {
                MaxTokens::Set(limit) => format!("max {limit}").into(),
                MaxTokens::Unset => "max unset".into(),
                MaxTokens::Unknown => "max unknown".into(),
            },
        };
        match self.0.as_slice() {
            [] => Cow::Borrowed(""),
            [only] => part(only),
            several => {
                let parts: Vec<Cow<'a, str>> = several.iter().map(part).filter(|part| !part.is_empty()).collect();
                parts.join(" ").into()
            }
        }
    }
}

impl FromStr for By {
    type Err = String;

    fn from_str(text: &str) -> Result<By, String> {
        let dimension = |word: &str| match word.trim() {
            "identity" => Ok(Some(Dimension::Identity)),
            "operation" => Ok(Some(Dimension::Operation)),
            "max-tokens" | "max_tokens" => Ok(Some(Dimension::MaxTokens)),
            "none" | "model" => Ok(None),
            other => match other.strip_prefix("metadata:") {
                Some(key) if !key.is_empty() => Ok(Some(Dimension::Metadata(key.to_owned()))),
                _ => Err(format!(
                    "`{other}` is none of identity, metadata:KEY, operation, max-tokens, none; several go with commas"
                )),
            },
        };
        let dimensions: Result<Vec<_>, String> = text.split(',').map(dimension).collect();
        Ok(By(dimensions?.into_iter().flatten().collect()))
    }
}

/// The role or user of an ARN; anything else as it is.
///
/// A role that is assumed has a session behind it, which changes with every container: the role is the caller.
pub(super) fn principal(arn: &str) -> &str {
    if !arn.starts_with("arn:") {
        return arn;
    }
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    match resource.split_once('/') {
        Some(("assumed-role", rest)) => rest.split('/').next().unwrap_or(rest),
        Some((_, rest)) => rest.rsplit('/').next().unwrap_or(rest),
        None => resource,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_and_applied() {
        let told = Told { identity: "App".into(), operation: "Converse".into(), max_tokens: MaxTokens::Set(256) };
        let caller = |by: &str| by.parse::<By>().unwrap().caller(&told, |key| format!("<{key}>").into()).into_owned();
        assert_eq!(caller("identity"), "App");
        assert_eq!(caller("metadata:tenant,operation,max-tokens"), "<tenant> Converse max 256");
        assert_eq!(caller("none"), "");
        assert_eq!(caller("model,identity"), "App");
        let error = "metadata:".parse::<By>().unwrap_err();
        assert!(error.contains("metadata:KEY"), "{error}");
    }

    #[test]
    fn the_principal_is_what_stays() {
        let table = [
            ("arn:aws:sts::111122223333:assumed-role/App/session-7", "App"),
            ("arn:aws:iam::111122223333:user/team/bob", "bob"),
            ("arn:aws:iam::111122223333:root", "root"),
            ("an application", "an application"),
            ("", ""),
        ];
        for (arn, expected) in table {
            assert_eq!(principal(arn), expected);
        }
    }
}
