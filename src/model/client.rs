//! What the caller does when an attempt fails: which SDK, in which mode and version.

use crate::model::Distribution;

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
    /// The same distribution every time [s].
    Distribution(Distribution),
    /// `min(base × factor^i, cap)`, i from 0, with jitter.
    Backoff {
        /// First wait [s].
        base: f64,
        /// Growth per retry.
        factor: f64,
        /// Upper bound, applied before jitter [s].
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
