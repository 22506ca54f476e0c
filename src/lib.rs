//! **quotasim** simulates the token quotas of Amazon Bedrock before you meet them.
//!
//! Bedrock reserves `input + max_tokens` of an account's tokens-per-minute quota when a call starts and settles to
//! `input + cache write + output × burndown` when it ends. This library replays that law under concurrent load.
//! ARCHITECTURE.md has the map of the modules and what may import what.

pub mod admission;
pub mod analysis;
pub mod calibrate;
pub mod cli;
pub mod client;
#[cfg(feature = "serve")]
pub mod emulator;
pub mod engine;
pub mod model;
pub mod planner;
pub mod random;
pub mod report;
pub mod spec;
pub mod tally;
pub mod units;
pub mod wide;
