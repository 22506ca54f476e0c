//! What happens in a slice: its attempts in any order and put in order, and what comes back by each.

use crate::admission::MOST_WALKED;
use crate::wide::Loop;

/// The most attempts that a slice may begin with.
pub(super) const MOST: usize = MOST_WALKED;
/// Most slices begin with no more.
pub(super) const FEW: usize = 16;
/// The most ends: those of a cell, and as many that it had no room for.
pub(super) const MOST_ENDS: usize = 32;
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

/// An attempt, what has come back by then, and what becomes of it.
#[derive(Debug, Clone, Copy, Default)]
#[repr(align(16))]
pub(super) struct Step {
    /// How long after the beginning of the slice \[ns\].
    pub(super) at: i32,
    /// The place of the request.
    pub(super) slot: u32,
    /// What has come back from the limiter [quota tokens].
    pub(super) back: i32,
    pub(super) is_first: bool,
    pub(super) is_admitted: bool,
}

/// Attempts in any order, and ends.
#[derive(Debug, Clone, Copy)]
pub(super) struct Events {
    pub(super) attempts: [i32; MOST],
    pub(super) slots: [u32; MOST],
    /// How many attempts there are, and how many of them, at their head, are not the first of their request.
    pub(super) len: usize,
    pub(super) repeated: usize,
    pub(super) ends: [i32; MOST_ENDS],
    pub(super) back: [i32; MOST_ENDS],
    pub(super) held: [i32; MOST_ENDS],
    /// What comes back to a retry quota.
    pub(super) released: [i32; MOST_ENDS],
    /// How many ends there are, and with what else gives something back.
    pub(super) ended: usize,
    pub(super) given_back: usize,
}

/// Puts attempts in order, and finds what has come back by each.
pub(super) struct InOrder<'a, const LANES: usize, const QUOTA: bool> {
    pub(super) events: &'a Events,
    pub(super) steps: &'a mut [Step],
    /// What has come back to a retry quota by each.
    pub(super) released_by: &'a mut [i32],
    /// Whether no two are at one instant.
    pub(super) apart: &'a mut bool,
}

impl<const LANES: usize, const QUOTA: bool> Loop for InOrder<'_, LANES, QUOTA> {
    #[inline(always)]
    fn run(self) {
        let InOrder { events, steps, released_by, apart } = self;
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
        let Some(released_by) = released_by.first_chunk_mut::<LANES>() else { return };
        for place in 0..events.len.min(LANES) {
            let rank = ranks[place] as usize % LANES;
            ordered += rank;
            steps[rank] = Step {
                at: attempts[place],
                slot: events.slots[place],
                is_first: place >= events.repeated,
                back: back[place],
                is_admitted: false,
            };
            if QUOTA {
                released_by[rank] = released[place];
            }
        }
        // Of two at one instant neither is behind the other.
        *apart = 2 * ordered == events.len * events.len.saturating_sub(1);
    }
}

impl Events {
    pub(super) const NONE: Events = Events {
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
    pub(super) fn clear(&mut self) {
        (self.attempts, self.ends, self.len, self.ended) = ([NEVER; MOST], [NEVER; MOST_ENDS], 0, 0);
    }

    /// All ends are there: forgets what was written last as what it is not.
    #[inline(always)]
    pub(super) fn all_ended(&mut self) {
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
    pub(super) fn comes_back(&mut self, at: u64, amount: i64) {
        if self.given_back < MOST_ENDS {
            (self.ends[self.given_back], self.back[self.given_back]) = (at as i32, amount as i32);
            self.released[self.given_back] = 0;
        }
        self.given_back += 1;
    }

    /// When something comes back, and how much to the limiter and to a retry quota.
    pub(super) fn given_back(&self) -> impl Iterator<Item = [i32; 3]> {
        let all = self.ends.iter().zip(self.back.iter().zip(&self.released));
        all.take(self.given_back).map(|(&at, (&back, &released))| [at, back, released])
    }

    /// Adds an attempt, for which there is room.
    #[inline(always)]
    pub(super) fn attempt(&mut self, at: u64, slot: u32) {
        self.attempts[self.len % MOST] = at as i32;
        self.slots[self.len % MOST] = slot;
        self.len += 1;
    }
}
