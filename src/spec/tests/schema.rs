//! The schema accepts what the reader accepts.

use super::super::problem::Sources;
use super::super::tree::{self, Kind, Node};
use super::*;
use serde_json::{Map, Value, json};

/// A text as the JSON that an editor validates: scalars by YAML's core schema.
fn as_json(text: &str) -> Value {
    fn value(node: &Node) -> Value {
        match &node.kind {
            Kind::Null => Value::Null,
            Kind::Scalar(text) if text == "true" || text == "false" => json!(text == "true"),
            Kind::Scalar(text) => {
                let number = text
                    .starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
                    .then(|| text.parse::<f64>().ok());
                match (text.parse::<u64>(), number.flatten().filter(|x| x.is_finite())) {
                    (Ok(whole), _) => json!(whole),
                    (_, Some(number)) => json!(number),
                    _ => json!(text),
                }
            }
            Kind::Sequence(items) => items.iter().map(value).collect(),
            Kind::Mapping(entries) => {
                Value::Object(entries.iter().map(|(key, node)| (key.name.clone(), value(node))).collect::<Map<_, _>>())
            }
        }
    }
    value(&tree::read(&Sources::new("test", text), 0).0.expect("a tree"))
}

/// Validates by the keywords that the schema uses; any other is a mistake of the schema.
fn valid(schema: &Value, root: &Value, value: &Value) -> bool {
    let Value::Object(keywords) = schema else { panic!("a schema is an object: {schema}") };
    keywords.iter().all(|(keyword, argument)| {
        let all = |schemas: &Value, accept: fn(usize) -> bool| {
            accept(schemas.as_array().unwrap().iter().filter(|schema| valid(schema, root, value)).count())
        };
        let text = value.as_str();
        let object = value.as_object();
        let number = value.as_f64();
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" => true,
            "$ref" => {
                let name = argument.as_str().unwrap().strip_prefix("#/$defs/").unwrap();
                valid(root["$defs"].get(name).unwrap_or_else(|| panic!("no definition {name}")), root, value)
            }
            "anyOf" => all(argument, |n| n > 0),
            "const" => value == argument,
            "enum" => argument.as_array().unwrap().contains(value),
            "type" => {
                let types = argument.as_array().cloned().unwrap_or_else(|| vec![argument.clone()]);
                types.iter().any(|name| match name.as_str().unwrap() {
                    "object" => object.is_some(),
                    "array" => value.is_array(),
                    "string" => text.is_some(),
                    "number" => number.is_some(),
                    "boolean" => value.is_boolean(),
                    "null" => value.is_null(),
                    other => panic!("type {other}"),
                })
            }
            "pattern" => text.is_none_or(|text| regex::Regex::new(argument.as_str().unwrap()).unwrap().is_match(text)),
            "minimum" => number.is_none_or(|x| x >= argument.as_f64().unwrap()),
            "exclusiveMinimum" => number.is_none_or(|x| x > argument.as_f64().unwrap()),
            "maximum" => number.is_none_or(|x| x <= argument.as_f64().unwrap()),
            "properties" => object.is_none_or(|object| {
                argument
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(key, schema)| object.get(key).is_none_or(|value| valid(schema, root, value)))
            }),
            "required" => object.is_none_or(|object| {
                argument.as_array().unwrap().iter().all(|key| object.contains_key(key.as_str().unwrap()))
            }),
            "additionalProperties" => object.is_none_or(|object| {
                let known = keywords.get("properties").and_then(Value::as_object);
                let mut others = object.iter().filter(|(key, _)| known.is_none_or(|known| !known.contains_key(*key)));
                match argument {
                    Value::Bool(allowed) => *allowed || others.next().is_none(),
                    schema => others.all(|(_, value)| valid(schema, root, value)),
                }
            }),
            "propertyNames" => object.is_none_or(|object| object.keys().all(|key| valid(argument, root, &json!(key)))),
            "maxProperties" => object.is_none_or(|object| object.len() as u64 <= argument.as_u64().unwrap()),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| valid(argument, root, item))),
            "prefixItems" => value.as_array().is_none_or(|items| {
                items.iter().zip(argument.as_array().unwrap()).all(|(item, schema)| valid(schema, root, item))
            }),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= argument.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= argument.as_u64().unwrap()),
            "minLength" => text.is_none_or(|text| text.chars().count() as u64 >= argument.as_u64().unwrap()),
            "maxLength" => text.is_none_or(|text| text.chars().count() as u64 <= argument.as_u64().unwrap()),
            other => panic!("the schema uses `{other}`, which this test does not know"),
        }
    })
}

#[test]
fn valid_scenarios_validate() {
    let schema = super::super::schema();
    assert!(valid(&schema, &schema, &as_json(language::EXAMPLE)));
    for line in robustness::rich().lines().filter(|line| line.starts_with("  ") && !line.starts_with("  -")) {
        let json = as_json(line);
        let (name, body) = json.as_object().unwrap().iter().next().unwrap();
        let part = if name.starts_with('p') { "pool" } else { "workload" };
        assert!(valid(&schema["$defs"][part], &schema, body), "{line}");
    }
    assert!(valid(&schema, &schema, &as_json(&robustness::rich())));
}

#[test]
fn wrong_scenarios_do_not() {
    let schema = super::super::schema();
    for (from, to) in [
        ("arrivals:", "arivals:"),
        ("rate: 5/s", "rate: -5/s"),
        ("rate: 5/s", "rate: 5"),
        ("poisson", "poison"),
        ("median: 420", "median: many"),
        ("mode: standard", "mode: fast"),
        ("retries: \"2.1\"", "retries: \"3\""),
        ("    model: us", "    modle: us"),
        ("    pool: haiku\n", ""),
        ("version: 1\n", ""),
    ] {
        let text = language::EXAMPLE.replace(from, to);
        assert_ne!(text, language::EXAMPLE);
        assert!(!valid(&schema, &schema, &as_json(&text)), "{to}");
    }
}

#[test]
fn every_part_is_documented_and_defined() {
    let schema = super::super::schema();
    let definitions = schema["$defs"].as_object().unwrap();
    assert!(definitions.values().all(|definition| !definition.is_null()));
    for (name, definition) in definitions {
        if let Some(properties) = definition["properties"].as_object() {
            for (field, property) in properties {
                assert!(property["description"].as_str().is_some_and(|doc| !doc.is_empty()), "{name}.{field}");
            }
        }
    }
}

#[test]
fn the_schema_is_stable() {
    insta::assert_snapshot!("schema", serde_json::to_string_pretty(&super::super::schema()).unwrap());
}
