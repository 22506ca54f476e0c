//! Stretches of time in which nothing can go wrong, lived through at once.
//!
//! Where a quota has room for all attempts of a stretch, whatever comes back meanwhile, their order decides nothing but
//! what flows over, which is for the limiter to say ([`Stretch`]), and a new peak of what is in flight or reserved. So
//! all ends of the stretch's requests are put on the calendar at once, and of its slices only sums are taken.
//!
//! *Why*: an event by itself costs two branches that nobody can predict, and a place in the order of all.

use super::entry::{Entry, What};
use super::load::{Ended, Load, Sum};
use super::track::{Course, Moved, Track, number_of};
use crate::admission::{self, Admit, End, Flows, MOST_ATTEMPTS, MOST_SLICES, Stretch};
use crate::engine::draws::BLOCK;
use crate::engine::gauge::Gauge;
use crate::engine::marks::Marks;
use crate::engine::source::Drawn;
use crate::units::SimTime;

/// Slices of which each is asked for its room.
const FEW: usize = 16;

const _: () = assert!(BLOCK <= MOST_ATTEMPTS, "all attempts of a stretch are of one block");

/// What is summed up of the slices of a stretch.
#[derive(Debug, Default)]
pub(super) struct Sums {
    flows: Vec<Flows>,
    /// What ends, beside what the limiter is told.
    endings: Vec<Ended>,
}

impl Sums {
    fn clear(&mut self, slices: usize) {
        self.flows.clear();
        self.flows.resize(slices, Flows::default());
        self.endings.clear();
        self.endings.resize(slices, Ended::default());
    }
}

/// How many times not to try: the more, the longer the quota had no room for all of a slice.
#[derive(Debug, Default)]
pub(super) struct Unrest {
    to_come: u32,
    last: u32,
}

impl Unrest {
    /// The most times in a row.
    const MOST: u32 = 15;

    #[inline(always)]
    pub(super) fn lasts(&mut self) -> bool {
        let lasts = self.to_come > 0;
        self.to_come -= u32::from(lasts);
        lasts
    }

    #[inline(always)]
    pub(super) fn grows(&mut self) {
        self.last = (2 * self.last + 1).min(Unrest::MOST);
        self.to_come = self.last;
    }

    #[inline(always)]
    fn is_over(&mut self) {
        self.last = 0;
    }
}

/// Slices that are lived through at once.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// The first of them, counted from time zero, and how many there are.
    pub(super) first: u64,
    pub(super) slices: usize,
    /// How many attempts begin meanwhile.
    pub(super) attempts: usize,
}

/// The attempts that are made next, one after the other. More may follow the last of them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Upcoming<'u> {
    /// When each is made \[ns\].
    pub(super) times: &'u [u64],
    /// What each asks to reserve [quota tokens].
    pub(super) costs: &'u [u64],
    /// When each ends, and its load.
    pub(super) ends: &'u [SimTime],
    pub(super) loads: &'u [Load],
    /// What those before each take from a quota at the most, and what all take [quota tokens].
    pub(super) taken: &'u [u64],
    /// Whether no load is large, and none ends at the instant at which it begins.
    pub(super) even: bool,
    /// Whether all are of counted requests; if not, their loads say of which.
    pub(super) counted: bool,
}

impl<'u> Upcoming<'u> {
    /// The first attempts of a block from `place` on, up to the one in the place `stop`, if counted requests are those that
    /// arrive from `warmup` on.
    #[inline(always)]
    fn of_block(block: &'u Drawn<'_>, place: usize, stop: usize, warmup: SimTime) -> Upcoming<'u> {
        let range = place..block.len.min(stop.saturating_add(1)).max(place);
        let columns = block.columns();
        let times = &block.times[range.clone()];
        Upcoming {
            times,
            costs: &columns.reservation[range.clone()],
            ends: &columns.ends[range.clone()],
            loads: &columns.outlook.loads[range.clone()],
            taken: &columns.outlook.taken[place..=range.end],
            even: columns.outlook.even,
            // The end of the warm-up is a mark: what is lived through at once is before it, or after.
            counted: times.first().is_some_and(|&at| at >= warmup.0),
        }
    }

    /// How many are made before the slice of this tick, where slices are 2 to the power of `shift` long \[ns\].
    #[inline(always)]
    pub(super) fn made_before(&self, tick: u64, shift: u32) -> usize {
        self.times.partition_point(|&at| at < tick << shift)
    }
}

impl<'a, A: Admit> Track<'_, 'a, A> {
    /// How many of the next slices can be lived through, before `mark` and before the request in the place `stop` of its
    /// block arrives.
    #[inline(always)]
    pub(super) fn look_ahead(&mut self, mark: SimTime, stop: usize) -> Option<Ahead> {
        let (mut passage, block, place) = self.passage();
        let upcoming = Upcoming::of_block(block, place, stop, passage.marks.warmup());
        passage.look_ahead(upcoming, mark)
    }

    /// Lives through these slices, and tells of each attempt that ends there when it does, its number and its load.
    #[inline(never)]
    pub(super) fn live_through(&mut self, ahead: Ahead, ended: impl FnMut(SimTime, u64, Load)) {
        let (mut passage, block, place) = self.passage();
        let upcoming = Upcoming::of_block(block, place, usize::MAX, passage.marks.warmup());
        passage.live_through(ahead, upcoming, ended);
        self.source.place += ahead.attempts;
    }

    /// All that moves in a stretch; and the block whose requests arrive, and the place of the next.
    #[inline(always)]
    pub(super) fn passage(&mut self) -> (Passage<'_, A>, &Drawn<'a>, usize) {
        let Track { quota, course, source, marks, moved } = self;
        (Passage { quota, course, marks, moved }, source.block(), source.place)
    }
}

/// All that moves in a stretch, beside where its attempts come from.
pub(super) struct Passage<'p, A> {
    quota: &'p mut A,
    pub(super) course: &'p mut Course,
    marks: &'p Marks,
    pub(super) moved: &'p mut Moved,
}

impl<A: Admit> Passage<'_, A> {
    /// Lives through these slices, and tells of each attempt that ends there when it does, its number and its load.
    #[inline(always)]
    pub(super) fn live_through(&mut self, ahead: Ahead, upcoming: Upcoming<'_>, ended: impl FnMut(SimTime, u64, Load)) {
        let Ahead { first, slices, attempts } = ahead;
        self.course.unrest.is_over();
        let mut sums = std::mem::take(&mut self.course.sums);
        sums.clear(slices);
        let Sums { flows, endings } = &mut sums;
        self.begin_all(first, attempts, upcoming, flows);
        self.add_up(first, flows, endings, ended);
        self.settle_all(first, upcoming, flows, endings);
        self.course.sums = sums;
    }

    /// How many of the next slices can be lived through, before `mark` and before the last of the upcoming attempts.
    #[inline(always)]
    pub(super) fn look_ahead(&mut self, upcoming: Upcoming<'_>, mark: SimTime) -> Option<Ahead> {
        let agenda = &self.course.agenda;
        let first = agenda.next_tick()?;
        let (shift, from) = (agenda.shift(), agenda.start_of(first));
        let Upcoming { times, taken, .. } = upcoming;
        let suits = upcoming.even && self.course.large.is_empty();
        // A limiter that is ready for a stretch has seen all that comes before.
        if !suits || *times.first()? < from.0 || mark.0 >> shift <= first {
            return None;
        }
        // More may be made at the instant of the last.
        let bound = self.quota.make_ready(from)?.min(mark).0.min(*times.last()?);
        let mut end = (bound >> shift).min(first + agenda.slices().min(MOST_SLICES as u64));
        if self.course.others > 0 {
            end = agenda.first_but_ends(first, end);
            if end == first {
                self.course.unrest.grows();
                return None;
            }
        }
        let made_before = |end: u64| upcoming.made_before(end, shift);
        let mut attempts = made_before(end.max(first));
        let overdraft = self.course.overdraft;
        let has_room = |attempts: usize| self.quota.has_room(attempts as u64, taken[attempts] - taken[0] + overdraft);
        if end > first && !has_room(attempts) {
            if A::MAKES_ROOM {
                let mut by_slice = [0; FEW];
                let by_slice = &mut by_slice[..((end - first) as usize).min(FEW)];
                for (tick, sum) in (first..).zip(&mut *by_slice) {
                    *sum = taken[made_before(tick + 1)] - taken[0] + overdraft;
                }
                let slices = self.quota.room_by_slice(from, 1 << shift, by_slice);
                end = first + slices as u64;
                attempts = made_before(end);
            } else {
                let (mut fit, mut too_many) = (0, attempts);
                while fit + 1 < too_many {
                    let middle = usize::midpoint(fit, too_many);
                    if has_room(middle) { fit = middle } else { too_many = middle }
                }
                // There may be no room for the next one.
                end = end.min(times[fit] >> shift);
                attempts = made_before(end.max(first));
            }
            if end <= first {
                self.course.unrest.grows();
            }
        }
        // Empty time passes faster from event to event.
        let any = attempts > 0 || self.moved.in_flight.now() > 0;
        (any && end > first).then(|| Ahead { first, slices: (end - first) as usize, attempts })
    }

    /// When these slices begin.
    #[inline(always)]
    pub(super) fn start_of(&self, ahead: Ahead) -> SimTime {
        self.course.agenda.start_of(ahead.first)
    }

    /// When these slices end.
    #[inline(always)]
    pub(super) fn end_of(&self, ahead: Ahead) -> SimTime {
        self.course.agenda.start_of(ahead.first + ahead.slices as u64)
    }

    /// The next attempts are under way.
    #[inline(always)]
    fn begin_all(&mut self, first: u64, attempts: usize, upcoming: Upcoming<'_>, flows: &mut [Flows]) {
        let agenda = &mut self.course.agenda;
        let shift = agenda.shift();
        let (times, costs) = (&upcoming.times[..attempts], &upcoming.costs[..attempts]);
        for (nth, (&at, &cost)) in times.iter().zip(costs).enumerate() {
            let flows = &mut flows[((at >> shift) - first) as usize];
            flows.attempts = nth + 1;
            flows.asked += cost;
        }
        let (ends, loads, counted) = (&upcoming.ends[..attempts], &upcoming.loads[..attempts], upcoming.counted);
        let (patience, admissions) = (self.marks.patience(), self.moved.admissions);
        let mut pushing = agenda.pushing();
        for (number, (&end, &load)) in (admissions..).zip(ends.iter().zip(loads)) {
            let what = What::end(number as u32 & What::MOST_SLOT);
            pushing.push(end, what, load.counted(counted && end <= patience));
        }
        pushing.end(attempts);
        let mut made = 0;
        for flows in flows {
            made = made.max(flows.attempts);
            flows.attempts = made;
        }
        self.moved.admissions += attempts as u64;
        self.moved.counted_open += if counted { attempts as u64 } else { 0 };
    }

    /// Adds up what ends in the slices `first ..`.
    #[inline(always)]
    fn add_up(
        &mut self,
        first: u64,
        flows: &mut [Flows],
        endings: &mut [Ended],
        mut ended: impl FnMut(SimTime, u64, Load),
    ) {
        let (agenda, admissions) = (&mut self.course.agenda, self.moved.admissions);
        agenda.take_far(first + flows.len() as u64 - 1, &mut self.course.far);
        for (tick, (flows, ending)) in (first..).zip(flows.iter_mut().zip(&mut *endings)) {
            let (mut sum, mut returned, mut net, mut overdraft) = (Sum::default(), 0, 0, 0);
            let start = agenda.start_of(tick);
            for entry in agenda.entries(tick) {
                let (number, load) = (number_of(entry.what().slot(), admissions), entry.load);
                let refund = self.quota.comes_back(admission::Entry(number), load.held(), load.charge());
                returned += refund.max(0);
                net += refund;
                overdraft += load.overdraft();
                sum.add(load);
                ended(SimTime(start.0 + entry.offset()), number, load);
            }
            (flows.returned, flows.overdrawn) = (returned as u64, (returned - net) as u64);
            *ending = Ended::of(agenda.len_of(tick), sum, overdraft);
        }
        for &(entry, tick) in &self.course.far {
            let slice = (tick - first) as usize;
            let number = number_of(entry.what().slot(), admissions);
            let refund = self.quota.comes_back(admission::Entry(number), entry.load.held(), entry.load.charge());
            flows[slice].returned += refund.max(0) as u64;
            flows[slice].overdrawn += refund.min(0).unsigned_abs();
            endings[slice].add(entry.load);
            ended(SimTime(agenda.start_of(tick).0 + entry.offset()), number, entry.load);
        }
    }

    /// Lets everything end that ends in the slices `first ..`.
    #[inline(always)]
    fn settle_all(&mut self, first: u64, upcoming: Upcoming<'_>, flows: &[Flows], endings: &[Ended]) {
        let agenda = &self.course.agenda;
        let attempts = flows.last().map_or(0, |flows| flows.attempts);
        let far = &self.course.far;
        let admissions = self.moved.admissions;
        let end_of = |entry: &Entry| End {
            at: entry.offset(),
            entry: admission::Entry(number_of(entry.what().slot(), admissions)),
            held: entry.load.held(),
            charge: entry.load.charge(),
        };
        let stretch = Stretch {
            from: agenda.start_of(first),
            width: 1 << agenda.shift(),
            slices: flows,
            made: &upcoming.times[..attempts],
            costs: &upcoming.costs[..attempts],
            ends: |slice: usize, ends: &mut Vec<End>| {
                let tick = first + slice as u64;
                ends.extend(agenda.entries(tick).map(|entry| end_of(&entry)));
                ends.extend(far.iter().filter(|&&(_, of)| of == tick).map(|(entry, _)| end_of(entry)));
            },
        };
        self.quota.live_through(&stretch);

        let (mut before, mut all) = (0, Ended::default());
        let Moved { in_flight, reserved, .. } = &mut *self.moved;
        for (slice, (flows, ending)) in flows.iter().zip(endings).enumerate() {
            let begun = (flows.attempts - before) as u64;
            before = flows.attempts;
            if in_flight.has_been_at(begun) && reserved.has_been_at(flows.asked) {
                in_flight.shift(begun, ending.ends);
                reserved.shift(flows.asked, ending.held);
            } else {
                gauge_in_order(&stretch, slice, in_flight, reserved);
            }
            all.ends += ending.ends;
            all.counted += ending.counted;
            all.charged += ending.charged;
            all.overdraft += ending.overdraft;
        }
        self.moved.counted_open -= all.counted;
        self.moved.charged += all.charged;
        let asked: u64 = flows.iter().map(|flows| flows.asked).sum();
        self.course.overdraft += upcoming.taken[attempts] - upcoming.taken[0] - asked;
        self.course.overdraft -= all.overdraft;
        let far = self.course.far.len() as u64;
        self.course.agenda.pass_slices(flows.len() as u64, (all.ends - far) as usize);
    }
}

/// Moves the gauges through a slice event by event: there may be a new peak.
#[cold]
#[inline(never)]
fn gauge_in_order(
    stretch: &Stretch<'_, impl Fn(usize, &mut Vec<End>)>,
    slice: usize,
    in_flight: &mut Gauge,
    reserved: &mut Gauge,
) {
    let mut ends = Vec::new();
    (stretch.ends)(slice, &mut ends);
    let begin = stretch.from.0 + stretch.width * slice as u64;
    let attempts = stretch.attempts_of(slice);
    let begun = stretch.made[attempts.clone()].iter().zip(&stretch.costs[attempts]);
    let mut events: Vec<_> = begun.map(|(&made, &cost)| (made - begin, true, cost)).collect();
    events.extend(ends.iter().map(|end| (end.at, false, end.held)));
    // An end comes before the attempts of its instant.
    events.sort_unstable_by_key(|&(at, begins, _)| (at, begins));
    for (_, begins, held) in events {
        if begins {
            in_flight.add(1);
            reserved.add(held);
        } else {
            in_flight.subtract(1);
            reserved.subtract(held);
        }
    }
}
