//! Latency as written.

use super::build::Builder;
use super::context::At;
use super::describe::record;
use super::distribution::DistributionSpec;
use super::moments::support;
use super::scalar::Seconds;
use crate::model::{Distribution, Latency};

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

/// The parts of a latency that are left to a default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Gaps {
    /// The time to the first token.
    pub(crate) ttft: bool,
    /// The speed of generation.
    pub(crate) speed: bool,
}

impl Gaps {
    /// Nothing is written.
    pub(crate) const ALL: Gaps = Gaps { ttft: true, speed: true };

    /// What is left open by either.
    pub(crate) fn or(self, other: Gaps) -> Gaps {
        Gaps { ttft: self.ttft || other.ttft, speed: self.speed || other.speed }
    }

    /// What is left open by both.
    pub(crate) fn and(self, other: Gaps) -> Gaps {
        Gaps { ttft: self.ttft && other.ttft, speed: self.speed && other.speed }
    }
}

impl LatencySpec {
    /// What it leaves to the default.
    pub(crate) fn gaps(&self) -> Gaps {
        let streams = self.duration.is_none();
        Gaps { ttft: streams && self.ttft.is_none(), speed: streams && self.output_tokens_per_second.is_none() }
    }

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
