//! Changes laid over a scenario before it is read: `--set path=value` and the maps of variants.

use super::context::Context;
use super::problem::{Span, nearest, shown};
use super::tree::{self, Key, Kind, Node};

/// The maps whose keys are names that the scenario defines; an override does not invent any.
const NAMED: [&str; 3] = ["pools", "workloads", "accounts"];

/// Puts the value at the path into the tree; notes a problem where the path leads nowhere.
pub(crate) fn set(root: &mut Node, path: &str, value: &str, cx: &mut Context) {
    let source = cx.sources_mut().add(format!("--set {path}"), value.to_owned());
    let at = Span { source, ..Span::START };
    let (node, flaws) = tree::read(cx.sources(), source);
    cx.flaws(flaws);
    let Some(mut node) = node else { return };
    // The name of the field stands in the path, which is not in the text: problems point at the value.
    if matches!(node.kind, Kind::Null) {
        node.at = at;
    }
    let parts: Vec<&str> = path.trim().split('.').collect();
    if parts.iter().any(|part| part.is_empty()) {
        cx.problem_with(at, format!("`{}` is no path", shown(path)), "write `pools.haiku.tokens_per_minute=300k`");
        return;
    }
    place(root, &parts, Level::Top, node, at, cx);
}

/// Where in the scenario a map stands, as far as it matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Level {
    /// The scenario itself.
    Top,
    /// A map whose keys are names that the scenario defines.
    Names,
    /// Anything below.
    Below,
}

impl Level {
    /// The level of the value of a key.
    fn below(self, key: &str) -> Level {
        if self == Level::Top && NAMED.contains(&key) { Level::Names } else { Level::Below }
    }
}

/// Walks down one step at a time and puts the node at the end.
fn place(parent: &mut Node, parts: &[&str], level: Level, node: Node, at: Span, cx: &mut Context) {
    match &mut parent.kind {
        Kind::Sequence(items) => {
            let last = items.len();
            let item = parts[0].parse::<usize>().ok().and_then(|index| items.get_mut(index));
            match (item, parts) {
                (Some(item), [_]) => *item = node,
                (Some(item), [_, rest @ ..]) => place(item, rest, Level::Below, node, at, cx),
                _ => {
                    let message = format!("the override names item `{}` of a list of {last}", shown(parts[0]));
                    cx.problem_with(at, message, "items count from 0");
                }
            }
        }
        Kind::Mapping(entries) => {
            // A name may contain dots: the longest that fits is meant.
            let fitting = (1..=parts.len()).rev().find_map(|n| {
                let name = parts[..n].join(".");
                entries.iter().position(|(key, _)| key.name == name).map(|index| (index, n))
            });
            if let Some((index, n)) = fitting {
                let (key, child) = &mut entries[index];
                if n == parts.len() {
                    *child = node;
                } else {
                    place(child, &parts[n..], level.below(&key.name), node, at, cx);
                }
                return;
            }
            let known: Vec<String> = entries.iter().map(|(key, _)| key.name.clone()).collect();
            if level == Level::Names {
                unknown(parts[0], &known, at, cx);
                return;
            }
            let mut child = Node { at, kind: Kind::Mapping(Vec::new()) };
            if parts.len() == 1 {
                child = node;
            } else {
                place(&mut child, &parts[1..], level.below(parts[0]), node, at, cx);
            }
            entries.push((Key { at, name: parts[0].to_owned() }, child));
        }
        Kind::Null => {
            parent.kind = Kind::Mapping(Vec::new());
            place(parent, parts, level, node, at, cx);
        }
        Kind::Scalar(text) if text == parts[0] => {
            // A bare word becomes the choice that it names.
            let key = Key { at: parent.at, name: text.clone() };
            parent.kind = Kind::Mapping(vec![(key, Node { at, kind: Kind::Null })]);
            place(parent, parts, level, node, at, cx);
        }
        Kind::Scalar(text) => {
            let message =
                format!("the override goes into `{}`, which is the single value `{}`", shown(parts[0]), shown(text));
            cx.problem_with(at, message, "set the whole value instead");
        }
    }
}

fn unknown(name: &str, known: &[String], at: Span, cx: &mut Context) {
    let message = format!("the override names `{}`, which the scenario does not have", shown(name));
    let hint = match nearest(name, known.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("it has {}", super::problem::listed(known)),
    };
    cx.problem_with(at, message, hint);
}

/// Lays a map over a scenario: maps merge, all else is replaced.
///
/// A choice is replaced as a whole: `arrivals: { gamma: … }` over `arrivals: { poisson: … }` is gamma. What is new
/// below `pools`, `workloads` and `accounts` is a mistake.
pub(crate) fn merge(base: &mut Node, over: Node, cx: &mut Context) {
    merge_at(base, over, 0, Level::Top, cx);
}

fn merge_at(base: &mut Node, over: Node, depth: usize, level: Level, cx: &mut Context) {
    let (Kind::Mapping(entries), Kind::Mapping(changes)) = (&mut base.kind, &over.kind) else {
        *base = over;
        return;
    };
    if let ([(one, _)], [(other, _)]) = (entries.as_slice(), changes.as_slice())
        && depth > 2
        && one.name != other.name
    {
        *base = over;
        return;
    }
    let Kind::Mapping(changes) = over.kind else { unreachable!("a map, as just seen") };
    for (key, change) in changes {
        match entries.iter_mut().find(|(other, _)| other.name == key.name) {
            Some((_, value)) => merge_at(value, change, depth + 1, level.below(&key.name), cx),
            None if level == Level::Names => {
                let known: Vec<String> = entries.iter().map(|(key, _)| key.name.clone()).collect();
                unknown(&key.name, &known, key.at, cx);
            }
            None => entries.push((key, change)),
        }
    }
}
