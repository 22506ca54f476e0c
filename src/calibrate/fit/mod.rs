//! From observed values to a law, with a measure of how well it fits.
//!
//! Pure functions of the values: no randomness, no clock. Words: a *cell* is what a rounded value says; a value is
//! *cut* (censored) where only a lower bound of it is known; *held-out* values are those that a fit has not seen.

mod cells;
mod choose;
mod ecdf;
mod family;
mod likelihood;
mod mixture;
#[cfg(test)]
mod tests;

pub use cells::{Grain, Value};
pub use choose::{Candidate, Fit, QuantilePair, fit, significant, tidy};
pub use ecdf::{Ecdf, QUANTILES};
pub use family::Family;
pub(crate) use likelihood::minimise;
