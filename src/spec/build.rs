//! From what was written to what it means: the common tools of that step.

use super::Files;
use super::catalog::Catalog;
use super::context::{At, Context};
use super::problem::Span;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of something written: `None` where it is wrong, once its problem is noted.
pub(crate) type Built<T> = Option<T>;

/// What building needs besides the written values: where problems go, files, the catalogue.
pub(crate) struct Builder<'a> {
    pub(crate) cx: Context,
    pub(crate) files: &'a dyn Files,
    pub(crate) catalog: &'a Catalog,
    /// Sentences about what the results rest on, in order of discovery, each once.
    pub(crate) assumptions: Vec<String>,
    /// Files by path, read once.
    cache: BTreeMap<String, Option<Arc<[u8]>>>,
}

impl<T> At<T> {
    /// Another value at the same place.
    pub(crate) fn map<U>(self, f: impl FnOnce(T) -> U) -> At<U> {
        At { value: f(self.value), at: self.at }
    }
}

impl<'a> Builder<'a> {
    pub(crate) fn new(cx: Context, files: &'a dyn Files, catalog: &'a Catalog) -> Builder<'a> {
        Builder { cx, files, catalog, assumptions: Vec::new(), cache: BTreeMap::new() }
    }

    /// Notes a problem unless the condition holds; `None` ends the building of this value.
    pub(crate) fn require(&mut self, holds: bool, at: Span, message: impl FnOnce() -> String) -> Option<()> {
        if !holds {
            self.cx.problem(at, message());
        }
        holds.then_some(())
    }

    /// Notes a problem where `value` lies below `bound`.
    pub(crate) fn at_least(&mut self, name: &str, value: At<f64>, bound_name: &str, bound: At<f64>) -> Option<()> {
        self.require(value.value >= bound.value, value.at, || {
            format!("`{name}` is {}, below `{bound_name}` {}", value.value, bound.value)
        })
    }

    /// A coefficient of variation that the samplers can follow.
    pub(crate) fn cv(&mut self, cv: At<f64>) -> Option<()> {
        self.require((0.01..=50.0).contains(&cv.value), cv.at, || {
            format!("`cv` is {}: it must lie between 0.01 and 50", cv.value)
        })
    }

    /// Remembers an assumption, once.
    pub(crate) fn assume(&mut self, sentence: impl Into<String>) {
        let sentence = sentence.into();
        if !self.assumptions.contains(&sentence) {
            self.assumptions.push(sentence);
        }
    }

    /// Reads a file named in the scenario, once; notes a problem at its first mention.
    pub(crate) fn file(&mut self, name: &At<String>) -> Option<Arc<[u8]>> {
        if let Some(known) = self.cache.get(&name.value) {
            return known.clone();
        }
        let bytes = match self.files.read(&name.value) {
            Ok(bytes) => Some(Arc::from(bytes)),
            Err(error) => {
                self.cx.problem_with(
                    name.at,
                    format!(
                        "cannot read `{}`: {}",
                        super::problem::shown(&name.value),
                        lower_first(&error.to_string())
                    ),
                    "paths are relative to the scenario file",
                );
                None
            }
        };
        self.cache.insert(name.value.clone(), bytes.clone());
        bytes
    }
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_lowercase().chain(chars).collect())
}
