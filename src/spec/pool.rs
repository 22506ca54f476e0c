//! Pools and accounts as written, completed from the catalogue.

use super::build::{Builder, Built};
use super::catalog::{Catalog, Resolved, Unresolved};
use super::context::At;
use super::decode::Record;
use super::describe::{choice, record};
use super::latency::LatencySpec;
use super::problem::{Span, either, listed, shown};
use super::quota::{Counts, DayQuotaSpec, LimiterSpec, QuotaSpec, limiter_of};
use crate::model::catalog::{Card, Figure, LatencyDefault, Status};
use crate::model::{
    Account, DayQuota, Distribution, Latency, Limiter, Pool, PoolQuotas, Prices, Quota, ReservationRules,
};
use crate::units::{BurndownRate, SimSpan, SimTime, Tokens, format};

record! {
    /// One set of quotas: account × Region × profile kind × endpoint × model.
    struct PoolSpec as "pool" {
        /// The model id, inference-profile id or ARN.
        model: String = required,
        /// The account whose daily quota it draws on.
        account: String,
        /// The Bedrock endpoint.
        endpoint: EndpointSpec = "runtime",
        /// Tokens per minute; left out, the catalogue's default.
        tokens_per_minute: QuotaSpec,
        /// Requests per minute; left out, the catalogue's default.
        requests_per_minute: QuotaSpec,
        /// Historical tokens per day of this model alone.
        tokens_per_day: DayQuotaSpec,
        /// On mantle: input tokens per minute.
        input_tokens_per_minute: QuotaSpec,
        /// On mantle: output tokens per minute.
        output_tokens_per_minute: QuotaSpec,
        /// How all its per-minute quotas are enforced.
        limiter: LimiterSpec,
        /// Switches for what AWS does not publish.
        assumptions: AssumptionsSpec = "{}",
        /// Quota tokens per output token.
        burndown_rate: u32,
        /// The model's maximum output, which an unset `max_tokens` reserves.
        max_output_tokens: u64,
        /// The model's context window.
        context_window: u64,
        /// Prices in USD per million tokens.
        prices: PricesSpec,
        /// How long responses take.
        latency: LatencySpec,
    }
}

choice! {
    /// A Bedrock endpoint.
    enum EndpointSpec as "endpoint" {
        /// `bedrock-runtime`: one tokens quota with burndown, and a requests quota.
        runtime: Runtime,
        /// `bedrock-mantle`: input and output tokens apart, no burndown, no requests quota.
        mantle: Mantle,
    }
}

record! {
    /// Switches for what AWS does not publish.
    struct AssumptionsSpec as "set of assumptions" {
        /// Count cache reads in the reservation.
        reserve_cache_reads: bool = "false",
        /// Multiply the `max_tokens` part of the reservation by the burndown rate.
        reserve_burndown: bool = "false",
        /// The least that the `max_tokens` part of a reservation counts.
        reservation_floor: u64 = "0",
        /// What a refused attempt consumes.
        rejections_consume: RejectionsSpec = "none",
        /// When a reservation is adjusted to what was generated.
        adjustment: AdjustmentSpec = "at_end",
    }
}

choice! {
    /// What a refused attempt consumes.
    enum RejectionsSpec as "consumption by rejections" {
        /// Nothing.
        none: None,
        /// One from the requests quota.
        requests: Requests,
    }
}

choice! {
    /// When a reservation is adjusted.
    enum AdjustmentSpec as "adjustment" {
        /// Only when the response ends.
        at_end: AtEnd,
        /// In regular steps while tokens are generated, and at the end.
        every: Every(SimSpan),
    }
}

record! {
    /// Prices in USD per million tokens.
    struct PricesSpec as "set of prices" {
        /// Uncached input.
        input: f64,
        /// Output.
        output: f64,
        /// Input read from the cache.
        cache_read: f64,
        /// Input written to the cache.
        cache_write: f64,
    }
}

record! {
    /// One AWS account.
    struct AccountSpec as "account" {
        /// Tokens per UTC day over all models; left out, AWS's default.
        tokens_per_day: DayQuotaSpec,
    }
}

impl AccountSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>, name: &str) -> Option<Account> {
        let tokens_per_day = match (&self.tokens_per_day, &b.catalog.account_tokens_per_day) {
            (Some(written), _) => written.value.build(b, "tokens_per_day", written.at)?,
            (None, _) if !self.broken().is_empty() => return None,
            (None, Figure::Limit { value, .. }) => {
                b.assume(format!(
                    "Account `{name}` has AWS's default of {} tokens per day over all models.",
                    format::quantity(*value)
                ));
                Some(DayQuota { limits: vec![(SimTime::ZERO, *value)], used_at_start: Tokens(0) })
            }
            (None, Figure::NoQuota | Figure::Unknown) => None,
        };
        Some(Account { name: name.to_owned(), tokens_per_day })
    }
}

/// What the scenario around a pool says.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// The names of the accounts.
    pub(crate) accounts: &'a [String],
    /// The day of the start, `YYYY-MM-DD`, where the scenario gives one.
    pub(crate) date: Option<&'a str>,
}

/// What is known of a pool's model.
struct Known<'a> {
    resolved: Option<Resolved<'a>>,
    nearest: Option<String>,
    /// It is an application inference profile.
    application: bool,
}

impl PoolSpec {
    pub(crate) fn build(&self, b: &mut Builder<'_>, name: &At<String>, around: Surroundings<'_>) -> Option<Pool> {
        let model = self.model.as_ref()?;
        let catalog = b.catalog;
        let account = match &self.account {
            Some(account) => Some(b.index("account", account, around.accounts)),
            None if around.accounts.len() == 1 => Some(Some(0)),
            None => None,
        };
        let mantle = matches!(self.endpoint.as_ref()?.value, EndpointSpec::Mantle);
        let known = know(b, catalog, model, mantle);
        let limiter = self.limiter.as_ref().map(|limiter| limiter.value.build());
        let mut source = Source { spec: self, known: &known, name, limiter, missing: Vec::new() };
        let quotas = if mantle { source.mantle(b) } else { source.runtime(b) };
        let burndown = if mantle { source.no_burndown(b) } else { source.burndown(b, around.date) };
        let max_output = source.max_output(b);
        source.report_missing(b);
        let rules = self.assumptions.as_ref().and_then(|spec| spec.value.build(b));
        let fallback = source.default_latency();
        let latency = match &self.latency {
            Some(written) => written.value.build(b, &fallback),
            None => Some(fallback),
        };
        let pool = Pool {
            name: name.value.clone(),
            model: model.value.clone(),
            account: match account {
                Some(found) => Some(found?),
                None => None,
            },
            quotas: quotas?,
            rules: rules?,
            burndown: burndown?,
            max_output: max_output?,
            context_window: source.context_window(),
            prices: source.prices(),
            latency: latency?,
        };
        super::assumptions::of_pool(b, &pool, known.resolved.map(|found| found.card), self.latency.is_none());
        Some(pool)
    }
}

/// Looks a model up and says what is remarkable about it.
fn know<'a>(b: &mut Builder<'_>, catalog: &'a Catalog, model: &'a At<String>, mantle: bool) -> Known<'a> {
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
    if found.needs_profile() {
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
struct Source<'a> {
    spec: &'a PoolSpec,
    known: &'a Known<'a>,
    name: &'a At<String>,
    limiter: Option<Limiter>,
    /// The fields that must be written, as the catalogue does not have them.
    missing: Vec<&'static str>,
}

impl Source<'_> {
    fn card(&self) -> Option<&Card> {
        self.known.resolved.map(|found| found.card)
    }

    fn runtime(&mut self, b: &mut Builder<'_>) -> Option<PoolQuotas> {
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

    fn mantle(&mut self, b: &mut Builder<'_>) -> Option<PoolQuotas> {
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
    fn report_missing(&self, b: &mut Builder<'_>) {
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
                format!("the catalogue does not know {fields} of {}, so pool `{pool}` must give its own", found.card.name),
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

    fn burndown(&mut self, b: &mut Builder<'_>, date: Option<&str>) -> Option<BurndownRate> {
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

    fn no_burndown(&self, b: &mut Builder<'_>) -> Option<BurndownRate> {
        if let Some(written) = self.spec.burndown_rate {
            b.cx.problem_with(written.at, "`burndown_rate` has no meaning on the mantle endpoint", "remove it");
            return None;
        }
        Some(BurndownRate(1))
    }

    fn max_output(&mut self, b: &mut Builder<'_>) -> Option<Tokens> {
        if let Some(written) = self.spec.max_output_tokens {
            return bounded(b, "max_output_tokens", written);
        }
        let known = self.card().and_then(|card| card.max_output);
        if known.is_none() {
            self.missing.push("max_output_tokens");
        }
        known
    }

    fn context_window(&self) -> Option<Tokens> {
        let written = self.spec.context_window.map(|window| Tokens(window.value));
        written.or_else(|| self.card().and_then(|card| card.context_window))
    }

    fn prices(&self) -> Prices {
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

    fn default_latency(&self) -> Latency {
        streaming(self.card().and_then(|card| card.latency).unwrap_or(UNKNOWN_MODEL_LATENCY))
    }
}

/// What is taken for a model of which nothing is known. *Assumption*.
pub(crate) const UNKNOWN_MODEL_LATENCY: LatencyDefault = LatencyDefault { ttft_s: 1.0, output_tokens_per_second: 65.0 };

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

/// A number of tokens of one request, at least 1.
pub(crate) fn bounded(b: &mut Builder<'_>, name: &str, written: At<u64>) -> Option<Tokens> {
    b.require((1..=Tokens::REQUEST_MAX.0).contains(&written.value), written.at, || {
        format!("`{name}` is {}: it must lie between 1 and 1,000,000,000", written.value)
    })?;
    Some(Tokens(written.value))
}

fn day(b: &mut Builder<'_>, written: Option<&At<DayQuotaSpec>>) -> Built<Option<DayQuota>> {
    written.map_or(Some(None), |quota| quota.value.build(b, "tokens_per_day", quota.at))
}

impl AssumptionsSpec {
    fn build(&self, b: &mut Builder<'_>) -> Option<ReservationRules> {
        let floor = self.reservation_floor?;
        b.require(floor.value <= Tokens::REQUEST_MAX.0, floor.at, || {
            format!("`reservation_floor` is {}, above 1,000,000,000", floor.value)
        })?;
        let adjust_every = match &self.adjustment.as_ref()?.value {
            AdjustmentSpec::AtEnd => None,
            AdjustmentSpec::Every(every) => {
                // Shorter steps are finer than any token stream and would only slow a run down.
                b.require(every.value >= SimSpan::MILLISECOND, every.at, || "`every` is below 1ms".to_owned())?;
                Some(every.value)
            }
        };
        Some(ReservationRules {
            reserve_cache_reads: self.reserve_cache_reads?.value,
            reserve_burndown: self.reserve_burndown?.value,
            reservation_floor: Tokens(floor.value),
            rejections_consume_requests: matches!(self.rejections_consume.as_ref()?.value, RejectionsSpec::Requests),
            adjust_every,
        })
    }
}

impl Builder<'_> {
    /// The position of a name among those the scenario defines.
    pub(crate) fn index(&mut self, kind: &str, name: &At<String>, known: &[String]) -> Option<usize> {
        let found = known.iter().position(|other| *other == name.value);
        if found.is_none() {
            self.unknown(kind, &name.value, name.at, known);
        }
        found
    }

    fn unknown(&mut self, kind: &str, name: &str, at: Span, known: &[String]) {
        let names: Vec<&str> = known.iter().map(String::as_str).take(20).collect();
        let message = format!("there is no {kind} `{}`", shown(name));
        match super::problem::suggestion(name, &names, &format!("{kind}s")) {
            Some(hint) => self.cx.problem_with(at, message, hint),
            None => self.cx.problem_with(at, message, format!("define it under `{kind}s`")),
        }
    }
}
