//! Files that a scenario names, relative to the scenario's own place.

use crate::spec::Files;
use std::io;
use std::path::{Path, PathBuf};

/// The directory that a scenario's paths start from.
#[derive(Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// The directory of a scenario file.
    pub(super) fn of(scenario: &Path) -> Directory {
        Directory(scenario.parent().map_or_else(PathBuf::new, Path::to_path_buf))
    }
}

impl Files for Directory {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(self.0.join(path))
    }
}
