//! The scenario file as written, the catalogue file, the JSON Schema, and diagnostics with source snippets.
//!
//! The only module that knows YAML.

pub mod catalog;
