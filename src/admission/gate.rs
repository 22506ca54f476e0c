//! The quotas of one pool together: all or nothing, in order, and settled exactly once.

use super::day::DayMeter;
use super::limiter::{Entry, Limiter, Meter};
use super::stretch::{End, Flows, MOST_ATTEMPTS, MOST_SLICES, MOST_WALKED, Stretch, Walked};
use crate::model::scenario::Start;
use crate::model::{Endpoint, Pool, PoolQuotas, QuotaName};
use crate::units::SimTime;

/// The answer to an attempt.
#[derive(Debug)]
pub enum Admission {
    /// Admitted: the reservation must be settled.
    Admitted(Reservation),
    /// Refused with a 429.
    Refused(Refusal),
}

/// Why an attempt was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// What to count it under: the first quota that refused, or [`QuotaName::Unsatisfiable`].
    pub counted_under: QuotaName,
}

/// Quota tokens held by an admitted attempt. Not `Clone`: it ends in exactly one [`Gate::settle`].
#[must_use = "a reservation holds quota until it is settled"]
#[derive(Debug, Default)]
pub struct Reservation {
    pub(super) at: SimTime,
    pub(super) held: u64,
    pub(super) entry: Entry,
}

impl Reservation {
    /// What an attempt holds that was admitted at some time, by its limiter's entry.
    #[inline(always)]
    pub fn new(at: SimTime, held: u64, entry: Entry) -> Reservation {
        Reservation { at, held, entry }
    }

    /// When the attempt was admitted.
    #[inline]
    pub fn admitted_at(&self) -> SimTime {
        self.at
    }

    /// Quota tokens that it holds now.
    #[inline]
    pub fn held(&self) -> u64 {
        self.held
    }
}

/// What an attempt ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Quota tokens charged.
    pub charge: u64,
    /// Tokens on the bill, which the account's day counts.
    pub billed: u64,
}

/// The quotas of one pool.
#[derive(Debug, Clone)]
pub struct Gate {
    requests: Option<Meter>,
    tokens: Option<Meter>,
    /// What a mantle pool's responses are debited from while they stream.
    output: Option<Meter>,
    day: Option<DayMeter>,
    rejections_consume_requests: bool,
    endpoint: Endpoint,
}

impl Gate {
    /// The gate of a pool at the start of a scenario.
    pub fn new(pool: &Pool, start: Start) -> Gate {
        let (requests, day) = match &pool.quotas {
            PoolQuotas::Runtime { requests, tokens_per_day, .. } => (requests.as_ref(), tokens_per_day.as_ref()),
            PoolQuotas::Mantle { .. } => (None, None),
        };
        Gate {
            requests: requests.map(Meter::new),
            tokens: pool.quotas.reserved_from().map(Meter::new),
            output: pool.quotas.output().map(Meter::new),
            day: day.map(|quota| DayMeter::new(quota, start)),
            rejections_consume_requests: pool.rules.rejections_consume_requests,
            endpoint: pool.quotas.endpoint(),
        }
    }

    /// The tokens quota, if there is no other, and its name.
    pub fn only_quota(&mut self) -> Option<(&mut Meter, QuotaName)> {
        let name = self.tokens_name();
        let alone = self.requests.is_none() && self.output.is_none() && self.day.is_none();
        self.tokens.as_mut().filter(|_| alone).map(|meter| (meter, name))
    }

    /// Admits an attempt that reserves `cost` quota tokens, or refuses it.
    ///
    /// `account` is the daily quota of the pool's account, shared with its other pools.
    #[inline(always)]
    pub fn admit(&mut self, now: SimTime, cost: u64, account: Option<&mut DayMeter>) -> Admission {
        let requests_fit = self.requests.as_mut().is_none_or(|meter| meter.fits(now, 1));
        let tokens_fit = self.tokens.as_mut().is_none_or(|meter| meter.fits(now, cost));
        let day_fits = self.day.as_mut().is_none_or(|day| day.fits(now, cost));
        let mut account = account;
        let account_fits = account.as_mut().is_none_or(|day| day.fits(now, cost));
        if !(requests_fit && tokens_fit && day_fits && account_fits) {
            let first = match (requests_fit, tokens_fit, day_fits) {
                (false, ..) => QuotaName::RequestsPerMinute,
                (_, false, _) => self.tokens_name(),
                (.., false) => QuotaName::TokensPerDay,
                _ => QuotaName::AccountTokensPerDay,
            };
            return Admission::Refused(self.refuse(now, cost, first, account.as_deref()));
        }
        if let Some(meter) = &mut self.requests {
            let _ = meter.take(now, 1);
        }
        let of_tokens = self.tokens.as_mut().map(|meter| meter.take(now, cost));
        let of_day = self.day.as_mut().map(|day| day.take(cost));
        if let Some(day) = account {
            // What an account's day has admitted is found by its time: other pools take from it, too.
            let _ = day.take(cost);
        }
        // All of a pool's own quotas count the same attempts.
        let entry = of_tokens.or(of_day).unwrap_or_default();
        Admission::Admitted(Reservation { at: now, held: cost, entry })
    }

    #[inline(never)]
    fn refuse(&mut self, now: SimTime, cost: u64, first: QuotaName, account: Option<&DayMeter>) -> Refusal {
        let never = self.requests.as_ref().is_some_and(|meter| meter.capacity() < 1)
            || self.tokens.as_ref().is_some_and(|meter| meter.capacity() < cost)
            || self.day.as_ref().is_some_and(|day| day.capacity() < cost)
            || account.is_some_and(|day| day.capacity() < cost);
        if self.rejections_consume_requests
            && let Some(meter) = &mut self.requests
        {
            meter.penalise(now);
        }
        Refusal { counted_under: if never { QuotaName::Unsatisfiable } else { first } }
    }

    /// As [`Limiter::make_ready`]; none where a stretch cannot be lived through at once.
    pub(super) fn make_ready(&mut self, from: SimTime) -> Option<SimTime> {
        // Days and output quotas are rare.
        let simple = self.day.is_none() && self.output.is_none();
        let ready = |meter: &mut Option<Meter>| meter.as_mut().map_or(SimTime::MAX, |meter| meter.make_ready(from));
        simple.then(|| ready(&mut self.requests).min(ready(&mut self.tokens)))
    }

    /// As [`Limiter::has_room`], of so many attempts.
    #[inline(always)]
    pub(super) fn has_room(&self, attempts: u64, taken: u64) -> bool {
        self.requests.as_ref().is_none_or(|meter| meter.has_room(attempts))
            && self.tokens.as_ref().is_none_or(|meter| meter.has_room(taken))
    }

    /// As [`Limiter::comes_back`].
    #[inline(always)]
    pub(super) fn comes_back(&self, entry: Entry, held: u64, charge: u64) -> i64 {
        self.tokens.as_ref().map_or(0, |meter| meter.comes_back(entry, held, charge))
    }

    /// As [`Limiter::live_through`], on all quotas.
    pub(super) fn live_through(&mut self, stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>) {
        if let Some(meter) = &mut self.requests {
            let attempts = stretch.slices.iter().map(|slice| slice.attempts);
            requests_are_made::<MOST_SLICES>(meter, stretch.from, stretch.width, attempts, stretch.made);
        }
        if let Some(meter) = &mut self.tokens {
            meter.live_through(stretch);
        }
    }

    /// As [`Limiter::begin_walk`], on the tokens quota, where no other can have a say.
    #[inline(always)]
    pub(super) fn begin_walk(&mut self, from: SimTime, until: SimTime, returned: u64, first: Entry) -> bool {
        let rejections_count = self.rejections_consume_requests && self.requests.is_some();
        let requests_fit = self.requests.as_ref().is_none_or(|meter| meter.has_room(MOST_WALKED as u64));
        let simple = self.day.is_none() && self.output.is_none() && !rejections_count && requests_fit;
        simple && self.tokens.as_mut().is_some_and(|meter| meter.begin_walk(from, until, returned, first))
    }

    /// What is walked through.
    #[inline(always)]
    pub(super) fn walked_meter(&self) -> &Meter {
        self.tokens.as_ref().expect("there is no walk without a tokens quota")
    }

    /// The most that fits into what is walked through, if anything is, and its name.
    #[inline(always)]
    pub(super) fn walked(&self) -> (u64, QuotaName) {
        (self.tokens.as_ref().map_or(0, Meter::capacity), self.tokens_name())
    }

    /// As [`Limiter::end_walk`], on all quotas.
    pub(super) fn end_walk(&mut self, walked: &Walked<'_>) {
        if let Some(meter) = &mut self.requests {
            let mut times = [0; MOST_WALKED];
            times.iter_mut().zip(walked.made).for_each(|(time, &(at, _))| *time = at.0);
            let times = &times[..walked.made.len()];
            let width = walked.until.0 - walked.from.0;
            requests_are_made::<1>(meter, walked.from, width, std::iter::once(times.len()), times);
        }
        if let Some(meter) = &mut self.tokens {
            meter.end_walk(walked);
        }
    }

    /// The reservation changes to `held` while the response runs.
    pub fn adjust(&mut self, now: SimTime, reservation: &mut Reservation, held: u64, account: Option<&mut DayMeter>) {
        let refund = reservation.held as i64 - held as i64;
        reservation.held = held;
        if let Some(meter) = &mut self.tokens {
            meter.give_back(now, reservation.entry, refund);
        }
        if let Some(day) = &mut self.day {
            day.give_back_of(now, reservation.entry, refund);
        }
        if let Some(day) = account {
            day.give_back(now, reservation.at, refund);
        }
    }

    /// The attempt has ended.
    #[inline(always)]
    #[expect(clippy::needless_pass_by_value, reason = "a reservation ends in exactly one settlement")]
    pub fn settle(
        &mut self,
        now: SimTime,
        reservation: Reservation,
        settlement: Settlement,
        account: Option<&mut DayMeter>,
    ) {
        let Reservation { at, held, entry } = reservation;
        let refund = held as i64 - settlement.charge as i64;
        if let Some(meter) = &mut self.tokens {
            meter.settle(now, entry, held, settlement.charge);
        }
        if let Some(day) = &mut self.day {
            day.give_back_of(now, entry, refund);
        }
        if let Some(day) = account {
            day.give_back(now, at, held as i64 - settlement.billed as i64);
        }
    }

    /// Takes `tokens` that a response has generated from the output quota, all or none; whether they were there.
    pub fn debit_output(&mut self, now: SimTime, tokens: u64) -> bool {
        let Some(meter) = &mut self.output else { return true };
        let fits = meter.fits(now, tokens);
        if fits {
            let _ = meter.take(now, tokens);
        }
        fits
    }

    /// The first instant at which `cost` would be admitted if nothing else happens; `None` if time alone will not do.
    pub fn retry_at(&mut self, now: SimTime, cost: u64) -> Option<SimTime> {
        let requests = self.requests.as_mut().map_or(Some(now), |meter| meter.retry_at(now, 1))?;
        let tokens = self.tokens.as_mut().map_or(Some(now), |meter| meter.retry_at(now, cost))?;
        Some(requests.max(tokens))
    }

    /// What the tokens quota would admit at once now, and the most that it can be; `None` without a tokens quota.
    pub fn available(&mut self, now: SimTime) -> Option<(i64, u64)> {
        self.tokens.as_mut().map(|meter| (meter.available(now), meter.capacity()))
    }

    /// What the requests quota would admit at once now, and the most that it can be; `None` without a requests quota.
    pub fn requests_available(&mut self, now: SimTime) -> Option<(i64, u64)> {
        self.requests.as_mut().map(|meter| (meter.available(now), meter.capacity()))
    }

    /// What the pool's own day has used by now, and its limit; `None` without such a quota.
    pub fn day_used(&mut self, now: SimTime) -> Option<(i64, u64)> {
        self.day.as_mut().map(|day| (day.used(now), day.capacity()))
    }

    /// Whether the tokens quota is a bucket, whose level may hide steady overload.
    pub fn is_bucket(&self) -> bool {
        matches!(self.tokens, Some(Meter::TokenBucket(_)))
    }

    /// The quotas of `pool` change to what they are at `now`.
    pub fn set_limits(&mut self, now: SimTime, pool: &Pool) {
        let (requests, day) = match &pool.quotas {
            PoolQuotas::Runtime { requests, tokens_per_day, .. } => (requests.as_ref(), tokens_per_day.as_ref()),
            PoolQuotas::Mantle { .. } => (None, None),
        };
        if let (Some(meter), Some(quota)) = (&mut self.requests, requests) {
            meter.set_limit(now, quota.limit_at(now));
        }
        if let (Some(meter), Some(quota)) = (&mut self.tokens, pool.quotas.reserved_from()) {
            meter.set_limit(now, quota.limit_at(now));
        }
        if let (Some(meter), Some(quota)) = (&mut self.output, pool.quotas.output()) {
            meter.set_limit(now, quota.limit_at(now));
        }
        if let (Some(meter), Some(quota)) = (&mut self.day, day) {
            meter.set_limit(quota.limit_at(now));
        }
    }

    fn tokens_name(&self) -> QuotaName {
        match self.endpoint {
            Endpoint::Runtime => QuotaName::TokensPerMinute,
            Endpoint::Mantle => QuotaName::InputTokensPerMinute,
        }
    }
}

/// Attempts are admitted at these times \[ns\], so many by the end of each slice, of which there are no more than `MOST`;
/// for each there is room among the requests.
fn requests_are_made<const MOST: usize>(
    meter: &mut Meter,
    from: SimTime,
    width: u64,
    attempts: impl ExactSizeIterator<Item = usize>,
    made: &[u64],
) {
    // Each is one request, and gives nothing back.
    let (mut flows, slices) = ([Flows::default(); MOST], attempts.len());
    let mut before = 0;
    for (flows, attempts) in flows.iter_mut().zip(attempts) {
        *flows = Flows { attempts, asked: (attempts - before) as u64, ..Flows::default() };
        before = attempts;
    }
    meter.live_through(&Stretch {
        from,
        width,
        slices: &flows[..slices],
        made,
        costs: &[1; MOST_ATTEMPTS][..made.len()],
        ends: |_, _: &mut Vec<End>| (),
    });
}
