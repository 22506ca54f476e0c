//! Who holds slots under a cap on concurrency, of clients whose requests stay in their blocks.
//!
//! Requests come to one client after the other. So once it is known how many of its slots each client has given out, it is
//! known how many requests may arrive before any client can be at its cap, whatever ends meanwhile. Until then nobody
//! counts: it is only noted of which request each admission is. When so many have arrived, *stock is taken*: all that is in
//! flight, or waits for an attempt, is counted by client. Where caps are so near that this would have to be done all the
//! time, slots are counted as they are given out and come back, and who finds none waits in line (`slots`).
//!
//! *Why*: most caps are there for bad times. *Measured* over the quota, 64 clients with 200 slots each: a record of each
//! request that was refused, and word of each end, made a request take nine tenths longer than it takes without a cap; this
//! adds a tenth. Where slots are counted it adds three or four.

use super::Lane;
use super::alarms::NO_REQUEST;
use super::repeating::Progress;
use super::track::number_of;
use crate::admission::{Admit, MOST_WALKED};
use crate::engine::draws::BLOCK;
use crate::engine::simulation::ClientSlots;

/// Places of the smallest ring: stretches of a block of requests fit in.
const FEWEST: usize = 4 * BLOCK;
/// As many requests may arrive, or be admitted, before the next look at what is left.
const AT_ONCE: u64 = MOST_WALKED as u64;
/// Stock is taken for the sake of one request that may arrive for so many slots that are taken, at least.
const WORTH_IT: u64 = 4;

/// What is known of slots.
#[derive(Debug)]
pub(super) struct Holders {
    /// By the low bits of the number of an admission, the number of its request. A power of two.
    ring: Vec<u64>,
    /// The admissions in flight whose places in the ring may be taken by others, in order, and the request of each.
    outlasting: Vec<(u64, u64)>,
    /// All that were in flight when stock was last taken.
    in_flight: Vec<(u64, u64)>,
    /// The first admission that the ring has no place for unless stock is taken.
    full_at: u64,
    /// The first request whose client could be at its cap; where slots are counted, the one with which to look how near caps
    /// are.
    sure_before: u64,
    /// Whether it is known how many slots each client has given out.
    pub(super) are_counted: bool,
}

impl Holders {
    /// For an admission whose end frees no slot.
    pub(super) const NOBODY: u64 = u64::MAX;

    /// Before the first request arrives.
    pub(super) fn new() -> Holders {
        Holders {
            ring: vec![Holders::NOBODY; FEWEST],
            outlasting: Vec::new(),
            in_flight: Vec::new(),
            full_at: FEWEST as u64,
            sure_before: 0,
            are_counted: true,
        }
    }

    /// Notes of which request the admission of this number is.
    #[inline(always)]
    pub(super) fn put(&mut self, admission: u64, request: u64) {
        let place = admission as usize & (self.ring.len() - 1);
        self.ring[place] = request;
    }

    /// As [`put`](Holders::put), of so many admissions and requests in a row.
    pub(super) fn put_all(&mut self, admission: u64, request: u64, count: usize) {
        for nth in 0..count as u64 {
            self.put(admission + nth, request + nth);
        }
    }

    /// Of which request the admission of this number is, which is in flight, or has just ended.
    #[inline(always)]
    pub(super) fn request_of(&self, admission: u64) -> u64 {
        if admission + self.ring.len() as u64 >= self.full_at {
            self.ring[admission as usize & (self.ring.len() - 1)]
        } else {
            self.request_of_outlasting(admission)
        }
    }

    #[cold]
    fn request_of_outlasting(&self, admission: u64) -> u64 {
        let place = self.outlasting.binary_search_by_key(&admission, |&(number, _)| number);
        self.outlasting[place.expect("it was in flight when stock was taken")].1
    }

    /// How many requests may arrive from this number on, and be admitted from this number on, before stock is taken.
    pub(super) fn lasts_for(&self, request: u64, admissions: u64) -> usize {
        let places = self.full_at - admissions;
        let sure = if self.are_counted { places } else { self.sure_before - request };
        places.min(sure) as usize
    }

    /// Whether it is time to look, if this is the next request and there have been so many admissions.
    #[inline(always)]
    fn are_due(&self, request: u64, admissions: u64) -> bool {
        request + AT_ONCE > self.sure_before || self.is_ring_full(admissions)
    }

    #[inline(always)]
    fn is_ring_full(&self, admissions: u64) -> bool {
        admissions + AT_ONCE > self.full_at
    }

    /// Makes room in the ring, after so many admissions, for many more than are in flight or than there are clients.
    fn make_room(&mut self, admissions: u64, clients: usize) {
        let Holders { ring, outlasting, in_flight, .. } = self;
        let places = (4 * in_flight.len()).max(2 * clients).next_power_of_two().max(ring.len());
        ring.resize(places, Holders::NOBODY);
        self.full_at = admissions + places as u64 / 2;
        outlasting.clear();
        for &(admission, request) in &*in_flight {
            if admission + places as u64 >= self.full_at {
                ring[admission as usize & (places - 1)] = request;
            } else {
                outlasting.push((admission, request));
            }
        }
        outlasting.sort_unstable();
    }
}

/// The slots of all clients, counted.
pub(super) struct Slots<'t> {
    pub(super) of: &'t mut [ClientSlots],
    pub(super) limit: u32,
}

impl Slots<'_> {
    #[inline(always)]
    fn client_of(&self, request: u64) -> usize {
        // A division takes its time.
        if self.of.len() == 1 { 0 } else { (request % self.of.len() as u64) as usize }
    }

    /// Whether clients have slots for so many requests, from this number on.
    #[inline(always)]
    pub(super) fn suffice(&self, request: u64, requests: usize) -> bool {
        // They come to one client after the other.
        let clients = self.of.len();
        let each = requests.div_ceil(clients) as u64;
        let first = self.client_of(request);
        let mut theirs = self.of.iter().cycle().skip(first).take(requests.min(clients));
        theirs.all(|slots| u64::from(slots.active) + each <= u64::from(self.limit))
    }

    /// For how many requests there are slots, from this number on; at least, and for no more than are in a block.
    pub(super) fn suffice_for(&self, request: u64) -> usize {
        let (clients, first) = (self.of.len(), self.client_of(request));
        let mut fewest = u32::MAX;
        for (nth, slots) in self.of.iter().cycle().skip(first).take(clients.min(BLOCK)).enumerate() {
            if slots.active >= self.limit {
                return nth;
            }
            fewest = fewest.min(self.limit - slots.active);
        }
        BLOCK.min(clients.saturating_mul(fewest as usize))
    }

    /// So many requests take slots, from this number on.
    #[inline(always)]
    pub(super) fn take(&mut self, request: u64, requests: usize) {
        let mut client = self.client_of(request);
        for _ in 0..requests {
            self.of[client].active += 1;
            client = if client + 1 == self.of.len() { 0 } else { client + 1 };
        }
    }

    /// A request, if there is one, gives its slot back, for which nobody waits.
    #[inline(always)]
    pub(super) fn give_back(&mut self, request: u64) {
        if request != Holders::NOBODY {
            let client = self.client_of(request);
            self.of[client].active -= 1;
        }
    }
}

impl<A: Admit> Lane<'_, '_, A> {
    #[inline(always)]
    pub(super) fn holders(&mut self) -> Option<&mut Holders> {
        // Without a cap, nothing has to be fetched.
        if self.slots.is_empty() { None } else { self.repeating.as_deref_mut()?.progress.holders.as_mut() }
    }

    /// Whether clients have slots, and it is known how many each has given out.
    #[inline(always)]
    pub(super) fn counts_slots(&self) -> bool {
        let holders = || self.repeating.as_deref()?.progress.holders.as_ref();
        !self.slots.is_empty() && holders().is_none_or(|holders| holders.are_counted)
    }

    /// Looks at the slots that are left, if it is time to.
    #[inline(always)]
    pub(super) fn look_at_slots(&mut self) {
        if self.slots.is_empty() {
            return;
        }
        let (request, admissions) = (self.track.source.number(), self.track.moved.admissions);
        if self.holders().is_some_and(|holders| holders.are_due(request, admissions)) {
            self.look_at_each();
        }
    }

    #[inline(never)]
    fn look_at_each(&mut self) {
        let (request, admissions) = (self.track.source.number(), self.track.moved.admissions);
        let Some(cap) = self.workload.model.concurrency else { return };
        if self.holders().is_some_and(|holders| !holders.are_counted || holders.is_ring_full(admissions)) {
            self.take_stock();
        }
        let clients = self.slots.len() as u64;
        let (mut all, mut most) = (0, 0);
        for slots in &*self.slots {
            all += u64::from(slots.active);
            most = most.max(slots.active);
        }
        let sure = u64::from(cap.limit - most) * clients;
        let nobody_waits = self.in_progress.in_line == 0;
        let Some(holders) = self.holders() else { return };
        holders.are_counted = !nobody_waits || sure < 2 * AT_ONCE + all / WORTH_IT;
        let last_for = if holders.are_counted { 2 * AT_ONCE + clients } else { sure };
        holders.sure_before = request.saturating_add(last_for);
    }

    /// Counts the slots that each client has given out, and makes room for what will be admitted.
    fn take_stock(&mut self) {
        let Lane { track, repeating, in_progress, slots, workload, .. } = self;
        let Some(repeating) = repeating.as_deref_mut() else { return };
        let Progress { trials, holders, .. } = &mut repeating.progress;
        let Some(holders) = holders else { return };
        let admissions = track.moved.admissions;
        slots.iter_mut().for_each(|slots| slots.active = 0);
        let mut holds = |request: u64| slots[workload.client_of(request) as usize].active += 1;
        let mut in_flight = std::mem::take(&mut holders.in_flight);
        in_flight.clear();
        for (what, load) in track.course.agenda.events() {
            let slot = what.slot();
            if what.is_end() {
                let is_large = load.is_large();
                let admission = if is_large { track.course.large[&slot][0] } else { number_of(slot, admissions) };
                let request = holders.request_of(admission);
                in_flight.push((admission, request));
                if request != Holders::NOBODY {
                    holds(request);
                }
            } else if slot & NO_REQUEST == 0 {
                holds(in_progress.waiting.get(slot).number);
            } else if what.is_retry() {
                holds(trials.request_of(slot & !NO_REQUEST));
            }
        }
        holders.in_flight = in_flight;
        holders.make_room(admissions, slots.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        /// Against a map, with some in flight that outlast any number of turns.
        #[test]
        fn the_request_of_an_admission_is_known_until_its_end(
            lives in prop::collection::vec(prop_oneof![1..40_u64, 1_000..9_000_u64], 1..64),
            clients in 1..5_000_usize,
        ) {
            let (mut holders, mut expected, mut ends) = (Holders::new(), BTreeMap::new(), BTreeMap::new());
            for admission in 0..20_000_u64 {
                if holders.is_ring_full(admission) {
                    holders.in_flight.clear();
                    holders.in_flight.extend(expected.iter().map(|(&admission, &request)| (admission, request)));
                    holders.make_room(admission, clients);
                }
                let request = if admission % 7 == 0 { Holders::NOBODY } else { 3 * admission };
                holders.put(admission, request);
                expected.insert(admission, request);
                let life = lives[admission as usize % lives.len()];
                ends.entry(admission + life).or_insert_with(Vec::new).push(admission);
                for ended in ends.remove(&admission).unwrap_or_default() {
                    prop_assert_eq!(Some(holders.request_of(ended)), expected.remove(&ended));
                }
            }
            for (admission, request) in expected {
                prop_assert_eq!(holders.request_of(admission), request);
            }
        }
    }
}
