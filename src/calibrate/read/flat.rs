//! A JSON object as a row: a path for each number and short text in it.

use serde_json::Value;

/// Longer texts are prompts or answers, never names or numbers.
const LONGEST: usize = 256;
/// Deeper objects hold no usage.
const DEEPEST: usize = 6;

/// The fields of a row: path and text.
pub(super) type Row = Vec<(String, String)>;

/// Flattens an object; names within names are joined by dots, and of a list of plain values the first counts.
pub(super) fn flatten(value: &Value) -> Row {
    let mut row = Row::new();
    descend(value, &mut String::new(), 0, &mut row);
    row
}

fn descend(value: &Value, path: &mut String, depth: usize, row: &mut Row) {
    if depth > DEEPEST {
        return;
    }
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                let length = path.len();
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(name);
                descend(inner, path, depth + 1, row);
                path.truncate(length);
            }
        }
        Value::Array(list) => {
            if let Some(first) = list.first().filter(|first| !first.is_object() && !first.is_array()) {
                descend(first, path, depth + 1, row);
            }
        }
        Value::String(text) if text.len() <= LONGEST => row.push((path.clone(), text.clone())),
        Value::Number(number) => row.push((path.clone(), number.to_string())),
        // A name without a value is a column all the same.
        Value::Null => row.push((path.clone(), String::new())),
        Value::Bool(_) | Value::String(_) => {}
    }
}

/// The text at a path.
pub(super) fn at<'a>(row: &'a Row, path: &str) -> Option<&'a str> {
    row.iter().find(|(known, _)| known == path).map(|(_, text)| text.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_are_kept_and_prompts_are_not() {
        let value: Value = serde_json::from_str(&format!(
            r#"{{"time":"2026-01-05T09:00:00Z","usage":{{"input_tokens":3,"deep":{{"a":[7,8]}}}},"ok":true,"limit":null,
               "messages":[{{"content":"secret"}}],"prompt":"{}"}}"#,
            "word ".repeat(60)
        ))
        .unwrap();
        let row = flatten(&value);
        let paths: Vec<&str> = row.iter().map(|field| field.0.as_str()).collect();
        assert_eq!(paths, ["time", "usage.input_tokens", "usage.deep.a", "limit"]);
        assert_eq!(at(&row, "limit"), Some(""));
        assert_eq!(at(&row, "usage.deep.a"), Some("7"));
    }
}
