//! What the requests of a block cost at their gateway, many at a time.
//!
//! *Why*: each takes two divisions, which took a tenth of the time of a paced request, one by one.

use crate::admission::TokenBucket;
use crate::engine::draws::{BLOCK, TokenBlock};
use crate::engine::held_back::HeldBack;
use crate::model::{Demand, QuotaLaw};
use crate::units::{Tokens, round_up};
use crate::wide::{Loop, widest};
use std::ops::Range;

/// By place in the block: for what price each request goes, and for how long that keeps the gateway busy \[ns\].
#[derive(Debug)]
pub(super) struct Prices {
    pub(super) prices: [u64; BLOCK],
    pub(super) busy: [u64; BLOCK],
}

impl Prices {
    pub(super) const NONE: Prices = Prices { prices: [0; BLOCK], busy: [0; BLOCK] };

    /// Computes those of a range.
    pub(super) fn compute(&mut self, range: Range<usize>, tokens: &TokenBlock, terms: PriceTerms<'_>) {
        widest(Pricing { prices: self, range, tokens, terms });
    }
}

/// What prices depend on, beside the request.
#[derive(Debug, Clone, Copy)]
pub(super) struct PriceTerms<'t> {
    /// The share of the quota that the gateway lets through.
    pub(super) share: f64,
    pub(super) law: QuotaLaw,
    pub(super) gateway: &'t TokenBucket,
    /// The limit of requests without one of their own [tokens].
    pub(super) max_tokens: u32,
    /// The mean of answers [tokens].
    pub(super) mean: u64,
}

/// Up to here a price is [rounded up](round_up).
const MOST: f64 = (1u64 << 51) as f64;

struct Pricing<'p> {
    prices: &'p mut Prices,
    range: Range<usize>,
    tokens: &'p TokenBlock,
    terms: PriceTerms<'p>,
}

impl Loop for Pricing<'_> {
    #[inline(always)]
    fn run(self) {
        let Pricing { prices: Prices { prices, busy }, range, tokens, terms } = self;
        let PriceTerms { share, law, gateway, max_tokens, mean } = terms;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let (prices, busy) = (&mut prices[start..end], &mut busy[start..end]);
        let mut most = 0;
        for (place, estimate) in (start..end).zip(&mut *prices) {
            let demand = Demand { natural_output: Tokens(mean), ..tokens.get(place).demand(max_tokens) };
            *estimate = law.charge(&demand).0;
            most = most.max(*estimate);
        }
        if most as f64 / share < MOST {
            for price in &mut *prices {
                *price = round_up(*price as f64 / share);
            }
        } else {
            for price in &mut *prices {
                *price = HeldBack::price_of(*price, share);
            }
        }
        let each = prices.iter().zip(busy);
        if gateway.is_exact_in_floating_point(HeldBack::price_of(most, share)) {
            for (&price, busy) in each {
                *busy = gateway.time_in_floating_point(price);
            }
        } else {
            for (&price, busy) in each {
                *busy = gateway.time_for(price).unwrap_or(u64::MAX);
            }
        }
    }
}
