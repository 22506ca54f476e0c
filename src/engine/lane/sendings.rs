//! Spans of time in which nothing happens but ends and first attempts after a wait for a token, gone through at once.
//!
//! What ends in a slice is known when it begins. So the client can say when it will send, and how much the quota has got
//! back by then is a sum. Then each attempt is a decision of the quota on known numbers. If one comes to more, or what it
//! leads to happens in the span itself, the span ends with it; so it does before what is due there beside plain ends. What
//! keeps a log of its attempts, and a rate of less than one a second, are seen to event by event.
//!
//! *Why*: nobody can predict whether the next event is an end or a token. Here nothing but the limiter waits for the answer.

use super::entry::What;
use super::load::{Ended, Load};
use super::newcomer::Newcomer;
use super::rationed::Rationed;
use super::track::number_of;
use super::{InOrder, Lane};
use crate::admission::{self, Admit, Walked};
use crate::client::{Change, Listener, Sendings};
use crate::engine::gauge::Gauge;
use crate::units::{SimSpan, SimTime};

/// The most attempts of a span, and the most ends.
const MOST: usize = 31;

/// A span of time.
#[derive(Debug, Default)]
pub(super) struct Span {
    /// What the ends of attempts change for the client, and at last the end of the span.
    changes: [Change; MOST + 1],
    /// What has come back before each of them [quota tokens].
    back: [i64; MOST + 1],
    /// How many attempts end.
    ends: usize,
    /// Of each attempt that is admitted, how many had ended by then, and what it and those before it hold [quota tokens].
    admitted: [(usize, u64); MOST],
    /// The quota may flow over before this.
    full_until: SimTime,
}

/// Who makes an attempt: the block in which it was drawn, and the place there.
pub(super) type Chosen = (usize, usize, Newcomer);

/// What comes of a span.
#[derive(Debug, Default, Clone, Copy)]
struct Outcome {
    attempts: u64,
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
        let from = now;
        let (until, listener) = self.look_at_span(from, mark, span)?;
        let (warmup, patience) = (self.track.marks.warmup(), self.track.marks.patience());
        let Span { changes, back, ends: due, admitted, .. } = &mut *span;
        let mut sendings = Sendings::new(&self.states[0], rationed.said, &changes[..=*due]);
        let (room, mut outcome, mut to_go) = (self.track.quota.room(), Outcome::default(), None);
        while outcome.admitted < MOST
            && let Some(now) = sendings.next()
        {
            outcome.attempts += 1;
            let chosen = self.choose(now, rationed);
            let (index, place, newcomer) = chosen;
            let block = &mut *self.track.source.blocks[index];
            let (arrived, service) = (SimTime(block.times[place]), block.timing.service[place]);
            let columns = block.columns_mut();
            let (cost, charge) = (columns.reservation[place], columns.charge[place]);
            let (ends, load) = (now.saturating_add(SimSpan(service)), Load::new(cost, charge, service));
            let net = back[sendings.responses()] - outcome.taken as i64;
            // Of one that is large there is no room to be computed: it goes one by one.
            let fits = !load.is_large() && room.after((now - from).0, cost, net) >= 0;
            if newcomer.slot().is_some() || !fits || ends < until {
                to_go = Some(chosen);
                break;
            }
            columns.repeats.waited[place] = (now - arrived).0;
            let low = (self.track.moved.admissions + outcome.admitted as u64) as u32 & What::MOST_SLOT;
            let load = load.counted(arrived >= warmup && ends <= patience);
            self.track.course.agenda.push(ends, What::end(low), load);
            outcome.taken += cost;
            outcome.overdraft += load.overdraft();
            admitted[outcome.admitted] = (sendings.responses(), outcome.taken);
            outcome.admitted += 1;
            if rationed.no_more_are_known() {
                break;
            }
        }
        outcome.ended = sendings.responses();
        let until = if sendings.is_through() { until } else { sendings.last() };
        rationed.said = sendings.last();
        if outcome.attempts == 0 && outcome.ended == 0 {
            return None;
        }
        self.client.have_sent(&mut self.states[0], &sendings, listener);
        self.book_span(from, until, outcome, span);
        if let Some((index, place, newcomer)) = to_go {
            self.go(index, place, newcomer, until);
        }
        if rationed.no_more_are_known() {
            self.let_arrive(until, rationed);
        }
        Some(until)
    }

    /// Looks at what is due from `now` on; until when it is nothing but ends, in a slice through which the quota can walk, and
    /// who has heard of them.
    #[inline(always)]
    fn look_at_span(&mut self, now: SimTime, mark: SimTime, span: &mut Span) -> Option<(SimTime, Listener)> {
        let agenda = &self.track.course.agenda;
        let mut until = mark.min(agenda.end_of_slice()).min(self.track.quota.make_ready(now)?);
        let admissions = self.track.moved.admissions;
        let (mut listener, mut back, mut returned) = (self.states[0].listener(), 0, 0);
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
            back += refund;
            returned += refund.max(0).cast_unsigned();
            span.changes[span.ends] = listener.hear(at);
            span.ends += 1;
            span.back[span.ends] = back;
        }
        // Past the horizon all is over with the end of the last counted request.
        let goes_on = !self.track.marks.past_horizon() || self.track.moved.counted_open > span.ends as u64;
        if !goes_on || until <= now {
            return None;
        }
        span.changes[span.ends] = Change::end(until);
        if !self.track.quota.begin_walk(now, until, returned, admission::Entry(admissions)) {
            span.full_until = until;
            return None;
        }
        Some((until, listener))
    }

    /// Books what has come of a span.
    #[inline(always)]
    fn book_span(&mut self, from: SimTime, until: SimTime, outcome: Outcome, span: &Span) {
        let Outcome { attempts, admitted, ended, taken, overdraft } = outcome;
        let (course, moved) = (&mut *self.track.course, &mut self.track.moved);
        let over = &course.agenda.due()[..ended];
        let mut all = Ended::default();
        for entry in over {
            all.add(entry.load);
        }
        let begun = admitted as u64;
        if moved.in_flight.has_been_at(begun) && moved.reserved.has_been_at(taken) {
            moved.in_flight.shift(begun, all.ends);
            moved.reserved.shift(taken, all.held);
        } else {
            let held = over.iter().map(|entry| entry.load.held());
            gauge(&span.admitted[..admitted], held, [&mut moved.in_flight, &mut moved.reserved]);
        }
        moved.charged += all.charged;
        moved.counted_open -= all.counted;
        moved.admissions += begun;
        moved.wakes += attempts;
        course.overdraft = course.overdraft + overdraft - all.overdraft;
        course.agenda.pass_all(ended);
        let taken = taken as i64 - span.back[ended];
        self.track.quota.end_walk(&Walked { from, until, admitted: begun, taken, made: &[], ends: &[] });
    }
}

/// Lets what is in flight and reserved go up and down as attempts are made and end, which held so much.
#[cold]
fn gauge(admitted: &[(usize, u64)], mut held: impl Iterator<Item = u64>, [in_flight, reserved]: [&mut Gauge; 2]) {
    let (mut over, mut before) = (0, 0);
    let end = |held: u64, in_flight: &mut Gauge, reserved: &mut Gauge| {
        in_flight.subtract(1);
        reserved.subtract(held);
    };
    for &(ended, taken) in admitted {
        held.by_ref().take(ended - over).for_each(|held| end(held, in_flight, reserved));
        in_flight.add(1);
        reserved.add(taken - before);
        (over, before) = (ended, taken);
    }
    held.for_each(|held| end(held, in_flight, reserved));
}
