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

/// What goes wrong besides quotas, as shares of attempts.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Faults {
    /// 503 before admission; consumes nothing. It stands for 500, 502 and 504, which every SDK takes alike.
    pub unavailable: Probability,
    /// The model-overloaded 429 before admission; consumes nothing.
    pub overloaded: Probability,
    /// 429 `ModelNotReadyException` before admission; consumes nothing.
    pub model_not_ready: Probability,
    /// A response takes `slow_factor` times as long.
    pub slow: Probability,
    /// By how much.
    pub slow_factor: f64,
    /// The connection breaks while the response streams; the attempt stays reserved, charged and billed to its end.
    pub disconnect: Probability,
    /// No response ever reaches the client, which waits until it gives up; charged as above.
    pub timeout: Probability,
    /// 408 `ModelTimeoutException` in place of the answer, at its natural end; charged as above.
    pub model_timeout: Probability,
}

impl Faults {
    /// Nothing goes wrong.
    pub const NONE: Faults = Faults {
        unavailable: Probability(0.0),
        overloaded: Probability(0.0),
        model_not_ready: Probability(0.0),
        slow: Probability(0.0),
        slow_factor: 1.0,
        disconnect: Probability(0.0),
        timeout: Probability(0.0),
        model_timeout: Probability(0.0),
    };

    /// The share of attempts that meet a fault before admission.
    pub fn before_admission(&self) -> f64 {
        self.unavailable.0 + self.overloaded.0 + self.model_not_ready.0
    }

    /// The share of admitted attempts whose answer is lost.
    pub fn after_admission(&self) -> f64 {
        self.disconnect.0 + self.timeout.0 + self.model_timeout.0
    }
}
