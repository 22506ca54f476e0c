//! Answers in the form of Converse and `ConverseStream`.
//!
//! *Source*: API reference, `API_runtime_Converse` and `API_runtime_ConverseStream`, autumn 2026.

use super::service::Answer;
use super::{frames, text};
use serde_json::{Value, json};

/// The body of a Converse answer.
pub(super) fn body(answer: &Answer) -> Value {
    json!({
        "output": { "message": { "role": "assistant", "content": [{ "text": text::tokens(0, answer.demand.output().0) }] } },
        "stopReason": answer.stop_reason(),
        "usage": usage(answer),
        "metrics": metrics(answer),
    })
}

/// The events before the first token.
pub(super) fn begin() -> Vec<u8> {
    frames::event("messageStart", &json!({ "role": "assistant" }))
}

/// The event that carries some text.
pub(super) fn delta(text: &str) -> Vec<u8> {
    frames::event("contentBlockDelta", &json!({ "contentBlockIndex": 0, "delta": { "text": text } }))
}

/// The events after the last token.
pub(super) fn end(answer: &Answer) -> Vec<u8> {
    [
        frames::event("contentBlockStop", &json!({ "contentBlockIndex": 0 })),
        frames::event("messageStop", &json!({ "stopReason": answer.stop_reason() })),
        frames::event("metadata", &json!({ "usage": usage(answer), "metrics": metrics(answer) })),
    ]
    .concat()
}

/// Input that was cached stands apart from `inputTokens`; the total includes it.
fn usage(answer: &Answer) -> Value {
    let demand = &answer.demand;
    let mut usage = json!({
        "inputTokens": demand.input.0,
        "outputTokens": demand.output().0,
        "totalTokens": demand.billed().0,
        "cacheReadInputTokens": demand.cache_read.0,
        "cacheWriteInputTokens": demand.cache_write.0,
    });
    if demand.cache_write.0 > 0 {
        usage["cacheDetails"] = json!([{ "ttl": answer.cache_ttl, "inputTokens": demand.cache_write.0 }]);
    }
    usage
}

fn metrics(answer: &Answer) -> Value {
    json!({ "latencyMs": answer.latency_ms() })
}
