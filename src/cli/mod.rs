//! Files, terminals, progress, exit codes, threads; one file per verb that reads load → do → print.

pub mod catalog;
pub mod explain;
pub mod models;

use std::process::ExitCode;

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
