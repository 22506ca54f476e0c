//! What a run of live calls costs at most.

use super::prompts::Prompt;
use crate::model::Prices;
use serde::Serialize;

/// The most that some calls may come to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Ceiling {
    /// Calls.
    pub calls: u64,
    /// Input tokens at most.
    pub input_tokens: u64,
    /// Output tokens at most.
    pub output_tokens: u64,
    /// Dollars at most; `None` where a price is unknown.
    pub cost_usd: Option<f64>,
}

/// Tokens that a model's format adds to a message, generously.
///
/// *Assumption*: roles and separators take a handful of tokens.
const PER_MESSAGE: u64 = 16;

/// The ceiling of one call of each prompt with a limit for those that have none.
///
/// *Assumption*: no tokenizer makes more tokens of a text than it has bytes in UTF-8. Byte-level tokenizers cannot; in
/// English there are about four bytes to a token, so the real cost is far below.
pub fn ceiling<'a>(prompts: impl Iterator<Item = &'a Prompt>, max_tokens: u32, prices: Prices) -> Ceiling {
    let mut sum = Ceiling { cost_usd: Some(0.0), ..Ceiling::default() };
    for prompt in prompts {
        let texts = prompt.system.iter().chain(prompt.turns.iter().map(|(_, text)| text));
        let input: u64 = texts.map(|text| text.len() as u64 + PER_MESSAGE).sum();
        let output = u64::from(prompt.max_tokens.unwrap_or(max_tokens));
        sum.calls += 1;
        sum.input_tokens += input;
        sum.output_tokens += output;
        sum.cost_usd = sum.cost_usd.zip(cost(prices, [input, 0, 0, output])).map(|(sum, cost)| sum + cost);
    }
    sum
}

/// What tokens cost: input, cache reads, cache writes, output \[USD\]. `None` where a price that matters is unknown.
pub fn cost(prices: Prices, tokens: [u64; 4]) -> Option<f64> {
    let prices = [prices.input, prices.cache_read, prices.cache_write, prices.output];
    let part =
        |(price, tokens): (Option<f64>, u64)| if tokens == 0 { Some(0.0) } else { Some(price? * tokens as f64 / 1e6) };
    prices.into_iter().zip(tokens).map(part).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibrate::live::prompts;

    #[test]
    fn a_ceiling_counts_bytes_and_whole_limits() {
        let read = prompts("{\"prompt\": \"0123456789\"}\n{\"prompt\": \"é\", \"max_tokens\": 5}\n").unwrap();
        let prices = Prices { input: Some(1.0), output: Some(5.0), ..Prices::default() };
        let found = ceiling(read.iter(), 100, prices);
        assert_eq!((found.calls, found.input_tokens, found.output_tokens), (2, 10 + 2 + 2 * PER_MESSAGE, 105));
        assert!((found.cost_usd.unwrap() - (44.0 + 5.0 * 105.0) / 1e6).abs() < 1e-12);
        assert_eq!(ceiling(read.iter(), 100, Prices::default()).cost_usd, None);
    }

    #[test]
    fn what_was_not_used_needs_no_price() {
        let prices = Prices { input: Some(1.0), output: Some(5.0), ..Prices::default() };
        assert_eq!(cost(prices, [1_000_000, 0, 0, 0]), Some(1.0));
        assert_eq!(cost(prices, [0, 1, 0, 0]), None);
    }
}
