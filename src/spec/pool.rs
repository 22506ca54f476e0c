//! Pools and accounts as written, completed from the catalogue.

use super::build::Builder;
use super::context::At;
use super::decode::Record;
use super::describe::{choice, record};
use super::faults::FaultsSpec;
use super::figures::{Figures, know};
use super::latency::{Gaps, LatencySpec};
use super::problem::{Span, shown};
use super::quota::{DayQuotaSpec, LimiterSpec, QuotaSpec};
use crate::model::catalog::Figure;
use crate::model::{Account, DayQuota, Faults, Pool, ReservationRules};
use crate::units::{SimSpan, SimTime, Tokens, format};

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
        /// What goes wrong with every attempt on it, whoever makes it, besides the workload's own faults.
        faults: FaultsSpec,
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
    /// What workloads leave open of their latency, by the names of the pools that fill it in.
    pub(crate) latency_asked: &'a [(&'a str, Gaps)],
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
        let mut figures = Figures { spec: self, known: &known, name, limiter, missing: Vec::new() };
        let quotas = if mantle { figures.mantle(b) } else { figures.runtime(b) };
        let burndown = if mantle { figures.no_burndown(b) } else { figures.burndown(b, around.date) };
        let max_output = figures.max_output(b);
        figures.report_missing(b);
        let rules = self.assumptions.as_ref().and_then(|spec| spec.value.build(b, mantle));
        let fallback = figures.default_latency();
        let latency = match &self.latency {
            Some(written) => written.value.build(b, &fallback),
            None => Some(fallback),
        };
        let faults = self.faults.as_ref().map_or(Some((Faults::NONE, Vec::new())), |faults| faults.value.build(b));
        let (faults, fault_episodes) = faults?;
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
            context_window: figures.context_window(),
            prices: figures.prices(),
            latency: latency?,
            faults,
            fault_episodes,
        };
        let asked = around.latency_asked.iter().filter(|(pool, _)| *pool == name.value);
        let asked = asked.fold(Gaps::default(), |all, (_, gaps)| all.or(*gaps));
        let left_open = self.latency.as_ref().map_or(Gaps::ALL, |latency| latency.value.gaps());
        super::assumptions::of_pool(b, &pool, known.resolved.map(|found| found.card), left_open.and(asked));
        Some(pool)
    }
}

/// A number of tokens of one request, at least 1.
pub(crate) fn bounded(b: &mut Builder<'_>, name: &str, written: At<u64>) -> Option<Tokens> {
    b.require((1..=Tokens::REQUEST_MAX.0).contains(&written.value), written.at, || {
        format!("`{name}` is {}: it must lie between 1 and 1,000,000,000", written.value)
    })?;
    Some(Tokens(written.value))
}

impl AssumptionsSpec {
    fn build(&self, b: &mut Builder<'_>, mantle: bool) -> Option<ReservationRules> {
        if mantle {
            let burned = self.reserve_burndown.filter(|burned| burned.value).map(|burned| burned.at);
            let rejections = self.rejections_consume.as_ref();
            let rejections = rejections.filter(|what| matches!(what.value, RejectionsSpec::Requests));
            let stray = [
                ("reserve_burndown", burned, "where nothing burns down"),
                ("rejections_consume", rejections.map(|what| what.at), "which has no requests quota"),
            ];
            for (name, at, why) in stray {
                if let Some(at) = at {
                    let message = format!("`{name}` has no meaning on the mantle endpoint, {why}");
                    b.cx.problem_with(at, message, "remove it");
                }
            }
        }
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
