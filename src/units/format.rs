//! Writes quantities as people read them.
//!
//! [`count`], [`quantity`], [`duration`] and [`rate`] are exact: [`parse`](super::parse) reads their text back to the
//! same value. [`approximate`], [`seconds`] and [`share`] round to three significant digits, for measured values.

use crate::units::{Rate, SimSpan};

/// A whole number with its thousands apart: `8,192`.
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A whole number, as short as it goes without loss: `5M`, `1.28M`, `200k`, else `8,192`.
///
/// ```
/// use quotasim::units::format::quantity;
/// assert_eq!([200_000, 1_280_000, 8_192].map(quantity), ["200k", "1.28M", "8,192"]);
/// ```
pub fn quantity(value: u64) -> String {
    for (unit, suffix) in [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")] {
        // Two decimals at most: beyond that the plain number reads better.
        if value >= unit && value.is_multiple_of(unit / 100) {
            return format!("{}{suffix}", decimal(value / unit, value % unit / (unit / 100), 2));
        }
    }
    count(value)
}

/// A length of time in hours and minutes, as a scenario may have it: `90m` is `1h30m`, two days are `48h`; what is no
/// whole minute is as [`duration`] has it.
///
/// ```
/// use quotasim::units::{SimSpan, format::hours};
/// assert_eq!([5, 240, 2_702].map(|m| hours(SimSpan(m * SimSpan::MINUTE.0))), ["5m", "4h", "45h2m"]);
/// ```
pub fn hours(span: SimSpan) -> String {
    let minutes = span.0 / SimSpan::MINUTE.0;
    match (minutes / 60, minutes % 60) {
        _ if minutes == 0 || !span.0.is_multiple_of(SimSpan::MINUTE.0) => duration(span),
        (0, minutes) => format!("{minutes}m"),
        (hours, 0) => format!("{hours}h"),
        (hours, minutes) => format!("{hours}h{minutes}m"),
    }
}

/// A length of time without loss, in at most two units: `250 ms`, `2.3 s`, `30m`, `1h30m`.
pub fn duration(span: SimSpan) -> String {
    const UNITS: [(u64, &str); 3] = [(SimSpan::DAY.0, "d"), (SimSpan::HOUR.0, "h"), (SimSpan::MINUTE.0, "m")];
    for (i, &(unit, name)) in UNITS.iter().enumerate() {
        let (whole, rest) = (span.0 / unit, span.0 % unit);
        if whole == 0 {
            continue;
        }
        if rest == 0 {
            return format!("{whole}{name}");
        }
        let (finer, finer_name) = UNITS.get(i + 1).copied().unwrap_or((SimSpan::SECOND.0, "s"));
        if rest.is_multiple_of(finer) {
            return format!("{whole}{name}{}{finer_name}", rest / finer);
        }
        break;
    }
    for (unit, name, decimals) in [(SimSpan::SECOND.0, "s", 9), (SimSpan::MILLISECOND.0, "ms", 6), (1_000, "us", 3)] {
        if span.0 >= unit {
            return format!("{} {name}", decimal(span.0 / unit, span.0 % unit, decimals));
        }
    }
    if span.0 == 0 { "0s".to_owned() } else { format!("{} ns", span.0) }
}

/// Events per time without loss: `5/s`, `0.4/s`, `90/min`.
pub fn rate(rate: Rate) -> String {
    for (unit, name) in [(SimSpan::SECOND, "s"), (SimSpan::MINUTE, "min"), (SimSpan::HOUR, "h"), (SimSpan::DAY, "d")] {
        if !rate.per.0.is_multiple_of(unit.0) {
            continue;
        }
        let scale = rate.per.0 / unit.0;
        if let Some(decimals) = (0..18).find(|&decimals| 10u64.pow(decimals) == scale) {
            return format!("{}/{name}", decimal(rate.events / scale, rate.events % scale, decimals));
        }
    }
    format!("{}/{}", rate.events, duration(rate.per).replace(' ', ""))
}

/// A measured amount to three significant digits: `1.28M`, `8.19k`, `42`, `0.031`.
pub fn approximate(value: f64) -> String {
    for (unit, suffix) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // What rounds to 1,000 of a unit is written in the next.
        if value.abs() >= unit * 0.9995 {
            return format!("{}{suffix}", significant(value / unit));
        }
    }
    significant(value)
}

/// A measured length of time, in s, to three significant digits: `250 ms`, `2.3 s`, `12.5 min`.
pub fn seconds(value: f64) -> String {
    let (scaled, unit) = match value.abs() {
        0.0 => return "0 s".to_owned(),
        x if x >= 35_982.0 => (value / 3600.0, "h"),
        x if x >= 599.7 => (value / 60.0, "min"),
        x if x >= 0.9995 => (value, "s"),
        x if x >= 0.9995e-3 => (value * 1e3, "ms"),
        x if x >= 0.9995e-6 => (value * 1e6, "us"),
        _ => (value * 1e9, "ns"),
    };
    format!("{} {unit}", significant(scaled))
}

/// A measured share as a percentage to three significant digits: `0.42%`, `12.3%`, `100%`.
pub fn share(value: f64) -> String {
    format!("{}%", significant(value * 100.0))
}

/// A list in a sentence: `a`, `a and b`, `a, b and c`.
pub fn list(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

/// Three significant digits, trailing zeros dropped, thousands apart.
fn significant(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let rounded: f64 = format!("{value:.2e}").parse().expect("a number that was just written");
    if rounded == 0.0 {
        return "0".to_owned();
    }
    if rounded.abs() >= 1e15 {
        return format!("{rounded:e}");
    }
    let whole_digits = rounded.abs().log10().floor() as i32;
    let decimals = (2 - whole_digits).clamp(0, 12) as usize;
    let text = format!("{:.decimals$}", rounded.abs());
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text.as_str() };
    let (whole, fraction) = text.split_once('.').map_or((text, ""), |(whole, fraction)| (whole, fraction));
    let whole = whole.parse().map_or_else(|_| whole.to_owned(), count);
    let sign = if rounded < 0.0 { "-" } else { "" };
    if fraction.is_empty() { format!("{sign}{whole}") } else { format!("{sign}{whole}.{fraction}") }
}

/// `whole.fraction` with the fraction's leading zeros kept and its trailing zeros dropped.
fn decimal(whole: u64, fraction: u64, decimals: u32) -> String {
    if fraction == 0 {
        return whole.to_string();
    }
    let fraction = format!("{fraction:0width$}", width = decimals as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_forms() {
        let durations = [
            (0, "0s"),
            (250_000_000, "250 ms"),
            (2_300_000_000, "2.3 s"),
            (1_800_000_000_000, "30m"),
            (5_400_000_000_000, "1h30m"),
            (90_000_000_000, "1m30s"),
            (86_400_000_000_000, "1d"),
            (90_500_000_000, "90.5 s"),
            (1_001, "1.001 us"),
            (5, "5 ns"),
        ];
        for (nanoseconds, text) in durations {
            assert_eq!(duration(SimSpan(nanoseconds)), text);
        }
        for (value, text) in
            [(0, "0"), (999, "999"), (1_000, "1k"), (5_000_000, "5M"), (1_234, "1,234"), (1_250, "1.25k")]
        {
            assert_eq!(quantity(value), text);
        }
        assert_eq!(rate(Rate { events: 4, per: SimSpan(10_000_000_000) }), "0.4/s");
        assert_eq!(rate(Rate { events: 90, per: SimSpan::MINUTE }), "90/min");
        assert_eq!(rate(Rate { events: 1, per: SimSpan(7_000_000_000) }), "1/7s");
    }

    #[test]
    fn measured_forms() {
        let rows = [
            (approximate(1_284_000.0), "1.28M"),
            (approximate(999_600.0), "1M"),
            (approximate(42.0), "42"),
            (approximate(0.0314), "0.0314"),
            (approximate(-1500.0), "-1.5k"),
            (approximate(f64::NAN), "NaN"),
            (seconds(0.25), "250 ms"),
            (seconds(2.3), "2.3 s"),
            (seconds(0.9999), "1 s"),
            (seconds(750.0), "12.5 min"),
            (seconds(0.0), "0 s"),
            (share(0.0042), "0.42%"),
            (share(0.1234), "12.3%"),
            (share(1.0), "100%"),
            (share(0.0), "0%"),
        ];
        for (written, expected) in rows {
            assert_eq!(written, expected);
        }
    }
}
