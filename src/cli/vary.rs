//! `--vary PATH=VALUES`: a field of the scenario and the values that it takes.

use crate::units::parse;
use serde_json::Value;

/// A field and its values, as they would stand in a scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Vary {
    /// Its path.
    pub(super) path: String,
    /// Its values, at least one.
    pub(super) values: Vec<String>,
    /// The same as whole numbers, for a field that takes no fractions; only where the values have some.
    pub(super) whole: Option<Vec<String>>,
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
    let (values, whole) = if is_range(values) { range(path, values)? } else { (list(path, values)?, None) };
    Ok(Vary { path: path.to_owned(), values, whole, written: text.to_owned() })
}

/// `0.25..3:12` is a range; a path like `../data.csv` and a map with one in it are none.
fn is_range(text: &str) -> bool {
    text.split_once("..").is_some_and(|(from, _)| !from.is_empty() && !from.contains([',', '/', '{', '[', '"', '\'']))
}

/// Values apart by commas, those within brackets and quotes left alone. What comes twice counts once.
fn list(path: &str, text: &str) -> Result<Vec<String>, String> {
    let mut values: Vec<String> = vec![String::new()];
    let (mut depth, mut quote) = (0_usize, None);
    for c in text.chars() {
        match c {
            '\'' | '"' if quote.is_none() => quote = Some(c),
            c if quote == Some(c) => quote = None,
            '{' | '[' if quote.is_none() => depth += 1,
            '}' | ']' if quote.is_none() => depth = depth.saturating_sub(1),
            ',' if quote.is_none() && depth == 0 => {
                values.push(String::new());
                continue;
            }
            _ => {}
        }
        values.last_mut().expect("it began with one").push(c);
    }
    let mut once: Vec<String> = Vec::new();
    for value in values {
        let value = value.trim();
        if value.is_empty() {
            return Err(format!("the list `{text}` for `{path}` has an empty value between its commas"));
        }
        if !once.iter().any(|known| known == value) {
            once.push(value.to_owned());
        }
    }
    Ok(once)
}

/// `from..to:count`, evenly spaced, or `from..to:count:log`, evenly spaced in ratio; both ends are in it.
fn range(path: &str, text: &str) -> Result<(Vec<String>, Option<Vec<String>>), String> {
    let (ends, rest) = text
        .split_once(':')
        .ok_or_else(|| format!("the range `{text}` does not say how many values: write `{text}:12`"))?;
    let Some((from, to)) = ends.split_once("..") else {
        return Err(format!("the range `{text}` has its `:` before its dots: write `from..to:count`"));
    };
    let (count, log) = match rest.split_once(':') {
        None => (rest, false),
        Some((count, "log")) => (count, true),
        Some((_, other)) => return Err(format!("`{other}` is no spacing: leave it out, or write `log`")),
    };
    let digits: String = count.chars().filter(|&c| c != '_').collect();
    let count: usize = digits
        .parse()
        .map_err(|_| format!("`{count}` is no number of values in the range `{text}`: write `{ends}:12`"))?;
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
    let numbers: Vec<f64> = (0..count)
        .map(|index| {
            let share = if count == 1 { 0.0 } else { index as f64 / (count - 1) as f64 };
            let value = if log { from * libm::pow(to / from, share) } else { from + (to - from) * share };
            libm::round(value * 1e9) / 1e9
        })
        .collect();
    let written = |round: fn(f64) -> f64| {
        let mut values: Vec<String> = numbers.iter().map(|&number| format!("{}{unit}", round(number))).collect();
        values.dedup();
        values
    };
    // A field of whole numbers refuses fractions; a load, a share and a duration have them.
    let whole = unit.is_empty() && path != "load" && from.fract() == 0.0 && to.fract() == 0.0;
    let fractions = numbers.iter().any(|number| number.fract() != 0.0);
    Ok((written(|number| number), (whole && fractions).then(|| written(libm::round))))
}

/// The number and the unit of `250ms`, `20%`; `1.5M` is a number and has none.
fn amount(text: &str) -> Result<(f64, &str), String> {
    let text = text.trim();
    if let Ok(number) = parse::number(text) {
        return Ok((number, ""));
    }
    let split = text.find(|c: char| !(c.is_ascii_digit() || "._-".contains(c))).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let number: String = number.chars().filter(|&c| c != '_').collect();
    let value: f64 = number.parse().map_err(|_| format!("`{text}` is no number to begin or end a range with"))?;
    Ok((value, unit))
}

/// A value as JSON: a number where it is one.
pub(super) fn value(text: &str) -> Value {
    match (parse::quantity(text), text.parse::<f64>()) {
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
            ("w.max_tokens=128..4096:4", "128 1450.666666667 2773.333333333 4096"),
            ("p.tokens_per_minute=1M..2M:3", "1000000 1500000 2000000"),
            ("p.tokens_per_minute=200k..2M:3", "200000 1100000 2000000"),
            ("w.faults.unavailable=0%..10%:5", "0% 2.5% 5% 7.5% 10%"),
            ("w.client={boto3: {max_attempts: 3, mode: legacy}},none", "{boto3: {max_attempts: 3, mode: legacy}} none"),
            ("w.file='a,b',../c.csv", "'a,b' ../c.csv"),
            ("w.max_tokens=256,512,256", "256 512"),
            ("w.deadline=10s..30s:3", "10s 20s 30s"),
            ("w.max_tokens=256,1024, unset", "256 1024 unset"),
        ];
        for (text, expected) in table {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn a_field_without_fractions_has_whole_numbers_to_fall_back_on() {
        let whole = |text: &str| vary(text).expect(text).whole.map(|values| values.join(" "));
        assert_eq!(whole("w.max_tokens=128..4096:4").as_deref(), Some("128 1451 2773 4096"));
        assert_eq!(whole("w.max_tokens=1..3:5").as_deref(), Some("1 2 3"));
        assert_eq!(whole("w.max_tokens=100..1000:4"), None);
        assert_eq!(whole("load=1..2:3"), None);
        assert_eq!(whole("w.deadline=1s..2s:3"), None);
    }

    #[test]
    fn values_are_numbers_where_they_are() {
        let table = [("256", "256"), ("2M", "2000000"), ("0.25", "0.25"), ("10s", "\"10s\""), ("unset", "\"unset\"")];
        for (text, expected) in table {
            assert_eq!(value(text).to_string(), expected);
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
            ("w.deadline=1s..3ms:4", "units that differ"),
            ("load=1:2..3", "before its dots"),
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
