//! Who may know whom: the table in ARCHITECTURE.md against the source.
//!
//! Comments may name anything. Code may name a module of the crate, a library or a part of the standard library only
//! where it belongs; a violation is reported as `file:line`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const ARCHITECTURE: &str = include_str!("../../ARCHITECTURE.md");

/// What belongs to few modules, and why the others do without.
const RESERVED: [(&[&str], &[&str], &str); 10] = [
    (
        &["std::fs", "std::env", "std::net", "std::process", "jiff::Timestamp::now"],
        &["cli"],
        "files and the environment are arguments",
    ),
    (&["std::time", "std::thread"], &["cli", "emulator"], "time is an argument; only a server runs on the wall clock"),
    (
        &["axum::", "hyper::", "hyper_util::", "aws_smithy_eventstream::"],
        &["emulator"],
        "only the endpoint speaks HTTP",
    ),
    (&["println!", "eprintln!", "print!", "eprint!"], &[], "`cli` prints, in one place"),
    (&["rand::rng", "rand::random", "thread_rng", "from_os_rng", "getrandom"], &[], "each draw has an address"),
    (&["rand::", "rand_distr::"], &["random"], "draws come from `random`"),
    (&["serde_yaml::"], &["spec"], "only the reader knows YAML"),
    (&["plotters::", "resvg::"], &["report"], "only reports draw"),
    (&["rayon::"], &["planner", "cli"], "one replication is one thread"),
    (&["clap::", "anyhow::", "indicatif::"], &["cli"], "the library knows no terminal"),
];

#[test]
fn modules_import_only_what_the_architecture_allows() {
    let allowed = table();
    let mut violations = Vec::new();
    for line in code() {
        for target in crate_modules(&line.text) {
            let known = allowed.get(&line.module).unwrap_or_else(|| {
                panic!("`{}` has no row in the code map of ARCHITECTURE.md", line.module);
            });
            if target != line.module && !known.contains(target) {
                violations.push(format!("{}: `{}` may not import `{target}`", line.place(), line.module));
            }
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn what_is_reserved_for_a_few_modules_stays_there() {
    let mut violations = Vec::new();
    for line in code() {
        for (words, modules, why) in RESERVED {
            for word in words.iter().filter(|word| mentions(&line.text, word)) {
                if !modules.contains(&line.module.as_str()) {
                    violations.push(format!("{}: `{word}` in `{}`: {why}", line.place(), line.module));
                }
            }
        }
    }
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn the_code_map_has_a_row_for_each_module_and_no_cycle() {
    let table = table();
    let rows: BTreeSet<String> = table.keys().cloned().collect();
    let modules: BTreeSet<String> = std::fs::read_dir(source())
        .expect("the source is there")
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.is_dir())
        .map(|path| path.file_name().expect("a name").to_string_lossy().into_owned())
        .collect();
    assert_eq!(rows, modules);
    // Rows stand in an order in which each imports only rows above it.
    let mut above = BTreeSet::new();
    for (name, imports) in rows_in_order() {
        for import in imports {
            assert!(above.contains(&import), "`{name}` imports `{import}`, which does not stand above it");
        }
        above.insert(name);
    }
}

#[test]
fn the_scan_sees_what_it_should() {
    assert_eq!(crate_modules("use crate::units::Tokens;"), ["units"]);
    assert_eq!(crate_modules("    let x = crate::model::f(crate::units::y);"), ["model", "units"]);
    assert_eq!(crate_modules("pub(crate) fn crate_name()"), [""; 0]);
    assert!(mentions("use std::time::Duration;", "std::time"));
    assert!(!mentions("let operand::x = 1", "rand::"));
}

/// The code map: from a module to what it may import.
fn table() -> BTreeMap<String, BTreeSet<String>> {
    rows_in_order().into_iter().map(|(name, imports)| (name, imports.into_iter().collect())).collect()
}

fn rows_in_order() -> Vec<(String, Vec<String>)> {
    let rows: Vec<_> = ARCHITECTURE
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|row| {
            let cells: Vec<&str> = row.trim_end_matches(['|', ' ']).split(" | ").collect();
            let [name, _, imports] = cells.as_slice() else { return None };
            let imports = imports.split(", ").map(str::trim).filter(|name| *name != "–").map(str::to_owned);
            Some((name.trim_matches('`').to_owned(), imports.collect()))
        })
        .collect();
    assert!(rows.len() > 5, "the code map of ARCHITECTURE.md is a table of module, what it holds, what it may import");
    rows
}

/// A line of code.
struct Line {
    module: String,
    path: PathBuf,
    number: usize,
    text: String,
}

impl Line {
    fn place(&self) -> String {
        format!("src/{}:{}", self.path.display(), self.number)
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Every line of every module that is no comment.
fn code() -> Vec<Line> {
    let mut files = Vec::new();
    collect(&source(), &mut files);
    files.sort();
    let mut lines = Vec::new();
    for file in files {
        let path = file.strip_prefix(source()).expect("below the source").to_owned();
        let module = path.components().next().expect("a first part").as_os_str().to_string_lossy().into_owned();
        // Tests within a module may look wherever they like.
        let is_test = path.components().any(|part| part.as_os_str() == "tests")
            || path.file_stem().is_some_and(|stem| stem == "tests" || stem == "laws");
        if is_test || Path::new(&module).extension().is_some() {
            continue; // lib.rs and main.rs name the modules and hold nothing.
        }
        let text = std::fs::read_to_string(&file).expect("source is text");
        lines.extend(text.lines().enumerate().filter(|(_, text)| !text.trim_start().starts_with("//")).map(
            |(index, text)| Line {
                module: module.clone(),
                path: path.clone(),
                number: index + 1,
                text: text.to_owned(),
            },
        ));
    }
    assert!(lines.len() > 5_000, "the source was found");
    lines
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The modules that a line names as `crate::module`.
fn crate_modules(text: &str) -> Vec<&str> {
    assert!(!text.contains("crate::{"), "write one `use crate::module::…` per module: {text}");
    text.match_indices("crate::")
        .map(|(at, found)| &text[at + found.len()..])
        .map(|rest| rest.split(|c: char| !c.is_ascii_lowercase() && c != '_').next().unwrap_or_default())
        .filter(|module| !module.is_empty())
        .collect()
}

/// Whether a line contains a word that is not the tail of a longer one.
fn mentions(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}
