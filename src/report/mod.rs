//! Writes results for people and programs: one screen of text, JSON, CSV, Markdown, charts.
//!
//! Everything here is a pure function from [`analysis`](crate::analysis) values to text or bytes: nothing is
//! simulated, estimated or written to disk, and the same input gives the same bytes.

pub mod bundle;
pub mod chart;
pub mod csv;
pub mod explain;
pub mod headline;
pub mod json;
pub mod markdown;
pub mod models;
pub mod number;
pub mod setting;
pub mod table;
pub mod text;

pub use bundle::bundle;
pub use setting::Setting;

#[cfg(test)]
mod fixture;
