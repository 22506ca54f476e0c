//! What has become of the requests of a block, from their states into its columns.

use super::state::State;
use crate::engine::draws::BLOCK;
use crate::engine::first_attempt::{Columns, Verdict};
use crate::wide::Loop;

/// Notes it of all requests at once.
pub(super) struct Noting<'n, 'c> {
    pub(super) states: &'n [State; BLOCK],
    /// How long each is to wait after its first throttle, after the second, and so on \[ns\].
    pub(super) waits: &'n [[u64; BLOCK]],
    pub(super) columns: &'n mut Columns<'c>,
    /// Whether a quota has refused any.
    pub(super) any_throttled: &'n mut bool,
}

impl Loop for Noting<'_, '_> {
    #[inline(always)]
    fn run(self) {
        let Noting { states, waits, columns: Columns { verdicts, repeats, .. }, any_throttled } = self;
        let mut throttled = 0;
        for place in 0..BLOCK {
            let state = states[place];
            let decided_here = state.left() == 0 && (state.throttles() == 0 || state.admitted() == 1);
            verdicts[place] = if decided_here { Verdict::Admitted } else { Verdict::Refused };
            repeats.throttles[place] = state.throttles() as u8;
            repeats.given_up[place] = state.given_up() as u8;
            // An unavailable service says nothing of the quota.
            throttled |= if state.may_meet_unavailable() { 0 } else { state.throttles() };
        }
        *any_throttled = throttled > 0;
        // One loop for each, of numbers of one width.
        repeats.waited = [0; BLOCK];
        for (nth, waits) in (0..).zip(waits) {
            for place in 0..BLOCK {
                let so = u64::from(states[place].waits() > nth).wrapping_neg();
                repeats.waited[place] += waits[place] & so;
            }
        }
    }
}
