//! AWS's errors in a sentence each: what they mean, and what to do.
//!
//! *Source*: AWS user guide, `troubleshooting-api-error-codes`; API reference of Converse; messages as users report them.

use crate::calibrate::observation::Outcome;
use crate::calibrate::outcome::of_error;

/// An error of a call, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What became of the attempt.
    pub outcome: Outcome,
    /// What it means and what to do, one sentence.
    pub meaning: String,
    /// Whether every further call would fail the same way.
    pub hopeless: bool,
}

/// Explains an error by its code, its HTTP status and its message. `model` is the id that was called.
pub fn explain(code: &str, status: Option<u16>, message: &str, model: &str) -> Failure {
    let said = message.to_ascii_lowercase();
    let has = |words: &str| said.contains(words);
    let failed = |meaning: String, hopeless: bool| Failure { outcome: Outcome::Failed, meaning, hopeless };
    match (code, status) {
        ("ThrottlingException" | "TooManyRequestsException", _) | (_, Some(429)) => {
            let outcome = of_error("ThrottlingException", message);
            let meaning = match outcome {
                Outcome::Throttled(Some(limit)) => format!("the quota `{}` refused it: that is what is being measured", limit.key()),
                Outcome::Throttled(None) => "a quota refused it: that is what is being measured".to_owned(),
                _ => "the model has no capacity at the moment, whatever your quota: try again later".to_owned(),
            };
            Failure { outcome, meaning, hopeless: has("tokens per day") }
        }
        ("ValidationException", _) if has("on-demand throughput") => failed(
            format!("`{model}` is offered through inference profiles only: call it as `us.{model}`, `eu.{model}` or `global.{model}`"),
            true,
        ),
        ("ValidationException", _) if has("maximum tokens") || has("max_tokens") || has("context limit") => failed(
            "the output limit is above what the model allows, or prompt and limit together exceed its context window: lower \
             `--max-tokens`"
                .to_owned(),
            true,
        ),
        ("ValidationException", _) if has("provided model identifier is invalid") => failed(
            format!("`{model}` is no model in this Region: `quotasim models` lists ids, and the profile's prefix must match the Region"),
            true,
        ),
        ("ValidationException", _) => failed("Bedrock does not accept the request as it is; a prompt may be empty".to_owned(), false),
        ("UnrecognizedClientException" | "InvalidSignatureException" | "ExpiredTokenException", _) | (_, Some(401)) => {
            failed("the credentials are wrong or have expired: log in again, or choose another `--profile`".to_owned(), true)
        }
        ("AccessDeniedException", _) | (_, Some(403)) if has("legacy") => legacy(),
        ("AccessDeniedException", _) | (_, Some(403)) => failed(
            "these credentials may not call the model: `quotasim calibrate iam-policy` prints the permission that is needed, and \
             the account must have access to the model"
                .to_owned(),
            true,
        ),
        ("ResourceNotFoundException", _) if has("legacy") || has("end of life") || has("end of its life") => legacy(),
        ("ResourceNotFoundException", _) if has("use case") => failed(
            "the account has not submitted Anthropic's use case details: the Bedrock console asks for them once".to_owned(),
            true,
        ),
        ("ResourceNotFoundException", _) | (_, Some(404)) => {
            failed(format!("there is no `{model}` here: check the id, the Region and the endpoint"), true)
        }
        ("ServiceUnavailableException", _) | (_, Some(503)) => {
            failed("Bedrock has no capacity at the moment, whatever your quota: try again later or elsewhere".to_owned(), false)
        }
        ("ModelNotReadyException", _) => failed("the model is being loaded: try again in a while".to_owned(), false),
        ("ModelTimeoutException", _) | (_, Some(408)) => {
            failed("the model took too long for this request: shorten the prompt or lower `--max-tokens`".to_owned(), false)
        }
        ("ModelErrorException" | "ModelStreamErrorException", _) | (_, Some(424)) => {
            failed("the model itself failed on this request".to_owned(), false)
        }
        ("InternalServerException", _) | (_, Some(500)) => failed("Bedrock failed internally: try again".to_owned(), false),
        ("DispatchFailure" | "TimeoutError", _) => failed(
            "the endpoint could not be reached: check the network, the Region and `--endpoint-url`".to_owned(),
            true,
        ),
        ("ConstructionFailure", _) => failed(
            "the call could not be put together, mostly for lack of credentials or a Region: set `--profile` or `--region`".to_owned(),
            true,
        ),
        _ => failed("an error that quotasim does not know".to_owned(), false),
    }
}

fn legacy() -> Failure {
    Failure {
        outcome: Outcome::Failed,
        meaning: "the model is legacy and closed to accounts that have not used it lately: choose a current one"
            .to_owned(),
        hopeless: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::QuotaName;

    #[test]
    fn each_error_has_its_sentence() {
        let model = "anthropic.claude-haiku-4-5-20251001-v1:0";
        let table = [
            ("AccessDeniedException", Some(403), "You don't have access to the model", "iam-policy", true),
            (
                "ValidationException",
                Some(400),
                "Invocation of model ID x with on-demand throughput isn't supported. Retry with an inference profile",
                "`us.anthropic.claude-haiku-4-5-20251001-v1:0`",
                true,
            ),
            ("ResourceNotFoundException", Some(404), "This Model is marked by provider as Legacy", "legacy", true),
            (
                "ValidationException",
                Some(400),
                "The maximum tokens you requested exceeds the model limit of 64000.",
                "--max-tokens",
                true,
            ),
            ("ServiceUnavailableException", Some(503), "Too many connections", "capacity", false),
            ("ExpiredTokenException", Some(403), "expired", "log in again", true),
            ("UnrecognizedClientException", Some(400), "", "credentials", true),
            ("DispatchFailure", None, "", "reached", true),
            ("Surprise", Some(418), "", "does not know", false),
        ];
        for (code, status, message, part, hopeless) in table {
            let failure = explain(code, status, message, model);
            assert!(failure.meaning.contains(part), "{code}: {}", failure.meaning);
            assert_eq!((failure.outcome, failure.hopeless), (Outcome::Failed, hopeless), "{code}");
        }
        let throttled =
            explain("ThrottlingException", Some(429), "Too many tokens, please wait before trying again.", model);
        assert_eq!(throttled.outcome, Outcome::Throttled(Some(QuotaName::TokensPerMinute)));
        assert!(!throttled.hopeless && throttled.meaning.contains("tokens_per_minute"));
        assert!(explain("ThrottlingException", Some(429), "Too many tokens per day", model).hopeless);
        let overloaded = explain("ThrottlingException", Some(429), "Model x is currently overloaded.", model);
        assert_eq!(overloaded.outcome, Outcome::Failed);
    }
}
