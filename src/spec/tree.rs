//! YAML as a tree in which every key and value knows where it stands.
//!
//! Built from the events of the YAML reader, scalars as written: `0.10` keeps its zero, `5M` and `"2.1"` need no
//! guess at a type. Depth, size and the expansion of aliases are bounded, so no input takes long or much memory.

use super::problem::{Sources, Span, shown};
use serde_yaml::granit_parser::{ErrorKind, Event, Options, Parser, ScalarStyle, ScanError, Span as Mark};
use std::collections::BTreeMap;

/// The largest text that is read [bytes].
pub(crate) const MAX_BYTES: usize = 16 << 20;
/// The deepest nesting: a scenario needs about ten levels.
const MAX_DEPTH: usize = 64;
/// The most nodes, those that aliases repeat included.
const MAX_NODES: usize = 250_000;

/// A value and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) at: Span,
    pub(crate) kind: Kind,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    /// Nothing written, `~` or `null`.
    Null,
    /// Any scalar, as text; quoted or plain.
    Scalar(String),
    /// A list.
    Sequence(Vec<Node>),
    /// A map in file order; keys are unique.
    Mapping(Vec<(Key, Node)>),
}

/// A key and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) at: Span,
    pub(crate) name: String,
}

impl Node {
    /// What it is, in words.
    pub(crate) fn describe(&self) -> &'static str {
        match self.kind {
            Kind::Null => "nothing",
            Kind::Scalar(_) => "a single value",
            Kind::Sequence(_) => "a list",
            Kind::Mapping(_) => "a map",
        }
    }

    /// The value of a key, where this is a map that has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Mapping(entries) => entries.iter().find(|(key, _)| key.name == name).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// A problem found while building a tree.
pub(crate) struct Flaw {
    pub(crate) at: Span,
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

impl Flaw {
    fn new(at: Span, message: impl Into<String>) -> Flaw {
        Flaw { at, message: message.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Flaw {
        self.hint = Some(hint.into());
        self
    }
}

/// Reads one of the sources. Duplicate keys are reported and dropped; whatever else is wrong ends the reading, so the
/// tree is `None`.
pub(crate) fn read(sources: &Sources, source: u16) -> (Option<Node>, Vec<Flaw>) {
    let text = sources.text(source);
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder = Builder { source, nodes: 0, anchors: BTreeMap::new(), open: Vec::new(), flaws: Vec::new() };
    // Comments say nothing here, and the reader buffers only so many of them.
    let mut options = Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = MAX_DEPTH;
    options.block_nesting_limit = MAX_DEPTH;
    let events = Parser::new_from_str_with_options(text, options);
    let result = check(text, source).and_then(|()| builder.document(events));
    match result {
        Ok(node) => (Some(node), builder.flaws),
        Err(flaw) => {
            builder.flaws.push(*flaw);
            (None, builder.flaws)
        }
    }
}

type Outcome<T> = Result<T, Box<Flaw>>;

fn fail<T>(flaw: Flaw) -> Outcome<T> {
    Err(Box::new(flaw))
}

fn too_deep(at: Span) -> Flaw {
    Flaw::new(at, format!("nested more than {MAX_DEPTH} levels deep"))
}

/// What can be said of a text before it is parsed.
fn check(text: &str, source: u16) -> Outcome<()> {
    let start = Span { source, ..Span::START };
    if text.len() > MAX_BYTES {
        return fail(Flaw::new(start, format!("the file has {} bytes, more than {MAX_BYTES}", text.len())));
    }
    let mut at = start;
    for c in text.chars() {
        if c.is_control() && !matches!(c, '\n' | '\r' | '\t' | '\u{85}') {
            return fail(
                Flaw::new(at, format!("the text has the control character U+{:04X}", c as u32))
                    .hint("a scenario is YAML text in UTF-8"),
            );
        }
        if c == '\n' {
            at = Span { line: at.line + 1, column: 1, ..at };
        } else {
            at.column += 1;
        }
    }
    Ok(())
}

struct Builder {
    source: u16,
    nodes: usize,
    /// Anchored nodes by their number, with their size.
    anchors: BTreeMap<usize, (Node, usize)>,
    open: Vec<Open>,
    flaws: Vec<Flaw>,
}

/// A list or map that is not closed yet.
struct Open {
    node: Node,
    anchor: usize,
    /// The number of nodes before it, to know its size at the end.
    before: usize,
    /// In a map: the key that waits for its value.
    key: Option<Key>,
    /// In a map: the keys so far and their lines.
    seen: BTreeMap<String, usize>,
}

impl Builder {
    /// The one document of the stream.
    fn document<'i>(&mut self, events: impl Iterator<Item = Result<(Event<'i>, Mark), ScanError>>) -> Outcome<Node> {
        let mut root = None;
        for event in events {
            let (event, mark) = event.map_err(|error| Box::new(self.syntax(&error)))?;
            let at = self.span(mark);
            let done = match event {
                Event::Scalar(text, style, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), at);
                    let null =
                        style == ScalarStyle::Plain && matches!(text.as_ref(), "" | "~" | "null" | "Null" | "NULL");
                    let kind = if null { Kind::Null } else { Kind::Scalar(text.into_owned()) };
                    self.count(1, at)?;
                    Some(self.anchored(Node { at, kind }, anchor, 1))
                }
                Event::SequenceStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), at);
                    self.start(Kind::Sequence(Vec::new()), at, anchor)?;
                    None
                }
                Event::MappingStart(_, anchor, tag) => {
                    self.refuse_tag(tag.is_some(), at);
                    self.start(Kind::Mapping(Vec::new()), at, anchor)?;
                    None
                }
                Event::SequenceEnd | Event::MappingEnd => {
                    let open = self.open.pop().expect("the reader balances its events");
                    let size = self.nodes - open.before;
                    Some(self.anchored(open.node, open.anchor, size))
                }
                Event::Alias(anchor) => {
                    let Some((node, size)) = self.anchors.get(&anchor) else {
                        return fail(Flaw::new(at, "an alias stands inside what it repeats"));
                    };
                    let (node, size) = (node.clone(), *size);
                    self.count(size, at)?;
                    Some(node)
                }
                Event::DocumentStart(..) if root.is_some() => {
                    return fail(Flaw::new(at, "a second document begins here").hint("one scenario to a file"));
                }
                _ => None,
            };
            if let Some(node) = done {
                match self.open.last_mut() {
                    None => root = Some(node),
                    Some(open) => Self::add(open, node, &mut self.flaws)?,
                }
            }
        }
        Ok(root.unwrap_or(Node { at: Span { source: self.source, ..Span::START }, kind: Kind::Null }))
    }

    fn start(&mut self, kind: Kind, at: Span, anchor: usize) -> Outcome<()> {
        if self.open.len() == MAX_DEPTH {
            return fail(too_deep(at));
        }
        self.open.push(Open { node: Node { at, kind }, anchor, before: self.nodes, key: None, seen: BTreeMap::new() });
        self.count(1, at)
    }

    /// Adds a finished node to the list or map around it.
    fn add(open: &mut Open, node: Node, flaws: &mut Vec<Flaw>) -> Outcome<()> {
        match (&mut open.node.kind, open.key.take()) {
            (Kind::Sequence(items), _) => items.push(node),
            (Kind::Mapping(_), None) => match node.kind {
                Kind::Scalar(text) => open.key = Some(Key { at: node.at, name: text }),
                Kind::Null => open.key = Some(Key { at: node.at, name: String::new() }),
                _ => return fail(Flaw::new(node.at, "a key must be a single value")),
            },
            (Kind::Mapping(entries), Some(key)) => {
                if let Some(first) = open.seen.get(&key.name) {
                    let message = format!("duplicate key `{}`", shown(&key.name));
                    flaws.push(Flaw::new(key.at, message).hint(format!("it was first given on line {first}")));
                } else {
                    open.seen.insert(key.name.clone(), key.at.line);
                    entries.push((key, node));
                }
            }
            (Kind::Null | Kind::Scalar(_), _) => unreachable!("only lists and maps are opened"),
        }
        Ok(())
    }

    fn anchored(&mut self, node: Node, anchor: usize, size: usize) -> Node {
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        node
    }

    fn count(&mut self, nodes: usize, at: Span) -> Outcome<()> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return fail(Flaw::new(at, format!("more than {MAX_NODES} values, those that aliases repeat included")));
        }
        Ok(())
    }

    fn refuse_tag(&mut self, tagged: bool, at: Span) {
        if tagged {
            self.flaws.push(Flaw::new(at, "tags have no meaning in a scenario").hint("remove the word with `!`"));
        }
    }

    fn syntax(&self, error: &ScanError) -> Flaw {
        let marker = error.marker();
        let at = Span { source: self.source, line: marker.line().max(1), column: marker.col() + 1, width: 1 };
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            return too_deep(at);
        }
        let reason = error.info();
        let flaw = Flaw::new(at, format!("invalid YAML: {reason}"));
        if reason.contains("tab") { flaw.hint("indent with spaces, not tabs") } else { flaw }
    }

    fn span(&self, mark: Mark) -> Span {
        let same_line = mark.end.line() == mark.start.line();
        let width = if same_line { mark.end.col().saturating_sub(mark.start.col()) } else { 1 };
        Span { source: self.source, line: mark.start.line().max(1), column: mark.start.col() + 1, width: width.max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(text: &str) -> Vec<(usize, usize, String)> {
        let (_, flaws) = read(&Sources::new("test", text), 0);
        flaws.into_iter().map(|flaw| (flaw.at.line, flaw.at.column, flaw.message)).collect()
    }

    fn tree(text: &str) -> Node {
        let (node, flaws) = read(&Sources::new("test", text), 0);
        assert!(flaws.is_empty(), "{}", flaws[0].message);
        node.expect("a tree")
    }

    #[test]
    fn keys_and_values_know_their_place() {
        let root = tree("a: 1\nb:\n  c: [x, \"2.1\"]\n");
        let c = root.get("b").unwrap().get("c").unwrap();
        assert_eq!((c.at.line, c.at.column), (3, 6));
        let Kind::Sequence(items) = &c.kind else { panic!("a list") };
        assert_eq!((items[1].at.line, items[1].at.column, items[1].at.width), (3, 10, 5));
        assert!(matches!(&items[1].kind, Kind::Scalar(text) if text == "2.1"));
    }

    #[test]
    fn aliases_repeat_values() {
        let root = tree("a: &x { k: 1 }\nb: *x\n");
        assert!(matches!(&root.get("b").unwrap().get("k").unwrap().kind, Kind::Scalar(text) if text == "1"));
    }

    #[test]
    fn every_duplicate_key_is_reported() {
        let found = flaws("a: 1\na: 2\nb: { c: 1, c: 2 }\n");
        assert_eq!(found, [(2, 1, "duplicate key `a`".to_owned()), (3, 12, "duplicate key `c`".to_owned())]);
    }

    #[test]
    fn hostile_texts_end_quickly() {
        let laughs: String = std::iter::once("a0: &a0 [x, x, x, x, x, x, x, x, x]\n".to_owned())
            .chain((1..40).map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", "))))
            .collect();
        assert!(flaws(&laughs)[0].2.starts_with("more than"));
        assert!(flaws(&"[".repeat(10 << 20))[0].2.contains("levels deep"));
        assert!(flaws(&"{a: ".repeat(1 << 20))[0].2.contains("levels deep"));
        assert!(flaws(&"a".repeat(MAX_BYTES + 1))[0].2.starts_with("the file has"));
        assert_eq!(flaws("a: &x [*x]\n")[0].2, "an alias stands inside what it repeats");
        assert_eq!(flaws("a: 1\n---\nb: 2\n")[0].2, "a second document begins here");
        assert_eq!(flaws("? [a]\n: 1\n")[0].2, "a key must be a single value");
        assert!(flaws("\u{7f}ELF\u{1}")[0].2.contains("control character"));
        assert!(flaws("a:\n\tb: 1\n")[0].2.contains("tab"));
    }

    #[test]
    fn many_comments_are_no_problem() {
        tree(&format!("a: 1\n{}b: 2\n", "# a line\n".repeat(1000)));
    }
}
