//! What several tests need: scenarios from text, runs, and traces that may be absent.

use quotasim::analysis::Summary;
use quotasim::engine::AttemptRow;
use quotasim::model::Scenario;
use quotasim::planner::{self, Silent};
use quotasim::spec::catalog::Catalog;
use quotasim::spec::{self, Files};
use std::io;
use std::path::{Path, PathBuf};

/// Files by absolute path, or below the repository.
#[derive(Debug)]
pub(crate) struct Repository;

impl Files for Repository {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path))
    }
}

/// Reads a scenario that must be right.
pub(crate) fn scenario(text: &str) -> Scenario {
    match spec::read(text, "test.yaml", &[], &Repository, Catalog::embedded()) {
        Ok(loaded) => loaded.scenario,
        Err(problems) => panic!("{problems}\n{text}"),
    }
}

/// Runs a scenario that must be right.
pub(crate) fn run(text: &str) -> Summary {
    planner::replicate(&scenario(text), &Silent).expect("nobody stops it").summary
}

/// Runs a scenario and shows every attempt.
pub(crate) fn run_attempts(text: &str, attempt: impl FnMut(u32, &AttemptRow)) -> Summary {
    planner::replicate_in_order(&scenario(text), &Silent, attempt).expect("nobody stops it").summary
}

/// A public trace that is not part of the repository: `../shared/traces` beside it, if it is there.
#[expect(clippy::print_stdout, reason = "a test that does not run has to say so")]
pub(crate) fn trace(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/traces").join(name);
    if path.exists() {
        return Some(path);
    }
    println!("skipped: the trace {name} is absent");
    None
}
