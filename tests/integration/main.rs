//! Integration tests: one binary, a module per concern.

mod batches;
mod calibrate;
#[cfg(feature = "aws")]
mod calibrate_live;
mod cli;
mod cli_clients;
mod cli_planner;
mod client_features;
mod corpus;
mod engine_features;
mod fast_lane;
mod ground_truth;
mod laws;
mod layering;
mod planner;
mod published;
mod random_scenarios;
mod reports;
mod scenarios;
#[cfg(feature = "serve")]
mod serve;
mod size;
mod support;
mod theory;
