//! Finds where the answer to a question changes along whole numbers, in as few questions as it can.
//!
//! Each answer is a simulation, so the search brackets the change by steps that grow, then narrows the bracket by
//! interpolating how far each end is from changing, and falls back to halving (in ratio) where that does not help. The
//! answer is taken to change once. Where it does not quite (mixed sizes and retries can bend a curve a little), the
//! search still ends at a place where it changes.

/// On which side of the change a number lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The change lies above.
    Below,
    /// The change lies at or below.
    Above,
}

/// The answer at one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Answer {
    /// The side.
    pub(super) side: Side,
    /// How far it is from changing, on a scale on which it changes at zero: positive on one side, negative on the
    /// other. `None` where nobody knows.
    pub(super) distance: Option<f64>,
    /// By what ratio the change is thought to be off, where something is known of that.
    pub(super) off: Option<f64>,
}

/// Where the answer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    /// The largest number found below the change; `None` if the least one lies above it.
    pub(super) below: Option<u64>,
    /// The smallest number found above it; `None` if the largest one lies below it.
    pub(super) above: Option<u64>,
}

/// The first step away from the start, as a ratio, where nobody knows how far off it is; each further one is at least
/// the square of the last.
const FIRST_STEP: f64 = 1.12;
/// How much further than the change is thought to be a step goes, so that it lies between.
const BEYOND: f64 = 1.006;
/// The largest step.
const LAST_STEP: f64 = 64.0;

/// Finds the change between `least` and `most`, beginning at `start`, until both sides are no more than `tolerance` of
/// the upper one apart. `None` if a question was not answered.
pub(super) fn edge(
    start: u64,
    [least, most]: [u64; 2],
    tolerance: impl Fn(u64) -> u64,
    mut ask: impl FnMut(u64) -> Option<Answer>,
) -> Option<Edge> {
    let start = start.clamp(least, most);
    let first = ask(start)?;
    let (mut below, mut above) = match first.side {
        Side::Below => (Some((start, first)), None),
        Side::Above => (None, Some((start, first))),
    };
    let mut step: f64 = 1.0;
    while let (Some((from, last)), None) | (None, Some((from, last))) = (below, above) {
        let up = below.is_some();
        if from == if up { most } else { least } {
            break;
        }
        // Where the change is thought to be, and a little; growing where that was mistaken.
        let thought = last.off.map(|off| if up { off } else { 1.0 / off }).filter(|ratio| ratio.is_finite());
        let first = thought.map_or(FIRST_STEP, |ratio| ratio.clamp(1.0, 2.0) * BEYOND);
        step = first.max(step * step).min(LAST_STEP);
        let next = if up { from as f64 * step } else { from as f64 / step };
        // At least one further, whatever the rounding.
        let next = if up { (next as u64).max(from + 1).min(most) } else { (next as u64).min(from - 1).max(least) };
        let answer = ask(next)?;
        *(if answer.side == Side::Below { &mut below } else { &mut above }) = Some((next, answer));
    }
    let (Some(mut low), Some(mut high)) = (below, above) else {
        return Some(Edge { below: below.map(|(at, _)| at), above: above.map(|(at, _)| at) });
    };
    let mut halve = false;
    while high.0 - low.0 > tolerance(high.0).max(1) {
        let width = high.0 - low.0;
        let next = if halve { middle(low.0, high.0) } else { between(low, high) };
        let answer = ask(next)?;
        *(if answer.side == Side::Below { &mut low } else { &mut high }) = (next, answer);
        // Interpolation that cuts off a sliver is no better than nothing.
        halve = (high.0 - low.0) * 2 > width;
    }
    Some(Edge { below: Some(low.0), above: Some(high.0) })
}

/// The middle of two numbers in ratio, strictly between them.
fn middle(low: u64, high: u64) -> u64 {
    (libm::sqrt(low.max(1) as f64 * high as f64) as u64).clamp(low + 1, high - 1)
}

/// Where a straight line between the distances of both ends, over the logarithm of the numbers, meets zero; not too
/// near either end.
fn between((low, at_low): (u64, Answer), (high, at_high): (u64, Answer)) -> u64 {
    let (Some(from), Some(to)) = (at_low.distance, at_high.distance) else { return middle(low, high) };
    let share = from / (from - to);
    if !share.is_finite() || !(0.0..=1.0).contains(&share) {
        return middle(low, high);
    }
    let (bottom, top) = (libm::log(low.max(1) as f64), libm::log(high as f64));
    let at = libm::exp(bottom + (top - bottom) * share.clamp(0.05, 0.95));
    (at as u64).clamp(low + 1, high - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A question whose answer changes at `change`, with or without distances; how often it was asked.
    fn search(change: u64, start: u64, range: [u64; 2], tolerance: u64, distances: bool) -> (Edge, u32) {
        let mut asked = 0;
        let found = edge(
            start,
            range,
            |_| tolerance,
            |at| {
                asked += 1;
                let side = if at < change { Side::Below } else { Side::Above };
                // Half a step off zero, so that the sign is the side.
                let distance = libm::log(change as f64 - 0.5) - libm::log(at as f64);
                Some(Answer { side, distance: distances.then_some(distance), off: None })
            },
        );
        (found.expect("every question is answered"), asked)
    }

    #[test]
    fn the_change_is_found_to_the_unit_from_either_side() {
        for change in [2, 3, 1_000, 999_983, 6_000_000] {
            for start in [1, 900, 5_000_000, 1_000_000_000] {
                for distances in [false, true] {
                    let (found, asked) = search(change, start, [1, 1_000_000_000_000], 1, distances);
                    assert_eq!(found, Edge { below: Some(change - 1), above: Some(change) }, "{change} from {start}");
                    assert!(asked < 60, "{asked} questions for {change} from {start}");
                }
            }
        }
    }

    #[test]
    fn good_distances_save_questions() {
        let ([_, with], [_, without]) = (
            [0, search(997_331, 950_000, [1, 1 << 50], 100, true).1],
            [0, search(997_331, 950_000, [1, 1 << 50], 100, false).1],
        );
        assert!(with < without && with <= 8, "{with} and {without}");
    }

    #[test]
    fn a_good_thought_of_how_far_off_the_change_is_brackets_it_at_once() {
        let mut asked = 0;
        let found = edge(
            900_000,
            [1, 1 << 50],
            |at| at / 200,
            |at| {
                asked += 1;
                let side = if at < 1_000_000 { Side::Below } else { Side::Above };
                Some(Answer { side, distance: None, off: Some(1_000_000.0 / at as f64) })
            },
        );
        assert!(found.is_some_and(|edge| edge.above >= Some(1_000_000) && edge.above <= Some(1_010_000)), "{found:?}");
        // One beyond the change, and halves from there on.
        assert!(asked <= 8, "{asked}");
    }

    #[test]
    fn misleading_distances_cost_little() {
        let mut asked = 0;
        let found = edge(
            100,
            [1, 1 << 40],
            |_| 1,
            |at| {
                asked += 1;
                let above = at >= 777_777;
                // Flat and far on one side, a hair on the other.
                let distance = if above { -1e-9 } else { 3.0 };
                Some(Answer {
                    side: if above { Side::Above } else { Side::Below },
                    distance: Some(distance),
                    off: None,
                })
            },
        );
        assert_eq!(found.and_then(|edge| edge.above), Some(777_777));
        assert!(asked < 70, "{asked}");
    }

    #[test]
    fn where_nothing_changes_it_says_so_and_stops() {
        let (found, _) = search(5_000, 10, [1, 100], 1, true);
        assert_eq!(found, Edge { below: Some(100), above: None });
        let (found, _) = search(0, 10, [1, 100], 1, false);
        assert_eq!(found, Edge { below: None, above: Some(1) });
        assert_eq!(edge(5, [1, 9], |_| 1, |_| None), None);
    }
}
