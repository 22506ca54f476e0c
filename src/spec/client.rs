//! Clients as written, with the defaults of each SDK.
//!
//! *Source*: the SDKs' published packages, November 2026: botocore 1.44, @smithy/core 3.41, aws-smithy-runtime 1.16,
//! aws-sdk-java-v2, anthropic 2.11.

use super::build::Builder;
use super::context::{At, Context};
use super::decode::Decode;
use super::describe::{choice, record};
use super::distribution::DistributionSpec;
use super::moments::mean;
use super::problem::Span;
use super::scalar::{Seconds, in_seconds};
use super::schema::Definitions;
use super::tree::{Kind, Node};
use crate::model::ClientPolicy;
use crate::model::client::{CustomPolicy, Delay, Jitter, RetryBudget, RetryMode, RetryVersion, Sdk, SdkPolicy};
use crate::units::SimSpan;
use serde_json::{Value, json};

choice! {
    /// What the caller does about a failed attempt.
    enum ClientSpec as "client" {
        /// No retries.
        none: None,
        /// boto3 (Python).
        boto3: Boto3(SdkSpec),
        /// AWS SDK for JavaScript v3.
        javascript: JavaScript(SdkSpec),
        /// AWS SDK for Rust.
        rust: Rust(SdkSpec),
        /// AWS SDK for Java v2.
        java: Java(SdkSpec),
        /// Anthropic's own SDK.
        anthropic: Anthropic(AnthropicSpec),
        /// A policy described by its parameters.
        custom: Custom(Box<CustomSpec>),
    }
}

record! {
    /// An AWS SDK; what is left out is its default.
    struct SdkSpec as "SDK" {
        /// The retry mode.
        mode: ModeSpec,
        /// The version of its retry behaviour.
        retries: VersionSpec,
        /// Total attempts, the first included.
        max_attempts: u32,
    }
}

record! {
    /// Anthropic's SDK.
    struct AnthropicSpec as "Anthropic SDK" {
        /// Total attempts, the first included.
        max_attempts: u32 = "3",
    }
}

choice! {
    /// A retry mode of the AWS SDKs.
    enum ModeSpec as "retry mode" {
        /// The oldest.
        legacy: Legacy,
        /// Exponential backoff under a retry quota.
        standard: Standard,
        /// Standard and a client-side rate limiter.
        adaptive: Adaptive,
    }
}

/// A version of the AWS SDKs' retry behaviour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct VersionSpec(RetryVersion);

impl Decode for VersionSpec {
    fn title() -> String {
        "retry version".to_owned()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        match &node.kind {
            Kind::Scalar(text) if text == "2.0" => Some(VersionSpec(RetryVersion::V2_0)),
            Kind::Scalar(text) if text == "2.1" => Some(VersionSpec(RetryVersion::V2_1)),
            _ => {
                cx.problem_with(
                    node.at,
                    format!("{} is no version of retry behaviour", cx.field()),
                    "write \"2.0\" or \"2.1\"",
                );
                None
            }
        }
    }
    fn schema(definitions: &mut Definitions) -> Value {
        definitions.define(&Self::title(), |_| json!({ "enum": ["2.0", "2.1", 2.0, 2.1] }))
    }
}

record! {
    /// A policy described by its parameters.
    struct CustomSpec as "custom client" {
        /// Total attempts, the first included.
        max_attempts: AttemptsSpec = required,
        /// How long to wait before a retry.
        delay: DelaySpec,
        /// Exponential backoff, instead of `delay`.
        backoff: BackoffSpec,
        /// A budget that retries draw on.
        budget: BudgetSpec,
    }
}

choice! {
    /// A number of attempts.
    enum AttemptsSpec as "number of attempts", or Attempts(u32) {
        /// As many as it takes.
        unlimited: Unlimited,
    }
}

/// A distribution of delays, or a backoff.
#[derive(Debug, Clone)]
pub(crate) enum DelaySpec {
    Distribution(Box<DistributionSpec<Seconds>>),
    Backoff(Box<BackoffSpec>),
}

impl Decode for DelaySpec {
    fn title() -> String {
        "delay".to_owned()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        match node.get("backoff") {
            Some(backoff) => {
                cx.within("backoff", node.at, |cx| BackoffSpec::decode(backoff, cx)).map(Box::new).map(Self::Backoff)
            }
            None => Box::decode(node, cx).map(Self::Distribution),
        }
    }
    fn schema(definitions: &mut Definitions) -> Value {
        let backoff = json!({
            "type": "object",
            "properties": { "backoff": BackoffSpec::schema(definitions) },
            "required": ["backoff"],
            "additionalProperties": false,
        });
        json!({ "anyOf": [DistributionSpec::<Seconds>::schema(definitions), backoff] })
    }
}

record! {
    /// Exponential backoff: `min(base × factor^i, cap)`, i from 0.
    struct BackoffSpec as "backoff" {
        /// First wait.
        base: SimSpan = required,
        /// Growth per retry.
        factor: f64 = "2",
        /// Upper bound, applied before jitter.
        cap: SimSpan = "20s",
        /// How it is randomised.
        jitter: JitterSpec = "full",
    }
}

choice! {
    /// Randomisation of a backoff.
    enum JitterSpec as "jitter" {
        /// None.
        none: None,
        /// Uniform between zero and the backoff.
        full: Full,
        /// Half fixed, half uniform.
        equal: Equal,
        /// Uniform between the base and three times the previous wait.
        decorrelated: Decorrelated,
    }
}

record! {
    /// A client-wide token bucket for retries, full at the start.
    struct BudgetSpec as "retry budget" {
        /// Most tokens it holds.
        capacity: f64 = required,
        /// Tokens that each call deposits when it starts.
        deposit: f64 = required,
        /// Tokens that a retry costs.
        retry_cost: f64 = "1",
    }
}

impl ClientSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<ClientPolicy> {
        let (sdk, spec) = match self {
            Self::None => return Some(ClientPolicy::None),
            Self::Custom(spec) => return spec.value.build(b, spec.at).map(ClientPolicy::Custom),
            Self::Anthropic(spec) => {
                let max_attempts = attempts(b, spec.value.max_attempts?)?;
                let (sdk, mode, version) = (Sdk::Anthropic, RetryMode::Standard, RetryVersion::V2_1);
                return Some(ClientPolicy::Sdk(SdkPolicy { sdk, mode, version, max_attempts }));
            }
            Self::Boto3(spec) => (Sdk::Boto3, spec),
            Self::JavaScript(spec) => (Sdk::JavaScript, spec),
            Self::Rust(spec) => (Sdk::Rust, spec),
            Self::Java(spec) => (Sdk::Java, spec),
        };
        spec.value.build(b, sdk).map(ClientPolicy::Sdk)
    }
}

impl SdkSpec {
    fn build(&self, b: &mut Builder<'_>, sdk: Sdk) -> Option<SdkPolicy> {
        let version = self.retries.map_or(sdk.default_version(), |version| version.value.0);
        let mode = match self.mode.as_ref().map(|mode| &mode.value) {
            Some(ModeSpec::Legacy) => RetryMode::Legacy,
            Some(ModeSpec::Standard) => RetryMode::Standard,
            Some(ModeSpec::Adaptive) => RetryMode::Adaptive,
            None => sdk.default_mode(version),
        };
        if let (false, Some(written)) = (sdk.has_mode(mode), &self.mode) {
            b.cx.problem_with(
                written.at,
                "`legacy` is a mode of boto3 and java only",
                "write `standard` or `adaptive`",
            );
            return None;
        }
        let max_attempts = match self.max_attempts {
            Some(written) => attempts(b, written)?,
            None => sdk.default_attempts(mode),
        };
        let policy = SdkPolicy { sdk, mode, version, max_attempts };
        assume(b, &ClientPolicy::Sdk(policy), self.retries.is_some());
        Some(policy)
    }
}

/// What the results rest on where this client is a matter of belief.
pub(crate) fn assume(b: &mut Builder<'_>, policy: &ClientPolicy, has_version: bool) {
    let ClientPolicy::Sdk(policy) = policy else { return };
    match policy.sdk {
        Sdk::Java => b.assume(
            "The Java SDK's retries follow its source code; unlike the others', they were never run against it.",
        ),
        Sdk::Rust if !has_version => {
            b.assume("The Rust SDK runs behaviour version 2026-11-10 or later, so its retry behaviour is 2.1.");
        }
        _ => {}
    }
}

fn attempts(b: &mut Builder<'_>, written: At<u32>) -> Option<u32> {
    b.require(written.value > 0, written.at, || "`max_attempts` is 0: the first attempt counts".to_owned())?;
    Some(written.value)
}

impl CustomSpec {
    /// A client that retries for ever must let time pass between its retries, or a run never ends.
    const LEAST_MEAN_DELAY: f64 = 1e-3;

    fn build(&self, b: &mut Builder<'_>, at: Span) -> Option<CustomPolicy> {
        let max_attempts = match &self.max_attempts.as_ref()?.value {
            AttemptsSpec::Unlimited => None,
            AttemptsSpec::Attempts(written) => Some(attempts(b, *written)?),
        };
        if let (Some(_), Some(backoff)) = (&self.delay, &self.backoff) {
            b.cx.problem_with(backoff.at, "`delay` and `backoff` exclude each other", "keep one of them");
            return None;
        }
        let delay = match (&self.delay, &self.backoff) {
            (Some(At { value: DelaySpec::Distribution(d), at }), _) => (Delay::Distribution(d.build(b)?), *at),
            (Some(At { value: DelaySpec::Backoff(backoff), at }), _) => (backoff.build(b)?, *at),
            (None, Some(backoff)) => (backoff.value.build(b)?, backoff.at),
            (None, None) if max_attempts == Some(1) => {
                (Delay::Distribution(crate::model::Distribution::Constant(0.0)), at)
            }
            (None, None) => {
                b.cx.problem_with(
                    at,
                    "`custom` says nothing about the wait before a retry",
                    "add `delay: 1s` or `backoff: { base: 1s }`",
                );
                return None;
            }
        };
        let (delay, delay_at) = delay;
        let mean_delay = match &delay {
            Delay::Distribution(distribution) => mean(distribution),
            Delay::Backoff { base, cap, jitter, .. } => {
                base.min(*cap) * if *jitter == Jitter::None { 1.0 } else { 0.5 }
            }
        };
        if max_attempts.is_none() && mean_delay.is_nan()
            || max_attempts.is_none() && mean_delay < Self::LEAST_MEAN_DELAY
        {
            b.cx.problem_with(
                delay_at,
                format!("a client with `max_attempts: unlimited` waits {mean_delay} s on average, less than 1 ms"),
                "let it wait longer, or limit its attempts",
            );
            return None;
        }
        let budget = match &self.budget {
            None => None,
            Some(budget) => {
                let (capacity, cost) = (budget.value.capacity?, budget.value.retry_cost?);
                b.require(cost.value > 0.0, cost.at, || "`retry_cost` is 0: it must be positive".to_owned())?;
                let deposit = budget.value.deposit?.value;
                Some(RetryBudget { capacity: capacity.value, deposit, retry_cost: cost.value })
            }
        };
        Some(CustomPolicy { max_attempts, delay, budget })
    }
}

impl BackoffSpec {
    fn build(&self, b: &mut Builder<'_>) -> Option<Delay> {
        let (base, cap, factor) = (self.base?, self.cap?, self.factor?);
        b.require(factor.value >= 1.0, factor.at, || format!("`factor` is {}, below 1", factor.value))?;
        let written = |span: SimSpan| crate::units::format::duration(span);
        b.require(cap.value >= base.value, cap.at, || {
            format!("`cap` is {}, below `base` {}", written(cap.value), written(base.value))
        })?;
        let jitter = match self.jitter.as_ref()?.value {
            JitterSpec::None => Jitter::None,
            JitterSpec::Full => Jitter::Full,
            JitterSpec::Equal => Jitter::Equal,
            JitterSpec::Decorrelated => Jitter::Decorrelated,
        };
        let (base, cap) = (in_seconds(base.value), in_seconds(cap.value));
        Some(Delay::Backoff { base, factor: factor.value, cap, jitter })
    }
}
