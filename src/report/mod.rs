//! Writes results for people and programs: one screen of text, JSON, CSV, Markdown, charts.
//!
//! Everything here is a pure function from [`analysis`](crate::analysis) values to text or bytes: nothing is
//! simulated, estimated or written to disk, and the same input gives the same bytes.

pub mod backtest;
pub mod bundle;
pub mod calibration;
pub mod chart;
pub mod clients;
pub mod compare;
pub mod csv;
pub mod explain;
pub mod headline;
pub mod html;
pub mod json;
pub mod markdown;
pub mod models;
pub mod number;
pub mod recovery;
pub mod saved;
pub mod setting;
pub mod size;
pub mod solve;
pub mod sweep;
pub mod table;
pub mod text;

pub use bundle::bundle;
pub use saved::{Origin, Saved, files};
pub use setting::Setting;

#[cfg(test)]
mod fixture;
