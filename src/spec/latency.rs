//! Latency and faults as written.

use super::build::Builder;
use super::context::At;
use super::describe::record;
use super::distribution::DistributionSpec;
use super::moments::support;
use super::scalar::Seconds;
use crate::model::{Distribution, Faults, Latency};
use crate::units::Probability;

record! {
    /// How long responses take: `ttft + ttft_per_1k_input × input/1000 + output / output_tokens_per_second`, or a
    /// `duration` whatever their length.
    struct LatencySpec as "latency" {
        /// Time to the first token.
        ttft: DistributionSpec<Seconds>,
        /// Further time to the first token per 1,000 uncached input tokens.
        ttft_per_1k_input: DistributionSpec<Seconds>,
        /// Speed of generation.
        output_tokens_per_second: DistributionSpec<f64>,
        /// The whole response, whatever its length.
        duration: DistributionSpec<Seconds>,
    }
}

record! {
    /// What goes wrong besides quotas.
    struct FaultsSpec as "set of faults" {
        /// Share of attempts answered with 503, before admission.
        unavailable: Probability = "0",
        /// Share of attempts answered with the model-overloaded 429, before admission.
        overloaded: Probability = "0",
        /// Responses that take longer.
        slow: SlowSpec,
        /// Share of responses whose connection breaks.
        disconnect: Probability = "0",
    }
}

record! {
    /// Responses that take longer.
    struct SlowSpec as "slowdown" {
        /// Share of responses.
        probability: Probability = required,
        /// How many times as long.
        factor: f64 = required,
    }
}

impl LatencySpec {
    /// The latency; what is not written is the default's.
    pub(crate) fn build(&self, b: &mut Builder<'_>, default: &Latency) -> Option<Latency> {
        let fields = [&self.ttft, &self.ttft_per_1k_input];
        if let Some(duration) = &self.duration {
            let stray = fields.into_iter().flatten().map(|field| field.at).next();
            if let Some(at) = stray.or(self.output_tokens_per_second.as_ref().map(|field| field.at)) {
                b.cx.problem_with(
                    at,
                    "`duration` is the whole response, next to it nothing else counts",
                    "keep one form",
                );
            }
            return duration.value.build(b).map(Latency::Duration);
        }
        let (default_ttft, default_per_1k, default_speed) = match default {
            Latency::Streaming { ttft, ttft_per_1k_input, output_tokens_per_second } => {
                (ttft.clone(), ttft_per_1k_input.clone(), Some(output_tokens_per_second.clone()))
            }
            Latency::Duration(_) => (Distribution::Constant(0.0), Distribution::Constant(0.0), None),
        };
        let ttft = match &self.ttft {
            Some(field) => field.value.build(b),
            None => Some(default_ttft),
        };
        let per_1k = match &self.ttft_per_1k_input {
            Some(field) => field.value.build(b),
            // A default that belongs to another time to first token does not carry over.
            None if self.ttft.is_some() => Some(Distribution::Constant(0.0)),
            None => Some(default_per_1k),
        };
        let speed = match (&self.output_tokens_per_second, default_speed) {
            (Some(field), _) => speed(b, field),
            (None, default) => default,
        };
        Some(Latency::Streaming { ttft: ttft?, ttft_per_1k_input: per_1k?, output_tokens_per_second: speed? })
    }
}

fn speed(b: &mut Builder<'_>, field: &At<DistributionSpec<f64>>) -> Option<Distribution> {
    let speed = field.value.build(b)?;
    b.require(support(&speed).1 > 0.0, field.at, || "`output_tokens_per_second` is 0: it must be positive".to_owned())?;
    Some(speed)
}

impl FaultsSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>) -> Option<Faults> {
        let (unavailable, overloaded) = (self.unavailable?, self.overloaded?);
        let sum = unavailable.value.0 + overloaded.value.0;
        b.require(sum <= 1.0, overloaded.at, || {
            format!("`unavailable` and `overloaded` add up to {sum}, more than 1: an attempt meets one of them")
        })?;
        let (slow, slow_factor) = match &self.slow {
            None => (Probability(0.0), 1.0),
            Some(slow) => {
                let factor = slow.value.factor?;
                b.require((1.0..=1e6).contains(&factor.value), factor.at, || {
                    format!("`factor` is {}: it must lie between 1 and 1,000,000", factor.value)
                })?;
                (slow.value.probability?.value, factor.value)
            }
        };
        Some(Faults {
            unavailable: unavailable.value,
            overloaded: overloaded.value,
            slow,
            slow_factor,
            disconnect: self.disconnect?.value,
        })
    }
}

/// No faults.
pub(crate) fn no_faults() -> Faults {
    Faults { slow_factor: 1.0, ..Faults::default() }
}
