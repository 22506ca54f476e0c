//! `--vary PATH=VALUES`: a field of the scenario and the values that it takes.

use serde_json::Value;

/// A field and its values, as they would stand in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vary {
    /// Its path.
    pub(super) path: String,
    /// Its values, at least one.
    pub(super) values: Vec<String>,
    /// As it was written.
    pub(super) written: String,
}

/// More values of one field than this are a slip of the keyboard.
const MOST: usize = 10_000_000;

/// Reads `load=0.25..3:12`, `load=0.1..10:9:log`, `workloads.chat.max_tokens=256,1024,unset`.
pub(super) fn vary(text: &str) -> Result<Vary, String> {
    let example = "like `load=0.25..3:12` or `workloads.chat.max_tokens=256,1024,unset`";
    let Some((path, values)) = text.split_once('=') else {
        return Err(format!("expected `field=values`, {example}"));
    };
    let (path, values) = (path.trim(), values.trim());
    if path.is_empty() {
        return Err(format!("no field is named before `=`: write {example}"));
    }
    if values.is_empty() {
        return Err(format!("no values are given for `{path}`: write {example}"));
    }
    let values = if values.contains("..") { range(path, values)? } else { list(path, values)? };
    Ok(Vary { path: path.to_owned(), values, written: text.to_owned() })
}

fn list(path: &str, text: &str) -> Result<Vec<String>, String> {
    let values: Vec<String> = text.split(',').map(|value| value.trim().to_owned()).collect();
    if values.iter().any(String::is_empty) {
        return Err(format!("the list `{text}` for `{path}` has an empty value between its commas"));
    }
    Ok(values)
}

/// `from..to:count`, evenly spaced, or `from..to:count:log`, evenly spaced in ratio; both ends are in it.
fn range(path: &str, text: &str) -> Result<Vec<String>, String> {
    let (ends, rest) = text
        .split_once(':')
        .ok_or_else(|| format!("the range `{text}` does not say how many values: write `{text}:12`"))?;
    let (count, log) = match rest.split_once(':') {
        None => (rest, false),
        Some((count, "log")) => (count, true),
        Some((_, other)) => return Err(format!("`{other}` is no spacing: leave it out, or write `log`")),
    };
    let digits: String = count.chars().filter(|&c| c != '_').collect();
    let count: usize = digits
        .parse()
        .map_err(|_| format!("`{count}` is no number of values in the range `{text}`: write `{ends}:12`"))?;
    let (from, to) = ends.split_once("..").expect("a range has its dots before the colon, or it was no range");
    let ((from, unit), (to, other)) = (amount(from)?, amount(to)?);
    if count == 0 {
        return Err(format!("the range `{text}` for `{path}` is empty: it has 0 values"));
    }
    if unit != other {
        return Err(format!("the ends of `{text}` have units that differ, `{unit}` and `{other}`: write both in one"));
    }
    if to <= from && count > 1 {
        return Err(format!("the range `{text}` for `{path}` is empty: {to} is not above {from}"));
    }
    if log && from <= 0.0 {
        return Err(format!("the range `{text}` cannot be logarithmic: it starts at {from}"));
    }
    if count > MOST {
        return Err(format!("the range `{text}` has {count} values, more than can be counted through: at most {MOST}"));
    }
    // A field of whole numbers refuses fractions; a load has them.
    let whole = path != "load" && from.fract() == 0.0 && to.fract() == 0.0 && (to - from) >= (count - 1) as f64 && !log;
    let mut values: Vec<String> = (0..count)
        .map(|index| {
            let share = if count == 1 { 0.0 } else { index as f64 / (count - 1) as f64 };
            let value = if log { from * libm::pow(to / from, share) } else { from + (to - from) * share };
            let rounded = if whole { libm::round(value) } else { libm::round(value * 1e9) / 1e9 };
            format!("{rounded}{unit}")
        })
        .collect();
    values.dedup();
    Ok(values)
}

/// The number and the unit of `250ms`, `1.5M`, `20%`.
fn amount(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || "._-".contains(c))).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: String = number.chars().filter(|&c| c != '_').collect();
    let value: f64 = number.parse().map_err(|_| format!("`{text}` is no number to begin or end a range with"))?;
    Ok((value, unit))
}

/// A value as JSON: a number where it is one.
pub(super) fn value(text: &str) -> Value {
    match (text.parse::<u64>(), text.parse::<f64>()) {
        (Ok(whole), _) => Value::from(whole),
        (_, Ok(real)) if real.is_finite() => Value::from(real),
        _ => Value::from(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> String {
        vary(text).map_or_else(|error| error, |vary| vary.values.join(" "))
    }

    #[test]
    fn ranges_and_lists() {
        let table = [
            ("load=0.25..1:4", "0.25 0.5 0.75 1"),
            ("load=1..100:3:log", "1 10 100"),
            ("load=1..2:1", "1"),
            ("w.max_tokens=100..1000:4", "100 400 700 1000"),
            ("w.max_tokens=128..4096:4", "128 1451 2773 4096"),
            ("p.tokens_per_minute=1M..2M:3", "1M 1.5M 2M"),
            ("w.deadline=10s..30s:3", "10s 20s 30s"),
            ("w.max_tokens=256,1024, unset", "256 1024 unset"),
        ];
        for (text, expected) in table {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let table = [
            ("load", "expected `field=values`"),
            ("=1,2", "no field is named"),
            ("load=", "no values are given"),
            ("load=3..1:5", "is empty: 1 is not above 3"),
            ("load=1..3:0", "is empty: it has 0 values"),
            ("load=1..3", "does not say how many values"),
            ("load=1..3:x", "is no number of values"),
            ("load=a..3:4", "no number to begin or end a range"),
            ("load=1k..3M:4", "units that differ"),
            ("load=0..3:4:log", "cannot be logarithmic"),
            ("load=1..3:4:sqrt", "is no spacing"),
            ("load=1,,2", "an empty value between its commas"),
            ("load=1..2:99999999999", "more than can be counted"),
        ];
        for (text, expected) in table {
            let said = vary(text).expect_err(text);
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
