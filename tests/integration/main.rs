//! Integration tests: one binary, a module per concern.

mod ground_truth;
mod scenarios;
mod support;
