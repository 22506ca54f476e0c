//! A client whose requests wait for nothing but its limiter's send tokens, and go in any order (boto3's adaptive mode).
//!
//! Where a token is missing, all know when there will be one, and until then whoever comes joins those that wait, in a
//! [`Crowd`]. The time is known anew after each response, and whoever goes then needs no record unless the quota refuses:
//! those that go are drawn into blocks of their own, and counted with them, as other blocks are.
//!
//! Between two tokens nothing but ends changes anything. Who has come meanwhile is of interest when somebody is picked that
//! may be one of them, which is seldom where many wait.
//!
//! *Why*: a record, a place in a line, a wake for each response and counters one by one took more than three quarters of
//! the time of a request that had to wait.

use super::entry::{Entry, Moment};
use super::load::Load;
use super::newcomer::{Blocks, Gathered, Newcomer};
use super::sendings::{Chosen, Row, Span};
use super::{Lane, News};
use crate::admission::{Admission, Admit};
use crate::client::{Call, Send, Waiters};
use crate::engine::block_count::Books;
use crate::engine::compiled::{CompiledWorkload, Flow};
use crate::engine::crowd::Crowd;
use crate::engine::first_attempt::Verdict;
use crate::engine::held_back::HoldsBack as _;
use crate::engine::observer::Observer;
use crate::engine::request::Next;
use crate::engine::simulation::Simulation;
use crate::engine::source::{AHEAD, Drawn};
use crate::units::{SimSpan, SimTime};

/// So many requests may wait again before it is asked anew who may have been late.
const RETRIES: u32 = 16;

/// Those that wait for a send token.
#[derive(Debug, Default)]
pub(super) struct Rationed {
    crowd: Crowd<Newcomer>,
    blocks: Blocks,
    /// The first place of the current block whose request has come since, but has not joined them.
    first_to_join: usize,
    /// When the limiter has last said for when it expects a token: with the last response or attempt.
    pub(super) said: SimTime,
    /// Those that have been picked to go, who is next at the end, and before them those that went before.
    early: Gathered,
    /// The place there of the last of them.
    last: usize,
    /// It is not known for longer whether they go, as others arrive.
    sure_until: SimTime,
    /// Nor if more requests wait again than so many.
    more_may_join: u32,
    /// Those that went although they were late.
    late: Gathered,
    span: Span,
    /// When there were responses in a stretch \[ns\].
    pub(super) responses: Vec<u64>,
}

impl Rationed {
    /// Whether requests of a workload wait for nothing but their backoff and the limiter of one client, which lets them
    /// go in any order; each may be given up while its answer is awaited, but not before.
    pub(super) fn suits(workload: &CompiledWorkload<'_>, flow: &Flow) -> bool {
        let (model, client) = (workload.model, &workload.client);
        client.has_limiter()
            && client.waiters() == Waiters::WokenByUpdates
            && model.clients == 1
            && model.concurrency.is_none()
            && model.pace.is_none()
            && model.deadline.is_none()
            && !workload.inspected
            && !flow.faults.any()
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    /// Runs until the next mark, or until each counted request has ended if that comes first and is what matters now.
    #[inline(never)]
    pub(super) fn run_rationed(&mut self, mark: SimTime, rationed: &mut Rationed) {
        let past_horizon = self.track.marks.past_horizon();
        rationed.first_to_join = self.track.source.place;
        let mut span = std::mem::take(&mut rationed.span);
        while !(past_horizon && self.track.moved.counted_open == 0) {
            let through = if self.nobody_waits(rationed) {
                self.run_while_nobody_waits(mark, rationed)
            } else {
                self.run_while_some_wait(mark, rationed, &mut span)
            };
            if through {
                break;
            }
        }
        rationed.span = span;
        self.let_join(rationed);
        if self.track.marks.are_cut() {
            // What has come of them belongs to this batch.
            for gathered in rationed.leave_in_block(&mut self.track.source.blocks) {
                self.count_gathered(gathered);
            }
            self.draw_picked(mark, rationed);
        }
    }

    #[inline(always)]
    fn nobody_waits(&self, rationed: &Rationed) -> bool {
        rationed.crowd.is_empty() && rationed.first_to_join == self.track.source.place
    }

    /// Runs until the mark, if nobody has to wait for a token before; whether it has come there, or to the end.
    #[inline(always)]
    fn run_while_nobody_waits(&mut self, mark: SimTime, rationed: &mut Rationed) -> bool {
        let past_horizon = self.track.marks.past_horizon();
        self.draw_rest_of_block();
        loop {
            if !past_horizon && self.hears_through_stretch(mark, &mut rationed.responses) {
                continue;
            }
            rationed.first_to_join = self.track.source.place;
            let arrival = self.track.source.next_time();
            let moment = Moment::before(mark.min(SimTime(arrival.0 + 1)));
            while let Some((at, due)) = self.next_before(moment) {
                let may_wait = !due.what().is_end();
                if may_wait {
                    self.awakes(due, at, rationed);
                } else {
                    self.responds(due, at);
                }
                if past_horizon && self.track.moved.counted_open == 0 {
                    return true;
                }
                if may_wait && !rationed.crowd.is_empty() {
                    return false;
                }
            }
            if arrival >= mark {
                return true;
            }
            match self.client.before_send(&mut self.states[0], &Call::default(), arrival) {
                Send::Now => self.arrive_and_go(arrival),
                Send::NotBefore(_) => {
                    rationed.said = arrival;
                    self.let_arrive(SimTime(arrival.0 + 1), rationed);
                    return false;
                }
            }
        }
    }

    /// Runs until the mark, if somebody waits so long; whether it has come there, or to the end.
    #[inline(always)]
    fn run_while_some_wait(&mut self, mark: SimTime, rationed: &mut Rationed, span: &mut Span) -> bool {
        let past_horizon = self.track.marks.past_horizon();
        let mut now = rationed.said.max(self.track.marks.last());
        while !self.nobody_waits(rationed) {
            if let Some(until) = self.go_through_span(now, mark, rationed, span) {
                now = until;
            } else if !self.let_something_happen(&mut now, mark, rationed) {
                return true;
            }
            if past_horizon && self.track.moved.counted_open == 0 {
                return true;
            }
        }
        false
    }

    /// Lets the next thing happen that is due before the mark; whether there is any.
    #[inline(always)]
    fn let_something_happen(&mut self, now: &mut SimTime, mark: SimTime, rationed: &mut Rationed) -> bool {
        let (at, first) = self.track.course.agenda.first();
        let (token, next) = if at < mark && self.states[0].sends_later(rationed.said, at) {
            self.track.course.agenda.pass_all(1);
            (SimTime::MAX, Some((at, first)))
        } else {
            let token = self.client.next_send(&self.states[0], rationed.said);
            // A token comes after what else is due at its instant, but before retries and arrivals.
            (token, self.next_before(Moment::before_retries(token).min(Moment::before(mark))))
        };
        *now = next.map_or(token, |(at, _)| at);
        match next {
            Some((at, due)) if due.what().is_end() => {
                // An end that nobody hears of moves nothing.
                if self.responds(due, at) {
                    rationed.said = at;
                }
            }
            Some((at, due)) => {
                self.let_arrive(at, rationed);
                self.let_join(rationed);
                self.awakes(due, at, rationed);
            }
            None if token < mark => self.let_go(token, rationed),
            None => {
                self.let_arrive(mark, rationed);
                return false;
            }
        }
        true
    }

    /// An attempt ends; whether the client hears of it.
    #[inline(always)]
    fn responds(&mut self, due: Entry, now: SimTime) -> bool {
        let number = self.track.settle(due, now);
        let call = if due.load.is_marked() { self.heard(number) } else { Some(Call::default()) };
        if let Some(call) = call {
            self.client.after_successes_at(&mut self.states[0], &[now.0], call.gives_back().into());
        }
        call.is_some()
    }

    /// What the client remembers of a request with a record whose attempt ends, if it hears of that.
    #[inline(never)]
    fn heard(&mut self, number: u64) -> Option<Call> {
        let News { client, request, .. } = self.in_progress.hearers.take(number)?;
        if client == News::UNHEARD.client {
            return None;
        }
        let call = self.in_progress.waiting.get(request).call;
        self.in_progress.waiting.free(request);
        Some(call)
    }

    /// The next request arrives, and has a token.
    #[inline(always)]
    fn arrive_and_go(&mut self, now: SimTime) {
        let counted = now >= self.track.marks.warmup();
        self.track.moved.counted_open += u64::from(counted);
        self.make_first_attempt(self.track.source.place, now, counted);
        self.next_of_block(now);
    }

    /// All arrive, to wait, that do so before `until`.
    #[inline(never)]
    pub(super) fn let_arrive(&mut self, until: SimTime, rationed: &mut Rationed) {
        loop {
            let source = &mut *self.track.source;
            // Counted: a branch for each could not be predicted.
            let times = &source.block().times[source.place..source.place + AHEAD];
            let come: usize = times.iter().map(|&at| usize::from(at < until.0)).sum();
            source.place += come;
            if source.place == source.end {
                self.let_join(rationed);
                self.all_of_block_have_come();
                rationed.first_to_join = 0;
            } else if come < AHEAD {
                return;
            }
        }
    }

    /// All requests of a block have come, and most or all of them wait.
    fn all_of_block_have_come(&mut self) {
        self.count_block(self.track.source.current);
        if self.track.source.is_random() {
            self.track.source.refill_times();
        } else {
            self.track.source.refill();
        }
    }

    /// More is to be known of the current block than when its requests arrive.
    fn draw_rest_of_block(&mut self) {
        let source = &mut *self.track.source;
        if source.only_times {
            source.draw_rest();
            // All that have come have joined those that waited.
            let come = source.place;
            source.block_mut().columns_mut().verdicts[..come].fill(Verdict::Refused);
        }
    }

    /// All join those that wait which have come since.
    #[inline(never)]
    fn let_join(&mut self, rationed: &mut Rationed) {
        let warmup = self.track.marks.warmup().0;
        let source = &mut *self.track.source;
        let (places, is_random) = (rationed.first_to_join..source.place, source.is_random());
        rationed.first_to_join = places.end;
        let block = source.block_mut();
        block.columns_mut().verdicts[places.clone()].fill(Verdict::Refused);
        let (first, begin, times) = (block.first + places.start as u64, block.times[0], &block.times[places.clone()]);
        let Some(last) = times.last() else { return };
        let counted = times.len() - times.partition_point(|&at| at < warmup);
        self.track.moved.counted_open += counted as u64;
        if is_random && Newcomer::has_room(first + times.len() as u64, last - begin) {
            rationed.blocks.begin(block.first, SimTime(begin));
            rationed.crowd.join_all((first..).zip(times).map(|(number, at)| Newcomer::new(number, at - begin)));
        } else {
            self.draw_rest_of_block();
            for place in places {
                let newcomer = self.recorded_newcomer(place);
                rationed.crowd.join(newcomer);
            }
        }
    }

    /// A request that has come gets its record at once.
    fn recorded_newcomer(&mut self, place: usize) -> Newcomer {
        let came = SimTime(self.track.source.block().times[place]);
        let slot = self.enrol(place, came, came >= self.track.marks.warmup());
        self.begin_line_wait(slot, Next::Limiter, came);
        Newcomer::recorded(slot)
    }

    #[inline(always)]
    fn next_of_block(&mut self, now: SimTime) {
        self.track.source.place += 1;
        if self.track.source.place == self.track.source.end {
            self.block_has_left(now);
        }
    }

    /// A backoff is over, and the request asks for a token; or an attempt is given up.
    #[inline(never)]
    fn awakes(&mut self, due: Entry, now: SimTime, rationed: &mut Rationed) {
        let what = due.what();
        self.track.course.others -= 1;
        if what.is_retry() {
            self.retry_rationed(what.slot(), now, rationed);
        } else {
            self.wakes(what, now);
            rationed.said = now;
        }
    }

    fn retry_rationed(&mut self, slot: u32, now: SimTime, rationed: &mut Rationed) {
        self.track.moved.wakes += 1;
        let request = self.in_progress.waiting.get_mut(slot);
        request.backoff += (now - request.since).0;
        if rationed.crowd.is_empty() {
            match self.client.before_send(&mut self.states[0], &request.call, now) {
                Send::Now => return self.attempt(slot, now),
                Send::NotBefore(_) => rationed.said = now,
            }
        }
        self.begin_line_wait(slot, Next::Limiter, now);
        rationed.crowd.join(Newcomer::recorded(slot));
        match rationed.more_may_join.checked_sub(1) {
            Some(fewer) => rationed.more_may_join = fewer,
            None => self.look_ahead(rationed),
        }
    }

    /// There may be tokens for some of those that wait.
    #[inline(always)]
    fn let_go(&mut self, now: SimTime, rationed: &mut Rationed) {
        self.track.moved.wakes += 1;
        rationed.said = now;
        while let Send::Now = self.client.before_send(&mut self.states[0], &Call::default(), now) {
            let (index, place, newcomer) = self.choose(now, rationed);
            self.go(index, place, newcomer, now);
            if rationed.no_more_are_known() {
                self.let_arrive(now, rationed);
            }
            if self.nobody_waits(rationed) || self.states[0].sends_later(now, now) {
                return;
            }
        }
    }

    /// Takes out one of those that wait, any.
    #[inline(always)]
    pub(super) fn choose(&mut self, now: SimTime, rationed: &mut Rationed) -> Chosen {
        if !rationed.crowd.has_next() {
            self.pick_some(now, rationed);
        }
        let is_sure = now <= rationed.sure_until && rationed.crowd.next_is_sure();
        let late = if is_sure { None } else { self.choose_late(now, rationed) };
        late.unwrap_or_else(|| rationed.next())
    }

    /// Picks some of those that have come.
    #[inline(never)]
    fn pick_some(&mut self, now: SimTime, rationed: &mut Rationed) {
        let key = self.waiters;
        self.let_arrive(now, rationed);
        self.let_join(rationed);
        rationed.crowd.pick_some(|draw| key.attempt_bits(0, draw));
        self.draw_picked(now, rationed);
        self.look_ahead(rationed);
    }

    /// Notes for how long those go that have been picked, whoever arrives of the current block.
    fn look_ahead(&mut self, rationed: &mut Rationed) {
        let (key, source) = (self.waiters, &self.track.source);
        rationed.sure_until = source.last_time();
        rationed.more_may_join = RETRIES;
        let to_come = source.block().len - rationed.first_to_join + RETRIES as usize;
        rationed.crowd.look_ahead(to_come, |draw| key.attempt_bits(0, draw));
    }

    /// One that has waited makes an attempt.
    #[inline(always)]
    pub(super) fn go(&mut self, index: usize, place: usize, newcomer: Newcomer, now: SimTime) {
        match newcomer.slot() {
            None => self.go_after_wait(index, place, newcomer, now),
            Some(slot) => self.go_with_record(slot, now),
        }
    }

    /// Draws all that have been picked.
    fn draw_picked(&mut self, now: SimTime, rationed: &mut Rationed) {
        let Rationed { crowd, blocks, early, last, .. } = rationed;
        let picked = crowd.picked_mut();
        if !picked.is_empty() {
            let (index, place) = self.room_for(picked.len(), now, early);
            *last = place;
            self.look_at_records(picked);
            self.draw_newcomers(index, place, picked, blocks, now);
        }
    }

    /// One who was late, if one is to go rather than the next of those that have been picked.
    #[inline(never)]
    fn choose_late(&mut self, now: SimTime, rationed: &mut Rationed) -> Option<Chosen> {
        let key = self.waiters;
        self.let_arrive(now, rationed);
        let to_join = self.track.source.place - rationed.first_to_join;
        let late = rationed.crowd.choose(to_join, |draw| key.attempt_bits(0, draw));
        let late = late.map(|late| {
            self.let_join(rationed);
            rationed.crowd.take_late(late)
        });
        self.look_ahead(rationed);
        let mut newcomer = [late?];
        let (index, place) = self.room_for(1, now, &mut rationed.late);
        self.draw_newcomers(index, place, &mut newcomer, &rationed.blocks, now);
        Some((index, place, newcomer[0]))
    }

    /// A request that has a record makes an attempt after a wait.
    #[inline(never)]
    fn go_with_record(&mut self, slot: u32, now: SimTime) {
        self.end_line_wait(slot, now);
        self.attempt(slot, now);
    }

    /// The request in this place of a block makes its first attempt after a wait.
    #[inline(always)]
    fn go_after_wait(&mut self, index: usize, place: usize, newcomer: Newcomer, now: SimTime) {
        let block = &mut *self.track.source.blocks[index];
        let (arrived, service) = (SimTime(block.times[place]), block.timing.service[place]);
        let columns = block.columns_mut();
        columns.repeats.waited[place] = (now - arrived).0;
        let (cost, charge) = (columns.reservation[place], columns.charge[place]);
        let counted = arrived >= self.track.marks.warmup();
        match self.track.quota.admit(now, cost) {
            Admission::Admitted(_) => {
                let ends = now.saturating_add(SimSpan(service));
                // What is large has a record.
                let load = Load::small(cost, charge).counted(counted && ends <= self.track.marks.patience());
                self.track.depart(ends, cost, charge, load);
            }
            Admission::Refused(refusal) => {
                // It gets its record.
                let slot = self.enrol_newcomer(index, place, newcomer.number(), arrived, now);
                self.refused_without_record(slot, now, counted, refusal.counted_under);
            }
        }
    }
}

impl Rationed {
    /// Whether nobody waits but those that may have come since.
    #[inline(always)]
    pub(super) fn no_more_are_known(&self) -> bool {
        self.crowd.is_empty()
    }

    /// Takes out the next of those that have been picked: the block in which it was drawn, and the place there.
    #[inline(always)]
    fn next(&mut self) -> Chosen {
        let newcomer = self.crowd.take_next().expect("somebody waits");
        (self.early.block(), self.last + self.crowd.picked().len(), newcomer)
    }

    /// How many of those that have been picked go next for sure from `now` on, and before when they have to; if none, at
    /// any time.
    #[inline(always)]
    pub(super) fn sure(&self, now: SimTime) -> (usize, SimTime) {
        let sure = if now <= self.sure_until { self.crowd.sure() } else { 0 };
        (sure, if sure > 0 { self.sure_until.saturating_add(SimSpan(1)) } else { SimTime::MAX })
    }

    /// The next so many, of whom it is sure that they go.
    #[inline(always)]
    pub(super) fn next_sure(&self, count: usize) -> Row<'_> {
        let picked = self.crowd.picked();
        let first = picked.len() - count;
        Row { block: self.early.block(), first: self.last + first, newcomers: &picked[first..] }
    }

    /// So many have gone of whom it was sure.
    #[inline(always)]
    pub(super) fn have_gone(&mut self, count: usize) {
        self.crowd.take_sure(count);
    }

    /// Blocks of those that have gone, without those that have not.
    fn leave_in_block(&mut self, blocks: &mut [Box<Drawn<'_>>]) -> [&Gathered; 2] {
        let left = self.crowd.picked().len();
        if left > 0 {
            let columns = blocks[self.early.block()].columns_mut();
            (self.last..self.last + left).for_each(|place| columns.count_apart(place));
        }
        [&self.early, &self.late]
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// Counts those that have gone after a wait.
    pub(super) fn close_rationed(&mut self, rationed: &mut Rationed) {
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        for gathered in rationed.leave_in_block(&mut source.blocks) {
            let Some(block) = gathered.block else { continue };
            let books = Books {
                tally: &mut self.tally.flows[0],
                pool: &mut self.pools[usize::from(self.engine.routes[0].pool)],
                health: &mut self.tally.health,
            };
            source.count_block(block, self.engine.flows[0].latency.has_ttft(), &self.marks, books);
        }
    }
}
