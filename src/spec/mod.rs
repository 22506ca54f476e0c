//! The scenario file as written, the catalogue file, the JSON Schema, and diagnostics with source snippets.
//!
//! The only module that knows YAML. A text becomes a tree with positions (`tree`), overrides change the tree
//! (`overrides`), the tree becomes typed values (`decode` and one file per part of the language), and those become a
//! [`model::Scenario`](crate::model::Scenario) (`build`). Every step notes what is wrong and goes on, so [`read`] says
//! everything at once. The types of the language, their readers and the [`schema`] come from one description each.
//!
//! ```
//! use quotasim::spec::{self, NoFiles, catalog::Catalog};
//! let text = "
//! version: 1
//! pools:
//!   small: { model: mine, burndown_rate: 5, max_output_tokens: 8_192, tokens_per_minute: 1M, requests_per_minute: none }
//! workloads:
//!   chat: { pool: small, arrivals: { poisson: { rate: 5/s } }, input_tokens: 420, output_tokens: 5 }
//! ";
//! let loaded = spec::read(text, "chat.yaml", &[], &NoFiles, &Catalog::default()).unwrap();
//! assert_eq!(loaded.scenario.pools[0].max_output.0, 8_192);
//! let problems = spec::read("version: 2", "bad.yaml", &[], &NoFiles, &Catalog::default()).unwrap_err();
//! assert_eq!(problems.problems.len(), 3);
//! ```

mod arrivals;
mod assumptions;
mod build;
pub mod catalog;
mod checks;
mod client;
mod client_name;
mod context;
mod cron;
mod decode;
mod describe;
mod distribution;
pub mod draft;
mod faults;
mod figures;
mod latency;
mod moments;
mod overrides;
mod pool;
mod problem;
mod quota;
mod scalar;
mod scenario;
mod schema;
pub mod service_quotas;
mod slo;
mod spike;
mod trace;
mod tree;
mod workload;

pub use client_name::client_named;
pub use problem::{Problem, Problems};
pub(crate) use trace::instant;

use crate::model::Scenario;
use build::Builder;
use catalog::Catalog;
use context::Context;
use decode::Decode;
use problem::{Sources, Span};
use scenario::ScenarioSpec;
use std::fmt;
use std::io;
use tree::Kind;

/// A scenario that was read, and what should be known about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    /// What it means.
    pub scenario: Scenario,
    /// The question it answers, in its author's words.
    pub question: Option<String>,
    /// What is no mistake but should be known; each ends in advice.
    pub warnings: Vec<Problem>,
}

/// Where the files named in a scenario come from: traces and data columns.
pub trait Files {
    /// The bytes of a file; the path is relative to the scenario file.
    fn read(&self, path: &str) -> io::Result<Vec<u8>>;
}

/// No files at all.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoFiles;

impl Files for NoFiles {
    fn read(&self, _: &str) -> io::Result<Vec<u8>> {
        Err(io::Error::new(io::ErrorKind::NotFound, "no such file"))
    }
}

/// A map to lay over a scenario: one of its variants.
#[derive(Clone, PartialEq, Eq)]
pub struct Overlay {
    /// The variant's name.
    pub name: String,
    origin: String,
    text: String,
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("name", &self.name).field("origin", &self.origin).finish_non_exhaustive()
    }
}

/// Reads a scenario.
///
/// `origin` is the name of the file in problems; `overrides` are pairs of path and value as `--set` takes them.
pub fn read(
    text: &str,
    origin: &str,
    overrides: &[(String, String)],
    files: &dyn Files,
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    read_layers(text, origin, None, overrides, files, catalog)
}

/// Reads a scenario with a variant laid over it, and overrides over both.
pub fn read_variant(
    text: &str,
    origin: &str,
    overlay: &Overlay,
    overrides: &[(String, String)],
    files: &dyn Files,
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    read_layers(text, origin, Some(overlay), overrides, files, catalog)
}

/// Reads a file of variants: a map from names to the maps that are laid over a scenario.
pub fn variants(text: &str, origin: &str) -> Result<Vec<Overlay>, Problems> {
    let mut cx = Context::new(Sources::new(origin, text));
    let (root, flaws) = tree::read(cx.sources(), 0);
    cx.flaws(flaws);
    let mut overlays = Vec::new();
    match root.map(|root| (root.at, root.kind)) {
        Some((_, Kind::Mapping(entries))) if !entries.is_empty() => {
            for (key, node) in entries {
                if !matches!(node.kind, Kind::Mapping(_) | Kind::Null) {
                    cx.problem(node.at, format!("variant `{}` must be a map of changes", problem::shown(&key.name)));
                }
                overlays.push(Overlay { name: key.name, origin: origin.to_owned(), text: text.to_owned() });
            }
        }
        Some((at, _)) => cx.problem_with(at, "there are no variants", "write `name: { workloads: { … } }`"),
        None => {}
    }
    if cx.is_clean() { Ok(overlays) } else { Err(cx.finish().0) }
}

fn read_layers(
    text: &str,
    origin: &str,
    overlay: Option<&Overlay>,
    overrides: &[(String, String)],
    files: &dyn Files,
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    let mut cx = Context::new(Sources::new(origin, text));
    let (root, flaws) = tree::read(cx.sources(), 0);
    cx.flaws(flaws);
    let Some(mut root) = root else { return Err(cx.finish().0) };
    if matches!(root.kind, Kind::Null) {
        cx.problem_with(Span::START, "the scenario is empty", "`quotasim init` writes one to start from");
        return Err(cx.finish().0);
    }
    if let Some(overlay) = overlay {
        let source = cx.sources_mut().add(overlay.origin.clone(), overlay.text.clone());
        let (changes, flaws) = tree::read(cx.sources(), source);
        cx.flaws(flaws);
        if let Some(changes) = changes.as_ref().and_then(|changes| changes.get(&overlay.name))
            && !matches!(changes.kind, Kind::Null)
        {
            overrides::merge(&mut root, changes.clone(), &mut cx);
        }
    }
    for (path, value) in overrides {
        overrides::set(&mut root, path, value, &mut cx);
    }
    let spec = ScenarioSpec::decode(&root, &mut cx);
    let mut builder = Builder::new(cx, files, catalog);
    let scenario = spec.as_ref().and_then(|spec| spec.build(&mut builder, file_stem(origin)));
    let clean = builder.cx.is_clean();
    let (problems, warnings) = builder.cx.finish();
    match (scenario, spec) {
        (Some(scenario), Some(spec)) if clean => {
            Ok(Loaded { scenario, question: spec.question.map(|question| question.value), warnings })
        }
        _ => {
            assert!(!clean, "a scenario is refused with a reason");
            Err(problems)
        }
    }
}

/// Reads the bytes of a scenario file, which may be no text at all.
pub fn read_bytes(
    bytes: &[u8],
    origin: &str,
    overrides: &[(String, String)],
    files: &dyn Files,
    catalog: &Catalog,
) -> Result<Loaded, Problems> {
    read(text_of(bytes, origin)?, origin, overrides, files, catalog)
}

fn text_of<'a>(bytes: &'a [u8], origin: &str) -> Result<&'a str, Problems> {
    std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].split(|&byte| byte == b'\n').count();
        let hint = Some("a scenario is YAML text in UTF-8".to_owned());
        let mut problem = Problem::of_file(origin, "the file is not UTF-8 text", hint);
        problem.line = line;
        Problems { problems: vec![problem] }
    })
}

/// The JSON Schema (2020-12) of scenario files.
pub fn schema() -> serde_json::Value {
    schema::document::<ScenarioSpec>()
}

fn file_stem(origin: &str) -> &str {
    let name = origin.rsplit(['/', '\\']).next().unwrap_or(origin);
    name.split('.').next().filter(|stem| !stem.is_empty()).unwrap_or("scenario")
}

#[cfg(test)]
mod tests;
