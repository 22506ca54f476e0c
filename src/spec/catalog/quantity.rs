//! Whole quantities as people write them: `5M`, `200_000`, `1.44B`.

/// The largest quantity accepted: a thousand times the largest quota of 2026, and exact as a real number.
const MAX: u64 = 1_000_000_000_000_000;

/// Reads a whole number with an optional `K`, `M`, `B` or `T`.
///
/// ```
/// use quotasim::spec::catalog::whole;
/// assert_eq!(whole("1.44B"), Ok(1_440_000_000));
/// assert_eq!(whole("200_000"), Ok(200_000));
/// assert!(whole("0.5").is_err());
/// ```
pub fn whole(text: &str) -> Result<u64, String> {
    let shape = || format!("`{text}` is no whole quantity: write it like `200_000`, `200K` or `1.5M`");
    let (digits, scale) = match text.trim().char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text.trim()[..at], 3),
        Some((at, 'M')) => (&text.trim()[..at], 6),
        Some((at, 'B' | 'G')) => (&text.trim()[..at], 9),
        Some((at, 'T')) => (&text.trim()[..at], 12),
        _ => (text.trim(), 0),
    };
    let (integer, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|b| b.is_ascii_digit() || b == b'_');
    if !integer.starts_with(|c: char| c.is_ascii_digit()) || !plain(integer) || !plain(fraction) {
        return Err(shape());
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > scale {
        return Err(shape());
    }
    // Shift the decimal point in text, so that `1.44B` is exact.
    let mut shifted: String = integer.chars().chain(fraction.chars()).filter(|&c| c != '_').collect();
    shifted.extend(std::iter::repeat_n('0', scale - fraction.len()));
    match shifted.parse::<u64>() {
        Ok(value) if value <= MAX => Ok(value),
        _ => Err(format!("`{text}` is more than {MAX}, the largest quantity accepted")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_exactly_or_refused() {
        for (text, value) in [
            ("0", 0),
            ("42", 42),
            ("8_192", 8_192),
            ("200K", 200_000),
            ("1.5M", 1_500_000),
            ("700M", 700_000_000),
            ("11.52B", 11_520_000_000),
            ("1.0", 1),
            (" 5M ", 5_000_000),
        ] {
            assert_eq!(whole(text), Ok(value), "{text}");
        }
        for text in
            ["", "-1", "1.5", "1e6", "M", "_1", "5MM", "NaN", "inf", "1.2345K", "2000T", "9999999999999999999999", "５"]
        {
            assert!(whole(text).is_err(), "{text}");
        }
    }
}
