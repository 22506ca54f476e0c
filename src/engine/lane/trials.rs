//! What there is to know of the requests in blocks whose attempts may be refused, one cache line each.
//!
//! Nothing is noted of a block as long as a quota has room for all that comes. When a request may be refused, all that an
//! attempt could need is put side by side; when the first is, how long each is to wait after each throttle, or before, if
//! some of the block before were; and when all are decided, what has become of those that were refused goes back into the
//! columns of their block, which is then counted.
//!
//! *Map*: `state` has what has become of a request; `noting` takes that back to the columns.
//!
//! *Why*: over the quota the next attempt is one of some request of some block. In the columns of its block it would touch
//! a dozen cache lines.

mod noting;
mod state;

use super::load::Load;
use crate::client::Ladder;
use crate::engine::draws::{BLOCK, Drawing};
use crate::engine::first_attempt::{Columns, Verdict};
use crate::engine::foresight::Unavailable;
use crate::engine::source::Drawn;
use crate::random::Key;
use crate::tally::Health;
use crate::units::SimTime;
use crate::wide::widest;
use noting::Noting;
use state::State;

/// The waits of ladders up to this many rungs are looked up for all requests of a block at once.
const SHORT: usize = 4;
/// Where first tokens book successes, ladders have no more attempts.
pub(in crate::engine) const MOST_STREAMED: u32 = SHORT as u32;

/// A request of a block.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
pub(super) struct Trial {
    /// What it is in flight.
    pub(super) load: Load,
    /// For how long it is in flight, and, if the ladder is short, how long it is to wait after the first throttle, after
    /// the second, and so on; in the last place the time to the first token, where that books a success \[ns\].
    spans: [u64; SHORT + 1],
    /// By how much its charge is more than what it holds [quota tokens].
    overdraft: u32,
    state: State,
    /// The number of its current wait: the later it began the larger.
    pub(super) ticket: u64,
}

impl Trial {
    /// Whether any of its attempts meets an unavailable service.
    #[inline(always)]
    pub(super) fn may_meet_unavailable(&self) -> bool {
        self.state.may_meet_unavailable()
    }

    /// Ones if its next attempt does.
    #[inline(always)]
    pub(super) fn meets_unavailable(&self) -> u64 {
        self.state.meets_unavailable()
    }

    /// Ones if it has attempts left, of so many, should the next be refused.
    #[inline(always)]
    pub(super) fn has_left(&self, most: u32) -> u64 {
        self.state.has_left(most)
    }

    /// Its next attempt is refused if a mask of ones says so, and if another one says so, too, repeated: then a wait of this
    /// number begins.
    ///
    /// Without a branch: none of this can be predicted.
    #[inline(always)]
    pub(super) fn attempted(&mut self, refused: u64, repeats: u64, ticket: u64) -> Outcome {
        let throttles = self.state.throttles();
        let decided = !repeats & 1;
        self.state.attempted(refused, decided);
        self.ticket = ticket;
        // Looked up: a choice could become a branch. What is given up is pushed nowhere, but some place for it must be found.
        let then = self.spans.get((throttles as usize + 1) & repeats as usize).copied().unwrap_or_default();
        let retried = u64::from(throttles.min(1));
        Outcome { then, decided, gives_up: decided & refused, retried, overdraft: self.overdraft }
    }

    /// How long after it is made the first token of an attempt comes, where that books a success \[ns\].
    #[inline(always)]
    pub(super) fn first_token(&self) -> u64 {
        self.spans[SHORT]
    }
}

/// What an attempt leads to.
pub(super) struct Outcome {
    /// How long it is in flight, or its request to wait for the next \[ns\]: zero if the waits of its ladder are not at hand,
    /// and some time if the request is given up.
    pub(super) then: u64,
    /// One if the request is decided, and if it is given up.
    pub(super) decided: u64,
    pub(super) gives_up: u64,
    /// One if it had been refused before.
    pub(super) retried: u64,
    /// By how much its charge is more than what it holds [quota tokens].
    pub(super) overdraft: u32,
}

/// Requests of all blocks, and the blocks.
pub(super) struct InBlocks<'t> {
    pub(super) all: &'t mut [Trial],
    pub(super) blocks: &'t mut [Block],
}

/// How long each request of a block is to wait after its first throttle, after the second, and so on \[ns\].
type Waits = [[u64; BLOCK]; SHORT];

/// The requests of all blocks.
#[derive(Debug)]
pub(super) struct Trials {
    ladder: Ladder,
    backoff: Key,
    /// Whether first tokens book successes.
    streams: bool,
    /// By place, those of one block after those of another.
    pub(super) all: Vec<Trial>,
    blocks: Vec<Block>,
    /// Whether some request of the block before was refused.
    expects_refusals: bool,
    /// The random bits of the requests of a block, for a moment.
    bits: Box<[u64; BLOCK]>,
    /// By block, kept until it is counted how long each request has waited; zero if the ladder is long.
    waits: Vec<Waits>,
}

/// A block.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Block {
    /// How many of its requests are not decided, or have not arrived.
    undecided: u32,
    /// Whether the trials are those of its requests, and their waits.
    is_known: bool,
    has_waits: bool,
    /// Whether any of them meets an unavailable service.
    any_unavailable: bool,
    /// The number of its first request.
    first: u64,
}

impl Block {
    /// One more request is decided if so; whether all are then.
    #[inline(always)]
    pub(super) fn have_decided(&mut self, one: u64) -> bool {
        self.undecided -= one as u32;
        self.undecided == 0
    }

    /// The number of the request in a place.
    #[inline(always)]
    pub(super) fn request_of(&self, slot: u32) -> u64 {
        self.first + u64::from(slot) % BLOCK as u64
    }
}

impl Trials {
    pub(super) fn new(ladder: &Ladder, backoff: Key, streams: bool) -> Trials {
        debug_assert!(!streams || ladder.attempts() <= MOST_STREAMED, "there is room for the time to the first token");
        Trials {
            ladder: ladder.clone(),
            backoff,
            streams,
            all: Vec::new(),
            blocks: Vec::new(),
            expects_refusals: false,
            bits: Box::new([0; BLOCK]),
            waits: Vec::new(),
        }
    }

    /// A block has been drawn anew.
    pub(super) fn begin(&mut self, block: usize, drawn: &Drawn<'_>) {
        if self.blocks.len() <= block {
            self.blocks.resize(block + 1, Block::default());
            self.waits.resize(block + 1, [[0; BLOCK]; SHORT]);
            self.all.resize((block + 1) * BLOCK, Trial::default());
        }
        self.blocks[block] = Block { undecided: drawn.len as u32, first: drawn.first, ..Block::default() };
    }

    /// So many of a block have been admitted at their first attempts.
    #[inline(always)]
    pub(super) fn admitted(&mut self, block: usize, requests: usize) {
        self.blocks[block].undecided -= requests as u32;
    }

    /// A request, which has just arrived, has a record of its own: nothing is to be counted of it with its block.
    pub(super) fn leaves(&mut self, block: usize, place: usize) {
        self.blocks[block].undecided -= 1;
        // Else its verdict says so when they are looked up.
        if self.blocks[block].is_known {
            self.all[block * BLOCK + place].state = State::LEFT;
        }
    }

    /// Whether all requests of a block are decided.
    #[inline(always)]
    pub(super) fn is_decided(&self, block: usize) -> bool {
        self.blocks[block].undecided == 0
    }

    /// How many attempts a request has.
    #[inline(always)]
    pub(super) fn most(&self) -> u32 {
        self.ladder.attempts()
    }

    #[inline(always)]
    fn is_short(&self) -> bool {
        self.most() as usize <= SHORT + 1
    }

    /// Whether any request of a block may have been refused.
    #[inline(always)]
    pub(super) fn are_known(&self, block: usize) -> bool {
        self.blocks[block].is_known
    }

    /// What the attempts of a block will need is at hand, as long as none is refused.
    #[inline(always)]
    pub(super) fn know(&mut self, block: usize, drawn: &Drawn<'_>) {
        if !self.blocks[block].is_known {
            self.look_up(block, drawn);
        }
    }

    #[inline(never)]
    fn look_up(&mut self, block: usize, drawn: &Drawn<'_>) {
        self.blocks[block].is_known = true;
        // If some of the block before were refused, some of this one will be: then all is written at once.
        if self.expects_refusals && self.is_short() {
            self.blocks[block].has_waits = true;
            self.fill_waits(block);
        }
        let (columns, timing, waits) = (drawn.columns(), &drawn.timing, &self.waits[block]);
        let trials = block_of(&mut self.all, block);
        for (place, trial) in trials.iter_mut().enumerate() {
            let load = columns.outlook.loads[place];
            // Some may have left the block before.
            let state = if columns.verdicts[place] == Verdict::Refused { State::LEFT } else { State::default() };
            let overdraft = load.overdraft() as u32;
            // Waits that nobody knows yet are those of a block before.
            let mut spans = [timing.service[place], waits[0][place], waits[1][place], waits[2][place], waits[3][place]];
            if self.streams {
                spans[SHORT] = timing.ttft[place].min(timing.service[place]);
            }
            *trial = Trial { load, spans, overdraft, state, ticket: 0 };
        }
        for &Unavailable { place, attempts } in &columns.foresight.unavailable {
            self.blocks[block].any_unavailable = true;
            trials[usize::from(place)].state.will_meet_unavailable(attempts);
        }
    }

    /// Whether what they will need when one is refused is at hand, too.
    #[inline(always)]
    pub(super) fn are_waits_known(&self, block: usize) -> bool {
        self.blocks[block].has_waits
    }

    /// So is what they will need when one is refused.
    #[inline(always)]
    pub(super) fn know_waits(&mut self, block: usize) {
        if !self.blocks[block].has_waits {
            self.look_up_waits(block);
        }
    }

    #[inline(never)]
    fn look_up_waits(&mut self, block: usize) {
        self.blocks[block].has_waits = true;
        self.expects_refusals = true;
        if !self.is_short() {
            return;
        }
        self.fill_waits(block);
        let waits = &self.waits[block][..self.most() as usize - 1];
        for (place, trial) in block_of(&mut self.all, block).iter_mut().enumerate() {
            for (span, waits) in trial.spans[1..].iter_mut().zip(waits) {
                *span = waits[place];
            }
        }
    }

    /// Draws the waits of a block.
    fn fill_waits(&mut self, block: usize) {
        let (key, first) = (self.backoff, self.blocks[block].first);
        widest(Drawing { key, first, bits: &mut self.bits });
        for (throttles, waits) in (1..self.most()).zip(&mut self.waits[block]) {
            let bits = self.bits.iter();
            // Told apart here, so that the numbers are known in the loops: one with a choice would not go over many at once.
            match throttles {
                1 => self.ladder.fill(1, bits.map(|&bits| key.wait_bits_of(bits, 1)), waits),
                2 => self.ladder.fill(2, bits.map(|&bits| key.wait_bits_of(bits, 2)), waits),
                _ => self.ladder.fill(throttles, bits.map(|&bits| key.wait_bits_of(bits, throttles)), waits),
            }
        }
    }

    /// What a retry takes from the retry quota; zero if there is none.
    #[inline(always)]
    pub(super) fn cost(&self) -> u32 {
        self.ladder.cost()
    }

    /// The number of the request in a place.
    #[inline(always)]
    pub(super) fn request_of(&self, slot: u32) -> u64 {
        self.blocks[slot as usize / BLOCK].request_of(slot)
    }

    /// Whether the next attempt of a request of this block meets an unavailable service.
    #[inline(always)]
    pub(super) fn meets_unavailable(&self, block: usize, slot: u32) -> bool {
        self.blocks[block].any_unavailable && self.all[slot as usize].state.meets_unavailable() != 0
    }

    /// Whether a request has attempts left should the next be refused.
    pub(super) fn may_retry(&self, slot: u32) -> bool {
        self.all[slot as usize].state.has_left(self.most()) != 0
    }

    /// Whether a request has been refused before.
    #[inline(always)]
    pub(super) fn has_waited(&self, slot: u32) -> bool {
        self.all[slot as usize].state.throttles() > 0
    }

    /// Whether a request has been admitted.
    pub(super) fn is_admitted(&self, slot: u32) -> bool {
        self.all[slot as usize].state.admitted() > 0
    }

    /// Whether a request has been given up.
    pub(super) fn is_given_up(&self, slot: u32) -> bool {
        self.all[slot as usize].state.given_up() > 0
    }

    /// As [`Trial::attempted`]; whether the request is given up.
    #[inline(always)]
    pub(super) fn attempted(&mut self, slot: u32, refused: u64, repeats: u64, ticket: u64) -> bool {
        let outcome = self.all[slot as usize].attempted(refused, repeats, ticket);
        self.blocks[slot as usize / BLOCK].undecided -= outcome.decided as u32;
        outcome.gives_up > 0
    }

    /// The requests themselves, and their blocks.
    #[inline(always)]
    pub(super) fn in_blocks(&mut self) -> InBlocks<'_> {
        InBlocks { all: &mut self.all, blocks: &mut self.blocks }
    }

    /// How long a request that has just been refused is to wait \[ns\].
    pub(super) fn current_wait(&self, slot: u32) -> u64 {
        self.wait(slot as usize, self.all[slot as usize].state.throttles())
    }

    /// How long a request is to wait after the throttle of this number, from 1 \[ns\]; after the last, anything.
    fn wait(&self, slot: usize, throttles: u32) -> u64 {
        if self.is_short() {
            self.all[slot].spans[throttles as usize % (SHORT + 1)]
        } else {
            self.long_wait(slot as u32, throttles)
        }
    }

    /// As [`wait`](Trials::wait), of any ladder.
    #[inline(never)]
    fn long_wait(&self, slot: u32, throttles: u32) -> u64 {
        self.ladder.wait(throttles, self.backoff.wait_bits(self.request_of(slot), throttles)).0
    }

    /// Notes in its columns what has become of the requests of a block, and over time what attempts were made by those of
    /// them that have arrived.
    #[inline(never)]
    pub(super) fn note(&mut self, block: usize, arrived: usize, drawn: &mut Drawn<'_>, health: &mut Option<Health>) {
        if !self.blocks[block].has_waits {
            return;
        }
        let columns = drawn.columns.as_mut().expect("a workload in a lane has columns");
        columns.repeats.any = true;
        let mut states = [State::default(); BLOCK];
        for (state, trial) in states.iter_mut().zip(block_of(&mut self.all, block)) {
            *state = trial.state;
        }
        let waits = if self.is_short() { &self.waits[block][..self.most() as usize - 1] } else { &[] };
        let mut any_throttled = false;
        widest(Noting { states: &states, waits, columns, any_throttled: &mut any_throttled });
        if !self.is_short() {
            for (place, state) in states.iter().enumerate() {
                let slot = (block * BLOCK + place) as u32;
                columns.repeats.waited[place] =
                    (1..=state.waits()).map(|throttles| self.long_wait(slot, throttles)).sum();
            }
        }
        if let Some(health) = health {
            self.note_attempts(block, &drawn.times[..arrived], columns, health);
        }
        columns.note_unavailable(arrived);
        self.expects_refusals = any_throttled;
    }

    /// Counts over time the attempts that were made of the requests of a block that arrived at these times.
    fn note_attempts(&self, block: usize, times: &[u64], columns: &Columns<'_>, health: &mut Health) {
        let (Some(&first), Some(&last)) = (times.first(), times.last()) else { return };
        let trials = &self.all[block * BLOCK..];
        // Most are made in one interval, or in it and the next.
        let interval = (first / health.interval) as usize;
        let next = (interval as u64 + 1) * health.interval;
        let all_by = last.saturating_add(self.ladder.longest().0);
        if self.is_short() && all_by < next + health.interval && interval + 1 < health.moments.len() {
            let all = columns.attempts(0..times.len());
            let mut late = 0;
            if all_by >= next {
                // Those that have arrived by then, and of whom an attempt may come after.
                let there = times.partition_point(|&at| at < next);
                let done = times[..there].partition_point(|&at| at.saturating_add(self.ladder.longest().0) < next);
                late = columns.attempts(there..times.len());
                for (trial, &arrived) in trials[done..there].iter().zip(&times[done..there]) {
                    let (made, mut at) = (trial.state.attempts(), arrived);
                    for (nth, wait) in (1..=SHORT as u32).zip(&trial.spans[1..]) {
                        late += u64::from(at >= next && nth <= made);
                        at += wait;
                    }
                    late += u64::from(at >= next && made > SHORT as u32);
                }
            }
            health.moments[interval].attempts += all - late;
            health.moments[interval + 1].attempts += late;
            return;
        }
        for (place, (trial, &arrived)) in trials.iter().zip(times).enumerate() {
            let mut at = arrived;
            for throttles in 1..=trial.state.attempts() {
                health.attempted(SimTime(at));
                at += self.wait(block * BLOCK + place, throttles);
            }
        }
    }
}

/// Those of one block.
#[inline(always)]
fn block_of<T>(all: &mut [T], block: usize) -> &mut [T; BLOCK] {
    all[block * BLOCK..].first_chunk_mut().expect("there are as many for each block")
}
