//! A sample of groups that stays small however much is seen, and does not depend on the order of seeing it.

use std::collections::BTreeMap;

/// Whole groups of items, chosen by a hash of the group.
///
/// Kept are the groups with the smallest hashes, as many as hold at most `most` items together (but at least one). A
/// group is kept whole or not at all, each with the same probability, so what is kept is a fair sample of groups. As
/// hashes decide, two samples merge into the sample of both, in any order: threads may each see a part.
///
/// *Source*: Cohen and Kaplan, "Summarizing data using bottom-k sketches", PODC 2007.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupSample<T> {
    most: usize,
    items: usize,
    groups: BTreeMap<u64, Vec<T>>,
    /// The smallest hash that was dropped: from here on nothing is kept.
    bound: Option<u64>,
}

impl<T> GroupSample<T> {
    /// An empty sample of at most `most` items.
    pub fn new(most: usize) -> GroupSample<T> {
        GroupSample { most, items: 0, groups: BTreeMap::new(), bound: None }
    }

    /// Adds an item to the group of a hash, if that is kept.
    pub fn push(&mut self, hash: u64, item: T) {
        if self.bound.is_some_and(|bound| hash >= bound) {
            return;
        }
        self.groups.entry(hash).or_default().push(item);
        self.items += 1;
        self.trim();
    }

    /// Adds what another sample has kept.
    pub fn merge(&mut self, other: GroupSample<T>) {
        for (hash, items) in other.groups {
            self.items += items.len();
            self.groups.entry(hash).or_default().extend(items);
        }
        self.bound = self.bound.into_iter().chain(other.bound).min();
        if let Some(bound) = self.bound {
            let dropped = self.groups.split_off(&bound);
            self.items -= dropped.values().map(Vec::len).sum::<usize>();
        }
        self.trim();
    }

    /// Forgets items that are of no use.
    pub fn retain(&mut self, useful: impl Fn(&T) -> bool) {
        for group in self.groups.values_mut() {
            group.retain(&useful);
        }
        self.groups.retain(|_, group| !group.is_empty());
        self.items = self.groups.values().map(Vec::len).sum();
    }

    /// Whether every group that was seen is kept.
    pub fn is_complete(&self) -> bool {
        self.bound.is_none()
    }

    /// How many groups were seen: exact where all are kept, else what the share of kept hashes says.
    ///
    /// *Source*: Bar-Yossef et al., "Counting distinct elements in a data stream", RANDOM 2002, the k minimum values.
    pub fn seen_groups(&self) -> f64 {
        match self.bound {
            None => self.groups.len() as f64,
            Some(bound) => self.groups.len() as f64 / ((bound as f64 + 1.0) / 2.0_f64.powi(64)),
        }
    }

    /// The kept groups in the order of their hashes.
    pub fn groups(&self) -> impl ExactSizeIterator<Item = &[T]> {
        self.groups.values().map(Vec::as_slice)
    }

    /// The kept groups with their hashes.
    pub fn hashed(&self) -> impl Iterator<Item = (u64, &[T])> {
        self.groups.iter().map(|(&hash, items)| (hash, items.as_slice()))
    }

    /// The kept items, by group.
    pub fn items(&self) -> impl Iterator<Item = &T> {
        self.groups.values().flatten()
    }

    fn trim(&mut self) {
        while self.items > self.most && self.groups.len() > 1 {
            let (hash, items) = self.groups.pop_last().expect("there are two groups");
            self.items -= items.len();
            self.bound = Some(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Key, Purpose};

    /// A thousand groups of 1 to 9 items.
    fn stream() -> Vec<(u64, u32)> {
        let key = Key::new(3, 0, 0, Purpose::Thinning);
        let groups = (0..1_000_u32).flat_map(|group| (0..=(group % 9)).map(move |item| (group, item)));
        let mut items: Vec<_> = groups.map(|(group, item)| (key.bits(u64::from(group)), group * 10 + item)).collect();
        items.sort_by_key(|&(hash, item)| hash.rotate_left(item % 7));
        items
    }

    fn sample(items: &[(u64, u32)]) -> GroupSample<u32> {
        let mut sample = GroupSample::new(200);
        for &(hash, item) in items {
            sample.push(hash, item);
        }
        sample
    }

    fn sorted(sample: &GroupSample<u32>) -> Vec<u32> {
        let mut items: Vec<u32> = sample.items().copied().collect();
        items.sort_unstable();
        items
    }

    #[test]
    fn the_order_of_seeing_changes_nothing() {
        let items = stream();
        let whole = sample(&items);
        assert!(!whole.is_complete());
        let backwards: Vec<_> = items.iter().rev().copied().collect();
        assert_eq!(sorted(&sample(&backwards)), sorted(&whole));
        for parts in [2, 3, 17] {
            let mut pieces: Vec<GroupSample<u32>> = items.chunks(items.len().div_ceil(parts)).map(sample).collect();
            let mut merged = pieces.pop().unwrap();
            for piece in pieces {
                merged.merge(piece);
            }
            assert_eq!(sorted(&merged), sorted(&whole), "{parts} parts");
        }
    }

    #[test]
    fn groups_are_kept_whole() {
        let kept = sample(&stream());
        let items = sorted(&kept);
        assert!((150..=200).contains(&items.len()), "{}", items.len());
        for group in items.chunk_by(|a, b| a / 10 == b / 10) {
            assert_eq!(group.len() as u32, group[0] / 10 % 9 + 1);
        }
    }

    #[test]
    fn the_number_of_groups_is_estimated() {
        let kept = sample(&stream());
        // 40 of 1,000 groups are kept: a relative standard error of about 1/√40.
        assert!((kept.seen_groups() / 1_000.0 - 1.0).abs() < 0.5, "{}", kept.seen_groups());
        assert_eq!(sample(&stream()[..1]).seen_groups(), 1.0);
    }

    #[test]
    fn few_items_are_all_kept() {
        let kept = sample(&stream()[..50]);
        assert!(kept.is_complete());
        assert_eq!(kept.items().count(), 50);
    }

    #[test]
    fn one_group_is_kept_however_large() {
        let mut sample = GroupSample::new(3);
        for item in 0..10 {
            sample.push(7, item);
        }
        assert_eq!(sample.groups().len(), 1);
        assert_eq!(sample.items().count(), 10);
    }
}
