//! A gateway whose queue stays in its blocks.
//!
//! Where requests go to the gateway as they arrive and from there to the quota, one after the other, the first in line is
//! the next of the block, and when it may go is known since the one before went. So nobody gets a record to wait with, and
//! none of the wakes and alarms of [`HoldsBack`]: the source hands out departures in place of arrivals. It is drawn no
//! faster than requests leave. At the horizon, from where on only counted requests matter, those that still wait are put in
//! line one by one.
//!
//! *Why*: a record, a line, a wake and counters one by one took two thirds of the time of a paced request.

use super::Lane;
use super::entry::Moment;
use crate::admission::Admit;
use crate::engine::held_back::{HeldBack, HoldsBack as _};
use crate::engine::request::Next;
use crate::tally::FailureCause;
use crate::units::{SimSpan, SimTime};

/// When the gateway opens for the next request, and what led to that. Until the end of a run the gateway itself knows
/// nothing of it: nobody else asks.
#[derive(Debug)]
pub(super) struct Opening {
    at: SimTime,
    /// When somebody last went as it opened.
    last: SimTime,
    /// Who went last: when, and for what price.
    went: Option<(SimTime, u64)>,
    ahead: Ahead,
}

/// Of so many requests the price is found at once.
const PRICED: usize = 32;

/// What the next requests cost at the gateway, and for how long each will keep it busy \[ns\], as long as the mean of
/// answers does not move.
#[derive(Debug)]
struct Ahead {
    mean: u64,
    /// The number of the first, and how many there are of its block.
    first: u64,
    len: u64,
    costs: [u64; PRICED],
    busy: [u64; PRICED],
}

impl Ahead {
    const NONE: Ahead = Ahead { mean: u64::MAX, first: 0, len: 0, costs: [0; PRICED], busy: [0; PRICED] };
}

/// What the next request does, and when.
#[derive(Debug, Clone, Copy)]
struct Turn {
    at: SimTime,
    does: Does,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Does {
    /// It arrives and goes.
    Arrive,
    /// It goes as the gateway opens.
    Go,
    /// It meets its deadline.
    GiveUp,
}

impl Turn {
    /// What comes before it: everything at its instant, or all but retries. All that go as the gateway opens once go
    /// together.
    #[inline(always)]
    fn moment(self, opening: &Opening) -> Moment {
        match self.does {
            Does::Go if self.at == opening.last => Moment::before(self.at),
            Does::Arrive => Moment::before(SimTime(self.at.0 + 1)),
            Does::Go | Does::GiveUp => Moment::before_retries(self.at),
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// When the gateway opens, if the queue in front of it can stay in its blocks.
    pub(super) fn opening(&mut self) -> Option<Opening> {
        let model = self.workload.model;
        let is_simple = model.pace.is_some()
            && model.concurrency.is_none()
            && !self.client.has_limiter()
            && !self.client.saves_up()
            && !self.workload.inspected
            && !self.workload.books_first_token
            && !self.flow.faults.any()
            && !self.track.marks.are_cut();
        if !is_simple {
            return None;
        }
        let now = self.track.marks.last();
        if self.track.marks.past_horizon() {
            self.put_in_line(now);
            return None;
        }
        Some(Opening { at: self.held_back.opens(model.pool, now), last: SimTime::MAX, went: None, ahead: Ahead::NONE })
    }

    /// Runs until the next mark, with a gateway whose queue stays in its blocks.
    pub(super) fn run_paced(&mut self, mark: SimTime, mut opening: Opening) {
        loop {
            let turn = self.turn(opening.at);
            let moment = turn.moment(&opening).min(Moment::before(mark));
            while let Some((at, due)) = self.next_before(moment) {
                self.happens(due, at);
            }
            if turn.at >= mark {
                if let Some((at, cost)) = opening.went {
                    // What it had taken before has flowed in.
                    self.held_back.take(self.workload.model.pool, cost, at);
                }
                return;
            }
            self.take_turn(turn, &mut opening);
        }
    }

    /// What the next request does.
    #[inline(always)]
    fn turn(&self, opening: SimTime) -> Turn {
        let arrives = self.track.source.next_time();
        if arrives >= opening || arrives == SimTime::MAX {
            return Turn { at: arrives, does: Does::Arrive };
        }
        let late = self.workload.model.deadline.map_or(SimTime::MAX, |deadline| arrives.saturating_add(deadline));
        if late <= opening && late < SimTime::MAX {
            Turn { at: late, does: Does::GiveUp }
        } else {
            Turn { at: opening, does: Does::Go }
        }
    }

    /// The next request does what it is its turn to do.
    #[inline(always)]
    fn take_turn(&mut self, turn: Turn, opening: &mut Opening) {
        let Turn { at: now, does } = turn;
        let (place, arrived) = (self.track.source.place, self.track.source.next_time());
        let counted = arrived >= self.track.marks.warmup();
        self.track.moved.counted_open += u64::from(counted);
        if does == Does::GiveUp {
            self.track.moved.wakes += 1;
            let slot = self.enrol_refused(place, arrived, counted);
            self.fail(slot, FailureCause::DeadlineExceeded);
        } else {
            // All that go as it opens once are one event.
            self.track.moved.wakes += u64::from(does == Does::Go && now != opening.last);
            if does == Does::Go {
                opening.last = now;
            }
            let (cost, busy) = self.price_of_next(&mut opening.ahead);
            opening.went = Some((now, cost));
            opening.at = now.saturating_add(SimSpan(busy));
            self.leave(place, now, counted);
        }
        self.track.source.place += 1;
        if self.track.source.place == self.track.source.end {
            self.block_has_left(now);
        }
    }

    /// What the next request costs at the gateway, and for how long it will keep it busy \[ns\].
    #[inline(always)]
    fn price_of_next(&mut self, ahead: &mut Ahead) -> (u64, u64) {
        let number = self.track.source.number();
        let known = number.wrapping_sub(ahead.first) < ahead.len && ahead.mean == self.held_back.mean_answer(0);
        if !known {
            self.look_at_prices(ahead);
        }
        let nth = (number - ahead.first) as usize % PRICED;
        (ahead.costs[nth], ahead.busy[nth])
    }

    /// Finds the prices of the next requests of the block.
    #[inline(never)]
    fn look_at_prices(&mut self, ahead: &mut Ahead) {
        let (model, mean) = (self.workload.model, self.held_back.mean_answer(0));
        let gateway = self.held_back.gateway(model.pool);
        let (block, place) = (self.track.source.block(), self.track.source.place);
        let len = PRICED.min(block.len - place);
        (ahead.mean, ahead.first, ahead.len) = (mean, block.first + place as u64, len as u64);
        for (place, (cost, busy)) in (place..place + len).zip(ahead.costs.iter_mut().zip(&mut ahead.busy)) {
            let demand = block.tokens.get(place).demand(self.flow.max_tokens);
            *cost = HeldBack::price(model, mean, self.pool_model, demand);
            *busy = gateway.time_for(*cost).unwrap_or(u64::MAX);
        }
    }

    /// A request makes its first attempt, maybe after a wait for its gateway.
    #[inline(always)]
    fn leave(&mut self, place: usize, now: SimTime, counted: bool) {
        let block = self.track.source.block_mut();
        let (waited, service) = (now.0 - block.times[place], block.timing.service[place]);
        let columns = block.columns_mut();
        let deadline = self.workload.model.deadline;
        let too_long = deadline.is_some_and(|deadline| waited.saturating_add(service) > deadline.0);
        if columns.foresight.at_once.is[place] || too_long {
            self.special_arrival(place, now, counted);
            return;
        }
        if waited > 0 {
            columns.ends[place] = now.saturating_add(SimSpan(service));
            columns.repeats.hold_back(place, waited);
        }
        self.first_attempt(place, now, counted);
    }

    /// Puts all that have arrived in line.
    fn put_in_line(&mut self, now: SimTime) {
        let model = self.workload.model;
        while self.track.source.next_time() < SimTime::MAX {
            let (place, arrived) = (self.track.source.place, self.track.source.next_time());
            let counted = arrived >= self.track.marks.warmup();
            self.track.moved.counted_open += u64::from(counted);
            let slot = self.enrol_refused(place, arrived, counted);
            self.join(model.pool, u64::from(model.priority), slot, Next::Pace, arrived);
            self.track.source.place += 1;
            if self.track.source.place == self.track.source.end {
                self.block_has_left(now);
            }
        }
        if self.first(model.pool).is_some() {
            self.wake_for_gateway(model.pool, now);
        }
    }
}
