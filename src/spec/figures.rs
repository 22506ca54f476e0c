//! The figures of a pool: what the scenario gives, else what the catalogue knows of the model.

use super::build::{Builder, Built};
use super::catalog::{Catalog, Resolved, Unresolved};
use super::context::At;
use super::pool::{PoolSpec, bounded};
use super::problem::{either, listed, shown};
use super::quota::{Counts, DayQuotaSpec, QuotaSpec, limiter_of};
use crate::model::catalog::{Card, Figure, LatencyDefault, Status};
use crate::model::{DayQuota, Distribution, Latency, Limiter, PoolQuotas, Prices, Quota};
use crate::units::{BurndownRate, SimTime, Tokens};

/// What is known of a pool's model.
pub(crate) struct Known<'a> {
    pub(crate) resolved: Option<Resolved<'a>>,
    nearest: Option<String>,
    /// It is an application inference profile.
    application: bool,
}

/// Looks a model up and says what is remarkable about it.
pub(crate) fn know<'a>(b: &mut Builder<'_>, catalog: &'a Catalog, model: &'a At<String>, mantle: bool) -> Known<'a> {
    match catalog.resolve(&model.value) {
        Ok(found) => {
            remark(b, found, model, mantle);
            Known { resolved: Some(found), nearest: None, application: false }
        }
        Err(Unresolved::Unknown { nearest }) => Known { resolved: None, nearest, application: false },
        Err(Unresolved::ApplicationProfile) => Known { resolved: None, nearest: None, application: true },
    }
}

/// Warns of ids that Bedrock would refuse or that lead to a dead end.
fn remark(b: &mut Builder<'_>, found: Resolved<'_>, model: &At<String>, mantle: bool) {
    let Card { name, status, profiles, runtime, .. } = found.card;
    match status {
        Status::Active => {}
        Status::Legacy { end_of_life } => {
            let end = end_of_life.as_ref().map_or_else(String::new, |day| format!(", its end of life is {day}"));
            b.cx.warn(
                model.at,
                format!("{name} is a legacy model{end}"),
                "AWS refuses quota increases for it: plan on a newer model",
            );
        }
        Status::Retired { since } => {
            b.cx.warn(model.at, format!("{name} is retired since {since}: calls fail"), "plan on a newer model");
        }
    }
    // Mantle calls name the bare model.
    if found.needs_profile() && !mantle {
        b.cx.warn(
            model.at,
            format!(
                "{name} cannot be called by its bare id: Bedrock answers that on-demand throughput isn't supported"
            ),
            format!("call it through an inference profile: {}", either(&found.card.profile_ids())),
        );
    }
    if !runtime && !mantle {
        b.cx.warn(model.at, format!("only the mantle endpoint serves {name}"), "add `endpoint: mantle`");
    }
    if !found.offered() && !profiles.is_empty() {
        b.cx.warn(
            model.at,
            format!("the catalogue knows no `{}` profile of {name}", found.prefix),
            format!("known profiles: {}", listed(profiles)),
        );
    }
}

/// Where the figures of a pool come from: what is written, then the catalogue.
pub(crate) struct Figures<'a> {
    pub(crate) spec: &'a PoolSpec,
    pub(crate) known: &'a Known<'a>,
    pub(crate) name: &'a At<String>,
    pub(crate) limiter: Option<Limiter>,
    /// The fields that must be written, as the catalogue does not have them.
    pub(crate) missing: Vec<&'static str>,
}

impl Figures<'_> {
    fn card(&self) -> Option<&Card> {
        self.known.resolved.map(|found| found.card)
    }

    pub(crate) fn runtime(&mut self, b: &mut Builder<'_>) -> Option<PoolQuotas> {
        for (name, stray) in [
            ("input_tokens_per_minute", &self.spec.input_tokens_per_minute),
            ("output_tokens_per_minute", &self.spec.output_tokens_per_minute),
        ] {
            if let Some(stray) = stray {
                b.cx.problem_with(
                    stray.at,
                    format!("`{name}` is a quota of the mantle endpoint"),
                    "add `endpoint: mantle`, or write `tokens_per_minute`",
                );
            }
        }
        let defaults = self.known.resolved.and_then(|found| found.quotas());
        let requests = self.quota(
            b,
            "requests_per_minute",
            self.spec.requests_per_minute.as_ref(),
            Counts::NotReserved,
            defaults.map(|d| &d.requests_per_minute),
        );
        let tokens = self.quota(
            b,
            "tokens_per_minute",
            self.spec.tokens_per_minute.as_ref(),
            Counts::Tokens,
            defaults.map(|d| &d.tokens_per_minute),
        );
        let day = day(b, self.spec.tokens_per_day.as_ref());
        Some(PoolQuotas::Runtime { requests: requests?, tokens: tokens?, tokens_per_day: day? })
    }

    pub(crate) fn mantle(&mut self, b: &mut Builder<'_>) -> Option<PoolQuotas> {
        let stray = [
            ("tokens_per_minute", self.spec.tokens_per_minute.as_ref().map(|q| q.at)),
            ("requests_per_minute", self.spec.requests_per_minute.as_ref().map(|q| q.at)),
            ("tokens_per_day", self.spec.tokens_per_day.as_ref().map(|q| q.at)),
        ];
        for (name, at) in stray {
            if let Some(at) = at {
                b.cx.problem_with(
                    at,
                    format!("`{name}` is a quota of the runtime endpoint"),
                    "on mantle write `input_tokens_per_minute` and `output_tokens_per_minute`",
                );
            }
        }
        let defaults = self.known.resolved.and_then(|found| found.quotas());
        let input = self.quota(
            b,
            "input_tokens_per_minute",
            self.spec.input_tokens_per_minute.as_ref(),
            Counts::Tokens,
            defaults.map(|d| &d.mantle_input_tokens_per_minute),
        );
        let output = self.quota(
            b,
            "output_tokens_per_minute",
            self.spec.output_tokens_per_minute.as_ref(),
            Counts::NotReserved,
            defaults.map(|d| &d.mantle_output_tokens_per_minute),
        );
        Some(PoolQuotas::Mantle { input: input?, output: output? })
    }

    /// A quota as written, or the catalogue's default; `Some(None)` is no quota.
    fn quota(
        &mut self,
        b: &mut Builder<'_>,
        name: &'static str,
        written: Option<&At<QuotaSpec>>,
        counts: Counts,
        default: Option<&Figure>,
    ) -> Built<Option<Quota>> {
        if let Some(written) = written {
            return written.value.build(b, name, written.at, counts, self.limiter);
        }
        match default {
            Some(Figure::Limit { value, .. }) => {
                b.assume(self.default_quota(b.catalog));
                let limiter = self.limiter.map_or(Limiter::DEFAULT, |limiter| limiter_of(limiter, counts));
                Some(Some(Quota { limits: vec![(SimTime::ZERO, *value)], limiter }))
            }
            Some(Figure::NoQuota) => Some(None),
            Some(Figure::Unknown) | None => {
                self.missing.push(name);
                None
            }
        }
    }

    fn default_quota(&self, catalog: &Catalog) -> String {
        format!(
            "Quotas of {} that the scenario leaves out are AWS's published defaults as of {}; an account's own values are \
             in Service Quotas, and those of new accounts are lower.",
            self.card().map_or("the model", |card| &card.name),
            catalog.compiled
        )
    }

    /// Notes, in one problem, the figures that the catalogue does not have and the scenario must.
    pub(crate) fn report_missing(&self, b: &mut Builder<'_>) {
        if self.missing.is_empty() {
            return;
        }
        let Some(model) = self.spec.model.as_ref() else { return };
        let (pool, fields) = (shown(&self.name.value), listed(&self.missing));
        let written = shown(&model.value);
        let add = || {
            let fields: Vec<String> = self.missing.iter().map(|field| format!("{field}: …")).collect();
            format!("add {}; a quota that does not exist is `none`", listed(&fields))
        };
        let (message, hint) = match self.known {
            Known { resolved: Some(found), .. } => (
                format!(
                    "the catalogue does not know {fields} of {}, so pool `{pool}` must give its own",
                    found.card.name
                ),
                if found.needs_profile() {
                    format!("Bedrock serves it through inference profiles only: {}", either(&found.card.profile_ids()))
                } else {
                    add()
                },
            ),
            Known { application: true, .. } => (
                format!(
                    "only you know what the application inference profile stands for: pool `{pool}` must give {fields}"
                ),
                add(),
            ),
            Known { nearest: Some(nearest), .. } => (
                format!("model `{written}` is not in the catalogue, so pool `{pool}` must give {fields}"),
                format!("did you mean `{nearest}`? otherwise {}", add()),
            ),
            Known { .. } => {
                (format!("model `{written}` is not in the catalogue, so pool `{pool}` must give {fields}"), add())
            }
        };
        b.cx.problem_with(model.at, message, hint);
    }

    pub(crate) fn burndown(&mut self, b: &mut Builder<'_>, date: Option<&str>) -> Option<BurndownRate> {
        if let Some(written) = self.spec.burndown_rate {
            b.require((1..=1_000).contains(&written.value), written.at, || {
                format!("`burndown_rate` is {}: it must lie between 1 and 1,000", written.value)
            })?;
            return Some(BurndownRate(written.value));
        }
        let card = self.card();
        let in_force = card.and_then(|card| date.map_or_else(|| card.burndown_now(), |day| card.burndown_on(day)));
        let (Some(card), Some(rate)) = (card, in_force) else {
            self.missing.push("burndown_rate");
            return None;
        };
        if !rate.verified {
            b.assume(format!(
                "{} burns {} quota tokens per output token; AWS's text can be read in more than one way.",
                card.name, rate.rate.0
            ));
        }
        Some(rate.rate)
    }

    pub(crate) fn no_burndown(&self, b: &mut Builder<'_>) -> Option<BurndownRate> {
        if let Some(written) = self.spec.burndown_rate {
            b.cx.problem_with(written.at, "`burndown_rate` has no meaning on the mantle endpoint", "remove it");
            return None;
        }
        Some(BurndownRate(1))
    }

    pub(crate) fn max_output(&mut self, b: &mut Builder<'_>) -> Option<Tokens> {
        if let Some(written) = self.spec.max_output_tokens {
            return bounded(b, "max_output_tokens", written);
        }
        let known = self.card().and_then(|card| card.max_output);
        if known.is_none() {
            self.missing.push("max_output_tokens");
        }
        known
    }

    pub(crate) fn context_window(&self) -> Option<Tokens> {
        let written = self.spec.context_window.map(|window| Tokens(window.value));
        written.or_else(|| self.card().and_then(|card| card.context_window))
    }

    pub(crate) fn prices(&self) -> Prices {
        let listed = self.known.resolved.map_or_else(Prices::default, |found| found.prices());
        let Some(written) = &self.spec.prices else { return listed };
        let or = |field: Option<At<f64>>, listed: Option<f64>| field.map(|price| price.value).or(listed);
        Prices {
            input: or(written.value.input, listed.input),
            output: or(written.value.output, listed.output),
            cache_read: or(written.value.cache_read, listed.cache_read),
            cache_write: or(written.value.cache_write, listed.cache_write),
        }
    }

    pub(crate) fn default_latency(&self) -> Latency {
        streaming(self.card().and_then(|card| card.latency).unwrap_or(UNKNOWN_MODEL_LATENCY))
    }
}

/// What is taken for a model of which nothing is known. *Assumption*.
const UNKNOWN_MODEL_LATENCY: LatencyDefault = LatencyDefault { ttft_s: 1.0, output_tokens_per_second: 65.0 };

/// Spread of the default latency: standard deviations of the logarithms. *Assumption*.
const TTFT_SIGMA: f64 = 0.4;
const SPEED_SIGMA: f64 = 0.2;

/// The default latency as distributions: lognormal around the medians.
fn streaming(default: LatencyDefault) -> Latency {
    let around = |median: f64, sigma: f64| Distribution::LogNormal { mu: libm::log(median), sigma };
    Latency::Streaming {
        ttft: around(default.ttft_s, TTFT_SIGMA),
        ttft_per_1k_input: Distribution::Constant(0.0),
        output_tokens_per_second: around(default.output_tokens_per_second, SPEED_SIGMA),
    }
}

fn day(b: &mut Builder<'_>, written: Option<&At<DayQuotaSpec>>) -> Built<Option<DayQuota>> {
    written.map_or(Some(None), |quota| quota.value.build(b, "tokens_per_day", quota.at))
}
