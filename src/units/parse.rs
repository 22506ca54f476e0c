//! Reads quantities as people write them.
//!
//! Numbers are read digit by digit into an exact decimal, so `0.1s` is 100,000,000 ns and `0.4/s` is 4 in 10 s without
//! a detour over binary fractions. Underscores and well-placed commas may group digits. A refusal says what is wrong
//! with the text and, where it can, how to write what was meant.

use crate::units::{Probability, Rate, SimSpan, SimTime};

/// Why a text is not the quantity it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong, as a fragment that can follow "`x` is `text`:".
    pub reason: String,
    /// How to write it instead.
    pub hint: Option<String>,
}

impl Refusal {
    fn new(reason: impl Into<String>) -> Refusal {
        Refusal { reason: reason.into(), hint: None }
    }

    fn hint(mut self, hint: impl Into<String>) -> Refusal {
        self.hint = Some(hint.into());
        self
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Refusal {}

/// A whole number, with the suffixes k, M, G: `200_000`, `5M`, `1.5k`.
///
/// ```
/// use quotasim::units::parse::quantity;
/// assert_eq!(quantity("1.28M").unwrap(), 1_280_000);
/// assert!(quantity("1.5").is_err());
/// ```
pub fn quantity(text: &str) -> Result<u64, Refusal> {
    let (number, rest) = Decimal::read(text, "a count")?;
    let scale = suffix(rest, text)?;
    number.times_ten_to(scale).whole("a count")
}

/// A finite number that is not negative, with the same suffixes: `1.5`, `0.05`, `2k`.
pub fn number(text: &str) -> Result<f64, Refusal> {
    let (number, rest) = Decimal::read(text, "a number")?;
    let scale = suffix(rest, text)?;
    number.times_ten_to(scale).real("a number")
}

/// A finite number of either sign: the mean of a logarithm, a correlation.
pub fn signed_number(text: &str) -> Result<f64, Refusal> {
    match text.trim().strip_prefix('-') {
        Some(rest) if !rest.trim_start().starts_with(['-', '+']) => number(rest).map(|x| -x),
        _ => number(text),
    }
}

/// A length of time: `250ms`, `1.5 s`, `1h30m`. A number needs its unit; only `0` goes without.
///
/// ```
/// use quotasim::units::{SimSpan, parse::duration};
/// assert_eq!(duration("1h30m").unwrap(), SimSpan(5_400_000_000_000));
/// assert!(duration("30").is_err());
/// ```
pub fn duration(text: &str) -> Result<SimSpan, Refusal> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    let mut finest: Option<u64> = None;
    loop {
        let (number, after) = Decimal::read(rest, "a duration")?;
        let letters = after.find(|c: char| !c.is_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(letters);
        if unit.is_empty() {
            if number.is_zero() && after.is_empty() && finest.is_none() {
                return Ok(SimSpan::ZERO);
            }
            if after.is_empty() {
                let bare = text.trim();
                return Err(Refusal::new("a duration needs a unit")
                    .hint(format!("write `{bare}s`, `{bare}ms` or `{bare}m`: units are ns us ms s m h d")));
            }
            return Err(unexpected(after));
        }
        let nanoseconds = time_unit(unit).ok_or_else(|| {
            Refusal::new(format!("`{unit}` is not a unit of time")).hint("units are ns us ms s m h d")
        })?;
        if finest.is_some_and(|previous| nanoseconds >= previous) {
            return Err(Refusal::new(format!("`{unit}` must stand before smaller units"))
                .hint("write the larger unit first, each once: `1h30m`"));
        }
        finest = Some(nanoseconds);
        let part = number.times(nanoseconds).whole("a duration in nanoseconds")?;
        total = total.checked_add(part).filter(|&sum| sum <= SimTime::MAX.0).ok_or_else(too_long)?;
        rest = after.trim_start();
        if rest.is_empty() {
            return Ok(SimSpan(total));
        }
        if !rest.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(unexpected(rest));
        }
    }
}

/// Events per time: `5/s`, `0.4/s`, `90/min`, `1.5k/h`, `3/10s`; the result is the exact fraction.
///
/// ```
/// use quotasim::units::{Rate, SimSpan, parse::rate};
/// assert_eq!(rate("0.4/s").unwrap(), Rate { events: 4, per: SimSpan(10_000_000_000) });
/// ```
pub fn rate(text: &str) -> Result<Rate, Refusal> {
    let Some((count, per)) = text.split_once('/') else {
        let refusal = Decimal::read(text, "a rate").err();
        let bare = text.trim();
        return Err(refusal.unwrap_or_else(|| {
            Refusal::new("a rate needs a unit of time").hint(format!("write `{bare}/s`, `{bare}/min` or `{bare}/h`"))
        }));
    };
    let (number, rest) = Decimal::read(count, "a rate")?;
    let number = number.times_ten_to(suffix(rest, count)?);
    let per = match per.trim() {
        "s" | "sec" | "second" => SimSpan::SECOND,
        "m" | "min" | "minute" => SimSpan::MINUTE,
        "h" | "hour" => SimSpan::HOUR,
        "d" | "day" => SimSpan::DAY,
        other => duration(other).ok().filter(|&per| per > SimSpan::ZERO).ok_or_else(|| {
            Refusal::new(format!("`/{other}` is not a unit of rates"))
                .hint("rates are written `5/s`, `300/min` or `2/h`")
        })?,
    };
    let number = number.trimmed();
    let (events, decimals) = if number.exponent >= 0 {
        (number.whole("a rate")?, 0)
    } else {
        (u64::try_from(number.digits).map_err(|_| too_precise())?, number.exponent.unsigned_abs())
    };
    let per = 10u64
        .checked_pow(decimals)
        .and_then(|scale| per.0.checked_mul(scale))
        .filter(|&per| per <= SimTime::MAX.0)
        .ok_or_else(too_precise)?;
    Ok(Rate { events, per: SimSpan(per) })
}

/// A share between 0 and 1, as a percentage or a fraction: `99.9%`, `0.05`.
///
/// ```
/// use quotasim::units::parse::share;
/// assert_eq!(share("99.9%").unwrap().0, 0.999);
/// assert!(share("101%").is_err());
/// ```
pub fn share(text: &str) -> Result<Probability, Refusal> {
    let value = ratio(text)?;
    if value > 1.0 {
        let refusal = Refusal::new("a share is at most 1 (100%)");
        let bare = text.trim();
        return Err(if bare.ends_with('%') || value > 100.0 {
            refusal
        } else {
            refusal.hint(format!("write `{bare}%`"))
        });
    }
    Ok(Probability(value))
}

/// A ratio, as a percentage or a fraction, that may exceed 1: `150%`, `1.2`.
pub fn ratio(text: &str) -> Result<f64, Refusal> {
    let (number, rest) = Decimal::read(text, "a share")?;
    match rest {
        "" => number.real("a share"),
        "%" => number.times_ten_to(-2).real("a share"),
        other => Err(unexpected(other)),
    }
}

/// A fraction as numerator and denominator, exactly: `1.5` is 15/10, reduced to 3/2. A percentage will do.
pub fn fraction(text: &str) -> Result<(u64, u64), Refusal> {
    let (number, rest) = Decimal::read(text, "a factor")?;
    let number = match rest {
        "" => number,
        "%" => number.times_ten_to(-2),
        other => return Err(unexpected(other)),
    }
    .trimmed();
    if number.exponent >= 0 {
        return Ok((number.whole("a factor")?, 1));
    }
    let numerator = u64::try_from(number.digits).map_err(|_| too_precise())?;
    let denominator = 10u64.checked_pow(number.exponent.unsigned_abs()).ok_or_else(too_precise)?;
    let divisor = gcd(numerator, denominator);
    Ok((numerator / divisor, denominator / divisor))
}

/// A plain number of time units to the nearest nanosecond, of either sign: an instant of a recorded file.
pub fn nanoseconds(text: &str, unit: SimSpan) -> Result<i128, Refusal> {
    let (sign, unsigned) = match text.trim().strip_prefix('-') {
        Some(rest) if !rest.starts_with(['-', '+']) => (-1, rest),
        _ => (1, text),
    };
    let (number, rest) = Decimal::read(unsigned, "a time")?;
    if !rest.is_empty() {
        return Err(unexpected(rest));
    }
    let number = number.times(unit.0).trimmed();
    let out_of_range = || Refusal::new("a time must lie within some thousand years");
    let scale = |exponent: u32| 10u128.checked_pow(exponent);
    let magnitude = if number.exponent >= 0 {
        scale(number.exponent.unsigned_abs()).and_then(|scale| number.digits.checked_mul(scale))
    } else {
        // What is too small a part for 128 bits is no nanosecond.
        Some(
            scale(number.exponent.unsigned_abs())
                .map_or(0, |scale| number.digits / scale + u128::from(number.digits % scale >= scale / 2)),
        )
    };
    let magnitude = magnitude.filter(|&ns| ns < 1 << 100).ok_or_else(out_of_range)?;
    Ok(sign * magnitude as i128)
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { gcd(b, a % b) }
}

/// `digits × 10^exponent`, exactly.
#[derive(Debug, Clone, Copy)]
struct Decimal {
    digits: u128,
    exponent: i32,
}

impl Decimal {
    /// Reads a number off the front of `text` and returns what follows it, without the space between.
    fn read<'a>(text: &'a str, what: &str) -> Result<(Decimal, &'a str), Refusal> {
        let text = text.trim();
        if text.starts_with(['-', '−']) {
            return Err(Refusal::new(format!("{what} cannot be negative")));
        }
        let unsigned = text.strip_prefix('+').unwrap_or(text);
        let named = unsigned.trim_start_matches('.').to_ascii_lowercase();
        if ["nan", "inf", "infinity"].contains(&named.as_str()) {
            return Err(Refusal::new(format!("{what} must be finite")));
        }
        let end = unsigned.find(|c: char| !matches!(c, '0'..='9' | '.' | '_' | ',')).unwrap_or(unsigned.len());
        let (literal, rest) = unsigned.split_at(end);
        let number = Decimal::of_literal(literal).ok_or_else(|| {
            Refusal::new(if text.is_empty() { "there is no value".to_owned() } else { format!("that is not {what}") })
        })??;
        let (exponent, rest) = scientific(rest)?;
        Ok((number.times_ten_to(exponent), rest.trim_start()))
    }

    /// The literal's value; `None` where it is not a number, a refusal where it has more digits than can be kept.
    fn of_literal(literal: &str) -> Option<Result<Decimal, Refusal>> {
        let (whole, decimals) = literal.split_once('.').unwrap_or((literal, ""));
        if !well_grouped(whole) || decimals.contains([',', '.']) || decimals.starts_with('_') || decimals.ends_with('_')
        {
            return None;
        }
        let mut number = Decimal { digits: 0, exponent: 0 };
        let mut any = false;
        for (digit, scale) in digits(whole).map(|d| (d, 0)).chain(digits(decimals).map(|d| (d, -1))) {
            any = true;
            number.exponent += scale;
            match number.digits.checked_mul(10).and_then(|n| n.checked_add(digit)) {
                Some(next) => number.digits = next,
                None => return Some(Err(Refusal::new("more digits than can be kept"))),
            }
        }
        any.then_some(Ok(number))
    }

    fn is_zero(self) -> bool {
        self.digits == 0
    }

    fn times_ten_to(self, exponent: i32) -> Decimal {
        Decimal { exponent: self.exponent.saturating_add(exponent), ..self }
    }

    fn times(self, factor: u64) -> Decimal {
        // A factor of time units is a round number: moving its zeros to the exponent leaves room for the digits.
        let trimmed = Decimal { digits: u128::from(factor), exponent: 0 }.trimmed();
        let digits = self.digits.saturating_mul(trimmed.digits);
        Decimal { digits, exponent: self.exponent.saturating_add(trimmed.exponent) }
    }

    /// The same value without trailing zeros in the digits.
    fn trimmed(mut self) -> Decimal {
        if self.digits == 0 {
            return Decimal { digits: 0, exponent: 0 };
        }
        while self.digits.is_multiple_of(10) {
            self.digits /= 10;
            self.exponent = self.exponent.saturating_add(1);
        }
        self
    }

    fn whole(self, what: &str) -> Result<u64, Refusal> {
        let number = self.trimmed();
        if number.exponent < 0 {
            return Err(Refusal::new(format!("{what} is a whole number")));
        }
        10u128
            .checked_pow(number.exponent.unsigned_abs())
            .and_then(|scale| number.digits.checked_mul(scale))
            .and_then(|value| u64::try_from(value).ok())
            .ok_or_else(|| Refusal::new(format!("{what} is at most {}", super::format::count(u64::MAX))))
    }

    fn real(self, what: &str) -> Result<f64, Refusal> {
        // The standard library rounds a decimal literal correctly, which no sequence of multiplications would.
        let value: f64 = format!("{}e{}", self.digits, self.exponent).parse().unwrap_or(f64::INFINITY);
        if value.is_finite() { Ok(value) } else { Err(Refusal::new(format!("{what} must be finite"))) }
    }
}

fn digits(text: &str) -> impl Iterator<Item = u128> {
    text.bytes().filter(u8::is_ascii_digit).map(|digit| u128::from(digit - b'0'))
}

/// Underscores anywhere between digits; commas only as separators of thousands.
fn well_grouped(whole: &str) -> bool {
    let commas = whole.contains(',');
    let thousands = || {
        let mut groups = whole.split(',');
        let first = groups.next().unwrap_or_default();
        (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3)
    };
    !whole.starts_with('_') && !whole.ends_with('_') && (!commas || !whole.contains('_') && thousands())
}

/// `e6` after a number; anything else is left to the caller.
fn scientific(rest: &str) -> Result<(i32, &str), Refusal> {
    let Some(after) = rest.strip_prefix(['e', 'E']) else { return Ok((0, rest)) };
    let (negative, after) = match after.strip_prefix('-') {
        Some(after) => (true, after),
        None => (false, after.strip_prefix('+').unwrap_or(after)),
    };
    let end = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
    if end == 0 {
        return Ok((0, rest));
    }
    let exponent: i32 = after[..end].parse().map_err(|_| Refusal::new("the exponent is out of range"))?;
    Ok((if negative { -exponent } else { exponent }, &after[end..]))
}

fn suffix(rest: &str, text: &str) -> Result<i32, Refusal> {
    match rest {
        "" => Ok(0),
        "k" | "K" => Ok(3),
        "M" => Ok(6),
        "G" | "B" => Ok(9),
        "m" => {
            let number = text.trim().trim_end_matches('m').trim_end();
            Err(Refusal::new("`m` is a unit of time, not of counts").hint(format!("write `{number}M` for millions")))
        }
        other => Err(unexpected(other)),
    }
}

fn unexpected(rest: &str) -> Refusal {
    let shown: String = rest.chars().take(20).collect();
    Refusal::new(format!("`{shown}` is not expected here"))
}

fn too_precise() -> Refusal {
    Refusal::new("more digits than can be kept exactly").hint("round it, or choose a unit in which it has fewer digits")
}

fn too_long() -> Refusal {
    Refusal::new(format!("a duration is at most {} days", SimTime::MAX.0 / SimSpan::DAY.0))
}

fn time_unit(unit: &str) -> Option<u64> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => SimSpan::MILLISECOND.0,
        "s" | "sec" => SimSpan::SECOND.0,
        "m" | "min" => SimSpan::MINUTE.0,
        "h" => SimSpan::HOUR.0,
        "d" => SimSpan::DAY.0,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::format;
    use proptest::prelude::*;

    fn reason<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
        result.expect_err("a refusal").reason
    }

    #[test]
    fn counts() {
        for (text, value) in [
            ("0", 0),
            ("5M", 5_000_000),
            ("200_000", 200_000),
            ("8,192", 8_192),
            ("1.5k", 1_500),
            ("1.28 M", 1_280_000),
            ("2e3", 2_000),
            ("1.5e3", 1_500),
            ("18446744073709551615", u64::MAX),
            ("+7", 7),
        ] {
            assert_eq!(quantity(text), Ok(value), "{text}");
        }
    }

    #[test]
    fn counts_that_are_none() {
        for (text, expected) in [
            ("", "there is no value"),
            ("-3", "a count cannot be negative"),
            ("1.5", "a count is a whole number"),
            (".nan", "a count must be finite"),
            ("-.inf", "a count cannot be negative"),
            ("abc", "that is not a count"),
            ("1__", "that is not a count"),
            ("1,23", "that is not a count"),
            ("5m", "`m` is a unit of time, not of counts"),
            ("5 apples", "`apples` is not expected here"),
            ("18446744073709551616", "a count is at most 18,446,744,073,709,551,615"),
            ("1e99999999999", "the exponent is out of range"),
            ("1e999999999", "a count is at most 18,446,744,073,709,551,615"),
            ("9999999999999999999999999999999999999999999", "more digits than can be kept"),
        ] {
            assert_eq!(reason(quantity(text)), expected, "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, nanoseconds) in [
            ("0", 0),
            ("1ns", 1),
            ("2us", 2_000),
            ("250 ms", 250_000_000),
            ("1.5s", 1_500_000_000),
            ("0.1s", 100_000_000),
            ("30m", 1_800_000_000_000),
            ("1h30m", 5_400_000_000_000),
            ("1d", 86_400_000_000_000),
            ("1 h 30 m 5 s", 5_405_000_000_000),
        ] {
            assert_eq!(duration(text), Ok(SimSpan(nanoseconds)), "{text}");
        }
        for (text, expected) in [
            ("30", "a duration needs a unit"),
            ("0.5ns", "a duration in nanoseconds is a whole number"),
            ("5 parsecs", "`parsecs` is not a unit of time"),
            ("30m1h", "`h` must stand before smaller units"),
            ("1s!", "`!` is not expected here"),
            ("-1s", "a duration cannot be negative"),
            ("40000d", "a duration is at most 13343 days"),
        ] {
            assert_eq!(reason(duration(text)), expected, "{text}");
        }
    }

    #[test]
    fn rates_are_exact_fractions() {
        let of = |events, seconds| Ok(Rate { events, per: SimSpan(seconds * SimSpan::SECOND.0) });
        assert_eq!(rate("40/s"), of(40, 1));
        assert_eq!(rate("0.4/s"), of(4, 10));
        assert_eq!(rate("0.05/s"), of(5, 100));
        assert_eq!(rate("90/min"), of(90, 60));
        assert_eq!(rate("1.5k/h"), of(1500, 3600));
        assert_eq!(rate("3/10s"), of(3, 10));
        assert_eq!(rate("0/s"), of(0, 1));
        for (text, expected) in [
            ("5", "a rate needs a unit of time"),
            ("-5/s", "a rate cannot be negative"),
            (".nan", "a rate must be finite"),
            ("nan/s", "a rate must be finite"),
            ("5/fortnight", "`/fortnight` is not a unit of rates"),
            ("0.0000000000000000001/s", "more digits than can be kept exactly"),
            ("99999999999999999999/s", "a rate is at most 18,446,744,073,709,551,615"),
        ] {
            assert_eq!(reason(rate(text)), expected, "{text}");
        }
    }

    #[test]
    fn shares_and_fractions() {
        assert_eq!(share("99.9%"), Ok(Probability(0.999)));
        assert_eq!(share("0.5%"), Ok(Probability(0.005)));
        assert_eq!(share("1"), Ok(Probability(1.0)));
        assert_eq!(share("92").unwrap_err().hint.as_deref(), Some("write `92%`"));
        assert_eq!(reason(share("101%")), "a share is at most 1 (100%)");
        assert_eq!(ratio("150%"), Ok(1.5));
        assert_eq!(fraction("1.5"), Ok((3, 2)));
        assert_eq!(fraction("150%"), Ok((3, 2)));
        assert_eq!(fraction("2"), Ok((2, 1)));
        assert_eq!(fraction("0"), Ok((0, 1)));
        assert_eq!(signed_number("-0.3"), Ok(-0.3));
        assert_eq!(reason(signed_number("--3")), "a number cannot be negative");
    }

    proptest! {
        #[test]
        fn counts_come_back(value: u64) {
            prop_assert_eq!(quantity(&format::count(value)), Ok(value));
            prop_assert_eq!(quantity(&format::quantity(value)), Ok(value));
        }

        #[test]
        fn round_counts_come_back(value in 0u64..10_000, scale in 0u32..12) {
            let value = value * 10u64.pow(scale);
            prop_assert_eq!(quantity(&format::quantity(value)), Ok(value));
        }

        #[test]
        fn durations_come_back(value in 0..=SimTime::MAX.0) {
            prop_assert_eq!(duration(&format::duration(SimSpan(value))), Ok(SimSpan(value)));
        }

        #[test]
        fn round_durations_come_back(value in 0u64..10_000, scale in 0u32..14) {
            let span = SimSpan(value * 10u64.pow(scale));
            prop_assert_eq!(duration(&format::duration(span)), Ok(span));
        }

        #[test]
        fn rates_come_back(events in 0u64..1_000_000, decimals in 0u32..6, unit in 0usize..3) {
            let unit = [SimSpan::SECOND, SimSpan::MINUTE, SimSpan::HOUR][unit];
            let rate_in = Rate { events, per: SimSpan(unit.0 * 10u64.pow(decimals)) };
            let rate_out = rate(&format::rate(rate_in)).unwrap();
            let cross = |a: Rate, b: Rate| u128::from(a.events) * u128::from(b.per.0);
            prop_assert_eq!(cross(rate_in, rate_out), cross(rate_out, rate_in));
        }

        #[test]
        fn nothing_panics(text: String) {
            let _ = (quantity(&text), number(&text), duration(&text), rate(&text), share(&text), fraction(&text));
        }

        #[test]
        fn nothing_like_a_quantity_panics(text in "[-+0-9._,eE%/a-zµ ]{0,24}") {
            let _ = (quantity(&text), number(&text), duration(&text), rate(&text), share(&text), fraction(&text));
        }
    }
}
