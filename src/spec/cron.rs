//! Cron schedules: five fields of numbers, ranges, steps and lists.
//!
//! *Source*: POSIX `crontab`; names of months and weekdays, steps (`*/15`) and Sunday as 7 as in Vixie cron. Where
//! both day fields are restricted, either may match.

use crate::model::arrivals::CronSchedule;

const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// One field of a schedule.
struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// Names for the values from `least` on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[] },
    Field { name: "hour", least: 0, most: 23, names: &[] },
    Field { name: "day", least: 1, most: 31, names: &[] },
    Field { name: "month", least: 1, most: 12, names: &MONTHS },
    Field { name: "weekday", least: 0, most: 7, names: &WEEKDAYS },
];

/// Reads a schedule, or says what is wrong with it.
pub(crate) fn parse(text: &str) -> Result<CronSchedule, String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [minute, hour, day, month, weekday] = words.as_slice() else {
        return Err(format!("it has {} fields, not 5", words.len()));
    };
    let weekdays = FIELDS[4].read(weekday)?;
    let schedule = CronSchedule {
        minutes: FIELDS[0].read(minute)?,
        hours: FIELDS[1].read(hour)? as u32,
        days: FIELDS[2].read(day)? as u32,
        months: FIELDS[3].read(month)? as u16,
        // Sunday is 0 and 7.
        weekdays: ((weekdays | weekdays >> 7) & 0x7f) as u8,
        either_day: !day.starts_with('*') && !weekday.starts_with('*'),
    };
    if !schedule.can_fire() {
        return Err("no such day exists".to_owned());
    }
    Ok(schedule)
}

trait CanFire {
    fn can_fire(&self) -> bool;
}

impl CanFire for CronSchedule {
    /// Whether some month of the schedule has one of its days: `30 2` never comes.
    fn can_fire(&self) -> bool {
        const LENGTHS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let some_day = (1..=12).any(|month: usize| {
            let days = (1u64 << (LENGTHS[month - 1] + 1)) - 1;
            self.months >> month & 1 == 1 && u64::from(self.days) & days != 0
        });
        some_day || self.either_day
    }
}

impl Field {
    /// The set of values, bit i for value i.
    fn read(&self, text: &str) -> Result<u64, String> {
        text.split(',').try_fold(0, |set, part| Ok(set | self.part(part)?))
    }

    fn part(&self, part: &str) -> Result<u64, String> {
        let wrong = || format!("`{}` is no {} between {} and {}", part, self.name, self.least, self.most);
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse().ok().filter(|&step| step > 0).ok_or_else(wrong)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (self.least, self.most),
            Some((from, to)) => (self.value(from).ok_or_else(wrong)?, self.value(to).ok_or_else(wrong)?),
            None => {
                let value = self.value(range).ok_or_else(wrong)?;
                // `5/15` counts from 5 to the end.
                (value, if part.contains('/') { self.most } else { value })
            }
        };
        if from > to {
            return Err(format!("`{part}` runs backwards"));
        }
        Ok((from..=to).step_by(step).fold(0, |set, value| set | 1 << value))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|name| text.eq_ignore_ascii_case(name));
        let value = named.map(|i| i as u32 + self.least).or_else(|| text.parse().ok())?;
        (self.least..=self.most).contains(&value).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits(values: impl IntoIterator<Item = u32>) -> u64 {
        values.into_iter().fold(0, |set, value| set | 1 << value)
    }

    #[test]
    fn fields_are_sets() {
        let office = parse("*/15 9-17 * * mon-fri").unwrap();
        assert_eq!(office.minutes, bits([0, 15, 30, 45]));
        assert_eq!(u64::from(office.hours), bits(9..=17));
        assert_eq!(u64::from(office.days), bits(1..=31));
        assert_eq!(u64::from(office.months), bits(1..=12));
        assert_eq!(u64::from(office.weekdays), bits(1..=5));
        assert!(!office.either_day);
        let odd = parse("5/20 0,12 1 JAN,7 7").unwrap();
        assert_eq!(odd.minutes, bits([5, 25, 45]));
        assert_eq!(u64::from(odd.months), bits([1, 7]));
        assert_eq!(odd.weekdays, 1);
        assert!(odd.either_day);
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, reason) in [
            ("* * * *", "it has 4 fields, not 5"),
            ("60 * * * *", "`60` is no minute between 0 and 59"),
            ("* * 0 * *", "`0` is no day between 1 and 31"),
            ("*/0 * * * *", "`*/0` is no minute between 0 and 59"),
            ("9-5 * * * *", "`9-5` runs backwards"),
            ("0 0 30 2 *", "no such day exists"),
            ("0 0 * foo *", "`foo` is no month between 1 and 12"),
        ] {
            assert_eq!(parse(text), Err(reason.to_owned()), "{text}");
        }
    }
}
