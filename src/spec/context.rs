//! Where the reader of a scenario is, and what it has found.

use super::problem::{Problem, Problems, Sources, Span, shown};
use super::tree::Flaw;

/// A value with its place, for problems that show only when it is compared with others.
#[derive(Debug, Clone, Copy)]
pub(crate) struct At<T> {
    pub(crate) value: T,
    pub(crate) at: Span,
}

/// What has been found so far, and where in the scenario the reader is.
#[derive(Debug)]
pub(crate) struct Context {
    sources: Sources,
    found: Vec<(Span, Problem)>,
    warnings: Vec<(Span, Problem)>,
    path: Vec<(String, Span)>,
}

impl Context {
    /// A file with more problems than this has one that matters: it is not a scenario.
    const MOST_PROBLEMS: usize = 100;

    pub(crate) fn new(sources: Sources) -> Context {
        Context { sources, found: Vec::new(), warnings: Vec::new(), path: Vec::new() }
    }

    pub(crate) fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(crate) fn sources_mut(&mut self) -> &mut Sources {
        &mut self.sources
    }

    /// Notes a problem.
    pub(crate) fn problem(&mut self, at: Span, message: impl Into<String>) {
        self.note(at, message.into(), None);
    }

    /// Notes a problem with a way out.
    pub(crate) fn problem_with(&mut self, at: Span, message: impl Into<String>, hint: impl Into<String>) {
        self.note(at, message.into(), Some(hint.into()));
    }

    /// Notes a problem that may have a way out.
    pub(crate) fn note(&mut self, at: Span, message: String, hint: Option<String>) {
        if !self.is_full() {
            self.found.push((at, self.sources.problem(at, message, hint)));
        }
    }

    /// Notes what was wrong with a text before it could be decoded.
    pub(crate) fn flaws(&mut self, flaws: Vec<Flaw>) {
        for flaw in flaws {
            self.note(flaw.at, flaw.message, flaw.hint);
        }
    }

    /// Notes a problem that stands in a file of its own.
    pub(crate) fn problem_in_file(&mut self, at: Span, problem: Problem) {
        if !self.is_full() {
            self.found.push((at, problem));
        }
    }

    /// Notes what is no mistake but should be known.
    pub(crate) fn warn(&mut self, at: Span, message: impl Into<String>, hint: impl Into<String>) {
        let problem = self.sources.problem(at, message.into(), Some(hint.into()));
        self.warnings.push((at, problem));
    }

    pub(crate) fn is_clean(&self) -> bool {
        self.found.is_empty()
    }

    /// Ends the reading: problems and warnings, each in the order of their places.
    pub(crate) fn finish(mut self) -> (Problems, Vec<Problem>) {
        self.found.sort_by_key(|&(at, _)| at);
        self.warnings.sort_by_key(|&(at, _)| at);
        let sorted = |list: Vec<(Span, Problem)>| list.into_iter().map(|(_, problem)| problem).collect();
        (Problems { problems: sorted(self.found) }, sorted(self.warnings))
    }

    /// Whether so many problems are noted that further ones are not.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= Self::MOST_PROBLEMS
    }

    /// Reads on inside the field or entry `name`, which stands at `at`.
    pub(crate) fn within<T>(&mut self, name: &str, at: Span, read: impl FnOnce(&mut Context) -> T) -> T {
        self.path.push((name.to_owned(), at));
        let value = read(self);
        self.path.pop();
        value
    }

    /// Reads on at an item of the list that is being read.
    pub(crate) fn at_item<T>(&mut self, at: Span, read: impl FnOnce(&mut Context) -> T) -> T {
        let (name, list_at) = self.path.pop().unwrap_or_else(|| (String::new(), Span::START));
        self.path.push((name, at));
        let value = read(self);
        if let Some(last) = self.path.last_mut() {
            last.1 = list_at;
        }
        value
    }

    /// The name of the field or entry that is being read.
    pub(crate) fn field(&self) -> String {
        self.path.last().map_or_else(|| "the scenario".to_owned(), |(name, _)| format!("`{}`", shown(name)))
    }

    /// The way to it: `pools.haiku`.
    pub(crate) fn place(&self) -> String {
        if self.path.is_empty() {
            return "the scenario".to_owned();
        }
        let names: Vec<&str> = self.path.iter().map(|(name, _)| name.as_str()).collect();
        format!("`{}`", names.join("."))
    }

    /// Where its name stands.
    pub(crate) fn place_at(&self) -> Span {
        self.path.last().map_or(Span::START, |&(_, at)| at)
    }
}
