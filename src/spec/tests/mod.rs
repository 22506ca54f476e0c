//! The language as a table of what each form means, its diagnostics as text, and its robustness.

mod client_side;
mod diagnostics;
mod files;
mod language;
mod models;
mod robustness;
mod schema;

use super::catalog::Catalog;
use super::{Files, Loaded, Problems};
use std::collections::BTreeMap;
use std::io;

/// Files of a test, by name.
#[derive(Debug, Default)]
pub(super) struct Fixture(BTreeMap<String, Vec<u8>>);

impl Fixture {
    fn with(name: &str, text: &str) -> Fixture {
        Fixture(BTreeMap::from([(name.to_owned(), text.as_bytes().to_vec())]))
    }
}

impl Files for Fixture {
    fn read(&self, path: &str) -> io::Result<Vec<u8>> {
        self.0.get(path).cloned().ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

fn read(text: &str) -> Result<Loaded, Problems> {
    super::read(text, "scenario.yaml", &[], &Fixture::default(), &Catalog::default())
}

/// A pool that needs no catalogue.
const POOL: &str = "model: mine, burndown_rate: 5, max_output_tokens: 64_000, tokens_per_minute: 1M, requests_per_minute: none, context_window: 200k";

/// A whole scenario around the fields of a workload, written in flow style.
fn workload(fields: &str) -> String {
    format!("version: 1\npools:\n  p: {{ {POOL} }}\nworkloads:\n  w: {{ pool: p, {fields} }}\n")
}
