//! What reading the records was like: how many, which could not be used, and why.

use serde::Serialize;
use std::collections::BTreeMap;

/// A report on the records that were read.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Reading {
    /// Files.
    pub files: u64,
    /// Records, usable or not.
    pub records: u64,
    /// Records that became an observation.
    pub used: u64,
    /// Records that did not, by reason.
    pub unused: BTreeMap<String, Unused>,
    /// Which column was taken for what; empty where the format has fixed names.
    pub columns: Vec<Column>,
    /// Whether token counts of prompts included what the cache served, which was taken off.
    pub input_includes_cache: bool,
}

/// Records that could not be used for one reason.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Unused {
    /// How many.
    pub count: u64,
    /// Whether they are broken, rather than about something else.
    pub broken: bool,
    /// Where the first ones are: file and line.
    pub first: Vec<Location>,
}

/// A line of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The file, by its place in the list.
    #[serde(skip)]
    pub file_number: u32,
    /// Its name.
    pub file: String,
    /// The line, or the record where records are no lines; from 1.
    pub line: u64,
}

/// A column and what it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Column {
    /// What it holds.
    pub field: &'static str,
    /// Its name in the file.
    pub column: String,
    /// The unit of its numbers, where that matters.
    pub unit: Option<&'static str>,
    /// Whether this was guessed from its name.
    pub guessed: bool,
}

/// Places that are named for each reason.
const NAMED: usize = 3;

impl Reading {
    /// Notes a record that became no observation.
    pub fn unused(&mut self, reason: &str, broken: bool, at: Location) {
        let entry = match self.unused.get_mut(reason) {
            Some(entry) => entry,
            None => self.unused.entry(reason.to_owned()).or_default(),
        };
        entry.count += 1;
        entry.broken |= broken;
        entry.name(at);
    }

    /// Adds the report of another part.
    pub fn merge(&mut self, other: Reading) {
        self.files += other.files;
        self.records += other.records;
        self.used += other.used;
        for (reason, unused) in other.unused {
            let entry = self.unused.entry(reason).or_default();
            entry.count += unused.count;
            entry.broken |= unused.broken;
            unused.first.into_iter().for_each(|at| entry.name(at));
        }
        if self.columns.is_empty() {
            self.columns = other.columns;
        }
        self.input_includes_cache |= other.input_includes_cache;
    }

    /// How many records are broken.
    pub fn broken(&self) -> u64 {
        self.unused.values().filter(|unused| unused.broken).map(|unused| unused.count).sum()
    }
}

impl Unused {
    /// Keeps the first places in the order of the files, whatever the order of reading.
    fn name(&mut self, at: Location) {
        let place = self.first.partition_point(|known| *known < at);
        if place < NAMED {
            self.first.insert(place, at);
            self.first.truncate(NAMED);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(file_number: u32, line: u64) -> Location {
        Location { file_number, file: format!("{file_number}.json"), line }
    }

    #[test]
    fn the_first_places_are_named_whatever_the_order() {
        let (mut one, mut other) = (Reading::default(), Reading::default());
        for line in [9, 3, 7] {
            one.unused("no time", true, at(1, line));
            other.unused("no time", true, at(0, line));
        }
        other.unused("an embedding", false, at(0, 1));
        one.merge(other);
        let lines: Vec<_> = one.unused["no time"].first.iter().map(|at| (at.file_number, at.line)).collect();
        assert_eq!(lines, [(0, 3), (0, 7), (0, 9)]);
        assert_eq!((one.unused["no time"].count, one.broken()), (6, 6));
    }
}
