//! The loop for clients that remember nothing: a request that is refused stays in its block.
//!
//! A first attempt and a repeated one are then the same thing, an attempt of a place in a block, and an event is either
//! that or an end, which carries all that there is to know of it along. What has become of a request that was refused is
//! noted in a cache line of its own (`trials`), and counted with its block when that is done with. Where a quota has room
//! for whatever comes, whole stretches of time are lived through at once (`stretch`); else most slices of time are, attempt
//! by attempt (`walk`), and the others event by event.
//!
//! *Why*: over the quota most attempts are refused and repeated. A record for each of their requests, a decision of a
//! client that could remember, and counters one by one took a third of the time; and so many branches that nobody can
//! predict, between arrivals and retries on the way in, between first attempts and later ones on the way out, cost as
//! much again.

use super::agenda::Orders;
use super::alarms::NO_REQUEST;
use super::entry::What;
use super::hearers::Hearers;
use super::holders::{Holders, Slots};
use super::refills::Refills;
use super::track::{Course, Track, nobody_hears, number_of};
use super::trials::{Trial, Trials};
use super::walk::{NEVER_GIVES, Walk};
use crate::admission::{Admission, Admit};
use crate::client::{Ladder, RetryQuota};
use crate::engine::block_count::Books;
use crate::engine::draws::BLOCK;
use crate::engine::observer::Observer;
use crate::engine::simulation::{PoolState, Simulation};
use crate::engine::source::{Drawn, OpenSource};
use crate::random::Key;
use crate::tally::{FlowTally, Health, Tally};
use crate::units::{SimSpan, SimTime};

/// What is in progress, and the slice under way.
#[derive(Debug)]
pub(super) struct RepeatingState {
    pub(super) progress: Progress,
    pub(super) walk: Walk,
}

impl RepeatingState {
    /// Before the first of these requests arrives; whether first tokens of their `streams` book successes, and whether they need
    /// slots.
    pub(super) fn new(
        source: &OpenSource<'_>,
        ladder: &Ladder,
        backoff: Key,
        streams: bool,
        is_capped: bool,
    ) -> RepeatingState {
        let (trials, holders) = (Trials::new(ladder, backoff, streams), is_capped.then(Holders::new));
        let mut progress = Progress { trials, blocks: Blocks::default(), holders };
        progress.begin(source.current, source);
        RepeatingState { progress, walk: Walk::default() }
    }
}

/// What is in progress.
#[derive(Debug)]
pub(super) struct Progress {
    pub(super) trials: Trials,
    /// What all blocks so far have in common.
    pub(super) blocks: Blocks,
    /// Who holds slots, where there is a cap on concurrency.
    pub(super) holders: Option<Holders>,
}

/// What all blocks so far have in common.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks {
    /// Whether they are [even](crate::engine::repeats::Outlook::even). One that is not ends walks for good.
    pub(super) even: bool,
    /// The most that a request holds [quota tokens], and the longest that one takes \[ns\].
    pub(super) most_held: u64,
    pub(super) longest: u64,
}

impl Default for Blocks {
    fn default() -> Self {
        Blocks { even: true, most_held: 0, longest: 0 }
    }
}

impl Blocks {
    /// With one more.
    fn with(self, drawn: &Drawn<'_>) -> Blocks {
        let outlook = &drawn.columns().outlook;
        Blocks {
            even: self.even && outlook.even,
            most_held: self.most_held.max(outlook.most_held),
            longest: self.longest.max(outlook.longest),
        }
    }
}

impl Progress {
    /// A block has been drawn.
    fn begin(&mut self, block: usize, source: &OpenSource<'_>) {
        let drawn = &*source.blocks[block];
        debug_assert!(source.blocks.len() * BLOCK < NO_REQUEST as usize, "the memory ends before");
        self.trials.begin(block, drawn);
        self.blocks = self.blocks.with(drawn);
    }
}

/// As a [`Lane`](super::Lane), for clients with a ladder; or what a lane of theirs does with requests that stay in their
/// blocks.
pub(super) struct Repeating<'t, 's, 'a, A> {
    pub(super) track: &'t mut Track<'s, 'a, A>,
    pub(super) progress: &'t mut Progress,
    pub(super) tally: &'t mut FlowTally,
    pub(super) pool: &'t mut PoolState,
    pub(super) health: &'t mut Option<Health>,
    pub(super) has_ttft: bool,
    /// What retries draw on, if on anything.
    pub(super) retry_books: Option<RetryBooks<'t>>,
    /// The slots of its clients, where they are counted.
    pub(super) slots: Option<Slots<'t>>,
}

/// What the retries of a client draw on, and successes give back to.
pub(super) struct RetryBooks<'t> {
    pub(super) quota: &'t mut RetryQuota,
    /// Who else hears of ends.
    pub(super) hearers: &'t Hearers,
    /// If successes are booked with the first tokens of streams: those to come.
    pub(super) refills: Option<&'t mut Refills>,
}

/// An attempt of a request in a block.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) block: usize,
    pub(super) place: usize,
}

impl Place {
    #[inline(always)]
    pub(super) fn of_slot(slot: u32) -> Place {
        Place { block: slot as usize / BLOCK, place: slot as usize % BLOCK }
    }

    /// Its retry.
    #[inline(always)]
    pub(super) fn retry(self) -> What {
        What::retry(self.slot() | NO_REQUEST)
    }

    #[inline(always)]
    pub(super) fn slot(self) -> u32 {
        (self.block * BLOCK + self.place) as u32
    }
}

/// Tells ends and retries of one instant apart.
struct InOrder<'p> {
    trials: &'p [Trial],
    admissions: u64,
}

impl Orders for InOrder<'_> {
    fn order_of(&self, what: What) -> u64 {
        if what.is_end() {
            number_of(what.slot(), self.admissions)
        } else {
            self.trials[(what.slot() & !NO_REQUEST) as usize].ticket
        }
    }
}

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Runs until the next mark, or until each counted request has ended if that comes first and is what matters now.
    /// Nothing happens to any request but attempts.
    fn run(&mut self, walk: &mut Walk) {
        let mark = self.track.marks.next().at();
        let past_horizon = self.track.marks.past_horizon();
        loop {
            let arrival = self.track.source.next_time();
            if self.track.course.agenda.is_through() {
                let calm = !past_horizon && !self.track.course.unrest.lasts() && self.live_through_stretch(mark);
                if calm || (!past_horizon && self.walk_through_slice::<false, NEVER_GIVES, false, false>(walk, mark)) {
                    continue;
                }
                let in_order = InOrder { trials: &self.progress.trials.all, admissions: self.track.moved.admissions };
                self.track.course.agenda.turn(mark.min(SimTime(arrival.0 + 1)), &in_order);
            }
            let (due_at, due) = self.track.course.agenda.first();
            // What is due comes before what arrives at its instant, a mark before both.
            let arrives = arrival < due_at;
            let now = arrival.min(due_at);
            if now >= mark {
                return;
            }
            self.track.course.agenda.pass(!arrives);
            let next = Place { block: self.track.source.current, place: self.track.source.place };
            // Chosen by arithmetic that the compiler cannot see through: it would branch on what arrives.
            let what = due.what().or(next.retry(), std::hint::black_box(arrives));
            if what.is_end() {
                self.track.settle(due, now);
            } else {
                self.attempt(Place::of_slot(what.slot() & !NO_REQUEST), arrives, now);
            }
            if past_horizon && self.track.moved.counted_open == 0 {
                return;
            }
        }
    }

    /// Lives through as many of the next slices as it can; whether through any.
    #[inline(always)]
    fn live_through_stretch(&mut self, mark: SimTime) -> bool {
        let ahead = self.track.look_ahead(mark, usize::MAX);
        if let Some(ahead) = ahead {
            self.track.live_through(ahead, nobody_hears);
            self.progress.trials.admitted(self.track.source.current, ahead.attempts);
        }
        ahead.is_some()
    }

    /// A request makes an attempt, its first if it has just arrived. The number of the request, if it is given up.
    #[inline(always)]
    pub(super) fn attempt(&mut self, which: Place, is_first: bool, now: SimTime) -> Option<u64> {
        let Place { block, place } = which;
        let drawn = &*self.track.source.blocks[block];
        let (arrived, service, to_first) = (drawn.times[place], drawn.timing.service[place], drawn.timing.ttft[place]);
        let number = drawn.first + place as u64;
        let mut given_up = None;
        let columns = drawn.columns();
        let (held, charge, load) = (columns.reservation[place], columns.charge[place], columns.outlook.loads[place]);
        let counted = arrived >= self.track.marks.warmup().0;
        self.track.moved.counted_open += u64::from(is_first & counted);
        self.track.moved.wakes += u64::from(!is_first);
        self.track.course.others -= u64::from(!is_first);
        let trials = &mut self.progress.trials;
        let is_asked = !trials.meets_unavailable(block, which.slot());
        match is_asked.then(|| self.track.quota.admit(now, held)) {
            Some(Admission::Admitted(_)) => {
                if is_first {
                    // Nothing need be known of its block.
                    trials.admitted(block, 1);
                } else {
                    let _ = trials.attempted(which.slot(), 0, 0, 0);
                }
                let ends = now.saturating_add(SimSpan(service));
                let load = load.counted(counted && ends <= self.track.marks.patience()).retried(u64::from(!is_first));
                let admission = self.track.depart(ends, held, charge, load);
                if let Some(holders) = &mut self.progress.holders {
                    holders.put(admission, number);
                }
                if let Some(RetryBooks { quota, refills: Some(refills), .. }) = &mut self.retry_books {
                    refills.keep_few(now, quota);
                    refills.push_if(true, now.saturating_add(SimSpan(to_first)).min(ends), u32::from(!is_first));
                }
            }
            refused => {
                if let Some(Admission::Refused(refusal)) = refused {
                    self.pool.throttled += 1;
                    self.tally.throttles[refusal.counted_under as usize] += u64::from(counted);
                } else {
                    self.tally.faulted += u64::from(counted);
                }
                trials.know(block, drawn);
                trials.know_waits(block);
                let may_retry = trials.may_retry(which.slot());
                let repeats = match &mut self.retry_books {
                    Some(RetryBooks { quota, refills, .. }) => {
                        if let Some(refills) = refills {
                            quota.give_back(refills.take(now));
                        }
                        may_retry && quota.acquire(trials.cost())
                    }
                    None => may_retry,
                };
                let repeats = u64::from(repeats).wrapping_neg();
                let gives_up = trials.attempted(which.slot(), u64::MAX, repeats, self.track.moved.waits + 1);
                if gives_up {
                    given_up = Some(number);
                    self.track.moved.counted_open -= u64::from(counted);
                } else {
                    self.track.moved.waits += 1;
                    let wait = SimSpan(trials.current_wait(which.slot()));
                    self.track.push_other(now.saturating_add(wait), which.retry());
                }
            }
        }
        if is_first {
            self.goes_on();
        } else {
            self.may_be_done(block);
        }
        given_up
    }

    /// The next request has no attempts to make from its block: it was admitted, or has a record of its own.
    pub(super) fn leaves(&mut self, admitted: bool) {
        let (block, place) = (self.track.source.current, self.track.source.place);
        if admitted {
            self.progress.trials.admitted(block, 1);
        } else {
            self.progress.trials.leaves(block, place);
        }
        self.goes_on();
    }

    /// The next request has arrived.
    #[inline(always)]
    fn goes_on(&mut self) {
        self.track.source.place += 1;
        if self.track.source.place == self.track.source.end {
            self.block_has_arrived();
        }
    }

    /// Counts a block if all its requests have arrived and are decided.
    #[inline(always)]
    fn may_be_done(&mut self, block: usize) {
        if self.progress.trials.is_decided(block) {
            self.is_done(block);
        }
    }

    /// Counts a block whose requests are all decided.
    #[inline(never)]
    pub(super) fn is_done(&mut self, block: usize) {
        let source = &mut *self.track.source;
        let arrived = source.blocks[block].len;
        self.progress.trials.note(block, arrived, &mut source.blocks[block], self.health);
        let books = Books { tally: self.tally, pool: self.pool, health: self.health };
        source.count_block(block, self.has_ttft, self.track.marks, books);
        source.free.push(block);
    }

    /// All requests of the current block have arrived. If some wait it stays.
    #[inline(never)]
    pub(super) fn block_has_arrived(&mut self) {
        let block = self.track.source.current;
        self.may_be_done(block);
        let was_ahead = self.track.source.ahead.is_some();
        self.track.source.go_on();
        if !was_ahead {
            self.progress.begin(self.track.source.current, self.track.source);
        }
    }

    /// The block after the current one, drawn ahead of time.
    pub(super) fn block_ahead(&mut self) -> usize {
        self.track.source.ahead.unwrap_or_else(|| {
            let ahead = self.track.source.draw_ahead();
            self.progress.begin(ahead, self.track.source);
            ahead
        })
    }
}

impl<O: Observer> Simulation<'_, O> {
    /// As [`run_lane`](Simulation::run_lane), for clients with a ladder.
    pub(super) fn repeating_lane<A: Admit>(&mut self, quota: A, state: &mut RepeatingState, course: &mut Course) {
        let engine = self.engine;
        let moved = self.moved();
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let arrived = source.number();
        let mut track = Track { quota, course, source, marks: &self.marks, moved };
        let Tally { flows, health, .. } = &mut self.tally;
        let mut lane = Repeating {
            track: &mut track,
            progress: &mut state.progress,
            tally: &mut flows[0],
            health,
            pool: &mut self.pools[usize::from(engine.routes[0].pool)],
            has_ttft: engine.flows[0].latency.has_ttft(),
            retry_books: None,
            slots: None,
        };
        lane.run(&mut state.walk);
        let Track { source, moved, .. } = track;
        let arrived = source.number() - arrived;
        self.move_on(moved, arrived);
    }

    /// Closes the books: what waits will not be decided any more.
    pub(super) fn close_repeating(&mut self, state: &mut RepeatingState) {
        let engine = self.engine;
        let source = self.sources[0].as_mut().expect("only open sources are plain");
        let has_ttft = engine.flows[0].latency.has_ttft();
        for block in 0..source.blocks.len() {
            if source.free.contains(&block) || source.ahead == Some(block) {
                continue;
            }
            let arrived = if block == source.current { source.place } else { source.blocks[block].len };
            let health = &mut self.tally.health;
            state.progress.trials.note(block, arrived, &mut source.blocks[block], health);
            let pool = &mut self.pools[usize::from(engine.routes[0].pool)];
            let books = Books { tally: &mut self.tally.flows[0], pool, health: &mut self.tally.health };
            source.count_block(block, has_ttft, &self.marks, books);
        }
        source.add_backoffs(&mut self.tally.flows[0]);
    }
}
