//! To be written.

pub mod explain;
pub mod models;
