//! Reads the catalogue and finds models in it.

use crate::model::catalog::{Card, ProfileKind};

/// All known models.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// One card per base model.
    pub cards: Vec<Card>,
}

/// What an id in a scenario turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resolved<'a> {
    /// The model.
    pub card: &'a Card,
    /// How it is reached.
    pub kind: ProfileKind,
    /// The profile prefix (`us`, `global`), empty for a bare id.
    pub prefix: &'a str,
}

/// Why an id was not found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// No such model; the nearest id, if one is near.
    Unknown {
        /// A known id that differs little.
        nearest: Option<String>,
    },
    /// An application-inference-profile ARN: only the user knows what it stands for.
    ApplicationProfile,
}

impl Catalog {
    /// The catalogue inside the binary.
    pub fn embedded() -> &'static Catalog {
        static EMBEDDED: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
        EMBEDDED.get_or_init(Catalog::default)
    }

    /// Finds the model behind a model id, an inference-profile id or an ARN of either.
    pub fn resolve<'a>(&'a self, id: &'a str) -> Result<Resolved<'a>, Unresolved> {
        let _ = id;
        Err(Unresolved::Unknown { nearest: None })
    }
}
