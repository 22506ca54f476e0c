//! What to know besides the numbers: the advice that Bedrock's own errors leave out.

use super::steps::{decimal, grouped, times};
use super::{Explanation, Pool, Request};
use crate::model::catalog::{Card, Status};

/// The hints of one request, the most urgent first.
pub(super) fn hints(request: &Request<'_>, pool: &Pool<'_>, e: &Explanation) -> Vec<String> {
    let mut hints = Vec::new();
    hints.extend(callable(request, pool));
    hints.extend(status(request.card));
    hints.extend(context(request.card, e));
    hints.extend(max_tokens(e));
    hints.extend(burndown(request.card));
    hints.extend(capacity(e));
    hints
}

fn callable(request: &Request<'_>, pool: &Pool<'_>) -> Option<String> {
    let card = request.card;
    if !card.runtime {
        return Some(format!(
            "{} is served by bedrock-mantle alone: input and output have quotas of their own there and no burndown \
             applies; simulate it with `endpoint: mantle`",
            card.name
        ));
    }
    if pool.id != request.id {
        let others: Vec<String> = card.profile_ids().into_iter().map(|id| format!("`{id}`")).collect();
        return Some(format!(
            "`{}` cannot be called by its bare id: Bedrock answers 400, \"on-demand throughput isn't supported\". Call \
             one of its inference profiles: {}. The figures above are those of the first",
            request.id,
            others.join(", ")
        ));
    }
    let listed = request.prefix.is_empty() || card.profiles.iter().any(|known| known == request.prefix);
    (!listed).then(|| {
        let known = card.profiles.join(", ");
        format!("the catalogue does not list {} under `{}`: it knows {known}", card.name, request.prefix)
    })
}

fn status(card: &Card) -> Option<String> {
    match &card.status {
        Status::Active => None,
        Status::Legacy { end_of_life } => {
            let end = end_of_life.as_ref().map_or(String::new(), |day| format!(", ends on {day}"));
            Some(format!(
                "{} is a legacy model{end}: AWS refuses to raise its quotas; plan with its successor",
                card.name
            ))
        }
        Status::Retired { since } => {
            Some(format!("{} reached its end of life on {since}: calls fail; choose its successor", card.name))
        }
    }
}

fn context(card: &Card, e: &Explanation) -> Option<String> {
    let window = card.context_window?.0;
    let prompt = e.input + e.cache_read + e.cache_write;
    let way_out = match window.saturating_sub(prompt) {
        0 => "the prompt alone fills it".to_owned(),
        room => format!("max_tokens of {} would fit", grouped(room)),
    };
    (prompt + e.max_tokens > window).then(|| {
        format!(
            "{} prompt tokens + {} max_tokens exceed the context window of {}: Bedrock may answer 400, \"input length \
             and `max_tokens` exceed context limit\"; {way_out}",
            grouped(prompt),
            grouped(e.max_tokens),
            grouped(window)
        )
    })
}

/// The lesson of the quota law: what `max_tokens` reserves beyond what the request is charged.
fn max_tokens(e: &Explanation) -> Vec<String> {
    let mut hints = Vec::new();
    if e.truncated {
        hints.push(format!("max_tokens cuts the answer short at {} tokens", grouped(e.output)));
    }
    let name = if e.unset { "unset max_tokens".to_owned() } else { format!("max_tokens {}", grouped(e.max_tokens)) };
    if let Some(lower) = &e.lower_max_tokens {
        let charge = e.charge.map_or_else(String::new, |charge| format!(" of {} tokens", grouped(charge)));
        hints.push(format!(
            "{name} reserves {} what {} does, for the same charge{charge}",
            times(lower.times),
            grouped(lower.max_tokens)
        ));
    }
    if let Some(unset) = &e.if_unset {
        hints.push(format!(
            "left unset, max_tokens is the model's maximum, {}, and reserves {}: {} this request",
            grouped(unset.max_tokens),
            grouped(unset.reservation),
            times(unset.times)
        ));
    }
    hints
}

fn burndown(card: &Card) -> Option<String> {
    match card.burndown_now() {
        None if card.runtime => Some(format!(
            "the burndown rate of {} is unknown: the catalogue does not guess; give one in a file with `--catalog`",
            card.name
        )),
        Some(dated) if !dated.verified => Some(format!(
            "the burndown rate of {} is unverified: AWS's text can be read in more than one way",
            card.name
        )),
        _ => None,
    }
}

fn capacity(e: &Explanation) -> Vec<String> {
    let mut hints = Vec::new();
    let Some(quota) = e.tokens_per_minute else {
        hints.push("no default tokens quota is known for this pool: give `--tokens-per-minute`".to_owned());
        return hints;
    };
    if e.default_quota {
        hints.push(format!(
            "the quota of {} tokens per minute is AWS's default; your account's may differ: see Service Quotas",
            grouped(quota)
        ));
    }
    if e.reservation > quota {
        hints.push(
            "one reservation exceeds a whole minute of quota: every attempt is throttled, whatever the traffic"
                .to_owned(),
        );
    }
    if e.overdraft.is_some_and(|overdraft| overdraft > 0) {
        hints.push("it settles above its reservation: the rest is taken from the quota when it ends".to_owned());
    }
    if let (Some("requests_per_minute"), Some(requests)) = (e.limited_by, e.requests_per_minute) {
        hints.push(format!(
            "the default requests quota, {} per minute, limits before the tokens quota",
            grouped(requests)
        ));
    }
    if let (Some(bound), Some(response_s), Some(rate), Some(sustained)) = (
        e.sustained_up_to_response_s,
        e.assumed_response_s,
        e.sustained_at_assumed_response,
        e.sustained_requests_per_minute,
    ) && rate < sustained
    {
        hints.push(format!(
            "responses take {response_s:.2} s (assumption) and hold their reservations meanwhile: above {bound:.2} s a \
             full bucket alone bears {} per minute, and the sustained rate only as it refills; `quotasim run` tells",
            decimal(rate)
        ));
    }
    hints
}
