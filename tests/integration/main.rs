//! Integration tests: one binary, a module per concern.

mod cli_planner;
mod ground_truth;
mod planner;
mod reports;
mod support;
