//! OpenTelemetry spans as the file exporter writes them: resources, scopes, spans, attributes as lists of pairs; or the
//! spans alone.
//!
//! *Source*: OpenTelemetry protocol, JSON encoding (`resourceSpans`), and the semantic conventions for GenAI spans.

use serde_json::{Map, Value};

/// The spans of an export, each as one flat object; `None` for anything else.
pub(super) fn spans(value: &Value) -> Option<Vec<Value>> {
    if value.get("attributes").is_some_and(Value::is_array) && value.get("startTimeUnixNano").is_some() {
        return Some(vec![flat(value, Map::new())]);
    }
    let resources = value.get("resourceSpans").or_else(|| value.get("resource_spans"))?.as_array()?;
    let mut spans = Vec::new();
    for resource in resources {
        let shared = resource.get("resource").map(attributes).unwrap_or_default();
        let scopes = resource.get("scopeSpans").or_else(|| resource.get("scope_spans")).and_then(Value::as_array);
        for span in scopes.into_iter().flatten().filter_map(|scope| scope.get("spans")?.as_array()).flatten() {
            spans.push(flat(span, shared.clone()));
        }
    }
    Some(spans)
}

/// Times and attributes of a span, added to those that it shares.
fn flat(span: &Value, mut shared: Map<String, Value>) -> Value {
    for name in ["startTimeUnixNano", "endTimeUnixNano"] {
        if let Some(time) = span.get(name) {
            shared.insert(name.to_owned(), time.clone());
        }
    }
    shared.extend(attributes(span));
    Value::Object(shared)
}

/// Attributes by name; a value is one of `stringValue`, `intValue` (a text, as 64 bits do not fit JSON), …
fn attributes(of: &Value) -> Map<String, Value> {
    let pairs = of.get("attributes").and_then(Value::as_array).into_iter().flatten();
    let plain = |value: &Value| -> Option<Value> {
        let (kind, inner) = value.as_object()?.iter().next()?;
        match kind.as_str() {
            "arrayValue" => inner.get("values")?.as_array()?.first()?.as_object()?.values().next().cloned(),
            _ => Some(inner.clone()),
        }
    };
    pairs.filter_map(|pair| Some((pair.get("key")?.as_str()?.to_owned(), plain(pair.get("value")?)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_become_flat() {
        let export = serde_json::json!({ "resourceSpans": [{
            "resource": { "attributes": [{ "key": "service.name", "value": { "stringValue": "bot" } }] },
            "scopeSpans": [{ "spans": [{
                "name": "chat", "startTimeUnixNano": "1767603600000000000", "endTimeUnixNano": "1767603601500000000",
                "attributes": [
                    { "key": "gen_ai.usage.input_tokens", "value": { "intValue": "120" } },
                    { "key": "gen_ai.response.finish_reasons",
                      "value": { "arrayValue": { "values": [{ "stringValue": "max_tokens" }] } } },
                ],
            }] }],
        }] });
        let spans = spans(&export).unwrap();
        assert_eq!(spans[0]["service.name"], "bot");
        assert_eq!(spans[0]["gen_ai.usage.input_tokens"], "120");
        assert_eq!(spans[0]["gen_ai.response.finish_reasons"], "max_tokens");
        let alone = super::spans(&export["resourceSpans"][0]["scopeSpans"][0]["spans"][0]).unwrap();
        assert_eq!(alone[0]["gen_ai.usage.input_tokens"], "120");
        assert_eq!(super::spans(&serde_json::json!({ "a": 1 })), None);
    }
}
