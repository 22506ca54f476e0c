//! From the tree to typed values, collecting every problem on the way.
//!
//! A type that can stand in a scenario implements [`Decode`]: how to read it and its JSON Schema, side by side. The
//! macros [`record!`] (a map of known fields) and [`choice!`] (a one-key map or a bare word) produce the type, its
//! reader and its schema from one list. A field that is missing or wrong is `None` once its problem is noted, so one
//! mistake hides no other.

use super::problem::{Problem, Problems, Sources, Span, listed, shown, suggestion};
use super::schema::Definitions;
use super::tree::{Flaw, Kind, Node};
use serde_json::Value;
use std::collections::BTreeSet;

/// A type that a scenario can spell.
pub(crate) trait Decode: Sized {
    /// Whether a choice may leave it out: a bare word stands for all of its defaults.
    const BARE: bool = false;

    /// What it is called in messages and in the schema, without an article.
    fn title() -> String;

    /// Reads the value; notes what is wrong and returns `None` where it cannot be read.
    fn decode(node: &Node, cx: &mut Context) -> Option<Self>;

    /// Its JSON Schema.
    fn schema(definitions: &mut Definitions) -> Value;
}

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
    /// Fields that are written but could not be read.
    broken: BTreeSet<String>,
}

impl Context {
    /// A file with more problems than this has one that matters: it is not a scenario.
    const MOST_PROBLEMS: usize = 100;

    pub(crate) fn new(sources: Sources) -> Context {
        Context { sources, found: Vec::new(), warnings: Vec::new(), path: Vec::new(), broken: BTreeSet::new() }
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

    fn note(&mut self, at: Span, message: String, hint: Option<String>) {
        if self.found.len() < Self::MOST_PROBLEMS {
            self.found.push((at, self.sources.problem(at, message, hint)));
        }
    }

    pub(crate) fn flaw(&mut self, flaw: Flaw) {
        self.note(flaw.at, flaw.message, flaw.hint);
    }

    /// Notes a problem that stands in a file of its own.
    pub(crate) fn problem_in_file(&mut self, at: Span, problem: Problem) {
        if self.found.len() < Self::MOST_PROBLEMS {
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

    /// Reads on inside the field or entry `name`, which stands at `at`.
    pub(crate) fn within<T>(&mut self, name: &str, at: Span, read: impl FnOnce(&mut Context) -> T) -> T {
        self.enter(name, at);
        let value = read(self);
        self.leave();
        value
    }

    /// Goes on inside a field or entry, until [`leave`](Self::leave).
    pub(crate) fn enter(&mut self, name: &str, at: Span) {
        self.path.push((name.to_owned(), at));
    }

    /// Leaves what was entered last.
    pub(crate) fn leave(&mut self) {
        self.path.pop();
    }

    /// Whether a field of the place where the reader is was written but could not be read.
    pub(crate) fn is_broken(&self, field: &str) -> bool {
        self.broken.contains(&self.path_to(field))
    }

    fn path_to(&self, field: &str) -> String {
        let names = self.path.iter().map(|(name, _)| name.as_str()).chain([field]);
        names.collect::<Vec<_>>().join(".")
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

/// "a pool", "an arrival process".
pub(crate) fn article(title: &str) -> String {
    let vowel = title.starts_with(['a', 'e', 'i', 'o']);
    format!("{} {title}", if vowel { "an" } else { "a" })
}

/// How a field behaves where it is not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// It must be written.
    Required,
    /// It may be left out.
    Optional,
    /// It may be left out and then reads like this.
    Default(&'static str),
}

/// The fields of a record being read.
pub(crate) struct Fields<'a> {
    entries: &'a [(super::tree::Key, Node)],
    /// The field that a value which is no map stands for, and that value.
    short: Option<(&'static str, &'a Node)>,
}

impl<'a> Fields<'a> {
    /// Opens a map and notes the keys that are none of `known`; a value that is no map is that of the field `short`.
    pub(crate) fn open(
        node: &'a Node,
        title: &str,
        known: &[&str],
        short: &[&'static str],
        cx: &mut Context,
    ) -> Option<Fields<'a>> {
        let entries = match (&node.kind, short) {
            (Kind::Mapping(entries), _) => entries.as_slice(),
            (_, [short, ..]) => return Some(Fields { entries: &[], short: Some((short, node)) }),
            (_, []) => {
                cx.problem_with(
                    node.at,
                    format!(
                        "{} must be a map with the fields of {}, found {}",
                        cx.field(),
                        article(title),
                        node.describe()
                    ),
                    format!("fields: {}", listed(known)),
                );
                return None;
            }
        };
        for (key, _) in entries {
            if !known.contains(&key.name.as_str()) {
                let message = format!("unknown field `{}` in {}", shown(&key.name), cx.place());
                cx.note(key.at, message, suggestion(&key.name, known, "known fields"));
            }
        }
        Some(Fields { entries, short: None })
    }

    /// Remembers that a field is written but wrong.
    fn unless_broken<T>(&self, value: Option<T>, name: &str, cx: &mut Context) -> Option<T> {
        if value.is_none() {
            let path = cx.path_to(name);
            cx.broken.insert(path);
        }
        value
    }

    /// Reads one field.
    pub(crate) fn take<T: Decode>(&self, name: &str, need: Need, cx: &mut Context) -> Option<At<T>> {
        if let Some((short, node)) = self.short
            && short == name
        {
            let value = T::decode(node, cx).map(|value| At { value, at: node.at });
            return self.unless_broken(value, name, cx);
        }
        match (self.entries.iter().find(|(key, _)| key.name == name), need) {
            (Some((key, node)), _) => {
                let value = cx.within(name, key.at, |cx| T::decode(node, cx).map(|value| At { value, at: node.at }));
                self.unless_broken(value, name, cx)
            }
            (None, Need::Default(text)) => {
                let at = cx.place_at();
                let kind = match text {
                    "{}" => Kind::Mapping(Vec::new()),
                    text => Kind::Scalar(text.to_owned()),
                };
                let node = Node { at, kind };
                cx.within(name, at, |cx| T::decode(&node, cx).map(|value| At { value, at }))
            }
            (None, Need::Required) if self.short.is_none() => {
                let title = T::title();
                cx.problem_with(
                    cx.place_at(),
                    format!("missing field `{name}` in {}", cx.place()),
                    format!("add `{name}: …`, {}", article(&title)),
                );
                None
            }
            (None, Need::Required | Need::Optional) => None,
        }
    }
}

/// The alternative that a choice names: its key, where the name stands, and what belongs to it.
pub(crate) fn chosen<'a>(
    node: &'a Node,
    title: &str,
    known: &[&str],
    cx: &mut Context,
) -> Option<(&'a str, Span, Option<&'a Node>)> {
    let (name, at, payload) = match &node.kind {
        Kind::Scalar(text) => (text.as_str(), node.at, None),
        Kind::Mapping(entries) => match entries.as_slice() {
            [(key, value)] => (key.name.as_str(), key.at, Some(value)),
            [] => {
                cx.problem_with(
                    node.at,
                    format!("{} is empty", cx.field()),
                    format!("choose one of {}", listed(known)),
                );
                return None;
            }
            [(first, _), (second, _), ..] => {
                let message = format!(
                    "{} takes one choice, found {}: `{}` and `{}`",
                    cx.field(),
                    entries.len(),
                    shown(&first.name),
                    shown(&second.name)
                );
                cx.problem_with(second.at, message, format!("keep one of {}", listed(known)));
                return None;
            }
        },
        _ => {
            cx.problem_with(
                node.at,
                format!("{} must be {}, found {}", cx.field(), article(title), node.describe()),
                format!("choose one of {}", listed(known)),
            );
            return None;
        }
    };
    if known.contains(&name) {
        return Some((name, at, payload));
    }
    let message = format!("{} is `{}`, which is not {}", cx.field(), shown(name), article(title));
    cx.note(at, message, suggestion(name, known, "choose one of"));
    None
}

/// Reads what belongs to a chosen alternative; a bare word stands for an empty map.
pub(crate) fn payload<T: Decode>(name: &str, at: Span, node: Option<&Node>, cx: &mut Context) -> Option<At<T>> {
    let empty = Node { at, kind: Kind::Mapping(Vec::new()) };
    let node = node.filter(|node| !matches!(node.kind, Kind::Null)).unwrap_or(&empty);
    cx.within(name, at, |cx| T::decode(node, cx).map(|value| At { value, at: node.at }))
}

/// Whether a scalar looks like a word rather than a number.
pub(crate) fn is_word(node: &Node) -> bool {
    let Kind::Scalar(text) = &node.kind else { return false };
    text.starts_with(char::is_alphabetic) && !["nan", "inf", "infinity"].contains(&text.to_lowercase().as_str())
}

/// The name of a field without the mark that lets a keyword be one.
pub(crate) const fn bare(name: &'static str) -> &'static str {
    match name.as_bytes() {
        [b'r', b'#', ..] => name.split_at(2).1,
        _ => name,
    }
}

/// Defines a map of known fields: the struct, its reader and its schema.
///
/// `field: Type` may be left out, `field: Type = required` may not, `field: Type = "text"` reads like `text` when left
/// out. `as "title", or field` lets a single value or a list stand for a map with just that field.
macro_rules! record {
    (
        $(#[doc = $doc:literal])+
        struct $name:ident $(<$param:ident>)? as $title:literal $(, or $short:ident)? {
            $( $(#[doc = $field_doc:literal])+ $field:ident: $type:ty $(= $need:tt)? ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(crate) struct $name $(<$param>)? {
            $( $(#[doc = $field_doc])+ pub(crate) $field: Option<$crate::spec::decode::At<$type>>, )*
        }

        impl $(<$param: $crate::spec::decode::Decode>)? $crate::spec::decode::Decode for $name $(<$param>)? {
            const BARE: bool = true $(&& !matches!(
                $crate::spec::decode::need!($($need)?), $crate::spec::decode::Need::Required
            ))*;

            fn title() -> String {
                $crate::spec::decode::title!($title $($param)?)
            }

            fn decode(
                node: &$crate::spec::tree::Node,
                cx: &mut $crate::spec::decode::Context,
            ) -> Option<Self> {
                let fields = $crate::spec::decode::Fields::open(
                    node,
                    &Self::title(),
                    &[$($crate::spec::decode::bare(stringify!($field))),*],
                    &[$(stringify!($short))?],
                    cx,
                )?;
                Some($name {
                    $( $field: fields.take(
                        $crate::spec::decode::bare(stringify!($field)), $crate::spec::decode::need!($($need)?), cx,
                    ), )*
                })
            }

            fn schema(definitions: &mut $crate::spec::schema::Definitions) -> serde_json::Value {
                definitions.define(&Self::title(), |definitions| {
                    let object = $crate::spec::schema::object(
                        concat!($($doc),+),
                        vec![$((
                            $crate::spec::decode::bare(stringify!($field)),
                            concat!($($field_doc),+),
                            $crate::spec::decode::need!($($need)?),
                            <$type as $crate::spec::decode::Decode>::schema(definitions),
                        )),*],
                    );
                    $( let object = $crate::spec::schema::or_short(object, stringify!($short)); )?
                    object
                })
            }
        }
    };
}

/// Defines a choice: a one-key map or a bare word; the enum, its reader and its schema.
///
/// `word: Variant(Payload)` or `word: Variant` lists an alternative; `as "title", or Variant(Type)` lets anything that is no word and no
/// map stand for itself.
macro_rules! choice {
    (
        $(#[doc = $doc:literal])+
        enum $name:ident $(<$param:ident>)? as $title:literal $(, or $other:ident($other_type:ty))? {
            $( $(#[doc = $variant_doc:literal])+ $word:ident: $variant:ident $(($payload:ty))? ),* $(,)?
        }
    ) => {
        $(#[doc = $doc])+
        #[derive(Debug, Clone)]
        pub(crate) enum $name $(<$param>)? {
            $( $(#[doc = $variant_doc])+ $variant $(($crate::spec::decode::At<$payload>))?, )*
            $( #[doc = "The value itself."] $other($crate::spec::decode::At<$other_type>), )?
        }

        impl $(<$param: $crate::spec::decode::Decode>)? $crate::spec::decode::Decode for $name $(<$param>)? {
            fn title() -> String {
                $crate::spec::decode::title!($title $($param)?)
            }

            fn decode(
                node: &$crate::spec::tree::Node,
                cx: &mut $crate::spec::decode::Context,
            ) -> Option<Self> {
                let known = &[$(stringify!($word)),*];
                $(
                    let whole = matches!(node.kind, $crate::spec::tree::Kind::Mapping(_));
                    if !whole && !$crate::spec::decode::is_word(node) {
                        return $crate::spec::decode::Decode::decode(node, cx)
                            .map(|value| $name::$other($crate::spec::decode::At { value, at: node.at }));
                    }
                )?
                let (name, at, payload) = $crate::spec::decode::chosen(node, &Self::title(), known, cx)?;
                match name {
                    $( stringify!($word) => {
                        $crate::spec::decode::alternative!($name::$variant $(($payload))?; name, at, payload, cx)
                    } )*
                    _ => unreachable!("`chosen` returns one of the known names"),
                }
            }

            fn schema(definitions: &mut $crate::spec::schema::Definitions) -> serde_json::Value {
                definitions.define(&Self::title(), |definitions| {
                    let alternatives = vec![$((
                        stringify!($word),
                        concat!($($variant_doc),+),
                        <$crate::spec::decode::payload_type!($($payload)?) as $crate::spec::decode::Decode>::BARE,
                        <$crate::spec::decode::payload_type!($($payload)?) as $crate::spec::decode::Decode>::schema(
                            definitions,
                        ),
                    )),*];
                    let others = vec![$( <$other_type as $crate::spec::decode::Decode>::schema(definitions) )?];
                    $crate::spec::schema::one_of(concat!($($doc),+), alternatives, others)
                })
            }
        }
    };
}

/// Reads one alternative of a choice, with or without a payload.
macro_rules! alternative {
    ($name:ident::$variant:ident($payload:ty); $word:expr, $at:expr, $node:expr, $cx:expr) => {
        $crate::spec::decode::payload::<$payload>($word, $at, $node, $cx).map($name::$variant)
    };
    ($name:ident::$variant:ident; $word:expr, $at:expr, $node:expr, $cx:expr) => {
        $crate::spec::decode::payload::<$crate::spec::scalar::Nothing>($word, $at, $node, $cx).map(|_| $name::$variant)
    };
}

/// The type of a payload: [`Nothing`](super::scalar::Nothing) where there is none.
macro_rules! payload_type {
    () => {
        $crate::spec::scalar::Nothing
    };
    ($payload:ty) => {
        $payload
    };
}

/// The [`Need`] that a field's right-hand side spells.
macro_rules! need {
    () => {
        $crate::spec::decode::Need::Optional
    };
    (required) => {
        $crate::spec::decode::Need::Required
    };
    ($text:literal) => {
        $crate::spec::decode::Need::Default($text)
    };
}

/// A title, with that of the type parameter where there is one.
macro_rules! title {
    ($title:literal) => {
        $title.to_owned()
    };
    ($title:literal $param:ident) => {
        format!("{} of {}s", $title, <$param as $crate::spec::decode::Decode>::title())
    };
}

pub(crate) use {alternative, choice, need, payload_type, record, title};
