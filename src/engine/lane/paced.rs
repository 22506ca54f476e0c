//! A gateway whose queue stays in its blocks.
//!
//! Where requests go to the gateway as they arrive and from there to the quota, one after the other, the first in line is
//! the next of the block, and when it may go is known since the one before went. So nobody gets a record to wait with, and
//! none of the wakes and alarms of [`HoldsBack`]: the source hands out [`Departures`] in place of arrivals. It is drawn no
//! faster than requests leave, and they leave in stretches (`departing`) or, here, one by one. At the horizon, from where
//! on only counted requests matter, those that still wait are put in line.
//!
//! *Why*: a record, a line, a wake and counters one by one took two thirds of the time of a paced request.

use super::Lane;
use super::departures::{Departure, Departures, Leaves, Opening, Terms};
use super::entry::Moment;
use super::leeway::Told;
use super::outputs::UNHEARD;
use super::prices::PriceTerms;
use crate::admission::{Admission, Admit};
use crate::engine::held_back::HoldsBack as _;
use crate::engine::request::Next;
use crate::units::{SimSpan, SimTime};

/// A gateway with its queue. Between two marks the gateway itself knows nothing of it: nobody else asks.
#[derive(Debug)]
pub(super) struct Queue {
    /// Of the quota, until the next mark [quota tokens per minute].
    limit: u64,
    opening: Opening,
    /// Who went last: when, and for what price.
    went: Option<(SimTime, u64)>,
    pub(super) terms: Terms,
    pub(super) departures: Departures,
    /// In the stretch at hand.
    pub(super) told: Told,
}

impl Departure {
    /// What comes before it: everything at its instant, or all but retries. All that go as the gateway opens once go
    /// together.
    #[inline(always)]
    fn moment(&self) -> Moment {
        match self.leaves {
            Leaves::WithTheLast => Moment::before(self.at),
            Leaves::AsItArrives => Moment::before(SimTime(self.at.0 + 1)),
            Leaves::AsItOpens => Moment::before_retries(self.at),
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// The gateway's queue, if it can stay in its blocks.
    pub(super) fn gateway_queue(&mut self) -> Option<Box<Queue>> {
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
        let marks = self.track.marks;
        let now = marks.last();
        if marks.past_horizon() {
            self.put_in_line(now);
            return None;
        }
        let terms = Terms {
            deadline: model.deadline.map_or(u64::MAX, |deadline| deadline.0),
            warmup: marks.warmup(),
            horizon: marks.horizon(),
            patience: marks.patience(),
            marked: model.read_timeout.is_some(),
        };
        let (opens, limit) = (self.held_back.opens(model.pool, now), self.held_back.gateway(model.pool).limit());
        let mut queue = self.queue.take().unwrap_or_else(|| {
            if !self.workload.books_end() {
                self.in_progress.outputs.begin();
            }
            Box::new(Queue::new(terms))
        });
        if queue.limit != limit || queue.opening.at.max(now) != opens {
            // The quota has changed.
            queue.limit = limit;
            queue.opening = Opening { at: opens, last: SimTime::MAX };
            queue.departures.begin_at(self.track.source.place, queue.opening);
        }
        Some(queue)
    }

    /// Runs until the next mark, with a gateway whose queue stays in its blocks.
    pub(super) fn run_paced(&mut self, mark: SimTime, mut queue: Box<Queue>) {
        loop {
            self.look_at_departures(&mut queue);
            if self.live_through_departures(mark, &mut queue) {
                continue;
            }
            let next = queue.departures.first();
            let goes = next.filter(|next| next.at < mark);
            let moment = goes.map_or(Moment::before(mark), |next| next.moment());
            if goes.is_none() && self.give_up_before(mark, next, &mut queue) {
                continue;
            }
            while let Some((at, due)) = self.next_before(moment) {
                self.happens(due, at);
            }
            let Some(next) = goes else { break };
            // When it goes stands; when the gateway opens after it depends on what has been heard by now.
            self.look_at_departures(&mut queue);
            self.leave(next, &mut queue);
        }
        if let Some((at, price)) = queue.went.take() {
            // What it had taken before has flowed in.
            self.held_back.take(self.workload.model.pool, price, at);
        }
        *self.queue = Some(queue);
    }

    /// Sees to it that the next departures are known, as far as the block goes.
    #[inline(always)]
    fn look_at_departures(&mut self, queue: &mut Queue) {
        let mean = self.held_back.mean_answer(0);
        if queue.departures.mean != mean {
            queue.departures.mean = mean;
            queue.departures.forget(self.track.source.place, queue.opening);
        }
        if queue.departures.to_look_at(self.track.source.block().len).is_some() {
            self.look_at_more(queue);
        }
    }

    #[inline(never)]
    fn look_at_more(&mut self, queue: &mut Queue) {
        let Queue { terms, departures, .. } = queue;
        let (workload, law, max_tokens) = (self.workload.model, self.pool_model.law(), self.flow.max_tokens);
        let block = self.track.source.block_mut();
        let gateway = &*self.held_back.gateway(workload.pool);
        let share = workload.pace.map_or(1.0, |pace| pace.0);
        while let Some(range) = departures.to_look_at(block.len) {
            let mean = departures.mean;
            departures.prices.compute(
                range.clone(),
                &block.tokens,
                PriceTerms { share, law, gateway, max_tokens, mean },
            );
            departures.look(range, block, terms);
        }
    }

    /// The next request to leave makes its first attempt; those before it are given up.
    #[inline(always)]
    fn leave(&mut self, next: Departure, queue: &mut Queue) {
        let Departure { place, at: now, leaves, output, .. } = next;
        let given_up = place - self.track.source.place;
        self.track.moved.wakes += given_up as u64 + u64::from(leaves == Leaves::AsItOpens);
        self.track.source.place = place;
        queue.goes(place, now, (leaves != Leaves::AsItArrives).then_some(now));
        queue.departures.pass(1);

        let block = self.track.source.block_mut();
        let counted = block.times[place] >= queue.terms.warmup.0;
        let columns = block.columns_mut();
        let (cost, charge) = (columns.reservation[place], columns.charge[place]);
        if next.is_special {
            self.track.moved.counted_open += u64::from(counted);
            self.special_arrival(place, now, counted);
        } else {
            match self.track.quota.admit(now, cost) {
                Admission::Admitted(_) => {
                    // If it is cut off, its deadline is an event, and nobody waits for its end.
                    let is_heard = output != UNHEARD;
                    self.track.moved.wakes += u64::from(!is_heard);
                    self.track.moved.counted_open += u64::from(counted & is_heard);
                    let number = self.track.depart(next.ends, cost, charge, next.load);
                    if !self.workload.books_end() {
                        self.in_progress.outputs.insert(number, output, next.ends, now);
                    } else if is_heard {
                        let news = self.news_of_next();
                        self.in_progress.hearers.insert(number, news);
                    }
                }
                Admission::Refused(refusal) => {
                    columns.count_apart(place);
                    self.track.moved.counted_open += u64::from(counted);
                    self.refused_at_first(place, now, counted, refusal.counted_under);
                }
            }
        }
        self.track.source.place += 1;
        self.block_may_have_left(now, queue);
    }

    /// If all requests of the block have left, goes on with the next; whether they have.
    #[inline(always)]
    fn block_may_have_left(&mut self, now: SimTime, queue: &mut Queue) -> bool {
        let has_left = self.track.source.place == self.track.source.end;
        if has_left {
            self.block_has_left(now);
            queue.departures.begin_at(0, queue.opening);
        }
        has_left
    }

    /// Those before the next to leave are given up whose deadline comes before the mark; whether all of the block have
    /// left then.
    #[inline(never)]
    fn give_up_before(&mut self, mark: SimTime, next: Option<Departure>, queue: &mut Queue) -> bool {
        let end = next.map_or(queue.departures.seen(), |next| next.place);
        while self.track.source.place < end
            && self.track.source.next_time().0.saturating_add(queue.terms.deadline) < mark.0
        {
            self.track.moved.wakes += 1;
            self.track.source.place += 1;
        }
        self.block_may_have_left(mark, queue)
    }

    /// Puts all that have arrived in line.
    fn put_in_line(&mut self, now: SimTime) {
        let model = self.workload.model;
        while self.track.source.next_time() < SimTime::MAX {
            let (place, arrived) = (self.track.source.place, self.track.source.next_time());
            let counted = arrived >= self.track.marks.warmup();
            self.track.moved.counted_open += u64::from(counted);
            self.track.source.block_mut().columns_mut().count_apart(place);
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

impl Queue {
    fn new(terms: Terms) -> Queue {
        let opening = Opening { at: SimTime::ZERO, last: SimTime::MAX };
        let (departures, told) = (Departures::new(), Told::default());
        Queue { limit: 0, opening, went: None, terms, departures, told }
    }

    /// The request in this place goes; and the gateway last opened for somebody then, if it has of late.
    #[inline(always)]
    pub(super) fn goes(&mut self, place: usize, now: SimTime, opened: Option<SimTime>) {
        self.went = Some((now, self.departures.prices.prices[place]));
        let at = now.saturating_add(SimSpan(self.departures.prices.busy[place]));
        self.opening = Opening { at, last: opened.unwrap_or(self.opening.last) };
    }
}
