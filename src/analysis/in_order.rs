//! A list of names and values that is written as a map in the order of the list.
//!
//! For `#[serde(with = "in_order")]`.

use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error};
use serde::ser::{Serialize, Serializer};
use serde_json::{Map, Value};

pub(super) fn serialize<V: Serialize, S: Serializer>(list: &[(String, V)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(list.iter().map(|(name, value)| (name, value)))
}

pub(super) fn deserialize<'de, V: DeserializeOwned, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(String, V)>, D::Error> {
    let map = Map::<String, Value>::deserialize(deserializer)?;
    let read = |(name, value)| serde_json::from_value(value).map(|value| (name, value)).map_err(D::Error::custom);
    map.into_iter().map(read).collect()
}
