//! The arithmetic of one request, step by step: what it reserves, what it is charged, how many fit, what it costs.
//!
//! A pure function of a catalogue card and the tokens of one request; `quotasim explain` prints its answer. It says by
//! itself what a smaller `max_tokens` would reserve, what leaving it unset does, what each assumption switch changes,
//! and what Bedrock's own error messages leave out.

mod hints;
mod steps;
#[cfg(test)]
mod tests;

pub(crate) use steps::{grouped, times};

use crate::model::catalog::{Card, DefaultQuotas, ProfileKind};
use crate::model::{Demand, Prices, ReservationRules};
use crate::units::{BurndownRate, Tokens};
use serde::Serialize;

/// One request to a model, and the quota to hold it against.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The id as it was asked for.
    pub id: &'a str,
    /// The model that it means.
    pub card: &'a Card,
    /// The pool that it selects.
    pub kind: ProfileKind,
    /// Its profile prefix, empty for a bare id.
    pub prefix: &'a str,
    /// Uncached input.
    pub input: Tokens,
    /// Input read from the cache.
    pub cache_read: Tokens,
    /// Input written to the cache.
    pub cache_write: Tokens,
    /// The length that the model would produce uncapped.
    pub output: Tokens,
    /// The output limit; `None` leaves it unset.
    pub max_tokens: Option<Tokens>,
    /// The pool's tokens per minute; `None` takes the catalogue's default.
    pub tokens_per_minute: Option<u64>,
}

/// Why a request has no arithmetic.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Bedrock refuses it with a 400.
    #[error(
        "`max_tokens` is {asked}, above the {limit} that `{model}` can produce\n\nhint: Bedrock answers 400, \"The \
         maximum tokens you requested exceeds the model limit of {limit}\"; give 1 to {limit}, near what you expect"
    )]
    AboveLimit {
        /// What was asked for.
        asked: u64,
        /// The model's maximum output.
        limit: u64,
        /// The model.
        model: String,
    },
    /// Nothing can be produced.
    #[error("`max_tokens` is 0, and must be at least 1\n\nhint: leave it out to see what an unset one reserves")]
    Zero,
    /// Unset means the maximum output, and nobody published that.
    #[error(
        "`max_tokens` is unset, which reserves the maximum output of `{model}`, and that is unknown\n\nhint: give \
         `--max-tokens`, or the model's `max_output` in a file with `--catalog`"
    )]
    UnknownMaximum {
        /// The model.
        model: String,
    },
    /// Counts that no request carries.
    #[error("`{field}` is {tokens}, above the {max} tokens that a request may carry here")]
    TooLarge {
        /// Which count.
        field: &'static str,
        /// How many.
        tokens: u64,
        /// The most accepted.
        max: u64,
    },
}

/// The answer. The first nine fields are a contract with the outside; what is unknown is `null`, never zero.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    /// Quota tokens deducted when the request is admitted.
    pub reservation: u64,
    /// Quota tokens charged when the response ends; unknown while the burndown rate is.
    pub charge: Option<u64>,
    /// What the end gives back: `reservation − charge`, or zero.
    pub refund: Option<u64>,
    /// What the end takes in addition: `charge − reservation`, or zero.
    pub overdraft: Option<u64>,
    /// Quota tokens per output token.
    pub burndown_rate: Option<u32>,
    /// How many such requests a full bucket of one minute admits at one instant.
    pub fits_at_once: Option<u64>,
    /// How many such requests per minute the tokens quota bears for ever; see [`explain`].
    pub sustained_requests_per_minute: Option<f64>,
    /// Tokens on the bill.
    pub billed_tokens: u64,
    /// What they cost, in USD.
    pub cost_usd: Option<f64>,

    /// The id as asked for.
    pub model: String,
    /// The model's name.
    pub model_name: String,
    /// Whose quotas and prices these are: the id, or the profile that it needs.
    pub pool: String,
    /// `on_demand`, `geo` or `global`.
    pub profile: &'static str,
    /// Uncached input tokens.
    pub input: u64,
    /// Input tokens read from the cache.
    pub cache_read: u64,
    /// Input tokens written to the cache.
    pub cache_write: u64,
    /// Output tokens, cut at `max_tokens`.
    pub output: u64,
    /// The output limit in force.
    pub max_tokens: u64,
    /// Whether the request left it unset.
    pub unset: bool,
    /// Whether it cuts the answer short.
    pub truncated: bool,
    /// The quota that the request is held against [tokens/min].
    pub tokens_per_minute: Option<u64>,
    /// Whether that is the catalogue's default rather than a figure given.
    pub default_quota: bool,
    /// The catalogue's default requests quota [requests/min].
    pub requests_per_minute: Option<u64>,
    /// Which of the two quotas limits a steady stream.
    pub limited_by: Option<&'static str>,
    /// The longest response, in s, at which the sustained rate can be reached; `null` where nothing is refunded.
    pub sustained_up_to_response_s: Option<f64>,
    /// The response time that the catalogue assumes, in s.
    pub assumed_response_s: Option<f64>,
    /// The steady rate that the tokens quota bears at that response time [requests/min].
    pub sustained_at_assumed_response: Option<f64>,
    /// The same request with a smaller `max_tokens`; see [`lower_max_tokens`].
    pub lower_max_tokens: Option<Alternative>,
    /// The same request with `max_tokens` left unset.
    pub if_unset: Option<Alternative>,
    /// What each assumption about reservations would change.
    pub switches: Vec<Switch>,
    /// The arithmetic, line by line.
    pub steps: Vec<String>,
    /// What to know besides, one sentence or two each.
    pub hints: Vec<String>,
}

/// The same request with another `max_tokens`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Alternative {
    /// The output limit.
    pub max_tokens: u64,
    /// What it reserves.
    pub reservation: u64,
    /// What it is charged.
    pub charge: Option<u64>,
    /// How many fit at once.
    pub fits_at_once: Option<u64>,
    /// The larger of the two reservations as a multiple of the smaller.
    pub times: f64,
}

/// The same request under another assumption.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switch {
    /// The switch as a scenario writes it.
    pub switch: &'static str,
    /// What is reserved; unknown where it depends on an unknown burndown rate.
    pub reservation: Option<u64>,
    /// How many fit at once.
    pub fits_at_once: Option<u64>,
}

/// Works out one request.
///
/// *Formulas*, with `R` the reservation, `charge` the settlement and `Q` the tokens quota per minute:
/// `fits_at_once = ⌊Q / R⌋`, the admissions of a full bucket that holds one minute of quota.
/// `sustained_requests_per_minute = Q / charge`: refunds return, so in the long run only charges drain the bucket; it
/// is 0 if `R > Q`, which no full bucket ever admits. The rate needs short responses, for while one runs the bucket
/// lacks `R − charge` more than it will be charged: `λ · T · (R − charge) ≤ Q · 60 s`, so the sustained rate can be
/// reached up to a response time `T = 60 s × charge / (R − charge)`, and beyond it the rate is
/// `Q × 60 s / (T × (R − charge))`. The requests quota limits apart from this: `limited_by` names the smaller.
///
/// *Source*: the two formulas of [`Demand`] and [`ReservationRules`]; the bucket of one minute is an *assumption*.
pub fn explain(request: &Request<'_>) -> Result<Explanation, Refusal> {
    let Request { card, .. } = *request;
    let (demand, unset) = demand(request)?;
    let pool = Pool::of(request);
    let rules = ReservationRules::default();
    let rate = card.burndown_now().map(|dated| dated.rate);
    // The default rules do not multiply the reservation, so an unknown rate leaves it known.
    let reserve = |demand: &Demand| rules.reservation(demand, BurndownRate(1)).0;
    let reservation = reserve(&demand);
    let charge = rate.map(|rate| demand.charge(rate).0);
    let quota = request.tokens_per_minute.or_else(|| pool.quotas.and_then(|row| row.tokens_per_minute.value()));
    let requests = pool.quotas.and_then(|row| row.requests_per_minute.value());
    let fits = |reservation: u64| quota.map(|quota| quota.checked_div(reservation).unwrap_or(u64::MAX));

    let alternative = |max_tokens: u64| {
        let demand = Demand { max_tokens: Tokens(max_tokens), ..demand };
        let other = reserve(&demand);
        let (low, high) = (other.min(reservation), other.max(reservation));
        Alternative {
            max_tokens,
            reservation: other,
            charge: rate.map(|rate| demand.charge(rate).0),
            fits_at_once: fits(other),
            times: high as f64 / low.max(1) as f64,
        }
    };
    let lower = Some(lower_max_tokens(demand.output())).filter(|&lower| lower < demand.max_tokens);
    let maximum = card.max_output.filter(|&maximum| !unset && maximum > demand.max_tokens);

    let sustained = sustained_per_minute(quota, reservation, charge);
    let assumed_response_s =
        card.latency.map(|latency| latency.ttft_s + demand.output().0 as f64 / latency.output_tokens_per_second);
    let held = charge.map(|charge| reservation.saturating_sub(charge)).filter(|&held| held > 0);
    let held_limit = |response_s: f64| Some(quota? as f64 * 60.0 / (response_s * held? as f64));

    let mut explanation = Explanation {
        reservation,
        charge,
        refund: charge.map(|charge| reservation.saturating_sub(charge)),
        overdraft: charge.map(|charge| charge.saturating_sub(reservation)),
        burndown_rate: rate.map(|rate| rate.0),
        fits_at_once: fits(reservation),
        sustained_requests_per_minute: sustained,
        billed_tokens: demand.billed().0,
        cost_usd: cost_usd(&demand, &pool.prices),
        model: request.id.to_owned(),
        model_name: card.name.clone(),
        pool: pool.id.clone(),
        profile: pool.kind.key(),
        input: demand.input.0,
        cache_read: demand.cache_read.0,
        cache_write: demand.cache_write.0,
        output: demand.output().0,
        max_tokens: demand.max_tokens.0,
        unset,
        truncated: demand.truncated(),
        tokens_per_minute: quota,
        default_quota: request.tokens_per_minute.is_none(),
        requests_per_minute: requests,
        limited_by: limited_by(sustained, requests),
        sustained_up_to_response_s: held.and_then(|held| Some(60.0 * charge? as f64 / held as f64)),
        assumed_response_s,
        sustained_at_assumed_response: sustained
            .zip(assumed_response_s)
            .map(|(rate, response_s)| held_limit(response_s).map_or(rate, |limit| rate.min(limit))),
        lower_max_tokens: lower.map(|lower| alternative(lower.0)),
        if_unset: maximum.map(|maximum| alternative(maximum.0)),
        switches: switches(&demand, rate, fits),
        steps: Vec::new(),
        hints: Vec::new(),
    };
    explanation.steps = steps::steps(&explanation, &pool.prices);
    explanation.hints = hints::hints(request, &pool, &explanation);
    Ok(explanation)
}

/// A `max_tokens` that would do: twice the output, rounded up to 1, 2 or 5 × 10ⁿ, and at least 100.
///
/// *Assumption*: without a distribution of lengths, twice the one length that is known stands for its 99th percentile;
/// below 100 tokens nothing is left to gain.
///
/// ```
/// use quotasim::{analysis::explain::lower_max_tokens, units::Tokens};
/// assert_eq!(lower_max_tokens(Tokens(5)), Tokens(100));
/// assert_eq!(lower_max_tokens(Tokens(350)), Tokens(1_000));
/// ```
pub fn lower_max_tokens(output: Tokens) -> Tokens {
    let wanted = output.0.saturating_mul(2);
    let mut decade: u64 = 100;
    while decade.saturating_mul(10) < wanted {
        decade = decade.saturating_mul(10);
    }
    let steps = [1, 2, 5, 10].map(|step| decade.saturating_mul(step));
    Tokens(steps.into_iter().find(|&step| step >= wanted).unwrap_or(u64::MAX))
}

/// The quotas and prices that the request meets: those of its id, or of the first profile that the id needs.
struct Pool<'a> {
    id: String,
    kind: ProfileKind,
    quotas: Option<&'a DefaultQuotas>,
    prices: Prices,
}

impl<'a> Pool<'a> {
    fn of(request: &Request<'a>) -> Pool<'a> {
        let card = request.card;
        let needed = card.profiles.first().filter(|_| request.kind == ProfileKind::OnDemand && card.needs_profile());
        let (id, kind, prefix) = match needed {
            Some(prefix) => (
                format!("{prefix}.{}", card.id),
                ProfileKind::of_prefix(prefix).unwrap_or(ProfileKind::Geo),
                prefix.as_str(),
            ),
            None => (request.id.to_owned(), request.kind, request.prefix),
        };
        Pool { id, kind, quotas: card.quotas_for(kind, prefix), prices: card.prices_for(kind) }
    }
}

/// The request's tokens and whether `max_tokens` was left unset, or why there is no such request.
fn demand(request: &Request<'_>) -> Result<(Demand, bool), Refusal> {
    let model = || request.card.id.clone();
    for (field, tokens) in [
        ("input", request.input),
        ("cache_read", request.cache_read),
        ("cache_write", request.cache_write),
        ("output", request.output),
        ("max_tokens", request.max_tokens.unwrap_or_default()),
    ] {
        if tokens > Tokens::REQUEST_MAX {
            return Err(Refusal::TooLarge { field, tokens: tokens.0, max: Tokens::REQUEST_MAX.0 });
        }
    }
    let max_tokens = match (request.max_tokens, request.card.max_output) {
        (Some(Tokens(0)), _) => return Err(Refusal::Zero),
        (Some(asked), Some(limit)) if asked > limit => {
            return Err(Refusal::AboveLimit { asked: asked.0, limit: limit.0, model: model() });
        }
        (Some(asked), _) => asked,
        (None, Some(limit)) => limit,
        (None, None) => return Err(Refusal::UnknownMaximum { model: model() }),
    };
    let Request { input, cache_read, cache_write, output, .. } = *request;
    let demand = Demand { input, cache_read, cache_write, max_tokens, natural_output: output };
    Ok((demand, request.max_tokens.is_none()))
}

/// `Q / charge`; zero where no full bucket admits the reservation, unknown where a part is or nothing is charged.
fn sustained_per_minute(quota: Option<u64>, reservation: u64, charge: Option<u64>) -> Option<f64> {
    let (quota, charge) = (quota?, charge.filter(|&charge| charge > 0)?);
    Some(if reservation > quota { 0.0 } else { quota as f64 / charge as f64 })
}

fn limited_by(sustained: Option<f64>, requests: Option<u64>) -> Option<&'static str> {
    match (sustained, requests) {
        (Some(rate), Some(requests)) if (requests as f64) < rate => Some("requests_per_minute"),
        (Some(_), _) => Some("tokens_per_minute"),
        (None, _) => None,
    }
}

/// The bill of one request \[USD\]; `None` where a price is unknown for tokens that it has.
///
/// *Formula*: `Σ tokens × price / 1,000,000` over input, cache reads, cache writes and output, without burndown.
fn cost_usd(demand: &Demand, prices: &Prices) -> Option<f64> {
    let parts = [
        (demand.input, prices.input),
        (demand.cache_read, prices.cache_read),
        (demand.cache_write, prices.cache_write),
        (demand.output(), prices.output),
    ];
    let known = parts.into_iter().filter(|(tokens, _)| tokens.0 > 0);
    let micro_usd = known.map(|(tokens, price)| Some(tokens.0 as f64 * price?)).sum::<Option<f64>>()?;
    // Prices have few decimals; rounding to a picodollar takes the noise of binary fractions away.
    Some((micro_usd * 1e6).round() / 1e12)
}

/// Each assumption about reservations, switched on alone.
fn switches(demand: &Demand, rate: Option<BurndownRate>, fits: impl Fn(u64) -> Option<u64>) -> Vec<Switch> {
    let rules = ReservationRules::default();
    let cached = ReservationRules { reserve_cache_reads: true, ..rules };
    let burned = ReservationRules { reserve_burndown: true, ..rules };
    let floored = ReservationRules { reservation_floor: Tokens(4_096), ..rules };
    let one = Some(BurndownRate(1));
    [
        ("reserve_cache_reads: true", cached, one),
        ("reserve_burndown: true", burned, rate),
        ("reservation_floor: 4096", floored, one),
    ]
    .into_iter()
    .map(|(switch, rules, rate)| {
        let reservation = rate.map(|rate| rules.reservation(demand, rate).0);
        Switch { switch, reservation, fits_at_once: reservation.and_then(&fits) }
    })
    .collect()
}
