//! Integration tests: one binary, a module per concern.

mod cli;
mod engine_features;
mod ground_truth;
mod layering;
mod scenarios;
mod support;
