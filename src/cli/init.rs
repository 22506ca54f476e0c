//! `quotasim init`: a commented scenario to start from.
//!
//! The starter explains every line; the other templates are the scenarios of the repository, embedded as they are, with
//! the data that they read.

use super::{Answer, output};
use anyhow::Context;
use clap::builder::PossibleValuesParser;
use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Options of `init`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  quotasim init
  quotasim init --list
  quotasim init rag -o support.yaml
  quotasim init classifier-unset -o -

Exit codes: 0 done, 2 the file exists or cannot be written.")]
pub(super) struct Args {
    /// What to start from; `--list` says what each is about
    #[arg(default_value = STARTER, hide_possible_values = true, value_parser = PossibleValuesParser::new(names()))]
    template: String,

    /// Print the templates with the question that each answers, and write nothing
    #[arg(long, conflicts_with_all = ["template", "output", "force"])]
    list: bool,

    /// Where to write: a file, a directory, or `-` for stdout (default: TEMPLATE.yaml here)
    #[arg(short = 'o', long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Overwrite files that exist
    #[arg(long)]
    force: bool,
}

const STARTER: &str = "starter";

/// A scenario to start from.
struct Template {
    name: &'static str,
    text: &'static str,
    /// The files that it reads, by their paths from its own.
    data: &'static [(&'static str, &'static str)],
}

macro_rules! shipped {
    ($($name:literal $( with $file:literal )*),* $(,)?) => {
        &[
            Template { name: STARTER, text: include_str!("init/starter.yaml"), data: &[] },
            $( Template {
                name: $name,
                text: include_str!(concat!("../../scenarios/", $name, ".yaml")),
                data: &[$( ($file, include_str!(concat!("../../scenarios/", $file))) ),*],
            } ),*
        ]
    };
}

/// The starter, then the scenarios of the repository by name.
const TEMPLATES: &[Template] = shipped![
    "agentic-coding",
    "batch-and-chat",
    "burndown-5x-10x-15x",
    "chat",
    "classifier-100",
    "classifier-unset",
    "code-completion",
    "daily-quota",
    "launch-day",
    "never-fits",
    "noisy-neighbour",
    "rag",
    "retry-storm",
    "runtime-vs-mantle",
    "sdk-upgrade",
    "sub-agents",
    "summarisation",
    "trace-replay" with "data/bursts.csv",
    "two-regions",
    "webhook-fanout",
];

fn names() -> Vec<&'static str> {
    TEMPLATES.iter().map(|template| template.name).collect()
}

pub(super) fn run(args: &Args) -> anyhow::Result<Answer> {
    if args.list {
        output::print(&list())?;
        return Ok(Answer::Yes);
    }
    let template = TEMPLATES.iter().find(|template| template.name == args.template);
    let template = template.expect("clap accepts the names of templates only");
    match args.output.as_deref() {
        Some(path) if path == Path::new("-") => print(template)?,
        path => write(template, &destination(path, template.name), args.force)?,
    }
    Ok(Answer::Yes)
}

fn print(template: &Template) -> anyhow::Result<()> {
    output::print(&template.with_hint())?;
    for (name, _) in template.data {
        output::say(&format!("it reads `{name}`, which `-o FILE` writes beside the scenario"));
    }
    Ok(())
}

/// Writes a template and its data, or nothing where one of the files exists.
fn write(template: &Template, path: &Path, force: bool) -> anyhow::Result<()> {
    let directory = path.parent().unwrap_or(Path::new(""));
    let mut files = vec![(path.to_path_buf(), template.with_hint())];
    files.extend(template.data.iter().map(|&(name, text)| (directory.join(name), text.to_owned())));
    if !force && let Some((taken, _)) = files.iter().find(|(path, _)| path.exists()) {
        return Err(exists(taken));
    }
    for (path, text) in &files {
        create(path, text, force)?;
    }
    let shown = path.display();
    output::say(&format!("wrote {shown}; next: quotasim run {}", quoted(path)));
    Ok(())
}

/// The file to write: what the user named, in a directory if that is one, or the template's name here.
fn destination(path: Option<&Path>, name: &str) -> PathBuf {
    let file = format!("{name}.yaml");
    match path {
        None => PathBuf::from(file),
        Some(directory) if directory.is_dir() => directory.join(file),
        Some(path) => path.to_path_buf(),
    }
}

fn create(path: &Path, text: &str, force: bool) -> anyhow::Result<()> {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        fs::create_dir_all(parent).with_context(|| format!("cannot make directory `{}`", parent.display()))?;
    }
    let mut options = OpenOptions::new();
    // `create_new` also refuses a file that has appeared since it was looked for.
    if force {
        options.write(true).create(true).truncate(true)
    } else {
        options.write(true).create_new(true)
    };
    match options.open(path).and_then(|mut file| file.write_all(text.as_bytes())) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(exists(path)),
        written => written.with_context(|| format!("cannot write `{}`", path.display())),
    }
}

fn exists(path: &Path) -> anyhow::Error {
    anyhow::anyhow!("`{}` exists\n\nhint: `-o FILE` writes elsewhere, `--force` overwrites it", path.display())
}

/// A path as a shell takes it.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+,@".contains(c);
    if text.chars().all(plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

impl Template {
    /// The text with a word on its first line, which names a schema that only the repository has beside it.
    fn with_hint(&self) -> String {
        let (reference, rest) = self.text.split_once('\n').expect("a template has lines");
        format!("{reference}\n# (Editors check this file by that line, once `quotasim schema > schema.json`.)\n{rest}")
    }

    /// The question that the template's head asks.
    fn question(&self) -> String {
        let head = self.text.lines().map_while(|line| line.strip_prefix('#')).map(str::trim);
        let lines = head.skip_while(|line| !line.starts_with("Question:")).take_while(|line| !line.is_empty());
        let question = lines.collect::<Vec<_>>().join(" ");
        question.trim_start_matches("Question:").trim().to_owned()
    }
}

/// Every template with its question, at most 80 columns wide.
fn list() -> String {
    const WIDTH: usize = 80;
    let column = TEMPLATES.iter().map(|template| template.name.len()).max().unwrap_or_default() + 2;
    let mut text = String::new();
    for template in TEMPLATES {
        let mut line = format!("{:column$}", template.name);
        for word in template.question().split(' ') {
            if line.chars().count() + word.chars().count() > WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(column);
            }
            line.push_str(word);
            line.push(' ');
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{self, Files, catalog::Catalog};
    use std::collections::BTreeSet;
    use std::io;

    /// The data of a template.
    struct Beside(&'static [(&'static str, &'static str)]);

    impl Files for Beside {
        fn read(&self, path: &str) -> io::Result<Vec<u8>> {
            let found = self.0.iter().find(|(name, _)| *name == path);
            found.map(|(_, text)| text.as_bytes().to_vec()).ok_or_else(|| ErrorKind::NotFound.into())
        }
    }

    #[test]
    fn every_template_is_a_scenario_with_a_question() {
        for template in TEMPLATES {
            let text = template.with_hint();
            let read = spec::read(&text, "new.yaml", &[], &Beside(template.data), Catalog::embedded());
            assert!(read.is_ok(), "{}: {}", template.name, read.unwrap_err());
            assert!(template.question().ends_with('?'), "{}: {}", template.name, template.question());
            assert!(text.lines().next().unwrap().ends_with("$schema=./schema.json"), "{}", template.name);
        }
    }

    #[test]
    fn every_scenario_of_the_repository_is_a_template() {
        let directory = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios")).unwrap();
        let files = directory.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let shipped: BTreeSet<String> = files.filter_map(|file| Some(file.strip_suffix(".yaml")?.to_owned())).collect();
        let known: BTreeSet<String> = TEMPLATES[1..].iter().map(|template| template.name.to_owned()).collect();
        assert_eq!(known, shipped);
    }

    #[test]
    fn the_list_fits_a_terminal() {
        let list = list();
        assert!(list.starts_with("starter              is this traffic throttled, by which quota,"), "{list}");
        assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    }

    #[test]
    fn nothing_is_overwritten_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("deep/replay.yaml");
        let template = TEMPLATES.iter().find(|template| template.name == "trace-replay").unwrap();
        write(template, &path, false).unwrap();
        assert_eq!(fs::read_to_string(directory.path().join("deep/data/bursts.csv")).unwrap(), template.data[0].1);
        fs::write(&path, "mine").unwrap();
        let error = write(template, &path, false).unwrap_err().to_string();
        assert!(error.contains("replay.yaml` exists") && error.contains("--force"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
        // The scenario is free, its data is not: nothing is written.
        let other = directory.path().join("deep/other.yaml");
        assert!(write(template, &other, false).unwrap_err().to_string().contains("bursts.csv"));
        assert!(!other.exists());
        write(template, &path, true).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), template.with_hint());
    }

    #[test]
    fn a_file_goes_where_it_is_sent() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(destination(None, "chat"), Path::new("chat.yaml"));
        assert_eq!(destination(Some(directory.path()), "chat"), directory.path().join("chat.yaml"));
        assert_eq!(destination(Some(Path::new("mine.yaml")), "chat"), Path::new("mine.yaml"));
        assert_eq!(quoted(Path::new("my chat.yaml")), "'my chat.yaml'");
    }
}
