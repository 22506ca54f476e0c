//! How the rate changes over the day and the week.

use super::rate;
use crate::calibrate::sketch::Minute;
use crate::model::Arrivals;
use crate::model::arrivals::Interpolation;
use crate::units::{SimSpan, SimTime};
use serde::Serialize;
use std::collections::BTreeMap;

/// Minutes of an hour and of a day.
const HOUR: i64 = 60;
const DAY: i64 = 24 * HOUR;

/// The mean rate of each hour.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Profile {
    /// By hour of the day, UTC: requests per minute; `None` for hours that were never watched.
    pub by_hour: Vec<Option<f64>>,
    /// By day of the week, Monday first: requests per minute.
    pub by_weekday: Vec<Option<f64>>,
    /// By hour of the week, Monday 00:00 UTC first.
    pub by_hour_of_week: Vec<Option<f64>>,
    /// The busiest clock hour.
    pub busiest_hour: BusiestHour,
    /// Requests per minute over all that was watched.
    pub mean: f64,
    /// The index of dispersion of counts by minute within clock hours: 1 where arrivals are independent.
    pub minute_dispersion: Option<f64>,
    /// Minutes watched of each hour of the day and of the week.
    #[serde(skip)]
    watched: [Vec<f64>; 2],
}

/// The clock hour with the most requests.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BusiestHour {
    /// Its first minute, counted from 1970.
    #[serde(skip)]
    pub first_minute: i64,
    /// Requests per minute in it.
    pub requests_per_minute: f64,
}

/// Sums over slots of the week: requests and minutes watched.
#[derive(Debug, Clone)]
struct Slots(Vec<(f64, f64)>);

impl Slots {
    fn new(count: usize) -> Slots {
        Slots(vec![(0.0, 0.0); count])
    }

    fn add(&mut self, slot: i64, (requests, minutes): (f64, f64)) {
        let sum = &mut self.0[slot as usize];
        sum.0 += requests;
        sum.1 += minutes;
    }

    fn watched(&self) -> Vec<f64> {
        self.0.iter().map(|slot| slot.1).collect()
    }

    fn rates(&self) -> Vec<Option<f64>> {
        self.0.iter().map(|&(requests, minutes)| (minutes > 0.0).then(|| requests / minutes)).collect()
    }
}

impl Profile {
    /// The profile of counts by minute; minutes of the span without an entry had no request. `None` without any.
    pub fn new(minutes: &BTreeMap<i64, Minute>) -> Option<Profile> {
        let (&first, _) = minutes.first_key_value()?;
        let (&last, _) = minutes.last_key_value()?;
        let (mut hours, mut weekdays, mut week) = (Slots::new(24), Slots::new(7), Slots::new(168));
        let mut busiest = BusiestHour { first_minute: first, requests_per_minute: 0.0 };
        let (mut total, mut squares, mut expected) = (0.0, 0.0, 0.0);
        let mut at = first;
        while at <= last {
            let end = ((at.div_euclid(HOUR) + 1) * HOUR).min(last + 1);
            let busy: Vec<f64> = minutes.range(at..end).map(|(_, count)| f64::from(count.requests)).collect();
            let watched = (end - at) as f64;
            let sum: f64 = busy.iter().sum();
            let mean = sum / watched;
            squares += busy.iter().map(|requests| (requests - mean) * (requests - mean)).sum::<f64>();
            squares += (watched - busy.len() as f64) * mean * mean;
            expected += (watched - 1.0) * mean;
            let (hour, weekday) = (at.div_euclid(HOUR).rem_euclid(24), weekday(at));
            hours.add(hour, (sum, watched));
            weekdays.add(weekday, (sum, watched));
            week.add(weekday * 24 + hour, (sum, watched));
            // A sliver of an hour at either end says nothing about an hour.
            if mean > busiest.requests_per_minute && (watched >= 30.0 || last - first < HOUR) {
                busiest = BusiestHour { first_minute: at, requests_per_minute: mean };
            }
            total += sum;
            at = end;
        }
        Some(Profile {
            watched: [hours.watched(), week.watched()],
            by_hour: hours.rates(),
            by_weekday: weekdays.rates(),
            by_hour_of_week: week.rates(),
            busiest_hour: busiest,
            mean: total / (last - first + 1) as f64,
            minute_dispersion: (expected > 0.0 && last - first >= 10).then(|| squares / expected),
        })
    }

    /// A day of this profile as a Poisson process whose rate steps by the hour.
    pub fn day(&self) -> Option<Arrivals> {
        steps(&self.by_hour, &self.watched[0])
    }

    /// A week of this profile, Monday first.
    pub fn week(&self) -> Option<Arrivals> {
        steps(&self.by_hour_of_week, &self.watched[1])
    }

    /// Requests per minute at a minute since 1970, as a day of this profile has them.
    pub fn of_day(&self, minute: i64) -> f64 {
        self.by_hour[minute.div_euclid(HOUR).rem_euclid(24) as usize].unwrap_or(0.0)
    }

    /// The same, as a week has them.
    pub fn of_week(&self, minute: i64) -> f64 {
        self.by_hour_of_week[(weekday(minute) * 24 + minute.div_euclid(HOUR).rem_euclid(24)) as usize].unwrap_or(0.0)
    }
}

/// Monday is 0; 1970 began on a Thursday.
fn weekday(minute: i64) -> i64 {
    (minute.div_euclid(DAY) + 3).rem_euclid(7)
}

/// A piecewise process with the rate of each hour; an hour that was never watched has none. Hours in a row whose rates
/// differ by no more than chance share their mean.
fn steps(per_minute: &[Option<f64>], watched: &[f64]) -> Option<Arrivals> {
    /// Standard errors of a difference that may be chance.
    const CHANCE: f64 = 2.0;
    // First hour, requests, minutes.
    let mut runs: Vec<(usize, f64, f64)> = Vec::new();
    for (hour, (&rate, &minutes)) in per_minute.iter().zip(watched).enumerate() {
        let requests = rate.unwrap_or(0.0) * minutes;
        match runs.last_mut() {
            Some((_, sum, length)) if *length > 0.0 && minutes > 0.0 => {
                let (mean, this) = (*sum / *length, requests / minutes);
                let error = libm::sqrt(mean / *length + this / minutes);
                if (mean - this).abs() <= CHANCE * error {
                    (*sum, *length) = (*sum + requests, *length + minutes);
                    continue;
                }
            }
            // Hours that were not watched make one run.
            Some((_, _, length)) if *length == 0.0 && minutes == 0.0 => continue,
            _ => {}
        }
        runs.push((hour, requests, minutes));
    }
    let none = crate::units::Rate { events: 0, per: SimSpan::SECOND };
    let point = |&(hour, requests, minutes): &(usize, f64, f64)| {
        let rate = if requests > 0.0 { rate(requests / minutes / 60.0) } else { none };
        (SimTime(hour as u64 * SimSpan::HOUR.0), rate)
    };
    let points: Vec<(SimTime, crate::units::Rate)> = runs.iter().map(point).collect();
    let busy = points.iter().any(|point| point.1.events > 0);
    busy.then_some(Arrivals::Piecewise { points, interpolation: Interpolation::Step })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(of: impl Fn(i64) -> u32, range: std::ops::Range<i64>) -> BTreeMap<i64, Minute> {
        let row = |minute| (minute, Minute { requests: of(minute), throttled: 0 });
        range.map(row).filter(|row| row.1.requests > 0).collect()
    }

    /// 2026-03-02 00:00 UTC, a Monday, in minutes since 1970.
    const MONDAY: i64 = 20_514 * DAY;

    #[test]
    fn rates_are_those_of_their_hours() {
        // Office hours on weekdays: 120 a minute from 9 to 17, 6 otherwise, none at weekends.
        let rate = |minute: i64| match (weekday(minute), minute.div_euclid(HOUR).rem_euclid(24)) {
            (5 | 6, _) => 0,
            (_, 9..17) => 120,
            _ => 6,
        };
        let profile = Profile::new(&minutes(rate, MONDAY..MONDAY + 14 * DAY)).unwrap();
        assert_eq!(profile.by_hour_of_week[9], Some(120.0));
        assert_eq!(profile.by_hour_of_week[4 * 24 + 16], Some(120.0));
        assert_eq!(profile.by_weekday[0], Some((8.0 * 120.0 + 16.0 * 6.0) / 24.0));
        assert_eq!(profile.by_hour_of_week[5 * 24 + 12], Some(0.0));
        assert_eq!(profile.busiest_hour.requests_per_minute, 120.0);
        assert_eq!((profile.busiest_hour.first_minute - MONDAY) / HOUR, 9);
        // Nothing varies within an hour.
        assert_eq!(profile.minute_dispersion, Some(0.0));
        let Some(Arrivals::Piecewise { points, .. }) = profile.week() else { panic!("{profile:?}") };
        // Monday begins quiet, each of five days goes up and down, Saturday begins with nothing.
        assert_eq!(points.len(), 1 + 2 * 5 + 1);
        assert_eq!(points[1], (SimTime(9 * SimSpan::HOUR.0), rate_of("2/s")));
    }

    fn rate_of(text: &str) -> crate::units::Rate {
        crate::units::parse::rate(text).unwrap()
    }

    #[test]
    fn bursts_within_the_hour_show() {
        let every_tenth = |minute: i64| if minute % 10 == 0 { 100 } else { 0 };
        let profile = Profile::new(&minutes(every_tenth, MONDAY..MONDAY + 300)).unwrap();
        assert!(profile.minute_dispersion.unwrap() > 80.0, "{profile:?}");
        assert!((profile.mean - 10.0).abs() < 0.4);
    }

    #[test]
    fn nothing_has_no_profile() {
        assert!(Profile::new(&BTreeMap::new()).is_none());
    }

    #[test]
    fn days_of_the_week_are_right() {
        // 2026-01-05, a Monday, is day 20,458.
        assert_eq!(weekday(20_458 * DAY), 0);
        assert_eq!(weekday(20_463 * DAY + 5), 5);
    }
}
