//! How much room a quota has during a walk.

/// The room of a quota during a [walk](super::Limiter::begin_walk), in parts of a token, of which each limiter has its own:
/// what there was at its beginning, and what flows in by itself.
///
/// A copy, so that whoever asks for each attempt need not fetch it from the limiter; and in parts, as a division would cost
/// as much as all the rest.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// What there was in whole parts, and in how many of them a token is divided.
    pub(super) there: i64,
    pub(super) parts: i64,
    /// What there was beside whole parts, and what flows in with each nanosecond, finer than parts by so many bits.
    pub(super) rest: u64,
    pub(super) inflow: u64,
    pub(super) finer: u32,
}

impl Room {
    /// So much [quota tokens], and nothing flows in.
    #[inline(always)]
    pub(super) fn of(tokens: i64) -> Room {
        Room { there: tokens, parts: 1, rest: 0, inflow: 0, finer: 0 }
    }

    /// How much is left beside `cost` so long after the beginning of the walk \[ns\], if so much has come `back` since then,
    /// net of what has been taken [quota tokens]; negative if `cost` does not fit. All of them are below 2³⁸.
    #[inline(always)]
    pub fn after(&self, after: u64, cost: u64, back: i64) -> i64 {
        let flown_in = (self.rest + self.inflow * after) >> self.finer;
        self.there + flown_in as i64 + (back - cost as i64) * self.parts
    }
}
