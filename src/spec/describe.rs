//! The language described once: macros that write a type, its reader and its JSON Schema from one list.

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
            $( $(#[doc = $field_doc])+ pub(crate) $field: Option<$crate::spec::context::At<$type>>, )*
            broken: Vec<&'static str>,
        }

        impl $(<$param>)? $crate::spec::decode::Record for $name $(<$param>)? {
            fn broken(&self) -> &[&'static str] {
                &self.broken
            }
        }

        impl $(<$param: $crate::spec::decode::Decode>)? $crate::spec::decode::Decode for $name $(<$param>)? {
            const BARE: bool = true $(&& !matches!(
                $crate::spec::describe::need!($($need)?), $crate::spec::decode::Need::Required
            ))*;

            fn title() -> String {
                $crate::spec::describe::title!($title $($param)?)
            }

            fn decode(
                node: &$crate::spec::tree::Node,
                cx: &mut $crate::spec::context::Context,
            ) -> Option<Self> {
                let mut fields = $crate::spec::decode::Fields::open(
                    node,
                    &Self::title(),
                    &[$($crate::spec::describe::bare(stringify!($field))),*],
                    &[$(stringify!($short))?],
                    cx,
                )?;
                Some($name {
                    $( $field: fields.take(
                        $crate::spec::describe::bare(stringify!($field)), $crate::spec::describe::need!($($need)?), cx,
                    ), )*
                    broken: fields.broken,
                })
            }

            fn schema(definitions: &mut $crate::spec::schema::Definitions) -> serde_json::Value {
                definitions.define(&Self::title(), |definitions| {
                    let object = $crate::spec::schema::object(
                        concat!($($doc),+),
                        vec![$((
                            $crate::spec::describe::bare(stringify!($field)),
                            concat!($($field_doc),+),
                            $crate::spec::describe::need!($($need)?),
                            <$type as $crate::spec::decode::Decode>::schema(definitions),
                        )),*],
                    );
                    $( let object = $crate::spec::schema::or_short(&object, stringify!($short)); )?
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
            $( $(#[doc = $variant_doc])+ $variant $(($crate::spec::context::At<$payload>))?, )*
            $( #[doc = "The value itself."] $other($crate::spec::context::At<$other_type>), )?
        }

        impl $(<$param: $crate::spec::decode::Decode>)? $crate::spec::decode::Decode for $name $(<$param>)? {
            fn title() -> String {
                $crate::spec::describe::title!($title $($param)?)
            }

            fn decode(
                node: &$crate::spec::tree::Node,
                cx: &mut $crate::spec::context::Context,
            ) -> Option<Self> {
                let known = &[$(stringify!($word)),*];
                $(
                    let whole = matches!(node.kind, $crate::spec::tree::Kind::Mapping(_));
                    if !whole && !$crate::spec::decode::is_word(node) {
                        return $crate::spec::decode::Decode::decode(node, cx)
                            .map(|value| $name::$other($crate::spec::context::At { value, at: node.at }));
                    }
                )?
                let others: &[String] = &[$(<$other_type as $crate::spec::decode::Decode>::title())?];
                let (name, at, payload) = $crate::spec::decode::chosen(node, &Self::title(), known, others, cx)?;
                match name {
                    $( stringify!($word) => {
                        $crate::spec::describe::alternative!($name::$variant $(($payload))?; name, at, payload, cx)
                    } )*
                    _ => unreachable!("`chosen` returns one of the known names"),
                }
            }

            fn schema(definitions: &mut $crate::spec::schema::Definitions) -> serde_json::Value {
                definitions.define(&Self::title(), |definitions| {
                    let alternatives = vec![$((
                        stringify!($word),
                        concat!($($variant_doc),+),
                        <$crate::spec::describe::payload_type!($($payload)?) as $crate::spec::decode::Decode>::BARE,
                        <$crate::spec::describe::payload_type!($($payload)?) as $crate::spec::decode::Decode>::schema(
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
