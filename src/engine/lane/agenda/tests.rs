//! The calendar against a sorted set.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Slots are numbers of events here, in the order in which they were added.
struct Numbered;

impl Orders for Numbered {
    fn order_of(&self, what: What) -> u64 {
        what.slot().into()
    }
}

fn load_of(number: u32) -> Load {
    Load::small(number.into(), u64::from(number) + 1)
}

proptest! {
    /// Holds of every scale, from one instant to years, many of them at one instant, against a sorted set.
    #[test]
    fn events_come_out_in_the_order_of_a_sorted_set(
        holds in prop::collection::vec((0u32..58, 0u64..8, 0u32..4, 0u64..4), 1..400),
        rounds in 1usize..30,
    ) {
        let mut agenda = Agenda::default();
        let mut sorted = BTreeSet::new();
        let (mut now, mut number) = (0, 0);
        for _ in 0..rounds {
            for &(scale, hold, class, wait) in &holds {
                number += 1;
                let at = SimTime((now + ((hold << scale) >> 3)).min(SimTime::MAX.0 - 1));
                let what = [What::end, What::timeout, What::release, What::retry][class as usize](number);
                // What is numbered in ascending order comes in order anyhow.
                let load = if wait % 2 == 0 { load_of(number) } else { Load::default() };
                if wait % 2 == 0 { agenda.push(at, what, load) } else { agenda.push_in_order(at, what, &Numbered) }
                sorted.insert((at, what, load));
                let until = SimTime((now + ((wait << scale) >> 4)).min(SimTime::MAX.0 - 2) + 1);
                // First all but the retries of the last instant.
                let last = SimTime(until.0 - 1);
                for moment in [Moment::before_retries(last), Moment::before(until)] {
                    while let Some((at, entry)) = agenda.pop_before(moment, &Numbered) {
                        prop_assert_eq!(Some((at, entry.what(), entry.load)), sorted.pop_first());
                    }
                    let due = |&(at, what, _): &(SimTime, What, Load)| at < last || (at == last && !what.is_retry());
                    prop_assert!(!sorted.first().is_some_and(due));
                }
                prop_assert!(sorted.first().is_none_or(|&(first, ..)| first >= until));
                now = now.max(until.0 - 1);
            }
        }
        let mut left: Vec<(What, Load)> = agenda.events().collect();
        let mut expected: Vec<(What, Load)> = sorted.into_iter().map(|(_, what, load)| (what, load)).collect();
        left.sort_unstable();
        expected.sort_unstable();
        prop_assert_eq!(left, expected);
    }

    /// Wherever the current slice is, an event finds its place among others of its class and instant.
    #[test]
    fn events_of_one_instant_find_their_place(numbers in Just((1u32..40).collect::<Vec<_>>()).prop_shuffle(), at in 0u64..1 << 40) {
        let mut agenda = Agenda::default();
        let next = |agenda: &mut Agenda| {
            let popped = agenda.pop_before(Moment::before(SimTime(at + 1)), &Numbered);
            popped.map(|(at, entry)| (at, entry.what()))
        };
        agenda.push(SimTime(at), What::end(0), Load::default());
        prop_assert_eq!(next(&mut agenda), Some((SimTime(at), What::end(0))));
        for &number in &numbers {
            agenda.push_in_order(SimTime(at), What::timeout(number), &Numbered);
        }
        for number in 1..40 {
            prop_assert_eq!(next(&mut agenda), Some((SimTime(at), What::timeout(number))));
        }
    }
}
