//! How long responses take and how the service misbehaves.

use crate::model::Distribution;
use crate::units::Probability;

/// The time from admission to the last token.
#[derive(Debug, Clone, PartialEq)]
pub enum Latency {
    /// `ttft + ttft_per_1k_input × input/1000 + output / output_tokens_per_second`.
    Streaming {
        /// Time to first token, in s.
        ttft: Distribution,
        /// Further time to first token per 1,000 uncached input tokens, in s.
        ttft_per_1k_input: Distribution,
        /// Speed of generation [tokens/s].
        output_tokens_per_second: Distribution,
    },
    /// The whole response, in s, whatever its length.
    Duration(Distribution),
}

/// What goes wrong besides quotas. All zero by default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// 503 before admission; consumes nothing.
    pub unavailable: Probability,
    /// The model-overloaded 429 before admission; consumes nothing.
    pub overloaded: Probability,
    /// A response takes `slow_factor` times as long.
    pub slow: Probability,
    /// By how much.
    pub slow_factor: f64,
    /// The connection breaks while the response streams; the attempt stays reserved, charged and billed to its end.
    pub disconnect: Probability,
}
