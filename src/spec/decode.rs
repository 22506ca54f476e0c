//! From the tree to typed values, collecting every problem on the way.
//!
//! A type that can stand in a scenario implements [`Decode`]: how to read it and its JSON Schema, side by side. The
//! macros in `describe` write that for maps of known fields and for choices. A field that is missing or wrong is
//! `None` once its problem is noted, so one mistake hides no other.

use super::context::{At, Context};
use super::problem::{Span, either, listed, nearest, shown, suggestion};
use super::schema::Definitions;
use super::tree::{Key, Kind, Node};
use serde_json::Value;

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

/// A map of known fields.
pub(crate) trait Record {
    /// The fields that are written but could not be read.
    fn broken(&self) -> &[&'static str];
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
    entries: &'a [(Key, Node)],
    /// The field that a value which is no map stands for, and that value.
    short: Option<(&'static str, &'a Node)>,
    /// The fields that are written but could not be read.
    pub(crate) broken: Vec<&'static str>,
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
            (_, [short, ..]) => return Some(Fields { entries: &[], short: Some((short, node)), broken: Vec::new() }),
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
            if cx.is_full() {
                break;
            }
            if !known.contains(&key.name.as_str()) {
                let message = format!("unknown field `{}` in {}", shown(&key.name), cx.place());
                cx.note(key.at, message, suggestion(&key.name, known, "known fields"));
            }
        }
        Some(Fields { entries, short: None, broken: Vec::new() })
    }

    /// Remembers a field that is written but wrong.
    fn unless_broken<T>(&mut self, value: Option<T>, name: &'static str) -> Option<T> {
        if value.is_none() {
            self.broken.push(name);
        }
        value
    }

    /// Reads one field.
    pub(crate) fn take<T: Decode>(&mut self, name: &'static str, need: Need, cx: &mut Context) -> Option<At<T>> {
        if let Some((short, node)) = self.short
            && short == name
        {
            let value = T::decode(node, cx).map(|value| At { value, at: node.at });
            return self.unless_broken(value, name);
        }
        match (self.entries.iter().find(|(key, _)| key.name == name), need) {
            (Some((key, node)), _) => {
                let value = cx.within(name, key.at, |cx| T::decode(node, cx).map(|value| At { value, at: node.at }));
                self.unless_broken(value, name)
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
    others: &[String],
    cx: &mut Context,
) -> Option<(&'a str, Span, Option<&'a Node>)> {
    let (name, at, payload) = match &node.kind {
        Kind::Scalar(text) => (text.as_str(), node.at, None),
        Kind::Mapping(entries) => match entries.as_slice() {
            [(key, value)] => (key.name.as_str(), key.at, Some(value)),
            [] => {
                cx.problem_with(node.at, format!("{} is empty", cx.field()), ways(known, others));
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
                cx.problem_with(second.at, message, "keep one of them");
                return None;
            }
        },
        _ => {
            cx.problem_with(
                node.at,
                format!("{} must be {}, found {}", cx.field(), article(title), node.describe()),
                ways(known, others),
            );
            return None;
        }
    };
    if known.contains(&name) {
        return Some((name, at, payload));
    }
    let message = format!("{} is `{}`, which is not {}", cx.field(), shown(name), article(title));
    match nearest(name, known.iter().copied()) {
        Some(near) => cx.problem_with(at, message, format!("did you mean `{near}`?")),
        None => cx.problem_with(at, message, ways(known, others)),
    }
    None
}

/// The ways to write a choice.
fn ways(known: &[&str], others: &[String]) -> String {
    let words = match known {
        [word] => format!("`{word}`"),
        _ => format!("one of {}", either(known)),
    };
    let others: Vec<String> = others.iter().map(|other| format!("{} or ", article(other))).collect();
    format!("write {}{words}", others.concat())
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
