//! The arithmetic in words: `reservation = 42 input + 0 cache write + 8,192 max_tokens = 8,234`.

use super::Explanation;
use crate::model::Prices;

/// One line per quantity, in the order in which a request meets them.
pub(super) fn steps(e: &Explanation, prices: &Prices) -> Vec<String> {
    let max_tokens = if e.unset { "max_tokens (unset)" } else { "max_tokens" };
    let mut lines = vec![format!(
        "reservation = {} input + {} cache write + {} {max_tokens} = {}",
        grouped(e.input),
        grouped(e.cache_write),
        grouped(e.max_tokens),
        grouped(e.reservation)
    )];
    lines.extend(settlement(e));
    lines.extend(capacity(e));
    lines.push(format!(
        "billed = {} input + {} cache read + {} cache write + {} output = {} tokens",
        grouped(e.input),
        grouped(e.cache_read),
        grouped(e.cache_write),
        grouped(e.output),
        grouped(e.billed_tokens)
    ));
    lines.push(cost(e, prices));
    lines
}

fn settlement(e: &Explanation) -> Vec<String> {
    let tokens = format!("{} input + {} cache write", grouped(e.input), grouped(e.cache_write));
    let (Some(rate), Some(charge)) = (e.burndown_rate, e.charge) else {
        return vec![format!("charge = {tokens} + {} output × burndown rate (unknown)", grouped(e.output))];
    };
    let (name, larger, smaller, difference) = match e.overdraft {
        Some(overdraft) if overdraft > 0 => ("overdraft", charge, e.reservation, overdraft),
        _ => ("refund", e.reservation, charge, e.reservation - charge),
    };
    let (of, from) = if name == "refund" { ("reserved", "charged") } else { ("charged", "reserved") };
    vec![
        format!("charge = {tokens} + {} output × {rate} = {}", grouped(e.output), grouped(charge)),
        format!("{name} = {} {of} − {} {from} = {}", grouped(larger), grouped(smaller), grouped(difference)),
    ]
}

fn capacity(e: &Explanation) -> Vec<String> {
    let mut lines = Vec::new();
    if let (Some(quota), Some(fits)) = (e.tokens_per_minute, e.fits_at_once) {
        lines.push(format!("fits at once = ⌊{} / {}⌋ = {}", grouped(quota), grouped(e.reservation), grouped(fits)));
        if let (Some(charge), Some(rate)) = (e.charge, e.sustained_requests_per_minute) {
            lines.push(if fits == 0 {
                "sustained = 0 per minute: one reservation exceeds the quota".to_owned()
            } else {
                format!("sustained = {} / {} = {} per minute", grouped(quota), grouped(charge), decimal(rate))
            });
        }
    }
    lines
}

fn cost(e: &Explanation, prices: &Prices) -> String {
    let Some(cost) = e.cost_usd else { return "cost = unknown: a price is unknown".to_owned() };
    let parts = [
        (e.input, prices.input),
        (e.cache_read, prices.cache_read),
        (e.cache_write, prices.cache_write),
        (e.output, prices.output),
    ];
    let terms: Vec<String> = parts
        .into_iter()
        .filter(|(tokens, _)| *tokens > 0)
        .map(|(tokens, price)| format!("{} × ${}", grouped(tokens), price.expect("a cost needs every price")))
        .collect();
    if terms.is_empty() {
        return "cost = $0".to_owned();
    }
    format!("cost = ({}) / 1M = ${}", terms.join(" + "), dollars(cost))
}

/// `8,234`.
pub(crate) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `74,626.9`; one decimal below a million, none above.
pub(crate) fn decimal(value: f64) -> String {
    if value >= 1e6 {
        return grouped(value.round() as u64);
    }
    let tenths = (value * 10.0).round() as u64;
    match tenths % 10 {
        0 => grouped(tenths / 10),
        rest => format!("{}.{rest}", grouped(tenths / 10)),
    }
}

/// `58 times`, `7.8 times`.
pub(crate) fn times(ratio: f64) -> String {
    if ratio >= 9.95 { format!("{} times", grouped(ratio.round() as u64)) } else { format!("{} times", decimal(ratio)) }
}

/// A sum of money with as many decimals as it has, up to a picodollar.
fn dollars(usd: f64) -> String {
    let text = format!("{usd:.12}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
