//! The recording: one JSON object per attempt and line, in the order in which attempts end.
//!
//! `calibrate` reads it. A refused attempt ends when it is refused; an admitted one when its response ends by itself,
//! even if its caller has gone before.

use serde::Serialize;

/// An attempt and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(super) struct Row {
    /// When the attempt came in (RFC 3339 in UTC, with milliseconds), in the endpoint's time.
    pub(super) time: String,
    /// The pool it asked.
    pub(super) pool: String,
    /// The workload it was counted under.
    pub(super) workload: String,
    /// The model as the caller named it.
    pub(super) model: String,
    /// `Converse`, `ConverseStream`, `InvokeModel` or `InvokeModelWithResponseStream`.
    pub(super) operation: &'static str,
    /// The number of its request within the workload, from 0.
    pub(super) request: u64,
    /// The number of the attempt within its request, from 1.
    pub(super) attempt: u32,
    /// `succeeded`, `truncated` (by `max_tokens`), `throttled`, `overloaded`, `unavailable`, `failed` (an injected
    /// error), `disconnected` (an injected break) or `abandoned` (the caller hung up).
    pub(super) outcome: &'static str,
    /// Which limit refused it.
    pub(super) limit: Option<&'static str>,
    /// The HTTP status; `null` where the connection broke before there was one.
    pub(super) status: Option<u16>,
    /// The name of the error.
    pub(super) error: Option<&'static str>,
    /// Input tokens, neither read from nor written to the prompt cache.
    pub(super) input_tokens: u64,
    /// Output tokens; 0 where it was refused.
    pub(super) output_tokens: u64,
    /// Input tokens read from the prompt cache.
    pub(super) cache_read_tokens: u64,
    /// Input tokens written to the prompt cache.
    pub(super) cache_write_tokens: u64,
    /// The caller's output limit; `null` where it set none.
    pub(super) max_tokens: Option<u64>,
    /// Quota tokens that it asked to reserve.
    pub(super) reservation: u64,
    /// Quota tokens that it was charged.
    pub(super) charge: u64,
    /// Admission to first token, where the scenario's latency tells.
    pub(super) ttft_ms: Option<f64>,
    /// Arrival to the end of the answer or of the refusal.
    pub(super) latency_ms: f64,
    /// `end_turn` or `max_tokens`; `null` without an answer.
    pub(super) stop_reason: Option<&'static str>,
}
