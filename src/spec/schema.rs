//! The JSON Schema of scenario files, from the same description that reads them.

use super::decode::{Decode, Need};
use serde_json::{Map, Value, json};

/// The named parts of a schema.
#[derive(Debug, Default)]
pub(crate) struct Definitions(Map<String, Value>);

impl Definitions {
    /// Defines a part once and refers to it.
    pub(crate) fn define(&mut self, title: &str, body: impl FnOnce(&mut Definitions) -> Value) -> Value {
        let key = title.replace([' ', '-'], "_");
        if !self.0.contains_key(&key) {
            // A placeholder first: a mixture contains distributions.
            self.0.insert(key.clone(), Value::Null);
            let body = body(self);
            self.0.insert(key.clone(), body);
        }
        json!({ "$ref": format!("#/$defs/{key}") })
    }
}

/// The schema of a map of known fields.
pub(crate) fn object(doc: &str, fields: Vec<(&str, &str, Need, Value)>) -> Value {
    let mut properties = Map::new();
    let mut required = Vec::new();
    for (name, field_doc, need, schema) in fields {
        let mut schema = schema;
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".to_owned(), json!(field_doc.trim()));
            if let Need::Default(text) = need {
                schema.insert("default".to_owned(), default_value(text));
            }
        }
        properties.insert(name.to_owned(), schema);
        if need == Need::Required {
            required.push(name);
        }
    }
    let mut object = json!({
        "description": doc.trim(),
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A default as JSON: what reads as JSON is that, all else is text.
fn default_value(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

/// A record for which a value of one of its fields may stand.
pub(crate) fn or_short(object: &Value, field: &str) -> Value {
    let mut short = object["properties"][field].clone();
    let description = object["description"].clone();
    if let Value::Object(short) = &mut short {
        short.remove("description");
    }
    json!({ "description": description, "anyOf": [short, object] })
}

/// The schema of a choice.
pub(crate) fn one_of(doc: &str, alternatives: Vec<(&str, &str, bool, Value)>, others: Vec<Value>) -> Value {
    let words: Vec<&str> = alternatives.iter().filter(|(_, _, bare, _)| *bare).map(|(word, ..)| *word).collect();
    let mut any = others;
    if !words.is_empty() {
        any.push(json!({ "enum": words }));
    }
    for (word, variant_doc, bare, schema) in alternatives {
        let payload = if bare { json!({ "anyOf": [schema, { "type": "null" }] }) } else { schema };
        any.push(json!({
            "description": variant_doc.trim(),
            "type": "object",
            "properties": { word: payload },
            "required": [word],
            "additionalProperties": false,
        }));
    }
    json!({ "description": doc.trim(), "anyOf": any })
}

/// The whole schema of a type.
pub(crate) fn document<T: Decode>() -> Value {
    let mut definitions = Definitions::default();
    let root = T::schema(&mut definitions);
    let mut document = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "quotasim scenario",
    });
    if let (Value::Object(document), Value::Object(root)) = (&mut document, root) {
        document.extend(root);
        document.insert("$defs".to_owned(), Value::Object(definitions.0));
    }
    document
}
