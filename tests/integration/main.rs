//! Integration tests: one binary, a module per concern.

mod corpus;
mod engine_features;
mod ground_truth;
mod laws;
mod scenarios;
mod support;
mod theory;
