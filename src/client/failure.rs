//! How attempts fail, as the client sees them.

/// A failed attempt by what tells it apart for some SDK: status, error code, or how the connection broke.
///
/// *Source*: Bedrock runtime service model 2023-09-30 and the client matrices under `tests/vectors/sdk-retries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// 429 `ThrottlingException`: a quota refused the attempt.
    Throttled,
    /// 429 `ThrottlingException`: the model itself was overloaded.
    Overloaded,
    /// 429 `ModelNotReadyException`, which the service model marks as retryable but no throttle.
    ModelNotReady,
    /// 429 without an error code, or with one that is not in the service model.
    TooManyRequests,
    /// 400 whose code is `ThrottlingException`.
    BadRequestThrottling,
    /// 503 `ServiceUnavailableException`.
    Unavailable,
    /// 500 `InternalServerException`.
    Internal,
    /// 502.
    BadGateway,
    /// 504.
    GatewayTimeout,
    /// 529, Anthropic's own "overloaded".
    SiteOverloaded,
    /// 408 `ModelTimeoutException`.
    ModelTimeout,
    /// 409.
    Conflict,
    /// 424 `ModelErrorException`.
    ModelError,
    /// 400 `ServiceQuotaExceededException`.
    QuotaExceeded,
    /// 400 `ValidationException`.
    Invalid,
    /// 403 `AccessDeniedException`.
    Denied,
    /// 404 `ResourceNotFoundException`.
    NotFound,
    /// The client stopped waiting: read or connect timeout.
    Timeout,
    /// The connection was refused, reset or closed.
    Disconnected,
}

impl Failure {
    /// Every kind, in the order of their discriminants.
    pub const ALL: [Failure; 19] = [
        Failure::Throttled,
        Failure::Overloaded,
        Failure::ModelNotReady,
        Failure::TooManyRequests,
        Failure::BadRequestThrottling,
        Failure::Unavailable,
        Failure::Internal,
        Failure::BadGateway,
        Failure::GatewayTimeout,
        Failure::SiteOverloaded,
        Failure::ModelTimeout,
        Failure::Conflict,
        Failure::ModelError,
        Failure::QuotaExceeded,
        Failure::Invalid,
        Failure::Denied,
        Failure::NotFound,
        Failure::Timeout,
        Failure::Disconnected,
    ];

    /// The HTTP status; `None` when no response came.
    pub fn status(self) -> Option<u16> {
        match self {
            Failure::Throttled | Failure::Overloaded | Failure::ModelNotReady | Failure::TooManyRequests => Some(429),
            Failure::BadRequestThrottling | Failure::QuotaExceeded | Failure::Invalid => Some(400),
            Failure::Unavailable => Some(503),
            Failure::Internal => Some(500),
            Failure::BadGateway => Some(502),
            Failure::GatewayTimeout => Some(504),
            Failure::SiteOverloaded => Some(529),
            Failure::ModelTimeout => Some(408),
            Failure::Conflict => Some(409),
            Failure::ModelError => Some(424),
            Failure::Denied => Some(403),
            Failure::NotFound => Some(404),
            Failure::Timeout | Failure::Disconnected => None,
        }
    }

    /// Whether the error's code is in the SDKs' common list of throttling codes.
    pub(super) fn has_throttling_code(self) -> bool {
        matches!(self, Failure::Throttled | Failure::Overloaded | Failure::BadRequestThrottling)
    }

    /// Whether the status is one of 500, 502, 503 and 504, which every AWS SDK takes for a passing fault.
    pub(super) fn has_transient_status(self) -> bool {
        matches!(self.status(), Some(500 | 502 | 503 | 504))
    }

    /// Whether no response came at all.
    pub(super) fn is_connection_error(self) -> bool {
        self.status().is_none()
    }
}
