//! A slice of time attempt by attempt, where the quota has no room for all of it.
//!
//! What ends in a slice is known when it begins. So it need not be gone through event by event: what has come back by the
//! time of an attempt is the sum over all ends until then, found for all attempts at once, and so is the order of the
//! attempts themselves. What is left of the slice is one decision after the other, and what each of them entails is
//! chosen by arithmetic.
//!
//! *Why*: over the quota nobody can predict whether the next event is an attempt or an end, whether an attempt is
//! admitted, nor whether a refused one is repeated; each wrong guess costs as much as fifty instructions.

use super::alarms::NO_REQUEST;
use super::entry::{Entry, What};
use super::load::{Ended, Load, Sum};
use super::repeating::{Blocks, Place, Repeating};
use super::track::{Moved, number_of};
use super::trials::Outcome;
use crate::admission::{self, Admit, End};
use crate::client::{LONGEST_WAIT, RetryQuota};
use crate::engine::draws::BLOCK;
use crate::units::SimTime;
use crate::wide::{Loop, widest};

/// The most attempts that a slice may begin with.
const MOST: usize = 32;
/// Most slices begin with no more.
const FEW: usize = 16;
/// The most ends: those of a cell, and as many that it had no room for.
const MOST_ENDS: usize = 32;
/// Later than all of a slice.
const NEVER: i32 = i32::MAX;

/// A slice on its way.
#[derive(Debug)]
pub(super) struct Walk {
    events: Events,
    /// What the cell of the slice had no room for.
    far: Vec<(Entry, u64)>,
    /// What is admitted and what ends, where the limiter asks for each.
    made: Kept<(SimTime, u64)>,
    logged: Kept<End>,
    /// What both begins and ends in the slice: when, and what was held.
    soon: Vec<[i32; 2]>,
    ended: Ended,
    /// What comes back from the limiter [quota tokens], and to a retry quota.
    back: i64,
    released: i32,
    /// Its attempts in order, and how many there are: beyond that anything.
    steps: Vec<Step>,
    len: usize,
    /// By step, where there is a retry quota.
    grants: Vec<Grant>,
    /// The blocks of what arrives.
    blocks: [usize; 2],
    /// Those whose requests are all decided.
    done: Vec<usize>,
}

impl Default for Walk {
    fn default() -> Self {
        let (far, made, logged, soon, done) = (Vec::new(), Kept::default(), Kept::default(), Vec::new(), Vec::new());
        let (steps, grants) = (vec![Step::default(); 2 * MOST], vec![Grant::default(); 2 * MOST]);
        let (events, ended, back, released, len, blocks) = (Events::NONE, Ended::default(), 0, 0, 0, [0; 2]);
        Walk { events, far, made, logged, soon, ended, back, released, steps, len, grants, blocks, done }
    }
}

/// Things that are written in any case, and kept if they are to be: a branch could not be predicted.
#[derive(Debug, Default)]
struct Kept<T> {
    /// Beyond their number anything.
    things: Vec<T>,
    len: usize,
}

impl<T: Copy + Default> Kept<T> {
    #[inline(always)]
    fn put(&mut self, thing: T, keep: bool) {
        match self.things.get_mut(self.len) {
            Some(place) => *place = thing,
            None => self.things.push(thing),
        }
        self.len += usize::from(keep);
    }

    fn clear(&mut self) {
        self.len = 0;
    }

    fn all(&self) -> &[T] {
        &self.things[..self.len]
    }
}

/// An attempt, what has come back by then, and what becomes of it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Step {
    /// How long after the beginning of the slice \[ns\].
    at: i32,
    /// The place of the request.
    slot: u32,
    /// What has come back from the limiter [quota tokens].
    back: i32,
    is_first: bool,
    load: Load,
    /// Ones if it is admitted.
    admitted: u64,
}

/// What an attempt means to a retry quota.
#[derive(Debug, Clone, Copy, Default)]
struct Grant {
    /// What has come back by then, and what is left afterwards.
    released: i32,
    left: i32,
    /// Whether a retry is granted, should the attempt be refused.
    granted: bool,
}

/// Attempts in any order, and ends.
#[derive(Debug, Clone, Copy)]
struct Events {
    attempts: [i32; MOST],
    slots: [u32; MOST],
    /// How many attempts there are, and how many of them, at their head, are not the first of their request.
    len: usize,
    repeated: usize,
    ends: [i32; MOST_ENDS],
    back: [i32; MOST_ENDS],
    held: [i32; MOST_ENDS],
    /// What comes back to a retry quota.
    released: [i32; MOST_ENDS],
    /// How many ends there are, and with what else gives something back.
    ended: usize,
    given_back: usize,
}

/// Puts attempts in order, and finds what has come back by each.
struct InOrder<'a, const LANES: usize, const QUOTA: bool> {
    events: &'a Events,
    steps: &'a mut [Step],
    grants: &'a mut [Grant],
    /// Whether no two are at one instant.
    apart: &'a mut bool,
}

impl<const LANES: usize, const QUOTA: bool> Loop for InOrder<'_, LANES, QUOTA> {
    #[inline(always)]
    fn run(self) {
        let InOrder { events, steps, grants, apart } = self;
        let (mut ranks, mut back, mut released) = ([0; LANES], [0; LANES], [0; LANES]);
        let Some(attempts) = events.attempts.first_chunk::<LANES>() else { return };
        // How many there are cannot be predicted; how many fours, nearly. The others are never.
        for nth in 0..events.len.next_multiple_of(4) {
            // Leaving a loop early keeps it in the order written: all attempts at once, not all events.
            let Some(&at) = attempts.get(nth) else { return };
            for place in 0..LANES {
                ranks[place] += i32::from(at < attempts[place]);
            }
        }
        for nth in 0..events.given_back.next_multiple_of(4) {
            let Some(&at) = events.ends.get(nth) else { return };
            let refund = events.back[nth % MOST_ENDS];
            for place in 0..LANES {
                // An end comes before an attempt at its instant.
                back[place] += refund & -i32::from(at <= attempts[place]);
            }
            if QUOTA {
                let tokens = events.released[nth % MOST_ENDS];
                for place in 0..LANES {
                    released[place] += tokens & -i32::from(at <= attempts[place]);
                }
            }
        }
        let mut ordered = 0;
        let Some(steps) = steps.first_chunk_mut::<LANES>() else { return };
        let Some(grants) = grants.first_chunk_mut::<LANES>() else { return };
        for place in 0..events.len.min(LANES) {
            let rank = ranks[place] as usize % LANES;
            ordered += rank;
            steps[rank] = Step {
                at: attempts[place],
                slot: events.slots[place],
                is_first: place >= events.repeated,
                back: back[place],
                ..Step::default()
            };
            if QUOTA {
                grants[rank].released = released[place];
            }
        }
        // Of two at one instant neither is behind the other.
        *apart = 2 * ordered == events.len * events.len.saturating_sub(1);
    }
}

impl Events {
    const NONE: Events = Events {
        attempts: [NEVER; MOST],
        slots: [0; MOST],
        len: 0,
        repeated: 0,
        ends: [NEVER; MOST_ENDS],
        back: [0; MOST_ENDS],
        held: [0; MOST_ENDS],
        released: [0; MOST_ENDS],
        ended: 0,
        given_back: 0,
    };

    /// Forgets all.
    #[inline(always)]
    fn clear(&mut self) {
        (self.attempts, self.ends, self.len, self.ended) = ([NEVER; MOST], [NEVER; MOST_ENDS], 0, 0);
    }

    /// All ends are there: forgets what was written last as what it is not.
    #[inline(always)]
    fn all_ended(&mut self) {
        if let Some(at) = self.ends.get_mut(self.ended) {
            *at = NEVER;
        }
        if let Some(at) = self.attempts.get_mut(self.len) {
            *at = NEVER;
        }
        (self.repeated, self.given_back) = (self.len, self.ended);
    }

    /// Something comes back though nothing ends, if there is room.
    #[inline(always)]
    fn comes_back(&mut self, at: u64, amount: i64, released: i32) {
        if self.given_back < MOST_ENDS {
            (self.ends[self.given_back], self.back[self.given_back]) = (at as i32, amount as i32);
            self.released[self.given_back] = released;
        }
        self.given_back += 1;
    }

    /// Adds an attempt, for which there is room.
    #[inline(always)]
    fn attempt(&mut self, at: u64, slot: u32) {
        self.attempts[self.len % MOST] = at as i32;
        self.slots[self.len % MOST] = slot;
        self.len += 1;
    }
}

/// What is summed up during a walk.
#[derive(Default)]
struct Totals {
    admitted: u64,
    given_up: u64,
    /// What was taken, and what their ends will take beyond that [quota tokens].
    taken: u64,
    overdraft: u64,
}

/// What comes next of a request within the slice.
struct Next {
    at: SimTime,
    what: What,
    load: Load,
}

/// A slice to walk through.
#[derive(Clone, Copy)]
struct Slice {
    from: SimTime,
    until: SimTime,
    /// Whether what arrives, and all that waits, is counted.
    counted: bool,
}

impl Walk {
    /// By how much more attempts than at the beginning were in flight at the most, and by how much more was reserved
    /// [quota tokens].
    #[cold]
    fn highest(&self) -> [i64; 2] {
        let Events { ends, held, ended, .. } = &self.events;
        let ends = ends.iter().zip(held).take(*ended).map(|(&at, &held)| [at, held]);
        let ends: Vec<_> = ends.chain(self.soon.iter().copied()).collect();
        let (mut begun, mut taken, mut highest) = (0, 0, [0; 2]);
        for step in &self.steps[..self.len] {
            begun += (step.admitted & 1) as i64;
            taken += (step.load.held() & step.admitted) as i64;
            let by_then = || ends.iter().filter(|[end, _]| *end <= step.at).map(|&[_, held]| i64::from(held));
            highest[0] = highest[0].max(begun - by_then().count() as i64);
            highest[1] = highest[1].max(taken - by_then().sum::<i64>());
        }
        highest
    }
}

impl<A: Admit> Repeating<'_, '_, '_, A> {
    /// Walks through the next slice, if all that happens there is known; whether it has.
    #[inline(never)]
    pub(super) fn walk_through_slice<const MIXED: bool, const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        mark: SimTime,
    ) -> bool {
        let slice = self.begin_walk::<MIXED, QUOTA>(walk, mark);
        if let Some(slice) = slice {
            let totals = self.make_attempts::<QUOTA>(walk, slice);
            self.end_walk(walk, slice, &totals);
            while let Some(block) = walk.done.pop() {
                self.is_done(block);
            }
        }
        slice.is_some()
    }

    /// The next slice, if it can be walked through.
    #[inline(always)]
    fn slice(&self, tick: u64, mark: SimTime) -> Option<Slice> {
        let agenda = &self.track.course.agenda;
        let (from, until) = (agenda.start_of(tick), agenda.start_of(tick + 1));
        let warmup = self.track.marks.warmup();
        let counted = from >= warmup;
        let Blocks { even, most_held, longest } = self.progress.blocks;
        // What arrived before the warm-up may still wait.
        let alike = !counted || warmup == SimTime::ZERO || from.since(warmup) > LONGEST_WAIT;
        let patient = until.0.saturating_add(longest) <= self.track.marks.patience().0;
        let suits = even && alike && patient && most_held <= self.track.quota.walked().0;
        (suits && until <= mark).then_some(Slice { from, until, counted })
    }

    /// Gathers what happens in the next slice.
    #[inline(always)]
    fn begin_walk<const MIXED: bool, const QUOTA: bool>(&mut self, walk: &mut Walk, mark: SimTime) -> Option<Slice> {
        let tick = self.track.course.agenda.next_tick()?;
        let until = self.track.course.agenda.start_of(tick + 1);
        let block = self.track.source.block();
        // All that arrive in the slice are of this block, or of this and the next.
        let current = self.track.source.current;
        let blocks = if block.times[block.len.saturating_sub(1)] < until.0 {
            if !self.progress.trials.are_known(current) {
                return None;
            }
            [current, self.block_ahead()]
        } else {
            [current; 2]
        };
        let slice = self.slice(tick, mark)?;
        self.track.course.agenda.take_far(tick, &mut walk.far);
        let all = self.gather::<MIXED, QUOTA>(walk, slice, tick, blocks);
        if all.is_none() {
            self.track.course.agenda.put_back(&walk.far);
        }
        all.map(|()| slice)
    }

    /// Gathers what happens in a slice.
    #[inline(always)]
    fn gather<const MIXED: bool, const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        slice: Slice,
        tick: u64,
        blocks: [usize; 2],
    ) -> Option<()> {
        let Slice { from, until, counted } = slice;
        let agenda = &self.track.course.agenda;
        let (place, [current, next]) = (self.track.source.place, blocks);
        let (block, after) = (&self.track.source.blocks[current], &self.track.source.blocks[next]);
        let (times, len) = (&block.times[place..block.len.max(place)], agenda.len_of(tick) + walk.far.len());
        // Even more may arrive after the last of the next block.
        let is_last = next != current && after.times[after.len.saturating_sub(1)] < until.0;
        if *times.first()? < from.0 || is_last || len > MOST_ENDS || self.track.quota.make_ready(from)? < until {
            return None;
        }
        let Walk { events, far, made, logged, soon, ended, back, steps, grants, len, .. } = walk;
        events.clear();
        made.clear();
        logged.clear();
        soon.clear();
        let (mut sum, mut overdraft, mut others) = (Sum::default(), 0, 0);
        *back = 0;
        let mut oldest = admission::Entry(self.track.moved.admissions);
        // Every event is written as an end and as an attempt, and kept as the one that it is: a branch could not be
        // predicted. An attempt has no load.
        let cost = self.progress.trials.cost();
        let hearers = self.retry_quota.as_ref().map(|(_, hearers)| *hearers).filter(|hearers| !hearers.is_empty());
        let mut gathered = |entry: Entry| {
            let (what, load, at) = (entry.what(), entry.load, entry.offset());
            let is_end = usize::from(what.is_end());
            let number = admission::Entry(number_of(what.slot(), self.track.moved.admissions));
            let refund = self.track.quota.comes_back(number, load.held(), load.charge());
            *back += refund;
            overdraft += load.overdraft();
            let nth = events.ended % MOST_ENDS;
            events.ends[nth] = at as i32;
            events.back[nth] = refund as i32;
            events.held[nth] = load.held() as i32;
            if QUOTA {
                events.released[nth] = RetryQuota::released(load.retries() * cost) as i32;
            }
            events.ended += is_end;
            if QUOTA && let Some(hearers) = hearers {
                others += u32::from(what.is_end() && hearers.has(number.0));
            }
            let nth = events.len % MOST;
            events.attempts[nth] = at as i32;
            events.slots[nth] = what.slot() & !NO_REQUEST;
            events.len += 1 - is_end;
            if MIXED {
                others += u32::from(what.is_of_record());
            }
            if A::KEEPS_A_LOG {
                let (is_end, last) = (what.is_end(), admission::Entry(u64::MAX));
                oldest = oldest.min(if is_end { number } else { last });
                logged.put(End { at, entry: number, held: load.held(), charge: load.charge() }, is_end);
            }
        };
        for entry in agenda.entries(tick) {
            sum.add(entry.load);
            gathered(entry);
        }
        far.iter().for_each(|&(entry, _)| gathered(entry));
        *ended = Ended::of(events.ended, sum, overdraft);
        far.iter().for_each(|(entry, _)| ended.add_to_sums(entry.load));
        events.all_ended();
        self.track.quota.comes_back_by_itself(until, |at, amount| {
            *back += amount;
            events.comes_back(at.0 - from.0, amount, 0);
        });
        let arrivals = |times: &'_ [u64]| times.iter().take_while(|&&at| at < until.0).count();
        let (firsts, mut rest) = (arrivals(times), 0);
        if next != current {
            rest = arrivals(&after.times[..after.len]);
        }
        // What has a record of its own goes its own way.
        let foresight = &block.columns().foresight;
        let special = || {
            foresight.next_apart(place) < place + firsts || (rest > 0 && after.columns().foresight.next_apart(0) < rest)
        };
        if MIXED && (others > 0 || special()) {
            return None;
        }
        let too_many = events.len + firsts + rest > MOST || events.given_back > MOST_ENDS;
        if too_many || events.len + events.ended + firsts + rest == 0 {
            return None;
        }
        for (block, place, times) in [(current, place, &times[..firsts]), (next, 0, &after.times[..rest])] {
            for (place, &at) in (place..).zip(times) {
                events.attempt(at - from.0, Place { block, place }.slot());
            }
        }
        let mut apart = false;
        match (events.len <= FEW, QUOTA) {
            (true, false) => widest(InOrder::<FEW, false> { events, steps, grants, apart: &mut apart }),
            (false, false) => widest(InOrder::<MOST, false> { events, steps, grants, apart: &mut apart }),
            (true, true) => widest(InOrder::<FEW, true> { events, steps, grants, apart: &mut apart }),
            (false, true) => widest(InOrder::<MOST, true> { events, steps, grants, apart: &mut apart }),
        }
        if !apart || !self.track.quota.begin_walk(from, until, ended.held, oldest) {
            return None;
        }
        (*len, walk.blocks) = (events.len, blocks);
        walk.released = events.released[..events.ended].iter().sum();
        self.track.moved.counted_open += if counted { (firsts + rest) as u64 } else { 0 };
        let cell = agenda.len_of(tick);
        self.track.course.agenda.pass_slices(1, cell);
        self.progress.trials.know(current, &self.track.source.blocks[current]);
        self.track.source.place += firsts;
        if next != current {
            self.progress.trials.know(next, &self.track.source.blocks[next]);
            self.block_has_arrived();
            self.track.source.place = rest;
        }
        Some(())
    }

    /// Makes the attempts of a slice.
    #[inline(always)]
    fn make_attempts<const QUOTA: bool>(&mut self, walk: &mut Walk, slice: Slice) -> Totals {
        let mut totals = Totals::default();
        let mut nth = 0;
        while nth < walk.len {
            let all = self.decide(&mut walk.steps[nth..walk.len], totals.taken);
            if QUOTA {
                self.grant(&walk.steps[..walk.len], &mut walk.grants, nth);
            }
            if !all {
                // Of all other blocks a request has been refused before.
                walk.blocks.iter().for_each(|&block| self.progress.trials.know_waits(block));
            }
            let soon;
            (nth, soon) = self.entail::<QUOTA>(walk, nth, slice, &mut totals);
            if let Some(next) = soon {
                // That of the last admission; a retry has none.
                let entry = admission::Entry((self.track.moved.admissions + totals.admitted).saturating_sub(1));
                self.happens_soon(walk, nth, &next, slice, entry);
            }
        }
        totals
    }

    /// Decides which of these attempts are admitted, if so much has been taken before [quota tokens]; whether all are.
    ///
    /// Apart from what they entail: here each decision waits for the one before.
    #[inline(always)]
    fn decide(&self, steps: &mut [Step], mut taken: u64) -> bool {
        let trials = &self.progress.trials.all[..];
        let mut any_refused = 0;
        for step in steps {
            let load = trials[step.slot as usize].load;
            let (held, back) = (load.held(), i64::from(step.back) - taken as i64);
            step.load = load;
            // Ones if it does not fit.
            let refused = self.track.quota.room_after(step.at as u64, held, back) >> 63;
            step.admitted = !refused as u64;
            // All bits leave what is refused. A mask would do as well, and be turned into a branch.
            taken += held.wrapping_shr(refused as u32);
            any_refused |= refused;
        }
        any_refused == 0
    }

    /// Decides which of these attempts, from this one on, may be repeated if they are refused.
    #[inline(always)]
    fn grant(&self, steps: &[Step], grants: &mut [Grant], first: usize) {
        let Some((quota, _)) = &self.retry_quota else { return };
        let trials = &self.progress.trials;
        let (most, cost, capacity) = (trials.most(), trials.cost() as i32, quota.capacity() as i32);
        let (mut left, mut released) =
            first.checked_sub(1).map_or((quota.level() as i32, 0), |last| (grants[last].left, grants[last].released));
        for (step, grant) in steps.iter().zip(grants).skip(first) {
            left = (left + (grant.released - released)).min(capacity);
            released = grant.released;
            // Ones if it is refused, has attempts left, and there is enough for a retry.
            let has_left = trials.all[step.slot as usize].has_left(most);
            let repeats = (!step.admitted & has_left) as i32 & !((left - cost) >> 31);
            left -= cost & repeats;
            (grant.left, grant.granted) = (left, repeats != 0);
        }
    }

    /// Makes attempts that have been decided, from this one on; to which one, and what it leads to if that is in the same
    /// slice.
    #[inline(always)]
    fn entail<const QUOTA: bool>(
        &mut self,
        walk: &mut Walk,
        nth: usize,
        slice: Slice,
        totals: &mut Totals,
    ) -> (usize, Option<Next>) {
        let Moved { admissions, waits, .. } = self.track.moved;
        let trials = &mut self.progress.trials;
        let (mut pushing, mut pushed) = (self.track.course.agenda.pushing(), 0);
        let (from, until) = (slice.from.0, slice.until);
        for (nth, step) in (nth + 1..).zip(&walk.steps[nth..walk.len]) {
            let &Step { at, slot, load, admitted, .. } = step;
            let now = from + at as u64;
            let granted = !QUOTA || walk.grants[nth - 1].granted;
            let outcome = trials.attempted(slot, admitted, granted, waits + nth as u64);
            let Outcome { then, gives_up, is_retry, overdraft, undecided } = outcome;
            let at = SimTime(now + then);
            let end = What::end((admissions + totals.admitted) as u32 & What::MOST_SLOT);
            let what = What::retry(slot | NO_REQUEST).masked(end, admitted);
            let load_then = load.counted(slice.counted).retried(QUOTA && is_retry).masked(admitted);
            if A::KEEPS_A_LOG {
                walk.made.put((SimTime(now), load.held()), admitted != 0);
            }
            totals.admitted += admitted & 1;
            totals.given_up += gives_up;
            totals.taken += load.held() & admitted;
            totals.overdraft += u64::from(overdraft) & admitted;
            if undecided == 0 {
                walk.done.push(slot as usize / BLOCK);
            }
            let happens = gives_up == 0;
            // One comparison, of what is nearly never true: whether it happens could not be predicted.
            if at.0 | (gives_up << 61) < until.0 {
                pushing.end(pushed);
                return (nth, Some(Next { at, what, load: load_then }));
            }
            pushing.push_if(happens, at, what, load_then);
            pushed += usize::from(happens);
        }
        pushing.end(pushed);
        (walk.len, None)
    }

    /// Books what a walk came to.
    #[inline(always)]
    fn end_walk(&mut self, walk: &Walk, slice: Slice, totals: &Totals) {
        let &Totals { admitted, given_up, taken, overdraft } = totals;
        let made = walk.len as u64;
        let repeated = made - (walk.events.len - walk.events.repeated) as u64;
        let throttled = made - admitted;
        let Ended { ends, counted, held, charged, overdraft: overdrawn } = walk.ended;
        let Moved { in_flight, reserved, .. } = &mut self.track.moved;
        if in_flight.has_been_at(admitted) && reserved.has_been_at(taken) {
            in_flight.shift(admitted, ends);
            reserved.shift(taken, held);
        } else {
            let [most_in_flight, most_reserved] = walk.highest();
            in_flight.move_on(admitted, ends, in_flight.now().saturating_add_signed(most_in_flight));
            reserved.move_on(taken, held, reserved.now().saturating_add_signed(most_reserved));
        }
        self.track.moved.charged += charged;
        self.track.moved.counted_open -= counted;
        self.track.moved.admissions += admitted;
        self.track.moved.waits += made;
        self.track.moved.wakes += repeated;
        self.pool.throttled += throttled;
        self.track.course.others = self.track.course.others + (throttled - given_up) - repeated;
        self.track.course.overdraft = self.track.course.overdraft + overdraft - overdrawn;
        if slice.counted {
            self.track.moved.counted_open -= given_up;
            self.tally.throttles[self.track.quota.walked().1 as usize] += throttled;
        }
        if let Some((quota, _)) = &mut self.retry_quota {
            let last = walk.grants[..walk.len].last();
            let (left, released) = last.map_or((quota.level() as i32, 0), |last| (last.left, last.released));
            quota.set_level((left + walk.released - released).min(quota.capacity() as i32) as u32);
        }
        self.track.quota.end_walk(slice.until, admitted, taken as i64 - walk.back, walk.made.all(), walk.logged.all());
    }

    /// What an attempt leads to happens in its own slice: another step, or the end that gives this entry back, before
    /// some of the steps to come, of which the next is `nth`.
    #[inline(never)]
    fn happens_soon(&mut self, walk: &mut Walk, nth: usize, next: &Next, slice: Slice, entry: admission::Entry) {
        let at = (next.at.0 - slice.from.0) as i32;
        let (held, charge) = (next.load.held(), next.load.charge());
        if next.what.is_end() {
            let back = self.track.quota.comes_back(entry, held, charge);
            for step in walk.steps[nth..walk.len].iter_mut().filter(|step| step.at >= at) {
                step.back += back as i32;
            }
            walk.soon.push([at, held as i32]);
            let released = RetryQuota::released(next.load.retries() * self.progress.trials.cost()) as i32;
            for (step, grant) in walk.steps[..walk.len].iter().zip(&mut walk.grants).skip(nth) {
                grant.released += if step.at >= at { released } else { 0 };
            }
            walk.events.comes_back(at as u64, back, released);
            walk.released += released;
            walk.ended.add(next.load);
            walk.back += back;
            if A::KEEPS_A_LOG {
                walk.logged.put(End { at: at as u64, entry, held, charge }, true);
            }
        } else {
            let Events { ends, back, released, given_back, .. } = &walk.events;
            let given_back = ends.iter().zip(back.iter().zip(released)).take(*given_back);
            let (mut step, mut grant) =
                (Step { at, slot: next.what.slot() & !NO_REQUEST, ..Step::default() }, Grant::default());
            for (_, (back, released)) in given_back.filter(|&(&end, _)| end <= at) {
                step.back += back;
                grant.released += released;
            }
            // A retry comes before what arrives at its instant, and after those that wait for longer.
            let later = |other: &Step| other.at > at || (other.at == at && other.is_first);
            let place = walk.steps[nth..walk.len].iter().position(later).map_or(walk.len, |place| nth + place);
            if walk.len == walk.steps.len() {
                walk.steps.push(step);
                walk.grants.push(grant);
            }
            walk.steps.copy_within(place..walk.len, place + 1);
            walk.grants.copy_within(place..walk.len, place + 1);
            (walk.steps[place], walk.grants[place]) = (step, grant);
            walk.len += 1;
        }
    }
}
