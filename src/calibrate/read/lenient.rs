//! Values that a record may have in another form than expected: then they are absent, and the record goes on.

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A text, borrowed from the record where it can be; empty where there is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// A number that is not negative, if there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Number(pub(super) Option<f64>);

impl Number {
    /// The number of tokens, if it is one.
    pub(super) fn tokens(self) -> Option<u32> {
        self.0.filter(|x| x.fract() == 0.0).and_then(|x| super::tokens(x as u64))
    }

    /// This number, or another where there is none.
    pub(super) fn or(self, other: Number) -> Number {
        Number(self.0.or(other.0))
    }
}

/// An object, or what it is by default.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Object<T>(pub(super) T);

/// Drains whatever is not wanted.
macro_rules! nothing_else {
    ($nothing:expr; $($kind:ident)*) => {
        $( nothing_else!(@ $kind $nothing); )*
    };
    (@ bool $nothing:expr) => {
        fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> { Ok($nothing) }
    };
    (@ number $nothing:expr) => {
        fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> { Ok($nothing) }
    };
    (@ text $nothing:expr) => {
        fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> { Ok($nothing) }
    };
    (@ null $nothing:expr) => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> { Ok($nothing) }
        fn visit_none<E>(self) -> Result<Self::Value, E> { Ok($nothing) }
    };
    (@ list $nothing:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
    (@ map $nothing:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($nothing)
        }
    };
}

pub(super) use nothing_else;

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Text<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Text<'de>, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }
            nothing_else! { Text::default(); bool number null list map }
        }
        deserializer.deserialize_any(Seen)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen;
        impl<'de> Visitor<'de> for Seen {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }
            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(Some(number as f64)))
            }
            fn visit_i64<E>(self, _: i64) -> Result<Number, E> {
                // Whole numbers that are not negative come as u64.
                Ok(Number(None))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                Ok(Number(Some(number).filter(|x| x.is_finite() && *x >= 0.0)))
            }
            nothing_else! { Number(None); bool text null list map }
        }
        deserializer.deserialize_any(Seen)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Seen<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for Seen<T> {
            type Value = Object<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Object)
            }
            nothing_else! { Object(T::default()); bool number text null list }
        }
        deserializer.deserialize_any(Seen(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Sample<'a> {
        #[serde(borrow, default)]
        name: Text<'a>,
        #[serde(default)]
        count: Number,
        #[serde(default)]
        inner: Object<Inner>,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    struct Inner {
        #[serde(default)]
        count: Number,
    }

    #[test]
    fn what_is_of_another_kind_is_absent() {
        let whole: Sample<'_> = serde_json::from_str(r#"{"name":"a","count":3,"inner":{"count":2.5}}"#).unwrap();
        assert_eq!((whole.name.0.as_ref(), whole.count.0, whole.inner.0.count.0), ("a", Some(3.0), Some(2.5)));
        assert!(matches!(whole.name.0, Cow::Borrowed(_)));
        for odd in [
            r#"{"name":7,"count":"3","inner":[1,{"count":2}]}"#,
            r#"{"name":null,"count":null,"inner":null}"#,
            r#"{"name":{"a":[1]},"count":[[]],"inner":"text"}"#,
            r#"{"name":true,"count":-3,"inner":9}"#,
            "{}",
        ] {
            assert_eq!(serde_json::from_str::<Sample<'_>>(odd).unwrap(), Sample::default(), "{odd}");
        }
    }

    #[test]
    fn counts_are_whole() {
        assert_eq!([3.0, 2.5, 1e12].map(|x| Number(Some(x)).tokens()), [Some(3), None, None]);
    }
}
