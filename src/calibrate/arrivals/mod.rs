//! When requests arrive: how often, with which profile over the week, in which bursts, in which conversations.

mod dispersion;
mod process;
mod profile;
mod sessions;

pub use dispersion::{Stretch, dispersion};
pub use process::{Candidate, Kind, Shape, choose, rate};
pub use profile::{BusiestHour, Profile};
pub use sessions::{SessionFit, sessions};
