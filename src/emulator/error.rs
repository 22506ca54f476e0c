//! What Bedrock says when it refuses: status, name and message of each error.
//!
//! *Source*: AWS user guide, `troubleshooting-api-error-codes`; the Bedrock runtime service model 2023-09-30; messages
//! as quoted in public issue reports of 2025 and 2026. Where several texts are in use, the most frequent one stands
//! here.

use crate::model::QuotaName;

/// An error of the Bedrock runtime.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BedrockError {
    /// The HTTP status.
    pub(super) status: u16,
    /// The name in `x-amzn-ErrorType`.
    pub(super) name: &'static str,
    /// The message in the body.
    pub(super) message: String,
}

impl BedrockError {
    fn new(status: u16, name: &'static str, message: impl Into<String>) -> BedrockError {
        BedrockError { status, name, message: message.into() }
    }

    /// A quota refused: the message depends on which.
    pub(super) fn throttled(limit: Throttled) -> BedrockError {
        let what = match limit {
            Throttled::Requests => "requests",
            Throttled::Tokens => "tokens",
            Throttled::TokensPerDay => "tokens per day",
        };
        BedrockError::new(429, "ThrottlingException", format!("Too many {what}, please wait before trying again."))
    }

    /// The model itself is overloaded: a 429 that is no quota's.
    pub(super) fn overloaded(model: &str) -> BedrockError {
        let message = format!("Model {model} is currently overloaded. Please try again later.");
        BedrockError::new(429, "ThrottlingException", message)
    }

    /// The model is still being loaded.
    pub(super) fn model_not_ready() -> BedrockError {
        let message = "The model is not ready to serve inference requests. Please try again later.";
        BedrockError::new(429, "ModelNotReadyException", message)
    }

    /// The service has no capacity.
    pub(super) fn unavailable() -> BedrockError {
        BedrockError::new(503, "ServiceUnavailableException", "Service temporarily unavailable, please try again.")
    }

    /// The service failed.
    pub(super) fn internal() -> BedrockError {
        let message = "The system encountered an unexpected error during processing. Try your request again.";
        BedrockError::new(500, "InternalServerException", message)
    }

    /// The model took too long.
    pub(super) fn model_timeout() -> BedrockError {
        BedrockError::new(
            408,
            "ModelTimeoutException",
            "Model has timed out in processing the request. Try your request again.",
        )
    }

    /// The model failed.
    pub(super) fn model_error() -> BedrockError {
        let message = "The system encountered an unexpected error during processing. Try your request again.";
        BedrockError::new(424, "ModelErrorException", message)
    }

    /// The stream of an answer broke off with an error of the model.
    pub(super) fn model_stream_error() -> BedrockError {
        let message = "The system encountered an unexpected error during processing. Try your request again.";
        BedrockError::new(424, "ModelStreamErrorException", message)
    }

    /// The request breaks a rule.
    pub(super) fn validation(message: impl Into<String>) -> BedrockError {
        BedrockError::new(400, "ValidationException", message)
    }

    /// `maxTokens` is above what the model can write.
    pub(super) fn too_many_max_tokens(limit: u64) -> BedrockError {
        BedrockError::validation(format!(
            "The maximum tokens you requested exceeds the model limit of {limit}. Try again with a maximum tokens \
             value that is lower than {limit}."
        ))
    }

    /// A number is below the least that the service model allows.
    pub(super) fn below_minimum(field: &str, value: &str, least: u64) -> BedrockError {
        BedrockError::validation(format!(
            "1 validation error detected: Value '{value}' at '{field}' failed to satisfy constraint: Member must have \
             value greater than or equal to {least}"
        ))
    }

    /// More prefixes are to be cached than may be.
    pub(super) fn too_many_cache_points(most: usize, found: usize) -> BedrockError {
        BedrockError::validation(format!(
            "A maximum of {most} blocks with cache_control may be provided. Found {found}."
        ))
    }

    /// Prompt and `maxTokens` together do not fit.
    pub(super) fn context_exceeded(input: u64, max_tokens: u64, window: u64) -> BedrockError {
        BedrockError::validation(format!(
            "input length and `max_tokens` exceed context limit: {input} + {max_tokens} > {window}, decrease input \
             length or `max_tokens` and try again"
        ))
    }

    /// The prompt alone does not fit.
    pub(super) fn prompt_too_long(input: u64, window: u64) -> BedrockError {
        BedrockError::validation(format!("prompt is too long: {input} tokens > {window} maximum"))
    }

    /// A bare model id of a model that is only reached through inference profiles. The apostrophe is Bedrock's.
    pub(super) fn needs_profile(id: &str) -> BedrockError {
        BedrockError::validation(format!(
            "Invocation of model ID {id} with on-demand throughput isn\u{2019}t supported. Retry your request with the \
             ID or ARN of an inference profile that contains this model."
        ))
    }

    /// No such model.
    pub(super) fn invalid_model() -> BedrockError {
        BedrockError::validation("The provided model identifier is invalid.")
    }

    /// The body is no JSON of the right form.
    pub(super) fn malformed(reason: &str) -> BedrockError {
        BedrockError::validation(format!(
            "Malformed input request: {reason}, please reformat your input and try again."
        ))
    }

    /// The account may not call this model: it is not in the scenario.
    pub(super) fn access_denied() -> BedrockError {
        let message = "You don't have access to the model with the specified model ID.";
        BedrockError::new(403, "AccessDeniedException", message)
    }

    /// The model is marked as legacy.
    pub(super) fn legacy() -> BedrockError {
        let message = "Access denied. This Model is marked by provider as Legacy and you have not been actively using \
                       the model in the last 30 days. Please upgrade to an active model on Amazon Bedrock";
        BedrockError::new(404, "ResourceNotFoundException", message)
    }

    /// The model's end of life has passed.
    pub(super) fn retired() -> BedrockError {
        let message = "This model version has reached the end of its life. Please refer to the AWS documentation for \
                       more details.";
        BedrockError::new(404, "ResourceNotFoundException", message)
    }

    /// No such operation.
    pub(super) fn unknown_operation() -> BedrockError {
        BedrockError::new(404, "UnknownOperationException", "")
    }

    /// The body did not arrive in time.
    pub(super) fn slow_body() -> BedrockError {
        BedrockError::new(408, "RequestTimeoutException", "The request body was not received in time.")
    }
}

/// The three kinds of quota that Bedrock's message tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Throttled {
    /// Requests per minute.
    Requests,
    /// Tokens per minute.
    Tokens,
    /// Tokens per day.
    TokensPerDay,
}

impl Throttled {
    /// What a quota's refusal says; `None` where the name alone does not tell.
    pub(super) fn by(limit: QuotaName) -> Option<Throttled> {
        match limit {
            QuotaName::RequestsPerMinute => Some(Throttled::Requests),
            QuotaName::TokensPerMinute | QuotaName::InputTokensPerMinute => Some(Throttled::Tokens),
            QuotaName::TokensPerDay | QuotaName::AccountTokensPerDay => Some(Throttled::TokensPerDay),
            QuotaName::Unsatisfiable | QuotaName::ModelCapacity => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_messages_of_a_throttle_are_bedrocks() {
        let said = [Throttled::Requests, Throttled::Tokens, Throttled::TokensPerDay].map(BedrockError::throttled);
        assert!(said.iter().all(|error| (error.status, error.name) == (429, "ThrottlingException")));
        assert_eq!(
            said.map(|error| error.message),
            [
                "Too many requests, please wait before trying again.",
                "Too many tokens, please wait before trying again.",
                "Too many tokens per day, please wait before trying again.",
            ]
        );
    }
}
