//! A slice of time attempt by attempt, where the quota has no room for all of it.
//!
//! What ends in a slice is known when it begins. So it need not be gone through event by event: what has come back by the
//! time of an attempt is the sum over all ends until then, found for all attempts at once, and so is the order of the
//! attempts themselves. What is left of the slice is one decision after the other, and what each of them entails is
//! chosen by arithmetic.
//!
//! *Why*: over the quota nobody can predict whether the next event is an attempt or an end, whether an attempt is
//! admitted, nor whether a refused one is repeated; each wrong guess costs as much as fifty instructions.

use super::entry::What;
use super::load::{Ended, Load, Sum};
use super::repeating::{Blocks, Place, Repeating};
use super::track::{Moved, number_of};
use crate::admission::{self, Admit, End};
use crate::client::LONGEST_WAIT;
use crate::engine::gauge::Gauge;
use crate::units::SimTime;
use crate::wide::{Loop, widest};
use std::hint::black_box;

/// The most attempts that a slice may begin with.
const MOST: usize = 32;
/// Most slices begin with no more.
const FEW: usize = 16;
/// The most ends: those of a cell.
const MOST_ENDS: usize = 16;
/// Later than all of a slice.
const NEVER: i32 = i32::MAX;

/// A slice on its way.
#[derive(Debug)]
pub(super) struct Walk {
    events: Events,
    /// What ends, where the limiter asks for each.
    logged: Vec<End>,
    /// What both begins and ends in the slice: when, what comes back, and what was held.
    soon: Vec<[i32; 3]>,
    ended: Ended,
    /// What comes back from the limiter [quota tokens].
    back: i64,
    /// Its attempts in order, and how many there are: beyond that anything.
    steps: Vec<Step>,
    len: usize,
}

impl Default for Walk {
    fn default() -> Self {
        let steps = vec![Step::default(); 2 * MOST];
        let (logged, soon) = (Vec::new(), Vec::new());
        Walk { events: Events::NONE, logged, soon, ended: Ended::default(), back: 0, steps, len: 0 }
    }
}

/// An attempt, what has ended by then, and what has been admitted with it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(32))]
struct Step {
    /// How long after the beginning of the slice \[ns\].
    at: i32,
    /// The place of the request.
    slot: u32,
    is_first: bool,
    /// What has come back from the limiter, and what was held by it [quota tokens].
    back: i32,
    freed: i32,
    /// How many attempts.
    ended: i32,
    /// What has been taken from the beginning of the slice on [quota tokens], by how many attempts, with this one.
    taken: u32,
    admitted: u16,
}

impl Step {
    /// One more has ended by then.
    #[inline(always)]
    fn has_ended(&mut self, back: i32, held: i32) {
        self.back += back;
        self.freed += held;
        self.ended += 1;
    }
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
    ended: usize,
}

/// Puts attempts in order, and finds what has ended by each.
struct InOrder<'a, const LANES: usize> {
    events: &'a Events,
    steps: &'a mut [Step],
    /// Whether no two are at one instant.
    apart: &'a mut bool,
}

impl<const LANES: usize> Loop for InOrder<'_, LANES> {
    #[inline(always)]
    fn run(self) {
        let InOrder { events, steps, apart } = self;
        let (mut ranks, mut back, mut freed, mut ended) = ([0; LANES], [0; LANES], [0; LANES], [0; LANES]);
        let Some(attempts) = events.attempts.first_chunk::<LANES>() else { return };
        // How many there are cannot be predicted; how many fours, nearly. The others are never.
        for nth in 0..events.len.next_multiple_of(4) {
            // Leaving a loop early keeps it in the order written: all attempts at once, not all events.
            let Some(&at) = attempts.get(nth) else { return };
            for place in 0..LANES {
                ranks[place] += i32::from(at < attempts[place]);
            }
        }
        for nth in 0..events.ended.next_multiple_of(4) {
            let Some(&at) = events.ends.get(nth) else { return };
            let (refund, held) = (events.back[nth % MOST_ENDS], events.held[nth % MOST_ENDS]);
            for place in 0..LANES {
                // An end comes before an attempt at its instant.
                let by_then = -i32::from(at <= attempts[place]);
                back[place] += refund & by_then;
                freed[place] += held & by_then;
                ended[place] -= by_then;
            }
        }
        let mut ordered = 0;
        let Some(steps) = steps.first_chunk_mut::<LANES>() else { return };
        for place in 0..events.len.min(LANES) {
            let rank = ranks[place] as usize % LANES;
            ordered += rank;
            steps[rank] = Step {
                at: attempts[place],
                slot: events.slots[place],
                is_first: place >= events.repeated,
                back: back[place],
                freed: freed[place],
                ended: ended[place],
                ..Step::default()
            };
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
        ended: 0,
    };

    /// Forgets all.
    #[inline(always)]
    fn clear(&mut self) {
        (self.attempts, self.ends, self.len, self.ended) = ([NEVER; MOST], [NEVER; MOST_ENDS], 0, 0);
    }

    /// Forgets what was written last as what it is not.
    #[inline(always)]
    fn forget_last(&mut self) {
        if let Some(at) = self.ends.get_mut(self.ended) {
            *at = NEVER;
        }
        if let Some(at) = self.attempts.get_mut(self.len) {
            *at = NEVER;
        }
    }

    /// Adds an attempt, if there is room.
    #[inline(always)]
    fn attempt(&mut self, at: u64, slot: u32) -> bool {
        let room = self.len < MOST;
        if room {
            self.attempts[self.len] = at as i32;
            self.slots[self.len] = slot;
            self.len += 1;
        }
        room
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

impl<A: Admit> Repeating<'_, '_, A> {
    /// Walks through the next slice, if all that happens there is known; whether it has.
    #[inline(never)]
    pub(super) fn walk_through_slice(&mut self, walk: &mut Walk, mark: SimTime) -> bool {
        let slice = self.begin_walk(walk, mark);
        if let Some(slice) = slice {
            let totals = self.make_attempts(walk, slice);
            self.end_walk(walk, slice, &totals);
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
        (suits && until <= mark && agenda.is_simple(tick)).then_some(Slice { from, until, counted })
    }

    /// Gathers what happens in the next slice.
    #[inline(always)]
    fn begin_walk(&mut self, walk: &mut Walk, mark: SimTime) -> Option<Slice> {
        let agenda = &self.track.course.agenda;
        let tick = agenda.next_tick()?;
        let slice = self.slice(tick, mark)?;
        let Slice { from, until, counted } = slice;
        let (place, current) = (self.track.source.place, self.track.source.current);
        let block = &self.track.source.blocks[current];
        let times = &block.times[place..block.len.max(place)];
        // More may arrive after the last of a block.
        if *times.first()? < from.0 || *times.last()? < until.0 || self.track.quota.make_ready(from)? < until {
            return None;
        }
        let Walk { events, logged, soon, ended, back, steps, len } = walk;
        events.clear();
        logged.clear();
        soon.clear();
        let (mut sum, mut returned, mut overdraft) = (Sum::default(), 0, 0);
        *back = 0;
        let mut oldest = admission::Entry(self.track.moved.admissions);
        // Every event is written as an end and as an attempt, and kept as the one that it is: a branch could not be
        // predicted. An attempt has no load.
        for entry in agenda.entries(tick) {
            let (what, load, at) = (entry.what(), entry.load, entry.offset());
            let is_end = usize::from(what.is_end());
            let number = admission::Entry(number_of(what.slot(), self.track.moved.admissions));
            let refund = self.track.quota.comes_back(number, load.held(), load.charge());
            sum.add(load);
            *back += refund;
            returned += refund.max(0) as u64;
            overdraft += load.overdraft();
            let nth = events.ended % MOST_ENDS;
            events.ends[nth] = at as i32;
            events.back[nth] = refund as i32;
            events.held[nth] = load.held() as i32;
            events.ended += is_end;
            let nth = events.len % MOST;
            events.attempts[nth] = at as i32;
            events.slots[nth] = what.slot();
            events.len += 1 - is_end;
            if A::KEEPS_A_LOG && what.is_end() {
                oldest = oldest.min(number);
                logged.push(End { at, entry: number, held: load.held(), charge: load.charge() });
            }
        }
        events.forget_last();
        *ended = Ended::of(events.ended, sum, overdraft);
        events.repeated = events.len;
        for (place, &at) in (place..).zip(times.iter().take_while(|&&at| at < until.0)) {
            if !events.attempt(at - from.0, Place { block: current, place }.slot()) {
                return None;
            }
        }
        if events.len + events.ended == 0 {
            return None;
        }
        let mut apart = false;
        if events.len <= FEW {
            widest(InOrder::<FEW> { events, steps, apart: &mut apart });
        } else {
            widest(InOrder::<MOST> { events, steps, apart: &mut apart });
        }
        if !apart || !self.track.quota.begin_walk(from, until, returned, oldest) {
            return None;
        }
        *len = events.len;
        let firsts = events.len - events.repeated;
        self.track.moved.counted_open += if counted { firsts as u64 } else { 0 };
        self.track.source.place += firsts;
        let cell = agenda.len_of(tick);
        self.track.course.agenda.pass_slices(1, cell);
        let block = self.track.source.block_mut();
        let first = block.first;
        let repeats = &mut block.columns_mut().repeats;
        repeats.any = true;
        repeats.look_up_waits(self.ladder, self.backoff, first);
        Some(slice)
    }

    /// Makes the attempts of a slice.
    #[inline(always)]
    fn make_attempts(&mut self, walk: &mut Walk, slice: Slice) -> Totals {
        let mut totals = Totals::default();
        let mut nth = 0;
        while let Some(&step) = walk.steps[..walk.len].get(nth) {
            nth += 1;
            let now = SimTime(slice.from.0 + step.at as u64);
            let Place { block, place } = Place::of_slot(step.slot);
            let drawn = &mut *self.track.source.blocks[block];
            let (service, number, waited) =
                (drawn.timing.service[place], drawn.first + place as u64, now.0 - drawn.times[place]);
            let columns = drawn.columns_mut();
            let load = columns.outlook.loads[place];
            let held = columns.reservation[place];
            let overdraft = load.charge().saturating_sub(held);
            let fits = self.track.quota.fits_after(now, held, i64::from(step.back) - totals.taken as i64);
            // A mask that the compiler cannot see through: it would branch on what it stands for.
            let admitted = black_box(u64::from(fits).wrapping_neg());
            if A::KEEPS_A_LOG && fits {
                self.track.quota.admitted_meanwhile(now, held);
            }
            let (throttles, gives_up) = columns.attempted(place, waited, step.is_first, admitted);
            let bits = || self.backoff.attempt_bits(number, throttles);
            let wait = columns.repeats.wait(place, throttles, self.ladder, bits);
            let at = SimTime(now.0 + ((service & admitted) | (wait & !admitted)));
            let end = What::end((self.track.moved.admissions + totals.admitted) as u32 & What::MOST_SLOT);
            let what = What::retry(step.slot).masked(end, admitted);
            let load_then = load.counted(slice.counted).masked(admitted);
            self.progress.tickets[step.slot as usize] = self.track.moved.waits + nth as u64;

            totals.admitted += admitted & 1;
            totals.given_up += gives_up;
            totals.taken += held & admitted;
            totals.overdraft += overdraft & admitted;
            // Whether there was a new peak is found out afterwards.
            let step = &mut walk.steps[nth - 1];
            (step.taken, step.admitted) = (totals.taken as u32, totals.admitted as u16);
            let happens = gives_up == 0;
            if happens && at < slice.until {
                // That of the last admission; a retry has none.
                let entry = admission::Entry((self.track.moved.admissions + totals.admitted).saturating_sub(1));
                self.happens_soon(walk, nth, &Next { at, what, load: load_then }, slice, entry);
            } else {
                self.track.course.agenda.push_if(happens, at, what, load_then);
            }
            self.may_be_done(block);
        }
        totals
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
            let most = |level: &Gauge, after: fn(&Step) -> i64| {
                let highest = walk.steps[..walk.len].iter().map(after).max();
                level.now().saturating_add_signed(highest.unwrap_or(0))
            };
            let most_in_flight = most(in_flight, |step| i64::from(step.admitted) - i64::from(step.ended));
            let most_reserved = most(reserved, |step| i64::from(step.taken) - i64::from(step.freed));
            in_flight.move_on(admitted, ends, most_in_flight);
            reserved.move_on(taken, held, most_reserved);
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
        self.track.quota.end_walk(slice.until, admitted, taken as i64 - walk.back, &walk.logged);
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
                step.has_ended(back as i32, held as i32);
            }
            walk.soon.push([at, back as i32, held as i32]);
            walk.ended.add(next.load);
            walk.back += back;
            if A::KEEPS_A_LOG {
                walk.logged.push(End { at: at as u64, entry, held, charge });
            }
        } else {
            let mut step = Step { at, slot: next.what.slot(), ..Step::default() };
            let Events { ends, back, held, ended, .. } = &walk.events;
            let known =
                ends.iter().zip(back.iter().zip(held)).take(*ended).map(|(&at, (&back, &held))| [at, back, held]);
            for [_, back, held] in known.chain(walk.soon.iter().copied()).filter(|&[end, ..]| end <= at) {
                step.has_ended(back, held);
            }
            // A retry comes before what arrives at its instant, and after those that wait for longer.
            let later = |other: &Step| other.at > at || (other.at == at && other.is_first);
            let place = walk.steps[nth..walk.len].iter().position(later).map_or(walk.len, |place| nth + place);
            if walk.len == walk.steps.len() {
                walk.steps.push(step);
            }
            walk.steps.copy_within(place..walk.len, place + 1);
            walk.steps[place] = step;
            walk.len += 1;
        }
    }
}
