//! The operations of the Bedrock runtime that are answered here.

/// An operation on a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operation {
    Converse,
    ConverseStream,
    InvokeModel,
    InvokeModelWithResponseStream,
    CountTokens,
}

impl Operation {
    /// The operation at the end of a path: `/model/{modelId}/converse`.
    pub(super) fn of_path(last: &str) -> Option<Operation> {
        Some(match last {
            "converse" => Operation::Converse,
            "converse-stream" => Operation::ConverseStream,
            "invoke" => Operation::InvokeModel,
            "invoke-with-response-stream" => Operation::InvokeModelWithResponseStream,
            "count-tokens" => Operation::CountTokens,
            _ => return None,
        })
    }

    /// Its name in AWS's service model, and in recordings.
    pub(super) fn name(self) -> &'static str {
        match self {
            Operation::Converse => "Converse",
            Operation::ConverseStream => "ConverseStream",
            Operation::InvokeModel => "InvokeModel",
            Operation::InvokeModelWithResponseStream => "InvokeModelWithResponseStream",
            Operation::CountTokens => "CountTokens",
        }
    }

    /// Whether the body is the model provider's own form rather than Converse's.
    pub(super) fn has_native_body(self) -> bool {
        matches!(self, Operation::InvokeModel | Operation::InvokeModelWithResponseStream)
    }

    /// Whether the answer is a stream of events.
    pub(super) fn streams(self) -> bool {
        matches!(self, Operation::ConverseStream | Operation::InvokeModelWithResponseStream)
    }
}
