//! Failures that can be asked for: by a header on a call, or with a probability.

use super::error::{BedrockError, Throttled};
use crate::model::QuotaName;
use crate::units::Probability;

/// A failure to inject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// 429 `ThrottlingException`, "Too many requests …".
    TooManyRequests,
    /// 429 `ThrottlingException`, "Too many tokens …".
    TooManyTokens,
    /// 429 `ThrottlingException`, "Too many tokens per day …".
    TooManyTokensPerDay,
    /// 429 `ThrottlingException`, "Model … is currently overloaded …".
    Overloaded,
    /// 429 `ModelNotReadyException`.
    ModelNotReady,
    /// 503 `ServiceUnavailableException`.
    Unavailable,
    /// 500 `InternalServerException`.
    Internal,
    /// 408 `ModelTimeoutException`.
    ModelTimeout,
    /// 424 `ModelErrorException`.
    ModelError,
    /// 403 `AccessDeniedException`.
    AccessDenied,
    /// `ModelStreamErrorException` within a stream, halfway through the answer; 424 where nothing streams.
    StreamError,
    /// The connection breaks halfway through the answer.
    Disconnect,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Fault; 12] = [
        Fault::TooManyRequests,
        Fault::TooManyTokens,
        Fault::TooManyTokensPerDay,
        Fault::Overloaded,
        Fault::ModelNotReady,
        Fault::Unavailable,
        Fault::Internal,
        Fault::ModelTimeout,
        Fault::ModelError,
        Fault::AccessDenied,
        Fault::StreamError,
        Fault::Disconnect,
    ];

    /// Its name in headers and options.
    pub fn key(self) -> &'static str {
        match self {
            Fault::TooManyRequests => "too_many_requests",
            Fault::TooManyTokens => "too_many_tokens",
            Fault::TooManyTokensPerDay => "too_many_tokens_per_day",
            Fault::Overloaded => "overloaded",
            Fault::ModelNotReady => "model_not_ready",
            Fault::Unavailable => "unavailable",
            Fault::Internal => "internal",
            Fault::ModelTimeout => "model_timeout",
            Fault::ModelError => "model_error",
            Fault::AccessDenied => "access_denied",
            Fault::StreamError => "stream_error",
            Fault::Disconnect => "disconnect",
        }
    }

    /// The fault of a name.
    pub fn of_key(key: &str) -> Option<Fault> {
        Fault::ALL.into_iter().find(|fault| fault.key() == key)
    }

    /// Every name, for messages.
    pub fn keys() -> String {
        Fault::ALL.map(Fault::key).join(", ")
    }

    /// The error that takes the place of an answer, and the limit that it is counted under; `None` for faults that
    /// strike while the answer is under way.
    pub(super) fn instead(self, model: &str, streams: bool) -> Option<(BedrockError, Option<QuotaName>)> {
        let throttled = |kind, limit| Some((BedrockError::throttled(kind), Some(limit)));
        match self {
            Fault::TooManyRequests => throttled(Throttled::Requests, QuotaName::RequestsPerMinute),
            Fault::TooManyTokens => throttled(Throttled::Tokens, QuotaName::TokensPerMinute),
            Fault::TooManyTokensPerDay => throttled(Throttled::TokensPerDay, QuotaName::AccountTokensPerDay),
            Fault::Overloaded => Some((BedrockError::overloaded(model), Some(QuotaName::ModelCapacity))),
            Fault::ModelNotReady => Some((BedrockError::model_not_ready(), None)),
            Fault::Unavailable => Some((BedrockError::unavailable(), None)),
            Fault::Internal => Some((BedrockError::internal(), None)),
            Fault::ModelTimeout => Some((BedrockError::model_timeout(), None)),
            Fault::ModelError => Some((BedrockError::model_error(), None)),
            Fault::AccessDenied => Some((BedrockError::access_denied(), None)),
            Fault::StreamError if !streams => Some((BedrockError::model_error(), None)),
            Fault::StreamError | Fault::Disconnect => None,
        }
    }
}

/// Faults with their probabilities; at most one strikes an attempt.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FaultMix(Vec<(Fault, Probability)>);

impl FaultMix {
    /// A mix, unless its probabilities exceed 1 together or one fault has two.
    pub fn new(parts: Vec<(Fault, Probability)>) -> Result<FaultMix, String> {
        let given = |fault: &Fault| parts.iter().filter(|(known, _)| known == fault).count();
        if let Some(twice) = Fault::ALL.iter().find(|fault| given(fault) > 1) {
            return Err(format!("the fault `{}` is given twice", twice.key()));
        }
        let total: f64 = parts.iter().map(|(_, probability)| probability.0).sum();
        if total > 1.0 + 1e-9 {
            return Err(format!("the probabilities of faults add up to {total}, above 1"));
        }
        Ok(FaultMix(parts))
    }

    /// Its parts.
    pub fn parts(&self) -> &[(Fault, Probability)] {
        &self.0
    }

    /// The fault that the uniform number `u` in [0, 1) picks.
    pub(super) fn pick(&self, u: f64) -> Option<Fault> {
        let mut below = 0.0;
        self.0.iter().find_map(|&(fault, probability)| {
            below += probability.0;
            (u < below).then_some(fault)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back() {
        assert!(Fault::ALL.into_iter().all(|fault| Fault::of_key(fault.key()) == Some(fault)));
        assert_eq!(Fault::of_key("earthquake"), None);
    }

    #[test]
    fn a_mix_picks_each_fault_for_its_share_of_the_unit_interval() {
        let mix =
            FaultMix::new(vec![(Fault::Unavailable, Probability(0.25)), (Fault::ModelNotReady, Probability(0.5))])
                .expect("below 1 together");
        assert_eq!(mix.pick(0.0), Some(Fault::Unavailable));
        assert_eq!(mix.pick(0.25), Some(Fault::ModelNotReady));
        assert_eq!(mix.pick(0.75), None);
        assert!(
            FaultMix::new(vec![(Fault::Internal, Probability(0.7)), (Fault::Disconnect, Probability(0.7))]).is_err()
        );
        assert!(FaultMix::new(vec![(Fault::Internal, Probability(0.1)), (Fault::Internal, Probability(0.2))]).is_err());
    }
}
