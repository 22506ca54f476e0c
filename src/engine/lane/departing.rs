//! Stretches of time in which requests leave their gateway.
//!
//! As [stretches](super::stretch) of arrivals, with two things more: the mean of answers must stay as it is, for departures
//! are known only as long as it does (`leeway`); and what is heard of ends has to be learned.
//!
//! *Measured*: in stretches, and without records of those that their deadline cuts off, a paced request of the benchmarks
//! `sat 100` and `over 100` takes two thirds and half of the time that it takes one by one.

use super::departures::Leaving;
use super::hearers::Hearers;
use super::leeway::{Heard, Sum, Told};
use super::outputs::UNHEARD;
use super::paced::Queue;
use super::track::{Course, nobody_hears};
use super::waiting::Waiting;
use super::{InProgress, Lane, News};
use crate::admission::Admit;
use crate::client::{Call, Client, ClientState};
use crate::engine::compiled::CompiledWorkload;
use crate::engine::request::NOWHERE;
use crate::engine::slab::Slab;
use crate::units::SimTime;

impl<A: Admit> Lane<'_, '_, A> {
    /// Lives through as many of the next slices as it can; whether through any.
    #[inline(always)]
    pub(super) fn live_through_departures(&mut self, mark: SimTime, queue: &mut Queue) -> bool {
        let Course { agenda, unrest, .. } = &mut *self.track.course;
        agenda.is_through() && !unrest.lasts() && self.try_to_live_through_departures(mark, queue)
    }

    #[inline(never)]
    fn try_to_live_through_departures(&mut self, mark: SimTime, queue: &mut Queue) -> bool {
        let Lane { track, in_progress, held_back, states, client, workload, .. } = self;
        let InProgress { hearers, outputs, waiting, .. } = &mut **in_progress;
        let Queue { departures, terms, told, .. } = &mut *queue;
        let (mut passage, block, place) = track.passage();
        let upcoming = departures.upcoming(block.columns().outlook.even);
        let Some(ahead) = passage.look_ahead(upcoming, mark) else { return false };
        let answers = held_back.answers(0);
        let all = departures.next(ahead.attempts).outputs;
        let Some((ahead, begun)) = passage.hear_ahead(ahead, upcoming, all, answers, (hearers, outputs), told) else {
            passage.course.unrest.grows();
            return false;
        };
        let leaving = departures.next(ahead.attempts);

        // What ends with a deadline is an event, and nobody waits for it.
        let cut_off = ahead.attempts as u64 - begun.heard;
        passage.moved.wakes += leaving.openings() + cut_off;
        let uncounted = leaving.places.partition_point(|&place| block.times[usize::from(place)] < terms.warmup.0);
        let heard = leaving.outputs[..uncounted].iter().filter(|&&output| output != UNHEARD).count();
        passage.moved.counted_open += begun.heard - heard as u64;

        let mut clients = Clients { workload, client, states };
        let sum = told.others.and(begun.sum).and(clients.hear(told, waiting));
        let admissions = passage.moved.admissions;
        if workload.books_end() {
            clients.begin(&leaving, block.first, admissions, passage.end_of(ahead), hearers);
        } else {
            outputs.insert_all(admissions, leaving.outputs, leaving.ends, passage.start_of(ahead));
        }
        passage.live_through(ahead, upcoming, nobody_hears);
        answers.learn_all(sum.output, sum.answers);

        let (last, opened) = (leaving.last(), leaving.last_opening());
        if let Some((last, at)) = last {
            let given_up = last + 1 - place - ahead.attempts;
            track.moved.wakes += given_up as u64;
            track.source.place = last + 1;
            queue.goes(last, at, opened);
            queue.departures.pass(ahead.attempts);
        }
        true
    }
}

/// Those whose requests leave a gateway.
struct Clients<'c, 'w> {
    workload: &'c CompiledWorkload<'w>,
    client: &'c Client,
    states: &'c mut [ClientState],
}

impl Clients<'_, '_> {
    /// Each hears that an attempt that was under way has succeeded; all that they hear together.
    fn hear(&mut self, told: &mut Told, waiting: &mut Slab<Waiting>) -> Sum {
        let mut sum = Sum::default();
        for Heard { news: News { client, request, output }, .. } in told.heard.drain(..) {
            let call = if request == NOWHERE { Call::default() } else { waiting.get(request).call };
            self.succeeds(client, &call);
            if request != NOWHERE {
                waiting.free(request);
            }
            sum.add(output);
        }
        sum
    }

    /// The requests of a block whose first is `first` leave, and make the attempts from `admissions` on. Their clients hear
    /// of those that end before `until` now, and are to hear of the others.
    fn begin(&mut self, leaving: &Leaving<'_>, first: u64, admissions: u64, until: SimTime, hearers: &mut Hearers) {
        let Leaving { places, ends, outputs, .. } = leaving;
        for ((number, &place), (&ends, &output)) in (admissions..).zip(*places).zip(ends.iter().zip(*outputs)) {
            if output == UNHEARD {
                continue;
            }
            let client = self.workload.client_of(first + u64::from(place));
            if ends < until {
                self.succeeds(client, &Call::default());
            } else {
                hearers.insert(number, News { client, request: NOWHERE, output });
            }
        }
    }

    /// Nothing fails in a stretch: so it does not matter when its successes are booked.
    fn succeeds(&mut self, client: u32, call: &Call) {
        if self.workload.books_end() {
            self.client.after_success(&mut self.states[client as usize], call, SimTime::ZERO);
        }
    }
}
