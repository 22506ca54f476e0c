//! The plain values of a scenario: numbers, durations, rates, shares, names; lists, pairs and tables of them.

use super::context::{At, Context};
use super::decode::{Decode, article};
use super::problem::shown;
use super::schema::Definitions;
use super::tree::{Kind, Node};
use crate::units::parse::{self, Refusal};
use crate::units::{Probability, Rate, SimSpan, Tokens};
use serde_json::{Value, json};

/// Reads a single value with one of the parsers of [`units`](crate::units).
fn scalar<T>(
    node: &Node,
    cx: &mut Context,
    title: &str,
    example: &str,
    parse: impl FnOnce(&str) -> Result<T, Refusal>,
) -> Option<T> {
    let Kind::Scalar(text) = &node.kind else {
        let message = match node.kind {
            Kind::Null => format!("{} has no value", cx.field()),
            _ => format!("{} must be {}, found {}", cx.field(), article(title), node.describe()),
        };
        cx.problem_with(node.at, message, format!("write {} such as `{example}`", article(title)));
        return None;
    };
    match parse(text) {
        Ok(value) => Some(value),
        Err(refusal) => {
            let hint = refusal.hint.unwrap_or_else(|| format!("write {} such as `{example}`", article(title)));
            cx.problem_with(node.at, format!("{} is `{}`: {}", cx.field(), shown(text), refusal.reason), hint);
            None
        }
    }
}

/// Implements [`Decode`] for a type that one of the parsers reads.
macro_rules! quantity {
    ($type:ty, $title:literal, $example:literal, $parse:expr, $schema:expr) => {
        impl Decode for $type {
            fn title() -> String {
                $title.to_owned()
            }
            fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
                scalar(node, cx, $title, $example, $parse)
            }
            fn schema(definitions: &mut Definitions) -> Value {
                definitions.define($title, |_| $schema)
            }
        }
    };
}

/// What [`parse`] reads as a number, as a pattern.
const NUMBER: &str = r"\+?([0-9][0-9_,]*(\.[0-9][0-9_]*)?|\.[0-9][0-9_]*|[0-9][0-9_,]*\.)([eE][-+]?[0-9]+)?";

fn text_like(pattern: &str, description: &str, number: bool) -> Value {
    let text = json!({ "type": "string", "pattern": format!("^ *({}) *$", pattern.replace("NUMBER", NUMBER)) });
    if number {
        json!({ "description": description, "anyOf": [{ "type": "number", "minimum": 0 }, text] })
    } else {
        let mut text = text;
        text["description"] = json!(description);
        text
    }
}

fn count_schema() -> Value {
    text_like("NUMBER *[kKMGB]?", "A whole number: `5M`, `200_000`, `1.5k`.", true)
}

fn duration_schema() -> Value {
    let text = text_like("0|(NUMBER *(ns|us|µs|ms|sec|s|min|m|h|d) *)+", "", false);
    json!({
        "description": "A length of time: `250ms`, `1.5s`, `1h30m`; units ns us ms s m h d.",
        "anyOf": [{ "const": 0 }, text],
    })
}

quantity!(u64, "count", "200_000", parse::quantity, count_schema());
quantity!(
    u32,
    "count",
    "20",
    |text: &str| {
        u32::try_from(parse::quantity(text)?)
            .map_err(|_| Refusal { reason: format!("it is at most {}", u32::MAX), hint: None })
    },
    count_schema()
);
quantity!(
    Tokens,
    "number of tokens",
    "4_096",
    |text: &str| {
        let tokens = Tokens(parse::quantity(text)?);
        if tokens > Tokens::REQUEST_MAX {
            return Err(Refusal {
                reason: "a request has at most 1,000,000,000 tokens of a kind".to_owned(),
                hint: None,
            });
        }
        Ok(tokens)
    },
    text_like("NUMBER *[kKMGB]?", "Tokens of a request: `420`, `32k`.", true)
);
quantity!(SimSpan, "duration", "30s", parse::duration, duration_schema());
quantity!(
    Rate,
    "rate",
    "5/s",
    parse::rate,
    text_like("NUMBER *[kKMGB]? */ *([0-9.]* *[a-zµ]+)", "Events per time: `5/s`, `300/min`, `0.4/s`, `2/h`.", false)
);
quantity!(
    Probability,
    "share",
    "99.9%",
    parse::share,
    text_like("NUMBER *%?", "A share between 0 and 1: `0.05`, `99.9%`.", true)
);
quantity!(
    bool,
    "yes or no",
    "true",
    |text: &str| match text {
        "true" | "True" => Ok(true),
        "false" | "False" => Ok(false),
        _ => Err(Refusal { reason: "it is `true` or `false`".to_owned(), hint: None }),
    },
    json!({ "type": "boolean" })
);
quantity!(f64, "number", "1.5", parse::number, text_like("NUMBER *[kKMGB]?", "A number, not negative.", true));

/// The nearest number of seconds: a quotient is rounded once, where a product with 1e-9 would be off for `30s`.
pub(crate) fn in_seconds(span: SimSpan) -> f64 {
    span.0 as f64 / 1e9
}

/// A length of time in seconds, for distributions of durations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seconds(pub(crate) f64);

quantity!(
    Seconds,
    "duration",
    "800ms",
    |text: &str| parse::duration(text).map(|span| Seconds(in_seconds(span))),
    duration_schema()
);

/// A plain number of seconds, exactly: how much time of quota a bucket holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BurstSeconds(pub(crate) SimSpan);

quantity!(
    BurstSeconds,
    "number of seconds",
    "60",
    |text: &str| {
        let span = u64::try_from(parse::nanoseconds(text, SimSpan::SECOND)?).map(SimSpan);
        match span {
            Ok(span) if span > SimSpan::ZERO && span <= SimSpan::DAY => Ok(BurstSeconds(span)),
            _ => Err(Refusal { reason: "it must be above 0 and at most 86,400".to_owned(), hint: None }),
        }
    },
    json!({ "type": "number", "exclusiveMinimum": 0, "maximum": 86_400 })
);

/// A number of either sign.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Signed(pub(crate) f64);

quantity!(
    Signed,
    "signed number",
    "-0.3",
    |text: &str| parse::signed_number(text).map(Signed),
    json!({
        "description": "A number of either sign.",
        "anyOf": [{ "type": "number" }, text_like("-?NUMBER", "", false)],
    })
);

/// An exact factor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fraction {
    pub(crate) numerator: u64,
    pub(crate) denominator: u64,
}

quantity!(
    Fraction,
    "factor",
    "1.5",
    |text: &str| parse::fraction(text).map(|(numerator, denominator)| Fraction { numerator, denominator }),
    text_like("NUMBER *%?", "A factor: `1.5`, `150%`.", true)
);

impl Decode for String {
    fn title() -> String {
        "text".to_owned()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        scalar(node, cx, "text", "a-name", |text| match text.trim() {
            "" => Err(Refusal { reason: "it is empty".to_owned(), hint: None }),
            text => Ok(text.to_owned()),
        })
    }
    fn schema(definitions: &mut Definitions) -> Value {
        definitions.define("text", |_| json!({ "type": ["string", "number"] }))
    }
}

/// What a bare word or an empty map says: nothing beyond its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nothing;

impl Decode for Nothing {
    const BARE: bool = true;
    fn title() -> String {
        "nothing".to_owned()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        match &node.kind {
            Kind::Null => Some(Nothing),
            Kind::Mapping(entries) if entries.is_empty() => Some(Nothing),
            _ => {
                cx.problem_with(node.at, format!("{} takes no parameters", cx.field()), "write the bare word");
                None
            }
        }
    }
    fn schema(_: &mut Definitions) -> Value {
        json!({ "type": "object", "maxProperties": 0 })
    }
}

impl<T: Decode> Decode for Box<T> {
    const BARE: bool = T::BARE;
    fn title() -> String {
        T::title()
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        T::decode(node, cx).map(Box::new)
    }
    fn schema(definitions: &mut Definitions) -> Value {
        T::schema(definitions)
    }
}

impl<T: Decode> Decode for Vec<At<T>> {
    fn title() -> String {
        format!("list of {}s", T::title())
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            cx.problem_with(
                node.at,
                format!("{} must be a list, found {}", cx.field(), node.describe()),
                format!("write `[…]`, each {}", article(&T::title())),
            );
            return None;
        };
        // One bad item spoils the list but not the search for others.
        let read: Vec<Option<At<T>>> = items
            .iter()
            .map(|item| cx.at_item(item.at, |cx| T::decode(item, cx)).map(|value| At { value, at: item.at }))
            .collect();
        read.into_iter().collect()
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({ "type": "array", "items": T::schema(definitions) })
    }
}

/// Two values in a list: `[30m, 4M]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair<A, B>(pub(crate) At<A>, pub(crate) At<B>);

impl<A: Decode, B: Decode> Decode for Pair<A, B> {
    fn title() -> String {
        format!("pair of {} and {}", A::title(), B::title())
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let Kind::Sequence(items) = &node.kind else {
            cx.problem(node.at, format!("{} must have points `[{}, {}]`", cx.field(), A::title(), B::title()));
            return None;
        };
        let [first, second] = items.as_slice() else {
            let message = format!(
                "{} must have points `[{}, {}]`, found {} values",
                cx.field(),
                A::title(),
                B::title(),
                items.len()
            );
            cx.problem(node.at, message);
            return None;
        };
        let (a, b) = (A::decode(first, cx), B::decode(second, cx));
        Some(Pair(At { value: a?, at: first.at }, At { value: b?, at: second.at }))
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({
            "type": "array",
            "prefixItems": [A::schema(definitions), B::schema(definitions)],
            "minItems": 2,
            "maxItems": 2,
        })
    }
}

/// A map whose keys are names of the user's choosing, in file order.
#[derive(Debug, Clone)]
pub(crate) struct Named<T>(pub(crate) Vec<(At<String>, Option<T>)>);

impl<T: Decode> Decode for Named<T> {
    fn title() -> String {
        format!("map of {}s by name", T::title())
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            cx.problem_with(
                node.at,
                format!("{} must be a map of names, found {}", cx.field(), node.describe()),
                format!("write `name: {{ … }}`, each {}", article(&T::title())),
            );
            return None;
        };
        let read = entries.iter().map(|(key, value)| {
            if key.name.trim().is_empty() || key.name.chars().count() > 64 {
                cx.problem(key.at, format!("`{}` is not a name: 1 to 64 characters", shown(&key.name)));
            }
            let decoded = cx.within(&key.name, key.at, |cx| T::decode(value, cx));
            (At { value: key.name.clone(), at: key.at }, decoded)
        });
        Some(Named(read.collect()))
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({
            "type": "object",
            "additionalProperties": T::schema(definitions),
            "propertyNames": { "minLength": 1, "maxLength": 64 },
        })
    }
}

/// A map from shares to values: `{ 0%: 1, 50%: 13, 100%: 900 }`.
#[derive(Debug, Clone)]
pub(crate) struct Table<T>(pub(crate) Vec<(At<Probability>, At<T>)>);

impl<T: Decode> Decode for Table<T> {
    fn title() -> String {
        format!("table of {}s", T::title())
    }
    fn decode(node: &Node, cx: &mut Context) -> Option<Self> {
        let Kind::Mapping(entries) = &node.kind else {
            cx.problem_with(
                node.at,
                format!("{} must be a map of shares, found {}", cx.field(), node.describe()),
                "write `{ 0%: 1, 50%: 13, 100%: 900 }`",
            );
            return None;
        };
        let read: Vec<Option<_>> = entries
            .iter()
            .map(|(key, value)| {
                let name = Node { at: key.at, kind: Kind::Scalar(key.name.clone()) };
                let (share, decoded) = (Probability::decode(&name, cx), T::decode(value, cx));
                Some((At { value: share?, at: key.at }, At { value: decoded?, at: value.at }))
            })
            .collect();
        read.into_iter().collect::<Option<Vec<_>>>().map(Table)
    }
    fn schema(definitions: &mut Definitions) -> Value {
        json!({
            "type": "object",
            "propertyNames": { "pattern": "^[0-9.]+%?$" },
            "additionalProperties": T::schema(definitions),
        })
    }
}
