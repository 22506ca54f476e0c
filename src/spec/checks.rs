//! What can be known before a run: requests that never fit, prompts beyond the context window.

use super::build::Builder;
use super::moments::{mean, support};
use super::problem::{Span, shown};
use crate::model::{Arrivals, Demand, Limiter, Pool, PoolQuotas, Quota, Workload};
use crate::units::{SimSpan, SimTime, Tokens, format};

/// Warns of what is wrong with a workload on the pools that it calls.
pub(crate) fn of_workload(b: &mut Builder<'_>, at: Span, workload: &Workload, pools: &[Option<Pool>]) {
    let fallback = workload.fallback.iter().flat_map(|fallback| fallback.pools.iter().copied());
    for index in std::iter::once(workload.pool).chain(fallback) {
        if let Some(pool) = &pools[index] {
            rows_beyond_the_maximum(b, at, workload, pool);
            context_window(b, at, workload, pool);
            unsatisfiable(b, at, workload, pool);
        }
    }
}

/// Says where the rate of a workload goes on to change after the horizon that it has by default.
pub(crate) fn beyond_default_horizon(b: &mut Builder<'_>, at: Span, workload: &Workload, horizon: SimTime) {
    let Some(whole) = pattern(&workload.arrivals).filter(|whole| whole.0 > horizon.0) else { return };
    b.cx.warn(
        at,
        format!(
            "the rate of `{}` varies over {}, and the default horizon of {} sees only its first part",
            shown(&workload.name),
            format::hours(whole),
            format::hours(SimSpan(horizon.0))
        ),
        format!("write `horizon: {}`", format::hours(whole)),
    );
}

/// How long arrivals take to go through what they go through again and again, or once; `None` where they change with
/// nothing, or with what has no certain length.
fn pattern(arrivals: &Arrivals) -> Option<SimSpan> {
    const EVERY_HOUR: u32 = (1 << 24) - 1;
    const EVERY_WEEKDAY: u8 = (1 << 7) - 1;
    match arrivals {
        Arrivals::Sinusoidal { amplitude, period, .. } => (amplitude.0 > 0.0).then_some(*period),
        Arrivals::Piecewise { points, .. } => points.last().map(|(at, _)| SimSpan(at.0)),
        Arrivals::Cron { schedule, .. } if schedule.weekdays != EVERY_WEEKDAY => Some(SimSpan(7 * SimSpan::DAY.0)),
        Arrivals::Cron { schedule, .. } if schedule.hours != EVERY_HOUR => Some(SimSpan::DAY),
        _ => None,
    }
}

/// The rows of a trace have an output limit of their own.
fn rows_beyond_the_maximum(b: &mut Builder<'_>, at: Span, workload: &Workload, pool: &Pool) {
    let Arrivals::Trace(trace) = &workload.arrivals else { return };
    let beyond = trace.rows.iter().filter(|row| u64::from(row.max_tokens) > pool.max_output.0).count();
    if beyond > 0 {
        b.cx.problem_with(
            at,
            format!(
                "{beyond} of {} rows of the trace of `{}` have a `max_tokens` above {}, the maximum output of `{}`",
                trace.rows.len(),
                shown(&workload.name),
                format::count(pool.max_output.0),
                shown(&pool.model)
            ),
            "Bedrock answers such a request with a validation error: correct the rows",
        );
    }
}

/// Bedrock refuses a request whose input and `max_tokens` exceed the context window together.
fn context_window(b: &mut Builder<'_>, at: Span, workload: &Workload, pool: &Pool) {
    let (Some(window), Some(max_tokens)) = (pool.context_window, workload.max_tokens) else { return };
    let (prompt, what) = if let Arrivals::Trace(trace) = &workload.arrivals {
        let longest = trace.rows.iter().map(|row| u64::from(row.input) + u64::from(row.cache_read)).max();
        (longest.unwrap_or_default() as f64, "longest")
    } else {
        let tokens = &workload.tokens;
        (mean(&tokens.input) + mean(&tokens.cache_read) + mean(&tokens.cache_write), "mean")
    };
    let whole = prompt + max_tokens.0 as f64;
    if whole > window.0 as f64 {
        b.cx.warn(
            at,
            format!(
                "workload `{}` sends {} tokens of input ({what}) with `max_tokens` {}: together above the context window {} of pool `{}`",
                shown(&workload.name),
                format::approximate(prompt),
                format::count(max_tokens.0),
                format::count(window.0),
                shown(&pool.name)
            ),
            "Bedrock answers such a request with a validation error, the simulation does not: lower `max_tokens`",
        );
    }
}

/// Says which requests can never be admitted: R above the whole capacity.
fn unsatisfiable(b: &mut Builder<'_>, at: Span, workload: &Workload, pool: &Pool) {
    let (name, tokens) = match &pool.quotas {
        PoolQuotas::Runtime { tokens, requests, .. } => {
            if let Some((capacity, limit)) = requests.as_ref().map(capacity)
                && capacity < 1.0
            {
                b.cx.warn(
                    at,
                    format!(
                        "`requests_per_minute` {} of pool `{}` holds {capacity:.3} requests at once: every request of `{}` is refused for ever",
                        format::count(limit),
                        shown(&pool.name),
                        shown(&workload.name)
                    ),
                    "raise the limit, or the `burst_seconds` of its limiter",
                );
            }
            ("tokens_per_minute", tokens)
        }
        PoolQuotas::Mantle { input, .. } => ("input_tokens_per_minute", input),
    };
    let Some((capacity, limit)) = tokens.as_ref().map(capacity) else { return };
    let (share, reservation) = too_large(workload, pool, capacity);
    if share.is_empty() {
        return;
    }
    b.cx.warn(
        at,
        format!(
            "{share} of `{}` can never be admitted: R = {} exceeds C = {}, the capacity of `{name}` {} of pool `{}`",
            shown(&workload.name),
            format::count(reservation),
            format::approximate(capacity),
            format::quantity(limit),
            shown(&pool.name)
        ),
        match workload.max_tokens {
            None => format!(
                "`max_tokens` is unset, so each reserves the model's {}: set it",
                format::count(pool.max_output.0)
            ),
            Some(_) => "lower `max_tokens`, shorten the input, or raise the quota".to_owned(),
        },
    );
}

/// The most that a quota ever holds, and its limit then.
fn capacity(quota: &Quota) -> (f64, u64) {
    let limit = quota.limits.iter().map(|&(_, limit)| limit).max().unwrap_or_default();
    let share = match quota.limiter {
        Limiter::TokenBucket { burst, .. } => burst.0 as f64 / SimSpan::MINUTE.0 as f64,
        Limiter::FixedWindow { .. } | Limiter::SlidingWindow | Limiter::InFlight => 1.0,
    };
    (limit as f64 * share, limit)
}

/// Which requests reserve more than the capacity, in words, and how much the first of them reserves.
fn too_large(workload: &Workload, pool: &Pool, capacity: f64) -> (String, u64) {
    let set = |tokens: u32| {
        if tokens == 0 { workload.max_tokens.unwrap_or(pool.max_output) } else { Tokens(u64::from(tokens)) }
    };
    let reservation = |input: f64, cache_read: f64, cache_write: f64, max_tokens: Tokens| {
        let whole = |x: f64| Tokens((x + 0.5).min(Tokens::REQUEST_MAX.0 as f64) as u64);
        let demand = Demand {
            input: whole(input),
            cache_read: whole(cache_read),
            cache_write: whole(cache_write),
            max_tokens,
            natural_output: Tokens(1),
        };
        pool.reservation(&demand).0
    };
    let cache_write = support(&workload.tokens.cache_write);
    if let Arrivals::Trace(trace) = &workload.arrivals {
        let reserved = trace.rows.iter().map(|row| {
            reservation(f64::from(row.input), f64::from(row.cache_read), cache_write.0, set(row.max_tokens))
        });
        let large: Vec<u64> = reserved.filter(|&r| r as f64 > capacity).collect();
        return match large.first() {
            None => (String::new(), 0),
            Some(&first) if large.len() == trace.rows.len() => ("every request".to_owned(), first),
            Some(&first) => (format!("{} of the {} requests", large.len(), trace.rows.len()), first),
        };
    }
    let tokens = &workload.tokens;
    let (input, cache_read) = (support(&tokens.input), support(&tokens.cache_read));
    let least = reservation(input.0, cache_read.0, cache_write.0, set(0));
    if least as f64 > capacity {
        return ("every request".to_owned(), least);
    }
    let typical = reservation(mean(&tokens.input), mean(&tokens.cache_read), mean(&tokens.cache_write), set(0));
    if typical as f64 > capacity {
        return ("a request of mean size".to_owned(), typical);
    }
    let ends = [input.1, cache_read.1, cache_write.1];
    if ends.iter().all(|end| end.is_finite()) {
        let most = reservation(input.1, cache_read.1, cache_write.1, set(0));
        if most as f64 > capacity {
            return ("the largest request".to_owned(), most);
        }
    }
    (String::new(), 0)
}
