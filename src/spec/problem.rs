//! What is wrong with a scenario: where, what, and the way out.
//!
//! A message is a lowercase fragment with names in backticks and both the value and its bound; a hint says what to
//! write instead. Texts come from several places (the file, each `--set`, trace files), so every span carries its
//! source.

use serde::Serialize;
use std::fmt::{self, Write as _};

/// Where something stands in one of the [`Sources`]; lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span {
    pub(crate) source: u16,
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// How many characters, on this line.
    pub(crate) width: usize,
}

impl Span {
    /// The start of the scenario file.
    pub(crate) const START: Span = Span { source: 0, line: 1, column: 1, width: 1 };
}

/// The texts that spans point into; the first is the scenario file.
#[derive(Debug, Clone)]
pub(crate) struct Sources(Vec<(String, String)>);

impl Sources {
    pub(crate) fn new(origin: &str, text: &str) -> Sources {
        Sources(vec![(origin.to_owned(), text.to_owned())])
    }

    /// Adds a text and returns its number.
    pub(crate) fn add(&mut self, origin: String, text: String) -> u16 {
        self.0.push((origin, text));
        u16::try_from(self.0.len() - 1).expect("fewer than 65,536 overrides fit a command line")
    }

    pub(crate) fn origin(&self, source: u16) -> &str {
        &self.0[usize::from(source)].0
    }

    pub(crate) fn text(&self, source: u16) -> &str {
        &self.0[usize::from(source)].1
    }

    fn line(&self, span: Span) -> &str {
        // Windows line ends and the byte order mark are no part of a line.
        let line = self.text(span.source).lines().nth(span.line - 1).unwrap_or_default();
        line.strip_prefix('\u{feff}').filter(|_| span.line == 1).unwrap_or(line)
    }

    /// Renders a problem found in these texts.
    pub(crate) fn problem(&self, at: Span, message: String, hint: Option<String>) -> Problem {
        Problem {
            file: self.origin(at.source).to_owned(),
            line: at.line,
            column: at.column,
            message,
            hint,
            snippet: Snippet::new(self.line(at), at),
        }
    }
}

/// One problem of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, or the `--set` it came with.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead.
    pub hint: Option<String>,
    #[serde(skip)]
    snippet: Snippet,
}

impl Problem {
    /// A problem with a file as a whole: it cannot be read, say.
    pub fn of_file(file: &str, message: impl Into<String>, hint: Option<String>) -> Problem {
        Problem {
            file: file.to_owned(),
            line: 1,
            column: 1,
            message: message.into(),
            hint,
            snippet: Snippet::default(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        self.snippet.render(f, self.line)?;
        match &self.hint {
            Some(hint) => writeln!(f, "\nhint: {hint}"),
            None => Ok(()),
        }
    }
}

/// The line a problem stands on, cut to a readable width, and what to underline of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Snippet {
    line: String,
    indent: usize,
    width: usize,
}

impl Snippet {
    /// Wide enough for most lines, narrow enough for a terminal of 80 columns.
    const WIDTH: usize = 72;

    fn new(line: &str, at: Span) -> Snippet {
        let column = at.column - 1;
        // A long line is shown from a little before the problem.
        let from = if column + at.width.min(20) <= Self::WIDTH { 0 } else { column.saturating_sub(20) };
        let shown: String = line.chars().skip(from).take(Self::WIDTH).map(visible).collect();
        let room = shown.chars().count().saturating_sub(column - from).max(1);
        Snippet { line: shown, indent: column - from, width: at.width.clamp(1, room) }
    }

    fn render(&self, f: &mut fmt::Formatter<'_>, number: usize) -> fmt::Result {
        if self.line.trim().is_empty() {
            return Ok(());
        }
        let gutter = " ".repeat(number.to_string().len());
        writeln!(f, "{gutter} |")?;
        writeln!(f, "{number} | {}", self.line.trim_end())?;
        writeln!(f, "{gutter} | {}{}", " ".repeat(self.indent), "^".repeat(self.width))
    }
}

/// Keeps carets under their characters and control sequences out of the terminal.
fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    }
}

/// All problems of a scenario, in the order of their positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// At least one.
    pub problems: Vec<Problem>,
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            write!(f, "{problem}")?;
        }
        if self.problems.len() > 1 {
            writeln!(f, "\n{} problems", self.problems.len())?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The name among `known` that `written` most likely meant.
pub(crate) fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase().replace('-', "_");
    // Of one or two letters everything is near.
    let room = match lower.chars().count() {
        0..3 => 0,
        letters => (letters / 3).max(1),
    };
    known
        .into_iter()
        .map(|name| (strsim::osa_distance(&lower, &name.to_lowercase().replace('-', "_")), name))
        .filter(|&(distance, _)| distance <= room)
        .min_by_key(|&(distance, _)| distance)
        .map(|(_, name)| name)
}

/// "did you mean `x`?", or the names there are.
pub(crate) fn suggestion(written: &str, known: &[&str], kind: &str) -> Option<String> {
    if let Some(name) = nearest(written, known.iter().copied()) {
        return Some(format!("did you mean `{name}`?"));
    }
    (!known.is_empty()).then(|| format!("{kind}: {}", listed(known)))
}

/// `a`, `b` and `c`.
pub(crate) fn listed<S: AsRef<str>>(names: &[S]) -> String {
    joined(names, "and")
}

/// `a`, `b` or `c`.
pub(crate) fn either<S: AsRef<str>>(names: &[S]) -> String {
    joined(names, "or")
}

fn joined<S: AsRef<str>>(names: &[S], word: &str) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{}`", name.as_ref())).collect();
    match quoted.as_slice() {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} {word} {last}", first.join(", ")),
    }
}

/// A value as it may stand in a message: short, on one line, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut short: String = text.chars().take(40).map(visible).collect();
    if text.chars().nth(40).is_some() {
        short.push('…');
    }
    short
}
