//! Spans of time in which nothing happens but ends and first attempts after a wait for a token, gone through at once.
//!
//! What ends in a slice is known when it begins. So the client can say when it will send, and how much the quota has got
//! back by then is a sum. Then each attempt is a decision of the quota on known numbers. If one comes to more, or what it
//! leads to happens in the span itself, the span ends with it; so it does before what is due there beside plain ends. What
//! keeps a log of its attempts, and a rate of less than one a second, are seen to event by event.
//!
//! *Why*: nobody can predict whether the next event is an end or a token. Here nothing but the limiter waits for the answer.

use super::entry::What;
use super::load::{Ended, Load, Sum};
use super::newcomer::Newcomer;
use super::rationed::Rationed;
use super::track::number_of;
use super::{InOrder, Lane};
use crate::admission::{self, Admit, Walked};
use crate::client::{Response, Sendings};
use crate::engine::draws::BLOCK;
use crate::engine::gauge::Gauge;
use crate::units::{SimSpan, SimTime};

/// The most attempts of a span, and the most ends: a sum of loads has room for so many.
const MOST: usize = 16;

/// A span of time.
#[derive(Debug, Default)]
pub(super) struct Span {
    /// What the ends of attempts are for the client, and the end of the span.
    responses: [Response; MOST + 1],
    /// What has come of those before each of them.
    over: [Over; MOST + 1],
    /// How many attempts end.
    ends: usize,
    /// The quota may flow over before this.
    full_until: SimTime,
}

/// What attempts come to that end one after the other.
#[derive(Debug, Default, Clone, Copy)]
struct Over {
    /// What comes back to the quota [quota tokens].
    back: i64,
    sum: Sum,
    /// By how much they are charged more than they held [quota tokens].
    overdraft: u64,
}

/// Who makes an attempt: the block in which it was drawn, and the place there.
pub(super) type Chosen = (usize, usize, Newcomer);

/// Those who make attempts one after the other, the last first: the block in which they were drawn, and from which place on.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Row<'n> {
    pub(super) block: usize,
    pub(super) first: usize,
    pub(super) newcomers: &'n [Newcomer],
}

/// What comes of a span.
#[derive(Debug, Default, Clone, Copy)]
struct Outcome {
    attempts: usize,
    admitted: usize,
    /// How many attempts have ended.
    ended: usize,
    /// What attempts that are admitted hold, and take beyond that [quota tokens].
    taken: u64,
    overdraft: u64,
}

impl<A: Admit> Lane<'_, '_, A> {
    /// Goes through a span from `now` on, and before `mark`; until when. Some wait for a token.
    #[inline(never)]
    pub(super) fn go_through_span(
        &mut self,
        now: SimTime,
        mark: SimTime,
        rationed: &mut Rationed,
        span: &mut Span,
    ) -> Option<SimTime> {
        if A::KEEPS_A_LOG || now < span.full_until {
            return None;
        }
        if self.track.course.agenda.is_through() {
            let token = self.client.next_send(&self.states[0], rationed.said);
            let in_order = InOrder::new(self.in_progress, None, self.track.moved.admissions);
            self.track.course.agenda.turn(SimTime(token.0 + 1).min(mark), &in_order);
        }
        let (from, (sure, sure_until)) = (now, rationed.sure(now));
        let until = self.look_at_span(from, mark.min(sure_until), span)?;
        let Span { responses, over, ends: due, .. } = &*span;
        let responses = &responses[..=*due];
        let late;
        let mut row = Row::default();
        if sure > 0 {
            row = rationed.next_sure(sure.min(MOST));
        } else if let Some(at) = Sendings::new(&mut self.states[0], rationed.said, responses).peek() {
            let (block, first, newcomer) = self.choose(at, rationed);
            late = [newcomer];
            row = Row { block, first, newcomers: &late };
        }
        let (room, mut outcome, mut to_go) = (self.track.quota.room(), Outcome::default(), None);
        let end_of_slice = self.track.course.agenda.end_of_slice();
        let block = &mut *self.track.source.blocks[row.block];
        let counted = SimTime(block.times[row.first]) >= self.track.marks.warmup();
        let counted_until = if counted { self.track.marks.patience() } else { SimTime::ZERO };
        let mut sendings = Sendings::new(&mut self.states[0], rationed.said, responses);
        let mut pushing = self.track.course.agenda.pushing();
        // If nobody is in the row, nothing is sent, as has been seen; then this only hears of the responses.
        while outcome.admitted < row.newcomers.len().max(1)
            && let Some(now) = sendings.next()
        {
            outcome.attempts += 1;
            let (place, newcomer) = row.member(outcome.admitted);
            let (arrived, service) = (SimTime(block.times[place]), block.timing.service[place]);
            let columns = block.columns_mut();
            // Of whom has a record nothing is asked here: there might be no room to be computed for it.
            let asked = u64::from(newcomer.has_record()).wrapping_sub(1);
            let (cost, charge) = (columns.reservation[place] & asked, columns.charge[place]);
            let ends = now.saturating_add(SimSpan(service));
            let net = over[sendings.responses()].back - outcome.taken as i64;
            let left = room.after((now - from).0, cost, net);
            // One branch: a single one of them nobody can predict.
            let (is_refused, ends_soon) = (left < 0, ends < end_of_slice);
            if newcomer.has_record() | is_refused | ends_soon {
                to_go = Some((place, newcomer));
                break;
            }
            columns.repeats.waited[place] = (now - arrived).0;
            let low = (self.track.moved.admissions + outcome.admitted as u64) as u32 & What::MOST_SLOT;
            let load = Load::small(cost, charge).counted(ends <= counted_until);
            pushing.push(ends, What::end(low), load);
            outcome.taken += cost;
            outcome.overdraft += load.overdraft();
            outcome.admitted += 1;
        }
        pushing.end(outcome.admitted);
        let said = sendings.last();
        let until = if sendings.is_through() { until } else { said };
        outcome.ended = sendings.responses();
        sendings.come_true();
        if outcome.attempts == 0 && outcome.ended == 0 {
            return None;
        }
        self.client.have_come(&mut self.states[0], outcome.ended);
        let index = row.block;
        self.book_span(from, until, outcome, span, row);
        rationed.said = said;
        if sure > 0 {
            rationed.have_gone(outcome.attempts);
        }
        if let Some((place, newcomer)) = to_go {
            self.go(index, place, newcomer, until);
        }
        if rationed.no_more_are_known() {
            self.let_arrive(until, rationed);
        }
        Some(until)
    }

    /// Looks at what is due from `now` on; until when it is nothing but ends, in a slice through which the quota can walk.
    #[inline(always)]
    fn look_at_span(&mut self, now: SimTime, mark: SimTime, span: &mut Span) -> Option<SimTime> {
        let agenda = &self.track.course.agenda;
        let mut until = mark.min(agenda.end_of_slice()).min(self.track.quota.make_ready(now)?);
        let admissions = self.track.moved.admissions;
        let (state, mut over, mut returned) = (&self.states[0], Over::default(), 0);
        span.ends = 0;
        for entry in agenda.due() {
            let (at, load) = (agenda.time_of(entry), entry.load);
            let is_plain = entry.what().is_end() && !load.is_marked() && !load.is_large();
            if at >= until || !is_plain || span.ends == MOST {
                until = until.min(at);
                break;
            }
            let number = admission::Entry(number_of(entry.what().slot(), admissions));
            let refund = self.track.quota.comes_back(number, load.held(), load.charge());
            over.back += refund;
            over.sum.add(load);
            over.overdraft += load.overdraft();
            returned += refund.max(0).cast_unsigned();
            span.responses[span.ends] = state.response(at);
            span.ends += 1;
            span.over[span.ends] = over;
        }
        // Past the horizon all is over with the end of the last counted request.
        let goes_on = !self.track.marks.past_horizon() || self.track.moved.counted_open > span.ends as u64;
        if !goes_on || until <= now || until >= Sendings::ROOM {
            return None;
        }
        span.responses[span.ends] = Response::end(until);
        if !self.track.quota.begin_walk(now, until, returned, admission::Entry(admissions)) {
            span.full_until = until;
            return None;
        }
        Some(until)
    }

    /// Books what has come of a span.
    #[inline(always)]
    fn book_span(&mut self, from: SimTime, until: SimTime, outcome: Outcome, span: &Span, row: Row<'_>) {
        let Outcome { attempts, admitted, ended, taken, overdraft } = outcome;
        let (course, moved) = (&mut *self.track.course, &mut self.track.moved);
        let Over { back, sum, overdraft: over_overdraft } = span.over[ended];
        let all = Ended::of(ended, sum, over_overdraft);
        let begun = admitted as u64;
        if moved.in_flight.has_been_at(begun) && moved.reserved.has_been_at(taken) {
            moved.in_flight.shift(begun, all.ends);
            moved.reserved.shift(taken, all.held);
        } else {
            let block = &self.track.source.blocks[row.block];
            let begun = (0..admitted).map(|nth| {
                let (place, columns) = (row.member(nth).0, block.columns());
                (SimTime(block.times[place] + columns.repeats.waited[place]), columns.reservation[place])
            });
            let over =
                course.agenda.due()[..ended].iter().map(|entry| (course.agenda.time_of(entry), entry.load.held()));
            gauge(begun, over, [&mut moved.in_flight, &mut moved.reserved]);
        }
        moved.charged += all.charged;
        moved.counted_open -= all.counted;
        moved.admissions += begun;
        moved.wakes += attempts as u64;
        course.overdraft = course.overdraft + overdraft - all.overdraft;
        course.agenda.pass_all(ended);
        let taken = taken as i64 - back;
        self.track.quota.end_walk(&Walked { from, until, admitted: begun, taken, made: &[], ends: &[] });
    }
}

impl Row<'_> {
    /// Who makes the attempt after so many, and the place in the block.
    #[inline(always)]
    fn member(&self, after: usize) -> (usize, Newcomer) {
        let nth = self.newcomers.len() - 1 - after;
        // In a block are so many places that nobody need look whether there is this one.
        ((self.first + nth) % BLOCK, self.newcomers[nth])
    }
}

/// Lets what is in flight and reserved go up and down as attempts begin and others are over: when, and what each holds.
#[cold]
fn gauge(
    begun: impl Iterator<Item = (SimTime, u64)>,
    over: impl Iterator<Item = (SimTime, u64)>,
    [in_flight, reserved]: [&mut Gauge; 2],
) {
    let mut over = over.peekable();
    let end = |(_, held): (SimTime, u64), in_flight: &mut Gauge, reserved: &mut Gauge| {
        in_flight.subtract(1);
        reserved.subtract(held);
    };
    for (at, held) in begun {
        // An end comes before the attempts of its instant.
        while let Some(one) = over.next_if(|&(ends, _)| ends <= at) {
            end(one, in_flight, reserved);
        }
        in_flight.add(1);
        reserved.add(held);
    }
    over.for_each(|one| end(one, in_flight, reserved));
}
