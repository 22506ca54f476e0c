//! From what an account really did to a scenario that `run` takes as it is, and how well it fits.
//!
//! Records of any form become [`observation`]s, those a bounded [`sketch`], and that fitted laws: of tokens ([`fit`]),
//! of arrivals ([`arrivals`]), of [`latency`]. [`calibration`] puts them together and [`scenario`](mod@scenario) writes
//! them down. Everything here is a function of what it is given: files, clocks and threads stay with the caller.

pub mod arrivals;
pub mod backtest;
pub mod calibration;
pub mod curve;
pub mod dependence;
pub mod fit;
pub mod latency;
pub mod live;
pub mod models;
mod notes;
pub mod observation;
pub mod outcome;
pub mod output_limit;
pub mod read;
pub mod reading;
pub mod sample;
pub mod scenario;
pub mod sketch;
pub mod strays;
pub mod traffic;
pub mod window;
