//! What is recorded of each call: a line of JSON that `calibrate usage` reads, in the form of the local endpoint's.

use crate::calibrate::observation::Outcome;
use serde::Serialize;

/// One call and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Recorded {
    /// When it was sent, RFC 3339 in UTC.
    pub time: String,
    /// The model that was called.
    pub model: String,
    /// The workload that it is recorded under.
    pub workload: String,
    /// `Converse` or `ConverseStream`.
    pub operation: &'static str,
    /// The number of the prompt, from 0.
    pub request: u64,
    /// `succeeded`, `truncated`, `throttled` or `failed`.
    pub outcome: &'static str,
    /// The quota that refused it, as far as the message tells.
    pub limit: Option<&'static str>,
    /// The HTTP status, where there was one.
    pub status: Option<u16>,
    /// The error's code.
    pub error: Option<String>,
    /// Uncached input tokens.
    pub input_tokens: Option<u64>,
    /// Output tokens.
    pub output_tokens: Option<u64>,
    /// Input tokens read from the cache.
    pub cache_read_tokens: Option<u64>,
    /// Input tokens written to the cache.
    pub cache_write_tokens: Option<u64>,
    /// The output limit.
    pub max_tokens: Option<u64>,
    /// Quota tokens reserved, by the published law.
    pub reservation: Option<u64>,
    /// Quota tokens charged, by the published law.
    pub charge: Option<u64>,
    /// To the first token, in ms; only streams show it.
    pub ttft_ms: Option<f64>,
    /// To the end, in ms.
    pub latency_ms: f64,
    /// Why the answer ended.
    pub stop_reason: Option<String>,
}

impl Recorded {
    /// The word for an outcome.
    pub fn word(outcome: Outcome) -> &'static str {
        match outcome {
            Outcome::Answered { cut: false } => "succeeded",
            Outcome::Answered { cut: true } => "truncated",
            Outcome::Throttled(_) => "throttled",
            Outcome::Failed => "failed",
        }
    }

    /// The line, its end included.
    pub fn line(&self) -> String {
        serde_json::to_string(self).expect("a record has string keys") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::observation::{MaxTokens, Observation};
    use crate::calibrate::read::{Feed, Options, Seen, usage};

    #[test]
    fn a_line_reads_back_as_it_was() {
        let row = Recorded {
            time: "2026-11-25T10:00:00.125Z".to_owned(),
            model: "us.amazon.nova-lite-v1:0".to_owned(),
            workload: "live".to_owned(),
            operation: "ConverseStream",
            request: 0,
            outcome: Recorded::word(Outcome::Answered { cut: true }),
            limit: None,
            status: Some(200),
            error: None,
            input_tokens: Some(12),
            output_tokens: Some(34),
            cache_read_tokens: Some(0),
            cache_write_tokens: Some(0),
            max_tokens: Some(34),
            reservation: Some(46),
            charge: Some(46),
            ttft_ms: Some(210.5),
            latency_ms: 400.0,
            stop_reason: Some("max_tokens".to_owned()),
        };
        let refused = Recorded {
            outcome: "throttled",
            limit: Some("tokens_per_minute"),
            input_tokens: None,
            output_tokens: None,
            ttft_ms: None,
            stop_reason: None,
            ..row.clone()
        };
        let text = row.line() + &refused.line();
        let mut seen = Vec::new();
        let mut sink = |_, one: &Observation<'_>| {
            seen.push((one.outcome, one.tokens.output, one.max_tokens, one.ttft.map(|span| span.0)));
        };
        let mut feed = Feed::new(0, "x", &mut sink);
        usage(text.as_bytes(), &Options::default(), &mut Seen::default(), &mut feed).unwrap();
        assert_eq!(feed.finish().broken(), 0);
        assert_eq!(seen[0], (Outcome::Answered { cut: true }, Some(34), MaxTokens::Set(34), Some(210_500_000)));
        assert_eq!(seen[1].0, Outcome::Throttled(Some(crate::model::QuotaName::TokensPerMinute)));
    }
}
