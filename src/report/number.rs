//! Numbers as people read them: three significant digits, thousands separated, units attached.
//!
//! Everything that is missing prints as [`DASH`]: `None`, NaN and infinities. Widths are in characters, so callers
//! align with `{:>width$}`.

/// What stands where there is no number.
pub const DASH: &str = "–";

/// `value` written by `write`, or a dash where there is none.
pub fn or_dash(value: Option<f64>, write: fn(f64) -> String) -> String {
    value.filter(|value| value.is_finite()).map_or_else(|| DASH.to_owned(), write)
}

/// A count with its thousands separated.
///
/// ```
/// assert_eq!(quotasim::report::number::count(1_234_567), "1,234,567");
/// ```
pub fn count(value: u64) -> String {
    let digits = value.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A quantity in three significant digits with a suffix: `950`, `1.25k`, `400k`, `2M`.
///
/// ```
/// use quotasim::report::number::short;
/// assert_eq!(short(400_000.0), "400k");
/// assert_eq!(short(1_250_000.0), "1.25M");
/// assert_eq!(short(0.5), "0.5");
/// ```
pub fn short(value: f64) -> String {
    let suffixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    // The boundaries sit where three digits round up to the next unit, so that 999,999 is 1M and not 1000k.
    for (unit, suffix) in suffixes {
        if value.abs() >= unit * 0.9995 {
            return format!("{}{suffix}", digits(value / unit, 3));
        }
    }
    digits(value, 3)
}

/// A share as a percentage: `41.3%`, `0.042%`; never rounded to 0% or 100% unless it is exactly that.
///
/// ```
/// use quotasim::report::number::percent;
/// assert_eq!(percent(0.413), "41.3%");
/// assert_eq!(percent(0.99996), "99.996%");
/// assert_eq!(percent(1.0), "100%");
/// ```
pub fn percent(share: f64) -> String {
    format!("{}%", percent_digits(share))
}

/// An interval of shares, the unit once: `40.1–42.5%`.
pub fn percent_range([low, high]: [f64; 2]) -> String {
    format!("{}–{}%", percent_digits(low), percent_digits(high))
}

/// A share as the digits of a percentage.
fn percent_digits(share: f64) -> String {
    let value = share * 100.0;
    if value > 99.0 && value < 100.0 {
        // Two digits of what is missing from the whole: 99.996, not 100.
        let missing = 100.0 - value;
        let places = decimals(missing, 1).clamp(1, 6);
        return trim(format!("{value:.places$}"));
    }
    if value.abs() < 0.1 { digits(value, 2) } else { trim(format!("{value:.1}")) }
}

/// A duration given in milliseconds: `85 ms`, `1.34 s`, `2.5 min`, `3.2 h`.
///
/// ```
/// use quotasim::report::number::duration_ms;
/// assert_eq!(duration_ms(412.3), "412 ms");
/// assert_eq!(duration_ms(1_340.0), "1.34 s");
/// assert_eq!(duration_ms(150_000.0), "2.5 min");
/// ```
pub fn duration_ms(ms: f64) -> String {
    let units = [(3_600_000.0, "h"), (120_000.0, "min"), (1_000.0, "s")];
    for (from, unit) in units {
        if ms >= from * 0.9995 {
            let size = if unit == "min" { 60_000.0 } else { from };
            return format!("{} {unit}", digits(ms / size, 3));
        }
    }
    format!("{} ms", digits(ms, 3))
}

/// Dollars: `$0.0042`, `$1.25`, `$318`, `$12,300`.
///
/// ```
/// assert_eq!(quotasim::report::number::dollars(1.2549), "$1.25");
/// ```
pub fn dollars(value: f64) -> String {
    if value >= 1_000.0 {
        format!("${}", count(value.round() as u64))
    } else if value >= 0.1 {
        let places = usize::from(value < 100.0) * 2;
        format!("${value:.places$}")
    } else {
        format!("${}", digits(value, 2))
    }
}

/// A number in `significant` digits without trailing zeros; whole numbers keep all their digits.
pub fn digits(value: f64, significant: i32) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let places = decimals(value, significant);
    trim(format!("{value:.places$}"))
}

/// How many decimals show `significant` digits of `value`.
fn decimals(value: f64, significant: i32) -> usize {
    let magnitude = libm::floor(libm::log10(value.abs())) as i32;
    (significant - 1 - magnitude).clamp(0, 12) as usize
}

/// Without trailing zeros after the decimal point.
fn trim(text: String) -> String {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_keep_what_matters() {
        let table = [
            (0.0, "0%"),
            (0.000_001_2, "0.00012%"),
            (0.000_42, "0.042%"),
            (0.001, "0.1%"),
            (0.12, "12%"),
            (0.4126, "41.3%"),
            (0.995, "99.5%"),
            (0.9999, "99.99%"),
            (1.0, "100%"),
            (1.7, "170%"),
        ];
        for (share, expected) in table {
            assert_eq!(percent(share), expected, "{share}");
        }
        assert_eq!(percent_range([0.401, 0.425]), "40.1–42.5%");
    }

    #[test]
    fn quantities_have_three_digits_and_a_suffix() {
        let table = [
            (0.0, "0"),
            (0.034_56, "0.0346"),
            (7.0, "7"),
            (999.4, "999"),
            (999.9, "1k"),
            (12_345.0, "12.3k"),
            (999_999.0, "1M"),
            (2e9, "2G"),
            (-1_500.0, "-1.5k"),
        ];
        for (value, expected) in table {
            assert_eq!(short(value), expected, "{value}");
        }
    }

    #[test]
    fn durations_change_unit_where_people_do() {
        let table = [
            (0.25, "0.25 ms"),
            (999.9, "1 s"),
            (59_900.0, "59.9 s"),
            (90_000.0, "90 s"),
            (120_000.0, "2 min"),
            (7_200_000.0, "2 h"),
        ];
        for (ms, expected) in table {
            assert_eq!(duration_ms(ms), expected, "{ms}");
        }
    }

    #[test]
    fn dollars_never_show_more_than_a_bill_would() {
        for (value, expected) in [(0.0, "$0"), (0.0042, "$0.0042"), (318.4, "$318"), (12_345.6, "$12,346")] {
            assert_eq!(dollars(value), expected, "{value}");
        }
    }

    #[test]
    fn missing_numbers_are_a_dash() {
        assert_eq!(or_dash(None, percent), DASH);
        assert_eq!(or_dash(Some(f64::NAN), percent), DASH);
        assert_eq!(or_dash(Some(f64::INFINITY), short), DASH);
        assert_eq!(or_dash(Some(0.5), percent), "50%");
    }
}
