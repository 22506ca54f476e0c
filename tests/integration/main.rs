//! Integration tests: one binary, a module per concern.

mod cli;
mod corpus;
mod engine_features;
mod ground_truth;
mod laws;
mod layering;
mod scenarios;
mod support;
mod theory;
