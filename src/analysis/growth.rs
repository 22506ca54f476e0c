//! When a growing traffic outgrows what today's quotas carry.

use jiff::ToSpan as _;
use jiff::civil::Date;

/// When that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgrown {
    /// Before the first day of the table, or on it.
    Already,
    /// On this day.
    On(Date),
    /// After the last day of the table.
    Later,
}

/// The first day on which a traffic that passes through `points` (day, multiple; by day) is more than `carries`.
///
/// *Formula*: between two points the traffic grows by the same factor each day (*assumption*), so with `a` at day 0 and
/// `b` at day n it passes c on day `⌊n · ln(c/a) / ln(b/a)⌋`.
///
/// ```
/// use jiff::civil::date;
/// use quotasim::analysis::growth::{Outgrown, outgrown};
/// let table = [(date(2026, 12, 1), 1.0), (date(2027, 1, 1), 4.0)];
/// // Twice as much is reached half way through the 31 days.
/// assert_eq!(outgrown(&table, 2.0), Outgrown::On(date(2026, 12, 16)));
/// assert_eq!(outgrown(&table, 4.5), Outgrown::Later);
/// assert_eq!(outgrown(&table, 0.9), Outgrown::Already);
/// ```
pub fn outgrown(points: &[(Date, f64)], carries: f64) -> Outgrown {
    if points.first().is_some_and(|&(_, factor)| factor > carries) {
        return Outgrown::Already;
    }
    for pair in points.windows(2) {
        let [(from, a), (to, b)] = [pair[0], pair[1]];
        if b > carries {
            let days = f64::from(from.duration_until(to).as_hours() as i32) / 24.0;
            let passed = libm::floor(days * libm::log(carries / a) / libm::log(b / a));
            return Outgrown::On(from.saturating_add((passed as i64).days()));
        }
    }
    Outgrown::Later
}

/// The first day of a month, `YYYY-MM`.
///
/// ```
/// use quotasim::analysis::growth::month;
/// assert_eq!(month("2027-02").map(|day| day.to_string()).as_deref(), Some("2027-02-01"));
/// assert_eq!(month("2027-13"), None);
/// ```
pub fn month(text: &str) -> Option<Date> {
    let (year, month) = text.split_once('-')?;
    (year.len() == 4 && month.len() == 2).then_some(())?;
    Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()
}
