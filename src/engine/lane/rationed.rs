//! A client whose requests wait for nothing but its limiter's send tokens, and go in any order (boto3's adaptive mode).
//!
//! Where a token is missing, all know when there will be one, and until then whoever comes joins those that wait: as they
//! were drawn, half a cache line each, in a [`Crowd`]. The time is known anew after each response, and whoever goes then
//! needs no record unless the quota refuses: the requests that are admitted after such a wait are gathered in a block of
//! their own, and counted with it, as other blocks are.
//!
//! *Why*: a record, a place in a line, a wake for each response and counters one by one took more than three quarters of
//! the time of a request that had to wait.

use super::entry::{Entry, Moment};
use super::load::Load;
use super::newcomer::Newcomer;
use super::{Lane, News};
use crate::admission::{Admission, Admit};
use crate::client::{Call, Send, Waiters};
use crate::engine::compiled::{CompiledWorkload, Flow};
use crate::engine::crowd::Crowd;
use crate::engine::draws::BLOCK;
use crate::engine::first_attempt::Verdict;
use crate::engine::held_back::HoldsBack as _;
use crate::engine::request::Next;
use crate::model::QuotaName;
use crate::units::{SimSpan, SimTime};

/// How many arrivals are looked at together.
const AT_ONCE: usize = 4;

/// Those that wait for a send token.
#[derive(Debug, Default)]
pub(super) struct Rationed {
    crowd: Crowd<Newcomer>,
    /// The first place of the current block whose request has come since, but has not joined them.
    first_to_join: usize,
    /// When the limiter has last said for when it expects a token: with the last response or attempt.
    said: SimTime,
    /// Blocks in which those are gathered that have waited, of uncounted requests and of counted ones.
    gathered: [Option<usize>; 2],
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
        while !(past_horizon && self.track.moved.counted_open == 0) {
            let through = if self.nobody_waits(rationed) {
                self.run_while_nobody_waits(mark, rationed)
            } else {
                self.run_while_some_wait(mark, rationed)
            };
            if through {
                break;
            }
        }
        self.let_join(rationed);
        for gathered in rationed.gathered {
            self.count_gathered(gathered);
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
    fn run_while_some_wait(&mut self, mark: SimTime, rationed: &mut Rationed) -> bool {
        let past_horizon = self.track.marks.past_horizon();
        while !self.nobody_waits(rationed) {
            let (at, first) = self.track.course.agenda.first();
            let (token, next) = if at < mark && self.states[0].sends_later(rationed.said, at) {
                self.track.course.agenda.pass(true);
                (SimTime::MAX, Some((at, first)))
            } else {
                let token = self.client.next_send(&self.states[0], rationed.said);
                // A token comes after what else is due at its instant, but before retries and arrivals.
                (token, self.next_before(Moment::before_retries(token).min(Moment::before(mark))))
            };
            if let Some((at, due)) = next {
                if due.what().is_end() {
                    // An end that nobody hears of moves nothing.
                    if self.responds(due, at) {
                        rationed.said = at;
                    }
                } else {
                    self.let_arrive(at, rationed);
                    self.let_join(rationed);
                    self.awakes(due, at, rationed);
                }
            } else {
                self.let_arrive(token.min(mark), rationed);
                if token >= mark {
                    return true;
                }
                self.let_go(token, rationed);
            }
            if past_horizon && self.track.moved.counted_open == 0 {
                return true;
            }
        }
        false
    }

    /// An attempt ends; whether the client hears of it.
    #[inline(always)]
    fn responds(&mut self, due: Entry, now: SimTime) -> bool {
        let number = self.track.settle(due, now);
        let call = if self.in_progress.hearers.has(number) { self.heard(number) } else { Some(Call::default()) };
        if let Some(call) = call {
            self.client.after_success(&mut self.states[0], &call, now);
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
    #[inline(always)]
    fn let_arrive(&mut self, until: SimTime, rationed: &mut Rationed) {
        loop {
            let source = &mut *self.track.source;
            // Counted: a branch for each could not be predicted.
            let times = &source.block().times[source.place..source.place + AT_ONCE];
            let come: usize = times.iter().map(|&at| usize::from(at < until.0)).sum();
            source.place += come;
            if source.place == source.end {
                self.let_join(rationed);
                self.block_has_left(until);
                rationed.first_to_join = 0;
            } else if come < AT_ONCE {
                return;
            }
        }
    }

    /// All join those that wait which have come since.
    #[inline(never)]
    fn let_join(&mut self, rationed: &mut Rationed) {
        let warmup = self.track.marks.warmup().0;
        let places = rationed.first_to_join..self.track.source.place;
        rationed.first_to_join = places.end;
        for place in places.clone() {
            let newcomer = self.newcomer(place);
            rationed.crowd.join(newcomer.unwrap_or_else(|| self.recorded_newcomer(place)));
        }
        let block = self.track.source.block_mut();
        block.columns_mut().verdicts[places.clone()].fill(Verdict::Refused);
        let counted = places.len() - block.times[places].partition_point(|&at| at < warmup);
        self.track.moved.counted_open += counted as u64;
    }

    /// A request that has come gets its record at once, of which there is more to know.
    #[inline(never)]
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
    }

    /// There may be tokens for some of those that wait.
    #[inline(always)]
    fn let_go(&mut self, now: SimTime, rationed: &mut Rationed) {
        self.track.moved.wakes += 1;
        rationed.said = now;
        while let Send::Now = self.client.before_send(&mut self.states[0], &Call::default(), now) {
            let newcomer = self.pick(rationed);
            match newcomer.slot() {
                None => self.go_after_wait(newcomer, now, rationed),
                Some(slot) => self.go_with_record(slot, now),
            }
            if self.nobody_waits(rationed) || self.states[0].sends_later(now, now) {
                return;
            }
        }
    }

    /// Takes out one of those that wait, any.
    #[inline(always)]
    fn pick(&mut self, rationed: &mut Rationed) -> Newcomer {
        let key = self.waiters;
        let bits = |draw| key.attempt_bits(0, draw);
        if !rationed.crowd.has_next() {
            self.let_join(rationed);
            rationed.crowd.pick_some(bits);
        }
        let to_join = self.track.source.place - rationed.first_to_join;
        match rationed.crowd.choose(to_join, bits) {
            Some(late) => {
                self.let_join(rationed);
                rationed.crowd.take_late(late)
            }
            None => rationed.crowd.take_next().expect("somebody waits"),
        }
    }

    /// A request that has a record makes an attempt after a wait.
    #[inline(never)]
    fn go_with_record(&mut self, slot: u32, now: SimTime) {
        self.end_line_wait(slot, now);
        self.attempt(slot, now);
    }

    /// A request makes its first attempt after a wait.
    #[inline(always)]
    fn go_after_wait(&mut self, newcomer: Newcomer, now: SimTime, rationed: &mut Rationed) {
        let counted = newcomer.arrived >= self.track.marks.warmup();
        let (law, demand) = (self.pool_model.law(), newcomer.demand(self.flow.max_tokens));
        let cost = law.reservation(&demand).0;
        match self.track.quota.admit(now, cost) {
            Admission::Admitted(_) => {
                let (charge, service) = (law.charge(&demand).0, newcomer.timing().service);
                let ends = now.saturating_add(SimSpan(service));
                let load = Load::new(cost, charge, service).counted(counted && ends <= self.track.marks.patience());
                self.track.depart(ends, cost, charge, load);
                let gathered = &mut rationed.gathered[usize::from(counted)];
                self.gather(newcomer, demand.output().0 as u32, [cost, charge], now, gathered);
            }
            Admission::Refused(refusal) => {
                self.refused_after_wait(newcomer, cost, now, counted, refusal.counted_under);
            }
        }
    }

    /// The first attempt of a request that has waited was refused: it gets its record.
    #[inline(never)]
    fn refused_after_wait(&mut self, newcomer: Newcomer, cost: u64, now: SimTime, counted: bool, limit: QuotaName) {
        let slot = self.enrol_newcomer(&newcomer, cost, now, counted);
        self.refused_without_record(slot, now, counted, limit);
    }

    /// Puts a request that is admitted after a wait, at its cost and charge, with others of its kind: in no order, but all of
    /// them counted or none.
    #[inline(always)]
    fn gather(
        &mut self,
        newcomer: Newcomer,
        output: u32,
        [cost, charge]: [u64; 2],
        now: SimTime,
        gathered: &mut Option<usize>,
    ) {
        let index = gathered.unwrap_or_else(|| self.begin_gathering(gathered));
        debug_assert!(self.health.is_none(), "they are not in the order in which they arrived");
        let block = &mut *self.track.source.blocks[index];
        let (arrived, timing) = (newcomer.arrived, newcomer.timing());
        let place = block.len % BLOCK;
        block.len += 1;
        block.times[place] = arrived.0;
        (block.timing.ttft[place], block.timing.service[place]) = (timing.ttft, timing.service);
        block.tokens.input[place] = newcomer.input;
        (block.tokens.output[place], block.tokens.capped[place]) = (newcomer.output, output);
        let full = block.len == BLOCK;
        let columns = block.columns_mut();
        (columns.reservation[place], columns.charge[place]) = (cost, charge);
        columns.repeats.went_after(place, (now - arrived).0);
        if full {
            self.count_gathered(Some(index));
        }
    }

    /// Makes a block for those that have waited; which it is.
    #[cold]
    fn begin_gathering(&mut self, gathered: &mut Option<usize>) -> usize {
        let source = &mut *self.track.source;
        let mut block = source.blocks[source.current].clone();
        (block.len, block.counted) = (0, 0);
        block.tokens.cache_read.fill(0);
        block.tokens.cache_write.fill(0);
        block.columns_mut().verdicts.fill(Verdict::Admitted);
        source.blocks.push(block);
        let index = source.blocks.len() - 1;
        *gathered = Some(index);
        index
    }

    /// Counts those that have been gathered in a block, which is then empty.
    #[inline(never)]
    fn count_gathered(&mut self, gathered: Option<usize>) {
        let Some(index) = gathered else { return };
        self.count_block(index);
        let block = &mut self.track.source.blocks[index];
        (block.len, block.counted) = (0, 0);
    }
}
