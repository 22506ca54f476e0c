//! Integration tests: one binary, a module per concern.

mod corpus;
mod ground_truth;
mod laws;
mod support;
mod theory;
