//! Requests at the times of a cron schedule.

use crate::model::Spike;
use crate::model::arrivals::CronSchedule;
use crate::model::scenario::Start;
use crate::units::{SimSpan, SimTime};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const MINUTES_PER_DAY: i64 = 1_440;

/// `count` requests for each firing, request `j` at `firing + ⌊j·over/count⌋`.
///
/// Firings before the scenario's start do not happen, nor do the rests of their spreads. Where spreads overlap, their
/// requests are merged in order of time, the earlier firing first.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    schedule: CronSchedule,
    count: u64,
    /// A spike, and the requests of each firing within it.
    surge: Option<(Spike, u64)>,
    over: SimSpan,
    /// The scenario's start in nanoseconds since 1970.
    origin: i128,
    horizon: u64,
    /// The first minute since 1970 not yet examined.
    minute: i64,
    /// The next firing not yet among the open ones.
    coming: Option<u64>,
    /// Of each open firing its next request: time, firing, and place in the spread.
    open: BinaryHeap<Reverse<(u64, u64, u64)>>,
}

impl Cron {
    pub(super) fn new(
        schedule: CronSchedule,
        count: u64,
        over: SimSpan,
        start: Start,
        horizon: SimTime,
        surge: Option<(Spike, u64)>,
    ) -> Cron {
        let origin = i128::from(start.day) * i128::from(SimSpan::DAY.0) + i128::from(start.time_of_day.0);
        // The first full minute at the start or after it.
        let minute = -(-origin).div_euclid(i128::from(SimSpan::MINUTE.0)) as i64;
        let horizon = horizon.0;
        let open = BinaryHeap::new();
        let mut cron = Cron { schedule, count, surge, over, origin, horizon, minute, coming: None, open };
        if count > 0 {
            cron.coming = cron.next_firing();
        }
        cron
    }

    pub(super) fn next(&mut self) -> Option<u64> {
        while let Some(firing) = self.coming
            && self.open.peek().is_none_or(|Reverse((time, _, _))| firing <= *time)
        {
            self.open.push(Reverse((firing, firing, 0)));
            self.coming = self.next_firing();
        }
        let Reverse((time, firing, place)) = self.open.pop()?;
        let (next, count) = (place + 1, self.count_of(firing));
        if next < count {
            let offset = u128::from(next) * u128::from(self.over.0) / u128::from(count);
            self.open.push(Reverse((firing.saturating_add(offset as u64), firing, next)));
        }
        Some(time)
    }

    /// The requests of a firing.
    fn count_of(&self, firing: u64) -> u64 {
        match &self.surge {
            Some((spike, count)) if spike.covers(SimTime(firing)) => *count,
            _ => self.count,
        }
    }

    /// The next firing before the horizon, in nanoseconds since the scenario's start.
    fn next_firing(&mut self) -> Option<u64> {
        loop {
            let since_start = i128::from(self.minute) * i128::from(SimSpan::MINUTE.0) - self.origin;
            let time = u64::try_from(since_start).ok().filter(|&time| time < self.horizon)?;
            let day = self.minute.div_euclid(MINUTES_PER_DAY);
            let of_day = self.minute.rem_euclid(MINUTES_PER_DAY);
            let (hour, minute) = (of_day / 60, of_day % 60);
            if !matches_day(&self.schedule, day) {
                self.minute = (day + 1) * MINUTES_PER_DAY;
            } else if self.schedule.hours >> hour & 1 == 0 {
                self.minute += 60 - minute;
            } else {
                self.minute += 1;
                if self.schedule.minutes >> minute & 1 == 1 {
                    return Some(time);
                }
            }
        }
    }
}

/// Whether a day, counted from 1970-01-01, matches the month and both day fields.
fn matches_day(schedule: &CronSchedule, day: i64) -> bool {
    let (month, day_of_month) = month_and_day(day);
    // 1970-01-01 was a Thursday.
    let weekday = (day + 4).rem_euclid(7);
    let by_date = schedule.days >> day_of_month & 1 == 1;
    let by_weekday = schedule.weekdays >> weekday & 1 == 1;
    let by_day = if schedule.either_day { by_date || by_weekday } else { by_date && by_weekday };
    schedule.months >> month & 1 == 1 && by_day
}

/// The month and the day of the month of a day counted from 1970-01-01, in the Gregorian calendar.
///
/// # Source
///
/// Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`: years begin in March, eras of 400 years.
fn month_and_day(day: i64) -> (i64, i64) {
    let day_of_era = (day + 719_468).rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    ((month_from_march + 2) % 12 + 1, day_of_month)
}
