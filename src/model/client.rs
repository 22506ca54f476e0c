//! What the caller does when an attempt fails: which SDK, in which mode and version.

use crate::model::Distribution;
use crate::units::SimSpan;

/// The retry behaviour of a workload's client.
#[derive(Debug, Clone, PartialEq)]
pub enum ClientPolicy {
    /// No retries.
    None,
    /// A policy described in the scenario.
    Custom(CustomPolicy),
    /// A real SDK.
    Sdk(SdkPolicy),
}

/// An SDK in one mode and version of its retry behaviour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SdkPolicy {
    /// Which SDK.
    pub sdk: Sdk,
    /// Its retry mode.
    pub mode: RetryMode,
    /// Its retry behaviour version; irrelevant to [`Sdk::Anthropic`].
    pub version: RetryVersion,
    /// Total attempts, the first included.
    pub max_attempts: u32,
}

impl SdkPolicy {
    /// What an SDK does when nobody configures it, as of 2026-11-21.
    ///
    /// | SDK | mode | version | attempts |
    /// |---|---|---|---|
    /// | boto3 | standard | 2.1 | 3 |
    /// | JavaScript | standard | 2.1 | 3 |
    /// | Rust | standard | 2.1 | 3 |
    /// | Java | legacy | 2.0 | 4 |
    /// | Anthropic | – | – | 3 |
    ///
    /// Rust changes with its behaviour version: aws-config 1.13.2 and `BehaviorVersion::v2026_11_10` or later, which
    /// `latest` is, bring 2.1; every older pair keeps 2.0, and so do applications that pin theirs.
    ///
    /// *Source*: AWS Developer Tools Blog, "Updated default retry behavior for AWS SDKs and tools" (2026-11-10).
    ///
    /// ```
    /// use quotasim::model::client::{RetryMode, Sdk, SdkPolicy};
    /// let java = SdkPolicy::default_for(Sdk::Java);
    /// assert_eq!((java.mode, java.max_attempts), (RetryMode::Legacy, 4));
    /// ```
    pub fn default_for(sdk: Sdk) -> SdkPolicy {
        let version = sdk.default_version();
        let mode = sdk.default_mode(version);
        SdkPolicy { sdk, mode, version, max_attempts: sdk.default_attempts(mode) }
    }
}

impl Sdk {
    /// The retry behaviour version of a fresh installation, as of 2026-11-21; see [`SdkPolicy::default_for`].
    pub fn default_version(self) -> RetryVersion {
        match self {
            Sdk::Boto3 | Sdk::JavaScript | Sdk::Rust | Sdk::Anthropic => RetryVersion::V2_1,
            Sdk::Java => RetryVersion::V2_0,
        }
    }

    /// The mode that comes with a version: boto3 was legacy until 1.44.0 brought 2.1, Java still is.
    pub fn default_mode(self, version: RetryVersion) -> RetryMode {
        match (self, version) {
            (Sdk::Boto3, RetryVersion::V2_0) | (Sdk::Java, _) => RetryMode::Legacy,
            _ => RetryMode::Standard,
        }
    }

    /// Whether the SDK has the mode; JavaScript and Rust have no legacy, Anthropic has no modes.
    pub fn has_mode(self, mode: RetryMode) -> bool {
        match self {
            Sdk::Boto3 | Sdk::Java => true,
            Sdk::JavaScript | Sdk::Rust => mode != RetryMode::Legacy,
            Sdk::Anthropic => mode == RetryMode::Standard,
        }
    }

    /// Total attempts in a mode, the first included.
    pub fn default_attempts(self, mode: RetryMode) -> u32 {
        match (self, mode) {
            (Sdk::Boto3, RetryMode::Legacy) => 5,
            (Sdk::Java, RetryMode::Legacy) => 4,
            _ => 3,
        }
    }

    /// How long the SDK waits for bytes of a response before it calls the attempt a failure; `None` waits for ever.
    ///
    /// *Source*: botocore `endpoint.DEFAULT_TIMEOUT` 60 s; anthropic `DEFAULT_TIMEOUT` 600 s; JavaScript's request
    /// timeout is 0 (none), Rust has no read timeout. *Assumption* for Java: 30 s, `SdkHttpConfigurationOption`.
    pub fn default_read_timeout(self) -> Option<SimSpan> {
        match self {
            Sdk::Boto3 => Some(SimSpan(60_000_000_000)),
            Sdk::Anthropic => Some(SimSpan(600_000_000_000)),
            Sdk::Java => Some(SimSpan(30_000_000_000)),
            Sdk::JavaScript | Sdk::Rust => None,
        }
    }
}

/// The SDKs whose retries are modelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sdk {
    /// boto3 and botocore (Python).
    Boto3,
    /// AWS SDK for JavaScript v3.
    JavaScript,
    /// AWS SDK for Rust.
    Rust,
    /// AWS SDK for Java v2.
    Java,
    /// Anthropic's own SDK.
    Anthropic,
}

/// The retry modes of the AWS SDKs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RetryMode {
    /// The oldest.
    Legacy,
    /// Exponential backoff under a retry quota.
    Standard,
    /// Standard plus a client-side rate limiter.
    Adaptive,
}

/// Retry behaviour versions; 2.1 is the default of several SDKs since 2026-11-10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RetryVersion {
    /// "2.0".
    V2_0,
    /// "2.1".
    V2_1,
}

/// A retry policy given by its parameters.
#[derive(Debug, Clone, PartialEq)]
pub struct CustomPolicy {
    /// Total attempts, the first included; `None` is unlimited.
    pub max_attempts: Option<u32>,
    /// How long to wait before a retry.
    pub delay: Delay,
    /// A budget that retries draw on.
    pub budget: Option<RetryBudget>,
}

/// The wait before a retry.
#[derive(Debug, Clone, PartialEq)]
pub enum Delay {
    /// The same distribution every time, in s.
    Distribution(Distribution),
    /// `min(base × factor^i, cap)`, i from 0, with jitter.
    Backoff {
        /// First wait, in s.
        base: f64,
        /// Growth per retry.
        factor: f64,
        /// Upper bound, applied before jitter, in s.
        cap: f64,
        /// How it is randomised.
        jitter: Jitter,
    },
}

/// Randomisation of a backoff `b`; u is uniform on [0, 1).
///
/// *Source*: AWS Architecture Blog, "Exponential Backoff And Jitter" (2015, updated 2023).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Jitter {
    /// `b`.
    None,
    /// `u·b`.
    Full,
    /// `b/2 + u·b/2`.
    Equal,
    /// `min(cap, base + u·(3·previous − base))`.
    Decorrelated,
}

/// A client-wide token bucket for retries (M. Brooker, "Fixing retries with token buckets and circuit breakers", 2022).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryBudget {
    /// Most tokens it holds; it starts full.
    pub capacity: f64,
    /// Tokens that each call deposits when it starts.
    pub deposit: f64,
    /// Tokens that a retry costs.
    pub retry_cost: f64,
}
