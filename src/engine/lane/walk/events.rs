//! What happens in a slice: its attempts, put in order, and what comes back by each.

use super::{GIVES_AT_ENDS, GIVES_AT_FIRST_TOKENS, NEVER_GIVES};
use crate::admission::MOST_WALKED;
use crate::engine::lane::refills::TOKENS;
use crate::engine::source::AHEAD;
use crate::wide::Loop;

/// The most attempts that a slice may begin with.
pub(super) const MOST: usize = MOST_WALKED;
/// Most slices begin with no more.
pub(super) const FEW: usize = 16;
const _: () = assert!(FEW <= AHEAD, "what arrives is written over all places that are looked at");
/// The most ends: those of a cell, and as many that it had no room for.
pub(super) const MOST_ENDS: usize = 32;
/// Room for attempts, and arrivals that turn out not to be of the slice.
pub(super) const ROOM: usize = 2 * MOST;
/// Later than all of a slice.
pub(super) const NEVER: i32 = i32::MAX;

/// Things that are written in any case, and kept if they are to be: a branch could not be predicted.
#[derive(Debug, Default)]
pub(super) struct Kept<T> {
    /// Beyond their number anything.
    pub(super) things: Vec<T>,
    pub(super) len: usize,
}

impl<T: Copy + Default> Kept<T> {
    #[inline(always)]
    pub(super) fn put(&mut self, thing: T, keep: bool) {
        match self.things.get_mut(self.len) {
            Some(place) => *place = thing,
            None => self.things.push(thing),
        }
        self.len += usize::from(keep);
    }

    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    pub(super) fn all(&self) -> &[T] {
        &self.things[..self.len]
    }
}

/// The requests of a slice, those that waited and those that arrive, and the next attempt of each.
#[derive(Debug)]
pub(super) struct Attempts {
    /// How long after the beginning of the slice each is made \[ns\]; beyond the last, never.
    pub(super) at: [i32; ROOM],
    /// The place of the request.
    pub(super) slots: [u32; ROOM],
    /// What has come back by then from the limiter [quota tokens], and to a retry quota, if there is one.
    pub(super) back: [i32; ROOM],
    pub(super) released: [i32; ROOM],
    /// Which comes first, and so on: those that have been made, and those to come.
    pub(super) order: [u32; ROOM],
    pub(super) len: usize,
    /// How many waited when the slice began.
    pub(super) repeated: usize,
}

impl Default for Attempts {
    fn default() -> Self {
        Attempts {
            at: [NEVER; ROOM],
            slots: [0; ROOM],
            back: [0; ROOM],
            released: [0; ROOM],
            order: [0; ROOM],
            len: 0,
            repeated: 0,
        }
    }
}

impl Attempts {
    /// Nothing is made any more beyond the last. What arrives has been written over [`AHEAD`] places, which is enough for few.
    #[inline(always)]
    pub(super) fn end(&mut self) {
        self.at[self.len % ROOM..].fill(NEVER);
    }

    /// Writes one after so many, in any order.
    #[inline(always)]
    pub(super) fn put(&mut self, nth: usize, at: u64, slot: u32) {
        let nth = nth % ROOM;
        (self.at[nth], self.slots[nth]) = (at as i32, slot);
    }

    /// So many waited, and all are there.
    #[inline(always)]
    pub(super) fn all_waited(&mut self, waited: usize) {
        (self.len, self.repeated) = (waited, waited);
    }

    /// The last one made, of this number in order, is made again `at` some instant, by which so much will have come back to
    /// the limiter and to a retry quota; `has_waited` knows which requests have waited. The attempt of that number is then
    /// another, or it.
    #[inline(always)]
    pub(super) fn again(&mut self, nth: usize, at: i32, back: [i32; 2], has_waited: impl Fn(u32) -> bool) {
        let which = self.order[nth] as usize;
        self.at[which] = NEVER;
        // All that have been made are earlier.
        let (earlier, at_once) = if self.len <= FEW { count::<FEW>(&self.at, at) } else { count::<ROOM>(&self.at, at) };
        let mut place = earlier as usize;
        if at_once > 0 {
            // A retry comes before what arrives at its instant, and after those that wait for longer.
            let when = |other: u32| self.at[other as usize];
            let before = |other: u32| when(other) < at || (when(other) == at && has_waited(self.slots[other as usize]));
            place = nth + self.order[nth + 1..self.len].iter().filter(|&&other| before(other)).count();
        }
        (self.at[which], self.back[which], self.released[which]) = (at, back[0], back[1]);
        self.order.copy_within(nth + 1..=place, nth);
        self.order[place] = which as u32;
    }

    /// When the attempt of this number in order is made, after the beginning of the slice \[ns\].
    pub(super) fn time_of(&self, nth: usize) -> u64 {
        self.at[self.order[nth] as usize] as u64
    }

    /// So much comes back to the limiter and to a retry quota before all that are made from some instant on.
    #[inline(always)]
    pub(super) fn come_back(&mut self, from: i32, [back, released]: [i32; 2]) {
        for (nth, &at) in self.at[..self.len].iter().enumerate() {
            let so = -i32::from(from <= at);
            self.back[nth] += back & so;
            self.released[nth] += released & so;
        }
    }
}

/// How many of the first are earlier than some instant, and how many at it.
#[inline(always)]
fn count<const LANES: usize>(times: &[i32; ROOM], at: i32) -> (i32, i32) {
    times[..LANES]
        .iter()
        .fold((0, 0), |(earlier, at_once), &other| (earlier + i32::from(other < at), at_once + i32::from(other == at)))
}

/// Adds what arrives before the end of a slice, of the next requests of a block.
pub(super) struct Arriving<'a> {
    pub(super) attempts: &'a mut Attempts,
    /// When they arrive, and the place of the first.
    pub(super) times: &'a [u64; AHEAD],
    pub(super) slot: u32,
    /// When the slice begins and ends.
    pub(super) from: u64,
    pub(super) until: u64,
}

impl Loop for Arriving<'_> {
    #[inline(always)]
    fn run(self) {
        let Arriving { attempts, times, slot, from, until } = self;
        let Some(at) = attempts.at[attempts.len % ROOM..].first_chunk_mut::<AHEAD>() else { return };
        let Some(slots) = attempts.slots[attempts.len % ROOM..].first_chunk_mut::<AHEAD>() else { return };
        let mut arrive = 0;
        for place in 0..AHEAD {
            let arrives = times[place] < until;
            at[place] = if arrives { (times[place] - from) as i32 } else { NEVER };
            arrive += u64::from(arrives);
        }
        for (slots, slot) in slots.iter_mut().zip(slot..) {
            *slots = slot;
        }
        attempts.len += arrive as usize;
    }
}

/// What ends in a slice, and what else comes back there.
#[derive(Debug)]
pub(super) struct Ends {
    /// How long after the beginning of the slice \[ns\]; beyond the last, never.
    pub(super) at: [i32; MOST_ENDS],
    /// What comes back to the limiter, and what was held for it [quota tokens].
    pub(super) back: [i32; MOST_ENDS],
    pub(super) held: [i32; MOST_ENDS],
    /// What comes back to a retry quota.
    pub(super) released: [i32; MOST_ENDS],
    /// First tokens, and what they give back to a retry quota; never beyond the last.
    pub(super) first_tokens: [i32; TOKENS],
    pub(super) first_released: [i32; TOKENS],
    /// How many ends there are, and with what else gives something back.
    pub(super) ended: usize,
    pub(super) given_back: usize,
}

impl Default for Ends {
    fn default() -> Self {
        let zeros = [0; MOST_ENDS];
        Ends {
            at: [NEVER; MOST_ENDS],
            back: zeros,
            held: zeros,
            released: zeros,
            first_tokens: [NEVER; TOKENS],
            first_released: [0; TOKENS],
            ended: 0,
            given_back: 0,
        }
    }
}

impl Ends {
    /// Forgets all.
    #[inline(always)]
    pub(super) fn clear(&mut self) {
        (self.at, self.ended) = ([NEVER; MOST_ENDS], 0);
    }

    /// So many ends are there, which are all: forgets what was written last as what it is not.
    #[inline(always)]
    pub(super) fn all_ended(&mut self, ended: usize) {
        self.ended = ended;
        if let Some(at) = self.at.get_mut(self.ended) {
            *at = NEVER;
        }
        self.given_back = self.ended;
    }

    /// Something comes back though nothing ends, if there is room.
    #[inline(always)]
    pub(super) fn comes_back(&mut self, at: u64, amount: i64) {
        if self.given_back < MOST_ENDS {
            (self.at[self.given_back], self.back[self.given_back]) = (at as i32, amount as i32);
            self.released[self.given_back] = 0;
        }
        self.given_back += 1;
    }

    /// What first tokens have given back to a retry quota by some instant.
    pub(super) fn first_tokens_by(&self, at: i32) -> i32 {
        let by_then = self.first_tokens.iter().zip(&self.first_released).filter(|&(&comes, _)| comes <= at);
        by_then.map(|(_, released)| released).sum()
    }

    /// What has come back to the limiter and to a retry quota by some instant.
    #[inline(always)]
    pub(super) fn back_by(&self, at: i32) -> [i32; 2] {
        if self.given_back <= MOST_ENDS / 4 {
            self.first_back_by::<{ MOST_ENDS / 4 }>(at)
        } else {
            self.first_back_by::<MOST_ENDS>(at)
        }
    }

    /// As [`back_by`](Ends::back_by), of the first.
    #[inline(always)]
    fn first_back_by<const LANES: usize>(&self, at: i32) -> [i32; 2] {
        let (mut back, mut released) = (0, 0);
        for nth in 0..LANES {
            let so = -i32::from(self.at[nth] <= at);
            back += self.back[nth] & so;
            released += self.released[nth] & so;
        }
        [back, released]
    }
}

/// Puts attempts in order, and finds what has come back by each.
pub(super) struct InOrder<'a, const LANES: usize, const GIVES: u8> {
    pub(super) ends: &'a Ends,
    pub(super) attempts: &'a mut Attempts,
    /// One. The compiler is not to know: it would count in a longer way than it adds up what comes back.
    pub(super) one: i32,
    /// Whether no two are at one instant.
    pub(super) apart: &'a mut bool,
}

impl<const LANES: usize, const GIVES: u8> Loop for InOrder<'_, LANES, GIVES> {
    #[inline(always)]
    fn run(self) {
        let InOrder { ends, attempts, one, apart } = self;
        let Attempts { at, back, released, order, len, .. } = attempts;
        let Some(at) = at.first_chunk::<LANES>() else { return };
        let (mut ranks, mut by_then, mut released_by_then) = ([0; LANES], [0; LANES], [0; LANES]);
        // All, in the fewest steps: how many there are cannot be predicted. The others are never.
        for nth in 0..len.div_ceil(FEW) * (FEW / 4) {
            // Leaving a loop early keeps it in the order written: all attempts at once, not all events.
            let Some(four) = four(at, nth) else { return };
            for place in 0..LANES {
                let [a, b, c, d] = four.map(|other| one & -i32::from(other < at[place]));
                ranks[place] += (a + b) + (c + d);
            }
        }
        // Mostly two fours, and a branch that knows it; beyond the last, never.
        for nth in 0..ends.given_back.div_ceil(4).max(2) {
            let (Some(end), Some(refund), Some(tokens)) =
                (four(&ends.at, nth), four(&ends.back, nth), four(&ends.released, nth))
            else {
                return;
            };
            // An end comes before an attempt at its instant.
            let sum =
                |amount: [i32; 4], at: i32| (0..4).map(|nth| amount[nth] & -i32::from(end[nth] <= at)).sum::<i32>();
            for place in 0..LANES {
                by_then[place] += sum(refund, at[place]);
            }
            if GIVES == GIVES_AT_ENDS {
                for place in 0..LANES {
                    released_by_then[place] += sum(tokens, at[place]);
                }
            }
        }
        if GIVES == GIVES_AT_FIRST_TOKENS {
            for nth in 0..TOKENS {
                let (comes, tokens) = (ends.first_tokens[nth], ends.first_released[nth]);
                for place in 0..LANES {
                    released_by_then[place] += tokens & -i32::from(comes <= at[place]);
                }
            }
        }
        for place in 0..LANES {
            order[ranks[place] as usize % ROOM] = place as u32;
        }
        // Of two at one instant neither is behind the other; what is never is behind all.
        let behind = *len * len.saturating_sub(1) / 2 + (LANES - *len) * *len;
        *apart = ranks.iter().sum::<i32>() as usize == behind;
        back[..LANES].copy_from_slice(&by_then);
        if GIVES != NEVER_GIVES {
            released[..LANES].copy_from_slice(&released_by_then);
        }
    }
}

/// Four in a row, after so many fours.
#[inline(always)]
fn four(column: &[i32], nth: usize) -> Option<[i32; 4]> {
    column.get(4 * nth..)?.first_chunk().copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wide::widest;
    use proptest::prelude::*;

    /// Attempts of which each is its slot, put in order; whether no two are at one instant.
    fn in_order(attempts: &mut Attempts, ends: &Ends) -> bool {
        let mut apart = false;
        if attempts.len <= FEW {
            widest(InOrder::<FEW, GIVES_AT_ENDS> { ends, attempts, one: 1, apart: &mut apart });
        } else {
            attempts.end();
            widest(InOrder::<MOST, GIVES_AT_ENDS> { ends, attempts, one: 1, apart: &mut apart });
        }
        apart
    }

    /// What comes back by some instant, of these ends.
    fn back_by(at: i32, ends: &[(i32, i32)]) -> i32 {
        ends.iter().filter(|(end, _)| *end <= at).map(|(_, back)| back).sum()
    }

    proptest! {
        /// Attempts come in the order of their instants with what has come back by each, also when some are made again and
        /// more comes back meanwhile.
        #[test]
        fn attempts_are_made_in_order_with_what_has_come_back(
            waited in prop::collection::vec(0..900u64, 0..=MOST / 2),
            arrive in prop::collection::vec(0..900u64, 0..=AHEAD),
            mut ended in prop::collection::vec((0..900, -50..50), 0..=MOST_ENDS),
            again in prop::collection::vec(prop::option::of((1..100, any::<bool>())), 64),
        ) {
            let (mut attempts, mut ends) = (Attempts::default(), Ends::default());
            // What a slice before has left behind.
            (attempts.at, attempts.back, attempts.released) = ([5; ROOM], [7; ROOM], [7; ROOM]);
            ends.back = [7; MOST_ENDS];
            ends.clear();
            for &(at, back) in &ended {
                ends.comes_back_with(at, back);
            }
            ends.all_ended(ended.len());
            waited.iter().zip(0..).for_each(|(&at, slot)| attempts.put(slot as usize, at, slot));
            attempts.all_waited(waited.len());
            let mut times = [u64::MAX; AHEAD];
            times.iter_mut().zip(&arrive).for_each(|(time, &at)| *time = 1_000 + at);
            let slot = waited.len() as u32;
            widest(Arriving { attempts: &mut attempts, times: &times, slot, from: 1_000, until: 1_900 });
            prop_assert_eq!(attempts.len, waited.len() + arrive.len());
            let mut at: Vec<_> = attempts.at[..attempts.len].to_vec();
            at.sort_unstable();
            at.dedup();
            prop_assert_eq!(in_order(&mut attempts, &ends), at.len() == attempts.len);
            if at.len() < attempts.len {
                return Ok(());
            }
            let (mut nth, mut last, mut again) = (0, i32::MIN, again.into_iter());
            while nth < attempts.len {
                let lane = attempts.order[nth] as usize;
                let now = attempts.at[lane];
                prop_assert!(last <= now);
                prop_assert_eq!([attempts.back[lane], attempts.released[lane]], [back_by(now, &ended); 2]);
                last = now;
                nth += 1;
                match again.next().flatten() {
                    Some((wait, true)) => {
                        let at = now + wait;
                        let back = back_by(at, &ended);
                        attempts.again(nth - 1, at, [back; 2], |_| true);
                        nth -= 1;
                    }
                    Some((wait, false)) => {
                        attempts.come_back(now + wait, [3; 2]);
                        ended.push((now + wait, 3));
                    }
                    None => (),
                }
            }
        }
    }

    impl Ends {
        /// An end that gives as much back to the limiter as to a retry quota.
        fn comes_back_with(&mut self, at: i32, back: i32) {
            (self.at[self.ended], self.back[self.ended], self.released[self.ended]) = (at, back, back);
            self.ended += 1;
        }
    }
}
