//! Integration tests: one binary, a module per concern.

mod engine_features;
mod ground_truth;
mod scenarios;
mod support;
