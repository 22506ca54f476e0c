//! Integration tests: one binary, a module per concern.

mod cli;
mod ground_truth;
mod layering;
mod support;
