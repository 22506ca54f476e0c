//! Answers in Anthropic's form, as `InvokeModel` gives them.
//!
//! *Source*: Bedrock user guide, `model-parameters-anthropic-claude-messages`; Anthropic's Messages API and its
//! streaming events, autumn 2026.

use super::service::Answer;
use super::{frames, text};
use serde_json::{Value, json};

/// The body of an answer.
pub(super) fn body(answer: &Answer, model: &str) -> Value {
    json!({
        "model": model,
        "id": id(answer),
        "type": "message",
        "role": "assistant",
        "content": [{ "type": "text", "text": text::tokens(0, answer.demand.output().0) }],
        "stop_reason": answer.stop_reason(),
        "stop_sequence": null,
        "usage": usage(answer, answer.demand.output().0),
    })
}

/// The events before the first token.
pub(super) fn begin(answer: &Answer, model: &str) -> Vec<u8> {
    let message = json!({
        "model": model,
        "id": id(answer),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": null,
        "stop_sequence": null,
        "usage": usage(answer, 1),
    });
    [
        chunk(&json!({ "type": "message_start", "message": message })),
        chunk(&json!({ "type": "content_block_start", "index": 0, "content_block": { "type": "text", "text": "" } })),
    ]
    .concat()
}

/// The event that carries some text.
pub(super) fn delta(text: &str) -> Vec<u8> {
    chunk(&json!({ "type": "content_block_delta", "index": 0, "delta": { "type": "text_delta", "text": text } }))
}

/// The events after the last token.
pub(super) fn end(answer: &Answer) -> Vec<u8> {
    let demand = &answer.demand;
    let delta = json!({ "stop_reason": answer.stop_reason(), "stop_sequence": null });
    [
        chunk(&json!({ "type": "content_block_stop", "index": 0 })),
        chunk(&json!({ "type": "message_delta", "delta": delta, "usage": { "output_tokens": demand.output().0 } })),
        chunk(&json!({
            "type": "message_stop",
            "amazon-bedrock-invocationMetrics": {
                "inputTokenCount": demand.input.0,
                "outputTokenCount": demand.output().0,
                "invocationLatency": answer.latency_ms(),
                "firstByteLatency": answer.first_byte_ms(),
                "cacheReadInputTokenCount": demand.cache_read.0,
                "cacheWriteInputTokenCount": demand.cache_write.0,
            },
        })),
    ]
    .concat()
}

fn id(answer: &Answer) -> String {
    format!("msg_bdrk_{:016x}", answer.number)
}

fn usage(answer: &Answer, output: u64) -> Value {
    let demand = &answer.demand;
    let written = |ttl: &str| if answer.cache_ttl == ttl { demand.cache_write.0 } else { 0 };
    json!({
        "input_tokens": demand.input.0,
        "cache_creation_input_tokens": demand.cache_write.0,
        "cache_read_input_tokens": demand.cache_read.0,
        "cache_creation": { "ephemeral_5m_input_tokens": written("5m"), "ephemeral_1h_input_tokens": written("1h") },
        "output_tokens": output,
    })
}

/// An event of the model provider within an event of Bedrock.
fn chunk(event: &Value) -> Vec<u8> {
    frames::event("chunk", &json!({ "bytes": aws_smithy_types::base64::encode(event.to_string()) }))
}
