//! What the requests of a block cost at their gateway, many at a time.
//!
//! *Why*: each takes two divisions, which took a tenth of the time of a paced request, one by one.

use crate::admission::TokenBucket;
use crate::engine::draws::{BLOCK, TokenBlock};
use crate::engine::held_back::HeldBack;
use crate::model::{QuotaLaw, Workload};
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
    pub(super) workload: &'t Workload,
    pub(super) law: QuotaLaw,
    pub(super) gateway: &'t TokenBucket,
    /// The limit of requests without one of their own [tokens].
    pub(super) max_tokens: u32,
    /// The mean of answers [tokens].
    pub(super) mean: u64,
}

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
        let PriceTerms { workload, law, gateway, max_tokens, mean } = terms;
        let (start, end) = (range.start.min(BLOCK), range.end.min(BLOCK));
        let mut most = 0;
        for (place, price) in (start..end).zip(&mut prices[start..end]) {
            *price = HeldBack::price_at(workload, mean, law, tokens.get(place).demand(max_tokens));
            most = most.max(*price);
        }
        let each = prices[start..end].iter().zip(&mut busy[start..end]);
        if gateway.is_exact_in_floating_point(most) {
            each.for_each(|(&price, busy)| *busy = gateway.time_in_floating_point(price));
        } else {
            each.for_each(|(&price, busy)| *busy = gateway.time_for(price).unwrap_or(u64::MAX));
        }
    }
}
