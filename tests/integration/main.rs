//! Integration tests: one binary, a module per concern.

mod cli;
mod cli_planner;
mod corpus;
mod engine_features;
mod ground_truth;
mod laws;
mod layering;
mod planner;
mod reports;
mod scenarios;
mod support;
mod theory;
