//! Reads the catalogue and finds models in it.
//!
//! The catalogue is data, not code: `catalog.yaml` beside this file is compiled in, and a file of the same form given
//! with `--catalog` is laid over it by model id. See the head of that file for its form.

mod build;
mod identity;
mod quantity;
mod resolve;
mod text;

pub use quantity::whole;
pub use resolve::{Resolved, Unresolved};

use crate::model::catalog::{Card, Figure};
use std::fmt;

/// All known models.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    /// One card per base model, in the order of the file.
    pub cards: Vec<Card>,
    /// The day the catalogue was compiled, `YYYY-MM-DD`.
    pub compiled: String,
    /// The default daily quota over all models of an account.
    pub account_tokens_per_day: Figure,
}

/// One thing wrong with a catalogue file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogProblem {
    /// The line of the model or of the syntax error, from 1; 0 where it is about the whole file.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// Everything that is wrong with a catalogue file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CatalogError {
    /// Every problem found, in the order of the file.
    pub problems: Vec<CatalogProblem>,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            match problem.line {
                0 => write!(f, "{separator}{}", problem.message)?,
                line => write!(f, "{separator}line {line}: {}", problem.message)?,
            }
        }
        Ok(())
    }
}

impl Catalog {
    /// The catalogue inside the binary.
    pub fn embedded() -> &'static Catalog {
        static EMBEDDED: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
        EMBEDDED.get_or_init(|| {
            build::over(&Catalog::default(), include_str!("catalog.yaml")).expect("a test reads the embedded catalogue")
        })
    }

    /// The embedded catalogue with `text`, a file of the same form, laid over it.
    ///
    /// A model that both name keeps what `text` leaves out; a new one starts out unknown.
    ///
    /// ```
    /// use quotasim::spec::catalog::Catalog;
    /// let mine = "
    /// version: 1
    /// models:
    ///   - id: anthropic.claude-haiku-4-5-20251001-v1:0
    ///     quotas: [{ profile: geo, tokens_per_minute: { limit: 200K } }]
    /// ";
    /// let catalog = Catalog::parse(mine)?;
    /// let haiku = catalog.resolve("us.anthropic.claude-haiku-4-5-20251001-v1:0").unwrap();
    /// assert_eq!(haiku.quotas().unwrap().tokens_per_minute.value(), Some(200_000));
    /// assert_eq!(haiku.card.max_output.unwrap().0, 64_000);
    /// # Ok::<(), quotasim::spec::catalog::CatalogError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Catalog, CatalogError> {
        build::over(Catalog::embedded(), text)
    }
}

#[cfg(test)]
mod laws;
